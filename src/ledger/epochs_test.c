#include "ledger/ledger.h"

#include "ledger/net_test.h"
#include "ledger/state.h"

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

static void weights_are_those_of_the_checkpoint(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "a");
    net_score(n, &id, 3);
    id = net_submit(n, 1, &challenge, "b");
    net_score(n, &id, 1);
    net_until(n, (ledger_slot(n->l) / 16 + 1) * 16);

    struct op_body good = net_weights(n), b = good;
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_NOT_VALIDATOR);
    b.weights.epoch++;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_EPOCH);
    b = good;
    b.weights.cutoff -= 16;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_MATRIX);
    b = good;
    b.weights.matrix.bytes[0] ^= 1;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_MATRIX);
    assert_false(net_epoch_state(n).weights);
    assert_int_equal(net_do(n, &n->validators[0], &good), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_WEIGHTS), 1);
    assert_true(net_epoch_state(n).weights);
    struct audit_body entry;
    assert_int_equal(n->result.entry_count, 2);
    assert_int_equal(audit_body_decode(n->result.entries[1], &n->scratch, &entry), ERR_OK);
    assert_int_equal(entry.tag, AUDIT_BODY_WEIGHTS);
    assert_int_equal(net_do(n, &n->validators[1], &good), REJECT_DUPLICATE);

    struct weights w;
    assert_true(ledger_weights(n->l, 5, &n->scratch, &w));
    assert_int_equal(w.entries_count, 2);
    assert_int_equal(w.entries[0].uid, 20);
    assert_int_equal(w.entries[0].value, 49151);
    assert_int_equal(w.entries[1].value, 16384);
    assert_false(ledger_weights(n->l, 6, &n->scratch, &w));
}

static void nothing_scored_goes_to_the_owner(void **state)
{
    struct net *n = *state;
    net_until(n, 16);
    struct state_candidate c;
    assert_true(ledger_candidate(n->l, &n->scratch, &c));
    assert_int_equal(c.cutoff, 16);
    assert_int_equal(c.weights.entries_count, 1);
    assert_int_equal(c.weights.entries[0].uid, TEST_OWNER_UID);
    assert_int_equal(c.weights.entries[0].value, 65535);
}

static void a_seal_is_the_log_of_the_checkpoint(void **state)
{
    struct net *n = *state;
    struct op_body early = {.tag = OP_BODY_SEAL, .seal = {.epoch = 5}};
    assert_int_equal(net_do(n, &n->validators[0], &early), REJECT_WRONG_SEAL);
    net_until(n, 16);
    struct op_body good = net_seal(n), b = good;
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NOT_VALIDATOR);
    b.seal.epoch--;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_EPOCH);
    b = good;
    b.seal.log_size++;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_SEAL);
    b = good;
    b.seal.log_root.bytes[31] ^= 1;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_SEAL);
    b = good;
    b.seal.valset.bytes[31] ^= 1;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_SEAL);
    assert_int_equal(net_do(n, &n->validators[0], &good), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_SEAL), 1);
    assert_true(net_epoch_state(n).sealed);
    assert_int_equal(net_do(n, &n->validators[0], &good), REJECT_DUPLICATE);
}

static void an_epoch_ends_in_order(void **state)
{
    struct net *n = *state;
    net_until(n, 31);
    struct op_body good = net_epoch(n), b = good;
    assert_int_equal(net_do(n, &n->validators[0], &good), REJECT_WRONG_MATRIX);
    b = net_weights(n);
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_NONE);
    net_until(n, 47);
    assert_int_equal(net_do(n, &n->validators[0], &good), REJECT_WRONG_SEAL);
    b = net_seal(n);
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_NONE);
    assert_int_equal(net_do(n, &n->validators[0], &good), REJECT_NOT_SEGMENT_END);
    net_until(n, 63);
    assert_int_equal(net_do(n, &n->miners[0], &good), REJECT_NOT_VALIDATOR);
    net_until(n, 79);
    b = good;
    b.epoch.next.epoch++;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_SET);
    net_until(n, 95);
    b = good;
    b.epoch.next.chain_block = 1000;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_SET);
    net_until(n, 111);
    b = good;
    b.epoch.next.members_count = 0;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_SET);
    net_until(n, 127);
    struct neuron swapped[2] = {n->neurons[1], n->neurons[0]};
    b = good;
    b.epoch.neurons = swapped;
    b.epoch.neurons_count = 2;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_SET);
    net_until(n, 143);
    struct neuron twice[2] = {n->neurons[0], n->neurons[0]};
    b.epoch.neurons = twice;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_WRONG_SET);
    net_until(n, 159);
    arena_reset(&n->scratch, 0);
    struct span ops[2] = {net_op(n, &n->validators[0], &good), net_op(n, &n->validators[1], &good)};
    net_slot(n, net_batch(n, ops, 2)); /* only the last of its batch */
    assert_int_equal(n->result.fates[0].reject, REJECT_NOT_SEGMENT_END);
    assert_int_equal(n->result.fates[1].reject, REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_EPOCH), 1);
    assert_non_null(n->result.next);
    assert_int_equal(n->result.next->epoch, 6);
    assert_int_equal(ledger_epoch(n->l), 6);
    assert_false(net_epoch_state(n).weights || net_epoch_state(n).sealed);
}

/* The set of the next epoch: validator 4 comes, validator 0 goes. */
static struct op_body other_set(struct net *n, struct valset_member members[4])
{
    struct op_body b = net_epoch(n);
    for (uint16_t i = 0; i < 4; i++)
        members[i] = (struct valset_member){
            .hotkey = n->validators[i + 1], .stake = 100, .uid = (uint16_t)(i + 1)};
    b.epoch.next.members = members;
    return b;
}

static void approvals_survive_a_new_set(void **state)
{
    struct net *n = *state;
    struct op_body b = test_register(10000, "tsp");
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    struct hash id = n->result.notices[0].id;
    b = test_about(OP_BODY_CHALLENGE_APPROVE, &id, 0);
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_NONE);
    assert_int_equal(net_do(n, &n->validators[3], &b), REJECT_NONE);
    struct valset_member members[4];
    struct op_body epoch = other_set(n, members);
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    /* Of the two only validator 3 is a member now, at another place. */
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_NOT_VALIDATOR);
    assert_int_equal(net_do(n, &n->validators[4], &b), REJECT_NONE);
    struct state_challenge c;
    assert_true(ledger_challenge(n->l, &id, &n->scratch, &c));
    assert_int_equal(c.phase, CHALLENGE_PHASE_REGISTERED);
    assert_int_equal(net_do(n, &n->validators[1], &b), REJECT_NONE);
    assert_true(ledger_challenge(n->l, &id, &n->scratch, &c));
    assert_int_equal(c.phase, CHALLENGE_PHASE_APPROVED);
}

/* Two of four approved, and just those two are the next set. */
static void approvals_become_a_quorum(void **state)
{
    struct net *n = *state;
    struct op_body b = test_register(10000, "tsp"), epoch = net_epoch(n);
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    struct hash id = n->result.notices[0].id;
    b = test_about(OP_BODY_CHALLENGE_APPROVE, &id, 0);
    assert_int_equal(net_do(n, &n->validators[1], &b), REJECT_NONE);
    assert_int_equal(net_do(n, &n->validators[2], &b), REJECT_NONE);
    epoch.epoch.next.members = &n->members[1];
    epoch.epoch.next.members_count = 2;
    net_until(n, 16);
    b = net_weights(n);
    assert_int_equal(net_do(n, &n->validators[1], &b), REJECT_NONE);
    b = net_seal(n);
    assert_int_equal(net_do(n, &n->validators[1], &b), REJECT_NONE);
    net_until(n, 31);
    assert_int_equal(net_do(n, &n->validators[1], &epoch), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_CHALLENGE), 1);
    struct state_challenge c;
    assert_true(ledger_challenge(n->l, &id, &n->scratch, &c));
    assert_int_equal(c.phase, CHALLENGE_PHASE_APPROVED);
}

/* Two of four have revealed when the set becomes just those two and one more. */
static void results_survive_a_new_set(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct attestation a = test_attestation(&id, 7);
    net_commits(n, 4, &a);
    for (int i = 1; i < 3; i++) {
        struct op_body b = test_reveal(&a);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    struct op_body epoch = net_epoch(n);
    epoch.epoch.next.members = &n->members[1];
    epoch.epoch.next.members_count = 2;
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_FINAL), 1);
    struct state_submission s;
    assert_true(ledger_submission(n->l, &id, &n->scratch, &s));
    assert_int_equal(s.phase, SUBMISSION_PHASE_FINAL);
    assert_int_equal(s.result.score, 7);
}

static void without_a_quorum_nothing_is_scored(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct state_submission s;
    struct attestation odd[4];
    for (int i = 0; i < 4; i++) {
        odd[i] = test_attestation(&id, (uint64_t)i + 1);
        struct op_body b = test_commit(&odd[i], &n->validators[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    for (int i = 0; i < 2; i++) {
        struct op_body b = test_reveal(&odd[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    struct op_body epoch = net_epoch(n);
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_FINAL), 0);
    epoch = net_epoch(n);
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_FINAL), 1);
    assert_true(ledger_submission(n->l, &id, &n->scratch, &s));
    assert_int_equal(s.phase, SUBMISSION_PHASE_UNRESOLVED);
    struct audit_body entry;
    assert_int_equal(n->result.entry_count, 2);
    assert_int_equal(audit_body_decode(n->result.entries[1], &n->scratch, &entry), ERR_OK);
    assert_int_equal(entry.tag, AUDIT_BODY_UNRESOLVED);
    assert_int_equal(entry.unresolved.revealed[0], 3);
    struct op_body late = test_reveal(&odd[2]);
    assert_int_equal(net_do(n, &n->validators[2], &late), REJECT_TOO_LATE);
    assert_false(ledger_open_submission_at(n->l, 0, &id));
    /* And two epochs later it is forgotten; the blob may come again. */
    for (int i = 0; i < 2; i++) {
        epoch = net_epoch(n);
        assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    }
    assert_false(ledger_submission_at(n->l, 0, &id));
    net_submit(n, 1, &challenge, "blob");
}

static void a_leader_keeps_its_blob(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp"), id;
    struct hash first = net_submit(n, 0, &challenge, "blob");
    net_score(n, &first, 5);
    for (int i = 0; i < 4; i++) {
        struct op_body epoch = net_epoch(n);
        assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    }
    assert_false(ledger_submission_at(n->l, 0, &id));
    struct op_body b = test_submission(&challenge, "blob");
    assert_int_equal(net_do(n, &n->miners[1], &b), REJECT_DUPLICATE);
    /* Surpassed by its own miner, it is free. */
    struct hash better = net_submit(n, 0, &challenge, "better");
    net_score(n, &better, 6);
    assert_int_equal(net_do(n, &n->miners[1], &b), REJECT_NONE);
}

static void who_leaves_loses_the_place(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    for (int i = 0; i < 2; i++) {
        struct hash id = net_submit(n, i, &challenge, i == 0 ? "a" : "b");
        net_score(n, &id, 5);
    }
    struct op_body epoch = net_epoch(n);
    epoch.epoch.neurons++; /* miner 0 is gone, and miner 1 has moved */
    epoch.epoch.neurons_count--;
    n->neurons[1].uid = 33;
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    struct state_leader leader;
    assert_true(ledger_leader_at(n->l, &challenge, 0, &leader));
    assert_true(hotkey_equal(&leader.miner, &n->miners[1]));
    assert_false(ledger_leader_at(n->l, &challenge, 1, &leader));
    struct state_candidate c;
    assert_true(ledger_candidate(n->l, &n->scratch, &c));
    assert_int_equal(c.weights.epoch, 6);
    assert_int_equal(c.weights.entries_count, 1);
    assert_int_equal(c.weights.entries[0].uid, 33);
    struct op_body b = test_submission(&challenge, "again");
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_NOT_REGISTERED);
}

/* Its work is judged to the end, and pays nobody. */
static void who_left_before_the_result_leads_nothing(void **state)
{
    struct net *n = *state;
    struct state_submission s;
    struct state_leader leader;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash ids[2] = {net_submit(n, 0, &challenge, "a"), net_submit(n, 1, &challenge, "b")};
    for (int v = 0; v < 6; v++) {
        struct attestation a = test_attestation(&ids[v % 2], 9);
        struct op_body b = test_commit(&a, &n->validators[v / 2]);
        assert_int_equal(net_do(n, &n->validators[v / 2], &b), REJECT_NONE);
    }
    struct op_body epoch = net_epoch(n);
    epoch.epoch.neurons++; /* miner 0 */
    epoch.epoch.neurons_count--;
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    for (int v = 0; v < 6; v++) {
        struct attestation a = test_attestation(&ids[v % 2], 9);
        struct op_body b = test_reveal(&a);
        assert_int_equal(net_do(n, &n->validators[v / 2], &b), REJECT_NONE);
    }
    for (int i = 0; i < 2; i++) {
        assert_true(ledger_submission(n->l, &ids[i], &n->scratch, &s));
        assert_int_equal(s.phase, SUBMISSION_PHASE_FINAL);
    }
    assert_true(ledger_leader_at(n->l, &challenge, 0, &leader));
    assert_true(hotkey_equal(&leader.miner, &n->miners[1]));
    assert_false(ledger_leader_at(n->l, &challenge, 1, &leader));
}

/* What a validator committed to and revealed before it left counts no more; the
 * places of the others are those of the new set. */
static void who_left_the_set_has_no_say(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct audit_body entry;
    for (int i = 0; i < 4; i++) {
        struct attestation odd = test_attestation(&id, (uint64_t)i + 1);
        struct op_body b = test_commit(&odd, &n->validators[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    for (int i = 0; i < 2; i++) {
        struct attestation odd = test_attestation(&id, (uint64_t)i + 1);
        struct op_body b = test_reveal(&odd);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    for (int i = 0; i < 2; i++) {
        struct op_body epoch = net_epoch(n);
        epoch.epoch.next.members = &n->members[1];
        epoch.epoch.next.members_count = 3;
        assert_int_equal(net_notices(n, LEDGER_FINAL), 0);
        assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    }
    assert_int_equal(net_notices(n, LEDGER_FINAL), 1);
    assert_int_equal(audit_body_decode(n->result.entries[1], &n->scratch, &entry), ERR_OK);
    assert_int_equal(entry.tag, AUDIT_BODY_UNRESOLVED);
    assert_int_equal(entry.unresolved.revealed[0], 1); /* The second validator is the first. */
    for (size_t i = 1; i < BFT_BITMAP_SIZE; i++)
        assert_int_equal(entry.unresolved.revealed[i], 0);
}

/* Two of four that stay are no QUORUM, whatever the one that left has said. */
static void who_left_the_set_joins_no_group(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 10000, "tsp");
    struct hash id = net_submit(n, 0, &challenge, "blob");
    struct attestation a = test_attestation(&id, 7);
    net_commits(n, 4, &a);
    struct op_body reveal = test_reveal(&a), epoch = net_epoch(n);
    struct valset_member members[4];
    memcpy(members, n->members, sizeof members);
    members[3].hotkey = n->validators[4];
    epoch.epoch.next.members = members;
    assert_int_equal(net_do(n, &n->validators[3], &reveal), REJECT_NONE);
    assert_int_equal(net_do(n, &n->validators[0], &reveal), REJECT_NONE);
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    assert_int_equal(net_do(n, &n->validators[1], &reveal), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_FINAL), 0);
    assert_int_equal(net_do(n, &n->validators[2], &reveal), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_FINAL), 1);
}

static void sign_evidence(struct net *n, struct op_evidence *e, const struct hotkey *key)
{
    struct hash set = bft_valset_hash(ledger_valset(n->l));
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(&e->first, &n->network, &set, bytes);
    e->first_sig = test_sign(key, span_of(bytes, sizeof bytes));
    bft_statement_bytes(&e->second, &n->network, &set, bytes);
    e->second_sig = test_sign(key, span_of(bytes, sizeof bytes));
}

static struct op_body evidence_of(struct net *n, enum bft_type type, uint16_t signer)
{
    struct op_body b = {.tag = OP_BODY_EVIDENCE};
    struct op_evidence *e = &b.evidence;
    *e = (struct op_evidence){.epoch = ledger_epoch(n->l), .signer = signer};
    e->first = (struct bft_statement){
        .type = type, .epoch = e->epoch, .view = 1, .seq = 3, .digest = test_hash("this")};
    e->second = e->first;
    e->second.digest = test_hash("that");
    sign_evidence(n, e, &n->validators[signer]);
    return b;
}

/* Whatever an honest validator signs, it signs well: two of its statements that
 * do not contradict each other convict nobody. */
static void honest_statements_are_no_evidence(void **state)
{
    struct net *n = *state;
    const struct op_body good = evidence_of(n, BFT_TYPE_PREPARE, 2);
    struct op_body bad[8];
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        bad[i] = good;
    bad[0].evidence.second.view++;
    bad[1].evidence.second.seq++;
    bad[2].evidence.second.type = BFT_TYPE_COMMIT;
    bad[3].evidence.second.epoch++;
    bad[4].evidence.first.epoch--;
    bad[5].evidence.second.digest = bad[5].evidence.first.digest;
    bad[6].evidence.signer = TEST_VALIDATORS; /* the place behind the last member */
    bad[7].evidence.first.epoch = bad[7].evidence.second.epoch = 4; /* under another set */
    const struct hotkey nobody = {0};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        sign_evidence(n, &bad[i].evidence, i == 6 ? &nobody : &n->validators[2]);
        assert_int_equal(net_do(n, &n->validators[0], &bad[i]), REJECT_BAD_EVIDENCE);
    }
    struct op_body roots = bad[5]; /* one digest and two states */
    roots.evidence.second.aux = test_hash("another state");
    sign_evidence(n, &roots.evidence, &n->validators[2]);
    assert_int_equal(net_do(n, &n->validators[0], &roots), REJECT_NONE);
}

/* How many records of evidence were written since the last call, less those that
 * were dropped, and the offender of the last one written. */
static int evidence_written(struct net *n, struct hotkey *offender)
{
    int count = 0;
    struct span key, value;
    struct state_evidence e;
    while (ledger_next_change(n->l, &key, &value)) {
        if (key.ptr[0] != 'X')
            continue;
        count += value.len != 0 ? 1 : -1;
        if (value.len != 0) {
            assert_int_equal(state_evidence_decode(value, NULL, &e), ERR_OK);
            *offender = e.offender;
        }
    }
    return count;
}

static void two_votes_are_evidence_once(void **state)
{
    struct net *n = *state;
    struct op_body good = evidence_of(n, BFT_TYPE_PREPARE, 2), b = good;
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_NOT_VALIDATOR);
    b.evidence.second = b.evidence.first;
    b.evidence.second_sig = b.evidence.first_sig;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_BAD_EVIDENCE);
    b = good;
    b.evidence.second.view++; /* another place: no contradiction */
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_BAD_EVIDENCE);
    b = good;
    b.evidence.second_sig.bytes[0] ^= 1;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_BAD_EVIDENCE);
    b = good;
    b.evidence.first_sig.bytes[0] ^= 1;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_BAD_EVIDENCE);
    b = good; /* well signed, but of an epoch with another set */
    b.evidence.first.epoch--;
    b.evidence.second.epoch--;
    sign_evidence(n, &b.evidence, &n->validators[2]);
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_BAD_EVIDENCE);
    b = good;
    b.evidence.signer = 1;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_BAD_EVIDENCE);
    b.evidence.signer = 4;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_BAD_EVIDENCE);
    b = evidence_of(n, BFT_TYPE_READY, 2);
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_BAD_EVIDENCE);
    b = good;
    b.evidence.epoch--;
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_TOO_LATE);
    struct op_body old = evidence_of(n, BFT_TYPE_COMMIT, 3);
    assert_int_equal(net_do(n, &n->validators[0], &good), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_EVIDENCE), 1);
    b = evidence_of(n, BFT_TYPE_COMMIT, 2);
    assert_int_equal(net_do(n, &n->validators[1], &b), REJECT_DUPLICATE);
    struct hotkey offender;
    assert_int_equal(evidence_written(n, &offender), 1);
    assert_true(hotkey_equal(&offender, &n->validators[2]));
    /* The set before is known for one epoch more. */
    struct valset_member members[4];
    struct op_body epoch = other_set(n, members);
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    assert_int_equal(net_do(n, &n->validators[1], &old), REJECT_NONE);
    assert_int_equal(evidence_written(n, &offender), 1);
    assert_true(hotkey_equal(&offender, &n->validators[3]));
    epoch = other_set(n, members);
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    assert_int_equal(net_do(n, &n->validators[1], &old), REJECT_TOO_LATE);
    assert_int_equal(evidence_written(n, &offender), -2); /* Both are gone. */
}

/* What one validator takes and another that was restarted does not would part
 * their states. */
static void a_restart_keeps_both_sets_and_the_duties(void **state)
{
    struct net *n = *state;
    struct op_body old = evidence_of(n, BFT_TYPE_COMMIT, 0);
    struct valset_member members[4];
    struct op_body epoch = other_set(n, members);
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    net_reload(n);
    assert_int_equal(net_do(n, &n->validators[1], &old), REJECT_NONE);
    net_until(n, (ledger_slot(n->l) / 16 + 1) * 16);
    struct op_body w = net_weights(n), s = net_seal(n);
    assert_int_equal(net_do(n, &n->validators[1], &w), REJECT_NONE);
    net_reload(n);
    assert_int_equal(net_do(n, &n->validators[2], &w), REJECT_DUPLICATE);
    assert_int_equal(net_do(n, &n->validators[2], &s), REJECT_NONE);
    net_reload(n);
    assert_int_equal(net_do(n, &n->validators[1], &s), REJECT_DUPLICATE);
}

/* An operation is good in its epoch and the next; its nonce is known that long. */
static void a_window_of_nonces_outlives_its_operations(void **state)
{
    struct net *n = *state;
    struct hash none = test_hash("none");
    struct op_body b = test_submission(&none, "blob");
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_UNKNOWN_CHALLENGE);
    assert_int_equal(net_do(n, &n->miners[1], &b), REJECT_UNKNOWN_CHALLENGE);
    for (int later = 1; later <= 3; later++) {
        struct op_body epoch = net_epoch(n); /* the first miner has left */
        epoch.epoch.neurons++;
        epoch.epoch.neurons_count--;
        assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
        assert_true((ledger_next_nonce(n->l, &n->miners[0]) > 1) == (later < 2));
        assert_true(ledger_next_nonce(n->l, &n->miners[1]) > 1);
    }
}

/* The owner and the members have a voice, registered or not; but no submissions. */
static void the_unregistered_owner_and_members_act(void **state)
{
    struct net *n = *state;
    struct hash challenge = net_challenge(n, 5000, "tsp");
    struct op_body epoch = net_epoch(n);
    epoch.epoch.neurons_count = TEST_MINERS;
    assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    struct op_body b = test_register(100, "other"), s = test_submission(&challenge, "blob");
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    struct hash id = n->result.notices[0].id;
    b = test_about(OP_BODY_CHALLENGE_APPROVE, &id, 0);
    assert_int_equal(net_do(n, &n->validators[0], &b), REJECT_NONE);
    assert_int_equal(net_do(n, &n->owner, &s), REJECT_NOT_REGISTERED);
    assert_int_equal(net_do(n, &n->validators[0], &s), REJECT_NOT_REGISTERED);
    assert_int_equal(net_do(n, &n->miners[0], &s), REJECT_NONE);
    struct hotkey nobody = n->stranger;
    assert_int_equal(net_do(n, &nobody, &s), REJECT_NOT_REGISTERED);
}

/* What a replica votes for (R1, R4). */
static void a_batch_is_checked_before_the_vote(void **state)
{
    struct net *n = *state;
    net_until(n, 16);
    struct op_body w = net_weights(n), s = net_seal(n), e = net_epoch(n), bad = w;
    struct ledger *l = n->l;
    struct span op = net_op(n, &n->validators[0], &w);
    assert_int_equal(ledger_check_batch(l, 17, (struct span){0}, NULL, &n->scratch), LEDGER_VALID);
    assert_int_equal(ledger_check_batch(l, 17, SPAN_LITERAL("junk"), NULL, &n->scratch),
                     LEDGER_INVALID);
    assert_int_equal(ledger_check_batch(l, 17, net_batch(n, &op, 1), NULL, &n->scratch),
                     LEDGER_VALID);
    bad.weights.matrix.bytes[4] ^= 1;
    op = net_op(n, &n->validators[0], &bad);
    assert_int_equal(ledger_check_batch(l, 17, net_batch(n, &op, 1), NULL, &n->scratch),
                     LEDGER_INVALID);
    bad = s;
    bad.seal.log_size++;
    op = net_op(n, &n->validators[0], &bad);
    assert_int_equal(ledger_check_batch(l, 17, net_batch(n, &op, 1), NULL, &n->scratch),
                     LEDGER_INVALID);
    struct span ops[2] = {net_op(n, &n->validators[0], &s), net_op(n, &n->validators[0], &e)};
    struct span both = net_batch(n, ops, 2);
    assert_int_equal(ledger_check_batch(l, 31, both, &e.epoch, &n->scratch), LEDGER_INVALID);
    assert_int_equal(ledger_check_batch(l, 32, both, NULL, &n->scratch), LEDGER_WAIT);
    assert_int_equal(ledger_check_batch(l, 32, both, &e.epoch, &n->scratch), LEDGER_VALID);
    struct op_epoch other = e.epoch, found = {0};
    assert_true(ledger_batch_epoch(both, &n->scratch, &found));
    assert_int_equal(found.next.chain_block, e.epoch.next.chain_block);
    assert_false(ledger_batch_epoch((struct span){0}, &n->scratch, &found));
    assert_false(ledger_batch_epoch(net_batch(n, ops, 1), &n->scratch, &found));
    assert_false(ledger_batch_epoch(net_batch(n, ops, 0), &n->scratch, &found));
    other.next.chain_block++;
    assert_int_equal(ledger_check_batch(l, 32, both, &other, &n->scratch), LEDGER_INVALID);
    other = e.epoch; /* the right block, and not what stands there */
    struct valset_member members[4];
    memcpy(members, other.next.members, sizeof members);
    members[0].stake++;
    other.next.members = members;
    assert_int_equal(ledger_check_batch(l, 32, both, &other, &n->scratch), LEDGER_INVALID);
    other = e.epoch; /* one member less at the same block */
    other.next.members_count--;
    assert_int_equal(ledger_check_batch(l, 32, both, &other, &n->scratch), LEDGER_INVALID);
    other = e.epoch;
    other.neurons_count--;
    assert_int_equal(ledger_check_batch(l, 32, both, &other, &n->scratch), LEDGER_INVALID);
    struct span order[2] = {ops[1], ops[0]};
    assert_int_equal(ledger_check_batch(l, 32, net_batch(n, order, 2), &e.epoch, &n->scratch),
                     LEDGER_INVALID);
    op = arena_copy(&n->scratch, ops[0]);
    ((uint8_t *)(uintptr_t)op.ptr)[op.len - 64] ^= 1;
    assert_int_equal(ledger_check_batch(l, 17, net_batch(n, &op, 1), NULL, &n->scratch),
                     LEDGER_INVALID);
}

#define NET_TEST(f) cmocka_unit_test_setup_teardown(f, open_net, close_net)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NET_TEST(weights_are_those_of_the_checkpoint),
        NET_TEST(nothing_scored_goes_to_the_owner),
        NET_TEST(a_seal_is_the_log_of_the_checkpoint),
        NET_TEST(an_epoch_ends_in_order),
        NET_TEST(approvals_survive_a_new_set),
        NET_TEST(results_survive_a_new_set),
        NET_TEST(without_a_quorum_nothing_is_scored),
        NET_TEST(a_leader_keeps_its_blob),
        NET_TEST(who_leaves_loses_the_place),
        NET_TEST(who_left_before_the_result_leads_nothing),
        NET_TEST(who_left_the_set_has_no_say),
        NET_TEST(who_left_the_set_joins_no_group),
        NET_TEST(honest_statements_are_no_evidence),
        NET_TEST(two_votes_are_evidence_once),
        NET_TEST(a_batch_is_checked_before_the_vote),
        NET_TEST(approvals_become_a_quorum),
        NET_TEST(a_restart_keeps_both_sets_and_the_duties),
        NET_TEST(a_window_of_nonces_outlives_its_operations),
        NET_TEST(the_unregistered_owner_and_members_act),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
