#include "p2p/gossip_state.h"

static void on_subscription(struct gossip *g, uint32_t number, const struct gossip_item *item)
{
    struct gossip_member *m = &g->members[number];
    struct gossip_key key = gossip_key_of(item->topic);
    uint32_t at = 0;
    while (at < m->topic_count && memcmp(&m->topics[at], &key, sizeof key) != 0)
        at++;
    uint32_t slot = gossip_topic_find(g, item->topic);
    uint16_t bit = slot == MAP_NONE ? 0 : gossip_bit(slot);
    if (item->kind == GOSSIP_ITEM_UNSUBSCRIBE) {
        if (at < m->topic_count)
            m->topics[at] = m->topics[--m->topic_count];
        m->subscribed &= (uint16_t)~bit;
        m->mesh &= (uint16_t)~bit;
        m->fanout &= (uint16_t)~bit;
        m->graft &= (uint16_t)~bit;
        m->ihave &= (uint16_t)~bit;
        return;
    }
    if (at == GOSSIP_TOPICS_PER_PEER) {
        g->counters.subscriptions_over_limit++;
        gossip_blame(g, number, GOSSIP_COST_LIMIT, "gossip_subscriptions");
        return;
    }
    if (at == m->topic_count)
        m->topics[m->topic_count++] = key;
    m->subscribed |= bit;
}

struct gossip_entry *gossip_keep(struct gossip *g, struct wr *w, const struct gossip_id *id,
                                 uint32_t topic, size_t data_size, struct span signature)
{
    /* The data stands behind the prefix, from and its own head. */
    size_t data_head = pb_bytes_size(1, GOSSIP_FROM_SIZE) + pb_bytes_size(2, data_size) - data_size;
    gossip_wire_put_signature(w, signature);
    struct span bytes = wr_done(w);
    assert(bytes.len > 0 && bytes.len <= GOSSIP_MESSAGE_SIZE_MAX);
    struct gossip_entry *e =
        gossip_cache_add(&g->cache, (uint32_t)bytes.len, &g->counters.cache_evicted_pending);
    /* What was evicted before it was handed out is not handed out. */
    g->deliver_next = max_u64(g->deliver_next, g->cache.oldest);
    memcpy(g->cache.bytes + e->offset, bytes.ptr, bytes.len);
    e->id = *id;
    e->topic = topic;
    e->data_offset = (uint32_t)(GOSSIP_SIGN_PREFIX_SIZE + data_head);
    e->data_size = (uint32_t)data_size;
    struct gossip_key key = gossip_id_key(id);
    gossip_seen_add(&g->seen, &key, e->number, g->now_ms);
    return e;
}

/* StrictSign, except for the signature itself. */
static bool is_complete(const struct gossip_message *m, struct gossip_id *id)
{
    if (!gossip_wire_author(m->from, id->author) || m->seqno.len != GOSSIP_SEQNO_SIZE ||
        m->signature.len != GOSSIP_SIGNATURE_SIZE)
        return false;
    memcpy(id->seqno, m->seqno.ptr, GOSSIP_SEQNO_SIZE);
    /* The key is inside from; one that is sent along must be the same. */
    return !m->has_key || span_equal(m->key, span_of(m->from.ptr + 2, GOSSIP_FROM_SIZE - 2));
}

static void refuse_signature(struct gossip *g, uint32_t number)
{
    g->counters.bad_signature++;
    gossip_blame(g, number, GOSSIP_COST_INVALID, "gossip_invalid_messages");
}

/* A message that is known: the peer has it, so it need not be sent there. */
static bool is_duplicate(struct gossip *g, uint32_t number, const struct gossip_id *id)
{
    struct gossip_key key = gossip_id_key(id);
    const struct gossip_seen_entry *seen = gossip_seen_find(&g->seen, &key);
    if (seen == NULL)
        return false;
    struct gossip_entry *e = gossip_cache_get(&g->cache, seen->number);
    if (e != NULL)
        e->marks[number] |= GOSSIP_MARK_HAS;
    g->counters.duplicate++;
    return true;
}

static void on_message(struct gossip *g, uint32_t number, const struct gossip_message *m)
{
    struct gossip_id id;
    uint32_t topic = gossip_topic_find(g, m->topic);
    if (topic == MAP_NONE || !g->topics[topic].subscribed) {
        g->counters.unwanted_topic++;
        return;
    }
    if (m->data.len > P2P_GOSSIP_MAX) {
        g->counters.too_big++;
        gossip_blame(g, number, GOSSIP_COST_INVALID, "gossip_invalid_messages");
        return;
    }
    if (!is_complete(m, &id)) {
        refuse_signature(g, number);
        return;
    }
    if (memcmp(id.author, g->config.keys.self, sizeof id.author) == 0) {
        g->counters.from_self++; /* An echo, or somebody with our key: nothing to learn. */
        return;
    }
    if (is_duplicate(g, number, &id))
        return;
    struct wr w = wr_init(g->rpc);
    gossip_wire_put_signed(&w, m);
    if (!g->config.keys.verify(g->config.keys.ctx, id.author, wr_done(&w), m->signature.ptr)) {
        refuse_signature(g, number);
        return;
    }
    struct gossip_entry *e = gossip_keep(g, &w, &id, topic, m->data.len, m->signature);
    e->relay = number;
    e->marks[number] |= GOSSIP_MARK_HAS;
    g->counters.messages_in++;
}

void gossip_forward(struct gossip *g, struct gossip_entry *e)
{
    assert(e->state == GOSSIP_VALID);
    bool any = false;
    for (uint32_t i = 0; i < g->up_count; i++) {
        uint32_t number = g->up[i];
        struct gossip_member *m = &g->members[number];
        if ((m->mesh & gossip_bit(e->topic)) == 0 || (e->marks[number] & GOSSIP_MARK_HAS) != 0 ||
            memcmp(m->key, e->id.author, sizeof m->key) == 0)
            continue;
        any = gossip_queue_push(g, &m->relayed, e->number) || any;
    }
    g->counters.forwarded += any;
}

static void on_ihave(struct gossip *g, uint32_t number, struct gossip_item *item)
{
    struct gossip_member *m = &g->members[number];
    uint32_t topic = gossip_topic_find(g, item->topic);
    if (topic == MAP_NONE || !g->topics[topic].subscribed)
        return;
    struct span bytes;
    struct gossip_id id;
    while (m->wanted_count < GOSSIP_IWANT_PENDING_MAX && gossip_wire_id(item, &bytes)) {
        if (!gossip_wire_parse_id(bytes, &id) ||
            memcmp(id.author, g->config.keys.self, sizeof id.author) == 0)
            continue;
        struct gossip_key key = gossip_id_key(&id);
        bool known = gossip_seen_find(&g->seen, &key) != NULL;
        for (uint32_t i = 0; i < m->wanted_count && !known; i++)
            known = memcmp(&m->wanted[i], &id, sizeof id) == 0;
        if (!known)
            m->wanted[m->wanted_count++] = id;
    }
}

static void on_iwant(struct gossip *g, uint32_t number, struct gossip_item *item)
{
    struct gossip_member *m = &g->members[number];
    struct span bytes;
    struct gossip_id id;
    while (gossip_wire_id(item, &bytes)) {
        if (!gossip_wire_parse_id(bytes, &id))
            continue;
        struct gossip_key key = gossip_id_key(&id);
        const struct gossip_seen_entry *seen = gossip_seen_find(&g->seen, &key);
        struct gossip_entry *e = seen == NULL ? NULL : gossip_cache_get(&g->cache, seen->number);
        if (e == NULL || e->state != GOSSIP_VALID || g->heartbeats - e->window >= GOSSIP_HISTORY)
            continue;
        uint8_t *mark = &e->marks[number];
        if ((*mark & GOSSIP_MARK_ANSWERS) >= GOSSIP_IWANT_ANSWERS_MAX) {
            g->counters.iwant_over_limit++;
            continue;
        }
        if (gossip_queue_push(g, &m->relayed, e->number))
            (*mark)++;
    }
}

static void on_item(struct gossip *g, uint32_t number, struct gossip_item *item, bool hear_ihave)
{
    switch (item->kind) {
    case GOSSIP_ITEM_SUBSCRIBE:
    case GOSSIP_ITEM_UNSUBSCRIBE:
        on_subscription(g, number, item);
        break;
    case GOSSIP_ITEM_MESSAGE:
        on_message(g, number, &item->message);
        break;
    case GOSSIP_ITEM_IHAVE:
        g->counters.ihave_in++;
        if (hear_ihave)
            on_ihave(g, number, item);
        break;
    case GOSSIP_ITEM_IWANT:
        g->counters.iwant_in++;
        on_iwant(g, number, item);
        break;
    case GOSSIP_ITEM_GRAFT:
        g->counters.graft_in++;
        gossip_on_graft(g, number, item->topic);
        break;
    case GOSSIP_ITEM_PRUNE:
        g->counters.prune_in++;
        gossip_on_prune(g, number, item);
        break;
    }
}

/* Counts an RPC with IHAVE against the peer's share of this heartbeat. */
static bool may_tell(struct gossip *g, uint32_t number, struct span rpc)
{
    struct gossip_reader r = gossip_wire_open(rpc);
    struct gossip_item item;
    bool has_ihave = false;
    while (!has_ihave && gossip_wire_next(&r, &item))
        has_ihave = item.kind == GOSSIP_ITEM_IHAVE;
    if (!has_ihave || g->members[number].ihave_in++ < GOSSIP_IHAVE_MESSAGES_MAX)
        return true;
    g->counters.ihave_over_limit++;
    gossip_blame(g, number, GOSSIP_COST_LIMIT, "gossip_ihave_flood");
    return false;
}

void gossip_on_rpc(struct gossip *g, uint32_t number, struct span rpc, uint64_t now_ms)
{
    assert(number < g->config.peers && g->members[number].up);
    g->now_ms = max_u64(g->now_ms, now_ms);
    if (g->members[number].leaving)
        return;
    g->counters.rpc_in++;
    enum err e = rpc.len > GOSSIP_RPC_IN_MAX ? ERR_TOO_BIG : gossip_wire_scan(rpc);
    if (e == ERR_TOO_BIG) {
        g->counters.rpc_over_limit++;
        gossip_blame(g, number, GOSSIP_BEHAVIOUR_MAX, "gossip_rpc_over_limit");
        return;
    }
    if (e != ERR_OK) {
        g->counters.rpc_malformed++;
        gossip_blame(g, number, GOSSIP_BEHAVIOUR_MAX, "gossip_malformed");
        return;
    }
    bool hear_ihave = may_tell(g, number, rpc);
    struct gossip_reader r = gossip_wire_open(rpc);
    struct gossip_item item;
    while (!g->members[number].leaving && gossip_wire_next(&r, &item))
        on_item(g, number, &item, hear_ihave);
}
