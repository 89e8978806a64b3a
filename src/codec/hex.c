#include "codec/hex.h"

void hex_encode(struct span in, char *out, size_t out_size)
{
    static const char digits[] = "0123456789abcdef";
    assert(out_size > 2 * in.len);
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digits[in.ptr[i] >> 4];
        out[2 * i + 1] = digits[in.ptr[i] & 15];
    }
    out[2 * in.len] = '\0';
}

/* The value of a digit, + 1; 0: it is none.  Half a mebibyte of metadata comes
 * this way at each start. */
static const uint8_t values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

enum err hex_decode(struct span text, struct room out)
{
    if (text.len % 2 != 0 || text.len / 2 != out.len)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i++)
        if (values[text.ptr[i]] == 0)
            return ERR_MALFORMED;
    for (size_t i = 0; i < out.len; i++)
        out.ptr[i] =
            (uint8_t)((values[text.ptr[2 * i]] - 1) << 4 | (values[text.ptr[2 * i + 1]] - 1));
    return ERR_OK;
}

enum err hex_number(struct span digits, uint64_t *out)
{
    uint64_t x = 0;
    if (digits.len == 0 || digits.len > 16)
        return ERR_MALFORMED;
    for (size_t i = 0; i < digits.len; i++) {
        if (values[digits.ptr[i]] == 0)
            return ERR_MALFORMED;
        x = x << 4 | (values[digits.ptr[i]] - 1u);
    }
    *out = x;
    return ERR_OK;
}

struct span hex_strip(struct span text)
{
    if (text.len >= 2 && text.ptr[0] == '0' && text.ptr[1] == 'x')
        return span_of(text.ptr + 2, text.len - 2);
    return text;
}
