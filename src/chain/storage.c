#include "chain/storage.h"

#include "crypto/hash.h"
#include "crypto/twox.h"

/* How the metadata numbers its hashers. */
enum key_hasher {
    HASHER_BLAKE2_128,
    HASHER_BLAKE2_256,
    HASHER_BLAKE2_128_CONCAT,
    HASHER_TWOX_128,
    HASHER_TWOX_256,
    HASHER_TWOX_64_CONCAT,
    HASHER_IDENTITY,
};

static void put_twox_128(struct wr *w, struct span s)
{
    uint8_t digest[16];
    twox_128(s, digest);
    wr_raw(w, span_of(digest, sizeof digest));
}

static void put_blake2_128(struct wr *w, struct span s)
{
    uint8_t digest[16];
    hash_blake2b_128(s, digest);
    wr_raw(w, span_of(digest, sizeof digest));
}

static bool put_argument(struct wr *w, uint8_t hasher, struct span argument)
{
    uint8_t digest[32];
    struct hash wide;
    switch ((enum key_hasher)hasher) {
    case HASHER_BLAKE2_128_CONCAT:
        put_blake2_128(w, argument);
        wr_raw(w, argument);
        return true;
    case HASHER_BLAKE2_128:
        put_blake2_128(w, argument);
        return true;
    case HASHER_BLAKE2_256:
        wide = hash_blake2b(argument);
        wr_raw(w, hash_span(&wide));
        return true;
    case HASHER_TWOX_128:
        put_twox_128(w, argument);
        return true;
    case HASHER_TWOX_256:
        twox_256(argument, digest);
        wr_raw(w, span_of(digest, sizeof digest));
        return true;
    case HASHER_TWOX_64_CONCAT:
        twox_64(argument, digest);
        wr_raw(w, span_of(digest, 8));
        wr_raw(w, argument);
        return true;
    case HASHER_IDENTITY:
        wr_raw(w, argument);
        return true;
    }
    return false;
}

enum err storage_key(const struct metadata *m, const char *pallet, const char *entry,
                     const struct span *arguments, uint32_t count, struct storage_key *out)
{
    const struct metadata_pallet *p = metadata_pallet(m, pallet);
    const struct metadata_entry *e = metadata_entry(m, pallet, entry);
    if (e == NULL)
        return ERR_NOT_FOUND;
    if (count > e->hasher_count)
        return ERR_UNSUPPORTED;
    uint8_t bytes[STORAGE_KEY_SIZE_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    put_twox_128(&w, p->prefix);
    put_twox_128(&w, e->name);
    for (uint32_t i = 0; i < count; i++)
        if (!put_argument(&w, e->hashers[i], arguments[i]))
            return ERR_UNSUPPORTED;
    if (w.full)
        return ERR_TOO_BIG;
    out->len = (uint16_t)w.used;
    memcpy(out->bytes, bytes, w.used);
    return ERR_OK;
}

enum err storage_key_plain(const struct metadata *m, const char *pallet, const char *entry,
                           struct storage_key *out)
{
    return storage_key(m, pallet, entry, NULL, 0, out);
}

static struct span little(uint16_t x, uint8_t bytes[2])
{
    bytes[0] = (uint8_t)x;
    bytes[1] = (uint8_t)(x >> 8);
    return span_of(bytes, 2);
}

enum err storage_key_u16(const struct metadata *m, const char *pallet, const char *entry,
                         uint16_t first, struct storage_key *out)
{
    uint8_t a[2];
    struct span arguments[] = {little(first, a)};
    return storage_key(m, pallet, entry, arguments, 1, out);
}

enum err storage_key_u16_u16(const struct metadata *m, const char *pallet, const char *entry,
                             uint16_t first, uint16_t second, struct storage_key *out)
{
    uint8_t a[2], b[2];
    struct span arguments[] = {little(first, a), little(second, b)};
    return storage_key(m, pallet, entry, arguments, 2, out);
}

enum err storage_key_u16_account(const struct metadata *m, const char *pallet, const char *entry,
                                 uint16_t first, const struct hotkey *second,
                                 struct storage_key *out)
{
    uint8_t a[2];
    struct span arguments[] = {little(first, a), hotkey_span(second)};
    return storage_key(m, pallet, entry, arguments, 2, out);
}

enum err storage_key_account(const struct metadata *m, const char *pallet, const char *entry,
                             const struct hotkey *account, struct storage_key *out)
{
    struct span arguments[] = {hotkey_span(account)};
    return storage_key(m, pallet, entry, arguments, 1, out);
}
