/* The edges of the rules, one replica at a time. */
#include "bft/edge_test.h"

#include "ledger_msg.h"

/* --- certificates ----------------------------------------------------------- */

/* R15: the certificate that stands for PREPAREs that were lost is verified. */
static void a_p_cert_is_verified(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    edge_propose(0, 1, 1);
    struct bft_statement st = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1), later = st;
    struct bft_message m = {.tag = BFT_MESSAGE_CERT, .cert = edge_spoilt(&st, EDGE_ALL)};
    edge_hear(0, &m);
    m.cert = edge_cert(&st, 3); /* no QUORUM */
    edge_hear(0, &m);
    later.view = 1;
    m.cert = edge_cert(&later, EDGE_ALL); /* of a view that we are not in */
    edge_hear(0, &m);
    assert_int_equal(edge_asked(BFT_TYPE_COMMIT, 0, 1, NULL), 0);
    m.cert = edge_cert(&st, EDGE_ALL);
    edge_hear(0, &m);
    assert_int_equal(edge_asked(BFT_TYPE_COMMIT, 0, 1, &st.digest), 1);
}

/* A vote says nothing but its digest, and only votes are votes. */
static void votes_have_one_form(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    edge_propose(0, 1, 1);
    uint32_t other = (t.self + 1) % EDGE_MEMBERS;
    struct bft_statement st = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1);
    st.aux.bytes[3] = 1;
    for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
        if (i != t.self)
            edge_vote(i, &st);
    assert_int_equal(edge_info().malformed, 3);
    static const enum bft_type no_votes[] = {BFT_TYPE_PROPOSE, BFT_TYPE_VIEW_CHANGE,
                                             BFT_TYPE_NEW_VIEW, BFT_TYPE_READY, BFT_TYPE_KEYBIND};
    for (size_t i = 0; i < COUNT_OF(no_votes); i++) {
        st = edge_statement(no_votes[i], 0, 1, 1);
        edge_vote(other, &st);
    }
    assert_int_equal(edge_info().malformed, 8);
    assert_int_equal(edge_asked(BFT_TYPE_COMMIT, 0, 1, NULL), 0);
    /* Not from behind the last member, and not for another epoch. */
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote = (struct bft_vote){.statement = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1),
                               .signer = EDGE_MEMBERS};
    edge_hear(other, &m);
    m.vote.statement.type = BFT_TYPE_CHECKPOINT;
    m.vote.statement.seq = BFT_CHECKPOINT_INTERVAL;
    edge_hear(other, &m);
    assert_int_equal(edge_info().bad_signatures, 0);
    edge_votes(BFT_TYPE_PREPARE, 0, 1, 1);
    assert_int_equal(edge_asked(BFT_TYPE_COMMIT, 0, 1, NULL), 1);
}

/* R6: a certificate for the last slot of the window counts, one beyond does not. */
static void the_window_ends_where_it_says(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    for (uint64_t seq = BFT_WINDOW + 1; seq >= BFT_WINDOW; seq--) {
        struct bft_statement st = edge_statement(BFT_TYPE_COMMIT, 0, seq, 1);
        struct bft_message m = {.tag = BFT_MESSAGE_CERT, .cert = edge_cert(&st, EDGE_ALL)};
        edge_hear((t.self + 1) % EDGE_MEMBERS, &m);
        assert_int_equal(edge_info().network_executed, seq == BFT_WINDOW ? BFT_WINDOW : 0);
    }
}

/* A checkpoint comes with what its statement was hashed from, or it is none. */
static void a_checkpoint_must_fit_its_statement(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    struct bft_message m = {.tag = BFT_MESSAGE_CHECKPOINT};
    m.checkpoint.aux.log_size = 9;
    struct bft_statement st = {.type = BFT_TYPE_CHECKPOINT, .seq = 16};
    st.aux = bft_aux_hash(&m.checkpoint.aux);
    m.checkpoint.cert = edge_cert(&st, EDGE_ALL);
    m.checkpoint.aux.log_size = 10;
    edge_hear(0, &m);
    assert_int_equal(edge_info().malformed, 1);
    assert_int_equal(edge_info().network_executed, 0);
    m.checkpoint.aux.log_size = 9;
    edge_hear(0, &m);
    assert_int_equal(edge_info().malformed, 1);
    assert_int_equal(edge_info().network_executed, 16);
}

/* What one member claims to have makes nobody look behind; what WEAK say does. */
static void one_claim_is_no_news(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    struct bft_message m = {.tag = BFT_MESSAGE_STATUS};
    uint32_t others[2] = {(t.self + 1) % EDGE_MEMBERS, (t.self + 2) % EDGE_MEMBERS};
    m.status.executed = UINT64_MAX;
    edge_hear(others[0], &m);
    assert_int_equal(edge_info().network_executed, 0);
    m.status.executed = 77;
    edge_hear(others[1], &m);
    assert_int_equal(edge_info().network_executed, 77);
    m.status.executed = 5;
    edge_hear(others[0], &m);
    assert_int_equal(edge_info().network_executed, 5);
}

/* What is passed over is counted, by what is wrong with it. */
static void out_of_place_is_counted(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    uint32_t other = (t.self + 1) % EDGE_MEMBERS;
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote = (struct bft_vote){.statement = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1),
                               .signer = EDGE_MEMBERS};
    edge_hear(other, &m);
    m.vote.signer = (uint16_t)other;
    m.vote.statement.epoch++;
    edge_hear(other, &m);
    edge_hear(BFT_ALL, &m);
    m.vote.statement = edge_statement(BFT_TYPE_COMMIT, 0, BFT_WINDOW + 1, 1);
    edge_hear(other, &m);
    m = (struct bft_message){.tag = BFT_MESSAGE_CHECKPOINT};
    m.checkpoint.cert.statement.type = BFT_TYPE_CHECKPOINT;
    m.checkpoint.cert.statement.epoch = UINT64_MAX;
    edge_hear(other, &m);
    struct bft_view_info info = edge_info();
    assert_int_equal(info.no_member, 1);
    assert_int_equal(info.other_epoch, 3);
    assert_int_equal(info.past_window, 1);
    assert_int_equal(info.bad_signatures, 0);
}

/* R19: the pair stands in one order, whichever came first. */
static void evidence_has_one_order(void **state)
{
    (void)state;
    struct hash first[2], second[2];
    for (uint64_t turn = 0; turn < 2; turn++) {
        edge_open(edge_follower(1));
        uint32_t liar = (t.self + 1) % EDGE_MEMBERS;
        struct bft_statement a = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1 + turn);
        struct bft_statement b = edge_statement(BFT_TYPE_PREPARE, 0, 1, 2 - turn);
        edge_vote(liar, &a);
        edge_vote(liar, &b);
        edge_vote(liar, &b);
        assert_int_equal(edge_count(BFT_FX_EVIDENCE), 1);
        for (uint32_t i = 0; i < t.seen_count; i++) {
            struct op_evidence e;
            if (t.seen[i].kind != BFT_FX_EVIDENCE)
                continue;
            assert_int_equal(op_evidence_decode(t.seen[i].bytes, &t.world, &e), ERR_OK);
            assert_int_equal(e.signer, liar);
            first[turn] = e.first.digest;
            second[turn] = e.second.digest;
        }
        edge_again();
    }
    assert_true(hash_equal(&first[0], &first[1]) && hash_equal(&second[0], &second[1]));
    assert_true(memcmp(first[0].bytes, second[0].bytes, HASH_SIZE) < 0);
}

/* --- proposals ---------------------------------------------------------------- */

/* BFT-1: what is executed is not voted for again, whatever the leader says. */
static void an_executed_slot_is_closed(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    edge_propose(0, 1, 1);
    edge_votes(BFT_TYPE_PREPARE, 0, 1, 1);
    edge_votes(BFT_TYPE_COMMIT, 0, 1, 1);
    assert_int_equal(edge_info().executed, 1);
    edge_clear();
    edge_propose(0, 1, 2);
    assert_int_equal(edge_count(BFT_FX_SIGN), 0);
    assert_true(edge_info().normal);
}

/* A verdict on a payload of a view that was left moves nobody once more. */
static void a_late_verdict_is_late(void **state)
{
    (void)state;
    edge_open(edge_follower(4));
    t.hold_checks = t.bad_payloads = true;
    edge_propose(0, 1, 1);
    edge_tick(1000); /* the leader did not bring it to an end */
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 1, 0, NULL), 1);
    t.hold_checks = false;
    edge_settle();
    uint32_t all = 0;
    for (uint64_t view = 1; view < 9; view++)
        all += edge_asked(BFT_TYPE_VIEW_CHANGE, view, 0, NULL);
    assert_int_equal(all, 1);
}

/* R13: also a single slot under way has its time. */
static void one_slot_has_its_time(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    edge_propose(0, 1, 1);
    edge_tick(999);
    assert_true(edge_info().normal);
    edge_tick(1);
    assert_false(edge_info().normal);
}

static uint32_t proposals(void)
{
    uint32_t count = edge_count(BFT_FX_PROPOSE);
    return count;
}

/* Of one leader two proposals are under way, unless the operator says more. */
static void the_pipeline_is_two(void **state)
{
    (void)state;
    edge_open(edge_leader(0));
    edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 9});
    for (uint64_t seq = 1; seq <= 2; seq++) {
        assert_int_equal(proposals(), seq);
        edge_event(
            (struct bft_event){.kind = BFT_EV_BATCH, .seq = seq, .bytes = edge_payload(seq)});
    }
    assert_int_equal(proposals(), 2);
    edge_votes(BFT_TYPE_PREPARE, 0, 1, 1);
    edge_votes(BFT_TYPE_COMMIT, 0, 1, 1);
    assert_int_equal(edge_info().executed, 1);
    assert_int_equal(proposals(), 3);
}

/* R18: a replica whose store is new signs nothing before it is told that it may. */
static void votes_wait_for_the_block(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    t.config.vote_after_block = UINT64_MAX;
    edge_restart(0, false);
    edge_propose(0, 1, 1);
    assert_int_equal(edge_count(BFT_FX_SIGN), 0);
    bft_vote_after_block(t.b, 5); /* the set was read at this block, not later */
    edge_tick(1);
    assert_int_equal(edge_count(BFT_FX_SIGN), 0);
    bft_vote_after_block(t.b, 4);
    edge_tick(1);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 1, NULL), 1);
}

/* --- fetching ------------------------------------------------------------------ */

static void fetch(uint32_t from, uint64_t seq, const struct hash *digest)
{
    struct bft_message m = {.tag = BFT_MESSAGE_FETCH, .fetch = {seq, *digest}};
    edge_hear(from, &m);
}

static void served_is_what_is_there_and_not_too_often(void **state)
{
    (void)state;
    const struct hash none = {0};
    edge_open(edge_follower(1));
    uint32_t peer = (t.self + 1) % EDGE_MEMBERS;
    edge_decided(0, 1, 1);
    edge_clear();
    fetch(peer, 3, &none); /* the second is not there, so the third is not either */
    fetch(peer, 0, &none);
    assert_int_equal(edge_count(BFT_FX_SERVE), 0);
    fetch(peer, 2, &none);
    assert_int_equal(edge_count(BFT_FX_SERVE), 1);
    assert_int_equal(t.seen[0].to, peer);
    assert_int_equal(t.seen[0].seq, 2);
    fetch(peer, 1, &none); /* at once again: no */
    assert_int_equal(edge_count(BFT_FX_SERVE), 1);
    fetch(BFT_ALL, 1, &none); /* a stranger is not counted here */
    assert_int_equal(edge_count(BFT_FX_SERVE), 2);
    edge_tick(100); /* a quarter of the status period */
    fetch(peer, 1, &none);
    assert_int_equal(edge_count(BFT_FX_SERVE), 3);
}

/* R4: a slot that is decided without its payload is executed when it comes. */
static void a_missing_payload_is_fetched(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    uint32_t peer = (t.self + 1) % EDGE_MEMBERS;
    struct bft_statement st = edge_statement(BFT_TYPE_COMMIT, 0, 1, 1);
    struct bft_message m = {.tag = BFT_MESSAGE_CERT, .cert = edge_cert(&st, EDGE_ALL)};
    edge_hear(peer, &m);
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_FETCH, &m), 1);
    assert_true(m.fetch.seq == 1 && hash_equal(&m.fetch.digest, &st.digest));
    m = (struct bft_message){.tag = BFT_MESSAGE_PAYLOAD, .payload = {1, edge_payload(2)}};
    edge_hear(peer, &m);
    assert_int_equal(edge_info().executed, 0);
    m.payload.payload = edge_payload(1);
    edge_hear(peer, &m);
    assert_int_equal(edge_info().executed, 1);
    /* Who has it gives it to members only. */
    edge_propose(0, 2, 2);
    edge_clear();
    struct hash digest = edge_digest(2);
    fetch(BFT_ALL, 2, &digest);
    assert_int_equal(edge_count(BFT_FX_SEND), 0);
    fetch(peer, 2, &digest);
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_PAYLOAD, NULL), 1);
}

/* A member that hears no QUORUM asks strangers too. */
static void who_is_alone_asks(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    t.silent = EDGE_ALL;
    edge_tick(450); /* a status period and an eighth */
    assert_int_equal(edge_count(BFT_FX_FETCH), 1);
    t.silent = 0;
    edge_tick(1);
    edge_clear();
    t.silent = EDGE_ALL;
    edge_tick(1000); /* two and a half periods */
    assert_int_equal(edge_count(BFT_FX_FETCH), 0);
    edge_tick(450);
    assert_int_equal(edge_count(BFT_FX_FETCH), 1);
}

/* --- status --------------------------------------------------------------------- */

static struct bft_bits has[2][BFT_WINDOW]; /* of PREPAREs, of COMMITs */

static void status(uint32_t from, struct bft_status s)
{
    s.prepares = has[0];
    s.commits = has[1];
    s.prepares_count = s.commits_count = 4;
    edge_clear();
    edge_tick(100); /* not too soon after the last */
    edge_clear();
    struct bft_message m = {.tag = BFT_MESSAGE_STATUS, .status = s};
    edge_hear(from, &m);
}

static void a_status_says_which_votes_are_here(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    uint32_t a = (t.self + 1) % EDGE_MEMBERS, b = (t.self + 2) % EDGE_MEMBERS;
    edge_propose(0, 2, 2);
    struct bft_statement p = edge_statement(BFT_TYPE_PREPARE, 0, 2, 2);
    struct bft_statement q = edge_statement(BFT_TYPE_COMMIT, 0, 1, 1);
    edge_vote(a, &p);
    edge_vote(b, &q);
    edge_clear();
    edge_tick(500);
    struct bft_message m = {0};
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_STATUS, &m), 1);
    assert_int_equal(m.status.prepares_count, BFT_WINDOW);
    assert_int_equal(m.status.payloads, 2); /* of the second slot */
    assert_int_equal(m.status.prepares[0].bits[0], 0);
    assert_int_equal(m.status.prepares[1].bits[0], 1 << a | 1 << t.self);
    assert_int_equal(m.status.commits[0].bits[0], 1 << b);
    assert_int_equal(m.status.commits[1].bits[0], 0);
}

/* R15: what the other lacks, and nothing that it has. */
static void a_status_is_answered_with_what_lacks(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    uint32_t peer = (t.self + 1) % EDGE_MEMBERS;
    memset(has, 0, sizeof has);
    edge_propose(0, 1, 1);
    edge_votes(BFT_TYPE_PREPARE, 0, 1, 1); /* so PREPARE, P-cert and COMMIT are here */
    const struct bft_status s = {.payloads = 1};
    status(EDGE_MEMBERS, s); /* nobody's */
    assert_int_equal(edge_count(BFT_FX_SEND), 0);
    status(t.self, s);
    assert_int_equal(edge_count(BFT_FX_SEND), 0);
    status(peer, s);
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_VOTE, NULL), 2);
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_CERT, NULL), 1);
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_PROPOSE, NULL), 0);
    has[0][0].bits[0] = EDGE_ALL;
    has[1][0].bits[0] = (uint8_t)(1u << t.self);
    status(peer, s);
    assert_int_equal(edge_count(BFT_FX_SEND), 0);
    status(peer, (struct bft_status){0}); /* without the payload */
    assert_int_equal(edge_count(BFT_FX_SEND), 1);
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_PROPOSE, NULL), 1);
    struct bft_message m = {.tag = BFT_MESSAGE_STATUS};
    edge_clear();
    edge_hear(peer, &m); /* at once again: unsigned, so it is not worth it */
    assert_int_equal(edge_count(BFT_FX_SEND), 0);
    memset(has, 0, sizeof has);
}

/* Whoever stands at a checkpoint that it cannot prove gets the proof, or our vote. */
static void a_checkpoint_is_helped(void **state)
{
    (void)state;
    memset(has, 0, sizeof has);
    edge_open(edge_follower(1));
    uint32_t peer = (t.self + 1) % EDGE_MEMBERS;
    for (uint64_t seq = 1; seq <= 16; seq++)
        edge_decided(0, seq, seq);
    status(peer, (struct bft_status){.executed = 16});
    struct bft_message m = {0};
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_VOTE, &m), 1);
    assert_int_equal(m.vote.statement.type, BFT_TYPE_CHECKPOINT);
    for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
        if (i != t.self)
            edge_vote(i, &m.vote.statement);
    assert_int_equal(edge_info().stable, 16);
    status(peer, (struct bft_status){.executed = 16});
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_CHECKPOINT, NULL), 1);
    status(peer, (struct bft_status){.executed = 16, .stable = 16});
    assert_int_equal(edge_sent(peer, BFT_MESSAGE_CHECKPOINT, NULL), 0);
}

/* A journal may know what is decided far after the only state that is left. */
static void a_journal_is_ahead_of_its_state(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    enum { AHEAD = BFT_CHECKPOINT_INTERVAL + 4 };
    const struct bft_statement st = edge_statement(BFT_TYPE_COMMIT, 0, AHEAD, AHEAD);
    struct bft_record r = {.tag = BFT_RECORD_DECIDED};
    r.decided = (struct bft_decided){AHEAD, edge_payload(AHEAD), edge_cert(&st, EDGE_ALL)};
    edge_record(&r);
    edge_restart(0, false);
    edge_segments(0, 1);
    edge_clear();
    for (uint64_t seq = BFT_CHECKPOINT_INTERVAL + 1; seq <= AHEAD; seq++)
        edge_decided(0, seq, seq);
    assert_int_equal(edge_info().executed, AHEAD);
}

#define EDGE_TEST(f) cmocka_unit_test_setup_teardown(f, edge_setup, edge_close)

int main(void)
{
    const struct CMUnitTest all[] = {
        EDGE_TEST(a_p_cert_is_verified),
        EDGE_TEST(votes_have_one_form),
        EDGE_TEST(the_window_ends_where_it_says),
        EDGE_TEST(a_checkpoint_must_fit_its_statement),
        EDGE_TEST(one_claim_is_no_news),
        EDGE_TEST(out_of_place_is_counted),
        EDGE_TEST(evidence_has_one_order),
        EDGE_TEST(an_executed_slot_is_closed),
        EDGE_TEST(a_late_verdict_is_late),
        EDGE_TEST(one_slot_has_its_time),
        EDGE_TEST(the_pipeline_is_two),
        EDGE_TEST(votes_wait_for_the_block),
        EDGE_TEST(served_is_what_is_there_and_not_too_often),
        EDGE_TEST(a_missing_payload_is_fetched),
        EDGE_TEST(who_is_alone_asks),
        EDGE_TEST(a_status_says_which_votes_are_here),
        EDGE_TEST(a_status_is_answered_with_what_lacks),
        EDGE_TEST(a_checkpoint_is_helped),
        EDGE_TEST(a_journal_is_ahead_of_its_state),
    };
    return cmocka_run_group_tests_name("bft_edge", all, NULL, NULL);
}
