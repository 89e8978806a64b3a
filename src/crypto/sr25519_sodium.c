#include "crypto/sr25519.h"

#include <sodium.h>

#include "crypto/sr25519_claim.h"

/* libsodium reports an identity result as an error although the element is a
 * good one; its encoding is 32 zero bytes. */
static void multiply_base(uint8_t out[32], const uint8_t scalar[32])
{
    if (crypto_scalarmult_ristretto255_base(out, scalar) != 0)
        memset(out, 0, 32);
}

static void multiply(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32])
{
    if (crypto_scalarmult_ristretto255(out, scalar, point) != 0)
        memset(out, 0, 32);
}

bool sr25519_verify_sodium(const struct hotkey *key, struct span message, const struct signature *s)
{
    struct sr25519_claim c;
    if (!sr25519_claim_read(key, message, s, &c))
        return false;
    if (crypto_core_ristretto255_is_valid_point(c.key) != 1)
        return false;
    uint8_t sb[32], ka[32], r[32];
    multiply_base(sb, c.s);
    multiply(ka, c.k, c.key);
    return crypto_core_ristretto255_sub(r, sb, ka) == 0 && memcmp(r, c.r, 32) == 0;
}
