/* protocols: the names of the stream protocols that a host speaks.
 *
 * Layer: L2, inside p2p.  Pure. */
#ifndef P2P_PROTOCOLS_H
#define P2P_PROTOCOLS_H

#include "base/base.h"

enum protocol {
    PROTOCOL_IDENTIFY,
    PROTOCOL_PUSH,
    PROTOCOL_PING,
    PROTOCOL_MESHSUB_11,
    PROTOCOL_MESHSUB_10,
    PROTOCOL_PEERS,
    PROTOCOL_BFT,
    PROTOCOL_BLOB,
};

enum { PROTOCOL_COUNT = PROTOCOL_BLOB + 1 };

/* protocols_all: PROTOCOL_COUNT names in the order of the enum. */
const struct span *protocols_all(void);

/* protocols_bit: the bit of a name, 0 when it is not ours. */
uint32_t protocols_bit(struct span name);

/* What multistream-select proposes or serves between the encryption layers. */
const struct span *protocols_noise(void);
const struct span *protocols_yamux(void);

#endif
