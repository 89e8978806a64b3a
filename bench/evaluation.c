/* evaluation: what one evaluation of a small guest costs.
 *
 *   cold       a new worker process, ready; the module's bytes to the result
 *   warm       through the worker, its module compiled: there and back by a pipe
 *   warm_bare  plain Wasmtime in this process, the same module and work
 *
 * One line a figure: "evaluation warm 50 us", the median of many.  warm and
 * warm_bare are measured in turn, so that a busy neighbour meets both.  The
 * guest hashes 1,000 bytes, logs one line and writes an EvaluationOutput.
 *
 * usage: bench_evaluation [WORKER MODULE.wasm] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <wasm.h>
#include <wasmtime.h>

#include "codec/bincode.h"
#include "crypto/hash.h"
#include "os/pool.h"
#include "sandbox/sandbox.h"

enum { COLD_RUNS = 21, BURSTS = 101, BURST = 16, INPUT = 1000, JOB_BYTES = 1 << 20 };

static uint8_t input[INPUT];

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void print_median(const char *figure, uint64_t *ns, size_t count)
{
    qsort(ns, count, sizeof *ns, compare);
    printf("evaluation %s %.1f us\n", figure, (double)ns[count / 2] / 1000.0);
}

static void must(bool fine, const char *what)
{
    if (fine)
        return;
    fprintf(stderr, "bench_evaluation: %s\n", what);
    exit(1);
}

/* ---- Through the worker ---- */

struct node {
    uv_loop_t loop;
    struct pool *pool;
    uint64_t token;
    uint32_t answers;
    uint64_t score;
    uint8_t job[JOB_BYTES];
    struct span module;
};

static void on_answer(void *ctx, uint64_t token, struct span answer, enum pool_end end)
{
    struct node *n = ctx;
    struct sandbox_answer a = {0};
    struct arena none = {0};
    must(end == POOL_ANSWERED && token == n->token, pool_end_name(end));
    must(sandbox_answer_decode(answer, &none, &a) == ERR_OK && a.result.outcome == OUTCOME_OK,
         "the guest did not do its work");
    n->score = a.result.score;
    n->answers++;
}

static void node_open(struct node *n, const char *worker)
{
    must(uv_loop_init(&n->loop) == 0, "no loop");
    const struct pool_config config = {worker, 1, sandbox_engine_id(), n, on_answer};
    must(pool_open(&n->pool, &n->loop, &config) == ERR_OK, "no pool");
}

static void node_close(struct node *n)
{
    pool_close(n->pool);
    uv_run(&n->loop, UV_RUN_DEFAULT);
    uv_loop_close(&n->loop);
}

/* One evaluation, as node does it: encode, submit, wait. */
static void node_evaluate(struct node *n)
{
    struct sandbox_job job = {.token = ++n->token,
                              .module_id = hash_blake2b(n->module),
                              .module = n->module,
                              .policy = sandbox_policy_default(),
                              .function = SANDBOX_FUNCTION_EVALUATE,
                              .input = span_of(input, sizeof input),
                              .context.challenge = SPAN_LITERAL("bench")};
    uint32_t before = n->answers;
    struct span bytes = sandbox_job_encode(&job, (struct room){n->job, sizeof n->job});
    must(pool_submit(n->pool, n->token, bytes, 60000) == ERR_OK, "not submitted");
    while (n->answers == before)
        uv_run(&n->loop, UV_RUN_ONCE);
}

static void bench_cold(struct node *n, const char *worker)
{
    uint64_t ns[COLD_RUNS];
    for (size_t i = 0; i < COLD_RUNS; i++) {
        node_open(n, worker);
        while (!pool_is_ready(n->pool, 0))
            uv_run(&n->loop, UV_RUN_ONCE);
        uint64_t start = now_ns();
        node_evaluate(n);
        ns[i] = now_ns() - start;
        node_close(n);
    }
    print_median("cold", ns, COLD_RUNS);
}

/* ---- Plain Wasmtime ---- */

struct bare {
    wasm_engine_t *engine;
    wasmtime_linker_t *linker;
    wasmtime_instance_pre_t *pre;
    uint64_t score;
};

static wasm_trap_t *bare_log(void *env, wasmtime_caller_t *caller, wasmtime_val_raw_t *values,
                             size_t count)
{
    (void)env, (void)caller, (void)values, (void)count;
    return NULL;
}

/* As an embedder would: the defaults, but fuel and a pool, and no more. */
static void bare_open(struct bare *b, struct span module)
{
    wasm_config_t *config = wasm_config_new();
    wasmtime_pooling_allocation_config_t *pool = wasmtime_pooling_allocation_config_new();
    wasmtime_pooling_allocation_config_total_core_instances_set(pool, 1);
    wasmtime_pooling_allocation_config_total_memories_set(pool, 1);
    wasmtime_pooling_allocation_config_total_tables_set(pool, 1);
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, 1 << 20);
    wasmtime_pooling_allocation_strategy_set(config, pool);
    wasmtime_config_consume_fuel_set(config, true);
    b->engine = wasm_engine_new_with_config(config);
    b->linker = wasmtime_linker_new(b->engine);
    wasm_functype_t *type = wasm_functype_new_3_0(wasm_valtype_new_i32(), wasm_valtype_new_i32(),
                                                  wasm_valtype_new_i32());
    wasmtime_module_t *compiled = NULL;
    must(wasmtime_linker_define_func_unchecked(b->linker, "platform_sandbox", 16, "log_message", 11,
                                               type, bare_log, NULL, NULL) == NULL &&
             wasmtime_module_new(b->engine, module.ptr, module.len, &compiled) == NULL &&
             wasmtime_linker_instantiate_pre(b->linker, compiled, &b->pre) == NULL,
         "Wasmtime does not take the module");
    wasm_functype_delete(type);
    wasmtime_module_delete(compiled);
    wasmtime_pooling_allocation_config_delete(pool);
}

static void bare_close(struct bare *b)
{
    wasmtime_instance_pre_delete(b->pre);
    wasmtime_linker_delete(b->linker);
    wasm_engine_delete(b->engine);
}

static wasmtime_extern_t bare_export(wasmtime_context_t *context, wasmtime_instance_t *instance,
                                     const char *name)
{
    wasmtime_extern_t item;
    must(wasmtime_instance_export_get(context, instance, name, strlen(name), &item), name);
    return item;
}

/* One call in a fresh instance, as the ABI has it. */
static uint64_t bare_call(struct bare *b, const char *name)
{
    wasmtime_store_t *store = wasmtime_store_new(b->engine, NULL, NULL);
    wasmtime_context_t *context = wasmtime_store_context(store);
    wasmtime_instance_t instance;
    wasm_trap_t *trap = NULL;
    uint8_t room[2 * INPUT];
    struct bincode_output o = {0};
    struct bincode_input in = {.agent_data = span_of(input, sizeof input),
                               .challenge_id = SPAN_LITERAL("bench")};
    struct span bytes = bincode_input_encode(&in, (struct room){room, sizeof room});
    must(wasmtime_context_set_fuel(context, sandbox_policy_default().gas) == NULL &&
             wasmtime_instance_pre_instantiate(b->pre, context, &instance, &trap) == NULL,
         "no instance");
    wasmtime_extern_t memory = bare_export(context, &instance, "memory");
    wasmtime_extern_t alloc = bare_export(context, &instance, "alloc");
    wasmtime_extern_t function = bare_export(context, &instance, name);
    wasmtime_val_raw_t v[2] = {{.i32 = (int32_t)bytes.len}};
    must(wasmtime_func_call_unchecked(context, &alloc.of.func, v, 1, &trap) == NULL && trap == NULL,
         "alloc");
    memcpy(wasmtime_memory_data(context, &memory.of.memory) + v[0].i32, bytes.ptr, bytes.len);
    v[1].i32 = (int32_t)bytes.len;
    must(wasmtime_func_call_unchecked(context, &function.of.func, v, 2, &trap) == NULL &&
             trap == NULL,
         name);
    uint64_t packed = (uint64_t)v[0].i64;
    if (packed >> 32 != 0) {
        struct span out = span_of(
            wasmtime_memory_data(context, &memory.of.memory) + (uint32_t)packed, packed >> 32);
        must(bincode_output_decode(out, out.len, &o) == ERR_OK, "output");
    }
    wasmtime_store_delete(store);
    return packed >> 32 != 0 ? (uint64_t)o.score : (uint32_t)packed;
}

static void bare_evaluate(struct bare *b)
{
    must(bare_call(b, "validate") == 1, "validate");
    b->score = bare_call(b, "evaluate");
}

static void bench_warm(struct node *n, struct bare *b)
{
    static uint64_t warm[BURSTS], bare[BURSTS];
    for (size_t i = 0; i < BURSTS; i++) {
        uint64_t start = now_ns();
        for (size_t k = 0; k < BURST; k++)
            node_evaluate(n);
        uint64_t between = now_ns();
        for (size_t k = 0; k < BURST; k++)
            bare_evaluate(b);
        warm[i] = (between - start) / BURST;
        bare[i] = (now_ns() - between) / BURST;
    }
    must(n->score == b->score, "worker and plain Wasmtime disagree");
    print_median("warm", warm, BURSTS);
    print_median("warm_bare", bare, BURSTS);
}

int main(int argc, char **argv)
{
    static struct node node;
    static uint8_t module[JOB_BYTES / 2];
    struct bare bare = {0};
    const char *worker = argc > 2 ? argv[1] : WORKER;
    FILE *f = fopen(argc > 2 ? argv[2] : MODULE, "rb");
    must(f != NULL, "the module cannot be read");
    node.module = span_of(module, fread(module, 1, sizeof module, f));
    fclose(f);
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (uint8_t)i;
    bench_cold(&node, worker);
    node_open(&node, worker);
    bare_open(&bare, node.module);
    node_evaluate(&node); /* Compiles. */
    bare_evaluate(&bare);
    bench_warm(&node, &bare);
    node_close(&node);
    bare_close(&bare);
    return 0;
}
