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
    b->sender = member ? ev->from : BFT_ALL;
    dispatch(b, b->sender, &m);
    b->sender = BFT_ALL;
}
