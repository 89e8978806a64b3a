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

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum err hex_decode(struct span text, struct room out)
{
    if (text.len % 2 != 0 || text.len / 2 != out.len)
        return ERR_MALFORMED;
    for (size_t i = 0; i < text.len; i++)
        if (digit(text.ptr[i]) < 0)
            return ERR_MALFORMED;
    for (size_t i = 0; i < out.len; i++)
        out.ptr[i] = (uint8_t)(digit(text.ptr[2 * i]) << 4 | digit(text.ptr[2 * i + 1]));
    return ERR_OK;
}

struct span hex_strip(struct span text)
{
    if (text.len >= 2 && text.ptr[0] == '0' && text.ptr[1] == 'x')
        return span_of(text.ptr + 2, text.len - 2);
    return text;
}
