#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

struct span sim_keep(struct span bytes)
{
    if (bytes.len == 0)
        return (struct span){0};
    uint8_t *copy = malloc(bytes.len);
    assert(copy != NULL);
    memcpy(copy, bytes.ptr, bytes.len);
    return span_of(copy, bytes.len);
}

void sim_drop(struct span *bytes)
{
    free((void *)(uintptr_t)bytes->ptr);
    *bytes = (struct span){0};
}

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void swap(struct sim_event *a, struct sim_event *b)
{
    struct sim_event t = *a;
    *a = *b;
    *b = t;
}

/* Earliest first, ties in the order of asking, so that a run repeats exactly. */
void sim_at(struct sim *s, uint64_t delay_us, struct sim_event ev, struct span bytes)
{
    if (s->heap_count == s->heap_room) {
        s->heap_room = s->heap_room == 0 ? 1024 : 2 * s->heap_room;
        s->heap = realloc(s->heap, s->heap_room * sizeof *s->heap);
        assert(s->heap != NULL);
    }
    ev.at_us = s->now_us + delay_us;
    ev.order = s->next_order++;
    ev.bytes = sim_keep(bytes);
    uint32_t at = s->heap_count++;
    s->heap[at] = ev;
    for (; at > 0 && before(&s->heap[at], &s->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&s->heap[at], &s->heap[(at - 1) / 2]);
}

bool sim_next(struct sim *s, struct sim_event *ev)
{
    if (s->heap_count == 0)
        return false;
    *ev = s->heap[0];
    s->heap[0] = s->heap[--s->heap_count];
    for (uint32_t at = 0;;) {
        uint32_t least = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < s->heap_count; child++)
            if (before(&s->heap[child], &s->heap[least]))
                least = child;
        if (least == at)
            break;
        swap(&s->heap[at], &s->heap[least]);
        at = least;
    }
    s->now_us = ev->at_us;
    return true;
}

void sim_trace(struct sim *s, uint64_t a, uint64_t b, struct span bytes)
{
    uint64_t parts[4] = {s->trace, s->now_us, a, b};
    s->trace = XXH64(bytes.ptr, bytes.len, XXH64(parts, sizeof parts, 0));
}

/* The first broken promise counts; the run ends with it. */
void sim_fail(struct sim *s, const char *format, ...)
{
    if (s->result->violation[0] != '\0')
        return;
    int n = snprintf(s->result->violation, sizeof s->result->violation,
                     "at %llu ms: ", (unsigned long long)(s->now_us / 1000));
    va_list args;
    va_start(args, format);
    vsnprintf(s->result->violation + n, sizeof s->result->violation - (size_t)n, format, args);
    va_end(args);
    s->done = true;
}
