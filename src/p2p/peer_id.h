/* peer_id: libp2p's public keys and the ids made of them.
 *
 * Layer: L2, inside p2p.  Pure.  A key travels as a protobuf {Type=1, Data=2} in
 * one canonical form; an ed25519 id is the identity multihash of that form,
 * "12D3KooW...".  peer_id_text and its companions are in p2p.h.
 *
 *   ID-1  Only ed25519 keys are accepted.  A key of small order (with which one
 *         signature fits every message) or not canonical is let through here
 *         and refused by ed25519_verify: no id counts before a signature. */
#ifndef P2P_PEER_ID_H
#define P2P_PEER_ID_H

#include "codec/multiaddr.h"
#include "crypto/ed25519.h"
#include "p2p/p2p.h"

enum { PEER_KEY_SIZE = 36, PEER_ID_ED25519_SIZE = 38 };

struct peer_key {
    uint8_t bytes[ED25519_PUBLIC_SIZE];
};

/* peer_key_encode: the 36 bytes of the protobuf. */
void peer_key_encode(const struct peer_key *k, uint8_t out[PEER_KEY_SIZE]);

/* ERR_UNSUPPORTED: an RSA, secp256k1 or ECDSA key; ERR_MALFORMED: not the
 * canonical protobuf. */
enum err peer_key_decode(struct span in, struct peer_key *out);

struct peer_id peer_id_of(const struct peer_key *k);

/* peer_id_check: bytes of a multihash.  ERR_MALFORMED, or ERR_TOO_BIG. */
enum err peer_id_check(struct span bytes, struct peer_id *out);

/* peer_id_compare orders by bytes: who wins a simultaneous dial, and the order
 * in which peers are listed. */
int peer_id_compare(const struct peer_id *a, const struct peer_id *b);

/* An endpoint and its multiaddr.  ERR_MALFORMED: the peer part is no id. */
enum err p2p_endpoint_from(const struct multiaddr *m, struct p2p_endpoint *out);
struct multiaddr p2p_endpoint_to(const struct p2p_endpoint *e);

#endif
