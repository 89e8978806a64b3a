/* verdict: writing the sentence that goes with an outcome.
 *
 * Part of sandbox; seen in this folder only.  Pure.  A sentence is cut at
 * SANDBOX_DETAIL_MAX, and any byte of a guest that is not printable ASCII
 * becomes '?', so that a module's names cannot disturb a terminal or a log. */
#ifndef SANDBOX_VERDICT_H
#define SANDBOX_VERDICT_H

#include "sandbox/sandbox.h"

void verdict_add(struct sandbox_verdict *v, struct span text);
void verdict_text(struct sandbox_verdict *v, const char *text);
void verdict_number(struct sandbox_verdict *v, uint64_t n);

/* verdict_set: the outcome and the start of its sentence. */
void verdict_set(struct sandbox_verdict *v, enum outcome outcome, const char *text);

/* verdict_cap: "LABEL is N; the cap is MAX". */
void verdict_cap(struct sandbox_verdict *v, enum outcome outcome, const char *label, uint64_t n,
                 uint64_t max);

static inline struct span verdict_span(const struct sandbox_verdict *v)
{
    return span_of(v->detail, v->detail_size);
}

#endif
