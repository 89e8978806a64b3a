/* submit: what confirm.c needs of submit.c.  Inside the folder. */
#ifndef CHAIN_SUBMIT_H
#define CHAIN_SUBMIT_H

#include "chain/client.h"

void submit_finish(struct chain *c, struct submit *s, enum chain_outcome outcome, struct span name,
                   uint64_t block, const struct hash *block_hash);
void submit_end(struct chain *c, struct submit *s, enum chain_outcome outcome, struct span name);

/* submit_try_again: from state once more, or CHAIN_EXPIRED after the last try. */
void submit_try_again(struct chain *c, struct submit *s, enum submit_state state);

/* submit_weights: the weights to set, in the scratch arena. */
struct call_weights submit_weights(struct chain *c, const struct submit *s);

bool submit_take_nonce(struct chain *c, const json_t *result, const struct storage_key *key,
                       uint64_t *nonce);
void submit_on_prepared(struct chain *c, struct submit *s, const json_t *result);

#endif
