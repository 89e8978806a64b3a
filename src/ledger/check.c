#include "ledger/op.h"

static enum err err_of(enum reject why)
{
    switch (why) {
    case REJECT_NONE:
        return ERR_OK;
    case REJECT_MALFORMED:
        return ERR_MALFORMED;
    case REJECT_BAD_SIGNATURE:
        return ERR_BAD_SIGNATURE;
    case REJECT_WRONG_NETWORK:
        return ERR_FOREIGN;
    case REJECT_REPLAYED:
    case REJECT_DUPLICATE:
        return ERR_CONFLICT;
    case REJECT_WRONG_EPOCH:
    case REJECT_NOT_OWNER:
    case REJECT_NOT_VALIDATOR:
    case REJECT_UNKNOWN_CHALLENGE:
    case REJECT_CHALLENGE_STATE:
    case REJECT_UNKNOWN_SUBMISSION:
    case REJECT_COMMIT_MISSING:
    case REJECT_COMMIT_MISMATCH:
    case REJECT_WINDOW_CLOSED:
    case REJECT_NOT_SEGMENT_END:
    case REJECT_WRONG_SET:
    case REJECT_WRONG_MATRIX:
    case REJECT_WRONG_SEAL:
    case REJECT_BAD_EVIDENCE:
    case REJECT_LIMIT:
    case REJECT_TOO_LATE:
    case REJECT_NOT_REGISTERED:
        return ERR_DENIED;
    }
    return ERR_DENIED;
}

/* The cheap questions first: a signature costs more than all the others. */
static enum reject check_now(struct ledger *l, struct span bytes, struct arena *scratch)
{
    struct op op;
    struct state_replay replay = {0};
    enum reject why = op_open(l, bytes, &op);
    if (why == REJECT_NONE)
        why = op_standing(l, &op);
    if (why != REJECT_NONE)
        return why;
    (void)state_get_replay(l, &op.content.signer, &replay);
    if (!nonce_is_fresh(&replay, op.content.nonce))
        return REJECT_REPLAYED;
    struct turn t = {.l = l,
                     .scratch = scratch,
                     .slot = l->meta.slot + 1,
                     .id = op_id(bytes),
                     .signer = &op.content.signer};
    why = op_check_body(&t, &op.content.body);
    if (why == REJECT_NONE && !op_is_signed(l, bytes, &op))
        why = REJECT_BAD_SIGNATURE;
    return why;
}

enum err op_check(struct ledger *l, struct span op_bytes, struct arena *scratch, enum reject *why)
{
    assert(l->begun);
    *why = check_now(l, op_bytes, scratch);
    arena_reset(&l->work, 0);
    return err_of(*why);
}

static bool same_epoch_op(const struct op_epoch *a, const struct op_epoch *b, struct ledger *l)
{
    struct room x = {work_alloc(l, OP_EPOCH_SIZE_MAX), OP_EPOCH_SIZE_MAX};
    struct room y = {work_alloc(l, OP_EPOCH_SIZE_MAX), OP_EPOCH_SIZE_MAX};
    return span_equal(op_epoch_encode(a, x), op_epoch_encode(b, y));
}

/* R4: what can be recomputed is voted for only when it is equal. */
static enum ledger_verdict check_facts(struct turn *t, const struct op *op,
                                       const struct op_epoch *expected)
{
    const struct op_body *body = &op->content.body;
    enum reject why = REJECT_NONE;
    if (body->tag == OP_BODY_WEIGHTS)
        why = op_check_weights(t, &body->weights);
    if (body->tag == OP_BODY_SEAL)
        why = op_check_seal(t, &body->seal);
    if (why == REJECT_WRONG_MATRIX || why == REJECT_WRONG_SEAL)
        return LEDGER_INVALID;
    if (body->tag != OP_BODY_EPOCH)
        return LEDGER_VALID;
    if (t->slot % BFT_CHECKPOINT_INTERVAL != 0 || !t->last)
        return LEDGER_INVALID;
    if (expected == NULL)
        return LEDGER_WAIT;
    return same_epoch_op(&body->epoch, expected, t->l) ? LEDGER_VALID : LEDGER_INVALID;
}

enum ledger_verdict ledger_check_batch(struct ledger *l, uint64_t seq, struct span payload,
                                       const struct op_epoch *expected, struct arena *scratch)
{
    assert(l->begun);
    if (payload.len == 0)
        return LEDGER_VALID;
    struct batch batch;
    size_t mark = arena_mark(scratch);
    enum ledger_verdict verdict = LEDGER_VALID;
    if (batch_decode(payload, scratch, &batch) != ERR_OK)
        verdict = LEDGER_INVALID;
    for (uint32_t i = 0; verdict == LEDGER_VALID && i < batch.ops_count; i++) {
        struct op op;
        struct span bytes = batch.ops[i].bytes;
        if (op_open(l, bytes, &op) != REJECT_NONE || !op_is_signed(l, bytes, &op)) {
            verdict = LEDGER_INVALID;
        } else {
            struct turn t = {.l = l,
                             .scratch = scratch,
                             .slot = seq,
                             .slot_known = true,
                             .last = i + 1 == batch.ops_count,
                             .signer = &op.content.signer};
            verdict = check_facts(&t, &op, expected);
        }
        arena_reset(&l->work, 0);
    }
    arena_reset(scratch, mark);
    return verdict;
}

bool ledger_batch_epoch(struct span payload, struct arena *scratch, struct op_epoch *out)
{
    struct batch batch;
    struct op op;
    if (payload.len == 0 || batch_decode(payload, scratch, &batch) != ERR_OK ||
        batch.ops_count == 0)
        return false;
    struct span last = batch.ops[batch.ops_count - 1].bytes;
    if (op_decode(last, scratch, &op) != ERR_OK || op.content.body.tag != OP_BODY_EPOCH)
        return false;
    *out = op.content.body.epoch;
    return true;
}
