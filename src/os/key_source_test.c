#include "os/key_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

static char folder[] = "/tmp/key_source_XXXXXX";

static int open_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int close_folder(void **state)
{
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/key", folder);
    unlink(path);
    return rmdir(folder);
}

static const char *put(const char *text, size_t len, mode_t mode)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/key", folder);
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0 && write(fd, text, len) == (ssize_t)len && fchmod(fd, mode) == 0);
    close(fd);
    return path;
}

static void expect(enum key_source source, const char *where, const char *text)
{
    struct secret *s = NULL;
    const char *why;
    assert_int_equal(key_source_read(source, where, &s, &why), ERR_OK);
    struct span got = secret_span(s);
    assert_int_equal(got.len, strlen(text));
    assert_memory_equal(got.ptr, text, got.len);
    secret_close(s);
}

static void each_source_is_read_whole(void **state)
{
    (void)state;
    int pipes[2];
    char number[16];
    expect(KEY_FROM_FILE, put("a secret\n", 9, 0600), "a secret\n");
    expect(KEY_FROM_FILE, put("a secret", 8, 0400), "a secret");
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], "piped", 5), 5);
    close(pipes[1]);
    snprintf(number, sizeof number, "%d", pipes[0]);
    expect(KEY_FROM_FD, number, "piped");
    assert_int_equal(fcntl(pipes[0], F_GETFD), -1); /* closed */
    put("credential", 10, 0440);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    expect(KEY_FROM_CREDENTIAL, "key", "credential");
    setenv("TEST_KEY", "from a variable", 1);
    char *value = getenv("TEST_KEY");
    expect(KEY_FROM_ENVIRONMENT, "TEST_KEY", "from a variable");
    assert_null(getenv("TEST_KEY"));
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(value[i], 0);
}

static void refuse(enum key_source source, const char *where, enum err want)
{
    struct secret *s = NULL;
    const char *why = NULL;
    assert_int_equal(key_source_read(source, where, &s, &why), want);
    assert_null(s);
    assert_non_null(why);
}

static void what_is_not_so_is_refused(void **state)
{
    (void)state;
    static char big[SECRET_SIZE_MAX + 1];
    memset(big, 'x', sizeof big);
    refuse(KEY_FROM_FILE, "/tmp/there/is/no/such/file", ERR_NOT_FOUND);
    refuse(KEY_FROM_FILE, "/tmp", ERR_IO);
    for (mode_t bit = 1; bit < 0100; bit <<= 1)
        refuse(KEY_FROM_FILE, put("open", 4, 0600 | bit), ERR_DENIED);
    refuse(KEY_FROM_FILE, put("", 0, 0600), ERR_MALFORMED);
    refuse(KEY_FROM_FILE, put(big, sizeof big, 0600), ERR_TOO_BIG);
    refuse(KEY_FROM_FD, "", ERR_MALFORMED);
    refuse(KEY_FROM_FD, "3x", ERR_MALFORMED);
    refuse(KEY_FROM_FD, "-1", ERR_MALFORMED);
    refuse(KEY_FROM_FD, "1000", ERR_IO);
    refuse(KEY_FROM_CREDENTIAL, "../key", ERR_MALFORMED);
    refuse(KEY_FROM_CREDENTIAL, "", ERR_MALFORMED);
    unsetenv("CREDENTIALS_DIRECTORY");
    refuse(KEY_FROM_CREDENTIAL, "key", ERR_NOT_FOUND);
    refuse(KEY_FROM_ENVIRONMENT, "NOT_SET_ANYWHERE", ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_source_is_read_whole),
        cmocka_unit_test(what_is_not_so_is_refused),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
