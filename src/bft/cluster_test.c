#include "bft/cluster_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/sr25519.h"

enum { MS = 1000, OP_SIZE = 8, EPOCH_MS = 500 };
#define EPOCH_MARK UINT64_C(0xe90c40000000000)

void cluster_fail(const struct cluster *c, uint32_t node, const char *what)
{
    fprintf(stderr, "seed %llu, %llu us, node %u: %s\n", (unsigned long long)c->config.seed,
            (unsigned long long)c->now_us, node, what);
    abort();
}

bool cluster_is_byzantine(const struct cluster *c, uint32_t node)
{
    return (c->config.byzantine >> node & 1) != 0;
}

struct signature cluster_signature(const struct hotkey *key, struct span message)
{
    struct hasher h;
    hasher_open(&h, "TESTSIGN");
    hasher_add(&h, hotkey_span(key));
    hasher_add(&h, message);
    struct hash half = hasher_close(&h);
    struct signature s;
    memcpy(s.bytes, half.bytes, HASH_SIZE);
    memcpy(s.bytes + HASH_SIZE, half.bytes, HASH_SIZE);
    return s;
}

bool cluster_verify(void *ctx, const struct hotkey *key, struct span message,
                    const struct signature *signature)
{
    (void)ctx;
    struct signature want = cluster_signature(key, message);
    return memcmp(&want, signature, sizeof want) == 0;
}

struct signature cluster_sign(const struct cluster *c, uint32_t node,
                              const struct bft_statement *st)
{
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(st, &c->network, &c->sets[st->epoch].hash, bytes);
    struct span message = span_of(bytes, sizeof bytes);
    if (!c->config.real)
        return cluster_signature(&c->nodes[node].key, message);
    static const uint8_t entropy[SR25519_ENTROPY_SIZE] = {1};
    struct signature s;
    sr25519_sign(c->nodes[node].pair, message, entropy, &s);
    return s;
}

struct bft_view_info cluster_info(const struct cluster *c, uint32_t node)
{
    struct bft_view_info info;
    bft_info(c->nodes[node].core, &info);
    return info;
}

/* The first node with the key of a member. */
uint32_t cluster_node_of(const struct cluster *c, uint64_t epoch, uint32_t member)
{
    for (uint32_t i = 0; i < c->config.nodes; i++)
        if (hotkey_equal(&c->nodes[i].key, &c->sets[epoch].set.members[member].hotkey))
            return i;
    cluster_fail(c, 0, "no such member");
}

uint32_t cluster_leader(const struct cluster *c)
{
    struct bft_view_info info = cluster_info(c, 0);
    return cluster_node_of(c, info.epoch, info.leader);
}

/* ---- the network: a heap of messages in flight -------------------------- */

static bool earlier(const struct flight *a, const struct flight *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void swap(struct flight *a, struct flight *b)
{
    struct flight t = *a;
    *a = *b;
    *b = t;
}

static void queue_put(struct cluster *c, struct flight f)
{
    if (c->queue_count == QUEUE_MAX)
        return; /* a clogged network loses, too */
    uint32_t i = c->queue_count++;
    c->queue[i] = f;
    for (; i > 0 && earlier(&c->queue[i], &c->queue[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&c->queue[i], &c->queue[(i - 1) / 2]);
}

static struct flight queue_take(struct cluster *c)
{
    struct flight first = c->queue[0];
    c->queue[0] = c->queue[--c->queue_count];
    for (uint32_t i = 0;;) {
        uint32_t least = i, left = 2 * i + 1, right = 2 * i + 2;
        if (left < c->queue_count && earlier(&c->queue[left], &c->queue[least]))
            least = left;
        if (right < c->queue_count && earlier(&c->queue[right], &c->queue[least]))
            least = right;
        if (least == i)
            return first;
        swap(&c->queue[i], &c->queue[least]);
        i = least;
    }
}

static void fly(struct cluster *c, uint32_t from, uint32_t to, struct span bytes)
{
    struct cluster_config *g = &c->config;
    if ((c->cut[from] >> to & 1) != 0 || prng_chance(&c->net, g->loss_percent, 100))
        return;
    uint32_t copies = prng_chance(&c->net, g->duplicate_percent, 100) ? 2 : 1;
    for (uint32_t i = 0; i < copies; i++) {
        uint64_t delay =
            g->delay_min_us + prng_below(&c->net, g->delay_max_us - g->delay_min_us + 1);
        queue_put(c, (struct flight){c->now_us + delay, c->order++, from, to, bytes});
    }
    c->messages += copies;
}

static struct span keep(struct cluster *c, struct span bytes)
{
    struct span copy = arena_copy(&c->world, bytes);
    if (copy.len != bytes.len)
        cluster_fail(c, 0, "the world is too small");
    return copy;
}

static void leave(struct cluster *c, uint32_t from, uint32_t to, struct span bytes)
{
    if (c->config.hook != NULL && (c->config.hook_all || cluster_is_byzantine(c, from))) {
        size_t mark = arena_mark(&c->world);
        struct bft_message m;
        bool ok = bft_message_decode(bytes, &c->world, &m) == ERR_OK;
        size_t order = c->order;
        bool on = !ok || c->config.hook(c, from, to, &m, bytes);
        if (c->order == order)
            arena_reset(&c->world, mark);
        if (!on)
            return;
    }
    fly(c, from, to, bytes);
}

void cluster_inject(struct cluster *c, uint32_t from, uint32_t to, const struct bft_message *m)
{
    struct room room = {arena_raw(&c->world, BFT_MESSAGE_SIZE_MAX), BFT_MESSAGE_SIZE_MAX};
    if (room.ptr == NULL)
        cluster_fail(c, from, "the world is too small");
    struct span bytes = bft_message_encode(m, room);
    c->world.used -= BFT_MESSAGE_SIZE_MAX - bytes.len;
    fly(c, from, to, bytes);
}

/* To every node that has the key of a member of the sender's current set. */
static void on_send(struct cluster *c, uint32_t from, const struct bft_effect *e)
{
    const struct bft_set *set = bft_current_set(c->nodes[from].core);
    struct span bytes = keep(c, e->bytes);
    if (c->config.verbose)
        cluster_tell_message(c, from, e->to, bytes);
    if (!cluster_is_byzantine(c, from))
        check_send(c, from, bytes);
    for (uint32_t i = 0; i < c->config.nodes; i++) {
        uint32_t member = bft_member(set, &c->nodes[i].key);
        if (member == BFT_ALL || hotkey_equal(&c->nodes[i].key, &c->nodes[from].key))
            continue;
        if (e->to == BFT_ALL || e->to == member)
            leave(c, from, i, bytes);
    }
}

/* ---- the ledger ---------------------------------------------------------- */

static bool epoch_due(const struct cluster *c, const struct ledger *l)
{
    uint64_t length = (uint64_t)c->config.epoch_segments * BFT_CHECKPOINT_INTERVAL;
    return length > 0 && l->executed + BFT_CHECKPOINT_INTERVAL >= l->epoch_start + length &&
           l->epoch + 1 < c->epochs;
}

/* Only the proposer looks at the chain's clock; the ledger does not. */
static bool epoch_wanted(const struct cluster *c, const struct ledger *l)
{
    return epoch_due(c, l) && c->now_us / MS >= (l->epoch + 1) * EPOCH_MS;
}

static uint64_t op_at(struct span payload, size_t i)
{
    struct rd r = rd_init(span_of(payload.ptr + i * OP_SIZE, OP_SIZE));
    return rd_u64(&r);
}

static bool payload_valid(const struct cluster *c, const struct ledger *l, struct span payload,
                          bool last)
{
    if (payload.len % OP_SIZE != 0)
        return false;
    for (size_t i = 0; i < payload.len / OP_SIZE; i++) {
        uint64_t op = op_at(payload, i);
        if (op == EPOCH_MARK + l->epoch + 1 && last && payload.len == OP_SIZE)
            return true;
        if (op >= c->ops_count || c->ops_since[op] == 0)
            return false;
    }
    return true;
}

static bool ledger_apply(const struct cluster *c, struct ledger *l, uint64_t seq,
                         struct span payload)
{
    bool due = epoch_due(c, l) && seq % BFT_CHECKPOINT_INTERVAL == 0;
    bool ends = false;
    for (size_t i = 0; i < payload.len / OP_SIZE; i++) {
        uint64_t op = op_at(payload, i);
        if (op < OPS_MAX)
            l->done[op] = true;
        else if (due && op == EPOCH_MARK + l->epoch + 1)
            ends = true;
    }
    struct hasher h;
    hasher_open(&h, "TESTROOT");
    hasher_add(&h, hash_span(&l->root));
    hasher_add(&h, payload);
    l->root = hasher_close(&h);
    l->executed = seq;
    if (ends) {
        l->epoch++;
        l->epoch_start = seq;
    }
    return ends;
}

static void local_put(struct cluster *c, uint32_t node, struct bft_event ev)
{
    struct node *n = &c->nodes[node];
    if (n->locals_count == LOCALS_MAX)
        cluster_fail(c, node, "too many local events");
    n->locals[n->locals_count++] = ev;
}

static void on_execute(struct cluster *c, uint32_t node, const struct bft_effect *e)
{
    struct node *n = &c->nodes[node];
    if (e->seq != n->ledger.executed + 1)
        cluster_fail(c, node, "executed out of order");
    if (e->seq >= SLOTS_MAX)
        cluster_fail(c, node, "SLOTS_MAX is too small");
    check_execute(c, node, e);
    bool ends = ledger_apply(c, &n->ledger, e->seq, e->bytes);
    check_root(c, node);
    struct stored_slot *s = &n->slots[e->seq];
    if (!s->held) {
        struct bft_decided d = {e->seq, e->bytes, e->cert};
        struct room room = {arena_raw(&c->world, BFT_DECIDED_SIZE_MAX), BFT_DECIDED_SIZE_MAX};
        s->decided = bft_decided_encode(&d, room);
        c->world.used -= BFT_DECIDED_SIZE_MAX - s->decided.len;
        s->held = true;
    }
    struct bft_event ev = {.kind = BFT_EV_EXECUTED, .seq = e->seq};
    ev.aux.state_root = n->ledger.root;
    ev.aux.log_size = e->seq;
    ev.next = ends ? &c->sets[n->ledger.epoch].set : NULL;
    local_put(c, node, ev);
}

static void on_propose(struct cluster *c, uint32_t node, const struct bft_effect *e)
{
    if (c->config.batchless >> node & 1)
        return;
    struct node *n = &c->nodes[node];
    struct room room = {arena_alloc(&c->world, 32 * OP_SIZE), 32 * OP_SIZE};
    struct wr w = wr_init(room);
    if (e->last_in_segment && epoch_wanted(c, &n->ledger)) {
        wr_u64(&w, EPOCH_MARK + n->ledger.epoch + 1);
    } else {
        uint32_t given = 0;
        for (uint32_t op = 0; op < c->ops_count && given < 8; op++) {
            bool censored = op + 1 == c->config.censored && cluster_is_byzantine(c, node);
            if (c->ops_since[op] == 0 || n->ledger.done[op] || censored ||
                n->offered[op] == e->view + 1)
                continue;
            n->offered[op] = e->view + 1;
            wr_u64(&w, op);
            given++;
        }
    }
    struct bft_event ev = {.kind = BFT_EV_BATCH, .view = e->view, .seq = e->seq};
    ev.bytes = wr_done(&w);
    local_put(c, node, ev);
}

static void on_check(struct cluster *c, uint32_t node, const struct bft_effect *e)
{
    struct bft_event ev = {.kind = BFT_EV_CHECKED, .seq = e->seq, .digest = e->digest};
    ev.wait = prng_chance(&c->faults, c->config.wait_percent, 100);
    ev.ok = !ev.wait && payload_valid(c, &c->nodes[node].ledger, e->bytes, e->last_in_segment);
    local_put(c, node, ev);
}

/* What the node of a real validator answers from its store. */
static void on_serve(struct cluster *c, uint32_t node, const struct bft_effect *e,
                     uint32_t stranger)
{
    const struct node *n = &c->nodes[node];
    uint32_t to = stranger;
    if (e->to != BFT_ALL)
        to = cluster_node_of(c, bft_current_set(n->core)->set.epoch, e->to);
    if (stranger < c->config.nodes)
        to = stranger;
    if (to >= c->config.nodes)
        return;
    for (uint64_t seq = e->seq - 1; seq < e->seq + 20 && seq < SLOTS_MAX; seq++) {
        struct bft_message m = {.tag = BFT_MESSAGE_DECIDED};
        if (seq >= e->seq && n->slots[seq].held && seq <= n->ledger.executed &&
            bft_decided_decode(n->slots[seq].decided, &c->world, &m.decided) == ERR_OK)
            cluster_inject(c, node, to, &m);
        m.tag = BFT_MESSAGE_CHECKPOINT;
        if (n->slots[seq].checkpoint.len > 0 &&
            bft_checkpoint_decode(n->slots[seq].checkpoint, &c->world, &m.checkpoint) == ERR_OK)
            cluster_inject(c, node, to, &m);
    }
}

static void on_fetch(struct cluster *c, uint32_t node, const struct bft_effect *e)
{
    struct bft_message m = {.tag = BFT_MESSAGE_FETCH};
    m.fetch.seq = e->seq;
    uint32_t to = (uint32_t)prng_below(&c->work, c->config.nodes);
    if (to != node)
        cluster_inject(c, node, to, &m);
}

static void on_stable(struct cluster *c, uint32_t node, const struct bft_effect *e)
{
    struct node *n = &c->nodes[node];
    if (n->ledger.executed != e->seq)
        cluster_fail(c, node, "stable, but the state is elsewhere");
    check_stable(c, node, e);
    *n->undo = (struct undo){n->durable, n->resume, {n->generation[0], n->generation[1]}};
    n->undo_held = true;
    n->durable = n->ledger;
    n->resume = keep(c, e->bytes);
    n->slots[e->seq].checkpoint = n->resume;
    n->generation[0] = n->generation[1]; /* what may be cut; see cluster_restart */
    n->generation[1] = n->journal_count;
}

/* ---- a node's turn ------------------------------------------------------- */

static void perform(struct cluster *c, uint32_t node, const struct bft_effect *e, uint32_t stranger)
{
    struct node *n = &c->nodes[node];
    switch (e->kind) {
    case BFT_FX_PERSIST:
        if (n->journal_count == RECORDS_MAX)
            cluster_fail(c, node, "RECORDS_MAX is too small");
        n->journal[n->journal_count++] = keep(c, e->bytes);
        break;
    case BFT_FX_SIGN:
        if (n->signs_count == SIGNS_MAX)
            cluster_fail(c, node, "SIGNS_MAX is too small");
        check_sign(c, node, &e->statement);
        n->signs[n->signs_count++] = (struct sign){e->token, e->statement};
        break;
    case BFT_FX_SEND:
        on_send(c, node, e);
        break;
    case BFT_FX_REPLY:
        if (stranger < c->config.nodes)
            fly(c, node, stranger, keep(c, e->bytes));
        break;
    case BFT_FX_PROPOSE:
        on_propose(c, node, e);
        break;
    case BFT_FX_CHECK:
        on_check(c, node, e);
        break;
    case BFT_FX_EXECUTE:
        on_execute(c, node, e);
        break;
    case BFT_FX_STABLE:
        on_stable(c, node, e);
        break;
    case BFT_FX_FETCH:
        on_fetch(c, node, e);
        break;
    case BFT_FX_SERVE:
        on_serve(c, node, e, stranger);
        break;
    case BFT_FX_EVIDENCE:
        check_evidence(c, node, e->bytes);
        n->evidence++;
        break;
    case BFT_FX_ALARM:
        n->alarms++;
        if (!cluster_is_byzantine(c, node))
            cluster_fail(c, node, e->why);
        break;
    }
}

static void step_one(struct cluster *c, uint32_t node, const struct bft_event *ev,
                     uint32_t stranger)
{
    struct node *n = &c->nodes[node];
    struct bft_event now = *ev;
    now.now_ms = c->now_us / MS;
    bft_step(n->core, &now, c->fx);
    cluster_tell_trace(c, node);
    n->steps++;
    uint64_t wake = c->fx->wake_at_ms;
    n->wake_us = wake == UINT64_MAX ? UINT64_MAX : wake * MS;
    uint32_t stop = UINT32_MAX;
    if (!c->healed && prng_chance(&c->faults, c->config.crash_per_mille, 1000))
        stop = (uint32_t)prng_below(&c->faults, c->fx->count + 1);
    for (uint32_t i = 0; i < c->fx->count && i < stop; i++) {
        if (++n->effects == n->crash_at)
            stop = i;
        else
            perform(c, node, &c->fx->items[i], stranger);
    }
    if (stop != UINT32_MAX)
        cluster_crash(c, node);
}

static void tell_pending(struct cluster *c, uint32_t node)
{
    struct node *n = &c->nodes[node];
    struct bft_view_info info = cluster_info(c, node);
    if (info.epoch != n->offered_epoch) {
        memset(n->offered, 0, sizeof n->offered);
        n->offered_epoch = info.epoch;
    }
    struct bft_event ev = {.kind = BFT_EV_PENDING, .pending_since_ms = UINT64_MAX};
    ev.fill = c->config.fill || epoch_wanted(c, &n->ledger);
    ev.fill_pause_ms = c->config.fill_pause_ms;
    uint32_t mark = ev.fill ? 1u << 31 : 0;
    for (uint32_t op = 0; op < c->ops_count; op++) {
        if (c->ops_since[op] == 0 || n->ledger.done[op])
            continue;
        ev.pending_since_ms = min_u64(ev.pending_since_ms, c->ops_since[op] / MS);
        ev.pending++;
        mark =
            mark * 31 + 1 + op + (n->offered[op] == info.view + 1 ? 7919 : 0) + (uint32_t)info.view;
    }
    if (mark == n->told_pending && ev.fill == n->told_fill)
        return;
    n->told_pending = mark;
    n->told_fill = ev.fill;
    step_one(c, node, &ev, UINT32_MAX);
}

/* One event, then what the node itself answers, until it is quiet. */
static void step(struct cluster *c, uint32_t node, const struct bft_event *ev, uint32_t stranger)
{
    struct node *n = &c->nodes[node];
    step_one(c, node, ev, stranger);
    for (uint32_t i = 0; n->up && i < n->locals_count; i++) {
        struct bft_event local = n->locals[i];
        step_one(c, node, &local, UINT32_MAX);
    }
    n->locals_count = 0;
    if (n->up && bft_current_set(n->core) != NULL && cluster_info(c, node).normal)
        tell_pending(c, node);
    for (uint32_t i = 0; n->up && i < n->locals_count; i++) {
        struct bft_event local = n->locals[i];
        step_one(c, node, &local, UINT32_MAX);
    }
    n->locals_count = 0;
    if (n->up && n->flush_us == UINT64_MAX && n->signs_count > 0) {
        n->flush_us = c->now_us + c->config.flush_us;
        n->journal_flushing = n->journal_count;
        n->signs_flushing = n->signs_count;
    }
}

void cluster_step(struct cluster *c, uint32_t node, const struct bft_event *ev)
{
    if (c->nodes[node].up)
        step(c, node, ev, UINT32_MAX);
}

/* The flush is done: its records are durable, its signatures are given. */
static void on_flushed(struct cluster *c, uint32_t node)
{
    struct node *n = &c->nodes[node];
    n->flush_us = UINT64_MAX;
    n->journal_flushed = n->journal_flushing;
    n->undo_held = false;
    uint32_t count = n->signs_flushing;
    for (uint32_t i = 0; i < count && n->up; i++) {
        struct bft_event ev = {.kind = BFT_EV_SIGNED, .token = n->signs[i].token, .ok = !n->refuse};
        ev.signature = cluster_sign(c, node, &n->signs[i].statement);
        check_signed(c, node, &n->signs[i].statement);
        step_one(c, node, &ev, UINT32_MAX);
    }
    if (!n->up)
        return;
    memmove(n->signs, n->signs + count, (n->signs_count - count) * sizeof n->signs[0]);
    n->signs_count -= count;
    struct bft_event tick = {.kind = BFT_EV_TICK};
    step(c, node, &tick, UINT32_MAX);
}

static void deliver(struct cluster *c, const struct flight *f)
{
    struct node *n = &c->nodes[f->to];
    if (!n->up || (c->config.closes && !c->nodes[f->from].up))
        return;
    struct bft_event ev = {.kind = BFT_EV_MESSAGE, .bytes = f->bytes};
    ev.from = bft_member(bft_current_set(n->core), &c->nodes[f->from].key);
    step(c, f->to, &ev, f->from);
}

/* ---- crash and restart --------------------------------------------------- */

void cluster_crash(struct cluster *c, uint32_t node)
{
    struct node *n = &c->nodes[node];
    if (!n->up)
        return;
    n->up = false;
    n->wake_us = n->flush_us = UINT64_MAX;
    n->signs_count = n->locals_count = 0;
    /* A torn tail: any number of the records that were not flushed yet. */
    n->journal_count = n->journal_flushed +
                       (uint32_t)prng_below(&c->faults, n->journal_count - n->journal_flushed + 1);
    n->journal_flushed = n->journal_count;
    if (n->undo_held && prng_chance(&c->faults, 1, 2)) {
        n->durable = n->undo->durable; /* the state's sync had not finished */
        n->resume = n->undo->resume;
        memcpy(n->generation, n->undo->generation, sizeof n->generation);
    }
    n->undo_held = false;
    for (uint32_t i = 0; i < 2; i++)
        if (n->generation[i] > n->journal_count)
            n->generation[i] = n->journal_count;
    for (uint32_t i = 0; i < c->config.nodes && c->config.closes; i++) {
        struct bft_event lost = {.kind = BFT_EV_LOST};
        lost.from = bft_member(bft_current_set(c->nodes[i].core), &n->key);
        cluster_step(c, i, &lost);
    }
    n->restart_us = c->config.crash_per_mille == 0
                        ? UINT64_MAX
                        : c->now_us + (50 + prng_below(&c->faults, 1500)) * MS;
}

static void core_open(struct cluster *c, uint32_t node)
{
    struct node *n = &c->nodes[node];
    struct bft_config g = {
        .network = c->network,
        .self = n->key,
        .verifier = c->verifier,
        .timeout_ms = c->config.timeout_ms,
        .status_ms = c->config.status_ms,
        .pipeline = c->config.pipeline,
        .seed = c->config.seed * 31 + node,
        .vote_after_block = n->vote_after_block,
    };
    arena_reset(&n->arena, 0);
    if (bft_init(&n->core, &n->arena, &g, &c->sets[0].set) != ERR_OK)
        cluster_fail(c, node, "bft_init");
    n->up = true;
    n->ledger = n->durable;
    n->restart_us = UINT64_MAX;
    n->told_pending = UINT32_MAX;
    memset(n->offered, 0, sizeof n->offered);
}

static void replay(struct cluster *c, uint32_t node)
{
    struct node *n = &c->nodes[node];
    if (n->resume.len > 0) {
        struct bft_event ev = {.kind = BFT_EV_RESUME};
        ev.resume.set = &c->sets[n->durable.epoch].set;
        if (bft_checkpoint_decode(n->resume, &c->world, &ev.resume.checkpoint) != ERR_OK)
            cluster_fail(c, node, "resume");
        step_one(c, node, &ev, UINT32_MAX);
    }
    uint32_t end = n->journal_count;
    n->undo_held = false;
    for (uint32_t i = n->generation[0]; i < end && n->up; i++) {
        struct bft_event ev = {.kind = BFT_EV_REPLAY, .bytes = n->journal[i]};
        uint32_t before = n->generation[1];
        step_one(c, node, &ev, UINT32_MAX);
        for (uint32_t k = 0; n->up && k < n->locals_count; k++) {
            struct bft_event local = n->locals[k];
            step_one(c, node, &local, UINT32_MAX);
        }
        n->locals_count = 0;
        if (n->generation[1] != before)
            n->generation[1] = i; /* STABLE in replay: its record is this one */
    }
    if (n->journal_count != end && n->up)
        cluster_fail(c, node, "replay wrote to the journal");
}

void cluster_restart(struct cluster *c, uint32_t node)
{
    struct node *n = &c->nodes[node];
    if (n->up)
        return;
    core_open(c, node);
    replay(c, node);
    struct bft_event start = {.kind = BFT_EV_START};
    if (n->up)
        step(c, node, &start, UINT32_MAX);
}

void cluster_wipe(struct cluster *c, uint32_t node)
{
    struct node *n = &c->nodes[node];
    cluster_crash(c, node);
    n->journal_count = n->journal_flushed = n->generation[0] = n->generation[1] = 0;
    n->durable = (struct ledger){0};
    n->resume = (struct span){0};
    memset(n->slots, 0, sizeof n->slots);
    n->wiped = true;
    /* The chain's head: later than the block of any set that is in use. */
    for (uint32_t i = 0; i < c->config.nodes; i++)
        if (c->nodes[i].core != NULL)
            n->vote_after_block =
                max_u64(n->vote_after_block, bft_current_set(c->nodes[i].core)->set.chain_block);
}

void cluster_isolate(struct cluster *c, uint32_t node, bool cut)
{
    for (uint32_t i = 0; i < c->config.nodes; i++) {
        if (i == node)
            continue;
        c->cut[i] = cut ? c->cut[i] | 1ull << node : c->cut[i] & ~(1ull << node);
        c->cut[node] = cut ? c->cut[node] | 1ull << i : c->cut[node] & ~(1ull << i);
    }
}

void cluster_heal(struct cluster *c)
{
    c->healed = true;
    c->config.loss_percent = c->config.wait_percent = 0;
    memset(c->cut, 0, sizeof c->cut);
    for (uint32_t i = 0; i < c->config.nodes; i++)
        cluster_restart(c, i);
}

/* ---- the run ------------------------------------------------------------- */

static uint64_t next_event(const struct cluster *c)
{
    uint64_t at = c->queue_count > 0 ? c->queue[0].at_us : UINT64_MAX;
    for (uint32_t i = 0; i < c->config.nodes; i++) {
        const struct node *n = &c->nodes[i];
        at = min_u64(at, min_u64(n->restart_us, min_u64(n->wake_us, n->flush_us)));
    }
    return at;
}

static void run_one(struct cluster *c)
{
    for (uint32_t i = 0; i < c->config.nodes; i++) {
        struct node *n = &c->nodes[i];
        if (!n->up && n->restart_us <= c->now_us)
            cluster_restart(c, i);
        if (n->up && n->flush_us <= c->now_us)
            on_flushed(c, i);
        if (n->up && n->wake_us <= c->now_us) {
            struct bft_event tick = {.kind = BFT_EV_TICK};
            step(c, i, &tick, UINT32_MAX);
        }
    }
    while (c->queue_count > 0 && c->queue[0].at_us <= c->now_us) {
        struct flight f = queue_take(c);
        deliver(c, &f);
    }
}

static bool run_until(struct cluster *c, uint64_t end_us)
{
    uint64_t at = next_event(c);
    if (at > end_us) {
        c->now_us = max_u64(c->now_us, end_us);
        return false;
    }
    c->now_us = max_u64(c->now_us, at);
    run_one(c);
    return true;
}

void cluster_run(struct cluster *c, uint32_t ms)
{
    uint64_t end = c->now_us + (uint64_t)ms * MS;
    while (run_until(c, end))
        ;
}

static bool all_executed(const struct cluster *c, uint64_t seq)
{
    for (uint32_t i = 0; i < c->config.nodes; i++)
        if (!cluster_is_byzantine(c, i) && c->nodes[i].up && c->nodes[i].ledger.executed < seq)
            return false;
    return true;
}

static bool all_done(const struct cluster *c)
{
    for (uint32_t i = 0; i < c->config.nodes; i++) {
        if (cluster_is_byzantine(c, i) || !c->nodes[i].up)
            continue;
        for (uint32_t op = 0; op < c->ops_count; op++)
            if (!c->nodes[i].ledger.done[op])
                return false;
    }
    return true;
}

bool cluster_run_until_done(struct cluster *c, uint32_t ms_max)
{
    uint64_t end = c->now_us + (uint64_t)ms_max * MS;
    while (!all_done(c))
        if (!run_until(c, end))
            return all_done(c);
    return true;
}

bool cluster_run_until_executed(struct cluster *c, uint64_t seq, uint32_t ms_max)
{
    uint64_t end = c->now_us + (uint64_t)ms_max * MS;
    while (!all_executed(c, seq))
        if (!run_until(c, end))
            return all_executed(c, seq);
    return true;
}

void cluster_submit(struct cluster *c, uint32_t count)
{
    for (uint32_t i = 0; i < count && c->ops_count < OPS_MAX; i++)
        c->ops_since[c->ops_count++] = max_u64(c->now_us, 1);
    struct bft_event tick = {.kind = BFT_EV_TICK};
    for (uint32_t i = 0; i < c->config.nodes; i++)
        cluster_step(c, i, &tick);
}
