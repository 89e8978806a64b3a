#include "ledger/state.h"
#include "registry/registry.h"

static struct table_key key_blob(const struct hash *challenge, const struct hash *blob)
{
    struct table_key k = key_hash('B', challenge);
    key_add(&k, hash_span(blob));
    return k;
}

static enum ledger_blob blob_in(const struct ledger *l, const struct hash *challenge,
                                const struct hash *blob, struct arena *scratch)
{
    struct state_challenge c;
    struct state_submission s;
    struct hash id;
    struct span value;
    struct table_key k = key_blob(challenge, blob);
    if (state_get_challenge(l, challenge, scratch, &c) && hash_equal(&c.body.module, blob))
        return LEDGER_BLOB_PUBLIC;
    if (!kv_get(l->kv, key_span(&k), &value))
        return LEDGER_BLOB_UNKNOWN;
    assert(value.len == HASH_SIZE);
    memcpy(id.bytes, value.ptr, HASH_SIZE);
    bool open = state_get_submission(l, &id, scratch, &s) &&
                (s.phase == SUBMISSION_PHASE_COMMITTING || s.phase == SUBMISSION_PHASE_REVEALING);
    return open ? LEDGER_BLOB_OPEN : LEDGER_BLOB_PUBLIC;
}

enum ledger_blob ledger_blob(const struct ledger *l, const struct hash *blob, struct arena *scratch)
{
    struct hash challenge;
    enum ledger_blob best = LEDGER_BLOB_UNKNOWN;
    for (uint32_t i = 0; ledger_challenge_at(l, i, &challenge); i++) {
        size_t mark = arena_mark(scratch);
        enum ledger_blob found = blob_in(l, &challenge, blob, scratch);
        best = found > best ? found : best;
        arena_reset(scratch, mark);
    }
    return best;
}

bool ledger_needs_blob(const struct ledger *l, const struct hash *blob, struct arena *scratch)
{
    struct hash challenge, id;
    struct state_submission s;
    struct span value;
    size_t mark = arena_mark(scratch);
    for (uint32_t i = 0; ledger_challenge_at(l, i, &challenge); i++) {
        struct state_challenge c;
        struct table_key k = key_blob(&challenge, blob);
        bool needed =
            state_get_challenge(l, &challenge, scratch, &c) && hash_equal(&c.body.module, blob);
        if (!needed && kv_get(l->kv, key_span(&k), &value)) {
            memcpy(id.bytes, value.ptr, HASH_SIZE);
            needed = state_get_submission(l, &id, scratch, &s);
        }
        arena_reset(scratch, mark);
        if (needed)
            return true;
    }
    return false;
}

static bool spent(const struct turn *t)
{
    struct state_replay r;
    return state_get_replay(t->l, t->signer, &r) && r.epoch == t->l->meta.epoch &&
           r.submissions >= SUBMISSIONS_EPOCH_MAX;
}

static struct table_key key_kept(const struct hotkey *miner)
{
    return key_hotkey('Q', miner);
}

/* Of a registered miner.  Submissions may take three quarters of the state, with the attestations
 * that they will bring, and their inputs input_bytes_max.  Half of either is for whoever comes
 * first; of the other half every registered hotkey has an equal part, and one submission at least,
 * as long as there is any.  So one miner cannot shut the others out, nor many the validators. */
static bool has_share(const struct turn *t)
{
    const struct ledger *l = t->l;
    struct table_key all = key_of('S'), mine = key_kept(t->signer), registered = key_of('U');
    uint32_t rows = SUBMISSION_ENTRIES + l->now.quorum.count;
    uint32_t half = (l->config.entries_max - RESERVE_ENTRIES) / 8 * 3 / rows;
    uint32_t kept = kv_count(l->kv, key_span(&all));
    if (kept < half)
        return true;
    uint32_t part = half / kv_count(l->kv, key_span(&registered));
    return kept < 2 * half && kv_count(l->kv, key_span(&mine)) < (part > 0 ? part : 1);
}

static bool has_share_of_bytes(const struct turn *t, uint32_t size)
{
    const struct ledger *l = t->l;
    struct table_key registered = key_of('U');
    uint64_t half = l->config.input_bytes_max / 2, sum = l->inputs.bytes + size;
    if (sum <= half)
        return true;
    uint64_t part = half / kv_count(l->kv, key_span(&registered));
    uint64_t mine = inputs_of(&l->inputs, t->signer);
    return sum <= 2 * half && (mine == 0 || mine + size <= part);
}

enum reject op_check_submission(struct turn *t, const struct op_submission *b)
{
    struct state_challenge c;
    if (!ledger_is_registered(t->l, t->signer))
        return REJECT_NOT_REGISTERED;
    if (!state_get_challenge(t->l, &b->challenge, &t->l->work, &c))
        return REJECT_UNKNOWN_CHALLENGE;
    if (!registry_is_open(&c, t->slot))
        return REJECT_CHALLENGE_STATE;
    if (b->size == 0 || b->size > c.body.policy.input_bytes)
        return REJECT_LIMIT;
    struct table_key k = key_blob(&b->challenge, &b->blob);
    if (table_has(t->l, &k))
        return REJECT_DUPLICATE;
    bool fits = !spent(t) && has_share(t) && has_share_of_bytes(t, b->size) && turn_has_room(t);
    return fits ? REJECT_NONE : REJECT_LIMIT;
}

void op_act_submission(struct turn *t, const struct op_submission *b)
{
    struct ledger *l = t->l;
    struct state_challenge c;
    bool there = state_get_challenge(l, &b->challenge, &l->work, &c);
    assert(there);
    const struct state_submission s = {.id = t->id,
                                       .challenge = b->challenge,
                                       .miner = *t->signer,
                                       .blob = b->blob,
                                       .size = b->size,
                                       .slot = t->slot,
                                       .epoch = l->meta.epoch,
                                       .phase = SUBMISSION_PHASE_COMMITTING};
    state_put_submission(l, &s);
    enum err e = inputs_add(&l->inputs, t->signer, b->size);
    assert(e == ERR_OK); /* No more were registered. */
    struct table_key k = key_kept(t->signer);
    key_add(&k, hash_span(&t->id));
    table_put(l, &k, SPAN_LITERAL("1"));
    k = key_blob(&b->challenge, &b->blob);
    table_put(l, &k, hash_span(&t->id));
    k = key_slot('D', t->slot, &t->id);
    table_put(l, &k, SPAN_LITERAL("1"));
    k = key_slot('T', time_add(t->slot, c.body.policy.reveal_after), &t->id);
    table_put(l, &k, SPAN_LITERAL("1"));
    struct state_replay r;
    there = state_get_replay(l, t->signer, &r); /* apply.c has spent the nonce */
    assert(there);
    r.submissions++;
    state_put_replay(l, t->signer, &r);
    turn_notice(t, LEDGER_SUBMISSION, &t->id);
}

/* The blob stays taken while its result leads, or somebody could submit it
 * again as his own. */
static void ledger_submission_forget(struct ledger *l, const struct state_submission *s)
{
    struct state_leader leader;
    struct table_key attests = key_hash('A', &s->id), blob = key_blob(&s->challenge, &s->blob);
    struct span key, value;
    while (kv_at(l->kv, key_span(&attests), 0, &key, &value))
        kv_del(l->kv, key);
    bool leads = state_get_leader(l, &s->challenge, &s->miner, &leader) &&
                 hash_equal(&leader.submission, &s->id);
    if (!leads)
        table_del(l, &blob);
    struct table_key k = key_kept(&s->miner);
    key_add(&k, hash_span(&s->id));
    table_del(l, &k);
    k = key_hash('S', &s->id);
    table_del(l, &k);
    inputs_remove(&l->inputs, &s->miner, s->size);
}

/* It is decided: it stands in no queue any more. */
void ledger_submission_close(struct ledger *l, const struct state_submission *s)
{
    struct state_challenge c;
    struct table_key k = key_slot('D', s->slot, &s->id);
    table_del(l, &k);
    bool there = state_get_challenge(l, &s->challenge, &l->work, &c);
    assert(there);
    k = key_slot('T', time_add(s->slot, c.body.policy.reveal_after), &s->id);
    table_del(l, &k);
}

static void bits_of_reveals(const struct turn *t, const struct hash *id,
                            uint8_t bits[BFT_BITMAP_SIZE])
{
    const struct state_attest *attests;
    uint32_t count;
    bool ok = state_get_attests(t->l, id, &t->l->work, &attests, &count);
    assert(ok);
    memset(bits, 0, BFT_BITMAP_SIZE);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t member = bft_member(&t->l->now.quorum, &attests[i].validator);
        if (attests[i].has_revealed && member != BFT_ALL)
            bits[member / 8] |= (uint8_t)(1u << (member % 8));
    }
}

static void give_up(struct turn *t, struct state_submission *s)
{
    s->phase = SUBMISSION_PHASE_UNRESOLVED;
    state_put_submission(t->l, s);
    struct audit_body body = {
        .tag = AUDIT_BODY_UNRESOLVED,
        .unresolved = {.submission = s->id, .challenge = s->challenge, .miner = s->miner}};
    bits_of_reveals(t, &s->id, body.unresolved.revealed);
    turn_entry(t, &body);
    turn_notice(t, LEDGER_FINAL, &s->id);
}

/* The set is new: what was committed or revealed may be a QUORUM now. */
static void open_ones(struct turn *t)
{
    struct ledger *l = t->l;
    struct table_key all = key_of('D');
    struct span key, value;
    for (uint32_t i = 0; kv_at(l->kv, key_span(&all), i, &key, &value);) {
        struct state_submission s;
        struct hash id;
        size_t mark = arena_mark(&l->work);
        uint32_t before = kv_count(l->kv, key_span(&all));
        memcpy(id.bytes, key.ptr + 9, HASH_SIZE);
        bool there = state_get_submission(l, &id, &l->work, &s);
        assert(there);
        if (s.epoch + OPEN_EPOCHS <= l->meta.epoch) {
            ledger_submission_close(l, &s);
            give_up(t, &s);
        } else {
            ledger_submission_settle(t, &id);
        }
        if (kv_count(l->kv, key_span(&all)) == before)
            i++;
        arena_reset(&l->work, mark);
    }
}

void ledger_submissions_new_epoch(struct turn *t)
{
    struct ledger *l = t->l;
    open_ones(t);
    struct table_key all = key_of('S');
    struct span key, value;
    for (uint32_t i = 0; kv_at(l->kv, key_span(&all), i, &key, &value);) {
        struct state_submission s;
        enum err e = state_submission_decode(value, NULL, &s);
        assert(e == ERR_OK);
        if (s.epoch + KEPT_EPOCHS <= l->meta.epoch)
            ledger_submission_forget(l, &s);
        else
            i++;
    }
}

/* Windows whose time has come. */
void ledger_submissions_tick(struct turn *t)
{
    struct ledger *l = t->l;
    struct table_key all = key_of('T');
    struct span key, value;
    while (kv_at(l->kv, key_span(&all), 0, &key, &value)) {
        struct table_key due = key_epoch('T', t->slot);
        if (memcmp(key.ptr, due.bytes, due.size) > 0)
            return;
        struct hash id;
        memcpy(id.bytes, key.ptr + 9, HASH_SIZE);
        kv_del(l->kv, key);
        ledger_submission_settle(t, &id);
        arena_reset(&l->work, 0);
    }
}
