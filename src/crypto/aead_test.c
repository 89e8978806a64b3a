#include "crypto/crypto_test.h"

#include "crypto/aead.h"
#include "crypto/ed25519.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "crypto/twox.h"
#include "crypto/x25519.h"

/* RFC 8439, section 2.8.2. */
static void test_aead_rfc8439(void **state)
{
    (void)state;
    uint8_t key[32], nonce[12], ad[12], tag[16];
    uint8_t text[114] = "Ladies and Gentlemen of the class of '99: If I could offer you only one "
                        "tip for the future, sunscreen would be it";
    text[113] = '.';
    from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key, 32);
    from_hex("070000004041424344454647", nonce, 12);
    from_hex("50515253c0c1c2c3c4c5c6c7", ad, 12);
    struct aead a;
    assert_int_equal(aead_open(&a, key), ERR_OK);
    aead_seal(&a, nonce, span_of(ad, 12), (struct room){text, sizeof text}, tag);
    assert_hex(tag, "1ae10b594f09e26a7e902ecbd0600691");
    assert_int_equal(text[0], 0xd3);
    assert_int_equal(text[113], 0x16);
    assert_int_equal(aead_unseal(&a, nonce, span_of(ad, 12), (struct room){text, 114}, tag),
                     ERR_OK);
    assert_memory_equal(text, "Ladies", 6);
    aead_close(&a);
    aead_close(&a);
}

/* Short and long texts take different libraries; a long one cut into a short
 * prefix must give the same stream, and any flipped bit is refused. */
static void test_aead_libraries_agree_and_refuse(void **state)
{
    (void)state;
    uint8_t key[32] = {9}, nonce[12], tag[16], shown[4096], text[4096];
    struct aead a;
    assert_int_equal(aead_open(&a, key), ERR_OK);
    aead_nonce(0x0102030405060708, nonce);
    assert_hex(nonce, "000000000807060504030201");
    for (size_t size = 0; size <= sizeof text; size = size * 2 + 1) {
        memset(text, 0, sizeof text);
        memset(shown, 0, sizeof shown);
        aead_seal(&a, nonce, (struct span){0}, (struct room){shown, 64}, tag);
        aead_seal(&a, nonce, (struct span){0}, (struct room){text, size}, tag);
        assert_memory_equal(shown, text, size < 64 ? size : 64);
        tag[15] ^= 1;
        memcpy(shown, text, sizeof text);
        assert_int_equal(aead_unseal(&a, nonce, (struct span){0}, (struct room){shown, size}, tag),
                         ERR_BAD_SIGNATURE);
        tag[15] ^= 1;
        assert_int_equal(aead_unseal(&a, nonce, (struct span){0}, (struct room){text, size}, tag),
                         ERR_OK);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(text[i] | shown[i], 0);
    }
    uint8_t other[32] = {8};
    aead_seal(&a, nonce, SPAN_LITERAL("ad"), (struct room){text, 1000}, tag);
    aead_rekey(&a, other);
    assert_int_equal(aead_unseal(&a, nonce, SPAN_LITERAL("ad"), (struct room){text, 1000}, tag),
                     ERR_BAD_SIGNATURE);
    aead_close(&a);
}

/* RFC 7748, section 6.1. */
static void test_x25519_rfc7748(void **state)
{
    (void)state;
    uint8_t bob[32], alice_public[32], public[32], shared[32], zero[32] = {0};
    from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", bob, 32);
    from_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", alice_public, 32);
    x25519_public(bob, public);
    assert_hex(public, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    assert_int_equal(x25519_shared(bob, alice_public, shared), ERR_OK);
    assert_hex(shared, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_int_equal(x25519_shared(bob, zero, shared), ERR_BAD_KEY);
}

/* RFC 8032, section 7.1, tests 2 and 3. */
static void test_ed25519_rfc8032(void **state)
{
    (void)state;
    uint8_t seed[32], sig[64];
    struct ed25519_keypair *k;
    from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed, 32);
    assert_int_equal(ed25519_open(span_of(seed, 32), &k), ERR_OK);
    uint8_t public[32];
    memcpy(public, ed25519_public(k), 32);
    assert_hex(public, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    ed25519_sign(k, SPAN_LITERAL("\x72"), sig);
    assert_hex(sig, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
    assert_true(ed25519_verify(public, SPAN_LITERAL("\x72"), sig));
    assert_false(ed25519_verify(public, SPAN_LITERAL("\x73"), sig));

    uint8_t both[64];
    ed25519_close(k);
    memcpy(both, seed, 32);
    memcpy(both + 32, public, 32);
    assert_int_equal(ed25519_open(span_of(both, 64), &k), ERR_OK);
    ed25519_close(k);
    both[63] ^= 1;
    assert_int_equal(ed25519_open(span_of(both, 64), &k), ERR_BAD_KEY);
    assert_int_equal(ed25519_open(span_of(both, 63), &k), ERR_BAD_KEY);
}

/* With a key of small order one signature holds for every message, unless such
 * keys are refused: A = identity, R = identity, S = 0. */
static void test_ed25519_refuses_small_order(void **state)
{
    (void)state;
    uint8_t identity[32] = {1}, sig[64] = {1}, low[32] = {0};
    assert_false(ed25519_verify(identity, SPAN_LITERAL("any"), sig));
    assert_false(ed25519_verify(low, SPAN_LITERAL("any"), sig));
}

/* RFC 4231, cases 2 and 6: a short key and one longer than a block. */
static void test_hmac_rfc4231(void **state)
{
    (void)state;
    uint8_t out[32], key[131];
    hmac_sha256(SPAN_LITERAL("Jefe"), SPAN_LITERAL("what do ya want for nothing?"), out);
    assert_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    hmac_sha256(span_of(key, sizeof key),
                SPAN_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    assert_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_hkdf_rfc5869(void **state)
{
    (void)state;
    /* Test case 3: empty salt and info, 22 bytes of 0b. */
    uint8_t material[22], first[32], second[32], third[32];
    memset(material, 0x0b, sizeof material);
    hmac_hkdf((struct span){0}, span_of(material, 22), first, second, third);
    assert_hex(first, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    uint8_t start[10];
    memcpy(start, second, sizeof start);
    assert_hex(start, "9d201395faa4b61a96c8");
}

static void test_hashes(void **state)
{
    (void)state;
    uint8_t x[16], b[16];
    twox_128(SPAN_LITERAL("SubtensorModule"), x);
    assert_hex(x, "658faa385070e074c85bf6b568cf0555");
    twox_128(SPAN_LITERAL("System"), x);
    assert_hex(x, "26aa394eea5630e07c48ae0c9558cef7");
    uint8_t y[8], z[32];
    twox_64(SPAN_LITERAL("System"), y);
    twox_256(SPAN_LITERAL("System"), z);
    assert_memory_equal(y, x, 8);
    assert_memory_equal(z, x, 16);

    uint8_t key[32];
    from_hex("08a70f71be9964f05926323d26c666a09273999b632497b2a1447c1266741450", key, 32);
    hash_blake2b_128(span_of(key, 32), b);
    assert_hex(b, "d6bf31a706ca2ddb75cce4b276e1a021");
    struct hash one = hash_sha256(SPAN_LITERAL("abc"));
    struct hash two = hash_sha256_2(SPAN_LITERAL("a"), SPAN_LITERAL("bc"));
    assert_true(hash_equal(&one, &two));
    assert_hex(one.bytes, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_aead_rfc8439),
        cmocka_unit_test(test_aead_libraries_agree_and_refuse),
        cmocka_unit_test(test_x25519_rfc7748),
        cmocka_unit_test(test_ed25519_rfc8032),
        cmocka_unit_test(test_ed25519_refuses_small_order),
        cmocka_unit_test(test_hmac_rfc4231),
        cmocka_unit_test(test_hkdf_rfc5869),
        cmocka_unit_test(test_hashes),
    };
    return cmocka_run_group_tests_name("aead", all, NULL, NULL);
}
