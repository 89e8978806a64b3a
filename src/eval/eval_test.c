#include "eval/eval.h"

#include "base/test.h"
#include "crypto/hash.h"
#include "epoch/epoch.h"

static const struct span blob = {(const uint8_t *)"a tour", 6};

static struct state_challenge challenge_of(void)
{
    struct state_challenge c = {.id = {{1}}};
    c.body.module.bytes[0] = 2;
    c.body.params = SPAN_LITERAL("params");
    c.body.policy = (struct policy){.gas = 5, .join = POLICY_JOIN_DETERMINISTIC};
    return c;
}

static struct state_submission submission_of(void)
{
    return (struct state_submission){
        .id = {{3}}, .blob = hash_blake2b(blob), .epoch = 4, .slot = 70};
}

static void a_job_says_what_was_agreed(void **state)
{
    (void)state;
    _Alignas(16) uint8_t memory[256];
    struct arena arena;
    arena_init(&arena, (struct room){memory, sizeof memory});
    struct state_challenge c = challenge_of();
    struct state_submission s = submission_of();
    struct sandbox_job a, b;
    assert_int_equal(eval_job(&c, &s, SPAN_LITERAL("wasm"), blob, 9, &arena, &a), ERR_OK);
    assert_int_equal(a.token, 9);
    assert_int_equal(a.context.height, 70);
    assert_int_equal(a.context.time_ms, 70000);
    assert_int_equal(a.context.challenge.len, 64);
    assert_memory_equal(a.context.challenge.ptr, "0100", 4);
    assert_int_equal(a.function, SANDBOX_FUNCTION_EVALUATE);
    assert_true(span_equal(a.input, blob) && span_equal(a.params, c.body.params));
    assert_int_equal(a.policy.gas, 5);
    /* Each of id, epoch and slot moves the seed. */
    struct state_submission t = s;
    t.slot++;
    assert_int_equal(eval_job(&c, &t, SPAN_LITERAL("wasm"), blob, 9, &arena, &b), ERR_OK);
    assert_false(hash_equal(&a.context.seed, &b.context.seed));
    t = s;
    t.epoch++;
    assert_int_equal(eval_job(&c, &t, SPAN_LITERAL("wasm"), blob, 9, &arena, &b), ERR_OK);
    assert_false(hash_equal(&a.context.seed, &b.context.seed));
    assert_int_equal(eval_job(&c, &t, SPAN_LITERAL("wasm"), blob, 9, &arena, &b), ERR_NO_MEMORY);
}

static void an_attestation_is_of_agreed_things(void **state)
{
    (void)state;
    struct state_challenge c = challenge_of();
    struct state_submission s = submission_of();
    const struct hash engine = {{7}};
    struct sandbox_result r = {.outcome = OUTCOME_OK,
                               .score = 10000,
                               .gas = 8,
                               .memory = 9,
                               .output = SPAN_LITERAL("out"),
                               .message = SPAN_LITERAL("msg")};
    struct attestation a, b;
    assert_int_equal(eval_attest(&c, &s, &r, &engine, blob, &a), ERR_OK);
    assert_int_equal(a.score, 10000);
    /* Facts of this machine change nothing. */
    r.token = 77;
    r.memory = 1;
    r.log = SPAN_LITERAL("log");
    r.detail = SPAN_LITERAL("words for a human");
    assert_int_equal(eval_attest(&c, &s, &r, &engine, blob, &b), ERR_OK);
    uint8_t x[ATTESTATION_SIZE_MAX], y[ATTESTATION_SIZE_MAX];
    assert_true(span_equal(attestation_encode(&a, (struct room){x, sizeof x}),
                           attestation_encode(&b, (struct room){y, sizeof y})));
    /* What came out does, and where a part ends too. */
    r.message = SPAN_LITERAL("ms");
    r.output = SPAN_LITERAL("gout");
    assert_int_equal(eval_attest(&c, &s, &r, &engine, blob, &b), ERR_OK);
    assert_false(hash_equal(&a.output, &b.output));
    assert_true(hash_equal(&a.input, &b.input));
    s.slot++;
    assert_int_equal(eval_attest(&c, &s, &r, &engine, blob, &b), ERR_OK);
    assert_false(hash_equal(&a.input, &b.input));
}

/* The digests from their definition: what everybody must agree on, in order. */
static void digests_are_those_of_the_definition(void **state)
{
    (void)state;
    _Alignas(16) uint8_t memory[256];
    uint8_t bytes[4096];
    struct arena arena;
    arena_init(&arena, (struct room){memory, sizeof memory});
    struct state_challenge c = challenge_of();
    struct state_submission s = submission_of();
    const struct hash engine = {{7}};
    struct sandbox_job job;
    struct attestation a;
    struct sandbox_result r = {.outcome = OUTCOME_TRAP,
                               .transcript = {{8}},
                               .gas = 11,
                               .output = SPAN_LITERAL("out"),
                               .message = SPAN_LITERAL("message")};
    assert_int_equal(eval_job(&c, &s, SPAN_LITERAL("wasm"), blob, 9, &arena, &job), ERR_OK);
    assert_int_equal(eval_attest(&c, &s, &r, &engine, blob, &a), ERR_OK);

    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_raw(&w, hash_span(&s.id));
    wr_u64(&w, 4);
    wr_u64(&w, 70);
    struct hash want = hash_tagged("PLTFSEED", wr_done(&w));
    assert_true(hash_equal(&job.context.seed, &want));
    assert_int_equal(job.context.epoch, 4);
    assert_int_equal(job.context.submissions, 1);

    w = wr_init((struct room){bytes, sizeof bytes});
    wr_raw(&w, hash_span(&c.id));
    wr_raw(&w, hash_span(&s.id));
    wr_raw(&w, hash_span(&s.blob));
    wr_bytes(&w, SPAN_LITERAL("params"));
    sandbox_context_write(&w, &job.context);
    want = hash_tagged("PLTFINPT", wr_done(&w));
    assert_true(hash_equal(&a.input, &want));

    w = wr_init((struct room){bytes, sizeof bytes});
    wr_u8(&w, OUTCOME_TRAP);
    wr_bytes(&w, SPAN_LITERAL("message"));
    wr_bytes(&w, SPAN_LITERAL("out"));
    want = hash_tagged("PLTFOUTP", wr_done(&w));
    assert_true(hash_equal(&a.output, &want));

    want = eval_policy_hash(&c.body.policy);
    assert_true(hash_equal(&a.policy, &want));
    assert_true(hash_equal(&a.engine, &engine));
    assert_true(hash_equal(&a.transcript, &r.transcript));
    assert_true(hash_equal(&a.submission, &s.id) && hash_equal(&a.module, &c.body.module));
    assert_int_equal(a.gas, 11);
}

static void our_own_failures_are_not_attested(void **state)
{
    (void)state;
    struct state_challenge c = challenge_of();
    struct state_submission s = submission_of();
    const struct hash engine = {{7}};
    struct attestation a;
    struct sandbox_result r = {.outcome = OUTCOME_INFRA};
    assert_int_equal(eval_attest(&c, &s, &r, &engine, blob, &a), ERR_UNSUPPORTED);
    r = (struct sandbox_result){.outcome = OUTCOME_OK, .score = 10001};
    assert_int_equal(eval_attest(&c, &s, &r, &engine, blob, &a), ERR_MALFORMED);
    r.score = 1;
    assert_int_equal(eval_attest(&c, &s, &r, &engine, SPAN_LITERAL("other"), &a), ERR_MALFORMED);
    r.outcome = OUTCOME_TRAP;
    assert_int_equal(eval_attest(&c, &s, &r, &engine, blob, &a), ERR_OK);
    assert_int_equal(a.score, 0);
    assert_int_equal(a.outcome, OUTCOME_TRAP);
    const uint8_t salt[32] = {1};
    struct hotkey k = {{5}};
    struct hash x = eval_commitment(&a, salt, &k), y = epoch_commitment(&a, salt, &k);
    assert_memory_equal(&x, &y, sizeof x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_says_what_was_agreed),
        cmocka_unit_test(an_attestation_is_of_agreed_things),
        cmocka_unit_test(digests_are_those_of_the_definition),
        cmocka_unit_test(our_own_failures_are_not_attested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
