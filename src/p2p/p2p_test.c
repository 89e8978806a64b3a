#include "base/test.h"
#include "p2p/p2p_net_test.h"

static struct net *open_net(int hosts)
{
    struct net *n = calloc(1, sizeof *n);
    n->now_ms = 1000;
    for (int i = 0; i < hosts; i++) {
        struct p2p_config c = net_config(i);
        (void)net_add(n, &c);
    }
    return n;
}

static void close_net(struct net *n)
{
    net_close(n);
    free(n);
}

static const struct peer_id *id_of(const struct net *n, int host)
{
    return p2p_self(n->hosts[host].p);
}

static void test_two_hosts_meet(void **state)
{
    (void)state;
    struct net *n = open_net(2);
    net_connect(n, 0, 1);
    for (int i = 0; i < 2; i++) {
        struct p2p_peer_info info;
        assert_int_equal(n->hosts[i].ups, 1);
        assert_true(p2p_peer(n->hosts[i].p, 0, &info));
        assert_true(peer_id_equal(&info.id, id_of(n, 1 - i)));
        assert_string_equal(info.agent, "platform/test");
        assert_int_equal(info.inbound, i == 1);
        assert_int_equal(info.ping_us, 1000);
        assert_false(p2p_peer(n->hosts[i].p, 1, &info));
        assert_int_equal(p2p_counters(n->hosts[i].p)->handshakes, 1);
    }
    close_net(n);
}

static void test_frames_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4, 4095, 70000, 300000, P2P_FRAME_MAX};
    static uint8_t frame[P2P_FRAME_MAX + 1];
    struct net *n = open_net(2);
    net_connect(n, 0, 1);
    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 31 >> 3);
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (int from = 0; from < 2; from++) {
            enum p2p_protocol protocol = i % 2 ? P2P_BFT : P2P_BLOB;
            struct net_host *to = &n->hosts[1 - from];
            assert_int_equal(p2p_send(n->hosts[from].p, id_of(n, 1 - from), protocol,
                                      span_of(frame, sizes[i]), n->now_ms),
                             ERR_OK);
            net_run(n);
            assert_int_equal(to->frames, i + 1);
            assert_int_equal(to->frame_protocol, protocol);
            assert_int_equal(to->frame_len, sizes[i]);
            assert_memory_equal(to->frame, frame, sizes[i]);
            assert_true(peer_id_equal(&to->from, id_of(n, from)));
        }
    struct p2p *p = n->hosts[0].p;
    assert_int_equal(p2p_send(p, id_of(n, 1), P2P_BFT, span_of(frame, sizeof frame), n->now_ms),
                     ERR_TOO_BIG);
    assert_int_equal(p2p_send(p, id_of(n, 0), P2P_BFT, span_of(frame, 1), n->now_ms),
                     ERR_NOT_FOUND);
    close_net(n);
}

/* Every way to cut the bytes gives the same result. */
static void test_any_split_will_do(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 600; piece += piece < 80 ? 1 : 37) {
        struct net *n = open_net(2);
        n->piece = piece;
        net_connect(n, 0, 1);
        assert_int_equal(
            p2p_send(n->hosts[1].p, id_of(n, 0), P2P_BFT, SPAN_LITERAL("a vote"), n->now_ms),
            ERR_OK);
        net_run(n);
        assert_int_equal(n->hosts[0].frames, 1);
        assert_int_equal(n->hosts[0].ups + n->hosts[1].ups, 2);
        assert_int_equal(n->hosts[0].downs + n->hosts[1].downs, 0);
        close_net(n);
    }
}

static uint64_t story(uint64_t seed, uint64_t *written)
{
    struct net *n = calloc(1, sizeof *n);
    for (int i = 0; i < 4; i++) {
        struct p2p_config c = net_config(i);
        c.seed += seed;
        (void)net_add(n, &c);
        assert_int_equal(p2p_subscribe(n->hosts[i].p, "t"), ERR_OK);
    }
    for (int i = 1; i < 4; i++)
        net_connect(n, i, 0);
    net_pass(n, 70000);
    for (int i = 0; i < 4; i++)
        (void)p2p_publish(n->hosts[i].p, "t", SPAN_LITERAL("news"), n->now_ms);
    net_pass(n, 20000);
    uint64_t hash = 0;
    *written = 0;
    for (int i = 0; i < 4; i++) {
        hash = hash * 31 + n->hosts[i].bytes_hash;
        *written += p2p_counters(n->hosts[i].p)->bytes_out;
    }
    close_net(n);
    return hash;
}

static void test_same_seed_same_bytes(void **state)
{
    (void)state;
    uint64_t a, b, c;
    uint64_t first = story(0, &a), again = story(0, &b), other = story(7, &c);
    assert_true(first == again);
    assert_int_equal(a, b);
    assert_true(first != other);
}

static void test_gossip_reaches_all_once(void **state)
{
    (void)state;
    enum { HOSTS = 8 };
    struct net *n = open_net(HOSTS);
    for (int i = 0; i < HOSTS; i++)
        assert_int_equal(p2p_subscribe(n->hosts[i].p, "blocks"), ERR_OK);
    for (int i = 1; i < HOSTS; i++)
        net_connect(n, i, i - 1); /* a chain */
    net_pass(n, 3000);
    assert_int_equal(p2p_publish(n->hosts[0].p, "blocks", SPAN_LITERAL("hello"), n->now_ms),
                     ERR_OK);
    net_pass(n, 3000);
    for (int i = 1; i < HOSTS; i++) {
        assert_int_equal(n->hosts[i].gossips, 1);
        assert_int_equal(n->hosts[i].gossip_len, 5);
        assert_true(peer_id_equal(&n->hosts[i].from, id_of(n, 0)));
    }
    assert_int_equal(n->hosts[0].gossips, 0);
    assert_int_equal(p2p_counters(n->hosts[1].p)->gossip_in, 1);
    assert_true(p2p_counters(n->hosts[0].p)->gossip_out > 0);
    assert_true(p2p_counters(n->hosts[1].p)->graft > 0);
    assert_int_equal(p2p_publish(n->hosts[0].p, "nobody", SPAN_LITERAL("x"), n->now_ms),
                     ERR_NOT_FOUND);
    close_net(n);
}

static void test_rejected_gossip_stops_here(void **state)
{
    (void)state;
    struct net *n = open_net(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(p2p_subscribe(n->hosts[i].p, "t"), ERR_OK);
    struct p2p_endpoint one = net_endpoint(1);
    n->hosts[1].verdict = P2P_REJECT;
    assert_int_equal(p2p_bootstrap(n->hosts[0].p, &one), ERR_OK);
    assert_int_equal(p2p_bootstrap(n->hosts[2].p, &one), ERR_OK);
    n->hosts[0].refuses = n->hosts[2].refuses = true; /* 0 and 2 never meet */
    net_pass(n, 3000);
    assert_int_equal(p2p_publish(n->hosts[0].p, "t", SPAN_LITERAL("bad"), n->now_ms), ERR_OK);
    net_pass(n, 3000);
    assert_int_equal(n->hosts[1].gossips, 1);
    assert_int_equal(p2p_counters(n->hosts[1].p)->gossip_rejected, 1);
    assert_int_equal(n->hosts[2].gossips, 0);
    close_net(n);
}

/* The first few end the connection; the rest of the same bytes has nobody to
 * be blamed for it. */
static void test_many_bad_messages_at_once(void **state)
{
    (void)state;
    enum { MESSAGES = 64 };
    struct net *n = open_net(2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(p2p_subscribe(n->hosts[i].p, "t"), ERR_OK);
    n->hosts[1].verdict = P2P_REJECT;
    n->hosts[0].refuses = true;
    net_connect(n, 0, 1);
    net_pass(n, 3000);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(p2p_publish(n->hosts[0].p, "t", SPAN_LITERAL("bad"), n->now_ms), ERR_OK);
    net_run(n);
    assert_string_equal(n->hosts[1].why, "gossip_invalid_messages");
    assert_int_equal(n->hosts[1].from.len, id_of(n, 0)->len);
    assert_true(n->hosts[1].gossips > 16);
    close_net(n);
}

/* Everyone knows host 0 only; in the end everyone knows everyone. */
static void test_peers_are_learnt_from_peers(void **state)
{
    (void)state;
    enum { HOSTS = 5 };
    struct net *n = open_net(HOSTS);
    for (int i = 1; i < HOSTS; i++)
        net_connect(n, i, 0);
    net_pass(n, 70000);
    for (int i = 0; i < HOSTS; i++) {
        struct p2p_peer_info info;
        assert_true(p2p_peer(n->hosts[i].p, HOSTS - 2, &info));
        assert_false(p2p_peer(n->hosts[i].p, HOSTS - 1, &info));
    }
    close_net(n);
}

static void test_crossing_dials_leave_one_connection(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 300; piece += 7) {
        struct net *n = open_net(2);
        n->piece = piece;
        struct p2p_endpoint zero = net_endpoint(0), one = net_endpoint(1);
        assert_int_equal(p2p_bootstrap(n->hosts[0].p, &one), ERR_OK);
        assert_int_equal(p2p_bootstrap(n->hosts[1].p, &zero), ERR_OK);
        net_pass(n, 100);
        int open = 0;
        for (int i = 0; i < NET_PIPES_MAX; i++)
            open += n->pipes[i].used;
        assert_int_equal(open, 1);
        struct p2p_peer_info a, b;
        assert_true(p2p_peer(n->hosts[0].p, 0, &a) && p2p_peer(n->hosts[1].p, 0, &b));
        assert_int_not_equal(a.inbound, b.inbound);
        assert_true(p2p_counters(n->hosts[0].p)->closed[P2P_WHY_DUPLICATE] +
                        p2p_counters(n->hosts[1].p)->closed[P2P_WHY_DUPLICATE] >
                    0);
        /* And it is of use. */
        assert_int_equal(
            p2p_send(n->hosts[0].p, id_of(n, 1), P2P_BFT, SPAN_LITERAL("x"), n->now_ms), ERR_OK);
        assert_int_equal(
            p2p_send(n->hosts[1].p, id_of(n, 0), P2P_BFT, SPAN_LITERAL("y"), n->now_ms), ERR_OK);
        net_pass(n, 100);
        assert_int_equal(n->hosts[0].frames, 1);
        assert_int_equal(n->hosts[1].frames, 1);
        assert_int_equal(n->hosts[0].ups, 1 + n->hosts[0].downs);
        for (int i = 0; i < 2; i++) /* Neither end has done anything wrong. */
            assert_int_equal(p2p_counters(n->hosts[i].p)->protocol_errors, 0);
        close_net(n);
    }
}

static void test_bootstrap_is_redialled_for_ever(void **state)
{
    (void)state;
    struct net *n = open_net(2);
    n->hosts[1].refuses = true;
    net_connect(n, 0, 1);
    net_pass(n, 600000);
    uint64_t dials = p2p_counters(n->hosts[0].p)->dials;
    assert_true(dials > 40 && dials < 80);
    n->hosts[1].refuses = false;
    net_pass(n, 15000); /* its last failure is no longer ago */
    assert_int_equal(n->hosts[0].ups, 1);
    /* Disconnected, it comes back. */
    p2p_disconnect(n->hosts[1].p, id_of(n, 0), "tired", n->now_ms);
    net_run(n);
    assert_string_equal(n->hosts[1].why, "tired");
    assert_string_equal(n->hosts[0].why, "goodbye");
    net_pass(n, 60000);
    assert_int_equal(n->hosts[0].ups, 2);
    assert_int_equal(n->hosts[1].ups, 2);
    close_net(n);
}

/* Once it asked to be looked at again and again until a dial was answered. */
static void test_dials_that_wait_for_a_place_wake_nobody(void **state)
{
    (void)state;
    enum { DIALS = 8, ADDRESSES = DIALS + 3 };
    struct net *n = open_net(1);
    struct p2p *p = n->hosts[0].p;
    struct p2p_out o;
    uint32_t conns[ADDRESSES], dials = 0;
    for (int i = 0; i < ADDRESSES; i++) {
        struct p2p_endpoint e = net_endpoint(1 + i);
        assert_int_equal(p2p_bootstrap(p, &e), ERR_OK);
    }
    while (p2p_poll(p, &o))
        if (o.kind == P2P_OUT_DIAL)
            conns[dials++] = o.conn;
    assert_int_equal(dials, DIALS);
    p2p_on_time(p, n->now_ms);
    assert_true(p2p_wake_at(p) > n->now_ms);
    p2p_on_dialed(p, conns[0], false, n->now_ms);
    p2p_on_time(p, n->now_ms);
    while (p2p_poll(p, &o))
        dials += o.kind == P2P_OUT_DIAL;
    assert_int_equal(dials, DIALS + 1);
    assert_true(p2p_wake_at(p) > n->now_ms);
    close_net(n);
}

/* Both ends see who it is, and count it as nothing bad. */
static void assert_knows_itself(struct net *n, int host, uint64_t dials)
{
    const struct p2p_counters *c = p2p_counters(n->hosts[host].p);
    assert_int_equal(c->closed[P2P_WHY_SELF], 2 * dials);
    assert_int_equal(c->closed[P2P_WHY_BAD_NOISE], 0);
    assert_int_equal(c->protocol_errors, 0);
    assert_int_equal(c->handshake_failures, 0);
}

static void test_own_address_is_dialled_once(void **state)
{
    (void)state;
    for (size_t piece = 0; piece < 300; piece += 7) {
        struct net *n = open_net(1);
        n->piece = piece;
        net_connect(n, 0, 0);
        net_pass(n, 300000);
        assert_int_equal(p2p_counters(n->hosts[0].p)->dials, 1);
        assert_knows_itself(n, 0, 1);
        assert_int_equal(n->hosts[0].ups, 0);
        close_net(n);
    }
}

/* The operator's list has our own place under another's id. */
static void test_own_address_under_another_id(void **state)
{
    (void)state;
    struct net *n = open_net(2);
    struct p2p_endpoint e = net_endpoint(0);
    e.has_peer = true;
    e.peer = *id_of(n, 1);
    assert_int_equal(p2p_bootstrap(n->hosts[0].p, &e), ERR_OK);
    net_pass(n, 300000);
    assert_int_equal(p2p_counters(n->hosts[0].p)->dials, 1);
    assert_knows_itself(n, 0, 1);
    close_net(n);
}

/* A peer says that it is to be found where we are; others hear of it. */
static void test_own_address_learnt_from_a_peer(void **state)
{
    (void)state;
    struct net *n = open_net(3);
    struct p2p_endpoint ours = net_endpoint(0);
    n->hosts[1].refuses = true;
    p2p_listening(n->hosts[1].p, &ours, 1, n->now_ms);
    net_connect(n, 1, 2);
    net_pass(n, 1000);
    net_connect(n, 0, 2);
    net_pass(n, 300000);
    assert_int_equal(p2p_counters(n->hosts[0].p)->dials, 2);
    assert_knows_itself(n, 0, 1);
    assert_int_equal(n->hosts[0].ups, 2);
    close_net(n);
}

static void test_wrong_peer_is_refused(void **state)
{
    (void)state;
    struct net *n = open_net(3);
    struct p2p_endpoint e = net_endpoint(1);
    e.has_peer = true;
    e.peer = *id_of(n, 2);
    assert_int_equal(p2p_bootstrap(n->hosts[0].p, &e), ERR_OK);
    net_run(n);
    assert_int_equal(n->hosts[0].ups + n->hosts[1].ups, 0);
    assert_int_equal(p2p_counters(n->hosts[0].p)->closed[P2P_WHY_WRONG_PEER], 1);
    assert_int_equal(p2p_counters(n->hosts[0].p)->handshake_failures, 1);
    /* Who answered as itself has done nothing wrong, nor is it told who we are. */
    assert_int_equal(p2p_counters(n->hosts[1].p)->protocol_errors, 0);
    assert_int_equal(p2p_counters(n->hosts[1].p)->closed[P2P_WHY_CLOSED], 1);
    close_net(n);
}

static void test_silent_peer_times_out(void **state)
{
    (void)state;
    struct net *n = open_net(2);
    net_connect(n, 0, 1);
    struct p2p *p = n->hosts[0].p;
    /* Host 1 stops to take part. */
    uint64_t now = n->now_ms;
    struct p2p_out o;
    while (n->hosts[0].downs == 0 && now < 100000) {
        now = max_u64(now + 1, p2p_wake_at(p));
        p2p_on_time(p, now);
        while (p2p_poll(p, &o))
            if (o.kind == P2P_OUT_PEER_DOWN) {
                n->hosts[0].downs++;
                assert_string_equal(o.why, "ping_timeout");
            }
    }
    assert_int_equal(n->hosts[0].downs, 1);
    assert_true(now > 20000 && now < 60000);
    close_net(n);
}

static void test_push_tells_new_addresses(void **state)
{
    (void)state;
    struct net *n = open_net(3);
    net_connect(n, 0, 1);
    net_pass(n, 1000);
    /* Host 2 moves in where host 0 says that it listens now: a peer of 1 that
     * hears of 0 dials it there. */
    struct p2p_endpoint moved = net_endpoint(0);
    p2p_listening(n->hosts[0].p, &moved, 1, n->now_ms);
    net_pass(n, 1000);
    assert_int_equal(n->hosts[0].downs + n->hosts[1].downs, 0);
    net_connect(n, 2, 1);
    net_pass(n, 70000);
    assert_int_equal(n->hosts[2].ups, 2);
    close_net(n);
}

/* A slow reader costs its own buffer and nothing else. */
static void test_full_buffer_refuses_frames(void **state)
{
    (void)state;
    static uint8_t frame[200000];
    struct net *n = open_net(2);
    net_connect(n, 0, 1);
    struct p2p *p = n->hosts[0].p;
    struct p2p_limits l;
    p2p_limits_default(&l);
    int sent = 0;
    while (p2p_send(p, id_of(n, 1), P2P_BLOB, span_of(frame, sizeof frame), n->now_ms) == ERR_OK)
        sent++;
    struct p2p_peer_info info;
    assert_true(p2p_peer(p, 0, &info));
    assert_true(info.buffered <= l.buffered_per_peer);
    assert_true(sent >= 10);
    assert_int_equal(p2p_counters(p)->frames_dropped, 1);
    net_run(n);
    assert_int_equal(n->hosts[1].frames, sent);
    assert_true(p2p_peer(p, 0, &info));
    assert_int_equal(info.buffered, 0);
    close_net(n);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_two_hosts_meet),
        cmocka_unit_test(test_frames_arrive_whole),
        cmocka_unit_test(test_any_split_will_do),
        cmocka_unit_test(test_same_seed_same_bytes),
        cmocka_unit_test(test_gossip_reaches_all_once),
        cmocka_unit_test(test_rejected_gossip_stops_here),
        cmocka_unit_test(test_many_bad_messages_at_once),
        cmocka_unit_test(test_peers_are_learnt_from_peers),
        cmocka_unit_test(test_crossing_dials_leave_one_connection),
        cmocka_unit_test(test_bootstrap_is_redialled_for_ever),
        cmocka_unit_test(test_dials_that_wait_for_a_place_wake_nobody),
        cmocka_unit_test(test_own_address_is_dialled_once),
        cmocka_unit_test(test_own_address_under_another_id),
        cmocka_unit_test(test_own_address_learnt_from_a_peer),
        cmocka_unit_test(test_wrong_peer_is_refused),
        cmocka_unit_test(test_silent_peer_times_out),
        cmocka_unit_test(test_push_tells_new_addresses),
        cmocka_unit_test(test_full_buffer_refuses_frames),
    };
    return cmocka_run_group_tests_name("p2p", all, NULL, NULL);
}
