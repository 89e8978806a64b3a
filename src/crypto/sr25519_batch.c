#include "crypto/sr25519.h"

#include <sodium.h>

#include "crypto/point.h"
#include "crypto/sr25519_claim.h"

/* One signature's share of the sum: z*R and z*k*key, for its own random z. */
struct share {
    struct cached key_table[POINT_TABLE];
    struct cached r_table[POINT_TABLE];
    struct digits zk;
    struct digits z;
};

/* Adds z*s to *sum_zs.  false: the item cannot hold. */
static bool share_open(const struct sr25519_item *item, const uint8_t z[16], struct share *out,
                       uint8_t sum_zs[32])
{
    struct sr25519_claim c;
    struct point key, r;
    uint8_t wide_z[32] = {0}, zs[32], zk[32];
    if (!sr25519_claim_read(&item->key, item->message, &item->signature, &c) ||
        !point_decode_pair(c.key, c.r, &key, &r))
        return false;
    memcpy(wide_z, z, 16);
    crypto_core_ristretto255_scalar_mul(zk, wide_z, c.k);
    crypto_core_ristretto255_scalar_mul(zs, wide_z, c.s);
    crypto_core_ristretto255_scalar_add(sum_zs, sum_zs, zs);
    point_table(&key, out->key_table);
    point_table(&r, out->r_table);
    digits_of(z, 128, POINT_WIDTH, &out->z);
    digits_of(zk, 256, POINT_WIDTH, &out->zk);
    return true;
}

/* sum(z*s)*B - sum(z*R) - sum(z*k*key) is the identity: all hold but for a chance
 * of 2^-128. */
static bool sum_holds(const struct share *shares, size_t count, const uint8_t sum_zs[32])
{
    struct digits base;
    struct sum sum;
    struct point result;
    digits_of(sum_zs, 256, POINT_WIDTH_BASE, &base);
    sum_init(&sum);
    for (size_t i = POINT_DIGITS; i-- > 0;) {
        sum_double(&sum, 1);
        sum_add_affine(&sum, base_table[0], base.at[i]);
        for (size_t j = 0; j < count; j++) {
            sum_add(&sum, shares[j].key_table, -shares[j].zk.at[i]);
            sum_add(&sum, shares[j].r_table, -shares[j].z.at[i]);
        }
    }
    sum_close(&sum, &result);
    return point_is_identity(&result);
}

static bool group_holds(const struct sr25519_item *items, size_t count, const uint8_t *z)
{
    struct share shares[SR25519_BATCH_MAX];
    uint8_t sum_zs[32] = {0};
    for (size_t i = 0; i < count; i++)
        if (!share_open(&items[i], z + 16 * i, &shares[i], sum_zs))
            return false;
    return sum_holds(shares, count, sum_zs);
}

bool sr25519_verify_batch(const struct sr25519_item *items, size_t count,
                          const uint8_t entropy[SR25519_ENTROPY_SIZE], bool *valid)
{
    bool all = true;
    for (size_t at = 0; at < count; at += SR25519_BATCH_MAX) {
        size_t n = count - at < SR25519_BATCH_MAX ? count - at : SR25519_BATCH_MAX;
        uint8_t z[16 * SR25519_BATCH_MAX], nonce[crypto_stream_chacha20_NONCEBYTES];
        uint64_t group = at;
        memcpy(nonce, &group, sizeof nonce);
        crypto_stream_chacha20(z, 16 * n, nonce, entropy);
        for (size_t i = 0; i < n; i++)
            z[16 * i] |= 1; /* Not zero. */
        if (n > 1 && group_holds(items + at, n, z)) {
            memset(valid + at, true, n);
            continue;
        }
        for (size_t i = at; i < at + n; i++) {
            valid[i] = sr25519_verify(&items[i].key, items[i].message, &items[i].signature);
            all &= valid[i];
        }
    }
    return all;
}
