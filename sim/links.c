/* Links that carry bytes: the real p2p hosts of the nodes on simulated TCP.  A
 * link keeps order, delays each piece, splits pieces anywhere, and is reset by a
 * partition or a crash. */
#include <stdlib.h>

#include "check.h"

enum { LINKS_MAX = 256, PORT_BASE = 7000, PIECE_MAX = 1400 };

struct end {
    uint32_t node, life, conn;
    uint64_t busy_until_us; /* what is sent to this end arrives after that */
};

struct link {
    bool used;
    struct end ends[2];
};

struct links {
    struct link all[LINKS_MAX];
    uint32_t next_accept;
};

static struct end *other_end(struct sim *s, const struct sim_node *m, uint32_t conn,
                             struct link **link)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++)
        for (uint32_t e = 0; s->links->all[i].used && e < 2; e++) {
            struct end *end = &s->links->all[i].ends[e];
            if (end->node == m->index && end->life == m->life && end->conn == conn) {
                *link = &s->links->all[i];
                return &s->links->all[i].ends[1 - e];
            }
        }
    return NULL;
}

static void tell(struct sim *s, const struct end *e, enum sim_event_kind kind, uint64_t delay_us,
                 uint64_t number, struct span bytes)
{
    sim_at(s, delay_us,
           (struct sim_event){
               .kind = kind, .node = e->node, .life = e->life, .conn = e->conn, .number = number},
           bytes);
}

static void cut(struct sim *s, struct link *l)
{
    for (uint32_t e = 0; e < 2; e++)
        tell(s, &l->ends[e], EV_CLOSED, s->delay_us, 0, (struct span){0});
    l->used = false;
}

/* --- the carrier of one node's host */

static void carrier_dial(void *ctx, uint32_t conn, const struct p2p_endpoint *to)
{
    struct sim_node *m = ctx;
    struct sim *s = m->sim;
    struct end self = {m->index, m->life, conn, 0};
    uint32_t target = (uint32_t)to->port - PORT_BASE;
    struct link *l = NULL;
    for (uint32_t i = 0; i < LINKS_MAX && l == NULL; i++)
        if (!s->links->all[i].used)
            l = &s->links->all[i];
    bool ok = !m->dying && l != NULL && target < s->count && target != m->index &&
              s->nodes[target].node != NULL && s->nodes[target].group == m->group;
    tell(s, &self, EV_DIALED, s->delay_us, ok, (struct span){0});
    if (!ok) {
        tell(s, &self, EV_CLOSED, s->delay_us + 1, 0, (struct span){0});
        return;
    }
    struct sim_node *t = &s->nodes[target];
    struct end accepted = {target, t->life, 0x80000000u | s->links->next_accept++, 0};
    *l = (struct link){true, {self, accepted}};
    tell(s, &accepted, EV_ACCEPTED, s->delay_us / 2, m->index, (struct span){0});
}

static void carrier_write(void *ctx, uint32_t conn, struct span bytes)
{
    struct sim_node *m = ctx;
    struct sim *s = m->sim;
    struct link *l;
    struct end *to = other_end(s, m, conn, &l), self = {m->index, m->life, conn, 0};
    if (m->dying || to == NULL)
        return;
    sim_trace(s, m->index, conn, bytes);
    tell(s, &self, EV_WRITTEN, 1, bytes.len, (struct span){0});
    while (bytes.len > 0) {
        size_t n = min_u64(bytes.len, 1 + prng_below(&s->prng, 2 * PIECE_MAX));
        uint64_t at = s->now_us + s->delay_us + prng_below(&s->prng, s->jitter_us + 1);
        to->busy_until_us = max_u64(to->busy_until_us, at);
        tell(s, to, EV_BYTES, to->busy_until_us - s->now_us, 0, span_of(bytes.ptr, n));
        bytes = span_of(bytes.ptr + n, bytes.len - n);
    }
}

/* What is on its way still arrives; then both ends are closed. */
static void carrier_hang_up(void *ctx, uint32_t conn)
{
    struct sim_node *m = ctx;
    struct sim *s = m->sim;
    struct link *l;
    struct end *to = other_end(s, m, conn, &l), self = {m->index, m->life, conn, 0};
    tell(s, &self, EV_CLOSED, 1, 0, (struct span){0});
    if (to == NULL)
        return;
    uint64_t last = max_u64(to->busy_until_us, s->now_us + s->delay_us) + 1;
    tell(s, to, EV_CLOSED, last - s->now_us, 0, (struct span){0});
    l->used = false;
}

/* --- hosts */

static struct p2p_endpoint endpoint_of(uint32_t index)
{
    return (struct p2p_endpoint){
        .family = 4, .address = {127, 0, 0, 1}, .port = (uint16_t)(PORT_BASE + index)};
}

void links_start(struct sim_node *m)
{
    struct sim *s = m->sim;
    struct p2p_config c = {.agent = "platform-sim",
                           .target_peers = s->count,
                           .listen = {endpoint_of(m->index)},
                           .listen_count = 1};
    p2p_limits_default(&c.limits);
    c.limits.connections = 32;
    c.limits.connections_pending = 24;
    c.limits.loopback_exempt = true;
    c.seed = prng_next(&m->prng);
    c.seqno_start = (s->now_us + 1) * 1000 + m->life;
    c.identity_seed[0] = (uint8_t)(m->index + 1);
    prng_fill(&m->prng, (struct room){c.entropy, sizeof c.entropy});
    struct host_carrier carrier = {m, carrier_dial, carrier_write, carrier_hang_up};
    enum err e = host_open(&m->host, &c, &carrier, &s->network, machine_now(m));
    assert(e == ERR_OK);
    for (uint32_t i = 0; i < s->count; i++) {
        struct p2p_endpoint to = endpoint_of(i);
        if (i != m->index)
            e = p2p_bootstrap(host_p2p(m->host), &to);
        assert(e == ERR_OK);
    }
    m->peer = *p2p_self(host_p2p(m->host));
    host_world(m->host, &m->carried);
}

void links_stop(struct sim_node *m)
{
    struct sim *s = m->sim;
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        struct link *l = &s->links->all[i];
        if (l->used && (l->ends[0].node == m->index || l->ends[1].node == m->index))
            cut(s, l);
    }
    host_close(m->host);
    m->host = NULL;
}

void links_partition(struct sim *s)
{
    for (uint32_t i = 0; i < LINKS_MAX; i++) {
        struct link *l = &s->links->all[i];
        if (l->used && s->nodes[l->ends[0].node].group != s->nodes[l->ends[1].node].group)
            cut(s, l);
    }
}

void links_event(struct sim_node *m, const struct sim_event *ev)
{
    uint64_t now_ms = machine_now(m);
    struct p2p_endpoint from = endpoint_of((uint32_t)ev->number);
    from.port = (uint16_t)(from.port + 20000); /* The dialler's own port. */
    if (ev->kind == EV_ACCEPTED)
        host_on_accepted(m->host, ev->conn, &from, now_ms);
    else if (ev->kind == EV_DIALED)
        host_on_dialed(m->host, ev->conn, ev->number != 0, now_ms);
    else if (ev->kind == EV_BYTES)
        host_on_data(m->host, ev->conn, ev->bytes, now_ms);
    else if (ev->kind == EV_WRITTEN)
        host_on_written(m->host, ev->conn, ev->number, now_ms);
    else if (ev->kind == EV_CLOSED)
        host_on_closed(m->host, ev->conn, now_ms);
}

void links_begin(struct sim *s)
{
    s->links = calloc(1, sizeof *s->links);
    assert(s->links != NULL);
}

void links_end(struct sim *s)
{
    free(s->links);
}
