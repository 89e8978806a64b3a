/* p2p_core: two hosts in one process, joined by memory: what the protocols cost
 * without sockets.  One line a figure: "p2p_core stream 5.1 Gbit/s".  Both ends
 * run on this one thread, and its own CPU time counts, so that a busy neighbour
 * counts little.  Each figure is the median of BURSTS. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "p2p/conn.h"
#include "p2p/p2p_net_test.h"

enum {
    BURSTS = 7,
    SLOTS = 16,
    HANDSHAKES = 60,
    CONNECTS = 40,
    STREAMS = 2000,
    FRAMES = 256,
    FRAME_SIZE = 256 << 10,
    MESSAGES = 2000,
    MESSAGE_SIZE = 256,
    WINDOW = 64,
};

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* count things of a burst, each of amount: so many per second. */
static void figure(const char *name, void (*burst)(void *ctx), void *ctx, double count,
                   const char *unit)
{
    uint64_t ns[BURSTS];
    burst(ctx);
    for (int i = 0; i < BURSTS; i++) {
        uint64_t start = cpu_ns();
        burst(ctx);
        ns[i] = cpu_ns() - start;
    }
    qsort(ns, BURSTS, sizeof ns[0], by_value);
    printf("p2p_core %s %.2f %s\n", name, count * 1e9 / (double)ns[BURSTS / 2], unit);
    fflush(stdout);
}

/* The transport alone: multistream, Noise, Yamux agreed on, both ends. */
struct pair {
    struct arena arena;
    struct rope_pool pool;
    struct conn_host shared[2];
    struct conn conns[2];
    struct yamux_stream streams[2][SLOTS];
    uint8_t wire[CONN_WIRE_SIZE];
};

static void open_pair(struct pair *w)
{
    enum err e = arena_open(&w->arena, rope_pool_size(256) + 2 * CONN_SCRATCH_SIZE + 64);
    assert(e == ERR_OK);
    e = rope_pool_init(&w->pool, &w->arena, 256);
    assert(e == ERR_OK);
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t seed[32] = {i}, zero[32] = {0};
        struct ed25519_keypair *k;
        struct conn_host *h = &w->shared[i];
        h->scratch = arena_alloc(&w->arena, CONN_SCRATCH_SIZE);
        memset(h->noise.secret, 40 + i, 32);
        x25519_public(h->noise.secret, h->noise.public);
        e = ed25519_open(span_of(seed, 32), &k);
        assert(e == ERR_OK);
        h->hello_size = hello_encode(k, h->noise.public, h->hello);
        ed25519_close(k);
        struct conn *c = &w->conns[i];
        e = aead_open(&c->send_aead, zero);
        assert(e == ERR_OK);
        e = aead_open(&c->receive_aead, zero);
        assert(e == ERR_OK);
        c->budget.pool = &w->pool;
        c->streams = w->streams[i];
        c->stream_count = SLOTS;
    }
}

static void close_pair(struct pair *w)
{
    for (int i = 0; i < 2; i++) {
        aead_close(&w->conns[i].send_aead);
        aead_close(&w->conns[i].receive_aead);
    }
    arena_close(&w->arena);
}

static void handshakes(void *ctx)
{
    struct pair *w = ctx;
    for (uint8_t n = 0; n < HANDSHAKES; n++) {
        uint8_t a[32] = {1, n}, b[32] = {2, n};
        conn_start(&w->conns[0], &w->shared[0], true, a);
        conn_start(&w->conns[1], &w->shared[1], false, b);
        for (int from = 0; conn_has_out(&w->conns[from]); from = 1 - from) {
            size_t len = 0;
            enum p2p_why why =
                conn_out(&w->conns[from], (struct room){w->wire, sizeof w->wire}, &len);
            assert(why == P2P_WHY_NONE);
            why = conn_in(&w->conns[1 - from], span_of(w->wire, len), 1 << 20, 0);
            assert(why == P2P_WHY_NONE);
        }
        for (int i = 0; i < 2; i++) {
            assert(w->conns[i].state == CONN_OPEN);
            conn_free(&w->conns[i]);
        }
    }
}

/* Whole hosts: disconnect, dial, prove, identify, ping, open gossip. */
static void connects(void *ctx)
{
    struct net *n = ctx;
    for (int i = 0; i < CONNECTS; i++) {
        uint32_t before = n->hosts[1].ups;
        p2p_disconnect(n->hosts[0].p, p2p_self(n->hosts[1].p), "again", n->now_ms);
        while (n->hosts[1].ups == before)
            net_pass(n, 1);
    }
}

static void streams(void *ctx)
{
    struct net *n = ctx;
    for (int i = 0; i < STREAMS; i++) {
        enum err e = p2p_ping(n->hosts[0].p, p2p_self(n->hosts[1].p), n->now_ms);
        assert(e == ERR_OK);
        net_run(n);
    }
}

static void stream(void *ctx)
{
    static uint8_t frame[FRAME_SIZE];
    struct net *n = ctx;
    uint32_t before = n->hosts[1].frames;
    for (int sent = 0; sent < FRAMES;) {
        while (sent < FRAMES && p2p_send(n->hosts[0].p, p2p_self(n->hosts[1].p), P2P_BLOB,
                                         span_of(frame, sizeof frame), n->now_ms) == ERR_OK)
            sent++;
        net_run(n);
    }
    assert(n->hosts[1].frames == before + FRAMES);
}

static void gossip(void *ctx)
{
    static uint8_t data[MESSAGE_SIZE];
    struct net *n = ctx;
    uint32_t before = n->hosts[1].gossips;
    for (int i = 0; i < MESSAGES; i++) {
        enum err e = p2p_publish(n->hosts[0].p, "bench", span_of(data, sizeof data), n->now_ms);
        assert(e == ERR_OK);
        if (i % WINDOW == WINDOW - 1)
            net_run(n);
    }
    net_pass(n, 1);
    assert(n->hosts[1].gossips == before + MESSAGES);
}

static struct net *open_net(bool redial)
{
    struct net *n = calloc(1, sizeof *n);
    assert(n != NULL);
    n->now_ms = 1000;
    for (int i = 0; i < 2; i++) {
        struct p2p_config c = net_config(i);
        c.limits.gossip_seen = 1 << 16;
        c.limits.gossip_cache = 4096;
        c.limits.buffered_total = 16 << 20;
        c.target_peers = 0; /* Host 1 does not dial back. */
        if (redial)
            c.limits.redial_min_ms = c.limits.redial_max_ms = 1;
        (void)net_add(n, &c);
        enum err e = p2p_subscribe(n->hosts[i].p, "bench");
        assert(e == ERR_OK);
    }
    net_connect(n, 0, 1);
    net_pass(n, 3000);
    return n;
}

static void close_net(struct net *n)
{
    net_close(n);
    free(n);
}

int main(void)
{
    struct pair *w = calloc(1, sizeof *w);
    assert(w != NULL);
    open_pair(w);
    figure("handshakes", handshakes, w, HANDSHAKES, "/s");
    close_pair(w);
    free(w);

    struct net *n = open_net(true);
    figure("connects", connects, n, CONNECTS, "/s");
    close_net(n);

    n = open_net(false);
    figure("streams", streams, n, STREAMS, "/s");
    figure("stream", stream, n, 8.0 * FRAMES * FRAME_SIZE / 1e9, "Gbit/s");
    figure("gossip", gossip, n, MESSAGES, "/s");
    close_net(n);
    return 0;
}
