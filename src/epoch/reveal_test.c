#include "base/test.h"
#include "crypto/hash.h"
#include "epoch/epoch.h"

/* Any three of four. */
static bool three(const void *ctx, const uint8_t bits[BFT_BITMAP_SIZE])
{
    (void)ctx;
    return __builtin_popcount(bits[0]) >= 3;
}

static const struct epoch_quorum four = {.is = three, .members = 4};

static void the_window_waits_for_all_or_for_time(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 16; bits++) {
        const uint8_t committed[BFT_BITMAP_SIZE] = {(uint8_t)bits};
        unsigned count = (unsigned)__builtin_popcount(bits);
        assert_int_equal(epoch_window_is_open(&four, committed, 10, 10, 8), count == 4);
        assert_int_equal(epoch_window_is_open(&four, committed, 10, 17, 8), count == 4);
        assert_int_equal(epoch_window_is_open(&four, committed, 10, 18, 8), count >= 3);
        assert_int_equal(epoch_window_is_open(&four, committed, UINT64_MAX - 1, 1000, 8),
                         count == 4);
    }
}

static void a_quorum_that_agrees_decides(void **state)
{
    (void)state;
    struct attestation a = {.outcome = OUTCOME_OK, .score = 5}, b = a, c = a, d = a;
    b.score = 6;
    c.output.bytes[3] = 1;
    d.outcome = OUTCOME_TRAP;
    assert_true(epoch_agree(&a, &a));
    assert_false(epoch_agree(&a, &b) || epoch_agree(&a, &c) || epoch_agree(&a, &d));
    struct attestation e = a;
    e.input.bytes[0] = 1;
    assert_false(epoch_agree(&a, &e));
    e = a;
    e.gas = 99; /* how much it took is not part of what came out */
    assert_true(epoch_agree(&a, &e));

    uint8_t agreed[BFT_BITMAP_SIZE], differed[BFT_BITMAP_SIZE];
    const struct epoch_reveal split[] = {{0, &a}, {1, &b}, {2, &a}, {3, &c}};
    assert_int_equal(epoch_join(&four, split, 4, agreed, differed), 4);
    const struct epoch_reveal enough[] = {{1, &b}, {0, &a}, {2, &a}, {3, &e}};
    assert_int_equal(epoch_join(&four, enough, 3, agreed, differed), 3);
    assert_int_equal(epoch_join(&four, enough, 4, agreed, differed), 1);
    assert_int_equal(agreed[0], 1 | 4 | 8);
    assert_int_equal(differed[0], 2);
    assert_int_equal(epoch_join(&four, NULL, 0, agreed, differed), 0);
    /* Who lies about how it came out stands for nobody, wherever he stands. */
    struct attestation lies[3] = {a, a, a};
    lies[0].gas = 1;
    lies[1].engine.bytes[0] = 1;
    lies[2].transcript.bytes[0] = 1;
    for (size_t i = 0; i < 3; i++) {
        const struct epoch_reveal led[] = {{0, &lies[i]}, {1, &a}, {2, &a}};
        assert_int_equal(epoch_join(&four, led, 3, agreed, differed), 1);
        assert_int_equal(agreed[0], 1 | 2 | 4);
        const struct epoch_reveal last[] = {{0, &b}, {1, &a}, {2, &lies[i]}, {3, &a}};
        assert_int_equal(epoch_join(&four, last, 4, agreed, differed), 1);
    }
}

static bool all_of_256(const void *ctx, const uint8_t bits[BFT_BITMAP_SIZE])
{
    (void)ctx;
    unsigned count = 0;
    for (size_t i = 0; i < BFT_BITMAP_SIZE; i++)
        count += (unsigned)__builtin_popcount(bits[i]);
    return count == VALIDATORS_MAX;
}

static void every_member_has_a_place(void **state)
{
    (void)state;
    const struct epoch_quorum all = {.is = all_of_256, .members = VALIDATORS_MAX};
    const struct attestation a = {.outcome = OUTCOME_OK, .score = 5};
    struct epoch_reveal reveals[VALIDATORS_MAX];
    uint8_t agreed[BFT_BITMAP_SIZE], differed[BFT_BITMAP_SIZE];
    for (uint16_t i = 0; i < VALIDATORS_MAX; i++)
        reveals[i] = (struct epoch_reveal){i, &a};
    assert_int_equal(epoch_join(&all, reveals, VALIDATORS_MAX, agreed, differed), 0);
    assert_int_equal(epoch_join(&all, reveals, VALIDATORS_MAX - 1, agreed, differed),
                     VALIDATORS_MAX - 1);
}

static void a_commitment_hides_and_binds(void **state)
{
    (void)state;
    struct attestation a = {.outcome = OUTCOME_OK};
    struct hotkey k = {{1}}, other = {{2}};
    const uint8_t salt[32] = {7}, pepper[32] = {8};
    struct hash want = epoch_commitment(&a, salt, &k);
    uint8_t bytes[ATTESTATION_SIZE_MAX + 64];
    struct span encoded = attestation_encode(&a, (struct room){bytes, sizeof bytes});
    memcpy(bytes + encoded.len, salt, 32);
    memcpy(bytes + encoded.len + 32, k.bytes, 32);
    struct hash by_hand = hash_tagged("PLTFCOMM", span_of(bytes, encoded.len + 64));
    assert_memory_equal(&want, &by_hand, sizeof want);
    struct hash x = epoch_commitment(&a, pepper, &k), y = epoch_commitment(&a, salt, &other);
    assert_memory_not_equal(&want, &x, sizeof want);
    assert_memory_not_equal(&want, &y, sizeof want);
    a.score = 1;
    x = epoch_commitment(&a, salt, &k);
    assert_memory_not_equal(&want, &x, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_waits_for_all_or_for_time),
        cmocka_unit_test(a_quorum_that_agrees_decides),
        cmocka_unit_test(every_member_has_a_place),
        cmocka_unit_test(a_commitment_hides_and_binds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
