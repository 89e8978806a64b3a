/* cmd_settings: settings_read for a command of platform: what is wrong with them
 * is a complaint, in JSON where that is asked for.
 *
 * Layer: L6. */
#ifndef CMD_CMD_SETTINGS_H
#define CMD_CMD_SETTINGS_H

#include "cmd/complain.h"
#include "cmd/settings.h"

/* False: the command ends with *code. */
bool cmd_settings(struct settings *s, const struct setting *table, uint32_t count, int argc,
                  char **argv, int *code);

#endif
