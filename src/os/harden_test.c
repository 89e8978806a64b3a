/* What a process that holds a key has given up, lock by lock. */
#include "os/harden.h"

#include "os/filter_test.h"

static int look_at_process(void *context)
{
    const char *step = NULL;
    struct rlimit core;
    (void)context;
    if (harden_process(&step) != ERR_OK)
        return 1;
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_cur != 0 || core.rlim_max != 0)
        return 2;
    if (prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) != 0)
        return 3;
    return prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) == 1 ? 0 : 4;
}

static void test_nobody_looks_inside(void **state)
{
    (void)state;
    assert_int_equal(in_child(look_at_process, NULL), 0);
}

static int look_at_filter(void *context)
{
    const char *step = NULL;
    (void)context;
    static const int allowed[] = {
        SYS_read,
        SYS_write,
        SYS_accept4,
        SYS_getsockopt,
        SYS_close,
        SYS_geteuid,
        SYS_pwritev,
        SYS_ftruncate,
        SYS_fdatasync,
        SYS_fsync,
        SYS_openat,
        SYS_lseek,
        SYS_unlinkat,
        SYS_fstat,
        SYS_newfstatat,
        SYS_mmap,
        SYS_munmap,
        SYS_mremap,
        SYS_mprotect,
        SYS_madvise,
        SYS_mlock,
        SYS_munlock,
        SYS_brk,
        SYS_futex,
        SYS_getrandom,
        SYS_rt_sigaction,
        SYS_rt_sigprocmask,
        SYS_clock_gettime,
        SYS_gettid,
        SYS_getpid,
        SYS_tgkill,
        SYS_rt_sigreturn,
        SYS_restart_syscall,
        SYS_exit,
        SYS_exit_group,
#if defined(__x86_64__)
        SYS_open,
        SYS_unlink,
#endif
    };
    if (harden_calls(&step) != ERR_OK || system_seen.action != SCMP_ACT_KILL_PROCESS)
        return 3;
    return look_around(allowed, COUNT_OF(allowed), 1);
}

/* No socket, no program, no process, no other process's memory. */
static void test_the_filter_lets_nothing_else_through(void **state)
{
    (void)state;
    system_seen.filter = FILTER_ANSWERS;
    assert_int_equal(SANITIZED ? AROUND : in_child(look_at_filter, NULL), AROUND);
}

static int harden_and_count(void *context)
{
    const char *step = NULL;
    (void)context;
    enum err e = harden_process(&step);
    if (e == ERR_OK)
        e = harden_calls(&step);
    if (e == ERR_OK)
        return system_seen.fail_at == 0 ? (int)system_seen.steps : 1;
    return step != NULL ? 0 : 2;
}

static void test_fails_closed_whatever_fails(void **state)
{
    (void)state;
    system_seen.filter = FILTER_LEFT_OUT;
    int steps = in_child(harden_and_count, NULL);
    assert_in_range(steps, SANITIZED ? 3 : 5, 40);
    system_seen.fail_as = EPERM;
    for (int i = 1; i <= steps; i++) {
        system_seen.fail_at = (uint32_t)i;
        assert_int_equal(in_child(harden_and_count, NULL), 0);
    }
    system_seen.fail_at = 0;
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_nobody_looks_inside),
        cmocka_unit_test(test_the_filter_lets_nothing_else_through),
        cmocka_unit_test(test_fails_closed_whatever_fails),
    };
    return cmocka_run_group_tests_name("harden", all, NULL, NULL);
}
