#include "signer/keyfile.h"

#include <sodium.h>

#include "base/test.h"
#include "codec/hex.h"

static const char alice[] = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
static const char alice_seed[] =
    "0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a";

static void assert_is_alice(const char *text, size_t len, const char *password)
{
    struct sr25519_keypair *k = NULL;
    char hex[2 * HOTKEY_SIZE + 1];
    assert_int_equal(keyfile_parse(span_of(text, len), span_of(password, strlen(password)), &k),
                     ERR_OK);
    hex_encode(hotkey_span(sr25519_public(k)), hex, sizeof hex);
    assert_string_equal(hex, alice);
    sr25519_close(k);
}

static void test_every_form(void **state)
{
    (void)state;
    char json[256];
    assert_is_alice("//Alice", 7, "");
    assert_is_alice(alice_seed, strlen(alice_seed), "");
    snprintf(json, sizeof json, "  %s\n", alice_seed);
    assert_is_alice(json, strlen(json), "");
    snprintf(json, sizeof json, "{\"secretPhrase\": null, \"secretSeed\" : \"%s\", \"x\": 1}\n",
             alice_seed);
    assert_is_alice(json, strlen(json), "");
}

static void test_encrypted(void **state)
{
    (void)state;
    /* Argon2i of "open sesame" under the wallet's salt, sensitive limits; known by heart, for
     * each call of it takes seconds. */
    static const uint8_t key[32] = {0x00, 0x50, 0xd3, 0xd1, 0x85, 0x6b, 0x6c, 0x76,
                                    0x27, 0x78, 0x92, 0xff, 0xa7, 0x75, 0x3b, 0xcb,
                                    0x15, 0x29, 0xa9, 0xdb, 0x4c, 0x2c, 0x88, 0xc6,
                                    0xb7, 0xef, 0xf0, 0x94, 0xd4, 0x0c, 0xcd, 0x03};
    uint8_t file[512] = "$NACL0123456789abcdef01234567";
    char json[256];
    int len = snprintf(json, sizeof json, "{\"secretSeed\": \"%s\"}", alice_seed);
    crypto_secretbox_easy(file + 29, (const uint8_t *)json, (size_t)len, file + 5, key);
    size_t size = 29 + 16 + (size_t)len;
    assert_is_alice((const char *)file, size, "open sesame");
    struct sr25519_keypair *k = NULL;
    assert_int_equal(keyfile_parse(span_of(file, size), SPAN_LITERAL("wrong"), &k), ERR_DENIED);
    assert_int_equal(keyfile_parse(span_of(file, size), (struct span){0}, &k), ERR_DENIED);
    file[size - 1] ^= 1;
    assert_int_equal(keyfile_parse(span_of(file, size), SPAN_LITERAL("open sesame"), &k),
                     ERR_DENIED);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "  \n",
                                      "{}",
                                      "{\"secretSeed\": null}",
                                      "{\"secretSeed\": \"0x00\"}",
                                      "not a phrase",
                                      "$NACL"};
    struct sr25519_keypair *k = NULL;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_not_equal(keyfile_parse(span_of(bad[i], strlen(bad[i])), (struct span){0}, &k),
                             ERR_OK);
    assert_int_equal(keyfile_parse(SPAN_LITERAL("$ANSIBLE_VAULT;1.1"), (struct span){0}, &k),
                     ERR_UNSUPPORTED);
    assert_null(k);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_every_form),
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("keyfile", all, NULL, NULL);
}
