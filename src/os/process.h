/* process: programs that go on when the one that started them has ended, and
 * the files that remember them.
 *
 * Layer: L4.  No shell is involved: arguments are passed as they are.
 *
 *   PROCESS-1  A process is known by its number and the time of its start, so a
 *              number that the system has given to another one is never taken
 *              for it, and never signalled. */
#ifndef OS_PROCESS_H
#define OS_PROCESS_H

#include "base/base.h"

struct process {
    int pid;        /* 0: none */
    uint64_t start; /* the kernel's, in ticks since boot */
};

/* process_start runs argv[0] (a path) in a session of its own, without input,
 * its output behind what log holds.  ERR_IO with errno. */
enum err process_start(char *const *argv, const char *log, struct process *out);

/* It runs; a zombie that nobody has waited for does not. */
bool process_runs(const struct process *p);

/* False: it does not run any more. */
bool process_signal(const struct process *p, int signal);

/* A file with one process.  ERR_NOT_FOUND; ERR_MALFORMED; ERR_IO. */
enum err process_save(const char *path, const struct process *p);
enum err process_load(const char *path, struct process *out);

/* Nobody listens on 127.0.0.1:port. */
bool process_port_is_free(uint16_t port);

/* process_claim: true for one process of this host at a time, from then on until
 * it ends.  name: at most 64 characters. */
bool process_claim(const char *name);

void process_pause(uint32_t ms);

#endif
