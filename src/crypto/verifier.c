#include "crypto/verifier.h"

#include "crypto/hash.h"
#include "crypto/sr25519.h"

/* Keys that are counted at a time; then the counting begins anew. */
enum { COUNTED = 512 };

struct verifier_sr25519 {
    uint8_t *prepared; /* capacity + frequent blocks of prepared_size */
    bool *used;        /* Whether a block holds a key. */
    bool *wanted;      /* Scratch of replace. */
    size_t prepared_size;
    uint32_t capacity;
    struct map blocks; /* key -> block */

    uint32_t frequent, frequent_next;
    struct map often; /* key that is not prepared -> how many of its signatures held */

    struct hash *ring; /* The remembered ones in the order they came. */
    uint32_t remembered;
    uint32_t next;
    struct map memory;
    struct verifier_counts counts;
};

static struct sr25519_prepared *block_at(const struct verifier_sr25519 *v, uint32_t block)
{
    return (struct sr25519_prepared *)(void *)(v->prepared + block * v->prepared_size);
}

enum err verifier_sr25519_open(const struct verifier_config *config, struct arena *arena,
                               struct verifier_sr25519 **out)
{
    assert(config->keys >= 1 && config->keys <= VERIFIER_KEYS_MAX);
    assert(config->remembered <= VERIFIER_MEMORY_MAX && config->frequent <= VERIFIER_KEYS_MAX);
    struct verifier_sr25519 *v = arena_alloc(arena, sizeof *v);
    if (v == NULL)
        return ERR_NO_MEMORY;
    v->prepared_size = sr25519_prepared_size();
    v->capacity = config->keys;
    v->frequent = config->frequent;
    v->remembered = config->remembered;
    uint32_t blocks = v->capacity + v->frequent;
    v->prepared = arena_array(arena, blocks, v->prepared_size);
    v->used = arena_array(arena, blocks, sizeof *v->used);
    v->wanted = arena_array(arena, v->capacity, sizeof *v->wanted);
    if (v->prepared == NULL || v->used == NULL || v->wanted == NULL)
        return ERR_NO_MEMORY;
    enum err e = map_init(&v->blocks, arena, HOTKEY_SIZE, blocks, config->seed);
    if (e == ERR_OK && v->frequent != 0)
        e = map_init(&v->often, arena, HOTKEY_SIZE, COUNTED, config->seed);
    if (e != ERR_OK)
        return e;
    if (v->remembered != 0) {
        v->ring = arena_array(arena, v->remembered, sizeof *v->ring);
        if (v->ring == NULL)
            return ERR_NO_MEMORY;
        e = map_init(&v->memory, arena, HASH_SIZE, v->remembered, config->seed);
        if (e != ERR_OK)
            return e;
    }
    *out = v;
    return ERR_OK;
}

static uint32_t free_block(const struct verifier_sr25519 *v)
{
    uint32_t block = 0;
    while (v->used[block])
        block++;
    return block;
}

static void drop(struct verifier_sr25519 *v, uint32_t block)
{
    if (v->used[block])
        map_remove(&v->blocks, sr25519_prepared_key(block_at(v, block))->bytes);
    v->used[block] = false;
}

static void prepare(struct verifier_sr25519 *v, uint32_t block, const struct hotkey *key)
{
    if (sr25519_prepare(key, block_at(v, block)) != ERR_OK)
        return;
    v->used[block] = true;
    enum err e = map_put(&v->blocks, key->bytes, block);
    assert(e == ERR_OK); /* As many places as blocks. */
}

enum err verifier_sr25519_replace(struct verifier_sr25519 *v, const struct hotkey *keys,
                                  uint32_t count)
{
    if (count > v->capacity)
        return ERR_FULL;
    for (uint32_t i = 0; i < v->frequent; i++)
        drop(v, v->capacity + i); /* One may be a member's now. */
    memset(v->wanted, 0, v->capacity * sizeof *v->wanted);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t block = map_get(&v->blocks, keys[i].bytes);
        if (block != MAP_NONE)
            v->wanted[block] = true;
    }
    for (uint32_t block = 0; block < v->capacity; block++)
        if (!v->wanted[block])
            drop(v, block);
    for (uint32_t i = 0; i < count; i++)
        if (map_get(&v->blocks, keys[i].bytes) == MAP_NONE)
            prepare(v, free_block(v), &keys[i]);
    return ERR_OK;
}

/* A signature under a key that is not prepared held. */
static void count_often(struct verifier_sr25519 *v, const struct hotkey *key)
{
    uint32_t held = map_get(&v->often, key->bytes);
    held = held == MAP_NONE ? 1 : held + 1;
    if (held >= VERIFIER_OFTEN) {
        uint32_t block = v->capacity + v->frequent_next;
        v->frequent_next = (v->frequent_next + 1) % v->frequent;
        drop(v, block);
        prepare(v, block, key);
        map_remove(&v->often, key->bytes);
        return;
    }
    if (v->often.count == COUNTED)
        map_clear(&v->often);
    enum err e = map_put(&v->often, key->bytes, held);
    assert(e == ERR_OK);
}

static struct hash name_of(const struct hotkey *key, struct span message,
                           const struct signature *signature)
{
    struct hasher h;
    hasher_open(&h, "VERIFIED");
    hasher_add(&h, hotkey_span(key));
    hasher_add(&h, span_of(signature->bytes, SIGNATURE_SIZE));
    hasher_add(&h, message);
    return hasher_close(&h);
}

static void remember(struct verifier_sr25519 *v, const struct hash *name)
{
    if (v->memory.count == v->remembered)
        map_remove(&v->memory, v->ring[v->next].bytes);
    v->ring[v->next] = *name;
    enum err e = map_put(&v->memory, name->bytes, v->next);
    assert(e == ERR_OK);
    v->next = (v->next + 1) % v->remembered;
}

static bool compute(struct verifier_sr25519 *v, const struct hotkey *key, struct span message,
                    const struct signature *signature)
{
    uint32_t block = map_get(&v->blocks, key->bytes);
    if (block != MAP_NONE) {
        v->counts.prepared++;
        return sr25519_verify_prepared(block_at(v, block), message, signature);
    }
    v->counts.plain++;
    bool holds = sr25519_verify(key, message, signature);
    if (holds && v->frequent != 0)
        count_often(v, key);
    return holds;
}

static bool verify(void *ctx, const struct hotkey *key, struct span message,
                   const struct signature *signature)
{
    struct verifier_sr25519 *v = ctx;
    struct hash name = {{0}};
    if (v->remembered != 0) {
        name = name_of(key, message, signature);
        if (map_get(&v->memory, name.bytes) != MAP_NONE) {
            v->counts.remembered++;
            return true;
        }
    }
    if (!compute(v, key, message, signature)) {
        v->counts.refused++;
        return false;
    }
    if (v->remembered != 0)
        remember(v, &name);
    return true;
}

struct verifier verifier_sr25519_interface(struct verifier_sr25519 *v)
{
    return (struct verifier){verify, v};
}

struct verifier_counts verifier_sr25519_counts(const struct verifier_sr25519 *v)
{
    return v->counts;
}
