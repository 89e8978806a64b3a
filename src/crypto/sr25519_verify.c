#include "crypto/sr25519.h"

#include <sodium.h>

#include "crypto/halve.h"
#include "crypto/point.h"
#include "crypto/sr25519_claim.h"

enum { HALF_BITS = 128 };

bool sr25519_key_ok(const struct hotkey *key)
{
    static const struct hotkey zero;
    struct point p;
    return !hotkey_equal(key, &zero) && point_decode(key->bytes, &p);
}

/* R = s*B - k*key holds exactly when v*s*B - v*R - u*key is the identity, for
 * any v that is not zero and u = v*k.  halve picks both short, so that half the
 * doublings do; in return R must be decoded, which costs what encoding the
 * result would.  Every term is subtracted but the first, and u also when v is
 * negative, by the signs of its digits. */
bool sr25519_verify(const struct hotkey *key, struct span message, const struct signature *s)
{
    struct sr25519_claim c;
    struct point key_point, r, result;
    struct sum sum;
    struct cached key_table[POINT_TABLE], r_table[POINT_TABLE];
    struct digits u, v, base;
    struct halves h;
    uint8_t wide_v[32] = {0}, vs[32];

    if (!sr25519_claim_read(key, message, s, &c) || !point_decode_pair(c.key, c.r, &key_point, &r))
        return false;
    point_table(&key_point, key_table);
    point_table(&r, r_table);

    halve(c.k, &h);
    memcpy(wide_v, h.v, sizeof h.v);
    crypto_core_ristretto255_scalar_mul(vs, wide_v, c.s);
    size_t used = digits_of(h.u, HALF_BITS, POINT_WIDTH, &u);
    size_t used_v = digits_of(h.v, HALF_BITS, POINT_WIDTH, &v);
    size_t used_base = digits_of(vs, 256, POINT_WIDTH_BASE, &base);
    used = used > used_v ? used : used_v;
    used_base = used_base > HALF_BITS ? HALF_BITS : used_base;
    used = used > used_base ? used : used_base;

    sum_init(&sum);
    unsigned doublings = 0;
    for (size_t i = used; i-- > 0;) {
        int low = i < HALF_BITS ? base.at[i] : 0, high = base.at[i + HALF_BITS];
        doublings++;
        if ((u.at[i] | v.at[i] | low | high) == 0)
            continue;
        sum_double(&sum, doublings);
        doublings = 0;
        sum_add(&sum, key_table, h.v_negative ? u.at[i] : -u.at[i]);
        sum_add(&sum, r_table, -v.at[i]);
        sum_add_affine(&sum, base_table[0], low);
        sum_add_affine(&sum, base_table[HALF_BITS / POINT_STRIDE], high);
    }
    sum_double(&sum, doublings);
    sum_close(&sum, &result);
    return point_is_identity(&result);
}

/* --- Prepared keys -------------------------------------------------------- */

struct sr25519_prepared {
    _Alignas(16) struct hotkey key;
    struct affine tables[POINT_TABLES][POINT_TABLE_PREPARED];
};

size_t sr25519_prepared_size(void)
{
    return sizeof(struct sr25519_prepared);
}

enum err sr25519_prepare(const struct hotkey *key, struct sr25519_prepared *out)
{
    static const struct hotkey zero;
    struct point p;
    if (hotkey_equal(key, &zero) || !point_decode(key->bytes, &p))
        return ERR_BAD_KEY;
    out->key = *key;
    point_prepare(&p, out->tables);
    return ERR_OK;
}

const struct hotkey *sr25519_prepared_key(const struct sr25519_prepared *p)
{
    return &p->key;
}

/* The digits of both scalars fall into parts of POINT_STRIDE places, each part with
 * a table of its own, so POINT_STRIDE doublings do.  Both are below 2^253, so no
 * digit stands beyond the last part. */
bool sr25519_verify_prepared(const struct sr25519_prepared *p, struct span message,
                             const struct signature *s)
{
    struct sr25519_claim c;
    struct digits base, key;
    struct sum sum;
    struct point result;
    uint8_t r[32];
    if (!sr25519_claim_read(&p->key, message, s, &c))
        return false;
    digits_of(c.s, 256, POINT_WIDTH_BASE, &base);
    digits_of(c.k, 256, POINT_WIDTH_PREPARED, &key);
    sum_init(&sum);
    unsigned doublings = 0;
    for (size_t i = POINT_STRIDE; i-- > 0;) {
        doublings++;
        for (unsigned j = 0; j < POINT_TABLES; j++) {
            size_t at = i + (size_t)POINT_STRIDE * j;
            if ((base.at[at] | key.at[at]) == 0)
                continue;
            sum_double(&sum, doublings);
            doublings = 0;
            sum_add_affine(&sum, base_table[j], base.at[at]);
            sum_add_affine(&sum, p->tables[j], -key.at[at]);
        }
    }
    sum_double(&sum, doublings);
    sum_close(&sum, &result);
    point_encode(&result, r);
    return memcmp(r, c.r, sizeof r) == 0;
}
