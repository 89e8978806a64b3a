/* platform audit: bundle fetches the file that proves a score; verify checks it
 * with the genesis file and nothing else (docs/audit.md). */
#include <stdio.h>
#include <stdlib.h>

#include "audit/audit.h"
#include "bft/bft.h"
#include "cmd/client.h"
#include "codec/hex.h"
#include "crypto/sr25519.h"
#include "crypto/ss58.h"
#include "crypto/verifier.h"
#include "eval/eval.h"
#include "ledger/ledger.h"
#include "os/files.h"
#include "os/pool.h"
#include "registry/registry.h"
#include "rpc/rpc.h"
#include "sandbox/sandbox.h"

enum { MEMORY_BYTES = 192 << 20, BUNDLE_MAX = 40 << 20, PROGRAM_PATH_MAX = 4096 };

static const char usage[] =
    "usage: platform audit bundle --submission ID --out FILE\n"
    "       platform audit bundle --score HOTKEY:CHALLENGE --out FILE\n"
    "       platform audit verify FILE --genesis FILE [--no-run] [--worker PROGRAM]\n"
    "\n"
    "bundle waits until the score is under a certified checkpoint.  CHALLENGE: a name or an id;\n"
    "the score is the miner's best there.  verify needs no network; exit code 6: the bundle does\n"
    "not prove what it says.  --genesis: the network's file, from somebody you trust.  --no-run:\n"
    "do not run the challenge again.  --worker: another platform-worker than the one beside this\n"
    "program (PLATFORM_WORKER).\n";

/* --- bundle */

/* The best final submission of a miner. */
static bool find_leading(struct client *c, const char *score, struct hash *id)
{
    char hotkey[SS58_TEXT_MAX];
    const char *colon = strchr(score, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - score), i;
    if (len == 0 || len >= sizeof hotkey) {
        c->code = cmd_complain(EXIT_USAGE, "not HOTKEY:CHALLENGE", score, NULL,
                               "an SS58 address, a colon, the name or id of a challenge");
        return false;
    }
    snprintf(hotkey, sizeof hotkey, "%.*s", (int)len, score);
    if (!client_is_address(c, hotkey))
        return false;
    json_t *challenge = client_challenge(c, colon + 1);
    if (challenge == NULL)
        return false;
    bool found = false;
    uint64_t first = 0;
    size_t count = 1;
    while (!found && count > 0) {
        json_t *l,
            *page = client_call(c, "leaderboard_get",
                                json_pack("{s:s, s:I}", "challenge", client_text(challenge, "id"),
                                          "first", (json_int_t)first));
        count = json_array_size(page);
        first += count;
        json_array_foreach(page, i, l)
        {
            if (strcmp(client_text(l, "miner"), hotkey) == 0)
                found = client_hash(client_text(l, "submission"), id);
        }
        if (page == NULL) {
            json_decref(challenge);
            return false;
        }
        json_decref(page);
    }
    json_decref(challenge);
    if (!found)
        c->code = cmd_complain(EXIT_FAILED, "the miner has no score in this challenge", score, NULL,
                               "`platform leaderboard CHALLENGE` shows who has");
    return found;
}

/* The first piece, when there is one; it says under which height the rest is. */
static json_t *await_piece(struct client *c, const struct hash *id)
{
    for (;;) {
        json_t *piece = client_ask(c, "audit_bundle",
                                   json_pack("{s:o}", "submission", client_hex(hash_span(id))));
        if (piece != NULL)
            return piece;
        if (c->rpc_code != RPC_NOT_YET || !client_pause(c)) {
            client_complain(c, "there is no bundle");
            return NULL;
        }
    }
}

/* What a piece says, behind what is there already.  False: it does not fit. */
static bool add_piece(struct room *whole, size_t *have, const json_t *piece)
{
    uint64_t size = client_number(piece, "size");
    struct span bytes;
    if (whole->ptr == NULL && size > 0 && size <= BUNDLE_MAX)
        *whole = (struct room){malloc(size), size};
    if (whole->ptr == NULL || size != whole->len ||
        client_bytes(client_text(piece, "bytes"), &bytes) != ERR_OK)
        return false;
    bool fits = bytes.len > 0 && bytes.len <= whole->len - *have;
    if (fits) {
        memcpy(whole->ptr + *have, bytes.ptr, bytes.len);
        *have += bytes.len;
    }
    free((void *)(uintptr_t)bytes.ptr);
    return fits;
}

/* In malloc'd memory. */
static bool fetch_bundle(struct client *c, const struct hash *id, struct room *whole)
{
    size_t have = 0;
    json_t *piece = await_piece(c, id);
    uint64_t height = client_number(piece, "height");
    *whole = (struct room){0};
    while (piece != NULL) {
        bool fits = add_piece(whole, &have, piece);
        json_decref(piece);
        if (!fits) {
            c->code = cmd_complain(EXIT_FAILED, "the node's answer is no bundle", c->rpc, NULL,
                                   "is it a node of this version?");
            break;
        }
        if (have == whole->len)
            return true;
        piece = client_call(c, "audit_bundle",
                            json_pack("{s:o, s:I, s:I}", "submission", client_hex(hash_span(id)),
                                      "height", (json_int_t)height, "offset", (json_int_t)have));
    }
    free(whole->ptr);
    return false;
}

static int bundle(struct client *c, const char *submission, const char *score, const char *out)
{
    struct hash id;
    struct room whole;
    if (out == NULL || (submission == NULL) == (score == NULL)) {
        return cmd_usage(usage);
    }
    if (submission != NULL && !client_hash(submission, &id))
        return cmd_complain(EXIT_USAGE, "not the id of a submission", submission,
                            "an id has 64 hexadecimal digits", NULL);
    if (score != NULL && !find_leading(c, score, &id))
        return c->code;
    if (!fetch_bundle(c, &id, &whole))
        return c->code;
    size_t size = whole.len;
    enum err e = file_write(out, span_of(whole.ptr, size), 0644);
    free(whole.ptr);
    if (e != ERR_OK)
        return cmd_complain(EXIT_FAILED, "the file cannot be written", out, cmd_file_why(e),
                            "name a file in a folder that is there and yours, with --out");
    if (c->json)
        return client_print(json_pack("{s:s, s:I, s:o}", "file", out, "size", (json_int_t)size,
                                      "submission", client_hex(hash_span(&id))));
    printf("%s: %zu bytes\n", out, size);
    return EXIT_DONE;
}

/* --- verify */

struct checking {
    struct arena arena;
    const char *worker;
    const char *trouble; /* of this machine, not of the bundle; NULL: none */
    struct attestation computed;
    bool ran;
};

static bool verify_signature(void *ctx, const struct hotkey *key, struct span message,
                             const struct signature *signature)
{
    (void)ctx;
    return sr25519_verify(key, message, signature);
}

static enum err check_cert(void *ctx, const struct bft_cert *cert, const struct valset *set,
                           const struct hash *network)
{
    (void)ctx;
    const struct verifier verifier = {verify_signature, NULL};
    struct bft_set ready;
    enum err e = bft_set_init(&ready, set);
    return e == ERR_OK ? bft_cert_check(cert, &ready, network, &verifier) : e;
}

static enum err run_job(struct checking *k, const struct sandbox_job *job,
                        struct sandbox_result *result)
{
    const struct hash engine = sandbox_engine_id();
    struct pool_once once;
    struct sandbox_answer answer;
    size_t size = SANDBOX_JOB_SIZE_MIN + job->module.len + job->input.len + (1 << 20);
    struct room room = {arena_alloc(&k->arena, size), size};
    struct span bytes = room.ptr == NULL ? (struct span){0} : sandbox_job_encode(job, room);
    k->trouble = "no memory for the job";
    if (bytes.ptr == NULL || pool_once(k->worker, &engine, job->token, bytes, job->policy.wall_ms,
                                       &k->arena, &once) != ERR_OK)
        return ERR_NO_MEMORY;
    k->trouble = pool_end_name(once.end);
    if (once.end != POOL_ANSWERED)
        return ERR_UNSUPPORTED;
    k->trouble = "the worker's answer is garbled";
    if (sandbox_answer_decode(once.answer, &k->arena, &answer) != ERR_OK ||
        answer.tag != SANDBOX_ANSWER_RESULT)
        return ERR_UNSUPPORTED;
    k->trouble = NULL;
    *result = answer.result;
    return ERR_OK;
}

static bool same(const struct attestation *a, const struct audit_final *f)
{
    return a->score == f->score && a->gas == f->gas && a->outcome == f->outcome &&
           hash_equal(&a->output, &f->output) && hash_equal(&a->input, &f->input);
}

/* The evaluation as a validator does it: the same job, the same attestation. */
static enum err rescore(void *ctx, const struct op_challenge_register *challenge,
                        const struct op_submission *submission, const struct audit_final *claimed,
                        uint64_t slot, uint64_t epoch, struct span module, struct span input)
{
    struct checking *k = ctx;
    struct state_challenge c = {.id = claimed->challenge, .body = *challenge};
    struct state_submission s = {.id = claimed->submission,
                                 .challenge = claimed->challenge,
                                 .miner = claimed->miner,
                                 .blob = submission->blob,
                                 .size = submission->size,
                                 .slot = slot,
                                 .epoch = epoch};
    const struct hash engine = sandbox_engine_id();
    struct sandbox_job job;
    struct sandbox_result result;
    k->trouble = "no memory for the job";
    enum err e = eval_job(&c, &s, module, input, 1, &k->arena, &job);
    if (e == ERR_OK)
        e = run_job(k, &job, &result);
    if (e != ERR_OK)
        return e;
    e = eval_attest(&c, &s, &result, &engine, input, &k->computed);
    if (e == ERR_UNSUPPORTED) {
        k->trouble = "the worker failed for a reason of this machine";
        return e;
    }
    k->ran = e == ERR_OK;
    return e == ERR_OK && same(&k->computed, claimed) ? ERR_OK : ERR_CONFLICT;
}

static const char *level_text(const struct audit_report *r)
{
    static const char *const texts[] = {"the entries are well formed and belong together",
                                        "they are leaves of one log",
                                        "more than two thirds of the stake certified that log",
                                        "",
                                        "",
                                        "the score comes out again when the challenge is run here"};
    if (!r->is_formed)
        return "it shows nothing";
    return r->level < COUNT_OF(texts) ? texts[r->level] : "";
}

/* What each check found when it failed. */
static const char *failure_text(const char *name)
{
    static const char *const texts[][2] = {
        {"format", "the file is not a bundle, or one of another version"},
        {"network", "it is of another network than the genesis file"},
        {"entry", "an entry of the log is garbled, or does not fit its neighbour"},
        {"score", "the first entry is not the final result of a submission"},
        {"submission", "the miner's submission is not in it, or took no effect"},
        {"challenge", "the challenge's registration is not in it, or took no effect"},
        {"inclusion", "an entry is not in the log of that root"},
        {"handover", "a validator set is not certified by the one before it"},
        {"certificate", "no quorum of the validators signed that log"},
        {"height", "an entry is newer than the certificate"},
        {"module", "the enclosed module is not the one that was registered"},
        {"input", "the enclosed input is not the one that was submitted"},
        {"score_differs", "running the challenge here gave another result"},
    };
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        if (name != NULL && strcmp(texts[i][0], name) == 0)
            return texts[i][1];
    return NULL;
}

static void set_decimal(json_t *o, const char *name, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    json_object_set_new(o, name, json_string(text));
}

/* What a level shows is there only when the level was reached. */
static json_t *describe(const struct audit_report *r, const struct checking *k, enum err e)
{
    char miner[SS58_TEXT_MAX];
    json_t *o =
        json_pack("{s:b, s:o, s:s, s:s?, s:s?, s:s?}", "valid", e == ERR_OK, "level",
                  r->is_formed ? json_integer(r->level) : json_null(), "shows", level_text(r),
                  "failed", r->failed, "why", failure_text(r->failed), "missing", r->missing);
    if (r->failed != NULL)
        json_object_set_new(o, "failed_level", json_integer(r->failed_level));
    if (r->is_formed) {
        ss58_from_hotkey(&r->miner, miner);
        json_object_set_new(o, "miner", json_string(miner));
        json_object_set_new(o, "submission", client_hex(hash_span(&r->submission)));
        json_object_set_new(o, "challenge", client_hex(hash_span(&r->challenge)));
        json_object_set_new(o, "score", json_integer((json_int_t)r->score));
        json_object_set_new(o, "epoch", json_integer((json_int_t)r->epoch));
        json_object_set_new(o, "height", json_integer((json_int_t)r->height));
    }
    if (r->level >= 1) {
        json_object_set_new(o, "log_size", json_integer((json_int_t)r->log_size));
        json_object_set_new(o, "log_root", client_hex(hash_span(&r->log_root)));
    }
    if (r->level >= 2) {
        json_object_set_new(o, "signers", json_integer(r->signers));
        json_object_set_new(o, "members", json_integer(r->members));
        set_decimal(o, "certified_stake", r->certified_stake);
        set_decimal(o, "total_stake", r->total_stake);
    }
    if (k->ran)
        json_object_set_new(
            o, "recomputed",
            json_pack("{s:s, s:I, s:I}", "outcome", outcome_name(k->computed.outcome), "score",
                      (json_int_t)k->computed.score, "gas", (json_int_t)k->computed.gas));
    return o;
}

/* In TAO, to the last rao where there are some. */
static const char *tao(uint64_t rao, char out[32])
{
    const uint64_t one = 1000000000;
    int n = snprintf(out, 32, "%llu", (unsigned long long)(rao / one));
    if (rao % one != 0)
        snprintf(out + n, 32 - (size_t)n, ".%09llu", (unsigned long long)(rao % one));
    return out;
}

static void print_recomputed(const json_t *o)
{
    const json_t *again = json_object_get(o, "recomputed");
    if (json_is_object(again))
        printf("run here    %s, score %llu, gas %llu\n", client_text(again, "outcome"),
               (unsigned long long)client_number(again, "score"),
               (unsigned long long)client_number(again, "gas"));
}

static void print_failure(const json_t *o)
{
    const json_t *level = json_object_get(o, "level");
    printf("the bundle does not hold\n");
    if (json_is_integer(level))
        printf("level       %llu: %s\n", (unsigned long long)json_integer_value(level),
               client_text(o, "shows"));
    else
        printf("level       none: %s\n", client_text(o, "shows"));
    printf("failed      %s, for level %llu: %s\n", client_text(o, "failed"),
           (unsigned long long)client_number(o, "failed_level"), client_text(o, "why"));
    if (json_is_object(json_object_get(o, "recomputed")))
        printf("claimed     score %llu\n", (unsigned long long)client_number(o, "score"));
    print_recomputed(o);
}

static void print_report(const json_t *o)
{
    static const char *const texts[] = {"submission", "challenge", "miner", "log_root"};
    static const char *const numbers[] = {"score", "height", "epoch", "log_size"};
    char certified[32], total[32];
    printf("the bundle holds\n");
    printf("level       %llu: %s\n", (unsigned long long)client_number(o, "level"),
           client_text(o, "shows"));
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        printf("%-11s %s\n", texts[i], client_text(o, texts[i]));
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        printf("%-11s %llu\n", numbers[i], (unsigned long long)client_number(o, numbers[i]));
    printf("certified   by %llu of %llu validators, which have %s of %s TAO\n",
           (unsigned long long)client_number(o, "signers"),
           (unsigned long long)client_number(o, "members"),
           tao(client_number(o, "certified_stake"), certified),
           tao(client_number(o, "total_stake"), total));
    print_recomputed(o);
    if (*client_text(o, "missing") != 0)
        printf("missing     %s, for level 5\n", client_text(o, "missing"));
    printf("not checked levels 3 (anchored on the chain) and 4 (outside witnesses)\n");
}

static int report(struct client *c, const struct checking *k, const struct audit_report *r,
                  enum err e)
{
    if (k->trouble != NULL)
        return cmd_complain(EXIT_FAILED, "the challenge cannot be run here", k->worker, k->trouble,
                            "name the worker with --worker, or stop at level 2 with --no-run");
    if (e == ERR_NO_MEMORY)
        return cmd_complain(EXIT_FAILED, "no memory to check the bundle", c->words[1],
                            "that says nothing about the bundle", NULL);
    json_t *o = describe(r, k, e);
    int code = e == ERR_OK ? EXIT_DONE : EXIT_UNPROVEN;
    if (c->json) {
        client_print(o);
        return code;
    }
    if (e == ERR_OK)
        print_report(o);
    else
        print_failure(o);
    json_decref(o);
    return code;
}

static bool read_both(struct client *c, struct checking *k, const char *genesis_path,
                      struct genesis *genesis, struct span *bytes)
{
    struct span file;
    enum err e = file_read(genesis_path, GENESIS_SIZE_MAX, &file);
    if (e == ERR_OK) {
        e = genesis_decode(arena_copy(&k->arena, file), &k->arena, genesis);
        free((void *)(uintptr_t)file.ptr);
    }
    if (e != ERR_OK) {
        c->code = cmd_complain(EXIT_USAGE, "not a genesis file", genesis_path, cmd_file_why(e),
                               "the file that `platform genesis` wrote for this network");
        return false;
    }
    e = file_read(c->words[1], BUNDLE_MAX, bytes);
    if (e != ERR_OK)
        c->code = cmd_complain(EXIT_USAGE, "the bundle cannot be read", c->words[1],
                               cmd_file_why(e), NULL);
    return e == ERR_OK;
}

static int verify(struct client *c, const char *genesis_path, bool no_run, const char *worker)
{
    struct checking k = {.worker = worker != NULL ? worker : getenv("PLATFORM_WORKER")};
    const struct audit_checks checks = {.ctx = &k,
                                        .cert = check_cert,
                                        .network_id = ledger_network_id,
                                        .valset_hash = bft_valset_hash,
                                        .aux_hash = bft_aux_hash,
                                        .op_id = op_id,
                                        .challenge_id = registry_challenge_id,
                                        .rescore = no_run ? NULL : rescore};
    char beside[PROGRAM_PATH_MAX];
    struct genesis genesis;
    struct audit_report r;
    struct span bytes = {0};
    if (genesis_path == NULL || c->word_count != 2) {
        return cmd_usage(usage);
    }
    if (k.worker == NULL && pool_program(beside, sizeof beside))
        k.worker = beside;
    if (arena_open(&k.arena, MEMORY_BYTES) != ERR_OK)
        return cmd_complain(EXIT_FAILED, "no memory", NULL, NULL, NULL);
    int code;
    if (read_both(c, &k, genesis_path, &genesis, &bytes)) {
        enum err e = audit_bundle_verify(bytes, &genesis, &checks, &k.arena, &r);
        code = report(c, &k, &r, e);
        free((void *)(uintptr_t)bytes.ptr);
    } else {
        code = c->code;
    }
    arena_close(&k.arena);
    return code;
}

int cmd_audit(int argc, char **argv)
{
    const char *submission = NULL, *score = NULL, *out = NULL, *genesis = NULL, *worker = NULL;
    bool no_run = false;
    const struct client_option options[] = {{"--submission", &submission, NULL},
                                            {"--score", &score, NULL},
                                            {"--out", &out, NULL},
                                            {"--genesis", &genesis, NULL},
                                            {"--worker", &worker, NULL},
                                            {"--no-run", NULL, &no_run}};
    struct client c;
    if (!client_open(&c, usage, options, COUNT_OF(options), 1, 2, argc, argv))
        return c.code;
    if (strcmp(c.words[0], "bundle") == 0 && c.word_count == 1)
        return bundle(&c, submission, score, out);
    if (strcmp(c.words[0], "verify") == 0)
        return verify(&c, genesis, no_run, worker);
    return cmd_usage(usage);
}
