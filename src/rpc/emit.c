#include "rpc/emit.h"

#include <inttypes.h>
#include <stdio.h>

#include "crypto/ss58.h"

struct emit emit_init(struct room out)
{
    return (struct emit){.start = (char *)out.ptr, .size = out.len};
}

static void put(struct emit *j, const char *text, size_t len)
{
    if (j->full || len > j->size - j->used) {
        j->full = true;
        return;
    }
    if (len > 0)
        memcpy(j->start + j->used, text, len);
    j->used += len;
}

static void put_char(struct emit *j, char c)
{
    put(j, &c, 1);
}

/* Other than printable ASCII is escaped byte by byte, as Latin-1: our texts are
 * ASCII, and what is not must not reach a terminal or a page unescaped. */
static void put_string(struct emit *j, struct span s)
{
    static const char digits[] = "0123456789abcdef";
    put_char(j, '"');
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c == '"' || c == '\\') {
            char escaped[2] = {'\\', (char)c};
            put(j, escaped, sizeof escaped);
        } else if (c < 0x20 || c >= 0x7f || c == '<' || c == '>' || c == '&') {
            char escaped[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
            put(j, escaped, sizeof escaped);
        } else {
            put_char(j, (char)c);
        }
    }
    put_char(j, '"');
}

static void begin(struct emit *j, const char *key)
{
    if (j->depth > 0) {
        assert((key != NULL) == (j->close[j->depth - 1] == '}'));
        if (j->filled[j->depth - 1])
            put_char(j, ',');
        j->filled[j->depth - 1] = true;
    }
    if (key != NULL) {
        put_string(j, span_of(key, strlen(key)));
        put_char(j, ':');
    }
}

static void open_level(struct emit *j, const char *key, char first, char last)
{
    begin(j, key);
    put_char(j, first);
    assert(j->depth < EMIT_DEPTH_MAX);
    j->close[j->depth] = last;
    j->filled[j->depth] = false;
    j->depth++;
}

void emit_object(struct emit *j, const char *key)
{
    open_level(j, key, '{', '}');
}

void emit_list(struct emit *j, const char *key)
{
    open_level(j, key, '[', ']');
}

void emit_end(struct emit *j)
{
    assert(j->depth > 0);
    j->depth--;
    put_char(j, j->close[j->depth]);
}

void emit_span(struct emit *j, const char *key, struct span text)
{
    begin(j, key);
    put_string(j, text);
}

void emit_text(struct emit *j, const char *key, const char *text)
{
    if (text == NULL)
        emit_null(j, key);
    else
        emit_span(j, key, span_of(text, strlen(text)));
}

void emit_number(struct emit *j, const char *key, uint64_t x)
{
    char text[24];
    begin(j, key);
    put(j, text, (size_t)snprintf(text, sizeof text, "%" PRIu64, x));
}

void emit_signed(struct emit *j, const char *key, int64_t x)
{
    char text[24];
    begin(j, key);
    put(j, text, (size_t)snprintf(text, sizeof text, "%" PRId64, x));
}

void emit_big(struct emit *j, const char *key, uint64_t x)
{
    char text[24];
    begin(j, key);
    put(j, text, (size_t)snprintf(text, sizeof text, "\"%" PRIu64 "\"", x));
}

static void emit_raw(struct emit *j, const char *key, struct span json)
{
    begin(j, key);
    put(j, (const char *)json.ptr, json.len);
}

void emit_bool(struct emit *j, const char *key, bool x)
{
    emit_raw(j, key, x ? SPAN_LITERAL("true") : SPAN_LITERAL("false"));
}

void emit_null(struct emit *j, const char *key)
{
    emit_raw(j, key, SPAN_LITERAL("null"));
}

void emit_hex(struct emit *j, const char *key, struct span bytes)
{
    static const char digits[] = "0123456789abcdef";
    begin(j, key);
    put_char(j, '"');
    for (size_t i = 0; i < bytes.len && !j->full; i++) {
        char pair[2] = {digits[bytes.ptr[i] >> 4], digits[bytes.ptr[i] & 15]};
        put(j, pair, sizeof pair);
    }
    put_char(j, '"');
}

void emit_hash(struct emit *j, const char *key, const struct hash *h)
{
    emit_hex(j, key, hash_span(h));
}

void emit_hotkey(struct emit *j, const char *key, const struct hotkey *k)
{
    char text[SS58_TEXT_MAX];
    ss58_from_hotkey(k, text);
    emit_text(j, key, text);
}

void emit_back(struct emit *j, const struct emit *mark)
{
    assert(mark->start == j->start && mark->used <= j->used);
    *j = *mark;
}

struct span emit_done(const struct emit *j)
{
    assert(j->depth == 0);
    if (j->full)
        return (struct span){0};
    return span_of(j->start, j->used);
}
