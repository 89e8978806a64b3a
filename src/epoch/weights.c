#include <stdlib.h>

#include "crypto/hash.h"
#include "epoch/epoch.h"

/* A miner's part of a challenge is counted in 2^-32: finer than the 65,535
 * steps of a weight by so much that rounding here moves none of them but ties. */
enum { PART_BITS = 32, UIDS = 65536 };

struct line {
    uint16_t uid;
    uint64_t amount, remainder;
    uint32_t value;
};

static uint64_t score_sum(const struct epoch_challenge *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        assert(c->scores[i].score <= SCORE_ONE);
        bool ok = add_ok(sum, c->scores[i].score, &sum);
        assert(ok);
    }
    return sum;
}

/* Adds share x score / sum for each miner; 16 + 32 bits a challenge. */
static void add_parts(const struct epoch_challenge *c, uint64_t sum, uint64_t *amounts)
{
    for (uint32_t i = 0; i < c->count; i++) {
        uint64_t part = (c->scores[i].score << PART_BITS) / sum;
        bool ok = add_ok(amounts[c->scores[i].uid], part * c->share, &amounts[c->scores[i].uid]);
        assert(ok);
    }
}

static int by_remainder(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    if (x->remainder != y->remainder)
        return x->remainder > y->remainder ? -1 : 1;
    return (x->uid > y->uid) - (x->uid < y->uid);
}

static int by_uid(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    return (x->uid > y->uid) - (x->uid < y->uid);
}

/* Largest remainder: floors first, then one more each until the sum is right. */
static void apportion(struct line *lines, uint32_t count, uint64_t total)
{
    uint64_t given = 0;
    for (uint32_t i = 0; i < count; i++) {
        unsigned __int128 scaled = (unsigned __int128)lines[i].amount * EPOCH_WEIGHT_SUM;
        lines[i].value = (uint32_t)(scaled / total);
        lines[i].remainder = (uint64_t)(scaled % total);
        given += lines[i].value;
    }
    assert(given <= EPOCH_WEIGHT_SUM && EPOCH_WEIGHT_SUM - given <= count);
    qsort(lines, count, sizeof *lines, by_remainder);
    for (uint32_t i = 0; given < EPOCH_WEIGHT_SUM; i++, given++)
        lines[i].value++;
    qsort(lines, count, sizeof *lines, by_uid);
}

static enum err collect(const struct epoch_challenge *challenges, uint32_t count,
                        struct arena *arena, struct line **out, uint32_t *out_count,
                        uint64_t *total)
{
    uint64_t *amounts = arena_array(arena, UIDS, sizeof *amounts);
    if (amounts == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t sum = score_sum(&challenges[i]);
        if (sum > 0 && challenges[i].share > 0)
            add_parts(&challenges[i], sum, amounts);
    }
    uint32_t used = 0;
    for (uint32_t uid = 0; uid < UIDS; uid++)
        used += amounts[uid] != 0;
    struct line *lines = arena_array(arena, (size_t)used + 1, sizeof *lines);
    if (lines == NULL)
        return ERR_NO_MEMORY;
    *total = 0;
    uint32_t n = 0;
    for (uint32_t uid = 0; uid < UIDS; uid++) {
        if (amounts[uid] == 0)
            continue;
        bool ok = add_ok(*total, amounts[uid], total);
        assert(ok);
        lines[n++] = (struct line){.uid = (uint16_t)uid, .amount = amounts[uid]};
    }
    *out = lines;
    *out_count = n;
    return ERR_OK;
}

enum err epoch_weights(const struct epoch_challenge *challenges, uint32_t count, uint64_t epoch,
                       uint16_t burn_uid, struct arena *arena, struct weights *out)
{
    struct line *lines;
    uint32_t line_count;
    uint64_t total;
    enum err e = collect(challenges, count, arena, &lines, &line_count, &total);
    if (e != ERR_OK)
        return e;
    if (line_count == 0) {
        lines[line_count++] = (struct line){.uid = burn_uid, .amount = 1};
        total = 1;
    }
    apportion(lines, line_count, total);
    struct weight *entries = arena_array(arena, line_count, sizeof *entries);
    if (entries == NULL)
        return ERR_NO_MEMORY;
    uint32_t n = 0;
    for (uint32_t i = 0; i < line_count; i++)
        if (lines[i].value > 0)
            entries[n++] = (struct weight){.uid = lines[i].uid, .value = (uint16_t)lines[i].value};
    *out = (struct weights){.epoch = epoch, .entries = entries, .entries_count = n};
    return ERR_OK;
}

struct hash epoch_weights_hash(const struct weights *w, struct arena *scratch)
{
    size_t mark = arena_mark(scratch);
    struct room room = {arena_alloc(scratch, WEIGHTS_SIZE_MAX), WEIGHTS_SIZE_MAX};
    assert(room.ptr != NULL);
    struct hash hash = hash_tagged("PLTFWGHT", weights_encode(w, room));
    arena_reset(scratch, mark);
    return hash;
}
