#include "p2p/book.h"

size_t book_arena_size(void)
{
    return BOOK_SIZE * sizeof(struct book_entry) + ARENA_ALIGN;
}

enum err book_init(struct book *b, struct arena *arena, uint32_t min_ms, uint32_t max_ms,
                   struct prng prng)
{
    assert(min_ms > 0 && min_ms <= max_ms);
    *b = (struct book){.min_ms = min_ms, .max_ms = max_ms, .prng = prng};
    b->entries = arena_array(arena, BOOK_SIZE, sizeof *b->entries);
    return b->entries == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static bool same_place(const struct p2p_endpoint *a, const struct p2p_endpoint *b)
{
    return a->family == b->family && a->port == b->port &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

static bool is_own_place(const struct book *b, const struct p2p_endpoint *address)
{
    for (uint32_t i = 0; i < b->own_count && i < BOOK_OWN_MAX; i++)
        if (same_place(&b->own[i], address))
            return true;
    return false;
}

static uint32_t find_peer(const struct book *b, const struct peer_id *peer)
{
    for (uint32_t i = 0; i < BOOK_SIZE; i++)
        if (b->entries[i].state != BOOK_FREE && b->entries[i].has_peer &&
            peer_id_equal(&b->entries[i].peer, peer))
            return i;
    return BOOK_NONE;
}

static void add_address(struct book_entry *e, const struct p2p_endpoint *address)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (same_place(&e->addresses[i], address))
            return;
    if (e->count == BOOK_ADDRESSES_MAX) {
        if (e->bootstrap)
            return; /* What the operator wrote stays. */
        memmove(e->addresses, e->addresses + 1, (e->count - 1) * sizeof e->addresses[0]);
        e->count--;
    }
    e->addresses[e->count] = *address;
    e->addresses[e->count++].has_peer = false;
}

enum err book_bootstrap(struct book *b, const struct p2p_endpoint *endpoint, uint64_t now_ms)
{
    b->changed = true;
    uint32_t slot = BOOK_NONE, bootstraps = 0;
    for (uint32_t i = 0; i < BOOK_SIZE; i++) {
        struct book_entry *e = &b->entries[i];
        if (e->state == BOOK_FREE) {
            slot = slot == BOOK_NONE ? i : slot;
        } else if (e->bootstrap) {
            bool same = e->pinned == endpoint->has_peer && same_place(&e->addresses[0], endpoint);
            if (same && (!e->pinned || peer_id_equal(&e->peer, &endpoint->peer)))
                return ERR_OK;
            bootstraps++;
        }
    }
    if (slot == BOOK_NONE || bootstraps == P2P_BOOTSTRAP_MAX)
        return ERR_FULL;
    struct book_entry *e = &b->entries[slot];
    *e = (struct book_entry){.state = BOOK_IDLE,
                             .bootstrap = true,
                             .has_peer = endpoint->has_peer,
                             .pinned = endpoint->has_peer,
                             .peer = endpoint->peer,
                             .dial_at_ms = now_ms};
    add_address(e, endpoint);
    return ERR_OK;
}

/* A free slot, or that of the least useful hint; BOOK_NONE: all are good. */
static uint32_t slot_for_hint(const struct book *b)
{
    uint32_t worst = BOOK_NONE, learnt = 0;
    for (uint32_t i = 0; i < BOOK_SIZE; i++) {
        const struct book_entry *e = &b->entries[i];
        learnt += e->state != BOOK_FREE && !e->bootstrap;
        if (e->state != BOOK_IDLE || e->bootstrap || e->proven)
            continue;
        if (worst == BOOK_NONE || e->failures > b->entries[worst].failures)
            worst = i;
    }
    if (learnt >= BOOK_LEARNT_MAX)
        return worst;
    for (uint32_t i = 0; i < BOOK_SIZE; i++)
        if (b->entries[i].state == BOOK_FREE)
            return i;
    return worst;
}

void book_learn(struct book *b, const struct peer_id *peer, const struct p2p_endpoint *endpoint,
                uint64_t now_ms)
{
    if (is_own_place(b, endpoint))
        return;
    b->changed = true;
    uint32_t slot = find_peer(b, peer);
    if (slot == BOOK_NONE) {
        slot = slot_for_hint(b);
        if (slot == BOOK_NONE)
            return;
        b->entries[slot] = (struct book_entry){
            .state = BOOK_IDLE, .has_peer = true, .peer = *peer, .dial_at_ms = now_ms};
    }
    add_address(&b->entries[slot], endpoint);
}

/* Another entry for the same peer (a bootstrap address may repeat it). */
static bool peer_is_busy(const struct book *b, const struct book_entry *own)
{
    for (uint32_t i = 0; own->has_peer && i < BOOK_SIZE; i++) {
        const struct book_entry *e = &b->entries[i];
        if (e != own && e->has_peer && (e->state == BOOK_DIALING || e->state == BOOK_CONNECTED) &&
            peer_id_equal(&e->peer, &own->peer))
            return true;
    }
    return false;
}

static bool may_dial(const struct book_entry *e, bool learnt_wanted)
{
    return e->state == BOOK_IDLE && e->count != 0 && (e->bootstrap || learnt_wanted);
}

uint32_t book_next(struct book *b, bool learnt_wanted, uint64_t now_ms,
                   struct p2p_endpoint *endpoint)
{
    for (uint32_t i = 0; i < BOOK_SIZE; i++) {
        struct book_entry *e = &b->entries[i];
        if (!may_dial(e, learnt_wanted) || e->dial_at_ms > now_ms)
            continue;
        if (peer_is_busy(b, e)) {
            e->dial_at_ms = time_add(now_ms, b->max_ms);
            continue;
        }
        e->state = BOOK_DIALING;
        *endpoint = e->addresses[e->next % e->count];
        endpoint->has_peer = e->pinned || (e->has_peer && !e->bootstrap);
        endpoint->peer = e->peer;
        e->next = (e->next + 1) % e->count;
        return i;
    }
    return BOOK_NONE;
}

static void back_off(struct book *b, struct book_entry *e, uint64_t now_ms)
{
    b->changed = true;
    uint64_t delay = b->min_ms;
    for (uint32_t i = 0; i < e->failures && delay < b->max_ms; i++)
        delay *= 2;
    delay = min_u64(delay, b->max_ms);
    delay -= prng_below(&b->prng, delay / 2 + 1);
    e->failures++;
    e->state = BOOK_IDLE;
    e->dial_at_ms = time_add(now_ms, delay);
}

void book_failed(struct book *b, uint32_t entry, uint64_t now_ms)
{
    struct book_entry *e = &b->entries[entry];
    if (e->state != BOOK_DIALING)
        return;
    back_off(b, e, now_ms);
    if (!e->bootstrap && e->failures >= BOOK_FAILURES_MAX)
        *e = (struct book_entry){0};
}

void book_self(struct book *b, uint32_t entry, uint64_t now_ms)
{
    struct book_entry *e = &b->entries[entry];
    if (e->state != BOOK_DIALING)
        return;
    b->changed = true;
    uint32_t dialled = (e->next + e->count - 1) % e->count;
    if (!is_own_place(b, &e->addresses[dialled]))
        b->own[b->own_count++ % BOOK_OWN_MAX] = e->addresses[dialled];
    if (e->count == 1 && e->bootstrap) {
        e->state = BOOK_SELF;
        e->has_peer = false; /* It is nobody else's, whatever it was said to be. */
    } else if (e->count == 1) {
        *e = (struct book_entry){0};
    } else {
        e->count--;
        memmove(e->addresses + dialled, e->addresses + dialled + 1,
                (e->count - dialled) * sizeof e->addresses[0]);
        e->next = dialled;
        e->state = BOOK_IDLE;
        e->dial_at_ms = now_ms;
    }
}

void book_connected(struct book *b, uint32_t entry, const struct peer_id *peer)
{
    if (entry != BOOK_NONE) {
        struct book_entry *e = &b->entries[entry];
        e->peer = *peer;
        e->has_peer = true;
    }
    for (uint32_t i = 0; i < BOOK_SIZE; i++) {
        struct book_entry *e = &b->entries[i];
        /* An entry that is dialling keeps its dial: the duplicate is settled
         * when that connection is made. */
        if (!e->has_peer || !peer_id_equal(&e->peer, peer) || e->state == BOOK_FREE ||
            e->state == BOOK_SELF || (e->state == BOOK_DIALING && i != entry))
            continue;
        e->state = BOOK_CONNECTED;
        e->proven = true;
    }
}

void book_disconnected(struct book *b, const struct peer_id *peer, bool brief, uint64_t now_ms)
{
    for (uint32_t i = 0; i < BOOK_SIZE; i++) {
        struct book_entry *e = &b->entries[i];
        if (e->state != BOOK_CONNECTED || !peer_id_equal(&e->peer, peer))
            continue;
        if (!brief)
            e->failures = 0;
        back_off(b, e, now_ms);
    }
}

uint64_t book_wake_at(struct book *b, bool learnt_wanted)
{
    b->changed = false;
    uint64_t at = UINT64_MAX;
    for (uint32_t i = 0; i < BOOK_SIZE; i++)
        if (may_dial(&b->entries[i], learnt_wanted))
            at = min_u64(at, b->entries[i].dial_at_ms);
    return at;
}
