/* decision: four real validators on loopback, each with its signer, every vote
 * durable; operations go in through the JSON-RPC of one that does not lead, and
 * its event stream tells when each is decided.
 *
 * latency   one operation at a time with a pause before it, from submit to event
 * rate_N    N outstanding; those that may go at once share one HTTP request
 * gap       the longest silence around kill -9 of the leader, 16 outstanding
 *
 * Everything is signed before the clock starts.  CPU time is that of the nodes
 * and their signers, not of this client or of the chain. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codec/hex.h"
#include "crypto/hash.h"
#include "network.h"
#include "registry/registry.h"

enum {
    ISOLATED = 24, /* challenges: six operations each */
    BACK_TO_BACK = 24,
    STEPS = 6,
    MINERS = 16,
    OPS_MAX = 60000,
    OP_TEXT = 640,
    RUN_US = 5000000,
    WARM_US = 300000, /* these three: LOAD_OPS last at 2,600 a second */
    SETTLED_US = 1500000,
    AFTER_US = 2000000,
    PAUSE_US = 30000,
    PATIENCE_US = 30000000,
    BATCH = 32,
    LOAD_OPS = 10000, /* with some more these miners have had their share of the state */
    BLOB_SIZE = 100,
};

struct ready_op {
    char text[OP_TEXT];
};

struct bench {
    struct network net;
    struct arena arena;
    struct wallet owner, validators[NETWORK_NODES], miners[MINERS];
    struct hash challenge;
    uint32_t leader, ask;
    int events;
    char line[8192];
    size_t line_len;
    uint64_t decided; /* submissions */
    uint64_t slots, slot_ops;
    uint64_t last_us, gap_us, gap_from_us;
    struct ready_op *ops;
    uint64_t ready, sent;
};

/* --- the event stream */

static void on_line(struct bench *b)
{
    if (strstr(b->line, "event: gap") != NULL)
        network_die("the event stream lost events");
    if (strstr(b->line, "\"submission.decided\"") != NULL) {
        b->decided++;
        uint64_t now = network_us();
        if (now > b->gap_from_us && now - b->last_us > b->gap_us)
            b->gap_us = now - b->last_us;
        b->last_us = now;
    } else if (strstr(b->line, "\"slot.executed\"") != NULL) {
        b->slots++;
        b->slot_ops += network_number(b->line, "ops");
    }
}

/* Reads what is there; waits at most so long for it. */
static void read_events(struct bench *b, int wait_ms)
{
    char bytes[16384];
    struct pollfd p = {.fd = b->events, .events = POLLIN};
    if (poll(&p, 1, wait_ms) <= 0)
        return;
    ssize_t k = recv(b->events, bytes, sizeof bytes, 0);
    if (k <= 0)
        network_die("the event stream ended");
    for (ssize_t i = 0; i < k; i++) {
        if (bytes[i] != '\n' && b->line_len + 1 < sizeof b->line) {
            b->line[b->line_len++] = bytes[i];
            continue;
        }
        b->line[b->line_len] = '\0';
        b->line_len = 0;
        on_line(b);
    }
}

/* --- operations on challenges: nothing stays open behind them */

static void submit(struct bench *b, const char *text)
{
    const char *answer = network_call(&b->net, b->ask, text);
    if (strstr(answer, "\"result\"") == NULL) {
        fprintf(stderr, "%.300s\n", answer);
        network_die("an operation was refused");
    }
}

static uint64_t decide_one(struct bench *b, struct wallet *w, const struct op_body *body)
{
    char text[4096];
    struct hash id;
    network_op(&b->net, w, body, text, sizeof text, &id);
    uint64_t start = network_us(), before = b->slot_ops;
    submit(b, text);
    while (b->slot_ops == before) {
        read_events(b, 1000);
        if (network_us() - start > PATIENCE_US)
            network_die("an operation was not decided");
    }
    return network_us() - start;
}

static struct op_challenge_register registration(const char *name)
{
    return (struct op_challenge_register){.name = span_of(name, strlen(name)),
                                          .version = SPAN_LITERAL("1"),
                                          .module = {{1}},
                                          .module_size = 100,
                                          .share = 1,
                                          .policy = {.gas = 1000000,
                                                     .wall_ms = 1000,
                                                     .memory_pages = 16,
                                                     .table_elements = 16,
                                                     .stack_bytes = 65536,
                                                     .host_calls = 10,
                                                     .host_bytes = 1000,
                                                     .input_bytes = 1000,
                                                     .output_bytes = 1000,
                                                     .log_bytes = 1000,
                                                     .join = POLICY_JOIN_DETERMINISTIC,
                                                     .reveal_after = REGISTRY_REVEAL_AFTER_MAX}};
}

/* Registered, approved by three, active, retired (or kept): six decisions. */
static void life(struct bench *b, uint32_t number, bool keep, uint64_t pause_us, uint64_t *took)
{
    char name[32];
    snprintf(name, sizeof name, "bench-%u", number);
    struct op_body body = {.tag = OP_BODY_CHALLENGE_REGISTER,
                           .challenge_register = registration(name)};
    struct hash id = registry_challenge_id(&body.challenge_register, &b->arena);
    for (uint32_t step = 0; step < (keep ? STEPS - 1u : STEPS); step++) {
        struct wallet *w = &b->owner;
        if (step >= 1 && step <= 3) {
            w = &b->validators[step];
            body = (struct op_body){.tag = OP_BODY_CHALLENGE_APPROVE,
                                    .challenge_approve = {.challenge = id}};
        } else if (step == 4) {
            body = (struct op_body){.tag = OP_BODY_CHALLENGE_ACTIVATE,
                                    .challenge_activate = {.challenge = id}};
        } else if (step == 5) {
            body = (struct op_body){.tag = OP_BODY_CHALLENGE_RETIRE,
                                    .challenge_retire = {.challenge = id}};
        }
        usleep((useconds_t)pause_us);
        read_events(b, 0);
        took[step] = decide_one(b, w, &body);
    }
    b->challenge = id;
}

static int by_value(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
    return a < b ? -1 : a > b;
}

static void latencies(struct bench *b)
{
    static uint64_t took[ISOLATED * STEPS], again[BACK_TO_BACK * STEPS];
    uint64_t sum = 0;
    for (uint32_t i = 0; i < ISOLATED; i++)
        life(b, i, false, PAUSE_US, took + (size_t)i * STEPS);
    uint64_t cpu = network_cpu_us(&b->net), slots = b->slots;
    for (uint32_t i = 0; i < BACK_TO_BACK; i++)
        life(b, 100 + i, false, 0, again + (size_t)i * STEPS);
    cpu = network_cpu_us(&b->net) - cpu;
    slots = b->slots - slots;
    qsort(took, COUNT_OF(took), sizeof took[0], by_value);
    for (size_t i = 0; i < COUNT_OF(again); i++)
        sum += again[i];
    printf("decision latency_p50 %.2f ms\n", (double)took[COUNT_OF(took) / 2] / 1000);
    printf("decision latency_p99 %.2f ms\n", (double)took[COUNT_OF(took) * 99 / 100] / 1000);
    printf("decision rate_1 %.1f /s\n", (double)COUNT_OF(again) * 1e6 / (double)sum);
    printf("decision cpu_per_decision %.2f ms\n", (double)cpu / 1000 / (double)slots);
    fflush(stdout);
}

/* --- submissions, many at a time */

static struct span blob_of(uint64_t serial, uint8_t memory[BLOB_SIZE])
{
    memset(memory, 0, BLOB_SIZE);
    memcpy(memory, &serial, sizeof serial);
    return span_of(memory, BLOB_SIZE);
}

/* A submission is decided when validators have its blob: here all have it before
 * the clock starts, since decisions are measured and not transfers. */
static void upload(struct bench *b, uint64_t serial, uint64_t count)
{
    static char text[BATCH * (BLOB_SIZE * 2 + 200) + 2];
    size_t len = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t memory[BLOB_SIZE];
        char hex[2 * BLOB_SIZE + 1], name[2 * HASH_SIZE + 1];
        struct span blob = blob_of(serial + i, memory);
        struct hash h = hash_blake2b(blob);
        hex_encode(blob, hex, sizeof hex);
        hex_encode(hash_span(&h), name, sizeof name);
        len += (size_t)snprintf(text + len, sizeof text - len,
                                "%c{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"blob_put\","
                                "\"params\":[\"%s\",%d,0,\"%s\"]}",
                                i == 0 ? '[' : ',', name, BLOB_SIZE, hex);
    }
    text[len++] = ']';
    text[len] = '\0';
    for (uint32_t i = 0; i < NETWORK_NODES; i++)
        if (b->net.nodes[i] > 0 && strstr(network_call(&b->net, i, text), "error") != NULL)
            network_die("a blob was refused");
}

static void make_ready(struct bench *b, uint64_t count)
{
    static uint64_t serial;
    if (b->ready + count > OPS_MAX)
        network_die("too many operations");
    for (uint64_t i = 0; i < count; i += BATCH)
        upload(b, serial + i, count - i < BATCH ? count - i : BATCH);
    for (uint64_t i = 0; i < count; i++, serial++) {
        struct op_body body = {.tag = OP_BODY_SUBMISSION,
                               .submission = {.challenge = b->challenge, .size = BLOB_SIZE}};
        struct hash id;
        uint8_t memory[BLOB_SIZE];
        body.submission.blob = hash_blake2b(blob_of(serial, memory));
        network_op(&b->net, &b->miners[serial % MINERS], &body, b->ops[b->ready].text, OP_TEXT,
                   &id);
        b->ready++;
    }
}

static void send_some(struct bench *b, uint64_t count)
{
    static char text[BATCH * OP_TEXT + 2];
    size_t len = 0;
    for (uint64_t i = 0; i < count; i++) {
        text[len++] = i == 0 ? '[' : ',';
        size_t size = strlen(b->ops[b->sent].text);
        memcpy(text + len, b->ops[b->sent++].text, size);
        len += size;
    }
    text[len++] = ']';
    text[len] = '\0';
    const char *answer = network_call(&b->net, b->ask, text);
    if (strstr(answer, "\"result\"") == NULL || strstr(answer, "\"error\"") != NULL) {
        fprintf(stderr, "%.300s\n", answer);
        network_die("a submission was refused");
    }
}

/* Keeps so many outstanding for a time, or until none is left to send; operations
 * decided in it. */
static uint64_t load(struct bench *b, uint64_t outstanding, uint64_t for_us)
{
    uint64_t start = network_us(), first = b->decided;
    while (network_us() - start < for_us && b->sent < b->ready) {
        uint64_t room = outstanding - (b->sent - b->decided);
        room = room < b->ready - b->sent ? room : b->ready - b->sent;
        if (room > 0)
            send_some(b, room < BATCH ? room : BATCH);
        read_events(b, room > BATCH ? 0 : 20);
    }
    return b->decided - first;
}

static void settle(struct bench *b)
{
    uint64_t start = network_us();
    while (b->decided < b->sent) {
        read_events(b, 100);
        if (network_us() - start > PATIENCE_US)
            network_die("operations were not decided");
    }
}

static void rate(struct bench *b, const char *name, uint64_t outstanding)
{
    make_ready(b, LOAD_OPS);
    uint64_t cpu = network_cpu_us(&b->net), start = network_us();
    uint64_t slots = b->slots, count = load(b, outstanding, RUN_US);
    uint64_t took = network_us() - start;
    cpu = network_cpu_us(&b->net) - cpu;
    printf("decision %s %.0f /s\n", name, (double)count * 1e6 / (double)took);
    printf("decision %s_cpu %.2f ms/op\n", name, (double)cpu / 1000 / (double)(count + !count));
    printf("decision %s_batch %.1f op\n", name,
           (double)count / (double)(b->slots - slots + (b->slots == slots)));
    fflush(stdout);
    settle(b);
    b->ready = b->sent = b->decided; /* What was not sent stays unsent. */
}

/* The view changed meanwhile: listen to another node, with nothing outstanding. */
static void change_node(struct bench *b)
{
    settle(b);
    close(b->events);
    b->ask = (b->ask + 1) % NETWORK_NODES;
    b->line_len = 0;
    b->events = network_events(&b->net, b->ask);
    usleep(300000);
    read_events(b, 0);
}

/* The longest silence so far, the present one too. */
static double silence_s(const struct bench *b)
{
    uint64_t since = b->last_us > b->gap_from_us ? b->last_us : b->gap_from_us;
    uint64_t now = network_us() - since;
    return (double)(now > b->gap_us ? now : b->gap_us) / 1e6;
}

static void kill_leader(struct bench *b)
{
    make_ready(b, LOAD_OPS);
    load(b, 16, WARM_US);
    b->leader = network_leader(&b->net, b->ask);
    if (b->leader == b->ask)
        change_node(b);
    b->gap_from_us = network_us();
    b->gap_us = 0;
    kill(b->net.nodes[b->leader], SIGKILL);
    waitpid(b->net.nodes[b->leader], NULL, 0);
    b->net.nodes[b->leader] = -1;
    load(b, 16, SETTLED_US);
    printf("decision leader_gap %.2f s\n", silence_s(b));
    b->gap_us = 0;
    if (b->sent == b->ready)
        network_die("every operation was decided before the rate could be measured");
    uint64_t start = network_us(), count = load(b, 16, AFTER_US);
    printf("decision rate_after_kill %.0f /s\n",
           (double)count * 1e6 / (double)(network_us() - start));
    printf("decision gap_after_kill %.2f s\n", silence_s(b));
    fflush(stdout);
}

static void validator_rss(struct bench *b, const char *name)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < NETWORK_NODES; i++)
        if (network_rss_kib(&b->net, i) > most)
            most = network_rss_kib(&b->net, i);
    printf("memory %s %.1f MiB\n", name, (double)most / 1024);
    fflush(stdout);
}

static void open_all(struct bench *b)
{
    char uri[32];
    wallet_open(&b->owner, "//owner");
    for (uint32_t i = 0; i < NETWORK_NODES; i++) {
        snprintf(uri, sizeof uri, "//validator/%u", i);
        wallet_open(&b->validators[i], uri);
        /* The node itself uses small nonces; these stay above them. */
        b->validators[i].nonce = 100;
    }
    for (uint32_t i = 0; i < MINERS; i++) {
        snprintf(uri, sizeof uri, "//miner/%u", i);
        wallet_open(&b->miners[i], uri);
    }
    b->ops = calloc(OPS_MAX, sizeof *b->ops);
    if (b->ops == NULL || arena_open(&b->arena, 4 << 20) != ERR_OK)
        network_die("no memory");
}

/* usage: bench_decision [PART...]; without one, all of them: latency rate_16 rate_64 kill */
static bool is_wanted(const char *part, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(part, argv[i]) == 0)
            return true;
    return argc == 1;
}

/* A network of its own, with a challenge that takes submissions. */
static void begin(struct bench *b)
{
    uint64_t unused[STEPS];
    network_start(&b->net, "decision-work");
    b->leader = network_leader(&b->net, 0);
    b->ask = (b->leader + 2) % NETWORK_NODES;
    b->line_len = 0;
    b->events = network_events(&b->net, b->ask);
    usleep(500000);
    read_events(b, 100);
    life(b, 1000, true, 0, unused);
}

static void end(struct bench *b)
{
    close(b->events);
    network_stop(&b->net);
}

static void measure_latency(struct bench *b)
{
    latencies(b);
    validator_rss(b, "validator_rss");
}

static void measure_rate_16(struct bench *b)
{
    rate(b, "rate_16", 16);
}

static void measure_rate_64(struct bench *b)
{
    rate(b, "rate_64", 64);
    validator_rss(b, "validator_rss_loaded");
}

static const struct {
    const char *name;
    void (*run)(struct bench *b);
} parts[] = {
    {"latency", measure_latency},
    {"rate_16", measure_rate_16},
    {"rate_64", measure_rate_64},
    {"kill", kill_leader},
};

int main(int argc, char **argv)
{
    static struct bench b;
    open_all(&b);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!is_wanted(parts[i].name, argc, argv))
            continue;
        begin(&b);
        parts[i].run(&b);
        end(&b);
    }
    return 0;
}
