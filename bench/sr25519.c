/* sr25519: operations per second on one core, over distinct keys and 32-byte
 * messages.  One line a figure: "sr25519 verify 24000 op/s".  Each is the median
 * of some bursts by the thread's own CPU time, so that a busy neighbour counts
 * little. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "crypto/sr25519.h"

enum { ITEMS = 64, BURSTS = 31, MESSAGE_SIZE = 32 };

static const uint8_t entropy[SR25519_ENTROPY_SIZE] = {7};

struct bench {
    struct arena arena;
    struct sr25519_keypair *keys[ITEMS];
    struct sr25519_item items[ITEMS];
    struct sr25519_prepared *prepared[ITEMS];
    uint8_t messages[ITEMS][MESSAGE_SIZE];
};

static void bench_open(struct bench *b)
{
    enum err e = arena_open(&b->arena, ITEMS * sr25519_prepared_size());
    assert(e == ERR_OK);
    for (uint8_t i = 0; i < ITEMS; i++) {
        struct sr25519_item *item = &b->items[i];
        memset(b->messages[i], i, MESSAGE_SIZE);
        e = sr25519_from_seed(span_of(b->messages[i], MESSAGE_SIZE), &b->keys[i]);
        assert(e == ERR_OK);
        item->key = *sr25519_public(b->keys[i]);
        item->message = span_of(b->messages[i], MESSAGE_SIZE);
        sr25519_sign(b->keys[i], item->message, entropy, &item->signature);
        b->prepared[i] = arena_alloc(&b->arena, sr25519_prepared_size());
        e = sr25519_prepare(&item->key, b->prepared[i]);
        assert(e == ERR_OK);
    }
}

static void bench_close(struct bench *b)
{
    for (unsigned i = 0; i < ITEMS; i++)
        sr25519_close(b->keys[i]);
    arena_close(&b->arena);
}

static void sign_all(struct bench *b)
{
    struct signature s;
    for (unsigned i = 0; i < ITEMS; i++)
        sr25519_sign(b->keys[i], b->items[i].message, entropy, &s);
}

static void verify_all(struct bench *b)
{
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct sr25519_item *item = &b->items[i];
        bool good = sr25519_verify(&item->key, item->message, &item->signature);
        assert(good);
    }
}

static void verify_all_prepared(struct bench *b)
{
    for (unsigned i = 0; i < ITEMS; i++) {
        const struct sr25519_item *item = &b->items[i];
        bool good = sr25519_verify_prepared(b->prepared[i], item->message, &item->signature);
        assert(good);
    }
}

static void verify_as_batch(struct bench *b)
{
    bool valid[ITEMS];
    bool good = sr25519_verify_batch(b->items, ITEMS, entropy, valid);
    assert(good);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void figure(const char *name, struct bench *b, void (*run)(struct bench *))
{
    uint64_t took[BURSTS];
    for (unsigned i = 0; i < BURSTS; i++) {
        uint64_t start = now_ns();
        run(b);
        took[i] = now_ns() - start;
    }
    qsort(took, BURSTS, sizeof took[0], compare);
    printf("sr25519 %s %llu op/s\n", name,
           (unsigned long long)(ITEMS * (uint64_t)1000000000 / took[BURSTS / 2]));
}

int main(void)
{
    static struct bench b;
    bench_open(&b);
    figure("sign", &b, sign_all);
    figure("verify", &b, verify_all);
    figure("verify_prepared", &b, verify_all_prepared);
    figure("batch", &b, verify_as_batch);
    bench_close(&b);
    return 0;
}
