/* platform devnet: up, down, status, logs, and single nodes. */
#include "cmd/devnet.h"

#include <errno.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd_settings.h"
#include "cmd/platform.h"
#include "os/files.h"

enum { PATH_SIZE = DEVNET_PATH_MAX + 64, CHAIN_READY_MS = 20000, POLL_MS = 100 };

static const struct setting table[] = {
    {"dir", SETTING_TEXT, "devnet", 0, 0, NULL, "folder of the network"},
    {"nodes", SETTING_NUMBER, "4", 1, DEVNET_NODES_MAX, NULL, "validators of a new network"},
    {"port_base", SETTING_NUMBER, "0", 0, 65000, NULL,
     "first of 2 * nodes + 1 ports; 0: free ones"},
    {"block_ms", SETTING_NUMBER, "500", 50, 60000, NULL, "time between blocks of a new chain"},
    {"tempo", SETTING_NUMBER, "40", 5, 65534, NULL, "blocks between its epochs"},
    {"commit_reveal", SETTING_BOOL, "false", 0, 0, NULL,
     "weights of a new network are committed, then revealed"},
    {"wait_s", SETTING_NUMBER, "90", 1, 3600, NULL, "how long up waits until all are ready"},
    {"follow", SETTING_BOOL, "false", 0, 0, NULL, "logs: go on with what is added"},
    {"json", SETTING_BOOL, "false", 0, 0, NULL, "answer in JSON"},
};

static const char usage[] =
    "usage: platform devnet up      start the network in --dir, made when it is new\n"
    "       platform devnet down    end its processes\n"
    "       platform devnet status  where each node stands\n"
    "       platform devnet logs [I|chain]\n"
    "       platform devnet start|stop|kill I|chain\n"
    "\n"
    "platformd takes its other settings from the environment, for example\n"
    "PLATFORM_VIEW_TIMEOUT_MS=500 (platformd --help lists them).  Options, as --name VALUE:\n\n";

struct command {
    struct settings settings;
    struct devnet net;
    const char *target; /* NULL: none was named */
    int index;          /* of the target */
};

static int complain_missing(const struct devnet *d)
{
    return cmd_complain(EXIT_FAILED, "there is no network", d->dir, NULL,
                        "make one: platform devnet up --dir DIR");
}

/* --- up */

static bool ports_are_free(const struct devnet *d)
{
    for (uint32_t i = 0; i <= 2 * d->nodes; i++)
        if (!process_port_is_free((uint16_t)(d->port_base + i)))
            return false;
    return true;
}

static bool choose_ports(struct devnet *d)
{
    enum { FIRST = 7800, LAST = 30000, STEP = 50 };
    static_assert(2 * DEVNET_NODES_MAX + 1 <= STEP);
    if (d->port_base != 0) {
        if (!ports_are_free(d))
            cmd_complain(EXIT_FAILED, "a port is taken", "--port-base", strerror(errno),
                         "choose another, or leave it out");
        return ports_are_free(d);
    }
    for (d->port_base = FIRST; d->port_base < LAST; d->port_base += STEP) {
        /* Between this look and the programs' own another devnet may look, too. */
        char claim[64];
        snprintf(claim, sizeof claim, "platform-devnet-%u", d->port_base);
        if (ports_are_free(d) && process_claim(claim) && ports_are_free(d))
            return true;
    }
    cmd_complain(EXIT_FAILED, "no ports are free", NULL, NULL, "give --port-base");
    return false;
}

static bool chain_listens(const struct devnet *d)
{
    uint64_t deadline = os_now_ms() + CHAIN_READY_MS;
    for (;;) {
        struct process p = devnet_process(d, DEVNET_CHAIN);
        if (!process_runs(&p) || os_now_ms() >= deadline) {
            char log[PATH_SIZE];
            devnet_path(d, "chain.log", log);
            cmd_complain(EXIT_FAILED, "the development chain did not start", log, NULL,
                         "read this file");
            return false;
        }
        if (!process_port_is_free((uint16_t)devnet_chain_port(d)))
            return true;
        process_pause(POLL_MS);
    }
}

static bool prepare(struct devnet *d, bool *is_new)
{
    char ignored[PATH_SIZE];
    enum err e = devnet_load(d);
    *is_new = e == ERR_NOT_FOUND;
    if (e == ERR_MALFORMED) {
        devnet_path(d, "devnet.ini", ignored);
        cmd_complain(EXIT_FAILED, "this file is damaged", ignored, NULL, "use another --dir");
        return false;
    }
    if (e == ERR_OK)
        return true;
    if (!choose_ports(d))
        return false;
    e = devnet_make_keys(d);
    if (e != ERR_OK)
        cmd_complain(EXIT_FAILED, "the folder cannot be filled", d->dir, strerror(errno), NULL);
    return e == ERR_OK;
}

static bool wait_ready(const struct devnet *d, uint64_t wait_ms)
{
    uint64_t deadline = os_now_ms() + wait_ms;
    struct devnet_status s;
    for (uint32_t i = 0; i < d->nodes;) {
        char log[PATH_SIZE], name[32];
        struct process p = devnet_process(d, (int)i);
        devnet_ask(d, i, &s);
        if (s.ready) {
            i++;
            continue;
        }
        if (process_runs(&p) && os_now_ms() < deadline) {
            process_pause(POLL_MS);
            continue;
        }
        snprintf(name, sizeof name, "node%u.log", i);
        devnet_path(d, name, log);
        cmd_complain(EXIT_NOT_READY,
                     process_runs(&p) ? "a node is not ready in time" : "a node has ended", log,
                     s.reasons, "read this file");
        return false;
    }
    return true;
}

static json_t *addresses(const struct devnet *d)
{
    char text[128];
    json_t *nodes = json_array();
    for (uint32_t i = 0; i < d->nodes; i++) {
        json_t *node = json_object();
        snprintf(text, sizeof text, "http://127.0.0.1:%u", devnet_rpc_port(d, i));
        json_object_set_new(node, "rpc", json_string(text));
        snprintf(text, sizeof text, "/ip4/127.0.0.1/tcp/%u", devnet_peer_port(d, i));
        json_object_set_new(node, "listen", json_string(text));
        json_array_append_new(nodes, node);
    }
    snprintf(text, sizeof text, "ws://127.0.0.1:%u", devnet_chain_port(d));
    return json_pack("{s:s, s:s, s:o}", "dir", d->dir, "chain", text, "nodes", nodes);
}

static void print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(value);
}

static void print_addresses(const struct devnet *d)
{
    if (d->json) {
        print_json(addresses(d));
        return;
    }
    printf("chain      ws://127.0.0.1:%u\n", devnet_chain_port(d));
    for (uint32_t i = 0; i < d->nodes; i++)
        printf("node %u     http://127.0.0.1:%u/   peers /ip4/127.0.0.1/tcp/%u\n", i,
               devnet_rpc_port(d, i), devnet_peer_port(d, i));
    printf("folder     %s\n", d->dir);
}

static bool end_all(struct devnet *d);

static bool start_all(struct devnet *d, bool is_new)
{
    if (!devnet_start(d, DEVNET_CHAIN, false) || !chain_listens(d))
        return false;
    /* From here on the folder is a network: what was started can be ended. */
    if (is_new && (!devnet_make_genesis(d) || devnet_save(d) != ERR_OK))
        return false;
    for (uint32_t i = 0; i < d->nodes; i++)
        if (!devnet_start(d, (int)i, is_new))
            return false;
    return true;
}

static int up(struct command *c)
{
    struct devnet *d = &c->net;
    bool is_new;
    if (!prepare(d, &is_new))
        return EXIT_FAILED;
    if (start_all(d, is_new) && wait_ready(d, 1000 * settings_number(&c->settings, "wait_s"))) {
        print_addresses(d);
        return EXIT_DONE;
    }
    end_all(d);
    return EXIT_FAILED;
}

/* --- down, status, logs */

/* The one document of a command that otherwise says nothing. */
static int done(const struct devnet *d, const char *what, const char *target)
{
    if (d->json)
        print_json(json_pack("{s:s, s:s, s:s?}", "dir", d->dir, "done", what, "target", target));
    return EXIT_DONE;
}

static bool end_all(struct devnet *d)
{
    bool gone = true;
    for (uint32_t i = 0; i < d->nodes; i++)
        gone = devnet_stop(d, (int)i, false) && gone;
    return devnet_stop(d, DEVNET_CHAIN, false) && gone;
}

static int down(struct command *c)
{
    struct devnet *d = &c->net;
    if (!end_all(d))
        return cmd_complain(EXIT_FAILED, "a process did not end", d->dir,
                            "it did not answer a signal",
                            "`platform devnet status` shows which; end it by its number");
    return done(d, "down", NULL);
}

static json_t *status_of(const struct devnet_status *s, int pid)
{
    return json_pack("{s:i, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:s}", "pid", pid, "answers",
                     s->answers, "ready", s->ready, "voting", s->voting, "height",
                     (json_int_t)s->height, "epoch", (json_int_t)s->epoch, "view",
                     (json_int_t)s->view, "peers", (json_int_t)s->peers, "chain_block",
                     (json_int_t)s->chain_block, "reasons", s->reasons);
}

static void print_row(uint32_t index, const struct devnet_status *s, int pid)
{
    char pid_text[16] = "-";
    if (pid != 0)
        snprintf(pid_text, sizeof pid_text, "%d", pid);
    if (!s->answers)
        printf("node %-3u %-8s %s\n", index, pid_text, s->reasons);
    else
        printf("node %-3u %-8s %7llu %6llu %5llu %-6s %5llu  %s\n", index, pid_text,
               (unsigned long long)s->height, (unsigned long long)s->epoch,
               (unsigned long long)s->view, s->voting ? "yes" : "no", (unsigned long long)s->peers,
               s->ready ? "ready" : s->reasons);
}

static int status(struct command *c)
{
    struct devnet *d = &c->net;
    bool all = true;
    json_t *nodes = json_array();
    struct process p = devnet_process(d, DEVNET_CHAIN);
    int chain_pid = process_runs(&p) ? p.pid : 0;
    if (!d->json)
        printf("%-8s %-8s %7s %6s %5s %-6s %5s  %s\n", "", "process", "height", "epoch", "view",
               "votes", "peers", "ready");
    for (uint32_t i = 0; i < d->nodes; i++) {
        struct devnet_status s;
        p = devnet_process(d, (int)i);
        int pid = process_runs(&p) ? p.pid : 0;
        devnet_ask(d, i, &s);
        all = all && s.ready;
        if (d->json)
            json_array_append_new(nodes, status_of(&s, pid));
        else
            print_row(i, &s, pid);
    }
    if (d->json)
        print_json(json_pack("{s:i, s:O}", "chain_pid", chain_pid, "nodes", nodes));
    else
        printf("chain    %s\n", chain_pid != 0 ? "runs" : "is down");
    json_decref(nodes);
    return all && chain_pid != 0 ? EXIT_DONE : EXIT_NOT_READY;
}

/* The last lines of one log; files of processes that never ran are empty. */
static json_t *last_lines(const char *path)
{
    enum { TAIL_BYTES = 8192, TAIL_LINES = 20 };
    char text[TAIL_BYTES + 1];
    json_t *list = json_array();
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return list;
    if (fseek(f, -TAIL_BYTES, SEEK_END) != 0)
        rewind(f);
    text[fread(text, 1, TAIL_BYTES, f)] = '\0';
    fclose(f);
    for (char *save, *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        json_array_append_new(list, json_string(line));
        if (json_array_size(list) > TAIL_LINES)
            json_array_remove(list, 0);
    }
    return list;
}

static int logs_json(struct command *c)
{
    char path[PATH_SIZE], name[32];
    json_t *list = json_array();
    if (settings_bool(&c->settings, "follow")) {
        json_decref(list);
        return cmd_complain(EXIT_USAGE, "--json gives one document", "--follow", NULL,
                            "leave one of them out");
    }
    for (int i = DEVNET_CHAIN; i < (int)c->net.nodes; i++) {
        if (c->target != NULL && i != c->index)
            continue;
        snprintf(name, sizeof name, i == DEVNET_CHAIN ? "chain.log" : "node%d.log", i);
        devnet_path(&c->net, name, path);
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", name, "path", path,
                                              "lines", last_lines(path)));
    }
    print_json(list);
    return EXIT_DONE;
}

static int logs(struct command *c)
{
    if (c->net.json)
        return logs_json(c);
    char paths[DEVNET_NODES_MAX + 1][PATH_SIZE];
    char *argv[DEVNET_NODES_MAX + 6] = {"tail", "-n", "20"};
    size_t count = 3;
    char name[32];
    if (settings_bool(&c->settings, "follow"))
        argv[count++] = "-F";
    for (int i = DEVNET_CHAIN; i < (int)c->net.nodes; i++) {
        if (c->target != NULL && i != c->index)
            continue;
        snprintf(name, sizeof name, i == DEVNET_CHAIN ? "chain.log" : "node%d.log", i);
        devnet_path(&c->net, name, paths[i + 1]);
        argv[count++] = paths[i + 1];
    }
    execvp(argv[0], argv);
    return cmd_complain(EXIT_FAILED, "tail cannot be run", NULL, strerror(errno), NULL);
}

/* --- single nodes */

static int start_one(struct command *c)
{
    return devnet_start(&c->net, c->index, false) ? done(&c->net, "start", c->target) : EXIT_FAILED;
}

static int end_one(struct command *c, bool hard)
{
    if (devnet_stop(&c->net, c->index, hard))
        return done(&c->net, hard ? "kill" : "stop", c->target);
    return cmd_complain(EXIT_FAILED, "the process did not end", c->target,
                        "it did not answer a signal", "`platform devnet status` shows its number");
}

static int stop_one(struct command *c)
{
    return end_one(c, false);
}

static int kill_one(struct command *c)
{
    return end_one(c, true);
}

/* --- the command line */

static const struct verb {
    const char *name;
    int (*run)(struct command *c);
    enum { TARGET_NONE, TARGET_OPTIONAL, TARGET_NEEDED } target;
    bool makes; /* the network need not be there */
} verbs[] = {
    {"up", up, TARGET_NONE, true},
    {"down", down, TARGET_NONE, false},
    {"status", status, TARGET_NONE, false},
    {"logs", logs, TARGET_OPTIONAL, false},
    {"start", start_one, TARGET_NEEDED, false},
    {"stop", stop_one, TARGET_NEEDED, false},
    {"kill", kill_one, TARGET_NEEDED, false},
};

static bool place(struct devnet *d, const char *dir)
{
    char self[PATH_MAX], path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0 || folder_make(dir) != ERR_OK || realpath(dir, path) == NULL ||
        strlen(path) >= DEVNET_PATH_MAX || n >= DEVNET_PATH_MAX) {
        cmd_complain(EXIT_FAILED, "the folder cannot be used", dir, strerror(errno), NULL);
        return false;
    }
    self[n] = '\0';
    snprintf(d->dir, sizeof d->dir, "%.*s", DEVNET_PATH_MAX - 1, path);
    snprintf(d->programs, sizeof d->programs, "%.*s", DEVNET_PATH_MAX - 1, dirname(self));
    return true;
}

static bool take_target(struct command *c)
{
    char *end;
    if (strcmp(c->target, "chain") == 0) {
        c->index = DEVNET_CHAIN;
        return true;
    }
    unsigned long x = strtoul(c->target, &end, 10);
    c->index = (int)x;
    if (*c->target >= '0' && *c->target <= '9' && *end == '\0' && x < c->net.nodes)
        return true;
    cmd_complain(EXIT_USAGE, "there is no such node", c->target, NULL,
                 "name its number (from 0 on), or chain");
    return false;
}

static int run(struct command *c, const struct verb *v)
{
    struct devnet *d = &c->net;
    d->nodes = (uint32_t)settings_number(&c->settings, "nodes");
    d->port_base = (uint32_t)settings_number(&c->settings, "port_base");
    d->block_ms = (uint32_t)settings_number(&c->settings, "block_ms");
    d->tempo = (uint32_t)settings_number(&c->settings, "tempo");
    d->commit_reveal = settings_bool(&c->settings, "commit_reveal");
    d->json = settings_bool(&c->settings, "json");
    const char *dir = settings_text(&c->settings, "dir");
    if (!v->makes && access(dir, F_OK) != 0) {
        snprintf(d->dir, sizeof d->dir, "%s", dir);
        return complain_missing(d);
    }
    if (!place(d, dir))
        return EXIT_FAILED;
    if (!v->makes && devnet_load(d) != ERR_OK)
        return complain_missing(d);
    if (c->target != NULL && !take_target(c))
        return EXIT_USAGE;
    return v->run(c);
}

static int help(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    assert(to != NULL);
    fputs(usage, to);
    settings_print(to, table, COUNT_OF(table));
    fclose(to);
    int code = cmd_help(text);
    free(text);
    return code;
}

int cmd_devnet(int argc, char **argv)
{
    const struct verb *v = NULL;
    for (size_t i = 0; argc >= 2 && i < COUNT_OF(verbs); i++)
        if (strcmp(argv[1], verbs[i].name) == 0)
            v = &verbs[i];
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0)
            return help();
    if (v == NULL)
        return cmd_usage(usage);
    struct command c = {0};
    int used = 1, code;
    if (v->target != TARGET_NONE && argc >= 3 && strncmp(argv[2], "--", 2) != 0)
        c.target = argv[++used];
    if (v->target == TARGET_NEEDED && c.target == NULL)
        return cmd_complain(EXIT_USAGE, "which node?", v->name, NULL,
                            "name its number (from 0 on), or chain");
    if (!cmd_settings(&c.settings, table, COUNT_OF(table), argc - used, argv + used, &code))
        return code;
    code = run(&c, v);
    settings_free(&c.settings);
    return code;
}
