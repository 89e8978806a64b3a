/* Any bytes as what a guest hands back and what it is given. */
#include "codec/bincode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t room[1 << 16];
    struct bincode_output o = {0};
    struct bincode_input i = {0};
    struct span in = span_of(data, size);
    if (bincode_output_decode(in, sizeof room / 4, &o) == ERR_OK && size <= sizeof room) {
        struct span again = bincode_output_encode(&o, (struct room){room, sizeof room});
        assert(again.len <= size && span_equal(again, span_of(data, again.len)));
    }
    if (bincode_input_decode(in, &i) == ERR_OK && size <= sizeof room) {
        struct span again = bincode_input_encode(&i, (struct room){room, sizeof room});
        assert(again.len == bincode_input_size(&i) && span_equal(again, span_of(data, again.len)));
    }
    return 0;
}
