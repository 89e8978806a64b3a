/* blocks: memory in pieces of changing size, from an arena that only grows.
 *
 * Layer: L3, a part of ledger.  A buddy allocator: pieces are 64 bytes times a
 * power of two, up to 256 KiB; a piece that is given back joins its free twin,
 * so memory stays near the most that was ever in use at once.  Regions of 256
 * KiB come from the arena when they are first needed, so a node that holds
 * little touches little.
 *
 *   BLOCKS-1  A reference is stable until block_free; 0 is no block. */
#ifndef LEDGER_BLOCKS_H
#define LEDGER_BLOCKS_H

#include "base/arena.h"

enum {
    BLOCK_UNIT = 64,
    BLOCK_ORDERS = 13,
    BLOCK_REGION_UNITS = 1 << (BLOCK_ORDERS - 1),
    BLOCK_SIZE_MAX = BLOCK_UNIT * BLOCK_REGION_UNITS,
};

struct block_region;

struct blocks {
    struct arena *arena;
    struct block_region **regions;
    uint32_t region_count, regions_max;
    uint32_t free[BLOCK_ORDERS]; /* the head of each list, 0: empty */
    uint64_t units_used;
};

/* What blocks for size bytes in all take from an arena, at most. */
size_t blocks_arena_size(uint64_t size);

/* blocks_init keeps arena.  ERR_NO_MEMORY. */
enum err blocks_init(struct blocks *b, struct arena *arena, uint64_t size);

/* block_alloc: size 1 .. BLOCK_SIZE_MAX, asserted; not zeroed; 0: no memory. */
uint32_t block_alloc(struct blocks *b, size_t size);
void block_free(struct blocks *b, uint32_t ref, size_t size);

/* The memory of a block, aligned to BLOCK_UNIT. */
void *block_at(const struct blocks *b, uint32_t ref);

#endif
