/* challenge: `platform challenge`, what a challenge's author uses.
 *
 * Layer: L6.  Commands:
 *   new NAME [DIR]   a folder with a challenge that works
 *   build [DIR]      sources to DIR/NAME.wasm
 *   check [DIR]      would a validator load it; which cap or import is in the way
 *   run [DIR]        one evaluation with the worker, caps and outcomes of the
 *                    network
 * Options: --json, --sdk FOLDER, --worker PROGRAM, --module FILE, --out FILE,
 * --input FILE. */
#ifndef CMD_CHALLENGE_H
#define CMD_CHALLENGE_H

#include "cmd/challenge_file.h"

struct challenge_options {
    bool json, help;
    const char *sdk;
    const char *worker;
    const char *module;
    const char *out;
    const char *input;
    const char *names[2]; /* what is no option */
    uint32_t name_count;
};

extern const char challenge_usage[];

/* cmd_challenge: argv[0] is "challenge".  Exit codes: 0 done, and for run the
 * outcome is ok; 1 a local failure; 2 wrong usage or a wrong file; 3 the
 * outcome is another one. */
int cmd_challenge(int argc, char **argv);

/* challenge_run and challenge_check: the commands that start a worker. */
int challenge_run(const struct challenge_options *o);
int challenge_check(const struct challenge_options *o);

#endif
