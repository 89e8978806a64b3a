/* map: fixed-size keys to small numbers, in memory that never grows.
 *
 * Layer: L0.  Open addressing with linear probing and backward-shift deletion,
 * so there are no tombstones and no rehashing.  Keys come from peers, so they
 * are hashed with SipHash-1-3 under a secret of the process (Aumasson and
 * Bernstein, 2012).  Nothing depends on the order of entries: there is no way
 * to walk a map.
 *
 *   MAP-1  A map holds at most capacity entries; map_put says when it is full.
 *   MAP-2  A key is in a map at most once. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/arena.h"

enum { MAP_KEY_SIZE_MAX = 64 };
#define MAP_NONE UINT32_MAX

struct map_seed {
    uint64_t k0, k1;
};

struct map {
    uint8_t *keys;    /* slots x key_size */
    uint32_t *values; /* MAP_NONE marks an empty slot */
    uint32_t slots;   /* a power of two, at least twice the capacity */
    uint32_t capacity;
    uint32_t count;
    uint32_t key_size;
    struct map_seed seed;
};

/* map_init takes its memory from arena (kept).  key_size 1 .. MAP_KEY_SIZE_MAX,
 * capacity 1 .. 2^24.  ERR_NO_MEMORY: it does not fit. */
enum err map_init(struct map *m, struct arena *arena, uint32_t key_size, uint32_t capacity,
                  struct map_seed seed);

/* map_get: the value, or MAP_NONE. */
uint32_t map_get(const struct map *m, const void *key);

/* map_put adds or replaces; value is not MAP_NONE.  ERR_FULL: capacity. */
enum err map_put(struct map *m, const void *key, uint32_t value);

/* map_remove: whether the key was there. */
bool map_remove(struct map *m, const void *key);

void map_clear(struct map *m);

#endif
