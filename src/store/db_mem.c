#include "store/db.h"

#include <stdlib.h>

/* Sorted arrays, copied on a write: small and obvious, as a twin should be.  A
 * transaction works on its own entries and replaces the durable ones whole. */
struct entry {
    uint8_t *bytes; /* key, then value */
    size_t key_len, value_len;
};

struct table {
    struct entry *entries;
    size_t count, room;
};

/* What a transaction has done, newest last, to undo it. */
struct undo {
    enum db_table table;
    struct entry before; /* bytes NULL: there was none */
    uint8_t *key;
    size_t key_len;
};

struct db_mem {
    struct db db;
    struct table tables[DB_TABLES];
    struct undo *undo;
    size_t undo_count, undo_room, bytes, bytes_max;
    uint64_t fail_in; /* commits until one fails; 0: never */
    bool open;
};

static struct span key_of(const struct entry *e)
{
    return span_of(e->bytes, e->key_len);
}

/* The first place with a key not less than key. */
static size_t place(const struct table *t, struct span key)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (span_compare(key_of(&t->entries[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool found(const struct table *t, size_t at, struct span key)
{
    return at < t->count && span_equal(key_of(&t->entries[at]), key);
}

static void *grow(void *memory, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return memory;
    *room = *room == 0 ? 16 : 2 * *room;
    void *more = realloc(memory, *room * size);
    assert(more != NULL); /* The simulator has memory. */
    return more;
}

static void remember(struct db_mem *m, enum db_table t, struct span key, struct entry before)
{
    m->undo = grow(m->undo, m->undo_count, &m->undo_room, sizeof *m->undo);
    uint8_t *copy = malloc(key.len);
    assert(copy != NULL);
    memcpy(copy, key.ptr, key.len);
    m->undo[m->undo_count++] = (struct undo){t, before, copy, key.len};
}

static void remove_at(struct table *t, size_t at)
{
    memmove(t->entries + at, t->entries + at + 1, (t->count - at - 1) * sizeof *t->entries);
    t->count--;
}

static void insert_at(struct table *t, size_t at, struct entry e)
{
    t->entries = grow(t->entries, t->count, &t->room, sizeof *t->entries);
    memmove(t->entries + at + 1, t->entries + at, (t->count - at) * sizeof *t->entries);
    t->entries[at] = e;
    t->count++;
}

static enum err mem_begin(struct db *db)
{
    struct db_mem *m = (struct db_mem *)db;
    assert(!m->open);
    m->open = true;
    return ERR_OK;
}

static enum err mem_put(struct db *db, enum db_table table, struct span key, struct span value)
{
    struct db_mem *m = (struct db_mem *)db;
    struct table *t = &m->tables[table];
    assert(m->open && key.len >= 1 && key.len <= DB_KEY_SIZE_MAX);
    if (key.len + value.len > m->bytes_max - m->bytes)
        return ERR_FULL;
    struct entry e = {malloc(key.len + value.len), key.len, value.len};
    assert(e.bytes != NULL);
    memcpy(e.bytes, key.ptr, key.len);
    if (value.len > 0)
        memcpy(e.bytes + key.len, value.ptr, value.len);
    m->bytes += key.len + value.len;
    size_t at = place(t, key);
    if (found(t, at, key)) {
        remember(m, table, key, t->entries[at]);
        t->entries[at] = e;
    } else {
        remember(m, table, key, (struct entry){0});
        insert_at(t, at, e);
    }
    return ERR_OK;
}

static enum err mem_del(struct db *db, enum db_table table, struct span key)
{
    struct db_mem *m = (struct db_mem *)db;
    struct table *t = &m->tables[table];
    assert(m->open);
    size_t at = place(t, key);
    if (!found(t, at, key))
        return ERR_OK;
    remember(m, table, key, t->entries[at]);
    remove_at(t, at);
    return ERR_OK;
}

static void release(struct db_mem *m, struct entry *e)
{
    m->bytes -= e->key_len + e->value_len;
    free(e->bytes);
}

static void mem_abort(struct db *db)
{
    struct db_mem *m = (struct db_mem *)db;
    assert(m->open);
    while (m->undo_count > 0) {
        struct undo *u = &m->undo[--m->undo_count];
        struct table *t = &m->tables[u->table];
        size_t at = place(t, span_of(u->key, u->key_len));
        if (found(t, at, span_of(u->key, u->key_len))) {
            release(m, &t->entries[at]);
            remove_at(t, at);
        }
        if (u->before.bytes != NULL)
            insert_at(t, at, u->before);
        free(u->key);
    }
    m->open = false;
}

static enum err mem_commit(struct db *db)
{
    struct db_mem *m = (struct db_mem *)db;
    assert(m->open);
    if (m->fail_in > 0 && --m->fail_in == 0) {
        mem_abort(db);
        return ERR_IO;
    }
    for (size_t i = 0; i < m->undo_count; i++) {
        if (m->undo[i].before.bytes != NULL)
            release(m, &m->undo[i].before);
        free(m->undo[i].key);
    }
    m->undo_count = 0;
    m->open = false;
    return ERR_OK;
}

static enum err mem_get(struct db *db, enum db_table table, struct span key, struct span *value)
{
    const struct db_mem *m = (const struct db_mem *)db;
    const struct table *t = &m->tables[table];
    size_t at = place(t, key);
    if (!found(t, at, key))
        return ERR_NOT_FOUND;
    *value = span_of(t->entries[at].bytes + t->entries[at].key_len, t->entries[at].value_len);
    return ERR_OK;
}

static enum err mem_next(struct db *db, enum db_table table, struct span after, struct span *key,
                         struct span *value)
{
    const struct db_mem *m = (const struct db_mem *)db;
    const struct table *t = &m->tables[table];
    size_t at = place(t, after);
    if (after.len > 0 && found(t, at, after))
        at++;
    if (at == t->count)
        return ERR_NOT_FOUND;
    *key = key_of(&t->entries[at]);
    *value = span_of(t->entries[at].bytes + t->entries[at].key_len, t->entries[at].value_len);
    return ERR_OK;
}

static void mem_close(struct db *db)
{
    struct db_mem *m = (struct db_mem *)db;
    if (m->open)
        mem_abort(db);
    for (int t = 0; t < DB_TABLES; t++) {
        for (size_t i = 0; i < m->tables[t].count; i++)
            free(m->tables[t].entries[i].bytes);
        free(m->tables[t].entries);
    }
    free(m->undo);
    free(m);
}

static const struct db_ops ops = {mem_begin, mem_put,  mem_del,  mem_commit,
                                  mem_abort, mem_get,  mem_next, mem_close};

enum err db_mem_open(struct db **out, size_t bytes_max)
{
    struct db_mem *m = calloc(1, sizeof *m);
    if (m == NULL)
        return ERR_NO_MEMORY;
    m->db.ops = &ops;
    m->bytes_max = bytes_max;
    *out = &m->db;
    return ERR_OK;
}

void db_mem_fail_at(struct db *db, uint64_t n)
{
    ((struct db_mem *)db)->fail_in = n;
}

void db_mem_crash(struct db *db)
{
    struct db_mem *m = (struct db_mem *)db;
    if (m->open)
        mem_abort(db);
}
