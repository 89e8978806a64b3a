/* view: what rpc may see of a node and its host; fills struct rpc_view.
 *
 * Layer: L5. */
#ifndef NODE_VIEW_H
#define NODE_VIEW_H

#include "node/host.h"
#include "rpc/view.h"

struct view {
    struct node *node;
    struct host *host; /* NULL: no peers to tell about (the simulator) */
    uint64_t started_ms;
    char labels[64];  /* of the metric that was told last */
    char reason[224]; /* of what was not ready last, when numbers belong to it */
    struct rpc_view rpc;
};

/* node and host are kept; v must not move afterwards. */
void view_init(struct view *v, struct node *node, struct host *host, uint64_t now_ms);

bool view_metric(void *ctx, uint32_t index, struct rpc_metric *out);

/* The file that proves the score of a final submission (docs/audit.md), in
 * scratch, under the certified checkpoint at *height; 0: the newest, told there.
 * ERR_NOT_FOUND: not final, or no such checkpoint; ERR_TIMEOUT: final, and the
 * checkpoint does not cover it yet; ERR_NO_MEMORY. */
enum err bundle_build(struct node *n, const struct hash *submission, uint64_t *height,
                      struct arena *scratch, struct span *out);

#endif
