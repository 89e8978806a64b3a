/* state: the ledger's insides: its tables, and what a turn carries along.
 *
 * Layer: L3, a part of ledger.
 *
 * Keys (big-endian numbers, so that order is numeric):
 *   M                             state_meta
 *   K                             state_candidate
 *   E epoch                       state_epoch, of this epoch and the one before
 *   W epoch                       weights decided for an epoch
 *   U hotkey                      state_neuron: who is registered
 *   N hotkey                      state_replay
 *   C challenge                   state_challenge
 *   S submission                  state_submission
 *   Q miner submission            the same submissions, by miner
 *   A submission hotkey           state_attest
 *   D slot submission             a submission of that slot that is not decided
 *   T slot submission             its window is looked at again in that slot
 *   B challenge blob              the submission that brought this blob
 *   L challenge miner             state_leader
 *   R challenge ~score miner      the same miners, best score first
 *   X epoch hotkey                state_evidence
 *
 * Every operation has a check, which reads, and an act, which writes and cannot
 * be refused any more (LEDGER-2). */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H

#include "base/map.h"
#include "bft/bft.h"
#include "ledger/kv.h"
#include "ledger/ledger.h"

enum {
    LEDGER_FATES = 1 << 14,     /* the latest, kept beside the state */
    LEDGER_WORK_SIZE = 8 << 20, /* one operation's own memory */
    CHALLENGES_MAX = 64,
    SUBMISSIONS_EPOCH_MAX = 4096, /* of one miner */
    OPEN_EPOCHS = 2,              /* then a submission without QUORUM is unresolved */
    KEPT_EPOCHS = 4,              /* then it is forgotten; the log remembers */
    /* What only EPOCH and its like may use, so that an epoch always can end. */
    RESERVE_ENTRIES = 8192,
    RESERVE_BYTES = 2 << 20,
    ROW_ENTRIES = 8,        /* the most that another operation adds */
    SUBMISSION_ENTRIES = 5, /* S, Q, B, D and T; an attestation of each member comes to them */
    ROW_BYTES = 2 * OPERATION_SIZE_MAX,
    /* Who may have kept submissions: all that were registered while those were taken. */
    MINERS_KEPT_MAX = NEURONS_MAX * (KEPT_EPOCHS + 2),
};

/* How many bytes the inputs of the kept submissions have, in all and of each miner:
 * follows from table S, and is beside the state like the fates (inputs.c). */
struct ledger_inputs {
    uint64_t bytes;
    struct map miners; /* hotkey -> place in of_miner */
    uint64_t *of_miner;
    uint32_t *free; /* from miners.count on: places not in use */
};

/* A set with its own memory. */
struct ledger_set {
    struct bft_set quorum;
    struct valset_member members[VALIDATORS_MAX];
};

struct ledger_ring_fate {
    struct hash id;
    uint64_t slot;
    enum reject reject;
};

struct ledger {
    struct ledger_config config;
    struct kv *kv;
    struct arena work;
    bool begun;      /* genesis or a load is done */
    enum err broken; /* memory ran out below the limits: stop */
    struct state_meta meta;
    bool has_weights, sealed; /* of this epoch */
    struct ledger_set now, before;
    bool has_before;
    struct ledger_inputs inputs;
    struct ledger_ring_fate *fates;
    struct map fate_index; /* op id -> place in fates */
    uint64_t fate_count;   /* ever */
};

/* One operation under way. */
struct turn {
    struct ledger *l;
    struct ledger_result *out; /* NULL: only checking */
    struct arena *scratch;
    uint32_t notice_room, entry_room;
    uint64_t slot;
    bool slot_known, last; /* last: of its batch */
    struct hash id;
    const struct hotkey *signer;
};

/* --- Tables (state.c).  Values are decoded into l->work, encoded through it. */

struct table_key {
    uint8_t bytes[KV_KEY_SIZE_MAX];
    size_t size;
};

struct table_key key_of(char table);
void key_add(struct table_key *k, struct span s);
void key_add_u64(struct table_key *k, uint64_t x);
struct table_key key_hash(char table, const struct hash *h);
struct table_key key_hotkey(char table, const struct hotkey *h);
struct table_key key_epoch(char table, uint64_t epoch);
struct table_key key_slot(char table, uint64_t slot, const struct hash *id);
struct span key_span(const struct table_key *k);

void *work_alloc(struct ledger *l, size_t size);
void table_put(struct ledger *l, const struct table_key *k, struct span value);
void table_del(struct ledger *l, const struct table_key *k);
bool table_has(const struct ledger *l, const struct table_key *k);

bool state_get_challenge(const struct ledger *l, const struct hash *id, struct arena *arena,
                         struct state_challenge *out);
void state_put_challenge(struct ledger *l, const struct state_challenge *c);
bool state_get_submission(const struct ledger *l, const struct hash *id, struct arena *arena,
                          struct state_submission *out); /* without attests */
void state_put_submission(struct ledger *l, const struct state_submission *s);
bool state_get_attest(const struct ledger *l, const struct hash *submission,
                      const struct hotkey *validator, struct state_attest *out);
void state_put_attest(struct ledger *l, const struct hash *submission,
                      const struct state_attest *a);
/* All of a submission, ascending by hotkey. */
bool state_get_attests(const struct ledger *l, const struct hash *submission, struct arena *arena,
                       const struct state_attest **out, uint32_t *count);
bool state_get_replay(const struct ledger *l, const struct hotkey *signer,
                      struct state_replay *out);
void state_put_replay(struct ledger *l, const struct hotkey *signer, const struct state_replay *r);
bool state_get_leader(const struct ledger *l, const struct hash *challenge,
                      const struct hotkey *miner, struct state_leader *out);
bool state_get_candidate(const struct ledger *l, struct arena *arena, struct state_candidate *out);
void state_put_candidate(struct ledger *l, const struct state_candidate *c);
void state_put_meta(struct ledger *l);
void state_put_epoch(struct ledger *l);

/* --- Sets (sets.c) */

bool ledger_is_member(const struct ledger *l, const struct hotkey *key);
bool ledger_is_owner(const struct ledger *l, const struct hotkey *key);
bool ledger_is_registered(const struct ledger *l, const struct hotkey *key);
enum err ledger_set_keep(struct ledger_set *s, const struct valset *set);
bool ledger_neurons_ok(const struct neuron *n, uint32_t count);
void state_put_neurons(struct ledger *l, const struct neuron *n, uint32_t count);

/* --- Inputs of kept submissions (inputs.c) */

size_t inputs_arena_size(void);
enum err inputs_init(struct ledger_inputs *in, struct arena *arena, struct map_seed seed);
uint64_t inputs_of(const struct ledger_inputs *in, const struct hotkey *miner);
/* ERR_FULL: MINERS_KEPT_MAX; no state that followed from operations has so many. */
enum err inputs_add(struct ledger_inputs *in, const struct hotkey *miner, uint32_t size);
void inputs_remove(struct ledger_inputs *in, const struct hotkey *miner, uint32_t size);

/* --- A turn (apply.c) */

void turn_notice(struct turn *t, enum ledger_notice_kind kind, const struct hash *id);
void turn_entry(struct turn *t, const struct audit_body *body);
/* Whether another operation's entries fit below the reserve. */
bool turn_has_room(const struct turn *t);

/* --- Operations: check and act */

enum reject op_check_register(struct turn *t, const struct op_challenge_register *b);
void op_act_register(struct turn *t, const struct op_challenge_register *b);
enum reject op_check_approve(struct turn *t, const struct op_challenge_approve *b);
void op_act_approve(struct turn *t, const struct op_challenge_approve *b);
enum reject op_check_activate(struct turn *t, const struct op_challenge_activate *b);
void op_act_activate(struct turn *t, const struct op_challenge_activate *b);
enum reject op_check_retire(struct turn *t, const struct op_challenge_retire *b);
void op_act_retire(struct turn *t, const struct op_challenge_retire *b);
void ledger_challenges_new_epoch(struct turn *t);

enum reject op_check_submission(struct turn *t, const struct op_submission *b);
void op_act_submission(struct turn *t, const struct op_submission *b);
void ledger_submissions_new_epoch(struct turn *t);
void ledger_submission_close(struct ledger *l, const struct state_submission *s);

enum reject op_check_commit(struct turn *t, const struct op_attest_commit *b);
void op_act_commit(struct turn *t, const struct op_attest_commit *b);
enum reject op_check_reveal(struct turn *t, const struct op_attest_reveal *b);
void op_act_reveal(struct turn *t, const struct op_attest_reveal *b);
/* Opens the window or decides the result, when it is time for that. */
void ledger_submission_settle(struct turn *t, const struct hash *id);
void ledger_submissions_tick(struct turn *t);

void ledger_leader_offer(struct ledger *l, const struct state_submission *s);
void ledger_leaders_new_epoch(struct ledger *l);
void ledger_leaders_forget(struct ledger *l, const struct hash *challenge);
/* The matrix as of now; from l->work. */
void ledger_weights_now(struct ledger *l, struct weights *out);

enum reject op_check_weights(struct turn *t, const struct op_weights *b);
void op_act_weights(struct turn *t, const struct op_weights *b);
enum reject op_check_seal(struct turn *t, const struct op_seal *b);
void op_act_seal(struct turn *t, const struct op_seal *b);
enum reject op_check_epoch(struct turn *t, const struct op_epoch *b);
void op_act_epoch(struct turn *t, const struct op_epoch *b);

enum reject op_check_evidence(struct turn *t, const struct op_evidence *b);
void op_act_evidence(struct turn *t, const struct op_evidence *b);

#endif
