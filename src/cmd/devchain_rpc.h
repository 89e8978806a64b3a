/* devchain_rpc: JSON-RPC 2.0 as a Substrate node speaks it, for any number of
 * sessions, without a socket.
 *
 * Layer: L6, inside devchain.  What it wants to say goes through send, once per
 * frame, in order; the text is borrowed.
 *
 *   RPC-1  A subscription's first notification comes behind the reply that names
 *          it, and none comes after devrpc_on_close of its session. */
#ifndef CMD_DEVCHAIN_RPC_H
#define CMD_DEVCHAIN_RPC_H

#include <jansson.h>

#include "cmd/devchain_state.h"

enum {
    DEVRPC_SUBSCRIPTIONS_MAX = 256,
    DEVRPC_KEYS_MAX = 64,   /* of one storage subscription or query */
    DEVRPC_PAGE_MAX = 1000, /* of state_getKeysPaged */
    DEVRPC_BATCH_MAX = 64,
    DEVRPC_REQUEST_MAX = 512 << 10,
    DEVRPC_REPLY_MAX = 8 << 20,
};

enum subscription_kind {
    SUB_NONE,
    SUB_NEW_HEADS,
    SUB_FINALIZED_HEADS,
    SUB_VERSION,
    SUB_STORAGE,
    SUB_EXTRINSIC,
};

struct subscription {
    enum subscription_kind kind;
    uint64_t session;
    uint64_t id;
    bool fresh;            /* its first notification is still to come */
    struct hash extrinsic; /* SUB_EXTRINSIC */
    uint64_t included;     /* the block, or 0 */
    uint32_t key_count;    /* SUB_STORAGE */
    struct storage_key keys[DEVRPC_KEYS_MAX];
};

struct devrpc {
    struct devchain *chain;
    void (*send)(void *ctx, uint64_t session, struct span text);
    void *ctx;
    uint64_t now_ms; /* of the latest call: for dev_newBlock */
    uint64_t last_id;
    uint64_t finalized; /* announced so far */
    struct room reply;
    struct subscription *subscriptions;
};

enum err devrpc_init(struct devrpc *r, struct devchain *chain, struct arena *arena,
                     void (*send)(void *ctx, uint64_t session, struct span text), void *ctx);
void devrpc_on_text(struct devrpc *r, uint64_t session, struct span text, uint64_t now_ms);
void devrpc_on_close(struct devrpc *r, uint64_t session);

/* devrpc_seal makes a block and tells those who want to know. */
enum err devrpc_seal(struct devrpc *r, uint64_t now_ms);

/* ---- Inside: one call and what its handler says ---- */

struct rpc_call {
    struct devrpc *rpc;
    struct devchain *chain;
    uint64_t session;
    const json_t *params;
    int code; /* of an error */
    const char *message;
    const char *data;
};

/* A handler gives the result, or NULL after rpc_fail. */
typedef json_t *rpc_handler(struct rpc_call *c);

json_t *rpc_fail(struct rpc_call *c, int code, const char *message, const char *data);
rpc_handler *rpc_find(const char *method);

json_t *rpc_hex(struct devchain *d, struct span bytes);
json_t *rpc_header(struct devchain *d, uint64_t block);
json_t *rpc_storage_changes(struct devchain *d, const struct subscription *s, bool all);
json_t *rpc_version(void);
json_t *rpc_block_hash(struct devchain *d, uint64_t block);

/* rpc_block: the block that the index-th parameter names; without one the head. */
bool rpc_block(struct rpc_call *c, size_t index, uint64_t *block);
bool rpc_bytes(struct rpc_call *c, const json_t *text, size_t max, struct span *out);

/* A new subscription of the session; NULL after rpc_fail: there are too many. */
struct subscription *rpc_subscribe(struct rpc_call *c, enum subscription_kind kind);
json_t *rpc_subscription_id(const struct subscription *s);

#endif
