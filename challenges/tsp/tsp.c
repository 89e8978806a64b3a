/* tsp: scores tours through TSPLIB instances; README.md has the rules. */
#include "platform.h"

enum { INSTANCES_MAX = 16, NODES_MAX = 4096, NAME_MAX = 32 };

struct node {
    int32_t x, y;
};

struct instance {
    struct platform_bytes name;
    uint64_t optimum;
    uint32_t count; /* nodes 1 .. count */
    struct node *nodes;
    uint16_t *tour; /* from the submission; NULL until it was read */
};

struct task {
    uint32_t count;
    struct instance instances[INSTANCES_MAX];
};

/* ---- Text ---- */

struct text {
    const uint8_t *at, *end;
};

static bool take_byte(struct text *t, uint8_t want)
{
    if (t->at == t->end || *t->at != want)
        return false;
    t->at++;
    return true;
}

static bool take_word(struct text *t, const char *want)
{
    struct text save = *t;
    for (; *want != 0; want++) {
        if (!take_byte(t, (uint8_t)*want)) {
            *t = save;
            return false;
        }
    }
    return true;
}

static bool is_name_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static struct platform_bytes take_name(struct text *t)
{
    struct platform_bytes b = {t->at, 0};
    while (t->at < t->end && b.len < NAME_MAX && is_name_byte(*t->at)) {
        t->at++;
        b.len++;
    }
    return b;
}

/* One to nine digits, the first not 0 unless alone: one form for each number. */
static bool take_number(struct text *t, uint64_t *number)
{
    uint32_t digits = 0;
    uint64_t n = 0;
    while (t->at < t->end && *t->at >= '0' && *t->at <= '9') {
        if (++digits > 9 || (digits == 2 && n == 0))
            return false;
        n = n * 10 + (uint64_t)(*t->at++ - '0');
    }
    *number = n;
    return digits > 0;
}

/* ---- The task, from storage and params: the challenge's own data, so what is
 * wrong with it is no fault of the submission. ---- */

static void want(bool fine)
{
    if (!fine)
        platform_fail();
}

static void skip_line(struct text *t)
{
    while (t->at < t->end && *t->at != '\n')
        t->at++;
    want(take_byte(t, '\n'));
}

static int32_t take_coordinate(struct text *t)
{
    uint64_t n = 0;
    bool negative = take_byte(t, '-');
    want(take_number(t, &n) && n < 1000000);
    return negative ? -(int32_t)n : (int32_t)n;
}

static void read_nodes(struct text *t, struct instance *i)
{
    i->nodes = platform_alloc((i->count + 1) * (uint32_t)sizeof i->nodes[0]);
    for (uint32_t n = 1; n <= i->count; n++) {
        uint64_t number = 0;
        want(take_number(t, &number) && number == n && take_byte(t, ' '));
        i->nodes[n].x = take_coordinate(t);
        want(take_byte(t, ' '));
        i->nodes[n].y = take_coordinate(t);
        want(take_byte(t, '\n'));
    }
}

static void read_instance(struct instance *i)
{
    struct platform_bytes file = platform_storage_get(i->name);
    struct text t = {file.ptr, file.ptr + file.len};
    bool euclidean = false;
    uint64_t count = 0;
    while (!take_word(&t, "NODE_COORD_SECTION\n")) {
        if (take_word(&t, "DIMENSION: ") || take_word(&t, "DIMENSION : "))
            want(take_number(&t, &count));
        else if (take_word(&t, "EDGE_WEIGHT_TYPE: EUC_2D\n"))
            euclidean = true;
        else
            skip_line(&t);
        if (t.at > file.ptr && t.at[-1] != '\n')
            skip_line(&t);
    }
    want(euclidean && count >= 3 && count <= NODES_MAX);
    i->count = (uint32_t)count;
    read_nodes(&t, i);
}

static struct task *read_task(struct platform_bytes params)
{
    struct task *task = platform_alloc(sizeof *task);
    struct text t = {params.ptr, params.ptr + params.len};
    task->count = 0;
    do {
        want(task->count < INSTANCES_MAX);
        struct instance *i = &task->instances[task->count++];
        while (take_byte(&t, ' '))
            continue;
        i->name = take_name(&t);
        i->tour = NULL;
        want(i->name.len > 0 && take_byte(&t, ' ') && take_number(&t, &i->optimum));
        want(i->optimum > 0);
    } while (take_byte(&t, ','));
    want(t.at == t.end);
    for (uint32_t i = 0; i < task->count; i++)
        read_instance(&task->instances[i]);
    return task;
}

/* ---- The submission ---- */

static bool refuse(struct platform_text *why, const struct instance *i, const char *text)
{
    if (i != NULL) {
        platform_add_bytes(why, i->name);
        platform_add(why, ": ");
    }
    platform_add(why, text);
    return false;
}

static struct instance *find(struct task *task, struct platform_bytes name)
{
    for (uint32_t i = 0; i < task->count; i++) {
        if (platform_equal(task->instances[i].name, name))
            return &task->instances[i];
    }
    return NULL;
}

static bool read_tour(struct text *t, struct instance *i, struct platform_text *why)
{
    uint8_t *seen = platform_alloc(i->count + 1);
    i->tour = platform_alloc(i->count * (uint32_t)sizeof i->tour[0]);
    for (uint32_t n = 0; n <= i->count; n++)
        seen[n] = 0;
    for (uint32_t n = 0; n < i->count; n++) {
        uint64_t city = 0;
        if (!take_byte(t, ' ') || !take_number(t, &city))
            return refuse(why, i, "the tour does not name every city");
        if (city < 1 || city > i->count)
            return refuse(why, i, "there is no such city");
        if (seen[city])
            return refuse(why, i, "a city is there twice");
        seen[city] = 1;
        i->tour[n] = (uint16_t)city;
    }
    return take_byte(t, '\n') || refuse(why, i, "the tour goes on after its last city");
}

static bool read_submission(struct task *task, struct platform_bytes submission,
                            struct platform_text *why)
{
    struct text t = {submission.ptr, submission.ptr + submission.len};
    if (!take_word(&t, "tsp 1\n"))
        return refuse(why, NULL, "the first line is not \"tsp 1\"");
    while (t.at < t.end) {
        struct instance *i = find(task, take_name(&t));
        if (i == NULL || !take_byte(&t, ':'))
            return refuse(why, NULL,
                          "a line does not begin with the name of an instance and a colon");
        if (i->tour != NULL)
            return refuse(why, i, "there are two tours");
        if (!read_tour(&t, i, why))
            return false;
    }
    for (uint32_t n = 0; n < task->count; n++) {
        if (task->instances[n].tour == NULL)
            return refuse(why, &task->instances[n], "there is no tour");
    }
    return true;
}

/* ---- The score ---- */

static uint64_t square_root(uint64_t s)
{
    uint64_t r = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        uint64_t next = r + bit;
        if (next * next <= s)
            r = next;
    }
    return r;
}

/* sqrt(s) to the nearest integer: s - r*r > r exactly when sqrt(s) > r + 1/2. */
static uint64_t distance(struct node a, struct node b)
{
    int64_t dx = (int64_t)a.x - b.x, dy = (int64_t)a.y - b.y;
    uint64_t s = (uint64_t)(dx * dx + dy * dy);
    uint64_t r = square_root(s);
    return s - r * r > r ? r + 1 : r;
}

static uint64_t tour_length(const struct instance *i)
{
    uint64_t length = 0;
    uint32_t last = i->tour[i->count - 1];
    for (uint32_t n = 0; n < i->count; n++) {
        length += distance(i->nodes[last], i->nodes[i->tour[n]]);
        last = i->tour[n];
    }
    return length;
}

static uint64_t instance_score(const struct instance *i, struct platform_text *message)
{
    uint64_t length = tour_length(i);
    uint64_t score = length == 0 ? 0 : PLATFORM_SCORE_ONE * i->optimum / length;
    platform_add(message, message->len > 0 ? ", " : "");
    platform_add_bytes(message, i->name);
    platform_add(message, " ");
    platform_add_number(message, (int64_t)length);
    return score > PLATFORM_SCORE_ONE ? PLATFORM_SCORE_ONE : score;
}

bool challenge_validate(const struct platform_input *in, struct platform_text *why)
{
    return read_submission(read_task(in->params), in->submission, why);
}

int64_t challenge_evaluate(const struct platform_input *in, struct platform_text *message)
{
    struct task *task = read_task(in->params);
    uint64_t sum = 0;
    if (!read_submission(task, in->submission, message))
        return PLATFORM_INVALID;
    for (uint32_t i = 0; i < task->count; i++)
        sum += instance_score(&task->instances[i], message);
    return (int64_t)(sum / task->count);
}
