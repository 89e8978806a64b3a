#include "node/internal.h"

/* Of one message, so that it travels with others in an RPC of the usual size.  A
 * larger operation travels alone. */
enum { ANNOUNCE_SIZE_MAX = 48 << 10 };
/* How long a submission waits for its blob, and how many are looked after at a time. */
enum { PARKED_MS = 60000, PARKED_LOOKED_AT = 32 };

/* --- announcing */

static void publish(struct node *n, struct op_bytes *ops, uint32_t count, size_t size)
{
    struct net_gossip g = {.tag = NET_GOSSIP_OPS, .ops = {.ops = ops, .ops_count = count}};
    struct room room = {arena_raw(&n->scratch, size + NET_GOSSIP_SIZE_MIN), 0};
    room.len = size + NET_GOSSIP_SIZE_MIN;
    if (room.ptr != NULL)
        n->world.publish(n->world.net, net_gossip_encode(&g, room));
}

/* One message, and one signature of the host, for what was accepted in a turn.
 * What is no longer in the pool was decided meanwhile. */
void gossip_announce(struct node *n)
{
    size_t mark = arena_mark(&n->scratch), size = 0;
    struct op_bytes ops[NET_OPS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < n->announce_count; i++) {
        struct span bytes = mempool_get(&n->mempool, &n->announce[i]);
        if (bytes.len == 0)
            continue;
        if (count > 0 && size + 4 + bytes.len > ANNOUNCE_SIZE_MAX) {
            publish(n, ops, count, size);
            count = 0;
            size = 0;
        }
        ops[count++].bytes = bytes;
        size += 4 + bytes.len;
    }
    if (count > 0)
        publish(n, ops, count, size);
    n->announce_count = 0;
    arena_reset(&n->scratch, mark);
}

static void announce_later(struct node *n, const struct hash *id)
{
    if (n->announce_count == COUNT_OF(n->announce))
        gossip_announce(n);
    n->announce[n->announce_count++] = *id;
}

/* --- accepting */

struct judged {
    struct hash id;
    struct hotkey signer;
    enum reject why;
    enum err result;    /* ERR_CONFLICT with REJECT_NONE: we have or had it */
    struct hash blob;   /* of a submission */
    uint32_t blob_size; /* 0: it is none */
};

static bool is_leaders_own(const struct op_body *body)
{
    return body->tag == OP_BODY_EPOCH || body->tag == OP_BODY_WEIGHTS || body->tag == OP_BODY_SEAL;
}

static void judge(struct node *n, struct span bytes, struct judged *out)
{
    struct op op;
    *out = (struct judged){.id = op_id(bytes), .why = REJECT_NONE, .result = ERR_CONFLICT};
    if (mempool_has(&n->mempool, &out->id))
        return;
    size_t mark = arena_mark(&n->scratch);
    out->result = op_check(n->ledger, bytes, &n->scratch, &out->why);
    if (out->result == ERR_OK)
        out->result = op_decode(bytes, &n->scratch, &op);
    if (out->result == ERR_OK) {
        out->signer = op.content.signer;
        if (op.content.body.tag == OP_BODY_SUBMISSION) {
            out->blob = op.content.body.submission.blob;
            out->blob_size = op.content.body.submission.size;
        }
        if (is_leaders_own(&op.content.body)) { /* These come with a proposal only. */
            out->why = REJECT_MALFORMED;
            out->result = ERR_DENIED;
        }
    }
    arena_reset(&n->scratch, mark);
    if (out->why != REJECT_NONE)
        n->counters.refused[out->why]++;
}

static void keep(struct node *n, struct span bytes, struct judged *j)
{
    if (j->result == ERR_OK)
        j->result = mempool_add(&n->mempool, &j->id, &j->signer, bytes, n->now_ms);
    if (j->result != ERR_OK)
        return;
    if (j->blob_size != 0)
        mempool_about(&n->mempool, &j->id, &j->blob);
    if (j->blob_size != 0 && !blobs_have(n, &j->blob)) {
        mempool_park(&n->mempool, &j->id, &j->blob, j->blob_size);
        if (node_is_member(n))
            blobs_want(n, &j->blob, j->blob_size);
    }
    node_pending_changed(n);
}

/* Checks an operation and keeps it.  ERR_CONFLICT: we have it already. */
static enum err accept_own(struct node *n, struct span bytes, enum reject *why)
{
    struct judged j;
    judge(n, bytes, &j);
    keep(n, bytes, &j);
    *why = j.why;
    if (j.result == ERR_OK)
        announce_later(n, &j.id);
    return j.result;
}

/* Whoever sent it may have executed a slot that is still to come here; refused for
 * good it would wait until somebody hands it on (gossip_tick).  The newest takes
 * the place of the oldest. */
static void keep_early(struct node *n, struct span bytes)
{
    struct early *e = &n->early[n->early_next];
    n->early_next = (n->early_next + 1) % EARLY_MAX;
    bytes_drop(&e->bytes);
    *e = (struct early){bytes_keep(bytes), n->now_ms};
}

void gossip_after_slot(struct node *n)
{
    n->slot_executed = false;
    for (uint32_t i = 0; i < EARLY_MAX; i++) {
        struct early *e = &n->early[i];
        if (e->bytes.len == 0)
            continue;
        enum reject why;
        size_t mark = arena_mark(&n->scratch);
        bool holds = op_check(n->ledger, e->bytes, &n->scratch, &why) == ERR_OK;
        arena_reset(&n->scratch, mark);
        if (holds)
            err_ignore(accept_own(n, e->bytes, &why)); /* It may have come again. */
        if (holds || n->now_ms >= time_add(e->since_ms, n->config.view_timeout_ms / 2))
            bytes_drop(&e->bytes);
    }
}

/* Nobody honest sends on what can be right for nobody. */
static bool is_bad(const struct judged *j)
{
    return j->result == ERR_BAD_SIGNATURE || j->result == ERR_MALFORMED ||
           j->result == ERR_TOO_BIG || j->result == ERR_BAD_KEY;
}

static bool is_known(const struct node *n, const struct judged *j)
{
    enum reject reject;
    uint64_t seq;
    return (j->result == ERR_CONFLICT && j->why == REJECT_NONE) ||
           ledger_fate(n->ledger, &j->id, &reject, &seq);
}

/* Of a message with a bad operation nothing is kept: it is not forwarded, and
 * what only some hold makes them wait for it in vain.  When all of it is good or
 * known it goes on as it is; otherwise what was good goes on under our name, for
 * the rest may be right for others, ahead of us or behind, or be a burden. */
static enum p2p_verdict take_ops(struct node *n, const struct net_ops *ops)
{
    struct judged judged[NET_OPS_MAX];
    for (uint32_t i = 0; i < ops->ops_count; i++) {
        judge(n, ops->ops[i].bytes, &judged[i]);
        if (judged[i].why != REJECT_NONE)
            trace_word(trace_add(&n->trace, TRACE_DEBUG, "gossip.refused"), "why",
                       reject_name(judged[i].why));
        if (is_bad(&judged[i]))
            return P2P_REJECT;
    }
    uint32_t kept = 0, unfit = 0;
    for (uint32_t i = 0; i < ops->ops_count; i++) {
        keep(n, ops->ops[i].bytes, &judged[i]);
        kept += judged[i].result == ERR_OK;
        if (judged[i].result == ERR_DENIED && judged[i].why != REJECT_MALFORMED)
            keep_early(n, ops->ops[i].bytes);
        unfit += judged[i].result != ERR_OK && !is_known(n, &judged[i]);
    }
    if (kept > 0 && unfit == 0)
        return P2P_ACCEPT;
    for (uint32_t i = 0; kept > 0 && i < ops->ops_count; i++)
        if (judged[i].result == ERR_OK)
            announce_later(n, &judged[i].id);
    return P2P_IGNORE;
}

void node_on_gossip(struct node *n, uint64_t message, const struct peer_id *relay, struct span data,
                    uint64_t now_ms)
{
    (void)relay;
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    size_t mark = arena_mark(&n->scratch);
    struct net_gossip g;
    enum p2p_verdict verdict = P2P_REJECT;
    if (net_gossip_decode(data, &n->scratch, &g) == ERR_OK && g.tag == NET_GOSSIP_OPS &&
        g.ops.ops_count > 0)
        verdict = take_ops(n, &g.ops);
    else
        n->counters.refused[REJECT_MALFORMED]++;
    arena_reset(&n->scratch, mark);
    n->world.validate(n->world.net, message, verdict);
}

enum err node_submit_op(struct node *n, struct span op, enum reject *why, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    *why = REJECT_NONE;
    if (n->fatal != NULL)
        return ERR_FULL;
    enum err e = accept_own(n, op, why);
    /* It waits already: submitting twice is the same as once. */
    return e == ERR_CONFLICT && *why == REJECT_NONE ? ERR_OK : e;
}

static void look_after_parked(struct node *n)
{
    uint32_t next, at = mempool_first_parked(&n->mempool);
    for (uint32_t i = 0; at != MAP_NONE && i < PARKED_LOOKED_AT; i++, at = next) {
        struct mempool_entry *e = &n->mempool.entries[at];
        next = mempool_next(&n->mempool, at);
        if (n->now_ms < time_add(e->since_ms, PARKED_MS)) {
            if (node_is_member(n))
                blobs_want(n, &e->blob, e->blob_size);
            continue;
        }
        struct hash id = e->id; /* Whoever handed it in may do so again. */
        mempool_remove(&n->mempool, &id);
    }
}

/* What waits longest keeps the view's timer running, so it must be something that
 * a leader can propose: what the state refuses by now goes.  The rest is handed
 * on once more before anybody is suspected for it: a leader may have been behind
 * when it came, or it was lost (R15). */
void gossip_tick(struct node *n)
{
    uint32_t next;
    look_after_parked(n);
    for (uint32_t at = mempool_first(&n->mempool); at != MAP_NONE; at = next) {
        next = mempool_next(&n->mempool, at);
        struct mempool_entry *e = &n->mempool.entries[at];
        uint64_t age = n->now_ms - e->since_ms;
        if (e->slot != 0 || age < n->config.view_timeout_ms / 4)
            return;
        size_t mark = arena_mark(&n->scratch);
        enum reject why;
        bool good = op_check(n->ledger, e->bytes, &n->scratch, &why) == ERR_OK;
        arena_reset(&n->scratch, mark);
        struct hash id = e->id;
        if (good && !e->forwarded && age >= n->config.view_timeout_ms / 2) {
            e->forwarded = true;
            announce_later(n, &id);
        }
        if (good)
            return;
        mempool_remove(&n->mempool, &id);
        node_pending_changed(n);
    }
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
    struct signer_request_body request = {.tag = SIGNER_REQUEST_BODY_OP,
                                          .op = {.content = {.network = n->network,
                                                             .epoch = ledger_epoch(n->ledger),
                                                             .nonce = next_nonce(n),
                                                             .signer = n->config.self,
                                                             .body = *body}}};
    struct sign_wait *w = signing_ask(n, SIGN_OP, &request);
    if (w == NULL)
        return ERR_FULL;
    w->subject = *subject;
    w->with_proposal = with_proposal;
    return ERR_OK;
}

void gossip_op_signed(struct node *n, const struct sign_wait *w)
{
    size_t mark = arena_mark(&n->scratch);
    struct signer_request request;
    enum err e = signer_request_decode(w->request, &n->scratch, &request);
    assert(e == ERR_OK && request.body.tag == SIGNER_REQUEST_BODY_OP);
    struct op op = {request.body.op.content, w->reply.signature};
    size_t size = w->request.len + SIGNATURE_SIZE;
    struct room room = {arena_raw(&n->scratch, size), size};
    assert(room.ptr != NULL);
    struct span bytes = op_encode(&op, room);
    if (w->with_proposal) {
        if (n->own_op_count < COUNT_OF(n->own_ops))
            n->own_ops[n->own_op_count++] = bytes_keep(bytes);
        consensus_try_propose(n);
    } else {
        enum reject why;
        e = accept_own(n, bytes, &why);
        if (e != ERR_OK) {
            struct trace_event *t = trace_add(&n->trace, TRACE_WARN, "op.own_refused");
            trace_word(t, "why", reject_name(why));
        }
    }
    arena_reset(&n->scratch, mark);
}
