/* pipe: blocking frames over one descriptor, for processes with one job.
 *
 * Layer: L4.  Threads: one at a time a descriptor.  A frame is a u32 length
 * (little-endian) and so many bytes. */
#ifndef OS_PIPE_H
#define OS_PIPE_H

#include "base/base.h"

/* A descriptor and what was read beyond the frame at hand. */
struct pipe {
    int fd;
    struct room room; /* kept; its size bounds a frame with its length */
    size_t start;     /* of what is not used yet */
    size_t end;
};

void pipe_init(struct pipe *p, int fd, struct room room);

/* pipe_read waits for a frame.  *frame points into the room and lives until the
 * next call.  ERR_CLOSED: end of file between frames.  ERR_MALFORMED: end of
 * file inside one.  ERR_TOO_BIG: it does not fit.  ERR_IO. */
enum err pipe_read(struct pipe *p, struct span *frame);

/* pipe_write sends a frame whose first four bytes are left free for its length. */
enum err pipe_write(struct pipe *p, struct room frame);

/* pipe_write_all sends bytes as they are. */
enum err pipe_write_all(int fd, struct span bytes);

/* pipe_read_all reads to the end of file.  ERR_TOO_BIG: more than room. */
enum err pipe_read_all(int fd, struct room room, size_t *len);

#endif
