/* x25519: Diffie-Hellman for the Noise handshake (RFC 7748).
 *
 * Layer: L1.  Pure and constant time, over libsodium.  Secret scalars are the
 * caller's 32 random bytes; it wipes them (secret_wipe). */
#ifndef CRYPTO_X25519_H
#define CRYPTO_X25519_H

#include "base/base.h"

enum { X25519_SIZE = 32 };

void x25519_public(const uint8_t secret[X25519_SIZE], uint8_t out[X25519_SIZE]);

/* x25519_shared.  ERR_BAD_KEY: the result is all zero, which a peer brings
 * about with a point of small order. */
enum err x25519_shared(const uint8_t secret[X25519_SIZE], const uint8_t peer[X25519_SIZE],
                       uint8_t out[X25519_SIZE]);

#endif
