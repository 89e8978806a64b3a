/* Runtime APIs: the same rows, in the shapes that spec 293 gives them. */
#include "cmd/devchain_api.h"

enum { PROMETHEUS_SIZE = 31, SELECTED_MAX = 256 };

void api_number(struct api *a, const char *entry)
{
    scale_put_compact(a->w, dev_number(a->d, row_u16(entry, a->netuid)));
}

void api_bool(struct api *a, const char *entry)
{
    wr_bool(a->w, dev_number(a->d, row_u16(entry, a->netuid)) != 0);
}

struct hotkey api_key(struct api *a, uint32_t uid)
{
    struct hotkey key = {0};
    dev_account(a->d, row_u16_u16("Keys", a->netuid, (uint16_t)uid), &key);
    return key;
}

struct hotkey api_owner(struct api *a, uint32_t uid)
{
    struct hotkey key = api_key(a, uid), owner = {0};
    dev_account(a->d, row_account("Owner", &key), &owner);
    return owner;
}

void api_row(struct api *a, const char *entry, const struct hotkey *key, size_t size)
{
    struct row row = row_u16_account(entry, a->netuid, key);
    bool kept = dev_has(a->d, &row);
    struct span s = kept ? dev_read(a->d, &row) : (struct span){0};
    for (size_t i = 0; i < size; i++)
        wr_u8(a->w, i < s.len ? s.ptr[i] : 0);
}

uint64_t api_stake(struct api *a, const struct hotkey *key, enum stake_kind kind)
{
    switch (kind) {
    case STAKE_ALPHA:
        return dev_number(a->d, row_account_u16("TotalHotkeyAlpha", key, a->netuid));
    case STAKE_TAO:
        return dev_number(a->d, row_account_u16("TotalHotkeyAlpha", key, 0));
    case STAKE_TOTAL:
        return dev_stake(a->d, a->netuid, key);
    }
    return 0;
}

/* ---- Neurons ---- */

static void put_element(struct api *a, const char *entry, uint32_t uid, size_t width)
{
    scale_put_compact(a->w, dev_element(a->d, row_u16(entry, a->netuid), uid, width));
}

static void put_neuron(struct api *a, uint32_t uid)
{
    static const char *const scores[] = {"Incentive", "Consensus", "Trust", "ValidatorTrust",
                                         "Dividends"};
    struct hotkey hotkey = api_key(a, uid), coldkey = api_owner(a, uid);
    wr_raw(a->w, hotkey_span(&hotkey));
    wr_raw(a->w, hotkey_span(&coldkey));
    scale_put_compact(a->w, uid);
    scale_put_compact(a->w, a->netuid);
    wr_bool(a->w, dev_element(a->d, row_u16("Active", a->netuid), uid, 1) != 0);
    api_row(a, "Axons", &hotkey, AXON_SIZE);
    api_row(a, "Prometheus", &hotkey, PROMETHEUS_SIZE);
    scale_put_compact(a->w, 1);
    wr_raw(a->w, hotkey_span(&coldkey));
    scale_put_compact(a->w, api_stake(a, &hotkey, STAKE_ALPHA));
    put_element(a, "Rank", uid, 2);
    put_element(a, "Emission", uid, 8);
    for (size_t i = 0; i < COUNT_OF(scores); i++)
        put_element(a, scores[i], uid, 2);
    put_element(a, "LastUpdate", uid, 8);
    wr_bool(a->w, dev_element(a->d, row_u16("ValidatorPermit", a->netuid), uid, 1) != 0);
    put_element(a, "PruningScores", uid, 2);
}

static void put_neurons(struct api *a)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        size_t mark = arena_mark(&a->d->scratch);
        put_neuron(a, i);
        arena_reset(&a->d->scratch, mark);
    }
}

/* ---- Hyperparameters ---- */

void api_alpha_value(struct api *a, bool high)
{
    struct row row = row_u16("AlphaValues", a->netuid);
    struct rd r = rd_init(dev_read(a->d, &row));
    uint16_t low_value = rd_u16(&r), high_value = rd_u16(&r);
    scale_put_compact(a->w, high ? high_value : low_value);
}

static void put_hyperparams(struct api *a)
{
    static const struct {
        const char *entry;
        bool is_flag;
    } fields[] = {
        {"Rho", false},
        {"Kappa", false},
        {"ImmunityPeriod", false},
        {"MinAllowedWeights", false},
        {"MaxWeightsLimit", false},
        {"Tempo", false},
        {"MinDifficulty", false},
        {"MaxDifficulty", false},
        {"WeightsVersionKey", false},
        {"WeightsSetRateLimit", false},
        {"AdjustmentInterval", false},
        {"ActivityCutoff", false},
        {"NetworkRegistrationAllowed", true},
        {"TargetRegistrationsPerInterval", false},
        {"MinBurn", false},
        {"MaxBurn", false},
        {"BondsMovingAverage", false},
        {"MaxRegistrationsPerBlock", false},
        {"ServingRateLimit", false},
        {"MaxAllowedValidators", false},
        {"AdjustmentAlpha", false},
        {"Difficulty", false},
        {"RevealPeriodEpochs", false},
        {"CommitRevealWeightsEnabled", true},
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].is_flag)
            api_bool(a, fields[i].entry);
        else
            api_number(a, fields[i].entry);
    }
    api_alpha_value(a, true);
    api_alpha_value(a, false);
    api_bool(a, "LiquidAlphaOn");
}

static void put_hyperparams_v2(struct api *a)
{
    put_hyperparams(a);
    wr_u32(a->w, 0); /* A 32.32 fixed-point number. */
    wr_u32(a->w, (uint32_t)dev_number(a->d, row_u16("AlphaSigmoidSteepness", a->netuid)));
    scale_put_compact(a->w, dev_number(a->d, row_u16("Yuma3On", a->netuid)) != 0 ? 3 : 2);
    api_bool(a, "SubtokenEnabled");
    api_bool(a, "TransferToggle");
    api_bool(a, "BondsResetOn");
    struct row liquidity = row_in("Swap", row_u16("EnabledUserLiquidity", a->netuid));
    wr_bool(a->w, dev_number(a->d, liquidity) != 0);
}

/* ---- Dispatch ---- */

static enum err call_selective(struct api *a, struct rd *r)
{
    bool selected[API_FIELDS] = {0};
    uint32_t count = scale_count(r, SELECTED_MAX, 2);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t index = rd_u16(r);
        if (index < API_FIELDS)
            selected[index] = true;
    }
    if (rd_end(r) != ERR_OK)
        return ERR_MALFORMED;
    api_selected(a, selected);
    return ERR_OK;
}

static enum err call_neuron(struct api *a, struct rd *r)
{
    uint16_t uid = rd_u16(r);
    if (rd_end(r) != ERR_OK)
        return ERR_MALFORMED;
    if (uid >= a->size)
        return ERR_NOT_FOUND;
    put_neuron(a, uid);
    return ERR_OK;
}

static enum err call_nonce(struct devchain *d, struct rd *r, struct wr *w)
{
    struct hotkey key;
    rd_into(r, (struct room){key.bytes, HOTKEY_SIZE});
    if (rd_end(r) != ERR_OK)
        return ERR_MALFORMED;
    wr_u32(w, dev_balance(d, &key).nonce);
    return ERR_OK;
}

static enum err call_query_info(struct devchain *d, struct span arguments, struct wr *w)
{
    struct extrinsic x;
    bool pays = false;
    if (arguments.len < 4) /* The length follows the extrinsic. */
        return ERR_MALFORMED;
    struct span bytes = span_of(arguments.ptr, arguments.len - 4);
    if (extrinsic_decode(&d->metadata, bytes, &x) != ERR_OK)
        return ERR_MALFORMED;
    dev_call_known(d, x.call, &pays);
    scale_put_compact(w, DEVCHAIN_NOMINAL_WEIGHT);
    scale_put_compact(w, 0);
    wr_u8(w, 0); /* DispatchClass::Normal */
    wr_u64(w, pays ? dev_fee(bytes) : 0);
    return ERR_OK;
}

/* The functions whose one argument is a subnet.  All answer an Option but the
 * list of neurons, which is empty for a subnet that does not exist. */
static const struct subnet_call {
    const char *name;
    bool is_list;
    void (*put)(struct api *a);
    enum err (*more)(struct api *a, struct rd *r); /* further arguments */
} subnet_calls[] = {
    {"NeuronInfoRuntimeApi_get_neurons_lite", true, put_neurons, NULL},
    {"NeuronInfoRuntimeApi_get_neuron_lite", false, NULL, call_neuron},
    {"SubnetInfoRuntimeApi_get_subnet_hyperparams", false, put_hyperparams, NULL},
    {"SubnetInfoRuntimeApi_get_subnet_hyperparams_v2", false, put_hyperparams_v2, NULL},
    {"SubnetInfoRuntimeApi_get_metagraph", false, api_metagraph, NULL},
    {"SubnetInfoRuntimeApi_get_selective_metagraph", false, NULL, call_selective},
    {"SubnetInfoRuntimeApi_get_subnet_state", false, api_subnet_state, NULL},
};

static enum err call_subnet(struct devchain *d, const struct subnet_call *c, struct rd *r,
                            struct wr *out)
{
    struct api a = {d, out, rd_u16(r), 0};
    if (r->bad != ERR_OK || (c->more == NULL && r->left != 0))
        return ERR_MALFORMED;
    size_t start = out->used;
    bool exists = dev_number(d, row_u16("NetworksAdded", a.netuid)) != 0;
    a.size =
        (uint32_t)min_u64(dev_number(d, row_u16("SubnetworkN", a.netuid)), DEVCHAIN_NEURONS_MAX);
    if (!exists) {
        wr_u8(out, 0); /* None, or no neurons: the same byte. */
        return ERR_OK;
    }
    if (!c->is_list)
        wr_u8(out, 1);
    enum err e = ERR_OK;
    if (c->more != NULL)
        e = c->more(&a, r);
    else
        c->put(&a);
    if (e == ERR_NOT_FOUND) {
        out->used = start;
        wr_u8(out, 0);
        e = ERR_OK;
    }
    return e;
}

enum err dev_api(struct devchain *d, const char *function, struct span arguments, struct wr *out)
{
    struct rd r = rd_init(arguments);
    for (size_t i = 0; i < COUNT_OF(subnet_calls); i++)
        if (strcmp(subnet_calls[i].name, function) == 0)
            return call_subnet(d, &subnet_calls[i], &r, out);
    if (strcmp(function, "AccountNonceApi_account_nonce") == 0)
        return call_nonce(d, &r, out);
    if (strcmp(function, "TransactionPaymentApi_query_info") == 0)
        return call_query_info(d, arguments, out);
    if (strcmp(function, "Metadata_metadata") == 0) {
        scale_put_bytes(out, d->metadata_bytes);
        return rd_end(&r);
    }
    return ERR_NOT_FOUND;
}
