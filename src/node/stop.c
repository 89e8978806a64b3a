#include "node/internal.h"

/* --- a world in which nothing happens any more */

static bool no_send(void *net, const struct peer_id *to, enum p2p_protocol protocol,
                    struct span frame)
{
    (void)net;
    (void)to;
    (void)protocol;
    (void)frame;
    return false;
}

static void no_verdict(void *net, uint64_t message, enum p2p_verdict verdict)
{
    (void)net;
    (void)message;
    (void)verdict;
}

static void no_end(void *net, const struct peer_id *peer, const char *why)
{
    (void)net;
    (void)peer;
    (void)why;
}

static void no_bytes(void *ctx, struct span bytes)
{
    (void)ctx;
    (void)bytes;
}

static bool no_append(void *ctx, struct span record)
{
    (void)ctx;
    (void)record;
    return false;
}

static void no_flush(void *ctx, uint64_t ticket)
{
    (void)ctx;
    (void)ticket;
}

static bool no_rotate(void *ctx)
{
    (void)ctx;
    return false;
}

static void no_call(void *ctx)
{
    (void)ctx;
}

static void no_evaluation(void *ctx, uint64_t token, struct span job, uint32_t wall_ms)
{
    (void)ctx;
    (void)token;
    (void)job;
    (void)wall_ms;
}

static void no_dial(void *ctx, uint32_t endpoint)
{
    (void)ctx;
    (void)endpoint;
}

/* The rest of this turn, wherever it stands, reaches nobody: what it writes, signs
 * or sends may stand on what was just lost. */
void node_fail(struct node *n, const char *why, enum err e)
{
    if (n->fatal != NULL)
        return;
    n->fatal = why;
    trace_word(trace_add(&n->trace, TRACE_ERROR, "store.failed"), "why", err_name(e));
    if (n->blobs_open)
        db_abort(n->config.db);
    n->blobs_open = false;
    n->follow_up_first = n->follow_up_count = 0;
    n->world = (struct world){.send = no_send,
                              .publish = no_bytes,
                              .validate = no_verdict,
                              .disconnect = no_end,
                              .append = no_append,
                              .flush = no_flush,
                              .rotate = no_rotate,
                              .drop_old = no_call,
                              .sign = no_bytes,
                              .evaluate = no_evaluation,
                              .chain_open = no_dial,
                              .chain_send = no_bytes,
                              .chain_close = no_call};
}

void node_on_disk_failed(struct node *n, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    node_fail(n, "journal_failed", ERR_IO);
}

const char *node_fatal(const struct node *n)
{
    return n->fatal;
}
