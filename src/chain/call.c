#include "chain/extrinsic.h"

#include "crypto/hash.h"

#define SUBTENSOR "SubtensorModule"

enum { MECHANISM_STRIDE = 4096 };

enum err call_check(const struct metadata *m, struct span bytes)
{
    struct rd r = rd_init(bytes);
    const struct metadata_pallet *p = metadata_pallet_at(m, rd_u8(&r));
    if (p == NULL || p->call_type == METADATA_NO_TYPE)
        return ERR_MALFORMED;
    metadata_skip(m, p->call_type, &r);
    return rd_end(&r);
}

static enum err begin(const struct metadata *m, const char *pallet, const char *name, struct wr *w)
{
    uint8_t numbers[2];
    if (metadata_call(m, pallet, name, numbers) != ERR_OK)
        return ERR_UNSUPPORTED;
    wr_raw(w, span_of(numbers, sizeof numbers));
    return ERR_OK;
}

/* XT-1: what was written from start on is a call of this runtime. */
static enum err finish(const struct metadata *m, const struct wr *w, size_t start)
{
    if (w->full)
        return ERR_TOO_BIG;
    enum err e = call_check(m, span_of(w->start + start, w->used - start));
    return e == ERR_OK ? ERR_OK : ERR_UNSUPPORTED;
}

static void put_u16s(struct wr *w, const uint16_t *values, uint32_t count)
{
    scale_put_compact(w, count);
    for (uint32_t i = 0; i < count; i++)
        wr_u16(w, values[i]);
}

/* The form without a mechanism is used for mechanism 0 where there is one. */
static enum err begin_mechanism(const struct metadata *m, const char *plain, const char *wide,
                                uint16_t netuid, uint8_t mechanism, struct wr *w)
{
    if (mechanism == 0 && begin(m, SUBTENSOR, plain, w) == ERR_OK) {
        wr_u16(w, netuid);
        return ERR_OK;
    }
    enum err e = begin(m, SUBTENSOR, wide, w);
    if (e != ERR_OK)
        return e;
    wr_u16(w, netuid);
    wr_u8(w, mechanism);
    return ERR_OK;
}

enum err call_set_weights(const struct metadata *m, const struct call_weights *c, struct wr *w)
{
    assert(c->count <= CALL_WEIGHTS_MAX);
    size_t start = w->used;
    enum err e =
        begin_mechanism(m, "set_weights", "set_mechanism_weights", c->netuid, c->mechanism, w);
    if (e != ERR_OK)
        return e;
    put_u16s(w, c->uids, c->count);
    put_u16s(w, c->values, c->count);
    wr_u64(w, c->version_key);
    return finish(m, w, start);
}

enum err call_commit_weights(const struct metadata *m, uint16_t netuid, uint8_t mechanism,
                             const struct hash *commit, struct wr *w)
{
    size_t start = w->used;
    enum err e =
        begin_mechanism(m, "commit_weights", "commit_mechanism_weights", netuid, mechanism, w);
    if (e != ERR_OK)
        return e;
    wr_raw(w, hash_span(commit));
    return finish(m, w, start);
}

enum err call_reveal_weights(const struct metadata *m, const struct call_weights *c,
                             const uint16_t *salt, uint32_t salt_count, struct wr *w)
{
    assert(c->count <= CALL_WEIGHTS_MAX && salt_count <= CALL_WEIGHTS_MAX);
    size_t start = w->used;
    enum err e = begin_mechanism(m, "reveal_weights", "reveal_mechanism_weights", c->netuid,
                                 c->mechanism, w);
    if (e != ERR_OK)
        return e;
    put_u16s(w, c->uids, c->count);
    put_u16s(w, c->values, c->count);
    put_u16s(w, salt, salt_count);
    wr_u64(w, c->version_key);
    return finish(m, w, start);
}

/* One field of n raw bytes; the variant "RawN" has number 1 + n, and finish
 * finds out should a runtime number them otherwise. */
static void put_commitment(struct span data, struct wr *w)
{
    assert(data.len >= 1 && data.len <= CALL_COMMITMENT_MAX);
    scale_put_compact(w, 1);
    wr_u8(w, (uint8_t)(1 + data.len));
    wr_raw(w, data);
}

enum err call_set_commitment(const struct metadata *m, uint16_t netuid, struct span data,
                             struct wr *w)
{
    size_t start = w->used;
    enum err e = begin(m, "Commitments", "set_commitment", w);
    if (e != ERR_OK)
        return e;
    wr_u16(w, netuid);
    put_commitment(data, w);
    return finish(m, w, start);
}

enum err call_commitment_info(const struct metadata *m, struct span data, struct wr *w)
{
    if (metadata_pallet(m, "Commitments") == NULL)
        return ERR_UNSUPPORTED;
    put_commitment(data, w);
    return w->full ? ERR_TOO_BIG : ERR_OK;
}

enum err call_burned_register(const struct metadata *m, uint16_t netuid,
                              const struct hotkey *hotkey, struct wr *w)
{
    size_t start = w->used;
    enum err e = begin(m, SUBTENSOR, "burned_register", w);
    if (e != ERR_OK)
        return e;
    wr_u16(w, netuid);
    wr_raw(w, hotkey_span(hotkey));
    return finish(m, w, start);
}

enum err call_serve_axon(const struct metadata *m, const struct call_axon *c, struct wr *w)
{
    size_t start = w->used;
    enum err e = begin(m, SUBTENSOR, "serve_axon", w);
    if (e != ERR_OK)
        return e;
    wr_u16(w, c->netuid);
    wr_u32(w, c->version);
    for (size_t i = sizeof c->ip; i > 0; i--)
        wr_u8(w, c->ip[i - 1]);
    wr_u16(w, c->port);
    wr_u8(w, c->ip_type);
    wr_u8(w, c->protocol);
    wr_u16(w, 0); /* Two placeholders. */
    return finish(m, w, start);
}

enum err call_remark(const struct metadata *m, struct span remark, struct wr *w)
{
    size_t start = w->used;
    enum err e = begin(m, "System", "remark", w);
    if (e != ERR_OK)
        return e;
    scale_put_bytes(w, remark);
    return finish(m, w, start);
}

struct hash call_commit_hash(const struct hotkey *hotkey, const struct call_weights *c,
                             const uint16_t *salt, uint32_t salt_count)
{
    assert(c->count <= CALL_WEIGHTS_MAX && salt_count <= CALL_WEIGHTS_MAX);
    uint8_t bytes[64 + 6 * CALL_WEIGHTS_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_raw(&w, hotkey_span(hotkey));
    wr_u16(&w, (uint16_t)(c->netuid + MECHANISM_STRIDE * c->mechanism));
    put_u16s(&w, c->uids, c->count);
    put_u16s(&w, c->values, c->count);
    put_u16s(&w, salt, salt_count);
    wr_u64(&w, c->version_key);
    assert(!w.full);
    return hash_blake2b(wr_done(&w));
}
