/* peers: how hosts learn of each other until there is a DHT.
 *
 * Layer: L2, inside p2p.  Pure.  On a stream of /platform/peers/1 the listener
 * writes one frame, uvarint length and protobuf {peers=1 {id=1, addresses=2}},
 * and closes.  It names only peers that it is connected to, so whose ids it has
 * seen proved; to the receiver they are hints, proved or dropped by dialling. */
#ifndef P2P_PEERS_H
#define P2P_PEERS_H

#include "codec/wr.h"
#include "p2p/peer_id.h"

enum {
    PEERS_MAX = 32,
    PEERS_ADDRESSES_MAX = 4,
    PEERS_FRAME_MAX = 16 << 10,
};

struct peers_entry {
    struct peer_id peer;
    struct p2p_endpoint addresses[PEERS_ADDRESSES_MAX];
    uint32_t count;
};

/* peers_encode: up to PEERS_MAX entries as one frame; the room is
 * PEERS_FRAME_MAX, asserted. */
void peers_encode(struct wr *out, const struct peers_entry *entries, uint32_t count);

/* peers_decode reads one frame (without its length).  Addresses of other kinds
 * are skipped, and so are peers without any that is left.
 * ERR_MALFORMED; ERR_TOO_BIG: more than PEERS_MAX or PEERS_ADDRESSES_MAX. */
enum err peers_decode(struct span frame, struct peers_entry out[PEERS_MAX], uint32_t *count);

#endif
