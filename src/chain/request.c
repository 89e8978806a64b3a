#include <stdio.h>

#include "chain/client.h"
#include "codec/hex.h"

struct request *request_start(struct chain *c, enum request_kind kind, uint64_t now_ms)
{
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *r = &c->requests[i];
        if (r->kind != REQ_FREE)
            continue;
        *r = (struct request){
            .kind = kind, .id = ++c->last_id, .deadline_ms = time_add(now_ms, c->config.call_ms)};
        return r;
    }
    assert(false); /* At most one of each kind is under way. */
    return NULL;
}

bool request_pending(const struct chain *c, enum request_kind kind)
{
    for (uint32_t i = 0; i < REQUESTS_MAX; i++)
        if (c->requests[i].kind == kind)
            return true;
    return false;
}

void request_clear(struct chain *c)
{
    memset(c->requests, 0, sizeof c->requests);
}

/* ---- Texts ---- */

static void put_text(struct wr *w, const char *text)
{
    wr_raw(w, span_of(text, strlen(text)));
}

static void put_number(struct wr *w, uint64_t x)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)x);
    put_text(w, text);
}

static void put_hex(struct wr *w, struct span bytes)
{
    char pair[3];
    put_text(w, "\"0x");
    for (size_t i = 0; i < bytes.len; i++) {
        hex_encode(span_of(bytes.ptr + i, 1), pair, sizeof pair);
        put_text(w, pair);
    }
    put_text(w, "\"");
}

static void put_call(struct wr *w, const char *function, struct span arguments,
                     const struct hash *at)
{
    put_text(w, "\"");
    put_text(w, function);
    put_text(w, "\",");
    put_hex(w, arguments);
    put_text(w, ",");
    put_hex(w, hash_span(at));
}

static void put_keys(struct wr *w, const struct storage_key *keys, uint32_t count,
                     const struct hash *at)
{
    put_text(w, "[");
    for (uint32_t i = 0; i < count; i++) {
        if (i != 0)
            put_text(w, ",");
        put_hex(w, storage_key_span(&keys[i]));
    }
    put_text(w, "]");
    if (at != NULL) {
        put_text(w, ",");
        put_hex(w, hash_span(at));
    }
}

static void put_extrinsic(struct chain *c, struct wr *w)
{
    const struct submit *s = submit_active(c);
    size_t mark = arena_mark(&c->scratch);
    size_t size = c->call_size + EXTRA_SIZE_MAX + 256;
    struct wr x = wr_init((struct room){arena_raw(&c->scratch, size), size});
    assert(x.start != NULL);
    enum err e =
        extrinsic_assemble(&c->config.hotkey, &s->signature, span_of(s->extra, s->extra_size),
                           span_of(c->call_room.ptr, c->call_size), &x);
    assert(e == ERR_OK);
    put_hex(w, wr_done(&x));
    arena_reset(&c->scratch, mark);
}

static void put_rows(struct chain *c, const struct request *r, struct wr *w)
{
    struct storage_key keys[CHECK_KEYS_MAX];
    uint32_t count = submit_keys(c, r->kind, keys);
    put_keys(w, keys, count, r->kind == REQ_PREPARE ? NULL : &r->at);
}

/* The rows of a chain whose epochs follow no fixed schedule. */
static void put_epoch_rows(struct chain *c, const struct request *r, struct wr *w)
{
    static const char *const entries[] = {"SubnetEpochIndex", "LastEpochBlock"};
    struct storage_key keys[2];
    uint32_t count = 0;
    for (size_t i = 0; i < COUNT_OF(entries); i++)
        if (storage_key_u16(&c->metadata, "SubtensorModule", entries[i], c->config.netuid,
                            &keys[count]) == ERR_OK)
            count++;
    put_keys(w, keys, count, &r->at);
}

static void put_own_rows(struct chain *c, const struct request *r, struct wr *w)
{
    struct storage_key keys[OWN_KEYS];
    own_keys(c, keys);
    bool both = r->kind == REQ_READ_OWN;
    put_keys(w, both ? keys : &keys[1], both ? OWN_KEYS : 1, &r->at);
}

static void put_metagraph_call(struct chain *c, const struct request *r, struct wr *w)
{
    uint8_t bytes[64];
    struct wr arguments = wr_init((struct room){bytes, sizeof bytes});
    metagraph_put_arguments(c->config.netuid, &arguments);
    put_call(w, "SubnetInfoRuntimeApi_get_selective_metagraph", wr_done(&arguments), &r->at);
}

static void put_next_call(struct chain *c, const struct request *r, struct wr *w)
{
    uint8_t netuid[2] = {(uint8_t)c->config.netuid, (uint8_t)(c->config.netuid >> 8)};
    put_call(w, "SubnetInfoRuntimeApi_get_next_epoch_start_block", span_of(netuid, 2), &r->at);
}

static void put_events_key(struct chain *c, const struct request *r, struct wr *w)
{
    struct storage_key key;
    enum err e = storage_key_plain(&c->metadata, "System", "Events", &key);
    assert(e == ERR_OK); /* Asked for when the metadata was taken. */
    put_hex(w, storage_key_span(&key));
    put_text(w, ",");
    put_hex(w, hash_span(&r->at));
}

static const char *method_of(enum request_kind kind)
{
    switch (kind) {
    case REQ_GENESIS:
    case REQ_HEAD_HASH:
    case REQ_READ_HASH:
    case REQ_WALK_HASH:
        return "chain_getBlockHash";
    case REQ_VERSION:
        return "state_getRuntimeVersion";
    case REQ_METADATA:
        return "state_getMetadata";
    case REQ_HEADS:
        return "chain_subscribeFinalizedHeads";
    case REQ_VERSIONS:
        return "state_subscribeRuntimeVersion";
    case REQ_READ_METAGRAPH:
    case REQ_READ_NEXT:
        return "state_call";
    case REQ_READ_EPOCH:
    case REQ_READ_OWN:
    case REQ_READ_WEIGHTS:
    case REQ_PREPARE:
    case REQ_CHECK:
        return "state_queryStorageAt";
    case REQ_SUBMIT:
        return "author_submitExtrinsic";
    case REQ_WALK_BLOCK:
        return "chain_getBlock";
    case REQ_WALK_EVENTS:
        return "state_getStorage";
    case REQ_FREE:
        break;
    }
    return "";
}

static void put_params(struct chain *c, const struct request *r, struct wr *w)
{
    switch (r->kind) {
    case REQ_GENESIS:
    case REQ_HEAD_HASH:
    case REQ_READ_HASH:
    case REQ_WALK_HASH:
        put_number(w, r->number);
        return;
    case REQ_READ_METAGRAPH:
        put_metagraph_call(c, r, w);
        return;
    case REQ_READ_NEXT:
        put_next_call(c, r, w);
        return;
    case REQ_READ_EPOCH:
        put_epoch_rows(c, r, w);
        return;
    case REQ_READ_OWN:
    case REQ_READ_WEIGHTS:
        put_own_rows(c, r, w);
        return;
    case REQ_PREPARE:
    case REQ_CHECK:
        put_rows(c, r, w);
        return;
    case REQ_SUBMIT:
        put_extrinsic(c, w);
        return;
    case REQ_WALK_BLOCK:
        put_hex(w, hash_span(&r->at));
        return;
    case REQ_WALK_EVENTS:
        put_events_key(c, r, w);
        return;
    case REQ_VERSION:
    case REQ_METADATA:
    case REQ_HEADS:
    case REQ_VERSIONS:
    case REQ_FREE:
        return;
    }
}

struct span request_text(struct chain *c, const struct request *r)
{
    struct wr w = wr_init(c->text);
    put_text(&w, "{\"jsonrpc\":\"2.0\",\"id\":");
    put_number(&w, r->id);
    put_text(&w, ",\"method\":\"");
    put_text(&w, method_of(r->kind));
    put_text(&w, "\",\"params\":[");
    put_params(c, r, &w);
    put_text(&w, "]}");
    assert(!w.full); /* CLIENT_TEXT_MAX holds the longest. */
    return wr_done(&w);
}

/* ---- Values ---- */

static struct span text_of(const json_t *value)
{
    return span_of(json_string_value(value), json_string_length(value));
}

bool value_hash(const json_t *value, struct hash *out)
{
    struct hash h;
    if (!json_is_string(value) ||
        hex_decode(hex_strip(text_of(value)), (struct room){h.bytes, HASH_SIZE}) != ERR_OK)
        return false;
    *out = h;
    return true;
}

/* Some servers pad the number of a header with zeros. */
bool value_number(const json_t *value, uint64_t *out)
{
    return json_is_string(value) && hex_number(hex_strip(text_of(value)), out) == ERR_OK;
}

struct span value_bytes(struct chain *c, const json_t *value)
{
    struct span digits = hex_strip(text_of(value));
    if (span_equal(digits, SPAN_LITERAL(CLIENT_LIFTED)))
        digits = c->lifted;
    if (!json_is_string(value) || digits.len < 2)
        return (struct span){0};
    struct room out = {arena_raw(&c->scratch, digits.len / 2), digits.len / 2};
    if (out.ptr == NULL || hex_decode(digits, out) != ERR_OK)
        return (struct span){0};
    return span_of(out.ptr, out.len);
}

bool value_row(struct chain *c, const json_t *result, const struct storage_key *key, bool *found,
               struct span *value)
{
    size_t i;
    json_t *change;
    const json_t *changes = json_object_get(json_array_get(result, 0), "changes");
    if (!json_is_array(changes))
        return false;
    json_array_foreach(changes, i, change)
    {
        struct span name = value_bytes(c, json_array_get(change, 0));
        const json_t *row = json_array_get(change, 1);
        if (!span_equal(name, storage_key_span(key)))
            continue;
        *found = json_is_string(row);
        *value = *found ? value_bytes(c, row) : (struct span){0};
        return json_is_null(row) || value->len != 0 || json_string_length(row) == 2;
    }
    *found = false; /* A server may leave out what does not exist. */
    *value = (struct span){0};
    return true;
}
