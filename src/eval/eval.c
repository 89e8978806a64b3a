#include "eval/eval.h"

#include "codec/hex.h"
#include "crypto/hash.h"
#include "epoch/epoch.h"
#include "registry/registry.h"

static struct hash seed_of(const struct state_submission *s)
{
    uint8_t bytes[HASH_SIZE + 16];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_raw(&w, hash_span(&s->id));
    wr_u64(&w, s->epoch);
    wr_u64(&w, s->slot);
    return hash_tagged("PLTFSEED", wr_done(&w));
}

/* id_text: 2 x HASH_SIZE digits and a NUL. */
static struct sandbox_context context_of(const struct state_challenge *c,
                                         const struct state_submission *s,
                                         char id_text[2 * HASH_SIZE + 1])
{
    hex_encode(hash_span(&c->id), id_text, 2 * HASH_SIZE + 1);
    return (struct sandbox_context){
        .epoch = s->epoch,
        .height = s->slot,
        .time_ms = s->slot > UINT64_MAX / EVAL_SLOT_MS ? UINT64_MAX : s->slot * EVAL_SLOT_MS,
        .seed = seed_of(s),
        .submissions = 1,
        .challenge = span_of(id_text, 2 * HASH_SIZE),
    };
}

enum err eval_job(const struct state_challenge *challenge,
                  const struct state_submission *submission, struct span module, struct span blob,
                  uint64_t token, struct arena *scratch, struct sandbox_job *out)
{
    char *id_text = arena_alloc(scratch, 2 * HASH_SIZE + 1);
    if (id_text == NULL)
        return ERR_NO_MEMORY;
    *out = (struct sandbox_job){
        .token = token,
        .module_id = challenge->body.module,
        .module = module,
        .policy = challenge->body.policy,
        .function = SANDBOX_FUNCTION_EVALUATE,
        .input = blob,
        .params = challenge->body.params,
        .context = context_of(challenge, submission, id_text),
        .storage = challenge->body.storage,
        .storage_count = challenge->body.storage_count,
    };
    return ERR_OK;
}

static struct hash input_hash(const struct state_challenge *c, const struct state_submission *s)
{
    char id_text[2 * HASH_SIZE + 1];
    uint8_t bytes[3 * HASH_SIZE + 4 + 4096 + SANDBOX_CONTEXT_SIZE_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    struct sandbox_context context = context_of(c, s, id_text);
    wr_raw(&w, hash_span(&c->id));
    wr_raw(&w, hash_span(&s->id));
    wr_raw(&w, hash_span(&s->blob));
    wr_bytes(&w, c->body.params);
    sandbox_context_write(&w, &context);
    struct span all = wr_done(&w);
    assert(all.ptr != NULL);
    return hash_tagged("PLTFINPT", all);
}

static struct hash output_hash(const struct sandbox_result *r)
{
    uint8_t head[5], size[4];
    struct wr w = wr_init((struct room){head, sizeof head});
    wr_u8(&w, (uint8_t)r->outcome);
    wr_u32(&w, (uint32_t)r->message.len);
    struct wr v = wr_init((struct room){size, sizeof size});
    wr_u32(&v, (uint32_t)r->output.len);
    struct hasher h;
    hasher_open(&h, "PLTFOUTP");
    hasher_add(&h, wr_done(&w));
    hasher_add(&h, r->message);
    hasher_add(&h, wr_done(&v));
    hasher_add(&h, r->output);
    return hasher_close(&h);
}

enum err eval_attest(const struct state_challenge *challenge,
                     const struct state_submission *submission, const struct sandbox_result *result,
                     const struct hash *engine, struct span blob, struct attestation *out)
{
    if (result->outcome == OUTCOME_INFRA)
        return ERR_UNSUPPORTED;
    struct hash name = hash_blake2b(blob);
    bool ok = result->outcome == OUTCOME_OK;
    if (!hash_equal(&name, &submission->blob) || (ok && result->score > SCORE_ONE))
        return ERR_MALFORMED;
    *out = (struct attestation){
        .submission = submission->id,
        .module = challenge->body.module,
        .policy = eval_policy_hash(&challenge->body.policy),
        .engine = *engine,
        .input = input_hash(challenge, submission),
        .transcript = result->transcript,
        .output = output_hash(result),
        .score = ok ? result->score : 0,
        .gas = result->gas,
        .outcome = result->outcome,
    };
    return ERR_OK;
}

struct hash eval_policy_hash(const struct policy *p)
{
    return registry_policy_hash(p);
}

struct hash eval_commitment(const struct attestation *a, const uint8_t salt[32],
                            const struct hotkey *validator)
{
    return epoch_commitment(a, salt, validator);
}
