#include "audit/audit.h"
#include "crypto/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 8 << 20 };

/* Every outside check says yes, so that the fuzzer gets behind them all; what is
 * left is the verifier's own memory safety and that nothing is called twice with
 * less than it was promised. */
static enum err accept(void *ctx, const struct bft_cert *cert, const struct valset *set,
                       const struct hash *network)
{
    (void)ctx;
    (void)network;
    return cert->signatures_count <= set->members_count ? ERR_OK : ERR_MALFORMED;
}

static struct hash network_id(const struct genesis *g)
{
    (void)g;
    return (struct hash){0};
}

static struct hash valset_hash(const struct valset *set)
{
    (void)set;
    return (struct hash){0};
}

static struct hash aux_hash(const struct bft_checkpoint_aux *aux)
{
    (void)aux;
    return (struct hash){0};
}

static struct hash op_id(struct span op)
{
    (void)op;
    return (struct hash){0};
}

static struct hash challenge_id(const struct op_challenge_register *body, struct arena *scratch)
{
    (void)body;
    assert(arena_alloc(scratch, OPERATION_SIZE_MAX) != NULL);
    return (struct hash){0};
}

static enum err rescore(void *ctx, const struct op_challenge_register *challenge,
                        const struct op_submission *submission, const struct audit_final *claimed,
                        uint64_t slot, uint64_t epoch, struct span module, struct span input)
{
    (void)ctx;
    (void)claimed;
    (void)slot;
    (void)epoch;
    assert(module.len == challenge->module_size && input.len == submission->size);
    return ERR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct audit_checks checks = {NULL,     accept, network_id,   valset_hash,
                                        aux_hash, op_id,  challenge_id, rescore};
    struct valset_member members[3] = {{.stake = 1}, {.stake = 2}, {.stake = 3}};
    struct genesis genesis = {.valset = {.members_count = 3, .members = members}};
    struct audit_report report;
    struct arena arena;
    assert(arena_open(&arena, MEMORY) == ERR_OK);
    enum err e = audit_bundle_verify(span_of(data, size), &genesis, &checks, &arena, &report);
    assert((e == ERR_OK) == (report.failed == NULL));
    arena_close(&arena);
    return 0;
}
