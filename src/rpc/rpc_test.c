#include "base/test.h"

#include <inttypes.h>
#include <jansson.h>

#include "codec/hex.h"
#include "crypto/hash.h"
#include "crypto/ss58.h"
#include "rpc/internal.h"
#include "rpc/sample_test.h"

enum { BLOB_MAX = 4 << 20 };

struct world {
    struct sample sample;
    struct arena memory;
    struct rpc *rpc;
    char text[3 << 16];
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    sample_open(&w->sample);
    struct rpc_config c = {.view = &w->sample.view,
                           .blob_bytes_max = BLOB_MAX,
                           .host_count = 2,
                           .hosts = {"validator.example:8443", "plain.example"}};
    assert_int_equal(arena_open(&w->memory, rpc_arena_size(&c)), ERR_OK);
    assert_int_equal(rpc_init(&w->rpc, &w->memory, &c), ERR_OK);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    sample_close(&w->sample);
    arena_close(&w->memory);
    free(w);
    return 0;
}

/* The answer as jansson reads it; NULL when there is none. */
static json_t *send_text(struct world *w, const char *body)
{
    struct span text = rpc_call(w->rpc, span_of(body, strlen(body)));
    if (text.len == 0)
        return NULL;
    json_t *answer = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(answer);
    return answer;
}

[[gnu::format(printf, 3, 4)]] static json_t *call(struct world *w, const char *method,
                                                  const char *params, ...)
{
    char text[2048];
    va_list args;
    va_start(args, params);
    vsnprintf(text, sizeof text, params, args);
    va_end(args);
    snprintf(w->text, sizeof w->text,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, text);
    return send_text(w, w->text);
}

static json_int_t code_of(json_t *answer)
{
    json_t *error = json_object_get(answer, "error");
    json_int_t code = json_integer_value(json_object_get(error, "code"));
    if (error != NULL)
        assert_null(json_object_get(answer, "result"));
    json_decref(answer);
    return code;
}

static const char *hex_of(const struct hash *h, char text[2 * HASH_SIZE + 1])
{
    hex_encode(hash_span(h), text, 2 * HASH_SIZE + 1);
    return text;
}

static void test_every_method_answers(void **state)
{
    struct world *w = *state;
    const struct sample *s = &w->sample;
    char challenge[65], id[65], late[65], blob[65], miner[SS58_TEXT_MAX], params[400];
    hex_of(&s->challenges[0].id, challenge);
    hex_of(&s->submissions[0].id, id);
    hex_of(&s->submissions[SAMPLE_SUBMISSIONS - 1].id, late);
    ss58_from_hotkey(&s->miners[1], miner);
    struct hash name = hash_blake2b(SPAN_LITERAL("hello"));
    hex_of(&name, blob);
    json_decref(call(w, "blob_put", "[\"%s\",5,0,\"68656c6c6f\"]", blob));
    const struct method *m;
    for (uint32_t i = 0; (m = rpc_method_at(i)) != NULL; i++) {
        const char *first = m->params[0].optional ? NULL : m->params[0].name;
        if (first == NULL)
            snprintf(params, sizeof params, "[]");
        else if (m->params[0].kind == PARAM_HOTKEY)
            snprintf(params, sizeof params, "[\"%s\"]", miner);
        else if (m->params[0].kind == PARAM_NUMBER)
            snprintf(params, sizeof params, "[1]");
        else if (strcmp(first, "blob") == 0)
            snprintf(params, sizeof params, "[\"%s\"]", blob);
        else
            snprintf(params, sizeof params, "[\"%s\"]",
                     strstr(m->help, "challenge") != NULL ? challenge : id);
        if (strcmp(m->name, "op_submit") == 0 || strcmp(m->name, "submission_submit") == 0 ||
            strcmp(m->name, "blob_put") == 0)
            continue; /* tests of their own */
        json_t *answer = call(w, m->name, "%s", params);
        if (json_object_get(answer, "result") == NULL)
            fail_msg("%s %s: %s", m->name, params, json_dumps(answer, 0));
        json_decref(answer);
    }
    assert_int_equal(code_of(call(w, "audit_bundle", "[\"%s\"]", late)), RPC_NOT_FOUND);
}

static void test_says_what_is_wrong_with_a_request(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *body;
        json_int_t code;
    } cases[] = {
        {"", RPC_PARSE},
        {"{", RPC_PARSE},
        {"\xff", RPC_PARSE},
        {"{\"a\":1,\"a\":2}", RPC_PARSE},
        {"[[[[[[[[[]]]]]]]]]", RPC_PARSE},
        /* As deep as it may be, and deeper. */
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[[[[[[[]]]]]]]}", RPC_METHOD},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\",\"params\":[[[[[[[[]]]]]]]]}", RPC_PARSE},
        {"[]", RPC_REQUEST},
        {"5", RPC_PARSE},
        {"{\"id\":1}", RPC_REQUEST},
        {"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"node_status\"}", RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"node_status\"}", RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"node_status\",\"params\":5}", RPC_REQUEST},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nothing\"}", RPC_METHOD},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"block_get\"}", RPC_PARAMS},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"block_get\",\"params\":[-1]}", RPC_PARAMS},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"block_get\",\"params\":[1,2]}", RPC_PARAMS},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"block_get\",\"params\":{\"hight\":1}}",
         RPC_PARAMS},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"challenge_get\",\"params\":[\"abc\"]}",
         RPC_PARAMS},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nonce_get\",\"params\":[\"5abc\"]}",
         RPC_PARAMS},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"block_get\",\"params\":[999999]}",
         RPC_NOT_FOUND},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"audit_proof\",\"params\":[999999]}",
         RPC_NOT_YET},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (code_of(send_text(w, cases[i].body)) != cases[i].code)
            fail_msg("not %d: %s", (int)cases[i].code, cases[i].body);
    memset(w->text, ' ', RPC_BODY_MAX + 1);
    w->text[RPC_BODY_MAX + 1] = '\0';
    assert_int_equal(code_of(send_text(w, w->text)), RPC_TOO_BIG);
}

static void test_batches_and_notifications(void **state)
{
    struct world *w = *state;
    static const char one[] = "{\"jsonrpc\":\"2.0\",\"method\":\"system_version\"}";
    assert_null(send_text(w, one));
    snprintf(w->text, sizeof w->text, "[%s,%s]", one, one);
    assert_null(send_text(w, w->text));
    json_t *answer = send_text(w, "[{\"jsonrpc\":\"2.0\",\"method\":\"system_version\"},7,"
                                  "{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"method\":\"rpc_methods\"}]");
    assert_int_equal(json_array_size(answer), 2);
    assert_true(json_is_null(json_object_get(json_array_get(answer, 0), "id")));
    assert_non_null(json_object_get(json_array_get(answer, 0), "error"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(answer, 1), "id")), "b");
    assert_non_null(json_object_get(json_array_get(answer, 1), "result"));
    json_decref(answer);
    size_t len = 0;
    for (int i = 0; i <= RPC_BATCH_MAX; i++)
        len += (size_t)snprintf(w->text + len, 3, "%s", i == 0 ? "[7" : ",7");
    snprintf(w->text + len, 2, "]");
    assert_int_equal(code_of(send_text(w, w->text)), RPC_REQUEST);
}

static void test_operations_are_taken_or_refused_with_a_code(void **state)
{
    struct world *w = *state;
    char op[512];
    hex_encode(w->sample.ops[0], op, sizeof op);
    json_t *answer = call(w, "op_submit", "{\"op\":\"%s\"}", op);
    json_t *result = json_object_get(answer, "result");
    char id[65];
    assert_string_equal(json_string_value(json_object_get(result, "id")),
                        hex_of(&w->sample.submissions[0].id, id));
    assert_true(json_is_false(json_object_get(result, "known")));
    json_decref(answer);
    answer = call(w, "op_submit", "[\"%s\"]", op);
    assert_true(json_is_true(json_object_get(json_object_get(answer, "result"), "known")));
    json_decref(answer);
    answer = call(w, "op_submit", "[\"00\"]");
    json_t *data = json_object_get(json_object_get(answer, "error"), "data");
    assert_string_equal(json_string_value(json_object_get(data, "reject")), "malformed");
    assert_int_equal(code_of(answer), RPC_REJECTED);
    w->sample.replayed = true;
    answer = call(w, "op_submit", "[\"%s\"]", op);
    data = json_object_get(json_object_get(answer, "error"), "data");
    assert_string_equal(json_string_value(json_object_get(data, "reject")), "replayed");
    assert_int_equal(code_of(answer), RPC_REJECTED);
    w->sample.full = true;
    assert_int_equal(code_of(call(w, "op_submit", "[\"%s\"]", op)), RPC_BUSY);
    assert_int_equal(code_of(call(w, "submission_submit", "[\"%s\",\"00\"]", op)), RPC_CONFLICT);
    assert_int_equal(code_of(call(w, "submission_submit", "[\"00\",\"00\"]")), RPC_PARAMS);
}

/* Asks for the sample's submission; the answer's result. */
static json_t *archived(struct world *w, const char *method, uint32_t submission)
{
    char id[65];
    json_t *answer = call(w, method, "[\"%s\"]", hex_of(&w->sample.submissions[submission].id, id));
    json_t *result = json_incref(json_object_get(answer, "result"));
    json_decref(answer);
    return result;
}

static void test_what_the_state_has_forgotten_is_told_from_the_log(void **state)
{
    static const char *const facts[] = {"id",     "challenge", "miner", "blob",     "size",
                                        "height", "epoch",     "phase", "log_index"};
    static const char *const results[] = {"outcome", "score", "gas", "output"};
    struct world *w = *state;
    w->sample.submissions[0].slot = 10; /* as the log has it */
    json_t *fresh = archived(w, "submission_get", 0);
    assert_true(json_is_false(json_object_get(fresh, "archived")));
    w->sample.forgets = true;
    json_t *old = archived(w, "submission_get", 0);
    assert_true(json_is_true(json_object_get(old, "archived")));
    for (size_t i = 0; i < COUNT_OF(facts); i++)
        assert_true(json_equal(json_object_get(fresh, facts[i]), json_object_get(old, facts[i])));
    for (size_t i = 0; i < COUNT_OF(results); i++)
        assert_true(json_equal(json_object_get(json_object_get(fresh, "final"), results[i]),
                               json_object_get(json_object_get(old, "final"), results[i])));
    assert_int_equal(json_integer_value(json_object_get(old, "agreed")), 4);
    assert_int_equal(json_integer_value(json_object_get(old, "differed")), 0);
    json_decref(fresh);
    json_decref(old);

    old = archived(w, "submission_get", SAMPLE_SUBMISSIONS - 2);
    assert_string_equal(json_string_value(json_object_get(old, "phase")), "unresolved");
    assert_true(json_is_null(json_object_get(old, "final")));
    json_decref(old);

    old = archived(w, "op_status", 0);
    assert_string_equal(json_string_value(json_object_get(old, "state")), "executed");
    assert_int_equal(json_integer_value(json_object_get(old, "height")), 10);
    json_decref(old);
    w->sample.op_at[0] = w->sample.op_at[1] = 0;
    old = archived(w, "op_status", 0);
    assert_string_equal(json_string_value(json_object_get(old, "state")), "unknown");
    json_decref(old);
    assert_null(archived(w, "submission_get", 1));
}

static void test_blobs_arrive_in_pieces(void **state)
{
    struct world *w = *state;
    char name[65], other[65];
    struct hash h = hash_blake2b(SPAN_LITERAL("hello"));
    struct hash bad = hash_blake2b(SPAN_LITERAL("hellO"));
    hex_of(&h, name);
    hex_of(&bad, other);
    json_decref(call(w, "blob_put", "[\"%s\",5,0,\"6865\"]", name));
    assert_int_equal(code_of(call(w, "blob_put", "[\"%s\",5,3,\"6c6f\"]", name)), RPC_CONFLICT);
    assert_int_equal(code_of(call(w, "blob_put", "[\"%s\",5,2,\"6c6c6f6f\"]", name)), RPC_PARAMS);
    json_t *answer = call(w, "blob_put", "[\"%s\",5,2,\"6c6c6f\"]", name);
    assert_true(json_is_true(json_object_get(json_object_get(answer, "result"), "whole")));
    json_decref(answer);
    answer = call(w, "blob_get", "{\"blob\":\"%s\",\"offset\":1,\"length\":3}", name);
    json_t *result = json_object_get(answer, "result");
    assert_string_equal(json_string_value(json_object_get(result, "bytes")), "656c6c");
    json_decref(answer);
    assert_int_equal(code_of(call(w, "blob_put", "[\"%s\",5,0,\"68656c6c6f\"]", other)),
                     RPC_CONFLICT);
    assert_int_equal(code_of(call(w, "blob_get", "[\"%s\"]", other)), RPC_NOT_FOUND);
    assert_int_equal(code_of(call(w, "blob_put", "[\"%s\",%d,0,\"00\"]", name, BLOB_MAX + 1)),
                     RPC_TOO_BIG);
}

static json_int_t have_of(json_t *answer)
{
    json_int_t have =
        json_integer_value(json_object_get(json_object_get(answer, "result"), "have"));
    json_decref(answer);
    return have;
}

static void test_uploads_share_their_places(void **state)
{
    struct world *w = *state;
    char names[UPLOADS_MAX + 1][65];
    for (uint32_t i = 0; i <= UPLOADS_MAX; i++) {
        struct hash h = hash_blake2b(span_of(&i, 4));
        hex_of(&h, names[i]);
    }
    for (uint32_t i = 0; i < UPLOADS_MAX; i++)
        assert_int_equal(have_of(call(w, "blob_put", "[\"%s\",4,0,\"%02x00\"]", names[i], i)), 2);
    const char *last = names[UPLOADS_MAX];
    assert_int_equal(code_of(call(w, "blob_put", "[\"%s\",4,0,\"0400\"]", last)), RPC_BUSY);
    /* Who begins the same blob anew is told how far it is. */
    assert_int_equal(have_of(call(w, "blob_put", "[\"%s\",4,0,\"01\"]", names[1])), 2);
    /* All but one go on; the idle one makes room. */
    for (uint32_t t = 0; t < 2 * UPLOAD_IDLE_MS / 500; t++) {
        sample_step(&w->sample);
        for (uint32_t i = 1; i < UPLOADS_MAX; i++)
            json_decref(call(w, "blob_put", "[\"%s\",4,0,\"00\"]", names[i]));
    }
    assert_int_equal(have_of(call(w, "blob_put", "[\"%s\",4,0,\"0400\"]", last)), 2);
    assert_int_equal(code_of(call(w, "blob_put", "[\"%s\",4,2,\"0000\"]", names[0])), RPC_BUSY);
    for (uint32_t i = 1; i <= UPLOADS_MAX; i++)
        assert_int_equal(have_of(call(w, "blob_put", "[\"%s\",4,2,\"0000\"]", names[i])), 4);
}

static void test_a_bundle_larger_than_an_answer_comes_in_pieces(void **state)
{
    struct world *w = *state;
    char id[65];
    uint64_t size = 1, have = 0, height = 0;
    hex_of(&w->sample.submissions[0].id, id);
    while (have < size) {
        json_t *answer =
            call(w, "audit_bundle",
                 "{\"submission\":\"%s\",\"height\":%" PRIu64 ",\"offset\":%" PRIu64 "}", id,
                 height, have);
        json_t *result = json_object_get(answer, "result");
        const char *hex = json_string_value(json_object_get(result, "bytes"));
        assert_non_null(hex);
        size = (uint64_t)json_integer_value(json_object_get(result, "size"));
        height = (uint64_t)json_integer_value(json_object_get(result, "height"));
        assert_int_equal(hex[1] - '0', have >> 20);
        have += strlen(hex) / 2;
        json_decref(answer);
    }
    assert_int_equal(have, 5 << 20);
    assert_int_equal(code_of(call(w, "audit_bundle", "[\"%s\",%d]", id, 9)), RPC_NOT_FOUND);
    assert_int_equal(code_of(call(w, "audit_bundle", "[\"%s\",8,%d]", id, (5 << 20) + 1)),
                     RPC_PARAMS);
}

static void test_an_answer_over_the_limit_is_an_error(void **state)
{
    struct world *w = *state;
    uint8_t *big = calloc(1, RPC_ANSWER_MAX);
    struct hash name;
    char hex[65];
    assert_int_equal(w->sample.view.blob_put(&w->sample, span_of(big, RPC_ANSWER_MAX), &name),
                     ERR_OK);
    free(big);
    hex_of(&name, hex);
    assert_int_equal(code_of(call(w, "blob_get", "[\"%s\",0,4000000]", hex)), RPC_TOO_BIG);
    json_t *answer = call(w, "blob_get", "[\"%s\"]", hex);
    assert_non_null(json_object_get(answer, "result"));
    json_decref(answer);
}

static void test_proofs_lead_to_the_certified_root(void **state)
{
    struct world *w = *state;
    uint64_t size = w->sample.certified.size;
    struct hash root = audit_tree_root(&w->sample.certified);
    assert_true(size > 20 && size <= w->sample.tree.size);
    for (uint64_t i = 0; i < size; i++) {
        struct hash path[AUDIT_LEVELS];
        json_t *answer = call(w, "audit_proof", "[%u]", (unsigned)i);
        json_t *list = json_object_get(json_object_get(answer, "result"), "path");
        uint32_t count = (uint32_t)json_array_size(list);
        for (uint32_t k = 0; k < count; k++) {
            const char *hex = json_string_value(json_array_get(list, k));
            struct room room = {path[k].bytes, HASH_SIZE};
            assert_int_equal(hex_decode(span_of(hex, strlen(hex)), room), ERR_OK);
        }
        struct hash leaf = audit_leaf_hash(w->sample.entries[i]);
        assert_true(audit_inclusion_check(&leaf, i, size, path, count, &root));
        json_decref(answer);
    }
    assert_int_equal(code_of(call(w, "audit_proof", "[%u]", (unsigned)size)), RPC_NOT_YET);
}

static struct rpc_answer get(struct world *w, enum rpc_verb verb, const char *path,
                             const char *host, const char *type)
{
    struct rpc_answer a;
    struct rpc_request q = {.verb = verb,
                            .path = span_of(path, strlen(path)),
                            .host = span_of(host, strlen(host)),
                            .content_type = span_of(type, strlen(type)),
                            .body = SPAN_LITERAL("{}")};
    rpc_handle(w->rpc, &q, &a);
    return a;
}

static void test_answers_under_its_own_names_only(void **state)
{
    struct world *w = *state;
    static const char *const good[] = {
        "127.0.0.1:9000",         "localhost",     "[::1]:80",        "[::1]",
        "validator.example:8443", "plain.example", "plain.example:99"};
    static const char *const bad[] = {"",
                                      "evil.example",
                                      "127.0.0.1.evil.example",
                                      "localhost:",
                                      "localhostx80",
                                      "validator.example:1",
                                      "127.0.0.1:9000:9000",
                                      "[::2]"};
    for (size_t i = 0; i < COUNT_OF(good); i++)
        assert_int_equal(get(w, RPC_GET, "/live", good[i], "").status, 200);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(get(w, RPC_GET, "/live", bad[i], "").status, 421);
    uint64_t before = w->rpc->refused_requests;
    assert_int_equal(get(w, RPC_POST, "/rpc", "localhost", "text/plain").status, 415);
    assert_int_equal(w->rpc->refused_requests, before + 1);
    assert_int_equal(get(w, RPC_POST, "/rpc", "localhost", "application/jsonp").status, 415);
    assert_int_equal(get(w, RPC_POST, "/rpc", "localhost", "application/json").status, 200);
    assert_int_equal(get(w, RPC_GET, "/rpc", "localhost", "application/json").status, 405);
    assert_int_equal(get(w, RPC_POST, "/", "localhost", "application/json").status, 405);
    assert_int_equal(get(w, RPC_GET, "/../etc/passwd", "localhost", "").status, 404);
}

static void test_health_follows_the_node(void **state)
{
    struct world *w = *state;
    assert_int_equal(get(w, RPC_GET, "/ready", "localhost", "").status, 200);
    w->sample.unready = true;
    struct rpc_answer a = get(w, RPC_GET, "/ready", "localhost", "");
    assert_int_equal(a.status, 503);
    assert_non_null(memmem(a.body.ptr, a.body.len, "no_quorum", 9));
    assert_int_equal(get(w, RPC_GET, "/live", "localhost", "").status, 200);
    a = get(w, RPC_GET, "/metrics", "localhost", "");
    static const char *const lines[] = {
        "\nplatform_ready 0\n", "# TYPE platform_p2p_bytes_total counter\n",
        "platform_p2p_bytes_total{direction=\"out\"} 900\n", "\nplatform_height 24\n"};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        assert_non_null(memmem(a.body.ptr, a.body.len, lines[i], strlen(lines[i])));
}

static void test_the_page_is_served_and_kept_by_its_tag(void **state)
{
    struct world *w = *state;
    struct rpc_answer a = get(w, RPC_GET, "/", "localhost", ""), again;
    assert_int_equal(a.status, 200);
    assert_string_equal(a.type, "text/html; charset=utf-8");
    struct rpc_request q = {.verb = RPC_GET,
                            .path = SPAN_LITERAL("/"),
                            .host = SPAN_LITERAL("localhost"),
                            .if_none_match = span_of(a.etag, strlen(a.etag))};
    rpc_handle(w->rpc, &q, &again);
    assert_int_equal(again.status, 304);
    assert_int_equal(again.body.len, 0);
}

static void test_events_are_kept_for_a_reader_who_returns(void **state)
{
    struct world *w = *state;
    struct trace t = {0};
    struct trace_event *e = trace_add(&t, TRACE_INFO, "bft.decided");
    struct span text;
    uint64_t cursor = 0;
    trace_u64(e, "seq", 5);
    trace_word(e, "why", "a\"b\n");
    assert_false(rpc_next_event(w->rpc, &cursor, &text));
    rpc_event(w->rpc, e, 1000);
    assert_true(rpc_next_event(w->rpc, &cursor, &text));
    static const char want[] = "id: 1\ndata: {\"time_ms\":1000,\"level\":\"info\",\"event\":\"bft."
                               "decided\",\"fields\":{\"seq\":5,\"why\":\"a\\\"b\\u000a\"}}\n\n";
    assert_int_equal(text.len, sizeof want - 1);
    assert_memory_equal(text.ptr, want, text.len);
    assert_false(rpc_next_event(w->rpc, &cursor, &text));
    for (int i = 0; i < RPC_EVENTS_MAX + 9; i++)
        rpc_event(w->rpc, e, 2000);
    assert_true(rpc_next_event(w->rpc, &cursor, &text));
    assert_memory_equal(text.ptr, "event: gap", 10);
    assert_true(rpc_next_event(w->rpc, &cursor, &text));
    assert_memory_equal(text.ptr, "id: 11\n", 7);
    uint64_t count = 1;
    while (rpc_next_event(w->rpc, &cursor, &text))
        count++;
    assert_int_equal(count, RPC_EVENTS_MAX);
    cursor = UINT64_MAX;
    assert_false(rpc_next_event(w->rpc, &cursor, &text));
    assert_int_equal(cursor, 10 + RPC_EVENTS_MAX); /* The newest one. */
}

static void test_an_event_tells_all_kinds_of_fields(void **state)
{
    struct world *w = *state;
    struct trace t = {0};
    struct trace_event *e = trace_add(&t, TRACE_WARN, "a.b");
    const struct hash h = {{0xab}};
    const struct hotkey key = {{0}};
    struct span text;
    uint64_t cursor = 0;
    trace_u64(e, "n", UINT64_MAX);
    trace_hash(e, "h", &h);
    trace_hotkey(e, "k", &key);
    rpc_event(w->rpc, e, 5);
    assert_true(rpc_next_event(w->rpc, &cursor, &text));
    static const char want[] =
        "id: 1\ndata: {\"time_ms\":5,\"level\":\"warn\",\"event\":\"a.b\",\"fields\":{"
        "\"n\":18446744073709551615,"
        "\"h\":\"ab00000000000000000000000000000000000000000000000000000000000000\","
        "\"k\":\"5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM\"}}\n\n";
    assert_int_equal(text.len, sizeof want - 1);
    assert_memory_equal(text.ptr, want, text.len);
}

static void test_an_event_with_too_much_to_tell_tells_its_name(void **state)
{
    struct world *w = *state;
    struct trace t = {0};
    struct trace_event *e = trace_add(&t, TRACE_WARN, "p2p.noise");
    char words[1200];
    struct span text;
    uint64_t cursor = 0;
    memset(words, 'x', sizeof words);
    words[sizeof words - 1] = '\0';
    trace_word(e, "long", words);
    rpc_event(w->rpc, e, 1);
    assert_true(rpc_next_event(w->rpc, &cursor, &text));
    assert_non_null(memmem(text.ptr, text.len, "\"fields\":{}", 11));
}

static void test_emit_escapes_and_knows_when_it_is_full(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct emit j = emit_init((struct room){bytes, sizeof bytes});
    emit_object(&j, NULL);
    emit_text(&j, "a", "</\x7f\"\\");
    emit_list(&j, "b");
    emit_null(&j, NULL);
    emit_bool(&j, NULL, true);
    emit_end(&j);
    emit_end(&j);
    struct span text = emit_done(&j);
    static const char want[] = "{\"a\":\"\\u003c/\\u007f\\\"\\\\\",\"b\":[null,true]}";
    assert_int_equal(text.len, sizeof want - 1);
    assert_memory_equal(text.ptr, want, text.len);
    for (size_t size = 0; size < sizeof want - 1; size++) {
        struct emit small = emit_init((struct room){bytes, size});
        emit_object(&small, NULL);
        emit_text(&small, "a", "</\x7f\"\\");
        emit_list(&small, "b");
        emit_null(&small, NULL);
        emit_bool(&small, NULL, true);
        emit_end(&small);
        emit_end(&small);
        assert_null(emit_done(&small).ptr);
    }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest all[] = {
        IN_WORLD(test_every_method_answers),
        IN_WORLD(test_says_what_is_wrong_with_a_request),
        IN_WORLD(test_batches_and_notifications),
        IN_WORLD(test_operations_are_taken_or_refused_with_a_code),
        IN_WORLD(test_what_the_state_has_forgotten_is_told_from_the_log),
        IN_WORLD(test_blobs_arrive_in_pieces),
        IN_WORLD(test_uploads_share_their_places),
        IN_WORLD(test_a_bundle_larger_than_an_answer_comes_in_pieces),
        IN_WORLD(test_an_answer_over_the_limit_is_an_error),
        IN_WORLD(test_proofs_lead_to_the_certified_root),
        IN_WORLD(test_answers_under_its_own_names_only),
        IN_WORLD(test_health_follows_the_node),
        IN_WORLD(test_the_page_is_served_and_kept_by_its_tag),
        IN_WORLD(test_events_are_kept_for_a_reader_who_returns),
        IN_WORLD(test_an_event_tells_all_kinds_of_fields),
        IN_WORLD(test_an_event_with_too_much_to_tell_tells_its_name),
        cmocka_unit_test(test_emit_escapes_and_knows_when_it_is_full),
    };
    return cmocka_run_group_tests_name("rpc", all, NULL, NULL);
}
