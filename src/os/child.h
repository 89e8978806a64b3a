/* child: a helper process on the other end of one socket, spoken to in frames
 * of a little-endian u32 length and that many bytes.
 *
 * Layer: L4.  Threads: the loop's.  The child finds its end of the socket as
 * descriptor 3 and nothing else but its standard error, and what it is given.  It
 * is started again after a pause when it ends by itself.
 *
 *   CHILD-1  Frames given to child_send while the child is down are dropped:
 *            on_up tells when to ask again.
 *   CHILD-2  A frame over frame_max ends the child.
 *   CHILD-3  What is given stands in no command line and no environment. */
#ifndef OS_CHILD_H
#define OS_CHILD_H

#include <uv.h>

#include "base/base.h"

struct child;

enum { CHILD_GIVEN_MAX = 2, CHILD_GIVEN_SIZE_MAX = 4096, CHILD_GIVEN_FD = 4 };

struct child_config {
    const char *program;     /* path */
    const char *const *args; /* argv from argv[0] on, NULL-terminated; kept */
    const char *const *env;  /* NULL-terminated; kept */
    /* Bytes that the child reads from descriptors 4, 5 to their end, at each start; kept. */
    struct span given[CHILD_GIVEN_MAX];
    uint32_t given_count;
    size_t frame_max;
    uint32_t restart_ms;
    void *ctx;
    void (*on_up)(void *ctx); /* started, also again */
    void (*on_frame)(void *ctx, struct span frame);
    /* The child ended; status as waitpid's exit code, signal 0 when it exited. */
    void (*on_down)(void *ctx, int64_t status, int signal);
};

enum err child_open(struct child **out, uv_loop_t *loop, const struct child_config *c);
void child_send(struct child *c, struct span frame);
int child_pid(const struct child *c);
/* Ends the child (TERM, then KILL after a second) and frees c when it is gone. */
void child_close(struct child *c);

#endif
