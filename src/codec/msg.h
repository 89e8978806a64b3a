/* msg: what the generated codecs need beside rd and wr.
 *
 * Layer: L1.  Pure.  The language of the tables is described in
 * tools/msggen.py. */
#ifndef CODEC_MSG_H
#define CODEC_MSG_H

#include "base/arena.h"
#include "codec/rd.h"

/* rd_text: like rd_bytes, and every byte is printable ASCII (0x20 .. 0x7e). */
struct span rd_text(struct rd *r, uint32_t max);

/* rd_room: an array for a list that rd_count has bounded; NULL when the reader
 * is bad, the list is empty or the arena is full (then ERR_NO_MEMORY). */
void *rd_room(struct rd *r, struct arena *arena, uint32_t count, size_t size);

#endif
