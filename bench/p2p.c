/* p2p: two hosts over real sockets of loopback, on one loop and so on one core:
 * everything that a validator's network costs, sockets and kernel included.  The
 * thread's own CPU time counts, so that a busy neighbour counts little; dial_p50
 * alone is time on the wall.  Each figure is the median of BURSTS.
 *
 * handshakes  TCP, multistream, Noise, Yamux, identify of one side: dials a second
 * stream      one stream of 256 KiB frames
 * streams     open, negotiate, 32 bytes there and back, close
 * gossip      signed messages of 256 bytes, verified and delivered */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "os/net.h"

enum {
    BURSTS = 7,
    DIALS = 60,
    STREAMS = 1000,
    FRAMES = 256,
    FRAME_SIZE = 256 << 10,
    MESSAGES = 2000,
    MESSAGE_SIZE = 256,
    WINDOW = 64,
};

struct end {
    struct arena arena;
    struct net *net;
    struct p2p *p;
    uint16_t port;
    bool draining;
    uint32_t ups, downs, frames, gossips;
};

struct pair {
    uv_loop_t loop;
    uv_timer_t timer;
    struct end ends[2];
    struct peer_id far;
    uint64_t dial_us[BURSTS * DIALS + DIALS];
    uint32_t dials;
};

static void must(enum err e)
{
    if (e == ERR_OK)
        return;
    fprintf(stderr, "p2p: %s\n", err_text(e));
    exit(1);
}

static uint64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t now_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000;
}

static void perform(struct end *h, const struct p2p_out *o)
{
    switch (o->kind) {
    case P2P_OUT_DIAL:
        net_dial(h->net, o->conn, &o->endpoint);
        break;
    case P2P_OUT_WRITE:
        net_write(h->net, o->conn, o->bytes);
        break;
    case P2P_OUT_CLOSE:
        net_hang_up(h->net, o->conn);
        break;
    case P2P_OUT_PEER_UP:
        h->ups++;
        break;
    case P2P_OUT_PEER_DOWN:
        h->downs++;
        break;
    case P2P_OUT_FRAME:
        h->frames++;
        break;
    case P2P_OUT_GOSSIP:
        h->gossips++;
        p2p_validate(h->p, o->message, P2P_ACCEPT, now_ms());
        break;
    }
}

static void drain(struct end *h)
{
    struct p2p_out o;
    if (h->draining)
        return;
    h->draining = true;
    while (p2p_poll(h->p, &o))
        perform(h, &o);
    h->draining = false;
}

static void on_accepted(void *ctx, uint32_t conn, const struct p2p_endpoint *from)
{
    p2p_on_accepted(((struct end *)ctx)->p, conn, from, now_ms());
    drain(ctx);
}

static void on_dialed(void *ctx, uint32_t conn, bool ok)
{
    p2p_on_dialed(((struct end *)ctx)->p, conn, ok, now_ms());
    drain(ctx);
}

static void on_data(void *ctx, uint32_t conn, struct span bytes)
{
    p2p_on_data(((struct end *)ctx)->p, conn, bytes, now_ms());
    drain(ctx);
}

static void on_written(void *ctx, uint32_t conn, size_t bytes)
{
    p2p_on_written(((struct end *)ctx)->p, conn, bytes, now_ms());
    drain(ctx);
}

static void on_closed(void *ctx, uint32_t conn)
{
    p2p_on_closed(((struct end *)ctx)->p, conn, now_ms());
    drain(ctx);
}

static void open_end(struct pair *w, uint8_t number, bool redial)
{
    struct end *h = &w->ends[number];
    struct net_callbacks callbacks = {h, on_accepted, on_dialed, on_data, on_written, on_closed};
    struct p2p_config c = {.seed = number,
                           .seqno_start = 1000,
                           .agent = "platform/bench",
                           .listen = {{.family = 4, .address = {127, 0, 0, 1}}},
                           .listen_count = 1};
    p2p_limits_default(&c.limits);
    c.limits.connections = 64;
    if (redial)
        c.limits.redial_min_ms = c.limits.redial_max_ms = 1;
    memset(c.identity_seed, number + 1, sizeof c.identity_seed);
    memset(c.entropy, number + 101, sizeof c.entropy);
    must(net_open(&h->net, &w->loop, 80, &callbacks));
    must(net_listen(h->net, &c.listen[0], &h->port));
    c.listen[0].port = h->port;
    must(arena_open(&h->arena, p2p_arena_size(&c)));
    must(p2p_init(&h->p, &h->arena, &c, now_ms()));
    must(p2p_subscribe(h->p, "bench"));
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* It only ends the wait. */
}

/* One turn: what is due, then what the sockets bring. */
static void turn(struct pair *w)
{
    uint64_t now = now_ms(), wake = UINT64_MAX;
    for (int i = 0; i < 2; i++) {
        if (now >= p2p_wake_at(w->ends[i].p))
            p2p_on_time(w->ends[i].p, now);
        drain(&w->ends[i]);
        wake = min_u64(wake, p2p_wake_at(w->ends[i].p));
    }
    uv_timer_start(&w->timer, on_timer, wake > now ? min_u64(wake - now, 100) : 1, 0);
    uv_run(&w->loop, UV_RUN_ONCE);
}

static void open_pair(struct pair *w, bool redial)
{
    struct p2p_endpoint to = {.family = 4, .address = {127, 0, 0, 1}};
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->timer);
    open_end(w, 0, redial);
    open_end(w, 1, redial);
    w->far = *p2p_self(w->ends[1].p);
    to.port = w->ends[1].port;
    must(p2p_bootstrap(w->ends[0].p, &to));
    while (w->ends[0].ups == 0 || w->ends[1].ups == 0)
        turn(w);
    uint64_t end = now_ms() + 2500; /* The mesh forms. */
    while (now_ms() < end)
        turn(w);
}

static void close_pair(struct pair *w)
{
    for (int i = 0; i < 2; i++) {
        net_close(w->ends[i].net);
        p2p_deinit(w->ends[i].p);
        w->ends[i].draining = true;
    }
    uv_close((uv_handle_t *)&w->timer, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
    for (int i = 0; i < 2; i++)
        arena_close(&w->ends[i].arena);
    free(w);
}

static void dials(struct pair *w)
{
    for (int i = 0; i < DIALS; i++) {
        struct end *a = &w->ends[0], *b = &w->ends[1];
        uint32_t a_ups = a->ups, b_ups = b->ups, downs = b->downs;
        p2p_disconnect(a->p, &w->far, "again", now_ms());
        drain(a);
        while (b->downs == downs)
            turn(w);
        uint64_t start = clock_us(CLOCK_MONOTONIC);
        while (a->ups == a_ups || b->ups == b_ups)
            turn(w);
        w->dial_us[w->dials++] = clock_us(CLOCK_MONOTONIC) - start;
    }
}

static void streams(struct pair *w)
{
    struct end *a = &w->ends[0];
    for (int i = 0; i < STREAMS; i++) {
        uint64_t before = p2p_counters(a->p)->pings;
        while (p2p_ping(a->p, &w->far, now_ms()) != ERR_OK)
            turn(w);
        while (p2p_counters(a->p)->pings == before)
            turn(w);
    }
}

static void stream(struct pair *w)
{
    static uint8_t frame[FRAME_SIZE];
    struct end *a = &w->ends[0], *b = &w->ends[1];
    uint32_t before = b->frames;
    for (int sent = 0; b->frames - before < FRAMES;) {
        while (sent < FRAMES &&
               p2p_send(a->p, &w->far, P2P_BLOB, span_of(frame, sizeof frame), now_ms()) == ERR_OK)
            sent++;
        turn(w);
    }
}

static void gossip(struct pair *w)
{
    static uint8_t data[MESSAGE_SIZE];
    struct end *a = &w->ends[0], *b = &w->ends[1];
    uint32_t before = b->gossips;
    for (uint32_t sent = 0; b->gossips - before < MESSAGES;) {
        while (sent < MESSAGES && sent - (b->gossips - before) < WINDOW) {
            must(p2p_publish(a->p, "bench", span_of(data, sizeof data), now_ms()));
            sent++;
        }
        turn(w);
    }
}

static int by_value(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

static void figure(struct pair *w, const char *name, void (*burst)(struct pair *w), double count,
                   const char *unit)
{
    uint64_t us[BURSTS];
    burst(w);
    for (int i = 0; i < BURSTS; i++) {
        uint64_t start = clock_us(CLOCK_THREAD_CPUTIME_ID);
        burst(w);
        us[i] = clock_us(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    qsort(us, BURSTS, sizeof us[0], by_value);
    printf("p2p %s %.2f %s\n", name, count * 1e6 / (double)us[BURSTS / 2], unit);
    fflush(stdout);
}

int main(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);
    struct pair *w = calloc(1, sizeof *w);
    if (w == NULL)
        return 1;
    open_pair(w, true);
    figure(w, "handshakes", dials, DIALS, "/s");
    qsort(w->dial_us, w->dials, sizeof w->dial_us[0], by_value);
    printf("p2p dial_p50 %.2f ms\n", (double)w->dial_us[w->dials / 2] / 1000);
    close_pair(w);
    w = calloc(1, sizeof *w);
    if (w == NULL)
        return 1;
    open_pair(w, false);
    figure(w, "stream", stream, 8.0 * FRAMES * FRAME_SIZE / 1e9, "Gbit/s");
    figure(w, "streams", streams, STREAMS, "/s");
    figure(w, "gossip", gossip, MESSAGES, "/s");
    close_pair(w);
    return 0;
}
