/* platformd: a validator, or an observer, of one network. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/daemon.h"
#include "os/files.h"

static void on_check(uv_check_t *check)
{
    daemon_turn(check->data);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    daemon_stop(signal->data, 0);
}

static void close_handle(uv_handle_t *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Everything closes itself; the loop ends when nothing is left on it. */
void daemon_stop(struct daemon *d, int code)
{
    if (d->stopping)
        return;
    d->stopping = true;
    d->exit_code = code;
    host_attach(d->host, NULL);
    if (d->chain != NULL)
        ws_close(d->chain);
    d->chain = NULL;
    if (d->http != NULL)
        http_close(d->http);
    pool_close(d->pool);
    child_close(d->signer);
    net_close(d->net);
    close_handle((uv_handle_t *)&d->timer);
    close_handle((uv_handle_t *)&d->idle);
    close_handle((uv_handle_t *)&d->check);
    close_handle((uv_handle_t *)&d->on_int);
    close_handle((uv_handle_t *)&d->on_term);
}

static void daemon_close(struct daemon *d)
{
    node_close(d->node);
    host_close(d->host);
    journal_file_close(d->journal);
    db_close(d->db);
    arena_close(&d->verifier_memory);
    arena_close(&d->http_memory);
    secret_close(d->children.key);
    secret_close(d->children.password);
    settings_free(&d->settings);
    free((void *)(uintptr_t)d->genesis.ptr);
    free(d);
}

static void start(struct daemon *d)
{
    uv_timer_init(&d->loop, &d->timer);
    uv_idle_init(&d->loop, &d->idle);
    uv_check_init(&d->loop, &d->check);
    uv_signal_init(&d->loop, &d->on_int);
    uv_signal_init(&d->loop, &d->on_term);
    d->timer.data = d->check.data = d->on_int.data = d->on_term.data = d;
    uv_check_start(&d->check, on_check);
    uv_signal_start(&d->on_int, on_signal, SIGINT);
    uv_signal_start(&d->on_term, on_signal, SIGTERM);
    node_start(d->node, os_now_ms());
    daemon_turn(d);
}

int main(int argc, char **argv)
{
    struct daemon *d = calloc(1, sizeof *d);
    if (d == NULL)
        return 1;
    signal(SIGPIPE, SIG_IGN);
    if (!daemon_open(d, argc, argv)) {
        fflush(NULL);
        quick_exit(d->exit_code); /* Said why; the system takes back what was opened. */
    }
    start(d);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    int code = d->exit_code;
    uv_loop_close(&d->loop);
    daemon_close(d);
    return code;
}
