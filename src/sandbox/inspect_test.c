/* The static inspection, on modules made of bytes.  tests/hostile has the many. */
#include "base/test.h"
#include "codec/hex.h"
#include "sandbox/sandbox.h"
#include "sandbox/scan.h"

/* The smallest module that is taken: alloc, evaluate, a memory of two pages. */
static const uint8_t good[] = {
    0,    'a', 's',  'm',  1,   0,    0,   0,    1,   12,  2,    0x60, 1,    0x7f, 1,   0x7f,
    0x60, 2,   0x7f, 0x7f, 1,   0x7e, /* types */
    3,    3,   2,    0,    1,         /* functions */
    5,    3,   1,    0,    2,         /* memory */
    7,    29,  3,    6,    'm', 'e',  'm', 'o',  'r', 'y', 2,    0,    5,    'a',  'l', 'l',
    'o',  'c', 0,    0,    8,   'e',  'v', 'a',  'l', 'u', 'a',  't',  'e',  0,    1, /* exports */
    10,   11,  2,    4,    0,   0x41, 1,   0x0b, 4,   0,   0x42, 0,    0x0b,          /* code */
};

static struct sandbox_verdict inspect(struct span module, struct sandbox_facts *facts)
{
    static struct sandbox_verdict verdict;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 128 << 10), ERR_OK);
    sandbox_inspect(module, &arena, facts, &verdict);
    assert_int_equal(arena_mark(&arena), 0);
    arena_close(&arena);
    return verdict;
}

static void test_a_good_module_and_its_facts(void **state)
{
    (void)state;
    struct sandbox_facts f = {0};
    assert_int_equal(inspect(span_of(good, sizeof good), &f).outcome, OUTCOME_OK);
    assert_true(f.pages_min == 2 && f.table_min == 0 && f.imports == 0 && f.has_alloc);
    assert_false(f.has_validate || f.has_initialize);
}

static void test_every_prefix_is_refused(void **state)
{
    (void)state;
    struct sandbox_facts f = {.pages_min = 77};
    for (size_t n = 0; n < sizeof good; n++)
        assert_int_not_equal(inspect(span_of(good, n), &f).outcome, OUTCOME_OK);
    assert_int_equal(f.pages_min, 77); /* Written only when ok. */
}

static void test_a_small_arena_is_a_local_failure(void **state)
{
    (void)state;
    struct sandbox_verdict v;
    struct sandbox_facts f;
    struct arena none = {0};
    sandbox_inspect(span_of(good, sizeof good), &none, &f, &v);
    assert_int_equal(v.outcome, OUTCOME_INFRA);
}

static void test_the_policy_decides_on_facts(void **state)
{
    (void)state;
    struct sandbox_verdict v;
    struct policy p = sandbox_policy_default();
    struct sandbox_facts f = {.pages_min = 2, .table_min = 4};
    sandbox_admit(&f, &p, &v);
    assert_int_equal(v.outcome, OUTCOME_OK);
    p.memory_pages = 1;
    sandbox_admit(&f, &p, &v);
    assert_int_equal(v.outcome, OUTCOME_MEMORY);
    p.memory_pages = 2;
    p.table_elements = 3;
    sandbox_admit(&f, &p, &v);
    assert_int_equal(v.outcome, OUTCOME_TABLE);
    p.table_elements = 4;
    for (size_t i = 0; i < HOST_TABLE_COUNT; i++) {
        f.imports = UINT64_C(1) << i;
        p.host_functions = HOST_TABLE[i].policy;
        sandbox_admit(&f, &p, &v);
        assert_int_equal(v.outcome, HOST_TABLE[i].policy == 0 ? OUTCOME_POLICY : OUTCOME_OK);
        p.host_functions = 31 & ~HOST_TABLE[i].policy;
        sandbox_admit(&f, &p, &v);
        assert_int_equal(v.outcome, OUTCOME_POLICY);
        assert_non_null(
            memmem(v.detail, v.detail_size, HOST_TABLE[i].name, strlen(HOST_TABLE[i].name)));
    }
}

static void policy_refused(struct policy p)
{
    struct sandbox_verdict v;
    sandbox_policy_check(&p, &v);
    assert_int_equal(v.outcome, OUTCOME_POLICY);
    assert_true(v.detail_size > 0);
}

static void test_bounds_of_a_policy(void **state)
{
    (void)state;
    struct sandbox_verdict v;
    struct policy p = sandbox_policy_default(), q;
    sandbox_policy_check(&p, &v);
    assert_int_equal(v.outcome, OUTCOME_OK);
    policy_refused((q = p, q.gas = 0, q));
    policy_refused((q = p, q.gas = UINT64_MAX, q));
    policy_refused((q = p, q.wall_ms = 0, q));
    policy_refused((q = p, q.memory_pages = SANDBOX_PAGES_MAX + 1, q));
    policy_refused((q = p, q.stack_bytes = SANDBOX_STACK_MIN / 2, q));
    policy_refused((q = p, q.stack_bytes = SANDBOX_STACK_MIN + 4096, q));
    policy_refused((q = p, q.stack_bytes = 2 * SANDBOX_STACK_MAX, q));
    policy_refused((q = p, q.log_bytes = SANDBOX_LOG_MAX + 1, q));
    policy_refused((q = p, q.host_functions = 32, q));
    policy_refused((q = p, q.memory_pages = 0, q));
    policy_refused((q = p, q.table_elements = MODULE_TABLE_ELEMENTS_MAX + 1, q));
    policy_refused((q = p, q.input_bytes = 0, q));
    policy_refused((q = p, q.input_bytes = SANDBOX_INPUT_MAX + 1, q));
    policy_refused((q = p, q.output_bytes = 0, q));
    policy_refused((q = p, q.output_bytes = SANDBOX_INPUT_MAX + 1, q));
    policy_refused((q = p, q.wall_ms = 3600001, q));
    /* All at their bounds. */
    q = (struct policy){.gas = INT64_MAX,
                        .wall_ms = 3600000,
                        .memory_pages = SANDBOX_PAGES_MAX,
                        .table_elements = MODULE_TABLE_ELEMENTS_MAX,
                        .stack_bytes = SANDBOX_STACK_MAX,
                        .host_calls = UINT32_MAX,
                        .host_bytes = UINT32_MAX,
                        .input_bytes = SANDBOX_INPUT_MAX,
                        .output_bytes = SANDBOX_INPUT_MAX,
                        .log_bytes = SANDBOX_LOG_MAX,
                        .host_functions = 31};
    sandbox_policy_check(&q, &v);
    assert_int_equal(v.outcome, OUTCOME_OK);
    q = (struct policy){.gas = 1,
                        .wall_ms = 1,
                        .memory_pages = 1,
                        .stack_bytes = SANDBOX_STACK_MIN,
                        .input_bytes = 1,
                        .output_bytes = 1};
    sandbox_policy_check(&q, &v);
    assert_int_equal(v.outcome, OUTCOME_OK);
}

static void test_the_host_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < HOST_TABLE_COUNT; i++) {
        const struct host_entry *e = &HOST_TABLE[i];
        struct span module = span_of(e->module, strlen(e->module));
        struct span name = span_of(e->name, strlen(e->name));
        assert_ptr_equal(host_entry_find(module, name), e); /* No two of one name. */
        assert_int_equal(e->policy == 0, e->function == HOST_REFUSED);
        assert_true(strspn(e->type, "iI") + strspn(strchr(e->type, '>'), ">iI") == strlen(e->type));
    }
    assert_null(host_entry_find(SPAN_LITERAL("platform_sandbox"), SPAN_LITERAL("log_messag")));
    assert_null(host_entry_find((struct span){0}, (struct span){0}));
}

static int64_t signed_leb(const char *bytes, size_t len, unsigned bits, enum err want)
{
    struct rd r = rd_init(span_of(bytes, len));
    int64_t x = leb_s(&r, bits);
    assert_int_equal(r.bad, want);
    return x;
}

static uint32_t unsigned_leb(const char *bytes, size_t len, enum err want)
{
    struct rd r = rd_init(span_of(bytes, len));
    uint32_t x = leb_u32(&r);
    assert_int_equal(r.bad, want);
    return x;
}

static void test_leb128(void **state)
{
    (void)state;
    assert_int_equal(unsigned_leb("\xe5\x8e\x26", 3, ERR_OK), 624485);
    assert_true(unsigned_leb("\xff\xff\xff\xff\x0f", 5, ERR_OK) == UINT32_MAX);
    assert_int_equal(unsigned_leb("\x81\x80\x80\x80\x00", 5, ERR_OK), 1); /* Longer than needed. */
    unsigned_leb("\xff\xff\xff\xff\x1f", 5, ERR_MALFORMED);               /* Over 32 bits. */
    unsigned_leb("\x80\x80\x80\x80\x80\x00", 6, ERR_MALFORMED);
    unsigned_leb("\x80", 1, ERR_MALFORMED);
    assert_true(signed_leb("\xc0\xbb\x78", 3, 32, ERR_OK) == -123456);
    assert_true(signed_leb("\x80\x80\x80\x80\x78", 5, 32, ERR_OK) == INT32_MIN);
    assert_true(signed_leb("\xff\xff\xff\xff\x07", 5, 32, ERR_OK) == INT32_MAX);
    signed_leb("\xff\xff\xff\xff\x0f", 5, 32, ERR_MALFORMED); /* Spare bits differ from the sign. */
    assert_true(signed_leb("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 10, 64, ERR_OK) ==
                INT64_MIN);
    signed_leb("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7e", 10, 64, ERR_MALFORMED);
    assert_true(signed_leb("\x40", 1, 33, ERR_OK) == -64);
}

static void test_the_engine_id_is_stable(void **state)
{
    (void)state;
    struct hash a = sandbox_engine_id(), b = sandbox_engine_id();
    assert_true(hash_equal(&a, &b) && !hash_is_zero(&a));
#if defined(__x86_64__)
    /* Another setting of the engine is another engine: whoever changes one changes
     * this line too, and the network has validators that do not agree. */
    char text[2 * HASH_SIZE + 1];
    hex_encode(hash_span(&a), text, sizeof text);
    assert_string_equal(text, "bf4f5ff5aa84771f4192072abc143238008ac56384cc666f7dd9d1b0a11eb062");
#endif
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_a_good_module_and_its_facts),
        cmocka_unit_test(test_every_prefix_is_refused),
        cmocka_unit_test(test_a_small_arena_is_a_local_failure),
        cmocka_unit_test(test_the_policy_decides_on_facts),
        cmocka_unit_test(test_bounds_of_a_policy),
        cmocka_unit_test(test_the_host_table_is_sound),
        cmocka_unit_test(test_leb128),
        cmocka_unit_test(test_the_engine_id_is_stable),
    };
    return cmocka_run_group_tests_name("inspect", all, NULL, NULL);
}
