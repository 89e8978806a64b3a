#include "base/trace.h"

struct trace_event *trace_add(struct trace *t, enum trace_level level, const char *name)
{
    if (t->count == TRACE_EVENTS_MAX) {
        t->dropped++;
        return NULL;
    }
    struct trace_event *e = &t->events[t->count++];
    e->level = level;
    e->name = name;
    e->field_count = 0;
    return e;
}

static struct trace_field *field(struct trace_event *e, const char *key, enum trace_kind kind)
{
    if (e == NULL)
        return NULL;
    assert(e->field_count < TRACE_FIELDS_MAX);
    struct trace_field *f = &e->fields[e->field_count++];
    f->key = key;
    f->kind = kind;
    return f;
}

void trace_u64(struct trace_event *e, const char *key, uint64_t value)
{
    struct trace_field *f = field(e, key, TRACE_U64);
    if (f != NULL)
        f->number = value;
}

void trace_hash(struct trace_event *e, const char *key, const struct hash *value)
{
    struct trace_field *f = field(e, key, TRACE_HASH);
    if (f != NULL)
        memcpy(f->bytes, value->bytes, sizeof f->bytes);
}

void trace_hotkey(struct trace_event *e, const char *key, const struct hotkey *value)
{
    struct trace_field *f = field(e, key, TRACE_HOTKEY);
    if (f != NULL)
        memcpy(f->bytes, value->bytes, sizeof f->bytes);
}

void trace_word(struct trace_event *e, const char *key, const char *value)
{
    struct trace_field *f = field(e, key, TRACE_WORD);
    if (f != NULL)
        f->word = value;
}
