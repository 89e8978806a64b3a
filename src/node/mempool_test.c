#include "node/mempool.h"

#include "base/test.h"

enum { CAPACITY = 8 };

struct pool {
    struct mempool m;
    struct arena arena;
};

static int open_pool(void **state)
{
    struct pool *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assert_int_equal(arena_open(&p->arena, 1 << 20), ERR_OK);
    assert_int_equal(mempool_init(&p->m, &p->arena, CAPACITY, 1000, (struct map_seed){1, 2}),
                     ERR_OK);
    *state = p;
    return 0;
}

static int close_pool(void **state)
{
    struct pool *p = *state;
    mempool_close(&p->m);
    arena_close(&p->arena);
    free(p);
    return 0;
}

static struct hash named(uint8_t number)
{
    return (struct hash){{number}};
}

static enum err add(struct pool *p, uint8_t number, uint64_t now_ms)
{
    struct hash id = named(number);
    struct hotkey signer = {{1}};
    return mempool_add(&p->m, &id, &signer, span_of(&number, 1), now_ms);
}

static void park(struct pool *p, uint8_t number, uint8_t blob)
{
    struct hash id = named(number), name = named(blob);
    mempool_park(&p->m, &id, &name, 10);
}

/* The first byte of each, in order. */
static void assert_order(const struct pool *p, uint32_t first, const char *want)
{
    size_t i = 0;
    for (uint32_t at = first; at != MAP_NONE; at = mempool_next(&p->m, at), i++)
        assert_int_equal(p->m.entries[at].bytes.ptr[0], want[i]);
    assert_int_equal(want[i], '\0');
}

static void what_is_parked_waits_for_its_blob_only(void **state)
{
    struct pool *p = *state;
    for (uint8_t i = 0; i < 4; i++)
        assert_int_equal(add(p, (uint8_t)('a' + i), 100 + i), ERR_OK);
    park(p, 'a', 200);
    park(p, 'c', 201);
    assert_order(p, mempool_first(&p->m), "bd");
    assert_order(p, mempool_first_parked(&p->m), "ac");
    assert_int_equal(mempool_waiting(&p->m), 2);
    assert_int_equal(mempool_oldest_ms(&p->m), 101);
    assert_int_equal(add(p, 'a', 105), ERR_CONFLICT);

    struct hash blob = named(200);
    assert_int_equal(mempool_unpark(&p->m, &blob, 150), 1);
    assert_int_equal(mempool_unpark(&p->m, &blob, 160), 0);
    assert_order(p, mempool_first(&p->m), "bda");
    assert_order(p, mempool_first_parked(&p->m), "c");
    mempool_reserve(&p->m, mempool_first(&p->m), 7);
    assert_int_equal(mempool_waiting(&p->m), 2);
}

static void parked_or_not_it_can_go(void **state)
{
    struct pool *p = *state;
    struct hash a = named('a'), b = named('b'), blob = named(200);
    for (uint8_t i = 0; i < CAPACITY; i++)
        assert_int_equal(add(p, (uint8_t)('a' + i), 100), ERR_OK);
    assert_int_equal(add(p, 'z', 100), ERR_FULL);
    park(p, 'a', 200);
    park(p, 'c', 200);
    mempool_remove(&p->m, &a);
    mempool_remove(&p->m, &b);
    assert_int_equal(mempool_unpark(&p->m, &blob, 150), 1);
    assert_int_equal(mempool_first_parked(&p->m), MAP_NONE);
    assert_order(p, mempool_first(&p->m), "defghc");
    assert_int_equal(add(p, 'y', 160), ERR_OK);
    assert_order(p, mempool_first(&p->m), "defghcy");
    for (uint8_t i = 0; i < CAPACITY; i++) {
        struct hash id = named((uint8_t)('a' + i));
        mempool_remove(&p->m, &id);
    }
    assert_order(p, mempool_first(&p->m), "y");
    assert_int_equal(mempool_waiting(&p->m), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_parked_waits_for_its_blob_only, open_pool,
                                        close_pool),
        cmocka_unit_test_setup_teardown(parked_or_not_it_can_go, open_pool, close_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
