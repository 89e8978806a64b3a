#include "ledger/blocks.h"

/* order_of[u] is 1 + the order of the free piece that begins at unit u, or 0. */
struct block_region {
    uint8_t order_of[BLOCK_REGION_UNITS];
    uint8_t bytes[BLOCK_SIZE_MAX + BLOCK_UNIT]; /* room to align */
};

/* What stands in a free piece. */
struct free_piece {
    uint32_t next, prev;
};

static uint8_t *region_start(struct block_region *r)
{
    uintptr_t at = (uintptr_t)r->bytes;
    return r->bytes + (BLOCK_UNIT - at % BLOCK_UNIT) % BLOCK_UNIT;
}

/* A reference is the unit's number over all regions, plus one. */
void *block_at(const struct blocks *b, uint32_t ref)
{
    assert(ref != 0 && (ref - 1) / BLOCK_REGION_UNITS < b->region_count);
    uint32_t unit = ref - 1;
    return region_start(b->regions[unit / BLOCK_REGION_UNITS]) +
           (size_t)(unit % BLOCK_REGION_UNITS) * BLOCK_UNIT;
}

static uint8_t *order_of(const struct blocks *b, uint32_t ref)
{
    uint32_t unit = ref - 1;
    return &b->regions[unit / BLOCK_REGION_UNITS]->order_of[unit % BLOCK_REGION_UNITS];
}

static uint32_t order_for(size_t size)
{
    assert(size > 0 && size <= BLOCK_SIZE_MAX);
    uint32_t order = 0;
    while (((size_t)BLOCK_UNIT << order) < size)
        order++;
    return order;
}

static uint32_t regions_for(uint64_t size)
{
    return (uint32_t)((size + BLOCK_SIZE_MAX - 1) / BLOCK_SIZE_MAX);
}

size_t blocks_arena_size(uint64_t size)
{
    size_t regions = regions_for(size);
    return regions * (sizeof(struct block_region) + ARENA_ALIGN + sizeof(struct block_region *)) +
           ARENA_ALIGN;
}

enum err blocks_init(struct blocks *b, struct arena *arena, uint64_t size)
{
    uint32_t regions = regions_for(size);
    assert(regions > 0 && regions < UINT32_MAX / BLOCK_REGION_UNITS);
    struct block_region **table = arena_array(arena, regions, sizeof *table);
    if (table == NULL)
        return ERR_NO_MEMORY;
    *b = (struct blocks){.arena = arena, .regions = table, .regions_max = regions};
    return ERR_OK;
}

static void list_push(struct blocks *b, uint32_t ref, uint32_t order)
{
    struct free_piece *piece = block_at(b, ref);
    *piece = (struct free_piece){.next = b->free[order]};
    if (piece->next != 0)
        ((struct free_piece *)block_at(b, piece->next))->prev = ref;
    b->free[order] = ref;
    *order_of(b, ref) = (uint8_t)(order + 1);
}

static void list_remove(struct blocks *b, uint32_t ref, uint32_t order)
{
    struct free_piece *piece = block_at(b, ref);
    assert(*order_of(b, ref) == order + 1);
    if (piece->prev != 0)
        ((struct free_piece *)block_at(b, piece->prev))->next = piece->next;
    else
        b->free[order] = piece->next;
    if (piece->next != 0)
        ((struct free_piece *)block_at(b, piece->next))->prev = piece->prev;
    *order_of(b, ref) = 0;
}

static bool add_region(struct blocks *b)
{
    if (b->region_count == b->regions_max)
        return false;
    struct block_region *r = arena_alloc(b->arena, sizeof *r);
    if (r == NULL)
        return false;
    b->regions[b->region_count++] = r;
    list_push(b, (b->region_count - 1) * BLOCK_REGION_UNITS + 1, BLOCK_ORDERS - 1);
    return true;
}

uint32_t block_alloc(struct blocks *b, size_t size)
{
    uint32_t want = order_for(size), order = want;
    while (order < BLOCK_ORDERS && b->free[order] == 0)
        order++;
    if (order == BLOCK_ORDERS) {
        if (!add_region(b))
            return 0;
        order = BLOCK_ORDERS - 1;
    }
    uint32_t ref = b->free[order];
    list_remove(b, ref, order);
    while (order > want) { /* Keep the lower half, free the upper one. */
        order--;
        list_push(b, ref + (1u << order), order);
    }
    b->units_used += 1u << want;
    return ref;
}

void block_free(struct blocks *b, uint32_t ref, size_t size)
{
    uint32_t order = order_for(size);
    assert(*order_of(b, ref) == 0);
    assert(b->units_used >= 1u << order);
    b->units_used -= 1u << order;
    while (order < BLOCK_ORDERS - 1) {
        uint32_t twin = ((ref - 1) ^ (1u << order)) + 1;
        if (*order_of(b, twin) != order + 1)
            break;
        list_remove(b, twin, order);
        ref = ref < twin ? ref : twin;
        order++;
    }
    list_push(b, ref, order);
}
