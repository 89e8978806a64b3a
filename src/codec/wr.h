/* wr: a bounded writer into caller memory; the twin of rd.
 *
 * Layer: L1.  Pure.  Borrows its room until wr_done.
 *
 *   WR-1  The first write that does not fit makes a writer full for good, and
 *         writes nothing.
 *   WR-2  What rd reads back with the same calls is what was written. */
#ifndef CODEC_WR_H
#define CODEC_WR_H

#include "base/base.h"

struct wr {
    uint8_t *start;
    size_t used;
    size_t size;
    bool full;
};

static inline struct wr wr_init(struct room out)
{
    return (struct wr){out.ptr, 0, out.len, false};
}

void wr_raw(struct wr *w, struct span s);
void wr_u8(struct wr *w, uint8_t x);
void wr_u16(struct wr *w, uint16_t x);
void wr_u32(struct wr *w, uint32_t x);
void wr_u64(struct wr *w, uint64_t x);
void wr_u16_be(struct wr *w, uint16_t x);
void wr_bool(struct wr *w, bool x);

/* wr_bytes: u32 length, then the bytes. */
void wr_bytes(struct wr *w, struct span s);

/* wr_done: what was written; {NULL, 0} when something did not fit. */
struct span wr_done(const struct wr *w);

#endif
