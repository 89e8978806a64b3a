#include "crypto/x25519.h"

#include <sodium.h>

void x25519_public(const uint8_t secret[X25519_SIZE], uint8_t out[X25519_SIZE])
{
    int bad = crypto_scalarmult_curve25519_base(out, secret);
    assert(bad == 0);
}

enum err x25519_shared(const uint8_t secret[X25519_SIZE], const uint8_t peer[X25519_SIZE],
                       uint8_t out[X25519_SIZE])
{
    uint8_t shared[X25519_SIZE];
    if (crypto_scalarmult_curve25519(shared, secret, peer) != 0)
        return ERR_BAD_KEY;
    memcpy(out, shared, X25519_SIZE);
    sodium_memzero(shared, sizeof shared);
    return ERR_OK;
}
