/* One submission at a time, from its nonce to what the state says of it.
 *
 *   queued -> preparing -> signing -> signed -> sending -> watching
 *                                                  |          |  a finalized head
 *                                                  v          v
 *                                               resting    checking -> walking
 *
 * Resting and a try that ran out of its era go back to queued, at most
 * CHAIN_TRIES_MAX times (CH-4). */
#include "chain/submit.h"

#include "crypto/hash.h"

enum { MECHANISM_STRIDE = 4096 };

struct submit *submit_active(struct chain *c)
{
    struct submit *oldest = NULL;
    for (uint32_t i = 0; i < CHAIN_SUBMITS_MAX; i++) {
        struct submit *s = &c->submits[i];
        if (s->state != SUBMIT_FREE && (oldest == NULL || s->order < oldest->order))
            oldest = s;
    }
    return oldest;
}

static struct submit *by_token(struct chain *c, uint64_t token)
{
    for (uint32_t i = 0; i < CHAIN_SUBMITS_MAX; i++)
        if (c->submits[i].state != SUBMIT_FREE && c->submits[i].token == token)
            return &c->submits[i];
    return NULL;
}

/* ---- Ends ---- */

static void copy_name(char out[CHAIN_NAME_MAX], struct span name)
{
    size_t len = min_u64(name.len, CHAIN_NAME_MAX - 1);
    for (size_t i = 0; i < len; i++) /* It may come from the endpoint. */
        out[i] = name.ptr[i] >= 0x20 && name.ptr[i] < 0x7f ? (char)name.ptr[i] : '?';
    out[len] = '\0';
}

void submit_finish(struct chain *c, struct submit *s, enum chain_outcome outcome, struct span name,
                   uint64_t block, const struct hash *block_hash)
{
    struct chain_out *out = client_out(c, CHAIN_OUT_RESULT);
    out->token = s->token;
    out->outcome = outcome;
    out->extrinsic_hash = s->hash;
    out->block = block;
    if (block_hash != NULL)
        out->block_hash = *block_hash;
    copy_name(out->name, name);
    s->state = SUBMIT_FREE;
    if (outcome == CHAIN_CONFIRMED)
        c->counters.confirmed++;
    else
        c->counters.failed++;
}

void submit_end(struct chain *c, struct submit *s, enum chain_outcome outcome, struct span name)
{
    submit_finish(c, s, outcome, name, 0, NULL);
}

static struct span text_span(const char *text)
{
    return span_of(text, strlen(text));
}

void submit_try_again(struct chain *c, struct submit *s, enum submit_state state)
{
    s->tries++;
    c->counters.resigned++;
    if (s->tries >= CHAIN_TRIES_MAX)
        submit_end(c, s, CHAIN_EXPIRED, (struct span){0});
    else
        s->state = state;
}

/* ---- Taking one in ---- */

static bool is_sane(const struct chain_action *a)
{
    if (a->weights.count > CALL_WEIGHTS_MAX || a->salt_count > CALL_WEIGHTS_MAX)
        return false;
    return a->kind != CHAIN_SET_COMMITMENT ||
           (a->commitment.len >= 1 && a->commitment.len <= CALL_COMMITMENT_MAX);
}

/* What the caller lent is kept as its own plain form, since the call itself can
 * only be built when the metadata is known. */
static void keep_u16s(struct wr *w, const uint16_t *values, uint32_t count)
{
    wr_u32(w, count);
    for (uint32_t i = 0; i < count; i++)
        wr_u16(w, values[i]);
}

static enum err keep(struct submit *s, const struct chain_action *a)
{
    struct wr w = wr_init(s->kept_room);
    keep_u16s(&w, a->weights.uids, a->weights.count);
    keep_u16s(&w, a->weights.values, a->weights.count);
    keep_u16s(&w, a->salt, a->salt_count);
    wr_u64(&w, a->weights.version_key);
    if (w.full)
        return ERR_TOO_BIG;
    s->kept_size = w.used;
    s->commit = a->commit;
    s->axon = a->axon;
    s->axon.netuid = s->netuid;
    s->mechanism = a->weights.mechanism;
    s->commitment_size = a->commitment.len;
    if (a->commitment.len != 0)
        memcpy(s->commitment, a->commitment.ptr, a->commitment.len);
    return ERR_OK;
}

enum err chain_submit(struct chain *c, uint64_t token, const struct chain_action *a,
                      uint64_t now_ms)
{
    if (!c->config.has_hotkey)
        return ERR_DENIED;
    if (!is_sane(a))
        return ERR_TOO_BIG;
    if (by_token(c, token) != NULL)
        return ERR_CONFLICT;
    for (uint32_t i = 0; i < CHAIN_SUBMITS_MAX; i++) {
        struct submit *s = &c->submits[i];
        if (s->state != SUBMIT_FREE)
            continue;
        struct room room = s->kept_room;
        *s = (struct submit){.token = token,
                             .order = ++c->last_order,
                             .kind = a->kind,
                             .netuid = c->config.netuid,
                             .kept_room = room};
        enum err e = keep(s, a);
        if (e != ERR_OK)
            return e;
        s->state = SUBMIT_QUEUED;
        c->counters.submits++;
        submit_advance(c, now_ms);
        return ERR_OK;
    }
    return ERR_FULL;
}

/* ---- Building the call ---- */

struct kept {
    struct call_weights weights;
    uint16_t *salt;
    uint32_t salt_count;
};

static uint16_t *take_u16s(struct chain *c, struct rd *r, uint32_t *count)
{
    *count = rd_count(r, CALL_WEIGHTS_MAX, 2);
    uint16_t *values = arena_array(&c->scratch, *count + 1, sizeof *values);
    assert(values != NULL);
    for (uint32_t i = 0; i < *count; i++)
        values[i] = rd_u16(r);
    return values;
}

static struct kept take_kept(struct chain *c, const struct submit *s)
{
    struct kept k = {.weights = {.netuid = s->netuid, .mechanism = s->mechanism}};
    struct rd r = rd_init(span_of(s->kept_room.ptr, s->kept_size));
    k.weights.uids = take_u16s(c, &r, &k.weights.count);
    k.weights.values = take_u16s(c, &r, &k.weights.count);
    k.salt = take_u16s(c, &r, &k.salt_count);
    k.weights.version_key = rd_u64(&r);
    assert(rd_end(&r) == ERR_OK); /* We wrote it. */
    return k;
}

struct call_weights submit_weights(struct chain *c, const struct submit *s)
{
    return take_kept(c, s).weights;
}

static enum err build_call(struct chain *c, const struct submit *s, struct wr *w)
{
    const struct metadata *m = &c->metadata;
    struct kept k = take_kept(c, s);
    switch (s->kind) {
    case CHAIN_SET_WEIGHTS:
        return call_set_weights(m, &k.weights, w);
    case CHAIN_COMMIT_WEIGHTS:
        return call_commit_weights(m, s->netuid, s->mechanism, &s->commit, w);
    case CHAIN_REVEAL_WEIGHTS:
        return call_reveal_weights(m, &k.weights, k.salt, k.salt_count, w);
    case CHAIN_SET_COMMITMENT:
        return call_set_commitment(m, s->netuid, span_of(s->commitment, s->commitment_size), w);
    case CHAIN_REGISTER:
        return call_burned_register(m, s->netuid, &c->config.hotkey, w);
    case CHAIN_SERVE_AXON:
        return call_serve_axon(m, &s->axon, w);
    }
    return ERR_UNSUPPORTED;
}

/* ---- Preparing and signing ---- */

static bool needs_uid(const struct submit *s)
{
    return s->kind != CHAIN_REGISTER;
}

static uint16_t index_of(const struct submit *s)
{
    return (uint16_t)(s->netuid + MECHANISM_STRIDE * s->mechanism);
}

/* The row that shows the effect. */
static enum err effect_key(struct chain *c, const struct submit *s, struct storage_key *key)
{
    const struct metadata *m = &c->metadata;
    const struct hotkey *who = &c->config.hotkey;
    switch (s->kind) {
    case CHAIN_SET_WEIGHTS:
    case CHAIN_REVEAL_WEIGHTS:
        return storage_key_u16_u16(m, "SubtensorModule", "Weights", index_of(s), s->uid, key);
    case CHAIN_COMMIT_WEIGHTS:
        return storage_key_u16_account(m, "SubtensorModule", "WeightCommits", index_of(s), who,
                                       key);
    case CHAIN_SET_COMMITMENT:
        return storage_key_u16_account(m, "Commitments", "CommitmentOf", s->netuid, who, key);
    case CHAIN_REGISTER:
        return storage_key_u16_account(m, "SubtensorModule", "Uids", s->netuid, who, key);
    case CHAIN_SERVE_AXON:
        return storage_key_u16_account(m, "SubtensorModule", "Axons", s->netuid, who, key);
    }
    return ERR_UNSUPPORTED;
}

uint32_t submit_keys(struct chain *c, enum request_kind kind,
                     struct storage_key keys[CHECK_KEYS_MAX])
{
    const struct submit *s = submit_active(c);
    assert(s != NULL); /* Both kinds of request end with it. */
    enum err e =
        storage_key_account(&c->metadata, "System", "Account", &c->config.hotkey, &keys[0]);
    assert(e == ERR_OK); /* Asked for when the metadata was taken. */
    if (kind == REQ_PREPARE)
        e = storage_key_u16_account(&c->metadata, "SubtensorModule", "Uids", s->netuid,
                                    &c->config.hotkey, &keys[1]);
    else
        e = effect_key(c, s, &keys[1]);
    return e == ERR_OK ? 2 : 1;
}

/* The account's nonce; an account without a row has used none. */
bool submit_take_nonce(struct chain *c, const json_t *result, const struct storage_key *key,
                       uint64_t *nonce)
{
    bool found;
    struct span value;
    if (!value_row(c, result, key, &found, &value))
        return false;
    struct rd r = rd_init(value);
    *nonce = found ? rd_u32(&r) : 0;
    return r.bad == ERR_OK;
}

static void sign(struct chain *c, struct submit *s)
{
    struct wr call = wr_init(c->call_room);
    struct wr extra = wr_init((struct room){s->extra, sizeof s->extra});
    struct wr implicit = wr_init((struct room){s->implicit, sizeof s->implicit});
    struct extrinsic_terms t = {.era = era_at(c->head, c->config.era_period),
                                .nonce = s->nonce,
                                .spec_version = c->spec_version,
                                .tx_version = c->tx_version,
                                .genesis = c->genesis,
                                .birth = c->head_hash};
    enum err e = build_call(c, s, &call);
    struct storage_key key;
    if (e == ERR_OK)
        e = effect_key(c, s, &key); /* What cannot be confirmed is not sent. */
    if (e == ERR_OK)
        e = extrinsic_extras(&c->metadata, &t, &extra, &implicit);
    if (e != ERR_OK) {
        submit_end(c, s, CHAIN_UNSUPPORTED, text_span(err_name(e)));
        return;
    }
    c->call_size = call.used;
    s->extra_size = extra.used;
    s->implicit_size = implicit.used;
    s->message_size =
        extrinsic_message(wr_done(&call), wr_done(&extra), wr_done(&implicit), s->message);
    s->death = era_death(&t.era, c->head);
    s->absent_at = c->head;
    s->state = SUBMIT_SIGNING;
    struct chain_out *out = client_out(c, CHAIN_OUT_SIGN);
    out->token = s->token;
    out->call = wr_done(&call);
    out->extra = wr_done(&extra);
    out->implicit = wr_done(&implicit);
    out->message = span_of(s->message, s->message_size);
}

void submit_on_prepared(struct chain *c, struct submit *s, const json_t *result)
{
    struct storage_key keys[CHECK_KEYS_MAX];
    struct span uid;
    bool registered = false;
    submit_keys(c, REQ_PREPARE, keys);
    if (result == NULL || !submit_take_nonce(c, result, &keys[0], &s->nonce) ||
        !value_row(c, result, &keys[1], &registered, &uid)) {
        submit_try_again(c, s, SUBMIT_RESTING);
        return;
    }
    if (needs_uid(s) && !registered) {
        submit_end(c, s, CHAIN_REFUSED, SPAN_LITERAL("HotKeyNotRegisteredInSubNet"));
        return;
    }
    struct rd r = rd_init(uid);
    s->uid = registered ? rd_u16(&r) : 0;
    sign(c, s);
}

void chain_signed(struct chain *c, uint64_t token, const struct signature *signature,
                  uint64_t now_ms)
{
    struct submit *s = by_token(c, token);
    if (s == NULL || s->state != SUBMIT_SIGNING)
        return;
    s->signature = *signature;
    arena_reset(&c->scratch, 0);
    size_t size = c->call_size + EXTRA_SIZE_MAX + 256;
    struct wr w = wr_init((struct room){arena_raw(&c->scratch, size), size});
    enum err e = extrinsic_assemble(&c->config.hotkey, signature, span_of(s->extra, s->extra_size),
                                    span_of(c->call_room.ptr, c->call_size), &w);
    assert(e == ERR_OK);
    s->hash = hash_blake2b(wr_done(&w));
    s->state = SUBMIT_SIGNED;
    submit_advance(c, now_ms);
}

void chain_sign_refused(struct chain *c, uint64_t token, uint64_t now_ms)
{
    struct submit *s = by_token(c, token);
    if (s == NULL || s->state != SUBMIT_SIGNING)
        return;
    submit_end(c, s, CHAIN_UNSIGNED, (struct span){0});
    submit_advance(c, now_ms);
}

void submit_advance(struct chain *c, uint64_t now_ms)
{
    struct submit *s = submit_active(c);
    if (s == NULL || c->phase != PHASE_READY || !c->has_head || !c->has_metadata)
        return;
    if (request_pending(c, REQ_VERSION) || request_pending(c, REQ_METADATA))
        return;
    if (s->state == SUBMIT_QUEUED && s->refetch) {
        s->refetch = false;
        request_start(c, REQ_VERSION, now_ms);
    } else if (s->state == SUBMIT_QUEUED) {
        s->state = SUBMIT_PREPARING;
        request_start(c, REQ_PREPARE, now_ms);
    } else if (s->state == SUBMIT_SIGNED) {
        s->state = SUBMIT_SENDING;
        request_start(c, REQ_SUBMIT, now_ms);
    }
}
