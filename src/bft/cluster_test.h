/* cluster: a few replicas in one process, for tests: virtual time, a network that
 * delays, loses, doubles and reorders from a seed, disks that lose what was not
 * flushed, crashes between any two effects, Byzantine behaviour by hooks and by
 * twins (two replicas with one key).  After every step checkers that share no
 * code with the core look for a broken promise and abort with the seed:
 *
 *   agreement   one digest a slot, one state a slot, whoever executes it
 *   order       each replica executes 1, 2, 3, ... of its durable state
 *   one vote    never two statements of an honest replica in one place
 *   durable     nothing signed is sent before its journal record is flushed, and
 *               no COMMIT before its P-cert
 *   no return   nothing is asked to be signed below a view that was left
 *   payload     no PREPARE without its payload on the disk
 *   barrier     no vote past it, before a handover, or in quarantine
 *   proof       each certificate verifies from the genesis set on
 *   no framing  evidence convicts only those who did it
 *
 * Operations are 8-byte numbers.  See cluster_check_test.c for the checkers. */
#ifndef BFT_CLUSTER_TEST_H
#define BFT_CLUSTER_TEST_H

#include "base/prng.h"
#include "bft/bft.h"

enum {
    NODES_MAX = 10,
    SLOTS_MAX = 1024,
    EPOCHS_MAX = 64,
    OPS_MAX = 1024,
    RECORDS_MAX = 16384,
    QUEUE_MAX = 16384,
    SIGNS_MAX = 512,
    LOCALS_MAX = 64,
    VOTES_MAX = 1 << 16,
};

struct cluster;

/* A Byzantine hook sees each message that leaves node from for node to, decoded
 * and as bytes; it may send others (cluster_inject) and says whether this one
 * goes on. */
typedef bool (*cluster_hook)(struct cluster *c, uint32_t from, uint32_t to,
                             const struct bft_message *m, struct span bytes);

struct cluster_config {
    uint64_t seed;
    uint32_t nodes;             /* replicas, twins and outsiders included */
    uint32_t members;           /* of each epoch */
    uint32_t twins;             /* the last twins nodes have the keys of the first ones */
    uint64_t stakes[NODES_MAX]; /* 0: 1000 */
    uint32_t loss_percent, duplicate_percent;
    uint32_t delay_min_us, delay_max_us, flush_us;
    uint32_t timeout_ms, status_ms, pipeline;
    uint32_t epoch_segments; /* an epoch is due after so many; 0: never */
    bool fill;               /* slots are always wanted */
    uint32_t fill_pause_ms;
    bool closes;              /* a crash closes connections: the others are told */
    uint32_t crash_per_mille; /* per step, at one of its effects */
    uint32_t wait_percent;    /* a CHECK is answered with wait at first */
    cluster_hook hook;
    void *hook_state;
    bool hook_all;      /* of every node's messages, not only of Byzantine ones: a filter */
    uint64_t byzantine; /* bit: node; checkers do not hold it to anything */
    uint32_t censored;  /* op + 1 that Byzantine leaders never propose */
    uint64_t batchless; /* bit: node; the batches that it is asked for never come */
    bool real;          /* sr25519 in place of the simulated signature */
    bool verbose;       /* tell every message and trace event on stderr */
};

struct flight {
    uint64_t at_us, order;
    uint32_t from, to;
    struct span bytes;
};

struct sign {
    uint64_t token;
    struct bft_statement statement;
};

struct stored_slot {
    bool held;
    struct hash digest;
    struct span payload, decided, checkpoint; /* encodings of bft_decided, bft_checkpoint */
};

/* The ledger of a node: which ops it has seen, and a root. */
struct ledger {
    uint64_t executed, epoch, epoch_start;
    struct hash root;
    bool done[OPS_MAX];
};

struct undo {
    struct ledger durable;
    struct span resume;
    uint32_t generation[2];
};

struct node {
    struct arena arena;
    struct bft *core;
    bool up, wiped, refuse; /* refuse: its signer says no */
    struct hotkey key;
    struct sr25519_keypair *pair; /* when the cluster is real */
    uint64_t wake_us, flush_us, restart_us, steps;
    /* Disk. */
    struct span journal[RECORDS_MAX];
    uint32_t journal_count, journal_flushed, journal_flushing, generation[2];
    struct ledger durable, ledger; /* durable: at the last STABLE */
    struct span resume;            /* bft_checkpoint of it */
    struct undo *undo;             /* the same one checkpoint before, until the sync is done */
    bool undo_held;
    struct stored_slot slots[SLOTS_MAX];
    /* Memory. */
    struct sign signs[SIGNS_MAX];
    uint32_t signs_count, signs_flushing;
    struct bft_event locals[LOCALS_MAX];
    uint32_t locals_count;
    uint64_t offered[OPS_MAX]; /* view + 1 in which the op was given in a BATCH */
    uint64_t offered_epoch, vote_after_block;
    uint32_t told_pending;
    bool told_fill;
    uint32_t evidence, alarms;
    uint64_t left_view, left_epoch; /* the last VIEW-CHANGE it was given a signature for */
    uint32_t crash_at;              /* crash before this effect, counted from 1; 0: never */
    uint32_t effects;
};

struct sent_vote {
    bool used;
    uint32_t node;
    struct bft_statement statement;
};

struct cluster {
    struct cluster_config config;
    struct arena world;
    uint64_t now_us, order, messages;
    struct prng net, faults, work;
    struct node *nodes;
    struct valset_member members[EPOCHS_MAX][NODES_MAX];
    struct bft_set sets[EPOCHS_MAX];
    uint32_t epochs;
    struct flight *queue; /* a heap */
    uint32_t queue_count;
    uint64_t ops_since[OPS_MAX]; /* us; 0: not submitted */
    uint32_t ops_count;
    uint64_t cut[NODES_MAX]; /* bit: messages from this node to that one are lost */
    bool healed;
    struct bft_effects *fx;
    size_t mark;
    /* Of the checkers. */
    struct hash digests[SLOTS_MAX], roots[SLOTS_MAX];
    bool decided[SLOTS_MAX];
    uint64_t decided_max;
    struct sent_vote *votes;
    struct hash network;
    struct verifier verifier;
};

void cluster_open(struct cluster *c, const struct cluster_config *config);
void cluster_close(struct cluster *c);
/* cluster_reopen: another run in the same memory. */
void cluster_reopen(struct cluster *c, const struct cluster_config *config);

/* Runs until virtual time has passed; false from until_done: not all done. */
void cluster_run(struct cluster *c, uint32_t ms);
bool cluster_run_until_done(struct cluster *c, uint32_t ms_max);
bool cluster_run_until_executed(struct cluster *c, uint64_t seq, uint32_t ms_max);

void cluster_submit(struct cluster *c, uint32_t count);
void cluster_crash(struct cluster *c, uint32_t node);
void cluster_restart(struct cluster *c, uint32_t node); /* from its disk */
void cluster_wipe(struct cluster *c, uint32_t node);    /* an empty disk */
void cluster_isolate(struct cluster *c, uint32_t node, bool cut);
void cluster_heal(struct cluster *c); /* no loss, no cut, no crash; all up */

void cluster_inject(struct cluster *c, uint32_t from, uint32_t to, const struct bft_message *m);
void cluster_step(struct cluster *c, uint32_t node, const struct bft_event *ev);
struct signature cluster_sign(const struct cluster *c, uint32_t node,
                              const struct bft_statement *st);
struct bft_view_info cluster_info(const struct cluster *c, uint32_t node);
uint32_t cluster_node_of(const struct cluster *c, uint64_t epoch, uint32_t member);
uint32_t cluster_leader(const struct cluster *c); /* node that leads node 0's view */
bool cluster_is_byzantine(const struct cluster *c, uint32_t node);

/* The simulated signature: a hash under the public key, which every test can
 * make for every key and no core ever does. */
struct signature cluster_signature(const struct hotkey *key, struct span message);
bool cluster_verify(void *ctx, const struct hotkey *key, struct span message,
                    const struct signature *signature);

void cluster_tell_message(struct cluster *c, uint32_t from, uint32_t to, struct span bytes);
void cluster_tell_trace(struct cluster *c, uint32_t node);

_Noreturn void cluster_fail(const struct cluster *c, uint32_t node, const char *what);

/* cluster_check_test.c */
void check_send(struct cluster *c, uint32_t node, struct span bytes);
void check_sign(struct cluster *c, uint32_t node, const struct bft_statement *st);
void check_signed(struct cluster *c, uint32_t node, const struct bft_statement *st);
void check_execute(struct cluster *c, uint32_t node, const struct bft_effect *e);
void check_root(struct cluster *c, uint32_t node);
void check_evidence(struct cluster *c, uint32_t node, struct span bytes);
void check_stable(struct cluster *c, uint32_t node, const struct bft_effect *e);

#endif
