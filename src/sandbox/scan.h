/* scan: the bounded reader of WASM modules behind sandbox_inspect.
 *
 * Part of sandbox; seen in this folder only.  Pure.  It checks sizes, counts,
 * features and the types of imports and exports; types inside of bodies are
 * left to the engine's validator, which runs afterwards in the compiler's
 * process.  Non-minimal LEB128 numbers are accepted, as the standard has it. */
#ifndef SANDBOX_SCAN_H
#define SANDBOX_SCAN_H

#include "codec/rd.h"
#include "sandbox/verdict.h"

/* A function type, as far as host and exports need it: "ii>I". */
struct scan_type {
    uint8_t param_count;
    uint8_t result_count;
    char text[MODULE_PARAMS_MAX + MODULE_RESULTS_MAX + 2]; /* NUL-terminated */
};

struct scan {
    struct sandbox_verdict *verdict;
    struct sandbox_facts facts;
    struct scan_type *types;
    uint32_t type_count;
    uint16_t *functions; /* type of each, the imported ones first */
    uint32_t import_count;
    uint32_t function_count; /* with the imported ones */
    uint32_t body_count;
    bool has_memory;
    bool memory_exported;
    uint32_t evaluate; /* function index, or UINT32_MAX */
    uint32_t validate;
    uint32_t alloc;
    uint32_t allocate;
    uint32_t initialize;
    uint32_t imports_unknown;
    uint64_t custom_bytes;
    uint64_t locals_total;
    uint64_t blocks_total;
    uint64_t loop_locals_total;
    uint64_t call_indirect_total;
    uint64_t br_table_total;
};

/* LEB128 numbers; a number that does not fit makes the reader bad. */
uint32_t leb_u32(struct rd *r);
int64_t leb_s(struct rd *r, unsigned bits);

/* scan_ok: nothing was refused so far. */
static inline bool scan_ok(const struct scan *s)
{
    return s->verdict->outcome == OUTCOME_OK;
}

/* scan_refuse: the first refusal stays. */
void scan_refuse(struct scan *s, enum outcome outcome, const char *text);

/* scan_cap: refuses when n > max; whether all is well. */
bool scan_cap(struct scan *s, const char *label, uint64_t n, uint64_t max);

/* scan_body: the code of one defined function, of type t. */
void scan_body(struct scan *s, uint32_t function, const struct scan_type *t, struct span body);

#endif
