#include "cmd/daemon.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/sr25519.h"
#include "crypto/ss58.h"
#include "crypto/verifier.h"
#include "os/files.h"
#include "os/harden.h"
#include "sandbox/sandbox.h"

bool daemon_say(struct daemon *d, int code, const char *what, const char *where, const char *why,
                const char *fix)
{
    d->exit_code = cmd_report(d->json, code, what, where, why, fix, NULL);
    return false;
}

/* --- folders and files */

static bool take_folder(struct daemon *d)
{
    int fd;
    errno = 0;
    snprintf(d->data_dir, sizeof d->data_dir, "%s", settings_text(&d->settings, "data_dir"));
    enum err e = folder_make(d->data_dir);
    if (e == ERR_OK)
        e = folder_lock(d->data_dir, &fd);
    if (e == ERR_OK)
        return true;
    if (e == ERR_CONFLICT)
        return daemon_say(d, EXIT_REFUSED, "another platformd has this data folder", d->data_dir,
                          "two nodes of one folder would spoil it",
                          "stop that one, or give this one a --data-dir of its own");
    return daemon_say(d, EXIT_FAILED, "the data folder cannot be used", d->data_dir,
                      errno != 0 ? strerror(errno) : err_text(e),
                      "it must be a folder that the user of platformd owns and may write to");
}

/* 32 secret bytes of this node's own, made when they are not there. */
static bool own_secret(struct daemon *d, const char *name, uint8_t out[32])
{
    char path[PATH_MAX];
    struct span bytes;
    errno = 0;
    snprintf(path, sizeof path, "%s/%s", d->data_dir, name);
    enum err e = file_read(path, 32, &bytes);
    if (e == ERR_NOT_FOUND) {
        os_entropy((struct room){out, 32});
        e = file_write(path, span_of(out, 32), 0600);
    } else if (e == ERR_OK && bytes.len == 32) {
        memcpy(out, bytes.ptr, 32);
        sodium_memzero((void *)(uintptr_t)bytes.ptr, 32);
        free((void *)(uintptr_t)bytes.ptr);
    } else if (e == ERR_OK || e == ERR_TOO_BIG) {
        e = ERR_CORRUPT;
    }
    if (e == ERR_OK)
        return true;
    if (e == ERR_CORRUPT)
        return daemon_say(
            d, EXIT_REFUSED, "a secret of this node is damaged", path, "it is not 32 bytes",
            "restore it from a backup; or remove it, and the node makes a new one and "
            "is a stranger to its peers at first");
    return daemon_say(d, EXIT_FAILED, "a secret of this node cannot be read or made", path,
                      errno != 0 ? strerror(errno) : err_text(e),
                      "check the owner and the permissions of the data folder, and the disk");
}

static bool read_genesis(struct daemon *d)
{
    const char *path = settings_text(&d->settings, "genesis");
    enum err e = file_read(path, 1 << 20, &d->genesis);
    struct genesis g;
    struct arena scratch = {0};
    if (e == ERR_OK)
        e = arena_open(&scratch, 1 << 20);
    if (e == ERR_OK)
        e = genesis_decode(d->genesis, &scratch, &g);
    if (e == ERR_OK) {
        d->network = ledger_network_id(&g);
        d->netuid = g.netuid;
    }
    arena_close(&scratch);
    if (e == ERR_OK)
        return true;
    return daemon_say(
        d, EXIT_USAGE, "the genesis file cannot be used", path,
        e == ERR_NOT_FOUND ? "there is no such file"
        : e == ERR_IO      ? strerror(errno)
                           : "it is not the genesis of a network",
        "get the file that the network's founders published; `platform genesis` makes "
        "that of a new network");
}

static bool read_basics(struct daemon *d)
{
    const char *hotkey = settings_text(&d->settings, "hotkey");
    if (*hotkey != '\0') {
        enum err e = ss58_to_hotkey(span_of(hotkey, strlen(hotkey)), &d->hotkey);
        assert(e == ERR_OK); /* expect_hotkey */
    }
    d->log_format = strcmp(settings_text(&d->settings, "log_format"), "json") == 0 ? LOGLINE_JSON
                                                                                   : LOGLINE_TEXT;
    bool known = logline_level_parse(settings_text(&d->settings, "log_level"), &d->log_level);
    assert(known);
    char *urls[SETTING_LIST_MAX];
    uint32_t count = settings_list(&d->settings, "chain", urls);
    d->chain_count = (uint32_t)min_u64(count, DAEMON_CHAINS_MAX);
    memcpy(d->chain_urls, urls, d->chain_count * sizeof urls[0]);
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        snprintf(d->program_dir, sizeof d->program_dir, "%s", dirname(self));
    }
    return true;
}

/* --- stores */

static void on_record(void *ctx, struct span record)
{
    struct daemon *d = ctx;
    if (d->replay_count == d->replay_room) {
        d->replay_room = d->replay_room == 0 ? 1024 : 2 * d->replay_room;
        d->replay = realloc(d->replay, d->replay_room * sizeof *d->replay);
        assert(d->replay != NULL);
    }
    uint8_t *copy = malloc(record.len);
    assert(copy != NULL);
    memcpy(copy, record.ptr, record.len);
    d->replay[d->replay_count++] = span_of(copy, record.len);
}

/* Nothing here is ever repaired or overwritten: what to do is the operator's decision. */
static bool store_trouble(struct daemon *d, enum err e, const char *path, const char *why)
{
    static const char damaged[] =
        "keep the folder for a report and start with an empty --data-dir: the node fetches all "
        "decided state from its peers, and votes again from the next epoch on";
    char both[256];
    if (e == ERR_FOREIGN)
        return daemon_say(d, EXIT_REFUSED, "the data folder is of another network or version", path,
                          why,
                          "give the --genesis of its network, or a --data-dir of its own to this "
                          "one; data of another version is read by that version only");
    if (e == ERR_CORRUPT)
        return daemon_say(d, EXIT_REFUSED, "the data folder is damaged", path, why, damaged);
    if (e == ERR_FULL)
        return daemon_say(d, EXIT_FAILED, "the store is full", path, why,
                          "free some space on the disk, or raise store_bytes");
    snprintf(both, sizeof both, "%s: %s", why, errno != 0 ? strerror(errno) : err_text(e));
    return daemon_say(d, EXIT_FAILED, "the data folder cannot be opened", path, both,
                      "check its owner, its permissions and the disk");
}

static bool open_stores(struct daemon *d, struct node_recall *recall)
{
    char path[PATH_MAX];
    const char *why = "the folder cannot be made";
    bool journal_is_new;
    snprintf(path, sizeof path, "%s/store", d->data_dir);
    errno = 0;
    enum err e = folder_make(path);
    if (e == ERR_OK)
        e = db_lmdb_open(&d->db, path, settings_number(&d->settings, "store_bytes"), &d->network,
                         &why);
    if (e == ERR_OK) {
        why = "it cannot be written";
        e = node_recall_votes(d->db, journal_file_newest(d->data_dir, "journal"),
                              settings_bool(&d->settings, "new_network"), recall);
    }
    if (e != ERR_OK)
        return store_trouble(d, e, path, why);
    errno = 0;
    e = journal_file_open(&d->journal, d->data_dir, "journal", &d->network, on_record, d,
                          &journal_is_new, &why);
    if (e != ERR_OK)
        return store_trouble(d, e, d->data_dir, why);
    d->new_guard = d->replay_count == 0 || settings_bool(&d->settings, "new_guard");
    return true;
}

/* --- the node */

static bool open_verifier(struct daemon *d)
{
    enum {
        REMEMBERED = 1 << 15,
        FREQUENT = 64,
        VERIFIER_BYTES = (VALIDATORS_MAX + FREQUENT) * (31 << 10) + REMEMBERED * 160 + (128 << 10),
    };
    struct verifier_config c = {
        .keys = VALIDATORS_MAX, .frequent = FREQUENT, .remembered = REMEMBERED};
    os_entropy((struct room){(uint8_t *)&c.seed, sizeof c.seed});
    enum err e = arena_open(&d->verifier_memory, VERIFIER_BYTES);
    if (e == ERR_OK)
        e = verifier_sr25519_open(&c, &d->verifier_memory, &d->sr25519);
    if (e == ERR_OK)
        e = sr25519_self_test();
    if (e == ERR_OK)
        return true;
    return daemon_say(d, EXIT_FAILED, "the signature code cannot be used", NULL, err_text(e),
                      "check memory, and that libsodium is the one of the distribution");
}

/* How many, and that each is one, was checked with the settings. */
static uint32_t parse_endpoints(struct daemon *d, const char *name, struct p2p_endpoint *out,
                                uint32_t max)
{
    char *items[SETTING_LIST_MAX];
    uint32_t count = settings_list(&d->settings, name, items);
    assert(count <= max);
    for (uint32_t i = 0; i < count; i++) {
        enum err e = p2p_endpoint_parse(items[i], &out[i]);
        assert(e == ERR_OK);
    }
    return count;
}

static void carrier_dial(void *ctx, uint32_t conn, const struct p2p_endpoint *to)
{
    net_dial(((struct daemon *)ctx)->net, conn, to);
}

static void carrier_write(void *ctx, uint32_t conn, struct span bytes)
{
    net_write(((struct daemon *)ctx)->net, conn, bytes);
}

static void carrier_hang_up(void *ctx, uint32_t conn)
{
    net_hang_up(((struct daemon *)ctx)->net, conn);
}

static bool listen_all(struct daemon *d, struct p2p_config *c)
{
    struct net_callbacks callbacks = daemon_net_callbacks(d);
    if (net_open(&d->net, &d->loop, c->limits.connections + 16, &callbacks) != ERR_OK)
        return daemon_say(d, EXIT_FAILED, "no memory for the connections", "connections", NULL,
                          "give the process more memory, or lower this setting");
    for (uint32_t i = 0; i < c->listen_count; i++) {
        char text[P2P_ADDRESS_TEXT_MAX];
        if (net_listen(d->net, &c->listen[i], &c->listen[i].port) == ERR_OK)
            continue;
        const char *why = strerror(errno);
        bool ours = errno != EADDRNOTAVAIL;
        p2p_endpoint_text(&c->listen[i], text);
        return daemon_say(d, EXIT_FAILED, "cannot listen for peers", text, why,
                          ours ? "choose another port with --listen, or end the program that has it"
                               : "no interface of this machine has this address; to listen on all "
                                 "of them: --listen /ip4/0.0.0.0/tcp/7800");
    }
    return true;
}

static bool open_host(struct daemon *d)
{
    struct p2p_config c = {.agent = "platform/" PLATFORM_VERSION, .target_peers = 32};
    struct p2p_endpoint bootstrap[P2P_BOOTSTRAP_MAX];
    p2p_limits_default(&c.limits);
    c.limits.connections = (uint32_t)settings_number(&d->settings, "connections");
    c.limits.connections_pending = (uint32_t)settings_number(&d->settings, "connections_pending");
    c.limits.connections_per_address =
        (uint32_t)settings_number(&d->settings, "connections_per_address");
    c.limits.streams_per_connection =
        (uint32_t)settings_number(&d->settings, "streams_per_connection");
    c.limits.buffered_per_peer = (uint32_t)settings_number(&d->settings, "buffered_per_peer");
    c.limits.handshake_ms = (uint32_t)settings_number(&d->settings, "handshake_ms");
    memcpy(c.identity_seed, d->p2p_seed, 32);
    os_entropy((struct room){c.entropy, sizeof c.entropy});
    os_entropy((struct room){(uint8_t *)&c.seed, sizeof c.seed});
    c.seqno_start = os_unix_ns();
    c.listen_count = parse_endpoints(d, "listen", c.listen, COUNT_OF(c.listen));
    uint32_t count = parse_endpoints(d, "bootstrap", bootstrap, COUNT_OF(bootstrap));
    if (!listen_all(d, &c))
        return false;
    struct host_carrier carrier = {d, carrier_dial, carrier_write, carrier_hang_up};
    enum err e = host_open(&d->host, &c, &carrier, &d->network, os_now_ms());
    sodium_memzero(c.identity_seed, sizeof c.identity_seed);
    for (uint32_t i = 0; i < count && e == ERR_OK; i++)
        e = p2p_bootstrap(host_p2p(d->host), &bootstrap[i]);
    if (e == ERR_OK)
        return true;
    return daemon_say(d, EXIT_FAILED, "the network part cannot start", NULL, err_text(e),
                      "give the process more memory, or lower connections and buffered_per_peer");
}

static bool open_node(struct daemon *d, const struct node_recall *recall)
{
    struct node_config c = {
        .genesis = d->genesis,
        .self = d->hotkey,
        .peer = *p2p_self(host_p2p(d->host)),
        .verifier = verifier_sr25519_interface(d->sr25519),
        .db = d->db,
        .chain_endpoints = d->chain_count,
        .view_timeout_ms = (uint32_t)settings_number(&d->settings, "view_timeout_ms"),
        .status_ms = (uint32_t)settings_number(&d->settings, "status_ms"),
        .evaluation_slots = (uint32_t)settings_number(&d->settings, "evaluation_slots"),
        .approve_all = settings_bool(&d->settings, "approve_all"),
        .recall = *recall,
        .stake_min_rao = settings_number(&d->settings, "stake_min_tao") * 1000000000,
        .mempool_ops = (uint32_t)settings_number(&d->settings, "mempool_ops"),
        .mempool_bytes = (uint32_t)settings_number(&d->settings, "mempool_bytes"),
        .blob_bytes_max = (uint32_t)settings_number(&d->settings, "blob_bytes_max"),
        .blobs_bytes_max = settings_number(&d->settings, "store_bytes") / 2,
        .state_entries_max = LEDGER_ENTRIES_MAX,
        .state_bytes_max = LEDGER_BYTES_MAX,
        .input_bytes_max = LEDGER_INPUT_BYTES_MAX,
        .engine = sandbox_engine_id()};
    struct world world;
    memcpy(c.chain_names, d->chain_urls, d->chain_count * sizeof c.chain_names[0]);
    memcpy(c.secret, d->salt, sizeof c.secret);
    os_entropy((struct room){(uint8_t *)&c.seed, sizeof c.seed});
    daemon_world(d, &world);
    enum err e = node_open(&d->node, &c, &world, os_now_ms());
    sodium_memzero(c.secret, sizeof c.secret);
    if (e == ERR_NO_MEMORY)
        return daemon_say(d, EXIT_FAILED, "no memory for the node", d->data_dir, err_text(e),
                          "give the process more memory");
    if (e != ERR_OK)
        return store_trouble(d, ERR_CORRUPT, d->data_dir, err_text(e));
    for (size_t i = 0; i < d->replay_count; i++) {
        node_replay(d->node, d->replay[i]);
        free((void *)(uintptr_t)d->replay[i].ptr);
    }
    free(d->replay);
    d->replay = NULL;
    host_attach(d->host, d->node);
    return true;
}

/* --- the server */

static bool open_http(struct daemon *d)
{
    char *hosts[SETTING_LIST_MAX];
    view_init(&d->view, d->node, d->host, os_now_ms());
    struct rpc_config rc = {.view = &d->view.rpc,
                            .blob_bytes_max =
                                (uint32_t)settings_number(&d->settings, "blob_bytes_max")};
    rc.host_count =
        (uint32_t)min_u64(settings_list(&d->settings, "rpc_hosts", hosts), RPC_HOSTS_MAX);
    for (uint32_t i = 0; i < rc.host_count; i++)
        rc.hosts[i] = hosts[i];
    struct http_config hc = {.address = settings_text(&d->settings, "rpc_address"),
                             .port = (uint16_t)settings_number(&d->settings, "rpc_port"),
                             .connections = 256,
                             .streams = 64};
    enum err e = arena_open(&d->http_memory, rpc_arena_size(&rc) + http_arena_size(&hc) + 4096);
    if (e == ERR_OK)
        e = rpc_init(&d->rpc, &d->http_memory, &rc);
    hc.rpc = d->rpc;
    if (e == ERR_OK)
        e = http_open(&d->http, &d->http_memory, &d->loop, &hc);
    if (e == ERR_OK)
        return true;
    char where[96];
    const char *why = e == ERR_NO_MEMORY ? err_text(e) : strerror(errno);
    snprintf(where, sizeof where, "%s port %u", hc.address, hc.port);
    return daemon_say(d, EXIT_FAILED, "the RPC cannot listen", where, why,
                      "choose another --rpc-port or --rpc-address, or end the program that has it");
}

bool daemon_open(struct daemon *d, int argc, char **argv)
{
    struct node_recall recall = {0};
    const char *step = NULL;
    bool hard = harden_process(&step) == ERR_OK; /* No secret ever lies in a core. */
    if (!daemon_settings(d, argc, argv))
        return false;
    if (!hard || sodium_init() < 0 || uv_loop_init(&d->loop) < 0)
        return daemon_say(d, EXIT_FAILED, "the process cannot be set up", "the operating system",
                          hard ? strerror(errno) : step, NULL);
    return read_basics(d) && take_folder(d) && read_genesis(d) &&
           own_secret(d, "node.key", d->p2p_seed) && own_secret(d, "salt.key", d->salt) &&
           open_verifier(d) && open_stores(d, &recall) && open_host(d) && open_node(d, &recall) &&
           open_http(d) && daemon_children(d);
}
