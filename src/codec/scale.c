#include "codec/scale.h"

/* The lowest value that needs each form: 6, 14 and 30 bits, then whole bytes. */
#define TWO_BYTES (1u << 6)
#define FOUR_BYTES (1u << 14)
#define MANY_BYTES (1u << 30)

static uint64_t small_form(struct rd *r, uint8_t first)
{
    uint64_t x = first >> 2;
    if ((first & 3) == 1) {
        x |= (uint64_t)rd_u8(r) << 6;
        if (x < TWO_BYTES)
            rd_fail(r, ERR_MALFORMED);
    } else if ((first & 3) == 2) {
        x |= (uint64_t)rd_u8(r) << 6;
        x |= (uint64_t)rd_u16(r) << 14;
        if (x < FOUR_BYTES)
            rd_fail(r, ERR_MALFORMED);
    }
    return x;
}

uint64_t scale_compact_wide(struct rd *r, uint64_t *high)
{
    uint8_t first = rd_u8(r);
    uint64_t halves[2] = {0, 0};
    if ((first & 3) != 3) {
        halves[0] = small_form(r, first);
    } else {
        size_t n = (size_t)(first >> 2) + 4;
        if (n > sizeof halves)
            rd_fail(r, ERR_TOO_BIG);
        struct span s = rd_take(r, n);
        for (size_t i = 0; i < s.len; i++)
            halves[i / 8] |= (uint64_t)s.ptr[i] << (8 * (i % 8));
        if (s.len != 0 && s.ptr[s.len - 1] == 0)
            rd_fail(r, ERR_MALFORMED);
        if (n == 4 && halves[0] < MANY_BYTES)
            rd_fail(r, ERR_MALFORMED);
    }
    bool good = r->bad == ERR_OK;
    *high = good ? halves[1] : 0;
    return good ? halves[0] : 0;
}

uint64_t scale_compact(struct rd *r)
{
    return scale_compact_max(r, UINT64_MAX);
}

uint64_t scale_compact_max(struct rd *r, uint64_t max)
{
    uint64_t high = 0;
    uint64_t x = scale_compact_wide(r, &high);
    if (high != 0 || x > max)
        rd_fail(r, ERR_TOO_BIG);
    return r->bad == ERR_OK ? x : 0;
}

struct span scale_bytes(struct rd *r, uint32_t max)
{
    return rd_take(r, scale_compact_max(r, max));
}

uint32_t scale_count(struct rd *r, uint32_t max, size_t element_size_min)
{
    uint64_t n = scale_compact_max(r, max);
    if (element_size_min != 0 && n > r->left / element_size_min)
        rd_fail(r, ERR_MALFORMED);
    return r->bad == ERR_OK ? (uint32_t)n : 0;
}

bool scale_option(struct rd *r)
{
    return rd_bool(r);
}

static size_t byte_count(uint64_t x)
{
    size_t n = 0;
    for (; x != 0; x >>= 8)
        n++;
    return n;
}

size_t scale_compact_size(uint64_t x)
{
    if (x < TWO_BYTES)
        return 1;
    if (x < FOUR_BYTES)
        return 2;
    return x < MANY_BYTES ? 4 : 1 + byte_count(x);
}

void scale_put_compact(struct wr *w, uint64_t x)
{
    if (x < TWO_BYTES) {
        wr_u8(w, (uint8_t)(x << 2));
    } else if (x < FOUR_BYTES) {
        wr_u16(w, (uint16_t)(x << 2 | 1));
    } else if (x < MANY_BYTES) {
        wr_u32(w, (uint32_t)(x << 2 | 2));
    } else {
        size_t n = byte_count(x);
        wr_u8(w, (uint8_t)((n - 4) << 2 | 3));
        for (size_t i = 0; i < n; i++)
            wr_u8(w, (uint8_t)(x >> (8 * i)));
    }
}

void scale_put_bytes(struct wr *w, struct span s)
{
    scale_put_compact(w, s.len);
    wr_raw(w, s);
}

void scale_put_u128(struct wr *w, uint64_t low, uint64_t high)
{
    wr_u64(w, low);
    wr_u64(w, high);
}
