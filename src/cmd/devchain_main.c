#include "cmd/devchain_main.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "cmd/complain.h"
#include "cmd/devchain_server.h"
#include "codec/hex.h"

enum { ARENA_SIZE = 64 << 20, PORT_DEFAULT = 9944, BLOCK_MS_DEFAULT = 1000 };

struct program {
    struct devchain_config config;
    uint64_t port, block_ms;
    uv_loop_t loop;
    uv_timer_t blocks;
    uv_signal_t signals[2];
    struct arena arena;
    struct devchain chain;
    struct devserver *server;
    FILE *mistakes;
    int status;
};

static const char usage[] =
    "usage: platform devchain --dir DIR [options]\n"
    "A development chain: Substrate JSON-RPC on ws://127.0.0.1:PORT, one subnet.\n"
    "  --dir DIR             where blocks and state are kept (made when missing)\n"
    "  --port N              9944; 0 takes a free one\n"
    "  --block-ms N          time between blocks, 1000; 0: only by dev_newBlock\n"
    "  --finality-lag N      blocks between the head and the finalized one, 2\n"
    "The genesis, fixed when DIR is new:\n"
    "  --genesis FILE        storage pairs as JSON {\"netuid\": N, \"pairs\": [[KEY, VALUE]]}\n"
    "or a subnet of keys //validator/N, //miner/N and the owner //owner:\n"
    "  --netuid N            2\n"
    "  --tempo N             blocks between epochs, 20\n"
    "  --validators N        with permit and stake, 4\n"
    "  --miners N            8\n"
    "  --stake TAO           of each validator, 10000\n"
    "  --stake-threshold RAO least stake that may set weights, 0\n"
    "  --rate-limit N        blocks between two weight settings, 0\n"
    "  --version-key N       least version key of weights, 0\n"
    "  --commit-reveal       weights must be committed, then revealed\n"
    "  --json                says that it serves, or why it does not, in JSON\n";

enum option_id {
    OPT_DIR = 256,
    OPT_PORT,
    OPT_BLOCK_MS,
    OPT_LAG,
    OPT_GENESIS,
    OPT_NETUID,
    OPT_TEMPO,
    OPT_VALIDATORS,
    OPT_MINERS,
    OPT_STAKE,
    OPT_THRESHOLD,
    OPT_RATE_LIMIT,
    OPT_VERSION_KEY,
    OPT_COMMIT_REVEAL,
    OPT_JSON,
    OPT_HELP,
};

static const struct option options[] = {
    {"dir", required_argument, NULL, OPT_DIR},
    {"port", required_argument, NULL, OPT_PORT},
    {"block-ms", required_argument, NULL, OPT_BLOCK_MS},
    {"finality-lag", required_argument, NULL, OPT_LAG},
    {"genesis", required_argument, NULL, OPT_GENESIS},
    {"netuid", required_argument, NULL, OPT_NETUID},
    {"tempo", required_argument, NULL, OPT_TEMPO},
    {"validators", required_argument, NULL, OPT_VALIDATORS},
    {"miners", required_argument, NULL, OPT_MINERS},
    {"stake", required_argument, NULL, OPT_STAKE},
    {"stake-threshold", required_argument, NULL, OPT_THRESHOLD},
    {"rate-limit", required_argument, NULL, OPT_RATE_LIMIT},
    {"version-key", required_argument, NULL, OPT_VERSION_KEY},
    {"commit-reveal", no_argument, NULL, OPT_COMMIT_REVEAL},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* A whole number in its range; says what is wrong otherwise. */
static bool take_number(struct program *p, const char *name, uint64_t least, uint64_t most,
                        uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long x = strtoull(optarg, &end, 10);
    if (errno != 0 || *optarg < '0' || *optarg > '9' || *end != '\0' || x < least || x > most) {
        fprintf(p->mistakes, "--%s %s: a number from %llu to %llu is expected\n", name, optarg,
                (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *out = x;
    return true;
}

static bool take_option(struct program *p, int id, const char *name)
{
    struct devchain_config *c = &p->config;
    uint64_t x = 0;
    bool good = true;
    switch ((enum option_id)id) {
    case OPT_DIR:
        c->dir = optarg;
        break;
    case OPT_GENESIS:
        c->genesis = optarg;
        break;
    case OPT_COMMIT_REVEAL:
        c->commit_reveal = true;
        break;
    case OPT_PORT:
        good = take_number(p, name, 0, 65535, &p->port);
        break;
    case OPT_BLOCK_MS:
        good = take_number(p, name, 0, 600000, &p->block_ms);
        break;
    case OPT_LAG:
        good = take_number(p, name, 0, 1000, &x);
        c->finality_lag = (uint32_t)x;
        break;
    case OPT_NETUID:
        good = take_number(p, name, 1, 4095, &x);
        c->netuid = (uint16_t)x;
        break;
    case OPT_TEMPO:
        good = take_number(p, name, 1, 65534, &x);
        c->tempo = (uint16_t)x;
        break;
    case OPT_VALIDATORS:
        good = take_number(p, name, 1, 64, &x);
        c->validators = (uint32_t)x;
        break;
    case OPT_MINERS:
        good = take_number(p, name, 0, 192, &x);
        c->miners = (uint32_t)x;
        break;
    case OPT_STAKE:
        good = take_number(p, name, 0, 21000000, &c->stake_tao);
        break;
    case OPT_THRESHOLD:
        good = take_number(p, name, 0, UINT64_MAX, &c->stake_threshold);
        break;
    case OPT_RATE_LIMIT:
        good = take_number(p, name, 0, UINT64_MAX, &c->rate_limit);
        break;
    case OPT_VERSION_KEY:
        good = take_number(p, name, 0, UINT64_MAX, &c->version_key);
        break;
    case OPT_JSON:
    case OPT_HELP:
        break;
    }
    return good && id != '?';
}

/* Every bad value is reported, not only the first. */
static bool parse_all(struct program *p, int argc, char **argv)
{
    bool good = true;
    int id, index = 0;
    optind = 1;
    opterr = 0;
    while ((id = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (id == OPT_HELP) {
            p->status = EXIT_DONE;
            return false;
        }
        if (id == '?')
            fprintf(p->mistakes, "%s: no such option, or it needs a value\n", argv[optind - 1]);
        good = take_option(p, id, id == '?' ? "" : options[index].name) && good;
    }
    if (optind != argc)
        fprintf(p->mistakes, "%s: what is this?\n", argv[optind]);
    if (p->config.dir == NULL)
        fputs("--dir is missing\n", p->mistakes);
    return good && optind == argc && p->config.dir != NULL;
}

static bool parse(struct program *p, int argc, char **argv)
{
    char *text = NULL;
    size_t size = 0;
    p->mistakes = open_memstream(&text, &size);
    assert(p->mistakes != NULL);
    bool good = parse_all(p, argc, argv);
    fclose(p->mistakes);
    if (!good && p->status == EXIT_DONE)
        cmd_help(usage);
    else if (!good)
        p->status = cmd_complain_lines(EXIT_USAGE, "the development chain was not started", NULL,
                                       text, "`platform devchain --help` lists every option");
    free(text);
    return good;
}

static void on_time(uv_timer_t *timer)
{
    struct program *p = timer->data;
    enum err e = devserver_seal(p->server);
    if (e == ERR_OK)
        return;
    fprintf(stderr, "devchain: no block could be made: %s\n", err_text(e));
    p->status = 1;
    uv_stop(&p->loop);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    uv_stop(signal->loop);
}

static int run_loop(struct program *p)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        uv_signal_init(&p->loop, &p->signals[i]);
        uv_signal_start(&p->signals[i], on_signal, numbers[i]);
    }
    uv_timer_init(&p->loop, &p->blocks);
    p->blocks.data = p;
    if (p->block_ms != 0)
        uv_timer_start(&p->blocks, on_time, p->block_ms, p->block_ms);
    char genesis[2 * HASH_SIZE + 1];
    hex_encode(hash_span(&p->chain.genesis), genesis, sizeof genesis);
    printf(cmd_json() ? "{\"url\":\"ws://127.0.0.1:%u\",\"genesis\":\"0x%s\",\"netuid\":%u,"
                        "\"block\":%llu}\n"
                      : "devchain ready url=ws://127.0.0.1:%u genesis=0x%s netuid=%u block=%llu\n",
           devserver_port(p->server), genesis, p->chain.config.netuid,
           (unsigned long long)p->chain.head);
    fflush(stdout);
    p->status = 0;
    uv_run(&p->loop, UV_RUN_DEFAULT);
    devserver_close(p->server);
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        uv_close((uv_handle_t *)&p->signals[i], NULL);
    uv_close((uv_handle_t *)&p->blocks, NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT); /* libwebsockets closes its handles here. */
    devserver_close(p->server);
    return p->status;
}

static int run(struct program *p)
{
    char where[64];
    const char *dir = p->config.dir;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return cmd_complain(EXIT_FAILED, "the folder cannot be made", dir, strerror(errno),
                            "name one in a folder that is there, with --dir");
    enum err e = devchain_open(&p->chain, &p->config);
    if (e == ERR_FOREIGN)
        return cmd_complain(EXIT_FAILED, "the folder holds another chain", dir,
                            "it was made with other genesis options",
                            "give the same options, or use a new folder");
    if (e != ERR_OK)
        return cmd_complain(EXIT_FAILED, "the chain cannot be opened", dir, err_text(e),
                            "is another devchain running on this folder?");
    e = arena_open(&p->arena, ARENA_SIZE);
    if (e == ERR_OK)
        e = devserver_open(&p->server, &p->arena, &p->loop, &p->chain, (uint16_t)p->port);
    snprintf(where, sizeof where, "127.0.0.1:%llu", (unsigned long long)p->port);
    int status = e == ERR_OK
                     ? run_loop(p)
                     : cmd_complain(EXIT_FAILED, "nothing can be served there", where, err_text(e),
                                    "the port may be taken: choose another "
                                    "with --port, or a free one with 0");
    arena_close(&p->arena);
    devchain_close(&p->chain);
    return status;
}

int cmd_devchain(int argc, char **argv)
{
    struct program p = {.port = PORT_DEFAULT, .block_ms = BLOCK_MS_DEFAULT, .status = 2};
    devchain_config_default(&p.config);
    if (!parse(&p, argc, argv))
        return p.status;
    if (uv_loop_init(&p.loop) != 0)
        return 1;
    int status = run(&p);
    uv_loop_close(&p.loop);
    return status;
}
