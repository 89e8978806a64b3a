#include "os/isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/pipe.h"

enum {
    RUNNER = 1 << ISOLATE_RUNNER,
    WARDEN = 1 << ISOLATE_WARDEN,
    COMPILER = 1 << ISOLATE_COMPILER
};
enum { EVERY = RUNNER | WARDEN | COMPILER };

/* The whole list.  A filter is inherited and never loosened, so what the
 * compiler needs is on the warden's list too. */
static const struct {
    int number;
    unsigned profiles;
    const char *reason;
} allowed[] = {
    {SCMP_SYS(read), EVERY, "frames come in"},
    {SCMP_SYS(write), EVERY, "frames go out"},
    {SCMP_SYS(munmap), EVERY, "the allocator and the engine give memory back"},
    {SCMP_SYS(mprotect), EVERY, "guest memory grows; compiled code becomes executable"},
    {SCMP_SYS(madvise), EVERY, "guest memory is zeroed between calls"},
    {SCMP_SYS(mremap), EVERY, "the allocator grows large blocks"},
    {SCMP_SYS(brk), EVERY, "the allocator"},
    {SCMP_SYS(futex), EVERY, "locks of the engine's library"},
    {SCMP_SYS(getrandom), EVERY, "seeds of the engine's hash tables"},
    {SCMP_SYS(sigaltstack), EVERY, "guest stack overflow is caught on a stack of its own"},
    {SCMP_SYS(rt_sigaction), EVERY, "the engine turns faults of guest code into traps"},
    {SCMP_SYS(rt_sigprocmask), EVERY, "the same"},
    {SCMP_SYS(rt_sigreturn), EVERY, "the same"},
    {SCMP_SYS(restart_syscall), EVERY, "a read goes on after a stop"},
    {SCMP_SYS(exit), EVERY, "the end"},
    {SCMP_SYS(exit_group), EVERY, "the end"},
    {SCMP_SYS(clone), WARDEN, "a compiler for each module"},
    {SCMP_SYS(clone3), WARDEN, "the same"},
    {SCMP_SYS(set_robust_list), WARDEN, "the C library in the child of a fork"},
    {SCMP_SYS(gettid), WARDEN, "the same"},
    {SCMP_SYS(getpid), WARDEN, "the child checks that its parent is still there"},
    {SCMP_SYS(getppid), WARDEN, "the same"},
    {SCMP_SYS(pipe2), WARDEN, "the compiler's answer"},
    {SCMP_SYS(close), WARDEN, "ends of that pipe"},
    {SCMP_SYS(close_range), WARDEN, "the compiler keeps its pipe only"},
    {SCMP_SYS(wait4), WARDEN, "how a compiler ended"},
    {SCMP_SYS(kill), WARDEN, "a compiler that writes too much"},
    {SCMP_SYS(prctl), WARDEN, "the compiler isolates itself further"},
    {SCMP_SYS(seccomp), WARDEN, "the same"},
    {SCMP_SYS(prlimit64), WARDEN, "the same"},
    {SCMP_SYS(setrlimit), WARDEN, "the same"},
    {SCMP_SYS(landlock_create_ruleset), WARDEN, "the same"},
    {SCMP_SYS(landlock_restrict_self), WARDEN, "the same"},
    {SCMP_SYS(uname), WARDEN, "the same: libseccomp looks at the kernel"},
};

static enum err bind_to(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return ERR_IO;
    return getppid() == parent ? ERR_OK : ERR_CLOSED;
}

enum err isolate_orphan(void)
{
    return bind_to(getppid());
}

static bool close_others(const int *keep, size_t count)
{
    unsigned from = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned fd = (unsigned)keep[i];
        if (fd > from && close_range(from, fd - 1, 0) != 0)
            return false;
        from = fd + 1;
    }
    return close_range(from, ~0u, 0) == 0;
}

static bool limit(int what, uint64_t value)
{
    struct rlimit r = {value, value};
    return setrlimit((__rlimit_resource_t)what, &r) == 0;
}

static bool set_limits(const struct isolate_limits *l)
{
    bool fine = limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_MEMLOCK, 0) &&
                limit(RLIMIT_MSGQUEUE, 0);
    if (l->cpu_s != 0)
        fine = fine && limit(RLIMIT_CPU, l->cpu_s);
    if (l->stack_bytes != 0)
        fine = fine && limit(RLIMIT_STACK, l->stack_bytes);
    /* A sanitizer reserves terabytes of address space for its shadow. */
    if (l->address_bytes != 0 && !SANITIZED)
        fine = fine && limit(RLIMIT_AS, l->address_bytes);
    if (l->data_bytes != 0 && !SANITIZED)
        fine = fine && limit(RLIMIT_DATA, l->data_bytes);
    return fine;
}

/* No path can be reached.  A kernel without Landlock is
 * not refused: the filter below already has no call that takes a path or makes
 * a socket; this is the second lock on the same door. */
static bool lock_files(void)
{
    struct landlock_ruleset_attr attr = {0};
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return errno == ENOSYS || errno == EOPNOTSUPP;
    attr.handled_access_fs = (UINT64_C(1) << 13) - 1; /* Every right of version 1. */
    size_t size = sizeof attr.handled_access_fs;
    long fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (fd < 0)
        return false;
    bool fine = syscall(SYS_landlock_restrict_self, (int)fd, 0) == 0;
    close((int)fd);
    return fine;
}

static bool add_rules(scmp_filter_ctx filter, enum isolate_profile profile)
{
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        if ((allowed[i].profiles & 1u << profile) == 0)
            continue;
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i].number, 0) != 0)
            return false;
    }
    /* Memory, but never a file: the descriptor is -1. */
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                            SCMP_A4(SCMP_CMP_MASKED_EQ, UINT32_MAX, UINT32_MAX)) == 0;
}

static bool filter_calls(enum isolate_profile profile)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return false;
    bool fine = add_rules(filter, profile) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return fine;
}

/* Reading the time stamp counter faults, and with it the C library's clock.  A
 * sanitizer's allocator reads that clock. */
static bool stop_clock(void)
{
#if defined(__x86_64__) && !SANITIZED
    return prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0;
#else
    return true;
#endif
}

enum err isolate_enter(enum isolate_profile profile, const struct isolate_limits *limits,
                       const int *keep, size_t keep_count, const char **step)
{
    *step = "close descriptors";
    if (!close_others(keep, keep_count))
        return ERR_IO;
    *step = "no new privileges";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return ERR_IO;
    *step = "not dumpable";
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return ERR_IO;
    *step = "no clock";
    if (profile == ISOLATE_RUNNER && !stop_clock())
        return ERR_IO;
    *step = "resource limits";
    if (!set_limits(limits))
        return ERR_IO;
    *step = "landlock";
    if (!lock_files())
        return ERR_IO;
    *step = "seccomp";
    return filter_calls(profile) ? ERR_OK : ERR_IO;
}

enum err isolate_pair(int fds[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0 ? ERR_OK : ERR_IO;
}

int isolate_fork(void)
{
    pid_t self = getpid(); /* The child may run when this process is already gone. */
    pid_t child = fork();
    if (child == 0 && bind_to(self) != ERR_OK)
        _exit(1);
    return child;
}

enum err isolate_child(void (*work)(void *context, int fd), void *context, struct room room,
                       size_t *len, int *ended)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return ERR_IO;
    pid_t child = isolate_fork();
    if (child == 0) {
        close(fds[0]);
        work(context, fds[1]);
        _exit(0);
    }
    close(fds[1]);
    if (child < 0) {
        close(fds[0]);
        return ERR_IO;
    }
    enum err e = pipe_read_all(fds[0], room, len);
    close(fds[0]);
    if (e != ERR_OK)
        kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    *ended = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return e;
}

void isolate_exit(int code)
{
    _exit(code);
}

void isolate_close(int fd)
{
    close(fd);
}

bool isolate_move(int fd, int to)
{
    if (fd == to)
        return true;
    if (dup3(fd, to, O_CLOEXEC) < 0)
        return false;
    close(fd);
    return true;
}
