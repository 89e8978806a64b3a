/* p2p_net: hosts joined by pipes in memory, for tests and benchmarks.
 *
 * A driver like the one on sockets, but in virtual time: it performs what the
 * hosts want, moves bytes in pieces of a chosen size, and keeps what the user of
 * a host would see.  Host i listens at 127.0.0.1 port NET_PORT + i. */
#ifndef P2P_NET_TEST_H
#define P2P_NET_TEST_H

#include <stdlib.h>

#include "p2p/p2p.h"

enum { NET_HOSTS_MAX = 10, NET_PIPES_MAX = 256, NET_PORT = 9000, NET_ACCEPTED = 1u << 31 };

/* One direction of a pipe. */
struct net_lane {
    uint8_t *bytes;
    size_t used, size;
    size_t carried; /* in all */
};

struct net_end {
    int host; /* -1: played by the test */
    uint32_t conn;
    bool closed;
    struct net_lane in; /* on the way to this end */
};

struct net_pipe {
    bool used;
    struct net_end ends[2];
};

struct net_host {
    struct arena arena;
    struct p2p *p;
    bool refuses; /* dials to it fail */
    uint32_t ups, downs, frames, gossips;
    const char *why;       /* of the last peer that went down */
    const char *close_why; /* of the last connection closed */
    uint8_t *frame;        /* the last one, P2P_FRAME_MAX */
    size_t frame_len;
    enum p2p_protocol frame_protocol;
    struct peer_id from;
    uint8_t gossip[1024];
    size_t gossip_len;
    enum p2p_verdict verdict;
    uint64_t bytes_hash; /* of everything that it wrote */
};

struct net {
    struct net_host hosts[NET_HOSTS_MAX];
    int count;
    struct net_pipe pipes[NET_PIPES_MAX];
    uint64_t now_ms;
    size_t piece; /* bytes per delivery; 0: all there is */
    uint32_t accepted;
};

static inline struct p2p_endpoint net_endpoint(int host)
{
    struct p2p_endpoint e = {.family = 4, .address = {127, 0, 0, 1}};
    e.port = (uint16_t)(NET_PORT + host);
    return e;
}

static inline struct p2p_config net_config(int host)
{
    struct p2p_config c = {.seed = 100 + (uint64_t)host,
                           .seqno_start = 1000,
                           .agent = "platform/test",
                           .listen = {net_endpoint(host)},
                           .listen_count = 1,
                           .target_peers = 4};
    p2p_limits_default(&c.limits);
    c.limits.connections = 24;
    c.limits.buffered_total = 5 << 20;
    c.limits.gossip_seen = 4096;
    c.limits.gossip_cache = 512;
    memset(c.identity_seed, host + 1, sizeof c.identity_seed);
    memset(c.entropy, host + 101, sizeof c.entropy);
    return c;
}

static inline struct net_host *net_add(struct net *n, const struct p2p_config *c)
{
    struct net_host *h = &n->hosts[n->count++];
    enum err e = arena_open(&h->arena, p2p_arena_size(c));
    if (e == ERR_OK)
        e = p2p_init(&h->p, &h->arena, c, n->now_ms);
    assert(e == ERR_OK);
    h->frame = malloc(P2P_FRAME_MAX);
    h->verdict = P2P_ACCEPT;
    h->bytes_hash = 0xcbf29ce484222325;
    return h;
}

static inline void net_close(struct net *n)
{
    for (int i = 0; i < n->count; i++) {
        p2p_deinit(n->hosts[i].p);
        arena_close(&n->hosts[i].arena);
        free(n->hosts[i].frame);
    }
    for (int i = 0; i < NET_PIPES_MAX; i++) {
        free(n->pipes[i].ends[0].in.bytes);
        free(n->pipes[i].ends[1].in.bytes);
    }
    memset(n, 0, sizeof *n);
}

static inline struct net_pipe *net_new_pipe(struct net *n)
{
    for (int i = 0; i < NET_PIPES_MAX; i++) {
        struct net_pipe *pipe = &n->pipes[i];
        if (pipe->used)
            continue;
        for (int e = 0; e < 2; e++) {
            uint8_t *bytes = pipe->ends[e].in.bytes;
            size_t size = pipe->ends[e].in.size;
            pipe->ends[e] = (struct net_end){.host = -1, .in = {.bytes = bytes, .size = size}};
        }
        pipe->used = true;
        return pipe;
    }
    abort(); /* NET_PIPES_MAX is too small for this test. */
}

static inline struct net_end *net_find(struct net *n, int host, uint32_t conn, struct net_end **far)
{
    for (int i = 0; i < NET_PIPES_MAX; i++)
        for (int e = 0; n->pipes[i].used && e < 2; e++) {
            struct net_end *end = &n->pipes[i].ends[e];
            if (end->host != host || end->conn != conn || end->closed)
                continue;
            *far = &n->pipes[i].ends[1 - e];
            return end;
        }
    return NULL;
}

static inline void net_put(struct net_lane *l, struct span s)
{
    if (l->used + s.len > l->size) {
        l->size = 2 * (l->used + s.len) + 4096;
        l->bytes = realloc(l->bytes, l->size);
        assert(l->bytes != NULL);
    }
    if (s.len != 0)
        memcpy(l->bytes + l->used, s.ptr, s.len);
    l->used += s.len;
    l->carried += s.len;
}

static inline void net_dial(struct net *n, int from, const struct p2p_out *o)
{
    int to = o->endpoint.port - NET_PORT;
    struct net_host *h = &n->hosts[from];
    if (to < 0 || to >= n->count || n->hosts[to].refuses) {
        p2p_on_dialed(h->p, o->conn, false, n->now_ms);
        return;
    }
    struct net_pipe *pipe = net_new_pipe(n);
    struct p2p_endpoint source = {.family = 4, .address = {127, 0, 0, 1}, .port = 40000};
    uint32_t number = NET_ACCEPTED | n->accepted++;
    pipe->ends[0].host = from;
    pipe->ends[0].conn = o->conn;
    pipe->ends[1].host = to;
    pipe->ends[1].conn = number;
    p2p_on_dialed(h->p, o->conn, true, n->now_ms);
    p2p_on_accepted(n->hosts[to].p, number, &source, n->now_ms);
}

/* The test plays the dialer: returns its end. */
static inline struct net_end *net_attack(struct net *n, int to)
{
    struct net_pipe *pipe = net_new_pipe(n);
    struct p2p_endpoint source = {.family = 4, .address = {127, 0, 0, 1}, .port = 40000};
    uint32_t number = NET_ACCEPTED | n->accepted++;
    pipe->ends[1].host = to;
    pipe->ends[1].conn = number;
    p2p_on_accepted(n->hosts[to].p, number, &source, n->now_ms);
    return &pipe->ends[0];
}

static inline void net_say(struct net_end *mine, struct span s)
{
    struct net_end *far = mine + 1; /* An attacker is always the first end. */
    net_put(&far->in, s);
}

static inline void net_write(struct net *n, int host, const struct p2p_out *o)
{
    struct net_host *h = &n->hosts[host];
    struct net_end *far, *near = net_find(n, host, o->conn, &far);
    for (size_t i = 0; i < o->bytes.len; i += 61)
        h->bytes_hash = (h->bytes_hash ^ o->bytes.ptr[i]) * 0x100000001b3;
    if (near != NULL && !far->closed)
        net_put(&far->in, o->bytes);
    p2p_on_written(h->p, o->conn, o->bytes.len, n->now_ms);
}

static inline void net_saw(struct net *n, struct net_host *h, const struct p2p_out *o)
{
    switch (o->kind) {
    case P2P_OUT_PEER_UP:
        h->ups++;
        break;
    case P2P_OUT_PEER_DOWN:
        h->downs++;
        h->why = o->why;
        break;
    case P2P_OUT_FRAME:
        h->frames++;
        h->frame_len = o->bytes.len;
        h->frame_protocol = o->protocol;
        h->from = o->peer;
        memcpy(h->frame, o->bytes.ptr, o->bytes.len);
        break;
    case P2P_OUT_GOSSIP:
        h->gossips++;
        h->gossip_len = min_u64(o->bytes.len, sizeof h->gossip);
        memcpy(h->gossip, o->bytes.ptr, h->gossip_len);
        h->from = o->author;
        p2p_validate(h->p, o->message, h->verdict, n->now_ms);
        break;
    case P2P_OUT_DIAL:
    case P2P_OUT_WRITE:
    case P2P_OUT_CLOSE:
        break;
    }
}

static inline bool net_drain(struct net *n, int host)
{
    struct net_host *h = &n->hosts[host];
    struct p2p_out o;
    bool any = false;
    while (p2p_poll(h->p, &o)) {
        any = true;
        net_saw(n, h, &o);
        if (o.kind == P2P_OUT_DIAL)
            net_dial(n, host, &o);
        if (o.kind == P2P_OUT_WRITE)
            net_write(n, host, &o);
        if (o.kind != P2P_OUT_CLOSE)
            continue;
        struct net_end *far, *near = net_find(n, host, o.conn, &far);
        h->close_why = o.why;
        if (near != NULL)
            near->closed = true;
    }
    return any;
}

/* Bytes to one end, or the news that the other one is closed. */
static inline bool net_deliver(struct net *n, struct net_pipe *pipe, int e)
{
    struct net_end *end = &pipe->ends[e], *far = &pipe->ends[1 - e];
    if (end->host < 0 || end->closed)
        return false;
    struct p2p *p = n->hosts[end->host].p;
    if (end->in.used != 0) {
        size_t len = n->piece == 0 ? end->in.used : min_u64(n->piece, end->in.used);
        p2p_on_data(p, end->conn, span_of(end->in.bytes, len), n->now_ms);
        end->in.used -= len;
        memmove(end->in.bytes, end->in.bytes + len, end->in.used);
        return true;
    }
    if (far->closed) {
        end->closed = true;
        p2p_on_closed(p, end->conn, n->now_ms);
        return true;
    }
    return false;
}

/* Until nothing moves any more, in no time at all. */
static inline void net_run(struct net *n)
{
    bool any = true;
    while (any) {
        any = false;
        for (int i = 0; i < n->count; i++)
            any |= net_drain(n, i);
        for (int i = 0; i < NET_PIPES_MAX; i++) {
            struct net_pipe *pipe = &n->pipes[i];
            if (!pipe->used)
                continue;
            for (int e = 0; e < 2; e++) {
                any |= net_deliver(n, pipe, e);
                if (pipe->ends[e].host >= 0)
                    any |= net_drain(n, pipe->ends[e].host);
            }
            if (pipe->ends[0].closed && pipe->ends[1].closed) {
                pipe->used = false;
                pipe->ends[0].in.used = pipe->ends[1].in.used = 0;
            }
        }
    }
}

/* Lets time pass, visiting every moment that a host asked for. */
static inline void net_pass(struct net *n, uint64_t ms)
{
    uint64_t end = n->now_ms + ms;
    net_run(n);
    while (n->now_ms < end) {
        uint64_t next = end;
        for (int i = 0; i < n->count; i++)
            next = min_u64(next, p2p_wake_at(n->hosts[i].p));
        n->now_ms = next > n->now_ms ? next : n->now_ms + 1;
        for (int i = 0; i < n->count; i++) {
            p2p_on_time(n->hosts[i].p, n->now_ms);
            (void)net_drain(n, i);
        }
        net_run(n);
    }
}

static inline void net_connect(struct net *n, int from, int to)
{
    struct p2p_endpoint e = net_endpoint(to);
    enum err bad = p2p_bootstrap(n->hosts[from].p, &e);
    assert(bad == ERR_OK);
    net_run(n);
}

#endif
