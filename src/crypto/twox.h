/* twox: the fast, unkeyed hashes that Substrate puts in storage keys.
 *
 * Layer: L1.  Pure, over libxxhash.  Not cryptographic: XXH64 under the seeds
 * 0, 1, 2, 3, each little-endian. */
#ifndef CRYPTO_TWOX_H
#define CRYPTO_TWOX_H

#include "base/base.h"

void twox_64(struct span in, uint8_t out[8]);
void twox_128(struct span in, uint8_t out[16]);
void twox_256(struct span in, uint8_t out[32]);

#endif
