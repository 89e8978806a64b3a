/* registry: which challenges exist, and what may become of one.
 *
 * Layer: L2, pure.  Threads: any.  Memory: the caller's.
 *
 *   registered --approve, QUORUM--> approved --activate--> active --retire--> retired
 *   registered, approved --retire--> retired
 *
 *   REGISTRY-1  Every other step is refused with a code and changes nothing.
 *   REGISTRY-2  An approval is a hotkey's, once.  It counts only while that
 *               hotkey is a member, whatever its place in the set of the day.
 *   REGISTRY-3  What was approved is what runs: nothing in the body ever
 *               changes, and the id is its hash. */
#ifndef REGISTRY_REGISTRY_H
#define REGISTRY_REGISTRY_H

#include "base/arena.h"
#include "bft_msg.h"
#include "ledger_msg.h"
#include "state_msg.h"

enum {
    REGISTRY_MODULE_SIZE_MAX = 16 << 20,
    REGISTRY_INPUT_SIZE_MAX = 16 << 20,
    REGISTRY_MEMORY_PAGES_MAX = 4096, /* 256 MiB */
    REGISTRY_WALL_MS_MAX = 600000,
    REGISTRY_REVEAL_AFTER_MAX = 4096,
    REGISTRY_SHARE_ONE = 10000, /* of all weights */
};

/* registry_challenge_id: BLAKE2b-256("PLTFCHAL" | encoding); scratch is given
 * back.  A body that fits an operation fits the scratch, asserted. */
struct hash registry_challenge_id(const struct op_challenge_register *body, struct arena *scratch);
struct hash registry_policy_hash(const struct policy *p);

/* registry_body_ok: a name, a share of 1 .. REGISTRY_SHARE_ONE, and every cap
 * present and within what this network runs. */
bool registry_body_ok(const struct op_challenge_register *body);

/* A new challenge; borrows body. */
void registry_register(const struct op_challenge_register *body, const struct hash *id,
                       const struct hotkey *owner, uint64_t slot, uint64_t epoch,
                       struct state_challenge *out);

/* registry_approve: challenge_state unless registered; duplicate.  The longer
 * list comes from arena. */
enum reject registry_approve(struct state_challenge *c, const struct hotkey *validator,
                             struct arena *arena);

/* Which members of set have approved. */
void registry_approvals(const struct state_challenge *c, const struct valset *set,
                        uint8_t bits[BFT_BITMAP_SIZE]);

/* registry_settle: QUORUM says what the set's test says of registry_approvals;
 * whether that approved the challenge just now. */
bool registry_settle(struct state_challenge *c, bool quorum, uint64_t epoch);

/* registry_activate: challenge_state unless approved.  A height that has passed
 * means the next slot. */
enum reject registry_activate(struct state_challenge *c, uint64_t height, uint64_t slot,
                              uint64_t epoch);

/* registry_retire: challenge_state when it is retired already. */
enum reject registry_retire(struct state_challenge *c, uint64_t slot, uint64_t epoch);

/* Whether submissions for it are taken in slot. */
bool registry_is_open(const struct state_challenge *c, uint64_t slot);

#endif
