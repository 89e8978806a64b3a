#include "p2p/p2p.h"

#include "crypto/hash.h"
#include "crypto/secret.h"
#include "p2p/host.h"

const char *p2p_why_text(enum p2p_why why)
{
    static const char *const texts[P2P_WHY_COUNT] = {
        [P2P_WHY_NONE] = "none",
        [P2P_WHY_CLOSED] = "closed",
        [P2P_WHY_DIAL_FAILED] = "dial_failed",
        [P2P_WHY_REQUESTED] = "requested",
        [P2P_WHY_CONNECTIONS] = "limit_connections",
        [P2P_WHY_PENDING] = "limit_pending",
        [P2P_WHY_PER_ADDRESS] = "limit_per_address",
        [P2P_WHY_HANDSHAKE_TIMEOUT] = "handshake_timeout",
        [P2P_WHY_BAD_MULTISTREAM] = "bad_multistream",
        [P2P_WHY_NO_SECURITY] = "no_security",
        [P2P_WHY_NO_MUXER] = "no_muxer",
        [P2P_WHY_BAD_NOISE] = "bad_noise",
        [P2P_WHY_BAD_HELLO] = "bad_hello",
        [P2P_WHY_UNSUPPORTED_KEY] = "unsupported_key",
        [P2P_WHY_WRONG_PEER] = "wrong_peer",
        [P2P_WHY_SELF] = "self",
        [P2P_WHY_DUPLICATE] = "duplicate",
        [P2P_WHY_BAD_YAMUX] = "bad_yamux",
        [P2P_WHY_FLOOD] = "flood",
        [P2P_WHY_TOO_BIG] = "too_big",
        [P2P_WHY_BUFFER_FULL] = "buffer_full",
        [P2P_WHY_BAD_IDENTIFY] = "bad_identify",
        [P2P_WHY_BAD_PING] = "bad_ping",
        [P2P_WHY_PING_TIMEOUT] = "ping_timeout",
        [P2P_WHY_BAD_GOSSIP] = "bad_gossip",
        [P2P_WHY_BAD_PEERS] = "bad_peers",
        [P2P_WHY_GOODBYE] = "goodbye",
    };
    return texts[why];
}

void p2p_limits_default(struct p2p_limits *l)
{
    *l = (struct p2p_limits){
        .connections = 128,
        .connections_pending = 64,
        .connections_per_address = 8,
        .loopback_exempt = true,
        .streams_per_connection = 64,
        .buffered_per_peer = 4 << 20,
        .buffered_total = 16 << 20,
        .handshake_ms = 10000,
        .negotiate_ms = 10000,
        .gossip_seen = 1 << 16,
        .gossip_seen_ms = 120000,
        .gossip_cache = 4096,
        .redial_min_ms = 1000,
        .redial_max_ms = 15000,
    };
}

/* The pool gives every connection at least its even share; see rope.h. */
static uint32_t pool_blocks(const struct p2p_limits *l)
{
    uint32_t least = l->connections * (CONN_UPGRADE_BUDGET / ROPE_BLOCK_SIZE);
    return (uint32_t)max_u64(l->buffered_total / ROPE_BLOCK_SIZE, least);
}

static uint32_t events_size(const struct p2p_limits *l)
{
    return 4 * l->connections + 64;
}

static void sign(void *ctx, struct span message, uint8_t out[GOSSIP_SIGNATURE_SIZE])
{
    const struct p2p *p = ctx;
    ed25519_sign(p->identity, message, out);
}

static bool verify(void *ctx, const uint8_t key[GOSSIP_PUBLIC_KEY_SIZE], struct span message,
                   const uint8_t signature[GOSSIP_SIGNATURE_SIZE])
{
    (void)ctx;
    return ed25519_verify(key, message, signature);
}

static struct gossip_config gossip_config_of(const struct p2p_config *c)
{
    return (struct gossip_config){
        .peers = c->limits.connections,
        .seen = c->limits.gossip_seen,
        .seen_ms = c->limits.gossip_seen_ms,
        .cache = c->limits.gossip_cache,
        .cache_bytes = GOSSIP_CACHE_BYTES,
        .flood_publish = true,
        .seqno_start = c->seqno_start,
        .seed = c->seed,
        .keys = {.sign = sign, .verify = verify},
    };
}

size_t p2p_arena_size(const struct p2p_config *c)
{
    const struct p2p_limits *l = &c->limits;
    struct gossip_config g = gossip_config_of(c);
    size_t per_link =
        sizeof(struct link) + sizeof(uint64_t) + 2 * sizeof(uint32_t) +
        l->streams_per_connection * (sizeof(struct stream) + sizeof(struct yamux_stream)) +
        2 * ARENA_ALIGN;
    size_t map = 8 * (size_t)l->connections * (2 * sizeof(uint32_t)) + 256;
    return sizeof(struct p2p) + l->connections * per_link + map +
           events_size(l) * sizeof(struct host_event) + rope_pool_size(pool_blocks(l)) +
           book_arena_size() + gossip_arena_size(&g) + CONN_WIRE_SIZE + CONN_SCRATCH_SIZE +
           P2P_FRAME_MAX + 64 + 64 * ARENA_ALIGN;
}

void host_secret(struct p2p *p, uint8_t out[32])
{
    /* A ratchet: what was drawn cannot be computed from what is left. */
    struct hash drawn = hash_tagged("p2p.draw", span_of(p->entropy, sizeof p->entropy));
    struct hash next = hash_tagged("p2p.next", span_of(p->entropy, sizeof p->entropy));
    memcpy(out, drawn.bytes, 32);
    memcpy(p->entropy, next.bytes, sizeof p->entropy);
    secret_wipe(&drawn, sizeof drawn);
    secret_wipe(&next, sizeof next);
}

static enum err init_links(struct p2p *p, struct arena *arena)
{
    const struct p2p_limits *l = &p->limits;
    uint8_t zero[AEAD_KEY_SIZE] = {0};
    for (uint32_t i = 0; i < l->connections; i++) {
        struct link *k = &p->links[i];
        k->streams = arena_array(arena, l->streams_per_connection, sizeof *k->streams);
        k->conn.streams = arena_array(arena, l->streams_per_connection, sizeof *k->conn.streams);
        if (k->streams == NULL || k->conn.streams == NULL)
            return ERR_NO_MEMORY;
        k->conn.stream_count = (uint16_t)l->streams_per_connection;
        k->conn.budget.pool = &p->pool;
        enum err e = aead_open(&k->conn.send_aead, zero);
        if (e == ERR_OK)
            e = aead_open(&k->conn.receive_aead, zero);
        if (e != ERR_OK)
            return e;
        p->wake_ms[i] = UINT64_MAX;
    }
    return ERR_OK;
}

static enum err init_memory(struct p2p *p, struct arena *arena)
{
    const struct p2p_limits *l = &p->limits;
    p->links = arena_array(arena, l->connections, sizeof *p->links);
    p->wake_ms = arena_array(arena, l->connections, sizeof *p->wake_ms);
    p->order = arena_array(arena, l->connections + 1, sizeof *p->order);
    p->events_size = events_size(l);
    p->events = arena_array(arena, p->events_size, sizeof *p->events);
    p->wire = (struct room){arena_alloc(arena, CONN_WIRE_SIZE), CONN_WIRE_SIZE};
    p->frame = (struct room){arena_alloc(arena, P2P_FRAME_MAX + 64), P2P_FRAME_MAX + 64};
    p->shared.scratch = arena_alloc(arena, CONN_SCRATCH_SIZE);
    if (p->links == NULL || p->wake_ms == NULL || p->order == NULL || p->events == NULL ||
        p->wire.ptr == NULL || p->frame.ptr == NULL || p->shared.scratch == NULL)
        return ERR_NO_MEMORY;
    enum err e = rope_pool_init(&p->pool, arena, pool_blocks(l));
    return e == ERR_OK ? init_links(p, arena) : e;
}

static enum err init_identity(struct p2p *p, const struct p2p_config *c)
{
    enum err e = ed25519_open(span_of(c->identity_seed, sizeof c->identity_seed), &p->identity);
    if (e != ERR_OK)
        return e;
    memcpy(p->entropy, c->entropy, sizeof p->entropy);
    memcpy(p->key.bytes, ed25519_public(p->identity), sizeof p->key.bytes);
    p->self = peer_id_of(&p->key);
    p->shared.identity = p->identity;
    host_secret(p, p->shared.noise.secret);
    x25519_public(p->shared.noise.secret, p->shared.noise.public);
    p->shared.hello_size = hello_encode(p->identity, p->shared.noise.public, p->shared.hello);
    return ERR_OK;
}

static void set_about(struct p2p *p, const struct p2p_endpoint *places, uint32_t count)
{
    assert(count <= P2P_LISTEN_MAX);
    static_assert((int)P2P_LISTEN_MAX <= (int)IDENTIFY_ADDRESSES_MAX);
    memcpy(p->about.listen, places, count * sizeof *places);
    p->about.listen_count = count;
    for (uint32_t i = 0; i < count; i++)
        p->about.listen[i].has_peer = false;
}

static enum err init_parts(struct p2p *p, struct arena *arena, const struct p2p_config *c,
                           uint64_t now_ms)
{
    struct prng secret = prng_split(&p->prng, 1);
    struct map_seed seed = {prng_next(&secret), prng_next(&secret)};
    struct gossip_config g = gossip_config_of(c);
    enum err e = init_memory(p, arena);
    if (e == ERR_OK)
        e = map_init(&p->by_number, arena, sizeof(uint32_t), c->limits.connections, seed);
    if (e == ERR_OK)
        e = init_identity(p, c);
    if (e == ERR_OK)
        e = book_init(&p->book, arena, c->limits.redial_min_ms, c->limits.redial_max_ms,
                      prng_split(&p->prng, 2));
    if (e != ERR_OK)
        return e;
    g.keys.ctx = p;
    memcpy(g.keys.self, p->key.bytes, sizeof g.keys.self);
    g.secret = seed;
    g.trace = &p->trace;
    return gossip_init(&p->gossip, arena, &g, now_ms);
}

enum err p2p_init(struct p2p **out, struct arena *arena, const struct p2p_config *c,
                  uint64_t now_ms)
{
    const struct p2p_limits *l = &c->limits;
    assert(l->connections >= 1 && l->connections <= P2P_CONNECTIONS_MAX);
    assert(l->streams_per_connection >= 16 && l->streams_per_connection <= YAMUX_SLOTS_MAX);
    assert(strlen(c->agent) < IDENTIFY_AGENT_MAX);
    struct p2p *p = arena_alloc(arena, sizeof *p);
    if (p == NULL)
        return ERR_NO_MEMORY;
    p->limits = *l;
    p->now_ms = now_ms;
    p->target_peers = c->target_peers;
    prng_init(&p->prng, c->seed);
    enum err e = init_parts(p, arena, c, now_ms);
    if (e != ERR_OK) {
        p2p_deinit(p);
        return e;
    }
    p->pool.reserve = p->pool.count / 4;
    p->pool.share = p->pool.count / l->connections;
    p->about.protocols = (1u << PROTOCOL_COUNT) - 1;
    memcpy(p->about.agent, c->agent, strlen(c->agent) + 1);
    set_about(p, c->listen, c->listen_count);
    p->book_wake_ms = UINT64_MAX;
    *out = p;
    return ERR_OK;
}

void p2p_deinit(struct p2p *p)
{
    if (p == NULL)
        return;
    for (uint32_t i = 0; p->links != NULL && i < p->limits.connections; i++) {
        noise_wipe(&p->links[i].conn.noise);
        aead_close(&p->links[i].conn.send_aead);
        aead_close(&p->links[i].conn.receive_aead);
    }
    ed25519_close(p->identity);
    secret_wipe(&p->shared.noise, sizeof p->shared.noise);
    secret_wipe(p->entropy, sizeof p->entropy);
    p->identity = NULL;
}

const struct peer_id *p2p_self(const struct p2p *p)
{
    return &p->self;
}

uint32_t host_index(const struct p2p *p, const struct link *l)
{
    return (uint32_t)(l - p->links);
}

void host_event(struct p2p *p, const struct host_event *e)
{
    /* The driver drains after every call, so a turn's events always fit. */
    assert(p->events_count < p->events_size);
    p->events[(p->events_head + p->events_count++) % p->events_size] = *e;
}

struct link *host_find(struct p2p *p, const struct peer_id *peer)
{
    uint32_t low = 0, high = p->order_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        struct link *l = &p->links[p->order[middle]];
        int order = peer_id_compare(&l->conn.peer, peer);
        if (order == 0)
            return l;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool wants_learnt(const struct p2p *p)
{
    return p->order_count + p->dialing < p->target_peers;
}

static bool has_place(const struct p2p *p)
{
    return p->dialing < HOST_DIALS_MAX && p->used < p->limits.connections &&
           p->pending < p->limits.connections_pending;
}

void host_dial(struct p2p *p)
{
    struct p2p_endpoint to;
    while (has_place(p)) {
        uint32_t entry = book_next(&p->book, wants_learnt(p), p->now_ms, &to);
        if (entry == BOOK_NONE)
            break;
        link_dial(p, entry, &to);
    }
    p->book_wake_ms = book_wake_at(&p->book, wants_learnt(p));
}

/* The start of every call: time goes on, and the frame that the user was
 * looking at is given back. */
static void begin(struct p2p *p, uint64_t now_ms)
{
    p->now_ms = max_u64(p->now_ms, now_ms);
    host_settle(p);
}

static struct link *by_number(struct p2p *p, uint32_t conn)
{
    uint32_t i = map_get(&p->by_number, &conn);
    return i == MAP_NONE || p->links[i].conn.state == CONN_CLOSING ? NULL : &p->links[i];
}

void p2p_on_accepted(struct p2p *p, uint32_t conn, const struct p2p_endpoint *from, uint64_t now_ms)
{
    begin(p, now_ms);
    assert(conn >> 31 == 1 && map_get(&p->by_number, &conn) == MAP_NONE);
    link_accept(p, conn, from);
}

void p2p_on_refused(struct p2p *p)
{
    p->counters.limit_hits++;
    p->counters.closed[P2P_WHY_CONNECTIONS]++;
}

void p2p_on_dialed(struct p2p *p, uint32_t conn, bool ok, uint64_t now_ms)
{
    begin(p, now_ms);
    struct link *l = by_number(p, conn);
    if (l == NULL || l->conn.state != CONN_DIALING)
        return;
    if (!ok) {
        link_close(p, l, P2P_WHY_DIAL_FAILED, NULL);
        link_free(p, l);
        return;
    }
    p->dialing--;
    l->connected = true;
    link_start(p, l, true);
}

void p2p_on_data(struct p2p *p, uint32_t conn, struct span bytes, uint64_t now_ms)
{
    begin(p, now_ms);
    struct link *l = by_number(p, conn);
    if (l != NULL && l->connected)
        link_data(p, l, bytes);
}

void p2p_on_written(struct p2p *p, uint32_t conn, size_t bytes, uint64_t now_ms)
{
    begin(p, now_ms);
    struct link *l = by_number(p, conn);
    if (l == NULL)
        return;
    assert(bytes <= l->inflight);
    l->inflight -= bytes;
    link_touch(p, l);
}

void p2p_on_closed(struct p2p *p, uint32_t conn, uint64_t now_ms)
{
    begin(p, now_ms);
    struct link *l = by_number(p, conn);
    if (l == NULL)
        return;
    link_close(p, l, P2P_WHY_CLOSED, NULL);
    link_free(p, l);
}

void p2p_on_time(struct p2p *p, uint64_t now_ms)
{
    begin(p, now_ms);
    for (uint32_t i = 0; i < p->limits.connections; i++)
        if (p->wake_ms[i] <= p->now_ms)
            link_tick(p, &p->links[i]);
    if (gossip_wake_at(p->gossip) <= p->now_ms)
        gossip_on_time(p->gossip, p->now_ms);
    if (p->book.changed || (p->book_wake_ms <= p->now_ms && has_place(p)))
        host_dial(p);
}

uint64_t p2p_wake_at(const struct p2p *p)
{
    if (p->book.changed)
        return p->now_ms;
    uint64_t at = gossip_wake_at(p->gossip);
    if (has_place(p)) /* What is due waits for one without being looked at. */
        at = min_u64(at, p->book_wake_ms);
    for (uint32_t i = 0; i < p->limits.connections; i++)
        at = min_u64(at, p->wake_ms[i]);
    return at;
}

void p2p_listening(struct p2p *p, const struct p2p_endpoint *places, uint32_t count,
                   uint64_t now_ms)
{
    begin(p, now_ms);
    set_about(p, places, count);
    for (uint32_t i = 0; i < p->order_count; i++) {
        struct link *l = &p->links[p->order[i]];
        streams_push(p, l);
        link_touch(p, l);
    }
}

enum err p2p_bootstrap(struct p2p *p, const struct p2p_endpoint *e)
{
    begin(p, p->now_ms);
    enum err bad = book_bootstrap(&p->book, e, p->now_ms);
    if (bad == ERR_OK)
        host_dial(p);
    return bad;
}

enum err p2p_subscribe(struct p2p *p, const char *topic)
{
    begin(p, p->now_ms);
    return gossip_subscribe(p->gossip, topic, p->now_ms);
}

enum err p2p_publish(struct p2p *p, const char *topic, struct span data, uint64_t now_ms)
{
    begin(p, now_ms);
    return gossip_publish(p->gossip, topic, data, p->now_ms);
}

void p2p_validate(struct p2p *p, uint64_t message, enum p2p_verdict v, uint64_t now_ms)
{
    begin(p, now_ms);
    gossip_validate(p->gossip, message, v, p->now_ms);
}

enum err p2p_ping(struct p2p *p, const struct peer_id *peer, uint64_t now_ms)
{
    begin(p, now_ms);
    struct link *l = host_find(p, peer);
    if (l == NULL)
        return ERR_NOT_FOUND;
    if (l->ping_deadline_ms != UINT64_MAX)
        return ERR_FULL;
    streams_ping(p, l);
    link_touch(p, l);
    return l->ping_deadline_ms != UINT64_MAX ? ERR_OK : ERR_FULL;
}

enum err p2p_send(struct p2p *p, const struct peer_id *to, enum p2p_protocol protocol,
                  struct span frame, uint64_t now_ms)
{
    begin(p, now_ms);
    struct link *l = host_find(p, to);
    if (l == NULL)
        return ERR_NOT_FOUND;
    if (frame.len > P2P_FRAME_MAX)
        return ERR_TOO_BIG;
    enum err e = streams_send(p, l, protocol == P2P_BFT ? PROTOCOL_BFT : PROTOCOL_BLOB, frame);
    if (e == ERR_OK)
        p->counters.frames_out++;
    else
        p->counters.frames_dropped++;
    link_touch(p, l);
    return e;
}

void p2p_disconnect(struct p2p *p, const struct peer_id *peer, const char *why, uint64_t now_ms)
{
    begin(p, now_ms);
    struct link *l = host_find(p, peer);
    if (l != NULL)
        link_close(p, l, P2P_WHY_REQUESTED, why);
}

const struct p2p_counters *p2p_counters(const struct p2p *p)
{
    return &p->counters;
}

struct trace *p2p_trace(struct p2p *p)
{
    return &p->trace;
}

bool p2p_peer(const struct p2p *p, uint32_t index, struct p2p_peer_info *out)
{
    if (index >= p->order_count)
        return false;
    const struct link *l = &p->links[p->order[index]];
    *out = (struct p2p_peer_info){.id = l->conn.peer,
                                  .endpoint = l->remote,
                                  .inbound = l->inbound,
                                  .ping_us = l->ping_us,
                                  .connected_ms = l->proven_ms,
                                  .buffered = l->conn.budget.used};
    static_assert(sizeof out->agent == sizeof l->info.agent);
    memcpy(out->agent, l->info.agent, sizeof out->agent);
    return true;
}
