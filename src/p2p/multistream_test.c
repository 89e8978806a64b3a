#include "base/test.h"
#include "p2p/multistream.h"

#define HEADER "\x13/multistream/1.0.0\n"

static const struct span protocols[] = {
    {(const uint8_t *)"/a/1", 4},
    {(const uint8_t *)"/b/1", 4},
};

/* Feeds all bytes in pieces of the given size, keeping what was not consumed. */
static enum multistream_result feed(struct multistream *m, struct span in, size_t piece,
                                    size_t *used, struct wr *out)
{
    enum multistream_result result = MULTISTREAM_MORE;
    *used = 0;
    for (size_t seen = 0; result == MULTISTREAM_MORE && seen < in.len;) {
        seen = min_u64(seen + piece, in.len);
        size_t n;
        result = multistream_step(m, span_of(in.ptr + *used, seen - *used), &n, out);
        *used += n;
    }
    return result;
}

static void listen_case(struct span in, enum multistream_result want, struct span answer,
                        uint8_t choice, size_t left)
{
    for (size_t piece = 1; piece <= in.len; piece++) {
        uint8_t bytes[MULTISTREAM_WRITE_MAX];
        struct wr out = wr_init((struct room){bytes, sizeof bytes});
        struct multistream m = multistream_listen(protocols, COUNT_OF(protocols));
        size_t used;
        assert_int_equal(feed(&m, in, piece, &used, &out), want);
        assert_true(span_equal(wr_done(&out), answer));
        if (want == MULTISTREAM_AGREED) {
            assert_int_equal(m.choice, choice);
            assert_int_equal(in.len - used, left);
        }
    }
}

static void dial_case(struct span in, enum multistream_result want, struct span answer)
{
    for (size_t piece = 1; piece <= in.len; piece++) {
        uint8_t bytes[MULTISTREAM_WRITE_MAX];
        struct wr out = wr_init((struct room){bytes, sizeof bytes});
        struct multistream m = multistream_dial(protocols, COUNT_OF(protocols), &out);
        assert_true(span_equal(wr_done(&out), SPAN_LITERAL(HEADER "\x05/a/1\n")));
        out = wr_init((struct room){bytes, sizeof bytes});
        size_t used;
        assert_int_equal(feed(&m, in, piece, &used, &out), want);
        assert_true(span_equal(wr_done(&out), answer));
    }
}

static void test_listener_agrees(void **state)
{
    (void)state;
    listen_case(SPAN_LITERAL(HEADER "\x05/b/1\nrest"), MULTISTREAM_AGREED,
                SPAN_LITERAL(HEADER "\x05/b/1\n"), 1, 4);
    listen_case(SPAN_LITERAL(HEADER "\x05/c/1\n\x03ls\n\x05/a/1\n"), MULTISTREAM_AGREED,
                SPAN_LITERAL(HEADER "\x03na\n\x03na\n\x05/a/1\n"), 0, 0);
}

static void test_dialer_falls_back(void **state)
{
    (void)state;
    dial_case(SPAN_LITERAL(HEADER "\x05/a/1\n"), MULTISTREAM_AGREED, (struct span){0});
    dial_case(SPAN_LITERAL(HEADER "\x03na\n\x05/b/1\n"), MULTISTREAM_AGREED,
              SPAN_LITERAL("\x05/b/1\n"));
    dial_case(SPAN_LITERAL(HEADER "\x03na\n\x03na\n"), MULTISTREAM_NONE,
              SPAN_LITERAL("\x05/b/1\n"));
    dial_case(SPAN_LITERAL(HEADER "\x05/b/1\n"), MULTISTREAM_BROKEN, (struct span){0});
}

static void test_refuses(void **state)
{
    (void)state;
    struct span none = {0};
    listen_case(SPAN_LITERAL("GET / HTTP/1.1\r\n\r\n"
                             "0123456789012345678901234567890123456789"
                             "0123456789012345678901234567890123456789"),
                MULTISTREAM_BROKEN, none, 0, 0);
    listen_case(SPAN_LITERAL("\x13/multistream/2.0.0\n"), MULTISTREAM_BROKEN, none, 0, 0);
    listen_case(SPAN_LITERAL("\x13/multistream/1.0.0 "), MULTISTREAM_BROKEN, none, 0, 0);
    listen_case(SPAN_LITERAL(HEADER "\x81\x08"), MULTISTREAM_BROKEN, SPAN_LITERAL(HEADER), 0, 0);
    listen_case(SPAN_LITERAL(HEADER "\x80\x00"), MULTISTREAM_BROKEN, SPAN_LITERAL(HEADER), 0, 0);
    listen_case(SPAN_LITERAL(HEADER "\x00"), MULTISTREAM_BROKEN, SPAN_LITERAL(HEADER), 0, 0);
}

static void test_proposals_are_bounded(void **state)
{
    (void)state;
    uint8_t bytes[MULTISTREAM_WRITE_MAX];
    struct wr out = wr_init((struct room){bytes, sizeof bytes});
    struct multistream m = multistream_listen(protocols, COUNT_OF(protocols));
    size_t used;
    assert_int_equal(multistream_step(&m, SPAN_LITERAL(HEADER), &used, &out), MULTISTREAM_MORE);
    for (int i = 0; i < MULTISTREAM_REFUSALS_MAX; i++)
        assert_int_equal(multistream_step(&m, SPAN_LITERAL("\x02x\n"), &used, &out),
                         MULTISTREAM_MORE);
    assert_int_equal(multistream_step(&m, SPAN_LITERAL("\x02x\n"), &used, &out),
                     MULTISTREAM_BROKEN);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_listener_agrees),
        cmocka_unit_test(test_dialer_falls_back),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_proposals_are_bounded),
    };
    return cmocka_run_group_tests_name("multistream", all, NULL, NULL);
}
