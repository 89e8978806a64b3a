/* ws: the WebSocket to a chain's endpoint, on a libuv loop, one at a time, again
 * and again.
 *
 * Layer: L4.  Threads: the loop's.  libwebsockets does the work, through the
 * event library package of Debian (libwebsockets-evlib-uv); text frames only,
 * HTTP/1.1, no extensions.  A ws outlives its connections, since a context of
 * the library must not be taken down while another one of its loop dials.
 *
 *   WS-1  on_down comes once at most for a ws_dial, and nothing of that
 *         connection comes after it.  After ws_hang_up, another ws_dial or
 *         ws_close nothing of the old connection comes at all.
 *   WS-2  A frame is delivered whole or the connection ends: one over
 *         CHAIN_FRAME_MAX ends it (OVERSIZE), and one that is not text (GARBAGE).
 *   WS-3  wss:// verifies the server's certificate and name against the system's
 *         authorities; there is no way to turn that off.
 *
 * Callbacks come from the loop, never from inside a ws_ call. */
#ifndef OS_WS_H
#define OS_WS_H

#include <uv.h>

#include "chain/chain.h"

enum {
    WS_QUEUE_MAX = 1 << 20, /* bytes waiting to leave; more end the connection */
    WS_URL_MAX = 512,
};

struct ws;

struct ws_callbacks {
    void *ctx;
    void (*on_up)(void *ctx);
    void (*on_text)(void *ctx, struct span text);
    void (*on_down)(void *ctx, enum chain_why why); /* as chain_on_disconnected takes it */
};

/* loop is kept until ws_close, and must run on afterwards until its handles are
 * closed.  ERR_NO_MEMORY; ERR_UNSUPPORTED: the event library package is missing. */
enum err ws_open(struct ws **out, uv_loop_t *loop, const struct ws_callbacks *callbacks);

/* ws_dial resolves and dials url, ws://HOST[:PORT][/PATH] or wss://...; a host may
 * be an IPv6 address in brackets.  ERR_MALFORMED: the url; ERR_IO. */
enum err ws_dial(struct ws *w, const char *url);

/* text is copied.  Before on_up it waits; without a connection it is dropped. */
void ws_send(struct ws *w, struct span text);

void ws_hang_up(struct ws *w);
void ws_close(struct ws *w); /* NULL is fine. */

#endif
