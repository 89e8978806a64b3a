/* http: the HTTP server of a node, on a libuv loop.
 *
 * Layer: L4.  libmicrohttpd without threads; what is answered is decided by rpc.
 * Threads: the loop's.  Memory: the arena's, and libmicrohttpd's own per
 * connection.
 *
 *   HTTP-1  Connections, streams, headers, bodies and idle time are bounded.
 *   HTTP-2  A reader of the event stream that is too slow costs nothing but its
 *           place: it gets a gap, never a queue.
 *   HTTP-3  Nobody is locked out by connections that say nothing: when all places
 *           are taken, the one that was quiet longest ends.  Event streams keep
 *           theirs; there are fewer of them. */
#ifndef OS_HTTP_H
#define OS_HTTP_H

#include <uv.h>

#include "rpc/rpc.h"

struct http_config {
    const char *address;  /* numeric; "127.0.0.1" unless an operator says otherwise */
    uint16_t port;        /* 0: a free one */
    uint32_t connections; /* at most; 1 .. 1024 */
    uint32_t streams;     /* of them, on the event stream; fewer than connections */
    struct rpc *rpc;      /* kept */
};

struct http;

size_t http_arena_size(const struct http_config *c);

/* loop is kept until http_close.  ERR_IO: the address is taken, or not ours;
 * ERR_MALFORMED: not a numeric address. */
enum err http_open(struct http **out, struct arena *arena, uv_loop_t *loop,
                   const struct http_config *c);
uint16_t http_port(const struct http *h);

/* Call it once a turn: sends what rpc_event has added since. */
void http_notify(struct http *h);

/* Ends every connection.  The arena must live until the loop has run the
 * closing of two handles. */
void http_close(struct http *h);

#endif
