#include "bft/core.h"

#include "crypto/hash.h"

enum { STAKE_TOTAL_BITS = 61 };

struct hash bft_valset_hash(const struct valset *set)
{
    uint8_t room[VALSET_SIZE_MAX];
    struct span bytes = valset_encode(set, (struct room){room, sizeof room});
    assert(bytes.len != 0);
    return hash_tagged("PLTFVSET", bytes);
}

static bool well_formed(const struct valset *set, uint64_t *total)
{
    if (set->members_count < 1 || set->members_count > VALIDATORS_MAX)
        return false;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < set->members_count; i++) {
        const struct valset_member *m = &set->members[i];
        if (m->stake < 1 || !add_ok(sum, m->stake, &sum))
            return false;
        if (i > 0 && span_compare(hotkey_span(&m[-1].hotkey), hotkey_span(&m->hotkey)) >= 0)
            return false;
    }
    *total = sum;
    return sum <= (uint64_t)1 << STAKE_TOTAL_BITS;
}

/* Smooth weighted round robin: each view every member gains its stake and the
 * richest leads and pays the total.  Balances stay within -total .. total, so
 * 2^61 leaves room.  The finalized block's hash says where the round begins. */
static void schedule_fill(struct bft_set *s)
{
    int64_t balance[VALIDATORS_MAX] = {0};
    uint64_t start = 0;
    for (uint32_t i = 0; i < 8; i++)
        start |= (uint64_t)s->set.chain_hash.bytes[i] << (8 * i);
    start %= BFT_SCHEDULE;
    for (uint32_t v = 0; v < BFT_SCHEDULE; v++) {
        uint32_t lead = 0;
        for (uint32_t i = 0; i < s->count; i++) {
            balance[i] += (int64_t)s->set.members[i].stake;
            if (balance[i] > balance[lead])
                lead = i;
        }
        balance[lead] -= (int64_t)s->total;
        s->schedule[(v + BFT_SCHEDULE - start) % BFT_SCHEDULE] = (uint16_t)lead;
    }
}

/* Section 3 of docs/consensus.md: no product of stakes, so nothing overflows. */
enum err bft_set_init(struct bft_set *s, const struct valset *set)
{
    uint64_t total;
    if (!well_formed(set, &total))
        return ERR_MALFORMED;
    uint32_t n = set->members_count;
    uint32_t f = (n - 1) / 3;
    *s = (struct bft_set){
        .set = *set,
        .hash = bft_valset_hash(set),
        .total = total,
        .quorum_stake = 2 * (total / 3) + 2 * (total % 3) / 3 + 1,
        .weak_stake = total / 3 + 1,
        .count = n,
        .quorum_count = n - f,
        .weak_count = f + 1,
    };
    assert(s->quorum_stake <= total);
    schedule_fill(s);
    return ERR_OK;
}

uint32_t bft_leader(const struct bft_set *s, uint64_t view)
{
    return s->schedule[view % BFT_SCHEDULE];
}

uint32_t bft_member(const struct bft_set *s, const struct hotkey *key)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = span_compare(hotkey_span(&s->set.members[middle].hotkey), hotkey_span(key));
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return BFT_ALL;
}
