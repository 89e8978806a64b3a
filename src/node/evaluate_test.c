/* A submission from its slot to what this validator says of it, and why a node is
 * not ready. */
#include "node/node_test.h"

/* One submission decided, its blob here; the slot is 4. */
static struct hash submitted(struct bench *b, uint8_t miner)
{
    struct hash challenge = challenge_of(b), id;
    struct span op = submission_of(b, miner, 10, &challenge, true);
    apply(b, 4, &op, 1);
    assert_true(ledger_open_submission_at(b->node->ledger, 0, &id));
    return id;
}

static void answer_job(struct bench *b, uint64_t token, const struct sandbox_result *r)
{
    struct sandbox_answer a = {.tag = SANDBOX_ANSWER_RESULT, .result = *r};
    uint8_t memory[4096];
    struct span bytes = sandbox_answer_encode(&a, (struct room){memory, sizeof memory});
    assert_non_null(bytes.ptr);
    node_on_evaluated(b->node, token, bytes, b->now_ms);
}

static struct sandbox_result result_of(const struct bench *b)
{
    return (struct sandbox_result){.token = b->job_token,
                                   .outcome = OUTCOME_OK,
                                   .valid = true,
                                   .score = 77,
                                   .gas = 5,
                                   .memory = 6,
                                   .host_calls = 7,
                                   .host_bytes = 8};
}

static void a_result_becomes_a_commitment(void **state)
{
    struct bench *b = *state;
    b->node->config.engine = (struct hash){{4}};
    struct hash id = submitted(b, 1);
    evaluate_tick(b->node);
    assert_int_equal(b->evaluations, 1);
    assert_int_equal(b->job_wall_ms, 12345); /* the challenge's own */
    assert_true(b->job.token == b->job_token);
    assert_true(span_equal(b->job.module, SPAN_LITERAL("no module!")));
    assert_int_equal(b->job.input.len, 2);
    evaluate_tick(b->node); /* It runs already. */
    assert_int_equal(b->evaluations, 1);
    struct sandbox_result r = result_of(b);
    answer_job(b, b->job_token + 1, &r); /* Nobody's answer. */
    assert_int_equal(evaluate_job(b->node, &id)->phase, JOB_RUNNING);
    answer_job(b, b->job_token, &r);
    struct job *j = evaluate_job(b->node, &id);
    assert_int_equal(j->phase, JOB_DONE);
    assert_true(j->gas == 5 && j->memory == 6 && j->host_calls == 7 && j->host_bytes == 8);
    assert_true(hash_equal(&j->attestation.engine, &b->node->config.engine));
    assert_int_equal(j->attestation.score, 77);
    assert_int_equal(heard(b, "evaluation.done"), 1);
    turn(b);
    assert_int_equal(b->op_requests, 1);
    const struct op_body *body = &b->op.body.op.content.body;
    assert_int_equal(body->tag, OP_BODY_ATTEST_COMMIT);
    assert_true(hash_equal(&body->attest_commit.submission, &id));
    struct hash first = body->attest_commit.commitment;
    /* Another secret, another salt: the commitment says nothing. */
    b->node->config.secret[31] ^= 1;
    map_clear(&b->node->wanted);
    for (uint32_t i = 0; i < SIGN_WAITS_MAX; i++)
        bytes_drop(&b->node->signs[i].request), b->node->signs[i].used = false;
    actions_tick(b->node);
    signing_send(b->node);
    assert_int_equal(b->op_requests, 2);
    assert_false(hash_equal(&b->op.body.op.content.body.attest_commit.commitment, &first));
}

/* A worker that dies, talks nonsense or has trouble of its own is asked again,
 * later each time; nothing of it becomes a result (EVAL-1). */
static void trouble_is_tried_again_and_never_scored(void **state)
{
    struct bench *b = *state;
    struct hash id = submitted(b, 1);
    struct job *j = NULL;
    evaluate_tick(b->node);
    for (uint32_t i = 0; i < 10; i++) {
        struct sandbox_result r = result_of(b);
        uint64_t pause = i < 7 ? UINT64_C(500) << i : 60000;
        assert_int_equal(b->evaluations, i + 1);
        switch (i % 4) {
        case 0:
            node_on_evaluated(b->node, b->job_token, (struct span){0}, b->now_ms);
            break;
        case 1:
            node_on_evaluated(b->node, b->job_token, SPAN_LITERAL("junk"), b->now_ms);
            break;
        case 2:
            r.token++; /* the answer to another job */
            answer_job(b, b->job_token, &r);
            break;
        case 3:
            r.outcome = OUTCOME_INFRA;
            answer_job(b, b->job_token, &r);
            break;
        }
        j = evaluate_job(b->node, &id);
        assert_non_null(j);
        assert_int_equal(j->phase, JOB_WAITING);
        assert_int_equal(j->failures, i + 1);
        assert_int_equal(heard(b, "evaluation.infra"), 1);
        b->node->now_ms = b->now_ms += pause - 1;
        evaluate_tick(b->node);
        assert_int_equal(b->evaluations, i + 1);
        b->node->now_ms = ++b->now_ms;
        evaluate_tick(b->node);
    }
    assert_int_equal(b->op_requests, 0);
}

/* What a drifted node thinks is worth nothing: it evaluates nothing more, wants
 * nothing decided and does not vote. */
static void a_drifted_node_keeps_quiet(void **state)
{
    struct bench *b = *state;
    struct bft_view_info info;
    submitted(b, 1);
    evaluate_tick(b->node);
    struct sandbox_result r = result_of(b);
    node_drift(b->node, "test");
    node_drift(b->node, "again");
    assert_int_equal(heard(b, "node.drift"), 1);
    node_bft_info(b->node, &info);
    assert_false(info.voting);
    assert_true((node_unready(b->node) & NODE_UNREADY_DRIFT) != 0);
    answer_job(b, b->job_token, &r);
    turn(b);
    assert_int_equal(b->op_requests, 0);
    struct hash challenge;
    assert_true(ledger_challenge_at(b->node->ledger, 0, &challenge));
    struct span op = submission_of(b, 2, 11, &challenge, true);
    apply(b, 5, &op, 1);
    b->node->collect_at_ms = 0;
    evaluate_tick(b->node);
    assert_int_equal(b->evaluations, 1);
}

static void closed_submissions_are_not_run(void **state)
{
    struct bench *b = *state;
    struct hash id = submitted(b, 1);
    b->node->config.evaluation_slots = 0;
    evaluate_tick(b->node);
    struct job *j = evaluate_job(b->node, &id);
    assert_non_null(j);
    j->submission.bytes[0] ^= 1; /* As if it were closed by now. */
    b->node->collect_at_ms = 0;
    evaluate_tick(b->node);
    assert_non_null(evaluate_job(b->node, &id));
    uint32_t used = 0;
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        used += b->node->jobs[i].used;
    assert_int_equal(used, 1);
}

/* --- ready */

static void expect(struct bench *b, uint32_t bits)
{
    assert_int_equal(node_unready(b->node), bits | NODE_UNREADY_NO_QUORUM);
}

static void each_trouble_is_named(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    n->epochs.chain_up = true;
    n->epochs.finalized_ms = n->now_ms;
    expect(b, 0); /* Alone it hears no QUORUM. */
    n->started = false;
    expect(b, NODE_UNREADY_STARTING);
    n->started = true;
    n->epochs.chain_up = false;
    expect(b, NODE_UNREADY_CHAIN);
    n->epochs.chain_up = true;
    n->now_ms += 59999;
    expect(b, 0);
    n->now_ms++;
    expect(b, NODE_UNREADY_CHAIN);
    n->epochs.finalized_ms = n->now_ms;
    n->disk_trouble = 1;
    expect(b, NODE_UNREADY_DISK);
    n->disk_trouble = 0;
    n->fatal = "store_failed";
    expect(b, NODE_UNREADY_DISK);
    n->fatal = NULL;
    struct signer_request_body body = {.tag = SIGNER_REQUEST_BODY_BFT,
                                       .bft.statement.type = BFT_TYPE_COMMIT};
    struct sign_wait *w = signing_ask(n, SIGN_BFT, &body);
    n->now_ms += 4999;
    expect(b, 0);
    n->now_ms++;
    expect(b, NODE_UNREADY_SIGNER);
    w->replied = true;
    expect(b, 0);
    n->epochs.misshapen = true;
    expect(b, NODE_UNREADY_CHAIN_LIES);
    n->epochs.misshapen = false;
    n->epochs.contradicts = true;
    expect(b, NODE_UNREADY_CHAIN_LIES);
    n->epochs.contradicts = false;
    n->drift = true;
    expect(b, NODE_UNREADY_DRIFT);
    for (uint32_t bit = 1; bit <= NODE_UNREADY_CHAIN_LIES; bit <<= 1) {
        assert_non_null(node_unready_name(bit));
        assert_non_null(node_unready_text(bit));
        for (uint32_t other = 1; other < bit; other <<= 1)
            assert_string_not_equal(node_unready_name(bit), node_unready_name(other));
    }
    assert_null(node_unready_name(NODE_UNREADY_CHAIN_LIES << 1));
}

/* Two members say that they are further than a window; one would not do. */
static void who_is_behind_says_so(void **state)
{
    struct bench *b = *state;
    struct bft_message m = {.tag = BFT_MESSAGE_STATUS,
                            .status = {.epoch = 5, .executed = BFT_WINDOW + 1}};
    uint8_t bytes[512], frame[640];
    struct net_frame f = {.tag = NET_FRAME_BFT};
    f.bft.message = bft_message_encode(&m, (struct room){bytes, sizeof bytes});
    struct span framed = net_frame_encode(&f, (struct room){frame, sizeof frame});
    for (uint8_t i = 1; i <= 2; i++) {
        struct peer_id id = {.len = 3, .bytes = {8, 8, i}};
        node_on_peer_up(b->node, &id, b->now_ms);
        struct peer *p = peers_find(b->node, &id);
        p->bound = true;
        p->member = i;
        assert_false(node_unready(b->node) & NODE_UNREADY_CATCHING_UP);
        node_on_frame(b->node, &id, P2P_BFT, framed, b->now_ms);
    }
    assert_true(node_unready(b->node) & NODE_UNREADY_CATCHING_UP);
    m.status.executed = BFT_WINDOW; /* As far as anybody may be ahead. */
    f.bft.message = bft_message_encode(&m, (struct room){bytes, sizeof bytes});
    framed = net_frame_encode(&f, (struct room){frame, sizeof frame});
    node_on_frame(b->node, &(struct peer_id){.len = 3, .bytes = {8, 8, 2}}, P2P_BFT, framed,
                  b->now_ms);
    assert_false(node_unready(b->node) & NODE_UNREADY_CATCHING_UP);
}

/* --- slots */

static struct bft_effect decided(struct bench *b, const struct span *ops, uint32_t count)
{
    struct op_bytes list[4];
    for (uint32_t i = 0; i < count; i++)
        list[i].bytes = ops[i];
    struct batch batch = {.ops = list, .ops_count = count};
    struct room room = {arena_alloc(&b->arena, BFT_BATCH_SIZE_MAX), BFT_BATCH_SIZE_MAX};
    return (struct bft_effect){
        .kind = BFT_FX_EXECUTE, .seq = 1, .bytes = batch_encode(&batch, room)};
}

/* What was decided no longer waits, also where it had another fate than hoped. */
static void decided_operations_leave_the_pool(void **state)
{
    struct bench *b = *state;
    struct op_body one = registration("one"), two = registration("two");
    struct span ops[] = {signed_op(b, 9, 1, &one), signed_op(b, 9, 2, &two),
                         signed_op(b, 9, 3, &two)};
    enum reject why;
    for (size_t i = 0; i < COUNT_OF(ops); i++)
        assert_int_equal(node_submit_op(b->node, ops[i], &why, b->now_ms), ERR_OK);
    assert_int_equal(b->node->mempool.count, 3);
    struct bft_effect fx = decided(b, ops, 2);
    execute_slot(b->node, &fx);
    assert_int_equal(b->node->mempool.count, 1);
    assert_false(b->node->drift);
    assert_int_equal(heard(b, "challenge.changed"), 2);
}

/* Nothing that a QUORUM decides can fail to apply: whoever cannot is not like them. */
static void a_slot_that_does_not_apply_is_a_drift(void **state)
{
    struct bench *b = *state;
    struct bft_view_info info;
    struct bft_effect fx = {.kind = BFT_FX_EXECUTE, .seq = 7};
    execute_slot(b->node, &fx); /* It is not the next one. */
    assert_true(b->node->drift);
    node_bft_info(b->node, &info);
    assert_false(info.voting);
    assert_int_equal(heard(b, "node.drift"), 1);
}

/* From the first moment: what it voted for before it lost its disk is not known. */
static void a_wiped_validator_does_not_vote(void **state)
{
    struct bench *b = *state;
    struct bft_view_info info;
    node_bft_info(b->node, &info);
    assert_true(info.voting);
    struct node_config c = b->node->config;
    struct world w = b->node->world;
    node_close(b->node);
    c.recall = (struct node_recall){.vote_after_block = UINT64_MAX};
    assert_int_equal(node_open(&b->node, &c, &w, b->now_ms), ERR_OK);
    node_start(b->node, b->now_ms);
    node_bft_info(b->node, &info);
    assert_false(info.voting);
    uint32_t votes = 0;
    b->vote_token = 0;
    for (uint32_t i = 0; i < 40; i++) {
        b->now_ms += 1000;
        turn(b);
        votes += b->vote_token != 0;
    }
    assert_int_equal(votes, 0);
}

/* --- signatures (NODE-1) */

static void reply(struct bench *b, uint64_t token, enum signer_verdict verdict)
{
    struct hotkey own = key(0);
    struct signer_reply r = {
        .token = token, .verdict = verdict, .signature = sign(&own, SPAN_LITERAL("any"))};
    uint8_t memory[256];
    node_on_signed(b->node, signer_reply_encode(&r, (struct room){memory, sizeof memory}),
                   b->now_ms);
}

static void a_signature_waits_for_the_journal(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    struct op_body body = registration("mine");
    struct hash subject = {{1}}, other = {{2}};
    turn(b);
    n->appended += 2;
    assert_int_equal(gossip_want_op(n, &body, &subject, false), ERR_OK);
    assert_true(signing_is_under_way(n, SIGN_OP, &subject));
    assert_false(signing_is_under_way(n, SIGN_OP, &other));
    assert_false(signing_is_under_way(n, SIGN_BFT, &subject));
    turn(b);
    assert_int_equal(b->op_requests, 1);
    uint64_t nonce = b->op.body.op.content.nonce, token = b->op.token;
    reply(b, token, SIGNER_VERDICT_SIGNED);
    reply(b, token, SIGNER_VERDICT_REFUSED_SHAPE); /* The first word counts. */
    turn(b);
    assert_true(signing_is_under_way(n, SIGN_OP, &subject));
    node_on_flushed(n, n->appended - 1, b->now_ms);
    turn(b);
    assert_true(signing_is_under_way(n, SIGN_OP, &subject));
    node_on_flushed(n, n->appended, b->now_ms);
    turn(b);
    assert_false(signing_is_under_way(n, SIGN_OP, &subject));
    assert_int_equal(heard(b, "signer.refused"), 0);
    /* A signer that comes back is asked again what it has not answered. */
    assert_int_equal(gossip_want_op(n, &body, &subject, false), ERR_OK);
    turn(b);
    assert_int_equal(b->op_requests, 2);
    assert_int_equal(b->op.body.op.content.nonce, nonce + 1); /* Never one twice. */
    turn(b);
    assert_int_equal(b->op_requests, 2);
    node_on_signer_up(n, b->now_ms);
    turn(b);
    assert_int_equal(b->op_requests, 3);
    assert_int_equal(b->op.body.op.content.nonce, nonce + 1);
    /* What it refuses is not sent. */
    uint32_t published = b->published;
    reply(b, b->op.token, SIGNER_VERDICT_REFUSED_SHAPE);
    node_on_flushed(n, n->appended, b->now_ms);
    turn(b);
    assert_false(signing_is_under_way(n, SIGN_OP, &subject));
    assert_int_equal(b->published, published);
    assert_int_equal(heard(b, "signer.refused"), 1);
}

/* Two operations for one proposal both go into it. */
static void own_operations_are_kept_for_the_batch(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    turn(b);
    for (uint8_t i = 1; i <= 2; i++) {
        struct op_body body = registration("own");
        struct hash subject = {{i}};
        assert_int_equal(gossip_want_op(n, &body, &subject, true), ERR_OK);
        turn(b);
        assert_int_equal(b->op_requests, i);
        reply(b, b->op.token, SIGNER_VERDICT_SIGNED);
        node_on_flushed(n, n->appended, b->now_ms);
        turn(b);
        assert_int_equal(n->own_op_count, i);
    }
    struct op first, second;
    assert_int_equal(op_decode(n->own_ops[0], &b->arena, &first), ERR_OK);
    assert_int_equal(op_decode(n->own_ops[1], &b->arena, &second), ERR_OK);
    assert_int_equal(second.content.nonce, first.content.nonce + 1);
    assert_int_equal(n->mempool.count, 0);
    assert_int_equal(b->published, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(a_result_becomes_a_commitment),
        BENCH_TEST(trouble_is_tried_again_and_never_scored),
        BENCH_TEST(a_drifted_node_keeps_quiet),
        BENCH_TEST(closed_submissions_are_not_run),
        BENCH_TEST(each_trouble_is_named),
        BENCH_TEST(who_is_behind_says_so),
        BENCH_TEST(decided_operations_leave_the_pool),
        BENCH_TEST(a_slot_that_does_not_apply_is_a_drift),
        BENCH_TEST(a_wiped_validator_does_not_vote),
        BENCH_TEST(a_signature_waits_for_the_journal),
        BENCH_TEST(own_operations_are_kept_for_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
