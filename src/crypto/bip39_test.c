#include "crypto/crypto_test.h"

#include "crypto/bip39.h"
#include "crypto/bip39_english.h"
#include "crypto/hash.h"

static void test_the_list_is_the_published_one(void **state)
{
    (void)state;
    static uint8_t file[BIP39_ENGLISH_WORDS * BIP39_ENGLISH_SLOT];
    size_t at = 0;
    for (size_t i = 0; i < BIP39_ENGLISH_WORDS; i++) {
        size_t size = strlen(bip39_english[i]);
        memcpy(file + at, bip39_english[i], size);
        at += size;
        file[at++] = '\n';
    }
    struct hash sum = hash_sha256(span_of(file, at));
    assert_hex(sum.bytes, "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda");
}

/* Entropy and phrases: test vectors of the BIP39 reference implementation; the
 * seeds, with passphrase "Substrate": those of the substrate-bip39 crate. */
struct known {
    const char *entropy;
    const char *phrase;
    const char *seed;
};
static const struct known known[] = {
    {"00000000000000000000000000000000",
     "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
     "about",
     "44e9d125f037ac1d51f0a7d3649689d422c2af8b1ec8e00d71db4d7bf6d127e3"
     "3f50c3d5c84fa3e5399c72d6cbbbbc4a49bf76f76d952f479d74655a2ef2d453"},
    {"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
     "legal winner thank year wave sausage worth useful legal winner thank yellow",
     "4313249608fe8ac10fd5886c92c4579007272cb77c21551ee5b8d60b78041685"
     "0f1e26c1f4b8d88ece681cb058ab66d6182bc2ce5a03181f7b74c27576b5c8bf"},
    {"ffffffffffffffffffffffffffffffff", "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
     "227d6256fd4f9ccaf06c45eaa4b2345969640462bbb00c5f51f43cb43418c7a7"
     "53265f9b1e0c0822c155a9cabc769413ecc14553e135fe140fc50b6722c6b9df"},
    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
     "vote",
     NULL},
};

static void test_known_phrases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        uint8_t entropy[32], back[32], seed[BIP39_SEED_SIZE];
        char phrase[BIP39_PHRASE_MAX];
        size_t size = strlen(known[i].entropy) / 2, back_size = 0;
        from_hex(known[i].entropy, entropy, size);
        bip39_phrase(span_of(entropy, size), phrase);
        assert_string_equal(phrase, known[i].phrase);
        struct span text = span_of(phrase, strlen(phrase));
        assert_int_equal(bip39_entropy(text, (struct room){back, sizeof back}, &back_size), ERR_OK);
        assert_int_equal(back_size, size);
        assert_memory_equal(back, entropy, size);
        if (known[i].seed == NULL)
            continue;
        assert_int_equal(bip39_substrate_seed(text, SPAN_LITERAL("Substrate"), seed), ERR_OK);
        assert_hex(seed, known[i].seed);
    }
}

static void test_all_five_lengths(void **state)
{
    (void)state;
    for (size_t size = 16; size <= 32; size += 4) {
        uint8_t entropy[32], back[32];
        char phrase[BIP39_PHRASE_MAX];
        size_t back_size = 0;
        for (uint8_t i = 0; i < 32; i++)
            entropy[i] = (uint8_t)(37 * i + size);
        bip39_phrase(span_of(entropy, size), phrase);
        assert_int_equal(bip39_entropy(span_of(phrase, strlen(phrase)),
                                       (struct room){back, sizeof back}, &back_size),
                         ERR_OK);
        assert_int_equal(back_size, size);
        assert_memory_equal(back, entropy, size);
    }
}

static void test_refuses_other_spellings(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "abandon",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
        " zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong ",
        "zoo  zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
        "Zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wron",
        ("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo "
         "zoo zoo zoo zoo wrong"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint8_t out[32];
        size_t size = 99;
        assert_int_equal(
            bip39_entropy(span_of(bad[i], strlen(bad[i])), (struct room){out, sizeof out}, &size),
            ERR_MALFORMED);
        assert_int_equal(size, 99);
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_the_list_is_the_published_one),
        cmocka_unit_test(test_known_phrases),
        cmocka_unit_test(test_all_five_lengths),
        cmocka_unit_test(test_refuses_other_spellings),
    };
    return cmocka_run_group_tests_name("bip39", all, NULL, NULL);
}
