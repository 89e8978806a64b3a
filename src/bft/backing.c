#include "bft/core.h"

/* The best K-cert of this epoch that this replica knows, or NULL. */
const struct bft_cert *bft_pool_stable(const struct bft *b)
{
    const struct held_cert *own = &b->stable_cert;
    bool has_own = own->held && own->cert.statement.epoch == b->set.set.epoch;
    const struct held_cert *pool = &b->pool_stable;
    if (pool->held && (!has_own || pool->cert.statement.seq > own->cert.statement.seq))
        return &pool->cert;
    return has_own ? &own->cert : NULL;
}

/* Everything up to here is known to be stable: by what this replica has, or by
 * a certificate that it was shown. */
static uint64_t proved(const struct bft *b)
{
    const struct bft_cert *cert = bft_pool_stable(b);
    return cert == NULL ? b->stable : max_u64(b->stable, cert->statement.seq);
}

static bool certifies(const struct bft *b, const struct bft_cert *cert,
                      const struct bft_prepared *p)
{
    const struct bft_statement *st = &cert->statement;
    return st->type == BFT_TYPE_PREPARE && st->epoch == b->set.set.epoch && st->seq == p->seq &&
           st->view == p->view && hash_equal(&st->digest, &p->digest);
}

/* A P-cert that was verified before, of our own or from a VIEW-CHANGE. */
const struct bft_cert *bft_pool_find(const struct bft *b, const struct bft_prepared *p)
{
    const struct slot *s = &b->slots[p->seq % BFT_WINDOW];
    if (s->seq == p->seq && s->prepared.held && certifies(b, &s->prepared.cert, p))
        return &s->prepared.cert;
    const struct held_cert *pool = &b->pool[p->seq % BFT_WINDOW];
    return pool->held && certifies(b, &pool->cert, p) ? &pool->cert : NULL;
}

/* Memory stays at one certificate a slot: the one of the highest view is the
 * one a NEW-VIEW can need. */
static void pool_add(struct bft *b, const struct bft_cert *cert)
{
    struct held_cert *to = &b->pool[cert->statement.seq % BFT_WINDOW];
    const struct bft_statement *old = &to->cert.statement;
    if (to->held && old->seq >= cert->statement.seq &&
        !(old->seq == cert->statement.seq && old->view < cert->statement.view))
        return;
    bft_cert_keep(to, cert);
}

static bool entry_backed(struct bft *b, const struct bft_prepared *p, const struct bft_cert *certs,
                         uint32_t count)
{
    if (bft_pool_find(b, p) != NULL)
        return true;
    for (uint32_t i = 0; i < count; i++) {
        if (!certifies(b, &certs[i], p))
            continue;
        if (!bft_cert_valid(b, &certs[i]))
            return false;
        pool_add(b, &certs[i]);
        return true;
    }
    return false;
}

/* Whether every claim of the core that can matter is shown by a certificate.
 * Entries at or below a proved checkpoint cannot matter any more. */
bool bft_core_backed(struct bft *b, const struct bft_view_change_core *core,
                     const struct bft_cert *certs, uint32_t count)
{
    if (count > 0 && certs[0].statement.type == BFT_TYPE_CHECKPOINT &&
        certs[0].statement.seq > proved(b)) {
        if (!bft_cert_valid(b, &certs[0]))
            return false;
        bft_cert_keep(&b->pool_stable, &certs[0]);
        b->proven = max_u64(b->proven, certs[0].statement.seq);
    }
    if (core->stable > proved(b))
        return false;
    for (uint32_t i = 0; i < core->prepared_count; i++)
        if (core->prepared[i].seq > proved(b) && !entry_backed(b, &core->prepared[i], certs, count))
            return false;
    return true;
}
