#include "rpc/internal.h"

#include "audit/audit.h"

enum { LOG_LIST_MAX = 64, BLOCK_LIST_MAX = 64 };

static const struct rpc_view *view(const struct rpc *r)
{
    return r->config.view;
}

/* A name for each kind of operation: the message's without "op_". */
static const char *op_kind(enum op_body_tag tag)
{
    switch (tag) {
    case OP_BODY_CHALLENGE_REGISTER:
        return "challenge_register";
    case OP_BODY_CHALLENGE_APPROVE:
        return "challenge_approve";
    case OP_BODY_CHALLENGE_ACTIVATE:
        return "challenge_activate";
    case OP_BODY_CHALLENGE_RETIRE:
        return "challenge_retire";
    case OP_BODY_SUBMISSION:
        return "submission";
    case OP_BODY_ATTEST_COMMIT:
        return "attest_commit";
    case OP_BODY_ATTEST_REVEAL:
        return "attest_reveal";
    case OP_BODY_EPOCH:
        return "epoch";
    case OP_BODY_WEIGHTS:
        return "weights";
    case OP_BODY_SEAL:
        return "seal";
    case OP_BODY_EVIDENCE:
        return "evidence";
    }
    return NULL;
}

static void write_op_head(struct rpc *r, struct emit *j, struct span bytes)
{
    struct op op;
    struct hash id = rpc_op_id(bytes);
    emit_hash(j, "id", &id);
    if (op_decode(bytes, &r->scratch, &op) != ERR_OK) {
        emit_null(j, "kind");
        return;
    }
    emit_text(j, "kind", op_kind(op.content.body.tag));
    emit_hotkey(j, "signer", &op.content.signer);
}

static void write_op(struct rpc *r, struct emit *j, struct span bytes)
{
    struct hash id = rpc_op_id(bytes);
    enum reject reject;
    uint64_t seq;
    size_t mark = arena_mark(&r->scratch);
    emit_object(j, NULL);
    write_op_head(r, j, bytes);
    if (view(r)->fate(view(r)->ctx, &id, &reject, &seq))
        emit_text(j, "reject", reject_name(reject));
    else
        emit_null(j, "reject");
    emit_end(j);
    arena_reset(&r->scratch, mark);
}

uint32_t rpc_bits_set(const uint8_t *bits, size_t size)
{
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += (uint32_t)__builtin_popcount(bits[i]);
    return count;
}

/* false: this node has not got the slot (any more). */
static bool write_block(struct rpc *r, struct emit *j, const char *key, uint64_t seq, bool with_ops)
{
    struct bft_decided d;
    struct batch batch = {0};
    if (!view(r)->decided(view(r)->ctx, seq, &r->scratch, &d))
        return false;
    if (d.payload.len > 0 && batch_decode(d.payload, &r->scratch, &batch) != ERR_OK)
        return false;
    emit_object(j, key);
    emit_number(j, "height", d.seq);
    emit_number(j, "epoch", d.cert.statement.epoch);
    emit_number(j, "view", d.cert.statement.view);
    emit_hash(j, "digest", &d.cert.statement.digest);
    emit_number(j, "signers", rpc_bits_set(d.cert.bitmap, sizeof d.cert.bitmap));
    emit_number(j, "size", d.payload.len);
    emit_number(j, "operations", batch.ops_count);
    if (with_ops) {
        emit_list(j, "ops");
        for (uint32_t i = 0; i < batch.ops_count && !j->full; i++)
            write_op(r, j, batch.ops[i].bytes);
        emit_end(j);
    }
    emit_end(j);
    return true;
}

static struct failure block_get(struct rpc *r, const struct arg *args, struct emit *j)
{
    if (!write_block(r, j, "result", args[0].number, true))
        return failed(RPC_NOT_FOUND, "no decided slot of this height here");
    return SUCCEEDED;
}

static struct failure block_list(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct rpc_status s;
    view(r)->status(view(r)->ctx, &s);
    uint64_t last = args[0].given ? min_u64(args[0].number, s.bft.executed) : s.bft.executed;
    uint64_t count = args[1].given ? min_u64(args[1].number, BLOCK_LIST_MAX) : BLOCK_LIST_MAX;
    emit_list(j, "result");
    for (uint64_t i = 0; i < count && i < last; i++) {
        size_t mark = arena_mark(&r->scratch);
        bool found = write_block(r, j, NULL, last - i, false);
        arena_reset(&r->scratch, mark);
        if (!found)
            break;
    }
    emit_end(j);
    return SUCCEEDED;
}

static uint64_t signed_stake(const struct valset *set, const struct bft_cert *cert)
{
    uint64_t sum = 0;
    if (set->epoch != cert->statement.epoch)
        return 0; /* Certified by a set that is gone. */
    for (uint32_t i = 0; i < set->members_count; i++)
        if ((cert->bitmap[i / 8] >> i % 8 & 1) != 0 && !add_ok(sum, set->members[i].stake, &sum))
            return UINT64_MAX;
    return sum;
}

static struct failure audit_head(struct rpc *r, const struct arg *args, struct emit *j)
{
    (void)args;
    struct rpc_status s;
    struct bft_checkpoint c;
    view(r)->status(view(r)->ctx, &s);
    emit_object(j, "result");
    emit_number(j, "size", s.log_size);
    emit_hash(j, "root", &s.log_root);
    if (view(r)->checkpoint(view(r)->ctx, &r->scratch, &c)) {
        emit_object(j, "certified");
        emit_number(j, "height", c.cert.statement.seq);
        emit_number(j, "epoch", c.cert.statement.epoch);
        emit_number(j, "size", c.aux.log_size);
        emit_hash(j, "root", &c.aux.log_root);
        emit_hash(j, "state_root", &c.aux.state_root);
        emit_number(j, "signers", rpc_bits_set(c.cert.bitmap, sizeof c.cert.bitmap));
        emit_big(j, "stake", signed_stake(view(r)->valset(view(r)->ctx), &c.cert));
        emit_end(j);
    } else {
        emit_null(j, "certified");
    }
    emit_end(j);
    return SUCCEEDED;
}

static void write_final(struct emit *j, const struct audit_final *f)
{
    emit_hash(j, "submission", &f->submission);
    emit_hash(j, "challenge", &f->challenge);
    emit_hotkey(j, "miner", &f->miner);
    emit_number(j, "score", f->score);
    emit_number(j, "gas", f->gas);
    emit_text(j, "outcome", outcome_name(f->outcome));
    emit_number(j, "agreed", rpc_bits_set(f->agreed, sizeof f->agreed));
    emit_number(j, "differed", rpc_bits_set(f->differed, sizeof f->differed));
}

static void write_body(struct rpc *r, struct emit *j, const struct audit_body *b)
{
    switch (b->tag) {
    case AUDIT_BODY_GENESIS:
        emit_text(j, "kind", "genesis");
        break;
    case AUDIT_BODY_OP:
        emit_text(j, "kind", "op");
        emit_object(j, "op");
        write_op_head(r, j, b->op.op);
        emit_text(j, "reject", reject_name(b->op.reject));
        emit_end(j);
        break;
    case AUDIT_BODY_FINAL:
        emit_text(j, "kind", "final");
        emit_object(j, "final");
        write_final(j, &b->final);
        emit_end(j);
        break;
    case AUDIT_BODY_WEIGHTS:
        emit_text(j, "kind", "weights");
        emit_number(j, "weights", b->weights.weights.entries_count);
        break;
    case AUDIT_BODY_UNRESOLVED:
        emit_text(j, "kind", "unresolved");
        emit_object(j, "unresolved");
        emit_hash(j, "submission", &b->unresolved.submission);
        emit_end(j);
        break;
    }
}

static bool write_entry(struct rpc *r, struct emit *j, const char *key, uint64_t index, bool bytes)
{
    struct span raw;
    struct audit_entry e;
    if (!view(r)->log_entry(view(r)->ctx, index, &r->scratch, &raw) ||
        audit_entry_decode(raw, &r->scratch, &e) != ERR_OK)
        return false;
    struct hash leaf = audit_leaf_hash(raw);
    emit_object(j, key);
    emit_number(j, "index", e.index);
    emit_number(j, "height", e.height);
    emit_number(j, "epoch", e.epoch);
    emit_hash(j, "prev", &e.prev);
    emit_hash(j, "leaf", &leaf);
    write_body(r, j, &e.body);
    if (bytes)
        emit_hex(j, "entry", raw);
    emit_end(j);
    return true;
}

static struct failure audit_entry(struct rpc *r, const struct arg *args, struct emit *j)
{
    if (!write_entry(r, j, "result", args[0].number, true))
        return failed(RPC_NOT_FOUND, "no such entry of the log");
    return SUCCEEDED;
}

static struct failure audit_list(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct rpc_status s;
    view(r)->status(view(r)->ctx, &s);
    uint64_t end = args[0].given ? min_u64(args[0].number, s.log_size) : s.log_size;
    uint64_t count = args[1].given ? min_u64(args[1].number, LOG_LIST_MAX) : LOG_LIST_MAX;
    emit_list(j, "result");
    for (uint64_t i = 1; i <= count && i <= end; i++) {
        size_t mark = arena_mark(&r->scratch);
        bool found = write_entry(r, j, NULL, end - i, false);
        arena_reset(&r->scratch, mark);
        if (!found)
            break;
    }
    emit_end(j);
    return SUCCEEDED;
}

/* For the tree that the newest certified checkpoint names, unless told. */
static struct failure audit_proof(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct bft_checkpoint c;
    struct hash path[AUDIT_LEVELS];
    uint32_t count;
    uint64_t size = args[1].number;
    bool certified = view(r)->checkpoint(view(r)->ctx, &r->scratch, &c);
    if (!args[1].given && !certified)
        return failed(RPC_NOT_YET, "no checkpoint is certified yet");
    if (!args[1].given)
        size = c.aux.log_size;
    struct audit_nodes nodes = {view(r)->log_node, view(r)->ctx};
    enum err e = audit_inclusion(&nodes, args[0].number, size, path, &count);
    if (e == ERR_DENIED && !args[1].given)
        return failed(RPC_NOT_YET, "the entry is not under a certified checkpoint yet");
    if (e != ERR_OK)
        return failed(RPC_NOT_FOUND, "no such entry in a tree of this size");
    emit_object(j, "result");
    emit_number(j, "index", args[0].number);
    emit_number(j, "size", size);
    if (certified && c.aux.log_size == size)
        emit_hash(j, "root", &c.aux.log_root);
    else
        emit_null(j, "root");
    emit_list(j, "path");
    for (uint32_t i = 0; i < count; i++)
        emit_hash(j, NULL, &path[i]);
    emit_end(j);
    emit_end(j);
    return SUCCEEDED;
}

/* A bundle has a module and an input in it, and so may be larger than an answer.
 * The pieces of one height belong together. */
static struct failure audit_bundle(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct span bundle;
    uint64_t height = args[1].given ? args[1].number : 0;
    uint64_t offset = args[2].given ? args[2].number : 0;
    uint64_t length = args[3].given ? args[3].number : BUNDLE_PIECE_MAX;
    enum err e = view(r)->bundle(view(r)->ctx, &args[0].hash, &height, &r->scratch, &bundle);
    if (e == ERR_TIMEOUT)
        return failed(RPC_NOT_YET, "the score is not under a certified checkpoint yet");
    if (e == ERR_NO_MEMORY)
        return failed(RPC_TOO_BIG, "the bundle is larger than this node can put together");
    if (e != ERR_OK)
        return failed(RPC_NOT_FOUND, "no final score of this submission here");
    if (offset > bundle.len)
        return failed(RPC_PARAMS, "the offset is past the bundle's end");
    length = min_u64(min_u64(length, BUNDLE_PIECE_MAX), bundle.len - offset);
    emit_object(j, "result");
    emit_number(j, "height", height);
    emit_number(j, "size", bundle.len);
    emit_number(j, "offset", offset);
    emit_hex(j, "bytes", span_of(bundle.ptr + offset, (size_t)length));
    emit_end(j);
    return SUCCEEDED;
}

static const struct method methods[] = {
    {"block_get",
     "a decided slot and its operations",
     block_get,
     {{"height", PARAM_NUMBER, false}}},
    {"block_list",
     "decided slots, newest first",
     block_list,
     {{"last", PARAM_NUMBER, true}, {"count", PARAM_NUMBER, true}}},
    {"audit_head", "the log's size and root, ours and the certified", audit_head, {{0}}},
    {"audit_entry", "one entry of the log", audit_entry, {{"index", PARAM_NUMBER, false}}},
    {"audit_list",
     "entries of the log before end, newest first",
     audit_list,
     {{"end", PARAM_NUMBER, true}, {"count", PARAM_NUMBER, true}}},
    {"audit_proof",
     "the Merkle path of an entry to the certified root",
     audit_proof,
     {{"index", PARAM_NUMBER, false}, {"size", PARAM_NUMBER, true}}},
    {"audit_bundle",
     "a piece of the file that proves a final score, under the checkpoint at height",
     audit_bundle,
     {{"submission", PARAM_HASH, false},
      {"height", PARAM_NUMBER, true},
      {"offset", PARAM_NUMBER, true},
      {"length", PARAM_NUMBER, true}}},
};

const struct method_table rpc_proof_methods = {methods, COUNT_OF(methods)};
