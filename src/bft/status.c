#include "bft/core.h"

/* R15: what this replica has, to everyone, a few times a second.  The answers,
 * not the transport, make up for what was lost. */
void bft_status_send(struct bft *b)
{
    struct bft_bits bits[VOTE_KINDS][BFT_WINDOW];
    uint32_t count = 0, payloads = 0;
    memset(bits, 0, sizeof bits);
    for (uint64_t seq = b->executed + 1; bft_in_window(b, seq); seq++) {
        const struct slot *s = &b->slots[seq % BFT_WINDOW];
        uint32_t at = count++;
        if (s->seq != seq)
            continue;
        if (s->proposed && bft_payload_here(b, seq, &s->digest))
            payloads |= 1u << at;
        for (uint32_t k = 0; k < VOTE_KINDS; k++)
            for (uint32_t i = 0; i < b->set.count; i++)
                if (s->votes[k][i].held && s->votes[k][i].view == b->view)
                    bitmap_add((struct bft_bitmap *)&bits[k][at], i);
    }
    struct bft_message m = {.tag = BFT_MESSAGE_STATUS};
    m.status = (struct bft_status){
        .epoch = b->set.set.epoch,
        .view = b->view,
        .pending_view = b->target,
        .stable = b->stable,
        .executed = b->executed,
        .prepares = bits[VOTE_PREPARE],
        .prepares_count = count,
        .commits = bits[VOTE_COMMIT],
        .commits_count = count,
        .payloads = payloads,
    };
    bft_send(b, BFT_ALL, &m);
}

static void send_vote(struct bft *b, uint32_t to, const struct slot *s, enum vote_kind kind)
{
    const struct vote *v = &s->votes[kind][b->self];
    if (!v->held || v->view != b->view)
        return;
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote = (struct bft_vote){
        bft_statement_of(b, kind == VOTE_PREPARE ? BFT_TYPE_PREPARE : BFT_TYPE_COMMIT, v->view,
                         s->seq, &v->digest),
        (uint16_t)b->self, v->signature};
    bft_send(b, to, &m);
}

static void send_cert(struct bft *b, uint32_t to, const struct held_cert *c)
{
    struct bft_message m = {.tag = BFT_MESSAGE_CERT};
    m.cert = c->cert;
    bft_send(b, to, &m);
}

static bool lacks_quorum(const struct bft *b, const struct bft_bits *bits)
{
    struct bft_bitmap have;
    memcpy(have.bits, bits->bits, sizeof have.bits);
    return !bft_is_quorum(&b->set, &have);
}

static bool lacks_mine(const struct bft *b, const struct bft_bits *bits)
{
    return (bits->bits[b->self / 8] >> (b->self % 8) & 1) == 0;
}

/* One slot for one peer in our view: our own votes, and a certificate in place
 * of votes of others that may be gone. */
static void help_slot(struct bft *b, uint32_t from, struct slot *s, const struct bft_status *st,
                      uint32_t at)
{
    if (s->decided) {
        send_cert(b, from, &s->committed);
    } else if (st->view == b->view) {
        if (lacks_mine(b, &st->prepares[at]))
            send_vote(b, from, s, VOTE_PREPARE);
        if (lacks_mine(b, &st->commits[at]))
            send_vote(b, from, s, VOTE_COMMIT);
        if (s->prepared.held && s->prepared.cert.statement.view == b->view &&
            lacks_quorum(b, &st->prepares[at]))
            send_cert(b, from, &s->prepared);
    }
    bool mine = bft_leader(&b->set, b->view) == b->self;
    if (st->view == b->view && s->proposed && (st->payloads >> at & 1) == 0 &&
        (mine || s->decided || s->prepared.held))
        bft_send_propose(b, s, from);
}

static void help_slots(struct bft *b, uint32_t from, const struct bft_status *st)
{
    uint32_t count =
        st->prepares_count < st->commits_count ? st->prepares_count : st->commits_count;
    for (uint32_t at = 0; at < count; at++) {
        uint64_t seq = st->executed + 1 + at;
        struct slot *s = &b->slots[seq % BFT_WINDOW];
        if (seq > b->executed && bft_in_window(b, seq) && s->seq == seq)
            help_slot(b, from, s, st, at);
    }
}

/* A peer at a checkpoint that it cannot prove yet. */
static void help_checkpoint(struct bft *b, uint32_t from, const struct bft_status *st)
{
    struct bft_message m;
    if (st->stable < st->executed && st->executed == b->stable && bft_checkpoint_message(b, &m)) {
        bft_send(b, from, &m);
        return;
    }
    struct place *p = bft_place(b, st->executed);
    if (p == NULL || st->epoch != b->set.set.epoch || !p->votes[b->self].held)
        return;
    struct vote *v = &p->votes[b->self];
    m.tag = BFT_MESSAGE_VOTE;
    m.vote.statement = bft_statement_of(b, BFT_TYPE_CHECKPOINT, 0, p->seq, &v->digest);
    m.vote.statement.aux = v->aux;
    m.vote.signer = (uint16_t)b->self;
    m.vote.signature = v->signature;
    bft_send(b, from, &m);
}

/* Unsigned, so it can only cause sending, at a bounded rate. */
void bft_on_status(struct bft *b, uint32_t from, const struct bft_status *st)
{
    if (from >= b->set.count || from == b->self)
        return;
    struct peer *peer = &b->peers[from];
    peer->executed = st->executed;
    if (st->executed > b->executed)
        bft_fetch_decided(b, from);
    if (b->self == BFT_ALL || time_add(peer->answered_ms, b->config.status_ms / 4) > b->now_ms)
        return;
    peer->answered_ms = b->now_ms;
    help_checkpoint(b, from, st);
    if (st->epoch != b->set.set.epoch)
        return;
    if (st->view < b->view && st->pending_view <= b->view &&
        time_add(peer->new_view_ms, b->config.status_ms / 4) <= b->now_ms) {
        peer->new_view_ms = b->now_ms;
        bft_new_view_send(b, from);
    }
    if (b->target > b->view && st->pending_view < b->target)
        bft_view_change_send(b, from);
    help_slots(b, from, st);
}
