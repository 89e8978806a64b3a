#include "p2p/multistream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A negotiation ends alike whether its bytes come at once or one by one, and
 * never writes more than it may. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct span names[] = {{(const uint8_t *)"/a", 2}, {(const uint8_t *)"/b", 2}};
    if (size < 1 || size > MULTISTREAM_READ_MAX)
        return 0;
    bool dialer = data[0] % 2 == 0;
    struct multistream m[2];
    enum multistream_result r[2] = {MULTISTREAM_MORE, MULTISTREAM_MORE};
    size_t used[2] = {0};
    uint8_t out[2][MULTISTREAM_WRITE_MAX];
    struct wr w[2];
    data++;
    size--;
    for (int i = 0; i < 2; i++) {
        w[i] = wr_init((struct room){out[i], sizeof out[i]});
        m[i] = dialer ? multistream_dial(names, 2, &w[i]) : multistream_listen(names, 2);
    }
    r[0] = multistream_step(&m[0], span_of(data, size), &used[0], &w[0]);
    for (size_t seen = 1; seen <= size && r[1] == MULTISTREAM_MORE; seen++) {
        size_t n;
        r[1] = multistream_step(&m[1], span_of(data + used[1], seen - used[1]), &n, &w[1]);
        used[1] += n;
    }
    assert(r[0] == r[1]);
    if (r[0] != MULTISTREAM_BROKEN)
        assert(used[0] == used[1] && span_equal(wr_done(&w[0]), wr_done(&w[1])));
    return 0;
}
