#include "node/internal.h"

#include <stdlib.h>

#include "codec/rd.h"
#include "codec/wr.h"
#include "node/log.h"

enum {
    SERVE_SLOTS_MAX = 64,
    SERVE_BYTES_MAX = 768 << 10,
    SERVE_PAUSE_MS = 20,
    ROTATE_SLOTS = 16 * BFT_CHECKPOINT_INTERVAL,
};

static const struct span meta_checkpoint = {(const uint8_t *)"checkpoint", 10};
static const struct span meta_set = {(const uint8_t *)"set", 3};
static const struct span meta_tree = {(const uint8_t *)"tree", 4};

enum { TREE_BYTES = 8 + AUDIT_LEVELS * HASH_SIZE + HASH_SIZE };

struct span slot_key(uint8_t memory[SLOT_KEY_SIZE], char table, uint64_t number)
{
    memory[0] = (uint8_t)table;
    for (int i = 0; i < 8; i++)
        memory[1 + i] = (uint8_t)(number >> (56 - 8 * i));
    return span_of(memory, SLOT_KEY_SIZE);
}

/* --- writing a checkpoint */

static enum err put_changes(struct node *n, struct span changes)
{
    struct rd r = rd_init(changes);
    while (r.left > 0) {
        struct span key = rd_bytes(&r, UINT32_MAX), value = rd_bytes(&r, UINT32_MAX);
        assert(r.bad == ERR_OK); /* execute.c wrote it. */
        enum err e = value.len == 0 ? db_del(n->config.db, DB_STATE, key)
                                    : db_put(n->config.db, DB_STATE, key, value);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static enum err put_blocks(struct node *n, uint64_t seq)
{
    uint8_t memory[SLOT_KEY_SIZE];
    for (uint32_t i = 0; i < n->recent_count && n->recent[i].seq <= seq; i++) {
        enum err e = db_put(n->config.db, DB_BLOCKS, slot_key(memory, 'b', n->recent[i].seq),
                            n->recent[i].decided);
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

static enum err put_tree(struct node *n, const struct snapshot *s)
{
    uint8_t memory[TREE_BYTES];
    struct wr w = wr_init((struct room){memory, sizeof memory});
    wr_u64(&w, s->tree.size);
    for (uint32_t i = 0; i < AUDIT_LEVELS; i++)
        wr_raw(&w, hash_span(&s->tree.peaks[i]));
    wr_raw(&w, hash_span(&s->last_leaf));
    return db_put(n->config.db, DB_META, meta_tree, wr_done(&w));
}

/* What others may ask for later: every checkpoint, and the handover of each
 * epoch with the set that follows. */
static enum err put_proofs(struct node *n, const struct snapshot *s, struct span checkpoint)
{
    uint8_t memory[SLOT_KEY_SIZE];
    enum err e = db_put(n->config.db, DB_INDEX, slot_key(memory, 'k', s->seq), checkpoint);
    if (e != ERR_OK || !s->ends_epoch)
        return e;
    struct audit_handover handover;
    e = bft_checkpoint_decode(checkpoint, &n->scratch, &handover.checkpoint);
    if (e == ERR_OK)
        e = valset_decode(s->set, &n->scratch, &handover.next);
    size_t size = checkpoint.len + s->set.len;
    struct room room = {arena_raw(&n->scratch, size), size};
    assert(e == ERR_OK && room.ptr != NULL);
    return db_put(n->config.db, DB_INDEX,
                  slot_key(memory, 'h', handover.checkpoint.cert.statement.epoch),
                  audit_handover_encode(&handover, room));
}

static enum err put_all(struct node *n, const struct snapshot *s, struct span checkpoint)
{
    enum err e = put_changes(n, s->changes);
    if (e == ERR_OK)
        e = put_blocks(n, s->seq);
    if (e == ERR_OK)
        e = log_store(n, s->tree.size);
    if (e == ERR_OK)
        e = put_tree(n, s);
    if (e == ERR_OK)
        e = put_proofs(n, s, checkpoint);
    if (e == ERR_OK)
        e = anchors_put(n);
    if (e == ERR_OK)
        e = db_put(n->config.db, DB_META, meta_set, s->set);
    if (e == ERR_OK)
        e = db_put(n->config.db, DB_META, meta_checkpoint, checkpoint);
    return e;
}

static void forget_recent(struct node *n, uint64_t seq)
{
    uint32_t gone = 0;
    while (gone < n->recent_count && n->recent[gone].seq <= seq)
        bytes_drop(&n->recent[gone++].decided);
    memmove(n->recent, n->recent + gone, (n->recent_count - gone) * sizeof n->recent[0]);
    n->recent_count -= gone;
}

static void drop_snapshot(struct snapshot *s)
{
    bytes_drop(&s->changes);
    bytes_drop(&s->set);
    *s = (struct snapshot){0};
}

/* A new file once in a while; the one before stays until everything in it is
 * about slots that the store holds (the core writes again what it still needs of
 * older times at each checkpoint).  Not while the journal is still being read. */
static void rotate(struct node *n, uint64_t seq)
{
    if (!n->started)
        return;
    if (n->journal_old && seq >= n->journal_slot + BFT_WINDOW) {
        n->world.drop_old(n->world.ctx);
        n->journal_old = false;
    }
    uint64_t slots = n->config.journal_slots != 0 ? n->config.journal_slots : ROTATE_SLOTS;
    if (n->journal_old || seq < n->journal_slot + slots)
        return;
    if (!n->world.rotate(n->world.ctx)) {
        node_fail(n, "journal_failed", ERR_IO);
        return;
    }
    n->journal_slot = seq;
    n->journal_old = true;
    recall_rotated(n);
}

static bool write_checkpoint(struct node *n, struct snapshot *s, struct span checkpoint)
{
    size_t mark = arena_mark(&n->scratch);
    blobs_commit(n);
    if (n->fatal != NULL)
        return false;
    enum err e = db_begin(n->config.db);
    if (e == ERR_OK) {
        e = put_all(n, s, checkpoint);
        if (e == ERR_OK)
            e = db_commit(n->config.db);
        else
            db_abort(n->config.db);
    }
    arena_reset(&n->scratch, mark);
    /* What is durable is in the journal; without the store it would grow for
     * ever, so the node stops while nothing is lost. */
    if (e != ERR_OK)
        node_fail(n, "store_failed", e);
    return e == ERR_OK;
}

void storage_stable(struct node *n, struct span bytes)
{
    struct bft_checkpoint checkpoint;
    enum err e = bft_checkpoint_decode(bytes, &n->scratch, &checkpoint);
    assert(e == ERR_OK); /* The core made it. */
    uint64_t seq = checkpoint.cert.statement.seq;
    for (uint32_t i = 0; i < SNAPSHOTS_MAX; i++) {
        struct snapshot *s = &n->snapshots[i];
        if (!s->used || s->seq != seq)
            continue;
        struct hash ours = bft_aux_hash(&s->aux);
        if (!hash_equal(&ours, &checkpoint.cert.statement.aux)) {
            node_drift(n, "root_differs");
            return;
        }
        if (!write_checkpoint(n, s, bytes))
            return;
        log_forget(n, s->tree.size);
        forget_recent(n, seq);
        drop_snapshot(s);
        n->store_seq = seq;
        bytes_drop(&n->stable_bytes);
        n->stable_bytes = bytes_keep(bytes);
        rotate(n, seq);
        return;
    }
}

/* Nothing signed stands on such a record, but a disk that refused one commit is
 * not asked for another. */
bool storage_keep(struct node *n, struct span key, struct span value)
{
    blobs_commit(n);
    if (n->fatal != NULL)
        return false;
    enum err e = db_begin(n->config.db);
    if (e == ERR_OK) {
        e = value.len == 0 ? db_del(n->config.db, DB_META, key)
                           : db_put(n->config.db, DB_META, key, value);
        if (e == ERR_OK)
            e = db_commit(n->config.db);
        else
            db_abort(n->config.db);
    }
    if (e != ERR_OK) {
        n->disk_trouble++;
        node_fail(n, "store_failed", e);
    }
    return e == ERR_OK;
}

/* --- loading */

static enum err load_state(struct node *n)
{
    uint8_t memory[DB_KEY_SIZE_MAX];
    struct span after = {0}, key, value;
    for (;;) {
        enum err e = db_next(n->config.db, DB_STATE, after, &key, &value);
        if (e == ERR_NOT_FOUND)
            return ledger_loaded(n->ledger);
        if (e == ERR_OK)
            e = ledger_load(n->ledger, key, value);
        if (e != ERR_OK)
            return e;
        memcpy(memory, key.ptr, key.len);
        after = span_of(memory, key.len);
    }
}

static enum err load_tree(struct node *n)
{
    struct span bytes;
    enum err e = db_get(n->config.db, DB_META, meta_tree, &bytes);
    if (e != ERR_OK)
        return ERR_CORRUPT;
    struct rd r = rd_init(bytes);
    n->tree.size = rd_u64(&r);
    for (uint32_t i = 0; i < AUDIT_LEVELS; i++)
        rd_into(&r, (struct room){n->tree.peaks[i].bytes, HASH_SIZE});
    rd_into(&r, (struct room){n->last_leaf.bytes, HASH_SIZE});
    n->stored_tree = n->tree;
    n->entry_first = n->tree.size;
    return rd_end(&r) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static enum err load_genesis(struct node *n)
{
    enum err e = ledger_genesis(n->ledger, &n->genesis);
    if (e != ERR_OK)
        return e;
    struct audit_body body = {.tag = AUDIT_BODY_GENESIS,
                              .genesis = {.network = n->network, .valset = n->genesis.valset}};
    size_t mark = arena_mark(&n->scratch);
    struct room room = {arena_raw(&n->scratch, VALSET_SIZE_MAX + 256), VALSET_SIZE_MAX + 256};
    assert(room.ptr != NULL);
    e = execute_append_entry(n, 0, 0, audit_body_encode(&body, room));
    arena_reset(&n->scratch, mark);
    return e;
}

/* Where the last durable checkpoint left this node; ERR_CORRUPT when its parts
 * do not fit together. */
enum err storage_load(struct node *n)
{
    struct span bytes;
    enum err e = db_get(n->config.db, DB_META, meta_checkpoint, &bytes);
    if (e == ERR_NOT_FOUND)
        return load_genesis(n);
    if (e != ERR_OK)
        return e;
    n->stable_bytes = bytes_keep(bytes);
    struct bft_event ev = {.kind = BFT_EV_RESUME, .now_ms = n->now_ms};
    e = bft_checkpoint_decode(n->stable_bytes, &n->memory, &ev.resume.checkpoint);
    if (e == ERR_OK)
        e = load_state(n);
    if (e == ERR_OK)
        e = load_tree(n);
    if (e != ERR_OK)
        return ERR_CORRUPT;
    struct hash root = ledger_root(n->ledger), log_root = audit_tree_root(&n->tree);
    const struct bft_checkpoint_aux *aux = &ev.resume.checkpoint.aux;
    if (!hash_equal(&root, &aux->state_root) || !hash_equal(&log_root, &aux->log_root) ||
        n->tree.size != aux->log_size)
        return ERR_CORRUPT;
    ev.resume.set = ledger_valset(n->ledger);
    n->store_seq = ev.resume.checkpoint.cert.statement.seq;
    n->journal_slot = n->store_seq;
    consensus_step(n, &ev);
    return ERR_OK;
}

/* --- serving what was decided */

bool storage_decided(struct node *n, uint64_t seq, struct span *bytes)
{
    for (uint32_t i = 0; i < n->recent_count; i++)
        if (n->recent[i].seq == seq) {
            *bytes = n->recent[i].decided;
            return true;
        }
    uint8_t memory[SLOT_KEY_SIZE];
    return db_get(n->config.db, DB_BLOCKS, slot_key(memory, 'b', seq), bytes) == ERR_OK;
}

static bool serve(struct node *n, struct peer *to, uint8_t tag, struct span body)
{
    struct room room = {arena_raw(&n->scratch, 1 + body.len), 1 + body.len};
    if (room.ptr == NULL)
        return false;
    struct wr w = wr_init(room);
    wr_u8(&w, tag);
    wr_raw(&w, body);
    return n->world.send(n->world.net, &to->id, P2P_BFT, peers_bft_frame(n, wr_done(&w)));
}

static void serve_checkpoint(struct node *n, struct peer *to, uint64_t seq)
{
    uint8_t memory[SLOT_KEY_SIZE];
    struct span bytes;
    if (seq % BFT_CHECKPOINT_INTERVAL == 0 &&
        db_get(n->config.db, DB_INDEX, slot_key(memory, 'k', seq), &bytes) == ERR_OK)
        serve(n, to, BFT_MESSAGE_CHECKPOINT, bytes);
}

void storage_serve(struct node *n, struct peer *to, uint64_t seq)
{
    if (n->now_ms < time_add(to->served_ms, SERVE_PAUSE_MS) && to->served_ms != 0)
        return;
    to->served_ms = n->now_ms;
    struct span bytes;
    size_t sent = 0, mark = arena_mark(&n->scratch);
    if (seq > 0)
        serve_checkpoint(n, to, seq - 1);
    for (uint64_t s = seq; s < seq + SERVE_SLOTS_MAX && sent < SERVE_BYTES_MAX; s++) {
        if (!storage_decided(n, s, &bytes) || !serve(n, to, BFT_MESSAGE_DECIDED, bytes))
            break;
        sent += bytes.len;
        serve_checkpoint(n, to, s);
        arena_reset(&n->scratch, mark);
    }
    arena_reset(&n->scratch, mark);
}

/* Asks one connected peer after the other, whoever it is: what it sends proves
 * itself. */
void storage_fetch(struct node *n, uint64_t seq)
{
    struct bft_message m = {.tag = BFT_MESSAGE_FETCH, .fetch = {.seq = seq}};
    uint8_t memory[BFT_MESSAGE_SIZE_MIN + 128];
    struct span frame =
        peers_bft_frame(n, bft_message_encode(&m, (struct room){memory, sizeof memory}));
    for (uint32_t i = 1; i <= PEERS_MAX; i++) {
        uint32_t at = (n->fetch_cursor + i) % PEERS_MAX;
        if (n->peers[at].used && n->world.send(n->world.net, &n->peers[at].id, P2P_BFT, frame)) {
            n->fetch_cursor = at;
            return;
        }
    }
}
