#include "os/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

uint64_t os_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t os_unix_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void os_entropy(struct room out)
{
    size_t have = 0;
    while (have < out.len) {
        ssize_t n = getrandom(out.ptr + have, out.len - have, 0);
        assert(n > 0 || errno == EINTR);
        if (n > 0)
            have += (size_t)n;
    }
}

static enum err read_all(int fd, size_t max, struct span *out)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return ERR_IO;
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
        return ERR_TOO_BIG;
    size_t size = (size_t)st.st_size, have = 0;
    uint8_t *bytes = malloc(size + 1);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    while (have < size) {
        ssize_t n = read(fd, bytes + have, size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    if (have < size) {
        free(bytes);
        return ERR_IO;
    }
    bytes[size] = 0;
    *out = span_of(bytes, size);
    return ERR_OK;
}

enum err file_read(const char *path, size_t max, struct span *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    enum err e = read_all(fd, max, out);
    int saved = errno;
    close(fd);
    errno = saved;
    return e;
}

static enum err write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        bytes = span_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return fsync(fd) < 0 ? ERR_IO : ERR_OK;
}

static enum err sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path + 1),
             slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ERR_IO;
    int r = fsync(fd);
    close(fd);
    return r < 0 ? ERR_IO : ERR_OK;
}

enum err file_write(const char *path, struct span bytes, unsigned mode)
{
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return ERR_TOO_BIG;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return ERR_IO;
    enum err e = write_all(fd, bytes);
    if (close(fd) < 0 && e == ERR_OK)
        e = ERR_IO;
    if (e == ERR_OK && rename(temporary, path) < 0)
        e = ERR_IO;
    if (e == ERR_OK)
        return sync_folder_of(path);
    int saved = errno;
    unlink(temporary);
    errno = saved;
    return e;
}

enum err folder_make(const char *path)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof part)
        return ERR_TOO_BIG;
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return ERR_IO;
        part[i] = kept;
    }
    return ERR_OK;
}

enum err folder_lock(const char *path, int *fd)
{
    char file[PATH_MAX];
    if ((size_t)snprintf(file, sizeof file, "%s/lock", path) >= sizeof file)
        return ERR_TOO_BIG;
    int lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return ERR_IO;
    if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
        int saved = errno;
        close(lock);
        errno = saved;
        return saved == EWOULDBLOCK ? ERR_CONFLICT : ERR_IO;
    }
    *fd = lock;
    return ERR_OK;
}
