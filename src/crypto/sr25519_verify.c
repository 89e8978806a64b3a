#include "crypto/sr25519.h"

#include <sodium.h>

bool sr25519_key_ok(const struct hotkey *key)
{
    static const struct hotkey zero;
    return (key->bytes[31] & 0x80) == 0 && !hotkey_equal(key, &zero) &&
           crypto_core_ristretto255_is_valid_point(key->bytes) == 1;
}

bool sr25519_verify(const struct hotkey *key, struct span message, const struct signature *s)
{
    return sr25519_verify_sodium(key, message, s);
}
