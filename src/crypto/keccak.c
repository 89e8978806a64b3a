#include "crypto/keccak.h"

static const uint64_t round_constant[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

/* One row of chi: five lanes of b into five lanes of a. */
static inline void chi(uint64_t *a, const uint64_t *b)
{
    for (unsigned x = 0; x < 5; x++)
        a[x] = b[x] ^ (~b[(x + 1) % 5] & b[(x + 2) % 5]);
}

void keccak_f1600(uint64_t a[KECCAK_LANES])
{
    for (unsigned round = 0; round < 24; round++) {
        uint64_t c[5], d[5], b[25];
        for (unsigned x = 0; x < 5; x++)
            c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
        for (unsigned x = 0; x < 5; x++)
            d[x] = c[(x + 4) % 5] ^ rotl(c[(x + 1) % 5], 1);
        /* theta, rho and pi together: lane (x, y) goes to (y, 2x + 3y). */
        b[0] = a[0] ^ d[0];
        b[1] = rotl(a[6] ^ d[1], 44);
        b[2] = rotl(a[12] ^ d[2], 43);
        b[3] = rotl(a[18] ^ d[3], 21);
        b[4] = rotl(a[24] ^ d[4], 14);
        b[5] = rotl(a[3] ^ d[3], 28);
        b[6] = rotl(a[9] ^ d[4], 20);
        b[7] = rotl(a[10] ^ d[0], 3);
        b[8] = rotl(a[16] ^ d[1], 45);
        b[9] = rotl(a[22] ^ d[2], 61);
        b[10] = rotl(a[1] ^ d[1], 1);
        b[11] = rotl(a[7] ^ d[2], 6);
        b[12] = rotl(a[13] ^ d[3], 25);
        b[13] = rotl(a[19] ^ d[4], 8);
        b[14] = rotl(a[20] ^ d[0], 18);
        b[15] = rotl(a[4] ^ d[4], 27);
        b[16] = rotl(a[5] ^ d[0], 36);
        b[17] = rotl(a[11] ^ d[1], 10);
        b[18] = rotl(a[17] ^ d[2], 15);
        b[19] = rotl(a[23] ^ d[3], 56);
        b[20] = rotl(a[2] ^ d[2], 62);
        b[21] = rotl(a[8] ^ d[3], 55);
        b[22] = rotl(a[14] ^ d[4], 39);
        b[23] = rotl(a[15] ^ d[0], 41);
        b[24] = rotl(a[21] ^ d[1], 2);
        for (unsigned y = 0; y < 25; y += 5)
            chi(a + y, b + y);
        a[0] ^= round_constant[round];
    }
}
