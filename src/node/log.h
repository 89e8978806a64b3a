/* log: the network log on its way into the store, and reading it back.
 *
 * Layer: L5, a part of node.  Entries live in memory until the checkpoint that
 * covers them is stable, then in DB_LOG with their tree nodes in DB_NODES and
 * the places of what people ask for in DB_INDEX:
 *   'o' | op_id           -> index of its audit_op
 *   'c' | challenge id    -> index of the audit_op that registered it
 *   'f' | submission id   -> index of its audit_final
 *   'w' | epoch           -> index of its audit_weights */
#ifndef NODE_LOG_H
#define NODE_LOG_H

#include "node/internal.h"

enum { SLOT_KEY_SIZE = 9 };

/* A table's letter and a number, big-endian, so that keys sort. */
struct span slot_key(uint8_t memory[SLOT_KEY_SIZE], char table, uint64_t number);

/* Inside a transaction: everything up to size leaves. */
enum err log_store(struct node *n, uint64_t size);
/* After it: the memory copies up to size leave. */
void log_forget(struct node *n, uint64_t size);

/* An entry, from memory or from the store; borrowed until the next call. */
bool log_entry(struct node *n, uint64_t index, struct span *bytes);
/* Where something is: table 'o', 'c' or 'f'; stored checkpoints only. */
bool log_find(struct node *n, char table, const struct hash *id, uint64_t *index);
struct audit_nodes log_nodes(struct node *n);

#endif
