/* What the chain holds of our own hotkey, at the block of the reading: the
 * commits that wait for their reveal, and the weights that count now. */
#include "chain/client.h"

enum { WEIGHT_FULL = 65535 };

bool chain_weights_are(struct span row, const struct call_weights *w)
{
    struct rd r = rd_init(row);
    uint64_t max = 0;
    for (uint32_t i = 0; i < w->count; i++)
        max = max_u64(max, w->values[i]);
    if (scale_count(&r, CALL_WEIGHTS_MAX, 4) != w->count)
        return false;
    for (uint32_t i = 0; i < w->count; i++) {
        uint64_t want = max == 0 ? 0 : (w->values[i] * (uint64_t)WEIGHT_FULL + max / 2) / max;
        uint16_t uid = rd_u16(&r), value = rd_u16(&r);
        uint64_t off = value > want ? value - want : want - value;
        if (uid != w->uids[i] || off > 1) /* Its rounding is not ours to know. */
            return false;
    }
    return rd_end(&r) == ERR_OK;
}

void own_keys(struct chain *c, struct storage_key keys[OWN_KEYS])
{
    const struct metadata *m = &c->metadata;
    uint16_t index = c->config.netuid; /* of mechanism 0 */
    enum err e = ERR_OK;
    if (c->reading.state == READ_OWN)
        e = storage_key_u16_account(m, "SubtensorModule", "WeightCommits", index, &c->config.hotkey,
                                    &keys[0]);
    if (e == ERR_OK)
        e = storage_key_u16_u16(m, "SubtensorModule", "Weights", index, c->reading.uid, &keys[1]);
    assert(e == ERR_OK); /* own_begin, and is_usable, have asked for them. */
}

static bool find_uid(const struct chain *c, uint16_t *uid)
{
    const struct chain_metagraph *g = &c->reading.graph;
    for (uint32_t i = 0; i < g->neuron_count; i++) {
        if (!hotkey_equal(&g->neurons[i].hotkey, &c->config.hotkey))
            continue;
        *uid = g->neurons[i].uid;
        return true;
    }
    return false;
}

void own_begin(struct chain *c, const struct request *r, uint64_t now_ms)
{
    if (!c->config.has_hotkey || !c->reading.graph.commit_reveal ||
        metadata_entry(&c->metadata, "SubtensorModule", "WeightCommits") == NULL ||
        !find_uid(c, &c->reading.uid)) {
        metagraph_end(c, true);
        return;
    }
    c->reading.state = READ_OWN;
    request_start(c, REQ_READ_OWN, now_ms)->at = r->at;
}

/* (hash, a, b, c): older runtimes keep the commit's block and its first and last
 * block of reveal, newer ones its epoch, its block and 0. */
static enum err take_commits(struct chain *c, struct span row)
{
    struct chain_metagraph *g = &c->reading.graph;
    struct rd r = rd_init(row);
    uint32_t count = scale_count(&r, CHAIN_COMMITS_MAX, HASH_SIZE + 24);
    for (uint32_t i = 0; i < count; i++) {
        struct chain_commit *one = &c->reading.commits[i];
        rd_into(&r, (struct room){one->hash.bytes, HASH_SIZE});
        uint64_t at = rd_u64(&r);
        rd_u64(&r);
        bool is_epoch = rd_u64(&r) == 0;
        one->epoch =
            is_epoch ? at : time_add(at, (uint64_t)g->netuid + 1) / ((uint64_t)g->tempo + 1);
    }
    if (rd_end(&r) != ERR_OK)
        return rd_end(&r);
    g->commits = c->reading.commits;
    g->commit_count = count;
    return ERR_OK;
}

void own_on_rows(struct chain *c, const json_t *result)
{
    struct storage_key keys[OWN_KEYS];
    struct span commits, weights;
    bool has_commits, has_weights;
    struct chain_metagraph *g = &c->reading.graph;
    own_keys(c, keys);
    if (!value_row(c, result, &keys[0], &has_commits, &commits) ||
        !value_row(c, result, &keys[1], &has_weights, &weights) || weights.len > OWN_ROW_MAX ||
        (has_commits && take_commits(c, commits) != ERR_OK)) {
        metagraph_end(c, false);
        return;
    }
    g->has_own = true;
    if (weights.len > 0)
        memcpy(c->reading.row, weights.ptr, weights.len);
    g->weights_row = span_of(c->reading.row, weights.len);
    metagraph_end(c, true);
}

/* ---- The weights of anybody ---- */

enum err chain_read_weights(struct chain *c, uint64_t token, uint16_t uid, uint64_t now_ms)
{
    if (c->phase != PHASE_READY)
        return ERR_CLOSED;
    if (c->reading.state != READ_IDLE)
        return ERR_FULL;
    if (!c->reading.has_graph)
        return ERR_NOT_FOUND;
    c->reading.state = READ_WEIGHTS;
    c->reading.token = token;
    c->reading.uid = uid;
    request_start(c, REQ_READ_WEIGHTS, now_ms)->at = c->reading.graph.block_hash;
    return ERR_OK;
}

void own_on_weights(struct chain *c, const json_t *result)
{
    struct storage_key keys[OWN_KEYS];
    struct span row;
    bool found;
    own_keys(c, keys);
    if (!value_row(c, result, &keys[1], &found, &row) || row.len > OWN_ROW_MAX) {
        metagraph_end(c, false);
        return;
    }
    if (row.len > 0)
        memcpy(c->reading.row, row.ptr, row.len);
    c->reading.state = READ_IDLE;
    struct chain_out *out = client_out(c, CHAIN_OUT_WEIGHTS);
    out->token = c->reading.token;
    out->row = span_of(c->reading.row, row.len);
}

bool chain_weights_take(struct span row, struct chain_weight *out, uint32_t max, uint32_t *count)
{
    struct rd r = rd_init(row);
    uint32_t n = row.len == 0 ? 0 : scale_count(&r, max, 4);
    for (uint32_t i = 0; i < n; i++) {
        out[i].uid = rd_u16(&r);
        out[i].value = rd_u16(&r);
    }
    *count = n;
    return rd_end(&r) == ERR_OK;
}
