#include "os/http.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stddef.h>
#include <strings.h>
#include <sys/socket.h>

enum {
    CONNECTION_MEMORY = 16 << 10, /* headers, and one block on the way out */
    IDLE_S = 15,
    REAP_IDLE_MS = 250, /* one that has been quiet for less is left alone */
    STREAM_IDLE_S = 60,
    PING_MS = 15000,
    STREAM_BLOCK = 8 << 10,
};

static_assert((int)RPC_EVENT_SIZE_MAX <= (int)STREAM_BLOCK);

/* One request in progress. */
struct exchange {
    bool used, started, too_big;
    bool streaming, suspended;
    struct http *http;
    struct MHD_Connection *connection;
    uint64_t cursor, pinged_ms;
    size_t size;
    uint8_t body[RPC_BODY_MAX];
};

/* A socket that was accepted.  When all are taken the quietest one ends, so that
 * connections which say nothing, or little by little, lock nobody out. */
struct guest {
    int fd; /* -1: unused */
    bool streaming, ending;
    uint64_t active_ms; /* when it was accepted, or gave a whole request */
};

struct http {
    struct http_config config;
    struct MHD_Daemon *daemon;
    uv_loop_t *loop;
    uv_poll_t poll;
    uv_timer_t timer;
    bool running, closing;
    uint32_t streams, guest_count;
    struct guest *guests;       /* config.connections of them */
    struct exchange *exchanges; /* config.connections of them */
};

size_t http_arena_size(const struct http_config *c)
{
    return sizeof(struct http) + c->connections * (sizeof(struct exchange) + sizeof(struct guest)) +
           4 * ARENA_ALIGN;
}

static struct exchange *exchange_open(struct http *h, struct MHD_Connection *connection)
{
    for (uint32_t i = 0; i < h->config.connections; i++) {
        struct exchange *x = &h->exchanges[i];
        if (x->used)
            continue;
        /* Not the body, which is large: size says how much of it is written. */
        memset(x, 0, offsetof(struct exchange, body));
        x->used = true;
        x->http = h;
        x->connection = connection;
        return x;
    }
    return NULL;
}

static int fd_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static struct guest *find_guest(struct http *h, int fd)
{
    for (uint32_t i = 0; i < h->config.connections; i++)
        if (h->guests[i].fd == fd)
            return &h->guests[i];
    return NULL;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *h = cls;
    bool starts = code == MHD_CONNECTION_NOTIFY_STARTED;
    struct guest *g = find_guest(h, starts ? -1 : fd_of(connection));
    (void)state;
    if (g == NULL)
        return;
    *g = (struct guest){.fd = starts ? fd_of(connection) : -1, .active_ms = uv_now(h->loop)};
    h->guest_count = starts ? h->guest_count + 1 : h->guest_count - 1;
}

/* libmicrohttpd accepts nobody while all places are taken. */
static void make_room(struct http *h)
{
    struct guest *quietest = NULL;
    if (h->guest_count < h->config.connections)
        return;
    for (uint32_t i = 0; i < h->config.connections; i++) {
        struct guest *g = &h->guests[i];
        if (g->ending)
            return; /* There is room in a moment. */
        if (!g->streaming && (quietest == NULL || g->active_ms < quietest->active_ms))
            quietest = g;
    }
    if (quietest == NULL || uv_now(h->loop) < time_add(quietest->active_ms, REAP_IDLE_MS))
        return;
    quietest->ending = true;
    rpc_count_reaped(h->config.rpc);
    shutdown(quietest->fd, SHUT_RDWR);
}

static struct span header(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return value == NULL ? (struct span){0} : span_of(value, strlen(value));
}

static enum MHD_Result take_host(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct span *host = cls;
    (void)kind;
    if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0)
        *host = host->ptr == NULL ? span_of(value, strlen(value)) : span_of("", 0);
    return MHD_YES;
}

/* With two of them nobody can say which one a proxy looked at: that is none. */
static struct span host_of(struct MHD_Connection *connection)
{
    struct span host = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, take_host, &host);
    return host;
}

static enum MHD_Result queue(struct MHD_Connection *connection, uint32_t status,
                             struct MHD_Response *response, const struct rpc_answer *a)
{
    if (response == NULL)
        return MHD_NO;
    for (size_t i = 0; rpc_headers[i][0] != NULL; i++)
        MHD_add_response_header(response, rpc_headers[i][0], rpc_headers[i][1]);
    MHD_add_response_header(response, "Cache-Control", a->etag != NULL ? "no-cache" : "no-store");
    if (a->etag != NULL)
        MHD_add_response_header(response, "ETag", a->etag);
    if (a->type != NULL)
        MHD_add_response_header(response, "Content-Type", a->type);
    if (a->allow != NULL)
        MHD_add_response_header(response, "Allow", a->allow);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* MHD asks for the next bytes of a stream: all events that are there and fit, since
 * each answer is a packet and a turn.  With none, the connection sleeps. */
static ssize_t stream_read(void *cls, uint64_t at, char *buffer, size_t max)
{
    struct exchange *x = cls;
    struct http *h = x->http;
    struct span text, ping = SPAN_LITERAL(": ping\n\n");
    size_t used = 0;
    assert(max >= RPC_EVENT_SIZE_MAX);
    if (h->closing)
        return MHD_CONTENT_READER_END_OF_STREAM;
    while (max - used >= RPC_EVENT_SIZE_MAX && rpc_next_event(h->config.rpc, &x->cursor, &text)) {
        memcpy(buffer + used, text.ptr, text.len);
        used += text.len;
    }
    uint64_t now = uv_now(h->loop);
    if (used == 0 && now - x->pinged_ms < PING_MS && at > 0) {
        MHD_suspend_connection(x->connection);
        x->suspended = true;
        return 0;
    }
    x->pinged_ms = now;
    if (used == 0) {
        memcpy(buffer, ping.ptr, ping.len);
        used = ping.len;
    }
    return (ssize_t)used;
}

static enum MHD_Result start_stream(struct http *h, struct exchange *x, const struct rpc_answer *a)
{
    const struct rpc_answer full = {.status = 503, .type = "text/plain; charset=utf-8"};
    static const char busy[] = "too many event streams\n";
    if (h->streams == h->config.streams)
        return queue(x->connection, full.status,
                     MHD_create_response_from_buffer(sizeof busy - 1, (void *)(uintptr_t)busy,
                                                     MHD_RESPMEM_PERSISTENT),
                     &full);
    struct guest *g = find_guest(h, fd_of(x->connection));
    h->streams++;
    x->streaming = true;
    if (g != NULL)
        g->streaming = true;
    x->cursor = a->cursor;
    x->pinged_ms = uv_now(h->loop);
    MHD_set_connection_option(x->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)STREAM_IDLE_S);
    return queue(
        x->connection, a->status,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, x, NULL), a);
}

static enum rpc_verb verb_of(const char *method)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) == 0)
        return RPC_GET;
    if (strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
        return RPC_HEAD;
    return strcmp(method, MHD_HTTP_METHOD_POST) == 0 ? RPC_POST : RPC_OTHER_VERB;
}

static enum MHD_Result answer(struct http *h, struct exchange *x, const char *url,
                              const char *method)
{
    struct rpc_answer a;
    struct rpc_request q = {
        .verb = verb_of(method),
        .path = span_of(url, strlen(url)),
        .host = host_of(x->connection),
        .content_type = header(x->connection, MHD_HTTP_HEADER_CONTENT_TYPE),
        .last_event_id = header(x->connection, "Last-Event-ID"),
        .if_none_match = header(x->connection, MHD_HTTP_HEADER_IF_NONE_MATCH),
        .body = span_of(x->body, x->too_big ? 0 : x->size),
        .too_big = x->too_big,
    };
    struct guest *g = find_guest(h, fd_of(x->connection));
    if (g != NULL)
        g->active_ms = uv_now(h->loop);
    rpc_handle(h->config.rpc, &q, &a);
    if (a.stream && q.verb == RPC_GET)
        return start_stream(h, x, &a);
    return queue(x->connection, a.status,
                 MHD_create_response_from_buffer(a.body.len, (void *)(uintptr_t)a.body.ptr,
                                                 MHD_RESPMEM_MUST_COPY),
                 &a);
}

/* Whether the client announces more than we take: then it need not send it. */
static bool announces_too_much(struct MHD_Connection *connection)
{
    struct span text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t size = 0;
    for (size_t i = 0; i < text.len && size <= RPC_BODY_MAX; i++)
        size = size * 10 + (text.ptr[i] & 15u);
    return size > RPC_BODY_MAX;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct http *h = cls;
    struct exchange *x = *state;
    (void)version;
    if (x == NULL) {
        x = exchange_open(h, connection);
        *state = x;
        if (x == NULL)
            return MHD_NO;
        x->too_big = announces_too_much(connection);
        return x->too_big ? answer(h, x, url, method) : MHD_YES;
    }
    if (*size > 0) {
        if (*size > sizeof x->body - x->size)
            x->too_big = true;
        else
            memcpy(x->body + x->size, data, *size);
        x->size += x->too_big ? 0 : *size;
        *size = 0;
        return MHD_YES;
    }
    return answer(h, x, url, method);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct http *h = cls;
    struct exchange *x = *state;
    (void)connection;
    (void)why;
    if (x == NULL)
        return;
    if (x->streaming)
        h->streams--;
    x->used = false;
    *state = NULL;
}

static void on_timer(uv_timer_t *timer);

/* Lets libmicrohttpd work and asks when it wants to work again. */
static void run(struct http *h, bool by_timer)
{
    MHD_UNSIGNED_LONG_LONG wait;
    bool was_full = h->guest_count == h->config.connections;
    h->running = true;
    MHD_run(h->daemon);
    h->running = false;
    if (h->closing)
        return;
    if (MHD_get_timeout(h->daemon, &wait) != MHD_YES || wait > PING_MS)
        wait = PING_MS;
    make_room(h);
    /* It listens again only when it is run with a place free. */
    if (h->guest_count == h->config.connections)
        wait = min_u64(wait, REAP_IDLE_MS);
    else if (was_full)
        wait = 0;
    /* A timer of 0 that a timer starts runs before the loop looks at any socket, and again. */
    uv_timer_start(&h->timer, on_timer, by_timer ? max_u64(wait, 1) : wait, 0);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data, false);
}

static void wake_streams(struct http *h)
{
    for (uint32_t i = 0; i < h->config.connections && h->streams > 0; i++) {
        struct exchange *x = &h->exchanges[i];
        if (!x->used || !x->suspended)
            continue;
        x->suspended = false;
        MHD_resume_connection(x->connection);
    }
}

static void notify(struct http *h, bool by_timer)
{
    if (h->running || h->closing)
        return;
    wake_streams(h);
    run(h, by_timer);
}

static void on_timer(uv_timer_t *timer)
{
    notify(timer->data, true);
}

void http_notify(struct http *h)
{
    notify(h, false);
}

static bool address_of(const struct http_config *c, struct sockaddr_storage *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, c->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(c->port);
        return true;
    }
    if (inet_pton(AF_INET6, c->address, &v6->sin6_addr) != 1)
        return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(c->port);
    return true;
}

static struct MHD_Daemon *start(struct http *h, const struct sockaddr_storage *at)
{
    unsigned flags =
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (at->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u);
    return MHD_start_daemon(flags, h->config.port, NULL, NULL, on_request, h, MHD_OPTION_SOCK_ADDR,
                            (const struct sockaddr *)at, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)h->config.connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
}

enum err http_open(struct http **out, struct arena *arena, uv_loop_t *loop,
                   const struct http_config *c)
{
    struct sockaddr_storage at;
    assert(c->connections > 0 && c->streams <= c->connections);
    struct http *h = arena_alloc(arena, sizeof *h);
    if (h == NULL)
        return ERR_NO_MEMORY;
    h->config = *c;
    h->loop = loop;
    h->exchanges = arena_array(arena, c->connections, sizeof *h->exchanges);
    h->guests = arena_array(arena, c->connections, sizeof *h->guests);
    if (h->exchanges == NULL || h->guests == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < c->connections; i++)
        h->guests[i].fd = -1;
    if (!address_of(c, &at))
        return ERR_MALFORMED;
    h->daemon = start(h, &at);
    if (h->daemon == NULL)
        return ERR_IO;
    int fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (uv_poll_init(loop, &h->poll, fd) != 0) {
        MHD_stop_daemon(h->daemon);
        return ERR_IO;
    }
    uv_timer_init(loop, &h->timer);
    h->poll.data = h->timer.data = h;
    uv_poll_start(&h->poll, UV_READABLE, on_ready);
    run(h, false);
    *out = h;
    return ERR_OK;
}

uint16_t http_port(const struct http *h)
{
    return MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

/* A suspended connection must be resumed before the daemon may stop. */
void http_close(struct http *h)
{
    if (h == NULL || h->closing)
        return;
    h->closing = true;
    uv_poll_stop(&h->poll);
    uv_timer_stop(&h->timer);
    wake_streams(h);
    run(h, false);
    uv_close((uv_handle_t *)&h->poll, NULL);
    uv_close((uv_handle_t *)&h->timer, NULL);
    MHD_stop_daemon(h->daemon);
}
