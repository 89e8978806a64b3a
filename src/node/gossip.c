#include "node/internal.h"

static enum err announce(struct node *n, struct span op)
{
    struct net_gossip g = {.tag = NET_GOSSIP_OP, .op = {op}};
    size_t size = op.len + 16;
    struct room room = {arena_alloc(&n->scratch, size), size};
    if (room.ptr == NULL)
        return ERR_NO_MEMORY;
    n->world.publish(n->world.net, net_gossip_encode(&g, room));
    return ERR_OK;
}

static enum err check_and_keep(struct node *n, struct span bytes, enum reject *why,
                               struct hash *id)
{
    *why = REJECT_NONE;
    *id = op_id(bytes);
    if (mempool_has(&n->mempool, id))
        return ERR_CONFLICT;
    enum err e = op_check(n->ledger, bytes, &n->scratch, why);
    if (e != ERR_OK)
        return e;
    struct op op;
    e = op_decode(bytes, &n->scratch, &op);
    if (e != ERR_OK)
        return e;
    if (op.content.body.tag == OP_BODY_EPOCH || op.content.body.tag == OP_BODY_WEIGHTS ||
        op.content.body.tag == OP_BODY_SEAL) {
        *why = REJECT_MALFORMED; /* These come with a leader's proposal only. */
        return ERR_DENIED;
    }
    e = mempool_add(&n->mempool, id, &op.content.signer, bytes, n->now_ms);
    if (e == ERR_OK)
        node_pending_changed(n);
    return e;
}

/* Checks an operation and keeps it.  ERR_CONFLICT: we have it already. */
enum err gossip_accept(struct node *n, struct span bytes, enum reject *why, struct hash *id)
{
    enum err e = check_and_keep(n, bytes, why, id);
    if (*why != REJECT_NONE)
        n->counters.refused[*why]++;
    return e;
}

void node_on_gossip(struct node *n, uint64_t message, const struct peer_id *relay,
                    struct span data, uint64_t now_ms)
{
    (void)relay;
    n->now_ms = max_u64(n->now_ms, now_ms);
    size_t mark = arena_mark(&n->scratch);
    struct net_gossip g;
    enum p2p_verdict verdict = P2P_REJECT;
    if (net_gossip_decode(data, &n->scratch, &g) != ERR_OK || g.tag != NET_GOSSIP_OP) {
        n->counters.refused[REJECT_MALFORMED]++;
    } else {
        enum reject why;
        struct hash id;
        enum err e = gossip_accept(n, g.op.op, &why, &id);
        if (e == ERR_OK)
            verdict = P2P_ACCEPT;
        else if (e != ERR_BAD_SIGNATURE && e != ERR_MALFORMED && e != ERR_TOO_BIG &&
                 e != ERR_BAD_KEY)
            verdict = P2P_IGNORE; /* It may be right for others, ahead of us or behind. */
        if (why != REJECT_NONE)
            trace_word(trace_add(&n->trace, TRACE_DEBUG, "gossip.refused"), "why",
                       reject_name(why));
    }
    arena_reset(&n->scratch, mark);
    n->world.validate(n->world.net, message, verdict);
}

enum err node_submit_op(struct node *n, struct span op, enum reject *why, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    size_t mark = arena_mark(&n->scratch);
    struct hash id;
    enum err e = gossip_accept(n, op, why, &id);
    if (e == ERR_CONFLICT && *why == REJECT_NONE)
        e = ERR_OK; /* It waits already: submitting twice is the same as once. */
    else if (e == ERR_OK)
        e = announce(n, op);
    arena_reset(&n->scratch, mark);
    return e;
}

/* Nonces of our own: never one that the state or this process has used. */
static uint64_t next_nonce(struct node *n)
{
    uint64_t from_state = ledger_next_nonce(n->ledger, &n->config.self);
    n->next_nonce = max_u64(n->next_nonce, from_state) + 1;
    return n->next_nonce - 1;
}

enum err gossip_want_op(struct node *n, const struct op_body *body, const struct hash *subject,
                        bool with_proposal)
{
    struct signer_request_body request = {
        .tag = SIGNER_REQUEST_BODY_OP,
        .op = {.content = {.network = n->network, .epoch = ledger_epoch(n->ledger),
                           .nonce = next_nonce(n), .signer = n->config.self, .body = *body}}};
    struct sign_wait *w = signing_ask(n, SIGN_OP, &request);
    if (w == NULL)
        return ERR_FULL;
    w->subject = *subject;
    w->with_proposal = with_proposal;
    return ERR_OK;
}

void gossip_op_signed(struct node *n, struct sign_wait *w)
{
    size_t mark = arena_mark(&n->scratch);
    struct signer_request request;
    enum err e = signer_request_decode(w->request, &n->scratch, &request);
    assert(e == ERR_OK && request.body.tag == SIGNER_REQUEST_BODY_OP);
    struct op op = {request.body.op.content, w->reply.signature};
    size_t size = w->request.len + SIGNATURE_SIZE;
    struct room room = {arena_alloc(&n->scratch, size), size};
    assert(room.ptr != NULL);
    struct span bytes = op_encode(&op, room);
    if (w->with_proposal) {
        if (n->own_op_count < COUNT_OF(n->own_ops))
            n->own_ops[n->own_op_count++] = bytes_keep(bytes);
        w->used = false; /* Its subject is no longer under way. */
        consensus_try_propose(n);
        w->used = true;
    } else {
        enum reject why;
        struct hash id;
        e = gossip_accept(n, bytes, &why, &id);
        if (e == ERR_OK)
            e = announce(n, bytes);
        if (e != ERR_OK) {
            struct trace_event *t = trace_add(&n->trace, TRACE_WARN, "op.own_refused");
            trace_word(t, "why", reject_name(why));
        }
    }
    arena_reset(&n->scratch, mark);
}
