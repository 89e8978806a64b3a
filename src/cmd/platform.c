#include "cmd/platform.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

struct command {
    const char *name, *verbs, *help; /* verbs: what comes next; "": nothing does */
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    {"status", "", "where a node stands", cmd_status},
    {"validators", "", "the set of this epoch and its stake", cmd_validators},
    {"submit", "", "hand in work to a challenge", cmd_submit},
    {"submission", "show list", "what became of it", cmd_submission},
    {"leaderboard", "", "the miners of a challenge, best first", cmd_leaderboard},
    {"weights", "", "the weight matrix: as decided, or as the chain has it", cmd_weights},
    {"score", "explain", "from a miner's weight to the log", cmd_score},
    {"audit", "bundle verify", "prove a score, offline", cmd_audit},
    {"blob", "put get", "content-addressed bytes", cmd_blob},
    {"challenge", "new build check run register approve activate retire list show",
     "a challenge, from its folder to the network", cmd_challenge_any},
    {"key", "new show", "a hotkey file and its address", cmd_key},
    {"genesis", "", "read a network's beginning from a chain", cmd_genesis},
    {"devchain", "", "run a development chain", cmd_devchain},
    {"devnet", "up down status logs start stop kill", "a network on this machine", cmd_devnet},
};

static const char first_line[] =
    "usage: platform COMMAND ...   (platform COMMAND --help tells more; "
    "--json: answers in JSON)\n\n";

static void print_help(FILE *out)
{
    fputs(first_line, out);
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        fprintf(out, "  %-12s %s%s%s%s\n", commands[i].name, commands[i].help,
                *commands[i].verbs != '\0' ? " (" : "", commands[i].verbs,
                *commands[i].verbs != '\0' ? ")" : "");
}

static int help(void)
{
    if (!cmd_json()) {
        print_help(stdout);
        return EXIT_DONE;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "name", commands[i].name, "verbs",
                                              commands[i].verbs, "help", commands[i].help));
    json_t *all = json_pack("{s:o}", "commands", list);
    json_dumpf(all, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(all);
    return EXIT_DONE;
}

/* Wherever it stands: also what is wrong with the rest of the line is then told in JSON. */
static bool asks_json(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (asks_json(argc, argv) && setenv("PLATFORM_JSON", "true", 1) != 0)
        return EXIT_FAILED;
    if (sodium_init() < 0)
        return cmd_complain(EXIT_FAILED, "libsodium cannot be used", NULL, NULL, NULL);
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0))
        return help();
    for (size_t i = 0; argc >= 2 && i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc >= 2 && argv[1][0] != '-')
        return cmd_complain(EXIT_USAGE, "there is no such command", argv[1], NULL,
                            "`platform help` lists them");
    if (cmd_json())
        return cmd_usage(first_line);
    print_help(stderr);
    return EXIT_USAGE;
}
