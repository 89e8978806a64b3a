/* gossip_state: what the parts of the gossip core share.
 *
 * Layer: L2, a part of p2p; included by gossip*.c only.
 *
 * A topic of ours has a slot; per peer, sets of topics are masks over slots. */
#ifndef P2P_GOSSIP_STATE_H
#define P2P_GOSSIP_STATE_H

#include "base/prng.h"
#include "p2p/gossip_cache.h"

static_assert(GOSSIP_TOPICS_MAX <= 16); /* masks are uint16_t */

/* What a peer's misdeeds cost it. */
enum {
    GOSSIP_COST_INVALID = 10,
    GOSSIP_COST_GRAFT = 2,
    GOSSIP_COST_PROMISE = 3,
    GOSSIP_COST_LIMIT = 2,
};

struct gossip_topic {
    bool used, subscribed;
    uint16_t size;
    char name[GOSSIP_TOPIC_SIZE_MAX + 1];
    struct gossip_key key;
    uint64_t fanout_until_ms; /* 0: no fanout */
};

/* Message numbers that wait for a peer. */
struct gossip_queue {
    uint32_t first, count;
    uint64_t *numbers; /* GOSSIP_QUEUE_MAX */
};

struct gossip_promise {
    struct gossip_key key;
    uint64_t until_ms;
};

struct gossip_member {
    bool up;
    bool leaving;            /* to be disconnected; not listened to */
    const char *leaving_why; /* not NULL: GOSSIP_OUT_DISCONNECT is still to be told */
    struct gossip_peer peer;
    struct gossip_key id_key;
    uint8_t key[GOSSIP_PUBLIC_KEY_SIZE]; /* zero when the peer's key is not ed25519 */
    uint32_t behaviour;
    size_t credit;

    uint16_t subscribed, mesh, fanout;
    uint16_t announce, graft, prune, prune_short, ihave; /* still to be sent */
    uint64_t ihave_cursor;
    uint32_t ihave_out; /* RPCs with IHAVE since the last heartbeat */
    uint32_t ihave_in;

    uint32_t wanted_count, promise_count, topic_count;
    struct gossip_id *wanted;        /* GOSSIP_IWANT_PENDING_MAX */
    struct gossip_promise *promises; /* GOSSIP_PROMISES_PER_PEER */
    struct gossip_key *topics;       /* GOSSIP_TOPICS_PER_PEER: all it subscribed to */
    struct gossip_queue own, relayed;
};

struct gossip_backoff {
    uint8_t key[2 * GOSSIP_KEY_SIZE]; /* peer id, topic */
    uint64_t since_ms, until_ms;
};

struct gossip {
    struct gossip_config config;
    struct gossip_counters counters;
    uint64_t now_ms, heartbeat_at_ms, heartbeats;
    uint64_t seqno;
    struct prng prng;

    struct gossip_topic topics[GOSSIP_TOPICS_MAX];
    struct gossip_member *members; /* by number */
    uint32_t *up;                  /* numbers of those that are up, ascending */
    uint32_t up_count, poll_from;
    uint32_t *picked; /* scratch of the samplers */

    struct gossip_seen seen;
    struct gossip_cache cache;
    uint64_t deliver_next; /* the next message number to hand out */

    struct map backoff_index;
    struct gossip_backoff *backoffs;
    uint32_t backoff_count, backoff_capacity;

    struct room rpc;     /* an outgoing RPC, or an incoming message on its way in */
    struct room control; /* the control part of an outgoing RPC */
};

/* gossip.c */
uint16_t gossip_bit(uint32_t topic);
struct span gossip_topic_name(const struct gossip_topic *t);
/* MAP_NONE: not one of ours. */
uint32_t gossip_topic_find(const struct gossip *g, struct span name);
void gossip_blame(struct gossip *g, uint32_t number, uint32_t cost, const char *why);
void gossip_trace(struct gossip *g, enum trace_level level, const char *name, uint32_t number,
                  uint32_t topic);
bool gossip_queue_push(struct gossip *g, struct gossip_queue *q, uint64_t number);

/* gossip_in.c */
/* gossip_keep appends the signature to the signed bytes in w and puts both in
 * the cache as a new entry; the id is seen from now on. */
struct gossip_entry *gossip_keep(struct gossip *g, struct wr *w, const struct gossip_id *id,
                                 uint32_t topic, size_t data_size, struct span signature);
void gossip_forward(struct gossip *g, struct gossip_entry *e);

/* gossip_mesh.c */
void gossip_mesh_join(struct gossip *g, uint32_t topic);
void gossip_mesh_leave(struct gossip *g, uint32_t topic);
void gossip_mesh_drop(struct gossip *g, uint32_t number);
void gossip_mesh_fanout(struct gossip *g, uint32_t topic);
void gossip_on_graft(struct gossip *g, uint32_t number, struct span topic);
void gossip_on_prune(struct gossip *g, uint32_t number, const struct gossip_item *item);
void gossip_mesh_heartbeat(struct gossip *g);

#endif
