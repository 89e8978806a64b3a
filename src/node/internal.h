/* internal: the inside of a node, shared by the files of this folder.
 *
 * Each file owns one part:
 *   node.c       opening, the turn, the follow-up events of the consensus core
 *   consensus.c  the effects of the consensus core
 *   execute.c    a decided slot: ledger, log, checkpoint
 *   storage.c    what is loaded at start and written at a checkpoint
 *   log.c        the network log: memory, store, proofs
 *   recall.c     whether earlier votes may be forgotten: quarantine (R18)
 *   stop.c       what is left of a node whose disk failed
 *   signing.c    requests to the signer and when their answers may be used
 *   peers.c      who is who: bindings, routing to members
 *   gossip.c     operations that arrive and leave
 *   blobs.c      content-addressed blobs: keep, serve, fetch
 *   evaluate.c   submissions to jobs, answers to attestations
 *   actions.c    what this validator wants decided: approvals, attestations
 *   epochs.c     the chain: sets, the end of an epoch
 *   anchors.c    the sealed log to the chain
 *   weights.c    weights to the chain: set, or committed and revealed
 *   bundle.c     a score's proof in one file
 *   mempool.c    operations that wait (mempool.h)
 *   host.c       the node and its p2p host (host.h)
 *   view.c, metrics.c   what RPC shows of it (view.h) */
#ifndef NODE_INTERNAL_H
#define NODE_INTERNAL_H

#include "audit/audit.h"
#include "chain/chain.h"
#include "eval/eval.h"
#include "node/mempool.h"
#include "node/node.h"
#include "rpc/view.h"
#include "net_msg.h"
#include "node_msg.h"
#include "signer_msg.h"

enum {
    PEERS_MAX = 512,
    FOLLOW_UPS_MAX = 2 * BFT_EFFECTS_MAX, /* each effect of a step leads to one at most */
    SIGN_WAITS_MAX = 512,
    FETCHES_MAX = 64,
    EARLY_MAX = 32,
    RECENT_SLOTS_MAX = 64, /* decided since the last durable checkpoint */
    JOBS_MAX = 64,
    RUNS_MAX = 64,
    SCRATCH_SIZE = 48 << 20,
    SNAPSHOTS_MAX = 4,
    BLOBS_NEW = 64,          /* that nothing may name yet */
    WEIGHT_COMMITS_MAX = 10, /* the chain keeps no more */
};

struct peer {
    bool used, bound;
    struct peer_id id;
    struct hotkey hotkey;                 /* when bound */
    struct hash binding;                  /* of the frame that bound it */
    uint64_t greet_at_ms, greet_pause_ms; /* when our binding is sent again, and then */
    uint32_t member;                      /* in the current set, or BFT_ALL */
    uint64_t served_ms;                   /* when we last sent it decided slots */
    uint64_t heard_ms;
    uint32_t strikes; /* consensus messages that did not hold, in this epoch */
};

/* Why something is being signed, and what happens with the signature. */
enum sign_purpose { SIGN_BFT, SIGN_OP, SIGN_BINDING, SIGN_EXTRINSIC };

struct sign_wait {
    bool used, sent, replied;
    enum sign_purpose purpose;
    uint64_t token;   /* ours */
    uint64_t context; /* SIGN_BFT, SIGN_EXTRINSIC: the token of who asked */
    uint64_t asked_ms;
    uint64_t ticket;     /* the journal records that must be durable first */
    bool with_proposal;  /* SIGN_OP: for our next batch, not for gossip */
    struct hash subject; /* SIGN_OP: what it is about; one at a time */
    struct span request; /* malloc'd: encoded signer_request */
    struct signer_reply reply;
};

/* A blob that somebody named and we lack. */
struct fetch {
    bool used;
    struct hash blob;
    uint32_t size, have; /* size is known from the operation that named it */
    uint8_t *bytes;      /* malloc'd with the first part, size bytes */
    struct peer_id from;
    bool mixed;           /* parts are of several peers: nobody can be blamed */
    bool whole_only;      /* after such a mismatch: all of it from one peer */
    uint32_t peer_cursor; /* where to ask next */
    uint32_t tries;       /* every other one goes to a member only */
    uint32_t refusals;    /* in a row: peers without it */
    uint64_t since_ms, wanted_ms, asked_ms, token;
};

/* One evaluation that this validator owes. */
enum job_phase { JOB_WAITING, JOB_RUNNING, JOB_DONE };

struct job {
    bool used;
    enum job_phase phase;
    struct hash submission;
    struct hotkey miner;
    uint64_t order; /* of arrival: the oldest that waits runs next */
    uint64_t token, retry_ms;
    uint32_t failures;
    struct attestation attestation;
    uint64_t gas, memory;
    uint32_t host_calls, host_bytes;
};

/* What a run of ours took, for people: kept a while when its job has gone. */
struct run {
    bool used;
    struct hash submission;
    uint64_t gas, memory;
    uint32_t failures, host_calls, host_bytes;
};

/* A checkpoint that is executed and not yet stable. */
struct snapshot {
    bool used;
    uint64_t seq;
    struct bft_checkpoint_aux aux;
    struct span changes; /* malloc'd: (u32 key, u32 value, bytes)* */
    struct audit_tree tree;
    struct hash last_leaf;
    bool ends_epoch;
    struct span set; /* malloc'd: encoded valset from here on */
};

struct recent_slot {
    uint64_t seq;
    struct span decided; /* malloc'd: encoded bft_decided */
    uint64_t log_first, log_count;
};

/* Log entries not yet in the store, in order. */
struct recent_entry {
    struct span bytes; /* malloc'd */
};

/* What others got wrong; never reset. */
struct node_counters {
    uint64_t refused[REJECT_NOT_REGISTERED + 1]; /* operations, by enum reject */
    uint64_t bad_frames;                         /* neither a binding, consensus nor a blob's */
    uint64_t bindings_refused;
    uint64_t strangers_refused;  /* ended for consensus messages that did not hold */
    uint64_t blob_mismatches;    /* fetched whole, and not what was asked for */
    uint64_t commits_lost;       /* weights committed to and never revealed */
    uint64_t blobs_dropped;      /* that nothing named any more, for want of room */
    uint64_t blobs_no_room;      /* not taken */
    uint64_t blobs_withheld;     /* asked for by a stranger while undecided */
    uint64_t blob_stray_answers; /* to no question of ours, or too late */
};

struct node {
    struct node_config config;
    struct node_counters counters;
    struct world world;
    struct genesis genesis;
    struct hash network;
    uint64_t now_ms;
    bool started, drift;
    bool new_set;         /* an epoch ended: bindings and jobs look again */
    bool pending_changed; /* tell the core what waits, at the end of the turn */
    uint32_t disk_trouble;

    struct arena memory, scratch;
    struct trace trace;
    struct bft *bft;
    struct bft_effects effects;
    struct ledger *ledger;
    struct chain *chain;
    struct mempool mempool;
    struct hash announce[NET_OPS_MAX]; /* in the pool, to be told at the end of the turn */
    uint32_t announce_count;
    struct early {
        struct span bytes; /* malloc'd */
        uint64_t since_ms;
    } early[EARLY_MAX]; /* operations that are ahead of our state, the oldest at early_next */
    uint32_t early_next;
    bool slot_executed; /* in this turn: they may hold now */
    struct map wanted;  /* subject -> when it was last asked for, in 16 ms */
    struct map unfit;   /* challenges whose module our workers would not run */
    struct hash engine; /* id of the sandbox engine that our workers run */
    uint64_t ticked_ms, seen_view, seen_epoch;

    struct bft_event follow_ups[FOLLOW_UPS_MAX];
    uint32_t follow_up_first, follow_up_count;

    uint64_t appended, flush_asked, flushed; /* journal tickets */
    uint64_t sign_ticket;                    /* of the newest request to sign */
    uint64_t lazy_since_ms;                  /* since when records may wait for the next flush */
    uint64_t journal_slot;                   /* slot at which the present journal file began */
    bool journal_old;                        /* the file before it is still kept */
    const char *fatal;                       /* a stable name; the driver must stop the process */
    struct sign_wait signs[SIGN_WAITS_MAX];
    uint32_t signs_end; /* from here on none is in use */
    uint64_t next_token;
    uint64_t next_nonce;

    struct peer peers[PEERS_MAX];
    uint32_t fetch_cursor;    /* whom we asked last for decided slots */
    struct peer *replying_to; /* the stranger or member of the message at hand */
    struct span binding;      /* malloc'd: our signed net_frame; empty until signed */
    uint64_t binding_last_epoch;

    struct fetch fetches[FETCHES_MAX];
    struct new_blob {
        struct hash name;
        uint64_t since_ms;
    } blobs_new[BLOBS_NEW]; /* the last that came */
    uint32_t blobs_new_next;
    struct hash blobs_looked_at; /* in the search for what nothing needs */
    bool blobs_open;             /* a transaction with this turn's blobs */
    bool blob_came;              /* a proposal may have waited for it */
    struct job jobs[JOBS_MAX];
    struct run runs[RUNS_MAX]; /* the newest; next_run % RUNS_MAX is written next */
    uint32_t next_run;
    uint64_t next_job, collect_at_ms;

    struct audit_tree tree, stored_tree; /* with every entry; as far as the store has it */
    struct hash last_leaf;
    struct snapshot snapshots[SNAPSHOTS_MAX];
    struct recent_slot recent[RECENT_SLOTS_MAX];
    uint32_t recent_count;
    struct recent_entry *entries; /* malloc'd ring, grows within its bound */
    uint32_t entry_count, entry_room;
    uint64_t entry_first;     /* index of entries[0] in the log */
    struct span stable_bytes; /* malloc'd: the last stable bft_checkpoint */
    uint64_t store_seq;       /* the checkpoint that the store holds */

    struct pending_proposal {
        bool used;
        uint64_t view, seq, since_ms;
        bool last;
    } proposal;
    struct span batch;      /* malloc'd: the payload we proposed last */
    struct span own_ops[8]; /* malloc'd: signed, for our next batch */
    uint32_t own_op_count;
    struct hash own_subject; /* what the last of them is about */
    uint64_t own_seq;        /* the slot that they were last proposed in */

    struct pending_check {
        bool used;
        uint64_t seq;
        struct hash digest;
        struct span payload; /* malloc'd */
    } checks[4];

    struct epochs {
        bool chain_up, end_wanted; /* a boundary later than our set's block is final */
        bool reading, distrust;
        bool misshapen, contradicts; /* the endpoint lies: see NODE_UNREADY_CHAIN_LIES */
        uint64_t finalized, finalized_ms, read_ms, read_block;
        uint64_t boundary_wanted, boundary_read, boundary_ms; /* read: the last one, then */
        uint64_t next_end; /* block of the chain's next epoch, as read last */
        struct hash finalized_hash;
        struct span next[4]; /* malloc'd: encoded op_epoch for recent boundaries */
        uint64_t next_block[4];
        uint32_t next_count;
        uint64_t refused[4]; /* blocks that, as the chain says, end no epoch */
        uint32_t refused_count;
    } epochs;

    struct anchors {
        bool is_sealed, is_anchored, wanted, busy;
        uint64_t try_ms;
        struct sealed_log sealed;           /* the newest */
        struct anchored_log sent, anchored; /* under way, confirmed last */
    } anchors;

    struct own_weights {
        bool is_known, commit_reveal; /* what the chain said at read_block: */
        uint64_t read_block, version_key, allowed_at, chain_epoch, reveal_period;
        bool busy; /* set or commit under way, of sent_epoch */
        uint64_t sent_epoch, try_ms;
        uint64_t wanted, revealing; /* an epoch + 1; 0: none */
        uint64_t reveal_ms;
        uint64_t done_epoch, done_block; /* read back last; block 0: never */
        uint32_t commit_count;
        struct commit { /* the oldest first; the rest is in the store */
            uint64_t epoch;
            struct hash hash;
            bool is_taken; /* by the chain, in its chain_epoch */
            uint64_t chain_epoch;
            uint64_t sent_block; /* it was read back there; 0: not yet */
        } commits[WEIGHT_COMMITS_MAX];
    } weights;
};

/* In all of these: X_tick is called a few times a second, X_load once at node_open,
 * with the errors of the store; what they return is the scratch arena's or the node's,
 * and borrowed until the next call. */

/* --- node.c */
/* Queues an event (copied) for the consensus core; consensus_step works it off. */
void node_follow_up(struct node *n, const struct bft_event *ev);
/* Our state is not what the others certified (NODE-4): alarms, and never votes
 * again.  why: a stable name. */
void node_drift(struct node *n, const char *why);
/* What waits in the mempool is other than it was: the core hears of it this turn. */
void node_pending_changed(struct node *n);

/* --- recall.c: a new journal file has begun; a finalized head is seen. */
void recall_rotated(struct node *n);
void recall_head(struct node *n, uint64_t block);

/* --- stop.c: the disk failed.  Nothing is written, signed or sent from here on. */
void node_fail(struct node *n, const char *why, enum err e);

/* --- consensus.c */
/* The event, and after it everything that was queued, with all effects. */
void consensus_step(struct node *n, const struct bft_event *ev);
/* Hands in the batch that the core waits for, unless an operation of ours that
 * belongs into it is still being signed.  Nothing wanted: nothing done. */
void consensus_try_propose(struct node *n);
/* Answers the checks that had to wait: for the chain, a checkpoint, or a blob. */
void consensus_recheck(struct node *n);

/* --- execute.c */
void execute_slot(struct node *n, const struct bft_effect *fx);
/* body: encoded audit_body, borrowed.  ERR_NO_MEMORY, or what decoding says. */
enum err execute_append_entry(struct node *n, uint64_t height, uint64_t epoch, struct span body);

/* --- storage.c */
enum err storage_load(struct node *n);
/* checkpoint: encoded, stable; what it covers is written and synced, and a journal
 * file that ends before the window goes. */
void storage_stable(struct node *n, struct span checkpoint);
/* Asks one peer for the decided slots from seq on; sends those to one that asks. */
void storage_fetch(struct node *n, uint64_t seq);
void storage_serve(struct node *n, struct peer *to, uint64_t seq);
/* One record of DB_META in a transaction of its own; an empty value removes it. */
bool storage_keep(struct node *n, struct span key, struct span value);
/* The encoded bft_decided of a slot, from memory or the store. */
bool storage_decided(struct node *n, uint64_t seq, struct span *bytes);

/* --- signing.c */
/* Asks the signer at the end of the turn.  The answer comes by signing_release to
 * gossip_op_signed, peers_on_own_binding, epochs_extrinsic_signed or the core.
 * The caller fills in the rest of the sign_wait.  NULL: too many wait. */
struct sign_wait *signing_ask(struct node *n, enum sign_purpose purpose,
                              const struct signer_request_body *body);
bool signing_is_under_way(const struct node *n, enum sign_purpose purpose,
                          const struct hash *subject);
/* When the oldest unanswered request was made; UINT64_MAX: none. */
uint64_t signing_oldest_ms(const struct node *n);
void signing_send(struct node *n);
/* Uses the answers whose journal records are durable (NODE-1), oldest first. */
void signing_release(struct node *n);

/* --- peers.c */
struct peer *peers_find(struct node *n, const struct peer_id *id); /* NULL: not connected */
void peers_tick(struct node *n);
void peers_new_set(struct node *n); /* who is which member now */
/* To every connection that speaks for member, or for all of them (BFT_ALL).
 * False: there is none, or none took it. */
bool peers_send_member(struct node *n, uint32_t member, struct span frame);
struct span peers_bft_frame(struct node *n, struct span message); /* in scratch */
void peers_on_own_binding(struct node *n, const struct sign_wait *w);

/* --- gossip.c */
void gossip_announce(struct node *n); /* publishes what was accepted in this turn */
void gossip_tick(struct node *n);
/* Judges anew what came before the slot that it stands on. */
void gossip_after_slot(struct node *n);
void gossip_op_signed(struct node *n, const struct sign_wait *w);
/* Has an operation of ours signed; subject tells it from others that are under
 * way.  with_proposal: it goes into our next batch and not to the others.
 * ERR_FULL: too many wait for the signer. */
enum err gossip_want_op(struct node *n, const struct op_body *body, const struct hash *subject,
                        bool with_proposal);

/* --- blobs.c */
bool blobs_have(struct node *n, const struct hash *name);
void blobs_commit(struct node *n); /* Before any other transaction, and at the end of a turn. */
/* Fetches a blob, from members first, unless it is here or on its way. */
void blobs_want(struct node *n, const struct hash *name, uint32_t size);
void blobs_on_frame(struct node *n, const struct peer_id *from, struct span frame);
void blobs_on_peer_down(struct node *n, const struct peer_id *peer);
void blobs_tick(struct node *n);

/* --- evaluate.c */
void evaluate_tick(struct node *n);
struct job *evaluate_job(struct node *n, const struct hash *submission); /* NULL: none */
const struct run *evaluate_run(const struct node *n, const struct hash *submission);

/* --- actions.c */
void actions_tick(struct node *n);

/* --- epochs.c */
size_t epochs_arena_size(void);
enum err epochs_open(struct node *n);
void epochs_forget_candidates(struct node *n); /* also at the end: they own their bytes */
void epochs_tick(struct node *n);
/* What a proposal that names a block must be; NULL: that block has not been read
 * here yet, and is asked for. */
const struct op_epoch *epochs_expected(struct node *n, const struct op_epoch *proposed,
                                       struct arena *scratch);
/* No set can be taken from this block, whatever comes. */
bool epochs_refuse(const struct node *n, uint64_t block);
/* EPOCH for the newest boundary later than our set's; NULL: none yet. */
const struct op_epoch *epochs_next(struct node *n, struct arena *scratch);
/* Why a metagraph was read. */
enum { EPOCHS_TOKEN_LATEST = 1, EPOCHS_TOKEN_BOUNDARY };
void epochs_on_metagraph(struct node *n, const struct chain_out *out);
/* The EPOCH that a slot has brought, whoever proposed it. */
void epochs_on_decided(struct node *n, const struct op_epoch *decided);
void epochs_extrinsic_signed(struct node *n, const struct sign_wait *w);

/* --- anchors.c */
enum err anchors_load(struct node *n);
enum err anchors_put(struct node *n); /* in the transaction of a checkpoint */
void anchors_on_seal(struct node *n, uint64_t epoch);
void anchors_tick(struct node *n);
void anchors_on_result(struct node *n, const struct chain_out *out);

/* --- weights.c */
enum { WEIGHTS_TOKEN_SET = 1, WEIGHTS_TOKEN_COMMIT, WEIGHTS_TOKEN_REVEAL, WEIGHTS_TOKENS_END };
enum { ANCHOR_TOKEN = WEIGHTS_TOKENS_END };
enum err weights_load(struct node *n);
void weights_start(struct node *n); /* what was decided and is not on the chain yet */
/* The decided matrix of epoch is to be put on the chain; an older one is not any more. */
void weights_want(struct node *n, uint64_t epoch);
void weights_on_metagraph(struct node *n, const struct chain_metagraph *m);
void weights_on_result(struct node *n, const struct chain_out *out);
void weights_tick(struct node *n);
/* Whether the chain's next reading can tell something about them. */
bool weights_are_open(const struct node *n);
/* In the scratch arena. */
bool weights_commit_at(const struct node *n, uint32_t index, struct rpc_commit *out);
bool weights_submitted(const struct node *n, uint64_t epoch, struct rpc_submitted *out);

/* Owned copies: the node's only use of the heap after start; every holder
 * bounds what it keeps. */
struct span bytes_keep(struct span s);
void bytes_drop(struct span *s);

bool node_is_member(const struct node *n);

#endif
