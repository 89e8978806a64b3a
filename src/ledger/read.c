#include "ledger/ledger.h"

#include "ledger/state.h"

uint64_t ledger_epoch(const struct ledger *l)
{
    return l->meta.epoch;
}

uint64_t ledger_slot(const struct ledger *l)
{
    return l->meta.slot;
}

const struct valset *ledger_valset(const struct ledger *l)
{
    return &l->now.quorum.set;
}

/* The set is the ledger's own; scratch is not needed any more. */
bool ledger_epoch_state(const struct ledger *l, struct arena *scratch, struct state_epoch *out)
{
    (void)scratch;
    if (!l->begun)
        return false;
    *out = (struct state_epoch){.epoch = l->meta.epoch,
                                .weights = l->has_weights,
                                .sealed = l->sealed,
                                .valset = l->now.quorum.set};
    return true;
}

bool ledger_has_approved(const struct ledger *l, const struct hash *challenge,
                         const struct hotkey *validator)
{
    static_assert(sizeof(struct challenge_storage_entry) * CHALLENGE_STORAGE_MAX < 8192);
    _Alignas(ARENA_ALIGN) uint8_t memory[8192 + 2 * VALIDATORS_MAX * HOTKEY_SIZE];
    struct arena arena;
    struct state_challenge c;
    arena_init(&arena, (struct room){memory, sizeof memory});
    if (!state_get_challenge(l, challenge, &arena, &c))
        return false;
    for (uint32_t i = 0; i < c.approvals_count; i++)
        if (hotkey_equal(&c.approvals[i], validator))
            return true;
    return false;
}

bool ledger_challenge(const struct ledger *l, const struct hash *id, struct arena *scratch,
                      struct state_challenge *out)
{
    return state_get_challenge(l, id, scratch, out);
}

bool ledger_submission(const struct ledger *l, const struct hash *id, struct arena *scratch,
                       struct state_submission *out)
{
    struct state_submission s;
    if (!state_get_submission(l, id, scratch, &s) ||
        !state_get_attests(l, id, scratch, &s.attests, &s.attests_count))
        return false;
    *out = s;
    return true;
}

bool ledger_fate(const struct ledger *l, const struct hash *op, enum reject *reject, uint64_t *seq)
{
    uint32_t at = map_get(&l->fate_index, op);
    if (at == MAP_NONE)
        return false;
    *reject = l->fates[at].reject;
    *seq = l->fates[at].slot;
    return true;
}

uint64_t ledger_next_nonce(const struct ledger *l, const struct hotkey *signer)
{
    struct state_replay r = {0};
    (void)state_get_replay(l, signer, &r);
    return time_add(r.highest, 1);
}

bool ledger_candidate(const struct ledger *l, struct arena *scratch, struct state_candidate *out)
{
    return state_get_candidate(l, scratch, out);
}

bool ledger_weights(const struct ledger *l, uint64_t epoch, struct arena *scratch,
                    struct weights *out)
{
    struct table_key k = key_epoch('W', epoch);
    struct span value;
    return kv_get(l->kv, key_span(&k), &value) && weights_decode(value, scratch, out) == ERR_OK;
}

bool ledger_neuron(const struct ledger *l, const struct hotkey *key, uint16_t *uid)
{
    struct table_key k = key_hotkey('U', key);
    struct span value;
    struct state_neuron n;
    if (!kv_get(l->kv, key_span(&k), &value))
        return false;
    enum err e = state_neuron_decode(value, NULL, &n);
    assert(e == ERR_OK);
    *uid = n.uid;
    return true;
}

/* The last 32 bytes of the key at index in a table. */
static bool id_at(const struct ledger *l, char table, uint32_t index, struct hash *id)
{
    struct table_key all = key_of(table);
    struct span key, value;
    if (!kv_at(l->kv, key_span(&all), index, &key, &value))
        return false;
    assert(key.len > HASH_SIZE);
    memcpy(id->bytes, key.ptr + key.len - HASH_SIZE, HASH_SIZE);
    return true;
}

bool ledger_challenge_at(const struct ledger *l, uint32_t index, struct hash *id)
{
    return id_at(l, 'C', index, id);
}

bool ledger_submission_at(const struct ledger *l, uint32_t index, struct hash *id)
{
    return id_at(l, 'S', index, id);
}

bool ledger_open_submission_at(const struct ledger *l, uint32_t index, struct hash *id)
{
    return id_at(l, 'D', index, id);
}

bool ledger_wants_slots(const struct ledger *l)
{
    struct table_key all = key_of('T');
    return kv_count(l->kv, key_span(&all)) > 0;
}

bool ledger_leader_at(const struct ledger *l, const struct hash *challenge, uint32_t index,
                      struct state_leader *out)
{
    struct table_key all = key_hash('R', challenge);
    struct span key, value;
    struct hotkey miner;
    if (!kv_at(l->kv, key_span(&all), index, &key, &value))
        return false;
    memcpy(miner.bytes, key.ptr + key.len - HOTKEY_SIZE, HOTKEY_SIZE);
    return state_get_leader(l, challenge, &miner, out);
}
