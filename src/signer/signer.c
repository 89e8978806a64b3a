#include "signer/signer.h"

#include "crypto/hash.h"
#include "signer/guard.h"

enum { TAG_SIZE = 8, STATEMENT_SIZE = 161, PLAIN_MAX = 256 };

struct signer {
    struct signer_config config;
    struct guard guard;
};

size_t signer_arena_size(void)
{
    /* The map has a power of two of slots, at least twice the places. */
    return sizeof(struct signer) + SIGNER_GUARD_MAX * (sizeof(struct guard_place) + 4 * (17 + 4)) +
           8 * ARENA_ALIGN;
}

enum err signer_init(struct signer **out, struct arena *arena, const struct signer_config *c)
{
    assert(c->call_count <= SIGNER_CALLS_MAX && c->sign != NULL);
    struct signer *s = arena_alloc(arena, sizeof *s);
    if (s == NULL)
        return ERR_NO_MEMORY;
    s->config = *c;
    enum err e = guard_init(&s->guard, arena);
    if (e == ERR_OK)
        *out = s;
    return e;
}

enum err signer_replay(struct signer *s, struct span record)
{
    struct signer_guard g;
    if (signer_guard_decode(record, NULL, &g) != ERR_OK)
        return ERR_CORRUPT;
    return guard_restore(&s->guard, &g);
}

bool signer_snapshot(const struct signer *s, uint32_t index, struct room out, struct span *record)
{
    struct signer_guard g;
    if (!guard_record_at(&s->guard, index, &g))
        return false;
    *record = signer_guard_encode(&g, out);
    assert(record->ptr != NULL);
    return true;
}

static void sign(struct signer *s, struct span message, struct signer_effect *fx)
{
    fx->reply.verdict = SIGNER_VERDICT_SIGNED;
    s->config.sign(s->config.ctx, message, &fx->reply.signature);
}

/* The bytes of consensus.md 4.1; bft, which is below another roof, derives the
 * same from the same fields. */
static struct span statement_bytes(const struct signer_bft *b, uint8_t out[STATEMENT_SIZE])
{
    struct wr w = wr_init((struct room){out, STATEMENT_SIZE});
    wr_raw(&w, SPAN_LITERAL("PLTFBFT1"));
    wr_u8(&w, (uint8_t)b->statement.type);
    wr_raw(&w, hash_span(&b->network));
    wr_u64(&w, b->statement.epoch);
    wr_raw(&w, hash_span(&b->valset));
    wr_u64(&w, b->statement.view);
    wr_u64(&w, b->statement.seq);
    wr_raw(&w, hash_span(&b->statement.digest));
    wr_raw(&w, hash_span(&b->statement.aux));
    return wr_done(&w);
}

static void on_bft(struct signer *s, const struct signer_bft *b, struct arena *scratch,
                   struct signer_effect *fx)
{
    bool again;
    if (!hash_equal(&b->network, &s->config.network))
        return;
    fx->reply.verdict = guard_judge(&s->guard, &b->statement, &b->valset, &again);
    if (fx->reply.verdict != SIGNER_VERDICT_SIGNED)
        return;
    if (!again) {
        struct room room = {arena_alloc(scratch, SIGNER_GUARD_SIZE_MAX), SIGNER_GUARD_SIZE_MAX};
        if (room.ptr == NULL) {
            fx->reply.verdict = SIGNER_VERDICT_FAILED;
            return;
        }
        guard_keep(&s->guard, &b->statement, &b->valset);
        struct signer_guard record = guard_record(&s->guard, &b->statement);
        fx->record = signer_guard_encode(&record, room);
    }
    uint8_t bytes[STATEMENT_SIZE];
    sign(s, statement_bytes(b, bytes), fx);
}

/* tag | encoding, from a writer that has the tag already. */
static void sign_written(struct signer *s, struct wr *w, struct signer_effect *fx)
{
    struct span bytes = wr_done(w);
    if (bytes.ptr != NULL)
        sign(s, bytes, fx);
}

static void on_op(struct signer *s, const struct signer_op *o, struct signer_effect *fx)
{
    uint8_t bytes[TAG_SIZE + OPERATION_SIZE_MAX]; /* a longer one has no signature */
    if (!hash_equal(&o->content.network, &s->config.network) ||
        !hotkey_equal(&o->content.signer, &s->config.hotkey))
        return;
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_raw(&w, SPAN_LITERAL("PLTFOPER"));
    op_content_write(&w, &o->content);
    sign_written(s, &w, fx);
}

static void on_binding(struct signer *s, const struct peer_binding *b, struct signer_effect *fx)
{
    uint8_t bytes[TAG_SIZE + PEER_BINDING_SIZE_MAX];
    if (!hash_equal(&b->network, &s->config.network) ||
        !hotkey_equal(&b->hotkey, &s->config.hotkey) || b->peer.len == 0 ||
        b->first_epoch > b->last_epoch)
        return;
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_raw(&w, SPAN_LITERAL("PLTFBIND"));
    peer_binding_write(&w, b);
    sign_written(s, &w, fx);
}

/* A payload of more than 256 bytes is signed by its hash. */
static void on_extrinsic(struct signer *s, const struct signer_extrinsic *x, struct arena *scratch,
                         struct signer_effect *fx)
{
    if (!signer_extrinsic_allowed(&s->config, x->call, x->extra, x->implicit))
        return;
    size_t size = x->call.len + x->extra.len + x->implicit.len;
    struct room room = {arena_alloc(scratch, size), size};
    struct wr w = wr_init(room);
    if (room.ptr == NULL) {
        fx->reply.verdict = SIGNER_VERDICT_FAILED;
        return;
    }
    wr_raw(&w, x->call);
    wr_raw(&w, x->extra);
    wr_raw(&w, x->implicit);
    struct span all = wr_done(&w);
    struct hash hash = hash_blake2b(all);
    sign(s, size > PLAIN_MAX ? hash_span(&hash) : all, fx);
}

void signer_step(struct signer *s, struct span request, struct arena *scratch,
                 struct signer_effect *fx)
{
    struct signer_request q;
    *fx = (struct signer_effect){.reply.verdict = SIGNER_VERDICT_REFUSED_SHAPE};
    if (signer_request_decode(request, scratch, &q) != ERR_OK)
        return;
    fx->reply.token = q.token;
    switch (q.body.tag) {
    case SIGNER_REQUEST_BODY_BFT:
        on_bft(s, &q.body.bft, scratch, fx);
        break;
    case SIGNER_REQUEST_BODY_OP:
        on_op(s, &q.body.op, fx);
        break;
    case SIGNER_REQUEST_BODY_BINDING:
        on_binding(s, &q.body.binding, fx);
        break;
    case SIGNER_REQUEST_BODY_EXTRINSIC:
        on_extrinsic(s, &q.body.extrinsic, scratch, fx);
        break;
    }
}
