/* hmac: keyed hashes and the key derivation of Noise and BIP39.
 *
 * Layer: L1.  Pure, over libsodium and OpenSSL.  Outputs may be secrets: the
 * caller wipes them. */
#ifndef CRYPTO_HMAC_H
#define CRYPTO_HMAC_H

#include "base/base.h"

/* hmac_sha256: RFC 2104; key of any length. */
void hmac_sha256(struct span key, struct span message, uint8_t out[32]);

/* hmac_hkdf: HKDF-SHA256 (RFC 5869) with salt and an empty info, as the Noise
 * specification cuts it: two or three outputs of 32 bytes, third may be NULL.
 * The outputs may be the salt's own bytes. */
void hmac_hkdf(struct span salt, struct span material, uint8_t first[32], uint8_t second[32],
               uint8_t *third);

/* hmac_pbkdf2_sha512: RFC 8018.  rounds > 0; out.len > 0. */
void hmac_pbkdf2_sha512(struct span password, struct span salt, uint32_t rounds, struct room out);

#endif
