#include "bft/core.h"

/* The next view that another member leads, so that one that is dead and rich
 * does not cost two timeouts in a row.  Pure, like the schedule. */
uint64_t bft_next_view(const struct bft *b, uint64_t view)
{
    uint64_t next = view + 1;
    for (uint32_t i = 0; i < BFT_SCHEDULE && bft_leader(&b->set, next) == bft_leader(&b->set, view);
         i++)
        next++;
    return next;
}

bool bft_core_well_formed(const struct bft *b, const struct bft_view_change_core *core)
{
    if (core->epoch != b->set.set.epoch || core->prepared_count > BFT_WINDOW ||
        core->stable % BFT_CHECKPOINT_INTERVAL != 0)
        return false;
    uint64_t last = core->stable;
    for (uint32_t i = 0; i < core->prepared_count; i++) {
        const struct bft_prepared *p = &core->prepared[i];
        if (p->seq <= last || p->seq - core->stable > BFT_WINDOW || p->view >= core->view)
            return false;
        last = p->seq;
    }
    return true;
}

void bft_core_keep(struct stored_vc *to, const struct bft_view_change_core *core)
{
    assert(core->prepared_count <= BFT_WINDOW);
    if (to->room != core->prepared && core->prepared_count > 0)
        memcpy(to->room, core->prepared, core->prepared_count * sizeof *to->room);
    to->core = *core;
    to->core.prepared = to->room;
    to->digest = bft_core_digest(core);
    to->held = true;
}

static void build_core(struct bft *b, uint64_t view)
{
    struct stored_vc *own = &b->own_vc;
    struct bft_view_change_core core = {
        .epoch = b->set.set.epoch, .view = view, .stable = b->stable, .prepared = own->room};
    for (uint64_t seq = b->stable + 1; seq <= b->stable + BFT_WINDOW; seq++) {
        const struct slot *s = &b->slots[seq % BFT_WINDOW];
        if (s->seq != seq || !s->prepared.held)
            continue;
        const struct bft_statement *st = &s->prepared.cert.statement;
        own->room[core.prepared_count++] = (struct bft_prepared){seq, st->view, st->digest};
    }
    bft_core_keep(own, &core);
}

static struct bft_statement vc_statement(const struct bft *b, const struct stored_vc *vc)
{
    return bft_statement_of(b, BFT_TYPE_VIEW_CHANGE, vc->core.view, 0, &vc->digest);
}

/* R7: leave the view for good; from here on nothing below it is signed. */
void bft_view_change_start(struct bft *b, uint64_t view, bool planned)
{
    if (!bft_may_vote(b) || view <= b->target || !bft_sign_ready(b) ||
        !bft_out_fits(b, BFT_VIEW_CHANGE_CORE_SIZE_MAX + 256))
        return;
    b->target = view;
    b->asked_seq = 0;
    b->quorum_since_ms = b->rotate_at_ms = 0;
    if (!planned)
        b->failed_views++;
    build_core(b, view);
    struct bft_record r = {.tag = BFT_RECORD_VIEW};
    r.view = (struct bft_record_view){
        .epoch = b->set.set.epoch, .view = view, .has_core = true, .core = b->own_vc.core};
    bft_persist(b, &r);
    struct bft_statement st = vc_statement(b, &b->own_vc);
    bft_sign(b, &st);

    struct trace_event *t = trace_add(&b->trace, TRACE_INFO, "bft.view_left");
    trace_u64(t, "view", b->view);
    trace_u64(t, "for", view);
    trace_word(t, "why", planned ? "rotation" : "suspicion");
}

static struct bft_bitmap wanting(const struct bft *b, uint64_t view)
{
    struct bft_bitmap w = {0};
    for (uint32_t i = 0; i < b->set.count; i++)
        if (b->vcs[i].held && b->vcs[i].core.view >= view)
            bitmap_add(&w, i);
    return w;
}

/* R9: the largest view that WEAK members want, or a later one: at least one of
 * them is honest.  No single member can move anyone. */
static void join(struct bft *b)
{
    uint64_t best = b->target;
    for (uint32_t i = 0; i < b->set.count; i++) {
        const struct stored_vc *vc = &b->vcs[i];
        if (!vc->held || vc->core.view <= best)
            continue;
        struct bft_bitmap w = wanting(b, vc->core.view);
        if (bft_is_weak(&b->set, &w))
            best = vc->core.view;
    }
    /* What others plan, or do about a leader that is gone, is no failure of ours. */
    bool planned = b->segments >= BFT_ROTATION || !bft_hears(b, bft_leader(&b->set, b->view));
    if (best > b->target)
        bft_view_change_start(b, best, planned);
}

/* After every VIEW-CHANGE taken. */
static void moved(struct bft *b)
{
    join(b);
    struct bft_bitmap w = wanting(b, b->target);
    if (b->target > b->view && b->quorum_since_ms == 0 && bft_is_quorum(&b->set, &w))
        b->quorum_since_ms = max_u64(b->now_ms, 1);
    bft_new_view_try(b);
}

/* R8. */
void bft_on_view_change(struct bft *b, const struct bft_view_change *vc)
{
    const struct bft_view_change_core *core = &vc->core;
    if (core->epoch != b->set.set.epoch || vc->signer >= b->set.count || vc->signer == b->self ||
        core->view <= b->view)
        return;
    if (!bft_core_well_formed(b, core)) {
        b->malformed++;
        return;
    }
    struct stored_vc *held = &b->vcs[vc->signer];
    if (held->held && held->core.view > core->view)
        return;
    struct hash digest = bft_core_digest(core);
    struct bft_statement st = bft_statement_of(b, BFT_TYPE_VIEW_CHANGE, core->view, 0, &digest);
    bool again = held->held && held->core.view == core->view;
    bool same = again && hash_equal(&held->digest, &digest);
    if (!same && !bft_verify(b, &st, vc->signer, &vc->signature))
        return;
    if (again && !same) {
        struct bft_statement first = vc_statement(b, held);
        bft_report(b, vc->signer, &first, &held->signature, &st, &vc->signature); /* E4 */
        return;
    }
    if (!same) {
        bft_core_keep(held, core);
        held->signature = vc->signature;
        held->backed = false;
    }
    if (!held->backed && bft_leader(&b->set, core->view) == b->self)
        held->backed = bft_core_backed(b, &held->core, vc->certs, vc->certs_count);
    moved(b);
}

/* The certificates go to the next leader only: R7. */
static void send_own(struct bft *b, uint32_t to)
{
    const struct stored_vc *own = &b->vcs[b->self];
    struct bft_message m = {.tag = BFT_MESSAGE_VIEW_CHANGE};
    m.view_change = (struct bft_view_change){
        .core = own->core, .signer = (uint16_t)b->self, .signature = own->signature};
    bft_send(b, to, &m);

    uint32_t leader = bft_leader(&b->set, own->core.view), count = 0;
    struct bft_cert certs[1 + BFT_WINDOW];
    const struct bft_cert *stable = bft_pool_stable(b);
    if (stable != NULL)
        certs[count++] = *stable;
    for (uint32_t i = 0; i < own->core.prepared_count; i++) {
        const struct bft_cert *cert = bft_pool_find(b, &own->core.prepared[i]);
        if (cert != NULL)
            certs[count++] = *cert;
    }
    if (leader == b->self || (to != BFT_ALL && to != leader) || count == 0)
        return;
    m.view_change.certs = certs;
    m.view_change.certs_count = count;
    bft_send(b, leader, &m);
}

/* Our VIEW-CHANGE, once it is signed, for those who have not got it. */
void bft_view_change_send(struct bft *b, uint32_t to)
{
    const struct stored_vc *own = b->self == BFT_ALL ? NULL : &b->vcs[b->self];
    if (b->target > b->view && own != NULL && own->held && own->core.view == b->target)
        send_own(b, to);
}

void bft_view_change_resend(struct bft *b)
{
    bft_view_change_send(b, BFT_ALL);
    b->resend_at_ms = time_add(b->now_ms, b->config.status_ms +
                                              prng_below(&b->prng, b->config.status_ms / 4 + 1));
}

void bft_own_view_change(struct bft *b, const struct bft_statement *st, const struct signature *sig)
{
    if (st->view != b->target || b->target == b->view ||
        !hash_equal(&st->digest, &b->own_vc.digest))
        return;
    struct stored_vc *own = &b->vcs[b->self];
    bft_core_keep(own, &b->own_vc.core);
    own->signature = *sig;
    own->backed = true;
    bft_view_change_resend(b);
    moved(b);
}

bool bft_hears(const struct bft *b, uint32_t member)
{
    uint64_t patience = 2 * (uint64_t)b->config.status_ms + b->config.status_ms / 2;
    return member == b->self ||
           (b->peers[member].heard && time_add(b->peers[member].heard_ms, patience) >= b->now_ms);
}

void bft_on_lost(struct bft *b, uint32_t member)
{
    if (member < b->set.count)
        b->peers[member].heard = false;
}

bool bft_hears_quorum(const struct bft *b)
{
    struct bft_bitmap heard = {0};
    for (uint32_t i = 0; i < b->set.count; i++)
        if (bft_hears(b, i))
            bitmap_add(&heard, i);
    return bft_is_quorum(&b->set, &heard);
}

/* The next view after view that another member leads, one that is heard; without
 * one the next.  Who is cut off passes over nobody: it would end up in a view far
 * ahead of the others', and where each of a QUORUM is needed they would have to
 * come there timeout by timeout. */
uint64_t bft_next_heard(const struct bft *b, uint64_t view)
{
    uint64_t next = bft_next_view(b, view);
    bool is_cut_off = !bft_hears_quorum(b);
    for (uint32_t tries = 0; tries < BFT_SCHEDULE && !is_cut_off; tries++) {
        uint32_t leader = bft_leader(&b->set, next + tries);
        if (leader != bft_leader(&b->set, view) && bft_hears(b, leader))
            return next + tries;
    }
    return next;
}

static bool is_behind(const struct bft *b)
{
    bool behind = b->proven > b->executed;
    for (uint32_t i = 0; i < b->set.count; i++)
        behind |= b->peers[i].executed > b->executed;
    return behind;
}

/* The first leader of an epoch was silent before it began: the next one, at
 * once.  Not when all are silent: then it is we who are cut off. */
void bft_pass_over(struct bft *b)
{
    if (b->view == 0 && bft_normal(b) && bft_may_vote(b) && bft_hears_quorum(b) && !is_behind(b) &&
        !bft_hears(b, bft_leader(&b->set, 0)))
        bft_view_change_start(b, bft_next_heard(b, 0), true);
}

/* R14: a new leader after BFT_ROTATION segments, without back-off.  When the next
 * one is not heard, wait a while for others to see it otherwise (R9 takes us
 * along); then pass over those that are silent.  The old leader goes on leading
 * meanwhile, so a dead successor costs nothing. */
void bft_rotate(struct bft *b)
{
    if (!bft_normal(b) || !bft_may_vote(b) || b->segments < BFT_ROTATION || b->set.count == 1)
        return;
    uint64_t next = bft_next_view(b, b->view);
    if (!bft_hears(b, bft_leader(&b->set, next))) {
        uint64_t patience = 2 * (uint64_t)b->config.status_ms;
        if (b->rotate_at_ms == 0)
            b->rotate_at_ms = time_add(b->now_ms, patience);
        if (b->now_ms < b->rotate_at_ms)
            return;
        next = bft_next_heard(b, b->view);
        if (!bft_hears(b, bft_leader(&b->set, next))) {
            b->rotate_at_ms = time_add(b->now_ms, patience);
            return;
        }
    }
    bft_view_change_start(b, next, true);
}
