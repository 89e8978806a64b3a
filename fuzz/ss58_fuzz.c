#include "crypto/ss58.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decodes, encodes to the same text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ss58 a;
    struct hotkey key;
    char text[SS58_TEXT_MAX];
    struct span in = span_of(data, size);
    enum err e = ss58_decode(in, &a);
    enum err as_hotkey = ss58_to_hotkey(in, &key);
    assert((as_hotkey == ERR_MALFORMED) == (e != ERR_OK));
    if (e != ERR_OK)
        return 0;
    assert(ss58_encode(&a, text) == ERR_OK);
    assert(span_equal(span_of(text, strlen(text)), in));
    return 0;
}
