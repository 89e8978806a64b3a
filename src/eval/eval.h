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

/* eval_job fills a job from the challenge and the submission; module and blob
 * are borrowed.  seed and time are derived from the submission's id, epoch and
 * slot, so that every validator gives the guest the same. */
void eval_job(const struct state_challenge *challenge, const struct state_submission *submission,
              struct span module, struct span blob, uint64_t token, struct sandbox_job *out);

/* eval_attest: ERR_UNSUPPORTED when the outcome is INFRA (retry it). */
enum err eval_attest(const struct state_challenge *challenge,
                     const struct state_submission *submission, const struct sandbox_result *result,
                     const struct hash *engine, struct span blob, struct attestation *out);

struct hash eval_policy_hash(const struct policy *p);
struct hash eval_commitment(const struct attestation *a, const uint8_t salt[32],
                            const struct hotkey *validator);

#endif
