#include "node/internal.h"

#include "crypto/hash.h"
#include "epoch/epoch.h"

/* How long a proposal waits for operations of our own to be signed. */
enum { PROPOSAL_PATIENCE_MS = 300 };

/* --- proposing */

/* The operations that only a leader makes, at the end of an epoch: WEIGHTS and
 * SEAL as of the last checkpoint, then EPOCH in the segment's last slot.  The one
 * that is due in this slot, and what it is about; false: none. */
static bool closing_op(struct node *n, uint64_t seq, bool last, struct op_body *body,
                       struct hash *subject)
{
    struct state_epoch epoch;
    struct state_candidate candidate;
    if (!n->epochs.end_wanted || !ledger_epoch_state(n->ledger, &n->scratch, &epoch) ||
        !ledger_candidate(n->ledger, &n->scratch, &candidate) ||
        candidate.cutoff != (seq - 1) / BFT_CHECKPOINT_INTERVAL * BFT_CHECKPOINT_INTERVAL)
        return false; /* The last checkpoint is not executed here yet. */
    *subject = hash_tagged("PLTFSUBJ", span_of(&candidate.cutoff, 8));
    if (!epoch.weights) {
        body->tag = OP_BODY_WEIGHTS;
        body->weights =
            (struct op_weights){.epoch = epoch.epoch,
                                .cutoff = candidate.cutoff,
                                .matrix = epoch_weights_hash(&candidate.weights, &n->scratch)};
        subject->bytes[0] ^= 1;
        return true;
    }
    if (!epoch.sealed) {
        body->tag = OP_BODY_SEAL;
        body->seal = (struct op_seal){.epoch = epoch.epoch,
                                      .log_size = candidate.log_size,
                                      .log_root = candidate.log_root,
                                      .valset = bft_current_set(n->bft)->hash};
        subject->bytes[0] ^= 2;
        return true;
    }
    const struct op_epoch *next = last ? epochs_next(n, &n->scratch) : NULL;
    if (next == NULL)
        return false;
    body->tag = OP_BODY_EPOCH;
    body->epoch = *next;
    subject->bytes[0] ^= 3;
    return true;
}

/* Has the closing operation signed that is due in this slot; true while it is
 * being signed. */
static bool closing_op_is_pending(struct node *n, uint64_t seq, bool last)
{
    struct op_body body = {0};
    struct hash subject;
    if (!closing_op(n, seq, last, &body, &subject))
        return false;
    if (signing_is_under_way(n, SIGN_OP, &subject))
        return true;
    bool same = hash_equal(&n->own_subject, &subject);
    if (same && (n->own_op_count != 0 || n->own_seq > ledger_slot(n->ledger)))
        return false; /* Signed: it goes into this batch, or it is in one under way. */
    n->own_subject = subject;
    return gossip_want_op(n, &body, &subject, true) == ERR_OK;
}

struct filling {
    struct op_bytes *ops;
    uint32_t count, count_max;
    size_t size, size_max;
};

static bool fill_one(struct filling *f, struct span op)
{
    if (f->count == f->count_max || f->size + 4 + op.len > f->size_max)
        return false;
    f->ops[f->count++].bytes = op;
    f->size += 4 + op.len;
    return true;
}

static void fill_from_mempool(struct node *n, struct filling *f, uint64_t seq)
{
    uint32_t next;
    for (uint32_t at = mempool_first(&n->mempool); at != MAP_NONE; at = next) {
        next = mempool_next(&n->mempool, at);
        struct mempool_entry *e = &n->mempool.entries[at];
        if (e->slot != 0)
            continue;
        enum reject why;
        size_t mark = arena_mark(&n->scratch);
        enum err ok = op_check(n->ledger, e->bytes, &n->scratch, &why);
        arena_reset(&n->scratch, mark);
        if (ok != ERR_OK) {
            struct hash id = e->id;
            mempool_remove(&n->mempool, &id);
            node_pending_changed(n);
            continue;
        }
        if (!fill_one(f, e->bytes))
            return;
        mempool_reserve(&n->mempool, at, seq);
    }
}

/* Our own operations stand last, as EPOCH must; their room is kept free. */
static struct span build_batch(struct node *n, uint64_t seq)
{
    struct filling f = {.ops = arena_array(&n->scratch, BATCH_OPS_MAX, sizeof *f.ops),
                        .size = 4,
                        .count_max = BATCH_OPS_MAX - n->own_op_count,
                        .size_max = BFT_BATCH_SIZE_MAX};
    assert(f.ops != NULL);
    for (uint32_t i = 0; i < n->own_op_count; i++)
        f.size_max -= 4 + n->own_ops[i].len;
    fill_from_mempool(n, &f, seq);
    f.count_max = BATCH_OPS_MAX;
    f.size_max = BFT_BATCH_SIZE_MAX;
    for (uint32_t i = 0; i < n->own_op_count; i++)
        fill_one(&f, n->own_ops[i]);
    if (f.count == 0)
        return (struct span){0};
    struct batch batch = {.ops = f.ops, .ops_count = f.count};
    struct room room = {arena_raw(&n->scratch, f.size), f.size};
    assert(room.ptr != NULL);
    return batch_encode(&batch, room);
}

void consensus_try_propose(struct node *n)
{
    struct pending_proposal *p = &n->proposal;
    if (!p->used)
        return;
    size_t mark = arena_mark(&n->scratch);
    bool wait = closing_op_is_pending(n, p->seq, p->last);
    if (wait && n->now_ms < time_add(p->since_ms, PROPOSAL_PATIENCE_MS)) {
        arena_reset(&n->scratch, mark);
        return;
    }
    struct bft_event ev = {.kind = BFT_EV_BATCH, .view = p->view, .seq = p->seq};
    p->used = false;
    bytes_drop(&n->batch);
    n->batch = bytes_keep(build_batch(n, ev.seq));
    n->own_seq = n->own_op_count != 0 ? ev.seq : n->own_seq;
    for (uint32_t i = 0; i < n->own_op_count; i++)
        bytes_drop(&n->own_ops[i]);
    n->own_op_count = 0;
    arena_reset(&n->scratch, mark);
    ev.bytes = n->batch;
    node_follow_up(n, &ev);
}

static void on_propose(struct node *n, const struct bft_effect *fx)
{
    n->proposal =
        (struct pending_proposal){true, fx->view, fx->seq, n->now_ms, fx->last_in_segment};
    consensus_try_propose(n);
}

/* --- checking a proposal */

/* Whether the blobs of all submissions are here: so what is decided can be
 * evaluated, whoever dies.  One that is missing is asked for. */
static bool blobs_are_here(struct node *n, struct span payload)
{
    struct batch batch;
    bool all = true;
    if (payload.len == 0 || batch_decode(payload, &n->scratch, &batch) != ERR_OK)
        return true;
    for (uint32_t i = 0; i < batch.ops_count; i++) {
        struct op op;
        size_t mark = arena_mark(&n->scratch);
        if (op_decode(batch.ops[i].bytes, &n->scratch, &op) == ERR_OK &&
            op.content.body.tag == OP_BODY_SUBMISSION) {
            const struct op_submission *s = &op.content.body.submission;
            all &= blobs_have(n, &s->blob);
            blobs_want(n, &s->blob, s->size);
        }
        arena_reset(&n->scratch, mark);
    }
    return all;
}

static enum ledger_verdict check(struct node *n, uint64_t seq, struct span payload)
{
    struct op_epoch named;
    const struct op_epoch *expected = NULL;
    size_t mark = arena_mark(&n->scratch);
    bool hands_over = ledger_batch_epoch(payload, &n->scratch, &named);
    if (hands_over)
        expected = epochs_expected(n, &named, &n->scratch);
    enum ledger_verdict v = ledger_check_batch(n->ledger, seq, payload, expected, &n->scratch);
    if (hands_over && epochs_refuse(n, named.next.chain_block))
        v = LEDGER_INVALID;
    if (hands_over && v == LEDGER_INVALID)
        trace_u64(trace_add(&n->trace, TRACE_WARN, "epoch.disputed"), "block",
                  named.next.chain_block);
    if (v == LEDGER_VALID && !blobs_are_here(n, payload))
        v = LEDGER_WAIT;
    arena_reset(&n->scratch, mark);
    return v;
}

static void answer_check(struct node *n, uint64_t seq, const struct hash *digest,
                         enum ledger_verdict v)
{
    struct bft_event ev = {.kind = BFT_EV_CHECKED,
                           .seq = seq,
                           .digest = *digest,
                           .ok = v == LEDGER_VALID,
                           .wait = v == LEDGER_WAIT};
    if (v == LEDGER_INVALID)
        trace_u64(trace_add(&n->trace, TRACE_WARN, "proposal.invalid"), "seq", seq);
    node_follow_up(n, &ev);
}

static void on_check(struct node *n, const struct bft_effect *fx)
{
    enum ledger_verdict v = check(n, fx->seq, fx->bytes);
    answer_check(n, fx->seq, &fx->digest, v);
    if (v != LEDGER_WAIT)
        return;
    struct pending_check *slot = &n->checks[0];
    for (uint32_t i = 0; i < COUNT_OF(n->checks); i++) {
        if (!n->checks[i].used) {
            slot = &n->checks[i];
            break;
        }
        if (n->checks[i].seq < slot->seq)
            slot = &n->checks[i];
    }
    bytes_drop(&slot->payload);
    *slot = (struct pending_check){true, fx->seq, fx->digest, bytes_keep(fx->bytes)};
}

/* What had to wait for our view of the chain, or for a checkpoint. */
void consensus_recheck(struct node *n)
{
    n->blob_came = false;
    for (uint32_t i = 0; i < COUNT_OF(n->checks); i++) {
        struct pending_check *c = &n->checks[i];
        if (!c->used)
            continue;
        if (c->seq > ledger_slot(n->ledger)) { /* Else it is decided, this or another. */
            enum ledger_verdict v = check(n, c->seq, c->payload);
            if (v == LEDGER_WAIT)
                continue;
            answer_check(n, c->seq, &c->digest, v);
        }
        bytes_drop(&c->payload);
        *c = (struct pending_check){0};
    }
}

/* --- the other effects */

static void on_sign(struct node *n, const struct bft_effect *fx)
{
    struct signer_request_body body = {.tag = SIGNER_REQUEST_BODY_BFT,
                                       .bft = {.network = n->network,
                                               .valset = bft_current_set(n->bft)->hash,
                                               .statement = fx->statement}};
    struct sign_wait *w = signing_ask(n, SIGN_BFT, &body);
    if (w != NULL) {
        w->context = fx->token;
        return;
    }
    struct bft_event ev = {.kind = BFT_EV_SIGNED, .token = fx->token, .ok = false};
    node_follow_up(n, &ev);
}

static void on_evidence(struct node *n, struct span bytes)
{
    struct op_body body = {.tag = OP_BODY_EVIDENCE};
    enum err e = op_evidence_decode(bytes, &n->scratch, &body.evidence);
    assert(e == ERR_OK); /* The core made it. */
    struct hash subject = hash_tagged("PLTFEVID", bytes);
    trace_u64(trace_add(&n->trace, TRACE_ERROR, "validator.equivocated"), "member",
              body.evidence.signer);
    if (node_is_member(n) && !signing_is_under_way(n, SIGN_OP, &subject))
        err_ignore(gossip_want_op(n, &body, &subject, false)); /* Others report it too. */
}

static void perform(struct node *n, const struct bft_effect *fx)
{
    switch (fx->kind) {
    case BFT_FX_PERSIST:
        if (!n->world.append(n->world.ctx, fx->bytes))
            node_fail(n, "journal_failed", ERR_NO_MEMORY);
        n->appended++;
        break;
    case BFT_FX_SIGN:
        on_sign(n, fx);
        break;
    case BFT_FX_SEND:
        peers_send_member(n, fx->to, peers_bft_frame(n, fx->bytes));
        break;
    case BFT_FX_REPLY:
        if (n->replying_to != NULL)
            n->world.send(n->world.net, &n->replying_to->id, P2P_BFT,
                          peers_bft_frame(n, fx->bytes));
        break;
    case BFT_FX_PROPOSE:
        on_propose(n, fx);
        break;
    case BFT_FX_CHECK:
        on_check(n, fx);
        break;
    case BFT_FX_EXECUTE:
        if (!n->drift) /* Nothing that it came to would be worth keeping. */
            execute_slot(n, fx);
        break;
    case BFT_FX_STABLE:
        storage_stable(n, fx->bytes);
        break;
    case BFT_FX_FETCH:
        if (!node_is_member(n) || !bft_hears_quorum(n->bft))
            storage_fetch(n, fx->seq);
        break;
    case BFT_FX_SERVE:
        if (n->replying_to != NULL)
            storage_serve(n, n->replying_to, fx->seq);
        break;
    case BFT_FX_EVIDENCE:
        on_evidence(n, fx->bytes);
        break;
    case BFT_FX_ALARM:
        node_drift(n, fx->why);
        break;
    }
}

/* In another view nothing of ours is under way any more: what was reserved for a
 * proposal goes back to the pool, and an older request for one is moot.  Before
 * the step's effects, which may ask for the new view's first proposal. */
static void watch_view(struct node *n)
{
    uint64_t view = bft_view(n->bft), epoch = bft_current_set(n->bft)->set.epoch;
    if (view == n->seen_view && epoch == n->seen_epoch)
        return;
    n->seen_view = view;
    n->seen_epoch = epoch;
    mempool_release(&n->mempool);
    n->own_seq = 0;
    n->proposal.used = false;
    n->pending_changed = true;
}

/* One step and its effects, in the core's order; what they lead to in the core
 * is queued and runs after them. */
static void step(struct node *n, const struct bft_event *ev)
{
    struct bft_event event = *ev;
    event.now_ms = n->now_ms;
    bft_step(n->bft, &event, &n->effects);
    watch_view(n);
    size_t mark = arena_mark(&n->scratch);
    for (uint32_t i = 0; i < n->effects.count && n->fatal == NULL; i++)
        perform(n, &n->effects.items[i]);
    arena_reset(&n->scratch, mark);
}

void consensus_step(struct node *n, const struct bft_event *ev)
{
    if (n->fatal != NULL)
        return;
    step(n, ev);
    while (n->follow_up_count > 0) {
        struct bft_event next = n->follow_ups[n->follow_up_first];
        n->follow_up_first = (n->follow_up_first + 1) % FOLLOW_UPS_MAX;
        n->follow_up_count--;
        step(n, &next);
    }
    n->follow_up_first = 0; /* The far end of the queue stays untouched memory. */
}

void node_follow_up(struct node *n, const struct bft_event *ev)
{
    if (n->fatal != NULL)
        return;
    assert(n->follow_up_count < FOLLOW_UPS_MAX);
    n->follow_ups[(n->follow_up_first + n->follow_up_count++) % FOLLOW_UPS_MAX] = *ev;
}
