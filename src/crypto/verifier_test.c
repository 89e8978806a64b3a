#include "crypto/crypto_test.h"

#include "crypto/sr25519.h"
#include "crypto/verifier.h"

enum { KEYS = 5 };

struct world {
    struct arena arena;
    struct verifier_sr25519 *v;
    struct verifier check;
    struct hotkey keys[KEYS];
    struct signature signatures[KEYS];
};

static const struct span message = {(const uint8_t *)"what was signed", 15};

static void world_open(struct world *w, uint32_t keys, uint32_t frequent, uint32_t remembered)
{
    static const uint8_t entropy[SR25519_ENTROPY_SIZE];
    struct verifier_config config = {keys, frequent, remembered, {1, 2}};
    *w = (struct world){0};
    assert_int_equal(arena_open(&w->arena, 1 << 18), ERR_OK);
    assert_int_equal(verifier_sr25519_open(&config, &w->arena, &w->v), ERR_OK);
    w->check = verifier_sr25519_interface(w->v);
    for (uint8_t i = 0; i < KEYS; i++) {
        uint8_t seed[32] = {i};
        struct sr25519_keypair *k;
        assert_int_equal(sr25519_from_seed(span_of(seed, 32), &k), ERR_OK);
        w->keys[i] = *sr25519_public(k);
        sr25519_sign(k, message, entropy, &w->signatures[i]);
        sr25519_close(k);
    }
}

static bool holds(struct world *w, unsigned key, unsigned signature)
{
    return verifier_check(&w->check, &w->keys[key], message, &w->signatures[signature]);
}

static void test_keys_are_replaced_and_the_verdict_is_not(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 3, 0, 0);
    for (unsigned first = 0; first + 3 <= KEYS; first++) {
        assert_int_equal(verifier_sr25519_replace(w.v, w.keys + first, 3), ERR_OK);
        for (unsigned i = 0; i < KEYS; i++)
            for (unsigned j = 0; j < KEYS; j++)
                assert_int_equal(holds(&w, i, j), i == j);
    }
    struct verifier_counts c = verifier_sr25519_counts(w.v);
    assert_int_equal(c.prepared, 3 * 3 * KEYS);
    assert_int_equal(c.plain, 3 * 2 * KEYS);
    assert_int_equal(c.refused, 3 * KEYS * (KEYS - 1));
    assert_int_equal(c.remembered, 0);

    struct hotkey odd[3] = {w.keys[0], w.keys[0], {{0}}};
    assert_int_equal(verifier_sr25519_replace(w.v, odd, 3), ERR_OK);
    assert_false(verifier_check(&w.check, &odd[2], message, &w.signatures[0]));
    assert_int_equal(verifier_sr25519_counts(w.v).plain, c.plain + 1);
    assert_true(holds(&w, 0, 0));
    assert_int_equal(verifier_sr25519_counts(w.v).prepared, c.prepared + 1);
    assert_int_equal(verifier_sr25519_replace(w.v, w.keys, 4), ERR_FULL);
    arena_close(&w.arena);
}

static void test_what_held_is_remembered_in_turn(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1, 0, 2);
    for (unsigned round = 0; round < 3; round++)
        assert_true(holds(&w, 0, 0));
    assert_int_equal(verifier_sr25519_counts(w.v).remembered, 2);
    assert_int_equal(verifier_sr25519_counts(w.v).plain, 1);

    /* What did not hold is computed every time. */
    assert_false(holds(&w, 0, 1));
    assert_false(holds(&w, 0, 1));
    assert_int_equal(verifier_sr25519_counts(w.v).plain, 3);

    /* Two more push the first one out. */
    assert_true(holds(&w, 1, 1) && holds(&w, 2, 2));
    assert_true(holds(&w, 1, 1) && holds(&w, 2, 2));
    assert_int_equal(verifier_sr25519_counts(w.v).remembered, 4);
    assert_true(holds(&w, 0, 0));
    assert_int_equal(verifier_sr25519_counts(w.v).remembered, 4);
    assert_int_equal(verifier_sr25519_counts(w.v).plain, 6);

    /* Another message under the same signature is another thing. */
    assert_false(
        verifier_check(&w.check, &w.keys[0], span_of("what was Signed", 15), &w.signatures[0]));
    arena_close(&w.arena);
}

static void often(struct world *w, unsigned key)
{
    for (unsigned i = 0; i < VERIFIER_OFTEN; i++)
        assert_true(holds(w, key, key));
}

/* Room for one member and two others. */
static void test_frequent_keys_are_prepared(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1, 2, 0);
    assert_int_equal(verifier_sr25519_replace(w.v, w.keys, 1), ERR_OK);
    for (unsigned i = 0; i < 2 * VERIFIER_OFTEN; i++)
        assert_false(holds(&w, 1, 0)); /* What does not hold counts for nothing. */
    often(&w, 1);
    assert_int_equal(verifier_sr25519_counts(w.v).prepared, 0);
    assert_true(holds(&w, 1, 1));
    assert_false(holds(&w, 1, 0));
    assert_int_equal(verifier_sr25519_counts(w.v).prepared, 2);

    /* The third takes the place of the first, and the member keeps its own. */
    often(&w, 2);
    often(&w, 3);
    uint64_t prepared = verifier_sr25519_counts(w.v).prepared;
    assert_true(holds(&w, 0, 0) && holds(&w, 2, 2) && holds(&w, 3, 3));
    assert_int_equal(verifier_sr25519_counts(w.v).prepared, prepared + 3);
    assert_true(holds(&w, 1, 1));
    assert_int_equal(verifier_sr25519_counts(w.v).prepared, prepared + 3);

    /* One of them becomes the member. */
    assert_int_equal(verifier_sr25519_replace(w.v, &w.keys[3], 1), ERR_OK);
    often(&w, 1);
    often(&w, 2);
    often(&w, 4);
    prepared = verifier_sr25519_counts(w.v).prepared;
    for (unsigned i = 0; i < KEYS; i++)
        for (unsigned j = 0; j < KEYS; j++)
            assert_int_equal(holds(&w, i, j), i == j);
    assert_int_equal(verifier_sr25519_counts(w.v).prepared, prepared + 3 * KEYS);
    arena_close(&w.arena);
}

static void test_says_when_the_arena_is_too_small(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct verifier_sr25519 *v = NULL;
    for (size_t size = 256; size < 70000; size = size * 5 / 4) {
        assert_int_equal(arena_open(&arena, size), ERR_OK);
        struct verifier_config config = {4, 4, 64, {1, 2}};
        assert_int_equal(verifier_sr25519_open(&config, &arena, &v), ERR_NO_MEMORY);
        assert_null(v);
        arena_close(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_keys_are_replaced_and_the_verdict_is_not),
        cmocka_unit_test(test_what_held_is_remembered_in_turn),
        cmocka_unit_test(test_frequent_keys_are_prepared),
        cmocka_unit_test(test_says_when_the_arena_is_too_small),
    };
    return cmocka_run_group_tests_name("verifier", all, NULL, NULL);
}
