/* A leader that proposes what nobody may vote for: no batch at all, one with a
 * forged operation, another matrix, seal or set than everybody computes, or a
 * batch in a slot that is not next.  All get the same lie, properly signed; what
 * is bad about it is known here, so that a vote for it convicts the voter. */
#include "check.h"
#include "crypto/hash.h"
#include "epoch/epoch.h"
#include "net_msg.h"

enum lie {
    LIE_NONE, /* every other proposal, so that it also leads */
    LIE_GARBAGE,
    LIE_TRUNCATED,
    LIE_FORGED,
    LIE_WEIGHTS,
    LIE_SEAL,
    LIE_EPOCH,
    LIE_SLOT,
    LIES,
};

static enum lie lie_of(const struct sim_node *m, const struct bft_propose *p)
{
    uint64_t place[4] = {m->sim->config.seed, p->epoch, p->view, p->seq};
    struct hash h =
        hash_tagged("SIMALIES", span_of((const uint8_t *)(const void *)place, sizeof place));
    if (p->seq % BFT_CHECKPOINT_INTERVAL == 0 && h.bytes[2] % 2 == 0)
        return LIE_EPOCH; /* The only place for it; all will look at the chain. */
    static const enum lie kinds[] = {LIE_GARBAGE, LIE_TRUNCATED, LIE_FORGED,
                                     LIE_WEIGHTS, LIE_WEIGHTS,   LIE_SEAL,
                                     LIE_SEAL,    LIE_EPOCH,     LIE_SLOT};
    return h.bytes[0] % 2 == 0 ? LIE_NONE : kinds[h.bytes[1] % COUNT_OF(kinds)];
}

/* One operation of the leader's own, as the only one of a batch. */
static struct span batch_of(struct sim_node *m, const struct bft_propose *p,
                            const struct op_body *body)
{
    struct sim *s = m->sim;
    struct op op = {.content = {.network = s->network,
                                .epoch = p->epoch,
                                .nonce = s->now_us,
                                .signer = m->key,
                                .body = *body}};
    size_t size = BFT_BATCH_SIZE_MAX;
    struct room room = {arena_raw(&s->scratch, size), size};
    struct span bytes;
    op_signing_bytes(&op.content, room, &bytes);
    sim_sign(&m->key, bytes, &op.signature);
    struct op_bytes one = {op_encode(&op, room)};
    struct batch batch = {.ops = &one, .ops_count = 1};
    struct room out = {arena_raw(&s->scratch, size), size};
    return batch_encode(&batch, out);
}

/* Only where all who are as far must see it: in the next slot, while the epoch
 * has none yet. */
static struct span closing_lie(struct sim_node *m, const struct bft_propose *p, enum lie lie)
{
    struct arena *scratch = &m->sim->scratch;
    const struct ledger *l = node_ledger(m->node);
    struct state_epoch epoch;
    struct state_candidate c;
    struct op_body body;
    if (p->seq != ledger_slot(l) + 1 || !ledger_epoch_state(l, scratch, &epoch) ||
        !ledger_candidate(l, scratch, &c))
        return (struct span){0};
    if (lie == LIE_WEIGHTS && !epoch.weights) {
        body = (struct op_body){
            .tag = OP_BODY_WEIGHTS,
            .weights = {epoch.epoch, c.cutoff, epoch_weights_hash(&c.weights, scratch)}};
        body.weights.matrix.bytes[p->seq % HASH_SIZE] ^= 1;
    } else if (lie == LIE_SEAL && !epoch.sealed) {
        body = (struct op_body){
            .tag = OP_BODY_SEAL,
            .seal = {epoch.epoch, c.log_size, c.log_root, bft_valset_hash(&epoch.valset)}};
        if (p->seq % 2 == 0)
            body.seal.log_root.bytes[p->seq % HASH_SIZE] ^= 1;
        else
            body.seal.log_size--;
    } else if (lie == LIE_EPOCH) {
        body = (struct op_body){.tag = OP_BODY_EPOCH, .epoch = {.next = epoch.valset}};
        body.epoch.next.epoch++;
        body.epoch.next.chain_block++;
        for (uint32_t i = 0; i < epoch.valset.members_count; i++) /* The set of one: the liar. */
            if (hotkey_equal(&epoch.valset.members[i].hotkey, &m->key)) {
                body.epoch.next.members = &epoch.valset.members[i];
                body.epoch.next.members_count = 1;
            }
    } else {
        return (struct span){0};
    }
    return batch_of(m, p, &body);
}

static struct span payload_of(struct sim_node *m, const struct bft_propose *p, enum lie lie)
{
    struct arena *scratch = &m->sim->scratch;
    struct span copy = arena_copy(scratch, p->payload);
    uint8_t *bytes = (uint8_t *)(uintptr_t)copy.ptr;
    switch (lie) {
    case LIE_GARBAGE:
        return SPAN_LITERAL("\xff\xff\xff\x7fnot a batch");
    case LIE_TRUNCATED:
        return copy.len > 0 ? span_of(copy.ptr, copy.len - 1) : (struct span){0};
    case LIE_FORGED: /* An operation ends with its signature. */
        if (copy.len > 0)
            bytes[copy.len - 1] ^= 1;
        return copy;
    case LIE_WEIGHTS:
    case LIE_SEAL:
    case LIE_EPOCH:
        return closing_lie(m, p, lie);
    case LIE_SLOT:
        return copy;
    case LIE_NONE:
    case LIES:
        break;
    }
    return (struct span){0};
}

static void remember(struct sim *s, const struct hash *digest)
{
    if (!liar_said(s, digest))
        s->lies[s->lie_count++ % SIM_LIES_MAX] = *digest;
}

bool liar_said(const struct sim *s, const struct hash *digest)
{
    for (uint32_t i = 0; i < min_u64(s->lie_count, SIM_LIES_MAX); i++)
        if (hash_equal(&s->lies[i], digest))
            return true;
    return false;
}

bool liar_propose(struct sim_node *m, uint32_t to, const struct bft_propose *p)
{
    struct sim *s = m->sim;
    enum lie lie = lie_of(m, p);
    struct span payload = payload_of(m, p, lie);
    if (payload.len == 0)
        return false;
    struct bft_statement st = {.type = BFT_TYPE_PROPOSE,
                               .epoch = p->epoch,
                               .view = p->view,
                               .seq = p->seq,
                               .digest = bft_payload_digest(payload)};
    if (lie == LIE_SLOT)
        st.seq += 2 * BFT_WINDOW;
    else
        remember(s, &st.digest);
    s->result->lies++;
    struct bft_message message = {.tag = BFT_MESSAGE_PROPOSE, .propose = *p};
    message.propose.seq = st.seq;
    message.propose.payload = payload;
    byzantine_sign(m, &st, &message.propose.signature);
    byzantine_message(m, to, &message);
    return true;
}
