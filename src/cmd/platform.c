#include "cmd/platform.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"status", "where a node stands", cmd_status},
    {"validators", "the set of this epoch and its stake", cmd_validators},
    {"submit", "hand in work to a challenge", cmd_submit},
    {"submission", "show, list: what became of it", cmd_submission},
    {"leaderboard", "the miners of a challenge, best first", cmd_leaderboard},
    {"weights", "the decided weight matrix", cmd_weights},
    {"score", "explain: from a miner's weight to the log", cmd_score},
    {"audit", "bundle, verify: prove a score, offline", cmd_audit},
    {"blob", "put, get: content-addressed bytes", cmd_blob},
    {"challenge", "new, build, check, run; register, approve, activate, retire, list, show",
     cmd_challenge_any},
    {"key", "make a hotkey file, show its address", cmd_key},
    {"genesis", "read a network's beginning from a chain", cmd_genesis},
    {"devchain", "run a development chain", cmd_devchain},
    {"devnet", "up, down, status, logs: a network on this machine", cmd_devnet},
};

static void print_help(FILE *out)
{
    fprintf(out, "usage: platform COMMAND ...   (platform COMMAND --help tells more)\n\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        return EXIT_FAILED;
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_help(stdout);
        return EXIT_DONE;
    }
    for (size_t i = 0; argc >= 2 && i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc >= 2)
        fprintf(stderr, "error: there is no command '%s'\n", argv[1]);
    print_help(stderr);
    return EXIT_USAGE;
}
