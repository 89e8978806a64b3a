/* signer: what the key process decides.  It holds a hotkey, parses each request,
 * derives the bytes itself, and never signs two different statements for one
 * place.
 *
 * Layer: L3, sans-IO: the process around it (src/os/sign_serve.c) reads requests,
 * appends the guard record, flushes it, and only then lets the answer out.
 *
 *   SIGNER-1  A signature leaves only after its guard record is durable.
 *   SIGNER-2  For one (network, epoch, view, seq, type) one digest, aux and set is
 *             ever signed; asking again for the same gives a signature again.  Of
 *             VIEW-CHANGE and NEW-VIEW there is one a view, whatever its seq.
 *   SIGNER-3  No PROPOSE, PREPARE, COMMIT or NEW-VIEW is signed below a view in
 *             which one was signed or for which a VIEW-CHANGE was; no VIEW-CHANGE
 *             for a view in which a vote was signed, or below the last one; in an
 *             epoch below one that was signed in, nothing.
 *   SIGNER-4  Only typed requests are signed: consensus statements of our network,
 *             operations and peer bindings of this key on it, and the extrinsics
 *             of signer_extrinsic_allowed.
 *   SIGNER-5  No epoch is signed in that is more than 2^20 after the last one, or
 *             over 2^32 in a new guard: one request from a stolen network process
 *             must not leave the key without an epoch to sign in. */
#ifndef SIGNER_SIGNER_H
#define SIGNER_SIGNER_H

#include "base/arena.h"
#include "signer_msg.h"

enum {
    SIGNER_GUARD_MAX = 4096, /* places remembered; older ones are refused by their slot */
    SIGNER_CALLS_MAX = 16,
    SIGNER_WEIGHTS_MAX = 4096,
};

/* The calls that may be signed, by what their arguments are. */
enum signer_call_shape {
    SIGNER_CALL_SET_WEIGHTS,              /* netuid, dests, weights, version_key */
    SIGNER_CALL_SET_MECHANISM_WEIGHTS,    /* netuid, mecid, dests, weights, version_key */
    SIGNER_CALL_COMMIT_WEIGHTS,           /* netuid, hash */
    SIGNER_CALL_COMMIT_MECHANISM_WEIGHTS, /* netuid, mecid, hash */
    SIGNER_CALL_REVEAL_WEIGHTS,           /* netuid, uids, values, salt, version_key */
    SIGNER_CALL_REVEAL_MECHANISM_WEIGHTS, /* netuid, mecid, uids, values, salt, version_key */
    SIGNER_CALL_TIMELOCKED,               /* netuid, bytes, round, version u16 */
    SIGNER_CALL_TIMELOCKED_MECHANISM,     /* netuid, mecid, bytes, round, version u16 */
    SIGNER_CALL_CRV3,                     /* netuid, bytes, round */
    SIGNER_CALL_SET_COMMITMENT,           /* netuid, fields of raw bytes or hashes */
    SIGNER_CALL_SHAPES,
};

/* signer_call_name: "set_weights" and so on, as the runtime has it. */
const char *signer_call_name(enum signer_call_shape shape);

/* A call's place in the runtime, as its metadata numbers it. */
struct signer_call {
    uint8_t pallet, call;
    enum signer_call_shape shape;
};

struct signer_config {
    struct hash network; /* ledger_network_id */
    struct hash chain_genesis;
    uint16_t netuid;
    struct signer_call calls[SIGNER_CALLS_MAX];
    uint32_t call_count;
    struct hotkey hotkey;
    /* The key itself stays with the caller: sr25519 in platform-signer, a keyed
     * hash in the simulator. */
    void (*sign)(void *ctx, struct span message, struct signature *out);
    void *ctx;
};

/* The numbers of spec 293 to 424 for every shape; the caller may replace them. */
void signer_default_calls(struct signer_config *c);

/* signer_extrinsic_allowed: the call is one of c->calls, complete and nothing
 * more, for c->netuid; no tip; for c->chain_genesis. */
bool signer_extrinsic_allowed(const struct signer_config *c, struct span call, struct span extra,
                              struct span implicit);

struct signer;

size_t signer_arena_size(void);
enum err signer_init(struct signer **out, struct arena *arena, const struct signer_config *c);

/* A record of the guard journal, oldest first, before the first request.
 * ERR_CORRUPT: it is none, or contradicts one before it. */
enum err signer_replay(struct signer *s, struct span record);

struct signer_effect {
    struct span record;        /* to make durable before the answer; empty: none */
    struct signer_reply reply; /* token, verdict, signature */
};

/* signer_step handles one encoded signer_request; record is from scratch, and
 * the guard counts it as signed whether or not it gets durable.  A request that
 * does not decode, or decodes into more than scratch has room for, is answered
 * with refused_shape and token 0. */
void signer_step(struct signer *s, struct span request, struct arena *scratch,
                 struct signer_effect *fx);

/* signer_snapshot: the index-th record of a new journal that stands for all the
 * old ones; at most SIGNER_GUARD_MAX + 2.  False: no more. */
bool signer_snapshot(const struct signer *s, uint32_t index, struct room out, struct span *record);

#endif
