/* host: a p2p host and a node joined: frames and gossip go from one to the
 * other, bytes between the p2p host and whoever carries them.
 *
 * Layer: L5.  No system call.  Threads: one.  The carrier is TCP sockets
 * (src/os/net.h) or the simulator's links. */
#ifndef NODE_HOST_H
#define NODE_HOST_H

#include "node/node.h"
#include "p2p/p2p.h"

struct host;

struct host_carrier {
    void *ctx;
    void (*dial)(void *ctx, uint32_t conn, const struct p2p_endpoint *to);
    void (*write)(void *ctx, uint32_t conn, struct span bytes);
    void (*hang_up)(void *ctx, uint32_t conn);
};

/* network: names the topic that operations are announced on. */
enum err host_open(struct host **out, const struct p2p_config *c,
                   const struct host_carrier *carrier, const struct hash *network, uint64_t now_ms);
/* Fills the four network calls of w. */
void host_world(struct host *h, struct world *w);
/* From here on the node hears what arrives.  NULL: from here on not. */
void host_attach(struct host *h, struct node *n);
void host_close(struct host *h);

struct p2p *host_p2p(struct host *h);

void host_on_accepted(struct host *h, uint32_t conn, const struct p2p_endpoint *from,
                      uint64_t now_ms);
void host_on_refused(struct host *h); /* a connection for which there was no socket */
void host_on_dialed(struct host *h, uint32_t conn, bool ok, uint64_t now_ms);
void host_on_data(struct host *h, uint32_t conn, struct span bytes, uint64_t now_ms);
void host_on_written(struct host *h, uint32_t conn, size_t bytes, uint64_t now_ms);
void host_on_closed(struct host *h, uint32_t conn, uint64_t now_ms);
void host_on_time(struct host *h, uint64_t now_ms);
uint64_t host_wake_at(const struct host *h);

#endif
