#include "crypto/hash.h"

#include <openssl/sha.h>
#include <sodium.h>

static_assert(sizeof(crypto_generichash_state) <= sizeof(struct hasher));

void hasher_open(struct hasher *h, const char *tag)
{
    assert(strlen(tag) == HASH_TAG_SIZE);
    crypto_generichash_init((crypto_generichash_state *)(void *)h->state, NULL, 0, HASH_SIZE);
    hasher_add(h, span_of(tag, HASH_TAG_SIZE));
}

void hasher_add(struct hasher *h, struct span bytes)
{
    crypto_generichash_update((crypto_generichash_state *)(void *)h->state, bytes.ptr, bytes.len);
}

struct hash hasher_close(struct hasher *h)
{
    struct hash out;
    crypto_generichash_final((crypto_generichash_state *)(void *)h->state, out.bytes, HASH_SIZE);
    return out;
}

struct hash hash_tagged(const char *tag, struct span bytes)
{
    struct hasher h;
    hasher_open(&h, tag);
    hasher_add(&h, bytes);
    return hasher_close(&h);
}

struct hash hash_blake2b(struct span bytes)
{
    struct hash out;
    crypto_generichash(out.bytes, HASH_SIZE, bytes.ptr, bytes.len, NULL, 0);
    return out;
}

struct hash hash_sha256(struct span bytes)
{
    struct hash out;
    SHA256(bytes.ptr, bytes.len, out.bytes);
    return out;
}

struct hash hash_sha256_2(struct span a, struct span b)
{
    struct hash out;
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, a.ptr, a.len);
    crypto_hash_sha256_update(&state, b.ptr, b.len);
    crypto_hash_sha256_final(&state, out.bytes);
    return out;
}

void hash_sha512(struct span bytes, uint8_t out[64])
{
    SHA512(bytes.ptr, bytes.len, out);
}

void hash_blake2b_128(struct span bytes, uint8_t out[16])
{
    crypto_generichash(out, 16, bytes.ptr, bytes.len, NULL, 0);
}
