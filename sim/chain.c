#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "cmd/devchain_rpc.h"
#include "cmd/devchain_state.h"
#include "crypto/sr25519.h"
#include "epoch/epoch.h"

struct sim_chain {
    struct sim *sim;
    struct devchain chain;
    struct devrpc rpc;
    struct arena memory;
    char dir[128];
    uint64_t next_session;
    enum chain_mood mood;
    bool lying;                   /* about the genesis, in this answer */
    uint64_t lied[SIM_NODES_MAX]; /* the session that a node was lied to in */
};

struct sr25519_keypair *chain_key(const char *role, uint32_t n)
{
    char uri[64];
    struct sr25519_keypair *k = NULL;
    snprintf(uri, sizeof uri, n == UINT32_MAX ? "//%s" : "//%s/%u", role, n);
    enum err e = sr25519_from_uri(span_of(uri, strlen(uri)), &k);
    assert(e == ERR_OK);
    return k;
}

/* What the chain says to a session reaches the node a little later. */
static void on_send(void *ctx, uint64_t session, struct span text)
{
    struct sim_chain *c = ctx;
    struct sim *s = c->sim;
    if (c->mood == CHAIN_SILENT || c->mood == CHAIN_GONE)
        return;
    size_t mark = arena_mark(&s->scratch);
    struct span copy = arena_copy(&s->scratch, text);
    uint8_t *digits = memmem(copy.ptr, copy.len, "\"0x", 3);
    if (c->mood == CHAIN_GARBLED && copy.len > 0)
        copy.len -= 1 + prng_below(&s->prng, copy.len);
    if (c->lying && digits != NULL)
        digits[3] = digits[3] == '0' ? '1' : '0';
    s->result->chain_lies += c->mood == CHAIN_GARBLED || c->lying;
    for (uint32_t i = 0; i < s->count; i++)
        if (s->nodes[i].session == session) {
            sim_at(s, 300,
                   (struct sim_event){.kind = EV_CHAIN_TEXT, .node = i, .life = s->nodes[i].life},
                   copy);
            c->lied[i] = c->lying ? session : c->lied[i];
        }
    arena_reset(&s->scratch, mark);
}

/* The set and the registered of the first epoch, as `platform genesis` would
 * read them from the chain. */
static void make_genesis(struct sim *s)
{
    enum { MINERS = 8 };
    struct epoch_neuron neurons[SIM_NODES_MAX + MINERS] = {0};
    struct arena arena = {0};
    enum err e = arena_open(&arena, 1 << 20);
    assert(e == ERR_OK);
    for (uint32_t i = 0; i < s->count + MINERS; i++) {
        struct sr25519_keypair *k = i < s->count ? NULL : chain_key("miner", i - s->count);
        neurons[i].hotkey = k == NULL ? s->nodes[i].key : *sr25519_public(k);
        neurons[i].uid = (uint16_t)i;
        neurons[i].permit = i < s->count;
        neurons[i].stake.rao = i < s->count ? 10000ull * 1000000000 : 0;
        sr25519_close(k);
    }
    struct sr25519_keypair *owner = chain_key("owner", UINT32_MAX);
    struct genesis g = {
        .chain_genesis = s->chain->chain.genesis,
        .netuid = 2,
        .valset = {.chain_hash = s->chain->chain.genesis, .owner = *sr25519_public(owner)}};
    sr25519_close(owner);
    struct stake least = {1000000000};
    e = epoch_members(neurons, s->count + MINERS, least, &arena, &g.valset.members,
                      &g.valset.members_count);
    assert(e == ERR_OK);
    e = epoch_registered(neurons, s->count + MINERS, &arena, &g.neurons, &g.neurons_count);
    assert(e == ERR_OK);
    uint8_t *bytes = malloc(GENESIS_SIZE_MAX);
    assert(bytes != NULL);
    s->genesis = genesis_encode(&g, (struct room){bytes, GENESIS_SIZE_MAX});
    s->network = ledger_network_id(&g);
    arena_close(&arena);
}

bool chain_begin(struct sim *s)
{
    struct sim_chain *c = calloc(1, sizeof *c);
    struct devchain_config config;
    assert(c != NULL);
    s->chain = c;
    c->sim = s;
    devchain_config_default(&config);
    snprintf(c->dir, sizeof c->dir, "%s/platform-sim-XXXXXX", s->config.scratch_dir);
    if (mkdtemp(c->dir) == NULL)
        return false;
    config.dir = c->dir;
    config.volatile_store = true;
    config.tempo = 20;
    config.validators = s->count;
    config.miners = 8;
    config.commit_reveal = s->config.seed % 4 == 1;
    enum err e = arena_open(&c->memory, 32 << 20);
    if (e == ERR_OK)
        e = devchain_open(&c->chain, &config);
    if (e == ERR_OK)
        e = devrpc_init(&c->rpc, &c->chain, &c->memory, on_send, c);
    if (e != ERR_OK)
        return false;
    make_genesis(s);
    sim_at(s, s->config.block_ms * 1000, (struct sim_event){.kind = EV_BLOCK}, (struct span){0});
    return true;
}

void chain_event(struct sim *s, const struct sim_event *ev)
{
    struct sim_chain *c = s->chain;
    uint64_t now_ms = s->now_us / 1000;
    if (ev->kind == EV_BLOCK) {
        enum err e = devrpc_seal(&c->rpc, now_ms);
        if (e != ERR_OK)
            sim_fail(s, "the development chain cannot make a block: %s", err_name(e));
        sim_at(s, s->config.block_ms * 1000, (struct sim_event){.kind = EV_BLOCK},
               (struct span){0});
        return;
    }
    const struct sim_node *m = &s->nodes[ev->node];
    if (m->life != ev->life || m->session != ev->number || c->mood == CHAIN_SILENT)
        return;
    if (c->lied[m->index] == ev->number)
        sim_fail(s, "node %u goes on talking to a chain of another genesis", m->index);
    static const char genesis[] = "\"chain_getBlockHash\",\"params\":[0]";
    c->lying = c->mood == CHAIN_FOREIGN &&
               memmem(ev->bytes.ptr, ev->bytes.len, genesis, sizeof genesis - 1) != NULL;
    devrpc_on_text(&c->rpc, ev->number, ev->bytes, now_ms);
    c->lying = false;
}

static void tell_down(struct sim_node *m, enum chain_why why, uint64_t after_ms)
{
    sim_at(
        m->sim, after_ms,
        (struct sim_event){.kind = EV_CHAIN_DOWN, .node = m->index, .life = m->life, .number = why},
        (struct span){0});
}

void chain_dial(struct sim_node *m)
{
    chain_hang_up(m);
    if (m->sim->chain->mood == CHAIN_GONE) {
        tell_down(m, CHAIN_WHY_UNREACHABLE, 1000);
        return;
    }
    m->session = ++m->sim->chain->next_session;
    sim_at(m->sim, 1000, (struct sim_event){.kind = EV_CHAIN_UP, .node = m->index, .life = m->life},
           (struct span){0});
}

void chain_hang_up(struct sim_node *m)
{
    if (m->session != 0)
        devrpc_on_close(&m->sim->chain->rpc, m->session);
    m->session = 0;
}

/* One that is gone, or is another chain, has hung up first. */
void chain_be(struct sim *s, enum chain_mood mood)
{
    bool ends = mood == CHAIN_GONE || mood == CHAIN_FOREIGN;
    s->chain->mood = mood;
    for (uint32_t i = 0; ends && i < s->count; i++) {
        struct sim_node *m = &s->nodes[i];
        if (m->session == 0)
            continue;
        chain_hang_up(m);
        tell_down(m, CHAIN_WHY_CLOSED, 300);
    }
}

uint64_t chain_final(const struct sim *s)
{
    return devchain_finalized(&s->chain->chain);
}

static struct span row_at(struct sim *s, uint64_t block, const struct row *row)
{
    struct sim_chain *c = s->chain;
    arena_reset(&c->chain.scratch, 0);
    enum err e = devdb_begin(&c->chain.db, false);
    assert(e == ERR_OK);
    c->chain.at = block;
    struct span value = dev_read(&c->chain, row);
    devdb_abort(&c->chain.db);
    return value;
}

struct span chain_weights(struct sim *s, uint64_t block, uint16_t uid)
{
    struct row row = row_u16_u16("Weights", s->chain->chain.config.netuid, uid);
    return row_at(s, block, &row);
}

struct span chain_commitment(struct sim *s, uint64_t block, const struct hotkey *key)
{
    struct row row =
        row_in("Commitments", row_u16_account("CommitmentOf", s->chain->chain.config.netuid, key));
    return row_at(s, block, &row);
}

void chain_end(struct sim *s)
{
    struct sim_chain *c = s->chain;
    char path[160];
    if (c == NULL)
        return;
    devchain_close(&c->chain);
    arena_close(&c->memory);
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", c->dir, files[i]);
        unlink(path);
    }
    rmdir(c->dir);
    sim_drop(&s->genesis);
    free(c);
}
