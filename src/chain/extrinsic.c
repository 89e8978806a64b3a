#include "chain/extrinsic.h"

#include "crypto/hash.h"

enum {
    FORMAT_BARE = 0x04,
    FORMAT_SIGNED = 0x84,
    ADDRESS_ACCOUNT = 0x00,
    SIGNATURE_SR25519 = 0x01,
    METADATA_HASH_OFF = 0x00,
};

/* ---- Eras ---- */

static uint32_t era_quantum(uint32_t period)
{
    return period > 4096 ? period / 4096 : 1;
}

struct era era_at(uint64_t block, uint32_t period)
{
    assert(period >= ERA_PERIOD_MIN && period <= ERA_PERIOD_MAX);
    assert((period & (period - 1)) == 0);
    uint32_t phase = (uint32_t)(block % period);
    return (struct era){true, period, phase - phase % era_quantum(period)};
}

uint64_t era_birth(const struct era *e, uint64_t current)
{
    if (!e->mortal)
        return 0;
    uint64_t from = max_u64(current, e->phase);
    return (from - e->phase) / e->period * e->period + e->phase;
}

uint64_t era_death(const struct era *e, uint64_t current)
{
    return e->mortal ? time_add(era_birth(e, current), e->period) : UINT64_MAX;
}

void era_encode(const struct era *e, struct wr *w)
{
    if (!e->mortal) {
        wr_u8(w, 0);
        return;
    }
    uint32_t log = (uint32_t)__builtin_ctz(e->period) - 1;
    wr_u16(w, (uint16_t)(log | e->phase / era_quantum(e->period) << 4));
}

struct era era_decode(struct rd *r)
{
    uint32_t x = rd_u8(r);
    if (x == 0)
        return (struct era){0};
    x |= (uint32_t)rd_u8(r) << 8;
    uint32_t period = 2u << (x & 15);
    uint32_t phase = (x >> 4) * era_quantum(period);
    if (period < ERA_PERIOD_MIN || phase >= period)
        rd_fail(r, ERR_MALFORMED);
    return r->bad == ERR_OK ? (struct era){true, period, phase} : (struct era){0};
}

/* ---- Extensions: what each that has bytes puts where ---- */

enum extension {
    EXTENSION_OTHER, /* must be without bytes */
    EXTENSION_SPEC_VERSION,
    EXTENSION_TX_VERSION,
    EXTENSION_GENESIS,
    EXTENSION_MORTALITY,
    EXTENSION_NONCE,
    EXTENSION_PAYMENT,
    EXTENSION_METADATA_HASH,
};

static enum extension extension_of(struct span name)
{
    static const struct {
        struct span name;
        enum extension kind;
    } known[] = {
        {SPAN_LITERAL("CheckSpecVersion"), EXTENSION_SPEC_VERSION},
        {SPAN_LITERAL("CheckTxVersion"), EXTENSION_TX_VERSION},
        {SPAN_LITERAL("CheckGenesis"), EXTENSION_GENESIS},
        {SPAN_LITERAL("CheckMortality"), EXTENSION_MORTALITY},
        {SPAN_LITERAL("CheckNonce"), EXTENSION_NONCE},
        {SPAN_LITERAL("ChargeTransactionPayment"), EXTENSION_PAYMENT},
        {SPAN_LITERAL("CheckMetadataHash"), EXTENSION_METADATA_HASH},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (span_equal(known[i].name, name))
            return known[i].kind;
    return EXTENSION_OTHER;
}

static void put_extension(enum extension kind, const struct extrinsic_terms *t, struct wr *extra,
                          struct wr *implicit)
{
    switch (kind) {
    case EXTENSION_OTHER:
        return;
    case EXTENSION_SPEC_VERSION:
        wr_u32(implicit, t->spec_version);
        return;
    case EXTENSION_TX_VERSION:
        wr_u32(implicit, t->tx_version);
        return;
    case EXTENSION_GENESIS:
        wr_raw(implicit, hash_span(&t->genesis));
        return;
    case EXTENSION_MORTALITY:
        era_encode(&t->era, extra);
        wr_raw(implicit, hash_span(&t->birth));
        return;
    case EXTENSION_NONCE:
        scale_put_compact(extra, t->nonce);
        return;
    case EXTENSION_PAYMENT:
        scale_put_compact(extra, t->tip);
        return;
    case EXTENSION_METADATA_HASH:
        wr_u8(extra, METADATA_HASH_OFF);
        wr_u8(implicit, 0); /* Option::None */
        return;
    }
}

static bool has_shape(const struct metadata *m, uint32_t type, const struct wr *w, size_t start)
{
    struct rd r = rd_init(span_of(w->start + start, w->used - start));
    metadata_skip(m, type, &r);
    return rd_end(&r) == ERR_OK;
}

enum err extrinsic_extras(const struct metadata *m, const struct extrinsic_terms *t,
                          struct wr *extra, struct wr *implicit)
{
    bool has_nonce = false, has_genesis = false;
    for (uint32_t i = 0; i < m->extension_count; i++) {
        const struct metadata_extension *x = &m->extensions[i];
        enum extension kind = extension_of(x->name);
        size_t extra_start = extra->used, implicit_start = implicit->used;
        put_extension(kind, t, extra, implicit);
        if (extra->full || implicit->full)
            return ERR_TOO_BIG;
        if (!has_shape(m, x->extra_type, extra, extra_start) ||
            !has_shape(m, x->implicit_type, implicit, implicit_start))
            return ERR_UNSUPPORTED;
        has_nonce = has_nonce || kind == EXTENSION_NONCE;
        has_genesis = has_genesis || kind == EXTENSION_GENESIS;
    }
    /* Without these a signature would hold on any chain, for ever. */
    return has_nonce && has_genesis ? ERR_OK : ERR_UNSUPPORTED;
}

size_t extrinsic_message(struct span call, struct span extra, struct span implicit,
                         uint8_t out[SIGNED_PLAIN_MAX])
{
    uint8_t whole[CALL_SIZE_MAX + EXTRA_SIZE_MAX + IMPLICIT_SIZE_MAX];
    struct wr w = wr_init((struct room){whole, sizeof whole});
    wr_raw(&w, call);
    wr_raw(&w, extra);
    wr_raw(&w, implicit);
    assert(!w.full);
    struct span s = wr_done(&w);
    if (s.len <= SIGNED_PLAIN_MAX) {
        memcpy(out, s.ptr, s.len);
        return s.len;
    }
    struct hash digest = hash_blake2b(s);
    memcpy(out, digest.bytes, HASH_SIZE);
    return HASH_SIZE;
}

enum err extrinsic_assemble(const struct hotkey *signer, const struct signature *signature,
                            struct span extra, struct span call, struct wr *w)
{
    size_t size = 1 + 1 + HOTKEY_SIZE + 1 + SIGNATURE_SIZE + extra.len + call.len;
    scale_put_compact(w, size);
    wr_u8(w, FORMAT_SIGNED);
    wr_u8(w, ADDRESS_ACCOUNT);
    wr_raw(w, hotkey_span(signer));
    wr_u8(w, SIGNATURE_SR25519);
    wr_raw(w, span_of(signature->bytes, SIGNATURE_SIZE));
    wr_raw(w, extra);
    wr_raw(w, call);
    return w->full ? ERR_TOO_BIG : ERR_OK;
}

/* ---- Decoding ---- */

static void take_extension(const struct metadata *m, const struct metadata_extension *x,
                           struct rd *r, struct extrinsic *out)
{
    switch (extension_of(x->name)) {
    case EXTENSION_MORTALITY:
        out->era = era_decode(r);
        return;
    case EXTENSION_NONCE:
        out->nonce = scale_compact(r);
        return;
    case EXTENSION_PAYMENT:
        out->tip = scale_compact(r);
        return;
    case EXTENSION_METADATA_HASH:
        if (rd_u8(r) != METADATA_HASH_OFF)
            rd_fail(r, ERR_UNSUPPORTED);
        return;
    case EXTENSION_SPEC_VERSION:
    case EXTENSION_TX_VERSION:
    case EXTENSION_GENESIS:
    case EXTENSION_OTHER:
        if (!metadata_is_empty(m, x->extra_type))
            rd_fail(r, ERR_UNSUPPORTED);
        return;
    }
}

static void take_signed(const struct metadata *m, struct rd *r, struct extrinsic *out)
{
    if (rd_u8(r) != ADDRESS_ACCOUNT)
        rd_fail(r, ERR_UNSUPPORTED);
    rd_into(r, (struct room){out->signer.bytes, HOTKEY_SIZE});
    if (rd_u8(r) != SIGNATURE_SR25519)
        rd_fail(r, ERR_UNSUPPORTED);
    rd_into(r, (struct room){out->signature.bytes, SIGNATURE_SIZE});
    const uint8_t *start = r->at;
    for (uint32_t i = 0; i < m->extension_count && r->bad == ERR_OK; i++)
        take_extension(m, &m->extensions[i], r, out);
    if (r->bad == ERR_OK)
        out->extra = span_of(start, (size_t)(r->at - start));
}

enum err extrinsic_decode(const struct metadata *m, struct span bytes, struct extrinsic *out)
{
    struct rd r = rd_init(bytes);
    struct extrinsic x = {0};
    uint64_t size = scale_compact_max(&r, EXTRINSIC_SIZE_MAX);
    if (size != r.left)
        rd_fail(&r, ERR_MALFORMED);
    uint8_t format = rd_u8(&r);
    x.is_signed = format == FORMAT_SIGNED;
    if (!x.is_signed && format != FORMAT_BARE)
        rd_fail(&r, ERR_UNSUPPORTED);
    if (x.is_signed)
        take_signed(m, &r, &x);
    if (r.left > CALL_SIZE_MAX)
        rd_fail(&r, ERR_TOO_BIG);
    x.call = rd_take(&r, r.left);
    if (rd_end(&r) != ERR_OK)
        return rd_end(&r);
    if (call_check(m, x.call) != ERR_OK)
        return ERR_MALFORMED;
    *out = x;
    return ERR_OK;
}
