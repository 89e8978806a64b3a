#include "p2p/peers.h"

#include "codec/varint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read can be written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct peers_entry a[PEERS_MAX], b[PEERS_MAX];
    static uint8_t bytes[PEERS_FRAME_MAX], more[PEERS_FRAME_MAX];
    uint32_t count = 0, again = 0;
    if (peers_decode(span_of(data, size), a, &count) != ERR_OK)
        return 0;
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    peers_encode(&w, a, count);
    struct rd r = rd_init(wr_done(&w));
    uint64_t len = rd_uvarint(&r);
    assert(len == r.left);
    enum err e = peers_decode(span_of(r.at, r.left), b, &again);
    assert(e == ERR_OK && again == count);
    struct wr twice = wr_init((struct room){more, sizeof more});
    peers_encode(&twice, b, again);
    assert(span_equal(wr_done(&w), wr_done(&twice)));
    return 0;
}
