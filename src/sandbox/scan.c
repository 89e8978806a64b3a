#include "sandbox/scan.h"

enum {
    SECTION_CUSTOM = 0,
    SECTION_TYPE = 1,
    SECTION_IMPORT = 2,
    SECTION_FUNCTION = 3,
    SECTION_TABLE = 4,
    SECTION_MEMORY = 5,
    SECTION_GLOBAL = 6,
    SECTION_EXPORT = 7,
    SECTION_START = 8,
    SECTION_ELEMENT = 9,
    SECTION_CODE = 10,
    SECTION_DATA = 11,
    SECTION_DATA_COUNT = 12,
    SECTION_TAG = 13
};

void scan_refuse(struct scan *s, enum outcome outcome, const char *text)
{
    if (scan_ok(s))
        verdict_set(s->verdict, outcome, text);
}

bool scan_cap(struct scan *s, const char *label, uint64_t n, uint64_t max)
{
    if (n <= max)
        return true;
    if (scan_ok(s))
        verdict_cap(s->verdict, OUTCOME_MODULE, label, n, max);
    return false;
}

/* scan_count: how many things follow; 0 when refused. */
static uint32_t scan_count(struct scan *s, struct rd *r, const char *label, uint32_t max)
{
    uint32_t n = leb_u32(r);
    if (!scan_cap(s, label, n, max))
        return 0;
    if (n > r->left) { /* Each is at least one byte. */
        rd_fail(r, ERR_MALFORMED);
        return 0;
    }
    return n;
}

static struct span scan_name(struct scan *s, struct rd *r)
{
    uint32_t n = leb_u32(r);
    if (!scan_cap(s, "length of a name", n, MODULE_NAME_MAX))
        return (struct span){0};
    return rd_take(r, n);
}

/* One of i I f F, or 0. */
static char type_letter(uint8_t t)
{
    return t == 0x7f ? 'i' : t == 0x7e ? 'I' : t == 0x7d ? 'f' : t == 0x7c ? 'F' : 0;
}

static void read_type_list(struct scan *s, struct rd *r, uint32_t max, char **to, uint8_t *count)
{
    uint32_t n = scan_count(s, r, "number of parameters or results of a type", max);
    *count = (uint8_t)n;
    for (uint32_t i = 0; i < n; i++) {
        char letter = type_letter(rd_u8(r));
        if (letter == 0 && r->bad == ERR_OK)
            scan_refuse(s, OUTCOME_MODULE,
                        "a function type has something else than i32, i64, f32, f64");
        *(*to)++ = letter == 0 ? '?' : letter;
    }
}

static void read_types(struct scan *s, struct rd *r)
{
    s->type_count = scan_count(s, r, "number of types", MODULE_TYPES_MAX);
    for (uint32_t i = 0; i < s->type_count && r->bad == ERR_OK && scan_ok(s); i++) {
        struct scan_type *t = &s->types[i];
        if (rd_u8(r) != 0x60 && r->bad == ERR_OK) {
            scan_refuse(s, OUTCOME_MODULE, "a type is not a function type");
            return;
        }
        char *to = t->text;
        read_type_list(s, r, MODULE_PARAMS_MAX, &to, &t->param_count);
        *to++ = '>';
        read_type_list(s, r, MODULE_RESULTS_MAX, &to, &t->result_count);
        *to = 0;
    }
}

/* Adds "MODULE.NAME (why)" to the list of imports that cannot be had. */
static void import_refused(struct scan *s, struct span module, struct span name, const char *why)
{
    if (!scan_ok(s) && s->imports_unknown == 0)
        return;
    if (s->imports_unknown++ == 0)
        scan_refuse(s, OUTCOME_POLICY, "imports that no host offers: ");
    else
        verdict_text(s->verdict, ", ");
    verdict_add(s->verdict, module);
    verdict_text(s->verdict, ".");
    verdict_add(s->verdict, name);
    verdict_text(s->verdict, why);
}

static const char *import_kind(uint8_t kind)
{
    return kind == 1   ? " (a table)"
           : kind == 2 ? " (a memory)"
           : kind == 3 ? " (a global)"
                       : " (a tag)";
}

static void read_function_import(struct scan *s, struct rd *r, struct span module, struct span name)
{
    uint32_t type = leb_u32(r);
    if (r->bad != ERR_OK)
        return;
    if (type >= s->type_count) {
        scan_refuse(s, OUTCOME_MODULE, "an import has an unknown type");
        return;
    }
    s->functions[s->function_count++] = (uint16_t)type;
    const struct host_entry *entry = host_entry_find(module, name);
    if (entry == NULL)
        import_refused(s, module, name, "");
    else if (strcmp(entry->type, s->types[type].text) != 0)
        import_refused(s, module, name, " (of another type)");
    else
        s->facts.imports |= UINT64_C(1) << (entry - HOST_TABLE);
}

static void read_imports(struct scan *s, struct rd *r)
{
    uint32_t n = scan_count(s, r, "number of imports", MODULE_IMPORTS_MAX);
    for (uint32_t i = 0; i < n && r->bad == ERR_OK; i++) {
        struct span module = scan_name(s, r);
        struct span name = scan_name(s, r);
        uint8_t kind = rd_u8(r);
        if (r->bad != ERR_OK)
            return;
        if (kind != 0) {
            /* What follows cannot be read without its kind; name it and stop. */
            import_refused(s, module, name, import_kind(kind));
            return;
        }
        read_function_import(s, r, module, name);
    }
    s->import_count = s->function_count;
}

static void read_functions(struct scan *s, struct rd *r)
{
    uint32_t n = scan_count(s, r, "number of functions", MODULE_FUNCTIONS_MAX);
    for (uint32_t i = 0; i < n && r->bad == ERR_OK && scan_ok(s); i++) {
        uint32_t type = leb_u32(r);
        if (type >= s->type_count)
            scan_refuse(s, OUTCOME_MODULE, "a function has an unknown type");
        else
            s->functions[s->function_count++] = (uint16_t)type;
    }
}

/* Limits of a table or memory: *min, and the flags that follow the standard. */
static void read_limits(struct scan *s, struct rd *r, const char *refusal, uint32_t *min)
{
    uint8_t flags = rd_u8(r);
    if (flags > 1 && r->bad == ERR_OK) {
        scan_refuse(s, OUTCOME_MODULE, refusal);
        return;
    }
    *min = leb_u32(r);
    if (flags == 1)
        leb_u32(r);
}

static void read_tables(struct scan *s, struct rd *r)
{
    uint32_t n = scan_count(s, r, "number of tables", 1);
    if (n == 0)
        return;
    if (rd_u8(r) != 0x70 && r->bad == ERR_OK)
        scan_refuse(s, OUTCOME_MODULE, "the table is not one of functions");
    read_limits(s, r, "the table has 64-bit indices or is shared", &s->facts.table_min);
    scan_cap(s, "number of table elements", s->facts.table_min, MODULE_TABLE_ELEMENTS_MAX);
}

static void read_memories(struct scan *s, struct rd *r)
{
    uint32_t n = scan_count(s, r, "number of memories", 1);
    if (n == 0)
        return;
    s->has_memory = true;
    read_limits(s, r, "the memory is shared, 64-bit or has another page size", &s->facts.pages_min);
    scan_cap(s, "number of memory pages at the start", s->facts.pages_min, MODULE_PAGES_START_MAX);
}

/* A constant expression: one number, global or function, then end. */
static void skip_constant(struct scan *s, struct rd *r)
{
    uint8_t op = rd_u8(r);
    if (op == 0x41)
        leb_s(r, 32);
    else if (op == 0x42)
        leb_s(r, 64);
    else if (op == 0x43 || op == 0x44)
        rd_take(r, op == 0x43 ? 4 : 8);
    else if (op == 0x23)
        leb_u32(r);
    else
        scan_refuse(s, OUTCOME_MODULE, "a constant expression of more than a number or a global");
    if (rd_u8(r) != 0x0b && r->bad == ERR_OK)
        scan_refuse(s, OUTCOME_MODULE, "a constant expression of more than one step");
}

static void read_globals(struct scan *s, struct rd *r)
{
    uint32_t n = scan_count(s, r, "number of globals", MODULE_GLOBALS_MAX);
    for (uint32_t i = 0; i < n && r->bad == ERR_OK && scan_ok(s); i++) {
        if (type_letter(rd_u8(r)) == 0 && r->bad == ERR_OK)
            scan_refuse(s, OUTCOME_MODULE, "a global is not i32, i64, f32 or f64");
        if (rd_u8(r) > 1)
            scan_refuse(s, OUTCOME_MODULE, "a global is shared");
        skip_constant(s, r);
    }
}

static bool named(struct span name, const char *text)
{
    return span_equal(name, span_of(text, strlen(text)));
}

static void read_exports(struct scan *s, struct rd *r)
{
    uint32_t n = scan_count(s, r, "number of exports", MODULE_EXPORTS_MAX);
    for (uint32_t i = 0; i < n && r->bad == ERR_OK && scan_ok(s); i++) {
        struct span name = scan_name(s, r);
        uint8_t kind = rd_u8(r);
        uint32_t index = leb_u32(r);
        if (kind == 2 && named(name, "memory"))
            s->memory_exported = true;
        if (kind != 0)
            continue;
        if (named(name, "evaluate"))
            s->evaluate = index;
        else if (named(name, "validate"))
            s->validate = index;
        else if (named(name, "alloc"))
            s->alloc = index;
        else if (named(name, "allocate"))
            s->allocate = index;
        else if (named(name, "_initialize"))
            s->initialize = index;
    }
}

static void read_elements(struct scan *s, struct rd *r)
{
    uint32_t n = scan_count(s, r, "number of element segments", MODULE_SEGMENTS_MAX);
    uint64_t total = 0;
    for (uint32_t i = 0; i < n && r->bad == ERR_OK && scan_ok(s); i++) {
        uint32_t flags = leb_u32(r);
        if (flags != 0 && flags != 2) {
            scan_refuse(s, OUTCOME_MODULE, "an element segment is not an active list of functions");
            return;
        }
        if (flags == 2 && leb_u32(r) != 0)
            scan_refuse(s, OUTCOME_MODULE, "an element segment of a second table");
        skip_constant(s, r);
        if (flags == 2 && rd_u8(r) != 0)
            scan_refuse(s, OUTCOME_MODULE, "an element segment of something else than functions");
        uint32_t count = leb_u32(r);
        total += count;
        if (!scan_cap(s, "number of all segments' elements", total, MODULE_TABLE_ELEMENTS_MAX))
            return;
        for (uint32_t k = 0; k < count && r->bad == ERR_OK; k++)
            leb_u32(r);
    }
}

static void read_data(struct scan *s, struct rd *r)
{
    uint32_t n = scan_count(s, r, "number of data segments", MODULE_SEGMENTS_MAX);
    for (uint32_t i = 0; i < n && r->bad == ERR_OK && scan_ok(s); i++) {
        uint32_t flags = leb_u32(r);
        if (flags != 0 && flags != 2) {
            scan_refuse(s, OUTCOME_MODULE, "uses passive data segments");
            return;
        }
        if (flags == 2 && leb_u32(r) != 0)
            scan_refuse(s, OUTCOME_MODULE, "uses several memories");
        skip_constant(s, r);
        rd_take(r, leb_u32(r));
    }
}

static void read_bodies(struct scan *s, struct rd *r)
{
    s->body_count = scan_count(s, r, "number of functions", MODULE_FUNCTIONS_MAX);
    if (s->body_count != s->function_count - s->import_count) {
        scan_refuse(s, OUTCOME_MODULE, "as many bodies as functions are needed");
        return;
    }
    for (uint32_t i = 0; i < s->body_count && r->bad == ERR_OK && scan_ok(s); i++) {
        uint32_t function = s->import_count + i;
        struct span body = rd_take(r, leb_u32(r));
        if (r->bad == ERR_OK)
            scan_body(s, function, &s->types[s->functions[function]], body);
    }
}

static void read_custom(struct scan *s, struct rd *r)
{
    s->custom_bytes += r->left;
    scan_cap(s, "size of custom sections", s->custom_bytes, MODULE_CUSTOM_BYTES_MAX);
    rd_take(r, leb_u32(r));
    rd_take(r, r->left);
}

static void read_number(struct scan *s, struct rd *r)
{
    (void)s;
    leb_u32(r); /* The start function; how many data segments there are. */
}

static void read_tags(struct scan *s, struct rd *r)
{
    (void)r;
    scan_refuse(s, OUTCOME_MODULE, "uses exceptions");
}

static void read_section(struct scan *s, uint8_t id, struct rd *r)
{
    static void (*const readers[])(struct scan * s, struct rd * r) = {
        [SECTION_CUSTOM] = read_custom,     [SECTION_TYPE] = read_types,
        [SECTION_IMPORT] = read_imports,    [SECTION_FUNCTION] = read_functions,
        [SECTION_TABLE] = read_tables,      [SECTION_MEMORY] = read_memories,
        [SECTION_GLOBAL] = read_globals,    [SECTION_EXPORT] = read_exports,
        [SECTION_START] = read_number,      [SECTION_ELEMENT] = read_elements,
        [SECTION_CODE] = read_bodies,       [SECTION_DATA] = read_data,
        [SECTION_DATA_COUNT] = read_number, [SECTION_TAG] = read_tags,
    };
    if (id >= COUNT_OF(readers)) {
        scan_refuse(s, OUTCOME_MODULE, "an unknown section");
        return;
    }
    readers[id](s, r);
    if (scan_ok(s) && (r->bad != ERR_OK || r->left != 0)) {
        scan_refuse(s, OUTCOME_MODULE, "section ");
        verdict_number(s->verdict, id);
        verdict_text(s->verdict, " is cut short, too long or has a malformed number");
    }
}

/* The place of each section in a module; custom sections may be anywhere. */
static uint8_t section_rank(uint8_t id)
{
    static const uint8_t rank[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 11, 6};
    return id < sizeof rank ? rank[id] : 255;
}

static void read_sections(struct scan *s, struct span module)
{
    struct rd r = rd_init(module);
    uint8_t last = 0;
    if (!span_equal(rd_take(&r, 8), SPAN_LITERAL("\0asm\1\0\0\0"))) {
        scan_refuse(s, OUTCOME_MODULE, "not a WASM module of version 1");
        return;
    }
    while (r.left > 0 && scan_ok(s)) {
        uint8_t id = rd_u8(&r);
        struct rd section = rd_init(rd_take(&r, leb_u32(&r)));
        if (r.bad != ERR_OK) {
            scan_refuse(s, OUTCOME_MODULE, "a section is longer than the module");
            return;
        }
        uint8_t rank = section_rank(id);
        if (rank != 0 && rank <= last) {
            scan_refuse(s, OUTCOME_MODULE, "a section is there twice or in the wrong place");
            return;
        }
        last = rank != 0 ? rank : last;
        read_section(s, id, &section);
    }
}

/* A call into the module that the host makes: defined there, of this type. */
static bool entry_is(const struct scan *s, uint32_t index, const char *type)
{
    return index >= s->import_count && index < s->function_count &&
           strcmp(s->types[s->functions[index]].text, type) == 0;
}

static void check_entries(struct scan *s)
{
    if (s->body_count != s->function_count - s->import_count)
        scan_refuse(s, OUTCOME_MODULE, "as many bodies as functions are needed");
    if (!s->has_memory || !s->memory_exported)
        scan_refuse(s, OUTCOME_ABI, "it exports no memory of the name memory");
    if (!entry_is(s, s->evaluate, "ii>I"))
        scan_refuse(s, OUTCOME_ABI, "it has no evaluate(i32, i32) -> i64 of its own");
    if (!entry_is(s, s->alloc, "i>i") && !entry_is(s, s->allocate, "ii>i"))
        scan_refuse(s, OUTCOME_ABI,
                    "it has neither alloc(i32) -> i32 nor allocate(i32, i32) -> i32");
    if (s->validate != UINT32_MAX && !entry_is(s, s->validate, "ii>i"))
        scan_refuse(s, OUTCOME_ABI, "its validate is not (i32, i32) -> i32");
    if (s->initialize != UINT32_MAX && !entry_is(s, s->initialize, ">"))
        scan_refuse(s, OUTCOME_ABI, "its _initialize is not () -> ()");
    s->facts.has_validate = s->validate != UINT32_MAX;
    s->facts.has_initialize = s->initialize != UINT32_MAX;
    s->facts.has_alloc = entry_is(s, s->alloc, "i>i");
}

void sandbox_inspect(struct span module, struct arena *scratch, struct sandbox_facts *facts,
                     struct sandbox_verdict *out)
{
    size_t mark = arena_mark(scratch);
    struct scan s = {.verdict = out,
                     .evaluate = UINT32_MAX,
                     .validate = UINT32_MAX,
                     .alloc = UINT32_MAX,
                     .allocate = UINT32_MAX,
                     .initialize = UINT32_MAX};
    verdict_set(out, OUTCOME_OK, "");
    s.types = arena_array(scratch, MODULE_TYPES_MAX, sizeof *s.types);
    s.functions =
        arena_array(scratch, MODULE_IMPORTS_MAX + MODULE_FUNCTIONS_MAX, sizeof *s.functions);
    if (s.types == NULL || s.functions == NULL)
        verdict_set(out, OUTCOME_INFRA, "no memory to inspect a module");
    else if (scan_cap(&s, "size of the module", module.len, MODULE_BYTES_MAX))
        read_sections(&s, module);
    if (scan_ok(&s))
        check_entries(&s);
    if (scan_ok(&s))
        *facts = s.facts;
    arena_reset(scratch, mark);
}
