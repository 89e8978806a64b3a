/* Settings of the commands that have many: genesis, devnet. */
#include "cmd/cmd_settings.h"

#include <stdio.h>
#include <stdlib.h>

bool cmd_settings(struct settings *s, const struct setting *table, uint32_t count, int argc,
                  char **argv, int *code)
{
    char *text = NULL, what[64];
    size_t size = 0;
    bool help;
    FILE *to = open_memstream(&text, &size);
    assert(to != NULL);
    bool ok = settings_read_to(to, s, table, count, argc, argv, &help);
    fclose(to);
    snprintf(what, sizeof what, "%u setting%s wrong; nothing was done", s->wrong,
             s->wrong == 1 ? " is" : "s are");
    *code = EXIT_DONE;
    if (help)
        *code = cmd_help(text);
    else if (!ok)
        *code = cmd_complain_lines(EXIT_USAGE, what, NULL, text, NULL);
    free(text);
    return ok;
}
