/* platform-signer: holds the hotkey, signs what it has parsed, and never signs
 * twice for one place.  Started by platformd with a socket as descriptor 3, or
 * by itself with --listen.  What it decides is in signer/signer.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/cmd_settings.h"
#include "cmd/logline.h"
#include "crypto/hash.h"
#include "crypto/ss58.h"
#include "os/files.h"
#include "os/harden.h"
#include "os/key_source.h"
#include "os/sign_serve.h"
#include "signer/keyfile.h"

static const struct setting table[] = {
    {.name = "key_file",
     .fallback = "",
     .help = "file with the hotkey, readable by its owner only"},
    {.name = "key_fd", .fallback = "", .help = "open descriptor to read the hotkey from"},
    {.name = "key_credential", .fallback = "", .help = "systemd credential with the hotkey"},
    {.name = "key_env", .fallback = "", .help = "name of the variable that holds the hotkey"},
    {.name = "hotkey", .fallback = "", .help = "SS58 address that the key must have; empty: any"},
    {.name = "password_file", .fallback = "", .help = "file with the password of an encrypted key"},
    {.name = "password_fd", .fallback = "", .help = "open descriptor to read that password from"},
    {.name = "password_credential",
     .fallback = "",
     .help = "systemd credential with that password"},
    {.name = "password_env",
     .fallback = "",
     .help = "name of the variable that holds that password"},
    {.name = "dir",
     .fallback = NULL,
     .help = "folder of the guard journal; never copy or restore it"},
    {.name = "new_guard",
     .kind = SETTING_BOOL,
     .fallback = "false",
     .help = "begin a guard journal when there is none: this key has signed nowhere yet"},
    {.name = "genesis", .fallback = NULL, .help = "genesis file of the network"},
    {.name = "calls",
     .kind = SETTING_LIST,
     .fallback = "",
     .help = "chain calls that may be signed, NAME=PALLET:CALL,...; empty: the usual numbers"},
    {.name = "fd",
     .kind = SETTING_NUMBER,
     .fallback = "3",
     .max = 1023,
     .help = "connected socket to serve"},
    {.name = "listen", .fallback = "", .help = "path of a socket to serve instead"},
    {.name = "log_format",
     .kind = SETTING_CHOICE,
     .fallback = "text",
     .choices = "text json",
     .help = "form of the log"},
};

struct program {
    struct settings settings;
    bool json;
    struct trace trace;
};

static const char *text(const struct program *p, const char *name)
{
    return settings_text(&p->settings, name);
}

static bool given(const struct program *p, const char *name)
{
    return text(p, name)[0] != '\0';
}

static int complain(const struct program *p, int code, const char *what, const char *where,
                    const char *why, const char *fix)
{
    return cmd_report(p->json, code, what, where, why, fix, NULL);
}

static struct trace_event *event(struct program *p, enum trace_level level, const char *name)
{
    return trace_add(&p->trace, level, name);
}

static void write_log(struct program *p)
{
    char line[LOGLINE_SIZE + 1];
    for (uint32_t i = 0; i < p->trace.count; i++) {
        size_t len = logline_write(&p->trace.events[i], os_unix_ns() / 1000000,
                                   p->json ? LOGLINE_JSON : LOGLINE_TEXT, line);
        line[len] = '\n';
        fwrite(line, 1, len + 1, stderr);
    }
    p->trace.count = 0;
}

/* --- settings */

/* A number up to 255, and where it ends. */
static bool read_byte(const char **text, uint8_t *out)
{
    unsigned x = 0, digits = 0;
    for (; **text >= '0' && **text <= '9' && digits < 4; ++*text, digits++)
        x = 10 * x + (unsigned)(**text - '0');
    *out = (uint8_t)x;
    return digits > 0 && x <= UINT8_MAX;
}

/* NAME=PALLET:CALL */
static bool read_call(const char *item, struct signer_call *out)
{
    for (int i = 0; i < SIGNER_CALL_SHAPES; i++) {
        const char *name = signer_call_name((enum signer_call_shape)i);
        size_t len = strlen(name);
        if (strncmp(item, name, len) != 0 || item[len] != '=')
            continue;
        const char *at = item + len + 1;
        out->shape = (enum signer_call_shape)i;
        return read_byte(&at, &out->pallet) && *at++ == ':' && read_byte(&at, &out->call) &&
               *at == '\0';
    }
    return false;
}

static int read_calls(struct program *p, struct signer_config *c)
{
    char *items[SETTING_LIST_MAX];
    uint32_t count = settings_list(&p->settings, "calls", items);
    if (count == 0) {
        signer_default_calls(c);
        return EXIT_DONE;
    }
    for (uint32_t i = 0; i < count; i++)
        if (i >= SIGNER_CALLS_MAX || !read_call(items[i], &c->calls[i]))
            return complain(p, EXIT_USAGE, "a chain call is not right", "calls", items[i],
                            "write NAME=PALLET:CALL, sixteen of them at most");
    c->call_count = count;
    return EXIT_DONE;
}

/* The network's id is the hash of its genesis (spec/ledger.msg). */
static int read_genesis(const struct program *p, struct signer_config *c)
{
    struct span bytes = {0};
    struct arena arena = {0};
    struct genesis g;
    const char *path = text(p, "genesis");
    enum err e = file_read(path, GENESIS_SIZE_MAX, &bytes);
    if (e == ERR_OK)
        e = arena_open(&arena, 4 * GENESIS_SIZE_MAX);
    if (e == ERR_OK)
        e = genesis_decode(bytes, &arena, &g);
    if (e == ERR_OK) {
        c->network = hash_tagged("PLTFNETW", bytes);
        c->chain_genesis = g.chain_genesis;
        c->netuid = g.netuid;
    }
    arena_close(&arena);
    free((void *)(uintptr_t)bytes.ptr);
    if (e == ERR_OK)
        return EXIT_DONE;
    return complain(p, EXIT_USAGE, "the genesis file cannot be used", path, err_text(e),
                    "name the file that the network's founders published");
}

/* --- the key */

struct source {
    const char *setting;
    enum key_source source;
};

static const struct source key_settings[] = {
    {"key_file", KEY_FROM_FILE},
    {"key_fd", KEY_FROM_FD},
    {"key_credential", KEY_FROM_CREDENTIAL},
    {"key_env", KEY_FROM_ENVIRONMENT},
};
static const struct source password_settings[] = {
    {"password_file", KEY_FROM_FILE},
    {"password_fd", KEY_FROM_FD},
    {"password_credential", KEY_FROM_CREDENTIAL},
    {"password_env", KEY_FROM_ENVIRONMENT},
};

/* What names it; how many do. */
static uint32_t chosen(const struct program *p, const struct source sources[4], uint32_t *at)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < 4; i++)
        if (given(p, sources[i].setting)) {
            *at = i;
            count++;
        }
    return count;
}

/* The setting, and the file that it names; not what may be a secret in the wrong place. */
static const char *place_of(const struct program *p, const struct source *s, char out[1024])
{
    const char *value = text(p, s->setting);
    bool is_path =
        s->source == KEY_FROM_FILE && strchr(value, ' ') == NULL && strncmp(value, "0x", 2) != 0;
    snprintf(out, 1024, "%s%s%s", s->setting, is_path ? " " : "", is_path ? value : "");
    return out;
}

static int read_source(const struct program *p, const struct source *s, const char *what,
                       struct secret **out)
{
    const char *why;
    char where[1024];
    enum err e = key_source_read(s->source, text(p, s->setting), out, &why);
    if (e == ERR_OK)
        return EXIT_DONE;
    return complain(p, EXIT_USAGE, what, place_of(p, s, where), why,
                    e == ERR_DENIED ? "chmod 600 that file; if others could read it, consider the "
                                      "key as known to them"
                                    : "put it there; docs/operators.md tells the three ways");
}

/* A password file ends with a newline, which is not part of it. */
static struct span password_of(const struct secret *s)
{
    struct span p = s == NULL ? (struct span){0} : secret_span(s);
    while (p.len > 0 && (p.ptr[p.len - 1] == '\n' || p.ptr[p.len - 1] == '\r'))
        p.len--;
    return p;
}

static const char *key_trouble(enum err e)
{
    if (e == ERR_DENIED)
        return "the key is encrypted; the password is missing or wrong";
    if (e == ERR_UNSUPPORTED)
        return "an older encryption; save the wallet anew with a current btcli";
    if (e == ERR_NO_MEMORY)
        return "no guarded memory is left; see the limit on locked memory (ulimit -l)";
    return "it is neither a wallet's JSON, nor a seed, nor a phrase";
}

/* The node says whose key it expects: a wrong one would make it mute, not safe. */
static int check_hotkey(const struct program *p, const struct sr25519_keypair *key,
                        const char *where)
{
    char address[SS58_TEXT_MAX], why[160];
    struct hotkey wanted;
    const char *expected = text(p, "hotkey");
    if (*expected == '\0')
        return EXIT_DONE;
    if (ss58_to_hotkey(span_of(expected, strlen(expected)), &wanted) != ERR_OK)
        return complain(p, EXIT_USAGE, "not an SS58 address", "hotkey", NULL, NULL);
    if (hotkey_equal(&wanted, sr25519_public(key)))
        return EXIT_DONE;
    ss58_from_hotkey(sr25519_public(key), address);
    snprintf(why, sizeof why, "it is the key of %s, and hotkey is %s", address, expected);
    return complain(p, EXIT_USAGE, "the key is not the validator's", where, why,
                    "name the file of that hotkey, or set hotkey to the key's address");
}

static int load_key(const struct program *p, struct sr25519_keypair **out)
{
    struct secret *bytes = NULL, *password = NULL;
    uint32_t key = 0, word = 0;
    char where[1024];
    if (chosen(p, key_settings, &key) != 1)
        return complain(p, EXIT_USAGE, "no key, or more than one",
                        "key_file, key_fd, key_credential, key_env", NULL, "set exactly one");
    int code = read_source(p, &key_settings[key], "the hotkey cannot be read", &bytes);
    if (code == EXIT_DONE && chosen(p, password_settings, &word) > 0)
        code = read_source(p, &password_settings[word], "the password of the hotkey cannot be read",
                           &password);
    place_of(p, &key_settings[key], where);
    if (code == EXIT_DONE) {
        enum err e = keyfile_parse(secret_span(bytes), password_of(password), out);
        if (e != ERR_OK)
            code =
                complain(p, EXIT_USAGE, "the hotkey cannot be used", where, key_trouble(e),
                         e == ERR_DENIED ? "set hotkey_password_file, or another source of it"
                                         : "`platform key show FILE` tells whether a file is one");
        else
            code = check_hotkey(p, *out, where);
    }
    secret_close(bytes);
    secret_close(password);
    return code;
}

static void sign(void *ctx, struct span message, struct signature *out)
{
    uint8_t entropy[SR25519_ENTROPY_SIZE];
    os_entropy((struct room){entropy, sizeof entropy});
    sr25519_sign(ctx, message, entropy, out);
}

/* --- serving */

static bool serve_one(struct program *p, int fd, struct signer *s, struct journal_file *j)
{
    enum err e = sign_serve(fd, s, j);
    close(fd);
    if (e == ERR_OK || e == ERR_CLOSED)
        return true;
    trace_word(event(p, TRACE_WARN, "signer.connection_ended"), "why", err_text(e));
    write_log(p);
    return e != ERR_IO && e != ERR_NO_MEMORY;
}

/* Descriptor 3 is served once; a listening socket for ever. */
static int serve(struct program *p, int fd, struct signer *s, struct journal_file *j)
{
    uint64_t refused = 0;
    bool fine = true;
    if (!given(p, "listen"))
        return serve_one(p, fd, s, j) ? 0 : 1;
    while (fine) {
        uint64_t before = refused;
        int connection;
        fine = sign_accept(fd, &connection, &refused) == ERR_OK;
        if (refused != before)
            trace_u64(event(p, TRACE_WARN, "signer.stranger_refused"), "count", refused);
        write_log(p);
        fine = fine && serve_one(p, connection, s, j);
    }
    return 1;
}

static int open_socket(const struct program *p, int *fd)
{
    *fd = (int)settings_number(&p->settings, "fd");
    if (!given(p, "listen"))
        return EXIT_DONE;
    enum err e = sign_listen(text(p, "listen"), fd);
    if (e == ERR_OK)
        return EXIT_DONE;
    return complain(p, EXIT_FAILED, "the socket cannot be made", text(p, "listen"),
                    e == ERR_CONFLICT ? "another signer listens there" : err_text(e),
                    "choose another path, or end that signer");
}

static int guard_trouble(const struct program *p, enum err e, const char *why)
{
    const char *dir = text(p, "dir");
    if (e == ERR_NOT_FOUND)
        return complain(p, EXIT_REFUSED, "the guard journal is missing", dir, why,
                        "bring the folder back; a new guard is begun with --new-guard only, see "
                        "docs/operators.md on a lost guard");
    if (e == ERR_FOREIGN || e == ERR_CORRUPT)
        return complain(p, EXIT_REFUSED,
                        "the guard journal is refused: signing could contradict it", dir, why,
                        "use the folder that belongs to this key and network; where it is lost or "
                        "damaged, keep it for a report and see docs/operators.md on a lost guard");
    return complain(p, EXIT_FAILED, "the guard journal cannot be opened", dir, why,
                    "check the folder's owner, its permissions and the disk");
}

static int open_guard(struct program *p, const struct signer_config *c, struct signer *signer,
                      struct journal_file **journal)
{
    const char *dir = text(p, "dir"), *why = "the folder cannot be made";
    bool is_new = false;
    int lock;
    enum err e = folder_make(dir);
    if (e == ERR_OK) {
        why = "another signer has it; one key never signs in two places";
        e = folder_lock(dir, &lock);
        if (e == ERR_CONFLICT)
            return complain(p, EXIT_REFUSED, "the guard journal is in use", dir, why,
                            "end that signer");
    }
    if (e == ERR_OK)
        e = sign_journal_open(journal, dir, &c->network, &c->hotkey, signer,
                              settings_bool(&p->settings, "new_guard"), &is_new, &why);
    if (e != ERR_OK)
        return guard_trouble(p, e, why);
    struct trace_event *t = event(p, TRACE_INFO, "signer.started");
    trace_hotkey(t, "hotkey", &c->hotkey);
    trace_word(t, "guard", is_new ? "new" : "kept");
    write_log(p);
    return EXIT_DONE;
}

static int harden(struct program *p)
{
    const char *step;
    if (harden_process(&step) != ERR_OK)
        return complain(p, EXIT_FAILED, "the process cannot be hardened", "the operating system",
                        step, NULL);
    if (!harden_memory())
        trace_word(event(p, TRACE_WARN, "signer.not_locked"), "why",
                   "raise the limit on locked memory (ulimit -l)");
    write_log(p);
    return EXIT_DONE;
}

static int run(struct program *p)
{
    struct arena arena = {0};
    struct signer_config c = {.sign = sign};
    struct signer *signer;
    struct journal_file *journal = NULL;
    struct sr25519_keypair *key = NULL;
    const char *step;
    int fd;
    int code = harden(p);
    if (code == EXIT_DONE)
        code = read_genesis(p, &c);
    if (code == EXIT_DONE)
        code = read_calls(p, &c);
    if (code == EXIT_DONE)
        code = load_key(p, &key);
    if (code != EXIT_DONE)
        return code;
    c.ctx = key;
    c.hotkey = *sr25519_public(key);
    if (arena_open(&arena, signer_arena_size()) != ERR_OK ||
        signer_init(&signer, &arena, &c) != ERR_OK)
        code = complain(p, EXIT_FAILED, "no memory", NULL, NULL, NULL);
    if (code == EXIT_DONE)
        code = open_guard(p, &c, signer, &journal);
    if (code == EXIT_DONE)
        code = open_socket(p, &fd);
    if (code == EXIT_DONE && harden_calls(&step) != ERR_OK)
        code = complain(p, EXIT_FAILED, "the process cannot be hardened", "the operating system",
                        step, NULL);
    if (code == EXIT_DONE)
        code = serve(p, fd, signer, journal);
    journal_file_close(journal);
    arena_close(&arena);
    sr25519_close(key);
    return code;
}

int main(int argc, char **argv)
{
    struct program p = {0};
    int code;
    signal(SIGPIPE, SIG_IGN);
    if (!cmd_settings_serving(&p.settings, table, COUNT_OF(table), argc, argv, NULL, &p.json,
                              &code))
        return code;
    code = run(&p);
    settings_free(&p.settings);
    return code;
}
