#include "platform.h"

#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

IMPORT("platform_sandbox", "log_message")
void host_log(uint32_t level, const void *ptr, uint32_t len);
IMPORT("platform_storage", "storage_get")
int32_t host_storage_get(const void *key, uint32_t key_len, void *out);
IMPORT("platform_sandbox", "get_timestamp") int64_t host_time(void);
IMPORT("platform_terminal", "terminal_random_seed") int32_t host_seed(void *out, uint32_t len);
IMPORT("platform_consensus", "consensus_get_epoch") int64_t host_epoch(void);
IMPORT("platform_consensus", "consensus_get_block_height") int64_t host_height(void);
IMPORT("platform_consensus", "consensus_get_submission_count") int32_t host_submissions(void);

enum { PAGE = 65536, VALUE_MAX = 65536, ALIGN = 16 };

/* The linker puts this where free memory begins. */
extern uint8_t __heap_base;

/* The compiler may ask for these by name.  Each loop is kept from being turned
 * back into a call of itself. */
#define PLAIN __attribute__((no_builtin))

PLAIN void *memcpy(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    while (n-- > 0)
        *t++ = *f++;
    return to;
}

PLAIN void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    if (t <= f || t >= f + n)
        return memcpy(to, from, n);
    while (n-- > 0)
        t[n] = f[n];
    return to;
}

PLAIN void *memset(void *to, int value, size_t n)
{
    uint8_t *t = to;
    while (n-- > 0)
        *t++ = (uint8_t)value;
    return to;
}

PLAIN int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (; n > 0; n--, x++, y++) {
        if (*x != *y)
            return *x < *y ? -1 : 1;
    }
    return 0;
}

void platform_fail(void)
{
    __builtin_trap();
}

/* Memory is never given back: an instance lives for one call. */
static uint8_t *take(uint32_t size)
{
    static uint8_t *next;
    if (next == NULL)
        next = (uint8_t *)(((uintptr_t)&__heap_base + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    uint64_t start = (uintptr_t)next;
    uint64_t end = start + (((uint64_t)size + ALIGN - 1) & ~(uint64_t)(ALIGN - 1));
    uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
    if (end > UINT32_MAX)
        return NULL;
    if (end > have &&
        __builtin_wasm_memory_grow(0, (size_t)((end - have + PAGE - 1) / PAGE)) == (size_t)-1)
        return NULL;
    next = (uint8_t *)(uintptr_t)end;
    return (uint8_t *)(uintptr_t)start;
}

EXPORT("alloc") void *alloc(uint32_t size)
{
    return take(size);
}

void *platform_alloc(uint32_t size)
{
    void *block = take(size);
    if (block == NULL)
        platform_fail();
    return block;
}

struct platform_bytes platform_literal(const char *text)
{
    uint32_t len = 0;
    while (text[len] != 0)
        len++;
    return (struct platform_bytes){(const uint8_t *)text, len};
}

bool platform_equal(struct platform_bytes a, struct platform_bytes b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

void platform_add_bytes(struct platform_text *t, struct platform_bytes bytes)
{
    for (uint32_t i = 0; i < bytes.len && t->len < sizeof t->bytes; i++)
        t->bytes[t->len++] = (char)bytes.ptr[i];
}

void platform_add(struct platform_text *t, const char *text)
{
    platform_add_bytes(t, platform_literal(text));
}

void platform_add_number(struct platform_text *t, int64_t n)
{
    char digits[20];
    uint32_t at = sizeof digits;
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0)
        platform_add(t, "-");
    platform_add_bytes(t, (struct platform_bytes){(uint8_t *)digits + at, sizeof digits - at});
}

void platform_log(uint32_t level, const struct platform_text *text)
{
    host_log(level, text->bytes, text->len);
}

void platform_log_text(uint32_t level, const char *text)
{
    struct platform_bytes b = platform_literal(text);
    host_log(level, b.ptr, b.len);
}

struct platform_bytes platform_storage_get(struct platform_bytes key)
{
    uint8_t *value = platform_alloc(VALUE_MAX);
    int32_t len = host_storage_get(key.ptr, key.len, value);
    return (struct platform_bytes){value, len > 0 ? (uint32_t)len : 0};
}

int64_t platform_time_ms(void)
{
    return host_time();
}

void platform_seed(void *out, uint32_t len)
{
    if (host_seed(out, len) != 0)
        platform_fail();
}

int64_t platform_epoch(void)
{
    return host_epoch();
}

int64_t platform_height(void)
{
    return host_height();
}

int32_t platform_submission_count(void)
{
    return host_submissions();
}

/* EvaluationInput as the host writes it: three counted fields, then two options
 * that this SDK does not use. */
struct reader {
    const uint8_t *at;
    uint32_t left;
    bool bad;
};

static uint64_t read_number(struct reader *r, uint32_t size)
{
    uint64_t x = 0;
    if (r->left < size) {
        r->bad = true;
        return 0;
    }
    for (uint32_t i = 0; i < size; i++)
        x |= (uint64_t)r->at[i] << (8 * i);
    r->at += size;
    r->left -= size;
    return x;
}

static struct platform_bytes read_bytes(struct reader *r)
{
    uint64_t len = read_number(r, 8);
    if (len > r->left) {
        r->bad = true;
        return (struct platform_bytes){0};
    }
    struct platform_bytes b = {r->at, (uint32_t)len};
    r->at += b.len;
    r->left -= b.len;
    return b;
}

static bool read_input(const uint8_t *ptr, uint32_t len, struct platform_input *in)
{
    struct reader r = {ptr, len, false};
    in->submission = read_bytes(&r);
    in->challenge_id = read_bytes(&r);
    in->params = read_bytes(&r);
    return !r.bad;
}

static uint8_t *write_number(uint8_t *to, uint64_t x)
{
    for (uint32_t i = 0; i < 8; i++)
        *to++ = (uint8_t)(x >> (8 * i));
    return to;
}

/* EvaluationOutput: score, valid, message, no metrics, no details. */
static uint64_t pack_output(int64_t score, const struct platform_text *message)
{
    uint32_t size = 8 + 1 + 8 + message->len + 2;
    uint8_t *block = platform_alloc(size), *to = block;
    to = write_number(to, score < 0 ? 0 : (uint64_t)score);
    *to++ = score >= 0;
    to = write_number(to, message->len);
    memcpy(to, message->bytes, message->len);
    to[message->len] = 0;
    to[message->len + 1] = 0;
    return (uint64_t)size << 32 | (uintptr_t)block;
}

EXPORT("evaluate") uint64_t evaluate(const uint8_t *ptr, uint32_t len)
{
    struct platform_input in;
    struct platform_text *message = platform_alloc(sizeof *message);
    message->len = 0;
    if (!read_input(ptr, len, &in))
        return 0;
    return pack_output(challenge_evaluate(&in, message), message);
}

/* Only a log line can carry the reason; it is for the miner. */
EXPORT("validate") int32_t validate(const uint8_t *ptr, uint32_t len)
{
    struct platform_input in;
    struct platform_text *why = platform_alloc(sizeof *why);
    why->len = 0;
    if (!read_input(ptr, len, &in))
        return 0;
    bool valid = challenge_validate(&in, why);
    if (!valid && why->len > 0)
        platform_log(2, why);
    return valid;
}
