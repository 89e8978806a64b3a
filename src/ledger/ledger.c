#include "ledger/ledger.h"

#include "crypto/hash.h"
#include "epoch/epoch.h"
#include "ledger/state.h"

size_t ledger_arena_size(const struct ledger_config *c)
{
    return sizeof(struct ledger) + LEDGER_WORK_SIZE +
           LEDGER_FATES * (sizeof(struct ledger_ring_fate) + 4 * (HASH_SIZE + sizeof(uint32_t))) +
           inputs_arena_size() + kv_arena_size(c->entries_max, c->state_bytes_max) +
           16 * ARENA_ALIGN;
}

/* The work area is cut off without being cleared: its blocks are. */
static bool take_work(struct ledger *l, struct arena *arena)
{
    size_t start = (arena->used + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (start > arena->size || arena->size - start < LEDGER_WORK_SIZE)
        return false;
    arena->used = start + LEDGER_WORK_SIZE;
    arena_init(&l->work, (struct room){arena->memory + start, LEDGER_WORK_SIZE});
    return true;
}

enum err ledger_init(struct ledger **out, struct arena *arena, const struct ledger_config *c)
{
    static_assert(LEDGER_ENTRIES_MIN > RESERVE_ENTRIES + ROW_ENTRIES);
    static_assert(LEDGER_BYTES_MIN > RESERVE_BYTES + ROW_BYTES);
    assert(c->entries_max >= LEDGER_ENTRIES_MIN && c->state_bytes_max >= LEDGER_BYTES_MIN);
    struct ledger *l = arena_alloc(arena, sizeof *l);
    if (l == NULL)
        return ERR_NO_MEMORY;
    l->config = *c;
    l->fates = arena_array(arena, LEDGER_FATES, sizeof *l->fates);
    if (l->fates == NULL || !take_work(l, arena))
        return ERR_NO_MEMORY;
    /* The order of the map is never seen, so its seed may be known; its keys are
     * digests. */
    const struct map_seed seed = {1, 2};
    enum err e = map_init(&l->fate_index, arena, HASH_SIZE, LEDGER_FATES, seed);
    if (e == ERR_OK)
        e = inputs_init(&l->inputs, arena, seed);
    if (e == ERR_OK)
        e = kv_open(&l->kv, arena, c->entries_max, c->state_bytes_max);
    if (e == ERR_OK)
        *out = l;
    return e;
}

struct hash ledger_network_id(const struct genesis *g)
{
    uint8_t bytes[GENESIS_SIZE_MAX];
    struct span encoded = genesis_encode(g, (struct room){bytes, sizeof bytes});
    assert(encoded.ptr != NULL);
    return hash_tagged("PLTFNETW", encoded);
}

enum err ledger_genesis(struct ledger *l, const struct genesis *g)
{
    assert(!l->begun);
    struct hash network = ledger_network_id(g);
    if (!hash_equal(&network, &l->config.network))
        return ERR_FOREIGN;
    if (ledger_set_keep(&l->now, &g->valset) != ERR_OK ||
        !ledger_neurons_ok(g->neurons, g->neurons_count))
        return ERR_MALFORMED;
    l->meta = (struct state_meta){.network = network, .epoch = g->valset.epoch};
    state_put_meta(l);
    state_put_epoch(l);
    state_put_neurons(l, g->neurons, g->neurons_count);
    l->begun = l->broken == ERR_OK;
    return l->broken;
}

enum err ledger_load(struct ledger *l, struct span key, struct span value)
{
    assert(!l->begun);
    if (kv_put(l->kv, key, value) != ERR_OK)
        return ERR_CORRUPT;
    if (key.ptr[0] != 'S')
        return ERR_OK;
    struct state_submission s;
    bool good = state_submission_decode(value, NULL, &s) == ERR_OK && s.size > 0 &&
                inputs_add(&l->inputs, &s.miner, s.size) == ERR_OK;
    return good ? ERR_OK : ERR_CORRUPT;
}

static enum err load_set(struct ledger *l, uint64_t epoch, struct ledger_set *set,
                         struct state_epoch *e)
{
    struct table_key k = key_epoch('E', epoch);
    struct span value;
    if (!kv_get(l->kv, key_span(&k), &value))
        return ERR_NOT_FOUND;
    if (state_epoch_decode(value, &l->work, e) != ERR_OK || e->epoch != epoch ||
        e->valset.epoch != epoch || ledger_set_keep(set, &e->valset) != ERR_OK)
        return ERR_CORRUPT;
    return ERR_OK;
}

enum err ledger_loaded(struct ledger *l)
{
    assert(!l->begun);
    struct table_key k = key_of('M');
    struct span value;
    struct state_epoch e;
    if (!kv_get(l->kv, key_span(&k), &value) || state_meta_decode(value, NULL, &l->meta) != ERR_OK)
        return ERR_CORRUPT;
    if (!hash_equal(&l->meta.network, &l->config.network))
        return ERR_FOREIGN;
    if (load_set(l, l->meta.epoch, &l->now, &e) != ERR_OK)
        return ERR_CORRUPT;
    l->has_weights = e.weights;
    l->sealed = e.sealed;
    if (l->meta.epoch > 0) {
        enum err before = load_set(l, l->meta.epoch - 1, &l->before, &e);
        if (before != ERR_OK && before != ERR_NOT_FOUND)
            return ERR_CORRUPT;
        l->has_before = before == ERR_OK;
    }
    arena_reset(&l->work, 0);
    kv_forget_changes(l->kv);
    l->begun = true;
    return ERR_OK;
}

void ledger_checkpoint(struct ledger *l, uint64_t seq, uint64_t log_size,
                       const struct hash *log_root)
{
    assert(l->begun && seq == l->meta.slot && seq % BFT_CHECKPOINT_INTERVAL == 0);
    arena_reset(&l->work, 0);
    struct state_candidate c = {.cutoff = seq, .log_size = log_size, .log_root = *log_root};
    ledger_weights_now(l, &c.weights);
    state_put_candidate(l, &c);
    arena_reset(&l->work, 0);
}

struct hash ledger_root(struct ledger *l)
{
    return kv_root(l->kv);
}

bool ledger_next_change(struct ledger *l, struct span *key, struct span *value)
{
    return kv_next_change(l->kv, key, value);
}
