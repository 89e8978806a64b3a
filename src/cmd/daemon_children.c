/* The programs beside platformd: the signer and the workers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/daemon.h"
#include "os/files.h"
#include "os/key_source.h"
#include "sandbox/sandbox.h"

static_assert((int)SECRET_SIZE_MAX <= (int)CHILD_GIVEN_SIZE_MAX);

static bool is_observer(const struct daemon *d)
{
    return hash_is_zero((const struct hash *)(const void *)&d->hotkey);
}

/* Without this look a missing program would be started for ever. */
static bool find_program(struct daemon *d, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%s", d->program_dir, name);
    if (access(path, X_OK) == 0)
        return true;
    return daemon_say(d, EXIT_FAILED, "a program of this node cannot be started", path,
                      strerror(errno), "install it beside platformd; all are of one version");
}

/* --- where the key comes from */

struct key_way {
    const char *setting, *flag;
};

/* The first that is set; by is what its value says. */
static const struct key_way *chosen(const struct daemon *d, const struct key_way ways[3],
                                    const char **by)
{
    for (size_t i = 0; i < 3; i++) {
        *by = settings_text(&d->settings, ways[i].setting);
        if (**by != '\0')
            return &ways[i];
    }
    return NULL;
}

/* A secret in the environment is taken out of it: whoever may look at this process later, or
 * at one that it starts, finds nothing there. */
static bool take_secret(struct daemon *d, const char *setting, const char *variable,
                        struct secret **out)
{
    const char *why;
    if (key_source_read(KEY_FROM_ENVIRONMENT, variable, out, &why) == ERR_OK)
        return true;
    return daemon_say(d, EXIT_USAGE, "a secret cannot be read from the environment", setting, why,
                      "export that variable to platformd, or use a file or a credential");
}

struct arguments {
    const char **list;
    uint32_t count;
};

static void add(struct arguments *a, const char *flag, const char *value)
{
    a->list[a->count++] = flag;
    a->list[a->count++] = value;
}

/* False: said why. */
static bool add_secret(struct daemon *d, struct child_config *c, struct arguments *a,
                       const struct key_way ways[3], const char *fd_flag, struct secret **kept)
{
    static const char *const numbers[CHILD_GIVEN_MAX] = {"4", "5"};
    const char *value;
    const struct key_way *way = chosen(d, ways, &value);
    if (way == NULL)
        return true;
    if (way->flag != NULL) {
        add(a, way->flag, value);
        return true;
    }
    if (!take_secret(d, way->setting, value, kept))
        return false;
    add(a, fd_flag, numbers[c->given_count]);
    c->given[c->given_count++] = secret_span(*kept);
    return true;
}

static bool signer_arguments(struct daemon *d, struct child_config *c)
{
    static const struct key_way keys[] = {{"hotkey_file", "--key-file"},
                                          {"hotkey_credential", "--key-credential"},
                                          {"hotkey_env", NULL}};
    static const struct key_way passwords[] = {
        {"hotkey_password_file", "--password-file"},
        {"hotkey_password_credential", "--password-credential"},
        {"hotkey_password_env", NULL}};
    struct daemon_children *own = &d->children;
    struct arguments a = {own->signer_args, 0};
    own->signer_args[a.count++] = own->signer;
    add(&a, "--fd", "3");
    add(&a, "--dir", own->signer_dir);
    add(&a, "--genesis", settings_text(&d->settings, "genesis"));
    add(&a, "--hotkey", settings_text(&d->settings, "hotkey"));
    add(&a, "--log-format", settings_text(&d->settings, "log_format"));
    if (d->new_guard)
        own->signer_args[a.count++] = "--new-guard";
    if (!add_secret(d, c, &a, keys, "--key-fd", &own->key) ||
        !add_secret(d, c, &a, passwords, "--password-fd", &own->password))
        return false;
    assert(a.count < COUNT_OF(own->signer_args));
    own->signer_args[a.count] = NULL;
    return true;
}

/* --- the signer */

static bool open_signer(struct daemon *d)
{
    struct daemon_children *own = &d->children;
    const char *given = settings_text(&d->settings, "signer_dir");
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    if (!find_program(d, "platform-signer", own->signer))
        return false;
    if (*given != '\0')
        snprintf(own->signer_dir, sizeof own->signer_dir, "%s", given);
    else
        snprintf(own->signer_dir, sizeof own->signer_dir, "%s/signer", d->data_dir);
    if (credentials != NULL) {
        snprintf(own->credentials, sizeof own->credentials, "CREDENTIALS_DIRECTORY=%s",
                 credentials);
        own->signer_env[0] = own->credentials;
    }
    if (folder_make(own->signer_dir) != ERR_OK)
        return daemon_say(d, EXIT_FAILED, "the signer's folder cannot be made", own->signer_dir,
                          strerror(errno), "check its owner and permissions, or set signer_dir");
    struct child_config c = {.program = own->signer,
                             .args = own->signer_args,
                             .env = own->signer_env,
                             .frame_max = 1 << 20,
                             .restart_ms = 1000,
                             .ctx = d,
                             .on_up = daemon_on_signer_up,
                             .on_frame = daemon_on_signer_frame,
                             .on_down = daemon_on_signer_down};
    if (!signer_arguments(d, &c))
        return false;
    if (child_open(&d->signer, &d->loop, &c) == ERR_OK)
        return true;
    return daemon_say(d, EXIT_FAILED, "platform-signer cannot be started", own->signer,
                      strerror(errno), NULL);
}

static bool open_pool(struct daemon *d)
{
    char *program = d->children.worker;
    if (!find_program(d, "platform-worker", program))
        return false;
    struct pool_config c = {.program = program,
                            .slots = (uint32_t)settings_number(&d->settings, "evaluation_slots"),
                            .engine = sandbox_engine_id(),
                            .ctx = d,
                            .on_answer = daemon_on_answer};
    if (pool_open(&d->pool, &d->loop, &c) == ERR_OK)
        return true;
    return daemon_say(d, EXIT_FAILED, "the workers cannot be started", program, strerror(errno),
                      "give the process more memory, or lower evaluation_slots");
}

bool daemon_children(struct daemon *d)
{
    /* An observer signs and evaluates nothing. */
    return is_observer(d) || (open_signer(d) && open_pool(d));
}
