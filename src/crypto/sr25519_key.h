/* sr25519_key: derivation by one junction, whose chain code is already made.
 *
 * Layer: L1, inside the folder.  ERR_BAD_KEY: the result is no key, which
 * happens once in 2^252 cases. */
#ifndef CRYPTO_SR25519_KEY_H
#define CRYPTO_SR25519_KEY_H

#include "crypto/sr25519.h"

enum err sr25519_derive_hard(const struct sr25519_keypair *k, const uint8_t code[32],
                             struct sr25519_keypair **out);
enum err sr25519_derive_soft(const struct sr25519_keypair *k, const uint8_t code[32],
                             struct sr25519_keypair **out);
enum err sr25519_derive_soft_public(const struct hotkey *key, const uint8_t code[32],
                                    struct hotkey *out);

#endif
