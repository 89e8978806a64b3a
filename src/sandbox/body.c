#include "sandbox/scan.h"

/* What one function body adds up to. */
struct body {
    struct rd rd;
    uint32_t function;
    uint32_t locals;
    uint32_t blocks;
    uint32_t loops;
    uint32_t depth;
    uint32_t loop_depth;
    bool is_loop[MODULE_NESTING_MAX + 1];
};

static void refuse_in(struct scan *s, const struct body *b, enum outcome outcome, const char *text)
{
    if (!scan_ok(s))
        return;
    scan_refuse(s, outcome, "function ");
    verdict_number(s->verdict, b->function);
    verdict_text(s->verdict, ": ");
    verdict_text(s->verdict, text);
}

static bool cap_in(struct scan *s, const struct body *b, const char *label, uint64_t n,
                   uint64_t max)
{
    if (n <= max)
        return true;
    refuse_in(s, b, OUTCOME_MODULE, label);
    verdict_text(s->verdict, " is ");
    verdict_number(s->verdict, n);
    verdict_text(s->verdict, "; the cap is ");
    verdict_number(s->verdict, max);
    return false;
}

static bool is_number_type(uint8_t t)
{
    return t >= 0x7c && t <= 0x7f;
}

static void read_locals(struct scan *s, struct body *b, const struct scan_type *t)
{
    uint64_t locals = t->param_count;
    uint32_t groups = leb_u32(&b->rd);
    for (uint32_t i = 0; i < groups && b->rd.bad == ERR_OK; i++) {
        locals += leb_u32(&b->rd);
        uint8_t type = rd_u8(&b->rd);
        if (!is_number_type(type)) {
            refuse_in(s, b, OUTCOME_MODULE, "a local is not i32, i64, f32 or f64");
            return;
        }
        if (!cap_in(s, b, "number of locals and parameters", locals, MODULE_LOCALS_MAX))
            return;
    }
    b->locals = (uint32_t)locals;
    s->locals_total += locals;
    scan_cap(s, "number of locals of all functions", s->locals_total, MODULE_LOCALS_TOTAL_MAX);
}

static void enter_block(struct scan *s, struct body *b, bool is_loop)
{
    uint8_t lead = b->rd.left > 0 ? *b->rd.at : 0;
    if (lead == 0x40 || is_number_type(lead)) {
        rd_u8(&b->rd);
    } else {
        int64_t type = leb_s(&b->rd, 33);
        if (type < 0 || type >= s->type_count) {
            refuse_in(s, b, OUTCOME_MODULE, "a block has no known type");
            return;
        }
    }
    b->blocks++;
    b->depth++;
    if (!cap_in(s, b, "nesting of blocks", b->depth, MODULE_NESTING_MAX))
        return;
    b->is_loop[b->depth] = is_loop;
    if (!is_loop)
        return;
    b->loops++;
    b->loop_depth++;
    cap_in(s, b, "nesting of loops", b->loop_depth, MODULE_LOOP_NESTING_MAX);
}

static void leave_block(struct scan *s, struct body *b)
{
    if (b->is_loop[b->depth])
        b->loop_depth--;
    b->depth--;
    if (b->depth == 0 && b->rd.left != 0)
        refuse_in(s, b, OUTCOME_MODULE, "code after its end");
}

static void skip_br_table(struct scan *s, struct body *b)
{
    uint32_t count = leb_u32(&b->rd);
    if (!cap_in(s, b, "br_table", count, MODULE_BR_TABLE_MAX))
        return;
    s->br_table_total += count;
    for (uint32_t i = 0; i <= count && b->rd.bad == ERR_OK; i++)
        leb_u32(&b->rd);
}

static void skip_memory_argument(struct scan *s, struct body *b)
{
    uint32_t align = leb_u32(&b->rd);
    leb_u32(&b->rd);
    if (align >= 0x40)
        refuse_in(s, b, OUTCOME_MODULE, "uses several memories");
}

static void want_zero(struct scan *s, struct body *b, const char *what)
{
    if (leb_u32(&b->rd) != 0)
        refuse_in(s, b, OUTCOME_MODULE, what);
}

/* The operations behind prefix 0xfc. */
static void extended(struct scan *s, struct body *b)
{
    uint32_t op = leb_u32(&b->rd);
    if (op <= 7)
        return; /* Saturating conversions. */
    switch (op) {
    case 8:
    case 9:
        refuse_in(s, b, OUTCOME_MODULE, "uses passive data segments");
        break;
    case 10:
        want_zero(s, b, "uses several memories");
        want_zero(s, b, "uses several memories");
        break;
    case 11:
        want_zero(s, b, "uses several memories");
        break;
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
        refuse_in(s, b, OUTCOME_MODULE, "uses table operations");
        break;
    default:
        refuse_in(s, b, OUTCOME_MODULE, "an unknown instruction behind 0xfc");
    }
}

/* Why an opcode is not in our profile. */
static const char *opcode_refusal(uint8_t op)
{
    if ((op >= 0x06 && op <= 0x0a) || op == 0x18 || op == 0x19 || op == 0x1f)
        return "uses exceptions";
    if (op == 0x12 || op == 0x13)
        return "uses tail calls";
    if (op == 0x14 || op == 0x15 || (op >= 0xd3 && op <= 0xd6))
        return "uses typed function references";
    if (op == 0x25 || op == 0x26)
        return "uses table operations";
    if (op >= 0xd0 && op <= 0xd2)
        return "uses reference values";
    if (op >= 0xe0 && op <= 0xe6)
        return "uses stack switching";
    if (op == 0xfb)
        return "uses garbage-collected types";
    if (op == 0xfd)
        return "uses SIMD";
    if (op == 0xfe)
        return "uses threads and atomics";
    return "an unknown instruction";
}

static void skip_select_types(struct scan *s, struct body *b)
{
    uint32_t count = leb_u32(&b->rd);
    uint8_t type = rd_u8(&b->rd);
    if (count != 1 || !is_number_type(type))
        refuse_in(s, b, OUTCOME_MODULE, "a select of something else than a number");
}

/* Operations with no block structure: skip what they carry. */
static void plain(struct scan *s, struct body *b, uint8_t op)
{
    if (op == 0x00 || op == 0x01 || op == 0x05 || op == 0x0f || op == 0x1a || op == 0x1b)
        return; /* unreachable nop else return drop select */
    if (op >= 0x45 && op <= 0xc4)
        return; /* Arithmetic, conversions, sign extension. */
    if (op == 0x0c || op == 0x0d || op == 0x10 || (op >= 0x20 && op <= 0x24)) {
        leb_u32(&b->rd); /* br br_if call, locals and globals */
    } else if (op >= 0x28 && op <= 0x3e) {
        skip_memory_argument(s, b);
    } else if (op == 0x3f || op == 0x40) {
        want_zero(s, b, "uses several memories");
    } else if (op == 0x41) {
        leb_s(&b->rd, 32);
    } else if (op == 0x42) {
        leb_s(&b->rd, 64);
    } else if (op == 0x43 || op == 0x44) {
        rd_take(&b->rd, op == 0x43 ? 4 : 8);
    } else if (op == 0x0e) {
        skip_br_table(s, b);
    } else if (op == 0x11) {
        s->call_indirect_total++;
        leb_u32(&b->rd);
        want_zero(s, b, "uses several tables");
    } else if (op == 0x1c) {
        skip_select_types(s, b);
    } else if (op == 0xfc) {
        extended(s, b);
    } else {
        refuse_in(s, b, OUTCOME_MODULE, opcode_refusal(op));
    }
}

static void add_up(struct scan *s, const struct body *b)
{
    uint64_t loop_locals = (uint64_t)b->loops * b->locals;
    cap_in(s, b, "number of blocks", b->blocks, MODULE_BLOCKS_MAX);
    cap_in(s, b, "loops times locals", loop_locals, MODULE_LOOP_LOCALS_MAX);
    s->blocks_total += b->blocks;
    s->loop_locals_total += loop_locals;
    scan_cap(s, "number of blocks of all functions", s->blocks_total, MODULE_BLOCKS_TOTAL_MAX);
    scan_cap(s, "loops times locals of all functions", s->loop_locals_total,
             MODULE_LOOP_LOCALS_TOTAL_MAX);
    scan_cap(s, "number of indirect calls", s->call_indirect_total, MODULE_CALL_INDIRECT_MAX);
    scan_cap(s, "size of all br_table", s->br_table_total, MODULE_BR_TABLE_TOTAL_MAX);
}

void scan_body(struct scan *s, uint32_t function, const struct scan_type *t, struct span body)
{
    struct body b = {.rd = rd_init(body), .function = function, .depth = 1};
    if (!cap_in(s, &b, "size of its code", body.len, MODULE_BODY_BYTES_MAX))
        return;
    read_locals(s, &b, t);
    while (scan_ok(s) && b.depth > 0 && b.rd.bad == ERR_OK) {
        uint8_t op = rd_u8(&b.rd);
        if (b.rd.bad != ERR_OK)
            break;
        if (op >= 0x02 && op <= 0x04)
            enter_block(s, &b, op == 0x03);
        else if (op == 0x0b)
            leave_block(s, &b);
        else
            plain(s, &b, op);
    }
    if (b.rd.bad != ERR_OK)
        refuse_in(s, &b, OUTCOME_MODULE, "its code is cut short or has a malformed number");
    if (scan_ok(s))
        add_up(s, &b);
}
