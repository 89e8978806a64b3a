/* Real sockets: the WebSocket client of a node against the development chain's
 * server, on one loop. */
#include "base/test.h"

#include <ftw.h>
#include <string.h>
#include <unistd.h>

#include "cmd/devchain_server.h"
#include "os/ws.h"

enum { METADATA_HEX = 471394 };

struct bench {
    char dir[64];
    uv_loop_t loop;
    struct arena arena;
    struct devchain chain;
    struct devserver *server;
    char url[64];
    struct ws *ws;
    uint32_t ups, downs, texts;
    enum chain_why why;
    size_t biggest;
    char last[256];
    bool close_in_text;
};

static void on_up(void *ctx)
{
    struct bench *b = ctx;
    b->ups++;
}

static void on_text(void *ctx, struct span text)
{
    struct bench *b = ctx;
    b->texts++;
    b->biggest = max_u64(b->biggest, text.len);
    size_t len = min_u64(text.len, sizeof b->last - 1);
    memcpy(b->last, text.ptr, len);
    b->last[len] = '\0';
    if (b->close_in_text)
        ws_hang_up(b->ws);
}

static void on_down(void *ctx, enum chain_why why)
{
    struct bench *b = ctx;
    b->downs++;
    b->why = why;
}

static struct bench *open_bench(void)
{
    struct bench *b = test_calloc(1, sizeof *b);
    snprintf(b->dir, sizeof b->dir, "/tmp/devchain-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(arena_open(&b->arena, 64 << 20), ERR_OK);
    struct devchain_config config;
    devchain_config_default(&config);
    config.dir = b->dir;
    assert_int_equal(devchain_open(&b->chain, &config), ERR_OK);
    assert_int_equal(devserver_open(&b->server, &b->arena, &b->loop, &b->chain, 0), ERR_OK);
    struct ws_callbacks callbacks = {b, on_up, on_text, on_down};
    assert_int_equal(ws_open(&b->ws, &b->loop, &callbacks), ERR_OK);
    snprintf(b->url, sizeof b->url, "ws://127.0.0.1:%u/", devserver_port(b->server));
    return b;
}

static int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *f)
{
    (void)s;
    (void)kind;
    (void)f;
    return remove(path);
}

static void close_bench(struct bench *b)
{
    ws_close(b->ws);
    devserver_close(b->server);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    devserver_close(b->server);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    devchain_close(&b->chain);
    arena_close(&b->arena);
    nftw(b->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    test_free(b);
}

static void dial(struct bench *b)
{
    assert_int_equal(ws_dial(b->ws, b->url), ERR_OK);
}

static void wait_for(struct bench *b, const uint32_t *counter, uint32_t value)
{
    while (*counter < value)
        assert_true(uv_run(&b->loop, UV_RUN_ONCE) != 0);
}

static void ask(struct bench *b, const char *method)
{
    char text[128];
    int len = snprintf(text, sizeof text,
                       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\",\"params\":[]}", method);
    ws_send(b->ws, span_of(text, (size_t)len));
}

static void test_small_and_large_frames(void **state)
{
    (void)state;
    struct bench *b = open_bench();
    dial(b);
    ask(b, "system_name"); /* Waits until the connection is up. */
    wait_for(b, &b->texts, 1);
    assert_non_null(strstr(b->last, "platform devchain"));
    ask(b, "state_getMetadata");
    ask(b, "system_name");
    wait_for(b, &b->texts, 3);
    assert_true(b->biggest > METADATA_HEX);
    assert_int_equal(b->ups, 1);
    close_bench(b);
}

static void test_heads_arrive_as_blocks_are_made(void **state)
{
    (void)state;
    struct bench *b = open_bench();
    dial(b);
    ask(b, "chain_subscribeNewHeads");
    wait_for(b, &b->texts, 2); /* The subscription, and the head as it is. */
    assert_int_equal(devserver_seal(b->server), ERR_OK);
    wait_for(b, &b->texts, 3);
    assert_non_null(strstr(b->last, "\"number\":\"0x1\""));
    close_bench(b);
}

static void test_closed_and_opened_many_times(void **state)
{
    (void)state;
    struct bench *b = open_bench();
    b->close_in_text = true;
    for (uint32_t i = 1; i <= 20; i++) {
        dial(b);
        ask(b, "system_name");
        wait_for(b, &b->texts, i);
    }
    assert_int_equal(b->downs, 0);
    dial(b);
    ws_hang_up(b->ws); /* Before it was up. */
    dial(b);
    dial(b);
    ask(b, "system_name");
    wait_for(b, &b->texts, 21);
    dial(b);
    close_bench(b);
}

static void test_the_end_is_told_once(void **state)
{
    (void)state;
    struct bench *b = open_bench();
    dial(b);
    wait_for(b, &b->ups, 1);
    devserver_close(b->server);
    wait_for(b, &b->downs, 1);
    assert_int_equal(b->why, CHAIN_WHY_CLOSED);
    dial(b); /* Nobody listens there any more. */
    wait_for(b, &b->downs, 2);
    assert_int_equal(b->why, CHAIN_WHY_UNREACHABLE);
    assert_int_equal(b->ups, 1);
    close_bench(b);
}

static void on_slow_turn(uv_check_t *check)
{
    uint64_t until = uv_hrtime() + 15000000;
    while (uv_hrtime() < until)
        continue;
    (void)check;
}

/* The library unloads its code at the end: no callback into it may be left, however long the
 * turns before it took.  (With the server still there it would stay loaded.) */
static void test_closing_over_slow_turns(void **state)
{
    (void)state;
    struct bench *b = open_bench();
    uv_check_t slow;
    dial(b);
    wait_for(b, &b->ups, 1);
    devserver_close(b->server);
    wait_for(b, &b->downs, 1);
    for (int i = 0; i < 10; i++)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    devserver_close(b->server);
    uv_check_init(&b->loop, &slow);
    uv_check_start(&slow, on_slow_turn);
    ws_close(b->ws);
    b->ws = NULL;
    for (int i = 0; i < 10; i++)
        uv_run(&b->loop, UV_RUN_NOWAIT);
    uv_close((uv_handle_t *)&slow, NULL);
    close_bench(b);
}

static void test_urls(void **state)
{
    (void)state;
    static const char *const bad[] = {"http://x",     "ws://",     "ws://h:0",
                                      "ws://h:70000", "ws://h:1x", "ws://[::1",
                                      "ws://[::1]x",  "ws:/h",     ""};
    struct bench *b = open_bench();
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(ws_dial(b->ws, bad[i]), ERR_MALFORMED);
    close_bench(b);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_small_and_large_frames),
        cmocka_unit_test(test_heads_arrive_as_blocks_are_made),
        cmocka_unit_test(test_closed_and_opened_many_times),
        cmocka_unit_test(test_the_end_is_told_once),
        cmocka_unit_test(test_closing_over_slow_turns),
        cmocka_unit_test(test_urls),
    };
    return cmocka_run_group_tests_name("devchain_server", all, NULL, NULL);
}
