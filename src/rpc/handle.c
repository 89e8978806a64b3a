#include "rpc/internal.h"

#include "rpc/files.h"

const char *const rpc_headers[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
     "require-trusted-types-for 'script'; trusted-types 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {NULL, NULL},
};

static bool is(struct span s, const char *text)
{
    return span_equal(s, span_of(text, strlen(text)));
}

/* host without its port. */
static struct span host_name(struct span host)
{
    size_t end = host.len;
    while (end > 0 && host.ptr[end - 1] >= '0' && host.ptr[end - 1] <= '9')
        end--;
    if (end > 0 && end < host.len && host.ptr[end - 1] == ':')
        return span_of(host.ptr, end - 1);
    return host;
}

static bool host_allowed(const struct rpc *r, struct span host)
{
    if (host.len == 0 || host.len > RPC_HOST_SIZE_MAX)
        return false;
    struct span name = host_name(host);
    if (is(name, "127.0.0.1") || is(name, "[::1]") || is(name, "localhost"))
        return true;
    for (uint32_t i = 0; i < r->config.host_count; i++)
        if (is(host, r->config.hosts[i]) || is(name, r->config.hosts[i]))
            return true;
    return false;
}

static void say(struct rpc_answer *a, uint32_t status, const char *text)
{
    a->status = status;
    a->type = "text/plain; charset=utf-8";
    a->body = span_of(text, strlen(text));
}

static void refuse_verb(struct rpc_answer *a, const char *allow)
{
    say(a, 405, "not with this verb\n");
    a->allow = allow;
}

/* "application/json", with or without parameters. */
static bool is_json(struct span type)
{
    struct span wanted = SPAN_LITERAL("application/json");
    return type.len >= wanted.len && span_equal(span_of(type.ptr, wanted.len), wanted) &&
           (type.len == wanted.len || type.ptr[wanted.len] == ';' || type.ptr[wanted.len] == ' ');
}

static void answer_rpc(struct rpc *r, const struct rpc_request *q, struct rpc_answer *a)
{
    if (q->verb != RPC_POST) {
        refuse_verb(a, "POST");
        return;
    }
    if (!is_json(q->content_type)) {
        say(a, 415, "Content-Type must be application/json\n");
        return;
    }
    a->body = rpc_call(r, q->body);
    a->status = a->body.len > 0 ? 200 : 204;
    a->type = a->body.len > 0 ? "application/json" : NULL;
}

static void answer_ready(struct rpc *r, struct rpc_answer *a)
{
    struct emit j = emit_init(r->answer);
    emit_object(&j, NULL);
    a->status = rpc_write_health(r, &j) ? 200 : 503;
    emit_end(&j);
    a->type = "application/json";
    a->body = emit_done(&j);
}

static void answer_events(struct rpc *r, const struct rpc_request *q, struct rpc_answer *a)
{
    uint64_t last = 0;
    bool number = q->last_event_id.len > 0 && q->last_event_id.len < 19;
    for (size_t i = 0; number && i < q->last_event_id.len; i++) {
        number = q->last_event_id.ptr[i] >= '0' && q->last_event_id.ptr[i] <= '9';
        last = last * 10 + (q->last_event_id.ptr[i] & 15u);
    }
    a->status = 200;
    a->type = "text/event-stream";
    a->stream = true;
    a->cursor = number ? last : r->newest_event;
}

static void answer_file(const struct rpc_request *q, struct rpc_answer *a)
{
    for (uint32_t i = 0; i < rpc_files_count; i++) {
        const struct rpc_file *f = &rpc_files[i];
        if (!is(q->path, f->path))
            continue;
        a->etag = f->etag;
        a->status = is(q->if_none_match, f->etag) ? 304 : 200;
        a->type = a->status == 200 ? f->type : NULL;
        a->body = a->status == 200 ? f->bytes : (struct span){0};
        return;
    }
    say(a, 404, "no such page\n");
}

static void route(struct rpc *r, const struct rpc_request *q, struct rpc_answer *a)
{
    if (!host_allowed(r, q->host)) {
        r->refused_hosts++;
        say(a, 421, "this node does not answer under that host name\n");
    } else if (q->too_big) {
        say(a, 413, "the body is over its limit\n");
    } else if (is(q->path, "/rpc")) {
        answer_rpc(r, q, a);
    } else if (q->verb != RPC_GET && q->verb != RPC_HEAD) {
        refuse_verb(a, "GET, HEAD");
    } else if (is(q->path, "/live")) {
        say(a, 200, "live\n");
    } else if (is(q->path, "/ready")) {
        answer_ready(r, a);
    } else if (is(q->path, "/metrics")) {
        a->status = 200;
        a->type = "text/plain; version=0.0.4; charset=utf-8";
        a->body = rpc_metrics_text(r);
    } else if (is(q->path, "/events")) {
        answer_events(r, q, a);
    } else {
        answer_file(q, a);
    }
}

void rpc_count_reaped(struct rpc *r)
{
    r->reaped++;
}

void rpc_handle(struct rpc *r, const struct rpc_request *q, struct rpc_answer *a)
{
    *a = (struct rpc_answer){0};
    route(r, q, a);
    if (a->status >= 400 && a->status < 500)
        r->refused_requests++;
}
