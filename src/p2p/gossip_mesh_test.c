/* Networks of up to 16 cores: what the mesh must do as a whole. */
#include "p2p/gossip_test.h"

struct packet {
    uint64_t at_ms;
    uint32_t from, to, size;
    uint8_t *bytes;
};

struct node {
    struct arena arena;
    struct gossip *gossip;
    struct identity identity;
    uint32_t received, last; /* messages, and the data of the last one */
    uint32_t seen[LOG_MAX];  /* by data: how often it was delivered */
};

struct world {
    uint32_t count;
    uint64_t now_ms;
    struct node nodes[NODES_MAX];
    bool linked[NODES_MAX][NODES_MAX];
    struct packet packets[PACKETS_MAX];
    uint32_t packet_count;
    bool mute; /* do not validate */
};

static void node_open(struct world *w, uint32_t i, bool flood)
{
    struct node *n = &w->nodes[i];
    identity_open(&n->identity, (uint8_t)i);
    struct gossip_config c = identity_config(&n->identity, 100 + i);
    c.flood_publish = flood;
    assert_int_equal(arena_open(&n->arena, gossip_arena_size(&c)), ERR_OK);
    assert_int_equal(gossip_init(&n->gossip, &n->arena, &c, w->now_ms), ERR_OK);
}

static struct world *world_open(uint32_t count, bool flood)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->count = count;
    for (uint32_t i = 0; i < count; i++)
        node_open(w, i, flood);
    return w;
}

static void world_close(struct world *w)
{
    for (uint32_t i = 0; i < w->packet_count; i++)
        free(w->packets[i].bytes);
    for (uint32_t i = 0; i < w->count; i++) {
        ed25519_close(w->nodes[i].identity.keys);
        arena_close(&w->nodes[i].arena);
    }
    free(w);
}

static void link_up(struct world *w, uint32_t dialer, uint32_t listener)
{
    struct gossip_peer listener_peer = identity_peer(&w->nodes[listener].identity, true);
    struct gossip_peer dialer_peer = identity_peer(&w->nodes[dialer].identity, false);
    gossip_peer_up(w->nodes[dialer].gossip, listener, &listener_peer, w->now_ms);
    gossip_peer_up(w->nodes[listener].gossip, dialer, &dialer_peer, w->now_ms);
    gossip_credit(w->nodes[dialer].gossip, listener, GOSSIP_CREDIT_MAX);
    gossip_credit(w->nodes[listener].gossip, dialer, GOSSIP_CREDIT_MAX);
    w->linked[dialer][listener] = w->linked[listener][dialer] = true;
}

static void link_down(struct world *w, uint32_t a, uint32_t b)
{
    gossip_peer_down(w->nodes[a].gossip, b, w->now_ms);
    gossip_peer_down(w->nodes[b].gossip, a, w->now_ms);
    w->linked[a][b] = w->linked[b][a] = false;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->packet_count; i++) {
        struct packet p = w->packets[i];
        if ((p.from == a && p.to == b) || (p.from == b && p.to == a))
            free(p.bytes);
        else
            w->packets[kept++] = p;
    }
    w->packet_count = kept;
}

static void link_all(struct world *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        for (uint32_t j = i + 1; j < w->count; j++)
            link_up(w, i, j);
}

static struct span without_prefix(struct span rpc)
{
    uint64_t size;
    size_t head;
    assert_int_equal(uvarint_peek(rpc, &size, &head), ERR_OK);
    assert_int_equal(size + head, rpc.len);
    return span_of(rpc.ptr + head, size);
}

static void send(struct world *w, uint32_t from, const struct gossip_out *out)
{
    assert_true(w->linked[from][out->peer]);
    gossip_credit(w->nodes[from].gossip, out->peer, GOSSIP_CREDIT_MAX);
    struct span rpc = without_prefix(out->bytes);
    assert_int_equal(gossip_wire_scan(rpc), ERR_OK);
    assert_true(w->packet_count < PACKETS_MAX);
    struct packet *p = &w->packets[w->packet_count++];
    /* One latency per pair keeps a stream in order. */
    *p = (struct packet){w->now_ms + 5 + (from * 7 + out->peer * 3) % 20, from, out->peer,
                         (uint32_t)rpc.len, malloc(rpc.len)};
    assert_non_null(p->bytes);
    memcpy(p->bytes, rpc.ptr, rpc.len);
}

static void drain(struct world *w, uint32_t i)
{
    struct node *n = &w->nodes[i];
    struct gossip_out out;
    while (gossip_poll(n->gossip, &out)) {
        assert_int_not_equal(out.kind, GOSSIP_OUT_DISCONNECT);
        if (out.kind == GOSSIP_OUT_RPC) {
            send(w, i, &out);
            continue;
        }
        assert_int_equal(out.bytes.len, sizeof(uint32_t));
        memcpy(&n->last, out.bytes.ptr, sizeof n->last);
        assert_true(n->last < LOG_MAX);
        n->seen[n->last]++;
        n->received++;
        if (!w->mute)
            gossip_validate(n->gossip, out.message, P2P_ACCEPT, w->now_ms);
    }
    gossip_check(n->gossip);
}

/* The next thing that happens: the earliest packet or heartbeat. */
static void step(struct world *w, uint64_t until_ms)
{
    uint64_t at = until_ms;
    for (uint32_t i = 0; i < w->packet_count; i++)
        at = min_u64(at, w->packets[i].at_ms);
    for (uint32_t i = 0; i < w->count; i++)
        at = min_u64(at, gossip_wake_at(w->nodes[i].gossip));
    w->now_ms = max_u64(w->now_ms, at);
    uint32_t i = 0;
    while (i < w->packet_count) {
        struct packet p = w->packets[i];
        if (p.at_ms > w->now_ms) {
            i++;
            continue;
        }
        memmove(&w->packets[i], &w->packets[i + 1], (--w->packet_count - i) * sizeof p);
        gossip_on_rpc(w->nodes[p.to].gossip, p.from, span_of(p.bytes, p.size), w->now_ms);
        free(p.bytes);
        drain(w, p.to);
    }
    for (i = 0; i < w->count; i++) {
        gossip_on_time(w->nodes[i].gossip, w->now_ms);
        drain(w, i);
    }
}

static void run(struct world *w, uint64_t ms)
{
    uint64_t until = w->now_ms + ms;
    while (w->now_ms < until)
        step(w, until);
}

static void subscribe_all(struct world *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        assert_int_equal(gossip_subscribe(w->nodes[i].gossip, "news", w->now_ms), ERR_OK);
}

static void publish(struct world *w, uint32_t from, uint32_t what)
{
    struct span data = span_of(&what, sizeof what);
    assert_int_equal(gossip_publish(w->nodes[from].gossip, "news", data, w->now_ms), ERR_OK);
    drain(w, from);
}

/* Node `from` hears that node `by` pruned it. */
static void prune(struct world *w, uint32_t from, uint32_t by)
{
    uint8_t bytes[64], body[32];
    struct wr control = wr_init((struct room){body, sizeof body});
    gossip_wire_put_prune(&control, SPAN_LITERAL("news"), 3000);
    struct wr rpc = wr_init((struct room){bytes, sizeof bytes});
    gossip_wire_put_control(&rpc, wr_done(&control));
    gossip_on_rpc(w->nodes[from].gossip, by, wr_done(&rpc), w->now_ms);
    drain(w, from);
}

/* Message 0 .. count-1 were published in turn by node 0, 1, ...: everybody but
 * the author has each exactly once. */
static void assert_all_once(const struct world *w, uint32_t count)
{
    for (uint32_t i = 0; i < w->count; i++)
        for (uint32_t what = 0; what < count; what++)
            assert_int_equal(w->nodes[i].seen[what], what % w->count != i);
}

static void test_every_message_reaches_all_once(void **state)
{
    (void)state;
    for (uint32_t count = 2; count <= NODES_MAX; count += 7) {
        for (int flood = 0; flood < 2; flood++) {
            struct world *w = world_open(count, flood != 0);
            link_all(w);
            subscribe_all(w);
            run(w, 3000);
            for (uint32_t what = 0; what < 40; what++) {
                publish(w, what % count, what);
                run(w, 20);
            }
            run(w, 2000);
            assert_all_once(w, 40);
            world_close(w);
        }
    }
}

static void test_degrees_stay_in_bounds(void **state)
{
    (void)state;
    struct world *w = world_open(NODES_MAX, true);
    link_all(w);
    subscribe_all(w);
    run(w, 5000);
    for (uint32_t second = 0; second < 100; second++) {
        run(w, 1000);
        for (uint32_t i = 0; i < w->count; i++) {
            uint32_t degree = gossip_mesh_size(w->nodes[i].gossip, "news");
            assert_in_range(degree, GOSSIP_D_LOW, GOSSIP_D_HIGH);
            for (uint32_t j = 0; j < w->count; j++)
                assert_int_equal(gossip_in_mesh(w->nodes[i].gossip, "news", j),
                                 gossip_in_mesh(w->nodes[j].gossip, "news", i));
        }
    }
    world_close(w);
}

/* In a line nothing arrives except by forwarding. */
static void test_a_line_forwards(void **state)
{
    (void)state;
    struct world *w = world_open(8, true);
    for (uint32_t i = 0; i + 1 < w->count; i++)
        link_up(w, i, i + 1);
    subscribe_all(w);
    run(w, 3000);
    for (uint32_t what = 0; what < 16; what++)
        publish(w, what % w->count, what);
    run(w, 1000);
    assert_all_once(w, 16);
    world_close(w);
}

static void test_lost_peers_are_replaced(void **state)
{
    (void)state;
    struct world *w = world_open(NODES_MAX, true);
    link_all(w);
    subscribe_all(w);
    run(w, 5000);
    for (uint32_t i = 0; i < w->count; i++)
        for (uint32_t j = i + 1; j < w->count; j++)
            if (i % 2 == 0 && gossip_in_mesh(w->nodes[i].gossip, "news", j) && j < i + 6)
                link_down(w, i, j);
    run(w, 3000);
    for (uint32_t i = 0; i < w->count; i++)
        assert_true(gossip_mesh_size(w->nodes[i].gossip, "news") >= GOSSIP_D_LOW);
    for (uint32_t what = 0; what < 32; what++)
        publish(w, what % w->count, what);
    run(w, 2000);
    assert_all_once(w, 32);
    world_close(w);
}

/* Two peers that pruned each other have no mesh; IHAVE and IWANT still carry
 * every message across. */
static void test_gossip_reaches_past_the_mesh(void **state)
{
    (void)state;
    struct world *w = world_open(2, false);
    link_all(w);
    subscribe_all(w);
    prune(w, 0, 1);
    prune(w, 1, 0);
    run(w, 3000);
    assert_int_equal(gossip_mesh_size(w->nodes[0].gossip, "news"), 0);
    for (uint32_t what = 0; what < 1000; what += 2) {
        struct span data = span_of(&what, sizeof what);
        assert_int_equal(gossip_publish(w->nodes[0].gossip, "news", data, w->now_ms),
                         ERR_NOT_FOUND);
    }
    run(w, 3000);
    for (uint32_t what = 0; what < 1000; what += 2)
        assert_int_equal(w->nodes[1].seen[what], 1);
    assert_int_equal(gossip_counters(w->nodes[1].gossip)->promises_broken, 0);
    world_close(w);
}

/* A publisher that is not subscribed uses a fanout, which follows the peers. */
static void test_fanout_without_subscription(void **state)
{
    (void)state;
    struct world *w = world_open(8, false);
    link_all(w);
    for (uint32_t i = 1; i < w->count; i++)
        assert_int_equal(gossip_subscribe(w->nodes[i].gossip, "news", w->now_ms), ERR_OK);
    run(w, 3000);
    publish(w, 0, 0);
    run(w, 500);
    link_down(w, 0, 1);
    link_down(w, 0, 2);
    run(w, 2000);
    publish(w, 0, 8);
    run(w, 500);
    for (uint32_t i = 1; i < w->count; i++) {
        assert_int_equal(w->nodes[i].seen[0], 1);
        assert_int_equal(w->nodes[i].seen[8], 1);
    }
    assert_int_equal(w->nodes[0].received, 0);
    world_close(w);
}

static void test_pending_messages_stay(void **state)
{
    (void)state;
    struct world *w = world_open(3, true);
    link_up(w, 0, 1);
    link_up(w, 1, 2);
    subscribe_all(w);
    run(w, 2000);
    w->mute = true;
    publish(w, 0, 0);
    run(w, 10000);
    assert_int_equal(w->nodes[1].seen[0], 1);
    assert_int_equal(w->nodes[2].seen[0], 0);
    assert_int_equal(gossip_counters(w->nodes[1].gossip)->ihave_out, 0);
    gossip_validate(w->nodes[1].gossip, 1, P2P_ACCEPT, w->now_ms);
    drain(w, 1);
    run(w, 100);
    assert_int_equal(w->nodes[2].seen[0], 1);
    world_close(w);
}

static void test_unsubscribing_leaves_the_mesh(void **state)
{
    (void)state;
    struct world *w = world_open(4, true);
    link_all(w);
    subscribe_all(w);
    run(w, 3000);
    assert_true(gossip_in_mesh(w->nodes[1].gossip, "news", 0));
    gossip_unsubscribe(w->nodes[0].gossip, "news", w->now_ms);
    drain(w, 0);
    run(w, 100);
    for (uint32_t i = 1; i < w->count; i++) {
        assert_false(gossip_in_mesh(w->nodes[i].gossip, "news", 0));
        assert_false(gossip_has_subscribed(w->nodes[i].gossip, "news", 0));
    }
    publish(w, 1, 1);
    run(w, 8000);
    assert_int_equal(w->nodes[0].received, 0);
    /* The short backoff of a peer that left is over: it may come back. */
    assert_int_equal(gossip_subscribe(w->nodes[0].gossip, "news", w->now_ms), ERR_OK);
    run(w, 10000);
    assert_true(gossip_mesh_size(w->nodes[0].gossip, "news") == 3);
    world_close(w);
}

/* P2P-5: the same seed, the same traffic. */
static void test_same_seed_same_traffic(void **state)
{
    (void)state;
    struct gossip_counters counters[2];
    for (int i = 0; i < 2; i++) {
        struct world *w = world_open(12, false);
        link_all(w);
        subscribe_all(w);
        run(w, 3000);
        for (uint32_t what = 0; what < 24; what++)
            publish(w, what % w->count, what);
        run(w, 5000);
        counters[i] = *gossip_counters(w->nodes[5].gossip);
        world_close(w);
    }
    assert_memory_equal(&counters[0], &counters[1], sizeof counters[0]);
    assert_true(counters[0].rpc_in > 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_every_message_reaches_all_once),
        cmocka_unit_test(test_degrees_stay_in_bounds),
        cmocka_unit_test(test_a_line_forwards),
        cmocka_unit_test(test_lost_peers_are_replaced),
        cmocka_unit_test(test_gossip_reaches_past_the_mesh),
        cmocka_unit_test(test_fanout_without_subscription),
        cmocka_unit_test(test_pending_messages_stay),
        cmocka_unit_test(test_unsubscribing_leaves_the_mesh),
        cmocka_unit_test(test_same_seed_same_traffic),
    };
    return cmocka_run_group_tests_name("gossip_mesh", all, NULL, NULL);
}
