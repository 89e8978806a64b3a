#include "bft/core.h"

/* R10: for each slot above what is stable the digest certified in the highest
 * view (P5: any other choice can undo a decision), NULL where none is.  Pure:
 * the leader builds with it and every replica checks with it.  proved: the slot
 * of the K-cert that comes along. */
void bft_reproposals_compute(const struct bft_signed_core *cores, uint32_t count, uint64_t proved,
                             struct reproposals *out)
{
    *out = (struct reproposals){.low = proved};
    for (uint32_t i = 0; i < count; i++)
        out->low = max_u64(out->low, cores[i].core.stable);
    out->high = out->low;
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < cores[i].core.prepared_count; k++) {
            const struct bft_prepared *p = &cores[i].core.prepared[k];
            if (p->seq <= out->low)
                continue;
            uint64_t at = p->seq - out->low - 1;
            assert(at < BFT_WINDOW); /* entries lie within a window of their own h */
            out->high = max_u64(out->high, p->seq);
            if (out->claimed[at] && out->views[at] >= p->view)
                continue;
            out->claimed[at] = true;
            out->views[at] = p->view;
            out->items[at].digest = p->digest;
        }
    }
    out->count = (uint32_t)(out->high - out->low);
    for (uint32_t i = 0; i < out->count; i++)
        out->items[i].seq = out->low + 1 + i;
}
