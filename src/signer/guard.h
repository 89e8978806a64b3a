/* guard: what has been signed, and so what may not be signed any more.
 *
 * Layer: L3, a part of signer; SIGNER-2 and SIGNER-3. */
#ifndef SIGNER_GUARD_H
#define SIGNER_GUARD_H

#include "base/map.h"
#include "signer/signer.h"

struct guard_place {
    bool used;
    struct bft_statement statement;
};

struct guard {
    bool any; /* epoch and valset mean something */
    uint64_t epoch;
    struct hash valset;
    struct guard_place *places; /* a ring, in the order of signing */
    struct map index;           /* type, view, seq -> place */
    uint64_t count;             /* ever, in this epoch */
    uint64_t vote_view, floor_view, floor_seq;
    struct guard_place last_change, last_new_view;
};

enum err guard_init(struct guard *g, struct arena *arena);

/* guard_judge: signed (*again: it was before), or why not. */
enum signer_verdict guard_judge(const struct guard *g, const struct bft_statement *st,
                                const struct hash *valset, bool *again);
/* After guard_judge allowed it, and it was not there. */
void guard_keep(struct guard *g, const struct bft_statement *st, const struct hash *valset);
/* From a journal. */
enum err guard_restore(struct guard *g, const struct signer_guard *record);
bool guard_record_at(const struct guard *g, uint32_t index, struct signer_guard *out);
struct signer_guard guard_record(const struct guard *g, const struct bft_statement *st);

#endif
