/* host: the inside of struct p2p, shared by the sources that implement p2p.h.
 *
 * Layer: L2, inside p2p.
 *   p2p.c      start, what the driver reports, commands
 *   poll.c     what the host wants: events, frames, gossip, bytes
 *   links.c    one connection's life: accept, dial, prove, identify, end
 *   streams.c  one stream's life: negotiation and the small protocols
 *
 * A link is a connection with what the host knows of its peer.  There is at most
 * one proven link per peer, so a link's index also numbers the peer for gossip.
 *
 *   HOST-1  A link that is up is in order[], once, sorted by peer id.
 *   HOST-2  A link whose wake_ms is due is visited by p2p_on_time. */
#ifndef P2P_HOST_H
#define P2P_HOST_H

#include "base/map.h"
#include "p2p/book.h"
#include "p2p/conn.h"
#include "p2p/gossip.h"
#include "p2p/identify.h"
#include "p2p/protocols.h"

enum {
    HOST_WRITE_WINDOW = 512 << 10, /* bytes given to the driver and not yet written */
    HOST_PING_MS = 15000,
    HOST_PING_TIMEOUT_MS = 20000,
    HOST_PEERS_MS = 60000,
    HOST_PUSH_MS = 1000,     /* the least time between a peer's pushes */
    HOST_BRIEF_MS = 10000,   /* a connection that ends sooner counts as a failure */
    HOST_DIALS_MAX = 8,      /* at a time */
    HOST_STREAMS_IN_MAX = 2, /* of one protocol, opened by one peer */
    HOST_PING_SIZE = 32,
    HOST_WORDS = P2P_CONNECTIONS_MAX / 64,
};

struct stream {
    bool used, outbound, agreed;
    enum protocol protocol; /* known when outbound or agreed */
    uint8_t frames;         /* identify: seen so far */
    struct multistream mss;
    uint64_t deadline_ms; /* UINT64_MAX: none */
    uint64_t sent_ms;     /* ping */
    uint8_t ping[HOST_PING_SIZE];
};

struct link {
    struct conn conn;
    struct stream *streams;
    uint32_t number; /* the driver's */
    bool inbound;
    bool connected; /* the driver has a socket for it */
    bool proven;    /* through the handshake and kept */
    bool identified;
    bool up; /* the user was told */
    bool gossip_up;
    struct p2p_endpoint remote;
    bool has_expected;
    struct peer_id expected;
    uint32_t book_entry; /* BOOK_NONE: not a dial of ours */
    uint64_t proven_ms, deadline_ms, ping_at_ms, ping_deadline_ms, peers_at_ms, push_at_ms;
    uint64_t streams_wake_ms;
    uint32_t ping_us;
    size_t inflight;
    const char *why; /* it is closing */
    struct identify info, incoming;
    uint16_t out[PROTOCOL_COUNT]; /* our stream of a protocol, or YAMUX_NONE */
    uint8_t in[PROTOCOL_COUNT];   /* streams of theirs */
    uint64_t frames_ready[YAMUX_SLOTS_MAX / 64];
};

struct host_event {
    enum p2p_out_kind kind;
    uint32_t conn;
    struct p2p_endpoint endpoint;
    struct peer_id peer;
    const char *why;
};

struct p2p {
    struct p2p_limits limits;
    struct conn_host shared;
    struct ed25519_keypair *identity;
    struct peer_key key;
    struct peer_id self;
    struct identify about; /* what we tell */
    uint32_t target_peers;
    struct rope_pool pool;
    struct prng prng;
    uint8_t entropy[32];
    uint64_t now_ms;

    struct link *links;
    uint64_t *wake_ms; /* per link; UINT64_MAX: nothing due */
    struct map by_number;
    uint32_t next_number;
    uint32_t *order; /* links that are up, by peer id */
    uint32_t order_count;
    uint32_t used, pending, dialing;

    struct book book;
    uint64_t book_wake_ms;
    struct gossip *gossip;

    struct host_event *events; /* a ring */
    uint32_t events_size, events_head, events_count;
    uint64_t want_write[HOST_WORDS], want_frame[HOST_WORDS];
    uint32_t write_turn, frame_turn;
    struct {
        bool active;
        uint32_t link;
        uint16_t slot;
        size_t len;
    } borrowed; /* the frame that the user looks at */
    struct room wire, frame;
    struct p2p_counters counters;
    struct trace trace;
};

/* p2p.c */
void host_secret(struct p2p *p, uint8_t out[32]);
void host_event(struct p2p *p, const struct host_event *e);
struct link *host_find(struct p2p *p, const struct peer_id *peer);
uint32_t host_index(const struct p2p *p, const struct link *l);
void host_dial(struct p2p *p); /* what is due in the book */

/* poll.c */
void host_settle(struct p2p *p); /* give back the frame that the user has seen */

/* links.c */
void link_accept(struct p2p *p, uint32_t number, const struct p2p_endpoint *from);
void link_dial(struct p2p *p, uint32_t book_entry, const struct p2p_endpoint *to);
void link_start(struct p2p *p, struct link *l, bool dialer);
void link_data(struct p2p *p, struct link *l, struct span bytes);
void link_identified(struct p2p *p, struct link *l);
void link_learn(struct p2p *p, struct link *l, const struct peer_id *peer,
                const struct p2p_endpoint *addresses, uint32_t count);
void link_tick(struct p2p *p, struct link *l);
/* detail: a stable name instead of why's own, or NULL. */
void link_close(struct p2p *p, struct link *l, enum p2p_why why, const char *detail);
void link_free(struct p2p *p, struct link *l);
/* Call after anything that may have given the link something to write or a
 * nearer deadline. */
void link_touch(struct p2p *p, struct link *l);

/* streams.c */
void streams_reset(struct link *l);               /* forget all */
void streams_step(struct p2p *p, struct link *l); /* every stream with news */
void streams_kick(struct p2p *p, struct link *l); /* every stream */
void streams_tick(struct p2p *p, struct link *l);
/* streams_open: our stream of a protocol with its proposal queued, or YAMUX_NONE. */
uint16_t streams_open(struct p2p *p, struct link *l, enum protocol protocol);
void streams_gossip(struct p2p *p, struct link *l); /* open ours when the peer speaks it */
void streams_ping(struct p2p *p, struct link *l);
void streams_push(struct p2p *p, struct link *l);
/* streams_rpc: bytes of gossip, into our stream. */
void streams_rpc(struct link *l, struct span bytes);
/* streams_send: one frame of ours; see p2p_send. */
enum err streams_send(struct p2p *p, struct link *l, enum protocol protocol, struct span frame);
/* streams_frame_done: the user has seen the frame of this stream. */
void streams_frame_done(struct p2p *p, struct link *l, uint16_t slot, size_t len);

#endif
