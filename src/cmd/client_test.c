#include "cmd/client.h"

#include "base/test.h"
#include "codec/hex.h"

static const char usage[] = "usage: of the test\n";

static bool read_words(struct client *c, uint32_t words_min, uint32_t words_max, int argc,
                       char **argv, const char **out, bool *wait)
{
    const struct client_option options[] = {{"--out", out, NULL}, {"--wait", NULL, wait}};
    return client_open(c, usage, options, COUNT_OF(options), words_min, words_max, argc, argv);
}

static void options_and_words(void **state)
{
    (void)state;
    struct client c;
    const char *out = NULL;
    bool wait = false;
    char *argv[] = {"submit", "--json", "a", "--out", "f", "--rpc", "http://h:1", "--wait", "-"};
    assert_true(read_words(&c, 1, 2, COUNT_OF(argv), argv, &out, &wait));
    assert_true(c.json && wait);
    assert_string_equal(out, "f");
    assert_string_equal(c.rpc, "http://h:1");
    assert_int_equal(c.word_count, 2);
    assert_string_equal(c.words[0], "a");
    assert_string_equal(c.words[1], "-");
    assert_int_equal(c.timeout_ms, 60000);
}

static void wrong_command_lines(void **state)
{
    (void)state;
    static char *const lines[][4] = {
        {"x", "--nothing", "a", NULL},
        {"x", "a", "--out", NULL},
        {"x", "a", "b", "c"},
        {"x", NULL, NULL, NULL},
        {"x", "a", "--timeout-s", "-1"},
        {"x", "a", "--timeout-s", "86401"},
        {"x", "a", "--timeout-s", "1s"},
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct client c;
        const char *out = NULL;
        bool wait = false;
        int argc = 0;
        char *argv[4];
        memcpy(argv, lines[i], sizeof argv);
        while (argc < 4 && argv[argc] != NULL)
            argc++;
        assert_false(read_words(&c, 1, 2, argc, argv, &out, &wait));
        assert_int_equal(c.code, EXIT_USAGE);
    }
}

static void parts_of_answers(void **state)
{
    (void)state;
    struct span bytes;
    struct hash h;
    json_t *o = json_pack("{s:s, s:I, s:s}", "big", "18446744073709551615", "small", (json_int_t)7,
                          "bad", "12x");
    assert_true(client_number(o, "big") == UINT64_MAX);
    assert_true(client_number(o, "small") == 7);
    assert_true(client_number(o, "bad") == 0 && client_number(o, "none") == 0);
    assert_string_equal(client_text(o, "none"), "");
    json_decref(o);
    assert_int_equal(client_bytes("0x00ff", &bytes), ERR_OK);
    assert_true(bytes.len == 2 && bytes.ptr[1] == 0xff);
    free((void *)(uintptr_t)bytes.ptr);
    assert_int_equal(client_bytes("0", &bytes), ERR_MALFORMED);
    assert_false(client_hash("00", &h));
}

/* Every code of the ledger has words of its own. */
static void every_reject_is_told(void **state)
{
    (void)state;
    const char *unknown = client_reject_text("");
    uint32_t count = 0;
    for (uint32_t i = REJECT_NONE + 1; reject_name((enum reject)i) != NULL; i++, count++)
        assert_string_not_equal(client_reject_text(reject_name((enum reject)i)), unknown);
    assert_true(count >= 22);
}

static void nobody_answers(void **state)
{
    (void)state;
    struct client c;
    const char *out = NULL;
    bool wait = false;
    char *argv[] = {"x", "--rpc", "http://127.0.0.1:1/"};
    assert_true(read_words(&c, 0, 0, COUNT_OF(argv), argv, &out, &wait));
    assert_null(client_ask(&c, "node_status", NULL));
    assert_int_equal(c.code, EXIT_UNREACHABLE);
    assert_true(strlen(c.message) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words), cmocka_unit_test(wrong_command_lines),
        cmocka_unit_test(parts_of_answers),  cmocka_unit_test(every_reject_is_told),
        cmocka_unit_test(nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
