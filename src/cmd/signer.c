/* platform-signer: holds the hotkey, signs what it has parsed, and never signs
 * twice for one place.  Started by platformd with a socket as descriptor 3, or
 * by itself with --listen.  What it decides is in signer/signer.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/settings.h"
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
    {.name = "password_file", .fallback = "", .help = "file with the password of an encrypted key"},
    {.name = "password_env",
     .fallback = "",
     .help = "name of the variable that holds that password"},
    {.name = "dir",
     .fallback = NULL,
     .help = "folder of the guard journal; never copy or restore it"},
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
};

static void complain(const char *event, const char *what, const char *why)
{
    fprintf(stderr, "%s what=\"%s\" why=\"%s\"\n", event, what, why);
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

static bool read_calls(struct settings *s, struct signer_config *c)
{
    char *items[SETTING_LIST_MAX];
    uint32_t count = settings_list(s, "calls", items);
    if (count == 0) {
        signer_default_calls(c);
        return true;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i >= SIGNER_CALLS_MAX || !read_call(items[i], &c->calls[i])) {
            complain("signer.bad_setting", items[i], "a call is NAME=PALLET:CALL, sixteen at most");
            return false;
        }
    }
    c->call_count = count;
    return true;
}

/* The network's id is the hash of its genesis (spec/ledger.msg). */
static bool read_genesis(const struct settings *s, struct signer_config *c)
{
    struct span bytes = {0};
    struct arena arena = {0};
    struct genesis g;
    const char *path = settings_text(s, "genesis");
    enum err e = file_read(path, GENESIS_SIZE_MAX, &bytes);
    if (e == ERR_OK)
        e = arena_open(&arena, 4 * GENESIS_SIZE_MAX);
    if (e == ERR_OK)
        e = genesis_decode(bytes, &arena, &g);
    if (e == ERR_OK) {
        c->network = hash_tagged("PLTFNETW", bytes);
        c->chain_genesis = g.chain_genesis;
        c->netuid = g.netuid;
    } else {
        complain("signer.no_genesis", path, err_text(e));
    }
    arena_close(&arena);
    free((void *)(uintptr_t)bytes.ptr);
    return e == ERR_OK;
}

static bool read_config(struct settings *s, struct signer_config *c)
{
    bool genesis = read_genesis(s, c);
    return read_calls(s, c) && genesis;
}

/* --- the key */

static const struct {
    const char *setting;
    enum key_source source;
} key_settings[] = {
    {"key_file", KEY_FROM_FILE},
    {"key_fd", KEY_FROM_FD},
    {"key_credential", KEY_FROM_CREDENTIAL},
    {"key_env", KEY_FROM_ENVIRONMENT},
};

static bool given(const struct settings *s, const char *name)
{
    return settings_text(s, name)[0] != '\0';
}

static bool read_source(const struct settings *s, const char *name, enum key_source source,
                        struct secret **out)
{
    const char *why;
    if (key_source_read(source, settings_text(s, name), out, &why) == ERR_OK)
        return true;
    complain("signer.no_key", name, why);
    return false;
}

static bool read_key_bytes(const struct settings *s, struct secret **out)
{
    size_t chosen = COUNT_OF(key_settings), count = 0;
    for (size_t i = 0; i < COUNT_OF(key_settings); i++) {
        if (given(s, key_settings[i].setting)) {
            chosen = i;
            count++;
        }
    }
    if (count != 1) {
        complain("signer.bad_setting", "key",
                 "exactly one of key_file, key_fd, key_credential, key_env is wanted");
        return false;
    }
    return read_source(s, key_settings[chosen].setting, key_settings[chosen].source, out);
}

static bool read_password(const struct settings *s, struct secret **out)
{
    *out = NULL;
    if (given(s, "password_file"))
        return read_source(s, "password_file", KEY_FROM_FILE, out);
    if (given(s, "password_env"))
        return read_source(s, "password_env", KEY_FROM_ENVIRONMENT, out);
    return true;
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

static struct sr25519_keypair *load_key(const struct settings *s)
{
    struct secret *bytes = NULL, *password = NULL;
    struct sr25519_keypair *key = NULL;
    if (read_key_bytes(s, &bytes) && read_password(s, &password)) {
        enum err e = keyfile_parse(secret_span(bytes), password_of(password), &key);
        if (e != ERR_OK)
            complain("signer.no_key", "hotkey", key_trouble(e));
    }
    secret_close(bytes);
    secret_close(password);
    return key;
}

static void sign(void *ctx, struct span message, struct signature *out)
{
    uint8_t entropy[SR25519_ENTROPY_SIZE];
    os_entropy((struct room){entropy, sizeof entropy});
    sr25519_sign(ctx, message, entropy, out);
}

/* --- serving */

static bool serve_one(int fd, struct signer *s, struct journal_file *j)
{
    enum err e = sign_serve(fd, s, j);
    close(fd);
    if (e == ERR_OK || e == ERR_CLOSED)
        return true;
    complain("signer.connection_ended", "request", err_text(e));
    return e != ERR_IO && e != ERR_NO_MEMORY;
}

/* Descriptor 3 is served once; a listening socket for ever. */
static int serve(int fd, bool listening, struct signer *s, struct journal_file *j)
{
    uint64_t refused = 0;
    bool fine = true;
    if (!listening)
        return serve_one(fd, s, j) ? 0 : 1;
    while (fine) {
        uint64_t before = refused;
        int connection;
        fine = sign_accept(fd, &connection, &refused) == ERR_OK;
        if (refused != before)
            fprintf(stderr, "signer.stranger_refused count=%llu\n", (unsigned long long)refused);
        fine = fine && serve_one(connection, s, j);
    }
    return 1;
}

static bool open_socket(const struct settings *s, int *fd)
{
    *fd = (int)settings_number(s, "fd");
    if (!given(s, "listen"))
        return true;
    enum err e = sign_listen(settings_text(s, "listen"), fd);
    if (e == ERR_OK)
        return true;
    complain("signer.no_socket", settings_text(s, "listen"),
             e == ERR_CONFLICT ? "another signer listens there" : err_text(e));
    return false;
}

static bool open_guard(const struct settings *s, const struct signer_config *c,
                       struct signer *signer, struct journal_file **journal)
{
    const char *dir = settings_text(s, "dir"), *why = "the folder cannot be made";
    bool is_new = false;
    int lock;
    enum err e = folder_make(dir);
    if (e == ERR_OK) {
        why = "another signer has it; one key never signs in two places";
        e = folder_lock(dir, &lock);
    }
    if (e == ERR_OK)
        e = sign_journal_open(journal, dir, &c->network, &c->hotkey, signer, &is_new, &why);
    if (e != ERR_OK) {
        complain("signer.guard_refused", dir, why);
        return false;
    }
    char address[SS58_TEXT_MAX];
    ss58_from_hotkey(&c->hotkey, address);
    fprintf(stderr, "signer.started hotkey=%s guard=%s\n", address, is_new ? "new" : "kept");
    return true;
}

static bool harden(void)
{
    const char *step;
    bool locked;
    if (harden_memory(&locked, &step) != ERR_OK) {
        complain("signer.not_hardened", "process", step);
        return false;
    }
    if (!locked)
        complain("signer.not_locked", "memory", "raise the limit on locked memory (ulimit -l)");
    return true;
}

static int run(struct settings *s)
{
    struct arena arena;
    struct signer_config c = {.sign = sign};
    struct signer *signer;
    struct journal_file *journal;
    const char *step;
    int fd;
    if (!read_config(s, &c) || !harden())
        return 2;
    struct sr25519_keypair *key = load_key(s);
    if (key == NULL)
        return 2;
    c.ctx = key;
    c.hotkey = *sr25519_public(key);
    if (arena_open(&arena, signer_arena_size()) != ERR_OK ||
        signer_init(&signer, &arena, &c) != ERR_OK || !open_guard(s, &c, signer, &journal) ||
        !open_socket(s, &fd))
        return 2;
    if (harden_calls(&step) != ERR_OK) {
        complain("signer.not_hardened", "process", step);
        return 2;
    }
    int code = serve(fd, given(s, "listen"), signer, journal);
    journal_file_close(journal);
    sr25519_close(key);
    return code;
}

int main(int argc, char **argv)
{
    struct settings s = {0};
    bool help = false;
    signal(SIGPIPE, SIG_IGN);
    if (!settings_read(&s, table, COUNT_OF(table), argc, argv, &help))
        return help ? 0 : 2;
    int code = run(&s);
    settings_free(&s);
    return code;
}
