#include "node/internal.h"

#include "sandbox_msg.h"

/* A failed run is repeated after a pause that doubles up to a limit; it is
 * never turned into a result (EVAL-1). */
enum { RETRY_MIN_MS = 500, RETRY_MAX_MS = 60000, JOBS_PER_MINER = 8 };

static_assert((int)JOBS_PER_MINER < (int)JOBS_MAX);

struct job *evaluate_job(struct node *n, const struct hash *submission)
{
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        if (n->jobs[i].used && hash_equal(&n->jobs[i].submission, submission))
            return &n->jobs[i];
    return NULL;
}

const struct run *evaluate_run(const struct node *n, const struct hash *submission)
{
    for (uint32_t i = 0; i < RUNS_MAX; i++)
        if (n->runs[i].used && hash_equal(&n->runs[i].submission, submission))
            return &n->runs[i];
    return NULL;
}

/* The job goes, what it took is told a while longer. */
static void close_job(struct node *n, struct job *j)
{
    if (j->phase == JOB_DONE)
        n->runs[n->next_run++ % RUNS_MAX] = (struct run){
            true, j->submission, j->gas, j->memory, j->failures, j->host_calls, j->host_bytes};
    *j = (struct job){0};
}

static bool still_wanted(struct node *n, const struct hash *id)
{
    struct state_submission s;
    size_t mark = arena_mark(&n->scratch);
    bool wanted = ledger_submission(n->ledger, id, &n->scratch, &s) &&
                  (s.phase == SUBMISSION_PHASE_COMMITTING || s.phase == SUBMISSION_PHASE_REVEALING);
    arena_reset(&n->scratch, mark);
    return wanted;
}

/* How many jobs, and wanted blobs, each miner has in the pass at hand. */
struct shares {
    struct map of; /* hotkey -> jobs + wants */
};

/* Whether this miner may have one more: what one miner submits, by the thousand
 * or without ever showing the blobs, takes no other's turn. */
static bool take_share(struct shares *s, const struct hotkey *miner)
{
    uint32_t has = map_get(&s->of, miner->bytes);
    has = has == MAP_NONE ? 0 : has;
    return has < JOBS_PER_MINER && map_put(&s->of, miner->bytes, has + 1) == ERR_OK;
}

static bool shares_open(struct node *n, struct shares *s)
{
    struct map_seed seed = {n->config.seed, ~n->config.seed};
    if (map_init(&s->of, &n->scratch, HOTKEY_SIZE, NEURONS_MAX, seed) != ERR_OK)
        return false;
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        if (n->jobs[i].used)
            (void)take_share(s, &n->jobs[i].miner);
    return true;
}

/* Both blobs of a job are here; what is missing is asked for. */
static bool blobs_here(struct node *n, const struct state_challenge *c,
                       const struct state_submission *s)
{
    bool input = blobs_have(n, &s->blob), module = blobs_have(n, &c->body.module);
    if (!input)
        blobs_want(n, &s->blob, s->size);
    if (!module)
        blobs_want(n, &c->body.module, c->body.module_size);
    return input && module;
}

static struct job *free_job(struct node *n)
{
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        if (!n->jobs[i].used)
            return &n->jobs[i];
    return NULL;
}

/* One open submission: a job once its blobs are here. */
static void consider(struct node *n, struct shares *shares, const struct hash *id)
{
    struct state_submission s;
    struct state_challenge c;
    struct job *place = free_job(n);
    if (!ledger_submission(n->ledger, id, &n->scratch, &s) || !take_share(shares, &s.miner) ||
        !ledger_challenge(n->ledger, &s.challenge, &n->scratch, &c) || !blobs_here(n, &c, &s) ||
        place == NULL)
        return;
    *place =
        (struct job){.used = true, .submission = *id, .miner = s.miner, .order = ++n->next_job};
}

/* Open submissions become jobs, of each miner the oldest first; jobs whose
 * submission is closed go. */
static void collect(struct node *n)
{
    struct hash id;
    struct shares shares;
    uint32_t at = 0;
    if (n->now_ms < n->collect_at_ms)
        return;
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        if (n->jobs[i].used && n->jobs[i].phase != JOB_RUNNING &&
            !still_wanted(n, &n->jobs[i].submission))
            close_job(n, &n->jobs[i]);
    size_t mark = arena_mark(&n->scratch);
    bool ok = ledger_open_submission_at(n->ledger, 0, &id) && shares_open(n, &shares);
    for (; ok && ledger_open_submission_at(n->ledger, at, &id); at++) {
        if (evaluate_job(n, &id) != NULL)
            continue;
        size_t inner = arena_mark(&n->scratch);
        consider(n, &shares, &id);
        arena_reset(&n->scratch, inner);
    }
    arena_reset(&n->scratch, mark);
    /* A long list is looked at less often: about a hundredth of the time. */
    n->collect_at_ms = time_add(n->now_ms, at / 16);
}

static uint32_t running(const struct node *n)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        count += n->jobs[i].used && n->jobs[i].phase == JOB_RUNNING;
    return count;
}

/* The two blobs of a job in scratch; false, and asked for, when one is missing. */
static bool gather(struct node *n, const struct state_challenge *c,
                   const struct state_submission *s, struct span *module, struct span *blob)
{
    struct span bytes;
    if (node_get_blob(n, &s->blob, &bytes) != ERR_OK) {
        blobs_want(n, &s->blob, s->size);
        return false;
    }
    *blob = arena_copy(&n->scratch, bytes);
    if (node_get_blob(n, &c->body.module, &bytes) != ERR_OK) {
        blobs_want(n, &c->body.module, c->body.module_size);
        return false;
    }
    *module = arena_copy(&n->scratch, bytes);
    return blob->ptr != NULL && module->ptr != NULL;
}

static void start(struct node *n, struct job *j)
{
    struct state_submission s;
    struct state_challenge c;
    struct span module, blob;
    if (!ledger_submission(n->ledger, &j->submission, &n->scratch, &s) ||
        !ledger_challenge(n->ledger, &s.challenge, &n->scratch, &c) ||
        !gather(n, &c, &s, &module, &blob))
        return;
    struct sandbox_job job;
    j->token = ++n->next_token;
    if (eval_job(&c, &s, module, blob, j->token, &n->scratch, &job) != ERR_OK)
        return; /* The next tick has its scratch back. */
    size_t size = SANDBOX_JOB_SIZE_MIN + module.len + blob.len + (1 << 20);
    struct room room = {arena_raw(&n->scratch, size), size};
    struct span bytes = {0};
    if (room.ptr != NULL)
        bytes = sandbox_job_encode(&job, room);
    if (bytes.ptr == NULL) {
        trace_hash(trace_add(&n->trace, TRACE_ERROR, "evaluation.too_big"), "submission",
                   &j->submission);
        j->retry_ms = time_add(n->now_ms, RETRY_MAX_MS);
        return;
    }
    j->phase = JOB_RUNNING;
    n->world.evaluate(n->world.ctx, j->token, bytes, c.body.policy.wall_ms);
}

static struct job *next_job(struct node *n)
{
    struct job *oldest = NULL;
    for (uint32_t i = 0; i < JOBS_MAX; i++) {
        struct job *j = &n->jobs[i];
        if (j->used && j->phase == JOB_WAITING && n->now_ms >= j->retry_ms &&
            (oldest == NULL || j->order < oldest->order))
            oldest = j;
    }
    return oldest;
}

void evaluate_tick(struct node *n)
{
    struct job *j;
    if (!node_is_member(n) || n->drift)
        return;
    collect(n);
    while (running(n) < n->config.evaluation_slots && (j = next_job(n)) != NULL) {
        size_t mark = arena_mark(&n->scratch);
        start(n, j);
        arena_reset(&n->scratch, mark);
        if (j->phase == JOB_WAITING) /* Its scratch or a blob is missing: not before a while. */
            j->retry_ms = max_u64(j->retry_ms, time_add(n->now_ms, RETRY_MIN_MS));
    }
}

static void failed(struct node *n, struct job *j, const char *why)
{
    uint64_t pause = (uint64_t)RETRY_MIN_MS << min_u64(j->failures, 7);
    j->failures++;
    j->phase = JOB_WAITING;
    j->retry_ms = time_add(n->now_ms, min_u64(pause, RETRY_MAX_MS));
    struct trace_event *t = trace_add(&n->trace, TRACE_WARN, "evaluation.infra");
    trace_hash(t, "submission", &j->submission);
    trace_word(t, "why", why);
    trace_u64(t, "failures", j->failures);
}

static void succeeded(struct node *n, struct job *j, const struct sandbox_result *r)
{
    struct state_submission s;
    struct state_challenge c;
    struct span blob;
    if (!ledger_submission(n->ledger, &j->submission, &n->scratch, &s) ||
        !ledger_challenge(n->ledger, &s.challenge, &n->scratch, &c) ||
        node_get_blob(n, &s.blob, &blob) != ERR_OK) {
        *j = (struct job){0}; /* Closed while it ran. */
        return;
    }
    if (eval_attest(&c, &s, r, &n->config.engine, blob, &j->attestation) != ERR_OK) {
        failed(n, j, "infra");
        return;
    }
    j->phase = JOB_DONE;
    j->gas = r->gas;
    j->memory = r->memory;
    j->host_calls = r->host_calls;
    j->host_bytes = r->host_bytes;
    struct trace_event *t = trace_add(&n->trace, TRACE_INFO, "evaluation.done");
    trace_hash(t, "submission", &j->submission);
    trace_word(t, "outcome", outcome_name(r->outcome));
    trace_u64(t, "score", r->score);
    trace_u64(t, "gas", r->gas);
    trace_u64(t, "memory", r->memory);
    actions_tick(n);
}

void node_on_evaluated(struct node *n, uint64_t token, struct span bytes, uint64_t now_ms)
{
    n->now_ms = max_u64(n->now_ms, now_ms);
    if (n->fatal != NULL)
        return;
    struct job *j = NULL;
    for (uint32_t i = 0; i < JOBS_MAX; i++)
        if (n->jobs[i].used && n->jobs[i].phase == JOB_RUNNING && n->jobs[i].token == token)
            j = &n->jobs[i];
    if (j == NULL)
        return;
    size_t mark = arena_mark(&n->scratch);
    struct sandbox_answer answer;
    if (bytes.len == 0)
        failed(n, j, "worker_died");
    else if (sandbox_answer_decode(bytes, &n->scratch, &answer) != ERR_OK ||
             answer.tag != SANDBOX_ANSWER_RESULT || answer.result.token != token)
        failed(n, j, "worker_garbled");
    else
        succeeded(n, j, &answer.result);
    arena_reset(&n->scratch, mark);
    evaluate_tick(n);
}
