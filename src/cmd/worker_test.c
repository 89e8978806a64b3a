/* Tries every way out of an isolated worker: PROBE is the test build. */
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/test.h"
#include "cmd/worker_probe.h"

/* How the probe ended: its exit code, or 128 and the signal. */
static int attempt(const char *name)
{
    int pair[2], status;
    pid_t child;
    char *argv[] = {"probe", (char *)(uintptr_t)name, NULL};
    char *env[] = {NULL};
    posix_spawn_file_actions_t actions;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], 3);
    assert_int_equal(posix_spawn(&child, PROBE, &actions, NULL, argv, env), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(pair[0]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void test_no_system_call_leads_out(void **state)
{
    (void)state;
    static const char *const names[] = {"openat",
                                        "openat2",
                                        "stat",
                                        "unlinkat",
                                        "mkdirat",
                                        "socket",
                                        "socketpair",
                                        "connect",
                                        "sendmsg",
                                        "recvmsg",
                                        "clock_gettime",
                                        "gettimeofday",
                                        "nanosleep",
                                        "timer_create",
                                        "ptrace",
                                        "process_vm_readv",
                                        "clone",
                                        "clone3",
                                        "execve",
                                        "kill",
                                        "tgkill",
                                        "getpid",
                                        "setuid",
                                        "prctl",
                                        "prlimit64",
                                        "seccomp",
                                        "unshare",
                                        "mount",
                                        "bpf",
                                        "io_uring_setup",
                                        "userfaultfd",
                                        "memfd_create",
                                        "pipe2",
                                        "dup",
                                        "fcntl",
                                        "ioctl",
                                        "shmget",
                                        "keyctl",
                                        "perf_event_open",
                                        "personality",
                                        "map a file"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int end = attempt(names[i]);
        if (end != 128 + SIGSYS)
            fail_msg("%s: not killed, but %d", names[i], end);
    }
}

static void test_descriptors_are_closed(void **state)
{
    (void)state;
    assert_int_equal(attempt("nothing"), PROBE_DONE); /* The probe itself works. */
    assert_int_equal(attempt("stdin"), PROBE_REFUSED);
    assert_int_equal(attempt("stdout"), PROBE_REFUSED);
    assert_int_equal(attempt("stderr"), PROBE_REFUSED);
}

static void test_the_clock_is_gone(void **state)
{
    (void)state;
#if defined(__x86_64__) && !SANITIZED
    int clock = attempt("clock");
    /* Where the C library's clock is no instruction, it is a system call. */
    assert_true(clock == 128 + SIGSEGV || clock == 128 + SIGSYS);
    assert_int_equal(attempt("counter"), 128 + SIGSEGV);
#endif
}

static void test_memory_is_limited(void **state)
{
    (void)state;
#if !SANITIZED
    assert_int_equal(attempt("two gigabytes"), PROBE_REFUSED);
#endif
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_no_system_call_leads_out),
        cmocka_unit_test(test_descriptors_are_closed),
        cmocka_unit_test(test_the_clock_is_gone),
        cmocka_unit_test(test_memory_is_limited),
    };
    return cmocka_run_group_tests_name("worker", all, NULL, NULL);
}
