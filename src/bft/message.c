#include "bft/core.h"

static void dispatch(struct bft *b, uint32_t from, const struct bft_message *m)
{
    switch (m->tag) {
    case BFT_MESSAGE_VOTE:
        bft_on_vote(b, &m->vote);
        break;
    case BFT_MESSAGE_PROPOSE:
        bft_on_propose(b, &m->propose);
        break;
    case BFT_MESSAGE_VIEW_CHANGE:
        bft_on_view_change(b, &m->view_change);
        break;
    case BFT_MESSAGE_NEW_VIEW:
        bft_on_new_view(b, &m->new_view);
        break;
    case BFT_MESSAGE_STATUS:
        bft_on_status(b, from, &m->status);
        break;
    case BFT_MESSAGE_FETCH:
        bft_on_fetch(b, from, &m->fetch);
        break;
    case BFT_MESSAGE_PAYLOAD:
        bft_on_payload(b, &m->payload);
        break;
    case BFT_MESSAGE_DECIDED:
        bft_on_decided(b, &m->decided);
        break;
    case BFT_MESSAGE_CHECKPOINT:
        bft_on_checkpoint(b, &m->checkpoint);
        break;
    case BFT_MESSAGE_CERT:
        bft_on_cert(b, &m->cert);
        break;
    }
}

/* What a message is about; a zero fits everywhere. */
struct about {
    uint64_t epoch, seq;
    uint16_t signer;
    bool has_epoch;
};

static struct about about_of(const struct bft_message *m)
{
    switch (m->tag) {
    case BFT_MESSAGE_VOTE:
        return (struct about){m->vote.statement.epoch, m->vote.statement.seq, m->vote.signer, true};
    case BFT_MESSAGE_PROPOSE:
        return (struct about){m->propose.epoch, m->propose.seq, m->propose.signer, true};
    case BFT_MESSAGE_VIEW_CHANGE:
        return (struct about){m->view_change.core.epoch, 0, m->view_change.signer, true};
    case BFT_MESSAGE_NEW_VIEW:
        return (struct about){m->new_view.body.epoch, 0, m->new_view.signer, true};
    case BFT_MESSAGE_DECIDED:
        return (struct about){m->decided.cert.statement.epoch, m->decided.seq, 0, true};
    case BFT_MESSAGE_CHECKPOINT:
        return (struct about){m->checkpoint.cert.statement.epoch, 0, 0, true};
    case BFT_MESSAGE_CERT:
        return (struct about){m->cert.statement.epoch, m->cert.statement.seq, 0, true};
    case BFT_MESSAGE_STATUS:
    case BFT_MESSAGE_FETCH:
    case BFT_MESSAGE_PAYLOAD:
        break;
    }
    return (struct about){0};
}

/* Each of these is passed over below, and some come by delay: they are counted so
 * that a flood of them shows. */
static void count_out_of_place(struct bft *b, const struct bft_message *m)
{
    struct about a = about_of(m);
    if (a.has_epoch && a.epoch != b->set.set.epoch)
        b->other_epoch++;
    else if (a.signer >= b->set.count)
        b->no_member++;
    else if (a.seq > time_add(b->stable, BFT_WINDOW))
        b->past_window++;
}

/* R20: a member that sent too many bad signatures in this status period is not
 * listened to until the next. */
void bft_on_message(struct bft *b, const struct bft_event *ev)
{
    bool member = ev->from < b->set.count;
    if (member && b->peers[ev->from].strikes >= BFT_STRIKES_MAX)
        return;
    struct bft_message m;
    if (bft_message_decode(ev->bytes, &b->decode, &m) != ERR_OK) {
        b->malformed++;
        if (member)
            b->peers[ev->from].strikes++;
        return;
    }
    if (member) {
        b->peers[ev->from].heard = true;
        b->peers[ev->from].heard_ms = b->now_ms;
    }
    count_out_of_place(b, &m);
    b->sender = member ? ev->from : BFT_ALL;
    dispatch(b, b->sender, &m);
    b->sender = BFT_ALL;
}
