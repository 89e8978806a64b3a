#include "codec/base58.h"

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

void base58_encode(struct span in, char *out, size_t out_size)
{
    assert(in.len <= BASE58_BYTES_MAX);
    uint8_t digits[BASE58_TEXT_MAX] = {0}; /* little-endian, base 58 */
    size_t count = 0;
    size_t zeros = 0;
    while (zeros < in.len && in.ptr[zeros] == 0)
        zeros++;
    for (size_t i = zeros; i < in.len; i++) {
        uint32_t carry = in.ptr[i];
        for (size_t d = 0; d < count; d++) {
            carry += (uint32_t)digits[d] << 8;
            digits[d] = (uint8_t)(carry % 58);
            carry /= 58;
        }
        for (; carry != 0; carry /= 58)
            digits[count++] = (uint8_t)(carry % 58);
    }
    assert(zeros + count < out_size);
    memset(out, '1', zeros);
    for (size_t d = 0; d < count; d++)
        out[zeros + d] = alphabet[digits[count - 1 - d]];
    out[zeros + count] = '\0';
}

enum err base58_decode(struct span text, struct room out, size_t *len)
{
    uint8_t bytes[BASE58_BYTES_MAX]; /* little-endian */
    size_t count = 0;
    size_t ones = 0;
    if (text.len >= BASE58_TEXT_MAX)
        return ERR_TOO_BIG;
    while (ones < text.len && text.ptr[ones] == '1')
        ones++;
    for (size_t i = ones; i < text.len; i++) {
        const char *at = text.ptr[i] == 0 ? NULL : strchr(alphabet, text.ptr[i]);
        if (at == NULL)
            return ERR_MALFORMED;
        uint32_t carry = (uint32_t)(at - alphabet);
        for (size_t b = 0; b < count; b++) {
            carry += (uint32_t)bytes[b] * 58;
            bytes[b] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry != 0) {
            if (count == sizeof bytes)
                return ERR_TOO_BIG;
            bytes[count++] = (uint8_t)carry;
        }
    }
    if (ones + count > out.len)
        return ERR_TOO_BIG;
    memset(out.ptr, 0, ones);
    for (size_t b = 0; b < count; b++)
        out.ptr[ones + b] = bytes[count - 1 - b];
    *len = ones + count;
    return ERR_OK;
}
