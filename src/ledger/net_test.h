/* net_test: a small network in one ledger: four validators, an owner, miners.
 * Included by tests of ledger only. */
#ifndef LEDGER_NET_TEST_H
#define LEDGER_NET_TEST_H

#include "base/prng.h"
#include "base/test.h"
#include "bft/bft.h"
#include "crypto/hash.h"
#include "epoch/epoch.h"
#include "ledger/ledger.h"
#include "ledger/state.h"
#include "registry/registry.h"

enum { TEST_VALIDATORS = 4, TEST_MINERS = 6, TEST_OWNER_UID = 9, TEST_SCRATCH = 8 << 20 };

struct net {
    struct arena memory, scratch;
    struct ledger *l;
    struct genesis genesis;
    struct valset_member members[TEST_VALIDATORS + 1];
    struct neuron neurons[TEST_VALIDATORS + TEST_MINERS + 2];
    struct hotkey validators[TEST_VALIDATORS + 1], miners[TEST_MINERS], owner, stranger;
    struct hash network, challenge;
    uint64_t nonce;
    struct ledger_result result;
    uint32_t fates_seen[64];
    uint64_t log_size;
    struct hash log_root;
    struct op_challenge_register body;
};

/* A signature is a hash that everybody can make: enough for the rules. */
static inline struct signature test_sign(const struct hotkey *key, struct span message)
{
    struct signature s;
    struct hasher h;
    hasher_open(&h, "TESTSIGN");
    hasher_add(&h, hotkey_span(key));
    hasher_add(&h, message);
    struct hash sum = hasher_close(&h);
    memcpy(s.bytes, sum.bytes, 32);
    memcpy(s.bytes + 32, sum.bytes, 32);
    return s;
}

static inline bool test_verify(void *ctx, const struct hotkey *key, struct span message,
                               const struct signature *signature)
{
    uint64_t *count = ctx;
    if (count != NULL)
        ++*count;
    struct signature s = test_sign(key, message);
    return memcmp(&s, signature, sizeof s) == 0;
}

static inline struct hotkey test_key(char kind, uint8_t number)
{
    struct hotkey k;
    memset(k.bytes, number, sizeof k.bytes);
    k.bytes[0] = (uint8_t)kind;
    return k;
}

static inline struct hash test_hash(const char *text)
{
    return hash_tagged("TESTHASH", span_of(text, strlen(text)));
}

static inline struct ledger_config test_config(const struct net *n)
{
    return (struct ledger_config){.network = n->network,
                                  .verifier = {.verify = test_verify},
                                  .entries_max = 1 << 15,
                                  .state_bytes_max = 8 << 20,
                                  .input_bytes_max = LEDGER_INPUT_BYTES_MAX};
}

static inline void net_genesis(struct net *n)
{
    for (uint8_t i = 0; i < TEST_VALIDATORS + 1; i++)
        n->validators[i] = test_key('V', i);
    for (uint8_t i = 0; i < TEST_MINERS; i++)
        n->miners[i] = test_key('M', i);
    n->owner = test_key('O', 0);
    n->stranger = test_key('S', 0);
    uint32_t c = 0; /* ascending: M.., O, V.. */
    for (uint16_t i = 0; i < TEST_MINERS; i++)
        n->neurons[c++] = (struct neuron){.hotkey = n->miners[i], .uid = (uint16_t)(20 + i)};
    n->neurons[c++] = (struct neuron){.hotkey = n->owner, .uid = TEST_OWNER_UID};
    for (uint16_t i = 0; i < TEST_VALIDATORS; i++) {
        n->neurons[c++] = (struct neuron){.hotkey = n->validators[i], .uid = i};
        n->members[i] = (struct valset_member){.hotkey = n->validators[i], .stake = 100, .uid = i};
    }
    n->genesis = (struct genesis){.netuid = 2,
                                  .neurons = n->neurons,
                                  .neurons_count = c,
                                  .valset = {.epoch = 5,
                                             .chain_block = 1000,
                                             .owner = n->owner,
                                             .members = n->members,
                                             .members_count = TEST_VALIDATORS}};
    n->network = ledger_network_id(&n->genesis);
}

static inline void net_open_with(struct net *n, uint32_t entries_max)
{
    *n = (struct net){0};
    net_genesis(n);
    struct ledger_config c = test_config(n);
    c.entries_max = entries_max;
    c.state_bytes_max = 256 * entries_max;
    assert_int_equal(arena_open(&n->memory, ledger_arena_size(&c)), ERR_OK);
    assert_int_equal(arena_open(&n->scratch, TEST_SCRATCH), ERR_OK);
    assert_int_equal(ledger_init(&n->l, &n->memory, &c), ERR_OK);
    assert_int_equal(ledger_genesis(n->l, &n->genesis), ERR_OK);
}

static inline void net_open(struct net *n)
{
    net_open_with(n, 1 << 15);
}

static inline void net_close(struct net *n)
{
    arena_close(&n->memory);
    arena_close(&n->scratch);
}

/* An encoded operation, in scratch. */
static inline struct span net_op_at(struct net *n, const struct hotkey *signer,
                                    const struct op_body *body, uint64_t nonce, uint64_t epoch,
                                    const struct hash *network)
{
    struct op op = {
        .content = {
            .network = *network, .epoch = epoch, .nonce = nonce, .signer = *signer, .body = *body}};
    struct room room = {arena_alloc(&n->scratch, 2 * OPERATION_SIZE_MAX), 2 * OPERATION_SIZE_MAX};
    struct span message;
    assert_non_null(room.ptr);
    op_signing_bytes(&op.content, room, &message);
    assert_non_null(message.ptr);
    op.signature = test_sign(signer, message);
    struct span bytes = op_encode(&op, room);
    assert_non_null(bytes.ptr);
    return bytes;
}

static inline struct span net_op(struct net *n, const struct hotkey *signer,
                                 const struct op_body *body)
{
    return net_op_at(n, signer, body, ++n->nonce, ledger_epoch(n->l), &n->network);
}

static inline struct span net_batch(struct net *n, const struct span *ops, uint32_t count)
{
    struct op_bytes *list = arena_array(&n->scratch, count, sizeof *list);
    for (uint32_t i = 0; i < count; i++)
        list[i].bytes = ops[i];
    const struct batch batch = {.ops = list, .ops_count = count};
    struct room room = {arena_alloc(&n->scratch, BFT_BATCH_SIZE_MAX), BFT_BATCH_SIZE_MAX};
    struct span payload = batch_encode(&batch, room);
    assert_non_null(payload.ptr);
    return payload;
}

/* One slot: apply, and at a segment's end the checkpoint. */
static inline void net_slot(struct net *n, struct span payload)
{
    uint64_t seq = ledger_slot(n->l) + 1;
    assert_int_equal(ledger_apply(n->l, seq, payload, &n->scratch, &n->result), ERR_OK);
    for (uint32_t i = 0; i < n->result.entry_count; i++) {
        struct hasher h; /* not RFC 6962: any function of the entries will do */
        hasher_open(&h, "TESTROOT");
        hasher_add(&h, hash_span(&n->log_root));
        hasher_add(&h, n->result.entries[i]);
        n->log_root = hasher_close(&h);
        n->log_size++;
    }
    if (seq % BFT_CHECKPOINT_INTERVAL == 0)
        ledger_checkpoint(n->l, seq, n->log_size, &n->log_root);
}

/* A slot with one operation; what became of it. */
static inline enum reject net_do(struct net *n, const struct hotkey *signer,
                                 const struct op_body *body)
{
    arena_reset(&n->scratch, 0);
    struct span op = net_op(n, signer, body);
    net_slot(n, net_batch(n, &op, 1));
    assert_int_equal(n->result.fate_count, 1);
    return n->result.fates[0].reject;
}

static inline void net_until(struct net *n, uint64_t slot)
{
    while (ledger_slot(n->l) < slot) {
        arena_reset(&n->scratch, 0);
        net_slot(n, (struct span){0});
    }
}

static inline uint32_t net_notices(const struct net *n, enum ledger_notice_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->result.notice_count; i++)
        count += n->result.notices[i].kind == kind;
    return count;
}

static inline struct op_body test_register(uint16_t share, const char *name)
{
    struct op_body b = {.tag = OP_BODY_CHALLENGE_REGISTER};
    b.challenge_register =
        (struct op_challenge_register){.name = span_of(name, strlen(name)),
                                       .version = SPAN_LITERAL("1"),
                                       .module = test_hash("module"),
                                       .module_size = 100,
                                       .share = share,
                                       .policy = {.gas = 1000,
                                                  .wall_ms = 1000,
                                                  .memory_pages = 16,
                                                  .table_elements = 10,
                                                  .stack_bytes = 1000,
                                                  .host_calls = 10,
                                                  .host_bytes = 1000,
                                                  .input_bytes = 5000,
                                                  .output_bytes = 1000,
                                                  .log_bytes = 100,
                                                  .join = POLICY_JOIN_DETERMINISTIC,
                                                  .reveal_after = 8}};
    return b;
}

static inline struct op_body test_about(enum op_body_tag tag, const struct hash *challenge,
                                        uint64_t height)
{
    struct op_body b = {.tag = tag};
    if (tag == OP_BODY_CHALLENGE_APPROVE)
        b.challenge_approve.challenge = *challenge;
    if (tag == OP_BODY_CHALLENGE_RETIRE)
        b.challenge_retire.challenge = *challenge;
    if (tag == OP_BODY_CHALLENGE_ACTIVATE)
        b.challenge_activate =
            (struct op_challenge_activate){.challenge = *challenge, .height = height};
    return b;
}

/* A challenge from registration to activity. */
static inline struct hash net_challenge(struct net *n, uint16_t share, const char *name)
{
    struct op_body b = test_register(share, name);
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    struct hash id = n->result.notices[0].id;
    b = test_about(OP_BODY_CHALLENGE_APPROVE, &id, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    b = test_about(OP_BODY_CHALLENGE_ACTIVATE, &id, 0);
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    return id;
}

static inline struct op_body test_submission(const struct hash *challenge, const char *blob)
{
    struct op_body b = {.tag = OP_BODY_SUBMISSION};
    b.submission =
        (struct op_submission){.challenge = *challenge, .blob = test_hash(blob), .size = 100};
    return b;
}

static inline struct hash net_submit(struct net *n, int miner, const struct hash *challenge,
                                     const char *blob)
{
    struct op_body b = test_submission(challenge, blob);
    assert_int_equal(net_do(n, &n->miners[miner], &b), REJECT_NONE);
    assert_int_equal(net_notices(n, LEDGER_SUBMISSION), 1);
    return n->result.fates[0].id;
}

static inline struct attestation test_attestation(const struct hash *submission, uint64_t score)
{
    struct op_body r = test_register(1, "x");
    return (struct attestation){.submission = *submission,
                                .module = test_hash("module"),
                                .policy = registry_policy_hash(&r.challenge_register.policy),
                                .engine = test_hash("engine"),
                                .input = test_hash("input"),
                                .output = test_hash(score == 1 ? "one" : "other"),
                                .score = score,
                                .gas = 77,
                                .outcome = OUTCOME_OK};
}

static inline struct op_body test_commit(const struct attestation *a, const struct hotkey *who)
{
    const uint8_t salt[32] = {1, 2, 3};
    struct op_body b = {.tag = OP_BODY_ATTEST_COMMIT};
    b.attest_commit = (struct op_attest_commit){.submission = a->submission,
                                                .commitment = epoch_commitment(a, salt, who)};
    return b;
}

static inline struct op_body test_reveal(const struct attestation *a)
{
    struct op_body b = {.tag = OP_BODY_ATTEST_REVEAL};
    b.attest_reveal = (struct op_attest_reveal){.attestation = *a, .salt = {1, 2, 3}};
    return b;
}

/* All four commit and three reveal: final. */
static inline void net_score(struct net *n, const struct hash *submission, uint64_t score)
{
    struct attestation a = test_attestation(submission, score);
    for (int i = 0; i < TEST_VALIDATORS; i++) {
        struct op_body b = test_commit(&a, &n->validators[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    assert_int_equal(net_notices(n, LEDGER_REVEAL), 1);
    for (int i = 0; i < 3; i++) {
        struct op_body b = test_reveal(&a);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
    assert_int_equal(net_notices(n, LEDGER_FINAL), 1);
}

static inline struct op_body net_weights(struct net *n)
{
    struct state_candidate c;
    struct op_body b = {.tag = OP_BODY_WEIGHTS};
    assert_true(ledger_candidate(n->l, &n->scratch, &c));
    b.weights = (struct op_weights){.epoch = ledger_epoch(n->l),
                                    .cutoff = c.cutoff,
                                    .matrix = epoch_weights_hash(&c.weights, &n->scratch)};
    return b;
}

static inline struct op_body net_seal(struct net *n)
{
    struct state_candidate c;
    struct op_body b = {.tag = OP_BODY_SEAL};
    assert_true(ledger_candidate(n->l, &n->scratch, &c));
    b.seal = (struct op_seal){.epoch = ledger_epoch(n->l),
                              .log_size = c.log_size,
                              .log_root = c.log_root,
                              .valset = bft_valset_hash(ledger_valset(n->l))};
    return b;
}

static inline struct op_body net_epoch(struct net *n)
{
    struct op_body b = {.tag = OP_BODY_EPOCH};
    b.epoch = (struct op_epoch){.next = *ledger_valset(n->l),
                                .neurons = n->neurons,
                                .neurons_count = n->genesis.neurons_count};
    b.epoch.next.epoch++;
    b.epoch.next.chain_block += 360;
    return b;
}

static inline struct state_epoch net_epoch_state(struct net *n)
{
    struct state_epoch e;
    assert_true(ledger_epoch_state(n->l, &n->scratch, &e));
    return e;
}

/* WEIGHTS, SEAL, filling, EPOCH as given. */
static inline enum reject net_end_epoch(struct net *n, const struct op_body *epoch)
{
    net_until(n, (ledger_slot(n->l) / 16 + 1) * 16); /* a fresh candidate */
    struct op_body b = net_weights(n);
    assert_int_equal(net_do(n, &n->validators[2], &b), REJECT_NONE);
    b = net_seal(n);
    assert_int_equal(net_do(n, &n->validators[1], &b), REJECT_NONE);
    net_until(n, (ledger_slot(n->l) / 16 + 1) * 16 - 1);
    return net_do(n, &n->validators[3], epoch);
}

/* The first so many validators commit to the same. */
static inline void net_commits(struct net *n, int count, const struct attestation *a)
{
    for (int i = 0; i < count; i++) {
        struct op_body b = test_commit(a, &n->validators[i]);
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    }
}

/* The same state in a ledger that has seen nothing else. */
static inline void net_reload(struct net *n)
{
    struct ledger_config c = n->l->config;
    struct arena memory;
    struct ledger *l;
    struct span key, value;
    assert_int_equal(arena_open(&memory, ledger_arena_size(&c)), ERR_OK);
    assert_int_equal(ledger_init(&l, &memory, &c), ERR_OK);
    for (uint32_t i = 0; kv_at(n->l->kv, (struct span){0}, i, &key, &value); i++)
        assert_int_equal(ledger_load(l, key, value), ERR_OK);
    assert_int_equal(ledger_loaded(l), ERR_OK);
    arena_close(&n->memory);
    n->memory = memory;
    n->l = l;
}

#endif
