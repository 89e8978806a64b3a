/* rd: any sequence of reads on any bytes stays inside them, and a bad reader
 * stays bad.  The first half of the input is the program, the second the data. */
#include <stdlib.h>

#include "codec/hex.h"
#include "codec/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_one(struct rd *r, uint8_t op)
{
    uint8_t block[32];
    uint32_t limit = op;
    switch (op % 9) {
    case 0:
        rd_u8(r);
        break;
    case 1:
        rd_u16(r);
        break;
    case 2:
        rd_u32(r);
        break;
    case 3:
        rd_u64(r);
        break;
    case 4:
        rd_bool(r);
        break;
    case 5:
        rd_into(r, (struct room){block, op % sizeof block});
        break;
    case 6:
        rd_take(r, op);
        break;
    case 7:
        if (rd_text(r, limit).len > limit)
            abort();
        break;
    case 8:
        if (rd_bytes(r, limit).len > limit)
            abort();
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    size_t half = size / 2;
    struct rd r = rd_init(span_of(bytes + half, size - half));
    for (size_t i = 0; i < half; i++) {
        const uint8_t *at = r.at;
        size_t left = r.left;
        enum err bad = r.bad;
        read_one(&r, bytes[i]);
        if (r.left > left || r.at != at + (left - r.left) || (bad != ERR_OK && r.bad != bad))
            abort();
    }
    uint8_t out[64];
    size_t digits = size < 2 * sizeof out ? size : 2 * sizeof out;
    struct room room = {out, digits / 2};
    char text[2 * sizeof out + 1];
    if (hex_decode(span_of(bytes, digits), room) == ERR_OK) {
        hex_encode(span_of(out, digits / 2), text, sizeof text);
        if (strncasecmp(text, (const char *)bytes, digits) != 0)
            abort();
    }
    return 0;
}
