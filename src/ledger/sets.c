#include <stdlib.h>

#include "ledger/state.h"

bool ledger_is_member(const struct ledger *l, const struct hotkey *key)
{
    return bft_member(&l->now.quorum, key) != BFT_ALL;
}

bool ledger_is_owner(const struct ledger *l, const struct hotkey *key)
{
    return hotkey_equal(&l->now.quorum.set.owner, key);
}

bool ledger_is_registered(const struct ledger *l, const struct hotkey *key)
{
    struct table_key k = key_hotkey('U', key);
    return table_has(l, &k);
}

enum err ledger_set_keep(struct ledger_set *s, const struct valset *set)
{
    if (set->members_count == 0 || set->members_count > VALIDATORS_MAX)
        return ERR_MALFORMED;
    memcpy(s->members, set->members, set->members_count * sizeof s->members[0]);
    struct valset own = *set;
    own.members = s->members;
    return bft_set_init(&s->quorum, &own);
}

bool ledger_neurons_ok(const struct neuron *n, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++)
        if (memcmp(n[i - 1].hotkey.bytes, n[i].hotkey.bytes, HOTKEY_SIZE) >= 0)
            return false;
    return true;
}

static int by_hotkey(const void *key, const void *element)
{
    return memcmp(key, ((const struct neuron *)element)->hotkey.bytes, HOTKEY_SIZE);
}

void state_put_neurons(struct ledger *l, const struct neuron *n, uint32_t count)
{
    struct table_key all = key_of('U');
    struct span key, value;
    for (uint32_t i = 0; kv_at(l->kv, key_span(&all), i, &key, &value);) {
        if (count > 0 && bsearch(key.ptr + 1, n, count, sizeof *n, by_hotkey) != NULL)
            i++;
        else
            kv_del(l->kv, key);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bytes[STATE_NEURON_SIZE_MAX];
        const struct state_neuron s = {.uid = n[i].uid};
        struct table_key k = key_hotkey('U', &n[i].hotkey);
        table_put(l, &k, state_neuron_encode(&s, (struct room){bytes, sizeof bytes}));
    }
}
