#include "cmd/challenge.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/complain.h"
#include "codec/wr.h"
#include "os/command.h"
#include "os/files.h"
#include "sandbox/sandbox.h"

#ifndef PLATFORM_SDK
#define PLATFORM_SDK "/usr/share/platform/sdk"
#endif

enum { ARENA_BYTES = 64 << 20, TEMPLATE_BYTES = 64 << 10 };

const char challenge_usage[] =
    "At home, without a network:\n"
    "usage: platform challenge new NAME [DIR] [--sdk FOLDER]   a folder with one that works\n"
    "       platform challenge build [DIR] [--out FILE] [--sdk FOLDER]   its module, by clang\n"
    "       platform challenge check [DIR] [--module FILE]   would a validator load it?\n"
    "       platform challenge run [DIR] [--input FILE] [--module FILE]   one evaluation, with "
    "the\n"
    "                                  worker, the caps and the outcomes of the network\n"
    "\n"
    "DIR: a folder with a challenge.ini (default: this one).  --input: what a miner would hand in\n"
    "(default: DIR/example.txt).  --module: another WASM file than DIR/NAME.wasm.  --out: where "
    "build\n"
    "puts it.  --sdk: the SDK's folder (PLATFORM_SDK).  --worker: another platform-worker than "
    "the\n"
    "one beside this program (PLATFORM_WORKER).  --json: answers in JSON.  Exit code 3: run and\n"
    "check had another outcome than ok.\n";

static int usage(void)
{
    return cmd_usage(challenge_usage);
}

static const char **value_of(struct challenge_options *o, const char *name)
{
    const struct {
        const char *name, **value;
    } known[] = {{"--sdk", &o->sdk},
                 {"--worker", &o->worker},
                 {"--module", &o->module},
                 {"--out", &o->out},
                 {"--input", &o->input}};
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].value;
    return NULL;
}

/* EXIT_DONE, or what is wrong has been said. */
static int options_read(struct challenge_options *o, int argc, char **argv)
{
    *o = (struct challenge_options){
        .sdk = getenv("PLATFORM_SDK"), .worker = getenv("PLATFORM_WORKER"), .json = cmd_json()};
    for (int i = 2; i < argc; i++) {
        const char **value = value_of(o, argv[i]);
        if (strcmp(argv[i], "--json") == 0)
            o->json = true;
        else if (strcmp(argv[i], "--help") == 0)
            o->help = true;
        else if (value != NULL && i + 1 < argc)
            *value = argv[++i];
        else if (value != NULL)
            return cmd_complain(EXIT_USAGE, "the option needs a value", argv[i], NULL, NULL);
        else if (argv[i][0] == '-' || o->name_count == COUNT_OF(o->names))
            return cmd_complain(EXIT_USAGE, "what is this?", argv[i], NULL,
                                "`platform challenge --help` lists what there is");
        else
            o->names[o->name_count++] = argv[i];
    }
    if (o->sdk == NULL)
        o->sdk = PLATFORM_SDK;
    return EXIT_DONE;
}

/* One file of the template, with NAME replaced. */
static bool write_template(const char *sdk, const char *folder, const char *file, const char *name)
{
    char from[CHALLENGE_PATH_MAX], to[CHALLENGE_PATH_MAX];
    uint8_t memory[TEMPLATE_BYTES], text[TEMPLATE_BYTES];
    struct arena arena;
    struct span rest;
    struct wr w = wr_init((struct room){text, sizeof text});
    arena_init(&arena, (struct room){memory, sizeof memory});
    snprintf(from, sizeof from, "%s/template/%s", sdk, file);
    snprintf(to, sizeof to, "%s/%s", folder, file);
    enum err e = file_in_arena(from, sizeof memory / 2, &arena, &rest);
    if (e != ERR_OK) {
        cmd_complain(EXIT_FAILED, "the SDK's template cannot be read", from, cmd_file_why(e),
                     "name the SDK's folder with --sdk or PLATFORM_SDK");
        return false;
    }
    while (rest.len > 0) {
        bool name_here = rest.len >= 4 && memcmp(rest.ptr, "NAME", 4) == 0;
        size_t take = name_here ? 4 : 1;
        wr_raw(&w, name_here ? span_of(name, strlen(name)) : span_of(rest.ptr, 1));
        rest = span_of(rest.ptr + take, rest.len - take);
    }
    e = w.full ? ERR_TOO_BIG : file_write(to, wr_done(&w), 0644);
    if (e != ERR_OK)
        cmd_complain(EXIT_FAILED, "a file cannot be written", to, cmd_file_why(e), NULL);
    return e == ERR_OK;
}

static int print_made(const char *key, const char *value)
{
    json_t *made = json_pack("{s:s}", key, value);
    json_dumpf(made, stdout, JSON_COMPACT);
    json_decref(made);
    putchar('\n');
    return EXIT_DONE;
}

static int challenge_new(const struct challenge_options *o)
{
    static const char *const files[] = {"challenge.ini", "challenge.c", "example.txt"};
    char ini[CHALLENGE_PATH_MAX];
    if (o->name_count < 1)
        return usage();
    const char *name = o->names[0], *folder = o->name_count > 1 ? o->names[1] : name;
    if (!challenge_name_is_valid(name))
        return cmd_complain(EXIT_USAGE, "not a challenge's name", name, NULL,
                            "use 1 to 64 lower-case letters, digits and dashes, a letter first");
    snprintf(ini, sizeof ini, "%s/challenge.ini", folder);
    if (file_exists(ini))
        return cmd_complain(EXIT_USAGE, "the challenge is there already", ini, NULL,
                            "choose another folder: platform challenge new NAME DIR");
    enum err e = folder_make(folder);
    if (e != ERR_OK)
        return cmd_complain(EXIT_FAILED, "the folder cannot be made", folder, cmd_file_why(e),
                            NULL);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (!write_template(o->sdk, folder, files[i], name))
            return EXIT_FAILED;
    }
    if (o->json)
        return print_made("folder", folder);
    printf("%s: a challenge that works.  Next:\n"
           "  cd %s\n"
           "  platform challenge build\n"
           "  platform challenge check\n"
           "  platform challenge run --input example.txt\n",
           folder, folder);
    return 0;
}

/* The compiler's command line, one argument after another in the arena. */
struct command {
    struct arena *arena;
    char *argv[64];
    uint32_t count;
};

static void argument(struct command *c, const char *before, const char *middle, const char *after)
{
    size_t size = strlen(before) + strlen(middle) + strlen(after) + 1;
    char *text = arena_alloc(c->arena, size);
    assert(text != NULL && c->count + 1 < COUNT_OF(c->argv));
    snprintf(text, size, "%s%s%s", before, middle, after);
    c->argv[c->count++] = text;
}

static void compiler_arguments(struct command *c, const struct challenge_file *f, const char *sdk,
                               const char *clang, const char *linker, const char *out)
{
    static const char *const flags[] = {"--target=wasm32-unknown-unknown",
                                        "-std=c2x",
                                        "-O2",
                                        "-Wall",
                                        "-Wextra",
                                        "-ffreestanding",
                                        "-nostdlib",
                                        "-mbulk-memory",
                                        "-Wl,--no-entry",
                                        "-Wl,--strip-all",
                                        "-Wl,--gc-sections",
                                        "-Wl,--stack-first",
                                        "-Wl,-z,stack-size=32768"};
    char folder[CHALLENGE_PATH_MAX];
    argument(c, clang, "", "");
    for (size_t i = 0; i < COUNT_OF(flags); i++)
        argument(c, flags[i], "", "");
    argument(c, "-fuse-ld=", linker, "");
    argument(c, "-I", sdk, "");
    snprintf(folder, sizeof folder, "%s/", f->folder);
    for (uint32_t i = 0; i < f->source_count; i++)
        argument(c, folder, f->sources[i], "");
    argument(c, sdk, "/platform.c", "");
    argument(c, "-o", out, "");
}

/* The compiler speaks for itself, on standard error. */
static int compile(const struct challenge_options *o, const struct challenge_file *file,
                   struct arena *arena)
{
    static const char *const clangs[] = {"clang-14", "clang", "clang-19", "clang-16", NULL};
    static const char *const linkers[] = {"wasm-ld-14", "wasm-ld", "wasm-ld-19", "wasm-ld-16",
                                          NULL};
    char clang[CHALLENGE_PATH_MAX], linker[CHALLENGE_PATH_MAX], own[CHALLENGE_PATH_MAX], why[64];
    const char *out = o->out != NULL ? o->out : own;
    int status = 0;
    if (command_find(clangs, clang, sizeof clang) != ERR_OK ||
        command_find(linkers, linker, sizeof linker) != ERR_OK)
        return cmd_complain(EXIT_FAILED, "there is no clang or no wasm-ld", "PATH", NULL,
                            "on Debian: apt install clang-14 lld-14");
    if (!challenge_file_module_path(file, own, sizeof own))
        return cmd_complain(EXIT_USAGE, "the folder's name is too long", o->names[0], NULL, NULL);
    struct command c = {.arena = arena};
    compiler_arguments(&c, file, o->sdk, clang, linker, out);
    if (command_run(c.argv, &status) != ERR_OK || status != 0) {
        snprintf(why, sizeof why, "exit code %d; its words are on standard error", status);
        return cmd_complain(EXIT_USAGE, "the compiler refused the challenge", o->names[0], why,
                            "mend the sources; --sdk names another SDK");
    }
    if (o->json)
        return print_made("module", out);
    printf("built %s\n", out);
    return EXIT_DONE;
}

static int challenge_build(const struct challenge_options *o)
{
    struct arena arena;
    if (arena_open(&arena, ARENA_BYTES) != ERR_OK)
        return cmd_complain(EXIT_FAILED, "no memory", NULL, NULL, NULL);
    struct challenge_file *file = arena_alloc(&arena, sizeof *file);
    int code = EXIT_USAGE;
    if (file != NULL && challenge_file_read(o->names[0], &arena, file))
        code = file->source_count > 0 ? compile(o, file, &arena)
                                      : cmd_complain(EXIT_USAGE, "the challenge names no sources",
                                                     o->names[0], "its module is made elsewhere",
                                                     "put `sources = ...` into its challenge.ini");
    arena_close(&arena);
    return code;
}

int cmd_challenge(int argc, char **argv)
{
    struct challenge_options o;
    if (argc < 2)
        return usage();
    int code = options_read(&o, argc, argv);
    if (code != EXIT_DONE)
        return code;
    if (o.help)
        return cmd_help(challenge_usage);
    if (strcmp(argv[1], "new") == 0)
        return challenge_new(&o);
    if (o.name_count == 0)
        o.names[o.name_count++] = ".";
    if (o.name_count > 1)
        return usage();
    if (strcmp(argv[1], "build") == 0)
        return challenge_build(&o);
    if (strcmp(argv[1], "check") == 0)
        return challenge_check(&o);
    return strcmp(argv[1], "run") == 0 ? challenge_run(&o) : usage();
}
