/* gossip_test: a world of gossip cores in memory and virtual time, and a raw
 * peer that says whatever a test likes.  Included by tests only. */
#ifndef P2P_GOSSIP_TEST_H
#define P2P_GOSSIP_TEST_H

#include "base/test.h"
#include "base/prng.h"
#include "crypto/ed25519.h"
#include "p2p/gossip_wire.h"

enum { NODES_MAX = 16, PACKETS_MAX = 4096, LOG_MAX = 4096 };

struct identity {
    struct ed25519_keypair *keys;
    uint8_t public[GOSSIP_PUBLIC_KEY_SIZE];
};

static inline void identity_sign(void *ctx, struct span message, uint8_t out[64])
{
    const struct identity *id = ctx;
    ed25519_sign(id->keys, message, out);
}

static inline bool identity_verify(void *ctx, const uint8_t key[32], struct span message,
                                   const uint8_t signature[64])
{
    (void)ctx;
    return ed25519_verify(key, message, signature);
}

static inline void identity_open(struct identity *id, uint8_t number)
{
    uint8_t seed[ED25519_SEED_SIZE] = {number + 1};
    assert_int_equal(ed25519_open(span_of(seed, sizeof seed), &id->keys), ERR_OK);
    memcpy(id->public, ed25519_public(id->keys), sizeof id->public);
}

static inline struct gossip_peer identity_peer(const struct identity *id, bool outbound)
{
    struct gossip_peer peer = {.outbound = outbound, .protocol = GOSSIP_V11};
    peer.id.len = GOSSIP_FROM_SIZE;
    gossip_wire_from(id->public, peer.id.bytes);
    return peer;
}

static inline struct gossip_config identity_config(struct identity *id, uint64_t seed)
{
    struct gossip_config c = {.peers = NODES_MAX,
                              .seen = 4096,
                              .seen_ms = 120000,
                              .cache = 1024,
                              .cache_bytes = 2 * GOSSIP_RPC_IN_MAX,
                              .flood_publish = true,
                              .seqno_start = 1000,
                              .seed = seed,
                              .secret = {seed, 7},
                              .keys = {identity_sign, identity_verify, id, {0}}};
    memcpy(c.keys.self, id->public, sizeof c.keys.self);
    return c;
}

#endif
