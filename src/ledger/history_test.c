#include "ledger/ledger.h"

#include "codec/hex.h"
#include "ledger/net_test.h"
#include "ledger/op.h"

enum { SLOTS = 1920, KNOWN_MAX = 1000, STORE_MAX = 4096, FINALS_MAX = 400 };

/* --- the window of nonces */

static void a_nonce_is_used_once_or_too_old(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 21);
    for (int round = 0; round < 20; round++) {
        struct state_replay r = {0};
        static bool used[4000];
        uint64_t highest = 0;
        memset(used, 0, sizeof used);
        for (int i = 0; i < 3000; i++) {
            uint64_t low = highest > 300 ? highest - 300 : 0;
            uint64_t nonce = low + prng_below(&p, round % 2 == 0 ? 305 : 700);
            if (nonce >= COUNT_OF(used))
                break;
            bool too_old = nonce + REPLAY_WINDOW <= highest;
            bool fresh = nonce > 0 && !used[nonce] && !too_old;
            assert_int_equal(nonce_is_fresh(&r, nonce), fresh);
            if (!fresh)
                continue;
            nonce_use(&r, nonce);
            used[nonce] = true;
            highest = max_u64(highest, nonce);
            assert_int_equal(r.highest, highest);
        }
    }
    /* A full window shifts out of its end, not into what stands behind it. */
    struct state_replay full = {.epoch = 7, .submissions = 9};
    for (uint64_t nonce = 1; nonce <= 3 * REPLAY_WINDOW; nonce++)
        nonce_use(&full, nonce);
    assert_true(full.epoch == 7 && full.submissions == 9);
    struct state_replay far = {0};
    assert_false(nonce_is_fresh(&far, UINT64_MAX));
    assert_false(nonce_is_fresh(&far, (1ull << 32) + 1));
    nonce_use(&far, 1ull << 32);
    assert_true(nonce_is_fresh(&far, 1ull << 33));
    assert_false(nonce_is_fresh(&far, (1ull << 33) + 1));
    far.highest = UINT64_MAX; /* the arithmetic at its end */
    assert_false(nonce_is_fresh(&far, UINT64_MAX));
    assert_true(nonce_is_fresh(&far, UINT64_MAX - 255));
    assert_false(nonce_is_fresh(&far, UINT64_MAX - 256));
}

/* --- a random history */

struct story {
    struct net n;
    struct prng p;
    struct hash challenges[KNOWN_MAX], submissions[KNOWN_MAX];
    uint32_t challenge_count, submission_count, rejected, accepted, epochs, restarts;
    struct kv *store; /* what a disk would hold: all changes up to the last checkpoint */
    struct arena store_memory;
    struct {
        struct hash id;
        struct attestation result;
    } finals[FINALS_MAX];
    uint32_t final_count;
};

static const struct hash *pick(struct story *s, const struct hash *list, uint32_t count)
{
    static const struct hash none;
    return count == 0 ? &none : &list[prng_below(&s->p, count)];
}

/* The newest few are the ones that something is going on with. */
static const struct hash *pick_submission(struct story *s)
{
    uint32_t recent = (uint32_t)min_u64(s->submission_count, 3);
    return pick(s, s->submissions + s->submission_count - recent, recent);
}

static struct attestation opinion(const struct hash *id, uint32_t validator)
{
    struct attestation a = test_attestation(id, 1 + id->bytes[0] * 30u);
    if (validator == 3 && id->bytes[1] % 3 == 0)
        a.score = 7; /* one who sees things differently */
    return a;
}

/* One draw a statement: the order of arguments is the compiler's. */
static struct op_body random_body(struct story *s, const struct hotkey **signer)
{
    struct net *n = &s->n;
    uint32_t v = (uint32_t)prng_below(&s->p, TEST_VALIDATORS + 1);
    const struct hash *challenge = pick(s, s->challenges, s->challenge_count);
    char name[32];
    *signer = &n->validators[v];
    switch (prng_below(&s->p, 20)) {
    case 0: {
        static const char *const names[] = {"a", "b", "c", "d"};
        *signer = &n->owner;
        return test_register(2000, names[prng_below(&s->p, 4)]);
    }
    case 1:
    case 2:
        return test_about(OP_BODY_CHALLENGE_APPROVE, challenge, 0);
    case 3:
        *signer = &n->owner;
        return test_about(OP_BODY_CHALLENGE_ACTIVATE, challenge, prng_below(&s->p, 700));
    case 4:
        *signer = &n->owner;
        return test_about(prng_chance(&s->p, 1, 40) ? OP_BODY_CHALLENGE_RETIRE
                                                    : OP_BODY_CHALLENGE_APPROVE,
                          challenge, 0);
    case 5:
    case 6:
        snprintf(name, sizeof name, "blob %d", (int)prng_below(&s->p, 300));
        *signer = &n->miners[prng_below(&s->p, TEST_MINERS)];
        return test_submission(challenge, name);
    case 7:
    case 8:
    case 9:
    case 10:
    case 11:
    case 12: {
        struct attestation a = opinion(pick_submission(s), v);
        return test_commit(&a, *signer);
    }
    default: {
        struct attestation a = opinion(pick_submission(s), v);
        return test_reveal(&a);
    }
    }
}

/* WEIGHTS, SEAL and EPOCH come when they should, and sometimes when not. */
static bool duty(struct story *s, uint64_t seq, struct op_body *b)
{
    struct net *n = &s->n;
    struct state_epoch e = net_epoch_state(n);
    if (seq <= 16)
        return false;
    if (seq % 16 == 0 && prng_chance(&s->p, 1, 2)) {
        *b = net_epoch(n);
        uint32_t skip = (uint32_t)prng_below(&s->p, 3); /* miners come and go */
        b->epoch.neurons += skip;
        b->epoch.neurons_count -= skip;
        return true;
    }
    if (!e.weights && prng_chance(&s->p, 1, 4)) {
        *b = net_weights(n);
        return true;
    }
    if (!e.sealed && prng_chance(&s->p, 1, 4)) {
        *b = net_seal(n);
        return true;
    }
    return false;
}

static struct span random_batch(struct story *s, uint64_t seq)
{
    struct span ops[8];
    uint32_t count = 0;
    struct op_body b;
    for (uint64_t i = prng_below(&s->p, 7); i > 0; i--) {
        const struct hotkey *signer;
        b = random_body(s, &signer);
        ops[count++] = net_op(&s->n, signer, &b);
        if (!prng_chance(&s->p, 1, 15))
            continue;
        uint64_t nonce = 1 + prng_below(&s->p, s->n.nonce);
        uint64_t epoch = ledger_epoch(s->n.l) - prng_below(&s->p, 3);
        ops[count - 1] = net_op_at(&s->n, signer, &b, nonce, epoch, &s->n.network);
    }
    if (duty(s, seq, &b))
        ops[count++] = net_op(&s->n, &s->n.validators[1 + prng_below(&s->p, 3)], &b);
    return count == 0 ? (struct span){0} : net_batch(&s->n, ops, count);
}

static void learn(struct story *s)
{
    const struct ledger_result *r = &s->n.result;
    for (uint32_t i = 0; i < r->fate_count; i++)
        *(r->fates[i].reject == REJECT_NONE ? &s->accepted : &s->rejected) += 1;
    for (uint32_t i = 0; i < r->notice_count; i++) {
        const struct ledger_notice *x = &r->notices[i];
        struct state_challenge c;
        if (x->kind == LEDGER_CHALLENGE && s->challenge_count < KNOWN_MAX &&
            ledger_challenge(s->n.l, &x->id, &s->n.scratch, &c) &&
            c.phase == CHALLENGE_PHASE_REGISTERED)
            s->challenges[s->challenge_count++] = x->id;
        if (x->kind == LEDGER_SUBMISSION && s->submission_count < KNOWN_MAX)
            s->submissions[s->submission_count++] = x->id;
        s->epochs += x->kind == LEDGER_EPOCH;
        struct state_submission sub;
        if (x->kind != LEDGER_FINAL || s->final_count == FINALS_MAX ||
            !ledger_submission(s->n.l, &x->id, &s->n.scratch, &sub) || !sub.has_result)
            continue;
        s->finals[s->final_count].id = x->id;
        s->finals[s->final_count++].result = sub.result;
    }
}

/* What is final stays so; a matrix adds up; leaders are registered and sorted. */
static void check(struct story *s)
{
    struct net *n = &s->n;
    for (uint32_t i = 0; i < s->final_count; i++) {
        struct state_submission sub;
        if (!ledger_submission(n->l, &s->finals[i].id, &n->scratch, &sub))
            continue; /* forgotten, long after */
        assert_int_equal(sub.phase, SUBMISSION_PHASE_FINAL);
        assert_memory_equal(&sub.result.output, &s->finals[i].result.output, 32);
        assert_int_equal(sub.result.score, s->finals[i].result.score);
    }
    struct state_candidate c;
    assert_true(ledger_candidate(n->l, &n->scratch, &c));
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c.weights.entries_count; i++)
        sum += c.weights.entries[i].value;
    assert_int_equal(sum, EPOCH_WEIGHT_SUM);
    struct hash id;
    for (uint32_t i = 0; ledger_challenge_at(n->l, i, &id); i++) {
        struct state_leader l;
        uint64_t last = UINT64_MAX;
        uint16_t uid;
        for (uint32_t j = 0; ledger_leader_at(n->l, &id, j, &l); j++) {
            assert_true(l.score <= last && ledger_neuron(n->l, &l.miner, &uid));
            last = l.score;
        }
    }
    for (uint32_t i = 0; ledger_open_submission_at(n->l, i, &id); i++) {
        struct state_submission sub;
        assert_true(ledger_submission(n->l, &id, &n->scratch, &sub));
        assert_true(sub.phase == SUBMISSION_PHASE_COMMITTING ||
                    sub.phase == SUBMISSION_PHASE_REVEALING);
    }
}

static void save(struct story *s)
{
    struct span key, value;
    while (ledger_next_change(s->n.l, &key, &value)) {
        if (value.len == 0)
            kv_del(s->store, key);
        else
            assert_int_equal(kv_put(s->store, key, value), ERR_OK);
    }
    kv_forget_changes(s->store);
    struct hash a = ledger_root(s->n.l), b = kv_root(s->store);
    assert_memory_equal(&a, &b, sizeof a);
}

/* Another process, from what the disk holds, entries in any order. */
static void restart(struct story *s)
{
    struct ledger_config c = test_config(&s->n);
    struct arena memory;
    struct ledger *l;
    struct span key, value;
    uint32_t count = kv_count(s->store, (struct span){0});
    assert_int_equal(arena_open(&memory, ledger_arena_size(&c)), ERR_OK);
    assert_int_equal(ledger_init(&l, &memory, &c), ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(kv_at(s->store, (struct span){0}, count - 1 - i, &key, &value));
        assert_int_equal(ledger_load(l, key, value), ERR_OK);
    }
    assert_int_equal(ledger_loaded(l), ERR_OK);
    struct hash a = ledger_root(l), b = ledger_root(s->n.l);
    assert_memory_equal(&a, &b, sizeof a);
    assert_false(ledger_next_change(l, &key, &value));
    arena_close(&s->n.memory);
    s->n.memory = memory;
    s->n.l = l;
    s->restarts++;
}

static struct hash tell(uint64_t seed, bool with_restarts, struct story *s)
{
    *s = (struct story){0};
    net_open(&s->n);
    prng_init(&s->p, seed);
    struct prng fate = prng_split(&s->p, 1);
    size_t size = kv_arena_size(1 << 15, 8 << 20);
    assert_int_equal(arena_open(&s->store_memory, size), ERR_OK);
    assert_int_equal(kv_open(&s->store, &s->store_memory, 1 << 15, 8 << 20), ERR_OK);
    for (uint64_t seq = 1; seq <= SLOTS; seq++) {
        arena_reset(&s->n.scratch, 0);
        net_slot(&s->n, random_batch(s, seq));
        learn(s);
        if (seq % 16 != 0)
            continue;
        check(s);
        save(s);
        if (with_restarts && prng_chance(&fate, 1, 4))
            restart(s);
    }
    struct hash root = ledger_root(s->n.l);
    struct hasher h;
    hasher_open(&h, "TESTHIST");
    hasher_add(&h, hash_span(&root));
    hasher_add(&h, hash_span(&s->n.log_root));
    struct hash all = hasher_close(&h);
    arena_close(&s->store_memory);
    net_close(&s->n);
    return all;
}

static void histories_are_repeatable_across_restarts(void **state)
{
    (void)state;
    struct story *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct hash a = tell(seed, false, s);
        assert_true(s->accepted > 200 && s->rejected > 200);
        assert_true(s->epochs > 20 && s->final_count > 4);
        struct hash b = tell(seed, true, s);
        assert_true(s->restarts > 3);
        assert_memory_equal(&a, &b, sizeof a);
    }
    free(s);
}

/* One history by heart: every compiler and build must tell it the same.  A
 * change of the rules or of the form of the state changes it, and nothing else. */
static void a_history_is_the_same_everywhere(void **state)
{
    (void)state;
    static const char want[] = "ab07e926c29a303538a1aa22d73fb244d6577352febd3a0c5bf6105dc637f3c2";
    struct story *s = calloc(1, sizeof *s);
    char hex[2 * HASH_SIZE + 1];
    assert_non_null(s);
    struct hash h = tell(42, true, s);
    hex_encode(hash_span(&h), hex, sizeof hex);
    assert_string_equal(hex, want);
    free(s);
}

static void a_store_that_lies_is_refused(void **state)
{
    (void)state;
    struct net *n = calloc(1, sizeof *n);
    assert_non_null(n);
    net_open(n);
    net_until(n, 16);
    struct ledger_config c = test_config(n), foreign = c;
    foreign.network.bytes[0] ^= 1;
    for (int lie = 0; lie < 4; lie++) {
        struct arena memory;
        struct ledger *l;
        struct span key, value;
        assert_int_equal(arena_open(&memory, ledger_arena_size(&c)), ERR_OK);
        assert_int_equal(ledger_init(&l, &memory, lie == 3 ? &foreign : &c), ERR_OK);
        struct net other;
        net_open(&other);
        net_until(&other, 16);
        while (ledger_next_change(other.l, &key, &value)) {
            if ((lie == 1 && key.ptr[0] == 'M') || (lie == 2 && key.ptr[0] == 'E'))
                continue;
            assert_int_equal(ledger_load(l, key, value), ERR_OK);
        }
        static const enum err want[] = {ERR_OK, ERR_CORRUPT, ERR_CORRUPT, ERR_FOREIGN};
        assert_int_equal(ledger_loaded(l), want[lie]);
        net_close(&other);
        arena_close(&memory);
    }
    net_close(n);
    free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_nonce_is_used_once_or_too_old),
        cmocka_unit_test(histories_are_repeatable_across_restarts),
        cmocka_unit_test(a_history_is_the_same_everywhere),
        cmocka_unit_test(a_store_that_lies_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
