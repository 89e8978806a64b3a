/* harden: what the process that holds a key gives up.
 *
 * Layer: L4.  Called single-threaded.
 *
 *   HARDEN-1  After harden_memory no core is written, no other process of the
 *             user may look inside, and nothing gains privileges.
 *   HARDEN-2  After harden_calls a system call that serving requests and keeping
 *             the journal do not need ends the process: no socket is made, no
 *             program started, no process forked. */
#ifndef OS_HARDEN_H
#define OS_HARDEN_H

#include "base/base.h"

/* ERR_IO: *step names what could not be done.  *locked: all memory is locked;
 * when the limit forbids it, the key's own pages still are (secret.h). */
enum err harden_memory(bool *locked, const char **step);
enum err harden_calls(const char **step);

#endif
