/* driver: p2p hosts on TCP sockets of one loop, for programs that are no
 * validators: benchmarks, the host that other implementations talk to, the
 * attacker.  (A validator's host is node/host.h over os/net.h.)
 *
 * A driver does for its host what sockets do; every output is counted and handed
 * on.  The caller's loop is: open, then driver_turn until it has seen enough. */
#ifndef TESTS_DRIVER_H
#define TESTS_DRIVER_H

#include "base/arena.h"
#include "os/net.h"

struct driver {
    struct arena arena;
    struct net *net;
    struct p2p *p2p;
    uint16_t port;                     /* where it listens; 0: nowhere */
    enum p2p_verdict verdict;          /* on every message of gossip */
    uint32_t seen[P2P_OUT_GOSSIP + 1]; /* outputs so far, by enum p2p_out_kind */
    void *ctx;
    /* Each output, once the sockets have what is theirs; NULL: not of interest. */
    void (*on_out)(void *ctx, const struct p2p_out *out);
    bool draining;
};

uint64_t driver_now_ms(void);

/* driver_open: ctx, on_out and verdict are set by the caller before.  It listens
 * at c->listen[0] if c->listen_count is 1, and writes the port that it got. */
enum err driver_open(struct driver *d, uv_loop_t *loop, struct p2p_config *c, uint32_t sockets);

/* After each command to d->p2p. */
void driver_drain(struct driver *d);

/* One turn of the loop for all of its drivers: what is due, then what the sockets
 * bring.  It waits 100 ms at most.  timer belongs to the loop. */
void driver_turn(struct driver *all, uint32_t count, uv_timer_t *timer);

/* The sockets close when the loop runs on; then driver_free. */
void driver_close(struct driver *d);
void driver_free(struct driver *d);

#endif
