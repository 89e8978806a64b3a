/* prng: seeded pseudo-random numbers for jitter, sampling and simulation.
 *
 * Layer: L0.  Not for keys, nonces or anything an adversary must not guess:
 * those arrive as bytes from the operating system.
 *
 * The generator is xoshiro256** (Blackman and Vigna, 2018), seeded through
 * splitmix64.  The same seed gives the same numbers on every machine. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include "base/base.h"

struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *p, uint64_t seed);

/* prng_split: an independent stream for one purpose, so that one more draw for
 * one purpose does not shift the draws of the others. */
struct prng prng_split(const struct prng *p, uint64_t purpose);

uint64_t prng_next(struct prng *p);

/* prng_below: uniform in 0 .. bound-1, without bias; bound > 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);

/* prng_chance: true with probability numerator / denominator. */
bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator);

void prng_fill(struct prng *p, struct room out);

#endif
