/* audit: durable leaves a second through the store, and the time to verify a
 * bundle of a network of 100 validators, with one handover, by real signatures.
 * The store is made in the current folder, whose disk is what is measured. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "audit/audit.h"
#include "bft/bft.h"
#include "crypto/hash.h"
#include "crypto/sr25519.h"
#include "ledger/ledger.h"
#include "registry/registry.h"
#include "store/db.h"

enum {
    BATCH = 256,
    BATCHES = 200,
    ENTRY_SIZE = 400, /* a submission with its signature has about so many bytes */
    MEMBERS = 100,
    QUORUM = 67,
    RUNS = 21,
    LEAVES = 1000,
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void must(enum err e)
{
    if (e == ERR_OK)
        return;
    fprintf(stderr, "audit: %s\n", err_text(e));
    exit(1);
}

static struct span key_of(uint8_t memory[9], uint8_t first, uint64_t number)
{
    memory[0] = first;
    for (int i = 0; i < 8; i++)
        memory[1 + i] = (uint8_t)(number >> (56 - 8 * i));
    return span_of(memory, 9);
}

/* --- append */

static void append_batch(struct db *db, struct audit_tree *tree, uint8_t entry[ENTRY_SIZE])
{
    must(db_begin(db));
    for (uint32_t i = 0; i < BATCH; i++) {
        struct audit_node nodes[AUDIT_LEVELS];
        uint8_t key[9];
        memcpy(entry, &tree->size, sizeof tree->size);
        struct span bytes = span_of(entry, ENTRY_SIZE);
        struct hash leaf = audit_leaf_hash(bytes);
        must(db_put(db, DB_LOG, key_of(key, 'e', tree->size), bytes));
        uint32_t count = audit_tree_append(tree, &leaf, nodes);
        for (uint32_t k = 0; k < count; k++)
            must(db_put(db, DB_NODES, key_of(key, (uint8_t)nodes[k].level, nodes[k].index),
                        hash_span(&nodes[k].hash)));
    }
    must(db_commit(db));
}

static void bench_append(void)
{
    char folder[] = "bench-audit-XXXXXX", path[64];
    struct hash network = {{1}};
    struct audit_tree tree = {0};
    uint8_t entry[ENTRY_SIZE] = {0};
    struct db *db;
    const char *why;
    if (mkdtemp(folder) == NULL)
        must(ERR_IO);
    must(db_lmdb_open(&db, folder, (size_t)1 << 30, &network, &why));
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < BATCHES; i++)
        append_batch(db, &tree, entry);
    uint64_t took = now_ns() - start;
    db_close(db);
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    for (uint32_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
    printf("audit append %llu leaves/s\n",
           (unsigned long long)(BATCH * BATCHES * (uint64_t)1000000000 / took));
}

/* --- verify_bundle */

struct network {
    struct arena arena;
    struct sr25519_keypair *keys[MEMBERS];
    struct valset_member members[MEMBERS];
    struct genesis genesis;
    struct valset next;
    struct hash id;
    struct verifier verifier;
    struct audit_tree tree;
    struct audit_node *nodes;
    uint32_t node_count;
};

static struct span encode(struct network *n, const struct audit_entry *e)
{
    struct room room = {arena_alloc(&n->arena, AUDIT_ENTRY_SIZE_MAX), AUDIT_ENTRY_SIZE_MAX};
    return audit_entry_encode(e, room);
}

static int by_hotkey(const void *a, const void *b)
{
    const struct sr25519_keypair *const *x = a, *const *y = b;
    return memcmp(sr25519_public(*x), sr25519_public(*y), HOTKEY_SIZE);
}

static bool verify(void *ctx, const struct hotkey *key, struct span message,
                   const struct signature *signature)
{
    (void)ctx; /* A stranger has nothing prepared. */
    return sr25519_verify(key, message, signature);
}

static void network_open(struct network *n)
{
    must(arena_open(&n->arena, 64 << 20));
    for (uint8_t i = 0; i < MEMBERS; i++) {
        uint8_t seed[SR25519_SEED_SIZE] = {1, i};
        must(sr25519_from_seed(span_of(seed, sizeof seed), &n->keys[i]));
    }
    qsort(n->keys, MEMBERS, sizeof n->keys[0], by_hotkey);
    for (uint16_t i = 0; i < MEMBERS; i++)
        n->members[i] =
            (struct valset_member){.hotkey = *sr25519_public(n->keys[i]), .stake = 1000, .uid = i};
    n->genesis.valset = (struct valset){.members_count = MEMBERS, .members = n->members};
    n->next = n->genesis.valset;
    n->next.epoch = 1;
    n->id = ledger_network_id(&n->genesis);
    n->verifier = (struct verifier){verify, NULL};
    n->nodes = arena_array(&n->arena, 2 * LEAVES, sizeof *n->nodes);
}

static void certify(struct network *n, struct bft_checkpoint *c, const struct valset *set,
                    uint64_t seq)
{
    uint8_t bytes[BFT_STATEMENT_SIZE];
    static const uint8_t entropy[SR25519_ENTROPY_SIZE] = {3};
    struct hash valset = bft_valset_hash(set);
    struct signature *list = arena_array(&n->arena, QUORUM, sizeof *list);
    c->cert = (struct bft_cert){.statement = {.type = BFT_TYPE_CHECKPOINT,
                                              .epoch = set->epoch,
                                              .seq = seq,
                                              .aux = bft_aux_hash(&c->aux)},
                                .signatures = list,
                                .signatures_count = QUORUM};
    bft_statement_bytes(&c->cert.statement, &n->id, &valset, bytes);
    for (uint32_t i = 0; i < QUORUM; i++) {
        c->cert.bitmap[i / 8] |= (uint8_t)(1 << (i % 8));
        sr25519_sign(n->keys[i], span_of(bytes, sizeof bytes), entropy, &list[i]);
    }
}

static struct span append(struct network *n, const struct audit_body *body)
{
    struct audit_entry entry = {
        .format = AUDIT_FORMAT, .index = n->tree.size, .height = 3, .body = *body};
    entry.prev.bytes[0] = 1; /* nothing here has a neighbour in the bundle */
    struct span bytes = encode(n, &entry);
    struct hash leaf = audit_leaf_hash(bytes);
    n->node_count += audit_tree_append(&n->tree, &leaf, n->nodes + n->node_count);
    return bytes;
}

static struct span append_op(struct network *n, const struct op_body *body, struct hash *id)
{
    struct op op = {.content = {.network = n->id, .nonce = 1, .body = *body}};
    struct room room = {arena_alloc(&n->arena, OPERATION_SIZE_MAX), OPERATION_SIZE_MAX};
    struct span bytes = op_encode(&op, room);
    *id = op_id(bytes);
    return append(n, &(struct audit_body){.tag = AUDIT_BODY_OP, .op = {.op = bytes}});
}

static void fill(struct network *n, uint32_t count)
{
    struct op_body body = {.tag = OP_BODY_CHALLENGE_RETIRE};
    struct hash id;
    for (uint32_t i = 0; i < count; i++) {
        size_t mark = arena_mark(&n->arena);
        append_op(n, &body, &id);
        arena_reset(&n->arena, mark);
    }
}

static bool get_node(void *ctx, uint32_t level, uint64_t index, struct hash *out)
{
    const struct network *n = ctx;
    for (uint32_t i = 0; i < n->node_count; i++) {
        if (n->nodes[i].level != level || n->nodes[i].index != index)
            continue;
        *out = n->nodes[i].hash;
        return true;
    }
    return false;
}

/* A score's three leaves, spread over a log of LEAVES. */
static void prove(struct network *n, struct audit_proof_leaf leaves[3])
{
    struct op_body body = {.tag = OP_BODY_CHALLENGE_REGISTER,
                           .challenge_register = {.policy.join = POLICY_JOIN_DETERMINISTIC}};
    struct hash id;
    struct audit_final final = {.score = SCORE_ONE,
                                .outcome = OUTCOME_OK,
                                .challenge =
                                    registry_challenge_id(&body.challenge_register, &n->arena)};
    uint64_t at[3];
    fill(n, 1); /* the genesis entry has no place in a bundle */
    at[2] = n->tree.size;
    leaves[2].entry = append_op(n, &body, &id);
    fill(n, LEAVES / 3);
    body = (struct op_body){.tag = OP_BODY_SUBMISSION,
                            .submission = {.challenge = final.challenge, .size = 1}};
    at[1] = n->tree.size;
    leaves[1].entry = append_op(n, &body, &final.submission);
    fill(n, LEAVES / 3);
    at[0] = n->tree.size;
    leaves[0].entry = append(n, &(struct audit_body){.tag = AUDIT_BODY_FINAL, .final = final});
    fill(n, LEAVES / 4);
    struct audit_nodes nodes = {get_node, n};
    for (uint32_t i = 0; i < 3; i++) {
        struct hash *path = arena_array(&n->arena, AUDIT_LEVELS, sizeof *path);
        must(audit_inclusion(&nodes, at[i], n->tree.size, path, &leaves[i].path_count));
        leaves[i].path = path;
    }
}

static enum err check_cert(void *ctx, const struct bft_cert *cert, const struct valset *set,
                           const struct hash *network)
{
    const struct network *n = ctx;
    struct bft_set ready;
    enum err e = bft_set_init(&ready, set);
    return e == ERR_OK ? bft_cert_check(cert, &ready, network, &n->verifier) : e;
}

static struct span make_bundle(struct network *n)
{
    struct audit_proof_leaf leaves[3];
    prove(n, leaves);
    struct audit_handover handover = {.next = n->next};
    handover.checkpoint.aux.next_valset = bft_valset_hash(&n->next);
    certify(n, &handover.checkpoint, &n->genesis.valset, 16);
    struct audit_bundle bundle = {.format = AUDIT_FORMAT,
                                  .network = n->id,
                                  .handovers_count = 1,
                                  .handovers = &handover,
                                  .leaves_count = 3,
                                  .leaves = leaves};
    bundle.checkpoint.aux.log_size = n->tree.size;
    bundle.checkpoint.aux.log_root = audit_tree_root(&n->tree);
    certify(n, &bundle.checkpoint, &n->next, 32);
    struct room room = {arena_alloc(&n->arena, 1 << 20), 1 << 20};
    return audit_bundle_encode(&bundle, room);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void bench_verify(void)
{
    static struct network n;
    uint64_t took[RUNS];
    network_open(&n);
    struct span bytes = make_bundle(&n);
    const struct audit_checks checks = {.ctx = &n,
                                        .cert = check_cert,
                                        .network_id = ledger_network_id,
                                        .valset_hash = bft_valset_hash,
                                        .aux_hash = bft_aux_hash,
                                        .op_id = op_id,
                                        .challenge_id = registry_challenge_id};
    for (uint32_t i = 0; i < RUNS; i++) {
        struct audit_report report;
        size_t mark = arena_mark(&n.arena);
        uint64_t start = now_ns();
        must(audit_bundle_verify(bytes, &n.genesis, &checks, &n.arena, &report));
        took[i] = now_ns() - start;
        arena_reset(&n.arena, mark);
        assert(report.level == 2 && report.signers == QUORUM);
    }
    qsort(took, RUNS, sizeof took[0], compare);
    uint64_t us = took[RUNS / 2] / 1000;
    printf("audit verify_bundle %llu.%02llu ms\n", (unsigned long long)(us / 1000),
           (unsigned long long)(us % 1000 / 10));
    for (uint32_t i = 0; i < MEMBERS; i++)
        sr25519_close(n.keys[i]);
    arena_close(&n.arena);
}

int main(void)
{
    bench_append();
    bench_verify();
    return 0;
}
