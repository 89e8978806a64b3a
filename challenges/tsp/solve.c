/* solve: makes submissions for the tsp challenge.
 *
 *     tsp-solve order|nearest|once|two-opt INSTANCE.tsp...
 *
 * order takes the cities as they come, nearest goes to the nearest city not yet
 * seen, once starts there and removes crossings until none is left (2-opt), and
 * two-opt does so from every city as a start and keeps the best.  A tool for
 * miners and for the demo; it trusts its input. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 4096 };

struct problem {
    char name[32];
    int count;
    double x[NODES_MAX], y[NODES_MAX]; /* node i + 1 */
};

static int distance(const struct problem *p, int a, int b)
{
    double dx = p->x[a] - p->x[b], dy = p->y[a] - p->y[b];
    return (int)(sqrt(dx * dx + dy * dy) + 0.5);
}

static bool problem_read(const char *path, struct problem *p)
{
    char line[256];
    bool coordinates = false;
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        perror(path);
        return false;
    }
    memset(p, 0, sizeof *p);
    while (fgets(line, sizeof line, f) != NULL) {
        int node;
        double x, y;
        if (sscanf(line, "NAME%*[ :]%31s", p->name) == 1)
            continue;
        if (strncmp(line, "NODE_COORD_SECTION", 18) == 0)
            coordinates = true;
        else if (coordinates && sscanf(line, "%d %lf %lf", &node, &x, &y) == 3 && node >= 1 &&
                 node <= NODES_MAX) {
            p->x[node - 1] = x;
            p->y[node - 1] = y;
            p->count = node > p->count ? node : p->count;
        }
    }
    fclose(f);
    return p->count >= 3;
}

static long length(const struct problem *p, const int *tour)
{
    long sum = distance(p, tour[p->count - 1], tour[0]);
    for (int i = 1; i < p->count; i++)
        sum += distance(p, tour[i - 1], tour[i]);
    return sum;
}

static void nearest(const struct problem *p, int start, int *tour)
{
    bool seen[NODES_MAX] = {false};
    tour[0] = start;
    seen[start] = true;
    for (int i = 1; i < p->count; i++) {
        int best = -1;
        for (int c = 0; c < p->count; c++) {
            if (!seen[c] &&
                (best < 0 || distance(p, tour[i - 1], c) < distance(p, tour[i - 1], best)))
                best = c;
        }
        tour[i] = best;
        seen[best] = true;
    }
}

/* Turns around tour[i .. k] where that makes it shorter, until it never does. */
static void two_opt(const struct problem *p, int *tour)
{
    for (bool better = true; better;) {
        better = false;
        for (int i = 1; i < p->count - 1; i++) {
            for (int k = i + 1; k < p->count; k++) {
                int a = tour[i - 1], b = tour[i], c = tour[k], d = tour[(k + 1) % p->count];
                if (distance(p, a, c) + distance(p, b, d) >= distance(p, a, b) + distance(p, c, d))
                    continue;
                for (int l = i, r = k; l < r; l++, r--) {
                    int t = tour[l];
                    tour[l] = tour[r];
                    tour[r] = t;
                }
                better = true;
            }
        }
    }
}

static void solve(const struct problem *p, const char *how, int *best)
{
    int tour[NODES_MAX];
    for (int i = 0; i < p->count; i++)
        best[i] = i;
    if (strcmp(how, "nearest") == 0 || strcmp(how, "once") == 0)
        nearest(p, 0, best);
    if (strcmp(how, "once") == 0)
        two_opt(p, best);
    if (strcmp(how, "two-opt") != 0)
        return;
    for (int start = 0; start < p->count; start++) {
        nearest(p, start, tour);
        two_opt(p, tour);
        if (length(p, tour) < length(p, best))
            memcpy(best, tour, sizeof *best * (size_t)p->count);
    }
}

int main(int argc, char **argv)
{
    static struct problem p;
    static int tour[NODES_MAX];
    if (argc < 3 || (strcmp(argv[1], "order") != 0 && strcmp(argv[1], "nearest") != 0 &&
                     strcmp(argv[1], "once") != 0 && strcmp(argv[1], "two-opt") != 0)) {
        fprintf(stderr, "usage: %s order|nearest|once|two-opt INSTANCE.tsp...\n", argv[0]);
        return 2;
    }
    printf("tsp 1\n");
    for (int i = 2; i < argc; i++) {
        if (!problem_read(argv[i], &p))
            return 1;
        solve(&p, argv[1], tour);
        printf("%s:", p.name);
        for (int n = 0; n < p.count; n++)
            printf(" %d", tour[n] + 1);
        printf("\n");
        fprintf(stderr, "%s: length %ld\n", p.name, length(&p, tour));
    }
    return 0;
}
