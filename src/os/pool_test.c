/* The pool with real workers; WORKER and OK_MODULE, LOOP_MODULE are paths. */
#include <signal.h>

#include "base/test.h"
#include "codec/wr.h"
#include "crypto/hash.h"
#include "os/files.h"
#include "os/pool.h"
#include "sandbox/sandbox.h"

struct seen {
    uv_loop_t loop;
    struct pool *pool;
    uint32_t answers;
    uint64_t token;
    enum pool_end end;
    struct sandbox_result result;
    char detail[SANDBOX_DETAIL_MAX + 1];
};

static void on_answer(void *ctx, uint64_t token, struct span answer, enum pool_end end)
{
    struct seen *s = ctx;
    struct sandbox_answer a = {0};
    struct arena none = {0};
    s->answers++;
    s->token = token;
    s->end = end;
    if (end != POOL_ANSWERED) {
        assert_int_equal(answer.len, 0);
        return;
    }
    assert_int_equal(sandbox_answer_decode(answer, &none, &a), ERR_OK);
    assert_int_equal(a.tag, SANDBOX_ANSWER_RESULT);
    s->result = a.result;
    snprintf(s->detail, sizeof s->detail, "%.*s", (int)a.result.detail.len,
             (const char *)a.result.detail.ptr);
}

static void seen_open(struct seen *s, uint32_t slots, struct hash engine)
{
    *s = (struct seen){0};
    assert_int_equal(uv_loop_init(&s->loop), 0);
    struct pool_config c = {WORKER, slots, engine, s, on_answer};
    assert_int_equal(pool_open(&s->pool, &s->loop, &c), ERR_OK);
}

static void seen_close(struct seen *s)
{
    pool_close(s->pool);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
}

/* named: the token that the job itself bears. */
static enum err submit_as(struct seen *s, const char *path, uint64_t token, uint64_t named,
                          uint64_t gas, uint32_t wall_ms)
{
    struct span module;
    static uint8_t room[1 << 20];
    assert_int_equal(file_read(path, 1 << 19, &module), ERR_OK);
    struct sandbox_job job = {.token = named,
                              .module_id = hash_blake2b(module),
                              .module = module,
                              .policy = sandbox_policy_default(),
                              .function = SANDBOX_FUNCTION_EVALUATE,
                              .input = SPAN_LITERAL("agent"),
                              .context.challenge = SPAN_LITERAL("c0ffee")};
    job.policy.gas = gas;
    struct span bytes = sandbox_job_encode(&job, (struct room){room, sizeof room});
    assert_non_null(bytes.ptr);
    enum err e = pool_submit(s->pool, token, bytes, wall_ms);
    free((void *)(uintptr_t)module.ptr);
    return e;
}

static enum err submit(struct seen *s, const char *path, uint64_t token, uint64_t gas,
                       uint32_t wall_ms)
{
    return submit_as(s, path, token, token, gas, wall_ms);
}

static void until(struct seen *s, uint32_t answers)
{
    while (s->answers < answers)
        assert_true(uv_run(&s->loop, UV_RUN_ONCE) != 0);
}

enum { GAS = 1000000, LONG_MS = 30000 };
#define GAS_ENDLESS ((uint64_t)1 << 60)

static void test_answers_and_repeats_them_exactly(void **state)
{
    (void)state;
    struct seen s;
    seen_open(&s, 1, sandbox_engine_id());
    assert_int_equal(submit(&s, OK_MODULE, 1, GAS, LONG_MS), ERR_OK);
    assert_int_equal(submit(&s, OK_MODULE, 2, GAS, LONG_MS), ERR_FULL);
    until(&s, 1);
    assert_int_equal(s.end, POOL_ANSWERED);
    assert_int_equal(s.result.outcome, OUTCOME_OK);
    assert_true(s.result.score == 8500 && s.result.gas > 0 && s.result.host_calls == 1);
    struct sandbox_result first = s.result;
    int pid = pool_pid(s.pool, 0);
    for (uint32_t i = 2; i < 50; i++) {
        assert_int_equal(submit(&s, OK_MODULE, i, GAS, LONG_MS), ERR_OK);
        until(&s, i);
        assert_true(s.token == i && s.result.gas == first.gas && s.result.memory == first.memory);
        assert_true(hash_equal(&s.result.transcript, &first.transcript));
    }
    assert_int_equal(pool_pid(s.pool, 0), pid);
    seen_close(&s);
}

static void test_a_worker_over_its_wall_clock_is_replaced(void **state)
{
    (void)state;
    struct seen s;
    seen_open(&s, 1, sandbox_engine_id());
    assert_int_equal(submit(&s, LOOP_MODULE, 1, GAS_ENDLESS, 50), ERR_OK);
    until(&s, 1);
    assert_int_equal(s.end, POOL_WALL_CLOCK);
    assert_int_equal(submit(&s, OK_MODULE, 2, GAS, LONG_MS), ERR_OK);
    until(&s, 2);
    assert_int_equal(s.end, POOL_ANSWERED);
    assert_int_equal(s.result.outcome, OUTCOME_OK);
    seen_close(&s);
}

static void test_a_worker_that_dies_is_replaced(void **state)
{
    (void)state;
    struct seen s;
    seen_open(&s, 2, sandbox_engine_id());
    assert_int_equal(submit(&s, OK_MODULE, 1, GAS, LONG_MS), ERR_OK);
    until(&s, 1);
    assert_int_equal(submit(&s, LOOP_MODULE, 2, GAS_ENDLESS, LONG_MS), ERR_OK);
    kill(pool_pid(s.pool, 0), SIGKILL);
    kill(pool_pid(s.pool, 1), SIGKILL);
    until(&s, 2);
    assert_int_equal(s.end, POOL_DIED);
    assert_int_equal(submit(&s, OK_MODULE, 3, GAS, LONG_MS), ERR_OK);
    until(&s, 3);
    assert_int_equal(s.result.outcome, OUTCOME_OK);
    seen_close(&s);
}

static void test_another_engine_is_refused(void **state)
{
    (void)state;
    struct seen s;
    seen_open(&s, 1, (struct hash){{1}});
    assert_int_equal(submit(&s, OK_MODULE, 1, GAS, LONG_MS), ERR_OK);
    until(&s, 1);
    assert_int_equal(s.end, POOL_PROTOCOL);
    seen_close(&s);
}

static void test_what_is_no_job_is_refused(void **state)
{
    (void)state;
    struct seen s;
    seen_open(&s, 1, sandbox_engine_id());
    assert_int_equal(pool_submit(s.pool, 1, SPAN_LITERAL("not a job"), 1), ERR_MALFORMED);
    assert_int_equal(submit_as(&s, OK_MODULE, 1, 2, GAS, LONG_MS), ERR_MALFORMED);
    seen_close(&s);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_answers_and_repeats_them_exactly),
        cmocka_unit_test(test_a_worker_over_its_wall_clock_is_replaced),
        cmocka_unit_test(test_a_worker_that_dies_is_replaced),
        cmocka_unit_test(test_another_engine_is_refused),
        cmocka_unit_test(test_what_is_no_job_is_refused),
    };
    return cmocka_run_group_tests_name("pool", all, NULL, NULL);
}
