/* Replicas that lie, each in one way.  Node LIAR is Byzantine and within f: the
 * others must neither disagree nor stop. */
#include "base/test.h"

#include "bft/cluster_test.h"
#include "crypto/hash.h"

static struct cluster c;
static uint32_t liar, told;

static struct cluster_config four(cluster_hook hook)
{
    return (struct cluster_config){.seed = 3,
                                   .nodes = 4,
                                   .members = 4,
                                   .delay_min_us = 200,
                                   .delay_max_us = 900,
                                   .flush_us = 1000,
                                   .timeout_ms = 1000,
                                   .status_ms = 500,
                                   .hook = hook};
}

/* offset: the liar leads view offset. */
static void begin(cluster_hook hook, uint32_t offset)
{
    struct cluster_config g = four(hook);
    cluster_open(&c, &g);
    told = 0;
    liar = cluster_node_of(&c, 0, bft_leader(&c.sets[0], offset));
    c.config.byzantine = 1ull << liar;
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

static uint32_t convictions(void)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < 4; i++)
        most = i != liar && c.nodes[i].evidence > most ? c.nodes[i].evidence : most;
    return most;
}

static bool honest_views_are(uint64_t low, uint64_t high)
{
    for (uint32_t i = 0; i < 4; i++)
        if (i != liar && (cluster_info(&c, i).view < low || cluster_info(&c, i).view > high))
            return false;
    return true;
}

static struct bft_statement statement_of(const struct bft_propose *p)
{
    return (struct bft_statement){.type = BFT_TYPE_PROPOSE,
                                  .epoch = p->epoch,
                                  .view = p->view,
                                  .seq = p->seq,
                                  .digest = bft_payload_digest(p->payload)};
}

/* ---- E1, E2: two votes --------------------------------------------------- */

static bool two_votes(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                      struct span bytes)
{
    (void)bytes;
    if (m->tag == BFT_MESSAGE_VOTE &&
        m->vote.statement.type == *(enum bft_type *)w->config.hook_state) {
        struct bft_message other = *m;
        other.vote.statement.digest.bytes[5] ^= 1;
        other.vote.signature = cluster_sign(w, from, &other.vote.statement);
        cluster_inject(w, from, to, &other);
        told++;
    }
    return true;
}

static void test_two_votes(void **state)
{
    (void)state;
    static enum bft_type types[] = {BFT_TYPE_PREPARE, BFT_TYPE_COMMIT};
    for (uint32_t i = 0; i < 2; i++) {
        begin(two_votes, 1);
        c.config.hook_state = &types[i];
        for (uint32_t k = 0; k < 10; k++)
            decide(1, 500);
        assert_true(told > 0);
        assert_true(convictions() >= 1);
        assert_true(honest_views_are(0, 0)); /* a liar that follows stops nobody */
        end(NULL);
    }
}

/* ---- E3: two proposals --------------------------------------------------- */

static bool two_proposals(struct cluster *w, uint32_t from, uint32_t to,
                          const struct bft_message *m, struct span bytes)
{
    (void)bytes;
    if (m->tag != BFT_MESSAGE_PROPOSE || m->propose.payload.len == 0)
        return true;
    struct bft_message other = *m;
    other.propose.payload = (struct span){0};
    struct bft_statement st = statement_of(&other.propose);
    other.propose.signature = cluster_sign(w, from, &st);
    cluster_inject(w, from, to, &other);
    told++;
    return true;
}

static void test_two_proposals(void **state)
{
    (void)state;
    begin(two_proposals, 0);
    decide(1, 3000);
    assert_true(told > 0);
    assert_true(convictions() >= 1);
    assert_true(honest_views_are(1, 2));
}

/* R18: a replica that has voted and crashed knows it, when the leader comes with
 * another proposal; the checkers see to it that it signs no second vote. */
static bool no_votes(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                     struct span bytes)
{
    (void)w, (void)from, (void)to, (void)bytes;
    return m->tag != BFT_MESSAGE_VOTE;
}

static void test_restart_remembers(void **state)
{
    (void)state;
    begin(no_votes, 0);
    c.config.hook_all = true;
    cluster_submit(&c, 1);
    cluster_run(&c, 50);
    uint32_t victim = (liar + 1) % 4;
    cluster_crash(&c, victim);
    cluster_restart(&c, victim);
    struct bft_message m = {.tag = BFT_MESSAGE_PROPOSE};
    m.propose = (struct bft_propose){.seq = 1, .signer = (uint16_t)bft_leader(&c.sets[0], 0)};
    struct bft_statement st = statement_of(&m.propose);
    m.propose.signature = cluster_sign(&c, liar, &st);
    cluster_inject(&c, liar, victim, &m);
    cluster_run(&c, 50);
    assert_false(cluster_info(&c, victim).normal); /* it suspects the leader instead */
}

/* One half of the others sees one proposal, one the other: no decision in this
 * view, the next one goes on. */
static bool split_proposals(struct cluster *w, uint32_t from, uint32_t to,
                            const struct bft_message *m, struct span bytes)
{
    if (m->tag == BFT_MESSAGE_PROPOSE && to % 2 == 0) {
        (void)two_proposals(w, from, to, m, bytes);
        return false;
    }
    return m->tag != BFT_MESSAGE_STATUS;
}

static void test_split_proposals(void **state)
{
    (void)state;
    begin(split_proposals, 0);
    for (uint32_t i = 0; i < 5; i++)
        decide(2, 5000);
    assert_true(told > 0);
}

/* ---- E4, R9: view changes ------------------------------------------------ */

static bool two_view_changes(struct cluster *w, uint32_t from, uint32_t to,
                             const struct bft_message *m, struct span bytes)
{
    (void)bytes;
    if (m->tag != BFT_MESSAGE_VIEW_CHANGE)
        return true;
    struct bft_message other = *m;
    struct bft_prepared lie = {
        .seq = other.view_change.core.stable + 1, .view = 0, .digest.bytes = {1}};
    other.view_change.core.prepared = &lie;
    other.view_change.core.prepared_count = 1;
    uint8_t room[BFT_VIEW_CHANGE_CORE_SIZE_MAX];
    struct bft_statement st = {.type = BFT_TYPE_VIEW_CHANGE,
                               .epoch = other.view_change.core.epoch,
                               .view = other.view_change.core.view};
    st.digest =
        hash_tagged("PLTFVIEW", bft_view_change_core_encode(&other.view_change.core,
                                                            (struct room){room, sizeof room}));
    other.view_change.signature = cluster_sign(w, from, &st);
    cluster_inject(w, from, to, &other);
    told++;
    return w->config.hook_state == NULL; /* the lie besides, or the lie alone */
}

static void test_two_view_changes(void **state)
{
    (void)state;
    begin(two_view_changes, 2);
    cluster_crash(&c, cluster_node_of(&c, 0, bft_leader(&c.sets[0], 0)));
    cluster_submit(&c, 1);
    cluster_run(&c, 4000);
    cluster_restart(&c, cluster_node_of(&c, 0, bft_leader(&c.sets[0], 0)));
    assert_true(cluster_run_until_done(&c, 20000));
    assert_true(told > 0);
    assert_true(convictions() >= 1);
}

/* R8: a claim that no certificate backs does not enter V, so the rotation that
 * the liar takes part in with such a claim costs the others nothing. */
static void test_unbacked_claim(void **state)
{
    (void)state;
    begin(two_view_changes, 2);
    c.config.hook_state = &told; /* the lie alone */
    for (uint32_t i = 0; i < 80; i++)
        decide(1, 100);
    assert_true(told > 0);
    assert_true(honest_views_are(1, 1));
}

/* U7: one member asks for a view far away; nobody moves. */
static void test_far_view(void **state)
{
    (void)state;
    begin(NULL, 1);
    struct bft_message m = {.tag = BFT_MESSAGE_VIEW_CHANGE};
    m.view_change.core.view = 1000000;
    m.view_change.signer = (uint16_t)bft_member(&c.sets[0], &c.nodes[liar].key);
    uint8_t room[BFT_VIEW_CHANGE_CORE_SIZE_MAX];
    struct bft_statement st = {.type = BFT_TYPE_VIEW_CHANGE, .view = 1000000};
    st.digest = hash_tagged("PLTFVIEW", bft_view_change_core_encode(
                                            &m.view_change.core, (struct room){room, sizeof room}));
    m.view_change.signature = cluster_sign(&c, liar, &st);
    for (uint32_t i = 0; i < 4; i++)
        if (i != liar)
            cluster_inject(&c, liar, i, &m);
    decide(3, 500);
    assert_true(honest_views_are(0, 0));
    cluster_crash(&c, cluster_node_of(&c, 0, bft_leader(&c.sets[0], 0)));
    cluster_submit(&c, 1);
    cluster_run(&c, 5000);
    assert_true(cluster_info(&c, (liar + 1) % 4).view < 10);
}

/* ---- R10, R11: new views ------------------------------------------------- */

enum tamper {
    TAMPER_NULLS,      /* M17: NULL over a certificate */
    TAMPER_NO_CERT,    /* the P-cert left out */
    TAMPER_NO_CORE,    /* V without its last core */
    TAMPER_TWICE,      /* U4: one core repeated */
    TAMPER_NONE_FIXED, /* U3: nothing re-proposed */
    TAMPER_EMPTIED,    /* the entries taken out of a core: its signature breaks */
    TAMPER_CLAIM,      /* a higher view claimed for another digest by the liar's core */
    TAMPER_STABLE,     /* a checkpoint claimed by the liar's core that no K-cert shows */
    TAMPERS,
};

static void resign(struct cluster *w, uint32_t from, struct bft_message *m)
{
    struct room room = {arena_raw(&w->world, BFT_NEW_VIEW_BODY_SIZE_MAX),
                        BFT_NEW_VIEW_BODY_SIZE_MAX};
    struct span body = bft_new_view_body_encode(&m->new_view.body, room);
    struct bft_statement st = {.type = BFT_TYPE_NEW_VIEW,
                               .epoch = m->new_view.body.epoch,
                               .view = m->new_view.body.view,
                               .digest = hash_tagged("PLTFNEWV", body)};
    m->new_view.signature = cluster_sign(w, from, &st);
}

/* The liar's own core says something else, and it signs that. */
static void lie_in_core(struct cluster *w, uint32_t from, const struct bft_new_view_body *b,
                        struct bft_signed_core *cores, const struct bft_prepared *claim,
                        uint64_t stable)
{
    for (uint32_t i = 0; i < b->cores_count; i++) {
        if (cores[i].signer != bft_member(&w->sets[0], &w->nodes[from].key))
            continue;
        cores[i].core.prepared = claim;
        cores[i].core.prepared_count = claim != NULL;
        cores[i].core.stable = stable;
        uint8_t room[BFT_VIEW_CHANGE_CORE_SIZE_MAX];
        struct span bytes =
            bft_view_change_core_encode(&cores[i].core, (struct room){room, sizeof room});
        struct bft_statement st = {.type = BFT_TYPE_VIEW_CHANGE,
                                   .view = b->view,
                                   .digest = hash_tagged("PLTFVIEW", bytes)};
        cores[i].signature = cluster_sign(w, from, &st);
    }
}

static void tamper(struct cluster *w, uint32_t from, enum tamper how, struct bft_new_view_body *b,
                   struct bft_signed_core *cores, struct bft_reproposal *o)
{
    static struct bft_prepared claim;
    memcpy(cores, b->cores, b->cores_count * sizeof *cores);
    memcpy(o, b->reproposals, b->reproposals_count * sizeof *o);
    b->cores = cores;
    b->reproposals = o;
    switch (how) {
    case TAMPER_NULLS:
        for (uint32_t i = 0; i < b->reproposals_count; i++)
            o[i].digest = (struct hash){0};
        break;
    case TAMPER_NO_CERT:
        b->certs_count = 0;
        break;
    case TAMPER_NO_CORE:
        b->cores_count--;
        break;
    case TAMPER_TWICE:
        cores[0] = cores[1];
        break;
    case TAMPER_NONE_FIXED:
        b->reproposals_count = 0;
        b->certs_count = 0;
        break;
    case TAMPER_EMPTIED:
        for (uint32_t i = 0; i < b->cores_count; i++)
            cores[i].core.prepared_count = 0;
        b->reproposals_count = b->certs_count = 0;
        break;
    case TAMPER_CLAIM:
        claim = (struct bft_prepared){b->reproposals[0].seq, b->view - 1, {.bytes = {9}}};
        o[0].digest = claim.digest;
        lie_in_core(w, from, b, cores, &claim, 0);
        break;
    case TAMPER_STABLE:
        lie_in_core(w, from, b, cores, NULL, BFT_CHECKPOINT_INTERVAL);
        b->reproposals_count = b->certs_count = 0;
        break;
    case TAMPERS:
        break;
    }
}

static bool tampered(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                     struct span bytes)
{
    (void)bytes;
    static struct bft_signed_core cores[VALIDATORS_MAX];
    static struct bft_reproposal o[BFT_WINDOW];
    if (m->tag == BFT_MESSAGE_VOTE && m->vote.statement.type == BFT_TYPE_COMMIT &&
        m->vote.statement.view == 0)
        return false; /* of every node: so slots are prepared, not decided */
    if (m->tag != BFT_MESSAGE_NEW_VIEW || from != liar || m->new_view.body.view != 2)
        return true;
    struct bft_message other = *m;
    tamper(w, from, *(enum tamper *)w->config.hook_state, &other.new_view.body, cores, o);
    resign(w, from, &other);
    cluster_inject(w, from, to, &other);
    told++;
    return false;
}

/* A value that is prepared everywhere survives a NEW-VIEW that a liar made in
 * each of these ways: it is refused and the view after it decides that value. */
static void test_new_view_tampered(void **state)
{
    (void)state;
    for (enum tamper how = 0; how < TAMPERS; how++) {
        begin(tampered, 2);
        c.config.hook_all = true;
        c.config.hook_state = &how;
        cluster_crash(&c, cluster_node_of(&c, 0, bft_leader(&c.sets[0], 1)));
        cluster_submit(&c, 2);
        cluster_run(&c, 8000);
        for (uint32_t i = 0; i < 4; i++) /* it was looked at, and refused */
            assert_true(i == liar || !c.nodes[i].up || cluster_info(&c, i).malformed > 0);
        cluster_restart(&c, cluster_node_of(&c, 0, bft_leader(&c.sets[0], 1)));
        assert_true(cluster_run_until_done(&c, 30000));
        assert_true(told > 0);
        assert_true(honest_views_are(3, 9));
        end(NULL);
    }
}

/* U3, M12, M17: what is prepared in one view is what the next one decides. */
static bool no_commits(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                       struct span bytes)
{
    (void)w, (void)from, (void)to, (void)bytes;
    return m->tag != BFT_MESSAGE_VOTE || m->vote.statement.type != BFT_TYPE_COMMIT ||
           m->vote.statement.view != 0;
}

static void test_prepared_survives(void **state)
{
    (void)state;
    begin(no_commits, 0);
    c.config.byzantine = 0;
    c.config.hook_all = true;
    cluster_submit(&c, 1);
    cluster_run(&c, 50);
    uint32_t leader = liar;
    cluster_crash(&c, leader); /* with it goes every trace but the P-certs */
    assert_true(cluster_run_until_done(&c, 3000));
    assert_int_equal(c.decided_max, 1); /* in slot 1, and in no other */
}

/* U5: an old NEW-VIEW again: nobody goes back. */
static struct bft_message kept;
static struct span kept_bytes;

static bool keep_new_view(struct cluster *w, uint32_t from, uint32_t to,
                          const struct bft_message *m, struct span bytes)
{
    (void)w, (void)from, (void)to;
    if (m->tag == BFT_MESSAGE_NEW_VIEW && kept_bytes.len == 0)
        kept_bytes = bytes;
    return true;
}

static void test_old_new_view(void **state)
{
    (void)state;
    kept_bytes = (struct span){0};
    begin(keep_new_view, 3);
    c.config.hook_all = true;
    for (uint32_t i = 0; i < 150; i++)
        decide(1, 2000); /* two rotations */
    assert_true(kept_bytes.len > 0);
    uint64_t view = cluster_info(&c, 0).view;
    assert_true(view >= 2);
    assert_int_equal(bft_message_decode(kept_bytes, &c.world, &kept), ERR_OK);
    for (uint32_t i = 0; i < 4; i++)
        cluster_inject(&c, kept.new_view.signer, i, &kept);
    cluster_run(&c, 100);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(cluster_info(&c, i).view >= view);
    decide(1, 500);
}

/* ---- R1: what a leader may not propose ------------------------------------ */

static bool garbage(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                    struct span bytes)
{
    (void)bytes;
    if (m->tag != BFT_MESSAGE_PROPOSE)
        return true;
    struct bft_message other = *m;
    other.propose.payload = SPAN_LITERAL("not operations");
    struct bft_statement st = statement_of(&other.propose);
    other.propose.signature = cluster_sign(w, from, &st);
    cluster_inject(w, from, to, &other);
    told++;
    return false;
}

static void test_invalid_payload(void **state)
{
    (void)state;
    begin(garbage, 0);
    decide(1, 1500); /* suspicion comes at once, not after the timer */
    assert_true(told > 0);
    assert_true(honest_views_are(1, 1));
    struct hash digest = bft_payload_digest(SPAN_LITERAL("not operations"));
    for (uint32_t i = 0; i < VOTES_MAX; i++)
        assert_true(!c.votes[i].used || !hash_equal(&c.votes[i].statement.digest, &digest));
}

/* P7, M23: slots far ahead and past the barrier are not voted for. */
static void test_far_slots(void **state)
{
    (void)state;
    begin(NULL, 0);
    for (uint64_t seq = 17; seq < 60; seq++) {
        struct bft_message m = {.tag = BFT_MESSAGE_PROPOSE};
        m.propose = (struct bft_propose){.seq = seq, .signer = (uint16_t)bft_leader(&c.sets[0], 0)};
        struct bft_statement st = statement_of(&m.propose);
        m.propose.signature = cluster_sign(&c, liar, &st);
        for (uint32_t i = 0; i < 4; i++)
            if (i != liar)
                cluster_inject(&c, liar, i, &m);
    }
    cluster_run(&c, 50);
    for (uint32_t i = 0; i < VOTES_MAX; i++)
        assert_true(!c.votes[i].used || c.votes[i].statement.seq <= 16);
}

/* P8, P9, M30, M31: a leader that proposes nothing, or NULL only, is replaced. */
static bool null_only(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                      struct span bytes)
{
    (void)bytes;
    if (m->tag != BFT_MESSAGE_PROPOSE)
        return m->tag != BFT_MESSAGE_VOTE || m->vote.statement.type == BFT_TYPE_CHECKPOINT;
    struct bft_message other = *m;
    other.propose.payload = (struct span){0};
    struct bft_statement st = statement_of(&other.propose);
    other.propose.signature = cluster_sign(w, from, &st);
    cluster_inject(w, from, to, &other);
    struct bft_message vote = {.tag = BFT_MESSAGE_VOTE};
    for (enum bft_type t = BFT_TYPE_PREPARE; t <= BFT_TYPE_COMMIT; t++) {
        vote.vote.statement = st;
        vote.vote.statement.type = t;
        vote.vote.signer = other.propose.signer;
        vote.vote.signature = cluster_sign(w, from, &vote.vote.statement);
        cluster_inject(w, from, to, &vote);
    }
    told++;
    return false;
}

static void test_null_leader(void **state)
{
    (void)state;
    begin(null_only, 0);
    decide(3, 4000);
    assert_true(told > 0);
    assert_true(honest_views_are(1, 2));
}

/* R20, U1: other networks, other signers, other members' names, noise. */
static void test_noise(void **state)
{
    (void)state;
    begin(NULL, 1);
    struct prng p;
    prng_init(&p, 5);
    uint8_t room[300];
    for (uint32_t i = 0; i < 2000; i++) {
        prng_fill(&p, (struct room){room, sizeof room});
        room[0] = (uint8_t)(room[0] % 12);
        struct bft_event ev = {.kind = BFT_EV_MESSAGE,
                               .from = (uint32_t)prng_below(&p, 5),
                               .bytes = span_of(room, prng_below(&p, sizeof room))};
        cluster_step(&c, (liar + 1) % 4, &ev);
    }
    assert_true(cluster_info(&c, (liar + 1) % 4).malformed > 0);
    cluster_run(&c, 1000); /* the next status period forgives */
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote.statement = (struct bft_statement){.type = BFT_TYPE_COMMIT, .seq = 1};
    for (uint16_t signer = 0; signer < 4; signer++) {
        m.vote.signer = signer; /* three votes in others' names */
        m.vote.signature = cluster_sign(&c, liar, &m.vote.statement);
        for (uint32_t i = 0; i < 4; i++)
            if (i != liar)
                cluster_inject(&c, liar, i, &m);
    }
    cluster_run(&c, 20);
    assert_int_equal(c.decided_max, 0);
    assert_true(cluster_info(&c, (liar + 1) % 4).bad_signatures > 0);
    decide(3, 1000);
}

/* R19, M34: nobody is convicted by a signature that is not theirs. */
static void test_framing(void **state)
{
    (void)state;
    begin(NULL, 1);
    uint32_t honest = (liar + 1) % 4;
    decide(1, 500);
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote.signer = (uint16_t)bft_member(&c.sets[0], &c.nodes[honest].key);
    for (uint64_t seq = 1; seq < 6; seq++) {
        m.vote.statement =
            (struct bft_statement){.type = BFT_TYPE_PREPARE, .seq = seq, .digest.bytes = {7}};
        m.vote.signature = cluster_sign(&c, liar, &m.vote.statement);
        for (uint32_t i = 0; i < 4; i++)
            if (i != liar)
                cluster_inject(&c, liar, i, &m);
        decide(1, 1500);
    }
    assert_int_equal(convictions(), 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_teardown(test_two_votes, end),
        cmocka_unit_test_teardown(test_two_proposals, end),
        cmocka_unit_test_teardown(test_restart_remembers, end),
        cmocka_unit_test_teardown(test_split_proposals, end),
        cmocka_unit_test_teardown(test_two_view_changes, end),
        cmocka_unit_test_teardown(test_unbacked_claim, end),
        cmocka_unit_test_teardown(test_far_view, end),
        cmocka_unit_test_teardown(test_new_view_tampered, end),
        cmocka_unit_test_teardown(test_prepared_survives, end),
        cmocka_unit_test_teardown(test_old_new_view, end),
        cmocka_unit_test_teardown(test_invalid_payload, end),
        cmocka_unit_test_teardown(test_far_slots, end),
        cmocka_unit_test_teardown(test_null_leader, end),
        cmocka_unit_test_teardown(test_noise, end),
        cmocka_unit_test_teardown(test_framing, end),
    };
    return cmocka_run_group_tests_name("bft_lie", all, NULL, NULL);
}
