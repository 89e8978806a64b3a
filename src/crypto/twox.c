#include "crypto/twox.h"

#include <xxhash.h>

static void lanes(struct span in, uint8_t *out, unsigned count)
{
    for (unsigned seed = 0; seed < count; seed++) {
        uint64_t h = XXH64(in.ptr, in.len, seed);
        for (unsigned i = 0; i < 8; i++)
            out[8 * seed + i] = (uint8_t)(h >> (8 * i));
    }
}

void twox_64(struct span in, uint8_t out[8])
{
    lanes(in, out, 1);
}

void twox_128(struct span in, uint8_t out[16])
{
    lanes(in, out, 2);
}

void twox_256(struct span in, uint8_t out[32])
{
    lanes(in, out, 4);
}
