#include "os/command.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>


static bool find_in(const char *folders, const char *name, char *out, size_t out_size)
{
    while (*folders != 0) {
        size_t len = strcspn(folders, ":");
        int n = snprintf(out, out_size, "%.*s/%s", (int)len, folders, name);
        if (n > 0 && (size_t)n < out_size && access(out, X_OK) == 0)
            return true;
        folders += len;
        folders += *folders == ':';
    }
    return false;
}

enum err command_find(const char *const *names, char *out, size_t out_size)
{
    const char *path = getenv("PATH");
    for (; path != NULL && *names != NULL; names++) {
        if (find_in(path, *names, out, out_size))
            return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

enum err command_run(char *const *argv, int *status)
{
    pid_t child;
    int how;
    if (posix_spawn(&child, argv[0], NULL, NULL, argv, environ) != 0)
        return ERR_IO;
    while (waitpid(child, &how, 0) < 0) {
        if (errno != EINTR)
            return ERR_IO;
    }
    *status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    return ERR_OK;
}
