/* The development chain without a socket: recorded answers of the real runtime,
 * byte for byte, and every rule that an extrinsic can break. */
#include "chain/chain_test.h"

#include <ftw.h>
#include <unistd.h>

#include "cmd/devchain_rpc.h"
#include "crypto/sr25519.h"

enum { SEND_MAX = 64, NETUID = 2 };

struct bench {
    char dir[64];
    struct arena arena;
    struct devchain_config config;
    struct devchain chain;
    struct devrpc rpc;
    uint64_t now_ms;
    uint32_t sent_count;
    json_t *sent[SEND_MAX]; /* what session 1 was told */
};

static void on_send(void *ctx, uint64_t session, struct span text)
{
    struct bench *b = ctx;
    assert_int_equal(session, 1);
    assert_true(b->sent_count < SEND_MAX);
    b->sent[b->sent_count] = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    assert_non_null(b->sent[b->sent_count++]);
}

static void forget(struct bench *b)
{
    for (uint32_t i = 0; i < b->sent_count; i++)
        json_decref(b->sent[i]);
    b->sent_count = 0;
}

static void start(struct bench *b)
{
    assert_int_equal(devchain_open(&b->chain, &b->config), ERR_OK);
    assert_int_equal(devrpc_init(&b->rpc, &b->chain, &b->arena, on_send, b), ERR_OK);
}

static struct bench *open_bench(bool recorded)
{
    struct bench *b = test_calloc(1, sizeof *b);
    snprintf(b->dir, sizeof b->dir, "/tmp/devchain-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    assert_int_equal(arena_open(&b->arena, 64 << 20), ERR_OK);
    devchain_config_default(&b->config);
    b->config.dir = b->dir;
    b->config.no_sync = true;
    b->config.genesis = recorded ? CHAIN_DATA "/overlay-subnet2.json" : NULL;
    b->now_ms = 1750000000000;
    start(b);
    return b;
}

static int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *f)
{
    (void)s;
    (void)kind;
    (void)f;
    return remove(path);
}

static void close_bench(struct bench *b)
{
    forget(b);
    devchain_close(&b->chain);
    arena_close(&b->arena);
    nftw(b->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    test_free(b);
}

/* One request; the reply is the last thing sent before notifications. */
static json_t *ask(struct bench *b, const char *method, json_t *params)
{
    json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", method,
                                "params", params);
    char *text = json_dumps(request, 0);
    json_decref(request);
    forget(b);
    devrpc_on_text(&b->rpc, 1, span_of(text, strlen(text)), b->now_ms);
    free(text);
    assert_true(b->sent_count >= 1);
    return b->sent[0];
}

static const json_t *result_of(const json_t *reply)
{
    const json_t *error = json_object_get(reply, "error");
    if (error != NULL)
        fail_msg("%s", json_dumps(error, 0));
    return json_object_get(reply, "result");
}

static void seal(struct bench *b, int blocks)
{
    for (int i = 0; i < blocks; i++) {
        b->now_ms += 1000;
        assert_int_equal(devrpc_seal(&b->rpc, b->now_ms), ERR_OK);
    }
}

/* ---- Recorded answers ---- */

/* Where a runtime that has emission, another block hash or another way to say
 * something differs, and why it is not compared. */
static bool is_comparable(const char *method, const json_t *params, const json_t *result)
{
    static const char *const skipped[] = {"system_chain",       "state_getRuntimeVersion",
                                          "chain_getBlockHash", "chain_getFinalizedHead",
                                          "chain_getHeader",    "chain_getBlock"};
    for (size_t i = 0; i < COUNT_OF(skipped); i++)
        if (strcmp(skipped[i], method) == 0)
            return false;
    const char *first = json_string_value(json_array_get(params, 0));
    /* The whole metagraph holds emission of block 1, which is tested apart. */
    bool whole = first != NULL && strcmp(first, "SubnetInfoRuntimeApi_get_metagraph") == 0;
    bool events = first != NULL && strstr(first, "80d41e5e16056765bc8461851072c9d7") != NULL;
    return !events && (!whole || json_string_length(result) < 8);
}

static void test_answers_like_the_recorded_runtime(void **state)
{
    (void)state;
    struct bench *b = open_bench(true);
    json_t *fixtures = read_json("fixtures-spec293.json");
    size_t i;
    uint32_t compared = 0;
    json_t *call;
    seal(b, 1);
    json_array_foreach(json_object_get(fixtures, "calls"), i, call)
    {
        const char *method = json_string_value(json_object_get(call, "method"));
        json_t *params = json_object_get(call, "params");
        const json_t *want = json_object_get(call, "result");
        if (!is_comparable(method, params, want))
            continue;
        const json_t *got = result_of(ask(b, method, json_incref(params)));
        if (!json_equal(got, want))
            fail_msg("%s %s\n got %s\nwant %s", method, json_dumps(params, 0),
                     json_dumps(got, JSON_ENCODE_ANY), json_dumps(want, JSON_ENCODE_ANY));
        compared++;
    }
    assert_true(compared >= 27);
    json_decref(fixtures);
    close_bench(b);
}

/* ---- What an extrinsic can do wrong ---- */

struct attempt {
    const char *uri;
    uint64_t nonce;
    struct era era;
    uint32_t spec_version;
    bool other_genesis;
    bool spoil; /* one bit of the signature */
};

static struct span make(struct bench *b, const struct attempt *t, struct span call)
{
    static const uint8_t entropy[SR25519_ENTROPY_SIZE];
    struct devchain *d = &b->chain;
    struct extrinsic_terms terms = {.era = t->era,
                                    .nonce = t->nonce,
                                    .spec_version = t->spec_version,
                                    .tx_version = DEVCHAIN_TX_VERSION,
                                    .genesis = d->genesis,
                                    .birth = t->era.mortal ? d->head_hash : d->genesis};
    if (t->other_genesis)
        terms.genesis.bytes[0] ^= 1;
    uint8_t extra[EXTRA_SIZE_MAX], implicit[IMPLICIT_SIZE_MAX], message[SIGNED_PLAIN_MAX];
    struct wr we = wr_init((struct room){extra, sizeof extra});
    struct wr wi = wr_init((struct room){implicit, sizeof implicit});
    assert_int_equal(extrinsic_extras(&d->metadata, &terms, &we, &wi), ERR_OK);
    size_t size = extrinsic_message(call, wr_done(&we), wr_done(&wi), message);
    struct sr25519_keypair *key;
    struct signature signature;
    assert_int_equal(sr25519_from_uri(span_of(t->uri, strlen(t->uri)), &key), ERR_OK);
    sr25519_sign(key, span_of(message, size), entropy, &signature);
    if (t->spoil)
        signature.bytes[5] ^= 1;
    struct room room = {arena_alloc(&b->arena, call.len + 256), call.len + 256};
    struct wr w = wr_init(room);
    assert_int_equal(extrinsic_assemble(sr25519_public(key), &signature, wr_done(&we), call, &w),
                     ERR_OK);
    sr25519_close(key);
    return wr_done(&w);
}

static struct span remark(struct bench *b)
{
    struct wr w = wr_init((struct room){arena_alloc(&b->arena, 64), 64});
    assert_int_equal(call_remark(&b->chain.metadata, SPAN_LITERAL("hello"), &w), ERR_OK);
    return wr_done(&w);
}

static struct span set_weights(struct bench *b, uint16_t first, uint64_t version_key)
{
    uint16_t uids[] = {first, 5}, values[] = {1, 2};
    struct call_weights c = {NETUID, 0, 2, uids, values, version_key};
    struct wr w = wr_init((struct room){arena_alloc(&b->arena, 128), 128});
    assert_int_equal(call_set_weights(&b->chain.metadata, &c, &w), ERR_OK);
    return wr_done(&w);
}

/* What the pool says; NULL: it took it. */
static const char *offer(struct bench *b, struct span bytes)
{
    struct hash hash;
    struct invalid why = {0};
    arena_reset(&b->chain.scratch, 0);
    assert_int_equal(devdb_begin(&b->chain.db, false), ERR_OK);
    enum err e = devchain_submit(&b->chain, bytes, &hash, &why);
    devdb_abort(&b->chain.db);
    return e == ERR_OK ? NULL : why.text;
}

static struct attempt by(const char *uri, uint64_t nonce)
{
    return (struct attempt){.uri = uri, .nonce = nonce, .spec_version = DEVCHAIN_SPEC_VERSION};
}

static uint64_t nonce_of(struct bench *b, const char *uri)
{
    struct sr25519_keypair *key;
    assert_int_equal(sr25519_from_uri(span_of(uri, strlen(uri)), &key), ERR_OK);
    arena_reset(&b->chain.scratch, 0);
    assert_int_equal(devdb_begin(&b->chain.db, false), ERR_OK);
    b->chain.at = b->chain.head;
    uint64_t nonce = dev_balance(&b->chain, sr25519_public(key)).nonce;
    devdb_abort(&b->chain.db);
    sr25519_close(key);
    return nonce;
}

static void test_the_pool_refuses_what_is_not_signed_for_here_and_now(void **state)
{
    (void)state;
    struct bench *b = open_bench(false);
    seal(b, 3);
    struct attempt t = by("//Alice", 0);
    t.spoil = true;
    assert_string_equal(offer(b, make(b, &t, remark(b))), "Transaction has a bad signature");
    t = by("//Alice", 0);
    t.other_genesis = true;
    assert_string_equal(offer(b, make(b, &t, remark(b))), "Transaction has a bad signature");
    t = by("//Alice", 0);
    t.spec_version++;
    assert_string_equal(offer(b, make(b, &t, remark(b))), "Transaction has a bad signature");
    t = by("//Alice", 0);
    t.era = era_at(b->chain.head + 1, 8); /* Born in a block that is not there. */
    assert_string_equal(offer(b, make(b, &t, remark(b))), "Transaction has an ancient birth block");
    t = by("//Ferdie", 0);
    assert_non_null(strstr(offer(b, make(b, &t, remark(b))), "pay some fees"));
    assert_non_null(offer(b, SPAN_LITERAL("\x28\x04\x02\x00\x0b\x48\xd0\x20\x74\x97\x01")));
    assert_non_null(offer(b, SPAN_LITERAL("\x04\x84")));
    assert_int_equal(b->chain.pool_count, 0);
    close_bench(b);
}

static void test_nonces_are_used_once_and_in_order(void **state)
{
    (void)state;
    struct bench *b = open_bench(false);
    struct attempt first = by("//Alice", 0), second = by("//Alice", 1);
    struct span one = make(b, &first, remark(b)), two = make(b, &second, remark(b));
    assert_null(offer(b, two));
    seal(b, 2);
    assert_int_equal(nonce_of(b, "//Alice"), 0); /* It waits for the one before it. */
    assert_int_equal(b->chain.pool_count, 1);
    assert_null(offer(b, one));
    assert_string_equal(offer(b, one), "Transaction is already imported");
    struct span rival = make(b, &first, set_weights(b, 4, 0));
    assert_string_equal(offer(b, rival), "Priority is too low");
    seal(b, 1);
    assert_int_equal(nonce_of(b, "//Alice"), 2); /* Both, in one block. */
    assert_int_equal(b->chain.pool_count, 0);
    assert_string_equal(offer(b, one), "Transaction is outdated");
    assert_string_equal(offer(b, two), "Transaction is outdated");
    close_bench(b);
}

static void test_an_era_that_passed_in_the_pool_is_never_included(void **state)
{
    (void)state;
    struct bench *b = open_bench(false);
    seal(b, 1);
    struct attempt t = by("//Alice", 1); /* Nonce 0 never comes. */
    t.era = era_at(b->chain.head, 4);
    assert_null(offer(b, make(b, &t, remark(b))));
    seal(b, 3);
    assert_int_equal(b->chain.pool_count, 1);
    seal(b, 2);
    assert_int_equal(b->chain.pool_count, 0);
    close_bench(b);
}

/* The row of validator 0's weights, after everything that waits was applied. */
static struct span weights_row(struct bench *b)
{
    struct row row = row_u16_u16("Weights", NETUID, 0);
    seal(b, 1);
    arena_reset(&b->chain.scratch, 0);
    assert_int_equal(devdb_begin(&b->chain.db, false), ERR_OK);
    b->chain.at = b->chain.head;
    struct span s = arena_copy(&b->arena, dev_read(&b->chain, &row));
    devdb_abort(&b->chain.db);
    return s;
}

static void test_a_failed_call_leaves_its_nonce_and_nothing_else(void **state)
{
    (void)state;
    struct bench *b = open_bench(false);
    struct attempt t = by("//validator/0", 0);
    assert_null(offer(b, make(b, &t, set_weights(b, 5, 0)))); /* 5 twice */
    assert_span_equal(weights_row(b), SPAN_LITERAL("\x00"));
    assert_int_equal(nonce_of(b, "//validator/0"), 1);
    t = by("//validator/0", 1);
    assert_null(offer(b, make(b, &t, set_weights(b, 4, 0))));
    assert_span_equal(weights_row(b), SPAN_LITERAL("\x08\x04\x00\x00\x80\x05\x00\xff\xff"));
    close_bench(b);
}

static void restart(struct bench *b)
{
    forget(b);
    devchain_close(&b->chain);
    arena_reset(&b->arena, 0);
    start(b);
}

static struct bench *open_strict(void)
{
    struct bench *b = open_bench(false);
    devchain_close(&b->chain);
    nftw(b->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(b->dir, 0700), 0);
    b->config.rate_limit = 5;
    b->config.version_key = 10;
    b->config.stake_threshold = 1;
    restart(b);
    return b;
}

static void test_version_key_rate_limit_and_stake_threshold(void **state)
{
    (void)state;
    static const uint8_t set[] = {0x08, 4, 0, 0, 0x80, 5, 0, 0xff, 0xff};
    struct bench *b = open_strict();
    struct attempt t = by("//miner/0", 0);
    assert_string_equal(offer(b, make(b, &t, set_weights(b, 4, 10))), "Custom error: 1");
    t = by("//validator/0", 0);
    assert_null(offer(b, make(b, &t, set_weights(b, 4, 9))));
    assert_int_equal(weights_row(b).len, 1); /* IncorrectWeightVersionKey */
    t.nonce = 1;
    assert_null(offer(b, make(b, &t, set_weights(b, 4, 10))));
    assert_span_equal(weights_row(b), span_of(set, sizeof set));
    t.nonce = 2;
    assert_null(offer(b, make(b, &t, set_weights(b, 6, 10))));
    assert_span_equal(weights_row(b), span_of(set, sizeof set)); /* SettingWeightsTooFast */
    seal(b, 4);
    t.nonce = 3;
    assert_null(offer(b, make(b, &t, set_weights(b, 6, 10))));
    assert_int_equal(weights_row(b).ptr[1], 6);
    close_bench(b);
}

/* ---- The disk ---- */

static void test_a_restart_goes_on_and_another_genesis_is_foreign(void **state)
{
    (void)state;
    struct bench *b = open_bench(false);
    struct attempt t = by("//Alice", 0);
    assert_null(offer(b, make(b, &t, remark(b))));
    seal(b, 5);
    struct hash genesis = b->chain.genesis, head = b->chain.head_hash;
    restart(b);
    assert_int_equal(b->chain.head, 5);
    assert_true(hash_equal(&b->chain.genesis, &genesis));
    assert_true(hash_equal(&b->chain.head_hash, &head));
    assert_int_equal(nonce_of(b, "//Alice"), 1);
    devchain_close(&b->chain);
    b->config.tempo++;
    assert_int_equal(devchain_open(&b->chain, &b->config), ERR_FOREIGN);
    b->config.tempo--;
    arena_reset(&b->arena, 0);
    start(b);
    seal(b, 1);
    close_bench(b);
}

static void test_old_states_stay_readable(void **state)
{
    (void)state;
    struct bench *b = open_bench(false);
    static const char number_key[] =
        "0x26aa394eea5630e07c48ae0c9558cef702a5c1b19ab7a04f536c519aca4983ac";
    seal(b, 4);
    json_t *hash = json_incref(
        (json_t *)(uintptr_t)result_of(ask(b, "chain_getBlockHash", json_pack("[i]", 2))));
    const json_t *value =
        result_of(ask(b, "state_getStorage", json_pack("[s,O]", number_key, hash)));
    assert_string_equal(json_string_value(value), "0x02000000");
    value = result_of(ask(b, "state_getStorage", json_pack("[s]", number_key)));
    assert_string_equal(json_string_value(value), "0x04000000");
    json_decref(hash);
    close_bench(b);
}

static void test_bad_requests_get_errors(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{}",
        "7",
        "{\"id\":1,\"method\":\"no_such\",\"params\":[]}",
        "{\"id\":1,\"method\":\"state_call\",\"params\":[\"X\",\"0x\"]}",
        "{\"id\":1,\"method\":\"state_getStorage\",\"params\":[\"zz\"]}",
        "{\"id\":1,\"method\":\"state_getStorage\",\"params\":[\"0x00\",\"0x11\"]}",
        ("{\"id\":1,\"method\":\"state_call\",\"params\":"
         "[\"NeuronInfoRuntimeApi_get_neuron_lite\",\"0x02\"]}"),
        "{\"id\":1,\"method\":\"author_submitExtrinsic\",\"params\":[\"0x00\"]}",
        "{\"id\":1,\"method\":\"chain_getBlockHash\",\"params\":[-1]}",
        "{\"id\":1,\"method\":\"state_subscribeStorage\",\"params\":[7]}"};
    struct bench *b = open_bench(false);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        forget(b);
        devrpc_on_text(&b->rpc, 1, span_of(texts[i], strlen(texts[i])), b->now_ms);
        assert_int_equal(b->sent_count, 1);
        assert_non_null(json_object_get(b->sent[0], "error"));
    }
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_answers_like_the_recorded_runtime),
        cmocka_unit_test(test_the_pool_refuses_what_is_not_signed_for_here_and_now),
        cmocka_unit_test(test_nonces_are_used_once_and_in_order),
        cmocka_unit_test(test_an_era_that_passed_in_the_pool_is_never_included),
        cmocka_unit_test(test_a_failed_call_leaves_its_nonce_and_nothing_else),
        cmocka_unit_test(test_version_key_rate_limit_and_stake_threshold),
        cmocka_unit_test(test_a_restart_goes_on_and_another_genesis_is_foreign),
        cmocka_unit_test(test_old_states_stay_readable),
        cmocka_unit_test(test_bad_requests_get_errors),
    };
    return cmocka_run_group_tests_name("devchain", all, NULL, NULL);
}
