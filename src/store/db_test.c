/* One set of tests for both stores; then what only a file can suffer. */
#include "base/test.h"

#include <lmdb.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/prng.h"
#include "store/db.h"

enum { MAP_SIZE = 64 << 20, MODEL_KEYS = 64, PATH_SIZE = 256 };

static const struct hash network = {{1, 2, 3}};

/* --- a store of each kind */

struct fixture {
    bool is_file;
    char folder[PATH_SIZE / 2], path[PATH_SIZE];
    struct db *db;
};

static void open_file(struct fixture *f)
{
    const char *why = NULL;
    assert_int_equal(db_lmdb_open(&f->db, f->folder, MAP_SIZE, &network, &why), ERR_OK);
    assert_null(why);
}

static void fixture_open(struct fixture *f, bool is_file)
{
    *f = (struct fixture){.is_file = is_file, .folder = "/tmp/platform-db-XXXXXX"};
    if (!is_file) {
        assert_int_equal(db_mem_open(&f->db, MAP_SIZE), ERR_OK);
        return;
    }
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/data.mdb", f->folder);
    open_file(f);
}

static void fixture_close(struct fixture *f)
{
    db_close(f->db);
    if (!f->is_file)
        return;
    char lock[PATH_SIZE + 8];
    snprintf(lock, sizeof lock, "%s/lock.mdb", f->folder);
    unlink(f->path);
    unlink(lock);
    assert_int_equal(rmdir(f->folder), 0);
}

static uint64_t used(struct db *db, enum db_table t)
{
    uint64_t bytes = UINT64_MAX;
    assert_int_equal(db_used(db, t, &bytes), ERR_OK);
    return bytes;
}

static void put(struct db *db, enum db_table t, const char *key, const char *value)
{
    assert_int_equal(db_put(db, t, span_of(key, strlen(key)), span_of(value, strlen(value))),
                     ERR_OK);
}

static void assert_value(struct db *db, enum db_table t, const char *key, const char *value)
{
    struct span found;
    enum err e = db_get(db, t, span_of(key, strlen(key)), &found);
    assert_int_equal(e, value == NULL ? ERR_NOT_FOUND : ERR_OK);
    if (value != NULL)
        assert_true(span_equal(found, span_of(value, strlen(value))));
}

static void check_basics(struct db *db)
{
    struct span key, value;
    assert_int_equal(db_next(db, DB_META, (struct span){0}, &key, &value), ERR_NOT_FOUND);
    assert_int_equal(db_begin(db), ERR_OK);
    put(db, DB_META, "b", "2");
    put(db, DB_META, "a", "1");
    put(db, DB_META, "ab", "");
    put(db, DB_STATE, "a", "other");
    assert_value(db, DB_META, "a", "1"); /* reads see the open transaction */
    put(db, DB_META, "a", "one");
    assert_int_equal(db_del(db, DB_META, SPAN_LITERAL("nothing")), ERR_OK);
    assert_int_equal(db_commit(db), ERR_OK);
    assert_value(db, DB_META, "a", "one");
    assert_value(db, DB_META, "ab", "");
    assert_value(db, DB_STATE, "a", "other");
    assert_value(db, DB_STATE, "b", NULL);

    static const char *const order[] = {"a", "ab", "b"};
    struct span after = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(db_next(db, DB_META, after, &key, &value), ERR_OK);
        assert_true(span_equal(key, span_of(order[i], strlen(order[i]))));
        after = span_of(order[i], strlen(order[i]));
    }
    assert_int_equal(db_next(db, DB_META, after, &key, &value), ERR_NOT_FOUND);
    assert_int_equal(db_next(db, DB_META, SPAN_LITERAL("aa"), &key, &value), ERR_OK);
    assert_true(span_equal(key, SPAN_LITERAL("ab")));

    assert_int_equal(db_begin(db), ERR_OK);
    put(db, DB_META, "a", "x");
    put(db, DB_META, "new", "y");
    assert_int_equal(db_del(db, DB_META, SPAN_LITERAL("b")), ERR_OK);
    assert_value(db, DB_META, "b", NULL);
    db_abort(db);
    assert_value(db, DB_META, "a", "one");
    assert_value(db, DB_META, "new", NULL);
    assert_value(db, DB_META, "b", "2");
}

static void test_basics(void **state)
{
    (void)state;
    for (int is_file = 0; is_file < 2; is_file++) {
        struct fixture f;
        fixture_open(&f, is_file != 0);
        check_basics(f.db);
        fixture_close(&f);
    }
}

static void test_what_a_table_takes(void **state)
{
    static const uint8_t large[100000];
    const struct span key = SPAN_LITERAL("large");
    (void)state;
    for (int is_file = 0; is_file < 2; is_file++) {
        struct fixture f;
        fixture_open(&f, is_file != 0);
        uint64_t before = used(f.db, DB_BLOBS), other = used(f.db, DB_STATE);
        assert_int_equal(db_begin(f.db), ERR_OK);
        assert_int_equal(db_put(f.db, DB_BLOBS, key, span_of(large, sizeof large)), ERR_OK);
        uint64_t with = used(f.db, DB_BLOBS); /* what is not committed yet counts too */
        assert_true(with >= before + sizeof large && with <= before + 2 * sizeof large);
        assert_int_equal(db_commit(f.db), ERR_OK);
        assert_int_equal(used(f.db, DB_BLOBS), with);
        assert_int_equal(used(f.db, DB_STATE), other);
        assert_int_equal(db_begin(f.db), ERR_OK);
        assert_int_equal(db_del(f.db, DB_BLOBS, key), ERR_OK);
        assert_true(used(f.db, DB_BLOBS) < sizeof large);
        assert_int_equal(db_commit(f.db), ERR_OK);
        fixture_close(&f);
    }
}

/* Random transactions against a plain table; some are given up. */
struct model {
    uint32_t sizes[MODEL_KEYS]; /* 0: absent; the value is that many times the key */
};

static struct span model_key(uint32_t k, uint8_t memory[4])
{
    memory[0] = 'k';
    memory[1] = (uint8_t)(k / 8);
    memory[2] = (uint8_t)k;
    return span_of(memory, 3);
}

static void check_model(struct db *db, const struct model *m)
{
    uint8_t memory[4];
    struct span key, value, after = {0};
    uint8_t last[4];
    for (uint32_t k = 0; k < MODEL_KEYS; k++) {
        struct span want = model_key(k, memory);
        enum err e = db_get(db, DB_LOG, want, &value);
        assert_int_equal(e, m->sizes[k] == 0 ? ERR_NOT_FOUND : ERR_OK);
        if (m->sizes[k] == 0)
            continue;
        assert_int_equal(value.len, m->sizes[k]);
        assert_true(value.ptr[0] == k && value.ptr[value.len - 1] == k);
        assert_int_equal(db_next(db, DB_LOG, after, &key, &value), ERR_OK);
        assert_true(span_equal(key, want));
        after = span_of(memcpy(last, key.ptr, key.len), key.len);
    }
    assert_int_equal(db_next(db, DB_LOG, after, &key, &value), ERR_NOT_FOUND);
}

static void transact(struct db *db, struct model *m, struct prng *p)
{
    static uint8_t bytes[20000];
    uint8_t memory[4];
    struct model before = *m;
    assert_int_equal(db_begin(db), ERR_OK);
    for (uint64_t n = prng_below(p, 20); n > 0; n--) {
        uint32_t k = (uint32_t)prng_below(p, MODEL_KEYS);
        bool keep = prng_chance(p, 2, 3);
        m->sizes[k] = keep ? 1 + (uint32_t)prng_below(p, prng_chance(p, 1, 4) ? 20000 : 60) : 0;
        memset(bytes, (int)k, sizeof bytes);
        enum err e = keep ? db_put(db, DB_LOG, model_key(k, memory), span_of(bytes, m->sizes[k]))
                          : db_del(db, DB_LOG, model_key(k, memory));
        assert_int_equal(e, ERR_OK);
    }
    if (prng_chance(p, 1, 8))
        check_model(db, m);
    if (prng_chance(p, 1, 3)) {
        db_abort(db);
        *m = before;
    } else {
        assert_int_equal(db_commit(db), ERR_OK);
    }
}

static void test_agrees_with_a_plain_table(void **state)
{
    (void)state;
    for (int is_file = 0; is_file < 2; is_file++) {
        struct fixture f;
        struct prng p;
        struct model m = {0};
        prng_init(&p, 3);
        fixture_open(&f, is_file != 0);
        for (int i = 0; i < (is_file ? 150 : 3000); i++) {
            transact(f.db, &m, &p);
            if (i % 10 == 0)
                check_model(f.db, &m);
            if (is_file && i % 50 == 49) {
                db_close(f.db);
                open_file(&f);
            }
        }
        check_model(f.db, &m);
        fixture_close(&f);
    }
}

static void test_full_store_says_so(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 20];
    for (int is_file = 0; is_file < 2; is_file++) {
        struct fixture f;
        fixture_open(&f, is_file != 0);
        assert_int_equal(db_begin(f.db), ERR_OK);
        put(f.db, DB_META, "kept", "yes");
        assert_int_equal(db_commit(f.db), ERR_OK);
        assert_int_equal(db_begin(f.db), ERR_OK);
        enum err e = ERR_OK;
        for (uint32_t i = 0; e == ERR_OK; i++) {
            assert_true(i < 100);
            e = db_put(f.db, DB_BLOBS, span_of(&i, sizeof i), span_of(bytes, sizeof bytes));
        }
        assert_int_equal(e, ERR_FULL);
        db_abort(f.db);
        assert_value(f.db, DB_META, "kept", "yes");
        uint32_t zero = 0;
        struct span value;
        assert_int_equal(db_get(f.db, DB_BLOBS, span_of(&zero, sizeof zero), &value),
                         ERR_NOT_FOUND);
        fixture_close(&f);
    }
}

static void test_injected_faults(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, false);
    db_mem_fail_at(f.db, 2);
    for (int i = 1; i <= 3; i++) {
        char key[2] = {(char)('0' + i), 0};
        assert_int_equal(db_begin(f.db), ERR_OK);
        put(f.db, DB_META, key, "v");
        assert_int_equal(db_commit(f.db), i == 2 ? ERR_IO : ERR_OK);
    }
    assert_value(f.db, DB_META, "1", "v");
    assert_value(f.db, DB_META, "2", NULL);
    assert_value(f.db, DB_META, "3", "v");
    assert_int_equal(db_begin(f.db), ERR_OK);
    put(f.db, DB_META, "4", "v");
    db_mem_crash(f.db);
    assert_value(f.db, DB_META, "4", NULL);
    db_mem_crash(f.db); /* nothing open: nothing lost */
    assert_value(f.db, DB_META, "3", "v");
    fixture_close(&f);
}

/* --- what only a file can suffer */

static enum err reopen(struct fixture *f, const struct hash *id, const char **why)
{
    struct db *db = NULL;
    *why = NULL;
    enum err e = db_lmdb_open(&db, f->folder, MAP_SIZE, id, why);
    assert_true((e == ERR_OK) == (*why == NULL));
    if (e == ERR_OK)
        db_close(db);
    return e;
}

static void close_only(struct fixture *f)
{
    db_close(f->db);
    f->db = NULL;
}

static void test_foreign_stores_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    const char *why;
    struct hash other = {{9}};
    fixture_open(&f, true);
    assert_int_equal(db_begin(f.db), ERR_OK);
    put(f.db, DB_META, "a", "1");
    assert_int_equal(db_commit(f.db), ERR_OK);
    close_only(&f);
    assert_int_equal(reopen(&f, &other, &why), ERR_FOREIGN);
    assert_string_equal(why, "it belongs to another network");
    assert_int_equal(reopen(&f, &network, &why), ERR_OK); /* and untouched */
    FILE *file = fopen(f.path, "wb");
    assert_non_null(file);
    for (int i = 0; i < 5000; i++)
        assert_true(fputs("not a store\n", file) >= 0);
    fclose(file);
    assert_int_equal(reopen(&f, &network, &why), ERR_FOREIGN);
    assert_string_equal(why, "it is not a store of this program");
    fixture_close(&f);
}

static void fill(struct db *db)
{
    static uint8_t bytes[9000];
    for (uint32_t round = 0; round < 3; round++) {
        assert_int_equal(db_begin(db), ERR_OK);
        for (uint32_t i = 0; i < 300; i++) {
            uint8_t key[4] = {(uint8_t)(i >> 8), (uint8_t)i, (uint8_t)round, 7};
            memset(bytes, (int)i, sizeof bytes);
            size_t size = i % 50 == 0 ? sizeof bytes : i % 97;
            assert_int_equal(
                db_put(db, (enum db_table)(i % DB_TABLES), span_of(key, 4), span_of(bytes, size)),
                ERR_OK);
        }
        assert_int_equal(db_commit(db), ERR_OK);
    }
}

/* ERR_OK when everything that fill wrote comes back, or the refusal. */
static enum err read_all(const char *folder)
{
    struct db *db;
    const char *why;
    enum err e = db_lmdb_open(&db, folder, MAP_SIZE, &network, &why);
    if (e != ERR_OK)
        return e;
    for (uint32_t round = 0; round < 3 && e == ERR_OK; round++) {
        for (uint32_t i = 0; i < 300 && e == ERR_OK; i++) {
            uint8_t key[4] = {(uint8_t)(i >> 8), (uint8_t)i, (uint8_t)round, 7};
            struct span value;
            e = db_get(db, (enum db_table)(i % DB_TABLES), span_of(key, 4), &value);
            if (e == ERR_OK && value.len != (i % 50 == 0 ? 9000 : i % 97))
                return ERR_CONFLICT; /* silently wrong: the one thing that must not be */
            for (size_t k = 0; e == ERR_OK && k < value.len; k++)
                if (value.ptr[k] != (uint8_t)i)
                    return ERR_CONFLICT;
        }
    }
    db_close(db);
    return e;
}

/* A store of LMDB that has tables, but none of ours. */
static void test_another_programs_store_is_refused(void **state)
{
    (void)state;
    struct fixture f;
    const char *why;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi table;
    fixture_open(&f, true);
    close_only(&f);
    assert_int_equal(unlink(f.path), 0);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(mdb_env_create(&env), 0);
        assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
        assert_int_equal(mdb_env_open(env, f.folder, 0, 0600), 0);
        assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
        /* The second time it is looked at whether anything was changed. */
        assert_int_equal(mdb_dbi_open(txn, "theirs", round == 0 ? MDB_CREATE : 0, &table), 0);
        MDB_stat stat;
        MDB_dbi root;
        assert_int_equal(mdb_dbi_open(txn, NULL, 0, &root), 0);
        assert_int_equal(mdb_stat(txn, root, &stat), 0);
        assert_int_equal(stat.ms_entries, 1);
        assert_int_equal(mdb_txn_commit(txn), 0);
        mdb_env_close(env);
        assert_int_equal(reopen(&f, &network, &why), ERR_FOREIGN);
        assert_string_equal(why, "it is an LMDB store of another program");
    }
    fixture_close(&f);
}

/* Changes one byte of a value, wherever it stands in the file. */
static void spoil(const struct fixture *f, const char *value)
{
    FILE *file = fopen(f->path, "r+b");
    assert_non_null(file);
    static char bytes[1 << 20];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    const char *at = memmem(bytes, size, value, strlen(value));
    assert_non_null(at);
    fseek(file, at - bytes, SEEK_SET);
    fputc(*at ^ 1, file);
    fclose(file);
}

/* What node trusts as a whole is looked at before the store is open, the bulk
 * when it is read. */
static void test_damage_is_found_when_it_is_opened(void **state)
{
    (void)state;
    for (enum db_table t = 0; t < DB_TABLES; t++) {
        struct fixture f;
        const char *why;
        fixture_open(&f, true);
        assert_int_equal(db_begin(f.db), ERR_OK);
        put(f.db, t, "a", "the first value");
        put(f.db, t, "b", "a value like no other");
        put(f.db, t, "c", "the last value");
        assert_int_equal(db_commit(f.db), ERR_OK);
        close_only(&f);
        spoil(&f, "a value like no other");
        if (t == DB_BLOCKS || t == DB_BLOBS) {
            struct span value;
            open_file(&f);
            assert_value(f.db, t, "a", "the first value");
            assert_int_equal(db_get(f.db, t, SPAN_LITERAL("b"), &value), ERR_CORRUPT);
            close_only(&f);
        } else {
            assert_int_equal(reopen(&f, &network, &why), ERR_CORRUPT);
            assert_string_equal(why, "an entry in it is damaged");
        }
        fixture_close(&f);
    }
}

static void test_short_files_are_refused(void **state)
{
    (void)state;
    struct fixture f;
    const char *why;
    fixture_open(&f, true);
    fill(f.db);
    close_only(&f);
    struct stat st;
    assert_int_equal(stat(f.path, &st), 0);
    for (off_t size = st.st_size - 4096; size >= 8192; size -= 4096 * 7) {
        assert_int_equal(truncate(f.path, size), 0);
        assert_int_equal(reopen(&f, &network, &why), ERR_CORRUPT);
        assert_string_equal(why, "its file is shorter than it was");
    }
    fixture_close(&f);
}

/* A flipped byte is refused, or changes nothing that is read.  In a child each,
 * because LMDB itself stops a process that meets some damaged pages. */
static void test_damaged_bytes_never_go_unnoticed(void **state)
{
    (void)state;
    struct fixture f;
    struct prng p;
    prng_init(&p, 11);
    fixture_open(&f, true);
    fill(f.db);
    close_only(&f);
    struct stat st;
    assert_int_equal(stat(f.path, &st), 0);
    uint32_t harmless = 0, refused = 0, stopped = 0;
    for (uint32_t i = 0; i < 150; i++) {
        FILE *file = fopen(f.path, "r+b");
        long at = (long)prng_below(&p, (uint64_t)st.st_size);
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ (1 << prng_below(&p, 8)), file);
        fclose(file);
        pid_t child = fork();
        if (child == 0) {
            for (int s = 1; s < 32; s++)
                signal(s, SIG_DFL);
            fclose(stderr);
            _exit((int)read_all(f.folder));
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        stopped += !WIFEXITED(status);
        if (WIFEXITED(status)) {
            assert_true(WEXITSTATUS(status) == ERR_OK || WEXITSTATUS(status) == ERR_CORRUPT ||
                        WEXITSTATUS(status) == ERR_FOREIGN || WEXITSTATUS(status) == ERR_NOT_FOUND);
            harmless += WEXITSTATUS(status) == ERR_OK;
            refused += WEXITSTATUS(status) != ERR_OK;
        }
        file = fopen(f.path, "r+b");
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
        fclose(file);
    }
    print_message("# %u harmless, %u refused, %u stopped\n", harmless, refused, stopped);
    assert_true(refused > 20);
    assert_int_equal(read_all(f.folder), ERR_OK);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_basics),
        cmocka_unit_test(test_what_a_table_takes),
        cmocka_unit_test(test_agrees_with_a_plain_table),
        cmocka_unit_test(test_full_store_says_so),
        cmocka_unit_test(test_injected_faults),
        cmocka_unit_test(test_foreign_stores_are_refused),
        cmocka_unit_test(test_another_programs_store_is_refused),
        cmocka_unit_test(test_damage_is_found_when_it_is_opened),
        cmocka_unit_test(test_short_files_are_refused),
        cmocka_unit_test(test_damaged_bytes_never_go_unnoticed),
    };
    return cmocka_run_group_tests_name("db", all, NULL, NULL);
}
