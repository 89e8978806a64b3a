#include "node/internal.h"

#include "chain/extrinsic.h"
#include "codec/rd.h"
#include "crypto/hash.h"
#include "node/log.h"
#include "node_msg.h"

/* The decided matrix on its way to the chain.  A subnet either takes weights at
 * once, or wants them committed to in one epoch of the chain and revealed in a
 * later one.  What is needed for the reveal is in the store before the commit
 * leaves:
 *   DB_META  'W' | epoch    weight_commit, until its reveal is read back
 *   DB_META  "weights"      weights_done
 * Whether a commit or its reveal arrived is read from the chain, at finalized
 * blocks, so that a restart at any moment goes on where the chain stands. */

enum { SUBMIT_AGAIN_MS = 6000, SALT_COUNT = 8, SALT_SIZE = 2 * SALT_COUNT };

static const struct span meta_done = {(const uint8_t *)"weights", 7};

static struct span record_key(uint8_t memory[SLOT_KEY_SIZE], uint64_t epoch)
{
    return slot_key(memory, 'W', epoch);
}

/* --- the store */

static bool store_record(struct node *n, const struct weight_commit *record)
{
    uint8_t key[SLOT_KEY_SIZE];
    size_t size = WEIGHT_COMMIT_SIZE_MAX, mark = arena_mark(&n->scratch);
    struct room room = {arena_raw(&n->scratch, size), size};
    assert(room.ptr != NULL);
    bool ok =
        storage_keep(n, record_key(key, record->weights.epoch), weight_commit_encode(record, room));
    arena_reset(&n->scratch, mark);
    return ok;
}

/* In the scratch arena. */
static enum err load_record(struct node *n, uint64_t epoch, struct weight_commit *out)
{
    uint8_t key[SLOT_KEY_SIZE];
    struct span bytes;
    enum err e = db_get(n->config.db, DB_META, record_key(key, epoch), &bytes);
    if (e == ERR_OK)
        e = weight_commit_decode(arena_copy(&n->scratch, bytes), &n->scratch, out);
    return e;
}

static struct commit *find(struct node *n, uint64_t epoch)
{
    struct own_weights *o = &n->weights;
    for (uint32_t i = 0; i < o->commit_count; i++)
        if (o->commits[i].epoch == epoch)
            return &o->commits[i];
    return NULL;
}

static void forget(struct node *n, uint64_t epoch)
{
    uint8_t key[SLOT_KEY_SIZE];
    struct own_weights *o = &n->weights;
    struct commit *c = find(n, epoch);
    assert(c != NULL);
    uint32_t behind = o->commit_count - (uint32_t)(c - o->commits) - 1;
    memmove(c, c + 1, behind * sizeof *c);
    o->commit_count--;
    storage_keep(n, record_key(key, epoch), (struct span){0});
}

static enum err load_commit(struct node *n, struct span bytes)
{
    struct weight_commit record;
    struct own_weights *o = &n->weights;
    enum err e = weight_commit_decode(bytes, &n->scratch, &record);
    if (e != ERR_OK || o->commit_count == COUNT_OF(o->commits))
        return ERR_CORRUPT;
    o->commits[o->commit_count++] = (struct commit){.epoch = record.weights.epoch,
                                                    .hash = record.hash,
                                                    .is_taken = record.is_taken,
                                                    .chain_epoch = record.epoch};
    return ERR_OK;
}

/* Records come in the order of their keys: the oldest first. */
enum err weights_load(struct node *n)
{
    uint8_t memory[SLOT_KEY_SIZE];
    struct span after = SPAN_LITERAL("W"), key, value;
    enum err e = db_get(n->config.db, DB_META, meta_done, &value);
    struct weights_done done;
    if (e == ERR_OK && weights_done_decode(value, &n->scratch, &done) != ERR_OK)
        return ERR_CORRUPT;
    if (e == ERR_OK) {
        n->weights.done_epoch = done.epoch;
        n->weights.done_block = done.block;
    } else if (e != ERR_NOT_FOUND) {
        return e;
    }
    for (;;) {
        e = db_next(n->config.db, DB_META, after, &key, &value);
        if (e == ERR_NOT_FOUND || (e == ERR_OK && (key.len != SLOT_KEY_SIZE || key.ptr[0] != 'W')))
            return ERR_OK;
        if (e != ERR_OK)
            return e;
        memcpy(memory, key.ptr, sizeof memory);
        size_t mark = arena_mark(&n->scratch);
        e = load_commit(n, arena_copy(&n->scratch, value));
        arena_reset(&n->scratch, mark);
        if (e != ERR_OK)
            return e;
        after = span_of(memory, sizeof memory);
    }
}

/* --- what is wanted */

static bool is_done(const struct own_weights *o, uint64_t epoch)
{
    return o->done_block != 0 && epoch <= o->done_epoch;
}

void weights_want(struct node *n, uint64_t epoch)
{
    struct own_weights *o = &n->weights;
    const struct commit *c = find(n, epoch);
    if (is_done(o, epoch) || (c != NULL && c->is_taken))
        return;
    o->wanted = epoch + 1;
    o->try_ms = 0;
}

/* What was decided before the last checkpoint and is not on the chain yet. */
void weights_start(struct node *n)
{
    struct weights w;
    uint64_t epoch = ledger_epoch(n->ledger);
    size_t mark = arena_mark(&n->scratch);
    if (ledger_weights(n->ledger, epoch, &n->scratch, &w))
        weights_want(n, epoch);
    else if (epoch > 0 && ledger_weights(n->ledger, epoch - 1, &n->scratch, &w))
        weights_want(n, epoch - 1);
    arena_reset(&n->scratch, mark);
}

/* Read back at a finalized block. */
static void confirmed(struct node *n, uint64_t epoch, uint64_t block)
{
    uint8_t memory[WEIGHTS_DONE_SIZE_MAX];
    struct own_weights *o = &n->weights;
    struct trace_event *t = trace_add(&n->trace, TRACE_INFO, "weights.confirmed");
    trace_u64(t, "block", block);
    trace_u64(t, "epoch", epoch);
    if (o->wanted == epoch + 1)
        o->wanted = 0;
    if (is_done(o, epoch))
        return;
    o->done_epoch = epoch;
    o->done_block = block;
    struct weights_done done = {epoch, block};
    storage_keep(n, meta_done, weights_done_encode(&done, (struct room){memory, sizeof memory}));
}

/* --- what the chain says */

static bool is_listed(const struct chain_metagraph *m, const struct hash *hash, uint64_t *epoch)
{
    for (uint32_t i = 0; i < m->commit_count; i++) {
        if (!hash_equal(&m->commits[i].hash, hash))
            continue;
        *epoch = m->commits[i].epoch;
        return true;
    }
    return false;
}

static void taken(struct node *n, struct commit *c, uint64_t chain_epoch, uint64_t block)
{
    struct weight_commit record;
    if (load_record(n, c->epoch, &record) != ERR_OK)
        return;
    record.is_taken = true;
    record.epoch = chain_epoch;
    if (!store_record(n, &record))
        return; /* The next reading finds it again. */
    c->is_taken = true;
    c->chain_epoch = chain_epoch;
    if (n->weights.wanted == c->epoch + 1)
        n->weights.wanted = 0;
    struct trace_event *t = trace_add(&n->trace, TRACE_INFO, "weights.committed");
    trace_u64(t, "block", block);
    trace_u64(t, "epoch", c->epoch);
    trace_u64(t, "reveal_in", chain_epoch + n->weights.reveal_period);
}

static struct call_weights call_of(struct node *n, const struct weights *w, uint64_t version_key)
{
    uint16_t *uids = arena_array(&n->scratch, w->entries_count, sizeof *uids);
    uint16_t *values = arena_array(&n->scratch, w->entries_count, sizeof *values);
    assert(uids != NULL && values != NULL);
    for (uint32_t i = 0; i < w->entries_count; i++) {
        uids[i] = w->entries[i].uid;
        values[i] = w->entries[i].value;
    }
    return (struct call_weights){.netuid = n->genesis.netuid,
                                 .uids = uids,
                                 .values = values,
                                 .count = w->entries_count,
                                 .version_key = version_key};
}

/* Whether the chain's row is what this commit stands for. */
static bool is_shown(struct node *n, const struct chain_metagraph *m, const struct commit *c)
{
    struct weight_commit record;
    if (load_record(n, c->epoch, &record) != ERR_OK)
        return false;
    struct call_weights w = call_of(n, &record.weights, record.version_key);
    return chain_weights_are(m->weights_row, &w);
}

static void lost(struct node *n, const struct commit *c, const char *name)
{
    n->counters.commits_lost++;
    trace_u64(trace_add(&n->trace, TRACE_WARN, name), "epoch", c->epoch);
    forget(n, c->epoch);
}

/* Only a reveal takes a commit off the list before its window has passed. */
static void settle(struct node *n, const struct chain_metagraph *m, struct commit *c)
{
    struct own_weights *o = &n->weights;
    uint64_t chain_epoch;
    bool listed = is_listed(m, &c->hash, &chain_epoch);
    if (listed && !c->is_taken)
        taken(n, c, chain_epoch, m->block);
    if (c->is_taken && m->epoch_index > time_add(c->chain_epoch, m->commit_reveal_period)) {
        if (o->revealing != c->epoch + 1)
            lost(n, c, "weights.reveal_missed");
    } else if (c->is_taken && !listed && o->revealing != c->epoch + 1) {
        if (!is_shown(n, m, c))
            return;
        uint64_t epoch = c->epoch;
        forget(n, epoch);
        confirmed(n, epoch, m->block);
    } else if (!c->is_taken && !o->busy && o->wanted != c->epoch + 1 && m->block >= c->sent_block) {
        lost(n, c, "weights.commit_dropped");
    }
}

/* Commit and reveal was switched off: what was committed to can be set. */
static void drop_all(struct node *n)
{
    struct own_weights *o = &n->weights;
    while (o->commit_count > 0 && !o->busy && o->revealing == 0) {
        uint64_t epoch = o->commits[o->commit_count - 1].epoch;
        lost(n, &o->commits[o->commit_count - 1], "weights.commit_dropped");
        if (o->wanted == 0 && !is_done(o, epoch))
            o->wanted = epoch + 1;
    }
}

static uint64_t allowed_at(const struct node *n, const struct chain_metagraph *m)
{
    for (uint32_t i = 0; i < m->neuron_count; i++)
        if (hotkey_equal(&m->neurons[i].hotkey, &n->config.self))
            return chain_weights_allowed_at(m, m->neurons[i].uid);
    return 0;
}

void weights_on_metagraph(struct node *n, const struct chain_metagraph *m)
{
    struct own_weights *o = &n->weights;
    if (o->is_known && m->block < o->read_block)
        return; /* A boundary, read again. */
    o->is_known = true;
    o->read_block = m->block;
    o->commit_reveal = m->commit_reveal;
    o->version_key = m->weights_version;
    o->allowed_at = allowed_at(n, m);
    o->chain_epoch = m->epoch_index;
    o->reveal_period = m->commit_reveal_period;
    size_t mark = arena_mark(&n->scratch);
    if (!m->commit_reveal)
        drop_all(n);
    for (uint32_t i = o->commit_count; m->has_own && i > 0; i--) {
        settle(n, m, &o->commits[i - 1]);
        arena_reset(&n->scratch, mark);
    }
}

/* --- to the chain */

static void take_salt(const uint8_t bytes[SALT_SIZE], uint16_t salt[SALT_COUNT])
{
    struct rd r = rd_init(span_of(bytes, SALT_SIZE));
    for (uint32_t i = 0; i < SALT_COUNT; i++)
        salt[i] = rd_u16(&r);
}

/* Nobody can guess it, and it is the same if the record of it is made again. */
static void make_salt(const struct node *n, uint64_t epoch, uint8_t out[SALT_SIZE])
{
    uint8_t key[SLOT_KEY_SIZE];
    struct hasher h;
    hasher_open(&h, "PLTFWSLT");
    hasher_add(&h, span_of(n->config.secret, sizeof n->config.secret));
    hasher_add(&h, hash_span(&n->network));
    hasher_add(&h, slot_key(key, 'W', epoch));
    struct hash all = hasher_close(&h);
    memcpy(out, all.bytes, SALT_SIZE);
}

/* The record is durable when this returns a commit. */
static struct commit *make_commit(struct node *n, const struct weights *w)
{
    struct own_weights *o = &n->weights;
    struct weight_commit record = {.weights = *w, .version_key = o->version_key};
    uint16_t salt[SALT_COUNT];
    if (o->commit_count == COUNT_OF(o->commits))
        return NULL; /* The chain would take no more either. */
    make_salt(n, w->epoch, record.salt);
    take_salt(record.salt, salt);
    struct call_weights call = call_of(n, w, record.version_key);
    record.hash = call_commit_hash(&n->config.self, &call, salt, SALT_COUNT);
    if (!store_record(n, &record))
        return NULL;
    struct commit *c = &o->commits[o->commit_count++];
    *c = (struct commit){.epoch = w->epoch, .hash = record.hash};
    return c;
}

static bool submit(struct node *n, uint64_t token, const struct chain_action *a)
{
    return chain_submit(n->chain, token, a, n->now_ms) == ERR_OK;
}

static void submit_new(struct node *n)
{
    struct own_weights *o = &n->weights;
    struct weights w;
    if (o->wanted == 0 || o->busy || n->now_ms < o->try_ms || n->epochs.finalized < o->allowed_at)
        return;
    if (!ledger_weights(n->ledger, o->wanted - 1, &n->scratch, &w) || w.entries_count == 0) {
        o->wanted = 0;
        return;
    }
    o->try_ms = time_add(n->now_ms, SUBMIT_AGAIN_MS);
    o->sent_epoch = w.epoch;
    if (!o->commit_reveal) {
        struct chain_action a = {.kind = CHAIN_SET_WEIGHTS,
                                 .weights = call_of(n, &w, o->version_key)};
        o->busy = submit(n, WEIGHTS_TOKEN_SET, &a);
        return;
    }
    struct commit *c = find(n, w.epoch);
    if (c == NULL)
        c = make_commit(n, &w);
    if (c == NULL)
        return;
    struct chain_action a = {
        .kind = CHAIN_COMMIT_WEIGHTS, .weights = {.netuid = n->genesis.netuid}, .commit = c->hash};
    o->busy = submit(n, WEIGHTS_TOKEN_COMMIT, &a);
}

/* The runtime wants them revealed in one epoch of the chain, no other. */
static void submit_reveal(struct node *n)
{
    struct own_weights *o = &n->weights;
    struct weight_commit record;
    uint16_t salt[SALT_COUNT];
    if (!o->commit_reveal || o->revealing != 0 || n->now_ms < o->reveal_ms)
        return;
    for (uint32_t i = 0; i < o->commit_count; i++) {
        const struct commit *c = &o->commits[i];
        if (!c->is_taken || time_add(c->chain_epoch, o->reveal_period) != o->chain_epoch ||
            load_record(n, c->epoch, &record) != ERR_OK)
            continue;
        take_salt(record.salt, salt);
        struct chain_action a = {.kind = CHAIN_REVEAL_WEIGHTS,
                                 .weights = call_of(n, &record.weights, record.version_key),
                                 .salt = salt,
                                 .salt_count = SALT_COUNT};
        if (submit(n, WEIGHTS_TOKEN_REVEAL, &a))
            o->revealing = c->epoch + 1;
        o->reveal_ms = time_add(n->now_ms, SUBMIT_AGAIN_MS);
        return;
    }
}

/* Whether what becomes of them is to be read from the chain. */
bool weights_are_open(const struct node *n)
{
    const struct own_weights *o = &n->weights;
    bool open = !o->is_known || (o->commit_reveal && o->wanted != 0);
    for (uint32_t i = 0; i < o->commit_count; i++) {
        const struct commit *c = &o->commits[i];
        open |= !c->is_taken || time_add(c->chain_epoch, o->reveal_period) <= o->chain_epoch;
    }
    return open;
}

void weights_tick(struct node *n)
{
    if (!n->weights.is_known)
        return; /* Nothing is sent before the chain has said how it wants it. */
    size_t mark = arena_mark(&n->scratch);
    submit_reveal(n);
    submit_new(n);
    arena_reset(&n->scratch, mark);
}

static void not_confirmed(struct node *n, const struct chain_out *out, uint64_t epoch)
{
    static const char *const names[] = {
        [WEIGHTS_TOKEN_SET] = "weights.not_confirmed",
        [WEIGHTS_TOKEN_COMMIT] = "weights.not_committed",
        [WEIGHTS_TOKEN_REVEAL] = "weights.not_revealed",
    };
    struct trace_event *t = trace_add(&n->trace, TRACE_WARN, names[out->token]);
    trace_word(t, "outcome", chain_outcome_name(out->outcome));
    trace_u64(t, "block", out->block);
    trace_u64(t, "epoch", epoch);
}

/* That a commit was read back is in the next reading, with its epoch. */
void weights_on_result(struct node *n, const struct chain_out *out)
{
    struct own_weights *o = &n->weights;
    bool reveal = out->token == WEIGHTS_TOKEN_REVEAL, ok = out->outcome == CHAIN_CONFIRMED;
    uint64_t epoch = reveal ? o->revealing - 1 : o->sent_epoch;
    struct commit *c = find(n, epoch);
    if (reveal)
        o->revealing = 0;
    else
        o->busy = false;
    if (!ok) {
        not_confirmed(n, out, epoch);
    } else if (out->token == WEIGHTS_TOKEN_COMMIT) {
        if (c != NULL)
            c->sent_block = out->block;
        if (o->wanted == epoch + 1)
            o->wanted = 0;
    } else {
        if (c != NULL)
            forget(n, epoch);
        confirmed(n, epoch, out->block);
    }
}

/* --- who asks */

static const char *phase_of(const struct own_weights *o, const struct commit *c)
{
    if (o->revealing == c->epoch + 1)
        return "revealing";
    return c->is_taken ? "committed" : "committing";
}

bool weights_commit_at(const struct node *n, uint32_t index, struct rpc_commit *out)
{
    const struct own_weights *o = &n->weights;
    if (index >= o->commit_count)
        return false;
    const struct commit *c = &o->commits[index];
    *out = (struct rpc_commit){.epoch = c->epoch,
                               .phase = phase_of(o, c),
                               .hash = c->hash,
                               .is_taken = c->is_taken,
                               .commit_epoch = c->chain_epoch,
                               .reveal_epoch = time_add(c->chain_epoch, o->reveal_period)};
    return true;
}

bool weights_submitted(const struct node *n, uint64_t epoch, struct rpc_submitted *out)
{
    const struct own_weights *o = &n->weights;
    struct rpc_commit c;
    *out = (struct rpc_submitted){.commit_reveal = o->commit_reveal,
                                  .chain_epoch = o->chain_epoch,
                                  .allowed_at = o->allowed_at};
    for (uint32_t i = 0; weights_commit_at(n, i, &c); i++)
        if (c.epoch == epoch)
            out->outcome = c.phase;
    if (out->outcome != NULL)
        return true;
    if (o->done_block != 0 && o->done_epoch == epoch) {
        out->outcome = "confirmed";
        out->block = o->done_block;
        return true;
    }
    out->outcome = "waiting";
    return o->wanted == epoch + 1;
}
