/* check: what must hold in every run, judged from outside.
 *
 * Nothing here calls the code that it judges: statements, quorums and journals
 * are read again by their definitions in docs/consensus.md.
 *
 *   agreement   one payload a slot, one state and one log root a checkpoint
 *   proof       every decided slot has a certificate of its epoch's set
 *   one vote    an honest validator signs one thing in one place, for ever
 *   durable     no vote is sent before its record is on the disk
 *   finality    a final result never changes and is nowhere missing
 *   no framing  evidence names Byzantine validators only */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim.h"

void checks_begin(struct sim *s);
void checks_end(struct sim *s);

void checks_sent(struct sim *s, struct sim_node *m, struct span frame, enum p2p_protocol protocol);
void checks_durable(struct sim *s, struct sim_node *m, struct span records);
void checks_wiped(struct sim *s, struct sim_node *m);
void checks_heard(struct sim *s, struct sim_node *m, const struct trace_event *e);
/* At the end of a run, when all is healed. */
void checks_finally(struct sim *s);

/* clients.c: the outcome of a simulated evaluation; empty: the worker died. */
struct span sim_evaluate(struct sim_node *m, uint64_t token, struct span job, struct room out);

void chain_silence(struct sim *s, bool silent);
void machine_frame(struct sim_node *m, uint32_t to, enum p2p_protocol protocol, struct span frame);

#endif
