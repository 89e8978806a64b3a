#include "base/test.h"
#include "codec/msg.h"
#include "codec/rd.h"
#include "codec/wr.h"

static void test_reads_back_what_was_written(void **state)
{
    (void)state;
    uint8_t memory[64];
    struct wr w = wr_init((struct room){memory, sizeof memory});
    wr_u8(&w, 0xab);
    wr_u16(&w, 0x1234);
    wr_u32(&w, 0xdeadbeef);
    wr_u64(&w, 0x0102030405060708);
    wr_u16_be(&w, 0x1234);
    wr_bool(&w, true);
    wr_bytes(&w, SPAN_LITERAL("hello"));
    struct span out = wr_done(&w);
    static const uint8_t want[] = {0xab, 0x34, 0x12, 0xef, 0xbe, 0xad, 0xde, 8,    7,
                                   6,    5,    4,    3,    2,    1,    0x12, 0x34, 1,
                                   5,    0,    0,    0,    'h',  'e',  'l',  'l',  'o'};
    assert_true(span_equal(out, span_of(want, sizeof want)));

    struct rd r = rd_init(out);
    assert_int_equal(rd_u8(&r), 0xab);
    assert_int_equal(rd_u16(&r), 0x1234);
    assert_int_equal(rd_u32(&r), 0xdeadbeef);
    assert_true(rd_u64(&r) == 0x0102030405060708);
    assert_true(span_equal(rd_take(&r, 2), SPAN_LITERAL("\x12\x34")));
    assert_true(rd_bool(&r));
    assert_true(span_equal(rd_bytes(&r, 5), SPAN_LITERAL("hello")));
    assert_int_equal(rd_end(&r), ERR_OK);
}

static void test_the_first_trouble_stays(void **state)
{
    (void)state;
    struct rd r = rd_init(SPAN_LITERAL("\x09\x00\x00\x00short"));
    assert_int_equal(rd_bytes(&r, 8).len, 0);
    assert_int_equal(rd_u64(&r), 0);
    assert_int_equal(rd_end(&r), ERR_TOO_BIG);
    r = rd_init(SPAN_LITERAL("\x09\x00\x00\x00short"));
    assert_int_equal(rd_bytes(&r, 100).len, 0);
    assert_int_equal(rd_end(&r), ERR_MALFORMED);
    r = rd_init(SPAN_LITERAL("\x02"));
    assert_false(rd_bool(&r));
    assert_int_equal(rd_end(&r), ERR_MALFORMED);
    r = rd_init(SPAN_LITERAL("\x01\x02"));
    assert_int_equal(rd_u8(&r), 1);
    assert_int_equal(rd_end(&r), ERR_MALFORMED); /* Trailing byte. */
}

static void test_a_count_is_bounded_by_the_bytes_left(void **state)
{
    (void)state;
    struct rd r = rd_init(SPAN_LITERAL("\x03\x00\x00\x00"
                                       "12345678"));
    assert_int_equal(rd_count(&r, 10, 4), 0);
    assert_int_equal(r.bad, ERR_MALFORMED);
    r = rd_init(SPAN_LITERAL("\x02\x00\x00\x00"
                             "12345678"));
    assert_int_equal(rd_count(&r, 10, 4), 2);
    r = rd_init(SPAN_LITERAL("\xff\xff\xff\xff"));
    assert_int_equal(rd_count(&r, 10, 1), 0);
    assert_int_equal(r.bad, ERR_TOO_BIG);
}

static void test_fixed_room_is_filled_or_cleared(void **state)
{
    (void)state;
    uint8_t out[2] = {9, 9};
    struct rd r = rd_init(SPAN_LITERAL("\x01\x02\x03"));
    rd_into(&r, (struct room){out, 1});
    assert_true(out[0] == 1 && out[1] == 9);
    rd_into(&r, (struct room){out, 2});
    assert_true(out[0] == 2 && out[1] == 3);
    rd_into(&r, (struct room){out, 1});
    assert_true(out[0] == 0 && out[1] == 3);
    assert_int_equal(rd_end(&r), ERR_MALFORMED);
}

static enum err text_trouble(struct span bytes)
{
    struct rd r = rd_init(bytes);
    struct span s = rd_text(&r, 3);
    assert_true(r.bad == ERR_OK || s.len == 0);
    return rd_end(&r);
}

static void test_text_is_printable(void **state)
{
    (void)state;
    assert_int_equal(text_trouble(SPAN_LITERAL("\x03\0\0\0 ~a")), ERR_OK);
    assert_int_equal(text_trouble(SPAN_LITERAL("\x04\0\0\0 ~ab")), ERR_TOO_BIG);
    assert_int_equal(text_trouble(SPAN_LITERAL("\x02\0\0\0\x1f~")), ERR_MALFORMED);
    assert_int_equal(text_trouble(SPAN_LITERAL("\x02\0\0\0a\n")), ERR_MALFORMED);
    assert_int_equal(text_trouble(SPAN_LITERAL("\x01\0\0\0\x7f")), ERR_MALFORMED);
}

static void test_a_full_writer_writes_nothing_more(void **state)
{
    (void)state;
    uint8_t memory[4] = {9, 9, 9, 9};
    struct wr w = wr_init((struct room){memory, 3});
    wr_u16(&w, 1);
    wr_u16(&w, 2);
    wr_u8(&w, 3);
    assert_null(wr_done(&w).ptr);
    assert_int_equal(memory[2], 9);
    assert_int_equal(memory[3], 9);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_reads_back_what_was_written),
        cmocka_unit_test(test_the_first_trouble_stays),
        cmocka_unit_test(test_a_count_is_bounded_by_the_bytes_left),
        cmocka_unit_test(test_fixed_room_is_filled_or_cleared),
        cmocka_unit_test(test_text_is_printable),
        cmocka_unit_test(test_a_full_writer_writes_nothing_more),
    };
    return cmocka_run_group_tests_name("rd", all, NULL, NULL);
}
