#include "crypto/hmac.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "crypto/hash.h"

void hmac_sha256(struct span key, struct span message, uint8_t out[32])
{
    uint8_t block[64] = {0};
    if (key.len > sizeof block)
        memcpy(block, hash_sha256(key).bytes, HASH_SIZE);
    else if (key.len != 0)
        memcpy(block, key.ptr, key.len);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36;
    struct hash inner = hash_sha256_2(span_of(block, sizeof block), message);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= 0x36 ^ 0x5c;
    struct hash outer = hash_sha256_2(span_of(block, sizeof block), hash_span(&inner));
    memcpy(out, outer.bytes, HASH_SIZE);
    sodium_memzero(block, sizeof block);
    sodium_memzero(&inner, sizeof inner);
    sodium_memzero(&outer, sizeof outer);
}

void hmac_hkdf(struct span salt, struct span material, uint8_t first[32], uint8_t second[32],
               uint8_t *third)
{
    uint8_t key[32], block[33], made[3][32];
    hmac_sha256(salt, material, key);
    block[32] = 1;
    hmac_sha256(span_of(key, 32), span_of(block + 32, 1), made[0]);
    for (uint8_t i = 1; i < 3; i++) {
        memcpy(block, made[i - 1], 32);
        block[32] = (uint8_t)(i + 1);
        hmac_sha256(span_of(key, 32), span_of(block, 33), made[i]);
    }
    memcpy(first, made[0], 32);
    memcpy(second, made[1], 32);
    if (third != NULL)
        memcpy(third, made[2], 32);
    sodium_memzero(key, sizeof key);
    sodium_memzero(block, sizeof block);
    sodium_memzero(made, sizeof made);
}

void hmac_pbkdf2_sha512(struct span password, struct span salt, uint32_t rounds, struct room out)
{
    assert(password.len <= INT32_MAX && salt.len <= INT32_MAX && out.len <= INT32_MAX);
    assert(rounds > 0 && rounds <= INT32_MAX && out.len > 0);
    int good = PKCS5_PBKDF2_HMAC((const char *)password.ptr, (int)password.len, salt.ptr,
                                 (int)salt.len, (int)rounds, EVP_sha512(), (int)out.len, out.ptr);
    assert(good == 1);
}
