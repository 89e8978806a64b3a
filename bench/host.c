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

void hosts_open(struct hosts *w)
{
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->timer);
}

void hosts_add(struct hosts *w, uint8_t number, bool redial, uint32_t connections)
{
    assert(w->count < HOSTS_MAX);
    struct driver *h = &w->ends[w->count++];
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
    h->verdict = P2P_ACCEPT;
    must(driver_open(h, &w->loop, &c, connections + 16));
    must(p2p_subscribe(h->p2p, "bench"));
}

void hosts_turn(struct hosts *w)
{
    driver_turn(w->ends, w->count, &w->timer);
}

void hosts_close(struct hosts *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        driver_close(&w->ends[i]);
    uv_close((uv_handle_t *)&w->timer, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
    for (uint32_t i = 0; i < w->count; i++)
        driver_free(&w->ends[i]);
}
