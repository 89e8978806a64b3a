/* gossip: GossipSub v1.1 without its transport: mesh, gossip, validation.
 *
 * Layer: L2, a part of p2p, seen only inside the folder.  Sans-IO: RPCs, time
 * and credit come in; RPCs and messages go out.  Memory: from the arena at
 * gossip_init, never more.  Threads: one.
 *
 *   GOSSIP-1  A message is delivered once, and only when StrictSign holds: from,
 *             an 8-byte seqno and a signature are there, and the signature is
 *             that of the ed25519 key inside from.
 *   GOSSIP-2  A message is forwarded, advertised or served only after
 *             gossip_validate accepted it (own messages: at once).
 *   GOSSIP-3  An RPC is taken whole or not at all: it is scanned against every
 *             limit before the first item has an effect or costs memory.
 *   GOSSIP-4  A forged message never keeps a true one away: only a verified id
 *             is remembered as seen.
 *   GOSSIP-5  No peer is grafted while its PRUNE backoff lasts, whoever pruned.
 *   GOSSIP-6  What waits for a slow peer is bounded; over the bound the newest
 *             is dropped and counted.
 *
 * A message id is from | seqno (the preset of go-libp2p).  Scores come later;
 * here a peer has one `behaviour` count that floods raise, that every heartbeat
 * lowers by one, and that ends the connection at GOSSIP_BEHAVIOUR_MAX. */
#ifndef P2P_GOSSIP_H
#define P2P_GOSSIP_H

#include "base/map.h"
#include "p2p/p2p.h"

enum {
    GOSSIP_TOPIC_SIZE_MAX = 256,
    GOSSIP_PUBLIC_KEY_SIZE = 32,
    GOSSIP_SIGNATURE_SIZE = 64,

    /* One incoming RPC; over any of these it is refused whole. */
    GOSSIP_RPC_IN_MAX = 1 << 20,
    GOSSIP_RPC_IDS_MAX = 5000,
    GOSSIP_RPC_MESSAGES_MAX = 500,
    GOSSIP_RPC_SUBSCRIPTIONS_MAX = 100,
    GOSSIP_RPC_CONTROL_MAX = 256, /* GRAFT, PRUNE, IHAVE and IWANT entries together */
    GOSSIP_ID_SIZE_MAX = 64,

    /* One outgoing RPC: what the strictest peer takes.  A single message that
     * is larger travels alone. */
    GOSSIP_RPC_OUT_MAX = 64 << 10,
    GOSSIP_CONTROL_OUT_MAX = 16 << 10,
    GOSSIP_MESSAGE_SIZE_MAX = P2P_GOSSIP_MAX + 512,  /* encoded, with its fields */
    GOSSIP_CREDIT_MAX = GOSSIP_MESSAGE_SIZE_MAX + 8, /* no RPC needs more */

    /* The mesh. */
    GOSSIP_D = 6,
    GOSSIP_D_LOW = 5,
    GOSSIP_D_HIGH = 12,
    GOSSIP_D_OUT = 2,
    GOSSIP_D_LAZY = 6,
    GOSSIP_LAZY_PERCENT = 25,
    GOSSIP_HEARTBEAT_MS = 1000,
    GOSSIP_HEARTBEAT_FIRST_MS = 100,
    GOSSIP_FANOUT_MS = 60000,
    GOSSIP_BACKOFF_S = 60,
    GOSSIP_BACKOFF_UNSUBSCRIBE_S = 10,
    GOSSIP_BACKOFF_S_MAX = 3600, /* of what a peer asks for */
    GOSSIP_BACKOFF_SLACK_MS = GOSSIP_HEARTBEAT_MS,
    GOSSIP_GRAFT_FLOOD_MS = 10000,

    /* Gossip. */
    GOSSIP_HISTORY = 5,             /* heartbeats for which IWANT is answered */
    GOSSIP_HISTORY_GOSSIP = 3,      /* heartbeats that IHAVE tells of */
    GOSSIP_IHAVE_MESSAGES_MAX = 10, /* RPCs with IHAVE of a peer per heartbeat */
    GOSSIP_IHAVE_OUT_MAX = 8,       /* RPCs with IHAVE to a peer per heartbeat */
    GOSSIP_IWANT_PENDING_MAX = 256, /* ids to ask one peer for, waiting to be sent */
    GOSSIP_IWANT_ANSWERS_MAX = 3,   /* of one message to one peer */
    GOSSIP_PROMISE_MS = 3000,
    GOSSIP_PROMISES_PER_PEER = 8,

    GOSSIP_TOPICS_PER_PEER = 100,
    GOSSIP_TOPICS_MAX = 2 * P2P_TOPICS_MAX, /* ours: subscribed and fanout */
    GOSSIP_QUEUE_MAX = 256,                 /* messages waiting for one peer, of each kind */
    GOSSIP_CACHE_BYTES = 8 << 20,           /* the shipped cache_bytes */
    GOSSIP_BEHAVIOUR_MAX = 100,
};

/* The host's ed25519 identity, and how to check somebody else's signature.
 * verify refuses small-order and non-canonical keys. */
struct gossip_keys {
    void (*sign)(void *ctx, struct span message, uint8_t out[GOSSIP_SIGNATURE_SIZE]);
    bool (*verify)(void *ctx, const uint8_t key[GOSSIP_PUBLIC_KEY_SIZE], struct span message,
                   const uint8_t signature[GOSSIP_SIGNATURE_SIZE]);
    void *ctx;
    uint8_t self[GOSSIP_PUBLIC_KEY_SIZE];
};

struct gossip_config {
    uint32_t peers;   /* limits.connections: peers are numbered below this */
    uint32_t seen;    /* limits.gossip_seen */
    uint32_t seen_ms; /* limits.gossip_seen_ms */
    /* An RPC that is taken fits into the cache whole, so what is drained by
     * gossip_poll after each call is never lost before it was handed out. */
    uint32_t cache;         /* limits.gossip_cache, at least GOSSIP_RPC_MESSAGES_MAX */
    uint32_t cache_bytes;   /* at least 2 * GOSSIP_RPC_IN_MAX */
    bool flood_publish;     /* own messages go to every subscriber, not to the mesh */
    uint64_t seqno_start;   /* unix nanoseconds */
    uint64_t seed;          /* sampling */
    struct map_seed secret; /* of the process, for the tables */
    struct gossip_keys keys;
    struct trace *trace; /* kept */
};

enum gossip_protocol { GOSSIP_V10, GOSSIP_V11 }; /* /meshsub/1.0.0, /meshsub/1.1.0 */

struct gossip_peer {
    struct peer_id id;
    bool outbound;          /* we dialled */
    uint64_t address_group; /* equal for addresses of one owner: IPv4 /24, IPv6 /48 */
    enum gossip_protocol protocol;
};

struct gossip;

size_t gossip_arena_size(const struct gossip_config *c);
/* ERR_NO_MEMORY: the arena has less than gossip_arena_size left. */
enum err gossip_init(struct gossip **out, struct arena *arena, const struct gossip_config *c,
                     uint64_t now_ms);

/* A peer speaks the protocol: number is the caller's, below config.peers, and
 * free until gossip_peer_down.  A peer starts without credit. */
void gossip_peer_up(struct gossip *g, uint32_t number, const struct gossip_peer *peer,
                    uint64_t now_ms);
void gossip_peer_down(struct gossip *g, uint32_t number, uint64_t now_ms);

/* gossip_credit: the stream to the peer takes bytes from now on (it replaces
 * what was left).  RPCs wait here until they fit, so give GOSSIP_CREDIT_MAX
 * when the stream is empty, and call again whenever the stream has drained. */
void gossip_credit(struct gossip *g, uint32_t number, size_t bytes);

/* gossip_on_rpc: one whole RPC (without its length prefix) from a peer; rpc is
 * borrowed.  A peer that breaks the format or a limit gets a
 * GOSSIP_OUT_DISCONNECT and is not listened to any more. */
void gossip_on_rpc(struct gossip *g, uint32_t number, struct span rpc, uint64_t now_ms);

void gossip_on_time(struct gossip *g, uint64_t now_ms);
uint64_t gossip_wake_at(const struct gossip *g);

/* topic is 1 .. GOSSIP_TOPIC_SIZE_MAX bytes.  ERR_FULL: P2P_TOPICS_MAX are
 * subscribed.  Both are idempotent. */
enum err gossip_subscribe(struct gossip *g, const char *topic, uint64_t now_ms);
void gossip_unsubscribe(struct gossip *g, const char *topic, uint64_t now_ms);

/* gossip_publish signs data and queues it.  It is not delivered to ourselves.
 * ERR_TOO_BIG: over P2P_GOSSIP_MAX.  ERR_NOT_FOUND: nobody to send it to now (no
 * subscriber, or without flood_publish no mesh); it is kept for IWANT.
 * ERR_FULL: every queue it would go to is full (kept for IWANT), or too many
 * topics (not kept). */
enum err gossip_publish(struct gossip *g, const char *topic, struct span data, uint64_t now_ms);

/* gossip_validate answers a GOSSIP_OUT_MESSAGE.  A message that has left the
 * cache meanwhile, or was answered before, is let be. */
void gossip_validate(struct gossip *g, uint64_t message, enum p2p_verdict v, uint64_t now_ms);

enum gossip_out_kind {
    GOSSIP_OUT_RPC,        /* bytes, with their length prefix, to peer */
    GOSSIP_OUT_MESSAGE,    /* data of author on topic, relayed by peer (MAP_NONE: it has
                            * left); answer by gossip_validate */
    GOSSIP_OUT_DISCONNECT, /* end the connection to peer; why */
};

struct gossip_out {
    enum gossip_out_kind kind;
    uint32_t peer;
    struct span bytes; /* borrowed until the next call */
    const char *topic; /* lives while the topic is subscribed */
    struct peer_id author;
    uint64_t message;
    const char *why; /* a stable name, "gossip_malformed" */
};

/* gossip_poll: drain it after every call above. */
bool gossip_poll(struct gossip *g, struct gossip_out *out);

struct gossip_counters {
    uint64_t rpc_in, rpc_out, rpc_malformed, rpc_over_limit;
    uint64_t messages_in; /* new and verified */
    uint64_t published, forwarded, messages_out;
    uint64_t duplicate, rejected, ignored, bad_signature, unwanted_topic, from_self, too_big;
    uint64_t cache_evicted_pending; /* the cache was full before a verdict came */
    uint64_t queue_full;
    uint64_t graft_in, graft_out, prune_in, prune_out, graft_in_backoff, px_ignored;
    uint64_t ihave_in, ihave_out, ihave_over_limit, iwant_in, iwant_out, iwant_over_limit;
    uint64_t promises_broken, subscriptions_over_limit, disconnects;
};

const struct gossip_counters *gossip_counters(const struct gossip *g);

/* What a dashboard or a test asks. */
uint32_t gossip_mesh_size(const struct gossip *g, const char *topic);
bool gossip_in_mesh(const struct gossip *g, const char *topic, uint32_t number);
bool gossip_has_subscribed(const struct gossip *g, const char *topic, uint32_t number);
uint32_t gossip_behaviour(const struct gossip *g, uint32_t number);

/* gossip_check asserts every invariant of the tables; tests call it. */
void gossip_check(const struct gossip *g);

#endif
