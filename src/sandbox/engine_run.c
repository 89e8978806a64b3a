#include "codec/bincode.h"
#include "sandbox/engine_internal.h"

/* One instance of the module, from its birth to its end. */
struct call {
    struct engine *engine;
    const struct engine_module *module;
    struct run *run;
    struct platform_engine_limits limits;
    wasmtime_store_t *store;
    wasmtime_context_t *context;
    wasmtime_instance_t instance;
    wasmtime_memory_t memory;
};

static bool going(const struct call *c)
{
    return c->run->verdict.outcome == OUTCOME_OK;
}

static void stop(struct call *c, enum outcome outcome, const char *why)
{
    if (going(c))
        verdict_set(&c->run->verdict, outcome, why);
}

/* The traps that are a guest's own doing.  NULL for all others: they belong to
 * features that are off. */
static const char *trap_text(wasmtime_trap_code_t code)
{
    static const struct {
        uint8_t code;
        const char *text;
    } known[] = {
        {WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS, "trap: memory access out of bounds"},
        {WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS, "trap: table access out of bounds"},
        {WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL, "trap: indirect call of nothing"},
        {WASMTIME_TRAP_CODE_BAD_SIGNATURE, "trap: indirect call of another type"},
        {WASMTIME_TRAP_CODE_INTEGER_OVERFLOW, "trap: integer overflow"},
        {WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO, "trap: division by zero"},
        {WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER, "trap: a float that is no such integer"},
        {WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED, "trap: unreachable"},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (known[i].code == code)
            return known[i].text;
    }
    return NULL;
}

/* Every way a call can end early gets its outcome here and nowhere else. */
static void stop_trap(struct call *c, wasm_trap_t *trap)
{
    wasmtime_trap_code_t code;
    bool has_code = wasmtime_trap_code(trap, &code);
    wasm_trap_delete(trap);
    if (!going(c))
        return; /* A host function ended it and said why. */
    if (!has_code)
        stop(c, OUTCOME_INFRA, "the engine stopped without a reason");
    else if (code == WASMTIME_TRAP_CODE_OUT_OF_FUEL)
        stop(c, OUTCOME_OUT_OF_GAS, "out of gas");
    else if (code == WASMTIME_TRAP_CODE_STACK_OVERFLOW)
        stop(c, OUTCOME_STACK, "stack overflow");
    else if (trap_text(code) == NULL)
        stop(c, OUTCOME_INFRA, "the engine stopped with an unknown trap");
    else if (c->limits.denied > 0)
        stop(c, OUTCOME_MEMORY, "the guest gave up after memory.grow met the policy's cap");
    else
        stop(c, OUTCOME_TRAP, trap_text(code));
}

static void stop_error(struct call *c, wasmtime_error_t *error)
{
    if (!going(c)) {
        wasmtime_error_delete(error);
        return;
    }
    stop(c, OUTCOME_INFRA, "the engine: ");
    engine_error_text(&c->run->verdict, error);
}

static void finish(struct call *c, wasmtime_error_t *error, wasm_trap_t *trap)
{
    if (error != NULL)
        stop_error(c, error);
    else if (trap != NULL)
        stop_trap(c, trap);
}

static uint64_t fuel_left(wasmtime_context_t *context)
{
    uint64_t left = 0;
    wasmtime_error_t *error = wasmtime_context_get_fuel(context, &left);
    assert(error == NULL);
    return left;
}

/* call_guest: values holds the parameters and then the result. */
static bool call_guest(struct call *c, const char *name, wasmtime_val_raw_t *values, size_t count)
{
    wasmtime_extern_t item;
    if (!going(c))
        return false;
    if (!wasmtime_instance_export_get(c->context, &c->instance, name, strlen(name), &item) ||
        item.kind != WASMTIME_EXTERN_FUNC) {
        stop(c, OUTCOME_INFRA, "an inspected export is gone");
        return false;
    }
    wasm_trap_t *trap = NULL;
    wasmtime_error_t *error =
        wasmtime_func_call_unchecked(c->context, &item.of.func, values, count, &trap);
    finish(c, error, trap);
    /* The engine looks at function entries and loop heads only; straight code
     * may have used the last unit unseen. */
    if (going(c) && fuel_left(c->context) == 0)
        stop(c, OUTCOME_OUT_OF_GAS, "out of gas");
    return going(c);
}

static void call_open(struct call *c, const struct policy *policy, uint64_t gas)
{
    c->limits = (struct platform_engine_limits){
        .memory_bytes_max = (uint64_t)policy->memory_pages << 16,
        .table_elements_max = policy->table_elements,
    };
    c->store = wasmtime_store_new(c->engine->engine, NULL, NULL);
    c->context = wasmtime_store_context(c->store);
    platform_engine_limiter_set(c->store, &c->limits);
    wasmtime_error_t *error = wasmtime_context_set_fuel(c->context, gas);
    assert(error == NULL); /* Fuel is on: engine_settings.c. */
    wasm_trap_t *trap = NULL;
    error = wasmtime_instance_pre_instantiate(c->module->pre, c->context, &c->instance, &trap);
    finish(c, error, trap);
    wasmtime_extern_t item;
    if (going(c) && wasmtime_instance_export_get(c->context, &c->instance, "memory", 6, &item) &&
        item.kind == WASMTIME_EXTERN_MEMORY)
        c->memory = item.of.memory;
    else
        stop(c, OUTCOME_INFRA, "an inspected memory is gone");
    wasmtime_val_raw_t none[1];
    if (c->module->facts.has_initialize)
        call_guest(c, "_initialize", none, 0);
}

static struct guest guest_of(struct call *c)
{
    return (struct guest){wasmtime_memory_data(c->context, &c->memory),
                          wasmtime_memory_data_size(c->context, &c->memory), 0};
}

/* The input, in a block that the guest allocated: *pointer. */
static bool give_input(struct call *c, struct span input, uint32_t *pointer)
{
    wasmtime_val_raw_t v[2] = {{.i32 = (int32_t)input.len}, {.i32 = 0}};
    bool has_alloc = c->module->facts.has_alloc;
    if (!call_guest(c, has_alloc ? "alloc" : "allocate", v, has_alloc ? 1 : 2))
        return false;
    struct span block;
    struct guest g = guest_of(c); /* After the call: it may have grown. */
    *pointer = (uint32_t)v[0].i32;
    if (*pointer == 0)
        stop(c, OUTCOME_ABI, "the guest could not allocate its input");
    else if (!guest_span(&g, *pointer, input.len, &block))
        stop(c, OUTCOME_ABI, "the guest allocated its input outside of its memory");
    else
        memcpy(g.base + *pointer, input.ptr, input.len);
    return going(c);
}

static bool call_validate(struct call *c, struct span input)
{
    uint32_t pointer;
    if (!give_input(c, input, &pointer))
        return false;
    wasmtime_val_raw_t v[2] = {{.i32 = (int32_t)pointer}, {.i32 = (int32_t)input.len}};
    if (call_guest(c, "validate", v, 2) && v[0].i32 == 0)
        stop(c, OUTCOME_INVALID, "the challenge's validate says no");
    return going(c);
}

static void take_output(struct call *c, uint64_t packed, struct arena *arena,
                        struct sandbox_result *out)
{
    uint64_t pointer = packed & UINT32_MAX, length = packed >> 32;
    const struct policy *policy = &c->run->job->policy;
    struct guest g = guest_of(c);
    struct span inside, output;
    if (packed == 0) {
        stop(c, OUTCOME_ABI,
             "evaluate gave nothing: it could not read its input or write its output");
        return;
    }
    if (length > policy->output_bytes) {
        verdict_cap(&c->run->verdict, OUTCOME_OUTPUT, "size of the output", length,
                    policy->output_bytes);
        return;
    }
    if (pointer == 0 || !guest_span(&g, pointer, length, &inside)) {
        stop(c, OUTCOME_ABI, "evaluate's output is outside of its memory");
        return;
    }
    output = arena_copy(arena, inside);
    struct bincode_output o = {0};
    if (output.len != length)
        stop(c, OUTCOME_INFRA, "no memory for the output");
    else if (bincode_output_decode(output, policy->output_bytes, &o) != ERR_OK)
        stop(c, OUTCOME_ABI, "evaluate's output is not an EvaluationOutput");
    else if (o.score < 0 || o.score > SCORE_ONE)
        stop(c, OUTCOME_ABI, "evaluate's score is not from 0 to 10,000");
    if (!going(c))
        return;
    out->output = output;
    out->valid = o.valid;
    out->message = span_of(o.message.ptr, min_u64(o.message.len, SANDBOX_MESSAGE_MAX));
    if (o.valid)
        out->score = (uint64_t)o.score;
    else
        stop(c, OUTCOME_INVALID, "the challenge's evaluate says not valid");
}

static void call_evaluate(struct call *c, struct span input, struct arena *arena,
                          struct sandbox_result *out)
{
    uint32_t pointer;
    if (!give_input(c, input, &pointer))
        return;
    wasmtime_val_raw_t v[2] = {{.i32 = (int32_t)pointer}, {.i32 = (int32_t)input.len}};
    if (call_guest(c, "evaluate", v, 2))
        take_output(c, (uint64_t)v[0].i64, arena, out);
}

static void call_close(struct call *c, struct sandbox_result *out)
{
    uint64_t left = fuel_left(c->context);
    bool has_memory = c->memory.store_id != 0;
    if (has_memory)
        out->memory = max_u64(out->memory, wasmtime_memory_data_size(c->context, &c->memory));
    if (c->limits.failed > 0)
        verdict_set(&c->run->verdict, OUTCOME_INFRA,
                    "this machine could not grow the guest's memory");
    if (c->run->verdict.outcome == OUTCOME_OUT_OF_GAS)
        left = 0;
    out->gas = c->run->job->policy.gas - left;
    wasmtime_store_delete(c->store);
}

static struct span input_of(const struct sandbox_job *job, struct arena *arena)
{
    struct bincode_input in = {
        .agent_data = job->input, .challenge_id = job->context.challenge, .params = job->params};
    size_t size = bincode_input_size(&in);
    uint8_t *memory = arena_alloc(arena, size);
    return memory == NULL ? (struct span){0}
                          : bincode_input_encode(&in, (struct room){memory, size});
}

/* validate and evaluate each get an instance of their own and share the gas,
 * the host calls and the log of the job. */
static void run_functions(struct engine *e, struct run *r, struct span input, struct arena *arena,
                          struct sandbox_result *out)
{
    const struct engine_module *m = engine_find(e, &r->job->module_id);
    uint64_t gas = r->job->policy.gas;
    bool validate = m->facts.has_validate && r->job->function != SANDBOX_FUNCTION_CHECK;
    bool evaluate = r->job->function == SANDBOX_FUNCTION_EVALUATE;
    if (validate || !evaluate) {
        struct call c = {.engine = e, .module = m, .run = r};
        call_open(&c, &r->job->policy, gas);
        if (validate)
            call_validate(&c, input);
        call_close(&c, out);
    }
    if (evaluate && r->verdict.outcome == OUTCOME_OK) {
        struct call c = {.engine = e, .module = m, .run = r};
        call_open(&c, &r->job->policy, gas - out->gas);
        call_evaluate(&c, input, arena, out);
        call_close(&c, out);
    }
}

static void fill_result(struct run *r, struct arena *arena, struct sandbox_result *out)
{
    out->outcome = r->verdict.outcome;
    out->detail = arena_copy(arena, verdict_span(&r->verdict));
    if (out->outcome != OUTCOME_OK)
        out->score = 0;
    out->host_calls = r->host_calls;
    out->host_bytes = (uint32_t)min_u64(r->host_bytes, UINT32_MAX);
    out->transcript = hasher_close(&r->transcript);
    out->log = span_of(r->log.start, r->log.used);
    out->log_dropped = (uint32_t)min_u64(r->log_dropped, UINT32_MAX);
}

void engine_run(struct engine *e, const struct sandbox_job *job, struct arena *arena,
                struct sandbox_result *out)
{
    struct engine_module *m = engine_find(e, &job->module_id);
    struct run run, *r = &run; /* Not in the arena: a hasher wants more alignment. */
    size_t log_max = min_u64(job->policy.log_bytes, SANDBOX_LOG_MAX);
    uint8_t *log = arena_alloc(arena, log_max);
    assert(m != NULL && log != NULL);
    m->used_at = ++e->turn;
    *out = (struct sandbox_result){.token = job->token};
    run_init(r, job, (struct room){log, log_max});
    e->run = r;
    struct span input = {0};
    if (job->input.len > job->policy.input_bytes)
        verdict_cap(&r->verdict, OUTCOME_POLICY, "size of the input", job->input.len,
                    job->policy.input_bytes);
    else
        input = input_of(job, arena);
    if (r->verdict.outcome == OUTCOME_OK && input.ptr == NULL)
        verdict_set(&r->verdict, OUTCOME_INFRA, "no memory for the input");
    if (r->verdict.outcome == OUTCOME_OK)
        run_functions(e, r, input, arena, out);
    e->run = NULL;
    fill_result(r, arena, out);
}

wasm_trap_t *engine_host_call(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                              size_t count)
{
    const struct engine_host *host = env;
    struct run *r = host->engine->run;
    wasmtime_context_t *context = wasmtime_caller_context(caller);
    wasmtime_extern_t item;
    struct guest g = {0};
    if (wasmtime_caller_export_get(caller, "memory", 6, &item) &&
        item.kind == WASMTIME_EXTERN_MEMORY) {
        g.base = wasmtime_memory_data(context, &item.of.memory);
        g.size = wasmtime_memory_data_size(context, &item.of.memory);
    }
    g.gas = fuel_left(context);
    uint64_t args[5] = {0};
    const char *type = host->entry->type;
    size_t params = strcspn(type, ">");
    assert(params <= COUNT_OF(args) && params <= count);
    for (size_t i = 0; i < params; i++)
        args[i] = type[i] == 'I' ? (uint64_t)values[i].i64 : (uint32_t)values[i].i32;
    uint64_t result = host_serve(r, host->entry->function, args, &g);
    wasmtime_error_t *error = wasmtime_context_set_fuel(context, g.gas);
    assert(error == NULL);
    if (r->verdict.outcome != OUTCOME_OK)
        return wasmtime_trap_new("host", 4);
    if (type[params + 1] == 'I')
        values[0].i64 = (int64_t)result;
    else if (type[params + 1] == 'i')
        values[0].i32 = (int32_t)(uint32_t)result;
    return NULL;
}
