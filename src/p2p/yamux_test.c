#include "base/prng.h"
#include "base/test.h"
#include "p2p/yamux.h"

enum { SLOTS = 16, BLOCKS = 1024, BUDGET = 2 << 20 };

struct end {
    struct yamux_stream streams[SLOTS];
    struct rope_budget budget;
    struct yamux y;
};

struct world {
    struct arena arena;
    struct rope_pool pool;
    struct end a, b; /* a dials */
};

static void open_end(struct world *w, struct end *e, bool dialer)
{
    *e = (struct end){.budget = {&w->pool, 0, BUDGET}};
    yamux_init(&e->y, e->streams, SLOTS, dialer, &e->budget);
}

static struct world *open_world(void)
{
    struct world *w = test_calloc(1, sizeof *w);
    assert_int_equal(arena_open(&w->arena, rope_pool_size(BLOCKS)), ERR_OK);
    assert_int_equal(rope_pool_init(&w->pool, &w->arena, BLOCKS), ERR_OK);
    open_end(w, &w->a, true);
    open_end(w, &w->b, false);
    return w;
}

static void close_world(struct world *w)
{
    yamux_deinit(&w->a.y);
    yamux_deinit(&w->b.y);
    assert_int_equal(w->a.budget.used, 0);
    assert_int_equal(w->b.budget.used, 0);
    assert_int_equal(w->pool.free_count, BLOCKS);
    arena_close(&w->arena);
    test_free(w);
}

/* Moves everything that from wants to send, in pieces of the given size. */
static enum yamux_why pump(struct end *from, struct end *to, size_t piece, size_t room)
{
    static uint8_t bytes[1 << 16];
    while (yamux_has_out(&from->y)) {
        size_t n = yamux_out(&from->y, (struct room){bytes, room});
        assert_true(n > 0);
        for (size_t at = 0; at < n; at += piece)
            if (yamux_in(&to->y, span_of(bytes + at, min_u64(piece, n - at)), 0) != YAMUX_FINE)
                return to->y.why;
    }
    return to->y.why;
}

static void write_all(struct end *e, uint16_t slot, const char *text)
{
    assert_int_equal(yamux_write(&e->y, slot, span_of(text, strlen(text))), ERR_OK);
}

static void expect(struct end *e, uint16_t slot, const char *text)
{
    uint8_t scratch[256];
    size_t len = strlen(text);
    assert_int_equal(e->streams[slot].in.len, len);
    struct span got = rope_view(&e->streams[slot].in, len, (struct room){scratch, sizeof scratch});
    assert_true(span_equal(got, span_of(text, len)));
    yamux_read(&e->y, slot, len);
}

static void test_streams_both_ways_at_every_split(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 40; piece++) {
        struct world *w = open_world();
        uint16_t s = yamux_open(&w->a.y, 0);
        write_all(&w->a, s, "request");
        yamux_close(&w->a.y, s);
        assert_int_equal(pump(&w->a, &w->b, piece, 1 << 16), YAMUX_FINE);
        uint16_t t = yamux_ready(&w->b.y);
        assert_int_equal(w->b.streams[t].id, 1);
        assert_int_equal(yamux_ready(&w->b.y), YAMUX_NONE);
        expect(&w->b, t, "request");
        assert_true(w->b.streams[t].fin_in);
        write_all(&w->b, t, "answer");
        yamux_close(&w->b.y, t);
        assert_int_equal(pump(&w->b, &w->a, piece, 1 << 16), YAMUX_FINE);
        assert_int_equal(yamux_ready(&w->a.y), s);
        expect(&w->a, s, "answer");
        assert_true(w->a.streams[s].acked);
        assert_true(yamux_is_over(&w->a.y, s));
        assert_true(yamux_is_over(&w->b.y, t));
        close_world(w);
    }
}

/* Credit holds a writer back, returned credit lets it go on, and every byte
 * arrives in order whatever the room for frames is. */
static void test_bulk_respects_credit(void **state)
{
    (void)state;
    struct world *w = open_world();
    static uint8_t chunk[100000], scratch[1 << 20];
    uint8_t next = 0, want = 0;
    struct prng prng;
    prng_init(&prng, 3);
    uint16_t s = yamux_open(&w->a.y, 0), t = YAMUX_NONE;
    size_t sent = 0, got = 0;
    while (got < 4 << 20) {
        while (sent < 4 << 20) {
            for (size_t i = 0; i < sizeof chunk; i++)
                chunk[i] = (uint8_t)(next + i);
            if (yamux_write(&w->a.y, s, span_of(chunk, sizeof chunk)) != ERR_OK)
                break;
            next = (uint8_t)(next + sizeof chunk);
            sent += sizeof chunk;
        }
        size_t room = 13 + prng_below(&prng, 60000);
        assert_int_equal(pump(&w->a, &w->b, 1 + prng_below(&prng, 70000), room), YAMUX_FINE);
        if (t == YAMUX_NONE)
            t = yamux_ready(&w->b.y);
        struct yamux_stream *in = &w->b.streams[t];
        assert_true(in->in.len <= YAMUX_WINDOW);
        size_t n = in->in.len;
        struct span bytes = rope_view(&in->in, n, (struct room){scratch, sizeof scratch});
        for (size_t i = 0; i < n; i++)
            assert_int_equal(bytes.ptr[i], (uint8_t)(want + i));
        want = (uint8_t)(want + n);
        got += n;
        yamux_read(&w->b.y, t, n);
        yamux_credit(&w->b.y, t, 0);
        assert_int_equal(pump(&w->b, &w->a, 7, 1 << 16), YAMUX_FINE);
    }
    close_world(w);
}

static void test_window_grows_only_for_a_fast_reader(void **state)
{
    (void)state;
    struct world *w = open_world();
    struct yamux_stream *s = &w->a.streams[yamux_open(&w->a.y, 0)];
    s->unreturned = s->window / 2;
    yamux_credit(&w->a.y, 0, 1);
    assert_int_equal(s->window, YAMUX_WINDOW); /* no round trip measured yet */
    w->a.y.rtt_ms = 10;
    s->unreturned = s->window / 2;
    yamux_credit(&w->a.y, 0, 22);
    assert_int_equal(s->window, YAMUX_WINDOW); /* 21 ms: slower than two of them */
    s->unreturned = s->window / 2 - 1;
    yamux_credit(&w->a.y, 0, 23);
    assert_int_equal(s->unreturned, s->window / 2 - 1); /* too little to speak of */
    for (uint64_t now = 30; s->window < YAMUX_WINDOW_MAX; now += 10) {
        uint32_t before = s->window, open = s->receivable, back = s->unreturned = before / 2;
        yamux_credit(&w->a.y, 0, now);
        assert_int_equal(s->window, 2 * before);
        assert_int_equal(s->receivable, open + back + before);
    }
    s->unreturned = s->window / 2;
    yamux_credit(&w->a.y, 0, 31);
    assert_int_equal(s->window, YAMUX_WINDOW_MAX);
    close_world(w);
}

static void test_senders_take_turns(void **state)
{
    (void)state;
    struct world *w = open_world();
    static uint8_t much[200000], out[65519];
    uint16_t s[3];
    for (int i = 0; i < 3; i++) {
        s[i] = yamux_open(&w->a.y, 0);
        assert_int_equal(yamux_write(&w->a.y, s[i], span_of(much, sizeof much)), ERR_OK);
    }
    size_t n = yamux_out(&w->a.y, (struct room){out, sizeof out});
    assert_true(n > sizeof out - 1100);
    for (int i = 0; i < 3; i++)
        assert_true(w->a.streams[s[i]].out.len <= sizeof much - YAMUX_QUANTUM);
    close_world(w);
}

/* What one frame from a does to b after a has opened stream 1. */
static enum yamux_why frame_after_open(const char *frame, size_t len)
{
    struct world *w = open_world();
    (void)yamux_open(&w->a.y, 0);
    assert_int_equal(pump(&w->a, &w->b, 99, 1 << 16), YAMUX_FINE);
    for (size_t i = 0; i < len; i++)
        (void)yamux_in(&w->b.y, span_of(frame + i, 1), 0);
    enum yamux_why why = w->b.y.why;
    if (why == YAMUX_OVER_WINDOW)
        assert_int_equal(w->b.y.inbound, 1); /* judged before a stream was made */
    assert_true(w->b.budget.used <= ROPE_BLOCK_SIZE);
    close_world(w);
    return why;
}

#define FRAME(text) frame_after_open(text, sizeof(text) - 1)

static void test_hostile_frames(void **state)
{
    (void)state;
    assert_int_equal(FRAME("\1\0\0\0\0\0\0\1\0\0\0\0"), YAMUX_BAD_VERSION);
    assert_int_equal(FRAME("\0\4\0\0\0\0\0\1\0\0\0\0"), YAMUX_BAD_TYPE);
    assert_int_equal(FRAME("\0\0\0\x10\0\0\0\1\0\0\0\0"), YAMUX_BAD_FLAGS);
    assert_int_equal(FRAME("\0\0\0\0\0\0\0\0\0\0\0\1x"), YAMUX_BAD_STREAM);
    /* Credit: 256 KiB and 2^32 - 1 more (CVE-2026-31814). */
    assert_int_equal(FRAME("\0\1\0\0\0\0\0\1\xff\xff\xff\xff"), YAMUX_CREDIT_OVERFLOW);
    assert_int_equal(FRAME("\0\1\0\1\0\0\0\3\xff\xff\xff\xff"), YAMUX_CREDIT_OVERFLOW);
    /* DATA with SYN over the window of a stream that is not there yet
     * (CVE-2026-32314). */
    assert_int_equal(FRAME("\0\0\0\1\0\0\0\3\0\4\0\1"), YAMUX_OVER_WINDOW);
    assert_int_equal(FRAME("\0\0\0\1\0\0\0\3\xff\xff\xff\xff"), YAMUX_OVER_WINDOW);
    assert_int_equal(FRAME("\0\0\0\0\0\0\0\1\0\4\0\1"), YAMUX_OVER_WINDOW);
    assert_int_equal(FRAME("\0\0\0\0\0\0\0\1\xff\xff\xff\xff"), YAMUX_OVER_WINDOW);
    /* Bytes for a stream that never was, or of the wrong side. */
    assert_int_equal(FRAME("\0\0\0\0\0\0\0\5\xff\xff\xff\xff"), YAMUX_BAD_STREAM);
    assert_int_equal(FRAME("\0\0\0\0\0\0\0\2\0\0\0\1x"), YAMUX_BAD_STREAM);
    assert_int_equal(FRAME("\0\1\0\1\0\0\0\4\0\0\0\0"), YAMUX_BAD_STREAM);
    assert_int_equal(FRAME("\0\1\0\1\0\0\0\1\0\0\0\0"), YAMUX_BAD_STREAM); /* SYN twice */
    assert_int_equal(FRAME("\0\1\0\4\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1x"), YAMUX_AFTER_FIN);
    assert_int_equal(FRAME("\0\2\0\2\0\0\0\0\0\0\0\0"), YAMUX_BAD_PING);
    assert_int_equal(FRAME("\0\2\0\4\0\0\0\0\0\0\0\0"), YAMUX_BAD_FLAGS);
    assert_int_equal(FRAME("\0\2\0\1\0\0\0\1\0\0\0\0"), YAMUX_BAD_STREAM);
    assert_int_equal(FRAME("\0\3\0\0\0\0\0\0\0\0\0\0"), YAMUX_GOODBYE);
    /* Well-behaved: an error code with a reset, a late frame behind it. */
    assert_int_equal(FRAME("\0\1\0\x8\0\0\0\1\xff\xff\xff\xff"
                           "\0\0\0\0\0\0\0\1\0\0\0\2xy"),
                     YAMUX_FINE);
    assert_int_equal(FRAME("\0\1\0\x8\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\1\xff\xff\xff\xff"),
                     YAMUX_OVER_WINDOW);
    /* Born and reset in one frame. */
    assert_int_equal(FRAME("\0\0\0\x9\0\0\0\3\0\0\0\2xy"), YAMUX_FINE);
}

/* A window is for all frames together: what is not read is not made room for. */
static void test_many_frames_share_one_window(void **state)
{
    (void)state;
    struct world *w = open_world();
    (void)yamux_open(&w->a.y, 0);
    assert_int_equal(pump(&w->a, &w->b, 99, 1 << 16), YAMUX_FINE);
    static const uint8_t body[1024];
    uint32_t sent = 0;
    for (; w->b.y.why == YAMUX_FINE && sent < 2 * YAMUX_WINDOW_MAX; sent += sizeof body) {
        static const uint8_t head[] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 4, 0};
        (void)yamux_in(&w->b.y, span_of(head, sizeof head), 0);
        if (w->b.y.why == YAMUX_FINE)
            (void)yamux_in(&w->b.y, span_of(body, sizeof body), 0);
    }
    assert_int_equal(w->b.y.why, YAMUX_OVER_WINDOW);
    assert_int_equal(sent, (256 << 10) + sizeof body);
    close_world(w);
}

static void test_floods_meet_their_bounds(void **state)
{
    (void)state;
    struct world *w = open_world();
    uint8_t syn[] = {0, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0};
    int sent = 0;
    for (; w->b.y.why == YAMUX_FINE; sent++) {
        (void)yamux_in(&w->b.y, span_of(syn, sizeof syn), 0);
        syn[7] = (uint8_t)(syn[7] + 2);
    }
    assert_int_equal(w->b.y.why, YAMUX_REPLY_FLOOD);
    assert_int_equal(w->b.y.inbound, SLOTS - SLOTS / 4);
    assert_int_equal(sent, SLOTS - SLOTS / 4 + YAMUX_REPLIES_MAX + 1);
    assert_int_equal(w->b.y.refused, YAMUX_REPLIES_MAX + 1);
    close_world(w);

    w = open_world();
    for (int i = 0; i < YAMUX_REPLIES_MAX; i++)
        assert_int_equal(yamux_in(&w->b.y, SPAN_LITERAL("\0\2\0\1\0\0\0\0\0\0\0\7"), 0),
                         YAMUX_FINE);
    uint8_t out[12 * YAMUX_REPLIES_MAX];
    assert_int_equal(yamux_out(&w->b.y, (struct room){out, sizeof out}), sizeof out);
    assert_memory_equal(out, "\0\2\0\2\0\0\0\0\0\0\0\7", 12);
    for (int i = 0; i < YAMUX_REPLIES_MAX; i++)
        (void)yamux_in(&w->b.y, SPAN_LITERAL("\0\2\0\1\0\0\0\0\0\0\0\7"), 0);
    assert_int_equal(yamux_in(&w->b.y, SPAN_LITERAL("\0\2\0\1\0\0\0\0\0\0\0\7"), 0),
                     YAMUX_REPLY_FLOOD);
    close_world(w);
}

static void test_budget_bounds_a_peer(void **state)
{
    (void)state;
    struct world *w = open_world();
    static uint8_t much[YAMUX_WINDOW];
    w->b.budget.max = 100000;
    uint16_t s = yamux_open(&w->a.y, 0);
    assert_int_equal(yamux_write(&w->a.y, s, span_of(much, sizeof much)), ERR_OK);
    assert_int_equal(pump(&w->a, &w->b, 1 << 16, 1 << 16), YAMUX_BUFFER_FULL);
    assert_true(w->b.budget.used <= 100000);
    close_world(w);
}

static void test_reset_reaches_the_other_side(void **state)
{
    (void)state;
    struct world *w = open_world();
    uint16_t s = yamux_open(&w->a.y, 0);
    write_all(&w->a, s, "x");
    assert_int_equal(pump(&w->a, &w->b, 99, 1 << 16), YAMUX_FINE);
    uint16_t t = yamux_ready(&w->b.y);
    yamux_reset(&w->b.y, t);
    assert_int_equal(w->b.streams[t].id, 0);
    assert_int_equal(w->b.y.inbound, 0);
    assert_int_equal(pump(&w->b, &w->a, 99, 1 << 16), YAMUX_FINE);
    assert_int_equal(yamux_ready(&w->a.y), s);
    assert_true(w->a.streams[s].reset_in);
    assert_int_equal(yamux_write(&w->a.y, s, SPAN_LITERAL("y")), ERR_CLOSED);
    assert_true(yamux_is_over(&w->a.y, s));
    yamux_free(&w->a.y, s);
    /* Never announced: gone without a word. */
    s = yamux_open(&w->a.y, 0);
    yamux_reset(&w->a.y, s);
    assert_false(yamux_has_out(&w->a.y));
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_streams_both_ways_at_every_split),
        cmocka_unit_test(test_bulk_respects_credit),
        cmocka_unit_test(test_window_grows_only_for_a_fast_reader),
        cmocka_unit_test(test_senders_take_turns),
        cmocka_unit_test(test_hostile_frames),
        cmocka_unit_test(test_many_frames_share_one_window),
        cmocka_unit_test(test_floods_meet_their_bounds),
        cmocka_unit_test(test_budget_bounds_a_peer),
        cmocka_unit_test(test_reset_reaches_the_other_side),
    };
    return cmocka_run_group_tests_name("yamux", all, NULL, NULL);
}
