/* server: the dashboard over a made-up node, for tests in a browser.  A slot is
 * decided twice a second.  Prints "port N", and ends with its standard input. */
#include <stdio.h>
#include <stdlib.h>

#include "os/files.h"
#include "os/http.h"
#include "rpc/sample_test.h"

enum { STEP_MS = 500 };

struct server {
    struct sample sample;
    struct arena memory;
    struct rpc *rpc;
    struct http *http;
    uv_timer_t timer;
    uv_pipe_t input;
    char byte[1];
};

static void on_step(uv_timer_t *timer)
{
    struct server *s = timer->data;
    struct trace t = {0};
    struct trace_event *e = trace_add(&t, TRACE_INFO, "bft.decided");
    sample_step(&s->sample);
    trace_u64(e, "seq", s->sample.height);
    trace_u64(e, "ops", 1);
    rpc_event(s->rpc, e, os_unix_ns() / 1000000);
    if (s->sample.height % 8 == 0) {
        struct trace_event *c = trace_add(&t, TRACE_WARN, "sample.<b>certified</b>");
        trace_hash(c, "root", &s->sample.last_leaf);
        rpc_event(s->rpc, c, os_unix_ns() / 1000000);
    }
    http_notify(s->http);
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct server *s = handle->data;
    (void)size;
    *buffer = uv_buf_init(s->byte, sizeof s->byte);
}

/* "u" makes the node unready, "r" ready again. */
static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct server *s = stream->data;
    (void)buffer;
    if (n < 0) {
        http_close(s->http);
        uv_close((uv_handle_t *)&s->timer, NULL);
        uv_close((uv_handle_t *)&s->input, NULL);
    } else if (n > 0 && (s->byte[0] == 'u' || s->byte[0] == 'r')) {
        s->sample.unready = s->byte[0] == 'u';
    }
}

int main(void)
{
    struct server *s = calloc(1, sizeof *s);
    uv_loop_t *loop = uv_default_loop();
    if (s == NULL)
        return 1;
    sample_open(&s->sample);
    struct rpc_config rc = {.view = &s->sample.view, .blob_bytes_max = 1 << 20};
    struct http_config hc = {.address = "127.0.0.1", .connections = 32, .streams = 8};
    if (arena_open(&s->memory, rpc_arena_size(&rc) + http_arena_size(&hc)) != ERR_OK ||
        rpc_init(&s->rpc, &s->memory, &rc) != ERR_OK)
        return 1;
    hc.rpc = s->rpc;
    if (http_open(&s->http, &s->memory, loop, &hc) != ERR_OK)
        return 1;
    uv_timer_init(loop, &s->timer);
    uv_pipe_init(loop, &s->input, 0);
    uv_pipe_open(&s->input, 0);
    s->timer.data = s->input.data = s;
    uv_timer_start(&s->timer, on_step, STEP_MS, STEP_MS);
    uv_read_start((uv_stream_t *)&s->input, on_room, on_input);
    printf("port %u\n", http_port(s->http));
    fflush(stdout);
    uv_run(loop, UV_RUN_DEFAULT);
    sample_close(&s->sample);
    arena_close(&s->memory);
    free(s);
    return 0;
}
