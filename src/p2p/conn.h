/* conn: one connection, from raw bytes up to yamux streams.
 *
 * Layer: L2, inside p2p.  Sans-IO.  It upgrades (multistream-select for /noise,
 * the handshake, and multistream-select for /yamux/1.0.0 unless the handshake
 * agreed on it), then encrypts what yamux has to say and the other way round.
 *
 *   CONN-1  Until the peer is proven a connection holds at most
 *           CONN_UPGRADE_BUDGET.
 *   CONN-2  A Noise message is not waited for when its length is over the limit
 *           of the state.
 *   CONN-3  peer is set by the handshake and by nothing else.
 *
 * The dialer sends its proposals and the first handshake message in one go. */
#ifndef P2P_CONN_H
#define P2P_CONN_H

#include "p2p/hello.h"
#include "p2p/multistream.h"
#include "p2p/yamux.h"

enum {
    CONN_UPGRADE_BUDGET = 6 * ROPE_BLOCK_SIZE,
    CONN_WIRE_SIZE = 2 * (2 + NOISE_MESSAGE_MAX), /* what conn_out wants to fill */
    CONN_SCRATCH_SIZE = NOISE_MESSAGE_MAX + 1,
};

enum conn_state {
    CONN_FREE,
    CONN_DIALING,  /* waiting for the driver */
    CONN_SECURITY, /* agreeing on Noise */
    CONN_NOISE,    /* in the handshake */
    CONN_MUXER,    /* agreeing on yamux, encrypted */
    CONN_OPEN,
    CONN_CLOSING, /* a last word, then nothing */
};

/* What all connections of a host share; kept by each. */
struct conn_host {
    const struct ed25519_keypair *identity;
    struct noise_static noise;
    uint8_t hello[HELLO_SIZE_MAX];
    size_t hello_size;
    uint8_t *scratch; /* CONN_SCRATCH_SIZE: a message being decrypted */
};

struct conn {
    enum conn_state state;
    bool dialer;
    const struct conn_host *host;
    struct rope_budget budget;
    struct rope in;     /* bytes of an incomplete token or message */
    struct rope tokens; /* of the negotiation inside the channel */
    struct rope raw;    /* to be sent as they are, before the channel stands */
    struct rope plain;  /* to be sent through the channel before yamux */
    struct multistream mss;
    struct noise noise;
    struct aead send_aead, receive_aead; /* opened once, rekeyed */
    struct noise_channel send, receive;
    enum hello_muxer muxer;
    struct peer_key peer_key;
    struct peer_id peer;
    struct yamux yamux;
    struct yamux_stream *streams;
    uint16_t stream_count;
};

/* conn_start: state, budget.pool, streams and the aeads are there; the state
 * becomes CONN_SECURITY.  buffered_max holds once the connection is open. */
void conn_start(struct conn *c, const struct conn_host *host, bool dialer,
                const uint8_t ephemeral_secret[X25519_SIZE]);

/* conn_in consumes all of in.  P2P_WHY_NONE, or why the connection has to end. */
enum p2p_why conn_in(struct conn *c, struct span in, uint32_t buffered_max, uint64_t now_ms);

/* conn_out fills room (CONN_WIRE_SIZE at best, 2 + NOISE_MESSAGE_MAX at least)
 * with bytes for the wire; returns how many.  A failure to seal ends the
 * connection like conn_in's. */
enum p2p_why conn_out(struct conn *c, struct room room, size_t *len);
bool conn_has_out(const struct conn *c);

/* What the other end still hears of a connection that ends. */
enum conn_last {
    CONN_NOTHING,
    CONN_GOODBYE,  /* a GOAWAY, once the channel stands at the other end, too */
    CONN_WHO_I_AM, /* what is left of the handshake, then the GOAWAY */
};

/* conn_end: drop what is buffered but for the last words, which conn_out gives. */
void conn_end(struct conn *c, enum conn_last last, enum yamux_goaway code);

/* conn_free wipes keys and gives all memory back. */
void conn_free(struct conn *c);

#endif
