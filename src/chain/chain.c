#include "chain/chain.h"

#include "chain/client.h"

static const char *const outcome_names[] = {"confirmed", "failed",      "refused", "expired",
                                            "different", "unsupported", "unsigned"};
static const char *const why_names[] = {"unreachable", "unresolved", "closed",      "genesis",
                                        "garbage",     "stalled",    "silent",      "runtime",
                                        "oversize",    "metagraph",  "contradicts", "flood"};

const char *chain_outcome_name(enum chain_outcome o)
{
    return (uint32_t)o < COUNT_OF(outcome_names) ? outcome_names[o] : "unknown";
}

const char *chain_why_name(enum chain_why w)
{
    return (uint32_t)w < COUNT_OF(why_names) ? why_names[w] : "unknown";
}

void chain_config_default(struct chain_config *c)
{
    *c = (struct chain_config){.netuid = 2,
                               .endpoint_count = 1,
                               .call_ms = 30000,
                               .head_ms = 120000,
                               .redial_min_ms = 500,
                               .redial_max_ms = 60000,
                               .era_period = 64};
}

size_t chain_arena_size(const struct chain_config *c)
{
    (void)c;
    size_t parts = CHAIN_SUBMITS_MAX + 8; /* each may lose ARENA_ALIGN */
    return sizeof(struct chain) + CLIENT_METADATA_ROOM + CLIENT_SCRATCH_SIZE + CLIENT_TEXT_MAX +
           CHAIN_NEURONS_MAX * sizeof(struct chain_neuron) +
           (size_t)(CHAIN_SUBMITS_MAX + 1) * CLIENT_CALL_MAX + parts * ARENA_ALIGN;
}

static bool give_room(struct arena *a, size_t size, struct room *out)
{
    *out = (struct room){arena_alloc(a, size), size};
    return out->ptr != NULL;
}

enum err chain_init(struct chain **out, struct arena *arena, const struct chain_config *config,
                    uint64_t now_ms)
{
    assert(config->endpoint_count >= 1 && config->endpoint_count <= CHAIN_ENDPOINTS_MAX);
    assert(config->era_period >= ERA_PERIOD_MIN && config->era_period <= CLIENT_ERA_MAX);
    assert(config->redial_min_ms >= 1 && config->redial_min_ms <= config->redial_max_ms);
    struct room scratch, metadata;
    struct chain *c = arena_alloc(arena, sizeof *c);
    if (c == NULL || !give_room(arena, CLIENT_SCRATCH_SIZE, &scratch) ||
        !give_room(arena, CLIENT_METADATA_ROOM, &metadata) ||
        !give_room(arena, CLIENT_TEXT_MAX, &c->text) ||
        !give_room(arena, CLIENT_CALL_MAX, &c->call_room))
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < CHAIN_SUBMITS_MAX; i++)
        if (!give_room(arena, CLIENT_CALL_MAX, &c->submits[i].kept_room))
            return ERR_NO_MEMORY;
    c->reading.neurons = arena_array(arena, CHAIN_NEURONS_MAX, sizeof *c->reading.neurons);
    if (c->reading.neurons == NULL)
        return ERR_NO_MEMORY;
    arena_init(&c->scratch, scratch);
    arena_init(&c->metadata_arena, metadata);
    c->config = *config;
    prng_init(&c->prng, config->seed);
    c->has_genesis = config->has_genesis;
    c->genesis = config->genesis;
    c->dial_at_ms = now_ms;
    *out = c;
    chain_on_time(c, now_ms);
    return ERR_OK;
}

const struct chain_counters *chain_counters(const struct chain *c)
{
    return &c->counters;
}

struct trace *chain_trace(struct chain *c)
{
    return &c->trace;
}

bool chain_is_ready(const struct chain *c)
{
    return c->phase == PHASE_READY;
}

/* ---- Outputs ---- */

struct chain_out *client_out(struct chain *c, enum chain_out_kind kind)
{
    assert(c->out_count < OUTS_MAX); /* They are drained after every call. */
    struct chain_out *out = &c->outs[(c->out_first + c->out_count++) % OUTS_MAX];
    *out = (struct chain_out){.kind = kind};
    return out;
}

bool chain_poll(struct chain *c, struct chain_out *out)
{
    if (c->out_count > 0) {
        *out = c->outs[c->out_first];
        c->out_first = (c->out_first + 1) % OUTS_MAX;
        c->out_count--;
        return true;
    }
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        struct request *r = &c->requests[i];
        if (r->kind == REQ_FREE || r->sent)
            continue;
        r->sent = true;
        *out = (struct chain_out){.kind = CHAIN_OUT_SEND, .text = request_text(c, r)};
        c->counters.frames_out++;
        c->counters.bytes_out += out->text.len;
        return true;
    }
    return false;
}

/* ---- The connection ---- */

/* Half of the delay is jitter, so that clients of one endpoint spread out. */
static uint64_t redial_delay(struct chain *c)
{
    uint64_t delay = c->config.redial_min_ms;
    for (uint32_t i = 1; i < c->failures && delay < c->config.redial_max_ms; i++)
        delay *= 2;
    delay = min_u64(delay, c->config.redial_max_ms);
    return delay - prng_below(&c->prng, delay / 2 + 1);
}

/* CH-7: one endpoint may lag; that all of them do says that the head was a lie. */
static void doubt_head(struct chain *c, enum chain_why why)
{
    if (!c->lags || why != CHAIN_WHY_SILENT || ++c->lagged <= c->config.endpoint_count)
        return;
    trace_u64(trace_add(&c->trace, TRACE_ERROR, "chain.head_doubted"), "block", c->head);
    c->head_stands = false;
    submit_head_forgotten(c);
    c->head = 0;
    c->lagged = 0;
}

static const char *endpoint_name(const struct chain *c, uint32_t endpoint)
{
    const char *name = c->config.endpoint_names[endpoint];
    return name != NULL ? name : "endpoint";
}

/* The one line about a loss: where, why, and what comes next.  What the caller
 * knows beyond that follows; NULL when there is no room. */
static struct trace_event *tell_lost(struct chain *c, uint32_t lost, enum chain_why why,
                                     uint64_t delay_ms)
{
    bool is_told = (c->told[lost] >> why & 1) != 0;
    bool is_wrong = why == CHAIN_WHY_GENESIS || why == CHAIN_WHY_RUNTIME ||
                    why == CHAIN_WHY_METAGRAPH || why == CHAIN_WHY_CONTRADICTS;
    c->told[lost] |= 1u << why;
    struct trace_event *t = trace_add(&c->trace,
                                      is_told    ? TRACE_DEBUG
                                      : is_wrong ? TRACE_ERROR
                                                 : TRACE_WARN,
                                      "chain.lost");
    trace_word(t, "endpoint", endpoint_name(c, lost));
    trace_word(t, "why", chain_why_name(why));
    trace_word(t, "next", endpoint_name(c, c->endpoint));
    trace_u64(t, "in_ms", delay_ms);
    return t;
}

static struct trace_event *go_down(struct chain *c, enum chain_why why, uint64_t now_ms)
{
    doubt_head(c, why);
    uint32_t lost = c->endpoint;
    c->counters.disconnects++;
    if (c->has_head && now_ms >= c->sound_at_ms)
        c->failures = 0;
    c->has_head = false;
    c->failures++;
    c->endpoint = (c->endpoint + 1) % c->config.endpoint_count;
    c->phase = PHASE_WAITING;
    uint64_t delay_ms = redial_delay(c);
    c->dial_at_ms = time_add(now_ms, delay_ms);
    request_clear(c);
    metagraph_end(c, false);
    c->reading.has_graph = false;
    submit_on_down(c);
    client_out(c, CHAIN_OUT_DOWN)->why = why;
    return tell_lost(c, lost, why, delay_ms);
}

struct trace_event *client_fail(struct chain *c, enum chain_why why, uint64_t now_ms)
{
    if (c->phase == PHASE_WAITING)
        return NULL;
    client_out(c, CHAIN_OUT_CLOSE);
    return go_down(c, why, now_ms);
}

void chain_distrust(struct chain *c, uint64_t now_ms)
{
    if (c->phase == PHASE_READY)
        client_fail(c, CHAIN_WHY_CONTRADICTS, now_ms);
}

void chain_on_connected(struct chain *c, uint64_t now_ms)
{
    if (c->phase != PHASE_DIALING)
        return;
    c->phase = PHASE_GREETING;
    c->has_head = c->lags = false;
    c->head_wanted = 0;
    c->strays = 0;
    request_start(c, REQ_GENESIS, now_ms);
}

void chain_on_disconnected(struct chain *c, enum chain_why why, uint64_t now_ms)
{
    if (c->phase == PHASE_WAITING)
        return;
    if (why == CHAIN_WHY_GARBAGE)
        c->counters.garbage++;
    else if (why == CHAIN_WHY_OVERSIZE)
        c->counters.oversize++;
    go_down(c, why, now_ms);
}

void chain_on_time(struct chain *c, uint64_t now_ms)
{
    if (c->phase == PHASE_WAITING && now_ms >= c->dial_at_ms) {
        c->phase = PHASE_DIALING;
        c->dial_at_ms = time_add(now_ms, c->config.call_ms);
        c->counters.dials++;
        client_out(c, CHAIN_OUT_DIAL)->endpoint = c->endpoint;
        return;
    }
    if (c->phase == PHASE_DIALING && now_ms >= c->dial_at_ms) {
        client_fail(c, CHAIN_WHY_UNREACHABLE, now_ms);
        return;
    }
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        if (c->requests[i].kind == REQ_FREE || now_ms < c->requests[i].deadline_ms)
            continue;
        c->counters.timeouts++;
        client_fail(c, CHAIN_WHY_STALLED, now_ms);
        return;
    }
    if (c->phase == PHASE_READY && now_ms >= c->head_due_ms)
        client_fail(c, CHAIN_WHY_SILENT, now_ms);
}

uint64_t chain_wake_at(const struct chain *c)
{
    if (c->phase == PHASE_WAITING || c->phase == PHASE_DIALING)
        return c->dial_at_ms;
    uint64_t at = c->phase == PHASE_READY ? c->head_due_ms : UINT64_MAX;
    for (uint32_t i = 0; i < REQUESTS_MAX; i++)
        if (c->requests[i].kind != REQ_FREE)
            at = min_u64(at, c->requests[i].deadline_ms);
    return at;
}

/* ---- Greeting: genesis, version, metadata, heads ---- */

static void on_genesis(struct chain *c, const json_t *result, uint64_t now_ms)
{
    struct hash got;
    if (!value_hash(result, &got)) {
        client_fail(c, CHAIN_WHY_GARBAGE, now_ms);
        return;
    }
    if (c->has_genesis && !hash_equal(&got, &c->genesis)) { /* CH-1 */
        c->counters.genesis_refusals++;
        trace_hash(client_fail(c, CHAIN_WHY_GENESIS, now_ms), "genesis", &got);
        return;
    }
    c->has_genesis = true;
    c->genesis = got;
    request_start(c, REQ_VERSION, now_ms);
}

static void become_ready(struct chain *c, uint64_t now_ms)
{
    c->phase = PHASE_READY;
    c->head_due_ms = time_add(now_ms, c->config.head_ms);
    request_start(c, REQ_HEADS, now_ms);
    request_start(c, REQ_VERSIONS, now_ms);
    struct chain_out *out = client_out(c, CHAIN_OUT_READY);
    out->genesis = c->genesis;
    out->spec_version = c->spec_version;
}

static bool take_version(struct chain *c, const json_t *result)
{
    const json_t *spec = json_object_get(result, "specVersion");
    const json_t *tx = json_object_get(result, "transactionVersion");
    json_int_t s = json_integer_value(spec), t = json_integer_value(tx);
    if (!json_is_integer(spec) || !json_is_integer(tx) || s < 0 || s > UINT32_MAX || t < 0 ||
        t > UINT32_MAX)
        return false;
    c->spec_version = (uint32_t)s;
    c->tx_version = (uint32_t)t;
    return true;
}

/* CH-6: metadata belongs to a version; the same version keeps it. */
static void on_version(struct chain *c, const json_t *result, uint64_t now_ms)
{
    if (!take_version(c, result)) {
        client_fail(c, CHAIN_WHY_GARBAGE, now_ms);
        return;
    }
    if (!c->has_metadata || c->metadata_spec != c->spec_version) {
        if (!request_pending(c, REQ_METADATA))
            request_start(c, REQ_METADATA, now_ms);
    } else if (c->phase == PHASE_GREETING) {
        become_ready(c, now_ms);
    }
}

static bool is_usable(const struct metadata *m)
{
    static const struct {
        const char *pallet, *entry;
    } needed[] = {{"System", "Account"},
                  {"System", "Events"},
                  {"SubtensorModule", "Uids"},
                  {"SubtensorModule", "Weights"},
                  {"SubtensorModule", "LastUpdate"}};
    for (size_t i = 0; i < COUNT_OF(needed); i++)
        if (metadata_entry(m, needed[i].pallet, needed[i].entry) == NULL)
            return false;
    return true;
}

static void on_metadata(struct chain *c, const json_t *result, uint64_t now_ms)
{
    c->has_metadata = false;
    arena_reset(&c->metadata_arena, 0);
    struct span bytes = value_bytes(c, result);
    struct metadata m;
    enum err e = bytes.len == 0 || bytes.len > CLIENT_METADATA_MAX ? ERR_MALFORMED : ERR_OK;
    if (e == ERR_OK) {
        bytes = arena_copy(&c->metadata_arena, bytes);
        e = bytes.ptr == NULL ? ERR_NO_MEMORY : metadata_parse(bytes, &c->metadata_arena, &m);
    }
    if (e != ERR_OK || !is_usable(&m)) {
        trace_word(client_fail(c, CHAIN_WHY_RUNTIME, now_ms), "metadata",
                   e == ERR_OK ? "not_subtensor" : err_name(e));
        return;
    }
    c->metadata = m;
    c->has_metadata = true;
    c->metadata_spec = c->spec_version;
    if (c->phase == PHASE_GREETING)
        become_ready(c, now_ms);
}

/* ---- Finalized heads ---- */

enum { HEAD_LEAP_MAX = 1 << 24 };

static void want_head(struct chain *c, uint64_t number, uint64_t now_ms)
{
    if (number > UINT32_MAX || (c->head_stands && number > c->head + HEAD_LEAP_MAX)) {
        client_fail(c, CHAIN_WHY_GARBAGE, now_ms);
        return;
    }
    if (number < c->head) { /* CH-7: an endpoint that lags; it may catch up in time. */
        c->lags = true;
        return;
    }
    if (number > c->head_wanted) { /* Only progress keeps the connection. */
        c->head_wanted = number;
        c->head_due_ms = time_add(now_ms, c->config.head_ms);
    }
    bool known = c->has_head && c->head >= c->head_wanted;
    if (!known && !request_pending(c, REQ_HEAD_HASH))
        request_start(c, REQ_HEAD_HASH, now_ms)->number = c->head_wanted;
}

/* Of this connection: only now is it of use. */
static void on_first_head(struct chain *c, uint64_t block, uint64_t now_ms)
{
    c->sound_at_ms = time_add(now_ms, c->config.redial_max_ms);
    memset(c->told, 0, sizeof c->told);
    struct trace_event *t = trace_add(&c->trace, TRACE_INFO, "chain.ready");
    trace_word(t, "endpoint", endpoint_name(c, c->endpoint));
    trace_u64(t, "spec", c->spec_version);
    trace_u64(t, "block", block);
}

static void on_head_hash(struct chain *c, const struct request *r, const json_t *result,
                         uint64_t now_ms)
{
    struct hash hash;
    if (!value_hash(result, &hash)) {
        client_fail(c, CHAIN_WHY_GARBAGE, now_ms);
        return;
    }
    if (c->head_stands && r->number == c->head && !hash_equal(&hash, &c->head_hash)) {
        trace_u64(client_fail(c, CHAIN_WHY_GARBAGE, now_ms), "another_hash_of_block", c->head);
        return;
    }
    if (!c->has_head)
        on_first_head(c, r->number, now_ms);
    c->has_head = c->head_stands = true;
    c->lags = false;
    c->lagged = 0;
    c->head = r->number;
    c->head_hash = hash;
    c->counters.heads++;
    struct chain_out *out = client_out(c, CHAIN_OUT_HEAD);
    out->block = c->head;
    out->block_hash = hash;
    submit_on_head(c, now_ms);
    want_head(c, c->head_wanted, now_ms);
}

/* ---- Frames ---- */

static void on_result(struct chain *c, const struct request *r, const json_t *result,
                      const json_t *error, uint64_t now_ms)
{
    switch (r->kind) {
    case REQ_GENESIS:
        on_genesis(c, result, now_ms);
        return;
    case REQ_VERSION:
        on_version(c, result, now_ms);
        return;
    case REQ_METADATA:
        on_metadata(c, result, now_ms);
        return;
    case REQ_HEADS:
        if (!json_is_string(result) && !json_is_integer(result))
            client_fail(c, CHAIN_WHY_GARBAGE, now_ms);
        return;
    case REQ_VERSIONS: /* Versions are also asked for when a signature fails. */
        return;
    case REQ_HEAD_HASH:
        on_head_hash(c, r, result, now_ms);
        return;
    case REQ_READ_HASH:
    case REQ_READ_METAGRAPH:
    case REQ_READ_EPOCH:
    case REQ_READ_NEXT:
    case REQ_READ_OWN:
    case REQ_READ_WEIGHTS:
        metagraph_on_reply(c, r, result, now_ms);
        return;
    case REQ_PREPARE:
    case REQ_SUBMIT:
    case REQ_CHECK:
    case REQ_WALK_HASH:
    case REQ_WALK_BLOCK:
    case REQ_WALK_EVENTS:
        submit_on_reply(c, r, result, error, now_ms);
        return;
    case REQ_FREE:
        return;
    }
}

static void on_reply(struct chain *c, const json_t *message, uint64_t now_ms)
{
    json_int_t id = json_integer_value(json_object_get(message, "id"));
    const json_t *result = json_object_get(message, "result");
    const json_t *error = json_object_get(message, "error");
    for (uint32_t i = 0; i < REQUESTS_MAX; i++) {
        struct request r = c->requests[i];
        if (r.kind == REQ_FREE || !r.sent || r.id != id)
            continue;
        c->requests[i].kind = REQ_FREE;
        c->strays = 0;
        on_result(c, &r, error == NULL ? result : NULL, error, now_ms);
        return;
    }
    c->counters.garbage++; /* Late, or never asked for: harmless, but for their number. */
}

/* One subscription of a kind is enough to tell them by the method's name; the
 * first notification may come before the reply that names its subscription. */
static void on_notification(struct chain *c, const char *method, const json_t *params,
                            uint64_t now_ms)
{
    const json_t *result = json_object_get(params, "result");
    uint64_t number;
    if (c->phase != PHASE_READY)
        return;
    if (strcmp(method, "chain_finalizedHead") == 0) {
        if (value_number(json_object_get(result, "number"), &number))
            want_head(c, number, now_ms);
        else
            client_fail(c, CHAIN_WHY_GARBAGE, now_ms);
    } else if (strcmp(method, "state_runtimeVersion") == 0) {
        on_version(c, result, now_ms);
    }
}

static bool is_digit(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* The first long run of digits in quotes, or nothing. */
static struct span long_digits(struct span text)
{
    const uint8_t *end = text.ptr + text.len, *at = text.ptr;
    for (;;) {
        at = memmem(at, (size_t)(end - at), "\"0x", 3);
        if (at == NULL)
            return (struct span){0};
        const uint8_t *first = at + 3;
        for (at = first; at < end && is_digit(*at);)
            at++;
        if (at < end && *at == '"' && at - first >= LIFTED_MIN)
            return span_of(first, (size_t)(at - first));
    }
}

/* The parser would take metadata, half a million digits in one string, apart byte
 * by byte and copy it three times.  Such a string is lifted out before, and
 * CLIENT_LIFTED stands in its place (value_bytes). */
static struct span lift(struct chain *c, struct span frame)
{
    c->lifted = frame.len < LIFTED_MIN ? (struct span){0} : long_digits(frame);
    if (c->lifted.len == 0)
        return frame;
    size_t before = (size_t)(c->lifted.ptr - frame.ptr);
    const uint8_t *after = c->lifted.ptr + c->lifted.len;
    size_t rest = frame.len - before - c->lifted.len;
    size_t size = before + strlen(CLIENT_LIFTED) + rest;
    struct room room = {arena_raw(&c->scratch, size), size};
    if (room.ptr == NULL) {
        c->lifted = (struct span){0};
        return frame;
    }
    struct wr w = wr_init(room);
    wr_raw(&w, span_of(frame.ptr, before));
    wr_raw(&w, SPAN_LITERAL(CLIENT_LIFTED));
    wr_raw(&w, span_of(after, rest));
    return wr_done(&w);
}

void chain_on_text(struct chain *c, struct span frame, uint64_t now_ms)
{
    json_error_t trouble;
    assert(frame.len <= CHAIN_FRAME_MAX);
    c->counters.frames_in++;
    c->counters.bytes_in += frame.len;
    if (c->phase != PHASE_GREETING && c->phase != PHASE_READY)
        return;
    arena_reset(&c->scratch, 0);
    struct span text = lift(c, frame);
    json_t *message = json_loadb((const char *)text.ptr, text.len, 0, &trouble);
    if (!json_is_object(message)) {
        c->counters.garbage++;
        json_decref(message);
        client_fail(c, CHAIN_WHY_GARBAGE, now_ms);
        return;
    }
    arena_reset(&c->scratch, 0);
    const char *method = json_string_value(json_object_get(message, "method"));
    c->strays++; /* on_reply knows better. */
    if (method != NULL)
        on_notification(c, method, json_object_get(message, "params"), now_ms);
    else
        on_reply(c, message, now_ms);
    if (c->strays > CHAIN_STRAYS_MAX)
        client_fail(c, CHAIN_WHY_FLOOD, now_ms);
    json_decref(message);
    submit_advance(c, now_ms);
}
