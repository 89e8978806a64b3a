#include "bft/bft.h"

#include "bft/core.h"

enum { PIPELINE_DEFAULT = 2 };

static size_t aligned(size_t size)
{
    return (size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
}

static size_t cert_room(void)
{
    return aligned(VALIDATORS_MAX * sizeof(struct signature));
}

size_t bft_arena_size(void)
{
    size_t votes = aligned(VALIDATORS_MAX * sizeof(struct vote));
    size_t slot = VOTE_KINDS * votes + 3 * cert_room(); /* prepared, committed, pool */
    size_t vc = aligned(BFT_WINDOW * sizeof(struct bft_prepared));
    return aligned(sizeof(struct bft)) +
           2 * aligned(VALIDATORS_MAX * sizeof(struct valset_member)) + BFT_WINDOW * slot +
           BFT_PLACES * votes + 2 * cert_room() +
           aligned(VALIDATORS_MAX * sizeof(struct stored_vc)) + (VALIDATORS_MAX + 1) * vc +
           aligned(VALIDATORS_MAX * sizeof(struct peer)) + 2 * aligned(BFT_NEW_VIEW_BODY_SIZE_MAX) +
           BFT_CHECKPOINT_INTERVAL * BFT_PAYLOADS * aligned(BFT_BATCH_SIZE_MAX) +
           aligned(BFT_OUT_SIZE) + aligned(BFT_DECODE_SIZE) + ARENA_ALIGN;
}

/* False: the arena is too small. */
static bool take_slots(struct bft *b, struct arena *a)
{
    bool ok = true;
    for (uint32_t i = 0; i < BFT_WINDOW; i++) {
        struct slot *s = &b->slots[i];
        for (uint32_t k = 0; k < VOTE_KINDS; k++)
            ok = (s->votes[k] = arena_raw(a, VALIDATORS_MAX * sizeof(struct vote))) != NULL && ok;
        ok = (s->prepared.room = arena_raw(a, cert_room())) != NULL && ok;
        ok = (s->committed.room = arena_raw(a, cert_room())) != NULL && ok;
        ok = (b->pool[i].room = arena_raw(a, cert_room())) != NULL && ok;
    }
    for (uint32_t i = 0; i < BFT_PLACES; i++)
        ok =
            (b->places[i].votes = arena_raw(a, VALIDATORS_MAX * sizeof(struct vote))) != NULL && ok;
    for (uint32_t i = 0; i < BFT_CHECKPOINT_INTERVAL; i++)
        for (uint32_t k = 0; k < BFT_PAYLOADS; k++)
            ok = (b->payloads[i][k].bytes = arena_raw(a, BFT_BATCH_SIZE_MAX)) != NULL && ok;
    return ok;
}

static bool take_rest(struct bft *b, struct arena *a)
{
    b->members = arena_array(a, VALIDATORS_MAX, sizeof *b->members);
    b->next_members = arena_array(a, VALIDATORS_MAX, sizeof *b->next_members);
    b->vcs = arena_array(a, VALIDATORS_MAX, sizeof *b->vcs);
    b->peers = arena_array(a, VALIDATORS_MAX, sizeof *b->peers);
    b->stable_cert.room = arena_raw(a, cert_room());
    b->pool_stable.room = arena_raw(a, cert_room());
    b->nv.room = arena_raw(a, BFT_NEW_VIEW_BODY_SIZE_MAX);
    b->building.room = arena_raw(a, BFT_NEW_VIEW_BODY_SIZE_MAX);
    b->own_vc.room = arena_raw(a, BFT_WINDOW * sizeof(struct bft_prepared));
    b->out = (struct room){arena_raw(a, BFT_OUT_SIZE), BFT_OUT_SIZE};
    void *decode = arena_raw(a, BFT_DECODE_SIZE);
    if (b->members == NULL || b->next_members == NULL || b->vcs == NULL || b->peers == NULL ||
        b->stable_cert.room == NULL || b->pool_stable.room == NULL || b->nv.room == NULL ||
        b->building.room == NULL || b->own_vc.room == NULL || b->out.ptr == NULL || decode == NULL)
        return false;
    arena_init(&b->decode, (struct room){decode, BFT_DECODE_SIZE});
    bool ok = true;
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++)
        ok =
            (b->vcs[i].room = arena_raw(a, BFT_WINDOW * sizeof(struct bft_prepared))) != NULL && ok;
    return ok;
}

enum err bft_init(struct bft **out, struct arena *arena, const struct bft_config *c,
                  const struct valset *genesis)
{
    assert(c->timeout_ms > 0 && c->status_ms > 0);
    assert(c->pipeline <= BFT_PIPELINE_MAX);
    struct bft *b = arena_alloc(arena, sizeof *b);
    if (b == NULL || !take_slots(b, arena) || !take_rest(b, arena))
        return ERR_NO_MEMORY;
    enum err e = bft_set_init(&b->set, genesis);
    if (e != ERR_OK)
        return e;
    b->config = *c;
    if (b->config.pipeline == 0)
        b->config.pipeline = PIPELINE_DEFAULT;
    prng_init(&b->prng, c->seed);
    b->replaying = true;
    b->sender = BFT_ALL;
    bft_epoch_use(b, genesis);
    *out = b;
    return ERR_OK;
}

static void on_signed(struct bft *b, const struct bft_event *ev)
{
    uint32_t i = 0;
    while (i < BFT_SIGNING_MAX && !(b->signing[i].active && b->signing[i].token == ev->token))
        i++;
    if (i == BFT_SIGNING_MAX)
        return;
    b->signing[i].active = false;
    struct bft_statement st = b->signing[i].statement;
    if (!ev->ok) {
        /* The guard knows of another statement in this place.  What is not sent
         * is as good as lost on the way. */
        b->refused++;
        trace_word(trace_add(&b->trace, TRACE_ERROR, "bft.sign_refused"), "type",
                   bft_type_name(st.type));
        return;
    }
    if (st.epoch != b->set.set.epoch || b->alarmed || b->stopped)
        return;
    switch (st.type) {
    case BFT_TYPE_PROPOSE:
        bft_own_propose(b, &st, &ev->signature);
        break;
    case BFT_TYPE_PREPARE:
    case BFT_TYPE_COMMIT:
        bft_own_vote(b, &st, &ev->signature);
        break;
    case BFT_TYPE_CHECKPOINT:
        bft_own_checkpoint(b, &st, &ev->signature);
        break;
    case BFT_TYPE_VIEW_CHANGE:
        bft_own_view_change(b, &st, &ev->signature);
        break;
    case BFT_TYPE_NEW_VIEW:
        bft_own_new_view(b, &st, &ev->signature);
        break;
    case BFT_TYPE_READY:
    case BFT_TYPE_KEYBIND:
        assert(false); /* never asked for */
        break;
    }
}

static void dispatch(struct bft *b, const struct bft_event *ev)
{
    switch (ev->kind) {
    case BFT_EV_RESUME:
        bft_on_resume(b, &ev->resume);
        break;
    case BFT_EV_REPLAY:
        bft_on_replay(b, ev->bytes);
        break;
    case BFT_EV_START:
        bft_on_start(b);
        break;
    case BFT_EV_TICK:
        break;
    case BFT_EV_MESSAGE:
        bft_on_message(b, ev);
        break;
    case BFT_EV_PENDING:
        bft_on_pending(b, ev);
        break;
    case BFT_EV_BATCH:
        bft_on_batch(b, ev);
        break;
    case BFT_EV_CHECKED:
        bft_on_checked(b, ev);
        break;
    case BFT_EV_SIGNED:
        on_signed(b, ev);
        break;
    case BFT_EV_EXECUTED:
        bft_on_executed(b, ev);
        break;
    case BFT_EV_LOST:
        bft_on_lost(b, ev->from);
        break;
    }
}

void bft_step(struct bft *b, const struct bft_event *ev, struct bft_effects *fx)
{
    assert(ev->now_ms >= b->now_ms);
    bool early = ev->kind == BFT_EV_RESUME || ev->kind == BFT_EV_REPLAY || ev->kind == BFT_EV_START;
    assert(b->started || early || ev->kind == BFT_EV_EXECUTED);
    fx->count = 0;
    b->fx = fx;
    b->now_ms = ev->now_ms;
    b->out_used = 0;
    arena_reset(&b->decode, 0);
    if (b->started)
        bft_forgive(b);
    bool again = b->again;
    b->again = false;

    dispatch(b, ev);
    if (b->started) {
        if (again)
            bft_evaluate(b);
        bft_timers(b);
    }
    fx->wake_at_ms = b->wake_at_ms = bft_wake_at(b);
    b->fx = NULL;
    bft_check(b);
}

void bft_stop_voting(struct bft *b)
{
    b->stopped = true;
}

void bft_vote_after_block(struct bft *b, uint64_t block)
{
    b->config.vote_after_block = block;
    b->again = true;
}
