/* p2p: two hosts over real sockets of loopback, on one loop and so on one core:
 * everything that a validator's network costs, sockets and kernel included.  The
 * thread's own CPU time counts, so that a busy neighbour counts little; dial_p50
 * alone is time on the wall.  Each figure is the median of BURSTS.
 *
 * handshakes  TCP, multistream, Noise, Yamux, identify of one side: dials a second
 * stream      one stream of 256 KiB frames
 * streams     open, negotiate, 32 bytes there and back, close
 * gossip      signed messages of 256 bytes, verified and delivered */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "host.h"

enum {
    BURSTS = 7,
    DIALS = 60,
    STREAMS = 1000,
    FRAMES = 256,
    FRAME_SIZE = 256 << 10,
    MESSAGES = 2000,
    MESSAGE_SIZE = 256,
    WINDOW = 64,
};

struct pair {
    struct hosts hosts;
    struct peer_id far;
    uint64_t dial_us[BURSTS * DIALS + DIALS];
    uint32_t dials;
};

static void open_pair(struct pair *w, bool redial)
{
    struct p2p_endpoint to = {.family = 4, .address = {127, 0, 0, 1}};
    struct driver *ends = w->hosts.ends;
    hosts_open(&w->hosts);
    hosts_add(&w->hosts, 0, redial, 64);
    hosts_add(&w->hosts, 1, redial, 64);
    w->far = *p2p_self(ends[1].p2p);
    to.port = ends[1].port;
    must(p2p_bootstrap(ends[0].p2p, &to));
    while (ends[0].seen[P2P_OUT_PEER_UP] == 0 || ends[1].seen[P2P_OUT_PEER_UP] == 0)
        hosts_turn(&w->hosts);
    uint64_t end = driver_now_ms() + 2500; /* The mesh forms. */
    while (driver_now_ms() < end)
        hosts_turn(&w->hosts);
}

static void close_pair(struct pair *w)
{
    hosts_close(&w->hosts);
    free(w);
}

static void dials(struct pair *w)
{
    for (int i = 0; i < DIALS; i++) {
        struct driver *a = &w->hosts.ends[0], *b = &w->hosts.ends[1];
        uint32_t a_ups = a->seen[P2P_OUT_PEER_UP], b_ups = b->seen[P2P_OUT_PEER_UP],
                 downs = b->seen[P2P_OUT_PEER_DOWN];
        p2p_disconnect(a->p2p, &w->far, "again", driver_now_ms());
        driver_drain(a);
        while (b->seen[P2P_OUT_PEER_DOWN] == downs)
            hosts_turn(&w->hosts);
        uint64_t start = clock_us(CLOCK_MONOTONIC);
        while (a->seen[P2P_OUT_PEER_UP] == a_ups || b->seen[P2P_OUT_PEER_UP] == b_ups)
            hosts_turn(&w->hosts);
        w->dial_us[w->dials++] = clock_us(CLOCK_MONOTONIC) - start;
    }
}

static void streams(struct pair *w)
{
    struct driver *a = &w->hosts.ends[0];
    for (int i = 0; i < STREAMS; i++) {
        uint64_t before = p2p_counters(a->p2p)->pings;
        while (p2p_ping(a->p2p, &w->far, driver_now_ms()) != ERR_OK)
            hosts_turn(&w->hosts);
        while (p2p_counters(a->p2p)->pings == before)
            hosts_turn(&w->hosts);
    }
}

static void stream(struct pair *w)
{
    static uint8_t frame[FRAME_SIZE];
    struct driver *a = &w->hosts.ends[0], *b = &w->hosts.ends[1];
    uint32_t before = b->seen[P2P_OUT_FRAME];
    for (int sent = 0; b->seen[P2P_OUT_FRAME] - before < FRAMES;) {
        while (sent < FRAMES && p2p_send(a->p2p, &w->far, P2P_BLOB, span_of(frame, sizeof frame),
                                         driver_now_ms()) == ERR_OK)
            sent++;
        hosts_turn(&w->hosts);
    }
}

static void gossip(struct pair *w)
{
    static uint8_t data[MESSAGE_SIZE];
    struct driver *a = &w->hosts.ends[0], *b = &w->hosts.ends[1];
    uint32_t before = b->seen[P2P_OUT_GOSSIP];
    for (uint32_t sent = 0; b->seen[P2P_OUT_GOSSIP] - before < MESSAGES;) {
        while (sent < MESSAGES && sent - (b->seen[P2P_OUT_GOSSIP] - before) < WINDOW) {
            must(p2p_publish(a->p2p, "bench", span_of(data, sizeof data), driver_now_ms()));
            sent++;
        }
        hosts_turn(&w->hosts);
    }
}

static int by_value(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

static void figure(struct pair *w, const char *name, void (*burst)(struct pair *w), double count,
                   const char *unit)
{
    uint64_t us[BURSTS];
    burst(w);
    for (int i = 0; i < BURSTS; i++) {
        uint64_t start = clock_us(CLOCK_THREAD_CPUTIME_ID);
        burst(w);
        us[i] = clock_us(CLOCK_THREAD_CPUTIME_ID) - start;
    }
    qsort(us, BURSTS, sizeof us[0], by_value);
    printf("p2p %s %.2f %s\n", name, count * 1e6 / (double)us[BURSTS / 2], unit);
    fflush(stdout);
}

int main(void)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);
    struct pair *w = calloc(1, sizeof *w);
    if (w == NULL)
        return 1;
    open_pair(w, true);
    figure(w, "handshakes", dials, DIALS, "/s");
    qsort(w->dial_us, w->dials, sizeof w->dial_us[0], by_value);
    printf("p2p dial_p50 %.2f ms\n", (double)w->dial_us[w->dials / 2] / 1000);
    close_pair(w);
    w = calloc(1, sizeof *w);
    if (w == NULL)
        return 1;
    open_pair(w, false);
    figure(w, "stream", stream, 8.0 * FRAMES * FRAME_SIZE / 1e9, "Gbit/s");
    figure(w, "streams", streams, STREAMS, "/s");
    figure(w, "gossip", gossip, MESSAGES, "/s");
    close_pair(w);
    return 0;
}
