#include "sim.h"

#include <stdlib.h>

#include "check.h"

enum { HEALED_MS = 180000, PAUSE_MS = 4000, SCRATCH_SIZE = 8 << 20 };

/* From numbers of its own, so that the other faults of a seed are what they were. */
static void draw_drift(struct sim *s)
{
    struct prng own;
    prng_init(&own, s->config.seed ^ 0x6472696674);
    if (s->config.choose_faults && prng_chance(&own, 3, 4))
        s->faults &= ~(uint32_t)SIM_DRIFT;
    if (s->faults & SIM_DRIFT) {
        struct sim_event ev = {.kind = EV_DRIFT, .node = (uint32_t)prng_below(&own, s->count)};
        uint64_t delay_ms = 5000 + prng_below(&own, s->config.chaos_ms / 2);
        sim_at(s, delay_ms * 1000, ev, (struct span){0});
    }
}

static void draw(struct sim *s)
{
    const struct sim_config *c = &s->config;
    s->count = c->nodes != 0
                   ? c->nodes
                   : (prng_chance(&s->prng, 7, 10) ? 4 : 4 + (uint32_t)prng_below(&s->prng, 4));
    s->faults = c->faults;
    for (uint32_t f = 1; c->choose_faults && f < SIM_DRIFT; f <<= 1)
        if (prng_chance(&s->prng, 1, 2))
            s->faults &= ~f;
    s->loss = (uint32_t)prng_below(&s->prng, 200);
    s->duplicate = (uint32_t)prng_below(&s->prng, 300);
    s->delay_us = 100 + prng_below(&s->prng, 20000);
    s->jitter_us = prng_below(&s->prng, 30000);
    if (c->chaos_ms == 0)
        s->config.chaos_ms = 20000 + prng_below(&s->prng, 60000);
    s->bytes = !c->messages_only && prng_chance(&s->prng, 1, 2);
    if (s->bytes)
        s->faults &=
            ~(uint32_t)(SIM_LOSS | SIM_DUPLICATE | SIM_REORDER | SIM_EQUIVOCATE | SIM_LIES);
    draw_drift(s);
    s->result->bytes = s->bytes;
    s->result->nodes = s->count;
    s->result->faults = s->faults;
}

static void later(struct sim *s, uint64_t from_ms, uint64_t within_ms, enum sim_event_kind kind,
                  uint32_t node)
{
    sim_at(s, (from_ms + prng_below(&s->prng, within_ms + 1)) * 1000,
           (struct sim_event){.kind = kind, .node = node}, (struct span){0});
}

static void plan(struct sim *s)
{
    uint64_t chaos = s->config.chaos_ms;
    if (s->faults & (SIM_CRASH | SIM_WIPE | SIM_PAUSE | SIM_DISK_FULL))
        for (uint64_t at = 3000; at < chaos; at += 2000 + prng_below(&s->prng, 12000))
            later(s, at, 1000, EV_CRASH, (uint32_t)prng_below(&s->prng, s->count));
    if (s->faults & (SIM_PARTITION | SIM_CHAIN))
        for (uint64_t at = 2000; at < chaos; at += 3000 + prng_below(&s->prng, 15000))
            later(s, at, 1000, EV_PARTITION, 0);
    later(s, chaos, 0, EV_HEAL, 0);
}

/* --- faults */

static uint32_t up_count(const struct sim *s)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < s->count; i++)
        up += s->nodes[i].node != NULL && !s->nodes[i].paused;
    return up;
}

/* A wiped node signs nothing until a later epoch.  More than f of them in one epoch
 * could decide nothing any more, not even the next one. */
static bool is_mute(const struct sim_node *m)
{
    struct bft_view_info info = {0};
    if (m->node != NULL)
        node_bft_info(m->node, &info);
    return !info.voting || m->sick; /* What it says of its checkpoint is no help. */
}

static uint32_t mute_count(const struct sim *s)
{
    uint32_t mute = 0;
    for (uint32_t i = 0; i < s->count; i++)
        mute += is_mute(&s->nodes[i]);
    return mute;
}

static void resume_later(struct sim *s, struct sim_node *m)
{
    m->paused = true;
    sim_at(s, prng_below(&s->prng, PAUSE_MS * 1000) + 1000,
           (struct sim_event){.kind = EV_RESUME, .node = m->index}, (struct span){0});
}

static void fill_disk(struct sim *s, struct sim_node *m)
{
    uint32_t in = 1 + (uint32_t)prng_below(&s->prng, 4);
    switch (prng_below(&s->prng, 5)) {
    case 0:
        m->append_fails_in = 4 * in;
        break;
    case 1:
        m->flush_fails_in = in;
        break;
    case 2:
        m->guard_fails_in = 2 * in;
        break;
    default:
        db_mem_fail_at(m->disk.db, in);
        break;
    }
}

static void crash(struct sim *s, uint32_t index)
{
    struct sim_node *m = &s->nodes[index];
    uint32_t mute = mute_count(s) - is_mute(m), may_fail = (s->count - 1) / 3;
    if (!s->chaos || m->node == NULL || m->paused || up_count(s) < s->count || mute >= may_fail)
        return;
    uint64_t kind = prng_below(&s->prng, 4);
    if (kind == 0 && (s->faults & SIM_PAUSE)) {
        resume_later(s, m);
    } else if (kind == 1 && (s->faults & SIM_WIPE)) {
        machine_stop(m, false);
        machine_wipe(m, (enum sim_loss)prng_below(&s->prng, SIM_LOSSES));
        later(s, 3000, 8000, EV_CRASH, index); /* Again before it may vote. */
        sim_at(s, 2000000, (struct sim_event){.kind = EV_RESTART, .node = index, .life = m->life},
               (struct span){0});
    } else if (kind == 2 && (s->faults & SIM_DISK_FULL)) {
        fill_disk(s, m);
    } else if (s->faults & SIM_CRASH) {
        m->crash_in = 1 + (uint32_t)prng_below(&s->prng, 60); /* Between any two effects. */
    }
}

static void drift(struct sim *s, struct sim_node *m)
{
    bool may = s->chaos && m->node != NULL && !m->byzantine && up_count(s) == s->count;
    if (may && mute_count(s) < (s->count - 1) / 3)
        machine_sicken(m);
}

/* The operator does as the node says: it starts anew from nothing. */
static void renew(struct sim *s, struct sim_node *m)
{
    if (m->node == NULL || !m->drifted)
        return;
    machine_stop(m, false);
    machine_wipe(m, LOSE_ALL);
    sim_at(s, 2000000, (struct sim_event){.kind = EV_RESTART, .node = m->index, .life = m->life},
           (struct span){0});
}

static void partition(struct sim *s)
{
    if (!s->chaos)
        return;
    bool whole = (s->faults & SIM_PARTITION) == 0 || prng_chance(&s->prng, 1, 3);
    for (uint32_t i = 0; i < s->count; i++)
        s->nodes[i].group = whole ? 0 : (uint32_t)prng_below(&s->prng, 2);
    links_partition(s);
    if (s->faults & SIM_CHAIN)
        chain_be(s, prng_chance(&s->prng, 1, 2)
                        ? CHAIN_HONEST
                        : (enum chain_mood)prng_below(&s->prng, CHAIN_FOREIGN + 1));
}

static void start_again(struct sim *s, struct sim_node *m)
{
    machine_stop(m, false);
    sim_at(s, 1000000, (struct sim_event){.kind = EV_RESTART, .node = m->index, .life = m->life},
           (struct span){0});
}

/* All that was broken works again, for good; links come up anew. */
static void heal(struct sim *s)
{
    s->chaos = false;
    chain_be(s, CHAIN_HONEST);
    for (uint32_t i = 0; i < s->count; i++) {
        struct sim_node *m = &s->nodes[i];
        m->group = 0;
        m->crash_in = m->append_fails_in = m->flush_fails_in = m->guard_fails_in = 0;
        m->paused = false;
        m->slow_us = 0;
        m->dissents = false;
        db_mem_fail_at(m->disk.db, 0);
        if (m->sick && !m->drifted)
            start_again(s, m); /* Its memory is right again. */
    }
    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t k = 0; k < s->count; k++)
            if (!s->bytes && i != k && s->nodes[i].node != NULL && s->nodes[k].node != NULL)
                node_on_peer_up(s->nodes[i].node, &s->nodes[k].peer, machine_now(&s->nodes[i]));
    s->healed_us = s->now_us;
}

static void restart(struct sim *s, const struct sim_event *ev)
{
    struct sim_node *m = &s->nodes[ev->node];
    if (m->node != NULL || m->life != ev->life)
        return;
    if (s->chaos && (s->faults & SIM_DAMAGE) && mute_count(s) <= (s->count - 1) / 3 &&
        prng_chance(&s->prng, 1, 2))
        machine_damage(m);
    machine_start(m);
    machine_after(m);
}

/* --- the run */

static void handle(struct sim *s, struct sim_event *ev)
{
    sim_trace(s, (uint64_t)ev->kind, ev->node, ev->bytes);
    switch (ev->kind) {
    case EV_CHAIN_REQUEST:
    case EV_BLOCK:
        chain_event(s, ev);
        break;
    case EV_CLIENT:
        clients_event(s);
        break;
    case EV_CRASH:
        crash(s, ev->node);
        break;
    case EV_RESTART:
        restart(s, ev);
        break;
    case EV_PARTITION:
        partition(s);
        break;
    case EV_HEAL:
        heal(s);
        break;
    case EV_DRIFT:
        drift(s, &s->nodes[ev->node]);
        break;
    case EV_RENEW:
        renew(s, &s->nodes[ev->node]);
        break;
    case EV_RESUME:
        s->nodes[ev->node].paused = false;
        break;
    case EV_WAKE:
    case EV_FRAME:
    case EV_GOSSIP:
    case EV_FLUSHED:
    case EV_SIGNED:
    case EV_SIGNER_UP:
    case EV_EVALUATED:
    case EV_CHAIN_UP:
    case EV_CHAIN_TEXT:
    case EV_CHAIN_DOWN:
    case EV_ACCEPTED:
    case EV_DIALED:
    case EV_BYTES:
    case EV_WRITTEN:
    case EV_CLOSED:
        machine_event(&s->nodes[ev->node], ev);
        break;
    }
    sim_drop(&ev->bytes);
}

static void begin(struct sim *s)
{
    s->chaos = true;
    s->verifier = (struct verifier){sim_verify, NULL};
    enum err e = arena_open(&s->scratch, SCRATCH_SIZE);
    assert(e == ERR_OK);
    checks_begin(s);
    log_checks_begin(s);
    live_checks_begin(s);
    links_begin(s);
    for (uint32_t i = 0; i < s->count; i++)
        machine_init(s, i);
    if (!chain_begin(s)) {
        sim_fail(s, "the development chain does not start");
        return;
    }
    if (s->faults & (SIM_EQUIVOCATE | SIM_LIES))
        s->nodes[prng_below(&s->prng, s->count)].byzantine = true;
    if (s->faults & SIM_DISSENT)
        s->nodes[prng_below(&s->prng, s->count)].dissents = true;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->faults & SIM_SKEW)
            s->nodes[i].skew_ms = prng_below(&s->prng, 7200000);
    for (uint32_t i = 0; i < s->count; i++)
        if ((s->faults & SIM_SLOW_DISK) && prng_chance(&s->prng, 1, 3))
            s->nodes[i].slow_us = prng_below(&s->prng, 20000);
    for (uint32_t i = 0; i < s->count; i++) {
        machine_start(&s->nodes[i]);
        machine_after(&s->nodes[i]);
    }
    clients_begin(s);
    plan(s);
}

static void end(struct sim *s)
{
    struct sim_event ev;
    if (s->result->violation[0] == '\0')
        checks_finally(s);
    s->result->ok = s->result->violation[0] == '\0';
    s->result->virtual_ms = s->now_us / 1000;
    s->result->trace = s->trace;
    for (uint32_t i = 0; i < s->count; i++)
        machine_close(&s->nodes[i]);
    while (sim_next(s, &ev))
        sim_drop(&ev.bytes);
    clients_end(s);
    chain_end(s);
    checks_end(s);
    log_checks_end(s);
    live_checks_end(s);
    links_end(s);
    arena_close(&s->scratch);
    free(s->heap);
    free(s);
}

void sim_run(const struct sim_config *c, struct sim_result *r)
{
    struct sim *s = calloc(1, sizeof *s);
    struct sim_event ev;
    assert(s != NULL);
    *r = (struct sim_result){0};
    s->config = *c;
    s->result = r;
    s->healed_us = UINT64_MAX;
    prng_init(&s->prng, c->seed);
    draw(s);
    begin(s);
    while (!s->done && sim_next(s, &ev)) {
        handle(s, &ev);
        r->events++;
        if (r->events % 256 == 0)
            clients_satisfied(s); /* It remembers what it has seen closed. */
        if (s->healed_us == UINT64_MAX)
            continue;
        if (r->events % 256 != 0)
            continue;
        bool late = s->now_us > s->healed_us + HEALED_MS * 1000ull, all = clients_satisfied(s);
        bool settled = live_checks_satisfied(s) && s->now_us > s->healed_us + 30000000;
        if (all && settled && !gap_begin(s))
            s->done = s->gap.state == GAP_NOT_BEGUN || gap_is_over(s);
        else if (late && all)
            live_checks_complain(s);
        else if (late)
            sim_fail(s, "%u s after healing, something is still not decided", HEALED_MS / 1000);
    }
    end(s);
}
