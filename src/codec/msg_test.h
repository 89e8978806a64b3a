/* msg_test: what the generated message tests share: deterministic samples and
 * golden vectors.  Included by generated tests only.
 *
 * spec/vectors/NAME.txt holds a line "message variant hex" for each sample.  A
 * byte that changes fails the test; PLATFORM_VECTORS=print shows the new line,
 * which a person then decides to check in. */
#ifndef CODEC_MSG_TEST_H
#define CODEC_MSG_TEST_H

#include "base/test.h"
#include "base/arena.h"
#include "base/prng.h"
#include "codec/hex.h"

struct sample {
    struct prng prng;
    struct arena arena;
    uint32_t variant;
};

static inline void sample_open(struct sample *s, uint32_t variant)
{
    *s = (struct sample){.variant = variant};
    prng_init(&s->prng, variant);
    assert_int_equal(arena_open(&s->arena, 64u << 20), ERR_OK);
}

static inline void sample_close(struct sample *s)
{
    arena_close(&s->arena);
}

[[maybe_unused]] static inline uint64_t sample_number(struct sample *s)
{
    return prng_next(&s->prng);
}

[[maybe_unused]] static inline bool sample_bool(struct sample *s)
{
    return s->variant != 0;
}

[[maybe_unused]] static inline void sample_fill(struct sample *s, struct room out)
{
    prng_fill(&s->prng, out);
}

[[maybe_unused]] static inline uint32_t sample_count(struct sample *s, uint32_t max)
{
    return (uint32_t)min_u64(max, s->variant);
}

static inline struct room sample_room(struct sample *s, size_t size)
{
    size_t len = min_u64(size, 8u << 20);
    struct room room = {arena_alloc(&s->arena, len), len};
    assert_non_null(room.ptr);
    return room;
}

[[maybe_unused]] static inline struct span sample_bytes(struct sample *s, size_t max)
{
    struct room room = sample_room(s, min_u64(max, 5u * s->variant));
    prng_fill(&s->prng, room);
    return span_of(room.ptr, room.len);
}

[[maybe_unused]] static inline struct span sample_text(struct sample *s, size_t max)
{
    struct room room = sample_room(s, min_u64(max, 5u * s->variant));
    for (size_t i = 0; i < room.len; i++)
        room.ptr[i] = (uint8_t)('a' + prng_below(&s->prng, 26));
    return span_of(room.ptr, room.len);
}

static inline struct span sample_longer(struct sample *s, struct span bytes)
{
    struct room room = sample_room(s, bytes.len + 1);
    memcpy(room.ptr, bytes.ptr, bytes.len);
    return span_of(room.ptr, room.len);
}

/* Compares with the checked-in vector. */
static inline void sample_golden(const char *table, const char *message, uint32_t variant,
                                 struct span bytes)
{
    char path[512], want[256], line[1 << 16];
    char *hex = malloc(2 * bytes.len + 1);
    assert_non_null(hex);
    assert_non_null(bytes.ptr);
    hex_encode(bytes, hex, 2 * bytes.len + 1);
    const char *mode = getenv("PLATFORM_VECTORS");
    if (mode != NULL && strcmp(mode, "print") == 0) {
        printf("VECTOR %s %u %s\n", message, variant, hex);
        free(hex);
        return;
    }
    snprintf(path, sizeof path, "%s/spec/vectors/%s.txt", PLATFORM_SOURCE_ROOT, table);
    snprintf(want, sizeof want, "%s %u ", message, variant);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("no vectors: %s", path);
    bool found = false;
    while (!found && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, want, strlen(want)) == 0) {
            assert_string_equal(line + strlen(want), hex);
            found = true;
        }
    }
    fclose(f);
    free(hex);
    if (!found)
        fail_msg("no vector '%s' in %s", want, path);
}

#endif
