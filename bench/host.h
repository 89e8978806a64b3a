/* host: p2p hosts over real sockets of loopback on one loop, for benchmarks. */
#ifndef BENCH_HOST_H
#define BENCH_HOST_H

#include "driver.h"

enum { HOSTS_MAX = 80 };

struct hosts {
    uv_loop_t loop;
    uv_timer_t timer;
    uint32_t count;
    struct driver ends[HOSTS_MAX];
};

void must(enum err e); /* or the program ends */
uint64_t clock_us(clockid_t id);

void hosts_open(struct hosts *w);
void hosts_close(struct hosts *w);
/* The next host; number makes its keys.  redial: at once, for a host that is left on purpose. */
void hosts_add(struct hosts *w, uint8_t number, bool redial, uint32_t connections);
void hosts_turn(struct hosts *w);

#endif
