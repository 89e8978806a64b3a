/* Every answer, field by field, as clients and the dashboard read them: the
 * made-up node's are those of answers.txt (ANSWERS), and a field that goes,
 * moves or changes is a change of the interface.  With WRITE_ANSWERS=FILE in
 * the environment the answers are written there instead; read the difference. */
#include "base/test.h"

#include <jansson.h>

#include "codec/hex.h"
#include "crypto/ss58.h"
#include "rpc/internal.h"
#include "rpc/sample_test.h"

enum { TEXT_MAX = 1 << 20 };

struct world {
    struct sample sample;
    struct arena memory;
    struct rpc *rpc;
    FILE *file; /* what there is to compare with, or to write */
    bool writing;
    uint32_t line;
    char request[512];
    char text[TEXT_MAX];
};

/* One line of what was answered against one line of the file. */
static void take_line(struct world *w, const char *line, size_t len)
{
    static char want[1 << 16];
    w->line++;
    if (w->writing) {
        fprintf(w->file, "%.*s\n", (int)len, line);
        return;
    }
    if (fgets(want, sizeof want, w->file) == NULL)
        fail_msg("%s: more than answers.txt has: %.*s", w->request, (int)len, line);
    want[strcspn(want, "\n")] = '\0';
    if (strlen(want) != len || memcmp(want, line, len) != 0)
        fail_msg("%s, line %u of answers.txt: '%s', but is '%.*s'", w->request, w->line, want,
                 (int)len, line);
}

static void take_text(struct world *w, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");
        take_line(w, text, len);
        text += len + (text[len] == '\n');
    }
}

static void ask(struct world *w, const char *method, const char *params)
{
    snprintf(w->request, sizeof w->request, "> %s %s", method, params);
    take_text(w, w->request);
    snprintf(w->text, sizeof w->text,
             "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":%s}", method, params);
    struct span answer = rpc_call(w->rpc, span_of(w->text, strlen(w->text)));
    json_t *json = json_loadb((const char *)answer.ptr, answer.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    char *text = json_dumps(json, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    take_text(w, text);
    free(text);
    json_decref(json);
}

static void ask_about(struct world *w, const char *method, const struct hash *id, const char *rest)
{
    char params[256], text[2 * HASH_SIZE + 1];
    hex_encode(hash_span(id), text, sizeof text);
    snprintf(params, sizeof params, "[\"%s\"%s]", text, rest);
    ask(w, method, params);
}

static void ask_who(struct world *w, const char *method, const struct hotkey *who)
{
    char params[SS58_TEXT_MAX + 8], text[SS58_TEXT_MAX];
    ss58_from_hotkey(who, text);
    snprintf(params, sizeof params, "[\"%s\"]", text);
    ask(w, method, params);
}

static void open_world(struct world *w)
{
    const char *write = getenv("WRITE_ANSWERS");
    sample_open(&w->sample);
    struct rpc_config c = {.view = &w->sample.view, .blob_bytes_max = 1 << 20};
    assert_int_equal(arena_open(&w->memory, rpc_arena_size(&c)), ERR_OK);
    assert_int_equal(rpc_init(&w->rpc, &w->memory, &c), ERR_OK);
    w->writing = write != NULL;
    w->file = fopen(write != NULL ? write : ANSWERS, write != NULL ? "w" : "r");
    assert_non_null(w->file);
}

static void ask_state(struct world *w)
{
    const struct sample *s = &w->sample;
    static const char *const plain[] = {
        "system_health", "system_version", "node_status",    "validator_list", "peers_list",
        "genesis_get",   "rpc_methods",    "challenge_list", "epoch_current",  "weights_get"};
    for (size_t i = 0; i < COUNT_OF(plain); i++)
        ask(w, plain[i], "[]");
    ask(w, "submission_list", "[8]");
    ask_about(w, "challenge_get", &s->challenges[0].id, "");
    ask_about(w, "challenge_get", &s->challenges[1].id, "");
    ask_about(w, "leaderboard_get", &s->challenges[0].id, "");
    ask_about(w, "submission_get", &s->submissions[0].id, "");
    ask_about(w, "submission_get", &s->submissions[7].id, "");
    ask_about(w, "submission_get", &s->submissions[8].id, "");
    ask_who(w, "score_explain", &s->miners[1]);
    ask_who(w, "nonce_get", &s->miners[1]);
    for (uint32_t i = 0; i < SAMPLE_SUBMISSIONS; i += 3)
        ask_about(w, "op_status", &s->submissions[i].id, "");
    ask_about(w, "op_status", &s->submissions[2].id, "");
}

static void ask_log(struct world *w)
{
    const struct sample *s = &w->sample;
    ask(w, "block_get", "[4]");
    ask(w, "block_get", "[6]"); /* of which the operations are gone */
    ask(w, "block_list", "[9,3]");
    ask(w, "audit_head", "[]");
    for (uint32_t i = 0; i < 12; i++) {
        char number[16];
        snprintf(number, sizeof number, "[%u]", i);
        ask(w, "audit_entry", number);
    }
    ask(w, "audit_list", "[7,3]");
    ask(w, "audit_proof", "[5]");
    ask(w, "audit_proof", "[5,9]");
    ask_about(w, "audit_bundle", &s->submissions[0].id, ",0,8,16");
}

static void ask_wrongly(struct world *w)
{
    static const struct hash none = {{9}};
    ask(w, "no_such_method", "[]");
    ask(w, "challenge_get", "[\"zz\"]");
    ask(w, "challenge_get", "[]");
    ask(w, "block_get", "[-1]");
    ask(w, "block_get", "[1.5]");
    ask(w, "block_get", "[\"1\"]");
    ask(w, "block_get", "[1,2]");
    ask_about(w, "submission_get", &none, "");
    ask_about(w, "challenge_get", &none, "");
    ask_about(w, "op_status", &none, "");
    ask_about(w, "audit_bundle", &none, "");
    ask(w, "block_get", "[999999]");
    ask(w, "audit_entry", "[999999]");
    ask(w, "op_submit", "[\"00\"]");
}

static void test_every_answer_is_what_it_was(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    (void)state;
    assert_non_null(w);
    open_world(w);
    ask_state(w);
    ask_log(w);
    ask_wrongly(w);
    w->sample.unready = true;
    ask(w, "system_health", "[]");
    snprintf(w->request, sizeof w->request, "> /metrics");
    take_text(w, w->request);
    struct rpc_answer a;
    const struct rpc_request q = {
        .verb = RPC_GET, .path = SPAN_LITERAL("/metrics"), .host = SPAN_LITERAL("localhost")};
    rpc_handle(w->rpc, &q, &a);
    assert_int_equal(a.status, 200);
    snprintf(w->text, sizeof w->text, "%.*s", (int)a.body.len, (const char *)a.body.ptr);
    take_text(w, w->text);
    if (!w->writing && fgetc(w->file) != EOF)
        fail_msg("answers.txt has more than %u lines", w->line);
    fclose(w->file);
    sample_close(&w->sample);
    arena_close(&w->memory);
    free(w);
}

int main(void)
{
    const struct CMUnitTest all[] = {cmocka_unit_test(test_every_answer_is_what_it_was)};
    return cmocka_run_group_tests_name("rpc_answers", all, NULL, NULL);
}
