#include "bft/core.h"

/* Whom we hear does not change with the set. */
static void peers_carry(struct bft *b, const struct valset *set)
{
    struct peer kept[VALIDATORS_MAX] = {0};
    for (uint32_t i = 0; i < set->members_count; i++) {
        uint32_t before = bft_member(&b->set, &set->members[i].hotkey);
        if (before != BFT_ALL)
            kept[i] = (struct peer){.heard = b->peers[before].heard,
                                    .heard_ms = b->peers[before].heard_ms,
                                    .executed = b->peers[before].executed};
    }
    memcpy(b->peers, kept, sizeof kept);
}

/* Makes set the current one; its members are copied. */
void bft_epoch_use(struct bft *b, const struct valset *set)
{
    assert(set->members_count <= VALIDATORS_MAX);
    peers_carry(b, set);
    memmove(b->members, set->members, set->members_count * sizeof *b->members);
    struct valset mine = *set;
    mine.members = b->members;
    enum err e = bft_set_init(&b->set, &mine);
    assert(e == ERR_OK);
    b->self = bft_member(&b->set, &b->config.self);
    b->view = b->target = 0;
    b->segments = b->failed_views = 0;
    b->next_propose = b->asked_seq = 0;
    b->nv.held = b->building.held = false;
    b->quorum_since_ms = b->rotate_at_ms = 0;
    b->ending = b->declined = false;
    b->convicted = (struct bft_bitmap){0};
    b->pool_stable.held = false;
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++)
        b->vcs[i].held = false;
    for (uint32_t i = 0; i < BFT_WINDOW; i++)
        b->pool[i].held = false;
    bft_slots_forget(b);
    bft_places_forget(b);
}

/* R17: the old set's K-cert over the last slot names the new set; only with it
 * in hand does a replica vote in the new epoch. */
void bft_epoch_enter(struct bft *b)
{
    assert(b->ending && b->stable == b->executed);
    assert(hash_equal(&b->stable_aux.next_valset, &b->next_set.hash));
    bft_epoch_use(b, &b->next_set.set);
    bft_timer_restart(b);
    struct trace_event *t = trace_add(&b->trace, TRACE_INFO, "bft.epoch_entered");
    trace_u64(t, "epoch", b->set.set.epoch);
    trace_u64(t, "seq", b->stable);
    trace_u64(t, "members", b->set.count);
    b->status_at_ms = b->now_ms; /* what came too early is sent again */
    bft_pass_over(b);
}
