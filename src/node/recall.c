#include "node/internal.h"

#include "codec/rd.h"
#include "codec/wr.h"

static const struct span meta_recall = {(const uint8_t *)"votes", 5};

enum {
    RECALL_SIZE = 16,
    HEAD_LAG_MAX = 1000, /* blocks that an honest endpoint may be behind another */
};

static enum err load(struct db *db, struct node_recall *out)
{
    struct span bytes;
    enum err e = db_get(db, DB_META, meta_recall, &bytes);
    if (e != ERR_OK)
        return e;
    struct rd r = rd_init(bytes);
    out->vote_after_block = rd_u64(&r);
    out->journal_newest = rd_u64(&r);
    return rd_end(&r) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

static struct span encode(const struct node_recall *from, uint8_t memory[RECALL_SIZE])
{
    struct wr w = wr_init((struct room){memory, RECALL_SIZE});
    wr_u64(&w, from->vote_after_block);
    wr_u64(&w, from->journal_newest);
    return wr_done(&w);
}

static enum err keep(struct db *db, const struct node_recall *r)
{
    uint8_t memory[RECALL_SIZE];
    enum err e = db_begin(db);
    if (e != ERR_OK)
        return e;
    e = db_put(db, DB_META, meta_recall, encode(r, memory));
    if (e == ERR_OK)
        return db_commit(db);
    db_abort(db);
    return e;
}

enum err node_recall_votes(struct db *db, uint64_t journal_newest, bool network_is_new,
                           struct node_recall *out)
{
    struct node_recall r = {.vote_after_block = UINT64_MAX};
    struct span checkpoint;
    enum err e = load(db, &r);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    bool known = e == ERR_OK;
    e = db_get(db, DB_META, SPAN_LITERAL("checkpoint"), &checkpoint);
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    bool fresh = !known && journal_newest == 0 && e == ERR_NOT_FOUND;
    bool whole = known && journal_newest != 0 && journal_newest >= r.journal_newest;
    if (fresh && network_is_new)
        r.vote_after_block = 0;
    else if (!whole)
        r.vote_after_block = UINT64_MAX;
    r.journal_newest = max_u64(journal_newest, 1);
    e = keep(db, &r);
    if (e == ERR_OK)
        *out = r;
    return e;
}

static bool keep_own(struct node *n)
{
    uint8_t memory[RECALL_SIZE];
    return storage_keep(n, meta_recall, encode(&n->config.recall, memory));
}

void recall_rotated(struct node *n)
{
    n->config.recall.journal_newest++;
    keep_own(n);
}

void recall_head(struct node *n, uint64_t block)
{
    uint64_t after = n->config.recall.vote_after_block;
    /* The chain client goes back only from a head that no endpoint ever reached: a
     * quarantine that stands on a lie ends where a true head was seen.  After a
     * restart only the store knows of the lie. */
    bool lied =
        (block < n->epochs.finalized && block < after) || time_add(block, HEAD_LAG_MAX) < after;
    if (after != UINT64_MAX && !lied)
        return;
    n->config.recall.vote_after_block = block;
    if (!keep_own(n))
        return;
    bft_vote_after_block(n->bft, block);
    trace_u64(trace_add(&n->trace, TRACE_WARN, "node.quarantined"), "until_after_block", block);
}
