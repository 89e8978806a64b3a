#include "node/internal.h"

#include "crypto/hash.h"

/* A binding is renewed when fewer epochs than this are left of it. */
enum { BINDING_EPOCHS = 64, BINDING_RENEW_EPOCHS = 16, STRANGER_STRIKES_MAX = 16 };
enum { GREET_MIN_MS = 250, GREET_MAX_MS = 2000 };

/* Our binding is the first frame that a peer gets from us, and it is said again
 * after a pause that grows: while two dials of each other are settled a frame
 * that was sent may be lost, and without our binding a peer neither sends to us
 * nor counts what we say. */
static void greet(struct node *n, struct peer *p)
{
    if (n->binding.len == 0 || n->now_ms < p->greet_at_ms)
        return;
    n->world.send(n->world.net, &p->id, P2P_BFT, n->binding);
    p->greet_pause_ms = min_u64(max_u64(2 * p->greet_pause_ms, GREET_MIN_MS), GREET_MAX_MS);
    p->greet_at_ms = time_add(n->now_ms, p->greet_pause_ms);
}

struct peer *peers_find(struct node *n, const struct peer_id *id)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (n->peers[i].used && peer_id_equal(&n->peers[i].id, id))
            return &n->peers[i];
    return NULL;
}

void node_on_peer_up(struct node *n, const struct peer_id *id, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    struct peer *p = peers_find(n, id);
    for (uint32_t i = 0; i < PEERS_MAX && p == NULL; i++)
        if (!n->peers[i].used)
            p = &n->peers[i];
    if (p == NULL) {
        n->world.disconnect(n->world.net, id, "peer_table_full");
        return;
    }
    *p = (struct peer){.used = true, .id = *id, .member = BFT_ALL, .heard_ms = n->now_ms};
    greet(n, p);
}

void node_on_peer_down(struct node *n, const struct peer_id *id, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    struct peer *p = peers_find(n, id);
    if (p == NULL)
        return;
    struct bft_event lost = {.kind = BFT_EV_LOST, .from = p->bound ? p->member : BFT_ALL};
    *p = (struct peer){0};
    blobs_on_peer_down(n, id);
    if (n->started)
        consensus_step(n, &lost);
}

static void bind_again(struct node *n)
{
    static const struct hash none;
    if (!n->started || hash_is_zero((const struct hash *)(const void *)&n->config.self))
        return;
    uint64_t epoch = ledger_epoch(n->ledger);
    bool fresh = n->binding.len != 0 && epoch + BINDING_RENEW_EPOCHS < n->binding_last_epoch;
    if (fresh || signing_is_under_way(n, SIGN_BINDING, &none))
        return;
    struct signer_request_body body = {
        .tag = SIGNER_REQUEST_BODY_BINDING,
        .binding = {.network = n->network,
                    .peer = span_of(n->config.peer.bytes, n->config.peer.len),
                    .hotkey = n->config.self,
                    .first_epoch = epoch,
                    .last_epoch = epoch + BINDING_EPOCHS}};
    signing_ask(n, SIGN_BINDING, &body);
}

void peers_on_own_binding(struct node *n, const struct sign_wait *w)
{
    struct signer_request request;
    enum err e = signer_request_decode(w->request, &n->scratch, &request);
    assert(e == ERR_OK && request.body.tag == SIGNER_REQUEST_BODY_BINDING);
    struct net_frame frame = {.tag = NET_FRAME_BINDING,
                              .binding = {request.body.binding, w->reply.signature}};
    uint8_t memory[NET_FRAME_SIZE_MIN + 1024];
    bytes_drop(&n->binding);
    n->binding = bytes_keep(net_frame_encode(&frame, (struct room){memory, sizeof memory}));
    n->binding_last_epoch = request.body.binding.last_epoch;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &n->peers[i];
        p->greet_at_ms = p->greet_pause_ms = 0;
        if (p->used)
            greet(n, p);
    }
}

void peers_tick(struct node *n)
{
    bind_again(n);
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (n->peers[i].used)
            greet(n, &n->peers[i]);
}

static enum err binding_check(struct node *n, const struct peer *p,
                              const struct signed_peer_binding *b)
{
    uint8_t memory[8 + PEER_BINDING_SIZE_MAX];
    memcpy(memory, "PLTFBIND", 8);
    struct span bytes =
        peer_binding_encode(&b->binding, (struct room){memory + 8, sizeof memory - 8});
    if (!hash_equal(&b->binding.network, &n->network))
        return ERR_FOREIGN;
    if (!span_equal(b->binding.peer, span_of(p->id.bytes, p->id.len)))
        return ERR_DENIED;
    if (b->binding.first_epoch > b->binding.last_epoch)
        return ERR_DENIED;
    if (!verifier_check(&n->config.verifier, &b->binding.hotkey, span_of(memory, 8 + bytes.len),
                        &b->signature))
        return ERR_BAD_SIGNATURE;
    /* Last, and told apart: true words of a node that is epochs behind us. */
    return b->binding.last_epoch < ledger_epoch(n->ledger) ? ERR_NOT_FOUND : ERR_OK;
}

static void refuse_binding(struct node *n, struct peer *p, const struct signed_peer_binding *b,
                           enum err e)
{
    struct trace_event *t = trace_add(&n->trace, TRACE_WARN, "peer.binding_refused");
    trace_hotkey(t, "hotkey", &b->binding.hotkey);
    trace_word(t, "why", err_name(e));
    n->counters.bindings_refused++;
    n->world.disconnect(n->world.net, &p->id, "binding_refused");
}

static void on_binding(struct node *n, struct peer *p, const struct signed_peer_binding *b,
                       const struct hash *frame)
{
    if (p->bound && hash_equal(&p->binding, frame))
        return; /* Said again, in case it was lost. */
    enum err e = binding_check(n, p, b);
    if (e == ERR_NOT_FOUND)
        return; /* It is a stranger until it has caught up; it may fetch what it lacks. */
    if (e != ERR_OK) {
        refuse_binding(n, p, b, e);
        return;
    }
    trace_hotkey(trace_add(&n->trace, TRACE_INFO, "peer.bound"), "hotkey", &b->binding.hotkey);
    if (hotkey_equal(&b->binding.hotkey, &n->config.self)) {
        /* A second machine with our key: only one of us may go on voting, and
         * only the operator can say which. */
        trace_add(&n->trace, TRACE_ERROR, "validator.duplicate_hotkey");
        bft_stop_voting(n->bft);
    }
    p->bound = true;
    p->binding = *frame;
    p->hotkey = b->binding.hotkey;
    p->member = bft_member(bft_current_set(n->bft), &p->hotkey);
}

void peers_new_set(struct node *n)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &n->peers[i];
        p->strikes = 0;
        if (p->used && p->bound)
            p->member = bft_member(bft_current_set(n->bft), &p->hotkey);
    }
}

struct span peers_bft_frame(struct node *n, struct span message)
{
    struct net_frame frame = {.tag = NET_FRAME_BFT, .bft = {message}};
    size_t size = message.len + 16;
    struct room room = {arena_raw(&n->scratch, size), size};
    return room.ptr == NULL ? (struct span){0} : net_frame_encode(&frame, room);
}

bool peers_send_member(struct node *n, uint32_t member, struct span frame)
{
    bool sent = false;
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &n->peers[i];
        if (p->used && p->bound && p->member != BFT_ALL &&
            (member == BFT_ALL || p->member == member))
            sent |= n->world.send(n->world.net, &p->id, P2P_BFT, frame);
    }
    return sent;
}

static uint64_t bft_complaints(const struct node *n)
{
    struct bft_view_info info;
    bft_info(n->bft, &info);
    return info.malformed + info.bad_signatures;
}

/* The core stops listening to a member that lies (R20); a stranger, who costs as
 * much and has no business here, is sent away. */
static void on_bft_message(struct node *n, struct peer *p, struct span message)
{
    struct bft_event ev = {.kind = BFT_EV_MESSAGE, .bytes = message, .from = p->member};
    bool stranger = p->member == BFT_ALL;
    uint64_t before = stranger ? bft_complaints(n) : 0;
    n->replying_to = p;
    consensus_step(n, &ev);
    n->replying_to = NULL;
    if (!stranger || p->member != BFT_ALL || bft_complaints(n) == before ||
        ++p->strikes < STRANGER_STRIKES_MAX)
        return;
    n->counters.strangers_refused++;
    trace_add(&n->trace, TRACE_WARN, "peer.bad_consensus");
    n->world.disconnect(n->world.net, &p->id, "bad_consensus");
}

static void on_bft_frame(struct node *n, struct peer *p, struct span frame)
{
    struct net_frame f;
    enum err e = net_frame_decode(frame, &n->scratch, &f);
    if (e != ERR_OK) {
        n->counters.bad_frames++;
        trace_word(trace_add(&n->trace, TRACE_WARN, "peer.bad_frame"), "why", err_name(e));
        n->world.disconnect(n->world.net, &p->id, "bad_frame");
        return;
    }
    switch (f.tag) {
    case NET_FRAME_BINDING: {
        struct hash whole = hash_blake2b(frame);
        on_binding(n, p, &f.binding, &whole);
        return;
    }
    case NET_FRAME_BFT:
        if (!n->started)
            return;
        on_bft_message(n, p, f.bft.message);
        return;
    }
}

void node_on_frame(struct node *n, const struct peer_id *id, enum p2p_protocol protocol,
                   struct span frame, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    struct peer *p = peers_find(n, id);
    if (p == NULL)
        return;
    p->heard_ms = n->now_ms;
    size_t mark = arena_mark(&n->scratch);
    switch (protocol) {
    case P2P_BFT:
        on_bft_frame(n, p, frame);
        break;
    case P2P_BLOB:
        blobs_on_frame(n, id, frame);
        break;
    }
    arena_reset(&n->scratch, mark);
}
