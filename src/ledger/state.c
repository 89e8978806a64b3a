#include "ledger/state.h"

struct table_key key_of(char table)
{
    return (struct table_key){.bytes = {(uint8_t)table}, .size = 1};
}

void key_add(struct table_key *k, struct span s)
{
    assert(s.len <= sizeof k->bytes - k->size);
    memcpy(k->bytes + k->size, s.ptr, s.len);
    k->size += s.len;
}

void key_add_u64(struct table_key *k, uint64_t x)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(x >> (56 - 8 * i));
    key_add(k, span_of(bytes, sizeof bytes));
}

struct table_key key_hash(char table, const struct hash *h)
{
    struct table_key k = key_of(table);
    key_add(&k, hash_span(h));
    return k;
}

struct table_key key_hotkey(char table, const struct hotkey *h)
{
    struct table_key k = key_of(table);
    key_add(&k, hotkey_span(h));
    return k;
}

struct table_key key_epoch(char table, uint64_t epoch)
{
    struct table_key k = key_of(table);
    key_add_u64(&k, epoch);
    return k;
}

struct table_key key_slot(char table, uint64_t slot, const struct hash *id)
{
    struct table_key k = key_epoch(table, slot);
    key_add(&k, hash_span(id));
    return k;
}

struct span key_span(const struct table_key *k)
{
    return span_of(k->bytes, k->size);
}

/* One operation's needs are bounded far below LEDGER_WORK_SIZE. */
void *work_alloc(struct ledger *l, size_t size)
{
    void *p = arena_alloc(&l->work, size);
    assert(p != NULL);
    return p;
}

/* Operations are refused before the limits (has_room), so what fails here is
 * memory: the state is then no longer that of the others, and the node stops. */
void table_put(struct ledger *l, const struct table_key *k, struct span value)
{
    enum err e = kv_put(l->kv, key_span(k), value);
    if (e != ERR_OK && l->broken == ERR_OK)
        l->broken = e;
}

void table_del(struct ledger *l, const struct table_key *k)
{
    kv_del(l->kv, key_span(k));
}

bool table_has(const struct ledger *l, const struct table_key *k)
{
    struct span value;
    return kv_get(l->kv, key_span(k), &value);
}

/* What we wrote decodes; the store's checksums and the root vouch for it after
 * a load. */
#define TABLE_GET(type)                                                                            \
    static bool get_##type(const struct ledger *l, struct table_key k, struct arena *arena,        \
                           struct type *out)                                                       \
    {                                                                                              \
        struct span value;                                                                         \
        if (!kv_get(l->kv, key_span(&k), &value))                                                  \
            return false;                                                                          \
        enum err e = type##_decode(value, arena, out);                                             \
        assert(e == ERR_OK);                                                                       \
        return true;                                                                               \
    }

#define TABLE_PUT(type, size_max)                                                                  \
    static void put_##type(struct ledger *l, struct table_key k, const struct type *m)             \
    {                                                                                              \
        size_t mark = arena_mark(&l->work);                                                        \
        struct room room = {work_alloc(l, size_max), size_max};                                    \
        struct span bytes = type##_encode(m, room);                                                \
        assert(bytes.ptr != NULL);                                                                 \
        table_put(l, &k, bytes);                                                                   \
        arena_reset(&l->work, mark);                                                               \
    }

TABLE_GET(state_challenge)
TABLE_PUT(state_challenge, KV_VALUE_SIZE_MAX)
TABLE_GET(state_submission)
TABLE_PUT(state_submission, 1024)
TABLE_GET(state_attest)
TABLE_PUT(state_attest, STATE_ATTEST_SIZE_MAX)
TABLE_GET(state_replay)
TABLE_PUT(state_replay, STATE_REPLAY_SIZE_MAX)
TABLE_GET(state_leader)
TABLE_GET(state_candidate)
TABLE_PUT(state_candidate, STATE_CANDIDATE_SIZE_MAX)
TABLE_PUT(state_meta, STATE_META_SIZE_MAX)
TABLE_PUT(state_epoch, STATE_EPOCH_SIZE_MAX)

bool state_get_challenge(const struct ledger *l, const struct hash *id, struct arena *arena,
                         struct state_challenge *out)
{
    return get_state_challenge(l, key_hash('C', id), arena, out);
}

void state_put_challenge(struct ledger *l, const struct state_challenge *c)
{
    put_state_challenge(l, key_hash('C', &c->id), c);
}

bool state_get_submission(const struct ledger *l, const struct hash *id, struct arena *arena,
                          struct state_submission *out)
{
    return get_state_submission(l, key_hash('S', id), arena, out);
}

void state_put_submission(struct ledger *l, const struct state_submission *s)
{
    struct state_submission bare = *s;
    bare.attests_count = 0;
    put_state_submission(l, key_hash('S', &s->id), &bare);
}

static struct table_key key_attest(const struct hash *submission, const struct hotkey *validator)
{
    struct table_key k = key_hash('A', submission);
    key_add(&k, hotkey_span(validator));
    return k;
}

bool state_get_attest(const struct ledger *l, const struct hash *submission,
                      const struct hotkey *validator, struct state_attest *out)
{
    return get_state_attest(l, key_attest(submission, validator), NULL, out);
}

void state_put_attest(struct ledger *l, const struct hash *submission, const struct state_attest *a)
{
    put_state_attest(l, key_attest(submission, &a->validator), a);
}

bool state_get_attests(const struct ledger *l, const struct hash *submission, struct arena *arena,
                       const struct state_attest **out, uint32_t *count)
{
    struct table_key k = key_hash('A', submission);
    uint32_t n = kv_count(l->kv, key_span(&k));
    struct state_attest *list = arena_array(arena, (size_t)n + 1, sizeof *list);
    if (list == NULL)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        struct span key, value;
        bool there = kv_at(l->kv, key_span(&k), i, &key, &value);
        assert(there);
        enum err e = state_attest_decode(value, NULL, &list[i]);
        assert(e == ERR_OK);
    }
    *out = list;
    *count = n;
    return true;
}

bool state_get_replay(const struct ledger *l, const struct hotkey *signer, struct state_replay *out)
{
    return get_state_replay(l, key_hotkey('N', signer), NULL, out);
}

void state_put_replay(struct ledger *l, const struct hotkey *signer, const struct state_replay *r)
{
    put_state_replay(l, key_hotkey('N', signer), r);
}

bool state_get_leader(const struct ledger *l, const struct hash *challenge,
                      const struct hotkey *miner, struct state_leader *out)
{
    struct table_key k = key_hash('L', challenge);
    key_add(&k, hotkey_span(miner));
    return get_state_leader(l, k, NULL, out);
}

bool state_get_candidate(const struct ledger *l, struct arena *arena, struct state_candidate *out)
{
    return get_state_candidate(l, key_of('K'), arena, out);
}

void state_put_candidate(struct ledger *l, const struct state_candidate *c)
{
    put_state_candidate(l, key_of('K'), c);
}

void state_put_meta(struct ledger *l)
{
    put_state_meta(l, key_of('M'), &l->meta);
}

void state_put_epoch(struct ledger *l)
{
    const struct state_epoch e = {.epoch = l->meta.epoch,
                                  .weights = l->has_weights,
                                  .sealed = l->sealed,
                                  .valset = l->now.quorum.set};
    put_state_epoch(l, key_epoch('E', e.epoch), &e);
}
