/* core: the state of struct bft, shared by the files of this folder and seen
 * nowhere else.  One file per concern; docs/consensus.md has the rules. */
#ifndef BFT_CORE_H
#define BFT_CORE_H

#include "base/prng.h"
#include "bft/bft.h"

enum {
    BFT_PLACES = 2,               /* checkpoint slots inside a window */
    BFT_PAYLOADS = 2,             /* per slot: the proposal's and the P-cert's */
    BFT_SIGNING_MAX = 256,        /* signatures asked for and not yet given */
    BFT_OUT_SIZE = 4 << 20,       /* messages and records of one step */
    BFT_OUT_RESERVE = 1536 << 10, /* kept free for what may not be left out */
    BFT_DECODE_SIZE = 3 << 20,    /* lists of one incoming message */
    BFT_STRIKES_MAX = 32,         /* bad signatures per member and status period */
    BFT_FETCH_FROM = 2,           /* members asked at a time for a payload */
};

static_assert(BFT_WINDOW == 2 * BFT_CHECKPOINT_INTERVAL);
static_assert(BFT_NEW_VIEW_SIZE_MAX + 1 <= 1 << 20);
static_assert(3 * BFT_NEW_VIEW_SIZE_MAX <= BFT_OUT_SIZE);

/* The latest PREPARE, COMMIT or CHECKPOINT of one member for one place. */
struct vote {
    bool held;
    uint64_t view;
    struct hash digest, aux;
    struct signature signature;
};

struct held_cert {
    bool held;
    struct bft_cert cert;   /* cert.signatures is room */
    struct signature *room; /* VALIDATORS_MAX */
};

/* What this replica had signed for a place: BFT-1. */
struct said {
    bool any;
    uint64_t view;
    struct hash digest;
};

struct payload {
    bool held, journaled;
    uint64_t seq;
    struct hash digest;
    uint32_t size;
    uint8_t *bytes; /* BFT_BATCH_SIZE_MAX */
};

enum vote_kind { VOTE_PREPARE, VOTE_COMMIT, VOTE_KINDS };

struct slot {
    uint64_t seq; /* 0: not in use */
    /* Of the current view. */
    bool proposed; /* digest is the leader's proposal or fixed by the NEW-VIEW */
    bool fixed;    /* by the NEW-VIEW: R1's last clause */
    bool checked;  /* the payload is valid here */
    bool asked;    /* BFT_FX_CHECK is out */
    bool has_signature;
    struct hash digest;
    struct signature signature; /* of the PROPOSE */
    /* Of every view. */
    struct said propose, votes_said[VOTE_KINDS];
    struct held_cert prepared; /* the P-cert of the highest view, R2 */
    struct held_cert committed;
    bool decided, executed;
    uint64_t fetched_ms;
    struct vote *votes[VOTE_KINDS]; /* [count] */
};

/* A checkpoint slot whose K-cert is not there yet. */
struct place {
    uint64_t seq; /* 0: not in use */
    bool executed, signing;
    struct bft_checkpoint_aux aux; /* our own, once executed */
    struct hash aux_hash;
    struct said said;   /* from the journal: the state must come out the same */
    struct vote *votes; /* [count] */
};

struct stored_vc {
    bool held, backed; /* backed: its certificates were seen (R8) */
    struct bft_view_change_core core;
    struct hash digest;
    struct signature signature;
    struct bft_prepared *room; /* BFT_WINDOW */
};

struct signing {
    bool active;
    uint64_t token;
    struct bft_statement statement;
};

struct peer {
    uint64_t heard_ms, answered_ms, served_ms, served_seq, new_view_ms;
    uint64_t executed; /* as it claims */
    bool heard;
    uint32_t strikes;
};

/* The NEW-VIEW of the current view, to hand on; also while we wait for its
 * signature. */
struct held_new_view {
    bool held, signed_;
    uint64_t view;
    struct span body; /* encoding of a bft_new_view_body */
    struct hash digest;
    struct signature signature;
    uint8_t *room;
    uint64_t low; /* min_s */
    uint32_t fixed_count;
    struct bft_reproposal fixed[BFT_WINDOW];
};

struct bft {
    struct bft_config config;
    struct bft_set set, next_set; /* next: between the last slot and its K-cert */
    struct valset_member *members, *next_members;
    uint32_t self;
    uint64_t now_ms;
    struct prng prng;
    bool started, replaying, resumed, stopped, alarmed, ending;

    uint64_t view, target;             /* target > view: changing views */
    uint64_t executed, stable, proven; /* proven: the highest slot that a certificate showed */
    struct hash chain;                 /* c of the last executed slot */
    bool executing;
    uint64_t next_propose, asked_seq; /* asked: 0 or the slot a BATCH is awaited for */
    uint32_t segments;                /* executed in this view */

    struct slot slots[BFT_WINDOW];
    struct payload payloads[BFT_CHECKPOINT_INTERVAL][BFT_PAYLOADS];
    struct place places[BFT_PLACES];
    struct held_cert stable_cert; /* K-cert of stable; of the epoch before at its start */
    struct bft_checkpoint_aux stable_aux;

    struct stored_vc *vcs;             /* [VALIDATORS_MAX]; ours too, once signed */
    struct stored_vc own_vc;           /* as asked to be signed */
    struct held_cert pool[BFT_WINDOW]; /* best P-certs that came with VIEW-CHANGEs, R8 */
    struct held_cert pool_stable;      /* best K-cert that came with one */
    struct held_new_view nv;           /* of the view we are in */
    struct held_new_view building;     /* ours, awaiting its signature */

    uint32_t failed_views;    /* k of R13 */
    uint64_t quorum_since_ms; /* a QUORUM wants target or later; 0: not yet */
    bool work_known, request_known;
    uint64_t work_since_ms, request_since_ms, request_oldest_ms, work_executed;
    uint64_t fill_since_ms, proposed_ms;
    uint64_t wake_at_ms; /* when the step before asked to be called again */
    uint64_t status_at_ms, resend_at_ms, fetch_at_ms, rotate_at_ms;
    uint64_t fetch_seq;
    uint32_t pending, fill_pause_ms;
    bool fill, declined, again;

    struct peer *peers; /* [VALIDATORS_MAX] */
    struct bft_bitmap convicted;
    struct signing signing[BFT_SIGNING_MAX];
    uint64_t next_token;
    uint64_t views_changed, decided, evidence, malformed, bad_signatures, refused;
    uint64_t other_epoch, no_member, past_window;

    struct arena decode;
    struct room out;
    size_t out_used;
    struct bft_effects *fx;
    uint32_t sender; /* of the MESSAGE being handled, if a member */
    struct trace trace;
};

/* quorum.c */
static inline bool bitmap_has(const struct bft_bitmap *b, uint32_t i)
{
    return (b->bits[i / 8] >> (i % 8) & 1) != 0;
}

static inline void bitmap_add(struct bft_bitmap *b, uint32_t i)
{
    b->bits[i / 8] = (uint8_t)(b->bits[i / 8] | 1u << (i % 8));
}

uint32_t bft_bitmap_count(const struct bft_bitmap *b);

/* statement.c */
struct bft_statement bft_statement_of(const struct bft *b, enum bft_type type, uint64_t view,
                                      uint64_t seq, const struct hash *digest);
bool bft_statement_equal(const struct bft_statement *a, const struct bft_statement *b);
bool bft_verify(struct bft *b, const struct bft_statement *st, uint32_t signer,
                const struct signature *signature);
struct hash bft_core_digest(const struct bft_view_change_core *core);
struct hash bft_body_digest(struct span body);

/* cert.c */
void bft_cert_keep(struct held_cert *to, const struct bft_cert *cert);
bool bft_cert_of_votes(const struct bft *b, const struct vote *votes,
                       const struct bft_statement *st, struct held_cert *to);
bool bft_cert_valid(struct bft *b, const struct bft_cert *cert);

/* out.c: effects. */
struct bft_effect *bft_effect(struct bft *b, enum bft_effect_kind kind);
bool bft_out_fits(struct bft *b, size_t size);
void bft_persist(struct bft *b, const struct bft_record *r);
void bft_send(struct bft *b, uint32_t to, const struct bft_message *m);
bool bft_sign_ready(const struct bft *b);
void bft_sign(struct bft *b, const struct bft_statement *st);
void bft_alarm(struct bft *b, const char *why);
struct room bft_out_rest(struct bft *b);
struct span bft_out_take(struct bft *b, struct span written);

/* slot.c */
bool bft_in_window(const struct bft *b, uint64_t seq);
uint64_t bft_segment_end(const struct bft *b);
struct slot *bft_slot(struct bft *b, uint64_t seq); /* NULL outside the window */
struct payload *bft_payload_find(struct bft *b, uint64_t seq, const struct hash *digest);
bool bft_payload_here(struct bft *b, uint64_t seq, const struct hash *digest);
bool bft_payload_has_room(const struct bft *b, uint64_t seq); /* else nothing of it is kept */
void bft_payload_keep(struct bft *b, struct slot *s, const struct hash *digest, struct span bytes,
                      bool journaled);
void bft_slots_forget(struct bft *b);     /* all, at a new epoch */
void bft_slots_enter_view(struct bft *b); /* what belongs to a view only */

/* vote.c */
bool bft_may_vote(const struct bft *b);
bool bft_normal(const struct bft *b);
void bft_on_vote(struct bft *b, const struct bft_vote *v);
void bft_votes_of_cert(struct bft *b, struct slot *s, enum vote_kind kind,
                       const struct bft_cert *cert);
void bft_own_vote(struct bft *b, const struct bft_statement *st, const struct signature *sig);
bool bft_say(struct bft *b, struct slot *s, enum bft_type type, const struct hash *digest);
void bft_slot_evaluate(struct bft *b, struct slot *s);
void bft_evaluate(struct bft *b);

/* propose.c */
void bft_on_propose(struct bft *b, const struct bft_propose *p);
void bft_on_batch(struct bft *b, const struct bft_event *ev);
void bft_on_pending(struct bft *b, const struct bft_event *ev);
void bft_on_checked(struct bft *b, const struct bft_event *ev);
void bft_own_propose(struct bft *b, const struct bft_statement *st, const struct signature *sig);
void bft_send_propose(struct bft *b, struct slot *s, uint32_t to);
void bft_lead(struct bft *b);
uint64_t bft_fill_at(const struct bft *b); /* UINT64_MAX: no slot is to be filled by us */

/* decide.c */
void bft_decide(struct bft *b, struct slot *s, const struct bft_cert *cert,
                const struct span *payload);
void bft_execute(struct bft *b);
void bft_on_executed(struct bft *b, const struct bft_event *ev);

/* checkpoint.c */
struct place *bft_place(struct bft *b, uint64_t seq);
void bft_places_forget(struct bft *b);
void bft_on_checkpoint_vote(struct bft *b, const struct bft_vote *v);
void bft_on_checkpoint_cert(struct bft *b, const struct bft_cert *cert);
void bft_on_checkpoint(struct bft *b, const struct bft_checkpoint *c);
void bft_own_checkpoint(struct bft *b, const struct bft_statement *st, const struct signature *sig);
void bft_checkpoint_reached(struct bft *b, const struct bft_checkpoint_aux *aux);
void bft_checkpoint_sign(struct bft *b);
bool bft_checkpoint_message(const struct bft *b, struct bft_message *m);

/* view_change.c */
uint64_t bft_next_view(const struct bft *b, uint64_t view);
uint64_t bft_next_heard(const struct bft *b, uint64_t view);
void bft_view_change_start(struct bft *b, uint64_t view, bool planned);
void bft_on_view_change(struct bft *b, const struct bft_view_change *vc);
void bft_own_view_change(struct bft *b, const struct bft_statement *st,
                         const struct signature *sig);
void bft_view_change_send(struct bft *b, uint32_t to);
void bft_view_change_resend(struct bft *b);
bool bft_core_well_formed(const struct bft *b, const struct bft_view_change_core *core);
void bft_core_keep(struct stored_vc *to, const struct bft_view_change_core *core);
void bft_rotate(struct bft *b);
void bft_pass_over(struct bft *b);
void bft_on_lost(struct bft *b, uint32_t member);
bool bft_hears(const struct bft *b, uint32_t member);

/* backing.c: R8, the certificates that come with a VIEW-CHANGE. */
bool bft_core_backed(struct bft *b, const struct bft_view_change_core *core,
                     const struct bft_cert *certs, uint32_t count);
const struct bft_cert *bft_pool_find(const struct bft *b, const struct bft_prepared *p);
const struct bft_cert *bft_pool_stable(const struct bft *b);

/* new_view.c */
void bft_new_view_try(struct bft *b);
void bft_on_new_view(struct bft *b, const struct bft_new_view *nv);
void bft_own_new_view(struct bft *b, const struct bft_statement *st, const struct signature *sig);
void bft_new_view_replayed(struct bft *b, const struct bft_new_view *nv);
void bft_new_view_send(struct bft *b, uint32_t to);
void bft_new_view_persist(struct bft *b, const struct held_new_view *nv);

/* reproposal.c: R10 as a pure function. */
struct reproposals {
    uint64_t low, high; /* min_s, max_s */
    uint32_t count;
    struct bft_reproposal items[BFT_WINDOW];
    bool claimed[BFT_WINDOW]; /* by a core: a P-cert of views[i] must be shown, for NULL too */
    uint64_t views[BFT_WINDOW];
};
void bft_reproposals_compute(const struct bft_signed_core *cores, uint32_t count, uint64_t proved,
                             struct reproposals *out);

/* status.c, fetch.c */
void bft_status_send(struct bft *b);
void bft_on_status(struct bft *b, uint32_t from, const struct bft_status *s);
void bft_on_fetch(struct bft *b, uint32_t from, const struct bft_fetch *f);
void bft_on_payload(struct bft *b, const struct bft_payload *p);
void bft_on_decided(struct bft *b, const struct bft_decided *d);
void bft_on_cert(struct bft *b, const struct bft_cert *cert);
void bft_fetch_payload(struct bft *b, struct slot *s, const struct hash *digest);
void bft_fetch_decided(struct bft *b, uint32_t from);
void bft_poll(struct bft *b);

/* evidence.c */
void bft_report(struct bft *b, uint32_t signer, const struct bft_statement *first,
                const struct signature *first_sig, const struct bft_statement *second,
                const struct signature *second_sig);

/* epoch.c */
void bft_epoch_use(struct bft *b, const struct valset *set);
void bft_epoch_enter(struct bft *b);

/* replay.c */
void bft_on_resume(struct bft *b, const struct bft_resume *r);
void bft_on_replay(struct bft *b, struct span bytes);
void bft_on_start(struct bft *b);

/* timer.c */
void bft_timers(struct bft *b);
void bft_forgive(struct bft *b);
uint64_t bft_wake_at(const struct bft *b);
void bft_timer_restart(struct bft *b);

/* message.c */
void bft_on_message(struct bft *b, const struct bft_event *ev);

void bft_check(const struct bft *b);

#endif
