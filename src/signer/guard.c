#include "signer/guard.h"

enum { KEY_SIZE = 17 };

static const uint64_t EPOCH_STEP_MAX = 1 << 20, EPOCH_FIRST_MAX = 1ull << 32; /* SIGNER-5 */

enum err guard_init(struct guard *g, struct arena *arena)
{
    /* Its keys are places that we let be signed, in an order that is never seen. */
    const struct map_seed seed = {3, 4};
    *g = (struct guard){.places = arena_array(arena, SIGNER_GUARD_MAX, sizeof *g->places)};
    if (g->places == NULL)
        return ERR_NO_MEMORY;
    return map_init(&g->index, arena, KEY_SIZE, SIGNER_GUARD_MAX, seed);
}

static void place_key(const struct bft_statement *st, uint8_t key[KEY_SIZE])
{
    struct wr w = wr_init((struct room){key, KEY_SIZE});
    wr_u8(&w, (uint8_t)st->type);
    wr_u64(&w, st->view);
    wr_u64(&w, st->seq);
}

static bool same(const struct bft_statement *a, const struct bft_statement *b)
{
    return a->type == b->type && a->epoch == b->epoch && a->view == b->view && a->seq == b->seq &&
           hash_equal(&a->digest, &b->digest) && hash_equal(&a->aux, &b->aux);
}

/* What was signed in the place of st, or NULL. */
static const struct bft_statement *signed_there(const struct guard *g,
                                                const struct bft_statement *st)
{
    const struct guard_place *single = NULL;
    if (st->type == BFT_TYPE_VIEW_CHANGE)
        single = &g->last_change;
    if (st->type == BFT_TYPE_NEW_VIEW)
        single = &g->last_new_view;
    if (single != NULL)
        return single->used && single->statement.view == st->view ? &single->statement : NULL;
    uint8_t key[KEY_SIZE];
    place_key(st, key);
    uint32_t at = map_get(&g->index, key);
    return at == MAP_NONE ? NULL : &g->places[at].statement;
}

static enum signer_verdict judge_new(const struct guard *g, const struct bft_statement *st)
{
    bool back = false;
    switch (st->type) {
    case BFT_TYPE_PROPOSE:
    case BFT_TYPE_PREPARE:
    case BFT_TYPE_COMMIT:
        back = st->view < g->floor_view || st->seq < g->floor_seq;
        break;
    case BFT_TYPE_CHECKPOINT:
        back = st->seq < g->floor_seq;
        break;
    case BFT_TYPE_VIEW_CHANGE: /* View 0 is never changed to. */
        back = st->view <= g->vote_view || st->view < g->floor_view;
        break;
    case BFT_TYPE_NEW_VIEW:
        back = st->view < g->floor_view;
        break;
    case BFT_TYPE_READY:
    case BFT_TYPE_KEYBIND:
        return SIGNER_VERDICT_REFUSED_SHAPE;
    }
    return back ? SIGNER_VERDICT_REFUSED_REGRESSION : SIGNER_VERDICT_SIGNED;
}

enum signer_verdict guard_judge(const struct guard *g, const struct bft_statement *st,
                                const struct hash *valset, bool *again)
{
    static const struct guard fresh;
    *again = false;
    uint64_t most = g->any ? time_add(g->epoch, EPOCH_STEP_MAX) : EPOCH_FIRST_MAX;
    if (st->epoch > most)
        return SIGNER_VERDICT_REFUSED_EPOCH;
    if (!g->any || st->epoch > g->epoch)
        return judge_new(&fresh, st);
    if (st->epoch < g->epoch)
        return SIGNER_VERDICT_REFUSED_REGRESSION;
    if (!hash_equal(valset, &g->valset))
        return SIGNER_VERDICT_REFUSED_CONFLICT;
    const struct bft_statement *there = signed_there(g, st);
    if (there == NULL)
        return judge_new(g, st);
    *again = same(there, st);
    return *again ? SIGNER_VERDICT_SIGNED : SIGNER_VERDICT_REFUSED_CONFLICT;
}

/* The oldest place gives way; its slot and all before it are closed for good. */
static void ring_add(struct guard *g, const struct bft_statement *st)
{
    uint8_t key[KEY_SIZE];
    uint32_t at = (uint32_t)(g->count % SIGNER_GUARD_MAX);
    struct guard_place *p = &g->places[at];
    if (p->used) {
        place_key(&p->statement, key);
        map_remove(&g->index, key);
        g->floor_seq = max_u64(g->floor_seq, time_add(p->statement.seq, 1));
    }
    *p = (struct guard_place){.used = true, .statement = *st};
    place_key(st, key);
    enum err e = map_put(&g->index, key, at);
    assert(e == ERR_OK); /* as many as places */
    g->count++;
}

static void new_epoch(struct guard *g, uint64_t epoch, const struct hash *valset)
{
    g->any = true;
    g->epoch = epoch;
    g->valset = *valset;
    map_clear(&g->index);
    memset(g->places, 0, SIGNER_GUARD_MAX * sizeof *g->places);
    g->count = g->vote_view = g->floor_view = g->floor_seq = 0;
    g->last_change = g->last_new_view = (struct guard_place){0};
}

void guard_keep(struct guard *g, const struct bft_statement *st, const struct hash *valset)
{
    if (!g->any || st->epoch > g->epoch)
        new_epoch(g, st->epoch, valset);
    switch (st->type) {
    case BFT_TYPE_PROPOSE:
    case BFT_TYPE_PREPARE:
    case BFT_TYPE_COMMIT:
        g->vote_view = max_u64(g->vote_view, st->view);
        g->floor_view = max_u64(g->floor_view, st->view);
        ring_add(g, st);
        break;
    case BFT_TYPE_CHECKPOINT:
        ring_add(g, st);
        break;
    case BFT_TYPE_VIEW_CHANGE:
        g->floor_view = max_u64(g->floor_view, st->view);
        g->last_change = (struct guard_place){.used = true, .statement = *st};
        break;
    case BFT_TYPE_NEW_VIEW:
        g->floor_view = max_u64(g->floor_view, st->view);
        g->last_new_view = (struct guard_place){.used = true, .statement = *st};
        break;
    case BFT_TYPE_READY:
    case BFT_TYPE_KEYBIND:
        break;
    }
}

/* A snapshot repeats what older files hold, and out of order: floors are taken
 * from the records, and only a contradiction is an error. */
enum err guard_restore(struct guard *g, const struct signer_guard *record)
{
    const struct bft_statement *st = &record->statement;
    if (st->type == BFT_TYPE_READY || st->type == BFT_TYPE_KEYBIND)
        return ERR_CORRUPT;
    if (g->any && st->epoch < g->epoch)
        return ERR_OK;
    bool again;
    enum signer_verdict v = guard_judge(g, st, &record->valset, &again);
    if (v == SIGNER_VERDICT_REFUSED_CONFLICT)
        return ERR_CORRUPT;
    if (!again)
        guard_keep(g, st, &record->valset);
    g->floor_view = max_u64(g->floor_view, record->floor_view);
    g->floor_seq = max_u64(g->floor_seq, record->floor_seq);
    return ERR_OK;
}

struct signer_guard guard_record(const struct guard *g, const struct bft_statement *st)
{
    return (struct signer_guard){.valset = g->valset,
                                 .statement = *st,
                                 .floor_view = g->floor_view,
                                 .floor_seq = g->floor_seq};
}

/* The singles first, then the ring from its oldest place on. */
bool guard_record_at(const struct guard *g, uint32_t index, struct signer_guard *out)
{
    const struct guard_place *singles[] = {&g->last_change, &g->last_new_view};
    for (size_t i = 0; i < COUNT_OF(singles); i++) {
        if (!singles[i]->used)
            continue;
        if (index == 0) {
            *out = guard_record(g, &singles[i]->statement);
            return true;
        }
        index--;
    }
    uint64_t kept = min_u64(g->count, SIGNER_GUARD_MAX);
    if (index >= kept)
        return false;
    uint64_t at = (g->count - kept + index) % SIGNER_GUARD_MAX;
    *out = guard_record(g, &g->places[at].statement);
    return true;
}
