#include "ledger/ledger.h"

#include "ledger/net_test.h"

static int open_net(void **state)
{
    struct net *n = calloc(1, sizeof *n);
    assert_non_null(n);
    net_open(n);
    *state = n;
    return 0;
}

static int close_net(void **state)
{
    net_close(*state);
    free(*state);
    return 0;
}

static enum challenge_phase phase_of(struct net *n, const struct hash *id)
{
    struct state_challenge c;
    assert_true(ledger_challenge(n->l, id, &n->scratch, &c));
    return c.phase;
}

static struct state_submission submission_of(struct net *n, const struct hash *id)
{
    struct state_submission s;
    assert_true(ledger_submission(n->l, id, &n->scratch, &s));
    return s;
}

static void form_and_signature_come_first(void **state)
{
    struct net *n = *state;
    struct op_body b = test_register(1000, "tsp");
    struct hash other = test_hash("another network");
    enum reject why;
    struct span good = net_op(n, &n->owner, &b);
    assert_int_equal(op_check(n->l, good, &n->scratch, &why), ERR_OK);
    assert_int_equal(why, REJECT_NONE);
    struct span ops[6];
    ops[0] = net_op_at(n, &n->owner, &b, 1, 5, &other);
    ops[1] = net_op_at(n, &n->owner, &b, 1, 6, &n->network);
    ops[2] = net_op_at(n, &n->owner, &b, 1, 3, &n->network);
    ops[3] = net_op_at(n, &n->stranger, &b, 1, 5, &n->network);
    ops[4] = net_op_at(n, &n->owner, &b, 0, 5, &n->network);
    struct span broken = arena_copy(&n->scratch, good);
    ((uint8_t *)(uintptr_t)broken.ptr)[broken.len - 1] ^= 1;
    ops[5] = broken;
    static const enum reject want[] = {REJECT_WRONG_NETWORK, REJECT_WRONG_EPOCH,
                                       REJECT_WRONG_EPOCH,   REJECT_NOT_REGISTERED,
                                       REJECT_REPLAYED,      REJECT_BAD_SIGNATURE};
    for (int i = 0; i < 6; i++) {
        assert_int_not_equal(op_check(n->l, ops[i], &n->scratch, &why), ERR_OK);
        assert_int_equal(why, want[i]);
    }
    assert_int_equal(op_check(n->l, span_of(good.ptr, good.len - 1), &n->scratch, &why),
                     ERR_MALFORMED);
    /* What its signer may not do is found before it is decided. */
    assert_int_equal(op_check(n->l, net_op(n, &n->validators[0], &b), &n->scratch, &why),
                     ERR_DENIED);
    assert_int_equal(why, REJECT_NOT_OWNER);
    struct hash before = ledger_root(n->l);
    net_slot(n, net_batch(n, ops, 6));
    for (int i = 0; i < 6; i++)
        assert_int_equal(n->result.fates[i].reject, want[i]);
    assert_int_equal(n->result.entry_count, 7); /* genesis, and one each */
    assert_int_equal(ledger_next_nonce(n->l, &n->owner), 1);
    assert_int_equal(ledger_next_nonce(n->l, &n->stranger), 1);
    struct hash after = ledger_root(n->l);
    assert_false(hash_equal(&before, &after)); /* the slot is in it */
    /* Yesterday's epoch is still good. */
    struct span last = net_op_at(n, &n->owner, &b, 9, 4, &n->network);
    net_slot(n, net_batch(n, &last, 1));
    assert_int_equal(n->result.fates[0].reject, REJECT_NONE);
    assert_int_equal(ledger_next_nonce(n->l, &n->owner), 10);
}

static void an_operation_takes_effect_once(void **state)
{
    struct net *n = *state;
    struct op_body b = test_register(1000, "tsp");
    struct span op = net_op(n, &n->owner, &b);
    struct span twice[2] = {op, op};
    struct hash id = op_id(op);
    enum reject why;
    uint64_t seq;
    assert_false(ledger_fate(n->l, &id, &why, &seq));
    net_slot(n, net_batch(n, twice, 2));
    assert_int_equal(n->result.fates[0].reject, REJECT_NONE);
    assert_int_equal(n->result.fates[1].reject, REJECT_REPLAYED);
    net_slot(n, net_batch(n, &op, 1));
    assert_int_equal(n->result.fates[0].reject, REJECT_REPLAYED);
    assert_true(ledger_fate(n->l, &id, &why, &seq));
    assert_int_equal(why, REJECT_NONE);
    assert_int_equal(seq, 1);
}

static void a_challenge_lives(void **state)
{
    struct net *n = *state;
    struct op_body b = test_register(6000, "tsp");
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_NOT_OWNER);
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    struct hash id = n->result.notices[0].id, none = test_hash("none");
    struct hash want = registry_challenge_id(&b.challenge_register, &n->scratch);
    assert_memory_equal(&id, &want, sizeof id);
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_DUPLICATE);

    struct op_body activate = test_about(OP_BODY_CHALLENGE_ACTIVATE, &id, 20);
    struct op_body approve = test_about(OP_BODY_CHALLENGE_APPROVE, &id, 0);
    struct op_body retire = test_about(OP_BODY_CHALLENGE_RETIRE, &id, 0);
    struct op_body lost = test_about(OP_BODY_CHALLENGE_APPROVE, &none, 0);
    struct op_body submit = test_submission(&id, "blob");
    assert_int_equal(net_do(n, &n->owner, &activate), REJECT_CHALLENGE_STATE);
    assert_int_equal(net_do(n, &n->validators[0], &lost), REJECT_UNKNOWN_CHALLENGE);
    assert_int_equal(net_do(n, &n->owner, &approve), REJECT_NOT_VALIDATOR);
    assert_false(ledger_has_approved(n->l, &id, &n->validators[0]));
    assert_int_equal(net_do(n, &n->validators[0], &approve), REJECT_NONE);
    assert_true(ledger_has_approved(n->l, &id, &n->validators[0]));
    assert_int_equal(net_do(n, &n->validators[0], &approve), REJECT_DUPLICATE);
    assert_int_equal(net_do(n, &n->validators[3], &approve), REJECT_NONE);
    assert_int_equal(phase_of(n, &id), CHALLENGE_PHASE_REGISTERED);
    assert_int_equal(net_do(n, &n->validators[1], &approve), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_CHALLENGE), 1);
    assert_int_equal(phase_of(n, &id), CHALLENGE_PHASE_APPROVED);
    assert_int_equal(net_do(n, &n->validators[2], &approve), REJECT_CHALLENGE_STATE);
    assert_int_equal(net_do(n, &n->validators[2], &activate), REJECT_NOT_OWNER);
    assert_int_equal(net_do(n, &n->owner, &activate), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_CHALLENGE), 1);
    assert_int_equal(net_do(n, &n->owner, &activate), REJECT_CHALLENGE_STATE);
    assert_int_equal(net_do(n, &n->miners[0], &submit), REJECT_CHALLENGE_STATE); /* slot 14 */
    net_until(n, 19);
    assert_int_equal(net_do(n, &n->miners[0], &submit), REJECT_NONE);
    assert_int_equal(net_do(n, &n->validators[0], &retire), REJECT_NOT_OWNER);
    assert_int_equal(net_do(n, &n->owner, &retire), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_CHALLENGE), 1);
    assert_int_equal(net_do(n, &n->owner, &retire), REJECT_CHALLENGE_STATE);
    assert_int_equal(net_do(n, &n->owner, &activate), REJECT_CHALLENGE_STATE);
    submit = test_submission(&id, "later");
    assert_int_equal(net_do(n, &n->miners[0], &submit), REJECT_CHALLENGE_STATE);
}

static void shares_are_at_most_everything(void **state)
{
    struct net *n = *state;
    net_challenge(n, 6000, "a");
    struct op_body b = test_register(4001, "b4");
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    struct hash id = n->result.notices[0].id;
    b = test_about(OP_BODY_CHALLENGE_APPROVE, &id, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    b = test_about(OP_BODY_CHALLENGE_ACTIVATE, &id, 0);
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_LIMIT);
    net_challenge(n, 2000, "c");
    net_challenge(n, 2000, "e");
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_LIMIT);
    struct hash least = id;
    for (uint32_t i = 0; ledger_challenge_at(n->l, i, &id); i++)
        least = memcmp(id.bytes, least.bytes, HASH_SIZE) < 0 ? id : least;
    assert_int_equal(phase_of(n, &least), CHALLENGE_PHASE_ACTIVE); /* also the first one counts */
    b = test_register(1, "f");
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    id = n->result.notices[0].id;
    assert_true(memcmp(id.bytes, least.bytes, HASH_SIZE) > 0);
    b = test_about(OP_BODY_CHALLENGE_APPROVE, &id, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    b = test_about(OP_BODY_CHALLENGE_ACTIVATE, &id, 0);
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_LIMIT); /* none is left out */
    b = test_register(10001, "d");
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_MALFORMED);
    b = test_register(1, "");
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_MALFORMED);
}

static void only_the_registered_submit(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp"), none = test_hash("none");
    struct op_body b = test_submission(&none, "blob");
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_UNKNOWN_CHALLENGE);
    b = test_submission(&challenge, "blob");
    assert_int_equal(net_do(n, &n->stranger, &b), REJECT_NOT_REGISTERED);
    b.submission.size = 5001;
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_LIMIT);
    b.submission.size = 0;
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_LIMIT);
    b.submission.size = 5000;
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_NONE);
    struct state_submission s = submission_of(n, &n->result.fates[0].id);
    assert_int_equal(s.phase, SUBMISSION_PHASE_COMMITTING);
    assert_int_equal(s.slot, ledger_slot(n->l));
    /* Nobody submits what somebody brought before. */
    assert_int_equal(net_do(n, &n->miners[1], &b), REJECT_DUPLICATE);
    struct hash id;
    assert_true(ledger_open_submission_at(n->l, 0, &id));
    assert_memory_equal(&id, &s.id, sizeof id);
    assert_false(ledger_open_submission_at(n->l, 1, &id));
}

static void commits_are_of_members_once(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp"), none = test_hash("none");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct attestation a = test_attestation(&id, 1);
    struct attestation lost = test_attestation(&none, 1);
    const struct hotkey *v = n->validators;

    struct op_body b = test_commit(&a, &n->miners[0]);
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_NOT_VALIDATOR);
    b = test_commit(&lost, &v[0]);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_UNKNOWN_SUBMISSION);
    b = test_reveal(&lost);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_UNKNOWN_SUBMISSION);
    b = test_reveal(&a);
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_NOT_VALIDATOR);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_COMMIT_MISSING);
    b = test_commit(&a, &v[0]);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_NONE);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_DUPLICATE);
    b = test_reveal(&a);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_WINDOW_CLOSED);
}

static void results_are_committed_then_revealed(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct attestation a = test_attestation(&id, 1), odd = test_attestation(&id, 2);
    const struct hotkey *v = n->validators;
    struct op_body b = test_commit(&a, &v[0]);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_NONE);
    b = test_commit(&odd, &v[1]);
    assert_int_equal(net_do(n, &v[1], &b), REJECT_NONE);
    b = test_commit(&a, &v[2]); /* a QUORUM, but not everybody and too early */
    assert_int_equal(net_do(n, &v[2], &b), REJECT_NONE);
    assert_int_equal(submission_of(n, &id).phase, SUBMISSION_PHASE_COMMITTING);
    b = test_commit(&a, &v[3]);
    assert_int_equal(net_do(n, &v[3], &b), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_REVEAL), 1);

    b = test_reveal(&odd); /* another's commitment does not fit */
    assert_int_equal(net_do(n, &v[0], &b), REJECT_COMMIT_MISMATCH);
    b = test_reveal(&a);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_NONE);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_DUPLICATE);
    b = test_reveal(&odd);
    assert_int_equal(net_do(n, &v[1], &b), REJECT_NONE);
    b = test_reveal(&a);
    assert_int_equal(net_do(n, &v[2], &b), REJECT_NONE);
    assert_int_equal(submission_of(n, &id).phase, SUBMISSION_PHASE_REVEALING);
    assert_int_equal(net_do(n, &v[3], &b), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_FINAL), 1);
    struct state_submission s = submission_of(n, &id);
    assert_int_equal(s.phase, SUBMISSION_PHASE_FINAL);
    assert_int_equal(s.result.score, 1);
    assert_int_equal(s.attests_count, 4);

    /* The operation's entry, then the result's, with who differed. */
    struct audit_body entry;
    assert_int_equal(n->result.entry_count, 2);
    assert_int_equal(audit_body_decode(n->result.entries[0], &n->scratch, &entry), ERR_OK);
    assert_int_equal(entry.tag, AUDIT_BODY_OP);
    assert_int_equal(audit_body_decode(n->result.entries[1], &n->scratch, &entry), ERR_OK);
    assert_int_equal(entry.tag, AUDIT_BODY_FINAL);
    assert_int_equal(entry.final.agreed[0], 1 | 4 | 8);
    assert_int_equal(entry.final.differed[0], 2);
    assert_int_equal(entry.final.score, 1);
    assert_int_equal(entry.final.gas, 77);

    struct state_leader leader;
    assert_true(ledger_leader_at(n->l, &challenge, 0, &leader));
    assert_true(hotkey_equal(&leader.miner, &n->miners[0]));
    assert_false(ledger_leader_at(n->l, &challenge, 1, &leader));
    b = test_commit(&a, &v[0]);
    assert_int_equal(net_do(n, &v[0], &b), REJECT_DUPLICATE);
}

/* The first of those who agree does not decide alone what the log says of gas. */
static void a_liars_gas_comes_into_no_log(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct attestation all[4];
    struct audit_body entry;
    for (int i = 0; i < 4; i++) {
        all[i] = test_attestation(&id, 1);
        all[i].gas = i == 0 ? 1 : 77;
        struct op_body b = test_commit(&all[i], &n->validators[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    for (int i = 0; i < 3; i++) {
        struct op_body b = test_reveal(&all[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    assert_int_equal(net_notices(n, LEDGER_FINAL), 1);
    assert_int_equal(audit_body_decode(n->result.entries[1], &n->scratch, &entry), ERR_OK);
    assert_int_equal(entry.final.agreed[0], 1 | 2 | 4);
    assert_int_equal(entry.final.gas, 77);
    assert_int_equal(submission_of(n, &id).result.gas, 77);
}

static void a_late_reveal_is_recorded(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    net_score(n, &id, 1);
    struct attestation a = test_attestation(&id, 1);
    struct op_body b = test_reveal(&a);
    assert_int_equal(net_do(n, &n->validators[3], &b), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_FINAL), 0);
    assert_true(submission_of(n, &id).attests[3].has_revealed);
}

/* One that is down or waits for ever cannot hold the others up, and one that is
 * quick cannot shut them out. */
static void the_window_opens_with_time(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    uint64_t since = ledger_slot(n->l);
    struct attestation a = test_attestation(&id, 1);
    assert_true(ledger_wants_slots(n->l));
    net_commits(n, 3, &a);
    net_until(n, since + 7);
    assert_int_equal(submission_of(n, &id).phase, SUBMISSION_PHASE_COMMITTING);
    net_until(n, since + 8);
    assert_int_equal(net_notices(n, LEDGER_REVEAL), 1);
    assert_false(ledger_wants_slots(n->l));
    struct op_body b = test_commit(&a, &n->validators[3]);
    assert_int_equal(net_do(n, &n->validators[3], &b), REJECT_WINDOW_CLOSED);
    /* Less than a QUORUM: nothing opens before it is there. */
    id = net_submit(n, 1, &challenge, "other");
    a = test_attestation(&id, 1);
    for (int i = 0; i < 3; i++) {
        net_until(n, ledger_slot(n->l) + 10);
        assert_int_equal(submission_of(n, &id).phase, SUBMISSION_PHASE_COMMITTING);
        b = test_commit(&a, &n->validators[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    assert_int_equal(submission_of(n, &id).phase, SUBMISSION_PHASE_REVEALING);
}

static void what_is_attested_must_fit(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct attestation bad[4];
    for (int i = 0; i < 4; i++)
        bad[i] = test_attestation(&id, 1);
    bad[0].module = test_hash("not the module");
    bad[1].policy = test_hash("not the policy");
    bad[2].score = SCORE_ONE + 1;
    bad[3].outcome = OUTCOME_TRAP; /* and a score */
    for (int i = 0; i < 4; i++) {
        struct op_body b = test_commit(&bad[i], &n->validators[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    for (int i = 0; i < 4; i++) {
        struct op_body b = test_reveal(&bad[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_MALFORMED);
    }
}

/* A failure of a validator's own machine is no result of the submission. */
static void infra_is_no_result(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct attestation a = test_attestation(&id, 0);
    a.outcome = OUTCOME_INFRA;
    net_commits(n, 4, &a);
    for (int i = 0; i < 4; i++) {
        struct op_body b = test_reveal(&a);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_MALFORMED);
    }
    assert_int_equal(submission_of(n, &id).phase, SUBMISSION_PHASE_REVEALING);
}

static void slots_are_applied_in_order(void **state)
{
    struct net *n = *state;
    net_until(n, 3);
    struct hash before = ledger_root(n->l);
    for (uint64_t seq = 2; seq <= 6; seq++)
        if (seq != 4)
            assert_int_equal(ledger_apply(n->l, seq, (struct span){0}, &n->scratch, &n->result),
                             ERR_CONFLICT);
    struct hash after = ledger_root(n->l);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(ledger_slot(n->l), 3);
}

/* The limits in state.h, to the last one that fits. */
static void tables_are_full_at_their_limit(void **state)
{
    enum { CHALLENGES = 64, SUBMISSIONS = 4096 };
    struct net *n = *state;
    net_close(n);
    net_open_with(n, 1 << 18);
    struct hash id = net_challenge(n, 10000, "first");
    for (uint32_t i = 1; i <= CHALLENGES; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%u", i);
        struct op_body b = test_register(1, name);
        assert_int_equal(net_do(n, &n->owner, &b), i < CHALLENGES ? REJECT_NONE : REJECT_LIMIT);
    }
    for (uint32_t i = 0; i <= SUBMISSIONS;) {
        struct span ops[128];
        uint32_t count = 0;
        arena_reset(&n->scratch, 0);
        for (; count < 16 && i <= SUBMISSIONS; i++, count++) {
            char blob[16];
            snprintf(blob, sizeof blob, "b%u", i);
            struct op_body b = test_submission(&id, blob);
            ops[count] = net_op(n, &n->miners[3], &b);
        }
        net_slot(n, net_batch(n, ops, count));
        for (uint32_t k = 0; k < count; k++)
            assert_int_equal(n->result.fates[k].reject,
                             i - count + k < SUBMISSIONS ? REJECT_NONE : REJECT_LIMIT);
    }
    /* The limit is an epoch's: after it, the next is taken, and said to be. */
    struct op_body epoch = net_epoch(n), b = test_submission(&id, "tomorrow's");
    enum reject why;
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    assert_int_equal(op_check(n->l, net_op(n, &n->miners[3], &b), &n->scratch, &why), ERR_OK);
    assert_int_equal(net_do(n, &n->miners[3], &b), REJECT_NONE);
}

static uint32_t submitted(struct net *n, const struct hash *id, uint32_t miner, uint32_t many)
{
    static uint32_t serial;
    uint32_t taken = 0;
    for (uint32_t i = 0; i < many;) {
        struct span ops[128];
        uint32_t count = 0;
        arena_reset(&n->scratch, 0);
        for (; count < 16 && i < many; i++, count++) {
            char blob[16];
            snprintf(blob, sizeof blob, "s%u", serial++);
            struct op_body b = test_submission(id, blob);
            ops[count] = net_op(n, &n->miners[miner], &b);
        }
        net_slot(n, net_batch(n, ops, count));
        for (uint32_t k = 0; k < count; k++)
            taken += n->result.fates[k].reject == REJECT_NONE;
    }
    return taken;
}

/* However much one of them submits, each miner has its part, and the validators
 * have room to attest.  The state is that of LEDGER_ENTRIES_MIN: half of three
 * quarters of it is 341 submissions here, an equal part of that 31. */
static void no_miner_shuts_the_others_out(void **state)
{
    struct net *n = *state;
    net_close(n);
    net_open_with(n, LEDGER_ENTRIES_MIN);
    struct hash id = net_challenge(n, 10000, "fair");
    assert_int_equal(submitted(n, &id, 0, 500), 341);
    assert_int_equal(submitted(n, &id, 1, 60), 31);
    assert_int_equal(submitted(n, &id, 2, 60), 31);
    assert_int_equal(submitted(n, &id, 0, 3), 0);
    struct hash first;
    assert_true(ledger_submission_at(n->l, 0, &first));
    struct attestation a = test_attestation(&first, 10);
    net_commits(n, 3, &a);
    assert_int_equal(submitted(n, &id, 5, 60), 31);
    /* What is forgotten counts no longer. */
    for (int i = 0; i < 4; i++) {
        struct op_body epoch = net_epoch(n);
        assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    }
    assert_int_equal(submitted(n, &id, 0, 500), 341);
    assert_int_equal(submitted(n, &id, 1, 60), 31);
}

/* What became of an operation is kept for the latest ones, each for as long. */
static void the_oldest_fates_are_forgotten(void **state)
{
    enum { FATES = 1 << 14, MORE = 3, AT_ONCE = 512 };
    struct net *n = *state;
    struct hash id;
    enum reject why;
    uint64_t seq;
    for (uint32_t i = 0; i < FATES + MORE;) {
        struct span ops[AT_ONCE];
        uint32_t count = 0;
        arena_reset(&n->scratch, 0);
        for (; count < AT_ONCE && i < FATES + MORE; count++, i++)
            ops[count] = arena_copy(&n->scratch, span_of(&i, sizeof i));
        net_slot(n, net_batch(n, ops, count));
        assert_int_equal(n->result.fates[count - 1].reject, REJECT_MALFORMED);
    }
    for (uint32_t i = 0; i < FATES + MORE; i++) {
        id = op_id(span_of(&i, sizeof i));
        assert_true(ledger_fate(n->l, &id, &why, &seq) == (i >= MORE));
    }
}

/* A key that others may hold keeps its place, so names stand in order, each once. */
static void a_genesis_must_be_in_order(void **state)
{
    struct net *n = *state;
    struct neuron first = n->neurons[0];
    n->neurons[0] = n->neurons[1];
    n->neurons[1] = first;
    n->network = ledger_network_id(&n->genesis);
    struct ledger_config c = test_config(n);
    arena_reset(&n->memory, 0);
    assert_int_equal(ledger_init(&n->l, &n->memory, &c), ERR_OK);
    assert_int_equal(ledger_genesis(n->l, &n->genesis), ERR_MALFORMED);
    c.network.bytes[0] ^= 1;
    arena_reset(&n->memory, 0);
    assert_int_equal(ledger_init(&n->l, &n->memory, &c), ERR_OK);
    assert_int_equal(ledger_genesis(n->l, &n->genesis), ERR_FOREIGN);
}

static void failures_are_final_without_a_place(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct attestation a = test_attestation(&id, 0);
    a.outcome = OUTCOME_OUT_OF_GAS;
    net_commits(n, 4, &a);
    for (int i = 0; i < 3; i++) {
        struct op_body b = test_reveal(&a);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    struct state_leader leader;
    assert_int_equal(submission_of(n, &id).result.outcome, OUTCOME_OUT_OF_GAS);
    assert_false(ledger_leader_at(n->l, &challenge, 0, &leader));
}

/* What was submitted in time is judged to the end, and pays nobody. */
static void a_result_of_a_retired_challenge_leads_nothing(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct op_body retire = test_about(OP_BODY_CHALLENGE_RETIRE, &challenge, 0);
    assert_int_equal(net_do(n, &n->owner, &retire), REJECT_NONE);
    net_score(n, &id, 500);
    struct state_leader leader;
    assert_int_equal(submission_of(n, &id).phase, SUBMISSION_PHASE_FINAL);
    assert_false(ledger_leader_at(n->l, &challenge, 0, &leader));
}

static enum ledger_blob blob_of(struct net *n, const char *name)
{
    struct hash h = test_hash(name);
    return ledger_blob(n->l, &h, &n->scratch);
}

static void a_blob_is_public_once_it_is_decided(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 5000, "tsp");
    net_challenge(n, 5000, "another");
    assert_int_equal(blob_of(n, "module"), LEDGER_BLOB_PUBLIC);
    assert_int_equal(blob_of(n, "a"), LEDGER_BLOB_UNKNOWN);
    struct hash id = net_submit(n, 0, &challenge, "a");
    assert_int_equal(blob_of(n, "a"), LEDGER_BLOB_OPEN);
    net_score(n, &id, 500);
    assert_int_equal(blob_of(n, "a"), LEDGER_BLOB_PUBLIC);
    for (int i = 0; i < 5; i++) { /* it leads, and so stays when it is forgotten */
        struct op_body epoch = net_epoch(n);
        assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    }
    assert_int_equal(blob_of(n, "a"), LEDGER_BLOB_PUBLIC);
}

static void the_best_result_leads(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    static const struct {
        int miner;
        const char *blob;
        uint64_t score;
    } results[] = {{0, "a", 500}, {1, "b", 900}, {0, "c", 400}, {2, "d", 900}, {0, "e", 950}};
    for (size_t i = 0; i < COUNT_OF(results); i++) {
        struct hash id = net_submit(n, results[i].miner, &challenge, results[i].blob);
        net_score(n, &id, results[i].score);
    }
    static const int order[] = {0, 1, 2};
    static const uint64_t scores[] = {950, 900, 900};
    struct state_leader leader;
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(ledger_leader_at(n->l, &challenge, i, &leader));
        assert_true(hotkey_equal(&leader.miner, &n->miners[order[i]]));
        assert_int_equal(leader.score, scores[i]);
    }
    assert_false(ledger_leader_at(n->l, &challenge, 3, &leader));
    /* Of equal results the first one stays. */
    assert_true(ledger_leader_at(n->l, &challenge, 1, &leader));
    const struct hash first = leader.submission;
    struct hash again = net_submit(n, 1, &challenge, "f");
    net_score(n, &again, 900);
    assert_true(ledger_leader_at(n->l, &challenge, 1, &leader));
    assert_memory_equal(&leader.submission, &first, sizeof first);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, open_net, close_net)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET_TEST(form_and_signature_come_first),
        NET_TEST(an_operation_takes_effect_once),
        NET_TEST(a_challenge_lives),
        NET_TEST(shares_are_at_most_everything),
        NET_TEST(only_the_registered_submit),
        NET_TEST(commits_are_of_members_once),
        NET_TEST(results_are_committed_then_revealed),
        NET_TEST(a_liars_gas_comes_into_no_log),
        NET_TEST(a_late_reveal_is_recorded),
        NET_TEST(the_window_opens_with_time),
        NET_TEST(what_is_attested_must_fit),
        NET_TEST(infra_is_no_result),
        NET_TEST(slots_are_applied_in_order),
        NET_TEST(tables_are_full_at_their_limit),
        NET_TEST(no_miner_shuts_the_others_out),
        NET_TEST(the_oldest_fates_are_forgotten),
        NET_TEST(a_genesis_must_be_in_order),
        NET_TEST(failures_are_final_without_a_place),
        NET_TEST(a_result_of_a_retired_challenge_leads_nothing),
        NET_TEST(a_blob_is_public_once_it_is_decided),
        NET_TEST(the_best_result_leads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
