/* sample: a made-up node for tests of what clients see: four validators, two
 * challenges, miners, decided slots and a real log, all from one seed.  Texts
 * in it try to break a page. */
#ifndef RPC_SAMPLE_TEST_H
#define RPC_SAMPLE_TEST_H

#include "audit/audit.h"
#include "rpc/rpc.h"

enum {
    SAMPLE_VALIDATORS = 4,
    SAMPLE_MINERS = 6,
    SAMPLE_CHALLENGES = 2,
    SAMPLE_SUBMISSIONS = 10,
    SAMPLE_SLOTS_MAX = 4096,
    SAMPLE_ENTRIES_MAX = 4096,
    SAMPLE_BLOBS_MAX = 8,
};

struct sample {
    struct arena memory;
    struct rpc_view view;
    bool unready, full, replayed;
    bool forgets; /* the state has no submission any more */
    uint64_t height, started_height;
    struct valset set;
    struct valset_member members[SAMPLE_VALIDATORS];
    struct hotkey miners[SAMPLE_MINERS];
    struct state_challenge challenges[SAMPLE_CHALLENGES];
    struct state_submission submissions[SAMPLE_SUBMISSIONS];
    struct state_attest attests[SAMPLE_SUBMISSIONS][SAMPLE_VALIDATORS];
    struct span ops[SAMPLE_SUBMISSIONS];
    uint64_t final_at[SAMPLE_SUBMISSIONS]; /* UINT64_MAX: not final */
    uint64_t op_at[SAMPLE_SUBMISSIONS];    /* the first time */
    struct weight weights[SAMPLE_MINERS];
    struct span entries[SAMPLE_ENTRIES_MAX];
    struct hash nodes[13][SAMPLE_ENTRIES_MAX];
    struct audit_tree tree, certified;
    uint64_t certified_height;
    struct span blobs[SAMPLE_BLOBS_MAX];
    uint32_t blob_count;
    struct hash last_leaf, submitted;
};

void sample_open(struct sample *s);
void sample_close(struct sample *s);

/* Another slot is decided, with an entry of the log; every eighth certifies. */
void sample_step(struct sample *s);

#endif
