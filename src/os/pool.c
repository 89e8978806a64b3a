#include "os/pool.h"

#include <signal.h>

#include "os/child.h"
#include "sandbox_msg.h"

enum { FRAME_MAX = 40 << 20, COMPILE_MS = 60000, RESTART_MS = 50, DECODE_BYTES = 64 << 10 };

/* Of a slot: address space, taken as it is used. */
enum { SLOT_BYTES = 2 * SANDBOX_JOB_SIZE_MAX + 4096 };

enum phase {
    IDLE,      /* no job */
    WAITING,   /* a job, and the worker is not ready */
    COMPILING, /* sent with its module */
    RUNNING,
};

struct slot {
    struct pool *pool;
    struct child *child;
    uv_timer_t timer;
    enum phase phase;
    bool ready;
    uint64_t token;
    uint32_t wall_ms;
    struct hash module_id;
    struct arena memory; /* the job, and room to send it again without its module */
    struct span job;
    enum pool_end end;                     /* why we killed it; POOL_DIED when we did not */
    struct hash modules[POOL_MODULES_MAX]; /* what the worker has compiled, newest first */
};

struct pool {
    struct pool_config config;
    struct arena memory; /* its own */
    uint32_t timers_open;
    bool closing;
    _Alignas(ARENA_ALIGN) uint8_t decode_memory[DECODE_BYTES]; /* for the lists in frames */
    struct slot slots[];
};

const char *pool_end_name(enum pool_end e)
{
    switch (e) {
    case POOL_ANSWERED:
        return "answered";
    case POOL_DIED:
        return "worker_died";
    case POOL_WALL_CLOCK:
        return "wall_clock";
    case POOL_COMPILE_CLOCK:
        return "compile_clock";
    case POOL_NOT_STARTED:
        return "worker_not_started";
    case POOL_PROTOCOL:
        return "worker_protocol";
    case POOL_CLOSED:
        return "closed";
    }
    return NULL;
}

static void kill_worker(struct slot *s, enum pool_end why)
{
    int pid = child_pid(s->child);
    s->end = why;
    if (pid > 0)
        kill(pid, SIGKILL);
}

static void finish(struct slot *s, struct span answer, enum pool_end end)
{
    uint64_t token = s->token;
    assert(s->phase != IDLE);
    uv_timer_stop(&s->timer);
    arena_reset(&s->memory, 0);
    s->job = (struct span){0};
    s->phase = IDLE;
    s->pool->config.on_answer(s->pool->config.ctx, token, answer, end);
}

/* The clocks.  A worker that is killed is answered for in on_down. */
static void on_timer(uv_timer_t *timer)
{
    struct slot *s = timer->data;
    switch (s->phase) {
    case IDLE:
        break;
    case WAITING:
        finish(s, (struct span){0}, POOL_NOT_STARTED);
        break;
    case COMPILING:
        kill_worker(s, POOL_COMPILE_CLOCK);
        break;
    case RUNNING:
        kill_worker(s, POOL_WALL_CLOCK);
        break;
    }
}

static bool has_module(const struct slot *s, const struct hash *id)
{
    for (size_t i = 0; i < POOL_MODULES_MAX; i++) {
        if (hash_equal(&s->modules[i], id))
            return true;
    }
    return false;
}

static void note_module(struct slot *s, const struct hash *id)
{
    if (has_module(s, id))
        return;
    memmove(&s->modules[1], &s->modules[0], sizeof s->modules - sizeof s->modules[0]);
    s->modules[0] = *id;
}

/* A job's encoding begins token | module_id | u32 length | module. */
enum { MODULE_AT = 8 + HASH_SIZE };

static void send_without_module(struct slot *s)
{
    struct rd r = rd_init(s->job);
    rd_take(&r, MODULE_AT);
    rd_bytes(&r, SANDBOX_MODULE_MAX);
    assert(r.bad == ERR_OK); /* It was decoded in pool_submit. */
    size_t len = MODULE_AT + sizeof(uint32_t) + r.left;
    uint8_t *frame = arena_alloc(&s->memory, len);
    assert(frame != NULL); /* SLOT_BYTES has room for both. */
    struct wr w = wr_init((struct room){frame, len});
    wr_raw(&w, span_of(s->job.ptr, MODULE_AT));
    wr_u32(&w, 0);
    wr_raw(&w, span_of(r.at, r.left));
    child_send(s->child, wr_done(&w));
}

static void send_job(struct slot *s, bool with_module)
{
    if (with_module) {
        s->phase = COMPILING;
        uv_timer_start(&s->timer, on_timer, COMPILE_MS + (uint64_t)s->wall_ms, 0);
        child_send(s->child, s->job);
        return;
    }
    s->phase = RUNNING;
    uv_timer_start(&s->timer, on_timer, s->wall_ms, 0);
    send_without_module(s);
}

static void on_ready(struct slot *s, const struct hash *engine)
{
    if (!hash_equal(engine, &s->pool->config.engine)) {
        kill_worker(s, POOL_PROTOCOL);
        return;
    }
    s->ready = true;
    if (s->phase == WAITING)
        send_job(s, true);
}

/* What a worker may say in each phase; anything else ends it. */
static bool take_answer(struct slot *s, const struct sandbox_answer *a, struct span frame)
{
    bool working = s->phase == COMPILING || s->phase == RUNNING;
    switch (a->tag) {
    case SANDBOX_ANSWER_READY:
        if (s->ready)
            return false;
        on_ready(s, &a->ready.engine);
        return true;
    case SANDBOX_ANSWER_NEED:
        if (s->phase != RUNNING || a->need.token != s->token)
            return false;
        send_job(s, true);
        return true;
    case SANDBOX_ANSWER_COMPILED:
        if (s->phase != COMPILING || a->compiled.token != s->token)
            return false;
        note_module(s, &s->module_id);
        s->phase = RUNNING;
        uv_timer_start(&s->timer, on_timer, s->wall_ms, 0);
        return true;
    case SANDBOX_ANSWER_RESULT:
        if (!working || a->result.token != s->token)
            return false;
        finish(s, frame, POOL_ANSWERED);
        return true;
    }
    return false;
}

static void on_frame(void *ctx, struct span frame)
{
    struct slot *s = ctx;
    struct sandbox_answer a = {0};
    struct arena arena;
    arena_init(&arena, (struct room){s->pool->decode_memory, 0});
    if (s->pool->closing || s->end != POOL_DIED)
        return; /* It was killed; this was still on its way. */
    if (sandbox_answer_decode(frame, &arena, &a) != ERR_OK || !take_answer(s, &a, frame))
        kill_worker(s, POOL_PROTOCOL);
}

static void on_up(void *ctx)
{
    struct slot *s = ctx;
    s->end = POOL_DIED;
}

static void on_down(void *ctx, int64_t status, int signal)
{
    (void)status, (void)signal;
    struct slot *s = ctx;
    enum pool_end end = s->end;
    s->ready = false;
    s->end = POOL_DIED;
    memset(s->modules, 0, sizeof s->modules);
    bool had_job = s->phase == COMPILING || s->phase == RUNNING;
    bool hopeless = s->phase == WAITING && end == POOL_PROTOCOL;
    if (!s->pool->closing && (had_job || hopeless))
        finish(s, (struct span){0}, end);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct slot *s = handle->data;
    arena_close(&s->memory);
    if (--s->pool->timers_open > 0)
        return;
    struct arena last = s->pool->memory;
    arena_close(&last);
}

static enum err open_slot(struct pool *p, uv_loop_t *loop, struct slot *s)
{
    static const char *const args[] = {"platform-worker", NULL};
    static const char *const env[] = {NULL};
    const struct child_config config = {.program = p->config.program,
                                        .args = args,
                                        .env = env,
                                        .frame_max = FRAME_MAX,
                                        .restart_ms = RESTART_MS,
                                        .ctx = s,
                                        .on_up = on_up,
                                        .on_frame = on_frame,
                                        .on_down = on_down};
    s->pool = p;
    s->end = POOL_DIED;
    uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    p->timers_open++;
    enum err e = arena_open(&s->memory, SLOT_BYTES);
    if (e != ERR_OK)
        return e;
    return child_open(&s->child, loop, &config);
}

enum err pool_open(struct pool **out, uv_loop_t *loop, const struct pool_config *config)
{
    assert(config->slots >= 1 && config->slots <= POOL_SLOTS_MAX);
    size_t size = sizeof(struct pool) + config->slots * sizeof(struct slot);
    struct arena memory;
    enum err opened = arena_open(&memory, size);
    if (opened != ERR_OK)
        return opened;
    struct pool *p = arena_alloc(&memory, size);
    p->memory = memory;
    p->config = *config;
    for (uint32_t i = 0; i < config->slots; i++) {
        enum err e = open_slot(p, loop, &p->slots[i]);
        if (e != ERR_OK) {
            p->config.slots = i + 1;
            pool_close(p);
            return e;
        }
    }
    *out = p;
    return ERR_OK;
}

/* A slot without a job: best one that knows the module, then a ready one. */
static struct slot *choose(struct pool *p, const struct hash *module_id)
{
    struct slot *best = NULL;
    int best_rank = -1;
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[i];
        int rank = s->ready ? has_module(s, module_id) ? 2 : 1 : 0;
        if (s->phase == IDLE && rank > best_rank) {
            best = s;
            best_rank = rank;
        }
    }
    return best;
}

enum err pool_submit(struct pool *p, uint64_t token, struct span job, uint32_t wall_ms)
{
    struct sandbox_job decoded = {0};
    struct arena arena;
    arena_init(&arena, (struct room){p->decode_memory, sizeof p->decode_memory});
    if (sandbox_job_decode(job, &arena, &decoded) != ERR_OK || decoded.token != token)
        return ERR_MALFORMED;
    struct slot *s = choose(p, &decoded.module_id);
    if (s == NULL)
        return ERR_FULL;
    s->job = arena_copy(&s->memory, job);
    assert(s->job.ptr != NULL);
    s->token = token;
    s->wall_ms = wall_ms;
    s->module_id = decoded.module_id;
    s->phase = WAITING;
    if (s->ready)
        send_job(s, !has_module(s, &s->module_id));
    else
        uv_timer_start(&s->timer, on_timer, POOL_START_MS, 0);
    return ERR_OK;
}

int pool_pid(const struct pool *p, uint32_t slot)
{
    assert(slot < p->config.slots);
    return child_pid(p->slots[slot].child);
}

bool pool_is_ready(const struct pool *p, uint32_t slot)
{
    assert(slot < p->config.slots);
    return p->slots[slot].ready && p->slots[slot].phase == IDLE;
}

void pool_close(struct pool *p)
{
    if (p == NULL || p->closing)
        return;
    p->closing = true;
    for (uint32_t i = 0; i < p->config.slots; i++) {
        struct slot *s = &p->slots[i];
        if (s->phase != IDLE)
            finish(s, (struct span){0}, POOL_CLOSED);
        child_close(s->child);
        uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    }
}
