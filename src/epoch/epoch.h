/* epoch: what happens once per chain epoch, and how results join.
 *
 * Layer: L2, pure.  Threads: any.  Memory: the caller's.
 *
 *   EPOCH-1  Every function is a function of its arguments, in integers.
 *   EPOCH-2  A matrix adds up to exactly EPOCH_WEIGHT_SUM.
 *   EPOCH-3  Of two miners of one challenge the one with the higher score never
 *            gets less from it; the order of the inputs does not matter. */
#ifndef EPOCH_EPOCH_H
#define EPOCH_EPOCH_H

#include "base/arena.h"
#include "bft_msg.h"
#include "ledger_msg.h"

enum { EPOCH_WEIGHT_SUM = 65535 };

/* --- Sets and clock -------------------------------------------------------- */

/* A neuron of the metagraph at a finalized block. */
struct epoch_neuron {
    struct hotkey hotkey;
    uint16_t uid;
    bool permit;
    struct stake stake;
};

/* epoch_members: those with a permit and at least minimum (and at least 1 rao),
 * the VALIDATORS_MAX with the most stake (of equal ones the lower hotkey),
 * ascending by hotkey; from arena.  A hotkey that is listed twice counts once,
 * with its first neuron.  ERR_NO_MEMORY. */
enum err epoch_members(const struct epoch_neuron *neurons, uint32_t count, struct stake minimum,
                       struct arena *arena, const struct valset_member **out, uint32_t *out_count);

/* epoch_registered: everybody, ascending by hotkey, each once; from arena.
 * ERR_TOO_BIG: more than NEURONS_MAX. */
enum err epoch_registered(const struct epoch_neuron *neurons, uint32_t count, struct arena *arena,
                          const struct neuron **out, uint32_t *out_count);

/* --- Commit and reveal ------------------------------------------------------ */

/* epoch_commitment: BLAKE2b-256("PLTFCOMM" | attestation | salt | hotkey). */
struct hash epoch_commitment(const struct attestation *a, const uint8_t salt[32],
                             const struct hotkey *validator);

/* The set's quorum test, as a value: L2 modules do not know each other. */
struct epoch_quorum {
    bool (*is)(const void *ctx, const uint8_t bits[BFT_BITMAP_SIZE]);
    const void *ctx;
    uint32_t members;
};

/* epoch_window_is_open: may results be revealed?  When every member committed;
 * or a QUORUM did and reveal_after slots went by, so that one that only wants to
 * shut the others out cannot.  Commits are taken until then and no longer. */
bool epoch_window_is_open(const struct epoch_quorum *q, const uint8_t committed[BFT_BITMAP_SIZE],
                          uint64_t since, uint64_t slot, uint32_t reveal_after);

struct epoch_reveal {
    uint32_t member;
    const struct attestation *attestation;
};

/* epoch_agree: the same input, outcome, score and output. */
bool epoch_agree(const struct attestation *a, const struct attestation *b);

/* epoch_join: the index of the reveal that stands for a group which is a QUORUM, or
 * count when there is none; agreed and differed: who said that, who another.  It is
 * the first of those in the group that most members agree with in gas, engine and
 * transcript, too: what one of them claims of these alone comes into no log. */
uint32_t epoch_join(const struct epoch_quorum *q, const struct epoch_reveal *reveals,
                    uint32_t count, uint8_t agreed[BFT_BITMAP_SIZE],
                    uint8_t differed[BFT_BITMAP_SIZE]);

/* --- Weights ----------------------------------------------------------------- */

struct epoch_score {
    uint16_t uid;
    uint64_t score; /* at most SCORE_ONE, asserted */
};

/* An active challenge: its share, and the best score of each miner. */
struct epoch_challenge {
    uint16_t share;
    const struct epoch_score *scores; /* each uid once */
    uint32_t count;
};

/* epoch_weights: each challenge gives its miners parts in proportion to their
 * scores; shares are relative to those of the challenges in which anybody
 * scored.  What rounding leaves goes to the largest remainders, of equal ones to
 * the lower uid.  Nobody scored: burn_uid gets all.  Entries ascend by uid, zeros
 * are left out; from arena.  ERR_NO_MEMORY. */
enum err epoch_weights(const struct epoch_challenge *challenges, uint32_t count, uint64_t epoch,
                       uint16_t burn_uid, struct arena *arena, struct weights *out);

/* weights_hash: BLAKE2b-256("PLTFWGHT" | encoding), what WEIGHTS names. */
struct hash epoch_weights_hash(const struct weights *w, struct arena *scratch);

#endif
