#include "cmd/daemon.h"
#include "os/files.h"

static void on_up(void *ctx)
{
    node_on_chain_up(((struct daemon *)ctx)->node, os_now_ms());
}

static void on_text(void *ctx, struct span text)
{
    node_on_chain_text(((struct daemon *)ctx)->node, text, os_now_ms());
}

static void on_down(void *ctx, enum chain_why why)
{
    node_on_chain_down(((struct daemon *)ctx)->node, why, os_now_ms());
}

void daemon_chain_dial(struct daemon *d, uint32_t endpoint)
{
    struct ws_callbacks callbacks = {d, on_up, on_text, on_down};
    if (d->chain == NULL && ws_open(&d->chain, &d->loop, &callbacks) != ERR_OK)
        d->chain = NULL;
    if (d->chain == NULL || ws_dial(d->chain, d->chain_urls[endpoint]) != ERR_OK)
        d->chain_refused = true; /* Reported at the end of the turn. */
}
