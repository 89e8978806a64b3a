#include "base/prng.h"
#include "base/test.h"
#include "p2p/rope.h"

enum { BLOCKS = 8 };

struct world {
    struct arena arena;
    struct rope_pool pool;
    struct rope_budget budget;
};

static void open_world(struct world *w)
{
    *w = (struct world){0};
    assert_int_equal(arena_open(&w->arena, rope_pool_size(BLOCKS)), ERR_OK);
    assert_int_equal(rope_pool_init(&w->pool, &w->arena, BLOCKS), ERR_OK);
    w->budget = (struct rope_budget){&w->pool, 0, BLOCKS * ROPE_BLOCK_SIZE};
}

static void test_bytes_come_out_in_order(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct rope r = {0};
    struct prng prng;
    prng_init(&prng, 7);
    static uint8_t in[6000], out[6000], scratch[6000];
    uint8_t next_in = 0, next_out = 0;
    for (int turn = 0; turn < 4000; turn++) {
        size_t n = prng_below(&prng, sizeof in);
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)(next_in + i);
        if (rope_append(&r, &w.budget, span_of(in, n)) == ERR_OK)
            next_in = (uint8_t)(next_in + n);
        size_t got = rope_peek(&r, (struct room){out, prng_below(&prng, sizeof out)});
        struct span view = rope_view(&r, got, (struct room){scratch, sizeof scratch});
        assert_true(span_equal(view, span_of(out, got)));
        for (size_t i = 0; i < got; i++)
            assert_int_equal(out[i], (uint8_t)(next_out + i));
        next_out = (uint8_t)(next_out + got);
        rope_drop(&r, &w.budget, got);
        assert_true(w.budget.used == (BLOCKS - w.pool.free_count) * ROPE_BLOCK_SIZE);
    }
    rope_clear(&r, &w.budget);
    assert_int_equal(w.budget.used, 0);
    assert_int_equal(w.pool.free_count, BLOCKS);
    arena_close(&w.arena);
}

static void test_full_takes_nothing(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    static uint8_t much[BLOCKS * ROPE_BLOCK_SIZE];
    struct rope r = {0};
    w.budget.max = 2 * ROPE_BLOCK_SIZE;
    assert_int_equal(rope_append(&r, &w.budget, span_of(much, 2 * ROPE_BLOCK_SIZE)), ERR_FULL);
    assert_int_equal(r.len, 0);
    assert_int_equal(rope_append(&r, &w.budget, span_of(much, ROPE_BLOCK_SIZE)), ERR_OK);
    assert_int_equal(w.budget.used, 2 * ROPE_BLOCK_SIZE);
    struct rope_budget other = {&w.pool, 0, UINT32_MAX};
    struct rope greedy = {0};
    assert_int_equal(rope_append(&greedy, &other, span_of(much, sizeof much)), ERR_FULL);
    assert_int_equal(other.used, 0);
    rope_clear(&r, &w.budget);
    arena_close(&w.arena);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_bytes_come_out_in_order),
        cmocka_unit_test(test_full_takes_nothing),
    };
    return cmocka_run_group_tests_name("rope", all, NULL, NULL);
}
