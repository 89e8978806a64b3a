#include "cmd/worker_probe.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long by_number(long number, long a, long b, long c)
{
    return syscall(number, a, b, c, 0L, 0L, 0L);
}

/* The system calls, by the name that the test uses. */
static const struct {
    const char *name;
    long number;
    long a, b, c;
} calls[] = {
    {"openat", SYS_openat, -100, (long)"/etc/passwd", 0},
    {"openat2", SYS_openat2, -100, (long)"/etc/passwd", 0},
    {"stat", SYS_newfstatat, -100, (long)"/", 0},
    {"unlinkat", SYS_unlinkat, -100, (long)"/tmp/x", 0},
    {"mkdirat", SYS_mkdirat, -100, (long)"/tmp/x", 0700},
    {"socket", SYS_socket, 2, 1, 0},
    {"socketpair", SYS_socketpair, 1, 1, 0},
    {"connect", SYS_connect, 3, 0, 0},
    {"sendmsg", SYS_sendmsg, 3, 0, 0},
    {"recvmsg", SYS_recvmsg, 3, 0, 0},
    {"clock_gettime", SYS_clock_gettime, 0, 0, 0},
    {"gettimeofday", SYS_gettimeofday, 0, 0, 0},
    {"nanosleep", SYS_nanosleep, 0, 0, 0},
    {"timer_create", SYS_timer_create, 0, 0, 0},
    {"ptrace", SYS_ptrace, 0, 0, 0},
    {"process_vm_readv", SYS_process_vm_readv, 1, 0, 0},
    {"clone", SYS_clone, 17, 0, 0},
    {"clone3", SYS_clone3, 0, 0, 0},
    {"execve", SYS_execve, (long)"/bin/true", 0, 0},
    {"kill", SYS_kill, 1, 0, 0},
    {"tgkill", SYS_tgkill, 1, 1, 0},
    {"getpid", SYS_getpid, 0, 0, 0},
    {"setuid", SYS_setuid, 0, 0, 0},
    {"prctl", SYS_prctl, 4, 1, 0},
    {"prlimit64", SYS_prlimit64, 0, 7, 0},
    {"seccomp", SYS_seccomp, 0, 0, 0},
    {"unshare", SYS_unshare, 0x10000000, 0, 0},
    {"mount", SYS_mount, 0, 0, 0},
    {"bpf", SYS_bpf, 0, 0, 0},
    {"io_uring_setup", SYS_io_uring_setup, 1, 0, 0},
    {"userfaultfd", SYS_userfaultfd, 0, 0, 0},
    {"memfd_create", SYS_memfd_create, (long)"x", 0, 0},
    {"pipe2", SYS_pipe2, 0, 0, 0},
    {"dup", SYS_dup, 3, 0, 0},
    {"fcntl", SYS_fcntl, 3, 1, 0},
    {"ioctl", SYS_ioctl, 3, 0, 0},
    {"shmget", SYS_shmget, 0, 4096, 0},
    {"keyctl", SYS_keyctl, 0, 0, 0},
    {"perf_event_open", SYS_perf_event_open, 0, 0, 0},
    {"personality", SYS_personality, 0, 0, 0},
};

static long read_clock(void)
{
    struct timespec t;
    return clock_gettime(CLOCK_MONOTONIC, &t); /* In the vDSO: no system call. */
}

static long read_counter(void)
{
#if defined(__x86_64__)
    return (long)__builtin_ia32_rdtsc();
#else
    return read_clock();
#endif
}

static long other(const char *name)
{
    uint8_t byte = 0;
    if (strcmp(name, "nothing") == 0)
        return 0;
    if (strcmp(name, "clock") == 0)
        return read_clock();
    if (strcmp(name, "counter") == 0)
        return read_counter();
    if (strcmp(name, "stdin") == 0)
        return read(0, &byte, 1);
    if (strcmp(name, "stdout") == 0)
        return write(1, &byte, 1);
    if (strcmp(name, "stderr") == 0)
        return write(2, &byte, 1);
    if (strcmp(name, "map a file") == 0)
        return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) == MAP_FAILED ? -1 : 0;
    if (strcmp(name, "two gigabytes") == 0)
        return mmap(NULL, (size_t)2 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                    0) == MAP_FAILED
                   ? -1
                   : 0;
    _exit(PROBE_UNKNOWN);
}

void worker_probe(int argc, char **argv)
{
    long result = -2;
    const char *name = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strcmp(name, calls[i].name) == 0)
            result = by_number(calls[i].number, calls[i].a, calls[i].b, calls[i].c);
    }
    if (result == -2)
        result = other(name);
    _exit(result < 0 ? PROBE_REFUSED : PROBE_DONE);
}
