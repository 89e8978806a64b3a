#include "node/internal.h"

#include <stdlib.h>

enum {
    MEMORY_SIZE = 8 << 20,
    WANTED_MAX = 4096,
    UNFIT_MAX = 256,
    TICK_MS = 250,
    SIGNER_SILENT_MS = 5000,
    CHAIN_SILENT_MS = 60000,
    FILLS_PER_TIMEOUT = 20,
};

struct span bytes_keep(struct span s)
{
    if (s.len == 0)
        return (struct span){0};
    uint8_t *copy = malloc(s.len);
    assert(copy != NULL); /* Every holder is bounded; the sum is sized for the host. */
    memcpy(copy, s.ptr, s.len);
    return span_of(copy, s.len);
}

void bytes_drop(struct span *s)
{
    free((void *)(uintptr_t)s->ptr);
    *s = (struct span){0};
}

bool node_is_member(const struct node *n)
{
    return bft_member(bft_current_set(n->bft), &n->config.self) != BFT_ALL;
}

/* --- opening */

static enum err open_cores(struct node *n)
{
    const struct node_config *c = &n->config;
    struct bft_config bft = {.network = n->network,
                             .self = c->self,
                             .verifier = c->verifier,
                             .timeout_ms = c->view_timeout_ms,
                             .status_ms = c->status_ms,
                             .seed = c->seed,
                             .vote_after_block = c->recall.vote_after_block};
    struct ledger_config ledger = {.network = n->network,
                                   .verifier = c->verifier,
                                   .entries_max = c->state_entries_max,
                                   .state_bytes_max = c->state_bytes_max,
                                   .input_bytes_max = c->input_bytes_max};
    struct map_seed seed = {c->seed, ~c->seed};
    enum err e = bft_init(&n->bft, &n->memory, &bft, &n->genesis.valset);
    if (e == ERR_OK)
        e = ledger_init(&n->ledger, &n->memory, &ledger);
    if (e == ERR_OK)
        e = mempool_init(&n->mempool, &n->memory, c->mempool_ops, c->mempool_bytes, seed);
    if (e == ERR_OK)
        e = map_init(&n->wanted, &n->memory, HASH_SIZE, WANTED_MAX, seed);
    if (e == ERR_OK)
        e = map_init(&n->unfit, &n->memory, HASH_SIZE, UNFIT_MAX, seed);
    if (e == ERR_OK)
        e = epochs_open(n);
    return e;
}

static size_t memory_size(const struct node_config *c)
{
    struct ledger_config ledger = {.entries_max = c->state_entries_max,
                                   .state_bytes_max = c->state_bytes_max,
                                   .input_bytes_max = c->input_bytes_max};
    return MEMORY_SIZE + bft_arena_size() + ledger_arena_size(&ledger) + epochs_arena_size() +
           2 * c->genesis.len + (size_t)c->mempool_ops * 512 + (WANTED_MAX + UNFIT_MAX) * 128;
}

enum err node_open(struct node **out, const struct node_config *c, const struct world *w,
                   uint64_t now_ms)
{
    struct node *n = calloc(1, sizeof *n);
    if (n == NULL)
        return ERR_NO_MEMORY;
    n->config = *c;
    n->world = *w;
    n->now_ms = now_ms;
    enum err e = arena_open(&n->memory, memory_size(c));
    if (e == ERR_OK)
        e = arena_open(&n->scratch, SCRATCH_SIZE);
    if (e == ERR_OK)
        e = genesis_decode(arena_copy(&n->memory, c->genesis), &n->memory, &n->genesis);
    if (e == ERR_OK) {
        n->network = ledger_network_id(&n->genesis);
        e = open_cores(n);
    }
    if (e == ERR_OK)
        e = storage_load(n);
    if (e == ERR_OK)
        e = weights_load(n);
    if (e == ERR_OK)
        e = anchors_load(n);
    if (e != ERR_OK) {
        node_close(n);
        return e;
    }
    *out = n;
    return ERR_OK;
}

void node_close(struct node *n)
{
    if (n == NULL)
        return;
    blobs_commit(n);
    mempool_close(&n->mempool);
    for (uint32_t i = 0; i < SIGN_WAITS_MAX; i++)
        bytes_drop(&n->signs[i].request);
    for (uint32_t i = 0; i < FETCHES_MAX; i++)
        free(n->fetches[i].bytes);
    for (uint32_t i = 0; i < SNAPSHOTS_MAX; i++) {
        bytes_drop(&n->snapshots[i].changes);
        bytes_drop(&n->snapshots[i].set);
    }
    for (uint32_t i = 0; i < n->recent_count; i++)
        bytes_drop(&n->recent[i].decided);
    for (uint32_t i = 0; i < n->entry_count; i++)
        bytes_drop(&n->entries[i].bytes);
    for (uint32_t i = 0; i < COUNT_OF(n->checks); i++)
        bytes_drop(&n->checks[i].payload);
    for (uint32_t i = 0; i < n->own_op_count; i++)
        bytes_drop(&n->own_ops[i]);
    for (uint32_t i = 0; i < EARLY_MAX; i++)
        bytes_drop(&n->early[i].bytes);
    epochs_forget_candidates(n);
    bytes_drop(&n->batch);
    bytes_drop(&n->binding);
    bytes_drop(&n->stable_bytes);
    free(n->entries);
    arena_close(&n->memory);
    arena_close(&n->scratch);
    free(n);
}

void node_replay(struct node *n, struct span record)
{
    assert(!n->started);
    if (n->fatal != NULL)
        return;
    struct bft_event ev = {.kind = BFT_EV_REPLAY, .bytes = record};
    consensus_step(n, &ev);
}

void node_start(struct node *n, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    n->started = true;
    struct bft_event ev = {.kind = BFT_EV_START};
    consensus_step(n, &ev);
    weights_start(n);
    epochs_tick(n);
    struct trace_event *t = trace_add(&n->trace, TRACE_INFO, "node.started");
    trace_hash(t, "network", &n->network);
    trace_u64(t, "epoch", ledger_epoch(n->ledger));
}

/* --- trouble */

void node_drift(struct node *n, const char *why)
{
    if (!n->drift)
        trace_word(trace_add(&n->trace, TRACE_ERROR, "node.drift"), "why", why);
    n->drift = true;
    bft_stop_voting(n->bft);
}

/* --- the turn */

void node_pending_changed(struct node *n)
{
    n->pending_changed = true;
}

/* Slots for an epoch's end are few and go at once.  A window that only slots can
 * close is meant to give slow validators time, so its slots keep a pace. */
static void tell_pending(struct node *n)
{
    if (!n->pending_changed)
        return;
    n->pending_changed = false;
    struct bft_event ev = {.kind = BFT_EV_PENDING,
                           .pending = mempool_waiting(&n->mempool),
                           .pending_since_ms = mempool_oldest_ms(&n->mempool),
                           .fill = n->epochs.end_wanted || ledger_wants_slots(n->ledger)};
    if (!n->epochs.end_wanted)
        ev.fill_pause_ms = n->config.view_timeout_ms / FILLS_PER_TIMEOUT;
    consensus_step(n, &ev);
}

/* What the cores told joins what the node tells, in the order of the cores. */
static void take_trace(struct node *n, struct trace *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        struct trace_event *e = trace_add(&n->trace, from->events[i].level, from->events[i].name);
        if (e != NULL)
            *e = from->events[i];
    }
    n->trace.dropped += from->dropped;
    from->count = 0;
    from->dropped = 0;
}

static void tick(struct node *n)
{
    n->ticked_ms = n->now_ms;
    peers_tick(n);
    blobs_tick(n);
    gossip_tick(n);
    epochs_tick(n);
    evaluate_tick(n);
    actions_tick(n);
    consensus_recheck(n);
    consensus_try_propose(n);
}

static void new_set(struct node *n)
{
    n->new_set = false;
    peers_new_set(n);
    n->pending_changed = true;
}

/* Everything that was asked to be signed leaves together, and one flush covers
 * what must be durable before its answers may be used.  Records that no signature
 * waits for, such as that a slot is decided, go with the next flush: the QUORUM
 * that decided it has durable votes that decide it again. */
static void persist_and_sign(struct node *n)
{
    signing_send(n);
    blobs_commit(n);
    if (n->appended == n->flush_asked) {
        n->lazy_since_ms = n->now_ms;
        return;
    }
    if (n->sign_ticket <= n->flush_asked && n->now_ms < time_add(n->lazy_since_ms, TICK_MS))
        return;
    n->flush_asked = n->appended;
    n->lazy_since_ms = n->now_ms;
    n->world.flush(n->world.ctx, n->appended);
}

static void work(struct node *n)
{
    struct bft_event ev = {.kind = BFT_EV_TICK};
    signing_release(n);
    if (n->now_ms >= n->effects.wake_at_ms || n->follow_up_count > 0)
        consensus_step(n, &ev);
    if (n->now_ms >= time_add(n->ticked_ms, TICK_MS))
        tick(n);
    if (n->new_set)
        new_set(n);
    if (n->blob_came)
        consensus_recheck(n);
    if (n->slot_executed)
        gossip_after_slot(n);
    tell_pending(n);
    if (n->follow_up_count > 0)
        consensus_step(n, &ev);
    persist_and_sign(n);
    gossip_announce(n);
}

void node_turn(struct node *n, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (!n->started || n->fatal != NULL)
        return;
    work(n);
    take_trace(n, bft_trace(n->bft));
    take_trace(n, chain_trace(n->chain));
}

uint64_t node_wake_at(const struct node *n)
{
    if (!n->started || n->fatal != NULL)
        return UINT64_MAX;
    return min_u64(n->effects.wake_at_ms, time_add(n->ticked_ms, TICK_MS));
}

void node_on_flushed(struct node *n, uint64_t ticket, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    assert(ticket <= n->appended);
    if (n->fatal != NULL)
        return;
    n->flushed = max_u64(n->flushed, ticket);
}

/* --- what others may see */

uint32_t node_unready(const struct node *n)
{
    struct bft_view_info info;
    bft_info(n->bft, &info);
    uint32_t why = 0;
    if (!n->started)
        why |= NODE_UNREADY_STARTING;
    if (!info.has_quorum)
        why |= NODE_UNREADY_NO_QUORUM;
    if (info.network_executed > info.executed + BFT_WINDOW)
        why |= NODE_UNREADY_CATCHING_UP;
    if (n->now_ms >= time_add(n->epochs.finalized_ms, CHAIN_SILENT_MS) || !n->epochs.chain_up)
        why |= NODE_UNREADY_CHAIN;
    if (n->drift)
        why |= NODE_UNREADY_DRIFT;
    if (n->now_ms >= time_add(signing_oldest_ms(n), SIGNER_SILENT_MS))
        why |= NODE_UNREADY_SIGNER;
    if (n->fatal != NULL || n->disk_trouble > 0)
        why |= NODE_UNREADY_DISK;
    if (n->epochs.misshapen || n->epochs.contradicts)
        why |= NODE_UNREADY_CHAIN_LIES;
    return why;
}

const char *node_unready_name(uint32_t bit)
{
    switch ((enum node_unready)bit) {
    case NODE_UNREADY_STARTING:
        return "starting";
    case NODE_UNREADY_NO_QUORUM:
        return "no_quorum";
    case NODE_UNREADY_CATCHING_UP:
        return "catching_up";
    case NODE_UNREADY_CHAIN:
        return "chain_silent";
    case NODE_UNREADY_DRIFT:
        return "drift";
    case NODE_UNREADY_SIGNER:
        return "signer_silent";
    case NODE_UNREADY_DISK:
        return "disk";
    case NODE_UNREADY_CHAIN_LIES:
        return "chain_lies";
    }
    return NULL;
}

const char *node_unready_text(uint32_t bit)
{
    switch ((enum node_unready)bit) {
    case NODE_UNREADY_STARTING:
        return "the node is still starting; wait";
    case NODE_UNREADY_NO_QUORUM:
        return "too few validators are heard to decide anything: check the network and whether the "
               "others run";
    case NODE_UNREADY_CATCHING_UP:
        return "decided slots are still being fetched from peers; wait";
    case NODE_UNREADY_CHAIN:
        return "the chain endpoint has sent no finalized head; check --chain";
    case NODE_UNREADY_DRIFT:
        return "our state differs from the one that the network certified: stop this node, keep "
               "its "
               "data for the report, and start anew from an empty data folder";
    case NODE_UNREADY_SIGNER:
        return "platform-signer does not answer; check that it runs and its log";
    case NODE_UNREADY_DISK:
        return "the disk refused a write; free some space and restart";
    case NODE_UNREADY_CHAIN_LIES:
        return "what the chain endpoint says of the subnet cannot be, or is not what the "
               "validators decided; the log's chain.lost names it: name another one with --chain";
    }
    return NULL;
}

struct trace *node_trace(struct node *n)
{
    return &n->trace;
}

const struct ledger *node_ledger(const struct node *n)
{
    return n->ledger;
}

void node_bft_info(const struct node *n, struct bft_view_info *out)
{
    bft_info(n->bft, out);
}
