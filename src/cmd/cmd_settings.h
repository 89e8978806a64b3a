/* cmd_settings: the settings of a program that has many: what is wrong with them
 * is a complaint (complain.h), in JSON where that is asked for.
 *
 * Layer: L6. */
#ifndef CMD_CMD_SETTINGS_H
#define CMD_CMD_SETTINGS_H

#include "cmd/complain.h"
#include "cmd/settings.h"

/* A command of platform; argv[0] is its name.  False: it ends with *code, and holds nothing. */
bool cmd_settings(struct settings *s, const struct setting *table, uint32_t count, int argc,
                  char **argv, int *code);

/* A program that serves.  together looks at what the settings say together, once
 * each of them is well formed or absent (NULL): it writes a line for each mistake and
 * returns how many.  *json: its errors are to be JSON (log_format). */
bool cmd_settings_serving(struct settings *s, const struct setting *table, uint32_t count, int argc,
                          char **argv, uint32_t (*together)(const struct settings *s, FILE *to),
                          bool *json, int *code);

#endif
