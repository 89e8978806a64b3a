/* platform genesis: what a network begins with, read from the chain at its
 * newest finalized block, as a file that every node of the network is given. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "chain/chain.h"
#include "cmd/platform.h"
#include "cmd/cmd_settings.h"
#include "codec/hex.h"
#include "epoch/epoch.h"
#include "ledger/ledger.h"
#include "os/files.h"
#include "os/ws.h"

static const struct setting table[] = {
    {"chain", SETTING_TEXT, NULL, 0, 0, NULL, "WebSocket address of the chain"},
    {"netuid", SETTING_NUMBER, NULL, 0, 65535, NULL, "number of the subnet"},
    {"out", SETTING_TEXT, NULL, 0, 0, NULL, "file to write"},
    {"stake_min_tao", SETTING_NUMBER, "1000", 0, 21000000, NULL, "least stake of a validator"},
    {"wait_s", SETTING_NUMBER, "60", 1, 3600, NULL, "how long to wait for the chain"},
    {"json", SETTING_BOOL, "false", 0, 0, NULL, "answer in JSON"},
};

struct reading {
    struct settings settings;
    uv_loop_t loop;
    uv_timer_t timer;
    struct ws *ws;
    struct chain *chain;
    struct arena memory;
    struct hash chain_genesis;
    uint64_t deadline_ms;
    bool asked;
    int code; /* -1: still reading */
};

static void finish(struct reading *r, int code)
{
    r->code = code;
    uv_stop(&r->loop);
}

static enum err derive(struct reading *r, const struct chain_metagraph *m, struct genesis *g)
{
    struct epoch_neuron *neurons = arena_array(&r->memory, m->neuron_count, sizeof *neurons);
    struct stake least = {settings_number(&r->settings, "stake_min_tao") * 1000000000};
    if (neurons == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < m->neuron_count; i++)
        neurons[i] = (struct epoch_neuron){m->neurons[i].hotkey, m->neurons[i].uid,
                                           m->neurons[i].permit, m->neurons[i].stake};
    *g = (struct genesis){.chain_genesis = r->chain_genesis,
                          .netuid = m->netuid,
                          .valset = {.chain_block = m->block, .chain_hash = m->block_hash,
                                     .owner = m->owner}};
    enum err e = epoch_members(neurons, m->neuron_count, least, &r->memory, &g->valset.members,
                               &g->valset.members_count);
    if (e == ERR_OK)
        e = epoch_registered(neurons, m->neuron_count, &r->memory, &g->neurons, &g->neurons_count);
    return e;
}

static void print_genesis(const struct genesis *g, const char *network, uint64_t block,
                          const char *path)
{
    if (!cmd_json()) {
        printf("network %s\nvalidators %u\nregistered %u\nblock %llu\nfile %s\n", network,
               g->valset.members_count, g->neurons_count, (unsigned long long)block, path);
        return;
    }
    json_t *o = json_pack("{s:s, s:i, s:i, s:I, s:s}", "network", network, "validators",
                          (int)g->valset.members_count, "registered", (int)g->neurons_count,
                          "block", (json_int_t)block, "file", path);
    json_dumpf(o, stdout, JSON_COMPACT);
    json_decref(o);
    putchar('\n');
}

static void write_file(struct reading *r, const struct chain_metagraph *m)
{
    const char *path = settings_text(&r->settings, "out");
    struct genesis g;
    struct room room = {arena_alloc(&r->memory, GENESIS_SIZE_MAX), GENESIS_SIZE_MAX};
    enum err e = derive(r, m, &g);
    if (e == ERR_OK && g.valset.members_count == 0) {
        finish(r, cmd_complain(EXIT_CHECK, "nobody could decide in this network", NULL,
                               "no neuron has both a permit and enough stake",
                               "wait for permits, or lower --stake-min-tao"));
        return;
    }
    if (e == ERR_OK)
        e = room.ptr == NULL ? ERR_NO_MEMORY : file_write(path, genesis_encode(&g, room), 0644);
    if (e != ERR_OK) {
        finish(r,
               cmd_complain(EXIT_FAILED, "the genesis cannot be written", path, err_text(e), NULL));
        return;
    }
    char hex[2 * HASH_SIZE + 1];
    struct hash network = ledger_network_id(&g);
    hex_encode(hash_span(&network), hex, sizeof hex);
    print_genesis(&g, hex, m->block, path);
    finish(r, EXIT_DONE);
}

static void on_out(struct reading *r, const struct chain_out *out)
{
    switch (out->kind) {
    case CHAIN_OUT_DIAL:
        if (ws_dial(r->ws, settings_text(&r->settings, "chain")) != ERR_OK)
            finish(r, cmd_complain(EXIT_USAGE, "not an address of a chain",
                                   settings_text(&r->settings, "chain"), NULL,
                                   "for example ws://127.0.0.1:9944"));
        break;
    case CHAIN_OUT_SEND:
        ws_send(r->ws, out->text);
        break;
    case CHAIN_OUT_CLOSE:
        ws_hang_up(r->ws);
        break;
    case CHAIN_OUT_READY:
        r->chain_genesis = out->genesis;
        break;
    case CHAIN_OUT_METAGRAPH:
        r->asked = false;
        if (out->metagraph != NULL)
            write_file(r, out->metagraph);
        break;
    case CHAIN_OUT_DOWN:
        fprintf(stderr, "the chain is not there yet: %s\n", chain_why_name(out->why));
        r->asked = false;
        break;
    case CHAIN_OUT_HEAD:
    case CHAIN_OUT_SIGN:
    case CHAIN_OUT_RESULT:
        break;
    }
}

static void drain(struct reading *r)
{
    struct chain_out out;
    uint64_t now = os_now_ms();
    while (r->code < 0 && chain_poll(r->chain, &out))
        on_out(r, &out);
    if (r->code < 0 && !r->asked && chain_is_ready(r->chain))
        r->asked = chain_read_metagraph(r->chain, 1, now) == ERR_OK;
    while (r->code < 0 && chain_poll(r->chain, &out))
        on_out(r, &out);
}

static void on_timer(uv_timer_t *timer)
{
    struct reading *r = timer->data;
    uint64_t now = os_now_ms();
    if (now >= r->deadline_ms) {
        finish(r, cmd_complain(EXIT_UNREACHABLE, "the chain did not answer in time",
                               settings_text(&r->settings, "chain"), NULL,
                               "check the address, or wait longer with --wait-s"));
        return;
    }
    chain_on_time(r->chain, now);
    drain(r);
}

static void on_up(void *ctx)
{
    struct reading *r = ctx;
    chain_on_connected(r->chain, os_now_ms());
    drain(r);
}

static void on_text(void *ctx, struct span text)
{
    struct reading *r = ctx;
    chain_on_text(r->chain, text, os_now_ms());
    drain(r);
}

static void on_down(void *ctx, const char *why)
{
    struct reading *r = ctx;
    (void)why;
    chain_on_disconnected(r->chain, os_now_ms());
    drain(r);
}

static enum err open_all(struct reading *r)
{
    struct chain_config c;
    chain_config_default(&c);
    c.netuid = (uint16_t)settings_number(&r->settings, "netuid");
    c.endpoint_count = 1;
    c.redial_min_ms = 200;
    struct ws_callbacks callbacks = {r, on_up, on_text, on_down};
    uv_loop_init(&r->loop);
    uv_timer_init(&r->loop, &r->timer);
    r->timer.data = r;
    uv_timer_start(&r->timer, on_timer, 0, 100);
    enum err e = arena_open(&r->memory, chain_arena_size(&c) + (4 << 20));
    if (e == ERR_OK)
        e = chain_init(&r->chain, &r->memory, &c, os_now_ms());
    if (e == ERR_OK)
        e = ws_open(&r->ws, &r->loop, &callbacks);
    return e;
}

/* The loop runs on until the connection and the timer are gone. */
static void close_all(struct reading *r)
{
    ws_close(r->ws);
    uv_close((uv_handle_t *)&r->timer, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    uv_loop_close(&r->loop);
    arena_close(&r->memory);
    settings_free(&r->settings);
}

int cmd_genesis(int argc, char **argv)
{
    struct reading r = {0};
    if (!cmd_settings(&r.settings, table, COUNT_OF(table), argc, argv, &r.code))
        return r.code;
    r.code = -1;
    r.deadline_ms = os_now_ms() + 1000 * settings_number(&r.settings, "wait_s");
    enum err e = open_all(&r);
    if (e != ERR_OK)
        r.code = cmd_complain(EXIT_FAILED, "cannot set up the connection", NULL, err_text(e), NULL);
    else
        uv_run(&r.loop, UV_RUN_DEFAULT);
    close_all(&r);
    return r.code;
}
