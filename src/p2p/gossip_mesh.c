#include "p2p/gossip_state.h"

static void backoff_key(const struct gossip *g, uint32_t number, const struct gossip_key *topic,
                        uint8_t key[2 * GOSSIP_KEY_SIZE])
{
    memcpy(key, &g->members[number].id_key, GOSSIP_KEY_SIZE);
    memcpy(key + GOSSIP_KEY_SIZE, topic, GOSSIP_KEY_SIZE);
}

/* By peer id, not by number: a peer that comes back is still in backoff. */
static struct gossip_backoff *backoff_find(const struct gossip *g, uint32_t number, uint32_t topic)
{
    uint8_t key[2 * GOSSIP_KEY_SIZE];
    backoff_key(g, number, &g->topics[topic].key, key);
    uint32_t at = map_get(&g->backoff_index, key);
    return at == MAP_NONE ? NULL : &g->backoffs[at];
}

static void backoff_remove(struct gossip *g, uint32_t at)
{
    assert(at < g->backoff_count);
    bool was_there = map_remove(&g->backoff_index, g->backoffs[at].key);
    assert(was_there);
    g->backoffs[at] = g->backoffs[--g->backoff_count];
    if (at == g->backoff_count)
        return;
    enum err e = map_put(&g->backoff_index, g->backoffs[at].key, at);
    assert(e == ERR_OK);
}

static void backoff_set(struct gossip *g, uint32_t number, uint32_t topic, uint64_t seconds)
{
    uint64_t until = time_add(g->now_ms, 1000 * min_u64(seconds, GOSSIP_BACKOFF_S_MAX));
    struct gossip_backoff *b = backoff_find(g, number, topic);
    if (b != NULL) {
        b->since_ms = g->now_ms;
        b->until_ms = max_u64(b->until_ms, until);
        return;
    }
    if (g->backoff_count == g->backoff_capacity) {
        uint32_t soonest = 0;
        for (uint32_t i = 1; i < g->backoff_count; i++)
            if (g->backoffs[i].until_ms < g->backoffs[soonest].until_ms)
                soonest = i;
        backoff_remove(g, soonest);
    }
    b = &g->backoffs[g->backoff_count];
    *b = (struct gossip_backoff){.since_ms = g->now_ms, .until_ms = until};
    backoff_key(g, number, &g->topics[topic].key, b->key);
    enum err e = map_put(&g->backoff_index, b->key, g->backoff_count++);
    assert(e == ERR_OK);
}

/* One heartbeat of slack, so that the other side's clock has run out too. */
static void backoffs_expire(struct gossip *g)
{
    for (uint32_t i = g->backoff_count; i > 0; i--)
        if (time_add(g->backoffs[i - 1].until_ms, GOSSIP_BACKOFF_SLACK_MS) <= g->now_ms)
            backoff_remove(g, i - 1);
}

static uint32_t gossip_mesh_count(const struct gossip *g, uint32_t topic)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->up_count; i++)
        count += (g->members[g->up[i]].mesh & gossip_bit(topic)) != 0;
    return count;
}

static uint32_t mesh_outbound(const struct gossip *g, uint32_t topic)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->up_count; i++) {
        const struct gossip_member *m = &g->members[g->up[i]];
        count += (m->mesh & gossip_bit(topic)) != 0 && m->peer.outbound;
    }
    return count;
}

static void shuffle(struct gossip *g, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)prng_below(&g->prng, i);
        uint32_t other = g->picked[i - 1];
        g->picked[i - 1] = g->picked[j];
        g->picked[j] = other;
    }
}

static bool may_graft(const struct gossip *g, uint32_t number, uint32_t topic, bool outbound_only)
{
    const struct gossip_member *m = &g->members[number];
    uint16_t bit = gossip_bit(topic);
    return !m->leaving && (m->subscribed & bit) != 0 && (m->mesh & bit) == 0 &&
           (!outbound_only || m->peer.outbound) && backoff_find(g, number, topic) == NULL;
}

static void add_to_mesh(struct gossip *g, uint32_t number, uint32_t topic)
{
    struct gossip_member *m = &g->members[number];
    m->mesh |= gossip_bit(topic);
    m->fanout &= (uint16_t)~gossip_bit(topic);
    m->ihave &= (uint16_t)~gossip_bit(topic);
    gossip_trace(g, TRACE_DEBUG, "gossip.grafted", number, topic);
}

static void graft(struct gossip *g, uint32_t number, uint32_t topic)
{
    struct gossip_member *m = &g->members[number];
    add_to_mesh(g, number, topic);
    m->graft |= gossip_bit(topic);
    m->prune &= (uint16_t)~gossip_bit(topic);
}

static void send_prune(struct gossip *g, uint32_t number, uint32_t topic, bool leaving)
{
    struct gossip_member *m = &g->members[number];
    uint16_t bit = gossip_bit(topic);
    m->mesh &= (uint16_t)~bit;
    m->graft &= (uint16_t)~bit;
    m->prune |= bit;
    m->prune_short = (uint16_t)(leaving ? m->prune_short | bit : m->prune_short & ~bit);
    backoff_set(g, number, topic, leaving ? GOSSIP_BACKOFF_UNSUBSCRIBE_S : GOSSIP_BACKOFF_S);
    gossip_trace(g, TRACE_DEBUG, "gossip.pruned", number, topic);
}

static bool group_in_mesh(const struct gossip *g, uint64_t group, uint32_t topic)
{
    for (uint32_t i = 0; i < g->up_count; i++) {
        const struct gossip_member *m = &g->members[g->up[i]];
        if ((m->mesh & gossip_bit(topic)) != 0 && m->peer.address_group == group)
            return true;
    }
    return false;
}

/* Grafts up to want peers at random, those from address groups that the mesh
 * lacks first: one owner of many addresses should not fill it. */
static void graft_some(struct gossip *g, uint32_t topic, uint32_t want, bool outbound_only)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->up_count; i++)
        if (may_graft(g, g->up[i], topic, outbound_only))
            g->picked[count++] = g->up[i];
    shuffle(g, count);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count && want > 0; i++) {
            const struct gossip_member *m = &g->members[g->picked[i]];
            bool is_new = !group_in_mesh(g, m->peer.address_group, topic);
            if ((m->mesh & gossip_bit(topic)) != 0 || (pass == 0 && !is_new))
                continue;
            graft(g, g->picked[i], topic);
            want--;
        }
    }
}

/* Too many: keep D at random, D_OUT of them outbound when there are so many. */
static void prune_some(struct gossip *g, uint32_t topic)
{
    uint32_t count = 0, outbound = 0;
    for (uint32_t i = 0; i < g->up_count; i++)
        if ((g->members[g->up[i]].mesh & gossip_bit(topic)) != 0)
            g->picked[count++] = g->up[i];
    shuffle(g, count);
    for (uint32_t i = 0; i < GOSSIP_D; i++)
        outbound += g->members[g->picked[i]].peer.outbound;
    uint32_t keep = 0;
    for (uint32_t i = GOSSIP_D; i < count && outbound < GOSSIP_D_OUT; i++) {
        if (!g->members[g->picked[i]].peer.outbound)
            continue;
        while (g->members[g->picked[keep]].peer.outbound)
            keep++;
        uint32_t inbound = g->picked[keep];
        g->picked[keep] = g->picked[i];
        g->picked[i] = inbound;
        outbound++;
    }
    for (uint32_t i = GOSSIP_D; i < count; i++)
        send_prune(g, g->picked[i], topic, false);
}

static void keep_mesh(struct gossip *g, uint32_t topic)
{
    uint32_t count = gossip_mesh_count(g, topic);
    if (count < GOSSIP_D_LOW)
        graft_some(g, topic, GOSSIP_D - count, false);
    else if (count > GOSSIP_D_HIGH)
        prune_some(g, topic);
    count = gossip_mesh_count(g, topic);
    uint32_t outbound = mesh_outbound(g, topic);
    if (count >= GOSSIP_D_LOW && outbound < GOSSIP_D_OUT)
        graft_some(g, topic, GOSSIP_D_OUT - outbound, true);
}

static void keep_fanout(struct gossip *g, uint32_t topic)
{
    uint32_t have = 0, count = 0;
    for (uint32_t i = 0; i < g->up_count; i++) {
        struct gossip_member *m = &g->members[g->up[i]];
        if ((m->fanout & gossip_bit(topic)) != 0)
            have++;
        else if (!m->leaving && (m->subscribed & gossip_bit(topic)) != 0)
            g->picked[count++] = g->up[i];
    }
    shuffle(g, count);
    for (uint32_t i = 0; i < count && have < GOSSIP_D; i++, have++)
        g->members[g->picked[i]].fanout |= gossip_bit(topic);
}

void gossip_mesh_fanout(struct gossip *g, uint32_t topic)
{
    g->topics[topic].fanout_until_ms = time_add(g->now_ms, GOSSIP_FANOUT_MS);
    keep_fanout(g, topic);
}

static void end_fanout(struct gossip *g, uint32_t topic)
{
    g->topics[topic].fanout_until_ms = 0;
    for (uint32_t i = 0; i < g->up_count; i++)
        g->members[g->up[i]].fanout &= (uint16_t)~gossip_bit(topic);
}

void gossip_mesh_join(struct gossip *g, uint32_t topic)
{
    assert(gossip_mesh_count(g, topic) == 0);
    for (uint32_t i = 0; i < g->up_count; i++)
        if ((g->members[g->up[i]].fanout & gossip_bit(topic)) != 0 &&
            may_graft(g, g->up[i], topic, false))
            graft(g, g->up[i], topic);
    end_fanout(g, topic);
    uint32_t count = gossip_mesh_count(g, topic);
    if (count < GOSSIP_D)
        graft_some(g, topic, GOSSIP_D - count, false);
}

void gossip_mesh_leave(struct gossip *g, uint32_t topic)
{
    for (uint32_t i = 0; i < g->up_count; i++)
        if ((g->members[g->up[i]].mesh & gossip_bit(topic)) != 0)
            send_prune(g, g->up[i], topic, true);
}

void gossip_mesh_drop(struct gossip *g, uint32_t number)
{
    struct gossip_member *m = &g->members[number];
    m->mesh = m->fanout = m->subscribed = 0;
    m->announce = m->graft = m->prune = m->ihave = 0;
    m->wanted_count = m->promise_count = 0;
    m->own.count = m->relayed.count = 0;
}

void gossip_on_graft(struct gossip *g, uint32_t number, struct span topic)
{
    struct gossip_member *m = &g->members[number];
    uint32_t slot = gossip_topic_find(g, topic);
    /* An unknown topic is not answered: no work for whoever invents names. */
    if (slot == MAP_NONE || !g->topics[slot].subscribed || (m->mesh & gossip_bit(slot)) != 0)
        return;
    const struct gossip_backoff *b = backoff_find(g, number, slot);
    if (b != NULL && g->now_ms < b->until_ms) {
        g->counters.graft_in_backoff++;
        bool is_flood = g->now_ms < time_add(b->since_ms, GOSSIP_GRAFT_FLOOD_MS);
        send_prune(g, number, slot, false);
        gossip_blame(g, number, is_flood ? 2 * GOSSIP_COST_GRAFT : GOSSIP_COST_GRAFT,
                     "gossip_graft_flood");
        return;
    }
    /* A full mesh takes only peers that we chose to dial. */
    bool is_full = gossip_mesh_count(g, slot) >= GOSSIP_D_HIGH && !m->peer.outbound;
    if (is_full || (m->subscribed & gossip_bit(slot)) == 0) {
        send_prune(g, number, slot, false);
        return;
    }
    add_to_mesh(g, number, slot);
}

void gossip_on_prune(struct gossip *g, uint32_t number, const struct gossip_item *item)
{
    struct gossip_member *m = &g->members[number];
    uint32_t slot = gossip_topic_find(g, item->topic);
    g->counters.px_ignored += item->px_count; /* No score yet that would earn trust. */
    if (slot == MAP_NONE || !g->topics[slot].subscribed)
        return;
    m->mesh &= (uint16_t)~gossip_bit(slot);
    m->graft &= (uint16_t)~gossip_bit(slot);
    backoff_set(g, number, slot, item->backoff_s == 0 ? GOSSIP_BACKOFF_S : item->backoff_s);
    gossip_trace(g, TRACE_DEBUG, "gossip.pruned_by_peer", number, slot);
}

/* Tells some peers outside the mesh which messages there are. */
static void choose_gossip(struct gossip *g, uint32_t topic)
{
    uint16_t bit = gossip_bit(topic);
    uint32_t count = 0;
    for (uint32_t i = 0; i < g->up_count; i++) {
        struct gossip_member *m = &g->members[g->up[i]];
        if (!m->leaving && (m->subscribed & bit) != 0 && ((m->mesh | m->fanout) & bit) == 0)
            g->picked[count++] = g->up[i];
    }
    shuffle(g, count);
    uint64_t share = (uint64_t)count * GOSSIP_LAZY_PERCENT / 100;
    uint64_t want = min_u64(count, max_u64(GOSSIP_D_LAZY, share));
    for (uint64_t i = 0; i < want; i++) {
        g->members[g->picked[i]].ihave |= bit;
        g->members[g->picked[i]].ihave_cursor = g->cache.oldest;
    }
}

static void check_promises(struct gossip *g, uint32_t number)
{
    struct gossip_member *m = &g->members[number];
    uint32_t kept = 0, broken = 0;
    for (uint32_t i = 0; i < m->promise_count; i++) {
        if (gossip_seen_find(&g->seen, &m->promises[i].key) != NULL)
            continue;
        if (m->promises[i].until_ms <= g->now_ms)
            broken++;
        else
            m->promises[kept++] = m->promises[i];
    }
    m->promise_count = kept;
    g->counters.promises_broken += broken;
    if (broken > 0)
        gossip_blame(g, number, broken * GOSSIP_COST_PROMISE, "gossip_broken_promises");
}

/* A slot is free again when nobody has still to hear of it. */
static void release_topics(struct gossip *g)
{
    uint16_t busy = 0;
    for (uint32_t i = 0; i < g->up_count; i++) {
        const struct gossip_member *m = &g->members[g->up[i]];
        busy |= m->announce | m->graft | m->prune;
    }
    for (uint64_t n = g->cache.oldest; n < g->cache.next; n++) {
        const struct gossip_entry *e = gossip_cache_get(&g->cache, n);
        if (e->state == GOSSIP_VALID && g->heartbeats - e->window < GOSSIP_HISTORY)
            busy |= gossip_bit(e->topic);
    }
    for (uint32_t i = 0; i < GOSSIP_TOPICS_MAX; i++) {
        struct gossip_topic *t = &g->topics[i];
        if (!t->used || t->subscribed || t->fanout_until_ms != 0 || (busy & gossip_bit(i)) != 0)
            continue;
        for (uint32_t k = 0; k < g->up_count; k++)
            g->members[g->up[k]].subscribed &= (uint16_t)~gossip_bit(i);
        for (uint64_t n = g->cache.oldest; n < g->cache.next; n++)
            if (gossip_cache_get(&g->cache, n)->topic == i)
                gossip_cache_get(&g->cache, n)->state = GOSSIP_DROPPED;
        *t = (struct gossip_topic){0};
    }
}

void gossip_mesh_heartbeat(struct gossip *g)
{
    backoffs_expire(g);
    for (uint32_t i = 0; i < g->up_count; i++) {
        struct gossip_member *m = &g->members[g->up[i]];
        m->ihave = 0;
        m->ihave_in = m->ihave_out = 0;
        m->behaviour -= m->behaviour > 0 && !m->leaving;
        check_promises(g, g->up[i]);
    }
    for (uint32_t topic = 0; topic < GOSSIP_TOPICS_MAX; topic++) {
        struct gossip_topic *t = &g->topics[topic];
        if (t->subscribed)
            keep_mesh(g, topic);
        else if (t->fanout_until_ms != 0 && t->fanout_until_ms <= g->now_ms)
            end_fanout(g, topic);
        else if (t->fanout_until_ms != 0)
            keep_fanout(g, topic);
        if (t->subscribed || t->fanout_until_ms != 0)
            choose_gossip(g, topic);
    }
    release_topics(g);
}

uint32_t gossip_mesh_size(const struct gossip *g, const char *topic)
{
    uint32_t slot = gossip_topic_find(g, span_of(topic, strlen(topic)));
    return slot == MAP_NONE ? 0 : gossip_mesh_count(g, slot);
}

bool gossip_in_mesh(const struct gossip *g, const char *topic, uint32_t number)
{
    uint32_t slot = gossip_topic_find(g, span_of(topic, strlen(topic)));
    return slot != MAP_NONE && (g->members[number].mesh & gossip_bit(slot)) != 0;
}

bool gossip_has_subscribed(const struct gossip *g, const char *topic, uint32_t number)
{
    struct gossip_key key = gossip_key_of(span_of(topic, strlen(topic)));
    const struct gossip_member *m = &g->members[number];
    for (uint32_t i = 0; m->up && i < m->topic_count; i++)
        if (memcmp(&m->topics[i], &key, sizeof key) == 0)
            return true;
    return false;
}

uint32_t gossip_behaviour(const struct gossip *g, uint32_t number)
{
    return g->members[number].behaviour;
}

static void check_member(const struct gossip *g, uint32_t number)
{
    const struct gossip_member *m = &g->members[number];
    assert(m->up);
    assert((m->mesh & ~m->subscribed) == 0);
    assert((m->fanout & ~m->subscribed) == 0);
    assert((m->mesh & m->fanout) == 0);
    assert((m->graft & ~m->mesh) == 0 && (m->graft & m->prune) == 0);
    assert(m->own.count <= GOSSIP_QUEUE_MAX && m->relayed.count <= GOSSIP_QUEUE_MAX);
    assert(m->wanted_count <= GOSSIP_IWANT_PENDING_MAX);
    assert(!m->leaving || (m->mesh == 0 && m->own.count == 0 && m->relayed.count == 0));
    for (uint32_t i = 0; i < GOSSIP_TOPICS_MAX; i++) {
        if ((m->mesh & gossip_bit(i)) == 0)
            continue;
        assert(g->topics[i].subscribed);
        const struct gossip_backoff *b = backoff_find(g, number, i);
        assert(b == NULL || b->until_ms <= g->now_ms); /* GOSSIP-5 */
    }
}

void gossip_check(const struct gossip *g)
{
    gossip_seen_check(&g->seen);
    gossip_cache_check(&g->cache);
    assert(g->deliver_next >= g->cache.oldest && g->deliver_next <= g->cache.next);
    assert(g->backoff_count == g->backoff_index.count);
    for (uint32_t i = 0; i < g->up_count; i++) {
        assert(i == 0 || g->up[i - 1] < g->up[i]);
        check_member(g, g->up[i]);
    }
}
