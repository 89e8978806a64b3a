#include "base/test.h"

#include "os/http.h"
#include "rpc/sample_test.h"

enum { CONNECTIONS = 8, STREAMS = 2, TEXT_MAX = 1 << 20 };

struct world {
    struct sample sample;
    struct arena memory;
    uv_loop_t loop;
    struct rpc *rpc;
    struct http *http;
};

/* A client on the same loop: writes its text, reads until enough or the end. */
struct client {
    struct world *world;
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    uv_buf_t out;
    const char *until; /* stop when this has arrived; NULL: at the end */
    size_t len;
    bool done;
    char text[TEXT_MAX];
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    sample_open(&w->sample);
    uv_loop_init(&w->loop);
    struct rpc_config rc = {.view = &w->sample.view, .blob_bytes_max = 1 << 20};
    struct http_config hc = {
        .address = "127.0.0.1", .connections = CONNECTIONS, .streams = STREAMS};
    assert_int_equal(arena_open(&w->memory, rpc_arena_size(&rc) + http_arena_size(&hc)), ERR_OK);
    assert_int_equal(rpc_init(&w->rpc, &w->memory, &rc), ERR_OK);
    hc.rpc = w->rpc;
    assert_int_equal(http_open(&w->http, &w->memory, &w->loop, &hc), ERR_OK);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    http_close(w->http);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    sample_close(&w->sample);
    arena_close(&w->memory);
    free(w);
    return 0;
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct client *c = handle->data;
    (void)size;
    *buffer = uv_buf_init(c->text + c->len, (unsigned)(TEXT_MAX - 1 - c->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct client *c = stream->data;
    (void)buffer;
    if (n > 0)
        c->len += (size_t)n;
    c->text[c->len] = '\0';
    if (n < 0 || (c->until != NULL && strstr(c->text, c->until) != NULL))
        c->done = true;
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct client *c = connect->data;
    assert_int_equal(status, 0);
    uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
    uv_write(&c->write, (uv_stream_t *)&c->tcp, &c->out, 1, NULL);
}

static struct client *dial(struct world *w, const char *request, size_t size, const char *until)
{
    struct client *c = calloc(1, sizeof *c);
    struct sockaddr_in at;
    assert_non_null(c);
    c->world = w;
    c->until = until;
    c->out = uv_buf_init((char *)(uintptr_t)request, (unsigned)size);
    uv_ip4_addr("127.0.0.1", http_port(w->http), &at);
    uv_tcp_init(&w->loop, &c->tcp);
    c->tcp.data = c->connect.data = c;
    uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&at, on_connected);
    return c;
}

static void wait_for(struct client *c)
{
    while (!c->done)
        uv_run(&c->world->loop, UV_RUN_ONCE);
}

static void on_client_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void hang_up(struct client *c)
{
    uv_close((uv_handle_t *)&c->tcp, on_client_closed);
    uv_run(&c->world->loop, UV_RUN_NOWAIT);
}

/* One request on a connection of its own; the whole answer contains want. */
static void expect(struct world *w, const char *request, const char *want)
{
    struct client *c = dial(w, request, strlen(request), NULL);
    wait_for(c);
    if (strstr(c->text, want) == NULL)
        fail_msg("%s\n--- does not answer '%s' but\n%s", request, want, c->text);
    hang_up(c);
}

#define CLOSE "Host: localhost\r\nConnection: close\r\n"

static void test_serves_rpc_health_and_files(void **state)
{
    struct world *w = *state;
    expect(w, "GET /live HTTP/1.1\r\n" CLOSE "\r\n", "\r\n\r\nlive\n");
    expect(w, "GET /ready HTTP/1.1\r\n" CLOSE "\r\n", "{\"ready\":true");
    expect(w, "GET / HTTP/1.1\r\n" CLOSE "\r\n", "Content-Security-Policy: default-src 'none'");
    /* What keeps another site's page, or a script in ours, from acting here. */
    static const char *const headers[] = {
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'\r\n",
        "X-Content-Type-Options: nosniff\r\n",
        "Referrer-Policy: no-referrer\r\n",
        "Cross-Origin-Opener-Policy: same-origin\r\n",
        "Cross-Origin-Resource-Policy: same-origin\r\n",
    };
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        expect(w, "GET / HTTP/1.1\r\n" CLOSE "\r\n", headers[i]);
    expect(w, "GET /live HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
           "HTTP/1.1 421 ");
    expect(w, "GET /live HTTP/1.1\r\nHost: evil.example\r\n" CLOSE "\r\n", "HTTP/1.1 421 ");
    expect(w, "GET /live HTTP/1.1\r\n" CLOSE "hOST: localhost\r\n\r\n", "HTTP/1.1 421 ");
    expect(w, "PUT / HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n", "Allow: GET, HEAD");
    expect(w,
           "POST /rpc HTTP/1.1\r\n" CLOSE "Content-Type: application/json\r\n"
           "Content-Length: 56\r\n\r\n"
           "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system_version\"}      ",
           "\"version\":\"0.1.0-sample\"");
    expect(w,
           "POST /rpc HTTP/1.1\r\n" CLOSE "Content-Type: application/json\r\n"
           "Transfer-Encoding: chunked\r\n\r\n"
           "1a\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"m\r\n1a\r\nethod\":\"system_version\"}  \r\n"
           "0\r\n\r\n",
           "\"version\":\"0.1.0-sample\"");
}

static void test_refuses_what_is_too_big_or_broken(void **state)
{
    struct world *w = *state;
    expect(w,
           "POST /rpc HTTP/1.1\r\n" CLOSE "Content-Type: application/json\r\n"
           "Content-Length: 100000000\r\n\r\n",
           "HTTP/1.1 413 ");
    size_t size = RPC_BODY_MAX + 4096;
    char *request = malloc(size + 256);
    int head = snprintf(request, 256,
                        "POST /rpc HTTP/1.1\r\n" CLOSE "Content-Type: application/json\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n%zx\r\n",
                        size);
    memset(request + head, ' ', size);
    memcpy(request + head + size, "\r\n0\r\n\r\n", 8);
    expect(w, request, "HTTP/1.1 413 ");
    free(request);
    struct client *c = dial(w, "\x16\x03\x01 garbage\r\n\r\n", 16, NULL);
    wait_for(c);
    assert_null(strstr(c->text, "200 OK"));
    hang_up(c);
    expect(w, "GET /live HTTP/1.1\r\n" CLOSE "\r\n", "live\n");
}

/* A request and blanks behind it, with or without its size told before. */
static void expect_body(struct world *w, size_t size, bool chunked, const char *want)
{
    static const char call[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"system_version\"}";
    char *request = malloc(size + 512);
    assert_non_null(request);
    int head =
        snprintf(request, 512, "POST /rpc HTTP/1.1\r\n" CLOSE "Content-Type: application/json\r\n");
    head += chunked
                ? snprintf(request + head, 256, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size)
                : snprintf(request + head, 256, "Content-Length: %zu\r\n\r\n", size);
    memset(request + head, ' ', size);
    memcpy(request + head, call, sizeof call - 1);
    memcpy(request + head + size, chunked ? "\r\n0\r\n\r\n" : "", chunked ? 8 : 1);
    expect(w, request, want);
    free(request);
}

/* To the byte, and the same however the body comes. */
static void test_a_body_fills_its_limit(void **state)
{
    struct world *w = *state;
    for (int chunked = 0; chunked < 2; chunked++) {
        expect_body(w, RPC_BODY_MAX - 1, chunked, "\"version\":\"0.1.0-sample\"");
        expect_body(w, RPC_BODY_MAX, chunked, "\"version\":\"0.1.0-sample\"");
        expect_body(w, RPC_BODY_MAX + 1, chunked, "HTTP/1.1 413 ");
    }
}

static void tell(struct world *w, const char *name)
{
    struct trace t = {0};
    rpc_event(w->rpc, trace_add(&t, TRACE_INFO, name), 5);
    http_notify(w->http);
}

static void test_streams_events_and_takes_up_where_a_reader_left(void **state)
{
    struct world *w = *state;
    static const char fresh[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char again[] =
        "GET /events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1\r\n\r\n";
    tell(w, "before");
    struct client *c = dial(w, fresh, sizeof fresh - 1, ": ping\n\n");
    wait_for(c);
    assert_non_null(strstr(c->text, "Content-Type: text/event-stream"));
    c->done = false;
    c->until = "\"third\"";
    tell(w, "second");
    tell(w, "third");
    wait_for(c);
    assert_null(strstr(c->text, "before"));
    assert_non_null(strstr(c->text, "id: 2\ndata: "));
    struct client *d = dial(w, again, sizeof again - 1, "\"third\"");
    wait_for(d);
    assert_non_null(strstr(d->text, "\"second\""));
    assert_null(strstr(d->text, "before"));
    struct client *e = dial(w, fresh, sizeof fresh - 1, "\r\n\r\n");
    wait_for(e);
    assert_non_null(strstr(e->text, "HTTP/1.1 503 "));
    hang_up(e);
    hang_up(d);
    hang_up(c);
}

static void test_quiet_connections_lock_nobody_out(void **state)
{
    struct world *w = *state;
    static const char get[] = "GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static const char half[] = "POST /rpc HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                               "application/json\r\nContent-Length: 100\r\n\r\n{";
    static const char events[] = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct client *quiet[3 * CONNECTIONS];
    struct client *reader = dial(w, events, sizeof events - 1, "ping");
    wait_for(reader);
    reader->done = false;
    reader->until = NULL;
    /* Some say nothing at all, some begin a header, some a body. */
    for (size_t i = 0; i < COUNT_OF(quiet); i++)
        quiet[i] = dial(w, half, i % 3 == 0 ? 0 : i % 3 == 1 ? 10 : sizeof half - 1, NULL);
    for (int i = 0; i < 3; i++) {
        struct client *c = dial(w, get, sizeof get - 1, "live\n");
        wait_for(c);
        hang_up(c);
    }
    assert_false(reader->done); /* A stream keeps its place. */
    hang_up(reader);
    for (size_t i = 0; i < COUNT_OF(quiet); i++)
        hang_up(quiet[i]);
}

static void test_an_address_that_is_taken_is_an_error(void **state)
{
    struct world *w = *state;
    struct http *second;
    struct arena memory;
    struct http_config c = {
        .address = "127.0.0.1", .port = http_port(w->http), .connections = 1, .rpc = w->rpc};
    assert_int_equal(arena_open(&memory, 2 * http_arena_size(&c)), ERR_OK);
    assert_int_equal(http_open(&second, &memory, &w->loop, &c), ERR_IO);
    c.address = "localhost";
    assert_int_equal(http_open(&second, &memory, &w->loop, &c), ERR_MALFORMED);
    arena_close(&memory);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest all[] = {
        IN_WORLD(test_serves_rpc_health_and_files),
        IN_WORLD(test_refuses_what_is_too_big_or_broken),
        IN_WORLD(test_a_body_fills_its_limit),
        IN_WORLD(test_streams_events_and_takes_up_where_a_reader_left),
        IN_WORLD(test_quiet_connections_lock_nobody_out),
        IN_WORLD(test_an_address_that_is_taken_is_an_error),
    };
    return cmocka_run_group_tests_name("http", all, NULL, NULL);
}
