/* verifier: how a core checks an sr25519 signature without knowing how.
 *
 * Layer: L1.  The real one (verifier_sr25519) keeps prepared keys of the
 * current validators; the simulator's one is a keyed hash, so that thousands of
 * virtual seconds pass in one.  Signatures are over the bytes given, under
 * schnorrkel's context "substrate". */
#ifndef CRYPTO_VERIFIER_H
#define CRYPTO_VERIFIER_H

#include "base/map.h"

struct verifier {
    bool (*verify)(void *ctx, const struct hotkey *key, struct span message,
                   const struct signature *signature);
    void *ctx;
};

static inline bool verifier_check(const struct verifier *v, const struct hotkey *key,
                                  struct span message, const struct signature *signature)
{
    return v->verify(v->ctx, key, message, signature);
}

/* verifier_sr25519: the real one.  Memory from an arena, sized once; no thread,
 * no system call.
 *
 *   VERIFIER-1  The verdict is that of sr25519_verify, whatever is prepared or
 *               remembered.
 *   VERIFIER-2  Only signatures that hold are remembered, by a BLAKE2b-256 of the
 *               key, signature and message, so that one which is seen on
 *               arrival, in a proposal and at execution is computed once.  The
 *               oldest is forgotten first.
 *   VERIFIER-3  A key that verifies again and again is prepared too, while there
 *               is none that came to it later: never more than one preparation
 *               for VERIFIER_OFTEN signatures that hold. */
struct verifier_sr25519;

enum { VERIFIER_KEYS_MAX = 4096, VERIFIER_MEMORY_MAX = 1 << 20, VERIFIER_OFTEN = 8 };

struct verifier_config {
    uint32_t keys;        /* Prepared keys, 1 .. VERIFIER_KEYS_MAX; 31 kB each. */
    uint32_t frequent;    /* Further prepared keys, of VERIFIER-3; 0 .. VERIFIER_KEYS_MAX. */
    uint32_t remembered;  /* Signatures, 0 .. VERIFIER_MEMORY_MAX; 140 B each. */
    struct map_seed seed; /* Of the process: nobody outside may know it. */
};

/* What it did; for the metrics. */
struct verifier_counts {
    uint64_t remembered; /* Answered from memory. */
    uint64_t prepared;   /* Computed under a prepared key. */
    uint64_t plain;      /* Computed under another key. */
    uint64_t refused;    /* Of the computed ones, those that did not hold. */
};

/* verifier_sr25519_open keeps its arena's memory until the arena is reset.
 * ERR_NO_MEMORY: it does not fit. */
enum err verifier_sr25519_open(const struct verifier_config *config, struct arena *arena,
                               struct verifier_sr25519 **out);

/* verifier_sr25519_replace: from now on these keys are prepared, and no others but
 * those that turn out to be frequent;
 * about 0.1 ms for each that was not prepared before.  A key that can verify
 * nothing is left out.  ERR_FULL: count is over the capacity; nothing changed. */
enum err verifier_sr25519_replace(struct verifier_sr25519 *v, const struct hotkey *keys,
                                  uint32_t count);

/* The interface of it, for as long as it is open. */
struct verifier verifier_sr25519_interface(struct verifier_sr25519 *v);

struct verifier_counts verifier_sr25519_counts(const struct verifier_sr25519 *v);

#endif
