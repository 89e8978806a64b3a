#include "crypto/secret.h"

#include <sodium.h>

enum { STACK_BELOW = 4096 };

struct secret {
    size_t size;
    uint8_t bytes[];
};

enum err secret_open(size_t size, struct secret **out)
{
    assert(size > 0 && size <= SECRET_SIZE_MAX);
    if (sodium_init() < 0)
        return ERR_NO_MEMORY;
    /* libsodium puts the end of a block against a guard page, so the size is
     * rounded up to keep the header aligned. */
    size_t whole = (sizeof(struct secret) + size + 15) & ~(size_t)15;
    struct secret *s = sodium_malloc(whole);
    if (s == NULL)
        return ERR_NO_MEMORY;
    memset(s, 0, whole);
    s->size = size;
    *out = s;
    return ERR_OK;
}

void secret_close(struct secret *s)
{
    sodium_free(s);
}

struct room secret_room(struct secret *s)
{
    return (struct room){s->bytes, s->size};
}

struct span secret_span(const struct secret *s)
{
    return span_of(s->bytes, s->size);
}

void secret_shrink(struct secret *s, size_t size)
{
    assert(size > 0 && size <= s->size);
    sodium_memzero(s->bytes + size, s->size - size);
    s->size = size;
}

/* The value of a hex digit, and whether it is one, without a branch or a table
 * that depends on it. */
static uint32_t digit(uint32_t c, uint32_t *good)
{
    uint32_t letter = c | 0x20u;
    uint32_t is_number = ((c - '0') >> 31 ^ 1u) & (('9' - c) >> 31 ^ 1u);
    uint32_t is_letter = ((letter - 'a') >> 31 ^ 1u) & (('f' - letter) >> 31 ^ 1u);
    *good &= is_number | is_letter;
    return ((0u - is_number) & (c - '0')) | ((0u - is_letter) & (letter - 'a' + 10));
}

enum err secret_from_hex(struct span text, size_t size, struct secret **out)
{
    if (text.len >= 2 && text.ptr[0] == '0' && text.ptr[1] == 'x')
        text = span_of(text.ptr + 2, text.len - 2);
    if (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (text.len != 2 * size)
        return ERR_MALFORMED;

    struct secret *s;
    enum err e = secret_open(size, &s);
    if (e != ERR_OK)
        return e;
    uint32_t good = 1;
    for (size_t i = 0; i < size; i++) {
        uint32_t high = digit(text.ptr[2 * i], &good);
        uint32_t low = digit(text.ptr[2 * i + 1], &good);
        s->bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (good == 0) {
        secret_close(s);
        return ERR_MALFORMED;
    }
    *out = s;
    return ERR_OK;
}

void secret_wipe(void *memory, size_t size)
{
    sodium_memzero(memory, size);
}

void secret_wipe_below(void)
{
    sodium_stackzero(STACK_BELOW);
}
