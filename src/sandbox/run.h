/* run: what one job has used so far, and the host functions that serve it.
 *
 * Part of sandbox; seen in this folder only.  Knows no engine: guest memory is
 * a base and a size, gas a number, so the host functions are tested without. */
#ifndef SANDBOX_RUN_H
#define SANDBOX_RUN_H

#include "codec/wr.h"
#include "crypto/hash.h"
#include "sandbox/verdict.h"

struct run {
    const struct sandbox_job *job;
    struct sandbox_verdict verdict; /* ok until something ends the run */
    struct hasher transcript;
    uint32_t host_calls;
    uint64_t host_bytes;
    struct wr log;
    uint64_t log_dropped;
};

/* Guest memory during one host call. */
struct guest {
    uint8_t *base;
    uint64_t size;
    uint64_t gas; /* left; host_serve takes from it */
};

/* run_init: log_room is kept; at least min(log_bytes, SANDBOX_LOG_MAX). */
void run_init(struct run *r, const struct sandbox_job *job, struct room log_room);

/* guest_span: the bytes of [pointer, pointer + length) or false (SANDBOX-3). */
bool guest_span(const struct guest *g, uint64_t pointer, uint64_t length, struct span *out);

/* host_serve answers one call.  args has the parameters, in 64 bits each.
 * Returns the result (0 for none); r->verdict tells whether the run is over. */
uint64_t host_serve(struct run *r, enum host_function f, const uint64_t *args, struct guest *g);

#endif
