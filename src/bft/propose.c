#include "bft/core.h"

static void equivocated(struct bft *b, struct slot *s, const struct bft_propose *p,
                        const struct bft_statement *second)
{
    struct bft_statement first = bft_statement_of(b, BFT_TYPE_PROPOSE, b->view, s->seq, &s->digest);
    if (s->has_signature)
        bft_report(b, p->signer, &first, &s->signature, second, &p->signature); /* E3 */
    bft_view_change_start(b, bft_next_view(b, b->view), false);
}

/* R1, all of it but the payload's own validity, which BFT_FX_CHECK asks for. */
void bft_on_propose(struct bft *b, const struct bft_propose *p)
{
    if (p->epoch != b->set.set.epoch || p->view != b->view || !bft_normal(b) || b->ending ||
        p->signer != bft_leader(&b->set, b->view) || p->signer == b->self)
        return;
    if (p->seq <= b->executed || p->seq > b->executed + BFT_CHECKPOINT_INTERVAL)
        return;
    struct slot *s = bft_slot(b, p->seq);
    if (s == NULL)
        return;
    struct hash digest = bft_payload_digest(p->payload);
    bool same = s->proposed && hash_equal(&digest, &s->digest);
    if (same && (s->fixed || s->has_signature) && bft_payload_here(b, p->seq, &digest))
        return;
    struct bft_statement st = bft_statement_of(b, BFT_TYPE_PROPOSE, p->view, p->seq, &digest);
    if (!bft_verify(b, &st, p->signer, &p->signature))
        return;
    if (s->proposed && !same) {
        equivocated(b, s, p, &st);
        return;
    }
    s->proposed = true;
    s->digest = digest;
    s->has_signature = true;
    s->signature = p->signature;
    if (!s->decided || hash_equal(&digest, &s->committed.cert.statement.digest))
        bft_payload_keep(b, s, &digest, p->payload, false);
    bft_slot_evaluate(b, s);
}

void bft_on_checked(struct bft *b, const struct bft_event *ev)
{
    struct slot *s = bft_slot(b, ev->seq);
    if (s == NULL || !s->proposed || s->checked || !hash_equal(&s->digest, &ev->digest))
        return;
    if (ev->wait)
        return; /* asked again with the next status */
    if (ev->ok) {
        s->checked = true;
        bft_slot_evaluate(b, s);
        return;
    }
    trace_u64(trace_add(&b->trace, TRACE_WARN, "bft.proposal_refused"), "seq", ev->seq);
    if (bft_normal(b))
        bft_view_change_start(b, bft_next_view(b, b->view), false);
}

void bft_on_pending(struct bft *b, const struct bft_event *ev)
{
    bool wanted = ev->pending > 0;
    /* P9: the timer is the oldest request's; a younger oldest means that the
     * one it ran for is executed. */
    if (wanted && (!b->request_known || ev->pending_since_ms > b->request_oldest_ms)) {
        b->request_since_ms = b->now_ms;
        b->request_oldest_ms = ev->pending_since_ms;
    }
    if (ev->fill && !b->fill)
        b->fill_since_ms = b->now_ms;
    b->request_known = wanted;
    b->pending = ev->pending;
    b->fill = ev->fill;
    b->fill_pause_ms = ev->fill_pause_ms;
    b->declined = false;
    bft_lead(b);
}

/* Decided from a certificate, or proposed before a crash. */
static bool is_taken(const struct bft *b, uint64_t seq)
{
    const struct slot *s = &b->slots[seq % BFT_WINDOW];
    return bft_in_window(b, seq) && s->seq == seq && (s->decided || s->proposed);
}

static bool may_lead(const struct bft *b)
{
    return bft_normal(b) && bft_may_vote(b) && bft_leader(&b->set, b->view) == b->self &&
           !b->ending && b->asked_seq == 0;
}

uint64_t bft_fill_at(const struct bft *b)
{
    return b->fill && may_lead(b) ? time_add(b->proposed_ms, b->fill_pause_ms) : UINT64_MAX;
}

/* The leader's turn: ask for a batch when one is wanted and allowed.  So an
 * operation that comes alone goes at once, and under load those that come while
 * the pipeline is full share the next slot. */
void bft_lead(struct bft *b)
{
    bool wanted = (b->pending > 0 && !b->declined) || bft_fill_at(b) <= b->now_ms;
    if (!may_lead(b) || !wanted)
        return;
    uint64_t seq = max_u64(b->next_propose, b->executed + 1);
    while (is_taken(b, seq))
        seq++;
    if (seq > bft_segment_end(b) || !bft_in_window(b, seq) ||
        seq - b->executed > b->config.pipeline)
        return;
    b->asked_seq = seq;
    struct bft_effect *e = bft_effect(b, BFT_FX_PROPOSE);
    e->view = b->view;
    e->seq = seq;
    e->last_in_segment = seq % BFT_CHECKPOINT_INTERVAL == 0;
}

/* PROPOSE and PREPARE are asked for in one turn: one flush. */
void bft_on_batch(struct bft *b, const struct bft_event *ev)
{
    if (ev->seq != b->asked_seq || ev->view != b->view || !bft_normal(b) || !bft_may_vote(b))
        return;
    assert(ev->bytes.len <= BFT_BATCH_SIZE_MAX);
    b->asked_seq = 0;
    if (ev->bytes.len == 0 && bft_fill_at(b) > b->now_ms) {
        b->declined = true;
        return;
    }
    struct slot *s = bft_slot(b, ev->seq);
    if (s == NULL || is_taken(b, ev->seq) || ev->seq <= b->executed) {
        bft_lead(b); /* decided from a certificate meanwhile */
        return;
    }
    struct hash digest = bft_payload_digest(ev->bytes);
    s->digest = digest;
    s->proposed = s->checked = true;
    bft_payload_keep(b, s, &digest, ev->bytes, false);
    if (!bft_say(b, s, BFT_TYPE_PROPOSE, &digest)) {
        s->proposed = s->checked = false;
        return;
    }
    b->next_propose = ev->seq + 1;
    b->proposed_ms = b->now_ms;
    bft_slot_evaluate(b, s);
    bft_lead(b);
}

void bft_send_propose(struct bft *b, struct slot *s, uint32_t to)
{
    struct payload *p = bft_payload_find(b, s->seq, &s->digest);
    if (!s->has_signature || (p == NULL && !hash_is_zero(&s->digest)) ||
        !bft_out_fits(b, BFT_PROPOSE_SIZE_MAX))
        return;
    struct bft_message m = {.tag = BFT_MESSAGE_PROPOSE};
    m.propose = (struct bft_propose){
        .epoch = b->set.set.epoch,
        .view = b->view,
        .seq = s->seq,
        .signer = (uint16_t)bft_leader(&b->set, b->view),
        .signature = s->signature,
        .payload = p == NULL ? (struct span){0} : span_of(p->bytes, p->size),
    };
    bft_send(b, to, &m);
}

void bft_own_propose(struct bft *b, const struct bft_statement *st, const struct signature *sig)
{
    struct slot *s = bft_slot(b, st->seq);
    if (s == NULL || st->view != b->view || !bft_normal(b) || !s->proposed ||
        !hash_equal(&s->digest, &st->digest))
        return;
    s->has_signature = true;
    s->signature = *sig;
    bft_send_propose(b, s, BFT_ALL);
}
