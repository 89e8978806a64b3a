#include "os/ws.h"

#include <libwebsockets.h>
#include <stdio.h>

#include "base/arena.h"

#define CERTIFICATES "/etc/ssl/certs/ca-certificates.crt"

enum { FRAME_OVERHEAD = sizeof(uint32_t) + LWS_PRE, REAP_TURNS = 4 };

struct ws {
    struct arena memory; /* this, and behind it rx and tx */
    struct ws_callbacks callbacks;
    uv_loop_t *loop;
    struct lws_context *context;
    uv_timer_t reaper; /* the context cannot be destroyed from its own callbacks */
    bool closing;
    uint32_t reaped; /* turns of the loop since the context began to close */
    /* The connection, if any. */
    uintptr_t serial; /* of the latest dial: events of older ones are not ours */
    struct lws *wsi;
    uv_getaddrinfo_t resolve;
    bool resolving, resolve_again; /* again: for a dial after the one under way */
    bool dialing, up;
    bool tls;
    uint16_t port;
    char host[256], path[WS_URL_MAX];
    struct room rx, tx;
    size_t rx_used;
    size_t tx_read, tx_write; /* frames: u32 length, LWS_PRE spare bytes, text */
};

/* ---- The URL ---- */

static bool take_port(struct span text, uint16_t *port)
{
    uint32_t x = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i == 5)
            return false;
        x = x * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    if (x == 0 || x > UINT16_MAX)
        return false;
    *port = (uint16_t)x;
    return true;
}

static bool parse_url(struct ws *w, const char *url)
{
    w->tls = strncmp(url, "wss://", 6) == 0;
    if (!w->tls && strncmp(url, "ws://", 5) != 0)
        return false;
    const char *at = url + (w->tls ? 6 : 5);
    const char *path = at + strcspn(at, "/?#");
    const char *host_end = path, *colon = NULL;
    if (*at == '[') {
        at++;
        host_end = at + strcspn(at, "]");
        if (host_end >= path)
            return false;
        colon = host_end[1] == ':' ? host_end + 1 : NULL;
        if (colon == NULL && host_end + 1 != path)
            return false;
    } else {
        colon = memchr(at, ':', (size_t)(path - at));
        host_end = colon != NULL ? colon : path;
    }
    size_t host_len = (size_t)(host_end - at);
    w->port = w->tls ? 443 : 80;
    if (colon != NULL && !take_port(span_of(colon + 1, (size_t)(path - colon - 1)), &w->port))
        return false;
    if (host_len == 0 || host_len >= sizeof w->host || strlen(url) >= WS_URL_MAX)
        return false;
    memcpy(w->host, at, host_len);
    snprintf(w->path, sizeof w->path, "%s%s", *path == '/' ? "" : "/", path);
    return true;
}

/* ---- The end of a connection ---- */

/* What comes of it from now on is not ours any more. */
static struct lws *detach(struct ws *w)
{
    struct lws *old = w->wsi;
    w->serial++;
    w->wsi = NULL;
    w->dialing = w->up = false;
    w->rx_used = w->tx_read = w->tx_write = 0;
    return old;
}

static void go_down(struct ws *w, enum chain_why why)
{
    detach(w);
    w->callbacks.on_down(w->callbacks.ctx, why);
}

void ws_hang_up(struct ws *w)
{
    struct lws *old = detach(w);
    if (old != NULL)
        lws_set_timeout(old, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

/* ---- The connection ---- */

static int on_receive(struct ws *w, struct lws *wsi, struct span bytes)
{
    if (lws_frame_is_binary(wsi)) {
        go_down(w, CHAIN_WHY_GARBAGE);
        return -1;
    }
    if (bytes.len > w->rx.len - w->rx_used) {
        go_down(w, CHAIN_WHY_OVERSIZE);
        return -1;
    }
    if (bytes.len != 0)
        memcpy(w->rx.ptr + w->rx_used, bytes.ptr, bytes.len);
    w->rx_used += bytes.len;
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) != 0)
        return 0;
    struct span text = span_of(w->rx.ptr, w->rx_used);
    w->rx_used = 0;
    uintptr_t serial = w->serial;
    w->callbacks.on_text(w->callbacks.ctx, text);
    return w->serial == serial ? 0 : -1; /* It may have hung up. */
}

static int on_writable(struct ws *w)
{
    if (w->tx_read == w->tx_write)
        return 0;
    uint32_t len;
    memcpy(&len, w->tx.ptr + w->tx_read, sizeof len);
    uint8_t *text = w->tx.ptr + w->tx_read + FRAME_OVERHEAD;
    w->tx_read += FRAME_OVERHEAD + len;
    if (lws_write(w->wsi, text, len, LWS_WRITE_TEXT) < 0) {
        go_down(w, CHAIN_WHY_CLOSED);
        return -1;
    }
    if (w->tx_read != w->tx_write)
        lws_callback_on_writable(w->wsi);
    else
        w->tx_read = w->tx_write = 0;
    return 0;
}

static void on_established(struct ws *w)
{
    w->dialing = false;
    w->up = true;
    if (w->tx_read != w->tx_write)
        lws_callback_on_writable(w->wsi);
    w->callbacks.on_up(w->callbacks.ctx);
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    /* The library has a hundred reasons; these are the ones of a client.  Others
     * may come when the context is already taken apart and w is no more. */
    if (reason != LWS_CALLBACK_CLIENT_ESTABLISHED && reason != LWS_CALLBACK_CLIENT_RECEIVE &&
        reason != LWS_CALLBACK_CLIENT_WRITEABLE && reason != LWS_CALLBACK_CLIENT_CLOSED &&
        reason != LWS_CALLBACK_CLIENT_CONNECTION_ERROR)
        return 0;
    struct ws *w = lws_context_user(lws_get_context(wsi));
    if ((uintptr_t)user != w->serial || w->closing)
        return -1;
    w->wsi = wsi;
    if (reason == LWS_CALLBACK_CLIENT_RECEIVE)
        return on_receive(w, wsi, span_of(in, len));
    if (reason == LWS_CALLBACK_CLIENT_WRITEABLE)
        return on_writable(w);
    if (reason == LWS_CALLBACK_CLIENT_CLOSED)
        go_down(w, CHAIN_WHY_CLOSED);
    if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR)
        go_down(w, CHAIN_WHY_UNREACHABLE);
    if (reason == LWS_CALLBACK_CLIENT_ESTABLISHED)
        on_established(w);
    return 0;
}

static const struct lws_protocols protocols[] = {
    {"platform", on_event, 0, 0, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static void dial(struct ws *w, const char *address)
{
    struct lws_client_connect_info info = {0};
    uintptr_t serial = w->serial;
    info.context = w->context;
    info.address = address;
    info.port = w->port;
    info.path = w->path;
    info.host = info.origin = w->host;
    info.ssl_connection = w->tls ? LCCSCF_USE_SSL : 0;
    info.alpn = "http/1.1";
    info.local_protocol_name = protocols[0].name;
    info.userdata = (void *)serial; /* NOLINT: a number, given back as it is */
    struct lws *wsi = lws_client_connect_via_info(&info);
    if (w->serial != serial)
        return; /* It has failed already, and that was told. */
    if (wsi == NULL)
        go_down(w, CHAIN_WHY_UNREACHABLE);
    else
        w->wsi = wsi;
}

/* IPv4 first: libwebsockets may be built without the other. */
static const struct addrinfo *choose(const struct addrinfo *list)
{
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
        if (a->ai_family == AF_INET)
            return a;
    return list;
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list);

static bool resolve(struct ws *w)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    w->resolve.data = w;
    w->resolving = uv_getaddrinfo(w->loop, &w->resolve, on_resolved, w->host, NULL, &hints) == 0;
    return w->resolving;
}

static void on_reap(uv_timer_t *timer);

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct ws *w = request->data;
    char address[64] = "";
    bool again = w->resolve_again;
    w->resolving = w->resolve_again = false;
    const struct addrinfo *one = status == 0 ? choose(list) : NULL;
    if (one != NULL && one->ai_family == AF_INET)
        uv_ip4_name((const struct sockaddr_in *)(const void *)one->ai_addr, address,
                    sizeof address);
    else if (one != NULL && one->ai_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)(const void *)one->ai_addr, address,
                    sizeof address);
    uv_freeaddrinfo(list);
    if (w->closing)
        uv_timer_start(&w->reaper, on_reap, 0, 0);
    else if (!w->dialing)
        return; /* Hung up meanwhile. */
    else if (again ? !resolve(w) : address[0] == '\0')
        go_down(w, CHAIN_WHY_UNRESOLVED);
    else if (!again)
        dial(w, address);
}

enum err ws_dial(struct ws *w, const char *url)
{
    ws_hang_up(w);
    if (!parse_url(w, url))
        return ERR_MALFORMED;
    w->dialing = true;
    if (w->resolving) {
        w->resolve_again = true;
        return ERR_OK;
    }
    if (!resolve(w)) {
        w->dialing = false;
        return ERR_IO;
    }
    return ERR_OK;
}

void ws_send(struct ws *w, struct span text)
{
    size_t need = FRAME_OVERHEAD + text.len;
    /* When the queue is full the server does not read: the answer to what was
     * not sent never comes, and its deadline ends the connection. */
    if ((!w->up && !w->dialing) || need > w->tx.len - w->tx_write)
        return;
    uint32_t len = (uint32_t)text.len;
    memcpy(w->tx.ptr + w->tx_write, &len, sizeof len);
    memcpy(w->tx.ptr + w->tx_write + FRAME_OVERHEAD, text.ptr, text.len);
    w->tx_write += need;
    if (w->up)
        lws_callback_on_writable(w->wsi);
}

/* ---- The beginning and the end ---- */

static enum err make_context(struct ws *w)
{
    void *loops[] = {w->loop};
    struct lws_context_creation_info info = {0};
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.client_ssl_ca_filepath = CERTIFICATES;
    info.foreign_loops = loops;
    info.protocols = protocols;
    info.user = w;
    lws_set_log_level(0, NULL); /* What matters of it arrives by on_down. */
    w->context = lws_create_context(&info);
    return w->context == NULL ? ERR_UNSUPPORTED : ERR_OK;
}

enum err ws_open(struct ws **out, uv_loop_t *loop, const struct ws_callbacks *callbacks)
{
    struct arena memory;
    enum err e = arena_open(&memory, sizeof(struct ws) + CHAIN_FRAME_MAX + WS_QUEUE_MAX);
    if (e != ERR_OK)
        return e;
    struct ws *w = arena_alloc(&memory, sizeof *w);
    assert(w != NULL);
    /* Taken as they are, so that pages which are never used cost nothing. */
    w->rx = (struct room){memory.memory + sizeof *w, CHAIN_FRAME_MAX};
    w->tx = (struct room){w->rx.ptr + CHAIN_FRAME_MAX, WS_QUEUE_MAX};
    w->memory = memory;
    w->callbacks = *callbacks;
    w->loop = loop;
    e = make_context(w);
    if (e != ERR_OK) {
        arena_close(&memory);
        return e;
    }
    uv_timer_init(loop, &w->reaper);
    w->reaper.data = w;
    *out = w;
    return ERR_OK;
}

static void on_reaper_closed(uv_handle_t *handle)
{
    struct ws *w = handle->data;
    struct arena memory = w->memory;
    arena_close(&memory);
}

static void on_reap(uv_timer_t *timer)
{
    struct ws *w = timer->data;
    if (w->resolving)
        return; /* on_resolved comes back here. */
    /* The first call begins to close the library's own handles: sockets in this turn of the
     * loop, what served them in the next.  The second gives the rest back and unloads the code of
     * their callbacks, so it counts turns, not time: a slow turn must not bring it early. */
    if (w->reaped == 0 || w->reaped == REAP_TURNS)
        lws_context_destroy(w->context);
    if (w->reaped++ < REAP_TURNS)
        uv_timer_start(timer, on_reap, 1, 0);
    else
        uv_close((uv_handle_t *)timer, on_reaper_closed);
}

void ws_close(struct ws *w)
{
    if (w == NULL || w->closing)
        return;
    ws_hang_up(w);
    w->closing = true;
    if (w->resolving)
        uv_cancel((uv_req_t *)&w->resolve);
    uv_timer_start(&w->reaper, on_reap, 0, 0);
}
