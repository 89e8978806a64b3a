#include "bft/core.h"

void bft_on_resume(struct bft *b, const struct bft_resume *r)
{
    assert(!b->started && b->executed == 0);
    const struct bft_statement *st = &r->checkpoint.cert.statement;
    assert(st->type == BFT_TYPE_CHECKPOINT);
    assert(st->seq % BFT_CHECKPOINT_INTERVAL == 0);
    bft_epoch_use(b, r->set);
    b->executed = b->stable = b->proven = st->seq;
    b->chain = st->digest;
    bft_cert_keep(&b->stable_cert, &r->checkpoint.cert);
    b->stable_aux = r->checkpoint.aux;
}

static void replay_vote(struct bft *b, const struct bft_record_vote *r)
{
    const struct bft_statement *st = &r->statement;
    if (st->epoch != b->set.set.epoch)
        return;
    if (st->type == BFT_TYPE_CHECKPOINT) {
        struct place *p = bft_place(b, st->seq);
        if (p != NULL && !p->executed)
            p->said = (struct said){true, 0, st->aux};
        else if (p != NULL && !hash_equal(&p->aux_hash, &st->aux))
            p->signing = true; /* BFT-1: this state is not the one that was signed */
        return;
    }
    struct slot *s = bft_slot(b, st->seq);
    if (s == NULL)
        return;
    struct said *said =
        st->type == BFT_TYPE_PROPOSE
            ? &s->propose
            : &s->votes_said[st->type == BFT_TYPE_PREPARE ? VOTE_PREPARE : VOTE_COMMIT];
    if (!said->any || said->view <= st->view)
        *said = (struct said){true, st->view, st->digest};
    if (st->view == b->view && !s->proposed) {
        s->proposed = s->checked = true;
        s->digest = st->digest;
    }
    if (r->payload.len > 0 && bft_payload_has_room(b, st->seq))
        bft_payload_keep(b, s, &st->digest, r->payload, true);
    if (st->type == BFT_TYPE_PROPOSE && st->view == b->view)
        b->next_propose = max_u64(b->next_propose, st->seq + 1);
}

static void replay_view(struct bft *b, const struct bft_record_view *r)
{
    if (r->epoch != b->set.set.epoch)
        return;
    if (r->has_core) {
        if (r->view > b->target) {
            b->target = r->view;
            bft_core_keep(&b->own_vc, &r->core);
        }
    } else if (r->view > b->view) {
        b->view = r->view;
        b->target = max_u64(b->target, r->view);
        b->nv.held = false;
        bft_slots_enter_view(b);
    }
}

static void replay_decided(struct bft *b, const struct bft_decided *d)
{
    struct slot *s = bft_slot(b, d->seq);
    if (d->cert.statement.epoch != b->set.set.epoch || s == NULL || d->seq <= b->executed)
        return;
    bft_decide(b, s, &d->cert, d->payload.len > 0 ? &d->payload : NULL);
}

static void replay_prepared(struct bft *b, const struct bft_cert *cert)
{
    const struct bft_statement *st = &cert->statement;
    struct slot *s = bft_slot(b, st->seq);
    if (st->epoch == b->set.set.epoch && s != NULL &&
        (!s->prepared.held || s->prepared.cert.statement.view <= st->view))
        bft_cert_keep(&s->prepared, cert);
}

/* R18.  Records come twice after a cut that a crash interrupted, and some are of
 * slots that the resumed state has passed: each is taken as if for the first
 * time or ignored. */
void bft_on_replay(struct bft *b, struct span bytes)
{
    assert(!b->started && !b->executing);
    struct bft_record r;
    if (bft_record_decode(bytes, &b->decode, &r) != ERR_OK) {
        bft_alarm(b, "journal_record_unreadable");
        return;
    }
    switch (r.tag) {
    case BFT_RECORD_VOTE:
        replay_vote(b, &r.vote);
        break;
    case BFT_RECORD_VIEW:
        replay_view(b, &r.view);
        break;
    case BFT_RECORD_NEW_VIEW:
        bft_new_view_replayed(b, &r.new_view.new_view);
        break;
    case BFT_RECORD_PREPARED:
        replay_prepared(b, &r.prepared.cert);
        break;
    case BFT_RECORD_DECIDED:
        replay_decided(b, &r.decided);
        break;
    case BFT_RECORD_CHECKPOINT:
        bft_on_checkpoint(b, &r.checkpoint);
        break;
    }
}

static void sign_again(struct bft *b, const struct slot *s, enum bft_type type,
                       const struct said *said)
{
    if (!said->any || said->view != b->view || !bft_sign_ready(b))
        return;
    struct bft_statement st = bft_statement_of(b, type, said->view, s->seq, &said->digest);
    bft_sign(b, &st);
}

/* What was said may or may not have been sent before the crash: the same is
 * signed and sent again. */
void bft_on_start(struct bft *b)
{
    assert(!b->started && !b->executing);
    b->started = true;
    b->replaying = false;
    b->status_at_ms = b->resend_at_ms = b->now_ms;
    bft_timer_restart(b);
    if (bft_may_vote(b) && b->target > b->view) {
        struct bft_statement st =
            bft_statement_of(b, BFT_TYPE_VIEW_CHANGE, b->target, 0, &b->own_vc.digest);
        bft_sign(b, &st);
    }
    if (bft_may_vote(b) && b->nv.held && !b->nv.signed_) {
        struct bft_statement st =
            bft_statement_of(b, BFT_TYPE_NEW_VIEW, b->nv.view, 0, &b->nv.digest);
        bft_sign(b, &st);
    }
    for (uint64_t seq = b->stable + 1;
         bft_may_vote(b) && bft_normal(b) && seq <= b->stable + BFT_WINDOW; seq++) {
        struct slot *s = &b->slots[seq % BFT_WINDOW];
        if (s->seq != seq)
            continue;
        if (s->proposed)
            sign_again(b, s, BFT_TYPE_PROPOSE, &s->propose);
        sign_again(b, s, BFT_TYPE_PREPARE, &s->votes_said[VOTE_PREPARE]);
        sign_again(b, s, BFT_TYPE_COMMIT, &s->votes_said[VOTE_COMMIT]);
    }
    bft_checkpoint_sign(b);
    bft_evaluate(b);
}
