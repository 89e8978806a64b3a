#include "crypto/field.h"

/* 2^((p-1)/4). */
const struct fe fe_sqrt_minus_one = {
    {0x61b274a0ea0b0, 0xd5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

/* fe_reduce: loose to the one value below p. */
static void fe_reduce(struct fe *r, const struct fe *a)
{
    struct fe t;
    fe_carry(&t, a);
    fe_carry(&t, &t); /* Now every limb is below 2^51, but for the first. */
    /* One p too much, if t + 19 carries out of the top limb. */
    uint64_t q = (t.v[0] + 19) >> 51;
    for (unsigned i = 1; i < 5; i++)
        q = (t.v[i] + q) >> 51;
    t.v[0] += 19 * q;
    for (unsigned i = 0; i < 4; i++) {
        t.v[i + 1] += t.v[i] >> 51;
        t.v[i] &= FE_MASK;
    }
    t.v[4] &= FE_MASK;
    *r = t;
}

bool fe_is_zero(const struct fe *a)
{
    struct fe t;
    fe_reduce(&t, a);
    return (t.v[0] | t.v[1] | t.v[2] | t.v[3] | t.v[4]) == 0;
}

bool fe_is_odd(const struct fe *a)
{
    struct fe t;
    fe_reduce(&t, a);
    return (t.v[0] & 1) != 0;
}

bool fe_equal(const struct fe *a, const struct fe *b)
{
    struct fe x, y;
    fe_reduce(&x, a);
    fe_reduce(&y, b);
    return memcmp(&x, &y, sizeof x) == 0;
}

static uint64_t load(const uint8_t *at)
{
    uint64_t x;
    memcpy(&x, at, 8);
    return x;
}

void fe_to_bytes(const struct fe *a, uint8_t out[32])
{
    struct fe t;
    fe_reduce(&t, a);
    uint64_t words[4] = {t.v[0] | t.v[1] << 51, t.v[1] >> 13 | t.v[2] << 38,
                         t.v[2] >> 26 | t.v[3] << 25, t.v[3] >> 39 | t.v[4] << 12};
    memcpy(out, words, 32);
}

bool fe_from_bytes(const uint8_t in[32], struct fe *r)
{
    struct fe t = {{load(in) & FE_MASK, load(in + 6) >> 3 & FE_MASK, load(in + 12) >> 6 & FE_MASK,
                    load(in + 19) >> 1 & FE_MASK, load(in + 24) >> 12}};
    uint64_t middle = t.v[1] & t.v[2] & t.v[3];
    if (t.v[4] > FE_MASK)
        return false;
    if (t.v[4] == FE_MASK && middle == FE_MASK && t.v[0] >= FE_MASK - 18)
        return false;
    *r = t;
    return true;
}

/* The chains below run on count elements side by side, count being 1 or 2 when
 * they are compiled: one square waits for its own carries most of the time. */
static inline __attribute__((always_inline)) void squares(struct fe *r, const struct fe *a,
                                                          unsigned times, unsigned count)
{
    for (unsigned j = 0; j < count; j++)
        fe_square(&r[j], &a[j]);
    for (unsigned i = 1; i < times; i++)
        for (unsigned j = 0; j < count; j++)
            fe_square(&r[j], &r[j]);
}

static inline __attribute__((always_inline)) void muls(struct fe *r, const struct fe *a,
                                                       const struct fe *b, unsigned count)
{
    for (unsigned j = 0; j < count; j++)
        fe_mul(&r[j], &a[j], &b[j]);
}

/* r = a^(2^250 - 1) and eleven = a^11.  Each line doubles a run of ones. */
static inline __attribute__((always_inline)) void ones_250(struct fe *r, struct fe *eleven,
                                                           const struct fe *a, unsigned count)
{
    struct fe t[2], u[2], five[2], ten[2], fifty[2];
    squares(t, a, 1, count); /* 2 */
    squares(u, t, 2, count); /* 8 */
    muls(u, u, a, count);    /* 9 */
    muls(eleven, u, t, count);
    squares(t, eleven, 1, count);
    muls(five, t, u, count); /* 2^5 - 1 = 22 + 9 */
    squares(t, five, 5, count);
    muls(ten, t, five, count);
    squares(t, ten, 10, count);
    muls(u, t, ten, count); /* 20 */
    squares(t, u, 20, count);
    muls(t, t, u, count); /* 40 */
    squares(t, t, 10, count);
    muls(fifty, t, ten, count);
    squares(t, fifty, 50, count);
    muls(u, t, fifty, count); /* 100 */
    squares(t, u, 100, count);
    muls(t, t, u, count); /* 200 */
    squares(t, t, 50, count);
    muls(r, t, fifty, count);
}

void fe_invert(struct fe *r, const struct fe *a)
{
    struct fe ones, eleven;
    ones_250(&ones, &eleven, a, 1);
    squares(&ones, &ones, 5, 1);
    fe_mul(r, &ones, &eleven); /* 2^255 - 32 + 11 = p - 2 */
}

/* r = a^3 * (a^7)^((p-5)/8) is a root of 1/a, or of 1/a times a fourth root of
 * one, which a * r^2 tells. */
static inline __attribute__((always_inline)) void inv_sqrt(struct fe *r, const struct fe *a,
                                                           bool *good, unsigned count)
{
    struct fe a3[2], t[2], unused[2], check;
    squares(a3, a, 1, count);
    muls(a3, a3, a, count);
    squares(t, a3, 1, count);
    muls(t, t, a, count); /* a^7 */
    struct fe a7[2];
    for (unsigned j = 0; j < count; j++)
        a7[j] = t[j];
    ones_250(t, unused, a7, count);
    squares(t, t, 2, count);
    muls(t, t, a7, count); /* (p - 5) / 8 = 2^252 - 3 */
    muls(t, t, a3, count);
    for (unsigned j = 0; j < count; j++) {
        struct fe minus;
        fe_square(&check, &t[j]);
        fe_mul(&check, &check, &a[j]);
        fe_negate(&minus, &check);
        bool is_one = fe_equal(&check, &fe_one);
        bool is_minus_one = fe_equal(&minus, &fe_one);
        if (is_minus_one)
            fe_mul(&t[j], &t[j], &fe_sqrt_minus_one);
        if (fe_is_odd(&t[j])) {
            fe_negate(&t[j], &t[j]);
            fe_carry(&t[j], &t[j]);
        }
        r[j] = t[j];
        good[j] = is_one || is_minus_one;
    }
}

bool fe_inv_sqrt(struct fe *r, const struct fe *a)
{
    bool good;
    inv_sqrt(r, a, &good, 1);
    return good;
}

void fe_inv_sqrt_pair(struct fe r[2], const struct fe a[2], bool good[2])
{
    inv_sqrt(r, a, good, 2);
}
