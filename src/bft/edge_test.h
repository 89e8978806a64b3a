/* edge: one replica by itself.  The test is its network, its disk and its signer,
 * so that the edge of a rule can be met alone and nothing else moves.  Included
 * by tests of bft only. */
#ifndef BFT_EDGE_TEST_H
#define BFT_EDGE_TEST_H

#include "base/test.h"
#include "bft/cluster_test.h"
#include "crypto/hash.h"

enum {
    EDGE_MEMBERS = 4,
    EDGE_SEEN = 8192,
    EDGE_RECORDS = 4096,
    EDGE_WAITING = 512,
    EDGE_ALL = (1 << EDGE_MEMBERS) - 1,
};

struct edge {
    struct arena core, world;
    struct bft *b;
    struct bft_effects fx;
    struct bft_config config;
    struct valset_member members[EDGE_MEMBERS];
    struct bft_set set;
    uint32_t self;
    struct bft_effect seen[EDGE_SEEN]; /* since edge_clear */
    uint32_t seen_count;
    struct span journal[EDGE_RECORDS], stable; /* stable: bytes of the last STABLE */
    uint32_t journal_count;
    struct bft_effect waiting[EDGE_WAITING]; /* SIGN, CHECK and EXECUTE without an answer */
    uint32_t waiting_count;
    uint64_t now;
    uint32_t silent; /* bit: a member of whom nothing is heard */
    bool hold_signs; /* the signer is slow */
    bool hold_checks, bad_payloads;
    uint64_t state;            /* what is executed comes to this state */
    const struct valset *next; /* the set after the next checkpoint slot, if not NULL */
    uint8_t message[BFT_MESSAGE_SIZE_MAX];
};

static struct edge t;

static inline struct signature edge_sign(uint32_t member, const struct bft_statement *st)
{
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(st, &t.config.network, &t.set.hash, bytes);
    return cluster_signature(&t.members[member].hotkey, span_of(bytes, sizeof bytes));
}

/* --- events and what comes of them */

static inline void edge_step(struct bft_event ev)
{
    ev.now_ms = t.now;
    bft_step(t.b, &ev, &t.fx);
    for (uint32_t i = 0; i < t.fx.count; i++) {
        struct bft_effect e = t.fx.items[i];
        e.bytes = arena_copy(&t.world, e.bytes);
        assert_true(t.seen_count < EDGE_SEEN && t.waiting_count < EDGE_WAITING);
        t.seen[t.seen_count++] = e;
        if (e.kind == BFT_FX_PERSIST) {
            assert_true(t.journal_count < EDGE_RECORDS);
            t.journal[t.journal_count++] = e.bytes;
        }
        if (e.kind == BFT_FX_STABLE)
            t.stable = e.bytes;
        if (e.kind == BFT_FX_SIGN || e.kind == BFT_FX_CHECK || e.kind == BFT_FX_EXECUTE)
            t.waiting[t.waiting_count++] = e;
    }
}

static inline void edge_answer(const struct bft_effect *e)
{
    struct bft_event ev = {.kind = BFT_EV_SIGNED, .token = e->token, .seq = e->seq, .ok = true};
    if (e->kind == BFT_FX_SIGN)
        ev.signature = edge_sign(t.self, &e->statement);
    if (e->kind == BFT_FX_CHECK) {
        ev.kind = BFT_EV_CHECKED;
        ev.digest = e->digest;
        ev.ok = !t.bad_payloads;
    }
    if (e->kind == BFT_FX_EXECUTE) {
        ev.kind = BFT_EV_EXECUTED;
        ev.aux.log_size = e->seq + t.state;
        ev.next = e->seq % BFT_CHECKPOINT_INTERVAL == 0 ? t.next : NULL;
    }
    edge_step(ev);
}

/* Answers what waits, and what comes of the answers. */
static inline void edge_settle(void)
{
    for (uint32_t i = 0; i < t.waiting_count;) {
        struct bft_effect e = t.waiting[i];
        if ((e.kind == BFT_FX_SIGN && t.hold_signs) || (e.kind == BFT_FX_CHECK && t.hold_checks)) {
            i++;
            continue;
        }
        t.waiting_count--;
        memmove(&t.waiting[i], &t.waiting[i + 1], (t.waiting_count - i) * sizeof e);
        edge_answer(&e);
        i = 0;
    }
}

static inline void edge_event(struct bft_event ev)
{
    edge_step(ev);
    edge_settle();
}

static inline void edge_hear(uint32_t from, const struct bft_message *m)
{
    struct span bytes = bft_message_encode(m, (struct room){t.message, sizeof t.message});
    assert_non_null(bytes.ptr);
    edge_event((struct bft_event){.kind = BFT_EV_MESSAGE, .from = from, .bytes = bytes});
}

/* Time passes, with every wake-up that was asked for; who is not silent is heard
 * all the while. */
static inline void edge_tick(uint64_t ms)
{
    const struct bft_message nothing = {.tag = BFT_MESSAGE_FETCH};
    uint64_t end = t.now + ms;
    do {
        t.now = min_u64(end, max_u64(t.fx.wake_at_ms, t.now));
        for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
            if (i != t.self && (t.silent >> i & 1) == 0)
                edge_hear(i, &nothing);
        edge_event((struct bft_event){.kind = BFT_EV_TICK});
    } while (t.now < end);
}

static inline void edge_clear(void)
{
    t.seen_count = 0;
}

static inline uint32_t edge_count(enum bft_effect_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t.seen_count; i++)
        count += t.seen[i].kind == kind;
    return count;
}

/* Signatures asked for; digest NULL: whatever they say. */
static inline uint32_t edge_asked(enum bft_type type, uint64_t view, uint64_t seq,
                                  const struct hash *digest)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t.seen_count; i++) {
        const struct bft_statement *st = &t.seen[i].statement;
        count += t.seen[i].kind == BFT_FX_SIGN && st->type == type && st->view == view &&
                 st->seq == seq && (digest == NULL || hash_equal(digest, &st->digest));
    }
    return count;
}

/* Messages of a kind that were sent to member to (BFT_ALL: to everyone); the
 * last of them, when last is not NULL. */
static inline uint32_t edge_sent(uint32_t to, enum bft_message_tag tag, struct bft_message *last)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < t.seen_count; i++) {
        struct bft_message m;
        if (t.seen[i].kind != BFT_FX_SEND || t.seen[i].to != to)
            continue;
        assert_int_equal(bft_message_decode(t.seen[i].bytes, &t.world, &m), ERR_OK);
        if (m.tag != tag)
            continue;
        count++;
        if (last != NULL)
            *last = m;
    }
    return count;
}

static inline struct bft_view_info edge_info(void)
{
    struct bft_view_info info;
    bft_info(t.b, &info);
    return info;
}

/* --- the start */

static inline void edge_core(void)
{
    arena_reset(&t.core, 0);
    t.waiting_count = 0;
    assert_int_equal(bft_init(&t.b, &t.core, &t.config, &t.set.set), ERR_OK);
}

/* Any three are a QUORUM and any two are WEAK; but the last one is so poor that
 * the other three lead in turn. */
static inline int edge_setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    assert_int_equal(arena_open(&t.core, bft_arena_size()), ERR_OK);
    assert_int_equal(arena_open(&t.world, (size_t)512 << 20), ERR_OK);
    for (uint32_t i = 0; i < EDGE_MEMBERS; i++) {
        memset(t.members[i].hotkey.bytes, (int)(i + 1), HOTKEY_SIZE);
        t.members[i].stake = i < EDGE_MEMBERS - 1 ? 100 : 1;
    }
    struct valset set = {.members = t.members, .members_count = EDGE_MEMBERS, .chain_block = 5};
    assert_int_equal(bft_set_init(&t.set, &set), ERR_OK);
    return 0;
}

static inline int edge_close(void **state)
{
    (void)state;
    arena_close(&t.core);
    arena_close(&t.world);
    return 0;
}

/* The same network once more, from its beginning. */
static inline void edge_again(void)
{
    edge_close(NULL);
    edge_setup(NULL);
}

/* self: a member's index. */
static inline void edge_open(uint32_t self)
{
    t.self = self;
    t.now = 1000;
    t.config = (struct bft_config){.network.bytes = {7},
                                   .self = t.members[self].hotkey,
                                   .verifier = {.verify = cluster_verify},
                                   .timeout_ms = 1000,
                                   .status_ms = 400,
                                   .seed = 1};
    edge_core();
    edge_event((struct bft_event){.kind = BFT_EV_START});
    edge_clear();
}

/* From the journal's record number first on, and the last checkpoint if it is to
 * be resumed. */
static inline void edge_restart(uint32_t first, bool resume)
{
    uint32_t count = t.journal_count;
    struct bft_event ev = {.kind = BFT_EV_RESUME, .resume.set = &t.set.set};
    edge_core();
    edge_clear();
    if (resume) {
        assert_int_equal(bft_checkpoint_decode(t.stable, &t.world, &ev.resume.checkpoint), ERR_OK);
        edge_step(ev);
    }
    for (uint32_t i = first; i < count; i++)
        edge_event((struct bft_event){.kind = BFT_EV_REPLAY, .bytes = t.journal[i]});
    edge_event((struct bft_event){.kind = BFT_EV_START});
}

/* A record of the test's own at the end of the journal. */
static inline void edge_record(const struct bft_record *r)
{
    struct span bytes = bft_record_encode(r, (struct room){t.message, sizeof t.message});
    t.journal[t.journal_count++] = arena_copy(&t.world, bytes);
}

/* --- what the others say */

static inline uint32_t edge_leader(uint64_t view)
{
    return bft_leader(&t.set, view);
}

/* A member that leads none of the first views. */
static inline uint32_t edge_follower(uint64_t views)
{
    for (uint32_t i = 0; i < EDGE_MEMBERS; i++) {
        bool leads = false;
        for (uint64_t view = 0; view < views; view++)
            leads = leads || edge_leader(view) == i;
        if (!leads)
            return i;
    }
    return BFT_ALL;
}

static inline struct span edge_payload(uint64_t number)
{
    return arena_copy(&t.world, span_of(&number, sizeof number));
}

static inline struct hash edge_digest(uint64_t number)
{
    return bft_payload_digest(span_of(&number, sizeof number));
}

static inline void edge_vote(uint32_t from, const struct bft_statement *st)
{
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote = (struct bft_vote){*st, (uint16_t)from, edge_sign(from, st)};
    edge_hear(from, &m);
}

/* Everyone but this replica votes so. */
static inline void edge_votes(enum bft_type type, uint64_t view, uint64_t seq, uint64_t number)
{
    const struct bft_statement st = {
        .type = type, .view = view, .seq = seq, .digest = edge_digest(number)};
    for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
        if (i != t.self)
            edge_vote(i, &st);
}

static inline void edge_propose(uint64_t view, uint64_t seq, uint64_t number)
{
    uint32_t leader = edge_leader(view);
    struct bft_message m = {.tag = BFT_MESSAGE_PROPOSE};
    m.propose = (struct bft_propose){
        .view = view, .seq = seq, .signer = (uint16_t)leader, .payload = edge_payload(number)};
    const struct bft_statement st = {
        .type = BFT_TYPE_PROPOSE, .view = view, .seq = seq, .digest = edge_digest(number)};
    m.propose.signature = edge_sign(leader, &st);
    edge_hear(leader, &m);
}

/* A certificate by the members of a bitmap. */
static inline struct bft_cert edge_cert(const struct bft_statement *st, uint32_t signers)
{
    struct signature *list = arena_array(&t.world, EDGE_MEMBERS, sizeof *list);
    assert_non_null(list);
    struct bft_cert c = {.statement = *st, .signatures = list};
    c.bitmap[0] = (uint8_t)signers;
    for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
        if ((signers >> i & 1) != 0)
            list[c.signatures_count++] = edge_sign(i, st);
    return c;
}

/* The same with the last signature spoilt. */
static inline struct bft_cert edge_spoilt(const struct bft_statement *st, uint32_t signers)
{
    struct bft_cert c = edge_cert(st, signers);
    ((struct signature *)(uintptr_t)c.signatures)[c.signatures_count - 1].bytes[0] ^= 1;
    return c;
}

static inline struct bft_statement edge_statement(enum bft_type type, uint64_t view, uint64_t seq,
                                                  uint64_t number)
{
    return (struct bft_statement){
        .type = type, .view = view, .seq = seq, .digest = edge_digest(number)};
}

/* A decided slot from somebody's store. */
static inline void edge_decided(uint64_t view, uint64_t seq, uint64_t number)
{
    const struct bft_statement st = edge_statement(BFT_TYPE_COMMIT, view, seq, number);
    struct bft_message m = {.tag = BFT_MESSAGE_DECIDED};
    m.decided = (struct bft_decided){seq, edge_payload(number), edge_cert(&st, EDGE_ALL)};
    edge_hear((t.self + 1) % EDGE_MEMBERS, &m);
}

/* Decides up to the checkpoint at the end of so many segments, which everyone
 * signs as this replica does. */
static inline void edge_segments(uint64_t view, uint32_t segments)
{
    for (uint32_t k = 0; k < segments; k++) {
        uint64_t end =
            (edge_info().executed / BFT_CHECKPOINT_INTERVAL + 1) * BFT_CHECKPOINT_INTERVAL;
        struct bft_statement st = {0};
        edge_clear();
        for (uint64_t seq = edge_info().executed + 1; seq <= end; seq++)
            edge_decided(view, seq, seq);
        for (uint32_t i = 0; i < t.seen_count; i++)
            if (t.seen[i].kind == BFT_FX_SIGN && t.seen[i].statement.type == BFT_TYPE_CHECKPOINT)
                st = t.seen[i].statement;
        assert_int_equal(st.seq, end);
        for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
            if (i != t.self)
                edge_vote(i, &st);
        assert_int_equal(edge_info().stable, end);
    }
    edge_clear();
}

static inline struct bft_view_change_core edge_core_of(uint64_t view, uint64_t stable,
                                                       const struct bft_prepared *p, uint32_t count)
{
    return (struct bft_view_change_core){
        .view = view, .stable = stable, .prepared = p, .prepared_count = count};
}

static inline struct signature edge_sign_core(uint32_t from,
                                              const struct bft_view_change_core *core)
{
    struct room room = {arena_alloc(&t.world, BFT_VIEW_CHANGE_CORE_SIZE_MAX),
                        BFT_VIEW_CHANGE_CORE_SIZE_MAX};
    struct bft_statement st = {
        .type = BFT_TYPE_VIEW_CHANGE,
        .view = core->view,
        .digest = hash_tagged("PLTFVIEW", bft_view_change_core_encode(core, room))};
    return edge_sign(from, &st);
}

static inline void edge_view_change(uint32_t from, const struct bft_view_change_core *core,
                                    const struct bft_cert *certs, uint32_t count)
{
    struct bft_message m = {.tag = BFT_MESSAGE_VIEW_CHANGE};
    m.view_change =
        (struct bft_view_change){*core, (uint16_t)from, edge_sign_core(from, core), certs, count};
    edge_hear(from, &m);
}

/* A VIEW-CHANGE that claims nothing, from everyone but this replica. */
static inline void edge_view_changes(uint64_t view, uint64_t stable)
{
    struct bft_view_change_core core = edge_core_of(view, stable, NULL, 0);
    for (uint32_t i = 0; i < EDGE_MEMBERS; i++)
        if (i != t.self)
            edge_view_change(i, &core, NULL, 0);
}

/* The leader's NEW-VIEW: body, signed. */
static inline void edge_new_view(const struct bft_new_view_body *body)
{
    uint32_t leader = edge_leader(body->view);
    struct room room = {arena_alloc(&t.world, BFT_NEW_VIEW_BODY_SIZE_MAX),
                        BFT_NEW_VIEW_BODY_SIZE_MAX};
    struct bft_statement st = {.type = BFT_TYPE_NEW_VIEW,
                               .view = body->view,
                               .digest =
                                   hash_tagged("PLTFNEWV", bft_new_view_body_encode(body, room))};
    struct bft_message m = {.tag = BFT_MESSAGE_NEW_VIEW};
    m.new_view = (struct bft_new_view){*body, (uint16_t)leader, edge_sign(leader, &st)};
    edge_hear(leader, &m);
}

/* One with the same core from the three that are not this replica; fixed: slots
 * from stable + 1 on, certificates as given. */
static inline void edge_enter(const struct bft_view_change_core *core,
                              const struct bft_reproposal *fixed, uint32_t fixed_count,
                              const struct bft_cert *certs, uint32_t certs_count)
{
    struct bft_signed_core cores[EDGE_MEMBERS];
    uint32_t count = 0;
    for (uint16_t i = 0; i < EDGE_MEMBERS; i++)
        if (i != t.self)
            cores[count++] = (struct bft_signed_core){*core, i, edge_sign_core(i, core)};
    const struct bft_new_view_body body = {.view = core->view,
                                           .cores = cores,
                                           .cores_count = count,
                                           .reproposals = fixed,
                                           .reproposals_count = fixed_count,
                                           .certs = certs,
                                           .certs_count = certs_count};
    edge_new_view(&body);
}

#endif
