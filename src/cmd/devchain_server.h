/* devchain_server: WebSockets for devchain_rpc, by libwebsockets on a libuv
 * loop.  HTTP/1.1 and text frames only, no extensions, loopback only.
 *
 * Layer: L6, inside devchain.  A session that reads too slowly is closed when
 * its queue is full; others do not notice. */
#ifndef CMD_DEVCHAIN_SERVER_H
#define CMD_DEVCHAIN_SERVER_H

#include <uv.h>

#include "cmd/devchain_rpc.h"

enum {
    DEVSERVER_SESSIONS_MAX = 64,
    DEVSERVER_QUEUE_MAX = 16 << 20, /* bytes waiting to be sent to one session */
};

struct devserver;

/* devserver_open listens on 127.0.0.1:port; port 0 takes any free one.
 * ERR_IO: it cannot listen there. */
enum err devserver_open(struct devserver **out, struct arena *arena, uv_loop_t *loop,
                        struct devchain *chain, uint16_t port);
uint16_t devserver_port(const struct devserver *s);
enum err devserver_seal(struct devserver *s);

/* devserver_close ends every session.  Run the loop until it is empty, then call
 * it once more: libwebsockets gives its memory back in two steps. */
void devserver_close(struct devserver *s);

#endif
