/* The owner of a challenge and its miners, and what evaluations come to. */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "crypto/hash.h"
#include "crypto/sr25519.h"
#include "registry/registry.h"
#include "sandbox/sandbox.h"

enum { MINERS = 8, AGAIN_MS = 3000, PERIOD_MS = 250 };

struct client_op {
    struct hash id;
    struct span bytes;
    bool decided, closed;
    enum reject reject;
    uint64_t sent_ms;
    bool is_submission;
    uint32_t miner;
};

struct clients {
    struct hotkey owner, miners[MINERS];
    uint64_t nonces[1 + MINERS];
    struct client_op ops[SIM_OPS_MAX];
    uint32_t count, submitted;
    bool registered, activated;
    struct hash challenge, module;
    struct span blobs[SIM_OPS_MAX];
    struct arena scratch;
};

/* memory, alloc and evaluate, and nothing in them: enough to be approved. */
static const uint8_t tiny_module[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x0c, 0x02, 0x60, 0x01, 0x7f, 0x01, 0x7f,
    0x60, 0x02, 0x7f, 0x7f, 0x01, 0x7e, 0x03, 0x03, 0x02, 0x00, 0x01, 0x05, 0x03, 0x01, 0x00, 0x01,
    0x07, 0x1d, 0x03, 0x06, 'm',  'e',  'm',  'o',  'r',  'y',  0x02, 0x00, 0x05, 'a',  'l',  'l',
    'o',  'c',  0x00, 0x00, 0x08, 'e',  'v',  'a',  'l',  'u',  'a',  't',  'e',  0x00, 0x01, 0x0a,
    0x0b, 0x02, 0x04, 0x00, 0x41, 0x08, 0x0b, 0x04, 0x00, 0x42, 0x00, 0x0b};

/* --- evaluations */

struct span sim_evaluate(struct sim_node *m, uint64_t token, struct span bytes, struct room out)
{
    struct sim *s = m->sim;
    struct sandbox_job job;
    size_t mark = arena_mark(&s->scratch);
    enum err e = sandbox_job_decode(bytes, &s->scratch, &job);
    assert(e == ERR_OK);
    struct span answer = {0};
    if (!(s->chaos && (s->faults & SIM_INFRA) && prng_chance(&m->prng, 1, 4))) {
        bool differs = m->dissents && prng_chance(&m->prng, 2, 3);
        struct hash output = hash_tagged(differs ? "SIMDISNT" : "SIMEVALU", job.input);
        if (differs)
            log_checks_dissent(s, &output);
        struct sandbox_answer a = {
            .tag = SANDBOX_ANSWER_RESULT,
            .result = {.token = token,
                       .outcome = output.bytes[0] < 32 ? OUTCOME_TRAP : OUTCOME_OK,
                       .gas = 1000 + output.bytes[1],
                       .output = hash_span(&output),
                       .transcript = output}};
        if (a.result.outcome == OUTCOME_OK) {
            a.result.valid = true;
            a.result.score = (uint64_t)output.bytes[2] * 39;
        }
        answer = sandbox_answer_encode(&a, out);
    }
    arena_reset(&s->scratch, mark);
    return answer;
}

/* --- operations */

static struct sim_node *any_node(struct sim *s)
{
    for (uint32_t tries = 0; tries < 16; tries++) {
        struct sim_node *m = &s->nodes[prng_below(&s->prng, s->count)];
        if (m->node != NULL && !m->paused && !m->byzantine)
            return m;
    }
    return NULL;
}

static struct client_op *sign(struct sim *s, struct sim_node *m, const struct hotkey *key,
                              uint64_t *nonce, const struct op_body *body)
{
    struct clients *c = s->clients;
    assert(c->count < SIM_OPS_MAX);
    struct op op = {.content = {.network = s->network,
                                .epoch = ledger_epoch(node_ledger(m->node)),
                                .nonce = (*nonce)++,
                                .signer = *key,
                                .body = *body}};
    size_t mark = arena_mark(&c->scratch), size = 256 << 10;
    struct room room = {arena_raw(&c->scratch, size), size};
    struct span bytes;
    op_signing_bytes(&op.content, room, &bytes);
    sim_sign(key, bytes, &op.signature);
    bytes = op_encode(&op, room);
    struct client_op *o = &c->ops[c->count++];
    *o = (struct client_op){.bytes = sim_keep(bytes), .id = op_id(bytes)};
    arena_reset(&c->scratch, mark);
    return o;
}

/* An operation is good for two epochs; after that its client signs it anew. */
static void sign_again(struct sim *s, struct sim_node *m, struct client_op *o)
{
    struct clients *c = s->clients;
    struct op op;
    size_t mark = arena_mark(&c->scratch), size = 256 << 10;
    enum err e = op_decode(o->bytes, &c->scratch, &op);
    assert(e == ERR_OK);
    uint64_t *nonce = &c->nonces[0];
    for (uint32_t i = 0; i < MINERS; i++)
        if (hotkey_equal(&op.content.signer, &c->miners[i]))
            nonce = &c->nonces[1 + i];
    op.content.epoch = ledger_epoch(node_ledger(m->node));
    op.content.nonce = (*nonce)++;
    struct room room = {arena_raw(&c->scratch, size), size};
    struct span bytes;
    op_signing_bytes(&op.content, room, &bytes);
    sim_sign(&op.content.signer, bytes, &op.signature);
    struct span old = o->bytes;
    o->bytes = sim_keep(op_encode(&op, room));
    o->id = op_id(o->bytes);
    sim_drop(&old);
    arena_reset(&c->scratch, mark);
}

static void hand_in(struct sim *s, struct sim_node *m, struct client_op *o)
{
    enum reject why;
    o->sent_ms = s->now_us / 1000;
    err_ignore(
        node_submit_op(m->node, o->bytes, &why, machine_now(m))); /* Asked again until decided. */
    if (why == REJECT_WRONG_EPOCH)
        sign_again(s, m, o);
    else if (why == REJECT_REPLAYED) /* Decided so long ago that its fate is forgotten. */
        o->decided = true;
    machine_after(m);
}

/* False: its disk did not take it. */
static bool give_blob(struct sim_node *m, struct span bytes, struct hash *name)
{
    enum err e = node_put_blob(m->node, bytes, name);
    assert(e == ERR_OK || (m->sim->faults & SIM_DISK_FULL) != 0);
    return e == ERR_OK;
}

static void register_challenge(struct sim *s, struct sim_node *m)
{
    struct clients *c = s->clients;
    struct span module = span_of(tiny_module, sizeof tiny_module);
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].node != NULL && i % 2 == 0 && !give_blob(&s->nodes[i], module, &c->module))
            return;
    struct op_body body = {.tag = OP_BODY_CHALLENGE_REGISTER,
                           .challenge_register = {.name = SPAN_LITERAL("simulated"),
                                                  .version = SPAN_LITERAL("1"),
                                                  .module = c->module,
                                                  .module_size = (uint32_t)module.len,
                                                  .policy = sandbox_policy_default(),
                                                  .share = 10000}};
    c->challenge = registry_challenge_id(&body.challenge_register, &c->scratch);
    hand_in(s, m, sign(s, m, &c->owner, &c->nonces[0], &body));
    c->registered = true;
}

static bool is_phase(struct sim *s, struct sim_node *m, enum challenge_phase phase)
{
    struct state_challenge state;
    size_t mark = arena_mark(&s->clients->scratch);
    bool is = ledger_challenge(node_ledger(m->node), &s->clients->challenge, &s->clients->scratch,
                               &state) &&
              state.phase == phase;
    arena_reset(&s->clients->scratch, mark);
    return is;
}

static void activate(struct sim *s, struct sim_node *m)
{
    struct clients *c = s->clients;
    struct op_body body = {.tag = OP_BODY_CHALLENGE_ACTIVATE,
                           .challenge_activate = {.challenge = c->challenge,
                                                  .height = ledger_slot(node_ledger(m->node)) + 2}};
    hand_in(s, m, sign(s, m, &c->owner, &c->nonces[0], &body));
    c->activated = true;
}

void clients_submit(struct sim *s, struct sim_node *m, struct hash *id)
{
    struct clients *c = s->clients;
    char text[64];
    uint32_t miner = (uint32_t)prng_below(&s->prng, MINERS);
    int len = snprintf(text, sizeof text, "submission %u of miner %u", c->submitted, miner);
    struct op_body body = {.tag = OP_BODY_SUBMISSION,
                           .submission = {.challenge = c->challenge, .size = (uint32_t)len}};
    struct span blob = span_of(text, (size_t)len);
    if (!give_blob(m, blob, &body.submission.blob))
        return;
    c->blobs[c->count] = sim_keep(blob);
    struct client_op *o = sign(s, m, &c->miners[miner], &c->nonces[1 + miner], &body);
    o->is_submission = true;
    o->miner = miner;
    hand_in(s, m, o);
    *id = o->id;
    c->submitted++;
}

/* Asks every node what became of it; hands it in again while nobody knows. */
static void follow(struct sim *s, uint32_t at)
{
    struct clients *c = s->clients;
    struct client_op *o = &c->ops[at];
    uint64_t seq;
    for (uint32_t i = 0; i < s->count && !o->decided; i++)
        if (s->nodes[i].node != NULL &&
            ledger_fate(node_ledger(s->nodes[i].node), &o->id, &o->reject, &seq))
            o->decided = true;
    if (o->decided || s->now_us / 1000 < o->sent_ms + AGAIN_MS)
        return;
    struct sim_node *m = any_node(s);
    if (m == NULL)
        return;
    if (c->blobs[at].len > 0) {
        struct hash name;
        if (!give_blob(m, c->blobs[at], &name))
            return;
    }
    hand_in(s, m, o);
}

void clients_event(struct sim *s)
{
    struct clients *c = s->clients;
    sim_at(s, PERIOD_MS * 1000, (struct sim_event){.kind = EV_CLIENT}, (struct span){0});
    gap_tick(s);
    struct sim_node *m = any_node(s);
    struct hash id;
    if (m == NULL)
        return;
    arena_reset(&c->scratch, 0);
    for (uint32_t i = 0; i < c->count; i++)
        if (!c->ops[i].decided)
            follow(s, i);
    if (m->node == NULL)
        return;
    if (!c->registered && s->now_us > 1000000)
        register_challenge(s, m);
    else if (!c->activated && c->registered && is_phase(s, m, CHALLENGE_PHASE_APPROVED))
        activate(s, m);
    else if (c->activated && c->submitted < s->config.submissions &&
             is_phase(s, m, CHALLENGE_PHASE_ACTIVE) && prng_chance(&s->prng, 1, 2))
        clients_submit(s, m, &id);
}

/* Final, or given up by the ledger's own rule; the state forgets such ones after
 * some epochs, so that having been seen once is enough. */
static bool is_closed(struct sim *s, struct client_op *o)
{
    struct clients *c = s->clients;
    for (uint32_t k = 0; k < s->count && !o->closed; k++) {
        struct sim_node *m = &s->nodes[k];
        struct state_submission sub;
        if (m->node == NULL || m->byzantine)
            continue;
        size_t mark = arena_mark(&c->scratch);
        o->closed =
            ledger_submission(node_ledger(m->node), &o->id, &c->scratch, &sub) &&
            (sub.phase == SUBMISSION_PHASE_FINAL || sub.phase == SUBMISSION_PHASE_UNRESOLVED);
        arena_reset(&c->scratch, mark);
    }
    return o->closed;
}

/* Everything handed in is decided, and every submission that took effect is
 * closed. */
bool clients_satisfied(struct sim *s)
{
    struct clients *c = s->clients;
    bool all = c->submitted >= s->config.submissions;
    for (uint32_t i = 0; i < c->count; i++) {
        struct client_op *o = &c->ops[i];
        bool effective = o->is_submission && o->decided && o->reject == REJECT_NONE;
        all &= o->decided && (!effective || is_closed(s, o));
    }
    return all;
}

void clients_begin(struct sim *s)
{
    struct clients *c = calloc(1, sizeof *c);
    assert(c != NULL);
    enum err e = arena_open(&c->scratch, 8 << 20);
    assert(e == ERR_OK);
    struct sr25519_keypair *k = chain_key("owner", UINT32_MAX);
    c->owner = *sr25519_public(k);
    sr25519_close(k);
    for (uint32_t i = 0; i < MINERS; i++) {
        k = chain_key("miner", i);
        c->miners[i] = *sr25519_public(k);
        sr25519_close(k);
    }
    for (uint32_t i = 0; i <= MINERS; i++)
        c->nonces[i] = 1;
    s->clients = c;
    sim_at(s, PERIOD_MS * 1000, (struct sim_event){.kind = EV_CLIENT}, (struct span){0});
}

void clients_end(struct sim *s)
{
    struct clients *c = s->clients;
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->count; i++)
        sim_drop(&c->ops[i].bytes);
    for (uint32_t i = 0; i < SIM_OPS_MAX; i++)
        sim_drop(&c->blobs[i]);
    arena_close(&c->scratch);
    free(c);
}
