/* Frames over a descriptor that hands out its bytes a few at a time: a read of a
 * socket of packets brings one packet. */
#include "os/pipe.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "os/isolate.h"

enum { ROOM = 12 };

struct line {
    int ends[2];
    uint8_t room[ROOM];
    struct pipe pipe;
};

static void line_open(struct line *l)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, l->ends), 0);
    pipe_init(&l->pipe, l->ends[0], (struct room){l->room, ROOM});
}

static void say(struct line *l, const char *bytes, size_t len)
{
    assert_int_equal(send(l->ends[1], bytes, len, 0), len);
}

static void expect(struct line *l, enum err e, const char *text)
{
    struct span frame = {0};
    assert_int_equal(pipe_read(&l->pipe, &frame), e);
    assert_true(span_equal(frame, span_of(text, strlen(text))));
}

static void line_close(struct line *l)
{
    close(l->ends[0]);
    close(l->ends[1]);
}

static void frames_are_put_together(void **state)
{
    (void)state;
    struct line l;
    line_open(&l);
    say(&l, "\5\0", 2);
    say(&l, "\0\0h", 3);
    say(&l, "ello", 4);
    say(&l, "\0\0\0\0\2\0", 6); /* An empty one, and the next one's beginning. */
    say(&l, "\0\0", 2);
    say(&l, "hi\1", 3);
    say(&l, "\0\0\0!", 4);
    say(&l, "\10\0\0\0", 4);
    say(&l, "eightful", 8); /* As long as the room allows. */
    expect(&l, ERR_OK, "hello");
    expect(&l, ERR_OK, "");
    expect(&l, ERR_OK, "hi");
    expect(&l, ERR_OK, "!");
    expect(&l, ERR_OK, "eightful");
    close(l.ends[1]);
    expect(&l, ERR_CLOSED, "");
    close(l.ends[0]);
}

static void the_end_inside_a_frame_is_told(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        const char *bytes;
    } cut[] = {{1, "\5"}, {4, "\5\0\0\0"}, {8, "\5\0\0\0hell"}};
    for (size_t i = 0; i < COUNT_OF(cut); i++) {
        struct line l;
        line_open(&l);
        say(&l, cut[i].bytes, cut[i].len);
        close(l.ends[1]);
        expect(&l, ERR_MALFORMED, "");
        close(l.ends[0]);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const char *const heads[] = {"\11\0\0\0", "\0\1\0\0", "\0\0\1\0", "\0\0\0\1"};
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        struct line l;
        line_open(&l);
        say(&l, heads[i], 4);
        expect(&l, ERR_TOO_BIG, "");
        line_close(&l);
    }
}

static void a_frame_is_written_with_its_length(void **state)
{
    (void)state;
    struct line l;
    uint8_t frame[4 + 0x203] = {9, 9, 9, 9, 7}, got[1024];
    line_open(&l);
    assert_int_equal(pipe_write(&l.pipe, (struct room){frame, sizeof frame}), ERR_OK);
    assert_int_equal(read(l.ends[1], got, sizeof got), sizeof frame);
    assert_memory_equal(got, "\3\2\0\0\7", 5);
    line_close(&l);
}

static void all_is_read_to_the_end_or_refused(void **state)
{
    (void)state;
    for (size_t size = 4; size <= 6; size++) {
        int ends[2];
        uint8_t memory[6];
        size_t len = 77;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(write(ends[1], "abcde", 5), 5);
        close(ends[1]);
        enum err e = pipe_read_all(ends[0], (struct room){memory, size}, &len);
        assert_int_equal(e, size < 5 ? ERR_TOO_BIG : ERR_OK);
        assert_int_equal(len, size < 5 ? 77 : 5);
        if (size >= 5)
            assert_memory_equal(memory, "abcde", 5);
        close(ends[0]);
    }
}

/* --- what a child of ours says through one */

static void endless(void *context, int fd)
{
    (void)context;
    uint8_t bytes[512] = {0};
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
}

static void die(void *context, int fd)
{
    (void)fd;
    raise(*(int *)context);
}

static void talk(void *context, int fd)
{
    if (write(fd, context, 5) != 5)
        _exit(1);
}

static void a_child_is_heard_out(void **state)
{
    (void)state;
    uint8_t memory[1000];
    struct room room = {memory, sizeof memory};
    size_t len = 0;
    int ended = 7, signal = SIGTERM;
    assert_int_equal(isolate_child(talk, "hello", room, &len, &ended), ERR_OK);
    assert_true(len == 5 && ended == 0);
    assert_memory_equal(memory, "hello", 5);
    assert_int_equal(isolate_child(die, &signal, room, &len, &ended), ERR_OK);
    assert_true(len == 0 && ended == SIGTERM);
    assert_int_equal(isolate_child(endless, NULL, room, &len, &ended), ERR_TOO_BIG);
    assert_true(ended == SIGKILL || ended == SIGPIPE);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(frames_are_put_together),
        cmocka_unit_test(the_end_inside_a_frame_is_told),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_frame_is_written_with_its_length),
        cmocka_unit_test(all_is_read_to_the_end_or_refused),
        cmocka_unit_test(a_child_is_heard_out),
    };
    return cmocka_run_group_tests_name("pipe", all, NULL, NULL);
}
