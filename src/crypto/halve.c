#include "crypto/halve.h"

/* Four words, the least first. */
struct wide {
    uint64_t w[4];
};

static inline unsigned length_of(const struct wide *a)
{
    for (unsigned i = 4; i-- > 0;)
        if (a->w[i] != 0)
            return 64 * i + 64 - (unsigned)__builtin_clzll(a->w[i]);
    return 0;
}

static inline void shift_up(struct wide *r, const struct wide *a, unsigned by)
{
    unsigned words = by / 64, bits = by % 64;
    struct wide t = {{0}};
    for (unsigned i = 4; i-- > words;) {
        t.w[i] = a->w[i - words] << bits;
        if (bits != 0 && i > words)
            t.w[i] |= a->w[i - words - 1] >> (64 - bits);
    }
    *r = t;
}

/* r = a - b; whether it would be negative. */
static inline bool subtract(struct wide *r, const struct wide *a, const struct wide *b)
{
    bool borrow = false;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t t;
        bool below = __builtin_sub_overflow(a->w[i], b->w[i], &t);
        borrow = below | __builtin_sub_overflow(t, (uint64_t)borrow, &r->w[i]);
    }
    return borrow;
}

static inline void add_to(struct wide *r, const struct wide *a)
{
    bool carry = false;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t t;
        bool over = __builtin_add_overflow(r->w[i], a->w[i], &t);
        carry = over | __builtin_add_overflow(t, (uint64_t)carry, &r->w[i]);
    }
}

/* One division by shifted subtractions: a modulo b into a; the quotient times
 * what belongs to b joins what belongs to a.  Their signs differ, so the sizes
 * add up.  Quotients are small: two subtractions on average. */
static void divide(struct wide *a, const struct wide *b, struct wide *va, const struct wide *vb)
{
    unsigned b_length = length_of(b);
    for (;;) {
        unsigned a_length = length_of(a);
        struct wide less, times;
        if (a_length < b_length)
            return;
        unsigned by = a_length - b_length;
        shift_up(&times, b, by);
        if (subtract(&less, a, &times)) {
            if (by == 0)
                return;
            by--;
            shift_up(&times, b, by);
            (void)subtract(&less, a, &times);
        }
        *a = less;
        shift_up(&times, vb, by);
        add_to(va, &times);
    }
}

/* The 64 bits of a from bit number shift up. */
static inline uint64_t window(const struct wide *a, unsigned shift)
{
    unsigned word = shift / 64, bits = shift % 64;
    uint64_t r = a->w[word] >> bits;
    if (bits != 0 && word < 3)
        r |= a->w[word + 1] << (64 - bits);
    return r;
}

/* r = p * a + q * b, which fits. */
static inline void sum_of(struct wide *r, uint64_t p, const struct wide *a, uint64_t q,
                          const struct wide *b)
{
    unsigned __int128 carry = 0;
    for (unsigned i = 0; i < 4; i++) {
        unsigned __int128 first = (unsigned __int128)p * a->w[i] + (uint64_t)carry;
        unsigned __int128 second = (unsigned __int128)q * b->w[i] + (uint64_t)first;
        r->w[i] = (uint64_t)second;
        carry = (carry >> 64) + (first >> 64) + (second >> 64);
    }
}

/* r = p * a - q * b, which is not negative. */
static inline void difference_of(struct wide *r, uint64_t p, const struct wide *a, uint64_t q,
                                 const struct wide *b)
{
    static const struct wide zero = {{0}};
    struct wide x, y;
    sum_of(&x, p, a, 0, &zero);
    sum_of(&y, q, b, 0, &zero);
    (void)subtract(r, &x, &y);
}

/* The pairs of Euclid's algorithm: remainders x >= y, the sizes of their factors
 * of k, and the sign of the second factor; the first has the other sign. */
struct euclid {
    struct wide x, y, vx, vy;
    bool negative;
};

/* Lehmer's step: runs Euclid on the top words of x and y, then does to the long
 * numbers at once what was done to the words.  A remainder in the words may
 * differ from the true one by the sum of its two factors, which stays below
 * 2^32 while remainders keep 34 bits.  So it goes on as long as the remainder,
 * and its distance to the one before, have as many: no true remainder falls
 * under zero, and they stay in order.  Nor may one fall under 2^127, so that the
 * first that does is not jumped over.  false: not one division. */
static bool lehmer(struct euclid *e)
{
    unsigned shift = length_of(&e->x) - 64;
    uint64_t x = window(&e->x, shift), y = window(&e->y, shift);
    uint64_t a = 1, b = 0, c = 0, d = 1;
    unsigned least = shift >= 127 - 33 ? 33 : 127 - shift + 1;
    bool odd = false;
    if (least > 63)
        return false;
    while (y >> least != 0) {
        uint64_t q = x / y, rest = x - q * y;
        if (rest >> least == 0 || (y - rest) >> least == 0)
            break;
        uint64_t next_c = a + q * c, next_d = b + q * d;
        a = c;
        b = d;
        c = next_c;
        d = next_d;
        x = y;
        y = rest;
        odd = !odd;
    }
    if (b == 0 && c == 0)
        return false;
    struct wide nx, ny;
    if (odd) {
        difference_of(&nx, b, &e->y, a, &e->x);
        difference_of(&ny, c, &e->x, d, &e->y);
    } else {
        difference_of(&nx, a, &e->x, b, &e->y);
        difference_of(&ny, d, &e->y, c, &e->x);
    }
    e->x = nx;
    e->y = ny;
    sum_of(&nx, a, &e->vx, b, &e->vy);
    sum_of(&ny, c, &e->vx, d, &e->vy);
    e->vx = nx;
    e->vy = ny;
    e->negative ^= odd;
    return true;
}

void halve(const uint8_t k[32], struct halves *out)
{
    struct euclid e = {
        .x = {{0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000}},
        .vy = {{1}},
    };
    memcpy(e.y.w, k, 32);
    while (length_of(&e.y) > 127) {
        if (lehmer(&e))
            continue;
        struct wide t = e.y, vt = e.vy;
        divide(&e.x, &e.y, &e.vx, &e.vy);
        e.y = e.x;
        e.x = t;
        e.vy = e.vx;
        e.vx = vt;
        e.negative = !e.negative;
    }
    assert((e.y.w[2] | e.y.w[3] | e.vy.w[2] | e.vy.w[3]) == 0);
    memcpy(out->u, e.y.w, 16);
    memcpy(out->v, e.vy.w, 16);
    out->v_negative = e.negative;
}
