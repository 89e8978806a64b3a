/* The host functions, on a guest memory that is only an array. */
#include "base/test.h"
#include "sandbox/run.h"

enum { MEMORY = 66000, GAS = 1000000 };

static const struct challenge_storage_entry storage[] = {
    {SPAN_LITERAL("a"), SPAN_LITERAL("first")},
    {SPAN_LITERAL("key"), SPAN_LITERAL("value")},
};

struct bed {
    uint8_t memory[MEMORY];
    uint8_t log[SANDBOX_LOG_MAX];
    struct sandbox_job job;
    struct run run;
    struct guest guest;
};

static struct bed *bed_open(void)
{
    static struct bed b;
    memset(&b, 0, sizeof b);
    memset(b.memory, 0xee, sizeof b.memory);
    b.job.policy = sandbox_policy_default();
    b.job.context =
        (struct sandbox_context){.epoch = 5, .height = 6, .time_ms = 7, .submissions = 8};
    b.job.storage = storage;
    b.job.storage_count = COUNT_OF(storage);
    run_init(&b.run, &b.job, (struct room){b.log, sizeof b.log});
    b.guest = (struct guest){b.memory, MEMORY, GAS};
    return &b;
}

static uint64_t call(struct bed *b, enum host_function f, uint64_t x, uint64_t y, uint64_t z)
{
    const uint64_t args[] = {x, y, z};
    return host_serve(&b->run, f, args, &b->guest);
}

static uint64_t negative(int32_t x)
{
    return (uint32_t)x;
}

static void test_spans_stay_inside(void **state)
{
    (void)state;
    struct guest g = {(uint8_t *)1, MEMORY, 0};
    struct span s;
    assert_true(guest_span(&g, 0, MEMORY, &s));
    assert_true(guest_span(&g, MEMORY, 0, &s));
    assert_false(guest_span(&g, MEMORY, 1, &s));
    assert_false(guest_span(&g, 1, MEMORY, &s));
    assert_false(guest_span(&g, UINT32_MAX, UINT32_MAX, &s));
    assert_false(guest_span(&g, UINT64_MAX, 2, &s));
    assert_false(guest_span(&g, 2, UINT64_MAX, &s));
}

static void test_facts(void **state)
{
    (void)state;
    struct bed *b = bed_open();
    assert_int_equal(call(b, HOST_EPOCH, 0, 0, 0), 5);
    assert_int_equal(call(b, HOST_HEIGHT, 0, 0, 0), 6);
    assert_int_equal(call(b, HOST_TIME, 0, 0, 0), 7);
    assert_int_equal(call(b, HOST_SUBMISSIONS, 0, 0, 0), 8);
    assert_int_equal(b->run.host_calls, 4);
    assert_int_equal(b->guest.gas, GAS - 4 * SANDBOX_GAS_HOST_CALL);
}

static void test_storage(void **state)
{
    (void)state;
    struct bed *b = bed_open();
    memcpy(b->memory, "key", 3);
    assert_int_equal(call(b, HOST_STORAGE_GET, 0, 3, 100), 5);
    assert_memory_equal(b->memory + 100, "value", 5);
    assert_int_equal(b->memory[105], 0xee);
    assert_int_equal(call(b, HOST_STORAGE_GET, 0, 2, 100), 0);
    assert_int_equal(call(b, HOST_STORAGE_GET, 0, 1024, 100), 0);
    assert_true(call(b, HOST_STORAGE_GET, 0, 1025, 100) == negative(-1));
    assert_true(call(b, HOST_STORAGE_GET, MEMORY - 1, 2, 100) == negative(-100));
    assert_true(call(b, HOST_STORAGE_GET, 0, 3, MEMORY - 4) == negative(-100));
    assert_int_equal(b->memory[MEMORY - 4], 0xee);
    assert_int_equal(b->run.verdict.outcome, OUTCOME_OK);
}

static void test_the_seed_is_agreed(void **state)
{
    (void)state;
    uint8_t first[100];
    struct bed *b = bed_open();
    assert_int_equal(call(b, HOST_SEED, 8, 100, 0), 0);
    memcpy(first, b->memory + 8, sizeof first);
    assert_int_equal(b->memory[108], 0xee);
    b = bed_open();
    call(b, HOST_SEED, 200, 100, 0);
    assert_memory_equal(b->memory + 200, first, sizeof first);
    b = bed_open();
    b->job.context.seed.bytes[0] = 1;
    call(b, HOST_SEED, 200, 100, 0);
    assert_memory_not_equal(b->memory + 200, first, 32);
    assert_true(call(b, HOST_SEED, MEMORY - 10, 11, 0) == negative(-100));
    assert_int_equal(b->memory[MEMORY - 10], 0xee);
    assert_true(call(b, HOST_SEED, 0, 65537, 0) == negative(-100));
    assert_int_equal(call(b, HOST_SEED, 0, 65536, 0), 0);
}

static void test_the_log_is_cut_not_refused(void **state)
{
    (void)state;
    struct bed *b = bed_open();
    b->job.policy.log_bytes = 10;
    run_init(&b->run, &b->job, (struct room){b->log, sizeof b->log});
    memcpy(b->memory, "hello, world", 12);
    call(b, HOST_LOG, 0, 0, 3);
    call(b, HOST_LOG, 1, 0, 12);
    call(b, HOST_LOG, 2, 0, 12);
    assert_memory_equal(b->log, "I hel\nW h\n", 10);
    assert_int_equal(b->run.log.used, 10);
    assert_int_equal(b->run.log_dropped, 11 + 12);
    call(b, HOST_LOG, 0, MEMORY, 1);
    assert_int_equal(b->run.verdict.outcome, OUTCOME_OK);
}

static void test_caps(void **state)
{
    (void)state;
    struct bed *b = bed_open();
    b->job.policy.host_calls = 2;
    call(b, HOST_EPOCH, 0, 0, 0);
    call(b, HOST_EPOCH, 0, 0, 0);
    assert_int_equal(b->run.verdict.outcome, OUTCOME_OK);
    assert_int_equal(call(b, HOST_EPOCH, 0, 0, 0), 0);
    assert_int_equal(b->run.verdict.outcome, OUTCOME_HOST_CALLS);

    b = bed_open();
    b->job.policy.host_bytes = 10;
    call(b, HOST_LOG, 0, 0, 10);
    assert_int_equal(b->run.verdict.outcome, OUTCOME_OK);
    call(b, HOST_LOG, 0, 0, 1);
    assert_int_equal(b->run.verdict.outcome, OUTCOME_HOST_BYTES);

    b = bed_open();
    b->guest.gas = SANDBOX_GAS_HOST_CALL + 4;
    call(b, HOST_LOG, 0, 0, 5);
    assert_int_equal(b->run.verdict.outcome, OUTCOME_OUT_OF_GAS);
    assert_int_equal(b->guest.gas, 0);

    b = bed_open();
    call(b, HOST_REFUSED, 0, 0, 0);
    assert_int_equal(b->run.verdict.outcome, OUTCOME_POLICY);
}

static struct hash transcript(uint64_t pointer, uint64_t len, enum host_function f)
{
    struct bed *b = bed_open();
    memcpy(b->memory, "abc", 3);
    call(b, f, 0, pointer, len);
    return hasher_close(&b->run.transcript);
}

static void test_the_transcript_tells_calls_apart(void **state)
{
    (void)state;
    struct hash a = transcript(0, 2, HOST_LOG), same = transcript(0, 2, HOST_LOG);
    struct hash other = transcript(1, 2, HOST_LOG), longer = transcript(0, 3, HOST_LOG);
    struct hash kind = transcript(0, 2, HOST_EPOCH);
    assert_true(hash_equal(&a, &same));
    assert_false(hash_equal(&a, &other) || hash_equal(&a, &longer) || hash_equal(&a, &kind));
    /* Also what the guest was given. */
    struct bed *b = bed_open();
    call(b, HOST_SEED, 8, 32, 0);
    a = hasher_close(&b->run.transcript);
    b = bed_open();
    b->job.context.seed.bytes[0] = 1;
    call(b, HOST_SEED, 8, 32, 0);
    other = hasher_close(&b->run.transcript);
    assert_false(hash_equal(&a, &other));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_spans_stay_inside),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_storage),
        cmocka_unit_test(test_the_seed_is_agreed),
        cmocka_unit_test(test_the_log_is_cut_not_refused),
        cmocka_unit_test(test_caps),
        cmocka_unit_test(test_the_transcript_tells_calls_apart),
    };
    return cmocka_run_group_tests_name("hosts", all, NULL, NULL);
}
