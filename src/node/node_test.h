/* node_test: one node, and a world that only writes down what the node asks of
 * it.  Included by tests of node only; what needs a network is in sim. */
#ifndef NODE_NODE_TEST_H
#define NODE_NODE_TEST_H

#include "base/test.h"
#include "crypto/hash.h"
#include "node/internal.h"
#include "sandbox/sandbox.h"

enum { VALIDATORS = 4, SENT_MAX = 64 };

struct bench {
    struct node *node;
    struct db *db;
    struct genesis genesis;
    struct valset_member members[VALIDATORS];
    struct neuron neurons[VALIDATORS];
    uint8_t genesis_bytes[4096];
    struct span encoded;
    struct hash network;
    struct peer_id peer;
    uint32_t disconnects, sent_count, published, published_ops, bindings;
    uint64_t flush_ticket;
    uint32_t appends;
    bool disk_fails;
    uint64_t binding_token; /* of the request to sign our binding */
    uint64_t vote_token;    /* of the last one for a vote */
    uint32_t op_requests;
    struct signer_request op; /* the last operation to sign */
    uint32_t evaluations;
    struct sandbox_job job; /* the last one */
    uint64_t job_token;
    uint32_t job_wall_ms;
    uint64_t judged;
    enum p2p_verdict verdict;
    struct blob_frame sent; /* the last one on P2P_BLOB */
    struct peer_id sent_to;
    struct arena arena;
    uint64_t now_ms;
};

/* --- the world */

static inline bool on_send(void *net, const struct peer_id *to, enum p2p_protocol protocol,
                           struct span frame)
{
    struct bench *b = net;
    struct net_frame f;
    if (protocol != P2P_BLOB) {
        assert_int_equal(net_frame_decode(frame, &b->arena, &f), ERR_OK);
        b->bindings += f.tag == NET_FRAME_BINDING;
        return true;
    }
    assert_int_equal(blob_frame_decode(arena_copy(&b->arena, frame), &b->arena, &b->sent), ERR_OK);
    b->sent_to = *to;
    b->sent_count++;
    return true;
}

static inline void on_publish(void *net, struct span data)
{
    struct bench *b = net;
    struct net_gossip g;
    assert_int_equal(net_gossip_decode(data, &b->arena, &g), ERR_OK);
    assert_int_equal(g.tag, NET_GOSSIP_OPS);
    b->published++;
    b->published_ops += g.ops.ops_count;
}

static inline void on_validate(void *net, uint64_t message, enum p2p_verdict verdict)
{
    struct bench *b = net;
    b->judged = message;
    b->verdict = verdict;
}

static inline void on_disconnect(void *net, const struct peer_id *peer, const char *why)
{
    struct bench *b = net;
    (void)peer;
    assert_non_null(why);
    b->disconnects++;
}

static inline void on_bytes(void *ctx, struct span bytes)
{
    (void)ctx;
    (void)bytes;
}

static inline bool on_append(void *ctx, struct span record)
{
    struct bench *b = ctx;
    (void)record;
    b->appends++;
    return !b->disk_fails;
}

static inline bool on_rotate(void *ctx)
{
    return !((struct bench *)ctx)->disk_fails;
}

static inline void on_sign(void *ctx, struct span bytes)
{
    struct bench *b = ctx;
    struct signer_request r;
    assert_int_equal(signer_request_decode(bytes, &b->arena, &r), ERR_OK);
    if (r.body.tag == SIGNER_REQUEST_BODY_BINDING)
        b->binding_token = r.token;
    if (r.body.tag == SIGNER_REQUEST_BODY_BFT)
        b->vote_token = r.token;
    if (r.body.tag != SIGNER_REQUEST_BODY_OP)
        return;
    b->op_requests++;
    struct span kept = arena_copy(&b->arena, bytes);
    assert_int_equal(signer_request_decode(kept, &b->arena, &b->op), ERR_OK);
}

static inline void on_flush(void *ctx, uint64_t ticket)
{
    ((struct bench *)ctx)->flush_ticket = ticket;
}

static inline void on_nothing(void *ctx)
{
    (void)ctx;
}

static inline void on_evaluate(void *ctx, uint64_t token, struct span job, uint32_t wall_ms)
{
    struct bench *b = ctx;
    b->evaluations++;
    b->job_token = token;
    b->job_wall_ms = wall_ms;
    assert_int_equal(sandbox_job_decode(arena_copy(&b->arena, job), &b->arena, &b->job), ERR_OK);
}

static inline void on_open(void *ctx, uint32_t endpoint)
{
    (void)ctx;
    (void)endpoint;
}

/* --- a network of four keys */

static inline struct hotkey key(uint8_t number)
{
    struct hotkey k;
    memset(k.bytes, number + 1, sizeof k.bytes);
    return k;
}

static inline struct signature sign(const struct hotkey *by, struct span message)
{
    struct signature s;
    struct hasher h;
    hasher_open(&h, "TESTSIGN");
    hasher_add(&h, hotkey_span(by));
    hasher_add(&h, message);
    struct hash sum = hasher_close(&h);
    memcpy(s.bytes, sum.bytes, 32);
    memcpy(s.bytes + 32, sum.bytes, 32);
    return s;
}

static inline bool check(void *ctx, const struct hotkey *by, struct span message,
                         const struct signature *signature)
{
    (void)ctx;
    struct signature want = sign(by, message);
    return memcmp(&want, signature, sizeof want) == 0;
}

static inline enum err start(struct bench *b)
{
    struct node_config c = {.genesis = b->encoded,
                            .self = key(0),
                            .peer = {.len = 2, .bytes = {1, 1}},
                            .seed = 7,
                            .verifier = {.verify = check},
                            .db = b->db,
                            .chain_endpoints = 1,
                            .view_timeout_ms = 1000,
                            .status_ms = 500,
                            .evaluation_slots = 1,
                            .stake_min_rao = 1,
                            .mempool_ops = 128,
                            .mempool_bytes = 1 << 20,
                            .state_entries_max = LEDGER_ENTRIES_MIN,
                            .state_bytes_max = LEDGER_BYTES_MIN,
                            .input_bytes_max = LEDGER_INPUT_BYTES_MAX,
                            .blob_bytes_max = 1 << 20};
    struct world w = {.ctx = b,
                      .net = b,
                      .send = on_send,
                      .publish = on_publish,
                      .validate = on_validate,
                      .disconnect = on_disconnect,
                      .append = on_append,
                      .flush = on_flush,
                      .rotate = on_rotate,
                      .drop_old = on_nothing,
                      .sign = on_sign,
                      .evaluate = on_evaluate,
                      .chain_open = on_open,
                      .chain_send = on_bytes,
                      .chain_close = on_nothing};
    enum err e = node_open(&b->node, &c, &w, b->now_ms);
    if (e == ERR_OK)
        node_start(b->node, b->now_ms);
    return e;
}

static inline int open_bench(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    for (uint8_t i = 0; i < VALIDATORS; i++) {
        b->members[i] = (struct valset_member){.hotkey = key(i), .stake = 100, .uid = i};
        b->neurons[i] = (struct neuron){.hotkey = key(i), .uid = i};
    }
    b->genesis = (struct genesis){.netuid = 2,
                                  .valset = {.epoch = 5,
                                             .chain_hash = {{1}}, /* so that another leads */
                                             .members = b->members,
                                             .members_count = VALIDATORS,
                                             .owner = key(9)},
                                  .neurons = b->neurons,
                                  .neurons_count = VALIDATORS};
    b->encoded =
        genesis_encode(&b->genesis, (struct room){b->genesis_bytes, sizeof b->genesis_bytes});
    b->network = ledger_network_id(&b->genesis);
    b->peer = (struct peer_id){.len = 3, .bytes = {7, 7, 7}};
    b->now_ms = 10000;
    assert_int_equal(arena_open(&b->arena, 16 << 20), ERR_OK);
    assert_int_equal(db_mem_open(&b->db, 64 << 20), ERR_OK);
    assert_int_equal(start(b), ERR_OK);
    *state = b;
    return 0;
}

static inline int close_bench(void **state)
{
    struct bench *b = *state;
    node_close(b->node);
    db_close(b->db);
    arena_close(&b->arena);
    free(b);
    return 0;
}

static inline uint32_t heard(struct bench *b, const char *name)
{
    uint32_t count = 0;
    struct trace *t = node_trace(b->node);
    for (uint32_t i = 0; i < t->count; i++)
        count += strcmp(t->events[i].name, name) == 0;
    t->count = 0;
    return count;
}

/* --- operations */

static inline struct span signed_op(struct bench *b, uint8_t signer, uint64_t nonce,
                                    const struct op_body *body)
{
    struct op op = {.content = {.network = b->network,
                                .epoch = 5,
                                .nonce = nonce,
                                .signer = key(signer),
                                .body = *body}};
    size_t size = 2 * OPERATION_SIZE_MAX;
    struct room room = {arena_alloc(&b->arena, size), size};
    struct span message;
    op_signing_bytes(&op.content, room, &message);
    op.signature = sign(&op.content.signer, message);
    return op_encode(&op, room);
}

static inline struct op_body registration(const char *name)
{
    return (struct op_body){.tag = OP_BODY_CHALLENGE_REGISTER,
                            .challenge_register = {.name = span_of(name, strlen(name)),
                                                   .version = SPAN_LITERAL("1"),
                                                   .module_size = 10,
                                                   .policy = sandbox_policy_default(),
                                                   .share = 100}};
}

static inline void apply(struct bench *b, uint64_t slot, const struct span *ops, uint32_t count)
{
    struct op_bytes list[64];
    assert_true(count <= COUNT_OF(list));
    for (uint32_t i = 0; i < count; i++)
        list[i].bytes = ops[i];
    struct batch batch = {.ops = list, .ops_count = count};
    size_t size = BFT_BATCH_SIZE_MAX;
    struct room room = {arena_alloc(&b->arena, size), size};
    struct ledger_result result;
    assert_int_equal(
        ledger_apply(b->node->ledger, slot, batch_encode(&batch, room), &b->arena, &result),
        ERR_OK);
    for (uint32_t i = 0; i < result.fate_count; i++)
        assert_int_equal(result.fates[i].reject, REJECT_NONE);
}

/* An active challenge; its module is no module, but here. */
static inline struct hash challenge_of(struct bench *b)
{
    struct op_body body = registration("fair");
    body.challenge_register.policy.wall_ms = 12345;
    struct span op[3];
    assert_int_equal(
        node_put_blob(b->node, SPAN_LITERAL("no module!"), &body.challenge_register.module),
        ERR_OK);
    op[0] = signed_op(b, 9, 1, &body);
    apply(b, 1, op, 1);
    struct hash id;
    assert_true(ledger_challenge_at(b->node->ledger, 0, &id));
    body = (struct op_body){.tag = OP_BODY_CHALLENGE_APPROVE, .challenge_approve = {id}};
    for (uint8_t i = 0; i < 3; i++)
        op[i] = signed_op(b, i, 1, &body);
    apply(b, 2, op, 3);
    body = (struct op_body){.tag = OP_BODY_CHALLENGE_ACTIVATE, .challenge_activate = {id, 4}};
    op[0] = signed_op(b, 9, 2, &body);
    apply(b, 3, op, 1);
    return id;
}

static inline struct span submission_of(struct bench *b, uint8_t miner, uint64_t nonce,
                                        const struct hash *challenge, bool with_blob)
{
    uint8_t bytes[2] = {miner, (uint8_t)nonce};
    struct op_body body = {.tag = OP_BODY_SUBMISSION,
                           .submission = {.challenge = *challenge, .size = sizeof bytes}};
    body.submission.blob = hash_blake2b(span_of(bytes, sizeof bytes));
    if (with_blob)
        assert_int_equal(
            node_put_blob(b->node, span_of(bytes, sizeof bytes), &body.submission.blob), ERR_OK);
    return signed_op(b, miner, nonce, &body);
}

static inline void turn(struct bench *b)
{
    node_turn(b->node, ++b->now_ms);
}
#define BENCH_TEST(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)

#endif
