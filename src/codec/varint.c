#include "codec/varint.h"

/* One number of at most size_max bytes; *size is 0 while it is incomplete. */
static enum err scan(struct span in, size_t size_max, uint64_t *x, size_t *size)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < in.len && i < size_max; i++) {
        uint8_t byte = in.ptr[i];
        if (i == VARINT64_SIZE_MAX - 1 && byte > 1)
            return ERR_MALFORMED; /* past 64 bits */
        sum |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        if (byte == 0 && i > 0)
            return ERR_MALFORMED; /* a shorter spelling exists */
        *x = sum;
        *size = i + 1;
        return ERR_OK;
    }
    if (in.len >= size_max)
        return ERR_MALFORMED;
    *size = 0;
    return ERR_OK;
}

static uint64_t take(struct rd *r, size_t size_max)
{
    uint64_t x = 0;
    size_t size = 0;
    if (r->bad != ERR_OK)
        return 0;
    if (scan(span_of(r->at, r->left), size_max, &x, &size) != ERR_OK || size == 0) {
        rd_fail(r, ERR_MALFORMED);
        return 0;
    }
    (void)rd_take(r, size);
    return x;
}

uint64_t rd_uvarint(struct rd *r)
{
    return take(r, UVARINT_SIZE_MAX);
}

uint64_t rd_varint64(struct rd *r)
{
    return take(r, VARINT64_SIZE_MAX);
}

void wr_varint64(struct wr *w, uint64_t x)
{
    uint8_t bytes[VARINT64_SIZE_MAX];
    size_t n = 0;
    do {
        bytes[n++] = (uint8_t)((x & 0x7f) | (x > 0x7f ? 0x80 : 0));
        x >>= 7;
    } while (x != 0);
    wr_raw(w, span_of(bytes, n));
}

size_t varint_size(uint64_t x)
{
    size_t n = 1;
    while (x > 0x7f) {
        x >>= 7;
        n++;
    }
    return n;
}

enum err uvarint_peek(struct span in, uint64_t *x, size_t *size)
{
    return scan(in, UVARINT_SIZE_MAX, x, size);
}
