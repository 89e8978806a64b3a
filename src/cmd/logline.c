#include "cmd/logline.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "codec/hex.h"
#include "crypto/ss58.h"

struct line {
    char *text;
    size_t used;
};

[[gnu::format(printf, 2, 3)]] static void add(struct line *l, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(l->text + l->used, LOGLINE_SIZE - l->used, format, args);
    va_end(args);
    if (n > 0)
        l->used = min_u64(l->used + (size_t)n, LOGLINE_SIZE - 1);
}

static const char *const levels[] = {"debug", "info", "warn", "error"};

bool logline_level_parse(const char *text, enum trace_level *out)
{
    for (size_t i = 0; i < COUNT_OF(levels); i++)
        if (strcmp(levels[i], text) == 0) {
            *out = (enum trace_level)i;
            return true;
        }
    return false;
}

static void add_time(struct line *l, uint64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t);
    add(l, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday,
        t.tm_hour, t.tm_min, t.tm_sec, (int)(unix_ms % 1000));
}

/* A word that has blanks stands in quotes; what would end them, or the line, does not come through.
 */
static void add_word(struct line *l, const char *word, bool quoted)
{
    quoted |= strpbrk(word, " =") != NULL;
    add(l, quoted ? "\"" : "");
    for (; *word != '\0'; word++)
        add(l, "%c", *word < 0x20 || *word == '"' || *word == '\\' || *word == 0x7f ? '?' : *word);
    add(l, quoted ? "\"" : "");
}

static void add_value(struct line *l, const struct trace_field *f, bool json)
{
    char text[2 * HASH_SIZE + 1];
    const char *quote = json ? "\"" : "";
    struct hotkey key;
    switch (f->kind) {
    case TRACE_U64:
        add(l, "%llu", (unsigned long long)f->number);
        break;
    case TRACE_HASH:
        hex_encode(span_of(f->bytes, HASH_SIZE), text, sizeof text);
        add(l, "%s%s%s", quote, text, quote);
        break;
    case TRACE_HOTKEY:
        memcpy(key.bytes, f->bytes, HOTKEY_SIZE);
        ss58_from_hotkey(&key, text);
        add(l, "%s%s%s", quote, text, quote);
        break;
    case TRACE_WORD:
        add_word(l, f->word, json);
        break;
    }
}

size_t logline_write(const struct trace_event *e, uint64_t unix_ms, enum logline_format format,
                     char out[LOGLINE_SIZE])
{
    struct line l = {out, 0};
    bool json = format == LOGLINE_JSON;
    if (json)
        add(&l, "{\"time\":\"");
    add_time(&l, unix_ms);
    add(&l, json ? "\",\"level\":\"%s\",\"event\":\"%s\"" : " %-5s %s", levels[e->level], e->name);
    for (uint32_t i = 0; i < e->field_count; i++) {
        add(&l, json ? ",\"%s\":" : " %s=", e->fields[i].key);
        add_value(&l, &e->fields[i], json);
    }
    if (json)
        add(&l, "}");
    return l.used;
}
