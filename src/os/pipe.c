#include "os/pipe.h"

#include <errno.h>
#include <unistd.h>

enum { HEAD = 4 };

void pipe_init(struct pipe *p, int fd, struct room room)
{
    assert(room.len > HEAD);
    *p = (struct pipe){.fd = fd, .room = room};
}

/* At least one more byte into the room. */
static enum err fill(struct pipe *p)
{
    assert(p->end < p->room.len);
    for (;;) {
        ssize_t n = read(p->fd, p->room.ptr + p->end, p->room.len - p->end);
        if (n > 0) {
            p->end += (size_t)n;
            return ERR_OK;
        }
        if (n == 0)
            return ERR_CLOSED;
        if (errno != EINTR)
            return ERR_IO;
    }
}

static enum err need(struct pipe *p, size_t bytes)
{
    while (p->end - p->start < bytes) {
        enum err e = fill(p);
        if (e != ERR_OK)
            return e == ERR_CLOSED && p->end > p->start ? ERR_MALFORMED : e;
    }
    return ERR_OK;
}

enum err pipe_read(struct pipe *p, struct span *frame)
{
    memmove(p->room.ptr, p->room.ptr + p->start, p->end - p->start);
    p->end -= p->start;
    p->start = 0;
    enum err e = need(p, HEAD);
    if (e != ERR_OK)
        return e;
    const uint8_t *h = p->room.ptr;
    size_t len = (size_t)h[0] | (size_t)h[1] << 8 | (size_t)h[2] << 16 | (size_t)h[3] << 24;
    if (len > p->room.len - HEAD)
        return ERR_TOO_BIG;
    e = need(p, HEAD + len);
    if (e != ERR_OK)
        return e;
    *frame = span_of(p->room.ptr + HEAD, len);
    p->start = HEAD + len;
    return ERR_OK;
}

enum err pipe_write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return errno == EPIPE ? ERR_CLOSED : ERR_IO;
        bytes = span_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return ERR_OK;
}

enum err pipe_write(struct pipe *p, struct room frame)
{
    assert(frame.len >= HEAD && frame.len - HEAD <= UINT32_MAX);
    size_t len = frame.len - HEAD;
    for (unsigned i = 0; i < HEAD; i++)
        frame.ptr[i] = (uint8_t)(len >> (8 * i));
    return pipe_write_all(p->fd, span_of(frame.ptr, frame.len));
}

enum err pipe_read_all(int fd, struct room room, size_t *len)
{
    size_t used = 0;
    uint8_t extra;
    for (;;) {
        bool full = used == room.len;
        ssize_t n = full ? read(fd, &extra, 1) : read(fd, room.ptr + used, room.len - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        if (n == 0)
            break;
        if (full)
            return ERR_TOO_BIG;
        used += (size_t)n;
    }
    *len = used;
    return ERR_OK;
}
