#include "crypto/sr25519_key.h"

#include <sodium.h>

#include "crypto/secret.h"
#include "crypto/sr25519_claim.h"

/* The keypair is laid out inside one struct secret. */
struct sr25519_keypair {
    uint8_t scalar[32];
    uint8_t nonce[32];
    struct hotkey public;
    struct secret *home;
};

static bool is_zero(const uint8_t x[32])
{
    return sodium_is_zero(x, 32) == 1;
}

/* Below the group order, asked in constant time. */
static bool is_reduced(const uint8_t scalar[32])
{
    uint8_t wide[64] = {0}, reduced[32];
    memcpy(wide, scalar, 32);
    crypto_core_ristretto255_scalar_reduce(reduced, wide);
    bool same = sodium_memcmp(reduced, scalar, 32) == 0;
    secret_wipe(wide, sizeof wide);
    secret_wipe(reduced, sizeof reduced);
    return same;
}

/* secret is scalar | nonce; ERR_BAD_KEY as promised for the importers. */
static enum err keypair_open(const uint8_t secret[64], struct sr25519_keypair **out)
{
    if (is_zero(secret) || !is_reduced(secret))
        return ERR_BAD_KEY;
    struct secret *home;
    enum err e = secret_open(sizeof(struct sr25519_keypair), &home);
    if (e != ERR_OK)
        return e;
    struct sr25519_keypair *k = (struct sr25519_keypair *)(void *)secret_room(home).ptr;
    memcpy(k->scalar, secret, 32);
    memcpy(k->nonce, secret + 32, 32);
    k->home = home;
    if (crypto_scalarmult_ristretto255_base(k->public.bytes, k->scalar) != 0) {
        sr25519_close(k);
        return ERR_BAD_KEY;
    }
    *out = k;
    return ERR_OK;
}

void sr25519_close(struct sr25519_keypair *k)
{
    if (k != NULL)
        secret_close(k->home);
}

/* Divides the little-endian number by eight. */
static void shift_down(uint8_t x[32])
{
    uint8_t carry = 0;
    for (int i = 31; i >= 0; i--) {
        uint8_t low = (uint8_t)(x[i] << 5);
        x[i] = (uint8_t)(x[i] >> 3 | carry);
        carry = low;
    }
}

enum err sr25519_from_seed(struct span seed, struct sr25519_keypair **out)
{
    if (seed.len != SR25519_SEED_SIZE)
        return ERR_BAD_KEY;
    uint8_t h[64];
    crypto_hash_sha512(h, seed.ptr, seed.len);
    h[0] &= 0xf8;
    h[31] &= 0x3f;
    h[31] |= 0x40;
    shift_down(h);
    enum err e = keypair_open(h, out);
    secret_wipe(h, sizeof h);
    return e;
}

enum err sr25519_from_canonical(struct span secret, struct sr25519_keypair **out)
{
    if (secret.len != SR25519_SECRET_SIZE)
        return ERR_BAD_KEY;
    return keypair_open(secret.ptr, out);
}

enum err sr25519_from_shifted(struct span secret, struct sr25519_keypair **out)
{
    if (secret.len != SR25519_SECRET_SIZE || (secret.ptr[0] & 7) != 0)
        return ERR_BAD_KEY;
    uint8_t h[64];
    memcpy(h, secret.ptr, 64);
    shift_down(h);
    enum err e = keypair_open(h, out);
    secret_wipe(h, sizeof h);
    return e;
}

const struct hotkey *sr25519_public(const struct sr25519_keypair *k)
{
    return &k->public;
}

void sr25519_export_canonical(const struct sr25519_keypair *k, uint8_t out[SR25519_SECRET_SIZE])
{
    memcpy(out, k->scalar, 32);
    memcpy(out + 32, k->nonce, 32);
}

void sr25519_sign(const struct sr25519_keypair *k, struct span message,
                  const uint8_t entropy[SR25519_ENTROPY_SIZE], struct signature *out)
{
    struct merlin t, rng;
    uint8_t wide[64], r[32], c[32], ck[32], s[32];
    struct signature made;

    sr25519_transcript(&t, message, k->public.bytes);
    rng = t;
    merlin_key(&rng, "signing", span_of(k->nonce, 32));
    merlin_rng(&rng, entropy);
    merlin_draw(&rng, (struct room){wide, sizeof wide});
    crypto_core_ristretto255_scalar_reduce(r, wide);

    /* r is zero once in 2^252 draws; libsodium then reports an error. */
    int bad = crypto_scalarmult_ristretto255_base(made.bytes, r);
    assert(bad == 0);
    sr25519_challenge(&t, made.bytes, c);
    crypto_core_ristretto255_scalar_mul(ck, c, k->scalar);
    crypto_core_ristretto255_scalar_add(s, ck, r);
    memcpy(made.bytes + 32, s, 32);
    made.bytes[63] |= 0x80;
    *out = made;

    secret_wipe(&rng, sizeof rng);
    secret_wipe(wide, sizeof wide);
    secret_wipe(r, sizeof r);
    secret_wipe(ck, sizeof ck);
    secret_wipe_below();
}

/* --- Derivation by one junction (its text is read in sr25519_path.c) ------- */

static void hdkd_init(struct merlin *t)
{
    merlin_init(t, "SchnorrRistrettoHDKD");
    merlin_append(t, "sign-bytes", (struct span){0});
}

enum err sr25519_derive_hard(const struct sr25519_keypair *k, const uint8_t code[32],
                             struct sr25519_keypair **out)
{
    struct merlin t;
    uint8_t seed[32];
    hdkd_init(&t);
    merlin_append(&t, "chain-code", span_of(code, 32));
    merlin_append(&t, "secret-key", span_of(k->scalar, 32));
    merlin_challenge(&t, "HDKD-hard", (struct room){seed, sizeof seed});
    enum err e = sr25519_from_seed(span_of(seed, sizeof seed), out);
    secret_wipe(seed, sizeof seed);
    secret_wipe(&t, sizeof t);
    return e;
}

/* The scalar that a soft junction adds, and the transcript behind it. */
static void soft_scalar(struct merlin *t, const struct hotkey *key, const uint8_t code[32],
                        uint8_t scalar[32])
{
    uint8_t wide[64], next_code[32];
    hdkd_init(t);
    merlin_append(t, "chain-code", span_of(code, 32));
    merlin_append(t, "public-key", hotkey_span(key));
    merlin_challenge(t, "HDKD-scalar", (struct room){wide, sizeof wide});
    merlin_challenge(t, "HDKD-chaincode", (struct room){next_code, sizeof next_code});
    crypto_core_ristretto255_scalar_reduce(scalar, wide);
}

enum err sr25519_derive_soft(const struct sr25519_keypair *k, const uint8_t code[32],
                             struct sr25519_keypair **out)
{
    static const uint8_t no_entropy[32];
    struct merlin t;
    uint8_t add[32], made[64];
    soft_scalar(&t, &k->public, code, add);
    crypto_core_ristretto255_scalar_add(made, add, k->scalar);

    /* No verifier sees the new nonce seed; drawn without fresh entropy, the
     * same path gives the same keypair to the last byte. */
    uint8_t whole[64];
    sr25519_export_canonical(k, whole);
    merlin_key(&t, "HDKD-nonce", span_of(k->nonce, 32));
    merlin_key(&t, "HDKD-nonce", span_of(whole, 64));
    merlin_rng(&t, no_entropy);
    merlin_draw(&t, (struct room){made + 32, 32});
    enum err e = keypair_open(made, out);
    secret_wipe(whole, sizeof whole);
    secret_wipe(made, sizeof made);
    secret_wipe(&t, sizeof t);
    return e;
}

enum err sr25519_derive_soft_public(const struct hotkey *key, const uint8_t code[32],
                                    struct hotkey *out)
{
    struct merlin t;
    uint8_t add[32], point[32];
    struct hotkey made;
    if (!sr25519_key_ok(key))
        return ERR_BAD_KEY;
    soft_scalar(&t, key, code, add);
    if (crypto_scalarmult_ristretto255_base(point, add) != 0 ||
        crypto_core_ristretto255_add(made.bytes, key->bytes, point) != 0 || is_zero(made.bytes))
        return ERR_BAD_KEY;
    *out = made;
    return ERR_OK;
}
