#include "rpc/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { METRICS_MAX = 1024 };

struct page {
    struct room room;
    size_t used;
    const char *family; /* whose HELP and TYPE stand above */
};

[[gnu::format(printf, 2, 3)]] static void line(struct page *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf((char *)p->room.ptr + p->used, p->room.len - p->used, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < p->room.len - p->used)
        p->used += (size_t)n;
}

static void row(struct page *p, const struct rpc_metric *m)
{
    if (p->family == NULL || strcmp(p->family, m->name) != 0) {
        line(p, "# HELP platform_%s %s\n", m->name, m->help);
        line(p, "# TYPE platform_%s %s\n", m->name, m->kind == RPC_COUNTER ? "counter" : "gauge");
        p->family = m->name;
    }
    if (m->labels != NULL)
        line(p, "platform_%s{%s} %" PRIu64 "\n", m->name, m->labels, m->value);
    else
        line(p, "platform_%s %" PRIu64 "\n", m->name, m->value);
}

static void own_rows(struct rpc *r, struct page *p)
{
    const struct rpc_view *v = r->config.view;
    const char *name, *text;
    struct rpc_status s;
    v->status(v->ctx, &s);
    bool ready = !v->unready(v->ctx, 0, &name, &text);
    const struct rpc_metric rows[] = {
        {RPC_GAUGE, "ready", "1 when the node takes part.", NULL, ready},
        {RPC_GAUGE, "height", "The last executed slot.", NULL, s.bft.executed},
        {RPC_GAUGE, "height_stable", "The last certified checkpoint.", NULL, s.bft.stable},
        {RPC_GAUGE, "view", "The view of the consensus.", NULL, s.bft.view},
        {RPC_GAUGE, "epoch", "The epoch.", NULL, s.bft.epoch},
        {RPC_GAUGE, "voting", "1 when this node may sign votes.", NULL, s.bft.voting},
        {RPC_GAUGE, "quorum", "1 when a quorum is heard from.", NULL, s.bft.has_quorum},
        {RPC_GAUGE, "quorum_heard", "Members heard from lately.", NULL, s.bft.quorum_heard},
        {RPC_COUNTER, "views_changed_total", "View changes.", NULL, s.bft.views_changed},
        {RPC_COUNTER, "evidence_total", "Double signatures seen.", NULL, s.bft.evidence},
        {RPC_GAUGE, "peers", "Connected peers.", NULL, s.peers},
        {RPC_GAUGE, "operations_pending", "Operations that wait.", NULL, s.pending_ops},
        {RPC_GAUGE, "log_size", "Entries of the audit log.", NULL, s.log_size},
        {RPC_GAUGE, "chain_block", "The newest finalized block.", NULL, s.chain_block},
        {RPC_GAUGE, "chain_age_milliseconds", "Since that block was seen.", NULL, s.chain_age_ms},
        {RPC_GAUGE, "uptime_milliseconds", "Since the start.", NULL, s.uptime_ms},
        {RPC_COUNTER, "rpc_requests_total", "JSON-RPC requests.", NULL, r->requests},
        {RPC_COUNTER, "rpc_errors_total", "JSON-RPC errors.", NULL, r->errors},
        {RPC_COUNTER, "rpc_refused_hosts_total", "Requests for another host.", NULL,
         r->refused_hosts},
        {RPC_COUNTER, "rpc_refused_requests_total", "HTTP requests answered with a status of 4xx.",
         NULL, r->refused_requests},
        {RPC_COUNTER, "rpc_connections_reaped_total", "Quiet connections ended to make room.", NULL,
         r->reaped},
        {RPC_COUNTER, "rpc_uploads_refused_total", "Pieces of blobs without a place.", NULL,
         r->refused_uploads},
        {RPC_COUNTER, "rpc_events_total", "Events of the stream.", NULL, r->newest_event},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row(p, &rows[i]);
}

struct span rpc_metrics_text(struct rpc *r)
{
    const struct rpc_view *v = r->config.view;
    struct page p = {.room = r->answer};
    struct rpc_status s;
    struct rpc_metric m;
    v->status(v->ctx, &s);
    line(&p, "# HELP platform_build_info The program's version.\n");
    line(&p, "# TYPE platform_build_info gauge\nplatform_build_info{version=\"%s\"} 1\n",
         s.version);
    own_rows(r, &p);
    for (uint32_t i = 0; i < METRICS_MAX && v->metric(v->ctx, i, &m); i++)
        row(&p, &m);
    return span_of(p.room.ptr, p.used);
}
