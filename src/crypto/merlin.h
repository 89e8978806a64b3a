/* merlin: transcripts as schnorrkel hashes them (Merlin v1.0 over STROBE-128).
 *
 * Layer: L1, inside the folder.  Pure.  A transcript is a plain value: copying
 * it forks it.  One that was keyed holds secrets: wipe it.
 *
 *   MERLIN-1  The same calls give the same challenges as merlin 3 in Rust. */
#ifndef CRYPTO_MERLIN_H
#define CRYPTO_MERLIN_H

#include "crypto/keccak.h"

struct merlin {
    union {
        uint64_t lanes[KECCAK_LANES];
        uint8_t bytes[KECCAK_SIZE];
    };
    uint8_t at;
    uint8_t begun;
};

void merlin_init(struct merlin *t, const char *name);

/* label is NUL-terminated and may be empty. */
void merlin_append(struct merlin *t, const char *label, struct span message);
void merlin_challenge(struct merlin *t, const char *label, struct room out);

/* merlin_key and merlin_draw are the prover's generator: mix each secret in
 * under its label, last of all 32 bytes of entropy under merlin_rng, draw. */
void merlin_key(struct merlin *t, const char *label, struct span secret);
void merlin_rng(struct merlin *t, const uint8_t entropy[32]);
void merlin_draw(struct merlin *t, struct room out);

#endif
