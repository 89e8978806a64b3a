/* engine: Wasmtime behind two calls: compile a module, run a job.
 *
 * Layer: L2; linked into platform-worker and the benchmarks only.  Threads: one.
 * Memory: the engine's own allocator (it is a library) beside the arenas given.
 *
 *   ENGINE-1  Every setting comes from engine_settings.h and is set explicitly.
 *   ENGINE-2  Each call runs in a fresh instance: nothing survives it.
 *   ENGINE-3  engine_compile parses untrusted bytes with a compiler that may run
 *             long, use much memory or abort: call it in a process of its own.
 *   ENGINE-4  engine_load trusts its artifact like code: give it only what
 *             engine_compile of the same build made. */
#ifndef SANDBOX_ENGINE_H
#define SANDBOX_ENGINE_H

#include "sandbox/sandbox.h"

enum { ENGINE_MODULES_MAX = 8 };

struct engine;

/* engine_open: memory for the engine's own table comes from arena (kept).  It
 * looks at the machine (how many processors), so open before isolate_enter.
 *   stack_bytes  what guests get; SANDBOX_STACK_MIN .. SANDBOX_STACK_MAX.
 * NULL: the engine refuses its settings or the machine lacks address space. */
struct engine *engine_open(struct arena *arena, uint32_t stack_bytes);
void engine_close(struct engine *e);

/* A compiled module, in the engine's memory until engine_artifact_free. */
struct engine_artifact {
    struct span bytes;
};

/* engine_compile validates and compiles.  Outcomes in *verdict: ok, with *out;
 * module (the engine's validator refuses, with its words); infra. */
void engine_compile(struct span module, struct engine_artifact *out,
                    struct sandbox_verdict *verdict);
void engine_artifact_free(struct engine_artifact *a);

/* engine_has: the facts of a loaded module, or NULL. */
const struct sandbox_facts *engine_has(const struct engine *e, const struct hash *module_id);

/* engine_load makes an inspected and compiled module ready to run.  The one
 * used longest ago makes room.  ERR_FOREIGN: not an artifact of this engine. */
enum err engine_load(struct engine *e, const struct hash *module_id,
                     const struct sandbox_facts *facts, struct span artifact);

/* engine_run does one job on a loaded module (asserted).  The result's spans
 * come from arena, which needs room for input, output and log.  The job's
 * policy has passed sandbox_admit (asserted). */
void engine_run(struct engine *e, const struct sandbox_job *job, struct arena *arena,
                struct sandbox_result *out);

#endif
