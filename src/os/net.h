/* net: TCP for a p2p host, on a libuv loop.
 *
 * Layer: L4.  Threads: the loop's.  It carries bytes and knows no protocol: the
 * callbacks have the shape of p2p_on_*.
 *
 *   NET-1  on_closed comes once for each connection, whoever closed it, and
 *          nothing comes after it.
 *   NET-2  Bytes given to net_write are copied if the socket does not take them
 *          at once; on_written tells when they have left. */
#ifndef OS_NET_H
#define OS_NET_H

#include <uv.h>

#include "p2p/p2p.h"

struct net;

struct net_callbacks {
    void *ctx;
    void (*on_accepted)(void *ctx, uint32_t conn, const struct p2p_endpoint *from);
    void (*on_dialed)(void *ctx, uint32_t conn, bool ok);
    void (*on_data)(void *ctx, uint32_t conn, struct span bytes);
    void (*on_written)(void *ctx, uint32_t conn, size_t bytes);
    void (*on_closed)(void *ctx, uint32_t conn);
    void (*on_refused)(void *ctx); /* all sockets are in use; NULL: not told */
};

/* loop is kept until net_close.  connections: at most so many sockets. */
enum err net_open(struct net **out, uv_loop_t *loop, uint32_t connections,
                  const struct net_callbacks *callbacks);

/* Listens; port 0 takes a free one, which *port tells.  ERR_IO with errno. */
enum err net_listen(struct net *n, const struct p2p_endpoint *at, uint16_t *port);

/* conn: the caller's number, high bit clear; answered by on_dialed. */
void net_dial(struct net *n, uint32_t conn, const struct p2p_endpoint *to);
void net_write(struct net *n, uint32_t conn, struct span bytes);
/* Closes once everything written has left, or after a second. */
void net_hang_up(struct net *n, uint32_t conn);

/* Closes every socket; the memory goes when the loop has run their closing. */
void net_close(struct net *n);

#endif
