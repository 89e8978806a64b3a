#include "node/log.h"
#include "node/view.h"

struct building {
    struct node *n;
    struct arena *arena;
    struct bft_checkpoint checkpoint;
    struct audit_bundle bundle;
    struct audit_proof_leaf leaves[3];
};

static enum err add_leaf(struct building *b, uint64_t index, struct audit_entry *entry)
{
    if (index >= b->checkpoint.aux.log_size)
        return ERR_TIMEOUT;
    struct span bytes;
    struct hash *path = arena_array(b->arena, AUDIT_LEVELS, sizeof *path);
    if (!log_entry(b->n, index, &bytes))
        return ERR_NOT_FOUND;
    struct audit_proof_leaf *leaf = &b->leaves[b->bundle.leaves_count];
    leaf->entry = arena_copy(b->arena, bytes);
    if (path == NULL || leaf->entry.ptr == NULL)
        return ERR_NO_MEMORY;
    struct audit_nodes nodes = log_nodes(b->n);
    enum err e =
        audit_inclusion(&nodes, index, b->checkpoint.aux.log_size, path, &leaf->path_count);
    if (e == ERR_OK)
        e = audit_entry_decode(leaf->entry, b->arena, entry);
    leaf->path = path;
    if (e == ERR_OK)
        b->bundle.leaves_count++;
    return e;
}

static enum err add_handovers(struct building *b)
{
    uint64_t epochs = b->checkpoint.cert.statement.epoch;
    struct audit_handover *list = arena_array(b->arena, epochs, sizeof *list);
    if (list == NULL && epochs > 0)
        return ERR_NO_MEMORY;
    for (uint64_t epoch = 0; epoch < epochs; epoch++) {
        uint8_t key[SLOT_KEY_SIZE];
        struct span bytes;
        enum err e = db_get(b->n->config.db, DB_INDEX, slot_key(key, 'h', epoch), &bytes);
        if (e == ERR_OK)
            e = audit_handover_decode(arena_copy(b->arena, bytes), b->arena, &list[epoch]);
        if (e != ERR_OK)
            return e;
    }
    b->bundle.handovers = list;
    b->bundle.handovers_count = (uint32_t)epochs;
    return ERR_OK;
}

/* Module and input let a stranger recompute; without them the bundle is whole
 * all the same, and reaches one level less. */
static void add_blob(struct building *b, const struct hash *name, struct span *to)
{
    struct span bytes;
    if (node_get_blob(b->n, name, &bytes) == ERR_OK)
        *to = arena_copy(b->arena, bytes);
}

/* The leaf at index, an operation that took effect. */
static enum err add_op(struct building *b, uint64_t index, struct op *op)
{
    struct audit_entry entry;
    enum err e = add_leaf(b, index, &entry);
    if (e != ERR_OK)
        return e;
    assert(entry.body.tag == AUDIT_BODY_OP); /* So it was put into the index. */
    return op_decode(entry.body.op.op, b->arena, op);
}

/* All from the log: the state has forgotten a score that is some epochs old. */
static enum err add_leaves(struct building *b, const struct hash *submission)
{
    struct audit_entry final;
    struct op submitted, registered;
    uint64_t index;
    if (!log_find(b->n, 'f', submission, &index))
        return ERR_TIMEOUT;
    enum err e = add_leaf(b, index, &final);
    if (e == ERR_OK)
        e = log_find(b->n, 'o', submission, &index) ? add_op(b, index, &submitted) : ERR_TIMEOUT;
    if (e == ERR_OK)
        e = log_find(b->n, 'c', &final.body.final.challenge, &index) ? add_op(b, index, &registered)
                                                                     : ERR_TIMEOUT;
    if (e != ERR_OK)
        return e;
    add_blob(b, &registered.content.body.challenge_register.module, &b->bundle.module);
    add_blob(b, &submitted.content.body.submission.blob, &b->bundle.input);
    return ERR_OK;
}

static enum err encode(struct building *b, struct span *out)
{
    size_t size = AUDIT_BUNDLE_SIZE_MIN + b->bundle.module.len + b->bundle.input.len + (3 << 16) +
                  3 * AUDIT_LEVELS * HASH_SIZE + BFT_CHECKPOINT_SIZE_MAX +
                  (size_t)b->bundle.handovers_count * AUDIT_HANDOVER_SIZE_MAX;
    size_t left = b->arena->size - b->arena->used;
    struct room room = {NULL, min_u64(size, left - min_u64(left, ARENA_ALIGN))};
    room.ptr = arena_alloc(b->arena, room.len);
    if (room.ptr == NULL)
        return ERR_NO_MEMORY;
    *out = audit_bundle_encode(&b->bundle, room);
    return out->ptr == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err take_checkpoint(struct building *b, uint64_t height)
{
    uint8_t key[SLOT_KEY_SIZE];
    struct span bytes = b->n->stable_bytes;
    if (bytes.len == 0)
        return ERR_TIMEOUT;
    enum err e = ERR_OK;
    if (height != 0)
        e = db_get(b->n->config.db, DB_INDEX, slot_key(key, 'k', height), &bytes);
    if (e == ERR_OK)
        e = bft_checkpoint_decode(arena_copy(b->arena, bytes), b->arena, &b->checkpoint);
    return e;
}

enum err bundle_build(struct node *n, const struct hash *submission, uint64_t *height,
                      struct arena *scratch, struct span *out)
{
    struct building *b = arena_alloc(scratch, sizeof *b);
    struct state_submission s;
    uint64_t index;
    if (b == NULL)
        return ERR_NO_MEMORY;
    bool is_final =
        ledger_submission(n->ledger, submission, scratch, &s) && s.phase == SUBMISSION_PHASE_FINAL;
    if (!is_final && !log_find(n, 'f', submission, &index))
        return ERR_NOT_FOUND;
    b->n = n;
    b->arena = scratch;
    enum err e = take_checkpoint(b, *height);
    b->bundle = (struct audit_bundle){.format = AUDIT_FORMAT,
                                      .network = n->network,
                                      .checkpoint = b->checkpoint,
                                      .leaves = b->leaves};
    if (e == ERR_OK)
        e = add_leaves(b, submission);
    if (e == ERR_OK)
        e = add_handovers(b);
    if (e == ERR_OK)
        e = encode(b, out);
    if (e == ERR_OK)
        *height = b->checkpoint.cert.statement.seq;
    return e;
}
