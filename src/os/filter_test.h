/* filter_test: looks at a process that gives up what it does not need, from the
 * inside.  The linker puts these functions between it and the system
 * (meson.build): any of its steps can be made to fail, the filter can be left
 * out to see what the other locks hold by themselves, and a call that the
 * filter forbids can answer FORBIDDEN instead of killing. */
#ifndef OS_FILTER_TEST_H
#define OS_FILTER_TEST_H

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

enum { FORBIDDEN = 1234, CALLS = 1024, URETPROBE = 335, UPROBE = 336, X32 = 0x40000000 };
enum filter { FILTER_KILLS, FILTER_ANSWERS, FILTER_LEFT_OUT };

static struct {
    enum filter filter;
    uint32_t steps;   /* made so far */
    uint32_t fail_at; /* this one fails; 0: none */
    int fail_as;      /* errno of that step */
    uint32_t action;  /* that the filter was made with */
} system_seen;

static bool step_fails(void)
{
    errno = system_seen.fail_as;
    return ++system_seen.steps == system_seen.fail_at;
}

int __real_prctl(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __real_setrlimit64(__rlimit_resource_t what, const struct rlimit *limit);
int __wrap_setrlimit64(__rlimit_resource_t what, const struct rlimit *limit);
int __real_seccomp_load(const scmp_filter_ctx filter);
int __wrap_seccomp_load(const scmp_filter_ctx filter);
scmp_filter_ctx __real_seccomp_init(uint32_t action);
scmp_filter_ctx __wrap_seccomp_init(uint32_t action);

int __wrap_prctl(int what, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return step_fails() ? -1 : __real_prctl(what, a, b, c, d);
}

int __wrap_setrlimit64(__rlimit_resource_t what, const struct rlimit *limit)
{
    return step_fails() ? -1 : __real_setrlimit64(what, limit);
}

scmp_filter_ctx __wrap_seccomp_init(uint32_t action)
{
    system_seen.action = action;
    if (system_seen.filter == FILTER_ANSWERS)
        action = SCMP_ACT_ERRNO(FORBIDDEN);
    return step_fails() ? NULL : __real_seccomp_init(action);
}

int __wrap_seccomp_load(const scmp_filter_ctx filter)
{
    if (step_fails())
        return -EPERM;
    return system_seen.filter == FILTER_LEFT_OUT ? 0 : __real_seccomp_load(filter);
}

/* in_child runs look in a child of its own and gives what it returned (0..127),
 * or 128 and the signal that killed it. */
static int in_child(int (*look)(void *context), void *context)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        /* cmocka would turn these into failures of the test, in the child. */
        static const int caught[] = {SIGSEGV, SIGSYS, SIGILL, SIGBUS, SIGFPE};
        for (size_t i = 0; i < COUNT_OF(caught); i++)
            signal(caught[i], SIG_DFL);
        _exit(look(context));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static bool forbidden(long number, long fd)
{
    errno = 0;
    return syscall(number, -1L, -1L, -1L, -1L, fd, -1L) == -1 && errno == FORBIDDEN;
}

/* look_around, behind FILTER_ANSWERS: every call that is not in allowed is
 * forbidden, every one in it is not; 1: it says on descriptor to which call is
 * otherwise.  Else AROUND: on x86-64 the second table of the same processor
 * always kills. */
#if defined(__x86_64__)
enum { AROUND = 128 + SIGSYS };
#else
enum { AROUND = 0 };
#endif
static int look_around(const int *allowed, size_t count, int to)
{
    bool may[CALLS] = {false};
    for (size_t i = 0; i < count; i++)
        may[allowed[i]] = true;
    for (int i = 0; i < CALLS; i++) {
        /* Two trampolines of the kernel's own, which no filter is asked about. */
        if (i == URETPROBE || i == UPROBE)
            continue;
        /* These do not come back; that they work, each end of a child shows. */
        bool ends = i == SYS_exit || i == SYS_exit_group || i == SYS_rt_sigreturn;
        if (may[i] && ends)
            continue;
        char text[64];
        int n = snprintf(text, sizeof text, "# system call %d\n", i);
        if (forbidden(i, -1) == may[i] && write(to, text, (size_t)n) == n)
            return 1;
    }
#if defined(__x86_64__)
    syscall(X32 | SYS_read, -1L, 0L, 0L);
    return 2;
#else
    return 0;
#endif
}

#endif
