/* The chain client against a scripted endpoint: what honest servers do in odd
 * orders, and what others do. */
#include "chain/bench_test.h"

/* ---- Liars and broken servers ---- */

static void test_another_genesis_is_refused_and_the_next_endpoint_tried(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    b->config.endpoint_count = 2;
    answer(b, "chain_getBlockHash", "\"result\":" HASH_B);
    start(b);
    assert_int_equal(b->endpoint, 0);
    connect_now(b);
    assert_int_equal(b->downs, 1);
    assert_int_equal(b->why, CHAIN_WHY_GENESIS);
    assert_int_equal(b->asked, 1); /* Nothing else was asked of it. */
    assert_int_equal(chain_counters(b->chain)->genesis_refusals, 1);
    answer(b, "chain_getBlockHash", "\"result\":" HASH_A);
    wake(b);
    assert_int_equal(b->endpoint, 1);
    connect_now(b);
    assert_int_equal(b->readies, 1);
    assert_true(chain_is_ready(b->chain));
    close_bench(b);
}

static void test_the_first_genesis_is_pinned(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    b->config.has_genesis = false;
    start(b);
    connect_now(b);
    assert_int_equal(b->readies, 1);
    chain_on_disconnected(b->chain, CHAIN_WHY_CLOSED, b->now_ms);
    drain(b);
    answer(b, "chain_getBlockHash", "\"result\":" HASH_B);
    wake(b);
    connect_now(b);
    assert_int_equal(b->readies, 1);
    assert_int_equal(b->why, CHAIN_WHY_GENESIS);
    close_bench(b);
}

static void test_garbage_ends_the_connection(void **state)
{
    (void)state;
    static char deep[6001];
    memset(deep, '[', sizeof deep - 1);
    static const char *const frames[] = {
        "",
        "not json",
        "[]",
        "\"text\"",
        "{\"id\":",
        deep,
        "\xff\xfe",
        "{\"jsonrpc\":\"2.0\",\"method\":\"chain_finalizedHead\",\"params\":7}",
        "{\"method\":\"chain_finalizedHead\",\"params\":{\"result\":{\"number\":\"0xzz\"}}}"};
    struct bench *b = open_bench(SPEC_293);
    start(b);
    for (uint32_t i = 0; i < COUNT_OF(frames); i++) {
        connect_now(b);
        assert_int_equal(b->readies, i + 1);
        tell(b, frames[i]);
        drain(b);
        assert_int_equal(b->downs, i + 1);
        assert_int_equal(b->why, CHAIN_WHY_GARBAGE);
        wake(b);
        assert_int_equal(b->dials, i + 2);
    }
    connect_now(b);
    tell(b, "{\"jsonrpc\":\"2.0\",\"id\":4242,\"result\":1}"); /* Late: no harm. */
    tell(b, "{}");
    drain(b);
    assert_true(chain_is_ready(b->chain));
    close_bench(b);
}

static void test_what_the_driver_saw_is_told_and_counted(void **state)
{
    (void)state;
    static const enum chain_why whys[] = {CHAIN_WHY_UNREACHABLE, CHAIN_WHY_UNRESOLVED,
                                          CHAIN_WHY_CLOSED, CHAIN_WHY_GARBAGE, CHAIN_WHY_OVERSIZE};
    struct bench *b = open_bench(SPEC_293);
    start(b);
    for (uint32_t i = 0; i < COUNT_OF(whys); i++) {
        connect_now(b);
        chain_on_disconnected(b->chain, whys[i], b->now_ms);
        chain_on_disconnected(b->chain, CHAIN_WHY_CLOSED, b->now_ms); /* Told twice: once. */
        drain(b);
        assert_int_equal(b->downs, i + 1);
        assert_int_equal(b->why, whys[i]);
        wake(b);
    }
    assert_int_equal(chain_counters(b->chain)->disconnects, COUNT_OF(whys));
    assert_int_equal(chain_counters(b->chain)->garbage, 1);
    assert_int_equal(chain_counters(b->chain)->oversize, 1);
    close_bench(b);
}

static void test_a_greeting_of_another_shape_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *body;
        enum chain_why why;
    } cases[] = {
        {"chain_getBlockHash", "\"result\":null", CHAIN_WHY_GARBAGE},
        {"chain_getBlockHash", "\"error\":{\"code\":-1,\"message\":\"busy\"}", CHAIN_WHY_GARBAGE},
        {"chain_getBlockHash", "\"result\":\"0x11\"", CHAIN_WHY_GARBAGE},
        {"state_getRuntimeVersion", "\"result\":{\"specVersion\":\"1\"}", CHAIN_WHY_GARBAGE},
        {"state_getRuntimeVersion", "\"result\":{\"specVersion\":-1,\"transactionVersion\":1}",
         CHAIN_WHY_GARBAGE},
        {"state_getMetadata", "\"result\":\"0x6d657461\"", CHAIN_WHY_RUNTIME},
        {"state_getMetadata", "\"result\":\"0x6d6574610d00\"", CHAIN_WHY_RUNTIME},
        {"state_getMetadata", "\"result\":17", CHAIN_WHY_RUNTIME},
        {"state_getMetadata", "\"result\":\"0xlifted\"", CHAIN_WHY_RUNTIME},
        {"chain_subscribeFinalizedHeads", "\"error\":{\"code\":1}", CHAIN_WHY_GARBAGE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bench *b = open_bench(SPEC_293);
        answer(b, cases[i].method, cases[i].body);
        start(b);
        connect_now(b);
        assert_int_equal(b->downs, 1);
        assert_int_equal(b->why, cases[i].why);
        close_bench(b);
    }
}

/* Long strings do not go through the parser, and are no less looked at. */
static void test_long_digits_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        char digit; /* instead of one in the middle */
        uint32_t dropped, downs;
    } cases[] = {{'0', 0, 0}, {'0', 1, 1}, {'g', 0, 1}, {'\\', 0, 1}, {'"', 0, 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bench *b = open_bench(SPEC_293);
        size_t size = strlen(b->metadata);
        char *middle = b->metadata + size / 2;
        if (cases[i].digit != '0')
            *middle = cases[i].digit;
        memcpy(b->metadata + size - 1 - cases[i].dropped, "\"", 2);
        answer(b, "state_getMetadata", b->metadata);
        start(b);
        connect_now(b);
        assert_int_equal(b->downs, cases[i].downs);
        assert_int_equal(b->readies, 1 - cases[i].downs);
        close_bench(b);
    }
}

static void test_redials_back_off_within_bounds(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    b->config.redial_min_ms = 100;
    b->config.redial_max_ms = 1000;
    start(b);
    uint64_t ceiling = 100;
    for (int i = 0; i < 10; i++) {
        uint64_t before = b->now_ms;
        chain_on_disconnected(b->chain, CHAIN_WHY_UNREACHABLE, b->now_ms);
        drain(b);
        assert_int_equal(b->why, CHAIN_WHY_UNREACHABLE);
        wake(b);
        assert_true(b->now_ms - before >= ceiling / 2 && b->now_ms - before <= ceiling);
        ceiling = min_u64(2 * ceiling, 1000);
    }
    wake(b); /* A dial that is never answered has a deadline too. */
    assert_int_equal(b->why, CHAIN_WHY_UNREACHABLE);
    close_bench(b);
}

static void test_an_endpoint_that_stops_answering_is_left(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    answer(b, "state_getMetadata", NULL);
    start(b);
    connect_now(b);
    assert_int_equal(b->downs, 0);
    uint64_t before = b->now_ms;
    wake(b);
    assert_int_equal(b->now_ms - before, b->config.call_ms);
    assert_int_equal(b->why, CHAIN_WHY_STALLED);
    assert_int_equal(chain_counters(b->chain)->timeouts, 1);
    close_bench(b);
}

/* The words of the events since the last look, those at TRACE_DEBUG left out. */
static void assert_told(struct bench *b, const char *expected)
{
    struct trace *t = chain_trace(b->chain);
    char text[512] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        if (t->events[i].level == TRACE_DEBUG)
            continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", t->events[i].name);
        for (uint32_t k = 0; k < t->events[i].field_count; k++)
            if (t->events[i].fields[k].kind == TRACE_WORD)
                used += (size_t)snprintf(text + used, sizeof text - used, " %s=%s",
                                         t->events[i].fields[k].key, t->events[i].fields[k].word);
        used += (size_t)snprintf(text + used, sizeof text - used, ";");
        assert_true(used < sizeof text);
    }
    t->count = 0;
    assert_string_equal(text, expected);
}

static void lose(struct bench *b, enum chain_why why)
{
    chain_on_disconnected(b->chain, why, b->now_ms);
    drain(b);
    wake(b);
}

static void test_a_loss_is_told_once(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    b->config.endpoint_count = 2;
    b->config.endpoint_names[0] = "ws://one";
    b->config.endpoint_names[1] = "ws://two";
    start(b);
    lose(b, CHAIN_WHY_UNREACHABLE);
    assert_told(b, "chain.lost endpoint=ws://one why=unreachable next=ws://two;");
    lose(b, CHAIN_WHY_UNREACHABLE);
    assert_told(b, "chain.lost endpoint=ws://two why=unreachable next=ws://one;");
    lose(b, CHAIN_WHY_UNREACHABLE);
    lose(b, CHAIN_WHY_UNREACHABLE);
    assert_told(b, "");
    lose(b, CHAIN_WHY_CLOSED);
    assert_told(b, "chain.lost endpoint=ws://one why=closed next=ws://two;");
    connect_now(b);
    assert_true(chain_is_ready(b->chain));
    assert_told(b, "");
    lose(b, CHAIN_WHY_UNREACHABLE); /* It has shown nothing: this is no news. */
    assert_told(b, "");
    connect_now(b);
    announce(b, "0x5");
    announce(b, "0x6");
    assert_told(b, "chain.ready endpoint=ws://one;");
    lose(b, CHAIN_WHY_CLOSED);
    assert_told(b, "chain.lost endpoint=ws://one why=closed next=ws://two;");
    close_bench(b);
}

/* All that is known of a refusal stands in that one line. */
static void test_a_refusal_is_one_line(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    b->config.endpoint_names[0] = "ws://one";
    answer(b, "chain_getBlockHash", "\"result\":" HASH_B);
    start(b);
    connect_now(b);
    struct trace *t = chain_trace(b->chain);
    assert_int_equal(t->count, 1);
    assert_int_equal(t->events[0].level, TRACE_ERROR);
    assert_string_equal(t->events[0].fields[4].key, "genesis");
    assert_int_equal(t->events[0].fields[4].bytes[7], 0x22);
    assert_told(b, "chain.lost endpoint=ws://one why=genesis next=ws://one;");
    answer(b, "chain_getBlockHash", "\"result\":" HASH_A);
    answer(b, "state_getMetadata", "\"result\":17");
    wake(b);
    connect_now(b);
    assert_told(b, "chain.lost endpoint=ws://one why=runtime next=ws://one metadata=MALFORMED;");
    close_bench(b);
}

/* A server that greets well and then talks nonsense is not asked ever more often. */
static void test_an_endpoint_that_shows_no_head_is_dialled_less_often(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    start(b);
    for (int i = 0; i < 8; i++) {
        connect_now(b);
        tell(b, "not json");
        drain(b);
        uint64_t before = b->now_ms;
        wake(b);
        assert_true(b->now_ms - before >= min_u64(250ull << i, 30000));
    }
    connect_now(b);
    announce(b, "0x5");
    tell(b, "not json"); /* At once after its first head: it was of no use. */
    drain(b);
    uint64_t before = b->now_ms;
    wake(b);
    assert_true(b->now_ms - before >= 30000);
    connect_now(b);
    announce(b, "0x6");
    b->now_ms += b->config.redial_max_ms;
    tell(b, "not json"); /* It was of use for long. */
    drain(b);
    before = b->now_ms;
    wake(b);
    assert_true(b->now_ms - before <= 500);
    close_bench(b);
}

/* What nobody asked for is harmless, but not without end. */
static void test_a_flood_ends_the_connection(void **state)
{
    (void)state;
    static const char *const frames[] = {
        "{\"jsonrpc\":\"2.0\",\"id\":4242,\"result\":1}", "{\"method\":\"chain_other\"}",
        "{\"method\":\"chain_finalizedHead\",\"params\":{\"result\":{\"number\":\"0x5\"}}}"};
    for (size_t i = 0; i < COUNT_OF(frames); i++) {
        struct bench *b = open_bench(SPEC_293);
        start(b);
        connect_now(b);
        announce(b, "0x5");
        for (uint32_t k = 0; k < CHAIN_STRAYS_MAX; k++)
            tell(b, frames[i]);
        announce(b, "0x6"); /* It is one too many, whatever it says. */
        assert_int_equal(b->why, CHAIN_WHY_FLOOD);
        assert_int_equal(b->downs, 1);
        wake(b);
        connect_now(b);
        for (uint32_t k = 0; k < CHAIN_STRAYS_MAX - 1; k++)
            tell(b, frames[i]);
        announce(b, "0x7"); /* The answer to what this asks for ends the count. */
        for (uint32_t k = 0; k < CHAIN_STRAYS_MAX; k++)
            tell(b, frames[i]);
        drain(b);
        assert_int_equal(b->downs, 1);
        close_bench(b);
    }
}

static void test_who_is_known_to_lie_is_left(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    b->config.endpoint_count = 2;
    start(b);
    chain_distrust(b->chain, b->now_ms); /* Nobody is there to be distrusted. */
    assert_int_equal(b->downs, 0);
    connect_now(b);
    announce(b, "0x5");
    chain_trace(b->chain)->count = 0;
    chain_distrust(b->chain, b->now_ms);
    drain(b);
    assert_int_equal(b->why, CHAIN_WHY_CONTRADICTS);
    assert_told(b, "chain.lost endpoint=endpoint why=contradicts next=endpoint;");
    wake(b);
    assert_int_equal(b->endpoint, 1);
    close_bench(b);
}

/* ---- Heads ---- */

static void test_heads_in_odd_forms_and_orders(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    answer(b, "chain_subscribeFinalizedHeads", NULL);
    start(b);
    connect_now(b);
    announce(b, "0x0000001c"); /* Before the reply that names the subscription. */
    assert_int_equal(b->heads, 1);
    assert_int_equal(b->head, 28);
    announce(b, "0x1b"); /* CH-7 */
    assert_int_equal(b->heads, 1);
    announce(b, "0x1d");
    assert_int_equal(b->head, 29);
    chain_on_disconnected(b->chain, CHAIN_WHY_CLOSED, b->now_ms);
    drain(b);
    wake(b);
    connect_now(b);
    announce(b, "0x10"); /* Another endpoint that lags. */
    assert_int_equal(b->heads, 2);
    answer(b, "chain_getBlockHash", "\"result\":" HASH_B);
    announce(b, "0x1d"); /* The same number under another hash. */
    assert_int_equal(b->heads, 2);
    assert_int_equal(b->why, CHAIN_WHY_GARBAGE);
    close_bench(b);
}

static void test_old_heads_do_not_keep_a_connection(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    start(b);
    connect_now(b);
    announce(b, "0x5");
    uint64_t due = b->now_ms + b->config.head_ms;
    b->now_ms += 60000;
    announce(b, "0x5");
    assert_int_equal(chain_wake_at(b->chain), due);
    wake(b);
    assert_int_equal(b->why, CHAIN_WHY_SILENT);
    close_bench(b);
}

static void another_connection(struct bench *b)
{
    wake(b);
    connect_now(b);
}

/* One endpoint told a head that is far ahead: the others are not lost for that. */
static void test_a_head_that_nobody_reaches_is_forgotten(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    start(b);
    connect_now(b);
    announce(b, "0x5");
    announce(b, "0xffffff");
    assert_int_equal(b->head, 0xffffff);
    for (uint32_t i = 0; i <= b->config.endpoint_count; i++) {
        wake(b); /* silent: it shows no more, or less */
        assert_int_equal(b->why, CHAIN_WHY_SILENT);
        another_connection(b);
        announce(b, "0x6");
        assert_int_equal(b->head, 0xffffff);
    }
    wake(b);
    another_connection(b);
    announce(b, "0x7");
    assert_int_equal(b->head, 7);
    close_bench(b);
}

static void test_heads_that_cannot_be(void **state)
{
    static const char *const numbers[] = {"0x100000000", "0xffffffffffffffff", "0x1000006"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct bench *b = open_bench(SPEC_293);
        start(b);
        connect_now(b);
        announce(b, "0x5");
        announce(b, numbers[i]);
        assert_int_equal(b->why, CHAIN_WHY_GARBAGE);
        assert_int_equal(b->head, 5);
        close_bench(b);
    }
}

/* ---- Reading ---- */

/* A subnet with one neuron, in the selective form for the fields we ask for. */
static char *metagraph_body(uint64_t block, bool newer)
{
    static const uint8_t lists[] = {52, 53, 56, 57, 59, 69};
    static const uint8_t wanted[] = {5, 7, 8, 9, 26, 27, 46, 47, 52, 53, 56, 57, 59, 69};
    uint8_t bytes[512];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_u8(&w, 1);
    scale_put_compact(&w, 2);
    for (uint8_t i = 1; i < (newer ? 74 : 73); i++) {
        bool asked = memchr(wanted, i, sizeof wanted) != NULL;
        wr_bool(&w, asked);
        if (!asked)
            continue;
        if (memchr(lists, i, sizeof lists) != NULL)
            scale_put_compact(&w, 1);
        if (i == 5 || i == 52 || i == 53)
            for (int k = 0; k < 32; k++)
                wr_u8(&w, i);
        else if (i == 46 || i == 56 || i == 57)
            wr_u8(&w, 1);
        else
            scale_put_compact(&w, i == 7 ? block : i == 8 ? 360 : i == 9 ? 100 : i);
    }
    char *body = test_malloc(2048);
    memcpy(body, "\"result\":\"0x", 12);
    hex_encode(wr_done(&w), body + 12, 2000);
    memcpy(body + 12 + 2 * w.used, "\"", 2);
    return body;
}

static void read_graph(struct bench *b, const char *body)
{
    answer(b, "state_call:SubnetInfoRuntimeApi_get_selective_metagraph", body);
    assert_int_equal(chain_read_metagraph(b->chain, 1, b->now_ms), ERR_OK);
    drain(b);
}

static void test_a_runtime_with_its_own_schedule_is_asked(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_424);
    char *body = metagraph_body(500, true);
    start(b);
    connect_now(b);
    assert_int_equal(chain_read_metagraph(b->chain, 1, b->now_ms), ERR_CLOSED);
    announce(b, "0x1f4");
    answer(b, "state_queryStorageAt",
           "\"result\":[{\"changes\":"
           "[[\"0x658faa385070e074c85bf6b568cf05554f101d7a30ae31c7ab3099206c5ae12b0200\","
           "\"0x2a00000000000000\"],"
           "[\"0x658faa385070e074c85bf6b568cf055590010c37124c14146041452f9ffba0df0200\","
           "\"0x9001000000000000\"]]}]");
    answer(b, "state_call:SubnetInfoRuntimeApi_get_next_epoch_start_block",
           "\"result\":\"0x01f802000000000000\"");
    read_graph(b, body);
    assert_true(b->graph_good);
    assert_int_equal(b->graph.neuron_count, 1);
    assert_int_equal(b->graph.neurons[0].stake.rao, 69);
    assert_int_equal(b->graph.epoch_index, 42);
    assert_int_equal(b->graph.last_epoch_block, 400);
    assert_int_equal(b->graph.next_epoch_block, 760);
    answer(b, "state_call:SubnetInfoRuntimeApi_get_next_epoch_start_block",
           "\"error\":{\"code\":4003,\"message\":\"no such function\"}");
    read_graph(b, body);
    assert_int_equal(b->graph.next_epoch_block, 400 + 360);
    test_free(body);
    close_bench(b);
}

/* The endpoint is left for it; the next one, which is the same, is gone to. */
static void assert_refused(struct bench *b)
{
    assert_false(b->graph_good);
    assert_false(chain_is_ready(b->chain));
    assert_int_equal(b->why, CHAIN_WHY_METAGRAPH);
    wake(b);
    connect_now(b);
    announce(b, "0x1f4");
}

static void test_a_metagraph_of_another_block_or_shape_is_refused(void **state)
{
    (void)state;
    struct bench *b = open_bench(SPEC_293);
    char *body = metagraph_body(500, false), *other = metagraph_body(499, false);
    start(b);
    connect_now(b);
    announce(b, "0x1f4");
    read_graph(b, body);
    assert_true(b->graph_good);
    assert_int_equal(b->graph.epoch_index, 503 / 361);
    read_graph(b, other);
    assert_refused(b);
    read_graph(b, "\"result\":\"0x00\""); /* No such subnet; all else is its endpoint's end. */
    assert_false(b->graph_good);
    read_graph(b, "\"result\":null");
    assert_refused(b);
    read_graph(b, "\"error\":{\"code\":1}");
    assert_false(b->graph_good);
    for (size_t cut = 2; cut < strlen(body) - 16; cut += 2) {
        char *shorter = test_malloc(2048);
        snprintf(shorter, 2048, "%.*s\"", (int)(12 + cut), body);
        if (strcmp(shorter, body) != 0) {
            read_graph(b, shorter);
            assert_refused(b);
        }
        test_free(shorter);
    }
    assert_true(chain_is_ready(b->chain));
    test_free(body);
    test_free(other);
    close_bench(b);
}

/* ---- Submitting ---- */

static void test_refusals_of_the_pool_have_names(void **state)
{
    (void)state;
    static const struct {
        const char *body, *name;
    } cases[] = {
        {"\"error\":{\"code\":1010,\"message\":\"Invalid Transaction\",\"data\":\"Custom error: "
         "6\"}",
         "RateLimitExceeded"},
        {"\"error\":{\"code\":1010,\"message\":\"{\\\"invalid\\\":{\\\"custom\\\":1}}\"}",
         "StakeAmountTooLow"},
        {"\"error\":{\"code\":1010,\"message\":\"Invalid Transaction\",\"data\":\"Inability to pay "
         "some fees (e.g. account balance too low)\"}",
         "Payment"},
        {"\"error\":{\"code\":1010,\"message\":\"Invalid Transaction\",\"data\":\"Custom error: "
         "255\"}",
         "Custom"},
        {"\"error\":{\"code\":1,\"message\":\"something else\"}", "something else"},
        {"\"error\":{}", "Unknown"},
    };
    struct bench *b = open_submitter();
    for (uint32_t i = 0; i < COUNT_OF(cases); i++) {
        submit(b, cases[i].body);
        assert_int_equal(b->results, i + 1);
        assert_int_equal(b->outcome, CHAIN_REFUSED);
        assert_string_equal(b->name, cases[i].name);
    }
    close_bench(b);
}

/* CH-6: after an upgrade every signature is bad until the version is fetched. */
static void test_a_bad_signature_fetches_the_version(void **state)
{
    (void)state;
    struct bench *b = open_submitter();
    assert_int_equal(b->spec_version, 200);
    answer(b, "state_getRuntimeVersion",
           "\"result\":{\"specVersion\":201,\"transactionVersion\":1}");
    submit(b,
           "\"error\":{\"code\":1010,\"message\":\"{\\\"invalid\\\":{\\\"badProof\\\":null}}\"}");
    assert_int_equal(b->signs, CHAIN_TRIES_MAX); /* It never became good. */
    assert_int_equal(b->implicit_spec, 201);
    assert_int_equal(b->outcome, CHAIN_EXPIRED);
    close_bench(b);
}

static void test_a_full_pool_waits_for_the_next_head(void **state)
{
    (void)state;
    struct bench *b = open_submitter();
    submit(b, "\"error\":{\"code\":1016,\"message\":\"Immediately Dropped\"}");
    assert_int_equal(b->signs, 1);
    announce(b, "0x65");
    assert_int_equal(b->signs, 2);
    assert_int_equal(b->results, 0);
    answer(b, "author_submitExtrinsic", "\"result\":" HASH_B);
    announce(b, "0x66");
    assert_int_equal(b->signs, 3);
    announce(b, "0x67"); /* The nonce has not moved: it goes on watching. */
    assert_int_equal(b->results, 0);
    assert_int_equal(b->signs, 3);
    close_bench(b);
}

static void test_what_cannot_be_submitted(void **state)
{
    (void)state;
    struct bench *b = open_submitter();
    struct chain_action a = {.kind = CHAIN_SET_COMMITMENT};
    assert_int_equal(chain_submit(b->chain, 1, &a, b->now_ms), ERR_TOO_BIG);
    a = (struct chain_action){.kind = CHAIN_SET_WEIGHTS,
                              .weights = {.count = CALL_WEIGHTS_MAX + 1}};
    assert_int_equal(chain_submit(b->chain, 1, &a, b->now_ms), ERR_TOO_BIG);
    close_bench(b);
    b = open_bench(SPEC_293);
    b->config.has_hotkey = false;
    start(b);
    a = (struct chain_action){.kind = CHAIN_REGISTER};
    assert_int_equal(chain_submit(b->chain, 1, &a, b->now_ms), ERR_DENIED);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_another_genesis_is_refused_and_the_next_endpoint_tried),
        cmocka_unit_test(test_the_first_genesis_is_pinned),
        cmocka_unit_test(test_garbage_ends_the_connection),
        cmocka_unit_test(test_what_the_driver_saw_is_told_and_counted),
        cmocka_unit_test(test_a_greeting_of_another_shape_is_refused),
        cmocka_unit_test(test_long_digits_that_are_none_are_refused),
        cmocka_unit_test(test_redials_back_off_within_bounds),
        cmocka_unit_test(test_an_endpoint_that_stops_answering_is_left),
        cmocka_unit_test(test_a_loss_is_told_once),
        cmocka_unit_test(test_a_refusal_is_one_line),
        cmocka_unit_test(test_an_endpoint_that_shows_no_head_is_dialled_less_often),
        cmocka_unit_test(test_a_flood_ends_the_connection),
        cmocka_unit_test(test_who_is_known_to_lie_is_left),
        cmocka_unit_test(test_heads_in_odd_forms_and_orders),
        cmocka_unit_test(test_old_heads_do_not_keep_a_connection),
        cmocka_unit_test(test_a_head_that_nobody_reaches_is_forgotten),
        cmocka_unit_test(test_heads_that_cannot_be),
        cmocka_unit_test(test_a_runtime_with_its_own_schedule_is_asked),
        cmocka_unit_test(test_a_metagraph_of_another_block_or_shape_is_refused),
        cmocka_unit_test(test_refusals_of_the_pool_have_names),
        cmocka_unit_test(test_a_bad_signature_fetches_the_version),
        cmocka_unit_test(test_a_full_pool_waits_for_the_next_head),
        cmocka_unit_test(test_what_cannot_be_submitted),
    };
    return cmocka_run_group_tests_name("client", all, NULL, NULL);
}
