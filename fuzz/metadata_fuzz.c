#include "base/arena.h"
#include "chain/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Hostile metadata, then its own tail as a value of each of its types. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena a;
    if (a.memory == NULL)
        assert(arena_open(&a, 8 << 20) == ERR_OK);
    struct metadata m;
    struct span bytes = span_of(data, size);
    if (metadata_parse(bytes, &a, &m) == ERR_OK) {
        for (uint32_t type = 0; type < m.type_count && type < 64; type++) {
            size_t tail = min_u64(size, 256);
            struct rd r = rd_init(span_of(data + size - tail, tail));
            metadata_skip(&m, type, &r);
            metadata_is_empty(&m, type);
        }
        for (uint32_t i = 0; i < m.pallet_count && i < 16; i++) {
            struct span name;
            uint8_t numbers[2];
            (void)!metadata_error(&m, m.pallets[i].index, 0, &name);
            (void)!metadata_call(&m, "System", "remark", numbers);
        }
    }
    assert(size != 0 || arena_mark(&a) == 0); /* MD-1: a refusal gives all back. */
    arena_reset(&a, 0);
    return 0;
}
