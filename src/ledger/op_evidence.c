#include "ledger/state.h"

static struct table_key key_evidence(uint64_t epoch, const struct hotkey *offender)
{
    struct table_key k = key_epoch('X', epoch);
    key_add(&k, hotkey_span(offender));
    return k;
}

/* The set that the statements were made under; the last two are known. */
static const struct bft_set *set_of(const struct ledger *l, uint64_t epoch)
{
    if (epoch == l->meta.epoch)
        return &l->now.quorum;
    if (l->has_before && epoch == l->before.quorum.set.epoch)
        return &l->before.quorum;
    return NULL;
}

static bool is_contradiction(const struct op_evidence *b)
{
    const struct bft_statement *x = &b->first, *y = &b->second;
    bool same_place = x->type == y->type && x->view == y->view && x->seq == y->seq &&
                      x->epoch == b->epoch && y->epoch == b->epoch;
    bool differ = !hash_equal(&x->digest, &y->digest) || !hash_equal(&x->aux, &y->aux);
    switch (x->type) {
    case BFT_TYPE_PROPOSE:
    case BFT_TYPE_PREPARE:
    case BFT_TYPE_COMMIT:
    case BFT_TYPE_CHECKPOINT:
    case BFT_TYPE_VIEW_CHANGE:
    case BFT_TYPE_NEW_VIEW:
        return same_place && differ;
    case BFT_TYPE_READY:
    case BFT_TYPE_KEYBIND:
        return false;
    }
    return false;
}

static bool is_signed(const struct ledger *l, const struct bft_set *set, uint32_t member,
                      const struct bft_statement *st, const struct signature *sig)
{
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(st, &l->config.network, &set->hash, bytes);
    return verifier_check(&l->config.verifier, &set->set.members[member].hotkey,
                          span_of(bytes, sizeof bytes), sig);
}

enum reject op_check_evidence(struct turn *t, const struct op_evidence *b)
{
    const struct ledger *l = t->l;
    if (!ledger_is_member(l, t->signer))
        return REJECT_NOT_VALIDATOR;
    const struct bft_set *set = set_of(l, b->epoch);
    if (set == NULL)
        return REJECT_TOO_LATE;
    if (b->signer >= set->count || !is_contradiction(b))
        return REJECT_BAD_EVIDENCE;
    struct table_key k = key_evidence(b->epoch, &set->set.members[b->signer].hotkey);
    if (table_has(l, &k))
        return REJECT_DUPLICATE;
    bool right = is_signed(l, set, b->signer, &b->first, &b->first_sig) &&
                 is_signed(l, set, b->signer, &b->second, &b->second_sig);
    return right ? REJECT_NONE : REJECT_BAD_EVIDENCE;
}

void op_act_evidence(struct turn *t, const struct op_evidence *b)
{
    struct ledger *l = t->l;
    const struct bft_set *set = set_of(l, b->epoch);
    assert(set != NULL);
    const struct state_evidence e = {
        .slot = t->slot, .offender = set->set.members[b->signer].hotkey, .op = t->id};
    uint8_t bytes[STATE_EVIDENCE_SIZE_MAX];
    struct table_key k = key_evidence(b->epoch, &e.offender);
    table_put(l, &k, state_evidence_encode(&e, (struct room){bytes, sizeof bytes}));
    turn_notice(t, LEDGER_EVIDENCE, &t->id);
}
