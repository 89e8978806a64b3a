#include "os/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { READ_SIZE = 128 << 10, LISTENERS_MAX = 8, LINGER_MS = 1000, BACKLOG = 128 };

struct socket {
    uv_tcp_t tcp;
    uv_timer_t linger;
    uv_connect_t connect;
    struct net *net;
    uint32_t conn;
    uint32_t writes; /* under way */
    uint8_t handles; /* tcp and linger still open */
    bool hanging_up, closing;
};

struct net {
    uv_loop_t *loop;
    struct net_callbacks cb;
    uv_tcp_t listeners[LISTENERS_MAX];
    uint32_t listener_count, listeners_open;
    struct socket **sockets;
    uint32_t capacity, count, next_accept;
    bool closing;
    uint8_t *read_buffer;
};

struct write {
    uv_write_t req;
    struct socket *socket;
    size_t len;
    uint8_t bytes[];
};

static void maybe_free(struct net *n)
{
    if (!n->closing || n->count > 0 || n->listeners_open > 0)
        return;
    free(n->sockets);
    free(n->read_buffer);
    free(n);
}

enum err net_open(struct net **out, uv_loop_t *loop, uint32_t connections,
                  const struct net_callbacks *callbacks)
{
    struct net *n = calloc(1, sizeof *n);
    if (n == NULL)
        return ERR_NO_MEMORY;
    n->loop = loop;
    n->cb = *callbacks;
    n->capacity = connections;
    n->sockets = calloc(connections, sizeof(struct socket *));
    n->read_buffer = malloc(READ_SIZE);
    if (n->sockets == NULL || n->read_buffer == NULL) {
        free(n->sockets);
        free(n->read_buffer);
        free(n);
        return ERR_NO_MEMORY;
    }
    *out = n;
    return ERR_OK;
}

static struct socket *find(const struct net *n, uint32_t conn)
{
    for (uint32_t i = 0; i < n->count; i++)
        if (n->sockets[i]->conn == conn)
            return n->sockets[i];
    return NULL;
}

/* --- closing */

static void on_handle_closed(uv_handle_t *handle)
{
    struct socket *s = handle->data;
    struct net *n = s->net;
    if (--s->handles > 0)
        return;
    for (uint32_t i = 0; i < n->count; i++)
        if (n->sockets[i] == s) {
            n->sockets[i] = n->sockets[--n->count];
            break;
        }
    if (!n->closing)
        n->cb.on_closed(n->cb.ctx, s->conn);
    free(s);
    maybe_free(n);
}

static void close_socket(struct socket *s)
{
    if (s->closing)
        return;
    s->closing = true;
    uv_close((uv_handle_t *)&s->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&s->linger, on_handle_closed);
}

static void on_linger(uv_timer_t *timer)
{
    close_socket(timer->data);
}

/* --- reading and writing */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct socket *s = handle->data;
    *buf = uv_buf_init((char *)s->net->read_buffer, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct socket *s = stream->data;
    if (len < 0)
        close_socket(s);
    else if (len > 0 && !s->hanging_up)
        s->net->cb.on_data(s->net->cb.ctx, s->conn, span_of(buf->base, (size_t)len));
}

static void on_write_done(uv_write_t *req, int status)
{
    struct write *w = (struct write *)(void *)req;
    struct socket *s = w->socket;
    s->writes--;
    if (status < 0)
        close_socket(s);
    else if (!s->closing && !s->net->closing)
        s->net->cb.on_written(s->net->cb.ctx, s->conn, w->len);
    free(w);
    if (s->hanging_up && s->writes == 0)
        close_socket(s);
}

/* What the socket did not take at once.  False: the connection is closing. */
static bool queue_rest(struct socket *s, struct span rest)
{
    struct write *w = malloc(sizeof *w + rest.len);
    if (w == NULL)
        return false;
    w->socket = s;
    w->len = rest.len;
    memcpy(w->bytes, rest.ptr, rest.len);
    uv_buf_t buf = uv_buf_init((char *)w->bytes, (unsigned)rest.len);
    s->writes++;
    if (uv_write(&w->req, (uv_stream_t *)&s->tcp, &buf, 1, on_write_done) == 0)
        return true;
    s->writes--;
    free(w);
    return false;
}

void net_write(struct net *n, uint32_t conn, struct span bytes)
{
    struct socket *s = find(n, conn);
    if (s == NULL || s->closing || bytes.len == 0)
        return;
    size_t sent = 0;
    if (s->writes == 0) {
        uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len);
        int r = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);
        if (r < 0 && r != UV_EAGAIN) {
            close_socket(s);
            return;
        }
        sent = r > 0 ? (size_t)r : 0;
    }
    if (sent < bytes.len && !queue_rest(s, span_of(bytes.ptr + sent, bytes.len - sent)))
        close_socket(s);
    else if (sent > 0)
        n->cb.on_written(n->cb.ctx, conn, sent); /* Last: it may spend the bytes. */
}

void net_hang_up(struct net *n, uint32_t conn)
{
    struct socket *s = find(n, conn);
    if (s == NULL || s->hanging_up)
        return;
    s->hanging_up = true;
    if (s->writes == 0)
        close_socket(s);
    else
        uv_timer_start(&s->linger, on_linger, LINGER_MS, 0);
}

/* --- opening */

static struct socket *add(struct net *n, uint32_t conn)
{
    if (n->count == n->capacity || n->closing)
        return NULL;
    struct socket *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->net = n;
    s->conn = conn;
    s->tcp.data = s->linger.data = s->connect.data = s;
    s->handles = 2;
    uv_timer_init(n->loop, &s->linger);
    uv_tcp_init(n->loop, &s->tcp);
    n->sockets[n->count++] = s;
    return s;
}

static void to_sockaddr(const struct p2p_endpoint *e, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (e->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(e->port);
        memcpy(&in->sin_addr, e->address, 4);
    } else {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)(void *)out;
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(e->port);
        memcpy(&in->sin6_addr, e->address, 16);
    }
}

static void from_sockaddr(const struct sockaddr_storage *from, struct p2p_endpoint *out)
{
    *out = (struct p2p_endpoint){0};
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)from;
        out->family = 4;
        out->port = ntohs(in->sin_port);
        memcpy(out->address, &in->sin_addr, 4);
    } else {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)from;
        out->family = 6;
        out->port = ntohs(in->sin6_port);
        memcpy(out->address, &in->sin6_addr, 16);
    }
}

static void begin(struct socket *s)
{
    uv_tcp_nodelay(&s->tcp, 1);
    if (uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read) < 0)
        close_socket(s);
}

static void on_connect(uv_connect_t *req, int status)
{
    struct socket *s = req->data;
    if (s->closing || s->net->closing)
        return;
    s->net->cb.on_dialed(s->net->cb.ctx, s->conn, status == 0);
    if (status < 0)
        close_socket(s);
    else
        begin(s);
}

void net_dial(struct net *n, uint32_t conn, const struct p2p_endpoint *to)
{
    struct socket *s = add(n, conn);
    if (s == NULL) {
        n->cb.on_dialed(n->cb.ctx, conn, false);
        n->cb.on_closed(n->cb.ctx, conn);
        return;
    }
    struct sockaddr_storage address;
    to_sockaddr(to, &address);
    if (uv_tcp_connect(&s->connect, &s->tcp, (const struct sockaddr *)&address, on_connect) < 0) {
        n->cb.on_dialed(n->cb.ctx, conn, false);
        close_socket(s);
    }
}

static void on_refused_closed(uv_handle_t *handle)
{
    free(handle);
}

/* No room: take it off the backlog and drop it. */
static void refuse(struct net *n, uv_stream_t *listener)
{
    if (n->cb.on_refused != NULL)
        n->cb.on_refused(n->cb.ctx);
    uv_tcp_t *tcp = malloc(sizeof *tcp);
    if (tcp == NULL)
        return;
    uv_tcp_init(n->loop, tcp);
    uv_accept(listener, (uv_stream_t *)tcp);
    uv_close((uv_handle_t *)tcp, on_refused_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct net *n = listener->data;
    if (status < 0 || n->closing)
        return;
    struct socket *s = add(n, 0x80000000u | (n->next_accept++ & 0x7fffffffu));
    if (s == NULL) {
        refuse(n, listener);
        return;
    }
    struct sockaddr_storage address;
    int len = sizeof address;
    struct p2p_endpoint from;
    if (uv_accept(listener, (uv_stream_t *)&s->tcp) < 0 ||
        uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&address, &len) < 0) {
        close_socket(s);
        return;
    }
    from_sockaddr(&address, &from);
    n->cb.on_accepted(n->cb.ctx, s->conn, &from);
    begin(s);
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct net *n = handle->data;
    n->listeners_open--;
    maybe_free(n);
}

enum err net_listen(struct net *n, const struct p2p_endpoint *at, uint16_t *port)
{
    if (n->listener_count == LISTENERS_MAX)
        return ERR_FULL;
    uv_tcp_t *l = &n->listeners[n->listener_count];
    struct sockaddr_storage address;
    int len = sizeof address;
    to_sockaddr(at, &address);
    if (uv_tcp_init(n->loop, l) < 0)
        return ERR_IO;
    l->data = n;
    n->listener_count++;
    n->listeners_open++;
    int r =
        uv_tcp_bind(l, (const struct sockaddr *)&address, at->family == 6 ? UV_TCP_IPV6ONLY : 0);
    if (r == 0)
        r = uv_listen((uv_stream_t *)l, BACKLOG, on_connection);
    if (r == 0)
        r = uv_tcp_getsockname(l, (struct sockaddr *)&address, &len);
    if (r < 0) {
        uv_close((uv_handle_t *)l, on_listener_closed);
        n->listener_count--;
        errno = -r;
        return ERR_IO;
    }
    struct p2p_endpoint bound;
    from_sockaddr(&address, &bound);
    *port = bound.port;
    return ERR_OK;
}

void net_close(struct net *n)
{
    if (n == NULL)
        return;
    n->closing = true;
    for (uint32_t i = 0; i < n->listener_count; i++)
        uv_close((uv_handle_t *)&n->listeners[i], on_listener_closed);
    for (uint32_t i = 0; i < n->count; i++)
        close_socket(n->sockets[i]);
    maybe_free(n);
}
