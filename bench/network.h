/* network: four real validators and a development chain, started from this
 * build on free ports of loopback, for the benchmarks that need a whole network.
 * One thread; whatever goes wrong ends the program with a sentence. */
#ifndef BENCH_NETWORK_H
#define BENCH_NETWORK_H

#include <sys/types.h>

#include "base/arena.h"
#include "crypto/sr25519.h"
#include "crypto/ss58.h"
#include "ledger_msg.h"

enum { NETWORK_NODES = 4, NETWORK_ANSWER_MAX = 1 << 16 };

struct network {
    char dir[64];
    pid_t chain, nodes[NETWORK_NODES];
    uint16_t port; /* the first of a dozen */
    struct hash id;
    uint64_t epoch;
    char hotkeys[NETWORK_NODES][SS58_TEXT_MAX];
    int rpc[NETWORK_NODES]; /* kept open; -1: not yet */
    char answer[NETWORK_ANSWER_MAX];
};

struct wallet {
    struct sr25519_keypair *key;
    uint64_t nonce;
};

void network_die(const char *what);
uint64_t network_us(void); /* monotonic */

/* Fresh nodes in ./NAME, ready to decide. */
void network_start(struct network *n, const char *name);
void network_stop(struct network *n);

/* One HTTP request with a JSON body; the answer's body, until the next one. */
const char *network_call(struct network *n, uint32_t node, const char *body);
/* The number behind "key": of an answer. */
uint64_t network_number(const char *answer, const char *key);
/* The event stream of a node: a socket from which lines can be read. */
int network_events(struct network *n, uint32_t node);
uint32_t network_leader(struct network *n, uint32_t ask);

void wallet_open(struct wallet *w, const char *uri);
/* A signed operation as the text of one JSON-RPC request, and its id. */
size_t network_op(struct network *n, struct wallet *w, const struct op_body *body, char *text,
                  size_t text_size, struct hash *id);

/* CPU time of the nodes and of what they started. */
uint64_t network_cpu_us(const struct network *n);
uint64_t network_rss_kib(const struct network *n, uint32_t node);

#endif
