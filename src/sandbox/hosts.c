#include "sandbox/run.h"

/* Codes that guests of the first generation know. */
enum { STORAGE_KEY_TOO_LARGE = -1, HOST_INTERNAL = -100 };
enum { STORAGE_KEY_MAX = 1024, SEED_BYTES_MAX = 65536 };

void run_init(struct run *r, const struct sandbox_job *job, struct room log_room)
{
    size_t log_max = min_u64(job->policy.log_bytes, SANDBOX_LOG_MAX);
    assert(log_room.len >= log_max);
    *r = (struct run){.job = job};
    verdict_set(&r->verdict, OUTCOME_OK, "");
    hasher_open(&r->transcript, "PLTFTRAN");
    r->log = wr_init((struct room){log_room.ptr, log_max});
}

bool guest_span(const struct guest *g, uint64_t pointer, uint64_t length, struct span *out)
{
    uint64_t end;
    if (pointer > UINT32_MAX || length > UINT32_MAX)
        return false;
    if (!add_ok(pointer, length, &end) || end > g->size)
        return false;
    *out = span_of(g->base + pointer, length);
    return true;
}

static void end_run(struct run *r, enum outcome outcome, const char *why)
{
    if (r->verdict.outcome == OUTCOME_OK)
        verdict_set(&r->verdict, outcome, why);
}

/* Every byte that crosses is counted and paid for before it is copied. */
static bool charge(struct run *r, struct guest *g, uint64_t bytes)
{
    uint64_t cost = SANDBOX_GAS_HOST_CALL + bytes * SANDBOX_GAS_HOST_BYTE;
    if (g->gas < cost) {
        g->gas = 0;
        end_run(r, OUTCOME_OUT_OF_GAS, "a host function costs more than is left");
        return false;
    }
    g->gas -= cost;
    r->host_bytes += bytes;
    if (r->host_bytes > r->job->policy.host_bytes) {
        r->host_bytes = r->job->policy.host_bytes;
        end_run(r, OUTCOME_HOST_BYTES, "more bytes to and from the host than the policy allows");
        return false;
    }
    return true;
}

/* What a call was and what came of it: f | result | length in | in | out. */
static void record(struct run *r, enum host_function f, uint64_t result, struct span in,
                   struct span out)
{
    uint8_t head[17];
    struct wr w = wr_init((struct room){head, sizeof head});
    wr_u8(&w, (uint8_t)f);
    wr_u64(&w, result);
    wr_u32(&w, (uint32_t)in.len);
    wr_u32(&w, (uint32_t)out.len);
    hasher_add(&r->transcript, wr_done(&w));
    hasher_add(&r->transcript, in);
    hasher_add(&r->transcript, out);
}

static uint64_t code(int32_t x)
{
    return (uint32_t)x;
}

/* A line of the log: the level's letter, a space, the text, a line break.  What
 * does not fit is dropped and counted; the log is a help, not a result. */
static void log_line(struct run *r, uint32_t level, struct span text)
{
    const char *letter = level == 0 ? "I " : level == 1 ? "W " : "E ";
    size_t room = r->log.size - r->log.used;
    if (room < 4) {
        r->log_dropped += text.len;
        return;
    }
    size_t fit = min_u64(text.len, room - 3);
    wr_raw(&r->log, span_of(letter, 2));
    wr_raw(&r->log, span_of(text.ptr, fit));
    wr_raw(&r->log, SPAN_LITERAL("\n"));
    r->log_dropped += text.len - fit;
}

static uint64_t serve_log(struct run *r, const uint64_t *args, struct guest *g)
{
    struct span text = {0};
    bool inside = guest_span(g, args[1], args[2], &text);
    if (!charge(r, g, text.len))
        return 0;
    if (inside)
        log_line(r, (uint32_t)args[0], text);
    record(r, HOST_LOG, inside ? args[0] : code(HOST_INTERNAL), text, (struct span){0});
    return 0;
}

static uint64_t serve_number(struct run *r, enum host_function f, uint64_t value, struct guest *g)
{
    if (!charge(r, g, 0))
        return 0;
    record(r, f, value, (struct span){0}, (struct span){0});
    return value;
}

static uint64_t serve_seed(struct run *r, const uint64_t *args, struct guest *g)
{
    struct span out = {0};
    bool fine = guest_span(g, args[0], args[1], &out) && out.len <= SEED_BYTES_MAX;
    if (!fine)
        out = (struct span){0};
    if (!charge(r, g, out.len))
        return 0;
    uint8_t block[HASH_SIZE + 4];
    for (uint32_t i = 0; (size_t)i * HASH_SIZE < out.len; i++) {
        struct wr w = wr_init((struct room){block, sizeof block});
        wr_raw(&w, hash_span(&r->job->context.seed));
        wr_u32(&w, i);
        struct hash h = hash_tagged("PLTFRAND", wr_done(&w));
        size_t at = (size_t)i * HASH_SIZE;
        memcpy(g->base + args[0] + at, h.bytes, min_u64(HASH_SIZE, out.len - at));
    }
    uint64_t result = fine ? 0 : code(HOST_INTERNAL);
    record(r, HOST_SEED, result, (struct span){0}, out);
    return result;
}

static struct span storage_find(const struct sandbox_job *job, struct span key)
{
    for (uint32_t i = 0; i < job->storage_count; i++) {
        if (span_equal(job->storage[i].key, key))
            return job->storage[i].value;
    }
    return (struct span){0};
}

/* The guest gives no capacity: its buffer is 64 KiB by the SDK's convention,
 * which no stored value exceeds (spec/ledger.msg). */
static uint64_t serve_storage_get(struct run *r, const uint64_t *args, struct guest *g)
{
    struct span key = {0}, out = {0};
    uint64_t result = code(HOST_INTERNAL);
    struct span value = {0};
    if (args[1] > STORAGE_KEY_MAX) {
        result = code(STORAGE_KEY_TOO_LARGE);
    } else if (guest_span(g, args[0], args[1], &key)) {
        value = storage_find(r->job, key);
        if (guest_span(g, args[2], value.len, &out))
            result = value.len;
    }
    if (!charge(r, g, key.len + out.len))
        return 0;
    record(r, HOST_STORAGE_GET, result, key, out.len == 0 ? out : value);
    if (out.len > 0)
        memcpy(g->base + args[2], value.ptr, value.len);
    return result;
}

uint64_t host_serve(struct run *r, enum host_function f, const uint64_t *args, struct guest *g)
{
    const struct sandbox_context *c = &r->job->context;
    if (r->host_calls >= r->job->policy.host_calls) {
        end_run(r, OUTCOME_HOST_CALLS, "more calls to the host than the policy allows");
        return 0;
    }
    r->host_calls++;
    switch (f) {
    case HOST_LOG:
        return serve_log(r, args, g);
    case HOST_TIME:
        return serve_number(r, f, c->time_ms, g);
    case HOST_SEED:
        return serve_seed(r, args, g);
    case HOST_EPOCH:
        return serve_number(r, f, c->epoch, g);
    case HOST_HEIGHT:
        return serve_number(r, f, c->height, g);
    case HOST_SUBMISSIONS:
        return serve_number(r, f, c->submissions, g);
    case HOST_STORAGE_GET:
        return serve_storage_get(r, args, g);
    case HOST_REFUSED:
        break;
    }
    end_run(r, OUTCOME_POLICY, "a host function that no policy grants");
    return 0;
}
