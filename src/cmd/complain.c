#include "cmd/platform.h"

#include <stddef.h>
#include <stdio.h>

int cmd_complain(int code, const char *what, const char *where, const char *why, const char *fix)
{
    fprintf(stderr, "error: %s\n", what);
    if (where != NULL)
        fprintf(stderr, "  where: %s\n", where);
    if (why != NULL)
        fprintf(stderr, "  why:   %s\n", why);
    if (fix != NULL)
        fprintf(stderr, "  fix:   %s\n", fix);
    return code;
}
