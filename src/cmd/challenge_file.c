#include "cmd/challenge_file.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/complain.h"
#include "crypto/hash.h"
#include "sandbox/sandbox.h"

enum { INI_BYTES_MAX = 64 << 10 };

/* What is being read, and how much was wrong with it. */
struct reading {
    struct challenge_file *file;
    struct arena *arena;
    FILE *mistakes; /* a line each */
    uint32_t count;
};

static void mistake(struct reading *r, const char *section, const char *name, const char *value,
                    const char *why)
{
    r->count++;
    fprintf(r->mistakes, "[%s] %s = %s: %s\n", section, name, value, why);
}

bool file_exists(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f != NULL)
        fclose(f);
    return f != NULL;
}

/* Read straight into the arena: a byte more than max tells a larger file. */
enum err file_in_arena(const char *path, size_t max, struct arena *arena, struct span *out)
{
    size_t mark = arena_mark(arena);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return errno == ENOENT ? ERR_NOT_FOUND : errno == EACCES ? ERR_DENIED : ERR_IO;
    uint8_t *bytes = arena_alloc(arena, max + 1);
    size_t len = bytes == NULL ? 0 : fread(bytes, 1, max + 1, f);
    enum err e = bytes == NULL ? ERR_NO_MEMORY
                 : ferror(f)   ? ERR_IO
                 : len > max   ? ERR_TOO_BIG
                               : ERR_OK;
    fclose(f);
    if (e != ERR_OK) {
        arena_reset(arena, mark);
        return e;
    }
    arena->used -= max - len; /* Give back what was not needed; a NUL stays behind. */
    *out = span_of(bytes, len);
    return ERR_OK;
}

static bool number_of(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    if (*text < '0' || *text > '9')
        return false;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || *end != 0 || n > max)
        return false;
    *out = n;
    return true;
}

static bool set_small(uint32_t *field, const char *value)
{
    uint64_t n;
    if (!number_of(value, UINT32_MAX, &n))
        return false;
    *field = (uint32_t)n;
    return true;
}

static uint32_t host_bit(const char *word, size_t len)
{
    static const struct {
        const char *word;
        uint32_t bit;
    } known[] = {{"log", POLICY_HOST_LOG},
                 {"time", POLICY_HOST_TIME},
                 {"seed", POLICY_HOST_SEED},
                 {"consensus", POLICY_HOST_CONSENSUS},
                 {"storage", POLICY_HOST_STORAGE}};
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strlen(known[i].word) == len && memcmp(known[i].word, word, len) == 0)
            return known[i].bit;
    }
    return 0;
}

static bool set_hosts(struct policy *p, const char *value)
{
    uint32_t bits = 0;
    while (*value != 0) {
        size_t len = strcspn(value, ", ");
        uint32_t bit = host_bit(value, len);
        if (len > 0 && bit == 0)
            return false;
        bits |= bit;
        value += len;
        value += strspn(value, ", ");
    }
    p->host_functions = bits;
    return true;
}

static void read_policy(struct reading *r, const char *name, const char *value)
{
    struct policy *p = &r->file->policy;
    const struct {
        const char *name;
        uint32_t *field;
    } small[] = {{"wall_ms", &p->wall_ms},
                 {"memory_pages", &p->memory_pages},
                 {"table_elements", &p->table_elements},
                 {"stack_bytes", &p->stack_bytes},
                 {"host_calls", &p->host_calls},
                 {"host_bytes", &p->host_bytes},
                 {"input_bytes", &p->input_bytes},
                 {"output_bytes", &p->output_bytes},
                 {"log_bytes", &p->log_bytes},
                 {"reveal_after", &p->reveal_after}};
    if (strcmp(name, "host_functions") == 0) {
        if (!set_hosts(p, value))
            mistake(r, "policy", name, value, "use a list of: log, time, seed, consensus, storage");
        return;
    }
    if (strcmp(name, "gas") == 0) {
        if (!number_of(value, INT64_MAX, &p->gas))
            mistake(r, "policy", name, value, "not a whole number");
        return;
    }
    for (size_t i = 0; i < COUNT_OF(small); i++) {
        if (strcmp(name, small[i].name) != 0)
            continue;
        if (!set_small(small[i].field, value))
            mistake(r, "policy", name, value, "not a whole number up to 4294967295");
        return;
    }
    mistake(r, "policy", name, value, "there is no such cap; see docs/authors.md for the list");
}

static bool copy_text(char *to, size_t size, const char *value)
{
    int n = snprintf(to, size, "%s", value);
    return n > 0 && (size_t)n < size;
}

bool challenge_name_is_valid(const char *name)
{
    size_t len = strlen(name);
    return *name >= 'a' && *name <= 'z' && len <= 64 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static void read_sources(struct reading *r, const char *value)
{
    struct challenge_file *f = r->file;
    while (*value != 0) {
        size_t len = strcspn(value, ", ");
        if (len >= sizeof f->sources[0] || f->source_count == CHALLENGE_SOURCES_MAX) {
            mistake(r, "challenge", "sources", value, "too many, or a name is too long");
            return;
        }
        memcpy(f->sources[f->source_count], value, len);
        f->sources[f->source_count++][len] = 0;
        value += len;
        value += strspn(value, ", ");
    }
}

static void read_challenge(struct reading *r, const char *name, const char *value)
{
    struct challenge_file *f = r->file;
    if (strcmp(name, "name") == 0) {
        if (!copy_text(f->name, sizeof f->name, value) || !challenge_name_is_valid(value))
            mistake(r, "challenge", name, value,
                    "use 1 to 64 lower-case letters, digits and dashes, a letter first");
    } else if (strcmp(name, "version") == 0) {
        if (!copy_text(f->version, sizeof f->version, value))
            mistake(r, "challenge", name, value, "use 1 to 32 letters, for example 1.0.0");
    } else if (strcmp(name, "sources") == 0) {
        read_sources(r, value);
    } else if (strcmp(name, "params") == 0) {
        f->params = arena_copy(r->arena, span_of(value, strlen(value)));
    } else {
        mistake(r, "challenge", name, value, "use name, version, sources or params");
    }
}

static void read_storage(struct reading *r, const char *name, const char *value)
{
    struct challenge_file *f = r->file;
    char path[CHALLENGE_PATH_MAX];
    struct span bytes;
    if (f->storage_count == CHALLENGE_STORAGE_MAX) {
        mistake(r, "storage", name, value, "more than 64 values");
        return;
    }
    int n = snprintf(path, sizeof path, "%s/%s", f->folder, value);
    if (n < 0 || (size_t)n >= sizeof path ||
        file_in_arena(path, 65536, r->arena, &bytes) != ERR_OK) {
        mistake(r, "storage", name, value, "name a file of at most 65,536 bytes in this folder");
        return;
    }
    f->storage[f->storage_count++] =
        (struct challenge_storage_entry){arena_copy(r->arena, span_of(name, strlen(name))), bytes};
}

static int on_line(void *ctx, const char *section, const char *name, const char *value)
{
    struct reading *r = ctx;
    if (strcmp(section, "challenge") == 0)
        read_challenge(r, name, value);
    else if (strcmp(section, "policy") == 0)
        read_policy(r, name, value);
    else if (strcmp(section, "storage") == 0)
        read_storage(r, name, value);
    else
        mistake(r, section, name, value, "use the sections challenge, policy and storage");
    return 1;
}

static void check_whole(struct reading *r)
{
    struct challenge_file *f = r->file;
    struct sandbox_verdict verdict;
    size_t size = f->params.len;
    sandbox_policy_check(&f->policy, &verdict);
    if (verdict.outcome != OUTCOME_OK) {
        r->count++;
        fprintf(r->mistakes, "[policy] %.*s\n", (int)verdict.detail_size, verdict.detail);
    }
    if (f->name[0] == 0)
        mistake(r, "challenge", "name", "", "it is missing");
    if (f->version[0] == 0)
        mistake(r, "challenge", "version", "", "it is missing, for example 1.0.0");
    if (f->params.len > 4096)
        mistake(r, "challenge", "params", "...", "longer than 4,096 bytes");
    for (uint32_t i = 0; i < f->storage_count; i++)
        size += f->storage[i].key.len + f->storage[i].value.len + 8;
    if (size > OPERATION_SIZE_MAX - 4096)
        mistake(r, "storage", "(all)", "...",
                "with params over 60,000 bytes, which no operation can carry");
}

static void read_text(struct reading *r, struct span text)
{
    int line = ini_parse_string((const char *)text.ptr, on_line, r);
    if (line != 0) {
        r->count++;
        fprintf(r->mistakes, "line %d: neither a [section] nor name = value\n", line);
    }
    check_whole(r);
}

bool challenge_file_read(const char *folder, struct arena *arena, struct challenge_file *out)
{
    char path[CHALLENGE_PATH_MAX], what[64], *lines = NULL;
    size_t size = 0;
    struct span text;
    *out = (struct challenge_file){.folder = folder, .policy = sandbox_policy_default()};
    int n = snprintf(path, sizeof path, "%s/challenge.ini", folder);
    enum err e = n < 0 || (size_t)n >= sizeof path
                     ? ERR_TOO_BIG
                     : file_in_arena(path, INI_BYTES_MAX, arena, &text);
    if (e != ERR_OK) {
        cmd_complain(EXIT_USAGE, "not the folder of a challenge", path, cmd_file_why(e),
                     "`platform challenge new NAME` makes one");
        return false;
    }
    struct reading r = {out, arena, open_memstream(&lines, &size), 0};
    assert(r.mistakes != NULL);
    read_text(&r, text);
    fclose(r.mistakes);
    snprintf(what, sizeof what, "%u mistake%s in the challenge's file", r.count,
             r.count == 1 ? "" : "s");
    if (r.count > 0)
        cmd_complain_lines(EXIT_USAGE, what, path, lines,
                           "docs/authors.md lists what may stand there");
    free(lines);
    return r.count == 0;
}

bool challenge_file_module_path(const struct challenge_file *f, char *out, size_t out_size)
{
    int n = snprintf(out, out_size, "%s/%s.wasm", f->folder, f->name);
    return n > 0 && (size_t)n < out_size;
}

void challenge_file_register(const struct challenge_file *f, struct span module, uint16_t share,
                             struct op_challenge_register *out)
{
    *out = (struct op_challenge_register){
        .name = span_of(f->name, strlen(f->name)),
        .version = span_of(f->version, strlen(f->version)),
        .module = hash_blake2b(module),
        .module_size = (uint32_t)module.len,
        .policy = f->policy,
        .share = share,
        .params = f->params,
        .storage = f->storage,
        .storage_count = f->storage_count,
    };
}
