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

/* The transcript "SigningContext" after its first entry, "substrate" under an
 * empty label: the same for every signature.  A test makes it anew. */
const struct merlin sr25519_transcript_start = {
    .lanes = {0xb43c918aea5b7f9c, 0x072764650d0dd10a, 0xf62865302f6a61b3, 0x12d205a220e43b73,
              0x779d60096d0f71ba, 0x9413ee08306c3efa, 0x60475ed489396d09, 0xf6ac24a6e8f7b8f2,
              0xfbbb22e39500b6e1, 0x7dfe9569b2e545c8, 0x9858ffd17413847c, 0x7372066b63e02ec9,
              0x53030739602ac921, 0x05b0b7921bbbcc49, 0x887ebcce7fa88f7e, 0x34bc04ae45cb6f65,
              0x5017d979beaebeca, 0x4d5066b913bfe8c0, 0x6588dd6572594313, 0xd5209bcc0914f9ad,
              0x99b6971f044474f4, 0xd07ba81ee9defbdd, 0xe9965aa72db0f89b, 0x6e4ebb655b7ff047,
              0xf6fbd9bf6aa1fafe},
    .at = 59,
    .begun = 49,
};

void sr25519_transcript(struct merlin *t, struct span message, const uint8_t key[32])
{
    *t = sr25519_transcript_start;
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
