/* platform-sim: runs seeds and says what broke, with the line that repeats it. */
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

static const char usage[] =
    "usage: platform-sim [--seeds N] [--seed S] [--quiet-network] [--verbose]\n"
    "\n"
    "  --seeds N          run N seeds, from --first on (default 20)\n"
    "  --first S          the first seed (default 1)\n"
    "  --seed S           run this seed alone\n"
    "  --nodes N          4 to 7 validators (default: drawn)\n"
    "  --idle MS          no faults and no clients, for MS of virtual time\n"
    "  --quiet-network    no faults\n"
    "  --faults N         only these (sum of enum sim_fault, sim.h)\n"
    "  --verbose          tell every event of every node\n";

static double seconds_of(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

/* Of processor time, also of the processes that ran seeds: what one core does
 * in a second, whatever else the machine is doing. */
static double seconds(void)
{
    struct rusage self, children;
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    return seconds_of(&self.ru_utime) + seconds_of(&self.ru_stime) +
           seconds_of(&children.ru_utime) + seconds_of(&children.ru_stime);
}

enum {
    OPT_SEEDS = 1,
    OPT_FIRST,
    OPT_SEED,
    OPT_NODES,
    OPT_IDLE,
    OPT_QUIET,
    OPT_FAULTS,
    OPT_VERBOSE,
    OPT_HELP
};

static const struct option options[] = {{"seeds", required_argument, NULL, OPT_SEEDS},
                                        {"first", required_argument, NULL, OPT_FIRST},
                                        {"seed", required_argument, NULL, OPT_SEED},
                                        {"nodes", required_argument, NULL, OPT_NODES},
                                        {"idle", required_argument, NULL, OPT_IDLE},
                                        {"quiet-network", no_argument, NULL, OPT_QUIET},
                                        {"faults", required_argument, NULL, OPT_FAULTS},
                                        {"verbose", no_argument, NULL, OPT_VERBOSE},
                                        {"help", no_argument, NULL, OPT_HELP},
                                        {0}};

enum {
    JOBS = 2,
    SEEDS_TELL = 100, /* in so many drawn worlds everything rare has happened */
};

struct plan {
    uint64_t first, count;
    struct sim_config config;
    bool one;
    uint64_t started;
    int from[JOBS];
    pid_t pids[JOBS];
};

static int read_options(int argc, char **argv, struct plan *p)
{
    const char *tmp = getenv("TMPDIR");
    *p = (struct plan){.first = 1,
                       .count = 20,
                       .config = {.faults = SIM_FAULTS_END - 1,
                                  .choose_faults = true,
                                  .submissions = 12,
                                  .block_ms = 1000,
                                  .scratch_dir = tmp != NULL ? tmp : "/tmp"}};
    for (int o = getopt_long(argc, argv, "", options, NULL); o != -1;
         o = getopt_long(argc, argv, "", options, NULL)) {
        uint64_t number = optarg != NULL ? strtoull(optarg, NULL, 0) : 0;
        switch (o) {
        case OPT_SEEDS:
            p->count = number;
            break;
        case OPT_FIRST:
            p->first = number;
            break;
        case OPT_SEED:
            p->first = number;
            p->count = 1;
            p->one = true;
            break;
        case OPT_NODES:
            p->config.nodes = (uint32_t)number;
            break;
        case OPT_IDLE:
            p->config.faults = 0;
            p->config.submissions = 0;
            p->config.chaos_ms = number;
            break;
        case OPT_QUIET:
            p->config.faults = 0;
            break;
        case OPT_FAULTS:
            p->config.faults = (uint32_t)number;
            p->config.choose_faults = false;
            break;
        case OPT_VERBOSE:
            p->config.verbose = true;
            break;
        case OPT_HELP:
            fputs(usage, stdout);
            return 1;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    return 0;
}

/* What was asked for besides the seed is part of what repeats it. */
static void print_repeat(const struct sim_config *c, const struct sim_result *r)
{
    printf("  %s\n  repeat: ./run sim --seed %llu", r->violation, (unsigned long long)c->seed);
    if (c->nodes != 0)
        printf(" --nodes %u", c->nodes);
    if (c->submissions == 0)
        printf(" --idle %llu", (unsigned long long)c->chaos_ms);
    else if (c->faults == 0)
        printf(" --quiet-network");
    else if (!c->choose_faults)
        printf(" --faults %u", c->faults);
    printf("  # with --verbose: every event of every node\n");
}

static void print_one(const struct sim_config *c, const struct sim_result *r)
{
    printf(
        "seed %llu %s trace %016llx nodes %u %s faults %05x: %llu events, %llu virtual s, "
        "%llu slots, %llu checkpoints, %llu epochs, %llu finals, %llu crashes, %llu view changes, "
        "%llu evidence, %llu lies, %llu dissents, %llu damages, %llu full disks, %llu chain lies, "
        "%llu drifts\n",
        (unsigned long long)c->seed, r->ok ? "ok" : "FAILED", (unsigned long long)r->trace,
        r->nodes, r->bytes ? "bytes" : "messages", r->faults, (unsigned long long)r->events,
        (unsigned long long)r->virtual_ms / 1000, (unsigned long long)r->decided,
        (unsigned long long)r->checkpoints, (unsigned long long)r->epochs,
        (unsigned long long)r->finals, (unsigned long long)r->crashes,
        (unsigned long long)r->view_changes, (unsigned long long)r->evidence,
        (unsigned long long)r->lies, (unsigned long long)r->dissents,
        (unsigned long long)r->damages, (unsigned long long)r->full_disks,
        (unsigned long long)r->chain_lies, (unsigned long long)r->drifts);
    if (!r->ok)
        print_repeat(c, r);
    fflush(stdout);
}

/* A seed in a process of its own, so that one that dies is told like any other and the rest run. */
static bool start_seed(const struct sim_config *c, int *from, pid_t *pid)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    *pid = fork();
    if (*pid == 0) {
        struct sim_result r;
        sim_run(c, &r);
        exit(write(ends[1], &r, sizeof r) == sizeof r ? 0 : 1);
    }
    close(ends[1]);
    *from = ends[0];
    return *pid > 0;
}

static void finish_seed(int from, pid_t pid, struct sim_result *r)
{
    int status = 0;
    bool whole = read(from, r, sizeof *r) == sizeof *r;
    close(from);
    waitpid(pid, &status, 0);
    if (!whole)
        *r = (struct sim_result){0};
    if (whole && status == 0)
        return;
    r->ok = false;
    snprintf(r->violation, sizeof r->violation, "the simulator ended by %s %d, see above",
             WIFSIGNALED(status) ? "signal" : "exit code",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Two seeds at a time; results in the order of the seeds. */
static bool run_seed(struct plan *p, uint64_t i, struct sim_result *r)
{
    if (p->count == 1) {
        sim_run(&p->config, r);
        return true;
    }
    for (; p->started < p->count && p->started < i + JOBS; p->started++) {
        struct sim_config c = p->config;
        c.seed = p->first + p->started;
        if (!start_seed(&c, &p->from[p->started % JOBS], &p->pids[p->started % JOBS]))
            return false;
    }
    finish_seed(p->from[i % JOBS], p->pids[i % JOBS], r);
    return true;
}

/* What the seeds of a run came to, together. */
static void sum_up(struct sim_result *sum, const struct sim_result *r)
{
    sum->finals += r->finals;
    sum->epochs += r->epochs;
    sum->crashes += r->crashes;
    sum->view_changes += r->view_changes;
    sum->evidence += r->evidence;
    sum->lies += r->lies;
    sum->dissents += r->dissents;
    sum->damages += r->damages;
    sum->full_disks += r->full_disks;
    sum->chain_lies += r->chain_lies;
}

/* A campaign in which something never happened has not tested it: a bug that
 * keeps it from happening would pass every check there is. */
static uint64_t missing(const struct plan *p, const struct sim_result *sum)
{
    const struct {
        const char *name;
        uint64_t count;
    } all[] = {{"final scores", sum->finals},       {"ends of epochs", sum->epochs},
               {"crashes", sum->crashes},           {"view changes", sum->view_changes},
               {"decided evidence", sum->evidence}, {"lies", sum->lies},
               {"dissents", sum->dissents},         {"damaged stores", sum->damages},
               {"full disks", sum->full_disks},     {"lies of the chain", sum->chain_lies}};
    uint64_t count = 0;
    if (p->count < SEEDS_TELL || !p->config.choose_faults || p->config.faults == 0)
        return 0;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (all[i].count != 0)
            continue;
        printf("not ok in %llu seeds: no %s\n", (unsigned long long)p->count, all[i].name);
        count++;
    }
    return count;
}

int main(int argc, char **argv)
{
    struct plan p;
    struct sim_result sum = {0};
    int stop = read_options(argc, argv, &p);
    if (stop != 0)
        return stop - 1;
    if (sodium_init() < 0)
        return 1;
    uint64_t failed = 0, events = 0, virtual_ms = 0;
    for (uint64_t i = 0; i < p.count; i++) {
        struct sim_result r;
        p.config.seed = p.first + i;
        if (!run_seed(&p, i, &r))
            return 1;
        failed += !r.ok;
        sum_up(&sum, &r);
        events += r.events;
        virtual_ms += r.virtual_ms;
        if (p.one || !r.ok || p.count <= 50 || (i + 1) % 50 == 0)
            print_one(&p.config, &r);
    }
    double took = seconds();
    printf("%.0f events/s, %.0f virtual seconds per second, of one core\n", (double)events / took,
           (double)virtual_ms / 1000 / took);
    uint64_t passed = p.count - failed;
    failed += missing(&p, &sum);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed == 0 ? 0 : 1;
}
