/* The chain client against the development chain, frame by frame in one
 * process: what is confirmed, what is named, and what survives a bad link. */
#include <ftw.h>
#include <unistd.h>

#include "chain/chain.h"
#include "chain/chain_test.h"
#include "cmd/devchain_rpc.h"
#include "crypto/sr25519.h"

enum { FRAMES_MAX = 256, RESULTS_MAX = 8 };

struct result {
    uint64_t token;
    enum chain_outcome outcome;
    char name[CHAIN_NAME_MAX];
    uint64_t block;
};

struct world {
    char dir[64];
    struct arena arena;
    struct devchain_config config;
    struct devchain chain;
    struct devrpc rpc;
    struct chain *client;
    struct chain_config client_config;
    struct sr25519_keypair *key;
    uint64_t now_ms;
    bool connected, refuse_signing, hold;
    uint32_t frame_count;
    char *frames[FRAMES_MAX]; /* on their way to the client */
    uint32_t dials, ready, downs;
    enum chain_why why;
    uint64_t head;
    bool has_graph, graph_failed;
    struct chain_metagraph graph;
    struct chain_neuron neurons[32];
    uint32_t result_count;
    struct result results[RESULTS_MAX];
};

static void on_send(void *ctx, uint64_t session, struct span text)
{
    struct world *w = ctx;
    (void)session;
    assert_true(w->frame_count < FRAMES_MAX);
    w->frames[w->frame_count++] = strndup((const char *)text.ptr, text.len);
}

static void drop_frames(struct world *w)
{
    for (uint32_t i = 0; i < w->frame_count; i++)
        free(w->frames[i]);
    w->frame_count = 0;
}

static void sign(struct world *w, const struct chain_out *out)
{
    static const uint8_t entropy[SR25519_ENTROPY_SIZE];
    struct signature s;
    if (w->refuse_signing) {
        chain_sign_refused(w->client, out->token, w->now_ms);
        return;
    }
    sr25519_sign(w->key, out->message, entropy, &s);
    chain_signed(w->client, out->token, &s, w->now_ms);
}

static void keep_graph(struct world *w, const struct chain_metagraph *g)
{
    w->graph_failed = g == NULL;
    w->has_graph = g != NULL;
    if (g == NULL)
        return;
    w->graph = *g;
    assert_true(g->neuron_count <= COUNT_OF(w->neurons));
    memcpy(w->neurons, g->neurons, g->neuron_count * sizeof w->neurons[0]);
    w->graph.neurons = w->neurons;
}

static void keep_result(struct world *w, const struct chain_out *out)
{
    assert_true(w->result_count < RESULTS_MAX);
    struct result *r = &w->results[w->result_count++];
    *r = (struct result){.token = out->token, .outcome = out->outcome, .block = out->block};
    memcpy(r->name, out->name, sizeof r->name);
}

static void perform(struct world *w, const struct chain_out *out)
{
    switch (out->kind) {
    case CHAIN_OUT_DIAL:
        w->dials++;
        w->connected = true;
        chain_on_connected(w->client, w->now_ms);
        return;
    case CHAIN_OUT_SEND:
        if (w->connected && !w->hold)
            devrpc_on_text(&w->rpc, 1, out->text, w->now_ms);
        return;
    case CHAIN_OUT_CLOSE:
        w->connected = false;
        devrpc_on_close(&w->rpc, 1);
        drop_frames(w);
        return;
    case CHAIN_OUT_READY:
        w->ready++;
        return;
    case CHAIN_OUT_DOWN:
        w->downs++;
        w->why = out->why;
        return;
    case CHAIN_OUT_HEAD:
        assert_true(out->block >= w->head); /* CH-7 */
        w->head = out->block;
        return;
    case CHAIN_OUT_METAGRAPH:
        keep_graph(w, out->metagraph);
        return;
    case CHAIN_OUT_SIGN:
        sign(w, out);
        return;
    case CHAIN_OUT_WEIGHTS: /* Not asked for. */
        break;
    case CHAIN_OUT_RESULT:
        keep_result(w, out);
        return;
    }
}

static void settle(struct world *w)
{
    struct chain_out out;
    for (;;) {
        while (chain_poll(w->client, &out))
            perform(w, &out);
        if (w->frame_count == 0)
            return;
        char *text = w->frames[0];
        w->frame_count--;
        memmove(w->frames, w->frames + 1, w->frame_count * sizeof w->frames[0]);
        if (w->connected)
            chain_on_text(w->client, span_of(text, strlen(text)), w->now_ms);
        free(text);
    }
}

static void seal(struct world *w, int blocks)
{
    for (int i = 0; i < blocks; i++) {
        w->now_ms += 1000;
        assert_int_equal(devrpc_seal(&w->rpc, w->now_ms), ERR_OK);
        chain_on_time(w->client, w->now_ms);
        settle(w);
    }
}

static void open_chain(struct world *w)
{
    assert_int_equal(devchain_open(&w->chain, &w->config), ERR_OK);
    assert_int_equal(devrpc_init(&w->rpc, &w->chain, &w->arena, on_send, w), ERR_OK);
}

static struct world *open_world(const char *uri)
{
    struct world *w = test_calloc(1, sizeof *w);
    snprintf(w->dir, sizeof w->dir, "/tmp/devchain-test-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(arena_open(&w->arena, 96 << 20), ERR_OK);
    devchain_config_default(&w->config);
    w->config.dir = w->dir;
    w->config.no_sync = true;
    w->now_ms = 1750000000000;
    open_chain(w);
    assert_int_equal(sr25519_from_uri(span_of(uri, strlen(uri)), &w->key), ERR_OK);
    return w;
}

static void start_client(struct world *w)
{
    chain_config_default(&w->client_config);
    w->client_config.has_hotkey = true;
    w->client_config.hotkey = *sr25519_public(w->key);
    w->client_config.era_period = 8;
    assert_int_equal(chain_init(&w->client, &w->arena, &w->client_config, w->now_ms), ERR_OK);
    settle(w);
    seal(w, 3);
    assert_int_equal(w->ready, 1);
    assert_true(w->head >= 1);
}

static int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *f)
{
    (void)s;
    (void)kind;
    (void)f;
    return remove(path);
}

static void close_world(struct world *w)
{
    drop_frames(w);
    devchain_close(&w->chain);
    sr25519_close(w->key);
    arena_close(&w->arena);
    nftw(w->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    test_free(w);
}

static struct chain_action weights_of(const uint16_t *uids, const uint16_t *values, uint32_t count)
{
    return (struct chain_action){
        .kind = CHAIN_SET_WEIGHTS,
        .weights = {.netuid = 2, .count = count, .uids = uids, .values = values}};
}

static const struct result *submit(struct world *w, const struct chain_action *a, int blocks)
{
    static uint64_t token;
    assert_int_equal(chain_submit(w->client, ++token, a, w->now_ms), ERR_OK);
    settle(w);
    for (int i = 0; i < blocks && w->result_count == 0; i++)
        seal(w, 1);
    assert_int_equal(w->result_count, 1);
    w->result_count = 0;
    assert_int_equal(w->results[0].token, token);
    return &w->results[0];
}

static void expect(const struct result *r, enum chain_outcome outcome, const char *name)
{
    if (r->outcome != outcome || strcmp(r->name, name) != 0)
        fail_msg("got %s %s, want %s %s", chain_outcome_name(r->outcome), r->name,
                 chain_outcome_name(outcome), name);
}

static const uint16_t some_uids[] = {4, 5};
static const uint16_t some_values[] = {1, 2};

static void test_reads_the_metagraph_at_finalized_blocks(void **state)
{
    (void)state;
    struct world *w = open_world("//validator/0");
    start_client(w);
    assert_int_equal(chain_read_metagraph(w->client, 9, w->now_ms), ERR_OK);
    assert_int_equal(chain_read_metagraph(w->client, 9, w->now_ms), ERR_FULL);
    settle(w);
    assert_true(w->has_graph);
    assert_int_equal(w->graph.block, w->head);
    assert_int_equal(w->graph.neuron_count, 12);
    assert_int_equal(w->graph.tempo, 20);
    assert_true(hotkey_equal(&w->neurons[0].hotkey, sr25519_public(w->key)));
    assert_true(w->neurons[0].permit && w->neurons[3].permit && !w->neurons[4].permit);
    assert_true(w->neurons[0].stake.rao == UINT64_C(10000) * 1000000000);
    assert_true(w->neurons[4].stake.rao == 0);
    /* (block + netuid + 1) % 21 == 20 first at block 17. */
    assert_int_equal(w->graph.next_epoch_block, 17);
    assert_int_equal(w->graph.last_epoch_block, 0);
    seal(w, 20);
    assert_int_equal(chain_read_metagraph_at(w->client, 9, 17, w->now_ms), ERR_OK);
    settle(w);
    assert_int_equal(w->graph.block, 17);
    assert_int_equal(w->graph.last_epoch_block, 17);
    assert_int_equal(w->graph.next_epoch_block, 38);
    assert_int_equal(chain_read_metagraph_at(w->client, 9, w->head + 1, w->now_ms), ERR_NOT_FOUND);
    close_world(w);
}

static void test_weights_are_confirmed_at_a_finalized_block(void **state)
{
    (void)state;
    struct world *w = open_world("//validator/0");
    start_client(w);
    struct chain_action a = weights_of(some_uids, some_values, 2);
    const struct result *r = submit(w, &a, 10);
    expect(r, CHAIN_CONFIRMED, "");
    assert_true(r->block <= devchain_finalized(&w->chain));
    assert_int_equal(chain_counters(w->client)->resigned, 0);
    /* The same once more: an effect that was there before proves nothing. */
    uint64_t first = r->block;
    r = submit(w, &a, 10);
    expect(r, CHAIN_CONFIRMED, "");
    assert_true(r->block > first);
    close_world(w);
}

static void test_errors_have_the_names_of_the_runtime(void **state)
{
    (void)state;
    static const uint16_t twice[] = {4, 4}, far[] = {4, 99};
    struct world *w = open_world("//validator/0");
    start_client(w);
    struct chain_action a = weights_of(twice, some_values, 2);
    const struct result *r = submit(w, &a, 10);
    expect(r, CHAIN_FAILED, "DuplicateUids");
    assert_true(r->block > 0);
    a = weights_of(some_uids, some_values, 2);
    expect(submit(w, &a, 10), CHAIN_CONFIRMED, "");
    a = weights_of(far, some_values, 2); /* There is a row now, but not of these. */
    expect(submit(w, &a, 10), CHAIN_FAILED, "UidVecContainInvalidOne");
    struct chain_action commit = {.kind = CHAIN_COMMIT_WEIGHTS};
    expect(submit(w, &commit, 10), CHAIN_FAILED, "CommitRevealDisabled");
    struct chain_action other = weights_of(some_uids, some_values, 2);
    other.weights.mechanism = 1;
    expect(submit(w, &other, 10), CHAIN_UNSUPPORTED, "UNSUPPORTED");
    w->refuse_signing = true;
    expect(submit(w, &a, 10), CHAIN_UNSIGNED, "");
    close_world(w);
}

static void test_a_miner_and_a_stranger(void **state)
{
    (void)state;
    struct world *w = open_world("//miner/0");
    start_client(w);
    struct chain_action a = weights_of(some_uids, some_values, 2);
    expect(submit(w, &a, 10), CHAIN_FAILED, "NeuronNoValidatorPermit");
    struct chain_action axon = {
        .kind = CHAIN_SERVE_AXON,
        .axon = {
            .version = 3, .ip = {[12] = 127, [15] = 1}, .port = 8091, .ip_type = 4, .protocol = 4}};
    expect(submit(w, &axon, 10), CHAIN_CONFIRMED, "");
    close_world(w);
    w = open_world("//Bob");
    start_client(w);
    expect(submit(w, &a, 10), CHAIN_REFUSED, "HotKeyNotRegisteredInSubNet");
    struct chain_action enter = {.kind = CHAIN_REGISTER};
    expect(submit(w, &enter, 10), CHAIN_CONFIRMED, "");
    expect(submit(w, &a, 10), CHAIN_FAILED, "NeuronNoValidatorPermit");
    close_world(w);
}

static void test_a_commitment_is_confirmed(void **state)
{
    (void)state;
    struct world *w = open_world("//validator/1");
    start_client(w);
    struct chain_action a = {.kind = CHAIN_SET_COMMITMENT,
                             .commitment = SPAN_LITERAL("a root of thirty-two bytes, say.")};
    expect(submit(w, &a, 10), CHAIN_CONFIRMED, "");
    close_world(w);
}

/* What a reading says of our own rows, with the epoch that the commit's block is in. */
static void expect_own(struct world *w, const struct hash *commit, const struct call_weights *shown)
{
    assert_int_equal(chain_read_metagraph(w->client, 9, w->now_ms), ERR_OK);
    settle(w);
    assert_true(w->has_graph && w->graph.has_own);
    assert_int_equal(w->graph.commit_count, commit != NULL);
    if (commit != NULL) {
        assert_true(hash_equal(&w->graph.commits[0].hash, commit));
        assert_int_equal(w->graph.commits[0].epoch, w->graph.epoch_index);
    }
    if (shown != NULL)
        assert_true(chain_weights_are(w->graph.weights_row, shown));
    else
        assert_int_equal(w->graph.weights_row.len, 0);
}

static void test_commit_then_reveal(void **state)
{
    (void)state;
    static const uint16_t salt[] = {7, 8};
    struct world *w = open_world("//validator/0");
    devchain_close(&w->chain);
    nftw(w->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(w->dir, 0700), 0);
    w->config.commit_reveal = true;
    open_chain(w);
    start_client(w);
    struct chain_action set = weights_of(some_uids, some_values, 2);
    expect(submit(w, &set, 10), CHAIN_FAILED, "CommitRevealEnabled");
    struct chain_action commit = {.kind = CHAIN_COMMIT_WEIGHTS};
    commit.commit = call_commit_hash(sr25519_public(w->key), &set.weights, salt, 2);
    expect_own(w, NULL, NULL);
    expect(submit(w, &commit, 10), CHAIN_CONFIRMED, "");
    expect_own(w, &commit.commit, NULL);
    struct chain_action reveal = set;
    reveal.kind = CHAIN_REVEAL_WEIGHTS;
    reveal.salt = salt;
    reveal.salt_count = 2;
    expect(submit(w, &reveal, 10), CHAIN_FAILED, "RevealTooEarly");
    seal(w, 21);
    expect(submit(w, &reveal, 10), CHAIN_CONFIRMED, "");
    expect_own(w, NULL, &set.weights);
    /* A reveal that fails late gives back the commit that it had taken. */
    static const uint16_t twice[] = {4, 4};
    set = weights_of(twice, some_values, 2);
    commit.commit = call_commit_hash(sr25519_public(w->key), &set.weights, salt, 2);
    expect(submit(w, &commit, 10), CHAIN_CONFIRMED, "");
    reveal.weights = set.weights;
    const struct result *r;
    do
        r = submit(w, &reveal, 10);
    while (strcmp(r->name, "RevealTooEarly") == 0);
    expect(r, CHAIN_FAILED, "DuplicateUids");
    expect(submit(w, &reveal, 10), CHAIN_FAILED, "DuplicateUids");
    close_world(w);
}

static void test_submissions_wait_for_one_another_and_for_a_connection(void **state)
{
    (void)state;
    struct world *w = open_world("//validator/0");
    start_client(w);
    struct chain_action a = weights_of(some_uids, some_values, 2);
    struct chain_action b = {.kind = CHAIN_SET_COMMITMENT, .commitment = SPAN_LITERAL("x")};
    assert_int_equal(chain_submit(w->client, 1, &a, w->now_ms), ERR_OK);
    assert_int_equal(chain_submit(w->client, 1, &b, w->now_ms), ERR_CONFLICT);
    assert_int_equal(chain_submit(w->client, 2, &b, w->now_ms), ERR_OK);
    assert_int_equal(chain_submit(w->client, 3, &b, w->now_ms), ERR_OK);
    assert_int_equal(chain_submit(w->client, 4, &b, w->now_ms), ERR_OK);
    assert_int_equal(chain_submit(w->client, 5, &b, w->now_ms), ERR_FULL);
    settle(w);
    seal(w, 1);
    /* The link breaks while the first is in a block that is not final. */
    w->connected = false;
    devrpc_on_close(&w->rpc, 1);
    drop_frames(w);
    chain_on_disconnected(w->client, CHAIN_WHY_CLOSED, w->now_ms);
    settle(w);
    assert_int_equal(w->why, CHAIN_WHY_CLOSED);
    seal(w, 30);
    assert_int_equal(w->ready, 2);
    assert_int_equal(w->result_count, 4);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(w->results[i].token, i + 1);
        expect(&w->results[i], CHAIN_CONFIRMED, "");
    }
    close_world(w);
}

static void test_a_dead_link_is_noticed(void **state)
{
    (void)state;
    struct world *w = open_world("//validator/0");
    start_client(w);
    uint64_t lost = w->now_ms;
    devrpc_on_close(&w->rpc, 1); /* No more heads, and nothing else happens. */
    while (w->downs == 0) {
        w->now_ms = chain_wake_at(w->client);
        w->hold = true;
        chain_on_time(w->client, w->now_ms);
        settle(w);
        assert_true(w->now_ms < lost + 200000);
    }
    assert_int_equal(w->why, CHAIN_WHY_SILENT);
    while (w->why == CHAIN_WHY_SILENT) { /* It dials, asks, and gets no answer. */
        w->now_ms = chain_wake_at(w->client);
        chain_on_time(w->client, w->now_ms);
        settle(w);
    }
    assert_int_equal(w->why, CHAIN_WHY_STALLED);
    w->hold = false;
    while (w->ready == 1) {
        w->now_ms = chain_wake_at(w->client);
        chain_on_time(w->client, w->now_ms);
        settle(w);
    }
    seal(w, 3);
    struct chain_action a = weights_of(some_uids, some_values, 2);
    expect(submit(w, &a, 10), CHAIN_CONFIRMED, "");
    close_world(w);
}

/* The pool forgets everything, again and again. */
static void test_what_is_never_included_ends(void **state)
{
    (void)state;
    struct world *w = open_world("//validator/0");
    start_client(w);
    struct chain_action a = weights_of(some_uids, some_values, 2);
    assert_int_equal(chain_submit(w->client, 77, &a, w->now_ms), ERR_OK);
    settle(w);
    for (int i = 0; i < 60 && w->result_count == 0; i++) {
        w->chain.pool_count = 0;
        seal(w, 1);
    }
    assert_int_equal(w->result_count, 1);
    expect(&w->results[0], CHAIN_EXPIRED, "");
    assert_int_equal(chain_counters(w->client)->resigned, CHAIN_TRIES_MAX);
    close_world(w);
}

/* Something else uses the same key and takes the nonce first. */
static void test_a_nonce_that_was_taken_is_fetched_anew(void **state)
{
    (void)state;
    struct world *w = open_world("//validator/0");
    start_client(w);
    struct chain_action a = weights_of(some_uids, some_values, 2);
    assert_int_equal(chain_submit(w->client, 5, &a, w->now_ms), ERR_OK);
    settle(w);
    assert_int_equal(w->chain.pool_count, 1);
    w->chain.pool_count = 0;
    assert_int_equal(devdb_begin(&w->chain.db, true), ERR_OK);
    w->chain.at = w->chain.head;
    struct dev_balance b = dev_balance(&w->chain, sr25519_public(w->key));
    b.nonce += 3;
    assert_int_equal(dev_put_balance(&w->chain, sr25519_public(w->key), &b), ERR_OK);
    assert_int_equal(devdb_commit(&w->chain.db), ERR_OK);
    seal(w, 12);
    assert_int_equal(w->result_count, 1);
    expect(&w->results[0], CHAIN_CONFIRMED, "");
    assert_int_equal(chain_counters(w->client)->resigned, 1);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_reads_the_metagraph_at_finalized_blocks),
        cmocka_unit_test(test_weights_are_confirmed_at_a_finalized_block),
        cmocka_unit_test(test_errors_have_the_names_of_the_runtime),
        cmocka_unit_test(test_a_miner_and_a_stranger),
        cmocka_unit_test(test_a_commitment_is_confirmed),
        cmocka_unit_test(test_commit_then_reveal),
        cmocka_unit_test(test_submissions_wait_for_one_another_and_for_a_connection),
        cmocka_unit_test(test_a_dead_link_is_noticed),
        cmocka_unit_test(test_what_is_never_included_ends),
        cmocka_unit_test(test_a_nonce_that_was_taken_is_fetched_anew),
    };
    return cmocka_run_group_tests_name("devchain_client", all, NULL, NULL);
}
