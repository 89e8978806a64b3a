/* verifier: how a core checks an sr25519 signature without knowing how.
 *
 * Layer: L1.  The real one (verifier_sr25519) keeps prepared keys of the
 * current validators; the simulator's one is a keyed hash, so that thousands of
 * virtual seconds pass in one.  Signatures are over the bytes given, under
 * schnorrkel's context "substrate". */
#ifndef CRYPTO_VERIFIER_H
#define CRYPTO_VERIFIER_H

#include "base/arena.h"

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

#endif
