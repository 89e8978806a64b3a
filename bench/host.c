#include "host.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void must(enum err e)
{
    if (e == ERR_OK)
        return;
    fprintf(stderr, "bench: %s\n", err_text(e));
    exit(1);
}

uint64_t clock_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t now_ms(void)
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

void host_drain(struct end *h)
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
    host_drain(ctx);
}

static void on_dialed(void *ctx, uint32_t conn, bool ok)
{
    p2p_on_dialed(((struct end *)ctx)->p, conn, ok, now_ms());
    host_drain(ctx);
}

static void on_data(void *ctx, uint32_t conn, struct span bytes)
{
    p2p_on_data(((struct end *)ctx)->p, conn, bytes, now_ms());
    host_drain(ctx);
}

static void on_written(void *ctx, uint32_t conn, size_t bytes)
{
    p2p_on_written(((struct end *)ctx)->p, conn, bytes, now_ms());
    host_drain(ctx);
}

static void on_closed(void *ctx, uint32_t conn)
{
    p2p_on_closed(((struct end *)ctx)->p, conn, now_ms());
    host_drain(ctx);
}

void host_open_end(struct hosts *w, uint8_t number, bool redial, uint32_t connections)
{
    assert(w->count < HOSTS_MAX);
    struct end *h = &w->ends[w->count];
    struct net_callbacks callbacks = {h, on_accepted, on_dialed, on_data, on_written, on_closed};
    struct p2p_config c = {.seed = number,
                           .seqno_start = 1000,
                           .agent = "platform/bench",
                           .listen = {{.family = 4, .address = {127, 0, 0, 1}}},
                           .listen_count = 1};
    p2p_limits_default(&c.limits);
    c.limits.connections = connections;
    if (redial)
        c.limits.redial_min_ms = c.limits.redial_max_ms = 1;
    memset(c.identity_seed, number + 1, sizeof c.identity_seed);
    memset(c.entropy, number + 101, sizeof c.entropy);
    must(net_open(&h->net, &w->loop, connections + 16, &callbacks));
    must(net_listen(h->net, &c.listen[0], &h->port));
    c.listen[0].port = h->port;
    must(arena_open(&h->arena, p2p_arena_size(&c)));
    must(p2p_init(&h->p, &h->arena, &c, now_ms()));
    w->count++;
    must(p2p_subscribe(h->p, "bench"));
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* It only ends the wait. */
}

/* One turn: what is due, then what the sockets bring. */
void hosts_turn(struct hosts *w)
{
    uint64_t now = now_ms(), wake = UINT64_MAX;
    for (uint32_t i = 0; i < w->count; i++) {
        if (now >= p2p_wake_at(w->ends[i].p))
            p2p_on_time(w->ends[i].p, now);
        host_drain(&w->ends[i]);
        wake = min_u64(wake, p2p_wake_at(w->ends[i].p));
    }
    uv_timer_start(&w->timer, on_timer, wake > now ? min_u64(wake - now, 100) : 1, 0);
    uv_run(&w->loop, UV_RUN_ONCE);
}

void hosts_open(struct hosts *w)
{
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->timer);
}

void hosts_close(struct hosts *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        net_close(w->ends[i].net);
        p2p_deinit(w->ends[i].p);
        w->ends[i].draining = true;
    }
    uv_close((uv_handle_t *)&w->timer, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
    for (uint32_t i = 0; i < w->count; i++)
        arena_close(&w->ends[i].arena);
}
