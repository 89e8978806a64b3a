#include "cmd/devchain_state.h"

#include "crypto/hash.h"

#define SUBTENSOR "SubtensorModule"

enum { VECTOR_SIZE_MAX = 16 + 8 * DEVCHAIN_NEURONS_MAX };

/* ---- Rows ---- */

static void add_argument(struct row *r, struct span s)
{
    assert(r->count < COUNT_OF(r->arguments) && s.len <= HOTKEY_SIZE);
    memcpy(r->bytes[r->count], s.ptr, s.len);
    r->arguments[r->count].len = s.len;
    r->count++;
}

static void add_u16(struct row *r, uint16_t x)
{
    uint8_t bytes[2] = {(uint8_t)x, (uint8_t)(x >> 8)};
    add_argument(r, span_of(bytes, 2));
}

struct row row_plain(const char *entry)
{
    return (struct row){.pallet = SUBTENSOR, .entry = entry};
}

struct row row_u16(const char *entry, uint16_t a)
{
    struct row r = row_plain(entry);
    add_u16(&r, a);
    return r;
}

struct row row_u16_u16(const char *entry, uint16_t a, uint16_t b)
{
    struct row r = row_u16(entry, a);
    add_u16(&r, b);
    return r;
}

struct row row_u16_account(const char *entry, uint16_t a, const struct hotkey *b)
{
    struct row r = row_u16(entry, a);
    add_argument(&r, hotkey_span(b));
    return r;
}

struct row row_account(const char *entry, const struct hotkey *a)
{
    struct row r = row_plain(entry);
    add_argument(&r, hotkey_span(a));
    return r;
}

struct row row_account_u16(const char *entry, const struct hotkey *a, uint16_t b)
{
    struct row r = row_account(entry, a);
    add_u16(&r, b);
    return r;
}

struct row row_in(const char *pallet, struct row r)
{
    r.pallet = pallet;
    return r;
}

/* A row is passed by value, so its spans are set where it lies now. */
static struct storage_key key_of(struct devchain *d, const struct row *r)
{
    struct span arguments[3];
    for (uint32_t i = 0; i < r->count; i++)
        arguments[i] = span_of(r->bytes[i], r->arguments[i].len);
    struct storage_key key;
    enum err e = storage_key(&d->metadata, r->pallet, r->entry, arguments, r->count, &key);
    assert(e == ERR_OK); /* Names and shapes are ours; the metadata is built in. */
    return key;
}

struct span dev_read(struct devchain *d, const struct row *r)
{
    struct storage_key key = key_of(d, r);
    struct span value;
    enum err e = devdb_get(&d->db, d->at, storage_key_span(&key), &d->scratch, &value);
    if (e == ERR_OK)
        return value;
    assert(e == ERR_NOT_FOUND);
    return metadata_entry(&d->metadata, r->pallet, r->entry)->default_value;
}

bool dev_has(struct devchain *d, const struct row *r)
{
    struct storage_key key = key_of(d, r);
    struct span value;
    return devdb_get(&d->db, d->at, storage_key_span(&key), &d->scratch, &value) == ERR_OK;
}

enum err dev_write_key(struct devchain *d, struct span key, struct span value)
{
    if (d->changes != NULL) {
        hasher_add(d->changes, key);
        hasher_add(d->changes, value);
    }
    return devdb_put(&d->db, d->at, key, value);
}

enum err dev_write(struct devchain *d, const struct row *r, struct span value)
{
    struct storage_key key = key_of(d, r);
    return dev_write_key(d, storage_key_span(&key), value);
}

/* ---- Values ---- */

static uint64_t little(struct span s)
{
    uint64_t x = 0;
    for (size_t i = 0; i < s.len && i < 8; i++)
        x |= (uint64_t)s.ptr[i] << (8 * i);
    return x;
}

static void put_little(uint8_t *out, uint64_t x, size_t width)
{
    for (size_t i = 0; i < width; i++)
        out[i] = (uint8_t)(x >> (8 * i));
}

uint64_t dev_number(struct devchain *d, struct row r)
{
    return little(dev_read(d, &r));
}

enum err dev_put_number(struct devchain *d, struct row r, uint64_t value, size_t width)
{
    uint8_t bytes[8];
    assert(width <= sizeof bytes);
    put_little(bytes, value, width);
    return dev_write(d, &r, span_of(bytes, width));
}

bool dev_account(struct devchain *d, struct row r, struct hotkey *out)
{
    struct span s = dev_read(d, &r);
    if (s.len != HOTKEY_SIZE)
        return false;
    memcpy(out->bytes, s.ptr, HOTKEY_SIZE);
    return true;
}

uint64_t dev_element(struct devchain *d, struct row r, uint32_t index, size_t width)
{
    struct rd rd = rd_init(dev_read(d, &r));
    uint32_t count = scale_count(&rd, DEVCHAIN_NEURONS_MAX, width);
    if (index >= count)
        return 0;
    rd_take(&rd, index * width);
    return little(rd_take(&rd, width));
}

enum err dev_put_element(struct devchain *d, struct row r, uint32_t index, size_t width,
                         uint64_t value)
{
    assert(index < DEVCHAIN_NEURONS_MAX && width <= 8);
    struct rd rd = rd_init(dev_read(d, &r));
    uint32_t count = scale_count(&rd, DEVCHAIN_NEURONS_MAX, width);
    struct span old = rd_take(&rd, count * width);
    uint32_t wanted = index < count ? count : index + 1;
    uint8_t *bytes = arena_alloc(&d->scratch, VECTOR_SIZE_MAX);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    struct wr w = wr_init((struct room){bytes, VECTOR_SIZE_MAX});
    scale_put_compact(&w, wanted);
    size_t start = w.used;
    wr_raw(&w, old);
    for (uint32_t i = count; i < wanted; i++)
        for (size_t k = 0; k < width; k++)
            wr_u8(&w, 0);
    assert(!w.full);
    put_little(bytes + start + index * width, value, width);
    return dev_write(d, &r, wr_done(&w));
}

enum err dev_put_neuron(struct devchain *d, uint16_t netuid, uint16_t uid,
                        const struct hotkey *hotkey, const struct hotkey *coldkey, uint64_t block)
{
    struct row keys = row_u16_u16("Keys", netuid, uid), owner = row_account("Owner", hotkey);
    enum err e = dev_write(d, &keys, hotkey_span(hotkey));
    if (e == ERR_OK)
        e = dev_write(d, &owner, hotkey_span(coldkey));
    if (e == ERR_OK)
        e = dev_put_number(d, row_u16_account("Uids", netuid, hotkey), uid, 2);
    if (e == ERR_OK)
        e = dev_put_number(d, row_account_u16("IsNetworkMember", hotkey, netuid), 1, 1);
    if (e == ERR_OK)
        e = dev_put_number(d, row_u16_u16("BlockAtRegistration", netuid, uid), block, 8);
    return e;
}

/* ---- The subnet ---- */

bool dev_uid(struct devchain *d, uint16_t netuid, const struct hotkey *key, uint16_t *uid)
{
    struct row r = row_u16_account("Uids", netuid, key);
    if (!dev_has(d, &r))
        return false;
    *uid = (uint16_t)dev_number(d, r);
    return true;
}

uint64_t dev_stake(struct devchain *d, uint16_t netuid, const struct hotkey *key)
{
    uint64_t own = dev_number(d, row_account_u16("TotalHotkeyAlpha", key, netuid));
    uint64_t root = dev_number(d, row_account_u16("TotalHotkeyAlpha", key, 0));
    uint64_t weight = dev_number(d, row_plain("TaoWeight")); /* of 2^64 */
    uint64_t counted = (uint64_t)((unsigned __int128)root * weight >> 64), sum;
    return add_ok(own, counted, &sum) ? sum : UINT64_MAX;
}

uint64_t dev_epoch(struct devchain *d, uint16_t netuid, uint64_t block)
{
    uint64_t tempo = dev_number(d, row_u16("Tempo", netuid));
    return (block + netuid + 1) / (tempo + 1);
}

static struct row account_row(const struct hotkey *account)
{
    return row_in("System", row_account("Account", account));
}

struct dev_balance dev_balance(struct devchain *d, const struct hotkey *account)
{
    struct row row = account_row(account);
    struct rd r = rd_init(dev_read(d, &row));
    struct dev_balance b = {0};
    b.nonce = rd_u32(&r);
    b.consumers = rd_u32(&r);
    b.providers = rd_u32(&r);
    b.sufficients = rd_u32(&r);
    b.free = rd_u64(&r);
    b.reserved = rd_u64(&r);
    b.frozen = rd_u64(&r);
    return b;
}

enum err dev_put_balance(struct devchain *d, const struct hotkey *account,
                         const struct dev_balance *b)
{
    uint8_t bytes[56];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_u32(&w, b->nonce);
    wr_u32(&w, b->consumers);
    wr_u32(&w, b->providers);
    wr_u32(&w, b->sufficients);
    wr_u64(&w, b->free);
    wr_u64(&w, b->reserved);
    wr_u64(&w, b->frozen);
    scale_put_u128(&w, 0, UINT64_C(1) << 63); /* The new-logic flag of Balances. */
    struct row row = account_row(account);
    return dev_write(d, &row, wr_done(&w));
}

/* ---- Events ---- */

void dev_event(struct devchain *d, const char *pallet, const char *name)
{
    const struct metadata_pallet *p = metadata_pallet(&d->metadata, pallet);
    struct metadata_variant v;
    enum err e = metadata_variant(&d->metadata, p->event_type, name, &v);
    assert(e == ERR_OK);
    struct wr *w = &d->events.w;
    if (d->events.extrinsic == UINT32_MAX) {
        wr_u8(w, 2); /* Phase::Initialization */
    } else {
        wr_u8(w, 0); /* Phase::ApplyExtrinsic */
        wr_u32(w, d->events.extrinsic);
    }
    wr_u8(w, p->index);
    wr_u8(w, v.index);
}

void dev_event_end(struct devchain *d)
{
    scale_put_compact(&d->events.w, 0); /* No topics. */
    d->events.count++;
}
