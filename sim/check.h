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
 *   no framing  evidence names Byzantine validators only
 *   the log     the same everywhere, entry by entry; its root, recomputed, is the
 *               certified one; an operation takes effect once; nothing is revealed early
 *   the chain   confirmed weights and anchors are what was decided and sealed, once
 *   bundles     convince a stranger, and do not with a bit flipped
 *   duties      weights are set and logs anchored, also by one that starts again
 *   blobs       what is decided can be evaluated whoever dies
 *   lies        no honest validator votes for what it could have refuted
 *   dissent     who reveals another result is named beside the final one, and
 *               does not make it
 *   quarantine  who lost votes signs none in an epoch that began before
 *   drift       a state that is not the certified one is noticed, and ends all voting
 *   damage      a store that does not hold together does not open
 *   genesis     nobody goes on talking to a chain of another genesis
 *   rotation    a journal file that goes holds nothing that is still needed */
#ifndef SIM_CHECK_H
#define SIM_CHECK_H

#include "sim.h"

/* The place of a key in an epoch's set; UINT32_MAX: none. */
uint32_t checks_member(struct sim *s, uint64_t epoch, const struct hotkey *key);

void checks_begin(struct sim *s);
void checks_end(struct sim *s);

void checks_sent(struct sim *s, struct sim_node *m, struct span frame, enum p2p_protocol protocol);
void checks_signs(struct sim *s, const struct sim_node *m, const struct bft_statement *st);
void checks_durable(struct sim *s, struct sim_node *m, struct span records);
void checks_wiped(struct sim *s, struct sim_node *m);
void checks_heard(struct sim *s, struct sim_node *m, const struct trace_event *e);
/* At the end of a run, when all is healed. */
void checks_finally(struct sim *s);

/* A journal file is about to be dropped: its frames, and those that stay. */
void checks_dropped(struct sim *s, struct sim_node *m, struct span gone, struct span kept);

/* check_log.c */
void log_checks_begin(struct sim *s);
void log_checks_end(struct sim *s);
void log_checks_stable(struct sim *s, struct sim_node *m, const struct bft_checkpoint *p);
void log_checks_wiped(struct sim *s, struct sim_node *m);
void log_checks_published(struct sim *s, struct sim_node *m, struct span data);
void log_checks_weights(struct sim *s, struct sim_node *m, uint64_t epoch, uint64_t block);
void log_checks_anchor(struct sim *s, struct sim_node *m, uint64_t block);
void log_checks_bundles(struct sim *s, struct sim_node *m);
void log_checks_forgotten(struct sim *s, struct sim_node *m, const struct hash *id);
void log_checks_dissent(struct sim *s, const struct hash *transcript);

/* check_live.c */
void live_checks_begin(struct sim *s);
void live_checks_end(struct sim *s);
void live_checks_heard(struct sim *s, struct sim_node *m, const struct trace_event *e,
                       uint64_t epoch);
/* Every honest validator has set the weights of an epoch sealed after the healing,
 * and anchored its log, although one was started again right behind the seal. */
bool live_checks_satisfied(struct sim *s);
void live_checks_complain(struct sim *s);
void live_checks_decided(struct sim *s, struct sim_node *m, const struct hash *id);

uint64_t chain_final(const struct sim *s);
/* chain.c: rows as they were at a block; borrowed until the next call. */
struct span chain_weights(struct sim *s, uint64_t block, uint16_t uid);
struct span chain_commitment(struct sim *s, uint64_t block, const struct hotkey *key);

/* clients.c: the outcome of a simulated evaluation; empty: the worker died. */
struct span sim_evaluate(struct sim_node *m, uint64_t token, struct span job, struct room out);

void machine_frame(struct sim_node *m, uint32_t to, enum p2p_protocol protocol, struct span frame);

#endif
