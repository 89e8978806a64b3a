#include "rpc/internal.h"

#include "audit/audit.h"

static const struct rpc_view *view(const struct rpc *r)
{
    return r->config.view;
}

static bool read_entry(struct rpc *r, uint64_t index, struct audit_entry *out)
{
    struct span bytes;
    return view(r)->log_entry(view(r)->ctx, index, &r->scratch, &bytes) &&
           audit_entry_decode(bytes, &r->scratch, out) == ERR_OK;
}

bool archive_fate(struct rpc *r, const struct hash *op, enum reject *reject, uint64_t *height)
{
    struct audit_entry e;
    uint64_t index;
    if (!view(r)->op_at(view(r)->ctx, op, &index) || !read_entry(r, index, &e) ||
        e.body.tag != AUDIT_BODY_OP)
        return false;
    *reject = e.body.op.reject;
    *height = e.height;
    return true;
}

static bool read_submission(struct rpc *r, const struct hash *id, struct archived *out)
{
    struct audit_entry e;
    struct op op;
    uint64_t index;
    if (!view(r)->op_at(view(r)->ctx, id, &index) || !read_entry(r, index, &e) ||
        e.body.tag != AUDIT_BODY_OP || e.body.op.reject != REJECT_NONE ||
        op_decode(e.body.op.op, &r->scratch, &op) != ERR_OK ||
        op.content.body.tag != OP_BODY_SUBMISSION)
        return false;
    const struct op_submission *s = &op.content.body.submission;
    *out = (struct archived){.submission = {.id = *id,
                                            .challenge = s->challenge,
                                            .miner = op.content.signer,
                                            .blob = s->blob,
                                            .size = s->size,
                                            .slot = e.height,
                                            .epoch = e.epoch,
                                            .phase = SUBMISSION_PHASE_UNRESOLVED}};
    return true;
}

/* The state forgets what is closed only: without a result there is none. */
bool archive_submission(struct rpc *r, const struct hash *id, struct archived *out)
{
    struct audit_entry e;
    uint64_t index;
    if (!read_submission(r, id, out))
        return false;
    if (!view(r)->final_at(view(r)->ctx, id, &index) || !read_entry(r, index, &e) ||
        e.body.tag != AUDIT_BODY_FINAL)
        return true;
    struct state_submission *s = &out->submission;
    s->phase = SUBMISSION_PHASE_FINAL;
    s->has_result = true;
    s->result = (struct attestation){.submission = *id,
                                     .score = e.body.final.score,
                                     .gas = e.body.final.gas,
                                     .outcome = e.body.final.outcome,
                                     .output = e.body.final.output};
    out->agreed = rpc_bits_set(e.body.final.agreed, sizeof e.body.final.agreed);
    out->differed = rpc_bits_set(e.body.final.differed, sizeof e.body.final.differed);
    return true;
}
