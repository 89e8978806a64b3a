#include "store/db.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/prng.h"
#include "base/test.h"

static const struct hash network = {{1, 2, 3}}, other = {{4}};

static struct span text(const char *s)
{
    return span_of(s, strlen(s));
}

static char folder[64];

static struct db *open_lmdb(void)
{
    struct db *db = NULL;
    const char *why;
    snprintf(folder, sizeof folder, "/tmp/platform-db-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(db_lmdb_open(&db, folder, 64 << 20, &network, &why), ERR_OK);
    return db;
}

static void remove_folder(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/lock.mdb", folder);
    unlink(path);
    rmdir(folder);
}

static void assert_value(struct db *db, const char *key, const char *want)
{
    struct span v;
    enum err e = db_get(db, DB_STATE, text(key), &v);
    if (want == NULL) {
        assert_int_equal(e, ERR_NOT_FOUND);
        return;
    }
    assert_int_equal(e, ERR_OK);
    assert_true(span_equal(v, text(want)));
}

static void put(struct db *db, const char *key, const char *value)
{
    assert_int_equal(db_put(db, DB_STATE, text(key), text(value)), ERR_OK);
}

static void story(struct db *db)
{
    assert_int_equal(db_begin(db), ERR_OK);
    put(db, "a", "1");
    put(db, "c", "3");
    put(db, "b", "");
    assert_value(db, "c", "3");
    assert_int_equal(db_commit(db), ERR_OK);

    assert_int_equal(db_begin(db), ERR_OK);
    put(db, "a", "one");
    put(db, "d", "4");
    assert_int_equal(db_del(db, DB_STATE, text("c")), ERR_OK);
    assert_int_equal(db_del(db, DB_STATE, text("never")), ERR_OK);
    assert_value(db, "c", NULL);
    db_abort(db);
    assert_value(db, "a", "1");
    assert_value(db, "c", "3");
    assert_value(db, "d", NULL);

    struct span key = {0}, value, got;
    const char *const order[] = {"a", "b", "c"};
    char after[8] = "";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_next(db, DB_STATE, text(after), &key, &value), ERR_OK);
        assert_true(span_equal(key, text(order[i])));
        snprintf(after, sizeof after, "%s", order[i]);
    }
    assert_int_equal(db_next(db, DB_STATE, text(after), &key, &value), ERR_NOT_FOUND);
    assert_int_equal(db_get(db, DB_LOG, text("a"), &got), ERR_NOT_FOUND);
}

static void test_lmdb_story_and_reopening(void **state)
{
    (void)state;
    struct db *db = open_lmdb();
    const char *why;
    story(db);
    db_close(db);
    assert_int_equal(db_lmdb_open(&db, folder, 64 << 20, &other, &why), ERR_FOREIGN);
    assert_non_null(why);
    assert_int_equal(db_lmdb_open(&db, folder, 64 << 20, &network, &why), ERR_OK);
    assert_value(db, "a", "1");
    assert_value(db, "b", "");
    db_close(db);
    remove_folder();
}

static void test_lmdb_damage_is_seen_when_read(void **state)
{
    (void)state;
    struct db *db = open_lmdb();
    static char long_value[2000];
    memset(long_value, 'v', sizeof long_value - 1);
    assert_int_equal(db_begin(db), ERR_OK);
    put(db, "key", long_value);
    assert_int_equal(db_commit(db), ERR_OK);
    db_close(db);

    char path[128];
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    static char image[1 << 20];
    int fd = open(path, O_RDWR);
    ssize_t size = read(fd, image, sizeof image);
    assert_true(size > 0);
    for (ssize_t i = 0; i + 1000 < size; i++)
        if (memcmp(image + i, long_value, 1000) == 0) {
            assert_int_equal(pwrite(fd, "X", 1, i + 500), 1);
            break;
        }
    close(fd);
    const char *why;
    struct span v;
    assert_int_equal(db_lmdb_open(&db, folder, 64 << 20, &network, &why), ERR_OK);
    assert_int_equal(db_get(db, DB_STATE, text("key"), &v), ERR_CORRUPT);
    db_close(db);
    remove_folder();
}

static void test_lmdb_says_when_the_map_is_full(void **state)
{
    (void)state;
    struct db *db = NULL;
    const char *why;
    snprintf(folder, sizeof folder, "/tmp/platform-db-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(db_lmdb_open(&db, folder, 1 << 18, &network, &why), ERR_OK);
    static uint8_t big[1 << 20];
    assert_int_equal(db_begin(db), ERR_OK);
    assert_int_equal(db_put(db, DB_BLOBS, text("big"), span_of(big, sizeof big)), ERR_FULL);
    db_abort(db);
    db_close(db);
    remove_folder();
}

static void test_a_foreign_file_is_refused(void **state)
{
    (void)state;
    struct db *db = NULL;
    const char *why;
    char path[128];
    snprintf(folder, sizeof folder, "/tmp/platform-db-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/data.mdb", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    static char junk[8192];
    memset(junk, 'j', sizeof junk);
    assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
    close(fd);
    assert_int_equal(db_lmdb_open(&db, folder, 1 << 20, &network, &why), ERR_FOREIGN);
    assert_null(db);
    remove_folder();
}

static void test_mem_story_and_faults(void **state)
{
    (void)state;
    struct db *db = NULL;
    assert_int_equal(db_mem_open(&db, 1 << 20), ERR_OK);
    story(db);
    db_mem_fail_at(db, 1);
    assert_int_equal(db_begin(db), ERR_OK);
    put(db, "a", "lost");
    assert_int_equal(db_commit(db), ERR_IO);
    assert_value(db, "a", "1");
    assert_int_equal(db_begin(db), ERR_OK);
    put(db, "a", "lost too");
    db_mem_crash(db);
    assert_value(db, "a", "1");
    db_close(db);
}

/* Both implementations answer alike over random transactions. */
static void test_the_twin_is_a_twin(void **state)
{
    (void)state;
    struct db *a = open_lmdb(), *b = NULL;
    assert_int_equal(db_mem_open(&b, 1 << 20), ERR_OK);
    struct prng p;
    prng_init(&p, 5);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(db_begin(a), ERR_OK);
        assert_int_equal(db_begin(b), ERR_OK);
        for (uint64_t k = prng_below(&p, 20); k > 0; k--) {
            uint8_t key = (uint8_t)('a' + prng_below(&p, 12)), value = (uint8_t)prng_next(&p);
            struct span ks = span_of(&key, 1), vs = span_of(&value, 1);
            if (prng_chance(&p, 1, 3)) {
                assert_int_equal(db_del(a, DB_META, ks), db_del(b, DB_META, ks));
            } else {
                assert_int_equal(db_put(a, DB_META, ks, vs), db_put(b, DB_META, ks, vs));
            }
        }
        if (prng_chance(&p, 1, 4)) {
            db_abort(a);
            db_abort(b);
        } else {
            assert_int_equal(db_commit(a), db_commit(b));
        }
        for (uint8_t key = 'a'; key <= 'm'; key++) {
            struct span ka, kb, va, vb;
            enum err ea = db_get(a, DB_META, span_of(&key, 1), &va);
            enum err eb = db_get(b, DB_META, span_of(&key, 1), &vb);
            assert_int_equal(ea, eb);
            assert_true(ea != ERR_OK || span_equal(va, vb));
            ea = db_next(a, DB_META, span_of(&key, 1), &ka, &va);
            eb = db_next(b, DB_META, span_of(&key, 1), &kb, &vb);
            if (ea == ERR_OK && ka.len == 1) /* LMDB's meta also has the store's name. */
                assert_true(eb == ERR_OK && span_equal(ka, kb) && span_equal(va, vb));
        }
    }
    db_close(a);
    db_close(b);
    remove_folder();
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_lmdb_story_and_reopening),
        cmocka_unit_test(test_lmdb_damage_is_seen_when_read),
        cmocka_unit_test(test_lmdb_says_when_the_map_is_full),
        cmocka_unit_test(test_a_foreign_file_is_refused),
        cmocka_unit_test(test_mem_story_and_faults),
        cmocka_unit_test(test_the_twin_is_a_twin),
    };
    return cmocka_run_group_tests_name("db", all, NULL, NULL);
}
