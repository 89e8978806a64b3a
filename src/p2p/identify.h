/* identify: what peers tell about themselves (/ipfs/id/1.0.0 and its push).
 *
 * Layer: L2, inside p2p.  Pure.  A message is a protobuf in frames of uvarint
 * length; several frames add up to one message.
 *
 *   IDENTIFY-1  The key in a message must be that of the handshake, when it is
 *               there at all; a peer cannot speak for another.
 *   IDENTIFY-2  What is not for us (names, relays, signed records) is skipped;
 *               what is malformed ends the message. */
#ifndef P2P_IDENTIFY_H
#define P2P_IDENTIFY_H

#include "codec/wr.h"
#include "p2p/peer_id.h"

enum {
    IDENTIFY_FRAME_MAX = 8 << 10,
    IDENTIFY_FRAMES_MAX = 10,
    IDENTIFY_SIZE_MAX = 1 << 10, /* of ours; the strictest peer takes 4 KiB */
    IDENTIFY_ADDRESSES_MAX = 4,  /* kept of a peer's */
    IDENTIFY_AGENT_MAX = 64,     /* with the NUL */
};

struct identify {
    struct p2p_endpoint listen[IDENTIFY_ADDRESSES_MAX];
    uint32_t listen_count;
    uint32_t protocols; /* bits of enum protocol */
    bool has_observed;
    struct p2p_endpoint observed; /* our address, as the peer sees it */
    char agent[IDENTIFY_AGENT_MAX];
};

/* identify_encode: one frame with its length.  protocols are offered by name;
 * out has room for IDENTIFY_SIZE_MAX, asserted. */
void identify_encode(struct wr *out, const struct peer_key *key, const struct identify *self);

/* identify_merge adds one frame (without its length) to out, which starts
 * zeroed.  ERR_MALFORMED; ERR_CONFLICT: the key of another peer. */
enum err identify_merge(struct span frame, const struct peer_id *peer, struct identify *out);

#endif
