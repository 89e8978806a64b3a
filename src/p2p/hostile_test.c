/* What strangers try, over a whole host: each gets its typed reason, a counter,
 * and costs nobody else anything. */
#include "base/test.h"
#include "codec/pb.h"
#include "p2p/conn.h"
#include "p2p/p2p_net_test.h"

enum { SLOTS = 32, BLOCKS = 1024 };

/* A peer that can do the handshake and then says what it likes. */
struct attacker {
    struct arena arena;
    struct rope_pool pool;
    struct conn_host shared;
    struct conn conn;
    struct yamux_stream streams[SLOTS];
    struct net_end *end;
    struct net *net;
    uint8_t scratch[CONN_SCRATCH_SIZE], wire[CONN_WIRE_SIZE];
};

static struct net *open_net(void)
{
    struct net *n = calloc(1, sizeof *n);
    n->now_ms = 1000;
    struct p2p_config c = net_config(0);
    c.limits.connections = 8;
    c.limits.connections_pending = 4;
    (void)net_add(n, &c);
    return n;
}

static const struct p2p_counters *counters(const struct net *n)
{
    return p2p_counters(n->hosts[0].p);
}

/* The end of a case: exactly this reason, nothing held, and the next peer is
 * served as if nothing had happened. */
static void close_net(struct net *n, enum p2p_why why)
{
    assert_int_equal(counters(n)->closed[why], 1);
    struct p2p_config c = net_config(1);
    (void)net_add(n, &c);
    net_connect(n, 1, 0);
    struct p2p_peer_info info;
    assert_true(p2p_peer(n->hosts[0].p, 0, &info));
    assert_true(peer_id_equal(&info.id, p2p_self(n->hosts[1].p)));
    assert_int_equal(info.buffered, 0);
    net_close(n);
    free(n);
}

static void say(struct net *n, struct net_end *end, struct span s)
{
    net_say(end, s);
    net_run(n);
}

#define HELLO "\x13/multistream/1.0.0\n\x07/noise\n"

static void test_slow_handshake_ends_on_time(void **state)
{
    (void)state;
    struct net *n = open_net();
    struct net_end *end = net_attack(n, 0);
    const char *dribble = HELLO;
    for (int i = 0; i < 12 && counters(n)->handshake_failures == 0; i++) {
        say(n, end, span_of(dribble + i, 1));
        net_pass(n, 1000);
    }
    assert_int_equal(n->now_ms, 1000 + 10000);
    assert_int_equal(counters(n)->limit_hits, 1);
    close_net(n, P2P_WHY_HANDSHAKE_TIMEOUT);
}

static void early(struct span bytes, enum p2p_why why)
{
    for (size_t piece = 0; piece < 3; piece++) {
        struct net *n = open_net();
        n->piece = piece;
        say(n, net_attack(n, 0), bytes);
        n->piece = 0;
        assert_int_equal(counters(n)->handshake_failures, 1);
        close_net(n, why);
    }
}

static void test_garbage_before_the_handshake(void **state)
{
    (void)state;
    uint8_t noise[16] = {0};
    early(SPAN_LITERAL("GET /a/path/that/is/longer/than/the/71/bytes/that/the/letter/G/announces"
                       " HTTP/1.0\r\n\r\n"),
          P2P_WHY_BAD_MULTISTREAM);
    early(SPAN_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), P2P_WHY_BAD_MULTISTREAM);
    early(span_of(noise, sizeof noise), P2P_WHY_BAD_MULTISTREAM);
    early(SPAN_LITERAL(HELLO "\xff\xff"), P2P_WHY_TOO_BIG);
    early(SPAN_LITERAL(HELLO "\x08\x01"), P2P_WHY_TOO_BIG);
    early(SPAN_LITERAL(HELLO "\x00\x00"), P2P_WHY_BAD_NOISE);
    early(SPAN_LITERAL(HELLO "\x00\x1f"
                             "0123456789012345678901234567890"),
          P2P_WHY_BAD_NOISE);
    /* A point of small order. */
    uint8_t low[sizeof HELLO - 1 + 34] = HELLO "\x00\x20";
    early(span_of(low, sizeof low), P2P_WHY_BAD_NOISE);
}

/* Each connection has an ephemeral key of its own: the one in the host's answer to
 * the first handshake message, behind both lines of multistream and a length. */
static void test_no_ephemeral_key_is_used_twice(void **state)
{
    (void)state;
    enum { AT = sizeof HELLO - 1 + 2, KEY = 32, TIMES = 4 };
    uint8_t first[sizeof HELLO - 1 + 34] = HELLO "\x00\x20\x09", keys[TIMES][KEY];
    struct net *n = open_net();
    for (int i = 0; i < TIMES; i++) {
        struct net_end *end = net_attack(n, 0);
        say(n, end, span_of(first, sizeof first));
        assert_true(end->in.used > AT + KEY);
        assert_memory_equal(end->in.bytes, HELLO, sizeof HELLO - 1);
        memcpy(keys[i], end->in.bytes + AT, KEY);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(keys[k], keys[i], KEY);
        end->closed = true;
        net_run(n);
    }
    (void)net_attack(n, 0);
    net_pass(n, 10000);
    close_net(n, P2P_WHY_HANDSHAKE_TIMEOUT);
}

static void test_cut_connections_leave_nothing(void **state)
{
    (void)state;
    struct net *n = open_net();
    for (int i = 0; i < 20; i++) {
        struct net_end *end = net_attack(n, 0);
        say(n, end, span_of(HELLO, (size_t)i));
        end->closed = true;
        net_run(n);
    }
    assert_int_equal(counters(n)->closed[P2P_WHY_CLOSED], 20);
    assert_int_equal(counters(n)->accepts, 20);
    (void)net_attack(n, 0)->closed;
    net_pass(n, 10000);
    close_net(n, P2P_WHY_HANDSHAKE_TIMEOUT);
}

static void test_limits_on_connections(void **state)
{
    (void)state;
    struct net *n = open_net();
    for (int i = 0; i < 5; i++)
        (void)net_attack(n, 0);
    net_run(n);
    assert_int_equal(counters(n)->accepts, 4);
    assert_string_equal(n->hosts[0].close_why, "limit_pending");
    assert_int_equal(counters(n)->limit_hits, 1);
    net_pass(n, 10000);
    assert_int_equal(counters(n)->closed[P2P_WHY_HANDSHAKE_TIMEOUT], 4);

    /* Loopback is exempt; everybody else has so many per address. */
    struct p2p_endpoint from = {.family = 4, .address = {10, 0, 0, 1}, .port = 1};
    struct p2p_config c = net_config(1);
    c.limits.connections_per_address = 2;
    c.limits.connections_pending = c.limits.connections + 1; /* The other limit is tried. */
    struct net_host *h = net_add(n, &c);
    for (uint32_t i = 0; i < 3; i++)
        p2p_on_accepted(h->p, NET_ACCEPTED | (1000 + i), &from, n->now_ms);
    assert_int_equal(p2p_counters(h->p)->accepts, 2);
    assert_int_equal(p2p_counters(h->p)->closed[P2P_WHY_PER_ADDRESS], 1);
    from.address[3] = 2;
    p2p_on_accepted(h->p, NET_ACCEPTED | 2000, &from, n->now_ms);
    assert_int_equal(p2p_counters(h->p)->accepts, 3);
    for (uint32_t i = 0; i < 2 * c.limits.connections; i++) {
        from.address[2] = (uint8_t)(i + 1);
        p2p_on_accepted(h->p, NET_ACCEPTED | (3000 + i), &from, n->now_ms);
    }
    assert_int_equal(p2p_counters(h->p)->accepts, c.limits.connections);
    assert_true(p2p_counters(h->p)->closed[P2P_WHY_CONNECTIONS] >= c.limits.connections);
    n->count = 1;
    p2p_deinit(h->p);
    arena_close(&h->arena);
    free(h->frame);
    close_net(n, P2P_WHY_PENDING);
}

/* What the attacker got from the host. */
static void hear(struct attacker *a)
{
    struct net_lane *in = &a->end->in;
    if (a->conn.state != CONN_FREE)
        (void)conn_in(&a->conn, span_of(in->bytes, in->used), 2 << 20, a->net->now_ms);
    in->used = 0;
}

static void turn(struct attacker *a)
{
    for (int i = 0; i < 8; i++) {
        while (conn_has_out(&a->conn)) {
            size_t len = 0;
            assert_int_equal(conn_out(&a->conn, (struct room){a->wire, sizeof a->wire}, &len),
                             P2P_WHY_NONE);
            net_say(a->end, span_of(a->wire, len));
            if (len == 0)
                break;
        }
        net_run(a->net);
        hear(a);
    }
}

static struct attacker *prepare(struct net *n)
{
    struct attacker *a = calloc(1, sizeof *a);
    struct ed25519_keypair *k;
    uint8_t zero[32] = {0}, seed[32] = {0x66};
    a->net = n;
    assert_int_equal(arena_open(&a->arena, rope_pool_size(BLOCKS)), ERR_OK);
    assert_int_equal(rope_pool_init(&a->pool, &a->arena, BLOCKS), ERR_OK);
    assert_int_equal(aead_open(&a->conn.send_aead, zero), ERR_OK);
    assert_int_equal(aead_open(&a->conn.receive_aead, zero), ERR_OK);
    a->conn.budget.pool = &a->pool;
    a->conn.streams = a->streams;
    a->conn.stream_count = SLOTS;
    memset(a->shared.noise.secret, 7, 32);
    x25519_public(a->shared.noise.secret, a->shared.noise.public);
    assert_int_equal(ed25519_open(span_of(seed, 32), &k), ERR_OK);
    a->shared.hello_size = hello_encode(k, a->shared.noise.public, a->shared.hello);
    ed25519_close(k);
    a->shared.scratch = a->scratch;
    a->end = net_attack(n, 0);
    return a;
}

static struct attacker *connect_attacker(struct net *n)
{
    struct attacker *a = prepare(n);
    uint8_t ephemeral[32] = {9};
    conn_start(&a->conn, &a->shared, true, ephemeral);
    turn(a);
    return a;
}

static void drop_attacker(struct attacker *a)
{
    a->end->closed = true;
    net_run(a->net);
    conn_free(&a->conn);
    aead_close(&a->conn.send_aead);
    aead_close(&a->conn.receive_aead);
    arena_close(&a->arena);
    free(a);
}

/* Opens a stream of a protocol, and says s in it. */
static uint16_t in_stream(struct attacker *a, const char *proposal, struct span s)
{
    uint16_t slot = yamux_open(&a->conn.yamux, 0);
    assert_int_equal(yamux_write(&a->conn.yamux, slot, SPAN_LITERAL("\x13/multistream/1.0.0\n")),
                     ERR_OK);
    assert_int_equal(yamux_write(&a->conn.yamux, slot, span_of(proposal, strlen(proposal))),
                     ERR_OK);
    assert_int_equal(yamux_write(&a->conn.yamux, slot, s), ERR_OK);
    turn(a);
    return slot;
}

/* The host asks who we are: answer in its stream. */
static void answer_identify(struct attacker *a, struct span answer)
{
    uint16_t slot = yamux_ready(&a->conn.yamux);
    assert_int_not_equal(slot, YAMUX_NONE);
    assert_int_equal(yamux_write(&a->conn.yamux, slot,
                                 SPAN_LITERAL("\x13/multistream/1.0.0\n\x0f/ipfs/id/1.0.0\n")),
                     ERR_OK);
    assert_int_equal(yamux_write(&a->conn.yamux, slot, answer), ERR_OK);
    yamux_close(&a->conn.yamux, slot);
    turn(a);
}

#define GOOD_IDENTIFY "\x16\x1a\x10/platform/bft/1x2\x02me" /* a protocol nobody has */

static struct attacker *identified_attacker(struct net *n)
{
    struct attacker *a = connect_attacker(n);
    answer_identify(a, SPAN_LITERAL(GOOD_IDENTIFY));
    assert_int_equal(n->hosts[0].ups, 1);
    return a;
}

/* Behind the handshake each direction has a key of its own, or the two would share
 * their nonces; and the secrets of the handshake are gone. */
static void test_directions_have_their_own_keys(void **state)
{
    (void)state;
    static const uint8_t zero[X25519_SIZE];
    struct net *n = open_net();
    struct attacker *a = connect_attacker(n);
    assert_memory_not_equal(a->conn.send_aead.key, a->conn.receive_aead.key, AEAD_KEY_SIZE);
    assert_memory_not_equal(a->conn.send_aead.key, zero, AEAD_KEY_SIZE);
    assert_memory_equal(a->conn.noise.ephemeral_secret, zero, X25519_SIZE);
    assert_memory_equal(a->conn.noise.chain, zero, X25519_SIZE);
    answer_identify(a, SPAN_LITERAL(GOOD_IDENTIFY));
    drop_attacker(a);
    close_net(n, P2P_WHY_CLOSED);
}

static void test_hellos_that_prove_nothing(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t flip;
        enum p2p_why why;
    } cases[] = {
        {3, 1, P2P_WHY_UNSUPPORTED_KEY}, /* type 0: RSA */
        {3, 3, P2P_WHY_UNSUPPORTED_KEY}, /* type 2: secp256k1 */
        {3, 8, P2P_WHY_BAD_HELLO},       /* no such type */
        {10, 1, P2P_WHY_BAD_HELLO},      /* another key */
        {50, 1, P2P_WHY_BAD_HELLO},      /* another signature */
        {0, 0xff, P2P_WHY_BAD_HELLO},    /* no protobuf */
        {110, 1, P2P_WHY_NO_MUXER},      /* another muxer */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct net *n = open_net();
        struct attacker *a = prepare(n);
        uint8_t ephemeral[32] = {9};
        a->shared.hello[cases[i].at] ^= cases[i].flip;
        conn_start(&a->conn, &a->shared, true, ephemeral);
        turn(a);
        assert_int_equal(n->hosts[0].ups, 0);
        drop_attacker(a);
        close_net(n, cases[i].why);
    }
}

/* One yamux frame, or whatever, through the encrypted channel. */
static void raw(struct span bytes, int times, enum p2p_why why)
{
    struct net *n = open_net();
    struct attacker *a = identified_attacker(n);
    uint8_t frame[64];
    memcpy(frame, bytes.ptr, bytes.len);
    for (int i = 0; i < times; i++) {
        assert_int_equal(rope_append(&a->conn.plain, &a->conn.budget, span_of(frame, bytes.len)),
                         ERR_OK);
        frame[7] = (uint8_t)(frame[7] + 2); /* the next stream */
        frame[6] = (uint8_t)(frame[6] + (frame[7] < 2));
    }
    turn(a);
    assert_int_equal(n->hosts[0].downs, 1);
    assert_int_equal(counters(n)->protocol_errors, 1);
    drop_attacker(a);
    close_net(n, why);
}

static void test_hostile_yamux(void **state)
{
    (void)state;
    raw(SPAN_LITERAL("\0\1\0\1\0\0\0\x65\0\0\0\0"), 200, P2P_WHY_FLOOD); /* SYNs */
    raw(SPAN_LITERAL("\0\0\0\1\0\0\0\x65\xff\xff\xff\xff"), 1, P2P_WHY_BAD_YAMUX);
    raw(SPAN_LITERAL("\0\0\0\0\0\0\0\x65\xff\xff\xff\xff"), 1, P2P_WHY_BAD_YAMUX);
    raw(SPAN_LITERAL("\0\1\0\1\0\0\0\x65\xff\xff\xff\xff"), 1, P2P_WHY_BAD_YAMUX);
    raw(SPAN_LITERAL("\7\1\0\1\0\0\0\x65\0\0\0\0"), 1, P2P_WHY_BAD_YAMUX);
}

static void test_unauthentic_bytes_end_it(void **state)
{
    (void)state;
    struct net *n = open_net();
    struct attacker *a = identified_attacker(n);
    say(n, a->end,
        SPAN_LITERAL("\x00\x11"
                     "0123456789abcdefg"));
    assert_string_equal(n->hosts[0].why, "bad_noise");
    drop_attacker(a);
    close_net(n, P2P_WHY_BAD_NOISE);
}

static void identify_case(struct span answer, enum p2p_why why)
{
    struct net *n = open_net();
    struct attacker *a = connect_attacker(n);
    answer_identify(a, answer);
    assert_int_equal(n->hosts[0].ups, 0);
    drop_attacker(a);
    close_net(n, why);
}

static void test_hostile_identify(void **state)
{
    (void)state;
    uint8_t other[39] = {38, 0x0a, 36, 0x08, 1, 0x12, 32, 5};
    identify_case(SPAN_LITERAL("\x81\x40"), P2P_WHY_TOO_BIG); /* 8193 bytes to come */
    identify_case(SPAN_LITERAL("\x81\x00"), P2P_WHY_BAD_IDENTIFY);
    identify_case(SPAN_LITERAL(""), P2P_WHY_BAD_IDENTIFY);
    identify_case(SPAN_LITERAL("\x05\x1a\x01"), P2P_WHY_BAD_IDENTIFY); /* cut */
    identify_case(SPAN_LITERAL("\x02\x1a\x09"), P2P_WHY_BAD_IDENTIFY);
    identify_case(SPAN_LITERAL("\x04\x12\x02\x04\x7f"), P2P_WHY_BAD_IDENTIFY); /* half an address */
    identify_case(span_of(other, sizeof other), P2P_WHY_BAD_IDENTIFY);
    identify_case(SPAN_LITERAL("\0\0\0\0\0\0\0\0\0\0\0"), P2P_WHY_TOO_BIG); /* 11 frames */
}

/* Whoever does not speak identify is nobody. */
static void test_identify_is_not_refused(void **state)
{
    (void)state;
    struct net *n = open_net();
    struct attacker *a = connect_attacker(n);
    uint16_t slot = yamux_ready(&a->conn.yamux);
    assert_int_not_equal(slot, YAMUX_NONE);
    assert_int_equal(
        yamux_write(&a->conn.yamux, slot, SPAN_LITERAL("\x13/multistream/1.0.0\n\x03na\n")),
        ERR_OK);
    turn(a);
    assert_int_equal(n->hosts[0].ups, 0);
    drop_attacker(a);
    close_net(n, P2P_WHY_BAD_IDENTIFY);
}

/* Of the streams that the host has opened, the one that asks for ping. */
static uint16_t ping_stream(struct attacker *a)
{
    uint8_t said[256];
    for (;;) {
        uint16_t slot = yamux_ready(&a->conn.yamux);
        assert_int_not_equal(slot, YAMUX_NONE);
        size_t len = rope_peek(&a->streams[slot].in, (struct room){said, sizeof said});
        if (memmem(said, len, "/ipfs/ping", 10) != NULL)
            return slot;
    }
}

/* An answer to a ping that is not its echo, or more than it. */
static void test_false_echoes_end_it(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct net *n = open_net();
        struct attacker *a = connect_attacker(n);
        uint8_t echo[33] = {1, 2, 3};
        answer_identify(a, SPAN_LITERAL("\x16\x1a\x10/ipfs/ping/1.0.0"
                                        "2\x02me"));
        uint16_t slot = ping_stream(a);
        assert_int_equal(
            yamux_write(&a->conn.yamux, slot,
                        SPAN_LITERAL("\x13/multistream/1.0.0\n\x11/ipfs/ping/1.0.0\n")),
            ERR_OK);
        turn(a);
        if (more == 1) { /* the echo, and a byte behind it */
            uint8_t said[256];
            size_t len = rope_peek(&a->streams[slot].in, (struct room){said, sizeof said});
            assert_true(len >= 32);
            memcpy(echo, said + len - 32, 32);
        }
        assert_int_equal(yamux_write(&a->conn.yamux, slot, span_of(echo, 32 + more)), ERR_OK);
        turn(a);
        assert_int_equal(n->hosts[0].downs, 1);
        drop_attacker(a);
        close_net(n, P2P_WHY_BAD_PING);
    }
}

static void test_no_answer_to_identify(void **state)
{
    (void)state;
    struct net *n = open_net();
    struct attacker *a = connect_attacker(n);
    net_pass(n, 10000);
    assert_int_equal(n->hosts[0].ups, 0);
    drop_attacker(a);
    close_net(n, P2P_WHY_HANDSHAKE_TIMEOUT);
}

static void stream_case(const char *proposal, struct span s, enum p2p_why why)
{
    struct net *n = open_net();
    struct attacker *a = identified_attacker(n);
    (void)in_stream(a, proposal, s);
    assert_int_equal(n->hosts[0].downs, 1);
    assert_int_equal(n->hosts[0].frames, 0);
    drop_attacker(a);
    close_net(n, why);
}

static void test_oversize_frames(void **state)
{
    (void)state;
    stream_case("\x10/platform/bft/1\n", SPAN_LITERAL("\x01\x00\x10\x00"), P2P_WHY_TOO_BIG);
    stream_case("\x11/platform/blob/1\n", SPAN_LITERAL("\xff\xff\xff\xff"), P2P_WHY_TOO_BIG);
}

/* Streams that never say what they want, and one that asks for the unknown. */
static void test_slow_streams_are_reset(void **state)
{
    (void)state;
    struct net *n = open_net();
    struct attacker *a = identified_attacker(n);
    uint16_t slow = yamux_open(&a->conn.yamux, 0);
    assert_int_equal(yamux_write(&a->conn.yamux, slow, SPAN_LITERAL("\x13/mul")), ERR_OK);
    uint16_t bad = in_stream(a, "\x04/no\n", (struct span){0});
    uint64_t hits = counters(n)->limit_hits;
    assert_false(a->streams[slow].reset_in);
    net_pass(n, 10000);
    hear(a);
    assert_true(a->streams[slow].reset_in);
    assert_true(a->streams[bad].reset_in);
    assert_true(counters(n)->limit_hits >= hits + 2);
    assert_int_equal(n->hosts[0].downs, 0); /* the connection is fine */
    drop_attacker(a);
    close_net(n, P2P_WHY_CLOSED);
}

static void test_streams_of_one_kind_are_bounded(void **state)
{
    (void)state;
    struct net *n = open_net();
    struct attacker *a = identified_attacker(n);
    uint16_t s[3];
    for (int i = 0; i < 3; i++)
        s[i] = in_stream(a, "\x11/ipfs/ping/1.0.0\n", (struct span){0});
    assert_false(a->streams[s[0]].reset_in || a->streams[s[1]].reset_in);
    assert_true(a->streams[s[2]].reset_in);
    drop_attacker(a);
    close_net(n, P2P_WHY_CLOSED);
}

/* Pings whose answers are never read: the host stops to read them. */
static void test_unread_echoes_are_bounded(void **state)
{
    (void)state;
    struct net *n = open_net();
    struct attacker *a = identified_attacker(n);
    static uint8_t pings[64 << 10];
    a->conn.yamux.slots = SLOTS; /* credit is never returned: nobody calls yamux_credit */
    uint16_t s = in_stream(a, "\x11/ipfs/ping/1.0.0\n", (struct span){0});
    for (int i = 0; i < 40; i++) {
        (void)yamux_write(&a->conn.yamux, s, span_of(pings, sizeof pings));
        turn(a);
        yamux_read(&a->conn.yamux, s, a->streams[s].in.len);
    }
    struct p2p_peer_info info;
    assert_true(p2p_peer(n->hosts[0].p, 0, &info));
    assert_true(info.buffered <= 300 << 10);
    drop_attacker(a);
    close_net(n, P2P_WHY_CLOSED);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_slow_handshake_ends_on_time),
        cmocka_unit_test(test_garbage_before_the_handshake),
        cmocka_unit_test(test_no_ephemeral_key_is_used_twice),
        cmocka_unit_test(test_cut_connections_leave_nothing),
        cmocka_unit_test(test_limits_on_connections),
        cmocka_unit_test(test_directions_have_their_own_keys),
        cmocka_unit_test(test_hellos_that_prove_nothing),
        cmocka_unit_test(test_hostile_yamux),
        cmocka_unit_test(test_unauthentic_bytes_end_it),
        cmocka_unit_test(test_hostile_identify),
        cmocka_unit_test(test_identify_is_not_refused),
        cmocka_unit_test(test_false_echoes_end_it),
        cmocka_unit_test(test_no_answer_to_identify),
        cmocka_unit_test(test_oversize_frames),
        cmocka_unit_test(test_slow_streams_are_reset),
        cmocka_unit_test(test_streams_of_one_kind_are_bounded),
        cmocka_unit_test(test_unread_echoes_are_bounded),
    };
    return cmocka_run_group_tests_name("hostile", all, NULL, NULL);
}
