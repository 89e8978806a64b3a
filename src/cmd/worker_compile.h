/* worker_compile: the compiler's side of platform-worker.
 *
 * Layer: L6.  The worker forks a warden before it isolates itself; the warden
 * forks a compiler for each module, isolated further and limited in CPU time
 * and memory, and passes its answer on.  So a module that makes the compiler
 * run long, use much memory or abort ends that one process only, and the runner
 * keeps no right to fork. */
#ifndef CMD_WORKER_COMPILE_H
#define CMD_WORKER_COMPILE_H

#include "os/pipe.h"
#include "sandbox/sandbox.h"

/* A frame of the warden: outcome | detail | artifact. */
enum { WARDEN_FRAME_MAX = SANDBOX_ARTIFACT_MAX + SANDBOX_DETAIL_MAX + 64 };

/* warden_open forks the warden; *fd is the runner's end. */
enum err warden_open(int *fd);

/* warden_compile asks for a module; *artifact points into the pipe's room.
 *   frame  room for the request: the module and 4 bytes.
 * ERR_CLOSED, ERR_IO: the warden is gone. */
enum err warden_compile(struct pipe *warden, struct span module, struct room frame,
                        struct span *artifact, struct sandbox_verdict *verdict);

#endif
