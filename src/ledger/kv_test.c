#include "ledger/kv.h"

#include "base/prng.h"
#include "base/test.h"
#include "codec/wr.h"
#include "crypto/hash.h"

enum { ENTRIES = 300, STEPS = 4000 };

/* The map again, as a sorted array, and the root from its definition. */
struct entry {
    uint8_t key[8];
    uint8_t value[300];
    size_t size;
};

struct twin {
    struct entry entries[ENTRIES];
    uint32_t count;
};

static struct hash naive_leaf(const struct entry *e)
{
    uint8_t bytes[400];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_u32(&w, sizeof e->key);
    wr_raw(&w, span_of(e->key, sizeof e->key));
    wr_raw(&w, span_of(e->value, e->size));
    return hash_tagged("PLTFLEAF", wr_done(&w));
}

static unsigned naive_bit(const struct entry *e, unsigned bit)
{
    return (e->key[bit / 8] >> (7 - bit % 8)) & 1u;
}

static struct hash naive_root(const struct entry *e, uint32_t count, unsigned bit)
{
    if (count == 0)
        return (struct hash){0};
    if (count == 1)
        return naive_leaf(e);
    uint32_t split = 0;
    while (naive_bit(&e[0], bit) == naive_bit(&e[count - 1], bit))
        bit++;
    while (naive_bit(&e[split], bit) == 0)
        split++;
    struct hash left = naive_root(e, split, bit + 1);
    struct hash right = naive_root(e + split, count - split, bit + 1);
    uint8_t bytes[66] = {(uint8_t)bit, (uint8_t)(bit >> 8)};
    memcpy(bytes + 2, left.bytes, 32);
    memcpy(bytes + 34, right.bytes, 32);
    return hash_tagged("PLTFNODE", span_of(bytes, sizeof bytes));
}

static uint32_t twin_find(const struct twin *t, const uint8_t key[8], bool *there)
{
    uint32_t i = 0;
    while (i < t->count && memcmp(t->entries[i].key, key, 8) < 0)
        i++;
    *there = i < t->count && memcmp(t->entries[i].key, key, 8) == 0;
    return i;
}

static void twin_put(struct twin *t, const struct entry *e)
{
    bool there;
    uint32_t i = twin_find(t, e->key, &there);
    if (!there) {
        memmove(&t->entries[i + 1], &t->entries[i], (t->count - i) * sizeof *e);
        t->count++;
    }
    t->entries[i] = *e;
}

static bool twin_del(struct twin *t, const uint8_t key[8])
{
    bool there;
    uint32_t i = twin_find(t, key, &there);
    if (there) {
        t->count--;
        memmove(&t->entries[i], &t->entries[i + 1], (t->count - i) * sizeof t->entries[0]);
    }
    return there;
}

static struct kv *open_map(struct arena *arena, uint32_t entries, uint64_t bytes)
{
    struct kv *m;
    assert_int_equal(arena_open(arena, kv_arena_size(entries, bytes)), ERR_OK);
    assert_int_equal(kv_open(&m, arena, entries, bytes), ERR_OK);
    return m;
}

/* Few distinct keys, so that puts replace and deletes hit. */
static void random_key(struct prng *p, uint8_t key[8])
{
    memset(key, 0, 8);
    key[0] = (uint8_t)prng_below(p, 3);
    key[3] = (uint8_t)prng_below(p, 8);
    key[7] = (uint8_t)prng_below(p, 12);
}

static void check_walk(const struct kv *m, const struct twin *t)
{
    struct span key, value;
    assert_int_equal(kv_count(m, (struct span){0}), t->count);
    for (uint32_t i = 0; i < t->count; i++) {
        assert_true(kv_at(m, (struct span){0}, i, &key, &value));
        assert_memory_equal(key.ptr, t->entries[i].key, 8);
        assert_int_equal(value.len, t->entries[i].size);
        assert_memory_equal(value.ptr, t->entries[i].value, value.len);
    }
    assert_false(kv_at(m, (struct span){0}, t->count, &key, &value));
    for (uint8_t p = 0; p < 4; p++) {
        uint32_t under = 0;
        for (uint32_t i = 0; i < t->count; i++)
            under += t->entries[i].key[0] == p;
        assert_int_equal(kv_count(m, span_of(&p, 1)), under);
        for (uint32_t i = 0; i < under; i++) {
            assert_true(kv_at(m, span_of(&p, 1), i, &key, &value));
            assert_int_equal(key.ptr[0], p);
        }
        assert_false(kv_at(m, span_of(&p, 1), under, &key, &value));
    }
}

static void root_is_that_of_the_definition(void **state)
{
    (void)state;
    struct arena arena;
    struct kv *m = open_map(&arena, ENTRIES, 1 << 20);
    struct twin *t = calloc(1, sizeof *t);
    struct prng p;
    prng_init(&p, 7);
    for (int i = 0; i < STEPS; i++) {
        struct entry e = {0};
        random_key(&p, e.key);
        if (prng_chance(&p, 2, 3)) {
            e.size = 1 + prng_below(&p, 250);
            prng_fill(&p, (struct room){e.value, e.size});
            assert_int_equal(kv_put(m, span_of(e.key, 8), span_of(e.value, e.size)), ERR_OK);
            twin_put(t, &e);
        } else {
            assert_int_equal(kv_del(m, span_of(e.key, 8)), twin_del(t, e.key));
        }
        if (i % 37 == 0) {
            struct hash root = kv_root(m), naive = naive_root(t->entries, t->count, 0);
            assert_memory_equal(&root, &naive, sizeof root);
        }
        if (i % 401 == 0)
            check_walk(m, t);
    }
    while (t->count > 0)
        assert_true(kv_del(m, span_of(t->entries[0].key, 8)) && twin_del(t, t->entries[0].key));
    struct hash root = kv_root(m);
    assert_true(hash_is_zero(&root));
    free(t);
    arena_close(&arena);
}

/* What the list of changes says, applied to another map, gives the same map. */
static void changes_carry_a_map_over(void **state)
{
    (void)state;
    struct arena arena, other;
    struct kv *m = open_map(&arena, ENTRIES, 1 << 20), *n = open_map(&other, ENTRIES, 1 << 20);
    struct prng p;
    prng_init(&p, 8);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 100; i++) {
            uint8_t key[8], value[40];
            random_key(&p, key);
            prng_fill(&p, (struct room){value, sizeof value});
            if (prng_chance(&p, 1, 2))
                assert_int_equal(kv_put(m, span_of(key, 8), span_of(value, 40)), ERR_OK);
            else
                kv_del(m, span_of(key, 8));
        }
        struct span key, value;
        uint8_t last[8] = {0};
        for (int i = 0; kv_next_change(m, &key, &value); i++) {
            assert_true(i == 0 || memcmp(last, key.ptr, 8) < 0); /* each once */
            memcpy(last, key.ptr, 8);
            if (value.len == 0)
                kv_del(n, key);
            else
                assert_int_equal(kv_put(n, key, value), ERR_OK);
        }
        kv_forget_changes(n);
        struct hash a = kv_root(m), b = kv_root(n);
        assert_memory_equal(&a, &b, sizeof a);
        assert_false(kv_next_change(m, &key, &value));
    }
    arena_close(&arena);
    arena_close(&other);
}

static void limits_are_exact(void **state)
{
    (void)state;
    struct arena arena;
    struct kv *m = open_map(&arena, 3, 40);
    struct span big = SPAN_LITERAL("0123456789"), small = SPAN_LITERAL("0");
    assert_int_equal(kv_put(m, SPAN_LITERAL("a1"), big), ERR_OK);
    assert_int_equal(kv_put(m, SPAN_LITERAL("a2"), big), ERR_OK);
    assert_true(kv_has_room(m, 1, 16));
    assert_false(kv_has_room(m, 1, 17));
    assert_false(kv_has_room(m, 2, 1));
    assert_int_equal(kv_put(m, SPAN_LITERAL("a3"), SPAN_LITERAL("0123456789abcde")), ERR_FULL);
    assert_int_equal(kv_put(m, SPAN_LITERAL("a3"), small), ERR_OK);
    assert_int_equal(kv_put(m, SPAN_LITERAL("a4"), small), ERR_FULL);
    assert_int_equal(kv_put(m, SPAN_LITERAL("a1"), small), ERR_OK);
    assert_true(kv_del(m, SPAN_LITERAL("a2")));
    assert_int_equal(kv_put(m, SPAN_LITERAL("a4"), big), ERR_OK);
    /* KV-1, in both directions; and what a key or value may not be. */
    assert_true(kv_del(m, SPAN_LITERAL("a4")));
    assert_int_equal(kv_put(m, SPAN_LITERAL("a"), small), ERR_CONFLICT);
    assert_int_equal(kv_put(m, SPAN_LITERAL("a1x"), small), ERR_CONFLICT);
    assert_int_equal(kv_put(m, (struct span){0}, small), ERR_TOO_BIG);
    static const uint8_t long_key[KV_KEY_SIZE_MAX + 1] = {9}, long_value[KV_VALUE_SIZE_MAX + 1];
    assert_int_equal(kv_put(m, span_of(long_key, sizeof long_key), small), ERR_TOO_BIG);
    assert_int_equal(kv_put(m, small, span_of(long_value, sizeof long_value)), ERR_TOO_BIG);
    assert_int_equal(kv_put(m, small, span_of(long_value, sizeof long_value - 1)), ERR_FULL);
    /* To the last byte, but not one more: a1 has three bytes, a3 has three. */
    assert_int_equal(kv_put(m, SPAN_LITERAL("a4"), span_of(long_value, 33)), ERR_FULL);
    assert_int_equal(kv_put(m, SPAN_LITERAL("a4"), span_of(long_value, 32)), ERR_OK);
    assert_true(kv_del(m, SPAN_LITERAL("a4")));
    assert_int_equal(kv_put(m, SPAN_LITERAL("b1"), (struct span){0}), ERR_TOO_BIG);
    arena_close(&arena);
}

/* Memory comes back: far more goes through than fits at once. */
static void memory_is_used_again(void **state)
{
    (void)state;
    struct arena arena;
    struct kv *m = open_map(&arena, 64, 1 << 20);
    static uint8_t value[KV_VALUE_SIZE_MAX];
    struct prng p;
    prng_init(&p, 9);
    for (int i = 0; i < 20000; i++) {
        uint8_t key[8] = {0};
        key[0] = (uint8_t)prng_below(&p, 64);
        size_t size = prng_below(&p, 1 << 14);
        size = 1 + (size << prng_below(&p, 4)) % sizeof value;
        value[0] = (uint8_t)i;
        enum err e = kv_put(m, span_of(key, 8), span_of(value, size));
        assert_true(e == ERR_OK || e == ERR_FULL);
        if (e == ERR_FULL) {
            struct span k, v;
            assert_true(kv_at(m, (struct span){0}, 0, &k, &v));
            assert_true(kv_del(m, k));
        }
        if (i % 64 == 0)
            kv_forget_changes(m);
    }
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_is_that_of_the_definition),
        cmocka_unit_test(changes_carry_a_map_over),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(memory_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
