#include "cmd/daemon.h"

#include <stdio.h>
#include <stdlib.h>

#include "os/files.h"

/* --- what the node asks for */

static bool world_append(void *ctx, struct span record)
{
    struct daemon *d = ctx;
    return journal_file_append(d->journal, record) == ERR_OK;
}

/* Done at the end of the turn, when the signer has its requests already. */
static void world_flush(void *ctx, uint64_t ticket)
{
    ((struct daemon *)ctx)->flush_ticket = ticket;
}

static bool world_rotate(void *ctx)
{
    return journal_file_rotate(((struct daemon *)ctx)->journal) == ERR_OK;
}

static void world_drop_old(void *ctx)
{
    journal_file_drop_old(((struct daemon *)ctx)->journal);
}

static void world_sign(void *ctx, struct span request)
{
    struct daemon *d = ctx;
    if (d->signer != NULL)
        child_send(d->signer, request);
}

static void world_evaluate(void *ctx, uint64_t token, struct span job, uint32_t wall_ms)
{
    struct daemon *d = ctx;
    if (d->pool != NULL && pool_submit(d->pool, token, job, wall_ms) == ERR_OK)
        return;
    /* Answered in the next turn: never from inside the node's own call. */
    if (d->refused_count < COUNT_OF(d->refused))
        d->refused[d->refused_count++] = token;
}

static void world_chain_open(void *ctx, uint32_t endpoint)
{
    struct daemon *d = ctx;
    assert(endpoint < d->chain_count);
    daemon_chain_dial(d, endpoint);
}

static void world_chain_send(void *ctx, struct span text)
{
    struct daemon *d = ctx;
    if (d->chain != NULL)
        ws_send(d->chain, text);
}

static void world_chain_close(void *ctx)
{
    struct daemon *d = ctx;
    if (d->chain != NULL)
        ws_hang_up(d->chain);
}

void daemon_world(struct daemon *d, struct world *w)
{
    *w = (struct world){.ctx = d,
                        .append = world_append,
                        .flush = world_flush,
                        .rotate = world_rotate,
                        .drop_old = world_drop_old,
                        .sign = world_sign,
                        .evaluate = world_evaluate,
                        .chain_open = world_chain_open,
                        .chain_send = world_chain_send,
                        .chain_close = world_chain_close};
    host_world(d->host, w);
}

/* --- the log */

static void daemon_log(struct daemon *d, struct trace *t)
{
    uint64_t unix_ms = os_unix_ns() / 1000000;
    char line[LOGLINE_SIZE + 1];
    for (uint32_t i = 0; i < t->count; i++) {
        if (d->rpc != NULL && t->events[i].level >= TRACE_INFO)
            rpc_event(d->rpc, &t->events[i], unix_ms);
        if (t->events[i].level < d->log_level)
            continue;
        size_t len = logline_write(&t->events[i], unix_ms, d->log_format, line);
        line[len] = '\n';
        fwrite(line, 1, len + 1, stderr);
    }
    t->count = 0;
}

/* --- what the operating system reports */

static void on_accepted(void *ctx, uint32_t conn, const struct p2p_endpoint *from)
{
    host_on_accepted(((struct daemon *)ctx)->host, conn, from, os_now_ms());
}

static void on_dialed(void *ctx, uint32_t conn, bool ok)
{
    host_on_dialed(((struct daemon *)ctx)->host, conn, ok, os_now_ms());
}

static void on_data(void *ctx, uint32_t conn, struct span bytes)
{
    host_on_data(((struct daemon *)ctx)->host, conn, bytes, os_now_ms());
}

static void on_written(void *ctx, uint32_t conn, size_t bytes)
{
    host_on_written(((struct daemon *)ctx)->host, conn, bytes, os_now_ms());
}

static void on_closed(void *ctx, uint32_t conn)
{
    host_on_closed(((struct daemon *)ctx)->host, conn, os_now_ms());
}

static void on_refused(void *ctx)
{
    host_on_refused(((struct daemon *)ctx)->host);
}

struct net_callbacks daemon_net_callbacks(struct daemon *d)
{
    return (struct net_callbacks){d,          on_accepted, on_dialed, on_data,
                                  on_written, on_closed,   on_refused};
}

void daemon_on_signer_up(void *ctx)
{
    struct daemon *d = ctx;
    if (d->node != NULL)
        node_on_signer_up(d->node, os_now_ms());
}

void daemon_on_signer_frame(void *ctx, struct span frame)
{
    struct daemon *d = ctx;
    node_on_signed(d->node, frame, os_now_ms());
}

void daemon_on_signer_down(void *ctx, int64_t status, int signal)
{
    struct daemon *d = ctx;
    /* It has said why it refuses what it was told: starting it again is no use. */
    bool refused = signal == 0 && (status == EXIT_USAGE || status == EXIT_REFUSED);
    if (refused) {
        daemon_say(d, (int)status, "platform-signer refuses to start", d->children.signer,
                   "its own reason stands before this one", NULL);
        daemon_stop(d, (int)status);
        return;
    }
    struct trace local = {0}; /* The node may not be there yet. */
    struct trace *t = d->node != NULL ? node_trace(d->node) : &local;
    struct trace_event *e = trace_add(t, TRACE_ERROR, "signer.ended");
    trace_u64(e, "status", (uint64_t)status);
    trace_u64(e, "signal", (uint64_t)signal);
    if (d->node == NULL)
        daemon_log(d, t);
}

void daemon_on_answer(void *ctx, uint64_t token, struct span answer, enum pool_end end)
{
    struct daemon *d = ctx;
    if (end != POOL_ANSWERED) {
        struct trace_event *e = trace_add(node_trace(d->node), TRACE_WARN, "worker.ended");
        trace_word(e, "why", pool_end_name(end));
    }
    if (!d->stopping)
        node_on_evaluated(d->node, token, answer, os_now_ms());
}

/* --- the turn */

static void report_refused(struct daemon *d)
{
    while (d->refused_count > 0)
        node_on_evaluated(d->node, d->refused[--d->refused_count], (struct span){0}, os_now_ms());
}

/* Turns until nothing more is ready: a flush that came back lets signatures
 * out, which lead to the next records. */
static void run_node(struct daemon *d)
{
    do {
        node_turn(d->node, os_now_ms());
        if (d->flush_ticket != 0) {
            uint64_t ticket = d->flush_ticket;
            d->flush_ticket = 0;
            if (journal_file_flush(d->journal) == ERR_OK)
                node_on_flushed(d->node, ticket, os_now_ms());
            else
                node_on_disk_failed(d->node, os_now_ms());
            node_turn(d->node, os_now_ms());
        }
        report_refused(d);
    } while (d->flush_ticket != 0);
    if (node_fatal(d->node) != NULL && !d->stopping) {
        daemon_say(d, EXIT_FAILED, "a write failed; the node stops so that nothing is lost",
                   d->data_dir, node_fatal(d->node),
                   "see that the disk has room and works, then start again");
        daemon_stop(d, EXIT_FAILED);
    }
}

/* The keys that sign most are made ready once an epoch. */
static void prepare_keys(struct daemon *d)
{
    const struct valset *set = ledger_valset(node_ledger(d->node));
    if (d->prepared_epoch == set->epoch + 1)
        return;
    struct hotkey keys[VALIDATORS_MAX];
    for (uint32_t i = 0; i < set->members_count; i++)
        keys[i] = set->members[i].hotkey;
    enum err e = verifier_sr25519_replace(d->sr25519, keys, set->members_count);
    assert(e == ERR_OK); /* It was opened for as many. */
    d->prepared_epoch = set->epoch + 1;
}

static void on_timer(uv_timer_t *timer)
{
    daemon_turn(timer->data);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* While there is one, the loop does not wait. */
}

/* What is due already comes after a look at the sockets: a timer of 0 would run in
 * the same round again, and on a machine that is so busy that each turn ends late
 * no socket would ever be read. */
static void wake_at(struct daemon *d, uint64_t at_ms)
{
    uint64_t now = os_now_ms();
    if (d->stopping)
        return;
    if (at_ms <= now) {
        uv_timer_stop(&d->timer);
        uv_idle_start(&d->idle, on_idle);
        return;
    }
    uv_idle_stop(&d->idle);
    uv_timer_start(&d->timer, on_timer, min_u64(at_ms - now, 1000), 0);
}

void daemon_turn(struct daemon *d)
{
    if (d->stopping || d->turning || d->node == NULL)
        return;
    d->turning = true;
    uint64_t now = os_now_ms();
    if (now >= host_wake_at(d->host))
        host_on_time(d->host, now);
    if (d->chain_refused) {
        d->chain_refused = false;
        node_on_chain_down(d->node, CHAIN_WHY_UNREACHABLE, now);
    }
    run_node(d);
    prepare_keys(d);
    daemon_log(d, p2p_trace(host_p2p(d->host)));
    daemon_log(d, node_trace(d->node));
    if (d->http != NULL)
        http_notify(d->http);
    wake_at(d, min_u64(node_wake_at(d->node), host_wake_at(d->host)));
    d->turning = false;
}
