/* The whole of bft_step under structured input: one member of four, whose peers
 * (all three, so more than f) sign whatever the input says.  Agreement is lost
 * then, and may raise an alarm; but no assertion of the core may depend on what
 * peers say, so nothing here may stop it.  A second core with the same input
 * must give the same effects. */
#include <stdlib.h>

#include "bft/bft.h"
#include "crypto/hash.h"

enum { N = 4, TOKENS = 300, STEPS_MAX = 400, ROOM = 1 << 16, EPOCHS = 8 };

struct side {
    struct arena arena;
    struct bft *core;
    struct bft_effects fx;
    uint64_t tokens[TOKENS];
    uint32_t tokens_count;
    uint64_t asked_view, asked_seq, check_seq, execute_seq, epoch, now_ms;
    struct hash check_digest, trail;
    struct bft_statement checkpoint; /* the last that the core asked to be signed */
    struct bft_checkpoint_aux aux;   /* what it was hashed from */
    bool ends;
};

static struct valset_member members[N];
static struct bft_set sets[EPOCHS];
static struct hash network;

static struct signature sign_as(uint32_t signer, struct span message)
{
    struct hasher h;
    hasher_open(&h, "FUZZSIGN");
    hasher_add(&h, hotkey_span(&members[signer].hotkey));
    hasher_add(&h, message);
    struct hash half = hasher_close(&h);
    struct signature s = {0};
    memcpy(s.bytes, half.bytes, HASH_SIZE);
    return s;
}

static bool verify(void *ctx, const struct hotkey *key, struct span message,
                   const struct signature *signature)
{
    (void)ctx;
    uint32_t signer = (uint32_t)(key->bytes[0] - 1);
    struct signature want = sign_as(signer % N, message);
    return memcmp(&want, signature, sizeof want) == 0;
}

static struct signature sign_statement(uint32_t signer, const struct bft_statement *st)
{
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(st, &network, &sets[st->epoch % EPOCHS].hash, bytes);
    return sign_as(signer, span_of(bytes, sizeof bytes));
}

static void open_world(void)
{
    for (uint32_t i = 0; i < N; i++)
        members[i] = (struct valset_member){.hotkey.bytes = {(uint8_t)(i + 1)}, .stake = 10};
    for (uint32_t e = 0; e < EPOCHS; e++) {
        struct valset v = {.epoch = e, .members = members, .members_count = N};
        if (bft_set_init(&sets[e], &v) != ERR_OK)
            abort();
    }
}

/* ---- reading the input ---------------------------------------------------- */

static struct bft_statement read_statement(struct rd *r, const struct side *s, enum bft_type type)
{
    struct bft_statement st = {.type = type, .epoch = s->epoch, .view = rd_u8(r) % 16};
    st.seq = rd_u8(r);
    st.digest.bytes[0] = rd_u8(r) % 4;
    return st;
}

/* Three of the four; the peers' bits are whole, so it is valid. */
static struct bft_cert make_cert(const struct bft_statement *st, struct signature *room)
{
    struct bft_cert c = {.statement = *st, .signatures = room, .signatures_count = 3};
    c.bitmap[0] = 0x0e;
    for (uint32_t i = 0; i < 3; i++)
        room[i] = sign_statement(i + 1, st);
    return c;
}

static void read_core(struct rd *r, const struct side *s, struct bft_prepared *room,
                      struct bft_view_change_core *core)
{
    *core =
        (struct bft_view_change_core){.epoch = s->epoch, .view = rd_u8(r) % 16, .prepared = room};
    core->stable = (uint64_t)(rd_u8(r) % 4) * BFT_CHECKPOINT_INTERVAL;
    core->prepared_count = rd_u8(r) % 4;
    uint64_t seq = core->stable;
    for (uint32_t i = 0; i < core->prepared_count; i++) {
        seq += 1 + rd_u8(r) % 8;
        room[i] = (struct bft_prepared){.seq = seq, .view = rd_u8(r) % 8};
        room[i].digest.bytes[0] = rd_u8(r) % 4;
    }
}

static struct signature sign_core(const struct bft_view_change_core *core, uint32_t signer)
{
    uint8_t room[BFT_VIEW_CHANGE_CORE_SIZE_MAX];
    struct bft_statement st = {
        .type = BFT_TYPE_VIEW_CHANGE, .epoch = core->epoch, .view = core->view};
    st.digest = hash_tagged("PLTFVIEW",
                            bft_view_change_core_encode(core, (struct room){room, sizeof room}));
    return sign_statement(signer, &st);
}

struct scratch {
    struct signature signatures[8][4];
    struct bft_cert certs[8];
    struct bft_prepared prepared[3][4];
    struct bft_signed_core cores[3];
    struct bft_reproposal fixed[BFT_WINDOW];
    uint8_t payload[2];
    uint8_t body[ROOM];
};

static uint32_t certs_of(const struct side *s, const struct bft_view_change_core *core,
                         struct scratch *w)
{
    uint32_t count = 0;
    if (core->stable > 0) {
        struct bft_statement st = {
            .type = BFT_TYPE_CHECKPOINT, .epoch = s->epoch, .seq = core->stable};
        w->certs[count] = make_cert(&st, w->signatures[count]);
        count++;
    }
    for (uint32_t i = 0; i < core->prepared_count; i++, count++) {
        const struct bft_prepared *p = &core->prepared[i];
        struct bft_statement st = {.type = BFT_TYPE_PREPARE,
                                   .epoch = s->epoch,
                                   .view = p->view,
                                   .seq = p->seq,
                                   .digest = p->digest};
        w->certs[count] = make_cert(&st, w->signatures[count]);
    }
    return count;
}

/* All three peers with one core, and the re-proposals that follow from it (or,
 * when the input says so, not quite). */
static void make_new_view(struct rd *r, const struct side *s, struct scratch *w,
                          struct bft_message *m)
{
    struct bft_view_change_core core;
    read_core(r, s, w->prepared[0], &core);
    struct bft_new_view_body *b = &m->new_view.body;
    *b = (struct bft_new_view_body){.epoch = s->epoch,
                                    .view = core.view,
                                    .cores = w->cores,
                                    .cores_count = 3,
                                    .reproposals = w->fixed,
                                    .certs = w->certs};
    for (uint32_t i = 0; i < 3; i++)
        w->cores[i] = (struct bft_signed_core){core, (uint16_t)(i + 1), sign_core(&core, i + 1)};
    b->certs_count = certs_of(s, &core, w);
    uint64_t seq = core.stable;
    for (uint32_t i = 0; i < core.prepared_count; i++)
        while (seq < core.prepared[i].seq && b->reproposals_count < BFT_WINDOW) {
            struct bft_reproposal *f = &w->fixed[b->reproposals_count++];
            *f = (struct bft_reproposal){.seq = ++seq};
            if (seq == core.prepared[i].seq)
                f->digest = core.prepared[i].digest;
        }
    b->reproposals_count -= rd_u8(r) == 1 && b->reproposals_count > 0;
    struct span body = bft_new_view_body_encode(b, (struct room){w->body, ROOM});
    struct bft_statement st = {.type = BFT_TYPE_NEW_VIEW,
                               .epoch = s->epoch,
                               .view = core.view,
                               .digest = hash_tagged("PLTFNEWV", body)};
    m->new_view.signer = (uint16_t)bft_leader(&sets[0], core.view);
    m->new_view.signature = sign_statement(m->new_view.signer, &st);
}

/* The true one, with all that it was hashed from, or any. */
static void make_checkpoint(struct rd *r, const struct side *s, const struct bft_statement *any,
                            struct scratch *w, struct bft_message *m)
{
    struct bft_statement st = s->checkpoint;
    m->checkpoint.aux.log_size = rd_u8(r) % 2;
    if (any->digest.bytes[0] == 0 && st.seq != 0)
        m->checkpoint.aux = s->aux;
    else
        st = (struct bft_statement){.type = BFT_TYPE_CHECKPOINT,
                                    .epoch = s->epoch,
                                    .seq = any->seq,
                                    .digest = any->digest,
                                    .aux = bft_aux_hash(&m->checkpoint.aux)};
    m->checkpoint.cert = make_cert(&st, w->signatures[0]);
}

static bool make_message(struct rd *r, const struct side *s, struct scratch *w,
                         struct bft_message *m)
{
    *m = (struct bft_message){.tag = (enum bft_message_tag)(1 + rd_u8(r) % 10)};
    uint32_t signer = 1 + rd_u8(r) % 3;
    static const enum bft_type votes[] = {BFT_TYPE_PREPARE, BFT_TYPE_COMMIT, BFT_TYPE_CHECKPOINT};
    struct bft_statement st = read_statement(r, s, votes[rd_u8(r) % 3]);
    st.view = st.type == BFT_TYPE_CHECKPOINT ? 0 : st.view;
    w->payload[0] = st.digest.bytes[0];
    struct span payload = span_of(w->payload, st.digest.bytes[0] == 0 ? 0 : 1);
    struct hash digest = bft_payload_digest(payload);
    switch (m->tag) {
    case BFT_MESSAGE_VOTE:
        if (st.type == BFT_TYPE_CHECKPOINT && st.digest.bytes[0] == 0)
            st = s->checkpoint; /* The true one. */
        else if (st.type != BFT_TYPE_CHECKPOINT)
            st.digest = digest;
        m->vote = (struct bft_vote){st, (uint16_t)signer, sign_statement(signer, &st)};
        break;
    case BFT_MESSAGE_PROPOSE:
        st.type = BFT_TYPE_PROPOSE;
        st.digest = digest;
        signer = bft_leader(&sets[0], st.view);
        m->propose = (struct bft_propose){
            s->epoch, st.view, st.seq, (uint16_t)signer, sign_statement(signer, &st), payload};
        break;
    case BFT_MESSAGE_VIEW_CHANGE:
        read_core(r, s, w->prepared[0], &m->view_change.core);
        m->view_change.signer = (uint16_t)signer;
        m->view_change.signature = sign_core(&m->view_change.core, signer);
        m->view_change.certs = w->certs;
        m->view_change.certs_count = certs_of(s, &m->view_change.core, w);
        break;
    case BFT_MESSAGE_NEW_VIEW:
        make_new_view(r, s, w, m);
        break;
    case BFT_MESSAGE_STATUS:
        m->status = (struct bft_status){.epoch = s->epoch,
                                        .view = st.view,
                                        .pending_view = st.view,
                                        .executed = st.seq,
                                        .payloads = rd_u32(r)};
        break;
    case BFT_MESSAGE_FETCH:
        m->fetch = (struct bft_fetch){st.seq, digest};
        break;
    case BFT_MESSAGE_PAYLOAD:
        m->payload = (struct bft_payload){st.seq, payload};
        break;
    case BFT_MESSAGE_DECIDED:
        st.type = BFT_TYPE_COMMIT;
        st.digest = digest;
        m->decided = (struct bft_decided){st.seq, payload, make_cert(&st, w->signatures[0])};
        break;
    case BFT_MESSAGE_CHECKPOINT:
        make_checkpoint(r, s, &st, w, m);
        break;
    case BFT_MESSAGE_CERT:
        st.digest = digest;
        m->cert = make_cert(&st, w->signatures[0]);
        break;
    }
    return r->bad == ERR_OK;
}

/* ---- one side's turn ------------------------------------------------------ */

static void note(struct side *s, const struct bft_effect *e)
{
    struct hasher h;
    hasher_open(&h, "FUZZTRAI");
    hasher_add(&h, hash_span(&s->trail));
    hasher_add(&h, span_of(&e->kind, sizeof e->kind));
    hasher_add(&h, e->bytes);
    hasher_add(&h, span_of(&e->seq, sizeof e->seq));
    s->trail = hasher_close(&h);
    if (e->kind == BFT_FX_SIGN && s->tokens_count < TOKENS)
        s->tokens[s->tokens_count++] = e->token;
    if (e->kind == BFT_FX_SIGN && e->statement.type == BFT_TYPE_CHECKPOINT) {
        s->checkpoint = e->statement;
        s->aux = (struct bft_checkpoint_aux){0};
        if (s->ends)
            s->aux.next_valset = sets[s->epoch + 1].hash;
    }
    if (e->kind == BFT_FX_PROPOSE) {
        s->asked_view = e->view;
        s->asked_seq = e->seq;
    }
    if (e->kind == BFT_FX_CHECK) {
        s->check_seq = e->seq;
        s->check_digest = e->digest;
    }
    if (e->kind == BFT_FX_EXECUTE) {
        s->execute_seq = e->seq;
        s->ends = e->bytes.len == 1 && e->bytes.ptr[0] == 3 &&
                  e->seq % BFT_CHECKPOINT_INTERVAL == 0 && s->epoch + 1 < EPOCHS;
    }
}

static void turn(struct side *s, struct bft_event ev)
{
    ev.now_ms = s->now_ms;
    bft_step(s->core, &ev, &s->fx);
    bft_trace(s->core)->count = 0;
    for (uint32_t i = 0; i < s->fx.count; i++)
        note(s, &s->fx.items[i]);
    for (uint32_t i = 0; i < STEPS_MAX && s->execute_seq != 0; i++) {
        struct bft_event done = {
            .kind = BFT_EV_EXECUTED, .now_ms = s->now_ms, .seq = s->execute_seq};
        done.next = s->ends ? &sets[s->epoch + 1].set : NULL;
        s->execute_seq = 0;
        bft_step(s->core, &done, &s->fx);
        for (uint32_t k = 0; k < s->fx.count; k++)
            note(s, &s->fx.items[k]);
    }
    s->epoch = bft_current_set(s->core)->set.epoch;
}

static void sign_all(struct side *s, bool ok)
{
    uint32_t count = s->tokens_count;
    uint64_t tokens[TOKENS];
    memcpy(tokens, s->tokens, count * sizeof tokens[0]);
    s->tokens_count = 0;
    for (uint32_t i = 0; i < count; i++)
        turn(s, (struct bft_event){.kind = BFT_EV_SIGNED, .token = tokens[i], .ok = ok});
}

static void one(struct side *s, struct rd *r, struct scratch *w)
{
    struct bft_event ev = {.kind = BFT_EV_TICK};
    uint8_t command = rd_u8(r);
    uint8_t room[ROOM];
    struct bft_message m;
    switch (command % 8) {
    case 0:
        s->now_ms += rd_u16(r) % 5000;
        break;
    case 1:
        ev.kind = BFT_EV_PENDING;
        ev.pending = rd_u8(r) % 3;
        ev.pending_since_ms = rd_u8(r);
        ev.fill = rd_u8(r) % 2 == 1;
        break;
    case 2:
        ev.kind = BFT_EV_BATCH;
        ev.view = s->asked_view;
        ev.seq = s->asked_seq;
        w->payload[0] = rd_u8(r) % 4;
        ev.bytes = span_of(w->payload, w->payload[0] == 0 ? 0 : 1);
        break;
    case 3:
        sign_all(s, rd_u8(r) != 0);
        return;
    case 4:
        ev.kind = BFT_EV_CHECKED;
        ev.seq = s->check_seq;
        ev.digest = s->check_digest;
        ev.ok = rd_u8(r) % 4 != 0;
        ev.wait = rd_u8(r) % 4 == 0;
        break;
    case 5:
        ev.kind = BFT_EV_MESSAGE;
        ev.from = rd_u8(r) % 6;
        ev.bytes = rd_take(r, rd_u8(r));
        break;
    default:
        ev.kind = BFT_EV_MESSAGE;
        ev.from = rd_u8(r) % 6;
        if (!make_message(r, s, w, &m))
            return;
        ev.bytes = bft_message_encode(&m, (struct room){room, sizeof room});
        break;
    }
    turn(s, ev);
}

static struct hash run(struct side *s, struct span input)
{
    struct bft_config g = {.network = network,
                           .self = members[0].hotkey,
                           .verifier = {verify, NULL},
                           .timeout_ms = 1000,
                           .status_ms = 500};
    arena_reset(&s->arena, 0);
    struct arena arena = s->arena;
    *s = (struct side){.arena = arena, .checkpoint = {.type = BFT_TYPE_CHECKPOINT}};
    if (bft_init(&s->core, &s->arena, &g, &sets[0].set) != ERR_OK)
        abort();
    turn(s, (struct bft_event){.kind = BFT_EV_START});
    static struct scratch w;
    struct rd r = rd_init(input);
    for (uint32_t i = 0; i < STEPS_MAX && r.bad == ERR_OK && r.left > 0; i++)
        one(s, &r, &w);
    return s->trail;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct side *s;
    if (s == NULL) {
        open_world();
        s = calloc(1, sizeof *s);
        if (s == NULL || arena_open(&s->arena, bft_arena_size()) != ERR_OK)
            abort();
    }
    struct hash first = run(s, span_of(data, size));
    struct hash second = run(s, span_of(data, size));
    if (!hash_equal(&first, &second))
        abort();
    return 0;
}
