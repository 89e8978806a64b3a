#include <stdio.h>

#include "os/pool.h"

/* One job's answer, kept. */
struct once {
    struct arena *arena;
    struct pool_once *out;
    bool answered;
    bool kept;
};

static void on_answer(void *ctx, uint64_t token, struct span answer, enum pool_end end)
{
    (void)token;
    struct once *o = ctx;
    o->answered = true;
    o->out->end = end;
    o->out->answer = arena_copy(o->arena, answer);
    o->kept = o->out->answer.len == answer.len;
}

bool pool_program(char *out, size_t out_size)
{
    size_t len = out_size;
    if (uv_exepath(out, &len) != 0)
        return false;
    char *slash = strrchr(out, '/');
    size_t folder = slash == NULL ? 0 : (size_t)(slash - out) + 1;
    int n = snprintf(out + folder, out_size - folder, "platform-worker");
    return n > 0 && (size_t)n < out_size - folder;
}

enum err pool_once(const char *program, const struct hash *engine, uint64_t token, struct span job,
                   uint32_t wall_ms, struct arena *arena, struct pool_once *out)
{
    uv_loop_t loop;
    struct pool *pool;
    struct once once = {.arena = arena, .out = out};
    const struct pool_config config = {program, 1, *engine, &once, on_answer};
    if (uv_loop_init(&loop) != 0)
        return ERR_NO_MEMORY;
    enum err e = pool_open(&pool, &loop, &config);
    if (e == ERR_OK) {
        uint64_t start = uv_hrtime();
        e = pool_submit(pool, token, job, wall_ms);
        while (e == ERR_OK && !once.answered && uv_run(&loop, UV_RUN_ONCE) != 0)
            continue;
        out->took_us = (uv_hrtime() - start) / 1000;
        pool_close(pool);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return e == ERR_OK && !once.kept ? ERR_NO_MEMORY : e;
}
