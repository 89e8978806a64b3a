/* The gap: when all is healed and quiet, the leader is killed, right after a miner
 * has handed it a submission whose blob nobody else has.  What is handed to the
 * others must be decided after one wait, and what comes then, while the dead one
 * stays dead, at once: rotations and epochs included. */
#include "check.h"

enum {
    ROUNDS = 6,
    PAUSE_TICKS = 8, /* of clients_event */
    WAIT_MS = 1500,  /* the first one; the view timer is 1,000 */
    NEXT_MS = 800,
    HOPS = 40, /* of a link: what is fetched, proposed, voted and told */
};

static uint32_t leader_of(struct sim *s, const struct sim_node *m)
{
    struct bft_view_info info;
    node_bft_info(m->node, &info);
    const struct valset *set = ledger_valset(node_ledger(m->node));
    for (uint32_t i = 0; i < s->count; i++)
        if (info.leader < set->members_count &&
            hotkey_equal(&s->nodes[i].key, &set->members[info.leader].hotkey))
            return i;
    return 0;
}

/* One that lies, or does not vote (yet) after it lost its memory, and one that is dead
 * would be more than may fail. */
static bool is_possible(struct sim *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct sim_node *m = &s->nodes[i];
        struct bft_view_info info;
        if (m->node == NULL || m->byzantine || m->sick)
            return false;
        node_bft_info(m->node, &info);
        if (!info.voting)
            return false;
    }
    return s->config.submissions > 0;
}

static void hand_in(struct sim *s, struct sim_node *m, uint64_t within_ms)
{
    struct gap *g = &s->gap;
    clients_submit(s, m, &g->op);
    g->pending = true;
    g->deadline_us = s->now_us + within_ms * 1000 + HOPS * (s->delay_us + s->jitter_us);
}

static void die(struct sim *s)
{
    struct sim_node *m = &s->nodes[s->gap.victim];
    machine_stop(m, (s->faults & SIM_TORN) != 0);
    for (uint32_t i = 0; i < s->count; i++)
        machine_after(&s->nodes[i]);
}

/* The dead one has come back and has what the others have. */
bool gap_is_over(const struct sim *s)
{
    struct bft_view_info info;
    const struct sim_node *m = &s->nodes[s->gap.victim];
    if (s->gap.state != GAP_OVER || m->node == NULL)
        return false;
    node_bft_info(m->node, &info);
    return info.has_quorum && info.executed + BFT_CHECKPOINT_INTERVAL > info.network_executed;
}

bool gap_begin(struct sim *s)
{
    struct gap *g = &s->gap;
    if (g->state != GAP_NOT_BEGUN || !is_possible(s))
        return false;
    g->state = GAP_HANDED_IN;
    g->victim = leader_of(s, &s->nodes[0]);
    clients_submit(s, &s->nodes[g->victim], &g->op); /* decided or not: it dies with it */
    return true;
}

void gap_tick(struct sim *s)
{
    struct gap *g = &s->gap;
    struct sim_node *other = &s->nodes[(g->victim + 1) % s->count];
    switch (g->state) {
    case GAP_NOT_BEGUN:
    case GAP_OVER:
        return;
    case GAP_HANDED_IN:
        die(s);
        g->state = GAP_DEAD;
        hand_in(s, other, WAIT_MS);
        return;
    case GAP_DEAD:
        break;
    }
    if (g->pending && s->now_us > g->deadline_us)
        sim_fail(s, "the leader is dead and submission %u after it is not decided in time",
                 g->round);
    if (g->pending || ++g->ticks < PAUSE_TICKS)
        return;
    g->ticks = 0;
    if (++g->round < ROUNDS) {
        hand_in(s, other, NEXT_MS);
        return;
    }
    g->state = GAP_OVER;
    machine_start(&s->nodes[g->victim]);
    machine_after(&s->nodes[g->victim]);
}

void gap_decided(struct sim *s, const struct hash *id)
{
    if (s->gap.pending && hash_equal(&s->gap.op, id))
        s->gap.pending = false;
}
