#include "cmd/devchain_server.h"

#include <libwebsockets.h>

struct session {
    struct lws *wsi; /* NULL: the slot is free */
    uint64_t id;
    bool overflow;
    struct arena memory;
    struct room rx, tx;
    size_t rx_used;
    size_t tx_read, tx_write; /* frames: u32 length, LWS_PRE spare bytes, text */
};

struct devserver {
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct devrpc rpc;
    uint64_t last_id;
    uint32_t closes;
    struct session sessions[DEVSERVER_SESSIONS_MAX];
};

/* The slot's index + 1 is kept with each connection by libwebsockets. */
struct link {
    uint32_t slot;
};

static struct session *session_of(struct devserver *s, uint64_t id)
{
    for (uint32_t i = 0; i < DEVSERVER_SESSIONS_MAX; i++)
        if (s->sessions[i].wsi != NULL && s->sessions[i].id == id)
            return &s->sessions[i];
    return NULL;
}

static uint64_t wall_ms(void)
{
    uv_timeval64_t now;
    return uv_gettimeofday(&now) == 0 ? (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000
                                      : 0;
}

static void on_send(void *ctx, uint64_t id, struct span text)
{
    struct session *x = session_of(ctx, id);
    if (x == NULL || x->overflow)
        return;
    size_t need = sizeof(uint32_t) + LWS_PRE + text.len;
    if (need > x->tx.len - x->tx_write) {
        x->overflow = true;
    } else {
        uint32_t len = (uint32_t)text.len;
        memcpy(x->tx.ptr + x->tx_write, &len, sizeof len);
        memcpy(x->tx.ptr + x->tx_write + sizeof len + LWS_PRE, text.ptr, text.len);
        x->tx_write += need;
    }
    lws_callback_on_writable(x->wsi);
}

static int on_established(struct devserver *s, struct lws *wsi, struct link *link)
{
    for (uint32_t i = 0; i < DEVSERVER_SESSIONS_MAX; i++) {
        struct session *x = &s->sessions[i];
        if (x->wsi != NULL)
            continue;
        *x = (struct session){.wsi = wsi, .id = ++s->last_id};
        if (arena_open(&x->memory, DEVRPC_REQUEST_MAX + DEVSERVER_QUEUE_MAX) != ERR_OK)
            return -1;
        /* Taken as it is, so that pages which are never used cost nothing. */
        x->rx = (struct room){x->memory.memory, DEVRPC_REQUEST_MAX};
        x->tx = (struct room){x->memory.memory + DEVRPC_REQUEST_MAX, DEVSERVER_QUEUE_MAX};
        link->slot = i + 1;
        return 0;
    }
    return -1; /* The table is full. */
}

static void on_closed(struct devserver *s, struct link *link)
{
    if (link->slot == 0)
        return;
    struct session *x = &s->sessions[link->slot - 1];
    devrpc_on_close(&s->rpc, x->id);
    arena_close(&x->memory);
    *x = (struct session){0};
    link->slot = 0;
}

static int on_receive(struct devserver *s, struct lws *wsi, struct link *link, struct span bytes)
{
    struct session *x = link->slot == 0 ? NULL : &s->sessions[link->slot - 1];
    if (x == NULL || lws_frame_is_binary(wsi) || bytes.len > x->rx.len - x->rx_used)
        return -1;
    if (bytes.len != 0)
        memcpy(x->rx.ptr + x->rx_used, bytes.ptr, bytes.len);
    x->rx_used += bytes.len;
    if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) != 0)
        return 0;
    struct span text = span_of(x->rx.ptr, x->rx_used);
    x->rx_used = 0;
    devrpc_on_text(&s->rpc, x->id, text, wall_ms());
    return 0;
}

static int on_writable(struct devserver *s, struct link *link)
{
    struct session *x = link->slot == 0 ? NULL : &s->sessions[link->slot - 1];
    if (x == NULL || x->overflow)
        return -1;
    if (x->tx_read == x->tx_write)
        return 0;
    uint32_t len;
    memcpy(&len, x->tx.ptr + x->tx_read, sizeof len);
    uint8_t *text = x->tx.ptr + x->tx_read + sizeof len + LWS_PRE;
    x->tx_read += sizeof len + LWS_PRE + len;
    bool more = x->tx_read != x->tx_write;
    if (lws_write(x->wsi, text, len, LWS_WRITE_TEXT) < 0)
        return -1;
    if (more)
        lws_callback_on_writable(x->wsi);
    else
        x->tx_read = x->tx_write = 0;
    return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct devserver *s = lws_context_user(lws_get_context(wsi));
    /* The library has a hundred reasons; these are the ones of a session. */
    if (reason == LWS_CALLBACK_ESTABLISHED)
        return on_established(s, wsi, user);
    if (reason == LWS_CALLBACK_RECEIVE)
        return on_receive(s, wsi, user, span_of(in, len));
    if (reason == LWS_CALLBACK_SERVER_WRITEABLE)
        return on_writable(s, user);
    if (reason == LWS_CALLBACK_CLOSED)
        on_closed(s, user);
    return 0;
}

static const struct lws_protocols protocols[] = {
    {"devchain", on_event, sizeof(struct link), 0, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

enum err devserver_open(struct devserver **out, struct arena *arena, uv_loop_t *loop,
                        struct devchain *chain, uint16_t port)
{
    struct devserver *s = arena_alloc(arena, sizeof *s);
    if (s == NULL)
        return ERR_NO_MEMORY;
    enum err e = devrpc_init(&s->rpc, chain, arena, on_send, s);
    if (e != ERR_OK)
        return e;
    void *loops[] = {loop};
    struct lws_context_creation_info info = {0};
    info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
    info.foreign_loops = loops;
    info.user = s;
    lws_set_log_level(LLL_ERR, NULL);
    s->context = lws_create_context(&info);
    if (s->context == NULL)
        return ERR_IO;
    info.port = port;
    info.iface = "127.0.0.1";
    info.protocols = protocols;
    info.vhost_name = "devchain";
    s->vhost = lws_create_vhost(s->context, &info);
    if (s->vhost == NULL) {
        devserver_close(s);
        return ERR_IO;
    }
    *out = s;
    return ERR_OK;
}

uint16_t devserver_port(const struct devserver *s)
{
    return (uint16_t)lws_get_vhost_listen_port(s->vhost);
}

enum err devserver_seal(struct devserver *s)
{
    return devrpc_seal(&s->rpc, wall_ms());
}

void devserver_close(struct devserver *s)
{
    s->closes++;
    if (s->context != NULL && s->closes <= 2)
        lws_context_destroy(s->context);
}
