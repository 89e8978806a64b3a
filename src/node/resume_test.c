/* What a node stores at a checkpoint, what it takes from its store and its journal at a
 * start, and what it takes no more once it has drifted. */
#include "node/node_test.h"

#include "audit/audit.h"
#include "bft/bft.h"
#include "epoch/epoch.h"
#include "node/log.h"

static void execute(struct bench *b, uint64_t seq)
{
    const struct bft_effect fx = {
        .kind = BFT_FX_EXECUTE, .seq = seq, .cert.statement.type = BFT_TYPE_COMMIT};
    execute_slot(b->node, &fx);
    b->node->follow_up_count = 0; /* The core has not asked for it. */
    assert_false(b->node->drift);
}

/* The certificate of the state as it is. */
static void make_stable(struct bench *b, uint64_t seq)
{
    struct bft_checkpoint c = {
        .cert.statement = {
            .type = BFT_TYPE_CHECKPOINT, .epoch = 5, .seq = seq, .digest.bytes = {1}}};
    for (uint32_t i = 0; i < SNAPSHOTS_MAX; i++)
        if (b->node->snapshots[i].used && b->node->snapshots[i].seq == seq)
            c.aux = b->node->snapshots[i].aux;
    assert_int_not_equal(c.aux.log_size, 0);
    c.cert.statement.aux = bft_aux_hash(&c.aux);
    uint8_t memory[1024];
    storage_stable(b->node, bft_checkpoint_encode(&c, (struct room){memory, sizeof memory}));
}

static void segments(struct bench *b, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last; seq++) {
        arena_reset(&b->node->scratch, 0);
        execute(b, seq);
        if (seq % BFT_CHECKPOINT_INTERVAL == 0)
            make_stable(b, seq);
    }
}

static enum err reopen(struct bench *b)
{
    node_close(b->node);
    b->node = NULL;
    return start(b);
}

/* Rows that came and rows that went: the state of the store is that of the network. */
static void a_node_comes_back_at_its_checkpoint(void **state)
{
    struct bench *b = *state;
    struct hash challenge = challenge_of(b);
    struct span op = submission_of(b, 1, 10, &challenge, true);
    apply(b, 4, &op, 1); /* It waits for 64 slots, and then in another place. */
    segments(b, 5, 80);
    execute(b, 81); /* This one is the journal's to keep. */
    assert_int_equal(b->node->store_seq, 80);
    assert_int_equal(reopen(b), ERR_OK);
    assert_int_equal(b->node->store_seq, 80);
    assert_int_equal(ledger_slot(b->node->ledger), 80);
    struct bft_view_info info;
    node_bft_info(b->node, &info);
    assert_int_equal(info.executed, 80);
}

/* --- the end of an epoch */

static void execute_op(struct bench *b, uint64_t seq, uint8_t signer, const struct op_body *body)
{
    const struct op_bytes op = {signed_op(b, signer, seq, body)};
    const struct batch batch = {.ops = &op, .ops_count = 1};
    struct room room = {arena_alloc(&b->arena, BFT_BATCH_SIZE_MAX), BFT_BATCH_SIZE_MAX};
    const struct bft_effect fx = {.kind = BFT_FX_EXECUTE,
                                  .seq = seq,
                                  .bytes = batch_encode(&batch, room),
                                  .cert.statement.type = BFT_TYPE_COMMIT};
    execute_slot(b->node, &fx);
    b->node->follow_up_count = 0;
}

/* The checkpoint names the set that follows, and the store keeps the handover. */
static void a_handover_is_certified_and_kept(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    struct state_candidate c;
    segments(b, 1, 16);
    assert_true(ledger_candidate(n->ledger, &b->arena, &c));
    struct op_body body = {.tag = OP_BODY_WEIGHTS};
    body.weights = (struct op_weights){
        .epoch = 5, .cutoff = 16, .matrix = epoch_weights_hash(&c.weights, &b->arena)};
    execute_op(b, 17, 1, &body);
    body = (struct op_body){.tag = OP_BODY_SEAL};
    body.seal = (struct op_seal){.epoch = 5,
                                 .log_size = c.log_size,
                                 .log_root = c.log_root,
                                 .valset = bft_valset_hash(ledger_valset(n->ledger))};
    execute_op(b, 18, 1, &body);
    segments(b, 19, 31);
    struct valset next = *ledger_valset(n->ledger);
    next.members = b->members;
    next.epoch++;
    next.chain_block++;
    body = (struct op_body){.tag = OP_BODY_EPOCH};
    body.epoch =
        (struct op_epoch){.next = next, .neurons = b->neurons, .neurons_count = VALIDATORS};
    execute_op(b, 32, 1, &body);
    assert_int_equal(ledger_epoch(n->ledger), 6);
    make_stable(b, 32);
    uint8_t memory[SLOT_KEY_SIZE];
    struct span bytes;
    struct audit_handover h;
    assert_int_equal(db_get(b->db, DB_INDEX, slot_key(memory, 'h', 5), &bytes), ERR_OK);
    assert_int_equal(audit_handover_decode(bytes, &b->arena, &h), ERR_OK);
    struct hash set = bft_valset_hash(&next), kept = bft_valset_hash(&h.next);
    assert_true(hash_equal(&kept, &set));
    assert_true(hash_equal(&h.checkpoint.aux.next_valset, &set));
    assert_int_equal(reopen(b), ERR_OK);
    assert_int_equal(bft_current_set(b->node->bft)->set.epoch, 6);
}

/* --- decided slots */

static void hear_decided(struct bench *b)
{
    struct signature list[VALIDATORS];
    struct bft_message m = {.tag = BFT_MESSAGE_DECIDED, .decided.seq = 1};
    struct bft_cert *c = &m.decided.cert;
    c->statement = (struct bft_statement){.type = BFT_TYPE_COMMIT, .epoch = 5, .seq = 1};
    uint8_t bytes[BFT_STATEMENT_SIZE], memory[1024];
    struct hash set = bft_valset_hash(ledger_valset(b->node->ledger));
    bft_statement_bytes(&c->statement, &b->network, &set, bytes);
    for (uint8_t i = 0; i < VALIDATORS; i++) {
        const struct hotkey k = key(i);
        list[i] = sign(&k, span_of(bytes, sizeof bytes));
        c->bitmap[0] |= (uint8_t)(1u << i);
    }
    c->signatures = list;
    c->signatures_count = VALIDATORS;
    const struct bft_event ev = {.kind = BFT_EV_MESSAGE,
                                 .from = BFT_ALL,
                                 .bytes =
                                     bft_message_encode(&m, (struct room){memory, sizeof memory})};
    consensus_step(b->node, &ev);
}

/* A node whose state is not that of the others makes nothing of what they decide. */
static void who_has_drifted_executes_nothing(void **state)
{
    struct bench *b = *state;
    node_drift(b->node, "root_differs");
    hear_decided(b);
    assert_int_equal(ledger_slot(b->node->ledger), 0);
    b->node->drift = false;
}

static void who_has_not_drifted_executes(void **state)
{
    struct bench *b = *state;
    hear_decided(b);
    assert_int_equal(ledger_slot(b->node->ledger), 1);
}

/* --- the journal */

/* Each record, the last one too, is told to the core before the start. */
static void every_record_is_replayed(void **state)
{
    struct bench *b = *state;
    struct node_config c = b->node->config;
    struct world w = b->node->world;
    for (uint32_t count = 1; count <= 2; count++) {
        node_close(b->node);
        assert_int_equal(node_open(&b->node, &c, &w, b->now_ms), ERR_OK);
        for (uint64_t seq = 1; seq <= count; seq++) {
            struct bft_record r = {.tag = BFT_RECORD_VOTE};
            r.vote.payload = SPAN_LITERAL("a batch");
            r.vote.statement = (struct bft_statement){.type = BFT_TYPE_PREPARE,
                                                      .epoch = 5,
                                                      .seq = seq,
                                                      .digest = bft_payload_digest(r.vote.payload)};
            uint8_t memory[512];
            node_replay(b->node, bft_record_encode(&r, (struct room){memory, sizeof memory}));
        }
        uint32_t waits = b->node->signs_end;
        node_start(b->node, b->now_ms);
        assert_int_equal(waits, 0);
        assert_int_equal(b->node->signs_end, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(a_node_comes_back_at_its_checkpoint),
        BENCH_TEST(a_handover_is_certified_and_kept),
        BENCH_TEST(who_has_drifted_executes_nothing),
        BENCH_TEST(who_has_not_drifted_executes),
        BENCH_TEST(every_record_is_replayed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
