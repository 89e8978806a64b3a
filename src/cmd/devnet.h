/* devnet: a network on this machine: a development chain and N validators, as
 * processes that outlive the command that started them.
 *
 * Layer: L6.  A folder has all of it:
 *   devnet.ini        what it was made with
 *   keys/             owner, validator0.., miner0..: keys of the public test phrase
 *   chain/ genesis.bin nodeI/           data
 *   chain.log nodeI.log                 what each says
 *   chain.pid nodeI.pid                 which process each is (PROCESS-1)
 * Ports from the base on: the chain's, then of each node the peers' and the RPC's. */
#ifndef CMD_DEVNET_H
#define CMD_DEVNET_H

#include "os/process.h"

enum { DEVNET_NODES_MAX = 24, DEVNET_PATH_MAX = 3072, DEVNET_MINERS = 8, DEVNET_CHAIN = -1 };

struct devnet {
    char dir[DEVNET_PATH_MAX];      /* absolute */
    char programs[DEVNET_PATH_MAX]; /* where platform, platformd are */
    uint32_t nodes, port_base, block_ms, tempo;
    bool commit_reveal; /* of the chain */
    bool json;
};

/* What a node says of itself. */
struct devnet_status {
    bool answers, ready, voting;
    uint64_t height, epoch, view, peers, chain_block;
    char reasons[1024]; /* "name: text; name: text", or why it does not answer */
};

/* --- devnet_parts.c; index: a node, or DEVNET_CHAIN */
void devnet_path(const struct devnet *d, const char *name, char out[DEVNET_PATH_MAX + 64]);
uint32_t devnet_chain_port(const struct devnet *d);
uint32_t devnet_peer_port(const struct devnet *d, uint32_t index);
uint32_t devnet_rpc_port(const struct devnet *d, uint32_t index);
/* ERR_NOT_FOUND: no network was made there.  ERR_MALFORMED. */
enum err devnet_load(struct devnet *d);
enum err devnet_save(const struct devnet *d);
/* Keys and folders of a new network. */
enum err devnet_make_keys(const struct devnet *d);
/* Reads the genesis from the chain, which must run.  Said why when false. */
bool devnet_make_genesis(const struct devnet *d);
struct process devnet_process(const struct devnet *d, int index);
/* is_new: a node that has never voted yet.  Said why when false. */
bool devnet_start(const struct devnet *d, int index, bool is_new);
/* Ends a process, with SIGKILL at once (hard) or after a while; false: it lives. */
bool devnet_stop(const struct devnet *d, int index, bool hard);
void devnet_ask(const struct devnet *d, uint32_t index, struct devnet_status *out);

#endif
