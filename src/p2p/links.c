#include "p2p/host.h"

#include "crypto/secret.h"

static bool is_loopback(const struct p2p_endpoint *e)
{
    static const uint8_t one[16] = {[15] = 1};
    return e->family == 4 ? e->address[0] == 127 : memcmp(e->address, one, sizeof one) == 0;
}

/* How far an address reaches. */
enum reach { REACH_NOWHERE, REACH_LOOPBACK, REACH_PRIVATE, REACH_PUBLIC };

static enum reach reach_ip4(const uint8_t a[4])
{
    if (a[0] == 0 || a[0] >= 224)
        return REACH_NOWHERE;
    if (a[0] == 127)
        return REACH_LOOPBACK;
    bool private = a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
                   (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254) ||
                   (a[0] == 100 && (a[1] & 0xc0) == 64);
    return private ? REACH_PRIVATE : REACH_PUBLIC;
}

static enum reach reach_of(const struct p2p_endpoint *e)
{
    static const uint8_t zero[12], mapped[12] = {[10] = 0xff, [11] = 0xff};
    const uint8_t *a = e->address;
    if (e->family == 4)
        return reach_ip4(a);
    if (is_loopback(e))
        return REACH_LOOPBACK;
    if (memcmp(a, mapped, sizeof mapped) == 0)
        return reach_ip4(a + 12);
    if (memcmp(a, zero, sizeof zero) == 0 || a[0] == 0xff)
        return REACH_NOWHERE;
    if ((a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80))
        return REACH_PRIVATE;
    return REACH_PUBLIC;
}

static bool is_unspecified(const struct p2p_endpoint *e)
{
    static const uint8_t zero[16];
    return memcmp(e->address, zero, e->family == 4 ? 4 : 16) == 0;
}

/* One owner's addresses: an IPv4 address, an IPv6 /56. */
static bool same_owner(const struct p2p_endpoint *a, const struct p2p_endpoint *b)
{
    return a->family == b->family && memcmp(a->address, b->address, a->family == 4 ? 4 : 7) == 0;
}

static struct link *new_link(struct p2p *p, uint32_t number, const struct p2p_endpoint *remote)
{
    struct link *l = NULL;
    for (uint32_t i = 0; i < p->limits.connections && l == NULL; i++)
        if (p->links[i].conn.state == CONN_FREE)
            l = &p->links[i];
    assert(l != NULL);
    enum err e = map_put(&p->by_number, &number, host_index(p, l));
    assert(e == ERR_OK);
    l->number = number;
    l->remote = *remote;
    l->remote.has_peer = false;
    l->inbound = l->connected = l->proven = l->identified = l->up = l->gossip_up = false;
    l->has_expected = remote->has_peer;
    l->expected = remote->peer;
    l->book_entry = BOOK_NONE;
    l->proven_ms = 0;
    l->ping_at_ms = l->ping_deadline_ms = l->peers_at_ms = UINT64_MAX;
    l->push_at_ms = 0;
    l->ping_us = 0;
    l->inflight = 0;
    l->info = l->incoming = (struct identify){0};
    l->deadline_ms = time_add(p->now_ms, p->limits.handshake_ms);
    streams_reset(l);
    p->used++;
    p->pending++;
    return l;
}

static enum p2p_why refusal(const struct p2p *p, const struct p2p_endpoint *from)
{
    uint32_t same = 0;
    if (p->used >= p->limits.connections)
        return P2P_WHY_CONNECTIONS;
    if (p->pending >= p->limits.connections_pending)
        return P2P_WHY_PENDING;
    if (p->limits.loopback_exempt && is_loopback(from))
        return P2P_WHY_NONE;
    for (uint32_t i = 0; i < p->limits.connections; i++)
        same += p->links[i].conn.state != CONN_FREE && same_owner(&p->links[i].remote, from);
    return same >= p->limits.connections_per_address ? P2P_WHY_PER_ADDRESS : P2P_WHY_NONE;
}

void link_accept(struct p2p *p, uint32_t number, const struct p2p_endpoint *from)
{
    enum p2p_why why = refusal(p, from);
    if (why != P2P_WHY_NONE) {
        p->counters.limit_hits++;
        p->counters.closed[why]++;
        host_event(p, &(struct host_event){
                          .kind = P2P_OUT_CLOSE, .conn = number, .why = p2p_why_text(why)});
        return;
    }
    struct p2p_endpoint remote = *from;
    remote.has_peer = false;
    struct link *l = new_link(p, number, &remote);
    l->inbound = l->connected = true;
    p->counters.accepts++;
    link_start(p, l, false);
}

void link_dial(struct p2p *p, uint32_t book_entry, const struct p2p_endpoint *to)
{
    do
        p->next_number = (p->next_number + 1) & INT32_MAX;
    while (map_get(&p->by_number, &p->next_number) != MAP_NONE);
    struct link *l = new_link(p, p->next_number, to);
    l->book_entry = book_entry;
    l->conn.state = CONN_DIALING;
    p->dialing++;
    p->counters.dials++;
    host_event(p, &(struct host_event){.kind = P2P_OUT_DIAL, .conn = l->number, .endpoint = *to});
    link_touch(p, l);
}

void link_start(struct p2p *p, struct link *l, bool dialer)
{
    uint8_t secret[X25519_SIZE];
    host_secret(p, secret);
    l->deadline_ms = time_add(p->now_ms, p->limits.handshake_ms);
    conn_start(&l->conn, &p->shared, dialer, secret);
    secret_wipe(secret, sizeof secret);
    link_touch(p, l);
}

void link_touch(struct p2p *p, struct link *l)
{
    uint32_t i = host_index(p, l);
    if (l->conn.state == CONN_CLOSING || (l->connected && conn_has_out(&l->conn)))
        p->want_write[i / 64] |= 1ull << i % 64;
    uint64_t wake = l->identified ? UINT64_MAX : l->deadline_ms;
    wake = min_u64(wake, min_u64(l->ping_at_ms, l->ping_deadline_ms));
    wake = min_u64(wake, min_u64(l->peers_at_ms, l->streams_wake_ms));
    p->wake_ms[i] = l->conn.state == CONN_CLOSING ? UINT64_MAX : wake;
}

/* Two links to one peer: whether fresh, just proven, replaces old.  Both ends
 * decide alike: of two dials that crossed, the one made by the smaller id stays;
 * otherwise the older one is dead to whoever dialled again. */
static bool replaces(const struct p2p *p, const struct link *fresh, const struct link *old)
{
    if (fresh->inbound == old->inbound || p->now_ms - old->proven_ms > p->limits.handshake_ms)
        return true;
    bool ours_stays = peer_id_compare(&p->self, &fresh->conn.peer) < 0;
    return fresh->inbound != ours_stays;
}

static struct link *proven_twin(struct p2p *p, const struct link *l)
{
    for (uint32_t i = 0; i < p->limits.connections; i++) {
        struct link *other = &p->links[i];
        if (other != l && other->proven && peer_id_equal(&other->conn.peer, &l->conn.peer))
            return other;
    }
    return NULL;
}

static void order_insert(struct p2p *p, struct link *l)
{
    uint32_t at = 0;
    while (at < p->order_count &&
           peer_id_compare(&p->links[p->order[at]].conn.peer, &l->conn.peer) < 0)
        at++;
    memmove(p->order + at + 1, p->order + at, (p->order_count - at) * sizeof *p->order);
    p->order[at] = host_index(p, l);
    p->order_count++;
}

static void order_remove(struct p2p *p, struct link *l)
{
    uint32_t at = 0;
    while (at < p->order_count && p->order[at] != host_index(p, l))
        at++;
    assert(at < p->order_count);
    p->order_count--;
    memmove(p->order + at, p->order + at + 1, (p->order_count - at) * sizeof *p->order);
}

static void trace_peer(struct p2p *p, const char *name, const struct link *l, const char *why)
{
    struct trace_event *e = trace_add(&p->trace, TRACE_INFO, name);
    struct hash key;
    memcpy(key.bytes, l->conn.peer_key.bytes, sizeof key.bytes);
    trace_u64(e, "conn", l->number);
    trace_hash(e, "peer_key", &key);
    trace_word(e, "side", l->inbound ? "inbound" : "outbound");
    if (why != NULL)
        trace_word(e, "why", why);
}

/* What begins once the user knows the peer. */
static void start_services(struct p2p *p, struct link *l)
{
    streams_gossip(p, l);
    streams_ping(p, l);
    if (p->order_count < p->target_peers || p->target_peers == 0)
        l->peers_at_ms = p->now_ms;
    else
        l->peers_at_ms = time_add(p->now_ms, HOST_PEERS_MS);
    streams_kick(p, l);
}

static void become_up(struct p2p *p, struct link *l, bool tell)
{
    l->up = true;
    order_insert(p, l);
    if (tell) {
        trace_peer(p, "p2p.peer_up", l, NULL);
        host_event(p, &(struct host_event){.kind = P2P_OUT_PEER_UP,
                                           .conn = l->number,
                                           .endpoint = l->remote,
                                           .peer = l->conn.peer});
    }
    start_services(p, l);
}

/* The handshake is over: the peer is who it says.  False: the link is closed. */
static bool on_proven(struct p2p *p, struct link *l)
{
    enum p2p_why why = P2P_WHY_NONE;
    if (peer_id_equal(&l->conn.peer, &p->self))
        why = P2P_WHY_SELF;
    else if (l->has_expected && !peer_id_equal(&l->conn.peer, &l->expected))
        why = P2P_WHY_WRONG_PEER;
    struct link *twin = why == P2P_WHY_NONE ? proven_twin(p, l) : NULL;
    if (twin != NULL && !replaces(p, l, twin))
        why = P2P_WHY_DUPLICATE;
    if (why != P2P_WHY_NONE) {
        link_close(p, l, why, NULL);
        return false;
    }
    l->proven = true;
    l->proven_ms = p->now_ms;
    p->pending--;
    p->counters.handshakes++;
    book_connected(&p->book, l->book_entry, &l->conn.peer);
    bool inherits = false;
    if (twin != NULL) {
        inherits = twin->up;
        l->info = twin->info;
        if (inherits)
            order_remove(p, twin);
        twin->up = false; /* The peer goes on, so nobody is told. */
        link_close(p, twin, P2P_WHY_DUPLICATE, NULL);
    }
    l->out[PROTOCOL_IDENTIFY] = streams_open(p, l, PROTOCOL_IDENTIFY);
    if (inherits)
        become_up(p, l, false);
    return true;
}

void link_data(struct p2p *p, struct link *l, struct span bytes)
{
    p->counters.bytes_in += bytes.len;
    enum p2p_why why = conn_in(&l->conn, bytes, p->limits.buffered_per_peer, p->now_ms);
    if (l->conn.state == CONN_OPEN && !l->proven && !on_proven(p, l))
        return;
    if (l->conn.state == CONN_OPEN)
        streams_step(p, l);
    if (why != P2P_WHY_NONE && l->conn.state != CONN_CLOSING)
        link_close(p, l, why, why == P2P_WHY_BAD_YAMUX ? yamux_why_text(l->conn.yamux.why) : NULL);
    else
        link_touch(p, l);
}

void link_learn(struct p2p *p, struct link *l, const struct peer_id *peer,
                const struct p2p_endpoint *addresses, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct p2p_endpoint *a = &addresses[i];
        enum reach reach = reach_of(a);
        /* A stranger on the internet must not make us scan our own network. */
        if (reach == REACH_NOWHERE || reach < reach_of(&l->remote) || a->port == 0)
            continue;
        book_learn(&p->book, peer, a, p->now_ms);
    }
}

/* The addresses that a peer told, as others may dial them: "any address" is the
 * one that we see the peer at. */
static uint32_t usable_addresses(const struct link *l, struct identify *info)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < info->listen_count; i++) {
        struct p2p_endpoint a = info->listen[i];
        if (a.has_peer && !peer_id_equal(&a.peer, &l->conn.peer))
            continue;
        a.has_peer = false;
        if (is_unspecified(&a)) {
            if (a.family != l->remote.family)
                continue;
            memcpy(a.address, l->remote.address, sizeof a.address);
        }
        info->listen[kept++] = a;
    }
    return kept;
}

void link_identified(struct p2p *p, struct link *l)
{
    struct identify told = l->incoming;
    told.listen_count = usable_addresses(l, &told);
    if (l->identified) { /* A push may tell a part only. */
        if (told.protocols == 0)
            told.protocols = l->info.protocols;
        if (told.agent[0] == '\0')
            memcpy(told.agent, l->info.agent, sizeof told.agent);
    }
    l->info = told;
    l->incoming = (struct identify){0};
    link_learn(p, l, &l->conn.peer, told.listen, told.listen_count);
    book_connected(&p->book, BOOK_NONE, &l->conn.peer);
    bool first = !l->identified;
    l->identified = true;
    if (first && !l->up)
        become_up(p, l, true);
}

void link_tick(struct p2p *p, struct link *l)
{
    if (!l->identified && l->deadline_ms <= p->now_ms) {
        p->counters.limit_hits++;
        link_close(p, l, l->connected ? P2P_WHY_HANDSHAKE_TIMEOUT : P2P_WHY_DIAL_FAILED, NULL);
        return;
    }
    if (l->conn.state == CONN_OPEN)
        streams_tick(p, l);
    if (l->ping_deadline_ms <= p->now_ms) {
        link_close(p, l, P2P_WHY_PING_TIMEOUT, NULL);
        return;
    }
    if (l->ping_at_ms <= p->now_ms) {
        streams_ping(p, l);
        streams_gossip(p, l); /* Again, when the peer had reset ours. */
    }
    if (l->peers_at_ms <= p->now_ms) {
        l->peers_at_ms = time_add(p->now_ms, HOST_PEERS_MS);
        bool wanted = p->order_count < p->target_peers;
        if (wanted && l->info.protocols & 1u << PROTOCOL_PEERS &&
            l->out[PROTOCOL_PEERS] == YAMUX_NONE)
            (void)streams_open(p, l, PROTOCOL_PEERS);
    }
    link_touch(p, l);
}

/* What the reason says about the peer, and what it is counted as. */
static bool is_protocol_error(enum p2p_why why)
{
    switch (why) {
    case P2P_WHY_BAD_MULTISTREAM:
    case P2P_WHY_BAD_NOISE:
    case P2P_WHY_BAD_HELLO:
    case P2P_WHY_BAD_YAMUX:
    case P2P_WHY_FLOOD:
    case P2P_WHY_TOO_BIG:
    case P2P_WHY_BUFFER_FULL:
    case P2P_WHY_BAD_IDENTIFY:
    case P2P_WHY_BAD_PING:
    case P2P_WHY_BAD_GOSSIP:
    case P2P_WHY_BAD_PEERS:
        return true;
    case P2P_WHY_NONE:
    case P2P_WHY_CLOSED:
    case P2P_WHY_DIAL_FAILED:
    case P2P_WHY_REQUESTED:
    case P2P_WHY_CONNECTIONS:
    case P2P_WHY_PENDING:
    case P2P_WHY_PER_ADDRESS:
    case P2P_WHY_HANDSHAKE_TIMEOUT:
    case P2P_WHY_NO_SECURITY:
    case P2P_WHY_NO_MUXER:
    case P2P_WHY_UNSUPPORTED_KEY:
    case P2P_WHY_WRONG_PEER:
    case P2P_WHY_SELF:
    case P2P_WHY_DUPLICATE:
    case P2P_WHY_PING_TIMEOUT:
    case P2P_WHY_GOODBYE:
        return false;
    }
    return false;
}

static void settle_book(struct p2p *p, struct link *l, enum p2p_why why)
{
    if (why == P2P_WHY_DUPLICATE)
        book_connected(&p->book, l->book_entry, &l->conn.peer);
    else if (why == P2P_WHY_SELF && l->book_entry != BOOK_NONE)
        book_self(&p->book, l->book_entry, p->now_ms);
    else if (l->proven)
        book_disconnected(&p->book, &l->conn.peer, p->now_ms - l->proven_ms < HOST_BRIEF_MS,
                          p->now_ms);
    else if (l->book_entry != BOOK_NONE)
        book_failed(&p->book, l->book_entry, p->now_ms);
}

void link_close(struct p2p *p, struct link *l, enum p2p_why why, const char *detail)
{
    assert(why != P2P_WHY_NONE);
    if (l->conn.state == CONN_FREE || l->conn.state == CONN_CLOSING)
        return;
    const char *text = detail != NULL ? detail : p2p_why_text(why);
    p->counters.closed[why]++;
    p->counters.protocol_errors += is_protocol_error(why);
    if (!l->proven) {
        p->pending--;
        p->counters.handshake_failures += l->connected && why != P2P_WHY_SELF;
    }
    p->dialing -= l->conn.state == CONN_DIALING;
    if (l->gossip_up)
        gossip_peer_down(p->gossip, host_index(p, l), p->now_ms);
    trace_peer(p, "p2p.closed", l, text);
    if (l->up) {
        order_remove(p, l);
        host_event(
            p, &(struct host_event){.kind = P2P_OUT_PEER_DOWN, .peer = l->conn.peer, .why = text});
    }
    settle_book(p, l, why);
    l->why = text;
    l->gossip_up = l->up = l->proven = false;
    uint32_t i = host_index(p, l);
    p->want_frame[i / 64] &= ~(1ull << i % 64);
    streams_reset(l);
    /* Our own other end learns who it is; a stranger learns nothing more. */
    enum conn_last last = why == P2P_WHY_SELF     ? CONN_WHO_I_AM
                          : why != P2P_WHY_CLOSED ? CONN_GOODBYE
                                                  : CONN_NOTHING;
    conn_end(&l->conn, last, is_protocol_error(why) ? YAMUX_GOAWAY_PROTOCOL : YAMUX_GOAWAY_NORMAL);
    link_touch(p, l);
}

void link_free(struct p2p *p, struct link *l)
{
    uint32_t i = host_index(p, l);
    assert(l->conn.state == CONN_CLOSING);
    bool known = map_remove(&p->by_number, &l->number);
    assert(known);
    p->want_write[i / 64] &= ~(1ull << i % 64);
    p->wake_ms[i] = UINT64_MAX;
    p->used--;
    conn_free(&l->conn);
    host_dial(p);
}
