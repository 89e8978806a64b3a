#include "base/test.h"
#include "base/prng.h"

/* xoshiro256** from the state 1, 2, 3, 4: the authors' reference outputs. */
static void test_reference_sequence(void **state)
{
    (void)state;
    static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240};
    struct prng p = {{1, 2, 3, 4}};
    for (size_t i = 0; i < COUNT_OF(want); i++)
        assert_true(prng_next(&p) == want[i]);
}

static void test_below_stays_below_and_reaches_every_value(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 1);
    uint32_t seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint64_t x = prng_below(&p, 7);
        assert_true(x < 7);
        seen[x]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
}

static void test_a_split_stream_does_not_shift_its_parent(void **state)
{
    (void)state;
    struct prng a, b;
    prng_init(&a, 9);
    prng_init(&b, 9);
    struct prng one = prng_split(&a, 1), two = prng_split(&a, 2);
    assert_true(prng_next(&one) != prng_next(&two));
    assert_true(prng_next(&a) == prng_next(&b));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_reference_sequence),
        cmocka_unit_test(test_below_stays_below_and_reaches_every_value),
        cmocka_unit_test(test_a_split_stream_does_not_shift_its_parent),
    };
    return cmocka_run_group_tests_name("prng", all, NULL, NULL);
}
