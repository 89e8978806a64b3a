#include "codec/multiaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What decodes, encodes to the same bytes and survives its text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct multiaddr m, again;
    uint8_t bytes[MULTIADDR_SIZE_MAX];
    char text[MULTIADDR_TEXT_MAX];
    if (multiaddr_decode(span_of(data, size), &m) != ERR_OK)
        return 0;
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    multiaddr_encode(&w, &m);
    assert(span_equal(wr_done(&w), span_of(data, size)));
    multiaddr_text(&m, text);
    assert(multiaddr_parse(text, &again) == ERR_OK);
    assert(memcmp(&m, &again, sizeof m) == 0);
    return 0;
}
