/* A server that does what none should: each case sends the greeting of a WebSocket
 * and then what the test put behind it. */
#include "base/test.h"

#include <openssl/evp.h>
#include <string.h>

#include "os/ws.h"

enum { GREETING_MAX = 4096, PIECE = 1 << 20 };

struct bench {
    uv_loop_t loop;
    struct ws *ws;
    char url[64];
    uv_tcp_t server, peer;
    uv_write_t writes[2];
    char request[GREETING_MAX], answer[512];
    size_t request_size;
    struct span frames; /* what the server sends after the greeting */
    bool greeted;
    uint32_t ups, texts, downs;
    size_t text_size;
    enum chain_why why;
};

static void on_up(void *ctx)
{
    ((struct bench *)ctx)->ups++;
}

static void on_text(void *ctx, struct span text)
{
    struct bench *b = ctx;
    b->texts++;
    b->text_size = text.len;
}

static void on_down(void *ctx, enum chain_why why)
{
    struct bench *b = ctx;
    b->downs++;
    b->why = why;
}

static void on_room(uv_handle_t *handle, size_t size, uv_buf_t *buffer)
{
    struct bench *b = handle->data;
    (void)size;
    *buffer =
        uv_buf_init(b->request + b->request_size, (unsigned)(GREETING_MAX - 1 - b->request_size));
}

/* RFC 6455, 4.2.2: the key comes back hashed with a number of the standard. */
static void greet(struct bench *b)
{
    static const char field[] = "Sec-WebSocket-Key: ";
    static const char number[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_size;
    char key[128], text[64];
    const char *at = strstr(b->request, field);
    assert_non_null(at);
    at += strlen(field);
    snprintf(key, sizeof key, "%.*s%s", (int)strcspn(at, "\r"), at, number);
    assert_int_equal(EVP_Digest(key, strlen(key), digest, &digest_size, EVP_sha1(), NULL), 1);
    EVP_EncodeBlock((uint8_t *)text, digest, (int)digest_size);
    int size = snprintf(b->answer, sizeof b->answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                        text);
    uv_buf_t parts[] = {uv_buf_init(b->answer, (unsigned)size),
                        uv_buf_init((char *)b->frames.ptr, (unsigned)b->frames.len)};
    uv_write(&b->writes[0], (uv_stream_t *)&b->peer, parts, b->frames.len != 0 ? 2 : 1, NULL);
    b->greeted = true;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct bench *b = stream->data;
    (void)buffer;
    if (n < 0) {
        uv_read_stop(stream);
        return;
    }
    b->request_size += (size_t)n;
    b->request[b->request_size] = '\0';
    if (!b->greeted && strstr(b->request, "\r\n\r\n") != NULL)
        greet(b);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct bench *b = server->data;
    assert_int_equal(status, 0);
    assert_int_equal(uv_tcp_init(&b->loop, &b->peer), 0);
    b->peer.data = b;
    assert_int_equal(uv_accept(server, (uv_stream_t *)&b->peer), 0);
    uv_read_start((uv_stream_t *)&b->peer, on_room, on_read);
}

static struct bench *open_bench(struct span frames)
{
    struct bench *b = test_calloc(1, sizeof *b);
    struct sockaddr_in any;
    int size = sizeof any;
    struct ws_callbacks callbacks = {b, on_up, on_text, on_down};
    b->frames = frames;
    uv_loop_init(&b->loop);
    uv_tcp_init(&b->loop, &b->server);
    b->server.data = b;
    uv_ip4_addr("127.0.0.1", 0, &any);
    assert_int_equal(uv_tcp_bind(&b->server, (const struct sockaddr *)&any, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&b->server, 4, on_connection), 0);
    uv_tcp_getsockname(&b->server, (struct sockaddr *)&any, &size);
    snprintf(b->url, sizeof b->url, "ws://127.0.0.1:%u/", ntohs(any.sin_port));
    assert_int_equal(ws_open(&b->ws, &b->loop, &callbacks), ERR_OK);
    return b;
}

static void close_bench(struct bench *b)
{
    ws_close(b->ws);
    uv_close((uv_handle_t *)&b->server, NULL);
    if (b->peer.data != NULL)
        uv_close((uv_handle_t *)&b->peer, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    test_free(b);
}

static void until(struct bench *b, const uint32_t *counter)
{
    assert_int_equal(ws_dial(b->ws, b->url), ERR_OK);
    while (*counter == 0)
        assert_true(uv_run(&b->loop, UV_RUN_ONCE) != 0);
}

/* A frame of size bytes: text (1) or binary (2), whole or the first of a message. */
static struct span frame(uint8_t first, size_t size)
{
    uint8_t *bytes = test_malloc(10 + size);
    bytes[0] = first;
    bytes[1] = 127;
    for (int i = 0; i < 8; i++)
        bytes[2 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
    memset(bytes + 10, ' ', size);
    return span_of(bytes, 10 + size);
}

static void test_a_frame_of_the_limit_arrives(void **state)
{
    (void)state;
    struct span frames = frame(0x81, CHAIN_FRAME_MAX);
    struct bench *b = open_bench(frames);
    until(b, &b->texts);
    assert_int_equal(b->text_size, CHAIN_FRAME_MAX);
    assert_int_equal(b->downs, 0);
    close_bench(b);
    test_free((void *)frames.ptr);
}

static void test_a_frame_over_the_limit_ends_it(void **state)
{
    (void)state;
    struct span frames = frame(0x81, CHAIN_FRAME_MAX + 1);
    struct bench *b = open_bench(frames);
    until(b, &b->downs);
    assert_int_equal(b->why, CHAIN_WHY_OVERSIZE);
    assert_int_equal(b->texts, 0);
    close_bench(b);
    test_free((void *)frames.ptr);
}

/* A message of many frames counts as one. */
static void test_many_frames_over_the_limit_end_it(void **state)
{
    (void)state;
    enum { COUNT = CHAIN_FRAME_MAX / PIECE + 1 };
    size_t size = 10 + PIECE;
    uint8_t *all = test_malloc(COUNT * size);
    for (size_t i = 0; i < COUNT; i++) {
        struct span one = frame(i == 0 ? 0x01 : 0x00, PIECE); /* None is the last. */
        memcpy(all + i * size, one.ptr, one.len);
        test_free((void *)one.ptr);
    }
    struct bench *b = open_bench(span_of(all, COUNT * size));
    until(b, &b->downs);
    assert_int_equal(b->why, CHAIN_WHY_OVERSIZE);
    close_bench(b);
    test_free(all);
}

static void test_a_binary_frame_ends_it(void **state)
{
    (void)state;
    struct span frames = frame(0x82, 16);
    struct bench *b = open_bench(frames);
    until(b, &b->downs);
    assert_int_equal(b->why, CHAIN_WHY_GARBAGE);
    assert_int_equal(b->ups, 1);
    close_bench(b);
    test_free((void *)frames.ptr);
}

static void test_a_name_without_an_address(void **state)
{
    (void)state;
    struct bench *b = open_bench((struct span){0});
    snprintf(b->url, sizeof b->url, "ws://no-such-host.invalid/");
    until(b, &b->downs);
    assert_int_equal(b->why, CHAIN_WHY_UNRESOLVED);
    assert_int_equal(b->ups, 0);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_a_frame_of_the_limit_arrives),
        cmocka_unit_test(test_a_frame_over_the_limit_ends_it),
        cmocka_unit_test(test_many_frames_over_the_limit_end_it),
        cmocka_unit_test(test_a_binary_frame_ends_it),
        cmocka_unit_test(test_a_name_without_an_address),
    };
    return cmocka_run_group_tests_name("ws", all, NULL, NULL);
}
