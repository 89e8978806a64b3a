/* eval: one evaluation: agreed state and a blob in, a job for the sandbox out;
 * the sandbox's answer in, an attestation and its commitment out.
 *
 * Layer: L3, pure.
 *
 *   EVAL-1  Everything in an attestation depends on agreed state, the module
 *           and the blob only; a local failure (INFRA) never becomes one.
 *   EVAL-2  A commitment hides the attestation until the reveal: the salt is 32
 *           fresh bytes, and the hotkey is inside, so it cannot be copied. */
#ifndef EVAL_EVAL_H
#define EVAL_EVAL_H

#include "base/arena.h"
#include "ledger_msg.h"
#include "sandbox_msg.h"
#include "state_msg.h"

enum { EVAL_SLOT_MS = 1000 };

/* eval_job fills a job from the challenge and the submission; module, blob and
 * what challenge borrows are borrowed, the rest comes from scratch.  What the
 * guest learns of the world is derived from the submission's id, epoch and slot,
 * so that every validator, and whoever checks later, gives it the same:
 *   seed         BLAKE2b-256("PLTFSEED" | submission | epoch | slot)
 *   time_ms      slot x EVAL_SLOT_MS: a clock that only slots move
 *   submissions  1: an evaluation sees its own submission and no other
 * ERR_NO_MEMORY: scratch. */
enum err eval_job(const struct state_challenge *challenge,
                  const struct state_submission *submission, struct span module, struct span blob,
                  uint64_t token, struct arena *scratch, struct sandbox_job *out);

/* eval_attest turns a result into an attestation:
 *   input   BLAKE2b-256("PLTFINPT" | challenge | submission | name of blob |
 *           params | context), all that the guest was given
 *   output  BLAKE2b-256("PLTFOUTP" | outcome | message | output)
 * with u32 sizes before what varies.  An outcome that is not OK has no score.
 * ERR_UNSUPPORTED: the outcome is INFRA (retry it).  ERR_MALFORMED: a score over
 * SCORE_ONE, or blob is not the submission's: our own sandbox or store is wrong. */
enum err eval_attest(const struct state_challenge *challenge,
                     const struct state_submission *submission, const struct sandbox_result *result,
                     const struct hash *engine, struct span blob, struct attestation *out);

struct hash eval_policy_hash(const struct policy *p);
/* epoch_commitment, for those who may not include epoch. */
struct hash eval_commitment(const struct attestation *a, const uint8_t salt[32],
                            const struct hotkey *validator);

#endif
