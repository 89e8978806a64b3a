/* Making a block: the epoch, the inherent, what the pool holds, the header. */
#include "cmd/devchain_state.h"

#include <stdlib.h>

#include "crypto/hash.h"

enum {
    HEADER_SIZE_MAX = 256,
    NORMAL = 0,
    MANDATORY = 2,
    SLOT_MS = 1000,
    MODULE_ERROR = 3, /* DispatchError::Module */
};

/* ---- Events of the system pallet ---- */

static void put_dispatch_info(struct devchain *d, uint8_t class, bool pays)
{
    struct wr *w = &d->events.w;
    scale_put_compact(w, DEVCHAIN_NOMINAL_WEIGHT);
    scale_put_compact(w, 0);
    wr_u8(w, class);
    wr_u8(w, pays ? 0 : 1); /* Pays::Yes, Pays::No */
}

static void put_module_error(struct devchain *d, const struct dispatch *failed)
{
    const struct metadata_pallet *p = metadata_pallet(&d->metadata, failed->pallet);
    struct metadata_variant v;
    enum err e = metadata_variant(&d->metadata, p->error_type, failed->error, &v);
    assert(e == ERR_OK);
    struct wr *w = &d->events.w;
    wr_u8(w, MODULE_ERROR);
    wr_u8(w, p->index);
    wr_u32(w, v.index);
}

static void end_extrinsic(struct devchain *d, const struct dispatch *result, uint8_t class,
                          bool pays)
{
    dev_event(d, "System", result->ok ? "ExtrinsicSuccess" : "ExtrinsicFailed");
    if (!result->ok)
        put_module_error(d, result);
    put_dispatch_info(d, class, pays);
    dev_event_end(d);
}

/* ---- The epoch ---- */

struct rank {
    uint64_t stake;
    uint16_t uid;
};

static int by_stake(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->stake != y->stake)
        return x->stake > y->stake ? -1 : 1;
    return (x->uid > y->uid) - (x->uid < y->uid);
}

/* Permits go to the MaxAllowedValidators neurons with the most stake. */
static enum err give_permits(struct devchain *d, uint16_t netuid)
{
    uint32_t size =
        (uint32_t)min_u64(dev_number(d, row_u16("SubnetworkN", netuid)), DEVCHAIN_NEURONS_MAX);
    struct rank *ranks = arena_array(&d->scratch, DEVCHAIN_NEURONS_MAX, sizeof *ranks);
    uint8_t *bytes = arena_alloc(&d->scratch, DEVCHAIN_NEURONS_MAX + 8);
    if (ranks == NULL || bytes == NULL)
        return ERR_NO_MEMORY;
    for (uint32_t i = 0; i < size; i++) {
        struct hotkey key;
        ranks[i].uid = (uint16_t)i;
        if (dev_account(d, row_u16_u16("Keys", netuid, (uint16_t)i), &key))
            ranks[i].stake = dev_stake(d, netuid, &key);
    }
    qsort(ranks, size, sizeof *ranks, by_stake);
    uint64_t allowed = dev_number(d, row_u16("MaxAllowedValidators", netuid));
    struct wr w = wr_init((struct room){bytes, DEVCHAIN_NEURONS_MAX + 8});
    scale_put_compact(&w, size);
    size_t start = w.used;
    for (uint32_t i = 0; i < size; i++)
        wr_u8(&w, 0);
    for (uint32_t i = 0; i < size && i < allowed && ranks[i].stake != 0; i++)
        bytes[start + ranks[i].uid] = 1;
    struct row row = row_u16("ValidatorPermit", netuid);
    return dev_write(d, &row, wr_done(&w));
}

/* dev_epoch_step: what happens to the subnets at the start of block d->at. */
static enum err dev_epoch_step(struct devchain *d)
{
    uint16_t netuid = d->config.netuid;
    uint64_t tempo = dev_number(d, row_u16("Tempo", netuid));
    struct row since = row_u16("BlocksSinceLastStep", netuid);
    if ((d->at + netuid + 1) % (tempo + 1) != tempo)
        return dev_put_number(d, since, dev_number(d, since) + 1, 8);
    enum err e = dev_put_number(d, since, 0, 8);
    if (e == ERR_OK)
        e = dev_put_number(d, row_u16("LastMechansimStepBlock", netuid), d->at, 8);
    return e == ERR_OK ? give_permits(d, netuid) : e;
}

/* ---- Extrinsics ---- */

struct body {
    struct wr w; /* the extrinsics, one after another */
    uint32_t count;
};

static enum err put_inherent(struct devchain *d, uint64_t now_ms, struct body *b)
{
    uint8_t bytes[32], numbers[2];
    enum err e = metadata_call(&d->metadata, "Timestamp", "set", numbers);
    assert(e == ERR_OK);
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    scale_put_compact(&w, 3 + scale_compact_size(now_ms));
    wr_u8(&w, 0x04);
    wr_raw(&w, span_of(numbers, 2));
    scale_put_compact(&w, now_ms);
    wr_raw(&b->w, wr_done(&w));
    d->events.extrinsic = b->count++;
    end_extrinsic(d, &(struct dispatch){.ok = true}, MANDATORY, true);
    return dev_put_number(d, row_in("Timestamp", row_plain("Now")), now_ms, 8);
}

static enum err charge(struct devchain *d, const struct extrinsic *x, struct span bytes, bool pays)
{
    struct dev_balance b = dev_balance(d, &x->signer);
    uint64_t fee = (pays ? dev_fee(bytes) : 0) + x->tip;
    assert(fee <= b.free && b.nonce == x->nonce); /* Validated at this very state. */
    b.nonce++;
    b.free -= fee;
    enum err e = dev_put_balance(d, &x->signer, &b);
    if (e != ERR_OK || fee == 0)
        return e;
    dev_event(d, "TransactionPayment", "TransactionFeePaid");
    wr_raw(&d->events.w, hotkey_span(&x->signer));
    wr_u64(&d->events.w, fee);
    wr_u64(&d->events.w, x->tip);
    dev_event_end(d);
    return ERR_OK;
}

/* DC-2: what a failed call wrote goes with its nested transaction. */
static enum err apply(struct devchain *d, const struct extrinsic *x, struct span bytes)
{
    bool pays = false;
    dev_call_known(d, x->call, &pays);
    enum err e = charge(d, x, bytes, pays);
    if (e == ERR_OK)
        e = devdb_nest(&d->db);
    if (e != ERR_OK)
        return e;
    struct dev_events before = d->events;
    struct hasher changes = *d->changes;
    struct dispatch result = dev_dispatch(d, &x->signer, x->call);
    if (!result.ok) {
        d->events = before;
        *d->changes = changes;
    }
    e = devdb_unnest(&d->db, result.ok);
    end_extrinsic(d, &result, NORMAL, pays);
    return e;
}

static void drop_pooled(struct devchain *d, uint32_t index)
{
    struct room memory = d->pool_memory[index];
    d->pool_count--;
    for (uint32_t i = index; i < d->pool_count; i++) {
        d->pool[i] = d->pool[i + 1];
        d->pool_memory[i] = d->pool_memory[i + 1];
    }
    d->pool_memory[d->pool_count] = memory;
}

/* One pass applies what is due; extrinsics that are no longer valid leave. */
static enum err apply_pool(struct devchain *d, struct body *b, bool *again)
{
    *again = false;
    for (uint32_t i = 0; i < d->pool_count;) {
        struct extrinsic x;
        struct invalid why;
        bool future = false;
        size_t mark = arena_mark(&d->scratch);
        struct span bytes = d->pool[i].bytes;
        enum err e = devchain_validate(d, bytes, &x, &future, &why);
        bool fits = b->count < DEVCHAIN_BLOCK_EXTRINSICS_MAX && bytes.len < b->w.size - b->w.used &&
                    d->events.w.size - d->events.w.used > DEVCHAIN_EXTRINSIC_MAX;
        if (e == ERR_OK && (future || !fits)) {
            i++;
            continue;
        }
        if (e == ERR_OK) {
            wr_raw(&b->w, bytes);
            d->events.extrinsic = b->count++;
            e = apply(d, &x, bytes);
            if (e != ERR_OK)
                return e;
            *again = true;
        }
        drop_pooled(d, i);
        arena_reset(&d->scratch, mark);
    }
    return ERR_OK;
}

/* ---- The block ---- */

static enum err put_system_rows(struct devchain *d)
{
    uint32_t parent = (uint32_t)(d->at - 1);
    uint8_t bytes[4] = {(uint8_t)parent, (uint8_t)(parent >> 8), (uint8_t)(parent >> 16),
                        (uint8_t)(parent >> 24)};
    struct row hash = {.pallet = "System", .entry = "BlockHash", .count = 1};
    memcpy(hash.bytes[0], bytes, sizeof bytes);
    hash.arguments[0].len = sizeof bytes;
    struct row parent_row = row_in("System", row_plain("ParentHash"));
    enum err e = dev_write(d, &hash, hash_span(&d->head_hash));
    if (e == ERR_OK)
        e = dev_write(d, &parent_row, hash_span(&d->head_hash));
    return e == ERR_OK ? dev_put_number(d, row_in("System", row_plain("Number")), d->at, 4) : e;
}

static enum err put_events(struct devchain *d)
{
    struct span records = wr_done(&d->events.w);
    uint8_t *bytes = arena_alloc(&d->scratch, records.len + 8);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    struct wr w = wr_init((struct room){bytes, records.len + 8});
    scale_put_compact(&w, d->events.count);
    wr_raw(&w, records);
    struct row row = row_in("System", row_plain("Events"));
    enum err e = dev_write(d, &row, wr_done(&w));
    if (e != ERR_OK)
        return e;
    return dev_put_number(d, row_in("System", row_plain("EventCount")), d->events.count, 4);
}

static struct span make_header(struct devchain *d, struct span extrinsics, uint64_t now_ms,
                               struct room out)
{
    struct hash state = hasher_close(d->changes), body = hash_tagged("devxroot", extrinsics);
    struct wr w = wr_init(out);
    wr_raw(&w, hash_span(&d->head_hash));
    scale_put_compact(&w, d->at);
    wr_raw(&w, hash_span(&state));
    wr_raw(&w, hash_span(&body));
    scale_put_compact(&w, 1);
    wr_u8(&w, 6); /* DigestItem::PreRuntime of Aura: the slot. */
    wr_raw(&w, SPAN_LITERAL("aura"));
    scale_put_compact(&w, 8);
    wr_u64(&w, now_ms / SLOT_MS);
    return wr_done(&w);
}

static enum err fill(struct devchain *d, uint64_t now_ms, struct body *b)
{
    d->events.extrinsic = UINT32_MAX;
    enum err e = put_system_rows(d);
    if (e == ERR_OK)
        e = dev_epoch_step(d);
    if (e == ERR_OK)
        e = put_inherent(d, now_ms, b);
    for (bool again = true; e == ERR_OK && again;)
        e = apply_pool(d, b, &again);
    return e == ERR_OK ? put_events(d) : e;
}

static enum err finish(struct devchain *d, uint64_t now_ms, const struct body *b)
{
    uint8_t *vec = arena_alloc(&d->scratch, b->w.used + 8);
    uint8_t header[HEADER_SIZE_MAX];
    if (vec == NULL)
        return ERR_NO_MEMORY;
    struct wr w = wr_init((struct room){vec, b->w.used + 8});
    scale_put_compact(&w, b->count);
    wr_raw(&w, wr_done(&b->w));
    struct devblock block = {.extrinsics = wr_done(&w)};
    block.header = make_header(d, block.extrinsics, now_ms, (struct room){header, sizeof header});
    block.hash = hash_blake2b(block.header);
    uint8_t number[8];
    struct wr n = wr_init((struct room){number, sizeof number});
    wr_u64(&n, d->at);
    enum err e = devdb_put_block(&d->db, d->at, &block);
    if (e == ERR_OK)
        e = devdb_put_meta(&d->db, "head", wr_done(&n));
    if (e == ERR_OK)
        e = devdb_commit(&d->db);
    if (e != ERR_OK)
        return e;
    d->head = d->at;
    d->head_hash = block.hash;
    return ERR_OK;
}

enum err devchain_seal(struct devchain *d, uint64_t now_ms)
{
    arena_reset(&d->scratch, 0);
    d->at = d->head + 1;
    struct hasher changes;
    hasher_open(&changes, "devstate");
    hasher_add(&changes, hash_span(&d->head_hash));
    d->changes = &changes;
    uint8_t *events = arena_raw(&d->scratch, DEVCHAIN_EVENTS_MAX);
    size_t body_size = 4 * DEVCHAIN_EXTRINSIC_MAX;
    uint8_t *body = arena_raw(&d->scratch, body_size);
    if (events == NULL || body == NULL)
        return ERR_NO_MEMORY;
    d->events = (struct dev_events){.w = wr_init((struct room){events, DEVCHAIN_EVENTS_MAX})};
    struct body b = {wr_init((struct room){body, body_size}), 0};
    enum err e = devdb_begin(&d->db, true);
    if (e == ERR_OK)
        e = fill(d, now_ms, &b);
    if (e == ERR_OK)
        e = finish(d, now_ms, &b);
    d->changes = NULL;
    devdb_abort(&d->db);
    return e;
}
