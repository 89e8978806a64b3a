/* platform status, validators, leaderboard, weights: what a node sees. */
#include <stdio.h>

#include "cmd/client.h"
#include "cmd/onchain.h"

static unsigned long long number(const json_t *o, const char *key)
{
    return client_number(o, key);
}

static const char *yes_no(const json_t *o, const char *key)
{
    return json_is_true(json_object_get(o, key)) ? "yes" : "no";
}

static void print_status(const json_t *s)
{
    const json_t *chain = json_object_get(s, "chain");
    size_t i;
    json_t *reason;
    const char *hotkey = client_text(s, "hotkey");
    printf("version     %s\n", client_text(s, "version"));
    printf("network     %s\n", client_text(s, "network"));
    printf("hotkey      %s\n", *hotkey != 0 ? hotkey : "(an observer)");
    printf("ready       %s\n", yes_no(s, "ready"));
    json_array_foreach(json_object_get(s, "reasons"), i, reason)
        printf("  %s: %s\n", client_text(reason, "name"), client_text(reason, "text"));
    printf("height      %llu (checkpoint %llu)\n", number(s, "height"), number(s, "stable"));
    printf("view        %llu in epoch %llu\n", number(s, "view"), number(s, "epoch"));
    printf("voting      %s, quorum %s\n", yes_no(s, "voting"), yes_no(s, "quorum"));
    printf("peers       %llu\n", number(s, "peers"));
    printf("pending     %llu operations\n", number(s, "pending"));
    printf("log         %llu entries, root %s\n", number(s, "log_size"),
           client_text(s, "log_root"));
    printf("evidence    %llu\n", number(s, "evidence"));
    printf("chain       block %llu, seen %llu ms ago\n", number(chain, "block"),
           number(chain, "age_ms"));
}

int cmd_status(int argc, char **argv)
{
    static const char usage[] =
        "usage: platform status   where the node stands; exit code 4: it is not ready\n";
    struct client c;
    if (!client_open(&c, usage, NULL, 0, 0, 0, argc, argv))
        return c.code;
    json_t *s = client_call(&c, "node_status", NULL);
    if (s == NULL)
        return c.code;
    int code = json_is_true(json_object_get(s, "ready")) ? EXIT_DONE : EXIT_NOT_READY;
    if (c.json) {
        client_print(s);
        return code;
    }
    print_status(s);
    json_decref(s);
    return code;
}

int cmd_validators(int argc, char **argv)
{
    static const char usage[] = "usage: platform validators   the set of this epoch\n";
    struct client c;
    size_t i;
    json_t *v;
    if (!client_open(&c, usage, NULL, 0, 0, 0, argc, argv))
        return c.code;
    json_t *list = client_call(&c, "validator_list", NULL);
    if (list == NULL)
        return c.code;
    if (c.json)
        return client_print(list);
    printf("epoch %llu, read at chain block %llu; quorum: %llu of %llu rao and %llu validators\n",
           number(list, "epoch"), number(list, "chain_block"), number(list, "stake_quorum"),
           number(list, "stake_total"), number(list, "count_quorum"));
    json_array_foreach(json_object_get(list, "validators"), i, v)
    {
        printf("%s uid %llu stake %llu%s%s%s\n", client_text(v, "hotkey"), number(v, "uid"),
               number(v, "stake"),
               json_is_true(json_object_get(v, "connected")) ? "" : " not connected",
               json_is_true(json_object_get(v, "leader")) ? " leader" : "",
               json_is_true(json_object_get(v, "self")) ? " (this node)" : "");
    }
    json_decref(list);
    return EXIT_DONE;
}

int cmd_leaderboard(int argc, char **argv)
{
    static const char usage[] = "usage: platform leaderboard CHALLENGE   miners, best first\n";
    struct client c;
    size_t i;
    json_t *l;
    if (!client_open(&c, usage, NULL, 0, 1, 1, argc, argv))
        return c.code;
    json_t *challenge = client_challenge(&c, c.words[0]);
    if (challenge == NULL)
        return c.code;
    json_t *list = client_call(&c, "leaderboard_get",
                               json_pack("{s:O}", "challenge", json_object_get(challenge, "id")));
    json_decref(challenge);
    if (list == NULL)
        return c.code;
    if (c.json)
        return client_print(list);
    json_array_foreach(list, i, l)
    {
        printf("%4llu %s score %5llu submission %s\n", number(l, "rank"), client_text(l, "miner"),
               number(l, "score"), client_text(l, "submission"));
    }
    json_decref(list);
    return EXIT_DONE;
}

static void print_fate(const json_t *chain)
{
    const char *outcome = client_text(chain, "outcome");
    if (!json_is_object(chain))
        printf("on the chain: not by this node\n");
    else if (strcmp(outcome, "confirmed") == 0)
        printf("on the chain: confirmed, read back at block %llu\n", number(chain, "block"));
    else if (strcmp(outcome, "waiting") == 0)
        printf("on the chain: waiting; it takes weights of this validator from block %llu on\n",
               number(chain, "allowed_at"));
    else
        printf("on the chain: %s; the chain is in its epoch %llu\n", outcome,
               number(chain, "chain_epoch"));
}

static void print_commit(const json_t *commit)
{
    printf("commit of epoch %llu: %s", number(commit, "epoch"), client_text(commit, "phase"));
    if (json_object_get(commit, "reveal_epoch") != NULL)
        printf(" in the chain's epoch %llu, to be revealed in %llu", number(commit, "commit_epoch"),
               number(commit, "reveal_epoch"));
    putchar('\n');
}

static int weights_on_chain(struct client *c, const char *url, const char *netuid_text)
{
    uint16_t netuid;
    size_t i, k;
    json_t *v, *w;
    if (!onchain_netuid(netuid_text, &netuid, &c->code))
        return c->code;
    json_t *o = onchain_read(url, netuid, c->timeout_ms, &c->code);
    if (o == NULL)
        return c->code;
    if (c->json)
        return client_print(o);
    printf("chain %s, subnet %llu at finalized block %llu, epoch %llu%s\n", url,
           number(o, "netuid"), number(o, "block"), number(o, "epoch"),
           json_is_true(json_object_get(o, "commit_reveal")) ? ", commit and reveal" : "");
    json_array_foreach(json_object_get(o, "validators"), i, v)
    {
        const json_t *list = json_object_get(v, "weights");
        printf("validator uid %llu %s, last update at block %llu%s\n", number(v, "uid"),
               client_text(v, "hotkey"), number(v, "last_update"),
               json_array_size(list) == 0 ? ": no weights" : "");
        json_array_foreach(list, k, w)
            printf("  uid %llu weight %llu of 65535 at most  %s\n", number(w, "uid"),
                   number(w, "value"), client_text(w, "hotkey"));
    }
    json_decref(o);
    return EXIT_DONE;
}

int cmd_weights(int argc, char **argv)
{
    static const char usage[] =
        "usage: platform weights [--epoch N]   the decided matrix, by default the newest, and\n"
        "                                      what became of this node's on the chain\n"
        "       platform weights --chain URL [--netuid N]\n"
        "                                      what every validator has on the chain, read\n"
        "                                      there and from no node (default subnet: 2)\n";
    const char *epoch = NULL, *chain_url = NULL, *netuid = "2";
    const struct client_option options[] = {
        {"--epoch", &epoch, NULL}, {"--chain", &chain_url, NULL}, {"--netuid", &netuid, NULL}};
    struct client c;
    size_t i;
    json_t *w;
    if (!client_open(&c, usage, options, COUNT_OF(options), 0, 0, argc, argv))
        return c.code;
    if (chain_url != NULL)
        return weights_on_chain(&c, chain_url, netuid);
    json_t *params = json_object();
    if (epoch != NULL) {
        /* The words of an object that is only read again: the text as a number. */
        json_t *n = json_loads(epoch, JSON_DECODE_ANY, NULL);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return cmd_complain(EXIT_USAGE, "not an epoch", epoch, NULL,
                                "a whole number, for example 3");
        json_object_set_new(params, "epoch", n);
    }
    json_t *o = client_call(&c, "weights_get", params);
    if (o == NULL)
        return c.code;
    if (c.json)
        return client_print(o);
    const json_t *chain = json_object_get(o, "chain");
    printf("epoch %llu\n", number(o, "epoch"));
    json_array_foreach(json_object_get(o, "weights"), i, w)
        printf("uid %llu weight %llu of 65535\n", number(w, "uid"), number(w, "value"));
    print_fate(chain);
    json_array_foreach(json_object_get(o, "commits"), i, w) print_commit(w);
    json_decref(o);
    return EXIT_DONE;
}
