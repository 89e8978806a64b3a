#include "node/internal.h"

#include "crypto/hash.h"
#include "sandbox/sandbox.h"

/* What this validator wants decided is derived from the state each time, never
 * remembered: after a crash it is simply wanted again.  An operation that is on
 * its way is not asked for twice: its subject is being signed, or it is in the
 * mempool under n->wanted. */

static void salt_of(const struct node *n, const struct hash *submission, uint8_t salt[32])
{
    struct hasher h;
    hasher_open(&h, "PLTFSALT");
    hasher_add(&h, span_of(n->config.secret, sizeof n->config.secret));
    hasher_add(&h, hash_span(submission));
    struct hash out = hasher_close(&h);
    memcpy(salt, out.bytes, 32);
}

static struct hash subject_of(uint8_t kind, const struct hash *id)
{
    uint8_t memory[1 + HASH_SIZE];
    memory[0] = kind;
    memcpy(memory + 1, id->bytes, HASH_SIZE);
    return hash_tagged("PLTFSUBJ", span_of(memory, sizeof memory));
}

/* Asks for body once in a while until the state shows it. */
static void want(struct node *n, const struct op_body *body, const struct hash *subject)
{
    enum { AGAIN_MS = 3000 };
    uint32_t at = map_get(&n->wanted, subject->bytes);
    if (signing_is_under_way(n, SIGN_OP, subject))
        return;
    if (at != MAP_NONE && n->now_ms < time_add((uint64_t)at * 16, AGAIN_MS))
        return;
    if (n->wanted.count == n->wanted.capacity)
        map_clear(&n->wanted);
    if (gossip_want_op(n, body, subject, false) == ERR_OK &&
        map_put(&n->wanted, subject->bytes, (uint32_t)(n->now_ms / 16)) != ERR_OK)
        map_clear(&n->wanted);
}

/* Whether a worker of ours would run it: the same look that the worker takes. */
static bool would_run(struct node *n, const struct state_challenge *c, struct span module,
                      struct sandbox_verdict *verdict)
{
    struct sandbox_facts facts;
    sandbox_policy_check(&c->body.policy, verdict);
    if (verdict->outcome == OUTCOME_OK)
        sandbox_inspect(module, &n->scratch, &facts, verdict);
    if (verdict->outcome == OUTCOME_OK)
        sandbox_admit(&facts, &c->body.policy, verdict);
    return verdict->outcome == OUTCOME_OK;
}

/* A challenge's id is the hash of its module and policy, so one look is enough. */
static void remember_unfit(struct node *n, const struct hash *id)
{
    if (n->unfit.count == n->unfit.capacity)
        map_clear(&n->unfit);
    enum err e = map_put(&n->unfit, id->bytes, 0);
    assert(e == ERR_OK);
}

static void approve_one(struct node *n, const struct state_challenge *c)
{
    struct sandbox_verdict verdict;
    struct span module;
    if (map_get(&n->unfit, c->id.bytes) != MAP_NONE)
        return;
    if (node_get_blob(n, &c->body.module, &module) != ERR_OK) {
        blobs_want(n, &c->body.module, c->body.module_size);
        return;
    }
    if (!would_run(n, c, module, &verdict)) {
        struct trace_event *t = trace_add(&n->trace, TRACE_WARN, "challenge.not_approved");
        trace_hash(t, "id", &c->id);
        trace_word(t, "why", outcome_name(verdict.outcome));
        remember_unfit(n, &c->id);
        return;
    }
    struct op_body body = {.tag = OP_BODY_CHALLENGE_APPROVE,
                           .challenge_approve = {.challenge = c->id}};
    struct hash subject = subject_of('a', &c->id);
    want(n, &body, &subject);
}

static void approve(struct node *n)
{
    struct hash id;
    for (uint32_t i = 0; n->config.approve_all && ledger_challenge_at(n->ledger, i, &id); i++) {
        struct state_challenge c;
        size_t mark = arena_mark(&n->scratch);
        if (ledger_challenge(n->ledger, &id, &n->scratch, &c) &&
            c.phase == CHALLENGE_PHASE_REGISTERED &&
            !ledger_has_approved(n->ledger, &id, &n->config.self))
            approve_one(n, &c);
        arena_reset(&n->scratch, mark);
    }
}

static const struct state_attest *own_attest(const struct node *n, const struct state_submission *s)
{
    for (uint32_t i = 0; i < s->attests_count; i++)
        if (hotkey_equal(&s->attests[i].validator, &n->config.self))
            return &s->attests[i];
    return NULL;
}

static void attest(struct node *n, struct job *j)
{
    struct state_submission s;
    if (!ledger_submission(n->ledger, &j->submission, &n->scratch, &s))
        return;
    const struct state_attest *mine = own_attest(n, &s);
    struct op_body body = {0};
    if (s.phase == SUBMISSION_PHASE_COMMITTING && mine == NULL) {
        uint8_t salt[32];
        salt_of(n, &s.id, salt);
        body.tag = OP_BODY_ATTEST_COMMIT;
        body.attest_commit.submission = s.id;
        body.attest_commit.commitment = eval_commitment(&j->attestation, salt, &n->config.self);
        struct hash subject = subject_of('c', &s.id);
        want(n, &body, &subject);
    } else if (s.phase == SUBMISSION_PHASE_REVEALING && mine != NULL && !mine->has_revealed) {
        body.tag = OP_BODY_ATTEST_REVEAL;
        body.attest_reveal.attestation = j->attestation;
        salt_of(n, &s.id, body.attest_reveal.salt);
        struct hash subject = subject_of('r', &s.id);
        want(n, &body, &subject);
    }
}

void actions_tick(struct node *n)
{
    if (!n->started || !node_is_member(n) || n->drift)
        return;
    approve(n);
    for (uint32_t i = 0; i < JOBS_MAX; i++) {
        if (!n->jobs[i].used || n->jobs[i].phase != JOB_DONE)
            continue;
        size_t mark = arena_mark(&n->scratch);
        attest(n, &n->jobs[i]);
        arena_reset(&n->scratch, mark);
    }
}
