#include "base/arena.h"

#include <stdlib.h>

void arena_init(struct arena *a, struct room memory)
{
    assert(memory.ptr != NULL || memory.len == 0);
    assert((uintptr_t)memory.ptr % ARENA_ALIGN == 0);
    *a = (struct arena){.memory = memory.ptr, .size = memory.len};
}

enum err arena_open(struct arena *a, size_t size)
{
    size_t rounded = (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    uint8_t *memory = calloc(1, rounded);
    if (memory == NULL)
        return ERR_NO_MEMORY;
    assert((uintptr_t)memory % ARENA_ALIGN == 0);
    *a = (struct arena){.memory = memory, .size = size, .owned = true};
    return ERR_OK;
}

void arena_close(struct arena *a)
{
    if (a->owned)
        free(a->memory);
    *a = (struct arena){0};
}

void *arena_raw(struct arena *a, size_t size)
{
    assert(a->used <= a->size);
    size_t start = (a->used + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (start > a->size || size > a->size - start)
        return NULL;
    a->used = start + size;
    if (a->used > a->peak)
        a->peak = a->used;
    return a->memory + start;
}

void *arena_alloc(struct arena *a, size_t size)
{
    /* Memory from the system is zero until it was handed out once: what is never
     * used is never touched. */
    size_t dirty = a->owned ? a->peak : a->size;
    uint8_t *memory = arena_raw(a, size);
    if (memory == NULL)
        return NULL;
    size_t start = (size_t)(memory - a->memory);
    if (start < dirty)
        memset(memory, 0, min_u64(size, dirty - start));
    return memory;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    uint64_t bytes;
    if (!mul_ok(count, size, &bytes))
        return NULL;
    return arena_alloc(a, bytes);
}

struct span arena_copy(struct arena *a, struct span s)
{
    if (s.len == 0)
        return (struct span){0};
    uint8_t *to = arena_alloc(a, s.len);
    if (to == NULL)
        return (struct span){0};
    memcpy(to, s.ptr, s.len);
    return span_of(to, s.len);
}

size_t arena_mark(const struct arena *a)
{
    return a->used;
}

void arena_reset(struct arena *a, size_t mark)
{
    assert(mark <= a->used);
    a->used = mark;
}
