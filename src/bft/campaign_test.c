/* campaign: many random runs.  Each seed draws its own size, stakes, network,
 * disk and faults; the checkers of cluster_test.h watch every step, and after
 * healing every operation must come through.
 *
 * usage: bft_campaign_test [FIRST [COUNT [-v]]] */
#include <stdio.h>
#include <stdlib.h>

#include "bft/cluster_test.h"

enum { RUN_MS = 6000, HEAL_MS = 120000 };

struct tally {
    uint64_t runs, messages, decided, views, epochs, evidence, crashes;
};

static struct cluster_config draw(uint64_t seed, struct prng *p)
{
    struct cluster_config g = {.seed = seed, .flush_us = 500, .timeout_ms = 400, .status_ms = 150};
    static const uint32_t sizes[] = {4, 4, 4, 4, 5, 6, 7};
    g.members = sizes[prng_below(p, COUNT_OF(sizes))];
    g.nodes = g.members;
    if (prng_chance(p, 1, 3))
        g.epoch_segments = 1 + (uint32_t)prng_below(p, 3);
    if (g.epoch_segments > 0 && prng_chance(p, 1, 2))
        g.nodes++; /* one replica sits out in turn */
    if (prng_chance(p, 1, 4))
        for (uint32_t i = 0; i < g.nodes; i++)
            g.stakes[i] = 700 + prng_below(p, 500);
    if (prng_chance(p, 1, 2))
        g.loss_percent = (uint32_t)prng_below(p, 20);
    if (prng_chance(p, 1, 3))
        g.duplicate_percent = (uint32_t)prng_below(p, 30);
    g.delay_min_us = 100;
    g.delay_max_us = 500 + (uint32_t)prng_below(p, prng_chance(p, 1, 4) ? 200000 : 5000);
    if (prng_chance(p, 1, 2))
        g.crash_per_mille = 1 + (uint32_t)prng_below(p, 4);
    if (prng_chance(p, 1, 4))
        g.wait_percent = (uint32_t)prng_below(p, 60);
    g.pipeline = 1 + (uint32_t)prng_below(p, 4);
    if (prng_chance(p, 1, 3)) {
        g.twins = 1; /* within f: node 0 exists twice */
        g.byzantine = 1 | 1ull << g.nodes;
        g.nodes++;
        g.stakes[0] = g.stakes[g.nodes - 1] = 700;
    }
    return g;
}

static void trouble(struct cluster *c, struct prng *p)
{
    const struct cluster_config *g = &c->config;
    switch (prng_below(p, 5)) {
    case 0:
        for (uint32_t i = 0; i < g->nodes; i++)
            c->cut[i] = prng_next(p) & prng_next(p);
        break;
    case 1:
        cluster_isolate(c, (uint32_t)prng_below(p, g->nodes), true);
        break;
    case 2:
        memset(c->cut, 0, sizeof c->cut);
        break;
    default:
        break;
    }
}

static void run(struct cluster *c, uint64_t seed, bool verbose, struct tally *t)
{
    struct prng p;
    prng_init(&p, seed ^ UINT64_C(0x6361706e));
    struct cluster_config g = draw(seed, &p);
    g.verbose = verbose;
    if (t->runs == 0)
        cluster_open(c, &g);
    else
        cluster_reopen(c, &g);
    for (uint32_t at = 0; at < RUN_MS; at += 200) {
        if (prng_chance(&p, 1, 2))
            cluster_submit(c, 1 + (uint32_t)prng_below(&p, 12));
        if (prng_chance(&p, 1, 6))
            trouble(c, &p);
        cluster_run(c, 200);
    }
    cluster_heal(c);
    if (!cluster_run_until_done(c, HEAL_MS))
        cluster_fail(c, 0, "LIVENESS: not everything is executed after healing");
    if (!cluster_run_until_executed(c, c->decided_max, HEAL_MS))
        cluster_fail(c, 0, "LIVENESS: somebody stays behind");
    t->runs++;
    t->messages += c->messages;
    t->decided += c->decided_max;
    for (uint32_t i = 0; i < g.nodes; i++) {
        struct bft_view_info info = cluster_info(c, i);
        t->views += info.views_changed;
        t->epochs += i == 1 ? info.epoch : 0;
        t->evidence += c->nodes[i].evidence;
    }
}

int main(int argc, char **argv)
{
    static struct cluster c;
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
    struct tally t = {0};
    for (uint64_t seed = first; seed < first + count; seed++)
        run(&c, seed, argc > 3, &t);
    cluster_close(&c);
    printf("1..1\nok 1 - %llu runs, %llu messages, %llu slots, %llu views, %llu epochs, %llu "
           "evidence\n",
           (unsigned long long)t.runs, (unsigned long long)t.messages,
           (unsigned long long)t.decided, (unsigned long long)t.views, (unsigned long long)t.epochs,
           (unsigned long long)t.evidence);
    return 0;
}
