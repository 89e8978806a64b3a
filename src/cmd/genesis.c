/* platform genesis: what a network begins with, read from the chain at its
 * newest finalized block, as a file that every node of the network is given. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd_settings.h"
#include "cmd/look.h"
#include "cmd/platform.h"
#include "codec/hex.h"
#include "epoch/epoch.h"
#include "ledger/ledger.h"
#include "os/files.h"

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
    struct arena memory;
    struct hash chain_genesis;
};

static enum err derive(struct reading *r, const struct chain_metagraph *m, struct genesis *g)
{
    struct epoch_neuron *neurons = arena_array(&r->memory, m->neuron_count, sizeof *neurons);
    struct stake least = {settings_number(&r->settings, "stake_min_tao") * 1000000000};
    if (neurons == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < m->neuron_count; i++)
        neurons[i] = (struct epoch_neuron){m->neurons[i].hotkey, m->neurons[i].uid,
                                           m->neurons[i].permit, m->neurons[i].stake};
    *g = (struct genesis){
        .chain_genesis = r->chain_genesis,
        .netuid = m->netuid,
        .valset = {.chain_block = m->block, .chain_hash = m->block_hash, .owner = m->owner}};
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

static int write_file(void *ctx, const struct chain_metagraph *m, const struct hash *chain_genesis,
                      uint16_t *uid)
{
    struct reading *r = ctx;
    (void)uid;
    const char *path = settings_text(&r->settings, "out");
    struct genesis g;
    struct room room = {arena_alloc(&r->memory, GENESIS_SIZE_MAX), GENESIS_SIZE_MAX};
    r->chain_genesis = *chain_genesis;
    enum err e = derive(r, m, &g);
    if (e == ERR_OK && g.valset.members_count == 0)
        return cmd_complain(EXIT_CHECK, "nobody could decide in this network", NULL,
                            "no neuron has both a permit and enough stake",
                            "wait for permits, or lower --stake-min-tao");
    if (e == ERR_OK)
        e = room.ptr == NULL ? ERR_NO_MEMORY : file_write(path, genesis_encode(&g, room), 0644);
    if (e != ERR_OK)
        return cmd_complain(EXIT_FAILED, "the genesis cannot be written", path, cmd_file_why(e),
                            "name a file in a folder that is there and yours, with --out");
    char hex[2 * HASH_SIZE + 1];
    struct hash network = ledger_network_id(&g);
    hex_encode(hash_span(&network), hex, sizeof hex);
    print_genesis(&g, hex, m->block, path);
    return EXIT_DONE;
}

int cmd_genesis(int argc, char **argv)
{
    struct reading r = {0};
    int code;
    if (!cmd_settings(&r.settings, table, COUNT_OF(table), argc, argv, &code))
        return code;
    const struct look l = {.url = settings_text(&r.settings, "chain"),
                           .netuid = (uint16_t)settings_number(&r.settings, "netuid"),
                           .wait_ms = 1000 * settings_number(&r.settings, "wait_s"),
                           .ctx = &r,
                           .on_metagraph = write_file};
    if (arena_open(&r.memory, 4 << 20) != ERR_OK)
        code = cmd_complain(EXIT_FAILED, "no memory", NULL, NULL, NULL);
    else
        code = look_at(&l);
    arena_close(&r.memory);
    settings_free(&r.settings);
    return code;
}
