#include "audit/audit.h"

#include "crypto/hash.h"

enum { LEAF_PREFIX = 0, NODE_PREFIX = 1 };

static struct hash node_hash(const struct hash *left, const struct hash *right)
{
    uint8_t bytes[1 + 2 * HASH_SIZE] = {NODE_PREFIX};
    memcpy(bytes + 1, left->bytes, HASH_SIZE);
    memcpy(bytes + 1 + HASH_SIZE, right->bytes, HASH_SIZE);
    return hash_sha256(span_of(bytes, sizeof bytes));
}

struct hash audit_leaf_hash(struct span entry)
{
    static const uint8_t prefix = LEAF_PREFIX;
    return hash_sha256_2(span_of(&prefix, 1), entry);
}

static bool has_bit(uint64_t x, uint32_t bit)
{
    return (x >> bit & 1) != 0;
}

uint32_t audit_tree_append(struct audit_tree *t, const struct hash *leaf,
                           struct audit_node nodes[AUDIT_LEVELS])
{
    assert(t->size < UINT64_MAX >> 1);
    uint32_t level = 0;
    struct hash up = *leaf;
    nodes[0] = (struct audit_node){0, t->size, up};
    for (; has_bit(t->size, level); level++) {
        up = node_hash(&t->peaks[level], &up);
        t->peaks[level] = (struct hash){0};
        nodes[level + 1] = (struct audit_node){level + 1, t->size >> (level + 1), up};
    }
    t->peaks[level] = up;
    t->size++;
    return level + 1;
}

struct hash audit_tree_root(const struct audit_tree *t)
{
    if (t->size == 0)
        return hash_sha256((struct span){0});
    uint32_t level = 0;
    while (!has_bit(t->size, level))
        level++;
    struct hash root = t->peaks[level];
    for (level++; level < AUDIT_LEVELS; level++)
        if (has_bit(t->size, level))
            root = node_hash(&t->peaks[level], &root);
    return root;
}

/* The root over leaves first .. end-1, where first is a multiple of the power of
 * two above their number: its complete subtrees, joined from the right. */
static enum err range_root(const struct audit_nodes *nodes, uint64_t first, uint64_t end,
                           struct hash *out)
{
    assert(first < end);
    struct hash parts[AUDIT_LEVELS];
    uint32_t count = 0;
    uint64_t at = first;
    for (uint32_t level = AUDIT_LEVELS; level > 0; level--) {
        if (!has_bit(end - first, level - 1))
            continue;
        if (!nodes->get(nodes->ctx, level - 1, at >> (level - 1), &parts[count++]))
            return ERR_NOT_FOUND;
        at += 1ull << (level - 1);
    }
    struct hash root = parts[count - 1];
    for (uint32_t i = count - 1; i > 0; i--)
        root = node_hash(&parts[i - 1], &root);
    *out = root;
    return ERR_OK;
}

/* The largest power of two below n, where RFC 6962 splits n leaves. */
static uint64_t split(uint64_t n)
{
    assert(n >= 2);
    return 1ull << (63 - __builtin_clzll(n - 1));
}

static void reverse(struct hash *path, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        struct hash other = path[i];
        path[i] = path[count - 1 - i];
        path[count - 1 - i] = other;
    }
}

enum err audit_inclusion(const struct audit_nodes *nodes, uint64_t index, uint64_t size,
                         struct hash path[AUDIT_LEVELS], uint32_t *count)
{
    if (index >= size || size > UINT64_MAX >> 1)
        return ERR_DENIED;
    uint64_t first = 0, end = size;
    uint32_t n = 0;
    while (end - first > 1) {
        uint64_t middle = first + split(end - first);
        bool is_left = index < middle;
        enum err e = range_root(nodes, is_left ? middle : first, is_left ? end : middle, &path[n]);
        if (e != ERR_OK)
            return e;
        n++;
        if (is_left)
            end = middle;
        else
            first = middle;
    }
    reverse(path, n); /* It was walked from the root, and is told from the leaf. */
    *count = n;
    return ERR_OK;
}

enum err audit_consistency(const struct audit_nodes *nodes, uint64_t old_size, uint64_t size,
                           struct hash path[AUDIT_LEVELS], uint32_t *count)
{
    if (old_size > size || size > UINT64_MAX >> 1)
        return ERR_DENIED;
    *count = 0;
    if (old_size == 0)
        return ERR_OK; /* Everything extends the empty tree. */
    uint64_t first = 0, end = size;
    uint32_t n = 0;
    while (old_size != end) {
        uint64_t middle = first + split(end - first);
        bool is_left = old_size <= middle;
        enum err e = range_root(nodes, is_left ? middle : first, is_left ? end : middle, &path[n]);
        if (e != ERR_OK)
            return e;
        n++;
        if (is_left)
            end = middle;
        else
            first = middle;
    }
    if (first != 0) {
        enum err e = range_root(nodes, first, end, &path[n]);
        if (e != ERR_OK)
            return e;
        n++;
    }
    reverse(path, n);
    *count = n;
    return ERR_OK;
}

/* Where a walk from the last leaves of two trees to their roots stands: place in
 * the older (or of the leaf) and in the newer tree, level by level. */
struct walk {
    uint64_t at, last;
};

/* One step up for a sibling; true when the sibling stands to the left. */
static bool step_up(struct walk *w)
{
    bool is_left = has_bit(w->at, 0) || w->at == w->last;
    if (is_left)
        while (!has_bit(w->at, 0) && w->at != 0) {
            w->at >>= 1;
            w->last >>= 1;
        }
    w->at >>= 1;
    w->last >>= 1;
    return is_left;
}

bool audit_inclusion_check(const struct hash *leaf, uint64_t index, uint64_t size,
                           const struct hash *path, uint32_t count, const struct hash *root)
{
    if (index >= size)
        return false;
    struct walk w = {index, size - 1};
    struct hash up = *leaf;
    for (uint32_t i = 0; i < count; i++) {
        if (w.last == 0)
            return false;
        up = step_up(&w) ? node_hash(&path[i], &up) : node_hash(&up, &path[i]);
    }
    return w.last == 0 && hash_equal(&up, root);
}

bool audit_consistency_check(uint64_t old_size, const struct hash *old_root, uint64_t size,
                             const struct hash *root, const struct hash *path, uint32_t count)
{
    if (old_size > size)
        return false;
    if (old_size == size)
        return count == 0 && hash_equal(old_root, root);
    if (old_size == 0) {
        struct hash empty = hash_sha256((struct span){0});
        return count == 0 && hash_equal(old_root, &empty);
    }
    struct walk w = {old_size - 1, size - 1};
    while (has_bit(w.at, 0)) {
        w.at >>= 1;
        w.last >>= 1;
    }
    /* An old tree that is one complete subtree is where the walk begins. */
    uint32_t i = 0;
    bool is_complete = (old_size & (old_size - 1)) == 0;
    if (!is_complete && count == 0)
        return false;
    struct hash old_up = is_complete ? *old_root : path[i++];
    struct hash up = old_up;
    for (; i < count; i++) {
        if (w.last == 0)
            return false;
        if (step_up(&w)) {
            old_up = node_hash(&path[i], &old_up);
            up = node_hash(&path[i], &up);
        } else {
            up = node_hash(&up, &path[i]);
        }
    }
    return w.last == 0 && hash_equal(&old_up, old_root) && hash_equal(&up, root);
}
