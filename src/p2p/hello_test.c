#include "base/test.h"
#include "codec/pb.h"
#include "p2p/hello.h"

static struct ed25519_keypair *identity(uint8_t first)
{
    uint8_t seed[32] = {first};
    struct ed25519_keypair *k;
    assert_int_equal(ed25519_open(span_of(seed, sizeof seed), &k), ERR_OK);
    return k;
}

static void test_both_ways(void **state)
{
    (void)state;
    uint8_t key[32] = {7}, bytes[HELLO_SIZE_MAX];
    struct ed25519_keypair *k = identity(1);
    struct hello h;
    size_t len = hello_encode(k, key, bytes);
    assert_int_equal(hello_decode(span_of(bytes, len), key, &h), ERR_OK);
    assert_memory_equal(h.key.bytes, ed25519_public(k), 32);
    assert_int_equal(h.muxer, HELLO_YAMUX);
    /* Every cut and every flipped bit; a flip may land in the tag of a field
     * that is optional, but never changes who the peer is. */
    for (size_t cut = 0; cut < len; cut++)
        if (hello_decode(span_of(bytes, cut), key, &h) == ERR_OK)
            assert_int_equal(h.muxer, HELLO_NEGOTIATE);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (hello_decode(span_of(bytes, len), key, &h) == ERR_OK) {
            assert_memory_equal(h.key.bytes, ed25519_public(k), 32);
            assert_int_not_equal(h.muxer, HELLO_YAMUX);
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    key[0] = 8;
    assert_int_equal(hello_decode(span_of(bytes, len), key, &h), ERR_BAD_SIGNATURE);
    ed25519_close(k);
}

static void test_lists_of_muxers(void **state)
{
    (void)state;
    static const struct {
        const char *extensions;
        size_t len;
        enum hello_muxer want;
    } cases[] = {
        {"", 0, HELLO_NEGOTIATE},
        {"\x12\x0d/mplex/6.7.0x", 15, HELLO_NO_MUXER},
        {"\x12\x0c/mplex/6.7.0\x12\x0c/yamux/1.0.0", 28, HELLO_YAMUX},
        {"\x12\x0c/yamux/1.0.0\x12\x0c/mplex/6.7.0", 28, HELLO_YAMUX},
    };
    uint8_t key[32] = {7}, bytes[HELLO_SIZE_MAX], mine[256];
    struct ed25519_keypair *k = identity(1);
    size_t len = hello_encode(k, key, bytes);
    struct rd r = rd_init(span_of(bytes, len));
    struct pb_field id, sig;
    assert_true(pb_next(&r, &id) && pb_next(&r, &sig));
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wr w = wr_init((struct room){mine, sizeof mine});
        struct hello h;
        wr_pb_bytes(&w, 1, id.bytes);
        wr_pb_bytes(&w, 2, sig.bytes);
        wr_pb_bytes(&w, 4, span_of(cases[i].extensions, cases[i].len));
        wr_pb_bytes(&w, 99, SPAN_LITERAL("unknown"));
        assert_int_equal(hello_decode(wr_done(&w), key, &h), ERR_OK);
        assert_int_equal(h.muxer, cases[i].want);
        wr_pb_bytes(&w, 1, id.bytes); /* an identity twice */
        assert_int_equal(hello_decode(wr_done(&w), key, &h), ERR_MALFORMED);
    }
    ed25519_close(k);
}

static void test_refuses_other_keys(void **state)
{
    (void)state;
    uint8_t key[32] = {7}, mine[256];
    struct hello h;
    uint8_t rsa[36] = {0x08, 0x00, 0x12, 32}, low[36] = {0x08, 0x01, 0x12, 32, 1}, sig[64] = {1};
    struct wr w = wr_init((struct room){mine, sizeof mine});
    wr_pb_bytes(&w, 1, span_of(rsa, sizeof rsa));
    wr_pb_bytes(&w, 2, span_of(sig, sizeof sig));
    assert_int_equal(hello_decode(wr_done(&w), key, &h), ERR_UNSUPPORTED);
    /* The neutral element: its "signature" would fit every message. */
    w = wr_init((struct room){mine, sizeof mine});
    wr_pb_bytes(&w, 1, span_of(low, sizeof low));
    wr_pb_bytes(&w, 2, span_of(sig, sizeof sig));
    assert_int_equal(hello_decode(wr_done(&w), key, &h), ERR_BAD_SIGNATURE);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_lists_of_muxers),
        cmocka_unit_test(test_refuses_other_keys),
    };
    return cmocka_run_group_tests_name("hello", all, NULL, NULL);
}
