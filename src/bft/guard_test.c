/* The guards that a run without a forger never touches. */
#include "base/test.h"

#include "bft/cluster_test.h"
#include "crypto/hash.h"

static struct cluster c;

static void begin(cluster_hook hook, void *state)
{
    struct cluster_config g = {.seed = 11,
                               .nodes = 4,
                               .members = 4,
                               .delay_min_us = 200,
                               .delay_max_us = 900,
                               .flush_us = 1000,
                               .timeout_ms = 1000,
                               .status_ms = 500,
                               .hook = hook,
                               .hook_state = state,
                               .hook_all = true};
    cluster_open(&c, &g);
    cluster_run(&c, 30);
}

static int end(void **state)
{
    (void)state;
    if (c.nodes != NULL)
        cluster_close(&c);
    c = (struct cluster){0};
    return 0;
}

static void decide(uint32_t ops, uint32_t ms_max)
{
    cluster_submit(&c, ops);
    assert_true(cluster_run_until_done(&c, ms_max));
}

static uint32_t node_at(uint32_t offset)
{
    return cluster_node_of(&c, 0, bft_leader(&c.sets[0], offset));
}

/* A C-cert of everyone over digest; only a test can make it. */
static struct bft_cert forge(uint64_t seq, const struct hash *digest, uint32_t signers,
                             struct signature *room)
{
    struct bft_cert cert = {.statement = {.type = BFT_TYPE_COMMIT, .seq = seq, .digest = *digest}};
    cert.signatures = room;
    for (uint32_t i = 0; i < 4; i++) {
        cert.bitmap[0] = (uint8_t)(cert.bitmap[0] | 1u << i);
        uint32_t node = cluster_node_of(&c, 0, i < signers ? i : 0);
        room[cert.signatures_count++] = cluster_sign(&c, node, &cert.statement);
    }
    return cert;
}

/* R16, M26: slots from a liar's store: a wrong certificate, another payload. */
static void test_forged_decided(void **state)
{
    (void)state;
    begin(NULL, NULL);
    uint32_t victim = node_at(1), liar = node_at(2);
    struct signature room[4];
    struct bft_message m = {.tag = BFT_MESSAGE_DECIDED};
    m.decided.payload = SPAN_LITERAL("12345678");
    m.decided.seq = 1;
    struct hash digest = bft_payload_digest(m.decided.payload);
    m.decided.cert = forge(1, &digest, 2, room);
    cluster_inject(&c, liar, victim, &m);
    struct bft_message cert = {.tag = BFT_MESSAGE_CERT, .cert = m.decided.cert};
    cluster_inject(&c, liar, victim, &cert);
    cluster_run(&c, 5);
    assert_int_equal(cluster_info(&c, victim).executed, 0);
    m.decided.cert = forge(1, &digest, 4, room);
    m.decided.payload = SPAN_LITERAL("87654321"); /* not what the certificate says */
    cluster_inject(&c, liar, victim, &m);
    cluster_run(&c, 5);
    assert_int_equal(cluster_info(&c, victim).executed, 0);
    assert_true(cluster_info(&c, victim).malformed > 0);
    decide(1, 500);
}

/* A leader waits for its batch, and its slot and the checkpoint behind it are
 * decided by others: it is not asked for any more, and the next one is. */
static void test_decided_while_its_batch_is_waited_for(void **state)
{
    (void)state;
    begin(NULL, NULL);
    uint32_t leader = node_at(0);
    struct signature room[4];
    const struct hash nothing = {0};
    c.config.byzantine = 0xf; /* the certificates are made up */
    c.config.batchless = 1ull << leader;
    cluster_submit(&c, 1);
    cluster_run(&c, 5);
    for (uint64_t seq = 1; seq <= BFT_CHECKPOINT_INTERVAL; seq++)
        for (uint32_t to = 0; to < 4; to++) {
            struct bft_message m = {.tag = BFT_MESSAGE_DECIDED};
            m.decided.seq = seq;
            m.decided.cert = forge(seq, &nothing, 4, room);
            cluster_inject(&c, (to + 1) % 4, to, &m);
        }
    c.config.batchless = 0;
    cluster_run(&c, 50);
    assert_int_equal(cluster_info(&c, leader).stable, BFT_CHECKPOINT_INTERVAL);
    assert_int_equal(cluster_info(&c, leader).view, 0);
    assert_true(cluster_run_until_done(&c, 500));
    assert_int_equal(cluster_info(&c, leader).view, 0);
}

/* R3, M35: two certificates for one slot: stop and say so, never mend. */
static void test_second_certificate(void **state)
{
    (void)state;
    begin(NULL, NULL);
    decide(1, 500);
    uint32_t victim = node_at(1);
    c.config.byzantine = 0xf; /* the checkers look away: more than f have lied */
    struct signature room[4];
    struct hash digest = {.bytes = {1}};
    struct bft_message m = {.tag = BFT_MESSAGE_CERT, .cert = forge(1, &digest, 4, room)};
    cluster_inject(&c, node_at(2), victim, &m);
    cluster_run(&c, 5);
    assert_int_equal(c.nodes[victim].alarms, 1);
    assert_false(cluster_info(&c, victim).voting);
}

/* R5: a state that differs from the certified one: the replica stops voting. */
static void test_state_differs(void **state)
{
    (void)state;
    begin(NULL, NULL);
    uint32_t victim = node_at(1);
    c.config.byzantine = 1ull << victim;
    c.nodes[victim].ledger.root.bytes[0] ^= 1; /* a broken memory */
    for (uint32_t i = 0; i < 20; i++)
        decide(1, 1000);
    cluster_run(&c, 1000);
    assert_int_equal(c.nodes[victim].alarms, 1);
    assert_false(cluster_info(&c, victim).voting);
    assert_int_equal(cluster_info(&c, victim).executed, BFT_CHECKPOINT_INTERVAL);
}

/* R1, M36: only the scheduled leader proposes. */
static void test_wrong_leader(void **state)
{
    (void)state;
    begin(NULL, NULL);
    uint32_t liar = node_at(1);
    struct bft_message m = {.tag = BFT_MESSAGE_PROPOSE};
    m.propose.seq = 1;
    struct bft_statement st = {.type = BFT_TYPE_PROPOSE, .seq = 1};
    for (uint32_t named = 0; named < 4; named++) {
        m.propose.signer = (uint16_t)named;
        m.propose.signature = cluster_sign(&c, liar, &st);
        for (uint32_t i = 0; i < 4; i++)
            if (i != liar)
                cluster_inject(&c, liar, i, &m);
    }
    cluster_run(&c, 50);
    for (uint32_t i = 0; i < VOTES_MAX; i++)
        assert_false(c.votes[i].used);
}

/* R13, P9, M31: a leader that serves all but one does not keep its place. */
static void test_censorship(void **state)
{
    (void)state;
    begin(NULL, NULL);
    uint32_t liar = node_at(0);
    c.config.byzantine = 1ull << liar;
    c.config.censored = 1;
    cluster_submit(&c, 1);
    for (uint32_t i = 0; i < 50; i++) { /* 1.5 s of other work, less than a rotation */
        cluster_submit(&c, 1);
        cluster_run(&c, 30);
    }
    assert_true(c.nodes[node_at(1)].ledger.done[0]);
    assert_true(cluster_info(&c, node_at(1)).view >= 1);
}

/* R13, M30: after four failed views one executed segment takes the wait from
 * sixteen seconds to eight, not to one. */
static bool no_new_view(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                        struct span bytes)
{
    (void)to, (void)bytes;
    if (m->tag == BFT_MESSAGE_PROPOSE && from == *(uint32_t *)w->config.hook_state)
        return false;
    return m->tag != BFT_MESSAGE_NEW_VIEW || m->new_view.body.view >= 4;
}

static void test_back_off_falls_slowly(void **state)
{
    (void)state;
    uint32_t slow = BFT_ALL;
    begin(no_new_view, &slow);
    cluster_crash(&c, node_at(0));
    cluster_submit(&c, 1);
    assert_true(cluster_run_until_done(&c, 60000));         /* views 1, 2 and 3 fail */
    assert_int_equal(cluster_info(&c, node_at(1)).view, 5); /* 4 is the dead one's */
    cluster_restart(&c, node_at(0));
    for (uint32_t i = 0; i < 20; i++)
        decide(1, 20000);
    uint64_t before = c.now_us;
    slow = node_at(5); /* it is heard, so it is given the time that it may need */
    decide(1, 60000);
    assert_true(c.now_us - before > 7000000);
}

/* R15: votes that were lost come again with the next status: no view change. */
/* R11: a NEW-VIEW is its leader's alone.  Everybody gets the true body, and in place of
 * the leader another member stands and signs for it. */
static bool in_its_place(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                         struct span bytes)
{
    (void)from, (void)bytes;
    uint32_t usurper = *(uint32_t *)w->config.hook_state;
    if (m->tag != BFT_MESSAGE_NEW_VIEW || from == usurper)
        return true;
    struct bft_message other = *m;
    uint16_t seat = 0;
    while (cluster_node_of(w, 0, seat) != usurper)
        seat++;
    struct room room = {arena_raw(&w->world, BFT_NEW_VIEW_BODY_SIZE_MAX),
                        BFT_NEW_VIEW_BODY_SIZE_MAX};
    struct bft_statement st = {.type = BFT_TYPE_NEW_VIEW, .view = m->new_view.body.view};
    st.digest = hash_tagged("PLTFNEWV", bft_new_view_body_encode(&m->new_view.body, room));
    other.new_view.signer = seat;
    other.new_view.signature = cluster_sign(w, usurper, &st);
    if (to != usurper)
        cluster_inject(w, usurper, to, &other);
    return false;
}

static void test_new_view_of_another(void **state)
{
    (void)state;
    uint32_t usurper = 0;
    begin(in_its_place, &usurper);
    usurper = node_at(2);
    c.config.byzantine = 1ull << usurper;
    cluster_crash(&c, node_at(0));
    cluster_submit(&c, 1);
    cluster_run(&c, 1900); /* they want view 1, and its leader alone is in it */
    assert_int_equal(cluster_info(&c, node_at(1)).view, 1);
    assert_int_equal(cluster_info(&c, node_at(3)).view, 0);
}

static bool lose_votes(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                       struct span bytes)
{
    (void)from, (void)to, (void)bytes;
    return m->tag != BFT_MESSAGE_VOTE || *(bool *)w->config.hook_state == false;
}

static void test_lost_votes(void **state)
{
    (void)state;
    bool lose = true;
    begin(lose_votes, &lose);
    cluster_crash(&c, node_at(2)); /* the other three are just a QUORUM */
    cluster_submit(&c, 1);
    cluster_run(&c, 20);
    lose = false;
    assert_true(cluster_run_until_done(&c, 900));
    assert_int_equal(cluster_info(&c, node_at(0)).view, 0);
}

/* R1: a payload that a replica cannot judge yet gets no vote, and is asked about
 * again with the next status. */
static void test_payload_waits(void **state)
{
    (void)state;
    begin(NULL, NULL);
    c.config.wait_percent = 100;
    cluster_submit(&c, 1);
    cluster_run(&c, 200);
    for (uint32_t i = 0; i < VOTES_MAX; i++)
        assert_true(!c.votes[i].used || c.votes[i].node == node_at(0));
    c.config.wait_percent = 0;
    assert_true(cluster_run_until_done(&c, 700));
    assert_int_equal(cluster_info(&c, node_at(0)).view, 0);
}

/* R18: the signer's guard refuses; what it refuses is as good as lost. */
static void test_refused_signature(void **state)
{
    (void)state;
    begin(NULL, NULL);
    struct node *n = &c.nodes[node_at(1)];
    n->refuse = true; /* its guard says no to everything */
    for (uint32_t i = 0; i < 20; i++)
        decide(1, 1000); /* the other three are a QUORUM */
    assert_true(cluster_info(&c, node_at(1)).refused > 0);
    n->refuse = false;
    cluster_crash(&c, node_at(2));
    decide(3, 5000);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_teardown(test_forged_decided, end),
        cmocka_unit_test_teardown(test_decided_while_its_batch_is_waited_for, end),
        cmocka_unit_test_teardown(test_second_certificate, end),
        cmocka_unit_test_teardown(test_state_differs, end),
        cmocka_unit_test_teardown(test_wrong_leader, end),
        cmocka_unit_test_teardown(test_censorship, end),
        cmocka_unit_test_teardown(test_back_off_falls_slowly, end),
        cmocka_unit_test_teardown(test_new_view_of_another, end),
        cmocka_unit_test_teardown(test_lost_votes, end),
        cmocka_unit_test_teardown(test_payload_waits, end),
        cmocka_unit_test_teardown(test_refused_signature, end),
    };
    return cmocka_run_group_tests_name("bft_guard", all, NULL, NULL);
}
