/* complain: what a command says when it ends badly: for people on standard error, or, when the
 * answer is to be JSON, as the command's one document on standard output:
 *
 *   {"error": {"what": ..., "where": ..., "why": ..., "fix": ..., "details": [...], "exit": 2}}
 *
 * Layer: L6.  What platformd and platform-signer have to say has the same form (cmd_report), and
 * goes to standard error, where their log is.  JSON is asked for by --json, which
 * src/cmd/platform.c turns into PLATFORM_JSON=true, or by that variable.  No text ever holds a
 * secret. */
#ifndef CMD_COMPLAIN_H
#define CMD_COMPLAIN_H

#include <stdbool.h>

#include "base/base.h"

enum platform_exit {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_CHECK = 3,
    EXIT_NOT_READY = 4,
    EXIT_REFUSED = 5,
    EXIT_UNPROVEN = 6,
    EXIT_UNREACHABLE = 7,
};

/* Whether the answer, or the complaint, is to be JSON. */
bool cmd_json(void);

/* cmd_complain: what went wrong, where, why, what to do; any but what may be
 * NULL.  Returns code, so that a command can end with it. */
int cmd_complain(int code, const char *what, const char *where, const char *why, const char *fix);

/* cmd_complain_lines: several mistakes at once, a line each. */
int cmd_complain_lines(int code, const char *what, const char *where, const char *lines,
                       const char *fix);

/* cmd_file_why: what an error says of a file that was to be read, or written. */
const char *cmd_file_why(enum err e);

/* cmd_report: the same of a program that serves, whose standard error is a log: always there, and
 * with json one line of it.  lines: as for cmd_complain_lines, or NULL. */
int cmd_report(bool json, int code, const char *what, const char *where, const char *why,
               const char *fix, const char *lines);

/* cmd_usage: the command line is wrong, and this is how it should look. */
int cmd_usage(const char *usage);
/* cmd_help: it was asked for. */
int cmd_help(const char *usage);

#endif
