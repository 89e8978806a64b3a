#include "ledger/kv.h"

#include "codec/wr.h"
#include "crypto/hash.h"
#include "ledger/blocks.h"

enum { LEAF = 0xffff, DEPTH_MAX = KV_KEY_SIZE_MAX * 8 + 1 };

/* A node is one block.  A leaf carries its key and then its value behind it. */
struct node {
    uint32_t left, right; /* of a leaf: the sizes of key and value */
    uint32_t count;       /* leaves from here down */
    uint16_t bit;         /* LEAF: a leaf */
    bool dirty;           /* hash is out of date */
    struct hash hash;
    uint8_t data[];
};

struct trie {
    uint32_t root; /* 0: empty */
};

struct kv {
    struct blocks blocks;
    struct trie state;
    struct trie changes;           /* keys only */
    uint8_t told[KV_KEY_SIZE_MAX]; /* the change that was given out last */
    size_t told_size;              /* 0: none */
    uint64_t bytes, bytes_max;
    uint32_t entries_max;
};

static struct node *node_at(const struct kv *m, uint32_t ref)
{
    return block_at(&m->blocks, ref);
}

static struct span leaf_key(const struct node *n)
{
    return span_of(n->data, n->left);
}

static struct span leaf_value(const struct node *n)
{
    return span_of(n->data + n->left, n->right);
}

static size_t leaf_size(size_t key, size_t value)
{
    return sizeof(struct node) + key + value;
}

/* Bits past the end count as 0; KV-1 makes that unambiguous. */
static unsigned bit_of(struct span key, uint32_t bit)
{
    return bit / 8 < key.len ? (key.ptr[bit / 8] >> (7 - bit % 8)) & 1u : 0;
}

/* The first bit in which two keys differ; LEAF when one begins the other. */
static uint32_t first_difference(struct span a, struct span b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    for (size_t i = 0; i < len; i++) {
        unsigned x = a.ptr[i] ^ b.ptr[i];
        if (x != 0)
            return (uint32_t)(8 * i + (unsigned)__builtin_clz(x) - 24);
    }
    return LEAF;
}

static uint32_t count_at(const struct kv *m, uint32_t ref)
{
    return ref == 0 ? 0 : node_at(m, ref)->count;
}

static uint64_t pool_size(uint32_t entries_max, uint64_t bytes_max)
{
    /* A leaf may take twice its size; a change may be listed for each entry and
     * for each that went away; a quarter more for holes between pieces. */
    uint64_t nodes = (uint64_t)entries_max * (2 * sizeof(struct node) + BLOCK_UNIT);
    uint64_t changes = 2 * (uint64_t)entries_max * (4 * BLOCK_UNIT);
    uint64_t all = nodes + changes + 2 * bytes_max;
    return all + all / 4 + BLOCK_SIZE_MAX;
}

size_t kv_arena_size(uint32_t entries_max, uint64_t bytes_max)
{
    return sizeof(struct kv) + ARENA_ALIGN + blocks_arena_size(pool_size(entries_max, bytes_max));
}

enum err kv_open(struct kv **out, struct arena *arena, uint32_t entries_max, uint64_t bytes_max)
{
    struct kv *m = arena_alloc(arena, sizeof *m);
    if (m == NULL)
        return ERR_NO_MEMORY;
    enum err e = blocks_init(&m->blocks, arena, pool_size(entries_max, bytes_max));
    if (e != ERR_OK)
        return e;
    m->entries_max = entries_max;
    m->bytes_max = bytes_max;
    *out = m;
    return ERR_OK;
}

/* The leaf that key would be found at from ref down. */
static uint32_t descend(const struct kv *m, uint32_t ref, struct span key)
{
    const struct node *n = node_at(m, ref);
    while (n->bit != LEAF) {
        ref = bit_of(key, n->bit) ? n->right : n->left;
        n = node_at(m, ref);
    }
    return ref;
}

/* The leaf that a new key has to be told from; 0: the trie is empty. */
static uint32_t meet(const struct kv *m, const struct trie *t, struct span key)
{
    return t->root == 0 ? 0 : descend(m, t->root, key);
}

static bool is_at(const struct kv *m, uint32_t ref, struct span key)
{
    return ref != 0 && span_equal(leaf_key(node_at(m, ref)), key);
}

static uint32_t find(const struct kv *m, const struct trie *t, struct span key)
{
    uint32_t ref = meet(m, t, key);
    return is_at(m, ref, key) ? ref : 0;
}

static uint32_t leaf_new(struct kv *m, struct span key, struct span value)
{
    uint32_t ref = block_alloc(&m->blocks, leaf_size(key.len, value.len));
    if (ref == 0)
        return 0;
    struct node *n = node_at(m, ref);
    *n = (struct node){.left = (uint32_t)key.len,
                       .right = (uint32_t)value.len,
                       .count = 1,
                       .bit = LEAF,
                       .dirty = true};
    memcpy(n->data, key.ptr, key.len);
    if (value.len != 0)
        memcpy(n->data + key.len, value.ptr, value.len);
    return ref;
}

static void leaf_drop(struct kv *m, uint32_t ref)
{
    const struct node *n = node_at(m, ref);
    block_free(&m->blocks, ref, leaf_size(n->left, n->right));
}

/* Puts leaf in the place of what *link* on the way to its key leads to. */
static void replace(struct kv *m, struct trie *t, uint32_t leaf)
{
    struct span key = leaf_key(node_at(m, leaf));
    uint32_t *link = &t->root;
    struct node *n = node_at(m, *link);
    while (n->bit != LEAF) {
        n->dirty = true;
        link = bit_of(key, n->bit) ? &n->right : &n->left;
        n = node_at(m, *link);
    }
    leaf_drop(m, *link);
    *link = leaf;
}

/* Adds leaf, whose key first differs at bit from the one that it met. */
static bool insert(struct kv *m, struct trie *t, uint32_t leaf, uint32_t bit)
{
    uint32_t ref = block_alloc(&m->blocks, sizeof(struct node));
    if (ref == 0)
        return false;
    struct span key = leaf_key(node_at(m, leaf));
    uint32_t *link = &t->root;
    struct node *n = node_at(m, *link);
    while (n->bit < bit) { /* A leaf's bit is above every bit. */
        n->dirty = true;
        n->count++;
        link = bit_of(key, n->bit) ? &n->right : &n->left;
        n = node_at(m, *link);
    }
    struct node *inner = node_at(m, ref);
    bool right = bit_of(key, bit);
    *inner = (struct node){.left = right ? *link : leaf,
                           .right = right ? leaf : *link,
                           .count = n->count + 1,
                           .bit = (uint16_t)bit,
                           .dirty = true};
    *link = ref;
    return true;
}

/* at: what meet said of the key. */
static enum err put(struct kv *m, struct trie *t, uint32_t at, struct span key, struct span value)
{
    if (at == 0) {
        t->root = leaf_new(m, key, value);
        return t->root == 0 ? ERR_NO_MEMORY : ERR_OK;
    }
    struct span met = leaf_key(node_at(m, at));
    uint32_t bit = first_difference(met, key);
    if (bit == LEAF && met.len != key.len)
        return ERR_CONFLICT;
    uint32_t leaf = leaf_new(m, key, value);
    if (leaf == 0)
        return ERR_NO_MEMORY;
    if (bit == LEAF) {
        replace(m, t, leaf);
        return ERR_OK;
    }
    if (!insert(m, t, leaf, bit)) {
        leaf_drop(m, leaf);
        return ERR_NO_MEMORY;
    }
    return ERR_OK;
}

/* key is there. */
static void take_out(struct kv *m, struct trie *t, struct span key)
{
    uint32_t *link = &t->root, *above = NULL;
    struct node *n = node_at(m, *link);
    while (n->bit != LEAF) {
        n->dirty = true;
        n->count--;
        above = link;
        link = bit_of(key, n->bit) ? &n->right : &n->left;
        n = node_at(m, *link);
    }
    uint32_t leaf = *link;
    if (above == NULL) {
        t->root = 0;
    } else { /* The twin moves up into the inner node's place. */
        uint32_t inner = *above;
        const struct node *i = node_at(m, inner);
        *above = i->left == leaf ? i->right : i->left;
        block_free(&m->blocks, inner, sizeof(struct node));
    }
    leaf_drop(m, leaf);
}

static enum err note_change(struct kv *m, struct span key)
{
    uint32_t at = meet(m, &m->changes, key);
    return is_at(m, at, key) ? ERR_OK : put(m, &m->changes, at, key, (struct span){0});
}

enum err kv_put(struct kv *m, struct span key, struct span value)
{
    if (key.len == 0 || key.len > KV_KEY_SIZE_MAX || value.len == 0 ||
        value.len > KV_VALUE_SIZE_MAX)
        return ERR_TOO_BIG;
    uint32_t at = meet(m, &m->state, key);
    bool is_new = !is_at(m, at, key);
    uint64_t before = 0;
    if (!is_new) {
        struct span is = leaf_value(node_at(m, at));
        if (span_equal(is, value))
            return ERR_OK;
        before = key.len + is.len;
    }
    uint64_t bytes = m->bytes - before + key.len + value.len;
    if (bytes > m->bytes_max || (is_new && count_at(m, m->state.root) >= m->entries_max))
        return ERR_FULL;
    enum err e = note_change(m, key);
    if (e == ERR_OK)
        e = put(m, &m->state, at, key, value);
    if (e == ERR_OK)
        m->bytes = bytes;
    return e;
}

bool kv_del(struct kv *m, struct span key)
{
    uint32_t ref = find(m, &m->state, key);
    if (ref == 0)
        return false;
    uint8_t copy[KV_KEY_SIZE_MAX]; /* key may lie in the leaf that goes away */
    memcpy(copy, key.ptr, key.len);
    key = span_of(copy, key.len);
    m->bytes -= key.len + node_at(m, ref)->right;
    enum err e = note_change(m, key);
    assert(e == ERR_OK); /* kv_arena_size has room for a change of each entry. */
    take_out(m, &m->state, key);
    return true;
}

bool kv_get(const struct kv *m, struct span key, struct span *value)
{
    uint32_t ref = find(m, &m->state, key);
    if (ref == 0)
        return false;
    *value = leaf_value(node_at(m, ref));
    return true;
}

/* The topmost node below which every key begins with prefix, or 0. */
static uint32_t subtree(const struct kv *m, struct span prefix)
{
    uint32_t ref = m->state.root;
    if (ref == 0)
        return 0;
    const struct node *n = node_at(m, ref);
    while (n->bit != LEAF && n->bit < 8 * prefix.len) {
        ref = bit_of(prefix, n->bit) ? n->right : n->left;
        n = node_at(m, ref);
    }
    struct span key = leaf_key(node_at(m, descend(m, ref, prefix)));
    bool under = key.len >= prefix.len && span_equal(span_of(key.ptr, prefix.len), prefix);
    return under ? ref : 0;
}

uint32_t kv_count(const struct kv *m, struct span prefix)
{
    return count_at(m, subtree(m, prefix));
}

bool kv_at(const struct kv *m, struct span prefix, uint32_t index, struct span *key,
           struct span *value)
{
    uint32_t ref = subtree(m, prefix);
    if (index >= count_at(m, ref))
        return false;
    const struct node *n = node_at(m, ref);
    while (n->bit != LEAF) {
        uint32_t left = count_at(m, n->left);
        if (index < left) {
            n = node_at(m, n->left);
        } else {
            index -= left;
            n = node_at(m, n->right);
        }
    }
    *key = leaf_key(n);
    *value = leaf_value(n);
    return true;
}

bool kv_has_room(const struct kv *m, uint32_t entries, uint64_t bytes)
{
    return m->entries_max - count_at(m, m->state.root) >= entries &&
           m->bytes_max - m->bytes >= bytes;
}

static struct hash hash_leaf(const struct node *n)
{
    uint8_t size[4];
    struct wr w = wr_init((struct room){size, sizeof size});
    wr_u32(&w, n->left);
    struct hasher h;
    hasher_open(&h, "PLTFLEAF");
    hasher_add(&h, wr_done(&w));
    hasher_add(&h, span_of(n->data, (size_t)n->left + n->right));
    return hasher_close(&h);
}

static struct hash hash_inner(const struct kv *m, const struct node *n)
{
    uint8_t bytes[2 + 2 * HASH_SIZE];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_u16(&w, n->bit);
    wr_raw(&w, hash_span(&node_at(m, n->left)->hash));
    wr_raw(&w, hash_span(&node_at(m, n->right)->hash));
    return hash_tagged("PLTFNODE", wr_done(&w));
}

struct hash kv_root(struct kv *m)
{
    if (m->state.root == 0)
        return (struct hash){0};
    uint32_t path[DEPTH_MAX];
    uint32_t depth = 0;
    path[depth++] = m->state.root;
    while (depth > 0) {
        struct node *n = node_at(m, path[depth - 1]);
        if (n->bit != LEAF && n->dirty) {
            uint32_t below = node_at(m, n->left)->dirty ? n->left : n->right;
            if (node_at(m, below)->dirty) {
                assert(depth < DEPTH_MAX);
                path[depth++] = below;
                continue;
            }
        }
        if (n->dirty)
            n->hash = n->bit == LEAF ? hash_leaf(n) : hash_inner(m, n);
        n->dirty = false;
        depth--;
    }
    return node_at(m, m->state.root)->hash;
}

bool kv_next_change(struct kv *m, struct span *key, struct span *value)
{
    if (m->told_size != 0)
        take_out(m, &m->changes, span_of(m->told, m->told_size));
    m->told_size = 0;
    if (m->changes.root == 0)
        return false;
    const struct node *n = node_at(m, m->changes.root);
    while (n->bit != LEAF)
        n = node_at(m, n->left);
    memcpy(m->told, n->data, n->left);
    m->told_size = n->left;
    *key = leaf_key(n);
    if (!kv_get(m, *key, value))
        *value = (struct span){0};
    return true;
}

void kv_forget_changes(struct kv *m)
{
    m->told_size = 0;
    while (m->changes.root != 0) {
        const struct node *n = node_at(m, descend(m, m->changes.root, (struct span){0}));
        take_out(m, &m->changes, leaf_key(n));
    }
}
