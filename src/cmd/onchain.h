/* onchain: the weights of a subnet as its chain has them, read without a node.
 *
 * Layer: L6. */
#ifndef CMD_ONCHAIN_H
#define CMD_ONCHAIN_H

#include <jansson.h>

#include "chain/chain.h"

/* onchain_read: a new reference to
 *   {"block", "block_hash", "chain_genesis", "netuid", "commit_reveal", "epoch",
 *    "last_epoch_block",
 *    "validators": [{"uid", "hotkey", "stake", "last_update",
 *                    "weights": [{"uid", "hotkey", "value"}]}]}
 * of the neurons that have a permit, or NULL; *code then. */
json_t *onchain_read(const char *url, uint16_t netuid, uint64_t wait_ms, int *code);

/* A number of --netuid; false: said so, *code. */
bool onchain_netuid(const char *text, uint16_t *netuid, int *code);

#endif
