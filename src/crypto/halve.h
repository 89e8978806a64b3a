/* halve: a scalar as a quotient of two numbers of half its length.
 *
 * Layer: L1, inside the folder.  Pure, variable time: never given a secret.
 *
 * Euclid's algorithm on the group order L and k runs through pairs with
 * u = v * k modulo L, where u falls from L and |v| rises from 1 while u * |v|
 * stays below L (Antipa et al., 2005).  Stopping at the first u < 2^127 gives
 * |v| <= 2^126. */
#ifndef CRYPTO_HALVE_H
#define CRYPTO_HALVE_H

#include "base/base.h"

struct halves {
    uint8_t u[16];
    uint8_t v[16];   /* The size of v, which is never zero. */
    bool v_negative; /* Then u = -v * k. */
};

/* halve: k below the order, asserted through the sizes that come out. */
void halve(const uint8_t k[32], struct halves *out);

#endif
