/* What strangers and lying endpoints may not bring about. */
#include "node/node.h"

#include "node/node_test.h"

/* A stranger gets no blob that is not known to be decided. */
static void an_undecided_blob_is_no_strangers(void **state)
{
    struct bench *b = *state;
    struct hash name;
    struct blob_frame f = {.tag = BLOB_FRAME_REQUEST, .request = {.token = 4, .length = 100}};
    uint8_t memory[256];
    assert_int_equal(node_put_blob(b->node, SPAN_LITERAL("a tour"), &f.request.blob), ERR_OK);
    name = f.request.blob;
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    struct span frame = blob_frame_encode(&f, (struct room){memory, sizeof memory});
    node_on_frame(b->node, &b->peer, P2P_BLOB, frame, b->now_ms);
    assert_int_equal(b->sent.answer.token, 4);
    assert_memory_equal(&b->sent.answer.blob, &name, sizeof name);
    assert_int_equal(b->sent.answer.size, 0);
    assert_int_equal(b->node->counters.blobs_withheld, 1);
    peers_find(b->node, &b->peer)->bound = true; /* of a hotkey that is no member */
    node_on_frame(b->node, &b->peer, P2P_BLOB, frame, b->now_ms);
    assert_int_equal(b->sent.answer.size, 0);
    peers_find(b->node, &b->peer)->member = 1;
    node_on_frame(b->node, &b->peer, P2P_BLOB, frame, b->now_ms);
    assert_int_equal(b->sent.answer.size, 6);
    assert_int_equal(b->node->counters.blobs_withheld, 2);
}

/* When the room for blobs is used up those go that nothing needs; what came just
 * now may be needed in a moment, and is kept until it has waited for long. */
static void uploads_do_not_fill_the_store(void **state)
{
    struct bench *b = *state;
    uint8_t bytes[1000] = {0};
    struct hash first, name = {0};
    b->node->config.blobs_bytes_max = 100 << 10;
    for (uint32_t i = 0; i < 300; i++) {
        memcpy(bytes, &i, sizeof i);
        b->node->now_ms += i < 200 ? 0 : 1000;
        assert_int_equal(node_put_blob(b->node, span_of(bytes, sizeof bytes), &name), ERR_OK);
        first = i == 236 ? name : first;
    }
    assert_true(blobs_have(b->node, &name) && blobs_have(b->node, &first));
    assert_true(b->node->counters.blobs_dropped >= 190);
    b->node->config.blobs_bytes_max = 10 << 10;
    memcpy(bytes, "new", 4);
    assert_int_equal(node_put_blob(b->node, span_of(bytes, sizeof bytes), &name), ERR_FULL);
    assert_int_equal(b->node->counters.blobs_no_room, 1);
    assert_int_equal(b->node->disk_trouble, 0);
    b->node->now_ms += 100000;
    assert_int_equal(node_put_blob(b->node, span_of(bytes, sizeof bytes), &name), ERR_OK);
    assert_true(blobs_have(b->node, &name));
    assert_false(blobs_have(b->node, &first));
    blobs_commit(b->node);
}

/* A lying endpoint cannot keep a validator in quarantine for good. */
static void a_quarantine_does_not_stand_on_a_lie(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    n->config.recall.vote_after_block = UINT64_MAX;
    static const struct {
        uint64_t finalized, head, after;
    } heads[] = {{0, UINT32_MAX, UINT32_MAX},
                 {UINT32_MAX, 5050, 5050},
                 {5050, 5060, 5050},
                 {5060, 5055, 5050},
                 {0, 4900, 5050} /* started again; behind */,
                 {0, 4000, 4000}};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        n->epochs.finalized = heads[i].finalized;
        recall_head(n, heads[i].head);
        assert_int_equal(n->config.recall.vote_after_block, heads[i].after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(an_undecided_blob_is_no_strangers),
        BENCH_TEST(uploads_do_not_fill_the_store),
        BENCH_TEST(a_quarantine_does_not_stand_on_a_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
