#include "node/view.h"

#include <stdio.h>

#include "node/log.h"

static void view_status(void *ctx, struct rpc_status *out)
{
    struct view *v = ctx;
    struct node *n = v->node;
    *out = (struct rpc_status){.version = PLATFORM_VERSION,
                               .network = n->network,
                               .self = n->config.self,
                               .peer = n->config.peer,
                               .uptime_ms = n->now_ms - v->started_ms,
                               .pending_ops = n->mempool.count,
                               .log_size = n->tree.size,
                               .log_root = audit_tree_root(&n->tree),
                               .netuid = n->genesis.netuid,
                               .chain_block = n->epochs.finalized,
                               .chain_hash = n->epochs.finalized_hash,
                               .chain_age_ms = n->now_ms - n->epochs.finalized_ms};
    bft_info(n->bft, &out->bft);
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        out->peers += n->peers[i].used;
}

static const char *quorum_reason(struct view *v)
{
    struct bft_view_info info;
    const struct bft_set *set = bft_current_set(v->node->bft);
    bft_info(v->node->bft, &info);
    snprintf(v->reason, sizeof v->reason,
             "%u of %u validators are heard, this one included; a decision takes %u, with more "
             "than 2/3 of the stake: check the network and whether the others run",
             info.quorum_heard, set->count, set->quorum_count);
    return v->reason;
}

static bool view_unready(void *ctx, uint32_t index, const char **name, const char **text)
{
    struct view *v = ctx;
    uint32_t bits = node_unready(v->node);
    for (uint32_t bit = 1; bit <= NODE_UNREADY_CHAIN_LIES; bit <<= 1) {
        if ((bits & bit) == 0 || index-- > 0)
            continue;
        *name = node_unready_name(bit);
        *text = bit == NODE_UNREADY_NO_QUORUM ? quorum_reason(v) : node_unready_text(bit);
        return true;
    }
    return false;
}

static struct span view_genesis(void *ctx)
{
    return ((struct view *)ctx)->node->config.genesis;
}

static const struct valset *view_valset(void *ctx)
{
    return ledger_valset(((struct view *)ctx)->node->ledger);
}

static bool view_member(void *ctx, uint32_t index, struct rpc_member *out)
{
    struct node *n = ((struct view *)ctx)->node;
    if (index >= ledger_valset(n->ledger)->members_count)
        return false;
    *out = (struct rpc_member){.heard_ms = UINT64_MAX};
    if (hotkey_equal(&ledger_valset(n->ledger)->members[index].hotkey, &n->config.self)) {
        *out = (struct rpc_member){true, n->config.peer, 0};
        return true;
    }
    for (uint32_t i = 0; i < PEERS_MAX; i++) {
        struct peer *p = &n->peers[i];
        if (p->used && p->bound && p->member == index)
            *out = (struct rpc_member){true, p->id, n->now_ms - p->heard_ms};
    }
    return true;
}

static bool view_peer(void *ctx, uint32_t index, struct rpc_peer *out)
{
    struct view *v = ctx;
    *out = (struct rpc_peer){0};
    if (v->host == NULL || !p2p_peer(host_p2p(v->host), index, &out->info))
        return false;
    struct peer *p = peers_find(v->node, &out->info.id);
    if (p != NULL && p->bound) {
        out->bound = true;
        out->hotkey = p->hotkey;
    }
    return true;
}

/* --- the agreed state */

static bool view_challenge_at(void *ctx, uint32_t index, struct hash *id)
{
    return ledger_challenge_at(((struct view *)ctx)->node->ledger, index, id);
}

static bool view_challenge(void *ctx, const struct hash *id, struct arena *scratch,
                           struct state_challenge *out)
{
    return ledger_challenge(((struct view *)ctx)->node->ledger, id, scratch, out);
}

static bool view_leader_at(void *ctx, const struct hash *challenge, uint32_t index,
                           struct state_leader *out)
{
    return ledger_leader_at(((struct view *)ctx)->node->ledger, challenge, index, out);
}

static bool view_submission_at(void *ctx, uint32_t index, struct hash *id)
{
    return ledger_submission_at(((struct view *)ctx)->node->ledger, index, id);
}

static bool view_submission(void *ctx, const struct hash *id, struct arena *scratch,
                            struct state_submission *out)
{
    return ledger_submission(((struct view *)ctx)->node->ledger, id, scratch, out);
}

static bool view_evaluation(void *ctx, const struct hash *submission, struct rpc_evaluation *out)
{
    static const char *const phases[] = {
        [JOB_WAITING] = "waiting", [JOB_RUNNING] = "running", [JOB_DONE] = "done"};
    const struct node *n = ((struct view *)ctx)->node;
    const struct job *j = evaluate_job(((struct view *)ctx)->node, submission);
    const struct run *r = evaluate_run(n, submission);
    if (j != NULL)
        *out = (struct rpc_evaluation){phases[j->phase], j->failures,   j->gas,
                                       j->memory,        j->host_calls, j->host_bytes};
    else if (r != NULL)
        *out = (struct rpc_evaluation){phases[JOB_DONE], r->failures,   r->gas,
                                       r->memory,        r->host_calls, r->host_bytes};
    return j != NULL || r != NULL;
}

static bool view_neuron(void *ctx, const struct hotkey *key, uint16_t *uid)
{
    return ledger_neuron(((struct view *)ctx)->node->ledger, key, uid);
}

static uint64_t view_next_nonce(void *ctx, const struct hotkey *signer)
{
    return ledger_next_nonce(((struct view *)ctx)->node->ledger, signer);
}

static bool view_weights(void *ctx, uint64_t epoch, struct arena *scratch, struct weights *out)
{
    return ledger_weights(((struct view *)ctx)->node->ledger, epoch, scratch, out);
}

static bool view_submitted(void *ctx, uint64_t epoch, struct rpc_submitted *out)
{
    return weights_submitted(((struct view *)ctx)->node, epoch, out);
}

static bool view_commit_at(void *ctx, uint32_t index, struct rpc_commit *out)
{
    return weights_commit_at(((struct view *)ctx)->node, index, out);
}

/* --- operations, slots, blobs */

static bool view_fate(void *ctx, const struct hash *op, enum reject *reject, uint64_t *seq)
{
    return ledger_fate(((struct view *)ctx)->node->ledger, op, reject, seq);
}

static bool view_pending(void *ctx, const struct hash *op)
{
    return mempool_has(&((struct view *)ctx)->node->mempool, op);
}

static bool view_decided(void *ctx, uint64_t seq, struct arena *scratch, struct bft_decided *out)
{
    struct span bytes;
    return storage_decided(((struct view *)ctx)->node, seq, &bytes) &&
           bft_decided_decode(arena_copy(scratch, bytes), scratch, out) == ERR_OK;
}

static enum err view_submit(void *ctx, struct span op, enum reject *why)
{
    struct node *n = ((struct view *)ctx)->node;
    return node_submit_op(n, op, why, n->now_ms);
}

static enum err view_blob_put(void *ctx, struct span bytes, struct hash *name)
{
    return node_put_blob(((struct view *)ctx)->node, bytes, name);
}

static enum err view_blob_get(void *ctx, const struct hash *name, struct span *bytes)
{
    return node_get_blob(((struct view *)ctx)->node, name, bytes);
}

/* --- the log */

static bool view_log_node(void *ctx, uint32_t level, uint64_t index, struct hash *out)
{
    struct audit_nodes nodes = log_nodes(((struct view *)ctx)->node);
    return nodes.get(nodes.ctx, level, index, out);
}

static bool view_log_entry(void *ctx, uint64_t index, struct arena *scratch, struct span *entry)
{
    struct span bytes;
    if (!log_entry(((struct view *)ctx)->node, index, &bytes))
        return false;
    *entry = arena_copy(scratch, bytes);
    return entry->ptr != NULL;
}

static bool view_final_at(void *ctx, const struct hash *submission, uint64_t *index)
{
    return log_find(((struct view *)ctx)->node, 'f', submission, index);
}

static bool view_op_at(void *ctx, const struct hash *op, uint64_t *index)
{
    return log_find(((struct view *)ctx)->node, 'o', op, index);
}

static bool view_checkpoint(void *ctx, struct arena *scratch, struct bft_checkpoint *out)
{
    const struct node *n = ((struct view *)ctx)->node;
    return n->stable_bytes.len > 0 &&
           bft_checkpoint_decode(n->stable_bytes, scratch, out) == ERR_OK;
}

static enum err view_bundle(void *ctx, const struct hash *submission, uint64_t *height,
                            struct arena *scratch, struct span *out)
{
    return bundle_build(((struct view *)ctx)->node, submission, height, scratch, out);
}

void view_init(struct view *v, struct node *node, struct host *host, uint64_t now_ms)
{
    *v = (struct view){node, host, now_ms, {0}};
    v->rpc = (struct rpc_view){
        .ctx = v,
        .status = view_status,
        .unready = view_unready,
        .genesis = view_genesis,
        .valset = view_valset,
        .member = view_member,
        .peer = view_peer,
        .metric = view_metric,
        .challenge_at = view_challenge_at,
        .challenge = view_challenge,
        .leader_at = view_leader_at,
        .submission_at = view_submission_at,
        .submission = view_submission,
        .evaluation = view_evaluation,
        .neuron = view_neuron,
        .next_nonce = view_next_nonce,
        .weights = view_weights,
        .submitted = view_submitted,
        .commit_at = view_commit_at,
        .fate = view_fate,
        .pending = view_pending,
        .decided = view_decided,
        .submit = view_submit,
        .blob_put = view_blob_put,
        .blob_get = view_blob_get,
        .log_node = view_log_node,
        .log_entry = view_log_entry,
        .final_at = view_final_at,
        .op_at = view_op_at,
        .checkpoint = view_checkpoint,
        .bundle = view_bundle,
    };
}
