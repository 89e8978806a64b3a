/* base: the vocabulary every other module speaks.
 *
 * Layer: L0.  Includes the C library only.  Pure: no memory, no system call.
 *
 * Conventions that hold in the whole tree
 *   - Arguments: object, inputs, outputs last; outputs are written on success
 *     only.
 *   - Ownership in three words: borrow (the default, until return), keep
 *     (until a named call), give.
 *   - Three kinds of trouble.  Our own bug: assert, also in release.  The world
 *     (disk, memory at start): an enum err, passed on untouched.  A peer: an
 *     outcome that the caller handles at once. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Whether this build has AddressSanitizer, which wants address space, system calls
 * and room on the stack that the program itself does without. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* What went wrong, in the words of the caller.  err_text gives a sentence. */
/* clang-format off */
enum [[nodiscard]] err { /* clang-format 14 glues the name to the brace */
    /* clang-format on */
    ERR_OK = 0,
    ERR_NO_MEMORY, /* An arena or a table sized at start is used up. */
    ERR_FULL,      /* A bounded queue is full; retry after draining it. */
    ERR_IO,        /* The operating system refused; errno tells more. */
    ERR_CORRUPT,   /* Stored bytes are not what we wrote. */
    ERR_FOREIGN,   /* A store or file that belongs to another network or version. */
    ERR_MALFORMED, /* Bytes that are not the one canonical form. */
    ERR_TOO_BIG,   /* A declared size is over its limit. */
    ERR_NOT_FOUND,
    ERR_DENIED,   /* A rule forbids it: policy, signer guard, permission. */
    ERR_CONFLICT, /* It contradicts something already accepted. */
    ERR_BAD_SIGNATURE,
    ERR_BAD_KEY,
    ERR_TIMEOUT,
    ERR_CLOSED, /* The other end went away. */
    ERR_UNSUPPORTED,
};

/* err_name: "NOT_FOUND"; err_text: a short sentence for a human.  Static. */
const char *err_name(enum err e);
const char *err_text(enum err e);

/* For an error that the caller has decided not to act on; say why beside it. */
static inline void err_ignore(enum err e)
{
    (void)e;
}

/* Bytes that belong to someone else. */
struct span {
    const uint8_t *ptr;
    size_t len;
};

/* Room to write into: len bytes at ptr. */
struct room {
    uint8_t *ptr;
    size_t len;
};

enum { HASH_SIZE = 32, HOTKEY_SIZE = 32, SIGNATURE_SIZE = 64 };

/* A BLAKE2b-256 or SHA-256 digest; the field's name says which. */
struct hash {
    uint8_t bytes[HASH_SIZE];
};

/* An sr25519 public key: a Bittensor hotkey, the identity of a validator, a
 * miner or an owner. */
struct hotkey {
    uint8_t bytes[HOTKEY_SIZE];
};

struct signature {
    uint8_t bytes[SIGNATURE_SIZE];
};

/* Amounts that must not be mixed: arithmetic goes through the helpers. */
struct stake {
    uint64_t rao; /* 1 TAO = 10^9 rao. */
};

/* Scores are fixed point: SCORE_ONE is 1.0. */
enum { SCORE_ONE = 10000 };

#define SPAN_LITERAL(text) ((struct span){(const uint8_t *)(text), sizeof(text) - 1})
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline struct span span_of(const void *ptr, size_t len)
{
    return (struct span){ptr, len};
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* span_compare orders like memcmp, a prefix before what it starts. */
static inline int span_compare(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

static inline struct span hash_span(const struct hash *h)
{
    return span_of(h->bytes, sizeof h->bytes);
}

static inline bool hash_equal(const struct hash *a, const struct hash *b)
{
    return memcmp(a->bytes, b->bytes, HASH_SIZE) == 0;
}

static inline bool hash_is_zero(const struct hash *h)
{
    static const struct hash zero;
    return hash_equal(h, &zero);
}

static inline struct span hotkey_span(const struct hotkey *k)
{
    return span_of(k->bytes, sizeof k->bytes);
}

static inline bool hotkey_equal(const struct hotkey *a, const struct hotkey *b)
{
    return memcmp(a->bytes, b->bytes, HOTKEY_SIZE) == 0;
}

/* Checked arithmetic: false on overflow, and *sum is then untouched. */
static inline bool add_ok(uint64_t a, uint64_t b, uint64_t *sum)
{
    uint64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *sum = r;
    return true;
}

static inline bool mul_ok(uint64_t a, uint64_t b, uint64_t *product)
{
    uint64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *product = r;
    return true;
}

/* Time never runs backwards and never wraps: deadlines saturate. */
static inline uint64_t time_add(uint64_t at, uint64_t delay)
{
    uint64_t r;
    return add_ok(at, delay, &r) ? r : UINT64_MAX;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

#endif
