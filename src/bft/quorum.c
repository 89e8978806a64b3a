#include "bft/core.h"

uint32_t bft_bitmap_count(const struct bft_bitmap *b)
{
    uint32_t count = 0;
    for (size_t i = 0; i < sizeof b->bits; i++)
        count += (uint32_t)__builtin_popcount(b->bits[i]);
    return count;
}

/* Stake of the members whose bit is set; false when a bit has no member,
 * which no threshold may accept. */
static bool weigh(const struct bft_set *s, const struct bft_bitmap *b, uint64_t *stake)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++) {
        if (!bitmap_has(b, i))
            continue;
        if (i >= s->count)
            return false;
        sum += s->set.members[i].stake; /* at most total, which is at most 2^61 */
    }
    *stake = sum;
    return true;
}

bool bft_is_quorum(const struct bft_set *s, const struct bft_bitmap *b)
{
    uint64_t stake;
    return bft_bitmap_count(b) >= s->quorum_count && weigh(s, b, &stake) &&
           stake >= s->quorum_stake;
}

bool bft_is_weak(const struct bft_set *s, const struct bft_bitmap *b)
{
    uint64_t stake;
    return bft_bitmap_count(b) >= s->weak_count && weigh(s, b, &stake) && stake >= s->weak_stake;
}
