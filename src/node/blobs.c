#include "node/internal.h"

#include <stdlib.h>

#include "crypto/hash.h"

enum {
    BLOB_NEW_MS = 60000, /* for so long an operation that names it may be on its way */
    FETCH_TIMEOUT_MS = 2000,
    FETCH_PAUSE_MS = 1500,  /* of it gone: a round of refusals */
    FETCH_FORGET_MS = 5000, /* nobody has wanted it for so long */
    FETCH_TURN_MS = 4000,   /* then one that brought nothing gives way to another */
};

bool blobs_have(struct node *n, const struct hash *name)
{
    struct span bytes;
    return node_get_blob(n, name, &bytes) == ERR_OK;
}

enum err node_get_blob(struct node *n, const struct hash *name, struct span *bytes)
{
    return db_get(n->config.db, DB_BLOBS, hash_span(name), bytes);
}

/* Blobs that came before it in this turn are gone with it, and a vote that stands on
 * one of them may be under way: then the node stops. */
static void not_kept(struct node *n, enum err e)
{
    n->disk_trouble++;
    trace_word(trace_add(&n->trace, TRACE_ERROR, "blob.not_kept"), "why", err_name(e));
    if (n->blobs_open)
        node_fail(n, "blobs_failed", e);
}

/* --- room for blobs */

/* What no kept submission names, and none will in a moment, is somebody's upload or
 * belongs to a submission that is long forgotten, also when that still leads: so the
 * ledger's LEDGER_INPUT_BYTES_MAX bounds what is needed. */
static bool is_needed(struct node *n, const struct hash *name)
{
    for (uint32_t i = 0; i < BLOBS_NEW; i++)
        if (hash_equal(&n->blobs_new[i].name, name) &&
            n->now_ms < time_add(n->blobs_new[i].since_ms, BLOB_NEW_MS))
            return true;
    return mempool_names(&n->mempool, name) || ledger_needs_blob(n->ledger, name, &n->scratch);
}

/* The next blobs in the order of their names, from where the last search ended. */
static enum err drop_unneeded(struct node *n)
{
    enum { LOOKED_AT = 64 };
    struct span key, value;
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < LOOKED_AT && e == ERR_OK; i++) {
        e = db_next(n->config.db, DB_BLOBS, hash_span(&n->blobs_looked_at), &key, &value);
        if (e == ERR_NOT_FOUND) {
            n->blobs_looked_at = (struct hash){0};
            return ERR_OK;
        }
        if (e != ERR_OK || key.len != HASH_SIZE)
            return ERR_CORRUPT;
        memcpy(n->blobs_looked_at.bytes, key.ptr, HASH_SIZE);
        if (is_needed(n, &n->blobs_looked_at))
            continue;
        n->counters.blobs_dropped++;
        e = db_del(n->config.db, DB_BLOBS, hash_span(&n->blobs_looked_at));
    }
    return e;
}

static bool has_room(const struct node *n, size_t size)
{
    uint64_t used = 0, sum;
    uint64_t most = n->config.blobs_bytes_max;
    return most == 0 || (db_used(n->config.db, DB_BLOBS, &used) == ERR_OK &&
                         add_ok(used, size, &sum) && sum <= most);
}

/* In the open transaction.  ERR_FULL: everything looked at is needed. */
static enum err make_room(struct node *n, size_t size)
{
    enum { ROUNDS = 4 };
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < ROUNDS && e == ERR_OK && !has_room(n, size); i++)
        e = drop_unneeded(n);
    if (e != ERR_OK || has_room(n, size))
        return e;
    n->counters.blobs_no_room++;
    trace_add(&n->trace, TRACE_WARN, "blob.no_room");
    return ERR_FULL;
}

/* All blobs of a turn are one transaction, durable before a vote for a proposal
 * that names them is sent. */
enum err node_put_blob(struct node *n, struct span bytes, struct hash *name)
{
    if (bytes.len == 0 || bytes.len > n->config.blob_bytes_max)
        return ERR_TOO_BIG;
    if (n->fatal != NULL)
        return ERR_IO;
    struct hash h = hash_blake2b(bytes);
    enum err e = ERR_OK;
    if (!blobs_have(n, &h)) {
        if (!n->blobs_open)
            e = db_begin(n->config.db);
        if (e == ERR_OK) {
            if (make_room(n, bytes.len) == ERR_FULL) {
                n->blobs_open = true; /* Nothing is wrong with the store. */
                return ERR_FULL;
            }
            e = db_put(n->config.db, DB_BLOBS, hash_span(&h), bytes);
            if (e != ERR_OK && !n->blobs_open)
                db_abort(n->config.db);
        }
        if (e != ERR_OK) {
            not_kept(n, e);
            return e;
        }
        n->blobs_open = true;
        if (mempool_unpark(&n->mempool, &h, n->now_ms) > 0)
            node_pending_changed(n);
        n->blobs_new[n->blobs_new_next++ % BLOBS_NEW] = (struct new_blob){h, n->now_ms};
        n->blob_came = true;
    }
    *name = h;
    return ERR_OK;
}

void blobs_commit(struct node *n)
{
    if (!n->blobs_open)
        return;
    n->blobs_open = false;
    enum err e = db_commit(n->config.db);
    if (e != ERR_OK)
        node_fail(n, "blobs_failed", e);
}

static struct fetch *find(struct node *n, const struct hash *name)
{
    for (uint32_t i = 0; i < FETCHES_MAX; i++)
        if (n->fetches[i].used && hash_equal(&n->fetches[i].blob, name))
            return &n->fetches[i];
    return NULL;
}

static void drop(struct fetch *f)
{
    free(f->bytes);
    *f = (struct fetch){0};
}

enum whom { ASK_MEMBERS, ASK_LIVELY, ASK_ANY };

static bool is_member(const struct peer *p)
{
    return p->bound && p->member != BFT_ALL;
}

/* A member sends its status all the time: one that does not is stopped or cut off,
 * and waiting for its answer would hold up a vote. */
static bool is_silent(const struct node *n, const struct peer *p)
{
    return is_member(p) && n->now_ms > time_add(p->heard_ms, 3 * (uint64_t)n->config.status_ms);
}

static bool is_askable(const struct node *n, const struct peer *p, enum whom whom)
{
    return p->used && (whom != ASK_MEMBERS || is_member(p)) &&
           (whom == ASK_ANY || !is_silent(n, p));
}

/* The next connected peer in turn.  Strangers are many and cheap to be, so they
 * get no more than every other question while there is a member to ask. */
static struct peer *next_peer(struct node *n, struct fetch *f)
{
    enum whom first = f->tries++ % 2 == 0 ? ASK_MEMBERS : ASK_LIVELY;
    for (enum whom whom = first; whom <= ASK_ANY; whom++)
        for (uint32_t i = 0; i < PEERS_MAX; i++) {
            uint32_t at = (f->peer_cursor + i) % PEERS_MAX;
            if (!is_askable(n, &n->peers[at], whom))
                continue;
            f->peer_cursor = at;
            return &n->peers[at];
        }
    return NULL;
}

/* Parts of several peers make a blob as well as those of one, until it turns out
 * that one of them lied. */
static void turn_to(struct fetch *f, const struct peer *p)
{
    if (f->have > 0 && !peer_id_equal(&f->from, &p->id)) {
        f->mixed = true;
        if (f->whole_only) {
            f->mixed = false;
            f->have = 0;
        }
    }
    f->from = p->id;
}

static uint32_t part_wanted(const struct fetch *f)
{
    return (uint32_t)min_u64(BLOB_CHUNK_MAX, f->size - f->have);
}

/* Asks p, or (NULL) the next peer in turn, for the part that is missing. */
static void ask(struct node *n, struct fetch *f, struct peer *p)
{
    f->asked_ms = n->now_ms;
    if (p == NULL)
        p = next_peer(n, f);
    if (p == NULL)
        return;
    turn_to(f, p);
    f->token = ++n->next_token;
    struct blob_frame frame = {
        .tag = BLOB_FRAME_REQUEST,
        .request = {
            .token = f->token, .blob = f->blob, .offset = f->have, .length = part_wanted(f)}};
    uint8_t memory[BLOB_FRAME_SIZE_MIN + 128];
    n->world.send(n->world.net, &p->id, P2P_BLOB,
                  blob_frame_encode(&frame, (struct room){memory, sizeof memory}));
}

static uint32_t peer_count(const struct node *n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        count += n->peers[i].used;
    return count;
}

/* A free place, or that of the fetch which has tried longest for nothing. */
static struct fetch *fetch_place(struct node *n)
{
    struct fetch *worst = NULL;
    for (uint32_t i = 0; i < FETCHES_MAX; i++) {
        struct fetch *f = &n->fetches[i];
        if (!f->used)
            return f;
        if (f->have == 0 && n->now_ms >= time_add(f->since_ms, FETCH_TURN_MS) &&
            (worst == NULL || f->since_ms < worst->since_ms))
            worst = f;
    }
    if (worst != NULL)
        drop(worst);
    return worst;
}

void blobs_want(struct node *n, const struct hash *name, uint32_t size)
{
    if (size == 0 || size > n->config.blob_bytes_max || blobs_have(n, name))
        return;
    struct fetch *f = find(n, name);
    if (f == NULL && (f = fetch_place(n)) != NULL) {
        *f = (struct fetch){.used = true,
                            .blob = *name,
                            .size = size,
                            .since_ms = n->now_ms,
                            .peer_cursor = (uint32_t)(f - n->fetches)};
        ask(n, f, NULL);
    }
    if (f != NULL)
        f->wanted_ms = n->now_ms;
}

/* What waits for its result is for those who evaluate it: a miner who could read
 * another's work before it is decided could hand it in as his own. */
static bool may_have(struct node *n, const struct peer_id *from, const struct hash *name)
{
    const struct peer *p = peers_find(n, from);
    if ((p != NULL && is_member(p)) ||
        ledger_blob(n->ledger, name, &n->scratch) == LEDGER_BLOB_PUBLIC)
        return true;
    n->counters.blobs_withheld++;
    return false;
}

static void on_request(struct node *n, const struct peer_id *from, const struct blob_request *r)
{
    struct span blob = {0};
    struct blob_frame frame = {.tag = BLOB_FRAME_ANSWER,
                               .answer = {.token = r->token, .blob = r->blob, .offset = r->offset}};
    if (node_get_blob(n, &r->blob, &blob) == ERR_OK && r->offset < blob.len &&
        may_have(n, from, &r->blob)) {
        size_t length = min_u64(min_u64(r->length, BLOB_CHUNK_MAX), blob.len - r->offset);
        frame.answer.size = (uint32_t)blob.len;
        frame.answer.bytes = span_of(blob.ptr + r->offset, length);
    }
    size_t size = BLOB_FRAME_SIZE_MIN + frame.answer.bytes.len + 128;
    struct room room = {arena_raw(&n->scratch, size), size};
    if (room.ptr != NULL)
        n->world.send(n->world.net, from, P2P_BLOB, blob_frame_encode(&frame, room));
}

static void complete(struct node *n, struct fetch *f)
{
    struct hash name = hash_blake2b(span_of(f->bytes, f->size));
    if (!hash_equal(&name, &f->blob)) {
        n->counters.blob_mismatches++;
        struct trace_event *e = trace_add(&n->trace, TRACE_WARN, "blob.mismatch");
        trace_hash(e, "blob", &f->blob);
        if (f->mixed)
            f->whole_only = true;
        else
            n->world.disconnect(n->world.net, &f->from, "blob_mismatch");
        f->mixed = false;
        f->have = 0;
        f->peer_cursor++;
        f->asked_ms = 0;
        return;
    }
    if (node_put_blob(n, span_of(f->bytes, f->size), &name) == ERR_OK)
        trace_hash(trace_add(&n->trace, TRACE_DEBUG, "blob.fetched"), "blob", &name);
    drop(f);
}

static void on_answer(struct node *n, const struct peer_id *from, const struct blob_answer *a)
{
    struct fetch *f = find(n, &a->blob);
    if (f == NULL || f->token != a->token || !peer_id_equal(&f->from, from)) {
        n->counters.blob_stray_answers++;
        return;
    }
    /* All of what was asked for: a peer that drips bytes would hold us for days. */
    bool fits = a->size == f->size && a->offset == f->have && a->bytes.len == part_wanted(f);
    if (fits && f->bytes == NULL)
        f->bytes = malloc(f->size);
    if (!fits || f->bytes == NULL) { /* It has not got the blob: ask the next at once. */
        f->peer_cursor++;
        f->token = 0;
        if (++f->refusals < 2 * peer_count(n)) {
            ask(n, f, NULL);
            return;
        }
        f->refusals = 0; /* Nobody has it yet. */
        f->asked_ms = n->now_ms > FETCH_PAUSE_MS ? n->now_ms - FETCH_PAUSE_MS : 0;
        return;
    }
    memcpy(f->bytes + f->have, a->bytes.ptr, a->bytes.len);
    f->have += (uint32_t)a->bytes.len;
    if (f->have == f->size)
        complete(n, f);
    else
        ask(n, f, peers_find(n, from));
}

void blobs_on_frame(struct node *n, const struct peer_id *from, struct span bytes)
{
    struct blob_frame frame;
    if (blob_frame_decode(bytes, &n->scratch, &frame) != ERR_OK) {
        n->counters.bad_frames++;
        trace_add(&n->trace, TRACE_WARN, "peer.bad_frame");
        n->world.disconnect(n->world.net, from, "bad_frame");
        return;
    }
    switch (frame.tag) {
    case BLOB_FRAME_REQUEST:
        on_request(n, from, &frame.request);
        break;
    case BLOB_FRAME_ANSWER:
        on_answer(n, from, &frame.answer);
        break;
    }
}

void blobs_on_peer_down(struct node *n, const struct peer_id *peer)
{
    for (uint32_t i = 0; i < FETCHES_MAX; i++)
        if (n->fetches[i].used && peer_id_equal(&n->fetches[i].from, peer))
            n->fetches[i].asked_ms = 0;
}

void blobs_tick(struct node *n)
{
    for (uint32_t i = 0; i < FETCHES_MAX; i++) {
        struct fetch *f = &n->fetches[i];
        if (!f->used)
            continue;
        if (n->now_ms >= time_add(f->wanted_ms, FETCH_FORGET_MS)) {
            drop(f);
        } else if (n->now_ms >= time_add(f->asked_ms, FETCH_TIMEOUT_MS)) {
            f->peer_cursor++;
            ask(n, f, NULL);
        }
    }
}
