/* ledger: the replicated state machine.  A decided batch in; a new state, the
 * fate of each operation, audit entries and notices out.
 *
 * Layer: L3, pure and deterministic.  Threads: one.  Memory: from the arena at
 * ledger_init; the whole state is in memory, bounded by entries_max and
 * state_bytes_max.
 *
 *   LEDGER-1  The state after slot s depends on the genesis and the batches of
 *             slots 1 .. s, and on nothing else.
 *   LEDGER-2  An operation takes effect whole or not at all; one that does not
 *             leaves a reject code, and spends its nonce only if its signature,
 *             network and epoch are right and its signer has a part here: is
 *             registered, a member, or the owner.  Of strangers nothing is kept.
 *   LEDGER-3  An operation takes effect once: (signer, nonce) is remembered in
 *             the state (REPLAY_WINDOW; nonces begin at 1), so a replay is
 *             refused for ever, also after a restart.  Of a signer without a part
 *             it is forgotten when its last operations have left their epochs.
 *   LEDGER-4  ledger_root is a Merkle root over every entry of the state.
 *   LEDGER-5  The log entries of a slot are a function of its batch and the
 *             state before it.  Each operation's entry stands before those of
 *             what it brought about; the log's first entry, audit_genesis, comes
 *             with slot 1.
 *
 * At the end of each segment (seq % BFT_CHECKPOINT_INTERVAL == 0) the caller
 * appends the slot's log entries, calls ledger_checkpoint with the log's size
 * and root, and then asks for ledger_root.  ledger_checkpoint also stores the
 * weight matrix as of this slot: the candidate that WEIGHTS and SEAL of the
 * next segment must name, so that every validator can recompute them before it
 * votes (R4 of docs/consensus.md). */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/arena.h"
#include "crypto/verifier.h"
#include "audit_msg.h"
#include "ledger_msg.h"
#include "state_msg.h"

/* The bounds of the state are rules of the network: an operation that would go
 * past them gets the code `limit` on every node alike.  Tests use less. */
enum { LEDGER_ENTRIES_MAX = 1 << 18, LEDGER_BYTES_MAX = 128 << 20 };

/* The inputs of submissions are blobs and no part of the state, but a validator has to
 * hold each as long as its submission is kept (four epochs): what a node sets aside for
 * blobs must take this much, and the modules beside it. */
#define LEDGER_INPUT_BYTES_MAX (UINT64_C(2) << 30)

struct ledger_config {
    struct hash network;
    struct verifier verifier;
    /* Part of the protocol: the same on every node.  Operations that would go
     * near them are refused (limit), so that an epoch always can end. */
    uint32_t entries_max;     /* of the state; at least LEDGER_ENTRIES_MIN */
    uint32_t state_bytes_max; /* sizes of all keys and values; LEDGER_BYTES_MIN */
    uint64_t input_bytes_max; /* of the inputs of all kept submissions */
};

enum { LEDGER_ENTRIES_MIN = 1 << 14, LEDGER_BYTES_MIN = 4 << 20 };

struct ledger;

/* ledger_arena_size: address space; what is not used is not touched.  The arena
 * is kept, and more is taken from it as the state grows: nobody may reset it. */
size_t ledger_arena_size(const struct ledger_config *c);
enum err ledger_init(struct ledger **out, struct arena *arena, const struct ledger_config *c);

struct hash ledger_network_id(const struct genesis *g);
/* The state before slot 1.  ERR_FOREIGN: config.network is another network;
 * ERR_MALFORMED: no valid set, or neurons that do not ascend. */
enum err ledger_genesis(struct ledger *l, const struct genesis *g);
/* After a restart: each entry of the last durable checkpoint, in any order;
 * then ledger_loaded checks that they hang together.  ERR_CORRUPT; ERR_FOREIGN.
 * The caller compares ledger_root with the checkpoint's. */
enum err ledger_load(struct ledger *l, struct span key, struct span value);
enum err ledger_loaded(struct ledger *l);

/* Ids. */
struct hash op_id(struct span op_bytes);
/* The id of a challenge is registry_challenge_id. */
/* "PLTFOPER" and the encoding of content; {NULL, 0} when out is too small. */
void op_signing_bytes(const struct op_content *content, struct room out, struct span *bytes);

/* op_check: may this operation be gossiped and proposed now?  It checks size,
 * form, network, epoch window, signature and what the state already rules out;
 * ERR_OK does not promise that it will take effect.  *why is always written.
 * ERR_MALFORMED, ERR_BAD_SIGNATURE, ERR_FOREIGN (network): no honest node sends
 * that.  ERR_CONFLICT (replayed, duplicate) and ERR_DENIED may be mere delay. */
enum err op_check(struct ledger *l, struct span op_bytes, struct arena *scratch, enum reject *why);

/* Whether a replica may PREPARE payload for slot seq (R1); the slots up to the
 * end of the segment before are applied.  Well formed, every signature right;
 * WEIGHTS and SEAL equal to our own candidate; EPOCH only as the last operation
 * of a segment's last slot, and equal to expected (NULL: our chain view is not
 * there yet, so wait).  The empty payload is valid. */
enum ledger_verdict { LEDGER_VALID, LEDGER_INVALID, LEDGER_WAIT };
enum ledger_verdict ledger_check_batch(struct ledger *l, uint64_t seq, struct span payload,
                                       const struct op_epoch *expected, struct arena *scratch);

enum ledger_notice_kind {
    LEDGER_SUBMISSION, /* id: a new submission; fetch its blob and evaluate it */
    LEDGER_REVEAL,     /* id: the reveal window of this submission is open */
    LEDGER_FINAL,      /* id: final, with or without a score */
    LEDGER_CHALLENGE,  /* id: a challenge changed its state */
    LEDGER_EPOCH,      /* the epoch ended; next is the new set */
    LEDGER_WEIGHTS,    /* the matrix of the epoch is decided: submit it */
    LEDGER_SEAL,       /* the log of the epoch is sealed: anchor it */
    LEDGER_EVIDENCE,   /* a validator was proved to have signed twice */
};

struct ledger_notice {
    enum ledger_notice_kind kind;
    struct hash id;
    uint64_t epoch;
};

struct ledger_fate {
    struct hash id; /* op_id */
    enum reject reject;
};

/* Everything here is in the arena given to ledger_apply, but for next. */
struct ledger_result {
    uint32_t fate_count, notice_count, entry_count;
    struct ledger_fate *fates; /* in the order of the batch */
    struct ledger_notice *notices;
    struct span *entries;      /* encoded audit_body, in order */
    const struct valset *next; /* not NULL: EPOCH took effect; ledger_valset */
};

/* ledger_apply: seq is ledger_slot + 1 (else ERR_CONFLICT).  A payload that does
 * not decode is decided as nothing.  ERR_NO_MEMORY: the state is no longer whole;
 * stop the node. */
enum err ledger_apply(struct ledger *l, uint64_t seq, struct span payload, struct arena *scratch,
                      struct ledger_result *out);
void ledger_checkpoint(struct ledger *l, uint64_t seq, uint64_t log_size,
                       const struct hash *log_root);
/* Hashes what changed since the last call. */
struct hash ledger_root(struct ledger *l);

/* What changed since the last call: for the store's checkpoint.  value.len 0:
 * the entry is gone.  Returns false past the last one; then the list is empty.
 * Borrowed until the next call; nothing is applied in between. */
bool ledger_next_change(struct ledger *l, struct span *key, struct span *value);

/* Reading the state.  Values are decoded into scratch and borrow the state. */
uint64_t ledger_epoch(const struct ledger *l);
uint64_t ledger_slot(const struct ledger *l); /* the last applied */
const struct valset *ledger_valset(const struct ledger *l);
/* A submission waits for slots to pass, so empty ones are of use. */
bool ledger_wants_slots(const struct ledger *l);
bool ledger_challenge(const struct ledger *l, const struct hash *id, struct arena *scratch,
                      struct state_challenge *out);
bool ledger_submission(const struct ledger *l, const struct hash *id, struct arena *scratch,
                       struct state_submission *out);
/* Of the latest 16,384 operations since the start; older ones are in the log. */
bool ledger_fate(const struct ledger *l, const struct hash *op, enum reject *reject, uint64_t *seq);
uint64_t ledger_next_nonce(const struct ledger *l, const struct hotkey *signer);
bool ledger_candidate(const struct ledger *l, struct arena *scratch, struct state_candidate *out);
bool ledger_weights(const struct ledger *l, uint64_t epoch, struct arena *scratch,
                    struct weights *out);
bool ledger_neuron(const struct ledger *l, const struct hotkey *key, uint16_t *uid);

/* The present epoch: its set, and whether WEIGHTS and SEAL are decided. */
bool ledger_epoch_state(const struct ledger *l, struct arena *scratch, struct state_epoch *out);
bool ledger_has_approved(const struct ledger *l, const struct hash *challenge,
                         const struct hotkey *validator);
/* Whether a batch's last operation is EPOCH, and which: what the caller must read
 * from the chain before ledger_check_batch.  Borrows payload. */
bool ledger_batch_epoch(struct span payload, struct arena *scratch, struct op_epoch *out);

/* What the state knows of a blob. */
enum ledger_blob {
    LEDGER_BLOB_UNKNOWN,
    LEDGER_BLOB_OPEN,   /* of a submission that is not decided */
    LEDGER_BLOB_PUBLIC, /* a module, or of a submission that is decided */
};
enum ledger_blob ledger_blob(const struct ledger *l, const struct hash *blob,
                             struct arena *scratch);
/* Whether it is a module's, or of a submission that is kept: what has to be held. */
bool ledger_needs_blob(const struct ledger *l, const struct hash *blob, struct arena *scratch);

/* The index-th submission that is committing or revealing, oldest first. */
bool ledger_open_submission_at(const struct ledger *l, uint32_t index, struct hash *id);

/* Walk a table in key order: index 0, 1, ... until false. */
bool ledger_challenge_at(const struct ledger *l, uint32_t index, struct hash *id);
bool ledger_submission_at(const struct ledger *l, uint32_t index, struct hash *id);
bool ledger_leader_at(const struct ledger *l, const struct hash *challenge, uint32_t index,
                      struct state_leader *out); /* best score first */

#endif
