/* host: p2p hosts over real sockets of loopback on one loop, for benchmarks. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "base/arena.h"
#include "os/net.h"

enum { HOSTS_MAX = 80 };

struct end {
    struct arena arena;
    struct net *net;
    struct p2p *p;
    uint16_t port;
    bool draining;
    uint32_t ups, downs, frames, gossips;
};

struct hosts {
    uv_loop_t loop;
    uv_timer_t timer;
    uint32_t count;
    struct end ends[HOSTS_MAX];
};

void must(enum err e); /* or the program ends */
uint64_t clock_us(clockid_t id);
uint64_t now_ms(void);

void hosts_open(struct hosts *w);
void hosts_close(struct hosts *w);
/* The next host; number makes its keys.  redial: at once, for a host that is left on purpose. */
void host_open_end(struct hosts *w, uint8_t number, bool redial, uint32_t connections);
void host_drain(struct end *h);
/* One turn: what is due, then what the sockets bring. */
void hosts_turn(struct hosts *w);

#endif
