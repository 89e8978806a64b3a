/* hash: the digests of the tree.
 *
 * Layer: L1.  Pure; libsodium's BLAKE2b and OpenSSL's SHA-2.
 *
 * BLAKE2b-256 names everything of ours (blobs, operations, states) under a tag
 * of eight letters, so that no two kinds of thing share a preimage.  SHA-256
 * is for the audit log (RFC 6962) and for libp2p. */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include "base/base.h"

enum { HASH_TAG_SIZE = 8 };

/* hash_tagged: BLAKE2b-256(tag | bytes).  tag has exactly eight letters. */
struct hash hash_tagged(const char *tag, struct span bytes);

/* hash_blake2b: plain BLAKE2b-256, the name of a blob and of a chain's data. */
struct hash hash_blake2b(struct span bytes);

struct hash hash_sha256(struct span bytes);

/* hash_sha256_2: SHA-256(a | b), without joining them. */
struct hash hash_sha256_2(struct span a, struct span b);

/* hash_blake2b_128: with 16 bytes, as in the storage keys of a chain. */
void hash_blake2b_128(struct span bytes, uint8_t out[16]);

/* The same in pieces: open, add as often as needed, close. */
struct hasher {
    _Alignas(64) uint8_t state[384];
};

void hasher_open(struct hasher *h, const char *tag);
void hasher_add(struct hasher *h, struct span bytes);
struct hash hasher_close(struct hasher *h);

#endif
