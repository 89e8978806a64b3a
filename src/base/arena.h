/* arena: memory that is sized once and given back all at once.
 *
 * Layer: L0.  Threads: one at a time.  Memory: the arena's own region.
 *
 *   ARENA-1  A block is zeroed and aligned to ARENA_ALIGN.
 *   ARENA-2  A block lives until its arena is reset past its mark or closed.
 *   ARENA-3  An arena never grows: a request that does not fit gives NULL and
 *            leaves the arena as it was.
 *
 * A long-lived arena belongs to a module and is sized from its configuration at
 * start.  A scratch arena is reset at the end of each turn of the loop. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/base.h"

enum { ARENA_ALIGN = 16 };

struct arena {
    uint8_t *memory;
    size_t size;
    size_t used;
    size_t peak; /* The most that was ever in use, for the metrics. */
    bool owned;  /* arena_open took the memory and arena_close returns it. */
};

/* arena_init: use memory (kept until the caller drops the arena). */
void arena_init(struct arena *a, struct room memory);

/* arena_open takes size bytes from the system; the one place that does.
 * ERR_NO_MEMORY: the system has not got them. */
enum err arena_open(struct arena *a, size_t size);
void arena_close(struct arena *a); /* A zeroed arena is fine. */

/* arena_alloc: size bytes, zeroed, or NULL when they do not fit. */
void *arena_alloc(struct arena *a, size_t size);

/* arena_raw: like arena_alloc, not zeroed: for big buffers of which little is
 * ever used, so that the rest never becomes resident. */
void *arena_raw(struct arena *a, size_t size);

/* arena_array: count elements, or NULL, also when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* arena_copy: the same bytes in the arena; {NULL, 0} when they do not fit and
 * for an empty span. */
struct span arena_copy(struct arena *a, struct span s);

/* Everything taken after arena_mark goes back with arena_reset. */
size_t arena_mark(const struct arena *a);
void arena_reset(struct arena *a, size_t mark);

#endif
