/* scale: the parts of Substrate's SCALE encoding that rd and wr have not got.
 *
 * Layer: L1.  Pure.  Fixed-width integers, bools and fixed arrays are those of
 * rd and wr; this adds compact integers and what is counted by them.
 *
 *   SCALE-1  A compact integer has one form, the shortest; a longer one makes
 *            the reader bad (ERR_MALFORMED).
 *   SCALE-2  A count is compared with its limit and with the bytes left before
 *            anything is taken for it. */
#ifndef CODEC_SCALE_H
#define CODEC_SCALE_H

#include "codec/rd.h"
#include "codec/wr.h"

/* The longest compact form of a u64. */
enum { SCALE_COMPACT_SIZE_MAX = 9 };

/* scale_compact: ERR_TOO_BIG when the value needs more than 64 bits. */
uint64_t scale_compact(struct rd *r);

/* scale_compact_max: ERR_TOO_BIG over max. */
uint64_t scale_compact_max(struct rd *r, uint64_t max);

/* scale_compact_wide: up to 128 bits; *high gets the upper half, the result is
 * the lower one. */
uint64_t scale_compact_wide(struct rd *r, uint64_t *high);

/* scale_bytes: compact length of at most max, then the bytes. */
struct span scale_bytes(struct rd *r, uint32_t max);

/* scale_count: compact number of elements, at most max and no more than the
 * bytes left can hold at element_size_min each.  element_size_min 0 is for
 * elements that may be empty: then max alone is the bound. */
uint32_t scale_count(struct rd *r, uint32_t max, size_t element_size_min);

/* scale_option: whether a value follows. */
bool scale_option(struct rd *r);

size_t scale_compact_size(uint64_t x);
void scale_put_compact(struct wr *w, uint64_t x);
void scale_put_bytes(struct wr *w, struct span s);

/* scale_put_u128: 16 bytes, the upper half zero or as given. */
void scale_put_u128(struct wr *w, uint64_t low, uint64_t high);

#endif
