/* A p2p host on real sockets that other implementations talk to.
 *
 * It listens on a free loopback port and tells what happens, one line an event:
 *   listening ADDRESS | up PEER | down PEER WHY | ping PEER MICROSECONDS
 *   gossip AUTHOR TEXT | closed CONN WHY | failed WHAT
 * Lines on its standard input are commands:
 *   dial ADDRESS | publish TEXT | ping PEER | peers | quit
 * Topic: "interop". */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "driver.h"

enum { LINE_MAX_SIZE = 1024 };
static const char topic[] = "interop";

struct host {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_pipe_t input;
    struct driver driver;
    struct p2p *p; /* the driver's */
    char line[LINE_MAX_SIZE];
    size_t line_len;
    char read[LINE_MAX_SIZE];
    uint64_t pings;
    bool quitting;
};

static void tell(const char *what, const struct peer_id *peer, const char *more)
{
    char text[P2P_ADDRESS_TEXT_MAX];
    peer_id_text(peer, text);
    printf("%s %s %s\n", what, text, more);
}

static void on_out(void *ctx, const struct p2p_out *o)
{
    char text[256];
    (void)ctx;
    switch (o->kind) {
    case P2P_OUT_CLOSE:
        printf("closed %u %s\n", (unsigned)o->conn, o->why);
        break;
    case P2P_OUT_PEER_UP:
        tell("up", &o->peer, "");
        break;
    case P2P_OUT_PEER_DOWN:
        tell("down", &o->peer, o->why);
        break;
    case P2P_OUT_FRAME:
        tell("frame", &o->peer, "");
        break;
    case P2P_OUT_GOSSIP:
        snprintf(text, sizeof text, "%.*s", (int)o->bytes.len, (const char *)o->bytes.ptr);
        tell("gossip", &o->author, text);
        break;
    case P2P_OUT_DIAL:
    case P2P_OUT_WRITE:
        break;
    }
}

static void tell_pings(struct host *h)
{
    struct p2p_peer_info info;
    if (p2p_counters(h->p)->pings == h->pings || !p2p_peer(h->p, 0, &info))
        return;
    char text[32];
    h->pings = p2p_counters(h->p)->pings;
    snprintf(text, sizeof text, "%u", info.ping_us);
    tell("ping", &info.id, text);
}

static void list_peers(struct host *h)
{
    struct p2p_peer_info info;
    for (uint32_t i = 0; p2p_peer(h->p, i, &info); i++)
        tell("peer", &info.id, info.agent);
}

static void command(struct host *h, char *line)
{
    struct p2p_endpoint to;
    struct peer_id peer;
    enum err e = ERR_OK;
    if (strncmp(line, "dial ", 5) == 0) {
        e = p2p_endpoint_parse(line + 5, &to);
        if (e == ERR_OK)
            e = p2p_bootstrap(h->p, &to);
    } else if (strncmp(line, "publish ", 8) == 0) {
        e = p2p_publish(h->p, topic, span_of(line + 8, strlen(line + 8)), driver_now_ms());
    } else if (strncmp(line, "ping ", 5) == 0) {
        e = peer_id_parse(line + 5, &peer);
        if (e == ERR_OK)
            e = p2p_ping(h->p, &peer, driver_now_ms());
    } else if (strcmp(line, "peers") == 0) {
        list_peers(h);
    } else if (strcmp(line, "quit") == 0) {
        h->quitting = true;
    } else {
        e = ERR_UNSUPPORTED;
    }
    if (e != ERR_OK)
        printf("failed %s %s\n", line, err_name(e));
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct host *h = handle->data;
    (void)suggested;
    *buf = uv_buf_init(h->read, sizeof h->read);
}

static void on_input(uv_stream_t *stream, ssize_t len, const uv_buf_t *buf)
{
    struct host *h = stream->data;
    h->quitting |= len < 0;
    for (ssize_t i = 0; i < len; i++) {
        if (buf->base[i] != '\n' && h->line_len < sizeof h->line - 1) {
            h->line[h->line_len++] = buf->base[i];
            continue;
        }
        h->line[h->line_len] = '\0';
        h->line_len = 0;
        command(h, h->line);
    }
}

static enum err start(struct host *h)
{
    struct p2p_config c = {.agent = "platform/interop", .target_peers = 4};
    p2p_limits_default(&c.limits);
    c.listen[0] = (struct p2p_endpoint){.family = 4, .address = {127, 0, 0, 1}};
    c.listen_count = 1;
    uv_timeval64_t unix_time;
    if (uv_gettimeofday(&unix_time) != 0)
        return ERR_IO;
    c.seqno_start = (uint64_t)unix_time.tv_sec * 1000000000;
    if (uv_random(NULL, NULL, c.identity_seed, sizeof c.identity_seed, 0, NULL) != 0 ||
        uv_random(NULL, NULL, c.entropy, sizeof c.entropy, 0, NULL) != 0 ||
        uv_random(NULL, NULL, &c.seed, sizeof c.seed, 0, NULL) != 0)
        return ERR_IO;
    h->driver.on_out = on_out;
    h->driver.verdict = P2P_ACCEPT;
    enum err e = driver_open(&h->driver, &h->loop, &c, c.limits.connections);
    h->p = h->driver.p2p;
    if (e == ERR_OK)
        e = p2p_subscribe(h->p, topic);
    if (e != ERR_OK)
        return e;
    char text[P2P_ADDRESS_TEXT_MAX];
    p2p_listening(h->p, c.listen, 1, driver_now_ms());
    c.listen[0].has_peer = true;
    c.listen[0].peer = *p2p_self(h->p);
    p2p_endpoint_text(&c.listen[0], text);
    printf("listening %s\n", text);
    return ERR_OK;
}

int main(void)
{
    static struct host host;
    struct host *h = &host;
    if (uv_loop_init(&h->loop) != 0 || uv_timer_init(&h->loop, &h->timer) != 0 ||
        uv_pipe_init(&h->loop, &h->input, 0) != 0 || uv_pipe_open(&h->input, 0) != 0)
        return 1;
    h->input.data = h;
    enum err e = start(h);
    if (e != ERR_OK) {
        fprintf(stderr, "%s\n", err_text(e));
        return 1;
    }
    uv_read_start((uv_stream_t *)&h->input, on_room, on_input);
    while (!h->quitting) {
        driver_turn(&h->driver, 1, &h->timer);
        tell_pings(h);
        fflush(stdout);
    }
    driver_close(&h->driver);
    driver_free(&h->driver);
    return 0;
}
