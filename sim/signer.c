/* Simulated keys: a signature is a hash over key and message, made and checked
 * in a microsecond, so that thousands of virtual seconds fit into one.  What
 * bounds a Byzantine node is that it signs only by its own key (byzantine.c).
 *
 * The guard is the rule of src/signer: one statement a place, kept through
 * crashes; written again here, so that it also checks the core's promise. */
#include "sim.h"

#include <stdlib.h>

#include "chain/extrinsic.h"
#include "check.h"
#include "codec/wr.h"
#include "crypto/hash.h"
#include "crypto/sr25519.h"
#include "signer_msg.h"

enum { GUARD_BUCKETS = 1024 };

void sim_sign(const struct hotkey *key, struct span message, struct signature *out)
{
    struct hasher h;
    hasher_open(&h, "PLTFSIMS");
    hasher_add(&h, hotkey_span(key));
    hasher_add(&h, message);
    struct hash half = hasher_close(&h);
    memcpy(out->bytes, half.bytes, HASH_SIZE);
    memcpy(out->bytes + HASH_SIZE, half.bytes, HASH_SIZE);
}

bool sim_verify(void *ctx, const struct hotkey *key, struct span message,
                const struct signature *signature)
{
    (void)ctx;
    struct signature want;
    sim_sign(key, message, &want);
    return memcmp(want.bytes, signature->bytes, SIGNATURE_SIZE) == 0;
}

/* The guard: every statement signed, found by its slot. */
struct signed_one {
    struct bft_statement statement;
    uint32_t next; /* of the same bucket, + 1; 0: the last */
};

struct guard {
    uint32_t buckets[GUARD_BUCKETS]; /* the newest of each, + 1 */
    struct signed_one *all;          /* malloc'd */
    uint32_t count, room;
};

void guard_close(struct guard *g)
{
    if (g != NULL)
        free(g->all);
    free(g);
}

static bool guard_allows(struct sim_node *m, const struct bft_statement *st)
{
    struct guard *g = m->disk.guard;
    if (g == NULL)
        g = m->disk.guard = calloc(1, sizeof *g);
    assert(g != NULL);
    uint32_t *bucket = &g->buckets[(st->seq + st->view) % GUARD_BUCKETS];
    for (uint32_t at = *bucket; at != 0; at = g->all[at - 1].next) {
        const struct bft_statement *old = &g->all[at - 1].statement;
        if (old->epoch == st->epoch && old->view == st->view && old->seq == st->seq &&
            old->type == st->type)
            return hash_equal(&old->digest, &st->digest) && hash_equal(&old->aux, &st->aux);
    }
    if (g->count == g->room) {
        g->room = g->room == 0 ? 256 : 2 * g->room;
        g->all = realloc(g->all, g->room * sizeof *g->all);
        assert(g->all != NULL);
    }
    g->all[g->count++] = (struct signed_one){*st, *bucket};
    *bucket = g->count;
    return true;
}

static void sign_tagged(struct sim_node *m, const char *tag, struct span body,
                        struct signature *out)
{
    struct arena *scratch = &m->sim->scratch;
    size_t mark = arena_mark(scratch);
    uint8_t *bytes = arena_raw(scratch, 8 + body.len);
    assert(bytes != NULL);
    memcpy(bytes, tag, 8);
    memcpy(bytes + 8, body.ptr, body.len);
    sim_sign(&m->key, span_of(bytes, 8 + body.len), out);
    arena_reset(scratch, mark);
}

static void sign_binding(struct sim_node *m, const struct peer_binding *b, struct signature *out)
{
    uint8_t memory[512];
    sign_tagged(m, "PLTFBIND", peer_binding_encode(b, (struct room){memory, sizeof memory}), out);
}

static void sign_op(struct sim_node *m, const struct op_content *content, struct signature *out)
{
    struct arena *scratch = &m->sim->scratch;
    size_t size = OP_CONTENT_SIZE_MAX + 16, mark = arena_mark(scratch);
    uint8_t *memory = arena_raw(scratch, size);
    struct span bytes;
    assert(memory != NULL);
    op_signing_bytes(content, (struct room){memory, size}, &bytes);
    sim_sign(&m->key, bytes, out);
    arena_reset(scratch, mark);
}

/* The chain checks real signatures. */
static void sign_extrinsic(struct sim_node *m, const struct signer_extrinsic *x,
                           struct signature *out)
{
    uint8_t memory[65536 + 512], entropy[SR25519_ENTROPY_SIZE];
    struct wr w = wr_init((struct room){memory, sizeof memory});
    wr_raw(&w, x->call);
    wr_raw(&w, x->extra);
    wr_raw(&w, x->implicit);
    struct span message = wr_done(&w);
    struct hash digest = hash_blake2b(message);
    prng_fill(&m->prng, (struct room){entropy, sizeof entropy});
    sr25519_sign(m->pair, message.len > 256 ? hash_span(&digest) : message, entropy, out);
}

/* Its disk is full: it answers that it failed, ends, and is started again. */
static void go_down(struct sim_node *m)
{
    m->signer_is_down = true;
    m->sim->result->full_disks++;
    sim_at(m->sim, 500000 + prng_below(&m->prng, 1000000),
           (struct sim_event){.kind = EV_SIGNER_UP, .node = m->index, .life = m->life},
           (struct span){0});
}

void sim_signer_up(struct sim_node *m)
{
    m->signer_is_down = false;
    node_on_signer_up(m->node, machine_now(m));
}

void sim_signer(struct sim_node *m, struct span bytes)
{
    struct arena *scratch = &m->sim->scratch;
    struct signer_request request;
    if (m->signer_is_down)
        return;
    size_t mark = arena_mark(scratch);
    enum err e = signer_request_decode(bytes, scratch, &request);
    assert(e == ERR_OK);
    struct signer_reply reply = {.token = request.token, .verdict = SIGNER_VERDICT_SIGNED};
    switch (request.body.tag) {
    case SIGNER_REQUEST_BODY_BFT: {
        uint8_t statement[BFT_STATEMENT_SIZE];
        const struct signer_bft *b = &request.body.bft;
        checks_signs(m->sim, m, &b->statement);
        /* A vote that was signed and lost with the journal's tail was never sent;
         * the guard still stands by it. */
        if (m->guard_fails_in > 0 && --m->guard_fails_in == 0) {
            reply.verdict = SIGNER_VERDICT_FAILED;
            go_down(m);
            break;
        }
        if (!m->byzantine && !guard_allows(m, &b->statement)) {
            reply.verdict = SIGNER_VERDICT_REFUSED_CONFLICT;
            break;
        }
        bft_statement_bytes(&b->statement, &b->network, &b->valset, statement);
        sim_sign(&m->key, span_of(statement, sizeof statement), &reply.signature);
        break;
    }
    case SIGNER_REQUEST_BODY_OP:
        sign_op(m, &request.body.op.content, &reply.signature);
        break;
    case SIGNER_REQUEST_BODY_BINDING:
        sign_binding(m, &request.body.binding, &reply.signature);
        break;
    case SIGNER_REQUEST_BODY_EXTRINSIC:
        sign_extrinsic(m, &request.body.extrinsic, &reply.signature);
        break;
    }
    arena_reset(scratch, mark);
    uint8_t out[SIGNER_REPLY_SIZE_MAX];
    struct span answer = signer_reply_encode(&reply, (struct room){out, sizeof out});
    sim_at(m->sim, 60 + prng_below(&m->prng, 300) + m->slow_us,
           (struct sim_event){.kind = EV_SIGNED, .node = m->index, .life = m->life}, answer);
}
