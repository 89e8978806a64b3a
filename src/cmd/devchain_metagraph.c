/* The metagraph: 73 fields of a subnet, each with the row it comes from. */
#include "cmd/devchain_api.h"

enum { METAGRAPH_FIELDS = 72, FIELD_VALIDATORS = 72 }; /* get_metagraph leaves the last one out */

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

static void put_stakes(struct api *a, enum stake_kind kind)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        struct hotkey key = api_key(a, i);
        scale_put_compact(a->w, api_stake(a, &key, kind));
    }
}

static void put_accounts(struct api *a, bool owners)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        struct hotkey key = owners ? api_owner(a, i) : api_key(a, i);
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

static const struct field metagraph[API_FIELDS] = {
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
        struct hotkey key = api_key(a, i);
        wr_raw(a->w, hotkey_span(&key));
        scale_put_compact(a->w, dev_number(a->d, row_u16_account(entry, a->netuid, &key)));
    }
}

static void put_axons(struct api *a)
{
    scale_put_compact(a->w, a->size);
    for (uint32_t i = 0; i < a->size; i++) {
        struct hotkey key = api_key(a, i);
        api_row(a, "Axons", &key, AXON_SIZE);
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
        api_alpha_value(a, index == 49);
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
        api_number(a, f->entry);
        break;
    case FORM_BOOL:
        api_bool(a, f->entry);
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

void api_metagraph(struct api *a)
{
    for (uint32_t i = 0; i < METAGRAPH_FIELDS; i++)
        put_field(a, i);
}

void api_selected(struct api *a, const bool selected[API_FIELDS])
{
    put_field(a, 0);
    for (uint32_t i = 1; i < API_FIELDS; i++) {
        wr_bool(a->w, selected[i]);
        if (selected[i])
            put_field(a, i);
    }
}

void api_subnet_state(struct api *a)
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
            struct hotkey key = api_key(a, i);
            scale_put_compact(
                a->w, dev_number(a->d, row_account_u16("LastHotkeyEmissionOnNetuid", &key, n)));
        }
    }
}
