#include <stdio.h>

#include "bft/cluster_test.h"

#include "crypto/hash.h"
#include "ledger_msg.h"

/* Nothing here calls the core's arithmetic: stakes and counts are compared by
 * multiplication, bits are walked one by one. */
static bool quorum(const struct bft_set *set, const uint8_t *bits)
{
    uint64_t stake = 0, total = 0, count = 0;
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++) {
        bool has = (bits[i / 8] & 1 << (i % 8)) != 0;
        if (i >= set->set.members_count) {
            if (has)
                return false;
            continue;
        }
        total += set->set.members[i].stake;
        stake += has ? set->set.members[i].stake : 0;
        count += has;
    }
    uint64_t n = set->set.members_count;
    return stake * 3 > total * 2 && count >= n - (n - 1) / 3;
}

static struct span statement(const struct cluster *c, const struct bft_statement *st, uint8_t *room)
{
    struct wr w = wr_init((struct room){room, BFT_STATEMENT_SIZE});
    wr_raw(&w, SPAN_LITERAL("PLTFBFT1"));
    wr_u8(&w, (uint8_t)st->type);
    wr_raw(&w, hash_span(&c->network));
    wr_u64(&w, st->epoch);
    wr_raw(&w, hash_span(&c->sets[st->epoch].hash));
    wr_u64(&w, st->view);
    wr_u64(&w, st->seq);
    wr_raw(&w, hash_span(&st->digest));
    wr_raw(&w, hash_span(&st->aux));
    return wr_done(&w);
}

static bool signed_by(const struct cluster *c, const struct bft_statement *st, uint32_t member,
                      const struct signature *s)
{
    uint8_t room[BFT_STATEMENT_SIZE];
    return verifier_check(&c->verifier, &c->sets[st->epoch].set.members[member].hotkey,
                          statement(c, st, room), s);
}

static bool certified(const struct cluster *c, const struct bft_cert *cert)
{
    const struct bft_set *set = &c->sets[cert->statement.epoch];
    uint32_t at = 0;
    if (cert->statement.epoch >= c->epochs || !quorum(set, cert->bitmap))
        return false;
    for (uint32_t i = 0; i < VALIDATORS_MAX; i++)
        if ((cert->bitmap[i / 8] & 1 << (i % 8)) != 0)
            if (at >= cert->signatures_count ||
                !signed_by(c, &cert->statement, i, &cert->signatures[at++]))
                return false;
    return at == cert->signatures_count;
}

/* ---- one vote ------------------------------------------------------------ */

static bool same_place(const struct bft_statement *a, const struct bft_statement *b)
{
    return a->type == b->type && a->epoch == b->epoch && a->view == b->view && a->seq == b->seq;
}

static void one_vote(struct cluster *c, uint32_t node, const struct bft_statement *st)
{
    uint64_t h =
        (((st->epoch * 1031 + st->view) * 4099 + st->seq) * 11 + (uint64_t)st->type) * 13 + node;
    for (uint32_t i = 0;; i++) {
        struct sent_vote *v = &c->votes[(h + i) % VOTES_MAX];
        if (!v->used) {
            *v = (struct sent_vote){true, node, *st};
            return;
        }
        if (v->node != node || !same_place(&v->statement, st))
            continue;
        if (!hash_equal(&v->statement.digest, &st->digest) ||
            !hash_equal(&v->statement.aux, &st->aux))
            cluster_fail(c, node, "signed two statements for one place");
        return;
    }
}

/* ---- durable before sent ------------------------------------------------- */

static bool record_says(struct cluster *c, struct span record, const struct bft_statement *st)
{
    size_t mark = arena_mark(&c->world);
    struct bft_record r;
    bool says = false;
    if (bft_record_decode(record, &c->world, &r) != ERR_OK)
        cluster_fail(c, 0, "a record that cannot be read");
    if (r.tag == BFT_RECORD_VOTE) {
        says =
            same_place(&r.vote.statement, st) && hash_equal(&r.vote.statement.digest, &st->digest);
    } else if (r.tag == BFT_RECORD_VIEW && st->type == BFT_TYPE_VIEW_CHANGE && r.view.has_core) {
        uint8_t room[BFT_VIEW_CHANGE_CORE_SIZE_MAX];
        struct hash d =
            hash_tagged("PLTFVIEW", bft_view_change_core_encode(&r.view.core,
                                                                (struct room){room, sizeof room}));
        says = r.view.view == st->view && hash_equal(&d, &st->digest);
    } else if (r.tag == BFT_RECORD_NEW_VIEW && st->type == BFT_TYPE_NEW_VIEW) {
        says = r.new_view.new_view.body.view == st->view &&
               r.new_view.new_view.body.epoch == st->epoch;
    } else if (r.tag == BFT_RECORD_PREPARED && st->type == BFT_TYPE_PREPARE) {
        says = same_place(&r.prepared.cert.statement, st) &&
               hash_equal(&r.prepared.cert.statement.digest, &st->digest);
    }
    arena_reset(&c->world, mark);
    return says;
}

static bool flushed(struct cluster *c, uint32_t node, const struct bft_statement *st, bool cert)
{
    const struct node *n = &c->nodes[node];
    for (uint32_t i = n->journal_flushed; i > 0; i--) {
        bool is_cert = n->journal[i - 1].ptr[0] == BFT_RECORD_PREPARED;
        if (is_cert == cert && record_says(c, n->journal[i - 1], st))
            return true;
    }
    return false;
}

static void durable(struct cluster *c, uint32_t node, const struct bft_statement *st)
{
    if (!flushed(c, node, st, false))
        cluster_fail(c, node, "sent before it was durable");
    struct bft_statement prepare = *st;
    prepare.type = BFT_TYPE_PREPARE;
    if (st->type == BFT_TYPE_COMMIT && !flushed(c, node, &prepare, true))
        cluster_fail(c, node, "COMMIT without a durable P-cert");
}

/* R6, R17, R18: not past the barrier, not before the handover, not while its
 * memory may have holes. */
static void allowed(struct cluster *c, uint32_t node, const struct bft_statement *st)
{
    const struct node *n = &c->nodes[node];
    uint64_t segment = n->ledger.executed / BFT_CHECKPOINT_INTERVAL;
    if (st->seq > (segment + 1) * BFT_CHECKPOINT_INTERVAL)
        cluster_fail(c, node, "voted past the barrier");
    if (st->epoch > n->durable.epoch)
        cluster_fail(c, node, "voted before the handover was certified");
    if (n->vote_after_block > 0 && c->sets[st->epoch].set.chain_block <= n->vote_after_block)
        cluster_fail(c, node, "voted in quarantine");
}

/* R7: a view that was left is left for good, across crashes too. */
void check_sign(struct cluster *c, uint32_t node, const struct bft_statement *st)
{
    const struct node *n = &c->nodes[node];
    if (cluster_is_byzantine(c, node) || st->type == BFT_TYPE_CHECKPOINT ||
        st->type == BFT_TYPE_NEW_VIEW || st->epoch != n->left_epoch)
        return;
    if (st->view < n->left_view)
        cluster_fail(c, node, "asked to sign below a view that it has left");
}

void check_signed(struct cluster *c, uint32_t node, const struct bft_statement *st)
{
    struct node *n = &c->nodes[node];
    if (st->type != BFT_TYPE_VIEW_CHANGE)
        return;
    n->left_view = st->epoch == n->left_epoch ? max_u64(n->left_view, st->view) : st->view;
    n->left_epoch = st->epoch;
}

/* R1, P14: whoever prepares can bring the payload back after a crash. */
static void payload_durable(struct cluster *c, uint32_t node, const struct bft_statement *st)
{
    const struct node *n = &c->nodes[node];
    if (st->type != BFT_TYPE_PREPARE || hash_is_zero(&st->digest) || st->seq <= n->ledger.executed)
        return;
    bool found = false;
    for (uint32_t i = n->journal_flushed; i > 0 && !found; i--) {
        size_t mark = arena_mark(&c->world);
        struct bft_record r;
        found = bft_record_decode(n->journal[i - 1], &c->world, &r) == ERR_OK &&
                r.tag == BFT_RECORD_VOTE && r.vote.payload.len > 0 &&
                r.vote.statement.seq == st->seq &&
                hash_equal(&r.vote.statement.digest, &st->digest);
        arena_reset(&c->world, mark);
    }
    if (!found)
        cluster_fail(c, node, "prepared what it does not hold");
}

void check_send(struct cluster *c, uint32_t node, struct span bytes)
{
    size_t mark = arena_mark(&c->world);
    struct bft_message m;
    if (bft_message_decode(bytes, &c->world, &m) != ERR_OK)
        cluster_fail(c, node, "sent what cannot be read");
    struct bft_statement st = {0};
    uint32_t signer = BFT_ALL;
    struct signature sig = {0};
    if (m.tag == BFT_MESSAGE_VOTE) {
        st = m.vote.statement;
        signer = m.vote.signer;
        sig = m.vote.signature;
    } else if (m.tag == BFT_MESSAGE_PROPOSE) {
        st = (struct bft_statement){.type = BFT_TYPE_PROPOSE,
                                    .epoch = m.propose.epoch,
                                    .view = m.propose.view,
                                    .seq = m.propose.seq,
                                    .digest = bft_payload_digest(m.propose.payload)};
        signer = m.propose.signer;
        sig = m.propose.signature;
    } else if (m.tag == BFT_MESSAGE_VIEW_CHANGE) {
        uint8_t room[BFT_VIEW_CHANGE_CORE_SIZE_MAX];
        st = (struct bft_statement){.type = BFT_TYPE_VIEW_CHANGE,
                                    .epoch = m.view_change.core.epoch,
                                    .view = m.view_change.core.view};
        st.digest =
            hash_tagged("PLTFVIEW", bft_view_change_core_encode(&m.view_change.core,
                                                                (struct room){room, sizeof room}));
        signer = m.view_change.signer;
        sig = m.view_change.signature;
    } else if (m.tag == BFT_MESSAGE_NEW_VIEW) {
        struct span body = span_of(bytes.ptr + 1, bytes.len - 1 - 2 - SIGNATURE_SIZE);
        st = (struct bft_statement){.type = BFT_TYPE_NEW_VIEW,
                                    .epoch = m.new_view.body.epoch,
                                    .view = m.new_view.body.view,
                                    .digest = hash_tagged("PLTFNEWV", body)};
        signer = m.new_view.signer;
        sig = m.new_view.signature;
    } else if (m.tag == BFT_MESSAGE_CERT && !certified(c, &m.cert)) {
        cluster_fail(c, node, "sent a certificate that does not verify");
    }
    arena_reset(&c->world, mark);
    if (signer == BFT_ALL)
        return;
    if (!signed_by(c, &st, signer, &sig))
        cluster_fail(c, node, "sent a wrong signature");
    if (!hotkey_equal(&c->sets[st.epoch].set.members[signer].hotkey, &c->nodes[node].key))
        return; /* handed on for another */
    one_vote(c, node, &st);
    durable(c, node, &st);
    allowed(c, node, &st);
    payload_durable(c, node, &st);
}

/* ---- agreement ----------------------------------------------------------- */

void check_execute(struct cluster *c, uint32_t node, const struct bft_effect *e)
{
    if (cluster_is_byzantine(c, node))
        return;
    struct hash digest = bft_payload_digest(e->bytes);
    const struct bft_statement *st = &e->cert.statement;
    if (st->type != BFT_TYPE_COMMIT || st->seq != e->seq || !hash_equal(&st->digest, &digest))
        cluster_fail(c, node, "executed what the certificate does not say");
    if (st->epoch != c->nodes[node].ledger.epoch)
        cluster_fail(c, node, "executed under another epoch's certificate");
    if (!certified(c, &e->cert))
        cluster_fail(c, node, "executed without a valid certificate");
    if (c->decided[e->seq] && !hash_equal(&c->digests[e->seq], &digest))
        cluster_fail(c, node, "AGREEMENT: two values decided for one slot");
    c->decided[e->seq] = true;
    c->digests[e->seq] = digest;
    c->decided_max = max_u64(c->decided_max, e->seq);
}

void check_root(struct cluster *c, uint32_t node)
{
    if (cluster_is_byzantine(c, node))
        return;
    const struct ledger *l = &c->nodes[node].ledger;
    if (!hash_is_zero(&c->roots[l->executed]) && !hash_equal(&c->roots[l->executed], &l->root))
        cluster_fail(c, node, "two states after one slot");
    c->roots[l->executed] = l->root;
}

void check_stable(struct cluster *c, uint32_t node, const struct bft_effect *e)
{
    if (cluster_is_byzantine(c, node))
        return;
    size_t mark = arena_mark(&c->world);
    struct bft_checkpoint k;
    if (bft_checkpoint_decode(e->bytes, &c->world, &k) != ERR_OK || !certified(c, &k.cert) ||
        k.cert.statement.type != BFT_TYPE_CHECKPOINT || k.cert.statement.seq != e->seq)
        cluster_fail(c, node, "a checkpoint that does not verify");
    struct hash aux = bft_aux_hash(&k.aux);
    const struct ledger *l = &c->nodes[node].ledger;
    if (!hash_equal(&aux, &k.cert.statement.aux) || !hash_equal(&k.aux.state_root, &l->root))
        cluster_fail(c, node, "a checkpoint of another state");
    bool ended = k.cert.statement.epoch != l->epoch;
    struct hash none = {0};
    const struct hash *next = ended ? &c->sets[l->epoch].hash : &none;
    if (!hash_equal(&k.aux.next_valset, next))
        cluster_fail(c, node, "a checkpoint that names another set");
    arena_reset(&c->world, mark);
}

void check_evidence(struct cluster *c, uint32_t node, struct span bytes)
{
    size_t mark = arena_mark(&c->world);
    struct op_evidence e;
    if (op_evidence_decode(bytes, &c->world, &e) != ERR_OK || !same_place(&e.first, &e.second) ||
        e.first.epoch != e.epoch || hash_equal(&e.first.digest, &e.second.digest) ||
        !signed_by(c, &e.first, e.signer, &e.first_sig) ||
        !signed_by(c, &e.second, e.signer, &e.second_sig))
        cluster_fail(c, node, "evidence that proves nothing");
    uint32_t culprit = cluster_node_of(c, e.epoch, e.signer);
    if (!cluster_is_byzantine(c, culprit))
        cluster_fail(c, culprit, "an honest replica is convicted");
    arena_reset(&c->world, mark);
}
