/* devchain_api: how runtime APIs write what the rows hold.  Inside devchain.
 *
 *   devchain_api.c        the functions, neurons, hyperparameters
 *   devchain_metagraph.c  the metagraph, field by field
 *
 * The shapes are those of spec 293. */
#ifndef CMD_DEVCHAIN_API_H
#define CMD_DEVCHAIN_API_H

#include "cmd/devchain_state.h"

enum { AXON_SIZE = 34, API_FIELDS = 73 /* of a metagraph, where each is asked for by number */ };

/* An answer about one subnet. */
struct api {
    struct devchain *d;
    struct wr *w;
    uint16_t netuid;
    uint32_t size; /* neurons */
};

enum stake_kind { STAKE_ALPHA, STAKE_TAO, STAKE_TOTAL };

/* The subnet's row of that name, as a compact number or as one byte. */
void api_number(struct api *a, const char *entry);
void api_bool(struct api *a, const char *entry);
/* One end of AlphaValues. */
void api_alpha_value(struct api *a, bool high);
/* size bytes of the row of a neuron; zeros where there is less. */
void api_row(struct api *a, const char *entry, const struct hotkey *key, size_t size);

struct hotkey api_key(struct api *a, uint32_t uid);
struct hotkey api_owner(struct api *a, uint32_t uid);
uint64_t api_stake(struct api *a, const struct hotkey *key, enum stake_kind kind);

/* All fields but the last; or, of all, those selected[i], each as an Option. */
void api_metagraph(struct api *a);
void api_selected(struct api *a, const bool selected[API_FIELDS]);
void api_subnet_state(struct api *a);

#endif
