/* field: arithmetic modulo p = 2^255 - 19, for verification only.
 *
 * Layer: L1, inside the folder.  Pure, variable time: never given a secret.
 *
 * An element is five limbs of radix 2^51 that may hold more than 51 bits.  Two
 * grades, named at each call:
 *   tight   every limb < 2^51 + 2^13: what mul, square and carry give
 *   loose   every limb < 2^54:        what mul, square and carry take
 *
 *   FIELD-1  With loose inputs no sum in mul exceeds 2^115 and no carry 2^64:
 *            77 * 2^54 * 2^54 < 2^114.3, shifted down by 51 bits < 2^63.3;
 *            the last one, 5 * 2^108 / 2^51 * 19, stays below 2^63.7.
 *   FIELD-2  add: the limbs' sum.  sub: a + 2p - b needs b's limbs below
 *            2^52 - 38; sub4: a + 4p - b needs them below 2^53 - 76.  Neither
 *            carries; the caller shows that the result is loose. */
#ifndef CRYPTO_FIELD_H
#define CRYPTO_FIELD_H

#include "base/base.h"

struct fe {
    uint64_t v[5];
};

#define FE_MASK (((uint64_t)1 << 51) - 1)

typedef unsigned __int128 fe_wide;

static const struct fe fe_zero = {{0}};
static const struct fe fe_one = {{1}};

static inline __attribute__((always_inline)) void fe_add(struct fe *r, const struct fe *a,
                                                         const struct fe *b)
{
    for (unsigned i = 0; i < 5; i++)
        r->v[i] = a->v[i] + b->v[i];
}

static inline __attribute__((always_inline)) void fe_sub(struct fe *r, const struct fe *a,
                                                         const struct fe *b)
{
    r->v[0] = a->v[0] + 2 * (FE_MASK - 18) - b->v[0];
    for (unsigned i = 1; i < 5; i++)
        r->v[i] = a->v[i] + 2 * FE_MASK - b->v[i];
}

static inline __attribute__((always_inline)) void fe_sub4(struct fe *r, const struct fe *a,
                                                          const struct fe *b)
{
    r->v[0] = a->v[0] + 4 * (FE_MASK - 18) - b->v[0];
    for (unsigned i = 1; i < 5; i++)
        r->v[i] = a->v[i] + 4 * FE_MASK - b->v[i];
}

/* The carries of FIELD-1: five sums to a tight element. */
static inline __attribute__((always_inline)) void fe_fold(struct fe *r, fe_wide r0, fe_wide r1,
                                                          fe_wide r2, fe_wide r3, fe_wide r4)
{
    r1 += (uint64_t)(r0 >> 51);
    r2 += (uint64_t)(r1 >> 51);
    r3 += (uint64_t)(r2 >> 51);
    r4 += (uint64_t)(r3 >> 51);
    uint64_t low = ((uint64_t)r0 & FE_MASK) + 19 * (uint64_t)(r4 >> 51);
    r->v[0] = low & FE_MASK;
    r->v[1] = ((uint64_t)r1 & FE_MASK) + (low >> 51);
    r->v[2] = (uint64_t)r2 & FE_MASK;
    r->v[3] = (uint64_t)r3 & FE_MASK;
    r->v[4] = (uint64_t)r4 & FE_MASK;
}

/* fe_mul: loose inputs, tight result, which may be an input. */
static inline __attribute__((always_inline)) void fe_mul(struct fe *r, const struct fe *a,
                                                         const struct fe *b)
{
    uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    uint64_t b0 = b->v[0], b1 = b->v[1], b2 = b->v[2], b3 = b->v[3], b4 = b->v[4];
    uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
    fe_wide r0 = (fe_wide)a0 * b0 + (fe_wide)a1 * c4 + (fe_wide)a2 * c3 + (fe_wide)a3 * c2 +
                 (fe_wide)a4 * c1;
    fe_wide r1 = (fe_wide)a0 * b1 + (fe_wide)a1 * b0 + (fe_wide)a2 * c4 + (fe_wide)a3 * c3 +
                 (fe_wide)a4 * c2;
    fe_wide r2 = (fe_wide)a0 * b2 + (fe_wide)a1 * b1 + (fe_wide)a2 * b0 + (fe_wide)a3 * c4 +
                 (fe_wide)a4 * c3;
    fe_wide r3 = (fe_wide)a0 * b3 + (fe_wide)a1 * b2 + (fe_wide)a2 * b1 + (fe_wide)a3 * b0 +
                 (fe_wide)a4 * c4;
    fe_wide r4 = (fe_wide)a0 * b4 + (fe_wide)a1 * b3 + (fe_wide)a2 * b2 + (fe_wide)a3 * b1 +
                 (fe_wide)a4 * b0;
    fe_fold(r, r0, r1, r2, r3, r4);
}

/* fe_square: the same with equal factors. */
static inline __attribute__((always_inline)) void fe_square(struct fe *r, const struct fe *a)
{
    uint64_t a0 = a->v[0], a1 = a->v[1], a2 = a->v[2], a3 = a->v[3], a4 = a->v[4];
    uint64_t d0 = 2 * a0, d1 = 2 * a1, c3 = 19 * a3, c4 = 19 * a4;
    fe_wide r0 = (fe_wide)a0 * a0 + (fe_wide)d1 * c4 + (fe_wide)(2 * a2) * c3;
    fe_wide r1 = (fe_wide)d0 * a1 + (fe_wide)(2 * a2) * c4 + (fe_wide)a3 * c3;
    fe_wide r2 = (fe_wide)d0 * a2 + (fe_wide)a1 * a1 + (fe_wide)(2 * a3) * c4;
    fe_wide r3 = (fe_wide)d0 * a3 + (fe_wide)d1 * a2 + (fe_wide)a4 * c4;
    fe_wide r4 = (fe_wide)d0 * a4 + (fe_wide)d1 * a3 + (fe_wide)a2 * a2;
    fe_fold(r, r0, r1, r2, r3, r4);
}

/* fe_carry: loose to tight. */
static inline void fe_carry(struct fe *r, const struct fe *a)
{
    fe_fold(r, a->v[0], a->v[1], a->v[2], a->v[3], a->v[4]);
}

/* fe_negate: tight to loose. */
static inline void fe_negate(struct fe *r, const struct fe *a)
{
    fe_sub(r, &fe_zero, a);
}

/* Loose inputs. */
bool fe_is_zero(const struct fe *a);
bool fe_is_odd(const struct fe *a); /* "Negative", in the words of RFC 9496. */
bool fe_equal(const struct fe *a, const struct fe *b);
void fe_to_bytes(const struct fe *a, uint8_t out[32]);

/* fe_from_bytes: a number below p, or false. */
bool fe_from_bytes(const uint8_t in[32], struct fe *r);

/* fe_invert: 1 / a, and 0 for 0.  Loose input. */
void fe_invert(struct fe *r, const struct fe *a);

/* fe_inv_sqrt: r = 1 / sqrt(a), the even one of the two roots; whether there is
 * a root; without one r means nothing, but for a = 0, where r = 0 and false.
 * Loose input. */
bool fe_inv_sqrt(struct fe *r, const struct fe *a);

/* fe_inv_sqrt_pair: two at once, whose latencies hide each other. */
void fe_inv_sqrt_pair(struct fe r[2], const struct fe a[2], bool good[2]);

extern const struct fe fe_sqrt_minus_one;

#endif
