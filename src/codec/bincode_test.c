#include "base/test.h"
#include "codec/bincode.h"
#include "codec/hex.h"

static struct span bytes_of(const char *hex, struct room out)
{
    size_t len = strlen(hex) / 2;
    assert_true(len <= out.len);
    assert_int_equal(hex_decode(span_of(hex, 2 * len), (struct room){out.ptr, len}), ERR_OK);
    return span_of(out.ptr, len);
}

/* The reference's own bytes, from its struct order and bincode's rules. */
static const char INPUT[] = "03000000000000000102030400000000000000746573740100000000000000"
                            "0400010100000000000000ff";
static const char OUTPUT[] = "34210000000000000102000000000000006f6b0000";

static void test_the_input_is_the_references(void **state)
{
    (void)state;
    uint8_t want_room[64], room[64];
    struct bincode_input in = {.agent_data = SPAN_LITERAL("\1\2\3"),
                               .challenge_id = SPAN_LITERAL("test"),
                               .params = SPAN_LITERAL("\4"),
                               .has_environment_config = true,
                               .environment_config = SPAN_LITERAL("\xff")};
    struct span want = bytes_of(INPUT, (struct room){want_room, sizeof want_room});
    struct span got = bincode_input_encode(&in, (struct room){room, sizeof room});
    assert_true(span_equal(got, want));
    assert_int_equal(bincode_input_size(&in), want.len);
    assert_null(bincode_input_encode(&in, (struct room){room, want.len - 1}).ptr);

    struct bincode_input back = {0};
    assert_int_equal(bincode_input_decode(want, &back), ERR_OK);
    assert_true(span_equal(back.challenge_id, in.challenge_id));
    assert_true(back.has_environment_config && !back.has_task_definition);
    for (size_t n = 0; n < want.len; n++)
        assert_int_not_equal(bincode_input_decode(span_of(want.ptr, n), &back), ERR_OK);
}

static void test_the_output_is_the_references(void **state)
{
    (void)state;
    uint8_t room[64], again[64];
    struct span in = bytes_of(OUTPUT, (struct room){room, sizeof room});
    struct bincode_output o = {0};
    assert_int_equal(bincode_output_decode(in, 64, &o), ERR_OK);
    assert_true(o.score == 8500 && o.valid && !o.has_metrics && !o.has_details);
    assert_true(span_equal(o.message, SPAN_LITERAL("ok")));
    assert_true(span_equal(bincode_output_encode(&o, (struct room){again, sizeof again}), in));
    for (size_t n = 0; n < in.len; n++)
        assert_int_not_equal(bincode_output_decode(span_of(in.ptr, n), 64, &o), ERR_OK);
}

static void refuse(const char *hex, uint64_t max, enum err want)
{
    uint8_t room[64];
    struct bincode_output o = {.score = 77};
    struct span in = bytes_of(hex, (struct room){room, sizeof room});
    assert_int_equal(bincode_output_decode(in, max, &o), want);
    assert_true(o.score == 77); /* Outputs are written on success only. */
}

static void test_bad_outputs_are_refused(void **state)
{
    (void)state;
    refuse("34210000000000000202000000000000006f6b0000", 64, ERR_MALFORMED); /* bool 2 */
    refuse("34210000000000000102000000000000006f6b0002", 64, ERR_MALFORMED); /* Option tag 2 */
    refuse("3421000000000000010200000000000000c0800000", 64, ERR_MALFORMED); /* not UTF-8 */
    refuse("342100000000000001ffffffffffffffff6f6b0000", 64, ERR_TOO_BIG);
    refuse("342100000000000001ffffffffffffffff6f6b0000", UINT64_MAX, ERR_MALFORMED);
    refuse("34210000000000000102000000000000006f6b0000", 1, ERR_TOO_BIG);
}

static void test_utf8(void **state)
{
    (void)state;
    assert_true(utf8_is_valid((struct span){0}));
    assert_true(utf8_is_valid(
        SPAN_LITERAL("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf")));
    assert_true(
        utf8_is_valid(SPAN_LITERAL("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xef\xbf\xbf "
                                   "\xf0\x90\x80\x80")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\xc1\xbf")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\xf0\x8f\xbf\xbf")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\xf5\x80\x80\x80")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\xe0\x9f\xbf")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\xed\xa0\x80")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\xf4\x90\x80\x80")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\xe2\x82")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\xf0\x9f\x98\x28")));
    assert_false(utf8_is_valid(SPAN_LITERAL("\x80")));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_the_input_is_the_references),
        cmocka_unit_test(test_the_output_is_the_references),
        cmocka_unit_test(test_bad_outputs_are_refused),
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests_name("bincode", all, NULL, NULL);
}
