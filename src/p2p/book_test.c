#include "base/test.h"
#include "p2p/book.h"

enum { MIN = 1000, MAX = 60000 };

struct world {
    struct arena arena;
    struct book book;
};

static void open_world(struct world *w)
{
    struct prng prng;
    prng_init(&prng, 5);
    *w = (struct world){0};
    assert_int_equal(arena_open(&w->arena, book_arena_size()), ERR_OK);
    assert_int_equal(book_init(&w->book, &w->arena, MIN, MAX, prng), ERR_OK);
}

static struct p2p_endpoint place(uint16_t port)
{
    return (struct p2p_endpoint){.family = 4, .address = {127, 0, 0, 1}, .port = port};
}

static struct peer_id peer(uint8_t n)
{
    struct peer_key k = {{n}};
    return peer_id_of(&k);
}

static void test_back_off_grows_to_its_bound(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct p2p_endpoint e = place(1), to;
    assert_int_equal(book_bootstrap(&w.book, &e, 0), ERR_OK);
    assert_int_equal(book_bootstrap(&w.book, &e, 0), ERR_OK); /* the same: kept once */
    uint64_t now = 0, expected = MIN;
    for (int i = 0; i < 50; i++) {
        uint32_t entry = book_next(&w.book, false, now, &to);
        assert_int_not_equal(entry, BOOK_NONE);
        assert_int_equal(to.port, 1);
        assert_int_equal(book_next(&w.book, true, now, &to), BOOK_NONE); /* BOOK-1 */
        book_failed(&w.book, entry, now);
        uint64_t wait = book_wake_at(&w.book, false) - now;
        assert_true(wait >= expected / 2 && wait <= expected);
        expected = min_u64(2 * expected, MAX);
        now += wait;
    }
    arena_close(&w.arena);
}

static void test_learnt_peers_are_hints(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct peer_id a = peer(1);
    struct p2p_endpoint one = place(1), two = place(2), to;
    book_learn(&w.book, &a, &one, 0);
    book_learn(&w.book, &a, &two, 0);
    assert_int_equal(book_next(&w.book, false, 0, &to), BOOK_NONE);
    uint64_t now = 0;
    for (int i = 0; i < BOOK_FAILURES_MAX; i++) {
        uint32_t entry = book_next(&w.book, true, now, &to);
        assert_int_not_equal(entry, BOOK_NONE);
        assert_int_equal(to.port, 1 + i % 2); /* in turn */
        assert_true(to.has_peer && peer_id_equal(&to.peer, &a));
        book_failed(&w.book, entry, now);
        now += MAX;
    }
    assert_int_equal(book_next(&w.book, true, now, &to), BOOK_NONE); /* forgotten */
    assert_true(book_wake_at(&w.book, true) == UINT64_MAX);
    arena_close(&w.arena);
}

static void test_a_flood_of_hints_displaces_nothing_good(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct p2p_endpoint boot = place(9), e = place(1), to;
    struct peer_id good = peer(1);
    assert_int_equal(book_bootstrap(&w.book, &boot, 0), ERR_OK);
    book_learn(&w.book, &good, &e, 0);
    book_connected(&w.book, BOOK_NONE, &good);
    for (uint32_t i = 0; i < 4 * BOOK_SIZE; i++) {
        struct peer_id p = peer((uint8_t)i);
        p.bytes[20] = (uint8_t)(1 + i / 256);
        book_learn(&w.book, &p, &e, 0);
    }
    book_disconnected(&w.book, &good, false, 0);
    bool found_boot = false, found_good = false;
    uint32_t entry;
    while ((entry = book_next(&w.book, true, MAX, &to)) != BOOK_NONE) {
        found_boot |= to.port == 9;
        found_good |= to.has_peer && peer_id_equal(&to.peer, &good);
    }
    assert_true(found_boot && found_good);
    arena_close(&w.arena);
}

static void test_connected_peers_are_left_alone(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct p2p_endpoint e = place(1), to;
    struct peer_id a = peer(1);
    assert_int_equal(book_bootstrap(&w.book, &e, 0), ERR_OK);
    uint32_t entry = book_next(&w.book, false, 0, &to);
    book_connected(&w.book, entry, &a);
    book_learn(&w.book, &a, &to, 0);
    assert_int_equal(book_next(&w.book, true, MAX, &to), BOOK_NONE);
    book_disconnected(&w.book, &a, true, 1000);
    assert_int_equal(book_next(&w.book, true, 1000, &to), BOOK_NONE);
    assert_int_equal(book_next(&w.book, false, 1000 + MIN, &to), entry);
    book_self(&w.book, entry, 1000 + MIN);
    assert_int_equal(book_next(&w.book, true, 10 * MAX, &to), BOOK_NONE);
    arena_close(&w.arena);
}

/* Who names our own places as those of others hides none of them. */
static void test_lies_about_our_own_places(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct peer_id a = peer(1), b = peer(2);
    struct p2p_endpoint ours = place(7), real = place(8), to;
    book_learn(&w.book, &a, &ours, 0);
    book_learn(&w.book, &b, &ours, 0);
    book_learn(&w.book, &b, &real, 0);
    uint32_t entry = book_next(&w.book, true, 0, &to);
    assert_int_equal(to.port, 7);
    book_self(&w.book, entry, 0);
    entry = book_next(&w.book, true, 0, &to); /* b is tried, first where we are */
    assert_true(peer_id_equal(&to.peer, &b));
    assert_int_equal(to.port, 7);
    book_self(&w.book, entry, 0);
    entry = book_next(&w.book, true, 0, &to);
    assert_true(peer_id_equal(&to.peer, &b));
    assert_int_equal(to.port, 8);
    book_connected(&w.book, entry, &b);
    /* The lie is not listened to again, however many it names, and a is learnt. */
    for (uint32_t i = 0; i < 2 * BOOK_SIZE; i++) {
        struct peer_id p = peer((uint8_t)(3 + i % 200));
        p.bytes[20] = (uint8_t)(1 + i / 200);
        book_learn(&w.book, &p, &ours, 0);
    }
    book_learn(&w.book, &a, &ours, 0);
    assert_int_equal(book_next(&w.book, true, 10 * MAX, &to), BOOK_NONE);
    book_learn(&w.book, &a, &real, 0);
    assert_int_not_equal(book_next(&w.book, true, 10 * MAX, &to), BOOK_NONE);
    assert_true(peer_id_equal(&to.peer, &a));
    assert_int_equal(to.port, 8);
    arena_close(&w.arena);
}

/* Places that are ours are remembered to a bound; each entry goes with its last. */
static void test_many_own_places(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct p2p_endpoint to;
    for (uint32_t i = 0; i < 4 * BOOK_SIZE; i++) {
        struct peer_id p = peer((uint8_t)(i % 250));
        struct p2p_endpoint e = place((uint16_t)(1 + i));
        p.bytes[20] = (uint8_t)(1 + i / 250);
        book_learn(&w.book, &p, &e, 0);
        uint32_t entry = book_next(&w.book, true, 0, &to);
        assert_int_not_equal(entry, BOOK_NONE);
        assert_int_equal(to.port, 1 + i);
        book_self(&w.book, entry, 0);
    }
    arena_close(&w.arena);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_back_off_grows_to_its_bound),
        cmocka_unit_test(test_learnt_peers_are_hints),
        cmocka_unit_test(test_a_flood_of_hints_displaces_nothing_good),
        cmocka_unit_test(test_connected_peers_are_left_alone),
        cmocka_unit_test(test_lies_about_our_own_places),
        cmocka_unit_test(test_many_own_places),
    };
    return cmocka_run_group_tests_name("book", all, NULL, NULL);
}
