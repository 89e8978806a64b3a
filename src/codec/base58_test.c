#include "base/test.h"
#include "codec/base58.h"
#include "codec/hex.h"

/* From draft-msporny-base58-03, section 4, and its rule on leading zeros. */
static const struct {
    const char *hex, *text;
} known[] = {
    {"", ""},
    {"48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"},
    {"0000287fb4cd", "11233QC4"},
    {"000000", "111"},
    {"ff", "5Q"},
};

static void test_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        uint8_t bytes[32], back[32];
        size_t len = strlen(known[i].hex) / 2, got = 99;
        char text[BASE58_TEXT_MAX];
        assert_int_equal(hex_decode(span_of(known[i].hex, 2 * len), (struct room){bytes, len}),
                         ERR_OK);
        base58_encode(span_of(bytes, len), text, sizeof text);
        assert_string_equal(text, known[i].text);
        assert_int_equal(
            base58_decode(span_of(text, strlen(text)), (struct room){back, sizeof back}, &got),
            ERR_OK);
        assert_true(span_equal(span_of(back, got), span_of(bytes, len)));
    }
}

static void test_longest_input_fits(void **state)
{
    (void)state;
    uint8_t bytes[BASE58_BYTES_MAX], back[BASE58_BYTES_MAX];
    char text[BASE58_TEXT_MAX];
    size_t got = 0;
    memset(bytes, 0xff, sizeof bytes);
    base58_encode(span_of(bytes, sizeof bytes), text, sizeof text);
    assert_int_equal(
        base58_decode(span_of(text, strlen(text)), (struct room){back, sizeof back}, &got), ERR_OK);
    assert_true(span_equal(span_of(back, got), span_of(bytes, sizeof bytes)));
}

static void test_refuses(void **state)
{
    (void)state;
    uint8_t back[4];
    size_t got = 7;
    struct room out = {back, sizeof back};
    assert_int_equal(base58_decode(SPAN_LITERAL("2NEpo0"), out, &got), ERR_MALFORMED);
    assert_int_equal(base58_decode(SPAN_LITERAL("l"), out, &got), ERR_MALFORMED);
    assert_int_equal(base58_decode(SPAN_LITERAL("a\0"), out, &got), ERR_MALFORMED);
    assert_int_equal(base58_decode(SPAN_LITERAL("11111"), out, &got), ERR_TOO_BIG);
    assert_int_equal(base58_decode(SPAN_LITERAL("zzzzzzz"), out, &got), ERR_TOO_BIG);
    assert_int_equal(got, 7);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_longest_input_fits),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests_name("base58", all, NULL, NULL);
}
