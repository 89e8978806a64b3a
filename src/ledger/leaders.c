#include "epoch/epoch.h"
#include "ledger/state.h"

static struct table_key key_leader(const struct hash *challenge, const struct hotkey *miner)
{
    struct table_key k = key_hash('L', challenge);
    key_add(&k, hotkey_span(miner));
    return k;
}

static struct table_key key_rank(const struct hash *challenge, uint64_t score,
                                 const struct hotkey *miner)
{
    struct table_key k = key_hash('R', challenge);
    key_add_u64(&k, ~score);
    key_add(&k, hotkey_span(miner));
    return k;
}

/* A blob whose submission is forgotten was kept for the leader's sake only. */
static void ledger_leader_drop(struct ledger *l, const struct hash *challenge,
                               const struct state_leader *leader)
{
    struct table_key k = key_hash('S', &leader->submission);
    bool remembered = table_has(l, &k);
    if (!remembered) {
        k = key_hash('B', challenge);
        key_add(&k, hash_span(&leader->blob));
        table_del(l, &k);
    }
    k = key_rank(challenge, leader->score, &leader->miner);
    table_del(l, &k);
    k = key_leader(challenge, &leader->miner);
    table_del(l, &k);
}

/* The best result of a miner stays; of equal ones the first. */
void ledger_leader_offer(struct ledger *l, const struct state_submission *s)
{
    struct state_leader old;
    if (state_get_leader(l, &s->challenge, &s->miner, &old)) {
        if (old.score >= s->result.score)
            return;
        ledger_leader_drop(l, &s->challenge, &old);
    }
    const struct state_leader leader = {
        .miner = s->miner, .score = s->result.score, .submission = s->id, .blob = s->blob};
    uint8_t bytes[STATE_LEADER_SIZE_MAX];
    struct table_key k = key_leader(&s->challenge, &s->miner);
    table_put(l, &k, state_leader_encode(&leader, (struct room){bytes, sizeof bytes}));
    k = key_rank(&s->challenge, leader.score, &s->miner);
    table_put(l, &k, SPAN_LITERAL("1"));
}

static void drop_under(struct ledger *l, const struct table_key *under, bool registered_too)
{
    struct span key, value;
    for (uint32_t i = 0; kv_at(l->kv, key_span(under), i, &key, &value);) {
        struct state_leader leader;
        struct hash challenge;
        enum err e = state_leader_decode(value, NULL, &leader);
        assert(e == ERR_OK);
        memcpy(challenge.bytes, key.ptr + 1, HASH_SIZE);
        if (registered_too || !ledger_is_registered(l, &leader.miner))
            ledger_leader_drop(l, &challenge, &leader);
        else
            i++;
    }
}

/* Who is no longer registered has no place any more. */
void ledger_leaders_new_epoch(struct ledger *l)
{
    struct table_key all = key_of('L');
    drop_under(l, &all, false);
}

void ledger_leaders_forget(struct ledger *l, const struct hash *challenge)
{
    struct table_key all = key_hash('L', challenge);
    drop_under(l, &all, true);
}

static void scores_of(struct ledger *l, const struct state_challenge *c,
                      struct epoch_challenge *out)
{
    struct table_key all = key_hash('L', &c->id);
    struct span key, value;
    uint32_t n = kv_count(l->kv, key_span(&all));
    struct epoch_score *scores = work_alloc(l, ((size_t)n + 1) * sizeof *scores);
    *out = (struct epoch_challenge){.share = c->body.share, .scores = scores};
    for (uint32_t i = 0; kv_at(l->kv, key_span(&all), i, &key, &value); i++) {
        struct state_leader leader;
        enum err e = state_leader_decode(value, NULL, &leader);
        assert(e == ERR_OK);
        uint16_t uid;
        if (ledger_neuron(l, &leader.miner, &uid))
            scores[out->count++] = (struct epoch_score){.uid = uid, .score = leader.score};
    }
}

void ledger_weights_now(struct ledger *l, struct weights *out)
{
    struct epoch_challenge *challenges = work_alloc(l, CHALLENGES_MAX * sizeof *challenges);
    uint32_t count = 0;
    struct table_key all = key_of('C');
    struct span key, value;
    for (uint32_t i = 0; kv_at(l->kv, key_span(&all), i, &key, &value); i++) {
        struct state_challenge c;
        enum err e = state_challenge_decode(value, &l->work, &c);
        assert(e == ERR_OK && count < CHALLENGES_MAX);
        if (c.phase == CHALLENGE_PHASE_ACTIVE)
            scores_of(l, &c, &challenges[count++]);
    }
    uint16_t burn = 0; /* The owner's own place when it has one, else uid 0. */
    (void)ledger_neuron(l, &l->now.quorum.set.owner, &burn);
    enum err e = epoch_weights(challenges, count, l->meta.epoch, burn, &l->work, out);
    assert(e == ERR_OK);
}
