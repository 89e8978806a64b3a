#include "epoch/epoch.h"
#include "ledger/state.h"

/* What WEIGHTS and SEAL have in common: a member's, in this epoch, once. */
static enum reject may_close(const struct turn *t, uint64_t epoch, bool done)
{
    if (!ledger_is_member(t->l, t->signer))
        return REJECT_NOT_VALIDATOR;
    if (epoch != t->l->meta.epoch)
        return REJECT_WRONG_EPOCH;
    return done ? REJECT_DUPLICATE : REJECT_NONE;
}

enum reject op_check_weights(struct turn *t, const struct op_weights *b)
{
    struct ledger *l = t->l;
    struct state_candidate c;
    enum reject why = may_close(t, b->epoch, l->has_weights);
    if (why != REJECT_NONE)
        return why;
    if (!state_get_candidate(l, &l->work, &c) || c.weights.epoch != b->epoch ||
        c.cutoff != b->cutoff)
        return REJECT_WRONG_MATRIX;
    struct hash matrix = epoch_weights_hash(&c.weights, &l->work);
    return hash_equal(&matrix, &b->matrix) ? REJECT_NONE : REJECT_WRONG_MATRIX;
}

void op_act_weights(struct turn *t, const struct op_weights *b)
{
    struct ledger *l = t->l;
    struct state_candidate c;
    bool there = state_get_candidate(l, &l->work, &c);
    assert(there);
    l->has_weights = true;
    state_put_epoch(l);
    struct room room = {work_alloc(l, WEIGHTS_SIZE_MAX), WEIGHTS_SIZE_MAX};
    struct table_key k = key_epoch('W', b->epoch);
    table_put(l, &k, weights_encode(&c.weights, room));
    const struct audit_body body = {.tag = AUDIT_BODY_WEIGHTS, .weights = {.weights = c.weights}};
    turn_entry(t, &body);
    turn_notice(t, LEDGER_WEIGHTS, &b->matrix);
}

enum reject op_check_seal(struct turn *t, const struct op_seal *b)
{
    struct ledger *l = t->l;
    struct state_candidate c;
    enum reject why = may_close(t, b->epoch, l->sealed);
    if (why != REJECT_NONE)
        return why;
    bool right = state_get_candidate(l, &l->work, &c) && c.log_size == b->log_size &&
                 hash_equal(&c.log_root, &b->log_root) &&
                 hash_equal(&l->now.quorum.hash, &b->valset);
    return right ? REJECT_NONE : REJECT_WRONG_SEAL;
}

void op_act_seal(struct turn *t, const struct op_seal *b)
{
    t->l->sealed = true;
    state_put_epoch(t->l);
    turn_notice(t, LEDGER_SEAL, &b->log_root);
}

/* What does not fit is found here, so that op_act_epoch cannot fail. */
static bool next_ok(struct ledger *l, const struct op_epoch *b)
{
    struct bft_set *set = work_alloc(l, sizeof *set);
    const struct valset *now = &l->now.quorum.set;
    return b->next.epoch == l->meta.epoch + 1 && b->next.chain_block > now->chain_block &&
           bft_set_init(set, &b->next) == ERR_OK && ledger_neurons_ok(b->neurons, b->neurons_count);
}

enum reject op_check_epoch(struct turn *t, const struct op_epoch *b)
{
    struct ledger *l = t->l;
    if (!ledger_is_member(l, t->signer))
        return REJECT_NOT_VALIDATOR;
    if (t->slot_known && (t->slot % BFT_CHECKPOINT_INTERVAL != 0 || !t->last))
        return REJECT_NOT_SEGMENT_END;
    if (!l->has_weights)
        return REJECT_WRONG_MATRIX;
    if (!l->sealed)
        return REJECT_WRONG_SEAL;
    return next_ok(l, b) ? REJECT_NONE : REJECT_WRONG_SET;
}

/* Entries that name an epoch, before the one given. */
static void drop_epochs_before(struct ledger *l, char table, uint64_t epoch)
{
    struct table_key all = key_of(table), end = key_epoch(table, epoch);
    struct span key, value;
    while (kv_at(l->kv, key_span(&all), 0, &key, &value) &&
           memcmp(key.ptr, end.bytes, end.size) < 0)
        kv_del(l->kv, key);
}

/* A window of nonces may go when the epochs in which its operations were valid
 * are over and its owner has no part any more (LEDGER-3). */
static void replays_new_epoch(struct ledger *l)
{
    struct table_key all = key_of('N');
    struct span key, value;
    for (uint32_t i = 0; kv_at(l->kv, key_span(&all), i, &key, &value);) {
        struct state_replay r;
        struct hotkey signer;
        enum err e = state_replay_decode(value, NULL, &r);
        assert(e == ERR_OK);
        memcpy(signer.bytes, key.ptr + 1, HOTKEY_SIZE);
        bool has_part = ledger_is_registered(l, &signer) || ledger_is_member(l, &signer) ||
                        ledger_is_owner(l, &signer);
        if (!has_part && r.epoch + 2 <= l->meta.epoch)
            kv_del(l->kv, key);
        else
            i++;
    }
}

void op_act_epoch(struct turn *t, const struct op_epoch *b)
{
    struct ledger *l = t->l;
    enum err e = ledger_set_keep(&l->before, &l->now.quorum.set);
    assert(e == ERR_OK);
    e = ledger_set_keep(&l->now, &b->next);
    assert(e == ERR_OK);
    l->has_before = true;
    l->meta.epoch = b->next.epoch;
    l->has_weights = l->sealed = false;
    state_put_epoch(l);
    state_put_neurons(l, b->neurons, b->neurons_count);
    drop_epochs_before(l, 'E', l->meta.epoch - 1);
    drop_epochs_before(l, 'X', l->meta.epoch - 1);
    if (l->meta.epoch >= KEPT_EPOCHS)
        drop_epochs_before(l, 'W', l->meta.epoch - KEPT_EPOCHS);
    ledger_leaders_new_epoch(l);
    ledger_submissions_new_epoch(t);
    ledger_challenges_new_epoch(t);
    replays_new_epoch(l);
    turn_notice(t, LEDGER_EPOCH, &l->now.quorum.hash);
    t->out->next = &l->now.quorum.set;
}
