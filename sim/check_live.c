/* What must come about, and stay possible: judged at the first sight of it. */
#include <stdlib.h>

#include "check.h"

enum { SEEN_MAX = SIM_OPS_MAX, OWN_TIME_US = 15000000, STALLED_US = 30000000 };

struct live_checks {
    struct hash seen[SEEN_MAX]; /* decided submissions */
    uint32_t count;
    /* The first epoch that is sealed after the healing with all there: one node is started again
     * behind the checkpoint that has the seal, and all must do what they owe. */
    bool is_sealed, is_started_again;
    uint64_t sealed_before, epoch, sealed_us;
    uint32_t victim;
    bool weights[SIM_NODES_MAX], anchored[SIM_NODES_MAX];
    struct arena scratch;
};

void live_checks_begin(struct sim *s)
{
    s->live = calloc(1, sizeof *s->live);
    assert(s->live != NULL);
    enum err e = arena_open(&s->live->scratch, 1 << 20);
    assert(e == ERR_OK);
}

void live_checks_end(struct sim *s)
{
    arena_close(&s->live->scratch);
    free(s->live);
}

static bool is_new(struct live_checks *c, const struct hash *id)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (hash_equal(&c->seen[i], id))
            return false;
    assert(c->count < SEEN_MAX);
    c->seen[c->count++] = *id;
    return true;
}

/* Links come up again some time after the healing, and it takes a while until a
 * connection to the chain that was silenced is given up. */
static bool all_follow(struct sim *s, uint64_t epoch)
{
    if ((s->faults & SIM_CHAIN) && s->now_us < s->healed_us + STALLED_US)
        return false;
    for (uint32_t i = 0; i < s->count; i++) {
        struct bft_view_info info;
        if (s->nodes[i].node == NULL)
            return false;
        node_bft_info(s->nodes[i].node, &info);
        if (info.epoch != epoch || !info.has_quorum || info.network_executed > info.executed + 8)
            return false;
        if (s->nodes[i].session == 0)
            return false; /* The chain is dialled again after up to a minute. */
    }
    return true;
}

static void sealed(struct sim *s, uint64_t epoch)
{
    struct live_checks *c = s->live;
    if (epoch < c->sealed_before || c->is_sealed)
        return;
    if (s->healed_us == UINT64_MAX || !all_follow(s, epoch)) {
        c->sealed_before = epoch + 1;
        return;
    }
    c->is_sealed = true;
    c->sealed_us = s->now_us;
    c->epoch = epoch;
    c->victim = (uint32_t)(s->config.seed % s->count);
}

/* The next epoch may follow at once, to catch up with the chain's: what is set and
 * anchored then is that one's, and this one is no measure. */
static void overtaken(struct sim *s, uint64_t epoch)
{
    struct live_checks *c = s->live;
    if (!c->is_sealed || epoch <= c->epoch || s->now_us > c->sealed_us + OWN_TIME_US)
        return;
    c->is_sealed = c->is_started_again = false;
    c->sealed_before = epoch + 1;
    memset(c->weights, 0, sizeof c->weights);
    memset(c->anchored, 0, sizeof c->anchored);
}

/* Nobody scored, nothing to set. */
static bool owes_weights(struct sim *s, const struct sim_node *m)
{
    struct weights w;
    size_t mark = arena_mark(&s->live->scratch);
    bool owes = ledger_weights(node_ledger(m->node), s->live->epoch, &s->live->scratch, &w) &&
                w.entries_count > 0;
    arena_reset(&s->live->scratch, mark);
    return owes;
}

void live_checks_heard(struct sim *s, struct sim_node *m, const struct trace_event *e,
                       uint64_t epoch)
{
    struct live_checks *c = s->live;
    if (strcmp(e->name, "weights.decided") == 0)
        overtaken(s, epoch);
    if (strcmp(e->name, "log.sealed") == 0)
        sealed(s, epoch);
    if (!c->is_sealed)
        return;
    bool mine = strcmp(e->name, "bft.stable") == 0 && m->index == c->victim;
    if (mine && !c->is_started_again && ledger_slot(node_ledger(m->node)) > 0) {
        c->is_started_again = true;
        m->crash_in = 1; /* at its next effect */
    }
    if (strcmp(e->name, "weights.confirmed") == 0 && epoch == c->epoch)
        c->weights[m->index] = true;
    if (strcmp(e->name, "anchor.confirmed") == 0 && epoch == c->epoch)
        c->anchored[m->index] = true;
}

bool live_checks_satisfied(struct sim *s)
{
    struct live_checks *c = s->live;
    bool all = c->is_sealed && c->is_started_again;
    for (uint32_t i = 0; all && i < s->count; i++) {
        const struct sim_node *m = &s->nodes[i];
        if (m->byzantine)
            continue;
        all = m->node != NULL && c->anchored[i] && (c->weights[i] || !owes_weights(s, m));
    }
    return all;
}

void live_checks_complain(struct sim *s)
{
    struct live_checks *c = s->live;
    if (!c->is_sealed)
        sim_fail(s, "no epoch was sealed after the healing");
    for (uint32_t i = 0; i < s->count; i++)
        if (!s->nodes[i].byzantine && (!c->weights[i] || !c->anchored[i]))
            sim_fail(s, "node %u did not %s of epoch %llu%s", i,
                     c->weights[i] ? "anchor the log" : "set the weights",
                     (unsigned long long)c->epoch,
                     i == c->victim ? " after it was started again" : "");
}

/* A decided submission can be evaluated whoever dies: more nodes than may fail
 * have its blob, on disks that a crash leaves. */
void live_checks_decided(struct sim *s, struct sim_node *m, const struct hash *id)
{
    struct live_checks *c = s->live;
    struct state_submission sub;
    struct span bytes;
    uint32_t have = 0, may_fail = (s->count - 1) / 3;
    if (!is_new(c, id) || m->byzantine)
        return;
    size_t mark = arena_mark(&c->scratch);
    bool there = ledger_submission(node_ledger(m->node), id, &c->scratch, &sub);
    for (uint32_t i = 0; there && i < s->count; i++)
        have += db_get(s->nodes[i].disk.db, DB_BLOBS, hash_span(&sub.blob), &bytes) == ERR_OK;
    if (there && have <= may_fail)
        sim_fail(s, "a submission is decided whose blob only %u of %u nodes have", have, s->count);
    arena_reset(&c->scratch, mark);
}
