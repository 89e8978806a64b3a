/* msg_fuzz: what the generated fuzz targets share.  Included by them only.
 *
 * Layer: L1.  The canonical-form rule of the codec, for every message of a
 * table: decode(x) fails, or encode(decode(x)) == x. */
#ifndef CODEC_MSG_FUZZ_H
#define CODEC_MSG_FUZZ_H

#include <stdlib.h>

#include "base/arena.h"

/* Decoded lists take more room than their bytes; one that does not fit is an
 * error like any other. */
enum { FUZZ_ARENA_SIZE = 64 << 10, FUZZ_ARENA_FACTOR = 64 };

/* Room for the encoding: as long as the input, so that a longer one is seen. */
static inline struct room fuzz_room(struct span in, struct arena *arena)
{
    struct room room = {arena_alloc(arena, in.len), in.len};
    if (room.ptr == NULL)
        abort();
    return room;
}

static inline void fuzz_same(struct span in, struct span again)
{
    if (!span_equal(in, again))
        abort();
}

static inline int fuzz_one(struct span in, void (*const all[])(struct span, struct arena *),
                           size_t count)
{
    struct arena arena;
    if (in.len == 0 || arena_open(&arena, FUZZ_ARENA_SIZE + FUZZ_ARENA_FACTOR * in.len) != ERR_OK)
        return 0;
    all[in.ptr[0] % count](span_of(in.ptr + 1, in.len - 1), &arena);
    arena_close(&arena);
    return 0;
}

#endif
