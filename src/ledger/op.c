#include "ledger/op.h"

#include "crypto/hash.h"

enum { TAG_SIZE = 8 };

static const uint64_t NONCE_STEP_MAX = 1ull << 32;

struct hash op_id(struct span op_bytes)
{
    return hash_tagged("PLTFOPID", op_bytes);
}

void op_signing_bytes(const struct op_content *content, struct room out, struct span *bytes)
{
    struct wr w = wr_init(out);
    wr_raw(&w, SPAN_LITERAL("PLTFOPER"));
    op_content_write(&w, content);
    *bytes = wr_done(&w);
}

enum reject op_open(struct ledger *l, struct span bytes, struct op *out)
{
    if (bytes.len > OPERATION_SIZE_MAX || op_decode(bytes, &l->work, out) != ERR_OK)
        return REJECT_MALFORMED;
    if (!hash_equal(&out->content.network, &l->config.network))
        return REJECT_WRONG_NETWORK;
    return REJECT_NONE;
}

bool op_is_signed(const struct ledger *l, struct span bytes, const struct op *op)
{
    assert(bytes.len > SIGNATURE_SIZE && bytes.len <= OPERATION_SIZE_MAX);
    uint8_t message[TAG_SIZE + OPERATION_SIZE_MAX];
    size_t content = bytes.len - SIGNATURE_SIZE;
    memcpy(message, "PLTFOPER", TAG_SIZE);
    memcpy(message + TAG_SIZE, bytes.ptr, content);
    return verifier_check(&l->config.verifier, &op->content.signer,
                          span_of(message, TAG_SIZE + content), &op->signature);
}

enum reject op_standing(const struct ledger *l, const struct op *op)
{
    uint64_t epoch = op->content.epoch;
    const struct hotkey *signer = &op->content.signer;
    if (epoch != l->meta.epoch && (l->meta.epoch == 0 || epoch != l->meta.epoch - 1))
        return REJECT_WRONG_EPOCH;
    if (!ledger_is_registered(l, signer) && !ledger_is_member(l, signer) &&
        !ledger_is_owner(l, signer))
        return REJECT_NOT_REGISTERED;
    return REJECT_NONE;
}

/* Nonces begin at 1, so a window that is all zero has used none.  One that is far
 * ahead would leave its signer none to come: a slip, or a theft, for ever. */
bool nonce_is_fresh(const struct state_replay *r, uint64_t nonce)
{
    if (nonce > r->highest)
        return nonce - r->highest <= NONCE_STEP_MAX;
    uint64_t back = r->highest - nonce;
    return nonce > 0 && back < REPLAY_WINDOW && (r->seen[back / 8] & (1u << (back % 8))) == 0;
}

/* seen, as one number of 256 bits, shifted towards older nonces. */
static void shift_window(uint8_t seen[REPLAY_WINDOW / 8], uint64_t by)
{
    uint8_t old[REPLAY_WINDOW / 8];
    memcpy(old, seen, sizeof old);
    memset(seen, 0, sizeof old);
    for (uint64_t bit = 0; bit + by < REPLAY_WINDOW && by < REPLAY_WINDOW; bit++)
        if (old[bit / 8] & (1u << (bit % 8)))
            seen[(bit + by) / 8] |= (uint8_t)(1u << ((bit + by) % 8));
}

void nonce_use(struct state_replay *r, uint64_t nonce)
{
    assert(nonce_is_fresh(r, nonce));
    if (nonce > r->highest) {
        shift_window(r->seen, nonce - r->highest);
        r->highest = nonce;
    }
    uint64_t back = r->highest - nonce;
    r->seen[back / 8] |= (uint8_t)(1u << (back % 8));
}

enum reject op_check_body(struct turn *t, const struct op_body *body)
{
    switch (body->tag) {
    case OP_BODY_CHALLENGE_REGISTER:
        return op_check_register(t, &body->challenge_register);
    case OP_BODY_CHALLENGE_APPROVE:
        return op_check_approve(t, &body->challenge_approve);
    case OP_BODY_CHALLENGE_ACTIVATE:
        return op_check_activate(t, &body->challenge_activate);
    case OP_BODY_CHALLENGE_RETIRE:
        return op_check_retire(t, &body->challenge_retire);
    case OP_BODY_SUBMISSION:
        return op_check_submission(t, &body->submission);
    case OP_BODY_ATTEST_COMMIT:
        return op_check_commit(t, &body->attest_commit);
    case OP_BODY_ATTEST_REVEAL:
        return op_check_reveal(t, &body->attest_reveal);
    case OP_BODY_EPOCH:
        return op_check_epoch(t, &body->epoch);
    case OP_BODY_WEIGHTS:
        return op_check_weights(t, &body->weights);
    case OP_BODY_SEAL:
        return op_check_seal(t, &body->seal);
    case OP_BODY_EVIDENCE:
        return op_check_evidence(t, &body->evidence);
    }
    return REJECT_MALFORMED;
}

void op_act_body(struct turn *t, const struct op_body *body)
{
    switch (body->tag) {
    case OP_BODY_CHALLENGE_REGISTER:
        op_act_register(t, &body->challenge_register);
        break;
    case OP_BODY_CHALLENGE_APPROVE:
        op_act_approve(t, &body->challenge_approve);
        break;
    case OP_BODY_CHALLENGE_ACTIVATE:
        op_act_activate(t, &body->challenge_activate);
        break;
    case OP_BODY_CHALLENGE_RETIRE:
        op_act_retire(t, &body->challenge_retire);
        break;
    case OP_BODY_SUBMISSION:
        op_act_submission(t, &body->submission);
        break;
    case OP_BODY_ATTEST_COMMIT:
        op_act_commit(t, &body->attest_commit);
        break;
    case OP_BODY_ATTEST_REVEAL:
        op_act_reveal(t, &body->attest_reveal);
        break;
    case OP_BODY_EPOCH:
        op_act_epoch(t, &body->epoch);
        break;
    case OP_BODY_WEIGHTS:
        op_act_weights(t, &body->weights);
        break;
    case OP_BODY_SEAL:
        op_act_seal(t, &body->seal);
        break;
    case OP_BODY_EVIDENCE:
        op_act_evidence(t, &body->evidence);
        break;
    }
}
