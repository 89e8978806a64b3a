#include "signer/signer.h"

#include "base/prng.h"
#include "bft/bft.h"
#include "chain/chain_test.h"
#include "chain/extrinsic.h"
#include "codec/scale.h"
#include "crypto/hash.h"
#include "ledger/ledger.h"

enum { RECORDS_MAX = 20000 };

/* A key process whose disk is an array, and whose signature is a hash. */
struct desk {
    struct arena memory, scratch;
    struct signer_config config;
    struct signer *s;
    uint8_t records[RECORDS_MAX][SIGNER_GUARD_SIZE_MAX];
    uint32_t record_count;
    struct hash set, aux;
};

static void test_sign(void *ctx, struct span message, struct signature *out)
{
    (void)ctx;
    struct hash h = hash_tagged("TESTSIGN", message);
    memcpy(out->bytes, h.bytes, 32);
    memset(out->bytes + 32, 0, 32);
}

static void start(struct desk *d)
{
    arena_close(&d->memory);
    assert_int_equal(arena_open(&d->memory, signer_arena_size()), ERR_OK);
    assert_int_equal(signer_init(&d->s, &d->memory, &d->config), ERR_OK);
    for (uint32_t i = 0; i < d->record_count; i++)
        assert_int_equal(signer_replay(d->s, span_of(d->records[i], SIGNER_GUARD_SIZE_MAX)),
                         ERR_OK);
}

static int open_desk(void **state)
{
    struct desk *d = calloc(1, sizeof *d);
    assert_non_null(d);
    assert_int_equal(arena_open(&d->scratch, 16 << 20), ERR_OK);
    d->config = (struct signer_config){
        .network = {{1}}, .chain_genesis = {{2}}, .netuid = 2, .hotkey = {{3}}, .sign = test_sign};
    d->set = (struct hash){{9}};
    signer_default_calls(&d->config);
    start(d);
    *state = d;
    return 0;
}

static int close_desk(void **state)
{
    struct desk *d = *state;
    arena_close(&d->memory);
    arena_close(&d->scratch);
    free(d);
    return 0;
}

static struct signer_effect ask(struct desk *d, const struct signer_request_body *body)
{
    const struct signer_request q = {.token = 7, .body = *body};
    struct signer_effect fx;
    arena_reset(&d->scratch, 0);
    struct room room = {arena_alloc(&d->scratch, 1 << 20), 1 << 20};
    struct span bytes = signer_request_encode(&q, room);
    assert_non_null(bytes.ptr);
    signer_step(d->s, bytes, &d->scratch, &fx);
    assert_int_equal(fx.reply.token, 7);
    return fx;
}

static enum signer_verdict vote(struct desk *d, enum bft_type type, uint64_t epoch, uint64_t view,
                                uint64_t seq, uint8_t digest)
{
    struct signer_request_body b = {.tag = SIGNER_REQUEST_BODY_BFT};
    b.bft = (struct signer_bft){.network = {{1}},
                                .valset = d->set,
                                .statement = {.type = type,
                                              .epoch = epoch,
                                              .view = view,
                                              .seq = seq,
                                              .digest = {{digest}},
                                              .aux = d->aux}};
    struct signer_effect fx = ask(d, &b);
    if (fx.record.len != 0) {
        assert_int_equal(fx.reply.verdict, SIGNER_VERDICT_SIGNED);
        assert_int_equal(fx.record.len, SIGNER_GUARD_SIZE_MAX);
        assert_true(d->record_count < RECORDS_MAX);
        memcpy(d->records[d->record_count++], fx.record.ptr, fx.record.len);
    }
    if (fx.reply.verdict == SIGNER_VERDICT_SIGNED) {
        uint8_t bytes[BFT_STATEMENT_SIZE];
        struct signature want;
        bft_statement_bytes(&b.bft.statement, &b.bft.network, &b.bft.valset, bytes);
        test_sign(NULL, span_of(bytes, sizeof bytes), &want);
        assert_memory_equal(&want, &fx.reply.signature, sizeof want);
    }
    return fx.reply.verdict;
}

enum {
    YES = SIGNER_VERDICT_SIGNED,
    CONFLICT = SIGNER_VERDICT_REFUSED_CONFLICT,
    BACK = SIGNER_VERDICT_REFUSED_REGRESSION,
    SHAPE = SIGNER_VERDICT_REFUSED_SHAPE,
};

static void one_statement_for_one_place(void **state)
{
    struct desk *d = *state;
    static const enum bft_type types[] = {BFT_TYPE_PROPOSE, BFT_TYPE_PREPARE, BFT_TYPE_COMMIT,
                                          BFT_TYPE_CHECKPOINT};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        assert_int_equal(vote(d, types[i], 5, 0, 17, 1), YES);
        uint32_t records = d->record_count;
        assert_int_equal(vote(d, types[i], 5, 0, 17, 1), YES); /* asked again: no new record */
        assert_int_equal(d->record_count, records);
        assert_int_equal(vote(d, types[i], 5, 0, 17, 2), CONFLICT);
        assert_int_equal(vote(d, types[i], 5, 0, 18, 2), YES);
    }
    d->aux.bytes[31] = 1; /* another state under the same digest */
    assert_int_equal(vote(d, BFT_TYPE_CHECKPOINT, 5, 0, 17, 1), CONFLICT);
    d->aux.bytes[31] = 0;
    d->set.bytes[0] = 8; /* another set for the epoch is another statement */
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, 17, 1), CONFLICT);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, 40, 1), CONFLICT);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 6, 0, 40, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_READY, 6, 0, 0, 1), SHAPE);
    assert_int_equal(vote(d, BFT_TYPE_KEYBIND, 6, 0, 0, 1), SHAPE);
}

/* One request for the last epoch there is does not end the key's work. */
static void no_leap_to_the_last_epoch(void **state)
{
    struct desk *d = *state;
    const enum signer_verdict far = SIGNER_VERDICT_REFUSED_EPOCH;
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, UINT64_MAX, 0, 1, 1), far);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, (1ull << 32) + 1, 0, 1, 1), far);
    assert_int_equal(d->record_count, 0);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, 1, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, UINT64_MAX, 1, 0, 1), far);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 6 + (1 << 20), 0, 1, 1), far);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 6, 0, 1, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 6 + (1 << 20), 0, 1, 1), YES);
}

static void no_way_back(void **state)
{
    struct desk *d = *state;
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, 1, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 0, 0, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 2, 0, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 2, 0, 2), CONFLICT);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 2, 9, 1), CONFLICT);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 1, 0, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 1, 1, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_PROPOSE, 5, 1, 2, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 1, 2, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_NEW_VIEW, 5, 1, 0, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, 1, 1), YES); /* what was signed stays so */
    assert_int_equal(vote(d, BFT_TYPE_CHECKPOINT, 5, 0, 16, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_NEW_VIEW, 5, 2, 0, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_NEW_VIEW, 5, 2, 0, 2), CONFLICT);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 3, 1, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 2, 3, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 3, 0, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 6, 0, 33, 1), YES); /* a new epoch begins at 0 */
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 6, 0, 1, 2), YES);  /* with every place free */
    assert_int_equal(vote(d, BFT_TYPE_CHECKPOINT, 5, 0, 16, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 3, 99, 1), BACK);
}

/* Who has announced a new view has left those before it, also without a vote. */
static void a_new_view_closes_those_before_it(void **state)
{
    struct desk *d = *state;
    assert_int_equal(vote(d, BFT_TYPE_NEW_VIEW, 5, 4, 0, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 3, 1, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 3, 0, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 4, 0, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 4, 1, 1), YES);
    /* The next epoch knows nothing of it. */
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 6, 4, 0, 2), YES);
    assert_int_equal(vote(d, BFT_TYPE_NEW_VIEW, 6, 4, 0, 2), YES);
}

/* What an older file says of an epoch that is over binds nobody in the next. */
static void records_of_a_past_epoch_are_passed_over(void **state)
{
    struct desk *d = *state;
    uint8_t old[SIGNER_GUARD_SIZE_MAX];
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 0, 7, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 6, 0, 8, 1), YES);
    memcpy(old, d->records[0], sizeof old);
    memcpy(d->records[0], d->records[1], sizeof old);
    memcpy(d->records[1], old, sizeof old);
    start(d);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 6, 0, 7, 2), YES);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 6, 0, 8, 2), CONFLICT);
}

/* The first epoch has the number zero. */
static void a_new_key_begins_at_zero(void **state)
{
    struct desk *d = *state;
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 0, 0, 1, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 0, 0, 1, 2), CONFLICT);
    start(d);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 0, 0, 1, 2), CONFLICT);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 0, 0, 1, 1), YES);
}

/* A guard that holds less than its ring has room for is told whole. */
static void a_short_snapshot_is_complete(void **state)
{
    struct desk *d = *state;
    uint8_t bytes[SIGNER_GUARD_SIZE_MAX];
    struct span record;
    for (uint64_t seq = 1; seq <= 3; seq++)
        assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, seq, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 1, 0, 1), YES);
    assert_int_equal(vote(d, BFT_TYPE_NEW_VIEW, 5, 1, 0, 1), YES);
    uint32_t count = 0;
    while (signer_snapshot(d->s, count, (struct room){bytes, sizeof bytes}, &record))
        memcpy(d->records[count++], record.ptr, record.len);
    assert_int_equal(count, 5);
    d->record_count = count;
    start(d);
    for (uint64_t seq = 1; seq <= 3; seq++) {
        assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, seq, 2), CONFLICT);
        assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, seq, 1), YES);
    }
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 1, 0, 2), CONFLICT);
    assert_int_equal(vote(d, BFT_TYPE_NEW_VIEW, 5, 1, 0, 2), CONFLICT);
}

/* Without memory there is no signature, and nothing counts as signed. */
static void no_memory_is_told(void **state)
{
    struct desk *d = *state;
    struct arena little;
    struct signer *s;
    uint8_t room[64], bytes[1024];
    struct signer_effect fx;
    struct signer_request q = {.token = 7, .body.tag = SIGNER_REQUEST_BODY_BFT};
    q.body.bft = (struct signer_bft){.network = {{1}}, .valset = d->set};
    q.body.bft.statement = (struct bft_statement){.type = BFT_TYPE_PREPARE, .epoch = 5, .seq = 1};
    struct span asked = signer_request_encode(&q, (struct room){bytes, sizeof bytes});
    arena_init(&little, (struct room){room, sizeof room});
    signer_step(d->s, asked, &little, &fx);
    assert_int_equal(fx.reply.verdict, SIGNER_VERDICT_FAILED);
    assert_int_equal(fx.record.len, 0);
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, 1, 2), YES);

    struct arena most;
    assert_int_equal(arena_open(&most, signer_arena_size()), ERR_OK);
    for (size_t size = 0; size <= signer_arena_size(); size += 4096) {
        arena_init(&little, (struct room){most.memory, size});
        enum err e = signer_init(&s, &little, &d->config);
        assert_true(e == ERR_NO_MEMORY || (e == ERR_OK && size > signer_arena_size() / 2));
    }
    arena_close(&most);
}

/* Random requests, with restarts at any moment: never two digests in a place. */
static void a_restart_forgets_nothing(void **state)
{
    struct desk *d = *state;
    static uint8_t signed_there[3][4][4][24]; /* epoch, type, view, seq: digest or 0 */
    struct prng p;
    prng_init(&p, 5);
    memset(signed_there, 0, sizeof signed_there);
    uint32_t yes = 0;
    for (int i = 0; i < 8000; i++) {
        uint64_t epoch = min_u64((uint64_t)i / 3000, 2);
        if (prng_chance(&p, 1, 20))
            epoch = prng_below(&p, 3);
        uint64_t view = prng_below(&p, 4), seq = prng_below(&p, 24);
        enum bft_type type = (enum bft_type)(1 + prng_below(&p, 4));
        uint8_t digest = (uint8_t)(1 + prng_below(&p, 3));
        if (prng_chance(&p, 1, 50)) {
            start(d);
        }
        enum signer_verdict v = vote(d, type, 5 + epoch, view, seq, digest);
        if (v != SIGNER_VERDICT_SIGNED)
            continue;
        uint8_t *there = &signed_there[epoch][type - 1][view][seq];
        assert_true(*there == 0 || *there == digest);
        *there = digest;
        yes++;
    }
    assert_true(yes > 300);
}

/* Far more places than are kept: old slots are closed, and a snapshot of the
 * guard knows all that the whole journal knew. */
static void old_slots_are_closed(void **state)
{
    struct desk *d = *state;
    const uint64_t slots = 2 * SIGNER_GUARD_MAX;
    assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 3, 0, 1), YES);
    for (uint64_t seq = 1; seq <= slots; seq++)
        assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 3, seq, 1), YES);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 3, 10, 2), BACK);
        assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 4, slots - SIGNER_GUARD_MAX, 2), BACK);
        assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 3, slots - 1, 1), YES);
        assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 3, slots - 1, 2), CONFLICT);
        assert_int_equal(vote(d, BFT_TYPE_VIEW_CHANGE, 5, 3, 0, 2), CONFLICT);
        assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 2, slots, 1), BACK);
        assert_int_equal(vote(d, BFT_TYPE_CHECKPOINT, 5, 3, slots - SIGNER_GUARD_MAX, 1), BACK);
        uint8_t bytes[SIGNER_GUARD_SIZE_MAX];
        struct span record;
        uint32_t count = 0;
        while (signer_snapshot(d->s, count, (struct room){bytes, sizeof bytes}, &record))
            memcpy(d->records[count++], record.ptr, record.len);
        assert_true(count <= SIGNER_GUARD_MAX + 2);
        d->record_count = count;
        start(d);
    }
}

/* The vote in the highest view has left the ring; its view stays closed. */
static void a_snapshot_keeps_the_floors(void **state)
{
    struct desk *d = *state;
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 9, 1, 1), YES);
    for (uint64_t seq = 2; seq <= SIGNER_GUARD_MAX + 1; seq++)
        assert_int_equal(vote(d, BFT_TYPE_CHECKPOINT, 5, 0, seq, 1), YES);
    uint8_t bytes[SIGNER_GUARD_SIZE_MAX];
    struct span record;
    struct signer_guard g;
    uint64_t last = 0;
    uint32_t count = 0;
    while (signer_snapshot(d->s, count, (struct room){bytes, sizeof bytes}, &record)) {
        assert_int_equal(signer_guard_decode(record, NULL, &g), ERR_OK);
        assert_true(g.statement.seq > last); /* the oldest first */
        last = g.statement.seq;
        memcpy(d->records[count++], record.ptr, record.len);
    }
    d->record_count = count;
    start(d);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 8, last + 1, 1), BACK);
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 10, 1, 1), BACK); /* the slot that gave way */
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 10, 2, 1), YES);  /* and the first that did not */
    assert_int_equal(vote(d, BFT_TYPE_COMMIT, 5, 10, last + 1, 1), YES);
}

static void a_journal_that_contradicts_itself_is_refused(void **state)
{
    struct desk *d = *state;
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, 1, 1), YES);
    struct signer_guard g;
    uint8_t bytes[SIGNER_GUARD_SIZE_MAX];
    assert_int_equal(signer_guard_decode(span_of(d->records[0], sizeof bytes), NULL, &g), ERR_OK);
    g.statement.digest.bytes[0] = 2;
    struct span other = signer_guard_encode(&g, (struct room){bytes, sizeof bytes});
    assert_int_equal(signer_replay(d->s, other), ERR_CORRUPT);
    assert_int_equal(signer_replay(d->s, SPAN_LITERAL("junk")), ERR_CORRUPT);
    /* Nor may it hold what is never signed, which would begin an epoch. */
    g.statement.epoch = 9;
    for (int i = 0; i < 2; i++) {
        g.statement.type = i == 0 ? BFT_TYPE_READY : BFT_TYPE_KEYBIND;
        other = signer_guard_encode(&g, (struct room){bytes, sizeof bytes});
        assert_int_equal(signer_replay(d->s, other), ERR_CORRUPT);
    }
    assert_int_equal(vote(d, BFT_TYPE_PREPARE, 5, 0, 2, 1), YES);
}

static void only_our_own_operations_and_bindings(void **state)
{
    struct desk *d = *state;
    struct signer_request_body b = {.tag = SIGNER_REQUEST_BODY_OP}, bad;
    b.op.content = (struct op_content){.network = {{1}}, .epoch = 5, .nonce = 1, .signer = {{3}}};
    b.op.content.body.tag = OP_BODY_CHALLENGE_APPROVE;
    struct signer_effect fx = ask(d, &b);
    assert_int_equal(fx.reply.verdict, YES);
    assert_int_equal(fx.record.len, 0);
    uint8_t room[512];
    struct span message;
    struct signature want;
    op_signing_bytes(&b.op.content, (struct room){room, sizeof room}, &message);
    test_sign(NULL, message, &want);
    assert_memory_equal(&want, &fx.reply.signature, sizeof want);
    bad = b;
    bad.op.content.network.bytes[0] = 2;
    assert_int_equal(ask(d, &bad).reply.verdict, SHAPE);
    bad = b;
    bad.op.content.signer.bytes[0] = 4;
    assert_int_equal(ask(d, &bad).reply.verdict, SHAPE);

    b = (struct signer_request_body){.tag = SIGNER_REQUEST_BODY_BINDING};
    b.binding = (struct peer_binding){.network = {{1}},
                                      .peer = SPAN_LITERAL("peer"),
                                      .hotkey = {{3}},
                                      .first_epoch = 1,
                                      .last_epoch = 2};
    fx = ask(d, &b);
    assert_int_equal(fx.reply.verdict, YES);
    memcpy(room, "PLTFBIND", 8);
    message = peer_binding_encode(&b.binding, (struct room){room + 8, sizeof room - 8});
    test_sign(NULL, span_of(room, 8 + message.len), &want);
    assert_memory_equal(&want, &fx.reply.signature, sizeof want);
    bad = b;
    bad.binding.last_epoch = 1; /* One epoch is enough. */
    assert_int_equal(ask(d, &bad).reply.verdict, YES);
    bad = b;
    bad.binding.network.bytes[0] = 2;
    assert_int_equal(ask(d, &bad).reply.verdict, SHAPE);
    bad = b;
    bad.binding.hotkey.bytes[0] = 4;
    assert_int_equal(ask(d, &bad).reply.verdict, SHAPE);
    bad = b;
    bad.binding.first_epoch = 3;
    assert_int_equal(ask(d, &bad).reply.verdict, SHAPE);
    bad = b;
    bad.binding.peer.len = 0;
    assert_int_equal(ask(d, &bad).reply.verdict, SHAPE);
    b = (struct signer_request_body){.tag = SIGNER_REQUEST_BODY_BFT};
    b.bft.statement.type = BFT_TYPE_PREPARE; /* of another network */
    assert_int_equal(ask(d, &b).reply.verdict, SHAPE);
    arena_reset(&d->scratch, 0);
    signer_step(d->s, SPAN_LITERAL("no request at all"), &d->scratch, &fx);
    assert_int_equal(fx.reply.verdict, SHAPE);
    assert_int_equal(fx.reply.token, 0);
}

/* What the chain client builds from the runtimes' own metadata. */
struct chain_calls {
    struct arena arena;
    struct metadata old, new;
    struct span extra, implicit;
};

static void open_calls(struct chain_calls *c, const struct hash *genesis)
{
    assert_int_equal(arena_open(&c->arena, 64 << 20), ERR_OK);
    read_metadata(&c->arena, SPEC_293, &c->old);
    read_metadata(&c->arena, SPEC_424, &c->new);
    struct wr extra = wr_init((struct room){arena_alloc(&c->arena, 64), 64});
    struct wr implicit = wr_init((struct room){arena_alloc(&c->arena, 256), 256});
    const struct extrinsic_terms terms = {.era = era_at(1000, 64),
                                          .nonce = 70,
                                          .spec_version = 424,
                                          .tx_version = 1,
                                          .genesis = *genesis};
    assert_int_equal(extrinsic_extras(&c->new, &terms, &extra, &implicit), ERR_OK);
    c->extra = wr_done(&extra);
    c->implicit = wr_done(&implicit);
}

static struct wr room_for_call(struct chain_calls *c)
{
    return wr_init((struct room){arena_alloc(&c->arena, 4096), 4096});
}

static void calls_of_both_runtimes_are_signed(void **state)
{
    struct desk *d = *state;
    struct chain_calls c;
    open_calls(&c, &d->config.chain_genesis);
    static const uint16_t uids[] = {4, 5}, values[] = {65535, 1}, salt[] = {1, 2, 3};
    struct call_weights w = {.netuid = 2, .count = 2, .uids = uids, .values = values};
    const struct hash commit = {{7}};
    struct span calls[12];
    uint32_t count = 0;
    const struct metadata *both[] = {&c.old, &c.new};
    for (size_t i = 0; i < 2; i++) {
        struct wr r[4] = {room_for_call(&c), room_for_call(&c), room_for_call(&c),
                          room_for_call(&c)};
        w.mechanism = (uint8_t)i;
        assert_int_equal(call_set_weights(both[i], &w, &r[0]), ERR_OK);
        assert_int_equal(call_commit_weights(both[i], 2, w.mechanism, &commit, &r[1]), ERR_OK);
        assert_int_equal(call_reveal_weights(both[i], &w, salt, 3, &r[2]), ERR_OK);
        assert_int_equal(call_set_commitment(both[i], 2, SPAN_LITERAL("root"), &r[3]), ERR_OK);
        for (size_t j = 0; j < 4; j++)
            calls[count++] = wr_done(&r[j]);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct signer_request_body b = {.tag = SIGNER_REQUEST_BODY_EXTRINSIC};
        b.extrinsic = (struct signer_extrinsic){calls[i], c.extra, c.implicit};
        uint8_t message[SIGNED_PLAIN_MAX];
        struct signature want;
        size_t size = extrinsic_message(calls[i], c.extra, c.implicit, message);
        struct signer_effect fx = ask(d, &b);
        assert_int_equal(fx.reply.verdict, YES);
        test_sign(NULL, span_of(message, size), &want);
        assert_memory_equal(&want, &fx.reply.signature, sizeof want);
        /* Cut anywhere, or with a byte more, it is no call. */
        for (size_t cut = 0; cut < calls[i].len; cut++)
            assert_false(signer_extrinsic_allowed(&d->config, span_of(calls[i].ptr, cut), c.extra,
                                                  c.implicit));
        struct span longer = arena_copy(&c.arena, calls[i]);
        arena_alloc(&c.arena, 1);
        assert_false(signer_extrinsic_allowed(&d->config, span_of(longer.ptr, longer.len + 1),
                                              c.extra, c.implicit));
    }
    /* One of more than 256 bytes is signed by its hash. */
    struct wr big = wr_init((struct room){arena_alloc(&c.arena, 8192), 8192});
    static uint16_t many[500];
    w = (struct call_weights){.netuid = 2, .count = 500, .uids = many, .values = many};
    assert_int_equal(call_set_weights(&c.new, &w, &big), ERR_OK);
    assert_true(signer_extrinsic_allowed(&d->config, wr_done(&big), c.extra, c.implicit));
    size_t rest = c.extra.len + c.implicit.len;
    for (uint32_t uids_count = 1; uids_count < 60; uids_count++) {
        struct wr call = room_for_call(&c);
        w.count = uids_count;
        assert_int_equal(call_set_weights(&c.new, &w, &call), ERR_OK);
        struct signer_request_body b = {.tag = SIGNER_REQUEST_BODY_EXTRINSIC};
        b.extrinsic = (struct signer_extrinsic){wr_done(&call), c.extra, c.implicit};
        uint8_t message[SIGNED_PLAIN_MAX];
        struct signature want;
        size_t size = extrinsic_message(wr_done(&call), c.extra, c.implicit, message);
        assert_int_equal(size, call.used + rest > 256 ? HASH_SIZE : call.used + rest);
        test_sign(NULL, span_of(message, size), &want);
        struct signer_effect fx = ask(d, &b);
        assert_int_equal(fx.reply.verdict, YES);
        assert_memory_equal(&want, &fx.reply.signature, sizeof want);
    }
    arena_close(&c.arena);
}

/* Calls that our chain client does not make, but the signer knows. */
static bool allowed(struct desk *d, struct chain_calls *c, struct wr *call)
{
    struct span bytes = wr_done(call);
    assert_non_null(bytes.ptr);
    bool whole = signer_extrinsic_allowed(&d->config, bytes, c->extra, c->implicit);
    for (size_t cut = 0; whole && cut < bytes.len; cut++)
        assert_false(
            signer_extrinsic_allowed(&d->config, span_of(bytes.ptr, cut), c->extra, c->implicit));
    return whole;
}

static struct wr begin_call(struct chain_calls *c, uint8_t pallet, uint8_t number)
{
    struct wr w = wr_init((struct room){arena_alloc(&c->arena, 8192), 8192});
    wr_u8(&w, pallet);
    wr_u8(&w, number);
    wr_u16(&w, 2);
    return w;
}

static void limits_of_arguments(void **state)
{
    struct desk *d = *state;
    struct chain_calls c;
    static uint8_t bytes[5001];
    open_calls(&c, &d->config.chain_genesis);
    static const struct {
        uint8_t number;
        bool mechanism, version;
    } timed[] = {{113, false, true}, {118, true, true}, {99, false, false}};
    for (size_t i = 0; i < COUNT_OF(timed); i++) {
        for (size_t size = 4999; size <= sizeof bytes; size++) {
            struct wr w = begin_call(&c, 7, timed[i].number);
            if (timed[i].mechanism)
                wr_u8(&w, 0);
            scale_put_bytes(&w, span_of(bytes, size));
            wr_u64(&w, 12345);
            if (timed[i].version)
                wr_u16(&w, 4);
            assert_true(allowed(d, &c, &w) == (size <= 5000));
        }
    }
    /* A commitment's fields: Raw0 to Raw128, then four kinds of hash. */
    for (unsigned variant = 0; variant < 256; variant++) {
        for (size_t size = 0; size <= 129; size++) {
            struct wr w = begin_call(&c, 18, 0);
            scale_put_compact(&w, 1);
            wr_u8(&w, (uint8_t)variant);
            wr_raw(&w, span_of(bytes, size));
            bool raw = variant >= 1 && variant <= 129 && size == variant - 1;
            bool hash = variant >= 130 && variant <= 133 && size == 32;
            assert_true(allowed(d, &c, &w) == (raw || hash));
        }
        arena_reset(&c.arena, c.arena.used - 130 * 8192);
    }
    for (uint32_t fields = 0; fields < 5; fields++) {
        struct wr w = begin_call(&c, 18, 0);
        scale_put_compact(&w, fields);
        for (uint32_t i = 0; i < fields; i++)
            wr_u8(&w, 1);
        assert_true(allowed(d, &c, &w) == (fields <= 3));
    }
    for (uint32_t uids = 0; uids < 3; uids++) {
        struct wr w = begin_call(&c, 7, 0);
        scale_put_compact(&w, uids);
        wr_raw(&w, span_of(bytes, 2 * uids));
        scale_put_compact(&w, 1);
        wr_u16(&w, 65535);
        wr_u64(&w, 0);
        assert_true(allowed(d, &c, &w) == (uids == 1));
    }
    arena_close(&c.arena);
}

static void other_calls_are_not(void **state)
{
    struct desk *d = *state;
    struct chain_calls c;
    struct hash other = {{77}};
    open_calls(&c, &d->config.chain_genesis);
    struct wr burn = room_for_call(&c), remark = room_for_call(&c), good = room_for_call(&c);
    assert_int_equal(call_burned_register(&c.old, 2, &d->config.hotkey, &burn), ERR_OK);
    assert_int_equal(call_remark(&c.old, SPAN_LITERAL("x"), &remark), ERR_OK);
    assert_int_equal(call_commit_weights(&c.old, 2, 0, &other, &good), ERR_OK);
    const struct signer_config *k = &d->config;
    assert_true(signer_extrinsic_allowed(k, wr_done(&good), c.extra, c.implicit));
    assert_false(signer_extrinsic_allowed(k, wr_done(&burn), c.extra, c.implicit));
    struct signer_request_body b = {.tag = SIGNER_REQUEST_BODY_EXTRINSIC};
    b.extrinsic = (struct signer_extrinsic){wr_done(&burn), c.extra, c.implicit};
    assert_int_equal(ask(d, &b).reply.verdict, SHAPE);
    assert_false(signer_extrinsic_allowed(k, wr_done(&remark), c.extra, c.implicit));
    struct signer_config subnet = *k;
    subnet.netuid = 3;
    assert_false(signer_extrinsic_allowed(&subnet, wr_done(&good), c.extra, c.implicit));
    struct signer_config chain = *k;
    chain.chain_genesis = other;
    assert_false(signer_extrinsic_allowed(&chain, wr_done(&good), c.extra, c.implicit));
    struct signer_config fewer = *k;
    fewer.call_count = 2;
    assert_false(signer_extrinsic_allowed(&fewer, wr_done(&good), c.extra, c.implicit));
    /* era 00, nonce 1, tip 1, mode 0: a tip; then a metadata hash; then too short. */
    assert_true(signer_extrinsic_allowed(k, wr_done(&good), span_of("\0\4\0\0", 4), c.implicit));
    assert_false(signer_extrinsic_allowed(k, wr_done(&good), span_of("\0\4\4\0", 4), c.implicit));
    assert_false(signer_extrinsic_allowed(k, wr_done(&good), span_of("\0\4\0\1", 4), c.implicit));
    assert_false(signer_extrinsic_allowed(k, wr_done(&good), span_of("\0\4\0", 3), c.implicit));
    assert_false(signer_extrinsic_allowed(k, wr_done(&good), c.extra,
                                          span_of(c.implicit.ptr, c.implicit.len - 1)));
    arena_close(&c.arena);
}

#define DESK_TEST(f) cmocka_unit_test_setup_teardown(f, open_desk, close_desk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(one_statement_for_one_place),
        DESK_TEST(no_leap_to_the_last_epoch),
        DESK_TEST(no_way_back),
        DESK_TEST(a_new_view_closes_those_before_it),
        DESK_TEST(records_of_a_past_epoch_are_passed_over),
        DESK_TEST(a_new_key_begins_at_zero),
        DESK_TEST(a_short_snapshot_is_complete),
        DESK_TEST(no_memory_is_told),
        DESK_TEST(a_restart_forgets_nothing),
        DESK_TEST(old_slots_are_closed),
        DESK_TEST(a_snapshot_keeps_the_floors),
        DESK_TEST(a_journal_that_contradicts_itself_is_refused),
        DESK_TEST(only_our_own_operations_and_bindings),
        DESK_TEST(calls_of_both_runtimes_are_signed),
        DESK_TEST(limits_of_arguments),
        DESK_TEST(other_calls_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
