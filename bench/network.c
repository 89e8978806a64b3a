#include "network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "codec/hex.h"
#include "crypto/hash.h"

enum { ARGS_MAX = 40, PORTS = 24, RPC_AT = 8, WAIT_S = 40 };

void network_die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

uint64_t network_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- programs */

static pid_t spawn(const char *log, char *const args[])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* Nothing stays behind when we fail. */
    if (freopen(log, "a", stdout) == NULL || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        _exit(127);
    execv(args[0], args);
    _exit(127);
}

static int run(const char *log, char *const args[])
{
    int status = 1;
    waitpid(spawn(log, args), &status, 0);
    return status;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0 || chmod(path, 0600) != 0)
        network_die("cannot write into the work folder");
}

/* The first of PORTS ports nobody listens on; they are taken in a moment. */
static uint16_t free_ports(void)
{
    for (uint32_t base = 21000 + (uint32_t)getpid() % 500 * 40; base < 60000; base += PORTS) {
        uint32_t good = 0;
        for (; good < PORTS; good++) {
            struct sockaddr_in at = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)(base + good)),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
            int s = socket(AF_INET, SOCK_STREAM, 0);
            int taken = bind(s, (struct sockaddr *)&at, sizeof at);
            close(s);
            if (taken != 0)
                break;
        }
        if (good == PORTS)
            return (uint16_t)base;
    }
    network_die("no free ports");
    return 0;
}

static void start_chain(struct network *n, char *genesis)
{
    char dir[96], log[96], port[16], url[64];
    snprintf(dir, sizeof dir, "%s/chain", n->dir);
    snprintf(log, sizeof log, "%s/chain.log", n->dir);
    snprintf(port, sizeof port, "%u", n->port);
    snprintf(url, sizeof url, "ws://127.0.0.1:%u", n->port);
    char *chain[] = {PROGRAMS "/platform", "devchain", "--dir",   dir,     "--port",       port,
                     "--block-ms",         "500",      "--tempo", "20000", "--validators", "4",
                     "--miners",           "16",       NULL};
    n->chain = spawn(log, chain);
    usleep(1000000);
    char *make[] = {PROGRAMS "/platform", "genesis", "--chain", url,
                    "--netuid",           "2",       "--out",   genesis,
                    "--stake-min-tao",    "1",       NULL};
    if (run(log, make) != 0)
        network_die("no genesis; see chain.log in the work folder");
}

static void start_node(struct network *n, uint32_t i, char *genesis)
{
    char log[96], key[96], data[96], listen[64], boot[256] = "", rpc[16], url[64], uri[32];
    snprintf(log, sizeof log, "%s/node%u.log", n->dir, i);
    snprintf(key, sizeof key, "%s/key%u", n->dir, i);
    snprintf(data, sizeof data, "%s/node%u", n->dir, i);
    snprintf(uri, sizeof uri, "//validator/%u", i);
    snprintf(listen, sizeof listen, "/ip4/127.0.0.1/tcp/%u", n->port + 1 + i);
    snprintf(rpc, sizeof rpc, "%u", n->port + RPC_AT + i);
    snprintf(url, sizeof url, "ws://127.0.0.1:%u", n->port);
    for (uint32_t k = 0; k < NETWORK_NODES; k++)
        snprintf(boot + strlen(boot), sizeof boot - strlen(boot), "%s/ip4/127.0.0.1/tcp/%u",
                 k == 0 ? "" : ",", n->port + 1 + k);
    write_file(key, uri);
    struct wallet w;
    wallet_open(&w, uri);
    ss58_from_hotkey(sr25519_public(w.key), n->hotkeys[i]);
    char *args[] = {PROGRAMS "/platformd",
                    "--data-dir",
                    data,
                    "--genesis",
                    genesis,
                    "--hotkey",
                    n->hotkeys[i],
                    "--hotkey-file",
                    key,
                    "--chain",
                    url,
                    "--listen",
                    listen,
                    "--bootstrap",
                    boot,
                    "--rpc-port",
                    rpc,
                    "--stake-min-tao",
                    "1",
                    "--new-network",
                    "--view-timeout-ms",
                    "1000",
                    "--log-level",
                    "warn",
                    NULL};
    n->nodes[i] = spawn(log, args);
}

static void read_genesis(struct network *n, const char *path)
{
    static uint8_t bytes[1 << 20];
    FILE *f = fopen(path, "r");
    size_t len = f != NULL ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (len == 0)
        network_die("no genesis file");
    fclose(f);
    n->id = hash_tagged("PLTFNETW", span_of(bytes, len));
}

void network_start(struct network *n, const char *name)
{
    char genesis[96];
    *n = (struct network){.rpc = {-1, -1, -1, -1}};
    snprintf(n->dir, sizeof n->dir, "%s", name);
    char *clean[] = {"/bin/rm", "-rf", n->dir, NULL};
    run("/dev/null", clean);
    if (mkdir(n->dir, 0700) != 0)
        network_die("cannot make the work folder");
    n->port = free_ports();
    snprintf(genesis, sizeof genesis, "%s/genesis.bin", n->dir);
    start_chain(n, genesis);
    read_genesis(n, genesis);
    for (uint32_t i = 0; i < NETWORK_NODES; i++)
        start_node(n, i, genesis);
    for (uint32_t ready = 0, tries = 0; ready < NETWORK_NODES; tries++) {
        if (tries == 10 * WAIT_S)
            network_die("the nodes did not become ready; see their logs in the work folder");
        usleep(100000);
        for (ready = 0; ready < NETWORK_NODES; ready++)
            if (strstr(network_call(n, ready,
                                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"node_status\"}"),
                       "\"ready\":true") == NULL)
                break;
    }
    n->epoch = network_number(
        network_call(n, 0, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"node_status\"}"), "epoch");
}

static void end(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    for (int i = 0; i < 50; i++) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        usleep(100000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

void network_stop(struct network *n)
{
    for (uint32_t i = 0; i < NETWORK_NODES; i++)
        end(n->nodes[i]);
    end(n->chain);
    char *clean[] = {"/bin/rm", "-rf", n->dir, NULL};
    run("/dev/null", clean);
}

/* --- HTTP, as little as this server needs */

static int dial(const struct network *n, uint32_t node)
{
    int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)(n->port + RPC_AT + node)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(s, (struct sockaddr *)&at, sizeof at) != 0) {
        close(s);
        return -1;
    }
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return s;
}

static bool send_all(int s, const char *bytes, size_t len)
{
    for (size_t sent = 0; sent < len;) {
        ssize_t k = send(s, bytes + sent, len - sent, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        sent += (size_t)k;
    }
    return true;
}

static const char *read_answer(struct network *n, int s)
{
    size_t have = 0, want = 0;
    char *body = NULL;
    do {
        ssize_t k = recv(s, n->answer + have, sizeof n->answer - 1 - have, 0);
        if (k <= 0)
            return NULL;
        have += (size_t)k;
        n->answer[have] = '\0';
        char *head = strstr(n->answer, "\r\n\r\n");
        char *length = strstr(n->answer, "Content-Length: ");
        if (body == NULL && head != NULL && length != NULL) {
            body = head + 4;
            want = (size_t)(body - n->answer) + strtoul(length + 16, NULL, 10);
        }
    } while (body == NULL || have < want);
    return body;
}

const char *network_call(struct network *n, uint32_t node, const char *body)
{
    static char request[192 << 10];
    int len = snprintf(request, sizeof request,
                       "POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
    for (int tries = 0; tries < 2; tries++) {
        if (n->rpc[node] < 0)
            n->rpc[node] = dial(n, node);
        const char *answer = NULL;
        if (n->rpc[node] >= 0 && send_all(n->rpc[node], request, (size_t)len))
            answer = read_answer(n, n->rpc[node]);
        if (answer != NULL)
            return answer;
        if (n->rpc[node] >= 0)
            close(n->rpc[node]); /* An idle connection was closed meanwhile. */
        n->rpc[node] = -1;
    }
    return "";
}

uint64_t network_number(const char *answer, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(answer, quoted);
    return at == NULL ? UINT64_MAX : strtoull(at + strlen(quoted), NULL, 10);
}

int network_events(struct network *n, uint32_t node)
{
    static const char ask[] = "GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    int s = dial(n, node);
    if (s < 0 || !send_all(s, ask, sizeof ask - 1))
        network_die("no event stream");
    return s;
}

/* Members stand in the order of their keys; the nodes in that of theirs. */
uint32_t network_leader(struct network *n, uint32_t ask)
{
    const char *set =
        network_call(n, ask, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"validator_list\"}");
    const char *leads = strstr(set, "\"leader\":true");
    uint32_t best = NETWORK_NODES;
    const char *nearest = NULL;
    for (uint32_t i = 0; leads != NULL && i < NETWORK_NODES; i++) {
        const char *at = strstr(set, n->hotkeys[i]);
        if (at == NULL || at > leads || (nearest != NULL && at < nearest))
            continue;
        nearest = at;
        best = i;
    }
    if (best == NETWORK_NODES)
        network_die("nobody leads");
    return best;
}

/* --- operations */

void wallet_open(struct wallet *w, const char *uri)
{
    *w = (struct wallet){.nonce = 1};
    if (sr25519_from_uri(span_of(uri, strlen(uri)), &w->key) != ERR_OK)
        network_die("bad key");
}

size_t network_op(struct network *n, struct wallet *w, const struct op_body *body, char *text,
                  size_t text_size, struct hash *id)
{
    static const uint8_t entropy[SR25519_ENTROPY_SIZE] = {7};
    uint8_t content[2048], bytes[2048];
    struct op op = {.content = {.network = n->id,
                                .epoch = n->epoch,
                                .nonce = w->nonce++,
                                .signer = *sr25519_public(w->key),
                                .body = *body}};
    memcpy(content, "PLTFOPER", 8);
    struct span c = op_content_encode(&op.content, (struct room){content + 8, sizeof content - 8});
    sr25519_sign(w->key, span_of(content, 8 + c.len), entropy, &op.signature);
    struct span encoded = op_encode(&op, (struct room){bytes, sizeof bytes});
    char hex[2 * sizeof bytes + 1];
    hex_encode(encoded, hex, sizeof hex);
    *id = hash_tagged("PLTFOPID", encoded);
    return (size_t)snprintf(text, text_size,
                            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"op_submit\","
                            "\"params\":[\"%s\"]}",
                            hex);
}

/* --- what it costs */

static uint64_t cpu_of(pid_t pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    size_t len = f != NULL ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f != NULL)
        fclose(f);
    line[len] = '\0';
    uint64_t user = 0, system = 0;
    char *at = strrchr(line, ')');
    for (int field = 2; at != NULL && field < 14; field++) /* proc(5): 14 is utime */
        at = strchr(at + 1, ' ');
    if (at != NULL) {
        user = strtoull(at, &at, 10);
        system = strtoull(at, NULL, 10);
    }
    return (user + system) * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

uint64_t network_cpu_us(const struct network *n)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < NETWORK_NODES; i++) {
        if (n->nodes[i] <= 0)
            continue;
        char path[64], list[512], *at = list;
        sum += cpu_of(n->nodes[i]);
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)n->nodes[i],
                 (int)n->nodes[i]);
        FILE *f = fopen(path, "r");
        size_t len = f != NULL ? fread(list, 1, sizeof list - 1, f) : 0;
        list[len] = '\0';
        for (long child = strtol(at, &at, 10); child > 0; child = strtol(at, &at, 10))
            sum += cpu_of((pid_t)child);
        if (f != NULL)
            fclose(f);
    }
    return sum;
}

uint64_t network_rss_kib(const struct network *n, uint32_t node)
{
    char path[64], line[128];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)n->nodes[node]);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtoull(line + 6, NULL, 10);
    if (f != NULL)
        fclose(f);
    return kib;
}
