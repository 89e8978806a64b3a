/* internal: the inside of rpc, shared by the files of this folder.
 *
 *   call.c     JSON-RPC: a body to requests, arguments by their kinds, errors
 *   node.c     methods on the node itself, its set and its peers
 *   write.c    methods that take operations and blobs
 *   state.c    methods on the agreed state: challenges, submissions, weights
 *   proof.c    methods on slots and the log
 *   archive.c  what the state has forgotten, read from the log
 *   handle.c   HTTP: routes, hosts, files, health
 *   metrics.c  the Prometheus text
 *   events.c   the ring behind the event stream */
#ifndef RPC_INTERNAL_H
#define RPC_INTERNAL_H

#include "rpc/emit.h"
#include "rpc/rpc.h"

enum {
    PARAMS_MAX = 4,
    RPC_SCRATCH_SIZE = 48 << 20, /* and what a bundle of the largest blobs takes */
    BUNDLE_PIECE_MAX = 1 << 20,  /* twice that in hexadecimal */
    UPLOADS_MAX = 4,
    UPLOAD_IDLE_MS = 10000,
};

static_assert(2 * (int)BUNDLE_PIECE_MAX <= (int)RPC_ANSWER_MAX / 2);

enum param_kind { PARAM_NONE, PARAM_HASH, PARAM_HOTKEY, PARAM_NUMBER, PARAM_BYTES };

struct param {
    const char *name;
    enum param_kind kind;
    bool optional;
};

/* One argument, read as its kind. */
struct arg {
    bool given;
    struct hash hash;
    struct hotkey hotkey;
    uint64_t number;
    struct span bytes;
};

/* What a request ends with beside a result: a code, words, the ledger's code. */
struct failure {
    enum rpc_code code; /* RPC_OK: none */
    const char *text;
    const char *reject; /* NULL, or a name of enum reject */
};

struct method {
    const char *name;
    const char *help;
    /* Writes one value under the key "result", or fails. */
    struct failure (*run)(struct rpc *r, const struct arg *args, struct emit *j);
    struct param params[PARAMS_MAX];
};

struct method_table {
    const struct method *methods;
    uint32_t count;
};

extern const struct method_table rpc_node_methods, rpc_write_methods, rpc_state_methods,
    rpc_proof_methods;
/* The index-th of all; NULL past the end. */
const struct method *rpc_method_at(uint32_t index);

/* A blob that arrives in pieces, in order.  Who sends the same blob shares it; one
 * that nobody has added to for UPLOAD_IDLE_MS makes room for another. */
struct upload {
    struct hash name;
    uint64_t size, have; /* size 0: unused */
    uint64_t at_ms;      /* of the latest piece */
    struct room bytes;
};

struct event_slot {
    uint32_t len;
    char text[RPC_EVENT_SIZE_MAX];
};

struct rpc {
    struct rpc_config config;
    struct arena scratch; /* reset for each request */
    struct room answer;
    struct upload uploads[UPLOADS_MAX];
    struct event_slot *events; /* event id is at id % RPC_EVENTS_MAX */
    uint64_t newest_event;     /* 0: none yet */
    uint64_t requests, errors, refused_hosts, refused_requests, refused_uploads, reaped;
};

static inline struct failure failed(enum rpc_code code, const char *text)
{
    return (struct failure){.code = code, .text = text};
}

#define SUCCEEDED ((struct failure){.code = RPC_OK})

struct hash rpc_op_id(struct span op);
uint32_t rpc_bits_set(const uint8_t *bits, size_t size);

/* The state keeps closed submissions for some epochs and the fates of the latest
 * operations; the log keeps all, from the first stable checkpoint after them on.
 * false: it does not tell either.  Both use the scratch arena. */
struct archived {
    struct state_submission submission; /* without who attested what */
    uint32_t agreed, differed;          /* validators, when it has a result */
};
bool archive_submission(struct rpc *r, const struct hash *id, struct archived *out);
bool archive_fate(struct rpc *r, const struct hash *op, enum reject *reject, uint64_t *height);

/* The text is in r->answer. */
struct span rpc_metrics_text(struct rpc *r);
/* Whether the node is ready, and why not, as members of an open object. */
bool rpc_write_health(struct rpc *r, struct emit *j);

#endif
