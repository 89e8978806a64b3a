#include "os/key_source.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Straight from the descriptor into guarded memory. */
static enum err read_all(int fd, struct secret **out, const char **why)
{
    struct secret *s;
    size_t used = 0;
    *why = "no guarded memory is left; see the limit on locked memory (ulimit -l)";
    enum err e = secret_open(SECRET_SIZE_MAX, &s);
    if (e != ERR_OK)
        return e;
    struct room room = secret_room(s);
    ssize_t n = 1;
    while (n > 0 && used < room.len) {
        n = read(fd, room.ptr + used, room.len - used);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            used += (size_t)n;
    }
    if (n < 0) {
        *why = "it cannot be read";
        e = ERR_IO;
    } else if (n > 0) {
        *why = "it is longer than any key";
        e = ERR_TOO_BIG;
    } else if (used == 0) {
        *why = "it is empty";
        e = ERR_MALFORMED;
    }
    if (e != ERR_OK) {
        secret_close(s);
        return e;
    }
    secret_shrink(s, used);
    *out = s;
    return ERR_OK;
}

static enum err from_file(const char *path, bool private, struct secret **out, const char **why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        *why = errno == ENOENT ? "there is no such file" : "the file cannot be opened";
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    }
    struct stat st;
    enum err e = ERR_IO;
    if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode)) {
        *why = "it is not a file";
    } else if (private && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
        *why = "others may read the file; run chmod 600 on it";
        e = ERR_DENIED;
    } else {
        e = read_all(fd, out, why);
    }
    close(fd);
    return e;
}

static enum err from_fd(const char *where, struct secret **out, const char **why)
{
    char *end;
    errno = 0;
    long fd = strtol(where, &end, 10);
    if (errno != 0 || *where == '\0' || *end != '\0' || fd < 0 || fd > INT_MAX) {
        *why = "it is not the number of a descriptor";
        return ERR_MALFORMED;
    }
    enum err e = read_all((int)fd, out, why);
    close((int)fd);
    return e;
}

/* systemd hands credentials over in a folder of the service's own. */
static enum err from_credential(const char *name, struct secret **out, const char **why)
{
    char path[PATH_MAX];
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (folder == NULL) {
        *why = "CREDENTIALS_DIRECTORY is not set: not started by systemd with LoadCredential=";
        return ERR_NOT_FOUND;
    }
    if (*name == '\0' || strchr(name, '/') != NULL ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        *why = "it is not the name of a credential";
        return ERR_MALFORMED;
    }
    return from_file(path, false, out, why);
}

static enum err from_environment(const char *name, struct secret **out, const char **why)
{
    char *value = getenv(name);
    if (value == NULL || *value == '\0') {
        *why = "the variable is not set";
        return ERR_NOT_FOUND;
    }
    size_t len = strlen(value);
    enum err e = ERR_TOO_BIG;
    *why = "it is longer than any key";
    if (len <= SECRET_SIZE_MAX) {
        *why = "no guarded memory is left; see the limit on locked memory (ulimit -l)";
        e = secret_open(len, out);
    }
    if (e == ERR_OK)
        memcpy(secret_room(*out).ptr, value, len);
    secret_wipe(value, len); /* also what /proc shows of us */
    unsetenv(name);
    return e;
}

enum err key_source_read(enum key_source source, const char *where, struct secret **out,
                         const char **why)
{
    switch (source) {
    case KEY_FROM_FILE:
        return from_file(where, true, out, why);
    case KEY_FROM_FD:
        return from_fd(where, out, why);
    case KEY_FROM_CREDENTIAL:
        return from_credential(where, out, why);
    case KEY_FROM_ENVIRONMENT:
        return from_environment(where, out, why);
    }
    return ERR_MALFORMED;
}
