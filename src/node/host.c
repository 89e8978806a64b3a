#include "node/host.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/hex.h"

struct host {
    struct arena memory;
    struct p2p *p2p;
    struct host_carrier carrier;
    struct node *node;
    uint64_t now_ms;
    bool draining;
    char topic[64];
    uint8_t frame[P2P_FRAME_MAX]; /* a copy: the node answers while it reads */
};

enum err host_open(struct host **out, const struct p2p_config *c,
                   const struct host_carrier *carrier, const struct hash *network, uint64_t now_ms)
{
    struct host *h = calloc(1, sizeof *h);
    if (h == NULL)
        return ERR_NO_MEMORY;
    char hex[17];
    hex_encode(span_of(network->bytes, 8), hex, sizeof hex);
    snprintf(h->topic, sizeof h->topic, "/platform/%s/ops/1", hex);
    h->carrier = *carrier;
    h->now_ms = now_ms;
    enum err e = arena_open(&h->memory, p2p_arena_size(c));
    if (e == ERR_OK)
        e = p2p_init(&h->p2p, &h->memory, c, now_ms);
    if (e == ERR_OK)
        e = p2p_subscribe(h->p2p, h->topic);
    if (e != ERR_OK) {
        host_close(h);
        return e;
    }
    *out = h;
    return ERR_OK;
}

void host_close(struct host *h)
{
    if (h == NULL)
        return;
    p2p_deinit(h->p2p);
    arena_close(&h->memory);
    free(h);
}

struct p2p *host_p2p(struct host *h)
{
    return h->p2p;
}

void host_attach(struct host *h, struct node *n)
{
    h->node = n;
}

static void on_frame(struct host *h, const struct p2p_out *out)
{
    struct peer_id from = out->peer;
    enum p2p_protocol protocol = out->protocol;
    size_t len = out->bytes.len;
    assert(len <= sizeof h->frame);
    memcpy(h->frame, out->bytes.ptr, len);
    node_on_frame(h->node, &from, protocol, span_of(h->frame, len), h->now_ms);
}

static void on_gossip(struct host *h, const struct p2p_out *out)
{
    struct peer_id relay = out->peer;
    uint64_t message = out->message;
    size_t len = out->bytes.len;
    assert(len <= sizeof h->frame);
    memcpy(h->frame, out->bytes.ptr, len);
    node_on_gossip(h->node, message, &relay, span_of(h->frame, len), h->now_ms);
}

static void on_out(struct host *h, const struct p2p_out *out)
{
    struct peer_id peer = out->peer;
    switch (out->kind) {
    case P2P_OUT_DIAL:
        h->carrier.dial(h->carrier.ctx, out->conn, &out->endpoint);
        break;
    case P2P_OUT_WRITE:
        h->carrier.write(h->carrier.ctx, out->conn, out->bytes);
        break;
    case P2P_OUT_CLOSE:
        h->carrier.hang_up(h->carrier.ctx, out->conn);
        break;
    case P2P_OUT_PEER_UP:
        if (h->node != NULL)
            node_on_peer_up(h->node, &peer, h->now_ms);
        break;
    case P2P_OUT_PEER_DOWN:
        if (h->node != NULL)
            node_on_peer_down(h->node, &peer, h->now_ms);
        break;
    case P2P_OUT_FRAME:
        if (h->node != NULL)
            on_frame(h, out);
        break;
    case P2P_OUT_GOSSIP:
        if (h->node != NULL)
            on_gossip(h, out);
        break;
    }
}

/* Only the outermost call drains: what a callback asks for is taken up by it. */
static void drain(struct host *h)
{
    if (h->draining)
        return;
    h->draining = true;
    struct p2p_out out;
    while (p2p_poll(h->p2p, &out))
        on_out(h, &out);
    h->draining = false;
}

/* --- what the carrier reports */

static void at(struct host *h, uint64_t now_ms)
{
    h->now_ms = max_u64(h->now_ms, now_ms);
}

void host_on_accepted(struct host *h, uint32_t conn, const struct p2p_endpoint *from,
                      uint64_t now_ms)
{
    at(h, now_ms);
    p2p_on_accepted(h->p2p, conn, from, h->now_ms);
    drain(h);
}

void host_on_refused(struct host *h)
{
    p2p_on_refused(h->p2p);
}

void host_on_dialed(struct host *h, uint32_t conn, bool ok, uint64_t now_ms)
{
    at(h, now_ms);
    p2p_on_dialed(h->p2p, conn, ok, h->now_ms);
    drain(h);
}

void host_on_data(struct host *h, uint32_t conn, struct span bytes, uint64_t now_ms)
{
    at(h, now_ms);
    p2p_on_data(h->p2p, conn, bytes, h->now_ms);
    drain(h);
}

void host_on_written(struct host *h, uint32_t conn, size_t bytes, uint64_t now_ms)
{
    at(h, now_ms);
    p2p_on_written(h->p2p, conn, bytes, h->now_ms);
    drain(h);
}

void host_on_closed(struct host *h, uint32_t conn, uint64_t now_ms)
{
    at(h, now_ms);
    p2p_on_closed(h->p2p, conn, h->now_ms);
    drain(h);
}

void host_on_time(struct host *h, uint64_t now_ms)
{
    at(h, now_ms);
    p2p_on_time(h->p2p, h->now_ms);
    drain(h);
}

uint64_t host_wake_at(const struct host *h)
{
    return p2p_wake_at(h->p2p);
}

/* --- what the node asks for */

static bool world_send(void *ctx, const struct peer_id *to, enum p2p_protocol protocol,
                       struct span frame)
{
    struct host *h = ctx;
    bool sent = p2p_send(h->p2p, to, protocol, frame, h->now_ms) == ERR_OK;
    drain(h);
    return sent;
}

static void world_publish(void *ctx, struct span data)
{
    struct host *h = ctx;
    err_ignore(p2p_publish(h->p2p, h->topic, data, h->now_ms)); /* Kept for IWANT in any case. */
    drain(h);
}

static void world_validate(void *ctx, uint64_t message, enum p2p_verdict verdict)
{
    struct host *h = ctx;
    p2p_validate(h->p2p, message, verdict, h->now_ms);
    drain(h);
}

static void world_disconnect(void *ctx, const struct peer_id *peer, const char *why)
{
    struct host *h = ctx;
    p2p_disconnect(h->p2p, peer, why, h->now_ms);
    drain(h);
}

void host_world(struct host *h, struct world *w)
{
    w->send = world_send;
    w->publish = world_publish;
    w->validate = world_validate;
    w->disconnect = world_disconnect;
    w->net = h;
}
