/* What the chain client makes of the state after an extrinsic was sent. */
#include "chain/bench_test.h"

/* Each kind with the row that shows its effect; the row's first bytes, up to to,
 * are not its own doing (a deposit, a block) and may be anything. */
struct effect {
    struct chain_action action;
    const char *row;
    size_t to;
};

static const uint16_t uids[] = {1, 3}, values[] = {100, 50}, salt[] = {7};
#define HASH_AB "abababababababababababababababababababababababababababababababab"
#define WEIGHTS_ROW "080100ffff03000080"

static const struct effect effects[] = {
    {{.kind = CHAIN_SET_WEIGHTS,
      .weights = {.netuid = 2, .count = 2, .uids = uids, .values = values}},
     WEIGHTS_ROW,
     0},
    {{.kind = CHAIN_REVEAL_WEIGHTS,
      .weights = {.netuid = 2, .count = 2, .uids = uids, .values = values},
      .salt = salt,
      .salt_count = 1},
     WEIGHTS_ROW,
     0},
    {{.kind = CHAIN_SET_COMMITMENT, .commitment = {(const uint8_t *)"root", 4}},
     "0000000000000000000000000405726f6f74",
     12},
    {{.kind = CHAIN_SERVE_AXON,
      .axon = {.version = 5, .ip = {[12] = 10, 0, 0, 9}, .port = 8091, .ip_type = 4}},
     "0000000000000000050000000900000a0000000000000000000000009b1f0400",
     8},
};

static struct bench *open_watched(const struct effect *e)
{
    struct bench *b = open_submitter();
    answer(b, "author_submitExtrinsic", "\"result\":" HASH_B);
    assert_int_equal(chain_submit(b->chain, 9, &e->action, b->now_ms), ERR_OK);
    drain(b);
    assert_int_equal(b->signs, 1);
    b->has_row = true;
    b->nonce = 7;
    b->row_size = strlen(e->row) / 2;
    assert_int_equal(
        hex_decode(span_of(e->row, 2 * b->row_size), (struct room){b->row, b->row_size}), ERR_OK);
    announce(b, "0x65"); /* It is not in a block yet, whatever the row says. */
    assert_int_equal(b->results, 0);
    b->nonce = 8;
    return b;
}

/* CH-3: confirmed is what the state says, byte for byte. */
static void test_only_the_effect_itself_confirms(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT_OF(effects); k++) {
        const struct effect *e = &effects[k];
        size_t size = strlen(e->row) / 2, last = e->action.kind == CHAIN_SERVE_AXON ? 30 : size;
        for (size_t i = e->to == 0 ? 0 : e->to - 1; i <= last; i++) {
            struct bench *b = open_watched(e);
            bool same = i == last || (i < e->to);
            if (i < last)
                b->row[i] ^= 0x02;
            announce(b, "0x66");
            assert_int_equal(b->results, same);
            if (same)
                assert_int_equal(b->outcome, CHAIN_CONFIRMED);
            else
                assert_int_equal(b->walked, 0x66); /* Which block was it in? */
            close_bench(b);
        }
    }
}

static void test_a_commit_is_found_among_others(void **state)
{
    (void)state;
    static const char others[] = "0000000000000000000000000000000000000000000000000000000000000001";
    static const char times[] = "000000000000000000000000000000000000000000000000";
    static const char *const rows[][2] = {{others, HASH_AB}, {others, others}, {HASH_AB, others}};
    struct effect e = {.action = {.kind = CHAIN_COMMIT_WEIGHTS, .weights = {.netuid = 2}}};
    memset(e.action.commit.bytes, 0xab, HASH_SIZE);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char row[256];
        snprintf(row, sizeof row, "08%s%s%s%s", rows[i][0], times, rows[i][1], times);
        e.row = row;
        struct bench *b = open_watched(&e);
        announce(b, "0x66");
        assert_int_equal(b->results, i != 1);
        close_bench(b);
    }
}

/* The state has another row, and the events of the block say why. */
static void test_the_events_of_its_own_extrinsic_count(void **state)
{
    (void)state;
    /* Phase, pallet System, then Success or Failed with BadOrigin; no topics. */
    static const char good_0[] = "0000000000"
                                 "0000"
                                 "00000000"
                                 "00";
    static const char good_1[] = "0001000000"
                                 "0000"
                                 "00000000"
                                 "00";
    static const char bad_0[] = "0000000000"
                                "0001"
                                "02"
                                "00000000"
                                "00";
    static const char bad_1[] = "0001000000"
                                "0001"
                                "02"
                                "00000000"
                                "00";
    static const struct {
        const char *first, *second;
        int results;
        enum chain_outcome outcome;
    } cases[] = {{good_0, good_1, 1, CHAIN_DIFFERENT},
                 {bad_0, good_1, 1, CHAIN_DIFFERENT},
                 {good_0, bad_1, 1, CHAIN_FAILED},
                 {good_0, bad_0, 0, CHAIN_CONFIRMED},
                 {"0000000000"
                  "ee00",
                  good_1, 0, CHAIN_CONFIRMED}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct bench *b = open_watched(&effects[0]);
        char block[2048], events[256];
        b->row[1] ^= 2;
        snprintf(block, sizeof block, "\"result\":{\"block\":{\"extrinsics\":[\"0x00\",\"%s\"]}}",
                 b->extrinsic);
        snprintf(events, sizeof events, "\"result\":\"0x08%s%s\"", cases[i].first, cases[i].second);
        answer(b, "chain_getBlock", block);
        answer(b, "state_getStorage", events);
        announce(b, "0x66");
        assert_int_equal(b->results, cases[i].results);
        if (b->results == 1)
            assert_int_equal(b->outcome, cases[i].outcome);
        if (b->results == 1 && b->outcome == CHAIN_FAILED)
            assert_string_equal(b->name, "BadOrigin");
        close_bench(b);
    }
}

/* A signature that comes when its era is over is not waited for. */
static void test_a_late_signer_is_asked_again(void **state)
{
    (void)state;
    struct bench *b = open_submitter();
    b->late_signer = true;
    submit(b, "\"result\":" HASH_B);
    assert_int_equal(b->signs, 1);
    announce(b, "0x65");
    assert_int_equal(b->signs, 1);
    announce(b, "0x400");
    assert_int_equal(b->extrinsic[0], '\0'); /* Nothing was sent. */
    announce(b, "0x401");
    assert_int_equal(b->signs, 2);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_only_the_effect_itself_confirms),
        cmocka_unit_test(test_a_commit_is_found_among_others),
        cmocka_unit_test(test_the_events_of_its_own_extrinsic_count),
        cmocka_unit_test(test_a_late_signer_is_asked_again),
    };
    return cmocka_run_group_tests_name("effect", all, NULL, NULL);
}
