#include "check.h"

#include <stdlib.h>

#include "base/map.h"
#include "codec/rd.h"
#include "codec/wr.h"
#include "crypto/hash.h"
#include "net_msg.h"

enum { PLACES_MAX = 1 << 19, SLOTS_MAX = 1 << 15, EPOCHS_MAX = 512, FINALS_MAX = 1 << 12 };

struct epoch_set {
    bool known;
    uint32_t count;
    uint64_t chain_block;
    struct hash hash;
    struct hotkey keys[SIM_NODES_MAX];
    uint64_t stakes[SIM_NODES_MAX];
};

struct final {
    struct hash submission, result;
    uint64_t seq;
};

struct checks {
    struct arena memory, scratch;
    struct map votes;   /* (node, epoch, view, seq, type) -> index of contents */
    struct map durable; /* (node, statement) -> 1 */
    struct hash *contents;
    uint32_t content_count;
    struct hash *slots;  /* digest of each slot's payload */
    struct hash *points; /* of each checkpoint's roots */
    struct epoch_set *epochs;
    struct final *finals;
    uint32_t final_count;
    uint64_t top;
};

void checks_begin(struct sim *s)
{
    struct checks *c = calloc(1, sizeof *c);
    struct map_seed seed = {1, 2};
    assert(c != NULL);
    enum err e = arena_open(&c->memory, 256 << 20);
    if (e == ERR_OK)
        e = arena_open(&c->scratch, 8 << 20);
    if (e == ERR_OK)
        e = map_init(&c->votes, &c->memory, HASH_SIZE, PLACES_MAX, seed);
    if (e == ERR_OK)
        e = map_init(&c->durable, &c->memory, HASH_SIZE, PLACES_MAX, seed);
    c->contents = arena_array(&c->memory, PLACES_MAX, sizeof *c->contents);
    c->slots = arena_array(&c->memory, SLOTS_MAX, sizeof *c->slots);
    c->points = arena_array(&c->memory, SLOTS_MAX, sizeof *c->points);
    c->epochs = arena_array(&c->memory, EPOCHS_MAX, sizeof *c->epochs);
    c->finals = arena_array(&c->memory, FINALS_MAX, sizeof *c->finals);
    assert(e == ERR_OK && c->finals != NULL);
    s->checks = c;
}

void checks_end(struct sim *s)
{
    if (s->checks == NULL)
        return;
    arena_close(&s->checks->memory);
    arena_close(&s->checks->scratch);
    free(s->checks);
}

/* --- one vote, and durable before it is sent */

static struct hash place_of(const struct sim_node *m, const struct bft_statement *st, bool whole)
{
    uint8_t memory[128];
    struct wr w = wr_init((struct room){memory, sizeof memory});
    wr_u32(&w, m->index);
    wr_u8(&w, (uint8_t)st->type);
    wr_u64(&w, st->epoch);
    wr_u64(&w, st->view);
    wr_u64(&w, st->seq);
    if (whole) {
        wr_raw(&w, hash_span(&st->digest));
        wr_raw(&w, hash_span(&st->aux));
    }
    return hash_tagged("SIMPLACE", wr_done(&w));
}

static void one_vote(struct sim *s, struct sim_node *m, const struct bft_statement *st)
{
    struct checks *c = s->checks;
    struct hash place = place_of(m, st, false), whole = place_of(m, st, true);
    uint32_t at = map_get(&c->votes, place.bytes);
    if (at == MAP_NONE) {
        assert(c->content_count < PLACES_MAX);
        c->contents[c->content_count] = whole;
        enum err e = map_put(&c->votes, place.bytes, c->content_count++);
        assert(e == ERR_OK);
    } else if (!hash_equal(&c->contents[at], &whole)) {
        sim_fail(s, "node %u sends two %s for epoch %llu view %llu slot %llu", m->index,
                 bft_type_name(st->type), (unsigned long long)st->epoch,
                 (unsigned long long)st->view, (unsigned long long)st->seq);
    }
    if (map_get(&c->durable, whole.bytes) == MAP_NONE)
        sim_fail(s, "node %u sends a %s for slot %llu that is not on its disk", m->index,
                 bft_type_name(st->type), (unsigned long long)st->seq);
}

static uint32_t index_in(const struct epoch_set *e, const struct hotkey *key)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (hotkey_equal(&e->keys[i], key))
            return i;
    return UINT32_MAX;
}

static const struct epoch_set *set_of(struct sim *s, uint64_t epoch)
{
    assert(epoch < EPOCHS_MAX);
    struct epoch_set *e = &s->checks->epochs[epoch];
    for (uint32_t i = 0; i < s->count && !e->known; i++) {
        if (s->nodes[i].node == NULL)
            continue;
        const struct valset *v = ledger_valset(node_ledger(s->nodes[i].node));
        if (v->epoch != epoch)
            continue;
        e->known = true;
        e->count = v->members_count;
        e->chain_block = v->chain_block;
        for (uint32_t k = 0; k < v->members_count; k++) {
            e->keys[k] = v->members[k].hotkey;
            e->stakes[k] = v->members[k].stake;
        }
        size_t mark = arena_mark(&s->checks->scratch);
        uint8_t *bytes = arena_alloc(&s->checks->scratch, VALSET_SIZE_MAX);
        e->hash = hash_tagged("PLTFVSET", valset_encode(v, (struct room){bytes, VALSET_SIZE_MAX}));
        arena_reset(&s->checks->scratch, mark);
    }
    return e->known ? e : NULL;
}

uint32_t checks_member(struct sim *s, uint64_t epoch, const struct hotkey *key)
{
    const struct epoch_set *e = set_of(s, epoch);
    return e == NULL ? UINT32_MAX : index_in(e, key);
}

/* R18: it may have voted there, and has lost what. */
static bool is_quarantined(struct sim *s, const struct sim_node *m, uint64_t epoch)
{
    const struct epoch_set *e = set_of(s, epoch);
    return m->wiped && e != NULL && e->chain_block <= m->wiped_block;
}

/* An old vote of its own that a peer gave back may go round again; a new one may
 * not even be asked of the signer. */
void checks_signs(struct sim *s, const struct sim_node *m, const struct bft_statement *st)
{
    const struct epoch_set *e = set_of(s, st->epoch);
    if (m->drifted)
        sim_fail(s, "node %u signs a %s although its state differs", m->index,
                 bft_type_name(st->type));
    if (is_quarantined(s, m, st->epoch))
        sim_fail(s, "node %u lost its votes at block %llu and signs a %s in epoch %llu of %llu",
                 m->index, (unsigned long long)m->wiped_block, bft_type_name(st->type),
                 (unsigned long long)st->epoch, (unsigned long long)e->chain_block);
}

void checks_sent(struct sim *s, struct sim_node *m, struct span frame, enum p2p_protocol protocol)
{
    struct checks *c = s->checks;
    struct net_frame f;
    struct bft_message message;
    if (protocol != P2P_BFT || m->byzantine)
        return;
    size_t mark = arena_mark(&c->scratch);
    if (net_frame_decode(frame, &c->scratch, &f) != ERR_OK)
        sim_fail(s, "node %u sends a frame that does not decode", m->index);
    else if (f.tag == NET_FRAME_BFT &&
             bft_message_decode(f.bft.message, &c->scratch, &message) == ERR_OK &&
             message.tag == BFT_MESSAGE_VOTE) {
        const struct bft_vote *v = &message.vote;
        const struct epoch_set *e = set_of(s, v->statement.epoch);
        if (e != NULL && v->signer == index_in(e, &m->key))
            one_vote(s, m, &v->statement);
        if (liar_said(s, &v->statement.digest))
            sim_fail(s, "node %u votes for a proposal of slot %llu that is a lie", m->index,
                     (unsigned long long)v->statement.seq);
    }
    arena_reset(&c->scratch, mark);
}

void checks_durable(struct sim *s, struct sim_node *m, struct span records)
{
    struct checks *c = s->checks;
    struct rd r = rd_init(records);
    while (r.left > 0) {
        struct bft_record record;
        size_t mark = arena_mark(&c->scratch);
        struct span bytes = rd_bytes(&r, UINT32_MAX);
        assert(r.bad == ERR_OK);
        if (bft_record_decode(bytes, &c->scratch, &record) != ERR_OK) {
            sim_fail(s, "node %u writes a record that does not decode", m->index);
        } else if (record.tag == BFT_RECORD_VOTE) {
            struct hash whole = place_of(m, &record.vote.statement, true);
            enum err e = map_put(&c->durable, whole.bytes, 1);
            assert(e == ERR_OK);
        }
        arena_reset(&c->scratch, mark);
    }
}

static bool holds(struct span records, struct span record)
{
    struct rd r = rd_init(records);
    while (r.left > 0) {
        struct span other = rd_bytes(&r, UINT32_MAX);
        assert(r.bad == ERR_OK);
        if (span_equal(other, record))
            return true;
    }
    return false;
}

/* Votes and decisions of slots that no checkpoint of the store covers yet must
 * outlive the file that they stand in; of no use are those of an epoch that its
 * validator is out of. */
void checks_dropped(struct sim *s, struct sim_node *m, struct span gone, struct span kept)
{
    struct checks *c = s->checks;
    struct bft_checkpoint stable = {0};
    size_t start = arena_mark(&c->scratch);
    (void)m->view.rpc.checkpoint(m->view.rpc.ctx, &c->scratch, &stable);
    struct rd r = rd_init(gone);
    while (r.left > 0) {
        struct bft_record record;
        size_t mark = arena_mark(&c->scratch);
        struct span bytes = rd_bytes(&r, UINT32_MAX);
        assert(r.bad == ERR_OK);
        uint64_t seq = 0, epoch = 0;
        if (bft_record_decode(bytes, &c->scratch, &record) == ERR_OK) {
            if (record.tag == BFT_RECORD_VOTE) {
                seq = record.vote.statement.seq;
                epoch = record.vote.statement.epoch;
            } else if (record.tag == BFT_RECORD_DECIDED) {
                seq = record.decided.seq;
                epoch = record.decided.cert.statement.epoch;
            }
        }
        if (seq > stable.cert.statement.seq && !is_quarantined(s, m, epoch) && !holds(kept, bytes))
            sim_fail(s, "node %u drops a journal file with slot %llu, its store has %llu", m->index,
                     (unsigned long long)seq, (unsigned long long)stable.cert.statement.seq);
        arena_reset(&c->scratch, mark);
    }
    arena_reset(&c->scratch, start);
}

/* What was on the disk is forgotten; what was signed is not. */
void checks_wiped(struct sim *s, struct sim_node *m)
{
    log_checks_wiped(s, m);
    m->wiped = true;
    m->wiped_block = chain_final(s);
}

/* --- decided slots and their proofs */

static void statement_bytes(const struct bft_statement *st, const struct hash *network,
                            const struct hash *set, uint8_t out[BFT_STATEMENT_SIZE])
{
    struct wr w = wr_init((struct room){out, BFT_STATEMENT_SIZE});
    wr_raw(&w, SPAN_LITERAL("PLTFBFT1"));
    wr_u8(&w, (uint8_t)st->type);
    wr_raw(&w, hash_span(network));
    wr_u64(&w, st->epoch);
    wr_raw(&w, hash_span(set));
    wr_u64(&w, st->view);
    wr_u64(&w, st->seq);
    wr_raw(&w, hash_span(&st->digest));
    wr_raw(&w, hash_span(&st->aux));
    assert(!w.full && w.used == BFT_STATEMENT_SIZE);
}

static const char *proof_trouble(struct sim *s, const struct bft_cert *cert, enum bft_type type,
                                 uint64_t seq)
{
    const struct epoch_set *e = set_of(s, cert->statement.epoch);
    uint8_t bytes[BFT_STATEMENT_SIZE];
    uint64_t total = 0, stake = 0;
    uint32_t count = 0;
    if (e == NULL)
        return "an epoch that no node is in";
    if (cert->statement.type != type || cert->statement.seq != seq)
        return "another statement";
    statement_bytes(&cert->statement, &s->network, &e->hash, bytes);
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++) {
        bool signs = cert->bitmap[i / 8] >> (i % 8) & 1;
        total += i < e->count ? e->stakes[i] : 0;
        if (!signs)
            continue;
        if (i >= e->count || count >= cert->signatures_count)
            return "a signer that is no member";
        if (!sim_verify(NULL, &e->keys[i], span_of(bytes, sizeof bytes),
                        &cert->signatures[count++]))
            return "a signature that does not hold";
        stake += e->stakes[i];
    }
    if (count != cert->signatures_count)
        return "more signatures than signers";
    if (3 * stake <= 2 * total || count < e->count - (e->count - 1) / 3)
        return "no quorum";
    return NULL;
}

static void slot_executed(struct sim *s, struct sim_node *m, uint64_t seq)
{
    struct checks *c = s->checks;
    struct bft_decided d;
    size_t mark = arena_mark(&c->scratch);
    assert(seq < SLOTS_MAX);
    if (!m->view.rpc.decided(m->view.rpc.ctx, seq, &c->scratch, &d)) {
        sim_fail(s, "node %u executed slot %llu and does not have it", m->index,
                 (unsigned long long)seq);
        return;
    }
    struct hash digest = hash_tagged("SIMPAYLD", d.payload);
    if (hash_is_zero(&c->slots[seq])) {
        const char *trouble = proof_trouble(s, &d.cert, BFT_TYPE_COMMIT, seq);
        c->slots[seq] = digest;
        c->top = max_u64(c->top, seq);
        s->result->decided++;
        if (trouble != NULL)
            sim_fail(s, "slot %llu is decided under %s", (unsigned long long)seq, trouble);
    } else if (!hash_equal(&c->slots[seq], &digest)) {
        sim_fail(s, "node %u executes another slot %llu", m->index, (unsigned long long)seq);
    }
    arena_reset(&c->scratch, mark);
}

static void compare_checkpoint(struct sim *s, struct sim_node *m)
{
    struct checks *c = s->checks;
    struct bft_checkpoint p;
    size_t mark = arena_mark(&c->scratch);
    if (m->view.rpc.checkpoint(m->view.rpc.ctx, &c->scratch, &p)) {
        uint64_t seq = p.cert.statement.seq;
        if (m->sick && seq > m->sick_slot)
            sim_fail(s, "node %u keeps checkpoint %llu, which is not of its state", m->index,
                     (unsigned long long)seq);
        log_checks_stable(s, m, &p);
        uint8_t memory[BFT_CHECKPOINT_AUX_SIZE_MAX];
        struct hash roots = hash_tagged(
            "SIMPOINT", bft_checkpoint_aux_encode(&p.aux, (struct room){memory, sizeof memory}));
        assert(seq < SLOTS_MAX);
        if (hash_is_zero(&c->points[seq])) {
            const char *trouble = proof_trouble(s, &p.cert, BFT_TYPE_CHECKPOINT, seq);
            c->points[seq] = roots;
            s->result->checkpoints++;
            if (trouble != NULL)
                sim_fail(s, "checkpoint %llu stands on %s", (unsigned long long)seq, trouble);
        } else if (!hash_equal(&c->points[seq], &roots)) {
            sim_fail(s, "node %u has other roots at checkpoint %llu", m->index,
                     (unsigned long long)seq);
        }
    }
    arena_reset(&c->scratch, mark);
}

/* --- final results */

static void compare_final(struct sim *s, struct sim_node *m, const struct hash *id, uint64_t seq)
{
    struct checks *c = s->checks;
    struct state_submission sub;
    size_t mark = arena_mark(&c->scratch);
    if (ledger_submission(node_ledger(m->node), id, &c->scratch, &sub) &&
        sub.phase == SUBMISSION_PHASE_FINAL && sub.has_result) {
        uint8_t memory[ATTESTATION_SIZE_MAX];
        struct hash result = hash_tagged(
            "SIMFINAL", attestation_encode(&sub.result, (struct room){memory, sizeof memory}));
        uint32_t at = 0;
        while (at < c->final_count && !hash_equal(&c->finals[at].submission, id))
            at++;
        if (at == c->final_count) {
            assert(at < FINALS_MAX);
            c->finals[c->final_count++] = (struct final){*id, result, seq};
            s->result->finals++;
        } else if (!hash_equal(&c->finals[at].result, &result)) {
            sim_fail(s, "node %u has another final result", m->index);
        }
    }
    arena_reset(&c->scratch, mark);
}

/* --- what nodes tell */

static uint64_t number_of(const struct trace_event *e, const char *key)
{
    for (uint32_t i = 0; i < e->field_count; i++)
        if (strcmp(e->fields[i].key, key) == 0)
            return e->fields[i].number;
    return 0;
}

static struct hash id_of(const struct trace_event *e)
{
    struct hash id = {0};
    for (uint32_t i = 0; i < e->field_count; i++)
        if (strcmp(e->fields[i].key, "id") == 0)
            memcpy(id.bytes, e->fields[i].bytes, HASH_SIZE);
    return id;
}

void checks_heard(struct sim *s, struct sim_node *m, const struct trace_event *e)
{
    live_checks_heard(s, m, e, number_of(e, "epoch"));
    if (strcmp(e->name, "slot.executed") == 0) {
        slot_executed(s, m, number_of(e, "seq"));
        compare_checkpoint(s, m);
    } else if (strcmp(e->name, "submission.decided") == 0) {
        struct hash id = id_of(e);
        live_checks_decided(s, m, &id);
        gap_decided(s, &id);
    } else if (strcmp(e->name, "submission.final") == 0) {
        struct hash id = id_of(e);
        compare_final(s, m, &id, number_of(e, "seq"));
    } else if (strcmp(e->name, "node.drift") == 0 && m->sick) {
        m->drifted = true;
        s->result->drifts++;
        sim_at(s, 2000000 + prng_below(&m->prng, 4000000),
               (struct sim_event){.kind = EV_RENEW, .node = m->index}, (struct span){0});
    } else if (strcmp(e->name, "node.drift") == 0 && !m->byzantine) {
        sim_fail(s, "node %u raises the drift alarm: %s", m->index,
                 e->field_count > 0 ? e->fields[0].word : "");
    } else if (strcmp(e->name, "evidence.decided") == 0) {
        s->result->evidence++;
        if ((s->faults & (SIM_EQUIVOCATE | SIM_LIES)) == 0)
            sim_fail(s, "an honest validator is convicted");
    } else if (strcmp(e->name, "weights.confirmed") == 0 && !m->byzantine) {
        if (m->weights_told == number_of(e, "epoch") + 1)
            sim_fail(s, "node %u submits the weights of an epoch twice", m->index);
        m->weights_told = number_of(e, "epoch") + 1;
        log_checks_weights(s, m, number_of(e, "epoch"), number_of(e, "block"));
    } else if (strcmp(e->name, "weights.reveal_missed") == 0 && s->faults == 0) {
        sim_fail(s, "node %u misses the reveal of its weights with nothing in its way", m->index);
    } else if (strcmp(e->name, "anchor.confirmed") == 0 && !m->byzantine) {
        if (m->anchor_told == number_of(e, "epoch") + 1)
            sim_fail(s, "node %u anchors one seal twice", m->index);
        m->anchor_told = number_of(e, "epoch") + 1;
        log_checks_anchor(s, m, number_of(e, "block"));
    } else if (strcmp(e->name, "epoch.ended") == 0) {
        s->result->epochs = max_u64(s->result->epochs, number_of(e, "epoch") + 1);
    }
}

void checks_finally(struct sim *s)
{
    struct checks *c = s->checks;
    uint64_t lowest = UINT64_MAX;
    for (uint32_t i = 0; i < s->count; i++) {
        struct sim_node *m = &s->nodes[i];
        if (m->byzantine)
            continue;
        if (m->node == NULL) {
            sim_fail(s, "node %u did not come back", i);
            return;
        }
        struct bft_view_info info;
        node_bft_info(m->node, &info);
        lowest = min_u64(lowest, info.executed);
        s->result->view_changes += info.views_changed;
        log_checks_bundles(s, m);
        for (uint32_t k = 0; k < c->final_count; k++) {
            struct state_submission sub;
            if (info.executed < c->finals[k].seq)
                continue;
            size_t mark = arena_mark(&c->scratch);
            uint64_t index;
            bool here = ledger_submission(node_ledger(m->node), &c->finals[k].submission,
                                          &c->scratch, &sub) &&
                        sub.phase == SUBMISSION_PHASE_FINAL;
            if (!here && !m->view.rpc.final_at(m->view.rpc.ctx, &c->finals[k].submission, &index))
                sim_fail(s, "node %u lost a final result", i);
            else if (!here)
                log_checks_forgotten(s, m, &c->finals[k].submission);
            else
                compare_final(s, m, &c->finals[k].submission, c->finals[k].seq);
            arena_reset(&c->scratch, mark);
        }
    }
    if (lowest + 2 * BFT_CHECKPOINT_INTERVAL < c->top)
        sim_fail(s, "a healed node stays behind: %llu of %llu", (unsigned long long)lowest,
                 (unsigned long long)c->top);
}
