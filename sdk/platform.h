/* platform: what a challenge written in C needs, and nothing else: no libc, no
 * floats required, no imports but those that are used.
 *
 * A challenge is a WASM module that scores one submission at a time.  Write
 * these two functions and build with `platform challenge build`:
 *
 *     bool challenge_validate(const struct platform_input *in, struct platform_text *why);
 *     int64_t challenge_evaluate(const struct platform_input *in, struct platform_text *message);
 *
 * validate looks at the form of a submission; where it says no, the outcome is
 * "invalid" and there is no score.  evaluate gives a score from 0 to
 * PLATFORM_SCORE_ONE (1.0), or PLATFORM_INVALID.  Each call runs in a fresh
 * instance: nothing is kept from one to the next.  A trap (for example by
 * platform_fail) is an outcome of its own, never a score.
 *
 * Every validator must get the same result, bit for bit.  All that is offered
 * here is the same everywhere; use integers where you can. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLATFORM_SCORE_ONE = 10000, PLATFORM_INVALID = -1 };

struct platform_bytes {
    const uint8_t *ptr;
    uint32_t len;
};

struct platform_input {
    struct platform_bytes submission;
    struct platform_bytes challenge_id; /* hexadecimal */
    struct platform_bytes params;       /* from the challenge's registration */
};

/* A text in the making; what does not fit is cut. */
enum { PLATFORM_TEXT_MAX = 1024 };
struct platform_text {
    uint32_t len;
    char bytes[PLATFORM_TEXT_MAX];
};

void platform_add(struct platform_text *t, const char *text);
void platform_add_bytes(struct platform_text *t, struct platform_bytes bytes);
void platform_add_number(struct platform_text *t, int64_t n);

/* Memory that lives until the end of the call; it traps when there is no more. */
void *platform_alloc(uint32_t size);

/* Ends the call with a trap. */
_Noreturn void platform_fail(void);

bool platform_equal(struct platform_bytes a, struct platform_bytes b);
struct platform_bytes platform_literal(const char *text);

/* A line of the evaluation's log (policy: log).  Level 0 info, 1 warning, 2 error. */
void platform_log(uint32_t level, const struct platform_text *text);
void platform_log_text(uint32_t level, const char *text);

/* The challenge's storage (policy: storage): values agreed by the network, at
 * most 64 KiB each.  An absent key gives no bytes. */
struct platform_bytes platform_storage_get(struct platform_bytes key);

/* Agreed facts (policy: time, seed, consensus).  The time is that of the
 * decided submission, in milliseconds since 1970; the seed is drawn from what
 * nobody knew before the submission was decided. */
int64_t platform_time_ms(void);
void platform_seed(void *out, uint32_t len);
int64_t platform_epoch(void);
int64_t platform_height(void);
int32_t platform_submission_count(void);

/* Yours to write. */
bool challenge_validate(const struct platform_input *in, struct platform_text *why);
int64_t challenge_evaluate(const struct platform_input *in, struct platform_text *message);

#endif
