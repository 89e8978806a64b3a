/* memory: what one more connection costs a host: the growth of this process, which
 * only listens, while PEERS hosts of another process connect, speak identify and
 * gossip with it, and stay.  (What a whole validator holds is measured by the
 * benchmark of decisions, after its run.) */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

enum { PEERS = 64, SETTLE_MS = 3000 };

static uint64_t rss_kib(void)
{
    char line[128], *at = line;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fgets(line, sizeof line, f) == NULL)
        exit(1);
    fclose(f);
    strtoull(at, &at, 10); /* The whole size; then what is resident, in pages. */
    return strtoull(at, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void dial_all(uint16_t port)
{
    struct hosts *w = calloc(1, sizeof *w);
    if (w == NULL)
        exit(1);
    hosts_open(w);
    for (uint8_t i = 0; i < PEERS; i++) {
        struct p2p_endpoint to = {.family = 4, .address = {127, 0, 0, 1}, .port = port};
        hosts_add(w, i, false, 8);
        must(p2p_bootstrap(w->ends[i].p2p, &to));
    }
    for (;;)
        hosts_turn(w);
}

int main(void)
{
    struct hosts *w = calloc(1, sizeof *w);
    if (w == NULL)
        return 1;
    hosts_open(w);
    hosts_add(w, PEERS, false, 128);
    for (int i = 0; i < 10; i++)
        hosts_turn(w);
    uint64_t before = rss_kib();
    pid_t child = fork();
    if (child == 0) {
        dial_all(w->ends[0].port);
        return 0;
    }
    while (w->ends[0].seen[P2P_OUT_PEER_UP] < PEERS)
        hosts_turn(w);
    uint64_t end = driver_now_ms() + SETTLE_MS;
    while (driver_now_ms() < end)
        hosts_turn(w);
    printf("memory per_connection %.1f KiB\n", (double)(rss_kib() - before) / PEERS);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
