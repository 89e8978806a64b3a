#include <sodium.h>

#include "crypto/point.h"
#include "crypto/sr25519.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Our decoder against libsodium's, whose only fault is the top bit. */
static void decode(const uint8_t in[32])
{
    struct point p;
    uint8_t back[32];
    bool wanted = (in[31] & 0x80) == 0 && crypto_core_ristretto255_is_valid_point(in) == 1;
    bool good = point_decode(in, &p);
    assert(good == wanted);
    if (!good)
        return;
    point_encode(&p, back);
    assert(memcmp(back, in, 32) == 0);
}

/* Every way to verify against the one that libsodium computes. */
static void verify(const struct sr25519_item *item, const uint8_t entropy[32])
{
    _Alignas(16) uint8_t memory[1 << 15];
    struct sr25519_prepared *p = (struct sr25519_prepared *)(void *)memory;
    assert(sr25519_prepared_size() <= sizeof memory);
    struct sr25519_item twice[2] = {*item, *item};
    bool valid[2];
    bool wanted = sr25519_verify_sodium(&item->key, item->message, &item->signature);
    assert(sr25519_verify(&item->key, item->message, &item->signature) == wanted);
    assert(sr25519_verify_batch(twice, 2, entropy, valid) == wanted);
    bool prepared = sr25519_prepare(&item->key, p) == ERR_OK &&
                    sr25519_verify_prepared(p, item->message, &item->signature);
    assert(prepared == wanted);
}

/* key | signature | message as they come; then the first 32 bytes as a seed whose
 * signature is bent by the next 96, so that what is refused is nearly right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sr25519_item item;
    struct sr25519_keypair *k;
    if (size < 128)
        return 0;
    memcpy(item.key.bytes, data, 32);
    memcpy(item.signature.bytes, data + 32, 64);
    item.message = span_of(data + 96, size - 96);
    decode(data);
    decode(data + 32);
    verify(&item, data);

    if (sr25519_from_seed(span_of(data, 32), &k) != ERR_OK)
        return 0;
    item.key = *sr25519_public(k);
    sr25519_sign(k, item.message, data + 96, &item.signature);
    sr25519_close(k);
    for (unsigned i = 0; i < 32; i++)
        item.key.bytes[i] ^= data[32 + i];
    for (unsigned i = 0; i < 64; i++)
        item.signature.bytes[i] ^= data[64 + i];
    verify(&item, data);
    return 0;
}
