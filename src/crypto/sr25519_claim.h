/* sr25519_claim: a signature taken apart and checked for form, and the
 * transcript that both sides hash.
 *
 * Layer: L1, inside the folder.  Pure; sees no secret. */
#ifndef CRYPTO_SR25519_CLAIM_H
#define CRYPTO_SR25519_CLAIM_H

#include "crypto/merlin.h"

/* It claims that R = s*B - k*key. */
struct sr25519_claim {
    uint8_t key[32]; /* Not yet decoded; top bit clear and not zero. */
    uint8_t r[32];   /* Not yet decoded. */
    uint8_t s[32];   /* Below the group order. */
    uint8_t k[32];   /* Below the group order. */
};

extern const struct merlin sr25519_transcript_start;

/* sr25519_transcript: everything up to and with the public key. */
void sr25519_transcript(struct merlin *t, struct span message, const uint8_t key[32]);

/* sr25519_challenge: adds R and draws k. */
void sr25519_challenge(struct merlin *t, const uint8_t r[32], uint8_t k[32]);

/* sr25519_claim_read: the checks of form (SR-1 to SR-3, but for decoding), and
 * k.  false: refuse the signature. */
bool sr25519_claim_read(const struct hotkey *key, struct span message, const struct signature *s,
                        struct sr25519_claim *out);

/* sr25519_scalar_ok: the little-endian number is below the group order. */
bool sr25519_scalar_ok(const uint8_t s[32]);

#endif
