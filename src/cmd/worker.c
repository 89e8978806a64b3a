/* platform-worker: one evaluation slot.  Reads sandbox_job frames from
 * descriptor 3, answers with sandbox_answer frames, and has nothing else: see
 * os/isolate.h.  Started by the pool of platformd (os/pool.h) or by
 * `platform challenge run`; not meant for people. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/worker_compile.h"
#include "cmd/worker_probe.h"
#include "codec/wr.h"
#include "crypto/hash.h"
#include "os/isolate.h"
#include "sandbox/engine.h"

enum { WORKER_FD = 3, FRAME_HEAD = 4, TURN_BYTES = 80 << 20, ENGINE_BYTES = 1 << 20 };
enum { DATA_BYTES_MAX = 1 << 30 };
#define ADDRESS_BYTES_MAX (UINT64_C(32) << 30)

struct worker {
    struct arena engine_arena;
    struct engine *engines[SANDBOX_STACK_SIZES];
    struct arena turn; /* what one job needs; reset before the next */
    struct arena rooms;
    struct pipe node;
    struct pipe warden;
    struct room answer;
};

/* The node is gone or does not speak our language: nothing is left to do. */
_Noreturn static void leave(int code)
{
    isolate_exit(code);
}

static void answer(struct worker *w, const struct sandbox_answer *a)
{
    struct room body = {w->answer.ptr + FRAME_HEAD, w->answer.len - FRAME_HEAD};
    struct span bytes = sandbox_answer_encode(a, body);
    assert(bytes.ptr != NULL);
    if (pipe_write(&w->node, (struct room){w->answer.ptr, FRAME_HEAD + bytes.len}) != ERR_OK)
        leave(0);
}

static void answer_refusal(struct worker *w, const struct sandbox_job *job,
                           const struct sandbox_verdict *v)
{
    struct sandbox_answer a = {.tag = SANDBOX_ANSWER_RESULT};
    a.result.token = job->token;
    a.result.outcome = v->outcome;
    a.result.detail = span_of(v->detail, v->detail_size);
    answer(w, &a);
}

static void refuse_local(struct worker *w, const struct sandbox_job *job, const char *why)
{
    struct sandbox_verdict v = {.outcome = OUTCOME_INFRA, .detail_size = (uint32_t)strlen(why)};
    memcpy(v.detail, why, v.detail_size);
    answer_refusal(w, job, &v);
}

/* The engine of the policy's stack size, which sandbox_policy_check has seen. */
static struct engine *engine_for(const struct worker *w, const struct policy *policy)
{
    uint32_t index = 0;
    while ((uint32_t)SANDBOX_STACK_MIN << index < policy->stack_bytes)
        index++;
    assert(index < SANDBOX_STACK_SIZES);
    return w->engines[index];
}

/* want_module: the module is loaded, or the job has been answered. */
static bool want_module(struct worker *w, struct engine *engine, const struct sandbox_job *job)
{
    struct sandbox_facts facts = {0};
    struct sandbox_verdict verdict;
    if (engine_has(engine, &job->module_id) != NULL)
        return true;
    struct hash id = hash_blake2b(job->module);
    if (job->module.len == 0 && !hash_equal(&id, &job->module_id)) {
        struct sandbox_answer a = {.tag = SANDBOX_ANSWER_NEED,
                                   .need = {job->token, job->module_id}};
        answer(w, &a);
        return false;
    }
    if (!hash_equal(&id, &job->module_id)) {
        refuse_local(w, job, "the module's bytes are not those of its id");
        return false;
    }
    sandbox_inspect(job->module, &w->turn, &facts, &verdict);
    if (verdict.outcome == OUTCOME_OK)
        sandbox_admit(&facts, &job->policy, &verdict);
    struct span artifact = {0};
    struct room frame = w->answer;
    if (verdict.outcome == OUTCOME_OK &&
        warden_compile(&w->warden, job->module, frame, &artifact, &verdict) != ERR_OK) {
        refuse_local(w, job, "the compiler's warden is gone");
        leave(1);
    }
    if (verdict.outcome != OUTCOME_OK) {
        answer_refusal(w, job, &verdict);
        return false;
    }
    if (engine_load(engine, &job->module_id, &facts, artifact) != ERR_OK) {
        refuse_local(w, job, "the engine does not take what its compiler made");
        return false;
    }
    struct sandbox_answer a = {.tag = SANDBOX_ANSWER_COMPILED,
                               .compiled = {job->token, job->module_id}};
    answer(w, &a);
    return true;
}

static void serve(struct worker *w, const struct sandbox_job *job)
{
    struct sandbox_verdict verdict;
    struct sandbox_answer a = {.tag = SANDBOX_ANSWER_RESULT};
    sandbox_policy_check(&job->policy, &verdict);
    if (verdict.outcome != OUTCOME_OK) {
        answer_refusal(w, job, &verdict);
        return;
    }
    struct engine *engine = engine_for(w, &job->policy);
    if (!want_module(w, engine, job))
        return;
    sandbox_admit(engine_has(engine, &job->module_id), &job->policy, &verdict);
    if (verdict.outcome != OUTCOME_OK) {
        answer_refusal(w, job, &verdict);
        return;
    }
    engine_run(engine, job, &w->turn, &a.result);
    answer(w, &a);
}

/* Address space, not memory: a page is taken when it is first used. */
static struct room room_of(struct arena *a, size_t size)
{
    if (arena_open(a, size) != ERR_OK) {
        fprintf(stderr, "platform-worker: no memory: %zu bytes of address space\n", size);
        exit(1);
    }
    return (struct room){a->memory, a->size};
}

static void prepare(struct worker *w)
{
    const int keep[] = {WORKER_FD, WORKER_FD + 1};
    const struct isolate_limits limits = {.address_bytes = ADDRESS_BYTES_MAX,
                                          .data_bytes = DATA_BYTES_MAX};
    const char *step = "own warden";
    int warden;
    if (isolate_orphan() != ERR_OK || warden_open(&warden) != ERR_OK)
        goto failed;
    step = "descriptor of the warden";
    if (!isolate_move(warden, WORKER_FD + 1))
        goto failed;
    size_t node = SANDBOX_FRAME_MAX + FRAME_HEAD, artifact = WARDEN_FRAME_MAX + FRAME_HEAD;
    size_t reply = SANDBOX_ANSWER_SIZE_MAX + FRAME_HEAD;
    struct room all = room_of(&w->rooms, node + artifact + reply);
    pipe_init(&w->node, WORKER_FD, (struct room){all.ptr, node});
    pipe_init(&w->warden, WORKER_FD + 1, (struct room){all.ptr + node, artifact});
    w->answer = (struct room){all.ptr + node + artifact, reply};
    room_of(&w->turn, TURN_BYTES);
    room_of(&w->engine_arena, ENGINE_BYTES);
    step = "engine";
    for (uint32_t i = 0; i < SANDBOX_STACK_SIZES; i++) {
        w->engines[i] = engine_open(&w->engine_arena, (uint32_t)SANDBOX_STACK_MIN << i);
        if (w->engines[i] == NULL)
            goto failed;
    }
    if (isolate_enter(ISOLATE_RUNNER, &limits, keep, COUNT_OF(keep), &step) == ERR_OK)
        return;
failed:
    fprintf(stderr, "platform-worker: cannot isolate itself: %s; not started\n", step);
    exit(1);
}

int main(int argc, char **argv)
{
    struct worker w = {0};
    prepare(&w);
#ifdef WORKER_PROBE
    worker_probe(argc, argv);
#else
    (void)argc, (void)argv;
#endif
    struct sandbox_answer ready = {.tag = SANDBOX_ANSWER_READY, .ready = {sandbox_engine_id()}};
    answer(&w, &ready);
    for (;;) {
        struct span frame;
        struct sandbox_job job = {0};
        arena_reset(&w.turn, 0);
        if (pipe_read(&w.node, &frame) != ERR_OK)
            leave(0);
        if (sandbox_job_decode(frame, &w.turn, &job) != ERR_OK)
            leave(2);
        serve(&w, &job);
    }
}
