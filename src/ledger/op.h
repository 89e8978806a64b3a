/* op: what is the same for every operation: form, signature, standing, nonce.
 *
 * Layer: L3, a part of ledger. */
#ifndef LEDGER_OP_H
#define LEDGER_OP_H

#include "ledger/state.h"

/* op_open decodes into l->work and compares the network: malformed,
 * wrong_network. */
enum reject op_open(struct ledger *l, struct span bytes, struct op *out);
/* op_is_signed: the signature is over the operation's own bytes, which are the
 * one canonical encoding of its content. */
bool op_is_signed(const struct ledger *l, struct span bytes, const struct op *op);
/* op_standing: wrong_epoch; not_registered for a stranger, for whom nothing is
 * kept, not even a nonce. */
enum reject op_standing(const struct ledger *l, const struct op *op);

/* The replay window: whether nonce may still be used, and using it. */
bool nonce_is_fresh(const struct state_replay *r, uint64_t nonce);
void nonce_use(struct state_replay *r, uint64_t nonce);

/* By the operation's kind. */
enum reject op_check_body(struct turn *t, const struct op_body *body);
void op_act_body(struct turn *t, const struct op_body *body);

#endif
