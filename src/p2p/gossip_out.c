#include "p2p/gossip_state.h"

/* Room in front of an RPC for its length prefix. */
enum { PREFIX_MAX = 8 };

static bool poll_disconnect(struct gossip *g, struct gossip_out *out)
{
    for (uint32_t i = 0; i < g->up_count; i++) {
        struct gossip_member *m = &g->members[g->up[i]];
        if (m->leaving_why == NULL)
            continue;
        *out = (struct gossip_out){
            .kind = GOSSIP_OUT_DISCONNECT, .peer = g->up[i], .why = m->leaving_why};
        m->leaving_why = NULL;
        return true;
    }
    return false;
}

static bool poll_message(struct gossip *g, struct gossip_out *out)
{
    while (g->deliver_next < g->cache.next) {
        const struct gossip_entry *e = gossip_cache_get(&g->cache, g->deliver_next++);
        assert(e != NULL);
        if (e->state != GOSSIP_PENDING)
            continue;
        *out = (struct gossip_out){.kind = GOSSIP_OUT_MESSAGE,
                                   .peer = e->relay,
                                   .bytes = gossip_cache_data(&g->cache, e),
                                   .topic = g->topics[e->topic].name,
                                   .message = e->number};
        out->author.len = GOSSIP_FROM_SIZE;
        gossip_wire_from(e->id.author, out->author.bytes);
        return true;
    }
    return false;
}

/* The room left for one more entry in an RPC of at most limit bytes, given what
 * stands in the two writers and the head of the control message. */
static size_t left(const struct wr *rpc, const struct wr *control, size_t limit)
{
    size_t used = rpc->used + gossip_wire_control_size(control->used);
    return used + 2 >= limit ? 0 : limit - used - 2; /* 2: a longer head */
}

static void put_subscriptions(struct gossip *g, struct gossip_member *m, struct wr *rpc,
                              size_t limit)
{
    for (uint32_t i = 0; i < GOSSIP_TOPICS_MAX; i++) {
        struct span name = gossip_topic_name(&g->topics[i]);
        if ((m->announce & gossip_bit(i)) == 0 ||
            gossip_wire_subscription_size(name) + rpc->used > limit)
            continue;
        gossip_wire_put_subscription(rpc, g->topics[i].subscribed, name);
        m->announce &= (uint16_t)~gossip_bit(i);
    }
}

static void put_mesh_changes(struct gossip *g, struct gossip_member *m, const struct wr *rpc,
                             struct wr *control, size_t limit)
{
    for (uint32_t i = 0; i < GOSSIP_TOPICS_MAX; i++) {
        struct span name = gossip_topic_name(&g->topics[i]);
        uint16_t bit = gossip_bit(i);
        uint64_t backoff = m->peer.protocol == GOSSIP_V10 ? 0
                           : (m->prune_short & bit) != 0  ? GOSSIP_BACKOFF_UNSUBSCRIBE_S
                                                          : GOSSIP_BACKOFF_S;
        /* Our subscription goes first, or the other side would refuse a graft. */
        if ((m->graft & ~m->announce & bit) != 0 &&
            gossip_wire_graft_size(name) <= left(rpc, control, limit)) {
            gossip_wire_put_graft(control, name);
            m->graft &= (uint16_t)~bit;
            g->counters.graft_out++;
        }
        if ((m->prune & bit) != 0 &&
            gossip_wire_prune_size(name, backoff) <= left(rpc, control, limit)) {
            gossip_wire_put_prune(control, name, backoff);
            m->prune &= (uint16_t)~bit;
            g->counters.prune_out++;
        }
    }
}

/* Whether IHAVE to the peer should name this message. */
static bool is_news(const struct gossip *g, const struct gossip_entry *e, uint32_t number,
                    uint32_t topic)
{
    return e->topic == topic && e->state == GOSSIP_VALID &&
           g->heartbeats - e->window < GOSSIP_HISTORY_GOSSIP &&
           (e->marks[number] & GOSSIP_MARK_HAS) == 0;
}

static uint32_t count_news(const struct gossip *g, uint32_t number, uint32_t topic, uint64_t from,
                           uint32_t max)
{
    uint32_t count = 0;
    for (uint64_t n = max_u64(from, g->cache.oldest); n < g->cache.next && count < max; n++)
        count += is_news(g, gossip_cache_get(&g->cache, n), number, topic);
    return count;
}

/* One IHAVE of one topic; what does not fit goes into the next RPC. */
static void put_ihave(struct gossip *g, uint32_t number, const struct wr *rpc, struct wr *control,
                      size_t limit)
{
    struct gossip_member *m = &g->members[number];
    uint32_t topic = 0;
    while ((m->ihave & gossip_bit(topic)) == 0)
        topic++;
    struct span name = gossip_topic_name(&g->topics[topic]);
    size_t room = left(rpc, control, limit);
    size_t head = gossip_wire_ihave_size(name, 0) + 2;
    if (room < head + GOSSIP_ID_ENTRY_SIZE)
        return;
    uint32_t max = (uint32_t)((room - head) / GOSSIP_ID_ENTRY_SIZE);
    uint32_t count = count_news(g, number, topic, m->ihave_cursor, max);
    if (count > 0)
        gossip_wire_put_ihave(control, name, count);
    uint32_t put = 0;
    uint64_t n = max_u64(m->ihave_cursor, g->cache.oldest);
    for (; put < count; n++) {
        const struct gossip_entry *e = gossip_cache_get(&g->cache, n);
        if (!is_news(g, e, number, topic))
            continue;
        gossip_wire_put_ihave_id(control, &e->id);
        put++;
    }
    m->ihave_cursor = n;
    g->counters.ihave_out += count > 0;
    m->ihave_out += count > 0;
    if (count < max) {
        m->ihave &= (uint16_t)~gossip_bit(topic);
        m->ihave_cursor = g->cache.oldest;
    }
    if (m->ihave_out == GOSSIP_IHAVE_OUT_MAX)
        m->ihave = 0;
}

static void put_iwant(struct gossip *g, struct gossip_member *m, const struct wr *rpc,
                      struct wr *control, size_t limit)
{
    size_t room = left(rpc, control, limit);
    size_t head = gossip_wire_iwant_size(0) + 2;
    if (room < head + GOSSIP_ID_ENTRY_SIZE)
        return;
    uint32_t max = (uint32_t)((room - head) / GOSSIP_ID_ENTRY_SIZE);
    uint32_t count = m->wanted_count < max ? m->wanted_count : max;
    gossip_wire_put_iwant(control, count);
    for (uint32_t i = 0; i < count; i++)
        gossip_wire_put_iwant_id(control, &m->wanted[i]);
    /* One id at random stands for the whole promise. */
    if (m->promise_count < GOSSIP_PROMISES_PER_PEER) {
        const struct gossip_id *id = &m->wanted[prng_below(&g->prng, count)];
        m->promises[m->promise_count++] =
            (struct gossip_promise){gossip_id_key(id), time_add(g->now_ms, GOSSIP_PROMISE_MS)};
    }
    m->wanted_count -= count;
    memmove(m->wanted, m->wanted + count, m->wanted_count * sizeof *m->wanted);
    g->counters.iwant_out++;
}

static void build_control(struct gossip *g, uint32_t number, struct wr *rpc, size_t limit)
{
    struct gossip_member *m = &g->members[number];
    struct wr control = wr_init(g->control);
    put_subscriptions(g, m, rpc, limit);
    put_mesh_changes(g, m, rpc, &control, limit);
    if (m->wanted_count > 0)
        put_iwant(g, m, rpc, &control, limit);
    if (m->ihave != 0)
        put_ihave(g, number, rpc, &control, limit);
    if (control.used > 0)
        gossip_wire_put_control(rpc, wr_done(&control));
}

/* Takes messages from the queue while they fit; false: one did not. */
static bool build_messages(struct gossip *g, uint32_t number, struct gossip_queue *q,
                           struct wr *rpc, size_t limit)
{
    while (q->count > 0) {
        const struct gossip_entry *e = gossip_cache_get(&g->cache, q->numbers[q->first]);
        if (e != NULL && e->state == GOSSIP_VALID) { /* GOSSIP-2 */
            struct span message = gossip_cache_message(&g->cache, e);
            size_t size = rpc->used + gossip_wire_publish_size(message.len);
            /* A message over the usual size of an RPC travels alone. */
            if (size > limit || (rpc->used > 0 && size > GOSSIP_RPC_OUT_MAX - PREFIX_MAX))
                return false;
            gossip_wire_put_publish(rpc, message);
            e->marks[number] |= GOSSIP_MARK_HAS;
            g->counters.messages_out++;
        }
        q->first = (q->first + 1) % GOSSIP_QUEUE_MAX;
        q->count--;
    }
    return true;
}

static struct span finish_rpc(struct gossip *g, const struct wr *rpc)
{
    uint8_t prefix[VARINT64_SIZE_MAX];
    struct wr w = wr_init((struct room){prefix, sizeof prefix});
    wr_varint64(&w, rpc->used);
    assert(!rpc->full && w.used <= PREFIX_MAX);
    uint8_t *start = g->rpc.ptr + PREFIX_MAX - w.used;
    memcpy(start, prefix, w.used);
    return span_of(start, w.used + rpc->used);
}

/* Control goes before own messages, own before relayed ones. */
static struct span build_rpc(struct gossip *g, uint32_t number)
{
    struct gossip_member *m = &g->members[number];
    if (m->credit <= PREFIX_MAX)
        return (struct span){0};
    size_t limit = min_u64(m->credit - PREFIX_MAX, g->rpc.len - PREFIX_MAX);
    struct wr rpc = wr_init((struct room){g->rpc.ptr + PREFIX_MAX, g->rpc.len - PREFIX_MAX});
    if ((m->announce | m->graft | m->prune | m->ihave) != 0 || m->wanted_count > 0)
        build_control(g, number, &rpc, min_u64(limit, GOSSIP_CONTROL_OUT_MAX - PREFIX_MAX));
    if (build_messages(g, number, &m->own, &rpc, limit))
        build_messages(g, number, &m->relayed, &rpc, limit);
    if (rpc.used == 0)
        return (struct span){0};
    struct span bytes = finish_rpc(g, &rpc);
    assert(bytes.len <= m->credit);
    m->credit -= bytes.len;
    g->counters.rpc_out++;
    return bytes;
}

static bool has_work(const struct gossip_member *m)
{
    return !m->leaving && m->credit > 0 &&
           ((m->announce | m->graft | m->prune | m->ihave) != 0 || m->wanted_count > 0 ||
            m->own.count > 0 || m->relayed.count > 0);
}

static bool poll_rpc(struct gossip *g, struct gossip_out *out)
{
    for (uint32_t i = 0; i < g->up_count; i++) {
        uint32_t number = g->up[(g->poll_from + i) % g->up_count];
        if (!has_work(&g->members[number]))
            continue;
        struct span bytes = build_rpc(g, number);
        if (bytes.len == 0)
            continue;
        g->poll_from = (g->poll_from + i + 1) % g->up_count; /* The next peer first. */
        *out = (struct gossip_out){.kind = GOSSIP_OUT_RPC, .peer = number, .bytes = bytes};
        return true;
    }
    return false;
}

bool gossip_poll(struct gossip *g, struct gossip_out *out)
{
    return poll_disconnect(g, out) || poll_message(g, out) || poll_rpc(g, out);
}
