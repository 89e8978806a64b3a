#include "ledger/op.h"

/* An entry of the log has 57 bytes around the body; the body of an operation six. */
static_assert(OPERATION_SIZE_MAX + 6 + 57 <= AUDIT_ENTRY_SIZE_MAX);
static_assert(VALSET_SIZE_MAX + HASH_SIZE <= WEIGHTS_SIZE_MAX);

/* A longer copy of a list in scratch when it is full. */
static void *grow(struct turn *t, void *list, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return list;
    uint32_t larger = *room == 0 ? 16 : 2 * *room;
    void *copy = arena_array(t->scratch, larger, size);
    if (copy == NULL) {
        t->l->broken = ERR_NO_MEMORY;
        return NULL;
    }
    if (count > 0)
        memcpy(copy, list, count * size);
    *room = larger;
    return copy;
}

void turn_notice(struct turn *t, enum ledger_notice_kind kind, const struct hash *id)
{
    struct ledger_result *out = t->out;
    struct ledger_notice *list =
        grow(t, out->notices, out->notice_count, &t->notice_room, sizeof *list);
    if (list == NULL)
        return;
    list[out->notice_count++] =
        (struct ledger_notice){.kind = kind, .id = *id, .epoch = t->l->meta.epoch};
    out->notices = list;
}

void turn_entry(struct turn *t, const struct audit_body *body)
{
    struct ledger_result *out = t->out;
    size_t size = body->tag == AUDIT_BODY_OP ? body->op.op.len + 16 : WEIGHTS_SIZE_MAX + 1;
    struct room room = {arena_raw(t->scratch, size), size};
    struct span *list = grow(t, out->entries, out->entry_count, &t->entry_room, sizeof *list);
    if (room.ptr == NULL)
        t->l->broken = ERR_NO_MEMORY;
    if (list == NULL || room.ptr == NULL)
        return;
    list[out->entry_count] = audit_body_encode(body, room);
    assert(list[out->entry_count].ptr != NULL);
    out->entry_count++;
    out->entries = list;
}

bool turn_has_room(const struct turn *t)
{
    return kv_has_room(t->l->kv, RESERVE_ENTRIES + ROW_ENTRIES, RESERVE_BYTES + ROW_BYTES);
}

static enum reject apply_op(struct turn *t, struct span bytes)
{
    struct ledger *l = t->l;
    struct op op;
    struct state_replay replay = {0};
    enum reject why = op_open(l, bytes, &op);
    if (why == REJECT_NONE && !op_is_signed(l, bytes, &op))
        why = REJECT_BAD_SIGNATURE;
    if (why == REJECT_NONE)
        why = op_standing(l, &op);
    if (why != REJECT_NONE)
        return why;
    t->signer = &op.content.signer;
    (void)state_get_replay(l, t->signer, &replay);
    if (!nonce_is_fresh(&replay, op.content.nonce))
        return REJECT_REPLAYED;
    nonce_use(&replay, op.content.nonce); /* Spent, whatever comes of it (LEDGER-2). */
    if (replay.epoch != l->meta.epoch)
        replay.submissions = 0;
    replay.epoch = l->meta.epoch;
    state_put_replay(l, t->signer, &replay);
    why = op_check_body(t, &op.content.body);
    if (why == REJECT_NONE)
        op_act_body(t, &op.content.body);
    return why;
}

static void remember_fate(struct ledger *l, const struct hash *id, uint64_t slot,
                          enum reject reject)
{
    uint32_t at = (uint32_t)(l->fate_count % LEDGER_FATES);
    struct ledger_ring_fate *f = &l->fates[at];
    if (l->fate_count >= LEDGER_FATES && map_get(&l->fate_index, &f->id) == at)
        map_remove(&l->fate_index, &f->id);
    *f = (struct ledger_ring_fate){.id = *id, .slot = slot, .reject = reject};
    enum err e = map_put(&l->fate_index, id, at);
    assert(e == ERR_OK); /* as many places as fates */
    l->fate_count++;
}

/* The entry of an operation stands before what it brought about. */
static void op_entry(struct turn *t, struct span bytes, uint32_t first, enum reject reject)
{
    const struct audit_body body = {.tag = AUDIT_BODY_OP, .op = {.op = bytes, .reject = reject}};
    turn_entry(t, &body);
    struct span *list = t->out->entries, mine = list[t->out->entry_count - 1];
    memmove(&list[first + 1], &list[first], (t->out->entry_count - 1 - first) * sizeof *list);
    list[first] = mine;
}

static void apply_all(struct turn *t, const struct batch *batch)
{
    struct ledger *l = t->l;
    for (uint32_t i = 0; i < batch->ops_count && l->broken == ERR_OK; i++) {
        struct span bytes = batch->ops[i].bytes;
        uint32_t first = t->out->entry_count;
        t->id = op_id(bytes);
        t->last = i + 1 == batch->ops_count;
        enum reject reject = apply_op(t, bytes);
        arena_reset(&l->work, 0);
        if (l->broken != ERR_OK)
            return;
        t->out->fates[t->out->fate_count++] = (struct ledger_fate){.id = t->id, .reject = reject};
        /* A second copy of an operation that took effect does not change what
         * became of the first. */
        if (reject != REJECT_REPLAYED || map_get(&l->fate_index, &t->id) == MAP_NONE)
            remember_fate(l, &t->id, t->slot, reject);
        op_entry(t, bytes, first, reject);
    }
}

/* The log begins with what the network began with. */
static void genesis_entry(struct turn *t)
{
    const struct audit_body body = {
        .tag = AUDIT_BODY_GENESIS,
        .genesis = {.network = t->l->config.network, .valset = t->l->now.quorum.set}};
    turn_entry(t, &body);
}

enum err ledger_apply(struct ledger *l, uint64_t seq, struct span payload, struct arena *scratch,
                      struct ledger_result *out)
{
    assert(l->begun);
    if (l->broken != ERR_OK)
        return l->broken;
    if (seq != l->meta.slot + 1)
        return ERR_CONFLICT;
    *out = (struct ledger_result){0};
    struct batch batch = {0}; /* What does not decode is decided as nothing. */
    if (payload.len != 0)
        (void)!batch_decode(payload, scratch, &batch);
    out->fates = arena_array(scratch, (size_t)batch.ops_count + 1, sizeof *out->fates);
    if (out->fates == NULL)
        return ERR_NO_MEMORY;
    struct turn t = {.l = l, .out = out, .scratch = scratch, .slot = seq, .slot_known = true};
    arena_reset(&l->work, 0);
    if (seq == 1)
        genesis_entry(&t);
    l->meta.slot = seq;
    ledger_submissions_tick(&t);
    apply_all(&t, &batch);
    state_put_meta(l);
    return l->broken;
}
