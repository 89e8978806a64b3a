/* Signed operations: from a body to its fate. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/client.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/ss58.h"
#include "ledger/ledger.h"
#include "os/files.h"
#include "os/harden.h"
#include "rpc/rpc.h"
#include "signer/keyfile.h"

enum { SEND_TRIES = 5, NONCE_SPREAD = 48, UNKNOWN_MAX = 25 };

static_assert((int)NONCE_SPREAD * 4 < (int)REPLAY_WINDOW);

/* What a reject code means to the one who sent the operation, and what to do. */
static const struct reject_words {
    const char *code, *why, *fix;
} reject_words[] = {
    {"bad_signature", "the signature is not the signer's", "sign it with the hotkey that it names"},
    {"wrong_network", "it is signed for another network", "ask a node of that network (--rpc)"},
    {"wrong_epoch", "its epoch has passed, or is not there yet", "send it again"},
    {"replayed", "its nonce has been used", "send it again"},
    {"not_owner", "only the subnet owner's hotkey may do this",
     "name the owner's key with --hotkey"},
    {"not_validator", "only a validator of the current set may do this",
     "name the key of one of `platform validators` with --hotkey"},
    {"unknown_challenge", "there is no such challenge", "see `platform challenge list`"},
    {"challenge_state",
     "the challenge is not in the state that this needs: it goes from registered to approved to "
     "active to retired",
     "see `platform challenge list`; activate --wait waits for the approval"},
    {"duplicate",
     "the same has been done before; a submission's bytes count once, whoever sent them",
     "nothing is left to do; `platform submission list` shows the first one"},
    {"unknown_submission", "there is no such submission", "see `platform submission list`"},
    {"commit_missing", "nothing was committed before the reveal", NULL},
    {"commit_mismatch", "it is not what was committed", NULL},
    {"window_closed", "the window for it is closed", NULL},
    {"not_segment_end", "not at the end of a segment", NULL},
    {"wrong_set", "another set of validators follows", NULL},
    {"wrong_matrix", "another weight matrix follows from the state", NULL},
    {"wrong_seal", "the log is another one", NULL},
    {"bad_evidence", "it does not prove anything", NULL},
    {"limit",
     "over a limit: too many submissions in this epoch, too large for the challenge's input cap, "
     "shares of the active challenges over 10,000, or the state is full",
     "see the caps in `platform challenge show`, or try again in the next epoch"},
    {"malformed", "not a well-formed operation: a name, share, policy or size is out of bounds",
     "`platform challenge check DIR` tells which; docs/authors.md has the bounds"},
    {"too_late", "too late in this epoch", "send it again in the next one"},
    {"not_registered", "the hotkey is not registered on the subnet",
     "register it on the chain; the network sees it from the next epoch on"},
};

static const struct reject_words *words_of(const char *reject)
{
    static const struct reject_words other = {"", "the network refused it", NULL};
    for (size_t i = 0; i < COUNT_OF(reject_words); i++)
        if (strcmp(reject_words[i].code, reject) == 0)
            return &reject_words[i];
    return &other;
}

const char *client_reject_text(const char *reject)
{
    return words_of(reject)->why;
}

int client_refused(struct client *c, const char *what, const char *reject)
{
    const struct reject_words *w = words_of(reject);
    return cmd_complain(c->code, what, reject, w->why, w->fix);
}

static enum err read_input(const char *path, struct span *out)
{
    if (strcmp(path, "-") != 0)
        return file_read(path, KEYFILE_SIZE_MAX, out);
    uint8_t *bytes = malloc(KEYFILE_SIZE_MAX + 1);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    *out = span_of(bytes, fread(bytes, 1, KEYFILE_SIZE_MAX + 1, stdin));
    return ERR_OK;
}

bool client_read_key(const char *path, struct sr25519_keypair **key, int *code)
{
    static const char variable[] = "PLATFORM_KEY_PASSWORD";
    struct span bytes = {0}, password = {0};
    const char *step = NULL;
    char *given = getenv(variable);
    if (given != NULL)
        password = span_of(given, strlen(given));
    enum err e = harden_process(&step);
    if (e == ERR_OK)
        e = read_input(path, &bytes);
    if (e == ERR_OK)
        e = keyfile_parse(bytes, password, key);
    if (bytes.ptr != NULL) {
        secret_wipe((void *)(uintptr_t)bytes.ptr, bytes.len);
        free((void *)(uintptr_t)bytes.ptr);
    }
    if (given != NULL) {
        secret_wipe(given, password.len); /* also what /proc shows of us */
        unsetenv(variable);
    }
    if (e == ERR_OK)
        return true;
    *code = cmd_complain(EXIT_FAILED, "the hotkey cannot be read", path, cmd_file_why(e),
                         e == ERR_DENIED ? "set PLATFORM_KEY_PASSWORD" : NULL);
    return false;
}

static struct sr25519_keypair *read_key(struct client *c, const char *path)
{
    struct sr25519_keypair *key = NULL;
    if (path == NULL)
        c->code = cmd_complain(EXIT_USAGE, "no hotkey is named", NULL, NULL,
                               "--hotkey FILE; `platform key new FILE` makes one");
    else
        client_read_key(path, &key, &c->code);
    return key;
}

/* The network, the epoch and a nonce, as the node sees them now. */
static bool fill_content(struct client *c, struct op_content *content)
{
    char signer[SS58_TEXT_MAX];
    ss58_from_hotkey(&content->signer, signer);
    json_t *status = client_call(c, "node_status", NULL);
    json_t *nonce =
        status == NULL ? NULL : client_call(c, "nonce_get", json_pack("{s:s}", "signer", signer));
    bool ok = nonce != NULL && client_hash(client_text(status, "network"), &content->network);
    if (ok) {
        content->epoch = client_number(status, "epoch");
        /* Several clients of one hotkey seldom meet, and stay within the window. */
        content->nonce = (uint64_t)json_integer_value(nonce) + randombytes_uniform(NONCE_SPREAD);
    }
    json_decref(status);
    json_decref(nonce);
    return ok;
}

static struct span sign(const struct sr25519_keypair *key, const struct op_content *content,
                        struct room out)
{
    struct op op = {.content = *content};
    uint8_t entropy[SR25519_ENTROPY_SIZE];
    struct span message;
    op_signing_bytes(content, out, &message);
    if (message.ptr == NULL)
        return (struct span){0};
    randombytes_buf(entropy, sizeof entropy);
    sr25519_sign(key, message, entropy, &op.signature);
    return op_encode(&op, out);
}

enum fate { FATE_EXECUTED, FATE_AGAIN, FATE_FAILED };

/* A nonce that was taken, or an epoch that ended meanwhile: nobody's fault. */
static enum fate rejected(struct client *c, const char *reject)
{
    if (strcmp(reject, "replayed") == 0 || strcmp(reject, "wrong_epoch") == 0)
        return FATE_AGAIN;
    c->code = EXIT_REFUSED;
    client_refused(c, "the operation is refused", reject);
    return FATE_FAILED;
}

static enum fate await(struct client *c, const struct hash *id)
{
    uint32_t unknown = 0;
    for (;;) {
        json_t *status =
            client_call(c, "op_status", json_pack("{s:o}", "id", client_hex(hash_span(id))));
        if (status == NULL)
            return FATE_FAILED;
        char state[32], reject[64];
        snprintf(state, sizeof state, "%s", client_text(status, "state"));
        snprintf(reject, sizeof reject, "%s", client_text(status, "reject"));
        json_decref(status);
        if (strcmp(state, "executed") == 0)
            return FATE_EXECUTED;
        if (strcmp(state, "rejected") == 0)
            return rejected(c, reject);
        /* Dropped from the queue: it was overtaken. */
        if (strcmp(state, "unknown") == 0 && ++unknown > UNKNOWN_MAX)
            return FATE_AGAIN;
        if (!client_pause(c))
            break;
    }
    c->code = cmd_complain(EXIT_NOT_READY, "the operation is not decided yet", c->rpc,
                           "the network did not decide it in time",
                           "wait longer with --timeout-s; `platform status` tells what is wrong");
    return FATE_FAILED;
}

static enum fate try_once(struct client *c, const struct sr25519_keypair *key,
                          struct op_content *content, struct room room, bool wait, struct hash *id)
{
    if (!fill_content(c, content))
        return FATE_FAILED;
    struct span bytes = sign(key, content, room);
    if (bytes.ptr == NULL || bytes.len > OPERATION_SIZE_MAX) {
        c->code = cmd_complain(EXIT_USAGE, "the operation is over 65,000 bytes", NULL, NULL,
                               "make params and storage smaller");
        return FATE_FAILED;
    }
    *id = op_id(bytes);
    json_t *answer = client_ask(c, "op_submit", json_pack("{s:o}", "op", client_hex(bytes)));
    if (answer == NULL && c->reject[0] != 0)
        return rejected(c, c->reject);
    if (answer == NULL) {
        client_complain(c, "the operation is not taken");
        return FATE_FAILED;
    }
    json_decref(answer);
    return wait ? await(c, id) : FATE_EXECUTED;
}

bool client_send_op(struct client *c, const char *hotkey_file, const struct op_body *body,
                    bool wait, struct hash *id)
{
    struct sr25519_keypair *key = read_key(c, hotkey_file);
    size_t size = OPERATION_SIZE_MAX + OP_SIZE_MIN + 1024;
    struct room room = {malloc(size), size};
    enum fate fate = FATE_FAILED;
    if (key != NULL && room.ptr != NULL) {
        struct op_content content = {.signer = *sr25519_public(key), .body = *body};
        fate = FATE_AGAIN;
        for (uint32_t i = 0; fate == FATE_AGAIN && i < SEND_TRIES; i++)
            fate = try_once(c, key, &content, room, wait, id);
        if (fate == FATE_AGAIN)
            c->code = cmd_complain(EXIT_NOT_READY, "the operation was overtaken again and again",
                                   c->rpc, "its nonce or epoch had passed each time", "try again");
    }
    free(room.ptr);
    sr25519_close(key);
    return fate == FATE_EXECUTED;
}
