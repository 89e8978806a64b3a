#include <stdlib.h>

#include "epoch/epoch.h"

static int by_hotkey(const void *a, const void *b)
{
    const struct epoch_neuron *x = a, *y = b;
    int order = memcmp(x->hotkey.bytes, y->hotkey.bytes, HOTKEY_SIZE);
    return order != 0 ? order : (x->uid > y->uid) - (x->uid < y->uid);
}

static int by_stake(const void *a, const void *b)
{
    const struct epoch_neuron *x = a, *y = b;
    if (x->stake.rao != y->stake.rao)
        return x->stake.rao > y->stake.rao ? -1 : 1;
    return by_hotkey(a, b);
}

/* A sorted copy in which every hotkey stands once. */
static struct epoch_neuron *sorted(const struct epoch_neuron *neurons, uint32_t count,
                                   struct arena *arena, uint32_t *left)
{
    struct epoch_neuron *all = arena_array(arena, (size_t)count + 1, sizeof *all);
    if (all == NULL)
        return NULL;
    if (count > 0)
        memcpy(all, neurons, count * sizeof *all);
    qsort(all, count, sizeof *all, by_hotkey);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || !hotkey_equal(&all[kept - 1].hotkey, &all[i].hotkey))
            all[kept++] = all[i];
    *left = kept;
    return all;
}

enum err epoch_members(const struct epoch_neuron *neurons, uint32_t count, struct stake minimum,
                       struct arena *arena, const struct valset_member **out, uint32_t *out_count)
{
    uint32_t left = 0, eligible = 0;
    struct epoch_neuron *all = sorted(neurons, count, arena, &left);
    struct valset_member *members = arena_array(arena, VALIDATORS_MAX, sizeof *members);
    if (all == NULL || members == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < left; i++)
        if (all[i].permit && all[i].stake.rao >= max_u64(minimum.rao, 1))
            all[eligible++] = all[i];
    qsort(all, eligible, sizeof *all, by_stake);
    uint32_t chosen = (uint32_t)min_u64(eligible, VALIDATORS_MAX);
    qsort(all, chosen, sizeof *all, by_hotkey);
    for (uint32_t i = 0; i < chosen; i++)
        members[i] = (struct valset_member){
            .hotkey = all[i].hotkey, .stake = all[i].stake.rao, .uid = all[i].uid};
    *out = members;
    *out_count = chosen;
    return ERR_OK;
}

enum err epoch_registered(const struct epoch_neuron *neurons, uint32_t count, struct arena *arena,
                          const struct neuron **out, uint32_t *out_count)
{
    uint32_t left = 0;
    struct epoch_neuron *all = sorted(neurons, count, arena, &left);
    if (all == NULL)
        return ERR_NO_MEMORY;
    if (left > NEURONS_MAX)
        return ERR_TOO_BIG;
    struct neuron *list = arena_array(arena, (size_t)left + 1, sizeof *list);
    if (list == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < left; i++)
        list[i] = (struct neuron){.hotkey = all[i].hotkey, .uid = all[i].uid};
    *out = list;
    *out_count = left;
    return ERR_OK;
}
