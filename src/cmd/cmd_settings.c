#include "cmd/cmd_settings.h"

#include <stdio.h>
#include <stdlib.h>

/* What is wrong, or the help, in malloc'd memory. */
static bool read_settings(struct settings *s, const struct setting *table, uint32_t count, int argc,
                          char **argv, uint32_t (*together)(const struct settings *s, FILE *to),
                          bool *help, char **text)
{
    size_t size = 0;
    FILE *to = open_memstream(text, &size);
    assert(to != NULL);
    settings_read_to(to, s, table, count, argc, argv, help);
    if (!*help && together != NULL)
        s->wrong += together(s, to);
    fclose(to);
    return !*help && s->wrong == 0;
}

static const char *count_wrong(const struct settings *s, const char *nothing, char what[64])
{
    snprintf(what, 64, "%u setting%s wrong; nothing was %s", s->wrong,
             s->wrong == 1 ? " is" : "s are", nothing);
    return what;
}

bool cmd_settings(struct settings *s, const struct setting *table, uint32_t count, int argc,
                  char **argv, int *code)
{
    char *text = NULL, what[64], name[64], *plain = argv[0];
    bool help;
    snprintf(name, sizeof name, "platform %s", plain);
    argv[0] = name;
    bool ok = read_settings(s, table, count, argc, argv, NULL, &help, &text);
    argv[0] = plain;
    *code = EXIT_DONE;
    if (help)
        *code = cmd_help(text);
    else if (!ok)
        *code = cmd_complain_lines(EXIT_USAGE, count_wrong(s, "done", what), NULL, text, NULL);
    free(text);
    if (!ok)
        settings_free(s);
    return ok;
}

bool cmd_settings_serving(struct settings *s, const struct setting *table, uint32_t count, int argc,
                          char **argv, uint32_t (*together)(const struct settings *s, FILE *to),
                          bool *json, int *code)
{
    char *text = NULL, what[64];
    bool help;
    bool ok = read_settings(s, table, count, argc, argv, together, &help, &text);
    const char *format = help ? NULL : settings_text(s, "log_format");
    *json = format != NULL && strcmp(format, "json") == 0;
    *code = EXIT_DONE;
    if (help)
        *code = cmd_help(text);
    else if (!ok)
        *code =
            cmd_report(*json, EXIT_USAGE, count_wrong(s, "started", what), NULL, NULL, NULL, text);
    free(text);
    if (!ok)
        settings_free(s);
    return ok;
}
