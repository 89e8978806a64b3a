#include "bft/core.h"

enum { DOUBLINGS_MAX = 6, RETRY_MS = 10 };

/* R13: tau(k), growing without bound, so that an unknown delay is outlasted. */
static uint64_t tau(const struct bft *b)
{
    uint64_t base = b->config.timeout_ms, k = b->failed_views, sum;
    if (k <= DOUBLINGS_MAX)
        return base << k;
    if (!mul_ok(base, k - DOUBLINGS_MAX, &sum))
        return UINT64_MAX;
    return time_add(base << DOUBLINGS_MAX, sum);
}

void bft_timer_restart(struct bft *b)
{
    b->work_since_ms = b->request_since_ms = b->fill_since_ms = b->now_ms;
    b->work_executed = b->executed;
}

/* Something is under way that this view's leader has to bring to an end. */
static bool busy(const struct bft *b)
{
    if (b->executing || b->ending)
        return false;
    for (uint64_t seq = b->executed + 1; seq <= b->executed + BFT_CHECKPOINT_INTERVAL; seq++) {
        const struct slot *s = &b->slots[seq % BFT_WINDOW];
        if (s->seq == seq && (s->proposed || s->decided))
            return true;
    }
    return false;
}

static void watch(struct bft *b)
{
    bool now = busy(b);
    if (now && (!b->work_known || b->work_executed != b->executed)) {
        b->work_since_ms = b->now_ms;
        b->work_executed = b->executed;
    }
    b->work_known = now;
}

/* A leader that nothing is heard of, while a QUORUM is heard, is waited for half
 * of the base and never longer: back-off is for leaders and networks that are
 * slow.  It only shortens a wait (BFT-5). */
static uint64_t patience(const struct bft *b)
{
    bool silent = !bft_hears(b, bft_leader(&b->set, b->target)) && bft_hears_quorum(b);
    return silent ? min_u64(tau(b), b->config.timeout_ms / 2) : tau(b);
}

static uint64_t deadline(const struct bft *b)
{
    if (!bft_may_vote(b))
        return UINT64_MAX;
    uint64_t wait = patience(b);
    if (b->target > b->view)
        return b->quorum_since_ms == 0 ? UINT64_MAX : time_add(b->quorum_since_ms, wait);
    uint64_t at = UINT64_MAX;
    if (b->work_known)
        at = min_u64(at, time_add(b->work_since_ms, wait));
    if (b->request_known && !b->ending)
        at = min_u64(at, time_add(b->request_since_ms, wait));
    if (b->fill && !b->ending)
        at = min_u64(at, time_add(b->fill_since_ms, time_add(wait, b->fill_pause_ms)));
    return at;
}

static void later(uint64_t *at, uint64_t by, uint64_t now_ms)
{
    if (*at != 0)
        *at = min_u64(time_add(*at, by), now_ms);
}

/* This step comes later than it was asked for: the machine was busy or asleep,
 * and what the others said meanwhile is still unread.  Nobody is suspected for
 * that time. */
void bft_forgive(struct bft *b)
{
    if (b->now_ms <= time_add(b->wake_at_ms, RETRY_MS))
        return;
    uint64_t late = b->now_ms - b->wake_at_ms;
    later(&b->work_since_ms, late, b->now_ms);
    later(&b->request_since_ms, late, b->now_ms);
    later(&b->fill_since_ms, late, b->now_ms);
    later(&b->quorum_since_ms, late, b->now_ms);
    for (uint32_t i = 0; i < b->set.count; i++)
        later(&b->peers[i].heard_ms, late, b->now_ms);
}

static void on_status_period(struct bft *b)
{
    for (uint32_t i = 0; i < b->set.count; i++)
        b->peers[i].strikes = 0;
    for (uint32_t i = 0; i < BFT_WINDOW; i++)
        b->slots[i].asked = false; /* a payload that had to wait is asked about again */
    bft_status_send(b);
    bft_poll(b);
    if (b->proven > b->executed)
        bft_fetch_decided(b, BFT_ALL);
    struct slot *next = &b->slots[(b->executed + 1) % BFT_WINDOW];
    if (next->seq == b->executed + 1 && next->decided && !b->executing &&
        !bft_payload_here(b, next->seq, &next->committed.cert.statement.digest))
        bft_fetch_payload(b, next, &next->committed.cert.statement.digest);
    bft_checkpoint_sign(b);
    bft_rotate(b);
    bft_evaluate(b);
    b->status_at_ms = time_add(b->now_ms, b->config.status_ms +
                                              prng_below(&b->prng, b->config.status_ms / 8 + 1));
}

/* BFT-5: what the passing of time does, after the event of this turn. */
void bft_timers(struct bft *b)
{
    if (b->now_ms >= b->status_at_ms)
        on_status_period(b);
    if (b->target > b->view && b->now_ms >= b->resend_at_ms)
        bft_view_change_resend(b);
    if (b->rotate_at_ms != 0 && b->now_ms >= b->rotate_at_ms)
        bft_rotate(b);
    if (bft_fill_at(b) <= b->now_ms)
        bft_lead(b);
    watch(b);
    if (b->now_ms >= deadline(b))
        bft_view_change_start(b, bft_next_heard(b, b->target), false);
}

uint64_t bft_wake_at(const struct bft *b)
{
    if (!b->started)
        return UINT64_MAX;
    if (b->again)
        return b->now_ms;
    uint64_t at = min_u64(b->status_at_ms, deadline(b));
    if (b->target > b->view)
        at = min_u64(at, b->resend_at_ms);
    if (b->rotate_at_ms != 0)
        at = min_u64(at, b->rotate_at_ms);
    if (bft_fill_at(b) > b->now_ms)
        at = min_u64(at, bft_fill_at(b));
    return at > b->now_ms ? at : time_add(b->now_ms, RETRY_MS);
}
