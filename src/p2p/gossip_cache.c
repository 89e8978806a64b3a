#include "p2p/gossip_cache.h"

#include "crypto/hash.h"

struct gossip_key gossip_key_of(struct span bytes)
{
    struct hash h = hash_blake2b(bytes);
    struct gossip_key key;
    memcpy(key.bytes, h.bytes, sizeof key.bytes);
    return key;
}

struct gossip_key gossip_id_key(const struct gossip_id *id)
{
    return gossip_key_of(span_of(id, sizeof *id));
}

enum err gossip_seen_init(struct gossip_seen *s, struct arena *arena, uint32_t capacity,
                          uint32_t lifetime_ms, struct map_seed secret)
{
    *s = (struct gossip_seen){.capacity = capacity, .lifetime_ms = lifetime_ms};
    s->entries = arena_array(arena, capacity, sizeof *s->entries);
    if (s->entries == NULL)
        return ERR_NO_MEMORY;
    return map_init(&s->index, arena, sizeof(struct gossip_key), capacity, secret);
}

const struct gossip_seen_entry *gossip_seen_find(const struct gossip_seen *s,
                                                 const struct gossip_key *key)
{
    uint32_t at = map_get(&s->index, key);
    return at == MAP_NONE ? NULL : &s->entries[at];
}

static void seen_drop_first(struct gossip_seen *s)
{
    assert(s->count > 0);
    bool was_there = map_remove(&s->index, &s->entries[s->first].key);
    assert(was_there);
    s->first = (s->first + 1) % s->capacity;
    s->count--;
}

void gossip_seen_add(struct gossip_seen *s, const struct gossip_key *key, uint64_t number,
                     uint64_t now_ms)
{
    assert(map_get(&s->index, key) == MAP_NONE);
    if (s->count == s->capacity)
        seen_drop_first(s);
    uint32_t at = (s->first + s->count) % s->capacity;
    enum err e = map_put(&s->index, key, at);
    assert(e == ERR_OK);
    s->entries[at] = (struct gossip_seen_entry){*key, time_add(now_ms, s->lifetime_ms), number};
    s->count++;
}

void gossip_seen_expire(struct gossip_seen *s, uint64_t now_ms)
{
    while (s->count > 0 && s->entries[s->first].until_ms <= now_ms)
        seen_drop_first(s);
}

void gossip_seen_check(const struct gossip_seen *s)
{
    assert(s->count <= s->capacity);
    assert(s->index.count == s->count);
}

enum err gossip_cache_init(struct gossip_cache *c, struct arena *arena, uint32_t capacity,
                           uint32_t bytes, uint32_t peers)
{
    *c = (struct gossip_cache){
        .bytes_size = bytes, .capacity = capacity, .peers = peers, .oldest = 1, .next = 1};
    c->bytes = arena_alloc(arena, bytes);
    c->entries = arena_array(arena, capacity, sizeof *c->entries);
    uint8_t *marks = arena_array(arena, capacity, peers);
    if (c->bytes == NULL || c->entries == NULL || marks == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < capacity; i++)
        c->entries[i].marks = marks + (size_t)i * peers;
    return ERR_OK;
}

struct gossip_entry *gossip_cache_get(const struct gossip_cache *c, uint64_t number)
{
    if (number < c->oldest || number >= c->next)
        return NULL;
    return &c->entries[number % c->capacity];
}

static bool is_empty(const struct gossip_cache *c)
{
    return c->oldest == c->next;
}

static void evict(struct gossip_cache *c, uint64_t *evicted_pending)
{
    struct gossip_entry *e = gossip_cache_get(c, c->oldest);
    assert(e != NULL && e->number == c->oldest);
    *evicted_pending += e->state == GOSSIP_PENDING;
    c->oldest++;
}

/* Entries that lie ahead of the writing place, before `end`, must go. */
static void clear_until(struct gossip_cache *c, uint32_t end, uint64_t *evicted_pending)
{
    while (!is_empty(c)) {
        uint32_t at = gossip_cache_get(c, c->oldest)->offset;
        if (at < c->write || at >= end)
            return;
        evict(c, evicted_pending);
    }
}

struct gossip_entry *gossip_cache_add(struct gossip_cache *c, uint32_t size,
                                      uint64_t *evicted_pending)
{
    assert(size > 0 && size <= c->bytes_size / 2);
    if (c->next - c->oldest == c->capacity)
        evict(c, evicted_pending);
    if (size > c->bytes_size - c->write) {
        clear_until(c, c->bytes_size, evicted_pending);
        c->write = 0;
    }
    clear_until(c, c->write + size, evicted_pending);

    struct gossip_entry *e = &c->entries[c->next % c->capacity];
    uint8_t *marks = e->marks;
    memset(marks, 0, c->peers);
    *e = (struct gossip_entry){
        .number = c->next, .offset = c->write, .size = size, .relay = MAP_NONE, .marks = marks};
    c->next++;
    c->write += size;
    return e;
}

struct span gossip_cache_message(const struct gossip_cache *c, const struct gossip_entry *e)
{
    assert(e->size > GOSSIP_SIGN_PREFIX_SIZE);
    return span_of(c->bytes + e->offset + GOSSIP_SIGN_PREFIX_SIZE,
                   e->size - GOSSIP_SIGN_PREFIX_SIZE);
}

struct span gossip_cache_data(const struct gossip_cache *c, const struct gossip_entry *e)
{
    assert(e->data_offset <= e->size && e->data_size <= e->size - e->data_offset);
    return span_of(c->bytes + e->offset + e->data_offset, e->data_size);
}

void gossip_cache_forget_peer(struct gossip_cache *c, uint32_t peer)
{
    assert(peer < c->peers);
    for (uint64_t n = c->oldest; n < c->next; n++) {
        struct gossip_entry *e = gossip_cache_get(c, n);
        e->marks[peer] = 0;
        if (e->relay == peer)
            e->relay = MAP_NONE;
    }
}

void gossip_cache_check(const struct gossip_cache *c)
{
    assert(c->next - c->oldest <= c->capacity);
    assert(c->write <= c->bytes_size);
    const struct gossip_entry *before = NULL;
    for (uint64_t n = c->oldest; n < c->next; n++) {
        const struct gossip_entry *e = gossip_cache_get(c, n);
        assert(e->number == n);
        assert(e->offset <= c->bytes_size && e->size <= c->bytes_size - e->offset);
        assert(before == NULL || e->offset == before->offset + before->size || e->offset == 0);
        before = e;
    }
}
