/* A whole small proof: a genesis set, a handover, a log and a certificate.  The
 * signatures are keyed hashes, so that every bit can be flipped in a moment. */
#include "base/test.h"
#include "audit/audit.h"
#include "crypto/hash.h"

enum { MEMBERS = 4, ENTRIES = 6, MEMORY = 4 << 20 };

/* How a log that a quorum certified may be wrong all the same. */
struct log {
    bool foreign;          /* The submission is of another network. */
    enum reject submitted; /* What became of it. */
    bool another;          /* The score is another submission's. */
    bool unchained;        /* No entry names the one before. */
    bool robbed;           /* The score is credited to another miner. */
    bool unregistered;     /* Its challenge is none that was registered. */
    bool elsewhere;        /* It was submitted to another challenge. */
    enum reject registered;
    bool later;    /* The score is of an epoch after the certificate's. */
    bool rooted;   /* The first entry names one before it. */
    bool reformed; /* The score's entry is of another format. */
};

struct world {
    struct arena arena, scratch;
    struct genesis genesis;
    struct valset_member members[2][MEMBERS];
    struct valset next;
    struct hash network;
    struct op_challenge_register challenge;
    struct span module, input;
    struct span entries[ENTRIES];
    struct audit_tree tree;
    struct audit_node nodes[64];
    uint32_t node_count;
    struct hash path[3][AUDIT_LEVELS];
    struct audit_proof_leaf leaves[3];
    struct audit_handover handover;
    struct signature signatures[2][MEMBERS];
    struct audit_bundle bundle;
    struct audit_checks checks;
    uint32_t rescored;
    enum err rescore_answer;
    struct log log;
};

static struct span encode_room(struct world *w, size_t size, struct room *room)
{
    *room = (struct room){arena_alloc(&w->arena, size), size};
    assert_non_null(room->ptr);
    return (struct span){0};
}

#define ENCODE(w, type, value)                                                                     \
    ({                                                                                             \
        struct room room_;                                                                         \
        encode_room(w, 1 << 16, &room_);                                                           \
        struct span bytes_ = type##_encode(value, room_);                                          \
        assert_non_null(bytes_.ptr);                                                               \
        bytes_;                                                                                    \
    })

static struct hash valset_hash(const struct valset *set)
{
    uint8_t bytes[VALSET_SIZE_MAX];
    return hash_tagged("PLTFVSET", valset_encode(set, (struct room){bytes, sizeof bytes}));
}

static struct hash aux_hash(const struct bft_checkpoint_aux *aux)
{
    uint8_t bytes[BFT_CHECKPOINT_AUX_SIZE_MAX];
    return hash_tagged("PLTFCKPT",
                       bft_checkpoint_aux_encode(aux, (struct room){bytes, sizeof bytes}));
}

static struct hash network_id(const struct genesis *g)
{
    static uint8_t bytes[GENESIS_SIZE_MAX];
    return hash_tagged("PLTFNETW", genesis_encode(g, (struct room){bytes, sizeof bytes}));
}

static struct hash id_of_op(struct span op)
{
    return hash_tagged("PLTFOPID", op);
}

static struct hash id_of_challenge(const struct op_challenge_register *body, struct arena *scratch)
{
    struct room room = {arena_alloc(scratch, 1 << 16), 1 << 16};
    assert_non_null(room.ptr);
    return hash_tagged("PLTFCHAL", op_challenge_register_encode(body, room));
}

/* A stand-in for a signature: a hash over who, for which network, what. */
static struct signature sign(const struct bft_statement *st, const struct hash *network,
                             const struct hotkey *key)
{
    uint8_t bytes[BFT_STATEMENT_SIZE_MAX];
    struct span encoded = bft_statement_encode(st, (struct room){bytes, sizeof bytes});
    struct signature out;
    for (uint8_t half = 0; half < 2; half++) {
        struct hasher h;
        hasher_open(&h, half == 0 ? "TESTSIG0" : "TESTSIG1");
        hasher_add(&h, hotkey_span(key));
        hasher_add(&h, hash_span(network));
        hasher_add(&h, encoded);
        struct hash part = hasher_close(&h);
        memcpy(out.bytes + 32 * half, part.bytes, 32);
    }
    return out;
}

/* More than 2/3 of the stake, each bit a member with a right signature. */
static enum err check_cert(void *ctx, const struct bft_cert *cert, const struct valset *set,
                           const struct hash *network)
{
    (void)ctx;
    uint64_t stake = 0, total = 0;
    uint32_t at = 0;
    for (uint32_t i = 0; i < 8 * BFT_BITMAP_SIZE; i++) {
        bool has = (cert->bitmap[i / 8] >> (i % 8) & 1) != 0;
        total += i < set->members_count ? set->members[i].stake : 0;
        if (!has)
            continue;
        if (i >= set->members_count || at >= cert->signatures_count)
            return ERR_MALFORMED;
        struct signature right = sign(&cert->statement, network, &set->members[i].hotkey);
        if (memcmp(&right, &cert->signatures[at++], sizeof right) != 0)
            return ERR_BAD_SIGNATURE;
        stake += set->members[i].stake;
    }
    if (at != cert->signatures_count)
        return ERR_MALFORMED;
    return 3 * stake > 2 * total ? ERR_OK : ERR_DENIED;
}

static enum err rescore(void *ctx, const struct op_challenge_register *challenge,
                        const struct op_submission *submission, const struct audit_final *claimed,
                        uint64_t slot, uint64_t epoch, struct span module, struct span input)
{
    struct world *w = ctx;
    w->rescored++;
    assert_int_equal(challenge->module_size, module.len);
    assert_int_equal(submission->size, input.len);
    assert_int_equal(slot, 3);
    assert_int_equal(epoch, 0);
    return claimed->score == 9000 ? w->rescore_answer : ERR_CONFLICT;
}

static void make_set(struct world *w, struct valset *set, uint32_t which, uint64_t epoch)
{
    for (uint32_t i = 0; i < MEMBERS; i++) {
        w->members[which][i] = (struct valset_member){.stake = 100, .uid = (uint16_t)i};
        memset(w->members[which][i].hotkey.bytes, (int)(16 * (which + 1) + i), HOTKEY_SIZE);
    }
    *set = (struct valset){.epoch = epoch,
                           .chain_block = 100 + epoch,
                           .members_count = MEMBERS,
                           .members = w->members[which]};
}

static void append(struct world *w, uint64_t height, uint64_t epoch, const struct audit_body *body)
{
    uint64_t index = w->tree.size;
    struct audit_entry entry = {
        .format = AUDIT_FORMAT, .index = index, .height = height, .epoch = epoch, .body = *body};
    if (index > 0 && !w->log.unchained)
        entry.prev = audit_leaf_hash(w->entries[index - 1]);
    if (index == 0 && w->log.rooted)
        entry.prev.bytes[0] = 1;
    if (body->tag == AUDIT_BODY_FINAL && w->log.reformed)
        entry.format = AUDIT_FORMAT + 1;
    w->entries[index] = ENCODE(w, audit_entry, &entry);
    struct hash leaf = audit_leaf_hash(w->entries[index]);
    w->node_count += audit_tree_append(&w->tree, &leaf, w->nodes + w->node_count);
}

static struct hash append_op(struct world *w, uint64_t height, const struct op_body *body,
                             enum reject reject)
{
    struct op op = {.content = {.network = w->network, .epoch = 0, .nonce = 1, .body = *body}};
    if (w->log.foreign && body->tag == OP_BODY_SUBMISSION)
        op.content.network.bytes[0] ^= 1;
    memset(op.content.signer.bytes, 0x77, HOTKEY_SIZE);
    struct span bytes = ENCODE(w, op, &op);
    append(w, height, 0,
           &(struct audit_body){.tag = AUDIT_BODY_OP, .op = {.op = bytes, .reject = reject}});
    return id_of_op(bytes);
}

static bool get_node(void *ctx, uint32_t level, uint64_t index, struct hash *out)
{
    struct world *w = ctx;
    for (uint32_t i = 0; i < w->node_count; i++) {
        if (w->nodes[i].level != level || w->nodes[i].index != index)
            continue;
        *out = w->nodes[i].hash;
        return true;
    }
    return false;
}

static void prove(struct world *w, uint32_t leaf, uint64_t index)
{
    struct audit_nodes nodes = {get_node, w};
    w->leaves[leaf] = (struct audit_proof_leaf){.entry = w->entries[index], .path = w->path[leaf]};
    assert_int_equal(
        audit_inclusion(&nodes, index, w->tree.size, w->path[leaf], &w->leaves[leaf].path_count),
        ERR_OK);
}

/* A checkpoint signed by the members of signers, a bit each. */
static void certify(struct world *w, struct bft_checkpoint *c, uint32_t which, uint64_t epoch,
                    uint64_t seq, uint8_t signers)
{
    c->cert.statement = (struct bft_statement){
        .type = BFT_TYPE_CHECKPOINT, .epoch = epoch, .seq = seq, .aux = aux_hash(&c->aux)};
    c->cert.signatures = w->signatures[which];
    c->cert.signatures_count = 0;
    memset(c->cert.bitmap, 0, sizeof c->cert.bitmap);
    c->cert.bitmap[0] = signers;
    for (uint32_t i = 0; i < MEMBERS; i++)
        if ((signers >> i & 1) != 0)
            w->signatures[which][c->cert.signatures_count++] =
                sign(&c->cert.statement, &w->network, &w->members[which][i].hotkey);
}

static void fill_log(struct world *w)
{
    append(w, 0, 0,
           &(struct audit_body){.tag = AUDIT_BODY_GENESIS,
                                .genesis = {w->network, w->genesis.valset}});
    struct op_body body = {.tag = OP_BODY_CHALLENGE_REGISTER, .challenge_register = w->challenge};
    append_op(w, 2, &body, w->log.registered);
    struct audit_final final = {.score = 9000, .gas = 5, .outcome = OUTCOME_OK};
    final.challenge = id_of_challenge(&w->challenge, &w->arena);
    final.challenge.bytes[0] ^= w->log.unregistered;
    body = (struct op_body){.tag = OP_BODY_SUBMISSION,
                            .submission = {.challenge = final.challenge,
                                           .blob = hash_blake2b(w->input),
                                           .size = (uint32_t)w->input.len}};
    body.submission.challenge.bytes[1] ^= w->log.elsewhere;
    final.submission = append_op(w, 3, &body, w->log.submitted);
    final.submission.bytes[0] ^= w->log.another;
    memset(final.miner.bytes, w->log.robbed ? 0x78 : 0x77, HOTKEY_SIZE);
    body = (struct op_body){.tag = OP_BODY_CHALLENGE_RETIRE};
    append_op(w, 4, &body, REJECT_NOT_OWNER);
    append(w, 20, w->log.later ? 2 : 1,
           &(struct audit_body){.tag = AUDIT_BODY_FINAL, .final = final});
    append_op(w, 21, &body, REJECT_NOT_OWNER);
}

static struct world *world_open_with(struct log log)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->log = log;
    assert_int_equal(arena_open(&w->arena, MEMORY), ERR_OK);
    assert_int_equal(arena_open(&w->scratch, MEMORY), ERR_OK);
    make_set(w, &w->genesis.valset, 0, 0);
    make_set(w, &w->next, 1, 1);
    w->network = network_id(&w->genesis);
    w->module = SPAN_LITERAL("module");
    w->input = SPAN_LITERAL("the miner's bytes");
    w->challenge = (struct op_challenge_register){.name = SPAN_LITERAL("tsp"),
                                                  .version = SPAN_LITERAL("1"),
                                                  .module = hash_blake2b(w->module),
                                                  .module_size = (uint32_t)w->module.len,
                                                  .policy.join = POLICY_JOIN_DETERMINISTIC};
    fill_log(w);
    prove(w, 0, 4);
    prove(w, 1, 2);
    prove(w, 2, 1);
    w->handover.next = w->next;
    w->handover.checkpoint.aux.next_valset = valset_hash(&w->next);
    certify(w, &w->handover.checkpoint, 0, 0, 16, 0x0b);
    w->bundle = (struct audit_bundle){.format = AUDIT_FORMAT,
                                      .network = w->network,
                                      .handovers_count = 1,
                                      .handovers = &w->handover,
                                      .leaves_count = 3,
                                      .leaves = w->leaves,
                                      .module = w->module,
                                      .input = w->input};
    w->bundle.checkpoint.aux = (struct bft_checkpoint_aux){.log_size = w->tree.size,
                                                           .log_root = audit_tree_root(&w->tree)};
    certify(w, &w->bundle.checkpoint, 1, 1, 32, 0x0d);
    w->checks = (struct audit_checks){w,        check_cert, network_id,      valset_hash,
                                      aux_hash, id_of_op,   id_of_challenge, rescore};
    return w;
}

static struct world *world_open(void)
{
    return world_open_with((struct log){0});
}

static void world_close(struct world *w)
{
    arena_close(&w->arena);
    arena_close(&w->scratch);
    free(w);
}

static enum err verify_bytes(struct world *w, struct span bytes, struct audit_report *report)
{
    arena_reset(&w->scratch, 0);
    return audit_bundle_verify(bytes, &w->genesis, &w->checks, &w->scratch, report);
}

static enum err verify(struct world *w, struct audit_report *report)
{
    size_t mark = arena_mark(&w->arena);
    enum err e = verify_bytes(w, ENCODE(w, audit_bundle, &w->bundle), report);
    arena_reset(&w->arena, mark);
    return e;
}

/* No level is claimed beyond the one before the check, and nothing that only it shows. */
static void assert_no_more_than(const struct audit_report *r)
{
    static const struct {
        const char *name;
        uint32_t level;
    } checks[] = {{"format", 0},       {"network", 0},   {"entry", 0},     {"score", 0},
                  {"submission", 0},   {"challenge", 0}, {"inclusion", 1}, {"handover", 2},
                  {"certificate", 2},  {"height", 2},    {"module", 5},    {"input", 5},
                  {"score_differs", 5}};
    size_t i = 0;
    while (i < COUNT_OF(checks) && strcmp(checks[i].name, r->failed) != 0)
        i++;
    assert_true(i < COUNT_OF(checks));
    uint32_t tried = checks[i].level;
    assert_int_equal(r->failed_level, tried);
    assert_int_equal(r->is_formed, tried > 0);
    assert_int_equal(r->level, tried == 5 ? 2 : tried == 2 ? 1 : 0);
    assert_true(tried > 0 || (hash_is_zero(&r->submission) && r->height == 0));
    assert_true(tried > 1 || r->log_size == 0);
    assert_true(tried > 2 || r->members == 0);
}

static void assert_fails(struct world *w, const char *name)
{
    struct audit_report report;
    assert_int_not_equal(verify(w, &report), ERR_OK);
    assert_string_equal(report.failed, name);
    assert_no_more_than(&report);
    world_close(w);
}

static void test_no_bundle_at_all(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct audit_report r;
    const struct span files[] = {SPAN_LITERAL(""), SPAN_LITERAL("x"),
                                 SPAN_LITERAL("this is a letter and no bundle of anything")};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        assert_int_not_equal(verify_bytes(w, files[i], &r), ERR_OK);
        assert_string_equal(r.failed, "format");
        assert_no_more_than(&r);
    }
    w->bundle.format = AUDIT_FORMAT + 1;
    assert_fails(w, "format");
}

static void test_a_sound_bundle(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct audit_report r;
    assert_int_equal(verify(w, &r), ERR_OK);
    assert_true(r.is_formed);
    assert_int_equal(r.level, 5);
    assert_null(r.failed);
    assert_null(r.missing);
    assert_int_equal(w->rescored, 1);
    assert_int_equal(r.score, 9000);
    assert_int_equal(r.height, 20);
    assert_int_equal(r.epoch, 1);
    assert_int_equal(r.log_size, ENTRIES);
    assert_int_equal(r.certified_stake, 300);
    assert_int_equal(r.total_stake, 400);
    assert_int_equal(r.signers, 3);
    assert_int_equal(r.members, 4);
    struct hash root = audit_tree_root(&w->tree);
    struct hash challenge = id_of_challenge(&w->challenge, &w->arena);
    struct hotkey miner;
    memset(miner.bytes, 0x77, HOTKEY_SIZE);
    assert_true(hash_equal(&r.log_root, &root));
    assert_true(hash_equal(&r.challenge, &challenge));
    assert_true(hotkey_equal(&r.miner, &miner));
    world_close(w);
}

static void test_levels_name_what_is_missing(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct audit_report r;
    w->checks.rescore = NULL;
    assert_int_equal(verify(w, &r), ERR_OK);
    assert_int_equal(r.level, 2);
    assert_string_equal(r.missing, "engine");
    w->bundle.input = (struct span){0};
    assert_int_equal(verify(w, &r), ERR_OK);
    assert_string_equal(r.missing, "input");
    w->bundle.module = (struct span){0};
    assert_int_equal(verify(w, &r), ERR_OK);
    assert_string_equal(r.missing, "module");
    assert_int_equal(r.level, 2);
    world_close(w);
}

/* Every single bit, with all its parts and with the engine absent, when nothing
 * but the hashes protects module and input. */
static void test_every_bit_counts(void **state)
{
    (void)state;
    for (int with_engine = 0; with_engine < 2; with_engine++) {
        struct world *w = world_open();
        struct audit_report r;
        struct span bytes = ENCODE(w, audit_bundle, &w->bundle);
        uint8_t *copy = arena_alloc(&w->arena, bytes.len);
        memcpy(copy, bytes.ptr, bytes.len);
        if (with_engine == 0)
            w->checks.rescore = NULL;
        for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
            copy[bit / 8] ^= (uint8_t)(1 << (bit % 8));
            assert_int_not_equal(verify_bytes(w, span_of(copy, bytes.len), &r), ERR_OK);
            assert_no_more_than(&r);
            copy[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        }
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_not_equal(verify_bytes(w, span_of(copy, len), &r), ERR_OK);
        assert_int_equal(verify_bytes(w, bytes, &r), ERR_OK);
        world_close(w);
    }
}

/* Exactly two thirds of the stake is not more than two thirds. */
static void test_stake_must_exceed_two_thirds(void **state)
{
    (void)state;
    struct audit_report r;
    struct world *w = world_open();
    w->members[1][3].stake = 200; /* 500 in all; 0 and 3 have 300 */
    w->members[1][1].stake = 50;  /* 450: exactly two thirds */
    w->handover.checkpoint.aux.next_valset = valset_hash(&w->next);
    certify(w, &w->handover.checkpoint, 0, 0, 16, 0x0b);
    certify(w, &w->bundle.checkpoint, 1, 1, 32, 0x09);
    assert_int_equal(verify(w, &r), ERR_DENIED);
    assert_string_equal(r.failed, "certificate");
    assert_int_equal(r.level, 1);
    w->members[1][3].stake = 201;
    w->handover.checkpoint.aux.next_valset = valset_hash(&w->next);
    certify(w, &w->handover.checkpoint, 0, 0, 16, 0x0b);
    certify(w, &w->bundle.checkpoint, 1, 1, 32, 0x09);
    assert_int_equal(verify(w, &r), ERR_OK);
    assert_int_equal(r.certified_stake, 301);
    assert_int_equal(r.total_stake, 451);
    world_close(w);
}

static void test_another_network(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->genesis.netuid = 7;
    assert_fails(w, "network");
}

static void test_a_set_that_nobody_handed_over_to(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->bundle.handovers_count = 0;
    assert_fails(w, "certificate");
    w = world_open();
    w->members[1][0].stake = 1000000; /* a set of the forger's choice */
    certify(w, &w->bundle.checkpoint, 1, 1, 32, 0x0d);
    assert_fails(w, "handover");
    w = world_open();
    w->handover.next.epoch = 2;
    w->handover.checkpoint.aux.next_valset = valset_hash(&w->handover.next);
    certify(w, &w->handover.checkpoint, 0, 0, 16, 0x0b);
    assert_fails(w, "handover");
}

static void test_a_vote_that_is_no_checkpoint(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct bft_cert *cert = &w->bundle.checkpoint.cert;
    cert->statement.type = BFT_TYPE_COMMIT;
    for (uint32_t i = 0, at = 0; i < MEMBERS; i++)
        if ((0x0d >> i & 1) != 0)
            w->signatures[1][at++] = sign(&cert->statement, &w->network, &w->members[1][i].hotkey);
    assert_fails(w, "certificate");
}

static void test_leaves_that_do_not_belong(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->leaves[0].entry = w->entries[3]; /* no score first */
    assert_fails(w, "score");
    w = world_open();
    w->bundle.leaves_count = 2;
    assert_fails(w, "challenge");
    w = world_open();
    w->leaves[1] = w->leaves[2];
    w->bundle.leaves_count = 2;
    assert_fails(w, "submission");
    w = world_open();
    w->leaves[2] = w->leaves[1]; /* one entry twice */
    assert_fails(w, "entry");
    w = world_open();
    w->leaves[0].path_count--;
    assert_fails(w, "inclusion");
    w = world_open();
    w->bundle.checkpoint.aux.log_root = hash_sha256(SPAN_LITERAL("another"));
    certify(w, &w->bundle.checkpoint, 1, 1, 32, 0x0d);
    assert_fails(w, "inclusion");
}

/* A score needs the miner's own operation of this network, and one that took effect. */
static void test_an_operation_that_was_none(void **state)
{
    (void)state;
    assert_fails(world_open_with((struct log){.foreign = true}), "submission");
    assert_fails(world_open_with((struct log){.submitted = REJECT_REPLAYED}), "submission");
    assert_fails(world_open_with((struct log){.another = true}), "submission");
    assert_fails(world_open_with((struct log){.unchained = true}), "entry");
    assert_fails(world_open_with((struct log){.robbed = true}), "submission");
    assert_fails(world_open_with((struct log){.unregistered = true}), "challenge");
    assert_fails(world_open_with((struct log){.elsewhere = true}), "challenge");
    assert_fails(world_open_with((struct log){.registered = REJECT_NOT_OWNER}), "challenge");
    assert_fails(world_open_with((struct log){.later = true}), "height");
    assert_fails(world_open_with((struct log){.reformed = true}), "entry");
    struct world *w = world_open_with((struct log){.rooted = true});
    prove(w, 2, 0);
    assert_fails(w, "entry");
    w = world_open_with((struct log){.unchained = true});
    prove(w, 1, 5); /* The one behind the score; the other two are no neighbours. */
    assert_fails(w, "entry");
}

/* The set of one epoch certifies nothing of another. */
static void test_a_checkpoint_of_another_epoch(void **state)
{
    (void)state;
    struct world *w = world_open();
    certify(w, &w->bundle.checkpoint, 1, 0, 32, 0x0d);
    assert_fails(w, "certificate");
    w = world_open();
    certify(w, &w->bundle.checkpoint, 1, 2, 32, 0x0d);
    assert_fails(w, "certificate");
}

/* A certificate older than the entry cannot speak for it. */
static void test_an_entry_from_after_the_checkpoint(void **state)
{
    (void)state;
    struct world *w = world_open();
    certify(w, &w->bundle.checkpoint, 1, 1, 19, 0x0d);
    assert_fails(w, "height");
    struct audit_report r;
    w = world_open();
    certify(w, &w->bundle.checkpoint, 1, 1, 20, 0x0d);
    assert_int_equal(verify(w, &r), ERR_OK);
    world_close(w);
    w = world_open(); /* Nor may it be as old as the handover to its own set. */
    certify(w, &w->bundle.checkpoint, 1, 1, 16, 0x0d);
    assert_fails(w, "certificate");
}

static void test_enclosed_bytes_must_be_those_of_the_log(void **state)
{
    (void)state;
    struct world *w = world_open();
    w->bundle.module = SPAN_LITERAL("mod2le");
    assert_fails(w, "module");
    w = world_open();
    w->bundle.input = SPAN_LITERAL("the miner's bytez");
    assert_fails(w, "input");
    w = world_open();
    w->bundle.input = SPAN_LITERAL("the miner's bytes and more");
    assert_fails(w, "input");
    w = world_open();
    w->rescore_answer = ERR_CONFLICT;
    assert_fails(w, "score_differs");
}

static void test_small_memory_is_no_crash(void **state)
{
    (void)state;
    struct world *w = world_open();
    struct span bytes = ENCODE(w, audit_bundle, &w->bundle);
    bool done = false;
    for (size_t size = 0; size < 16384; size += 16) {
        struct arena small;
        struct audit_report r;
        arena_init(&small, (struct room){w->scratch.memory,
                                         size < 8192 ? size : size + AUDIT_SCRATCH_SIZE});
        enum err e = audit_bundle_verify(bytes, &w->genesis, &w->checks, &small, &r);
        assert_true(e == ERR_OK || r.failed != NULL);
        if (size < 8192)
            assert_int_equal(e, ERR_NO_MEMORY);
        done = done || e == ERR_OK;
    }
    assert_true(done);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_a_sound_bundle),
        cmocka_unit_test(test_no_bundle_at_all),
        cmocka_unit_test(test_levels_name_what_is_missing),
        cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_stake_must_exceed_two_thirds),
        cmocka_unit_test(test_another_network),
        cmocka_unit_test(test_a_set_that_nobody_handed_over_to),
        cmocka_unit_test(test_a_vote_that_is_no_checkpoint),
        cmocka_unit_test(test_leaves_that_do_not_belong),
        cmocka_unit_test(test_an_operation_that_was_none),
        cmocka_unit_test(test_a_checkpoint_of_another_epoch),
        cmocka_unit_test(test_an_entry_from_after_the_checkpoint),
        cmocka_unit_test(test_enclosed_bytes_must_be_those_of_the_log),
        cmocka_unit_test(test_small_memory_is_no_crash),
    };
    return cmocka_run_group_tests_name("audit_bundle", all, NULL, NULL);
}
