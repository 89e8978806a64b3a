#include "base/test.h"
#include "codec/hex.h"
#include "codec/multiaddr.h"

static void round_trip(const char *text, const char *hex)
{
    struct multiaddr m, back;
    uint8_t bytes[MULTIADDR_SIZE_MAX];
    char again[MULTIADDR_TEXT_MAX], digits[2 * MULTIADDR_SIZE_MAX + 1];
    assert_int_equal(multiaddr_parse(text, &m), ERR_OK);
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    multiaddr_encode(&w, &m);
    hex_encode(wr_done(&w), digits, sizeof digits);
    assert_string_equal(digits, hex);
    assert_int_equal(multiaddr_decode(wr_done(&w), &back), ERR_OK);
    multiaddr_text(&back, again);
    assert_string_equal(again, text);
}

static void test_both_ways(void **state)
{
    (void)state;
    round_trip("/ip4/127.0.0.1/tcp/4242", "047f000001061092");
    round_trip("/ip6/2001:db8::1/tcp/65535", "2920010db8000000000000000000000001"
                                             "06ffff");
    round_trip("/ip4/1.2.3.4/tcp/80/p2p/QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC",
               "0401020304060050"
               "a50322"
               "1220d52ebb89d85b02a284948203a62ff28389c57c9f42beec4ec20db76a68911c0b");
}

static enum err decode(const char *hex)
{
    uint8_t bytes[128];
    struct multiaddr m;
    size_t len = strlen(hex) / 2;
    assert_int_equal(hex_decode(span_of(hex, 2 * len), (struct room){bytes, len}), ERR_OK);
    return multiaddr_decode(span_of(bytes, len), &m);
}

/* A peer as long as there is room for, and one byte more. */
static void test_a_peer_has_room(void **state)
{
    (void)state;
    static const uint8_t head[] = {4, 127, 0, 0, 1, 6, 0x10, 0x92, 0xa5, 3};
    for (size_t len = MULTIADDR_PEER_MAX - 1; len <= MULTIADDR_PEER_MAX + 1; len++) {
        struct multiaddr m = {.port = 7};
        uint8_t bytes[sizeof head + 1 + MULTIADDR_PEER_MAX + 1];
        memset(bytes, 0xaa, sizeof bytes);
        memcpy(bytes, head, sizeof head);
        bytes[sizeof head] = (uint8_t)len;
        static_assert(MULTIADDR_PEER_MAX + 1 < 128);
        enum err e = multiaddr_decode(span_of(bytes, sizeof head + 1 + len), &m);
        assert_int_equal(e, len <= MULTIADDR_PEER_MAX ? ERR_OK : ERR_UNSUPPORTED);
        assert_int_equal(m.peer_len, len <= MULTIADDR_PEER_MAX ? len : 0);
    }
}

static void test_decode_refuses(void **state)
{
    (void)state;
    assert_int_equal(decode(""), ERR_MALFORMED);
    assert_int_equal(decode("047f0000"), ERR_MALFORMED);     /* short */
    assert_int_equal(decode("047f00000106"), ERR_MALFORMED); /* no port */
    assert_int_equal(decode("047f000001061092a50305aa"), ERR_MALFORMED);
    assert_int_equal(decode("84007f000001061092"), ERR_MALFORMED); /* a longer spelling of ip4 */
    assert_int_equal(decode("047f000001"), ERR_UNSUPPORTED);
    assert_int_equal(decode("047f0000019102"
                            "1092"
                            "cd03"),
                     ERR_UNSUPPORTED);                                 /* udp, quic-v1 */
    assert_int_equal(decode("047f000001061092dd03"), ERR_UNSUPPORTED); /* ws */
    /* A second address, port or peer, or one in another's place. */
    assert_int_equal(decode("047f0000010610920401020304"), ERR_UNSUPPORTED);
    assert_int_equal(decode("047f000001061092061092"), ERR_UNSUPPORTED);
    assert_int_equal(decode("047f000001061092a50301aaa50301bb"), ERR_UNSUPPORTED);
    assert_int_equal(decode("047f000001a50301aa061092"), ERR_UNSUPPORTED);
    assert_int_equal(decode("061092047f000001"), ERR_UNSUPPORTED);
    assert_int_equal(decode("047f000001061092a50300"), ERR_UNSUPPORTED); /* a peer of no bytes */
    assert_int_equal(decode("ff7f"), ERR_UNSUPPORTED);                   /* no such protocol */
    assert_int_equal(decode("36"
                            "03"
                            "616263"
                            "061092"),
                     ERR_UNSUPPORTED); /* dns4 */
}

static void test_parse_refuses(void **state)
{
    (void)state;
    struct multiaddr m;
    static const char *const bad[] = {
        "", "/", "ip4/1.2.3.4/tcp/1", "/ip4/1.2.3/tcp/1", "/ip4/1.2.3.4/tcp/65536",
        "/ip4/1.2.3.4/tcp/01", "/ip4/1.2.3.4/tcp/", "/ip4/1.2.3.4/tcp", "/ip4/1.2.3.4/tcp/1/p2p/0",
        "/ip4/1.2.3.4/tcp/1/p2p/", "/ip6/127.0.0.1/tcp/1", "/ip4/1.2.3.4/tcp/-1",
        "/ip4/1.2.3.4/tcp/1:", "/ip4//tcp/1",
        /* An address of 64 characters, which fills the room. */
        "/ip6/0000000000000000000000000000000000000000000000000000000000000001/tcp/1"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(multiaddr_parse(bad[i], &m), ERR_MALFORMED);
    assert_int_equal(multiaddr_parse("/dns4/a.b/tcp/1", &m), ERR_UNSUPPORTED);
    assert_int_equal(multiaddr_parse("/ip4/1.2.3.4/udp/1", &m), ERR_UNSUPPORTED);
    assert_int_equal(multiaddr_parse("/ip4/1.2.3.4/udp/1/quic-v1", &m), ERR_UNSUPPORTED);
    assert_int_equal(multiaddr_parse("/ip4/1.2.3.4/tcp/1/p2p/2/ws", &m), ERR_UNSUPPORTED);
    assert_int_equal(multiaddr_parse("/ip4/1.2.3.4/tcp/1/ws", &m), ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_a_peer_has_room),
        cmocka_unit_test(test_decode_refuses),
        cmocka_unit_test(test_parse_refuses),
    };
    return cmocka_run_group_tests_name("multiaddr", all, NULL, NULL);
}
