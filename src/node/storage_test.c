/* What a node keeps of its slots, takes back at a start, serves, and votes for. */
#include "node/node_test.h"

#include <stdlib.h>

#include "codec/wr.h"

static uint32_t dropped;              /* old journal files, as the world was told */
static struct bft_message served[32]; /* what it sends besides blobs */
static uint32_t served_count;

static void count_dropped(void *ctx)
{
    (void)ctx;
    dropped++;
}

static bool keep_sent(void *net, const struct peer_id *to, enum p2p_protocol protocol,
                      struct span frame)
{
    struct bench *b = net;
    struct net_frame f;
    (void)to;
    if (protocol != P2P_BFT || served_count == COUNT_OF(served))
        return true;
    assert_int_equal(net_frame_decode(arena_copy(&b->arena, frame), &b->arena, &f), ERR_OK);
    if (f.tag == NET_FRAME_BFT)
        assert_int_equal(bft_message_decode(f.bft.message, &b->arena, &served[served_count++]),
                         ERR_OK);
    return true;
}

/* Another life on the same store. */
static enum err open_again(struct bench *b, bool begin)
{
    struct node_config c = b->node->config;
    struct world w = b->node->world;
    w.drop_old = count_dropped;
    w.send = keep_sent;
    c.journal_slots = BFT_CHECKPOINT_INTERVAL;
    node_close(b->node);
    b->node = NULL;
    dropped = served_count = 0;
    enum err e = node_open(&b->node, &c, &w, b->now_ms);
    if (e == ERR_OK && begin)
        node_start(b->node, b->now_ms);
    return e;
}

static struct span batch_of(struct bench *b, struct span op)
{
    struct op_bytes one = {op};
    struct batch batch = {.ops = &one, .ops_count = 1};
    size_t size = op.len + 64;
    struct room room = {arena_alloc(&b->arena, size), size};
    return batch_encode(&batch, room);
}

/* Slots without the core, which is not told either. */
static void run_to(struct bench *b, uint64_t end)
{
    struct node *n = b->node;
    char name[] = "challenge 00";
    for (uint64_t seq = ledger_slot(n->ledger) + 1; seq <= end; seq++) {
        name[10] = (char)('0' + seq / 10);
        name[11] = (char)('0' + seq % 10);
        struct op_body body = registration(name);
        body.challenge_register.share = 1;
        struct span op = signed_op(b, 9, seq, &body);
        struct bft_effect fx = {
            .kind = BFT_FX_EXECUTE,
            .seq = seq,
            .bytes = batch_of(b, op),
            .cert.statement = {.type = BFT_TYPE_COMMIT, .epoch = 5, .seq = seq}};
        execute_slot(n, &fx);
        n->follow_up_count = 0;
        assert_int_equal(ledger_slot(n->ledger), seq);
    }
}

static struct bft_checkpoint checkpoint_at(struct bench *b, uint64_t seq)
{
    struct bft_checkpoint c = {
        .cert.statement = {.type = BFT_TYPE_CHECKPOINT, .epoch = 5, .seq = seq}};
    for (uint32_t i = 0; i < SNAPSHOTS_MAX; i++)
        if (b->node->snapshots[i].used && b->node->snapshots[i].seq == seq)
            c.aux = b->node->snapshots[i].aux;
    c.cert.statement.aux = bft_aux_hash(&c.aux);
    return c;
}

static struct span encoded(struct bench *b, const struct bft_checkpoint *c)
{
    struct room room = {arena_alloc(&b->arena, 4096), 4096};
    struct span bytes = bft_checkpoint_encode(c, room);
    assert_non_null(bytes.ptr);
    return bytes;
}

static struct bft_checkpoint stable_at(struct bench *b, uint64_t seq)
{
    run_to(b, seq);
    struct bft_checkpoint c = checkpoint_at(b, seq);
    storage_stable(b->node, encoded(b, &c));
    assert_int_equal(b->node->store_seq, seq);
    return c;
}

static void put(struct bench *b, enum db_table table, struct span key, struct span value)
{
    assert_int_equal(db_begin(b->db), ERR_OK);
    assert_int_equal(db_put(b->db, table, key, value), ERR_OK);
    assert_int_equal(db_commit(b->db), ERR_OK);
}

/* --- the store */

/* Its parts must be those of the checkpoint: the state, the log, and how long it is. */
static void a_store_is_what_was_certified(void **state)
{
    struct bench *b = *state;
    assert_int_equal(open_again(b, true), ERR_OK);
    struct bft_checkpoint good = stable_at(b, 16);
    struct bft_view_info info;
    assert_true(good.aux.log_size > 16);
    assert_int_equal(open_again(b, false), ERR_OK);
    node_bft_info(b->node, &info);
    assert_int_equal(info.executed, 16);
    assert_int_equal(ledger_slot(b->node->ledger), 16);
    struct hash root = ledger_root(b->node->ledger);
    assert_true(hash_equal(&root, &good.aux.state_root));
    for (uint32_t flaw = 0; flaw < 3; flaw++) {
        struct bft_checkpoint bad = good;
        bad.aux.state_root.bytes[0] ^= flaw == 0;
        bad.aux.log_root.bytes[HASH_SIZE - 1] ^= flaw == 1;
        bad.aux.log_size += flaw == 2;
        struct node_config c = b->node->config;
        struct world w = b->node->world;
        struct node *other = NULL;
        put(b, DB_META, SPAN_LITERAL("checkpoint"), encoded(b, &bad));
        assert_int_equal(node_open(&other, &c, &w, b->now_ms), ERR_CORRUPT);
        node_close(other);
    }
    put(b, DB_META, SPAN_LITERAL("checkpoint"), encoded(b, &good));
    assert_int_equal(open_again(b, false), ERR_OK);
}

/* Nothing of ours is kept under a certificate for something else. */
static void another_root_is_a_drift(void **state)
{
    struct bench *b = *state;
    struct span bytes;
    assert_int_equal(open_again(b, true), ERR_OK);
    run_to(b, 16);
    struct bft_checkpoint c = checkpoint_at(b, 16);
    c.aux.state_root.bytes[0] ^= 1;
    c.cert.statement.aux = bft_aux_hash(&c.aux);
    storage_stable(b->node, encoded(b, &c));
    assert_true(b->node->drift);
    assert_int_equal(b->node->store_seq, 0);
    assert_int_equal(db_get(b->db, DB_META, SPAN_LITERAL("checkpoint"), &bytes), ERR_NOT_FOUND);
}

/* A row that the state has no more is not there at the next start. */
static void what_is_deleted_leaves_the_store(void **state)
{
    struct bench *b = *state;
    struct span bytes, key = SPAN_LITERAL("gone");
    assert_int_equal(open_again(b, true), ERR_OK);
    run_to(b, 16);
    put(b, DB_STATE, key, SPAN_LITERAL("old"));
    struct span *changes = &b->node->snapshots[0].changes;
    size_t size = changes->len + 8 + key.len;
    struct wr w = wr_init((struct room){malloc(size), size});
    wr_raw(&w, *changes);
    wr_bytes(&w, key);
    wr_bytes(&w, (struct span){0});
    free((void *)(uintptr_t)changes->ptr);
    *changes = wr_done(&w);
    assert_int_equal(changes->len, size);
    struct bft_checkpoint c = checkpoint_at(b, 16);
    storage_stable(b->node, encoded(b, &c));
    assert_int_equal(db_get(b->db, DB_STATE, key, &bytes), ERR_NOT_FOUND);
    assert_int_equal(open_again(b, false), ERR_OK);
}

/* The file before this one may hold votes for two segments past its end. */
static void an_old_journal_stays_for_a_window(void **state)
{
    struct bench *b = *state;
    assert_int_equal(open_again(b, true), ERR_OK);
    (void)stable_at(b, 16);
    assert_true(b->node->journal_old);
    (void)stable_at(b, 32);
    assert_int_equal(dropped, 0);
    (void)stable_at(b, 48);
    assert_int_equal(dropped, 1);
}

/* Slot after slot from the one that is asked for, its checkpoint before it. */
static void slots_are_served_in_order(void **state)
{
    struct bench *b = *state;
    assert_int_equal(open_again(b, true), ERR_OK);
    (void)stable_at(b, 16);
    run_to(b, 18);
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    served_count = 0;
    storage_serve(b->node, peers_find(b->node, &b->peer), 15);
    assert_int_equal(served_count, 5);
    for (uint32_t i = 0, seq = 15; i < 5; i++) {
        if (i == 2) {
            assert_int_equal(served[i].tag, BFT_MESSAGE_CHECKPOINT);
            continue;
        }
        assert_int_equal(served[i].tag, BFT_MESSAGE_DECIDED);
        assert_int_equal(served[i].decided.seq, seq++);
    }
    served_count = 0;
    b->now_ms += 1000;
    b->node->now_ms = b->now_ms;
    storage_serve(b->node, peers_find(b->node, &b->peer), 17);
    assert_int_equal(served_count, 3);
    assert_int_equal(served[0].tag, BFT_MESSAGE_CHECKPOINT);
    assert_int_equal(served[1].decided.seq, 17);
}

/* --- the log */

static void each_entry_names_the_one_before(void **state)
{
    struct bench *b = *state;
    struct hash before = {0};
    run_to(b, 3);
    struct node *n = b->node;
    assert_true(n->entry_count > 3);
    for (uint32_t i = 0; i < n->entry_count; i++) {
        struct audit_entry e;
        assert_int_equal(audit_entry_decode(n->entries[i].bytes, &b->arena, &e), ERR_OK);
        assert_int_equal(e.index, i);
        assert_true(hash_equal(&e.prev, &before));
        before = audit_leaf_hash(n->entries[i].bytes);
    }
    assert_true(hash_equal(&n->last_leaf, &before));
}

/* --- slots from the journal */

static void replay_decided(struct bench *b, uint64_t seq, struct span payload)
{
    struct bft_record r = {.tag = BFT_RECORD_DECIDED};
    r.decided = (struct bft_decided){.seq = seq,
                                     .payload = payload,
                                     .cert.statement = {.type = BFT_TYPE_COMMIT,
                                                        .epoch = 5,
                                                        .seq = seq,
                                                        .digest = bft_payload_digest(payload)}};
    struct room room = {arena_alloc(&b->arena, 1 << 16), 1 << 16};
    node_replay(b->node, bft_record_encode(&r, room));
}

/* Every record of the journal counts, and none once the state is known to be wrong. */
static void decided_slots_come_back(void **state)
{
    struct bench *b = *state;
    struct op_body body = registration("one");
    struct span op = signed_op(b, 9, 1, &body);
    assert_int_equal(open_again(b, false), ERR_OK);
    replay_decided(b, 1, batch_of(b, op));
    replay_decided(b, 2, (struct span){0});
    assert_int_equal(ledger_slot(b->node->ledger), 2);
    struct hash id;
    assert_true(ledger_challenge_at(b->node->ledger, 0, &id));
    node_drift(b->node, "test");
    replay_decided(b, 3, (struct span){0});
    assert_int_equal(ledger_slot(b->node->ledger), 2);
}

/* --- what is voted for */

static void propose(struct bench *b, uint64_t seq, struct span payload)
{
    const struct bft_set *set = bft_current_set(b->node->bft);
    uint32_t leader = bft_leader(set, 0);
    struct bft_statement st = {
        .type = BFT_TYPE_PROPOSE, .epoch = 5, .seq = seq, .digest = bft_payload_digest(payload)};
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(&st, &b->network, &set->hash, bytes);
    struct bft_message m = {.tag = BFT_MESSAGE_PROPOSE};
    m.propose = (struct bft_propose){
        .epoch = 5, .seq = seq, .signer = (uint16_t)leader, .payload = payload};
    m.propose.signature = sign(&set->set.members[leader].hotkey, span_of(bytes, sizeof bytes));
    struct room room = {arena_alloc(&b->arena, 1 << 16), 1 << 16};
    struct bft_event ev = {
        .kind = BFT_EV_MESSAGE, .from = leader, .bytes = bft_message_encode(&m, room)};
    assert_non_null(ev.bytes.ptr);
    consensus_step(b->node, &ev);
    turn(b);
}

/* Decision 4: whoever votes for a submission can give its blob to others. */
static void a_vote_waits_for_the_blob(void **state)
{
    struct bench *b = *state;
    struct hash challenge = {{3}}, name;
    const uint8_t blob[2] = {1, 10}; /* as submission_of makes it */
    turn(b);
    propose(b, 1, batch_of(b, submission_of(b, 1, 10, &challenge, false)));
    assert_int_equal(b->vote_token, 0);
    assert_true(b->node->checks[0].used);
    assert_int_equal(node_put_blob(b->node, span_of(blob, sizeof blob), &name), ERR_OK);
    b->now_ms += 1000;
    turn(b);
    turn(b);
    assert_false(b->node->checks[0].used);
    assert_int_not_equal(b->vote_token, 0);
}

/* A handover at a block that is no later than our set's can never be right. */
static void an_old_boundary_is_refused_at_once(void **state)
{
    struct bench *b = *state;
    struct op_body body = {.tag = OP_BODY_EPOCH,
                           .epoch = {.next = *ledger_valset(b->node->ledger),
                                     .neurons = b->neurons,
                                     .neurons_count = VALIDATORS}};
    body.epoch.next.epoch++;
    turn(b);
    propose(b, BFT_CHECKPOINT_INTERVAL, batch_of(b, signed_op(b, 1, 1, &body)));
    assert_int_equal(heard(b, "proposal.invalid"), 1);
    assert_false(b->node->checks[0].used);
}

/* --- what is proposed */

/* An operation that has become invalid while it waited is in no batch, and leaves. */
static void only_what_is_valid_is_proposed(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    struct op_body one = registration("one"), two = registration("two");
    struct span ops[] = {signed_op(b, 9, 1, &one), signed_op(b, 9, 2, &two)};
    struct batch batch;
    enum reject why;
    for (size_t i = 0; i < COUNT_OF(ops); i++)
        assert_int_equal(node_submit_op(n, ops[i], &why, b->now_ms), ERR_OK);
    apply(b, 1, ops, 1); /* Decided in another batch. */
    n->proposal = (struct pending_proposal){.used = true, .seq = 2, .since_ms = b->now_ms};
    consensus_try_propose(n);
    assert_int_equal(batch_decode(n->batch, &b->arena, &batch), ERR_OK);
    assert_int_equal(batch.ops_count, 1);
    assert_true(span_equal(batch.ops[0].bytes, ops[1]));
    assert_int_equal(n->mempool.count, 1);
    n->follow_up_count = 0;
}

/* What one batch has under way is not in the next. */
static void what_is_under_way_is_proposed_once(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    struct op_body bodies[] = {registration("one"), registration("two")};
    enum reject why;
    for (uint64_t i = 0; i < COUNT_OF(bodies); i++) {
        struct span op = signed_op(b, 9, i + 1, &bodies[i]);
        struct batch batch;
        assert_int_equal(node_submit_op(n, op, &why, b->now_ms), ERR_OK);
        n->proposal = (struct pending_proposal){.used = true, .seq = i + 1, .since_ms = b->now_ms};
        consensus_try_propose(n);
        assert_int_equal(batch_decode(n->batch, &b->arena, &batch), ERR_OK);
        assert_int_equal(batch.ops_count, 1);
        assert_true(span_equal(batch.ops[0].bytes, op));
    }
    assert_int_equal(n->mempool.count, 2);
    n->follow_up_count = 0;
}

/* In another view nothing of ours is under way: what was reserved can be proposed. */
static void another_view_begins_anew(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    struct op_body one = registration("one");
    enum reject why;
    turn(b);
    assert_int_equal(node_submit_op(n, signed_op(b, 9, 1, &one), &why, b->now_ms), ERR_OK);
    mempool_reserve(&n->mempool, mempool_first(&n->mempool), 9);
    assert_int_equal(mempool_waiting(&n->mempool), 0);
    n->own_seq = 9;
    n->proposal = (struct pending_proposal){.used = true, .seq = 9};
    n->seen_view = 7; /* The core's is another. */
    consensus_step(n, &(struct bft_event){.kind = BFT_EV_TICK});
    assert_int_equal(mempool_waiting(&n->mempool), 1);
    assert_int_equal(n->own_seq, 0);
    assert_false(n->proposal.used);
}

/* --- signatures */

static void reply(struct bench *b, uint64_t token, enum signer_verdict verdict)
{
    struct signer_reply r = {.token = token, .verdict = verdict};
    uint8_t memory[256];
    node_on_signed(b->node, signer_reply_encode(&r, (struct room){memory, sizeof memory}),
                   b->now_ms);
}

static uint64_t ask_own_op(struct bench *b, uint8_t subject)
{
    struct op_body body = registration("own");
    struct hash about = {{subject}};
    assert_int_equal(gossip_want_op(b->node, &body, &about, true), ERR_OK);
    turn(b);
    return b->op.token;
}

/* In the order of the requests, whatever the order of the answers. */
static void answers_keep_the_order_of_their_requests(void **state)
{
    struct bench *b = *state;
    struct op first, second;
    turn(b);
    uint64_t one = ask_own_op(b, 1), two = ask_own_op(b, 2);
    b->node->flushed = 0;
    b->node->appended = 1;
    for (uint32_t i = 0; i < SIGN_WAITS_MAX; i++)
        if (b->node->signs[i].used)
            b->node->signs[i].ticket = 1; /* Both wait for one flush. */
    reply(b, two, SIGNER_VERDICT_SIGNED);
    reply(b, one, SIGNER_VERDICT_SIGNED);
    turn(b);
    assert_int_equal(b->node->own_op_count, 0);
    node_on_flushed(b->node, 1, b->now_ms);
    turn(b);
    assert_int_equal(b->node->own_op_count, 2);
    assert_int_equal(op_decode(b->node->own_ops[0], &b->arena, &first), ERR_OK);
    assert_int_equal(op_decode(b->node->own_ops[1], &b->arena, &second), ERR_OK);
    assert_true(first.content.nonce < second.content.nonce);
}

static void what_is_refused_is_not_used(void **state)
{
    struct bench *b = *state;
    static const enum signer_verdict refused[] = {
        SIGNER_VERDICT_REFUSED_CONFLICT, SIGNER_VERDICT_REFUSED_REGRESSION,
        SIGNER_VERDICT_REFUSED_SHAPE, SIGNER_VERDICT_FAILED, SIGNER_VERDICT_REFUSED_EPOCH};
    turn(b);
    for (uint8_t i = 0; i < COUNT_OF(refused); i++) {
        reply(b, ask_own_op(b, (uint8_t)(1 + i)), refused[i]);
        turn(b);
        assert_int_equal(b->node->own_op_count, 0);
        assert_int_equal(heard(b, "signer.refused"), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(a_store_is_what_was_certified),
        BENCH_TEST(another_root_is_a_drift),
        BENCH_TEST(what_is_deleted_leaves_the_store),
        BENCH_TEST(an_old_journal_stays_for_a_window),
        BENCH_TEST(slots_are_served_in_order),
        BENCH_TEST(each_entry_names_the_one_before),
        BENCH_TEST(decided_slots_come_back),
        BENCH_TEST(a_vote_waits_for_the_blob),
        BENCH_TEST(an_old_boundary_is_refused_at_once),
        BENCH_TEST(only_what_is_valid_is_proposed),
        BENCH_TEST(what_is_under_way_is_proposed_once),
        BENCH_TEST(another_view_begins_anew),
        BENCH_TEST(answers_keep_the_order_of_their_requests),
        BENCH_TEST(what_is_refused_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
