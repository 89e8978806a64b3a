#include "bft/core.h"

#include "ledger_msg.h"

/* R19: both signatures are checked.  One report per member and epoch; the pair
 * stands in one order whoever reports it. */
void bft_report(struct bft *b, uint32_t signer, const struct bft_statement *first,
                const struct signature *first_sig, const struct bft_statement *second,
                const struct signature *second_sig)
{
    assert(first->type == second->type && first->view == second->view);
    assert(first->seq == second->seq && !hash_equal(&first->digest, &second->digest));
    if (bitmap_has(&b->convicted, signer) || b->replaying)
        return;
    bool swap = span_compare(hash_span(&first->digest), hash_span(&second->digest)) > 0;
    struct op_evidence e = {
        .epoch = b->set.set.epoch,
        .signer = (uint16_t)signer,
        .first = swap ? *second : *first,
        .first_sig = swap ? *second_sig : *first_sig,
        .second = swap ? *first : *second,
        .second_sig = swap ? *first_sig : *second_sig,
    };
    struct span bytes = op_evidence_encode(&e, bft_out_rest(b));
    if (bytes.len == 0 || b->fx->count >= BFT_EFFECTS_MAX * 3 / 4)
        return; /* it will sign twice again */
    bitmap_add(&b->convicted, signer);
    b->evidence++;
    bft_effect(b, BFT_FX_EVIDENCE)->bytes = bft_out_take(b, bytes);
    struct trace_event *t = trace_add(&b->trace, TRACE_WARN, "bft.equivocation");
    trace_hotkey(t, "hotkey", &b->set.set.members[signer].hotkey);
    trace_word(t, "type", bft_type_name(first->type));
}
