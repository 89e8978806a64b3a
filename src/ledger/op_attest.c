#include "epoch/epoch.h"
#include "ledger/state.h"
#include "registry/registry.h"

static bool quorum_of(const void *ctx, const uint8_t bits[BFT_BITMAP_SIZE])
{
    struct bft_bitmap b;
    memcpy(b.bits, bits, sizeof b.bits);
    return bft_is_quorum(ctx, &b);
}

static struct epoch_quorum quorum_now(const struct ledger *l)
{
    return (struct epoch_quorum){
        .is = quorum_of, .ctx = &l->now.quorum, .members = l->now.quorum.count};
}

enum reject op_check_commit(struct turn *t, const struct op_attest_commit *b)
{
    struct state_submission s;
    struct state_attest a;
    if (!ledger_is_member(t->l, t->signer))
        return REJECT_NOT_VALIDATOR;
    if (!state_get_submission(t->l, &b->submission, &t->l->work, &s))
        return REJECT_UNKNOWN_SUBMISSION;
    if (state_get_attest(t->l, &s.id, t->signer, &a))
        return REJECT_DUPLICATE;
    if (s.phase != SUBMISSION_PHASE_COMMITTING)
        return REJECT_WINDOW_CLOSED;
    return turn_has_room(t) ? REJECT_NONE : REJECT_LIMIT;
}

void op_act_commit(struct turn *t, const struct op_attest_commit *b)
{
    const struct state_attest a = {.validator = *t->signer, .commitment = b->commitment};
    state_put_attest(t->l, &b->submission, &a);
    ledger_submission_settle(t, &b->submission);
}

/* What an attestation says about agreed things must be true. */
static bool is_about(const struct attestation *a, const struct state_submission *s,
                     const struct state_challenge *c)
{
    struct hash policy = registry_policy_hash(&c->body.policy);
    return hash_equal(&a->submission, &s->id) && hash_equal(&a->module, &c->body.module) &&
           hash_equal(&a->policy, &policy) && a->outcome != OUTCOME_INFRA &&
           a->score <= (a->outcome == OUTCOME_OK ? SCORE_ONE : 0);
}

enum reject op_check_reveal(struct turn *t, const struct op_attest_reveal *b)
{
    struct state_submission s;
    struct state_challenge c;
    struct state_attest a;
    if (!ledger_is_member(t->l, t->signer))
        return REJECT_NOT_VALIDATOR;
    if (!state_get_submission(t->l, &b->attestation.submission, &t->l->work, &s))
        return REJECT_UNKNOWN_SUBMISSION;
    if (s.phase == SUBMISSION_PHASE_UNRESOLVED)
        return REJECT_TOO_LATE;
    if (!state_get_attest(t->l, &s.id, t->signer, &a))
        return REJECT_COMMIT_MISSING;
    if (s.phase == SUBMISSION_PHASE_COMMITTING)
        return REJECT_WINDOW_CLOSED;
    if (a.has_revealed)
        return REJECT_DUPLICATE;
    struct hash commitment = epoch_commitment(&b->attestation, b->salt, t->signer);
    if (!hash_equal(&commitment, &a.commitment))
        return REJECT_COMMIT_MISMATCH;
    if (!state_get_challenge(t->l, &s.challenge, &t->l->work, &c))
        return REJECT_UNKNOWN_CHALLENGE;
    if (!is_about(&b->attestation, &s, &c))
        return REJECT_MALFORMED;
    return turn_has_room(t) ? REJECT_NONE : REJECT_LIMIT;
}

/* A reveal after the decision is kept too: it shows who differs. */
void op_act_reveal(struct turn *t, const struct op_attest_reveal *b)
{
    struct state_attest a;
    bool there = state_get_attest(t->l, &b->attestation.submission, t->signer, &a);
    assert(there);
    a.has_revealed = true;
    a.revealed = b->attestation;
    state_put_attest(t->l, &b->attestation.submission, &a);
    ledger_submission_settle(t, &b->attestation.submission);
}

static void finish(struct turn *t, struct state_submission *s, const struct state_challenge *c,
                   const struct audit_final *final, const struct attestation *result)
{
    s->phase = SUBMISSION_PHASE_FINAL;
    s->has_result = true;
    s->result = *result;
    state_put_submission(t->l, s);
    ledger_submission_close(t->l, s);
    if (result->outcome == OUTCOME_OK && c->phase == CHALLENGE_PHASE_ACTIVE &&
        ledger_is_registered(t->l, &s->miner))
        ledger_leader_offer(t->l, s);
    const struct audit_body body = {.tag = AUDIT_BODY_FINAL, .final = *final};
    turn_entry(t, &body);
    turn_notice(t, LEDGER_FINAL, &s->id);
}

/* The attestations of the members of the day, ready for epoch's rules. */
struct tally {
    uint8_t committed[BFT_BITMAP_SIZE];
    struct epoch_reveal reveals[VALIDATORS_MAX];
    uint32_t reveal_count;
};

static struct tally *tally_of(struct turn *t, const struct hash *id)
{
    struct tally *y = work_alloc(t->l, sizeof *y);
    const struct state_attest *attests;
    uint32_t count;
    bool ok = state_get_attests(t->l, id, &t->l->work, &attests, &count);
    assert(ok);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t member = bft_member(&t->l->now.quorum, &attests[i].validator);
        if (member == BFT_ALL)
            continue;
        y->committed[member / 8] |= (uint8_t)(1u << (member % 8));
        if (attests[i].has_revealed)
            y->reveals[y->reveal_count++] =
                (struct epoch_reveal){.member = member, .attestation = &attests[i].revealed};
    }
    return y;
}

void ledger_submission_settle(struct turn *t, const struct hash *id)
{
    struct ledger *l = t->l;
    struct state_submission s;
    struct state_challenge c;
    bool there = state_get_submission(l, id, &l->work, &s) &&
                 state_get_challenge(l, &s.challenge, &l->work, &c);
    assert(there);
    struct tally *y = tally_of(t, id);
    struct epoch_quorum q = quorum_now(l);
    if (s.phase == SUBMISSION_PHASE_COMMITTING &&
        epoch_window_is_open(&q, y->committed, s.slot, t->slot, c.body.policy.reveal_after)) {
        s.phase = SUBMISSION_PHASE_REVEALING;
        state_put_submission(l, &s);
        turn_notice(t, LEDGER_REVEAL, &s.id);
    }
    if (s.phase != SUBMISSION_PHASE_REVEALING)
        return;
    struct audit_final final = {.submission = s.id, .challenge = s.challenge, .miner = s.miner};
    uint32_t winner = epoch_join(&q, y->reveals, y->reveal_count, final.agreed, final.differed);
    if (winner == y->reveal_count)
        return;
    const struct attestation *result = y->reveals[winner].attestation;
    final.score = result->score;
    final.gas = result->gas;
    final.outcome = result->outcome;
    final.output = result->output;
    final.input = result->input;
    finish(t, &s, &c, &final, result);
}
