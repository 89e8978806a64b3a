#include "cmd/devchain_weights.h"

#include "crypto/hash.h"

enum { UID_COUNT_MAX = CALL_WEIGHTS_MAX, ROW_SIZE_MAX = 8 + 4 * UID_COUNT_MAX, FULL = 65535 };

/* One argument of a weight call. */
struct u16s {
    uint32_t count;
    uint16_t at[UID_COUNT_MAX];
};

struct weights {
    uint16_t netuid;
    uint64_t version_key;
    struct u16s *uids, *values, *salt;
};

static void read_u16s(struct devchain *d, struct rd *r, struct u16s **out)
{
    *out = arena_alloc(&d->scratch, sizeof **out);
    if (*out == NULL)
        rd_fail(r, ERR_NO_MEMORY);
    uint32_t count = scale_count(r, UID_COUNT_MAX, 2);
    for (uint32_t i = 0; i < count; i++)
        (*out)->at[i] = rd_u16(r);
    if (*out != NULL)
        (*out)->count = count;
}

static struct dispatch check_member(struct devchain *d, uint16_t netuid,
                                    const struct hotkey *signer, uint16_t *uid)
{
    if (dev_number(d, row_u16("NetworksAdded", netuid)) == 0)
        return dispatch_fail("SubNetworkDoesNotExist");
    if (!dev_uid(d, netuid, signer, uid))
        return dispatch_fail("HotKeyNotRegisteredInSubNet");
    if (dev_stake(d, netuid, signer) < dev_number(d, row_plain("StakeThreshold")))
        return dispatch_fail("NotEnoughStakeToSetWeights");
    return dispatch_ok();
}

/* A LastUpdate of zero means that nothing was ever set. */
static bool too_fast(struct devchain *d, uint16_t netuid, uint16_t uid)
{
    uint64_t last = dev_element(d, row_u16("LastUpdate", netuid), uid, 8);
    return last != 0 && d->at - last < dev_number(d, row_u16("WeightsSetRateLimit", netuid));
}

static bool may_set(struct devchain *d, const struct weights *w, const struct hotkey *signer,
                    uint16_t uid)
{
    struct hotkey owner;
    bool self_only = w->uids->count == 1 && w->uids->at[0] == uid;
    bool owns = dev_account(d, row_u16("SubnetOwnerHotkey", w->netuid), &owner) &&
                hotkey_equal(&owner, signer);
    return self_only || owns || dev_element(d, row_u16("ValidatorPermit", w->netuid), uid, 1) != 0;
}

static struct dispatch check_values(struct devchain *d, const struct weights *w, uint16_t uid)
{
    bool seen[DEVCHAIN_NEURONS_MAX] = {0}; /* A greater uid is invalid anyway. */
    uint64_t size = dev_number(d, row_u16("SubnetworkN", w->netuid));
    uint64_t sum = 0, max = 0;
    for (uint32_t i = 0; i < w->uids->count; i++) {
        uint16_t at = w->uids->at[i];
        if (at < COUNT_OF(seen) && seen[at])
            return dispatch_fail("DuplicateUids");
        if (at < COUNT_OF(seen))
            seen[at] = true;
        sum += w->values->at[i];
        max = max_u64(max, w->values->at[i]);
    }
    for (uint32_t i = 0; i < w->uids->count; i++)
        if (w->uids->at[i] >= size)
            return dispatch_fail("UidVecContainInvalidOne");
    bool self_only = w->uids->count == 1 && w->uids->at[0] == uid;
    uint64_t least = min_u64(dev_number(d, row_u16("MinAllowedWeights", w->netuid)), size);
    if (!self_only && w->uids->count < least)
        return dispatch_fail("WeightVecLengthIsLow");
    uint64_t limit = dev_number(d, row_u16("MaxWeightsLimit", w->netuid));
    if (!self_only && limit != FULL && max * FULL > limit * sum)
        return dispatch_fail("MaxWeightExceeded");
    return dispatch_ok();
}

/* The runtime keeps weights scaled so that the greatest is 65535. */
static enum err write_weights(struct devchain *d, const struct weights *w, uint16_t uid)
{
    uint64_t max = 0;
    for (uint32_t i = 0; i < w->values->count; i++)
        max = max_u64(max, w->values->at[i]);
    uint8_t *bytes = arena_alloc(&d->scratch, ROW_SIZE_MAX);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    struct wr out = wr_init((struct room){bytes, ROW_SIZE_MAX});
    scale_put_compact(&out, w->uids->count);
    for (uint32_t i = 0; i < w->uids->count; i++) {
        uint64_t value = w->values->at[i];
        wr_u16(&out, w->uids->at[i]);
        wr_u16(&out, (uint16_t)(max == 0 ? 0 : (value * FULL + max / 2) / max));
    }
    assert(!out.full);
    struct row row = row_u16_u16("Weights", w->netuid, uid);
    return dev_write(d, &row, wr_done(&out));
}

static struct dispatch put_weights(struct devchain *d, const struct weights *w,
                                   const struct hotkey *signer, bool check_rate)
{
    uint16_t uid;
    if (w->uids->count != w->values->count)
        return dispatch_fail("WeightVecNotEqualSize");
    struct dispatch bad = check_member(d, w->netuid, signer, &uid);
    if (!bad.ok)
        return bad;
    if (w->uids->count > dev_number(d, row_u16("SubnetworkN", w->netuid)))
        return dispatch_fail("UidsLengthExceedUidsInSubNet");
    uint64_t wanted = dev_number(d, row_u16("WeightsVersionKey", w->netuid));
    if (wanted != 0 && w->version_key < wanted)
        return dispatch_fail("IncorrectWeightVersionKey");
    if (check_rate && too_fast(d, w->netuid, uid))
        return dispatch_fail("SettingWeightsTooFast");
    if (!may_set(d, w, signer, uid))
        return dispatch_fail("NeuronNoValidatorPermit");
    bad = check_values(d, w, uid);
    if (!bad.ok)
        return bad;
    enum err e = write_weights(d, w, uid);
    if (e == ERR_OK && check_rate)
        e = dev_put_element(d, row_u16("LastUpdate", w->netuid), uid, 8, d->at);
    assert(e == ERR_OK);
    dev_event(d, "SubtensorModule", "WeightsSet");
    wr_u16(&d->events.w, w->netuid);
    wr_u16(&d->events.w, uid);
    dev_event_end(d);
    return dispatch_ok();
}

struct dispatch dev_set_weights(struct devchain *d, const struct hotkey *signer, struct rd *r)
{
    struct weights w = {.netuid = rd_u16(r)};
    read_u16s(d, r, &w.uids);
    read_u16s(d, r, &w.values);
    w.version_key = rd_u64(r);
    if (rd_end(r) != ERR_OK)
        return dispatch_fail("InputLengthsUnequal");
    if (dev_number(d, row_u16("CommitRevealWeightsEnabled", w.netuid)) != 0)
        return dispatch_fail("CommitRevealEnabled");
    return put_weights(d, &w, signer, true);
}

/* ---- Commit and reveal ---- */

struct commit {
    struct hash hash;
    uint64_t block, first, last;
};

struct commits {
    uint32_t count;
    struct commit at[DEVCHAIN_COMMITS_MAX];
};

static struct row commits_row(uint16_t netuid, const struct hotkey *signer)
{
    return row_u16_account("WeightCommits", netuid, signer);
}

static struct commits read_commits(struct devchain *d, uint16_t netuid, const struct hotkey *signer)
{
    struct row row = commits_row(netuid, signer);
    struct commits c = {0};
    if (!dev_has(d, &row))
        return c;
    struct rd r = rd_init(dev_read(d, &row));
    c.count = scale_count(&r, DEVCHAIN_COMMITS_MAX, HASH_SIZE + 24);
    for (uint32_t i = 0; i < c.count; i++) {
        rd_into(&r, (struct room){c.at[i].hash.bytes, HASH_SIZE});
        c.at[i].block = rd_u64(&r);
        c.at[i].first = rd_u64(&r);
        c.at[i].last = rd_u64(&r);
    }
    assert(rd_end(&r) == ERR_OK);
    return c;
}

static enum err write_commits(struct devchain *d, uint16_t netuid, const struct hotkey *signer,
                              const struct commits *c, uint32_t from)
{
    struct row row = commits_row(netuid, signer);
    if (from >= c->count)
        return dev_write(d, &row, (struct span){0});
    uint8_t bytes[8 + DEVCHAIN_COMMITS_MAX * (HASH_SIZE + 24)];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    scale_put_compact(&w, c->count - from);
    for (uint32_t i = from; i < c->count; i++) {
        wr_raw(&w, hash_span(&c->at[i].hash));
        wr_u64(&w, c->at[i].block);
        wr_u64(&w, c->at[i].first);
        wr_u64(&w, c->at[i].last);
    }
    return dev_write(d, &row, wr_done(&w));
}

static uint64_t reveal_epoch(struct devchain *d, uint16_t netuid, uint64_t commit_block)
{
    return dev_epoch(d, netuid, commit_block) +
           dev_number(d, row_u16("RevealPeriodEpochs", netuid));
}

/* How many of the oldest can no longer be revealed. */
static uint32_t expired(struct devchain *d, uint16_t netuid, const struct commits *c)
{
    uint32_t n = 0;
    while (n < c->count && dev_epoch(d, netuid, d->at) > reveal_epoch(d, netuid, c->at[n].block))
        n++;
    return n;
}

static void commit_event(struct devchain *d, const char *name, const struct hotkey *signer,
                         uint16_t netuid, const struct hash *hash)
{
    dev_event(d, "SubtensorModule", name);
    wr_raw(&d->events.w, hotkey_span(signer));
    wr_u16(&d->events.w, netuid);
    wr_raw(&d->events.w, hash_span(hash));
    dev_event_end(d);
}

struct dispatch dev_commit_weights(struct devchain *d, const struct hotkey *signer, struct rd *r)
{
    uint16_t netuid = rd_u16(r), uid;
    struct commit one = {.block = d->at};
    rd_into(r, (struct room){one.hash.bytes, HASH_SIZE});
    if (rd_end(r) != ERR_OK)
        return dispatch_fail("InputLengthsUnequal");
    if (dev_number(d, row_u16("CommitRevealWeightsEnabled", netuid)) == 0)
        return dispatch_fail("CommitRevealDisabled");
    struct dispatch bad = check_member(d, netuid, signer, &uid);
    if (!bad.ok)
        return bad;
    if (too_fast(d, netuid, uid))
        return dispatch_fail("CommittingWeightsTooFast");
    struct commits c = read_commits(d, netuid, signer);
    uint32_t from = expired(d, netuid, &c);
    if (c.count - from == DEVCHAIN_COMMITS_MAX)
        return dispatch_fail("TooManyUnrevealedCommits");
    uint64_t stride = dev_number(d, row_u16("Tempo", netuid)) + 1;
    one.first = reveal_epoch(d, netuid, d->at) * stride - netuid - 1;
    one.last = one.first + stride - 1;
    for (uint32_t i = from; i < c.count; i++)
        c.at[i - from] = c.at[i];
    c.count -= from;
    c.at[c.count++] = one;
    enum err e = write_commits(d, netuid, signer, &c, 0);
    if (e == ERR_OK)
        e = dev_put_element(d, row_u16("LastUpdate", netuid), uid, 8, d->at);
    assert(e == ERR_OK);
    commit_event(d, "WeightsCommitted", signer, netuid, &one.hash);
    return dispatch_ok();
}

static struct hash opened(const struct hotkey *signer, const struct weights *w)
{
    struct call_weights c = {.netuid = w->netuid,
                             .count = w->uids->count,
                             .uids = w->uids->at,
                             .values = w->values->at,
                             .version_key = w->version_key};
    return call_commit_hash(signer, &c, w->salt->at, w->salt->count);
}

static struct dispatch find_commit(struct devchain *d, const struct weights *w,
                                   const struct commits *c, const struct hash *hash,
                                   uint32_t *index)
{
    uint32_t from = expired(d, w->netuid, c);
    uint32_t i = 0;
    while (i < c->count && !hash_equal(&c->at[i].hash, hash))
        i++;
    if (i < from)
        return dispatch_fail("ExpiredWeightCommit");
    if (from == c->count)
        return dispatch_fail("NoWeightsCommitFound");
    if (i == c->count)
        return dispatch_fail("InvalidRevealCommitHashNotMatch");
    if (dev_epoch(d, w->netuid, d->at) != reveal_epoch(d, w->netuid, c->at[i].block))
        return dispatch_fail("RevealTooEarly");
    *index = i;
    return dispatch_ok();
}

struct dispatch dev_reveal_weights(struct devchain *d, const struct hotkey *signer, struct rd *r)
{
    struct weights w = {.netuid = rd_u16(r)};
    read_u16s(d, r, &w.uids);
    read_u16s(d, r, &w.values);
    read_u16s(d, r, &w.salt);
    w.version_key = rd_u64(r);
    if (rd_end(r) != ERR_OK || w.uids->count != w.values->count)
        return dispatch_fail("InputLengthsUnequal");
    if (dev_number(d, row_u16("CommitRevealWeightsEnabled", w.netuid)) == 0)
        return dispatch_fail("CommitRevealDisabled");
    struct commits c = read_commits(d, w.netuid, signer);
    if (c.count == 0)
        return dispatch_fail("NoWeightsCommitFound");
    struct hash hash = opened(signer, &w);
    uint32_t index = 0;
    struct dispatch bad = find_commit(d, &w, &c, &hash, &index);
    if (!bad.ok)
        return bad;
    enum err e = write_commits(d, w.netuid, signer, &c, index + 1);
    assert(e == ERR_OK);
    bad = put_weights(d, &w, signer, false);
    if (!bad.ok)
        return bad;
    commit_event(d, "WeightsRevealed", signer, w.netuid, &hash);
    return dispatch_ok();
}
