/* rd: a bounded reader of untrusted bytes.
 *
 * Layer: L1.  Pure.  Borrows its input; a span that it returns points into the
 * input and lives exactly as long.
 *
 *   RD-1  The first short read or broken rule makes a reader bad for good.
 *   RD-2  A bad reader yields zeros and empty spans, so a decoder runs straight
 *         down and asks once, with rd_end.
 *   RD-3  A size is compared with its limit before a byte is taken.
 *
 * Integers of our canonical codec are fixed width and little-endian; the _be
 * forms serve libp2p framing. */
#ifndef CODEC_RD_H
#define CODEC_RD_H

#include "base/base.h"

struct rd {
    const uint8_t *at;
    size_t left;
    enum err bad; /* ERR_OK while good; the first trouble stays. */
};

static inline struct rd rd_init(struct span in)
{
    return (struct rd){in.ptr, in.len, ERR_OK};
}

/* rd_fail marks the reader bad; the first reason wins. */
void rd_fail(struct rd *r, enum err why);

struct span rd_take(struct rd *r, size_t n);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);

/* rd_bool: 0 or 1 and nothing else. */
bool rd_bool(struct rd *r);

/* rd_into copies exactly out.len bytes. */
void rd_into(struct rd *r, struct room out);

/* rd_bytes: u32 length, at most max, then the bytes.  ERR_TOO_BIG over max. */
struct span rd_bytes(struct rd *r, uint32_t max);

/* rd_count: u32 number of elements, at most max and no more than the bytes left
 * can hold at element_size_min each, so that memory is never taken for elements
 * that cannot be there. */
uint32_t rd_count(struct rd *r, uint32_t max, size_t element_size_min);

/* rd_end: ERR_OK when all was good and nothing is left over. */
enum err rd_end(const struct rd *r);

#endif
