#include "bft/core.h"

/* What a certificate of this type may say besides its digest. */
static bool statement_well_formed(const struct bft_statement *st)
{
    switch (st->type) {
    case BFT_TYPE_PREPARE:
    case BFT_TYPE_COMMIT:
        return hash_is_zero(&st->aux) && st->seq > 0;
    case BFT_TYPE_CHECKPOINT:
        return st->view == 0 && st->seq > 0 && st->seq % BFT_CHECKPOINT_INTERVAL == 0;
    case BFT_TYPE_PROPOSE:
    case BFT_TYPE_VIEW_CHANGE:
    case BFT_TYPE_NEW_VIEW:
    case BFT_TYPE_READY:
    case BFT_TYPE_KEYBIND:
        return false;
    }
    return false;
}

enum err bft_cert_check(const struct bft_cert *cert, const struct bft_set *set,
                        const struct hash *network, const struct verifier *verifier)
{
    struct bft_bitmap signers;
    memcpy(signers.bits, cert->bitmap, sizeof signers.bits);
    if (!statement_well_formed(&cert->statement) || cert->statement.epoch != set->set.epoch ||
        bft_bitmap_count(&signers) != cert->signatures_count)
        return ERR_MALFORMED;
    if (!bft_is_quorum(set, &signers))
        return ERR_DENIED;

    uint8_t bytes[BFT_STATEMENT_SIZE];
    bft_statement_bytes(&cert->statement, network, &set->hash, bytes);
    uint32_t at = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (!bitmap_has(&signers, i))
            continue;
        if (!verifier_check(verifier, &set->set.members[i].hotkey, span_of(bytes, sizeof bytes),
                            &cert->signatures[at]))
            return ERR_BAD_SIGNATURE;
        at++;
    }
    assert(at == cert->signatures_count);
    return ERR_OK;
}

bool bft_cert_valid(struct bft *b, const struct bft_cert *cert)
{
    enum err e = bft_cert_check(cert, &b->set, &b->config.network, &b->config.verifier);
    if (e == ERR_OK)
        return true;
    if (e == ERR_BAD_SIGNATURE)
        b->bad_signatures++;
    else
        b->malformed++;
    if (b->sender < b->set.count)
        b->peers[b->sender].strikes++;
    return false;
}

void bft_cert_keep(struct held_cert *to, const struct bft_cert *cert)
{
    assert(cert->signatures_count <= VALIDATORS_MAX);
    if (cert->signatures_count > 0 && to->room != cert->signatures)
        memcpy(to->room, cert->signatures, cert->signatures_count * sizeof *to->room);
    to->cert = *cert;
    to->cert.signatures = to->room;
    to->held = true;
}

/* Those of the votes that say st: a certificate once they are a QUORUM. */
bool bft_cert_of_votes(const struct bft *b, const struct vote *votes,
                       const struct bft_statement *st, struct held_cert *to)
{
    struct bft_bitmap signers = {0};
    for (uint32_t i = 0; i < b->set.count; i++)
        if (votes[i].held && votes[i].view == st->view &&
            hash_equal(&votes[i].digest, &st->digest) && hash_equal(&votes[i].aux, &st->aux))
            bitmap_add(&signers, i);
    if (!bft_is_quorum(&b->set, &signers))
        return false;

    uint32_t count = 0;
    for (uint32_t i = 0; i < b->set.count; i++)
        if (bitmap_has(&signers, i))
            to->room[count++] = votes[i].signature;
    to->cert =
        (struct bft_cert){.statement = *st, .signatures = to->room, .signatures_count = count};
    memcpy(to->cert.bitmap, signers.bits, sizeof signers.bits);
    to->held = true;
    return true;
}
