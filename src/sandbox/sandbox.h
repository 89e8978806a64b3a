/* sandbox: what a challenge module may be, may import and may use, and one call
 * of it under a policy.
 *
 * Layer: L2.  Two halves.
 *   - Pure, for everyone: the static inspection of a module, the table of host
 *     functions, the identity of the engine.  No engine is linked for these.
 *   - engine.h, for platform-worker and the benchmarks only: compile and run.
 *
 * Between the node and the worker travel sandbox_job and sandbox_answer
 * (spec/sandbox.msg), each behind a u32 length.
 *
 *   SANDBOX-1  A failure is an outcome (enum outcome), never a score: score is
 *              0 unless the outcome is OUTCOME_OK.
 *   SANDBOX-2  Every outcome but OUTCOME_INFRA is a function of module, policy,
 *              input, params, context and storage, under one engine id: every
 *              validator sees the same, with the same gas and transcript.
 *   SANDBOX-3  No byte of guest memory is read or written before pointer and
 *              length, added in 64 bits, are known to lie inside it.
 *   SANDBOX-4  A module reaches the engine only after sandbox_inspect said ok,
 *              and native code only after a compiler in its own process. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/arena.h"
#include "sandbox_msg.h"

/* The static caps: part of the rules of the network, not of a policy.  They
 * bound what the compiler can be made to do. */
enum {
    MODULE_BYTES_MAX = 1 << 20,
    MODULE_CUSTOM_BYTES_MAX = 256 << 10,
    MODULE_TYPES_MAX = 1024,
    MODULE_PARAMS_MAX = 32,
    MODULE_RESULTS_MAX = 8,
    MODULE_IMPORTS_MAX = 128,
    MODULE_FUNCTIONS_MAX = 4096,
    MODULE_GLOBALS_MAX = 256,
    MODULE_EXPORTS_MAX = 256,
    MODULE_NAME_MAX = 256,
    MODULE_TABLE_ELEMENTS_MAX = 4096,
    MODULE_SEGMENTS_MAX = 1024,
    MODULE_BODY_BYTES_MAX = 65536,
    MODULE_LOCALS_MAX = 256, /* with the parameters, per function */
    MODULE_LOCALS_TOTAL_MAX = 32768,
    MODULE_BLOCKS_MAX = 2000, /* per function */
    MODULE_BLOCKS_TOTAL_MAX = 40000,
    MODULE_NESTING_MAX = 256,
    MODULE_LOOP_NESTING_MAX = 16,
    MODULE_LOOP_LOCALS_MAX = 8192, /* loops x locals, per function */
    MODULE_LOOP_LOCALS_TOTAL_MAX = 65536,
    MODULE_CALL_INDIRECT_MAX = 8192,
    MODULE_BR_TABLE_MAX = 512,
    MODULE_BR_TABLE_TOTAL_MAX = 16384,
    MODULE_PAGES_START_MAX = 512,
};

/* Hard bounds of a policy; a policy beyond them is refused (sandbox_policy_check). */
enum {
    SANDBOX_PAGES_MAX = 8192,     /* 512 MiB */
    SANDBOX_STACK_MIN = 64 << 10, /* a power of two from here ... */
    SANDBOX_STACK_MAX = 1 << 20,  /* ... to here: a worker has an engine for each */
    SANDBOX_STACK_SIZES = 5,
    SANDBOX_LOG_MAX = 65536,
    SANDBOX_MESSAGE_MAX = 4096,
    SANDBOX_DETAIL_MAX = 1024,
};

/* What compiling may take on this machine, in the compiler's own process; more
 * is a local failure (OUTCOME_INFRA). */
enum {
    SANDBOX_COMPILE_CPU_S = 20,
    SANDBOX_COMPILE_WALL_MS = 60000,
    SANDBOX_ARTIFACT_MAX = 64 << 20,
};

/* A frame between node and worker is a u32 length (little-endian) and so many
 * bytes, at most this. */
enum { SANDBOX_FRAME_MAX = 40 << 20 };

/* The gas of a call into the host, beside what the engine counts. */
enum { SANDBOX_GAS_HOST_CALL = 100, SANDBOX_GAS_HOST_BYTE = 1 };

struct sandbox_verdict {
    enum outcome outcome;
    uint32_t detail_size;
    char detail[SANDBOX_DETAIL_MAX]; /* printable ASCII; empty when ok */
};

/* sandbox_policy_default: caps that fit the modules already published. */
struct policy sandbox_policy_default(void);

/* sandbox_policy_check: OUTCOME_OK, or OUTCOME_POLICY and which bound. */
void sandbox_policy_check(const struct policy *policy, struct sandbox_verdict *out);

/* What sandbox_inspect found out about a module. */
struct sandbox_facts {
    uint64_t imports;   /* bit i: it imports HOST_TABLE[i] */
    uint32_t pages_min; /* of its memory, of 64 KiB */
    uint32_t table_min; /* elements; 0 without a table */
    bool has_validate;
    bool has_initialize; /* "_initialize", called first in every instance */
    bool has_alloc;      /* alloc(size); otherwise allocate(size, align) */
};

/* sandbox_inspect reads a whole module without running any of it.
 *   scratch  about 100 KiB; OUTCOME_INFRA when it does not suffice.
 *   *facts   written only when the outcome is ok.
 * Outcomes: ok; module (not WASM, a feature or static cap); policy (imports that
 * no host offers, all of them named); abi (no memory, evaluate or alloc of the
 * right type). */
void sandbox_inspect(struct span module, struct arena *scratch, struct sandbox_facts *facts,
                     struct sandbox_verdict *out);

/* sandbox_admit: whether a module with these facts may run under policy.
 * Outcomes: ok; policy (a bound of the policy, or imports it does not grant,
 * all of them named); memory, table (a minimum over the policy). */
void sandbox_admit(const struct sandbox_facts *facts, const struct policy *policy,
                   struct sandbox_verdict *out);

/* sandbox_engine_id names the engine's version and every setting of it: two
 * validators with the same id give the same attestations. */
struct hash sandbox_engine_id(void);

/* The functions that the reference's hosts offer.  A function with policy 0 is
 * known but served by no policy. */
enum host_function { /* The numbers are part of transcripts. */
                     HOST_REFUSED = 0,
                     HOST_LOG = 1,
                     HOST_TIME = 2,
                     HOST_SEED = 3,
                     HOST_EPOCH = 4,
                     HOST_HEIGHT = 5,
                     HOST_SUBMISSIONS = 6,
                     HOST_STORAGE_GET = 7,
};

struct host_entry {
    const char *module;
    const char *name;
    const char *type; /* "iii>i": i is i32, I is i64 */
    uint32_t policy;  /* one POLICY_HOST_* or 0 */
    enum host_function function;
};

enum { HOST_TABLE_COUNT = 40 };
extern const struct host_entry HOST_TABLE[HOST_TABLE_COUNT];

/* host_entry_find: NULL when no host of this kind ever offered it. */
const struct host_entry *host_entry_find(struct span module, struct span name);

#endif
