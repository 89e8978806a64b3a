#include "ledger/state.h"
#include "registry/registry.h"

static uint32_t challenge_count(const struct ledger *l)
{
    struct table_key all = key_of('C');
    return kv_count(l->kv, key_span(&all));
}

enum reject op_check_register(struct turn *t, const struct op_challenge_register *b)
{
    if (!ledger_is_owner(t->l, t->signer))
        return REJECT_NOT_OWNER;
    if (!registry_body_ok(b))
        return REJECT_MALFORMED;
    struct hash id = registry_challenge_id(b, &t->l->work);
    struct table_key k = key_hash('C', &id);
    if (table_has(t->l, &k))
        return REJECT_DUPLICATE;
    return challenge_count(t->l) < CHALLENGES_MAX && turn_has_room(t) ? REJECT_NONE : REJECT_LIMIT;
}

void op_act_register(struct turn *t, const struct op_challenge_register *b)
{
    struct state_challenge c;
    struct hash id = registry_challenge_id(b, &t->l->work);
    registry_register(b, &id, t->signer, t->slot, t->l->meta.epoch, &c);
    state_put_challenge(t->l, &c);
    turn_notice(t, LEDGER_CHALLENGE, &id);
}

static enum reject find_challenge(struct turn *t, const struct hash *id, struct state_challenge *c)
{
    return state_get_challenge(t->l, id, &t->l->work, c) ? REJECT_NONE : REJECT_UNKNOWN_CHALLENGE;
}

enum reject op_check_approve(struct turn *t, const struct op_challenge_approve *b)
{
    struct state_challenge c;
    if (!ledger_is_member(t->l, t->signer))
        return REJECT_NOT_VALIDATOR;
    enum reject why = find_challenge(t, &b->challenge, &c);
    if (why == REJECT_NONE)
        why = registry_approve(&c, t->signer, &t->l->work);
    return why == REJECT_NONE && !turn_has_room(t) ? REJECT_LIMIT : why;
}

/* Whether c was approved just now, under the set of the day. */
static bool settle(struct turn *t, struct state_challenge *c)
{
    struct bft_bitmap bits;
    registry_approvals(c, &t->l->now.quorum.set, bits.bits);
    return registry_settle(c, bft_is_quorum(&t->l->now.quorum, &bits), t->l->meta.epoch);
}

void op_act_approve(struct turn *t, const struct op_challenge_approve *b)
{
    struct state_challenge c;
    enum reject why = find_challenge(t, &b->challenge, &c);
    if (why == REJECT_NONE)
        why = registry_approve(&c, t->signer, &t->l->work);
    assert(why == REJECT_NONE);
    bool approved = settle(t, &c);
    state_put_challenge(t->l, &c);
    if (approved)
        turn_notice(t, LEDGER_CHALLENGE, &c.id);
}

/* Shares of active challenges, which may not be more than all weights. */
static uint64_t active_share(struct turn *t)
{
    struct table_key all = key_of('C');
    struct span key, value;
    uint64_t sum = 0;
    for (uint32_t i = 0; kv_at(t->l->kv, key_span(&all), i, &key, &value); i++) {
        struct state_challenge c;
        size_t mark = arena_mark(&t->l->work);
        enum err e = state_challenge_decode(value, &t->l->work, &c);
        assert(e == ERR_OK);
        if (c.phase == CHALLENGE_PHASE_ACTIVE)
            sum += c.body.share;
        arena_reset(&t->l->work, mark);
    }
    return sum;
}

enum reject op_check_activate(struct turn *t, const struct op_challenge_activate *b)
{
    struct state_challenge c;
    if (!ledger_is_owner(t->l, t->signer))
        return REJECT_NOT_OWNER;
    enum reject why = find_challenge(t, &b->challenge, &c);
    if (why == REJECT_NONE)
        why = registry_activate(&c, b->height, t->slot, t->l->meta.epoch);
    if (why == REJECT_NONE && active_share(t) + c.body.share > REGISTRY_SHARE_ONE)
        why = REJECT_LIMIT;
    return why;
}

void op_act_activate(struct turn *t, const struct op_challenge_activate *b)
{
    struct state_challenge c;
    enum reject why = find_challenge(t, &b->challenge, &c);
    if (why == REJECT_NONE)
        why = registry_activate(&c, b->height, t->slot, t->l->meta.epoch);
    assert(why == REJECT_NONE);
    state_put_challenge(t->l, &c);
    turn_notice(t, LEDGER_CHALLENGE, &c.id);
}

enum reject op_check_retire(struct turn *t, const struct op_challenge_retire *b)
{
    struct state_challenge c;
    if (!ledger_is_owner(t->l, t->signer))
        return REJECT_NOT_OWNER;
    enum reject why = find_challenge(t, &b->challenge, &c);
    return why == REJECT_NONE ? registry_retire(&c, t->slot, t->l->meta.epoch) : why;
}

void op_act_retire(struct turn *t, const struct op_challenge_retire *b)
{
    struct state_challenge c;
    enum reject why = find_challenge(t, &b->challenge, &c);
    if (why == REJECT_NONE)
        why = registry_retire(&c, t->slot, t->l->meta.epoch);
    assert(why == REJECT_NONE);
    state_put_challenge(t->l, &c);
    turn_notice(t, LEDGER_CHALLENGE, &c.id);
}

/* Approvals given before may be a QUORUM of the new set; a challenge retired
 * long ago is forgotten together with its table of leaders. */
void ledger_challenges_new_epoch(struct turn *t)
{
    struct ledger *l = t->l;
    struct table_key all = key_of('C');
    struct span key, value;
    for (uint32_t i = 0; kv_at(l->kv, key_span(&all), i, &key, &value);) {
        struct state_challenge c;
        size_t mark = arena_mark(&l->work);
        enum err e = state_challenge_decode(value, &l->work, &c);
        assert(e == ERR_OK);
        if (c.phase == CHALLENGE_PHASE_RETIRED && c.epoch + KEPT_EPOCHS < l->meta.epoch) {
            ledger_leaders_forget(l, &c.id);
            kv_del(l->kv, key);
        } else {
            i++;
            if (settle(t, &c)) {
                state_put_challenge(l, &c);
                turn_notice(t, LEDGER_CHALLENGE, &c.id);
            }
        }
        arena_reset(&l->work, mark);
    }
}
