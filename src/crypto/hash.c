#include "crypto/hash.h"

/* OpenSSL 3 looks an algorithm up by name for every digest, which costs more than
 * a short one itself; only these older calls do not. */
#define OPENSSL_SUPPRESS_DEPRECATED
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
    return hash_sha256_2(bytes, (struct span){0});
}

struct hash hash_sha256_2(struct span a, struct span b)
{
    struct hash out;
    SHA256_CTX state;
    SHA256_Init(&state);
    SHA256_Update(&state, a.ptr, a.len);
    SHA256_Update(&state, b.ptr, b.len);
    SHA256_Final(out.bytes, &state);
    return out;
}

void hash_blake2b_128(struct span bytes, uint8_t out[16])
{
    crypto_generichash(out, 16, bytes.ptr, bytes.len, NULL, 0);
}
