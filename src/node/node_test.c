#include "node/node.h"

#include "node/node_test.h"

/* --- bindings (NODE-3) */

static struct peer_binding binding_of(const struct bench *b, uint8_t validator)
{
    return (struct peer_binding){.network = b->network,
                                 .peer = span_of(b->peer.bytes, b->peer.len),
                                 .hotkey = key(validator),
                                 .first_epoch = 5,
                                 .last_epoch = 9};
}

/* Whether the peer is bound then; signer: whose signature stands below. */
static bool say(struct bench *b, const struct peer_binding *p, uint8_t signer)
{
    uint8_t message[8 + PEER_BINDING_SIZE_MAX], bytes[1024];
    struct hotkey by = key(signer);
    memcpy(message, "PLTFBIND", 8);
    struct span body = peer_binding_encode(p, (struct room){message + 8, sizeof message - 8});
    struct net_frame f = {.tag = NET_FRAME_BINDING,
                          .binding = {*p, sign(&by, span_of(message, 8 + body.len))}};
    struct span frame = net_frame_encode(&f, (struct room){bytes, sizeof bytes});
    node_on_frame(b->node, &b->peer, P2P_BFT, frame, b->now_ms);
    return peers_find(b->node, &b->peer)->bound;
}

/* Of a peer that has just come, which is sent away unless it is bound. */
static bool bind(struct bench *b, const struct peer_binding *p, uint8_t signer)
{
    uint32_t before = b->disconnects;
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    node_trace(b->node)->count = 0;
    bool bound = say(b, p, signer);
    assert_true(bound == (b->disconnects == before));
    return bound;
}

/* What the signer answers to the one request for a binding. */
static void sign_binding(struct bench *b)
{
    struct hotkey own = key(0);
    struct signer_reply reply = {.token = b->binding_token,
                                 .verdict = SIGNER_VERDICT_SIGNED,
                                 .signature = sign(&own, SPAN_LITERAL("a binding"))};
    uint8_t memory[256];
    assert_int_not_equal(b->binding_token, 0);
    node_on_signed(b->node, signer_reply_encode(&reply, (struct room){memory, sizeof memory}),
                   b->now_ms);
    node_turn(b->node, b->now_ms);
}

static void only_its_own_binding_makes_a_validator(void **state)
{
    struct bench *b = *state;
    struct peer_binding good = binding_of(b, 2), bad = good;
    bad.network.bytes[3] ^= 1;
    assert_false(bind(b, &bad, 2));
    bad = good;
    bad.peer = SPAN_LITERAL("\x07\x07\x08"); /* what the handshake proved is 7 7 7 */
    assert_false(bind(b, &bad, 2));
    bad = good;
    bad.first_epoch = 9;
    bad.last_epoch = 8;
    assert_false(bind(b, &bad, 2));
    assert_false(bind(b, &good, 3)); /* signed by somebody else */
    assert_true(bind(b, &good, 2));
    assert_int_equal(peers_find(b->node, &b->peer)->member, 2);
    good.last_epoch = 5; /* its last epoch still counts */
    assert_true(bind(b, &good, 2));
    struct peer_binding stranger = binding_of(b, 50);
    assert_true(bind(b, &stranger, 50));
    assert_int_equal(peers_find(b->node, &b->peer)->member, BFT_ALL);
}

/* A node that is epochs behind has a binding that is over: it may stay and fetch
 * what it lacks, and is no validator until it has said a newer one. */
static void a_binding_that_is_over_makes_a_stranger(void **state)
{
    struct bench *b = *state;
    struct peer_binding old = binding_of(b, 2), next = old;
    old.first_epoch = 1;
    old.last_epoch = 4;
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    assert_false(say(b, &old, 2));
    assert_int_equal(b->disconnects, 0);
    assert_true(say(b, &next, 2));
    assert_int_equal(b->disconnects, 0);
}

/* While two connections to one peer are settled a frame may be lost, and nobody
 * is told: the binding comes again, and the same one again costs nothing. */
static void a_binding_is_said_again(void **state)
{
    struct bench *b = *state;
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    b->bindings = 0;
    b->now_ms += 250;
    node_turn(b->node, b->now_ms); /* it asks for its own binding to be signed */
    sign_binding(b);
    assert_int_equal(b->bindings, 1);
    for (uint32_t i = 0; i < 40; i++) {
        b->now_ms += 250;
        node_turn(b->node, b->now_ms);
    }
    assert_in_range(b->bindings, 5, 9);
    struct peer_binding other = binding_of(b, 2);
    assert_true(say(b, &other, 2));
    assert_int_equal(heard(b, "peer.bound"), 1);
    assert_true(say(b, &other, 2));
    assert_int_equal(heard(b, "peer.bound"), 0);
}

static void a_second_machine_with_our_key_stops_us(void **state)
{
    struct bench *b = *state;
    struct bft_view_info info;
    struct peer_binding other = binding_of(b, 1), ours = binding_of(b, 0);
    assert_true(bind(b, &other, 1));
    node_bft_info(b->node, &info);
    assert_true(info.voting);
    assert_true(bind(b, &ours, 0));
    assert_int_equal(heard(b, "validator.duplicate_hotkey"), 1);
    node_bft_info(b->node, &info);
    assert_false(info.voting);
}

/* --- blobs */

static void answer(struct bench *b, const struct peer_id *from, const struct blob_answer *a)
{
    struct blob_frame f = {.tag = BLOB_FRAME_ANSWER, .answer = *a};
    size_t size = BLOB_FRAME_SIZE_MIN + a->bytes.len + 128;
    struct room room = {arena_alloc(&b->arena, size), size};
    node_on_frame(b->node, from, P2P_BLOB, blob_frame_encode(&f, room), b->now_ms);
}

static void a_blob_is_what_its_name_says(void **state)
{
    struct bench *b = *state;
    const uint32_t size = BLOB_CHUNK_MAX + 100;
    uint8_t *bytes = arena_alloc(&b->arena, size);
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    struct hash name = hash_blake2b(span_of(bytes, size));
    struct peer_id stranger = {.len = 3, .bytes = {8, 8, 8}};
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    blobs_want(b->node, &name, size);
    struct blob_request q = b->sent.request;
    assert_int_equal(b->sent_count, 1);
    assert_int_equal(q.offset, 0);
    assert_int_equal(q.length, BLOB_CHUNK_MAX);
    node_on_peer_up(b->node, &stranger, b->now_ms);
    struct blob_answer a = {
        .token = q.token, .blob = name, .size = size, .bytes = span_of(bytes, BLOB_CHUNK_MAX)};
    answer(b, &stranger, &a); /* nobody asked it */
    assert_int_equal(b->sent_count, 1);
    answer(b, &b->peer, &a);
    assert_int_equal(b->sent_count, 2);
    assert_int_equal(b->sent.request.offset, BLOB_CHUNK_MAX);
    assert_int_equal(b->sent.request.length, 100);
    /* The same part again, as if it were the rest: refused, not written. */
    struct blob_answer again = {
        .token = b->sent.request.token, .blob = name, .size = size, .bytes = span_of(bytes, 100)};
    answer(b, &b->peer, &again);
    assert_false(blobs_have(b->node, &name));
    assert_int_equal(b->disconnects, 0);
    blobs_want(b->node, &name, size);
    node_turn(b->node, b->now_ms += 2000);
    assert_true(b->sent_count > 2);
    /* More than is missing would be written behind the end. */
    struct blob_answer rest = {.token = b->sent.request.token,
                               .blob = name,
                               .size = size,
                               .offset = BLOB_CHUNK_MAX,
                               .bytes = span_of(bytes + BLOB_CHUNK_MAX - 1, 101)};
    answer(b, &b->sent_to, &rest);
    assert_false(blobs_have(b->node, &name));
    blobs_want(b->node, &name, size);
    node_turn(b->node, b->now_ms += 2000);
    assert_true(b->sent_count > 3);
    rest.token = b->sent.request.token;
    rest.bytes = span_of(bytes, 100); /* the right place, other bytes */
    answer(b, &b->sent_to, &rest);
    assert_false(blobs_have(b->node, &name));
    assert_int_equal(b->node->counters.blob_mismatches, 1);
    blobs_want(b->node, &name, size);
    node_turn(b->node, b->now_ms += 2000);
    assert_int_equal(b->sent.request.offset, 0); /* from the start */
    a.token = b->sent.request.token;
    answer(b, &b->sent_to, &a);
    rest.token = b->sent.request.token;
    rest.bytes = span_of(bytes, 100); /* now all of it is of one peer */
    answer(b, &b->sent_to, &rest);
    assert_int_equal(b->disconnects, 1);
    blobs_want(b->node, &name, size);
    node_turn(b->node, b->now_ms += 2000);
    a.token = b->sent.request.token;
    answer(b, &b->sent_to, &a);
    rest.token = b->sent.request.token;
    rest.bytes = span_of(bytes + BLOB_CHUNK_MAX, 100);
    answer(b, &b->sent_to, &rest);
    assert_true(blobs_have(b->node, &name));
}

/* Whose status does not come any more is asked when nobody else is there. */
static void a_silent_member_is_not_asked(void **state)
{
    struct bench *b = *state;
    struct peer_binding first = binding_of(b, 1), second;
    struct hash name = {{1}};
    assert_true(bind(b, &first, 1));
    struct peer_id silent = b->peer;
    b->peer = (struct peer_id){.len = 3, .bytes = {8, 8, 8}};
    second = binding_of(b, 2);
    b->now_ms += 1600;
    assert_true(bind(b, &second, 2));
    for (uint32_t i = 0; i < 8; i++) {
        name.bytes[1]++;
        blobs_want(b->node, &name, 10);
        assert_true(peer_id_equal(&b->sent_to, &b->peer));
    }
    node_on_peer_down(b->node, &b->peer, b->now_ms);
    name.bytes[1]++;
    blobs_want(b->node, &name, 10);
    assert_true(peer_id_equal(&b->sent_to, &silent));
}

static void a_blob_is_served_part_by_part(void **state)
{
    struct bench *b = *state;
    static uint8_t bytes[1000];
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i ^ i >> 3);
    struct hash name;
    assert_int_equal(node_put_blob(b->node, span_of(bytes, sizeof bytes), &name), ERR_OK);
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    struct peer *member = peers_find(b->node, &b->peer);
    member->bound = true;
    member->member = 1;
    static const struct {
        uint32_t offset, length, want;
    } parts[] = {{0, 300, 300}, {300, 300, 300}, {900, 300, 100},
                 {999, 9, 1},   {1000, 9, 0},    {UINT32_MAX, UINT32_MAX, 0}};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct blob_frame f = {
            .tag = BLOB_FRAME_REQUEST,
            .request = {
                .token = 9, .blob = name, .offset = parts[i].offset, .length = parts[i].length}};
        uint8_t memory[256];
        node_on_frame(b->node, &b->peer, P2P_BLOB,
                      blob_frame_encode(&f, (struct room){memory, sizeof memory}), b->now_ms);
        assert_int_equal(b->sent.answer.token, 9);
        assert_int_equal(b->sent.answer.offset, parts[i].offset);
        assert_int_equal(b->sent.answer.bytes.len, parts[i].want);
        assert_int_equal(b->sent.answer.size, parts[i].want == 0 ? 0 : 1000);
        if (parts[i].want > 0)
            assert_memory_equal(b->sent.answer.bytes.ptr, bytes + parts[i].offset, parts[i].want);
    }
}

static struct peer_id other_peer(uint8_t number)
{
    return (struct peer_id){.len = 3, .bytes = {8, 8, number}};
}

/* Its first part from a liar that leaves, the rest from an honest peer: nobody
 * can tell who lied, so nobody is sent away, and the next try is of one peer. */
static void a_liar_cannot_put_the_blame_on_another(void **state)
{
    struct bench *b = *state;
    const uint32_t size = BLOB_CHUNK_MAX + 100;
    uint8_t *bytes = arena_alloc(&b->arena, size), *lie = arena_alloc(&b->arena, size);
    memset(bytes, 5, size);
    memset(lie, 6, size);
    struct hash name = hash_blake2b(span_of(bytes, size));
    struct peer_id liar = other_peer(1), honest = other_peer(2);
    node_on_peer_up(b->node, &liar, b->now_ms);
    blobs_want(b->node, &name, size);
    struct blob_answer a = {.token = b->sent.request.token,
                            .blob = name,
                            .size = size,
                            .bytes = span_of(lie, BLOB_CHUNK_MAX)};
    answer(b, &liar, &a);
    node_on_peer_up(b->node, &honest, b->now_ms);
    node_on_peer_down(b->node, &liar, b->now_ms);
    node_turn(b->node, b->now_ms += 300);
    assert_true(peer_id_equal(&b->sent_to, &honest));
    a = (struct blob_answer){.token = b->sent.request.token,
                             .blob = name,
                             .size = size,
                             .offset = BLOB_CHUNK_MAX,
                             .bytes = span_of(bytes + BLOB_CHUNK_MAX, 100)};
    answer(b, &honest, &a);
    assert_int_equal(b->disconnects, 0);
    assert_int_equal(b->node->counters.blob_mismatches, 1);
    /* Again; now the liar's part does not count once another is asked. */
    node_on_peer_up(b->node, &liar, b->now_ms);
    for (uint32_t i = 0; i < 6 && !blobs_have(b->node, &name); i++) {
        node_turn(b->node, b->now_ms += 2100);
        blobs_want(b->node, &name, size);
        struct peer_id asked = b->sent_to;
        bool lies = peer_id_equal(&asked, &liar);
        a = (struct blob_answer){.token = b->sent.request.token,
                                 .blob = name,
                                 .size = size,
                                 .offset = 0,
                                 .bytes = span_of(lies ? lie : bytes, BLOB_CHUNK_MAX)};
        assert_int_equal(b->sent.request.offset, 0);
        answer(b, &asked, &a);
        if (lies)
            continue;
        a.token = b->sent.request.token;
        a.offset = BLOB_CHUNK_MAX;
        a.bytes = span_of(bytes + BLOB_CHUNK_MAX, 100);
        answer(b, &asked, &a);
    }
    assert_true(blobs_have(b->node, &name));
    assert_int_equal(b->disconnects, 0);
}

static void a_dripping_peer_is_left_for_another(void **state)
{
    struct bench *b = *state;
    static uint8_t bytes[1000];
    memset(bytes, 9, sizeof bytes);
    struct hash name = hash_blake2b(span_of(bytes, sizeof bytes));
    struct peer_id dripping = other_peer(1), honest = other_peer(2);
    node_on_peer_up(b->node, &dripping, b->now_ms);
    blobs_want(b->node, &name, sizeof bytes);
    node_on_peer_up(b->node, &honest, b->now_ms);
    struct blob_answer a = {.token = b->sent.request.token,
                            .blob = name,
                            .size = sizeof bytes,
                            .bytes = span_of(bytes, 1)};
    answer(b, &dripping, &a);
    assert_int_equal(b->sent_count, 2);
    assert_true(peer_id_equal(&b->sent_to, &honest));
    assert_int_equal(b->sent.request.offset, 0);
}

/* Names that nobody has a blob for do not keep others from being fetched. */
static void blobs_of_nobody_give_way(void **state)
{
    struct bench *b = *state;
    struct hash name = {0};
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    for (uint32_t i = 0; i < FETCHES_MAX; i++) {
        memcpy(name.bytes, &i, sizeof i);
        blobs_want(b->node, &name, 100);
    }
    memset(name.bytes, 7, sizeof name.bytes);
    blobs_want(b->node, &name, 100);
    assert_int_equal(b->sent_count, FETCHES_MAX);
    node_turn(b->node, b->now_ms += 4000);
    uint32_t before = b->sent_count;
    blobs_want(b->node, &name, 100);
    assert_int_equal(b->sent_count, before + 1);
    assert_true(hash_equal(&b->sent.request.blob, &name));
    /* And what nobody wants any more is forgotten. */
    b->now_ms += 6000;
    node_turn(b->node, b->now_ms);
    for (uint32_t i = 0; i < FETCHES_MAX; i++)
        assert_false(b->node->fetches[i].used);
}

static void members_are_asked_first(void **state)
{
    struct bench *b = *state;
    struct hash name = {.bytes = {3}};
    for (uint8_t i = 0; i < 20; i++) {
        struct peer_id stranger = other_peer(i);
        node_on_peer_up(b->node, &stranger, b->now_ms);
    }
    struct peer_binding member = binding_of(b, 1);
    assert_true(bind(b, &member, 1));
    blobs_want(b->node, &name, 100);
    assert_true(peer_id_equal(&b->sent_to, &b->peer));
}

/* --- operations */

/* A module is looked at once, not on every tick for as long as it is registered. */
static void an_unfit_module_is_told_of_once(void **state)
{
    struct bench *b = *state;
    struct hash module;
    assert_int_equal(node_put_blob(b->node, SPAN_LITERAL("no module!"), &module), ERR_OK);
    struct op_body body = registration("unfit");
    body.challenge_register.module = module;
    struct span op = signed_op(b, 9, 1, &body);
    b->node->config.approve_all = true;
    apply(b, 1, &op, 1);
    node_trace(b->node)->count = 0;
    actions_tick(b->node);
    assert_int_equal(heard(b, "challenge.not_approved"), 1);
    actions_tick(b->node);
    assert_int_equal(heard(b, "challenge.not_approved"), 0);
}

static uint32_t jobs_of(const struct bench *b, uint8_t miner)
{
    uint32_t count = 0;
    struct hotkey k = key(miner);
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        count += b->node->jobs[i].used && hotkey_equal(&b->node->jobs[i].miner, &k);
    return count;
}

/* Neither a hundred submissions nor blobs that nobody has take another's turn. */
static void one_miner_does_not_take_all_turns(void **state)
{
    struct bench *b = *state;
    struct hash id = challenge_of(b);
    struct span ops[62];
    uint32_t count = 0;
    for (uint64_t i = 0; i < 30; i++)
        ops[count++] = submission_of(b, 1, 10 + i, &id, true);
    for (uint64_t i = 0; i < 30; i++)
        ops[count++] = submission_of(b, 2, 10 + i, &id, false);
    ops[count++] = submission_of(b, 3, 10, &id, true);
    apply(b, 4, ops, count);
    b->node->config.evaluation_slots = 0;
    evaluate_tick(b->node);
    assert_int_equal(jobs_of(b, 1), 8);
    assert_int_equal(jobs_of(b, 2), 0);
    assert_int_equal(jobs_of(b, 3), 1);
    b->node->config.evaluation_slots = JOBS_MAX;
    evaluate_tick(b->node);
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        assert_true(!b->node->jobs[i].used || b->node->jobs[i].phase == JOB_RUNNING);
}

/* Of the right peer and blob, and too late: the question was put again. */
static void an_answer_to_another_question_is_none(void **state)
{
    struct bench *b = *state;
    struct hash name = {{1}};
    uint8_t bytes[10] = {0};
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    blobs_want(b->node, &name, sizeof bytes);
    struct blob_answer a = {.token = b->sent.request.token + 1,
                            .blob = name,
                            .size = sizeof bytes,
                            .bytes = span_of(bytes, sizeof bytes)};
    answer(b, &b->peer, &a);
    assert_int_equal(b->node->counters.blob_stray_answers, 1);
    assert_int_equal(b->node->counters.blob_mismatches, 0);
    a.token--;
    answer(b, &b->peer, &a);
    assert_int_equal(b->node->counters.blob_stray_answers, 1);
    assert_int_equal(b->node->counters.blob_mismatches, 1);
}

static void a_blob_has_its_bounds(void **state)
{
    struct bench *b = *state;
    struct hash name = {{1}}, before = name;
    uint32_t most = b->node->config.blob_bytes_max;
    uint8_t *bytes = arena_alloc(&b->arena, most + 1);
    memset(bytes, 1, most + 1);
    assert_int_equal(node_put_blob(b->node, (struct span){0}, &name), ERR_TOO_BIG);
    assert_int_equal(node_put_blob(b->node, span_of(bytes, most + 1), &name), ERR_TOO_BIG);
    assert_true(hash_equal(&name, &before));
    assert_int_equal(node_put_blob(b->node, span_of(bytes, most), &name), ERR_OK);
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    blobs_want(b->node, &before, most + 1); /* Nobody is asked for what cannot be. */
    blobs_want(b->node, &before, 0);
    assert_int_equal(b->sent_count, 0);
    blobs_want(b->node, &before, most);
    assert_int_equal(b->sent_count, 1);
}

/* --- the next set */

/* A leader's word makes us read a block of the chain once; when no epoch ended there,
 * or it is no later than our set's, never again, and nobody votes for it. */
static void a_false_boundary_is_read_once(void **state)
{
    struct bench *b = *state;
    struct epochs *e = &b->node->epochs;
    struct op_epoch proposed = {.next = {.chain_block = 50}};
    uint64_t ours = ledger_valset(b->node->ledger)->chain_block;
    e->finalized = 49;
    assert_null(epochs_expected(b->node, &proposed, &b->arena));
    assert_int_equal(e->boundary_wanted, 0); /* not there yet */
    e->finalized = 50;
    assert_null(epochs_expected(b->node, &proposed, &b->arena));
    assert_int_equal(e->boundary_wanted, 50);
    assert_false(epochs_refuse(b->node, 50));
    e->boundary_wanted = 0;
    e->refused[e->refused_count++] = 50; /* The chain has answered. */
    assert_true(epochs_refuse(b->node, 50));
    assert_null(epochs_expected(b->node, &proposed, &b->arena));
    assert_int_equal(e->boundary_wanted, 0);
    assert_false(epochs_refuse(b->node, 51));
    assert_true(epochs_refuse(b->node, ours));
    node_on_chain_up(b->node, b->now_ms);
    node_on_chain_down(b->node, CHAIN_WHY_CLOSED, b->now_ms);
    assert_false(epochs_refuse(b->node, 50)); /* Another endpoint may know better. */
}

/* --- peers that come and go */

/* Who leaves is replaced at once where it was asked, and nowhere else. */
static void a_peer_that_leaves_stops_its_own_fetches_only(void **state)
{
    struct bench *b = *state;
    struct hash first = {{1}}, second = {{2}};
    struct peer_id other = other_peer(1);
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    blobs_want(b->node, &first, 100);
    struct peer_id asked = b->sent_to;
    node_on_peer_up(b->node, &other, b->now_ms);
    blobs_want(b->node, &second, 100);
    assert_false(peer_id_equal(&asked, &b->sent_to));
    struct peer_id stays = b->sent_to;
    assert_int_equal(b->sent_count, 2);
    node_on_peer_down(b->node, &asked, b->now_ms);
    node_turn(b->node, b->now_ms += 300);
    assert_int_equal(b->sent_count, 3);
    assert_true(hash_equal(&b->sent.request.blob, &first));
    assert_true(peer_id_equal(&b->sent_to, &stays));
}

static void nonsense(struct bench *b)
{
    struct net_frame f = {.tag = NET_FRAME_BFT, .bft = {SPAN_LITERAL("nonsense")}};
    uint8_t memory[256];
    node_on_frame(b->node, &b->peer, P2P_BFT,
                  net_frame_encode(&f, (struct room){memory, sizeof memory}), b->now_ms);
}

/* A stranger has sixteen tries, a new epoch gives them anew; a member is the
 * core's to judge. */
static void strangers_that_talk_nonsense_are_sent_away(void **state)
{
    struct bench *b = *state;
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    for (uint32_t i = 0; i < 15; i++)
        nonsense(b);
    peers_new_set(b->node);
    for (uint32_t i = 0; i < 15; i++)
        nonsense(b);
    assert_int_equal(b->disconnects, 0);
    nonsense(b);
    assert_int_equal(b->disconnects, 1);
    assert_int_equal(b->node->counters.strangers_refused, 1);
    struct peer_binding member = binding_of(b, 1);
    assert_true(bind(b, &member, 1));
    for (uint32_t i = 0; i < 40; i++)
        nonsense(b);
    assert_int_equal(b->disconnects, 1);
    /* With a new set everybody's place is looked up again. */
    peers_find(b->node, &b->peer)->member = BFT_ALL;
    peers_new_set(b->node);
    assert_int_equal(peers_find(b->node, &b->peer)->member, 1);
}

static void our_binding_is_renewed_in_time(void **state)
{
    struct bench *b = *state;
    uint64_t epoch = ledger_epoch(b->node->ledger), token;
    node_turn(b->node, b->now_ms += 250);
    token = b->binding_token;
    sign_binding(b);
    assert_int_equal(b->node->binding_last_epoch, epoch + 64);
    node_turn(b->node, b->now_ms += 250);
    assert_int_equal(b->binding_token, token);
    b->node->binding_last_epoch = epoch + 17;
    node_turn(b->node, b->now_ms += 250);
    assert_int_equal(b->binding_token, token);
    b->node->binding_last_epoch = epoch + 16;
    node_turn(b->node, b->now_ms += 250);
    assert_int_not_equal(b->binding_token, token);
}

static void an_observer_signs_nothing(void **state)
{
    struct bench *b = *state;
    memset(&b->node->config.self, 0, sizeof b->node->config.self);
    for (uint32_t i = 0; i < 8; i++)
        node_turn(b->node, b->now_ms += 250);
    assert_int_equal(b->binding_token, 0);
    assert_int_equal(b->node->signs_end, 0);
}

/* --- the journal */

/* After a write that failed nothing more is promised to anybody. */
static void a_fatal_node_does_nothing_more(void **state)
{
    struct bench *b = *state;
    struct op_body body = registration("late");
    struct span op = signed_op(b, 9, 1, &body);
    enum reject why;
    turn(b);
    uint64_t ticket = b->flush_ticket;
    uint32_t published = b->published;
    assert_int_equal(node_submit_op(b->node, op, &why, b->now_ms), ERR_OK);
    b->node->appended++;
    b->node->fatal = "store_failed";
    for (uint32_t i = 0; i < 8; i++)
        node_turn(b->node, b->now_ms += 250);
    assert_true(b->flush_ticket == ticket && b->published == published);
    assert_string_equal(node_fatal(b->node), "store_failed");
}

/* A record that nothing signed waits for shares the next flush, and has one of its
 * own before long. */
static void records_are_flushed_when_they_must_be(void **state)
{
    struct bench *b = *state;
    struct node *n = b->node;
    struct signer_request_body body = {.tag = SIGNER_REQUEST_BODY_BFT,
                                       .bft.statement.type = BFT_TYPE_COMMIT};
    turn(b);
    uint64_t before = n->appended;
    n->appended++;
    turn(b);
    assert_int_equal(b->flush_ticket, before);
    assert_non_null(signing_ask(n, SIGN_BFT, &body));
    turn(b);
    assert_int_equal(b->flush_ticket, before + 1);
    n->appended++;
    for (uint32_t i = 0; i < 249; i++)
        turn(b);
    assert_int_equal(b->flush_ticket, before + 1);
    turn(b);
    assert_int_equal(b->flush_ticket, before + 2);
}

/* --- a disk that fails (NODE-5) */

/* Whatever is reported to it, and whatever it had begun. */
static void assert_does_nothing(struct bench *b)
{
    uint8_t memory[128];
    uint32_t sent = b->sent_count, published = b->published, ended = b->disconnects;
    uint32_t appends = b->appends;
    uint64_t flushed = b->flush_ticket;
    struct hash name, absent = {{9}};
    struct blob_frame question = {.tag = BLOB_FRAME_REQUEST,
                                  .request = {.token = 1, .blob = absent, .length = 1}};
    struct span frame = blob_frame_encode(&question, (struct room){memory, sizeof memory});
    struct op_body body = registration("late");
    enum reject why;
    node_on_frame(b->node, &b->peer, P2P_BLOB, frame, b->now_ms);
    node_on_frame(b->node, &b->peer, P2P_BLOB, SPAN_LITERAL("garbled"), b->now_ms);
    node_on_gossip(b->node, ++b->judged, &b->peer, SPAN_LITERAL("garbled"), b->now_ms);
    assert_int_equal(node_submit_op(b->node, signed_op(b, 9, 1, &body), &why, b->now_ms), ERR_FULL);
    assert_int_equal(node_put_blob(b->node, SPAN_LITERAL("late"), &name), ERR_IO);
    node_on_chain_up(b->node, b->now_ms);
    node_on_peer_down(b->node, &b->peer, b->now_ms);
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    node_on_signer_up(b->node, b->now_ms);
    b->binding_token = 0;
    b->now_ms += 60000;
    turn(b);
    assert_int_equal(b->sent_count, sent);
    assert_int_equal(b->published, published);
    assert_int_equal(b->disconnects, ended);
    assert_int_equal(b->appends, appends);
    assert_int_equal(b->flush_ticket, flushed);
    assert_int_equal(b->binding_token, 0);
    assert_true(node_wake_at(b->node) == UINT64_MAX);
    assert_true(node_unready(b->node) & NODE_UNREADY_DISK);
}

/* A peer that is connected, and something that would leave with the next turn. */
static void make_busy(struct bench *b)
{
    struct op_body body = registration("early");
    enum reject why;
    turn(b);
    node_on_peer_up(b->node, &b->peer, b->now_ms);
    assert_int_equal(node_submit_op(b->node, signed_op(b, 9, 1, &body), &why, b->now_ms), ERR_OK);
    assert_null(node_fatal(b->node));
}

static void after_a_refused_commit_nothing_leaves(void **state)
{
    struct bench *b = *state;
    struct hash name;
    make_busy(b);
    assert_int_equal(node_put_blob(b->node, SPAN_LITERAL("a blob"), &name), ERR_OK);
    db_mem_fail_at(b->db, 1);
    uint32_t published = b->published;
    turn(b);
    assert_string_equal(node_fatal(b->node), "blobs_failed");
    assert_int_equal(b->published, published); /* in the same turn, behind the commit */
    assert_int_equal(heard(b, "store.failed"), 1);
    assert_does_nothing(b);
}

static void after_a_refused_flush_nothing_leaves(void **state)
{
    struct bench *b = *state;
    make_busy(b);
    node_on_disk_failed(b->node, b->now_ms);
    assert_string_equal(node_fatal(b->node), "journal_failed");
    assert_does_nothing(b);
}

/* The record of a vote; the rest of the step is not performed. */
static void after_a_refused_record_nothing_leaves(void **state)
{
    struct bench *b = *state;
    make_busy(b);
    b->disk_fails = true;
    for (uint32_t i = 0; i < 100 && node_fatal(b->node) == NULL; i++) {
        b->now_ms += 1000; /* Nobody leads: it asks for another view. */
        turn(b);
    }
    assert_string_equal(node_fatal(b->node), "journal_failed");
    assert_int_equal(b->appends, 1);
    assert_does_nothing(b);
}

static void a_vote_that_the_signer_could_not_keep_is_asked_again(void **state)
{
    struct bench *b = *state;
    struct signer_request_body body = {.tag = SIGNER_REQUEST_BODY_BFT,
                                       .bft.statement.type = BFT_TYPE_COMMIT};
    uint8_t memory[256];
    turn(b);
    struct sign_wait *w = signing_ask(b->node, SIGN_BFT, &body);
    assert_non_null(w);
    struct signer_reply reply = {.token = w->token, .verdict = SIGNER_VERDICT_FAILED};
    turn(b);
    assert_int_equal(b->vote_token, w->token);
    node_on_signed(b->node, signer_reply_encode(&reply, (struct room){memory, sizeof memory}),
                   b->now_ms);
    b->vote_token = 0;
    turn(b);
    assert_true(w->used && !w->replied && b->vote_token == 0);
    node_on_signer_up(b->node, b->now_ms);
    turn(b);
    assert_int_equal(b->vote_token, w->token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH_TEST(only_its_own_binding_makes_a_validator),
        BENCH_TEST(a_binding_that_is_over_makes_a_stranger),
        BENCH_TEST(a_binding_is_said_again),
        BENCH_TEST(a_second_machine_with_our_key_stops_us),
        BENCH_TEST(a_blob_is_what_its_name_says),
        BENCH_TEST(a_silent_member_is_not_asked),
        BENCH_TEST(a_blob_is_served_part_by_part),
        BENCH_TEST(a_liar_cannot_put_the_blame_on_another),
        BENCH_TEST(a_dripping_peer_is_left_for_another),
        BENCH_TEST(blobs_of_nobody_give_way),
        BENCH_TEST(members_are_asked_first),
        BENCH_TEST(an_unfit_module_is_told_of_once),
        BENCH_TEST(one_miner_does_not_take_all_turns),
        BENCH_TEST(records_are_flushed_when_they_must_be),
        BENCH_TEST(a_false_boundary_is_read_once),
        BENCH_TEST(after_a_refused_commit_nothing_leaves),
        BENCH_TEST(after_a_refused_flush_nothing_leaves),
        BENCH_TEST(after_a_refused_record_nothing_leaves),
        BENCH_TEST(a_vote_that_the_signer_could_not_keep_is_asked_again),
        BENCH_TEST(an_answer_to_another_question_is_none),
        BENCH_TEST(a_blob_has_its_bounds),
        BENCH_TEST(a_peer_that_leaves_stops_its_own_fetches_only),
        BENCH_TEST(strangers_that_talk_nonsense_are_sent_away),
        BENCH_TEST(our_binding_is_renewed_in_time),
        BENCH_TEST(an_observer_signs_nothing),
        BENCH_TEST(a_fatal_node_does_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
