#include "chain/chain_test.h"

#include "base/prng.h"

static struct arena open_arena(void)
{
    struct arena a;
    assert_int_equal(arena_open(&a, 8 << 20), ERR_OK);
    return a;
}

static void assert_call(const struct metadata *m, const char *pallet, const char *call,
                        uint8_t first, uint8_t second)
{
    uint8_t numbers[2];
    assert_int_equal(metadata_call(m, pallet, call, numbers), ERR_OK);
    assert_int_equal(numbers[0], first);
    assert_int_equal(numbers[1], second);
}

static void test_spec_293_version_14(void **state)
{
    (void)state;
    struct arena a = open_arena();
    struct metadata m;
    read_metadata(&a, SPEC_293, &m);
    assert_int_equal(m.version, 14);
    assert_int_equal(m.type_count, 514);
    assert_int_equal(m.pallet_count, 28);
    assert_int_equal(m.extension_count, 10);
    assert_call(&m, "SubtensorModule", "set_weights", 7, 0);
    assert_call(&m, "SubtensorModule", "commit_weights", 7, 96);
    assert_call(&m, "Commitments", "set_commitment", 18, 0);
    uint8_t numbers[2];
    assert_int_equal(metadata_call(&m, "SubtensorModule", "set_mechanism_weights", numbers),
                     ERR_NOT_FOUND);
    assert_int_equal(metadata_call(&m, "Aura", "anything", numbers), ERR_NOT_FOUND);
    assert_int_equal(metadata_call(&m, "NoSuch", "anything", numbers), ERR_NOT_FOUND);
    struct span name;
    assert_int_equal(metadata_error(&m, 7, 16, &name), ERR_OK);
    assert_span_equal(name, SPAN_LITERAL("NeuronNoValidatorPermit"));
    assert_int_equal(metadata_error(&m, 7, 250, &name), ERR_NOT_FOUND);
    const struct metadata_entry *e = metadata_entry(&m, "SubtensorModule", "Tempo");
    assert_non_null(e);
    assert_int_equal(e->hasher_count, 1);
    assert_int_equal(e->hashers[0], 6);
    assert_span_equal(e->default_value, SPAN_LITERAL("\x0a\x00"));
    assert_true(metadata_entry(&m, "SubtensorModule", "Uids")->optional);
    assert_null(metadata_entry(&m, "SubtensorModule", "LastEpochBlock"));
    arena_close(&a);
}

static void test_spec_424_version_16(void **state)
{
    (void)state;
    struct arena a = open_arena();
    struct metadata m;
    read_metadata(&a, SPEC_424, &m);
    assert_int_equal(m.version, 16);
    assert_int_equal(m.type_count, 753);
    assert_int_equal(m.extension_count, 13);
    assert_call(&m, "SubtensorModule", "set_weights", 7, 0);
    assert_call(&m, "SubtensorModule", "set_mechanism_weights", 7, 119);
    assert_call(&m, "SubtensorModule", "reveal_mechanism_weights", 7, 116);
    assert_non_null(metadata_entry(&m, "SubtensorModule", "LastEpochBlock"));
    struct span name;
    assert_int_equal(metadata_error(&m, 7, 15, &name), ERR_OK);
    assert_span_equal(name, SPAN_LITERAL("NeuronNoValidatorPermit"));
    assert_span_equal(m.extensions[12].name, SPAN_LITERAL("CheckMetadataHash"));
    assert_false(metadata_is_empty(&m, m.extensions[12].extra_type));
    assert_true(metadata_is_empty(&m, m.extensions[9].extra_type));
    arena_close(&a);
}

/* Every default is a value of its entry's type: that walks most of the types. */
static void test_defaults_have_the_shape_of_their_types(void **state)
{
    (void)state;
    static const char *const paths[] = {SPEC_293, SPEC_424};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct arena a = open_arena();
        struct metadata m;
        read_metadata(&a, paths[i], &m);
        uint32_t walked = 0;
        for (uint32_t p = 0; p < m.pallet_count; p++)
            for (uint32_t k = 0; k < m.pallets[p].entry_count; k++) {
                const struct metadata_entry *e = &m.pallets[p].entries[k];
                if (e->optional)
                    continue;
                struct rd r = rd_init(e->default_value);
                metadata_skip(&m, e->value_type, &r);
                assert_int_equal(rd_end(&r), ERR_OK);
                walked++;
            }
        assert_true(walked > 150);
        arena_close(&a);
    }
}

static void test_skips_recorded_events(void **state)
{
    (void)state;
    struct arena a = open_arena();
    struct metadata m;
    read_metadata(&a, SPEC_293, &m);
    const struct metadata_entry *e = metadata_entry(&m, "System", "Events");
    struct span events = unhex(&a, "0x0400000000000000222f11405517020000");
    struct rd r = rd_init(events);
    metadata_skip(&m, e->value_type, &r);
    assert_int_equal(rd_end(&r), ERR_OK);
    r = rd_init(span_of(events.ptr, events.len - 1));
    metadata_skip(&m, e->value_type, &r);
    assert_int_equal(r.bad, ERR_MALFORMED);
    r = rd_init(SPAN_LITERAL("\xfe\xff\xff\x00\x00"));
    metadata_skip(&m, e->value_type, &r);
    assert_true(r.bad != ERR_OK);
    arena_close(&a);
}

static void test_every_truncation_is_refused_and_gives_memory_back(void **state)
{
    (void)state;
    struct arena a = open_arena();
    struct span whole = read_zstd(&a, SPEC_293);
    size_t mark = arena_mark(&a);
    struct metadata m;
    for (size_t len = 0; len < whole.len; len += 997) {
        assert_true(metadata_parse(span_of(whole.ptr, len), &a, &m) != ERR_OK);
        assert_int_equal(arena_mark(&a), mark);
    }
    arena_close(&a);
}

static void test_changed_bytes_never_run_away(void **state)
{
    (void)state;
    struct arena a = open_arena();
    struct span whole = read_zstd(&a, SPEC_424);
    uint8_t *bytes = arena_alloc(&a, whole.len);
    struct prng prng;
    prng_init(&prng, 7);
    size_t mark = arena_mark(&a);
    for (int round = 0; round < 200; round++) {
        memcpy(bytes, whole.ptr, whole.len);
        for (int i = 0; i < 20; i++) {
            size_t at = prng_below(&prng, whole.len);
            bytes[at] = (uint8_t)prng_next(&prng);
        }
        struct metadata m;
        struct rd r = rd_init(span_of(bytes, 4096));
        if (metadata_parse(span_of(bytes, whole.len), &a, &m) == ERR_OK)
            for (uint32_t type = 0; type < m.type_count; type += 37)
                metadata_skip(&m, type, &r);
        arena_reset(&a, mark);
    }
    arena_close(&a);
}

static void test_other_bytes_are_refused(void **state)
{
    (void)state;
    struct arena a = open_arena();
    struct metadata m;
    assert_int_equal(metadata_parse(SPAN_LITERAL(""), &a, &m), ERR_MALFORMED);
    assert_int_equal(metadata_parse(SPAN_LITERAL("meta\x0d\x00\x00"), &a, &m), ERR_UNSUPPORTED);
    assert_int_equal(metadata_parse(SPAN_LITERAL("mete\x0e\x00\x00"), &a, &m), ERR_MALFORMED);
    struct arena tiny;
    assert_int_equal(arena_open(&tiny, 64), ERR_OK);
    assert_int_equal(metadata_parse(read_zstd(&a, SPEC_293), &tiny, &m), ERR_NO_MEMORY);
    arena_close(&tiny);
    arena_close(&a);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_spec_293_version_14),
        cmocka_unit_test(test_spec_424_version_16),
        cmocka_unit_test(test_defaults_have_the_shape_of_their_types),
        cmocka_unit_test(test_skips_recorded_events),
        cmocka_unit_test(test_every_truncation_is_refused_and_gives_memory_back),
        cmocka_unit_test(test_changed_bytes_never_run_away),
        cmocka_unit_test(test_other_bytes_are_refused),
    };
    return cmocka_run_group_tests_name("metadata", all, NULL, NULL);
}
