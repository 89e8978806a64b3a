/* devchain_db: the development chain's disk: state by block, and blocks.
 *
 * Layer: L6, inside devchain.  One LMDB environment; one transaction at a time,
 * of which a nested one may be dropped alone.
 *
 *   DB-1  A value written at block n is what reads at n and later blocks see,
 *         until it is written again: any older state stays readable.
 *   DB-2  What devdb_commit returned ERR_OK for is on the disk.
 *
 * Reads copy into the arena that they are given. */
#ifndef CMD_DEVCHAIN_DB_H
#define CMD_DEVCHAIN_DB_H

#include "base/arena.h"
#include "chain/storage.h"

enum { DEVDB_MAP_SIZE_GIB = 8 };

struct devdb {
    struct MDB_env *env;
    struct MDB_txn *outer;
    struct MDB_txn *txn; /* the one in use: outer, or nested in it */
    unsigned state, blocks, hashes, meta;
};

/* devdb_open: dir exists; volatile_store: DB-2 does not hold.  ERR_IO. */
enum err devdb_open(struct devdb *db, const char *dir, bool volatile_store);
void devdb_close(struct devdb *db); /* A zeroed one is fine. */

enum err devdb_begin(struct devdb *db, bool write);
enum err devdb_commit(struct devdb *db);
void devdb_abort(struct devdb *db); /* Without a transaction: nothing. */

/* A nested transaction, for what may fail as a whole. */
enum err devdb_nest(struct devdb *db);
enum err devdb_unnest(struct devdb *db, bool keep);

/* devdb_get: ERR_NOT_FOUND: there is no value at that block. */
enum err devdb_get(struct devdb *db, uint64_t block, struct span key, struct arena *arena,
                   struct span *value);
/* devdb_put: an empty value is a value; value.ptr NULL removes. */
enum err devdb_put(struct devdb *db, uint64_t block, struct span key, struct span value);
/* devdb_next: the first key behind after that begins with prefix and has a value
 * at block.  ERR_NOT_FOUND: there is none. */
enum err devdb_next(struct devdb *db, uint64_t block, struct span prefix, struct span after,
                    struct storage_key *key);

struct devblock {
    struct hash hash;
    struct span header;     /* SCALE */
    struct span extrinsics; /* SCALE, Vec of opaque bytes */
};

enum err devdb_put_block(struct devdb *db, uint64_t number, const struct devblock *b);
enum err devdb_get_block(struct devdb *db, uint64_t number, struct arena *arena,
                         struct devblock *b);
enum err devdb_find_block(struct devdb *db, const struct hash *hash, uint64_t *number);

/* Single values by a short name. */
enum err devdb_put_meta(struct devdb *db, const char *name, struct span value);
enum err devdb_get_meta(struct devdb *db, const char *name, struct arena *arena,
                        struct span *value);

#endif
