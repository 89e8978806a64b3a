#include "bft/core.h"

/* One liar's claim is worth nothing: WEAK members must say it, an honest one of
 * them at least. */
static uint64_t network_executed(const struct bft *b)
{
    uint64_t best = max_u64(b->proven, b->executed);
    for (uint32_t i = 0; i < b->set.count; i++) {
        struct bft_bitmap claim = {0};
        uint64_t slot = b->peers[i].executed;
        if (slot <= best)
            continue;
        for (uint32_t j = 0; j < b->set.count; j++)
            if (b->peers[j].executed >= slot)
                bitmap_add(&claim, j);
        if (bft_is_weak(&b->set, &claim))
            best = slot;
    }
    return best;
}

void bft_info(const struct bft *b, struct bft_view_info *out)
{
    struct bft_bitmap heard = {0};
    for (uint32_t i = 0; i < b->set.count; i++)
        if (bft_hears(b, i))
            bitmap_add(&heard, i);
    *out = (struct bft_view_info){
        .epoch = b->set.set.epoch,
        .view = b->view,
        .executed = b->executed,
        .stable = b->stable,
        .proposed = b->next_propose > 0 ? b->next_propose - 1 : 0,
        .normal = bft_normal(b),
        .voting = bft_may_vote(b),
        .leader = bft_leader(&b->set, b->view),
        .self = b->self,
        .quorum_heard = bft_bitmap_count(&heard),
        .has_quorum = bft_is_quorum(&b->set, &heard),
        .views_changed = b->views_changed,
        .decided = b->decided,
        .evidence = b->evidence,
        .malformed = b->malformed,
        .bad_signatures = b->bad_signatures,
        .refused = b->refused,
        .other_epoch = b->other_epoch,
        .no_member = b->no_member,
        .past_window = b->past_window,
        .network_executed = network_executed(b),
    };
}

uint64_t bft_view(const struct bft *b)
{
    return b->view;
}

const struct bft_set *bft_current_set(const struct bft *b)
{
    return &b->set;
}

struct trace *bft_trace(struct bft *b)
{
    return &b->trace;
}

static void check_slot(const struct bft *b, const struct slot *s)
{
    if (s->seq == 0 || !bft_in_window(b, s->seq))
        return; /* a leftover of a slot that is stable */
    const struct said *prepare = &s->votes_said[VOTE_PREPARE];
    const struct said *commit = &s->votes_said[VOTE_COMMIT];
    assert(!prepare->any || prepare->view <= b->view);
    assert(!commit->any || commit->view <= b->view);
    assert(!s->fixed || s->proposed);
    assert(s->executed == (s->seq <= b->executed));
    assert(!s->executed || s->decided);
    /* R2: who has committed can show why. */
    if (commit->any) {
        assert(s->prepared.held);
        assert(s->prepared.cert.statement.view >= commit->view);
    }
    /* R6. */
    if (prepare->any && prepare->view == b->view)
        assert(s->seq <= b->executed + BFT_CHECKPOINT_INTERVAL);
}

/* The invariants that hold after every step. */
void bft_check(const struct bft *b)
{
    assert(b->stable <= b->executed);
    assert(b->executed - b->stable <= BFT_CHECKPOINT_INTERVAL);
    assert(b->stable % BFT_CHECKPOINT_INTERVAL == 0);
    assert(b->view <= b->target);
    assert(b->set.count >= 1 && b->set.count <= VALIDATORS_MAX);
    assert(b->set.set.members == b->members);
    assert(!b->nv.held || b->nv.view == b->view);
    assert(!b->ending || b->executed % BFT_CHECKPOINT_INTERVAL == 0);
    assert(b->asked_seq == 0 || b->asked_seq > b->stable);
    if (b->executing) {
        const struct slot *s = &b->slots[(b->executed + 1) % BFT_WINDOW];
        assert(s->seq == b->executed + 1 && s->decided);
    }
    for (uint32_t i = 0; i < BFT_WINDOW; i++)
        check_slot(b, &b->slots[i]);
}
