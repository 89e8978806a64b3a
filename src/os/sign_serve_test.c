#include "os/sign_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "codec/wr.h"
#include "crypto/hash.h"
#include "os/harden.h"
#include "os/pipe.h"

enum { PATH_ROOM = 128 };

static const struct hash network = {{1}};

/* The disk, as far as the guard's journal asks for it. */
static bool disk_fails;
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    if (!disk_fails)
        return __real_fdatasync(fd);
    errno = EIO;
    return -1;
}

struct shop {
    char dir[64];
    pid_t child;
    int fd;
    struct pipe pipe;
    uint8_t in[4096];
    bool disk_fails; /* once it serves */
};

static void test_sign(void *ctx, struct span message, struct signature *out)
{
    (void)ctx;
    struct hash h = hash_tagged("TESTSIGN", message);
    memcpy(out->bytes, h.bytes, 32);
    memset(out->bytes + 32, 0, 32);
}

static enum err open_signer(const char *dir, const struct hotkey *hotkey, struct arena *arena,
                            struct signer **s, struct journal_file **j)
{
    const struct signer_config c = {.network = network, .hotkey = *hotkey, .sign = test_sign};
    bool is_new;
    const char *why;
    assert_int_equal(arena_open(arena, signer_arena_size()), ERR_OK);
    assert_int_equal(signer_init(s, arena, &c), ERR_OK);
    return sign_journal_open(j, dir, &network, hotkey, *s, true, &is_new, &why);
}

/* The process: it serves its end of the socket, hardened, until it is killed. */
static void begin(struct shop *p)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    p->child = fork();
    assert_true(p->child >= 0);
    if (p->child == 0) {
        struct arena arena;
        struct signer *s;
        struct journal_file *j;
        const struct hotkey key = {{3}};
        const char *step;
        close(ends[0]);
        if (open_signer(p->dir, &key, &arena, &s, &j) != ERR_OK ||
            harden_process(&step) != ERR_OK || harden_calls(&step) != ERR_OK)
            _exit(3);
        disk_fails = p->disk_fails;
        _exit(sign_serve(ends[1], s, j) == ERR_OK ? 0 : 1);
    }
    close(ends[1]);
    p->fd = ends[0];
    pipe_init(&p->pipe, p->fd, (struct room){p->in, sizeof p->in});
}

static int end(struct shop *p, int signal)
{
    int status;
    if (signal != 0)
        kill(p->child, signal);
    close(p->fd);
    assert_int_equal(waitpid(p->child, &status, 0), p->child);
    return status;
}

static int open_shop(void **state)
{
    struct shop *p = calloc(1, sizeof *p);
    assert_non_null(p);
    snprintf(p->dir, sizeof p->dir, "/tmp/sign_serve_XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    *state = p;
    return 0;
}

static int close_shop(void **state)
{
    struct shop *p = *state;
    char path[PATH_ROOM];
    for (unsigned i = 1; i < 20; i++) {
        snprintf(path, sizeof path, "%s/guard.%06u", p->dir, i);
        unlink(path);
    }
    int r = rmdir(p->dir);
    free(p);
    return r;
}

static void send_vote(struct shop *p, uint64_t token, uint64_t seq, uint8_t digest)
{
    struct signer_request q = {.token = token, .body.tag = SIGNER_REQUEST_BODY_BFT};
    q.body.bft = (struct signer_bft){
        .network = network,
        .statement = {.type = BFT_TYPE_COMMIT, .epoch = 5, .seq = seq, .digest = {{digest}}}};
    uint8_t frame[512];
    struct span bytes = signer_request_encode(&q, (struct room){frame + 4, sizeof frame - 4});
    assert_int_equal(pipe_write(&p->pipe, (struct room){frame, 4 + bytes.len}), ERR_OK);
}

static struct signer_reply get_reply(struct shop *p)
{
    struct span frame;
    struct signer_reply r;
    assert_int_equal(pipe_read(&p->pipe, &frame), ERR_OK);
    assert_int_equal(signer_reply_decode(frame, NULL, &r), ERR_OK);
    return r;
}

static enum signer_verdict ask(struct shop *p, uint64_t seq, uint8_t digest)
{
    send_vote(p, seq, seq, digest);
    struct signer_reply r = get_reply(p);
    assert_int_equal(r.token, seq);
    return r.verdict;
}

static void a_killed_signer_remembers_what_it_answered(void **state)
{
    struct shop *p = *state;
    for (uint64_t round = 0; round < 5; round++) {
        begin(p);
        for (uint64_t seq = 1; seq <= 10 * round; seq++) {
            assert_int_equal(ask(p, seq, 2), SIGNER_VERDICT_REFUSED_CONFLICT);
            assert_int_equal(ask(p, seq, 1), SIGNER_VERDICT_SIGNED);
        }
        for (uint64_t seq = 10 * round + 1; seq <= 10 * round + 10; seq++)
            assert_int_equal(ask(p, seq, 1), SIGNER_VERDICT_SIGNED);
        assert_true(WIFSIGNALED(end(p, SIGKILL)));
    }
}

/* Killed somewhere between request and answer: whatever was answered holds. */
static void a_signer_killed_at_any_moment_never_signs_twice(void **state)
{
    struct shop *p = *state;
    for (uint64_t round = 0; round < 10; round++) {
        uint64_t first = 100 * round + 1, answered = 0;
        begin(p);
        for (uint64_t i = 0; i < 100; i++)
            send_vote(p, i, first + i, 1);
        for (; answered < 1 + round * 7; answered++)
            assert_int_equal(get_reply(p).verdict, SIGNER_VERDICT_SIGNED);
        end(p, SIGKILL);
        begin(p);
        for (uint64_t i = 0; i < answered; i++)
            assert_int_equal(ask(p, first + i, 2), SIGNER_VERDICT_REFUSED_CONFLICT);
        end(p, SIGKILL);
    }
}

/* The record is durable, the answer was never sent: the same again is signed,
 * another is not. */
static void between_record_and_answer(void **state)
{
    struct shop *p = *state;
    struct arena arena;
    struct signer *s;
    struct journal_file *j;
    const struct hotkey key = {{3}};
    _Alignas(16) static uint8_t memory[4096];
    struct arena scratch;
    arena_init(&scratch, (struct room){memory, sizeof memory});
    assert_int_equal(open_signer(p->dir, &key, &arena, &s, &j), ERR_OK);
    struct signer_request q = {.token = 1, .body.tag = SIGNER_REQUEST_BODY_BFT};
    q.body.bft = (struct signer_bft){
        .network = network,
        .statement = {.type = BFT_TYPE_COMMIT, .epoch = 5, .seq = 1, .digest = {{1}}}};
    uint8_t bytes[512];
    struct signer_effect fx;
    signer_step(s, signer_request_encode(&q, (struct room){bytes, sizeof bytes}), &scratch, &fx);
    assert_int_equal(journal_file_append(j, fx.record), ERR_OK);
    assert_int_equal(journal_file_flush(j), ERR_OK);
    journal_file_close(j);
    arena_close(&arena);
    begin(p);
    assert_int_equal(ask(p, 1, 2), SIGNER_VERDICT_REFUSED_CONFLICT);
    assert_int_equal(ask(p, 1, 1), SIGNER_VERDICT_SIGNED);
    assert_int_equal(end(p, 0), 0); /* the end of the stream is a quiet end */
}

/* What could not be made durable is answered, and not signed. */
static void nothing_is_signed_that_is_not_durable(void **state)
{
    struct shop *p = *state;
    static const struct signature none;
    p->disk_fails = true;
    begin(p);
    send_vote(p, 9, 1, 1);
    struct signer_reply r = get_reply(p);
    assert_int_equal(r.token, 9);
    assert_int_equal(r.verdict, SIGNER_VERDICT_FAILED);
    assert_memory_equal(&r.signature, &none, sizeof none);
    int status = end(p, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    p->disk_fails = false;
}

static void many_requests_come_back_in_order(void **state)
{
    struct shop *p = *state;
    begin(p);
    for (uint64_t i = 1; i <= 700; i++)
        send_vote(p, i, i, 1);
    for (uint64_t i = 1; i <= 700; i++) {
        struct signer_reply r = get_reply(p);
        assert_int_equal(r.token, i);
        assert_int_equal(r.verdict, SIGNER_VERDICT_SIGNED);
    }
    end(p, 0);
}

static void frames_have_a_limit(void **state)
{
    struct shop *p = *state;
    static const uint8_t huge[] = {1, 0, 2, 0}; /* 128 KiB + 1 */
    struct span none;
    begin(p);
    assert_int_equal(pipe_write_all(p->fd, span_of(huge, sizeof huge)), ERR_OK);
    assert_int_equal(pipe_read(&p->pipe, &none), ERR_CLOSED);
    int status = end(p, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    begin(p);
    assert_int_equal(pipe_write_all(p->fd, span_of("\5\0\0\0hello", 9)), ERR_OK);
    assert_int_equal(get_reply(p).verdict, SIGNER_VERDICT_REFUSED_SHAPE);
    end(p, 0);
}

static void damaged_and_foreign_guards_are_refused(void **state)
{
    struct shop *p = *state;
    struct arena arena;
    struct signer *s;
    struct journal_file *j;
    const struct hotkey own = {{3}}, other = {{4}};
    char path[PATH_ROOM];
    uint8_t byte;
    begin(p);
    for (uint64_t seq = 1; seq <= 20; seq++)
        assert_int_equal(ask(p, seq, 1), SIGNER_VERDICT_SIGNED);
    end(p, SIGKILL);
    assert_int_equal(open_signer(p->dir, &other, &arena, &s, &j), ERR_FOREIGN);
    arena_close(&arena);
    snprintf(path, sizeof path, "%s/guard.000001", p->dir);
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, 300), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, 300), 1);
    close(fd);
    assert_int_equal(open_signer(p->dir, &own, &arena, &s, &j), ERR_CORRUPT);
    arena_close(&arena);
}

/* A guard that is gone is not begun anew unless that is asked for. */
static void a_lost_guard_is_missed(void **state)
{
    struct shop *p = *state;
    const struct signer_config c = {.network = network, .hotkey = {{3}}, .sign = test_sign};
    struct journal_file *j = NULL;
    struct arena arena;
    struct signer *s;
    bool is_new = false;
    const char *why = NULL;
    assert_int_equal(arena_open(&arena, signer_arena_size()), ERR_OK);
    assert_int_equal(signer_init(&s, &arena, &c), ERR_OK);
    for (int i = 0; i < 2; i++) {
        enum err e = sign_journal_open(&j, p->dir, &network, &c.hotkey, s, false, &is_new, &why);
        assert_int_equal(e, ERR_NOT_FOUND); /* the second time too: nothing was made */
        assert_non_null(strstr(why, "sign twice"));
    }
    assert_int_equal(sign_journal_open(&j, p->dir, &network, &c.hotkey, s, true, &is_new, &why),
                     ERR_OK);
    assert_true(is_new);
    journal_file_close(j);
    assert_int_equal(sign_journal_open(&j, p->dir, &network, &c.hotkey, s, false, &is_new, &why),
                     ERR_OK);
    assert_false(is_new);
    journal_file_close(j);
    arena_close(&arena);
}

/* Sound as a file, and no guard: a record that says two things. */
static void a_guard_that_contradicts_itself_is_refused(void **state)
{
    struct shop *p = *state;
    struct arena arena;
    struct signer *s;
    struct journal_file *j;
    const struct hotkey own = {{3}};
    assert_int_equal(open_signer(p->dir, &own, &arena, &s, &j), ERR_OK);
    for (uint8_t i = 1; i <= 2; i++) {
        struct signer_guard g = {
            .statement = {.type = BFT_TYPE_COMMIT, .epoch = 5, .seq = 1, .digest = {{i}}}};
        uint8_t bytes[SIGNER_GUARD_SIZE_MAX];
        struct span record = signer_guard_encode(&g, (struct room){bytes, sizeof bytes});
        assert_int_equal(journal_file_append(j, record), ERR_OK);
    }
    assert_int_equal(journal_file_flush(j), ERR_OK);
    journal_file_close(j);
    arena_close(&arena);
    assert_int_equal(open_signer(p->dir, &own, &arena, &s, &j), ERR_CORRUPT);
    arena_close(&arena);
}

static void a_socket_is_for_our_own_user(void **state)
{
    struct shop *p = *state;
    char path[PATH_ROOM], long_path[200];
    int listener, second, fd;
    uint64_t refused = 0;
    struct stat st;
    snprintf(path, sizeof path, "%s/guard.000001", p->dir); /* removed with the rest */
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(sign_listen(long_path, &listener), ERR_TOO_BIG);
    assert_int_equal(sign_listen(path, &listener), ERR_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(sign_listen(path, &second), ERR_CONFLICT); /* which connects once */
    assert_int_equal(sign_accept(listener, &fd, &refused), ERR_OK);
    close(fd);
    close(listener);
    assert_int_equal(sign_listen(path, &listener), ERR_OK); /* nobody is there any more */
    close(listener);
    assert_int_equal(refused, 0);
}

static void connect_and_say(const char *path, char byte)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        write(fd, &byte, 1) != 1)
        _exit(1);
    _exit(0);
}

/* Even where the file would let them in. */
static void strangers_are_not_served(void **state)
{
    struct shop *p = *state;
    char path[PATH_ROOM], byte = 0;
    int listener, fd, status;
    uint64_t refused = 0;
    if (geteuid() != 0)
        return; /* Only root can be somebody else. */
    snprintf(path, sizeof path, "%s/guard.000001", p->dir);
    assert_int_equal(sign_listen(path, &listener), ERR_OK);
    assert_int_equal(chmod(path, 0666) | chmod(p->dir, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        if (setuid(65534) != 0)
            _exit(1);
        connect_and_say(path, 's');
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    child = fork();
    if (child == 0)
        connect_and_say(path, 'o');
    assert_int_equal(sign_accept(listener, &fd, &refused), ERR_OK);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, 'o');
    assert_int_equal(refused, 1);
    waitpid(child, &status, 0);
    close(fd);
    close(listener);
}

static void what_is_no_socket_stays(void **state)
{
    struct shop *p = *state;
    char path[PATH_ROOM];
    int listener;
    struct stat st;
    snprintf(path, sizeof path, "%s/guard.000001", p->dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(sign_listen(path, &listener), ERR_IO);
    assert_true(stat(path, &st) == 0 && S_ISREG(st.st_mode));
}

#define SHOP_TEST(f) cmocka_unit_test_setup_teardown(f, open_shop, close_shop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHOP_TEST(a_killed_signer_remembers_what_it_answered),
        SHOP_TEST(a_signer_killed_at_any_moment_never_signs_twice),
        SHOP_TEST(between_record_and_answer),
        SHOP_TEST(nothing_is_signed_that_is_not_durable),
        SHOP_TEST(many_requests_come_back_in_order),
        SHOP_TEST(frames_have_a_limit),
        SHOP_TEST(damaged_and_foreign_guards_are_refused),
        SHOP_TEST(a_lost_guard_is_missed),
        SHOP_TEST(a_guard_that_contradicts_itself_is_refused),
        SHOP_TEST(a_socket_is_for_our_own_user),
        SHOP_TEST(strangers_are_not_served),
        SHOP_TEST(what_is_no_socket_stays),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
