#include "os/process.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "os/files.h"

static void folder(char *out, size_t size, const char *name)
{
    static char dir[32];
    if (dir[0] == '\0') {
        memcpy(dir, "/tmp/process-test-XXXXXX", 25);
        assert_non_null(mkdtemp(dir));
    }
    snprintf(out, size, "%s/%s", dir, name);
}

static void a_process_is_known_by_its_start(void **state)
{
    (void)state;
    char log[64], file[64];
    folder(log, sizeof log, "log");
    folder(file, sizeof file, "pid");
    char *argv[] = {"/bin/sleep", "1000", NULL};
    struct process p, q;
    assert_int_equal(process_start(argv, log, &p), ERR_OK);
    assert_true(process_runs(&p));
    assert_int_equal(process_save(file, &p), ERR_OK);
    assert_int_equal(process_load(file, &q), ERR_OK);
    assert_int_equal(q.pid, p.pid);
    assert_true(q.start == p.start);
    q.start++;
    assert_false(process_runs(&q));
    assert_false(process_signal(&q, SIGKILL));
    assert_true(process_runs(&p));
    assert_true(process_signal(&p, SIGKILL));
    while (process_runs(&p))
        process_pause(1);
    assert_false(process_signal(&p, SIGKILL));
    unlink(file);
    unlink(log);
}

static void what_is_no_process_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "12", "12 \n", "-3 5\n", "0 5\n", "5 6 7\n", "x y\n"};
    char file[64];
    struct process p = {7, 7};
    folder(file, sizeof file, "bad");
    assert_int_equal(process_load(file, &p), ERR_NOT_FOUND);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(file_write(file, span_of(bad[i], strlen(bad[i])), 0600), ERR_OK);
        assert_int_equal(process_load(file, &p), ERR_MALFORMED);
        assert_int_equal(p.pid, 7);
    }
    unlink(file);
    assert_false(process_runs(&(struct process){0}));
    char *argv[] = {"/nowhere/at/all", NULL};
    assert_int_equal(process_start(argv, "/dev/null", &p), ERR_IO);
}

static void a_claim_is_for_one(void **state)
{
    (void)state;
    char name[64];
    snprintf(name, sizeof name, "process-test-%d", getpid());
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(process_claim(name) ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(process_claim(name)); /* the child's ended with it */
    assert_false(process_claim(name));
    name[0] = 'q';
    assert_true(process_claim(name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_known_by_its_start),
        cmocka_unit_test(what_is_no_process_is_refused),
        cmocka_unit_test(a_claim_is_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
