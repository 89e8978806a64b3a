#include "cmd/complain.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool cmd_json(void)
{
    const char *value = getenv("PLATFORM_JSON");
    return value != NULL && strcmp(value, "true") == 0;
}

static void print(FILE *to, json_t *o)
{
    json_dumpf(o, to, JSON_COMPACT);
    fputc('\n', to);
    json_decref(o);
}

/* Words of a command line or of a file need not be UTF-8. */
static void set_text(json_t *o, const char *key, const char *text)
{
    if (text == NULL)
        return;
    json_t *value = json_string(text);
    json_object_set_new(o, key, value != NULL ? value : json_string("(not UTF-8)"));
}

static void set_lines(json_t *o, const char *lines)
{
    json_t *list = json_array();
    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");
        json_t *line = json_stringn(lines, len);
        json_array_append_new(list, line != NULL ? line : json_string("(not UTF-8)"));
        lines += len + (lines[len] != '\0');
    }
    json_object_set_new(o, "details", list);
}

static int complain_json(FILE *to, int code, const char *const parts[4], const char *lines)
{
    static const char *const keys[] = {"what", "where", "why", "fix"};
    json_t *error = json_object();
    for (int i = 0; i < 4; i++)
        set_text(error, keys[i], parts[i]);
    if (lines != NULL)
        set_lines(error, lines);
    json_object_set_new(error, "exit", json_integer(code));
    print(to, json_pack("{s:o}", "error", error));
    return code;
}

static int complain_text(int code, const char *const parts[4], const char *lines)
{
    static const char *const heads[] = {"error:", "  where:", "  why:  ", "  fix:  "};
    if (lines != NULL)
        fputs(lines, stderr);
    for (int i = 0; i < 4; i++)
        if (parts[i] != NULL)
            fprintf(stderr, "%s %s\n", heads[i], parts[i]);
    return code;
}

const char *cmd_file_why(enum err e)
{
    if (e == ERR_NOT_FOUND)
        return "there is no such file";
    return e == ERR_TOO_BIG ? "it is too large" : err_text(e);
}

int cmd_complain(int code, const char *what, const char *where, const char *why, const char *fix)
{
    const char *const parts[] = {what, where, why, fix};
    return cmd_json() ? complain_json(stdout, code, parts, NULL) : complain_text(code, parts, NULL);
}

int cmd_complain_lines(int code, const char *what, const char *where, const char *lines,
                       const char *fix)
{
    const char *const parts[] = {what, where, NULL, fix};
    return cmd_json() ? complain_json(stdout, code, parts, lines)
                      : complain_text(code, parts, lines);
}

int cmd_report(bool json, int code, const char *what, const char *where, const char *why,
               const char *fix, const char *lines)
{
    const char *const parts[] = {what, where, why, fix};
    return json ? complain_json(stderr, code, parts, lines) : complain_text(code, parts, lines);
}

int cmd_usage(const char *usage)
{
    if (cmd_json())
        return complain_json(stdout, EXIT_USAGE,
                             (const char *[]){"the command line is wrong", NULL, NULL, usage},
                             NULL);
    fputs(usage, stderr);
    return EXIT_USAGE;
}

int cmd_help(const char *usage)
{
    if (cmd_json())
        print(stdout, json_pack("{s:s}", "usage", usage));
    else
        fputs(usage, stdout);
    return EXIT_DONE;
}
