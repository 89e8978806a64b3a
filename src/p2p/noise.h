/* noise: Noise_XX_25519_ChaChaPoly_SHA256 (revision 34 of the specification).
 *
 * Layer: L2, inside p2p.  Sans-IO; the caller frames the messages.
 *
 *   NOISE-1  Every authenticated failure, an all-zero shared secret and a short
 *            message end the handshake for good.
 *   NOISE-2  A counter is used once; at 2^64 - 1 a channel refuses to go on.
 *   NOISE-3  Key material is wiped when the handshake is split or dropped.
 *
 * What libp2p says inside the messages is in hello.h. */
#ifndef P2P_NOISE_H
#define P2P_NOISE_H

#include "crypto/aead.h"
#include "crypto/x25519.h"

enum {
    NOISE_MESSAGE_MAX = 65535,
    NOISE_TEXT_MAX = NOISE_MESSAGE_MAX - AEAD_TAG_SIZE,
    NOISE_HANDSHAKE_MAX = 2048, /* a handshake message, as we send and accept it */
    NOISE_HANDSHAKE_COST = X25519_SIZE + X25519_SIZE + 2 * AEAD_TAG_SIZE,
};

struct noise_static {
    uint8_t secret[X25519_SIZE];
    uint8_t public[X25519_SIZE];
};

enum noise_turn { NOISE_WRITE, NOISE_READ, NOISE_DONE, NOISE_FAILED };

struct noise {
    uint8_t chain[32], key[32], hash[32];
    uint64_t counter;
    bool has_key, initiator;
    uint8_t messages; /* written and read so far */
    bool failed;
    const struct noise_static *own;
    uint8_t ephemeral_secret[X25519_SIZE], ephemeral[X25519_SIZE];
    uint8_t peer_static[X25519_SIZE], peer_ephemeral[X25519_SIZE];
};

/* One direction after the handshake. */
struct noise_channel {
    struct aead *aead; /* keyed; belongs to the caller */
    uint64_t counter;
};

/* noise_init: own is kept until the handshake is over; ephemeral_secret is 32
 * fresh random bytes, copied. */
void noise_init(struct noise *n, bool initiator, struct span prologue,
                const struct noise_static *own, const uint8_t ephemeral_secret[X25519_SIZE]);
enum noise_turn noise_turn(const struct noise *n);

/* noise_write: one message with payload into out, *len bytes.  out has room for
 * payload and NOISE_HANDSHAKE_COST more, asserted.  aead is scratch for keys of
 * the handshake.  ERR_BAD_KEY: the peer's key gives an all-zero secret. */
enum err noise_write(struct noise *n, struct aead *aead, struct span payload, struct room out,
                     size_t *len);

/* noise_read decrypts message in place; *payload points into it.
 * ERR_MALFORMED: short; ERR_BAD_SIGNATURE: not authentic; ERR_BAD_KEY. */
enum err noise_read(struct noise *n, struct aead *aead, struct room message, struct span *payload);

/* noise_split keys the two directions; only at NOISE_DONE.  Wipes n but for
 * peer_static. */
void noise_split(struct noise *n, struct aead *send, struct aead *receive);
void noise_wipe(struct noise *n);

/* noise_seal: text in place, the tag behind it (room for it is there).
 * ERR_FULL: the counter is used up. */
enum err noise_seal(struct noise_channel *c, uint8_t *text, size_t len);

/* noise_open: message in place; *text points into it.  ERR_MALFORMED: shorter
 * than a tag; ERR_BAD_SIGNATURE; ERR_FULL. */
enum err noise_open(struct noise_channel *c, struct room message, struct span *text);

#endif
