#include "node/node_test.h"
#include "registry/registry.h"

static enum p2p_verdict gossip(struct bench *b, const struct span *ops, uint32_t count)
{
    struct op_bytes list[NET_OPS_MAX];
    size_t size = NET_GOSSIP_SIZE_MIN;
    for (uint32_t i = 0; i < count; i++) {
        list[i].bytes = ops[i];
        size += 4 + ops[i].len;
    }
    struct net_gossip g = {.tag = NET_GOSSIP_OPS, .ops = {.ops = list, .ops_count = count}};
    struct room room = {arena_alloc(&b->arena, size), size};
    uint64_t message = b->judged + 1;
    node_on_gossip(b->node, message, &b->peer, net_gossip_encode(&g, room), b->now_ms);
    assert_int_equal(b->judged, message);
    return b->verdict;
}

static struct span forged(struct bench *b, struct span op)
{
    struct span copy = arena_copy(&b->arena, op);
    ((uint8_t *)(uintptr_t)copy.ptr)[copy.len - 1] ^= 1;
    return copy;
}

static void what_is_handed_in_is_announced_once(void **state)
{
    struct bench *b = *state;
    struct op_body one = registration("one"), two = registration("two");
    struct span op = signed_op(b, 9, 1, &one), other = signed_op(b, 9, 2, &two);
    enum reject why;
    assert_int_equal(node_submit_op(b->node, op, &why, b->now_ms), ERR_OK);
    assert_int_equal(node_submit_op(b->node, op, &why, b->now_ms), ERR_OK);
    assert_int_equal(b->published, 0);
    turn(b);
    assert_int_equal(b->published, 1);
    assert_int_equal(b->published_ops, 1);
    assert_int_equal(gossip(b, &op, 1), P2P_IGNORE); /* known: not forwarded again */
    assert_int_equal(gossip(b, &other, 1), P2P_ACCEPT);
    assert_int_equal(b->node->mempool.count, 2);
    struct span bad = forged(b, signed_op(b, 9, 3, &two)), junk = SPAN_LITERAL("junk");
    assert_int_equal(gossip(b, &bad, 1), P2P_REJECT);
    assert_int_equal(gossip(b, &junk, 1), P2P_REJECT);
    assert_int_equal(gossip(b, &junk, 0), P2P_REJECT);
    assert_int_equal(b->node->mempool.count, 2);
    turn(b);
    assert_int_equal(b->published, 1);
}

/* More than a message takes, and more than its bytes take. */
static void what_comes_together_is_announced_together(void **state)
{
    struct bench *b = *state;
    enum { COUNT = NET_OPS_MAX + 3 };
    struct op_body body = registration("many");
    enum reject why;
    for (uint64_t i = 0; i < COUNT; i++) {
        size_t mark = arena_mark(&b->arena);
        struct span op = signed_op(b, 9, 1 + i, &body);
        assert_int_equal(node_submit_op(b->node, op, &why, b->now_ms), ERR_OK);
        arena_reset(&b->arena, mark);
    }
    turn(b);
    assert_int_equal(b->published, 2);
    assert_int_equal(b->published_ops, COUNT);
}

static void of_a_message_all_is_kept_or_what_is_good_goes_on(void **state)
{
    struct bench *b = *state;
    struct op_body body = registration("x");
    struct span ops[4];
    for (uint64_t i = 0; i < 4; i++)
        ops[i] = signed_op(b, 9, 1 + i, &body);
    struct span mixed[3] = {ops[0], forged(b, ops[1]), ops[2]};
    assert_int_equal(gossip(b, mixed, 3), P2P_REJECT);
    assert_int_equal(b->node->mempool.count, 0);

    assert_int_equal(gossip(b, ops, 2), P2P_ACCEPT);
    assert_int_equal(gossip(b, ops, 3), P2P_ACCEPT); /* two are known */
    assert_int_equal(gossip(b, ops, 3), P2P_IGNORE);
    turn(b);
    assert_int_equal(b->published, 0);

    b->network.bytes[0] ^= 1;
    struct span late[2] = {signed_op(b, 9, 9, &body), ops[3]};
    assert_int_equal(gossip(b, late, 2), P2P_IGNORE);
    assert_int_equal(b->node->mempool.count, 4);
    turn(b);
    assert_int_equal(b->published, 1);
    assert_int_equal(b->published_ops, 1);
}

/* What waits longest must be something that a leader could propose. */
static void what_cannot_be_decided_any_more_does_not_wait(void **state)
{
    struct bench *b = *state;
    struct op_body one = registration("one"), two = registration("two");
    struct span ops[2] = {signed_op(b, 9, 1, &one), signed_op(b, 9, 2, &two)};
    assert_int_equal(gossip(b, ops, 2), P2P_ACCEPT);
    /* As if the owner had changed by what was decided meanwhile. */
    uint32_t first = mempool_first(&b->node->mempool);
    ((uint8_t *)(uintptr_t)b->node->mempool.entries[first].bytes.ptr)[8] ^= 1;
    b->now_ms += 250;
    node_turn(b->node, b->now_ms);
    assert_int_equal(b->node->mempool.count, 1);
    assert_int_equal(b->published, 0);
    for (uint32_t i = 0; i < 3; i++) {
        b->now_ms += 250;
        node_turn(b->node, b->now_ms);
        assert_int_equal(b->published, 1); /* once, half a timeout after it came */
    }
    assert_int_equal(b->node->mempool.count, 1);
}

/* An operation that follows from a slot which others have executed and we have not. */
static void what_is_ahead_of_us_waits_for_its_slot(void **state)
{
    struct bench *b = *state;
    struct op_body first = registration("one");
    struct hash id = registry_challenge_id(&first.challenge_register, &b->arena);
    struct op_body next = {.tag = OP_BODY_CHALLENGE_APPROVE, .challenge_approve = {id}};
    struct span early = signed_op(b, 1, 1, &next);
    assert_int_equal(gossip(b, &early, 1), P2P_IGNORE);
    turn(b);
    assert_int_equal(b->node->mempool.count, 0);

    struct op_bytes ops[] = {{signed_op(b, 9, 1, &first)}};
    struct batch batch = {.ops = ops, .ops_count = 1};
    struct ledger_result result;
    struct room room = {arena_alloc(&b->arena, 4096), 4096};
    assert_int_equal(
        ledger_apply(b->node->ledger, 1, batch_encode(&batch, room), &b->node->scratch, &result),
        ERR_OK);
    b->node->slot_executed = true; /* as execute_slot does */
    turn(b);
    assert_int_equal(b->node->mempool.count, 1);
    assert_int_equal(b->published_ops, 1);
}

/* It keeps its place until the others hand it on themselves. */
static void what_stays_ahead_is_forgotten(void **state)
{
    struct bench *b = *state;
    struct op_body body = {.tag = OP_BODY_CHALLENGE_APPROVE, .challenge_approve = {{{7}}}};
    for (uint64_t i = 0; i < EARLY_MAX + 2; i++) {
        struct span early = signed_op(b, 1, 1 + i, &body);
        assert_int_equal(gossip(b, &early, 1), P2P_IGNORE);
    }
    b->node->slot_executed = true;
    turn(b);
    for (uint32_t i = 0; i < EARLY_MAX; i++)
        assert_int_not_equal(b->node->early[i].bytes.len, 0);
    b->now_ms += 500;
    b->node->slot_executed = true;
    turn(b);
    for (uint32_t i = 0; i < EARLY_MAX; i++)
        assert_int_equal(b->node->early[i].bytes.len, 0);
    assert_int_equal(b->node->mempool.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(what_is_handed_in_is_announced_once),
        BENCH_TEST(what_comes_together_is_announced_together),
        BENCH_TEST(of_a_message_all_is_kept_or_what_is_good_goes_on),
        BENCH_TEST(what_cannot_be_decided_any_more_does_not_wait),
        BENCH_TEST(what_is_ahead_of_us_waits_for_its_slot),
        BENCH_TEST(what_stays_ahead_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
