/* db: tables of keys and values that survive; what a checkpoint is written to.
 *
 * Layer: L2.  Threads: one.  Two implementations behind one interface: LMDB
 * (db_lmdb_open) and a twin in memory for the simulator (db_mem_open), which
 * drops what was not committed when the simulated machine crashes.
 *
 *   DB-1  A transaction is all or nothing; when db_commit returned ERR_OK it is
 *         durable.
 *   DB-2  A value read is the value written: each carries a checksum over table,
 *         key and value, and a wrong one is ERR_CORRUPT.
 *   DB-3  A store of another network or format is ERR_FOREIGN, a damaged one
 *         ERR_CORRUPT; neither is ever repaired or overwritten.  (LMDB itself
 *         stops the process on a few kinds of damage to its pages.)
 *
 * At most one transaction is open.  Reads see the open transaction. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/arena.h"

enum { DB_KEY_SIZE_MAX = 128 };

enum db_table {
    DB_META,   /* names -> small records of node */
    DB_STATE,  /* the ledger's entries as of the last checkpoint */
    DB_BLOCKS, /* slot, big-endian u64 -> bft_decided */
    DB_LOG,    /* index, big-endian u64 -> audit_entry */
    DB_NODES,  /* the log's Merkle tree */
    DB_INDEX,  /* what is where in the log */
    DB_BLOBS,  /* BLAKE2b-256 -> the blob */
    DB_TABLES,
};

struct db;

struct db_ops {
    enum err (*begin)(struct db *db);
    enum err (*put)(struct db *db, enum db_table t, struct span key, struct span value);
    enum err (*del)(struct db *db, enum db_table t, struct span key);
    enum err (*commit)(struct db *db);
    void (*abort)(struct db *db);
    enum err (*get)(struct db *db, enum db_table t, struct span key, struct span *value);
    enum err (*next)(struct db *db, enum db_table t, struct span after, struct span *key,
                     struct span *value);
    enum err (*used)(struct db *db, enum db_table t, uint64_t *bytes);
    void (*close)(struct db *db);
};

/* The first member of each implementation. */
struct db {
    const struct db_ops *ops;
};

/* db_begin opens the transaction; db_commit and db_abort end it (also when
 * commit fails).  ERR_FULL: the map or the disk is full. */
static inline enum err db_begin(struct db *db)
{
    return db->ops->begin(db);
}

/* key: 1 .. DB_KEY_SIZE_MAX bytes; value may be empty, and is not one that the db
 * itself gave: that one is gone with this call.  ERR_FULL, ERR_TOO_BIG. */
static inline enum err db_put(struct db *db, enum db_table t, struct span key, struct span value)
{
    return db->ops->put(db, t, key, value);
}

/* Removing what is not there is ERR_OK. */
static inline enum err db_del(struct db *db, enum db_table t, struct span key)
{
    return db->ops->del(db, t, key);
}

static inline enum err db_commit(struct db *db)
{
    return db->ops->commit(db);
}

static inline void db_abort(struct db *db)
{
    db->ops->abort(db);
}

/* *value is borrowed until the next call.  ERR_NOT_FOUND. */
static inline enum err db_get(struct db *db, enum db_table t, struct span key, struct span *value)
{
    return db->ops->get(db, t, key, value);
}

/* The first entry with a key greater than after (empty: the first of all), in
 * memcmp order; key and value are borrowed until the next call.  ERR_NOT_FOUND
 * past the last. */
static inline enum err db_next(struct db *db, enum db_table t, struct span after, struct span *key,
                               struct span *value)
{
    return db->ops->next(db, t, after, key, value);
}

/* About how many bytes the entries of a table take. */
static inline enum err db_used(struct db *db, enum db_table t, uint64_t *bytes)
{
    return db->ops->used(db, t, bytes);
}

static inline void db_close(struct db *db)
{
    if (db != NULL)
        db->ops->close(db);
}

/* db_lmdb_open: the store in the folder path, which is there, of map_size bytes
 * at most.  store_id (the network) is written into a new store and compared with
 * an old one.  All entries are checked once, except those of DB_BLOCKS and
 * DB_BLOBS, which are checked when read.  *why: a static sentence about "it", for
 * the operator; NULL when it worked. */
enum err db_lmdb_open(struct db **out, const char *path, size_t map_size,
                      const struct hash *store_id, const char **why);

/* db_mem: a store in bytes_max bytes of memory.  Faults come by db_mem_fail_at
 * (the n-th commit from now fails with ERR_IO; 0: none).  db_mem_crash drops the
 * open transaction; what was committed stays. */
enum err db_mem_open(struct db **out, size_t bytes_max);
void db_mem_fail_at(struct db *db, uint64_t n);
void db_mem_crash(struct db *db);

#endif
