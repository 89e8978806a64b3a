#include "crypto/point.h"

/* The curve's d; 1 / sqrt(-1 - d), from RFC 9496, 4.1. */
static const struct fe curve_d = {
    {0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
static const struct fe curve_2d = {
    {0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
static const struct fe inv_sqrt_minus_one_minus_d = {
    {0xfdaa805d40ea, 0x2eb482e57d339, 0x7610274bc58, 0x6510b613dc8ff, 0x786c8905cfaff}};

static inline __attribute__((always_inline)) void close_xyz(struct point *p, const struct sum *s)
{
    fe_mul(&p->x, &s->x, &s->t);
    fe_mul(&p->y, &s->y, &s->z);
    fe_mul(&p->z, &s->z, &s->t);
}

static inline __attribute__((always_inline)) void close_all(struct point *p, const struct sum *s)
{
    close_xyz(p, s);
    fe_mul(&p->t, &s->x, &s->y);
}

/* dbl-2008-hwcd for a = -1; reads x, y, z only.  Bounds, with tight squares s <
 * 2^51 + 2^13: y < 2^52.1, z < 2^52.6, so z is below 2^53 - 76 and t < 2^53.6;
 * x < 2^51.1 + 2^53 < 2^53.4. */
static inline __attribute__((always_inline)) void double_open(struct sum *r, const struct point *p)
{
    struct fe xx, yy, zz, both;
    fe_square(&xx, &p->x);
    fe_square(&yy, &p->y);
    fe_square(&zz, &p->z);
    fe_add(&zz, &zz, &zz);
    fe_add(&both, &p->x, &p->y);
    fe_square(&both, &both);
    fe_add(&r->y, &yy, &xx);
    fe_sub(&r->z, &yy, &xx);
    fe_sub4(&r->x, &both, &r->y);
    fe_sub4(&r->t, &zz, &r->z);
}

/* add-2008-hwcd-3 with plus = y + x, minus = y - x of the second point, its
 * 2dxy, and d2 = twice the product of both z: all tight but d2 < 2^52.1.  All
 * results are below 2^53. */
static inline __attribute__((always_inline)) void
add_open(struct sum *r, const struct point *p, const struct fe *plus, const struct fe *minus,
         const struct fe *t2d, const struct fe *d2)
{
    struct fe a, b, c;
    fe_sub(&a, &p->y, &p->x);
    fe_add(&b, &p->y, &p->x);
    fe_mul(&a, &a, minus);
    fe_mul(&b, &b, plus);
    fe_mul(&c, &p->t, t2d);
    fe_sub(&r->x, &b, &a);
    fe_add(&r->y, &b, &a);
    fe_add(&r->z, d2, &c);
    fe_sub(&r->t, d2, &c);
}

/* The same, taking the second point away: -(x, y) = (-x, y). */
static inline __attribute__((always_inline)) void
sub_open(struct sum *r, const struct point *p, const struct fe *plus, const struct fe *minus,
         const struct fe *t2d, const struct fe *d2)
{
    struct fe a, b, c;
    fe_sub(&a, &p->y, &p->x);
    fe_add(&b, &p->y, &p->x);
    fe_mul(&a, &a, plus);
    fe_mul(&b, &b, minus);
    fe_mul(&c, &p->t, t2d);
    fe_sub(&r->x, &b, &a);
    fe_add(&r->y, &b, &a);
    fe_sub(&r->z, d2, &c);
    fe_add(&r->t, d2, &c);
}

void sum_init(struct sum *s)
{
    *s = (struct sum){fe_zero, fe_one, fe_one, fe_one};
}

void sum_double(struct sum *s, unsigned times)
{
    struct point p;
    for (; times > 0; times--) {
        close_xyz(&p, s);
        double_open(s, &p);
    }
}

void sum_add(struct sum *s, const struct cached *table, int digit)
{
    struct point p;
    struct fe d2;
    if (digit == 0)
        return;
    const struct cached *c = &table[(digit < 0 ? -digit : digit) / 2];
    close_all(&p, s);
    fe_mul(&d2, &p.z, &c->z);
    fe_add(&d2, &d2, &d2);
    if (digit > 0)
        add_open(s, &p, &c->y_plus_x, &c->y_minus_x, &c->t2d, &d2);
    else
        sub_open(s, &p, &c->y_plus_x, &c->y_minus_x, &c->t2d, &d2);
}

void sum_add_affine(struct sum *s, const struct affine *table, int digit)
{
    struct point p;
    struct fe d2;
    if (digit == 0)
        return;
    const struct affine *c = &table[(digit < 0 ? -digit : digit) / 2];
    close_all(&p, s);
    fe_add(&d2, &p.z, &p.z);
    if (digit > 0)
        add_open(s, &p, &c->y_plus_x, &c->y_minus_x, &c->xy2d, &d2);
    else
        sub_open(s, &p, &c->y_plus_x, &c->y_minus_x, &c->xy2d, &d2);
}

void sum_close(const struct sum *s, struct point *out)
{
    close_all(out, s);
}

/* p times 2^times. */
static void double_point(struct point *p, unsigned times)
{
    struct sum s;
    double_open(&s, p);
    sum_double(&s, times - 1);
    close_all(p, &s);
}

static void add_point(struct point *p, const struct cached *c)
{
    struct sum s;
    struct fe d2;
    fe_mul(&d2, &p->z, &c->z);
    fe_add(&d2, &d2, &d2);
    add_open(&s, p, &c->y_plus_x, &c->y_minus_x, &c->t2d, &d2);
    close_all(p, &s);
}

static void to_cached(struct cached *c, const struct point *p)
{
    struct fe t;
    fe_add(&t, &p->y, &p->x);
    fe_carry(&c->y_plus_x, &t);
    fe_sub(&t, &p->y, &p->x);
    fe_carry(&c->y_minus_x, &t);
    c->z = p->z;
    fe_mul(&c->t2d, &p->t, &curve_2d);
}

void point_table(const struct point *p, struct cached table[POINT_TABLE])
{
    struct point twice = *p, multiple = *p;
    struct cached step;
    double_point(&twice, 1);
    to_cached(&step, &twice);
    to_cached(&table[0], p);
    for (unsigned i = 1; i < POINT_TABLE; i++) {
        add_point(&multiple, &step);
        to_cached(&table[i], &multiple);
    }
}

static void to_affine(struct affine *a, const struct point *p, const struct fe *inverse_z)
{
    struct fe x, y, t;
    fe_mul(&x, &p->x, inverse_z);
    fe_mul(&y, &p->y, inverse_z);
    fe_add(&t, &y, &x);
    fe_carry(&a->y_plus_x, &t);
    fe_sub(&t, &y, &x);
    fe_carry(&a->y_minus_x, &t);
    fe_mul(&t, &x, &y);
    fe_mul(&a->xy2d, &t, &curve_2d);
}

enum { PREPARED = POINT_TABLES * POINT_TABLE_PREPARED };

void point_prepare(const struct point *p, struct affine tables[POINT_TABLES][POINT_TABLE_PREPARED])
{
    struct point at = *p, multiples[PREPARED];
    struct fe up_to[PREPARED], inverse, one;
    for (unsigned i = 0; i < PREPARED; i += POINT_TABLE_PREPARED) {
        struct point twice = at;
        struct cached step;
        double_point(&twice, 1);
        to_cached(&step, &twice);
        multiples[i] = at;
        for (unsigned j = i + 1; j < i + POINT_TABLE_PREPARED; j++) {
            multiples[j] = multiples[j - 1];
            add_point(&multiples[j], &step);
        }
        double_point(&at, POINT_STRIDE);
    }

    /* One inversion for all: products up to each z, then back down. */
    struct affine *out = tables[0];
    up_to[0] = multiples[0].z;
    for (unsigned i = 1; i < PREPARED; i++)
        fe_mul(&up_to[i], &up_to[i - 1], &multiples[i].z);
    fe_invert(&inverse, &up_to[PREPARED - 1]);
    for (unsigned i = PREPARED - 1; i > 0; i--) {
        fe_mul(&one, &inverse, &up_to[i - 1]);
        fe_mul(&inverse, &inverse, &multiples[i].z);
        to_affine(&out[i], &multiples[i], &one);
    }
    to_affine(&out[0], &multiples[0], &inverse);
}

bool point_is_identity(const struct point *p)
{
    /* The class of (0, 1) has four members: (0, +-1) and (+-i, 0). */
    return fe_is_zero(&p->x) || fe_is_zero(&p->y);
}

/* --- Encoding, RFC 9496, 4.3, in its words ---------------------------------- */

/* Before the root: what the root is taken of, and what is needed after. */
struct half_decoded {
    struct fe s, u1, u2, v, radicand;
};

static bool decode_begin(const uint8_t in[32], struct half_decoded *h)
{
    struct fe ss, u2_squared, t;
    if ((in[0] & 1) != 0 || !fe_from_bytes(in, &h->s))
        return false;
    fe_square(&ss, &h->s);
    fe_sub(&h->u1, &fe_one, &ss);
    fe_add(&h->u2, &fe_one, &ss);
    fe_square(&u2_squared, &h->u2);
    fe_square(&t, &h->u1);
    fe_mul(&t, &t, &curve_d);
    fe_add(&t, &t, &u2_squared);
    fe_carry(&t, &t);
    fe_negate(&h->v, &t);
    fe_mul(&h->radicand, &h->v, &u2_squared);
    return true;
}

static bool decode_end(const struct half_decoded *h, const struct fe *root, struct point *out)
{
    struct fe dx, dy;
    struct point p;
    fe_mul(&dx, root, &h->u2);
    fe_mul(&dy, root, &dx);
    fe_mul(&dy, &dy, &h->v);
    fe_mul(&p.x, &h->s, &dx);
    fe_add(&p.x, &p.x, &p.x);
    fe_carry(&p.x, &p.x);
    if (fe_is_odd(&p.x)) {
        fe_negate(&p.x, &p.x);
        fe_carry(&p.x, &p.x);
    }
    fe_mul(&p.y, &h->u1, &dy);
    fe_mul(&p.t, &p.x, &p.y);
    p.z = fe_one;
    if (fe_is_odd(&p.t) || fe_is_zero(&p.y))
        return false;
    *out = p;
    return true;
}

bool point_decode(const uint8_t in[32], struct point *out)
{
    struct half_decoded h;
    struct fe root;
    return decode_begin(in, &h) && fe_inv_sqrt(&root, &h.radicand) && decode_end(&h, &root, out);
}

bool point_decode_pair(const uint8_t a[32], const uint8_t b[32], struct point *pa, struct point *pb)
{
    struct half_decoded h[2];
    struct fe radicands[2], roots[2];
    bool good[2];
    if (!decode_begin(a, &h[0]) || !decode_begin(b, &h[1]))
        return false;
    radicands[0] = h[0].radicand;
    radicands[1] = h[1].radicand;
    fe_inv_sqrt_pair(roots, radicands, good);
    return good[0] && good[1] && decode_end(&h[0], &roots[0], pa) &&
           decode_end(&h[1], &roots[1], pb);
}

void point_encode(const struct point *p, uint8_t out[32])
{
    struct fe u1, u2, t, root, d1, d2, z_inverse, x = p->x, y = p->y, s;
    fe_add(&u1, &p->z, &p->y);
    fe_sub(&t, &p->z, &p->y);
    fe_mul(&u1, &u1, &t);
    fe_mul(&u2, &p->x, &p->y);
    fe_square(&t, &u2);
    fe_mul(&t, &t, &u1);
    (void)fe_inv_sqrt(&root, &t); /* Always a square, or zero. */
    fe_mul(&d1, &root, &u1);
    fe_mul(&d2, &root, &u2);
    fe_mul(&z_inverse, &d1, &d2);
    fe_mul(&z_inverse, &z_inverse, &p->t);

    fe_mul(&t, &p->t, &z_inverse);
    if (fe_is_odd(&t)) {
        fe_mul(&x, &p->y, &fe_sqrt_minus_one);
        fe_mul(&y, &p->x, &fe_sqrt_minus_one);
        fe_mul(&d2, &d1, &inv_sqrt_minus_one_minus_d);
    }
    fe_mul(&t, &x, &z_inverse);
    if (fe_is_odd(&t)) {
        fe_negate(&y, &y);
        fe_carry(&y, &y);
    }
    fe_sub(&t, &p->z, &y);
    fe_mul(&s, &d2, &t);
    if (fe_is_odd(&s))
        fe_negate(&s, &s);
    fe_to_bytes(&s, out);
}

/* --- Signed digits ------------------------------------------------------------ */

size_t digits_of(const uint8_t *number, unsigned bits, unsigned width, struct digits *out)
{
    assert(bits <= 256 && bits % 32 == 0 && width >= 2 && width <= 8);
    uint64_t words[5] = {0}, mask = ((uint64_t)1 << width) - 1, carry = 0;
    size_t used = 0;
    memcpy(words, number, bits / 8);
    memset(out->at, 0, sizeof out->at);
    for (unsigned at = 0; at <= bits;) {
        unsigned word = at / 64, shift = at % 64;
        uint64_t window = words[word] >> shift;
        if (shift + width > 64 && word < 4)
            window |= words[word + 1] << (64 - shift);
        window = (window & mask) + carry;
        if (window % 2 == 0) {
            at++;
            continue;
        }
        carry = window >> (width - 1);
        out->at[at] = (int8_t)((int64_t)window - (int64_t)(carry << width));
        used = at + 1;
        at += width;
    }
    return used;
}
