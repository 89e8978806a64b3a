#include "os/sign_serve.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "codec/wr.h"
#include "crypto/hash.h"
#include "os/pipe.h"

enum {
    HEAD = 4,
    REPLY_ROOM = HEAD + SIGNER_REPLY_SIZE_MAX,
    REPLIES_MAX = 512, /* answered with one flush */
    SCRATCH_SIZE = 1 << 20,
    IN_SIZE = 4 * SIGN_FRAME_MAX,
};

/* --- the journal */

struct replay {
    struct signer *signer;
    enum err result;
};

static void on_record(void *ctx, struct span record)
{
    struct replay *r = ctx;
    if (r->result == ERR_OK)
        r->result = signer_replay(r->signer, record);
}

enum err sign_journal_open(struct journal_file **out, const char *dir, const struct hash *network,
                           const struct hotkey *hotkey, struct signer *s, bool may_begin,
                           bool *is_new, const char **why)
{
    struct replay r = {.signer = s};
    *why = "without the record of what the key has signed it could sign twice";
    if (!may_begin && journal_file_newest(dir, "guard") == 0)
        return ERR_NOT_FOUND;
    uint8_t bytes[HASH_SIZE + HOTKEY_SIZE];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_raw(&w, hash_span(network));
    wr_raw(&w, hotkey_span(hotkey));
    struct hash owner = hash_tagged("PLTFGUAR", wr_done(&w));
    enum err e = journal_file_open(out, dir, "guard", &owner, on_record, &r, is_new, why);
    if (e == ERR_FOREIGN)
        *why = "the guard journal belongs to another key, network or version";
    if (e == ERR_OK && r.result != ERR_OK) {
        journal_file_close(*out);
        *why = "the guard journal contradicts itself or holds something else";
        e = r.result;
    }
    return e;
}

/* A new file that stands for the old ones; they go when it is durable. */
static enum err shorten(struct signer *s, struct journal_file *j)
{
    uint8_t bytes[SIGNER_GUARD_SIZE_MAX];
    struct span record;
    enum err e = journal_file_rotate(j);
    for (uint32_t i = 0;
         e == ERR_OK && signer_snapshot(s, i, (struct room){bytes, sizeof bytes}, &record); i++)
        e = journal_file_append(j, record);
    if (e == ERR_OK)
        e = journal_file_flush(j);
    if (e == ERR_OK)
        journal_file_drop_old(j);
    return e;
}

/* --- serving */

struct serving {
    struct arena memory, scratch;
    struct signer *signer;
    struct journal_file *journal;
    uint8_t *in;
    size_t in_used;
    struct signer_reply *replies;
    uint32_t reply_count;
    uint8_t *out;
};

static enum err serving_open(struct serving *v)
{
    size_t out = (size_t)REPLIES_MAX * REPLY_ROOM;
    size_t size = IN_SIZE + out + SCRATCH_SIZE + REPLIES_MAX * sizeof *v->replies + 8 * ARENA_ALIGN;
    enum err e = arena_open(&v->memory, size);
    if (e != ERR_OK)
        return e;
    v->in = arena_alloc(&v->memory, IN_SIZE);
    v->out = arena_alloc(&v->memory, out);
    v->replies = arena_array(&v->memory, REPLIES_MAX, sizeof *v->replies);
    struct room scratch = {arena_alloc(&v->memory, SCRATCH_SIZE), SCRATCH_SIZE};
    assert(v->in != NULL && v->out != NULL && v->replies != NULL && scratch.ptr != NULL);
    arena_init(&v->scratch, scratch);
    return ERR_OK;
}

/* One request; its record goes into the journal's buffer, its answer waits. */
static enum err handle(struct serving *v, struct span request)
{
    struct signer_effect fx;
    arena_reset(&v->scratch, 0);
    signer_step(v->signer, request, &v->scratch, &fx);
    v->replies[v->reply_count++] = fx.reply;
    return fx.record.len == 0 ? ERR_OK : journal_file_append(v->journal, fx.record);
}

/* Every whole frame that is here, as far as there is room for answers. */
static enum err handle_all(struct serving *v)
{
    size_t at = 0;
    enum err e = ERR_OK;
    while (e == ERR_OK && v->in_used - at >= HEAD && v->reply_count < REPLIES_MAX) {
        const uint8_t *b = v->in + at;
        size_t size = (size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
        if (size > SIGN_FRAME_MAX) {
            e = ERR_TOO_BIG;
            break;
        }
        if (v->in_used - at < HEAD + size)
            break;
        e = handle(v, span_of(b + HEAD, size));
        at += HEAD + size;
    }
    memmove(v->in, v->in + at, v->in_used - at);
    v->in_used -= at;
    return e;
}

static enum err answer_all(int fd, struct serving *v, bool durable)
{
    struct wr w = wr_init((struct room){v->out, (size_t)REPLIES_MAX * REPLY_ROOM});
    for (uint32_t i = 0; i < v->reply_count; i++) {
        struct signer_reply r = v->replies[i];
        if (!durable)
            r = (struct signer_reply){.token = r.token, .verdict = SIGNER_VERDICT_FAILED};
        wr_u32(&w, SIGNER_REPLY_SIZE_MAX);
        signer_reply_write(&w, &r);
    }
    static_assert(SIGNER_REPLY_SIZE_MIN == SIGNER_REPLY_SIZE_MAX);
    struct span bytes = wr_done(&w);
    v->reply_count = 0;
    return bytes.len == 0 || pipe_write_all(fd, bytes) == ERR_OK ? ERR_OK : ERR_CLOSED;
}

/* Handles, flushes, answers, until no whole frame is left. */
static enum err turn(int fd, struct serving *v)
{
    bool more = true;
    while (more) {
        enum err e = handle_all(v);
        more = v->reply_count == REPLIES_MAX;
        enum err f = journal_file_flush(v->journal);
        enum err a = answer_all(fd, v, f == ERR_OK && e != ERR_NO_MEMORY);
        if (f != ERR_OK || e != ERR_OK)
            return f != ERR_OK ? f : e;
        if (a != ERR_OK)
            return a;
    }
    return ERR_OK;
}

static enum err serve(int fd, struct serving *v)
{
    for (;;) {
        ssize_t n = read(fd, v->in + v->in_used, IN_SIZE - v->in_used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return v->in_used == 0 ? ERR_OK : ERR_MALFORMED;
        v->in_used += (size_t)n;
        enum err e = turn(fd, v);
        if (e == ERR_OK && journal_file_size(v->journal) > SIGN_JOURNAL_MAX)
            e = shorten(v->signer, v->journal);
        if (e != ERR_OK)
            return e;
    }
}

enum err sign_serve(int fd, struct signer *s, struct journal_file *j)
{
    struct serving v = {.signer = s, .journal = j};
    enum err e = serving_open(&v);
    if (e == ERR_OK)
        e = serve(fd, &v);
    arena_close(&v.memory);
    return e;
}

/* --- a socket in the file system */

static bool somebody_listens(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool yes = connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    close(fd);
    return yes;
}

enum err sign_listen(const char *path, int *out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return ERR_TOO_BIG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (somebody_listens(&address))
        return ERR_CONFLICT;
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    mode_t before = umask(0177);
    bool ok =
        bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4) == 0;
    umask(before);
    if (!ok) {
        close(fd);
        return ERR_IO;
    }
    *out = fd;
    return ERR_OK;
}

enum err sign_accept(int listener, int *out, uint64_t *refused)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
            continue;
        if (fd < 0)
            return ERR_IO;
        struct ucred peer = {0};
        socklen_t size = sizeof peer;
        bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
        if (known && (peer.uid == geteuid() || peer.uid == 0)) {
            *out = fd;
            return ERR_OK;
        }
        ++*refused;
        close(fd);
    }
}
