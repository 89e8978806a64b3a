/* isolate: a process gives up, for good, what its job does not need.
 *
 * Layer: L4.  Called once, early, single-threaded.  Fails closed: when a step
 * cannot be done, the process must not go on.
 *
 *   ISOLATE-1  Afterwards only the descriptors named stay open, and none can be
 *              opened: no file, socket, device, timer.
 *   ISOLATE-2  A system call that is not on the profile's list kills the whole
 *              process (SIGSYS); the list with its reasons is in isolate.c.
 *   ISOLATE-3  The process cannot gain privileges, be traced by its user or
 *              leave a core; it dies with its parent.
 *   ISOLATE-4  A runner has no clock: neither the system call nor the instruction
 *              behind the C library's clock (x86-64) works.  A compiler, which
 *              runs no guest code, keeps the instruction: its library reads it. */
#ifndef OS_ISOLATE_H
#define OS_ISOLATE_H

#include "base/base.h"

enum isolate_profile {
    ISOLATE_RUNNER,   /* runs guests */
    ISOLATE_WARDEN,   /* forks a compiler for each module and collects its answer */
    ISOLATE_COMPILER, /* compiles one module and is gone */
};

/* What a process may take; 0 leaves a limit as it is. */
struct isolate_limits {
    uint64_t cpu_s;
    uint64_t address_bytes;
    uint64_t data_bytes;
    uint64_t stack_bytes;
};

/* isolate_orphan: die when the parent does.  ERR_CLOSED: it is already gone. */
enum err isolate_orphan(void);

/* isolate_enter: keep has the descriptors that stay, in rising order.
 * ERR_IO: *step names what could not be done. */
enum err isolate_enter(enum isolate_profile profile, const struct isolate_limits *limits,
                       const int *keep, size_t keep_count, const char **step);

/* isolate_pair: two ends of a private stream, both closed on exec. */
enum err isolate_pair(int fds[2]);

/* isolate_fork: what fork returns; the child is again bound to its parent. */
int isolate_fork(void);

/* isolate_child runs work in a child, gives it one end of a pipe, and collects
 * what it writes into room.  The child must end by itself or by its limits.
 *   *len     what was written.
 *   *ended   the signal that killed it, or 0.
 * ERR_IO: no child; ERR_TOO_BIG: it wrote more than room (it is killed). */
enum err isolate_child(void (*work)(void *context, int fd), void *context, struct room room,
                       size_t *len, int *ended);

/* isolate_exit ends the process at once, running nothing of the C library. */
_Noreturn void isolate_exit(int code);

void isolate_close(int fd);

/* isolate_move: fd becomes to, and fd is closed.  False: it cannot. */
bool isolate_move(int fd, int to);

#endif
