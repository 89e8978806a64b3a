#include "cmd/challenge.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/wr.h"
#include "os/command.h"
#include "os/files.h"
#include "sandbox/sandbox.h"

#ifndef PLATFORM_SDK
#define PLATFORM_SDK "/usr/share/platform/sdk"
#endif

enum { ARENA_BYTES = 64 << 20, EXIT_LOCAL = 1, EXIT_USAGE = 2, TEMPLATE_BYTES = 64 << 10 };

static int usage(void)
{
    fprintf(stderr, "usage: platform challenge new NAME [DIR]\n"
                    "       platform challenge build DIR [--out FILE] [--sdk FOLDER]\n"
                    "       platform challenge check DIR [--module FILE] [--json]\n"
                    "       platform challenge run DIR --input FILE [--module FILE] [--json]\n"
                    "docs/authors.md explains them.\n");
    return EXIT_USAGE;
}

static bool option(const char *name, const char **value, int argc, char **argv, int *i)
{
    if (strcmp(argv[*i], name) != 0)
        return false;
    if (*i + 1 >= argc) {
        fprintf(stderr, "platform challenge: %s needs a value\n", name);
        exit(EXIT_USAGE);
    }
    *value = argv[++*i];
    return true;
}

static bool options_read(struct challenge_options *o, int argc, char **argv)
{
    *o = (struct challenge_options){.sdk = getenv("PLATFORM_SDK"),
                                    .worker = getenv("PLATFORM_WORKER")};
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            o->json = true;
        } else if (option("--sdk", &o->sdk, argc, argv, &i) ||
                   option("--worker", &o->worker, argc, argv, &i) ||
                   option("--module", &o->module, argc, argv, &i) ||
                   option("--out", &o->out, argc, argv, &i) ||
                   option("--input", &o->input, argc, argv, &i)) {
            continue;
        } else if (argv[i][0] == '-' || o->name_count == COUNT_OF(o->names)) {
            fprintf(stderr, "platform challenge: what is %s?\n", argv[i]);
            return false;
        } else {
            o->names[o->name_count++] = argv[i];
        }
    }
    if (o->sdk == NULL)
        o->sdk = PLATFORM_SDK;
    return true;
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
    if (!file_in_arena(from, sizeof memory / 2, &arena, &rest)) {
        fprintf(stderr, "name the SDK's folder with --sdk\n");
        return false;
    }
    while (rest.len > 0) {
        bool name_here = rest.len >= 4 && memcmp(rest.ptr, "NAME", 4) == 0;
        size_t take = name_here ? 4 : 1;
        wr_raw(&w, name_here ? span_of(name, strlen(name)) : span_of(rest.ptr, 1));
        rest = span_of(rest.ptr + take, rest.len - take);
    }
    enum err e = w.full ? ERR_TOO_BIG : file_write(to, wr_done(&w), 0644);
    if (e != ERR_OK)
        fprintf(stderr, "%s: cannot be written: %s\n", to, err_text(e));
    return e == ERR_OK;
}

static int challenge_new(const struct challenge_options *o)
{
    static const char *const files[] = {"challenge.ini", "challenge.c", "example.txt"};
    char ini[CHALLENGE_PATH_MAX];
    if (o->name_count < 1)
        return usage();
    const char *name = o->names[0], *folder = o->name_count > 1 ? o->names[1] : name;
    if (!challenge_name_is_valid(name)) {
        fprintf(stderr, "%s: use 1 to 64 lower-case letters, digits and dashes, a letter first\n",
                name);
        return EXIT_USAGE;
    }
    snprintf(ini, sizeof ini, "%s/challenge.ini", folder);
    if (file_exists(ini)) {
        fprintf(stderr, "%s: is there already; choose another folder\n", ini);
        return EXIT_USAGE;
    }
    enum err e = folder_make(folder);
    if (e != ERR_OK) {
        fprintf(stderr, "%s: cannot be made: %s\n", folder, err_text(e));
        return EXIT_LOCAL;
    }
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (!write_template(o->sdk, folder, files[i], name))
            return EXIT_LOCAL;
    }
    printf("%s: a challenge that works.  Next:\n"
           "  platform challenge build %s\n"
           "  platform challenge run %s --input %s/example.txt\n",
           folder, folder, folder, folder);
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

static int challenge_build(const struct challenge_options *o)
{
    static const char *const clangs[] = {"clang-14", "clang", "clang-19", "clang-16", NULL};
    static const char *const linkers[] = {"wasm-ld-14", "wasm-ld", "wasm-ld-19", "wasm-ld-16",
                                          NULL};
    char clang[CHALLENGE_PATH_MAX], linker[CHALLENGE_PATH_MAX], out[CHALLENGE_PATH_MAX];
    struct challenge_file file;
    struct arena arena;
    int status = 0;
    if (o->name_count != 1)
        return usage();
    if (arena_open(&arena, ARENA_BYTES) != ERR_OK ||
        !challenge_file_read(o->names[0], &arena, &file))
        return EXIT_USAGE;
    if (file.source_count == 0) {
        fprintf(stderr, "%s/challenge.ini: no sources; the module is made elsewhere\n",
                o->names[0]);
        return EXIT_USAGE;
    }
    if (command_find(clangs, clang, sizeof clang) != ERR_OK ||
        command_find(linkers, linker, sizeof linker) != ERR_OK) {
        fprintf(stderr, "no clang or no wasm-ld in PATH; on Debian: apt install clang-14 lld-14\n");
        return EXIT_LOCAL;
    }
    if (!challenge_file_module_path(&file, out, sizeof out))
        return EXIT_USAGE;
    struct command c = {.arena = &arena};
    compiler_arguments(&c, &file, o->sdk, clang, linker, o->out != NULL ? o->out : out);
    if (command_run(c.argv, &status) != ERR_OK || status != 0) {
        fprintf(stderr, "%s: the compiler refused it (exit code %d), see above\n", o->names[0],
                status);
        return EXIT_USAGE;
    }
    if (!o->json)
        printf("built %s\n", o->out != NULL ? o->out : out);
    arena_close(&arena);
    return 0;
}

int cmd_challenge(int argc, char **argv)
{
    struct challenge_options o;
    if (argc < 2)
        return usage();
    if (!options_read(&o, argc, argv))
        return usage();
    if (strcmp(argv[1], "new") == 0)
        return challenge_new(&o);
    if (strcmp(argv[1], "build") == 0)
        return challenge_build(&o);
    if (strcmp(argv[1], "check") == 0)
        return o.name_count == 1 ? challenge_check(&o) : usage();
    if (strcmp(argv[1], "run") == 0)
        return o.name_count == 1 && o.input != NULL ? challenge_run(&o) : usage();
    return usage();
}
