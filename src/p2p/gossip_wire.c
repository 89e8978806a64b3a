#include "p2p/gossip_wire.h"

enum { RPC_SUBSCRIPTION = 1, RPC_PUBLISH = 2, RPC_CONTROL = 3 };
enum { SUBSCRIPTION_FLAG = 1, SUBSCRIPTION_TOPIC = 2 };
enum {
    MESSAGE_FROM = 1,
    MESSAGE_DATA,
    MESSAGE_SEQNO,
    MESSAGE_TOPIC,
    MESSAGE_SIGNATURE,
    MESSAGE_KEY
};
enum { CONTROL_IHAVE = 1, CONTROL_IWANT, CONTROL_GRAFT, CONTROL_PRUNE };
enum { IHAVE_TOPIC = 1, IHAVE_IDS = 2, IWANT_IDS = 1, GRAFT_TOPIC = 1 };
enum { PRUNE_TOPIC = 1, PRUNE_PEERS = 2, PRUNE_BACKOFF = 3 };

static const char sign_prefix[GOSSIP_SIGN_PREFIX_SIZE + 1] = "libp2p-pubsub:";

/* An identity multihash of 36 bytes that are PublicKey{Ed25519, 32 bytes}. */
static const uint8_t from_head[] = {0x00, 0x24, 0x08, 0x01, 0x12, 0x20};
static_assert(sizeof from_head + GOSSIP_PUBLIC_KEY_SIZE == GOSSIP_FROM_SIZE);

struct gossip_reader gossip_wire_open(struct span rpc)
{
    return (struct gossip_reader){rd_init(rpc), rd_init((struct span){0})};
}

enum err gossip_wire_end(const struct gossip_reader *r)
{
    return rd_end(&r->rpc);
}

static void take_bytes(struct rd *r, const struct pb_field *f, size_t max, struct span *out)
{
    if (!pb_is(r, f, PB_BYTES))
        return;
    if (f->bytes.len > max)
        rd_fail(r, ERR_TOO_BIG);
    *out = f->bytes;
}

static enum err read_subscription(struct span entry, struct gossip_item *out)
{
    struct rd r = rd_init(entry);
    struct pb_field f;
    out->kind = GOSSIP_ITEM_UNSUBSCRIBE;
    while (pb_next(&r, &f)) {
        if (f.number == SUBSCRIPTION_FLAG && pb_is(&r, &f, PB_VARINT))
            out->kind = f.value != 0 ? GOSSIP_ITEM_SUBSCRIBE : GOSSIP_ITEM_UNSUBSCRIBE;
        else if (f.number == SUBSCRIPTION_TOPIC)
            take_bytes(&r, &f, GOSSIP_TOPIC_SIZE_MAX, &out->topic);
    }
    return rd_end(&r);
}

/* Sizes of the message's own fields are judged by the caller, per message; one
 * that is too large costs its sender that message and not the connection. */
static enum err read_message(struct span entry, struct gossip_item *out)
{
    struct rd r = rd_init(entry);
    struct pb_field f;
    struct gossip_message *m = &out->message;
    out->kind = GOSSIP_ITEM_MESSAGE;
    while (pb_next(&r, &f)) {
        struct span *to[] = {[MESSAGE_FROM] = &m->from,           [MESSAGE_DATA] = &m->data,
                             [MESSAGE_SEQNO] = &m->seqno,         [MESSAGE_TOPIC] = &m->topic,
                             [MESSAGE_SIGNATURE] = &m->signature, [MESSAGE_KEY] = &m->key};
        if (f.number >= COUNT_OF(to))
            continue;
        take_bytes(&r, &f, SIZE_MAX, to[f.number]);
        m->has_data = m->has_data || f.number == MESSAGE_DATA;
        m->has_key = m->has_key || f.number == MESSAGE_KEY;
    }
    out->topic = m->topic;
    return rd_end(&r);
}

static void read_ids_entry(struct rd *r, struct gossip_item *out, uint32_t topic_field,
                           uint32_t ids_field)
{
    struct pb_field f;
    struct span id;
    out->ids = *r;
    out->ids_field = ids_field;
    while (pb_next(r, &f)) {
        if (f.number == ids_field) {
            take_bytes(r, &f, GOSSIP_ID_SIZE_MAX, &id);
            out->id_count++;
        } else if (f.number == topic_field) {
            take_bytes(r, &f, GOSSIP_TOPIC_SIZE_MAX, &out->topic);
        }
    }
}

static void read_prune(struct rd *r, struct gossip_item *out)
{
    struct pb_field f;
    while (pb_next(r, &f)) {
        if (f.number == PRUNE_TOPIC)
            take_bytes(r, &f, GOSSIP_TOPIC_SIZE_MAX, &out->topic);
        else if (f.number == PRUNE_PEERS && pb_is(r, &f, PB_BYTES))
            out->px_count++;
        else if (f.number == PRUNE_BACKOFF && pb_is(r, &f, PB_VARINT))
            out->backoff_s = f.value;
    }
}

static enum err read_control_entry(const struct pb_field *entry, struct gossip_item *out)
{
    static const enum gossip_item_kind kinds[] = {[CONTROL_IHAVE] = GOSSIP_ITEM_IHAVE,
                                                  [CONTROL_IWANT] = GOSSIP_ITEM_IWANT,
                                                  [CONTROL_GRAFT] = GOSSIP_ITEM_GRAFT,
                                                  [CONTROL_PRUNE] = GOSSIP_ITEM_PRUNE};
    struct rd r = rd_init(entry->bytes);
    struct pb_field f;
    out->kind = kinds[entry->number];
    switch (entry->number) {
    case CONTROL_IHAVE:
        read_ids_entry(&r, out, IHAVE_TOPIC, IHAVE_IDS);
        break;
    case CONTROL_IWANT:
        read_ids_entry(&r, out, 0, IWANT_IDS);
        break;
    case CONTROL_GRAFT:
        while (pb_next(&r, &f))
            if (f.number == GRAFT_TOPIC)
                take_bytes(&r, &f, GOSSIP_TOPIC_SIZE_MAX, &out->topic);
        break;
    case CONTROL_PRUNE:
        read_prune(&r, out);
        break;
    }
    return rd_end(&r);
}

/* An error of an inner reader becomes the error of the whole RPC. */
static bool finish(struct gossip_reader *r, enum err e)
{
    if (e != ERR_OK)
        rd_fail(&r->rpc, e);
    return e == ERR_OK;
}

bool gossip_wire_next(struct gossip_reader *r, struct gossip_item *out)
{
    struct pb_field f;
    for (;;) {
        *out = (struct gossip_item){0};
        while (pb_next(&r->control, &f)) {
            if (f.number < CONTROL_IHAVE || f.number > CONTROL_PRUNE)
                continue;
            if (pb_is(&r->control, &f, PB_BYTES))
                return finish(r, read_control_entry(&f, out));
        }
        if (!finish(r, rd_end(&r->control)) || !pb_next(&r->rpc, &f))
            return false;
        if (f.number < RPC_SUBSCRIPTION || f.number > RPC_CONTROL)
            continue;
        if (!pb_is(&r->rpc, &f, PB_BYTES))
            return false;
        if (f.number == RPC_SUBSCRIPTION)
            return finish(r, read_subscription(f.bytes, out));
        if (f.number == RPC_PUBLISH)
            return finish(r, read_message(f.bytes, out));
        r->control = rd_init(f.bytes);
    }
}

bool gossip_wire_id(struct gossip_item *item, struct span *id)
{
    struct pb_field f;
    while (pb_next(&item->ids, &f)) {
        if (f.number != item->ids_field)
            continue;
        *id = f.bytes;
        return true;
    }
    return false;
}

enum err gossip_wire_scan(struct span rpc)
{
    struct gossip_reader r = gossip_wire_open(rpc);
    struct gossip_item item;
    uint32_t ids = 0, messages = 0, subscriptions = 0, control = 0;
    while (gossip_wire_next(&r, &item)) {
        switch (item.kind) {
        case GOSSIP_ITEM_SUBSCRIBE:
        case GOSSIP_ITEM_UNSUBSCRIBE:
            subscriptions++;
            break;
        case GOSSIP_ITEM_MESSAGE:
            messages++;
            break;
        case GOSSIP_ITEM_IHAVE:
        case GOSSIP_ITEM_IWANT:
        case GOSSIP_ITEM_GRAFT:
        case GOSSIP_ITEM_PRUNE:
            control++;
            ids += item.id_count; /* bounded by the size of the RPC */
            break;
        }
        if (ids > GOSSIP_RPC_IDS_MAX || messages > GOSSIP_RPC_MESSAGES_MAX ||
            subscriptions > GOSSIP_RPC_SUBSCRIPTIONS_MAX || control > GOSSIP_RPC_CONTROL_MAX)
            return ERR_TOO_BIG;
    }
    return gossip_wire_end(&r);
}

bool gossip_wire_author(struct span from, uint8_t key[GOSSIP_PUBLIC_KEY_SIZE])
{
    if (from.len != GOSSIP_FROM_SIZE || memcmp(from.ptr, from_head, sizeof from_head) != 0)
        return false;
    memcpy(key, from.ptr + sizeof from_head, GOSSIP_PUBLIC_KEY_SIZE);
    return true;
}

void gossip_wire_from(const uint8_t key[GOSSIP_PUBLIC_KEY_SIZE], uint8_t from[GOSSIP_FROM_SIZE])
{
    memcpy(from, from_head, sizeof from_head);
    memcpy(from + sizeof from_head, key, GOSSIP_PUBLIC_KEY_SIZE);
}

bool gossip_wire_parse_id(struct span bytes, struct gossip_id *out)
{
    if (bytes.len != GOSSIP_ID_SIZE ||
        !gossip_wire_author(span_of(bytes.ptr, GOSSIP_FROM_SIZE), out->author))
        return false;
    memcpy(out->seqno, bytes.ptr + GOSSIP_FROM_SIZE, GOSSIP_SEQNO_SIZE);
    return true;
}

static void gossip_wire_put_id(const struct gossip_id *id, uint8_t out[GOSSIP_ID_SIZE])
{
    gossip_wire_from(id->author, out);
    memcpy(out + GOSSIP_FROM_SIZE, id->seqno, GOSSIP_SEQNO_SIZE);
}

void gossip_wire_put_signed(struct wr *w, const struct gossip_message *m)
{
    wr_raw(w, span_of(sign_prefix, GOSSIP_SIGN_PREFIX_SIZE));
    wr_pb_bytes(w, MESSAGE_FROM, m->from);
    if (m->has_data)
        wr_pb_bytes(w, MESSAGE_DATA, m->data);
    wr_pb_bytes(w, MESSAGE_SEQNO, m->seqno);
    wr_pb_bytes(w, MESSAGE_TOPIC, m->topic);
}

void gossip_wire_put_signature(struct wr *w, struct span signature)
{
    wr_pb_bytes(w, MESSAGE_SIGNATURE, signature);
}

static size_t subscription_body(struct span topic)
{
    return pb_number_size(SUBSCRIPTION_FLAG, 1) + pb_bytes_size(SUBSCRIPTION_TOPIC, topic.len);
}

size_t gossip_wire_subscription_size(struct span topic)
{
    return pb_bytes_size(RPC_SUBSCRIPTION, subscription_body(topic));
}

void gossip_wire_put_subscription(struct wr *w, bool subscribe, struct span topic)
{
    wr_pb_open(w, RPC_SUBSCRIPTION, subscription_body(topic));
    wr_pb_number(w, SUBSCRIPTION_FLAG, subscribe);
    wr_pb_bytes(w, SUBSCRIPTION_TOPIC, topic);
}

size_t gossip_wire_graft_size(struct span topic)
{
    return pb_bytes_size(CONTROL_GRAFT, pb_bytes_size(GRAFT_TOPIC, topic.len));
}

void gossip_wire_put_graft(struct wr *w, struct span topic)
{
    wr_pb_open(w, CONTROL_GRAFT, pb_bytes_size(GRAFT_TOPIC, topic.len));
    wr_pb_bytes(w, GRAFT_TOPIC, topic);
}

/* Version 1.0 knows no backoff: 0 leaves the field out. */
static size_t prune_body(struct span topic, uint64_t backoff_s)
{
    size_t number = backoff_s == 0 ? 0 : pb_number_size(PRUNE_BACKOFF, backoff_s);
    return pb_bytes_size(PRUNE_TOPIC, topic.len) + number;
}

size_t gossip_wire_prune_size(struct span topic, uint64_t backoff_s)
{
    return pb_bytes_size(CONTROL_PRUNE, prune_body(topic, backoff_s));
}

void gossip_wire_put_prune(struct wr *w, struct span topic, uint64_t backoff_s)
{
    wr_pb_open(w, CONTROL_PRUNE, prune_body(topic, backoff_s));
    wr_pb_bytes(w, PRUNE_TOPIC, topic);
    if (backoff_s != 0)
        wr_pb_number(w, PRUNE_BACKOFF, backoff_s);
}

static size_t ihave_body(struct span topic, uint32_t count)
{
    return pb_bytes_size(IHAVE_TOPIC, topic.len) + count * (size_t)GOSSIP_ID_ENTRY_SIZE;
}

size_t gossip_wire_ihave_size(struct span topic, uint32_t count)
{
    return pb_bytes_size(CONTROL_IHAVE, ihave_body(topic, count));
}

void gossip_wire_put_ihave(struct wr *w, struct span topic, uint32_t count)
{
    wr_pb_open(w, CONTROL_IHAVE, ihave_body(topic, count));
    wr_pb_bytes(w, IHAVE_TOPIC, topic);
}

size_t gossip_wire_iwant_size(uint32_t count)
{
    return pb_bytes_size(CONTROL_IWANT, count * (size_t)GOSSIP_ID_ENTRY_SIZE);
}

void gossip_wire_put_iwant(struct wr *w, uint32_t count)
{
    wr_pb_open(w, CONTROL_IWANT, count * (size_t)GOSSIP_ID_ENTRY_SIZE);
}

static void put_id_entry(struct wr *w, uint32_t field, const struct gossip_id *id)
{
    uint8_t bytes[GOSSIP_ID_SIZE];
    gossip_wire_put_id(id, bytes);
    wr_pb_bytes(w, field, span_of(bytes, sizeof bytes));
}

void gossip_wire_put_ihave_id(struct wr *w, const struct gossip_id *id)
{
    put_id_entry(w, IHAVE_IDS, id);
}

void gossip_wire_put_iwant_id(struct wr *w, const struct gossip_id *id)
{
    put_id_entry(w, IWANT_IDS, id);
}

size_t gossip_wire_publish_size(size_t message_size)
{
    return pb_bytes_size(RPC_PUBLISH, message_size);
}

void gossip_wire_put_publish(struct wr *w, struct span message)
{
    wr_pb_bytes(w, RPC_PUBLISH, message);
}

size_t gossip_wire_control_size(size_t control_size)
{
    return pb_bytes_size(RPC_CONTROL, control_size);
}

void gossip_wire_put_control(struct wr *w, struct span control)
{
    wr_pb_bytes(w, RPC_CONTROL, control);
}
