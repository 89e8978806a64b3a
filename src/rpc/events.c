#include "rpc/internal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/trace.h"

static const char *level_name(enum trace_level level)
{
    switch (level) {
    case TRACE_DEBUG:
        return "debug";
    case TRACE_INFO:
        return "info";
    case TRACE_WARN:
        return "warn";
    case TRACE_ERROR:
        return "error";
    }
    return NULL;
}

static void write_field(struct emit *j, const struct trace_field *f)
{
    struct hotkey key;
    switch (f->kind) {
    case TRACE_U64:
        emit_number(j, f->key, f->number);
        break;
    case TRACE_HASH:
        emit_hex(j, f->key, span_of(f->bytes, HASH_SIZE));
        break;
    case TRACE_HOTKEY:
        memcpy(key.bytes, f->bytes, HOTKEY_SIZE);
        emit_hotkey(j, f->key, &key);
        break;
    case TRACE_WORD:
        emit_text(j, f->key, f->word);
        break;
    }
}

static struct span event_json(const struct trace_event *e, uint64_t time_ms, bool fields,
                              struct room out)
{
    struct emit j = emit_init(out);
    emit_object(&j, NULL);
    emit_number(&j, "time_ms", time_ms);
    emit_text(&j, "level", level_name(e->level));
    emit_text(&j, "event", e->name);
    emit_object(&j, "fields");
    for (uint32_t i = 0; fields && i < e->field_count; i++)
        write_field(&j, &e->fields[i]);
    emit_end(&j);
    emit_end(&j);
    return emit_done(&j);
}

void rpc_event(struct rpc *r, const struct trace_event *e, uint64_t time_ms)
{
    char data[RPC_EVENT_SIZE_MAX - 64];
    struct room room = {(uint8_t *)data, sizeof data};
    uint64_t id = r->newest_event + 1;
    struct event_slot *slot = &r->events[id % RPC_EVENTS_MAX];
    struct span json = event_json(e, time_ms, true, room);
    if (json.len == 0) /* Fields that do not fit are left out, all of them. */
        json = event_json(e, time_ms, false, room);
    if (json.len == 0)
        return;
    int len = snprintf(slot->text, sizeof slot->text, "id: %" PRIu64 "\ndata: %.*s\n\n", id,
                       (int)json.len, (const char *)json.ptr);
    assert(len > 0 && (size_t)len < sizeof slot->text);
    slot->len = (uint32_t)len;
    r->newest_event = id;
}

bool rpc_next_event(struct rpc *r, uint64_t *cursor, struct span *text)
{
    uint64_t oldest = r->newest_event < RPC_EVENTS_MAX ? 1 : r->newest_event - RPC_EVENTS_MAX + 1;
    if (*cursor >= r->newest_event) {
        /* A cursor from another life of this node: begin where we are. */
        *cursor = min_u64(*cursor, r->newest_event);
        return false;
    }
    if (*cursor + 1 < oldest) {
        *cursor = oldest - 1;
        *text = SPAN_LITERAL("event: gap\ndata: {}\n\n");
        return true;
    }
    ++*cursor;
    const struct event_slot *slot = &r->events[*cursor % RPC_EVENTS_MAX];
    *text = span_of(slot->text, slot->len);
    return true;
}
