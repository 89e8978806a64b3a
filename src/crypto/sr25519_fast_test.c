/* The fast verifier against libsodium, and its parts against their rules. */
#include "crypto/crypto_test.h"

#include <sodium.h>

#include "base/prng.h"
#include "crypto/halve.h"
#include "crypto/point.h"
#include "crypto/sr25519.h"
#include "crypto/sr25519_claim.h"

/* Numbers near which something changes: 0, p, 2^255, the order. */
static const char *const edges[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010",
    "b0a00e4a271beec478e42fad0618432fa7d7fb3d99004d2b0bdfc14f8024832b",
    "0000000000000000000000000000000000000000000000000000000000000040",
    "0000000000000000000000000000008000000000000000000000000000000000",
    "00000000000000000000000000000000ffffffffffffffffffffffffffffff0f",
};
enum { AROUND = 20, EDGES = COUNT_OF(edges) * (2 * AROUND + 1) };

static void edge(unsigned number, uint8_t out[32])
{
    int offset = (int)(number % (2 * AROUND + 1)) - AROUND;
    from_hex(edges[number / (2 * AROUND + 1)], out, 32);
    for (unsigned i = 0; i < 32 && offset != 0; i++) {
        int sum = out[i] + offset;
        out[i] = (uint8_t)sum;
        offset = sum >> 8;
    }
}

static void test_constants(void **state)
{
    (void)state;
    struct fe minus_one, t;
    fe_negate(&minus_one, &fe_one);
    fe_square(&t, &fe_sqrt_minus_one);
    assert_true(fe_equal(&t, &minus_one));
    assert_false(fe_is_odd(&fe_sqrt_minus_one));

    /* The base point by libsodium and by the generated table. */
    uint8_t one[32] = {1}, base[32], made[32];
    struct point p;
    struct sum sum;
    crypto_scalarmult_ristretto255_base(base, one);
    for (unsigned table = 0; table < POINT_TABLES; table++) {
        for (int digit = 1; digit < 2 * POINT_TABLE_BASE; digit += 2) {
            uint8_t scalar[32] = {0};
            scalar[POINT_STRIDE / 8 * table] = (uint8_t)digit;
            crypto_core_ristretto255_scalar_add(scalar, scalar, (uint8_t[32]){0});
            crypto_scalarmult_ristretto255_base(base, scalar);
            sum_init(&sum);
            sum_add_affine(&sum, base_table[table], digit);
            sum_close(&sum, &p);
            point_encode(&p, made);
            assert_memory_equal(made, base, 32);
        }
    }
}

static void same_decoding(const uint8_t in[32])
{
    struct point p;
    uint8_t back[32];
    bool wanted = (in[31] & 0x80) == 0 && crypto_core_ristretto255_is_valid_point(in) == 1;
    assert_int_equal(point_decode(in, &p), wanted);
    if (!wanted)
        return;
    point_encode(&p, back);
    assert_memory_equal(back, in, 32);
}

static void test_decoding_is_libsodiums_but_for_the_top_bit(void **state)
{
    (void)state;
    struct prng random;
    uint8_t in[32];
    prng_init(&random, 1);
    for (unsigned i = 0; i < EDGES; i++) {
        edge(i, in);
        same_decoding(in);
    }
    for (unsigned i = 0; i < 4000; i++) {
        prng_fill(&random, (struct room){in, 32});
        in[0] &= i % 8 == 0 ? 0xff : 0xfe;
        in[31] &= i % 16 == 0 ? 0xff : 0x7f;
        same_decoding(in);
    }
}

static void test_pairs_decode_as_singles_do(void **state)
{
    (void)state;
    struct prng random;
    prng_init(&random, 2);
    for (unsigned i = 0; i < 500; i++) {
        uint8_t in[2][32], one[32], two[32];
        struct point a, b, pa, pb;
        for (unsigned j = 0; j < 2; j++) {
            prng_fill(&random, (struct room){in[j], 32});
            in[j][0] &= 0xfe;
            in[j][31] &= 0x7f;
        }
        bool wanted = point_decode(in[0], &a) && point_decode(in[1], &b);
        assert_int_equal(point_decode_pair(in[0], in[1], &pa, &pb), wanted);
        if (!wanted)
            continue;
        point_encode(&pa, one);
        point_encode(&pb, two);
        assert_memory_equal(one, in[0], 32);
        assert_memory_equal(two, in[1], 32);
    }
}

static void halves_hold(const uint8_t k[32])
{
    struct halves h;
    uint8_t u[32] = {0}, v[32] = {0}, vk[32], zero[32] = {0};
    halve(k, &h);
    memcpy(u, h.u, 16);
    memcpy(v, h.v, 16);
    assert_true(u[15] < 0x80 && v[15] < 0x80);
    assert_true(memcmp(v, zero, 32) != 0);
    if (h.v_negative)
        crypto_core_ristretto255_scalar_negate(v, v);
    crypto_core_ristretto255_scalar_mul(vk, v, k);
    assert_memory_equal(u, vk, 32);
}

static void test_halves(void **state)
{
    (void)state;
    struct prng random;
    uint8_t k[32];
    prng_init(&random, 3);
    for (unsigned i = 0; i < EDGES; i++) {
        edge(i, k);
        if (sr25519_scalar_ok(k))
            halves_hold(k);
    }
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t wide[64] = {0};
        prng_fill(&random, (struct room){wide, i % 3 == 0 ? 1 + i % 32 : 64});
        crypto_core_ristretto255_scalar_reduce(k, wide);
        halves_hold(k);
    }
    /* A power of two makes one quotient long and the other ones short. */
    for (unsigned bit = 0; bit < 252; bit++) {
        memset(k, 0, 32);
        k[bit / 8] = (uint8_t)(1u << bit % 8);
        halves_hold(k);
    }
}

static void test_digits_add_up(void **state)
{
    (void)state;
    struct prng random;
    prng_init(&random, 4);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t number = i == 0 ? UINT64_MAX : prng_next(&random) >> i % 64;
        unsigned width = 2 + i % 7;
        struct digits d;
        size_t used = digits_of((const uint8_t *)&number, 64, width, &d), last = 0;
        __int128 sum = 0;
        for (size_t at = 0; at < used; at++) {
            sum += (__int128)d.at[at] * ((__int128)1 << at);
            if (d.at[at] == 0)
                continue;
            assert_true(d.at[at] % 2 != 0 && abs(d.at[at]) < 1 << (width - 1));
            assert_true(last == 0 || at - last >= width);
            last = at;
        }
        assert_true(sum == number);
        for (size_t at = used; at < POINT_DIGITS; at++)
            assert_int_equal(d.at[at], 0);
    }
}

struct signed_case {
    struct hotkey key;
    struct signature signature;
    uint8_t message[80];
    size_t size;
};

static void sign_case(struct prng *random, struct signed_case *c)
{
    uint8_t seed[32], entropy[SR25519_ENTROPY_SIZE];
    struct sr25519_keypair *k;
    prng_fill(random, (struct room){seed, sizeof seed});
    prng_fill(random, (struct room){entropy, sizeof entropy});
    c->size = prng_below(random, sizeof c->message + 1);
    prng_fill(random, (struct room){c->message, sizeof c->message});
    assert_int_equal(sr25519_from_seed(span_of(seed, sizeof seed), &k), ERR_OK);
    c->key = *sr25519_public(k);
    sr25519_sign(k, span_of(c->message, c->size), entropy, &c->signature);
    sr25519_close(k);
}

/* Six kinds of damage, or none. */
static void damage(struct prng *random, unsigned kind, struct signed_case *c)
{
    uint32_t bit = (uint32_t)prng_below(random, 256);
    uint8_t flip = (uint8_t)(1u << bit % 8);
    switch (kind) {
    case 1:
        c->key.bytes[bit / 8] ^= flip;
        return;
    case 2:
        c->signature.bytes[bit / 8] ^= flip;
        return;
    case 3:
        c->signature.bytes[32 + bit / 8] ^= flip;
        return;
    case 4:
        c->message[bit % 80] ^= 1;
        return;
    case 5:
        edge((unsigned)prng_below(random, EDGES), c->signature.bytes + 32 * (bit % 2));
        return;
    case 6:
        edge((unsigned)prng_below(random, EDGES), c->key.bytes);
        return;
    default:
        return;
    }
}

static void test_all_paths_give_libsodiums_verdict(void **state)
{
    (void)state;
    struct prng random;
    struct arena arena = {0};
    unsigned held = 0;
    enum { CASES = 1400 };
    prng_init(&random, 5);
    assert_int_equal(arena_open(&arena, sr25519_prepared_size()), ERR_OK);
    struct sr25519_prepared *p = arena_alloc(&arena, sr25519_prepared_size());
    for (unsigned i = 0; i < CASES; i++) {
        struct signed_case c;
        sign_case(&random, &c);
        damage(&random, i % 7, &c);
        struct span message = span_of(c.message, c.size);
        bool wanted = sr25519_verify_sodium(&c.key, message, &c.signature);
        assert_int_equal(sr25519_verify(&c.key, message, &c.signature), wanted);
        bool prepared = sr25519_prepare(&c.key, p) == ERR_OK;
        assert_int_equal(prepared, sr25519_key_ok(&c.key));
        if (prepared)
            assert_int_equal(sr25519_verify_prepared(p, message, &c.signature), wanted);
        else
            assert_false(wanted);
        held += wanted;
    }
    /* The undamaged ones, and those whose damage fell behind the message. */
    assert_true(held >= CASES / 7 && held < 2 * CASES / 7);
    arena_close(&arena);
}

/* R may be the identity: then s = k * key holds.  libsodium calls such products
 * errors, schnorrkel does not. */
static void test_an_identity_r_holds_on_every_path(void **state)
{
    (void)state;
    struct sr25519_keypair *k;
    uint8_t seed[32] = {3}, secret[64], c[32];
    struct signature s = {{0}};
    struct merlin t;
    struct span message = SPAN_LITERAL("identity");
    assert_int_equal(sr25519_from_seed(span_of(seed, 32), &k), ERR_OK);
    struct hotkey key = *sr25519_public(k);
    sr25519_export_canonical(k, secret);
    sr25519_close(k);
    sr25519_transcript(&t, message, key.bytes);
    sr25519_challenge(&t, s.bytes, c);
    crypto_core_ristretto255_scalar_mul(s.bytes + 32, c, secret);
    s.bytes[63] |= 0x80;
    struct sr25519_item items[2] = {{key, message, s}, {key, message, s}};
    bool valid[2];
    assert_true(sr25519_verify_sodium(&key, message, &s));
    assert_true(sr25519_verify(&key, message, &s));
    assert_true(sr25519_verify_batch(items, 2, seed, valid));
    s.bytes[40] ^= 1;
    assert_false(sr25519_verify_sodium(&key, message, &s));
    assert_false(sr25519_verify(&key, message, &s));
}

/* The key's second spelling, with a signature made for exactly that spelling: the
 * equation holds, so only the rule about the top bit can refuse it. */
static void test_a_key_with_its_top_bit_set_is_refused_even_if_it_signs(void **state)
{
    (void)state;
    struct sr25519_keypair *k;
    uint8_t seed[32] = {4}, secret[64], c[32], nonce[32] = {5};
    struct signature s;
    struct merlin t;
    struct span message = SPAN_LITERAL("twin");
    assert_int_equal(sr25519_from_seed(span_of(seed, 32), &k), ERR_OK);
    sr25519_export_canonical(k, secret);
    for (unsigned top = 0; top < 2; top++) {
        struct hotkey key = *sr25519_public(k);
        key.bytes[31] |= (uint8_t)(top << 7);
        crypto_scalarmult_ristretto255_base(s.bytes, nonce);
        sr25519_transcript(&t, message, key.bytes);
        sr25519_challenge(&t, s.bytes, c);
        crypto_core_ristretto255_scalar_mul(c, c, secret);
        crypto_core_ristretto255_scalar_add(s.bytes + 32, c, nonce);
        s.bytes[63] |= 0x80;
        assert_int_equal(sr25519_verify_sodium(&key, message, &s), top == 0);
        assert_int_equal(sr25519_verify(&key, message, &s), top == 0);
    }
    sr25519_close(k);
}

static void test_batches(void **state)
{
    (void)state;
    enum { COUNT = 2 * SR25519_BATCH_MAX + 3 };
    static struct signed_case cases[COUNT];
    static struct sr25519_item items[COUNT];
    bool valid[COUNT];
    uint8_t entropy[SR25519_ENTROPY_SIZE] = {9};
    struct prng random;
    prng_init(&random, 6);
    for (unsigned i = 0; i < COUNT; i++) {
        sign_case(&random, &cases[i]);
        items[i] = (struct sr25519_item){cases[i].key, span_of(cases[i].message, cases[i].size),
                                         cases[i].signature};
    }
    assert_true(sr25519_verify_batch(items, 0, entropy, valid));
    for (size_t count = 1; count <= COUNT; count += 11) {
        memset(valid, 0, sizeof valid);
        assert_true(sr25519_verify_batch(items, count, entropy, valid));
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(valid[i], i < count);
    }
    for (unsigned bad = 0; bad < COUNT; bad += 13) {
        uint8_t *byte = bad % 2 == 0 ? &items[bad].signature.bytes[34] : &items[bad].key.bytes[5];
        *byte ^= 4;
        assert_false(sr25519_verify_batch(items, COUNT, entropy, valid));
        for (size_t i = 0; i < COUNT; i++)
            assert_int_equal(valid[i], i != bad);
        *byte ^= 4;
    }
    /* Two errors that would cancel out in a plain sum. */
    uint8_t one[32] = {1};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *s = items[i].signature.bytes + 32;
        s[31] &= 0x7f;
        if (i == 0)
            crypto_core_ristretto255_scalar_add(s, s, one);
        else
            crypto_core_ristretto255_scalar_sub(s, s, one);
        s[31] |= 0x80;
    }
    assert_false(sr25519_verify_batch(items, COUNT, entropy, valid));
    assert_true(!valid[0] && !valid[1] && valid[2]);
}

static void test_self_test(void **state)
{
    (void)state;
    assert_int_equal(sr25519_self_test(), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_decoding_is_libsodiums_but_for_the_top_bit),
        cmocka_unit_test(test_pairs_decode_as_singles_do),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_digits_add_up),
        cmocka_unit_test(test_all_paths_give_libsodiums_verdict),
        cmocka_unit_test(test_an_identity_r_holds_on_every_path),
        cmocka_unit_test(test_a_key_with_its_top_bit_set_is_refused_even_if_it_signs),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_self_test),
    };
    return cmocka_run_group_tests_name("sr25519_fast", all, NULL, NULL);
}
