/* view: what rpc reads and asks of a node; the node fills it in.
 *
 * Layer: L3, a part of rpc.  Every call gets ctx; answers borrow the node's
 * state or the scratch arena and are used before the next call into the node.
 * A function that has nothing to tell returns false or ERR_NOT_FOUND. */
#ifndef RPC_VIEW_H
#define RPC_VIEW_H

#include "base/arena.h"
#include "bft/bft.h"
#include "p2p/p2p.h"
#include "audit_msg.h"
#include "ledger_msg.h"
#include "state_msg.h"

struct rpc_status {
    const char *version;
    struct hash network;
    struct hotkey self; /* all zero: an observer */
    struct peer_id peer;
    struct bft_view_info bft;
    uint64_t uptime_ms;
    uint32_t peers, pending_ops;
    uint64_t log_size; /* of the last executed slot */
    struct hash log_root;
    uint16_t netuid;
    uint64_t chain_block; /* the newest finalized one seen */
    struct hash chain_hash;
    uint64_t chain_age_ms; /* since it was seen */
};

/* A member of the current set, beside its place in the set. */
struct rpc_member {
    bool connected;
    struct peer_id peer; /* when connected */
    uint64_t heard_ms;   /* ago; UINT64_MAX: never */
};

struct rpc_peer {
    struct p2p_peer_info info;
    bool bound; /* it proved a hotkey */
    struct hotkey hotkey;
};

/* How this node itself fared with a submission. */
struct rpc_evaluation {
    const char *phase; /* "waiting", "running", "done", "fetching" */
    uint32_t failures; /* INFRA: tried again */
    uint64_t gas, memory;
    uint32_t host_calls, host_bytes;
};

/* What became of this validator's weights on the chain. */
struct rpc_submitted {
    const char *outcome; /* "waiting", "committing", "committed", "revealing", "confirmed" */
    uint64_t block;      /* confirmed: read back there */
    bool commit_reveal;  /* the subnet wants them committed and revealed */
    uint64_t chain_epoch;
    uint64_t allowed_at; /* waiting: the block from which the chain takes some */
};

/* Weights that it committed to and has not revealed. */
struct rpc_commit {
    uint64_t epoch; /* of the network, that decided them */
    const char *phase;
    struct hash hash;
    bool is_taken;                       /* read back on the chain, in: */
    uint64_t commit_epoch, reveal_epoch; /* of the chain */
};

enum rpc_metric_kind { RPC_COUNTER, RPC_GAUGE };

struct rpc_metric {
    enum rpc_metric_kind kind;
    const char *name;   /* without the prefix "platform_"; a counter ends in _total */
    const char *help;   /* one sentence */
    const char *labels; /* "kind=\"in\"", or NULL; rows of one name stand together;
                         * borrowed until the next row is asked for */
    uint64_t value;
};

struct rpc_view {
    void *ctx;

    void (*status)(void *ctx, struct rpc_status *out);
    /* The index-th reason why the node is not ready: a stable name, a sentence. */
    bool (*unready)(void *ctx, uint32_t index, const char **name, const char **text);
    struct span (*genesis)(void *ctx); /* encoded */
    const struct valset *(*valset)(void *ctx);
    bool (*member)(void *ctx, uint32_t index, struct rpc_member *out);
    bool (*peer)(void *ctx, uint32_t index, struct rpc_peer *out);
    bool (*metric)(void *ctx, uint32_t index, struct rpc_metric *out);

    /* The agreed state, as in ledger.h; walks are by index from 0. */
    bool (*challenge_at)(void *ctx, uint32_t index, struct hash *id);
    bool (*challenge)(void *ctx, const struct hash *id, struct arena *scratch,
                      struct state_challenge *out);
    bool (*leader_at)(void *ctx, const struct hash *challenge, uint32_t index,
                      struct state_leader *out);
    bool (*submission_at)(void *ctx, uint32_t index, struct hash *id);
    bool (*submission)(void *ctx, const struct hash *id, struct arena *scratch,
                       struct state_submission *out);
    bool (*evaluation)(void *ctx, const struct hash *submission, struct rpc_evaluation *out);
    bool (*neuron)(void *ctx, const struct hotkey *key, uint16_t *uid);
    uint64_t (*next_nonce)(void *ctx, const struct hotkey *signer);
    bool (*weights)(void *ctx, uint64_t epoch, struct arena *scratch, struct weights *out);
    bool (*submitted)(void *ctx, uint64_t epoch, struct rpc_submitted *out);
    bool (*commit_at)(void *ctx, uint32_t index, struct rpc_commit *out);

    /* Operations and slots. */
    bool (*fate)(void *ctx, const struct hash *op, enum reject *reject, uint64_t *seq);
    bool (*pending)(void *ctx, const struct hash *op);
    bool (*decided)(void *ctx, uint64_t seq, struct arena *scratch, struct bft_decided *out);
    /* Checks, keeps and announces.  ERR_DENIED with *why; ERR_FULL. */
    enum err (*submit)(void *ctx, struct span op, enum reject *why);

    /* Blobs, by name. */
    enum err (*blob_put)(void *ctx, struct span bytes, struct hash *name);
    enum err (*blob_get)(void *ctx, const struct hash *name, struct span *bytes);

    /* The log: its nodes (as in audit.h), its entries, and the newest certified
     * checkpoint.  final_at: where the final entry of a submission is; op_at: that
     * of an operation, the one that took effect if any did. */
    bool (*log_node)(void *ctx, uint32_t level, uint64_t index, struct hash *out);
    bool (*log_entry)(void *ctx, uint64_t index, struct arena *scratch, struct span *entry);
    bool (*final_at)(void *ctx, const struct hash *submission, uint64_t *index);
    bool (*op_at)(void *ctx, const struct hash *op, uint64_t *index);
    bool (*checkpoint)(void *ctx, struct arena *scratch, struct bft_checkpoint *out);
    /* The file that proves a final score, under the checkpoint at *height (0: the
     * newest, which is told): the same bytes each time.  ERR_TIMEOUT: not certified
     * yet; ERR_NO_MEMORY: larger than the scratch. */
    enum err (*bundle)(void *ctx, const struct hash *submission, uint64_t *height,
                       struct arena *scratch, struct span *out);
};

#endif
