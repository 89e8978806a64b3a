#include "node/internal.h"

#include "epoch/epoch.h"

enum {
    READ_AGAIN_MS = 2000,
    READ_ALSO_MS = 60000, /* The owner may change the schedule. */
};

static struct chain_config config_of(const struct node *n)
{
    struct chain_config c;
    chain_config_default(&c);
    c.has_genesis = true;
    c.genesis = n->genesis.chain_genesis;
    c.netuid = n->genesis.netuid;
    c.hotkey = n->config.self;
    c.has_hotkey = !hash_is_zero((const struct hash *)(const void *)&c.hotkey);
    c.endpoint_count = n->config.chain_endpoints;
    memcpy(c.endpoint_names, n->config.chain_names, sizeof c.endpoint_names);
    c.seed = n->config.seed;
    return c;
}

size_t epochs_arena_size(void)
{
    struct chain_config c;
    chain_config_default(&c);
    return chain_arena_size(&c);
}

enum err epochs_open(struct node *n)
{
    struct chain_config c = config_of(n);
    return chain_init(&n->chain, &n->memory, &c, n->now_ms);
}

void epochs_forget_candidates(struct node *n)
{
    for (uint32_t i = 0; i < n->epochs.next_count; i++)
        bytes_drop(&n->epochs.next[i]);
    n->epochs.next_count = 0;
}

/* --- the next set */

static bool is_known(struct node *n, uint64_t block)
{
    for (uint32_t i = 0; i < n->epochs.next_count; i++)
        if (n->epochs.next_block[i] == block)
            return true;
    return false;
}

static enum err derive(struct node *n, const struct chain_metagraph *m, struct op_epoch *out)
{
    struct epoch_neuron *neurons = arena_array(&n->scratch, m->neuron_count, sizeof *neurons);
    if (neurons == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < m->neuron_count; i++)
        neurons[i] = (struct epoch_neuron){m->neurons[i].hotkey, m->neurons[i].uid,
                                           m->neurons[i].permit, m->neurons[i].stake};
    *out = (struct op_epoch){.next = {.epoch = ledger_epoch(n->ledger) + 1,
                                      .chain_block = m->block,
                                      .chain_hash = m->block_hash,
                                      .owner = m->owner}};
    struct stake minimum = {n->config.stake_min_rao};
    enum err e = epoch_members(neurons, m->neuron_count, minimum, &n->scratch, &out->next.members,
                               &out->next.members_count);
    if (e == ERR_OK && out->next.members_count == 0)
        e = ERR_DENIED; /* Nobody could decide any more: keep the old set. */
    if (e == ERR_OK)
        e = epoch_registered(neurons, m->neuron_count, &n->scratch, &out->neurons,
                             &out->neurons_count);
    return e;
}

/* The metagraph at an epoch boundary, as the operation that would hand over to
 * its set.  Every validator that reads the same block makes the same bytes. */
static void add_candidate(struct node *n, const struct chain_metagraph *m)
{
    size_t mark = arena_mark(&n->scratch);
    struct op_epoch op;
    enum err e = derive(n, m, &op);
    if (e != ERR_OK) {
        trace_word(trace_add(&n->trace, TRACE_WARN, "epoch.no_set"), "why", err_name(e));
        arena_reset(&n->scratch, mark);
        return;
    }
    struct room room = {arena_raw(&n->scratch, OP_EPOCH_SIZE_MAX), OP_EPOCH_SIZE_MAX};
    assert(room.ptr != NULL);
    if (n->epochs.next_count == COUNT_OF(n->epochs.next)) {
        bytes_drop(&n->epochs.next[0]);
        memmove(&n->epochs.next[0], &n->epochs.next[1],
                sizeof n->epochs.next - sizeof n->epochs.next[0]);
        memmove(&n->epochs.next_block[0], &n->epochs.next_block[1],
                sizeof n->epochs.next_block - sizeof n->epochs.next_block[0]);
        n->epochs.next_count--;
    }
    n->epochs.next_block[n->epochs.next_count] = m->block;
    n->epochs.next[n->epochs.next_count++] = bytes_keep(op_epoch_encode(&op, room));
    arena_reset(&n->scratch, mark);
    consensus_recheck(n);
}

/* An endpoint may have lied about one: a few are remembered, for this connection. */
static void remember_refused(struct node *n, uint64_t block)
{
    struct epochs *e = &n->epochs;
    e->refused[e->refused_count++ % COUNT_OF(e->refused)] = block;
}

bool epochs_refuse(const struct node *n, uint64_t block)
{
    const struct epochs *e = &n->epochs;
    bool refused = block <= ledger_valset(n->ledger)->chain_block;
    for (uint32_t i = 0; i < min_u64(e->refused_count, COUNT_OF(e->refused)); i++)
        refused |= e->refused[i] == block;
    return refused;
}

/* The newest boundary that is later than our set's; NULL: none yet. */
const struct op_epoch *epochs_next(struct node *n, struct arena *scratch)
{
    uint64_t ours = ledger_valset(n->ledger)->chain_block;
    for (uint32_t i = n->epochs.next_count; i > 0; i--) {
        if (n->epochs.next_block[i - 1] <= ours)
            continue;
        struct op_epoch *op = arena_alloc(scratch, sizeof *op);
        if (op == NULL || op_epoch_decode(n->epochs.next[i - 1], scratch, op) != ERR_OK)
            return NULL;
        op->next.epoch = ledger_epoch(n->ledger) + 1;
        return op;
    }
    return NULL;
}

/* What a proposal that names a block must be, or NULL while we have not read
 * that block ourselves; it is then read. */
const struct op_epoch *epochs_expected(struct node *n, const struct op_epoch *proposed,
                                       struct arena *scratch)
{
    for (uint32_t i = 0; i < n->epochs.next_count; i++) {
        if (n->epochs.next_block[i] != proposed->next.chain_block)
            continue;
        struct op_epoch *op = arena_alloc(scratch, sizeof *op);
        if (op == NULL || op_epoch_decode(n->epochs.next[i], scratch, op) != ERR_OK)
            return NULL;
        op->next.epoch = ledger_epoch(n->ledger) + 1;
        return op;
    }
    if (proposed->next.chain_block <= n->epochs.finalized &&
        !epochs_refuse(n, proposed->next.chain_block))
        n->epochs.boundary_wanted = proposed->next.chain_block;
    return NULL;
}

void epochs_on_metagraph(struct node *n, const struct chain_out *out)
{
    const struct chain_metagraph *m = out->metagraph;
    n->epochs.reading = false;
    if (m == NULL)
        return;
    n->epochs.misshapen = false;
    weights_on_metagraph(n, m);
    if (out->token == EPOCHS_TOKEN_BOUNDARY) {
        n->epochs.boundary_wanted = 0;
        if (m->last_epoch_block != m->block)
            remember_refused(n, m->block);
        else if (!is_known(n, m->block))
            add_candidate(n, m);
        return;
    }
    /* The chain's epoch may move on one block after the one that ends it. */
    bool at_end = m->last_epoch_block == m->block && n->weights.commit_count > 0;
    n->epochs.next_end = at_end ? m->block + 1 : m->next_epoch_block;
    uint64_t ours = ledger_valset(n->ledger)->chain_block;
    if (m->last_epoch_block > ours && !is_known(n, m->last_epoch_block))
        n->epochs.boundary_wanted = m->last_epoch_block;
}

/* A metagraph is the largest thing that a node asks for: only when there is
 * something to be seen in it. */
static bool is_due(const struct node *n)
{
    const struct epochs *e = &n->epochs;
    if (n->now_ms < time_add(e->read_ms, READ_AGAIN_MS) || e->finalized <= e->read_block)
        return false;
    return e->finalized >= e->next_end || weights_are_open(n) ||
           n->now_ms >= time_add(e->read_ms, READ_ALSO_MS);
}

/* A leader names the block: one that cannot be read leaves time for the newest. */
static bool boundary_is_due(struct node *n)
{
    struct epochs *e = &n->epochs;
    if (e->boundary_wanted <= ledger_valset(n->ledger)->chain_block)
        e->boundary_wanted = 0;
    bool again = e->boundary_wanted == e->boundary_read &&
                 n->now_ms < time_add(e->boundary_ms, READ_AGAIN_MS);
    return e->boundary_wanted != 0 && !again;
}

static void read_chain(struct node *n)
{
    struct epochs *e = &n->epochs;
    if (e->reading || !chain_is_ready(n->chain))
        return;
    if (boundary_is_due(n)) {
        e->boundary_read = e->boundary_wanted;
        e->boundary_ms = n->now_ms;
        e->reading = chain_read_metagraph_at(n->chain, EPOCHS_TOKEN_BOUNDARY, e->boundary_wanted,
                                             n->now_ms) == ERR_OK;
    } else if (is_due(n)) {
        e->read_ms = n->now_ms;
        e->read_block = e->finalized;
        e->reading = chain_read_metagraph(n->chain, EPOCHS_TOKEN_LATEST, n->now_ms) == ERR_OK;
    }
}

static void look_for_the_end(struct node *n)
{
    uint64_t ours = ledger_valset(n->ledger)->chain_block;
    bool wanted = false;
    for (uint32_t i = 0; i < n->epochs.next_count; i++)
        wanted |= n->epochs.next_block[i] > ours;
    if (wanted == n->epochs.end_wanted)
        return;
    n->epochs.end_wanted = wanted;
    n->pending_changed = true;
}

static void on_sign(struct node *n, const struct chain_out *out)
{
    struct signer_request_body body = {
        .tag = SIGNER_REQUEST_BODY_EXTRINSIC,
        .extrinsic = {.call = out->call, .extra = out->extra, .implicit = out->implicit}};
    struct sign_wait *w = signing_ask(n, SIGN_EXTRINSIC, &body);
    if (w != NULL)
        w->context = out->token;
    else
        chain_sign_refused(n->chain, out->token, n->now_ms);
}

/* --- the client's outputs */

static void on_out(struct node *n, const struct chain_out *out)
{
    struct epochs *e = &n->epochs;
    switch (out->kind) {
    case CHAIN_OUT_DIAL:
        n->world.chain_open(n->world.ctx, out->endpoint);
        break;
    case CHAIN_OUT_SEND:
        n->world.chain_send(n->world.ctx, out->text);
        break;
    case CHAIN_OUT_CLOSE:
        n->world.chain_close(n->world.ctx);
        break;
    case CHAIN_OUT_READY:
        e->chain_up = true;
        break;
    case CHAIN_OUT_DOWN:
        e->misshapen |= out->why == CHAIN_WHY_METAGRAPH;
        e->chain_up = e->reading = false;
        e->refused_count = 0;
        break;
    case CHAIN_OUT_HEAD:
        recall_head(n, out->block);
        if (out->block < e->finalized) { /* The one before was a lie, and what was read there. */
            e->read_block = e->next_end = 0;
            n->weights.is_known = false;
        }
        e->finalized = out->block;
        e->finalized_hash = out->block_hash;
        e->finalized_ms = n->now_ms;
        break;
    case CHAIN_OUT_METAGRAPH:
        epochs_on_metagraph(n, out);
        break;
    case CHAIN_OUT_SIGN:
        on_sign(n, out);
        break;
    case CHAIN_OUT_WEIGHTS: /* Not asked for. */
        break;
    case CHAIN_OUT_RESULT:
        if (out->token == ANCHOR_TOKEN)
            anchors_on_result(n, out);
        else
            weights_on_result(n, out);
        break;
    }
}

static void drain(struct node *n)
{
    struct chain_out out;
    while (chain_poll(n->chain, &out))
        on_out(n, &out);
}

void epochs_extrinsic_signed(struct node *n, const struct sign_wait *w)
{
    if (w->reply.verdict == SIGNER_VERDICT_SIGNED)
        chain_signed(n->chain, w->context, &w->reply.signature, n->now_ms);
    else
        chain_sign_refused(n->chain, w->context, n->now_ms);
    drain(n);
}

/* The same block says the same to all: what we read there is what the others did, or
 * our endpoint has lied.  (Or so many of theirs; but they are a QUORUM.) */
void epochs_on_decided(struct node *n, const struct op_epoch *decided)
{
    struct epochs *e = &n->epochs;
    uint32_t i = 0;
    while (i < e->next_count && e->next_block[i] != decided->next.chain_block)
        i++;
    if (i == e->next_count)
        return; /* We have not read it. */
    struct op_epoch ours;
    size_t mark = arena_mark(&n->scratch);
    enum err bad = op_epoch_decode(e->next[i], &n->scratch, &ours);
    assert(bad == ERR_OK); /* We wrote it. */
    ours.next.epoch = decided->next.epoch;
    struct room room = {arena_raw(&n->scratch, OP_EPOCH_SIZE_MAX), OP_EPOCH_SIZE_MAX};
    struct room other = {arena_raw(&n->scratch, OP_EPOCH_SIZE_MAX), OP_EPOCH_SIZE_MAX};
    assert(room.ptr != NULL && other.ptr != NULL);
    e->contradicts = !span_equal(op_epoch_encode(&ours, room), op_epoch_encode(decided, other));
    arena_reset(&n->scratch, mark);
    if (!e->contradicts)
        return;
    struct trace_event *t = trace_add(&n->trace, TRACE_ERROR, "epoch.contradicted");
    trace_u64(t, "epoch", decided->next.epoch);
    trace_u64(t, "block", decided->next.chain_block);
    e->distrust = true; /* At the next tick: this is the middle of a slot. */
}

void epochs_tick(struct node *n)
{
    size_t mark = arena_mark(&n->scratch);
    if (n->epochs.distrust) {
        n->epochs.distrust = false;
        epochs_forget_candidates(n); /* What the liar said. */
        chain_distrust(n->chain, n->now_ms);
        drain(n);
    }
    chain_on_time(n->chain, n->now_ms);
    drain(n);
    read_chain(n);
    look_for_the_end(n);
    if (node_is_member(n) && chain_is_ready(n->chain)) {
        weights_tick(n);
        anchors_tick(n);
    }
    drain(n);
    arena_reset(&n->scratch, mark);
}

void node_on_chain_up(struct node *n, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    chain_on_connected(n->chain, n->now_ms);
    drain(n);
}

void node_on_chain_text(struct node *n, struct span text, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    chain_on_text(n->chain, text, n->now_ms);
    drain(n);
}

void node_on_chain_down(struct node *n, enum chain_why why, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    chain_on_disconnected(n->chain, why, n->now_ms);
    drain(n);
}
