#include "base/map.h"

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static uint64_t sip_hash(struct map_seed seed, const uint8_t *key, uint32_t size)
{
    uint64_t v[4] = {seed.k0 ^ 0x736f6d6570736575, seed.k1 ^ 0x646f72616e646f6d,
                     seed.k0 ^ 0x6c7967656e657261, seed.k1 ^ 0x7465646279746573};
    for (uint32_t i = 0; i <= size / 8; i++) {
        uint64_t word = i == size / 8 ? (uint64_t)size << 56 : 0;
        memcpy(&word, key + 8 * (size_t)i, i == size / 8 ? size % 8 : 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

enum err map_init(struct map *m, struct arena *arena, uint32_t key_size, uint32_t capacity,
                  struct map_seed seed)
{
    assert(key_size >= 1 && key_size <= MAP_KEY_SIZE_MAX);
    assert(capacity >= 1 && capacity <= 1u << 24);
    uint32_t slots = 2;
    while (slots < 2 * capacity)
        slots *= 2;
    uint8_t *keys = arena_array(arena, slots, key_size);
    uint32_t *values = arena_array(arena, slots, sizeof *values);
    if (keys == NULL || values == NULL)
        return ERR_NO_MEMORY;
    *m = (struct map){keys, values, slots, capacity, 0, key_size, seed};
    map_clear(m);
    return ERR_OK;
}

static uint32_t home(const struct map *m, const void *key)
{
    return (uint32_t)sip_hash(m->seed, key, m->key_size) & (m->slots - 1);
}

static uint8_t *key_at(const struct map *m, uint32_t slot)
{
    return m->keys + (size_t)slot * m->key_size;
}

/* The slot that holds key, or the empty slot where it would go. */
static uint32_t find(const struct map *m, const void *key)
{
    uint32_t slot = home(m, key);
    while (m->values[slot] != MAP_NONE && memcmp(key_at(m, slot), key, m->key_size) != 0)
        slot = (slot + 1) & (m->slots - 1);
    return slot;
}

uint32_t map_get(const struct map *m, const void *key)
{
    return m->values[find(m, key)];
}

enum err map_put(struct map *m, const void *key, uint32_t value)
{
    assert(value != MAP_NONE);
    uint32_t slot = find(m, key);
    if (m->values[slot] == MAP_NONE) {
        if (m->count == m->capacity)
            return ERR_FULL;
        m->count++;
        memcpy(key_at(m, slot), key, m->key_size);
    }
    m->values[slot] = value;
    return ERR_OK;
}

bool map_remove(struct map *m, const void *key)
{
    uint32_t hole = find(m, key);
    if (m->values[hole] == MAP_NONE)
        return false;
    m->count--;
    m->values[hole] = MAP_NONE;
    /* Move back each follower that the hole would hide from a search. */
    for (uint32_t at = (hole + 1) & (m->slots - 1); m->values[at] != MAP_NONE;
         at = (at + 1) & (m->slots - 1)) {
        uint32_t distance = (at - home(m, key_at(m, at))) & (m->slots - 1);
        if (distance < ((at - hole) & (m->slots - 1)))
            continue;
        memcpy(key_at(m, hole), key_at(m, at), m->key_size);
        m->values[hole] = m->values[at];
        m->values[at] = MAP_NONE;
        hole = at;
    }
    return true;
}

void map_clear(struct map *m)
{
    memset(m->values, 0xff, m->slots * sizeof *m->values);
    m->count = 0;
}
