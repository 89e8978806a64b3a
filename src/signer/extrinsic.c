#include "codec/scale.h"
#include "signer/signer.h"

enum {
    COMMIT_BYTES_MAX = 5000, /* of a timelocked commit, by the runtime */
    COMMITMENT_FIELDS_MAX = 3,
    RAW_FIRST = 1, /* Data::Raw0 is variant 1, Raw128 variant 129 */
    RAW_SIZE_MAX = 128,
    HASH_VARIANTS = 4, /* BlakeTwo256 .. ShaThree256, after the raw ones */
};

const char *signer_call_name(enum signer_call_shape shape)
{
    switch (shape) {
    case SIGNER_CALL_SET_WEIGHTS:
        return "set_weights";
    case SIGNER_CALL_SET_MECHANISM_WEIGHTS:
        return "set_mechanism_weights";
    case SIGNER_CALL_COMMIT_WEIGHTS:
        return "commit_weights";
    case SIGNER_CALL_COMMIT_MECHANISM_WEIGHTS:
        return "commit_mechanism_weights";
    case SIGNER_CALL_REVEAL_WEIGHTS:
        return "reveal_weights";
    case SIGNER_CALL_REVEAL_MECHANISM_WEIGHTS:
        return "reveal_mechanism_weights";
    case SIGNER_CALL_TIMELOCKED:
        return "commit_timelocked_weights";
    case SIGNER_CALL_TIMELOCKED_MECHANISM:
        return "commit_timelocked_mechanism_weights";
    case SIGNER_CALL_CRV3:
        return "commit_crv3_weights";
    case SIGNER_CALL_SET_COMMITMENT:
        return "set_commitment";
    case SIGNER_CALL_SHAPES:
        break;
    }
    return NULL;
}

void signer_default_calls(struct signer_config *c)
{
    static const struct signer_call calls[] = {
        {7, 0, SIGNER_CALL_SET_WEIGHTS},     {7, 119, SIGNER_CALL_SET_MECHANISM_WEIGHTS},
        {7, 96, SIGNER_CALL_COMMIT_WEIGHTS}, {7, 115, SIGNER_CALL_COMMIT_MECHANISM_WEIGHTS},
        {7, 97, SIGNER_CALL_REVEAL_WEIGHTS}, {7, 116, SIGNER_CALL_REVEAL_MECHANISM_WEIGHTS},
        {7, 113, SIGNER_CALL_TIMELOCKED},    {7, 118, SIGNER_CALL_TIMELOCKED_MECHANISM},
        {7, 99, SIGNER_CALL_CRV3},           {18, 0, SIGNER_CALL_SET_COMMITMENT},
    };
    static_assert(COUNT_OF(calls) <= SIGNER_CALLS_MAX);
    memcpy(c->calls, calls, sizeof calls);
    c->call_count = COUNT_OF(calls);
}

static uint32_t skip_u16s(struct rd *r)
{
    uint32_t count = scale_count(r, SIGNER_WEIGHTS_MAX, 2);
    rd_take(r, 2 * (size_t)count);
    return count;
}

/* Two lists of one length: uids and their values. */
static void skip_weights(struct rd *r)
{
    uint32_t uids = skip_u16s(r), values = skip_u16s(r);
    if (uids != values)
        rd_fail(r, ERR_MALFORMED);
}

/* CommitmentInfo: a list of Data, of which only bytes and hashes are ours. */
static void skip_commitment(struct rd *r)
{
    uint32_t count = scale_count(r, COMMITMENT_FIELDS_MAX, 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t variant = rd_u8(r);
        if (variant >= RAW_FIRST && variant <= RAW_FIRST + RAW_SIZE_MAX)
            rd_take(r, variant - RAW_FIRST);
        else if (variant > RAW_FIRST + RAW_SIZE_MAX &&
                 variant <= RAW_FIRST + RAW_SIZE_MAX + HASH_VARIANTS)
            rd_take(r, HASH_SIZE);
        else
            rd_fail(r, ERR_UNSUPPORTED);
    }
}

static bool has_mechanism(enum signer_call_shape shape)
{
    return shape == SIGNER_CALL_SET_MECHANISM_WEIGHTS ||
           shape == SIGNER_CALL_COMMIT_MECHANISM_WEIGHTS ||
           shape == SIGNER_CALL_REVEAL_MECHANISM_WEIGHTS ||
           shape == SIGNER_CALL_TIMELOCKED_MECHANISM;
}

static void skip_arguments(struct rd *r, enum signer_call_shape shape)
{
    switch (shape) {
    case SIGNER_CALL_SET_WEIGHTS:
    case SIGNER_CALL_SET_MECHANISM_WEIGHTS:
        skip_weights(r);
        rd_u64(r);
        break;
    case SIGNER_CALL_COMMIT_WEIGHTS:
    case SIGNER_CALL_COMMIT_MECHANISM_WEIGHTS:
        rd_take(r, HASH_SIZE);
        break;
    case SIGNER_CALL_REVEAL_WEIGHTS:
    case SIGNER_CALL_REVEAL_MECHANISM_WEIGHTS:
        skip_weights(r);
        skip_u16s(r);
        rd_u64(r);
        break;
    case SIGNER_CALL_TIMELOCKED:
    case SIGNER_CALL_TIMELOCKED_MECHANISM:
        scale_bytes(r, COMMIT_BYTES_MAX);
        rd_u64(r);
        rd_u16(r);
        break;
    case SIGNER_CALL_CRV3:
        scale_bytes(r, COMMIT_BYTES_MAX);
        rd_u64(r);
        break;
    case SIGNER_CALL_SET_COMMITMENT:
        skip_commitment(r);
        break;
    case SIGNER_CALL_SHAPES:
        rd_fail(r, ERR_UNSUPPORTED);
        break;
    }
}

static bool call_ok(const struct signer_config *c, struct span call)
{
    struct rd r = rd_init(call);
    uint8_t pallet = rd_u8(&r), number = rd_u8(&r);
    for (uint32_t i = 0; i < c->call_count; i++) {
        const struct signer_call *k = &c->calls[i];
        if (k->pallet != pallet || k->call != number)
            continue;
        if (rd_u16(&r) != c->netuid)
            return false;
        if (has_mechanism(k->shape))
            rd_u8(&r);
        skip_arguments(&r, k->shape);
        return rd_end(&r) == ERR_OK;
    }
    return false;
}

/* era, nonce, tip, and the metadata-hash mode; a hotkey gives no tips. */
static bool extra_ok(struct span extra)
{
    struct rd r = rd_init(extra);
    if (rd_u8(&r) != 0)
        rd_u8(&r);
    scale_compact_max(&r, UINT32_MAX);
    uint64_t tip = scale_compact(&r);
    uint8_t mode = rd_u8(&r);
    return rd_end(&r) == ERR_OK && tip == 0 && mode == 0;
}

static bool implicit_ok(const struct signer_config *c, struct span implicit)
{
    struct rd r = rd_init(implicit);
    struct hash genesis, birth;
    rd_u32(&r);
    rd_u32(&r);
    rd_into(&r, (struct room){genesis.bytes, HASH_SIZE});
    rd_into(&r, (struct room){birth.bytes, HASH_SIZE});
    uint8_t metadata = rd_u8(&r);
    return rd_end(&r) == ERR_OK && metadata == 0 && hash_equal(&genesis, &c->chain_genesis);
}

bool signer_extrinsic_allowed(const struct signer_config *c, struct span call, struct span extra,
                              struct span implicit)
{
    return call_ok(c, call) && extra_ok(extra) && implicit_ok(c, implicit);
}
