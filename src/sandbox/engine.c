#include "sandbox/engine.h"

#include <wasm.h>
#include <wasmtime.h>

#include "sandbox/engine_internal.h"
#include "sandbox/engine_settings.h"

static_assert(WASMTIME_VERSION_MAJOR == 48 && WASMTIME_VERSION_MINOR == 0 &&
                  WASMTIME_VERSION_PATCH == 8,
              "engine_settings.c names the engine's version, which is part of the engine id");

static bool on(enum engine_setting s)
{
    return engine_setting_value(s) != 0;
}

static void set_features(wasm_config_t *c)
{
    wasmtime_config_wasm_relaxed_simd_set(c, on(ENGINE_WASM_RELAXED_SIMD));
    wasmtime_config_wasm_simd_set(c, on(ENGINE_WASM_SIMD));
    wasmtime_config_shared_memory_set(c, on(ENGINE_WASM_SHARED_MEMORY));
    wasmtime_config_wasm_memory64_set(c, on(ENGINE_WASM_MEMORY64));
    wasmtime_config_wasm_multi_memory_set(c, on(ENGINE_WASM_MULTI_MEMORY));
    wasmtime_config_wasm_multi_value_set(c, on(ENGINE_WASM_MULTI_VALUE));
    wasmtime_config_wasm_bulk_memory_set(c, on(ENGINE_WASM_BULK_MEMORY));
    wasmtime_config_wasm_tail_call_set(c, on(ENGINE_WASM_TAIL_CALL));
    wasmtime_config_wasm_custom_page_sizes_set(c, on(ENGINE_WASM_CUSTOM_PAGES));
    wasmtime_config_wasm_wide_arithmetic_set(c, on(ENGINE_WASM_WIDE_ARITHMETIC));
    wasmtime_config_wasm_stack_switching_set(c, on(ENGINE_WASM_STACK_SWITCHING));
    wasmtime_config_wasm_branch_hinting_set(c, on(ENGINE_WASM_BRANCH_HINTS));
    wasmtime_config_gc_support_set(c, on(ENGINE_WASM_GC));
    platform_engine_extended_const_set(c, on(ENGINE_WASM_EXTENDED_CONST));
}

/* The configuration of compiler and runner, but for the runner's pool. */
static wasm_config_t *config_new(uint32_t stack_bytes)
{
    wasm_config_t *c = wasm_config_new();
    wasmtime_error_t *error = wasmtime_config_target_set(c, ENGINE_TARGET);
    if (error != NULL) {
        wasmtime_error_delete(error);
        wasm_config_delete(c);
        return NULL;
    }
    set_features(c);
    wasmtime_config_strategy_set(c, WASMTIME_STRATEGY_CRANELIFT);
    wasmtime_config_consume_fuel_set(c, on(ENGINE_FUEL));
    wasmtime_config_epoch_interruption_set(c, on(ENGINE_EPOCHS));
    wasmtime_config_max_wasm_stack_set(c, stack_bytes);
    wasmtime_config_cranelift_nan_canonicalization_set(c, on(ENGINE_NAN_CANONICAL));
    wasmtime_config_cranelift_debug_verifier_set(c, false);
    wasmtime_config_cranelift_opt_level_set(c, on(ENGINE_OPTIMISE) ? WASMTIME_OPT_LEVEL_SPEED
                                                                   : WASMTIME_OPT_LEVEL_NONE);
    wasmtime_config_cranelift_regalloc_algorithm_set(
        c, on(ENGINE_REGISTERS) ? WASMTIME_REGALLOC_SINGLE_PASS : WASMTIME_REGALLOC_BACKTRACKING);
    wasmtime_config_profiler_set(c, WASMTIME_PROFILING_STRATEGY_NONE);
    wasmtime_config_debug_info_set(c, false);
    wasmtime_config_signals_based_traps_set(c, on(ENGINE_SIGNAL_TRAPS));
    wasmtime_config_native_unwind_info_set(c, on(ENGINE_UNWIND_INFO));
    wasmtime_config_memory_reservation_set(c, engine_setting_value(ENGINE_MEMORY_RESERVED));
    wasmtime_config_memory_guard_size_set(c, engine_setting_value(ENGINE_MEMORY_GUARD));
    wasmtime_config_memory_reservation_for_growth_set(c, 0);
    wasmtime_config_memory_may_move_set(c, on(ENGINE_MEMORY_MOVES));
    wasmtime_config_memory_init_cow_set(c, on(ENGINE_MEMORY_COPY_ON_WRITE));
    platform_engine_address_map_set(c, on(ENGINE_ADDRESS_MAP));
    platform_engine_backtrace_off(c);
    return c;
}

/* One instance at a time, its memory and table kept ready between calls. */
static void set_pool(wasm_config_t *c)
{
    wasmtime_pooling_allocation_config_t *p = wasmtime_pooling_allocation_config_new();
    wasmtime_pooling_allocation_config_total_core_instances_set(p, 1);
    wasmtime_pooling_allocation_config_total_memories_set(p, 1);
    wasmtime_pooling_allocation_config_total_tables_set(p, 1);
    wasmtime_pooling_allocation_config_max_memories_per_module_set(p, 1);
    wasmtime_pooling_allocation_config_max_tables_per_module_set(p, 1);
    wasmtime_pooling_allocation_config_max_memory_size_set(p, (size_t)SANDBOX_PAGES_MAX << 16);
    wasmtime_pooling_allocation_config_table_elements_set(p, MODULE_TABLE_ELEMENTS_MAX);
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(p, 1 << 20);
    wasmtime_pooling_allocation_config_table_keep_resident_set(p, 64 << 10);
    wasmtime_pooling_allocation_strategy_set(c, p);
    wasmtime_pooling_allocation_config_delete(p);
}

static wasm_engine_t *engine_new(uint32_t stack_bytes, bool pooled)
{
    wasm_config_t *c = config_new(stack_bytes);
    if (c == NULL)
        return NULL;
    if (pooled)
        set_pool(c);
    if (!platform_engine_try(c)) {
        wasm_config_delete(c);
        return NULL;
    }
    return wasm_engine_new_with_config(c);
}

static wasm_functype_t *function_type(const char *type)
{
    wasm_valtype_t *params[MODULE_PARAMS_MAX], *results[1];
    size_t counts[2] = {0, 0};
    bool after = false;
    for (const char *c = type; *c != 0; c++) {
        if (*c == '>') {
            after = true;
            continue;
        }
        wasm_valtype_t *t = wasm_valtype_new(*c == 'I' ? WASM_I64 : WASM_I32);
        if (after)
            results[counts[1]++] = t;
        else
            params[counts[0]++] = t;
    }
    wasm_valtype_vec_t in, out;
    wasm_valtype_vec_new(&in, counts[0], params);
    wasm_valtype_vec_new(&out, counts[1], results);
    return wasm_functype_new(&in, &out);
}

static bool link_hosts(struct engine *e)
{
    e->linker = wasmtime_linker_new(e->engine);
    for (size_t i = 0; i < HOST_TABLE_COUNT; i++) {
        const struct host_entry *h = &HOST_TABLE[i];
        if (h->function == HOST_REFUSED)
            continue;
        e->hosts[i] = (struct engine_host){e, h};
        wasm_functype_t *type = function_type(h->type);
        wasmtime_error_t *error = wasmtime_linker_define_func_unchecked(
            e->linker, h->module, strlen(h->module), h->name, strlen(h->name), type,
            engine_host_call, &e->hosts[i], NULL);
        wasm_functype_delete(type);
        if (error != NULL) {
            wasmtime_error_delete(error);
            return false;
        }
    }
    return true;
}

struct engine *engine_open(struct arena *arena, uint32_t stack_bytes)
{
    assert(stack_bytes >= SANDBOX_STACK_MIN && stack_bytes <= SANDBOX_STACK_MAX);
    struct engine *e = arena_alloc(arena, sizeof *e);
    if (e == NULL)
        return NULL;
    e->engine = engine_new(stack_bytes, true);
    if (e->engine == NULL)
        return NULL;
    if (!link_hosts(e)) {
        engine_close(e);
        return NULL;
    }
    return e;
}

static void module_drop(struct engine_module *m)
{
    if (m->pre != NULL)
        wasmtime_instance_pre_delete(m->pre);
    if (m->module != NULL)
        wasmtime_module_delete(m->module);
    *m = (struct engine_module){0};
}

void engine_close(struct engine *e)
{
    for (size_t i = 0; i < ENGINE_MODULES_MAX; i++)
        module_drop(&e->modules[i]);
    if (e->linker != NULL)
        wasmtime_linker_delete(e->linker);
    if (e->engine != NULL)
        wasm_engine_delete(e->engine);
    *e = (struct engine){0};
}

void engine_error_text(struct sandbox_verdict *v, wasmtime_error_t *error)
{
    wasm_name_t message;
    wasmtime_error_message(error, &message);
    verdict_add(v, span_of(message.data, message.size));
    wasm_byte_vec_delete(&message);
    wasmtime_error_delete(error);
}

/* Validate first: what the validator refuses is a property of the module, what
 * the compiler refuses afterwards is a limit of this machine's compiler. */
void engine_compile(struct span module, struct engine_artifact *out,
                    struct sandbox_verdict *verdict)
{
    wasm_engine_t *engine = engine_new(SANDBOX_STACK_MIN, false);
    wasmtime_module_t *compiled = NULL;
    wasm_byte_vec_t bytes;
    verdict_set(verdict, OUTCOME_INFRA, "the engine refuses its settings");
    if (engine == NULL)
        return;
    wasmtime_error_t *error = wasmtime_module_validate(engine, module.ptr, module.len);
    if (error != NULL) {
        verdict_set(verdict, OUTCOME_MODULE, "the engine's validator: ");
        engine_error_text(verdict, error);
        goto out;
    }
    error = wasmtime_module_new(engine, module.ptr, module.len, &compiled);
    if (error == NULL) {
        error = wasmtime_module_serialize(compiled, &bytes);
    }
    if (error != NULL) {
        verdict_set(verdict, OUTCOME_INFRA, "the engine's compiler: ");
        engine_error_text(verdict, error);
        goto out;
    }
    *out = (struct engine_artifact){span_of(bytes.data, bytes.size)};
    verdict_set(verdict, OUTCOME_OK, "");
out:
    if (compiled != NULL)
        wasmtime_module_delete(compiled);
    wasm_engine_delete(engine);
}

void engine_artifact_free(struct engine_artifact *a)
{
    wasm_byte_vec_t bytes = {a->bytes.len, (char *)a->bytes.ptr};
    wasm_byte_vec_delete(&bytes);
    *a = (struct engine_artifact){0};
}

struct engine_module *engine_find(const struct engine *e, const struct hash *module_id)
{
    for (size_t i = 0; i < ENGINE_MODULES_MAX; i++) {
        const struct engine_module *m = &e->modules[i];
        if (m->pre != NULL && hash_equal(&m->id, module_id))
            return (struct engine_module *)m;
    }
    return NULL;
}

const struct sandbox_facts *engine_has(const struct engine *e, const struct hash *module_id)
{
    const struct engine_module *m = engine_find(e, module_id);
    return m == NULL ? NULL : &m->facts;
}

/* A free place, or the one used longest ago. */
static struct engine_module *place(struct engine *e)
{
    struct engine_module *oldest = &e->modules[0];
    for (size_t i = 0; i < ENGINE_MODULES_MAX; i++) {
        struct engine_module *m = &e->modules[i];
        if (m->pre == NULL)
            return m;
        if (m->used_at < oldest->used_at)
            oldest = m;
    }
    module_drop(oldest);
    return oldest;
}

enum err engine_load(struct engine *e, const struct hash *module_id,
                     const struct sandbox_facts *facts, struct span artifact)
{
    struct engine_module *m = engine_find(e, module_id);
    if (m != NULL)
        module_drop(m);
    else
        m = place(e);
    wasmtime_error_t *error =
        wasmtime_module_deserialize(e->engine, artifact.ptr, artifact.len, &m->module);
    if (error == NULL)
        error = wasmtime_linker_instantiate_pre(e->linker, m->module, &m->pre);
    if (error != NULL) {
        wasmtime_error_delete(error);
        module_drop(m);
        return ERR_FOREIGN;
    }
    m->id = *module_id;
    m->facts = *facts;
    m->used_at = ++e->turn;
    return ERR_OK;
}
