/* platform score explain: from a weight on the chain, line by line, to the leaves
 * of the log behind it. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/client.h"
#include "cmd/onchain.h"
#include "epoch/epoch.h"

enum { MEMORY_BYTES = 16 << 20, CHALLENGES_MAX = 256 };

/* The leaderboards of all active challenges, as epoch_weights wants them. */
struct explaining {
    struct client *c;
    struct arena arena;
    struct epoch_challenge *challenges;
    json_t **sources; /* the object of each, borrowed from list */
    uint32_t count;
    json_t *list;
    uint64_t shares; /* of those in which anybody scored */
};

static unsigned long long number(const json_t *o, const char *key)
{
    return client_number(o, key);
}

static json_t *leaderboard(struct client *c, const json_t *challenge)
{
    json_t *all = json_array(), *page = NULL;
    do {
        json_decref(page);
        page = client_call(c, "leaderboard_get",
                           json_pack("{s:s, s:I}", "challenge", client_text(challenge, "id"),
                                     "first", (json_int_t)json_array_size(all)));
        if (page == NULL) {
            json_decref(all);
            return NULL;
        }
        json_array_extend(all, page);
    } while (json_array_size(page) > 0);
    json_decref(page);
    return all;
}

static uint64_t score_sum(const struct epoch_challenge *c)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < c->count; i++)
        sum += c->scores[i].score; /* at most 256 x 256 x SCORE_ONE */
    return sum;
}

static bool add_challenge(struct explaining *x, json_t *challenge)
{
    json_t *leaders = leaderboard(x->c, challenge), *l;
    size_t i;
    if (leaders == NULL)
        return false;
    struct epoch_score *scores =
        arena_array(&x->arena, json_array_size(leaders) + 1, sizeof *scores);
    struct epoch_challenge *e = &x->challenges[x->count];
    bool ok = scores != NULL;
    *e = (struct epoch_challenge){(uint16_t)client_number(challenge, "share"), scores, 0};
    json_array_foreach(leaders, i, l)
    {
        uint64_t score = client_number(l, "score");
        ok = ok && score <= SCORE_ONE;
        if (ok && json_is_integer(json_object_get(l, "uid")))
            scores[e->count++] = (struct epoch_score){(uint16_t)client_number(l, "uid"), score};
    }
    json_decref(leaders);
    if (!ok) {
        x->c->code = cmd_complain(EXIT_FAILED, "the leaderboard makes no sense", x->c->rpc,
                                  "a score over 10000, or no memory for it", NULL);
        return false;
    }
    x->shares += score_sum(e) > 0 ? e->share : 0;
    x->sources[x->count++] = challenge;
    return true;
}

static bool gather(struct explaining *x)
{
    size_t i;
    json_t *o;
    if (arena_open(&x->arena, MEMORY_BYTES) != ERR_OK)
        return false;
    x->challenges = arena_array(&x->arena, CHALLENGES_MAX, sizeof *x->challenges);
    x->sources = arena_array(&x->arena, CHALLENGES_MAX, sizeof *x->sources);
    x->list = client_call(x->c, "challenge_list", NULL);
    if (x->list == NULL)
        return false;
    json_array_foreach(x->list, i, o)
    {
        if (strcmp(client_text(o, "phase"), "active") == 0 && x->count < CHALLENGES_MAX &&
            !add_challenge(x, o))
            return false;
    }
    return true;
}

/* What the present leaderboards give this uid; the decided matrix may be older. */
static uint64_t weight_now(struct explaining *x, uint16_t uid)
{
    struct weights w;
    uint64_t value = 0;
    if (x->shares == 0 || epoch_weights(x->challenges, x->count, 0, 0, &x->arena, &w) != ERR_OK)
        return 0;
    for (uint32_t i = 0; i < w.entries_count; i++)
        if (w.entries[i].uid == uid)
            value = w.entries[i].value;
    return value;
}

static const struct epoch_challenge *find(const struct explaining *x, const char *id)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (strcmp(client_text(x->sources[i], "id"), id) == 0)
            return &x->challenges[i];
    return NULL;
}

/* One challenge's share of the weight, and where it comes from. */
static void add_arithmetic(const struct explaining *x, json_t *part)
{
    const struct epoch_challenge *e = find(x, client_text(part, "challenge"));
    uint64_t sum = e == NULL ? 0 : score_sum(e), value = 0;
    uint64_t score = client_number(part, "score");
    if (sum > 0 && x->shares > 0)
        value = EPOCH_WEIGHT_SUM * (uint64_t)e->share * score / (x->shares * sum);
    json_object_set_new(part, "shares_total", json_integer((json_int_t)x->shares));
    json_object_set_new(part, "score_total", json_integer((json_int_t)sum));
    json_object_set_new(part, "value", json_integer((json_int_t)value));
}

static bool add_attests(struct client *c, json_t *part)
{
    json_t *s =
        client_call(c, "submission_get", json_pack("{s:s}", "id", client_text(part, "submission")));
    if (s == NULL)
        return false;
    json_t *final = json_object_get(s, "final");
    json_object_set(part, "final", final);
    json_object_set(part, "attests", json_object_get(s, "attests"));
    if (json_is_true(json_object_get(s, "archived")))
        json_object_set(part, "agreed", json_object_get(s, "agreed"));
    json_object_set(part, "height", json_object_get(s, "height"));
    json_decref(s);
    return true;
}

static void print_part(const json_t *part)
{
    const json_t *final = json_object_get(part, "final");
    size_t i;
    json_t *a;
    printf("\nchallenge %s (%s)\n", client_text(part, "name"), client_text(part, "challenge"));
    printf("  share       %llu of %llu, of the challenges in which anybody scored\n",
           number(part, "share"), number(part, "shares_total"));
    printf("  score       %llu of %llu, the sum of all its miners' best; rank %llu\n",
           number(part, "score"), number(part, "score_total"), number(part, "rank"));
    printf("  weight      65535 x %llu/%llu x %llu/%llu = %llu, before what rounding leaves\n",
           number(part, "share"), number(part, "shares_total"), number(part, "score"),
           number(part, "score_total"), number(part, "value"));
    printf("  submission  %s, decided at height %llu\n", client_text(part, "submission"),
           number(part, "height"));
    if (json_is_integer(json_object_get(part, "log_index")))
        printf("  log         its final result is entry %llu\n", number(part, "log_index"));
    printf("  result      %s, output %s\n", client_text(final, "outcome"),
           client_text(final, "output"));
    if (json_is_integer(json_object_get(part, "agreed")))
        printf("  attested by %llu validators, some epochs ago; the log has each of them\n",
               number(part, "agreed"));
    json_array_foreach(json_object_get(part, "attests"), i, a)
    {
        const json_t *r = json_object_get(a, "revealed");
        bool agrees = json_is_object(r) &&
                      strcmp(client_text(r, "output"), client_text(final, "output")) == 0 &&
                      number(r, "score") == number(final, "score");
        printf("  attested by %s: %s\n", client_text(a, "validator"),
               agrees              ? "the same result"
               : json_is_object(r) ? "another result"
                                   : "committed, not revealed");
    }
    printf("  check it    platform audit bundle --submission %s --out FILE\n",
           client_text(part, "submission"));
}

/* The chain scales a row so that its greatest value is 65535. */
static uint64_t as_stored(const json_t *weights, uint64_t uid)
{
    uint64_t max = 0, value = 0;
    size_t i;
    json_t *w;
    json_array_foreach(json_object_get(weights, "weights"), i, w)
    {
        max = max_u64(max, client_number(w, "value"));
        if (client_number(w, "uid") == uid)
            value = client_number(w, "value");
    }
    return max == 0 ? 0 : (value * EPOCH_WEIGHT_SUM + max / 2) / max;
}

static bool has_hotkey(const json_t *o, const char *hotkey)
{
    return strcmp(client_text(o, "hotkey"), hotkey) == 0;
}

/* For each validator: what it has on the chain for this miner, by hotkey, beside
 * what was decided. */
static json_t *compare(const json_t *chain, const json_t *weights, const json_t *o)
{
    uint64_t decided = as_stored(weights, client_number(o, "uid"));
    json_t *list = json_array(), *v, *w;
    size_t i, k;
    json_array_foreach(json_object_get(chain, "validators"), i, v)
    {
        json_t *values = json_object_get(v, "weights");
        uint64_t value = 0;
        json_array_foreach(values, k, w) if (has_hotkey(w, client_text(o, "hotkey"))) value =
            client_number(w, "value");
        bool same = value + 1 >= decided && value <= decided + 1; /* Rounding is the runtime's. */
        json_array_append_new(
            list, json_pack("{s:O, s:O, s:O, s:I, s:b, s:b}", "uid", json_object_get(v, "uid"),
                            "hotkey", json_object_get(v, "hotkey"), "last_update",
                            json_object_get(v, "last_update"), "value", (json_int_t)value,
                            "has_set", json_array_size(values) > 0, "as_decided", same));
    }
    return json_pack("{s:O, s:O, s:I, s:o}", "block", json_object_get(chain, "block"), "block_hash",
                     json_object_get(chain, "block_hash"), "decided", (json_int_t)decided,
                     "validators", list);
}

static void print_on_chain(const json_t *c)
{
    size_t i;
    json_t *v;
    printf("on the chain at finalized block %llu, read from it (greatest weight: 65535)\n",
           number(c, "block"));
    json_array_foreach(json_object_get(c, "validators"), i, v)
    {
        if (!json_is_true(json_object_get(v, "has_set")))
            printf("  validator uid %llu has set no weights\n", number(v, "uid"));
        else
            printf("  validator uid %llu gives it %llu, set at block %llu: %s\n", number(v, "uid"),
                   number(v, "value"), number(v, "last_update"),
                   json_is_true(json_object_get(v, "as_decided")) ? "as decided"
                                                                  : "not what was decided last");
    }
}

static void print_all(const json_t *o)
{
    if (json_is_object(json_object_get(o, "on_chain")))
        print_on_chain(json_object_get(o, "on_chain"));
    const json_t *weight = json_object_get(o, "weight"), *chain = json_object_get(o, "chain");
    size_t i;
    json_t *part;
    printf("hotkey      %s\nuid         %llu\n", client_text(o, "hotkey"), number(o, "uid"));
    if (json_is_object(weight))
        printf("weight      %llu of %llu, decided for epoch %llu\n", number(weight, "value"),
               number(weight, "total"), number(weight, "epoch"));
    else
        printf("weight      none is decided yet\n");
    if (json_is_object(chain))
        printf("chain       %s, block %llu (this node's submission)\n",
               client_text(chain, "outcome"), number(chain, "block"));
    json_array_foreach(json_object_get(o, "challenges"), i, part) print_part(part);
    uint64_t now = client_number(o, "weight_now");
    printf("\nwith the results as they are now: %llu%s\n", (unsigned long long)now,
           !json_is_object(weight)                 ? ""
           : now == client_number(weight, "value") ? ", which is what was decided"
                                                   : ": they changed after the decided cut-off");
}

static bool fill(struct explaining *x, json_t *o, const json_t *chain)
{
    size_t i;
    json_t *part;
    if (!gather(x))
        return false;
    json_array_foreach(json_object_get(o, "challenges"), i, part)
    {
        add_arithmetic(x, part);
        if (!add_attests(x->c, part))
            return false;
    }
    json_object_set_new(o, "weight_now",
                        json_integer((json_int_t)weight_now(x, (uint16_t)client_number(o, "uid"))));
    json_t *weights = client_ask(x->c, "weights_get", NULL);
    json_object_set(o, "chain", weights == NULL ? json_null() : json_object_get(weights, "chain"));
    if (chain != NULL)
        json_object_set_new(o, "on_chain", compare(chain, weights, o));
    json_decref(weights);
    return true;
}

static int explain(struct explaining *x, const json_t *chain)
{
    struct client *c = x->c;
    json_t *o = client_call(c, "score_explain", json_pack("{s:s}", "hotkey", c->words[1]));
    bool ok = o != NULL && fill(x, o, chain);
    if (ok && !c->json)
        print_all(o);
    json_decref(x->list);
    arena_close(&x->arena);
    if (ok && c->json)
        return client_print(o);
    json_decref(o);
    return ok ? EXIT_DONE : c->code;
}

int cmd_score(int argc, char **argv)
{
    static const char usage[] =
        "usage: platform score explain HOTKEY [--chain URL [--netuid N]]\n"
        "\n"
        "From a miner's weight to the submissions and log entries behind it.  --chain: begins\n"
        "with the weight that every validator has on the chain, read there.\n";
    const char *url = NULL, *netuid_text = "2";
    const struct client_option options[] = {{"--chain", &url, NULL},
                                            {"--netuid", &netuid_text, NULL}};
    struct client c;
    uint16_t netuid;
    json_t *chain = NULL;
    if (!client_open(&c, usage, options, COUNT_OF(options), 2, 2, argc, argv))
        return c.code;
    if (strcmp(c.words[0], "explain") != 0)
        return cmd_usage(usage);
    if (!client_is_address(&c, c.words[1]))
        return c.code;
    if (!onchain_netuid(netuid_text, &netuid, &c.code))
        return c.code;
    if (url != NULL) {
        chain = onchain_read(url, netuid, c.timeout_ms, &c.code);
        if (chain == NULL)
            return c.code;
    }
    struct explaining x = {.c = &c};
    c.code = EXIT_FAILED;
    int code = explain(&x, chain);
    json_decref(chain);
    return code;
}
