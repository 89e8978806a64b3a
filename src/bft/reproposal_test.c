#include "base/test.h"

#include "bft/core.h"

static struct bft_prepared entry(uint64_t seq, uint64_t view, uint8_t digest)
{
    return (struct bft_prepared){seq, view, {.bytes = {digest}}};
}

static struct bft_signed_core core(uint64_t stable, const struct bft_prepared *p, uint32_t count)
{
    return (struct bft_signed_core){
        .core = {.view = 9, .stable = stable, .prepared = p, .prepared_count = count}};
}

/* P5: three views, three digests: the certificate of the highest view wins,
 * wherever it stands.  M14, M15. */
static void test_highest_view_wins(void **state)
{
    (void)state;
    static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                         {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (uint32_t i = 0; i < 6; i++) {
        struct bft_prepared p[3];
        struct bft_signed_core cores[3];
        for (uint32_t k = 0; k < 3; k++) {
            p[k] = entry(1, orders[i][k], (uint8_t)(10 + orders[i][k]));
            cores[k] = core(0, &p[k], 1);
        }
        struct reproposals o;
        bft_reproposals_compute(cores, 3, 0, &o);
        assert_int_equal(o.count, 1);
        assert_int_equal(o.items[0].digest.bytes[0], 12);
        assert_int_equal(o.views[0], 2);
    }
}

/* NULL where nobody has a certificate, up to the highest slot anybody claims. */
static void test_gaps_are_null(void **state)
{
    (void)state;
    struct bft_prepared a[2] = {entry(17, 3, 1), entry(20, 2, 2)};
    struct bft_prepared b[1] = {entry(18, 1, 3)};
    struct bft_signed_core cores[3] = {core(16, a, 2), core(0, b, 1), core(0, NULL, 0)};
    struct reproposals o;
    bft_reproposals_compute(cores, 3, 0, &o);
    assert_int_equal(o.low, 16);
    assert_int_equal(o.high, 20);
    assert_int_equal(o.count, 4);
    assert_int_equal(o.items[0].digest.bytes[0], 1);
    assert_int_equal(o.items[1].digest.bytes[0], 3);
    assert_true(hash_is_zero(&o.items[2].digest) && !o.claimed[2]);
    assert_int_equal(o.items[3].digest.bytes[0], 2);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(o.items[i].seq, 17 + i);
}

/* M18: min_s is the highest stable checkpoint, also one that only a certificate
 * shows. */
static void test_low_is_the_highest_stable(void **state)
{
    (void)state;
    struct bft_prepared a[1] = {entry(5, 3, 1)};
    struct bft_signed_core cores[2] = {core(0, a, 1), core(16, NULL, 0)};
    struct reproposals o;
    bft_reproposals_compute(cores, 2, 0, &o);
    assert_int_equal(o.low, 16);
    assert_int_equal(o.count, 0);
    bft_reproposals_compute(cores, 1, 32, &o);
    assert_int_equal(o.low, 32);
    assert_int_equal(o.count, 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_highest_view_wins),
        cmocka_unit_test(test_gaps_are_null),
        cmocka_unit_test(test_low_is_the_highest_stable),
    };
    return cmocka_run_group_tests_name("bft_reproposal", all, NULL, NULL);
}
