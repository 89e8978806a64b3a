#include "node/internal.h"

/* The largest request holds an operation or a call to the chain. */
enum { REQUEST_SIZE = OPERATION_SIZE_MAX + 4096 };

static struct sign_wait *find(struct node *n, uint64_t token)
{
    for (uint32_t i = 0; i < n->signs_end; i++)
        if (n->signs[i].used && n->signs[i].token == token)
            return &n->signs[i];
    return NULL;
}

/* The place is free again; what stood there is the caller's. */
static struct sign_wait take(struct node *n, struct sign_wait *w)
{
    struct sign_wait taken = *w;
    *w = (struct sign_wait){0};
    while (n->signs_end > 0 && !n->signs[n->signs_end - 1].used)
        n->signs_end--;
    return taken;
}

/* The request waits until the end of the turn, so that all of a turn leave
 * together while the journal is being flushed. */
struct sign_wait *signing_ask(struct node *n, enum sign_purpose purpose,
                              const struct signer_request_body *body)
{
    struct sign_wait *w = NULL;
    for (uint32_t i = 0; i < SIGN_WAITS_MAX && w == NULL; i++)
        if (!n->signs[i].used)
            w = &n->signs[i];
    if (w == NULL) {
        trace_add(&n->trace, TRACE_WARN, "signer.queue_full");
        return NULL;
    }
    struct signer_request request = {.token = ++n->next_token, .body = *body};
    size_t mark = arena_mark(&n->scratch);
    struct room room = {arena_raw(&n->scratch, REQUEST_SIZE), REQUEST_SIZE};
    struct span bytes = {0};
    if (room.ptr != NULL)
        bytes = signer_request_encode(&request, room);
    *w = (struct sign_wait){.used = true,
                            .purpose = purpose,
                            .token = request.token,
                            .ticket = n->appended,
                            .asked_ms = n->now_ms,
                            .request = bytes_keep(bytes)};
    n->sign_ticket = n->appended;
    n->signs_end = (uint32_t)max_u64(n->signs_end, (uint64_t)(w - n->signs) + 1);
    arena_reset(&n->scratch, mark);
    if (w->request.ptr == NULL) {
        (void)take(n, w);
        return NULL;
    }
    return w;
}

bool signing_is_under_way(const struct node *n, enum sign_purpose purpose,
                          const struct hash *subject)
{
    for (uint32_t i = 0; i < n->signs_end; i++)
        if (n->signs[i].used && n->signs[i].purpose == purpose &&
            hash_equal(&n->signs[i].subject, subject))
            return true;
    return false;
}

uint64_t signing_oldest_ms(const struct node *n)
{
    uint64_t oldest = UINT64_MAX;
    for (uint32_t i = 0; i < n->signs_end; i++)
        if (n->signs[i].used && !n->signs[i].replied)
            oldest = min_u64(oldest, n->signs[i].asked_ms);
    return oldest;
}

void signing_send(struct node *n)
{
    for (uint32_t i = 0; i < n->signs_end; i++) {
        struct sign_wait *w = &n->signs[i];
        if (!w->used || w->sent)
            continue;
        w->sent = true;
        n->world.sign(n->world.ctx, w->request);
    }
}

/* Taken out first: who hears of the signature finds its subject not under way. */
static void deliver(struct node *n, struct sign_wait *answered)
{
    struct sign_wait w = take(n, answered);
    bool ok = w.reply.verdict == SIGNER_VERDICT_SIGNED;
    if (!ok) {
        struct trace_event *e = trace_add(&n->trace, TRACE_WARN, "signer.refused");
        trace_word(e, "verdict", signer_verdict_name(w.reply.verdict));
        trace_u64(e, "purpose", (uint64_t)w.purpose);
    }
    switch (w.purpose) {
    case SIGN_BFT: {
        struct bft_event ev = {
            .kind = BFT_EV_SIGNED, .token = w.context, .ok = ok, .signature = w.reply.signature};
        node_follow_up(n, &ev);
        break;
    }
    case SIGN_OP:
        if (ok)
            gossip_op_signed(n, &w);
        break;
    case SIGN_BINDING:
        if (ok)
            peers_on_own_binding(n, &w);
        break;
    case SIGN_EXTRINSIC:
        epochs_extrinsic_signed(n, &w);
        break;
    }
    bytes_drop(&w.request);
}

/* Answers are used in the order of their requests, each no sooner than the
 * journal is durable up to where it stood when it was asked (NODE-1). */
void signing_release(struct node *n)
{
    for (;;) {
        struct sign_wait *oldest = NULL;
        for (uint32_t i = 0; i < n->signs_end; i++) {
            struct sign_wait *w = &n->signs[i];
            if (w->used && w->replied && w->ticket <= n->flushed &&
                (oldest == NULL || w->token < oldest->token))
                oldest = w;
        }
        if (oldest == NULL)
            return;
        deliver(n, oldest);
    }
}

void node_on_signed(struct node *n, struct span bytes, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    struct signer_reply reply;
    if (signer_reply_decode(bytes, &n->scratch, &reply) != ERR_OK) {
        trace_add(&n->trace, TRACE_ERROR, "signer.garbled");
        return;
    }
    struct sign_wait *w = find(n, reply.token);
    if (w == NULL || w->replied)
        return; /* Asked before the signer was restarted. */
    if (reply.verdict == SIGNER_VERDICT_FAILED && w->purpose == SIGN_BFT) {
        /* Its guard could not be written: it ends, and the one that is started in
         * its place is asked again.  What the core says once it does not repeat. */
        trace_add(&n->trace, TRACE_ERROR, "signer.failed");
        return;
    }
    w->replied = true;
    w->reply = reply;
}

/* A signer that was started again has forgotten what it was asked: ask anew.
 * Its guard makes the answer the same. */
void node_on_signer_up(struct node *n, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    for (uint32_t i = 0; i < n->signs_end; i++)
        if (n->signs[i].used && !n->signs[i].replied)
            n->signs[i].sent = false;
}
