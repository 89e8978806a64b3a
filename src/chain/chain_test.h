/* chain_test: recorded files for the tests of this folder.  Tests only. */
#ifndef CHAIN_CHAIN_TEST_H
#define CHAIN_CHAIN_TEST_H

#include "base/test.h"

#include <jansson.h>
#include <zstd.h>

#include "base/arena.h"
#include "chain/metadata.h"
#include "codec/hex.h"

#define SPEC_293 CHAIN_DATA "/metadata-spec293-v14.scale.zst"
#define SPEC_424 CHAIN_DATA "/metadata-finney-spec424-v16.scale.zst"

static inline struct span read_zstd(struct arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    static uint8_t packed[256 << 10];
    size_t packed_size = fread(packed, 1, sizeof packed, f);
    fclose(f);
    size_t size = ZSTD_getFrameContentSize(packed, packed_size);
    uint8_t *out = arena_alloc(a, size);
    assert_non_null(out);
    assert_int_equal(ZSTD_decompress(out, size, packed, packed_size), size);
    return span_of(out, size);
}

[[maybe_unused]] static inline void read_metadata(struct arena *a, const char *path,
                                                  struct metadata *m)
{
    assert_int_equal(metadata_parse(read_zstd(a, path), a, m), ERR_OK);
}

[[maybe_unused]] static inline json_t *read_json(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", CHAIN_DATA, name);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    return root;
}

/* The bytes of a hex text, with or without 0x. */
[[maybe_unused]] static inline struct span unhex(struct arena *a, const char *text)
{
    assert_non_null(text);
    struct span digits = hex_strip(span_of(text, strlen(text)));
    struct room out = {arena_alloc(a, digits.len / 2), digits.len / 2};
    assert_non_null(out.ptr);
    assert_int_equal(hex_decode(digits, out), ERR_OK);
    return span_of(out.ptr, out.len);
}

[[maybe_unused]] static inline struct span json_hex(struct arena *a, const json_t *object,
                                                    const char *key)
{
    return unhex(a, json_string_value(json_object_get(object, key)));
}

[[maybe_unused]] static inline void assert_span_equal(struct span got, struct span want)
{
    assert_int_equal(got.len, want.len);
    assert_memory_equal(got.ptr, want.ptr, want.len);
}

#endif
