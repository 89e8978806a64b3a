/* The log, read again from its definition in docs/audit.md: RFC 6962 by
 * recursion over all leaves, entries chained by hand, one effect an operation. */
#include <stdlib.h>

#include "audit/audit.h"
#include "base/map.h"
#include "check.h"
#include "codec/rd.h"
#include "codec/wr.h"
#include "crypto/hash.h"
#include "net_msg.h"
#include "registry/registry.h"

enum {
    LEAVES_MAX = 1 << 16,
    BUNDLES_MAX = 3,
    BUNDLE_MEMORY = 4 << 20,
    LOG_EPOCHS_MAX = 512,
    DISSENTS_MAX = 256
};

struct seal {
    bool known;
    uint64_t log_size;
    struct hash log_root;
};

struct log_checks {
    struct arena memory, scratch;
    struct hash *leaves; /* of the log that all share */
    uint64_t count, height, epoch_height;
    uint64_t read[SIM_NODES_MAX]; /* how far each node's was compared */
    struct map effects;           /* id, (signer, nonce), salt -> 1 or a leaf */
    struct seal seals[LOG_EPOCHS_MAX];
    struct hash dissents[DISSENTS_MAX]; /* transcripts that are nobody else's */
    uint32_t dissent_count;
    struct differed {
        struct hash submission, output;
        struct hotkey who;
    } revealed[DISSENTS_MAX]; /* dissents that were decided */
    uint32_t revealed_count;
};

void log_checks_begin(struct sim *s)
{
    struct log_checks *c = calloc(1, sizeof *c);
    struct map_seed seed = {5, 6};
    assert(c != NULL);
    enum err e = arena_open(&c->memory, 32 << 20);
    if (e == ERR_OK)
        e = arena_open(&c->scratch, 4 * BUNDLE_MEMORY);
    if (e == ERR_OK)
        e = map_init(&c->effects, &c->memory, HASH_SIZE, 3 * LEAVES_MAX, seed);
    c->leaves = arena_array(&c->memory, LEAVES_MAX, sizeof *c->leaves);
    assert(e == ERR_OK && c->leaves != NULL);
    s->log = c;
}

void log_checks_end(struct sim *s)
{
    if (s->log == NULL)
        return;
    arena_close(&s->log->memory);
    arena_close(&s->log->scratch);
    free(s->log);
}

/* --- the tree */

static struct hash sha256_of(uint8_t prefix, struct span a, struct span b)
{
    uint8_t *bytes = malloc(1 + a.len + b.len);
    assert(bytes != NULL);
    bytes[0] = prefix;
    memcpy(bytes + 1, a.ptr, a.len);
    if (b.len > 0)
        memcpy(bytes + 1 + a.len, b.ptr, b.len);
    struct hash h = hash_sha256(span_of(bytes, 1 + a.len + b.len));
    free(bytes);
    return h;
}

static struct hash root_of(const struct hash *leaves, uint64_t count)
{
    if (count == 1)
        return leaves[0];
    uint64_t left = 1;
    while (2 * left < count)
        left *= 2;
    struct hash a = root_of(leaves, left), b = root_of(leaves + left, count - left);
    return sha256_of(1, hash_span(&a), hash_span(&b));
}

/* --- what one entry says */

static bool is_first(struct log_checks *c, const char *tag, struct span a, uint64_t number,
                     uint32_t value)
{
    uint8_t memory[8 + HASH_SIZE];
    struct wr w = wr_init((struct room){memory, sizeof memory});
    wr_u64(&w, number);
    wr_raw(&w, a);
    struct hash key = hash_tagged(tag, wr_done(&w));
    uint32_t at = map_get(&c->effects, key.bytes);
    if (at != MAP_NONE)
        return at == value;
    enum err e = map_put(&c->effects, key.bytes, value);
    assert(e == ERR_OK);
    return true;
}

static bool is_honest(const struct sim *s, const struct hotkey *key)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (hotkey_equal(&s->nodes[i].key, key))
            return !s->nodes[i].byzantine;
    return false;
}

/* An honest validator reveals what it committed to, under a salt of its own for
 * each submission. */
static void honest_reveal(struct sim *s, const struct op *op, enum reject reject)
{
    const struct op_attest_reveal *b = &op->content.body.attest_reveal;
    struct hash salt = hash_tagged("SIMSALT1", span_of(b->salt, sizeof b->salt));
    uint32_t about = 0;
    memcpy(&about, b->attestation.submission.bytes, 3);
    if (!is_first(s->log, "SIMSALT2", hash_span(&salt), 0, about))
        sim_fail(s, "one salt for two submissions");
    if (reject == REJECT_COMMIT_MISMATCH || reject == REJECT_MALFORMED ||
        reject == REJECT_COMMIT_MISSING || reject == REJECT_WINDOW_CLOSED)
        sim_fail(s, "an honest validator's reveal is refused: %s", reject_name(reject));
}

static void effective_op(struct sim *s, const struct op *op, const struct audit_entry *entry)
{
    struct log_checks *c = s->log;
    struct hash id = hash_tagged("PLTFOPID", entry->body.op.op);
    if (!is_first(c, "SIMEFFID", hash_span(&id), entry->index, 1) ||
        !is_first(c, "SIMNONCE", hotkey_span(&op->content.signer), op->content.nonce,
                  (uint32_t)entry->index))
        sim_fail(s, "the operation of entry %llu takes effect twice",
                 (unsigned long long)entry->index);
    if (op->content.body.tag == OP_BODY_EPOCH) {
        c->epoch_height = entry->height;
        if (entry->height % BFT_CHECKPOINT_INTERVAL != 0)
            sim_fail(s, "an epoch ends inside a segment, at %llu",
                     (unsigned long long)entry->height);
    }
    if (op->content.body.tag == OP_BODY_SEAL && op->content.body.seal.epoch < LOG_EPOCHS_MAX) {
        const struct op_seal *b = &op->content.body.seal;
        if (b->log_size == 0 || b->log_size > entry->index)
            sim_fail(s, "a seal over more than there is");
        else
            c->seals[b->epoch] = (struct seal){true, b->log_size, b->log_root};
        struct hash root = root_of(c->leaves, min_u64(max_u64(b->log_size, 1), entry->index));
        if (!hash_equal(&root, &b->log_root))
            sim_fail(s, "the seal of epoch %llu is not the root of its entries",
                     (unsigned long long)b->epoch);
    }
}

/* --- results that differ */

static bool is_dissent(const struct log_checks *c, const struct hash *transcript)
{
    for (uint32_t i = 0; i < c->dissent_count; i++)
        if (hash_equal(&c->dissents[i], transcript))
            return true;
    return false;
}

void log_checks_dissent(struct sim *s, const struct hash *transcript)
{
    struct log_checks *c = s->log;
    if (!is_dissent(c, transcript) && c->dissent_count < DISSENTS_MAX)
        c->dissents[c->dissent_count++] = *transcript;
}

static void dissenting_reveal(struct sim *s, const struct op *op)
{
    struct log_checks *c = s->log;
    const struct attestation *a = &op->content.body.attest_reveal.attestation;
    if (!is_dissent(c, &a->transcript) || c->revealed_count == DISSENTS_MAX)
        return;
    c->revealed[c->revealed_count++] =
        (struct differed){a->submission, a->output, op->content.signer};
    s->result->dissents++;
}

static void final_entry(struct sim *s, const struct audit_entry *entry)
{
    struct log_checks *c = s->log;
    const struct audit_final *f = &entry->body.final;
    for (uint32_t i = 0; i < c->revealed_count; i++) {
        uint32_t at = checks_member(s, entry->epoch, &c->revealed[i].who);
        if (!hash_equal(&c->revealed[i].submission, &f->submission) || at == UINT32_MAX)
            continue;
        if (hash_equal(&c->revealed[i].output, &f->output))
            sim_fail(s, "the result of one against all is final, in entry %llu",
                     (unsigned long long)entry->index);
        if ((f->differed[at / 8] >> (at % 8) & 1) == 0 || (f->agreed[at / 8] >> (at % 8) & 1) != 0)
            sim_fail(s, "entry %llu does not show that member %u differs",
                     (unsigned long long)entry->index, at);
    }
}

static void new_entry(struct sim *s, struct span bytes, uint64_t index)
{
    struct log_checks *c = s->log;
    struct audit_entry entry;
    struct op op;
    struct hash none = {0}, *before = index == 0 ? &none : &c->leaves[index - 1];
    if (audit_entry_decode(bytes, &c->scratch, &entry) != ERR_OK || entry.index != index ||
        !hash_equal(&entry.prev, before) || entry.height < c->height) {
        sim_fail(s, "entry %llu of the log does not follow", (unsigned long long)index);
        return;
    }
    c->height = entry.height;
    if (entry.body.tag == AUDIT_BODY_FINAL)
        final_entry(s, &entry);
    if (entry.body.tag != AUDIT_BODY_OP || op_decode(entry.body.op.op, &c->scratch, &op) != ERR_OK)
        return;
    if (c->epoch_height != 0 && entry.height == c->epoch_height)
        sim_fail(s, "an operation stands behind the EPOCH of slot %llu",
                 (unsigned long long)entry.height);
    if (op.content.body.tag == OP_BODY_ATTEST_REVEAL && is_honest(s, &op.content.signer))
        honest_reveal(s, &op, entry.body.op.reject);
    if (entry.body.op.reject == REJECT_NONE)
        effective_op(s, &op, &entry);
    if (entry.body.op.reject == REJECT_NONE && op.content.body.tag == OP_BODY_ATTEST_REVEAL)
        dissenting_reveal(s, &op);
}

/* A stable checkpoint: the entries since the last one, and the root over all. */
void log_checks_stable(struct sim *s, struct sim_node *m, const struct bft_checkpoint *p)
{
    struct log_checks *c = s->log;
    uint64_t size = p->aux.log_size, *at = &c->read[m->index];
    bool news = false;
    assert(size > 0 && size <= LEAVES_MAX);
    for (; *at < size; ++*at) {
        struct span bytes;
        size_t mark = arena_mark(&c->scratch);
        if (!m->view.rpc.log_entry(m->view.rpc.ctx, *at, &c->scratch, &bytes)) {
            sim_fail(s, "node %u lacks entry %llu of its log", m->index, (unsigned long long)*at);
            return;
        }
        struct hash leaf = sha256_of(0, bytes, (struct span){0});
        if (*at == c->count) {
            new_entry(s, bytes, *at);
            c->leaves[c->count++] = leaf;
            news = true;
        } else if (!hash_equal(&c->leaves[*at], &leaf)) {
            sim_fail(s, "node %u has another entry %llu", m->index, (unsigned long long)*at);
        }
        arena_reset(&c->scratch, mark);
    }
    struct hash root = news ? root_of(c->leaves, size) : p->aux.log_root;
    if (!hash_equal(&root, &p->aux.log_root))
        sim_fail(s, "the certified log root at %llu is not that of the entries",
                 (unsigned long long)p->cert.statement.seq);
}

/* A node that lost its disk is read again from the start. */
void log_checks_wiped(struct sim *s, struct sim_node *m)
{
    s->log->read[m->index] = 0;
}

/* --- what is announced */

/* Nobody may learn a result before everybody is bound to one of his own. */
static void check_announced(struct sim *s, struct sim_node *m, struct span op_bytes)
{
    struct log_checks *c = s->log;
    struct op op;
    struct state_submission sub;
    if (op_decode(op_bytes, &c->scratch, &op) == ERR_OK &&
        op.content.body.tag == OP_BODY_ATTEST_REVEAL && hotkey_equal(&op.content.signer, &m->key) &&
        ledger_submission(node_ledger(m->node),
                          &op.content.body.attest_reveal.attestation.submission, &c->scratch,
                          &sub) &&
        sub.phase == SUBMISSION_PHASE_COMMITTING)
        sim_fail(s, "node %u reveals while others may still commit", m->index);
}

void log_checks_published(struct sim *s, struct sim_node *m, struct span data)
{
    struct log_checks *c = s->log;
    struct net_gossip g;
    size_t mark = arena_mark(&c->scratch);
    if (!m->byzantine && net_gossip_decode(data, &c->scratch, &g) == ERR_OK &&
        g.tag == NET_GOSSIP_OPS)
        for (uint32_t i = 0; i < g.ops.ops_count; i++)
            check_announced(s, m, g.ops.ops[i].bytes);
    arena_reset(&c->scratch, mark);
}

/* --- what reached the chain */

/* The runtime keeps a row scaled so that its greatest value is 65535. */
void log_checks_weights(struct sim *s, struct sim_node *m, uint64_t epoch, uint64_t block)
{
    struct log_checks *c = s->log;
    struct weights w;
    uint16_t uid;
    size_t mark = arena_mark(&c->scratch);
    if (m->view.rpc.neuron(m->view.rpc.ctx, &m->key, &uid) &&
        m->view.rpc.weights(m->view.rpc.ctx, epoch, &c->scratch, &w)) {
        struct span row = chain_weights(s, block, uid);
        uint64_t max = 1;
        for (uint32_t i = 0; i < w.entries_count; i++)
            max = max_u64(max, w.entries[i].value);
        struct rd r = rd_init(row);
        bool same = w.entries_count < 64 && rd_u8(&r) == 4 * w.entries_count;
        for (uint32_t i = 0; same && i < w.entries_count; i++) {
            uint64_t value = ((uint64_t)w.entries[i].value * 65535 + max / 2) / max;
            same = rd_u16(&r) == w.entries[i].uid;
            same = rd_u16(&r) == value && same;
        }
        if (!same || rd_end(&r) != ERR_OK)
            sim_fail(s, "node %u: the chain has other weights than epoch %llu decided", m->index,
                     (unsigned long long)epoch);
    }
    arena_reset(&c->scratch, mark);
}

/* "PAL1", epoch, log size, log root: the last 116 bytes of the commitment. */
void log_checks_anchor(struct sim *s, struct sim_node *m, uint64_t block)
{
    struct log_checks *c = s->log;
    struct span row = chain_commitment(s, block, &m->key);
    if (row.len < 116) {
        sim_fail(s, "node %u: a confirmed anchor is not on the chain", m->index);
        return;
    }
    struct rd r = rd_init(span_of(row.ptr + row.len - 116, 116));
    struct span magic = rd_take(&r, 4);
    uint64_t epoch = rd_u64(&r), size = rd_u64(&r);
    struct span root = rd_take(&r, HASH_SIZE);
    const struct seal *seal = epoch < LOG_EPOCHS_MAX ? &c->seals[epoch] : NULL;
    if (!span_equal(magic, SPAN_LITERAL("PAL1")) || seal == NULL)
        sim_fail(s, "node %u: its anchor is none", m->index);
    else if (seal->known &&
             (seal->log_size != size || !span_equal(root, hash_span(&seal->log_root))))
        sim_fail(s, "node %u anchors another log than epoch %llu sealed", m->index,
                 (unsigned long long)epoch);
}

/* --- bundles */

static enum err cert_holds(void *ctx, const struct bft_cert *cert, const struct valset *set,
                           const struct hash *network)
{
    struct sim *s = ctx;
    struct bft_set ready;
    enum err e = bft_set_init(&ready, set);
    return e == ERR_OK ? bft_cert_check(cert, &ready, network, &s->verifier) : e;
}

/* Who would recompute needs the very module and input. */
static enum err have_all(void *ctx, const struct op_challenge_register *challenge,
                         const struct op_submission *submission, const struct audit_final *claimed,
                         uint64_t slot, uint64_t epoch, struct span module, struct span input)
{
    (void)ctx, (void)claimed, (void)slot, (void)epoch;
    struct hash m = hash_blake2b(module), i = hash_blake2b(input);
    return hash_equal(&m, &challenge->module) && hash_equal(&i, &submission->blob) ? ERR_OK
                                                                                   : ERR_CONFLICT;
}

static enum err verify(struct sim *s, struct span bundle, struct audit_report *r)
{
    const struct audit_checks checks = {.ctx = s,
                                        .cert = cert_holds,
                                        .network_id = ledger_network_id,
                                        .valset_hash = bft_valset_hash,
                                        .aux_hash = bft_aux_hash,
                                        .op_id = op_id,
                                        .challenge_id = registry_challenge_id,
                                        .rescore = have_all};
    struct genesis genesis;
    enum err e = genesis_decode(s->genesis, &s->log->scratch, &genesis);
    assert(e == ERR_OK);
    return audit_bundle_verify(bundle, &genesis, &checks, &s->log->scratch, r);
}

/* Recomputed, as a node that has both blobs hands them on; otherwise certified.
 * What the state has forgotten is not known to be here. */
static bool is_level(struct sim *s, struct sim_node *m, const struct hash *id, uint32_t level)
{
    const struct rpc_view *v = &m->view.rpc;
    struct arena *scratch = &s->log->scratch;
    struct state_submission submission;
    struct state_challenge challenge;
    struct span bytes;
    size_t mark = arena_mark(scratch);
    bool whole = v->submission(v->ctx, id, scratch, &submission) &&
                 v->challenge(v->ctx, &submission.challenge, scratch, &challenge) &&
                 v->blob_get(v->ctx, &submission.blob, &bytes) == ERR_OK &&
                 v->blob_get(v->ctx, &challenge.body.module, &bytes) == ERR_OK;
    arena_reset(scratch, mark);
    return level == 5 || (level == 2 && !whole);
}

/* The same proof as of the checkpoint before: of that height, or none yet. */
static void older_bundle(struct sim *s, struct sim_node *m, const struct hash *id, uint64_t height)
{
    const struct rpc_view *v = &m->view.rpc;
    struct log_checks *c = s->log;
    struct audit_report r;
    struct span bundle;
    uint64_t got = height;
    size_t mark = arena_mark(&c->scratch);
    enum err e = v->bundle(v->ctx, id, &got, &c->scratch, &bundle);
    struct span made = e == ERR_OK ? sim_keep(bundle) : (struct span){0};
    arena_reset(&c->scratch, mark);
    if (e == ERR_OK && (verify(s, made, &r) != ERR_OK || got != height || r.height > height))
        sim_fail(s, "node %u makes a bundle of another height than asked", m->index);
    else if (e != ERR_OK && e != ERR_NOT_FOUND && e != ERR_TIMEOUT)
        sim_fail(s, "node %u cannot make an older bundle: %s", m->index, err_name(e));
    sim_drop(&made);
    arena_reset(&c->scratch, mark);
}

/* A proof made by one node convinces a stranger; with any bit changed it does not. */
static void one_bundle(struct sim *s, struct sim_node *m, const struct hash *id, bool must)
{
    struct log_checks *c = s->log;
    struct audit_report r;
    struct span bundle;
    size_t mark = arena_mark(&c->scratch);
    uint64_t height = 0;
    enum err e = m->view.rpc.bundle(m->view.rpc.ctx, id, &height, &c->scratch, &bundle);
    struct span made = e == ERR_OK ? sim_keep(bundle) : (struct span){0};
    arena_reset(&c->scratch, mark); /* It may have taken all of it. */
    if (e == ERR_OK) {
        e = verify(s, made, &r);
        if (e != ERR_OK || !is_level(s, m, id, r.level) || !hash_equal(&r.submission, id))
            sim_fail(s, "node %u makes a bundle that does not hold: %s", m->index,
                     r.failed != NULL ? r.failed : "level");
        for (uint32_t i = 0; i < 4; i++) {
            size_t inner = arena_mark(&c->scratch);
            struct span copy = arena_copy(&c->scratch, made);
            uint64_t bit = prng_below(&m->prng, 8 * made.len);
            assert(copy.ptr != NULL);
            ((uint8_t *)(uintptr_t)copy.ptr)[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            if (verify(s, copy, &r) == ERR_OK)
                sim_fail(s, "a bundle holds with bit %llu of %zu bytes flipped",
                         (unsigned long long)bit, made.len);
            arena_reset(&c->scratch, inner);
        }
    } else if (must || (e != ERR_NOT_FOUND && e != ERR_TIMEOUT)) {
        sim_fail(s, "node %u cannot make a bundle: %s", m->index, err_name(e));
    }
    sim_drop(&made);
    arena_reset(&c->scratch, mark);
    if (e == ERR_OK && height > BFT_CHECKPOINT_INTERVAL)
        older_bundle(s, m, id, height - BFT_CHECKPOINT_INTERVAL);
}

void log_checks_bundles(struct sim *s, struct sim_node *m)
{
    struct hash id;
    uint32_t done = 0;
    for (uint32_t i = 0; m->view.rpc.submission_at(m->view.rpc.ctx, i, &id); i++) {
        uint64_t index;
        if (done < BUNDLES_MAX && m->view.rpc.final_at(m->view.rpc.ctx, &id, &index)) {
            one_bundle(s, m, &id, false);
            done++;
        }
    }
}

/* A score outlives what the state remembers of it, and so does its proof. */
void log_checks_forgotten(struct sim *s, struct sim_node *m, const struct hash *id)
{
    one_bundle(s, m, id, true);
}
