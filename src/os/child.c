#include "os/child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KILL_AFTER_MS = 1000, READ_SIZE = 64 << 10, CHILD_FD = 3 };

/* A pipe takes it whole, so that writing it never waits. */
static_assert(CHILD_GIVEN_FD == CHILD_FD + 1 && CHILD_GIVEN_SIZE_MAX <= 4096);

struct child {
    struct child_config config;
    uv_loop_t *loop;
    uv_process_t process;
    uv_pipe_t pipe;
    uv_timer_t timer;
    bool running, closing, pipe_open, process_open;
    uint32_t handles;
    uint8_t *in; /* a frame in the making: header and body */
    size_t in_used;
    uint8_t read_buffer[READ_SIZE];
};

struct write {
    uv_write_t req;
    uint8_t bytes[];
};

static void on_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    if (--c->handles > 0)
        return;
    free(c->in);
    free(c);
}

static void on_pipe_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    c->pipe_open = false;
    if (c->closing)
        on_closed(handle);
}

static void drop_pipe(struct child *c)
{
    if (c->pipe_open && !uv_is_closing((uv_handle_t *)&c->pipe))
        uv_close((uv_handle_t *)&c->pipe, on_pipe_closed);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct child *c = handle->data;
    *buf = uv_buf_init((char *)c->read_buffer, READ_SIZE);
}

static uint32_t header(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

/* Takes what completes the header or the frame; false when the child breaks
 * the rules. */
static bool take(struct child *c, struct span *bytes)
{
    size_t want = c->in_used < 4 ? 4 : 4 + (size_t)header(c->in);
    size_t n = min_u64(want - c->in_used, bytes->len);
    memcpy(c->in + c->in_used, bytes->ptr, n);
    c->in_used += n;
    *bytes = span_of(bytes->ptr + n, bytes->len - n);
    if (c->in_used == 4 && header(c->in) > c->config.frame_max)
        return false;
    if (c->in_used >= 4 && c->in_used == 4 + (size_t)header(c->in)) {
        c->in_used = 0;
        c->config.on_frame(c->config.ctx, span_of(c->in + 4, header(c->in)));
    }
    return true;
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct child *c = stream->data;
    if (len < 0) {
        drop_pipe(c);
        return;
    }
    struct span bytes = span_of(buf->base, (size_t)len);
    while (bytes.len > 0 && !c->closing && c->running)
        if (!take(c, &bytes)) {
            uv_process_kill(&c->process, SIGKILL);
            return;
        }
}

static void start(struct child *c);

static void on_restart(uv_timer_t *timer)
{
    start(timer->data);
}

static void on_exit_closed(uv_handle_t *handle)
{
    struct child *c = handle->data;
    c->process_open = false;
    if (c->closing)
        on_closed(handle);
    else
        uv_timer_start(&c->timer, on_restart, c->config.restart_ms, 0);
}

static void on_ended(uv_process_t *process, int64_t status, int signal)
{
    struct child *c = process->data;
    c->running = false;
    drop_pipe(c);
    if (c->closing)
        uv_close((uv_handle_t *)&c->timer, on_closed);
    else
        c->config.on_down(c->config.ctx, status, signal);
    uv_close((uv_handle_t *)process, on_exit_closed);
}

/* The end to read bytes from, or -1. */
static int give(struct span bytes)
{
    int ends[2];
    assert(bytes.len <= CHILD_GIVEN_SIZE_MAX);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    bool fine = write(ends[1], bytes.ptr, bytes.len) == (ssize_t)bytes.len;
    close(ends[1]);
    if (fine)
        return ends[0];
    close(ends[0]);
    return -1;
}

static void take_back(int *given, uint32_t count)
{
    while (count > 0)
        close(given[--count]);
}

static bool give_all(const struct child *c, int given[CHILD_GIVEN_MAX])
{
    for (uint32_t i = 0; i < c->config.given_count; i++) {
        given[i] = give(c->config.given[i]);
        if (given[i] < 0) {
            take_back(given, i);
            return false;
        }
    }
    return true;
}

static int spawn(struct child *c, int fd, const int *given)
{
    uv_stdio_container_t stdio[CHILD_GIVEN_FD + CHILD_GIVEN_MAX] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = 2},
        {.flags = UV_INHERIT_FD, .data.fd = fd},
    };
    for (uint32_t i = 0; i < c->config.given_count; i++)
        stdio[CHILD_GIVEN_FD + i] =
            (uv_stdio_container_t){.flags = UV_INHERIT_FD, .data.fd = given[i]};
    uv_process_options_t options = {.exit_cb = on_ended,
                                    .file = c->config.program,
                                    .args = (char **)(uintptr_t)c->config.args,
                                    .env = (char **)(uintptr_t)c->config.env,
                                    .stdio_count = CHILD_GIVEN_FD + (int)c->config.given_count,
                                    .stdio = stdio};
    c->process.data = c;
    c->process_open = true;
    return uv_spawn(c->loop, &c->process, &options);
}

static void start(struct child *c)
{
    int pair[2], given[CHILD_GIVEN_MAX];
    bool ready = !c->pipe_open && give_all(c, given);
    if (ready && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        take_back(given, c->config.given_count);
        ready = false;
    }
    if (!ready) {
        uv_timer_start(&c->timer, on_restart, c->config.restart_ms, 0);
        return;
    }
    int r = spawn(c, pair[1], given);
    take_back(given, c->config.given_count);
    close(pair[1]);
    uv_pipe_init(c->loop, &c->pipe, 0);
    c->pipe.data = c;
    c->pipe_open = true;
    if (r == 0)
        r = uv_pipe_open(&c->pipe, pair[0]);
    else
        close(pair[0]);
    if (r == 0)
        r = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
    c->in_used = 0;
    c->running = r == 0;
    if (r != 0) {
        drop_pipe(c);
        c->config.on_down(c->config.ctx, 127, 0);
        uv_close((uv_handle_t *)&c->process, on_exit_closed);
        return;
    }
    c->config.on_up(c->config.ctx);
}

enum err child_open(struct child **out, uv_loop_t *loop, const struct child_config *config)
{
    struct child *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NO_MEMORY;
    c->config = *config;
    c->loop = loop;
    c->in = malloc(4 + config->frame_max);
    if (c->in == NULL) {
        free(c);
        return ERR_NO_MEMORY;
    }
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    *out = c;
    start(c);
    return ERR_OK;
}

static void on_write_done(uv_write_t *req, int status)
{
    (void)status; /* on_ended follows a broken pipe. */
    free(req);
}

void child_send(struct child *c, struct span frame)
{
    assert(frame.len <= c->config.frame_max);
    if (!c->running || c->closing)
        return;
    struct write *w = malloc(sizeof *w + 4 + frame.len);
    if (w == NULL)
        return;
    for (int i = 0; i < 4; i++)
        w->bytes[i] = (uint8_t)(frame.len >> (8 * i));
    memcpy(w->bytes + 4, frame.ptr, frame.len);
    uv_buf_t buf = uv_buf_init((char *)w->bytes, (unsigned)(4 + frame.len));
    int sent = uv_try_write((uv_stream_t *)&c->pipe, &buf, 1);
    if (sent == (int)buf.len) {
        free(w);
        return;
    }
    if (sent > 0)
        buf = uv_buf_init(buf.base + sent, (unsigned)buf.len - (unsigned)sent);
    if (uv_write(&w->req, (uv_stream_t *)&c->pipe, &buf, 1, on_write_done) < 0)
        free(w);
}

int child_pid(const struct child *c)
{
    return c->running ? uv_process_get_pid(&c->process) : 0;
}

static void on_kill(uv_timer_t *timer)
{
    struct child *c = timer->data;
    if (c->running)
        uv_process_kill(&c->process, SIGKILL);
}

void child_close(struct child *c)
{
    if (c == NULL || c->closing)
        return;
    c->closing = true;
    /* The timer, and the process and the pipe as far as they are open. */
    c->handles = 1u + c->process_open + c->pipe_open;
    drop_pipe(c);
    uv_timer_stop(&c->timer);
    if (c->running) {
        uv_process_kill(&c->process, SIGTERM);
        uv_timer_start(&c->timer, on_kill, KILL_AFTER_MS, 0);
    } else {
        uv_close((uv_handle_t *)&c->timer, on_closed);
    }
}
