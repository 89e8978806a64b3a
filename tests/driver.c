#include "driver.h"

uint64_t driver_now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void perform(struct driver *d, const struct p2p_out *o)
{
    d->seen[o->kind]++;
    switch (o->kind) {
    case P2P_OUT_DIAL:
        net_dial(d->net, o->conn, &o->endpoint);
        break;
    case P2P_OUT_WRITE:
        net_write(d->net, o->conn, o->bytes);
        break;
    case P2P_OUT_CLOSE:
        net_hang_up(d->net, o->conn);
        break;
    case P2P_OUT_PEER_UP:
    case P2P_OUT_PEER_DOWN:
    case P2P_OUT_FRAME:
    case P2P_OUT_GOSSIP:
        break;
    }
    if (d->on_out != NULL)
        d->on_out(d->ctx, o);
    if (o->kind == P2P_OUT_GOSSIP)
        p2p_validate(d->p2p, o->message, d->verdict, driver_now_ms());
}

/* What is asked for meanwhile is taken up by the outermost call. */
void driver_drain(struct driver *d)
{
    struct p2p_out o;
    if (d->draining)
        return;
    d->draining = true;
    while (p2p_poll(d->p2p, &o))
        perform(d, &o);
    d->draining = false;
}

static void on_accepted(void *ctx, uint32_t conn, const struct p2p_endpoint *from)
{
    p2p_on_accepted(((struct driver *)ctx)->p2p, conn, from, driver_now_ms());
    driver_drain(ctx);
}

static void on_dialed(void *ctx, uint32_t conn, bool ok)
{
    p2p_on_dialed(((struct driver *)ctx)->p2p, conn, ok, driver_now_ms());
    driver_drain(ctx);
}

static void on_data(void *ctx, uint32_t conn, struct span bytes)
{
    p2p_on_data(((struct driver *)ctx)->p2p, conn, bytes, driver_now_ms());
    driver_drain(ctx);
}

static void on_written(void *ctx, uint32_t conn, size_t bytes)
{
    p2p_on_written(((struct driver *)ctx)->p2p, conn, bytes, driver_now_ms());
    driver_drain(ctx);
}

static void on_closed(void *ctx, uint32_t conn)
{
    p2p_on_closed(((struct driver *)ctx)->p2p, conn, driver_now_ms());
    driver_drain(ctx);
}

enum err driver_open(struct driver *d, uv_loop_t *loop, struct p2p_config *c, uint32_t sockets)
{
    struct net_callbacks callbacks = {d, on_accepted, on_dialed, on_data, on_written, on_closed};
    enum err e = net_open(&d->net, loop, sockets, &callbacks);
    if (e == ERR_OK && c->listen_count == 1)
        e = net_listen(d->net, &c->listen[0], &d->port);
    c->listen[0].port = d->port;
    if (e == ERR_OK)
        e = arena_open(&d->arena, p2p_arena_size(c));
    if (e == ERR_OK)
        e = p2p_init(&d->p2p, &d->arena, c, driver_now_ms());
    return e;
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* It only ends the wait. */
}

void driver_turn(struct driver *all, uint32_t count, uv_timer_t *timer)
{
    uint64_t now = driver_now_ms(), wake = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        if (now >= p2p_wake_at(all[i].p2p))
            p2p_on_time(all[i].p2p, now);
        driver_drain(&all[i]);
        wake = min_u64(wake, p2p_wake_at(all[i].p2p));
    }
    /* A timer that counts from an old time may end before the wait, which then has no end. */
    uv_update_time(timer->loop);
    uv_timer_start(timer, on_timer, wake > now ? min_u64(wake - now, 100) : 1, 0);
    uv_run(timer->loop, UV_RUN_ONCE);
}

void driver_close(struct driver *d)
{
    net_close(d->net);
    p2p_deinit(d->p2p);
    d->draining = true;
}

void driver_free(struct driver *d)
{
    arena_close(&d->arena);
}
