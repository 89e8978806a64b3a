/* What a faulty validator sends instead.  An equivocating leader: half of the others get another
 * proposal for the same slot, and a vote for it.  It signs with its own key only. */
#include "check.h"
#include "crypto/hash.h"
#include "net_msg.h"

void byzantine_message(struct sim_node *m, uint32_t to, const struct bft_message *message)
{
    struct arena *scratch = &m->sim->scratch;
    size_t size = BFT_BATCH_SIZE_MAX + 4096, mark = arena_mark(scratch);
    uint8_t *inner = arena_raw(scratch, size), *outer = arena_raw(scratch, size + 64);
    assert(inner != NULL && outer != NULL);
    struct net_frame f = {.tag = NET_FRAME_BFT,
                          .bft = {bft_message_encode(message, (struct room){inner, size})}};
    machine_frame(m, to, P2P_BFT, net_frame_encode(&f, (struct room){outer, size + 64}));
    arena_reset(scratch, mark);
}

void byzantine_sign(struct sim_node *m, const struct bft_statement *st, struct signature *out)
{
    uint8_t bytes[BFT_STATEMENT_SIZE];
    struct hash set = bft_valset_hash(ledger_valset(node_ledger(m->node)));
    bft_statement_bytes(st, &m->sim->network, &set, bytes);
    sim_sign(&m->key, span_of(bytes, sizeof bytes), out);
}

/* The same slot with nothing in it, and our PREPARE for that. */
static void propose_another(struct sim_node *m, uint32_t to, const struct bft_propose *p)
{
    struct bft_message message = {.tag = BFT_MESSAGE_PROPOSE, .propose = *p};
    struct bft_statement st = {.type = BFT_TYPE_PROPOSE,
                               .epoch = p->epoch,
                               .view = p->view,
                               .seq = p->seq,
                               .digest = bft_payload_digest((struct span){0})};
    message.propose.payload = (struct span){0};
    byzantine_sign(m, &st, &message.propose.signature);
    byzantine_message(m, to, &message);
    st.type = BFT_TYPE_PREPARE;
    message = (struct bft_message){.tag = BFT_MESSAGE_VOTE,
                                   .vote = {.statement = st, .signer = p->signer}};
    byzantine_sign(m, &st, &message.vote.signature);
    byzantine_message(m, to, &message);
}

bool byzantine_send(struct sim_node *m, uint32_t to, struct span frame)
{
    struct arena *scratch = &m->sim->scratch;
    struct net_frame f;
    struct bft_message message;
    bool sent = false;
    size_t mark = arena_mark(scratch);
    if (net_frame_decode(frame, scratch, &f) == ERR_OK && f.tag == NET_FRAME_BFT &&
        bft_message_decode(f.bft.message, scratch, &message) == ERR_OK &&
        message.tag == BFT_MESSAGE_PROPOSE) {
        if (m->sim->faults & SIM_LIES)
            sent = liar_propose(m, to, &message.propose);
        if (!sent && (m->sim->faults & SIM_EQUIVOCATE) && to % 2 == 1 &&
            message.propose.payload.len > 0) {
            propose_another(m, to, &message.propose);
            sent = prng_chance(&m->prng, 1, 2); /* Sometimes both. */
        }
    }
    arena_reset(scratch, mark);
    return sent;
}
