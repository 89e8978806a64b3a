#include "bft/core.h"

#include "crypto/hash.h"

/* R3.  cert is valid; it may be s->committed itself.  payload: that of its
 * digest when it came along, or NULL. */
void bft_decide(struct bft *b, struct slot *s, const struct bft_cert *cert,
                const struct span *payload)
{
    const struct hash *digest = &cert->statement.digest;
    b->proven = max_u64(b->proven, s->seq);
    if (s->decided) {
        if (!hash_equal(digest, &s->committed.cert.statement.digest))
            bft_alarm(b, "two_certificates");
        return;
    }
    /* A later view may replace what this view's NEW-VIEW fixed, and a leader that
     * equivocates may fix two things in one view.  An earlier view cannot. */
    if (s->fixed && cert->statement.view < b->view && !hash_equal(digest, &s->digest))
        bft_alarm(b, "certificate_against_new_view");
    bft_cert_keep(&s->committed, cert);
    s->decided = true;
    if (payload != NULL && bft_payload_has_room(b, s->seq))
        bft_payload_keep(b, s, digest, *payload, false);
    if (!bft_payload_here(b, s->seq, digest))
        bft_fetch_payload(b, s, digest);
    bft_execute(b);
}

static struct hash chain_next(const struct hash *chain, uint64_t seq, const struct hash *digest)
{
    uint8_t room[2 * HASH_SIZE + 8];
    struct wr w = wr_init((struct room){room, sizeof room});
    wr_raw(&w, hash_span(chain));
    wr_u64(&w, seq);
    wr_raw(&w, hash_span(digest));
    return hash_tagged("PLTFSLOT", wr_done(&w));
}

/* R4: the next slot, once it is decided, its payload is here, and the last
 * checkpoint is stable. */
void bft_execute(struct bft *b)
{
    bool waits = b->executed % BFT_CHECKPOINT_INTERVAL == 0 && b->executed != b->stable;
    if (b->executing || b->ending || waits || b->alarmed)
        return;
    struct slot *s = &b->slots[(b->executed + 1) % BFT_WINDOW];
    if (s->seq != b->executed + 1 || !s->decided)
        return;
    const struct hash *digest = &s->committed.cert.statement.digest;
    struct payload *p = bft_payload_find(b, s->seq, digest);
    if ((p == NULL && !hash_is_zero(digest)) ||
        !bft_out_fits(b, BFT_CERT_SIZE_MAX + BFT_BATCH_SIZE_MAX))
        return;

    struct span payload = p == NULL ? (struct span){0} : span_of(p->bytes, p->size);
    struct bft_record r = {.tag = BFT_RECORD_DECIDED};
    r.decided.seq = s->seq;
    r.decided.cert = s->committed.cert;
    r.decided.payload = p == NULL || p->journaled ? (struct span){0} : payload;
    bft_persist(b, &r);
    if (p != NULL)
        p->journaled = true;

    struct bft_effect *e = bft_effect(b, BFT_FX_EXECUTE);
    e->seq = s->seq;
    e->view = s->committed.cert.statement.view;
    e->digest = *digest;
    e->bytes = payload;
    e->cert = s->committed.cert;
    b->executing = true;
}

void bft_on_executed(struct bft *b, const struct bft_event *ev)
{
    assert(b->executing);
    assert(ev->seq == b->executed + 1);
    struct slot *s = &b->slots[ev->seq % BFT_WINDOW];
    assert(s->seq == ev->seq && s->decided);
    const struct hash *digest = &s->committed.cert.statement.digest;
    b->executing = false;
    b->executed = ev->seq;
    b->fill_since_ms = b->now_ms; /* one slot at a time is wanted */
    if (b->asked_seq <= b->executed)
        b->asked_seq = 0; /* decided by others while its batch was waited for */
    b->chain = chain_next(&b->chain, ev->seq, digest);
    s->executed = true;
    b->decided++;
    struct payload *pair = b->payloads[ev->seq % BFT_CHECKPOINT_INTERVAL];
    for (uint32_t i = 0; i < BFT_PAYLOADS; i++)
        if (pair[i].seq == ev->seq)
            pair[i].held = false; /* from here on the store has it */
    if (ev->next != NULL) {
        /* R17: the ledger refuses an epoch's end anywhere else. */
        assert(ev->seq % BFT_CHECKPOINT_INTERVAL == 0);
        assert(ev->next->epoch == b->set.set.epoch + 1);
        assert(ev->next->members_count <= VALIDATORS_MAX);
        memcpy(b->next_members, ev->next->members,
               ev->next->members_count * sizeof *b->next_members);
        struct valset next = *ev->next;
        next.members = b->next_members;
        enum err e = bft_set_init(&b->next_set, &next);
        assert(e == ERR_OK);
        b->ending = true;
    }
    if (ev->seq % BFT_CHECKPOINT_INTERVAL == 0)
        bft_checkpoint_reached(b, &ev->aux);
    if (b->proven > b->executed)
        b->request_since_ms = b->now_ms; /* behind: not the leader's fault */
    if (b->fetch_seq != 0 || b->proven > b->executed)
        bft_fetch_decided(b, BFT_ALL);
    bft_evaluate(b);
}
