/* The edges of view changes, timers and the journal, one replica at a time. */
#include "bft/edge_test.h"

static uint32_t view_changes(void)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t.seen_count; i++)
        count += t.seen[i].kind == BFT_FX_SIGN && t.seen[i].statement.type == BFT_TYPE_VIEW_CHANGE;
    return count;
}

/* --- R7-R9: leaving a view ------------------------------------------------------ */

/* R9: when WEAK members want a view or a later one, at once, and the largest such. */
static void a_weak_set_takes_us_along(void **state)
{
    (void)state;
    edge_open(edge_follower(4));
    uint32_t a = (t.self + 1) % EDGE_MEMBERS, b = (t.self + 2) % EDGE_MEMBERS;
    struct bft_view_change_core three = edge_core_of(3, 0, NULL, 0);
    struct bft_view_change_core five = edge_core_of(5, 0, NULL, 0);
    edge_view_change(a, &five, NULL, 0);
    assert_int_equal(view_changes(), 0); /* one may lie */
    edge_view_change(a, &three, NULL, 0);
    edge_view_change(b, &five, NULL, 0);
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 5, 0, NULL), 1);
    assert_int_equal(view_changes(), 1);
}

/* A VIEW-CHANGE of nobody, of another epoch, or of a form that is none. */
static void view_changes_have_one_form(void **state)
{
    (void)state;
    edge_open(edge_follower(4));
    uint32_t a = (t.self + 1) % EDGE_MEMBERS;
    struct bft_prepared p[2] = {{1, 0, edge_digest(1)}, {2, 0, edge_digest(2)}};
    const struct bft_view_change_core good = edge_core_of(2, 0, p, 2);
    struct bft_message m = {.tag = BFT_MESSAGE_VIEW_CHANGE};
    m.view_change = (struct bft_view_change){.core = good, .signer = EDGE_MEMBERS};
    edge_hear(a, &m);
    assert_int_equal(edge_info().malformed + edge_info().bad_signatures, 0);
    struct bft_prepared bad[5][2] = {{p[1], p[0]},
                                     {p[0], p[0]},
                                     {{0, 0, p[0].digest}, p[1]},
                                     {p[0], {BFT_WINDOW + 1, 0, p[1].digest}},
                                     {p[0], {2, 2, p[1].digest}}};
    for (uint32_t i = 0; i < COUNT_OF(bad); i++) {
        struct bft_view_change_core core = edge_core_of(2, 0, bad[i], 2);
        edge_view_change(a, &core, NULL, 0);
        assert_int_equal(edge_info().malformed, i + 1);
    }
    struct bft_view_change_core core = edge_core_of(2, 8, NULL, 0); /* no checkpoint slot */
    edge_view_change(a, &core, NULL, 0);
    assert_int_equal(edge_info().malformed, 6);
    struct bft_prepared last[2] = {p[0], {BFT_WINDOW, 1, p[1].digest}};
    core = edge_core_of(2, 0, last, 2);
    edge_view_change(a, &core, NULL, 0);
    assert_int_equal(edge_info().malformed, 6);
}

/* R8: a claim counts when its certificate verifies, and of two claims the one of
 * the higher view is re-proposed, with its certificate. */
static void claims_are_backed_by_certificates(void **state)
{
    (void)state;
    edge_open(edge_leader(2));
    assert_true(edge_leader(0) != t.self && edge_leader(1) != t.self);
    struct bft_statement low = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1);
    struct bft_statement high = edge_statement(BFT_TYPE_PREPARE, 1, 1, 2);
    struct bft_prepared p = {1, 0, low.digest}, q = {1, 1, high.digest};
    struct bft_view_change_core a = edge_core_of(2, 0, &p, 1), b = edge_core_of(2, 0, &q, 1);
    uint32_t m = (t.self + 1) % EDGE_MEMBERS, n = (t.self + 2) % EDGE_MEMBERS;
    struct bft_cert cert = edge_spoilt(&low, EDGE_ALL);
    edge_view_change(m, &a, &cert, 1);
    cert = edge_cert(&high, EDGE_ALL); /* good, but of something else */
    edge_view_change(m, &a, &cert, 1);
    edge_view_change(n, &b, &cert, 1); /* two: we go along and have three */
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 2, 0, NULL), 1);
    assert_int_equal(edge_asked(BFT_TYPE_NEW_VIEW, 2, 0, NULL), 0);
    cert = edge_cert(&low, EDGE_ALL);
    edge_view_change(m, &a, &cert, 1);
    assert_int_equal(edge_asked(BFT_TYPE_NEW_VIEW, 2, 0, NULL), 1);
    struct bft_message nv = {0};
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_NEW_VIEW, &nv), 1);
    assert_int_equal(nv.new_view.body.reproposals_count, 1);
    assert_true(hash_equal(&nv.new_view.body.reproposals[0].digest, &high.digest));
    assert_int_equal(nv.new_view.body.certs_count, 1);
    assert_int_equal(nv.new_view.body.certs[0].statement.view, 1);
}

/* A certificate of a later view takes the place of the one that came first. */
static void the_later_certificate_is_kept(void **state)
{
    (void)state;
    edge_open(edge_leader(2));
    struct bft_statement low = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1);
    struct bft_statement high = edge_statement(BFT_TYPE_PREPARE, 1, 1, 2);
    struct bft_prepared p = {1, 0, low.digest}, q = {1, 1, high.digest};
    struct bft_view_change_core a = edge_core_of(2, 0, &p, 1), b = edge_core_of(2, 0, &q, 1);
    struct bft_cert first = edge_cert(&low, EDGE_ALL), second = edge_cert(&high, EDGE_ALL);
    edge_view_change((t.self + 1) % EDGE_MEMBERS, &a, &first, 1);
    edge_view_change((t.self + 2) % EDGE_MEMBERS, &b, &second, 1);
    struct bft_message nv = {0};
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_NEW_VIEW, &nv), 1);
    assert_true(hash_equal(&nv.new_view.body.reproposals[0].digest, &high.digest));
}

/* R7: to everyone without certificates, with them once more to the next leader;
 * and the stable checkpoint's goes along. */
static void certificates_go_to_the_next_leader(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    uint32_t leader = edge_leader(1);
    edge_tick(0);
    edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 1, .pending_since_ms = 1});
    edge_tick(1000);
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_VIEW_CHANGE, NULL), 1);
    assert_int_equal(edge_sent(leader, BFT_MESSAGE_VIEW_CHANGE, NULL), 0); /* nothing to show */
    edge_again();

    edge_open(edge_follower(2));
    edge_segments(0, 1);
    edge_propose(0, 17, 17);
    edge_votes(BFT_TYPE_PREPARE, 0, 17, 17);
    edge_tick(1000);
    struct bft_message m = {0};
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_VIEW_CHANGE, &m), 1);
    assert_int_equal(m.view_change.certs_count, 0);
    assert_int_equal(m.view_change.core.stable, 16);
    assert_int_equal(m.view_change.core.prepared_count, 1);
    assert_int_equal(edge_sent(leader, BFT_MESSAGE_VIEW_CHANGE, &m), 1);
    assert_int_equal(m.view_change.certs_count, 2);
    assert_int_equal(m.view_change.certs[0].statement.type, BFT_TYPE_CHECKPOINT);
    assert_int_equal(m.view_change.certs[1].statement.seq, 17);
}

/* --- R10, R11: new views ---------------------------------------------------------- */

/* BFT-1: one NEW-VIEW a view, though more VIEW-CHANGEs come while it is signed;
 * and it goes out when it is signed, not before. */
static void a_new_view_is_made_once(void **state)
{
    (void)state;
    edge_open(edge_leader(1));
    edge_segments(0, 1);
    struct bft_view_change_core core = edge_core_of(1, 16, NULL, 0);
    uint32_t m = (t.self + 1) % EDGE_MEMBERS;
    edge_view_change(m, &core, NULL, 0);
    edge_view_change((m + 1) % EDGE_MEMBERS, &core, NULL, 0);
    edge_again();

    edge_open(edge_leader(1));
    edge_segments(0, 1);
    t.hold_signs = true;
    edge_view_change(m, &core, NULL, 0);
    edge_view_change((m + 1) % EDGE_MEMBERS, &core, NULL, 0);
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 1, 0, NULL), 1);
    struct bft_effect own = t.waiting[--t.waiting_count];
    assert_int_equal(own.statement.type, BFT_TYPE_VIEW_CHANGE);
    edge_answer(&own);
    assert_int_equal(edge_asked(BFT_TYPE_NEW_VIEW, 1, 0, NULL), 1);
    edge_view_change((m + 2) % EDGE_MEMBERS, &core, NULL, 0);
    edge_tick(200);
    assert_int_equal(edge_asked(BFT_TYPE_NEW_VIEW, 1, 0, NULL), 1);
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_NEW_VIEW, NULL), 0);
    assert_int_equal(edge_info().view, 0);
    t.hold_signs = false;
    edge_settle();
    struct bft_message nv = {0};
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_NEW_VIEW, &nv), 1);
    assert_int_equal(edge_info().view, 1);
    assert_int_equal(nv.new_view.body.certs_count, 1); /* of the checkpoint */
    assert_int_equal(nv.new_view.body.certs[0].statement.seq, 16);
}

/* A NEW-VIEW of cores that nobody may sign is refused, though all signatures hold. */
static void a_new_view_of_bad_cores_is_refused(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    struct bft_prepared p[2] = {{1, 1, edge_digest(1)}, {BFT_WINDOW + 1, 0, edge_digest(2)}};
    struct bft_statement st = edge_statement(BFT_TYPE_PREPARE, 1, 1, 1);
    struct bft_cert cert = edge_cert(&st, EDGE_ALL);
    struct bft_view_change_core core = edge_core_of(1, 0, &p[0], 1); /* of its own view */
    const struct bft_reproposal fixed = {1, edge_digest(1)};
    edge_enter(&core, &fixed, 1, &cert, 1);
    assert_int_equal(edge_info().malformed, 1);
    core = edge_core_of(1, 0, &p[1], 1); /* beyond the window */
    edge_enter(&core, NULL, 0, NULL, 0);
    core = edge_core_of(1, 5, NULL, 0); /* no checkpoint */
    edge_enter(&core, NULL, 0, NULL, 0);
    assert_int_equal(edge_info().malformed, 3);
    assert_int_equal(edge_info().view, 0);
    core = edge_core_of(1, 0, NULL, 0);
    edge_enter(&core, NULL, 0, NULL, 0);
    assert_int_equal(edge_info().view, 1);
}

/* The certificate of a re-proposal is verified. */
static void a_new_view_needs_good_certificates(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    struct bft_statement st = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1);
    struct bft_prepared p = {1, 0, st.digest};
    struct bft_view_change_core core = edge_core_of(1, 0, &p, 1);
    const struct bft_reproposal fixed = {1, st.digest};
    struct bft_cert cert = edge_spoilt(&st, EDGE_ALL);
    edge_enter(&core, &fixed, 1, &cert, 1);
    cert = edge_cert(&st, 3);
    edge_enter(&core, &fixed, 1, &cert, 1);
    assert_int_equal(edge_info().view, 0);
    cert = edge_cert(&st, EDGE_ALL);
    edge_enter(&core, &fixed, 1, &cert, 1);
    assert_int_equal(edge_info().view, 1);
    /* R1: the payload of what is fixed comes with the leader's proposal. */
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 1, 1, NULL), 0);
    edge_propose(1, 1, 1);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 1, 1, &st.digest), 1);
}

/* Safety is broken when a NEW-VIEW fixes what contradicts a certificate. */
static void a_contradiction_is_told(void **state)
{
    (void)state;
    for (int certificate_first = 0; certificate_first < 2; certificate_first++) {
        edge_open(edge_follower(2));
        struct bft_statement st = edge_statement(BFT_TYPE_PREPARE, 0, 1, 1);
        struct bft_prepared p = {1, 0, st.digest};
        struct bft_view_change_core core = edge_core_of(1, 0, &p, 1);
        const struct bft_reproposal fixed = {1, st.digest};
        struct bft_cert cert = edge_cert(&st, EDGE_ALL);
        struct bft_statement other = edge_statement(BFT_TYPE_COMMIT, 0, 1, 2);
        struct bft_message m = {.tag = BFT_MESSAGE_CERT, .cert = edge_cert(&other, EDGE_ALL)};
        if (certificate_first == 1)
            edge_hear(0, &m);
        edge_enter(&core, &fixed, 1, &cert, 1);
        assert_int_equal(edge_count(BFT_FX_ALARM), (uint32_t)certificate_first);
        if (certificate_first == 0)
            edge_hear(0, &m);
        assert_int_equal(edge_count(BFT_FX_ALARM), 1);
        assert_false(edge_info().voting);
        edge_clear();
        edge_tick(5000);
        edge_votes(BFT_TYPE_PREPARE, 1, 1, 1);
        assert_int_equal(edge_count(BFT_FX_SIGN), 0);
        edge_again();
    }
}

/* What was asked to be signed before the alarm does not go out after it. */
static void nothing_leaves_after_an_alarm(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    t.hold_signs = true;
    edge_propose(0, 1, 1);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 1, NULL), 1);
    for (uint64_t number = 1; number <= 2; number++) {
        struct bft_statement st = edge_statement(BFT_TYPE_COMMIT, 0, 1, number);
        struct bft_message m = {.tag = BFT_MESSAGE_CERT, .cert = edge_cert(&st, EDGE_ALL)};
        edge_hear((t.self + 1) % EDGE_MEMBERS, &m);
    }
    assert_int_equal(edge_count(BFT_FX_ALARM), 1);
    t.hold_signs = false;
    edge_settle();
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_VOTE, NULL), 0);
}

/* --- R13: timers ------------------------------------------------------------------- */

/* Each view that fails waits twice as long as the one before, six times; then a
 * timeout longer each time, without bound. */
static void waits_grow(void **state)
{
    (void)state;
    edge_open(edge_follower(4));
    edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 1, .pending_since_ms = 1});
    edge_tick(1000);
    for (uint32_t k = 1; k <= 9; k++) {
        uint64_t view = 0;
        for (uint32_t i = 0; i < t.seen_count; i++)
            if (t.seen[i].kind == BFT_FX_SIGN)
                view = t.seen[i].statement.view;
        assert_int_equal(view_changes(), 1);
        edge_view_changes(view, 0); /* a QUORUM wants it, but its leader is silent */
        edge_clear();
        uint64_t wait = k <= 6 ? 1000ull << k : 64000 + 1000 * (k - 6);
        edge_tick(wait - 1);
        assert_int_equal(view_changes(), 0);
        edge_tick(1);
        assert_int_equal(view_changes(), 1);
    }
}

/* A leader that nothing is heard of has half the base, when the others are heard. */
static void a_silent_leader_has_half_the_time(void **state)
{
    (void)state;
    for (uint32_t alone = 0; alone < 2; alone++) {
        edge_open(edge_follower(4));
        t.silent = alone == 0 ? 1u << edge_leader(0) : EDGE_ALL;
        edge_tick(2000);
        edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 1, .pending_since_ms = 1});
        edge_tick(alone == 0 ? 499 : 999);
        assert_int_equal(view_changes(), 0);
        edge_tick(1);
        assert_int_equal(view_changes(), 1);
        edge_again();
    }
}

/* It would be in a view far ahead, where the others come timeout by timeout. */
static void who_is_cut_off_passes_over_nobody(void **state)
{
    (void)state;
    for (uint32_t alone = 0; alone < 2; alone++) {
        edge_open(edge_follower(4));
        uint32_t heard = edge_leader(3);
        assert_int_not_equal(heard, edge_leader(1));
        assert_int_not_equal(heard, edge_leader(2));
        t.silent = alone == 0 ? 1u << edge_leader(2) : EDGE_ALL & ~(1u << heard);
        edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 1, .pending_since_ms = 1});
        edge_tick(1000);
        assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 1, 0, NULL), 1);
        edge_view_changes(1, 0);
        edge_clear();
        edge_tick(2000);
        assert_int_equal(view_changes(), 1);
        assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, alone == 0 ? 3 : 2, 0, NULL), 1);
        edge_again();
    }
}

/* Whenever it asks to be woken it does something, and while it changes views it
 * says so again and again. */
static void it_wakes_to_work(void **state)
{
    (void)state;
    edge_open(edge_follower(4));
    edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 1, .pending_since_ms = 1});
    edge_tick(1000);
    uint64_t last = t.now;
    for (uint32_t i = 0; i < 60; i++) {
        edge_clear();
        assert_true(t.fx.wake_at_ms > t.now);
        edge_tick(t.fx.wake_at_ms - t.now);
        assert_true(t.seen_count > 0);
        if (edge_sent(BFT_ALL, BFT_MESSAGE_VIEW_CHANGE, NULL) > 0)
            last = t.now;
        assert_true(t.now - last <= 500); /* a status period and a quarter */
    }
}

/* --- R14: rotation ------------------------------------------------------------------- */

/* After four segments, to a leader that is heard at once, without back-off. */
static void a_rotation_is_no_failure(void **state)
{
    (void)state;
    edge_open(edge_follower(4));
    edge_segments(0, BFT_ROTATION - 1);
    edge_tick(1);
    edge_segments(0, 1);
    assert_false(edge_info().normal);
    edge_view_changes(1, 64);
    edge_clear();
    edge_tick(999);
    assert_int_equal(view_changes(), 0);
    edge_tick(1); /* the base, not twice that */
    assert_int_equal(view_changes(), 1);
}

/* A successor that is silent is waited for a while, then passed over. */
static void a_silent_successor_is_passed_over(void **state)
{
    (void)state;
    edge_open(edge_leader(0));
    edge_segments(0, BFT_ROTATION - 1);
    uint32_t silent = edge_leader(1);
    t.silent = 1u << silent;
    edge_tick(2000);
    for (uint64_t seq = 49; seq <= 64; seq++) {
        const struct bft_statement st = edge_statement(BFT_TYPE_COMMIT, 0, seq, seq);
        struct bft_message m = {.tag = BFT_MESSAGE_DECIDED};
        m.decided = (struct bft_decided){seq, edge_payload(seq), edge_cert(&st, EDGE_ALL)};
        for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
            if (i != t.self && i != silent)
                edge_hear(i, &m);
    }
    struct bft_statement st = {0};
    for (uint32_t i = 0; i < t.seen_count; i++)
        if (t.seen[i].kind == BFT_FX_SIGN && t.seen[i].statement.type == BFT_TYPE_CHECKPOINT)
            st = t.seen[i].statement;
    for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
        if (i != t.self && i != silent)
            edge_vote(i, &st);
    assert_int_equal(edge_info().stable, 64);
    edge_clear();
    edge_tick(799); /* two status periods */
    assert_int_equal(view_changes(), 0);
    edge_tick(1);
    assert_int_equal(view_changes(), 1);
    for (uint32_t i = 0; i < t.seen_count; i++)
        if (t.seen[i].kind == BFT_FX_SIGN) {
            uint32_t next = edge_leader(t.seen[i].statement.view);
            assert_true(next != silent && next != t.self);
        }
}

/* --- R18: the journal ------------------------------------------------------------------- */

static uint32_t records(enum bft_record_tag tag, struct bft_record *last)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t.seen_count; i++) {
        struct bft_record r;
        if (t.seen[i].kind != BFT_FX_PERSIST)
            continue;
        assert_int_equal(bft_record_decode(t.seen[i].bytes, &t.world, &r), ERR_OK);
        if (r.tag != tag)
            continue;
        count++;
        *last = r;
    }
    return count;
}

/* The payload is journaled with the first vote, and not again. */
static void a_payload_is_written_once(void **state)
{
    (void)state;
    struct bft_record r;
    edge_open(edge_follower(1));
    edge_propose(0, 1, 1);
    assert_int_equal(records(BFT_RECORD_VOTE, &r), 1);
    assert_int_equal(r.vote.payload.len, 8);
    edge_votes(BFT_TYPE_PREPARE, 0, 1, 1);
    assert_int_equal(records(BFT_RECORD_VOTE, &r), 2);
    assert_int_equal(r.vote.payload.len, 0);
    edge_votes(BFT_TYPE_COMMIT, 0, 1, 1);
    assert_int_equal(records(BFT_RECORD_DECIDED, &r), 1);
    assert_int_equal(r.decided.payload.len, 0);
    edge_decided(0, 2, 2); /* without a vote of ours it is written here */
    assert_int_equal(records(BFT_RECORD_DECIDED, &r), 2);
    assert_int_equal(r.decided.payload.len, 8);
    edge_restart(0, false);
    assert_int_equal(edge_info().executed, 2);
}

/* What was said before the crash is signed again, the same and nothing more. */
static void what_was_said_is_said_again(void **state)
{
    (void)state;
    edge_open(edge_follower(1));
    edge_propose(0, 1, 1);
    edge_votes(BFT_TYPE_PREPARE, 0, 1, 1);
    edge_restart(0, false);
    struct hash digest = edge_digest(1);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 1, &digest), 1);
    assert_int_equal(edge_asked(BFT_TYPE_COMMIT, 0, 1, &digest), 1);
    assert_int_equal(edge_count(BFT_FX_SIGN), 2);
    assert_int_equal(edge_count(BFT_FX_PERSIST), 0);
    assert_int_equal(edge_sent(BFT_ALL, BFT_MESSAGE_VOTE, NULL), 2);
}

static void record_vote(uint64_t epoch, uint64_t view, uint64_t number)
{
    struct bft_record r = {.tag = BFT_RECORD_VOTE};
    r.vote.statement = edge_statement(BFT_TYPE_PREPARE, view, 1, number);
    r.vote.statement.epoch = epoch;
    r.vote.payload = edge_payload(number);
    edge_record(&r);
}

/* Records of another epoch, and older ones that stand again behind newer ones. */
static void stray_records_change_nothing(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    record_vote(3, 0, 5);
    edge_restart(0, false);
    assert_int_equal(edge_count(BFT_FX_SIGN), 0);
    edge_propose(0, 1, 1);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 0, 1, NULL), 1);
    assert_true(edge_info().normal);
    edge_again();

    edge_open(edge_follower(2));
    struct bft_record r = {.tag = BFT_RECORD_VIEW, .view = {.view = 1}};
    record_vote(0, 0, 1);
    edge_record(&r);
    record_vote(0, 1, 2);
    record_vote(0, 0, 1);
    edge_record(&r);
    edge_restart(0, false);
    struct hash digest = edge_digest(2);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 1, 1, &digest), 1);
    assert_int_equal(edge_count(BFT_FX_PERSIST), 0);
}

/* A proposal of a view that was left is none of the view that came. */
static void a_new_view_forgets_proposals(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    edge_propose(0, 1, 1);
    struct bft_record r = {.tag = BFT_RECORD_VIEW, .view = {.view = 1}};
    edge_record(&r);
    edge_restart(0, false);
    assert_int_equal(edge_info().view, 1);
    assert_int_equal(edge_count(BFT_FX_SIGN), 0);
    edge_propose(1, 1, 2);
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 1, 1, NULL), 1);
}

static uint32_t checkpoint_record(void)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < t.journal_count; i++) {
        struct bft_record r;
        assert_int_equal(bft_record_decode(t.journal[i], &t.world, &r), ERR_OK);
        if (r.tag == BFT_RECORD_CHECKPOINT)
            at = i;
    }
    return at;
}

/* The journal may be cut behind a checkpoint: the view, what its NEW-VIEW fixed,
 * and a view change under way are known all the same. */
static void a_cut_journal_knows_the_view(void **state)
{
    (void)state;
    edge_open(edge_follower(2));
    struct bft_view_change_core core = edge_core_of(1, 0, NULL, 0);
    edge_enter(&core, NULL, 0, NULL, 0);
    edge_segments(1, 1);
    edge_restart(checkpoint_record(), true);
    assert_int_equal(edge_info().view, 1);
    assert_int_equal(edge_info().stable, 16);
    edge_again();

    edge_open(edge_follower(2));
    struct bft_prepared p = {17, 0, edge_digest(17)};
    struct bft_statement st = edge_statement(BFT_TYPE_PREPARE, 0, 17, 17);
    struct bft_reproposal fixed[17];
    for (uint64_t i = 0; i < 17; i++)
        fixed[i] = (struct bft_reproposal){.seq = i + 1};
    fixed[16].digest = p.digest;
    struct bft_cert cert = edge_cert(&st, EDGE_ALL);
    core = edge_core_of(1, 0, &p, 1);
    edge_enter(&core, fixed, 17, &cert, 1);
    assert_int_equal(edge_info().view, 1);
    edge_segments(1, 1);
    edge_restart(checkpoint_record(), true);
    assert_int_equal(edge_info().view, 1);
    edge_propose(1, 17, 18); /* not what was fixed: the leader lies */
    assert_int_equal(edge_asked(BFT_TYPE_PREPARE, 1, 17, NULL), 0);
    edge_again();

    edge_open(edge_follower(4));
    edge_event((struct bft_event){.kind = BFT_EV_PENDING, .pending = 1, .pending_since_ms = 1});
    edge_tick(1000);
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 1, 0, NULL), 1);
    edge_segments(0, 1);
    edge_restart(checkpoint_record(), true);
    assert_false(edge_info().normal);
    assert_int_equal(edge_asked(BFT_TYPE_VIEW_CHANGE, 1, 0, NULL), 1);
}

/* An arena of any size: enough, or ERR_NO_MEMORY. */
static void little_memory_is_told(void **state)
{
    (void)state;
    edge_open(0);
    for (size_t size = 0; size < bft_arena_size(); size += 65536 * 3) {
        struct arena little;
        arena_init(&little, (struct room){t.core.memory, size});
        enum err e = bft_init(&t.b, &little, &t.config, &t.set.set);
        assert_true(e == ERR_NO_MEMORY || (e == ERR_OK && size + 65536 * 4 > bft_arena_size()));
    }
}

#define EDGE_TEST(f) cmocka_unit_test_setup_teardown(f, edge_setup, edge_close)

int main(void)
{
    const struct CMUnitTest all[] = {
        EDGE_TEST(a_weak_set_takes_us_along),
        EDGE_TEST(view_changes_have_one_form),
        EDGE_TEST(claims_are_backed_by_certificates),
        EDGE_TEST(the_later_certificate_is_kept),
        EDGE_TEST(certificates_go_to_the_next_leader),
        EDGE_TEST(a_new_view_is_made_once),
        EDGE_TEST(a_new_view_of_bad_cores_is_refused),
        EDGE_TEST(a_new_view_needs_good_certificates),
        EDGE_TEST(a_contradiction_is_told),
        EDGE_TEST(nothing_leaves_after_an_alarm),
        EDGE_TEST(waits_grow),
        EDGE_TEST(a_silent_leader_has_half_the_time),
        EDGE_TEST(who_is_cut_off_passes_over_nobody),
        EDGE_TEST(it_wakes_to_work),
        EDGE_TEST(a_rotation_is_no_failure),
        EDGE_TEST(a_silent_successor_is_passed_over),
        EDGE_TEST(a_payload_is_written_once),
        EDGE_TEST(what_was_said_is_said_again),
        EDGE_TEST(stray_records_change_nothing),
        EDGE_TEST(a_new_view_forgets_proposals),
        EDGE_TEST(a_cut_journal_knows_the_view),
        EDGE_TEST(little_memory_is_told),
    };
    return cmocka_run_group_tests_name("bft_edge_view", all, NULL, NULL);
}
