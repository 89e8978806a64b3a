/* Crashes, silence, partitions, restarts: replicas that fail, none that lies. */
#include "base/test.h"

#include "bft/cluster_test.h"

static struct cluster c;

static struct cluster_config four(void)
{
    return (struct cluster_config){.seed = 7,
                                   .nodes = 4,
                                   .members = 4,
                                   .delay_min_us = 200,
                                   .delay_max_us = 900,
                                   .flush_us = 1000,
                                   .timeout_ms = 1000,
                                   .status_ms = 500};
}

static void begin(const struct cluster_config *g)
{
    cluster_open(&c, g);
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

static uint64_t decide_ms(uint32_t ops, uint32_t ms_max)
{
    uint64_t before = c.now_us;
    cluster_submit(&c, ops);
    assert_true(cluster_run_until_done(&c, ms_max));
    return (c.now_us - before) / 1000;
}

static uint32_t another(uint32_t node)
{
    return (node + 1) % c.config.nodes;
}

/* R7-R11, R13: the gap after the leader's death is one timeout and a little, and
 * the dead one costs nothing more while it is dead, planned rotation included. */
static void test_dead_leader_costs_one_timeout(void **state)
{
    (void)state;
    struct cluster_config g = four();
    begin(&g);
    decide_ms(1, 100);
    uint32_t dead = cluster_leader(&c);
    cluster_crash(&c, dead);
    uint64_t gap = decide_ms(1, 1500);
    assert_in_range(gap, 1000, 1100);
    for (uint32_t i = 0; i < 300; i++) { /* four rotations and more */
        assert_in_range(decide_ms(1, 1000), 0, 60);
        cluster_run(&c, 100);
    }
    uint64_t views = 0;
    for (uint32_t i = 0; i < 4; i++)
        if (i != dead)
            views = max_u64(views, cluster_info(&c, i).views_changed);
    assert_true(views >= 4);
}

/* The same when the death closes connections, as a killed process does, and with
 * epochs that end: half a timeout, and not again while the dead one is dead,
 * neither by rotation nor when an epoch would begin with it. */
static void test_leader_that_is_gone(void **state)
{
    (void)state;
    struct cluster_config g = four();
    g.closes = true;
    g.epoch_segments = 2;
    begin(&g);
    decide_ms(1, 100);
    uint32_t dead = cluster_leader(&c), other = another(dead), first = 0;
    cluster_crash(&c, dead);
    assert_in_range(decide_ms(1, 1500), 500, 600);
    uint64_t epoch = cluster_info(&c, other).epoch;
    for (uint32_t i = 0; i < 400; i++) {
        assert_in_range(decide_ms(1, 1000), 0, 150);
        cluster_run(&c, 50);
        struct bft_view_info info = cluster_info(&c, other);
        first += info.epoch > epoch &&
                 cluster_node_of(&c, info.epoch, bft_leader(&c.sets[info.epoch], 0)) == dead;
        epoch = info.epoch;
    }
    assert_true(epoch >= 10);
    assert_true(first >= 2); /* epochs that would have begun with it */
}

/* Slots that only time asks for come one by one, at their pace, and while they
 * come nobody is suspected. */
static void test_filling_is_paced(void **state)
{
    (void)state;
    struct cluster_config g = four();
    g.fill = true;
    g.fill_pause_ms = 100;
    begin(&g);
    uint64_t before = cluster_info(&c, 0).executed;
    cluster_run(&c, 10000);
    assert_in_range(cluster_info(&c, 0).executed - before, 90, 101);
    assert_int_equal(cluster_info(&c, 0).view, 1); /* the planned rotation */
    for (uint32_t i = 0; i < 20; i++)
        assert_in_range(decide_ms(1, 1000), 0, 30); /* operations do not wait for the pace */
    cluster_crash(&c, cluster_leader(&c));
    before = c.decided_max;
    cluster_run(&c, 1500);
    assert_true(c.decided_max > before);
}

/* A replica whose machine slept through a timeout reads what came meanwhile
 * before it suspects anybody. */
static void test_sleeper_suspects_nobody(void **state)
{
    (void)state;
    struct cluster_config g = four();
    begin(&g);
    decide_ms(1, 100);
    uint32_t sleeper = another(cluster_leader(&c));
    cluster_isolate(&c, sleeper, true);
    cluster_submit(&c, 1); /* told to all: the sleeper knows that it waits */
    cluster_run(&c, 10);
    c.nodes[sleeper].wake_us = UINT64_MAX;
    cluster_run(&c, 3000);
    cluster_isolate(&c, sleeper, false);
    struct bft_event tick = {.kind = BFT_EV_TICK};
    cluster_step(&c, sleeper, &tick);
    assert_true(cluster_info(&c, sleeper).normal);
    cluster_run(&c, 900);
    assert_true(cluster_info(&c, sleeper).normal);
    assert_int_equal(cluster_info(&c, sleeper).executed, c.decided_max);
    assert_int_equal(cluster_info(&c, sleeper).view, 0);
}

/* R9, R13: two of four are gone: nothing is decided, nobody runs ahead; back
 * again: all goes on. */
static void test_no_quorum_then_again(void **state)
{
    (void)state;
    struct cluster_config g = four();
    begin(&g);
    decide_ms(3, 200);
    uint64_t decided = c.decided_max;
    cluster_crash(&c, 2);
    cluster_crash(&c, 3);
    cluster_submit(&c, 2);
    cluster_run(&c, 60000);
    assert_int_equal(c.decided_max, decided);
    assert_false(cluster_info(&c, 0).has_quorum);
    assert_true(cluster_info(&c, 0).view <= 1);
    cluster_restart(&c, 2);
    assert_true(cluster_run_until_done(&c, 10000));
    assert_true(cluster_info(&c, 0).has_quorum);
    cluster_restart(&c, 3);
    assert_true(cluster_run_until_executed(&c, c.decided_max, 3000));
}

/* R15: whatever was lost comes again, without a view change. */
static void test_losses_are_made_good(void **state)
{
    (void)state;
    struct cluster_config g = four();
    begin(&g);
    for (uint32_t victim = 0; victim < 4; victim++) {
        if (victim == cluster_leader(&c))
            continue;
        cluster_isolate(&c, victim, true);
        cluster_submit(&c, 1);
        cluster_run(&c, 50);
        cluster_isolate(&c, victim, false);
        assert_true(cluster_run_until_done(&c, 900));
    }
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(cluster_info(&c, i).view, 0);
}

/* R4, U11: votes come before the proposal and count at once. */
static bool hold_propose(struct cluster *w, uint32_t from, uint32_t to, const struct bft_message *m,
                         struct span bytes)
{
    (void)w, (void)from, (void)bytes;
    return m->tag != BFT_MESSAGE_PROPOSE || to != *(uint32_t *)w->config.hook_state;
}

static void test_votes_before_the_proposal(void **state)
{
    (void)state;
    struct cluster_config g = four();
    uint32_t victim = 0;
    g.hook = hold_propose;
    g.hook_state = &victim;
    begin(&g);
    uint32_t leader = cluster_leader(&c);
    victim = another(leader);
    c.config.byzantine = 1ull << leader; /* it withholds the proposal from one */
    cluster_submit(&c, 1);
    cluster_run(&c, 20);
    /* The others have decided; their COMMITs decided here too, and the payload
     * was asked for (R3). */
    assert_int_equal(c.nodes[victim].ledger.executed, 1);
}

/* R5, R6: slot 17 may be prepared, but it is not executed before 16 is stable. */
static void test_execution_waits_at_a_checkpoint(void **state)
{
    (void)state;
    struct cluster_config g = four();
    g.pipeline = 4;
    begin(&g);
    for (uint32_t i = 0; i < 40; i++) {
        cluster_submit(&c, 3);
        cluster_run(&c, 2);
        for (uint32_t n = 0; n < 4; n++) {
            struct bft_view_info info = cluster_info(&c, n);
            assert_true(info.executed - info.stable <= BFT_CHECKPOINT_INTERVAL);
        }
    }
    assert_true(cluster_run_until_done(&c, 1000));
    assert_true(c.decided_max >= 20);
}

/* R14: after four segments another leads; nobody waited for a timer. */
static void test_rotation(void **state)
{
    (void)state;
    struct cluster_config g = four();
    begin(&g);
    uint32_t first = cluster_leader(&c);
    for (uint32_t i = 0; i < 100; i++)
        assert_in_range(decide_ms(1, 1000), 0, 60);
    assert_int_not_equal(cluster_leader(&c), first);
    assert_int_equal(cluster_info(&c, 0).view, 1);
}

/* R16, R18: a disk that is empty: all slots come from the others with their
 * proofs; it votes again only in an epoch whose set is younger than its loss. */
static void test_wiped_replica(void **state)
{
    (void)state;
    struct cluster_config g = four();
    g.epoch_segments = 2;
    begin(&g);
    while (cluster_info(&c, 0).epoch < 2)
        decide_ms(2, 3000);
    uint32_t victim = another(cluster_leader(&c));
    cluster_wipe(&c, victim);
    cluster_restart(&c, victim);
    uint64_t epoch = cluster_info(&c, another(victim)).epoch;
    assert_true(cluster_run_until_executed(&c, c.decided_max, 5000));
    assert_int_equal(cluster_info(&c, victim).epoch, epoch);
    assert_false(cluster_info(&c, victim).voting);
    while (cluster_info(&c, victim).epoch == epoch)
        decide_ms(2, 3000);
    assert_true(cluster_info(&c, victim).voting);
    cluster_crash(&c, another(victim)); /* now its vote is needed */
    decide_ms(3, 5000);
}

/* R17: members come and go; the one that left follows, the one that comes votes. */
static void test_handover(void **state)
{
    (void)state;
    struct cluster_config g = four();
    g.nodes = 6;
    g.epoch_segments = 1;
    begin(&g);
    while (cluster_info(&c, 0).epoch < 7)
        decide_ms(1, 3000);
    assert_true(cluster_run_until_executed(&c, 112, 3000)); /* the outsiders, too */
    uint32_t members = 0;
    for (uint32_t i = 0; i < 6; i++)
        members += cluster_info(&c, i).voting;
    assert_int_equal(members, 4);
}

/* R17: an epoch that is due ends although nobody submits anything. */
static void test_idle_epochs_end(void **state)
{
    (void)state;
    struct cluster_config g = four();
    g.epoch_segments = 1;
    begin(&g);
    cluster_run(&c, 4000);
    assert_true(cluster_info(&c, 0).epoch >= 3);
}

/* R18: one replica crashes at every single effect of its first two hundred, comes
 * back from its disk, and the others and it go on. */
static void crash_at(uint32_t role, uint32_t effect)
{
    struct cluster_config g = four();
    g.seed = effect;
    cluster_reopen(&c, &g);
    uint32_t node = role == 0 ? cluster_leader(&c) : another(cluster_leader(&c));
    c.nodes[node].crash_at = effect;
    cluster_run(&c, 10);
    for (uint32_t i = 0; i < 3; i++) {
        cluster_submit(&c, 2);
        cluster_run(&c, 6);
    }
    cluster_run(&c, 30);
    cluster_restart(&c, node);
    cluster_submit(&c, 2);
    assert_true(cluster_run_until_done(&c, 10000));
}

static void test_crash_at_every_effect(void **state)
{
    (void)state;
    struct cluster_config g = four();
    begin(&g);
    for (uint32_t effect = 1; effect <= 60; effect++)
        for (uint32_t role = 0; role < 2; role++)
            crash_at(role, effect);
}

/* R7, P2: the whole network loses power at once in the middle of everything. */
static void test_power_loss(void **state)
{
    (void)state;
    struct cluster_config g = four();
    begin(&g);
    for (uint32_t round = 0; round < 40; round++) {
        cluster_submit(&c, 4);
        cluster_run(&c, 1 + round % 9);
        for (uint32_t i = 0; i < 4; i++)
            cluster_crash(&c, i);
        for (uint32_t i = 0; i < 4; i++)
            cluster_restart(&c, i);
    }
    assert_true(cluster_run_until_done(&c, 10000));
}

/* R13: while nothing can be decided, the waits grow: the views of an hour are few. */
static void test_back_off(void **state)
{
    (void)state;
    struct cluster_config g = four();
    g.loss_percent = 70;
    begin(&g);
    cluster_submit(&c, 1);
    cluster_run(&c, 600000);
    for (uint32_t i = 0; i < 4; i++)
        assert_true(cluster_info(&c, i).view < 40);
    cluster_heal(&c);
    assert_true(cluster_run_until_done(&c, 120000));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_teardown(test_dead_leader_costs_one_timeout, end),
        cmocka_unit_test_teardown(test_leader_that_is_gone, end),
        cmocka_unit_test_teardown(test_filling_is_paced, end),
        cmocka_unit_test_teardown(test_sleeper_suspects_nobody, end),
        cmocka_unit_test_teardown(test_no_quorum_then_again, end),
        cmocka_unit_test_teardown(test_losses_are_made_good, end),
        cmocka_unit_test_teardown(test_votes_before_the_proposal, end),
        cmocka_unit_test_teardown(test_execution_waits_at_a_checkpoint, end),
        cmocka_unit_test_teardown(test_rotation, end),
        cmocka_unit_test_teardown(test_wiped_replica, end),
        cmocka_unit_test_teardown(test_handover, end),
        cmocka_unit_test_teardown(test_idle_epochs_end, end),
        cmocka_unit_test_teardown(test_crash_at_every_effect, end),
        cmocka_unit_test_teardown(test_power_loss, end),
        cmocka_unit_test_teardown(test_back_off, end),
    };
    return cmocka_run_group_tests_name("bft_fault", all, NULL, NULL);
}
