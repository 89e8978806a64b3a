/* What platformd can be told, and what is wrong with what it was told. */
#include "cmd/daemon.h"

#include "crypto/ss58.h"

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
     expect_hotkey, .hidden = true},
    {"hotkey_file", SETTING_TEXT, "", 0, 0, NULL, "file with the hotkey, read by platform-signer"},
    {"hotkey_env", SETTING_TEXT, "", 0, 0, NULL,
     "name of the environment variable with the hotkey"},
    {"hotkey_credential", SETTING_TEXT, "", 0, 0, NULL, "systemd credential with the hotkey"},
    {"hotkey_password_file", SETTING_TEXT, "", 0, 0, NULL,
     "file with the password of an encrypted hotkey"},
    {"hotkey_password_env", SETTING_TEXT, "", 0, 0, NULL,
     "name of the environment variable with that password"},
    {"hotkey_password_credential", SETTING_TEXT, "", 0, 0, NULL,
     "systemd credential with that password"},
    {"signer_dir", SETTING_TEXT, "", 0, 0, NULL,
     "folder of the signer's guard; empty: DATA_DIR/signer"},
    {"new_guard", SETTING_BOOL, "false", 0, 0, NULL,
     "begin a new guard in place of one that is lost: the key must have signed nowhere since"},
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
     "most bytes of the store; blobs may take half"},
    {"log_format", SETTING_CHOICE, "text", 0, 0, "text json", "form of the log"},
    {"log_level", SETTING_CHOICE, "info", 0, 0, "debug info warn error", "least level logged"},
};

/* --- what they say together */

static uint32_t given(const struct settings *s, const char *const names[3])
{
    uint32_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        const char *value = settings_text(s, names[i]);
        count += value != NULL && *value != '\0';
    }
    return count;
}

static uint32_t count_items(const char *list)
{
    uint32_t count = 0;
    while (list != NULL && *(list += strspn(list, ", ")) != '\0') {
        list += strcspn(list, ", ");
        count++;
    }
    return count;
}

static uint32_t check_count(const struct settings *s, FILE *to, const char *name, uint32_t least,
                            uint32_t most)
{
    const char *value = settings_text(s, name);
    uint32_t count = count_items(value);
    if (value == NULL || (count >= least && count <= most))
        return 0;
    fprintf(to, "error: %s has %u addresses; it takes from %u to %u\n", name, count, least, most);
    return 1;
}

static uint32_t together(const struct settings *s, FILE *to)
{
    static const char *const keys[] = {"hotkey_file", "hotkey_env", "hotkey_credential"};
    static const char *const passwords[] = {"hotkey_password_file", "hotkey_password_env",
                                            "hotkey_password_credential"};
    const char *hotkey = settings_text(s, "hotkey");
    bool validator = hotkey != NULL && *hotkey != '\0';
    uint32_t wrong = 0, count = given(s, keys);
    if (validator && count == 0 && ++wrong > 0)
        fputs("error: a validator needs its key: set hotkey_file, hotkey_env or hotkey_credential, "
              "or leave hotkey empty to observe\n",
              to);
    if (count > 1 && ++wrong > 0)
        fputs("error: the key has more than one source: set one of hotkey_file, hotkey_env, "
              "hotkey_credential\n",
              to);
    if (!validator && count > 0 && ++wrong > 0)
        fputs("error: a key is given, and hotkey is empty: set hotkey to its SS58 address "
              "(`platform key show FILE` prints it)\n",
              to);
    if (given(s, passwords) > 1 && ++wrong > 0)
        fputs("error: the password has more than one source: set one of hotkey_password_file, "
              "hotkey_password_env, hotkey_password_credential\n",
              to);
    return wrong + check_count(s, to, "chain", 1, DAEMON_CHAINS_MAX) +
           check_count(s, to, "listen", 0, P2P_LISTEN_MAX) +
           check_count(s, to, "bootstrap", 0, P2P_BOOTSTRAP_MAX);
}

bool daemon_settings(struct daemon *d, int argc, char **argv)
{
    return cmd_settings_serving(&d->settings, table, COUNT_OF(table), argc, argv, together,
                                &d->json, &d->exit_code);
}
