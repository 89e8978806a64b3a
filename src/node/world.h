/* world: everything outside a node that it can act on.  The operating system
 * (src/os with src/cmd/platformd.c) is one world, the simulator another.
 *
 * Layer: L5.  A node calls these from inside its own calls, in the one safe
 * order: persist, then send, then answer.  Spans are borrowed until return.
 * Completions come back through node_on_*, never from inside the call. */
#ifndef NODE_WORLD_H
#define NODE_WORLD_H

#include "p2p/p2p.h"

struct world {
    void *ctx;
    void *net; /* of the four calls about peers */

    /* A frame to a connected peer; false when it is not connected or its
     * queue is full (the protocols above repeat what matters). */
    bool (*send)(void *net, const struct peer_id *to, enum p2p_protocol protocol,
                 struct span frame);
    /* An announcement to everybody, and the verdict on one received. */
    void (*publish)(void *net, struct span data);
    void (*validate)(void *net, uint64_t message, enum p2p_verdict verdict);
    void (*disconnect)(void *net, const struct peer_id *peer, const char *why);

    /* The journal.  append buffers a record; flush makes all appended so far
     * durable and is answered by node_on_flushed(ticket).  rotate begins a new
     * file; drop_old forgets all but the newest file.  false, or an answer by
     * node_on_disk_failed: the disk refused, and the node has stopped. */
    bool (*append)(void *ctx, struct span record);
    void (*flush)(void *ctx, uint64_t ticket);
    bool (*rotate)(void *ctx);
    void (*drop_old)(void *ctx);

    /* An encoded signer_request; answered by node_on_signed. */
    void (*sign)(void *ctx, struct span request);

    /* An encoded sandbox_job; answered by node_on_evaluated(token, ...). */
    void (*evaluate)(void *ctx, uint64_t token, struct span job, uint32_t wall_ms);

    /* A text frame to the chain endpoint; frames come by node_on_chain_text. */
    void (*chain_open)(void *ctx, uint32_t endpoint);
    void (*chain_send)(void *ctx, struct span text);
    void (*chain_close)(void *ctx);
};

#endif
