#include "bft/cluster_test.h"

#include <stdio.h>

#include "crypto/hash.h"
#include "crypto/sr25519.h"

enum { WORLD_SIZE = 512 << 20 };

/* ---- start and end ------------------------------------------------------- */

static void make_set(struct cluster *c, uint32_t epoch)
{
    const struct cluster_config *g = &c->config;
    uint32_t people = g->nodes - g->twins;
    struct valset_member *m = c->members[epoch];
    for (uint32_t i = 0; i < g->members; i++) {
        uint32_t node = (i + epoch) % people;
        m[i] = (struct valset_member){
            c->nodes[node].key, g->stakes[node] != 0 ? g->stakes[node] : 1000, (uint16_t)node};
        for (uint32_t k = i;
             k > 0 && span_compare(hotkey_span(&m[k].hotkey), hotkey_span(&m[k - 1].hotkey)) < 0;
             k--) {
            struct valset_member t = m[k];
            m[k] = m[k - 1];
            m[k - 1] = t;
        }
    }
    struct valset v = {.epoch = epoch,
                       .chain_block = 1000 + 1000 * epoch,
                       .members = m,
                       .members_count = g->members};
    v.chain_hash.bytes[0] = (uint8_t)(epoch * 7 + g->seed);
    if (bft_set_init(&c->sets[epoch], &v) != ERR_OK)
        cluster_fail(c, 0, "bft_set_init");
    c->epochs = epoch + 1;
}

static bool verify_real(void *ctx, const struct hotkey *key, struct span message,
                        const struct signature *signature)
{
    (void)ctx;
    return sr25519_verify(key, message, signature);
}

static void make_key(struct cluster *c, uint32_t node, const struct hash *seed)
{
    struct node *n = &c->nodes[node];
    memcpy(n->key.bytes, seed->bytes, HASH_SIZE);
    if (!c->config.real)
        return;
    if (sr25519_from_seed(hash_span(seed), &n->pair) != ERR_OK)
        cluster_fail(c, node, "no key");
    n->key = *sr25519_public(n->pair);
}

static void begin(struct cluster *c)
{
    const struct cluster_config *g = &c->config;
    struct prng p;
    prng_init(&p, g->seed);
    c->net = prng_split(&p, 1);
    c->faults = prng_split(&p, 2);
    c->work = prng_split(&p, 3);
    c->verifier = (struct verifier){g->real ? verify_real : cluster_verify, NULL};
    c->network = hash_tagged("TESTNETW", span_of(&g->seed, sizeof g->seed));
    for (uint32_t i = 0; i < g->nodes; i++) {
        uint32_t key = i >= g->nodes - g->twins ? i - (g->nodes - g->twins) : i;
        struct hash k = hash_tagged("TESTKEYS", span_of(&key, sizeof key));
        make_key(c, i, &k);
    }
    for (uint32_t e = 0; e < EPOCHS_MAX; e++)
        make_set(c, e);
    for (uint32_t i = 0; i < g->nodes; i++) {
        c->nodes[i].wake_us = c->nodes[i].flush_us = UINT64_MAX;
        cluster_restart(c, i);
    }
}

void cluster_open(struct cluster *c, const struct cluster_config *config)
{
    *c = (struct cluster){.config = *config};
    if (arena_open(&c->world, (size_t)WORLD_SIZE) != ERR_OK)
        cluster_fail(c, 0, "no memory");
    c->nodes = arena_array(&c->world, NODES_MAX, sizeof *c->nodes);
    c->queue = arena_array(&c->world, QUEUE_MAX, sizeof *c->queue);
    c->votes = arena_array(&c->world, VOTES_MAX, sizeof *c->votes);
    c->fx = arena_raw(&c->world, sizeof *c->fx);
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        c->nodes[i].undo = arena_array(&c->world, 1, sizeof *c->nodes[i].undo);
        if (arena_open(&c->nodes[i].arena, bft_arena_size()) != ERR_OK)
            cluster_fail(c, i, "no memory");
    }
    c->mark = arena_mark(&c->world);
    begin(c);
}

void cluster_reopen(struct cluster *c, const struct cluster_config *config)
{
    struct cluster old = *c;
    arena_reset(&old.world, old.mark);
    *c = (struct cluster){.config = *config,
                          .world = old.world,
                          .nodes = old.nodes,
                          .queue = old.queue,
                          .votes = old.votes,
                          .fx = old.fx,
                          .mark = old.mark};
    memset(c->votes, 0, VOTES_MAX * sizeof *c->votes);
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        struct arena arena = c->nodes[i].arena;
        struct undo *undo = c->nodes[i].undo;
        sr25519_close(c->nodes[i].pair);
        c->nodes[i] = (struct node){.arena = arena, .undo = undo};
    }
    begin(c);
}

void cluster_close(struct cluster *c)
{
    for (uint32_t i = 0; i < NODES_MAX; i++) {
        arena_close(&c->nodes[i].arena);
        sr25519_close(c->nodes[i].pair);
    }
    arena_close(&c->world);
}

/* ---- what a debugger reads ---------------------------------------------- */

void cluster_tell_message(struct cluster *c, uint32_t from, uint32_t to, struct span bytes)
{
    static const char *const names[] = {"?",        "vote",       "propose", "view_change",
                                        "new_view", "status",     "fetch",   "payload",
                                        "decided",  "checkpoint", "cert"};
    size_t mark = arena_mark(&c->world);
    struct bft_message m;
    if (bft_message_decode(bytes, &c->world, &m) == ERR_OK) {
        fprintf(stderr, "%8llu %u -> %d %s", (unsigned long long)c->now_us, from,
                to == BFT_ALL ? -1 : (int)to, names[m.tag]);
        if (m.tag == BFT_MESSAGE_VOTE)
            fprintf(stderr, " %s view %llu seq %llu %02x%02x", bft_type_name(m.vote.statement.type),
                    (unsigned long long)m.vote.statement.view,
                    (unsigned long long)m.vote.statement.seq, m.vote.statement.digest.bytes[0],
                    m.vote.statement.digest.bytes[1]);
        if (m.tag == BFT_MESSAGE_STATUS)
            fprintf(stderr, " epoch %llu view %llu/%llu executed %llu stable %llu",
                    (unsigned long long)m.status.epoch, (unsigned long long)m.status.view,
                    (unsigned long long)m.status.pending_view,
                    (unsigned long long)m.status.executed, (unsigned long long)m.status.stable);
        if (m.tag == BFT_MESSAGE_FETCH)
            fprintf(stderr, " seq %llu", (unsigned long long)m.fetch.seq);
        fprintf(stderr, "\n");
    }
    arena_reset(&c->world, mark);
}

void cluster_tell_trace(struct cluster *c, uint32_t node)
{
    struct trace *t = bft_trace(c->nodes[node].core);
    for (uint32_t i = 0; c->config.verbose && i < t->count; i++) {
        fprintf(stderr, "%8llu %u: %s", (unsigned long long)c->now_us, node, t->events[i].name);
        for (uint32_t k = 0; k < t->events[i].field_count; k++) {
            const struct trace_field *f = &t->events[i].fields[k];
            if (f->kind == TRACE_WORD)
                fprintf(stderr, " %s=%s", f->key, f->word);
            else
                fprintf(stderr, " %s=%llu", f->key, (unsigned long long)f->number);
        }
        fprintf(stderr, "\n");
    }
    t->count = 0;
}
