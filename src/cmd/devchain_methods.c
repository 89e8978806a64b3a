/* The methods, in the order of their names' first words. */
#include "cmd/devchain_rpc.h"

#include <stdio.h>

#include "codec/hex.h"
#include "crypto/hash.h"
#include "crypto/ss58.h"

enum { API_RESULT_MAX = 1 << 20, INVALID_PARAMS = -32602 };

static const json_t *param(struct rpc_call *c, size_t index)
{
    return json_array_get(c->params, index);
}

/* ---- author ---- */

static json_t *submit(struct rpc_call *c, bool watch)
{
    struct span bytes;
    struct hash hash;
    struct invalid why;
    if (!rpc_bytes(c, param(c, 0), DEVCHAIN_EXTRINSIC_MAX, &bytes))
        return NULL;
    if (devchain_submit(c->chain, bytes, &hash, &why) != ERR_OK) {
        const char *message = why.code == 1001   ? "Extrinsic has invalid format"
                              : why.code == 1010 ? "Invalid Transaction"
                              : why.code == 1011 ? "Unknown Transaction Validity"
                                                 : why.text;
        return rpc_fail(c, why.code, message, why.text);
    }
    if (!watch)
        return rpc_hex(c->chain, hash_span(&hash));
    struct subscription *s = rpc_subscribe(c, SUB_EXTRINSIC);
    if (s == NULL)
        return NULL;
    s->extrinsic = hash;
    return rpc_subscription_id(s);
}

static json_t *author_submit(struct rpc_call *c)
{
    return submit(c, false);
}

static json_t *author_submit_and_watch(struct rpc_call *c)
{
    return submit(c, true);
}

static json_t *author_pending(struct rpc_call *c)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < c->chain->pool_count; i++)
        json_array_append_new(list, rpc_hex(c->chain, c->chain->pool[i].bytes));
    return list;
}

/* ---- chain ---- */

/* A number as clients write it: JSON's own, or hexadecimal digits. */
static bool take_number(const json_t *value, uint64_t *out)
{
    struct span digits = hex_strip(span_of(json_string_value(value), json_string_length(value)));
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    return json_is_string(value) && hex_number(digits, out) == ERR_OK;
}

static json_t *hash_of_number(struct rpc_call *c, const json_t *number)
{
    uint64_t block;
    if (!take_number(number, &block))
        return rpc_fail(c, INVALID_PARAMS, "Invalid params", NULL);
    return rpc_block_hash(c->chain, block);
}

static json_t *chain_block_hash(struct rpc_call *c)
{
    const json_t *number = param(c, 0);
    if (number == NULL || json_is_null(number))
        return rpc_hex(c->chain, hash_span(&c->chain->head_hash));
    if (!json_is_array(number))
        return hash_of_number(c, number);
    size_t i;
    json_t *one, *list = json_array();
    json_array_foreach(number, i, one)
    {
        json_t *hash = i < DEVRPC_BATCH_MAX ? hash_of_number(c, one) : NULL;
        if (hash == NULL) {
            json_decref(list);
            return rpc_fail(c, INVALID_PARAMS, "Invalid params", NULL);
        }
        json_array_append_new(list, hash);
    }
    return list;
}

static json_t *chain_header(struct rpc_call *c)
{
    uint64_t block;
    return rpc_block(c, 0, &block) ? rpc_header(c->chain, block) : NULL;
}

static json_t *chain_block(struct rpc_call *c)
{
    uint64_t block;
    struct devblock b;
    struct devchain *d = c->chain;
    if (!rpc_block(c, 0, &block))
        return NULL;
    if (devdb_get_block(&d->db, block, &d->scratch, &b) != ERR_OK)
        return json_null();
    json_t *list = json_array();
    struct rd r = rd_init(b.extrinsics);
    for (uint32_t n = scale_count(&r, DEVCHAIN_BLOCK_EXTRINSICS_MAX, 2); n > 0; n--) {
        const uint8_t *start = r.at;
        struct span s = scale_bytes(&r, DEVCHAIN_EXTRINSIC_MAX);
        json_array_append_new(list, rpc_hex(d, span_of(start, (size_t)(s.ptr + s.len - start))));
    }
    return json_pack("{s:{s:o, s:o}, s:n}", "block", "header", rpc_header(d, block), "extrinsics",
                     list, "justifications");
}

static json_t *chain_finalized_head(struct rpc_call *c)
{
    return rpc_block_hash(c->chain, devchain_finalized(c->chain));
}

static json_t *subscribe(struct rpc_call *c, enum subscription_kind kind)
{
    struct subscription *s = rpc_subscribe(c, kind);
    return s == NULL ? NULL : rpc_subscription_id(s);
}

static json_t *chain_subscribe_new(struct rpc_call *c)
{
    return subscribe(c, SUB_NEW_HEADS);
}

static json_t *chain_subscribe_finalized(struct rpc_call *c)
{
    return subscribe(c, SUB_FINALIZED_HEADS);
}

static json_t *unsubscribe(struct rpc_call *c)
{
    const json_t *id = param(c, 0);
    if (!json_is_string(id))
        return rpc_fail(c, INVALID_PARAMS, "Invalid subscription id", NULL);
    for (uint32_t i = 0; i < DEVRPC_SUBSCRIPTIONS_MAX; i++) {
        struct subscription *s = &c->rpc->subscriptions[i];
        if (s->kind == SUB_NONE || s->session != c->session)
            continue;
        json_t *name = rpc_subscription_id(s);
        bool same = json_equal(name, id);
        json_decref(name);
        if (!same)
            continue;
        s->kind = SUB_NONE;
        return json_true();
    }
    return json_false();
}

/* ---- dev ---- */

static json_t *dev_new_block(struct rpc_call *c)
{
    const json_t *count = json_object_get(param(c, 0), "count");
    json_int_t n = json_is_integer(count) ? json_integer_value(count) : 1;
    devdb_abort(&c->chain->db);
    for (json_int_t i = 0; i < n && i < 1000; i++)
        if (devrpc_seal(c->rpc, c->rpc->now_ms) != ERR_OK)
            return rpc_fail(c, -32603, "Internal error", "the block was not made");
    return rpc_hex(c->chain, hash_span(&c->chain->head_hash));
}

static bool set_pair(struct rpc_call *c, const json_t *pair)
{
    struct span key, value = {0};
    const json_t *v = json_array_get(pair, 1);
    if (!rpc_bytes(c, json_array_get(pair, 0), STORAGE_KEY_SIZE_MAX, &key))
        return false;
    if (!json_is_null(v) && !rpc_bytes(c, v, DEVRPC_REQUEST_MAX, &value))
        return false;
    return key.len != 0 && dev_write_key(c->chain, key, value) == ERR_OK;
}

/* Rows of the head are changed in place, as a test wants them. */
static json_t *dev_set_storage(struct rpc_call *c)
{
    size_t i;
    json_t *pair;
    struct devchain *d = c->chain;
    devdb_abort(&d->db);
    if (!json_is_array(param(c, 0)) || devdb_begin(&d->db, true) != ERR_OK)
        return rpc_fail(c, INVALID_PARAMS, "Invalid params", NULL);
    d->at = d->head;
    json_array_foreach(param(c, 0), i, pair) if (!set_pair(c, pair)) return rpc_fail(
        c, INVALID_PARAMS, "Invalid params", NULL);
    if (devdb_commit(&d->db) != ERR_OK)
        return NULL;
    return rpc_hex(d, hash_span(&d->head_hash));
}

/* ---- payment ---- */

static json_t *payment_info(struct rpc_call *c)
{
    struct span bytes;
    struct extrinsic x;
    bool pays = false;
    char fee[24];
    if (!rpc_bytes(c, param(c, 0), DEVCHAIN_EXTRINSIC_MAX, &bytes))
        return NULL;
    if (extrinsic_decode(&c->chain->metadata, bytes, &x) != ERR_OK)
        return rpc_fail(c, 1001, "Extrinsic has invalid format", NULL);
    dev_call_known(c->chain, x.call, &pays);
    snprintf(fee, sizeof fee, "%llu", (unsigned long long)(pays ? dev_fee(bytes) : 0));
    return json_pack("{s:{s:i, s:i}, s:s, s:s}", "weight", "ref_time", DEVCHAIN_NOMINAL_WEIGHT,
                     "proof_size", 0, "class", "normal", "partialFee", fee);
}

/* ---- state ---- */

static json_t *state_call(struct rpc_call *c)
{
    struct devchain *d = c->chain;
    struct span arguments;
    const char *function = json_string_value(param(c, 0));
    if (function == NULL)
        return rpc_fail(c, INVALID_PARAMS, "Invalid params", NULL);
    if (!rpc_bytes(c, param(c, 1), DEVRPC_REQUEST_MAX, &arguments) || !rpc_block(c, 2, &d->at))
        return NULL;
    uint8_t *bytes = arena_raw(&d->scratch, API_RESULT_MAX);
    if (bytes == NULL)
        return NULL;
    struct wr w = wr_init((struct room){bytes, API_RESULT_MAX});
    enum err e = dev_api(d, function, arguments, &w);
    if (e == ERR_NOT_FOUND)
        return rpc_fail(c, 4003, "Client error: Execution failed",
                        "the runtime exports no such function");
    if (e != ERR_OK || w.full)
        return rpc_fail(c, 4003, "Client error: Execution failed", "bad arguments");
    return rpc_hex(d, wr_done(&w));
}

static json_t *value_at(struct devchain *d, struct span key)
{
    struct span value;
    enum err e = devdb_get(&d->db, d->at, key, &d->scratch, &value);
    return e == ERR_OK ? rpc_hex(d, value) : json_null();
}

static json_t *state_storage(struct rpc_call *c)
{
    struct span key;
    if (!rpc_bytes(c, param(c, 0), STORAGE_KEY_SIZE_MAX, &key) || !rpc_block(c, 1, &c->chain->at))
        return NULL;
    return value_at(c->chain, key);
}

static json_t *state_storage_size(struct rpc_call *c)
{
    struct span key, value;
    struct devchain *d = c->chain;
    if (!rpc_bytes(c, param(c, 0), STORAGE_KEY_SIZE_MAX, &key) || !rpc_block(c, 1, &d->at))
        return NULL;
    enum err e = devdb_get(&d->db, d->at, key, &d->scratch, &value);
    return e == ERR_OK ? json_integer((json_int_t)value.len) : json_null();
}

static json_t *state_storage_hash(struct rpc_call *c)
{
    struct span key, value;
    struct devchain *d = c->chain;
    if (!rpc_bytes(c, param(c, 0), STORAGE_KEY_SIZE_MAX, &key) || !rpc_block(c, 1, &d->at))
        return NULL;
    if (devdb_get(&d->db, d->at, key, &d->scratch, &value) != ERR_OK)
        return json_null();
    struct hash hash = hash_blake2b(value);
    return rpc_hex(d, hash_span(&hash));
}

static json_t *state_keys_paged(struct rpc_call *c)
{
    struct devchain *d = c->chain;
    struct span prefix, after = {0};
    json_int_t count = json_integer_value(param(c, 1));
    const json_t *start = param(c, 2);
    if (!rpc_bytes(c, param(c, 0), STORAGE_KEY_SIZE_MAX, &prefix) || !rpc_block(c, 3, &d->at))
        return NULL;
    if (start != NULL && !json_is_null(start) && !rpc_bytes(c, start, STORAGE_KEY_SIZE_MAX, &after))
        return NULL;
    if (count < 0 || count > DEVRPC_PAGE_MAX)
        return rpc_fail(c, 4002, "count exceeds maximum value. value: , max: 1000", NULL);
    json_t *list = json_array();
    struct storage_key key;
    for (; count > 0; count--) {
        if (devdb_next(&d->db, d->at, prefix, after, &key) != ERR_OK)
            break;
        json_array_append_new(list, rpc_hex(d, storage_key_span(&key)));
        after = storage_key_span(&key);
    }
    return list;
}

static json_t *state_metadata(struct rpc_call *c)
{
    uint64_t block;
    return rpc_block(c, 0, &block) ? rpc_hex(c->chain, c->chain->metadata_bytes) : NULL;
}

json_t *rpc_version(void)
{
    /* The generic interfaces that are served, by the BLAKE2b-64 of their names:
     * Core, AccountNonceApi, TransactionPaymentApi. */
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:[[s,i],[s,i],[s,i]]}", "specName",
                     "node-subtensor", "implName", "platform-devchain", "authoringVersion", 1,
                     "specVersion", DEVCHAIN_SPEC_VERSION, "implVersion", 1, "transactionVersion",
                     DEVCHAIN_TX_VERSION, "stateVersion", 1, "apis", "0xdf6acb689907609b", 5,
                     "0xbc9d89904f5b923f", 1, "0x37c8bb1350a9a2a8", 4);
}

static json_t *state_version(struct rpc_call *c)
{
    uint64_t block;
    return rpc_block(c, 0, &block) ? rpc_version() : NULL;
}

static json_t *state_subscribe_version(struct rpc_call *c)
{
    return subscribe(c, SUB_VERSION);
}

static bool take_keys(struct rpc_call *c, const json_t *list, struct subscription *s)
{
    size_t i;
    json_t *one;
    if (!json_is_array(list) || json_array_size(list) > DEVRPC_KEYS_MAX) {
        rpc_fail(c, INVALID_PARAMS, "Invalid params", "a list of at most 64 keys is expected");
        return false;
    }
    json_array_foreach(list, i, one)
    {
        struct span key;
        if (!rpc_bytes(c, one, STORAGE_KEY_SIZE_MAX, &key))
            return false;
        s->keys[i].len = (uint16_t)key.len;
        memcpy(s->keys[i].bytes, key.ptr, key.len);
    }
    s->key_count = (uint32_t)json_array_size(list);
    return true;
}

static json_t *state_subscribe_storage(struct rpc_call *c)
{
    struct subscription *s = rpc_subscribe(c, SUB_STORAGE);
    if (s == NULL)
        return NULL;
    if (!take_keys(c, param(c, 0), s)) {
        s->kind = SUB_NONE;
        return NULL;
    }
    return rpc_subscription_id(s);
}

/* The rows at the head that differ from the block before it, or all. */
json_t *rpc_storage_changes(struct devchain *d, const struct subscription *s, bool all)
{
    json_t *changes = json_array();
    for (uint32_t i = 0; i < s->key_count; i++) {
        struct span key = storage_key_span(&s->keys[i]);
        d->at = d->head;
        json_t *now = value_at(d, key);
        d->at = d->head - (all || d->head == 0 ? 0 : 1);
        json_t *before = value_at(d, key);
        if (all || !json_equal(now, before))
            json_array_append_new(changes, json_pack("[o, O]", rpc_hex(d, key), now));
        json_decref(now);
        json_decref(before);
    }
    d->at = d->head;
    if (!all && json_array_size(changes) == 0) {
        json_decref(changes);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "block", rpc_block_hash(d, d->head), "changes", changes);
}

static json_t *state_query_at(struct rpc_call *c)
{
    struct devchain *d = c->chain;
    struct subscription *s = arena_alloc(&d->scratch, sizeof *s);
    if (s == NULL || !take_keys(c, param(c, 0), s) || !rpc_block(c, 1, &d->at))
        return NULL;
    json_t *changes = json_array();
    for (uint32_t i = 0; i < s->key_count; i++) {
        struct span key = storage_key_span(&s->keys[i]);
        json_array_append_new(changes, json_pack("[o, o]", rpc_hex(d, key), value_at(d, key)));
    }
    return json_pack("[{s:o, s:o}]", "block", rpc_block_hash(d, d->at), "changes", changes);
}

/* ---- system and the rest ---- */

static json_t *system_chain(struct rpc_call *c)
{
    (void)c;
    return json_string("Platform development chain");
}

static json_t *system_chain_type(struct rpc_call *c)
{
    (void)c;
    return json_string("Development");
}

static json_t *system_name(struct rpc_call *c)
{
    (void)c;
    return json_string("platform devchain");
}

static json_t *system_version(struct rpc_call *c)
{
    (void)c;
    return json_string("0.1.0");
}

static json_t *system_properties(struct rpc_call *c)
{
    (void)c;
    return json_pack("{s:i, s:i, s:s}", "ss58Format", SS58_PREFIX, "tokenDecimals", 9,
                     "tokenSymbol", "TAO");
}

static json_t *system_health(struct rpc_call *c)
{
    (void)c;
    return json_pack("{s:i, s:b, s:b}", "peers", 0, "isSyncing", 0, "shouldHavePeers", 0);
}

static json_t *system_next_index(struct rpc_call *c)
{
    struct devchain *d = c->chain;
    const json_t *text = param(c, 0);
    struct hotkey key;
    if (!json_is_string(text) ||
        ss58_to_hotkey(span_of(json_string_value(text), json_string_length(text)), &key) != ERR_OK)
        return rpc_fail(c, INVALID_PARAMS, "Invalid params", "an account address is expected");
    uint64_t next = dev_balance(d, &key).nonce;
    for (uint32_t i = 0; i < d->pool_count;) {
        bool ours = hotkey_equal(&d->pool[i].signer, &key) && d->pool[i].nonce == next;
        next += ours;
        i = ours ? 0 : i + 1; /* The pool is not sorted by nonce. */
    }
    return json_integer((json_int_t)next);
}

static json_t *rpc_methods(struct rpc_call *c);

static const struct rpc_method {
    const char *name;
    rpc_handler *run;
} methods[] = {
    {"author_pendingExtrinsics", author_pending},
    {"author_submitAndWatchExtrinsic", author_submit_and_watch},
    {"author_submitExtrinsic", author_submit},
    {"author_unwatchExtrinsic", unsubscribe},
    {"chain_getBlock", chain_block},
    {"chain_getBlockHash", chain_block_hash},
    {"chain_getFinalizedHead", chain_finalized_head},
    {"chain_getHeader", chain_header},
    {"chain_subscribeAllHeads", chain_subscribe_new},
    {"chain_subscribeFinalizedHeads", chain_subscribe_finalized},
    {"chain_subscribeNewHead", chain_subscribe_new},
    {"chain_subscribeNewHeads", chain_subscribe_new},
    {"chain_unsubscribeAllHeads", unsubscribe},
    {"chain_unsubscribeFinalizedHeads", unsubscribe},
    {"chain_unsubscribeNewHead", unsubscribe},
    {"chain_unsubscribeNewHeads", unsubscribe},
    {"dev_newBlock", dev_new_block},
    {"dev_setStorage", dev_set_storage},
    {"payment_queryInfo", payment_info},
    {"rpc_methods", rpc_methods},
    {"state_call", state_call},
    {"state_getKeysPaged", state_keys_paged},
    {"state_getMetadata", state_metadata},
    {"state_getRuntimeVersion", state_version},
    {"state_getStorage", state_storage},
    {"state_getStorageHash", state_storage_hash},
    {"state_getStorageSize", state_storage_size},
    {"state_queryStorageAt", state_query_at},
    {"state_subscribeRuntimeVersion", state_subscribe_version},
    {"state_subscribeStorage", state_subscribe_storage},
    {"state_unsubscribeRuntimeVersion", unsubscribe},
    {"state_unsubscribeStorage", unsubscribe},
    {"system_accountNextIndex", system_next_index},
    {"system_chain", system_chain},
    {"system_chainType", system_chain_type},
    {"system_health", system_health},
    {"system_name", system_name},
    {"system_properties", system_properties},
    {"system_version", system_version},
};

rpc_handler *rpc_find(const char *method)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (strcmp(methods[i].name, method) == 0)
            return methods[i].run;
    return NULL;
}

static json_t *rpc_methods(struct rpc_call *c)
{
    (void)c;
    json_t *list = json_array();
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        json_array_append_new(list, json_string(methods[i].name));
    return json_pack("{s:o}", "methods", list);
}
