/* Which extrinsics may wait, and for how long. */
#include "cmd/devchain_state.h"

#include "crypto/hash.h"
#include "crypto/sr25519.h"

/* What a node's JSON-RPC says; see sc-rpc-api's author errors and the texts of
 * sp-runtime's InvalidTransaction. */
static const struct invalid bad_format = {1001, "the bytes are not an extrinsic of this runtime"};
static const struct invalid not_signed = {
    1011, "Could not find an unsigned validator for the unsigned transaction"};
static const struct invalid bad_proof = {1010, "Transaction has a bad signature"};
static const struct invalid outdated = {1010, "Transaction is outdated"};
static const struct invalid ancient = {1010, "Transaction has an ancient birth block"};
static const struct invalid not_expected = {1010, "Transaction call is not expected"};
static const struct invalid no_funds = {
    1010, "Inability to pay some fees (e.g. account balance too low)"};
static const struct invalid low_stake = {1010, "Custom error: 1"};
static const struct invalid imported = {1013, "Transaction is already imported"};
static const struct invalid low_priority = {1014, "Priority is too low"};
static const struct invalid pool_full = {1016, "Immediately dropped: the pool is full"};

static enum err refuse(struct invalid *why, struct invalid reason)
{
    *why = reason;
    return ERR_DENIED;
}

static enum err check_signature(struct devchain *d, const struct extrinsic *x, struct invalid *why)
{
    struct extrinsic_terms t = {.era = x->era,
                                .nonce = x->nonce,
                                .tip = x->tip,
                                .spec_version = DEVCHAIN_SPEC_VERSION,
                                .tx_version = DEVCHAIN_TX_VERSION,
                                .genesis = d->genesis,
                                .birth = d->genesis};
    if (x->era.mortal) {
        uint64_t birth = era_birth(&x->era, d->at);
        struct devblock b;
        if (birth >= d->at || devdb_get_block(&d->db, birth, &d->scratch, &b) != ERR_OK)
            return refuse(why, ancient);
        t.birth = b.hash;
    }
    uint8_t extra[EXTRA_SIZE_MAX], implicit[IMPLICIT_SIZE_MAX], message[SIGNED_PLAIN_MAX];
    struct wr we = wr_init((struct room){extra, sizeof extra});
    struct wr wi = wr_init((struct room){implicit, sizeof implicit});
    enum err e = extrinsic_extras(&d->metadata, &t, &we, &wi);
    assert(e == ERR_OK); /* Our own metadata, and fields that were decoded by it. */
    size_t size = extrinsic_message(x->call, x->extra, wr_done(&wi), message);
    if (!sr25519_verify(&x->signer, span_of(message, size), &x->signature))
        return refuse(why, bad_proof);
    return ERR_OK;
}

enum err devchain_validate(struct devchain *d, struct span bytes, struct extrinsic *x, bool *future,
                           struct invalid *why)
{
    bool pays;
    if (bytes.len > DEVCHAIN_EXTRINSIC_MAX || extrinsic_decode(&d->metadata, bytes, x) != ERR_OK)
        return refuse(why, bad_format);
    if (!x->is_signed)
        return refuse(why, not_signed);
    enum err e = check_signature(d, x, why);
    if (e != ERR_OK)
        return e;
    if (!dev_call_known(d, x->call, &pays))
        return refuse(why, not_expected);
    struct dev_balance b = dev_balance(d, &x->signer);
    if (x->nonce < b.nonce)
        return refuse(why, outdated);
    uint64_t cost;
    if (!add_ok(pays ? dev_fee(bytes) : 0, x->tip, &cost) || cost > b.free)
        return refuse(why, no_funds);
    if (dev_call_sets_weights(d, x->call)) {
        struct rd r = rd_init(x->call);
        rd_u16(&r);
        uint16_t netuid = rd_u16(&r);
        if (dev_stake(d, netuid, &x->signer) < dev_number(d, row_plain("StakeThreshold")))
            return refuse(why, low_stake);
    }
    *future = x->nonce > b.nonce;
    return ERR_OK;
}

enum err devchain_submit(struct devchain *d, struct span bytes, struct hash *hash,
                         struct invalid *why)
{
    struct extrinsic x;
    bool future;
    d->at = d->head + 1;
    enum err e = devchain_validate(d, bytes, &x, &future, why);
    if (e != ERR_OK)
        return e;
    struct hash name = hash_blake2b(bytes);
    for (uint32_t i = 0; i < d->pool_count; i++) {
        if (hash_equal(&d->pool[i].hash, &name))
            return refuse(why, imported);
        if (hotkey_equal(&d->pool[i].signer, &x.signer) && d->pool[i].nonce == x.nonce)
            return refuse(why, low_priority);
    }
    if (d->pool_count == DEVCHAIN_POOL_MAX)
        return refuse(why, pool_full);
    uint32_t slot = d->pool_count++;
    struct room memory = d->pool_memory[slot];
    memcpy(memory.ptr, bytes.ptr, bytes.len);
    d->pool[slot] = (struct pooled){span_of(memory.ptr, bytes.len), name, x.signer, x.nonce};
    *hash = name;
    return ERR_OK;
}
