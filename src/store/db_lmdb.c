#include "store/db.h"

#include <errno.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "codec/rd.h"
#include "codec/wr.h"

/* LMDB 0.9 has no checksums of its own, so each value carries one in front. */
enum {
    FORMAT = 1,
    CHECKSUM_SIZE = 8,
    FILE_MODE = 0600,
    VALUE_SIZE_MAX = 64 << 20,
    IDENTITY_SIZE = 4 + HASH_SIZE,
};

/* One LMDB table each; the identity of the store is in one of its own. */
static const char *const table_names[DB_TABLES] = {
    [DB_META] = "meta",   [DB_STATE] = "state", [DB_BLOCKS] = "blocks", [DB_LOG] = "log",
    [DB_NODES] = "nodes", [DB_INDEX] = "index", [DB_BLOBS] = "blobs"};
static const char identity_name[] = "platform";

struct db_lmdb {
    struct db db;
    struct arena arena; /* holds this very struct */
    MDB_env *env;
    MDB_dbi tables[DB_TABLES];
    MDB_txn *reader; /* open while its spans are borrowed, else reset */
    bool reader_open;
    MDB_txn *writer;
};

static struct db_lmdb *self(struct db *db)
{
    return (struct db_lmdb *)(void *)db;
}

static enum err translate(int code)
{
    switch ((int)code) {
    case MDB_SUCCESS:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_DBI:
        return ERR_CORRUPT;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return ERR_FOREIGN;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

/* DB-2: over the table too, so that a value cannot stand in for another. */
static uint64_t checksum(enum db_table t, struct span key, struct span value)
{
    return XXH3_64bits_withSeed(value.ptr, value.len,
                                XXH3_64bits_withSeed(key.ptr, key.len, (uint64_t)t + 1));
}

/* How many bytes the pages in use have. */
static enum err measure(const struct db_lmdb *l, uint64_t *bytes)
{
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t pages;
    if (mdb_env_info(l->env, &info) != 0 || mdb_env_stat(l->env, &stat) != 0)
        return ERR_IO;
    if (!add_ok(info.me_last_pgno, 1, &pages) || !mul_ok(pages, stat.ms_psize, bytes) ||
        *bytes > info.me_mapsize)
        return ERR_CORRUPT;
    return ERR_OK;
}

static enum err open_value(enum db_table t, struct span key, const MDB_val *stored,
                           struct span *value)
{
    if (stored->mv_size < CHECKSUM_SIZE || stored->mv_size > VALUE_SIZE_MAX + CHECKSUM_SIZE)
        return ERR_CORRUPT;
    struct rd r = rd_init(span_of(stored->mv_data, stored->mv_size));
    uint64_t sum = rd_u64(&r);
    struct span rest = span_of(r.at, r.left);
    if (sum != checksum(t, key, rest))
        return ERR_CORRUPT;
    *value = rest;
    return ERR_OK;
}

static MDB_val val_of(struct span s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.ptr};
}

/* --- reading */

static void end_reading(struct db_lmdb *l)
{
    if (l->reader_open)
        mdb_txn_reset(l->reader);
    l->reader_open = false;
}

/* The transaction to read in: the open one, or a fresh look at the store. */
static enum err begin_reading(struct db_lmdb *l, MDB_txn **out)
{
    *out = l->writer;
    if (l->writer != NULL)
        return ERR_OK;
    end_reading(l);
    int code = mdb_txn_renew(l->reader);
    if (code != MDB_SUCCESS)
        return translate(code);
    l->reader_open = true;
    *out = l->reader;
    return ERR_OK;
}

static enum err lmdb_get(struct db *db, enum db_table t, struct span key, struct span *value)
{
    struct db_lmdb *l = self(db);
    MDB_txn *txn;
    MDB_val k = val_of(key), stored;
    assert(t < DB_TABLES && key.len >= 1 && key.len <= DB_KEY_SIZE_MAX);
    enum err e = begin_reading(l, &txn);
    if (e == ERR_OK)
        e = translate(mdb_get(txn, l->tables[t], &k, &stored));
    return e == ERR_OK ? open_value(t, key, &stored, value) : e;
}

/* One step of a cursor: to the first key behind after. */
static int seek(MDB_cursor *cursor, struct span after, MDB_val *key, MDB_val *stored)
{
    if (after.len == 0)
        return mdb_cursor_get(cursor, key, stored, MDB_FIRST);
    *key = val_of(after);
    int code = mdb_cursor_get(cursor, key, stored, MDB_SET_RANGE);
    if (code == MDB_SUCCESS && span_equal(span_of(key->mv_data, key->mv_size), after))
        code = mdb_cursor_get(cursor, key, stored, MDB_NEXT);
    return code;
}

static enum err take_pair(enum db_table t, const MDB_val *k, const MDB_val *stored,
                          struct span *key, struct span *value)
{
    if (k->mv_size < 1 || k->mv_size > DB_KEY_SIZE_MAX)
        return ERR_CORRUPT;
    struct span found = span_of(k->mv_data, k->mv_size);
    enum err e = open_value(t, found, stored, value);
    if (e == ERR_OK)
        *key = found;
    return e;
}

static enum err lmdb_next(struct db *db, enum db_table t, struct span after, struct span *key,
                          struct span *value)
{
    struct db_lmdb *l = self(db);
    uint8_t copy[DB_KEY_SIZE_MAX];
    MDB_txn *txn;
    MDB_cursor *cursor;
    MDB_val k, stored;
    assert(t < DB_TABLES && after.len <= DB_KEY_SIZE_MAX);
    /* after may be borrowed from the very look that ends here. */
    if (after.len > 0)
        after = span_of(memcpy(copy, after.ptr, after.len), after.len);
    enum err e = begin_reading(l, &txn);
    if (e != ERR_OK)
        return e;
    e = translate(mdb_cursor_open(txn, l->tables[t], &cursor));
    if (e != ERR_OK)
        return e;
    e = translate(seek(cursor, after, &k, &stored));
    mdb_cursor_close(cursor);
    return e == ERR_OK ? take_pair(t, &k, &stored, key, value) : e;
}

static enum err lmdb_used(struct db *db, enum db_table t, uint64_t *bytes)
{
    struct db_lmdb *l = self(db);
    MDB_txn *txn;
    MDB_stat stat;
    assert(t < DB_TABLES);
    enum err e = begin_reading(l, &txn);
    if (e == ERR_OK)
        e = translate(mdb_stat(txn, l->tables[t], &stat));
    if (e == ERR_OK)
        *bytes = (stat.ms_leaf_pages + stat.ms_branch_pages + stat.ms_overflow_pages) *
                 (uint64_t)stat.ms_psize;
    return e;
}

/* --- writing */

static enum err lmdb_begin(struct db *db)
{
    struct db_lmdb *l = self(db);
    assert(l->writer == NULL);
    end_reading(l);
    return translate(mdb_txn_begin(l->env, NULL, 0, &l->writer));
}

static enum err lmdb_put(struct db *db, enum db_table t, struct span key, struct span value)
{
    struct db_lmdb *l = self(db);
    assert(l->writer != NULL && t < DB_TABLES && key.len >= 1 && key.len <= DB_KEY_SIZE_MAX);
    if (value.len > VALUE_SIZE_MAX)
        return ERR_TOO_BIG;
    MDB_val k = val_of(key), stored = {CHECKSUM_SIZE + value.len, NULL};
    uint64_t sum = checksum(t, key, value);
    /* MDB_RESERVE gives the place to write to, so the value is copied once. */
    enum err e = translate(mdb_put(l->writer, l->tables[t], &k, &stored, MDB_RESERVE));
    if (e != ERR_OK)
        return e;
    struct wr w = wr_init((struct room){stored.mv_data, stored.mv_size});
    wr_u64(&w, sum);
    wr_raw(&w, value);
    assert(!w.full);
    return ERR_OK;
}

static enum err lmdb_del(struct db *db, enum db_table t, struct span key)
{
    struct db_lmdb *l = self(db);
    assert(l->writer != NULL && t < DB_TABLES && key.len >= 1 && key.len <= DB_KEY_SIZE_MAX);
    MDB_val k = val_of(key);
    enum err e = translate(mdb_del(l->writer, l->tables[t], &k, NULL));
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err lmdb_commit(struct db *db)
{
    struct db_lmdb *l = self(db);
    assert(l->writer != NULL);
    MDB_txn *writer = l->writer;
    l->writer = NULL;
    return translate(mdb_txn_commit(writer));
}

static void lmdb_abort(struct db *db)
{
    struct db_lmdb *l = self(db);
    assert(l->writer != NULL);
    mdb_txn_abort(l->writer);
    l->writer = NULL;
}

static void lmdb_close(struct db *db)
{
    struct db_lmdb *l = self(db);
    struct arena arena = l->arena;
    if (l->writer != NULL)
        mdb_txn_abort(l->writer);
    if (l->reader != NULL)
        mdb_txn_abort(l->reader);
    if (l->env != NULL)
        mdb_env_close(l->env);
    arena_close(&arena);
}

/* --- opening */

/* The one entry of the identity table: format and store id, under a checksum. */
static void identity_bytes(const struct hash *store_id, uint8_t out[CHECKSUM_SIZE + IDENTITY_SIZE])
{
    struct wr w = wr_init((struct room){out + CHECKSUM_SIZE, IDENTITY_SIZE});
    wr_u32(&w, FORMAT);
    wr_raw(&w, hash_span(store_id));
    uint64_t sum = checksum(DB_TABLES, SPAN_LITERAL(identity_name), wr_done(&w));
    w = wr_init((struct room){out, CHECKSUM_SIZE});
    wr_u64(&w, sum);
}

static enum err make_tables(struct db_lmdb *l, MDB_txn *txn, const struct hash *store_id)
{
    uint8_t bytes[CHECKSUM_SIZE + IDENTITY_SIZE];
    MDB_dbi identity;
    identity_bytes(store_id, bytes);
    MDB_val k = val_of(SPAN_LITERAL(identity_name)), stored = {sizeof bytes, bytes};
    enum err e = translate(mdb_dbi_open(txn, identity_name, MDB_CREATE, &identity));
    if (e == ERR_OK)
        e = translate(mdb_put(txn, identity, &k, &stored, 0));
    for (enum db_table t = 0; t < DB_TABLES && e == ERR_OK; t++)
        e = translate(mdb_dbi_open(txn, table_names[t], MDB_CREATE, &l->tables[t]));
    return e;
}

/* A store in which nothing was ever written is new; one with other tables than
 * ours was made by another program. */
static enum err check_is_new(MDB_txn *txn, const char **why)
{
    MDB_dbi root;
    MDB_stat stat;
    enum err e = translate(mdb_dbi_open(txn, NULL, 0, &root));
    if (e == ERR_OK)
        e = translate(mdb_stat(txn, root, &stat));
    if (e != ERR_OK || stat.ms_entries == 0)
        return e;
    *why = "it is an LMDB store of another program";
    return ERR_FOREIGN;
}

static enum err check_identity(struct db_lmdb *l, MDB_txn *txn, MDB_dbi identity,
                               const struct hash *store_id, const char **why)
{
    MDB_val k = val_of(SPAN_LITERAL(identity_name)), stored;
    struct span value;
    struct hash found;
    enum err e = translate(mdb_get(txn, identity, &k, &stored));
    if (e == ERR_OK)
        e = open_value(DB_TABLES, SPAN_LITERAL(identity_name), &stored, &value);
    if (e != ERR_OK) {
        *why = "its record of what it is cannot be read";
        return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
    }
    struct rd r = rd_init(value);
    uint32_t format = rd_u32(&r);
    rd_into(&r, (struct room){found.bytes, sizeof found.bytes});
    *why = format > FORMAT ? "it was written by a newer version of this program"
                           : "it was written by another version of this program";
    if (rd_end(&r) != ERR_OK || format != FORMAT)
        return ERR_FOREIGN;
    *why = "it belongs to another network";
    if (!hash_equal(&found, store_id))
        return ERR_FOREIGN;
    *why = "a table of it is missing";
    for (enum db_table t = 0; t < DB_TABLES; t++)
        if (mdb_dbi_open(txn, table_names[t], 0, &l->tables[t]) != MDB_SUCCESS)
            return ERR_CORRUPT;
    *why = NULL;
    return ERR_OK;
}

static enum err open_tables(struct db_lmdb *l, const struct hash *store_id, const char **why)
{
    MDB_txn *txn;
    MDB_dbi identity;
    *why = "it cannot be read";
    enum err e = translate(mdb_txn_begin(l->env, NULL, 0, &txn));
    if (e != ERR_OK)
        return e;
    e = translate(mdb_dbi_open(txn, identity_name, 0, &identity));
    if (e == ERR_OK)
        e = check_identity(l, txn, identity, store_id, why);
    else if (e == ERR_NOT_FOUND && (e = check_is_new(txn, why)) == ERR_OK)
        e = make_tables(l, txn, store_id);
    if (e != ERR_OK) {
        mdb_txn_abort(txn);
        return e;
    }
    *why = "it cannot be written";
    return translate(mdb_txn_commit(txn));
}

/* LMDB maps the file and trusts its length; a page behind the end would be a bus
 * error rather than an error code. */
static enum err check_length(const struct db_lmdb *l, const char **why)
{
    struct stat file;
    mdb_filehandle_t fd;
    uint64_t bytes = 0;
    *why = "its file cannot be examined";
    enum err e = measure(l, &bytes);
    if (e == ERR_IO || mdb_env_get_fd(l->env, &fd) != 0 || fstat(fd, &file) != 0)
        return ERR_IO;
    *why = "its file is shorter than it was";
    return e == ERR_OK && bytes <= (uint64_t)file.st_size ? ERR_OK : ERR_CORRUPT;
}

static enum err walk_table(struct db_lmdb *l, MDB_txn *txn, enum db_table t)
{
    MDB_cursor *cursor;
    MDB_stat stat;
    MDB_val k, stored;
    struct span key, value, before = {0};
    enum err e = translate(mdb_stat(txn, l->tables[t], &stat));
    if (e == ERR_OK)
        e = translate(mdb_cursor_open(txn, l->tables[t], &cursor));
    if (e != ERR_OK)
        return e;
    size_t count = 0;
    while ((e = translate(mdb_cursor_get(cursor, &k, &stored, MDB_NEXT))) == ERR_OK) {
        e = take_pair(t, &k, &stored, &key, &value);
        if (e != ERR_OK || ++count > stat.ms_entries || span_compare(before, key) >= 0)
            break;
        before = key;
    }
    mdb_cursor_close(cursor);
    return e == ERR_NOT_FOUND && count == stat.ms_entries ? ERR_OK : ERR_CORRUPT;
}

/* Every entry of the tables that node trusts as a whole.  Blocks and blobs, the
 * bulk, are checked whenever one is read. */
static enum err walk(struct db_lmdb *l, const char **why)
{
    static const enum db_table tables[] = {DB_META, DB_STATE, DB_LOG, DB_NODES, DB_INDEX};
    *why = "it cannot be read";
    enum err e = translate(mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->reader));
    if (e != ERR_OK)
        return e;
    *why = "an entry in it is damaged";
    for (uint32_t i = 0; i < COUNT_OF(tables) && e == ERR_OK; i++)
        e = walk_table(l, l->reader, tables[i]);
    mdb_txn_reset(l->reader);
    if (e == ERR_OK)
        *why = NULL;
    return e;
}

static enum err open_env(struct db_lmdb *l, const char *path, size_t map_size, const char **why)
{
    *why = "there is no memory for it";
    enum err e = translate(mdb_env_create(&l->env));
    if (e == ERR_OK)
        e = translate(mdb_env_set_mapsize(l->env, map_size));
    if (e == ERR_OK)
        e = translate(mdb_env_set_maxdbs(l->env, DB_TABLES + 1));
    if (e != ERR_OK)
        return e;
    e = translate(mdb_env_open(l->env, path, MDB_NOTLS | MDB_NORDAHEAD, FILE_MODE));
    *why = e == ERR_FOREIGN ? "it is not a store of this program"
                            : "the operating system does not let it be opened";
    return e;
}

enum err db_lmdb_open(struct db **out, const char *path, size_t map_size,
                      const struct hash *store_id, const char **why)
{
    static const struct db_ops ops = {lmdb_begin, lmdb_put,  lmdb_del,  lmdb_commit, lmdb_abort,
                                      lmdb_get,   lmdb_next, lmdb_used, lmdb_close};
    struct arena arena;
    *why = "there is no memory for it";
    enum err e = arena_open(&arena, sizeof(struct db_lmdb));
    if (e != ERR_OK)
        return e;
    struct db_lmdb *l = arena_alloc(&arena, sizeof *l);
    assert(l != NULL);
    l->db.ops = &ops;
    l->arena = arena;
    e = open_env(l, path, map_size, why);
    if (e == ERR_OK)
        e = check_length(l, why);
    if (e == ERR_OK)
        e = open_tables(l, store_id, why);
    if (e == ERR_OK)
        e = walk(l, why);
    if (e != ERR_OK) {
        lmdb_close(&l->db);
        return e;
    }
    *out = &l->db;
    return ERR_OK;
}
