#include "base/prng.h"
#include "base/test.h"
#include "epoch/epoch.h"

enum { CASES = 400, CHALLENGES = 4, MINERS = 40 };

static int open_arena(void **state)
{
    struct arena *a = calloc(1, sizeof *a);
    assert_non_null(a);
    assert_int_equal(arena_open(a, 8 << 20), ERR_OK);
    *state = a;
    return 0;
}

static int close_arena(void **state)
{
    arena_close(*state);
    free(*state);
    return 0;
}

static uint32_t value_of(const struct weights *w, uint16_t uid)
{
    for (uint32_t i = 0; i < w->entries_count; i++)
        if (w->entries[i].uid == uid)
            return w->entries[i].value;
    return 0;
}

static void check_sum(const struct weights *w)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < w->entries_count; i++) {
        assert_true(i == 0 || w->entries[i - 1].uid < w->entries[i].uid);
        assert_true(w->entries[i].value > 0);
        sum += w->entries[i].value;
    }
    assert_int_equal(sum, EPOCH_WEIGHT_SUM);
}

static void known_matrices(void **state)
{
    struct arena *arena = *state;
    struct weights w;
    const struct epoch_score even[] = {{3, 5}, {1, 5}, {2, 5}};
    const struct epoch_challenge one = {.share = 100, .scores = even, .count = 3};
    assert_int_equal(epoch_weights(&one, 1, 9, 0, arena, &w), ERR_OK);
    check_sum(&w);
    assert_int_equal(w.epoch, 9);
    assert_int_equal(value_of(&w, 1), 21845);
    const struct epoch_score two[] = {{1, 1}, {2, 1}};
    const struct epoch_challenge tie = {.share = 1, .scores = two, .count = 2};
    assert_int_equal(epoch_weights(&tie, 1, 9, 0, arena, &w), ERR_OK);
    assert_int_equal(value_of(&w, 1), 32768); /* the odd one goes to the lower uid */
    assert_int_equal(value_of(&w, 2), 32767);
    /* Shares 3 to 1; a third challenge, in which nobody scored, takes nothing. */
    const struct epoch_score a[] = {{1, 10000}}, b[] = {{2, 1}, {3, 0}}, none[] = {{4, 0}};
    const struct epoch_challenge three[] = {{.share = 6000, .scores = a, .count = 1},
                                            {.share = 2000, .scores = b, .count = 2},
                                            {.share = 2000, .scores = none, .count = 1}};
    assert_int_equal(epoch_weights(three, 3, 9, 0, arena, &w), ERR_OK);
    check_sum(&w);
    assert_int_equal(w.entries_count, 2);
    assert_int_equal(value_of(&w, 1), 49151);
    assert_int_equal(value_of(&w, 2), 16384);
}

static void nothing_scored_is_burnt(void **state)
{
    struct arena *arena = *state;
    struct weights w;
    const struct epoch_score zero[] = {{4, 0}, {5, 0}};
    const struct epoch_challenge c = {.share = 100, .scores = zero, .count = 2};
    const struct epoch_challenge *given[] = {NULL, &c};
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(epoch_weights(given[i], i, 1, 7, arena, &w), ERR_OK);
        assert_int_equal(w.entries_count, 1);
        assert_int_equal(w.entries[0].uid, 7);
        assert_int_equal(w.entries[0].value, EPOCH_WEIGHT_SUM);
    }
}

struct sample_case {
    struct epoch_challenge challenges[CHALLENGES];
    struct epoch_score scores[CHALLENGES][MINERS];
};

static void random_case(struct prng *p, struct sample_case *s)
{
    for (uint32_t c = 0; c < CHALLENGES; c++) {
        uint32_t count = (uint32_t)prng_below(p, MINERS + 1);
        uint64_t bound = prng_chance(p, 1, 3) ? 3 : SCORE_ONE + 1;
        for (uint32_t i = 0; i < count; i++)
            s->scores[c][i] =
                (struct epoch_score){.uid = (uint16_t)(i * 7 + 1), .score = prng_below(p, bound)};
        s->challenges[c] = (struct epoch_challenge){
            .share = (uint16_t)(1 + prng_below(p, 2500)), .scores = s->scores[c], .count = count};
    }
}

static void shuffle(struct prng *p, struct sample_case *s)
{
    for (uint32_t c = 0; c < CHALLENGES; c++) {
        for (uint32_t i = s->challenges[c].count; i > 1; i--) {
            size_t j = prng_below(p, i);
            struct epoch_score t = s->scores[c][i - 1];
            s->scores[c][i - 1] = s->scores[c][j];
            s->scores[c][j] = t;
        }
    }
    struct epoch_challenge first = s->challenges[0];
    s->challenges[0] = s->challenges[CHALLENGES - 1];
    s->challenges[CHALLENGES - 1] = first;
}

static void any_order_gives_the_same_exact_sum(void **state)
{
    struct arena *arena = *state;
    struct prng p;
    prng_init(&p, 11);
    for (int i = 0; i < CASES; i++) {
        static struct sample_case s;
        struct weights w, again;
        random_case(&p, &s);
        arena_reset(arena, 0);
        assert_int_equal(epoch_weights(s.challenges, CHALLENGES, 1, 0, arena, &w), ERR_OK);
        check_sum(&w);
        shuffle(&p, &s);
        assert_int_equal(epoch_weights(s.challenges, CHALLENGES, 1, 0, arena, &again), ERR_OK);
        struct hash x = epoch_weights_hash(&w, arena), y = epoch_weights_hash(&again, arena);
        assert_memory_equal(&x, &y, sizeof x);
    }
}

/* EPOCH-3, and: who does better alone gets no less than before. */
static void a_higher_score_is_never_worth_less(void **state)
{
    struct arena *arena = *state;
    struct prng p;
    prng_init(&p, 12);
    for (int i = 0; i < CASES; i++) {
        static struct sample_case s;
        struct weights w, more;
        random_case(&p, &s);
        arena_reset(arena, 0);
        struct epoch_challenge *c = &s.challenges[0];
        if (c->count < 2)
            continue;
        assert_int_equal(epoch_weights(c, 1, 1, 0, arena, &w), ERR_OK);
        uint64_t sum = 0;
        for (uint32_t j = 0; j < c->count; j++)
            sum += c->scores[j].score;
        for (uint32_t j = 0; sum > 0 && j + 1 < c->count; j++) {
            const struct epoch_score *x = &c->scores[j], *y = &c->scores[j + 1];
            if (x->score >= y->score)
                assert_true(value_of(&w, x->uid) + (x->score == y->score) >= value_of(&w, y->uid));
        }
        struct epoch_score *lucky = &s.scores[0][prng_below(&p, c->count)];
        uint32_t before = value_of(&w, lucky->uid);
        if (lucky->score == SCORE_ONE)
            continue;
        lucky->score++;
        assert_int_equal(epoch_weights(c, 1, 1, 0, arena, &more), ERR_OK);
        assert_true(value_of(&more, lucky->uid) >= before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_matrices, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(nothing_scored_is_burnt, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(any_order_gives_the_same_exact_sum, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(a_higher_score_is_never_worth_less, open_arena,
                                        close_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
