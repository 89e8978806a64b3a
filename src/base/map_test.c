#include "base/test.h"
#include "base/map.h"
#include "base/prng.h"

enum { KEYS = 512, CAPACITY = 200 };

/* Against a plain array: the same answers over many random operations, with so
 * many keys that the map is often full and its probe runs are long. */
static void test_agrees_with_a_plain_table(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_int_equal(arena_open(&a, 1 << 20), ERR_OK);
    struct map m;
    assert_int_equal(map_init(&m, &a, sizeof(uint64_t), CAPACITY, (struct map_seed){1, 2}), ERR_OK);
    uint32_t model[KEYS];
    memset(model, 0xff, sizeof model);
    struct prng p;
    prng_init(&p, 7);
    for (uint32_t i = 0; i < 200000; i++) {
        uint64_t key = prng_below(&p, KEYS);
        if (prng_chance(&p, 3, 5)) {
            bool full = m.count == CAPACITY && model[key] == MAP_NONE;
            assert_int_equal(map_put(&m, &key, i), full ? ERR_FULL : ERR_OK);
            if (!full)
                model[key] = i;
        } else {
            assert_int_equal(map_remove(&m, &key), model[key] != MAP_NONE);
            model[key] = MAP_NONE;
        }
        key = prng_below(&p, KEYS);
        assert_int_equal(map_get(&m, &key), model[key]);
    }
    uint32_t count = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        assert_int_equal(map_get(&m, &key), model[key]);
        count += model[key] != MAP_NONE;
    }
    assert_int_equal(count, m.count);
    map_clear(&m);
    assert_int_equal(m.count, 0);
    arena_close(&a);
}

static void test_says_when_its_memory_does_not_fit(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_int_equal(arena_open(&a, 64), ERR_OK);
    struct map m;
    assert_int_equal(map_init(&m, &a, 32, 100, (struct map_seed){1, 2}), ERR_NO_MEMORY);
    arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_agrees_with_a_plain_table),
        cmocka_unit_test(test_says_when_its_memory_does_not_fit),
    };
    return cmocka_run_group_tests_name("map", all, NULL, NULL);
}
