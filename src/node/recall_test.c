/* When a validator may go on voting where it was, and when it may not (R18). */
#include "base/test.h"

#include "node/node.h"

static struct db *db;

static int open_store(void **state)
{
    (void)state;
    return db_mem_open(&db, 1 << 20) == ERR_OK ? 0 : 1;
}

static int close_store(void **state)
{
    (void)state;
    db_close(db);
    return 0;
}

static uint64_t start(uint64_t journal_newest, bool network_is_new)
{
    struct node_recall r;
    assert_int_equal(node_recall_votes(db, journal_newest, network_is_new, &r), ERR_OK);
    assert_int_equal(r.journal_newest, max_u64(journal_newest, 1));
    return r.vote_after_block;
}

static void keep_record(const char *name, struct span value)
{
    assert_int_equal(db_begin(db), ERR_OK);
    assert_int_equal(db_put(db, DB_META, span_of(name, strlen(name)), value), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
}

static void a_founder_votes_at_once_and_after_each_restart(void **state)
{
    (void)state;
    assert_true(start(0, true) == 0);
    assert_true(start(1, true) == 0);
    assert_true(start(1, false) == 0);
}

/* Also when it is started again before its epoch comes, however often, and when the
 * first start ended before there was a journal. */
static void who_is_new_stays_in_quarantine(void **state)
{
    (void)state;
    assert_true(start(0, false) == UINT64_MAX);
    assert_true(start(0, true) == UINT64_MAX);
    assert_true(start(1, true) == UINT64_MAX);
    assert_true(start(1, false) == UINT64_MAX);
}

static void a_lost_journal_is_not_made_good_by_a_new_one(void **state)
{
    (void)state;
    assert_true(start(0, true) == 0);
    assert_true(start(1, false) == 0);
    assert_true(start(0, true) == UINT64_MAX);
    assert_true(start(1, false) == UINT64_MAX);
}

/* An older file is still there: its name is what tells. */
static void a_lost_newest_file_is_missed(void **state)
{
    (void)state;
    assert_true(start(0, true) == 0);
    assert_true(start(4, false) == 0);
    assert_true(start(5, false) == 0); /* begun, and not yet told to the store */
    assert_true(start(4, false) == UINT64_MAX);
}

static void a_lost_store_is_not_made_good_by_the_journal(void **state)
{
    (void)state;
    assert_true(start(3, true) == UINT64_MAX);
    assert_true(start(3, true) == UINT64_MAX);
}

/* A checkpoint without our record of votes: a copy of another's store. */
static void another_ones_checkpoint_does_not_vote(void **state)
{
    (void)state;
    keep_record("checkpoint", SPAN_LITERAL("one"));
    assert_true(start(0, true) == UINT64_MAX);
}

static void the_record_is_on_the_disk_or_the_start_fails(void **state)
{
    (void)state;
    struct node_recall r;
    db_mem_fail_at(db, 1);
    assert_int_equal(node_recall_votes(db, 0, true, &r), ERR_IO);
    keep_record("votes", SPAN_LITERAL("garbled"));
    assert_int_equal(node_recall_votes(db, 1, true, &r), ERR_CORRUPT);
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_founder_votes_at_once_and_after_each_restart),
        STORE_TEST(who_is_new_stays_in_quarantine),
        STORE_TEST(a_lost_journal_is_not_made_good_by_a_new_one),
        STORE_TEST(a_lost_newest_file_is_missed),
        STORE_TEST(a_lost_store_is_not_made_good_by_the_journal),
        STORE_TEST(another_ones_checkpoint_does_not_vote),
        STORE_TEST(the_record_is_on_the_disk_or_the_start_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
