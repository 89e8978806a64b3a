#include "p2p/host.h"

#include "codec/varint.h"
#include "p2p/peers.h"

enum { LENGTH_SIZE = 4 };

void streams_reset(struct link *l)
{
    for (uint32_t i = 0; i < l->conn.stream_count; i++)
        l->streams[i] = (struct stream){0};
    for (uint32_t i = 0; i < PROTOCOL_COUNT; i++) {
        l->out[i] = YAMUX_NONE;
        l->in[i] = 0;
    }
    memset(l->frames_ready, 0, sizeof l->frames_ready);
    l->streams_wake_ms = UINT64_MAX;
}

static void set_deadline(struct p2p *p, struct link *l, struct stream *s)
{
    s->deadline_ms = time_add(p->now_ms, p->limits.negotiate_ms);
    l->streams_wake_ms = min_u64(l->streams_wake_ms, s->deadline_ms);
}

/* The host's side of a stream that yamux has given up, or is about to. */
static void forget(struct p2p *p, struct link *l, uint16_t slot)
{
    struct stream *s = &l->streams[slot];
    if (!s->outbound && s->agreed)
        l->in[s->protocol]--;
    if (s->outbound && l->out[s->protocol] == slot) {
        l->out[s->protocol] = YAMUX_NONE;
        bool gossip = s->protocol == PROTOCOL_MESHSUB_11 || s->protocol == PROTOCOL_MESHSUB_10;
        if (gossip && l->gossip_up) {
            l->gossip_up = false;
            gossip_peer_down(p->gossip, host_index(p, l), p->now_ms);
        }
    }
    l->frames_ready[slot / 64] &= ~(1ull << slot % 64);
    *s = (struct stream){0};
}

static void drop(struct p2p *p, struct link *l, uint16_t slot)
{
    yamux_reset(&l->conn.yamux, slot);
    forget(p, l, slot);
}

/* Our side is done; the peer has a deadline to be done as well. */
static void finish(struct p2p *p, struct link *l, uint16_t slot)
{
    yamux_close(&l->conn.yamux, slot);
    set_deadline(p, l, &l->streams[slot]);
}

uint16_t streams_open(struct p2p *p, struct link *l, enum protocol protocol)
{
    uint8_t bytes[MULTISTREAM_WRITE_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    uint16_t slot = yamux_open(&l->conn.yamux, p->now_ms);
    if (slot == YAMUX_NONE)
        return slot;
    struct stream *s = &l->streams[slot];
    *s = (struct stream){.used = true, .outbound = true, .protocol = protocol};
    s->mss = multistream_dial(&protocols_all()[protocol], 1, &w);
    if (yamux_write(&l->conn.yamux, slot, wr_done(&w)) != ERR_OK) {
        drop(p, l, slot);
        return YAMUX_NONE;
    }
    l->out[protocol] = slot;
    set_deadline(p, l, s);
    return slot;
}

/* A message with a uvarint length at the front of a stream.
 *   *whole        the message and its length are there; len and prefix are set
 * ERR_TOO_BIG, ERR_MALFORMED: the peer is at fault. */
static enum err front_message(const struct yamux_stream *ys, size_t max, size_t *prefix,
                              size_t *len, bool *whole)
{
    uint8_t bytes[UVARINT_SIZE_MAX];
    uint64_t x = 0;
    size_t n = rope_peek(&ys->in, (struct room){bytes, sizeof bytes});
    *whole = false;
    if (uvarint_peek(span_of(bytes, n), &x, prefix) != ERR_OK)
        return ERR_MALFORMED;
    if (*prefix == 0)
        return ERR_OK;
    if (x > max)
        return ERR_TOO_BIG;
    *len = (size_t)x;
    *whole = ys->in.len >= *prefix + *len;
    return ERR_OK;
}

/* The message behind a prefix, in place or in the host's frame room. */
static struct span view(struct p2p *p, struct link *l, uint16_t slot, size_t prefix, size_t len)
{
    struct span s = rope_view(&l->conn.streams[slot].in, prefix + len, p->frame);
    return span_of(s.ptr + prefix, len);
}

/* Answers of one frame: identify, its push, and the list of peers. */
static void answer_identify(struct p2p *p, struct link *l, uint16_t slot)
{
    uint8_t bytes[IDENTIFY_SIZE_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    struct identify about = p->about;
    about.has_observed = true;
    about.observed = l->remote;
    about.observed.has_peer = false;
    identify_encode(&w, &p->key, &about);
    if (yamux_write(&l->conn.yamux, slot, wr_done(&w)) != ERR_OK)
        drop(p, l, slot);
    else
        finish(p, l, slot);
}

static void answer_peers(struct p2p *p, struct link *l, uint16_t slot)
{
    struct peers_entry entries[PEERS_MAX];
    uint8_t bytes[PEERS_FRAME_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    uint32_t count = 0;
    for (uint32_t i = 0; i < p->order_count && count < PEERS_MAX; i++) {
        const struct link *other = &p->links[p->order[i]];
        if (other == l || other->info.listen_count == 0)
            continue;
        struct peers_entry *e = &entries[count++];
        *e = (struct peers_entry){.peer = other->conn.peer, .count = other->info.listen_count};
        memcpy(e->addresses, other->info.listen, sizeof e->addresses);
    }
    static_assert(sizeof entries[0].addresses == sizeof l->info.listen);
    peers_encode(&w, entries, count);
    if (yamux_write(&l->conn.yamux, slot, wr_done(&w)) != ERR_OK)
        drop(p, l, slot);
    else
        finish(p, l, slot);
}

/* An identify answer or a push, frame by frame, until the peer's FIN. */
static void read_identify(struct p2p *p, struct link *l, uint16_t slot)
{
    struct yamux_stream *ys = &l->conn.streams[slot];
    struct stream *s = &l->streams[slot];
    bool whole = true;
    while (whole) {
        size_t prefix, len;
        enum err e = front_message(ys, IDENTIFY_FRAME_MAX, &prefix, &len, &whole);
        if (e == ERR_OK && whole && ++s->frames > IDENTIFY_FRAMES_MAX)
            e = ERR_TOO_BIG;
        if (e == ERR_OK && whole)
            e = identify_merge(view(p, l, slot, prefix, len), &l->conn.peer, &l->incoming);
        if (e != ERR_OK) {
            link_close(p, l, e == ERR_TOO_BIG ? P2P_WHY_TOO_BIG : P2P_WHY_BAD_IDENTIFY, NULL);
            return;
        }
        if (whole)
            yamux_read(&l->conn.yamux, slot, prefix + len);
    }
    if (!ys->fin_in)
        return;
    if (ys->in.len != 0 || s->frames == 0) { /* Cut short. */
        link_close(p, l, P2P_WHY_BAD_IDENTIFY, NULL);
        return;
    }
    finish(p, l, slot);
    link_identified(p, l);
}

static void read_peers(struct p2p *p, struct link *l, uint16_t slot)
{
    struct peers_entry entries[PEERS_MAX];
    struct yamux_stream *ys = &l->conn.streams[slot];
    size_t prefix, len;
    uint32_t count = 0;
    bool whole;
    enum err e = front_message(ys, PEERS_FRAME_MAX, &prefix, &len, &whole);
    if (e == ERR_OK && whole)
        e = peers_decode(view(p, l, slot, prefix, len), entries, &count);
    if (e != ERR_OK) {
        link_close(p, l, e == ERR_TOO_BIG ? P2P_WHY_TOO_BIG : P2P_WHY_BAD_PEERS, NULL);
        return;
    }
    if (!whole)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (!peer_id_equal(&entries[i].peer, &p->self))
            link_learn(p, l, &entries[i].peer, entries[i].addresses, entries[i].count);
    yamux_read(&l->conn.yamux, slot, ys->in.len);
    finish(p, l, slot);
    host_dial(p);
}

/* Echo whole pings, but never more than the peer takes back. */
static void echo_ping(struct p2p *p, struct link *l, uint16_t slot)
{
    struct yamux_stream *ys = &l->conn.streams[slot];
    uint8_t bytes[HOST_PING_SIZE];
    while (ys->in.len >= sizeof bytes && ys->out.len < 8 * sizeof bytes) {
        (void)rope_peek(&ys->in, (struct room){bytes, sizeof bytes});
        if (yamux_write(&l->conn.yamux, slot, span_of(bytes, sizeof bytes)) != ERR_OK)
            break;
        yamux_read(&l->conn.yamux, slot, sizeof bytes);
    }
    if (ys->in.len < sizeof bytes && ys->fin_in && !ys->send_fin && !ys->fin_sent) {
        yamux_read(&l->conn.yamux, slot, ys->in.len);
        finish(p, l, slot);
    }
}

static void read_pong(struct p2p *p, struct link *l, uint16_t slot)
{
    struct yamux_stream *ys = &l->conn.streams[slot];
    struct stream *s = &l->streams[slot];
    uint8_t bytes[HOST_PING_SIZE];
    if (s->sent_ms == UINT64_MAX || ys->in.len < sizeof bytes)
        return;
    (void)rope_peek(&ys->in, (struct room){bytes, sizeof bytes});
    if (memcmp(bytes, s->ping, sizeof bytes) != 0 || ys->in.len != sizeof bytes) {
        link_close(p, l, P2P_WHY_BAD_PING, NULL);
        return;
    }
    uint64_t ms = max_u64(p->now_ms - s->sent_ms, 1);
    l->ping_us = (uint32_t)min_u64(ms * 1000, UINT32_MAX);
    l->conn.yamux.rtt_ms = (uint32_t)min_u64(ms, UINT32_MAX);
    l->ping_deadline_ms = UINT64_MAX;
    s->sent_ms = UINT64_MAX;
    p->counters.pings++;
    yamux_read(&l->conn.yamux, slot, sizeof bytes);
    finish(p, l, slot);
}

static void read_gossip(struct p2p *p, struct link *l, uint16_t slot)
{
    struct yamux_stream *ys = &l->conn.streams[slot];
    bool whole = l->gossip_up; /* Before that it waits, within its window. */
    while (whole) {
        size_t prefix, len;
        enum err e = front_message(ys, GOSSIP_RPC_IN_MAX, &prefix, &len, &whole);
        if (e != ERR_OK) {
            link_close(p, l, e == ERR_TOO_BIG ? P2P_WHY_TOO_BIG : P2P_WHY_BAD_GOSSIP, NULL);
            return;
        }
        if (!whole)
            break;
        gossip_on_rpc(p->gossip, host_index(p, l), view(p, l, slot, prefix, len), p->now_ms);
        yamux_read(&l->conn.yamux, slot, prefix + len);
    }
}

/* Frames of ours: mark the stream when a whole one is there for the user. */
static void read_frames(struct p2p *p, struct link *l, uint16_t slot)
{
    struct yamux_stream *ys = &l->conn.streams[slot];
    uint8_t bytes[LENGTH_SIZE];
    if (rope_peek(&ys->in, (struct room){bytes, sizeof bytes}) < sizeof bytes)
        return;
    struct rd r = rd_init(span_of(bytes, sizeof bytes));
    uint32_t len = rd_u32(&r);
    if (len > P2P_FRAME_MAX) {
        link_close(p, l, P2P_WHY_TOO_BIG, "frame_too_big");
        return;
    }
    if (!l->up || ys->in.len < LENGTH_SIZE + len)
        return;
    l->frames_ready[slot / 64] |= 1ull << slot % 64;
    uint32_t index = host_index(p, l);
    p->want_frame[index / 64] |= 1ull << index % 64;
}

static bool frame_waits(const struct link *l, uint16_t slot)
{
    return (l->frames_ready[slot / 64] >> slot % 64 & 1) != 0;
}

void streams_frame_done(struct p2p *p, struct link *l, uint16_t slot, size_t len)
{
    l->frames_ready[slot / 64] &= ~(1ull << slot % 64);
    yamux_read(&l->conn.yamux, slot, len);
    p->counters.frames_in++;
    read_frames(p, l, slot);
    if (l->conn.state == CONN_OPEN && !frame_waits(l, slot))
        yamux_credit(&l->conn.yamux, slot, p->now_ms);
}

/* A stream has just agreed on its protocol. */
static void on_agreed(struct p2p *p, struct link *l, uint16_t slot)
{
    struct stream *s = &l->streams[slot];
    s->agreed = true;
    s->deadline_ms = UINT64_MAX;
    if (!s->outbound) {
        s->protocol = (enum protocol)s->mss.choice;
        if (++l->in[s->protocol] > HOST_STREAMS_IN_MAX) {
            p->counters.limit_hits++;
            drop(p, l, slot);
            return;
        }
    }
    switch (s->protocol) {
    case PROTOCOL_IDENTIFY:
        if (!s->outbound)
            answer_identify(p, l, slot);
        else
            set_deadline(p, l, s);
        break;
    case PROTOCOL_PUSH:
        if (s->outbound) {
            answer_identify(p, l, slot);
        } else if (!l->identified || p->now_ms < l->push_at_ms) {
            p->counters.limit_hits++;
            drop(p, l, slot);
        } else {
            l->push_at_ms = time_add(p->now_ms, HOST_PUSH_MS);
            l->incoming = (struct identify){0};
            set_deadline(p, l, s);
        }
        break;
    case PROTOCOL_PEERS:
        if (!s->outbound)
            answer_peers(p, l, slot);
        else
            set_deadline(p, l, s);
        break;
    case PROTOCOL_PING:
    case PROTOCOL_MESHSUB_11:
    case PROTOCOL_MESHSUB_10:
    case PROTOCOL_BFT:
    case PROTOCOL_BLOB:
        break;
    }
}

static void negotiate(struct p2p *p, struct link *l, uint16_t slot)
{
    struct yamux_stream *ys = &l->conn.streams[slot];
    struct stream *s = &l->streams[slot];
    uint8_t bytes[MULTISTREAM_READ_MAX], answer[MULTISTREAM_WRITE_MAX];
    struct wr w = wr_init((struct room){answer, sizeof answer});
    size_t used, len = rope_peek(&ys->in, (struct room){bytes, sizeof bytes});
    enum multistream_result r = multistream_step(&s->mss, span_of(bytes, len), &used, &w);
    yamux_read(&l->conn.yamux, slot, used);
    struct span reply = wr_done(&w);
    bool stuck = reply.len != 0 && yamux_write(&l->conn.yamux, slot, reply) == ERR_FULL;
    switch (r) {
    case MULTISTREAM_AGREED:
        if (!stuck) {
            on_agreed(p, l, slot);
            return;
        }
        break;
    case MULTISTREAM_MORE:
        if (!stuck && !ys->fin_in)
            return;
        break;
    case MULTISTREAM_NONE:
        l->info.protocols &= ~(1u << s->protocol);
        break;
    case MULTISTREAM_BROKEN:
        p->counters.protocol_errors++;
        break;
    }
    bool identify = s->outbound && s->protocol == PROTOCOL_IDENTIFY;
    drop(p, l, slot);
    if (identify && !l->identified) /* It does not say who it is. */
        link_close(p, l, P2P_WHY_BAD_IDENTIFY, NULL);
}

static void run_protocol(struct p2p *p, struct link *l, uint16_t slot)
{
    struct yamux_stream *ys = &l->conn.streams[slot];
    struct stream *s = &l->streams[slot];
    bool done = s->outbound ? ys->send_fin || ys->fin_sent : false;
    switch (s->protocol) {
    case PROTOCOL_IDENTIFY:
        if (s->outbound && !done)
            read_identify(p, l, slot);
        break;
    case PROTOCOL_PUSH:
        if (!s->outbound && !ys->send_fin && !ys->fin_sent)
            read_identify(p, l, slot);
        break;
    case PROTOCOL_PEERS:
        if (s->outbound && !done)
            read_peers(p, l, slot);
        break;
    case PROTOCOL_PING:
        if (s->outbound)
            read_pong(p, l, slot);
        else
            echo_ping(p, l, slot);
        break;
    case PROTOCOL_MESHSUB_11:
    case PROTOCOL_MESHSUB_10:
        if (!s->outbound)
            read_gossip(p, l, slot);
        else if (ys->out.len == 0 && l->gossip_up)
            gossip_credit(p->gossip, host_index(p, l), GOSSIP_CREDIT_MAX);
        break;
    case PROTOCOL_BFT:
    case PROTOCOL_BLOB:
        if (!s->outbound)
            read_frames(p, l, slot);
        break;
    }
}

/* Whether bytes that nobody will read may be thrown away. */
static bool ignores_input(const struct stream *s, const struct yamux_stream *ys)
{
    if (ys->send_fin || ys->fin_sent)
        return true;
    bool writes_only = s->protocol != PROTOCOL_IDENTIFY && s->protocol != PROTOCOL_PEERS &&
                       s->protocol != PROTOCOL_PING;
    return s->outbound && writes_only;
}

/* Whether something whole waits in a stream, so that the peer gets no credit
 * for more. */
static bool is_held_back(const struct link *l, const struct stream *s,
                         const struct yamux_stream *ys)
{
    switch (s->protocol) {
    case PROTOCOL_PING:
        return !s->outbound && ys->in.len >= HOST_PING_SIZE;
    case PROTOCOL_MESHSUB_11:
    case PROTOCOL_MESHSUB_10:
        return !s->outbound && !l->gossip_up;
    case PROTOCOL_BFT:
    case PROTOCOL_BLOB:
        return !s->outbound && !l->up;
    case PROTOCOL_IDENTIFY:
    case PROTOCOL_PUSH:
    case PROTOCOL_PEERS:
        return false;
    }
    return false;
}

static void stream_step(struct p2p *p, struct link *l, uint16_t slot)
{
    struct yamux *y = &l->conn.yamux;
    struct yamux_stream *ys = &l->conn.streams[slot];
    struct stream *s = &l->streams[slot];
    if (!s->used) {
        *s = (struct stream){.used = true};
        s->mss = multistream_listen(protocols_all(), PROTOCOL_COUNT);
        set_deadline(p, l, s);
    }
    if (!ys->reset_in && !s->agreed)
        negotiate(p, l, slot);
    if (l->conn.state == CONN_OPEN && s->used && s->agreed && !ys->reset_in)
        run_protocol(p, l, slot);
    if (l->conn.state != CONN_OPEN || !s->used)
        return;
    if (s->agreed && ignores_input(s, ys))
        yamux_read(y, slot, ys->in.len);
    bool waits = frame_waits(l, slot);
    if (!ys->reset_in && ys->fin_in && !waits && s->agreed && !ys->send_fin && !ys->fin_sent &&
        ys->out.len == 0)
        finish(p, l, slot); /* The peer is done; so are we. */
    if (yamux_is_over(y, slot) && (ys->reset_in || !waits)) {
        bool identify = s->outbound && s->protocol == PROTOCOL_IDENTIFY && !l->identified;
        forget(p, l, slot);
        yamux_free(y, slot);
        if (identify)
            link_close(p, l, P2P_WHY_BAD_IDENTIFY, NULL);
        return;
    }
    if (!waits && (!s->agreed || !is_held_back(l, s, ys)))
        yamux_credit(y, slot, p->now_ms);
}

void streams_step(struct p2p *p, struct link *l)
{
    while (l->conn.state == CONN_OPEN) {
        uint16_t slot = yamux_ready(&l->conn.yamux);
        if (slot == YAMUX_NONE)
            break;
        if (l->conn.streams[slot].id != 0)
            stream_step(p, l, slot);
    }
}

void streams_kick(struct p2p *p, struct link *l)
{
    for (uint16_t i = 0; i < l->conn.stream_count && l->conn.state == CONN_OPEN; i++)
        if (l->streams[i].used && l->streams[i].agreed)
            stream_step(p, l, i);
}

void streams_tick(struct p2p *p, struct link *l)
{
    if (l->streams_wake_ms > p->now_ms)
        return;
    uint64_t wake = UINT64_MAX;
    for (uint16_t i = 0; i < l->conn.stream_count; i++) {
        struct stream *s = &l->streams[i];
        if (!s->used)
            continue;
        if (s->deadline_ms <= p->now_ms) {
            p->counters.limit_hits++;
            drop(p, l, i);
        } else {
            wake = min_u64(wake, s->deadline_ms);
        }
    }
    l->streams_wake_ms = wake;
}

void streams_gossip(struct p2p *p, struct link *l)
{
    uint32_t have = l->info.protocols;
    bool v11 = (have & 1u << PROTOCOL_MESHSUB_11) != 0;
    if (l->gossip_up || (!v11 && (have & 1u << PROTOCOL_MESHSUB_10) == 0))
        return;
    uint16_t slot = streams_open(p, l, v11 ? PROTOCOL_MESHSUB_11 : PROTOCOL_MESHSUB_10);
    if (slot == YAMUX_NONE)
        return;
    struct gossip_peer peer = {
        .id = l->conn.peer, .outbound = !l->inbound, .protocol = v11 ? GOSSIP_V11 : GOSSIP_V10};
    size_t prefix = l->remote.family == 4 ? 3 : 6;
    peer.address_group = l->remote.family;
    for (size_t i = 0; i < prefix; i++)
        peer.address_group = peer.address_group << 8 | l->remote.address[i];
    l->gossip_up = true;
    gossip_peer_up(p->gossip, host_index(p, l), &peer, p->now_ms);
    gossip_credit(p->gossip, host_index(p, l), GOSSIP_CREDIT_MAX);
}

void streams_ping(struct p2p *p, struct link *l)
{
    l->ping_at_ms = time_add(p->now_ms, HOST_PING_MS);
    if (l->ping_deadline_ms != UINT64_MAX)
        return; /* One is on its way, and its deadline stands. */
    uint16_t slot = streams_open(p, l, PROTOCOL_PING);
    if (slot == YAMUX_NONE)
        return;
    struct stream *s = &l->streams[slot];
    prng_fill(&p->prng, (struct room){s->ping, sizeof s->ping});
    s->sent_ms = p->now_ms;
    l->ping_deadline_ms = time_add(p->now_ms, HOST_PING_TIMEOUT_MS);
    if (yamux_write(&l->conn.yamux, slot, span_of(s->ping, sizeof s->ping)) != ERR_OK)
        drop(p, l, slot);
}

void streams_push(struct p2p *p, struct link *l)
{
    if (l->up && l->info.protocols & 1u << PROTOCOL_PUSH && l->out[PROTOCOL_PUSH] == YAMUX_NONE)
        (void)streams_open(p, l, PROTOCOL_PUSH);
}

void streams_rpc(struct link *l, struct span bytes)
{
    uint16_t slot = l->out[PROTOCOL_MESHSUB_11];
    if (slot == YAMUX_NONE)
        slot = l->out[PROTOCOL_MESHSUB_10];
    /* What does not fit is lost like on any slow link: IHAVE tells of it. */
    if (slot != YAMUX_NONE)
        (void)yamux_write(&l->conn.yamux, slot, bytes);
}

enum err streams_send(struct p2p *p, struct link *l, enum protocol protocol, struct span frame)
{
    uint8_t head[LENGTH_SIZE];
    struct wr w = wr_init((struct room){head, sizeof head});
    struct rope_budget *b = &l->conn.budget;
    if ((l->info.protocols & 1u << protocol) == 0)
        return ERR_UNSUPPORTED;
    if (b->used + frame.len + 2 * ROPE_BLOCK_SIZE > b->max - b->max / 4)
        return ERR_FULL;
    if (l->out[protocol] == YAMUX_NONE && streams_open(p, l, protocol) == YAMUX_NONE)
        return ERR_FULL;
    uint16_t slot = l->out[protocol];
    if (!rope_fits(&l->conn.streams[slot].out, b, LENGTH_SIZE + frame.len))
        return ERR_FULL;
    wr_u32(&w, (uint32_t)frame.len);
    enum err e = yamux_write(&l->conn.yamux, slot, wr_done(&w));
    return e == ERR_OK ? yamux_write(&l->conn.yamux, slot, frame) : e;
}
