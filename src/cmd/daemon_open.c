#include "cmd/daemon.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "codec/hex.h"
#include "crypto/sr25519.h"
#include "crypto/ss58.h"
#include "crypto/verifier.h"
#include "os/files.h"
#include "sandbox/sandbox.h"

/* --- what settings may be; see struct setting */

static const char *expect_hotkey(const char *value)
{
    struct hotkey key;
    return ss58_to_hotkey(span_of(value, strlen(value)), &key) == ERR_OK
               ? NULL
               : "an SS58 address of this chain, which begins with 5";
}

static const char *expect_endpoint(const char *value)
{
    struct p2p_endpoint e;
    return p2p_endpoint_parse(value, &e) == ERR_OK
               ? NULL
               : "a multiaddr such as /ip4/203.0.113.7/tcp/7800 or /ip6/::1/tcp/7800";
}

static const char *expect_chain(const char *value)
{
    return strncmp(value, "ws://", 5) == 0 || strncmp(value, "wss://", 6) == 0
               ? NULL
               : "an address such as ws://127.0.0.1:9944";
}

static const char *expect_ip(const char *value)
{
    struct sockaddr_in6 six;
    struct sockaddr_in four;
    return uv_ip4_addr(value, 0, &four) == 0 || uv_ip6_addr(value, 0, &six) == 0
               ? NULL
               : "an IP address such as 127.0.0.1";
}

static const struct setting table[] = {
    {"data_dir", SETTING_TEXT, NULL, 0, 0, NULL, "folder of this node's data"},
    {"genesis", SETTING_TEXT, NULL, 0, 0, NULL, "genesis file of the network"},
    {"hotkey", SETTING_TEXT, "", 0, 0, NULL, "SS58 address of the validator; empty: an observer",
     expect_hotkey},
    {"hotkey_file", SETTING_TEXT, "", 0, 0, NULL, "file with the hotkey, read by platform-signer"},
    {"hotkey_env", SETTING_TEXT, "", 0, 0, NULL, "environment variable with the hotkey"},
    {"hotkey_credential", SETTING_TEXT, "", 0, 0, NULL, "systemd credential with the hotkey"},
    {"signer_dir", SETTING_TEXT, "", 0, 0, NULL, "folder of the signer's guard; DATA_DIR/signer"},
    {"chain", SETTING_LIST, NULL, 0, 0, NULL, "WebSocket addresses of the chain", expect_chain},
    {"listen", SETTING_LIST, "/ip4/127.0.0.1/tcp/7800", 0, 0, NULL, "multiaddrs to listen on",
     expect_endpoint},
    {"bootstrap", SETTING_LIST, "", 0, 0, NULL, "multiaddrs of peers, with /p2p/ID if known",
     expect_endpoint},
    {"rpc_address", SETTING_TEXT, "127.0.0.1", 0, 0, NULL, "address of the RPC and dashboard",
     expect_ip},
    {"rpc_port", SETTING_NUMBER, "7810", 0, 65535, NULL, "port of the RPC and dashboard"},
    {"rpc_hosts", SETTING_LIST, "", 0, 0, NULL, "host names that the RPC answers to"},
    {"evaluation_slots", SETTING_NUMBER, "2", 1, 64, NULL, "evaluations at a time"},
    {"view_timeout_ms", SETTING_NUMBER, "1000", 50, 600000, NULL, "base of the view timer"},
    {"status_ms", SETTING_NUMBER, "500", 50, 60000, NULL, "period of status exchange"},
    {"approve_all", SETTING_BOOL, "false", 0, 0, NULL, "approve every challenge of the owner"},
    {"stake_min_tao", SETTING_NUMBER, "1000", 0, 21000000, NULL, "least stake of a validator"},
    {"new_network", SETTING_BOOL, "false", 0, 0, NULL,
     "this is the first start of a new network: vote from its genesis on"},
    {"connections", SETTING_NUMBER, "128", 4, P2P_CONNECTIONS_MAX, NULL, "connections in all"},
    {"connections_pending", SETTING_NUMBER, "64", 1, 4096, NULL, "connections in the handshake"},
    {"connections_per_address", SETTING_NUMBER, "8", 1, 4096, NULL, "connections of one address"},
    {"streams_per_connection", SETTING_NUMBER, "64", 16, 256, NULL, "streams of one connection"},
    {"buffered_per_peer", SETTING_NUMBER, "8388608", 1048576, 1073741824, NULL,
     "bytes buffered for one peer"},
    {"handshake_ms", SETTING_NUMBER, "10000", 100, 120000, NULL, "deadline of a handshake"},
    {"blob_bytes_max", SETTING_NUMBER, "1048576", 1024, 16777216, NULL, "largest blob"},
    {"mempool_ops", SETTING_NUMBER, "8192", 64, 1048576, NULL, "operations that may wait"},
    {"mempool_bytes", SETTING_NUMBER, "16777216", 65536, 1073741824, NULL, "their bytes"},
    {"store_bytes", SETTING_NUMBER, "8589934592", 16777216, 1099511627776, NULL,
     "most bytes of the store"},
    {"log_format", SETTING_CHOICE, "text", 0, 0, "text json", "form of the log"},
    {"log_level", SETTING_CHOICE, "info", 0, 0, "debug info warn error", "least level logged"},
};

void daemon_say(const char *what, const char *where, const char *why, const char *fix)
{
    fprintf(stderr, "error: %s\n", what);
    if (where != NULL)
        fprintf(stderr, "  where: %s\n", where);
    if (why != NULL)
        fprintf(stderr, "  why:   %s\n", why);
    if (fix != NULL)
        fprintf(stderr, "  fix:   %s\n", fix);
}

/* --- folders and files */

static bool take_folder(struct daemon *d)
{
    int fd;
    snprintf(d->data_dir, sizeof d->data_dir, "%s", settings_text(&d->settings, "data_dir"));
    enum err e = folder_make(d->data_dir);
    if (e == ERR_OK)
        e = folder_lock(d->data_dir, &fd);
    if (e == ERR_OK)
        return true;
    if (e == ERR_CONFLICT)
        daemon_say("another platformd has this data folder", d->data_dir, NULL,
                   "stop it, or give this one a --data-dir of its own");
    else
        daemon_say("the data folder cannot be used", d->data_dir, strerror(errno),
                   "check its owner and permissions");
    return false;
}

/* 32 secret bytes of this node's own, made when they are not there. */
static bool own_secret(struct daemon *d, const char *name, uint8_t out[32])
{
    char path[PATH_MAX];
    struct span bytes;
    snprintf(path, sizeof path, "%s/%s", d->data_dir, name);
    enum err e = file_read(path, 32, &bytes);
    if (e == ERR_NOT_FOUND) {
        os_entropy((struct room){out, 32});
        e = file_write(path, span_of(out, 32), 0600);
    } else if (e == ERR_OK && bytes.len == 32) {
        memcpy(out, bytes.ptr, 32);
        sodium_memzero((void *)(uintptr_t)bytes.ptr, 32);
        free((void *)(uintptr_t)bytes.ptr);
    } else {
        e = ERR_CORRUPT;
    }
    if (e != ERR_OK)
        daemon_say("a key of this node cannot be read or made", path, err_text(e), NULL);
    return e == ERR_OK;
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
    } else {
        daemon_say("the genesis file cannot be used", path, err_text(e),
                   "get the file that the network's founders published; see `platform genesis`");
    }
    arena_close(&scratch);
    return e == ERR_OK;
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
    if (d->chain_count == 0)
        daemon_say("chain names no address", NULL, NULL, "for example --chain ws://127.0.0.1:9944");
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        snprintf(d->program_dir, sizeof d->program_dir, "%s", dirname(self));
    }
    return d->chain_count > 0;
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

/* Whether this node may vote at once: what it voted before is all here, or it
 * never voted because the network is new (R18). */
static bool open_stores(struct daemon *d, bool *whole)
{
    char path[PATH_MAX];
    const char *why;
    bool journal_is_new;
    struct span checkpoint;
    snprintf(path, sizeof path, "%s/store", d->data_dir);
    enum err e = folder_make(path);
    if (e == ERR_OK)
        e = db_lmdb_open(&d->db, path, settings_number(&d->settings, "store_bytes"), &d->network,
                         &why);
    if (e != ERR_OK) {
        daemon_say("the store cannot be opened", path, why, NULL);
        return false;
    }
    bool store_is_new =
        db_get(d->db, DB_META, SPAN_LITERAL("checkpoint"), &checkpoint) == ERR_NOT_FOUND;
    e = journal_file_open(&d->journal, d->data_dir, "journal", &d->network, on_record, d,
                          &journal_is_new, &why);
    if (e != ERR_OK) {
        daemon_say("the journal cannot be opened", d->data_dir, why,
                   "a node whose journal is damaged must not vote: keep the folder for a report, "
                   "start from an empty one, and it votes again from the next epoch on");
        return false;
    }
    *whole = journal_is_new ? store_is_new && settings_bool(&d->settings, "new_network") : true;
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
    if (e != ERR_OK)
        daemon_say("the signature code cannot be used", NULL, err_text(e),
                   "check memory, and that libsodium is the one of the distribution");
    return e == ERR_OK;
}

static bool parse_endpoints(struct daemon *d, const char *name, struct p2p_endpoint *out,
                            uint32_t max, uint32_t *count)
{
    char *items[SETTING_LIST_MAX];
    *count = settings_list(&d->settings, name, items);
    if (*count > max) {
        daemon_say("too many addresses", name, NULL, NULL);
        return false;
    }
    for (uint32_t i = 0; i < *count; i++)
        if (p2p_endpoint_parse(items[i], &out[i]) != ERR_OK) {
            daemon_say("not a multiaddr", items[i], name,
                       "for example /ip4/203.0.113.7/tcp/7800 or /ip6/::1/tcp/7800");
            return false;
        }
    return true;
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
        return false;
    for (uint32_t i = 0; i < c->listen_count; i++) {
        char text[P2P_ADDRESS_TEXT_MAX];
        if (net_listen(d->net, &c->listen[i], &c->listen[i].port) == ERR_OK)
            continue;
        const char *why = strerror(errno);
        p2p_endpoint_text(&c->listen[i], text);
        daemon_say("cannot listen for peers", text, why, "choose another --listen");
        return false;
    }
    return true;
}

static bool open_host(struct daemon *d)
{
    struct p2p_config c = {.agent = "platform/" PLATFORM_VERSION, .target_peers = 32};
    struct p2p_endpoint bootstrap[P2P_BOOTSTRAP_MAX];
    uint32_t count;
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
    if (!parse_endpoints(d, "listen", c.listen, COUNT_OF(c.listen), &c.listen_count) ||
        !parse_endpoints(d, "bootstrap", bootstrap, P2P_BOOTSTRAP_MAX, &count) ||
        !listen_all(d, &c))
        return false;
    struct host_carrier carrier = {d, carrier_dial, carrier_write, carrier_hang_up};
    enum err e = host_open(&d->host, &c, &carrier, &d->network, os_now_ms());
    sodium_memzero(c.identity_seed, sizeof c.identity_seed);
    for (uint32_t i = 0; i < count && e == ERR_OK; i++)
        e = p2p_bootstrap(host_p2p(d->host), &bootstrap[i]);
    if (e != ERR_OK)
        daemon_say("the network part cannot start", NULL, err_text(e), NULL);
    return e == ERR_OK;
}

static bool open_node(struct daemon *d, bool whole)
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
        .store_is_whole = whole,
        .stake_min_rao = settings_number(&d->settings, "stake_min_tao") * 1000000000,
        .mempool_ops = (uint32_t)settings_number(&d->settings, "mempool_ops"),
        .mempool_bytes = (uint32_t)settings_number(&d->settings, "mempool_bytes"),
        .blob_bytes_max = (uint32_t)settings_number(&d->settings, "blob_bytes_max"),
        .state_entries_max = LEDGER_ENTRIES_MAX,
        .state_bytes_max = LEDGER_BYTES_MAX,
        .engine = sandbox_engine_id()};
    struct world world;
    memcpy(c.secret, d->salt, sizeof c.secret);
    os_entropy((struct room){(uint8_t *)&c.seed, sizeof c.seed});
    daemon_world(d, &world);
    enum err e = node_open(&d->node, &c, &world, os_now_ms());
    sodium_memzero(c.secret, sizeof c.secret);
    if (e != ERR_OK) {
        daemon_say("the node cannot start from its store", d->data_dir, err_text(e),
                   e == ERR_NO_MEMORY ? "give the process more memory"
                                      : "keep the folder for a report and start from an empty one");
        return false;
    }
    for (size_t i = 0; i < d->replay_count; i++) {
        node_replay(d->node, d->replay[i]);
        free((void *)(uintptr_t)d->replay[i].ptr);
    }
    free(d->replay);
    d->replay = NULL;
    host_attach(d->host, d->node);
    return true;
}

/* --- the servers and the children */

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
    if (e != ERR_OK)
        daemon_say("the RPC cannot listen", hc.address, strerror(errno),
                   "choose another --rpc-port");
    return e == ERR_OK;
}

/* What the signer may see of our environment: where its key is, nothing else. */
static void signer_environment(struct daemon_children *c, const char *key_variable)
{
    size_t count = 0;
    const char *value = getenv("CREDENTIALS_DIRECTORY");
    if (value != NULL) {
        snprintf(c->credentials, sizeof c->credentials, "CREDENTIALS_DIRECTORY=%s", value);
        c->signer_env[count++] = c->credentials;
    }
    value = key_variable != NULL ? getenv(key_variable) : NULL;
    if (value != NULL) {
        snprintf(c->key, sizeof c->key, "%s=%s", key_variable, value);
        c->signer_env[count++] = c->key;
    }
    c->signer_env[count] = NULL;
}

static bool start_signer(struct daemon *d, const char *flag, const char *value, bool is_variable)
{
    struct daemon_children *own = &d->children;
    const char *given = settings_text(&d->settings, "signer_dir");
    snprintf(own->signer, sizeof own->signer, "%s/platform-signer", d->program_dir);
    if (*given != '\0')
        snprintf(own->signer_dir, sizeof own->signer_dir, "%s", given);
    else
        snprintf(own->signer_dir, sizeof own->signer_dir, "%s/signer", d->data_dir);
    const char *const list[] = {own->signer,
                                "--fd",
                                "3",
                                "--dir",
                                own->signer_dir,
                                "--genesis",
                                settings_text(&d->settings, "genesis"),
                                flag,
                                value,
                                NULL};
    static_assert(sizeof list == sizeof own->signer_args);
    memcpy(own->signer_args, list, sizeof list);
    signer_environment(own, is_variable ? value : NULL);
    struct child_config c = {.program = own->signer,
                             .args = own->signer_args,
                             .env = own->signer_env,
                             .frame_max = 1 << 20,
                             .restart_ms = 1000,
                             .ctx = d,
                             .on_up = daemon_on_signer_up,
                             .on_frame = daemon_on_signer_frame,
                             .on_down = daemon_on_signer_down};
    return folder_make(own->signer_dir) == ERR_OK && child_open(&d->signer, &d->loop, &c) == ERR_OK;
}

static bool open_signer(struct daemon *d)
{
    static const char *const from[] = {"hotkey_file", "hotkey_env", "hotkey_credential"};
    static const char *const flags[] = {"--key-file", "--key-env", "--key-credential"};
    if (hash_is_zero((const struct hash *)(const void *)&d->hotkey))
        return true;
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        const char *value = settings_text(&d->settings, from[i]);
        if (*value == '\0')
            continue;
        if (start_signer(d, flags[i], value, i == 1))
            return true;
        daemon_say("platform-signer cannot be started", d->program_dir, strerror(errno), NULL);
        return false;
    }
    daemon_say("a validator needs its hotkey", "hotkey_file, hotkey_env or hotkey_credential",
               "none is set", "set one, or leave --hotkey empty to observe");
    return false;
}

static bool open_pool(struct daemon *d)
{
    char *program = d->children.worker;
    snprintf(program, sizeof d->children.worker, "%s/platform-worker", d->program_dir);
    struct pool_config c = {.program = program,
                            .slots = (uint32_t)settings_number(&d->settings, "evaluation_slots"),
                            .engine = sandbox_engine_id(),
                            .ctx = d,
                            .on_answer = daemon_on_answer};
    if (hash_is_zero((const struct hash *)(const void *)&d->hotkey))
        return true; /* An observer evaluates nothing. */
    return pool_open(&d->pool, &d->loop, &c) == ERR_OK;
}

bool daemon_open(struct daemon *d, int argc, char **argv)
{
    bool help, whole = false;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* No secret ever lies in a core. */
    if (!settings_read(&d->settings, table, COUNT_OF(table), argc, argv, &help)) {
        d->exit_code = help ? 0 : 2;
        return false;
    }
    d->exit_code = 1;
    if (sodium_init() < 0 || uv_loop_init(&d->loop) < 0)
        return false;
    return read_basics(d) && take_folder(d) && read_genesis(d) &&
           own_secret(d, "node.key", d->p2p_seed) && own_secret(d, "salt.key", d->salt) &&
           open_verifier(d) && open_stores(d, &whole) && open_host(d) && open_node(d, whole) &&
           open_http(d) && open_signer(d) && open_pool(d);
}
