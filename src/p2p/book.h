/* book: which addresses to dial, and when.
 *
 * Layer: L2, inside p2p.  Sans-IO.  Bootstrap entries are tried for ever;
 * learnt ones only while the host wants more peers, and are forgotten after
 * BOOK_FAILURES_MAX failures in a row.
 *
 *   BOOK-1  A peer or address is dialled at most once at a time.
 *   BOOK-2  After the n-th failure in a row the next dial waits min * 2^n ms, at
 *           most max, less a random part of up to a half.
 *   BOOK-3  Learnt entries never push out a bootstrap entry, nor one whose id
 *           was proved by a handshake.
 *   BOOK-4  A place where this host itself answered is not dialled again, and
 *           who names it as another peer's hides nothing of that peer. */
#ifndef P2P_BOOK_H
#define P2P_BOOK_H

#include "base/prng.h"
#include "p2p/peer_id.h"

enum {
    BOOK_LEARNT_MAX = 256,
    BOOK_SIZE = BOOK_LEARNT_MAX + P2P_BOOTSTRAP_MAX,
    BOOK_ADDRESSES_MAX = 4,
    BOOK_OWN_MAX = 8, /* places that led to ourselves; the oldest is forgotten */
    BOOK_FAILURES_MAX = 8,
    BOOK_NONE = UINT32_MAX,
};

enum book_state { BOOK_FREE, BOOK_IDLE, BOOK_DIALING, BOOK_CONNECTED, BOOK_SELF };

struct book_entry {
    enum book_state state;
    bool bootstrap;
    bool proven;   /* a handshake showed this peer id */
    bool has_peer; /* else a bootstrap address without an id */
    bool pinned;   /* the configuration names the id: no other will do */
    struct peer_id peer;
    struct p2p_endpoint addresses[BOOK_ADDRESSES_MAX];
    uint32_t count, next; /* addresses; the one to try next */
    uint32_t failures;
    uint64_t dial_at_ms;
};

struct book {
    struct book_entry *entries; /* BOOK_SIZE */
    struct prng prng;
    uint32_t min_ms, max_ms;
    struct p2p_endpoint own[BOOK_OWN_MAX]; /* a ring */
    uint32_t own_count;                    /* ever */
    bool changed;                          /* since book_wake_at was last asked */
};

size_t book_arena_size(void);
enum err book_init(struct book *b, struct arena *arena, uint32_t min_ms, uint32_t max_ms,
                   struct prng prng);

/* ERR_FULL: P2P_BOOTSTRAP_MAX are there. */
enum err book_bootstrap(struct book *b, const struct p2p_endpoint *e, uint64_t now_ms);

/* book_learn: an address of a peer; a hint until it is proved. */
void book_learn(struct book *b, const struct peer_id *peer, const struct p2p_endpoint *e,
                uint64_t now_ms);

/* book_next: an entry that is due, now BOOK_DIALING, or BOOK_NONE.  Learnt
 * entries only when wanted. */
uint32_t book_next(struct book *b, bool learnt_wanted, uint64_t now_ms,
                   struct p2p_endpoint *endpoint);

/* book_failed: the dial of an entry did not lead to a connection that counts. */
void book_failed(struct book *b, uint32_t entry, uint64_t now_ms);

/* book_self: the dial of an entry led to ourselves.  The entry goes on with its
 * other addresses; without one a bootstrap entry rests, a learnt one is
 * forgotten. */
void book_self(struct book *b, uint32_t entry, uint64_t now_ms);

/* book_connected: this peer is connected, by the dial of entry, or BOOK_NONE for
 * a dial of theirs. */
void book_connected(struct book *b, uint32_t entry, const struct peer_id *peer);

/* book_disconnected: brief connections count as failures. */
void book_disconnected(struct book *b, const struct peer_id *peer, bool brief, uint64_t now_ms);

/* When book_next may have something; UINT64_MAX: never. */
uint64_t book_wake_at(struct book *b, bool learnt_wanted);

#endif
