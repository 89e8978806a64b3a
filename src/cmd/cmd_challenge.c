/* platform challenge: the half that talks to a network.  What an author does
 * at home is in challenge.c. */
#include <stdio.h>

#include "cmd/challenge.h"
#include "cmd/client.h"
#include "codec/hex.h"
#include "registry/registry.h"
#include "sandbox/sandbox.h"

enum { MEMORY_BYTES = 64 << 20 };

static const char usage[] =
    "On a network:\n"
    "usage: platform challenge register DIR --hotkey FILE [--module FILE] [--share N]\n"
    "       platform challenge approve|retire NAME|ID --hotkey FILE\n"
    "       platform challenge activate NAME|ID --hotkey FILE [--height N] [--wait]\n"
    "       platform challenge list                   all of them, and how far each is\n"
    "       platform challenge show NAME|ID           one, with its policy\n"
    "\n"
    "--hotkey: for register, activate and retire the subnet owner's, for approve a validator's.\n"
    "--share: of 10,000, of the weights (default 10000).  --module: another WASM file than\n"
    "DIR/NAME.wasm.  --height: active from there on (default: at once).  --wait: until the\n"
    "validators have approved it.\n";

static bool number_of(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t n = 0;
    if (*text == 0 || strlen(text) > 19)
        return false;
    for (; *text != 0; text++) {
        if (*text < '0' || *text > '9')
            return false;
        n = n * 10 + (uint64_t)(*text - '0');
    }
    if (n > max)
        return false;
    *out = n;
    return true;
}

static int report(struct client *c, const struct hash *id, const char *done)
{
    char hex[2 * HASH_SIZE + 1];
    hex_encode(hash_span(id), hex, sizeof hex);
    if (c->json)
        return client_print(json_pack("{s:s, s:s}", "id", hex, "done", done));
    printf("%s\n", hex);
    return EXIT_DONE;
}

/* The look that every validator takes before it approves. */
static bool would_load(struct client *c, const struct challenge_file *file, struct span module,
                       struct arena *arena)
{
    char why[512];
    struct sandbox_facts facts;
    struct sandbox_verdict v;
    sandbox_inspect(module, arena, &facts, &v);
    if (v.outcome == OUTCOME_OK)
        sandbox_admit(&facts, &file->policy, &v);
    if (v.outcome == OUTCOME_OK)
        return true;
    snprintf(why, sizeof why, "%s: %.*s", outcome_name(v.outcome), (int)v.detail_size, v.detail);
    c->code = cmd_complain(EXIT_REFUSED, "no validator would load this module", file->folder, why,
                           "`platform challenge check DIR` tells the same; mend the module, or the "
                           "policy in challenge.ini");
    return false;
}

static int challenge_register(struct client *c, const char *hotkey, const char *module_path,
                              uint64_t share)
{
    struct arena arena = {0};
    char path[CHALLENGE_PATH_MAX];
    struct span module;
    struct hash name, op, id;
    struct op_body body = {.tag = OP_BODY_CHALLENGE_REGISTER};
    if (arena_open(&arena, MEMORY_BYTES) != ERR_OK)
        return cmd_complain(EXIT_FAILED, "no memory for the challenge", NULL, NULL, NULL);
    struct challenge_file *file = arena_alloc(&arena, sizeof *file);
    int code = EXIT_USAGE;
    if (challenge_file_read(c->words[1], &arena, file)) {
        if (module_path == NULL && challenge_file_module_path(file, path, sizeof path))
            module_path = path;
        enum err e = file_in_arena(module_path, SANDBOX_MODULE_MAX, &arena, &module);
        if (e != ERR_OK) {
            code = cmd_complain(EXIT_USAGE, "the module cannot be read", module_path,
                                cmd_file_why(e), "`platform challenge build DIR` makes it");
        } else {
            challenge_file_register(file, module, (uint16_t)share, &body.challenge_register);
            bool ok = would_load(c, file, module, &arena) && client_blob_put(c, module, &name) &&
                      client_send_op(c, hotkey, &body, true, &op);
            if (ok)
                id = registry_challenge_id(&body.challenge_register, &arena);
            code = ok ? report(c, &id, "registered") : c->code;
        }
    }
    arena_close(&arena);
    return code;
}

/* Approval is the validators' business: wait for it. */
static bool await_approval(struct client *c, const struct hash *id)
{
    for (;;) {
        json_t *o =
            client_call(c, "challenge_get", json_pack("{s:o}", "id", client_hex(hash_span(id))));
        if (o == NULL)
            return false;
        bool registered = strcmp(client_text(o, "phase"), "registered") == 0;
        json_decref(o);
        if (!registered)
            return true;
        if (!client_pause(c))
            break;
    }
    c->code = cmd_complain(EXIT_NOT_READY, "the challenge is not approved yet", c->rpc,
                           "validators with more than two thirds of the stake must approve it",
                           "`platform challenge approve`, or platformd --approve-all");
    return false;
}

static int change(struct client *c, const char *hotkey, uint64_t height, bool wait)
{
    json_t *challenge = client_challenge(c, c->words[1]);
    struct hash id, op;
    struct op_body body = {0};
    const char *verb = c->words[0], *done;
    if (challenge == NULL || !client_hash(client_text(challenge, "id"), &id))
        return c->code;
    json_decref(challenge);
    if (strcmp(verb, "approve") == 0) {
        done = "approved";
        body.tag = OP_BODY_CHALLENGE_APPROVE;
        body.challenge_approve.challenge = id;
    } else if (strcmp(verb, "activate") == 0) {
        done = "active";
        body.tag = OP_BODY_CHALLENGE_ACTIVATE;
        body.challenge_activate = (struct op_challenge_activate){id, height};
        if (wait && !await_approval(c, &id))
            return c->code;
    } else {
        done = "retired";
        body.tag = OP_BODY_CHALLENGE_RETIRE;
        body.challenge_retire.challenge = id;
    }
    return client_send_op(c, hotkey, &body, true, &op) ? report(c, &id, done) : c->code;
}

static int challenge_list(struct client *c)
{
    json_t *list = client_call(c, "challenge_list", NULL), *o;
    size_t i;
    if (list == NULL)
        return c->code;
    if (c->json)
        return client_print(list);
    json_array_foreach(list, i, o)
    {
        printf("%s %s %s %s share %llu\n", client_text(o, "id"), client_text(o, "name"),
               client_text(o, "version"), client_text(o, "phase"),
               (unsigned long long)client_number(o, "share"));
    }
    json_decref(list);
    return EXIT_DONE;
}

static void print_members(const json_t *o, const char *indent)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)o, key, value)
    {
        if (json_is_string(value))
            printf("%s%-16s %s\n", indent, key, json_string_value(value));
        else if (json_is_integer(value))
            printf("%s%-16s %lld\n", indent, key, (long long)json_integer_value(value));
    }
}

static int challenge_show(struct client *c)
{
    json_t *o = client_challenge(c, c->words[1]);
    if (o == NULL)
        return c->code;
    if (c->json)
        return client_print(o);
    print_members(o, "");
    printf("policy\n");
    print_members(json_object_get(o, "policy"), "  ");
    json_decref(o);
    return EXIT_DONE;
}

static bool is_ours(const char *verb)
{
    static const char *const verbs[] = {"register", "approve", "activate",
                                        "retire",   "list",    "show"};
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (strcmp(verbs[i], verb) == 0)
            return true;
    return false;
}

int cmd_challenge_any(int argc, char **argv)
{
    const char *hotkey = NULL, *module = NULL, *share = "10000", *height = "0";
    bool wait = false;
    uint64_t share_number, height_number;
    const struct client_option options[] = {{"--hotkey", &hotkey, NULL},
                                            {"--module", &module, NULL},
                                            {"--share", &share, NULL},
                                            {"--height", &height, NULL},
                                            {"--wait", NULL, &wait}};
    struct client c;
    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        char all[4096];
        snprintf(all, sizeof all, "%s\n%s%s", challenge_usage, usage, client_common_options);
        return argc < 2 ? cmd_usage(all) : cmd_help(all);
    }
    if (!is_ours(argv[1]))
        return cmd_challenge(argc, argv);
    if (!client_open(&c, usage, options, COUNT_OF(options), 1, 2, argc, argv))
        return c.code;
    if (!number_of(share, REGISTRY_SHARE_ONE, &share_number) || share_number == 0)
        return cmd_complain(EXIT_USAGE, "not a share", share, "1 to 10000, of 10,000", NULL);
    if (!number_of(height, INT64_MAX, &height_number))
        return cmd_complain(EXIT_USAGE, "not a height", height, NULL, NULL);
    if (strcmp(c.words[0], "list") == 0)
        return challenge_list(&c);
    if (c.word_count < 2) {
        return cmd_usage(usage);
    }
    if (strcmp(c.words[0], "show") == 0)
        return challenge_show(&c);
    return strcmp(c.words[0], "register") == 0
               ? challenge_register(&c, hotkey, module, share_number)
               : change(&c, hotkey, height_number, wait);
}
