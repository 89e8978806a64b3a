#include "crypto/hash.h"
#include "epoch/epoch.h"

struct hash epoch_commitment(const struct attestation *a, const uint8_t salt[32],
                             const struct hotkey *validator)
{
    uint8_t bytes[ATTESTATION_SIZE_MAX + 32 + HOTKEY_SIZE];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    attestation_write(&w, a);
    wr_raw(&w, span_of(salt, 32));
    wr_raw(&w, hotkey_span(validator));
    return hash_tagged("PLTFCOMM", wr_done(&w));
}

static uint32_t count_bits(const uint8_t bits[BFT_BITMAP_SIZE])
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < BFT_BITMAP_SIZE; i++)
        n += (uint32_t)__builtin_popcount(bits[i]);
    return n;
}

bool epoch_window_is_open(const struct epoch_quorum *q, const uint8_t committed[BFT_BITMAP_SIZE],
                          uint64_t since, uint64_t slot, uint32_t reveal_after)
{
    if (!q->is(q->ctx, committed))
        return false;
    return count_bits(committed) == q->members || slot >= time_add(since, reveal_after);
}

bool epoch_agree(const struct attestation *a, const struct attestation *b)
{
    return a->outcome == b->outcome && a->score == b->score && hash_equal(&a->output, &b->output) &&
           hash_equal(&a->input, &b->input);
}

static bool same_run(const struct attestation *a, const struct attestation *b)
{
    return a->gas == b->gas && hash_equal(&a->engine, &b->engine) &&
           hash_equal(&a->transcript, &b->transcript);
}

/* Whose reveal stands for the group from first on: that of most.  What a liar adds
 * to a true result, such as its gas, is in no proof; the honest of a QUORUM are more
 * than the liars. */
static uint32_t spokesman(const struct epoch_reveal *reveals, uint32_t count, uint32_t first)
{
    uint32_t best = first, most = 0;
    for (uint32_t i = first; i < count; i++) {
        const struct attestation *a = reveals[i].attestation;
        uint32_t same = 0;
        if (!epoch_agree(reveals[first].attestation, a))
            continue;
        for (uint32_t j = first; j < count; j++) {
            const struct attestation *b = reveals[j].attestation;
            same += epoch_agree(a, b) && same_run(a, b);
        }
        if (same > most) {
            best = i;
            most = same;
        }
    }
    return best;
}

uint32_t epoch_join(const struct epoch_quorum *q, const struct epoch_reveal *reveals,
                    uint32_t count, uint8_t agreed[BFT_BITMAP_SIZE],
                    uint8_t differed[BFT_BITMAP_SIZE])
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t same[BFT_BITMAP_SIZE] = {0}, other[BFT_BITMAP_SIZE] = {0};
        for (uint32_t j = 0; j < count; j++) {
            uint32_t member = reveals[j].member;
            assert(member < VALIDATORS_MAX);
            bool agrees = epoch_agree(reveals[i].attestation, reveals[j].attestation);
            (agrees ? same : other)[member / 8] |= (uint8_t)(1u << (member % 8));
        }
        if (q->is(q->ctx, same)) {
            memcpy(agreed, same, sizeof same);
            memcpy(differed, other, sizeof other);
            return spokesman(reveals, count, i);
        }
    }
    return count;
}
