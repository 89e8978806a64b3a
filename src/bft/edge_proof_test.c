/* What others say is looked at before it counts: a replica alone among liars. */
#include "bft/edge_test.h"

#include "ledger_msg.h"

static uint32_t other(uint32_t number)
{
    return (t.self + number) % EDGE_MEMBERS;
}

/* --- R5: checkpoints -------------------------------------------------------- */

/* Executes the rest of the first segment; what this replica says of it. */
static struct bft_statement reach_checkpoint(void)
{
    struct bft_statement st = {0};
    for (uint64_t seq = edge_info().executed + 1; seq <= BFT_CHECKPOINT_INTERVAL; seq++)
        edge_decided(0, seq, seq);
    for (uint32_t i = 0; i < t.seen_count; i++)
        if (t.seen[i].kind == BFT_FX_SIGN && t.seen[i].statement.type == BFT_TYPE_CHECKPOINT)
            st = t.seen[i].statement;
    assert_int_equal(st.seq, BFT_CHECKPOINT_INTERVAL);
    return st;
}

static struct bft_statement checkpoint_of(uint64_t seq)
{
    return (struct bft_statement){
        .type = BFT_TYPE_CHECKPOINT, .seq = seq, .digest = edge_digest(1), .aux = edge_digest(2)};
}

/* The same slots and another state are not the same checkpoint. */
static void a_checkpoint_is_of_one_state(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    struct bft_statement st = reach_checkpoint(), differs = st;
    differs.aux.bytes[0] ^= 1;
    edge_vote(other(1), &differs);
    edge_vote(other(2), &st);
    assert_int_equal(edge_info().stable, 0);
    edge_vote(other(3), &st);
    assert_int_equal(edge_info().stable, 16);
}

static void votes_for_a_checkpoint_are_signed(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    struct bft_statement st = reach_checkpoint();
    for (uint32_t i = 1; i < EDGE_MEMBERS; i++) {
        struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
        m.vote = (struct bft_vote){st, (uint16_t)other(i), edge_sign(other(i), &st)};
        m.vote.signature.bytes[0] ^= 1;
        edge_hear(other(i), &m);
    }
    assert_int_equal(edge_info().bad_signatures, EDGE_MEMBERS - 1);
    assert_int_equal(edge_info().stable, 0);
}

static void a_k_cert_is_verified(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    struct bft_statement st = reach_checkpoint();
    struct bft_message m = {.tag = BFT_MESSAGE_CHECKPOINT};
    m.checkpoint.aux.log_size = BFT_CHECKPOINT_INTERVAL;
    m.checkpoint.cert = edge_spoilt(&st, EDGE_ALL);
    edge_hear(other(1), &m);
    m.checkpoint.cert = edge_cert(&st, 3); /* no QUORUM */
    edge_hear(other(1), &m);
    assert_int_equal(edge_info().stable, 0);
    m.checkpoint.cert = edge_cert(&st, EDGE_ALL);
    edge_hear(other(1), &m);
    assert_int_equal(edge_info().stable, 16);
}

/* Its digest is that of all slots that were executed, not of the last ones. */
static void a_checkpoint_is_of_one_history(void **state)
{
    (void)state;
    struct hash said[2];
    for (uint64_t first = 0; first < 2; first++) {
        edge_open(edge_follower(1));
        edge_decided(0, 1, 100 + first);
        said[first] = reach_checkpoint().digest;
        edge_again();
    }
    assert_false(hash_equal(&said[0], &said[1]));
}

/* BFT-1: what was said of a state stands in the journal.  When the same slots come to
 * another state after a restart, it does not say so in the same place. */
static void a_state_is_signed_once(void **state)
{
    (void)state;
    for (uint64_t differs = 0; differs < 2; differs++) {
        edge_open(edge_follower(1));
        struct bft_statement st = reach_checkpoint();
        t.state = differs;
        edge_restart(0, false);
        assert_int_equal(edge_info().executed, 16);
        assert_int_equal(edge_asked(BFT_TYPE_CHECKPOINT, 0, 16, NULL), 1 - differs);
        for (uint32_t i = 1; i < EDGE_MEMBERS; i++)
            edge_vote(other(i), &st);
        assert_int_equal(edge_count(BFT_FX_ALARM), differs); /* it knows now that it is wrong */
        edge_again();
    }
    edge_open(edge_follower(1));
    struct bft_record r = {.tag = BFT_RECORD_VOTE, .vote.statement = checkpoint_of(16)};
    edge_record(&r); /* known before the slots are executed */
    edge_restart(0, false);
    for (uint64_t seq = 1; seq <= BFT_CHECKPOINT_INTERVAL; seq++)
        edge_decided(0, seq, seq);
    assert_int_equal(edge_count(BFT_FX_ALARM), 1);
    assert_int_equal(edge_count(BFT_FX_SIGN), 0);
}

/* --- R17: the handover -------------------------------------------------------- */

/* After it the stakes of the new set count, and nothing of the old epoch does. */
static void a_new_set_counts_by_its_own_stakes(void **state)
{
    (void)state;
    struct valset_member members[EDGE_MEMBERS];
    edge_open(0);
    memcpy(members, t.members, sizeof members);
    members[EDGE_MEMBERS - 1].stake = 10000; /* it was the poorest */
    const struct valset next = {
        .epoch = 1, .chain_block = 6, .members = members, .members_count = EDGE_MEMBERS};
    t.next = &next;
    struct bft_statement st = reach_checkpoint();
    for (uint32_t i = 1; i < EDGE_MEMBERS; i++)
        edge_vote(i, &st);
    t.next = NULL;
    assert_int_equal(edge_info().epoch, 1);
    assert_int_equal(bft_set_init(&t.set, &next), ERR_OK);

    uint64_t malformed = edge_info().malformed;
    edge_decided(0, 17, 17); /* late, not wrong */
    assert_int_equal(edge_info().executed, 16);
    assert_int_equal(edge_info().malformed, malformed);

    edge_clear();
    uint32_t leader = edge_leader(0);
    assert_int_equal(leader, EDGE_MEMBERS - 1);
    struct bft_message m = {.tag = BFT_MESSAGE_PROPOSE};
    m.propose = (struct bft_propose){
        .epoch = 1, .seq = 17, .signer = (uint16_t)leader, .payload = edge_payload(17)};
    st = edge_statement(BFT_TYPE_PROPOSE, 0, 17, 17);
    st.epoch = 1;
    m.propose.signature = edge_sign(leader, &st);
    edge_hear(leader, &m);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 17, NULL), 1);
    st.type = BFT_TYPE_PREPARE;
    edge_vote(1, &st);
    edge_vote(2, &st); /* three of four, and a thirtieth of the stake */
    assert_int_equal(edge_asked(BFT_TYPE_COMMIT, 0, 17, NULL), 0);
    edge_vote(3, &st);
    assert_int_equal(edge_asked(BFT_TYPE_COMMIT, 0, 17, NULL), 1);
}

/* R6, R17: a proposal past the end of a segment waits until that is executed; when it
 * ended the epoch, for ever: what came early was for a set that is no more. */
static void nothing_is_voted_for_past_a_handover(void **state)
{
    (void)state;
    for (uint32_t ends = 0; ends < 2; ends++) {
        edge_open(edge_follower(1));
        struct valset next = t.set.set;
        next.epoch = 1;
        t.next = ends == 1 ? &next : NULL;
        for (uint64_t seq = 1; seq < BFT_CHECKPOINT_INTERVAL; seq++)
            edge_decided(0, seq, seq);
        edge_propose(0, 17, 17);
        assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 17, NULL), 0);
        edge_decided(0, 16, 16);
        assert_int_equal(edge_info().executed, 16);
        assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 17, NULL), 1 - ends);
        edge_again();
    }
}

/* --- R7-R11: views ------------------------------------------------------------- */

/* Two VIEW-CHANGEs that nobody signed take nobody along. */
static void a_view_change_is_signed(void **state)
{
    (void)state;
    edge_open(edge_follower(4));
    struct bft_view_change_core core = edge_core_of(2, 0, NULL, 0);
    for (uint32_t i = 1; i < EDGE_MEMBERS; i++) {
        struct bft_message m = {.tag = BFT_MESSAGE_VIEW_CHANGE};
        m.view_change = (struct bft_view_change){
            .core = core, .signer = (uint16_t)other(i), .signature = edge_sign_core(t.self, &core)};
        edge_hear(other(i), &m);
    }
    assert_int_equal(edge_info().bad_signatures, EDGE_MEMBERS - 1);
    assert_int_equal(edge_count(BFT_FX_SIGN), 0);
    assert_true(edge_info().normal);
}

/* R7: once a view is left, what was to be signed for it stays unsent, and a NEW-VIEW
 * of a view that was passed over comes too late. */
static void a_view_is_left_for_good(void **state)
{
    (void)state;
    edge_open(edge_follower(4));
    struct bft_view_change_core three = edge_core_of(3, 0, NULL, 0);
    struct bft_view_change_core one = edge_core_of(1, 0, NULL, 0);
    t.hold_signs = true;
    edge_propose(0, 1, 1);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 1, NULL), 1);
    edge_view_change(other(1), &three, NULL, 0);
    edge_view_change(other(2), &three, NULL, 0);
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 3, 0, NULL), 1);
    t.hold_signs = false;
    edge_settle();
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_VOTE, NULL), 0);
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_VIEW_CHANGE, NULL), 1);
    edge_enter(&one, NULL, 0, NULL, 0);
    assert_int_equal(edge_info().view, 0);
    edge_enter(&three, NULL, 0, NULL, 0);
    assert_int_equal(edge_info().view, 3);
}

/* Whose stake gives it two views in a row does not get the second when the first has
 * failed. */
static void the_next_view_is_anothers(void **state)
{
    (void)state;
    t.members[0].stake = 1000;
    struct valset set = t.set.set;
    assert_int_equal(bft_set_init(&t.set, &set), ERR_OK);
    assert_int_equal(edge_leader(0), 0);
    assert_int_equal(edge_leader(1), 0);
    edge_open(EDGE_MEMBERS - 1);
    t.bad_payloads = true;
    edge_propose(0, 1, 1);
    uint64_t next = 1;
    while (edge_leader(next) == 0)
        next++;
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, next, 0, NULL), 1);
}

/* R8: a checkpoint that a VIEW-CHANGE claims is shown by its certificate, or the
 * VIEW-CHANGE does not count for a NEW-VIEW. */
static void a_claimed_checkpoint_is_proved(void **state)
{
    (void)state;
    edge_open(edge_leader(1));
    const struct bft_statement st = checkpoint_of(16);
    struct bft_view_change_core core = edge_core_of(1, 16, NULL, 0);
    const struct bft_cert bad[2] = {edge_spoilt(&st, EDGE_ALL), edge_cert(&st, 3)};
    edge_view_change(other(1), &core, NULL, 0);
    edge_view_change(other(2), &core, NULL, 0);
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 1, 0, NULL), 1);
    for (uint32_t i = 0; i < 2; i++)
        edge_view_change(other(1), &core, &bad[i], 1);
    edge_view_change(other(2), &core, NULL, 0);
    assert_int_equal(edge_asked(BFT_TYPE_NEW_VIEW, 1, 0, NULL), 0);
    const struct bft_cert good = edge_cert(&st, EDGE_ALL);
    edge_view_change(other(1), &core, &good, 1);
    edge_view_change(other(2), &core, NULL, 0);
    assert_int_equal(edge_asked(BFT_TYPE_NEW_VIEW, 1, 0, NULL), 1);
}

/* R11: so is the one that a NEW-VIEW begins at. */
static void a_new_view_proves_its_checkpoint(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    const struct bft_statement st = checkpoint_of(16);
    struct bft_view_change_core core = edge_core_of(1, 16, NULL, 0);
    const struct bft_cert bad[2] = {edge_spoilt(&st, EDGE_ALL), edge_cert(&st, 3)};
    for (uint32_t i = 0; i < 2; i++)
        edge_enter(&core, NULL, 0, &bad[i], 1);
    edge_enter(&core, NULL, 0, NULL, 0);
    assert_int_equal(edge_info().view, 0);
    assert_int_equal(edge_info().network_executed, 0);
    const struct bft_cert good = edge_cert(&st, EDGE_ALL);
    edge_enter(&core, NULL, 0, &good, 1);
    assert_int_equal(edge_info().view, 1);
    assert_int_equal(edge_info().network_executed, 16);
}

/* --- R19: evidence --------------------------------------------------------------- */

/* E5: two NEW-VIEWs for one view. */
static void two_new_views_are_evidence(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    struct bft_prepared p = {1, 0, edge_digest(1)};
    struct bft_view_change_core core = edge_core_of(1, 0, NULL, 0);
    edge_enter(&core, NULL, 0, NULL, 0);
    edge_enter(&core, NULL, 0, NULL, 0);
    assert_int_equal(edge_info().view, 1);
    assert_int_equal(edge_count(BFT_FX_EVIDENCE), 0); /* the same once more */
    core = edge_core_of(1, 0, &p, 1);
    edge_enter(&core, NULL, 0, NULL, 0);
    assert_int_equal(edge_count(BFT_FX_EVIDENCE), 1);
    for (uint32_t i = 0; i < t.seen_count; i++) {
        struct op_evidence e;
        if (t.seen[i].kind != BFT_FX_EVIDENCE)
            continue;
        assert_int_equal(op_evidence_decode(t.seen[i].bytes, &t.world, &e), ERR_OK);
        assert_int_equal(e.signer, edge_leader(1));
        assert_int_equal(e.first.type, BFT_TYPE_NEW_VIEW);
        assert_int_equal(e.first.view, 1);
    }
}

/* What comes back in our own name says nothing that we would not know, also when
 * it is signed. */
static void our_own_name_is_no_news(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    for (uint64_t number = 1; number <= 2; number++) {
        struct bft_statement st = edge_statement(BFT_TYPE_PREPARE, 0, 1, number);
        struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
        m.vote = (struct bft_vote){st, (uint16_t)t.self, edge_sign(t.self, &st)};
        edge_hear(other(1), &m);
    }
    assert_int_equal(edge_count(BFT_FX_EVIDENCE), 0);
    edge_clear();
    edge_tick(500);
    struct bft_message m = {0};
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_STATUS, &m), 1);
    assert_int_equal(m.status.prepares[0].bits[0], 0);
}

/* --- R18: the journal ------------------------------------------------------------- */

/* Who cannot read what it said says nothing more. */
static void an_unreadable_record_silences(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    t.journal[t.journal_count++] = SPAN_LITERAL("no record");
    edge_restart(0, false);
    assert_int_equal(edge_count(BFT_FX_ALARM), 1);
    edge_propose(0, 1, 1);
    assert_int_equal(edge_count(BFT_FX_SIGN), 0);
}

/* A leader comes back with the proposal that it had made, and with no other. */
static void a_leader_proposes_once(void **state)
{
    (void)state;
    edge_open(edge_leader(0));
    edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 1});
    t.hold_signs = true; /* it dies before anybody has heard of it */
    edge_event((struct bft_event){.kind = BFT_EV_BATCH, .seq = 1, .bytes = edge_payload(1)});
    edge_restart(0, false);
    t.hold_signs = false;
    edge_settle();
    edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 1});
    edge_event((struct bft_event){.kind = BFT_EV_BATCH, .seq = 1, .bytes = edge_payload(2)});
    struct hash digest = edge_digest(1);
    assert_int_equal(edge_asked(BFT_TYPE_PROPOSE, 0, 1, &digest), 1);
    assert_int_equal(edge_asked(BFT_TYPE_PROPOSE, 0, 1, NULL), 1);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 1, NULL), 1);
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_PROPOSE, NULL), 1);
}

#define EDGE_TEST(f) cmocka_unit_test_setup_teardown(f, edge_setup, edge_close)

int main(void)
{
    const struct CMUnitTest all[] = {
        EDGE_TEST(a_checkpoint_is_of_one_state),
        EDGE_TEST(votes_for_a_checkpoint_are_signed),
        EDGE_TEST(a_k_cert_is_verified),
        EDGE_TEST(a_checkpoint_is_of_one_history),
        EDGE_TEST(a_state_is_signed_once),
        EDGE_TEST(a_new_set_counts_by_its_own_stakes),
        EDGE_TEST(nothing_is_voted_for_past_a_handover),
        EDGE_TEST(a_view_change_is_signed),
        EDGE_TEST(a_view_is_left_for_good),
        EDGE_TEST(the_next_view_is_anothers),
        EDGE_TEST(a_claimed_checkpoint_is_proved),
        EDGE_TEST(a_new_view_proves_its_checkpoint),
        EDGE_TEST(two_new_views_are_evidence),
        EDGE_TEST(our_own_name_is_no_news),
        EDGE_TEST(an_unreadable_record_silences),
        EDGE_TEST(a_leader_proposes_once),
    };
    return cmocka_run_group_tests_name("bft_edge_proof", all, NULL, NULL);
}
