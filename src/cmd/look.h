/* look: one look at a chain, for commands: a subnet at the newest finalized
 * block, and the weights that its neurons have set there.  No key, no node.
 *
 * Layer: L6.  What goes wrong has been said (complain.h); short losses of the
 * connection are sat out until the deadline. */
#ifndef CMD_LOOK_H
#define CMD_LOOK_H

#include "chain/chain.h"

enum { LOOK_AGAIN = -1 };

struct look {
    const char *url; /* ws:// or wss:// */
    uint16_t netuid;
    uint64_t wait_ms;
    void *ctx;
    /* The subnet, and the genesis of the chain.  An exit code ends the look;
     * LOOK_AGAIN goes on with the weights of *uid. */
    int (*on_metagraph)(void *ctx, const struct chain_metagraph *m, const struct hash *genesis,
                        uint16_t *uid);
    /* The stored row of *uid; again an exit code, or LOOK_AGAIN with another. */
    int (*on_weights)(void *ctx, struct span row, uint16_t *uid);
};

int look_at(const struct look *l);

#endif
