/* rope: a byte queue made of blocks from one shared pool, charged to a budget.
 *
 * Layer: L2, inside p2p.  Pure.  Every buffered byte of a connection sits in a
 * rope, so the budget of a peer is the memory that it holds here.
 *
 *   ROPE-1  A budget's used is the sum of the blocks in its ropes; it never
 *           exceeds its max.
 *   ROPE-2  An append happens whole or not at all.
 *
 * All ropes of one budget share one pool. */
#ifndef P2P_ROPE_H
#define P2P_ROPE_H

#include "base/arena.h"

enum { ROPE_BLOCK_SIZE = 4096 };

struct rope_block;

struct rope_pool {
    struct rope_block *free;
    uint32_t free_count;
    uint32_t count;
    /* Once no more than reserve blocks are free, they are only for budgets that
     * have less than share: the greedy cannot starve the modest.  0, 0: off. */
    uint32_t reserve, share;
};

struct rope_budget {
    struct rope_pool *pool;
    uint32_t used; /* bytes, in whole blocks */
    uint32_t max;
};

struct rope {
    struct rope_block *head, *tail;
    uint32_t head_at; /* first unread byte in head */
    uint32_t tail_at; /* first free byte in tail */
    size_t len;
};

size_t rope_pool_size(uint32_t blocks);
enum err rope_pool_init(struct rope_pool *p, struct arena *arena, uint32_t blocks);

/* ERR_FULL: the budget or the pool has not got that many blocks. */
enum err rope_append(struct rope *r, struct rope_budget *b, struct span s);

bool rope_fits(const struct rope *r, const struct rope_budget *b, size_t len);

/* rope_front: the first bytes that lie together; empty for an empty rope. */
struct span rope_front(const struct rope *r);

/* rope_peek copies up to out.len bytes from the front; returns how many. */
size_t rope_peek(const struct rope *r, struct room out);

/* rope_view: the first len (<= r->len, asserted) bytes as one span: in place
 * when they lie together, else copied to scratch (which holds them, asserted). */
struct span rope_view(const struct rope *r, size_t len, struct room scratch);

/* rope_drop forgets len bytes (<= r->len, asserted) at the front. */
void rope_drop(struct rope *r, struct rope_budget *b, size_t len);
void rope_clear(struct rope *r, struct rope_budget *b);

#endif
