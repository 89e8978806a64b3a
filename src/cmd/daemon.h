/* daemon: the parts of platformd and what joins them to one libuv loop.
 *
 * Layer: L6.  One turn of the loop: sockets and children report events to the
 * node, then daemon_turn lets it act: it asks the signer, then the journal is
 * flushed while the signer works, then what both allow is sent. */
#ifndef CMD_DAEMON_H
#define CMD_DAEMON_H

#include <limits.h>
#include <uv.h>

#include "cmd/cmd_settings.h"
#include "cmd/logline.h"
#include "crypto/secret.h"
#include "node/host.h"
#include "node/view.h"
#include "os/child.h"
#include "os/http.h"
#include "os/journal_file.h"
#include "os/net.h"
#include "os/pool.h"
#include "os/ws.h"
#include "rpc/rpc.h"

enum { DAEMON_CHAINS_MAX = CHAIN_ENDPOINTS_MAX, DAEMON_PATH_MAX = 3584 };

/* What our children are started with; child and pool keep pointers into it. */
struct daemon_children {
    char worker[PATH_MAX], signer[PATH_MAX], signer_dir[PATH_MAX];
    char credentials[PATH_MAX + 32]; /* NAME=VALUE, the signer's environment */
    const char *signer_args[20], *signer_env[2];
    /* Key and password, when they came by the environment: kept for a signer that is started again.
     */
    struct secret *key, *password;
};

struct daemon {
    struct settings settings;
    uv_loop_t loop;
    uv_timer_t timer; /* of the next turn */
    uv_idle_t idle;   /* active: the next turn is due, after one look at the sockets */
    uv_check_t check;
    uv_signal_t on_int, on_term;
    bool stopping, turning;
    int exit_code;

    char data_dir[DAEMON_PATH_MAX], program_dir[DAEMON_PATH_MAX];
    struct span genesis;
    struct hash network;
    uint16_t netuid;
    struct hotkey hotkey;
    uint8_t p2p_seed[32], salt[32];
    enum logline_format log_format;
    enum trace_level log_level;

    struct db *db;
    struct journal_file *journal;
    struct arena verifier_memory, http_memory;
    struct verifier_sr25519 *sr25519;
    uint64_t prepared_epoch; /* + 1; whose members' keys are prepared */
    struct net *net;
    struct host *host;
    struct node *node;
    struct view view;
    struct rpc *rpc;
    struct http *http;
    struct daemon_children children;
    struct child *signer;
    struct pool *pool;
    struct ws *chain;
    char *chain_urls[DAEMON_CHAINS_MAX];
    uint32_t chain_count;

    uint64_t flush_ticket; /* asked for and not yet done */
    bool new_guard;        /* nothing was ever voted from this folder */
    struct span *replay;   /* records read before the node existed */
    size_t replay_count, replay_room;
    uint64_t refused[64]; /* evaluations that found no worker */
    uint32_t refused_count;
    bool chain_refused;
    bool json; /* errors are a line of JSON */
};

/* --- daemon_open.c: everything before the loop runs; false: said why. */
bool daemon_open(struct daemon *d, int argc, char **argv);
/* --- daemon_settings.c */
bool daemon_settings(struct daemon *d, int argc, char **argv);
/* --- daemon_children.c: signer and workers. */
bool daemon_children(struct daemon *d);

/* --- daemon_world.c */
void daemon_world(struct daemon *d, struct world *w);
void daemon_turn(struct daemon *d);
void daemon_on_signer_up(void *ctx);
void daemon_on_signer_frame(void *ctx, struct span frame);
void daemon_on_signer_down(void *ctx, int64_t status, int signal);
void daemon_on_answer(void *ctx, uint64_t token, struct span answer, enum pool_end end);
struct net_callbacks daemon_net_callbacks(struct daemon *d);
void daemon_stop(struct daemon *d, int code);

/* --- daemon_chain.c */
void daemon_chain_dial(struct daemon *d, uint32_t endpoint);

/* An error for the operator: what, where, why, what to do; any but what may be NULL.
 * code (platform_exit) is what the program ends with, when this ends it. */
bool daemon_say(struct daemon *d, int code, const char *what, const char *where, const char *why,
                const char *fix);

#endif
