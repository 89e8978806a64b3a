/* extrinsic: calls, eras, signing payloads and signed extrinsics, byte for byte
 * what a runtime expects.
 *
 * Layer: L2 (chain).  Pure.  Numbers and shapes come from the metadata.
 *
 *   XT-1  A call that was built is a value of the runtime's own call type:
 *         metadata_skip has walked it.
 *   XT-2  Nothing is signed for a runtime with an extension that is unknown here
 *         and has bytes, or whose bytes are not of the shape we write.
 *   XT-3  extrinsic_decode(extrinsic_assemble(x)) == x. */
#ifndef CHAIN_EXTRINSIC_H
#define CHAIN_EXTRINSIC_H

#include "chain/metadata.h"

enum {
    CALL_SIZE_MAX = 64 << 10,
    EXTRA_SIZE_MAX = 64,
    IMPLICIT_SIZE_MAX = 256,
    EXTRINSIC_SIZE_MAX = CALL_SIZE_MAX + 256,
    CALL_WEIGHTS_MAX = 4096,   /* uids in one weight vector */
    CALL_COMMITMENT_MAX = 128, /* bytes of one commitment field */
    SIGNED_PLAIN_MAX = 256,    /* longer payloads are signed by their hash */
    ERA_PERIOD_MIN = 4,
    ERA_PERIOD_MAX = 65536,
};

struct call_weights {
    uint16_t netuid;
    uint8_t mechanism;
    uint32_t count;
    const uint16_t *uids;
    const uint16_t *values;
    uint64_t version_key;
};

struct call_axon {
    uint16_t netuid;
    uint32_t version;
    uint8_t ip[16]; /* big-endian; an IPv4 address in the last four bytes */
    uint16_t port;
    uint8_t ip_type; /* 4 or 6 */
    uint8_t protocol;
};

/* The builders append a call to w.  ERR_UNSUPPORTED: the runtime has no such
 * call, or not of this shape; ERR_TOO_BIG: it does not fit.  With mechanism 0
 * the plain form is used where the runtime has it. */
enum err call_set_weights(const struct metadata *m, const struct call_weights *c, struct wr *w);
enum err call_commit_weights(const struct metadata *m, uint16_t netuid, uint8_t mechanism,
                             const struct hash *commit, struct wr *w);
enum err call_reveal_weights(const struct metadata *m, const struct call_weights *c,
                             const uint16_t *salt, uint32_t salt_count, struct wr *w);
/* One field of 1 .. CALL_COMMITMENT_MAX raw bytes. */
enum err call_set_commitment(const struct metadata *m, uint16_t netuid, struct span data,
                             struct wr *w);
enum err call_burned_register(const struct metadata *m, uint16_t netuid,
                              const struct hotkey *hotkey, struct wr *w);
enum err call_serve_axon(const struct metadata *m, const struct call_axon *c, struct wr *w);
enum err call_remark(const struct metadata *m, struct span remark, struct wr *w);

/* call_commitment_info: the CommitmentInfo alone, as CommitmentOf keeps it. */
enum err call_commitment_info(const struct metadata *m, struct span data, struct wr *w);

/* call_commit_hash: what commit_weights announces and reveal_weights opens.
 * BLAKE2b-256(hotkey | index u16 | uids | values | salt | version key), where
 * index is netuid + 4096 * mechanism. */
struct hash call_commit_hash(const struct hotkey *hotkey, const struct call_weights *c,
                             const uint16_t *salt, uint32_t salt_count);

/* An era: a span of blocks in which an extrinsic may be included. */
struct era {
    bool mortal;
    uint32_t period; /* a power of two in ERA_PERIOD_MIN .. ERA_PERIOD_MAX */
    uint32_t phase;
};

struct era era_at(uint64_t block, uint32_t period);
/* The block whose hash an extrinsic of this era names when current is the head,
 * and the first block that no longer takes it. */
uint64_t era_birth(const struct era *e, uint64_t current);
uint64_t era_death(const struct era *e, uint64_t current);
void era_encode(const struct era *e, struct wr *w);
struct era era_decode(struct rd *r);

struct extrinsic_terms {
    struct era era;
    uint64_t nonce;
    uint64_t tip;
    uint32_t spec_version, tx_version;
    struct hash genesis;
    struct hash birth; /* the hash of the birth block; genesis when immortal */
};

/* extrinsic_extras writes what travels (extra) and what is only signed
 * (implicit), extension by extension.  ERR_UNSUPPORTED: XT-2. */
enum err extrinsic_extras(const struct metadata *m, const struct extrinsic_terms *t,
                          struct wr *extra, struct wr *implicit);

/* extrinsic_message: the bytes to sign for call | extra | implicit: themselves
 * or, when longer than SIGNED_PLAIN_MAX, their BLAKE2b-256.  out has room for
 * SIGNED_PLAIN_MAX bytes; returns how many were written. */
size_t extrinsic_message(struct span call, struct span extra, struct span implicit,
                         uint8_t out[SIGNED_PLAIN_MAX]);

/* extrinsic_assemble: the whole, length first.  ERR_TOO_BIG. */
enum err extrinsic_assemble(const struct hotkey *signer, const struct signature *signature,
                            struct span extra, struct span call, struct wr *w);

struct extrinsic {
    bool is_signed;
    struct hotkey signer;
    struct signature signature;
    struct era era;
    uint64_t nonce, tip;
    struct span extra; /* borrowed from the input, like call */
    struct span call;
};

/* extrinsic_decode: hostile bytes.  Only account addresses and sr25519
 * signatures: others are ERR_UNSUPPORTED.  call is a value of the runtime's
 * call type (XT-1), or the whole is ERR_MALFORMED. */
enum err extrinsic_decode(const struct metadata *m, struct span bytes, struct extrinsic *out);

/* call_check: ERR_OK when bytes are exactly one call of the runtime. */
enum err call_check(const struct metadata *m, struct span bytes);

#endif
