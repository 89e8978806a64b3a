/* mempool: operations that wait to be decided, in order of arrival.
 *
 * Layer: L5, a part of node.  Bounded by count and bytes, and per signer, so
 * that one signer cannot fill it: a newcomer over the limit is refused, nothing
 * is ever pushed out.
 *
 * A submission whose blob is not here yet is parked: it takes its place in the
 * order when the blob comes, and until then nobody proposes it or waits for it. */
#ifndef NODE_MEMPOOL_H
#define NODE_MEMPOOL_H

#include "base/arena.h"
#include "base/map.h"

enum { MEMPOOL_PER_SIGNER_MAX = 1024 };

struct mempool_entry {
    struct hash id;
    struct hotkey signer;
    struct span bytes; /* malloc'd, owned */
    uint64_t since_ms;
    uint64_t slot; /* proposed in this slot by us; 0: free */
    bool used, forwarded, parked;
    struct hash blob; /* that a submission names */
    uint32_t blob_size;
    uint32_t next, prev; /* in its list */
};

struct mempool_list {
    uint32_t head, tail, count;
};

struct mempool {
    struct mempool_entry *entries;
    uint32_t capacity, count, free;
    struct mempool_list order, parked;
    uint64_t bytes, bytes_max;
    uint32_t reserved;  /* entries proposed and not yet executed */
    struct map index;   /* id -> entry */
    struct map signers; /* signer -> how many */
};

enum err mempool_init(struct mempool *m, struct arena *arena, uint32_t capacity, uint64_t bytes_max,
                      struct map_seed seed);
void mempool_close(struct mempool *m);

bool mempool_has(const struct mempool *m, const struct hash *id);
/* Borrowed until it is removed; empty: not here. */
struct span mempool_get(const struct mempool *m, const struct hash *id);
/* Copies bytes.  ERR_CONFLICT: already here; ERR_FULL. */
enum err mempool_add(struct mempool *m, const struct hash *id, const struct hotkey *signer,
                     struct span bytes, uint64_t now_ms);
void mempool_remove(struct mempool *m, const struct hash *id);

/* id has just been added, and names this blob. */
void mempool_about(struct mempool *m, const struct hash *id, const struct hash *blob);
/* Whether an operation that waits names it. */
bool mempool_names(const struct mempool *m, const struct hash *blob);
/* id has just been added, and its blob is not here. */
void mempool_park(struct mempool *m, const struct hash *id, const struct hash *blob, uint32_t size);
/* The blob is here: who waited for it waits to be decided, from now on.  How many. */
uint32_t mempool_unpark(struct mempool *m, const struct hash *blob, uint64_t now_ms);
/* The one parked longest; mempool_next gives those after it. */
uint32_t mempool_first_parked(const struct mempool *m);

/* The oldest entry that is not parked, and the one after; MAP_NONE at the end. */
uint32_t mempool_first(const struct mempool *m);
uint32_t mempool_next(const struct mempool *m, uint32_t at);
/* Mark an entry as proposed in slot, or free all reservations (a view change). */
void mempool_reserve(struct mempool *m, uint32_t at, uint64_t slot);
void mempool_release(struct mempool *m);

/* Entries that are neither parked nor proposed. */
uint32_t mempool_waiting(const struct mempool *m);
/* Arrival of the oldest entry that is not parked; UINT64_MAX when there is none. */
uint64_t mempool_oldest_ms(const struct mempool *m);

#endif
