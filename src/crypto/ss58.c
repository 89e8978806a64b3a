#include "crypto/ss58.h"

#include <sodium.h>

#include "codec/base58.h"
#include "codec/rd.h"
#include "codec/wr.h"

enum { RAW_MAX = 2 + SS58_ACCOUNT_MAX + 8 };

static bool prefix_ok(uint32_t prefix)
{
    return prefix <= SS58_PREFIX_MAX && prefix != 46 && prefix != 47;
}

static bool sizes_ok(size_t account, size_t checksum)
{
    if (checksum == 0)
        return false;
    if (account == 1 || account == 2 || account == 4 || account == 8)
        return checksum <= account;
    return (account == 32 || account == 33) && checksum == 2;
}

/* The size of the account in what follows the prefix; 0 when there is none. */
static size_t account_size_of(size_t body)
{
    static const uint8_t sizes[] = {1, 2, 4, 8, 32, 33};
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        if (body > sizes[i] && sizes_ok(sizes[i], body - sizes[i]))
            return sizes[i];
    return 0;
}

/* Under prefix 64 one byte; else 01 and six bits of the low part, its other two
 * bits above the six of the high part. */
static void put_prefix(struct wr *w, uint32_t prefix)
{
    if (prefix < 64) {
        wr_u8(w, (uint8_t)prefix);
        return;
    }
    wr_u8(w, (uint8_t)(0x40 | ((prefix & 0xfc) >> 2)));
    wr_u8(w, (uint8_t)(prefix >> 8 | (prefix & 3) << 6));
}

static uint32_t take_prefix(struct rd *r)
{
    uint32_t first = rd_u8(r);
    if (first < 64)
        return first;
    uint32_t second = rd_u8(r);
    uint32_t prefix = (first & 0x3f) << 2 | second >> 6 | (second & 0x3f) << 8;
    if (first >= 128 || prefix < 64)
        rd_fail(r, ERR_MALFORMED);
    return prefix;
}

static void checksum(struct span prefixed, uint8_t out[64])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 64);
    crypto_generichash_update(&state, (const uint8_t *)"SS58PRE", 7);
    crypto_generichash_update(&state, prefixed.ptr, prefixed.len);
    crypto_generichash_final(&state, out, 64);
}

enum err ss58_encode(const struct ss58 *a, char out[SS58_TEXT_MAX])
{
    if (!prefix_ok(a->prefix) || !sizes_ok(a->account_size, a->checksum_size))
        return ERR_MALFORMED;
    uint8_t raw[RAW_MAX], sum[64];
    struct wr w = wr_init((struct room){raw, sizeof raw});
    put_prefix(&w, a->prefix);
    wr_raw(&w, span_of(a->account, a->account_size));
    checksum(wr_done(&w), sum);
    wr_raw(&w, span_of(sum, a->checksum_size));
    base58_encode(wr_done(&w), out, SS58_TEXT_MAX);
    return ERR_OK;
}

enum err ss58_decode(struct span text, struct ss58 *out)
{
    uint8_t raw[RAW_MAX], sum[64];
    size_t size;
    if (text.len >= SS58_TEXT_MAX ||
        base58_decode(text, (struct room){raw, sizeof raw}, &size) != ERR_OK)
        return ERR_MALFORMED;

    struct rd r = rd_init(span_of(raw, size));
    struct ss58 a = {.prefix = (uint16_t)take_prefix(&r)};
    a.account_size = (uint8_t)account_size_of(r.left);
    a.checksum_size = (uint8_t)(r.left - a.account_size);
    if (a.account_size == 0 || r.bad != ERR_OK || !prefix_ok(a.prefix))
        return ERR_MALFORMED;
    rd_into(&r, (struct room){a.account, a.account_size});
    checksum(span_of(raw, size - a.checksum_size), sum);
    struct span given = rd_take(&r, a.checksum_size);
    if (rd_end(&r) != ERR_OK || !span_equal(given, span_of(sum, a.checksum_size)))
        return ERR_MALFORMED;
    *out = a;
    return ERR_OK;
}

void ss58_from_hotkey(const struct hotkey *key, char out[SS58_TEXT_MAX])
{
    struct ss58 a = {.prefix = SS58_PREFIX, .checksum_size = 2, .account_size = HOTKEY_SIZE};
    memcpy(a.account, key->bytes, HOTKEY_SIZE);
    enum err e = ss58_encode(&a, out);
    assert(e == ERR_OK);
}

enum err ss58_to_hotkey(struct span text, struct hotkey *out)
{
    struct ss58 a;
    enum err e = ss58_decode(text, &a);
    if (e != ERR_OK)
        return e;
    if (a.prefix != SS58_PREFIX || a.account_size != HOTKEY_SIZE)
        return ERR_FOREIGN;
    memcpy(out->bytes, a.account, HOTKEY_SIZE);
    return ERR_OK;
}
