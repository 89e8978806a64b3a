/* Runtime APIs: the same rows, in the shapes that spec 293 gives them. */
#include "cmd/devchain_state.h"

enum {
    AXON_SIZE = 34,
    PROMETHEUS_SIZE = 31,
    METAGRAPH_FIELDS = 72, /* get_metagraph; the selective form has one more */
    FIELD_VALIDATORS = 72,
    SELECTED_MAX = 256,
};

/* How a value is written: compact, as one byte, as bytes, or one per neuron. */
enum form {
    FORM_COMPACT,
    FORM_BOOL,
    FORM_ACCOUNT,
    FORM_RAW_16, /* 128 bits as they are kept */
    FORM_VEC_2,  /* Vec of numbers kept in 2 bytes each, compact */
    FORM_VEC_8,
    FORM_VEC_BOOL,
    FORM_SPECIAL,
};

struct field {
    enum form form;
    const char *entry;
};

struct api {
    struct devchain *d;
    struct wr *w;
    uint16_t netuid;
    uint32_t size; /* neurons */
};

static void put_number(struct api *a, const char *entry)
{
    scale_put_compact(a->w, dev_number(a->d, row_u16(entry, a->netuid)));
}

static void put_bool(struct api *a, const char *entry)
{
    wr_bool(a->w, dev_number(a->d, row_u16(entry, a->netuid)) != 0);
}

static struct hotkey key_of(struct api *a, uint32_t uid)
{
    struct hotkey key = {0};
    dev_account(a->d, row_u16_u16("Keys", a->netuid, (uint16_t)uid), &key);
    return key;
}

static struct hotkey owner_of(struct api *a, uint32_t uid)
{
    struct hotkey key = key_of(a, uid), owner = {0};
    dev_account(a->d, row_account("Owner", &key), &owner);
    return owner;
}

/* Elements past the row's end read as zero: the row grows with the subnet. */
static void put_vec(struct api *a, const char *entry, size_t width)
{
    struct row row = row_u16(entry, a->netuid);
    struct rd r = rd_init(dev_read(a->d, &row));
    uint32_t count = scale_count(&r, DEVCHAIN_NEURONS_MAX, width);
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        uint64_t x = 0;
        if (i < count)
            x = width == 8 ? rd_u64(&r) : width == 2 ? rd_u16(&r) : rd_u8(&r);
        if (width == 1)
            wr_bool(a->w, x != 0);
        else
            scale_put_compact(a->w, x);
    }
}

static void put_row_or_zeros(struct api *a, const char *entry, const struct hotkey *key,
                             size_t size)
{
    struct row row = row_u16_account(entry, a->netuid, key);
    bool kept = dev_has(a->d, &row);
    struct span s = kept ? dev_read(a->d, &row) : (struct span){0};
    for (size_t i = 0; i < size; i++)
        wr_u8(a->w, i < s.len ? s.ptr[i] : 0);
}

enum stake_kind { STAKE_ALPHA, STAKE_TAO, STAKE_TOTAL };

static uint64_t stake_of(struct api *a, const struct hotkey *key, enum stake_kind kind)
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

static void put_stakes(struct api *a, enum stake_kind kind)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        struct hotkey key = key_of(a, i);
        scale_put_compact(a->w, stake_of(a, &key, kind));
    }
}

static void put_accounts(struct api *a, bool owners)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        struct hotkey key = owners ? owner_of(a, i) : key_of(a, i);
        wr_raw(a->w, hotkey_span(&key));
    }
}

static void put_registrations(struct api *a)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++)
        scale_put_compact(
            a->w, dev_number(a->d, row_u16_u16("BlockAtRegistration", a->netuid, (uint16_t)i)));
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
    struct hotkey hotkey = key_of(a, uid), coldkey = owner_of(a, uid);
    wr_raw(a->w, hotkey_span(&hotkey));
    wr_raw(a->w, hotkey_span(&coldkey));
    scale_put_compact(a->w, uid);
    scale_put_compact(a->w, a->netuid);
    wr_bool(a->w, dev_element(a->d, row_u16("Active", a->netuid), uid, 1) != 0);
    put_row_or_zeros(a, "Axons", &hotkey, AXON_SIZE);
    put_row_or_zeros(a, "Prometheus", &hotkey, PROMETHEUS_SIZE);
    scale_put_compact(a->w, 1);
    wr_raw(a->w, hotkey_span(&coldkey));
    scale_put_compact(a->w, stake_of(a, &hotkey, STAKE_ALPHA));
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

static void put_alpha_values(struct api *a, bool high)
{
    struct row row = row_u16("AlphaValues", a->netuid);
    struct rd r = rd_init(dev_read(a->d, &row));
    uint16_t low_value = rd_u16(&r), high_value = rd_u16(&r);
    scale_put_compact(a->w, high ? high_value : low_value);
}

static void put_hyperparams(struct api *a)
{
    static const struct field fields[] = {
        {FORM_COMPACT, "Rho"},
        {FORM_COMPACT, "Kappa"},
        {FORM_COMPACT, "ImmunityPeriod"},
        {FORM_COMPACT, "MinAllowedWeights"},
        {FORM_COMPACT, "MaxWeightsLimit"},
        {FORM_COMPACT, "Tempo"},
        {FORM_COMPACT, "MinDifficulty"},
        {FORM_COMPACT, "MaxDifficulty"},
        {FORM_COMPACT, "WeightsVersionKey"},
        {FORM_COMPACT, "WeightsSetRateLimit"},
        {FORM_COMPACT, "AdjustmentInterval"},
        {FORM_COMPACT, "ActivityCutoff"},
        {FORM_BOOL, "NetworkRegistrationAllowed"},
        {FORM_COMPACT, "TargetRegistrationsPerInterval"},
        {FORM_COMPACT, "MinBurn"},
        {FORM_COMPACT, "MaxBurn"},
        {FORM_COMPACT, "BondsMovingAverage"},
        {FORM_COMPACT, "MaxRegistrationsPerBlock"},
        {FORM_COMPACT, "ServingRateLimit"},
        {FORM_COMPACT, "MaxAllowedValidators"},
        {FORM_COMPACT, "AdjustmentAlpha"},
        {FORM_COMPACT, "Difficulty"},
        {FORM_COMPACT, "RevealPeriodEpochs"},
        {FORM_BOOL, "CommitRevealWeightsEnabled"},
    };
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i].form == FORM_BOOL)
            put_bool(a, fields[i].entry);
        else
            put_number(a, fields[i].entry);
    }
    put_alpha_values(a, true);
    put_alpha_values(a, false);
    put_bool(a, "LiquidAlphaOn");
}

static void put_hyperparams_v2(struct api *a)
{
    put_hyperparams(a);
    wr_u32(a->w, 0); /* A 32.32 fixed-point number. */
    wr_u32(a->w, (uint32_t)dev_number(a->d, row_u16("AlphaSigmoidSteepness", a->netuid)));
    scale_put_compact(a->w, dev_number(a->d, row_u16("Yuma3On", a->netuid)) != 0 ? 3 : 2);
    put_bool(a, "SubtokenEnabled");
    put_bool(a, "TransferToggle");
    put_bool(a, "BondsResetOn");
    struct row liquidity = row_in("Swap", row_u16("EnabledUserLiquidity", a->netuid));
    wr_bool(a->w, dev_number(a->d, liquidity) != 0);
}

/* ---- Metagraph ---- */

static const struct field metagraph[METAGRAPH_FIELDS + 1] = {
    [0] = {FORM_SPECIAL, "netuid"},
    [1] = {FORM_SPECIAL, "name"},
    [2] = {FORM_SPECIAL, "symbol"},
    [3] = {FORM_SPECIAL, "identity"},
    [4] = {FORM_COMPACT, "NetworkRegisteredAt"},
    [5] = {FORM_ACCOUNT, "SubnetOwnerHotkey"},
    [6] = {FORM_ACCOUNT, "SubnetOwner"},
    [7] = {FORM_SPECIAL, "block"},
    [8] = {FORM_COMPACT, "Tempo"},
    [9] = {FORM_COMPACT, "LastMechansimStepBlock"},
    [10] = {FORM_COMPACT, "BlocksSinceLastStep"},
    [11] = {FORM_SPECIAL, "emission"},
    [12] = {FORM_COMPACT, "SubnetAlphaIn"},
    [13] = {FORM_COMPACT, "SubnetAlphaOut"},
    [14] = {FORM_COMPACT, "SubnetTAO"},
    [15] = {FORM_COMPACT, "SubnetAlphaOutEmission"},
    [16] = {FORM_COMPACT, "SubnetAlphaInEmission"},
    [17] = {FORM_COMPACT, "SubnetTaoInEmission"},
    [18] = {FORM_COMPACT, "PendingEmission"},
    [19] = {FORM_COMPACT, "PendingRootDivs"},
    [20] = {FORM_COMPACT, "SubnetVolume"},
    [21] = {FORM_RAW_16, "SubnetMovingPrice"},
    [22] = {FORM_COMPACT, "Rho"},
    [23] = {FORM_COMPACT, "Kappa"},
    [24] = {FORM_COMPACT, "MinAllowedWeights"},
    [25] = {FORM_COMPACT, "MaxWeightsLimit"},
    [26] = {FORM_COMPACT, "WeightsVersionKey"},
    [27] = {FORM_COMPACT, "WeightsSetRateLimit"},
    [28] = {FORM_COMPACT, "ActivityCutoff"},
    [29] = {FORM_COMPACT, "MaxAllowedValidators"},
    [30] = {FORM_COMPACT, "SubnetworkN"},
    [31] = {FORM_COMPACT, "MaxAllowedUids"},
    [32] = {FORM_COMPACT, "Burn"},
    [33] = {FORM_COMPACT, "Difficulty"},
    [34] = {FORM_BOOL, "NetworkRegistrationAllowed"},
    [35] = {FORM_BOOL, "NetworkPowRegistrationAllowed"},
    [36] = {FORM_COMPACT, "ImmunityPeriod"},
    [37] = {FORM_COMPACT, "MinDifficulty"},
    [38] = {FORM_COMPACT, "MaxDifficulty"},
    [39] = {FORM_COMPACT, "MinBurn"},
    [40] = {FORM_COMPACT, "MaxBurn"},
    [41] = {FORM_COMPACT, "AdjustmentAlpha"},
    [42] = {FORM_COMPACT, "AdjustmentInterval"},
    [43] = {FORM_COMPACT, "TargetRegistrationsPerInterval"},
    [44] = {FORM_COMPACT, "MaxRegistrationsPerBlock"},
    [45] = {FORM_COMPACT, "ServingRateLimit"},
    [46] = {FORM_BOOL, "CommitRevealWeightsEnabled"},
    [47] = {FORM_COMPACT, "RevealPeriodEpochs"},
    [48] = {FORM_BOOL, "LiquidAlphaOn"},
    [49] = {FORM_SPECIAL, "alpha_high"},
    [50] = {FORM_SPECIAL, "alpha_low"},
    [51] = {FORM_COMPACT, "BondsMovingAverage"},
    [52] = {FORM_SPECIAL, "hotkeys"},
    [53] = {FORM_SPECIAL, "coldkeys"},
    [54] = {FORM_SPECIAL, "identities"},
    [55] = {FORM_SPECIAL, "axons"},
    [56] = {FORM_VEC_BOOL, "Active"},
    [57] = {FORM_VEC_BOOL, "ValidatorPermit"},
    [58] = {FORM_VEC_2, "PruningScores"},
    [59] = {FORM_VEC_8, "LastUpdate"},
    [60] = {FORM_VEC_8, "Emission"},
    [61] = {FORM_VEC_2, "Dividends"},
    [62] = {FORM_VEC_2, "Incentive"},
    [63] = {FORM_VEC_2, "Consensus"},
    [64] = {FORM_VEC_2, "Trust"},
    [65] = {FORM_VEC_2, "Rank"},
    [66] = {FORM_SPECIAL, "registrations"},
    [67] = {FORM_SPECIAL, "alpha_stake"},
    [68] = {FORM_SPECIAL, "tao_stake"},
    [69] = {FORM_SPECIAL, "total_stake"},
    [70] = {FORM_SPECIAL, "tao_dividends"},
    [71] = {FORM_SPECIAL, "alpha_dividends"},
    [FIELD_VALIDATORS] = {FORM_SPECIAL, "validators"},
};

/* Text travels as a Vec of compact bytes. */
static void put_compact_text(struct api *a, struct span text)
{
    scale_put_compact(a->w, text.len);
    for (size_t i = 0; i < text.len; i++)
        scale_put_compact(a->w, text.ptr[i]);
}

static void put_symbol(struct api *a)
{
    struct row row = row_u16("TokenSymbol", a->netuid);
    struct rd r = rd_init(dev_read(a->d, &row));
    struct span s = scale_bytes(&r, 32);
    put_compact_text(a, rd_end(&r) == ERR_OK ? s : (struct span){0});
}

static void put_dividends(struct api *a, const char *entry)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        struct hotkey key = key_of(a, i);
        wr_raw(a->w, hotkey_span(&key));
        scale_put_compact(a->w, dev_number(a->d, row_u16_account(entry, a->netuid, &key)));
    }
}

static void put_axons(struct api *a)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        struct hotkey key = key_of(a, i);
        put_row_or_zeros(a, "Axons", &key, AXON_SIZE);
    }
}

static void put_validators(struct api *a)
{
    uint32_t count = 0;
    struct row permits = row_u16("ValidatorPermit", a->netuid);
    for (uint32_t i = 0; i < a->size; i++)
        count += dev_element(a->d, permits, i, 1) != 0;
    scale_put_compact(a->w, count);
    for (uint32_t i = 0; i < a->size; i++)
        if (dev_element(a->d, permits, i, 1) != 0)
            scale_put_compact(a->w, i);
}

static void put_special_neurons(struct api *a, uint32_t index)
{
    switch (index) {
    case 52:
    case 53:
        put_accounts(a, index == 53);
        return;
    case 54: /* No neuron has an identity: no call here sets one. */
        scale_put_compact(a->w, a->size);
        for (uint32_t i = 0; i < a->size; i++)
            wr_u8(a->w, 0);
        return;
    case 55:
        put_axons(a);
        return;
    case 66:
        put_registrations(a);
        return;
    case 67:
        put_stakes(a, STAKE_ALPHA);
        return;
    case 68:
        put_stakes(a, STAKE_TAO);
        return;
    case 69:
        put_stakes(a, STAKE_TOTAL);
        return;
    case 70:
        put_dividends(a, "TaoDividendsPerSubnet");
        return;
    case 71:
        put_dividends(a, "AlphaDividendsPerSubnet");
        return;
    default:
        put_validators(a);
        return;
    }
}

static void put_special(struct api *a, uint32_t index)
{
    switch (index) {
    case 0:
        scale_put_compact(a->w, a->netuid);
        return;
    case 1:
        put_compact_text(a, SPAN_LITERAL("devchain"));
        return;
    case 2:
        put_symbol(a);
        return;
    case 3:
        wr_u8(a->w, 0); /* No subnet identity: no call here sets one. */
        return;
    case 7:
        scale_put_compact(a->w, a->d->at);
        return;
    case 11: /* A chain without emission emits nothing. */
        scale_put_compact(a->w, 0);
        return;
    case 49:
    case 50:
        put_alpha_values(a, index == 49);
        return;
    default:
        put_special_neurons(a, index);
        return;
    }
}

static void put_raw(struct api *a, const char *entry, size_t size)
{
    struct row row = row_u16(entry, a->netuid);
    struct span s = dev_read(a->d, &row);
    for (size_t i = 0; i < size; i++)
        wr_u8(a->w, i < s.len ? s.ptr[i] : 0);
}

static void put_field(struct api *a, uint32_t index)
{
    const struct field *f = &metagraph[index];
    size_t mark = arena_mark(&a->d->scratch);
    switch (f->form) {
    case FORM_COMPACT:
        put_number(a, f->entry);
        break;
    case FORM_BOOL:
        put_bool(a, f->entry);
        break;
    case FORM_ACCOUNT:
        put_raw(a, f->entry, HOTKEY_SIZE);
        break;
    case FORM_RAW_16:
        put_raw(a, f->entry, 16);
        break;
    case FORM_VEC_2:
        put_vec(a, f->entry, 2);
        break;
    case FORM_VEC_8:
        put_vec(a, f->entry, 8);
        break;
    case FORM_VEC_BOOL:
        put_vec(a, f->entry, 1);
        break;
    case FORM_SPECIAL:
        put_special(a, index);
        break;
    }
    arena_reset(&a->d->scratch, mark);
}

static void put_metagraph(struct api *a)
{
    for (uint32_t i = 0; i < METAGRAPH_FIELDS; i++)
        put_field(a, i);
}

static void put_selected(struct api *a, const bool *selected)
{
    put_field(a, 0);
    for (uint32_t i = 1; i <= FIELD_VALIDATORS; i++) {
        wr_bool(a->w, selected[i]);
        if (selected[i])
            put_field(a, i);
    }
}

static void put_subnet_state(struct api *a)
{
    static const uint8_t fields[] = {0,  52, 53, 56, 57, 58, 59, 60, 61,
                                     62, 63, 64, 65, 66, 67, 68, 69};
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        put_field(a, fields[i]);
    uint64_t networks = dev_number(a->d, row_plain("TotalNetworks"));
    scale_put_compact(a->w, networks);
    for (uint16_t n = 0; n < networks; n++) {
        scale_put_compact(a->w, a->size);
        for (uint32_t i = 0; i < a->size; i++) {
            struct hotkey key = key_of(a, i);
            scale_put_compact(
                a->w, dev_number(a->d, row_account_u16("LastHotkeyEmissionOnNetuid", &key, n)));
        }
    }
}

/* ---- Dispatch ---- */

static enum err call_selective(struct api *a, struct rd *r)
{
    bool selected[FIELD_VALIDATORS + 1] = {0};
    uint32_t count = scale_count(r, SELECTED_MAX, 2);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t index = rd_u16(r);
        if (index <= FIELD_VALIDATORS)
            selected[index] = true;
    }
    if (rd_end(r) != ERR_OK)
        return ERR_MALFORMED;
    put_selected(a, selected);
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
    {"SubnetInfoRuntimeApi_get_metagraph", false, put_metagraph, NULL},
    {"SubnetInfoRuntimeApi_get_selective_metagraph", false, NULL, call_selective},
    {"SubnetInfoRuntimeApi_get_subnet_state", false, put_subnet_state, NULL},
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
