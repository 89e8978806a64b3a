#include "cmd/settings.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/test.h"

static const char *no_x(const char *value)
{
    return strchr(value, 'x') == NULL ? NULL : "something without an x";
}

static const struct setting table[] = {
    {"data_dir", SETTING_TEXT, NULL, 0, 0, NULL, "where everything is kept"},
    {"slots", SETTING_NUMBER, "2", 1, 64, NULL, "evaluations at a time"},
    {"approve_all", SETTING_BOOL, "false", 0, 0, NULL, "approve every challenge"},
    {"log_format", SETTING_CHOICE, "text", 0, 0, "text json", "of the log"},
    {"peers", SETTING_LIST, "", 0, 0, NULL, "addresses to dial", no_x},
    {"name", SETTING_TEXT, "", 0, 0, NULL, "a name", no_x, .hidden = true},
};

/* What was wrong, or the help. */
static char printed[4096];

static bool read_settings(struct settings *s, int argc, char **argv)
{
    bool help;
    FILE *to = fmemopen(printed, sizeof printed, "w");
    assert_non_null(to);
    bool ok = settings_read_to(to, s, table, COUNT_OF(table), argc, argv, &help);
    fclose(to);
    return ok;
}

static void test_flags_win_over_environment_over_file(void **state)
{
    (void)state;
    char path[] = "/tmp/platform-ini-XXXXXX";
    int fd = mkstemp(path);
    const char *text = "slots = 3\nlog_format = json\npeers = a, b\ndata_dir = /file\n";
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    setenv("PLATFORM_SLOTS", "5", 1);
    setenv("PLATFORM_LOG_FORMAT", "text", 1);
    char *argv[] = {"p", "--config", path, "--slots=7", "--approve-all", NULL};
    struct settings s;
    assert_true(read_settings(&s, 5, argv));
    assert_int_equal(settings_number(&s, "slots"), 7);
    assert_string_equal(settings_text(&s, "log_format"), "text");
    assert_string_equal(settings_text(&s, "data_dir"), "/file");
    assert_true(settings_bool(&s, "approve_all"));
    char *items[SETTING_LIST_MAX];
    assert_int_equal(settings_list(&s, "peers", items), 2);
    assert_string_equal(items[1], "b");
    settings_free(&s);
    unsetenv("PLATFORM_SLOTS");
    unsetenv("PLATFORM_LOG_FORMAT");
    unlink(path);
}

static void test_every_error_is_reported_at_once(void **state)
{
    (void)state;
    char *argv[] = {"p",    "--slots", "65",         "--log-format", "xml",   "--approve_al",
                    "true", "--peers", "a,x1, b x2", "--name",       "0xabc", "--seed=0xdef",
                    NULL};
    struct settings s;
    assert_false(read_settings(&s, 12, argv));
    assert_non_null(strstr(printed, "slots = '65'"));
    assert_non_null(strstr(printed, "from 1 to 64"));
    assert_non_null(strstr(printed, "one of: text json"));
    assert_non_null(strstr(printed, "nearest is 'approve_all'"));
    assert_non_null(strstr(printed, "data_dir is required"));
    assert_non_null(strstr(printed, "peers = 'x1' is not right: expected something without an x"));
    assert_non_null(strstr(printed, "peers = 'x2' is not right"));
    assert_non_null(strstr(printed, "the value of name is not right"));
    assert_non_null(strstr(printed, "--seed: there is no setting 'seed'"));
    assert_int_equal(s.wrong, 8);
    /* What may be a secret in the wrong place is not shown. */
    assert_null(strstr(printed, "abc"));
    assert_null(strstr(printed, "def"));
    settings_free(&s);
}

static void test_help_tells_names_values_and_defaults(void **state)
{
    (void)state;
    char *argv[] = {"/there/p", "--slots", "3", "--help", NULL};
    struct settings s;
    assert_false(read_settings(&s, 4, argv));
    assert_non_null(strstr(printed, "usage: p [--config FILE]"));
    assert_non_null(strstr(printed, "where everything is kept (required)"));
    assert_non_null(strstr(printed, "evaluations at a time; 1 to 64; default 2"));
    assert_non_null(strstr(printed, "of the log; one of: text json; default text"));
    assert_non_null(strstr(printed, "addresses to dial; separated by commas\n"));
    settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_flags_win_over_environment_over_file),
        cmocka_unit_test(test_every_error_is_reported_at_once),
        cmocka_unit_test(test_help_tells_names_values_and_defaults),
    };
    return cmocka_run_group_tests_name("settings", all, NULL, NULL);
}
