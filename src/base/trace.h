/* trace: what a core wants to tell, as values; node turns them into log lines.
 *
 * Layer: L0.  A core writes events into the ring that its caller gave it; the
 * caller drains the ring after the step.  Names are part of the interface: a
 * test may wait for one, an operator's alert too.  Secrets have no way in:
 * there is no field kind for them. */
#ifndef BASE_TRACE_H
#define BASE_TRACE_H

#include "base/base.h"

enum { TRACE_EVENTS_MAX = 256, TRACE_FIELDS_MAX = 8 };

enum trace_level { TRACE_DEBUG, TRACE_INFO, TRACE_WARN, TRACE_ERROR };

enum trace_kind { TRACE_U64, TRACE_HASH, TRACE_HOTKEY, TRACE_WORD };

struct trace_field {
    const char *key;
    enum trace_kind kind;
    uint64_t number;   /* TRACE_U64 */
    uint8_t bytes[32]; /* TRACE_HASH, TRACE_HOTKEY */
    const char *word;  /* TRACE_WORD: a static string */
};

struct trace_event {
    enum trace_level level;
    const char *name; /* "bft.decided": module, dot, past tense; static */
    uint32_t field_count;
    struct trace_field fields[TRACE_FIELDS_MAX];
};

/* A ring that is full drops the newest event and counts it. */
struct trace {
    uint32_t count;
    uint64_t dropped;
    struct trace_event events[TRACE_EVENTS_MAX];
};

/* trace_add starts an event; the fields follow by the calls below, which
 * ignore a NULL event, so that a core need not check for a full ring. */
struct trace_event *trace_add(struct trace *t, enum trace_level level, const char *name);
void trace_u64(struct trace_event *e, const char *key, uint64_t value);
void trace_hash(struct trace_event *e, const char *key, const struct hash *value);
void trace_hotkey(struct trace_event *e, const char *key, const struct hotkey *value);
void trace_word(struct trace_event *e, const char *key, const char *value);

#endif
