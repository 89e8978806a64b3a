#include "bft/core.h"

bool bft_may_vote(const struct bft *b)
{
    return b->started && !b->stopped && !b->alarmed && b->self != BFT_ALL &&
           (b->config.vote_after_block == 0 || b->set.set.chain_block > b->config.vote_after_block);
}

bool bft_normal(const struct bft *b)
{
    return b->started && b->target == b->view;
}

static struct said *said_of(struct slot *s, enum bft_type type)
{
    if (type == BFT_TYPE_PROPOSE)
        return &s->propose;
    assert(type == BFT_TYPE_PREPARE || type == BFT_TYPE_COMMIT);
    return &s->votes_said[type == BFT_TYPE_PREPARE ? VOTE_PREPARE : VOTE_COMMIT];
}

/* BFT-1 and R18: the record, with the payload the first time, goes before the
 * signature.  False: no room in this step. */
bool bft_say(struct bft *b, struct slot *s, enum bft_type type, const struct hash *digest)
{
    struct said *said = said_of(s, type);
    if (said->any && said->view == b->view) {
        assert(hash_equal(&said->digest, digest));
        return true;
    }
    assert(!said->any || said->view < b->view);
    struct payload *p = bft_payload_find(b, s->seq, digest);
    struct bft_record r = {.tag = BFT_RECORD_VOTE};
    r.vote.statement = bft_statement_of(b, type, b->view, s->seq, digest);
    if (p != NULL && !p->journaled)
        r.vote.payload = span_of(p->bytes, p->size);
    if (!bft_sign_ready(b) || !bft_out_fits(b, r.vote.payload.len + BFT_RECORD_SIZE_MIN + 256))
        return false;
    bft_persist(b, &r);
    bft_sign(b, &r.vote.statement);
    if (p != NULL)
        p->journaled = true;
    *said = (struct said){true, b->view, *digest};
    return true;
}

static struct vote *vote_of(struct slot *s, const struct bft_statement *st, uint32_t signer)
{
    return &s->votes[st->type == BFT_TYPE_PREPARE ? VOTE_PREPARE : VOTE_COMMIT][signer];
}

/* Nothing can come of this vote any more, so its signature is not worth 40 us. */
static bool is_surplus(const struct slot *s, const struct bft_statement *st)
{
    if (s->decided)
        return st->type == BFT_TYPE_COMMIT || s->seq == 0;
    return st->type == BFT_TYPE_PREPARE && s->prepared.held &&
           s->prepared.cert.statement.view == st->view &&
           hash_equal(&s->prepared.cert.statement.digest, &st->digest);
}

/* R3: a QUORUM of COMMITs decides, whatever this replica is doing. */
static void count_commits(struct bft *b, struct slot *s, const struct bft_statement *st)
{
    if (s->decided || st->type != BFT_TYPE_COMMIT)
        return;
    if (bft_cert_of_votes(b, s->votes[VOTE_COMMIT], st, &s->committed))
        bft_decide(b, s, &s->committed.cert, NULL);
}

static void take_vote(struct bft *b, struct slot *s, const struct bft_statement *st,
                      uint32_t signer, const struct signature *signature)
{
    *vote_of(s, st, signer) = (struct vote){
        .held = true, .view = st->view, .digest = st->digest, .signature = *signature};
    count_commits(b, s, st);
    bft_slot_evaluate(b, s);
}

void bft_on_vote(struct bft *b, const struct bft_vote *v)
{
    const struct bft_statement *st = &v->statement;
    if (st->type == BFT_TYPE_CHECKPOINT) {
        bft_on_checkpoint_vote(b, v);
        return;
    }
    if ((st->type != BFT_TYPE_PREPARE && st->type != BFT_TYPE_COMMIT) || !hash_is_zero(&st->aux)) {
        b->malformed++;
        return;
    }
    if (st->epoch != b->set.set.epoch || v->signer >= b->set.count || v->signer == b->self ||
        st->view < b->view)
        return;
    struct slot *s = bft_slot(b, st->seq);
    if (s == NULL)
        return;
    struct vote *held = vote_of(s, st, v->signer);
    if (held->held && held->view > st->view)
        return;
    if (held->held && held->view == st->view) {
        if (hash_equal(&held->digest, &st->digest) || !bft_verify(b, st, v->signer, &v->signature))
            return;
        struct bft_statement first =
            bft_statement_of(b, st->type, held->view, st->seq, &held->digest);
        bft_report(b, v->signer, &first, &held->signature, st, &v->signature); /* E1, E2 */
        return;
    }
    if (is_surplus(s, st) || !bft_verify(b, st, v->signer, &v->signature))
        return;
    take_vote(b, s, st, v->signer, &v->signature);
}

/* Votes that a valid certificate proves, for those who missed them. */
void bft_votes_of_cert(struct bft *b, struct slot *s, enum vote_kind kind,
                       const struct bft_cert *cert)
{
    struct bft_bitmap signers;
    memcpy(signers.bits, cert->bitmap, sizeof signers.bits);
    uint32_t at = 0;
    for (uint32_t i = 0; i < b->set.count; i++) {
        if (!bitmap_has(&signers, i))
            continue;
        struct vote *v = &s->votes[kind][i];
        if (!v->held || v->view < cert->statement.view)
            *v = (struct vote){.held = true,
                               .view = cert->statement.view,
                               .digest = cert->statement.digest,
                               .signature = cert->signatures[at]};
        at++;
    }
}

/* A vote of ours, durable and signed.  One that a view change has overtaken
 * stays unsent: silence is always safe. */
void bft_own_vote(struct bft *b, const struct bft_statement *st, const struct signature *sig)
{
    struct slot *s = bft_slot(b, st->seq);
    if (s == NULL || st->view != b->view || !bft_normal(b))
        return;
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote = (struct bft_vote){*st, (uint16_t)b->self, *sig};
    bft_send(b, BFT_ALL, &m);
    take_vote(b, s, st, b->self, sig);
}

static void ask_check(struct bft *b, struct slot *s)
{
    if (s->checked || s->asked || s->seq <= b->executed)
        return;
    struct payload *p = bft_payload_find(b, s->seq, &s->digest);
    if (hash_is_zero(&s->digest)) {
        s->checked = true;
        return;
    }
    if (p == NULL)
        return;
    s->asked = true;
    struct bft_effect *e = bft_effect(b, BFT_FX_CHECK);
    e->seq = s->seq;
    e->view = b->view;
    e->digest = s->digest;
    e->bytes = span_of(p->bytes, p->size);
    e->last_in_segment = s->seq % BFT_CHECKPOINT_INTERVAL == 0;
}

/* R2: the certificate and the vote go to the journal in one turn. */
static void commit(struct bft *b, struct slot *s)
{
    struct said *said = &s->votes_said[VOTE_COMMIT];
    if (said->any && said->view == b->view)
        return;
    struct bft_statement st = bft_statement_of(b, BFT_TYPE_PREPARE, b->view, s->seq, &s->digest);
    bool certified = s->prepared.held && s->prepared.cert.statement.view == b->view;
    if (!certified && !bft_cert_of_votes(b, s->votes[VOTE_PREPARE], &st, &s->prepared))
        return;
    assert(bft_statement_equal(&s->prepared.cert.statement, &st));
    if (!bft_may_vote(b) || !bft_sign_ready(b) || !bft_out_fits(b, BFT_CERT_SIZE_MAX + 512))
        return;
    struct bft_record r = {.tag = BFT_RECORD_PREPARED};
    r.prepared.cert = s->prepared.cert;
    bft_persist(b, &r);
    (void)bft_say(b, s, BFT_TYPE_COMMIT, &s->digest);
}

/* R1 and R2 from where this slot stands now: called after everything that could
 * have moved it, so that votes may come before the proposal (R4). */
void bft_slot_evaluate(struct bft *b, struct slot *s)
{
    if (!bft_normal(b) || !s->proposed || s->seq > bft_segment_end(b))
        return;
    if (s->seq > b->executed && !bft_payload_here(b, s->seq, &s->digest)) {
        bft_fetch_payload(b, s, &s->digest);
        return;
    }
    ask_check(b, s);
    if (!s->checked && s->seq > b->executed)
        return;
    if (bft_may_vote(b) && !bft_say(b, s, BFT_TYPE_PREPARE, &s->digest))
        return;
    commit(b, s);
}

void bft_evaluate(struct bft *b)
{
    for (uint64_t seq = b->stable + 1; seq <= b->stable + BFT_WINDOW; seq++) {
        struct slot *s = &b->slots[seq % BFT_WINDOW];
        if (s->seq == seq)
            bft_slot_evaluate(b, s);
    }
    bft_execute(b);
    bft_lead(b);
}
