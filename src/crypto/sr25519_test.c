#include "crypto/crypto_test.h"

#include <sodium.h>

#include "base/prng.h"
#include "crypto/bip39.h"
#include "crypto/keccak.h"
#include "crypto/merlin.h"
#include "crypto/secret.h"
#include "crypto/sr25519.h"
#include "crypto/sr25519_claim.h"
#include "crypto/sr25519_key.h"
#include "crypto/ss58.h"

static const uint8_t entropy[SR25519_ENTROPY_SIZE] = {1, 2, 3};

static struct sr25519_keypair *open_uri(const char *uri)
{
    struct sr25519_keypair *k = NULL;
    assert_int_equal(sr25519_from_uri(span_of(uri, strlen(uri)), &k), ERR_OK);
    return k;
}

static void test_keccak_and_merlin(void **state)
{
    (void)state;
    uint64_t lanes[KECCAK_LANES] = {0};
    keccak_f1600(lanes);
    assert_int_equal(lanes[0], 0xf1258f7940e1dde7);

    struct merlin t;
    uint8_t out[32];
    merlin_init(&t, "test protocol");
    merlin_append(&t, "some label", SPAN_LITERAL("some data"));
    merlin_challenge(&t, "challenge", (struct room){out, sizeof out});
    assert_hex(out, "d5a21972d0d5fe320c0d263fac7fffb8145aa640af6e9bca177c03c7efcf0615");
}

static void test_challenges(void **state)
{
    (void)state;
    struct merlin t;
    merlin_init(&t, "SigningContext");
    merlin_append(&t, "", SPAN_LITERAL("substrate"));
    assert_memory_equal(&t, &sr25519_transcript_start, sizeof t);

    uint8_t alice[32], r[32] = {0}, k[32], message[200];
    from_hex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d", alice, 32);
    sr25519_transcript(&t, SPAN_LITERAL("abc"), alice);
    sr25519_challenge(&t, r, k);
    assert_hex(k, "19eaec45b48767a4dc590d796beaa1005d624ec03269511b53d5f59654f9f107");
    memset(message, 'a', sizeof message);
    sr25519_transcript(&t, span_of(message, sizeof message), alice);
    sr25519_challenge(&t, r, k);
    assert_hex(k, "b0b84621bc3eb8c899a4bbd2913c5126957488a96281af2eb08f941e23524909");
}

static void test_key_from_a_seed_and_back_through_both_layouts(void **state)
{
    (void)state;
    uint8_t seed[32], secret[64], shifted[64];
    struct sr25519_keypair *k, *again;
    memset(seed, 7, sizeof seed);
    assert_int_equal(sr25519_from_seed(span_of(seed, 32), &k), ERR_OK);
    assert_hex(sr25519_public(k)->bytes,
               "7c0f469d3bd340bae718203fa30ca071a5e37c751e891dbded837b213d45d91d");
    sr25519_export_canonical(k, secret);
    uint8_t scalar[32];
    memcpy(scalar, secret, 32);
    assert_hex(scalar, "a535c7bfff6f541c20d5d8c4bd3ed35ca3a5800b091545d1c98f69493907050f");

    assert_int_equal(sr25519_from_canonical(span_of(secret, 64), &again), ERR_OK);
    assert_true(hotkey_equal(sr25519_public(k), sr25519_public(again)));
    sr25519_close(again);

    memcpy(shifted, secret, 64);
    for (size_t i = 31; i > 0; i--)
        shifted[i] = (uint8_t)(secret[i] << 3 | secret[i - 1] >> 5);
    shifted[0] = (uint8_t)(secret[0] << 3);
    assert_int_equal(sr25519_from_shifted(span_of(shifted, 64), &again), ERR_OK);
    assert_true(hotkey_equal(sr25519_public(k), sr25519_public(again)));
    sr25519_close(again);
    sr25519_close(k);

    shifted[0] |= 1;
    assert_int_equal(sr25519_from_shifted(span_of(shifted, 64), &again), ERR_BAD_KEY);
    memset(secret, 0xff, 32);
    assert_int_equal(sr25519_from_canonical(span_of(secret, 64), &again), ERR_BAD_KEY);
    memset(secret, 0, 32);
    assert_int_equal(sr25519_from_canonical(span_of(secret, 64), &again), ERR_BAD_KEY);
    assert_int_equal(sr25519_from_canonical(span_of(secret, 63), &again), ERR_BAD_KEY);
    assert_int_equal(sr25519_from_seed(span_of(seed, 31), &again), ERR_BAD_KEY);
}

static void test_known_uris(void **state)
{
    (void)state;
    static const char *const known[][2] = {
        {"//Alice", "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"},
        {"bottom drive obey lake curtain smoke basket hold race lonely fit walk//Alice",
         "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"},
        {"0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e//Alice",
         "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"},
        {"0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a",
         "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"},
        {"0x54777e5713e05a60189cd8adf134a21084990567310e734dc58a9ee1e02d0a99",
         "08a70f71be9964f05926323d26c666a09273999b632497b2a1447c1266741450"},
        {"//Bob", "8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        struct sr25519_keypair *k = open_uri(known[i][0]);
        assert_hex(sr25519_public(k)->bytes, known[i][1]);
        sr25519_close(k);
    }
}

static void test_refused_uris(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "///pw",
        "alice",
        "0x",
        "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb77974",
        "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479g",
        "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e///pw",
        "//",
        "/",
        "//Alice/",
        "//Alice//",
        "//18446744073709551616",
        "//+5",
        "//0x",
        "//0xaB1",
        "bottom drive obey lake curtain smoke basket hold race lonely fit fit//Alice",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sr25519_keypair *k = NULL;
        assert_int_equal(sr25519_from_uri(span_of(bad[i], strlen(bad[i])), &k), ERR_MALFORMED);
        assert_null(k);
    }
}

static void test_soft_public_derivation_meets_the_secret_one(void **state)
{
    (void)state;
    struct sr25519_keypair *root = open_uri("//Alice"), *child;
    struct hotkey derived;
    struct span path = SPAN_LITERAL("/soft/42/a name that is longer than thirty-two bytes");
    assert_int_equal(sr25519_derive(root, path, &child), ERR_OK);
    assert_int_equal(sr25519_derive_public(sr25519_public(root), path, &derived), ERR_OK);
    assert_true(hotkey_equal(&derived, sr25519_public(child)));
    assert_int_equal(
        sr25519_derive_public(sr25519_public(root), SPAN_LITERAL("/soft//hard"), &derived),
        ERR_DENIED);

    struct signature s;
    sr25519_sign(child, SPAN_LITERAL("m"), entropy, &s);
    assert_true(sr25519_verify(&derived, SPAN_LITERAL("m"), &s));
    sr25519_close(child);
    sr25519_close(root);
}

/* A path has so many junctions and no more; what is no number is text. */
static void test_limits_of_a_path(void **state)
{
    (void)state;
    struct sr25519_keypair *root = open_uri("//Alice"), *child = NULL, *by_code;
    char path[2 * (SR25519_PATH_JUNCTIONS_MAX + 1) + 1] = "";
    struct hotkey derived;
    for (size_t i = 0; i <= SR25519_PATH_JUNCTIONS_MAX; i++) {
        if (i > 0) {
            assert_int_equal(sr25519_derive(root, span_of(path, 2 * i), &child), ERR_OK);
            assert_int_equal(
                sr25519_derive_public(sr25519_public(root), span_of(path, 2 * i), &derived),
                ERR_OK);
            assert_true(hotkey_equal(&derived, sr25519_public(child)));
            sr25519_close(child);
        }
        memcpy(path + 2 * i, "/1", 2);
    }
    child = NULL;
    struct span long_path = span_of(path, 2 * (SR25519_PATH_JUNCTIONS_MAX + 1));
    assert_int_equal(sr25519_derive(root, long_path, &child), ERR_MALFORMED);
    assert_int_equal(sr25519_derive_public(sr25519_public(root), long_path, &derived),
                     ERR_MALFORMED);
    assert_null(child);
    static const struct {
        const char *path;
        uint8_t code[32];
    } codes[] = {{"//a1", {8, 'a', '1'}}, {"//1a", {8, '1', 'a'}}, {"//258", {2, 1}}};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        struct span text = span_of(codes[i].path, strlen(codes[i].path));
        assert_int_equal(sr25519_derive(root, text, &child), ERR_OK);
        assert_int_equal(sr25519_derive_hard(root, codes[i].code, &by_code), ERR_OK);
        assert_true(hotkey_equal(sr25519_public(child), sr25519_public(by_code)));
        sr25519_close(child);
        sr25519_close(by_code);
    }
    sr25519_close(root);
}

/* By other implementations (schnorrkel through polkadot-js): a soft child of
 * a known key, for the code of "foo". */
static void test_known_children(void **state)
{
    (void)state;
    uint8_t secret[64], code[32] = {0x0c, 'f', 'o', 'o'};
    struct hotkey derived, known;
    struct sr25519_keypair *k, *child;
    from_hex("28b0ae221c6bb06856b287f60d7ea0d98552ea5a16db16956849aa371db3eb51"
             "fd190cce74df356432b410bd64682309d6dedb27c76845daf388557cbac3ca34",
             secret, 64);
    assert_int_equal(sr25519_from_shifted(span_of(secret, 64), &k), ERR_OK);
    assert_hex(sr25519_public(k)->bytes,
               "46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a");
    assert_int_equal(sr25519_derive_soft(k, code, &child), ERR_OK);
    assert_hex(sr25519_public(child)->bytes,
               "40b9675df90efa6069ff623b0fdfcf706cd47ca7452a5056c7ad58194d23440a");
    sr25519_close(child);
    assert_int_equal(sr25519_derive_soft_public(sr25519_public(k), code, &derived), ERR_OK);
    assert_hex(derived.bytes, "40b9675df90efa6069ff623b0fdfcf706cd47ca7452a5056c7ad58194d23440a");
    sr25519_close(k);
    memset(&known, 0, sizeof known);
    assert_int_equal(sr25519_derive_soft_public(&known, code, &derived), ERR_BAD_KEY);
}

static void test_a_signature_of_another_implementation(void **state)
{
    (void)state;
    struct hotkey key;
    struct signature s;
    from_hex("08a70f71be9964f05926323d26c666a09273999b632497b2a1447c1266741450", key.bytes, 32);
    from_hex("9c317dfb2f065c7cec6aeb3b652acf101b3818d047eed15657f74d460c7f95072a136250689c164ecd06"
             "ab1d9d8afcfb5dee06abacbc943841696aacea5e358e",
             s.bytes, 64);
    assert_true(sr25519_verify(&key, SPAN_LITERAL("bittensor-c-test"), &s));
    assert_true(sr25519_verify_sodium(&key, SPAN_LITERAL("bittensor-c-test"), &s));
    assert_false(sr25519_verify(&key, SPAN_LITERAL("bittensor-c-tess"), &s));
}

/* With 119 bytes the transcript's block is full exactly where the challenge is
 * drawn, which must not mix it twice.  Made by schnorrkel. */
static void test_a_signature_that_ends_a_block(void **state)
{
    (void)state;
    uint8_t message[119];
    struct hotkey key;
    struct signature s;
    memset(message, 'a', sizeof message);
    from_hex("7c0f469d3bd340bae718203fa30ca071a5e37c751e891dbded837b213d45d91d", key.bytes, 32);
    from_hex("ecb01f9174e1c546145973aa57fba97184b596bf5d4b58b9d09021642de11113"
             "1f480105ec49da70de9a40e168ee94b17713a59dbb66ac39379bc773b11ccf82",
             s.bytes, 64);
    assert_true(sr25519_verify(&key, span_of(message, sizeof message), &s));
}

static void test_every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct sr25519_keypair *k = open_uri("//Alice");
    struct hotkey key = *sr25519_public(k);
    struct signature s;
    struct span message = SPAN_LITERAL("message");
    sr25519_sign(k, message, entropy, &s);
    sr25519_close(k);
    assert_true(sr25519_verify(&key, message, &s));
    for (unsigned bit = 0; bit < 8 * SIGNATURE_SIZE; bit++) {
        s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(sr25519_verify(&key, message, &s));
        s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (unsigned bit = 0; bit < 8 * HOTKEY_SIZE; bit++) {
        key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(sr25519_verify(&key, message, &s));
        key.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* s + L is the same number modulo L, but not the one spelling of it. */
static void test_a_scalar_beyond_the_order_is_refused(void **state)
{
    (void)state;
    uint8_t order[32];
    from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", order, 32);
    struct sr25519_keypair *k = open_uri("//Alice");
    struct signature s;
    sr25519_sign(k, SPAN_LITERAL("m"), entropy, &s);
    s.bytes[63] &= 0x7f;
    uint32_t carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (uint32_t)s.bytes[32 + i] + order[i];
        s.bytes[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    s.bytes[63] |= 0x80;
    assert_false(sr25519_verify(sr25519_public(k), SPAN_LITERAL("m"), &s));
    sr25519_close(k);
    assert_false(sr25519_scalar_ok(order));
    order[0]--;
    assert_true(sr25519_scalar_ok(order));
}

/* Under the zero key R = s*B holds for every message. */
static void test_the_zero_key_is_refused(void **state)
{
    (void)state;
    static const struct hotkey zero;
    struct sr25519_keypair *k = open_uri("//Alice");
    uint8_t secret[64];
    struct signature s;
    sr25519_export_canonical(k, secret);
    memcpy(s.bytes, sr25519_public(k)->bytes, 32);
    memcpy(s.bytes + 32, secret, 32);
    s.bytes[63] |= 0x80;
    assert_false(sr25519_verify(&zero, SPAN_LITERAL("any"), &s));
    assert_false(sr25519_verify_sodium(&zero, SPAN_LITERAL("any"), &s));
    assert_false(sr25519_key_ok(&zero));
    assert_true(sr25519_key_ok(sr25519_public(k)));
    struct hotkey twin = *sr25519_public(k);
    twin.bytes[31] |= 0x80;
    assert_false(sr25519_key_ok(&twin));
    sr25519_close(k);
}

static void test_secret_memory(void **state)
{
    (void)state;
    struct secret *s = NULL;
    assert_int_equal(secret_from_hex(SPAN_LITERAL("0x00fFa09c\n"), 4, &s), ERR_OK);
    assert_true(span_equal(secret_span(s), SPAN_LITERAL("\x00\xff\xa0\x9c")));
    secret_shrink(s, 2);
    assert_int_equal(secret_span(s).len, 2);
    secret_close(s);
    static const char *const bad[] = {"00ffa09",  "00ffa09cc", "00ffa09g", "00ffa09/", "00ffa09:",
                                      "00ffa09@", "00ffa09`",  "00ffa09G", "00 fa09c", ""};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(secret_from_hex(span_of(bad[i], strlen(bad[i])), 4, &s), ERR_MALFORMED);
    secret_close(NULL);
}

/* The mappings of this process: guarded memory takes some of its own. */
static uint32_t mappings(void)
{
    uint32_t lines = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    assert_non_null(f);
    for (int c = fgetc(f); c != EOF; c = fgetc(f))
        lines += c == '\n';
    fclose(f);
    return lines;
}

/* Every keypair that is made on the way is closed, also when something fails. */
static void test_no_key_is_left_behind(void **state)
{
    (void)state;
    struct sr25519_keypair *root = open_uri("//Alice"), *k = NULL;
    uint32_t before = 0;
    for (uint32_t i = 0; i < 300; i++) {
        if (i == 20)
            before = mappings();
        sr25519_close(open_uri("//Alice/1//2"));
        assert_int_equal(sr25519_from_uri(SPAN_LITERAL("//Alice//"), &k), ERR_MALFORMED);
        assert_int_equal(sr25519_derive(root, SPAN_LITERAL("/1//2"), &k), ERR_OK);
        sr25519_close(k);
    }
    assert_true(mappings() < before + 50);
    sr25519_close(root);
}

/* --- what is left on the stack ------------------------------------------------ */

/* AddressSanitizer fills the frames itself, and a skipped test counts as failed. */
#if !defined(__SANITIZE_ADDRESS__)

enum { DEAD_SIZE = 48 << 10 };

/* Looks at stack memory that a call before has left. */
static __attribute__((noinline)) bool stack_holds(const uint8_t *bytes, size_t size)
{
    uint8_t dead[DEAD_SIZE];
    uint8_t *volatile at = dead; /* so that the compiler does not know what it looks at */
    return memmem(at, sizeof dead, bytes, size) != NULL;
}

static __attribute__((noinline)) void stack_fill(uint8_t with)
{
    uint8_t dead[DEAD_SIZE + 4096];
    uint8_t *volatile at = dead;
    memset(at, with, sizeof dead);
}

static __attribute__((noinline)) void leave(const uint8_t *bytes)
{
    uint8_t copy[1024];
    uint8_t *volatile at = copy;
    memcpy(at, bytes, sizeof copy);
}

#define LEAVES_NOTHING(call)                                                                       \
    do {                                                                                           \
        stack_fill(0x55);                                                                          \
        (void)!(call);                                                                             \
        for (size_t n_ = 0; n_ < secrets; n_++)                                                    \
            assert_false(stack_holds(secret[n_], 24));                                             \
    } while (0)

/* The nonce scalar of a signature, and the challenge times the key. */
static void parts_of(const struct sr25519_keypair *k, struct span message,
                     const struct signature *s, uint8_t r[32], uint8_t ck[32])
{
    uint8_t key[SR25519_SECRET_SIZE], c[32], sum[32];
    struct merlin t;
    sr25519_export_canonical(k, key);
    sr25519_transcript(&t, message, sr25519_public(k)->bytes);
    sr25519_challenge(&t, s->bytes, c);
    memcpy(sum, s->bytes + 32, 32);
    sum[31] &= 0x7f;
    crypto_core_ristretto255_scalar_mul(ck, c, key);
    crypto_core_ristretto255_scalar_sub(r, sum, ck);
}

/* Seeds, scalars and nonces are wiped from where they passed. */
static void test_no_secret_is_left_on_the_stack(void **state)
{
    (void)state;
    uint8_t *secret[16], other[1024];
    size_t secrets = 0;
    memset(other, 0x33, sizeof other);
    stack_fill(0x55);
    leave(other);
    assert_true(stack_holds(other, 24)); /* it would see them */
    uint8_t *all = calloc(8, 64);
    struct sr25519_keypair *k = NULL, *child = NULL;
    struct span phrase =
        SPAN_LITERAL("bottom drive obey lake curtain smoke basket hold race lonely fit walk");
    static const uint8_t code[32] = {4, 'x'};
    uint8_t *seed = all, *key = all + 64, *of_child = all + 128, *signing = all + 192;
    struct signature s;
    size_t size;
    for (size_t i = 0; i < 32; i++)
        seed[i] = (uint8_t)(17 * i + 3);
    /* What each of these makes is known here from a run before. */
    assert_int_equal(sr25519_from_seed(span_of(seed, 32), &k), ERR_OK);
    sr25519_export_canonical(k, key);
    assert_int_equal(sr25519_derive_soft(k, code, &child), ERR_OK);
    sr25519_export_canonical(child, of_child);
    sr25519_close(child);
    sr25519_sign(k, SPAN_LITERAL("m"), entropy, &s);
    parts_of(k, SPAN_LITERAL("m"), &s, signing, signing + 32);
    assert_int_equal(bip39_entropy(phrase, (struct room){all + 256, BIP39_ENTROPY_MAX}, &size),
                     ERR_OK);
    assert_int_equal(bip39_substrate_seed(phrase, (struct span){0}, all + 320), ERR_OK);
    sr25519_close(k);
    uint8_t *const wanted[] = {seed,          key,     key + 32,     of_child,
                               of_child + 32, signing, signing + 32, all + 320};
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        secret[secrets++] = wanted[i];

    LEAVES_NOTHING(sr25519_from_seed(span_of(seed, 32), &k));
    LEAVES_NOTHING(sr25519_derive_soft(k, code, &child));
    sr25519_close(child);
    LEAVES_NOTHING(sr25519_derive_hard(k, code, &child));
    sr25519_close(child);
    LEAVES_NOTHING(sr25519_derive(k, SPAN_LITERAL("//a/b"), &child));
    sr25519_close(child);
    LEAVES_NOTHING(sr25519_from_canonical(span_of(key, 64), &child));
    sr25519_close(child);
    LEAVES_NOTHING((sr25519_sign(k, SPAN_LITERAL("m"), entropy, &s), 0));
    sr25519_close(k);
    LEAVES_NOTHING(sr25519_from_phrase(phrase, (struct span){0}, &k));
    sr25519_close(k);
    LEAVES_NOTHING(bip39_substrate_seed(phrase, (struct span){0}, all + 384));
    assert_false(stack_holds(all + 256, size));
    free(all);
}

#endif

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_keccak_and_merlin),
        cmocka_unit_test(test_challenges),
        cmocka_unit_test(test_key_from_a_seed_and_back_through_both_layouts),
        cmocka_unit_test(test_known_uris),
        cmocka_unit_test(test_refused_uris),
        cmocka_unit_test(test_soft_public_derivation_meets_the_secret_one),
        cmocka_unit_test(test_limits_of_a_path),
        cmocka_unit_test(test_known_children),
        cmocka_unit_test(test_a_signature_of_another_implementation),
        cmocka_unit_test(test_a_signature_that_ends_a_block),
        cmocka_unit_test(test_every_flipped_bit_is_refused),
        cmocka_unit_test(test_a_scalar_beyond_the_order_is_refused),
        cmocka_unit_test(test_the_zero_key_is_refused),
        cmocka_unit_test(test_secret_memory),
        cmocka_unit_test(test_no_key_is_left_behind),
#if !defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(test_no_secret_is_left_on_the_stack),
#endif
    };
    return cmocka_run_group_tests_name("sr25519", all, NULL, NULL);
}
