#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "cmd/logline.h"
#include "codec/wr.h"
#include "crypto/sr25519.h"
#include "node/internal.h"

enum { DB_BYTES = 512 << 20 };
#define FLUSH_REFUSED UINT64_MAX

/* A call from the node to its machine.  One that was told to stop here does
 * nothing any more: the node object lives until its event is over, but nothing
 * that it does from now on has happened. */
static bool alive(struct sim_node *m)
{
    if (m->dying)
        return false;
    if (m->node != NULL && node_fatal(m->node) != NULL)
        sim_fail(m->sim, "node %u goes on after its disk failed: %s", m->index,
                 node_fatal(m->node));
    if (m->crash_in > 0 && --m->crash_in == 0) {
        m->dying = true;
        db_mem_fail_at(m->disk.db, 1); /* Nor does its store get anything more. */
    }
    return !m->dying;
}

/* What its clock says. */
uint64_t machine_now(const struct sim_node *m)
{
    return m->sim->now_us / 1000 + m->skew_ms;
}

/* --- network */

static bool reachable(const struct sim_node *a, const struct sim_node *b)
{
    return a->up && b->up && a->group == b->group;
}

static struct sim_node *find_peer(struct sim *s, const struct peer_id *id)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (peer_id_equal(&s->nodes[i].peer, id))
            return &s->nodes[i];
    return NULL;
}

static uint64_t draw_delay(struct sim *s)
{
    uint64_t delay = s->delay_us + prng_below(&s->prng, s->jitter_us + 1);
    if (s->chaos && (s->faults & SIM_REORDER) && prng_chance(&s->prng, 1, 10))
        delay += prng_below(&s->prng, 20 * s->jitter_us + 1000);
    return delay;
}

static void deliver(struct sim_node *from, struct sim_node *to, struct sim_event ev,
                    struct span bytes)
{
    struct sim *s = from->sim;
    ev.node = to->index;
    ev.from = from->index;
    ev.life = to->life;
    bool lossy = s->chaos && (s->faults & SIM_LOSS),
         doubling = s->chaos && (s->faults & SIM_DUPLICATE);
    if (!reachable(from, to) || (lossy && prng_chance(&s->prng, s->loss, 1000)))
        return;
    sim_at(s, draw_delay(s), ev, bytes);
    if (doubling && prng_chance(&s->prng, s->duplicate, 1000))
        sim_at(s, draw_delay(s), ev, bytes);
}

void machine_frame(struct sim_node *m, uint32_t to, enum p2p_protocol protocol, struct span frame)
{
    struct sim *s = m->sim;
    checks_sent(s, m, frame, protocol);
    sim_trace(s, m->index, to, frame);
    deliver(m, &s->nodes[to], (struct sim_event){.kind = EV_FRAME, .protocol = protocol}, frame);
}

static bool world_send(void *ctx, const struct peer_id *id, enum p2p_protocol protocol,
                       struct span frame)
{
    struct sim_node *m = ctx, *to = find_peer(m->sim, id);
    if (!alive(m) || to == NULL || !reachable(m, to))
        return false;
    if (m->host != NULL) {
        checks_sent(m->sim, m, frame, protocol);
        return m->carried.send(m->carried.net, id, protocol, frame);
    }
    if (m->byzantine && protocol == P2P_BFT && byzantine_send(m, to->index, frame))
        return true;
    machine_frame(m, to->index, protocol, frame);
    return true;
}

static void flood(struct sim_node *m, uint64_t number, struct span data)
{
    for (uint32_t i = 0; i < m->sim->count; i++)
        if (i != m->index)
            deliver(m, &m->sim->nodes[i], (struct sim_event){.kind = EV_GOSSIP, .number = number},
                    data);
}

static void world_publish(void *ctx, struct span data)
{
    struct sim_node *m = ctx;
    if (!alive(m))
        return;
    sim_trace(m->sim, m->index, 100, data);
    log_checks_published(m->sim, m, data);
    if (m->host != NULL) {
        m->carried.publish(m->carried.net, data);
        return;
    }
    flood(m, ++m->sim->next_message, data);
}

/* Accepted gossip goes on; every node has seen it already through the mesh of
 * all with all, so only the loss of a copy makes a difference. */
static void world_validate(void *ctx, uint64_t message, enum p2p_verdict verdict)
{
    struct sim_node *m = ctx;
    if (!alive(m))
        return;
    sim_trace(m->sim, m->index, 200 + (uint64_t)verdict, span_of(&message, sizeof message));
    if (m->host != NULL)
        m->carried.validate(m->carried.net, message, verdict);
}

static void world_disconnect(void *ctx, const struct peer_id *peer, const char *why)
{
    struct sim_node *m = ctx, *other = find_peer(m->sim, peer);
    if (alive(m) && other != NULL && !other->byzantine)
        sim_fail(m->sim, "node %u disconnects honest node %u: %s", m->index, other->index, why);
    if (alive(m) && m->host != NULL)
        m->carried.disconnect(m->carried.net, peer, why);
}

/* --- disk */

/* Counts down to the one call that fails. */
static bool fails(uint32_t *in)
{
    return *in > 0 && --*in == 0;
}

static void grow(uint8_t **bytes, size_t *room, size_t need)
{
    if (need <= *room)
        return;
    *room = max_u64(need, 2 * *room);
    *bytes = realloc(*bytes, *room);
    assert(*bytes != NULL);
}

static bool world_append(void *ctx, struct span record)
{
    struct sim_node *m = ctx;
    struct sim_disk *d = &m->disk;
    if (!alive(m))
        return true;
    sim_trace(m->sim, m->index, 300, record);
    if (fails(&m->append_fails_in))
        return false;
    grow(&d->pending, &d->pending_room, d->pending_used + 4 + record.len);
    struct wr w = wr_init((struct room){d->pending + d->pending_used, 4 + record.len});
    wr_bytes(&w, record);
    d->pending_used += 4 + record.len;
    return true;
}

static void world_flush(void *ctx, uint64_t ticket)
{
    struct sim_node *m = ctx;
    if (!alive(m))
        return;
    uint64_t delay = 80 + prng_below(&m->prng, 200) + m->slow_us;
    bool refused = fails(&m->flush_fails_in);
    sim_at(m->sim, delay,
           (struct sim_event){.kind = EV_FLUSHED,
                              .node = m->index,
                              .life = m->life,
                              .number = refused ? FLUSH_REFUSED : ticket,
                              .from = (uint32_t)(m->disk.flushed_total + m->disk.pending_used)},
           (struct span){0});
}

static void write_frame(struct sim_disk *d, struct span records, size_t cut)
{
    uint8_t head[JOURNAL_FRAME_HEAD];
    journal_head(&d->link, records, head);
    size_t whole = sizeof head + records.len, size = min_u64(whole, cut);
    grow(&d->journal, &d->room, d->size + whole);
    memcpy(d->journal + d->size, head, sizeof head);
    memcpy(d->journal + d->size + sizeof head, records.ptr, records.len);
    d->size += size;
}

/* Everything that was appended when the flush was asked for is durable: total
 * bytes since the machine started. */
static void flushed(struct sim_node *m, uint32_t total)
{
    struct sim_disk *d = &m->disk;
    uint32_t upto = total - d->flushed_total;
    if (total <= d->flushed_total)
        return; /* A later flush was faster. */
    d->flushed_total = total;
    checks_durable(m->sim, m, span_of(d->pending, upto));
    write_frame(d, span_of(d->pending, upto), SIZE_MAX);
    memmove(d->pending, d->pending + upto, d->pending_used - upto);
    d->pending_used -= upto;
}

static void begin_file(struct sim_node *m)
{
    struct sim_disk *d = &m->disk;
    uint8_t salt[JOURNAL_SALT_SIZE];
    prng_fill(&m->prng, (struct room){salt, sizeof salt});
    grow(&d->journal, &d->room, JOURNAL_HEADER_SIZE);
    d->link = journal_header(++d->generation, &m->sim->network, salt, d->journal);
    d->size = JOURNAL_HEADER_SIZE;
}

/* What was appended is flushed on the way, as the real file does it. */
static bool world_rotate(void *ctx)
{
    struct sim_node *m = ctx;
    struct sim_disk *d = &m->disk;
    if (!alive(m))
        return true;
    if (fails(&m->flush_fails_in))
        return false;
    if (d->pending_used > 0)
        flushed(m, d->flushed_total + (uint32_t)d->pending_used);
    assert(d->old_count < SIM_FILES_MAX);
    d->old[d->old_count++] = sim_keep(span_of(d->journal, d->size));
    begin_file(m);
    return true;
}

/* The records of a file, as they are framed in a checker's eyes. */
static struct span records_of(struct sim_node *m, struct span image, uint8_t **memory)
{
    struct journal_scan scan;
    struct span record;
    *memory = malloc(image.len);
    assert(*memory != NULL);
    struct wr w = wr_init((struct room){*memory, image.len});
    journal_scan_init(&scan, image, &m->sim->network);
    while (journal_next(&scan, &record))
        wr_bytes(&w, record);
    return wr_done(&w);
}

static void world_drop_old(void *ctx)
{
    struct sim_node *m = ctx;
    struct sim_disk *d = &m->disk;
    if (!alive(m))
        return;
    uint8_t *kept_memory, *gone_memory;
    struct span kept = records_of(m, span_of(d->journal, d->size), &kept_memory);
    for (uint32_t i = 0; i < d->old_count; i++) {
        struct span gone = records_of(m, d->old[i], &gone_memory);
        checks_dropped(m->sim, m, gone, kept);
        free(gone_memory);
        sim_drop(&d->old[i]);
    }
    free(kept_memory);
    d->old_count = 0;
}

/* --- signer, evaluation, chain */

static void world_sign(void *ctx, struct span request)
{
    struct sim_node *m = ctx;
    if (alive(m))
        sim_signer(m, request);
}

static void world_evaluate(void *ctx, uint64_t token, struct span job, uint32_t wall_ms)
{
    struct sim_node *m = ctx;
    (void)wall_ms;
    if (!alive(m))
        return;
    if (m->drifted)
        sim_fail(m->sim, "node %u evaluates although its state differs", m->index);
    struct sim_event ev = {
        .kind = EV_EVALUATED, .node = m->index, .life = m->life, .number = token};
    uint64_t delay = 500 + prng_below(&m->prng, 200000);
    sim_at(m->sim, delay, ev, job);
}

static void world_chain_open(void *ctx, uint32_t endpoint)
{
    struct sim_node *m = ctx;
    (void)endpoint;
    if (alive(m))
        chain_dial(m);
}

static void world_chain_send(void *ctx, struct span text)
{
    struct sim_node *m = ctx;
    if (alive(m) && m->session != 0)
        sim_at(
            m->sim, 300,
            (struct sim_event){
                .kind = EV_CHAIN_REQUEST, .node = m->index, .life = m->life, .number = m->session},
            text);
}

static void world_chain_close(void *ctx)
{
    struct sim_node *m = ctx;
    if (alive(m))
        chain_hang_up(m);
}

static struct world world_of(struct sim_node *m)
{
    return (struct world){.ctx = m,
                          .net = m,
                          .send = world_send,
                          .publish = world_publish,
                          .validate = world_validate,
                          .disconnect = world_disconnect,
                          .append = world_append,
                          .flush = world_flush,
                          .rotate = world_rotate,
                          .drop_old = world_drop_old,
                          .sign = world_sign,
                          .evaluate = world_evaluate,
                          .chain_open = world_chain_open,
                          .chain_send = world_chain_send,
                          .chain_close = world_chain_close};
}

/* --- life of a machine */

void machine_init(struct sim *s, uint32_t index)
{
    struct sim_node *m = &s->nodes[index];
    *m = (struct sim_node){.sim = s, .index = index};
    m->prng = prng_split(&s->prng, 1000 + index);
    m->pair = chain_key("validator", index);
    m->key = *sr25519_public(m->pair);
    m->peer.len = 4; /* Unless a host has one of its own. */
    m->peer.bytes[0] = (uint8_t)index;
    m->peer.bytes[3] = 0x77;
    enum err e = db_mem_open(&m->disk.db, DB_BYTES);
    assert(e == ERR_OK);
}

static void replay(struct sim_node *m)
{
    struct sim_disk *d = &m->disk;
    struct journal_scan scan;
    struct span record;
    if (!d->journal_started)
        begin_file(m);
    d->journal_started = true;
    for (uint32_t i = 0; i < d->old_count; i++) {
        journal_scan_init(&scan, d->old[i], &m->sim->network);
        while (journal_next(&scan, &record))
            node_replay(m->node, record);
        if (scan.verdict != JOURNAL_CLEAN)
            sim_fail(m->sim, "node %u: an older journal file is not whole", m->index);
    }
    journal_scan_init(&scan, span_of(d->journal, d->size), &m->sim->network);
    while (journal_next(&scan, &record))
        node_replay(m->node, record);
    if (scan.verdict != JOURNAL_CLEAN && scan.verdict != JOURNAL_TORN)
        sim_fail(m->sim, "node %u: its journal reads as damaged after a crash", m->index);
    d->size = scan.good_size;
    d->link = scan.chain;
}

static void greet(struct sim_node *m)
{
    for (uint32_t i = 0; i < m->sim->count; i++) {
        struct sim_node *o = &m->sim->nodes[i];
        if (o == m || !reachable(m, o) || o->node == NULL)
            continue;
        node_on_peer_up(m->node, &o->peer, machine_now(m));
        node_on_peer_up(o->node, &m->peer, machine_now(o));
    }
}

static struct node_config config_of(struct sim_node *m)
{
    struct sim *s = m->sim;
    struct node_config c = {.genesis = s->genesis,
                            .self = m->key,
                            .peer = m->peer,
                            .seed = prng_next(&m->prng),
                            .verifier = s->verifier,
                            .db = m->disk.db,
                            .chain_endpoints = 1,
                            .view_timeout_ms = 1000,
                            .status_ms = 500,
                            .evaluation_slots = 2,
                            .approve_all = true,
                            .stake_min_rao = 1000000000,
                            .mempool_ops = 4096,
                            .mempool_bytes = 16 << 20,
                            .state_entries_max = 1 << 14,
                            .state_bytes_max = 8 << 20,
                            .input_bytes_max = LEDGER_INPUT_BYTES_MAX,
                            .blob_bytes_max = 1 << 20,
                            .journal_slots = 2 * BFT_CHECKPOINT_INTERVAL};
    c.secret[0] = (uint8_t)m->index;
    return c;
}

/* One entry of the state, or the size of the log, is another one: the store does
 * not open, and as the operator is told the node begins anew from nothing. */
void machine_damage(struct sim_node *m)
{
    struct db *db = m->disk.db;
    db_mem_fail_at(db, 0);
    struct node_config c = config_of(m);
    struct world w = world_of(m);
    struct node *node = NULL;
    struct span key = {0}, value, copy = {0}, name = {0};
    size_t mark = arena_mark(&m->sim->scratch);
    bool state = prng_chance(&m->prng, 1, 2);
    enum db_table table = state ? DB_STATE : DB_META;
    enum err e = db_get(db, DB_META, SPAN_LITERAL("tree"), &value);
    if (e != ERR_OK)
        return; /* It has no checkpoint yet. */
    for (uint64_t skip = prng_below(&m->prng, 20); state && e == ERR_OK; skip--) {
        e = db_next(db, table, key, &key, &value);
        key = arena_copy(&m->sim->scratch, key);
        if (e == ERR_OK) {
            name = key;
            copy = arena_copy(&m->sim->scratch, value);
        }
        if (skip == 0)
            break;
    }
    if (!state) {
        name = SPAN_LITERAL("tree");
        copy = arena_copy(&m->sim->scratch, value);
    }
    if (copy.len > 0)
        ((uint8_t *)(uintptr_t)copy.ptr)[state ? copy.len - 1 : 0] ^= 1;
    e = db_begin(db);
    if (e == ERR_OK)
        e = copy.len > 0 ? db_put(db, table, name, copy) : db_del(db, table, name);
    if (e == ERR_OK)
        e = db_commit(db);
    assert(e == ERR_OK);
    arena_reset(&m->sim->scratch, mark);
    m->sim->result->damages++;
    e = node_open(&node, &c, &w, machine_now(m));
    if (e != ERR_CORRUPT)
        sim_fail(m->sim, "node %u opens a store that is damaged: %s", m->index, err_name(e));
    node_close(node);
    machine_wipe(m, LOSE_ALL);
}

/* A bit of its memory is another one: its log has a root of its own from here on. */
void machine_sicken(struct sim_node *m)
{
    struct audit_tree *tree = &m->node->tree;
    struct bft_view_info info;
    if (tree->size == 0)
        return;
    tree->peaks[__builtin_ctzll(tree->size)].bytes[0] ^= 1;
    node_bft_info(m->node, &info);
    m->sick = true;
    m->sick_slot = info.executed;
}

void machine_start(struct sim_node *m)
{
    struct sim *s = m->sim;
    uint64_t now_ms = machine_now(m);
    struct node_config c = config_of(m);
    struct world w = world_of(m);
    m->life++;
    m->up = true;
    m->dying = false;
    m->wake_us = UINT64_MAX;
    m->weights_told = m->anchor_told = 0;
    if (s->bytes) {
        links_start(m);
        c.peer = m->peer;
    }
    db_mem_fail_at(m->disk.db, 0); /* Who starts it again has made room first. */
    enum err e = node_recall_votes(m->disk.db, m->disk.journal_started ? m->disk.generation : 0,
                                   s->now_us == 0, &c.recall);
    if (e == ERR_OK)
        e = node_open(&m->node, &c, &w, now_ms);
    if (e != ERR_OK) {
        sim_fail(s, "node %u does not start: %s", m->index, err_name(e));
        return;
    }
    view_init(&m->view, m->node, m->host, now_ms);
    replay(m);
    if (m->host != NULL)
        host_attach(m->host, m->node);
    node_start(m->node, now_ms);
    if (m->host == NULL)
        greet(m);
}

/* The machine stops at once.  torn: of what was written and not flushed some
 * bytes reached the disk. */
void machine_stop(struct sim_node *m, bool torn)
{
    struct sim *s = m->sim;
    struct sim_disk *d = &m->disk;
    if (torn && d->pending_used > 0) {
        struct journal_chain link = d->link;
        write_frame(d, span_of(d->pending, d->pending_used),
                    prng_below(&m->prng, JOURNAL_FRAME_HEAD + d->pending_used));
        d->link = link;
    }
    d->pending_used = 0;
    d->flushed_total = 0;
    chain_hang_up(m);
    bool carried = m->host != NULL;
    if (carried)
        links_stop(m);
    node_close(m->node);
    m->node = NULL;
    m->up = m->dying = false;
    m->crash_in = m->append_fails_in = m->flush_fails_in = 0;
    m->signer_is_down = m->sick = m->drifted = false;
    m->life++;
    db_mem_fail_at(d->db, 0); /* The operator sees to it first. */
    db_mem_crash(d->db);
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].node != NULL && !carried)
            node_on_peer_down(s->nodes[i].node, &m->peer, machine_now(&s->nodes[i]));
    s->result->crashes++;
}

static void lose_store(struct sim_disk *d)
{
    db_close(d->db);
    enum err e = db_mem_open(&d->db, DB_BYTES);
    assert(e == ERR_OK);
}

/* The newest file alone, when there is one before it. */
static void lose_journal(struct sim_disk *d, bool newest_only)
{
    if (newest_only && d->old_count > 0) {
        struct span *last = &d->old[--d->old_count];
        grow(&d->journal, &d->room, last->len);
        memcpy(d->journal, last->ptr, last->len);
        d->size = last->len;
        d->generation--;
        sim_drop(last);
        return;
    }
    d->size = d->generation = 0;
    for (uint32_t i = 0; i < d->old_count; i++)
        sim_drop(&d->old[i]);
    d->old_count = 0;
    d->journal_started = false;
}

/* The disk is gone, or a part of it; the signer and its guard are on another one. */
void machine_wipe(struct sim_node *m, enum sim_loss what)
{
    if (what == LOSE_ALL || what == LOSE_STORE)
        lose_store(&m->disk);
    if (what != LOSE_STORE)
        lose_journal(&m->disk, what == LOSE_NEWEST);
    checks_wiped(m->sim, m);
}

void machine_close(struct sim_node *m)
{
    host_close(m->host);
    node_close(m->node);
    db_close(m->disk.db);
    free(m->disk.journal);
    for (uint32_t i = 0; i < m->disk.old_count; i++)
        sim_drop(&m->disk.old[i]);
    free(m->disk.pending);
    guard_close(m->disk.guard);
    sr25519_close(m->pair);
}

/* --- events */

static void print_trace(struct sim_node *m)
{
    struct trace *t = node_trace(m->node);
    for (uint32_t i = 0; i < t->count; i++) {
        checks_heard(m->sim, m, &t->events[i]);
        if (!m->sim->config.verbose)
            continue;
        char line[LOGLINE_SIZE];
        size_t len = logline_write(&t->events[i], m->sim->now_us / 1000, LOGLINE_TEXT, line);
        fprintf(stderr, "n%u %.*s\n", m->index, (int)len - 11, line + 11);
    }
    t->count = 0;
}

static void stop_for_a_while(struct sim_node *m)
{
    struct sim *s = m->sim;
    machine_stop(m, (s->faults & SIM_TORN) != 0);
    sim_at(s, 1000000 + prng_below(&s->prng, 8000000),
           (struct sim_event){.kind = EV_RESTART, .node = m->index, .life = m->life},
           (struct span){0});
}

/* After whatever happened to it: its turn, and when it wants to be woken. */
void machine_after(struct sim_node *m)
{
    struct sim *s = m->sim;
    if (m->node == NULL)
        return;
    node_turn(m->node, machine_now(m));
    print_trace(m);
    if (node_fatal(m->node) != NULL && (s->faults & SIM_DISK_FULL)) {
        s->result->full_disks++;
        m->dying = true;
    }
    if (m->dying) {
        stop_for_a_while(m);
        return;
    }
    if (node_fatal(m->node) != NULL)
        sim_fail(s, "node %u stopped: %s", m->index, node_fatal(m->node));
    uint64_t wake_ms = node_wake_at(m->node);
    if (m->host != NULL)
        wake_ms = min_u64(wake_ms, host_wake_at(m->host));
    wake_ms = wake_ms == UINT64_MAX ? UINT64_MAX / 2000 : wake_ms - min_u64(wake_ms, m->skew_ms);
    uint64_t wake_us = max_u64(wake_ms * 1000, s->now_us + 1);
    if (wake_us < m->wake_us) {
        m->wake_us = wake_us;
        sim_at(s, wake_us - s->now_us,
               (struct sim_event){
                   .kind = EV_WAKE, .node = m->index, .life = m->life, .number = wake_us},
               (struct span){0});
    }
}

static void evaluated(struct sim_node *m, const struct sim_event *ev)
{
    uint8_t memory[8192];
    struct span answer =
        sim_evaluate(m, ev->number, ev->bytes, (struct room){memory, sizeof memory});
    node_on_evaluated(m->node, ev->number, answer, machine_now(m));
}

void machine_event(struct sim_node *m, struct sim_event *ev)
{
    struct sim *s = m->sim;
    uint64_t now_ms = machine_now(m);
    struct peer_id from = s->nodes[ev->from % s->count].peer;
    if (m->node == NULL || ev->life != m->life)
        return;
    if (m->paused) { /* Stopped by its kernel: everything waits. */
        sim_at(s, 50000, *ev, ev->bytes);
        return;
    }
    switch (ev->kind) {
    case EV_WAKE:
        m->wake_us = ev->number == m->wake_us ? UINT64_MAX : m->wake_us;
        if (m->host != NULL)
            host_on_time(m->host, now_ms);
        break;
    case EV_ACCEPTED:
    case EV_DIALED:
    case EV_BYTES:
    case EV_WRITTEN:
    case EV_CLOSED:
        links_event(m, ev);
        break;
    case EV_FRAME:
        node_on_frame(m->node, &from, ev->protocol, ev->bytes, now_ms);
        break;
    case EV_GOSSIP:
        node_on_gossip(m->node, ev->number, &from, ev->bytes, now_ms);
        break;
    case EV_FLUSHED:
        if (ev->number == FLUSH_REFUSED) {
            node_on_disk_failed(m->node, now_ms);
            break;
        }
        flushed(m, ev->from);
        node_on_flushed(m->node, ev->number, now_ms);
        break;
    case EV_SIGNED:
        node_on_signed(m->node, ev->bytes, now_ms);
        break;
    case EV_SIGNER_UP:
        sim_signer_up(m);
        break;
    case EV_EVALUATED:
        evaluated(m, ev);
        break;
    case EV_CHAIN_UP:
        node_on_chain_up(m->node, now_ms);
        break;
    case EV_CHAIN_TEXT:
        node_on_chain_text(m->node, ev->bytes, now_ms);
        break;
    case EV_CHAIN_DOWN:
        node_on_chain_down(m->node, (enum chain_why)ev->number, now_ms);
        break;
    case EV_CHAIN_REQUEST:
    case EV_BLOCK:
    case EV_CLIENT:
    case EV_CRASH:
    case EV_RESTART:
    case EV_PARTITION:
    case EV_HEAL:
    case EV_RESUME:
    case EV_DRIFT:
    case EV_RENEW:
        break; /* Not a machine's own. */
    }
    machine_after(m);
}
