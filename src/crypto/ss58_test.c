#include "crypto/crypto_test.h"

#include <sodium.h>

#include "codec/base58.h"
#include "crypto/ss58.h"

static struct span text_of(const char *text)
{
    return span_of(text, strlen(text));
}

static void test_known_addresses(void **state)
{
    (void)state;
    static const char *const known[][2] = {
        {"d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d",
         "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"},
        {"08a70f71be9964f05926323d26c666a09273999b632497b2a1447c1266741450",
         "5CG3sGbardjJkN2Vnw75ruWzS5d7apRLdzmC16MtiQHJzqFB"},
        {"c88254ad3851357b4500e686afce02e1105f47b13666f92b9ea6a2d78fe49420",
         "5Gbc9gHexajeNwc7UQKet8JGGBuneXHEh3JHiibghtTKG4vm"},
        {"7c0f469d3bd340bae718203fa30ca071a5e37c751e891dbded837b213d45d91d",
         "5EsNLFaGe9XK5LzWH3i6eC2Wqv6YqZS1442N1C4yeSdP6uxy"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        struct hotkey key, back;
        char text[SS58_TEXT_MAX];
        from_hex(known[i][0], key.bytes, sizeof key.bytes);
        ss58_from_hotkey(&key, text);
        assert_string_equal(text, known[i][1]);
        assert_int_equal(ss58_to_hotkey(text_of(text), &back), ERR_OK);
        assert_true(hotkey_equal(&key, &back));
    }
}

static void test_every_size_and_prefix_comes_back(void **state)
{
    (void)state;
    static const uint8_t accounts[] = {1, 2, 4, 8, 32, 33};
    size_t forms = 0;
    for (uint32_t prefix = 0; prefix <= SS58_PREFIX_MAX + 1; prefix += prefix < 70 ? 1 : 397) {
        for (size_t i = 0; i < sizeof accounts; i++) {
            for (uint8_t sum = 0; sum < 10; sum++) {
                struct ss58 back, a = {(uint16_t)prefix, sum, accounts[i], {1, 2, [31] = 9}};
                char text[SS58_TEXT_MAX];
                memset(a.account + a.account_size, 0, sizeof a.account - a.account_size);
                if (ss58_encode(&a, text) != ERR_OK)
                    continue;
                forms++;
                assert_int_equal(ss58_decode(text_of(text), &back), ERR_OK);
                assert_int_equal(a.prefix, back.prefix);
                assert_int_equal(a.checksum_size, back.checksum_size);
                assert_int_equal(a.account_size, back.account_size);
                assert_memory_equal(a.account, back.account, sizeof a.account);
            }
        }
    }
    /* 17 pairs of sizes; 68 of the 70 small prefixes and 42 of the others. */
    assert_int_equal(forms, 17 * (68 + 42));
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "1",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQ",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQYY",
        "15GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ",
        "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKut0Y",
        " 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct hotkey key = {{7}};
        assert_int_equal(ss58_to_hotkey(text_of(bad[i]), &key), ERR_MALFORMED);
        assert_int_equal(key.bytes[0], 7);
    }
    /* Alice on another network: valid, but not ours. */
    struct hotkey key;
    assert_int_equal(
        ss58_to_hotkey(text_of("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5"), &key),
        ERR_FOREIGN);
}

/* Alice's address with 42 in the two bytes of a long prefix: a second spelling. */
static void test_a_short_prefix_in_the_long_form_is_refused(void **state)
{
    (void)state;
    uint8_t raw[7 + 2 + 32 + 2] = "SS58PRE\x4a\x80", sum[64];
    char text[BASE58_TEXT_MAX];
    struct ss58 a;
    from_hex("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d", raw + 9, 32);
    crypto_generichash(sum, sizeof sum, raw, 7 + 34, NULL, 0);
    memcpy(raw + 7 + 34, sum, 2);
    base58_encode(span_of(raw + 7, 36), text, sizeof text);
    assert_int_equal(ss58_decode(text_of(text), &a), ERR_MALFORMED);

    /* A first byte of 128 begins no prefix at all. */
    raw[7] = 0x80;
    raw[8] = 0x40;
    crypto_generichash(sum, sizeof sum, raw, 7 + 34, NULL, 0);
    memcpy(raw + 7 + 34, sum, 2);
    base58_encode(span_of(raw + 7, 36), text, sizeof text);
    assert_int_equal(ss58_decode(text_of(text), &a), ERR_MALFORMED);

    /* The same bytes under 64 are one of the good spellings. */
    raw[7] = 0x50;
    raw[8] = 0;
    crypto_generichash(sum, sizeof sum, raw, 7 + 34, NULL, 0);
    memcpy(raw + 7 + 34, sum, 2);
    base58_encode(span_of(raw + 7, 36), text, sizeof text);
    assert_int_equal(ss58_decode(text_of(text), &a), ERR_OK);
    assert_int_equal(a.prefix, 64);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_known_addresses),
        cmocka_unit_test(test_every_size_and_prefix_comes_back),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_a_short_prefix_in_the_long_form_is_refused),
    };
    return cmocka_run_group_tests_name("ss58", all, NULL, NULL);
}
