#include "node/internal.h"

#include <stdlib.h>

#include "crypto/hash.h"

enum { ENTRIES_KEPT_MAX = 1 << 18 };

static void keep_entry(struct node *n, struct span bytes)
{
    if (n->entry_count == n->entry_room) {
        uint32_t room = n->entry_room == 0 ? 256 : 2 * n->entry_room;
        assert(room <= ENTRIES_KEPT_MAX); /* Two segments of full batches are fewer. */
        struct recent_entry *more = realloc(n->entries, room * sizeof *more);
        assert(more != NULL);
        n->entries = more;
        n->entry_room = room;
    }
    n->entries[n->entry_count++].bytes = bytes_keep(bytes);
}

/* The entry goes to the tree at once and to the store with its checkpoint. */
enum err execute_append_entry(struct node *n, uint64_t height, uint64_t epoch, struct span body)
{
    size_t mark = arena_mark(&n->scratch);
    struct audit_entry entry = {.format = AUDIT_FORMAT,
                                .index = n->tree.size,
                                .prev = n->last_leaf,
                                .height = height,
                                .epoch = epoch};
    enum err e = audit_body_decode(body, &n->scratch, &entry.body);
    size_t size = AUDIT_ENTRY_SIZE_MIN + body.len;
    struct room room = {arena_raw(&n->scratch, size), size};
    if (e == ERR_OK && room.ptr == NULL)
        e = ERR_NO_MEMORY;
    if (e == ERR_OK) {
        struct span bytes = audit_entry_encode(&entry, room);
        assert(bytes.ptr != NULL);
        struct audit_node nodes[AUDIT_LEVELS];
        n->last_leaf = audit_leaf_hash(bytes);
        audit_tree_append(&n->tree, &n->last_leaf, nodes);
        keep_entry(n, bytes);
    }
    arena_reset(&n->scratch, mark);
    return e;
}

static void on_notice(struct node *n, const struct ledger_notice *notice, uint64_t seq)
{
    static const char *const names[] = {
        [LEDGER_SUBMISSION] = "submission.decided",
        [LEDGER_REVEAL] = "submission.reveal_open",
        [LEDGER_FINAL] = "submission.final",
        [LEDGER_CHALLENGE] = "challenge.changed",
        [LEDGER_EPOCH] = "epoch.ended",
        [LEDGER_WEIGHTS] = "weights.decided",
        [LEDGER_SEAL] = "log.sealed",
        [LEDGER_EVIDENCE] = "evidence.decided",
    };
    struct trace_event *t = trace_add(&n->trace, TRACE_INFO, names[notice->kind]);
    trace_u64(t, "seq", seq);
    trace_u64(t, "epoch", notice->epoch);
    trace_hash(t, "id", &notice->id);
    if (notice->kind == LEDGER_WEIGHTS)
        weights_want(n, notice->epoch);
    else if (notice->kind == LEDGER_SEAL)
        anchors_on_seal(n, notice->epoch);
}

static void remember_slot(struct node *n, const struct bft_effect *fx, uint64_t log_first)
{
    struct bft_decided decided = {.seq = fx->seq, .payload = fx->bytes, .cert = fx->cert};
    size_t size =
        BFT_DECIDED_SIZE_MIN + fx->bytes.len + (size_t)fx->cert.signatures_count * SIGNATURE_SIZE;
    struct room room = {arena_raw(&n->scratch, size), size};
    assert(room.ptr != NULL && n->recent_count < RECENT_SLOTS_MAX);
    n->recent[n->recent_count++] =
        (struct recent_slot){fx->seq, bytes_keep(bft_decided_encode(&decided, room)), log_first,
                             n->tree.size - log_first};
}

static struct span changes_of(struct node *n)
{
    struct span key, value;
    size_t size = 0, room = 1 << 16;
    uint8_t *bytes = malloc(room);
    assert(bytes != NULL);
    while (ledger_next_change(n->ledger, &key, &value)) {
        size_t need = 8 + key.len + value.len;
        while (size + need > room)
            room *= 2;
        bytes = realloc(bytes, room);
        assert(bytes != NULL);
        struct wr w = wr_init((struct room){bytes + size, room - size});
        wr_bytes(&w, key);
        wr_bytes(&w, value);
        size += need;
    }
    return span_of(bytes, size);
}

/* The end of a segment: what will be written once this checkpoint is stable. */
static struct bft_checkpoint_aux checkpoint(struct node *n, uint64_t seq, const struct valset *next)
{
    struct hash log_root = audit_tree_root(&n->tree);
    ledger_checkpoint(n->ledger, seq, n->tree.size, &log_root);
    struct bft_checkpoint_aux aux = {
        .state_root = ledger_root(n->ledger), .log_size = n->tree.size, .log_root = log_root};
    if (next != NULL)
        aux.next_valset = bft_valset_hash(next);
    struct snapshot *s = NULL;
    for (uint32_t i = 0; i < SNAPSHOTS_MAX && s == NULL; i++)
        if (!n->snapshots[i].used)
            s = &n->snapshots[i];
    assert(s != NULL); /* The window is two segments. */
    const struct valset *set = next != NULL ? next : ledger_valset(n->ledger);
    size_t size = VALSET_SIZE_MAX;
    struct room room = {arena_raw(&n->scratch, size), size};
    assert(room.ptr != NULL);
    *s = (struct snapshot){.used = true,
                           .seq = seq,
                           .aux = aux,
                           .changes = changes_of(n),
                           .tree = n->tree,
                           .last_leaf = n->last_leaf,
                           .ends_epoch = next != NULL,
                           .set = bytes_keep(valset_encode(set, room))};
    return aux;
}

void execute_slot(struct node *n, const struct bft_effect *fx)
{
    struct ledger_result result;
    uint64_t log_first = n->tree.size, epoch = ledger_epoch(n->ledger);
    enum err e = ledger_apply(n->ledger, fx->seq, fx->bytes, &n->scratch, &result);
    if (e != ERR_OK) {
        /* A decided slot that does not apply means a bug or lost memory. */
        trace_word(trace_add(&n->trace, TRACE_ERROR, "ledger.failed"), "why", err_name(e));
        node_drift(n, "ledger_failed");
        return;
    }
    for (uint32_t i = 0; i < result.entry_count; i++) {
        e = execute_append_entry(n, fx->seq, epoch, result.entries[i]);
        assert(e == ERR_OK);
    }
    for (uint32_t i = 0; i < result.fate_count; i++)
        mempool_remove(&n->mempool, &result.fates[i].id);
    remember_slot(n, fx, log_first);
    struct bft_event ev = {.kind = BFT_EV_EXECUTED, .seq = fx->seq, .next = result.next};
    for (uint32_t i = 0; i < result.notice_count; i++)
        on_notice(n, &result.notices[i], fx->seq); /* Of the candidate before this checkpoint. */
    if (fx->seq % BFT_CHECKPOINT_INTERVAL == 0)
        ev.aux = checkpoint(n, fx->seq, result.next);
    struct op_epoch decided;
    if (result.next != NULL) {
        n->epochs.end_wanted = false;
        if (ledger_batch_epoch(fx->bytes, &n->scratch, &decided))
            epochs_on_decided(n, &decided);
    }
    struct trace_event *t = trace_add(&n->trace, TRACE_INFO, "slot.executed");
    trace_u64(t, "seq", fx->seq);
    trace_u64(t, "ops", result.fate_count);
    trace_u64(t, "epoch", epoch);
    node_follow_up(n, &ev);
    node_pending_changed(n);
    n->slot_executed = true;
    n->new_set |= result.next != NULL;
}
