/* command: run another program to its end, for the tools of the CLI.
 *
 * Layer: L4.  No shell is involved: arguments are passed as they are. */
#ifndef OS_COMMAND_H
#define OS_COMMAND_H

#include "base/base.h"

/* command_find: the first of names (NULL-terminated list) that is in PATH, as a
 * path in out.  ERR_NOT_FOUND. */
enum err command_find(const char *const *names, char *out, size_t out_size);

/* command_run waits for argv[0] (a path).  *status: its exit code, or 128 and
 * the signal that ended it.  ERR_IO: it could not be started. */
enum err command_run(char *const *argv, int *status);

#endif
