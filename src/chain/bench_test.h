/* bench_test: the chain client against a scripted endpoint.  Tests only. */
#ifndef CHAIN_BENCH_TEST_H
#define CHAIN_BENCH_TEST_H

#include "chain/chain.h"
#include "chain/chain_test.h"

enum { OUTS_MAX = 128, ANSWERS_MAX = 32 };

#define HASH_A "\"0x1111111111111111111111111111111111111111111111111111111111111111\""
#define HASH_B "\"0x2222222222222222222222222222222222222222222222222222222222222222\""

/* What the endpoint answers to a method, or to a method and runtime function. */
struct answer {
    const char *method;
    const char *body; /* "\"result\":..." or "\"error\":..."; NULL: nothing */
};

struct bench {
    struct arena arena;
    struct chain_config config;
    struct chain *chain;
    uint64_t now_ms;
    char *metadata; /* a body */
    uint32_t answer_count;
    struct answer answers[ANSWERS_MAX];
    uint32_t asked;
    char last[2048]; /* the latest frame sent */
    uint32_t dials, endpoint, readies, downs, heads, graphs, signs, results;
    enum chain_why why;
    uint64_t head;
    bool graph_good;
    struct chain_metagraph graph;
    uint32_t spec_version;
    uint8_t implicit_spec;
    enum chain_outcome outcome;
    char name[CHAIN_NAME_MAX];
    /* What the state says of us; no row: what the answers above say. */
    bool has_row, late_signer;
    uint8_t row[128];
    size_t row_size;
    uint32_t nonce;
    uint64_t token;
    char extrinsic[1024]; /* as it was submitted, in hex */
    long long walked;     /* the latest block whose hash was asked for */
};

[[maybe_unused]] static inline void answer(struct bench *b, const char *method, const char *body)
{
    for (uint32_t i = 0; i < b->answer_count; i++)
        if (strcmp(b->answers[i].method, method) == 0) {
            b->answers[i].body = body;
            return;
        }
    assert_true(b->answer_count < ANSWERS_MAX);
    b->answers[b->answer_count++] = (struct answer){method, body};
}

[[maybe_unused]] static inline const char *body_for(struct bench *b, const char *method,
                                                    const char *function)
{
    char both[128];
    snprintf(both, sizeof both, "%s:%s", method, function == NULL ? "" : function);
    for (uint32_t i = 0; i < b->answer_count; i++)
        if (strcmp(b->answers[i].method, both) == 0)
            return b->answers[i].body;
    for (uint32_t i = 0; i < b->answer_count; i++)
        if (strcmp(b->answers[i].method, method) == 0)
            return b->answers[i].body;
    return NULL;
}

[[maybe_unused]] static inline void tell(struct bench *b, const char *text)
{
    chain_on_text(b->chain, span_of(text, strlen(text)), b->now_ms);
}

/* The account's row and the row of the effect, under the keys that were asked for. */
[[maybe_unused]] static inline void say_rows(struct bench *b, const json_t *params, char *body,
                                             size_t size)
{
    char row[2 * sizeof b->row + 3] = "";
    hex_encode(span_of(b->row, b->row_size), row, sizeof row);
    const json_t *keys = json_array_get(params, 0);
    snprintf(body, size, "\"result\":[{\"changes\":[[\"%s\",\"0x%02x000000\"],[\"%s\",\"0x%s\"]]}]",
             json_string_value(json_array_get(keys, 0)), b->nonce,
             json_string_value(json_array_get(keys, 1)), row);
}

[[maybe_unused]] static inline void note_request(struct bench *b, const char *method,
                                                 const json_t *first)
{
    if (strcmp(method, "author_submitExtrinsic") == 0)
        snprintf(b->extrinsic, sizeof b->extrinsic, "%s", json_string_value(first));
    if (strcmp(method, "chain_getBlockHash") == 0)
        b->walked = json_integer_value(first);
}

[[maybe_unused]] static inline void on_sent(struct bench *b, struct span text)
{
    char rows[1024];
    json_t *request = json_loadb((const char *)text.ptr, text.len, 0, NULL);
    assert_non_null(request);
    b->asked++;
    snprintf(b->last, sizeof b->last, "%.*s", (int)min_u64(text.len, sizeof b->last - 1),
             (const char *)text.ptr);
    const json_t *first = json_array_get(json_object_get(request, "params"), 0);
    const char *method = json_string_value(json_object_get(request, "method"));
    const char *body = body_for(b, method, json_string_value(first));
    note_request(b, method, first);
    if (b->has_row && strcmp(method, "state_queryStorageAt") == 0) {
        say_rows(b, json_object_get(request, "params"), rows, sizeof rows);
        body = rows;
    }
    if (body != NULL) {
        size_t size = strlen(body) + 64;
        char *reply = test_malloc(size);
        snprintf(reply, size, "{\"jsonrpc\":\"2.0\",\"id\":%lld,%s}",
                 (long long)json_integer_value(json_object_get(request, "id")), body);
        tell(b, reply);
        test_free(reply);
    }
    json_decref(request);
}

[[maybe_unused]] static inline void perform(struct bench *b, const struct chain_out *out)
{
    static const struct signature signature;
    switch (out->kind) {
    case CHAIN_OUT_DIAL:
        b->dials++;
        b->endpoint = out->endpoint;
        return;
    case CHAIN_OUT_SEND:
        on_sent(b, out->text);
        return;
    case CHAIN_OUT_CLOSE:
        return;
    case CHAIN_OUT_READY:
        b->readies++;
        b->spec_version = out->spec_version;
        return;
    case CHAIN_OUT_DOWN:
        b->downs++;
        b->why = out->why;
        return;
    case CHAIN_OUT_HEAD:
        b->heads++;
        b->head = out->block;
        return;
    case CHAIN_OUT_METAGRAPH:
        b->graphs++;
        b->graph_good = out->metagraph != NULL;
        if (b->graph_good)
            b->graph = *out->metagraph;
        return;
    case CHAIN_OUT_SIGN:
        b->signs++;
        b->implicit_spec = out->implicit.ptr[0];
        b->token = out->token;
        if (!b->late_signer)
            chain_signed(b->chain, out->token, &signature, b->now_ms);
        return;
    case CHAIN_OUT_WEIGHTS: /* Not asked for. */
        break;
    case CHAIN_OUT_RESULT:
        b->results++;
        b->outcome = out->outcome;
        memcpy(b->name, out->name, sizeof b->name);
        return;
    }
}

[[maybe_unused]] static inline void drain(struct bench *b)
{
    struct chain_out out;
    while (chain_poll(b->chain, &out))
        perform(b, &out);
}

[[maybe_unused]] static inline struct bench *open_bench(const char *metadata)
{
    struct bench *b = test_calloc(1, sizeof *b);
    assert_int_equal(arena_open(&b->arena, 16 << 20), ERR_OK);
    size_t mark = arena_mark(&b->arena);
    struct span bytes = read_zstd(&b->arena, metadata);
    size_t size = 2 * bytes.len + 32;
    b->metadata = test_malloc(size);
    memcpy(b->metadata, "\"result\":\"0x", 12);
    hex_encode(bytes, b->metadata + 12, size - 12);
    memcpy(b->metadata + 12 + 2 * bytes.len, "\"", 2);
    arena_reset(&b->arena, mark);
    chain_config_default(&b->config);
    b->config.has_genesis = true;
    memset(b->config.genesis.bytes, 0x11, HASH_SIZE);
    b->config.has_hotkey = true;
    b->now_ms = 1000;
    answer(b, "chain_getBlockHash", "\"result\":" HASH_A);
    answer(b, "state_getRuntimeVersion",
           "\"result\":{\"specVersion\":200,\"transactionVersion\":1}");
    answer(b, "state_getMetadata", b->metadata);
    answer(b, "chain_subscribeFinalizedHeads", "\"result\":\"x1\"");
    answer(b, "state_subscribeRuntimeVersion", "\"error\":{\"code\":-32601,\"message\":\"no\"}");
    return b;
}

[[maybe_unused]] static inline void start(struct bench *b)
{
    assert_int_equal(chain_init(&b->chain, &b->arena, &b->config, b->now_ms), ERR_OK);
    drain(b);
    assert_int_equal(b->dials, 1);
}

[[maybe_unused]] static inline void connect_now(struct bench *b)
{
    chain_on_connected(b->chain, b->now_ms);
    drain(b);
}

[[maybe_unused]] static inline void wake(struct bench *b)
{
    b->now_ms = chain_wake_at(b->chain);
    chain_on_time(b->chain, b->now_ms);
    drain(b);
}

[[maybe_unused]] static inline void announce(struct bench *b, const char *number)
{
    char text[256];
    snprintf(text, sizeof text,
             "{\"jsonrpc\":\"2.0\",\"method\":\"chain_finalizedHead\",\"params\":"
             "{\"subscription\":\"x1\",\"result\":{\"number\":\"%s\"}}}",
             number);
    tell(b, text);
    drain(b);
}

[[maybe_unused]] static inline void close_bench(struct bench *b)
{
    arena_close(&b->arena);
    test_free(b->metadata);
    test_free(b);
}

/* The account's row (nonce 7) and uid 0, for a zero hotkey on subnet 2. */
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define HASHED_ZEROS "ff0f22492f44bac4c4b30ae58d0e8daa" ZEROS
#define ACCOUNT_ROW                                                                                \
    "[\"0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9" HASHED_ZEROS           \
    "\",\"0x07000000\"]"
#define UID_ROW                                                                                    \
    "[\"0x658faa385070e074c85bf6b568cf0555aab1b4e78e1ea8305462ee53b3686dc80200" HASHED_ZEROS       \
    "\",\"0x0000\"]"

[[maybe_unused]] static inline struct bench *open_submitter(void)
{
    struct bench *b = open_bench(SPEC_293);
    start(b);
    connect_now(b);
    announce(b, "0x64");
    answer(b, "state_queryStorageAt", "\"result\":[{\"changes\":[" ACCOUNT_ROW "," UID_ROW "]}]");
    return b;
}

[[maybe_unused]] static inline void submit(struct bench *b, const char *pool)
{
    static const uint16_t one[] = {1};
    struct chain_action a = {.kind = CHAIN_SET_WEIGHTS,
                             .weights = {.netuid = 2, .count = 1, .uids = one, .values = one}};
    answer(b, "author_submitExtrinsic", pool);
    assert_int_equal(chain_submit(b->chain, 9, &a, b->now_ms), ERR_OK);
    drain(b);
}

#endif
