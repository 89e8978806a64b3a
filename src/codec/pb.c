#include "codec/pb.h"

enum { NUMBER_MAX = (1 << 29) - 1 };

static uint64_t key_of(uint32_t number, enum pb_type type)
{
    assert(number >= 1 && number <= NUMBER_MAX);
    return (uint64_t)number << 3 | (uint64_t)type;
}

bool pb_next(struct rd *r, struct pb_field *out)
{
    if (r->bad != ERR_OK || r->left == 0)
        return false;
    uint64_t key = rd_varint64(r);
    struct pb_field f = {0};
    if (key >> 3 < 1 || key >> 3 > NUMBER_MAX)
        rd_fail(r, ERR_MALFORMED);
    f.number = (uint32_t)(key >> 3);
    f.type = (enum pb_type)(key & 7);
    switch (key & 7) {
    case PB_VARINT:
        f.value = rd_varint64(r);
        break;
    case PB_FIXED64:
        f.value = rd_u64(r);
        break;
    case PB_FIXED32:
        f.value = rd_u32(r);
        break;
    case PB_BYTES: {
        uint64_t len = rd_uvarint(r);
        if (len > r->left)
            rd_fail(r, ERR_MALFORMED);
        f.bytes = rd_take(r, (size_t)len);
        break;
    }
    default:
        rd_fail(r, ERR_MALFORMED);
    }
    if (r->bad != ERR_OK)
        return false;
    *out = f;
    return true;
}

bool pb_is(struct rd *r, const struct pb_field *f, enum pb_type type)
{
    if (f->type == type)
        return true;
    rd_fail(r, ERR_MALFORMED);
    return false;
}

void wr_pb_number(struct wr *w, uint32_t number, uint64_t value)
{
    wr_varint64(w, key_of(number, PB_VARINT));
    wr_varint64(w, value);
}

void wr_pb_open(struct wr *w, uint32_t number, size_t len)
{
    wr_varint64(w, key_of(number, PB_BYTES));
    wr_varint64(w, len);
}

void wr_pb_bytes(struct wr *w, uint32_t number, struct span bytes)
{
    wr_pb_open(w, number, bytes.len);
    wr_raw(w, bytes);
}

size_t pb_number_size(uint32_t number, uint64_t value)
{
    return varint_size(key_of(number, PB_VARINT)) + varint_size(value);
}

size_t pb_bytes_size(uint32_t number, size_t len)
{
    return varint_size(key_of(number, PB_BYTES)) + varint_size(len) + len;
}
