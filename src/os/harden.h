/* harden: what a process that holds a key gives up.
 *
 * Layer: L4.  Called single-threaded.
 *
 *   HARDEN-1  After harden_process no core is written, no other process of the
 *             user may look inside (nor at its environment), and nothing gains
 *             privileges.
 *   HARDEN-2  After harden_calls a system call that serving requests and keeping
 *             the journal do not need ends the process: no socket is made, no
 *             program started, no process forked. */
#ifndef OS_HARDEN_H
#define OS_HARDEN_H

#include "base/base.h"

/* ERR_IO: *step names what could not be done. */
enum err harden_process(const char **step);
/* harden_memory locks all of it; when the limit forbids it (false), the key's own
 * pages still are (secret.h). */
bool harden_memory(void);
enum err harden_calls(const char **step);

#endif
