/* bft: PBFT with stake and count quorums, a lean view change and checkpoint
 * barriers; docs/consensus.md states the rules R1-R20 that the code cites.
 *
 * Layer: L2, sans-IO.  Threads: one.  Memory: from the arena at bft_init.
 *
 *   BFT-1  At most one statement per (epoch, view, seq, type) is ever asked to
 *          be signed, also across restarts (the journal is replayed first).
 *   BFT-2  Nothing signed is sent before the caller reported BFT_EV_SIGNED, and
 *          the caller reports it only when the journal records of the same
 *          turn are durable.
 *   BFT-3  A slot is executed once, in order, under a C-cert of its epoch.
 *   BFT-4  Quorums are computed from the epoch's validator set and nothing else.
 *   BFT-5  Time only starts view changes; it never decides anything.
 *
 * One turn: fill an event, call bft_step, perform every effect in order. */
#ifndef BFT_BFT_H
#define BFT_BFT_H

#include "base/arena.h"
#include "base/trace.h"
#include "crypto/verifier.h"
#include "bft_msg.h"

enum {
    BFT_EFFECTS_MAX = 1024,
    BFT_STATEMENT_SIZE = 161,
    BFT_ALL = 0xffff,      /* as a member index: every other member */
    BFT_SCHEDULE = 1024,   /* entries of the leader schedule before it repeats */
    BFT_ROTATION = 4,      /* segments after which the leader changes as planned, R14 */
    BFT_PIPELINE_MAX = 16, /* proposals of one leader under way */
};

/* Quorum arithmetic, R of docs/consensus.md section 3. */
struct bft_bitmap {
    uint8_t bits[BFT_BITMAP_SIZE];
};

/* A validator set made ready for use; members ascend by hotkey. */
struct bft_set {
    struct valset set;                        /* members kept by the owner of the set */
    struct hash hash;                         /* valset_hash */
    uint64_t total, quorum_stake, weak_stake; /* q_w and k_w */
    uint32_t count, quorum_count, weak_count; /* N, q_n and k_n */
    uint16_t schedule[BFT_SCHEDULE];          /* leader of view v: schedule[v % BFT_SCHEDULE] */
};

/* bft_set_init checks R17's conditions: 1..256 members in strictly ascending
 * order, stake at least 1 each, sum at most 2^61.  set.members is kept.
 * ERR_MALFORMED otherwise.  (Below four members f is 0: nobody may fail.) */
enum err bft_set_init(struct bft_set *s, const struct valset *set);
struct hash bft_valset_hash(const struct valset *set);
bool bft_is_quorum(const struct bft_set *s, const struct bft_bitmap *b);
bool bft_is_weak(const struct bft_set *s, const struct bft_bitmap *b);
uint32_t bft_leader(const struct bft_set *s, uint64_t view);
/* Index of a member, or BFT_ALL. */
uint32_t bft_member(const struct bft_set *s, const struct hotkey *key);

/* The bytes that are signed: tag "PLTFBFT1", type, network, epoch, set, view,
 * seq, digest, aux. */
void bft_statement_bytes(const struct bft_statement *st, const struct hash *network,
                         const struct hash *valset, uint8_t out[BFT_STATEMENT_SIZE]);
struct hash bft_payload_digest(struct span payload);
struct hash bft_aux_hash(const struct bft_checkpoint_aux *aux);

/* bft_cert_check: every rule of a certificate: a member a bit, a signature a
 * bit and no more, QUORUM, and each signature.  Stateless: the audit verifier
 * and state transfer use it too. */
/* ERR_MALFORMED: its shape; ERR_DENIED: no QUORUM; ERR_BAD_SIGNATURE. */
enum err bft_cert_check(const struct bft_cert *cert, const struct bft_set *set,
                        const struct hash *network, const struct verifier *verifier);

struct bft_config {
    struct hash network;
    struct hotkey self;
    struct verifier verifier;
    uint32_t timeout_ms; /* base of the view timer */
    uint32_t status_ms;  /* anti-entropy period */
    uint32_t pipeline;   /* proposals under way at a time, 1 .. BFT_PIPELINE_MAX; 0: 2 */
    uint64_t seed;       /* jitter */
    /* R18: sign only in epochs whose set was read at a block later than this.
     * 0: in every epoch (a store that is whole, or the genesis of the network).
     * A store that is new, restored or damaged: the finalized head seen at this
     * start, or UINT64_MAX until it is known (then bft_vote_after_block). */
    uint64_t vote_after_block;
};

struct bft;

size_t bft_arena_size(void);
/* bft_init: the genesis set (copied); executed = stable = 0.  ERR_NO_MEMORY: the
 * arena is smaller than bft_arena_size; ERR_MALFORMED: bft_set_init's rules. */
enum err bft_init(struct bft **out, struct arena *arena, const struct bft_config *c,
                  const struct valset *genesis);

enum bft_event_kind {
    BFT_EV_RESUME, /* state at the last durable checkpoint: resume; before records */
    BFT_EV_REPLAY, /* a journal record, oldest first; before BFT_EV_START.  An
                      EXECUTE it causes is answered before the next record. */
    BFT_EV_START,  /* replay is over: begin to take part */
    BFT_EV_TICK,
    BFT_EV_MESSAGE,  /* bytes of a bft_message from member from, or from a stranger (BFT_ALL) */
    BFT_EV_PENDING,  /* pending: how many operations wait; pending_since_ms: the oldest;
                        fill: slots are wanted although nothing waits (an epoch is due, a
                        window must pass), each no sooner than fill_pause_ms after the
                        proposal before it */
    BFT_EV_BATCH,    /* bytes: the payload for the BFT_FX_PROPOSE of (view, seq).  Empty:
                        NULL under fill, otherwise nothing to propose before the next PENDING */
    BFT_EV_CHECKED,  /* ok: the payload of digest for seq is valid (BFT_FX_CHECK); wait: not yet */
    BFT_EV_SIGNED,   /* token; ok: durable and signed, signature; not ok: refused */
    BFT_EV_EXECUTED, /* slot seq is executed: aux, and next set when it ended the epoch */
    BFT_EV_LOST,     /* member from is not connected any more; only ever shortens a wait */
};

struct bft_resume {
    const struct valset *set;         /* that decides the slot after the checkpoint; copied */
    struct bft_checkpoint checkpoint; /* of the state's slot; checked by whoever stored it */
};

struct bft_event {
    enum bft_event_kind kind;
    uint64_t now_ms;
    struct span bytes; /* REPLAY: bft_record; MESSAGE: bft_message; BATCH: payload */
    uint32_t from;
    uint64_t view, seq, token;
    uint32_t pending, fill_pause_ms;
    uint64_t pending_since_ms;
    bool fill;
    struct hash digest;
    bool ok, wait;
    struct signature signature;
    struct bft_checkpoint_aux aux;
    const struct valset *next; /* EXECUTED: not NULL ends the epoch */
    struct bft_resume resume;
};

/* The journal may forget: once the state of STABLE(c) is durable, every record
 * before the checkpoint record of the checkpoint before c.
 *
 * Execution waits at a checkpoint slot until it is stable, so between EXECUTED(c)
 * and STABLE(c) the state is exactly that of slot c. */
enum bft_effect_kind {
    BFT_FX_PERSIST,  /* append bytes (a bft_record) to the journal; flushed before any SIGNED of
                        this turn; a turn without SIGN needs no flush */
    BFT_FX_SIGN,     /* have statement signed; answer with BFT_EV_SIGNED(token) */
    BFT_FX_SEND,     /* bytes (a bft_message) to member to, or to BFT_ALL */
    BFT_FX_REPLY,    /* bytes to the stranger whose MESSAGE is being handled */
    BFT_FX_PROPOSE,  /* this replica leads: give a BATCH for (view, seq); last_in_segment.
                        Batches given in an earlier view may be lost: offer again what is
                        not executed. */
    BFT_FX_CHECK,    /* is payload bytes of digest valid for slot seq (last_in_segment)?
                        Answer with BFT_EV_CHECKED */
    BFT_FX_EXECUTE,  /* slot seq is decided: bytes and cert; answer with BFT_EV_EXECUTED */
    BFT_FX_STABLE,   /* checkpoint seq is stable: make the state durable; bytes: bft_checkpoint,
                        to be kept for SERVE and for audit */
    BFT_FX_FETCH,    /* decided slots from seq on are missing.  A member has sent a bft_fetch to
                        another; whoever is not one, or hears no QUORUM, leaves it to the
                        caller to send bft_fetch{seq} to any peer */
    BFT_FX_SERVE,    /* member to, or the stranger (BFT_ALL), wants what follows: send from the
                        store the bft_checkpoint of seq - 1 if there is one, then bft_decided of
                        seq, seq + 1, ..., each checkpoint behind its slot; a few dozen slots */
    BFT_FX_EVIDENCE, /* bytes: op_evidence of a validator that signed twice */
    BFT_FX_ALARM,    /* safety: two certificates for one slot, or a root that differs; the core
                        signs nothing any more */
};

struct bft_effect {
    enum bft_effect_kind kind;
    struct span bytes; /* valid until the next bft_step */
    struct bft_statement statement;
    struct bft_cert cert; /* EXECUTE */
    uint64_t token, view, seq;
    struct hash digest;
    uint32_t to;
    bool last_in_segment;
    const char *why; /* ALARM: a stable name */
};

struct bft_effects {
    uint32_t count;
    struct bft_effect items[BFT_EFFECTS_MAX];
    uint64_t wake_at_ms;
};

/* bft_step is one turn.  Every event but RESUME, REPLAY and EXECUTED comes after
 * START.  Time never runs backwards. */
void bft_step(struct bft *b, const struct bft_event *ev, struct bft_effects *fx);

/* bft_stop_voting: after an alarm; the core follows and signs nothing. */
void bft_stop_voting(struct bft *b);

/* bft_vote_after_block: see bft_config. */
void bft_vote_after_block(struct bft *b, uint64_t block);

struct bft_view_info {
    uint64_t epoch, view, executed, stable, proposed;
    bool normal;           /* not changing views */
    bool voting;           /* may sign: a member, started, no alarm */
    uint32_t leader, self; /* member indexes; self BFT_ALL when not a member */
    uint32_t quorum_heard; /* members heard from within two status periods */
    bool has_quorum;       /* those form a QUORUM: decisions are possible */
    uint64_t views_changed, decided, evidence;
    uint64_t malformed, bad_signatures, refused; /* refused: by the signer's guard */
    /* Messages for another epoch, in the name of no member, or for slots past the window. */
    uint64_t other_epoch, no_member, past_window;
    uint64_t network_executed; /* the highest slot that others have shown, or WEAK members claim */
};

void bft_info(const struct bft *b, struct bft_view_info *out);
uint64_t bft_view(const struct bft *b);
bool bft_hears_quorum(const struct bft *b); /* has_quorum alone */
const struct bft_set *bft_current_set(const struct bft *b);
struct trace *bft_trace(struct bft *b);

#endif
