#include "os/journal_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/files.h"

enum {
    GENERATIONS_MAX = 64,
    AHEAD_BLOCK = 16 << 10,
    AHEAD_BLOCKS = 16, /* written ahead at a time */
};

struct journal_file {
    char dir[PATH_MAX - 64];
    char name[32];
    struct hash network;
    int dir_fd, fd;
    uint64_t generation, oldest, size;
    uint64_t written; /* zeros reach to here, when it is beyond size */
    struct journal_chain chain;
    uint8_t *pending; /* records of the next frame */
    size_t pending_used, pending_room;
    bool failed;
};

static void file_path(const struct journal_file *j, uint64_t generation, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s.%06llu", j->dir, j->name, (unsigned long long)generation);
}

/* --- opening */

static enum err list(const char *path, const char *name, uint64_t *oldest, uint64_t *newest)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return ERR_IO;
    size_t len = strlen(name);
    *oldest = *newest = 0;
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char *end;
        if (strncmp(e->d_name, name, len) != 0 || e->d_name[len] != '.')
            continue;
        uint64_t g = strtoull(e->d_name + len + 1, &end, 10);
        if (*end != '\0' || g == 0)
            continue;
        *oldest = *oldest == 0 ? g : min_u64(*oldest, g);
        *newest = max_u64(*newest, g);
    }
    closedir(dir);
    return ERR_OK;
}

static enum err create(struct journal_file *j, uint64_t generation)
{
    char path[PATH_MAX];
    uint8_t header[JOURNAL_HEADER_SIZE], salt[JOURNAL_SALT_SIZE];
    os_entropy((struct room){salt, sizeof salt});
    file_path(j, generation, path);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return ERR_IO;
    struct journal_chain chain = journal_header(generation, &j->network, salt, header);
    if (write(fd, header, sizeof header) != (ssize_t)sizeof header || fsync(fd) < 0 ||
        fsync(j->dir_fd) < 0) {
        close(fd);
        return ERR_IO;
    }
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->chain = chain;
    j->generation = generation;
    j->size = j->written = JOURNAL_HEADER_SIZE;
    return ERR_OK;
}

struct reading {
    void (*on_record)(void *ctx, struct span record);
    void *ctx;
    const char **why;
};

/* Reads one file; leaves it open for writing when it is the newest. */
static enum err judge(struct journal_file *j, int fd, const struct journal_scan *s, bool newest,
                      const struct reading *r)
{
    switch (s->verdict) {
    case JOURNAL_CLEAN:
        break;
    case JOURNAL_TORN:
        if (!newest) {
            *r->why = "an older journal file ends in the middle of a record";
            return ERR_CORRUPT;
        }
        if (ftruncate(fd, (off_t)s->good_size) < 0 || fsync(fd) < 0)
            return ERR_IO;
        break;
    case JOURNAL_DAMAGED:
        *r->why = "the journal is damaged before its end";
        return ERR_CORRUPT;
    case JOURNAL_FOREIGN:
        *r->why = "the journal belongs to another network or was made by another version";
        return ERR_FOREIGN;
    }
    j->chain = s->chain;
    j->size = j->written = s->good_size;
    return ERR_OK;
}

static enum err read_one(struct journal_file *j, int fd, uint64_t generation, bool newest,
                         const struct reading *r)
{
    struct stat st;
    struct span image = {0}, record;
    if (fstat(fd, &st) < 0)
        return ERR_IO;
    if (st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            return ERR_IO;
        image = span_of(map, (size_t)st.st_size);
    }
    struct journal_scan s;
    journal_scan_init(&s, image, &j->network);
    while (journal_next(&s, &record))
        r->on_record(r->ctx, record);
    enum err e = judge(j, fd, &s, newest, r);
    if (image.len > 0)
        munmap((void *)(uintptr_t)image.ptr, image.len);
    if (e == ERR_OK && s.good_size > 0 && s.generation != generation) {
        *r->why = "a journal file was renamed";
        e = ERR_CORRUPT;
    }
    return e;
}

static enum err read_all(struct journal_file *j, uint64_t newest, const struct reading *r)
{
    if (newest - j->oldest >= GENERATIONS_MAX)
        return ERR_TOO_BIG;
    for (uint64_t g = j->oldest; g <= newest; g++) {
        char path[PATH_MAX];
        file_path(j, g, path);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            *r->why = "a journal file is missing";
            return errno == ENOENT ? ERR_CORRUPT : ERR_IO;
        }
        enum err e = read_one(j, fd, g, g == newest, r);
        if (e != ERR_OK || g < newest) {
            close(fd);
            if (e != ERR_OK)
                return e;
            continue;
        }
        j->fd = fd;
        j->generation = g;
        if (j->size < JOURNAL_HEADER_SIZE)
            return create(j, g); /* It was being made when the machine stopped. */
    }
    return ERR_OK;
}

uint64_t journal_file_newest(const char *dir, const char *name)
{
    uint64_t oldest, newest;
    return list(dir, name, &oldest, &newest) == ERR_OK ? newest : 0;
}

enum err journal_file_open(struct journal_file **out, const char *dir, const char *name,
                           const struct hash *network,
                           void (*on_record)(void *ctx, struct span record), void *ctx,
                           bool *is_new, const char **why)
{
    struct journal_file *j = calloc(1, sizeof *j);
    if (j == NULL)
        return ERR_NO_MEMORY;
    *why = "the operating system refused it";
    j->network = *network;
    j->fd = -1;
    snprintf(j->dir, sizeof j->dir, "%s", dir);
    snprintf(j->name, sizeof j->name, "%s", name);
    j->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t newest = 0;
    enum err e = j->dir_fd < 0 ? ERR_IO : list(dir, name, &j->oldest, &newest);
    *is_new = newest == 0;
    struct reading r = {on_record, ctx, why};
    if (e == ERR_OK && newest == 0) {
        j->oldest = 1;
        e = create(j, 1);
    } else if (e == ERR_OK) {
        e = read_all(j, newest, &r);
    }
    if (e != ERR_OK) {
        journal_file_close(j);
        return e;
    }
    *out = j;
    return ERR_OK;
}

/* --- writing */

enum err journal_file_append(struct journal_file *j, struct span record)
{
    assert(record.len >= 1 && record.len <= JOURNAL_RECORD_MAX);
    size_t need = j->pending_used + 4 + record.len;
    if (need > JOURNAL_FRAME_MAX)
        return ERR_NO_MEMORY;
    if (need > j->pending_room) {
        size_t room = max_u64(2 * j->pending_room, max_u64(need, 64 << 10));
        uint8_t *more = realloc(j->pending, room);
        if (more == NULL)
            return ERR_NO_MEMORY;
        j->pending = more;
        j->pending_room = room;
    }
    for (int i = 0; i < 4; i++)
        j->pending[j->pending_used + (size_t)i] = (uint8_t)(record.len >> (8 * i));
    memcpy(j->pending + j->pending_used + 4, record.ptr, record.len);
    j->pending_used = need;
    return ERR_OK;
}

/* Zeros behind what the next frame needs: a flush that does not move the end of
 * the file has no inode to write.  Room that the disk refuses now it may still
 * have for the frame alone. */
static void write_ahead(struct journal_file *j, size_t need)
{
    static const uint8_t zeros[AHEAD_BLOCK];
    struct iovec parts[AHEAD_BLOCKS];
    if (j->size + need <= j->written)
        return;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        parts[i] = (struct iovec){(void *)(uintptr_t)zeros, sizeof zeros};
    ssize_t n = pwritev(j->fd, parts, COUNT_OF(parts), (off_t)(j->size + need));
    if (n > 0)
        j->written = j->size + need + (uint64_t)n;
}

static enum err write_all(int fd, struct iovec *parts, int count, uint64_t at)
{
    while (count > 0) {
        ssize_t n = pwritev(fd, parts, count, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        at += (uint64_t)n;
        while (count > 0 && (size_t)n >= parts->iov_len) {
            n -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0) {
            parts->iov_base = (uint8_t *)parts->iov_base + n;
            parts->iov_len -= (size_t)n;
        }
    }
    return ERR_OK;
}

enum err journal_file_flush(struct journal_file *j)
{
    if (j->failed)
        return ERR_IO;
    if (j->pending_used == 0)
        return ERR_OK;
    uint8_t head[JOURNAL_FRAME_HEAD];
    journal_head(&j->chain, span_of(j->pending, j->pending_used), head);
    struct iovec parts[] = {{head, sizeof head}, {j->pending, j->pending_used}};
    write_ahead(j, sizeof head + j->pending_used);
    if (write_all(j->fd, parts, 2, j->size) != ERR_OK || fdatasync(j->fd) < 0) {
        /* The next start would read from memory what the disk may never get. */
        err_ignore(ftruncate(j->fd, (off_t)j->size) < 0 ? ERR_IO : ERR_OK);
        j->failed = true;
        return ERR_IO;
    }
    j->size += sizeof head + j->pending_used;
    j->written = max_u64(j->written, j->size);
    j->pending_used = 0;
    return ERR_OK;
}

/* Only the newest file may end in zeros. */
static enum err trim(struct journal_file *j)
{
    if (j->written == j->size)
        return ERR_OK;
    if (ftruncate(j->fd, (off_t)j->size) < 0 || fsync(j->fd) < 0)
        return ERR_IO;
    j->written = j->size;
    return ERR_OK;
}

enum err journal_file_rotate(struct journal_file *j)
{
    enum err e = journal_file_flush(j);
    if (e == ERR_OK)
        e = trim(j);
    if (e == ERR_OK)
        e = create(j, j->generation + 1);
    j->failed |= e != ERR_OK;
    return e;
}

void journal_file_drop_old(struct journal_file *j)
{
    for (; j->oldest < j->generation; j->oldest++) {
        char path[PATH_MAX];
        file_path(j, j->oldest, path);
        unlink(path);
    }
}

uint64_t journal_file_size(const struct journal_file *j)
{
    return j->size + j->pending_used;
}

void journal_file_close(struct journal_file *j)
{
    if (j == NULL)
        return;
    if (j->fd >= 0)
        close(j->fd);
    if (j->dir_fd >= 0)
        close(j->dir_fd);
    free(j->pending);
    free(j);
}
