/* The calls that the development chain executes, but for the weights. */
#include "cmd/devchain_state.h"
#include "cmd/devchain_weights.h"
#include "crypto/hash.h"

enum { FEE_BASE_RAO = 1000, COMMITMENT_BYTES_MAX = 1 + CALL_COMMITMENT_MAX + 2 };

static struct dispatch do_remark(struct devchain *d, const struct hotkey *signer, struct rd *r)
{
    (void)d;
    (void)signer;
    scale_bytes(r, DEVCHAIN_EXTRINSIC_MAX);
    return dispatch_ok();
}

static struct dispatch do_remark_with_event(struct devchain *d, const struct hotkey *signer,
                                            struct rd *r)
{
    struct hash hash = hash_blake2b(scale_bytes(r, DEVCHAIN_EXTRINSIC_MAX));
    dev_event(d, "System", "Remarked");
    wr_raw(&d->events.w, hotkey_span(signer));
    wr_raw(&d->events.w, hash_span(&hash));
    dev_event_end(d);
    return dispatch_ok();
}

static struct dispatch do_serve_axon(struct devchain *d, const struct hotkey *signer, struct rd *r)
{
    uint16_t netuid = rd_u16(r), uid;
    struct span version = rd_take(r, 4), ip = rd_take(r, 16), port = rd_take(r, 2);
    uint8_t ip_type = rd_u8(r);
    struct span rest = rd_take(r, 3); /* Protocol and two placeholders. */
    if (rd_end(r) != ERR_OK)
        return dispatch_fail("InputLengthsUnequal");
    if (!dev_uid(d, netuid, signer, &uid))
        return dispatch_fail("HotKeyNotRegisteredInNetwork");
    if (ip_type != 4 && ip_type != 6)
        return dispatch_fail("InvalidIpType");
    if (port.ptr[0] == 0 && port.ptr[1] == 0)
        return dispatch_fail("InvalidPort");
    struct row row = row_u16_account("Axons", netuid, signer);
    if (dev_has(d, &row)) {
        struct rd old = rd_init(dev_read(d, &row));
        if (d->at - rd_u64(&old) < dev_number(d, row_u16("ServingRateLimit", netuid)))
            return dispatch_fail("ServingRateLimitExceeded");
    }
    uint8_t bytes[34];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_u64(&w, d->at);
    wr_raw(&w, version);
    wr_raw(&w, ip);
    wr_raw(&w, port);
    wr_u8(&w, ip_type);
    wr_raw(&w, rest);
    enum err e = dev_write(d, &row, wr_done(&w));
    assert(e == ERR_OK);
    dev_event(d, "SubtensorModule", "AxonServed");
    wr_u16(&d->events.w, netuid);
    wr_raw(&d->events.w, hotkey_span(signer));
    dev_event_end(d);
    return dispatch_ok();
}

static enum err add_neuron(struct devchain *d, uint16_t netuid, uint16_t uid,
                           const struct hotkey *hotkey, const struct hotkey *coldkey)
{
    static const struct {
        const char *entry;
        uint8_t width;
    } vectors[] = {{"Rank", 2},       {"Trust", 2},          {"Active", 1},
                   {"Emission", 8},   {"Consensus", 2},      {"Incentive", 2},
                   {"Dividends", 2},  {"ValidatorTrust", 2}, {"PruningScores", 2},
                   {"LastUpdate", 8}, {"ValidatorPermit", 1}};
    enum err e = dev_put_neuron(d, netuid, uid, hotkey, coldkey, d->at);
    if (e == ERR_OK)
        e = dev_put_number(d, row_u16("SubnetworkN", netuid), uid + 1u, 2);
    for (size_t i = 0; i < COUNT_OF(vectors) && e == ERR_OK; i++)
        e = dev_put_element(d, row_u16(vectors[i].entry, netuid), uid, vectors[i].width, 0);
    /* Registration counts as an update, so that it is rate-limited too. */
    if (e == ERR_OK)
        e = dev_put_element(d, row_u16("LastUpdate", netuid), uid, 8, d->at);
    return e == ERR_OK ? dev_put_element(d, row_u16("Active", netuid), uid, 1, 1) : e;
}

static struct dispatch do_burned_register(struct devchain *d, const struct hotkey *signer,
                                          struct rd *r)
{
    uint16_t netuid = rd_u16(r), uid;
    struct hotkey hotkey, owner;
    rd_into(r, (struct room){hotkey.bytes, HOTKEY_SIZE});
    if (rd_end(r) != ERR_OK)
        return dispatch_fail("InputLengthsUnequal");
    if (dev_number(d, row_u16("NetworksAdded", netuid)) == 0)
        return dispatch_fail("SubNetworkDoesNotExist");
    if (dev_number(d, row_u16("NetworkRegistrationAllowed", netuid)) == 0)
        return dispatch_fail("SubNetRegistrationDisabled");
    if (dev_uid(d, netuid, &hotkey, &uid))
        return dispatch_fail("HotKeyAlreadyRegisteredInSubNet");
    struct row owned = row_account("Owner", &hotkey);
    if (dev_has(d, &owned) && dev_account(d, owned, &owner) && !hotkey_equal(&owner, signer))
        return dispatch_fail("NonAssociatedColdKey");
    struct dev_balance b = dev_balance(d, signer);
    uint64_t burn = dev_number(d, row_u16("Burn", netuid));
    if (b.free < burn)
        return dispatch_fail("NotEnoughBalanceToStake");
    uint64_t size = dev_number(d, row_u16("SubnetworkN", netuid));
    if (size >= dev_number(d, row_u16("MaxAllowedUids", netuid)) || size >= DEVCHAIN_NEURONS_MAX)
        return dispatch_fail("NoNeuronIdAvailable");
    b.free -= burn;
    enum err e = dev_put_balance(d, signer, &b);
    if (e == ERR_OK)
        e = add_neuron(d, netuid, (uint16_t)size, &hotkey, signer);
    assert(e == ERR_OK);
    dev_event(d, "SubtensorModule", "NeuronRegistered");
    wr_u16(&d->events.w, netuid);
    wr_u16(&d->events.w, (uint16_t)size);
    wr_raw(&d->events.w, hotkey_span(&hotkey));
    dev_event_end(d);
    return dispatch_ok();
}

static struct dispatch do_set_commitment(struct devchain *d, const struct hotkey *signer,
                                         struct rd *r)
{
    uint16_t netuid = rd_u16(r), uid;
    struct span info = rd_take(r, r->left);
    if (!dev_uid(d, netuid, signer, &uid))
        return (struct dispatch){.pallet = "Commitments", .error = "AccountNotAllowedCommit"};
    struct rd fields = rd_init(info);
    if (scale_count(&fields, 256, 1) > 1)
        return (struct dispatch){.pallet = "Commitments", .error = "TooManyFieldsInCommitmentInfo"};
    if (info.len > COMMITMENT_BYTES_MAX)
        return (struct dispatch){.pallet = "Commitments", .error = "SpaceLimitExceeded"};
    uint8_t bytes[12 + COMMITMENT_BYTES_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_u64(&w, 0); /* No deposit is taken. */
    wr_u32(&w, (uint32_t)d->at);
    wr_raw(&w, info);
    struct row row = row_in("Commitments", row_u16_account("CommitmentOf", netuid, signer));
    enum err e = dev_write(d, &row, wr_done(&w));
    if (e == ERR_OK)
        e = dev_put_number(
            d, row_in("Commitments", row_u16_account("LastCommitment", netuid, signer)), d->at, 4);
    assert(e == ERR_OK);
    dev_event(d, "Commitments", "Commitment");
    wr_u16(&d->events.w, netuid);
    wr_raw(&d->events.w, hotkey_span(signer));
    dev_event_end(d);
    return dispatch_ok();
}

static const struct dev_call {
    const char *pallet, *name;
    bool pays, sets_weights;
    struct dispatch (*run)(struct devchain *d, const struct hotkey *signer, struct rd *r);
} calls[] = {
    {"System", "remark", true, false, do_remark},
    {"System", "remark_with_event", true, false, do_remark_with_event},
    {"SubtensorModule", "set_weights", false, true, dev_set_weights},
    {"SubtensorModule", "commit_weights", false, true, dev_commit_weights},
    {"SubtensorModule", "reveal_weights", false, true, dev_reveal_weights},
    {"SubtensorModule", "serve_axon", false, false, do_serve_axon},
    {"SubtensorModule", "burned_register", true, false, do_burned_register},
    {"Commitments", "set_commitment", false, false, do_set_commitment},
};

static const struct dev_call *find_call(struct devchain *d, struct span call)
{
    const struct metadata_pallet *p = NULL;
    struct metadata_variant v = {0};
    for (size_t i = 0; i < COUNT_OF(calls) && call.len >= 2; i++) {
        const struct metadata_pallet *own = metadata_pallet(&d->metadata, calls[i].pallet);
        if (own == NULL || own->index != call.ptr[0])
            continue;
        /* Its variants are walked once. */
        if (p == NULL &&
            metadata_variant_at(&d->metadata, own->call_type, call.ptr[1], &v) != ERR_OK)
            return NULL;
        p = own;
        if (span_equal(v.name, span_of(calls[i].name, strlen(calls[i].name))))
            return &calls[i];
    }
    return NULL;
}

bool dev_call_known(struct devchain *d, struct span call, bool *pays)
{
    const struct dev_call *c = find_call(d, call);
    if (c != NULL)
        *pays = c->pays;
    return c != NULL;
}

bool dev_call_sets_weights(struct devchain *d, struct span call)
{
    const struct dev_call *c = find_call(d, call);
    return c != NULL && c->sets_weights;
}

struct dispatch dev_dispatch(struct devchain *d, const struct hotkey *signer, struct span call)
{
    const struct dev_call *c = find_call(d, call);
    assert(c != NULL); /* Validation let nothing else through. */
    struct rd r = rd_init(span_of(call.ptr + 2, call.len - 2));
    return c->run(d, signer, &r);
}

uint64_t dev_fee(struct span extrinsic)
{
    return FEE_BASE_RAO + extrinsic.len;
}
