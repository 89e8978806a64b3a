#include "cmd/devchain_rpc.h"

#include <stdio.h>

#include "codec/hex.h"
#include "crypto/hash.h"

enum {
    PARSE_ERROR = -32700,
    INVALID_REQUEST = -32600,
    METHOD_NOT_FOUND = -32601,
    INTERNAL_ERROR = -32603,
};

enum err devrpc_init(struct devrpc *r, struct devchain *chain, struct arena *arena,
                     void (*send)(void *ctx, uint64_t session, struct span text), void *ctx)
{
    *r = (struct devrpc){.chain = chain, .send = send, .ctx = ctx};
    r->finalized = devchain_finalized(chain);
    r->subscriptions = arena_array(arena, DEVRPC_SUBSCRIPTIONS_MAX, sizeof *r->subscriptions);
    r->reply = (struct room){arena_alloc(arena, DEVRPC_REPLY_MAX), DEVRPC_REPLY_MAX};
    return r->subscriptions == NULL || r->reply.ptr == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* ---- Values ---- */

json_t *rpc_fail(struct rpc_call *c, int code, const char *message, const char *data)
{
    c->code = code;
    c->message = message;
    c->data = data;
    return NULL;
}

json_t *rpc_hex(struct devchain *d, struct span bytes)
{
    size_t mark = arena_mark(&d->scratch), size = 2 * bytes.len + 3;
    char *text = arena_alloc(&d->scratch, size);
    if (text == NULL)
        return NULL;
    memcpy(text, "0x", 2);
    hex_encode(bytes, text + 2, size - 2);
    json_t *out = json_stringn_nocheck(text, size - 1);
    arena_reset(&d->scratch, mark);
    return out;
}

json_t *rpc_block_hash(struct devchain *d, uint64_t block)
{
    struct devblock b;
    if (devdb_get_block(&d->db, block, &d->scratch, &b) != ERR_OK)
        return json_null();
    return rpc_hex(d, hash_span(&b.hash));
}

json_t *rpc_header(struct devchain *d, uint64_t block)
{
    struct devblock b;
    if (devdb_get_block(&d->db, block, &d->scratch, &b) != ERR_OK)
        return json_null();
    struct rd r = rd_init(b.header);
    struct span parent = rd_take(&r, HASH_SIZE);
    uint64_t number = scale_compact(&r);
    struct span state = rd_take(&r, HASH_SIZE), body = rd_take(&r, HASH_SIZE);
    uint32_t logs = scale_count(&r, 1, 1);
    struct span log = rd_take(&r, r.left);
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)number);
    json_t *list = json_array();
    if (logs == 1)
        json_array_append_new(list, rpc_hex(d, log));
    return json_pack("{s:o, s:s, s:o, s:o, s:{s:o}}", "parentHash", rpc_hex(d, parent), "number",
                     text, "stateRoot", rpc_hex(d, state), "extrinsicsRoot", rpc_hex(d, body),
                     "digest", "logs", list);
}

bool rpc_bytes(struct rpc_call *c, const json_t *text, size_t max, struct span *out)
{
    struct span digits = span_of(json_string_value(text), json_string_length(text));
    bool prefixed = digits.len >= 2 && memcmp(digits.ptr, "0x", 2) == 0;
    digits = prefixed ? hex_strip(digits) : digits;
    if (!json_is_string(text) || !prefixed || digits.len / 2 > max) {
        rpc_fail(c, -32602, "Invalid params", "0x and hexadecimal digits are expected");
        return false;
    }
    uint8_t *bytes = arena_alloc(&c->chain->scratch, digits.len / 2 + 1);
    if (bytes == NULL || hex_decode(digits, (struct room){bytes, digits.len / 2}) != ERR_OK) {
        rpc_fail(c, -32602, "Invalid params", "0x and hexadecimal digits are expected");
        return false;
    }
    *out = span_of(bytes, digits.len / 2);
    return true;
}

bool rpc_block(struct rpc_call *c, size_t index, uint64_t *block)
{
    const json_t *at = json_array_get(c->params, index);
    struct span bytes;
    if (at == NULL || json_is_null(at)) {
        *block = c->chain->head;
        return true;
    }
    if (!rpc_bytes(c, at, HASH_SIZE, &bytes))
        return false;
    struct hash hash;
    if (bytes.len == HASH_SIZE) {
        memcpy(hash.bytes, bytes.ptr, HASH_SIZE);
        if (devdb_find_block(&c->chain->db, &hash, block) == ERR_OK)
            return true;
    }
    rpc_fail(c, 4003, "Client error: UnknownBlock: header not found in db", NULL);
    return false;
}

/* ---- Subscriptions ---- */

struct subscription *rpc_subscribe(struct rpc_call *c, enum subscription_kind kind)
{
    for (uint32_t i = 0; i < DEVRPC_SUBSCRIPTIONS_MAX; i++) {
        struct subscription *s = &c->rpc->subscriptions[i];
        if (s->kind != SUB_NONE)
            continue;
        *s = (struct subscription){
            .kind = kind, .session = c->session, .id = ++c->rpc->last_id, .fresh = true};
        return s;
    }
    rpc_fail(c, -32006, "Too many subscriptions on the connection", NULL);
    return NULL;
}

json_t *rpc_subscription_id(const struct subscription *s)
{
    char text[24];
    snprintf(text, sizeof text, "dev%llu", (unsigned long long)s->id);
    return json_string(text);
}

static const char *notification_of(enum subscription_kind kind)
{
    switch (kind) {
    case SUB_NEW_HEADS:
        return "chain_newHead";
    case SUB_FINALIZED_HEADS:
        return "chain_finalizedHead";
    case SUB_VERSION:
        return "state_runtimeVersion";
    case SUB_STORAGE:
        return "state_storage";
    case SUB_EXTRINSIC:
        return "author_extrinsicUpdate";
    case SUB_NONE:
        break;
    }
    return "";
}

static void send_json(struct devrpc *r, uint64_t session, json_t *message)
{
    size_t size =
        json_dumpb(message, (char *)r->reply.ptr, r->reply.len, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(message);
    if (size != 0 && size <= r->reply.len)
        r->send(r->ctx, session, span_of(r->reply.ptr, size));
}

static void notify(struct devrpc *r, const struct subscription *s, json_t *result)
{
    if (result == NULL)
        return;
    send_json(r, s->session,
              json_pack("{s:s, s:s, s:{s:o, s:o}}", "jsonrpc", "2.0", "method",
                        notification_of(s->kind), "params", "subscription", rpc_subscription_id(s),
                        "result", result));
}

/* What a subscription is told at once. */
static void notify_first(struct devrpc *r, struct subscription *s)
{
    struct devchain *d = r->chain;
    s->fresh = false;
    switch (s->kind) {
    case SUB_NEW_HEADS:
        notify(r, s, rpc_header(d, d->head));
        return;
    case SUB_FINALIZED_HEADS:
        notify(r, s, rpc_header(d, devchain_finalized(d)));
        return;
    case SUB_VERSION:
        notify(r, s, rpc_version());
        return;
    case SUB_STORAGE:
        notify(r, s, rpc_storage_changes(d, s, true));
        return;
    case SUB_EXTRINSIC:
        notify(r, s, json_string("ready"));
        return;
    case SUB_NONE:
        return;
    }
}

static bool in_block(struct devchain *d, uint64_t block, const struct hash *wanted)
{
    struct devblock b;
    if (devdb_get_block(&d->db, block, &d->scratch, &b) != ERR_OK)
        return false;
    struct rd r = rd_init(b.extrinsics);
    for (uint32_t n = scale_count(&r, DEVCHAIN_BLOCK_EXTRINSICS_MAX, 2); n > 0; n--) {
        const uint8_t *start = r.at;
        struct span s = scale_bytes(&r, DEVCHAIN_EXTRINSIC_MAX);
        struct hash hash = hash_blake2b(span_of(start, (size_t)(s.ptr + s.len - start)));
        if (hash_equal(&hash, wanted))
            return true;
    }
    return false;
}

static bool in_pool(const struct devchain *d, const struct hash *wanted)
{
    for (uint32_t i = 0; i < d->pool_count; i++)
        if (hash_equal(&d->pool[i].hash, wanted))
            return true;
    return false;
}

static void notify_extrinsic(struct devrpc *r, struct subscription *s)
{
    struct devchain *d = r->chain;
    if (s->included == 0 && in_block(d, d->head, &s->extrinsic)) {
        s->included = d->head;
        notify(r, s, json_pack("{s:o}", "inBlock", rpc_block_hash(d, d->head)));
    } else if (s->included == 0 && !in_pool(d, &s->extrinsic)) {
        notify(r, s, json_string("invalid"));
        s->kind = SUB_NONE;
        return;
    }
    if (s->included != 0 && devchain_finalized(d) >= s->included) {
        notify(r, s, json_pack("{s:o}", "finalized", rpc_block_hash(d, s->included)));
        s->kind = SUB_NONE;
    }
}

static void notify_block(struct devrpc *r, struct subscription *s)
{
    struct devchain *d = r->chain;
    switch (s->kind) {
    case SUB_NEW_HEADS:
        notify(r, s, rpc_header(d, d->head));
        return;
    case SUB_FINALIZED_HEADS:
        for (uint64_t b = r->finalized + 1; b <= devchain_finalized(d); b++)
            notify(r, s, rpc_header(d, b));
        return;
    case SUB_STORAGE:
        notify(r, s, rpc_storage_changes(d, s, false));
        return;
    case SUB_EXTRINSIC:
        notify_extrinsic(r, s);
        return;
    case SUB_VERSION: /* The runtime never changes. */
    case SUB_NONE:
        return;
    }
}

enum err devrpc_seal(struct devrpc *r, uint64_t now_ms)
{
    struct devchain *d = r->chain;
    enum err e = devchain_seal(d, now_ms);
    if (e != ERR_OK)
        return e;
    e = devdb_begin(&d->db, false);
    if (e != ERR_OK)
        return e;
    for (uint32_t i = 0; i < DEVRPC_SUBSCRIPTIONS_MAX; i++) {
        arena_reset(&d->scratch, 0);
        d->at = d->head;
        notify_block(r, &r->subscriptions[i]);
    }
    devdb_abort(&d->db);
    r->finalized = devchain_finalized(d);
    return ERR_OK;
}

/* ---- Requests ---- */

static json_t *error_reply(json_t *id, int code, const char *message, const char *data)
{
    json_t *error = json_pack("{s:i, s:s}", "code", code, "message", message);
    if (data != NULL)
        json_object_set_new(error, "data", json_string(data));
    return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "error", error);
}

static json_t *answer(struct devrpc *r, uint64_t session, const json_t *request)
{
    json_t *id = json_object_get(request, "id");
    const char *method = json_string_value(json_object_get(request, "method"));
    const json_t *params = json_object_get(request, "params");
    if (id == NULL)
        id = json_null();
    if (!json_is_object(request) || method == NULL || (params != NULL && !json_is_array(params)))
        return error_reply(id, INVALID_REQUEST, "Invalid request", NULL);
    rpc_handler *run = rpc_find(method);
    if (run == NULL)
        return error_reply(id, METHOD_NOT_FOUND, "Method not found", NULL);
    struct devchain *d = r->chain;
    struct rpc_call c = {.rpc = r, .chain = d, .session = session, .params = params};
    arena_reset(&d->scratch, 0);
    d->at = d->head;
    if (devdb_begin(&d->db, false) != ERR_OK)
        return error_reply(id, INTERNAL_ERROR, "Internal error", "the store cannot be read");
    json_t *result = run(&c);
    devdb_abort(&d->db);
    if (result == NULL)
        return error_reply(id, c.code == 0 ? INTERNAL_ERROR : c.code,
                           c.message == NULL ? "Internal error" : c.message, c.data);
    return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result);
}

static json_t *answer_batch(struct devrpc *r, uint64_t session, const json_t *batch)
{
    size_t i;
    json_t *request, *replies = json_array();
    if (json_array_size(batch) == 0 || json_array_size(batch) > DEVRPC_BATCH_MAX) {
        json_decref(replies);
        return error_reply(json_null(), INVALID_REQUEST, "Invalid request", "batch size");
    }
    json_array_foreach(batch, i, request)
        json_array_append_new(replies, answer(r, session, request));
    return replies;
}

static void tell_fresh(struct devrpc *r)
{
    struct devchain *d = r->chain;
    for (uint32_t i = 0; i < DEVRPC_SUBSCRIPTIONS_MAX; i++) {
        struct subscription *s = &r->subscriptions[i];
        if (s->kind == SUB_NONE || !s->fresh)
            continue;
        arena_reset(&d->scratch, 0);
        d->at = d->head;
        if (devdb_begin(&d->db, false) != ERR_OK)
            return;
        notify_first(r, s);
        devdb_abort(&d->db);
    }
}

void devrpc_on_text(struct devrpc *r, uint64_t session, struct span text, uint64_t now_ms)
{
    json_error_t trouble;
    r->now_ms = now_ms;
    json_t *request = NULL;
    if (text.len <= DEVRPC_REQUEST_MAX)
        request = json_loadb((const char *)text.ptr, text.len, 0, &trouble);
    if (request == NULL) {
        send_json(r, session, error_reply(json_null(), PARSE_ERROR, "Parse error", NULL));
        return;
    }
    json_t *reply =
        json_is_array(request) ? answer_batch(r, session, request) : answer(r, session, request);
    json_decref(request);
    send_json(r, session, reply);
    tell_fresh(r);
}

void devrpc_on_close(struct devrpc *r, uint64_t session)
{
    for (uint32_t i = 0; i < DEVRPC_SUBSCRIPTIONS_MAX; i++)
        if (r->subscriptions[i].session == session)
            r->subscriptions[i].kind = SUB_NONE;
}
