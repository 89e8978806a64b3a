#include "p2p/rope.h"

struct rope_block {
    struct rope_block *next;
    uint64_t unused; /* keeps bytes aligned for the fast paths of memcpy */
    uint8_t bytes[ROPE_BLOCK_SIZE - 16];
};

static_assert(sizeof(struct rope_block) == ROPE_BLOCK_SIZE);
enum { DATA = sizeof((struct rope_block){0}.bytes) };

size_t rope_pool_size(uint32_t blocks)
{
    return (size_t)blocks * ROPE_BLOCK_SIZE + ARENA_ALIGN;
}

enum err rope_pool_init(struct rope_pool *p, struct arena *arena, uint32_t blocks)
{
    struct rope_block *all = arena_array(arena, blocks, sizeof *all);
    if (all == NULL)
        return ERR_NO_MEMORY;
    *p = (struct rope_pool){.count = blocks, .free_count = blocks};
    for (uint32_t i = blocks; i-- > 0;) {
        all[i].next = p->free;
        p->free = &all[i];
    }
    return ERR_OK;
}

static void push_block(struct rope *r, struct rope_budget *b)
{
    struct rope_pool *p = b->pool;
    struct rope_block *block = p->free;
    assert(block != NULL);
    p->free = block->next;
    p->free_count--;
    b->used += ROPE_BLOCK_SIZE;
    block->next = NULL;
    if (r->tail == NULL) {
        r->head = block;
        r->head_at = 0;
    } else {
        r->tail->next = block;
    }
    r->tail = block;
    r->tail_at = 0;
}

static void pop_block(struct rope *r, struct rope_budget *b)
{
    struct rope_block *block = r->head;
    assert(b->used >= ROPE_BLOCK_SIZE);
    r->head = block->next;
    if (r->head == NULL)
        r->tail = NULL;
    r->head_at = 0;
    block->next = b->pool->free;
    b->pool->free = block;
    b->pool->free_count++;
    b->used -= ROPE_BLOCK_SIZE;
}

bool rope_fits(const struct rope *r, const struct rope_budget *b, size_t len)
{
    const struct rope_pool *p = b->pool;
    size_t room = r->tail == NULL ? 0 : DATA - r->tail_at;
    size_t over = len > room ? len - room : 0;
    size_t blocks = (over + DATA - 1) / DATA;
    if (blocks == 0)
        return true;
    if (blocks > p->free_count || b->used >= b->max ||
        blocks > (b->max - b->used) / ROPE_BLOCK_SIZE)
        return false;
    return p->free_count - blocks >= p->reserve || b->used / ROPE_BLOCK_SIZE + blocks <= p->share;
}

enum err rope_append(struct rope *r, struct rope_budget *b, struct span s)
{
    if (!rope_fits(r, b, s.len))
        return ERR_FULL;
    r->len += s.len;
    while (s.len != 0) {
        if (r->tail == NULL || r->tail_at == DATA)
            push_block(r, b);
        size_t n = min_u64(s.len, DATA - r->tail_at);
        memcpy(r->tail->bytes + r->tail_at, s.ptr, n);
        r->tail_at += (uint32_t)n;
        s.ptr += n;
        s.len -= n;
    }
    return ERR_OK;
}

/* The unread bytes of a block. */
static struct span piece(const struct rope *r, const struct rope_block *block)
{
    uint32_t from = block == r->head ? r->head_at : 0;
    uint32_t to = block == r->tail ? r->tail_at : DATA;
    return span_of(block->bytes + from, to - from);
}

struct span rope_front(const struct rope *r)
{
    return r->head == NULL ? (struct span){0} : piece(r, r->head);
}

size_t rope_peek(const struct rope *r, struct room out)
{
    size_t done = 0;
    for (const struct rope_block *b = r->head; b != NULL && done < out.len; b = b->next) {
        struct span s = piece(r, b);
        size_t n = min_u64(s.len, out.len - done);
        memcpy(out.ptr + done, s.ptr, n);
        done += n;
    }
    return done;
}

struct span rope_view(const struct rope *r, size_t len, struct room scratch)
{
    assert(len <= r->len);
    struct span front = rope_front(r);
    if (len <= front.len)
        return span_of(front.ptr, len);
    assert(len <= scratch.len);
    size_t got = rope_peek(r, (struct room){scratch.ptr, len});
    assert(got == len);
    return span_of(scratch.ptr, len);
}

void rope_drop(struct rope *r, struct rope_budget *b, size_t len)
{
    assert(len <= r->len);
    r->len -= len;
    while (len != 0) {
        size_t n = min_u64(len, piece(r, r->head).len);
        r->head_at += (uint32_t)n;
        len -= n;
        if (piece(r, r->head).len == 0)
            pop_block(r, b);
    }
    assert((r->len == 0) == (r->head == NULL));
}

void rope_clear(struct rope *r, struct rope_budget *b)
{
    rope_drop(r, b, r->len);
}
