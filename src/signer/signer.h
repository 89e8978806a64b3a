/* signer: what the key process decides.  It holds a hotkey, parses each request,
 * derives the bytes itself, and never signs two different statements for one
 * place.
 *
 * Layer: L3, sans-IO: the process around it (src/cmd/signer.c) reads requests,
 * appends the guard record, flushes it, and only then lets the answer out.
 *
 *   SIGNER-1  A signature leaves only after its guard record is durable.
 *   SIGNER-2  For one (network, epoch, view, seq, type) one digest and aux is
 *             ever signed; asking again for the same gives the same answer.
 *   SIGNER-3  Below a view for which a VIEW-CHANGE was signed, no PROPOSE,
 *             PREPARE or COMMIT is signed in that epoch; below an epoch that
 *             was signed in, nothing.
 *   SIGNER-4  Only typed requests are signed: consensus statements, operations
 *             whose signer is this key, peer bindings of this key, and the
 *             extrinsics named in signer_extrinsic_allowed. */
#ifndef SIGNER_SIGNER_H
#define SIGNER_SIGNER_H

#include "base/arena.h"
#include "crypto/sr25519.h"
#include "signer_msg.h"

enum { SIGNER_GUARD_MAX = 1 << 16 }; /* places remembered; older epochs are dropped */

struct signer;

size_t signer_arena_size(void);
/* key: kept until the process ends.  entropy: for the nonces of signatures. */
enum err signer_init(struct signer **out, struct arena *arena, const struct sr25519_key *key,
                     const uint8_t entropy[32]);
const struct hotkey *signer_hotkey(const struct signer *s);

/* A record of the guard journal, oldest first, before the first request. */
enum err signer_replay(struct signer *s, struct span record);

struct signer_effect {
    struct span record;        /* to make durable before the answer; empty: none */
    struct signer_reply reply; /* token, verdict, signature */
};

/* signer_step handles one encoded signer_request.  A request that does not
 * decode is answered with refused_shape and token 0. */
void signer_step(struct signer *s, struct span request, struct arena *scratch,
                 struct signer_effect *fx);

#endif
