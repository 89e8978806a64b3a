#include "bft/core.h"

/* Rooms are 16 bytes apart so that no two encodings touch. */
enum { OUT_ALIGN = 16 };

struct room bft_out_rest(struct bft *b)
{
    return (struct room){b->out.ptr + b->out_used, b->out.len - b->out_used};
}

struct span bft_out_take(struct bft *b, struct span written)
{
    size_t used = b->out_used + (written.len + OUT_ALIGN - 1) / OUT_ALIGN * OUT_ALIGN;
    b->out_used = used < b->out.len ? used : b->out.len;
    return written;
}

bool bft_out_fits(struct bft *b, size_t size)
{
    if (b->out_used + size + BFT_OUT_RESERVE <= b->out.len && b->fx->count < BFT_EFFECTS_MAX / 2)
        return true;
    b->again = true; /* the next step goes on */
    return false;
}

struct bft_effect *bft_effect(struct bft *b, enum bft_effect_kind kind)
{
    assert(b->fx->count < BFT_EFFECTS_MAX);
    struct bft_effect *e = &b->fx->items[b->fx->count++];
    *e = (struct bft_effect){.kind = kind};
    return e;
}

void bft_persist(struct bft *b, const struct bft_record *r)
{
    if (b->replaying)
        return;
    struct span bytes = bft_record_encode(r, bft_out_rest(b));
    assert(bytes.len != 0);
    bft_effect(b, BFT_FX_PERSIST)->bytes = bft_out_take(b, bytes);
}

/* A message may be lost anyway, so one that finds no room is left out. */
void bft_send(struct bft *b, uint32_t to, const struct bft_message *m)
{
    if (b->replaying || b->self == BFT_ALL || b->fx->count >= BFT_EFFECTS_MAX * 3 / 4)
        return;
    struct span bytes = bft_message_encode(m, bft_out_rest(b));
    if (bytes.len == 0)
        return;
    struct bft_effect *e = bft_effect(b, BFT_FX_SEND);
    e->bytes = bft_out_take(b, bytes);
    e->to = to;
}

static uint32_t signing_free(const struct bft *b)
{
    uint32_t i = 0;
    while (i < BFT_SIGNING_MAX && b->signing[i].active)
        i++;
    return i;
}

/* False: the signer is far behind; ask again in a later step. */
bool bft_sign_ready(const struct bft *b)
{
    return b->replaying || signing_free(b) < BFT_SIGNING_MAX;
}

void bft_sign(struct bft *b, const struct bft_statement *st)
{
    if (b->replaying)
        return;
    uint32_t i = signing_free(b);
    assert(i < BFT_SIGNING_MAX);
    b->signing[i] = (struct signing){true, ++b->next_token, *st};
    struct bft_effect *e = bft_effect(b, BFT_FX_SIGN);
    e->statement = *st;
    e->token = b->signing[i].token;
}

void bft_alarm(struct bft *b, const char *why)
{
    if (b->alarmed)
        return;
    b->alarmed = true;
    bft_effect(b, BFT_FX_ALARM)->why = why;
    trace_word(trace_add(&b->trace, TRACE_ERROR, "bft.alarm"), "why", why);
}
