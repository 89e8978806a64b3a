/* What became of an extrinsic: the pool's answer, then the state of finalized
 * blocks, and the events of a block to name a failure. */
#include <string.h>

#include "chain/client.h"
#include "chain/submit.h"
#include "crypto/hash.h"

enum { EVENTS_MAX = 1 << 16, TOPICS_MAX = 64 };

/* ---- The pool's answer ---- */

/* The texts of nodes and of simulators for the same reasons, in the parts that
 * they share. */
enum verdict {
    VERDICT_RETRY,   /* a fresh nonce or era will do */
    VERDICT_REFETCH, /* so may the runtime's new version */
    VERDICT_WATCH,   /* it is there already */
    VERDICT_REST,    /* the pool is not able just now */
    VERDICT_REFUSED,
};

static const struct {
    const char *part;
    enum verdict verdict;
    const char *name;
} answers[] = {
    {"outdated", VERDICT_RETRY, "Stale"},
    {"stale", VERDICT_RETRY, "Stale"},
    {"ancient", VERDICT_RETRY, "AncientBirthBlock"},
    {"bad signature", VERDICT_REFETCH, "BadProof"},
    {"badproof", VERDICT_REFETCH, "BadProof"},
    {"priority is too low", VERDICT_WATCH, "TooLowPriority"},
    {"already imported", VERDICT_WATCH, "AlreadyImported"},
    {"temporarily banned", VERDICT_REST, "TemporarilyBanned"},
    {"immediately dropped", VERDICT_REST, "ImmediatelyDropped"},
    {"exhaust", VERDICT_REST, "ExhaustsResources"},
    {"pay some fees", VERDICT_REFUSED, "Payment"},
    {"not expected", VERDICT_REFUSED, "Call"},
};

/* Subtensor's own reasons at the pool, by number. */
static const struct {
    uint32_t code;
    const char *name;
} custom_names[] = {
    {0, "ColdkeySwapScheduled"},
    {1, "StakeAmountTooLow"},
    {3, "SubnetNotExists"},
    {6, "RateLimitExceeded"},
    {15, "InvalidRevealRound"},
    {16, "CommitNotFound"},
    {17, "CommitBlockNotInRevealRange"},
    {18, "InputLengthsUnequal"},
    {19, "UidNotFound"},
};

static const char *custom_name(const char *text)
{
    const char *at = strcasestr(text, "custom");
    if (at == NULL)
        return NULL;
    at += strcspn(at, "0123456789");
    uint32_t code = 0;
    for (; *at >= '0' && *at <= '9' && code < 1000; at++)
        code = code * 10 + (uint32_t)(*at - '0');
    for (size_t i = 0; i < COUNT_OF(custom_names); i++)
        if (custom_names[i].code == code)
            return custom_names[i].name;
    return "Custom";
}

static enum verdict judge(const char *text, const char **name)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        if (strcasestr(text, answers[i].part) == NULL)
            continue;
        *name = answers[i].name;
        return answers[i].verdict;
    }
    *name = custom_name(text);
    return VERDICT_REFUSED;
}

/* The reason stands in the data of a node and in the message of a simulator. */
static enum verdict judge_error(const json_t *error, const char **name)
{
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *data = json_string_value(json_object_get(error, "data"));
    enum verdict v = VERDICT_REFUSED;
    *name = NULL;
    if (data != NULL)
        v = judge(data, name);
    if (*name == NULL && message != NULL)
        v = judge(message, name);
    if (*name == NULL)
        *name = data != NULL ? data : message != NULL ? message : "Unknown";
    return v;
}

static void on_pool_error(struct chain *c, struct submit *s, const json_t *error)
{
    const char *name;
    enum verdict v = judge_error(error, &name);
    switch (v) {
    case VERDICT_RETRY:
    case VERDICT_REFETCH:
        s->refetch = v == VERDICT_REFETCH;
        submit_try_again(c, s, SUBMIT_QUEUED);
        return;
    case VERDICT_WATCH:
        s->state = SUBMIT_WATCHING;
        return;
    case VERDICT_REST:
        submit_try_again(c, s, SUBMIT_RESTING);
        return;
    case VERDICT_REFUSED:
        submit_end(c, s, CHAIN_REFUSED, span_of(name, strlen(name)));
        return;
    }
}

/* ---- What the state says ---- */

static bool has_commit(struct span row, const struct hash *commit)
{
    struct rd r = rd_init(row);
    for (uint32_t n = scale_count(&r, CHAIN_COMMITS_MAX, HASH_SIZE + 24); n > 0; n--) {
        struct span hash = rd_take(&r, HASH_SIZE);
        rd_take(&r, 24);
        if (r.bad == ERR_OK && span_equal(hash, hash_span(commit)))
            return true;
    }
    return false;
}

static bool same_commitment(struct chain *c, const struct submit *s, struct span row)
{
    uint8_t bytes[CALL_COMMITMENT_MAX + 8];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    enum err e = call_commitment_info(&c->metadata, span_of(s->commitment, s->commitment_size), &w);
    struct rd r = rd_init(row);
    rd_u64(&r); /* deposit */
    rd_u32(&r); /* block */
    return e == ERR_OK && span_equal(rd_take(&r, r.left), wr_done(&w));
}

static bool same_axon(const struct submit *s, struct span row)
{
    struct rd r = rd_init(row);
    rd_u64(&r); /* block */
    uint32_t version = rd_u32(&r);
    struct span ip = rd_take(&r, sizeof s->axon.ip);
    uint16_t port = rd_u16(&r);
    if (r.bad != ERR_OK || version != s->axon.version || port != s->axon.port)
        return false;
    for (size_t i = 0; i < ip.len; i++)
        if (ip.ptr[i] != s->axon.ip[ip.len - 1 - i])
            return false;
    return true;
}

static bool has_effect(struct chain *c, const struct submit *s, struct span row)
{
    struct call_weights weights;
    switch (s->kind) {
    case CHAIN_SET_WEIGHTS:
    case CHAIN_REVEAL_WEIGHTS:
        weights = submit_weights(c, s);
        return chain_weights_are(row, &weights);
    case CHAIN_COMMIT_WEIGHTS:
        return has_commit(row, &s->commit);
    case CHAIN_SET_COMMITMENT:
        return same_commitment(c, s, row);
    case CHAIN_REGISTER:
        return true; /* The row is there. */
    case CHAIN_SERVE_AXON:
        return same_axon(s, row);
    }
    return false;
}

static void walk(struct chain *c, struct submit *s, uint64_t now_ms)
{
    s->state = SUBMIT_WALKING;
    request_start(c, REQ_WALK_HASH, now_ms)->number = s->walk_at;
}

static void on_checked(struct chain *c, struct submit *s, const struct request *r,
                       const json_t *result, uint64_t now_ms)
{
    struct storage_key keys[CHECK_KEYS_MAX];
    uint64_t nonce;
    bool found = false;
    struct span row = {0};
    s->state = SUBMIT_WATCHING;
    submit_keys(c, REQ_CHECK, keys);
    if (result == NULL || !submit_take_nonce(c, result, &keys[0], &nonce) ||
        !value_row(c, result, &keys[1], &found, &row))
        return; /* The next finalized head asks again. */
    if (nonce <= s->nonce) {
        s->absent_at = r->number;
        if (r->number >= s->death)
            submit_try_again(c, s, SUBMIT_QUEUED);
        return;
    }
    if (found && has_effect(c, s, row)) { /* CH-3 */
        submit_finish(c, s, CHAIN_CONFIRMED, (struct span){0}, r->number, &r->at);
        return;
    }
    s->seen_at = r->number;
    s->walk_at = s->absent_at + 1;
    walk(c, s, now_ms);
}

/* ---- Walking the blocks to name a failure ---- */

static void on_block(struct chain *c, struct submit *s, const struct request *r,
                     const json_t *result, uint64_t now_ms)
{
    size_t i;
    json_t *one;
    const json_t *list = json_object_get(json_object_get(result, "block"), "extrinsics");
    if (!json_is_array(list)) {
        s->state = SUBMIT_WATCHING;
        return;
    }
    json_array_foreach(list, i, one)
    {
        size_t mark = arena_mark(&c->scratch);
        struct hash hash = hash_blake2b(value_bytes(c, one));
        arena_reset(&c->scratch, mark);
        if (!hash_equal(&hash, &s->hash))
            continue;
        s->walk_index = (uint32_t)i;
        struct request *next = request_start(c, REQ_WALK_EVENTS, now_ms);
        next->at = r->at;
        next->number = r->number;
        return;
    }
    s->walk_at++;
    if (s->walk_at <= s->seen_at)
        walk(c, s, now_ms);
    else
        submit_try_again(c, s, SUBMIT_QUEUED); /* Another extrinsic had our nonce. */
}

static struct span error_name(struct chain *c, const struct metadata_variant *failed, struct rd *r)
{
    uint32_t type;
    struct metadata_variant v;
    struct span name;
    uint8_t index = rd_u8(r);
    if (r->bad != ERR_OK || metadata_field(failed, 0, &type) != ERR_OK ||
        metadata_variant_at(&c->metadata, type, index, &v) != ERR_OK)
        return (struct span){0};
    if (!span_equal(v.name, SPAN_LITERAL("Module")))
        return v.name;
    uint8_t pallet = rd_u8(r), error = rd_u8(r);
    return metadata_error(&c->metadata, pallet, error, &name) == ERR_OK ? name : v.name;
}

enum fate { FATE_UNKNOWN, FATE_SUCCESS, FATE_FAILED };

/* One event; *fate is set when it is the end of extrinsic index. */
static void take_event(struct chain *c, struct rd *r, uint32_t index, enum fate *fate,
                       struct span *name)
{
    const struct metadata *m = &c->metadata;
    uint32_t extrinsic = UINT32_MAX, type;
    struct metadata_variant v;
    if (rd_u8(r) == 0)
        extrinsic = rd_u32(r);
    const struct metadata_pallet *p = metadata_pallet_at(m, rd_u8(r));
    uint8_t variant = rd_u8(r);
    if (p == NULL || metadata_variant_at(m, p->event_type, variant, &v) != ERR_OK) {
        rd_fail(r, ERR_MALFORMED);
        return;
    }
    bool ours = extrinsic == index && span_equal(p->name, SPAN_LITERAL("System"));
    if (ours && span_equal(v.name, SPAN_LITERAL("ExtrinsicSuccess")))
        *fate = FATE_SUCCESS;
    if (ours && span_equal(v.name, SPAN_LITERAL("ExtrinsicFailed"))) {
        struct rd look = *r;
        *fate = FATE_FAILED;
        *name = error_name(c, &v, &look);
    }
    for (uint32_t i = 0; i < v.field_count && r->bad == ERR_OK; i++)
        if (metadata_field(&v, i, &type) == ERR_OK)
            metadata_skip(m, type, r);
    rd_take(r, (size_t)scale_count(r, TOPICS_MAX, HASH_SIZE) * HASH_SIZE);
}

static void on_events(struct chain *c, struct submit *s, const struct request *r,
                      const json_t *result)
{
    struct rd events = rd_init(value_bytes(c, result));
    enum fate fate = FATE_UNKNOWN;
    struct span name = {0};
    uint32_t count = scale_count(&events, EVENTS_MAX, 4);
    for (uint32_t i = 0; i < count && events.bad == ERR_OK && fate == FATE_UNKNOWN; i++)
        take_event(c, &events, s->walk_index, &fate, &name);
    switch (fate) {
    case FATE_UNKNOWN:
        s->state = SUBMIT_WATCHING; /* Not readable now; the next head asks again. */
        return;
    case FATE_SUCCESS:
        submit_finish(c, s, CHAIN_DIFFERENT, (struct span){0}, r->number, &r->at);
        return;
    case FATE_FAILED:
        submit_finish(c, s, CHAIN_FAILED, name, r->number, &r->at);
        return;
    }
}

/* ---- Events of the connection ---- */

static void on_walk_hash(struct chain *c, struct submit *s, const struct request *r,
                         const json_t *result, uint64_t now_ms)
{
    struct hash hash;
    if (!value_hash(result, &hash)) {
        s->state = SUBMIT_WATCHING;
        return;
    }
    struct request *next = request_start(c, REQ_WALK_BLOCK, now_ms);
    next->at = hash;
    next->number = r->number;
}

void submit_on_reply(struct chain *c, const struct request *r, const json_t *result,
                     const json_t *error, uint64_t now_ms)
{
    struct submit *s = submit_active(c);
    if (s == NULL)
        return;
    if (r->kind == REQ_PREPARE)
        submit_on_prepared(c, s, result);
    else if (r->kind == REQ_SUBMIT && error != NULL)
        on_pool_error(c, s, error);
    else if (r->kind == REQ_SUBMIT)
        s->state = SUBMIT_WATCHING;
    else if (r->kind == REQ_CHECK)
        on_checked(c, s, r, result, now_ms);
    else if (r->kind == REQ_WALK_HASH)
        on_walk_hash(c, s, r, result, now_ms);
    else if (r->kind == REQ_WALK_BLOCK)
        on_block(c, s, r, result, now_ms);
    else
        on_events(c, s, r, result);
}

void submit_on_head(struct chain *c, uint64_t now_ms)
{
    struct submit *s = submit_active(c);
    if (s == NULL || !c->has_metadata)
        return;
    if (s->state == SUBMIT_RESTING) {
        s->state = SUBMIT_QUEUED;
    } else if (s->state == SUBMIT_WATCHING) {
        s->state = SUBMIT_CHECKING;
        struct request *r = request_start(c, REQ_CHECK, now_ms);
        r->number = c->head;
        r->at = c->head_hash;
    } else if ((s->state == SUBMIT_SIGNING || s->state == SUBMIT_SIGNED) && c->head >= s->death) {
        submit_try_again(c, s, SUBMIT_QUEUED);
    }
}

/* What was made for a head that never was has an era that never ends. */
void submit_head_forgotten(struct chain *c)
{
    for (uint32_t i = 0; i < CHAIN_SUBMITS_MAX; i++) {
        struct submit *s = &c->submits[i];
        if (s->state != SUBMIT_FREE && s->state != SUBMIT_QUEUED)
            submit_try_again(c, s, SUBMIT_QUEUED);
    }
}

void submit_on_down(struct chain *c)
{
    for (uint32_t i = 0; i < CHAIN_SUBMITS_MAX; i++) {
        struct submit *s = &c->submits[i];
        switch (s->state) {
        case SUBMIT_PREPARING:
        case SUBMIT_RESTING:
            s->state = SUBMIT_QUEUED;
            break;
        case SUBMIT_SENDING: /* It may have arrived. */
        case SUBMIT_CHECKING:
        case SUBMIT_WALKING:
            s->state = SUBMIT_WATCHING;
            break;
        case SUBMIT_FREE:
        case SUBMIT_QUEUED:
        case SUBMIT_SIGNING:
        case SUBMIT_SIGNED:
        case SUBMIT_WATCHING:
            break;
        }
    }
}
