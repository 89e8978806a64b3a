#include "crypto/ed25519.h"

#include <sodium.h>

#include "crypto/secret.h"

struct ed25519_keypair {
    uint8_t secret[crypto_sign_SECRETKEYBYTES]; /* seed | public key */
    uint8_t public[ED25519_PUBLIC_SIZE];
    struct secret *home;
};

enum err ed25519_open(struct span secret, struct ed25519_keypair **out)
{
    if (secret.len != 32 && secret.len != 64)
        return ERR_BAD_KEY;
    struct secret *home;
    enum err e = secret_open(sizeof(struct ed25519_keypair), &home);
    if (e != ERR_OK)
        return e;
    struct ed25519_keypair *k = (struct ed25519_keypair *)(void *)secret_room(home).ptr;
    k->home = home;
    crypto_sign_seed_keypair(k->public, k->secret, secret.ptr);
    if (secret.len == 64 && memcmp(k->public, secret.ptr + 32, 32) != 0) {
        ed25519_close(k);
        return ERR_BAD_KEY;
    }
    *out = k;
    return ERR_OK;
}

void ed25519_close(struct ed25519_keypair *k)
{
    if (k != NULL)
        secret_close(k->home);
}

const uint8_t *ed25519_public(const struct ed25519_keypair *k)
{
    return k->public;
}

void ed25519_sign(const struct ed25519_keypair *k, struct span message,
                  uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    crypto_sign_detached(signature, NULL, message.ptr, message.len, k->secret);
}

bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_SIZE], struct span message,
                    const uint8_t signature[ED25519_SIGNATURE_SIZE])
{
    return crypto_sign_verify_detached(signature, message.ptr, message.len, public_key) == 0;
}
