#include "base/test.h"

#include "bft/bft.h"
#include "codec/hex.h"

static void make(struct valset_member *m, const uint64_t *stakes, uint32_t n, struct valset *v)
{
    memset(m, 0, n * sizeof *m);
    for (uint32_t i = 0; i < n; i++) {
        m[i].hotkey.bytes[0] = (uint8_t)(i / 256);
        m[i].hotkey.bytes[1] = (uint8_t)(i % 256);
        m[i].stake = stakes[i];
    }
    *v = (struct valset){.members = m, .members_count = n};
}

static struct bft_set set_of(const uint64_t *stakes, uint32_t n)
{
    static struct valset_member m[VALIDATORS_MAX];
    struct valset v;
    make(m, stakes, n, &v);
    struct bft_set s;
    assert_int_equal(bft_set_init(&s, &v), ERR_OK);
    return s;
}

static struct bft_bitmap bits_of(uint32_t subset)
{
    struct bft_bitmap b = {0};
    for (uint32_t i = 0; i < 32; i++)
        if ((subset >> i & 1) != 0)
            b.bits[i / 8] = (uint8_t)(b.bits[i / 8] | 1u << (i % 8));
    return b;
}

/* The closed forms against their definitions: the smallest s with 3s > 2T, and
 * with 3s > T.  M1. */
static void stake_thresholds(uint64_t total)
{
    uint64_t stakes[4] = {1, 1, 1, total - 3};
    struct bft_set s = set_of(stakes, 4);
    unsigned __int128 t = total, q = s.quorum_stake, k = s.weak_stake;
    assert_true(3 * q > 2 * t && 3 * (q - 1) <= 2 * t);
    assert_true(3 * k > t && 3 * (k - 1) <= t);
}

static void test_stake_thresholds(void **state)
{
    (void)state;
    for (uint64_t total = 4; total < 5000; total++)
        stake_thresholds(total);
    for (uint64_t below = 0; below < 50; below++)
        stake_thresholds(((uint64_t)1 << 61) - below);
}

/* WEAK and QUORUM ask for heads and for stake, each to the last one; and a bit
 * behind the last member makes a set none. */
static void test_heads_and_stake(void **state)
{
    (void)state;
    static const uint64_t stakes[] = {1, 1, 150, 150};
    struct bft_set s = set_of(stakes, 4);
    assert_int_equal(s.weak_stake, 101);
    assert_int_equal(s.quorum_stake, 202);
    static const struct {
        uint32_t members;
        bool weak, quorum;
    } cases[] = {{3, false, false}, {4, false, false},  {5, true, false},
                 {7, true, false},  {12, true, false},  {13, true, true},
                 {15, true, true},  {31, false, false}, {16 | 5, false, false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bft_bitmap b = bits_of(cases[i].members);
        assert_true(bft_is_weak(&s, &b) == cases[i].weak);
        assert_true(bft_is_quorum(&s, &b) == cases[i].quorum);
    }
}

/* M2: two quorums share f + 1 members for every size, not only for 3f + 1. */
static void test_count_thresholds(void **state)
{
    (void)state;
    uint64_t stakes[VALIDATORS_MAX];
    for (uint32_t n = 4; n <= VALIDATORS_MAX; n++) {
        for (uint32_t i = 0; i < n; i++)
            stakes[i] = 1;
        struct bft_set s = set_of(stakes, n);
        uint32_t f = (n - 1) / 3;
        assert_true(s.quorum_count >= 2 * f + 1);
        assert_true(2 * s.quorum_count - n >= f + 1);
        assert_true(n - f >= s.quorum_count); /* f silent members do not stop it */
        assert_int_equal(s.weak_count, f + 1);
    }
}

/* Every pair of quorums of every small set shares an honest member, for every
 * set of Byzantine members with at most a third of the stake or at most f of
 * the count; and the honest part of a quorum is WEAK.  M3, M4. */
static void intersections(const uint64_t *stakes, uint32_t n)
{
    struct bft_set s = set_of(stakes, n);
    uint32_t quorums[64], count = 0;
    for (uint32_t q = 0; q < 1u << n; q++) {
        struct bft_bitmap b = bits_of(q);
        if (bft_is_quorum(&s, &b))
            quorums[count++] = q;
    }
    assert_true(count > 0);
    for (uint32_t byzantine = 0; byzantine < 1u << n; byzantine++) {
        uint64_t stake = 0;
        for (uint32_t i = 0; i < n; i++)
            stake += (byzantine >> i & 1) != 0 ? stakes[i] : 0;
        uint32_t members = (uint32_t)__builtin_popcount(byzantine);
        bool few = members <= (n - 1) / 3, poor = 3 * stake <= s.total;
        for (uint32_t i = 0; i < count; i++) {
            for (uint32_t k = 0; k < count && (few || poor); k++)
                assert_true((quorums[i] & quorums[k] & ~byzantine) != 0);
            struct bft_bitmap honest = bits_of(quorums[i] & ~byzantine);
            if (few && 3 * stake < s.total)
                assert_true(bft_is_weak(&s, &honest));
        }
        struct bft_bitmap b = bits_of(byzantine);
        assert_true(!few || !bft_is_weak(&s, &b));
    }
}

static void test_intersections(void **state)
{
    (void)state;
    for (uint32_t n = 4; n <= 6; n++) {
        uint64_t stakes[6] = {1, 1, 1, 1, 1, 1};
        static const uint64_t values[] = {1, 2, 3, 5, 9};
        for (uint32_t i = 0; i < 625; i++) {
            uint32_t rest = i;
            for (uint32_t k = 0; k < 4; k++, rest /= 5)
                stakes[k] = values[rest % 5];
            intersections(stakes, n);
        }
    }
}

/* Exactly two thirds of the stake is not more than two thirds. */
static void test_exactly_two_thirds(void **state)
{
    (void)state;
    uint64_t stakes[6] = {10, 10, 10, 10, 10, 10};
    struct bft_set s = set_of(stakes, 6);
    struct bft_bitmap four = bits_of(0x0f), five = bits_of(0x1f);
    assert_false(bft_is_quorum(&s, &four));
    assert_true(bft_is_quorum(&s, &five));
    uint64_t whale[4] = {100, 1, 1, 1};
    s = set_of(whale, 4);
    struct bft_bitmap rich = bits_of(0x1), poor = bits_of(0xe), both = bits_of(0x7);
    assert_false(bft_is_quorum(&s, &rich));
    assert_false(bft_is_quorum(&s, &poor));
    assert_true(bft_is_quorum(&s, &both));
}

static void test_foreign_bit(void **state)
{
    (void)state;
    uint64_t stakes[4] = {1, 1, 1, 1};
    struct bft_set s = set_of(stakes, 4);
    struct bft_bitmap b = bits_of(0x1f);
    assert_false(bft_is_quorum(&s, &b));
    assert_false(bft_is_weak(&s, &b));
}

static void test_sets_refused(void **state)
{
    (void)state;
    static struct valset_member m[VALIDATORS_MAX + 1];
    uint64_t stakes[4] = {1, 1, 1, 1};
    struct valset v;
    struct bft_set s;
    make(m, stakes, 4, &v);
    v.members_count = 0;
    assert_int_equal(bft_set_init(&s, &v), ERR_MALFORMED);
    v.members_count = VALIDATORS_MAX + 1;
    assert_int_equal(bft_set_init(&s, &v), ERR_MALFORMED);
    make(m, stakes, 4, &v);
    m[2].stake = 0;
    assert_int_equal(bft_set_init(&s, &v), ERR_MALFORMED);
    make(m, stakes, 4, &v);
    m[2].hotkey = m[1].hotkey; /* one key twice */
    assert_int_equal(bft_set_init(&s, &v), ERR_MALFORMED);
    make(m, stakes, 4, &v);
    m[0].hotkey.bytes[1] = 9; /* out of order */
    assert_int_equal(bft_set_init(&s, &v), ERR_MALFORMED);
    uint64_t rich[4] = {1, 1, 1, ((uint64_t)1 << 61) - 2};
    make(m, rich, 4, &v);
    assert_int_equal(bft_set_init(&s, &v), ERR_MALFORMED);
    uint64_t wraps[4] = {1, 1, UINT64_MAX, 1};
    make(m, wraps, 4, &v);
    assert_int_equal(bft_set_init(&s, &v), ERR_MALFORMED);
}

static void test_members(void **state)
{
    (void)state;
    uint64_t stakes[200];
    for (uint32_t i = 0; i < 200; i++)
        stakes[i] = 1 + i;
    struct bft_set s = set_of(stakes, 200);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(bft_member(&s, &s.set.members[i].hotkey), i);
    struct hotkey other = {.bytes = {7}};
    assert_int_equal(bft_member(&s, &other), BFT_ALL);
}

/* Leading is shared by stake and spread: each member's turns are within one of
 * its share, and equal stakes take strict turns. */
static void test_schedule(void **state)
{
    (void)state;
    uint64_t stakes[4] = {1, 2, 3, 2}, turns[4] = {0};
    struct bft_set s = set_of(stakes, 4);
    for (uint64_t v = 0; v < 8; v++)
        turns[bft_leader(&s, v)]++;
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(turns[i], stakes[i]);
    uint64_t equal[4] = {5, 5, 5, 5};
    s = set_of(equal, 4);
    for (uint64_t v = 0; v < 40; v++)
        assert_int_equal(bft_leader(&s, v), (bft_leader(&s, 0) + v) % 4);
    assert_int_equal(bft_leader(&s, UINT64_MAX), bft_leader(&s, BFT_SCHEDULE - 1));
}

static void assert_hex(const uint8_t *bytes, size_t len, const char *want)
{
    char text[2 * BFT_STATEMENT_SIZE + 1];
    assert_int_equal(strlen(want), 2 * len);
    for (size_t i = 0; i < len; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(text, want);
}

/* The bytes of docs/consensus.md section 1, from an independent encoder.  M6, M7. */
static void test_golden_bytes(void **state)
{
    (void)state;
    struct valset_member m[2] = {{.stake = 5, .uid = 7}, {.stake = 6, .uid = 8}};
    memset(m[0].hotkey.bytes, 1, 32);
    memset(m[1].hotkey.bytes, 2, 32);
    struct valset v = {.epoch = 3, .chain_block = 99, .members = m, .members_count = 2};
    memset(v.chain_hash.bytes, 9, 32);
    memset(v.owner.bytes, 4, 32);
    struct hash set = bft_valset_hash(&v);
    assert_hex(set.bytes, 32, "1db4741f080fd7d78faea43c1e578ffb11e5750bb69e347f659b125821a05b2c");

    struct bft_statement st = {
        .type = BFT_TYPE_COMMIT, .epoch = 3, .view = 0x0102030405060708, .seq = 0x1112131415161718};
    struct hash network;
    memset(network.bytes, 0xaa, 32);
    memset(st.digest.bytes, 0xdd, 32);
    memset(st.aux.bytes, 0xee, 32);
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(&st, &network, &set, bytes);
    assert_hex(bytes, sizeof bytes,
               "504c54464246543103aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
               "03000000000000001db4741f080fd7d78faea43c1e578ffb11e5750bb69e347f659b125821a05b2c"
               "08070605040302011817161514131211dddddddddddddddddddddddddddddddddddddddddddddddd"
               "ddddddddddddddddeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");

    struct hash payload = bft_payload_digest(SPAN_LITERAL("abc"));
    assert_hex(payload.bytes, 32,
               "39e06ee7e1cc873571e99533c969da815c3f4fc967dd1ee9e0cf6c4674a18eec");
    struct hash null = bft_payload_digest((struct span){0});
    assert_true(hash_is_zero(&null));

    struct bft_checkpoint_aux aux = {.log_size = 5};
    memset(aux.state_root.bytes, 1, 32);
    memset(aux.log_root.bytes, 2, 32);
    memset(aux.next_valset.bytes, 3, 32);
    struct hash a = bft_aux_hash(&aux);
    assert_hex(a.bytes, 32, "96f9339888409d4a97db6ef1d0eaaf7a80f50c42d5fd328c7bcda3965431de40");
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_heads_and_stake),    cmocka_unit_test(test_stake_thresholds),
        cmocka_unit_test(test_count_thresholds),   cmocka_unit_test(test_intersections),
        cmocka_unit_test(test_exactly_two_thirds), cmocka_unit_test(test_foreign_bit),
        cmocka_unit_test(test_sets_refused),       cmocka_unit_test(test_members),
        cmocka_unit_test(test_schedule),           cmocka_unit_test(test_golden_bytes),
    };
    return cmocka_run_group_tests_name("bft_set", all, NULL, NULL);
}
