#include "bft/core.h"

static struct bft_statement nv_statement(const struct bft *b, uint64_t view,
                                         const struct hash *digest)
{
    return bft_statement_of(b, BFT_TYPE_NEW_VIEW, view, 0, digest);
}

/* The same bytes follow the tag in a message and in a record. */
static struct span encode(struct bft *b, uint8_t tag, const struct held_new_view *nv)
{
    struct wr w = wr_init(bft_out_rest(b));
    wr_u8(&w, tag);
    wr_raw(&w, nv->body);
    wr_u16(&w, (uint16_t)bft_leader(&b->set, nv->view));
    wr_raw(&w, span_of(nv->signature.bytes, sizeof nv->signature.bytes));
    return bft_out_take(b, wr_done(&w));
}

void bft_new_view_persist(struct bft *b, const struct held_new_view *nv)
{
    if (b->replaying)
        return;
    struct span bytes = encode(b, BFT_RECORD_NEW_VIEW, nv);
    assert(bytes.len != 0);
    bft_effect(b, BFT_FX_PERSIST)->bytes = bytes;
}

void bft_new_view_send(struct bft *b, uint32_t to)
{
    if (!b->nv.held || !b->nv.signed_ || b->self == BFT_ALL ||
        b->fx->count >= BFT_EFFECTS_MAX * 3 / 4)
        return;
    struct span bytes = encode(b, BFT_MESSAGE_NEW_VIEW, &b->nv);
    if (bytes.len == 0)
        return;
    struct bft_effect *e = bft_effect(b, BFT_FX_SEND);
    e->bytes = bytes;
    e->to = to;
}

/* A QUORUM of backed cores for target, in the order of members; 0: not yet. */
static uint32_t collect(struct bft *b, struct bft_signed_core *cores)
{
    struct bft_bitmap signers = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->set.count; i++) {
        const struct stored_vc *vc = &b->vcs[i];
        if (!vc->held || !vc->backed || vc->core.view != b->target)
            continue;
        bitmap_add(&signers, i);
        cores[count++] = (struct bft_signed_core){vc->core, (uint16_t)i, vc->signature};
    }
    return bft_is_quorum(&b->set, &signers) ? count : 0;
}

/* The K-cert, if this epoch has one, then a P-cert for each claim.
 * False: a certificate was replaced by a later one of someone outside V. */
static bool gather(struct bft *b, const struct reproposals *o, struct bft_new_view_body *body,
                   struct bft_cert *certs)
{
    const struct bft_cert *stable = bft_pool_stable(b);
    if (stable != NULL)
        certs[body->certs_count++] = *stable;
    for (uint32_t i = 0; i < o->count; i++) {
        if (!o->claimed[i])
            continue;
        struct bft_prepared p = {o->items[i].seq, o->views[i], o->items[i].digest};
        const struct bft_cert *cert = bft_pool_find(b, &p);
        if (cert == NULL)
            return false;
        certs[body->certs_count++] = *cert;
    }
    body->certs = certs;
    return true;
}

static uint64_t proved_by(const struct bft_new_view_body *body)
{
    bool has = body->certs_count > 0 && body->certs[0].statement.type == BFT_TYPE_CHECKPOINT;
    return has ? body->certs[0].statement.seq : 0;
}

/* R10: our own NEW-VIEW.  Its body is durable before it is signed, so that a
 * crash cannot make us sign another one. */
void bft_new_view_try(struct bft *b)
{
    if (bft_normal(b) || !bft_may_vote(b) || bft_leader(&b->set, b->target) != b->self ||
        (b->building.held && b->building.view == b->target) || !bft_sign_ready(b) ||
        !bft_out_fits(b, BFT_NEW_VIEW_SIZE_MAX))
        return;
    struct bft_signed_core cores[VALIDATORS_MAX];
    struct bft_cert certs[1 + BFT_WINDOW];
    struct bft_new_view_body body = {.epoch = b->set.set.epoch, .view = b->target, .cores = cores};
    body.cores_count = collect(b, cores);
    if (body.cores_count == 0)
        return;
    const struct bft_cert *stable = bft_pool_stable(b);
    struct reproposals o;
    bft_reproposals_compute(cores, body.cores_count, stable == NULL ? 0 : stable->statement.seq,
                            &o);
    body.reproposals = o.items;
    body.reproposals_count = o.count;
    if (!gather(b, &o, &body, certs))
        return;

    struct held_new_view *nv = &b->building;
    struct span bytes =
        bft_new_view_body_encode(&body, (struct room){nv->room, BFT_NEW_VIEW_BODY_SIZE_MAX});
    assert(bytes.len != 0);
    nv->held = true;
    nv->signed_ = false;
    nv->view = b->target;
    nv->body = bytes;
    nv->digest = bft_body_digest(bytes);
    nv->signature = (struct signature){0};
    nv->fixed_count = o.count;
    memcpy(nv->fixed, o.items, o.count * sizeof nv->fixed[0]);
    nv->low = o.low;
    bft_new_view_persist(b, nv);
    struct bft_statement st = nv_statement(b, nv->view, &nv->digest);
    bft_sign(b, &st);
}

/* R11, second half: b->nv is the NEW-VIEW of the view to enter. */
static void fix_slots(struct bft *b)
{
    for (uint32_t i = 0; i < b->nv.fixed_count; i++) {
        const struct bft_reproposal *f = &b->nv.fixed[i];
        struct slot *s = bft_slot(b, f->seq);
        if (s == NULL)
            continue; /* stable here already, or beyond the window: slot_open */
        s->proposed = s->fixed = s->checked = true;
        s->digest = f->digest;
        if (s->decided && s->committed.cert.statement.view < b->view &&
            !hash_equal(&s->committed.cert.statement.digest, &f->digest))
            bft_alarm(b, "new_view_against_certificate");
    }
}

static void enter(struct bft *b)
{
    uint64_t high = b->nv.low + b->nv.fixed_count;
    b->view = b->nv.view;
    b->target = max_u64(b->target, b->view);
    b->segments = 0;
    b->asked_seq = 0;
    b->declined = false;
    b->quorum_since_ms = b->rotate_at_ms = 0;
    b->next_propose = max_u64(high, b->executed) + 1;
    b->proven = max_u64(b->proven, b->nv.low);
    b->views_changed++;
    bft_slots_enter_view(b);
    fix_slots(b);
    bft_timer_restart(b);
    b->status_at_ms = b->now_ms; /* votes and proposals that came too early come again */
    struct trace_event *t = trace_add(&b->trace, TRACE_INFO, "bft.view_entered");
    trace_u64(t, "view", b->view);
    trace_u64(t, "leader", bft_leader(&b->set, b->view));
    trace_u64(t, "reproposed", b->nv.fixed_count);
    bft_evaluate(b);
}

void bft_own_new_view(struct bft *b, const struct bft_statement *st, const struct signature *sig)
{
    struct held_new_view *mine = &b->building;
    if (b->nv.held && !b->nv.signed_ && b->nv.view == st->view &&
        hash_equal(&b->nv.digest, &st->digest)) {
        b->nv.signature = *sig; /* entered at replay already */
        b->nv.signed_ = true;
        bft_new_view_send(b, BFT_ALL);
        return;
    }
    if (!mine->held || st->view != b->target || bft_normal(b) ||
        !hash_equal(&mine->digest, &st->digest))
        return;
    mine->signature = *sig;
    mine->signed_ = true;
    struct held_new_view old = b->nv;
    b->nv = *mine;
    *mine = old;
    mine->held = false;
    bft_new_view_send(b, BFT_ALL);
    enter(b);
}

static bool cores_valid(struct bft *b, const struct bft_new_view_body *body)
{
    struct bft_bitmap signers = {0};
    for (uint32_t i = 0; i < body->cores_count; i++) {
        const struct bft_signed_core *c = &body->cores[i];
        if (c->signer >= b->set.count || (i > 0 && c->signer <= c[-1].signer) ||
            c->core.view != body->view || !bft_core_well_formed(b, &c->core))
            return false;
        bitmap_add(&signers, c->signer);
    }
    if (!bft_is_quorum(&b->set, &signers))
        return false;
    for (uint32_t i = 0; i < body->cores_count; i++) {
        const struct bft_signed_core *c = &body->cores[i];
        struct hash digest = bft_core_digest(&c->core);
        const struct stored_vc *known = &b->vcs[c->signer];
        if (known->held && hash_equal(&known->digest, &digest))
            continue; /* its signature was checked when it came */
        struct bft_statement st = bft_statement_of(b, BFT_TYPE_VIEW_CHANGE, body->view, 0, &digest);
        if (!bft_verify(b, &st, c->signer, &c->signature))
            return false;
    }
    return true;
}

/* The certificates must be exactly those that the cores call for. */
static bool certs_valid(struct bft *b, const struct bft_new_view_body *body,
                        const struct reproposals *o)
{
    uint32_t at = 0;
    uint64_t proved = proved_by(body);
    if (proved > 0) {
        const struct bft_cert *k = &body->certs[at++];
        if (proved > b->stable && !bft_cert_valid(b, k))
            return false;
    }
    if (o->low > b->stable && o->low > proved)
        return false;
    for (uint32_t i = 0; i < o->count; i++) {
        if (!o->claimed[i])
            continue;
        if (at == body->certs_count)
            return false;
        const struct bft_cert *cert = &body->certs[at++];
        struct bft_statement want = bft_statement_of(b, BFT_TYPE_PREPARE, o->views[i],
                                                     o->items[i].seq, &o->items[i].digest);
        struct bft_prepared p = {o->items[i].seq, o->views[i], o->items[i].digest};
        if (!bft_statement_equal(&cert->statement, &want) ||
            (bft_pool_find(b, &p) == NULL && !bft_cert_valid(b, cert)))
            return false;
    }
    return at == body->certs_count;
}

static bool body_valid(struct bft *b, const struct bft_new_view_body *body, struct reproposals *o)
{
    if (!cores_valid(b, body))
        return false;
    bft_reproposals_compute(body->cores, body->cores_count, proved_by(body), o);
    if (body->reproposals_count != o->count)
        return false;
    for (uint32_t i = 0; i < o->count; i++)
        if (body->reproposals[i].seq != o->items[i].seq ||
            !hash_equal(&body->reproposals[i].digest, &o->items[i].digest))
            return false;
    return certs_valid(b, body, o);
}

static void keep(struct bft *b, const struct bft_new_view *nv, struct span body,
                 const struct reproposals *o)
{
    struct held_new_view *to = &b->nv;
    assert(body.len <= BFT_NEW_VIEW_BODY_SIZE_MAX);
    memcpy(to->room, body.ptr, body.len);
    to->held = true;
    to->signed_ = true;
    to->view = nv->body.view;
    to->body = span_of(to->room, body.len);
    to->digest = bft_body_digest(body);
    to->signature = nv->signature;
    to->low = o->low;
    to->fixed_count = o->count;
    memcpy(to->fixed, o->items, o->count * sizeof to->fixed[0]);
}

/* A second NEW-VIEW for the view we are in: E5 when it differs. */
static void compare(struct bft *b, const struct bft_new_view *nv, const struct hash *digest)
{
    if (!b->nv.held || !b->nv.signed_ || b->nv.view != nv->body.view ||
        hash_equal(&b->nv.digest, digest))
        return;
    struct bft_statement first = nv_statement(b, b->nv.view, &b->nv.digest);
    struct bft_statement second = nv_statement(b, nv->body.view, digest);
    if (bft_verify(b, &second, nv->signer, &nv->signature))
        bft_report(b, nv->signer, &first, &b->nv.signature, &second, &nv->signature);
}

/* R11. */
void bft_on_new_view(struct bft *b, const struct bft_new_view *nv)
{
    if (nv->body.epoch != b->set.set.epoch || nv->body.view < b->view ||
        nv->body.view < b->target || nv->body.view == 0 ||
        nv->signer != bft_leader(&b->set, nv->body.view) || nv->signer == b->self ||
        !bft_out_fits(b, 2 * BFT_NEW_VIEW_SIZE_MAX))
        return;
    struct span body = bft_out_take(b, bft_new_view_body_encode(&nv->body, bft_out_rest(b)));
    assert(body.len != 0);
    struct hash digest = bft_body_digest(body);
    if (nv->body.view == b->view) {
        compare(b, nv, &digest);
        return;
    }
    struct bft_statement st = nv_statement(b, nv->body.view, &digest);
    if (!bft_verify(b, &st, nv->signer, &nv->signature))
        return;
    struct reproposals o;
    if (!body_valid(b, &nv->body, &o)) {
        b->malformed++;
        trace_u64(trace_add(&b->trace, TRACE_WARN, "bft.new_view_refused"), "view", nv->body.view);
        return;
    }
    keep(b, nv, body, &o);
    bft_new_view_persist(b, &b->nv);
    enter(b);
}

/* From our own journal: checked when it was written. */
void bft_new_view_replayed(struct bft *b, const struct bft_new_view *nv)
{
    if (nv->body.epoch != b->set.set.epoch || nv->body.view < b->view || nv->body.view == 0 ||
        (nv->body.view == b->view && b->nv.held))
        return;
    struct span body = bft_out_take(b, bft_new_view_body_encode(&nv->body, bft_out_rest(b)));
    assert(body.len != 0);
    struct reproposals o;
    bft_reproposals_compute(nv->body.cores, nv->body.cores_count, proved_by(&nv->body), &o);
    keep(b, nv, body, &o);
    struct signature none = {0};
    b->nv.signed_ = memcmp(&none, &nv->signature, sizeof none) != 0;
    enter(b);
}
