/* chain: a client of one subnet on a Substrate chain (subtensor, or anything that
 * speaks like it), over a WebSocket that somebody else holds.
 *
 * Layer: L2, sans-IO: text frames, connection events and time come in; frames,
 * dials and results go out.  Threads: one.  Memory: taken from the arena at
 * chain_init; what jansson takes for a frame it gives back before the call
 * returns, and a frame is bounded by CHAIN_FRAME_MAX.
 *
 *   CH-1  Nothing is read from, or signed for, a chain whose genesis is not the
 *         expected one.  Without an expected one the first seen is pinned for
 *         the life of the client.
 *   CH-2  Every read is at a finalized block, and the result says at which.
 *   CH-3  CHAIN_CONFIRMED means read back from the state of a finalized block,
 *         never "sent" and never an event alone.
 *   CH-4  A submission has one end, in bounded time: each try ends with its
 *         mortal era, and there are at most CHAIN_TRIES_MAX of them.
 *   CH-5  Every call has a deadline, and a connection without a finalized head
 *         for head_ms is given up: a half-open socket stops nothing for good.
 *   CH-6  Numbers of pallets, calls, storage and errors come from the chain's
 *         own metadata, fetched anew when the runtime's version changes.
 *   CH-7  The finalized head never goes back, also not with another endpoint, and
 *         one number never has two hashes.  But when every endpoint in turn, and
 *         one of them twice, stays behind it for head_ms, a liar has told it: it
 *         is forgotten.  No head is over 2^32 or leaps by more than 2^24.
 *
 * The trace says once that an endpoint is lost, why, and which is dialled next in
 * how long (chain.lost); again for another reason, or once one had shown a head
 * between (chain.ready).  What is the same again is at TRACE_DEBUG.
 *
 * The key is elsewhere: chain_submit leads to CHAIN_OUT_SIGN, which is answered
 * by chain_signed or chain_sign_refused.  Submissions run one after another,
 * since each needs the nonce that the one before it leaves behind.
 *
 * After any call drain chain_poll until it returns false. */
#ifndef CHAIN_CHAIN_H
#define CHAIN_CHAIN_H

#include "base/trace.h"
#include "chain/extrinsic.h"

enum {
    CHAIN_FRAME_MAX = 16 << 20,
    CHAIN_NEURONS_MAX = 4096,
    CHAIN_SUBMITS_MAX = 4,
    CHAIN_TRIES_MAX = 4,
    CHAIN_ENDPOINTS_MAX = 8,
    CHAIN_NAME_MAX = 64,
    CHAIN_COMMITS_MAX = 64, /* the runtime keeps 10 of one hotkey */
    CHAIN_STRAYS_MAX = 256, /* in a row, between what was asked for */
};

struct chain_config {
    bool has_genesis;
    struct hash genesis; /* CH-1 */
    uint16_t netuid;
    bool has_hotkey;
    struct hotkey hotkey;    /* who submits; without one chain_submit is denied */
    uint32_t endpoint_count; /* the dialler knows the addresses; 1 .. */
    /* What the trace calls them; kept.  NULL: "endpoint". */
    const char *endpoint_names[CHAIN_ENDPOINTS_MAX];
    uint32_t call_ms; /* deadline of one call; 30,000 */
    uint32_t head_ms; /* CH-5; 120,000 */
    /* Doubled from one to the other, with jitter, until a connection has lasted longer. */
    uint32_t redial_min_ms, redial_max_ms;
    uint32_t era_period; /* a power of two; 64 */
    uint64_t seed;       /* of the jitter */
};

void chain_config_default(struct chain_config *c);

struct chain_neuron {
    struct hotkey hotkey;
    struct hotkey coldkey;
    struct stake stake; /* what counts for this subnet: total_stake of the runtime */
    uint64_t last_update;
    uint16_t uid;
    bool permit;
    bool active;
};

/* Weights that a hotkey has committed to and not revealed. */
struct chain_commit {
    struct hash hash;
    uint64_t epoch; /* of the chain, in which the commit was taken */
};

/* A subnet at one finalized block. */
struct chain_metagraph {
    uint64_t block;
    struct hash block_hash;
    uint16_t netuid;
    struct hotkey owner; /* the owner's hotkey */
    uint16_t tempo;
    uint64_t epoch_index;
    uint64_t last_epoch_block; /* 0: there was none yet */
    uint64_t next_epoch_block; /* the chain's own word for it where it has one */
    uint64_t weights_version;
    uint64_t weights_rate_limit;
    uint64_t commit_reveal_period; /* in epochs */
    bool commit_reveal;
    uint32_t neuron_count;
    const struct chain_neuron *neurons; /* neurons[i].uid == i */
    /* Of the configured hotkey, where the subnet wants weights committed and
     * revealed; has_own is false elsewhere and while it is not registered. */
    bool has_own;
    uint32_t commit_count;
    const struct chain_commit *commits; /* the oldest first */
    struct span weights_row;            /* as stored; see chain_weights_are */
};

/* chain_weights_are: whether a stored row shows these weights.  The runtime has
 * scaled them so that the greatest is 65535. */
bool chain_weights_are(struct span row, const struct call_weights *w);

/* chain_weights_allowed_at: the first block at which the chain takes weights (or
 * a commit of them) of uid again; block or less: now. */
uint64_t chain_weights_allowed_at(const struct chain_metagraph *m, uint16_t uid);

/* What can be submitted.  Spans and arrays are borrowed by chain_submit. */
enum chain_action_kind {
    CHAIN_SET_WEIGHTS,
    CHAIN_COMMIT_WEIGHTS,
    CHAIN_REVEAL_WEIGHTS,
    CHAIN_SET_COMMITMENT,
    CHAIN_REGISTER,
    CHAIN_SERVE_AXON,
};

struct chain_action {
    enum chain_action_kind kind;
    struct call_weights weights; /* set, reveal; netuid and mechanism for commit too */
    struct hash commit;          /* commit: call_commit_hash */
    const uint16_t *salt;        /* reveal */
    uint32_t salt_count;
    struct span commitment; /* set_commitment: 1 .. CALL_COMMITMENT_MAX bytes */
    struct call_axon axon;
};

enum chain_outcome {
    CHAIN_CONFIRMED,   /* in the state of block (CH-3) */
    CHAIN_FAILED,      /* included in block and failed there; name is the runtime's error */
    CHAIN_REFUSED,     /* the pool did not take it; name says why */
    CHAIN_EXPIRED,     /* every try's era ended without it */
    CHAIN_DIFFERENT,   /* included, but the state says something else by now */
    CHAIN_UNSUPPORTED, /* the runtime has no such call, or cannot be signed for */
    CHAIN_UNSIGNED,    /* the signer refused */
};

/* Why a connection ended or is refused. */
enum chain_why {
    CHAIN_WHY_UNREACHABLE, /* the dial failed, or its certificate */
    CHAIN_WHY_UNRESOLVED,  /* its name has no address */
    CHAIN_WHY_CLOSED,      /* the other end closed */
    CHAIN_WHY_GENESIS,     /* it is another chain than it should be */
    CHAIN_WHY_GARBAGE,     /* what it sends is not what was asked for */
    CHAIN_WHY_STALLED,     /* a call was not answered in call_ms */
    CHAIN_WHY_SILENT,      /* no finalized head in head_ms */
    CHAIN_WHY_RUNTIME,     /* its metadata cannot be used */
    CHAIN_WHY_OVERSIZE,    /* a frame over CHAIN_FRAME_MAX */
    CHAIN_WHY_METAGRAPH,   /* what it says of the subnet cannot be, or is of another block */
    CHAIN_WHY_CONTRADICTS, /* chain_distrust */
    CHAIN_WHY_FLOOD,       /* CHAIN_STRAYS_MAX frames that say nothing new */
};

const char *chain_outcome_name(enum chain_outcome o); /* "confirmed" */
const char *chain_why_name(enum chain_why w);         /* "genesis" */

enum chain_out_kind {
    CHAIN_OUT_DIAL,      /* connect to endpoint */
    CHAIN_OUT_SEND,      /* text, one frame; borrowed until the next call */
    CHAIN_OUT_CLOSE,     /* drop the connection; no event about it is awaited */
    CHAIN_OUT_READY,     /* genesis, spec_version: usable from here on */
    CHAIN_OUT_DOWN,      /* why; a dial follows by itself */
    CHAIN_OUT_HEAD,      /* block, block_hash: finalized */
    CHAIN_OUT_METAGRAPH, /* token; metagraph, or NULL: not readable, ask again later */
    CHAIN_OUT_WEIGHTS,   /* token; row, as stored; empty: this uid has set none */
    CHAIN_OUT_SIGN,      /* token, call, extra, implicit; message is what gets signed */
    CHAIN_OUT_RESULT,    /* token, outcome, name, block, block_hash, extrinsic_hash */
};

/* Spans and pointers are borrowed until the next call of chain. */
struct chain_out {
    enum chain_out_kind kind;
    uint32_t endpoint;
    struct span text;
    enum chain_why why;
    struct hash genesis;
    uint32_t spec_version;
    uint64_t block;
    struct hash block_hash;
    uint64_t token;
    const struct chain_metagraph *metagraph;
    struct span row;
    struct span call, extra, implicit, message;
    enum chain_outcome outcome;
    char name[CHAIN_NAME_MAX]; /* of an error, else "" */
    struct hash extrinsic_hash;
};

struct chain;

size_t chain_arena_size(const struct chain_config *c);
enum err chain_init(struct chain **out, struct arena *arena, const struct chain_config *c,
                    uint64_t now_ms);

/* What the driver reports. */
void chain_on_connected(struct chain *c, uint64_t now_ms);
/* why: what the driver saw; UNREACHABLE, UNRESOLVED, CLOSED, GARBAGE or OVERSIZE. */
void chain_on_disconnected(struct chain *c, enum chain_why why, uint64_t now_ms);
/* frame: CHAIN_FRAME_MAX bytes at most, asserted; the driver ends a connection
 * that brings more. */
void chain_on_text(struct chain *c, struct span frame, uint64_t now_ms);
void chain_on_time(struct chain *c, uint64_t now_ms);
uint64_t chain_wake_at(const struct chain *c);
bool chain_poll(struct chain *c, struct chain_out *out);

/* chain_read_metagraph: at the latest finalized block; answered by one
 * CHAIN_OUT_METAGRAPH.  ERR_CLOSED: not ready; ERR_FULL: a read is under way. */
enum err chain_read_metagraph(struct chain *c, uint64_t token, uint64_t now_ms);

/* chain_read_metagraph_at: the same at a given block, which must be finalized: all
 * validators read the next set at one block.  ERR_NOT_FOUND: not final yet. */
enum err chain_read_metagraph_at(struct chain *c, uint64_t token, uint64_t block, uint64_t now_ms);

/* chain_read_weights: what uid has set, at the block of the metagraph read last;
 * answered by one CHAIN_OUT_WEIGHTS or, when it cannot be read, by a
 * CHAIN_OUT_METAGRAPH without one.  ERR_CLOSED; ERR_FULL; ERR_NOT_FOUND: no
 * metagraph was read over this connection. */
enum err chain_read_weights(struct chain *c, uint64_t token, uint16_t uid, uint64_t now_ms);

/* chain_weights_take: a stored row as pairs (uid, value), at most max of them.
 * False: it is none. */
struct chain_weight {
    uint16_t uid, value;
};
bool chain_weights_take(struct span row, struct chain_weight *out, uint32_t max, uint32_t *count);

/* chain_submit: answered by CHAIN_OUT_SIGN for each try and one CHAIN_OUT_RESULT.
 * It waits while there is no connection.  ERR_FULL: CHAIN_SUBMITS_MAX are under
 * way; ERR_CONFLICT: token is in use; ERR_DENIED: no hotkey; ERR_TOO_BIG. */
enum err chain_submit(struct chain *c, uint64_t token, const struct chain_action *a,
                      uint64_t now_ms);

/* The answer to CHAIN_OUT_SIGN; one that is late or not awaited is ignored. */
void chain_signed(struct chain *c, uint64_t token, const struct signature *s, uint64_t now_ms);
void chain_sign_refused(struct chain *c, uint64_t token, uint64_t now_ms);

/* chain_distrust: the caller knows that this endpoint has lied: another one, or the
 * same one after a while. */
void chain_distrust(struct chain *c, uint64_t now_ms);

bool chain_is_ready(const struct chain *c);

struct chain_counters {
    uint64_t frames_in, frames_out, bytes_in, bytes_out, dials, disconnects, heads;
    uint64_t timeouts, garbage, oversize, genesis_refusals, submits, confirmed, failed, resigned;
};

const struct chain_counters *chain_counters(const struct chain *c);
struct trace *chain_trace(struct chain *c);

#endif
