#include "p2p/yamux.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOTS = 8, BLOCKS = 64 };

static _Alignas(16) uint8_t memory[(BLOCKS + 1) * ROPE_BLOCK_SIZE];

/* A session that gets any frames, while its host reads, answers and closes:
 * within its budget, and nothing is lost when it ends. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct rope_pool pool;
    struct yamux_stream streams[SLOTS] = {0};
    struct yamux y;
    uint8_t out[512];
    if (size < 2)
        return 0;
    arena_init(&arena, (struct room){memory, sizeof memory});
    enum err e = rope_pool_init(&pool, &arena, BLOCKS);
    assert(e == ERR_OK);
    struct rope_budget budget = {&pool, 0, (BLOCKS - 8) * ROPE_BLOCK_SIZE};
    yamux_init(&y, streams, SLOTS, data[0] & 1, &budget);
    y.rtt_ms = data[0] >> 4;
    size_t piece = 1 + data[1];
    uint64_t now = 0;
    (void)yamux_open(&y, now);
    for (size_t at = 2; at < size && y.why == YAMUX_FINE; at += piece, now++) {
        (void)yamux_in(&y, span_of(data + at, min_u64(piece, size - at)), now);
        for (uint16_t s = yamux_ready(&y); s != YAMUX_NONE; s = yamux_ready(&y)) {
            if (streams[s].id == 0)
                continue;
            (void)yamux_write(&y, s, SPAN_LITERAL("answer"));
            yamux_read(&y, s, streams[s].in.len / 2);
            yamux_credit(&y, s, now);
            if (streams[s].fin_in)
                yamux_close(&y, s);
            if (yamux_is_over(&y, s))
                yamux_free(&y, s);
            else if (data[at] == 0x55)
                yamux_reset(&y, s);
        }
        assert(yamux_out(&y, (struct room){out, sizeof out}) <= sizeof out);
        assert(budget.used <= budget.max && y.inbound <= y.inbound_max);
    }
    yamux_deinit(&y);
    assert(budget.used == 0 && pool.free_count == BLOCKS);
    return 0;
}
