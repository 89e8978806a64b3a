/* logline: a trace event as a line for people or for machines.
 *
 * Layer: L6.  "2026-11-25T02:29:25.123Z info slot.executed seq=1 ops=3", or the
 * same as a JSON object.  Event and field names are stable. */
#ifndef CMD_LOGLINE_H
#define CMD_LOGLINE_H

#include "base/trace.h"

enum { LOGLINE_SIZE = 1024 };

enum logline_format { LOGLINE_TEXT, LOGLINE_JSON };

/* Writes the line without its newline, cut to size; returns its length. */
size_t logline_write(const struct trace_event *e, uint64_t unix_ms, enum logline_format format,
                     char out[LOGLINE_SIZE]);

/* "debug" .. "error"; false: none of them. */
bool logline_level_parse(const char *text, enum trace_level *out);

#endif
