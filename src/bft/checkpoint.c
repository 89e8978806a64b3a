#include "bft/core.h"

void bft_places_forget(struct bft *b)
{
    for (uint32_t i = 0; i < BFT_PLACES; i++)
        b->places[i].seq = 0;
}

struct place *bft_place(struct bft *b, uint64_t seq)
{
    if (!bft_in_window(b, seq) || seq % BFT_CHECKPOINT_INTERVAL != 0)
        return NULL;
    struct place *p = &b->places[seq / BFT_CHECKPOINT_INTERVAL % BFT_PLACES];
    if (p->seq != seq) {
        *p = (struct place){.seq = seq, .votes = p->votes};
        memset(p->votes, 0, b->set.count * sizeof *p->votes);
    }
    return p;
}

static struct bft_statement own_statement(const struct bft *b, const struct place *p)
{
    struct bft_statement st = bft_statement_of(b, BFT_TYPE_CHECKPOINT, 0, p->seq, &b->chain);
    st.aux = p->aux_hash;
    return st;
}

bool bft_checkpoint_message(const struct bft *b, struct bft_message *m)
{
    if (!b->stable_cert.held)
        return false;
    m->tag = BFT_MESSAGE_CHECKPOINT;
    m->checkpoint = (struct bft_checkpoint){b->stable_cert.cert, b->stable_aux};
    return true;
}

/* The journal may be cut behind this record, so what must outlive the cut and
 * is older than a segment is written again. */
static void persist_stable(struct bft *b)
{
    struct bft_record r = {.tag = BFT_RECORD_CHECKPOINT};
    r.checkpoint = (struct bft_checkpoint){b->stable_cert.cert, b->stable_aux};
    bft_persist(b, &r);
    if (b->ending)
        return;
    uint64_t fixed_max =
        b->nv.held && b->nv.fixed_count > 0 ? b->nv.fixed[b->nv.fixed_count - 1].seq : 0;
    if (fixed_max > b->stable) {
        bft_new_view_persist(b, &b->nv);
    } else if (b->view > 0) {
        struct bft_record view = {.tag = BFT_RECORD_VIEW};
        view.view = (struct bft_record_view){.epoch = b->set.set.epoch, .view = b->view};
        bft_persist(b, &view);
    }
    if (b->target > b->view) {
        struct bft_record leave = {.tag = BFT_RECORD_VIEW};
        leave.view = (struct bft_record_view){
            .epoch = b->set.set.epoch, .view = b->target, .has_core = true, .core = b->own_vc.core};
        bft_persist(b, &leave);
    }
}

/* R5.  The state is exactly that of the checkpoint: bft_execute has waited. */
static void make_stable(struct bft *b, struct place *p)
{
    assert(p->executed && p->seq == b->executed);
    b->stable = p->seq;
    b->stable_aux = p->aux;
    p->seq = 0;
    struct bft_checkpoint c = {b->stable_cert.cert, b->stable_aux};
    struct span bytes = bft_checkpoint_encode(&c, bft_out_rest(b));
    assert(bytes.len != 0);
    struct bft_effect *e = bft_effect(b, BFT_FX_STABLE);
    e->seq = b->stable;
    e->bytes = bft_out_take(b, bytes);
    e->digest = b->chain;
    persist_stable(b);

    trace_u64(trace_add(&b->trace, TRACE_DEBUG, "bft.stable"), "seq", b->stable);
    b->segments++;
    if (b->failed_views > 0)
        b->failed_views--; /* never straight to 0: R13 */
    if (b->ending)
        bft_epoch_enter(b);
    else
        bft_rotate(b);
    bft_evaluate(b);
}

/* Is there a K-cert for a slot that is executed here, and does it say the same? */
static void try_stable(struct bft *b, struct place *p, const struct bft_statement *st)
{
    struct held_cert *to = &b->stable_cert;
    struct bft_statement own = own_statement(b, p);
    bool mine = p->executed && bft_statement_equal(&own, st);
    if (mine) {
        if (bft_cert_of_votes(b, p->votes, st, to))
            make_stable(b, p);
        return;
    }
    struct bft_bitmap say = {0};
    for (uint32_t i = 0; i < b->set.count; i++)
        if (p->votes[i].held && hash_equal(&p->votes[i].digest, &st->digest) &&
            hash_equal(&p->votes[i].aux, &st->aux))
            bitmap_add(&say, i);
    if (!bft_is_quorum(&b->set, &say))
        return;
    b->proven = max_u64(b->proven, p->seq);
    if (p->executed)
        bft_alarm(b, "checkpoint_differs");
}

static void take_vote(struct bft *b, struct place *p, const struct bft_statement *st,
                      uint32_t signer, const struct signature *signature)
{
    p->votes[signer] = (struct vote){true, 0, st->digest, st->aux, *signature};
    try_stable(b, p, st);
}

void bft_on_checkpoint_vote(struct bft *b, const struct bft_vote *v)
{
    const struct bft_statement *st = &v->statement;
    if (st->epoch != b->set.set.epoch || v->signer >= b->set.count || v->signer == b->self ||
        st->view != 0)
        return;
    struct place *p = bft_place(b, st->seq);
    if (p == NULL)
        return;
    struct vote *held = &p->votes[v->signer];
    bool same = hash_equal(&held->digest, &st->digest) && hash_equal(&held->aux, &st->aux);
    if ((held->held && same) || !bft_verify(b, st, v->signer, &v->signature))
        return;
    if (held->held) {
        /* E6: told, not punished; it may be a broken memory. */
        trace_u64(trace_add(&b->trace, TRACE_WARN, "bft.two_checkpoints"), "signer", v->signer);
        return;
    }
    take_vote(b, p, st, v->signer, &v->signature);
}

/* A valid K-cert counts as the votes it is made of. */
static void take_cert(struct bft *b, const struct bft_cert *cert)
{
    struct place *p = bft_place(b, cert->statement.seq);
    if (p == NULL || !bft_cert_valid(b, cert))
        return;
    struct bft_bitmap signers;
    memcpy(signers.bits, cert->bitmap, sizeof signers.bits);
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->set.count; i++)
        if (bitmap_has(&signers, i))
            p->votes[i] = (struct vote){true, 0, cert->statement.digest, cert->statement.aux,
                                        cert->signatures[at++]};
    try_stable(b, p, &cert->statement);
}

void bft_on_checkpoint_cert(struct bft *b, const struct bft_cert *cert)
{
    if (cert->statement.epoch == b->set.set.epoch)
        take_cert(b, cert);
}

void bft_on_checkpoint(struct bft *b, const struct bft_checkpoint *c)
{
    struct hash aux = bft_aux_hash(&c->aux);
    if (c->cert.statement.type != BFT_TYPE_CHECKPOINT ||
        !hash_equal(&aux, &c->cert.statement.aux)) {
        b->malformed++;
        return;
    }
    bft_on_checkpoint_cert(b, &c->cert);
}

void bft_own_checkpoint(struct bft *b, const struct bft_statement *st, const struct signature *sig)
{
    struct place *p = bft_place(b, st->seq);
    if (p == NULL || !p->executed)
        return;
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote = (struct bft_vote){*st, (uint16_t)b->self, *sig};
    bft_send(b, BFT_ALL, &m);
    take_vote(b, p, st, b->self, sig);
}

void bft_checkpoint_sign(struct bft *b)
{
    struct place *p = bft_place(b, b->executed);
    if (p == NULL || !p->executed || p->signing || b->replaying || !bft_may_vote(b) ||
        !bft_sign_ready(b) || !bft_out_fits(b, BFT_RECORD_SIZE_MIN + 256))
        return;
    struct bft_record r = {.tag = BFT_RECORD_VOTE};
    r.vote.statement = own_statement(b, p);
    bft_persist(b, &r);
    bft_sign(b, &r.vote.statement);
    p->signing = true;
}

/* The last slot of a segment is executed. */
void bft_checkpoint_reached(struct bft *b, const struct bft_checkpoint_aux *aux)
{
    struct place *p = bft_place(b, b->executed);
    assert(p != NULL && !p->executed);
    p->executed = true;
    p->aux = *aux;
    p->aux.next_valset = b->ending ? b->next_set.hash : (struct hash){0};
    p->aux_hash = bft_aux_hash(&p->aux);
    struct bft_statement own = own_statement(b, p);
    if (p->said.any && !hash_equal(&p->said.digest, &own.aux)) {
        bft_alarm(b, "checkpoint_differs_from_journal");
        return;
    }
    bft_checkpoint_sign(b);
    /* The others may have been faster: their votes may already be a K-cert. */
    for (uint32_t i = 0; i < b->set.count && p->seq == b->executed; i++) {
        if (!p->votes[i].held)
            continue;
        struct bft_statement st = own;
        st.digest = p->votes[i].digest;
        st.aux = p->votes[i].aux;
        try_stable(b, p, &st);
        if (b->stable == b->executed)
            return;
    }
}
