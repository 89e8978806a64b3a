#include "bft/core.h"

bool bft_in_window(const struct bft *b, uint64_t seq)
{
    return seq > b->stable && seq - b->stable <= BFT_WINDOW;
}

/* R6: nothing past this slot is voted for before it is executed. */
uint64_t bft_segment_end(const struct bft *b)
{
    if (b->ending)
        return b->executed;
    return (b->executed / BFT_CHECKPOINT_INTERVAL + 1) * BFT_CHECKPOINT_INTERVAL;
}

static void slot_open(struct bft *b, struct slot *s, uint64_t seq)
{
    *s = (struct slot){
        .seq = seq,
        .prepared.room = s->prepared.room,
        .committed.room = s->committed.room,
        .votes = {s->votes[VOTE_PREPARE], s->votes[VOTE_COMMIT]},
    };
    for (uint32_t k = 0; k < VOTE_KINDS; k++)
        memset(s->votes[k], 0, b->set.count * sizeof *s->votes[k]);
    /* A slot that the NEW-VIEW of this view fixed while it was still beyond our
     * window is fixed all the same. */
    for (uint32_t i = 0; b->nv.held && i < b->nv.fixed_count; i++) {
        if (b->nv.fixed[i].seq != seq)
            continue;
        s->proposed = s->fixed = s->checked = true;
        s->digest = b->nv.fixed[i].digest;
    }
}

struct slot *bft_slot(struct bft *b, uint64_t seq)
{
    if (!bft_in_window(b, seq))
        return NULL;
    struct slot *s = &b->slots[seq % BFT_WINDOW];
    if (s->seq != seq)
        slot_open(b, s, seq);
    return s;
}

struct payload *bft_payload_find(struct bft *b, uint64_t seq, const struct hash *digest)
{
    struct payload *pair = b->payloads[seq % BFT_CHECKPOINT_INTERVAL];
    for (uint32_t i = 0; i < BFT_PAYLOADS; i++)
        if (pair[i].held && pair[i].seq == seq && hash_equal(&pair[i].digest, digest))
            return &pair[i];
    return NULL;
}

bool bft_payload_here(struct bft *b, uint64_t seq, const struct hash *digest)
{
    return hash_is_zero(digest) || bft_payload_find(b, seq, digest) != NULL;
}

/* P14: the payload of a proposal and of a P-cert must not be lost. */
static bool wanted(const struct slot *s, const struct hash *digest)
{
    if (s->decided)
        return hash_equal(digest, &s->committed.cert.statement.digest);
    return (s->proposed && hash_equal(digest, &s->digest)) ||
           (s->prepared.held && hash_equal(digest, &s->prepared.cert.statement.digest));
}

bool bft_payload_has_room(const struct bft *b, uint64_t seq)
{
    return seq > b->executed && seq <= b->executed + BFT_CHECKPOINT_INTERVAL &&
           bft_in_window(b, seq);
}

/* Two buffers are enough: a slot has at most two digests that matter. */
void bft_payload_keep(struct bft *b, struct slot *s, const struct hash *digest, struct span bytes,
                      bool journaled)
{
    assert(bytes.len <= BFT_BATCH_SIZE_MAX);
    if (hash_is_zero(digest))
        return;
    struct payload *p = bft_payload_find(b, s->seq, digest);
    if (p != NULL) {
        p->journaled = p->journaled || journaled;
        return;
    }
    struct payload *pair = b->payloads[s->seq % BFT_CHECKPOINT_INTERVAL];
    for (uint32_t i = 0; i < BFT_PAYLOADS && p == NULL; i++)
        if (!pair[i].held || pair[i].seq != s->seq || !wanted(s, &pair[i].digest))
            p = &pair[i];
    assert(p != NULL);
    assert(!p->held || p->seq <= s->seq);
    memcpy(p->bytes, bytes.ptr, bytes.len);
    p->held = true;
    p->journaled = journaled;
    p->seq = s->seq;
    p->digest = *digest;
    p->size = (uint32_t)bytes.len;
}

void bft_slots_enter_view(struct bft *b)
{
    for (uint32_t i = 0; i < BFT_WINDOW; i++) {
        struct slot *s = &b->slots[i];
        s->proposed = s->fixed = s->checked = s->asked = s->has_signature = false;
        s->fetched_ms = 0;
    }
}

void bft_slots_forget(struct bft *b)
{
    for (uint32_t i = 0; i < BFT_WINDOW; i++)
        b->slots[i].seq = 0;
    for (uint32_t i = 0; i < BFT_CHECKPOINT_INTERVAL; i++)
        for (uint32_t k = 0; k < BFT_PAYLOADS; k++)
            b->payloads[i][k].held = false;
}
