#include "cmd/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "codec/hex.h"
#include "crypto/hash.h"
#include "crypto/ss58.h"
#include "os/files.h"
#include "rpc/rpc.h"

enum { CALL_TIMEOUT_MS = 20000, CONNECT_TIMEOUT_MS = 3000, BLOB_TRIES = 100 };

const char client_common_options[] =
    "\n"
    "--rpc URL: the node to ask (PLATFORM_RPC; default http://127.0.0.1:7810).  --timeout-s N: "
    "how\n"
    "long to wait in all (default 60).  --json: one JSON document, also when it fails.\n";

static bool option_number(const char *text, uint64_t max, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || errno != 0 || *end != 0 || n > max)
        return false;
    *out = n;
    return true;
}

static bool wrong(struct client *c, const char *what, const char *word, const char *usage)
{
    c->code = cmd_complain(EXIT_USAGE, what, word, NULL, cmd_json() ? usage : NULL);
    if (!cmd_json())
        fputs(usage, stderr);
    return false;
}

/* The options that every command has come last. */
static const struct client_option *find_option(const struct client_option *own, uint32_t own_count,
                                               const struct client_option *common,
                                               uint32_t common_count, const char *word)
{
    for (uint32_t i = 0; i < own_count; i++)
        if (strcmp(own[i].name, word) == 0)
            return &own[i];
    for (uint32_t i = 0; i < common_count; i++)
        if (strcmp(common[i].name, word) == 0)
            return &common[i];
    return NULL;
}

bool client_open(struct client *c, const char *usage, const struct client_option *options,
                 uint32_t option_count, uint32_t words_min, uint32_t words_max, int argc,
                 char **argv)
{
    const char *timeout = "60";
    const char *rpc = getenv("PLATFORM_RPC");
    *c = (struct client){.rpc = rpc != NULL && *rpc != 0 ? rpc : "http://127.0.0.1:7810",
                         .json = cmd_json()};
    const struct client_option common[] = {
        {"--rpc", &c->rpc, NULL}, {"--timeout-s", &timeout, NULL}, {"--json", NULL, &c->json}};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            char all[4096];
            snprintf(all, sizeof all, "%s%s", usage, client_common_options);
            c->code = cmd_help(all);
            return false;
        }
        const struct client_option *o =
            find_option(options, option_count, common, COUNT_OF(common), argv[i]);
        if (o == NULL && argv[i][0] == '-' && argv[i][1] != 0)
            return wrong(c, "there is no such option", argv[i], usage);
        if (o != NULL && o->flag != NULL) {
            *o->flag = true;
        } else if (o != NULL) {
            if (i + 1 >= argc)
                return wrong(c, "the option needs a value", argv[i], usage);
            *o->value = argv[++i];
        } else {
            if (c->word_count == words_max)
                return wrong(c, "one word too many", argv[i], usage);
            c->words[c->word_count++] = argv[i];
        }
    }
    uint64_t seconds;
    if (!option_number(timeout, 86400, &seconds))
        return wrong(c, "--timeout-s is a number of seconds, at most 86400", timeout, usage);
    if (c->word_count < words_min)
        return wrong(c, "something is missing", NULL, usage);
    c->timeout_ms = seconds * 1000;
    c->deadline_ms = os_now_ms() + c->timeout_ms;
    return true;
}

/* --- one call */

struct body {
    char *text;
    size_t len, cap;
    bool too_big;
};

static size_t on_bytes(char *data, size_t size, size_t count, void *ctx)
{
    struct body *b = ctx;
    size_t len = size * count;
    b->too_big = len > (size_t)RPC_ANSWER_MAX + 1 - b->len;
    if (b->too_big)
        return 0;
    if (b->len + len > b->cap) {
        size_t cap = (b->len + len) * 2;
        char *text = realloc(b->text, cap);
        if (text == NULL)
            return 0;
        b->text = text;
        b->cap = cap;
    }
    memcpy(b->text + b->len, data, len);
    b->len += len;
    return len;
}

static void failed(struct client *c, int code, const char *message)
{
    c->code = code;
    snprintf(c->message, sizeof c->message, "%s", message);
}

static bool exchange(struct client *c, const char *request, struct body *body)
{
    char url[1024];
    size_t len = strlen(c->rpc);
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    bool ok = false;
    while (len > 0 && c->rpc[len - 1] == '/')
        len--;
    int n = snprintf(url, sizeof url, "%.*s/rpc", (int)min_u64(len, sizeof url), c->rpc);
    if (curl == NULL || headers == NULL || n < 0 || (size_t)n >= sizeof url) {
        failed(c, EXIT_FAILED, "the request cannot be made");
    } else {
        char why[CURL_ERROR_SIZE] = "";
        long status = 0;
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(request));
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS);
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
        CURLcode e = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        ok = e == CURLE_OK && status == 200;
        if (body->too_big)
            snprintf(why, sizeof why, "the answer is over 4 MiB");
        else if (e == CURLE_OK && !ok)
            snprintf(why, sizeof why, "HTTP status %ld: %.100s", status,
                     body->len > 0 ? body->text : "");
        if (!ok)
            failed(c, EXIT_UNREACHABLE, *why != 0 ? why : curl_easy_strerror(e));
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return ok;
}

static int exit_of(int64_t rpc_code)
{
    switch (rpc_code) {
    case RPC_NOT_YET:
    case RPC_BUSY:
        return EXIT_NOT_READY;
    case RPC_REJECTED:
        return EXIT_REFUSED;
    case RPC_PARAMS:
        return EXIT_USAGE;
    default:
        return EXIT_FAILED;
    }
}

static json_t *read_answer(struct client *c, const struct body *body)
{
    json_t *root = json_loadb(body->text, body->len, JSON_REJECT_DUPLICATES, NULL);
    json_t *result = json_object_get(root, "result");
    const json_t *error = json_object_get(root, "error");
    if (result != NULL) {
        json_incref(result);
    } else if (json_is_object(error)) {
        c->rpc_code = (int)json_integer_value(json_object_get(error, "code"));
        snprintf(c->reject, sizeof c->reject, "%s",
                 client_text(json_object_get(error, "data"), "reject"));
        failed(c, exit_of(c->rpc_code), client_text(error, "message"));
    } else {
        failed(c, EXIT_UNREACHABLE, "the answer is not JSON-RPC; is this a node's address?");
    }
    json_decref(root);
    return result;
}

json_t *client_ask(struct client *c, const char *method, json_t *params)
{
    struct body body = {0};
    json_t *result = NULL;
    json_t *request = json_pack("{s:s, s:i, s:s, s:o}", "jsonrpc", "2.0", "id", 1, "method", method,
                                "params", params != NULL ? params : json_object());
    char *text = request == NULL ? NULL : json_dumps(request, JSON_COMPACT);
    c->rpc_code = 0;
    c->reject[0] = 0;
    if (text == NULL)
        failed(c, EXIT_FAILED, "no memory for the request");
    else if (exchange(c, text, &body))
        result = read_answer(c, &body);
    free(text);
    free(body.text);
    json_decref(request);
    return result;
}

int client_complain(struct client *c, const char *what)
{
    if (c->code == EXIT_UNREACHABLE)
        return cmd_complain(c->code, "the node cannot be asked", c->rpc, c->message,
                            "start platformd, or name another node with --rpc or PLATFORM_RPC");
    if (c->reject[0] != 0)
        return client_refused(c, what, c->reject);
    return cmd_complain(c->code, what, c->rpc, c->message,
                        c->code == EXIT_NOT_READY ? "try again in a while" : NULL);
}

json_t *client_call(struct client *c, const char *method, json_t *params)
{
    json_t *result = client_ask(c, method, params);
    if (result != NULL)
        return result;
    if (c->code == EXIT_UNREACHABLE || c->reject[0] != 0) {
        client_complain(c, method);
    } else {
        char where[1200];
        snprintf(where, sizeof where, "%s of %s", method, c->rpc);
        cmd_complain(c->code, "the node has no such answer", where, c->message,
                     c->code == EXIT_NOT_READY ? "try again in a while" : NULL);
    }
    return NULL;
}

bool client_is_address(struct client *c, const char *text)
{
    struct hotkey key;
    if (ss58_to_hotkey(span_of(text, strlen(text)), &key) == ERR_OK)
        return true;
    c->code =
        cmd_complain(EXIT_USAGE, "not the address of a hotkey", text, NULL,
                     "an SS58 address, which begins with 5; `platform key show FILE` prints a "
                     "key's");
    return false;
}

bool client_pause(struct client *c)
{
    const struct timespec pause = {0, CLIENT_POLL_MS * 1000000L};
    if (os_now_ms() >= c->deadline_ms)
        return false;
    nanosleep(&pause, NULL);
    return true;
}

int client_print(json_t *result)
{
    json_dumpf(result, stdout, JSON_COMPACT);
    printf("\n");
    json_decref(result);
    return EXIT_DONE;
}

/* --- parts of answers */

uint64_t client_number(const json_t *o, const char *key)
{
    const json_t *value = json_object_get(o, key);
    if (json_is_string(value)) {
        uint64_t n;
        return option_number(json_string_value(value), UINT64_MAX, &n) ? n : 0;
    }
    return (uint64_t)json_integer_value(value);
}

const char *client_text(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? text : "";
}

bool client_hash(const char *text, struct hash *out)
{
    struct span hex = hex_strip(span_of(text, strlen(text)));
    return hex_decode(hex, (struct room){out->bytes, HASH_SIZE}) == ERR_OK;
}

json_t *client_hex(struct span bytes)
{
    char *text = malloc(2 * bytes.len + 1);
    if (text == NULL)
        return NULL;
    hex_encode(bytes, text, 2 * bytes.len + 1);
    json_t *value = json_string(text);
    free(text);
    return value;
}

enum err client_bytes(const char *hex, struct span *out)
{
    struct span text = hex_strip(span_of(hex, strlen(hex)));
    struct room room = {malloc(text.len / 2 + 1), text.len / 2};
    if (room.ptr == NULL)
        return ERR_NO_MEMORY;
    enum err e = hex_decode(text, room);
    if (e != ERR_OK)
        free(room.ptr);
    else
        *out = span_of(room.ptr, room.len);
    return e;
}

/* Of several with one name: the active one, else the one that is not retired. */
static uint32_t preference(const json_t *challenge)
{
    const char *phase = client_text(challenge, "phase");
    if (strcmp(phase, "active") == 0)
        return 3;
    return strcmp(phase, "retired") == 0 ? 1 : 2;
}

json_t *client_challenge(struct client *c, const char *name_or_id)
{
    struct hash id;
    if (client_hash(name_or_id, &id))
        return client_call(c, "challenge_get",
                           json_pack("{s:o}", "id", client_hex(hash_span(&id))));
    json_t *list = client_call(c, "challenge_list", NULL), *best = NULL;
    size_t i;
    json_t *at;
    if (list == NULL)
        return NULL;
    json_array_foreach(list, i, at)
    {
        if (strcmp(client_text(at, "name"), name_or_id) == 0 &&
            (best == NULL || preference(at) > preference(best)))
            best = at;
    }
    json_incref(best);
    json_decref(list);
    if (best == NULL)
        c->code = cmd_complain(EXIT_FAILED, "there is no such challenge", name_or_id, NULL,
                               "`platform challenge list` shows what is registered");
    return best;
}

/* --- blobs */

static bool put_pieces(struct client *c, struct span bytes, const struct hash *name)
{
    size_t offset = 0;
    while (offset < bytes.len) {
        size_t len = min_u64(CLIENT_PIECE_MAX, bytes.len - offset);
        json_t *params = json_pack("{s:o, s:I, s:I, s:o}", "blob", client_hex(hash_span(name)),
                                   "size", (json_int_t)bytes.len, "offset", (json_int_t)offset,
                                   "bytes", client_hex(span_of(bytes.ptr + offset, len)));
        json_t *answer = client_ask(c, "blob_put", params);
        if (answer == NULL)
            return false;
        /* Another client may have sent some of the same blob. */
        uint64_t have = client_number(answer, "have");
        offset = have > offset && have <= bytes.len ? have : offset + len;
        json_decref(answer);
    }
    return true;
}

bool client_blob_put(struct client *c, struct span bytes, struct hash *name)
{
    *name = hash_blake2b(bytes);
    if (bytes.len == 0) {
        c->code = cmd_complain(EXIT_USAGE, "the file is empty", NULL,
                               "a blob has at least one byte", NULL);
        return false;
    }
    for (uint32_t i = 0; i < BLOB_TRIES; i++) {
        if (put_pieces(c, bytes, name))
            return true;
        if ((c->rpc_code != RPC_CONFLICT && c->rpc_code != RPC_BUSY) || !client_pause(c))
            break;
    }
    client_complain(c, "the blob is not taken");
    return false;
}
