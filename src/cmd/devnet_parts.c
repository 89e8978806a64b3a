/* The parts of a development network: its files, its processes, its nodes' words. */
#include <errno.h>
#include <ini.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/devnet.h"
#include "cmd/platform.h"
#include "crypto/ss58.h"
#include "os/ask.h"
#include "os/files.h"
#include "signer/keyfile.h"

enum { PATH_SIZE = DEVNET_PATH_MAX + 64, STOP_MS = 10000, KILL_MS = 5000, CHAIN_MS = 20000 };

void devnet_path(const struct devnet *d, const char *name, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/%s", d->dir, name);
}

static void part_path(const struct devnet *d, int index, const char *ending, char out[PATH_SIZE])
{
    char name[32];
    if (index == DEVNET_CHAIN)
        snprintf(name, sizeof name, "chain%s", ending);
    else
        snprintf(name, sizeof name, "node%d%s", index, ending);
    devnet_path(d, name, out);
}

uint32_t devnet_chain_port(const struct devnet *d)
{
    return d->port_base;
}

uint32_t devnet_peer_port(const struct devnet *d, uint32_t index)
{
    return d->port_base + 1 + 2 * index;
}

uint32_t devnet_rpc_port(const struct devnet *d, uint32_t index)
{
    return d->port_base + 2 + 2 * index;
}

/* --- files */

static int on_line(void *ctx, const char *section, const char *name, const char *value)
{
    struct devnet *d = ctx;
    const struct {
        const char *name;
        uint32_t *to, most;
    } table[] = {{"nodes", &d->nodes, DEVNET_NODES_MAX},
                 {"port_base", &d->port_base, 65535},
                 {"block_ms", &d->block_ms, 600000},
                 {"tempo", &d->tempo, 65535}};
    (void)section;
    if (strcmp(name, "commit_reveal") == 0) {
        d->commit_reveal = strcmp(value, "true") == 0;
        return d->commit_reveal || strcmp(value, "false") == 0;
    }
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (strcmp(name, table[i].name) != 0)
            continue;
        char *end;
        unsigned long long x = strtoull(value, &end, 10);
        *table[i].to = (uint32_t)x;
        return *end == '\0' && x > 0 && x <= table[i].most;
    }
    return 0;
}

enum err devnet_load(struct devnet *d)
{
    char path[PATH_SIZE];
    struct devnet found = *d;
    found.nodes = found.port_base = found.block_ms = found.tempo = 0;
    found.commit_reveal = false;
    devnet_path(d, "devnet.ini", path);
    int line = ini_parse(path, on_line, &found);
    if (line == -1)
        return ERR_NOT_FOUND;
    if (line != 0 || found.nodes == 0 || found.port_base == 0 || found.block_ms == 0 ||
        found.tempo == 0)
        return ERR_MALFORMED;
    *d = found;
    return ERR_OK;
}

enum err devnet_save(const struct devnet *d)
{
    char path[PATH_SIZE], text[256];
    devnet_path(d, "devnet.ini", path);
    int n = snprintf(text, sizeof text,
                     "nodes = %u\nport_base = %u\nblock_ms = %u\ntempo = %u\n"
                     "commit_reveal = %s\n",
                     d->nodes, d->port_base, d->block_ms, d->tempo,
                     d->commit_reveal ? "true" : "false");
    return file_write(path, span_of(text, (size_t)n), 0644);
}

static enum err make_key(const struct devnet *d, const char *name, const char *uri)
{
    char path[PATH_SIZE], file[64], text[64];
    snprintf(file, sizeof file, "keys/%s", name);
    devnet_path(d, file, path);
    int n = snprintf(text, sizeof text, "%s\n", uri);
    return file_write(path, span_of(text, (size_t)n), 0600);
}

enum err devnet_make_keys(const struct devnet *d)
{
    char path[PATH_SIZE], name[32], uri[32];
    devnet_path(d, "keys", path);
    enum err e = folder_make(path);
    if (e == ERR_OK)
        e = make_key(d, "owner", "//owner");
    for (uint32_t i = 0; i < d->nodes && e == ERR_OK; i++) {
        snprintf(name, sizeof name, "validator%u", i);
        snprintf(uri, sizeof uri, "//validator/%u", i);
        e = make_key(d, name, uri);
    }
    for (uint32_t i = 0; i < DEVNET_MINERS && e == ERR_OK; i++) {
        snprintf(name, sizeof name, "miner%u", i);
        snprintf(uri, sizeof uri, "//miner/%u", i);
        e = make_key(d, name, uri);
    }
    return e;
}

static bool validator_address(uint32_t index, char out[SS58_TEXT_MAX])
{
    char uri[32];
    struct sr25519_keypair *key;
    int n = snprintf(uri, sizeof uri, "//validator/%u", index);
    if (keyfile_parse(span_of(uri, (size_t)n), (struct span){0}, &key) != ERR_OK)
        return false;
    ss58_from_hotkey(sr25519_public(key), out);
    sr25519_close(key);
    return true;
}

/* --- processes */

struct process devnet_process(const struct devnet *d, int index)
{
    char path[PATH_SIZE];
    struct process p = {0};
    part_path(d, index, ".pid", path);
    if (process_load(path, &p) != ERR_OK)
        return (struct process){0};
    return p;
}

static bool spawn(const struct devnet *d, int index, char *const *argv)
{
    char log[PATH_SIZE], pid[PATH_SIZE];
    struct process p;
    part_path(d, index, ".log", log);
    part_path(d, index, ".pid", pid);
    if (process_start(argv, log, &p) != ERR_OK) {
        cmd_complain(EXIT_FAILED, "a program cannot be started", argv[0], strerror(errno), NULL);
        return false;
    }
    if (process_save(pid, &p) == ERR_OK)
        return true;
    process_signal(&p, SIGKILL); /* Nobody would find it again. */
    cmd_complain(EXIT_FAILED, "a file cannot be written", pid, strerror(errno), NULL);
    return false;
}

static bool start_chain(const struct devnet *d)
{
    char program[PATH_SIZE], dir[PATH_SIZE], port[16], block[16], tempo[16], nodes[16];
    snprintf(program, sizeof program, "%s/platform", d->programs);
    devnet_path(d, "chain", dir);
    snprintf(port, sizeof port, "%u", devnet_chain_port(d));
    snprintf(block, sizeof block, "%u", d->block_ms);
    snprintf(tempo, sizeof tempo, "%u", d->tempo);
    snprintf(nodes, sizeof nodes, "%u", d->nodes);
    char *argv[] = {program,
                    "devchain",
                    "--dir",
                    dir,
                    "--port",
                    port,
                    "--block-ms",
                    block,
                    "--tempo",
                    tempo,
                    "--validators",
                    nodes,
                    d->commit_reveal ? "--commit-reveal" : NULL,
                    NULL};
    return spawn(d, DEVNET_CHAIN, argv);
}

static void bootstrap_list(const struct devnet *d, char *out, size_t size)
{
    size_t used = 0;
    for (uint32_t i = 0; i < d->nodes; i++)
        used += (size_t)snprintf(out + used, size - used, "%s/ip4/127.0.0.1/tcp/%u",
                                 i == 0 ? "" : ",", devnet_peer_port(d, i));
}

static bool start_node(const struct devnet *d, uint32_t index, bool is_new)
{
    char program[PATH_SIZE], dir[PATH_SIZE], genesis[PATH_SIZE], key[PATH_SIZE], name[32];
    char address[SS58_TEXT_MAX], chain[64], listen[64], rpc[16], peers[DEVNET_NODES_MAX * 32];
    snprintf(program, sizeof program, "%s/platformd", d->programs);
    part_path(d, (int)index, "", dir);
    devnet_path(d, "genesis.bin", genesis);
    snprintf(name, sizeof name, "keys/validator%u", index);
    devnet_path(d, name, key);
    snprintf(chain, sizeof chain, "ws://127.0.0.1:%u", devnet_chain_port(d));
    snprintf(listen, sizeof listen, "/ip4/127.0.0.1/tcp/%u", devnet_peer_port(d, index));
    snprintf(rpc, sizeof rpc, "%u", devnet_rpc_port(d, index));
    bootstrap_list(d, peers, sizeof peers);
    if (!validator_address(index, address))
        return false;
    char *argv[] = {program,
                    "--data-dir",
                    dir,
                    "--genesis",
                    genesis,
                    "--hotkey",
                    address,
                    "--hotkey-file",
                    key,
                    "--chain",
                    chain,
                    "--listen",
                    listen,
                    "--bootstrap",
                    peers,
                    "--rpc-port",
                    rpc,
                    "--stake-min-tao",
                    "1",
                    "--approve-all",
                    is_new ? "--new-network" : NULL,
                    NULL};
    return spawn(d, (int)index, argv);
}

bool devnet_start(const struct devnet *d, int index, bool is_new)
{
    struct process p = devnet_process(d, index);
    if (process_runs(&p))
        return true;
    return index == DEVNET_CHAIN ? start_chain(d) : start_node(d, (uint32_t)index, is_new);
}

static bool wait_end(const struct process *p, uint32_t most_ms)
{
    uint64_t deadline = os_now_ms() + most_ms;
    while (process_runs(p)) {
        if (os_now_ms() >= deadline)
            return false;
        process_pause(20);
    }
    return true;
}

bool devnet_stop(const struct devnet *d, int index, bool hard)
{
    struct process p = devnet_process(d, index);
    if (!hard && process_signal(&p, SIGTERM) && wait_end(&p, STOP_MS))
        return true;
    process_signal(&p, SIGKILL);
    return wait_end(&p, KILL_MS);
}

bool devnet_make_genesis(const struct devnet *d)
{
    char program[PATH_SIZE], log[PATH_SIZE], out[PATH_SIZE], chain[64];
    struct process p;
    struct span made;
    snprintf(program, sizeof program, "%s/platform", d->programs);
    devnet_path(d, "genesis.log", log);
    devnet_path(d, "genesis.bin", out);
    snprintf(chain, sizeof chain, "ws://127.0.0.1:%u", devnet_chain_port(d));
    char *argv[] = {program, "genesis", "--chain",         chain, "--netuid", "2",
                    "--out", out,       "--stake-min-tao", "1",   NULL};
    if (process_start(argv, log, &p) == ERR_OK && wait_end(&p, CHAIN_MS) &&
        file_read(out, 1 << 20, &made) == ERR_OK) {
        free((void *)(uintptr_t)made.ptr);
        return true;
    }
    process_signal(&p, SIGKILL);
    cmd_complain(EXIT_UNREACHABLE, "the development chain gave no genesis", log, NULL,
                 "read this file and chain.log beside it");
    return false;
}

/* --- what a node says */

static uint64_t number(const json_t *from, const char *key)
{
    json_int_t x = json_integer_value(json_object_get(from, key));
    return x > 0 ? (uint64_t)x : 0;
}

static void copy_reasons(const json_t *list, char *out, size_t size)
{
    size_t used = 0, i;
    const json_t *reason;
    out[0] = '\0';
    json_array_foreach(list, i, reason)
    {
        const char *name = json_string_value(json_object_get(reason, "name"));
        const char *text = json_string_value(json_object_get(reason, "text"));
        int n = snprintf(out + used, size - used, "%s%s: %s", i == 0 ? "" : "; ",
                         name != NULL ? name : "?", text != NULL ? text : "?");
        used += min_u64((uint64_t)n, size - used - 1);
    }
}

void devnet_ask(const struct devnet *d, uint32_t index, struct devnet_status *out)
{
    static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"node_status\"}";
    char url[64];
    struct span body;
    *out = (struct devnet_status){0};
    snprintf(url, sizeof url, "http://127.0.0.1:%u/rpc", devnet_rpc_port(d, index));
    enum err e = ask_post(url, request, 2000, &body);
    if (e != ERR_OK) {
        snprintf(out->reasons, sizeof out->reasons, "no answer at %s: %s", url, err_text(e));
        return;
    }
    json_t *root = json_loadb((const char *)body.ptr, body.len, 0, NULL);
    const json_t *r = json_object_get(root, "result");
    out->answers = r != NULL;
    out->ready = json_is_true(json_object_get(r, "ready"));
    out->voting = json_is_true(json_object_get(r, "voting"));
    out->height = number(r, "height");
    out->epoch = number(r, "epoch");
    out->view = number(r, "view");
    out->peers = number(r, "peers");
    out->chain_block = number(json_object_get(r, "chain"), "block");
    copy_reasons(json_object_get(r, "reasons"), out->reasons, sizeof out->reasons);
    json_decref(root);
    free((void *)(uintptr_t)body.ptr);
}
