/* engine_internal: what engine.c and engine_run.c share.
 *
 * Part of sandbox; seen in these two files only.  The platform_engine_* calls
 * are those of engine/src/lib.rs. */
#ifndef SANDBOX_ENGINE_INTERNAL_H
#define SANDBOX_ENGINE_INTERNAL_H

#include <wasm.h>
#include <wasmtime.h>

#include "sandbox/engine.h"
#include "sandbox/run.h"

struct engine_host {
    struct engine *engine;
    const struct host_entry *entry;
};

struct engine_module {
    struct hash id;
    struct sandbox_facts facts;
    wasmtime_module_t *module;
    wasmtime_instance_pre_t *pre;
    uint64_t used_at;
};

struct engine {
    wasm_engine_t *engine;
    wasmtime_linker_t *linker;
    struct engine_host hosts[HOST_TABLE_COUNT];
    struct engine_module modules[ENGINE_MODULES_MAX];
    uint64_t turn;
    struct run *run; /* the job at work, for the host functions */
};

struct platform_engine_limits {
    uint64_t memory_bytes_max;
    uint64_t table_elements_max;
    uint32_t denied; /* requests over a maximum above */
    uint32_t failed; /* requests that this machine could not fulfil */
};

void platform_engine_backtrace_off(wasm_config_t *c);
void platform_engine_address_map_set(wasm_config_t *c, bool enabled);
void platform_engine_extended_const_set(wasm_config_t *c, bool enabled);
bool platform_engine_try(wasm_config_t *c);
void platform_engine_limiter_set(wasmtime_store_t *store, struct platform_engine_limits *limits);

/* engine_host_call: a guest calls the host; env is its engine_host. */
wasm_trap_t *engine_host_call(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                              size_t count);

struct engine_module *engine_find(const struct engine *e, const struct hash *module_id);

/* engine_error_text adds the error's words and deletes it. */
void engine_error_text(struct sandbox_verdict *v, wasmtime_error_t *error);

#endif
