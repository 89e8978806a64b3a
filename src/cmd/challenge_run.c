#include <jansson.h>
#include <stdio.h>

#include "cmd/challenge.h"
#include "cmd/complain.h"
#include "codec/hex.h"
#include "crypto/hash.h"
#include "os/pool.h"
#include "sandbox/sandbox.h"

enum { ARENA_BYTES = 160 << 20 };

/* One job from its files to its answer. */
struct session {
    const struct challenge_options *options;
    struct challenge_file file;
    struct arena arena;
    struct span module;
    struct span input;
    struct pool_once once;
    struct sandbox_result result; /* its spans are in arena */
};

/* EXIT_DONE, or what is wrong has been said. */
static int load(struct session *s, bool for_input)
{
    char path[CHALLENGE_PATH_MAX], example[CHALLENGE_PATH_MAX];
    const char *module = s->options->module, *input = s->options->input;
    if (arena_open(&s->arena, ARENA_BYTES) != ERR_OK)
        return cmd_complain(EXIT_FAILED, "no memory", NULL, NULL, NULL);
    if (!challenge_file_read(s->options->names[0], &s->arena, &s->file))
        return EXIT_USAGE;
    if (module == NULL && challenge_file_module_path(&s->file, path, sizeof path))
        module = path;
    enum err e = file_in_arena(module, SANDBOX_MODULE_MAX, &s->arena, &s->module);
    if (e != ERR_OK)
        return cmd_complain(EXIT_USAGE, "the module cannot be read", module, cmd_file_why(e),
                            "`platform challenge build DIR` makes it");
    if (input == NULL && for_input &&
        snprintf(example, sizeof example, "%s/example.txt", s->file.folder) < (int)sizeof example)
        input = example;
    if (input != NULL)
        e = file_in_arena(input, SANDBOX_INPUT_MAX, &s->arena, &s->input);
    return e == ERR_OK ? EXIT_DONE
                       : cmd_complain(EXIT_USAGE, "the input cannot be read", input,
                                      cmd_file_why(e), "--input names what a miner would hand in");
}

/* The encoded job.  A local run has no network: facts of the agreed state are
 * fixed numbers, the same each time. */
static struct span encode(struct session *s, enum sandbox_function function)
{
    static const char id[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct sandbox_job job = {.token = 1,
                              .module_id = hash_blake2b(s->module),
                              .module = s->module,
                              .policy = s->file.policy,
                              .function = function,
                              .input = s->input,
                              .params = s->file.params,
                              .context = {.epoch = 1,
                                          .height = 1,
                                          .time_ms = UINT64_C(1700000000000),
                                          .submissions = 1,
                                          .challenge = span_of(id, 64)},
                              .storage = s->file.storage,
                              .storage_count = s->file.storage_count};
    size_t size = SANDBOX_JOB_SIZE_MIN + job.module.len + job.input.len + OP_SIZE_MAX * 2;
    struct room room = {arena_alloc(&s->arena, size), size};
    return room.ptr == NULL ? (struct span){0} : sandbox_job_encode(&job, room);
}

static bool evaluate(struct session *s, enum sandbox_function function)
{
    char beside[CHALLENGE_PATH_MAX];
    const char *worker = s->options->worker;
    struct hash engine = sandbox_engine_id();
    struct span job = encode(s, function);
    struct sandbox_answer a = {0};
    if (worker == NULL && pool_program(beside, sizeof beside))
        worker = beside;
    if (worker == NULL || job.ptr == NULL ||
        pool_once(worker, &engine, 1, job, s->file.policy.wall_ms, &s->arena, &s->once) != ERR_OK) {
        cmd_complain(EXIT_FAILED, "the job cannot be made", worker, "no worker, or no memory",
                     "name the program platform-worker with --worker");
        return false;
    }
    if (s->once.end == POOL_NOT_STARTED) {
        cmd_complain(EXIT_FAILED, "the worker does not start", worker, NULL,
                     "name the program platform-worker with --worker");
        return false;
    }
    if (s->once.end != POOL_ANSWERED)
        return true;
    if (sandbox_answer_decode(s->once.answer, &s->arena, &a) != ERR_OK ||
        a.tag != SANDBOX_ANSWER_RESULT)
        s->once.end = POOL_PROTOCOL;
    else
        s->result = a.result;
    return true;
}

/* What to call the end when no worker answered. */
static const char *outcome_of(const struct session *s)
{
    return s->once.end == POOL_ANSWERED ? outcome_name(s->result.outcome)
                                        : outcome_name(OUTCOME_INFRA);
}

static json_t *json_text(struct span s)
{
    json_t *text = json_stringn(s.len == 0 ? "" : (const char *)s.ptr, s.len);
    return text != NULL ? text : json_string("(not UTF-8)");
}

static void set_number(json_t *o, const char *name, uint64_t n)
{
    json_object_set_new(o, name, json_integer((json_int_t)n));
}

static void print_json(const struct session *s)
{
    const struct sandbox_result *r = &s->result;
    const struct policy *p = &s->file.policy;
    char transcript[2 * HASH_SIZE + 1];
    json_t *o = json_object();
    hex_encode(hash_span(&r->transcript), transcript, sizeof transcript);
    json_object_set_new(o, "outcome", json_string(outcome_of(s)));
    json_object_set_new(o, "detail",
                        s->once.end == POOL_ANSWERED ? json_text(r->detail)
                                                     : json_string(pool_end_name(s->once.end)));
    set_number(o, "score", r->score);
    json_object_set_new(o, "message", json_text(r->message));
    set_number(o, "gas", r->gas);
    set_number(o, "gas_cap", p->gas);
    set_number(o, "memory", r->memory);
    set_number(o, "memory_cap", (uint64_t)p->memory_pages << 16);
    set_number(o, "host_calls", r->host_calls);
    set_number(o, "host_calls_cap", p->host_calls);
    set_number(o, "host_bytes", r->host_bytes);
    set_number(o, "host_bytes_cap", p->host_bytes);
    set_number(o, "output_bytes", r->output.len);
    set_number(o, "output_bytes_cap", p->output_bytes);
    json_object_set_new(o, "transcript", json_string(transcript));
    json_object_set_new(o, "log", json_text(r->log));
    set_number(o, "log_dropped", r->log_dropped);
    set_number(o, "took_us", s->once.took_us);
    json_dumpf(o, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(o);
}

static void print_used(const char *name, uint64_t used, uint64_t cap, const char *unit)
{
    uint64_t tenths = cap == 0 ? 0 : used * 1000 / cap;
    printf("%-12s %llu of %llu %s(%llu.%llu %%)\n", name, (unsigned long long)used,
           (unsigned long long)cap, unit, (unsigned long long)(tenths / 10),
           (unsigned long long)(tenths % 10));
}

static void print_safe(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        putchar(s.ptr[i] == '\n' || (s.ptr[i] >= 0x20 && s.ptr[i] != 0x7f) ? s.ptr[i] : '?');
}

static void print_people(const struct session *s)
{
    const struct sandbox_result *r = &s->result;
    const struct policy *p = &s->file.policy;
    printf("%-12s %s\n", "outcome", outcome_of(s));
    if (s->once.end != POOL_ANSWERED)
        printf("%-12s %s\n", "why", pool_end_name(s->once.end));
    if (r->detail.len > 0)
        printf("%-12s %.*s\n", "why", (int)r->detail.len, (const char *)r->detail.ptr);
    if (r->outcome == OUTCOME_OK)
        printf("%-12s %llu of %d\n", "score", (unsigned long long)r->score, SCORE_ONE);
    if (r->message.len > 0) {
        printf("%-12s ", "message");
        print_safe(r->message);
        printf("\n");
    }
    print_used("gas", r->gas, p->gas, "");
    print_used("memory", r->memory, (uint64_t)p->memory_pages << 16, "bytes ");
    print_used("host calls", r->host_calls, p->host_calls, "");
    print_used("host bytes", r->host_bytes, p->host_bytes, "");
    print_used("output", r->output.len, p->output_bytes, "bytes ");
    printf("%-12s %llu us with compiling, cap %u ms without\n", "time",
           (unsigned long long)s->once.took_us, p->wall_ms);
    if (r->log.len > 0) {
        printf("log\n");
        print_safe(r->log);
    }
    if (r->log_dropped > 0)
        printf("(%u bytes of log dropped)\n", r->log_dropped);
}

static int end_code(const struct session *s)
{
    if (s->once.end != POOL_ANSWERED || s->result.outcome == OUTCOME_INFRA)
        return EXIT_FAILED;
    return s->result.outcome == OUTCOME_OK ? 0 : EXIT_CHECK;
}

int challenge_run(const struct challenge_options *o)
{
    struct session s = {.options = o};
    int code = load(&s, true);
    if (code != EXIT_DONE)
        return code;
    if (!evaluate(&s, SANDBOX_FUNCTION_EVALUATE))
        return EXIT_FAILED;
    if (o->json)
        print_json(&s);
    else
        print_people(&s);
    code = end_code(&s);
    arena_close(&s.arena);
    return code;
}

int challenge_check(const struct challenge_options *o)
{
    struct session s = {.options = o};
    int code = load(&s, false);
    if (code != EXIT_DONE)
        return code;
    if (!evaluate(&s, SANDBOX_FUNCTION_CHECK))
        return EXIT_FAILED;
    if (o->json)
        print_json(&s);
    else if (s.once.end == POOL_ANSWERED && s.result.outcome == OUTCOME_OK)
        printf("%s: loads, %zu bytes; %llu bytes of memory at the start; compiled and started in "
               "%llu us\n",
               s.file.name, s.module.len, (unsigned long long)s.result.memory,
               (unsigned long long)s.once.took_us);
    else
        printf("%s: refused: %s: %.*s\n", s.file.name, outcome_of(&s), (int)s.result.detail.len,
               (const char *)s.result.detail.ptr);
    code = end_code(&s);
    arena_close(&s.arena);
    return code;
}
