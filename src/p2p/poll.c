#include "p2p/host.h"

enum { LENGTH_SIZE = 4 };

void host_settle(struct p2p *p)
{
    if (!p->borrowed.active)
        return;
    p->borrowed.active = false;
    struct link *l = &p->links[p->borrowed.link];
    streams_frame_done(p, l, p->borrowed.slot, p->borrowed.len);
    link_touch(p, l);
}

static bool poll_event(struct p2p *p, struct p2p_out *out)
{
    if (p->events_count == 0)
        return false;
    const struct host_event *e = &p->events[p->events_head];
    p->events_head = (p->events_head + 1) % p->events_size;
    p->events_count--;
    *out = (struct p2p_out){
        .kind = e->kind, .conn = e->conn, .endpoint = e->endpoint, .peer = e->peer, .why = e->why};
    return true;
}

static void tell_message(const struct p2p *p, const struct gossip_out *g, struct p2p_out *out)
{
    *out = (struct p2p_out){.kind = P2P_OUT_GOSSIP,
                            .author = g->author,
                            .topic = g->topic,
                            .message = g->message,
                            .bytes = g->bytes};
    if (g->peer == MAP_NONE)
        return; /* It was ended, for a message before this one perhaps. */
    out->conn = p->links[g->peer].number;
    out->peer = p->links[g->peer].conn.peer;
}

/* What gossip wants: RPCs go into streams, messages to the user. */
static bool poll_gossip(struct p2p *p, struct p2p_out *out)
{
    struct gossip_out g;
    while (gossip_poll(p->gossip, &g)) {
        switch (g.kind) {
        case GOSSIP_OUT_RPC:
            streams_rpc(&p->links[g.peer], g.bytes);
            link_touch(p, &p->links[g.peer]);
            break;
        case GOSSIP_OUT_DISCONNECT:
            link_close(p, &p->links[g.peer], P2P_WHY_BAD_GOSSIP, g.why);
            break;
        case GOSSIP_OUT_MESSAGE:
            tell_message(p, &g, out);
            return true;
        }
    }
    return false;
}

/* The first bit at or after from, going round; UINT32_MAX: none. */
static uint32_t next_bit(const uint64_t *set, uint32_t words, uint32_t from)
{
    for (uint32_t i = 0; i <= words; i++) {
        uint32_t w = (from / 64 + i) % words;
        uint64_t bits = i == 0 ? set[w] & UINT64_MAX << from % 64 : set[w];
        if (bits != 0)
            return w * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    return UINT32_MAX;
}

static bool poll_frame(struct p2p *p, struct p2p_out *out)
{
    uint32_t i;
    while ((i = next_bit(p->want_frame, HOST_WORDS, p->frame_turn)) != UINT32_MAX) {
        struct link *l = &p->links[i];
        uint32_t slot = next_bit(l->frames_ready, YAMUX_SLOTS_MAX / 64, 0);
        p->frame_turn = (i + 1) % P2P_CONNECTIONS_MAX;
        if (slot == UINT32_MAX) {
            p->want_frame[i / 64] &= ~(1ull << i % 64);
            continue;
        }
        const struct rope *in = &l->conn.streams[slot].in;
        uint8_t head[LENGTH_SIZE];
        (void)rope_peek(in, (struct room){head, sizeof head});
        size_t len =
            (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        struct span all = rope_view(in, LENGTH_SIZE + len, p->frame);
        p->borrowed.active = true;
        p->borrowed.link = i;
        p->borrowed.slot = (uint16_t)slot;
        p->borrowed.len = LENGTH_SIZE + len;
        *out = (struct p2p_out){.kind = P2P_OUT_FRAME,
                                .conn = l->number,
                                .peer = l->conn.peer,
                                .protocol =
                                    l->streams[slot].protocol == PROTOCOL_BFT ? P2P_BFT : P2P_BLOB,
                                .bytes = span_of(all.ptr + LENGTH_SIZE, len)};
        return true;
    }
    return false;
}

/* The bytes of one link for the wire; false: none now. */
static bool take_bytes(struct p2p *p, struct link *l, struct p2p_out *out)
{
    size_t len = 0;
    if (!l->connected || l->inflight >= HOST_WRITE_WINDOW)
        return false;
    enum p2p_why why = conn_out(&l->conn, p->wire, &len);
    if (why != P2P_WHY_NONE) {
        link_close(p, l, why, NULL);
        return false;
    }
    streams_step(p, l); /* What was drained may go on. */
    if (len == 0)
        return false;
    l->inflight += len;
    p->counters.bytes_out += len;
    *out = (struct p2p_out){
        .kind = P2P_OUT_WRITE, .conn = l->number, .bytes = span_of(p->wire.ptr, len)};
    return true;
}

static bool poll_write(struct p2p *p, struct p2p_out *out)
{
    uint32_t i;
    while ((i = next_bit(p->want_write, HOST_WORDS, p->write_turn)) != UINT32_MAX) {
        struct link *l = &p->links[i];
        p->write_turn = (i + 1) % P2P_CONNECTIONS_MAX;
        p->want_write[i / 64] &= ~(1ull << i % 64);
        if (take_bytes(p, l, out)) {
            link_touch(p, l);
            return true;
        }
        if (l->conn.state != CONN_CLOSING)
            continue;
        *out = (struct p2p_out){.kind = P2P_OUT_CLOSE, .conn = l->number, .why = l->why};
        link_free(p, l);
        return true;
    }
    return false;
}

/* Gossip counts for itself; the user sees one set of counters. */
static void copy_counters(struct p2p *p)
{
    const struct gossip_counters *g = gossip_counters(p->gossip);
    struct p2p_counters *c = &p->counters;
    c->gossip_in = g->messages_in;
    c->gossip_out = g->messages_out;
    c->gossip_duplicate = g->duplicate;
    c->gossip_rejected = g->rejected + g->bad_signature;
    c->gossip_ignored = g->ignored;
    c->graft = g->graft_in + g->graft_out;
    c->prune = g->prune_in + g->prune_out;
    c->ihave = g->ihave_in + g->ihave_out;
    c->iwant = g->iwant_in + g->iwant_out;
}

bool p2p_poll(struct p2p *p, struct p2p_out *out)
{
    host_settle(p);
    if (poll_event(p, out) || poll_gossip(p, out) || poll_event(p, out) || poll_frame(p, out) ||
        poll_write(p, out))
        return true;
    copy_counters(p);
    return false;
}
