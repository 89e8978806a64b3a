#include "base/prng.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

void prng_init(struct prng *p, uint64_t seed)
{
    for (size_t i = 0; i < COUNT_OF(p->state); i++)
        p->state[i] = splitmix(&seed);
}

struct prng prng_split(const struct prng *p, uint64_t purpose)
{
    struct prng child;
    prng_init(&child, p->state[0] ^ rotate(p->state[2], 17) ^ splitmix(&purpose));
    return child;
}

uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->state;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *p, uint64_t bound)
{
    assert(bound > 0);
    uint64_t unfair = (0 - bound) % bound; /* 2^64 mod bound draws are too many. */
    uint64_t x;
    do
        x = prng_next(p);
    while (x < unfair);
    return x % bound;
}

bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator)
{
    return prng_below(p, denominator) < numerator;
}

void prng_fill(struct prng *p, struct room out)
{
    for (size_t i = 0; i < out.len; i += 8) {
        uint64_t x = prng_next(p);
        size_t n = min_u64(8, out.len - i);
        memcpy(out.ptr + i, &x, n);
    }
}
