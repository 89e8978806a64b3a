#include "node/view.h"

#include <stdio.h>

#include "node/internal.h"

struct source {
    enum rpc_metric_kind kind;
    const char *name, *help, *labels;
    uint64_t (*read)(const struct view *v);
};

#define READ(name, expression)                                                                     \
    static uint64_t read_##name(const struct view *v)                                              \
    {                                                                                              \
        struct bft_view_info info;                                                                 \
        bft_info(v->node->bft, &info);                                                             \
        const struct p2p_counters none = {0};                                                      \
        const struct p2p_counters *p = v->host == NULL ? &none : p2p_counters(host_p2p(v->host));  \
        const struct chain_counters *c = chain_counters(v->node->chain);                           \
        (void)p;                                                                                   \
        (void)c;                                                                                   \
        return expression;                                                                         \
    }

READ(drift, v->node->drift)
READ(mempool_bytes, v->node->mempool.bytes)
READ(trace_dropped, v->node->trace.dropped)
READ(bytes_in, p->bytes_in)
READ(bytes_out, p->bytes_out)
READ(handshakes, p->handshakes)
READ(handshake_failures, p->handshake_failures)
READ(limit_hits, p->limit_hits)
READ(protocol_errors, p->protocol_errors)
READ(frames_in, p->frames_in)
READ(frames_out, p->frames_out)
READ(frames_dropped, p->frames_dropped)
READ(gossip_in, p->gossip_in)
READ(gossip_duplicate, p->gossip_duplicate)
READ(gossip_rejected, p->gossip_rejected)
READ(gossip_ignored, p->gossip_ignored)
READ(bft_malformed, info.malformed)
READ(bft_bad_signatures, info.bad_signatures)
READ(bft_other_epoch, info.other_epoch)
READ(bft_no_member, info.no_member)
READ(bft_past_window, info.past_window)
READ(bad_frames, v->node->counters.bad_frames)
READ(bindings_refused, v->node->counters.bindings_refused)
READ(strangers_refused, v->node->counters.strangers_refused)
READ(blob_mismatches, v->node->counters.blob_mismatches)
READ(blobs_dropped, v->node->counters.blobs_dropped)
READ(blobs_no_room, v->node->counters.blobs_no_room)
READ(blobs_withheld, v->node->counters.blobs_withheld)
READ(blob_stray_answers, v->node->counters.blob_stray_answers)
READ(weights_commits, v->node->weights.commit_count)
READ(weights_lost, v->node->counters.commits_lost)
READ(weights_block, v->node->weights.done_block)
READ(disk_trouble, v->node->disk_trouble)
READ(chain_disconnects, c->disconnects)
READ(chain_timeouts, c->timeouts)
READ(chain_garbage, c->garbage)
READ(chain_oversize, c->oversize)
READ(chain_genesis, c->genesis_refusals)
READ(chain_confirmed, c->confirmed)
READ(chain_failed, c->failed)

static const struct source sources[] = {
    {RPC_GAUGE, "drift", "1 when our state differs from the certified one.", NULL, read_drift},
    {RPC_GAUGE, "pending_bytes", "Bytes of those operations.", NULL, read_mempool_bytes},
    {RPC_COUNTER, "trace_dropped_total", "Events lost because the ring was full.", NULL,
     read_trace_dropped},
    {RPC_COUNTER, "net_bytes_total", "Bytes over connections.", "kind=\"in\"", read_bytes_in},
    {RPC_COUNTER, "net_bytes_total", "Bytes over connections.", "kind=\"out\"", read_bytes_out},
    {RPC_COUNTER, "net_handshakes_total", "Handshakes completed.", NULL, read_handshakes},
    {RPC_COUNTER, "net_handshake_failures_total", "Handshakes that failed.", NULL,
     read_handshake_failures},
    {RPC_COUNTER, "net_limit_hits_total", "Times a network limit was hit.", NULL, read_limit_hits},
    {RPC_COUNTER, "net_protocol_errors_total", "Peers that broke a protocol.", NULL,
     read_protocol_errors},
    {RPC_COUNTER, "net_frames_total", "Frames of our protocols.", "kind=\"in\"", read_frames_in},
    {RPC_COUNTER, "net_frames_total", "Frames of our protocols.", "kind=\"out\"", read_frames_out},
    {RPC_COUNTER, "net_frames_dropped_total", "Frames dropped at a full queue.", NULL,
     read_frames_dropped},
    {RPC_COUNTER, "gossip_messages_total", "Gossip messages received.", "kind=\"new\"",
     read_gossip_in},
    {RPC_COUNTER, "gossip_messages_total", "Gossip messages received.", "kind=\"duplicate\"",
     read_gossip_duplicate},
    {RPC_COUNTER, "gossip_messages_total", "Gossip messages received.", "kind=\"rejected\"",
     read_gossip_rejected},
    {RPC_COUNTER, "gossip_messages_total", "Gossip messages received.", "kind=\"ignored\"",
     read_gossip_ignored},
    {RPC_COUNTER, "bft_messages_refused_total", "Consensus messages refused.", "why=\"malformed\"",
     read_bft_malformed},
    {RPC_COUNTER, "bft_messages_refused_total", "Consensus messages refused.",
     "why=\"bad_signature\"", read_bft_bad_signatures},
    {RPC_COUNTER, "bft_messages_refused_total", "Consensus messages refused.",
     "why=\"other_epoch\"", read_bft_other_epoch},
    {RPC_COUNTER, "bft_messages_refused_total", "Consensus messages refused.", "why=\"no_member\"",
     read_bft_no_member},
    {RPC_COUNTER, "bft_messages_refused_total", "Consensus messages refused.",
     "why=\"past_window\"", read_bft_past_window},
    {RPC_COUNTER, "peer_bad_frames_total", "Frames that did not decode.", NULL, read_bad_frames},
    {RPC_COUNTER, "peer_bindings_refused_total", "Peer bindings that did not hold.", NULL,
     read_bindings_refused},
    {RPC_COUNTER, "peer_strangers_refused_total", "Strangers ended for consensus messages.", NULL,
     read_strangers_refused},
    {RPC_COUNTER, "blob_mismatches_total", "Blobs fetched with another hash.", NULL,
     read_blob_mismatches},
    {RPC_COUNTER, "blobs_dropped_total", "Blobs that nothing named, dropped for want of room.",
     NULL, read_blobs_dropped},
    {RPC_COUNTER, "blobs_no_room_total", "Blobs not taken: no room.", NULL, read_blobs_no_room},
    {RPC_COUNTER, "blobs_withheld_total", "Undecided blobs that a stranger asked for.", NULL,
     read_blobs_withheld},
    {RPC_COUNTER, "blob_stray_answers_total", "Parts of blobs that nobody asked for.", NULL,
     read_blob_stray_answers},
    {RPC_GAUGE, "weights_commits_open", "Weights committed to on the chain, not revealed.", NULL,
     read_weights_commits},
    {RPC_COUNTER, "weights_commits_lost_total", "Commits of weights never revealed.", NULL,
     read_weights_lost},
    {RPC_GAUGE, "weights_confirmed_block", "Block at which our weights were read back last.", NULL,
     read_weights_block},
    {RPC_COUNTER, "disk_trouble_total", "Writes to the store that failed.", NULL,
     read_disk_trouble},
    {RPC_COUNTER, "chain_disconnects_total", "Connections to the chain lost.", NULL,
     read_chain_disconnects},
    {RPC_COUNTER, "chain_timeouts_total", "Calls to the chain without an answer.", NULL,
     read_chain_timeouts},
    {RPC_COUNTER, "chain_garbage_total", "Frames from the chain that made no sense.", NULL,
     read_chain_garbage},
    {RPC_COUNTER, "chain_oversize_total", "Frames from the chain over the limit of 16 MiB.", NULL,
     read_chain_oversize},
    {RPC_COUNTER, "chain_wrong_genesis_total", "Endpoints of another chain refused.", NULL,
     read_chain_genesis},
    {RPC_COUNTER, "chain_confirmed_total", "Extrinsics read back at a finalized block.", NULL,
     read_chain_confirmed},
    {RPC_COUNTER, "chain_failed_total", "Extrinsics that the chain refused.", NULL,
     read_chain_failed},
};

static void label(struct view *v, const char *why, struct rpc_metric *out)
{
    snprintf(v->labels, sizeof v->labels, "why=\"%s\"", why);
    out->labels = v->labels;
}

/* The families with a row for each reason; a reason of 0 is none. */
static bool by_reason(struct view *v, uint32_t index, struct rpc_metric *out)
{
    uint32_t why = index + 1;
    if (why <= REJECT_NOT_REGISTERED) {
        *out = (struct rpc_metric){RPC_COUNTER, "operations_refused_total",
                                   "Operations refused before they were proposed.", NULL,
                                   v->node->counters.refused[why]};
        label(v, reject_name((enum reject)why), out);
        return true;
    }
    why -= REJECT_NOT_REGISTERED;
    if (why >= P2P_WHY_COUNT || v->host == NULL)
        return false;
    *out = (struct rpc_metric){RPC_COUNTER, "net_closed_total", "Connections ended or refused.",
                               NULL, p2p_counters(host_p2p(v->host))->closed[why]};
    label(v, p2p_why_text((enum p2p_why)why), out);
    return true;
}

bool view_metric(void *ctx, uint32_t index, struct rpc_metric *out)
{
    if (index >= COUNT_OF(sources))
        return by_reason(ctx, index - (uint32_t)COUNT_OF(sources), out);
    const struct source *s = &sources[index];
    *out = (struct rpc_metric){s->kind, s->name, s->help, s->labels, s->read(ctx)};
    return true;
}
