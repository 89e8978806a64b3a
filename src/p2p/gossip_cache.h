/* gossip_cache: which message ids were seen, and the messages themselves.
 *
 * Layer: L2, a part of p2p.  Memory: from the arena at init, fixed.
 *
 *   CACHE-1  Both tables forget the oldest first, so neither ever refuses.
 *   CACHE-2  An id is seen at most once; it is forgotten when its time is over
 *            or when the table needs its place.
 *   CACHE-3  The bytes of a message stand together and do not move until it is
 *            evicted; numbers only grow, so a stale number finds nothing.
 *
 * Messages lie one behind the other in a ring of bytes, as in a log. */
#ifndef P2P_GOSSIP_CACHE_H
#define P2P_GOSSIP_CACHE_H

#include "p2p/gossip_wire.h"

enum { GOSSIP_KEY_SIZE = 16 };

/* The front of the BLAKE2b-256 of an id, a topic or a peer id: short keys keep
 * the tables small, and a collision costs 2^64 tries and gains its maker only
 * the loss of a message of its own. */
struct gossip_key {
    uint8_t bytes[GOSSIP_KEY_SIZE];
};

struct gossip_key gossip_key_of(struct span bytes);
struct gossip_key gossip_id_key(const struct gossip_id *id);

struct gossip_seen_entry {
    struct gossip_key key;
    uint64_t until_ms;
    uint64_t number; /* of the message in the cache; 0: none */
};

struct gossip_seen {
    struct map index;
    struct gossip_seen_entry *entries; /* a ring, oldest at first */
    uint32_t first, count, capacity, lifetime_ms;
};

enum err gossip_seen_init(struct gossip_seen *s, struct arena *arena, uint32_t capacity,
                          uint32_t lifetime_ms, struct map_seed secret);
/* The entry, borrowed until the next call, or NULL. */
const struct gossip_seen_entry *gossip_seen_find(const struct gossip_seen *s,
                                                 const struct gossip_key *key);
void gossip_seen_add(struct gossip_seen *s, const struct gossip_key *key, uint64_t number,
                     uint64_t now_ms);
void gossip_seen_expire(struct gossip_seen *s, uint64_t now_ms);
void gossip_seen_check(const struct gossip_seen *s);

enum gossip_state {
    GOSSIP_PENDING, /* waits for gossip_validate */
    GOSSIP_VALID,
    GOSSIP_DROPPED, /* rejected or ignored */
};

/* What one peer has to do with one message. */
enum { GOSSIP_MARK_HAS = 0x80, GOSSIP_MARK_ANSWERS = 0x7f };

struct gossip_entry {
    uint64_t number;
    uint64_t window; /* the heartbeat at which it became valid */
    struct gossip_id id;
    enum gossip_state state;
    uint32_t topic;        /* slot */
    uint32_t relay;        /* peer number, or MAP_NONE */
    uint32_t offset, size; /* in the ring: sign prefix, then the message */
    uint32_t data_offset, data_size;
    uint8_t *marks; /* one per peer */
};

struct gossip_cache {
    uint8_t *bytes;
    uint32_t bytes_size, write;
    struct gossip_entry *entries; /* message n stands at n % capacity */
    uint32_t capacity, peers;
    uint64_t oldest, next; /* numbers oldest .. next - 1 are here; from 1 */
};

enum err gossip_cache_init(struct gossip_cache *c, struct arena *arena, uint32_t capacity,
                           uint32_t bytes, uint32_t peers);
/* A new entry of size bytes, with everything but number, offset and size zero.
 * *evicted_pending counts entries lost before their verdict. */
struct gossip_entry *gossip_cache_add(struct gossip_cache *c, uint32_t size,
                                      uint64_t *evicted_pending);
/* NULL: never there or evicted. */
struct gossip_entry *gossip_cache_get(const struct gossip_cache *c, uint64_t number);
struct span gossip_cache_message(const struct gossip_cache *c, const struct gossip_entry *e);
struct span gossip_cache_data(const struct gossip_cache *c, const struct gossip_entry *e);
/* The peer's number is about to mean somebody else. */
void gossip_cache_forget_peer(struct gossip_cache *c, uint32_t peer);
void gossip_cache_check(const struct gossip_cache *c);

#endif
