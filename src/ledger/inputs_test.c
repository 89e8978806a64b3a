/* How many bytes of submissions may be kept, in all and of one miner; and when one is
 * taken. */
#include "ledger/state.h"

#include "ledger/net_test.h"

/* Half for whoever comes first, and for each of the eleven that are registered an equal
 * part, 9,090 bytes, of the other half. */
enum { BYTES = 200000, LARGE = 5000, FIRST = BYTES / 2 / LARGE };

static int open_small(void **state)
{
    struct net *n = calloc(1, sizeof *n);
    assert_non_null(n);
    net_open(n);
    arena_close(&n->memory);
    struct ledger_config c = test_config(n);
    c.input_bytes_max = BYTES;
    assert_int_equal(arena_open(&n->memory, ledger_arena_size(&c)), ERR_OK);
    assert_int_equal(ledger_init(&n->l, &n->memory, &c), ERR_OK);
    assert_int_equal(ledger_genesis(n->l, &n->genesis), ERR_OK);
    *state = n;
    return 0;
}

static int close_small(void **state)
{
    net_close(*state);
    free(*state);
    return 0;
}

/* How many of that size are taken before one is refused. */
static uint32_t taken(struct net *n, const struct hash *challenge, int miner, uint32_t size)
{
    static uint32_t serial;
    for (uint32_t count = 0;; count++) {
        char blob[16];
        enum reject why;
        snprintf(blob, sizeof blob, "t%u", serial++);
        struct op_body b = test_submission(challenge, blob);
        b.submission.size = size;
        arena_reset(&n->scratch, 0);
        enum err e = op_check(n->l, net_op(n, &n->miners[miner], &b), &n->scratch, &why);
        enum reject fate = net_do(n, &n->miners[miner], &b);
        assert_int_equal(why, fate); /* It is not even gossiped. */
        assert_int_equal(e == ERR_OK, fate == REJECT_NONE);
        if (fate == REJECT_NONE)
            continue;
        assert_int_equal(fate, REJECT_LIMIT);
        return count;
    }
}

static void new_epochs(struct net *n, int count)
{
    for (int i = 0; i < count; i++) {
        struct op_body epoch = net_epoch(n);
        assert_int_equal(net_end_epoch(n, &epoch), REJECT_NONE);
    }
}

static void bytes_are_bounded_and_everyone_has_a_part(void **state)
{
    struct net *n = *state;
    struct hash id = net_challenge(n, 10000, "bytes");
    assert_int_equal(taken(n, &id, 0, LARGE), FIRST); /* To the last byte of the half. */
    assert_int_equal(n->l->inputs.bytes, BYTES / 2);
    assert_int_equal(taken(n, &id, 0, 1), 0);
    assert_int_equal(taken(n, &id, 1, LARGE), 1); /* Two would be more than its part. */
    assert_int_equal(taken(n, &id, 1, 4091), 0);
    assert_int_equal(taken(n, &id, 1, 4090), 1);
    assert_int_equal(taken(n, &id, 1, 1), 0);
    assert_int_equal(taken(n, &id, 2, 1000), 9);
    assert_int_equal(n->l->inputs.bytes, BYTES / 2 + 9090 + 9000);
    assert_int_equal(inputs_of(&n->l->inputs, &n->miners[1]), 9090);
    assert_int_equal(inputs_of(&n->l->inputs, &n->stranger), 0);
    new_epochs(n, KEPT_EPOCHS - 1);
    assert_int_equal(taken(n, &id, 0, 1), 0);
    new_epochs(n, 1); /* What is forgotten counts no longer. */
    assert_int_equal(n->l->inputs.bytes, 0);
    assert_int_equal(n->l->inputs.miners.count, 0);
    assert_int_equal(taken(n, &id, 3, LARGE), FIRST);
}

/* A part too small for anything still is one submission each; all is all. */
static void the_second_half_ends(void **state)
{
    struct net *n = *state;
    struct hash id = net_challenge(n, 10000, "bytes");
    n->l->config.input_bytes_max = 6 * LARGE;
    assert_int_equal(taken(n, &id, 0, LARGE), 3);
    assert_int_equal(taken(n, &id, 1, LARGE), 1);
    assert_int_equal(taken(n, &id, 2, LARGE), 1);
    assert_int_equal(taken(n, &id, 3, LARGE), 1);
    assert_int_equal(n->l->inputs.bytes, 6 * LARGE);
    assert_int_equal(taken(n, &id, 4, LARGE), 0);
    assert_int_equal(taken(n, &id, 5, 1), 0);
}

/* What follows from the state is the same for who has only read it. */
static void a_restart_counts_the_same(void **state)
{
    struct net *n = *state;
    struct hash id = net_challenge(n, 10000, "bytes");
    assert_int_equal(taken(n, &id, 0, LARGE), FIRST);
    assert_int_equal(taken(n, &id, 1, 3000), 3);
    net_reload(n);
    assert_int_equal(n->l->inputs.bytes, BYTES / 2 + 9000);
    assert_int_equal(taken(n, &id, 0, 1), 0);
    assert_int_equal(taken(n, &id, 1, 91), 0);
    assert_int_equal(taken(n, &id, 1, 90), 1);
    assert_int_equal(taken(n, &id, 2, LARGE), 1);
}

/* A submission that cannot be is not loaded: the sums would be nobody's. */
static void a_store_with_other_submissions_is_refused(void **state)
{
    struct net *n = *state;
    struct hash id = net_challenge(n, 10000, "bytes");
    struct hash first = net_submit(n, 0, &id, "blob");
    struct ledger_config c = n->l->config;
    struct arena memory;
    struct ledger *l;
    struct state_submission s;
    uint8_t bytes[1024];
    assert_true(ledger_submission(n->l, &first, &n->scratch, &s));
    struct table_key k = key_hash('S', &first);
    assert_int_equal(arena_open(&memory, ledger_arena_size(&c)), ERR_OK);
    assert_int_equal(ledger_init(&l, &memory, &c), ERR_OK);
    s.size = 0;
    struct span none = state_submission_encode(&s, (struct room){bytes, sizeof bytes});
    assert_int_equal(ledger_load(l, key_span(&k), none), ERR_CORRUPT);
    arena_close(&memory);
    assert_int_equal(arena_open(&memory, ledger_arena_size(&c)), ERR_OK);
    assert_int_equal(ledger_init(&l, &memory, &c), ERR_OK);
    for (uint32_t i = 0; i <= MINERS_KEPT_MAX; i++) {
        memcpy(s.miner.bytes, &i, sizeof i);
        memcpy(s.id.bytes, &i, sizeof i);
        s.size = 1 + i % 3;
        k = key_hash('S', &s.id);
        struct span one = state_submission_encode(&s, (struct room){bytes, sizeof bytes});
        assert_int_equal(ledger_load(l, key_span(&k), one),
                         i < MINERS_KEPT_MAX ? ERR_OK : ERR_CORRUPT);
    }
    arena_close(&memory);
}

/* A blob has to be held as long as a module or a kept submission names it. */
static void what_has_to_be_held(void **state)
{
    struct net *n = *state;
    struct hash id = net_challenge(n, 10000, "bytes"), best = test_hash("best");
    struct hash module = test_hash("module"), none = test_hash("nothing");
    assert_true(ledger_needs_blob(n->l, &module, &n->scratch));
    assert_false(ledger_needs_blob(n->l, &best, &n->scratch));
    struct hash leader = net_submit(n, 0, &id, "best");
    assert_true(ledger_needs_blob(n->l, &best, &n->scratch));
    net_score(n, &leader, 7000);
    assert_true(ledger_needs_blob(n->l, &best, &n->scratch));
    new_epochs(n, KEPT_EPOCHS);
    /* It leads, and is taken and public, but whoever lacks it lacks nothing. */
    assert_int_equal(ledger_blob(n->l, &best, &n->scratch), LEDGER_BLOB_PUBLIC);
    assert_false(ledger_needs_blob(n->l, &best, &n->scratch));
    assert_true(ledger_needs_blob(n->l, &module, &n->scratch));
    assert_false(ledger_needs_blob(n->l, &none, &n->scratch));
}

/* op_check speaks of the next slot: what opens then may be gossiped now, not before. */
static void what_is_open_in_the_next_slot_is_taken_now(void **state)
{
    struct net *n = *state;
    struct op_body b = test_register(10000, "late");
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    struct hash id = n->result.notices[0].id;
    b = test_about(OP_BODY_CHALLENGE_APPROVE, &id, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(net_do(n, &n->validators[i], &b), REJECT_NONE);
    uint64_t height = ledger_slot(n->l) + 5;
    b = test_about(OP_BODY_CHALLENGE_ACTIVATE, &id, height);
    assert_int_equal(net_do(n, &n->owner, &b), REJECT_NONE);
    b = test_submission(&id, "early");
    enum reject why;
    net_until(n, height - 2);
    assert_int_equal(op_check(n->l, net_op(n, &n->miners[0], &b), &n->scratch, &why), ERR_DENIED);
    assert_int_equal(why, REJECT_CHALLENGE_STATE);
    net_until(n, height - 1);
    assert_int_equal(op_check(n->l, net_op(n, &n->miners[0], &b), &n->scratch, &why), ERR_OK);
    assert_int_equal(net_do(n, &n->miners[0], &b), REJECT_NONE);
}

#define INPUTS_TEST(f) cmocka_unit_test_setup_teardown(f, open_small, close_small)

int main(void)
{
    const struct CMUnitTest tests[] = {
        INPUTS_TEST(bytes_are_bounded_and_everyone_has_a_part),
        INPUTS_TEST(the_second_half_ends),
        INPUTS_TEST(a_restart_counts_the_same),
        INPUTS_TEST(a_store_with_other_submissions_is_refused),
        INPUTS_TEST(what_has_to_be_held),
        INPUTS_TEST(what_is_open_in_the_next_slot_is_taken_now),
    };
    return cmocka_run_group_tests_name("inputs", tests, NULL, NULL);
}
