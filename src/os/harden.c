#include "os/harden.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum err harden_process(const char **step)
{
    const struct rlimit none = {0, 0};
    *step = "setting the limit on core files";
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return ERR_IO;
    *step = "forbidding others to look inside";
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return ERR_IO;
    *step = "forbidding new privileges";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return ERR_IO;
    return ERR_OK;
}

bool harden_memory(void)
{
    return !SANITIZED && mlockall(MCL_CURRENT) == 0;
}

/* A sanitizer's run time has needs of its own; its builds go without. */
enum err harden_calls(const char **step)
{
    static const int allowed[] = {
        /* requests and answers */
        SCMP_SYS(read),
        SCMP_SYS(write),
        SCMP_SYS(accept4),
        SCMP_SYS(getsockopt),
        SCMP_SYS(close),
        SCMP_SYS(geteuid),
        /* the journal and its next file */
        SCMP_SYS(pwritev),
        SCMP_SYS(ftruncate),
        SCMP_SYS(fdatasync),
        SCMP_SYS(fsync),
        SCMP_SYS(openat),
        SCMP_SYS(open),
        SCMP_SYS(lseek),
        SCMP_SYS(unlink),
        SCMP_SYS(unlinkat),
        SCMP_SYS(fstat),
        SCMP_SYS(newfstatat),
        /* memory, randomness, signals, the end */
        SCMP_SYS(mmap),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(mprotect),
        SCMP_SYS(madvise),
        SCMP_SYS(mlock),
        SCMP_SYS(munlock),
        SCMP_SYS(brk),
        SCMP_SYS(futex),
        SCMP_SYS(getrandom),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(gettid),
        SCMP_SYS(getpid),
        SCMP_SYS(tgkill),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
    };
    if (SANITIZED)
        return ERR_OK;
    *step = "loading the filter of system calls";
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL)
        return ERR_NO_MEMORY;
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(allowed); i++)
        ok = ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
    ok = ok && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok ? ERR_OK : ERR_IO;
}
