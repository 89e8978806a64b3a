#include "base/test.h"
#include "codec/pb.h"

static void test_both_ways(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_pb_number(&w, 1, 300);
    wr_pb_bytes(&w, 2, SPAN_LITERAL("abc"));
    wr_pb_open(&w, 19, 2);
    wr_pb_number(&w, 3, 0);
    struct span s = wr_done(&w);
    assert_int_equal(s.len, pb_number_size(1, 300) + pb_bytes_size(2, 3) + pb_bytes_size(19, 2));

    struct rd r = rd_init(s);
    struct pb_field f;
    assert_true(pb_next(&r, &f));
    assert_true(f.number == 1 && f.type == PB_VARINT && f.value == 300);
    assert_true(pb_next(&r, &f));
    assert_true(f.number == 2 && pb_is(&r, &f, PB_BYTES));
    assert_true(span_equal(f.bytes, SPAN_LITERAL("abc")));
    assert_true(pb_next(&r, &f));
    assert_true(f.number == 19 && f.bytes.len == 2);
    assert_false(pb_next(&r, &f));
    assert_int_equal(rd_end(&r), ERR_OK);
}

static void test_fixed_fields_are_read(void **state)
{
    (void)state;
    struct rd r = rd_init(SPAN_LITERAL("\x09\1\0\0\0\0\0\0\0\x15\2\0\0\0"));
    struct pb_field f;
    assert_true(pb_next(&r, &f) && f.type == PB_FIXED64 && f.value == 1);
    assert_true(pb_next(&r, &f) && f.type == PB_FIXED32 && f.value == 2);
    assert_int_equal(rd_end(&r), ERR_OK);
}

static void refused(const char *bytes, size_t len)
{
    struct rd r = rd_init(span_of(bytes, len));
    struct pb_field f;
    while (pb_next(&r, &f))
        ;
    assert_int_equal(rd_end(&r), ERR_MALFORMED);
}

static void test_refuses(void **state)
{
    (void)state;
    refused("\x0a\x05zzzz", 6);                              /* shorter than its length */
    refused("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10); /* a length of 2^63 - 1 */
    refused("\x0b", 1);                                      /* a group */
    refused("\x0e\x01", 2);                                  /* wire type 6 */
    refused("\x00\x01", 2);                                  /* field number 0 */
    refused("\x08", 1);                                      /* no value */
    refused("\x08\x80\x00", 3);                              /* a longer spelling */
    struct rd r = rd_init(SPAN_LITERAL("\x08\x01"));
    struct pb_field f;
    assert_true(pb_next(&r, &f));
    assert_false(pb_is(&r, &f, PB_BYTES));
    assert_int_equal(rd_end(&r), ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_fixed_fields_are_read),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests_name("pb", all, NULL, NULL);
}
