#include "crypto/sr25519_claim.h"

#include <sodium.h>

bool sr25519_scalar_ok(const uint8_t s[32])
{
    /* L = 2^252 + 27742317777372353535851937790883648493, little-endian. */
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    for (int i = 31; i >= 0; i--)
        if (s[i] != order[i])
            return s[i] < order[i];
    return false;
}

void sr25519_transcript(struct merlin *t, struct span message, const uint8_t key[32])
{
    merlin_init(t, "SigningContext");
    merlin_append(t, "", SPAN_LITERAL("substrate"));
    merlin_append(t, "sign-bytes", message);
    merlin_append(t, "proto-name", SPAN_LITERAL("Schnorr-sig"));
    merlin_append(t, "sign:pk", span_of(key, 32));
}

void sr25519_challenge(struct merlin *t, const uint8_t r[32], uint8_t k[32])
{
    uint8_t wide[64];
    merlin_append(t, "sign:R", span_of(r, 32));
    merlin_challenge(t, "sign:c", (struct room){wide, sizeof wide});
    crypto_core_ristretto255_scalar_reduce(k, wide);
}

bool sr25519_claim_read(const struct hotkey *key, struct span message, const struct signature *s,
                        struct sr25519_claim *out)
{
    static const uint8_t zero[32];
    if ((key->bytes[31] & 0x80) != 0 || memcmp(key->bytes, zero, 32) == 0)
        return false;
    if ((s->bytes[63] & 0x80) == 0)
        return false;

    struct sr25519_claim c;
    memcpy(c.key, key->bytes, 32);
    memcpy(c.r, s->bytes, 32);
    memcpy(c.s, s->bytes + 32, 32);
    c.s[31] &= 0x7f;
    if (!sr25519_scalar_ok(c.s))
        return false;

    struct merlin t;
    sr25519_transcript(&t, message, c.key);
    sr25519_challenge(&t, c.r, c.k);
    *out = c;
    return true;
}
