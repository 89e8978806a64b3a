/* Each lock of an isolated process by itself, and all of them when one fails. */
#include "os/isolate.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "os/filter_test.h"

enum { KEPT = 20, ALSO_KEPT = 22 };
static const char made[] = "/tmp/platform_isolate_test";

int __real_close_range(unsigned from, unsigned to, int flags);
int __wrap_close_range(unsigned from, unsigned to, int flags);
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

int __wrap_close_range(unsigned from, unsigned to, int flags)
{
    return step_fails() ? -1 : __real_close_range(from, to, flags);
}

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    bool landlock = number == SYS_landlock_create_ruleset || number == SYS_landlock_restrict_self;
    return landlock && step_fails() ? -1 : __real_syscall(number, a, b, c, d, e, f);
}

static const struct isolate_limits limits = {.cpu_s = 7,
                                             .address_bytes = UINT64_C(3) << 40,
                                             .data_bytes = UINT64_C(5) << 30,
                                             .stack_bytes = 9 << 20};

struct entry {
    enum isolate_profile profile;
    const int *allowed;
    size_t count;
};

static enum err enter(enum isolate_profile profile)
{
    static const int keep[] = {KEPT, ALSO_KEPT};
    const char *step = NULL;
    for (int fd = KEPT - 1; fd <= ALSO_KEPT + 1; fd++) {
        if (dup2(1, fd) != fd)
            return ERR_CLOSED;
    }
    enum err e = isolate_enter(profile, &limits, keep, COUNT_OF(keep), &step);
    return step == NULL ? ERR_CLOSED : e;
}

static bool has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0L, (long)LANDLOCK_CREATE_RULESET_VERSION) >=
           1;
}

static bool limited(__rlimit_resource_t what, uint64_t to)
{
    struct rlimit now;
    return getrlimit(what, &now) == 0 && now.rlim_cur == to && now.rlim_max == to;
}

/* The number of the first lock that does not hold. */
static int look_without_filter(void *context)
{
    const struct entry *entry = context;
    if (enter(entry->profile) != ERR_OK)
        return 1;
    for (int fd = 0; fd < 64; fd++) {
        if ((fcntl(fd, F_GETFD) >= 0) != (fd == KEPT || fd == ALSO_KEPT))
            return 2;
    }
    if (prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) != 1)
        return 3;
    if (prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) != 0)
        return 4;
    if (!limited(RLIMIT_CORE, 0) || !limited(RLIMIT_FSIZE, 0) || !limited(RLIMIT_MEMLOCK, 0) ||
        !limited(RLIMIT_MSGQUEUE, 0))
        return 5;
    if (!limited(RLIMIT_CPU, limits.cpu_s) || !limited(RLIMIT_STACK, limits.stack_bytes))
        return 6;
    if (!SANITIZED &&
        (!limited(RLIMIT_AS, limits.address_bytes) || !limited(RLIMIT_DATA, limits.data_bytes)))
        return 7;
#if defined(__x86_64__)
    int counter = 0;
    bool runner = entry->profile == ISOLATE_RUNNER && !SANITIZED;
    if (prctl(PR_GET_TSC, (unsigned long)&counter, 0L, 0L, 0L) != 0 ||
        counter != (runner ? PR_TSC_SIGSEGV : PR_TSC_ENABLE))
        return 8;
#endif
    return 0;
}

static bool refused(long result)
{
    return result == -1 && errno == EACCES;
}

static int look_for_files(void *context)
{
    const struct entry *entry = context;
    static char name[] = "true";
    char *const argv[] = {name, NULL};
    if (!has_landlock())
        return 0;
    if (enter(entry->profile) != ERR_OK)
        return 1;
    if (!refused(open("/etc/passwd", O_RDONLY)))
        return 2;
    if (!refused(open("/", O_RDONLY | O_DIRECTORY)))
        return 3;
    if (!refused(open("/dev/null", O_WRONLY)))
        return 4;
    if (!refused(mkdir(made, 0700)))
        return 5;
    if (!refused(symlink("/", made)))
        return 6;
    if (!refused(mkfifo(made, 0700)))
        return 7;
    return refused(execv("/bin/true", argv)) ? 0 : 8;
}

static const enum isolate_profile profiles[] = {ISOLATE_RUNNER, ISOLATE_WARDEN, ISOLATE_COMPILER};

static void test_each_lock_holds_by_itself(void **state)
{
    (void)state;
    system_seen.filter = FILTER_LEFT_OUT;
    remove(made); /* Of a run in which a lock did not hold. */
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        struct entry e = {.profile = profiles[i]};
        assert_int_equal(in_child(look_without_filter, &e), 0);
        assert_int_equal(in_child(look_for_files, &e), 0);
    }
}

static int look_at_filter(void *context)
{
    const struct entry *e = context;
    if (enter(e->profile) != ERR_OK || system_seen.action != SCMP_ACT_KILL_PROCESS)
        return 3;
    /* A file in memory, by a descriptor that is open, and by what the upper half
     * of its register says is none. */
    if (!forbidden(SYS_mmap, KEPT) || !forbidden(SYS_mmap, (long)(UINT64_MAX << 32)))
        return 4;
    return look_around(e->allowed, e->count, KEPT);
}

/* What a guest that has taken over its process may ask of the kernel. */
#define MEMORY_AND_PIPES                                                                           \
    SYS_read, SYS_write, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_madvise, SYS_mremap, SYS_brk,     \
        SYS_futex, SYS_getrandom, SYS_sigaltstack, SYS_rt_sigaction, SYS_rt_sigprocmask,           \
        SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit, SYS_exit_group

static void test_the_filter_lets_nothing_else_through(void **state)
{
    (void)state;
    static const int least[] = {MEMORY_AND_PIPES};
    static const int warden[] = {MEMORY_AND_PIPES,
                                 SYS_clone,
                                 SYS_clone3,
                                 SYS_set_robust_list,
                                 SYS_gettid,
                                 SYS_getpid,
                                 SYS_getppid,
                                 SYS_pipe2,
                                 SYS_close,
                                 SYS_close_range,
                                 SYS_wait4,
                                 SYS_kill,
                                 SYS_prctl,
                                 SYS_seccomp,
                                 SYS_prlimit64,
                                 SYS_setrlimit,
                                 SYS_landlock_create_ruleset,
                                 SYS_uname,
                                 SYS_landlock_restrict_self};
    static const struct entry entries[] = {{ISOLATE_RUNNER, least, COUNT_OF(least)},
                                           {ISOLATE_WARDEN, warden, COUNT_OF(warden)},
                                           {ISOLATE_COMPILER, least, COUNT_OF(least)}};
    system_seen.filter = FILTER_ANSWERS;
    for (size_t i = 0; i < COUNT_OF(entries); i++)
        assert_int_equal(in_child(look_at_filter, (void *)(uintptr_t)&entries[i]), AROUND);
}

static int enter_and_count(void *context)
{
    (void)context;
    enum err e = enter(ISOLATE_RUNNER);
    if (e == ERR_OK)
        return system_seen.fail_at == 0 ? (int)system_seen.steps : 1;
    return e == ERR_IO ? 0 : 2;
}

static void test_fails_closed_whatever_fails(void **state)
{
    (void)state;
    system_seen.filter = FILTER_LEFT_OUT;
    int steps = in_child(enter_and_count, NULL);
    assert_in_range(steps, SANITIZED ? 16 : 19, 40);
    system_seen.fail_as = EPERM;
    for (int i = 1; i <= steps; i++) {
        system_seen.fail_at = (uint32_t)i;
        assert_int_equal(in_child(enter_and_count, NULL), 0);
    }
    system_seen.fail_at = 0;
}

static int lose_parent(void *context)
{
    int *ends = context;
    pid_t child = isolate_fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    return write(ends[1], &child, sizeof child) == sizeof child ? 0 : 1;
}

/* Only the child holds the other end: it is closed when the child is gone. */
static void test_a_child_dies_with_its_parent(void **state)
{
    (void)state;
    int ends[2];
    pid_t child;
    char none;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(in_child(lose_parent, ends), 0);
    close(ends[1]);
    assert_int_equal(read(ends[0], &child, sizeof child), sizeof child);
    assert_int_equal(read(ends[0], &none, 1), 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_each_lock_holds_by_itself),
        cmocka_unit_test(test_the_filter_lets_nothing_else_through),
        cmocka_unit_test(test_fails_closed_whatever_fails),
        cmocka_unit_test(test_a_child_dies_with_its_parent),
    };
    return cmocka_run_group_tests_name("isolate", all, NULL, NULL);
}
