/* ed25519: signatures of libp2p peers (RFC 8032).
 *
 * Layer: L1.  Pure, over libsodium.
 *
 *   ED-1  A public key or R that is not canonical or of small order, and an S
 *         that is not below the group order, are refused. */
#ifndef CRYPTO_ED25519_H
#define CRYPTO_ED25519_H

#include "base/base.h"

enum { ED25519_SEED_SIZE = 32, ED25519_PUBLIC_SIZE = 32, ED25519_SIGNATURE_SIZE = 64 };

struct ed25519_keypair; /* Guarded memory, see secret.h. */

/* ED25519 private keys are stored as 32 bytes of seed, or as seed | public key
 * (libp2p), where the second half must be the key of the first.
 * ERR_BAD_KEY: another length, or the halves differ. */
enum err ed25519_open(struct span secret, struct ed25519_keypair **out);
void ed25519_close(struct ed25519_keypair *k); /* NULL is fine. */

const uint8_t *ed25519_public(const struct ed25519_keypair *k);

void ed25519_sign(const struct ed25519_keypair *k, struct span message,
                  uint8_t signature[ED25519_SIGNATURE_SIZE]);

bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_SIZE], struct span message,
                    const uint8_t signature[ED25519_SIGNATURE_SIZE]);

#endif
