#include "codec/msg.h"

struct span rd_text(struct rd *r, uint32_t max)
{
    struct span s = rd_bytes(r, max);
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < 0x20 || s.ptr[i] > 0x7e)
            rd_fail(r, ERR_MALFORMED);
    return r->bad == ERR_OK ? s : (struct span){0};
}

void *rd_room(struct rd *r, struct arena *arena, uint32_t count, size_t size)
{
    if (r->bad != ERR_OK || count == 0)
        return NULL;
    void *memory = arena_array(arena, count, size);
    if (memory == NULL)
        rd_fail(r, ERR_NO_MEMORY);
    return memory;
}
