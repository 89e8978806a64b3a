#include "ledger/state.h"

size_t inputs_arena_size(void)
{
    return (size_t)MINERS_KEPT_MAX * (sizeof(uint64_t) + sizeof(uint32_t)) +
           4 * (size_t)MINERS_KEPT_MAX * (HOTKEY_SIZE + sizeof(uint32_t)) + 8 * ARENA_ALIGN;
}

enum err inputs_init(struct ledger_inputs *in, struct arena *arena, struct map_seed seed)
{
    *in = (struct ledger_inputs){0};
    in->of_miner = arena_array(arena, MINERS_KEPT_MAX, sizeof *in->of_miner);
    in->free = arena_array(arena, MINERS_KEPT_MAX, sizeof *in->free);
    if (in->of_miner == NULL || in->free == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < MINERS_KEPT_MAX; i++)
        in->free[i] = i;
    return map_init(&in->miners, arena, HOTKEY_SIZE, MINERS_KEPT_MAX, seed);
}

uint64_t inputs_of(const struct ledger_inputs *in, const struct hotkey *miner)
{
    uint32_t at = map_get(&in->miners, miner->bytes);
    return at == MAP_NONE ? 0 : in->of_miner[at];
}

enum err inputs_add(struct ledger_inputs *in, const struct hotkey *miner, uint32_t size)
{
    assert(size > 0);
    uint32_t at = map_get(&in->miners, miner->bytes);
    if (at == MAP_NONE) {
        if (in->miners.count == MINERS_KEPT_MAX)
            return ERR_FULL;
        at = in->free[in->miners.count];
        enum err e = map_put(&in->miners, miner->bytes, at);
        assert(e == ERR_OK && in->of_miner[at] == 0);
    }
    in->of_miner[at] += size;
    in->bytes += size;
    return ERR_OK;
}

void inputs_remove(struct ledger_inputs *in, const struct hotkey *miner, uint32_t size)
{
    uint32_t at = map_get(&in->miners, miner->bytes);
    assert(at != MAP_NONE && in->of_miner[at] >= size && in->bytes >= size);
    in->of_miner[at] -= size;
    in->bytes -= size;
    if (in->of_miner[at] > 0)
        return;
    bool there = map_remove(&in->miners, miner->bytes);
    assert(there);
    in->free[in->miners.count] = at;
}
