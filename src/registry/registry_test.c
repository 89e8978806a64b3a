#include "registry/registry.h"

#include "base/test.h"

static struct op_challenge_register good_body(void)
{
    return (struct op_challenge_register){.name = SPAN_LITERAL("tsp"),
                                          .module_size = 1,
                                          .share = 1,
                                          .policy = {.gas = 1,
                                                     .wall_ms = 1,
                                                     .memory_pages = 1,
                                                     .stack_bytes = 1,
                                                     .input_bytes = 1,
                                                     .output_bytes = 1,
                                                     .join = POLICY_JOIN_DETERMINISTIC,
                                                     .reveal_after = 1}};
}

static struct hotkey key(uint8_t x)
{
    struct hotkey k = {{x}};
    return k;
}

static void every_cap_is_asked_for(void **state)
{
    (void)state;
    struct op_challenge_register b = good_body();
    assert_true(registry_body_ok(&b));
#define REFUSED(field, value)                                                                      \
    do {                                                                                           \
        b = good_body();                                                                           \
        b.field = value;                                                                           \
        assert_false(registry_body_ok(&b));                                                        \
    } while (0)
    REFUSED(name.len, 0);
    REFUSED(share, 0);
    REFUSED(share, 10001);
    REFUSED(module_size, 0);
    REFUSED(module_size, REGISTRY_MODULE_SIZE_MAX + 1);
    REFUSED(policy.gas, 0);
    REFUSED(policy.wall_ms, 0);
    REFUSED(policy.wall_ms, REGISTRY_WALL_MS_MAX + 1);
    REFUSED(policy.memory_pages, 0);
    REFUSED(policy.memory_pages, REGISTRY_MEMORY_PAGES_MAX + 1);
    REFUSED(policy.stack_bytes, 0);
    REFUSED(policy.input_bytes, 0);
    REFUSED(policy.input_bytes, REGISTRY_INPUT_SIZE_MAX + 1);
    REFUSED(policy.output_bytes, 0);
    REFUSED(policy.host_functions, 32);
    REFUSED(policy.reveal_after, 0);
    REFUSED(policy.reveal_after, REGISTRY_REVEAL_AFTER_MAX + 1);
}

/* Each phase against each step. */
static void only_the_drawn_steps_are_taken(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 1 << 16), ERR_OK);
    for (enum challenge_phase p = CHALLENGE_PHASE_REGISTERED; p <= CHALLENGE_PHASE_RETIRED; p++) {
        struct state_challenge start = {.phase = p, .height = 3}, c = start;
        struct hotkey k = key(1);
        enum reject ok = REJECT_NONE, no = REJECT_CHALLENGE_STATE;
        assert_int_equal(registry_approve(&c, &k, &arena),
                         p == CHALLENGE_PHASE_REGISTERED ? ok : no);
        c = start;
        assert_int_equal(registry_activate(&c, 9, 5, 1), p == CHALLENGE_PHASE_APPROVED ? ok : no);
        assert_int_equal(c.phase, p == CHALLENGE_PHASE_APPROVED ? CHALLENGE_PHASE_ACTIVE : p);
        c = start;
        assert_int_equal(registry_retire(&c, 5, 1), p == CHALLENGE_PHASE_RETIRED ? no : ok);
        assert_int_equal(c.phase, CHALLENGE_PHASE_RETIRED);
        c = start;
        assert_int_equal(registry_settle(&c, true, 1), p == CHALLENGE_PHASE_REGISTERED);
        c = start;
        assert_false(registry_settle(&c, false, 1));
        assert_int_equal(c.phase, p);
        assert_int_equal(registry_is_open(&start, 3), p == CHALLENGE_PHASE_ACTIVE);
        assert_false(registry_is_open(&start, 2));
    }
    struct state_challenge c = {.phase = CHALLENGE_PHASE_APPROVED};
    assert_int_equal(registry_activate(&c, 2, 5, 1), REJECT_NONE);
    assert_int_equal(c.height, 6); /* a height that has passed: the next slot */
    arena_close(&arena);
}

static void approvals_are_of_hotkeys(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 1 << 16), ERR_OK);
    struct state_challenge c = {.phase = CHALLENGE_PHASE_REGISTERED};
    static const uint8_t order[] = {5, 1, 9, 3};
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        struct hotkey k = key(order[i]);
        assert_int_equal(registry_approve(&c, &k, &arena), REJECT_NONE);
        assert_int_equal(registry_approve(&c, &k, &arena), REJECT_DUPLICATE);
    }
    static const uint8_t sorted[] = {1, 3, 5, 9};
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(c.approvals[i].bytes[0], sorted[i]);
    /* Members 2, 3, 9: two of them approved, at places 1 and 2. */
    const struct valset_member members[] = {
        {.hotkey = key(2)}, {.hotkey = key(3)}, {.hotkey = key(9)}};
    const struct valset set = {.members = members, .members_count = 3};
    uint8_t bits[BFT_BITMAP_SIZE];
    registry_approvals(&c, &set, bits);
    assert_int_equal(bits[0], 6);
    arena_close(&arena);
}

/* Members of many sets may approve in turn; the list has an end. */
static void approvals_are_bounded(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 4 << 20), ERR_OK);
    struct state_challenge c = {.phase = CHALLENGE_PHASE_REGISTERED};
    for (uint32_t i = 0; i <= VALIDATORS_MAX; i++) {
        struct hotkey k = {.bytes = {(uint8_t)(i >> 8), (uint8_t)i}};
        assert_int_equal(registry_approve(&c, &k, &arena),
                         i < VALIDATORS_MAX ? REJECT_NONE : REJECT_LIMIT);
    }
    arena_close(&arena);
}

static void the_id_is_of_the_whole_body(void **state)
{
    (void)state;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 1 << 18), ERR_OK);
    struct op_challenge_register a = good_body(), b = good_body();
    struct hash x = registry_challenge_id(&a, &arena), y = registry_challenge_id(&b, &arena);
    assert_memory_equal(&x, &y, sizeof x);
    b.policy.reveal_after++;
    y = registry_challenge_id(&b, &arena);
    assert_memory_not_equal(&x, &y, sizeof x);
    x = registry_policy_hash(&a.policy);
    y = registry_policy_hash(&b.policy);
    assert_memory_not_equal(&x, &y, sizeof x);
    assert_int_equal(arena.used, 0);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cap_is_asked_for),
        cmocka_unit_test(only_the_drawn_steps_are_taken),
        cmocka_unit_test(approvals_are_of_hotkeys),
        cmocka_unit_test(approvals_are_bounded),
        cmocka_unit_test(the_id_is_of_the_whole_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
