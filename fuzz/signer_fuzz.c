/* signer: any requests in any order, with restarts between them.  No place ever
 * gets two statements, and a signer that was replayed from its journal, or from
 * a snapshot of it, refuses what the one before refused.
 *
 * The input is a sequence of a length and a request's bytes; a length of zero is
 * a restart, one of 65,535 a restart from a snapshot. */
#include <stdlib.h>

#include "signer/signer.h"

enum { SIGNED_MAX = 256, SCRATCH = 1 << 20, SNAPSHOT = UINT16_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct desk {
    struct arena memory, scratch;
    struct signer_config config;
    struct signer *signer;
    uint8_t journal[SIGNED_MAX + 2][SIGNER_GUARD_SIZE_MAX];
    uint32_t journal_count;
    struct bft_statement statements[SIGNED_MAX];
    uint32_t statement_count;
};

static void sign(void *ctx, struct span message, struct signature *out)
{
    (void)ctx;
    *out = (struct signature){{(uint8_t)message.len}};
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void start(struct desk *d)
{
    arena_close(&d->memory);
    must(arena_open(&d->memory, signer_arena_size()) == ERR_OK);
    must(signer_init(&d->signer, &d->memory, &d->config) == ERR_OK);
    for (uint32_t i = 0; i < d->journal_count; i++)
        must(signer_replay(d->signer, span_of(d->journal[i], SIGNER_GUARD_SIZE_MAX)) == ERR_OK);
}

static void snapshot(struct desk *d)
{
    uint32_t count = 0;
    struct span record;
    while (count < SIGNED_MAX + 2 &&
           signer_snapshot(d->signer, count,
                           (struct room){d->journal[count], SIGNER_GUARD_SIZE_MAX}, &record))
        count++;
    d->journal_count = count;
}

/* VIEW-CHANGE and NEW-VIEW are one a view. */
static bool one_place(const struct bft_statement *a, const struct bft_statement *b)
{
    bool single = a->type == BFT_TYPE_VIEW_CHANGE || a->type == BFT_TYPE_NEW_VIEW;
    return a->type == b->type && a->epoch == b->epoch && a->view == b->view &&
           (single || a->seq == b->seq);
}

static void remember(struct desk *d, const struct bft_statement *st)
{
    for (uint32_t i = 0; i < d->statement_count; i++)
        must(!one_place(&d->statements[i], st) ||
             (hash_equal(&d->statements[i].digest, &st->digest) &&
              hash_equal(&d->statements[i].aux, &st->aux) && d->statements[i].seq == st->seq));
    if (d->statement_count < SIGNED_MAX)
        d->statements[d->statement_count++] = *st;
}

static void request(struct desk *d, struct span bytes)
{
    struct signer_effect fx;
    struct signer_request q;
    arena_reset(&d->scratch, 0);
    signer_step(d->signer, bytes, &d->scratch, &fx);
    if (fx.record.len != 0 && d->journal_count < SIGNED_MAX) {
        must(fx.record.len == SIGNER_GUARD_SIZE_MAX);
        memcpy(d->journal[d->journal_count++], fx.record.ptr, fx.record.len);
    }
    if (fx.reply.verdict != SIGNER_VERDICT_SIGNED)
        return;
    must(signer_request_decode(bytes, &d->scratch, &q) == ERR_OK);
    if (q.body.tag == SIGNER_REQUEST_BODY_BFT)
        remember(d, &q.body.bft.statement);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct desk *d = calloc(1, sizeof *d);
    struct rd r = rd_init(span_of(bytes, size));
    must(d != NULL);
    d->config.sign = sign;
    signer_default_calls(&d->config);
    must(arena_open(&d->scratch, SCRATCH) == ERR_OK);
    start(d);
    while (r.left >= 2 && d->journal_count < SIGNED_MAX) {
        size_t len = rd_u16(&r);
        if (len == SNAPSHOT)
            snapshot(d);
        if (len == 0 || len == SNAPSHOT)
            start(d);
        else
            request(d, rd_take(&r, min_u64(len, r.left)));
    }
    arena_close(&d->memory);
    arena_close(&d->scratch);
    free(d);
    return 0;
}
