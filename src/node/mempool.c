#include "node/mempool.h"

#include <stdlib.h>

enum err mempool_init(struct mempool *m, struct arena *arena, uint32_t capacity, uint64_t bytes_max,
                      struct map_seed seed)
{
    *m = (struct mempool){.capacity = capacity,
                          .bytes_max = bytes_max,
                          .order = {MAP_NONE, MAP_NONE, 0},
                          .parked = {MAP_NONE, MAP_NONE, 0}};
    m->entries = arena_array(arena, capacity, sizeof *m->entries);
    if (m->entries == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < capacity; i++)
        m->entries[i].next = i + 1 < capacity ? i + 1 : MAP_NONE;
    enum err e = map_init(&m->index, arena, HASH_SIZE, capacity, seed);
    if (e == ERR_OK)
        e = map_init(&m->signers, arena, HOTKEY_SIZE, capacity, seed);
    return e;
}

void mempool_close(struct mempool *m)
{
    for (uint32_t i = 0; m->entries != NULL && i < m->capacity; i++)
        free((void *)(uintptr_t)m->entries[i].bytes.ptr);
    *m = (struct mempool){0};
}

bool mempool_has(const struct mempool *m, const struct hash *id)
{
    return map_get(&m->index, id->bytes) != MAP_NONE;
}

struct span mempool_get(const struct mempool *m, const struct hash *id)
{
    uint32_t at = map_get(&m->index, id->bytes);
    return at == MAP_NONE ? (struct span){0} : m->entries[at].bytes;
}

static uint32_t signer_count(const struct mempool *m, const struct hotkey *signer)
{
    uint32_t count = map_get(&m->signers, signer->bytes);
    return count == MAP_NONE ? 0 : count;
}

static void append(struct mempool *m, struct mempool_list *l, uint32_t at)
{
    struct mempool_entry *e = &m->entries[at];
    e->next = MAP_NONE;
    e->prev = l->tail;
    *(l->tail != MAP_NONE ? &m->entries[l->tail].next : &l->head) = at;
    l->tail = at;
    l->count++;
}

static void take_out(struct mempool *m, struct mempool_list *l, uint32_t at)
{
    struct mempool_entry *e = &m->entries[at];
    *(e->prev != MAP_NONE ? &m->entries[e->prev].next : &l->head) = e->next;
    *(e->next != MAP_NONE ? &m->entries[e->next].prev : &l->tail) = e->prev;
    l->count--;
}

enum err mempool_add(struct mempool *m, const struct hash *id, const struct hotkey *signer,
                     struct span bytes, uint64_t now_ms)
{
    if (mempool_has(m, id))
        return ERR_CONFLICT;
    uint32_t mine = signer_count(m, signer);
    if (m->count == m->capacity || bytes.len > m->bytes_max - m->bytes ||
        mine >= MEMPOOL_PER_SIGNER_MAX)
        return ERR_FULL;
    uint8_t *copy = malloc(bytes.len);
    if (copy == NULL)
        return ERR_FULL;
    memcpy(copy, bytes.ptr, bytes.len);
    uint32_t at = m->free;
    m->free = m->entries[at].next;
    m->entries[at] = (struct mempool_entry){.id = *id,
                                            .signer = *signer,
                                            .since_ms = now_ms,
                                            .bytes = span_of(copy, bytes.len),
                                            .used = true};
    append(m, &m->order, at);
    enum err indexed = map_put(&m->index, id->bytes, at);
    enum err counted = map_put(&m->signers, signer->bytes, mine + 1);
    assert(indexed == ERR_OK && counted == ERR_OK); /* Both maps hold capacity entries. */
    m->count++;
    m->bytes += bytes.len;
    return ERR_OK;
}

void mempool_remove(struct mempool *m, const struct hash *id)
{
    uint32_t at = map_get(&m->index, id->bytes);
    if (at == MAP_NONE)
        return;
    struct mempool_entry *e = &m->entries[at];
    assert(e->used);
    map_remove(&m->index, id->bytes);
    uint32_t mine = signer_count(m, &e->signer);
    assert(mine > 0);
    if (mine == 1) {
        map_remove(&m->signers, e->signer.bytes);
    } else {
        enum err counted = map_put(&m->signers, e->signer.bytes, mine - 1);
        assert(counted == ERR_OK);
    }
    if (e->slot != 0)
        m->reserved--;
    take_out(m, e->parked ? &m->parked : &m->order, at);
    m->bytes -= e->bytes.len;
    m->count--;
    free((void *)(uintptr_t)e->bytes.ptr);
    *e = (struct mempool_entry){.next = m->free};
    m->free = at;
}

void mempool_about(struct mempool *m, const struct hash *id, const struct hash *blob)
{
    uint32_t at = map_get(&m->index, id->bytes);
    assert(at != MAP_NONE);
    m->entries[at].blob = *blob;
}

static bool list_names(const struct mempool *m, const struct mempool_list *list,
                       const struct hash *blob)
{
    for (uint32_t at = list->head; at != MAP_NONE; at = m->entries[at].next)
        if (hash_equal(&m->entries[at].blob, blob))
            return true;
    return false;
}

bool mempool_names(const struct mempool *m, const struct hash *blob)
{
    return list_names(m, &m->order, blob) || list_names(m, &m->parked, blob);
}

void mempool_park(struct mempool *m, const struct hash *id, const struct hash *blob, uint32_t size)
{
    uint32_t at = map_get(&m->index, id->bytes);
    assert(at != MAP_NONE);
    struct mempool_entry *e = &m->entries[at];
    assert(!e->parked && e->slot == 0);
    take_out(m, &m->order, at);
    append(m, &m->parked, at);
    e->parked = true;
    e->blob = *blob;
    e->blob_size = size;
}

uint32_t mempool_unpark(struct mempool *m, const struct hash *blob, uint64_t now_ms)
{
    uint32_t count = 0, next;
    for (uint32_t at = m->parked.head; at != MAP_NONE; at = next) {
        struct mempool_entry *e = &m->entries[at];
        next = e->next;
        if (!hash_equal(&e->blob, blob))
            continue;
        take_out(m, &m->parked, at);
        append(m, &m->order, at);
        e->parked = false;
        e->since_ms = now_ms;
        count++;
    }
    return count;
}

uint32_t mempool_first_parked(const struct mempool *m)
{
    return m->parked.head;
}

uint32_t mempool_first(const struct mempool *m)
{
    return m->order.head;
}

uint32_t mempool_waiting(const struct mempool *m)
{
    return m->order.count - m->reserved;
}

uint32_t mempool_next(const struct mempool *m, uint32_t at)
{
    return m->entries[at].next;
}

void mempool_reserve(struct mempool *m, uint32_t at, uint64_t slot)
{
    assert(slot != 0 && m->entries[at].used);
    if (m->entries[at].slot == 0)
        m->reserved++;
    m->entries[at].slot = slot;
}

void mempool_release(struct mempool *m)
{
    for (uint32_t at = m->order.head; at != MAP_NONE; at = m->entries[at].next)
        m->entries[at].slot = 0;
    m->reserved = 0;
}

uint64_t mempool_oldest_ms(const struct mempool *m)
{
    return m->order.head == MAP_NONE ? UINT64_MAX : m->entries[m->order.head].since_ms;
}
