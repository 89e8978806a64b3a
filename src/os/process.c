#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/files.h"


/* Fields 3 and 22 of /proc/PID/stat; the name in between may hold anything, so
 * counting begins behind its last parenthesis. */
static bool look_up(int pid, char *state, uint64_t *start)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ')
        return false;
    at += 2;
    *state = *at;
    for (int field = 3; field < 22 && at != NULL; field++) {
        at = strchr(at, ' ');
        at = at != NULL ? at + 1 : NULL;
    }
    *start = at != NULL ? strtoull(at, NULL, 10) : 0;
    return at != NULL;
}

enum err process_start(char *const *argv, const char *log, struct process *out)
{
    enum { OUTPUT = O_WRONLY | O_CREAT | O_APPEND };
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    struct process p = {0};
    char state;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log, OUTPUT, 0644);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int r = posix_spawn(&p.pid, argv[0], &files, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    errno = r;
    if (r != 0 || !look_up(p.pid, &state, &p.start))
        return ERR_IO;
    *out = p;
    return ERR_OK;
}

bool process_runs(const struct process *p)
{
    char state;
    uint64_t start;
    if (p->pid <= 0)
        return false;
    waitpid(p->pid, NULL, WNOHANG); /* Ours is buried here; another's cannot be. */
    return look_up(p->pid, &state, &start) && start == p->start && state != 'Z' && state != 'X';
}

bool process_signal(const struct process *p, int signal)
{
    return process_runs(p) && kill(p->pid, signal) == 0;
}

enum err process_save(const char *path, const struct process *p)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%d %llu\n", p->pid, (unsigned long long)p->start);
    return file_write(path, span_of(text, (size_t)n), 0644);
}

enum err process_load(const char *path, struct process *out)
{
    struct span text;
    enum err e = file_read(path, 64, &text);
    if (e != ERR_OK)
        return e;
    char *end;
    long pid = strtol((const char *)text.ptr, &end, 10);
    uint64_t start = *end == ' ' ? strtoull(end + 1, &end, 10) : 0;
    bool good = pid > 0 && pid <= INT32_MAX && start > 0 && *end == '\n';
    if (good)
        *out = (struct process){(int)pid, start};
    free((void *)(uintptr_t)text.ptr);
    return good ? ERR_OK : ERR_MALFORMED;
}

bool process_port_is_free(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    /* As the programs do: a connection that lingers is no obstacle. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool is_free = bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 1) == 0;
    close(fd);
    return is_free;
}

/* An abstract socket: no file is left, and the kernel ends the claim with us. */
bool process_claim(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    assert(len <= 64);
    memcpy(at.sun_path + 1, name, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    if (bind(fd, (struct sockaddr *)&at, size) == 0)
        return true; /* The descriptor is the claim; it stays open. */
    close(fd);
    return false;
}

void process_pause(uint32_t ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}
