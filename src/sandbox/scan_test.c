/* The profile of modules, rule by rule: what a body, a section or a whole module
 * may hold, at each limit and one beyond. */
#include "base/test.h"
#include "codec/wr.h"
#include "sandbox/sandbox.h"

enum { ROOM = 2 << 20 };

static uint8_t room[ROOM];

/* A module of the good form with parts put in: bytes of sections before the
 * code (each whole), bodies of evaluate, and more functions of type () -> (). */
struct form {
    struct span early;   /* between memory and exports: globals */
    struct span late;    /* after the exports: start, elements */
    struct span behind;  /* after the code: data */
    struct span front;   /* before the types: custom */
    struct span body;    /* of evaluate; empty: i64.const 0 */
    struct span more;    /* one body, */
    uint32_t more_count; /* so often */
};

static void leb(struct wr *w, uint64_t x)
{
    do {
        wr_u8(w, (uint8_t)((x & 0x7f) | (x > 0x7f ? 0x80 : 0)));
        x >>= 7;
    } while (x != 0);
}

static void section(struct wr *w, uint8_t id, struct span content)
{
    wr_u8(w, id);
    leb(w, content.len);
    wr_raw(w, content);
}

static struct span build(const struct form *f)
{
    static uint8_t code[ROOM];
    struct wr w = wr_init((struct room){room, sizeof room});
    struct wr c = wr_init((struct room){code, sizeof code});
    wr_raw(&w, SPAN_LITERAL("\0asm\1\0\0\0"));
    wr_raw(&w, f->front);
    section(&w, 1, SPAN_LITERAL("\3\x60\1\x7f\1\x7f\x60\2\x7f\x7f\1\x7e\x60\0\0"));
    leb(&c, 2 + f->more_count);
    wr_raw(&c, SPAN_LITERAL("\0\1"));
    for (uint32_t i = 0; i < f->more_count; i++)
        wr_u8(&c, 2);
    section(&w, 3, wr_done(&c));
    section(&w, 4, SPAN_LITERAL("\1\x70\0\4"));
    section(&w, 5, SPAN_LITERAL("\1\0\2"));
    wr_raw(&w, f->early);
    section(&w, 7,
            SPAN_LITERAL("\3\6memory\2\0\5alloc\0\0\x8"
                         "evaluate\0\1"));
    wr_raw(&w, f->late);
    c = wr_init((struct room){code, sizeof code});
    leb(&c, 2 + f->more_count);
    wr_raw(&c, SPAN_LITERAL("\4\0\x41\1\x0b"));
    struct span body = f->body.len != 0 ? f->body : SPAN_LITERAL("\0\x42\0\x0b");
    leb(&c, body.len);
    wr_raw(&c, body);
    for (uint32_t i = 0; i < f->more_count; i++) {
        leb(&c, f->more.len);
        wr_raw(&c, f->more);
    }
    section(&w, 10, wr_done(&c));
    wr_raw(&w, f->behind);
    assert_false(w.full || c.full);
    return wr_done(&w);
}

/* why NULL: it is taken. */
static void expect(const struct form *f, const char *why)
{
    struct sandbox_verdict v;
    struct sandbox_facts facts;
    struct arena arena;
    assert_int_equal(arena_open(&arena, 128 << 10), ERR_OK);
    sandbox_inspect(build(f), &arena, &facts, &v);
    arena_close(&arena);
    v.detail[v.detail_size < sizeof v.detail ? v.detail_size : sizeof v.detail - 1] = 0;
    if (why == NULL && v.outcome != OUTCOME_OK)
        fail_msg("refused: %s", (char *)v.detail);
    if (why != NULL && (v.outcome != OUTCOME_MODULE || strstr((char *)v.detail, why) == NULL))
        fail_msg("wanted '%s', outcome %d: %s", why, (int)v.outcome, (char *)v.detail);
}

static void body(struct span bytes, const char *why)
{
    expect(&(struct form){.body = bytes}, why);
}

#define BODY(bytes, why) body(SPAN_LITERAL(bytes), why)

/* Of every opcode that stands alone, whether the profile has it, and if not why. */
static void every_opcode_is_known_or_refused(void **state)
{
    (void)state;
    static const struct {
        uint8_t from, to;
        const char *why;
    } refused[] = {
        {0x06, 0x0a, "uses exceptions"},
        {0x12, 0x13, "uses tail calls"},
        {0x14, 0x15, "uses typed function references"},
        {0x16, 0x17, "an unknown instruction"},
        {0x18, 0x19, "uses exceptions"},
        {0x1d, 0x1e, "an unknown instruction"},
        {0x1f, 0x1f, "uses exceptions"},
        {0x25, 0x26, "uses table operations"},
        {0x27, 0x27, "an unknown instruction"},
        {0xc5, 0xcf, "an unknown instruction"},
        {0xd0, 0xd2, "uses reference values"},
        {0xd3, 0xd6, "uses typed function references"},
        {0xd7, 0xdf, "an unknown instruction"},
        {0xe0, 0xe6, "uses stack switching"},
        {0xe7, 0xfa, "an unknown instruction"},
        {0xfb, 0xfb, "uses garbage-collected types"},
        {0xfd, 0xfd, "uses SIMD"},
        {0xfe, 0xfe, "uses threads and atomics"},
        {0xff, 0xff, "an unknown instruction"},
    };
    for (unsigned op = 0x00; op <= 0xff; op++) {
        const char *why = NULL;
        for (size_t i = 0; i < COUNT_OF(refused); i++)
            if (op >= refused[i].from && op <= refused[i].to)
                why = refused[i].why;
        uint8_t bytes[] = {0, (uint8_t)op, 0, 0, 0, 0, 0, 0, 0, 0, 0x42, 0, 0x0b};
        bool block = (op >= 0x02 && op <= 0x04) || op == 0x0b;
        bool special = op == 0x0e || op == 0x1c || op == 0xfc;
        if (!block && !special)
            body(span_of(bytes, sizeof bytes), why);
    }
}

static void extended_operations(void **state)
{
    (void)state;
    BODY("\0\xfc\0\x42\0\x0b", NULL);
    BODY("\0\xfc\7\x42\0\x0b", NULL);
    BODY("\0\xfc\x8\0\0\x42\0\x0b", "uses passive data segments");
    BODY("\0\xfc\x9\0\x42\0\x0b", "uses passive data segments");
    BODY("\0\xfc\xa\0\0\x42\0\x0b", NULL);
    BODY("\0\xfc\xa\1\0\x42\0\x0b", "uses several memories");
    BODY("\0\xfc\xa\0\1\x42\0\x0b", "uses several memories");
    BODY("\0\xfc\xb\0\x42\0\x0b", NULL);
    BODY("\0\xfc\xb\1\x42\0\x0b", "uses several memories");
    for (uint8_t op = 12; op <= 17; op++) {
        uint8_t bytes[] = {0, 0xfc, op, 0, 0, 0x42, 0, 0x0b};
        body(span_of(bytes, sizeof bytes), "uses table operations");
    }
    BODY("\0\xfc\x12\x42\0\x0b", "an unknown instruction behind 0xfc");
}

static void operands(void **state)
{
    (void)state;
    BODY("\0\x02\x40\x0b\x42\0\x0b", NULL);
    BODY("\0\x02\x7c\x0b\x42\0\x0b", NULL);
    BODY("\0\x02\x7f\x0b\x42\0\x0b", NULL);
    BODY("\0\x02\x7b\x0b\x42\0\x0b", "a block has no known type"); /* v128 */
    BODY("\0\x02\x70\x0b\x42\0\x0b", "a block has no known type");
    BODY("\0\x02\x02\x0b\x42\0\x0b", NULL);
    BODY("\0\x02\x03\x0b\x42\0\x0b", "a block has no known type");
    BODY("\0\x02\x80\x00\x0b\x42\0\x0b", NULL); /* type 0, in two bytes */
    BODY("\0\x28\x3f\0\x42\0\x0b", NULL);
    BODY("\0\x28\x40\0\x42\0\x0b", "uses several memories");
    BODY("\0\x3f\1\x42\0\x0b", "uses several memories");
    BODY("\0\x40\1\x42\0\x0b", "uses several memories");
    BODY("\0\x11\0\1\x42\0\x0b", "uses several tables");
    BODY("\0\x1c\1\x7f\x42\0\x0b", NULL);
    BODY("\0\x1c\1\x70\x42\0\x0b", "a select of something else");
    BODY("\0\x1c\2\x7f\x42\0\x0b", "a select of something else");
    BODY("\0\x41\xff\xff\xff\xff\x7\x42\0\x0b", NULL);
    BODY("\0\x41\xff\xff\xff\xff\xf\x42\0\x0b", "malformed number"); /* over 32 bits */
    BODY("\0\x43\0\0\0\0\x42\0\x0b", NULL);
    BODY("\0\x44\0\0\0\0\0\0\0\0\x42\0\x0b", NULL);
    BODY("\0\x42\0", "cut short");
    BODY("\0\x02", "cut short");
    BODY("\0\x42\0\x0b\x01", "code after its end");
    BODY("\1\1\x7f\x42\0\x0b", NULL);
    BODY("\1\1\x7b\x42\0\x0b", "a local is not i32, i64, f32 or f64");
    BODY("\1\1\x80\x42\0\x0b", "a local is not i32, i64, f32 or f64");
    BODY("\1\1\x70\x42\0\x0b", "a local is not i32, i64, f32 or f64");
}

/* head, count times part, tail. */
static struct span repeat(uint8_t *to, size_t size, struct span head, struct span part,
                          uint32_t count, struct span tail)
{
    struct wr w = wr_init((struct room){to, size});
    wr_raw(&w, head);
    for (uint32_t i = 0; i < count; i++)
        wr_raw(&w, part);
    wr_raw(&w, tail);
    assert_false(w.full);
    return wr_done(&w);
}

static struct span nested(uint8_t *to, size_t size, uint8_t op, uint32_t count)
{
    struct wr w = wr_init((struct room){to, size});
    wr_u8(&w, 0);
    for (uint32_t i = 0; i < count; i++) {
        wr_u8(&w, op);
        wr_u8(&w, 0x40);
    }
    for (uint32_t i = 0; i < count; i++)
        wr_u8(&w, 0x0b);
    wr_raw(&w, SPAN_LITERAL("\x42\0\x0b"));
    assert_false(w.full);
    return wr_done(&w);
}

static void caps_of_one_body(void **state)
{
    (void)state;
    static uint8_t bytes[MODULE_BODY_BYTES_MAX + 64];
    const struct span end = SPAN_LITERAL("\x42\0\x0b"), none = SPAN_LITERAL("\0");
    for (uint32_t over = 0; over < 2; over++) {
        /* evaluate has two parameters; its own level is the first. */
        uint8_t locals[] = {1, 0xfe, (uint8_t)(1 + over), 0x7f, 0x42, 0, 0x0b};
        locals[1] = over == 0 ? 0xfe : 0xff;
        locals[2] = 1;
        body(span_of(locals, sizeof locals), over == 0 ? NULL : "locals and parameters is 257");
        body(nested(bytes, sizeof bytes, 0x02, MODULE_NESTING_MAX - 1 + over),
             over == 0 ? NULL : "nesting of blocks is 257");
        body(nested(bytes, sizeof bytes, 0x03, MODULE_LOOP_NESTING_MAX + over),
             over == 0 ? NULL : "nesting of loops is 17");
        body(repeat(bytes, sizeof bytes, none, SPAN_LITERAL("\x02\x40\x0b"),
                    MODULE_BLOCKS_MAX + over, end),
             over == 0 ? NULL : "number of blocks is 2001");
        /* 128 locals: 64 loops are 8192. */
        body(repeat(bytes, sizeof bytes, SPAN_LITERAL("\1\x7e\x7f"), SPAN_LITERAL("\x03\x40\x0b"),
                    MODULE_LOOP_LOCALS_MAX / 128 + over, end),
             over == 0 ? NULL : "loops times locals is 8320");
        uint8_t table[] = {0, 0x0e, (uint8_t)over, 4};
        table[2] = (uint8_t)(0x80 | over);
        body(repeat(bytes, sizeof bytes, span_of(table, sizeof table), SPAN_LITERAL("\0"),
                    MODULE_BR_TABLE_MAX + over + 1, end),
             over == 0 ? NULL : "br_table is 513");
        body(repeat(bytes, sizeof bytes, none, SPAN_LITERAL("\x01"),
                    MODULE_BODY_BYTES_MAX - 4 + over, end),
             over == 0 ? NULL : "size of its code is 65537");
    }
    /* Loops side by side are not nested. */
    body(repeat(bytes, sizeof bytes, none, SPAN_LITERAL("\x03\x40\x0b"), 100, end), NULL);
}

/* count bodies that each have part so often; what the module has in all. */
static void total(struct span head, struct span part, uint32_t often, uint32_t count,
                  const char *why)
{
    static uint8_t bytes[MODULE_BODY_BYTES_MAX];
    struct form f = {.more_count = count};
    f.more = repeat(bytes, sizeof bytes, head, part, often, SPAN_LITERAL("\x0b"));
    expect(&f, why);
}

static void caps_of_all_bodies(void **state)
{
    (void)state;
    const struct span none = SPAN_LITERAL("\0");
    total(none, SPAN_LITERAL("\x02\x40\x0b"), 2000, 20, NULL);
    total(none, SPAN_LITERAL("\x02\x40\x0b"), 2000, 21, "blocks of all functions");
    /* The first two have three parameters. */
    total(SPAN_LITERAL("\1\xff\1\x7f"), none, 0, 128, NULL);
    total(SPAN_LITERAL("\1\x80\2\x7f"), none, 0, 128, "number of locals of all functions");
    total(SPAN_LITERAL("\1\x80\1\x7f"), SPAN_LITERAL("\x03\x40\x0b"), 64, 8, NULL);
    total(SPAN_LITERAL("\1\x80\1\x7f"), SPAN_LITERAL("\x03\x40\x0b"), 64, 9,
          "loops times locals of all functions");
    total(none, SPAN_LITERAL("\x11\0\0"), 1024, 8, NULL);
    total(none, SPAN_LITERAL("\x11\0\0"), 1024, 9, "number of indirect calls");
    static uint8_t table[1024];
    struct span jump = repeat(table, sizeof table, SPAN_LITERAL("\x0e\x80\4"), none,
                              MODULE_BR_TABLE_MAX + 1, (struct span){0});
    total(none, jump, 4, 8, NULL);
    total(none, jump, 4, 9, "size of all br_table");
}

#define EARLY(bytes, why) expect(&(struct form){.early = SPAN_LITERAL(bytes)}, why)
#define LATE(bytes, why) expect(&(struct form){.late = SPAN_LITERAL(bytes)}, why)
#define BEHIND(bytes, why) expect(&(struct form){.behind = SPAN_LITERAL(bytes)}, why)
#define FRONT(bytes, why) expect(&(struct form){.front = SPAN_LITERAL(bytes)}, why)

static void sections(void **state)
{
    (void)state;
    EARLY("\6\6\1\x7f\0\x41\0\x0b", NULL);
    EARLY("\6\6\1\x7f\1\x41\0\x0b", NULL);
    EARLY("\6\6\1\x7f\2\x41\0\x0b", "a global is shared");
    EARLY("\6\6\1\x7b\0\x41\0\x0b", "a global is not i32");
    EARLY("\6\6\1\x7f\0\x23\0\x0b", NULL);
    EARLY("\6\6\1\x7f\0\xd2\0\x0b", "a constant expression of more than a number");
    EARLY("\6\x9\1\x7f\0\x41\0\x41\0\x6a\x0b", "a constant expression of more than one step");
    EARLY("\6\7\1\x7f\0\x41\x80\0\x0b", NULL);
    EARLY("\6\x9\1\x7f\0\x43\0\0\0\0\x0b", NULL);
    EARLY("\6\7\1\x7f\0\x41\0\x0b\0", "section 6 is cut short, too long");
    EARLY("\6\6\1\x7f\0\x41\0\x0b\6\6\1\x7f\0\x41\0\x0b", "a section is there twice");
    EARLY("\4\4\1\x70\0\4", "a section is there twice or in the wrong place");
    EARLY("\x0d\1\0", "uses exceptions");
    LATE("\x8\1\0", NULL);
    LATE("\x9\6\1\0\x41\0\x0b\0", NULL);
    LATE("\x9\x8\1\0\x41\0\x0b\2\0\1", NULL);
    LATE("\x9\x8\1\2\0\x41\0\x0b\0\0", NULL);
    LATE("\x9\x8\1\2\1\x41\0\x0b\0\0", "an element segment of a second table");
    LATE("\x9\x8\1\2\0\x41\0\x0b\1\0", "an element segment of something else");
    LATE("\x9\6\1\1\x41\0\x0b\0", "an element segment is not an active list");
    LATE("\x9\6\1\0\x41\0\x0b\1", "section 9 is cut short");
    LATE("\x0c\1\1", NULL);
    LATE("\x0e\1\0", "an unknown section");
    LATE("\x7f\1\0", "an unknown section");
    BEHIND("\x0b\7\1\0\x41\0\x0b\1x", NULL);
    BEHIND("\x0b\x8\1\2\0\x41\0\x0b\1x", NULL);
    BEHIND("\x0b\x8\1\2\1\x41\0\x0b\1x", "uses several memories");
    BEHIND("\x0b\3\1\1\0", "uses passive data segments");
    BEHIND("\x0b\7\1\0\x41\0\x0b\2x", "section 11 is cut short");
    BEHIND("\0\2\1x", NULL);
    BEHIND("\0\1\2", "section 0 is cut short");
    FRONT("\0\2\1x", NULL);
    FRONT("\x0d\1\0", "exceptions");
}

static void limits_of_lists(void **state)
{
    (void)state;
    static uint8_t bytes[512 << 10], content[512 << 10];
    const struct span none = {0};
    for (uint32_t over = 0; over < 2; over++) {
        /* 256 globals; 256 exports, of which three are there. */
        uint8_t head[2] = {(uint8_t)(0x80 | over), 2};
        struct span globals = repeat(content, sizeof content, span_of(head, 2),
                                     SPAN_LITERAL("\x7f\0\x41\0\x0b"), 256 + over, none);
        struct wr w = wr_init((struct room){bytes, sizeof bytes});
        section(&w, 6, globals);
        expect(&(struct form){.early = wr_done(&w)}, over == 0 ? NULL : "number of globals is 257");
        /* Elements: 4096 in two segments. */
        struct wr c = wr_init((struct room){content, sizeof content});
        leb(&c, 2);
        for (uint32_t k = 0; k < 2; k++) {
            wr_raw(&c, SPAN_LITERAL("\0\x41\0\x0b"));
            leb(&c, 2048 + k * over);
            for (uint32_t i = 0; i < 2048 + k * over; i++)
                wr_u8(&c, 0);
        }
        w = wr_init((struct room){bytes, sizeof bytes});
        section(&w, 9, wr_done(&c));
        expect(&(struct form){.late = wr_done(&w)},
               over == 0 ? NULL : "segments' elements is 4097");
        /* Custom sections: 256 KiB in all. */
        memset(content, 0, sizeof content);
        w = wr_init((struct room){bytes, sizeof bytes});
        section(&w, 0, span_of(content, 128 << 10));
        section(&w, 0, span_of(content, (128 << 10) + over));
        expect(&(struct form){.front = wr_done(&w)},
               over == 0 ? NULL : "size of custom sections is 262145");
        /* Data segments. */
        c = wr_init((struct room){content, sizeof content});
        leb(&c, MODULE_SEGMENTS_MAX + over);
        for (uint32_t i = 0; i < MODULE_SEGMENTS_MAX + over; i++)
            wr_raw(&c, SPAN_LITERAL("\0\x41\0\x0b\0"));
        w = wr_init((struct room){bytes, sizeof bytes});
        section(&w, 11, wr_done(&c));
        expect(&(struct form){.behind = wr_done(&w)},
               over == 0 ? NULL : "number of data segments is 1025");
    }
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(every_opcode_is_known_or_refused),
        cmocka_unit_test(extended_operations),
        cmocka_unit_test(operands),
        cmocka_unit_test(caps_of_one_body),
        cmocka_unit_test(caps_of_all_bodies),
        cmocka_unit_test(sections),
        cmocka_unit_test(limits_of_lists),
    };
    return cmocka_run_group_tests_name("scan", all, NULL, NULL);
}
