#include "base/prng.h"
#include "base/test.h"
#include "epoch/epoch.h"

enum { TAO = 1000000000 };

static struct epoch_neuron neuron(uint16_t number, bool permit, uint64_t stake)
{
    struct epoch_neuron n = {.uid = number, .permit = permit, .stake = {stake}};
    n.hotkey.bytes[0] = (uint8_t)(number >> 8);
    n.hotkey.bytes[1] = (uint8_t)number;
    return n;
}

static void members_have_permit_and_stake(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 1 << 20), ERR_OK);
    const struct stake minimum = {1000ull * TAO};
    const struct epoch_neuron all[] = {
        neuron(9, true, 1000ull * TAO),     neuron(2, false, 5000ull * TAO),
        neuron(3, true, 1000ull * TAO - 1), neuron(1, true, 7000ull * TAO),
        neuron(9, true, 1000ull * TAO), /* listed twice */
    };
    const struct valset_member *m;
    uint32_t count;
    assert_int_equal(epoch_members(all, COUNT_OF(all), minimum, &arena, &m, &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(m[0].uid, 1);
    assert_int_equal(m[1].uid, 9);
    assert_int_equal(m[0].stake, 7000ull * TAO);
    /* A minimum of nothing still wants one rao. */
    const struct epoch_neuron poor[] = {neuron(1, true, 0)};
    assert_int_equal(epoch_members(poor, 1, (struct stake){0}, &arena, &m, &count), ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(epoch_members(NULL, 0, minimum, &arena, &m, &count), ERR_OK);
    assert_int_equal(count, 0);
    arena_close(&arena);
}

/* Uids are given away again, so their order says nothing; of a hotkey that stands
 * on two of them the lower counts. */
static void the_order_is_that_of_hotkeys(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 1 << 20), ERR_OK);
    struct epoch_neuron all[] = {neuron(1, true, 70), neuron(2, true, 70), neuron(3, true, 70),
                                 neuron(2, true, 70)};
    static const uint16_t uids[] = {30, 25, 10, 20}, want[] = {30, 20, 10};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        all[i].uid = uids[i];
    const struct valset_member *m;
    const struct neuron *n;
    uint32_t count;
    assert_int_equal(epoch_members(all, 4, (struct stake){1}, &arena, &m, &count), ERR_OK);
    assert_int_equal(count, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(m[i].uid, want[i]);
    assert_int_equal(epoch_registered(all, 4, &arena, &n, &count), ERR_OK);
    assert_int_equal(count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(n[i].uid, want[i]);
        assert_int_equal(n[i].hotkey.bytes[1], i + 1);
    }
    arena_close(&arena);
}

/* 300 are eligible: those with the most stake, and of equal ones the lower. */
static void the_richest_256_are_members(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 1 << 20), ERR_OK);
    struct epoch_neuron all[300];
    struct prng p;
    prng_init(&p, 3);
    for (uint16_t i = 0; i < 300; i++)
        all[i] = neuron(i, true, i < 100 ? 50 : 100 + i);
    for (uint16_t i = 299; i > 0; i--) { /* in any order */
        size_t j = prng_below(&p, i + 1u);
        struct epoch_neuron t = all[i];
        all[i] = all[j];
        all[j] = t;
    }
    const struct valset_member *m;
    uint32_t count;
    assert_int_equal(epoch_members(all, 300, (struct stake){1}, &arena, &m, &count), ERR_OK);
    assert_int_equal(count, 256);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(m[i].uid, i < 56 ? i : i + 44);
    arena_close(&arena);
}

static void everybody_registered_ascends(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 1 << 20), ERR_OK);
    const struct epoch_neuron all[] = {neuron(5, false, 0), neuron(1, true, 9),
                                       neuron(5, false, 0)};
    const struct neuron *list;
    uint32_t count;
    assert_int_equal(epoch_registered(all, 3, &arena, &list, &count), ERR_OK);
    assert_int_equal(count, 2);
    assert_int_equal(list[0].uid, 1);
    assert_int_equal(list[1].uid, 5);
    static struct epoch_neuron many[NEURONS_MAX + 1];
    for (uint16_t i = 0; i <= NEURONS_MAX; i++)
        many[i] = neuron(i, false, 0);
    assert_int_equal(epoch_registered(many, NEURONS_MAX + 1, &arena, &list, &count), ERR_TOO_BIG);
    assert_int_equal(epoch_registered(many, NEURONS_MAX, &arena, &list, &count), ERR_OK);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_have_permit_and_stake),
        cmocka_unit_test(the_order_is_that_of_hotkeys),
        cmocka_unit_test(the_richest_256_are_members),
        cmocka_unit_test(everybody_registered_ascends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
