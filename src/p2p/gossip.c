#include "p2p/gossip.h"

#include "p2p/gossip_state.h"

/* arena_array rounds every block up, and a map has at least twice its capacity
 * in slots and at most four times. */
static size_t block(size_t count, size_t size)
{
    return count * size + 2 * ARENA_ALIGN;
}

static size_t map_size(size_t capacity, size_t key_size)
{
    return block(4 * capacity, key_size + sizeof(uint32_t));
}

static size_t backoff_capacity(const struct gossip_config *c)
{
    return (size_t)c->peers * GOSSIP_TOPICS_MAX;
}

size_t gossip_arena_size(const struct gossip_config *c)
{
    size_t member = block(GOSSIP_IWANT_PENDING_MAX, sizeof(struct gossip_id)) +
                    block(GOSSIP_PROMISES_PER_PEER, sizeof(struct gossip_promise)) +
                    block(GOSSIP_TOPICS_PER_PEER, sizeof(struct gossip_key)) +
                    2 * block(GOSSIP_QUEUE_MAX, sizeof(uint64_t)) + sizeof(struct gossip_member) +
                    2 * sizeof(uint32_t);
    size_t backoffs = block(backoff_capacity(c), sizeof(struct gossip_backoff)) +
                      map_size(backoff_capacity(c), 2 * GOSSIP_KEY_SIZE);
    size_t seen =
        block(c->seen, sizeof(struct gossip_seen_entry)) + map_size(c->seen, GOSSIP_KEY_SIZE);
    size_t cache =
        block(c->cache_bytes, 1) + block(c->cache, sizeof(struct gossip_entry) + c->peers);
    return block(1, sizeof(struct gossip)) + block(c->peers, member) + backoffs + seen + cache +
           block(1, GOSSIP_RPC_OUT_MAX + GOSSIP_CREDIT_MAX) + block(1, GOSSIP_CONTROL_OUT_MAX) +
           16 * ARENA_ALIGN;
}

static enum err init_member(struct gossip_member *m, struct arena *arena)
{
    m->wanted = arena_array(arena, GOSSIP_IWANT_PENDING_MAX, sizeof *m->wanted);
    m->promises = arena_array(arena, GOSSIP_PROMISES_PER_PEER, sizeof *m->promises);
    m->topics = arena_array(arena, GOSSIP_TOPICS_PER_PEER, sizeof *m->topics);
    m->own.numbers = arena_array(arena, GOSSIP_QUEUE_MAX, sizeof(uint64_t));
    m->relayed.numbers = arena_array(arena, GOSSIP_QUEUE_MAX, sizeof(uint64_t));
    bool fits = m->wanted != NULL && m->promises != NULL && m->topics != NULL &&
                m->own.numbers != NULL && m->relayed.numbers != NULL;
    return fits ? ERR_OK : ERR_NO_MEMORY;
}

static enum err init_tables(struct gossip *g, struct arena *arena)
{
    const struct gossip_config *c = &g->config;
    g->members = arena_array(arena, c->peers, sizeof *g->members);
    g->up = arena_array(arena, c->peers, sizeof *g->up);
    g->picked = arena_array(arena, c->peers, sizeof *g->picked);
    g->rpc = (struct room){arena_alloc(arena, GOSSIP_RPC_OUT_MAX + GOSSIP_CREDIT_MAX),
                           GOSSIP_RPC_OUT_MAX + GOSSIP_CREDIT_MAX};
    g->control = (struct room){arena_alloc(arena, GOSSIP_CONTROL_OUT_MAX), GOSSIP_CONTROL_OUT_MAX};
    if (g->members == NULL || g->up == NULL || g->picked == NULL || g->rpc.ptr == NULL ||
        g->control.ptr == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->peers; i++) {
        enum err e = init_member(&g->members[i], arena);
        if (e != ERR_OK)
            return e;
    }
    g->backoff_capacity = (uint32_t)backoff_capacity(c);
    g->backoffs = arena_array(arena, g->backoff_capacity, sizeof *g->backoffs);
    if (g->backoffs == NULL)
        return ERR_NO_MEMORY;
    enum err e =
        map_init(&g->backoff_index, arena, 2 * GOSSIP_KEY_SIZE, g->backoff_capacity, c->secret);
    if (e == ERR_OK)
        e = gossip_seen_init(&g->seen, arena, c->seen, c->seen_ms, c->secret);
    if (e == ERR_OK)
        e = gossip_cache_init(&g->cache, arena, c->cache, c->cache_bytes, c->peers);
    return e;
}

enum err gossip_init(struct gossip **out, struct arena *arena, const struct gossip_config *c,
                     uint64_t now_ms)
{
    assert(c->peers >= 1 && c->seen >= 1);
    assert(c->cache >= GOSSIP_RPC_MESSAGES_MAX && c->cache_bytes >= 2 * GOSSIP_RPC_IN_MAX);
    struct gossip *g = arena_alloc(arena, sizeof *g);
    if (g == NULL)
        return ERR_NO_MEMORY;
    g->config = *c;
    enum err e = init_tables(g, arena);
    if (e != ERR_OK)
        return e;
    g->now_ms = now_ms;
    g->heartbeat_at_ms = time_add(now_ms, GOSSIP_HEARTBEAT_FIRST_MS);
    g->seqno = c->seqno_start;
    g->deliver_next = g->cache.next;
    prng_init(&g->prng, c->seed);
    *out = g;
    return ERR_OK;
}

uint16_t gossip_bit(uint32_t topic)
{
    assert(topic < GOSSIP_TOPICS_MAX);
    return (uint16_t)(1u << topic);
}

struct span gossip_topic_name(const struct gossip_topic *t)
{
    return span_of(t->name, t->size);
}

uint32_t gossip_topic_find(const struct gossip *g, struct span name)
{
    for (uint32_t i = 0; i < GOSSIP_TOPICS_MAX; i++)
        if (g->topics[i].used && span_equal(gossip_topic_name(&g->topics[i]), name))
            return i;
    return MAP_NONE;
}

void gossip_trace(struct gossip *g, enum trace_level level, const char *name, uint32_t number,
                  uint32_t topic)
{
    if (g->config.trace == NULL)
        return;
    struct trace_event *e = trace_add(g->config.trace, level, name);
    trace_u64(e, "peer", number);
    trace_u64(e, "topic", topic);
}

void gossip_blame(struct gossip *g, uint32_t number, uint32_t cost, const char *why)
{
    struct gossip_member *m = &g->members[number];
    m->behaviour += cost;
    if (m->behaviour < GOSSIP_BEHAVIOUR_MAX || m->leaving)
        return;
    m->leaving = true;
    m->leaving_why = why;
    g->counters.disconnects++;
    gossip_mesh_drop(g, number);
    if (g->config.trace == NULL)
        return;
    struct trace_event *e = trace_add(g->config.trace, TRACE_WARN, "gossip.peer_refused");
    trace_u64(e, "peer", number);
    trace_word(e, "why", why);
}

bool gossip_queue_push(struct gossip *g, struct gossip_queue *q, uint64_t number)
{
    if (q->count == GOSSIP_QUEUE_MAX) {
        g->counters.queue_full++;
        return false;
    }
    q->numbers[(q->first + q->count) % GOSSIP_QUEUE_MAX] = number;
    q->count++;
    return true;
}

static void advance(struct gossip *g, uint64_t now_ms)
{
    g->now_ms = max_u64(g->now_ms, now_ms);
}

static void up_insert(struct gossip *g, uint32_t number)
{
    uint32_t at = g->up_count++;
    for (; at > 0 && g->up[at - 1] > number; at--)
        g->up[at] = g->up[at - 1];
    g->up[at] = number;
}

static void up_remove(struct gossip *g, uint32_t number)
{
    uint32_t to = 0;
    for (uint32_t i = 0; i < g->up_count; i++)
        if (g->up[i] != number)
            g->up[to++] = g->up[i];
    assert(to + 1 == g->up_count);
    g->up_count = to;
}

void gossip_peer_up(struct gossip *g, uint32_t number, const struct gossip_peer *peer,
                    uint64_t now_ms)
{
    assert(number < g->config.peers);
    struct gossip_member *m = &g->members[number];
    assert(!m->up);
    advance(g, now_ms);
    struct span id = span_of(peer->id.bytes, peer->id.len);
    *m = (struct gossip_member){
        .up = true,
        .peer = *peer,
        .id_key = gossip_key_of(id),
        .wanted = m->wanted,
        .promises = m->promises,
        .topics = m->topics,
        .own.numbers = m->own.numbers,
        .relayed.numbers = m->relayed.numbers,
    };
    if (!gossip_wire_author(id, m->key))
        memset(m->key, 0, sizeof m->key);
    for (uint32_t i = 0; i < GOSSIP_TOPICS_MAX; i++)
        if (g->topics[i].subscribed)
            m->announce |= gossip_bit(i);
    up_insert(g, number);
}

void gossip_peer_down(struct gossip *g, uint32_t number, uint64_t now_ms)
{
    assert(number < g->config.peers);
    struct gossip_member *m = &g->members[number];
    assert(m->up);
    advance(g, now_ms);
    gossip_mesh_drop(g, number);
    gossip_cache_forget_peer(&g->cache, number);
    m->up = false;
    up_remove(g, number);
}

void gossip_credit(struct gossip *g, uint32_t number, size_t bytes)
{
    assert(number < g->config.peers && g->members[number].up);
    g->members[number].credit = bytes;
}

void gossip_on_time(struct gossip *g, uint64_t now_ms)
{
    advance(g, now_ms);
    if (g->now_ms < g->heartbeat_at_ms)
        return;
    /* Heartbeats that were slept through are not made up for. */
    g->heartbeat_at_ms = time_add(g->now_ms, GOSSIP_HEARTBEAT_MS);
    g->heartbeats++;
    gossip_seen_expire(&g->seen, g->now_ms);
    gossip_mesh_heartbeat(g);
}

uint64_t gossip_wake_at(const struct gossip *g)
{
    return g->heartbeat_at_ms;
}

/* A slot for the topic, with what is already known of the peers' interest. */
static uint32_t topic_open(struct gossip *g, const char *name)
{
    size_t size = strlen(name);
    assert(size >= 1 && size <= GOSSIP_TOPIC_SIZE_MAX);
    uint32_t slot = gossip_topic_find(g, span_of(name, size));
    for (uint32_t i = 0; slot == MAP_NONE && i < GOSSIP_TOPICS_MAX; i++)
        if (!g->topics[i].used)
            slot = i;
    if (slot == MAP_NONE || g->topics[slot].used)
        return slot;
    struct gossip_topic *t = &g->topics[slot];
    *t = (struct gossip_topic){.used = true, .size = (uint16_t)size};
    memcpy(t->name, name, size);
    t->key = gossip_key_of(span_of(name, size));
    for (uint32_t i = 0; i < g->up_count; i++) {
        struct gossip_member *m = &g->members[g->up[i]];
        for (uint32_t k = 0; k < m->topic_count; k++)
            if (memcmp(&m->topics[k], &t->key, sizeof t->key) == 0)
                m->subscribed |= gossip_bit(slot);
    }
    return slot;
}

static void announce(struct gossip *g, uint32_t topic)
{
    for (uint32_t i = 0; i < g->up_count; i++)
        g->members[g->up[i]].announce |= gossip_bit(topic);
}

enum err gossip_subscribe(struct gossip *g, const char *topic, uint64_t now_ms)
{
    advance(g, now_ms);
    uint32_t count = 0;
    for (uint32_t i = 0; i < GOSSIP_TOPICS_MAX; i++)
        count += g->topics[i].subscribed;
    uint32_t slot = gossip_topic_find(g, span_of(topic, strlen(topic)));
    if (slot != MAP_NONE && g->topics[slot].subscribed)
        return ERR_OK;
    if (count == P2P_TOPICS_MAX)
        return ERR_FULL;
    slot = topic_open(g, topic);
    if (slot == MAP_NONE)
        return ERR_FULL;
    g->topics[slot].subscribed = true;
    announce(g, slot);
    gossip_mesh_join(g, slot);
    return ERR_OK;
}

void gossip_unsubscribe(struct gossip *g, const char *topic, uint64_t now_ms)
{
    advance(g, now_ms);
    uint32_t slot = gossip_topic_find(g, span_of(topic, strlen(topic)));
    if (slot == MAP_NONE || !g->topics[slot].subscribed)
        return;
    g->topics[slot].subscribed = false;
    announce(g, slot);
    gossip_mesh_leave(g, slot);
}

/* Keeps an own message, signed, and remembers its id. */
static struct gossip_entry *keep_own(struct gossip *g, uint32_t topic, struct span data)
{
    uint8_t from[GOSSIP_FROM_SIZE], signature[GOSSIP_SIGNATURE_SIZE];
    struct gossip_id id;
    uint64_t seqno = ++g->seqno;
    memcpy(id.author, g->config.keys.self, sizeof id.author);
    for (size_t i = 0; i < sizeof id.seqno; i++)
        id.seqno[i] = (uint8_t)(seqno >> (8 * (sizeof id.seqno - 1 - i)));
    gossip_wire_from(id.author, from);
    struct gossip_message m = {.from = span_of(from, sizeof from),
                               .data = data,
                               .has_data = true,
                               .seqno = span_of(id.seqno, sizeof id.seqno),
                               .topic = gossip_topic_name(&g->topics[topic])};
    struct wr w = wr_init(g->rpc);
    gossip_wire_put_signed(&w, &m);
    g->config.keys.sign(g->config.keys.ctx, wr_done(&w), signature);
    return gossip_keep(g, &w, &id, topic, data.len, span_of(signature, sizeof signature));
}

enum err gossip_publish(struct gossip *g, const char *topic, struct span data, uint64_t now_ms)
{
    advance(g, now_ms);
    if (data.len > P2P_GOSSIP_MAX)
        return ERR_TOO_BIG;
    uint32_t slot = topic_open(g, topic);
    if (slot == MAP_NONE)
        return ERR_FULL;
    struct gossip_entry *e = keep_own(g, slot, data);
    e->state = GOSSIP_VALID;
    e->window = g->heartbeats;
    g->counters.published++;
    bool flood = g->config.flood_publish;
    if (!flood && !g->topics[slot].subscribed)
        gossip_mesh_fanout(g, slot);
    uint32_t targets = 0, queued = 0;
    for (uint32_t i = 0; i < g->up_count; i++) {
        struct gossip_member *m = &g->members[g->up[i]];
        uint16_t to = flood ? m->subscribed : g->topics[slot].subscribed ? m->mesh : m->fanout;
        if (m->leaving || (to & gossip_bit(slot)) == 0)
            continue;
        targets++;
        queued += gossip_queue_push(g, &m->own, e->number);
    }
    if (targets == 0)
        return ERR_NOT_FOUND;
    return queued == 0 ? ERR_FULL : ERR_OK;
}

void gossip_validate(struct gossip *g, uint64_t message, enum p2p_verdict v, uint64_t now_ms)
{
    advance(g, now_ms);
    struct gossip_entry *e = gossip_cache_get(&g->cache, message);
    if (e == NULL || e->state != GOSSIP_PENDING || message >= g->deliver_next)
        return;
    e->state = v == P2P_ACCEPT ? GOSSIP_VALID : GOSSIP_DROPPED;
    switch (v) {
    case P2P_ACCEPT:
        e->window = g->heartbeats;
        gossip_forward(g, e);
        break;
    case P2P_REJECT:
        g->counters.rejected++;
        if (e->relay != MAP_NONE)
            gossip_blame(g, e->relay, GOSSIP_COST_INVALID, "gossip_invalid_messages");
        break;
    case P2P_IGNORE:
        g->counters.ignored++;
        break;
    }
}

const struct gossip_counters *gossip_counters(const struct gossip *g)
{
    return &g->counters;
}
