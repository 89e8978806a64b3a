#include "base/test.h"
#include "codec/scale.h"

static void test_compact_both_ways(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        struct span bytes;
    } cases[] = {
        {0, SPAN_LITERAL("\x00")},
        {63, SPAN_LITERAL("\xfc")},
        {64, SPAN_LITERAL("\x01\x01")},
        {16383, SPAN_LITERAL("\xfd\xff")},
        {16384, SPAN_LITERAL("\x02\x00\x01\x00")},
        {65535, SPAN_LITERAL("\xfe\xff\x03\x00")},
        {1073741823, SPAN_LITERAL("\xfe\xff\xff\xff")},
        {1073741824, SPAN_LITERAL("\x03\x00\x00\x00\x40")},
        {100000000000, SPAN_LITERAL("\x07\x00\xe8\x76\x48\x17")},
        {UINT64_MAX, SPAN_LITERAL("\x13\xff\xff\xff\xff\xff\xff\xff\xff")},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t memory[16];
        struct wr w = wr_init((struct room){memory, sizeof memory});
        scale_put_compact(&w, cases[i].value);
        assert_true(span_equal(wr_done(&w), cases[i].bytes));
        assert_int_equal(scale_compact_size(cases[i].value), cases[i].bytes.len);
        struct rd r = rd_init(cases[i].bytes);
        assert_true(scale_compact(&r) == cases[i].value);
        assert_int_equal(rd_end(&r), ERR_OK);
    }
}

static enum err compact_trouble(struct span bytes)
{
    struct rd r = rd_init(bytes);
    assert_true(scale_compact(&r) == 0);
    return rd_end(&r);
}

static void test_only_the_shortest_form_is_taken(void **state)
{
    (void)state;
    assert_int_equal(compact_trouble(SPAN_LITERAL("\xfd\x00")), ERR_MALFORMED);
    assert_int_equal(compact_trouble(SPAN_LITERAL("\xfe\xff\x00\x00")), ERR_MALFORMED);
    assert_int_equal(compact_trouble(SPAN_LITERAL("\x03\xff\xff\xff\x3f")), ERR_MALFORMED);
    assert_int_equal(compact_trouble(SPAN_LITERAL("\x07\xff\xff\xff\xff\x00")), ERR_MALFORMED);
    assert_int_equal(compact_trouble(SPAN_LITERAL("\x17\x01\x01\x01\x01\x01\x01\x01\x01\x01")),
                     ERR_TOO_BIG);
    assert_int_equal(compact_trouble(SPAN_LITERAL("\xff")), ERR_TOO_BIG);
    assert_int_equal(compact_trouble(SPAN_LITERAL("\x03\x01")), ERR_MALFORMED);
    assert_int_equal(compact_trouble(SPAN_LITERAL("")), ERR_MALFORMED);
}

static void test_wide_values_and_limits(void **state)
{
    (void)state;
    uint64_t high = 0;
    struct rd r = rd_init(SPAN_LITERAL("\x17\x01\x02\x03\x04\x05\x06\x07\x08\x09"));
    assert_true(scale_compact_wide(&r, &high) == 0x0807060504030201);
    assert_true(high == 9);
    uint8_t memory[16];
    struct wr w = wr_init((struct room){memory, sizeof memory});
    scale_put_u128(&w, 0x0807060504030201, 0x100f0e0d0c0b0a09);
    assert_true(
        span_equal(wr_done(&w), SPAN_LITERAL("\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\x10")));
    r = rd_init(SPAN_LITERAL("\x14hello"));
    assert_true(span_equal(scale_bytes(&r, 5), SPAN_LITERAL("hello")));
    r = rd_init(SPAN_LITERAL("\x14hello"));
    assert_int_equal(scale_bytes(&r, 4).len, 0);
    assert_int_equal(r.bad, ERR_TOO_BIG);
    r = rd_init(SPAN_LITERAL("\x0c"
                             "12345"));
    assert_int_equal(scale_count(&r, 10, 2), 0);
    assert_int_equal(r.bad, ERR_MALFORMED);
    r = rd_init(SPAN_LITERAL("\x02"));
    assert_false(scale_option(&r));
    assert_int_equal(r.bad, ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_compact_both_ways),
        cmocka_unit_test(test_only_the_shortest_form_is_taken),
        cmocka_unit_test(test_wide_values_and_limits),
    };
    return cmocka_run_group_tests_name("scale", all, NULL, NULL);
}
