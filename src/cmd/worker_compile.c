#include "cmd/worker_compile.h"

#include <signal.h>
#include <stdio.h>

#include "codec/wr.h"
#include "os/isolate.h"
#include "sandbox/engine.h"

enum { FRAME_HEAD = 4, VERDICT_HEAD = 5 };

static void write_answer(int fd, const struct sandbox_verdict *v, struct span artifact)
{
    uint8_t room[VERDICT_HEAD + SANDBOX_DETAIL_MAX];
    struct wr w = wr_init((struct room){room, sizeof room});
    wr_u8(&w, (uint8_t)v->outcome);
    wr_bytes(&w, span_of(v->detail, v->detail_size));
    if (pipe_write_all(fd, wr_done(&w)) != ERR_OK || pipe_write_all(fd, artifact) != ERR_OK)
        isolate_exit(1);
}

/* In the compiler: one module in, one answer out. */
static void compile(void *context, int fd)
{
    const struct span *module = context;
    const struct isolate_limits limits = {.cpu_s = SANDBOX_COMPILE_CPU_S,
                                          .address_bytes = UINT64_C(1) << 30,
                                          .stack_bytes = 64 << 20};
    const char *step;
    struct sandbox_verdict verdict = {0};
    struct engine_artifact artifact = {0};
    if (isolate_enter(ISOLATE_COMPILER, &limits, &fd, 1, &step) != ERR_OK)
        isolate_exit(1);
    engine_compile(*module, &artifact, &verdict);
    write_answer(fd, &verdict, artifact.bytes);
    isolate_exit(0);
}

/* What the runner is told when the compiler gave no answer of its own. */
static size_t answer_for(enum err e, int ended, struct room room)
{
    struct wr w = wr_init(room);
    char text[128];
    if (ended == SIGXCPU || ended == SIGKILL)
        snprintf(text, sizeof text, "the compiler used its %d s of CPU time",
                 SANDBOX_COMPILE_CPU_S);
    else if (e == ERR_TOO_BIG)
        snprintf(text, sizeof text, "the compiled module is over %d bytes", SANDBOX_ARTIFACT_MAX);
    else
        snprintf(text, sizeof text, "the compiler ended with signal %d", ended);
    wr_u8(&w, OUTCOME_INFRA);
    wr_bytes(&w, span_of(text, strlen(text)));
    return w.used;
}

static bool warden_turn(struct pipe *runner, struct room answer)
{
    struct span module;
    if (pipe_read(runner, &module) != ERR_OK)
        return false;
    struct room body = {answer.ptr + FRAME_HEAD, answer.len - FRAME_HEAD};
    size_t len = 0;
    int ended = 0;
    enum err e = isolate_child(compile, &module, body, &len, &ended);
    if (e != ERR_OK || ended != 0 || len < VERDICT_HEAD)
        len = answer_for(e, ended, body);
    return pipe_write(runner, (struct room){answer.ptr, FRAME_HEAD + len}) == ERR_OK;
}

_Noreturn static void warden(int fd)
{
    struct arena arena;
    struct pipe runner;
    const char *step;
    const struct isolate_limits limits = {0};
    if (isolate_enter(ISOLATE_WARDEN, &limits, &fd, 1, &step) != ERR_OK ||
        arena_open(&arena, WARDEN_FRAME_MAX + MODULE_BYTES_MAX + FRAME_HEAD) != ERR_OK)
        isolate_exit(1);
    /* Not from arena_alloc, which would touch all of it to zero it. */
    struct room answer = {arena.memory, WARDEN_FRAME_MAX};
    struct room request = {arena.memory + WARDEN_FRAME_MAX, MODULE_BYTES_MAX + FRAME_HEAD};
    pipe_init(&runner, fd, request);
    while (warden_turn(&runner, answer))
        continue;
    isolate_exit(0);
}

enum err warden_open(int *fd)
{
    int ends[2];
    enum err e = isolate_pair(ends);
    if (e != ERR_OK)
        return e;
    int child = isolate_fork();
    if (child == 0)
        warden(ends[1]);
    isolate_close(ends[1]);
    if (child < 0) {
        isolate_close(ends[0]);
        return ERR_IO;
    }
    *fd = ends[0];
    return ERR_OK;
}

enum err warden_compile(struct pipe *warden, struct span module, struct room frame,
                        struct span *artifact, struct sandbox_verdict *verdict)
{
    assert(frame.len >= FRAME_HEAD + module.len);
    memcpy(frame.ptr + FRAME_HEAD, module.ptr, module.len);
    enum err e = pipe_write(warden, (struct room){frame.ptr, FRAME_HEAD + module.len});
    struct span answer;
    if (e == ERR_OK)
        e = pipe_read(warden, &answer);
    if (e != ERR_OK)
        return e;
    struct rd r = rd_init(answer);
    enum outcome outcome = outcome_read(&r);
    struct span detail = rd_bytes(&r, SANDBOX_DETAIL_MAX);
    if (r.bad != ERR_OK)
        return ERR_IO;
    *verdict = (struct sandbox_verdict){.outcome = outcome, .detail_size = (uint32_t)detail.len};
    if (detail.len > 0)
        memcpy(verdict->detail, detail.ptr, detail.len);
    *artifact = span_of(r.at, r.left);
    return ERR_OK;
}
