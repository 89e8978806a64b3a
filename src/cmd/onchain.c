#include "cmd/onchain.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/complain.h"
#include "cmd/look.h"
#include "codec/hex.h"
#include "crypto/ss58.h"

struct reading {
    json_t *result, *validators;
    struct chain_neuron neurons[CHAIN_NEURONS_MAX];
    struct chain_weight weights[CHAIN_NEURONS_MAX];
    uint32_t count, at;
};

static void set_hash(json_t *o, const char *key, const struct hash *h)
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(hash_span(h), hex, sizeof hex);
    json_object_set_new(o, key, json_string(hex));
}

/* The next neuron whose weights count. */
static int next(struct reading *r, uint16_t *uid)
{
    for (; r->at < r->count; r->at++) {
        if (!r->neurons[r->at].permit)
            continue;
        *uid = r->neurons[r->at].uid;
        return LOOK_AGAIN;
    }
    return EXIT_DONE;
}

static int on_metagraph(void *ctx, const struct chain_metagraph *m, const struct hash *genesis,
                        uint16_t *uid)
{
    struct reading *r = ctx;
    json_decref(r->result);
    r->validators = json_array();
    r->result = json_pack("{s:I, s:i, s:b, s:I, s:I, s:o}", "block", (json_int_t)m->block, "netuid",
                          (int)m->netuid, "commit_reveal", (int)m->commit_reveal, "epoch",
                          (json_int_t)m->epoch_index, "last_epoch_block",
                          (json_int_t)m->last_epoch_block, "validators", r->validators);
    set_hash(r->result, "block_hash", &m->block_hash);
    set_hash(r->result, "chain_genesis", genesis);
    r->count = m->neuron_count;
    r->at = 0;
    memcpy(r->neurons, m->neurons, r->count * sizeof r->neurons[0]);
    return next(r, uid);
}

static void set_hotkey(const struct reading *r, json_t *o, uint16_t uid)
{
    char text[SS58_TEXT_MAX];
    if (uid >= r->count)
        return; /* A neuron that is gone. */
    ss58_from_hotkey(&r->neurons[uid].hotkey, text);
    json_object_set_new(o, "hotkey", json_string(text));
}

static int on_weights(void *ctx, struct span row, uint16_t *uid)
{
    struct reading *r = ctx;
    const struct chain_neuron *n = &r->neurons[r->at];
    char stake[32];
    uint32_t count;
    if (!chain_weights_take(row, r->weights, COUNT_OF(r->weights), &count))
        return cmd_complain(EXIT_FAILED, "the chain's weights make no sense", NULL,
                            "a row of SubtensorModule.Weights is not a list of pairs", NULL);
    json_t *list = json_array();
    for (uint32_t i = 0; i < count; i++) {
        json_t *one = json_pack("{s:i, s:i}", "uid", (int)r->weights[i].uid, "value",
                                (int)r->weights[i].value);
        set_hotkey(r, one, r->weights[i].uid);
        json_array_append_new(list, one);
    }
    snprintf(stake, sizeof stake, "%llu", (unsigned long long)n->stake.rao);
    json_t *v = json_pack("{s:i, s:s, s:I, s:o}", "uid", (int)n->uid, "stake", stake, "last_update",
                          (json_int_t)n->last_update, "weights", list);
    set_hotkey(r, v, n->uid);
    json_array_append_new(r->validators, v);
    r->at++;
    return next(r, uid);
}

json_t *onchain_read(const char *url, uint16_t netuid, uint64_t wait_ms, int *code)
{
    struct arena arena;
    if (arena_open(&arena, sizeof(struct reading) + ARENA_ALIGN) != ERR_OK) {
        *code = cmd_complain(EXIT_FAILED, "no memory", NULL, NULL, NULL);
        return NULL;
    }
    struct reading *r = arena_alloc(&arena, sizeof *r);
    const struct look l = {.url = url,
                           .netuid = netuid,
                           .wait_ms = wait_ms,
                           .ctx = r,
                           .on_metagraph = on_metagraph,
                           .on_weights = on_weights};
    *code = look_at(&l);
    json_t *result = r->result;
    arena_close(&arena);
    if (*code == EXIT_DONE)
        return result;
    json_decref(result);
    return NULL;
}

bool onchain_netuid(const char *text, uint16_t *netuid, int *code)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    bool ok = *text >= '0' && *text <= '9' && *end == '\0' && n <= UINT16_MAX;
    if (ok)
        *netuid = (uint16_t)n;
    else
        *code = cmd_complain(EXIT_USAGE, "not a number of a subnet", text, NULL,
                             "--netuid N, 0 to 65535");
    return ok;
}
