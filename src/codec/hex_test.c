#include "base/test.h"
#include "codec/hex.h"

static void test_both_ways(void **state)
{
    (void)state;
    char text[9];
    hex_encode(SPAN_LITERAL("\x00\x9a\xff\x10"), text, sizeof text);
    assert_string_equal(text, "009aff10");
    uint8_t back[4];
    assert_int_equal(hex_decode(SPAN_LITERAL("009AfF10"), (struct room){back, 4}), ERR_OK);
    assert_memory_equal(back, "\x00\x9a\xff\x10", 4);
}

static void test_refuses_other_text_and_writes_nothing(void **state)
{
    (void)state;
    uint8_t back[2] = {7, 7};
    struct room out = {back, 2};
    assert_int_equal(hex_decode(SPAN_LITERAL("00"), out), ERR_MALFORMED);
    assert_int_equal(hex_decode(SPAN_LITERAL("0000000"), out), ERR_MALFORMED);
    assert_int_equal(hex_decode(SPAN_LITERAL("00000"), out), ERR_MALFORMED);
    assert_int_equal(hex_decode(SPAN_LITERAL("00g0"), out), ERR_MALFORMED);
    assert_int_equal(hex_decode(SPAN_LITERAL("0x00"), out), ERR_MALFORMED);
    assert_int_equal(back[0], 7);
    assert_true(span_equal(hex_strip(SPAN_LITERAL("0x0a")), SPAN_LITERAL("0a")));
    assert_true(span_equal(hex_strip(SPAN_LITERAL("0a")), SPAN_LITERAL("0a")));
}

static void test_numbers(void **state)
{
    (void)state;
    uint64_t x = 5;
    assert_int_equal(hex_number(SPAN_LITERAL("0"), &x), ERR_OK);
    assert_true(x == 0);
    assert_int_equal(hex_number(SPAN_LITERAL("00000000000001Cf"), &x), ERR_OK);
    assert_true(x == 0x1cf);
    assert_int_equal(hex_number(SPAN_LITERAL("ffffffffffffffff"), &x), ERR_OK);
    assert_true(x == UINT64_MAX);
    x = 7;
    assert_int_equal(hex_number(SPAN_LITERAL(""), &x), ERR_MALFORMED);
    assert_int_equal(hex_number(SPAN_LITERAL("10000000000000000"), &x), ERR_MALFORMED);
    assert_int_equal(hex_number(SPAN_LITERAL("0x1"), &x), ERR_MALFORMED);
    assert_true(x == 7);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_refuses_other_text_and_writes_nothing),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests_name("hex", all, NULL, NULL);
}
