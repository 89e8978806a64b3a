#include "cmd/settings.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>

struct reading {
    struct settings *s;
    FILE *to; /* what is wrong, a line each */
    const char *file;
    uint32_t errors;
};

static uint32_t index_of(const struct settings *s, const char *name)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (strcmp(s->table[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}

/* Edit distance, for "did you mean"; names are short. */
static uint32_t distance(const char *a, const char *b)
{
    enum { LONGEST = 64 };
    size_t n = strlen(b);
    uint32_t row[LONGEST + 1];
    if (n > LONGEST || strlen(a) > LONGEST)
        return UINT32_MAX;
    for (uint32_t j = 0; j <= n; j++)
        row[j] = j;
    for (uint32_t i = 1; a[i - 1] != '\0'; i++) {
        uint32_t corner = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= n; j++) {
            uint32_t change = corner + (a[i - 1] != b[j - 1]);
            corner = row[j];
            uint32_t step = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
            row[j] = change < step ? change : step;
        }
    }
    return row[n];
}

static void unknown(struct reading *r, const char *where, const char *name)
{
    uint32_t best = UINT32_MAX, nearest = 0;
    for (uint32_t i = 0; i < r->s->count; i++) {
        uint32_t d = distance(name, r->s->table[i].name);
        if (d < best) {
            best = d;
            nearest = i;
        }
    }
    fprintf(r->to, "error: %s: there is no setting '%s'; the nearest is '%s' (--help lists all)\n",
            where, name, r->s->table[nearest].name);
    r->errors++;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = choices; len > 0 && (at = strstr(at, value)) != NULL; at += len)
        if ((at == choices || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static bool parse_number(const char *text, uint64_t *out)
{
    uint64_t x = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++)
        if (!isdigit((unsigned char)*text) || !mul_ok(x, 10, &x) ||
            !add_ok(x, (uint64_t)(*text - '0'), &x))
            return false;
    *out = x;
    return true;
}

static void wrong(struct reading *r, const struct setting *t, const char *where, const char *value,
                  const char *expected)
{
    if (t->hidden)
        fprintf(r->to, "error: %s: the value of %s is not right: expected %s\n", where, t->name,
                expected);
    else
        fprintf(r->to, "error: %s: %s = '%s' is not right: expected %s\n", where, t->name, value,
                expected);
    r->errors++;
}

/* Each item of a list, or a text as the only one. */
static void check_items(struct reading *r, const struct setting *t, const char *where,
                        const char *value)
{
    const char *between = t->kind == SETTING_LIST ? ", " : "";
    while (t->expected != NULL && *value != '\0') {
        size_t len = strcspn(value, between);
        char *item = strndup(value, len);
        assert(item != NULL);
        const char *expected = len == 0 ? NULL : t->expected(item);
        if (expected != NULL)
            wrong(r, t, where, item, expected);
        free(item);
        value += len + (value[len] != '\0');
    }
}

static void check(struct reading *r, const struct setting *t, const char *where, const char *value)
{
    char expected[160];
    uint64_t number;
    switch (t->kind) {
    case SETTING_NUMBER:
        if (parse_number(value, &number) && number >= t->min && number <= t->max)
            return;
        snprintf(expected, sizeof expected, "a whole number from %llu to %llu",
                 (unsigned long long)t->min, (unsigned long long)t->max);
        wrong(r, t, where, value, expected);
        return;
    case SETTING_BOOL:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            wrong(r, t, where, value, "true or false");
        return;
    case SETTING_CHOICE:
        snprintf(expected, sizeof expected, "one of: %s", t->choices);
        if (!is_choice(t->choices, value))
            wrong(r, t, where, value, expected);
        return;
    case SETTING_TEXT:
    case SETTING_LIST:
        check_items(r, t, where, value);
        return;
    }
}

/* The first place that names a setting wins: flags, environment, file. */
static void give(struct reading *r, uint32_t at, const char *where, const char *detail,
                 const char *value)
{
    check(r, &r->s->table[at], detail, value);
    if (r->s->values[at] != NULL)
        return;
    r->s->values[at] = strdup(value);
    r->s->where[at] = where;
    assert(r->s->values[at] != NULL);
}

static void read_flags(struct reading *r, int argc, char **argv, const char **config, bool *help)
{
    for (int i = 1; i < argc; i++) {
        char name[64];
        const char *arg = argv[i], *value = strchr(arg, '=');
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            *help = true;
            return;
        }
        if (strncmp(arg, "--", 2) != 0) {
            fprintf(r->to, "error: '%s' is not a flag; flags are --name value\n", arg);
            r->errors++;
            continue;
        }
        size_t len = value != NULL ? (size_t)(value - arg - 2) : strlen(arg + 2);
        snprintf(name, sizeof name, "%.*s", (int)len, arg + 2);
        for (char *c = name; *c != '\0'; c++)
            *c = *c == '-' ? '_' : *c;
        uint32_t at = strcmp(name, "config") == 0 ? 0 : index_of(r->s, name);
        if (at == UINT32_MAX) {
            char flag[80];
            snprintf(flag, sizeof flag, "%.*s", (int)len + 2, arg);
            unknown(r, flag, name);
            i += value == NULL && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0;
            continue;
        }
        bool is_flag = strcmp(name, "config") != 0 && r->s->table[at].kind == SETTING_BOOL;
        if (value != NULL)
            value++;
        else if (is_flag && (i + 1 == argc || strncmp(argv[i + 1], "--", 2) == 0))
            value = "true";
        else if (i + 1 < argc)
            value = argv[++i];
        if (value == NULL) {
            fprintf(r->to, "error: %s: a value is missing behind it\n", arg);
            r->errors++;
        } else if (strcmp(name, "config") == 0) {
            *config = value;
        } else {
            give(r, at, "flag", arg, value);
        }
    }
}

static void read_environment(struct reading *r)
{
    for (uint32_t i = 0; i < r->s->count; i++) {
        char name[96] = "PLATFORM_";
        size_t used = strlen(name);
        for (const char *c = r->s->table[i].name; *c != '\0' && used < sizeof name - 1; c++)
            name[used++] = (char)toupper((unsigned char)*c);
        name[used] = '\0';
        const char *value = getenv(name);
        if (value != NULL)
            give(r, i, "environment", name, value);
    }
}

static int on_ini(void *ctx, const char *section, const char *name, const char *value)
{
    struct reading *r = ctx;
    (void)section;
    uint32_t at = index_of(r->s, name);
    if (at == UINT32_MAX)
        unknown(r, r->file, name);
    else
        give(r, at, "file", r->file, value);
    return 1;
}

static void read_file(struct reading *r, const char *path)
{
    r->file = path;
    int line = ini_parse(path, on_ini, r);
    if (line < 0)
        fprintf(r->to, "error: cannot read the configuration file %s: check --config\n", path);
    else if (line > 0)
        fprintf(r->to, "error: %s:%d: not of the form 'name = value'\n", path, line);
    r->errors += line != 0;
}

static void print_values(FILE *to, const struct setting *t)
{
    switch (t->kind) {
    case SETTING_NUMBER:
        fprintf(to, "; %llu to %llu", (unsigned long long)t->min, (unsigned long long)t->max);
        break;
    case SETTING_BOOL:
        fputs("; true or false", to);
        break;
    case SETTING_CHOICE:
        fprintf(to, "; one of: %s", t->choices);
        break;
    case SETTING_LIST:
        fputs("; separated by commas", to);
        break;
    case SETTING_TEXT:
        break;
    }
}

void settings_print(FILE *to, const struct setting *table, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct setting *t = &table[i];
        fprintf(to, "  %-24s %s", t->name, t->help);
        print_values(to, t);
        if (t->fallback == NULL)
            fputs(" (required)", to);
        else if (*t->fallback != '\0')
            fprintf(to, "; default %s", t->fallback);
        fputc('\n', to);
    }
}

static void print_help(FILE *to, const struct settings *s, const char *program)
{
    const char *slash = strrchr(program, '/');
    fprintf(to,
            "usage: %s [--config FILE] [--name value ...]\n\n"
            "A flag --name can also be given as PLATFORM_NAME in the environment or as\n"
            "'name = value' in the file; flags win over the environment, that over the file.\n"
            "'-' and '_' mean the same in a flag; a flag that is true or false needs no value.\n\n",
            slash != NULL ? slash + 1 : program);
    settings_print(to, s->table, s->count);
}

bool settings_read_to(FILE *to, struct settings *s, const struct setting *table, uint32_t count,
                      int argc, char **argv, bool *help)
{
    assert(count <= SETTINGS_MAX);
    *s = (struct settings){.table = table, .count = count};
    struct reading r = {.s = s, .to = to};
    const char *config = getenv("PLATFORM_CONFIG");
    *help = false;
    read_flags(&r, argc, argv, &config, help);
    if (*help) {
        print_help(to, s, argv[0]);
        return false;
    }
    read_environment(&r);
    if (config != NULL)
        read_file(&r, config);
    for (uint32_t i = 0; i < count; i++) {
        if (s->values[i] != NULL)
            continue;
        if (table[i].fallback == NULL) {
            fprintf(to, "error: %s is required: %s\n", table[i].name, table[i].help);
            r.errors++;
        } else {
            give(&r, i, "default", "default", table[i].fallback);
        }
    }
    s->wrong = r.errors;
    return r.errors == 0;
}

void settings_free(struct settings *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        free(s->values[i]);
    *s = (struct settings){0};
}

const char *settings_text(const struct settings *s, const char *name)
{
    uint32_t at = index_of(s, name);
    assert(at != UINT32_MAX);
    return s->values[at];
}

uint64_t settings_number(const struct settings *s, const char *name)
{
    uint64_t out = 0;
    bool ok = parse_number(settings_text(s, name), &out);
    assert(ok);
    return out;
}

bool settings_bool(const struct settings *s, const char *name)
{
    return strcmp(settings_text(s, name), "true") == 0;
}

uint32_t settings_list(struct settings *s, const char *name, char *items[SETTING_LIST_MAX])
{
    uint32_t count = 0;
    char *at = s->values[index_of(s, name)];
    while (*at != '\0' && count < SETTING_LIST_MAX) {
        while (*at == ' ' || *at == ',')
            at++;
        if (*at == '\0')
            break;
        items[count++] = at;
        at += strcspn(at, ", ");
        if (*at != '\0')
            *at++ = '\0';
    }
    return count;
}
