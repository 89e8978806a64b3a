#include "store/db.h"

/* Blocks of 2^class bytes, kept in a list each once they are free. */
enum { CLASS_MIN = 5, CLASS_MAX = 32 };

struct block {
    struct block *next;
};

struct entry {
    uint32_t key_size, value_size; /* the bytes follow: key, value */
};

/* Entries in the order of their keys. */
struct table {
    struct entry **entries;
    uint32_t count, room;
};

/* What a transaction changed, to be taken back: the entry that stood there
 * before, or NULL. */
struct undo {
    enum db_table table;
    struct entry *before;
    struct entry *after;
};

struct db_mem {
    struct db db;
    struct arena arena;
    struct block *free[CLASS_MAX + 1];
    struct table tables[DB_TABLES];
    struct undo *undo;
    uint32_t undo_count, undo_room;
    uint64_t fail_in; /* commits until one fails; 0: none will */
    bool open;
};

static struct db_mem *self(struct db *db)
{
    return (struct db_mem *)(void *)db;
}

static uint32_t class_of(size_t size)
{
    uint32_t class = CLASS_MIN;
    while (class < CLASS_MAX && (size_t)1 << class < size)
        class ++;
    return class;
}

static void *take(struct db_mem *m, size_t size)
{
    if (size > (size_t)1 << CLASS_MAX)
        return NULL;
    uint32_t class = class_of(size);
    struct block *b = m->free[class];
    if (b == NULL)
        return arena_alloc(&m->arena, (size_t)1 << class);
    m->free[class] = b->next;
    return b;
}

static void give(struct db_mem *m, void *memory, size_t size)
{
    if (memory == NULL)
        return;
    struct block *b = memory;
    uint32_t class = class_of(size);
    b->next = m->free[class];
    m->free[class] = b;
}

/* Room for one more element of an array that doubles. */
static void *grow(struct db_mem *m, void *old, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return old;
    uint32_t more = *room == 0 ? 16 : 2 * *room;
    void *new = take(m, more * size);
    if (new == NULL)
        return NULL;
    if (count > 0)
        memcpy(new, old, count * size);
    give(m, old, *room * size);
    *room = more;
    return new;
}

static struct span key_of(const struct entry *e)
{
    return span_of((const uint8_t *)(e + 1), e->key_size);
}

static struct span value_of(const struct entry *e)
{
    return span_of((const uint8_t *)(e + 1) + e->key_size, e->value_size);
}

static size_t entry_size(const struct entry *e)
{
    return sizeof *e + e->key_size + (size_t)e->value_size;
}

/* The first place whose key is not below key. */
static uint32_t lower_bound(const struct table *t, struct span key)
{
    uint32_t low = 0, high = t->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (span_compare(key_of(t->entries[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool stands_at(const struct table *t, uint32_t at, struct span key)
{
    return at < t->count && span_equal(key_of(t->entries[at]), key);
}

/* Puts entry (or nothing, when it is NULL) where key stands; room is there. */
static void place(struct table *t, struct span key, struct entry *entry)
{
    uint32_t at = lower_bound(t, key);
    bool is_there = stands_at(t, at, key);
    if (is_there && entry != NULL) {
        t->entries[at] = entry;
    } else if (is_there) {
        t->count--;
        memmove(t->entries + at, t->entries + at + 1, (t->count - at) * sizeof *t->entries);
    } else if (entry != NULL) {
        assert(t->count < t->room);
        memmove(t->entries + at + 1, t->entries + at, (t->count - at) * sizeof *t->entries);
        t->entries[at] = entry;
        t->count++;
    }
}

static enum err mem_begin(struct db *db)
{
    struct db_mem *m = self(db);
    assert(!m->open && m->undo_count == 0);
    m->open = true;
    return ERR_OK;
}

/* Replaces what stands at key by entry, and remembers how to take it back. */
static enum err change(struct db_mem *m, enum db_table t, struct span key, struct entry *entry)
{
    struct table *table = &m->tables[t];
    struct undo *undo = grow(m, m->undo, m->undo_count, &m->undo_room, sizeof *m->undo);
    if (undo == NULL)
        return ERR_FULL;
    m->undo = undo;
    struct entry **entries = grow(m, table->entries, table->count, &table->room, sizeof *entries);
    if (entries == NULL)
        return ERR_FULL;
    table->entries = entries;
    uint32_t at = lower_bound(table, key);
    struct entry *before = stands_at(table, at, key) ? table->entries[at] : NULL;
    if (before == NULL && entry == NULL)
        return ERR_OK;
    place(table, key, entry);
    m->undo[m->undo_count++] = (struct undo){t, before, entry};
    return ERR_OK;
}

static enum err mem_put(struct db *db, enum db_table t, struct span key, struct span value)
{
    struct db_mem *m = self(db);
    assert(m->open && t < DB_TABLES && key.len >= 1 && key.len <= DB_KEY_SIZE_MAX);
    if (value.len > UINT32_MAX)
        return ERR_TOO_BIG;
    struct entry *e = take(m, sizeof *e + key.len + value.len);
    if (e == NULL)
        return ERR_FULL;
    *e = (struct entry){(uint32_t)key.len, (uint32_t)value.len};
    uint8_t *bytes = (uint8_t *)(e + 1);
    memcpy(bytes, key.ptr, key.len);
    if (value.len > 0)
        memcpy(bytes + key.len, value.ptr, value.len);
    enum err err = change(m, t, key_of(e), e);
    if (err != ERR_OK)
        give(m, e, entry_size(e));
    return err;
}

static enum err mem_del(struct db *db, enum db_table t, struct span key)
{
    struct db_mem *m = self(db);
    assert(m->open && t < DB_TABLES && key.len >= 1 && key.len <= DB_KEY_SIZE_MAX);
    return change(m, t, key, NULL);
}

static void drop(struct db_mem *m, struct entry *e)
{
    if (e != NULL)
        give(m, e, entry_size(e));
}

static void mem_abort(struct db *db)
{
    struct db_mem *m = self(db);
    assert(m->open);
    while (m->undo_count > 0) {
        struct undo *u = &m->undo[--m->undo_count];
        place(&m->tables[u->table], key_of(u->after != NULL ? u->after : u->before), u->before);
        drop(m, u->after);
    }
    m->open = false;
}

static enum err mem_commit(struct db *db)
{
    struct db_mem *m = self(db);
    assert(m->open);
    if (m->fail_in > 0 && --m->fail_in == 0) {
        mem_abort(db);
        return ERR_IO;
    }
    for (uint32_t i = 0; i < m->undo_count; i++)
        drop(m, m->undo[i].before);
    m->undo_count = 0;
    m->open = false;
    return ERR_OK;
}

static enum err mem_get(struct db *db, enum db_table t, struct span key, struct span *value)
{
    const struct table *table = &self(db)->tables[t];
    uint32_t at = lower_bound(table, key);
    if (!stands_at(table, at, key))
        return ERR_NOT_FOUND;
    *value = value_of(table->entries[at]);
    return ERR_OK;
}

static enum err mem_next(struct db *db, enum db_table t, struct span after, struct span *key,
                         struct span *value)
{
    const struct table *table = &self(db)->tables[t];
    uint32_t at = lower_bound(table, after);
    at += after.len > 0 && stands_at(table, at, after);
    if (at == table->count)
        return ERR_NOT_FOUND;
    *key = key_of(table->entries[at]);
    *value = value_of(table->entries[at]);
    return ERR_OK;
}

static enum err mem_used(struct db *db, enum db_table t, uint64_t *bytes)
{
    const struct table *table = &self(db)->tables[t];
    *bytes = 0;
    for (uint32_t i = 0; i < table->count; i++)
        *bytes += entry_size(table->entries[i]);
    return ERR_OK;
}

static void mem_close(struct db *db)
{
    struct arena arena = self(db)->arena; /* It holds the db itself. */
    arena_close(&arena);
}

enum err db_mem_open(struct db **out, size_t bytes_max)
{
    static const struct db_ops ops = {mem_begin, mem_put,  mem_del,  mem_commit, mem_abort,
                                      mem_get,   mem_next, mem_used, mem_close};
    struct arena arena;
    uint64_t size;
    if (!add_ok(bytes_max, sizeof(struct db_mem), &size))
        return ERR_NO_MEMORY;
    enum err e = arena_open(&arena, size);
    if (e != ERR_OK)
        return e;
    struct db_mem *m = arena_alloc(&arena, sizeof *m);
    assert(m != NULL);
    m->db.ops = &ops;
    m->arena = arena;
    *out = &m->db;
    return ERR_OK;
}

void db_mem_fail_at(struct db *db, uint64_t n)
{
    self(db)->fail_in = n;
}

void db_mem_crash(struct db *db)
{
    if (self(db)->open)
        mem_abort(db);
}
