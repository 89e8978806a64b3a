#include "base/test.h"
#include "codec/hex.h"
#include "p2p/peer_id.h"

static struct span bytes_of(const char *hex, struct room out)
{
    size_t len = strlen(hex) / 2;
    assert_int_equal(hex_decode(span_of(hex, 2 * len), (struct room){out.ptr, len}), ERR_OK);
    return span_of(out.ptr, len);
}

/* The ed25519 key of the peer-ids specification's test vectors. */
#define KEY_HEX "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"

static void test_ids_of_the_specification(void **state)
{
    (void)state;
    uint8_t memory[64], again[PEER_KEY_SIZE];
    struct peer_key key;
    struct span in = bytes_of(KEY_HEX, (struct room){memory, sizeof memory});
    assert_int_equal(peer_key_decode(in, &key), ERR_OK);
    peer_key_encode(&key, again);
    assert_true(span_equal(span_of(again, sizeof again), in));

    struct peer_id id = peer_id_of(&key), parsed;
    char text[P2P_ADDRESS_TEXT_MAX];
    peer_id_text(&id, text);
    assert_memory_equal(text, "12D3KooW", 8);
    assert_int_equal(peer_id_parse(text, &parsed), ERR_OK);
    assert_true(peer_id_equal(&id, &parsed));
}

static void test_both_spellings_of_an_id(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
        "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe"};
    struct peer_id a, b;
    assert_int_equal(peer_id_parse(ids[0], &a), ERR_OK);
    assert_int_equal(a.len, 34);
    assert_int_equal(peer_id_parse(ids[2], &b), ERR_OK);
    assert_true(peer_id_equal(&a, &b));
    assert_int_equal(peer_id_parse(ids[1], &b), ERR_OK);
    assert_int_equal(b.len, PEER_ID_ED25519_SIZE);
}

static enum err decode(const char *hex)
{
    uint8_t memory[64];
    struct peer_key key;
    return peer_key_decode(bytes_of(hex, (struct room){memory, sizeof memory}), &key);
}

#define X32 "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"

static void test_keys_have_one_form(void **state)
{
    (void)state;
    assert_int_equal(decode("08011220" X32), ERR_OK);
    assert_int_equal(decode(""), ERR_MALFORMED);
    assert_int_equal(decode("1220" X32 "0801"), ERR_MALFORMED);     /* order */
    assert_int_equal(decode("08011220" X32 "1a00"), ERR_MALFORMED); /* an extra field */
    assert_int_equal(decode("0881001220" X32), ERR_MALFORMED);      /* a longer number */
    assert_int_equal(decode("0801121f" X32), ERR_MALFORMED);
    assert_int_equal(decode("08041220" X32), ERR_MALFORMED); /* no such type */
    assert_int_equal(decode("08021220" X32), ERR_UNSUPPORTED);
    assert_int_equal(decode("08001220" X32), ERR_UNSUPPORTED);
    assert_int_equal(decode("08031220" X32), ERR_UNSUPPORTED);
}

static void test_refuses_ids(void **state)
{
    (void)state;
    struct peer_id id;
    static const char *const bad[] = {
        "",  "1",    "Qm",  "12D3KooW",
        "b", "bafz", "Qm0", "bafybeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(peer_id_parse(bad[i], &id), ERR_MALFORMED);
    uint8_t big[80] = {0, 78};
    assert_int_equal(peer_id_check(span_of(big, sizeof big), &id), ERR_TOO_BIG);
    assert_int_equal(peer_id_check(span_of(big, 40), &id), ERR_MALFORMED);
}

static void test_endpoints(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "/ip4/127.0.0.1/tcp/9000",
        "/ip6/::1/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct p2p_endpoint e;
        char text[P2P_ADDRESS_TEXT_MAX];
        assert_int_equal(p2p_endpoint_parse(texts[i], &e), ERR_OK);
        assert_int_equal(e.has_peer, i == 1);
        p2p_endpoint_text(&e, text);
        assert_string_equal(text, texts[i]);
    }
    struct p2p_endpoint e;
    assert_int_equal(p2p_endpoint_parse("/ip4/1.2.3.4/tcp/1/p2p/2NEpo7TZ", &e), ERR_MALFORMED);
    assert_int_equal(p2p_endpoint_parse("/dns/a/tcp/1", &e), ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_ids_of_the_specification),
        cmocka_unit_test(test_both_spellings_of_an_id),
        cmocka_unit_test(test_keys_have_one_form),
        cmocka_unit_test(test_refuses_ids),
        cmocka_unit_test(test_endpoints),
    };
    return cmocka_run_group_tests_name("peer_id", all, NULL, NULL);
}
