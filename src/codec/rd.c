#include "codec/rd.h"

void rd_fail(struct rd *r, enum err why)
{
    assert(why != ERR_OK);
    if (r->bad == ERR_OK)
        r->bad = why;
}

struct span rd_take(struct rd *r, size_t n)
{
    if (n > r->left)
        rd_fail(r, ERR_MALFORMED);
    if (r->bad != ERR_OK || n == 0)
        return (struct span){0};
    struct span s = {r->at, n};
    r->at += n;
    r->left -= n;
    return s;
}

static uint64_t little(struct rd *r, size_t n)
{
    struct span s = rd_take(r, n);
    uint64_t x = 0;
    for (size_t i = 0; i < s.len; i++)
        x |= (uint64_t)s.ptr[i] << (8 * i);
    return x;
}

uint8_t rd_u8(struct rd *r)
{
    return (uint8_t)little(r, 1);
}

uint16_t rd_u16(struct rd *r)
{
    return (uint16_t)little(r, 2);
}

uint32_t rd_u32(struct rd *r)
{
    return (uint32_t)little(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
    return little(r, 8);
}

bool rd_bool(struct rd *r)
{
    uint8_t x = rd_u8(r);
    if (x > 1)
        rd_fail(r, ERR_MALFORMED);
    return x == 1;
}

void rd_into(struct rd *r, struct room out)
{
    struct span s = rd_take(r, out.len);
    if (s.len == out.len && out.len != 0)
        memcpy(out.ptr, s.ptr, out.len);
    else if (out.len != 0)
        memset(out.ptr, 0, out.len);
}

struct span rd_bytes(struct rd *r, uint32_t max)
{
    uint32_t n = rd_u32(r);
    if (n > max)
        rd_fail(r, ERR_TOO_BIG);
    return rd_take(r, n);
}

uint32_t rd_count(struct rd *r, uint32_t max, size_t element_size_min)
{
    assert(element_size_min > 0);
    uint32_t n = rd_u32(r);
    if (n > max)
        rd_fail(r, ERR_TOO_BIG);
    else if (n > r->left / element_size_min)
        rd_fail(r, ERR_MALFORMED);
    return r->bad == ERR_OK ? n : 0;
}

enum err rd_end(const struct rd *r)
{
    if (r->bad != ERR_OK)
        return r->bad;
    return r->left == 0 ? ERR_OK : ERR_MALFORMED;
}
