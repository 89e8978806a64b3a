#include "node/log.h"

#include "codec/rd.h"
#include "codec/wr.h"
#include "registry/registry.h"

enum { NODE_KEY_SIZE = 9, ID_KEY_SIZE = 1 + HASH_SIZE };

static struct span id_key(uint8_t memory[ID_KEY_SIZE], char table, const struct hash *id)
{
    memory[0] = (uint8_t)table;
    memcpy(memory + 1, id->bytes, HASH_SIZE);
    return span_of(memory, ID_KEY_SIZE);
}

static enum err put_index(struct node *n, struct span key, uint64_t index)
{
    uint8_t memory[8];
    struct wr w = wr_init((struct room){memory, sizeof memory});
    wr_u64(&w, index);
    return db_put(n->config.db, DB_INDEX, key, wr_done(&w));
}

/* A registration is also found by its challenge's id. */
static enum err index_registration(struct node *n, uint64_t index, const struct audit_op *a)
{
    struct op op;
    uint8_t memory[ID_KEY_SIZE];
    if (a->reject != REJECT_NONE || op_decode(a->op, &n->scratch, &op) != ERR_OK ||
        op.content.body.tag != OP_BODY_CHALLENGE_REGISTER)
        return ERR_OK;
    struct hash id = registry_challenge_id(&op.content.body.challenge_register, &n->scratch);
    return put_index(n, id_key(memory, 'c', &id), index);
}

static enum err index_entry(struct node *n, uint64_t index, struct span bytes)
{
    struct audit_entry entry;
    uint8_t memory[ID_KEY_SIZE];
    size_t mark = arena_mark(&n->scratch);
    enum err e = audit_entry_decode(bytes, &n->scratch, &entry);
    assert(e == ERR_OK); /* execute.c wrote it. */
    switch (entry.body.tag) {
    case AUDIT_BODY_OP: {
        struct hash id = op_id(entry.body.op.op);
        uint64_t first;
        /* A copy that is refused later does not hide the one that took effect. */
        if (entry.body.op.reject == REJECT_NONE || !log_find(n, 'o', &id, &first))
            e = put_index(n, id_key(memory, 'o', &id), index);
        if (e == ERR_OK)
            e = index_registration(n, index, &entry.body.op);
        break;
    }
    case AUDIT_BODY_FINAL:
        e = put_index(n, id_key(memory, 'f', &entry.body.final.submission), index);
        break;
    case AUDIT_BODY_WEIGHTS:
        e = put_index(n, slot_key(memory, 'w', entry.body.weights.weights.epoch), index);
        break;
    case AUDIT_BODY_GENESIS:
    case AUDIT_BODY_UNRESOLVED:
        break;
    }
    arena_reset(&n->scratch, mark);
    return e;
}

static enum err store_nodes(struct node *n, struct span entry)
{
    struct audit_node nodes[AUDIT_LEVELS];
    struct hash leaf = audit_leaf_hash(entry);
    uint32_t count = audit_tree_append(&n->stored_tree, &leaf, nodes);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t key[NODE_KEY_SIZE];
        enum err e =
            db_put(n->config.db, DB_NODES, slot_key(key, (char)nodes[i].level, nodes[i].index),
                   hash_span(&nodes[i].hash));
        if (e != ERR_OK)
            return e;
    }
    return ERR_OK;
}

enum err log_store(struct node *n, uint64_t size)
{
    assert(size >= n->entry_first && size - n->entry_first <= n->entry_count);
    struct audit_tree before = n->stored_tree;
    for (uint64_t index = n->entry_first; index < size; index++) {
        struct span bytes = n->entries[index - n->entry_first].bytes;
        uint8_t key[SLOT_KEY_SIZE];
        enum err e = db_put(n->config.db, DB_LOG, slot_key(key, 'e', index), bytes);
        if (e == ERR_OK)
            e = store_nodes(n, bytes);
        if (e == ERR_OK)
            e = index_entry(n, index, bytes);
        if (e != ERR_OK) {
            n->stored_tree = before;
            return e;
        }
    }
    return ERR_OK;
}

void log_forget(struct node *n, uint64_t size)
{
    uint32_t gone = (uint32_t)(size - n->entry_first);
    assert(gone <= n->entry_count);
    for (uint32_t i = 0; i < gone; i++)
        bytes_drop(&n->entries[i].bytes);
    memmove(n->entries, n->entries + gone, (n->entry_count - gone) * sizeof n->entries[0]);
    n->entry_count -= gone;
    n->entry_first = size;
}

bool log_entry(struct node *n, uint64_t index, struct span *bytes)
{
    if (index >= n->tree.size)
        return false;
    if (index >= n->entry_first) {
        *bytes = n->entries[index - n->entry_first].bytes;
        return true;
    }
    uint8_t key[SLOT_KEY_SIZE];
    return db_get(n->config.db, DB_LOG, slot_key(key, 'e', index), bytes) == ERR_OK;
}

bool log_find(struct node *n, char table, const struct hash *id, uint64_t *index)
{
    uint8_t memory[ID_KEY_SIZE];
    struct span value;
    if (db_get(n->config.db, DB_INDEX, id_key(memory, table, id), &value) != ERR_OK)
        return false;
    struct rd r = rd_init(value);
    uint64_t found = rd_u64(&r);
    if (rd_end(&r) != ERR_OK)
        return false;
    *index = found;
    return true;
}

static bool get_node(void *ctx, uint32_t level, uint64_t index, struct hash *out)
{
    struct node *n = ctx;
    uint8_t key[NODE_KEY_SIZE];
    struct span value;
    if (db_get(n->config.db, DB_NODES, slot_key(key, (char)level, index), &value) != ERR_OK ||
        value.len != HASH_SIZE)
        return false;
    memcpy(out->bytes, value.ptr, HASH_SIZE);
    return true;
}

struct audit_nodes log_nodes(struct node *n)
{
    return (struct audit_nodes){get_node, n};
}
