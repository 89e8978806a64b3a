/* sim: a whole network in one process and virtual time: real node code on a
 * seeded network, disks, signers, evaluations and a development chain.
 *
 * Seed and commit reproduce a run exactly; sim_result.trace is a hash over every
 * event and everything that a node let out, equal for every compiler.
 *
 * The network is drawn, too: half of the runs deliver whole messages, with loss,
 * doubling and reordering; the others run the real p2p hosts on links of bytes
 * that are delayed, split and reset.
 *
 * What goes wrong is drawn from the seed: each run has its own subset of faults
 * and its own rates (swarm testing).  After a while everything is healed, and
 * what was pending must then be decided.  The checkers (check.h) share no code
 * with what they check. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/prng.h"
#include "node/host.h"
#include "node/view.h"
#include "store/journal.h"

enum { SIM_NODES_MAX = 7, SIM_OPS_MAX = 4096, SIM_FILES_MAX = 8, SIM_LIES_MAX = 256 };

enum sim_fault {
    SIM_LOSS = 1,
    SIM_DUPLICATE = 2,
    SIM_REORDER = 4,
    SIM_PARTITION = 8,
    SIM_CRASH = 16,
    SIM_TORN = 32,
    SIM_PAUSE = 64,
    SIM_WIPE = 128,
    SIM_EQUIVOCATE = 256,
    SIM_INFRA = 512,
    SIM_CHAIN = 1024,
    SIM_SLOW_DISK = 2048,
    SIM_LIES = 4096,       /* a leader proposes what nobody may vote for */
    SIM_DISSENT = 8192,    /* one node's evaluations come to something else */
    SIM_SKEW = 16384,      /* clocks that are hours apart */
    SIM_DAMAGE = 32768,    /* a store that does not hold together at a restart */
    SIM_DISK_FULL = 65536, /* a disk that refuses a commit, the journal or the signer's guard */
    SIM_DRIFT = 131072,    /* a memory that changes by itself */
    SIM_FAULTS_END = 262144,
};

struct sim_config {
    uint64_t seed;
    uint32_t nodes;       /* 4 .. SIM_NODES_MAX; 0: drawn */
    uint64_t chaos_ms;    /* virtual time with faults; 0: drawn */
    uint32_t faults;      /* sum of sim_fault */
    bool choose_faults;   /* draw a subset instead */
    uint32_t submissions; /* miners' submissions over the run */
    uint32_t block_ms;    /* of the chain */
    bool verbose;
    bool messages_only; /* never real p2p hosts */
    const char *scratch_dir;
};

struct sim_result {
    bool ok;
    char violation[256];
    uint64_t events, virtual_ms, trace;
    uint64_t decided, epochs, finals, crashes, evidence, view_changes, checkpoints;
    uint64_t lies, dissents, damages, full_disks, chain_lies, drifts;
    uint32_t nodes, faults;
    bool bytes;
};

void sim_run(const struct sim_config *c, struct sim_result *r);

/* ---- Inside ---- */

enum sim_event_kind {
    EV_WAKE,
    EV_FRAME,
    EV_GOSSIP,
    EV_FLUSHED,
    EV_SIGNED,
    EV_SIGNER_UP,
    EV_EVALUATED,
    EV_CHAIN_UP,
    EV_CHAIN_TEXT,
    EV_CHAIN_DOWN,
    EV_CHAIN_REQUEST,
    EV_BLOCK,
    EV_CLIENT,
    EV_CRASH,
    EV_RESTART,
    EV_PARTITION,
    EV_HEAL,
    EV_RESUME,
    EV_DRIFT,
    EV_RENEW,
    EV_ACCEPTED,
    EV_DIALED,
    EV_BYTES,
    EV_WRITTEN,
    EV_CLOSED,
};

struct sim_event {
    uint64_t at_us, order;
    enum sim_event_kind kind;
    uint32_t node, from;
    uint32_t life; /* of the node it is for; another: it is too late */
    enum p2p_protocol protocol;
    uint32_t conn; /* of a link */
    uint64_t number;
    struct span bytes; /* malloc'd */
};

/* What survives a crash of one machine. */
struct sim_disk {
    struct db *db;
    uint8_t *journal; /* the image of the newest file, flushed */
    size_t size, room;
    struct span old[SIM_FILES_MAX]; /* malloc'd: the files before it */
    uint32_t old_count;
    uint64_t generation;
    struct journal_chain link;
    uint8_t *pending; /* appended, not flushed */
    size_t pending_used, pending_room;
    uint32_t flushed_total;
    bool journal_started;
    struct guard *guard; /* the signer's own memory: see signer.c */
};

struct sim_node {
    struct sim *sim;
    uint32_t index, life;
    bool up, dying, paused, byzantine;
    struct node *node;
    struct view view;
    struct host *host;    /* with links that carry bytes; else NULL */
    struct world carried; /* what the host offers the node */
    struct peer_id peer;
    struct hotkey key;
    struct sr25519_keypair *pair;
    struct sim_disk disk;
    uint64_t wake_us;                   /* of the EV_WAKE that is queued */
    uint64_t weights_told, anchor_told; /* this life: 1 + the epoch confirmed last */
    uint32_t crash_in;                  /* world calls until the machine stops; 0: never */
    uint32_t append_fails_in, flush_fails_in, guard_fails_in; /* calls until it does; 0: never */
    bool signer_is_down;
    uint64_t session; /* of the connection to the chain; 0: none */
    uint32_t group;   /* of the partition */
    uint64_t slow_us; /* one flush */
    uint64_t skew_ms; /* its clock is ahead by that */
    bool dissents, wiped;
    bool sick, drifted;   /* its memory has changed; it has said so */
    uint64_t sick_slot;   /* executed by then */
    uint64_t wiped_block; /* final when a part of its disk was lost */
    struct prng prng;
};

struct sim {
    struct sim_config config;
    struct sim_result *result;
    struct prng prng;
    uint64_t now_us, next_order, trace;
    struct sim_event *heap;
    uint32_t heap_count, heap_room;
    uint32_t count;
    struct sim_node nodes[SIM_NODES_MAX];
    uint32_t faults, loss, duplicate; /* rates in a thousand */
    uint64_t delay_us, jitter_us;
    bool chaos, done;
    uint64_t healed_us;
    struct span genesis; /* encoded */
    struct hash network;
    bool bytes; /* real p2p hosts on links of bytes */
    struct links *links;
    struct sim_chain *chain;
    struct checks *checks;
    struct log_checks *log;
    struct live_checks *live;
    struct gap {
        enum { GAP_NOT_BEGUN, GAP_HANDED_IN, GAP_DEAD, GAP_OVER } state;
        uint32_t victim, round, ticks;
        struct hash op; /* the one that is waited for */
        bool pending;
        uint64_t deadline_us;
    } gap;
    struct clients *clients;
    uint64_t next_message;
    struct verifier verifier;
    struct hash lies[SIM_LIES_MAX]; /* digests that nobody may vote for */
    uint64_t lie_count;
    struct arena scratch; /* within one call; taken once, since clearing it costs */
};

/* event.c */
void sim_at(struct sim *s, uint64_t delay_us, struct sim_event ev, struct span bytes);
bool sim_next(struct sim *s, struct sim_event *ev);
void sim_trace(struct sim *s, uint64_t a, uint64_t b, struct span bytes);
void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct span sim_keep(struct span bytes);
void sim_drop(struct span *bytes);

/* machine.c */
void machine_init(struct sim *s, uint32_t index);
void machine_start(struct sim_node *m);
void machine_stop(struct sim_node *m, bool torn);
enum sim_loss { LOSE_ALL, LOSE_STORE, LOSE_JOURNAL, LOSE_NEWEST, SIM_LOSSES };
void machine_wipe(struct sim_node *m, enum sim_loss what);
void machine_close(struct sim_node *m);
void machine_event(struct sim_node *m, struct sim_event *ev);
void machine_after(struct sim_node *m);
uint64_t machine_now(const struct sim_node *m);
void machine_damage(struct sim_node *m);
void machine_sicken(struct sim_node *m);

/* links.c */
void links_begin(struct sim *s);
void links_end(struct sim *s);
void links_start(struct sim_node *m);
void links_stop(struct sim_node *m);
void links_partition(struct sim *s);
void links_event(struct sim_node *m, const struct sim_event *ev);

/* signer.c: simulated signatures, and the guard of a signer */
bool sim_verify(void *ctx, const struct hotkey *key, struct span message,
                const struct signature *signature);
void sim_sign(const struct hotkey *key, struct span message, struct signature *out);
void sim_signer(struct sim_node *m, struct span request);
void sim_signer_up(struct sim_node *m);
void guard_close(struct guard *g); /* NULL is fine */

/* chain.c */
bool chain_begin(struct sim *s);
void chain_event(struct sim *s, const struct sim_event *ev);
void chain_dial(struct sim_node *m);
void chain_hang_up(struct sim_node *m);
/* How the endpoint behaves from now on, to everybody. */
enum chain_mood { CHAIN_HONEST, CHAIN_SILENT, CHAIN_GONE, CHAIN_GARBLED, CHAIN_FOREIGN };
void chain_be(struct sim *s, enum chain_mood mood);
void chain_end(struct sim *s);
/* The n-th validator's or miner's secret URI, as the development chain makes them. */
struct sr25519_keypair *chain_key(const char *role, uint32_t n);

/* clients.c: an owner and miners */
void clients_begin(struct sim *s);
void clients_event(struct sim *s);
bool clients_satisfied(struct sim *s);
/* One more submission, handed to m alone with its blob; its id. */
void clients_submit(struct sim *s, struct sim_node *m, struct hash *id);
void clients_end(struct sim *s);

/* gap.c: false: begun before, or not possible in this run */
bool gap_begin(struct sim *s);
bool gap_is_over(const struct sim *s);
void gap_tick(struct sim *s);
void gap_decided(struct sim *s, const struct hash *id);

/* byzantine.c: what a faulty node sends instead; true: it has sent it. */
bool byzantine_send(struct sim_node *m, uint32_t to, struct span frame);
void byzantine_message(struct sim_node *m, uint32_t to, const struct bft_message *message);
void byzantine_sign(struct sim_node *m, const struct bft_statement *st, struct signature *out);

/* liar.c */
bool liar_propose(struct sim_node *m, uint32_t to, const struct bft_propose *p);
bool liar_said(const struct sim *s, const struct hash *digest);

#endif
