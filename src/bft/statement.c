#include "bft/core.h"

#include "crypto/hash.h"

static_assert(8 + 1 + 32 + 8 + 32 + 8 + 8 + 32 + 32 == BFT_STATEMENT_SIZE);

void bft_statement_bytes(const struct bft_statement *st, const struct hash *network,
                         const struct hash *valset, uint8_t out[BFT_STATEMENT_SIZE])
{
    struct wr w = wr_init((struct room){out, BFT_STATEMENT_SIZE});
    wr_raw(&w, SPAN_LITERAL("PLTFBFT1"));
    wr_u8(&w, (uint8_t)st->type);
    wr_raw(&w, hash_span(network));
    wr_u64(&w, st->epoch);
    wr_raw(&w, hash_span(valset));
    wr_u64(&w, st->view);
    wr_u64(&w, st->seq);
    wr_raw(&w, hash_span(&st->digest));
    wr_raw(&w, hash_span(&st->aux));
    assert(wr_done(&w).len == BFT_STATEMENT_SIZE);
}

/* The empty payload is NULL: the one digest that no payload hashes to. */
struct hash bft_payload_digest(struct span payload)
{
    if (payload.len == 0)
        return (struct hash){0};
    return hash_tagged("PLTFBTCH", payload);
}

struct hash bft_aux_hash(const struct bft_checkpoint_aux *aux)
{
    uint8_t room[BFT_CHECKPOINT_AUX_SIZE_MAX];
    return hash_tagged("PLTFCKPT",
                       bft_checkpoint_aux_encode(aux, (struct room){room, sizeof room}));
}

struct hash bft_core_digest(const struct bft_view_change_core *core)
{
    uint8_t room[BFT_VIEW_CHANGE_CORE_SIZE_MAX];
    struct span bytes = bft_view_change_core_encode(core, (struct room){room, sizeof room});
    assert(bytes.len != 0);
    return hash_tagged("PLTFVIEW", bytes);
}

struct hash bft_body_digest(struct span body)
{
    return hash_tagged("PLTFNEWV", body);
}

struct bft_statement bft_statement_of(const struct bft *b, enum bft_type type, uint64_t view,
                                      uint64_t seq, const struct hash *digest)
{
    return (struct bft_statement){
        .type = type, .epoch = b->set.set.epoch, .view = view, .seq = seq, .digest = *digest};
}

bool bft_statement_equal(const struct bft_statement *a, const struct bft_statement *b)
{
    return a->type == b->type && a->epoch == b->epoch && a->view == b->view && a->seq == b->seq &&
           hash_equal(&a->digest, &b->digest) && hash_equal(&a->aux, &b->aux);
}

bool bft_verify(struct bft *b, const struct bft_statement *st, uint32_t signer,
                const struct signature *signature)
{
    assert(signer < b->set.count);
    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(st, &b->config.network, &b->set.hash, bytes);
    if (verifier_check(&b->config.verifier, &b->set.set.members[signer].hotkey,
                       span_of(bytes, sizeof bytes), signature))
        return true;
    b->bad_signatures++;
    if (b->sender < b->set.count)
        b->peers[b->sender].strikes++;
    return false;
}
