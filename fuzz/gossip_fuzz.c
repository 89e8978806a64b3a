#include "base/arena.h"
#include "p2p/gossip_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A signature is its message's first bytes, so that the fuzzer can make one. */
static void sign(void *ctx, struct span message, uint8_t out[GOSSIP_SIGNATURE_SIZE])
{
    (void)ctx;
    memset(out, 0, GOSSIP_SIGNATURE_SIZE);
    memcpy(out, message.ptr, min_u64(message.len, GOSSIP_SIGN_PREFIX_SIZE));
}

static bool verify(void *ctx, const uint8_t key[GOSSIP_PUBLIC_KEY_SIZE], struct span message,
                   const uint8_t signature[GOSSIP_SIGNATURE_SIZE])
{
    (void)ctx;
    (void)key;
    return memcmp(signature, message.ptr, 4) == 0;
}

static void drain(struct gossip *g, uint64_t now_ms)
{
    struct gossip_out out;
    while (gossip_poll(g, &out)) {
        if (out.kind == GOSSIP_OUT_MESSAGE)
            gossip_validate(g, out.message, (enum p2p_verdict)(out.message % 3), now_ms);
        if (out.kind == GOSSIP_OUT_RPC)
            gossip_credit(g, out.peer, GOSSIP_CREDIT_MAX);
    }
    gossip_check(g);
}

/* The input is a row of RPCs: a byte for the peer and the time, two for the
 * length.  Whatever peers say, every invariant holds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gossip_config c = {.peers = 4,
                              .seen = 64,
                              .seen_ms = 5000,
                              .cache = GOSSIP_RPC_MESSAGES_MAX,
                              .cache_bytes = 2 * GOSSIP_RPC_IN_MAX,
                              .flood_publish = true,
                              .keys = {sign, verify, NULL, {9}}};
    struct arena a;
    struct gossip *g;
    assert(arena_open(&a, gossip_arena_size(&c)) == ERR_OK);
    assert(gossip_init(&g, &a, &c, 0) == ERR_OK);
    assert(gossip_subscribe(g, "t", 0) == ERR_OK);
    for (uint32_t i = 0; i < c.peers; i++) {
        struct gossip_peer peer = {.outbound = i % 2 == 0,
                                   .protocol = (enum gossip_protocol)(i / 2)};
        peer.id.len = 1;
        peer.id.bytes[0] = (uint8_t)i;
        gossip_peer_up(g, i, &peer, 0);
        gossip_credit(g, i, GOSSIP_CREDIT_MAX);
    }
    uint64_t now_ms = 0;
    struct rd r = rd_init(span_of(data, size));
    while (r.left >= 3) {
        uint8_t how = rd_u8(&r);
        uint16_t length = rd_u16(&r);
        size_t len = min_u64(length, r.left);
        now_ms += (uint64_t)(how >> 2) * 100;
        gossip_on_rpc(g, how & 3, rd_take(&r, len), now_ms);
        drain(g, now_ms);
        gossip_on_time(g, now_ms);
        drain(g, now_ms);
    }
    arena_close(&a);
    return 0;
}
