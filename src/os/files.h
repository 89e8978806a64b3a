/* files: small files of a node's data folder, and what comes from the kernel.
 *
 * Layer: L4.  Errors leave errno as the system set it. */
#ifndef OS_FILES_H
#define OS_FILES_H

#include "base/base.h"

/* Monotonic milliseconds, and unix nanoseconds for identifiers only. */
uint64_t os_now_ms(void);
uint64_t os_unix_ns(void);

/* Fresh bytes from the kernel; the process ends when it has none. */
void os_entropy(struct room out);

/* The whole file in malloc'd memory (free it), NUL behind it.  ERR_NOT_FOUND,
 * ERR_TOO_BIG over max, ERR_IO. */
enum err file_read(const char *path, size_t max, struct span *out);

/* Writes path whole or not at all: a temporary beside it, synced, renamed, and
 * the folder synced.  mode as for open. */
enum err file_write(const char *path, struct span bytes, unsigned mode);

/* Makes the folder and its parents as needed, mode 0700. */
enum err folder_make(const char *path);

/* Takes the folder for this process: ERR_CONFLICT when another one has it.  The
 * descriptor is kept open until the process ends. */
enum err folder_lock(const char *path, int *fd);

#endif
