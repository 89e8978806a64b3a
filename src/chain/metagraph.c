/* Reading a subnet with one call, get_selective_metagraph, whose fields are
 * numbered alike in every runtime that has it. */
#include "chain/client.h"

enum field {
    FIELD_OWNER_HOTKEY = 5,
    FIELD_BLOCK = 7,
    FIELD_TEMPO = 8,
    FIELD_LAST_STEP = 9,
    FIELD_WEIGHTS_VERSION = 26,
    FIELD_WEIGHTS_RATE_LIMIT = 27,
    FIELD_COMMIT_REVEAL = 46,
    FIELD_COMMIT_REVEAL_PERIOD = 47,
    FIELD_HOTKEYS = 52,
    FIELD_COLDKEYS = 53,
    FIELD_ACTIVE = 56,
    FIELD_PERMIT = 57,
    FIELD_LAST_UPDATE = 59,
    FIELD_TOTAL_STAKE = 69,
    FIELD_FIRST_UNKNOWN = 72, /* newer runtimes append; what is not asked for is None */
};

static const uint8_t wanted[] = {
    FIELD_OWNER_HOTKEY,    FIELD_BLOCK,
    FIELD_TEMPO,           FIELD_LAST_STEP,
    FIELD_WEIGHTS_VERSION, FIELD_WEIGHTS_RATE_LIMIT,
    FIELD_COMMIT_REVEAL,   FIELD_COMMIT_REVEAL_PERIOD,
    FIELD_HOTKEYS,         FIELD_COLDKEYS,
    FIELD_ACTIVE,          FIELD_PERMIT,
    FIELD_LAST_UPDATE,     FIELD_TOTAL_STAKE,
};

void metagraph_put_arguments(uint16_t netuid, struct wr *w)
{
    wr_u16(w, netuid);
    scale_put_compact(w, COUNT_OF(wanted));
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        wr_u16(w, wanted[i]);
}

static bool is_wanted(uint32_t index)
{
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        if (wanted[i] == index)
            return true;
    return false;
}

/* The hotkeys come first and say how many neurons there are. */
static void count_neurons(struct rd *r, struct chain_metagraph *g, size_t element_size_min)
{
    uint32_t n = scale_count(r, CHAIN_NEURONS_MAX, element_size_min);
    if (r->bad == ERR_OK && n != g->neuron_count)
        rd_fail(r, ERR_MALFORMED);
}

static void read_list(struct rd *r, uint32_t index, struct chain_metagraph *g,
                      struct chain_neuron *neurons)
{
    if (index == FIELD_HOTKEYS)
        g->neuron_count = scale_count(r, CHAIN_NEURONS_MAX, HOTKEY_SIZE);
    else
        count_neurons(r, g, index == FIELD_COLDKEYS ? HOTKEY_SIZE : 1);
    for (uint32_t i = 0; i < g->neuron_count && r->bad == ERR_OK; i++) {
        struct chain_neuron *n = &neurons[i];
        n->uid = (uint16_t)i;
        if (index == FIELD_HOTKEYS)
            rd_into(r, (struct room){n->hotkey.bytes, HOTKEY_SIZE});
        else if (index == FIELD_COLDKEYS)
            rd_into(r, (struct room){n->coldkey.bytes, HOTKEY_SIZE});
        else if (index == FIELD_ACTIVE)
            n->active = rd_bool(r);
        else if (index == FIELD_PERMIT)
            n->permit = rd_bool(r);
        else if (index == FIELD_LAST_UPDATE)
            n->last_update = scale_compact(r);
        else
            n->stake.rao = scale_compact(r);
    }
}

static void read_field(struct rd *r, uint32_t index, struct chain_metagraph *g,
                       struct chain_neuron *neurons)
{
    switch ((enum field)index) {
    case FIELD_OWNER_HOTKEY:
        rd_into(r, (struct room){g->owner.bytes, HOTKEY_SIZE});
        return;
    case FIELD_BLOCK:
        g->block = scale_compact(r);
        return;
    case FIELD_TEMPO:
        g->tempo = (uint16_t)scale_compact_max(r, UINT16_MAX);
        return;
    case FIELD_LAST_STEP:
        g->last_epoch_block = scale_compact(r);
        return;
    case FIELD_WEIGHTS_VERSION:
        g->weights_version = scale_compact(r);
        return;
    case FIELD_WEIGHTS_RATE_LIMIT:
        g->weights_rate_limit = scale_compact(r);
        return;
    case FIELD_COMMIT_REVEAL:
        g->commit_reveal = rd_bool(r);
        return;
    case FIELD_COMMIT_REVEAL_PERIOD:
        g->commit_reveal_period = scale_compact(r);
        return;
    case FIELD_HOTKEYS:
    case FIELD_COLDKEYS:
    case FIELD_ACTIVE:
    case FIELD_PERMIT:
    case FIELD_LAST_UPDATE:
    case FIELD_TOTAL_STAKE:
        read_list(r, index, g, neurons);
        return;
    case FIELD_FIRST_UNKNOWN: /* Not asked for. */
        return;
    }
}

static enum err metagraph_decode(struct span bytes, struct chain_metagraph *g,
                                 struct chain_neuron *neurons)
{
    struct rd r = rd_init(bytes);
    struct chain_metagraph out = {0};
    if (!scale_option(&r))
        return r.bad == ERR_OK ? ERR_NOT_FOUND : r.bad;
    out.netuid = (uint16_t)scale_compact_max(&r, UINT16_MAX);
    for (uint32_t i = 1; i < FIELD_FIRST_UNKNOWN && r.bad == ERR_OK; i++) {
        bool there = scale_option(&r);
        if (there != is_wanted(i))
            rd_fail(&r, ERR_MALFORMED);
        else if (there)
            read_field(&r, i, &out, neurons);
    }
    while (r.left != 0 && r.bad == ERR_OK)
        if (scale_option(&r))
            rd_fail(&r, ERR_MALFORMED);
    if (rd_end(&r) != ERR_OK)
        return rd_end(&r);
    out.neurons = neurons;
    *g = out;
    return ERR_OK;
}

static void metagraph_guess_epochs(struct chain_metagraph *g)
{
    uint64_t stride = (uint64_t)g->tempo + 1, position = g->block + g->netuid + 1;
    g->epoch_index = position / stride;
    /* It runs where position % stride is tempo, one before the index moves on. */
    uint64_t to_go = (stride - 1 + stride - position % stride) % stride;
    g->next_epoch_block = g->block + (to_go == 0 ? stride : to_go);
}

uint64_t chain_weights_allowed_at(const struct chain_metagraph *m, uint16_t uid)
{
    if (uid >= m->neuron_count || m->neurons[uid].last_update == 0)
        return 0;
    return time_add(m->neurons[uid].last_update, m->weights_rate_limit);
}

/* ---- The steps of one reading ---- */

void metagraph_end(struct chain *c, bool good)
{
    if (c->reading.state == READ_IDLE)
        return;
    c->reading.state = READ_IDLE;
    c->reading.has_graph = good;
    struct chain_out *out = client_out(c, CHAIN_OUT_METAGRAPH);
    out->token = c->reading.token;
    out->metagraph = good ? &c->reading.graph : NULL;
}

static void ask_graph(struct chain *c, const struct hash *at, uint64_t now_ms)
{
    c->reading.state = READ_METAGRAPH;
    c->reading.graph.block_hash = *at;
    request_start(c, REQ_READ_METAGRAPH, now_ms)->at = *at;
}

static enum err begin(struct chain *c, uint64_t token)
{
    if (c->phase != PHASE_READY || !c->has_head)
        return ERR_CLOSED;
    if (c->reading.state != READ_IDLE)
        return ERR_FULL;
    c->reading.token = token;
    return ERR_OK;
}

enum err chain_read_metagraph(struct chain *c, uint64_t token, uint64_t now_ms)
{
    enum err e = begin(c, token);
    if (e != ERR_OK)
        return e;
    c->reading.graph = (struct chain_metagraph){.block = c->head};
    ask_graph(c, &c->head_hash, now_ms);
    return ERR_OK;
}

enum err chain_read_metagraph_at(struct chain *c, uint64_t token, uint64_t block, uint64_t now_ms)
{
    if (c->phase == PHASE_READY && c->has_head && block > c->head)
        return ERR_NOT_FOUND;
    enum err e = begin(c, token);
    if (e != ERR_OK)
        return e;
    c->reading.graph = (struct chain_metagraph){.block = block};
    c->reading.state = READ_HASH;
    request_start(c, REQ_READ_HASH, now_ms)->number = block;
    return ERR_OK;
}

static bool has_dynamic_epochs(const struct chain *c)
{
    return metadata_entry(&c->metadata, "SubtensorModule", "LastEpochBlock") != NULL;
}

static void on_graph(struct chain *c, const struct request *r, const json_t *result,
                     uint64_t now_ms)
{
    struct reading *d = &c->reading;
    uint64_t block = d->graph.block;
    struct hash hash = d->graph.block_hash;
    enum err e = metagraph_decode(value_bytes(c, result), &d->graph, d->neurons);
    if (e == ERR_NOT_FOUND) {
        trace_add(&c->trace, TRACE_WARN, "chain.no_such_subnet");
        metagraph_end(c, false);
        return;
    }
    /* CH-2: what it says must be of the block that was asked for. */
    if (e != ERR_OK || d->graph.block != block || d->graph.netuid != c->config.netuid) {
        trace_word(client_fail(c, CHAIN_WHY_METAGRAPH, now_ms), "metagraph",
                   e == ERR_OK ? "of_another_block" : err_name(e));
        return;
    }
    d->graph.block_hash = hash;
    metagraph_guess_epochs(&d->graph);
    if (!has_dynamic_epochs(c)) {
        own_begin(c, r, now_ms);
        return;
    }
    d->state = READ_EPOCH;
    request_start(c, REQ_READ_EPOCH, now_ms)->at = r->at;
}

static uint64_t row_u64(struct chain *c, const json_t *result, const char *entry, uint64_t missing)
{
    struct storage_key key;
    bool found;
    struct span value;
    if (storage_key_u16(&c->metadata, "SubtensorModule", entry, c->config.netuid, &key) != ERR_OK ||
        !value_row(c, result, &key, &found, &value) || !found)
        return missing;
    struct rd r = rd_init(value);
    uint64_t x = rd_u64(&r);
    return rd_end(&r) == ERR_OK ? x : missing;
}

static void on_epoch(struct chain *c, const struct request *r, const json_t *result,
                     uint64_t now_ms)
{
    struct chain_metagraph *g = &c->reading.graph;
    g->epoch_index = row_u64(c, result, "SubnetEpochIndex", 0);
    g->last_epoch_block = row_u64(c, result, "LastEpochBlock", g->last_epoch_block);
    g->next_epoch_block = time_add(g->last_epoch_block, g->tempo);
    c->reading.state = READ_NEXT;
    request_start(c, REQ_READ_NEXT, now_ms)->at = r->at;
}

static void on_next(struct chain *c, const struct request *q, const json_t *result, uint64_t now_ms)
{
    struct rd r = rd_init(value_bytes(c, result));
    if (scale_option(&r)) {
        uint64_t block = rd_u64(&r);
        if (rd_end(&r) == ERR_OK)
            c->reading.graph.next_epoch_block = block;
    }
    own_begin(c, q, now_ms); /* Without the call the row's schedule stands. */
}

void metagraph_on_reply(struct chain *c, const struct request *r, const json_t *result,
                        uint64_t now_ms)
{
    struct hash hash;
    if (c->reading.state == READ_NEXT) {
        on_next(c, r, result, now_ms);
    } else if (result == NULL) {
        metagraph_end(c, false);
    } else if (c->reading.state == READ_METAGRAPH) {
        on_graph(c, r, result, now_ms);
    } else if (c->reading.state == READ_EPOCH) {
        on_epoch(c, r, result, now_ms);
    } else if (c->reading.state == READ_OWN) {
        own_on_rows(c, result);
    } else if (c->reading.state == READ_WEIGHTS) {
        own_on_weights(c, result);
    } else if (c->reading.state == READ_HASH) {
        if (value_hash(result, &hash))
            ask_graph(c, &hash, now_ms);
        else
            metagraph_end(c, false);
    }
}
