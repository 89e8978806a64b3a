/* settings: one table says what a program can be told; flags, environment and
 * configuration file are read by it, in that order of precedence.
 *
 * Layer: L6.  --view-timeout-ms 500, PLATFORM_VIEW_TIMEOUT_MS=500 and
 * "view_timeout_ms = 500" in the file of --config mean the same.  Every wrong
 * name and value is reported, not only the first, each with where it stands and
 * what would be right.  No setting holds a secret: secrets come from files,
 * credentials or the environment, named by a setting. */
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include <stdio.h>

#include "base/base.h"

enum setting_kind { SETTING_TEXT, SETTING_NUMBER, SETTING_BOOL, SETTING_LIST, SETTING_CHOICE };

struct setting {
    const char *name; /* snake_case */
    enum setting_kind kind;
    const char *fallback; /* NULL: required; "": empty */
    uint64_t min, max;    /* NUMBER */
    const char *choices;  /* CHOICE: "text json" */
    const char *help;
    /* TEXT, and each item of a LIST: NULL when value is right, else what is
     * expected.  Absent: everything is. */
    const char *(*expected)(const char *value);
    bool hidden; /* a wrong value is not shown: it may be a secret in the wrong place */
};

enum { SETTINGS_MAX = 64, SETTING_LIST_MAX = 64 };

struct settings {
    const struct setting *table;
    uint32_t count;
    char *values[SETTINGS_MAX];      /* malloc'd; NULL: not given, no fallback */
    const char *where[SETTINGS_MAX]; /* "flag", "environment", "file", "default" */
    uint32_t wrong;                  /* how many mistakes there were */
};

/* argv[0] is the program.  False: what is wrong, a line each, or the help (*help)
 * was written to the stream.  Either way what was read is held: settings_free. */
bool settings_read_to(FILE *to, struct settings *s, const struct setting *table, uint32_t count,
                      int argc, char **argv, bool *help);
void settings_free(struct settings *s);

/* The settings in the order of the table, as --help prints them. */
void settings_print(FILE *to, const struct setting *table, uint32_t count);

const char *settings_text(const struct settings *s, const char *name);
uint64_t settings_number(const struct settings *s, const char *name);
bool settings_bool(const struct settings *s, const char *name);
/* Comma-separated; items are cut out of the value in place.  Returns how many. */
uint32_t settings_list(struct settings *s, const char *name, char *items[SETTING_LIST_MAX]);

#endif
