/* p2p: a libp2p host: TCP + multistream-select + Noise XX + Yamux, identify and
 * push, ping, GossipSub v1.1 with StrictSign, and two protocols of ours.
 *
 * Layer: L2, sans-IO: bytes, time and entropy come in, bytes and events go out.
 * Threads: one.  Memory: taken from the arena at p2p_init, never more; what a
 * peer causes is charged to it and freed with it.
 *
 *   P2P-1  A peer id in an event was proved by the Noise handshake.
 *   P2P-2  A frame or message is delivered whole or not at all, in order within
 *          its stream.
 *   P2P-3  A gossip message is forwarded only after p2p_validate accepted it.
 *   P2P-4  Every limit of struct p2p_limits is enforced before the memory it
 *          bounds is used, and counted when it is hit.
 *   P2P-5  The same inputs give the same outputs: order of peers, of timers and
 *          of sampling depends on the seed only.
 *
 * Sources: the libp2p specifications (connections, noise, yamux, identify,
 * pubsub) as of 2025-11; where implementations differ, docs/p2p.md says what we
 * do.  One call of a p2p_on_* or a command may produce several outputs; drain
 * them with p2p_poll until it returns false. */
#ifndef P2P_P2P_H
#define P2P_P2P_H

#include "base/arena.h"
#include "base/trace.h"

enum {
    PEER_ID_SIZE_MAX = 64,
    P2P_ADDRESS_TEXT_MAX = 256, /* a multiaddr in text, with its NUL */
    P2P_FRAME_MAX = 1 << 20,    /* of /platform/bft/1 and /platform/blob/1 */
    P2P_GOSSIP_MAX = 192 << 10, /* data of one gossip message */
    P2P_TOPICS_MAX = 8,
    P2P_BOOTSTRAP_MAX = 64,
    P2P_CONNECTIONS_MAX = 1024,
    P2P_LISTEN_MAX = 4,
};

/* Why a connection ended, or was refused; each has a counter. */
enum p2p_why {
    P2P_WHY_NONE,
    P2P_WHY_CLOSED, /* the other end or the driver closed it */
    P2P_WHY_DIAL_FAILED,
    P2P_WHY_REQUESTED,         /* p2p_disconnect */
    P2P_WHY_CONNECTIONS,       /* limits.connections */
    P2P_WHY_PENDING,           /* limits.connections_pending */
    P2P_WHY_PER_ADDRESS,       /* limits.connections_per_address */
    P2P_WHY_HANDSHAKE_TIMEOUT, /* limits.handshake_ms */
    P2P_WHY_BAD_MULTISTREAM,
    P2P_WHY_NO_SECURITY,     /* the peer does not speak Noise */
    P2P_WHY_NO_MUXER,        /* the peer does not speak Yamux */
    P2P_WHY_BAD_NOISE,       /* a message that is not authentic or malformed */
    P2P_WHY_BAD_HELLO,       /* the peer did not prove who it is */
    P2P_WHY_UNSUPPORTED_KEY, /* the peer's identity is not ed25519 */
    P2P_WHY_WRONG_PEER,      /* somebody else answered at that address */
    P2P_WHY_SELF,
    P2P_WHY_DUPLICATE, /* another connection to this peer stays */
    P2P_WHY_BAD_YAMUX,
    P2P_WHY_FLOOD,       /* more questions than answers fit */
    P2P_WHY_TOO_BIG,     /* a message or frame over its limit */
    P2P_WHY_BUFFER_FULL, /* limits.buffered_per_peer or _total */
    P2P_WHY_BAD_IDENTIFY,
    P2P_WHY_BAD_PING,
    P2P_WHY_PING_TIMEOUT,
    P2P_WHY_BAD_GOSSIP,
    P2P_WHY_BAD_PEERS,
    P2P_WHY_GOODBYE, /* the peer said GOAWAY */
};

enum { P2P_WHY_COUNT = P2P_WHY_GOODBYE + 1 };

/* "wrong_peer": stable, for logs and metrics. */
const char *p2p_why_text(enum p2p_why why);

struct peer_id {
    uint8_t len;
    uint8_t bytes[PEER_ID_SIZE_MAX]; /* the multihash */
};

/* "12D3KooW..." and back; text needs P2P_ADDRESS_TEXT_MAX bytes. */
void peer_id_text(const struct peer_id *id, char *text);
enum err peer_id_parse(const char *text, struct peer_id *id);
bool peer_id_equal(const struct peer_id *a, const struct peer_id *b);

/* A TCP endpoint of a multiaddr /ip4|ip6/.../tcp/N[/p2p/ID]. */
struct p2p_endpoint {
    uint8_t family;      /* 4 or 6 */
    uint8_t address[16]; /* network order; the first 4 for family 4 */
    uint16_t port;
    bool has_peer;
    struct peer_id peer;
};

enum err p2p_endpoint_parse(const char *multiaddr, struct p2p_endpoint *out);
void p2p_endpoint_text(const struct p2p_endpoint *e, char *text);

/* Named limits; p2p_limits_default gives the shipped values. */
struct p2p_limits {
    uint32_t connections;             /* in all, at most P2P_CONNECTIONS_MAX */
    uint32_t connections_pending;     /* not yet through the handshake */
    uint32_t connections_per_address; /* IPv4 address or IPv6 /56; loopback exempt when so set */
    bool loopback_exempt;
    uint32_t streams_per_connection; /* a quarter is kept for our own */
    uint32_t buffered_per_peer;      /* bytes, in and out */
    uint32_t buffered_total;         /* bytes, of all peers; taken at start */
    uint32_t handshake_ms;           /* absolute, from accept or connect to identify */
    uint32_t negotiate_ms;           /* absolute, per stream */
    uint32_t gossip_seen;            /* message ids remembered */
    uint32_t gossip_seen_ms;
    uint32_t gossip_cache; /* messages kept for IWANT */
    uint32_t redial_min_ms, redial_max_ms;
};

void p2p_limits_default(struct p2p_limits *l);

struct p2p_config {
    struct p2p_limits limits;
    uint8_t identity_seed[32]; /* ed25519; borrowed, wiped by the caller */
    uint8_t entropy[32];       /* fresh from the operating system: ephemeral keys */
    uint64_t seed;             /* sampling and jitter */
    uint64_t seqno_start;      /* gossip sequence numbers; unix nanoseconds */
    const char *agent;         /* "platform/0.1.0" */
    struct p2p_endpoint listen[P2P_LISTEN_MAX];
    uint32_t listen_count;
    uint32_t target_peers; /* dial learnt addresses until so many are connected */
};

struct p2p;

size_t p2p_arena_size(const struct p2p_config *c);
enum err p2p_init(struct p2p **out, struct arena *arena, const struct p2p_config *c,
                  uint64_t now_ms);
void p2p_deinit(struct p2p *p); /* Wipes the keys; NULL is fine. */
const struct peer_id *p2p_self(const struct p2p *p);

/* What the driver reports.  conn is the driver's number for a socket: for a
 * dial, the one of the P2P_OUT_DIAL; for an accept, any new one with the high
 * bit set. */
void p2p_on_accepted(struct p2p *p, uint32_t conn, const struct p2p_endpoint *from,
                     uint64_t now_ms);
/* The driver had no socket for a connection: it is counted as P2P_WHY_CONNECTIONS. */
void p2p_on_refused(struct p2p *p);
void p2p_on_dialed(struct p2p *p, uint32_t conn, bool ok, uint64_t now_ms);
void p2p_on_data(struct p2p *p, uint32_t conn, struct span bytes, uint64_t now_ms);
void p2p_on_written(struct p2p *p, uint32_t conn, size_t bytes, uint64_t now_ms);
void p2p_on_closed(struct p2p *p, uint32_t conn, uint64_t now_ms);
void p2p_on_time(struct p2p *p, uint64_t now_ms);
uint64_t p2p_wake_at(const struct p2p *p); /* UINT64_MAX: nothing to wait for */

/* Commands. */

/* p2p_listening: where the host really listens (port 0 was asked for, say); the
 * connected peers are told.  count <= P2P_LISTEN_MAX, asserted. */
void p2p_listening(struct p2p *p, const struct p2p_endpoint *places, uint32_t count,
                   uint64_t now_ms);
/* p2p_bootstrap: dialled, and redialled for ever.  ERR_FULL: P2P_BOOTSTRAP_MAX. */
enum err p2p_bootstrap(struct p2p *p, const struct p2p_endpoint *e);
/* p2p_ping measures now rather than at the next interval; see ping_us.
 * ERR_NOT_FOUND: not connected; ERR_FULL: one is on its way, or no stream is
 * free. */
enum err p2p_ping(struct p2p *p, const struct peer_id *peer, uint64_t now_ms);
enum err p2p_subscribe(struct p2p *p, const char *topic);
/* ERR_NOT_FOUND: nobody subscribed (it is kept for IWANT all the same);
 * ERR_TOO_BIG; ERR_FULL. */
enum err p2p_publish(struct p2p *p, const char *topic, struct span data, uint64_t now_ms);
enum p2p_verdict { P2P_ACCEPT, P2P_REJECT, P2P_IGNORE };
/* message: the number in P2P_OUT_GOSSIP. */
void p2p_validate(struct p2p *p, uint64_t message, enum p2p_verdict v, uint64_t now_ms);

/* Frames: u32 little-endian length, then the bytes, on one stream of the
 * protocol per direction, opened when first used.  ERR_NOT_FOUND: not
 * connected; ERR_UNSUPPORTED: the peer does not speak the protocol;
 * ERR_TOO_BIG: over P2P_FRAME_MAX; ERR_FULL: the peer's buffer (of which a
 * quarter is kept for what it sends) is full, the frame is dropped. */
enum p2p_protocol { P2P_BFT, P2P_BLOB };
enum err p2p_send(struct p2p *p, const struct peer_id *to, enum p2p_protocol protocol,
                  struct span frame, uint64_t now_ms);
void p2p_disconnect(struct p2p *p, const struct peer_id *peer, const char *why, uint64_t now_ms);

enum p2p_out_kind {
    P2P_OUT_DIAL,      /* connect to endpoint as conn */
    P2P_OUT_WRITE,     /* bytes to conn; borrowed until the next call of p2p */
    P2P_OUT_CLOSE,     /* conn is forgotten, why; close the socket once written */
    P2P_OUT_PEER_UP,   /* identified: addresses are known, protocols too */
    P2P_OUT_PEER_DOWN, /* the last connection of peer is gone; why */
    P2P_OUT_FRAME,     /* bytes from peer on protocol; borrowed until the next call */
    P2P_OUT_GOSSIP,    /* bytes from author on topic, relayed by peer (empty when it has left
                        * meanwhile); answer with p2p_validate */
};

struct p2p_out {
    enum p2p_out_kind kind;
    uint32_t conn;
    struct p2p_endpoint endpoint;
    struct peer_id peer;
    struct peer_id author;
    enum p2p_protocol protocol;
    const char *topic;
    uint64_t message;
    struct span bytes;
    const char *why;
};

bool p2p_poll(struct p2p *p, struct p2p_out *out);

/* For metrics, the dashboard and the trace. */
struct p2p_counters {
    uint64_t bytes_in, bytes_out, dials, accepts, handshakes, handshake_failures;
    uint64_t limit_hits, protocol_errors, frames_in, frames_out, frames_dropped;
    uint64_t gossip_in, gossip_out, gossip_duplicate, gossip_rejected, gossip_ignored;
    uint64_t graft, prune, ihave, iwant, pings;
    uint64_t closed[P2P_WHY_COUNT]; /* connections ended or refused, by reason */
};

const struct p2p_counters *p2p_counters(const struct p2p *p);
struct trace *p2p_trace(struct p2p *p);

struct p2p_peer_info {
    struct peer_id id;
    struct p2p_endpoint endpoint;
    bool inbound;
    uint32_t ping_us; /* last round trip; 0: none yet */
    uint64_t connected_ms;
    uint32_t buffered;
    char agent[64];
};

/* p2p_peer: the index-th connected peer in order of peer id; false past the end. */
bool p2p_peer(const struct p2p *p, uint32_t index, struct p2p_peer_info *out);

#endif
