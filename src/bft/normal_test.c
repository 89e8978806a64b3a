#include "base/test.h"

#include "bft/cluster_test.h"

static const struct cluster_config four = {.seed = 1,
                                           .nodes = 4,
                                           .members = 4,
                                           .delay_min_us = 200,
                                           .delay_max_us = 900,
                                           .flush_us = 1000,
                                           .timeout_ms = 1000,
                                           .status_ms = 500};

static void test_one_operation(void **state)
{
    (void)state;
    struct cluster c;
    cluster_open(&c, &four);
    cluster_run(&c, 50);
    cluster_submit(&c, 1);
    uint64_t before = c.now_us;
    assert_true(cluster_run_until_done(&c, 200));
    assert_true(c.now_us - before < 8000);
    assert_int_equal(c.decided_max, 1);
    cluster_close(&c);
}

static void test_many_operations(void **state)
{
    (void)state;
    struct cluster c;
    cluster_open(&c, &four);
    for (uint32_t i = 0; i < 100; i++) {
        cluster_submit(&c, 4);
        cluster_run(&c, 5);
    }
    assert_true(cluster_run_until_done(&c, 2000));
    assert_true(c.decided_max > 64);
    assert_true(cluster_info(&c, 0).stable >= 64);
    assert_true(cluster_info(&c, 0).views_changed >= 1); /* R14 */
    cluster_close(&c);
}

/* The same with the signatures of the real network, a dead leader included. */
static void test_real_signatures(void **state)
{
    (void)state;
    struct cluster c;
    struct cluster_config g = four;
    g.real = true;
    cluster_open(&c, &g);
    for (uint32_t i = 0; i < 20; i++) {
        cluster_submit(&c, 1);
        cluster_run(&c, 10);
    }
    cluster_crash(&c, cluster_leader(&c));
    cluster_submit(&c, 1);
    assert_true(cluster_run_until_done(&c, 3000));
    assert_true(c.decided_max > BFT_CHECKPOINT_INTERVAL);
    cluster_close(&c);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_one_operation),
        cmocka_unit_test(test_many_operations),
        cmocka_unit_test(test_real_signatures),
    };
    return cmocka_run_group_tests_name("bft_normal", all, NULL, NULL);
}
