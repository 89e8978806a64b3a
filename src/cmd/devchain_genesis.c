/* The state before the first block: from a file of storage pairs, or a subnet
 * with public development keys. */
#include "cmd/devchain_state.h"

#include <jansson.h>
#include <stdio.h>

#include "codec/hex.h"
#include "crypto/sr25519.h"

enum { PAIR_SIZE_MAX = 1 << 20, RAO_PER_TAO = 1000000000 };

#define DEV_BALANCE_RAO (UINT64_C(1000000) * RAO_PER_TAO)

void devchain_config_default(struct devchain_config *c)
{
    *c = (struct devchain_config){.netuid = 2,
                                  .tempo = 20,
                                  .validators = 4,
                                  .miners = 8,
                                  .stake_tao = 10000,
                                  .finality_lag = 2};
}

static enum err key_from(const char *uri, struct hotkey *out)
{
    struct sr25519_keypair *k;
    enum err e = sr25519_from_uri(span_of(uri, strlen(uri)), &k);
    if (e != ERR_OK)
        return e;
    *out = *sr25519_public(k);
    sr25519_close(k);
    return ERR_OK;
}

static enum err fund(struct devchain *d, const struct hotkey *account)
{
    struct dev_balance b = {.providers = 1, .free = DEV_BALANCE_RAO};
    return dev_put_balance(d, account, &b);
}

static enum err put_subnet(struct devchain *d)
{
    const struct devchain_config *c = &d->config;
    const struct {
        const char *entry;
        uint64_t value;
        uint8_t width;
    } rows[] = {
        {"NetworksAdded", 1, 1},
        {"SubnetMechanism", 1, 2},
        {"SubtokenEnabled", 1, 1},
        {"FirstEmissionBlockNumber", 1, 8},
        {"NetworkRegistrationAllowed", 1, 1},
        {"Tempo", c->tempo, 2},
        {"MaxAllowedUids", 256, 2},
        {"MaxAllowedValidators", 64, 2},
        {"MinAllowedWeights", 1, 2},
        {"MaxWeightsLimit", 65535, 2},
        {"WeightsVersionKey", c->version_key, 8},
        {"WeightsSetRateLimit", c->rate_limit, 8},
        {"CommitRevealWeightsEnabled", c->commit_reveal, 1},
        {"ImmunityPeriod", 5000, 2},
        {"ServingRateLimit", 5, 8},
        {"SubnetworkN", c->validators + c->miners, 2},
    };
    enum err e = dev_put_number(d, row_plain("TotalNetworks"), c->netuid + 1u, 2);
    if (e == ERR_OK)
        e = dev_put_number(d, row_plain("StakeThreshold"), c->stake_threshold, 8);
    for (size_t i = 0; i < COUNT_OF(rows) && e == ERR_OK; i++)
        e = dev_put_number(d, row_u16(rows[i].entry, c->netuid), rows[i].value, rows[i].width);
    return e;
}

static enum err put_neuron(struct devchain *d, uint16_t uid, const struct hotkey *hotkey,
                           const struct hotkey *coldkey, bool validates)
{
    uint16_t netuid = d->config.netuid;
    uint64_t stake;
    if (!mul_ok(d->config.stake_tao, RAO_PER_TAO, &stake))
        return ERR_TOO_BIG;
    enum err e = dev_put_neuron(d, netuid, uid, hotkey, coldkey, 0);
    if (e == ERR_OK && validates)
        e = dev_put_number(d, row_account_u16("TotalHotkeyAlpha", hotkey, netuid), stake, 8);
    if (e == ERR_OK)
        e = dev_put_element(d, row_u16("Active", netuid), uid, 1, 1);
    if (e == ERR_OK)
        e = dev_put_element(d, row_u16("LastUpdate", netuid), uid, 8, 0);
    return e == ERR_OK ? dev_put_element(d, row_u16("ValidatorPermit", netuid), uid, 1, validates)
                       : e;
}

static enum err put_neurons(struct devchain *d)
{
    const struct devchain_config *c = &d->config;
    struct hotkey cold, hot;
    enum err e = ERR_OK;
    for (uint32_t i = 0; i < c->validators + c->miners && e == ERR_OK; i++) {
        bool validates = i < c->validators;
        const char *role = validates ? "validator" : "miner";
        char uri[64];
        snprintf(uri, sizeof uri, "//%s/%u", role, validates ? i : i - c->validators);
        e = key_from(uri, &hot);
        snprintf(uri, sizeof uri, "//coldkey//%s", role);
        if (e == ERR_OK)
            e = key_from(uri, &cold);
        if (e == ERR_OK)
            e = put_neuron(d, (uint16_t)i, &hot, &cold, validates);
        arena_reset(&d->scratch, 0);
    }
    return e;
}

static enum err put_generated(struct devchain *d)
{
    static const char *const funded[] = {"//Alice", "//Bob", "//owner", "//coldkey//validator",
                                         "//coldkey//miner"};
    struct hotkey key;
    if (d->config.validators + d->config.miners > 256)
        return ERR_TOO_BIG;
    enum err e = put_subnet(d);
    for (size_t i = 0; i < COUNT_OF(funded) && e == ERR_OK; i++) {
        e = key_from(funded[i], &key);
        if (e == ERR_OK)
            e = fund(d, &key);
    }
    if (e == ERR_OK)
        e = key_from("//owner", &key);
    struct row hotkey = row_u16("SubnetOwnerHotkey", d->config.netuid);
    struct row coldkey = row_u16("SubnetOwner", d->config.netuid);
    if (e == ERR_OK)
        e = dev_write(d, &hotkey, hotkey_span(&key));
    if (e == ERR_OK)
        e = dev_write(d, &coldkey, hotkey_span(&key));
    return e == ERR_OK ? put_neurons(d) : e;
}

/* ---- From a file ---- */

static enum err unhex(struct devchain *d, const json_t *text, struct span *out)
{
    struct span digits = hex_strip(span_of(json_string_value(text), json_string_length(text)));
    if (!json_is_string(text) || digits.len / 2 > PAIR_SIZE_MAX)
        return ERR_MALFORMED;
    uint8_t *bytes = arena_alloc(&d->scratch, digits.len / 2 + 1);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    enum err e = hex_decode(digits, (struct room){bytes, digits.len / 2});
    if (e == ERR_OK)
        *out = span_of(bytes, digits.len / 2);
    return e;
}

static enum err put_pairs(struct devchain *d, const json_t *root)
{
    size_t i;
    json_t *pair;
    const json_t *pairs = json_object_get(root, "pairs");
    if (!json_is_array(pairs))
        return ERR_MALFORMED;
    json_array_foreach(pairs, i, pair)
    {
        struct span key, value;
        enum err e = unhex(d, json_array_get(pair, 0), &key);
        if (e == ERR_OK)
            e = unhex(d, json_array_get(pair, 1), &value);
        if (e == ERR_OK && (key.len == 0 || key.len > STORAGE_KEY_SIZE_MAX))
            e = ERR_MALFORMED;
        if (e == ERR_OK)
            e = dev_write_key(d, key, value);
        if (e != ERR_OK)
            return e;
        arena_reset(&d->scratch, 0);
    }
    return ERR_OK;
}

enum err dev_genesis(struct devchain *d)
{
    if (d->config.genesis == NULL)
        return put_generated(d);
    json_error_t trouble;
    json_t *root = json_load_file(d->config.genesis, JSON_REJECT_DUPLICATES, &trouble);
    if (root == NULL)
        return ERR_MALFORMED;
    json_int_t netuid = json_integer_value(json_object_get(root, "netuid"));
    enum err e = netuid >= 1 && netuid < UINT16_MAX ? put_pairs(d, root) : ERR_MALFORMED;
    if (e == ERR_OK)
        d->config.netuid = (uint16_t)netuid;
    json_decref(root);
    return e;
}
