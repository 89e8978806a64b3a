#include "sandbox/scan.h"

uint32_t leb_u32(struct rd *r)
{
    uint64_t x = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t b = rd_u8(r);
        x |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) == 0) {
            if (x > UINT32_MAX)
                rd_fail(r, ERR_MALFORMED);
            return r->bad == ERR_OK ? (uint32_t)x : 0;
        }
    }
    rd_fail(r, ERR_MALFORMED);
    return 0;
}

int64_t leb_s(struct rd *r, unsigned bits)
{
    assert(bits >= 32 && bits <= 64);
    uint64_t x = 0;
    for (unsigned shift = 0; shift < bits; shift += 7) {
        uint8_t b = rd_u8(r);
        x |= (uint64_t)(b & 0x7f) << shift;
        if ((b & 0x80) != 0)
            continue;
        unsigned used = shift + 7;
        if (used < 64 && (b & 0x40) != 0)
            x |= UINT64_MAX << used;
        /* The last byte's spare bits repeat the sign. */
        unsigned spare = used > bits ? used - bits : 0;
        uint8_t high = (uint8_t)((b & 0x7f) >> (6 - spare));
        uint8_t ones = (uint8_t)((1u << (spare + 1)) - 1);
        if (spare > 0 && high != 0 && high != ones)
            rd_fail(r, ERR_MALFORMED);
        return r->bad == ERR_OK ? (int64_t)x : 0;
    }
    rd_fail(r, ERR_MALFORMED);
    return 0;
}
