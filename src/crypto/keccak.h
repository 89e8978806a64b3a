/* keccak: the permutation Keccak-f[1600] (FIPS 202, section 3).
 *
 * Layer: L1, inside the folder.  Pure, and constant time. */
#ifndef CRYPTO_KECCAK_H
#define CRYPTO_KECCAK_H

#include "base/base.h"

enum { KECCAK_LANES = 25, KECCAK_SIZE = 200 };

void keccak_f1600(uint64_t lanes[KECCAK_LANES]);

#endif
