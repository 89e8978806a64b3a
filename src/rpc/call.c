#include "rpc/internal.h"

#include <jansson.h>

#include "codec/hex.h"
#include "crypto/hash.h"
#include "crypto/ss58.h"

/* A bundle holds two blobs; they are there as they were read and as they are sent. */
static size_t scratch_size(const struct rpc_config *c)
{
    return RPC_SCRATCH_SIZE + 4 * (size_t)c->blob_bytes_max;
}

size_t rpc_arena_size(const struct rpc_config *c)
{
    return sizeof(struct rpc) + RPC_ANSWER_MAX + scratch_size(c) +
           UPLOADS_MAX * ((size_t)c->blob_bytes_max + ARENA_ALIGN) +
           RPC_EVENTS_MAX * sizeof(struct event_slot) + 8 * ARENA_ALIGN;
}

enum err rpc_init(struct rpc **out, struct arena *arena, const struct rpc_config *c)
{
    assert(c->view != NULL && c->host_count <= RPC_HOSTS_MAX);
    struct rpc *r = arena_alloc(arena, sizeof *r);
    if (r == NULL)
        return ERR_NO_MEMORY;
    r->config = *c;
    r->events = arena_array(arena, RPC_EVENTS_MAX, sizeof *r->events);
    r->answer = (struct room){arena_alloc(arena, RPC_ANSWER_MAX), RPC_ANSWER_MAX};
    struct room scratch = {arena_alloc(arena, scratch_size(c)), scratch_size(c)};
    bool there = r->events != NULL && r->answer.ptr != NULL && scratch.ptr != NULL;
    for (uint32_t i = 0; i < UPLOADS_MAX && there; i++) {
        r->uploads[i].bytes =
            (struct room){arena_alloc(arena, c->blob_bytes_max), c->blob_bytes_max};
        there = r->uploads[i].bytes.ptr != NULL;
    }
    if (!there)
        return ERR_NO_MEMORY;
    arena_init(&r->scratch, scratch);
    *out = r;
    return ERR_OK;
}

struct hash rpc_op_id(struct span op)
{
    return hash_tagged("PLTFOPID", op);
}

const struct method *rpc_method_at(uint32_t index)
{
    const struct method_table *tables[] = {&rpc_node_methods, &rpc_write_methods,
                                           &rpc_state_methods, &rpc_proof_methods};
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        if (index < tables[i]->count)
            return &tables[i]->methods[index];
        index -= tables[i]->count;
    }
    return NULL;
}

static const struct method *find_method(const char *name)
{
    const struct method *m;
    for (uint32_t i = 0; (m = rpc_method_at(i)) != NULL; i++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

static struct span text_of(const json_t *value)
{
    return span_of(json_string_value(value), json_string_length(value));
}

static bool read_bytes(struct rpc *r, const json_t *value, struct span *out)
{
    struct span hex = hex_strip(text_of(value));
    struct room room = {arena_alloc(&r->scratch, hex.len / 2 + 1), hex.len / 2};
    if (room.ptr == NULL || hex_decode(hex, room) != ERR_OK)
        return false;
    *out = span_of(room.ptr, room.len);
    return true;
}

static bool read_arg(struct rpc *r, enum param_kind kind, const json_t *value, struct arg *out)
{
    struct room hash = {out->hash.bytes, HASH_SIZE};
    out->given = true;
    switch (kind) {
    case PARAM_NONE:
        return false;
    case PARAM_HASH:
        return json_is_string(value) && hex_decode(hex_strip(text_of(value)), hash) == ERR_OK;
    case PARAM_HOTKEY:
        return json_is_string(value) && ss58_to_hotkey(text_of(value), &out->hotkey) == ERR_OK;
    case PARAM_NUMBER:
        out->number = (uint64_t)json_integer_value(value);
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case PARAM_BYTES:
        return json_is_string(value) && read_bytes(r, value, &out->bytes);
    }
    return false;
}

/* By name from an object or by place from a list; nothing unknown, nothing left over. */
static bool read_args(struct rpc *r, const struct method *m, const json_t *params,
                      struct arg args[PARAMS_MAX])
{
    size_t used = 0;
    for (size_t i = 0; i < PARAMS_MAX && m->params[i].kind != PARAM_NONE; i++) {
        const struct param *p = &m->params[i];
        const json_t *value =
            json_is_array(params) ? json_array_get(params, i) : json_object_get(params, p->name);
        if (value == NULL && !p->optional)
            return false;
        if (value == NULL)
            continue;
        used++;
        if (!read_arg(r, p->kind, value, &args[i]))
            return false;
    }
    size_t given = json_is_array(params) ? json_array_size(params) : json_object_size(params);
    return used == given;
}

static struct failure run(struct rpc *r, const json_t *request, struct emit *j)
{
    const json_t *version = json_object_get(request, "jsonrpc");
    const json_t *name = json_object_get(request, "method");
    const json_t *params = json_object_get(request, "params");
    if (!json_is_string(version) || strcmp(json_string_value(version), "2.0") != 0 ||
        !json_is_string(name))
        return failed(RPC_REQUEST, "a request has jsonrpc \"2.0\" and a method");
    if (params != NULL && !json_is_array(params) && !json_is_object(params))
        return failed(RPC_REQUEST, "params is an object or a list");
    const struct method *m = find_method(json_string_value(name));
    if (m == NULL)
        return failed(RPC_METHOD, "no such method; rpc_methods lists them");
    struct arg args[PARAMS_MAX] = {0};
    if (!read_args(r, m, params, args))
        return failed(RPC_PARAMS, "params are not those of the method; see rpc_methods");
    return m->run(r, args, j);
}

static void write_id(struct emit *j, const json_t *id)
{
    if (json_is_string(id))
        emit_span(j, "id", text_of(id));
    else if (json_is_integer(id))
        emit_signed(j, "id", json_integer_value(id));
    else
        emit_null(j, "id");
}

static void write_failure(struct rpc *r, struct emit *j, struct failure f)
{
    r->errors++;
    emit_object(j, "error");
    emit_signed(j, "code", f.code);
    emit_text(j, "message", f.text);
    if (f.reject != NULL) {
        emit_object(j, "data");
        emit_text(j, "reject", f.reject);
        emit_end(j);
    }
    emit_end(j);
}

/* A notification (no id) is run and not answered. */
static void answer_one(struct rpc *r, const json_t *request, struct emit *j)
{
    struct emit start = *j;
    const json_t *id = json_object_get(request, "id");
    bool has_id = id != NULL && (json_is_string(id) || json_is_integer(id) || json_is_null(id));
    r->requests++;
    arena_reset(&r->scratch, 0);
    emit_object(j, NULL);
    emit_text(j, "jsonrpc", "2.0");
    write_id(j, id);
    struct emit before = *j;
    struct failure f = id != NULL && !has_id
                           ? failed(RPC_REQUEST, "id is a string, an integer or null")
                           : run(r, request, j);
    if (f.code == RPC_OK && j->full)
        f = failed(RPC_TOO_BIG, "the answer is over its limit; ask for less");
    if (f.code != RPC_OK) {
        emit_back(j, &before);
        write_failure(r, j, f);
    }
    emit_end(j);
    /* What is no request at all is answered: nobody can tell whether it wanted an answer. */
    if ((id == NULL && f.code != RPC_REQUEST) || j->full)
        emit_back(j, &start);
}

/* Before jansson sees it: nesting within RPC_DEPTH_MAX. */
static bool depth_ok(struct span body)
{
    uint32_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < body.len; i++) {
        uint8_t c = body.ptr[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '['))
            depth++;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > RPC_DEPTH_MAX)
            return false;
    }
    return true;
}

static struct span refuse(struct rpc *r, struct failure f)
{
    struct emit j = emit_init(r->answer);
    emit_object(&j, NULL);
    emit_text(&j, "jsonrpc", "2.0");
    emit_null(&j, "id");
    write_failure(r, &j, f);
    emit_end(&j);
    return emit_done(&j);
}

static struct span answer_batch(struct rpc *r, const json_t *batch)
{
    size_t count = json_array_size(batch);
    if (count == 0 || count > RPC_BATCH_MAX)
        return refuse(r, failed(RPC_REQUEST, "a batch has 1 to 32 requests"));
    struct emit j = emit_init(r->answer);
    emit_list(&j, NULL);
    for (size_t i = 0; i < count; i++)
        answer_one(r, json_array_get(batch, i), &j);
    bool any = j.filled[0];
    emit_end(&j);
    if (!any)
        return (struct span){0};
    struct span text = emit_done(&j);
    return text.len > 0 ? text : refuse(r, failed(RPC_TOO_BIG, "the answers are over their limit"));
}

struct span rpc_call(struct rpc *r, struct span body)
{
    if (body.len > RPC_BODY_MAX)
        return refuse(r, failed(RPC_TOO_BIG, "the body is over its limit"));
    if (!depth_ok(body))
        return refuse(r, failed(RPC_PARSE, "the body is nested too deep"));
    json_t *root = json_loadb((const char *)body.ptr, body.len, JSON_REJECT_DUPLICATES, NULL);
    if (root == NULL)
        return refuse(r, failed(RPC_PARSE, "the body is not JSON"));
    struct span answer;
    if (json_is_array(root)) {
        answer = answer_batch(r, root);
    } else {
        struct emit j = emit_init(r->answer);
        answer_one(r, root, &j);
        answer = emit_done(&j);
    }
    json_decref(root);
    return answer;
}
