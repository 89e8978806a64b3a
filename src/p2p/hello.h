/* hello: what libp2p peers tell each other inside the Noise handshake.
 *
 * Layer: L2, inside p2p.  Pure.  A protobuf {identity_key=1, identity_sig=2,
 * extensions=4 {stream_muxers=2}}: the signature by the identity over the
 * static Noise key joins the two, and the list of muxers saves a round trip.
 *
 *   HELLO-1  A hello is accepted only with a valid signature over the static
 *            key that the handshake proved. */
#ifndef P2P_HELLO_H
#define P2P_HELLO_H

#include "p2p/noise.h"
#include "p2p/peer_id.h"

enum { HELLO_SIZE_MAX = 160 }; /* of ours */

/* Which muxer the peers will use. */
enum hello_muxer {
    HELLO_NEGOTIATE, /* the peer sent no list: multistream-select decides */
    HELLO_YAMUX,     /* both have it */
    HELLO_NO_MUXER,  /* the peer's list does not have ours */
};

struct hello {
    struct peer_key key;
    enum hello_muxer muxer;
};

/* hello_encode signs own_static; the result is the same for the life of the
 * process, so the caller makes it once.  Returns the length. */
size_t hello_encode(const struct ed25519_keypair *identity, const uint8_t own_static[X25519_SIZE],
                    uint8_t out[HELLO_SIZE_MAX]);

/* ERR_MALFORMED; ERR_UNSUPPORTED: another kind of key; ERR_BAD_SIGNATURE. */
enum err hello_decode(struct span in, const uint8_t peer_static[X25519_SIZE], struct hello *out);

#endif
