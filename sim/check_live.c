/* What must come about, and stay possible: judged at the first sight of it. */
#include <stdlib.h>

#include "check.h"

enum { SEEN_MAX = SIM_OPS_MAX };

struct live_checks {
    struct hash seen[SEEN_MAX]; /* decided submissions */
    uint32_t count;
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
