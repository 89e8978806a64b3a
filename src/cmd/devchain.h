/* devchain: a development chain that a Substrate client takes for a small
 * subtensor: one subnet, real signatures, real checks, blocks on a disk.
 *
 * Layer: L6.  Everything but the socket (devchain_server) and the clock: those
 * come as arguments, so tests drive it without either.  Threads: one.
 *
 *   DC-1  What it answers is computed from the storage rows that it serves: there
 *         is one state, in the keys and encodings of spec 293's metadata.
 *   DC-2  An extrinsic changes the state only after its signature, nonce, era,
 *         genesis and fee held; one that fails leaves its nonce and an event.
 *   DC-3  A block that was announced is on the disk.
 *   DC-4  Finalized blocks are final: there are no forks here.
 *
 * Known differences from a real node: roots in headers are plain hashes over the
 * block's writes, there are no storage proofs, no emission and no Yuma scores;
 * calls outside the served ones are refused by the pool.  docs/chain.md. */
#ifndef CMD_DEVCHAIN_H
#define CMD_DEVCHAIN_H

#include "chain/extrinsic.h"
#include "cmd/devchain_db.h"

enum {
    DEVCHAIN_SPEC_VERSION = 293,
    DEVCHAIN_TX_VERSION = 1,
    DEVCHAIN_NEURONS_MAX = 1024,
    DEVCHAIN_POOL_MAX = 256,
    DEVCHAIN_EXTRINSIC_MAX = 64 << 10,
    DEVCHAIN_BLOCK_EXTRINSICS_MAX = 128,
    DEVCHAIN_EVENTS_MAX = 256 << 10,
    DEVCHAIN_COMMITS_MAX = 10,
    DEVCHAIN_NOMINAL_WEIGHT = 1000000, /* of every call: nothing is limited by it */
};

struct devchain_config {
    const char *dir;     /* exists */
    const char *genesis; /* a JSON file of storage pairs, or NULL: made from what follows */
    uint16_t netuid;
    uint16_t tempo;
    uint32_t validators, miners;
    uint64_t stake_tao;       /* of each validator */
    uint64_t stake_threshold; /* in rao */
    uint64_t rate_limit;      /* blocks between weights */
    uint64_t version_key;
    bool commit_reveal;
    uint32_t finality_lag; /* blocks between the head and the finalized one */
    bool no_sync;          /* tests and simulations: DC-3 holds for this process only */
    bool volatile_store;   /* nothing is flushed: for the simulator */
};

void devchain_config_default(struct devchain_config *c);

struct pooled {
    struct span bytes;
    struct hash hash;
    struct hotkey signer;
    uint64_t nonce;
};

/* The event record of the block under construction. */
struct dev_events {
    struct wr w;
    uint32_t count;
    uint32_t extrinsic; /* of the phase; UINT32_MAX: initialization */
};

struct devchain {
    struct devchain_config config;
    struct devdb db;
    struct arena arena;   /* for good */
    struct arena scratch; /* one request, one block */
    struct metadata metadata;
    struct span metadata_bytes;
    struct hash genesis;
    uint64_t head;
    struct hash head_hash;
    uint64_t at; /* the block that reads and writes are for */
    struct dev_events events;
    struct hasher *changes; /* over the writes of the block under construction */
    uint32_t pool_count;
    struct pooled pool[DEVCHAIN_POOL_MAX];
    struct room pool_memory[DEVCHAIN_POOL_MAX];
};

/* devchain_open: the store in config->dir, made from the genesis when it is new.
 * ERR_FOREIGN: it was made from another genesis; ERR_MALFORMED: the genesis
 * file; ERR_IO. */
enum err devchain_open(struct devchain *d, const struct devchain_config *config);
void devchain_close(struct devchain *d);

uint64_t devchain_finalized(const struct devchain *d);

/* devchain_seal makes the next block; its number is d->head afterwards. */
enum err devchain_seal(struct devchain *d, uint64_t now_ms);

/* Why an extrinsic is not valid, in the words of a node. */
struct invalid {
    int code;         /* of JSON-RPC */
    const char *text; /* its data */
};

/* devchain_validate: at the state after block d->at - 1, with a transaction
 * open.  ERR_DENIED: *why says so.  future: its nonce is not yet due. */
enum err devchain_validate(struct devchain *d, struct span bytes, struct extrinsic *x, bool *future,
                           struct invalid *why);

/* devchain_submit takes an extrinsic into the pool. */
enum err devchain_submit(struct devchain *d, struct span bytes, struct hash *hash,
                         struct invalid *why);

#endif
