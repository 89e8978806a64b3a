/* ledger: the replicated state machine.  A decided batch in; a new state, the
 * fate of each operation, audit entries and notices out.
 *
 * Layer: L3, pure and deterministic.  Threads: one.  Memory: from the arena at
 * ledger_init; the whole state is in memory, bounded by entries_max.
 *
 *   LEDGER-1  The state after slot s depends on the genesis and the batches of
 *             slots 1 .. s, and on nothing else.
 *   LEDGER-2  An operation takes effect whole or not at all; one that does not
 *             leaves a reject code and spends its nonce only if its signature
 *             and network are right.
 *   LEDGER-3  An operation takes effect once: (signer, nonce) is remembered in
 *             the state (REPLAY_WINDOW), so a replay is refused for ever, also
 *             after a restart.
 *   LEDGER-4  ledger_root is a Merkle root over every entry of the state.
 *   LEDGER-5  The log entries of a slot are a function of its batch and the
 *             state before it.
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

struct ledger_config {
    struct hash network;
    struct verifier verifier;
    uint32_t entries_max;   /* of the state */
    uint32_t state_bytes_max;
};

struct ledger;

size_t ledger_arena_size(const struct ledger_config *c);
enum err ledger_init(struct ledger **out, struct arena *arena, const struct ledger_config *c);

struct hash ledger_network_id(const struct genesis *g);
/* The state before slot 1. */
enum err ledger_genesis(struct ledger *l, const struct genesis *g);
/* After a restart: each entry of the last durable checkpoint, in any order;
 * then ledger_loaded checks that they hang together.  ERR_CORRUPT. */
enum err ledger_load(struct ledger *l, struct span key, struct span value);
enum err ledger_loaded(struct ledger *l);

/* Ids. */
struct hash op_id(struct span op_bytes);
struct hash challenge_id(const struct op_challenge_register *body, struct arena *scratch);
void op_signing_bytes(const struct op_content *content, struct room out, struct span *bytes);

/* op_check: may this operation be gossiped and proposed now?  It checks size,
 * form, network, epoch window, signature and what the state already rules out;
 * ERR_OK does not promise that it will take effect.  *why on refusal. */
enum err op_check(struct ledger *l, struct span op_bytes, struct arena *scratch, enum reject *why);

/* Whether a replica may PREPARE payload for slot seq (R1).  Well formed, every
 * signature right; WEIGHTS and SEAL equal to our own candidate; EPOCH only at a
 * segment's end and equal to expected (NULL: our chain view is not there yet,
 * so wait). */
enum ledger_verdict { LEDGER_VALID, LEDGER_INVALID, LEDGER_WAIT };
enum ledger_verdict ledger_check_batch(struct ledger *l, uint64_t seq, struct span payload,
                                       const struct op_epoch *expected, struct arena *scratch);

enum ledger_notice_kind {
    LEDGER_SUBMISSION,   /* id: a new submission; fetch its blob and evaluate it */
    LEDGER_REVEAL,       /* id: the reveal window of this submission is open */
    LEDGER_FINAL,        /* id: final, with or without a score */
    LEDGER_CHALLENGE,    /* id: a challenge changed its state */
    LEDGER_EPOCH,        /* the epoch ended; next is the new set */
    LEDGER_WEIGHTS,      /* the matrix of the epoch is decided: submit it */
    LEDGER_SEAL,         /* the log of the epoch is sealed: anchor it */
    LEDGER_EVIDENCE,     /* a validator was proved to have signed twice */
};

struct ledger_notice {
    enum ledger_notice_kind kind;
    struct hash id;
    uint64_t epoch;
};

struct ledger_fate {
    struct hash id;      /* op_id */
    enum reject reject;
};

/* Everything here is in the arena given to ledger_apply. */
struct ledger_result {
    uint32_t fate_count, notice_count, entry_count, change_count;
    struct ledger_fate *fates;         /* in the order of the batch */
    struct ledger_notice *notices;
    struct span *entries;              /* encoded audit_body, in order */
    const struct valset *next;         /* not NULL: EPOCH took effect */
};

enum err ledger_apply(struct ledger *l, uint64_t seq, struct span payload, struct arena *scratch,
                      struct ledger_result *out);
void ledger_checkpoint(struct ledger *l, uint64_t seq, uint64_t log_size,
                       const struct hash *log_root);
struct hash ledger_root(struct ledger *l);

/* What changed since the last call: for the store's checkpoint.  value.len 0:
 * the entry is gone.  Returns false past the last one; then the list is empty. */
bool ledger_next_change(struct ledger *l, struct span *key, struct span *value);

/* Reading the state.  Values are decoded into scratch and borrow the state. */
uint64_t ledger_epoch(const struct ledger *l);
const struct valset *ledger_valset(const struct ledger *l);
bool ledger_challenge(const struct ledger *l, const struct hash *id, struct arena *scratch,
                      struct state_challenge *out);
bool ledger_submission(const struct ledger *l, const struct hash *id, struct arena *scratch,
                       struct state_submission *out);
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
struct hash ledger_matrix_hash(const struct weights *w, struct arena *scratch);
/* Whether a batch holds an EPOCH operation, and which: what the caller must read
 * from the chain before ledger_check_batch. */
bool ledger_batch_epoch(struct span payload, struct arena *scratch, struct op_epoch *out);

/* The index-th submission that is committing or revealing, oldest first. */
bool ledger_open_submission_at(const struct ledger *l, uint32_t index, struct hash *id);

/* Walk a table in key order: index 0, 1, ... until false. */
bool ledger_challenge_at(const struct ledger *l, uint32_t index, struct hash *id);
bool ledger_submission_at(const struct ledger *l, uint32_t index, struct hash *id);
bool ledger_leader_at(const struct ledger *l, const struct hash *challenge, uint32_t index,
                      struct state_leader *out); /* best score first */

#endif
