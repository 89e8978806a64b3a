/* node: a validator, or an observer, as one deterministic object.  It joins the
 * consensus core, the ledger, the log, the mempool, the blobs, evaluations and
 * the chain client, and performs their effects in the one safe order.
 *
 * Layer: L5.  No system call: the world (world.h) is given.  Threads: one.
 * Memory: sized at node_open from the configuration.
 *
 *   NODE-1  Nothing signed is sent before its journal records are durable.
 *   NODE-2  After a restart the node is where its durable records put it.  What
 *           it had told anybody is among them, or was decided by a QUORUM whose
 *           durable votes decide it again.
 *   NODE-3  A peer acts as a validator only after a PeerBinding signed by the
 *           validator's hotkey for the peer id that the handshake proved.
 *   NODE-4  When our state root or log root differs from the certified one at
 *           the same height, the node alarms, and neither votes, evaluates nor
 *           executes again; what it holds that is certified it still serves.
 *   NODE-5  From the moment that the store or the journal fails nothing is
 *           written, signed or sent, not even by the rest of the same turn.
 *
 * The driver reports events with node_on_*, then calls node_turn once all that
 * are ready have been reported, and again no later than node_wake_at. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "base/arena.h"
#include "base/trace.h"
#include "bft/bft.h"
#include "chain/chain.h"
#include "ledger/ledger.h"
#include "node/world.h"
#include "store/db.h"

/* What the store remembers of this validator's votes (R18). */
struct node_recall {
    uint64_t vote_after_block; /* bft_config's; UINT64_MAX: no finalized head was seen yet */
    uint64_t journal_newest;   /* generation of the newest journal file */
};

/* node_recall_votes, at each start before the journal is opened or made: whether
 * all that this validator ever signed is still here.  If not, and of a store that
 * is new, it votes only in epochs whose set is read after this start; the store
 * keeps that over every further restart.  journal_newest: 0: there is no journal.
 * network_is_new: the operator says so; of any but the very first start it says
 * nothing.  ERR_CORRUPT, ERR_FULL, ERR_IO: of the store. */
enum err node_recall_votes(struct db *db, uint64_t journal_newest, bool network_is_new,
                           struct node_recall *out);

struct node_config {
    struct span genesis; /* encoded; kept */
    struct hotkey self;  /* all zero: an observer */
    struct peer_id peer; /* our libp2p identity */
    uint8_t secret[32];  /* of this node's own: salts of commitments */
    uint64_t seed;
    struct verifier verifier;
    struct db *db;
    uint32_t chain_endpoints;                     /* how many the world can dial */
    const char *chain_names[CHAIN_ENDPOINTS_MAX]; /* for the log; kept, or NULL */
    uint32_t view_timeout_ms, status_ms;
    uint32_t evaluation_slots;
    bool approve_all; /* approve every challenge the owner registers */
    struct node_recall recall;
    uint64_t stake_min_rao;
    uint32_t mempool_ops, mempool_bytes;
    uint32_t state_entries_max, state_bytes_max;
    uint64_t input_bytes_max; /* these three: rules of the network, see ledger_config */
    struct hash engine;       /* what the workers run: sandbox's engine id */
    uint32_t blob_bytes_max;  /* of one blob */
    uint64_t blobs_bytes_max; /* of all; 0: as many as the store takes */
    uint32_t journal_slots;   /* in one journal file; 0: the default */
};

struct node;

enum err node_open(struct node **out, const struct node_config *c, const struct world *w,
                   uint64_t now_ms);
void node_close(struct node *n);

/* The journal's records, oldest first; then node_start begins to take part. */
void node_replay(struct node *n, struct span record);
void node_start(struct node *n, uint64_t now_ms);

void node_on_peer_up(struct node *n, const struct peer_id *peer, uint64_t now_ms);
void node_on_peer_down(struct node *n, const struct peer_id *peer, uint64_t now_ms);
void node_on_frame(struct node *n, const struct peer_id *peer, enum p2p_protocol protocol,
                   struct span frame, uint64_t now_ms);
void node_on_gossip(struct node *n, uint64_t message, const struct peer_id *relay, struct span data,
                    uint64_t now_ms);
void node_on_flushed(struct node *n, uint64_t ticket, uint64_t now_ms);
/* The journal could not be written: the node is fatal from here on. */
void node_on_disk_failed(struct node *n, uint64_t now_ms);
void node_on_signed(struct node *n, struct span reply, uint64_t now_ms);
void node_on_signer_up(struct node *n, uint64_t now_ms);
/* answer: an encoded sandbox_answer; empty: the worker died or was killed. */
void node_on_evaluated(struct node *n, uint64_t token, struct span answer, uint64_t now_ms);
void node_on_chain_up(struct node *n, uint64_t now_ms);
void node_on_chain_text(struct node *n, struct span text, uint64_t now_ms);
void node_on_chain_down(struct node *n, enum chain_why why, uint64_t now_ms);

/* The end of a turn: timers, signing requests, one flush, cleared scratch. */
void node_turn(struct node *n, uint64_t now_ms);
uint64_t node_wake_at(const struct node *n);

/* Clients.  op: encoded; it is checked, kept and announced.  *why on refusal. */
enum err node_submit_op(struct node *n, struct span op, enum reject *why, uint64_t now_ms);
/* Keeps a blob and tells its name.  ERR_TOO_BIG. */
enum err node_put_blob(struct node *n, struct span bytes, struct hash *name);
/* The blob, borrowed until the next call; ERR_NOT_FOUND. */
enum err node_get_blob(struct node *n, const struct hash *name, struct span *bytes);

/* Why a node is not ready, as bits; 0: ready. */
enum node_unready {
    NODE_UNREADY_STARTING = 1,
    NODE_UNREADY_NO_QUORUM = 2, /* too little stake is connected to decide */
    NODE_UNREADY_CATCHING_UP = 4,
    NODE_UNREADY_CHAIN = 8,   /* no finalized head lately */
    NODE_UNREADY_DRIFT = 16,  /* our root differs from the certified one */
    NODE_UNREADY_SIGNER = 32, /* the key process does not answer */
    NODE_UNREADY_DISK = 64,
    /* A metagraph that cannot be, and no good one since; or a set that is not the one
     * which the validators decided at the same block, and no equal one since. */
    NODE_UNREADY_CHAIN_LIES = 128,
};

/* Not NULL: the disk failed.  The node does nothing any more, whatever is reported
 * to it, and the process must stop; why, as a stable name. */
const char *node_fatal(const struct node *n);

uint32_t node_unready(const struct node *n);
/* A stable name for one bit, and a sentence that says what to do. */
const char *node_unready_name(uint32_t bit);
const char *node_unready_text(uint32_t bit);

/* Drained by the driver after each turn: for the log and the event stream. */
struct trace *node_trace(struct node *n);

/* What the RPC views read. */
const struct ledger *node_ledger(const struct node *n);
void node_bft_info(const struct node *n, struct bft_view_info *out);

#endif
