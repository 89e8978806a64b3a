/* pool: the workers that evaluate; one process a slot, replaced when it dies.
 *
 * Layer: L4.  Threads: the loop's.
 *
 *   POOL-1  Each job taken is answered exactly once: with the worker's answer,
 *           or with none when its worker died, hung, or could not be started.
 *   POOL-2  A worker whose job is over its wall clock is killed.  The clock of a
 *           job starts when its module is compiled; compiling has a clock of its
 *           own (SANDBOX_COMPILE_WALL_MS).
 *   POOL-3  A worker that breaks the protocol, or runs another engine than this
 *           program expects, is killed and its job answered with none.
 *   POOL-4  A module travels to a worker once: later jobs name it only. */
#ifndef OS_POOL_H
#define OS_POOL_H

#include <uv.h>

#include "base/arena.h"

enum { POOL_SLOTS_MAX = 64, POOL_MODULES_MAX = 8, POOL_START_MS = 20000 };

/* Why there is no answer; a word for the log. */
enum pool_end {
    POOL_ANSWERED,
    POOL_DIED,
    POOL_WALL_CLOCK,
    POOL_COMPILE_CLOCK,
    POOL_NOT_STARTED,
    POOL_PROTOCOL,
    POOL_CLOSED,
};

const char *pool_end_name(enum pool_end e);

struct pool;

struct pool_config {
    const char *program; /* path of platform-worker; kept */
    uint32_t slots;      /* 1 .. POOL_SLOTS_MAX */
    struct hash engine;  /* what the workers must run: sandbox_engine_id() */
    void *ctx;
    /* answer: an encoded sandbox_answer, borrowed; empty unless POOL_ANSWERED.
     * It may call pool_submit, and not pool_close. */
    void (*on_answer)(void *ctx, uint64_t token, struct span answer, enum pool_end end);
};

/* pool_open starts the workers.  ERR_NO_MEMORY. */
enum err pool_open(struct pool **out, uv_loop_t *loop, const struct pool_config *config);

/* pool_submit takes an encoded sandbox_job with its module (copied).
 * ERR_FULL: every slot has a job.  ERR_MALFORMED: not a job. */
enum err pool_submit(struct pool *p, uint64_t token, struct span job, uint32_t wall_ms);

/* pool_pid: the process of a slot, 0 while it has none; for status and tests. */
int pool_pid(const struct pool *p, uint32_t slot);

/* pool_is_ready: the worker of a slot is up and waits. */
bool pool_is_ready(const struct pool *p, uint32_t slot);

/* pool_close ends the workers; jobs are answered with POOL_CLOSED.  The memory
 * goes when the loop has run once more.  NULL is fine. */
void pool_close(struct pool *p);

/* pool_program: the worker that lies beside the running program.  False: the
 * path is too long. */
bool pool_program(char *out, size_t out_size);

/* What came of one job in a pool of its own. */
struct pool_once {
    enum pool_end end;
    struct span answer; /* in the caller's arena */
    uint64_t took_us;   /* from the job's submission; a worker starts meanwhile */
};

/* pool_once starts a worker, gives it one job and ends it; for tools.  The
 * errors of pool_open and pool_submit; ERR_NO_MEMORY when the answer does not
 * fit in arena. */
enum err pool_once(const char *program, const struct hash *engine, uint64_t token, struct span job,
                   uint32_t wall_ms, struct arena *arena, struct pool_once *out);

#endif
