/* fuzz_chain: the recorded metadata of spec 293, for targets that need a runtime
 * around what they parse.  Fuzz targets only. */
#ifndef FUZZ_FUZZ_CHAIN_H
#define FUZZ_FUZZ_CHAIN_H

#include <zstd.h>

#include "base/arena.h"
#include "chain/metadata.h"

/* From the development chain; made by tools/embed_data.py. */
extern const unsigned char devchain_metadata[];
extern const unsigned long devchain_metadata_size;

static inline const struct metadata *fuzz_metadata(struct span *bytes)
{
    static struct arena arena;
    static struct metadata metadata;
    static struct span raw;
    if (raw.ptr == NULL) {
        assert(arena_open(&arena, 1 << 20) == ERR_OK);
        size_t size = ZSTD_getFrameContentSize(devchain_metadata, devchain_metadata_size);
        uint8_t *out = arena_alloc(&arena, size);
        assert(out != NULL);
        size = ZSTD_decompress(out, size, devchain_metadata, devchain_metadata_size);
        raw = span_of(out, size);
        assert(metadata_parse(raw, &arena, &metadata) == ERR_OK);
    }
    if (bytes != NULL)
        *bytes = raw;
    return &metadata;
}

#endif
