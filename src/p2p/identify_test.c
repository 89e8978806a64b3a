#include "base/test.h"
#include "codec/pb.h"
#include "p2p/identify.h"
#include "p2p/peers.h"
#include "p2p/protocols.h"

static const struct peer_key key = {{5}};

static struct identify sample(void)
{
    struct identify i = {.protocols = (1u << PROTOCOL_COUNT) - 1,
                         .has_observed = true,
                         .observed = {.family = 4, .address = {1, 2, 3, 4}, .port = 5},
                         .listen_count = 2,
                         .agent = "platform/test"};
    i.listen[0] = (struct p2p_endpoint){.family = 4, .address = {10, 0, 0, 1}, .port = 9000};
    i.listen[1] = (struct p2p_endpoint){.family = 6, .address = {0x20, 1}, .port = 9001};
    return i;
}

static struct span body(const struct identify *i, struct room room)
{
    struct wr w = wr_init(room);
    identify_encode(&w, &key, i);
    struct rd r = rd_init(wr_done(&w));
    uint64_t len = rd_uvarint(&r);
    assert_int_equal(len, r.left);
    return span_of(r.at, r.left);
}

static void test_both_ways(void **state)
{
    (void)state;
    uint8_t bytes[IDENTIFY_SIZE_MAX];
    struct identify in = sample(), out = {0};
    struct peer_id peer = peer_id_of(&key);
    struct span s = body(&in, (struct room){bytes, sizeof bytes});
    assert_int_equal(identify_merge(s, &peer, &out), ERR_OK);
    assert_int_equal(out.protocols, in.protocols);
    assert_int_equal(out.listen_count, 2);
    assert_int_equal(out.listen[1].family, 6);
    assert_int_equal(out.listen[1].port, 9001);
    assert_true(out.has_observed);
    assert_memory_equal(out.observed.address, in.observed.address, 4);
    assert_string_equal(out.agent, in.agent);
    /* Another peer's key. */
    struct peer_key other_key = {{6}};
    struct peer_id other = peer_id_of(&other_key);
    assert_int_equal(identify_merge(s, &other, &out), ERR_CONFLICT);
}

static void test_frames_add_up(void **state)
{
    (void)state;
    struct identify out = {0};
    struct peer_id peer = peer_id_of(&key);
    assert_int_equal(identify_merge(SPAN_LITERAL("\x1a\x0f/platform/bft/1"), &peer, &out), ERR_OK);
    assert_int_equal(identify_merge(SPAN_LITERAL("\x1a\x10/ipfs/ping/1.0.0\x1a\x01?"), &peer, &out),
                     ERR_OK);
    assert_int_equal(out.protocols, 1u << PROTOCOL_BFT | 1u << PROTOCOL_PING);
}

static void test_odd_content(void **state)
{
    (void)state;
    struct identify out = {0}, before;
    struct peer_id peer = peer_id_of(&key);
    char agent[102] = {0x32, 100};
    memset(agent + 2, '\n', 100);
    assert_int_equal(identify_merge(span_of(agent, sizeof agent), &peer, &out), ERR_OK);
    assert_int_equal(strlen(out.agent), IDENTIFY_AGENT_MAX - 1);
    assert_int_equal(out.agent[0], '_');
    /* Addresses of other kinds are skipped; broken ones are not. */
    assert_int_equal(
        identify_merge(SPAN_LITERAL("\x12\x0b\x04\1\2\3\4\x91\2\x10\x92\xcd\3"), &peer, &out),
        ERR_OK);
    assert_int_equal(out.listen_count, 0);
    before = out;
    assert_int_equal(identify_merge(SPAN_LITERAL("\x1a\x01x\x12\x03\x04\1\2"), &peer, &out),
                     ERR_MALFORMED);
    assert_int_equal(identify_merge(SPAN_LITERAL("\x18\x01"), &peer, &out), ERR_MALFORMED);
    assert_int_equal(identify_merge(SPAN_LITERAL("\x1a"), &peer, &out), ERR_MALFORMED);
    assert_memory_equal(&before, &out, sizeof out); /* untouched on failure */
    static uint8_t big[IDENTIFY_FRAME_MAX + 1];
    assert_int_equal(identify_merge(span_of(big, sizeof big), &peer, &out), ERR_TOO_BIG);
}

static void test_peers_both_ways(void **state)
{
    (void)state;
    static struct peers_entry in[PEERS_MAX], out[PEERS_MAX];
    static uint8_t bytes[PEERS_FRAME_MAX];
    for (uint8_t i = 0; i < PEERS_MAX; i++) {
        struct peer_key k = {{i}};
        in[i] = (struct peers_entry){.peer = peer_id_of(&k), .count = 1 + i % PEERS_ADDRESSES_MAX};
        for (uint8_t a = 0; a < in[i].count; a++)
            in[i].addresses[a] =
                (struct p2p_endpoint){.family = 4, .address = {1, 2, i, a}, .port = 7};
    }
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    peers_encode(&w, in, PEERS_MAX);
    struct rd r = rd_init(wr_done(&w));
    uint32_t count = 0;
    uint64_t len = rd_uvarint(&r);
    assert_int_equal(len, r.left);
    assert_int_equal(peers_decode(span_of(r.at, r.left), out, &count), ERR_OK);
    assert_int_equal(count, PEERS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(peer_id_equal(&in[i].peer, &out[i].peer));
        assert_int_equal(in[i].count, out[i].count);
        assert_memory_equal(in[i].addresses[0].address, out[i].addresses[0].address, 4);
    }
    /* One more is one too many. */
    static uint8_t more[2 * PEERS_FRAME_MAX];
    struct wr m = wr_init((struct room){more, sizeof more});
    wr_raw(&m, span_of(r.at, r.left));
    wr_raw(&m, SPAN_LITERAL("\x0a\x05\x0a\x03\x00\x01x"));
    assert_int_equal(peers_decode(wr_done(&m), out, &count), ERR_TOO_BIG);
    assert_int_equal(peers_decode(SPAN_LITERAL("\x0a\x00"), out, &count), ERR_MALFORMED);
    assert_int_equal(peers_decode(SPAN_LITERAL("\x0a\x05\x0a\x03\x00\x09x"), out, &count),
                     ERR_MALFORMED);
    assert_int_equal(peers_decode(SPAN_LITERAL(""), out, &count), ERR_OK);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_frames_add_up),
        cmocka_unit_test(test_odd_content),
        cmocka_unit_test(test_peers_both_ways),
    };
    return cmocka_run_group_tests_name("identify", all, NULL, NULL);
}
