/* Every size up to 300 against a second implementation: the recursive
 * definitions of RFC 6962, section 2.1, word for word. */
#include "base/test.h"
#include "audit/audit.h"
#include "codec/hex.h"
#include "crypto/hash.h"

enum { SIZE_MAX_TESTED = 300 };

struct stored {
    struct hash nodes[10][SIZE_MAX_TESTED + 1];
    bool has[10][SIZE_MAX_TESTED + 1];
};

static bool get(void *ctx, uint32_t level, uint64_t index, struct hash *out)
{
    const struct stored *s = ctx;
    if (level >= 10 || index > SIZE_MAX_TESTED || !s->has[level][index])
        return false;
    *out = s->nodes[level][index];
    return true;
}

static void entry_of(uint64_t index, uint8_t entry[9])
{
    for (int i = 0; i < 9; i++)
        entry[i] = (uint8_t)(index * 7 + (uint64_t)i);
}

/* MTH(D[first:end]) */
static struct hash naive_root(uint64_t first, uint64_t end)
{
    uint8_t bytes[65] = {0};
    if (first == end)
        return hash_sha256((struct span){0});
    if (end - first == 1) {
        entry_of(first, bytes + 1);
        return hash_sha256(span_of(bytes, 10));
    }
    uint64_t k = 1;
    while (2 * k < end - first)
        k *= 2;
    struct hash left = naive_root(first, first + k), right = naive_root(first + k, end);
    bytes[0] = 1;
    memcpy(bytes + 1, left.bytes, 32);
    memcpy(bytes + 33, right.bytes, 32);
    return hash_sha256(span_of(bytes, 65));
}

/* PATH(m, D[first:end]) */
static uint32_t naive_path(uint64_t m, uint64_t first, uint64_t end, struct hash *out)
{
    if (end - first == 1)
        return 0;
    uint64_t k = 1;
    while (2 * k < end - first)
        k *= 2;
    uint32_t n =
        m < k ? naive_path(m, first, first + k, out) : naive_path(m - k, first + k, end, out);
    out[n] = m < k ? naive_root(first + k, end) : naive_root(first, first + k);
    return n + 1;
}

/* SUBPROOF(m, D[first:end], whole) */
static uint32_t naive_proof(uint64_t m, uint64_t first, uint64_t end, bool whole, struct hash *out)
{
    if (m == end - first) {
        if (whole)
            return 0;
        out[0] = naive_root(first, end);
        return 1;
    }
    uint64_t k = 1;
    while (2 * k < end - first)
        k *= 2;
    uint32_t n = m <= k ? naive_proof(m, first, first + k, whole, out)
                        : naive_proof(m - k, first + k, end, false, out);
    out[n] = m <= k ? naive_root(first + k, end) : naive_root(first, first + k);
    return n + 1;
}

static void append(struct audit_tree *t, struct stored *s)
{
    struct audit_node nodes[AUDIT_LEVELS];
    uint8_t entry[9];
    entry_of(t->size, entry);
    struct hash leaf = audit_leaf_hash(span_of(entry, sizeof entry));
    uint32_t count = audit_tree_append(t, &leaf, nodes);
    assert_true(count >= 1 && hash_equal(&nodes[0].hash, &leaf));
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(nodes[i].level, i);
        assert_false(s->has[i][nodes[i].index]); /* each subtree is completed once */
        s->nodes[i][nodes[i].index] = nodes[i].hash;
        s->has[i][nodes[i].index] = true;
    }
}

static struct stored *stored_of(uint64_t size, struct hash roots[SIZE_MAX_TESTED + 1])
{
    struct stored *s = calloc(1, sizeof *s);
    assert_non_null(s);
    struct audit_tree t = {0};
    for (uint64_t n = 0; n <= size; n++) {
        roots[n] = audit_tree_root(&t);
        if (n < size)
            append(&t, s);
    }
    return s;
}

static void test_root_of_every_size(void **state)
{
    (void)state;
    struct hash roots[SIZE_MAX_TESTED + 1];
    struct stored *s = stored_of(SIZE_MAX_TESTED, roots);
    for (uint64_t n = 0; n <= SIZE_MAX_TESTED; n++) {
        struct hash naive = naive_root(0, n);
        assert_memory_equal(&roots[n], &naive, sizeof naive);
    }
    free(s);
}

/* Certificate Transparency's reference tree: inputs and roots from the published
 * test data of RFC 6962 implementations. */
static void test_published_roots(void **state)
{
    (void)state;
    static const char *const entries[] = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct audit_tree t = {0};
    for (uint32_t n = 0; n < COUNT_OF(roots); n++) {
        char text[65];
        struct hash root = audit_tree_root(&t);
        hex_encode(hash_span(&root), text, sizeof text);
        assert_string_equal(text, roots[n]);
        if (n == COUNT_OF(entries))
            break;
        uint8_t entry[16];
        size_t size = strlen(entries[n]) / 2;
        assert_int_equal(hex_decode(span_of(entries[n], 2 * size), (struct room){entry, size}),
                         ERR_OK);
        struct audit_node nodes[AUDIT_LEVELS];
        struct hash leaf = audit_leaf_hash(span_of(entry, size));
        audit_tree_append(&t, &leaf, nodes);
    }
}

static void test_inclusion_of_every_leaf(void **state)
{
    (void)state;
    struct hash roots[SIZE_MAX_TESTED + 1], path[AUDIT_LEVELS], naive[AUDIT_LEVELS];
    struct stored *s = stored_of(SIZE_MAX_TESTED, roots);
    struct audit_nodes nodes = {get, s};
    for (uint64_t size = 1; size <= SIZE_MAX_TESTED; size++) {
        for (uint64_t index = 0; index < size; index++) {
            uint32_t count;
            assert_int_equal(audit_inclusion(&nodes, index, size, path, &count), ERR_OK);
            if (size < 80 || index % 13 == size % 13) {
                assert_int_equal(count, naive_path(index, 0, size, naive));
                assert_memory_equal(path, naive, count * sizeof path[0]);
            }
            const struct hash *leaf = &s->nodes[0][index];
            assert_true(audit_inclusion_check(leaf, index, size, path, count, &roots[size]));
            if ((index + size) % 5 != 0)
                continue;
            /* Not elsewhere, not in another tree, not with more or less of a path. */
            assert_false(audit_inclusion_check(leaf, index ^ 1, size, path, count, &roots[size]));
            assert_false(audit_inclusion_check(leaf, index, size, path, count, &roots[size - 1]));
            assert_false(audit_inclusion_check(leaf, index, size, path, count + 1, &roots[size]));
            assert_false(count > 0 &&
                         audit_inclusion_check(leaf, index, size, path, count - 1, &roots[size]));
        }
    }
    uint32_t count;
    assert_int_equal(audit_inclusion(&nodes, 5, 5, path, &count), ERR_DENIED);
    assert_int_equal(audit_inclusion(&nodes, 0, 400, path, &count), ERR_NOT_FOUND);
    /* A path that ends below the top shows a leaf of a smaller tree, not of this one. */
    assert_true(audit_inclusion_check(&s->nodes[0][0], 0, 2, &s->nodes[0][1], 1, &roots[2]));
    assert_false(audit_inclusion_check(&s->nodes[0][0], 0, 4, &s->nodes[0][1], 1, &roots[2]));
    assert_false(audit_inclusion_check(&roots[1], 0, 2, path, 0, &roots[1]));
    assert_false(audit_inclusion_check(&roots[1], 1, 1, path, 0, &roots[1]));
    assert_false(audit_inclusion_check(&roots[0], 0, 0, path, 0, &roots[0]));
    /* A root that a leaf hashes to is none of a larger tree's. */
    assert_false(audit_inclusion_check(&roots[1], 0, 4, path, 0, &roots[1]));
    free(s);
}

static void test_consistency_of_every_pair(void **state)
{
    (void)state;
    struct hash roots[SIZE_MAX_TESTED + 1], path[AUDIT_LEVELS], naive[AUDIT_LEVELS];
    struct stored *s = stored_of(SIZE_MAX_TESTED, roots);
    struct audit_nodes nodes = {get, s};
    for (uint64_t size = 0; size <= SIZE_MAX_TESTED; size++) {
        for (uint64_t old = 0; old <= size; old++) {
            uint32_t count;
            assert_int_equal(audit_consistency(&nodes, old, size, path, &count), ERR_OK);
            if (old > 0 && (size < 80 || old % 13 == size % 13)) {
                assert_int_equal(count, naive_proof(old, 0, size, true, naive));
                assert_memory_equal(path, naive, count * sizeof path[0]);
            }
            assert_true(audit_consistency_check(old, &roots[old], size, &roots[size], path, count));
            if (old == size || (old + size) % 5 != 0)
                continue;
            assert_false(old > 0 && audit_consistency_check(old, &roots[old], 4 * size,
                                                            &roots[size], path, count));
            struct hash other = roots[old];
            other.bytes[old % 32] ^= 1;
            assert_false(audit_consistency_check(old, &other, size, &roots[size], path, count));
            other = roots[size];
            other.bytes[old % 32] ^= 1;
            if (old > 0)
                assert_false(audit_consistency_check(old, &roots[old], size, &other, path, count));
            if (count > 0) {
                path[old % count].bytes[5] ^= 1;
                assert_false(
                    audit_consistency_check(old, &roots[old], size, &roots[size], path, count));
                assert_false(
                    audit_consistency_check(old, &roots[old], size, &roots[size], path, count - 1));
            }
        }
    }
    uint32_t count;
    assert_true(audit_consistency_check(7, &roots[7], 7, &roots[7], path, 0));
    assert_false(audit_consistency_check(7, &roots[7], 7, &roots[8], path, 0));
    /* A log never grows shorter, whatever is shown with it. */
    for (uint32_t n = 0; n < 3; n++)
        assert_false(audit_consistency_check(8, &roots[8], 7, &roots[7], path, n));
    assert_false(audit_consistency_check(8, &roots[8], 7, &roots[7], path, 0));
    assert_int_equal(audit_consistency(&nodes, 6, 5, path, &count), ERR_DENIED);
    assert_int_equal(audit_consistency(&nodes, 100, 400, path, &count), ERR_NOT_FOUND);
    assert_int_equal(audit_consistency(&nodes, 395, 400, path, &count), ERR_NOT_FOUND);
    free(s);
}

/* Sizes that no test can fill: proofs over a synthetic tree of 2^40 leaves. */
static bool synthetic(void *ctx, uint32_t level, uint64_t index, struct hash *out)
{
    (void)ctx;
    /* Every leaf is the same, so a subtree depends on its level only. */
    struct hash h = {0};
    (void)index;
    for (uint32_t i = 0; i < level; i++) {
        uint8_t bytes[65] = {1};
        memcpy(bytes + 1, h.bytes, 32);
        memcpy(bytes + 33, h.bytes, 32);
        h = hash_sha256(span_of(bytes, 65));
    }
    *out = h;
    return true;
}

static struct hash synthetic_root(uint64_t size)
{
    struct audit_tree t = {.size = size};
    for (uint32_t level = 0; level < AUDIT_LEVELS; level++)
        if ((size >> level & 1) != 0)
            synthetic(NULL, level, 0, &t.peaks[level]);
    return audit_tree_root(&t);
}

static void test_enormous_trees(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1ull << 40, (1ull << 40) - 1, (1ull << 40) + 12345,
                                     UINT64_MAX >> 1};
    struct audit_nodes nodes = {synthetic, NULL};
    struct hash leaf = {0}, path[AUDIT_LEVELS];
    for (uint32_t i = 0; i < COUNT_OF(sizes); i++) {
        uint64_t size = sizes[i];
        struct hash root = synthetic_root(size);
        for (uint64_t index = 0; index < size; index += size / 11 + 1) {
            uint32_t count;
            assert_int_equal(audit_inclusion(&nodes, index, size, path, &count), ERR_OK);
            assert_true(audit_inclusion_check(&leaf, index, size, path, count, &root));
            uint64_t old = index + 1;
            struct hash old_root = synthetic_root(old);
            assert_int_equal(audit_consistency(&nodes, old, size, path, &count), ERR_OK);
            assert_true(audit_consistency_check(old, &old_root, size, &root, path, count));
        }
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_root_of_every_size),
        cmocka_unit_test(test_published_roots),
        cmocka_unit_test(test_inclusion_of_every_leaf),
        cmocka_unit_test(test_consistency_of_every_pair),
        cmocka_unit_test(test_enormous_trees),
    };
    return cmocka_run_group_tests_name("audit_tree", all, NULL, NULL);
}
