#include "codec/wr.h"

void wr_raw(struct wr *w, struct span s)
{
    assert(w->used <= w->size);
    if (s.len > w->size - w->used)
        w->full = true;
    if (w->full || s.len == 0)
        return;
    memcpy(w->start + w->used, s.ptr, s.len);
    w->used += s.len;
}

static void little(struct wr *w, uint64_t x, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(x >> (8 * i));
    wr_raw(w, span_of(bytes, n));
}

static void big(struct wr *w, uint64_t x, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(x >> (8 * (n - 1 - i)));
    wr_raw(w, span_of(bytes, n));
}

void wr_u8(struct wr *w, uint8_t x)
{
    little(w, x, 1);
}

void wr_u16(struct wr *w, uint16_t x)
{
    little(w, x, 2);
}

void wr_u32(struct wr *w, uint32_t x)
{
    little(w, x, 4);
}

void wr_u64(struct wr *w, uint64_t x)
{
    little(w, x, 8);
}

void wr_u16_be(struct wr *w, uint16_t x)
{
    big(w, x, 2);
}

void wr_bool(struct wr *w, bool x)
{
    wr_u8(w, x ? 1 : 0);
}

void wr_bytes(struct wr *w, struct span s)
{
    assert(s.len <= UINT32_MAX);
    wr_u32(w, (uint32_t)s.len);
    wr_raw(w, s);
}

struct span wr_done(const struct wr *w)
{
    return w->full ? (struct span){0} : span_of(w->start, w->used);
}
