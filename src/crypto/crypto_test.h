/* Helpers of the crypto tests: bytes written as hex. */
#ifndef CRYPTO_CRYPTO_TEST_H
#define CRYPTO_CRYPTO_TEST_H

#include "base/test.h"
#include "codec/hex.h"

static inline void from_hex(const char *text, uint8_t *out, size_t size)
{
    assert_int_equal(hex_decode(span_of(text, strlen(text)), (struct room){out, size}), ERR_OK);
}

#define assert_hex(bytes, text)                                                                    \
    do {                                                                                           \
        char shown_[2 * sizeof(bytes) + 1];                                                        \
        hex_encode(span_of(bytes, sizeof(bytes)), shown_, sizeof shown_);                          \
        assert_string_equal(shown_, text);                                                         \
    } while (0)

#endif
