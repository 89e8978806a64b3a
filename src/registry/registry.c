#include "registry/registry.h"

#include "crypto/hash.h"

struct hash registry_challenge_id(const struct op_challenge_register *body, struct arena *scratch)
{
    size_t mark = arena_mark(scratch);
    struct room room = {arena_alloc(scratch, OPERATION_SIZE_MAX), OPERATION_SIZE_MAX};
    assert(room.ptr != NULL);
    struct span bytes = op_challenge_register_encode(body, room);
    assert(bytes.ptr != NULL);
    struct hash id = hash_tagged("PLTFCHAL", bytes);
    arena_reset(scratch, mark);
    return id;
}

struct hash registry_policy_hash(const struct policy *p)
{
    uint8_t bytes[POLICY_SIZE_MAX];
    return hash_tagged("PLTFPOLI", policy_encode(p, (struct room){bytes, sizeof bytes}));
}

static bool within(uint64_t x, uint64_t max)
{
    return x >= 1 && x <= max;
}

static bool policy_ok(const struct policy *p)
{
    const uint32_t known = POLICY_HOST_LOG | POLICY_HOST_TIME | POLICY_HOST_SEED |
                           POLICY_HOST_CONSENSUS | POLICY_HOST_STORAGE;
    return p->gas >= 1 && within(p->wall_ms, REGISTRY_WALL_MS_MAX) &&
           within(p->memory_pages, REGISTRY_MEMORY_PAGES_MAX) && p->stack_bytes >= 1 &&
           within(p->input_bytes, REGISTRY_INPUT_SIZE_MAX) &&
           within(p->output_bytes, REGISTRY_INPUT_SIZE_MAX) && (p->host_functions & ~known) == 0 &&
           within(p->reveal_after, REGISTRY_REVEAL_AFTER_MAX);
}

bool registry_body_ok(const struct op_challenge_register *body)
{
    return body->name.len > 0 && within(body->share, REGISTRY_SHARE_ONE) &&
           within(body->module_size, REGISTRY_MODULE_SIZE_MAX) && policy_ok(&body->policy);
}

void registry_register(const struct op_challenge_register *body, const struct hash *id,
                       const struct hotkey *owner, uint64_t slot, uint64_t epoch,
                       struct state_challenge *out)
{
    *out = (struct state_challenge){.id = *id,
                                    .owner = *owner,
                                    .height = slot,
                                    .epoch = epoch,
                                    .phase = CHALLENGE_PHASE_REGISTERED,
                                    .body = *body};
}

enum reject registry_approve(struct state_challenge *c, const struct hotkey *validator,
                             struct arena *arena)
{
    if (c->phase != CHALLENGE_PHASE_REGISTERED)
        return REJECT_CHALLENGE_STATE;
    uint32_t at = 0;
    while (at < c->approvals_count &&
           memcmp(c->approvals[at].bytes, validator->bytes, HOTKEY_SIZE) < 0)
        at++;
    if (at < c->approvals_count && hotkey_equal(&c->approvals[at], validator))
        return REJECT_DUPLICATE;
    if (c->approvals_count >= VALIDATORS_MAX)
        return REJECT_LIMIT;
    struct hotkey *longer = arena_array(arena, c->approvals_count + 1, sizeof *longer);
    if (longer == NULL)
        return REJECT_LIMIT;
    for (uint32_t i = 0; i < c->approvals_count; i++)
        longer[i < at ? i : i + 1] = c->approvals[i];
    longer[at] = *validator;
    c->approvals = longer;
    c->approvals_count++;
    return REJECT_NONE;
}

/* Both lists ascend. */
void registry_approvals(const struct state_challenge *c, const struct valset *set,
                        uint8_t bits[BFT_BITMAP_SIZE])
{
    memset(bits, 0, BFT_BITMAP_SIZE);
    uint32_t a = 0;
    for (uint32_t i = 0; i < set->members_count; i++) {
        const uint8_t *key = set->members[i].hotkey.bytes;
        while (a < c->approvals_count && memcmp(c->approvals[a].bytes, key, HOTKEY_SIZE) < 0)
            a++;
        if (a < c->approvals_count && memcmp(c->approvals[a].bytes, key, HOTKEY_SIZE) == 0)
            bits[i / 8] |= (uint8_t)(1u << (i % 8));
    }
}

bool registry_settle(struct state_challenge *c, bool quorum, uint64_t epoch)
{
    if (c->phase != CHALLENGE_PHASE_REGISTERED || !quorum)
        return false;
    c->phase = CHALLENGE_PHASE_APPROVED;
    c->epoch = epoch;
    return true;
}

enum reject registry_activate(struct state_challenge *c, uint64_t height, uint64_t slot,
                              uint64_t epoch)
{
    if (c->phase != CHALLENGE_PHASE_APPROVED)
        return REJECT_CHALLENGE_STATE;
    c->phase = CHALLENGE_PHASE_ACTIVE;
    c->height = max_u64(height, slot + 1);
    c->epoch = epoch;
    return REJECT_NONE;
}

enum reject registry_retire(struct state_challenge *c, uint64_t slot, uint64_t epoch)
{
    if (c->phase == CHALLENGE_PHASE_RETIRED)
        return REJECT_CHALLENGE_STATE;
    c->phase = CHALLENGE_PHASE_RETIRED;
    c->height = slot;
    c->epoch = epoch;
    return REJECT_NONE;
}

bool registry_is_open(const struct state_challenge *c, uint64_t slot)
{
    return c->phase == CHALLENGE_PHASE_ACTIVE && slot >= c->height;
}
