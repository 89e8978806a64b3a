/* emit: writes JSON text into caller memory.
 *
 * Layer: L3, a part of rpc.  Pure.  In an object every value has a key, in a
 * list it has none (NULL).  The first byte that does not fit makes the writer
 * full for good. */
#ifndef RPC_EMIT_H
#define RPC_EMIT_H

#include "base/base.h"

enum { EMIT_DEPTH_MAX = 16 };

struct emit {
    char *start;
    size_t used, size;
    bool full;
    uint32_t depth;
    char close[EMIT_DEPTH_MAX];  /* what ends each open level */
    bool filled[EMIT_DEPTH_MAX]; /* it has a value, so a comma comes next */
};

struct emit emit_init(struct room out);

void emit_object(struct emit *j, const char *key);
void emit_list(struct emit *j, const char *key);
void emit_end(struct emit *j); /* the innermost object or list */

void emit_text(struct emit *j, const char *key, const char *text); /* NULL: null */
void emit_span(struct emit *j, const char *key, struct span text);
void emit_number(struct emit *j, const char *key, uint64_t x);
void emit_signed(struct emit *j, const char *key, int64_t x);
void emit_big(struct emit *j, const char *key, uint64_t x); /* as a decimal string */
void emit_bool(struct emit *j, const char *key, bool x);
void emit_null(struct emit *j, const char *key);
void emit_hex(struct emit *j, const char *key, struct span bytes);
void emit_hash(struct emit *j, const char *key, const struct hash *h);
void emit_hotkey(struct emit *j, const char *key, const struct hotkey *k);

/* emit_back: everything after mark (a copy of the writer) is taken back. */
void emit_back(struct emit *j, const struct emit *mark);

/* emit_done: the text; {NULL, 0} when it did not fit.  Every level is closed. */
struct span emit_done(const struct emit *j);

#endif
