#include "store/db.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <xxhash.h>

/* LMDB 0.9 has no checksums of its own: each value carries the XXH64 of table,
 * key and value in front of it (DB-2). */
enum { SUM_SIZE = 8, FORMAT = 1, ID_SIZE = 12 + HASH_SIZE };

struct db_lmdb {
    struct db db;
    MDB_env *env;
    MDB_dbi tables[DB_TABLES];
    MDB_txn *write, *read;
};

static const char *const names[DB_TABLES] = {"meta", "state", "blocks", "log",
                                             "nodes", "index", "blobs"};
static const char id_key[] = "store";

static enum err to_err(int r)
{
    switch (r) {
    case MDB_SUCCESS:
        return ERR_OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
        return ERR_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
        return ERR_CORRUPT;
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return ERR_FOREIGN;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        errno = r > 0 ? r : EIO;
        return ERR_IO;
    }
}

static uint64_t sum_of(enum db_table t, struct span key, struct span value)
{
    uint64_t seed = XXH64(key.ptr, key.len, (uint64_t)t + 1);
    return XXH64(value.ptr, value.len, seed);
}

static MDB_val to_val(struct span s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.ptr};
}

static enum err unwrap(enum db_table t, const MDB_val *k, const MDB_val *v, struct span *value)
{
    if (v->mv_size < SUM_SIZE)
        return ERR_CORRUPT;
    struct span plain = span_of((const uint8_t *)v->mv_data + SUM_SIZE, v->mv_size - SUM_SIZE);
    uint64_t sum;
    memcpy(&sum, v->mv_data, SUM_SIZE);
    if (sum != sum_of(t, span_of(k->mv_data, k->mv_size), plain))
        return ERR_CORRUPT;
    *value = plain;
    return ERR_OK;
}

static enum err lmdb_begin(struct db *db)
{
    struct db_lmdb *l = (struct db_lmdb *)db;
    assert(l->write == NULL);
    return to_err(mdb_txn_begin(l->env, NULL, 0, &l->write));
}

static enum err lmdb_put(struct db *db, enum db_table t, struct span key, struct span value)
{
    struct db_lmdb *l = (struct db_lmdb *)db;
    assert(l->write != NULL && key.len >= 1 && key.len <= DB_KEY_SIZE_MAX);
    MDB_val k = to_val(key), v = {SUM_SIZE + value.len, NULL};
    int r = mdb_put(l->write, l->tables[t], &k, &v, MDB_RESERVE);
    if (r != MDB_SUCCESS)
        return to_err(r);
    uint64_t sum = sum_of(t, key, value);
    memcpy(v.mv_data, &sum, SUM_SIZE);
    if (value.len > 0)
        memcpy((uint8_t *)v.mv_data + SUM_SIZE, value.ptr, value.len);
    return ERR_OK;
}

static enum err lmdb_del(struct db *db, enum db_table t, struct span key)
{
    struct db_lmdb *l = (struct db_lmdb *)db;
    assert(l->write != NULL);
    MDB_val k = to_val(key);
    int r = mdb_del(l->write, l->tables[t], &k, NULL);
    return r == MDB_NOTFOUND ? ERR_OK : to_err(r);
}

static void drop_read(struct db_lmdb *l)
{
    if (l->read != NULL)
        mdb_txn_abort(l->read);
    l->read = NULL;
}

static enum err lmdb_commit(struct db *db)
{
    struct db_lmdb *l = (struct db_lmdb *)db;
    assert(l->write != NULL);
    MDB_txn *txn = l->write;
    l->write = NULL;
    drop_read(l);
    return to_err(mdb_txn_commit(txn));
}

static void lmdb_abort(struct db *db)
{
    struct db_lmdb *l = (struct db_lmdb *)db;
    assert(l->write != NULL);
    mdb_txn_abort(l->write);
    l->write = NULL;
}

/* Reads outside a transaction share one snapshot until the next call, so that
 * what they return stays where it is. */
static enum err reader(struct db_lmdb *l, MDB_txn **out)
{
    if (l->write != NULL) {
        *out = l->write;
        return ERR_OK;
    }
    drop_read(l);
    int r = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->read);
    *out = l->read;
    return to_err(r);
}

static enum err lmdb_get(struct db *db, enum db_table t, struct span key, struct span *value)
{
    struct db_lmdb *l = (struct db_lmdb *)db;
    MDB_txn *txn;
    MDB_val k = to_val(key), v;
    enum err e = reader(l, &txn);
    if (e == ERR_OK)
        e = to_err(mdb_get(txn, l->tables[t], &k, &v));
    return e == ERR_OK ? unwrap(t, &k, &v, value) : e;
}

static enum err lmdb_next(struct db *db, enum db_table t, struct span after, struct span *key,
                          struct span *value)
{
    struct db_lmdb *l = (struct db_lmdb *)db;
    MDB_txn *txn;
    MDB_cursor *cursor;
    enum err e = reader(l, &txn);
    if (e == ERR_OK)
        e = to_err(mdb_cursor_open(txn, l->tables[t], &cursor));
    if (e != ERR_OK)
        return e;
    MDB_val k = to_val(after), v;
    int r = mdb_cursor_get(cursor, &k, &v, after.len == 0 ? MDB_FIRST : MDB_SET_RANGE);
    if (r == MDB_SUCCESS && after.len > 0 && span_equal(span_of(k.mv_data, k.mv_size), after))
        r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    mdb_cursor_close(cursor);
    e = to_err(r);
    struct span plain;
    if (e == ERR_OK)
        e = unwrap(t, &k, &v, &plain);
    if (e == ERR_OK) {
        *key = span_of(k.mv_data, k.mv_size);
        *value = plain;
    }
    return e;
}

static void lmdb_close(struct db *db)
{
    struct db_lmdb *l = (struct db_lmdb *)db;
    drop_read(l);
    if (l->write != NULL)
        mdb_txn_abort(l->write);
    mdb_env_close(l->env);
    free(l);
}

static const struct db_ops ops = {lmdb_begin, lmdb_put,  lmdb_del,  lmdb_commit,
                                  lmdb_abort, lmdb_get,  lmdb_next, lmdb_close};

static enum err open_tables(struct db_lmdb *l)
{
    MDB_txn *txn;
    int r = mdb_txn_begin(l->env, NULL, 0, &txn);
    if (r != MDB_SUCCESS)
        return to_err(r);
    for (int t = 0; t < DB_TABLES && r == MDB_SUCCESS; t++)
        r = mdb_dbi_open(txn, names[t], MDB_CREATE, &l->tables[t]);
    if (r == MDB_SUCCESS)
        return to_err(mdb_txn_commit(txn));
    mdb_txn_abort(txn);
    return to_err(r);
}

/* A new store is given its name; an old one must have it (DB-3). */
static enum err claim(struct db *db, const struct hash *store_id, const char **why)
{
    uint8_t id[ID_SIZE] = "PLTFSTOR";
    uint32_t format = FORMAT;
    memcpy(id + 8, &format, 4);
    memcpy(id + 12, store_id->bytes, HASH_SIZE);
    struct span have, key = span_of(id_key, strlen(id_key)), want = span_of(id, sizeof id);
    enum err e = db_get(db, DB_META, key, &have);
    if (e == ERR_NOT_FOUND) {
        e = db_begin(db);
        if (e != ERR_OK)
            return e;
        e = db_put(db, DB_META, key, want);
        if (e == ERR_OK)
            return db_commit(db);
        db_abort(db);
        return e;
    }
    if (e != ERR_OK || span_equal(have, want))
        return e;
    *why = "it belongs to another network or was made by another version";
    return ERR_FOREIGN;
}

static const char *reason(enum err e)
{
    if (e == ERR_CORRUPT)
        return "it is damaged; keep it for a report and start from an empty folder";
    if (e == ERR_FOREIGN)
        return "it is not a store of this program";
    if (e == ERR_FULL)
        return "the disk or the map is full";
    return "the operating system refused it";
}

enum err db_lmdb_open(struct db **out, const char *path, size_t map_size,
                      const struct hash *store_id, const char **why)
{
    struct db_lmdb *l = calloc(1, sizeof *l);
    if (l == NULL)
        return ERR_NO_MEMORY;
    *why = NULL;
    l->db.ops = &ops;
    int r = mdb_env_create(&l->env);
    if (r == MDB_SUCCESS)
        r = mdb_env_set_maxdbs(l->env, DB_TABLES);
    if (r == MDB_SUCCESS)
        r = mdb_env_set_mapsize(l->env, map_size);
    if (r == MDB_SUCCESS)
        r = mdb_env_open(l->env, path, MDB_NOTLS, 0600);
    enum err e = to_err(r);
    if (e == ERR_OK)
        e = open_tables(l);
    if (e == ERR_OK)
        e = claim(&l->db, store_id, why);
    if (e == ERR_OK) {
        *out = &l->db;
        return ERR_OK;
    }
    if (*why == NULL)
        *why = reason(e);
    if (l->env != NULL)
        mdb_env_close(l->env);
    free(l);
    return e;
}
