/* The engine itself, behind no inspection; PROBE_MODULE is a path. */
#include "sandbox/engine.h"

#include "base/test.h"
#include "codec/bincode.h"
#include "crypto/hash.h"

enum { STACK = SANDBOX_STACK_MIN, ARENA = 32 << 20, GAS = 1000000 };

struct bed {
    struct arena arena;
    struct engine *engine;
    struct span module;
    struct sandbox_facts facts;
    struct engine_artifact artifact;
    struct sandbox_job job;
    struct sandbox_result result;
};

static struct span read_module(struct arena *a)
{
    FILE *f = fopen(PROBE_MODULE, "rb");
    uint8_t *bytes = arena_alloc(a, 65536);
    assert_non_null(f);
    size_t n = fread(bytes, 1, 65536, f);
    fclose(f);
    return span_of(bytes, n);
}

static int open_bed(void **state)
{
    struct sandbox_verdict v;
    struct bed *b = calloc(1, sizeof *b);
    assert_int_equal(arena_open(&b->arena, ARENA), ERR_OK);
    b->engine = engine_open(&b->arena, STACK);
    assert_non_null(b->engine);
    b->module = read_module(&b->arena);
    sandbox_inspect(b->module, &b->arena, &b->facts, &v);
    assert_int_equal(v.outcome, OUTCOME_OK);
    engine_compile(b->module, &b->artifact, &v);
    assert_int_equal(v.outcome, OUTCOME_OK);
    b->job = (struct sandbox_job){
        .token = 3,
        .module_id = hash_blake2b(b->module),
        .policy = sandbox_policy_default(),
        .function = SANDBOX_FUNCTION_EVALUATE,
        .params = SPAN_LITERAL("the params"),
        .context = {.challenge = SPAN_LITERAL("c0ffee"), .time_ms = UINT64_C(1700000000000)}};
    b->job.policy.gas = GAS;
    b->job.policy.stack_bytes = STACK;
    assert_int_equal(engine_load(b->engine, &b->job.module_id, &b->facts, b->artifact.bytes),
                     ERR_OK);
    *state = b;
    return 0;
}

static int close_bed(void **state)
{
    struct bed *b = *state;
    engine_artifact_free(&b->artifact);
    engine_close(b->engine);
    arena_close(&b->arena);
    free(b);
    return 0;
}

static enum outcome run(struct bed *b, const char *input)
{
    b->job.input = span_of(input, strlen(input));
    engine_run(b->engine, &b->job, &b->arena, &b->result);
    assert_int_equal(b->result.token, 3);
    assert_true(b->result.outcome == OUTCOME_OK || b->result.score == 0);
    return b->result.outcome;
}

static void the_guest_gets_input_params_and_its_challenge(void **state)
{
    struct bed *b = *state;
    struct bincode_input in;
    assert_int_equal(run(b, "e-xyz"), OUTCOME_OK);
    assert_int_equal(b->result.score, 1);
    assert_true(b->result.valid);
    assert_int_equal(bincode_input_decode(b->result.message, &in), ERR_OK);
    assert_true(span_equal(in.agent_data, SPAN_LITERAL("e-xyz")));
    assert_true(span_equal(in.challenge_id, SPAN_LITERAL("c0ffee")));
    assert_true(span_equal(in.params, SPAN_LITERAL("the params")));
    assert_false(in.has_task_definition || in.has_environment_config);
    assert_int_equal(b->result.output.len, b->result.message.len + 19);
}

static void hosts_answer_in_64_bits(void **state)
{
    struct bed *b = *state;
    assert_int_equal(run(b, "t-"), OUTCOME_OK);
    assert_int_equal(b->result.score, UINT64_C(1700000000000) >> 32);
}

static void a_long_message_is_cut(void **state)
{
    struct bed *b = *state;
    assert_int_equal(run(b, "b-"), OUTCOME_OK);
    assert_int_equal(b->result.output.len, 5019);
    assert_int_equal(b->result.message.len, SANDBOX_MESSAGE_MAX);
}

/* One job is one account, however many instances it takes. */
static void validate_and_evaluate_share_their_caps(void **state)
{
    struct bed *b = *state;
    assert_int_equal(run(b, "--"), OUTCOME_OK);
    uint64_t plain = b->result.gas, memory = b->result.memory;
    assert_int_equal(run(b, "g-"), OUTCOME_OK);
    uint64_t spin = b->result.gas - plain;
    assert_int_equal(run(b, "-g"), OUTCOME_OK);
    assert_int_equal(b->result.gas, plain + spin);
    assert_int_equal(run(b, "gg"), OUTCOME_OK);
    assert_int_equal(b->result.gas, plain + 2 * spin);
    b->job.policy.gas = plain + spin + spin / 2;
    assert_int_equal(run(b, "g-"), OUTCOME_OK);
    assert_int_equal(run(b, "-g"), OUTCOME_OK);
    assert_int_equal(run(b, "gg"), OUTCOME_OUT_OF_GAS);
    assert_int_equal(b->result.gas, b->job.policy.gas);
    b->job.policy.gas = plain + spin; /* The last unit is spent: nothing may be left to do. */
    assert_int_equal(run(b, "g-"), OUTCOME_OUT_OF_GAS);
    b->job.policy.gas = plain + spin + 1;
    assert_int_equal(run(b, "g-"), OUTCOME_OK);
    b->job.policy.gas = GAS;
    b->job.policy.host_calls = 100;
    assert_int_equal(run(b, "l-"), OUTCOME_OK);
    assert_int_equal(run(b, "-l"), OUTCOME_OK);
    assert_int_equal(run(b, "ll"), OUTCOME_HOST_CALLS);
    assert_int_equal(b->result.host_calls, 100);
    /* It ends with the call that is one too many, to the unit of gas. */
    uint64_t at_100 = b->result.gas, each;
    b->job.policy.host_calls = 101;
    assert_int_equal(run(b, "ll"), OUTCOME_HOST_CALLS);
    each = b->result.gas - at_100;
    b->job.policy.host_calls = 119;
    assert_int_equal(run(b, "ll"), OUTCOME_HOST_CALLS);
    assert_int_equal(b->result.gas, at_100 + 19 * each);
    b->job.policy.host_calls = 120;
    assert_int_equal(run(b, "ll"), OUTCOME_OK);
    assert_int_equal(run(b, "-m"), OUTCOME_OK);
    assert_int_equal(b->result.memory, memory + (3 << 16));
}

static void validate_has_the_first_word(void **state)
{
    struct bed *b = *state;
    assert_int_equal(run(b, "-n"), OUTCOME_INVALID);
    assert_int_equal(b->result.output.len, 0);
    b->job.function = SANDBOX_FUNCTION_VALIDATE;
    assert_int_equal(run(b, "-n"), OUTCOME_INVALID);
    assert_int_equal(run(b, "--"), OUTCOME_OK);
    assert_int_equal(b->result.output.len, 0);
    b->job.function = SANDBOX_FUNCTION_CHECK; /* loads and starts, and no more */
    assert_int_equal(run(b, "-n"), OUTCOME_OK);
}

static void the_input_may_be_as_long_as_the_policy_says(void **state)
{
    struct bed *b = *state;
    b->job.policy.input_bytes = 5;
    assert_int_equal(run(b, "-----"), OUTCOME_OK);
    assert_int_equal(run(b, "------"), OUTCOME_POLICY);
}

static void modules_make_room_by_age(void **state)
{
    struct bed *b = *state;
    struct hash ids[ENGINE_MODULES_MAX + 1];
    for (uint8_t i = 0; i <= ENGINE_MODULES_MAX; i++)
        ids[i] = (struct hash){{(uint8_t)(i + 1)}};
    for (int i = 0; i < ENGINE_MODULES_MAX - 1; i++)
        assert_int_equal(engine_load(b->engine, &ids[i], &b->facts, b->artifact.bytes), ERR_OK);
    assert_int_equal(run(b, "--"), OUTCOME_OK); /* the first, and now the youngest */
    for (int i = ENGINE_MODULES_MAX - 1; i <= ENGINE_MODULES_MAX; i++)
        assert_int_equal(engine_load(b->engine, &ids[i], &b->facts, b->artifact.bytes), ERR_OK);
    assert_non_null(engine_has(b->engine, &b->job.module_id));
    assert_null(engine_has(b->engine, &ids[0]));
    assert_null(engine_has(b->engine, &ids[1]));
    for (int i = 2; i <= ENGINE_MODULES_MAX; i++)
        assert_non_null(engine_has(b->engine, &ids[i]));
    assert_true(engine_has(b->engine, &ids[2])->has_validate);
}

static void what_no_compiler_of_ours_made_is_foreign(void **state)
{
    struct bed *b = *state;
    struct hash id = {{9}};
    struct span cut = span_of(b->artifact.bytes.ptr, b->artifact.bytes.len / 2);
    assert_int_equal(engine_load(b->engine, &id, &b->facts, cut), ERR_FOREIGN);
    assert_int_equal(engine_load(b->engine, &id, &b->facts, b->module), ERR_FOREIGN);
    assert_null(engine_has(b->engine, &id));
}

/* The inspection refuses these before the engine sees them; the engine refuses
 * them on its own.  Each is a module with the sections given. */
static void the_engine_has_its_features_off_by_itself(void **state)
{
    (void)state;
#define FUNCTION "\1\4\1\x60\0\0\3\2\1\0" /* () -> () */
    static const struct {
        const char *name;
        enum outcome want;
        struct span sections;
    } cases[] = {
        {"nothing", OUTCOME_OK, {0}},
        {"a function", OUTCOME_OK, SPAN_LITERAL(FUNCTION "\x0a\4\1\2\0\x0b")},
        {"memory.fill", OUTCOME_OK,
         SPAN_LITERAL(FUNCTION "\5\3\1\0\1\x0a\x0d\1\x0b\0\x41\0\x41\0\x41\0\xfc\x0b\0\x0b")},
        {"two results", OUTCOME_OK,
         SPAN_LITERAL("\1\6\1\x60\0\2\x7f\x7f\3\2\1\0\x0a\x08\1\6\0\x41\0\x41\0\x0b")},
        {"SIMD", OUTCOME_MODULE,
         SPAN_LITERAL(FUNCTION "\x0a\x17\1\x15\0\xfd\x0c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x1a\x0b")},
        {"shared memory", OUTCOME_MODULE, SPAN_LITERAL("\5\4\1\3\1\1")},
        {"64-bit memory", OUTCOME_MODULE, SPAN_LITERAL("\5\3\1\4\1")},
        {"two memories", OUTCOME_MODULE, SPAN_LITERAL("\5\5\2\0\1\0\1")},
        {"small pages", OUTCOME_MODULE, SPAN_LITERAL("\5\4\1\x08\1\0")},
        {"a tail call", OUTCOME_MODULE, SPAN_LITERAL(FUNCTION "\x0a\6\1\4\0\x12\0\x0b")},
        {"a constant sum", OUTCOME_MODULE, SPAN_LITERAL("\6\x09\1\x7f\0\x41\1\x41\2\x6a\x0b")},
        {"a structure", OUTCOME_MODULE, SPAN_LITERAL("\1\3\1\x5f\0")},
        {"externref", OUTCOME_MODULE, SPAN_LITERAL("\1\5\1\x60\1\x6f\0")},
        {"a tag", OUTCOME_MODULE, SPAN_LITERAL("\1\4\1\x60\0\0\x0d\3\1\0\0")},
        {"wide arithmetic", OUTCOME_MODULE,
         SPAN_LITERAL(FUNCTION "\x0a\x10\1\x0e\0\x42\0\x42\0\x42\0\x42\0\xfc\x13\x1a\x1a\x0b")},
        {"an atomic load", OUTCOME_MODULE,
         SPAN_LITERAL(FUNCTION "\5\3\1\0\1\x0a\x0b\1\x09\0\x41\0\xfe\x10\2\0\x1a\x0b")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t module[128] = "\0asm\1\0\0";
        struct sandbox_verdict v;
        struct engine_artifact a = {0};
        struct span s = cases[i].sections;
        assert_true(s.len < sizeof module - 8);
        memcpy(module + 8, s.len == 0 ? (const uint8_t *)"" : s.ptr, s.len);
        engine_compile(span_of(module, 8 + s.len), &a, &v);
        if (v.outcome != cases[i].want)
            fail_msg("%s: %s: %.*s", cases[i].name, outcome_name(v.outcome), (int)v.detail_size,
                     v.detail);
        engine_artifact_free(&a);
    }
}

#define BED_TEST(f) cmocka_unit_test_setup_teardown(f, open_bed, close_bed)

int main(void)
{
    const struct CMUnitTest all[] = {
        BED_TEST(the_guest_gets_input_params_and_its_challenge),
        BED_TEST(hosts_answer_in_64_bits),
        BED_TEST(a_long_message_is_cut),
        BED_TEST(validate_and_evaluate_share_their_caps),
        BED_TEST(validate_has_the_first_word),
        BED_TEST(the_input_may_be_as_long_as_the_policy_says),
        BED_TEST(modules_make_room_by_age),
        BED_TEST(what_no_compiler_of_ours_made_is_foreign),
        cmocka_unit_test(the_engine_has_its_features_off_by_itself),
    };
    return cmocka_run_group_tests_name("engine", all, NULL, NULL);
}
