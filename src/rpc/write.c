#include "rpc/internal.h"

#include "crypto/hash.h"

enum { BLOB_CHUNK_DEFAULT = 65536 };

static const struct rpc_view *view(const struct rpc *r)
{
    return r->config.view;
}

static struct failure submit(struct rpc *r, struct span op, struct emit *j)
{
    enum reject why = REJECT_NONE;
    enum err e = view(r)->submit(view(r)->ctx, op, &why);
    struct hash id = rpc_op_id(op);
    struct failure f = failed(RPC_REJECTED, "the operation is refused; data.reject says why");
    if (e == ERR_FULL)
        return failed(RPC_BUSY, "too many operations wait; try again later");
    if (e != ERR_OK && (e != ERR_CONFLICT || why != REJECT_NONE)) {
        f.reject = reject_name(why);
        return f;
    }
    /* Already known is as good as taken: a client may repeat itself. */
    emit_object(j, "result");
    emit_hash(j, "id", &id);
    emit_bool(j, "known", e == ERR_CONFLICT);
    emit_end(j);
    return SUCCEEDED;
}

static struct failure op_submit(struct rpc *r, const struct arg *args, struct emit *j)
{
    return submit(r, args[0].bytes, j);
}

static struct failure op_status(struct rpc *r, const struct arg *args, struct emit *j)
{
    enum reject reject;
    uint64_t seq;
    bool decided = view(r)->fate(view(r)->ctx, &args[0].hash, &reject, &seq);
    bool pending = !decided && view(r)->pending(view(r)->ctx, &args[0].hash);
    if (!decided && !pending)
        decided = archive_fate(r, &args[0].hash, &reject, &seq);
    emit_object(j, "result");
    emit_hash(j, "id", &args[0].hash);
    if (!decided) {
        emit_text(j, "state", pending ? "pending" : "unknown");
    } else {
        emit_text(j, "state", reject == REJECT_NONE ? "executed" : "rejected");
        emit_number(j, "height", seq);
        emit_text(j, "reject", reject_name(reject));
    }
    emit_end(j);
    return SUCCEEDED;
}

static struct failure nonce_get(struct rpc *r, const struct arg *args, struct emit *j)
{
    emit_number(j, "result", view(r)->next_nonce(view(r)->ctx, &args[0].hotkey));
    return SUCCEEDED;
}

static struct failure keep_blob(struct rpc *r, struct span bytes, struct hash *name)
{
    enum err e = view(r)->blob_put(view(r)->ctx, bytes, name);
    if (e == ERR_OK)
        return SUCCEEDED;
    if (e == ERR_FULL)
        return failed(RPC_BUSY, "there is no room for more blobs; try again later");
    return e == ERR_TOO_BIG ? failed(RPC_TOO_BIG, "the blob is over its limit")
                            : failed(RPC_INTERNAL, "the blob could not be stored");
}

/* The upload of this blob, or a place for it; NULL: all are at work. */
static struct upload *find_upload(struct rpc *r, const struct hash *name, uint64_t now_ms)
{
    struct upload *place = NULL;
    for (uint32_t i = 0; i < UPLOADS_MAX; i++) {
        struct upload *u = &r->uploads[i];
        if (u->size != 0 && hash_equal(&u->name, name))
            return u;
        if (u->size == 0 || now_ms >= time_add(u->at_ms, UPLOAD_IDLE_MS))
            place = place == NULL || u->size == 0 ? u : place;
    }
    if (place != NULL)
        place->size = 0;
    return place;
}

/* Pieces come in order; one at offset 0 begins a blob that has not begun.  What is
 * there already is not taken again: the answer says how far it is. */
static struct failure take_piece(struct rpc *r, const struct arg *args, struct upload **out)
{
    const struct hash *name = &args[0].hash;
    uint64_t size = args[1].number, offset = args[2].number;
    struct span piece = args[3].bytes;
    struct rpc_status s;
    if (size == 0 || size > r->config.blob_bytes_max)
        return failed(RPC_TOO_BIG, "the blob is over its limit");
    view(r)->status(view(r)->ctx, &s);
    struct upload *u = find_upload(r, name, s.uptime_ms);
    if (u == NULL) {
        r->refused_uploads++;
        return failed(RPC_BUSY, "other blobs are being uploaded; try again later");
    }
    if (u->size == 0 && offset == 0)
        *u = (struct upload){.name = *name, .size = size, .bytes = u->bytes};
    if (u->size != size || u->have < offset)
        return failed(RPC_CONFLICT, "not the next piece of this blob; begin at offset 0");
    if (piece.len == 0 || piece.len > size - offset)
        return failed(RPC_PARAMS, "the piece goes past the blob's size");
    u->at_ms = s.uptime_ms;
    if (u->have == offset) {
        memcpy(u->bytes.ptr + offset, piece.ptr, piece.len);
        u->have += piece.len;
    }
    *out = u;
    return SUCCEEDED;
}

static struct failure blob_put(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct upload *u = NULL;
    struct hash name = args[0].hash;
    struct failure f = take_piece(r, args, &u);
    if (f.code != RPC_OK)
        return f;
    uint64_t have = u->have;
    bool whole = have == u->size;
    if (whole) {
        struct span bytes = span_of(u->bytes.ptr, u->size);
        struct hash real = hash_blake2b(bytes);
        u->size = u->have = 0;
        if (!hash_equal(&real, &name))
            return failed(RPC_CONFLICT, "the bytes have another hash than the name");
        f = keep_blob(r, bytes, &real);
    }
    if (f.code != RPC_OK)
        return f;
    emit_object(j, "result");
    emit_hash(j, "blob", &name);
    emit_bool(j, "whole", whole);
    emit_number(j, "have", have);
    emit_end(j);
    return SUCCEEDED;
}

static struct failure blob_get(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct span blob;
    if (view(r)->blob_get(view(r)->ctx, &args[0].hash, &blob) != ERR_OK)
        return failed(RPC_NOT_FOUND, "this node does not hold the blob");
    uint64_t offset = args[1].given ? args[1].number : 0;
    uint64_t length = args[2].given ? args[2].number : BLOB_CHUNK_DEFAULT;
    if (offset > blob.len)
        return failed(RPC_PARAMS, "the offset is past the blob's end");
    emit_object(j, "result");
    emit_hash(j, "blob", &args[0].hash);
    emit_number(j, "size", blob.len);
    emit_number(j, "offset", offset);
    length = min_u64(length, blob.len - offset);
    emit_hex(j, "bytes", span_of(blob.ptr + offset, (size_t)length));
    emit_end(j);
    return SUCCEEDED;
}

/* The blob first: an operation must not name what nobody holds. */
static struct failure submission_submit(struct rpc *r, const struct arg *args, struct emit *j)
{
    struct op op;
    struct hash name;
    if (op_decode(args[0].bytes, &r->scratch, &op) != ERR_OK ||
        op.content.body.tag != OP_BODY_SUBMISSION)
        return failed(RPC_PARAMS, "op is not an encoded submission");
    name = hash_blake2b(args[1].bytes);
    if (!hash_equal(&name, &op.content.body.submission.blob))
        return failed(RPC_CONFLICT, "the operation names another blob");
    struct failure f = keep_blob(r, args[1].bytes, &name);
    return f.code == RPC_OK ? submit(r, args[0].bytes, j) : f;
}

static const struct method methods[] = {
    {"op_submit", "a signed operation, encoded", op_submit, {{"op", PARAM_BYTES, false}}},
    {"op_status", "what became of an operation", op_status, {{"id", PARAM_HASH, false}}},
    {"nonce_get", "a nonce this signer has not used", nonce_get, {{"signer", PARAM_HOTKEY, false}}},
    {"submission_submit",
     "a signed submission with its blob",
     submission_submit,
     {{"op", PARAM_BYTES, false}, {"blob", PARAM_BYTES, false}}},
    {"blob_put",
     "a blob piece by piece, in order, from offset have on; name is its BLAKE2b-256",
     blob_put,
     {{"blob", PARAM_HASH, false},
      {"size", PARAM_NUMBER, false},
      {"offset", PARAM_NUMBER, false},
      {"bytes", PARAM_BYTES, false}}},
    {"blob_get",
     "a piece of a blob",
     blob_get,
     {{"blob", PARAM_HASH, false}, {"offset", PARAM_NUMBER, true}, {"length", PARAM_NUMBER, true}}},
};

const struct method_table rpc_write_methods = {methods, COUNT_OF(methods)};
