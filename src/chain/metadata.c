#include "chain/metadata.h"

enum {
    MAGIC = 0x6174656d, /* "meta" */
    NAME_SIZE_MAX = 256,
    DOC_SIZE_MAX = 1 << 16,
    LIST_MAX = 1 << 16,
};

/* The kinds of a type definition, as they are numbered on the wire. */
enum kind {
    KIND_COMPOSITE,
    KIND_VARIANT,
    KIND_SEQUENCE,
    KIND_ARRAY,
    KIND_TUPLE,
    KIND_PRIMITIVE,
    KIND_COMPACT,
    KIND_BITS,
};

static uint32_t type_id(struct rd *r)
{
    return (uint32_t)scale_compact_max(r, METADATA_TYPES_MAX - 1);
}

static void skip_texts(struct rd *r)
{
    uint32_t n = scale_count(r, LIST_MAX, 1);
    for (uint32_t i = 0; i < n; i++)
        scale_bytes(r, DOC_SIZE_MAX);
}

static uint32_t read_field(struct rd *r)
{
    if (scale_option(r))
        scale_bytes(r, NAME_SIZE_MAX);
    uint32_t type = type_id(r);
    if (scale_option(r))
        scale_bytes(r, DOC_SIZE_MAX);
    skip_texts(r);
    return type;
}

static void skip_fields(struct rd *r, uint32_t count)
{
    for (uint32_t i = 0; i < count && r->bad == ERR_OK; i++)
        read_field(r);
}

static struct metadata_variant read_variant(struct rd *r)
{
    struct metadata_variant v = {.name = scale_bytes(r, NAME_SIZE_MAX)};
    v.field_count = scale_count(r, LIST_MAX, 4);
    v.fields = *r;
    skip_fields(r, v.field_count);
    v.index = rd_u8(r);
    skip_texts(r);
    return v;
}

static void skip_definition(struct rd *r, uint8_t kind)
{
    switch ((enum kind)kind) {
    case KIND_COMPOSITE:
        skip_fields(r, scale_count(r, LIST_MAX, 4));
        return;
    case KIND_VARIANT:
        for (uint32_t n = scale_count(r, LIST_MAX, 4); n > 0 && r->bad == ERR_OK; n--)
            read_variant(r);
        return;
    case KIND_TUPLE:
        for (uint32_t n = scale_count(r, LIST_MAX, 1); n > 0; n--)
            type_id(r);
        return;
    case KIND_ARRAY:
        rd_u32(r);
        type_id(r);
        return;
    case KIND_PRIMITIVE:
        rd_u8(r);
        return;
    case KIND_SEQUENCE:
    case KIND_COMPACT:
        type_id(r);
        return;
    case KIND_BITS:
        type_id(r);
        type_id(r);
        return;
    }
    rd_fail(r, ERR_MALFORMED);
}

static void parse_types(struct rd *r, struct arena *arena, struct metadata *m)
{
    m->type_count = scale_count(r, METADATA_TYPES_MAX, 6);
    m->types = arena_array(arena, m->type_count, sizeof *m->types);
    if (m->types == NULL)
        rd_fail(r, ERR_NO_MEMORY);
    for (uint32_t i = 0; i < m->type_count && r->bad == ERR_OK; i++) {
        if (type_id(r) != i) /* The registry is dense; nothing else is issued. */
            rd_fail(r, ERR_UNSUPPORTED);
        skip_texts(r);
        for (uint32_t n = scale_count(r, LIST_MAX, 2); n > 0 && r->bad == ERR_OK; n--) {
            scale_bytes(r, NAME_SIZE_MAX);
            if (scale_option(r))
                type_id(r);
        }
        uint8_t kind = rd_u8(r);
        const uint8_t *start = r->at;
        skip_definition(r, kind);
        if (r->bad == ERR_OK)
            m->types[i] = (struct metadata_type){kind, span_of(start, (size_t)(r->at - start))};
        skip_texts(r);
    }
}

/* What version 16 says about deprecation, of an item and of an enum. */
static void skip_item_notes(struct rd *r, uint8_t version)
{
    if (version < 16)
        return;
    uint8_t kind = rd_u8(r);
    if (kind > 2)
        rd_fail(r, ERR_MALFORMED);
    if (kind == 2) {
        scale_bytes(r, DOC_SIZE_MAX);
        if (scale_option(r))
            scale_bytes(r, DOC_SIZE_MAX);
    }
}

static void skip_enum_notes(struct rd *r, uint8_t version)
{
    if (version < 16)
        return;
    for (uint32_t n = scale_count(r, 256, 2); n > 0 && r->bad == ERR_OK; n--) {
        rd_u8(r);
        skip_item_notes(r, version);
    }
}

static uint32_t optional_enum(struct rd *r, uint8_t version)
{
    if (!scale_option(r))
        return METADATA_NO_TYPE;
    uint32_t type = type_id(r);
    skip_enum_notes(r, version);
    return type;
}

static void parse_entry(struct rd *r, uint8_t version, struct metadata_entry *e)
{
    e->name = scale_bytes(r, NAME_SIZE_MAX);
    uint8_t modifier = rd_u8(r);
    if (modifier > 1)
        rd_fail(r, ERR_MALFORMED);
    e->optional = modifier == 0;
    uint8_t shape = rd_u8(r);
    if (shape > 1)
        rd_fail(r, ERR_MALFORMED);
    if (shape == 1) {
        e->hasher_count = (uint8_t)scale_count(r, METADATA_HASHERS_MAX, 1);
        rd_into(r, (struct room){e->hashers, e->hasher_count});
        type_id(r);
    }
    e->value_type = type_id(r);
    e->default_value = scale_bytes(r, METADATA_SIZE_MAX);
    skip_texts(r);
    skip_item_notes(r, version);
}

static void parse_storage(struct rd *r, struct arena *arena, uint8_t version,
                          struct metadata_pallet *p)
{
    if (!scale_option(r))
        return;
    p->prefix = scale_bytes(r, NAME_SIZE_MAX);
    p->entry_count = scale_count(r, METADATA_ENTRIES_MAX, 6);
    p->entries = arena_array(arena, p->entry_count, sizeof *p->entries);
    if (p->entries == NULL)
        rd_fail(r, ERR_NO_MEMORY);
    for (uint32_t i = 0; i < p->entry_count && r->bad == ERR_OK; i++)
        parse_entry(r, version, &p->entries[i]);
}

static void skip_constants(struct rd *r, uint8_t version)
{
    for (uint32_t n = scale_count(r, LIST_MAX, 4); n > 0 && r->bad == ERR_OK; n--) {
        scale_bytes(r, NAME_SIZE_MAX);
        type_id(r);
        scale_bytes(r, METADATA_SIZE_MAX);
        skip_texts(r);
        skip_item_notes(r, version);
    }
}

/* Associated types and view functions, which only version 16 has. */
static void skip_views(struct rd *r, uint8_t version)
{
    if (version < 16)
        return;
    for (uint32_t n = scale_count(r, LIST_MAX, 3); n > 0 && r->bad == ERR_OK; n--) {
        scale_bytes(r, NAME_SIZE_MAX);
        type_id(r);
        skip_texts(r);
    }
    for (uint32_t n = scale_count(r, LIST_MAX, 37); n > 0 && r->bad == ERR_OK; n--) {
        rd_take(r, HASH_SIZE);
        scale_bytes(r, NAME_SIZE_MAX);
        for (uint32_t k = scale_count(r, LIST_MAX, 2); k > 0 && r->bad == ERR_OK; k--) {
            scale_bytes(r, NAME_SIZE_MAX);
            type_id(r);
        }
        type_id(r);
        skip_texts(r);
        skip_item_notes(r, version);
    }
}

static void parse_pallets(struct rd *r, struct arena *arena, struct metadata *m)
{
    m->pallet_count = scale_count(r, METADATA_PALLETS_MAX, 7);
    m->pallets = arena_array(arena, m->pallet_count, sizeof *m->pallets);
    if (m->pallets == NULL)
        rd_fail(r, ERR_NO_MEMORY);
    for (uint32_t i = 0; i < m->pallet_count && r->bad == ERR_OK; i++) {
        struct metadata_pallet *p = &m->pallets[i];
        p->name = scale_bytes(r, NAME_SIZE_MAX);
        parse_storage(r, arena, m->version, p);
        p->call_type = optional_enum(r, m->version);
        p->event_type = optional_enum(r, m->version);
        skip_constants(r, m->version);
        p->error_type = optional_enum(r, m->version);
        skip_views(r, m->version);
        p->index = rd_u8(r);
        if (m->version >= 16)
            skip_texts(r);
        skip_item_notes(r, m->version);
    }
}

static void parse_extensions(struct rd *r, struct metadata *m)
{
    m->extension_count = scale_count(r, METADATA_EXTENSIONS_MAX, 3);
    for (uint32_t i = 0; i < m->extension_count && r->bad == ERR_OK; i++) {
        struct metadata_extension *x = &m->extensions[i];
        x->name = scale_bytes(r, NAME_SIZE_MAX);
        x->extra_type = type_id(r);
        x->implicit_type = type_id(r);
    }
}

/* Only extrinsic format 4 is written here, so it must be offered; version 16
 * may offer others and says which extensions belong to which. */
static void parse_extrinsic(struct rd *r, struct metadata *m)
{
    if (m->version == 14) {
        type_id(r);
        if (rd_u8(r) != 4)
            rd_fail(r, ERR_UNSUPPORTED);
        parse_extensions(r, m);
        type_id(r);
        return;
    }
    bool has_four = false;
    for (uint32_t n = scale_count(r, 256, 1); n > 0; n--)
        has_four = rd_u8(r) == 4 || has_four;
    if (!has_four)
        rd_fail(r, ERR_UNSUPPORTED);
    for (int i = 0; i < 3; i++) /* Address, call, signature. */
        type_id(r);
    uint32_t listed = 0;
    for (uint32_t n = scale_count(r, 256, 2); n > 0 && r->bad == ERR_OK; n--) {
        rd_u8(r);
        listed = scale_count(r, METADATA_EXTENSIONS_MAX, 1);
        for (uint32_t i = 0; i < listed; i++)
            if (scale_compact(r) != i)
                rd_fail(r, ERR_UNSUPPORTED);
    }
    parse_extensions(r, m);
    if (listed != m->extension_count)
        rd_fail(r, ERR_UNSUPPORTED);
}

enum err metadata_parse(struct span bytes, struct arena *arena, struct metadata *out)
{
    if (bytes.len > METADATA_SIZE_MAX)
        return ERR_TOO_BIG;
    size_t mark = arena_mark(arena);
    struct rd r = rd_init(bytes);
    struct metadata m = {0};
    if (rd_u32(&r) != MAGIC)
        rd_fail(&r, ERR_MALFORMED);
    m.version = rd_u8(&r);
    if (m.version != 14 && m.version != 16)
        rd_fail(&r, ERR_UNSUPPORTED);
    if (r.bad == ERR_OK)
        parse_types(&r, arena, &m);
    if (r.bad == ERR_OK)
        parse_pallets(&r, arena, &m);
    if (r.bad == ERR_OK)
        parse_extrinsic(&r, &m);
    /* Version 16 goes on with runtime APIs, which are not needed here. */
    if (r.bad == ERR_OK && m.version == 14 && r.left != 0)
        rd_fail(&r, ERR_MALFORMED);
    if (r.bad != ERR_OK) {
        arena_reset(arena, mark);
        return r.bad;
    }
    *out = m;
    return ERR_OK;
}

/* Most names differ in their first letter. */
static bool is_named(struct span s, const char *name)
{
    return s.len != 0 && s.ptr[0] == (uint8_t)name[0] && span_equal(s, span_of(name, strlen(name)));
}

const struct metadata_pallet *metadata_pallet(const struct metadata *m, const char *name)
{
    for (uint32_t i = 0; i < m->pallet_count; i++)
        if (is_named(m->pallets[i].name, name))
            return &m->pallets[i];
    return NULL;
}

const struct metadata_pallet *metadata_pallet_at(const struct metadata *m, uint8_t index)
{
    for (uint32_t i = 0; i < m->pallet_count; i++)
        if (m->pallets[i].index == index)
            return &m->pallets[i];
    return NULL;
}

const struct metadata_entry *metadata_entry(const struct metadata *m, const char *pallet,
                                            const char *entry)
{
    const struct metadata_pallet *p = metadata_pallet(m, pallet);
    for (uint32_t i = 0; p != NULL && i < p->entry_count; i++)
        if (is_named(p->entries[i].name, entry))
            return &p->entries[i];
    return NULL;
}

static enum err find_variant(const struct metadata *m, uint32_t type, const char *name,
                             uint8_t index, struct metadata_variant *out)
{
    if (type >= m->type_count || m->types[type].kind != KIND_VARIANT)
        return ERR_NOT_FOUND;
    struct rd r = rd_init(m->types[type].body);
    for (uint32_t n = scale_count(&r, LIST_MAX, 4); n > 0 && r.bad == ERR_OK; n--) {
        struct metadata_variant v = read_variant(&r);
        bool wanted = name != NULL ? is_named(v.name, name) : v.index == index;
        if (r.bad == ERR_OK && wanted) {
            *out = v;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

enum err metadata_variant(const struct metadata *m, uint32_t type, const char *name,
                          struct metadata_variant *out)
{
    assert(name != NULL);
    return find_variant(m, type, name, 0, out);
}

enum err metadata_variant_at(const struct metadata *m, uint32_t type, uint8_t index,
                             struct metadata_variant *out)
{
    return find_variant(m, type, NULL, index, out);
}

enum err metadata_field(const struct metadata_variant *v, uint32_t index, uint32_t *type)
{
    if (index >= v->field_count)
        return ERR_NOT_FOUND;
    struct rd r = v->fields;
    skip_fields(&r, index);
    uint32_t found = read_field(&r);
    if (r.bad != ERR_OK)
        return r.bad;
    *type = found;
    return ERR_OK;
}

enum err metadata_call(const struct metadata *m, const char *pallet, const char *call,
                       uint8_t numbers[2])
{
    const struct metadata_pallet *p = metadata_pallet(m, pallet);
    struct metadata_variant v;
    if (p == NULL)
        return ERR_NOT_FOUND;
    enum err e = metadata_variant(m, p->call_type, call, &v);
    if (e != ERR_OK)
        return e;
    numbers[0] = p->index;
    numbers[1] = v.index;
    return ERR_OK;
}

enum err metadata_error(const struct metadata *m, uint8_t pallet, uint8_t error, struct span *name)
{
    const struct metadata_pallet *p = metadata_pallet_at(m, pallet);
    struct metadata_variant v;
    if (p == NULL)
        return ERR_NOT_FOUND;
    enum err e = metadata_variant_at(m, p->error_type, error, &v);
    if (e == ERR_OK)
        *name = v.name;
    return e;
}

/* ---- Walking a value: a stack of lists that are not at their end. ---- */

enum walk_kind { WALK_REPEAT, WALK_FIELDS, WALK_TUPLE };

struct walk_frame {
    enum walk_kind kind;
    uint64_t left;
    uint32_t type;  /* WALK_REPEAT */
    struct rd list; /* WALK_FIELDS, WALK_TUPLE: descriptions still to come */
};

struct walk {
    uint32_t depth;
    uint64_t steps;
    struct walk_frame frames[METADATA_DEPTH_MAX];
};

static void push(struct walk *w, struct rd *r, struct walk_frame f)
{
    if (f.left == 0)
        return;
    if (w->depth == METADATA_DEPTH_MAX) {
        rd_fail(r, ERR_TOO_BIG);
        return;
    }
    w->frames[w->depth++] = f;
}

static void skip_primitive(struct rd *r, uint8_t primitive)
{
    /* bool, char, str, u8 .. u256, i8 .. i256 */
    static const uint8_t sizes[] = {1, 4, 0, 1, 2, 4, 8, 16, 32, 1, 2, 4, 8, 16, 32};
    if (primitive >= sizeof sizes)
        rd_fail(r, ERR_MALFORMED);
    else if (sizes[primitive] == 0)
        scale_bytes(r, METADATA_SIZE_MAX);
    else
        rd_take(r, sizes[primitive]);
}

static void skip_bits(struct rd *r)
{
    uint64_t bits = scale_compact_max(r, METADATA_SIZE_MAX);
    rd_take(r, (size_t)((bits + 7) / 8));
}

static void enter_variant(const struct metadata *m, uint32_t type, struct rd *r, struct walk *w)
{
    struct metadata_variant v;
    uint8_t index = rd_u8(r);
    if (r->bad != ERR_OK)
        return;
    w->steps += m->types[type].body.len / 16; /* The search is paid for. */
    if (metadata_variant_at(m, type, index, &v) != ERR_OK) {
        rd_fail(r, ERR_MALFORMED);
        return;
    }
    push(w, r, (struct walk_frame){WALK_FIELDS, v.field_count, 0, v.fields});
}

static void enter(const struct metadata *m, uint32_t type, struct rd *r, struct walk *w)
{
    if (type >= m->type_count) {
        rd_fail(r, ERR_MALFORMED);
        return;
    }
    uint64_t high;
    struct rd body = rd_init(m->types[type].body);
    struct walk_frame f = {WALK_REPEAT, 0, 0, {0}};
    switch ((enum kind)m->types[type].kind) {
    case KIND_COMPOSITE:
    case KIND_TUPLE:
        f.kind = m->types[type].kind == KIND_TUPLE ? WALK_TUPLE : WALK_FIELDS;
        f.left = scale_count(&body, LIST_MAX, 1);
        f.list = body;
        break;
    case KIND_VARIANT:
        enter_variant(m, type, r, w);
        return;
    case KIND_SEQUENCE:
        f.left = scale_compact_max(r, METADATA_SIZE_MAX);
        f.type = type_id(&body);
        break;
    case KIND_ARRAY:
        f.left = rd_u32(&body);
        f.type = type_id(&body);
        break;
    case KIND_PRIMITIVE:
        skip_primitive(r, rd_u8(&body));
        return;
    case KIND_COMPACT:
        scale_compact_wide(r, &high);
        return;
    case KIND_BITS:
        skip_bits(r);
        return;
    }
    push(w, r, f);
}

static uint32_t next_type(struct walk *w, struct rd *r)
{
    struct walk_frame *f = &w->frames[w->depth - 1];
    uint32_t type = f->type;
    if (f->kind == WALK_FIELDS)
        type = read_field(&f->list);
    if (f->kind == WALK_TUPLE)
        type = type_id(&f->list);
    if (f->list.bad != ERR_OK)
        rd_fail(r, f->list.bad);
    f->left--;
    if (f->left == 0)
        w->depth--;
    return type;
}

void metadata_skip(const struct metadata *m, uint32_t type, struct rd *r)
{
    struct walk w = {.depth = 0};
    enter(m, type, r, &w);
    while (w.depth > 0 && r->bad == ERR_OK) {
        if (++w.steps > METADATA_STEPS_MAX)
            rd_fail(r, ERR_TOO_BIG);
        else
            enter(m, next_type(&w, r), r, &w);
    }
}

bool metadata_is_empty(const struct metadata *m, uint32_t type)
{
    struct rd nothing = rd_init((struct span){0});
    metadata_skip(m, type, &nothing);
    return nothing.bad == ERR_OK;
}
