/* platform submit, submission, blob: what a miner uses. */
#include <stdio.h>
#include <stdlib.h>

#include "cmd/client.h"
#include "codec/hex.h"
#include "crypto/hash.h"
#include "os/files.h"

enum { BLOB_MAX = 16 << 20 };

static const char submit_usage[] =
    "usage: platform submit --challenge NAME|ID --hotkey FILE [--wait|--final] FILE\n"
    "\n"
    "Sends FILE ('-': standard input) to the node and hands in a submission that is signed\n"
    "with the miner's hotkey, which must be registered on the subnet; prints the submission's\n"
    "id.  --wait: returns when it is decided; --final: when it has a result, and prints that.\n"
    "For an encrypted hotkey the password is taken from PLATFORM_KEY_PASSWORD.\n";

static bool is_open(const char *phase)
{
    return strcmp(phase, "committing") == 0 || strcmp(phase, "revealing") == 0;
}

static bool read_input(struct client *c, const char *path, struct span *out)
{
    uint8_t *bytes;
    enum err e;
    if (strcmp(path, "-") != 0) {
        e = file_read(path, BLOB_MAX, out);
    } else {
        bytes = malloc(BLOB_MAX + 1);
        *out = span_of(bytes, bytes == NULL ? 0 : fread(bytes, 1, BLOB_MAX + 1, stdin));
        e = bytes == NULL ? ERR_NO_MEMORY : out->len > BLOB_MAX ? ERR_TOO_BIG : ERR_OK;
        if (e != ERR_OK)
            free(bytes);
    }
    if (e != ERR_OK)
        c->code = cmd_complain(EXIT_USAGE, "the file cannot be read", path, cmd_file_why(e), NULL);
    return e == ERR_OK;
}

/* The submission when it has a result, or has none for good. */
static json_t *await_result(struct client *c, const struct hash *id)
{
    for (;;) {
        json_t *s =
            client_ask(c, "submission_get", json_pack("{s:o}", "id", client_hex(hash_span(id))));
        if (s == NULL) {
            client_complain(c, "the submission cannot be read");
            return NULL;
        }
        if (!is_open(client_text(s, "phase")))
            return s;
        json_decref(s);
        if (!client_pause(c))
            break;
    }
    c->code = cmd_complain(EXIT_NOT_READY, "the submission has no result yet", c->rpc,
                           "the validators have not agreed in time",
                           "`platform submission show ID` tells who is missing");
    return NULL;
}

static void print_result(const json_t *s)
{
    const json_t *final = json_object_get(s, "final");
    if (json_is_object(final))
        printf("outcome %s\nscore %llu\n", client_text(final, "outcome"),
               (unsigned long long)client_number(final, "score"));
    else
        printf("outcome %s\n", client_text(s, "phase"));
}

/* Known before it is signed: what the challenge would refuse anyway. */
static bool fits(struct client *c, const json_t *challenge, size_t size)
{
    uint64_t cap = client_number(json_object_get(challenge, "policy"), "input_bytes");
    char why[128];
    if (strcmp(client_text(challenge, "phase"), "active") != 0) {
        c->code = cmd_complain(EXIT_REFUSED, "the challenge takes no submissions",
                               client_text(challenge, "name"), client_text(challenge, "phase"),
                               "only an active one does");
        return false;
    }
    if (size <= cap)
        return true;
    snprintf(why, sizeof why, "%zu bytes; the challenge takes %llu", size, (unsigned long long)cap);
    c->code =
        cmd_complain(EXIT_REFUSED, "the file is too large", client_text(challenge, "name"), why,
                     "hand in something smaller; the cap is the challenge's input_bytes");
    return false;
}

static int report(struct client *c, const struct hash *id, const struct op_submission *s,
                  bool final)
{
    char hex[2 * HASH_SIZE + 1];
    json_t *result = final ? await_result(c, id) : NULL;
    if (final && result == NULL)
        return c->code;
    hex_encode(hash_span(id), hex, sizeof hex);
    if (c->json && final)
        return client_print(result);
    if (c->json)
        return client_print(
            json_pack("{s:s, s:o}", "id", hex, "blob", client_hex(hash_span(&s->blob))));
    printf("%s%s\n", final ? "submission " : "", hex);
    if (final)
        print_result(result);
    json_decref(result);
    return EXIT_DONE;
}

int cmd_submit(int argc, char **argv)
{
    const char *challenge_name = NULL, *hotkey = NULL;
    bool wait = false, final = false;
    const struct client_option options[] = {{"--challenge", &challenge_name, NULL},
                                            {"--hotkey", &hotkey, NULL},
                                            {"--wait", NULL, &wait},
                                            {"--final", NULL, &final}};
    struct client c;
    struct span bytes;
    struct hash id;
    if (!client_open(&c, submit_usage, options, COUNT_OF(options), 1, 1, argc, argv))
        return c.code;
    if (challenge_name == NULL)
        return cmd_complain(EXIT_USAGE, "no challenge is named", NULL, NULL,
                            "--challenge NAME; `platform challenge list` shows them");
    if (!read_input(&c, c.words[0], &bytes))
        return c.code;
    json_t *challenge = client_challenge(&c, challenge_name);
    struct op_body body = {.tag = OP_BODY_SUBMISSION};
    bool ok = challenge != NULL && fits(&c, challenge, bytes.len) &&
              client_hash(client_text(challenge, "id"), &body.submission.challenge) &&
              client_blob_put(&c, bytes, &body.submission.blob);
    body.submission.size = (uint32_t)bytes.len;
    ok = ok && client_send_op(&c, hotkey, &body, wait || final, &id);
    json_decref(challenge);
    free((void *)(uintptr_t)bytes.ptr);
    return ok ? report(&c, &id, &body.submission, final) : c.code;
}

/* --- submission */

static void print_used(const char *name, uint64_t used, uint64_t cap)
{
    uint64_t tenths = cap == 0 ? 0 : (uint64_t)((unsigned __int128)used * 1000 / cap);
    printf("  %-11s %llu of %llu (%llu.%llu %%)\n", name, (unsigned long long)used,
           (unsigned long long)cap, (unsigned long long)(tenths / 10),
           (unsigned long long)(tenths % 10));
}

static void print_attests(const json_t *s)
{
    size_t i;
    json_t *a;
    printf("attestations: %llu committed, %llu revealed\n",
           (unsigned long long)client_number(s, "committed"),
           (unsigned long long)client_number(s, "revealed"));
    json_array_foreach(json_object_get(s, "attests"), i, a)
    {
        const json_t *revealed = json_object_get(a, "revealed");
        printf("  %s committed %.16s...", client_text(a, "validator"),
               client_text(a, "commitment"));
        if (json_is_object(revealed))
            printf(", revealed %s score %llu gas %llu output %.16s...",
                   client_text(revealed, "outcome"),
                   (unsigned long long)client_number(revealed, "score"),
                   (unsigned long long)client_number(revealed, "gas"),
                   client_text(revealed, "output"));
        printf("\n");
    }
}

/* What the state has forgotten, the log still knows. */
static void print_archived(const json_t *s)
{
    if (json_is_object(json_object_get(s, "final")))
        printf("attestations: %llu agreed, %llu differed\n",
               (unsigned long long)client_number(s, "agreed"),
               (unsigned long long)client_number(s, "differed"));
    printf("closed some epochs ago: read from the log, which has each attestation\n");
}

static void print_submission(const json_t *s, const json_t *policy)
{
    const json_t *mine = json_object_get(s, "evaluation"), *final = json_object_get(s, "final");
    static const char *const texts[] = {"id", "challenge", "miner", "blob", "phase"};
    static const char *const numbers[] = {"size", "height", "epoch"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        printf("%-11s %s\n", texts[i], client_text(s, texts[i]));
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        printf("%-11s %llu\n", numbers[i], (unsigned long long)client_number(s, numbers[i]));
    if (json_is_object(final))
        printf("%-11s %s, score %llu of 10000, gas %llu\n", "result", client_text(final, "outcome"),
               (unsigned long long)client_number(final, "score"),
               (unsigned long long)client_number(final, "gas"));
    if (json_is_integer(json_object_get(s, "log_index")))
        printf("%-11s entry %llu of the log\n", "proof",
               (unsigned long long)client_number(s, "log_index"));
    if (json_is_true(json_object_get(s, "archived"))) {
        print_archived(s);
        return;
    }
    print_attests(s);
    if (!json_is_object(mine)) {
        printf("this node's own run: over, or none\n");
        return;
    }
    printf("this node's own run: %s, failures %llu\n", client_text(mine, "phase"),
           (unsigned long long)client_number(mine, "failures"));
    print_used("gas", client_number(mine, "gas"), client_number(policy, "gas"));
    print_used("memory", client_number(mine, "memory"), client_number(policy, "memory_bytes"));
    print_used("host calls", client_number(mine, "host_calls"),
               client_number(policy, "host_calls"));
    print_used("host bytes", client_number(mine, "host_bytes"),
               client_number(policy, "host_bytes"));
}

static int submission_show(struct client *c)
{
    struct hash id;
    if (!client_hash(c->words[1], &id))
        return cmd_complain(EXIT_USAGE, "not the id of a submission", c->words[1],
                            "an id has 64 hexadecimal digits", NULL);
    json_t *s =
        client_call(c, "submission_get", json_pack("{s:o}", "id", client_hex(hash_span(&id))));
    json_t *challenge = s == NULL ? NULL : client_challenge(c, client_text(s, "challenge"));
    if (challenge == NULL) {
        json_decref(s);
        return c->code;
    }
    json_t *policy = json_object_get(challenge, "policy");
    if (c->json) {
        json_object_set(s, "policy", policy);
        json_decref(challenge);
        return client_print(s);
    }
    print_submission(s, policy);
    json_decref(challenge);
    json_decref(s);
    return EXIT_DONE;
}

static int submission_list(struct client *c)
{
    json_t *all = json_array(), *page = NULL, *s;
    size_t i;
    do {
        json_decref(page);
        page = client_call(c, "submission_list",
                           json_pack("{s:I}", "first", (json_int_t)json_array_size(all)));
        if (page == NULL) {
            json_decref(all);
            return c->code;
        }
        json_array_extend(all, page);
    } while (json_array_size(page) > 0);
    json_decref(page);
    if (c->json)
        return client_print(all);
    json_array_foreach(all, i, s)
    {
        const json_t *final = json_object_get(s, "final");
        printf("%s %s %-10s", client_text(s, "id"), client_text(s, "miner"),
               client_text(s, "phase"));
        if (json_is_object(final))
            printf(" %s %llu", client_text(final, "outcome"),
                   (unsigned long long)client_number(final, "score"));
        printf("\n");
    }
    json_decref(all);
    return EXIT_DONE;
}

int cmd_submission(int argc, char **argv)
{
    static const char usage[] = "usage: platform submission show ID   who attested what\n"
                                "       platform submission list      all of them\n";
    struct client c;
    if (!client_open(&c, usage, NULL, 0, 1, 2, argc, argv))
        return c.code;
    if (strcmp(c.words[0], "show") == 0 && c.word_count == 2)
        return submission_show(&c);
    if (strcmp(c.words[0], "list") == 0 && c.word_count == 1)
        return submission_list(&c);
    return cmd_usage(usage);
}

/* --- blob */

static int blob_put(struct client *c)
{
    struct span bytes;
    struct hash name;
    char hex[2 * HASH_SIZE + 1];
    if (!read_input(c, c->words[1], &bytes))
        return c->code;
    bool ok = client_blob_put(c, bytes, &name);
    free((void *)(uintptr_t)bytes.ptr);
    if (!ok)
        return c->code;
    hex_encode(hash_span(&name), hex, sizeof hex);
    if (c->json)
        return client_print(json_pack("{s:s}", "blob", hex));
    printf("%s\n", hex);
    return EXIT_DONE;
}

/* Piece by piece into out; checked as a whole by the caller. */
static bool get_pieces(struct client *c, const struct hash *name, struct room out, size_t *size)
{
    uint64_t whole = 1;
    for (*size = 0; *size < whole;) {
        json_t *piece = client_call(c, "blob_get",
                                    json_pack("{s:o, s:I}", "blob", client_hex(hash_span(name)),
                                              "offset", (json_int_t)*size));
        struct span bytes = {0};
        if (piece == NULL)
            return false;
        whole = client_number(piece, "size");
        bool ok = whole <= out.len && client_bytes(client_text(piece, "bytes"), &bytes) == ERR_OK &&
                  bytes.len > 0 && bytes.len <= whole - *size;
        if (ok)
            memcpy(out.ptr + *size, bytes.ptr, bytes.len);
        *size += bytes.len;
        free((void *)(uintptr_t)bytes.ptr);
        json_decref(piece);
        if (!ok) {
            c->code = cmd_complain(EXIT_FAILED, "the node's answer does not fit the blob", c->rpc,
                                   NULL, NULL);
            return false;
        }
    }
    return true;
}

static int blob_get(struct client *c, const char *out)
{
    struct hash name;
    size_t size = 0;
    if (!client_hash(c->words[1], &name))
        return cmd_complain(EXIT_USAGE, "not the name of a blob", c->words[1],
                            "a name has 64 hexadecimal digits", NULL);
    struct room room = {malloc(BLOB_MAX), BLOB_MAX};
    if (room.ptr == NULL)
        return cmd_complain(EXIT_FAILED, "no memory for the blob", NULL, NULL, NULL);
    int code = EXIT_DONE;
    if (!get_pieces(c, &name, room, &size)) {
        code = c->code;
    } else {
        struct hash real = hash_blake2b(span_of(room.ptr, size));
        if (!hash_equal(&real, &name))
            code = cmd_complain(EXIT_UNPROVEN, "the bytes are not the blob's", c->rpc,
                                "they have another hash", "ask another node");
        else if (out == NULL)
            fwrite(room.ptr, 1, size, stdout);
        else if (file_write(out, span_of(room.ptr, size), 0644) != ERR_OK)
            code = cmd_complain(EXIT_FAILED, "the file cannot be written", out, NULL, NULL);
        else if (c->json)
            code = client_print(json_pack("{s:s, s:I}", "file", out, "size", (json_int_t)size));
    }
    free(room.ptr);
    return code;
}

int cmd_blob(int argc, char **argv)
{
    static const char usage[] = "usage: platform blob put FILE            prints its name\n"
                                "       platform blob get NAME [--out FILE]\n";
    const char *out = NULL;
    const struct client_option options[] = {{"--out", &out, NULL}};
    struct client c;
    if (!client_open(&c, usage, options, COUNT_OF(options), 2, 2, argc, argv))
        return c.code;
    if (strcmp(c.words[0], "put") == 0)
        return blob_put(&c);
    if (strcmp(c.words[0], "get") == 0 && c.json && out == NULL)
        return cmd_complain(EXIT_USAGE, "--json needs --out", NULL,
                            "the blob itself would go to standard output", NULL);
    if (strcmp(c.words[0], "get") == 0)
        return blob_get(&c, out);
    return cmd_usage(usage);
}
