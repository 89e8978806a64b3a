/* audit: the network log as a Merkle tree, and the file that proves a score.
 *
 * Layer: L2, pure.  Threads: any.  Memory: the caller's.
 *
 * Hashing is RFC 6962: leaf = SHA-256(0 | entry), node = SHA-256(1 | left |
 * right).  The tree itself is a value: its size and the roots of its complete
 * subtrees; everything older lives where the caller stores the nodes that each
 * append completes.
 *
 *   AUDIT-1  The root at a size is a function of the first size entries.
 *   AUDIT-2  A verifier accepts nothing that it did not hash or check itself;
 *            a bundle in which any bit is changed is refused.
 *   AUDIT-3  Stake arithmetic is in integers; exactly 2/3 is not enough. */
#ifndef AUDIT_AUDIT_H
#define AUDIT_AUDIT_H

#include "base/arena.h"
#include "audit_msg.h"
#include "bft_msg.h"
#include "ledger_msg.h"

enum {
    AUDIT_LEVELS = 64,
    AUDIT_FORMAT = 1,
    AUDIT_SCRATCH_SIZE = 128 << 10, /* what challenge_id finds in its scratch at least */
};

struct audit_tree {
    uint64_t size;
    struct hash peaks[AUDIT_LEVELS]; /* peaks[i] is used when bit i of size is set */
};

/* A complete subtree: the 2^level leaves from index * 2^level on. */
struct audit_node {
    uint32_t level;
    uint64_t index;
    struct hash hash;
};

struct hash audit_leaf_hash(struct span entry);
/* Adds a leaf; nodes gets every subtree that this completes, the leaf first. */
uint32_t audit_tree_append(struct audit_tree *t, const struct hash *leaf,
                           struct audit_node nodes[AUDIT_LEVELS]);
struct hash audit_tree_root(const struct audit_tree *t);

/* Where the caller keeps nodes; false: it has not got it. */
struct audit_nodes {
    bool (*get)(void *ctx, uint32_t level, uint64_t index, struct hash *out);
    void *ctx;
};

/* A proof for the tree of size leaves, at most AUDIT_LEVELS hashes.
 * ERR_NOT_FOUND: a node is missing; ERR_DENIED: no such leaf or size. */
enum err audit_inclusion(const struct audit_nodes *nodes, uint64_t index, uint64_t size,
                         struct hash path[AUDIT_LEVELS], uint32_t *count);
enum err audit_consistency(const struct audit_nodes *nodes, uint64_t old_size, uint64_t size,
                           struct hash path[AUDIT_LEVELS], uint32_t *count);
bool audit_inclusion_check(const struct hash *leaf, uint64_t index, uint64_t size,
                           const struct hash *path, uint32_t count, const struct hash *root);
bool audit_consistency_check(uint64_t old_size, const struct hash *old_root, uint64_t size,
                             const struct hash *root, const struct hash *path, uint32_t count);

/* What the verifier needs from modules it may not include (audit is L2). */
struct audit_checks {
    void *ctx;
    enum err (*cert)(void *ctx, const struct bft_cert *cert, const struct valset *set,
                     const struct hash *network);
    struct hash (*network_id)(const struct genesis *g);
    struct hash (*valset_hash)(const struct valset *set);
    struct hash (*aux_hash)(const struct bft_checkpoint_aux *aux);
    struct hash (*op_id)(struct span op);
    struct hash (*challenge_id)(const struct op_challenge_register *body, struct arena *scratch);
    /* Runs the challenge again (L5); NULL: not here.  slot and epoch are where
     * the submission was decided. */
    enum err (*rescore)(void *ctx, const struct op_challenge_register *challenge,
                        const struct op_submission *submission, const struct audit_final *claimed,
                        uint64_t slot, uint64_t epoch, struct span module, struct span input);
};

/* What a bundle proved, level by level (docs/audit.md).  What a level shows is
 * zero until that level is reached. */
struct audit_report {
    bool is_formed;        /* level 0 holds; false: no level does */
    uint32_t level;        /* 0: entries; 1: in a tree; 2: certified; 5: recomputed */
    const char *failed;    /* the first check that failed, as a stable name; NULL: none */
    uint32_t failed_level; /* the level that the check belongs to */
    const char *missing;   /* what the next level would need */
    struct hash submission, challenge;
    struct hotkey miner;
    uint64_t score, epoch, height, log_size, certified_stake, total_stake;
    uint32_t signers, members;
    struct hash log_root;
};

/* audit_bundle_verify: no network, no store.  leaves[0] is the audit_final entry
 * of the score; the others are the submission and the challenge's registration.
 * ERR_OK with report->level, or the reason with report->failed. */
enum err audit_bundle_verify(struct span bundle, const struct genesis *genesis,
                             const struct audit_checks *checks, struct arena *arena,
                             struct audit_report *report);

#endif
