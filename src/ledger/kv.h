/* kv: the state as an ordered map with a Merkle root.
 *
 * Layer: L3, a part of ledger.  Pure.  Memory: the arena given to kv_open, kept.
 *
 * A Patricia trie over the bits of the keys, most significant bit first: an
 * inner node names the first bit in which its two sides differ.  Its shape is a
 * function of the set of keys, so the root is a function of the entries and of
 * nothing else, and a walk from left to right is in memcmp order.
 *
 *   leaf hash   BLAKE2b-256("PLTFLEAF" | u32 key size | key | value)
 *   inner hash  BLAKE2b-256("PLTFNODE" | u16 bit | left | right)
 *   root        the topmost hash; of nothing: 32 zero bytes
 *
 * Numbers are little-endian.  Hashes are made when a root is asked for, on the
 * paths that changed since the last one.
 *
 *   KV-1  No key is the beginning of another; kv_put refuses it (ERR_CONFLICT).
 *   KV-2  The root does not depend on the order of puts and deletes.
 *   KV-3  Every key whose value changed is in the list of changes once. */
#ifndef LEDGER_KV_H
#define LEDGER_KV_H

#include "base/arena.h"

enum { KV_KEY_SIZE_MAX = 80, KV_VALUE_SIZE_MAX = 128 << 10 };

struct kv;

/* entries_max and bytes_max (the sum of the sizes of keys and values) are limits
 * that depend on the entries only, never on how memory is laid out. */
size_t kv_arena_size(uint32_t entries_max, uint64_t bytes_max);
enum err kv_open(struct kv **out, struct arena *arena, uint32_t entries_max, uint64_t bytes_max);

/* kv_put adds or replaces.  key and value are borrowed; value may not be empty
 * and may not lie in the map itself.
 * ERR_FULL: entries_max or bytes_max; ERR_CONFLICT: KV-1; ERR_TOO_BIG;
 * ERR_NO_MEMORY: the arena is used up. */
enum err kv_put(struct kv *m, struct span key, struct span value);

/* kv_del: whether it was there. */
bool kv_del(struct kv *m, struct span key);

/* *value is borrowed until that entry is put or deleted. */
bool kv_get(const struct kv *m, struct span key, struct span *value);

/* How many keys begin with prefix, and the one at index among them in order. */
uint32_t kv_count(const struct kv *m, struct span prefix);
bool kv_at(const struct kv *m, struct span prefix, uint32_t index, struct span *key,
           struct span *value);

/* Whether that many more entries and bytes fit the limits. */
bool kv_has_room(const struct kv *m, uint32_t entries, uint64_t bytes);

struct hash kv_root(struct kv *m);

/* Empties the list of changes one by one; value.len 0: the entry is gone.
 * Borrowed until the next call on the map.  false: no more. */
bool kv_next_change(struct kv *m, struct span *key, struct span *value);
void kv_forget_changes(struct kv *m);

#endif
