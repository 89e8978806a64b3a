/* devchain_weights: the weight calls of SubtensorModule.  Inside devchain. */
#ifndef CMD_DEVCHAIN_WEIGHTS_H
#define CMD_DEVCHAIN_WEIGHTS_H

#include "cmd/devchain_state.h"

/* r is behind the call's two numbers. */
struct dispatch dev_set_weights(struct devchain *d, const struct hotkey *signer, struct rd *r);
struct dispatch dev_commit_weights(struct devchain *d, const struct hotkey *signer, struct rd *r);
struct dispatch dev_reveal_weights(struct devchain *d, const struct hotkey *signer, struct rd *r);

static inline struct dispatch dispatch_ok(void)
{
    return (struct dispatch){.ok = true};
}

static inline struct dispatch dispatch_fail(const char *error)
{
    return (struct dispatch){.pallet = "SubtensorModule", .error = error};
}

#endif
