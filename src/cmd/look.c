#include "cmd/look.h"

#include <stdio.h>

#include "cmd/complain.h"
#include "os/files.h"
#include "os/ws.h"

struct looking {
    const struct look *l;
    uv_loop_t loop;
    uv_timer_t timer;
    struct ws *ws;
    struct chain *chain;
    struct arena memory;
    struct hash genesis;
    uint64_t deadline_ms;
    enum { STEP_METAGRAPH, STEP_WEIGHTS } step;
    bool asked;
    uint16_t uid;
    char why[64]; /* the connection was lost last */
    int code;     /* LOOK_AGAIN: still looking */
};

static void finish(struct looking *k, int code)
{
    if (code == LOOK_AGAIN)
        return;
    k->code = code;
    uv_stop(&k->loop);
}

static void on_metagraph(struct looking *k, const struct chain_metagraph *m)
{
    k->asked = false;
    k->step = STEP_METAGRAPH;
    if (m == NULL)
        return;
    int code = k->l->on_metagraph(k->l->ctx, m, &k->genesis, &k->uid);
    if (code == LOOK_AGAIN)
        k->step = STEP_WEIGHTS;
    finish(k, code);
}

static void dial(struct looking *k)
{
    if (ws_dial(k->ws, k->l->url) != ERR_OK)
        finish(k, cmd_complain(EXIT_USAGE, "not an address of a chain", k->l->url, NULL,
                               "for example ws://127.0.0.1:9944"));
}

static void on_out(struct looking *k, const struct chain_out *out)
{
    switch (out->kind) {
    case CHAIN_OUT_DIAL:
        dial(k);
        break;
    case CHAIN_OUT_SEND:
        ws_send(k->ws, out->text);
        break;
    case CHAIN_OUT_CLOSE:
        ws_hang_up(k->ws);
        break;
    case CHAIN_OUT_READY:
        k->genesis = out->genesis;
        break;
    case CHAIN_OUT_METAGRAPH:
        on_metagraph(k, out->metagraph);
        break;
    case CHAIN_OUT_WEIGHTS:
        k->asked = false;
        finish(k, k->l->on_weights(k->l->ctx, out->row, &k->uid));
        break;
    case CHAIN_OUT_DOWN:
        snprintf(k->why, sizeof k->why, "the connection: %s", chain_why_name(out->why));
        k->asked = false;
        k->step = STEP_METAGRAPH;
        break;
    case CHAIN_OUT_HEAD:
    case CHAIN_OUT_SIGN:
    case CHAIN_OUT_RESULT:
        break;
    }
}

static void ask(struct looking *k)
{
    if (k->code != LOOK_AGAIN || k->asked || !chain_is_ready(k->chain))
        return;
    uint64_t now = os_now_ms();
    enum err e = k->step == STEP_METAGRAPH ? chain_read_metagraph(k->chain, 1, now)
                                           : chain_read_weights(k->chain, 1, k->uid, now);
    k->asked = e == ERR_OK;
}

static void drain(struct looking *k)
{
    struct chain_out out;
    do {
        while (k->code == LOOK_AGAIN && chain_poll(k->chain, &out))
            on_out(k, &out);
        ask(k);
    } while (k->code == LOOK_AGAIN && chain_poll(k->chain, &out) && (on_out(k, &out), true));
}

static void on_timer(uv_timer_t *timer)
{
    struct looking *k = timer->data;
    uint64_t now = os_now_ms();
    if (now >= k->deadline_ms) {
        const char *why = k->why[0] != '\0' ? k->why
                          : chain_is_ready(k->chain)
                              ? "it has no such subnet, or no finalized block"
                              : "it did not answer in time";
        finish(k, cmd_complain(EXIT_UNREACHABLE, "the chain cannot be read", k->l->url, why,
                               "check the address and the netuid, or wait longer"));
        return;
    }
    chain_on_time(k->chain, now);
    drain(k);
}

static void on_up(void *ctx)
{
    struct looking *k = ctx;
    chain_on_connected(k->chain, os_now_ms());
    drain(k);
}

static void on_text(void *ctx, struct span text)
{
    struct looking *k = ctx;
    chain_on_text(k->chain, text, os_now_ms());
    drain(k);
}

static void on_down(void *ctx, enum chain_why why)
{
    struct looking *k = ctx;
    chain_on_disconnected(k->chain, why, os_now_ms());
    drain(k);
}

static enum err open_all(struct looking *k)
{
    struct chain_config c;
    chain_config_default(&c);
    c.netuid = k->l->netuid;
    c.endpoint_count = 1;
    c.redial_min_ms = 200;
    c.redial_max_ms = 2000;
    struct ws_callbacks callbacks = {k, on_up, on_text, on_down};
    uv_loop_init(&k->loop);
    uv_timer_init(&k->loop, &k->timer);
    k->timer.data = k;
    uv_timer_start(&k->timer, on_timer, 0, 100);
    enum err e = arena_open(&k->memory, chain_arena_size(&c));
    if (e == ERR_OK)
        e = chain_init(&k->chain, &k->memory, &c, os_now_ms());
    if (e == ERR_OK)
        e = ws_open(&k->ws, &k->loop, &callbacks);
    return e;
}

/* The loop runs on until the connection and the timer are gone. */
static void close_all(struct looking *k)
{
    ws_close(k->ws);
    uv_close((uv_handle_t *)&k->timer, NULL);
    uv_run(&k->loop, UV_RUN_DEFAULT);
    uv_loop_close(&k->loop);
    arena_close(&k->memory);
}

int look_at(const struct look *l)
{
    struct looking k = {
        .l = l, .code = LOOK_AGAIN, .deadline_ms = time_add(os_now_ms(), l->wait_ms)};
    enum err e = open_all(&k);
    if (e != ERR_OK)
        k.code =
            cmd_complain(EXIT_FAILED, "cannot set up the connection", l->url, err_text(e), NULL);
    else
        uv_run(&k.loop, UV_RUN_DEFAULT);
    close_all(&k);
    return k.code;
}
