#include "base/test.h"
#include "base/arena.h"

static void test_blocks_are_zeroed_aligned_and_bounded(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_int_equal(arena_open(&a, 100), ERR_OK);
    memset(arena_alloc(&a, 100), 0xff, 100);
    arena_reset(&a, 0);
    uint8_t *first = arena_alloc(&a, 1);
    uint8_t *second = arena_alloc(&a, 10);
    assert_int_equal((uintptr_t)first % ARENA_ALIGN, 0);
    assert_ptr_equal(second, first + ARENA_ALIGN);
    assert_int_equal(second[0] | second[9], 0);
    assert_null(arena_alloc(&a, 100));
    assert_null(arena_array(&a, SIZE_MAX, 2));
    assert_non_null(arena_alloc(&a, 64));
    assert_null(arena_alloc(&a, 5));
    arena_close(&a);
}

static void test_reset_gives_back_what_came_after_the_mark(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_int_equal(arena_open(&a, 256), ERR_OK);
    struct span kept = arena_copy(&a, SPAN_LITERAL("kept"));
    size_t mark = arena_mark(&a);
    void *block = arena_alloc(&a, 32);
    arena_reset(&a, mark);
    assert_ptr_equal(arena_alloc(&a, 32), block);
    assert_true(span_equal(kept, SPAN_LITERAL("kept")));
    assert_true(a.peak >= a.used);
    arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_blocks_are_zeroed_aligned_and_bounded),
        cmocka_unit_test(test_reset_gives_back_what_came_after_the_mark),
    };
    return cmocka_run_group_tests_name("arena", all, NULL, NULL);
}
