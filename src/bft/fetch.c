#include "bft/core.h"

/* R4, P14: ask a few members at a time, others with the next status. */
void bft_fetch_payload(struct bft *b, struct slot *s, const struct hash *digest)
{
    if (b->replaying || b->self == BFT_ALL || s->seq > b->executed + BFT_CHECKPOINT_INTERVAL ||
        (s->fetched_ms != 0 && time_add(s->fetched_ms, b->config.status_ms / 2) > b->now_ms))
        return;
    s->fetched_ms = max_u64(b->now_ms, 1);
    struct bft_message m = {.tag = BFT_MESSAGE_FETCH};
    m.fetch = (struct bft_fetch){s->seq, *digest};
    uint64_t first = prng_below(&b->prng, b->set.count);
    uint32_t asked = 0;
    for (uint32_t i = 0; i < b->set.count && asked < BFT_FETCH_FROM; i++) {
        uint32_t to = (uint32_t)((first + i) % b->set.count);
        if (to == b->self || !bft_hears(b, to))
            continue;
        bft_send(b, to, &m);
        asked++;
    }
}

static bool knows_more(const struct bft *b, uint32_t member)
{
    return member != b->self && b->peers[member].executed > b->executed;
}

/* Asks for decided slots: from a member, or (BFT_ALL) from any that has claimed
 * to have more.  At once when the last answer has been used up. */
void bft_fetch_decided(struct bft *b, uint32_t from)
{
    if (b->replaying || !b->started)
        return;
    bool used_up = b->fetch_seq != 0 && b->executed >= b->fetch_seq + BFT_CHECKPOINT_INTERVAL - 1;
    if (!used_up && b->now_ms < b->fetch_at_ms)
        return;
    uint64_t first = prng_below(&b->prng, b->set.count);
    for (uint32_t i = 0; i < b->set.count && from == BFT_ALL; i++) {
        uint32_t member = (uint32_t)((first + i) % b->set.count);
        if (knows_more(b, member))
            from = member;
    }
    if (from == BFT_ALL) {
        b->fetch_seq = 0;
        return;
    }
    b->fetch_seq = b->executed + 1;
    b->fetch_at_ms = time_add(b->now_ms, b->config.status_ms / 2);
    struct bft_message m = {.tag = BFT_MESSAGE_FETCH};
    m.fetch = (struct bft_fetch){.seq = b->fetch_seq};
    bft_send(b, from, &m);
    bft_effect(b, BFT_FX_FETCH)->seq = b->fetch_seq;
}

/* Members of a later epoch do not tell an outsider, or one that is epochs
 * behind, how far they are: it asks. */
void bft_poll(struct bft *b)
{
    if (b->self == BFT_ALL || !bft_hears_quorum(b))
        bft_effect(b, BFT_FX_FETCH)->seq = b->executed + 1;
}

static void serve(struct bft *b, uint32_t from, uint64_t seq)
{
    if (from < b->set.count) {
        struct peer *peer = &b->peers[from];
        if (seq <= peer->served_seq &&
            time_add(peer->served_ms, b->config.status_ms / 4) > b->now_ms)
            return;
        peer->served_seq = seq;
        peer->served_ms = b->now_ms;
    }
    struct bft_effect *e = bft_effect(b, BFT_FX_SERVE);
    e->to = from;
    e->seq = seq;
}

void bft_on_fetch(struct bft *b, uint32_t from, const struct bft_fetch *f)
{
    if (hash_is_zero(&f->digest) || f->seq <= b->executed) {
        if (f->seq > 0 && f->seq <= b->executed + 1)
            serve(b, from, f->seq);
        return;
    }
    struct payload *p = bft_payload_find(b, f->seq, &f->digest);
    if (p == NULL || from >= b->set.count || !bft_out_fits(b, BFT_PAYLOAD_SIZE_MAX))
        return;
    struct bft_message m = {.tag = BFT_MESSAGE_PAYLOAD};
    m.payload = (struct bft_payload){f->seq, span_of(p->bytes, p->size)};
    bft_send(b, from, &m);
}

void bft_on_payload(struct bft *b, const struct bft_payload *p)
{
    if (!bft_payload_has_room(b, p->seq))
        return;
    struct slot *s = bft_slot(b, p->seq);
    struct hash digest = bft_payload_digest(p->payload);
    const struct hash *want = s->decided    ? &s->committed.cert.statement.digest
                              : s->proposed ? &s->digest
                                            : NULL;
    if (want == NULL || !hash_equal(want, &digest))
        return; /* not asked for, or not what was asked for */
    bft_payload_keep(b, s, &digest, p->payload, false);
    bft_slot_evaluate(b, s);
    bft_execute(b);
}

/* A decided slot with its proof.  R16: whoever sent it, only the proof counts. */
void bft_on_decided(struct bft *b, const struct bft_decided *d)
{
    const struct bft_statement *st = &d->cert.statement;
    if (st->epoch != b->set.set.epoch || b->ending || !bft_payload_has_room(b, d->seq))
        return;
    struct slot *s = bft_slot(b, d->seq);
    struct hash digest = bft_payload_digest(d->payload);
    if (st->type != BFT_TYPE_COMMIT || st->seq != d->seq || !hash_equal(&st->digest, &digest)) {
        b->malformed++;
        return;
    }
    bool known = s->decided && hash_equal(&digest, &s->committed.cert.statement.digest);
    if (known)
        bft_payload_keep(b, s, &digest, d->payload, false);
    else if (bft_cert_valid(b, &d->cert))
        bft_decide(b, s, &d->cert, &d->payload);
    bft_execute(b);
}

void bft_on_cert(struct bft *b, const struct bft_cert *cert)
{
    const struct bft_statement *st = &cert->statement;
    if (st->epoch != b->set.set.epoch)
        return;
    if (st->type == BFT_TYPE_CHECKPOINT) {
        bft_on_checkpoint_cert(b, cert);
        return;
    }
    struct slot *s = bft_slot(b, st->seq);
    if (s == NULL)
        return;
    if (st->type == BFT_TYPE_COMMIT) {
        bool known = s->decided && hash_equal(&st->digest, &s->committed.cert.statement.digest);
        if (!known && bft_cert_valid(b, cert))
            bft_decide(b, s, cert, NULL);
        return;
    }
    bool known = s->prepared.held && s->prepared.cert.statement.view >= st->view;
    if (st->type != BFT_TYPE_PREPARE || st->view != b->view || known || !bft_cert_valid(b, cert))
        return;
    bft_votes_of_cert(b, s, VOTE_PREPARE, cert);
    bft_slot_evaluate(b, s);
}
