/* What this validator owes the chain: its weights, and the anchor of the log; what
 * is on the way, what was read back, and what a restart makes of it. */
#include "node/log.h"
#include "node/node_test.h"

enum { NETWORK_EPOCH = 5, CHAIN_EPOCH = 40, PERIOD = 2 };

static const struct hash committed = {{0xaa}};

static void keep_commit(struct bench *b, uint64_t epoch)
{
    static const struct weight entries[] = {{.uid = 1, .value = 20000}, {.uid = 3, .value = 65535}};
    struct weight_commit record = {
        .weights = {.epoch = epoch, .entries = entries, .entries_count = 2}, .hash = committed};
    uint8_t memory[512], key[SLOT_KEY_SIZE];
    struct span bytes = weight_commit_encode(&record, (struct room){memory, sizeof memory});
    assert_non_null(bytes.ptr);
    assert_true(storage_keep(b->node, slot_key(key, 'W', epoch), bytes));
}

static struct own_weights *again(struct bench *b)
{
    node_close(b->node);
    assert_int_equal(start(b), ERR_OK);
    return &b->node->weights;
}

static bool has_record(struct bench *b, uint64_t epoch)
{
    uint8_t key[SLOT_KEY_SIZE];
    struct span bytes;
    return db_get(b->db, DB_META, slot_key(key, 'W', epoch), &bytes) == ERR_OK;
}

/* listed: whether the chain's list still has our commit. */
static struct chain_metagraph seen(uint64_t block, uint64_t epoch, bool listed)
{
    static const struct chain_commit commits[] = {{{{0xbb}}, 39}, {{{0xaa}}, CHAIN_EPOCH}};
    return (struct chain_metagraph){.block = block,
                                    .epoch_index = epoch,
                                    .commit_reveal = true,
                                    .commit_reveal_period = PERIOD,
                                    .has_own = true,
                                    .commits = commits,
                                    .commit_count = listed ? 2 : 1};
}

/* Our two weights as a row of the chain, and the same with another uid. */
static const struct span ours = SPAN_LITERAL("\x08\1\0\x20\x4e\3\0\xff\xff");
static const struct span not_ours = SPAN_LITERAL("\x08\1\0\x20\x4e\4\0\xff\xff");

static void a_commit_is_followed_to_its_reveal(void **state)
{
    struct bench *b = *state;
    keep_commit(b, NETWORK_EPOCH);
    struct own_weights *o = again(b);
    assert_int_equal(o->commit_count, 1);
    assert_false(o->commits[0].is_taken);
    struct chain_metagraph m = seen(100, CHAIN_EPOCH, true);
    weights_on_metagraph(b->node, &m);
    assert_true(o->commits[0].is_taken);
    assert_int_equal(o->commits[0].chain_epoch, CHAIN_EPOCH);
    o = again(b); /* The store knows it. */
    assert_true(o->commits[0].is_taken);
    assert_int_equal(o->commits[0].chain_epoch, CHAIN_EPOCH);
    /* Off the list, but the row is another's: what happened is not known. */
    m = seen(101, CHAIN_EPOCH + PERIOD, false);
    m.weights_row = not_ours;
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 1);
    m.weights_row = ours;
    m.block = 99; /* Of before: says nothing. */
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 1);
    m.block = 102;
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 0);
    assert_true(o->done_epoch == NETWORK_EPOCH && o->done_block == 102);
    assert_false(has_record(b, NETWORK_EPOCH));
    o = again(b);
    assert_true(o->done_epoch == NETWORK_EPOCH && o->done_block == 102);
    weights_want(b->node, NETWORK_EPOCH); /* It is done. */
    assert_int_equal(o->wanted, 0);
    weights_want(b->node, NETWORK_EPOCH + 1);
    assert_int_equal(o->wanted, NETWORK_EPOCH + 2);
    assert_int_equal(b->node->counters.commits_lost, 0);
}

static void a_commit_that_is_lost_is_told(void **state)
{
    struct bench *b = *state;
    keep_commit(b, NETWORK_EPOCH);
    struct own_weights *o = again(b);
    /* The chain was read at the block where it was included, and lists nothing. */
    o->commits[0].sent_block = 100;
    o->busy = true;
    struct chain_metagraph m = seen(100, CHAIN_EPOCH, false);
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 1); /* One is under way. */
    o->busy = false;
    o->wanted = NETWORK_EPOCH + 1;
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 1); /* It will be sent again. */
    o->wanted = 0;
    o->commits[0].sent_block = 101;
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 1); /* What is seen is older. */
    m.block = 101;
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 0);
    assert_int_equal(heard(b, "weights.commit_dropped"), 1);
    assert_int_equal(b->node->counters.commits_lost, 1);
    /* Taken, and its window has passed. */
    keep_commit(b, NETWORK_EPOCH + 1);
    o = again(b);
    m = seen(200, CHAIN_EPOCH + PERIOD, true);
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 1);
    m = seen(201, CHAIN_EPOCH + PERIOD + 1, true);
    weights_on_metagraph(b->node, &m);
    assert_int_equal(o->commit_count, 0);
    assert_int_equal(heard(b, "weights.reveal_missed"), 1);
    assert_false(has_record(b, NETWORK_EPOCH + 1));
    assert_int_equal(o->done_block, 0);
}

static void a_result_ends_what_was_under_way(void **state)
{
    struct bench *b = *state;
    struct own_weights *o = &b->node->weights;
    struct chain_out out = {
        .kind = CHAIN_OUT_RESULT, .token = WEIGHTS_TOKEN_SET, .outcome = CHAIN_FAILED, .block = 50};
    o->wanted = NETWORK_EPOCH + 1;
    o->sent_epoch = NETWORK_EPOCH;
    for (enum chain_outcome bad = CHAIN_FAILED; bad <= CHAIN_UNSIGNED; bad++) {
        o->busy = true;
        out.outcome = bad;
        weights_on_result(b->node, &out);
        assert_false(o->busy);
        assert_int_equal(o->wanted, NETWORK_EPOCH + 1);
        assert_int_equal(o->done_block, 0);
        assert_int_equal(heard(b, "weights.not_confirmed"), 1);
    }
    out.outcome = CHAIN_CONFIRMED;
    weights_on_result(b->node, &out);
    assert_int_equal(o->wanted, 0);
    assert_true(o->done_epoch == NETWORK_EPOCH && o->done_block == 50);
    out.block = 60; /* An older epoch's late answer moves nothing back. */
    o->sent_epoch = NETWORK_EPOCH - 1;
    o->wanted = NETWORK_EPOCH + 2;
    weights_on_result(b->node, &out);
    assert_true(o->done_epoch == NETWORK_EPOCH && o->done_block == 50);
    assert_int_equal(o->wanted, NETWORK_EPOCH + 2);
    keep_commit(b, NETWORK_EPOCH + 1);
    o = again(b);
    o->sent_epoch = NETWORK_EPOCH + 1;
    o->wanted = NETWORK_EPOCH + 2;
    out.token = WEIGHTS_TOKEN_COMMIT;
    weights_on_result(b->node, &out);
    assert_int_equal(o->wanted, 0);
    assert_int_equal(o->commits[0].sent_block, 60);
    assert_int_equal(o->done_epoch, NETWORK_EPOCH); /* Committed is not confirmed. */
    out.token = WEIGHTS_TOKEN_REVEAL;
    o->revealing = NETWORK_EPOCH + 2;
    out.outcome = CHAIN_EXPIRED;
    weights_on_result(b->node, &out);
    assert_true(o->revealing == 0 && o->commit_count == 1);
    o->revealing = NETWORK_EPOCH + 2;
    out.outcome = CHAIN_CONFIRMED;
    weights_on_result(b->node, &out);
    assert_true(o->commit_count == 0 && o->done_epoch == NETWORK_EPOCH + 1);
    assert_false(has_record(b, NETWORK_EPOCH + 1));
}

static void records_that_cannot_be_are_refused(void **state)
{
    struct bench *b = *state;
    static const struct span junk = SPAN_LITERAL("junk");
    uint8_t key[SLOT_KEY_SIZE];
    const struct span keys[] = {slot_key(key, 'W', 7), SPAN_LITERAL("weights"),
                                SPAN_LITERAL("anchored"), SPAN_LITERAL("sealed")};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        assert_true(storage_keep(b->node, keys[i], junk));
        node_close(b->node);
        assert_int_equal(start(b), ERR_CORRUPT);
        assert_int_equal(db_begin(b->db), ERR_OK);
        assert_int_equal(db_del(b->db, DB_META, keys[i]), ERR_OK);
        assert_int_equal(db_commit(b->db), ERR_OK);
        assert_int_equal(start(b), ERR_OK);
    }
    for (uint64_t i = 0; i < WEIGHT_COMMITS_MAX; i++)
        keep_commit(b, i);
    assert_int_equal(again(b)->commit_count, WEIGHT_COMMITS_MAX);
    for (uint32_t i = 0; i < WEIGHT_COMMITS_MAX; i++)
        assert_int_equal(b->node->weights.commits[i].epoch, i); /* The oldest first. */
    keep_commit(b, 11);
    node_close(b->node);
    assert_int_equal(start(b), ERR_CORRUPT);
    assert_int_equal(db_begin(b->db), ERR_OK);
    assert_int_equal(db_del(b->db, DB_META, slot_key(key, 'W', 11)), ERR_OK);
    assert_int_equal(db_commit(b->db), ERR_OK);
    assert_int_equal(start(b), ERR_OK);
}

/* --- the anchor */

static void keep_seal(struct bench *b, uint64_t epoch)
{
    b->node->anchors.sealed = (struct sealed_log){.epoch = epoch, .cutoff = 16, .log_size = 3};
    b->node->anchors.is_sealed = true;
    assert_int_equal(db_begin(b->db), ERR_OK);
    assert_int_equal(anchors_put(b->node), ERR_OK);
    assert_int_equal(db_commit(b->db), ERR_OK);
}

static void an_anchor_is_wanted_until_it_is_shown(void **state)
{
    struct bench *b = *state;
    assert_false(b->node->anchors.wanted);
    keep_seal(b, 7);
    again(b);
    struct anchors *a = &b->node->anchors;
    assert_true(a->wanted && !a->is_anchored);
    struct chain_out out = {.kind = CHAIN_OUT_RESULT, .token = ANCHOR_TOKEN, .block = 9};
    a->sent = (struct anchored_log){7, {{1}}};
    for (enum chain_outcome bad = CHAIN_FAILED; bad <= CHAIN_UNSIGNED; bad++) {
        a->busy = true;
        out.outcome = bad;
        anchors_on_result(b->node, &out);
        assert_true(a->wanted && !a->busy && !a->is_anchored);
    }
    out.outcome = CHAIN_CONFIRMED;
    a->busy = true;
    anchors_on_result(b->node, &out);
    assert_true(!a->wanted && !a->busy && a->is_anchored && a->anchored.epoch == 7);
    again(b);
    a = &b->node->anchors;
    assert_true(!a->wanted && a->is_anchored &&
                hash_equal(&a->anchored.anchor, &(struct hash){{1}}));
    keep_seal(b, 8);
    again(b);
    a = &b->node->anchors;
    assert_true(a->wanted);
    a->sent = (struct anchored_log){7, {{2}}}; /* An answer about the one before. */
    anchors_on_result(b->node, &out);
    assert_true(a->wanted);
}

/* --- the next set */

static struct chain_neuron neurons[VALIDATORS + 1];

/* The chain at an epoch's end: our four with their permits, and one too poor. */
static struct chain_metagraph boundary(uint64_t block, uint64_t last_epoch_block)
{
    for (uint8_t i = 0; i <= VALIDATORS; i++)
        neurons[i] = (struct chain_neuron){
            .hotkey = key(i), .uid = i, .permit = true, .stake = {i < VALIDATORS ? 1000 : 999}};
    return (struct chain_metagraph){.block = block,
                                    .block_hash = {{7}},
                                    .owner = key(9),
                                    .last_epoch_block = last_epoch_block,
                                    .neurons = neurons,
                                    .neuron_count = VALIDATORS + 1};
}

static void hear_boundary(struct bench *b, const struct chain_metagraph *m)
{
    struct chain_out out = {
        .kind = CHAIN_OUT_METAGRAPH, .token = EPOCHS_TOKEN_BOUNDARY, .metagraph = m};
    epochs_on_metagraph(b->node, &out);
}

/* A leader may name any block; a set comes of the last block of a chain's epoch only. */
static void a_set_is_that_of_a_boundary(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    n->config.stake_min_rao = 1000;
    struct chain_metagraph m = boundary(50, 49);
    hear_boundary(b, &m);
    assert_int_equal(n->epochs.next_count, 0);
    assert_true(epochs_refuse(n, 50));
    assert_true(epochs_refuse(n, ledger_valset(n->ledger)->chain_block)); /* our own set's */
    assert_false(epochs_refuse(n, 51));
    m = boundary(51, 51);
    hear_boundary(b, &m);
    hear_boundary(b, &m); /* The same again is no other. */
    assert_int_equal(n->epochs.next_count, 1);
    const struct op_epoch *op = epochs_next(n, &b->arena);
    assert_non_null(op);
    assert_true(op->next.epoch == 6 && op->next.chain_block == 51);
    assert_int_equal(op->next.chain_hash.bytes[0], 7);
    assert_int_equal(op->next.members_count, VALIDATORS); /* The fifth has too little. */
    assert_int_equal(op->neurons_count, VALIDATORS + 1);
    struct op_epoch proposed = {.next.chain_block = 51};
    assert_non_null(epochs_expected(n, &proposed, &b->arena));
    proposed.next.chain_block = 52; /* Not read yet: it is, once it is final. */
    n->epochs.finalized = 51;
    assert_null(epochs_expected(n, &proposed, &b->arena));
    assert_int_equal(n->epochs.boundary_wanted, 0);
    n->epochs.finalized = 52;
    assert_null(epochs_expected(n, &proposed, &b->arena));
    assert_int_equal(n->epochs.boundary_wanted, 52);
    /* Where nobody could decide any more the old set stays. */
    m = boundary(60, 60);
    for (uint8_t i = 0; i <= VALIDATORS; i++)
        neurons[i].permit = false;
    hear_boundary(b, &m);
    assert_int_equal(n->epochs.next_count, 1);
    assert_int_equal(heard(b, "epoch.no_set"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(a_commit_is_followed_to_its_reveal),
        BENCH_TEST(a_commit_that_is_lost_is_told),
        BENCH_TEST(a_result_ends_what_was_under_way),
        BENCH_TEST(records_that_cannot_be_are_refused),
        BENCH_TEST(an_anchor_is_wanted_until_it_is_shown),
        BENCH_TEST(a_set_is_that_of_a_boundary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
