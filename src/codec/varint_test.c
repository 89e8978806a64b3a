#include "base/test.h"
#include "codec/varint.h"

static void test_both_ways(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {
        0,          1,         127,        128,        300,
        16383,      16384,     0xffffffff, 1ull << 62, (1ull << 63) - 1,
        1ull << 63, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        uint8_t bytes[VARINT64_SIZE_MAX];
        struct wr w = wr_init((struct room){bytes, sizeof bytes});
        wr_varint64(&w, numbers[i]);
        assert_int_equal(wr_done(&w).len, varint_size(numbers[i]));
        struct rd r = rd_init(wr_done(&w));
        assert_true(rd_varint64(&r) == numbers[i]);
        assert_int_equal(rd_end(&r), ERR_OK);
        struct rd length = rd_init(wr_done(&w));
        uint64_t got = rd_uvarint(&length);
        if (numbers[i] >> 63)
            assert_int_equal(rd_end(&length), ERR_MALFORMED);
        else
            assert_true(got == numbers[i]);
    }
}

static void refused(const char *bytes, size_t len)
{
    struct rd r = rd_init(span_of(bytes, len));
    assert_true(rd_varint64(&r) == 0);
    assert_int_equal(rd_end(&r), ERR_MALFORMED);
}

static void test_refuses_other_spellings(void **state)
{
    (void)state;
    refused("", 0);
    refused("\x80", 1);
    refused("\x80\x00", 2);
    refused("\xff\x80\x00", 3);
    refused("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10);
    refused("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
}

/* What failed before gives zeros, and its first trouble stays. */
static void test_nothing_is_read_after_a_failure(void **state)
{
    (void)state;
    struct rd r = rd_init(SPAN_LITERAL("\x05"));
    rd_fail(&r, ERR_TOO_BIG);
    assert_true(rd_varint64(&r) == 0 && rd_uvarint(&r) == 0);
    assert_int_equal(rd_end(&r), ERR_TOO_BIG);
}

static void test_peek_waits_for_the_rest(void **state)
{
    (void)state;
    uint64_t x = 7;
    size_t size = 7;
    assert_int_equal(uvarint_peek(SPAN_LITERAL(""), &x, &size), ERR_OK);
    assert_int_equal(size, 0);
    assert_int_equal(uvarint_peek(SPAN_LITERAL("\xac"), &x, &size), ERR_OK);
    assert_int_equal(size, 0);
    assert_int_equal(uvarint_peek(SPAN_LITERAL("\xac\x02zz"), &x, &size), ERR_OK);
    assert_int_equal(size, 2);
    assert_int_equal(x, 300);
    assert_int_equal(uvarint_peek(SPAN_LITERAL("\xff\xff\xff\xff\xff\xff\xff\xff\xff"), &x, &size),
                     ERR_MALFORMED);
    assert_int_equal(uvarint_peek(SPAN_LITERAL("\x80\x00"), &x, &size), ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_refuses_other_spellings),
        cmocka_unit_test(test_nothing_is_read_after_a_failure),
        cmocka_unit_test(test_peek_waits_for_the_rest),
    };
    return cmocka_run_group_tests_name("varint", all, NULL, NULL);
}
