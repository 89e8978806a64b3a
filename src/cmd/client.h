/* client: what the commands that talk to a node have in common: options, calls
 * of its JSON-RPC, signed operations, blobs.
 *
 * Layer: L6.  Each call that fails has said so on standard error (cmd_complain)
 * and left its exit code in c->code, unless its contract says otherwise.
 * Options of every command: --rpc URL (PLATFORM_RPC), --timeout-s N, --json.
 * With --json exactly one JSON document is written to standard output. */
#ifndef CMD_CLIENT_H
#define CMD_CLIENT_H

#include <jansson.h>

#include "base/base.h"
#include "cmd/platform.h"
#include "crypto/sr25519.h"
#include "ledger_msg.h"

enum { CLIENT_WORDS_MAX = 4, CLIENT_POLL_MS = 200, CLIENT_PIECE_MAX = 60000 };

/* An option with a value, or (flag) without. */
struct client_option {
    const char *name; /* "--out" */
    const char **value;
    bool *flag;
};

struct client {
    const char *rpc;
    bool json;
    uint64_t timeout_ms; /* for a command as a whole, where it waits */
    uint64_t deadline_ms;
    const char *words[CLIENT_WORDS_MAX]; /* what is no option */
    uint32_t word_count;
    int code;          /* platform_exit of what failed */
    int rpc_code;      /* of the last answer; 0: none */
    char message[256]; /* why the last call failed */
    char reject[64];   /* the ledger's code, or "" */
};

/* What --help says of the options that all of them have. */
extern const char client_common_options[];

/* client_open reads argv[1 ..]; usage is printed for --help and for what is
 * wrong.  False: the command ends with c->code. */
bool client_open(struct client *c, const char *usage, const struct client_option *options,
                 uint32_t option_count, uint32_t words_min, uint32_t words_max, int argc,
                 char **argv);

/* client_ask: a new reference to the result, or NULL with rpc_code, message,
 * reject and code; says nothing.  params is given.  client_call complains. */
json_t *client_ask(struct client *c, const char *method, json_t *params);
json_t *client_call(struct client *c, const char *method, json_t *params);
int client_complain(struct client *c, const char *what);

/* Polling: false when the deadline has come, else true after a short pause. */
bool client_pause(struct client *c);

/* Prints result as the command's one document, and gives it back.  EXIT_DONE. */
int client_print(json_t *result);

/* client_challenge: ID, or a name, of which an active one is meant before others;
 * a new reference to its object. */
json_t *client_challenge(struct client *c, const char *name_or_id);

/* Members of answers, with 0, "" and false for what is not there. */
uint64_t client_number(const json_t *o, const char *key);
const char *client_text(const json_t *o, const char *key);
bool client_hash(const char *text, struct hash *out);
json_t *client_hex(struct span bytes);
/* hex of a text, in malloc'd memory.  ERR_MALFORMED; ERR_NO_MEMORY. */
enum err client_bytes(const char *hex, struct span *out);

/* client_read_key: the hotkey in a file, or in standard input ('-'), with the password that
 * PLATFORM_KEY_PASSWORD holds until then.  No core of this process is written any more.  False:
 * complained, *code. */
bool client_read_key(const char *path, struct sr25519_keypair **key, int *code);

/* client_blob_put: sends bytes piece by piece; again when another client was in
 * between. */
bool client_blob_put(struct client *c, struct span bytes, struct hash *name);

/* client_send_op signs body with the hotkey in the file and hands it in; a
 * nonce that another operation took meanwhile is replaced.  With wait it returns
 * when the operation is executed.  A reject is told in words. */
bool client_send_op(struct client *c, const char *hotkey_file, const struct op_body *body,
                    bool wait, struct hash *id);
/* What a reject code means to the one who sent the operation. */
const char *client_reject_text(const char *reject);
/* client_refused complains of an operation with this reject code; returns c->code. */
int client_refused(struct client *c, const char *what, const char *reject);
/* client_is_address: else complains. */
bool client_is_address(struct client *c, const char *text);

#endif
