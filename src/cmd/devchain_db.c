#include "cmd/devchain_db.h"

#include <lmdb.h>

enum { SUFFIX_SIZE = 8, KEY_MAX = STORAGE_KEY_SIZE_MAX + SUFFIX_SIZE, GONE = 0, PRESENT = 1 };

static enum err error_of(int rc)
{
    if (rc == MDB_SUCCESS)
        return ERR_OK;
    if (rc == MDB_NOTFOUND)
        return ERR_NOT_FOUND;
    return rc == MDB_MAP_FULL ? ERR_FULL : ERR_IO;
}

static MDB_val val_of(struct span s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.ptr};
}

static struct span span_of_val(MDB_val v)
{
    return span_of(v.mv_data, v.mv_size);
}

static void big_endian(uint64_t x, uint8_t out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(x >> (56 - 8 * i));
}

/* Newer blocks sort first, so that a range search finds the newest of them that
 * is not too new. */
static struct span versioned(struct span key, uint64_t block, uint8_t out[KEY_MAX])
{
    assert(key.len <= STORAGE_KEY_SIZE_MAX);
    if (key.len != 0)
        memcpy(out, key.ptr, key.len);
    big_endian(UINT64_MAX - block, out + key.len);
    return span_of(out, key.len + SUFFIX_SIZE);
}

static bool begins_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

enum err devdb_open(struct devdb *db, const char *dir, bool volatile_store)
{
    *db = (struct devdb){0};
    int rc = mdb_env_create(&db->env);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(db->env, 4);
    if (rc == 0)
        rc = mdb_env_set_mapsize(db->env, (size_t)DEVDB_MAP_SIZE_GIB << 30);
    if (rc == 0)
        rc = mdb_env_open(db->env, dir, MDB_NOTLS | (volatile_store ? MDB_NOSYNC : 0), 0600);
    MDB_txn *txn = NULL;
    if (rc == 0)
        rc = mdb_txn_begin(db->env, NULL, 0, &txn);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "state", MDB_CREATE, &db->state);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "blocks", MDB_CREATE, &db->blocks);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "hashes", MDB_CREATE, &db->hashes);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "meta", MDB_CREATE, &db->meta);
    if (rc == 0)
        rc = mdb_txn_commit(txn);
    else if (txn != NULL)
        mdb_txn_abort(txn);
    if (rc != 0)
        devdb_close(db);
    return error_of(rc);
}

void devdb_close(struct devdb *db)
{
    devdb_abort(db);
    if (db->env != NULL)
        mdb_env_close(db->env);
    *db = (struct devdb){0};
}

enum err devdb_begin(struct devdb *db, bool write)
{
    assert(db->txn == NULL);
    int rc = mdb_txn_begin(db->env, NULL, write ? 0 : MDB_RDONLY, &db->outer);
    db->txn = rc == 0 ? db->outer : NULL;
    return error_of(rc);
}

enum err devdb_commit(struct devdb *db)
{
    assert(db->txn != NULL && db->txn == db->outer);
    int rc = mdb_txn_commit(db->outer);
    db->outer = db->txn = NULL;
    return error_of(rc);
}

void devdb_abort(struct devdb *db)
{
    if (db->outer != NULL)
        mdb_txn_abort(db->outer);
    db->outer = db->txn = NULL;
}

enum err devdb_nest(struct devdb *db)
{
    assert(db->txn != NULL && db->txn == db->outer);
    return error_of(mdb_txn_begin(db->env, db->outer, 0, &db->txn));
}

enum err devdb_unnest(struct devdb *db, bool keep)
{
    assert(db->txn != db->outer);
    int rc = 0;
    if (keep)
        rc = mdb_txn_commit(db->txn);
    else
        mdb_txn_abort(db->txn);
    db->txn = db->outer;
    return error_of(rc);
}

/* The newest version of key that is not newer than block; value without its
 * mark, borrowed from the map. */
static enum err find_version(MDB_cursor *cursor, uint64_t block, struct span key,
                             struct span *value)
{
    uint8_t bytes[KEY_MAX];
    MDB_val k = val_of(versioned(key, block, bytes)), v;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; rc == 0 && begins_with(span_of_val(k), key);
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        if (k.mv_size != key.len + SUFFIX_SIZE)
            continue; /* A longer key that begins alike. */
        struct span whole = span_of_val(v);
        if (whole.len == 0 || whole.ptr[0] == GONE)
            return ERR_NOT_FOUND;
        *value = span_of(whole.ptr + 1, whole.len - 1);
        return ERR_OK;
    }
    return rc == 0 ? ERR_NOT_FOUND : error_of(rc);
}

/* A copy that is not NULL even when it is empty. */
static enum err copy_out(struct arena *arena, struct span from, struct span *to)
{
    uint8_t *memory = arena_alloc(arena, from.len == 0 ? 1 : from.len);
    if (memory == NULL)
        return ERR_NO_MEMORY;
    if (from.len != 0)
        memcpy(memory, from.ptr, from.len);
    *to = span_of(memory, from.len);
    return ERR_OK;
}

enum err devdb_get(struct devdb *db, uint64_t block, struct span key, struct arena *arena,
                   struct span *value)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(db->txn, db->state, &cursor);
    if (rc != 0)
        return error_of(rc);
    struct span found;
    enum err e = find_version(cursor, block, key, &found);
    if (e == ERR_OK)
        e = copy_out(arena, found, value);
    mdb_cursor_close(cursor);
    return e;
}

enum err devdb_put(struct devdb *db, uint64_t block, struct span key, struct span value)
{
    uint8_t bytes[KEY_MAX];
    MDB_val k = val_of(versioned(key, block, bytes)), v = {value.len + 1, NULL};
    int rc = mdb_put(db->txn, db->state, &k, &v, MDB_RESERVE);
    if (rc != 0)
        return error_of(rc);
    uint8_t *to = v.mv_data;
    to[0] = value.ptr == NULL ? GONE : PRESENT;
    if (value.len != 0)
        memcpy(to + 1, value.ptr, value.len);
    return ERR_OK;
}

static uint64_t version_of(struct span entry)
{
    uint64_t x = 0;
    for (size_t i = entry.len - SUFFIX_SIZE; i < entry.len; i++)
        x = x << 8 | entry.ptr[i];
    return UINT64_MAX - x;
}

static enum err next_key(MDB_cursor *cursor, uint64_t block, struct span prefix, struct span after,
                         struct storage_key *key)
{
    struct storage_key settled = {.len = (uint16_t)after.len};
    if (after.len != 0)
        memcpy(settled.bytes, after.ptr, after.len);
    MDB_val k = val_of(after.len == 0 ? prefix : after), v;
    int rc = mdb_cursor_get(cursor, &k, &v, k.mv_size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    for (; rc == 0 && begins_with(span_of_val(k), prefix);
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        struct span entry = span_of_val(k), value = span_of_val(v);
        if (entry.len < SUFFIX_SIZE || entry.len > KEY_MAX || version_of(entry) > block)
            continue;
        struct span bare = span_of(entry.ptr, entry.len - SUFFIX_SIZE);
        if (span_equal(bare, storage_key_span(&settled)))
            continue;
        settled.len = (uint16_t)bare.len;
        memcpy(settled.bytes, bare.ptr, bare.len);
        if (value.len == 0 || value.ptr[0] == GONE)
            continue;
        *key = settled;
        return ERR_OK;
    }
    return rc == 0 ? ERR_NOT_FOUND : error_of(rc);
}

enum err devdb_next(struct devdb *db, uint64_t block, struct span prefix, struct span after,
                    struct storage_key *key)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(db->txn, db->state, &cursor);
    if (rc != 0)
        return error_of(rc);
    enum err e = next_key(cursor, block, prefix, after, key);
    mdb_cursor_close(cursor);
    return e;
}

enum err devdb_put_block(struct devdb *db, uint64_t number, const struct devblock *b)
{
    uint8_t bytes[8];
    big_endian(number, bytes);
    MDB_val k = {sizeof bytes, bytes};
    MDB_val v = {HASH_SIZE + 4 + b->header.len + b->extrinsics.len, NULL};
    int rc = mdb_put(db->txn, db->blocks, &k, &v, MDB_RESERVE);
    if (rc != 0)
        return error_of(rc);
    struct wr w = wr_init((struct room){v.mv_data, v.mv_size});
    wr_raw(&w, hash_span(&b->hash));
    wr_bytes(&w, b->header);
    wr_raw(&w, b->extrinsics);
    assert(!w.full && w.used == w.size);
    MDB_val h = val_of(hash_span(&b->hash));
    return error_of(mdb_put(db->txn, db->hashes, &h, &k, 0));
}

enum err devdb_get_block(struct devdb *db, uint64_t number, struct arena *arena, struct devblock *b)
{
    uint8_t bytes[8];
    big_endian(number, bytes);
    MDB_val k = {sizeof bytes, bytes}, v;
    enum err e = error_of(mdb_get(db->txn, db->blocks, &k, &v));
    struct span copy;
    if (e == ERR_OK)
        e = copy_out(arena, span_of_val(v), &copy);
    if (e != ERR_OK)
        return e;
    struct rd r = rd_init(copy);
    struct devblock found = {0};
    rd_into(&r, (struct room){found.hash.bytes, HASH_SIZE});
    found.header = rd_bytes(&r, 1 << 16);
    found.extrinsics = rd_take(&r, r.left);
    if (rd_end(&r) != ERR_OK)
        return ERR_CORRUPT;
    *b = found;
    return ERR_OK;
}

enum err devdb_find_block(struct devdb *db, const struct hash *hash, uint64_t *number)
{
    MDB_val k = val_of(hash_span(hash)), v;
    enum err e = error_of(mdb_get(db->txn, db->hashes, &k, &v));
    if (e != ERR_OK)
        return e;
    if (v.mv_size != 8)
        return ERR_CORRUPT;
    const uint8_t *bytes = v.mv_data;
    uint64_t x = 0;
    for (int i = 0; i < 8; i++)
        x = x << 8 | bytes[i];
    *number = x;
    return ERR_OK;
}

enum err devdb_put_meta(struct devdb *db, const char *name, struct span value)
{
    MDB_val k = val_of(span_of(name, strlen(name))), v = val_of(value);
    return error_of(mdb_put(db->txn, db->meta, &k, &v, 0));
}

enum err devdb_get_meta(struct devdb *db, const char *name, struct arena *arena, struct span *value)
{
    MDB_val k = val_of(span_of(name, strlen(name))), v;
    enum err e = error_of(mdb_get(db->txn, db->meta, &k, &v));
    return e == ERR_OK ? copy_out(arena, span_of_val(v), value) : e;
}
