#include "audit/audit.h"

#include "crypto/hash.h"

/* What the checks of one bundle share. */
struct verifying {
    const struct audit_checks *checks;
    struct arena *arena;
    struct audit_report *report;
    struct audit_bundle bundle;
    struct audit_entry *entries; /* decoded leaves */
    const struct audit_final *final;
    const struct op_submission *submission;
    const struct op_challenge_register *challenge;
    uint64_t submission_height, submission_epoch;
    uint32_t trying; /* the level whose checks run */
};

/* Each check has a name; the first that fails is reported under it. */
static enum err fail(struct verifying *v, const char *name, enum err e)
{
    v->report->failed = name;
    v->report->failed_level = v->trying;
    return e;
}

/* --- level 0: the entries */

static enum err read_entry(struct verifying *v, uint32_t i)
{
    struct audit_entry *entry = &v->entries[i];
    enum err e = audit_entry_decode(v->bundle.leaves[i].entry, v->arena, entry);
    if (e != ERR_OK)
        return e;
    if (entry->format != AUDIT_FORMAT)
        return ERR_UNSUPPORTED;
    /* Neighbours are chained by the leaf hash of the one before. */
    for (uint32_t k = 0; k < i; k++) {
        uint64_t other = v->entries[k].index;
        if (other == entry->index)
            return ERR_CONFLICT;
        uint32_t before = other + 1 == entry->index   ? k
                          : entry->index + 1 == other ? i
                                                      : UINT32_MAX;
        if (before == UINT32_MAX)
            continue;
        struct hash leaf = audit_leaf_hash(v->bundle.leaves[before].entry);
        if (!hash_equal(&leaf, &v->entries[before == k ? i : k].prev))
            return ERR_CONFLICT;
    }
    if (entry->index == 0 && !hash_is_zero(&entry->prev))
        return ERR_CONFLICT;
    return ERR_OK;
}

/* The decided operation in an entry; NULL when there is none that took effect. */
static enum err effective_op(struct verifying *v, const struct audit_entry *entry,
                             const struct op **out)
{
    *out = NULL;
    if (entry->body.tag != AUDIT_BODY_OP || entry->body.op.reject != REJECT_NONE)
        return ERR_OK;
    struct op *op = arena_alloc(v->arena, sizeof *op);
    enum err e = op == NULL ? ERR_NO_MEMORY : op_decode(entry->body.op.op, v->arena, op);
    if (e != ERR_OK)
        return e; /* What is not an operation was never one that took effect. */
    if (hash_equal(&op->content.network, &v->bundle.network))
        *out = op;
    return ERR_OK;
}

static enum err take_operation(struct verifying *v, const struct audit_entry *entry)
{
    const struct op *op;
    enum err e = effective_op(v, entry, &op);
    if (e != ERR_OK || op == NULL)
        return e;
    if (op->content.body.tag == OP_BODY_SUBMISSION) {
        struct hash id = v->checks->op_id(entry->body.op.op);
        if (!hash_equal(&id, &v->final->submission) ||
            !hotkey_equal(&op->content.signer, &v->final->miner))
            return ERR_OK;
        v->submission = &op->content.body.submission;
        v->submission_height = entry->height;
        v->submission_epoch = entry->epoch;
    } else if (op->content.body.tag == OP_BODY_CHALLENGE_REGISTER) {
        const struct op_challenge_register *body = &op->content.body.challenge_register;
        if (v->arena->size - v->arena->used < AUDIT_SCRATCH_SIZE)
            return ERR_NO_MEMORY;
        size_t mark = arena_mark(v->arena);
        struct hash id = v->checks->challenge_id(body, v->arena);
        arena_reset(v->arena, mark);
        if (hash_equal(&id, &v->final->challenge))
            v->challenge = body;
    }
    return ERR_OK;
}

static enum err check_entries(struct verifying *v)
{
    uint32_t count = v->bundle.leaves_count;
    v->entries = arena_array(v->arena, count, sizeof *v->entries);
    if (v->entries == NULL && count > 0)
        return fail(v, "memory", ERR_NO_MEMORY);
    for (uint32_t i = 0; i < count; i++) {
        enum err e = read_entry(v, i);
        if (e != ERR_OK)
            return fail(v, e == ERR_NO_MEMORY ? "memory" : "entry", e);
    }
    if (count == 0 || v->entries[0].body.tag != AUDIT_BODY_FINAL)
        return fail(v, "score", ERR_NOT_FOUND);
    v->final = &v->entries[0].body.final;
    for (uint32_t i = 1; i < count; i++) {
        enum err e = take_operation(v, &v->entries[i]);
        if (e != ERR_OK)
            return fail(v, e == ERR_NO_MEMORY ? "memory" : "entry", e);
    }
    if (v->submission == NULL)
        return fail(v, "submission", ERR_NOT_FOUND);
    if (v->challenge == NULL || !hash_equal(&v->submission->challenge, &v->final->challenge))
        return fail(v, "challenge", ERR_NOT_FOUND);

    struct audit_report *r = v->report;
    r->submission = v->final->submission;
    r->challenge = v->final->challenge;
    r->miner = v->final->miner;
    r->score = v->final->score;
    r->epoch = v->entries[0].epoch;
    r->height = v->entries[0].height;
    r->is_formed = true;
    return ERR_OK;
}

/* --- level 1: they are in one tree */

static enum err check_inclusion(struct verifying *v)
{
    v->trying = 1;
    const struct bft_checkpoint_aux *aux = &v->bundle.checkpoint.aux;
    for (uint32_t i = 0; i < v->bundle.leaves_count; i++) {
        const struct audit_proof_leaf *leaf = &v->bundle.leaves[i];
        struct hash hash = audit_leaf_hash(leaf->entry);
        if (!audit_inclusion_check(&hash, v->entries[i].index, aux->log_size, leaf->path,
                                   leaf->path_count, &aux->log_root))
            return fail(v, "inclusion", ERR_CONFLICT);
    }
    v->report->log_size = aux->log_size;
    v->report->log_root = aux->log_root;
    v->report->level = 1;
    return ERR_OK;
}

/* --- level 2: more than two thirds of the stake certified that tree */

static enum err check_checkpoint(struct verifying *v, const struct bft_checkpoint *c,
                                 const struct valset *set, uint64_t after_seq)
{
    const struct bft_statement *st = &c->cert.statement;
    struct hash aux = v->checks->aux_hash(&c->aux);
    if (st->type != BFT_TYPE_CHECKPOINT || st->epoch != set->epoch || st->seq <= after_seq ||
        !hash_equal(&st->aux, &aux))
        return ERR_CONFLICT;
    return v->checks->cert(v->checks->ctx, &c->cert, set, &v->bundle.network);
}

static void count_signers(struct audit_report *r, const struct bft_cert *cert,
                          const struct valset *set)
{
    r->members = set->members_count;
    for (uint32_t i = 0; i < set->members_count; i++) {
        uint64_t stake = set->members[i].stake;
        bool signed_it = (cert->bitmap[i / 8] >> (i % 8) & 1) != 0;
        /* A set that the certificate check took has a sum below 2^62. */
        r->total_stake += stake;
        r->certified_stake += signed_it ? stake : 0;
        r->signers += signed_it;
    }
}

static enum err check_certificate(struct verifying *v, const struct valset *genesis)
{
    v->trying = 2;
    const struct valset *set = genesis;
    uint64_t seq = 0;
    for (uint32_t i = 0; i < v->bundle.handovers_count; i++) {
        const struct audit_handover *h = &v->bundle.handovers[i];
        struct hash next = v->checks->valset_hash(&h->next);
        enum err e = check_checkpoint(v, &h->checkpoint, set, seq);
        if (e != ERR_OK)
            return fail(v, "handover", e);
        if (!hash_equal(&next, &h->checkpoint.aux.next_valset) || set->epoch == UINT64_MAX ||
            h->next.epoch != set->epoch + 1)
            return fail(v, "handover", ERR_CONFLICT);
        set = &h->next;
        seq = h->checkpoint.cert.statement.seq;
    }
    const struct bft_checkpoint *c = &v->bundle.checkpoint;
    enum err e = check_checkpoint(v, c, set, seq);
    if (e != ERR_OK)
        return fail(v, "certificate", e);
    for (uint32_t i = 0; i < v->bundle.leaves_count; i++)
        if (v->entries[i].height > c->cert.statement.seq || v->entries[i].epoch > set->epoch)
            return fail(v, "height", ERR_CONFLICT);
    count_signers(v->report, &c->cert, set);
    v->report->level = 2;
    return ERR_OK;
}

/* --- level 5: the score comes out again */

static enum err check_score(struct verifying *v)
{
    v->trying = 5;
    struct span module = v->bundle.module, input = v->bundle.input;
    struct hash module_hash = hash_blake2b(module), input_hash = hash_blake2b(input);
    bool has_input = input.len == v->submission->size;
    /* What is enclosed must be what the log names, also when nobody runs it. */
    if (module.len > 0 && (module.len != v->challenge->module_size ||
                           !hash_equal(&module_hash, &v->challenge->module)))
        return fail(v, "module", ERR_CONFLICT);
    if ((input.len > 0 && !has_input) ||
        (has_input && !hash_equal(&input_hash, &v->submission->blob)))
        return fail(v, "input", ERR_CONFLICT);
    v->report->missing = module.len == 0              ? "module"
                         : !has_input                 ? "input"
                         : v->checks->rescore == NULL ? "engine"
                                                      : NULL;
    if (v->report->missing != NULL)
        return ERR_OK;
    enum err e = v->checks->rescore(v->checks->ctx, v->challenge, v->submission, v->final,
                                    v->submission_height, v->submission_epoch, module, input);
    if (e != ERR_OK)
        return fail(v, "score_differs", e);
    v->report->level = 5;
    return ERR_OK;
}

enum err audit_bundle_verify(struct span bundle, const struct genesis *genesis,
                             const struct audit_checks *checks, struct arena *arena,
                             struct audit_report *report)
{
    struct verifying v = {.checks = checks, .arena = arena, .report = report};
    *report = (struct audit_report){0};
    enum err e = audit_bundle_decode(bundle, arena, &v.bundle);
    if (e != ERR_OK)
        return fail(&v, e == ERR_NO_MEMORY ? "memory" : "format", e);
    if (v.bundle.format != AUDIT_FORMAT)
        return fail(&v, "format", ERR_UNSUPPORTED);
    struct hash network = checks->network_id(genesis);
    if (!hash_equal(&network, &v.bundle.network))
        return fail(&v, "network", ERR_FOREIGN);
    e = check_entries(&v);
    if (e == ERR_OK)
        e = check_inclusion(&v);
    if (e == ERR_OK)
        e = check_certificate(&v, &genesis->valset);
    if (e == ERR_OK)
        e = check_score(&v);
    return e;
}
