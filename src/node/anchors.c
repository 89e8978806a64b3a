#include "node/internal.h"

#include "codec/wr.h"
#include "crypto/hash.h"
#include "node/log.h"
#include "node_msg.h"

/* The sealed log on its way to the chain.  What is to be anchored is written
 * with the first checkpoint that has the seal; what was anchored last, when the
 * chain has shown it.  A restart goes on from there:
 *   DB_META  "sealed"     sealed_log
 *   DB_META  "anchored"   anchored_log */

enum { SUBMIT_AGAIN_MS = 6000, ANCHOR_SIZE = 4 + 8 + 8 + 3 * HASH_SIZE };

static const struct span meta_sealed = {(const uint8_t *)"sealed", 6};
static const struct span meta_anchored = {(const uint8_t *)"anchored", 8};

static void want(struct node *n, const struct sealed_log *sealed)
{
    struct anchors *a = &n->anchors;
    a->sealed = *sealed;
    a->is_sealed = true;
    a->wanted = !a->is_anchored || a->anchored.epoch < sealed->epoch;
    a->try_ms = 0;
}

enum err anchors_load(struct node *n)
{
    struct span bytes;
    struct sealed_log sealed;
    struct anchors *a = &n->anchors;
    enum err e = db_get(n->config.db, DB_META, meta_anchored, &bytes);
    if (e == ERR_OK && anchored_log_decode(bytes, NULL, &a->anchored) != ERR_OK)
        return ERR_CORRUPT;
    if (e != ERR_OK && e != ERR_NOT_FOUND)
        return e;
    a->is_anchored = e == ERR_OK;
    e = db_get(n->config.db, DB_META, meta_sealed, &bytes);
    if (e == ERR_NOT_FOUND)
        return ERR_OK;
    if (e == ERR_OK && sealed_log_decode(bytes, NULL, &sealed) != ERR_OK)
        return ERR_CORRUPT;
    if (e == ERR_OK)
        want(n, &sealed);
    return e;
}

/* In the transaction of a checkpoint. */
enum err anchors_put(struct node *n)
{
    uint8_t memory[SEALED_LOG_SIZE_MAX];
    if (!n->anchors.is_sealed)
        return ERR_OK;
    return db_put(n->config.db, DB_META, meta_sealed,
                  sealed_log_encode(&n->anchors.sealed, (struct room){memory, sizeof memory}));
}

/* The candidate is the one that the seal was checked against; by the time that
 * the chain takes the anchor there is a later one. */
void anchors_on_seal(struct node *n, uint64_t epoch)
{
    struct state_candidate c;
    bool there = ledger_candidate(n->ledger, &n->scratch, &c);
    assert(there);
    const struct sealed_log sealed = {epoch, c.cutoff, c.log_size, c.log_root};
    want(n, &sealed);
}

/* docs/audit.md: "PAL1", epoch, log size, log root, SHA-256 of the certificate
 * and of the anchor before it. */
void anchors_tick(struct node *n)
{
    struct anchors *a = &n->anchors;
    uint8_t memory[ANCHOR_SIZE], key[SLOT_KEY_SIZE];
    struct span certified;
    if (!a->wanted || a->busy || n->now_ms < a->try_ms ||
        db_get(n->config.db, DB_INDEX, slot_key(key, 'k', a->sealed.cutoff), &certified) != ERR_OK)
        return;
    struct hash cert = hash_sha256(certified);
    struct wr w = wr_init((struct room){memory, sizeof memory});
    wr_raw(&w, SPAN_LITERAL("PAL1"));
    wr_u64(&w, a->sealed.epoch);
    wr_u64(&w, a->sealed.log_size);
    wr_raw(&w, hash_span(&a->sealed.log_root));
    wr_raw(&w, hash_span(&cert));
    wr_raw(&w, hash_span(&a->anchored.anchor));
    struct chain_action action = {.kind = CHAIN_SET_COMMITMENT,
                                  .weights = {.netuid = n->genesis.netuid},
                                  .commitment = wr_done(&w)};
    a->busy = chain_submit(n->chain, ANCHOR_TOKEN, &action, n->now_ms) == ERR_OK;
    a->try_ms = time_add(n->now_ms, SUBMIT_AGAIN_MS);
    a->sent = (struct anchored_log){a->sealed.epoch, hash_sha256(wr_done(&w))};
}

void anchors_on_result(struct node *n, const struct chain_out *out)
{
    bool ok = out->outcome == CHAIN_CONFIRMED;
    uint8_t memory[ANCHORED_LOG_SIZE_MAX];
    struct anchors *a = &n->anchors;
    struct trace_event *t = trace_add(&n->trace, ok ? TRACE_INFO : TRACE_WARN,
                                      ok ? "anchor.confirmed" : "anchor.not_confirmed");
    trace_word(t, "outcome", chain_outcome_name(out->outcome));
    trace_u64(t, "block", out->block);
    trace_u64(t, "epoch", a->sent.epoch);
    a->busy = false;
    if (!ok)
        return;
    a->anchored = a->sent;
    a->is_anchored = true;
    a->wanted = a->anchored.epoch < a->sealed.epoch;
    storage_keep(n, meta_anchored,
                 anchored_log_encode(&a->anchored, (struct room){memory, sizeof memory}));
}
