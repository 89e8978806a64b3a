/* One core against raw peers that say whatever they like. */
#include "p2p/gossip_test.h"
#include "codec/hex.h"

enum { TEXT_MAX = 4096 };

struct rig {
    struct arena arena;
    struct identity self, peers[NODES_MAX];
    struct gossip *gossip;
    uint64_t now_ms;
    uint8_t out[1 << 18]; /* the RPC that the test is writing */
    struct wr rpc;
    /* What the core said since the last hear(). */
    uint32_t messages, disconnects, rpcs;
    uint64_t message; /* the number of the last one */
    const char *why;
    char text[TEXT_MAX]; /* "2:graft news; " */
    uint32_t ids_wanted;
    uint32_t published; /* messages sent to peers */
    size_t rpc_size_max;
};

static struct rig *rig_open(void)
{
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    identity_open(&r->self, 0);
    for (uint32_t i = 0; i < NODES_MAX; i++)
        identity_open(&r->peers[i], (uint8_t)(i + 10));
    struct gossip_config c = identity_config(&r->self, 1);
    assert_int_equal(arena_open(&r->arena, gossip_arena_size(&c)), ERR_OK);
    assert_int_equal(gossip_init(&r->gossip, &r->arena, &c, 0), ERR_OK);
    r->rpc = wr_init((struct room){r->out, sizeof r->out});
    return r;
}

static void rig_close(struct rig *r)
{
    ed25519_close(r->self.keys);
    for (uint32_t i = 0; i < NODES_MAX; i++)
        ed25519_close(r->peers[i].keys);
    arena_close(&r->arena);
    free(r);
}

static void say(struct rig *r, uint32_t peer, const char *what, const struct gossip_item *item)
{
    size_t used = strlen(r->text);
    snprintf(r->text + used, sizeof r->text - used, "%u:%s %.*s; ", peer, what,
             (int)item->topic.len, (const char *)item->topic.ptr);
}

static void hear_rpc(struct rig *r, const struct gossip_out *out)
{
    static const char *const names[] = {
        [GOSSIP_ITEM_SUBSCRIBE] = "subscribe", [GOSSIP_ITEM_UNSUBSCRIBE] = "unsubscribe",
        [GOSSIP_ITEM_MESSAGE] = "message",     [GOSSIP_ITEM_IHAVE] = "ihave",
        [GOSSIP_ITEM_IWANT] = "iwant",         [GOSSIP_ITEM_GRAFT] = "graft",
        [GOSSIP_ITEM_PRUNE] = "prune"};
    uint64_t size;
    size_t head;
    assert_int_equal(uvarint_peek(out->bytes, &size, &head), ERR_OK);
    assert_int_equal(size + head, out->bytes.len);
    if (out->bytes.len > r->rpc_size_max)
        r->rpc_size_max = out->bytes.len;
    struct gossip_reader reader = gossip_wire_open(span_of(out->bytes.ptr + head, size));
    struct gossip_item item;
    while (gossip_wire_next(&reader, &item)) {
        say(r, out->peer, names[item.kind], &item);
        r->published += item.kind == GOSSIP_ITEM_MESSAGE;
        r->ids_wanted += item.kind == GOSSIP_ITEM_IWANT ? item.id_count : 0;
    }
    assert_int_equal(gossip_wire_end(&reader), ERR_OK);
    r->rpcs++;
    gossip_credit(r->gossip, out->peer, GOSSIP_CREDIT_MAX);
}

/* Takes all that the core has to say; the text tells it. */
static const char *hear(struct rig *r)
{
    struct gossip_out out;
    r->text[0] = 0;
    r->messages = r->disconnects = r->rpcs = r->ids_wanted = r->published = 0;
    r->rpc_size_max = 0;
    while (gossip_poll(r->gossip, &out)) {
        switch (out.kind) {
        case GOSSIP_OUT_RPC:
            hear_rpc(r, &out);
            break;
        case GOSSIP_OUT_MESSAGE:
            r->messages++;
            r->message = out.message;
            break;
        case GOSSIP_OUT_DISCONNECT:
            r->disconnects++;
            r->why = out.why;
            break;
        }
    }
    gossip_check(r->gossip);
    return r->text;
}

static const char *wait(struct rig *r, uint64_t ms)
{
    uint64_t until = r->now_ms + ms;
    while (gossip_wake_at(r->gossip) <= until) {
        r->now_ms = gossip_wake_at(r->gossip);
        gossip_on_time(r->gossip, r->now_ms);
    }
    r->now_ms = until;
    return hear(r);
}

static void peer_up(struct rig *r, uint32_t peer, bool outbound)
{
    struct gossip_peer p = identity_peer(&r->peers[peer], outbound);
    gossip_peer_up(r->gossip, peer, &p, r->now_ms);
    gossip_credit(r->gossip, peer, GOSSIP_CREDIT_MAX);
}

/* Writing an RPC: put_* calls, then tell. */
static void tell(struct rig *r, uint32_t peer)
{
    gossip_on_rpc(r->gossip, peer, wr_done(&r->rpc), r->now_ms);
    r->rpc = wr_init((struct room){r->out, sizeof r->out});
}

static void put_control(struct rig *r, const struct wr *control)
{
    gossip_wire_put_control(&r->rpc, wr_done(control));
}

static void tell_subscribe(struct rig *r, uint32_t peer, const char *topic)
{
    gossip_wire_put_subscription(&r->rpc, true, span_of(topic, strlen(topic)));
    tell(r, peer);
}

static void tell_graft(struct rig *r, uint32_t peer, const char *topic)
{
    uint8_t body[512];
    struct wr w = wr_init((struct room){body, sizeof body});
    gossip_wire_put_graft(&w, span_of(topic, strlen(topic)));
    put_control(r, &w);
    tell(r, peer);
}

static void tell_prune(struct rig *r, uint32_t peer, const char *topic, uint64_t backoff_s)
{
    uint8_t body[512];
    struct wr w = wr_init((struct room){body, sizeof body});
    gossip_wire_put_prune(&w, span_of(topic, strlen(topic)), backoff_s);
    put_control(r, &w);
    tell(r, peer);
}

static struct gossip_id id_of(const struct rig *r, uint32_t author, uint64_t seqno)
{
    struct gossip_id id = {0};
    memcpy(id.author, r->peers[author].public, sizeof id.author);
    for (int i = 0; i < 8; i++)
        id.seqno[i] = (uint8_t)(seqno >> (56 - 8 * i));
    return id;
}

static void tell_ids(struct rig *r, uint32_t peer, const struct gossip_id *ids, uint32_t count,
                     bool ihave)
{
    static uint8_t body[1 << 18];
    struct wr w = wr_init((struct room){body, sizeof body});
    if (ihave)
        gossip_wire_put_ihave(&w, SPAN_LITERAL("news"), count);
    else
        gossip_wire_put_iwant(&w, count);
    for (uint32_t i = 0; i < count; i++) {
        if (ihave)
            gossip_wire_put_ihave_id(&w, &ids[i]);
        else
            gossip_wire_put_iwant_id(&w, &ids[i]);
    }
    put_control(r, &w);
    tell(r, peer);
}

/* What to do wrong with a message. */
enum flaw {
    SOUND,
    BAD_SIGNATURE,
    NO_SIGNATURE,
    SHORT_SEQNO,
    LONG_SEQNO,
    NO_SEQNO,
    NO_FROM,
    OTHER_KEY,
    SAME_KEY,
    FOREIGN_FROM,
    OTHER_TOPIC,
};

static void put_message(struct rig *r, uint32_t author, uint64_t seqno, struct span data,
                        enum flaw flaw)
{
    static uint8_t signed_bytes[GOSSIP_MESSAGE_SIZE_MAX + 4096];
    uint8_t from[GOSSIP_FROM_SIZE], signature[64];
    struct gossip_id id = id_of(r, author, seqno);
    gossip_wire_from(id.author, from);
    if (flaw == FOREIGN_FROM)
        from[0] = 0x12; /* as if it were a SHA-256 multihash */
    uint8_t seqno_room[9] = {0};
    memcpy(seqno_room, id.seqno, sizeof id.seqno);
    struct gossip_message m = {.from = span_of(from, flaw == NO_FROM ? 0 : sizeof from),
                               .data = data,
                               .has_data = true,
                               .topic = flaw == OTHER_TOPIC ? SPAN_LITERAL("olds")
                                                            : SPAN_LITERAL("news"),
                               .seqno = span_of(seqno_room, flaw == NO_SEQNO      ? 0
                                                            : flaw == SHORT_SEQNO ? 7
                                                            : flaw == LONG_SEQNO  ? 9
                                                                                  : 8)};
    struct wr w = wr_init((struct room){signed_bytes, sizeof signed_bytes});
    gossip_wire_put_signed(&w, &m);
    ed25519_sign(r->peers[author].keys, wr_done(&w), signature);
    if (flaw == BAD_SIGNATURE)
        signature[9] ^= 1;
    if (flaw != NO_SIGNATURE)
        gossip_wire_put_signature(&w, span_of(signature, sizeof signature));
    uint8_t key[GOSSIP_FROM_SIZE];
    gossip_wire_from(r->peers[flaw == OTHER_KEY ? author + 1 : author].public, key);
    if (flaw == OTHER_KEY || flaw == SAME_KEY)
        wr_pb_bytes(&w, 6, span_of(key + 2, sizeof key - 2));
    struct span all = wr_done(&w);
    gossip_wire_put_publish(
        &r->rpc, span_of(all.ptr + GOSSIP_SIGN_PREFIX_SIZE, all.len - GOSSIP_SIGN_PREFIX_SIZE));
}

static void tell_message(struct rig *r, uint32_t peer, uint32_t author, uint64_t seqno,
                         enum flaw flaw)
{
    put_message(r, author, seqno, SPAN_LITERAL("hello"), flaw);
    tell(r, peer);
}

/* A rig with count inbound peers in the mesh of "news". */
static struct rig *rig_with_mesh(uint32_t count)
{
    struct rig *r = rig_open();
    assert_int_equal(gossip_subscribe(r->gossip, "news", 0), ERR_OK);
    for (uint32_t i = 0; i < count; i++) {
        peer_up(r, i, false);
        tell_subscribe(r, i, "news");
        tell_graft(r, i, "news");
    }
    hear(r);
    assert_int_equal(gossip_mesh_size(r->gossip, "news"), count);
    return r;
}

static void assert_rpc(struct rig *r, const char *hex)
{
    struct gossip_out out;
    char text[1024];
    assert_true(gossip_poll(r->gossip, &out));
    assert_int_equal(out.kind, GOSSIP_OUT_RPC);
    hex_encode(out.bytes, text, sizeof text);
    assert_string_equal(text, hex);
}

/* The bytes were made by another program, in another language. */
static void test_golden_bytes(void **state)
{
    (void)state;
    struct rig *r = rig_open();
    peer_up(r, 0, true);
    assert_int_equal(gossip_subscribe(r->gossip, "news", 0), ERR_OK);
    assert_rpc(r, "0a0a08080112046e657773");
    tell_subscribe(r, 0, "news");
    gossip_on_time(r->gossip, 1000);
    assert_rpc(r, "0a1a081a060a046e657773");
    assert_int_equal(gossip_publish(r->gossip, "news", SPAN_LITERAL("hi"), 1000), ERR_OK);
    assert_rpc(r, "8001127e0a26002408011220cecc1507dc1ddd7295951c290888f095adb9044d1b73d696e6"
                  "df065d683bd4fc120268691a0800000000000003e922046e6577732a40dd88c81a0f7b8f50"
                  "797ac7c94dc6f1a22a2e392093930b0e6833bf67624e55e6afc6eedea733641accaec9a9fe"
                  "6b79175c2da40ac3c5d7f1608cb34e2fec9f02");
    tell_prune(r, 0, "news", 0);
    tell_graft(r, 0, "news");
    assert_rpc(r, "0c1a0a22080a046e657773183c");
    rig_close(r);
}

static void test_only_sound_messages_arrive(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(2);
    for (enum flaw flaw = BAD_SIGNATURE; flaw <= OTHER_TOPIC; flaw++) {
        if (flaw == SAME_KEY)
            continue;
        tell_message(r, 0, 5, 100 + flaw, flaw);
        hear(r);
        assert_int_equal(r->messages, 0);
        assert_int_equal(r->published, 0);
    }
    assert_int_equal(gossip_counters(r->gossip)->bad_signature, 8);
    assert_int_equal(gossip_counters(r->gossip)->unwanted_topic, 1);
    tell_message(r, 0, 5, 7, SOUND);
    hear(r);
    assert_int_equal(r->messages, 1);
    gossip_validate(r->gossip, r->message, P2P_ACCEPT, r->now_ms);
    assert_string_equal(hear(r), "1:message news; ");
    tell_message(r, 0, 5, 8, SAME_KEY);
    hear(r);
    assert_int_equal(r->messages, 1);
    rig_close(r);
}

/* GOSSIP-4: whoever forges an id does not suppress the true message. */
static void test_forged_id_is_not_remembered(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(2);
    tell_message(r, 0, 5, 1, BAD_SIGNATURE);
    tell_message(r, 1, 5, 1, SOUND);
    hear(r);
    assert_int_equal(r->messages, 1);
    rig_close(r);
}

static void test_verdicts(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(3);
    static const enum p2p_verdict verdicts[] = {P2P_REJECT, P2P_IGNORE, P2P_ACCEPT};
    for (uint32_t i = 0; i < COUNT_OF(verdicts); i++) {
        tell_message(r, 0, 5, i, SOUND);
        hear(r);
        assert_int_equal(r->messages, 1);
        assert_int_equal(r->published, 0);
        uint64_t message = r->message;
        struct gossip_id id = id_of(r, 5, i);
        tell_ids(r, 1, &id, 1, false); /* Nobody gets what is not judged yet. */
        assert_string_equal(hear(r), "");
        gossip_validate(r->gossip, message, verdicts[i], r->now_ms);
        gossip_validate(r->gossip, message, P2P_ACCEPT, r->now_ms);
        hear(r);
        assert_int_equal(r->published, verdicts[i] == P2P_ACCEPT ? 2 : 0);
        tell_ids(r, 1, &id, 1, false);
        hear(r);
        assert_int_equal(r->published, verdicts[i] == P2P_ACCEPT ? 1 : 0);
    }
    assert_int_equal(gossip_counters(r->gossip)->rejected, 1);
    assert_int_equal(gossip_counters(r->gossip)->ignored, 1);
    assert_int_equal(gossip_behaviour(r->gossip, 0), 10);
    rig_close(r);
}

static void test_duplicates_are_dropped_and_not_sent_back(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(3);
    tell_message(r, 0, 5, 1, SOUND);
    tell_message(r, 1, 5, 1, SOUND);
    tell_message(r, 0, 5, 1, SOUND);
    hear(r);
    assert_int_equal(r->messages, 1);
    assert_int_equal(gossip_counters(r->gossip)->duplicate, 2);
    gossip_validate(r->gossip, r->message, P2P_ACCEPT, r->now_ms);
    assert_string_equal(hear(r), "2:message news; ");
    tell_message(r, 0, 1, 2, SOUND); /* Peer 1 wrote it. */
    hear(r);
    gossip_validate(r->gossip, r->message, P2P_ACCEPT, r->now_ms);
    assert_string_equal(hear(r), "2:message news; ");
    rig_close(r);
}

static void test_own_messages_do_not_come_back(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(1);
    r->peers[3] = r->self;
    tell_message(r, 0, 3, 55, SOUND);
    hear(r);
    assert_int_equal(r->messages, 0);
    assert_int_equal(gossip_counters(r->gossip)->from_self, 1);
    identity_open(&r->peers[3], 99);
    rig_close(r);
}

static void test_graft_in_backoff(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(1);
    tell_prune(r, 0, "news", 30);
    assert_int_equal(gossip_mesh_size(r->gossip, "news"), 0);
    assert_string_equal(wait(r, 20000), "");
    tell_graft(r, 0, "news");
    assert_string_equal(hear(r), "0:prune news; ");
    assert_int_equal(gossip_mesh_size(r->gossip, "news"), 0);
    assert_int_equal(gossip_behaviour(r->gossip, 0), 2);
    tell_graft(r, 0, "news"); /* within ten seconds of a PRUNE it costs double */
    assert_int_equal(gossip_behaviour(r->gossip, 0), 6);
    hear(r);
    /* Our own graft waits for the renewed backoff and its slack. */
    assert_string_equal(wait(r, 60000), "");
    assert_string_equal(wait(r, 3000), "0:graft news; ");
    assert_int_equal(gossip_mesh_size(r->gossip, "news"), 1);
    rig_close(r);
}

static void test_graft_flood_ends_the_connection(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(1);
    tell_prune(r, 0, "news", 60);
    uint32_t grafts = 0;
    while (r->disconnects == 0) {
        tell_graft(r, 0, "news");
        hear(r);
        assert_true(++grafts < 100);
    }
    assert_string_equal(r->why, "gossip_graft_flood");
    /* It is not listened to any more, and it is gone when the caller says so. */
    tell_message(r, 0, 5, 1, SOUND);
    assert_string_equal(hear(r), "");
    assert_int_equal(r->messages + r->disconnects, 0);
    gossip_peer_down(r->gossip, 0, r->now_ms);
    /* The backoff outlives the connection. */
    peer_up(r, 0, true);
    tell_subscribe(r, 0, "news");
    assert_string_equal(wait(r, 5000), "0:subscribe news; ");
    rig_close(r);
}

/* CVE-2026-33040 and CVE-2026-34219 elsewhere: a backoff near the end of time. */
static void test_enormous_backoff_is_clamped(void **state)
{
    (void)state;
    static const uint64_t backoffs[] = {UINT64_MAX, UINT64_MAX / 1000, INT64_MAX, 3601};
    for (uint32_t i = 0; i < COUNT_OF(backoffs); i++) {
        struct rig *r = rig_with_mesh(1);
        tell_prune(r, 0, "news", backoffs[i]);
        assert_string_equal(wait(r, 3600 * 1000), "");
        assert_string_equal(wait(r, 3000), "0:graft news; ");
        rig_close(r);
    }
}

static void test_full_mesh_refuses_inbound_grafts(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(GOSSIP_D_HIGH);
    peer_up(r, GOSSIP_D_HIGH, false);
    tell_subscribe(r, GOSSIP_D_HIGH, "news");
    tell_graft(r, GOSSIP_D_HIGH, "news");
    assert_string_equal(hear(r), "12:subscribe news; 12:prune news; ");
    assert_int_equal(gossip_mesh_size(r->gossip, "news"), GOSSIP_D_HIGH);
    /* One that we dialled is taken, and the heartbeat cuts back to D. */
    peer_up(r, 13, true);
    tell_subscribe(r, 13, "news");
    tell_graft(r, 13, "news");
    peer_up(r, 14, true);
    tell_subscribe(r, 14, "news");
    tell_graft(r, 14, "news");
    assert_int_equal(gossip_mesh_size(r->gossip, "news"), GOSSIP_D_HIGH + 2);
    wait(r, 1000);
    assert_int_equal(gossip_mesh_size(r->gossip, "news"), GOSSIP_D);
    assert_true(gossip_in_mesh(r->gossip, "news", 13) && gossip_in_mesh(r->gossip, "news", 14));
    rig_close(r);
}

static void test_unknown_topics_are_not_answered(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(1);
    tell_graft(r, 0, "nobody asked");
    tell_prune(r, 0, "nobody asked", 5);
    assert_string_equal(hear(r), "");
    assert_int_equal(gossip_behaviour(r->gossip, 0), 0);
    rig_close(r);
}

/* One IWANT answer per asking, three in all, whatever is asked again. */
static void test_iwant_replay(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(2);
    tell_message(r, 0, 5, 1, SOUND);
    hear(r);
    gossip_validate(r->gossip, r->message, P2P_ACCEPT, r->now_ms);
    hear(r);
    assert_int_equal(r->published, 1);
    uint32_t answers = 0;
    struct gossip_id ids[50];
    for (uint32_t i = 0; i < COUNT_OF(ids); i++)
        ids[i] = id_of(r, 5, 1);
    for (uint32_t i = 0; i < 100; i++) {
        tell_ids(r, 1, ids, COUNT_OF(ids), false);
        hear(r);
        answers += r->published;
    }
    assert_int_equal(answers, GOSSIP_IWANT_ANSWERS_MAX);
    assert_true(gossip_counters(r->gossip)->iwant_over_limit > 0);
    /* And none at all once it is history. */
    wait(r, (GOSSIP_HISTORY + 1) * GOSSIP_HEARTBEAT_MS);
    tell_ids(r, 0, ids, 1, false);
    assert_string_equal(hear(r), "");
    rig_close(r);
}

static void test_ihave_flood(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(1);
    static struct gossip_id ids[GOSSIP_RPC_IDS_MAX];
    uint32_t wanted = 0, rpcs = 0;
    uint64_t next = 0;
    for (uint32_t i = 0; i < 30; i++) {
        for (uint32_t k = 0; k < COUNT_OF(ids); k++)
            ids[k] = id_of(r, 5, next++);
        tell_ids(r, 0, ids, COUNT_OF(ids), true);
        hear(r);
        wanted += r->ids_wanted;
        rpcs += r->rpcs;
        assert_true(r->rpc_size_max <= GOSSIP_CONTROL_OUT_MAX);
    }
    assert_int_equal(wanted, GOSSIP_IHAVE_MESSAGES_MAX * GOSSIP_IWANT_PENDING_MAX);
    assert_int_equal(rpcs, GOSSIP_IHAVE_MESSAGES_MAX);
    assert_int_equal(gossip_counters(r->gossip)->ihave_over_limit, 20);
    assert_int_equal(gossip_behaviour(r->gossip, 0), 40);
    /* Nothing of what was promised came. */
    wait(r, 5000);
    assert_int_equal(gossip_counters(r->gossip)->promises_broken, GOSSIP_PROMISES_PER_PEER);
    assert_int_equal(gossip_behaviour(r->gossip, 0), 40 - 5 + 8 * 3);
    rig_close(r);
}

static void test_kept_promise_costs_nothing(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(1);
    struct gossip_id id = id_of(r, 5, 3);
    tell_ids(r, 0, &id, 1, true);
    assert_string_equal(hear(r), "0:iwant ; ");
    tell_ids(r, 0, &id, 1, true); /* told again before it came: asked again */
    assert_string_equal(hear(r), "0:iwant ; ");
    tell_message(r, 0, 5, 3, SOUND);
    hear(r);
    assert_int_equal(r->messages, 1);
    tell_ids(r, 0, &id, 1, true);
    assert_string_equal(hear(r), "");
    wait(r, 10000);
    assert_int_equal(gossip_behaviour(r->gossip, 0), 0);
    rig_close(r);
}

static void test_limits_of_one_rpc(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(4);
    static struct gossip_id ids[GOSSIP_RPC_IDS_MAX + 1];
    tell_ids(r, 0, ids, GOSSIP_RPC_IDS_MAX + 1, false);
    hear(r);
    assert_int_equal(r->disconnects, 1);
    assert_string_equal(r->why, "gossip_rpc_over_limit");
    for (uint32_t i = 0; i <= GOSSIP_RPC_SUBSCRIPTIONS_MAX; i++)
        gossip_wire_put_subscription(&r->rpc, true, span_of(&i, sizeof i));
    tell(r, 1);
    hear(r);
    assert_int_equal(r->disconnects, 1);
    assert_false(gossip_has_subscribed(r->gossip, "\x01", 1)); /* GOSSIP-3: none of them */
    for (uint32_t i = 0; i <= GOSSIP_RPC_MESSAGES_MAX; i++)
        gossip_wire_put_publish(&r->rpc, SPAN_LITERAL("\x0a\x00"));
    tell(r, 2);
    hear(r);
    assert_int_equal(r->disconnects, 1);
    wr_raw(&r->rpc, SPAN_LITERAL("\x0a\x05\x08"));
    tell(r, 3);
    hear(r);
    assert_int_equal(r->disconnects, 1);
    assert_string_equal(r->why, "gossip_malformed");
    assert_int_equal(gossip_counters(r->gossip)->rpc_over_limit, 3);
    assert_int_equal(gossip_counters(r->gossip)->rpc_malformed, 1);
    rig_close(r);
}

static void test_topics_of_one_peer_are_bounded(void **state)
{
    (void)state;
    struct rig *r = rig_open();
    peer_up(r, 0, true);
    char topic[16];
    for (uint32_t i = 0; i < GOSSIP_TOPICS_PER_PEER + 3; i++) {
        snprintf(topic, sizeof topic, "t%u", i);
        tell_subscribe(r, 0, topic);
        tell_subscribe(r, 0, topic); /* once more is nothing new */
    }
    assert_true(gossip_has_subscribed(r->gossip, "t99", 0));
    assert_false(gossip_has_subscribed(r->gossip, "t100", 0));
    assert_int_equal(gossip_counters(r->gossip)->subscriptions_over_limit, 6);
    /* A topic that we take up later already has its peer. */
    assert_int_equal(gossip_subscribe(r->gossip, "t42", r->now_ms), ERR_OK);
    assert_string_equal(hear(r), "0:subscribe t42; 0:graft t42; ");
    rig_close(r);
}

static void test_slow_peer_gets_what_fits(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(2);
    gossip_credit(r->gossip, 0, 0);
    uint8_t data[1000] = {0};
    for (uint32_t i = 0; i < GOSSIP_QUEUE_MAX + 10; i++)
        assert_int_equal(gossip_publish(r->gossip, "news", span_of(data, sizeof data), 0),
                         i < GOSSIP_QUEUE_MAX ? ERR_OK : ERR_FULL);
    hear(r);
    assert_int_equal(r->published, GOSSIP_QUEUE_MAX); /* all to peer 1 */
    assert_true(r->rpc_size_max <= GOSSIP_RPC_OUT_MAX);
    assert_true(r->rpc_size_max > GOSSIP_RPC_OUT_MAX - 2000);
    assert_int_equal(gossip_counters(r->gossip)->queue_full, 20);
    gossip_credit(r->gossip, 0, 1300); /* one message and no more */
    struct gossip_out out;
    assert_true(gossip_poll(r->gossip, &out));
    assert_in_range(out.bytes.len, 1100, 1300);
    assert_false(gossip_poll(r->gossip, &out));
    gossip_credit(r->gossip, 0, GOSSIP_CREDIT_MAX);
    hear(r);
    assert_int_equal(r->published, GOSSIP_QUEUE_MAX - 1);
    rig_close(r);
}

static void test_largest_message_travels_alone(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(3);
    static uint8_t data[P2P_GOSSIP_MAX + 1];
    struct span largest = span_of(data, P2P_GOSSIP_MAX);
    assert_int_equal(gossip_publish(r->gossip, "news", span_of(data, sizeof data), 0), ERR_TOO_BIG);
    assert_int_equal(gossip_publish(r->gossip, "news", largest, 0), ERR_OK);
    hear(r);
    assert_int_equal(r->published, 3);
    assert_true(r->rpc_size_max <= GOSSIP_CREDIT_MAX);
    put_message(r, 5, 1, largest, SOUND);
    tell(r, 0);
    hear(r);
    assert_int_equal(r->messages, 1);
    gossip_validate(r->gossip, r->message, P2P_ACCEPT, r->now_ms);
    hear(r);
    assert_int_equal(r->published, 2);
    put_message(r, 5, 2, span_of(data, sizeof data), SOUND);
    tell(r, 0);
    hear(r);
    assert_int_equal(r->messages, 0);
    assert_int_equal(gossip_counters(r->gossip)->too_big, 1);
    rig_close(r);
}

/* The cache forgets the oldest, also before its verdict; nothing breaks. */
static void test_full_cache_forgets_the_oldest(void **state)
{
    (void)state;
    struct rig *r = rig_with_mesh(2);
    static uint8_t data[100 << 10];
    uint64_t first = 0;
    for (uint64_t i = 0; i < 100; i++) {
        put_message(r, 5, i, span_of(data, sizeof data - 900 * i), SOUND);
        tell(r, 0);
        hear(r);
        assert_int_equal(r->messages, 1);
        first = first == 0 ? r->message : first;
    }
    assert_true(gossip_counters(r->gossip)->cache_evicted_pending > 30);
    gossip_validate(r->gossip, first, P2P_ACCEPT, r->now_ms);
    assert_string_equal(hear(r), "");
    gossip_validate(r->gossip, r->message, P2P_ACCEPT, r->now_ms);
    assert_string_equal(hear(r), "1:message news; ");
    rig_close(r);
}

static void test_too_many_topics(void **state)
{
    (void)state;
    struct rig *r = rig_open();
    char topic[16];
    for (uint32_t i = 0; i <= P2P_TOPICS_MAX; i++) {
        snprintf(topic, sizeof topic, "t%u", i);
        assert_int_equal(gossip_subscribe(r->gossip, topic, 0),
                         i < P2P_TOPICS_MAX ? ERR_OK : ERR_FULL);
    }
    assert_int_equal(gossip_subscribe(r->gossip, "t0", 0), ERR_OK);
    /* Topics published to come and go with their history. */
    for (uint32_t i = 0; i < 40; i++) {
        snprintf(topic, sizeof topic, "p%u", i);
        enum err e = gossip_publish(r->gossip, topic, SPAN_LITERAL("x"), r->now_ms);
        assert_int_equal(e, i % 8 == 7 ? ERR_NOT_FOUND : e);
        if (e == ERR_FULL)
            wait(r, (GOSSIP_HISTORY + 1) * GOSSIP_HEARTBEAT_MS);
    }
    assert_true(gossip_counters(r->gossip)->published >= 32);
    rig_close(r);
}

static void test_arena_too_small(void **state)
{
    (void)state;
    struct identity id;
    identity_open(&id, 1);
    struct gossip_config c = identity_config(&id, 1);
    size_t size = gossip_arena_size(&c);
    for (size_t part = 0; part < 10; part++) {
        struct arena a = {0};
        struct gossip *g = NULL;
        assert_int_equal(arena_open(&a, size * part / 20), ERR_OK);
        assert_int_equal(gossip_init(&g, &a, &c, 0), ERR_NO_MEMORY);
        assert_null(g);
        arena_close(&a);
    }
    ed25519_close(id.keys);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_only_sound_messages_arrive),
        cmocka_unit_test(test_forged_id_is_not_remembered),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_duplicates_are_dropped_and_not_sent_back),
        cmocka_unit_test(test_own_messages_do_not_come_back),
        cmocka_unit_test(test_graft_in_backoff),
        cmocka_unit_test(test_graft_flood_ends_the_connection),
        cmocka_unit_test(test_enormous_backoff_is_clamped),
        cmocka_unit_test(test_full_mesh_refuses_inbound_grafts),
        cmocka_unit_test(test_unknown_topics_are_not_answered),
        cmocka_unit_test(test_iwant_replay),
        cmocka_unit_test(test_ihave_flood),
        cmocka_unit_test(test_kept_promise_costs_nothing),
        cmocka_unit_test(test_limits_of_one_rpc),
        cmocka_unit_test(test_topics_of_one_peer_are_bounded),
        cmocka_unit_test(test_slow_peer_gets_what_fits),
        cmocka_unit_test(test_largest_message_travels_alone),
        cmocka_unit_test(test_full_cache_forgets_the_oldest),
        cmocka_unit_test(test_too_many_topics),
        cmocka_unit_test(test_arena_too_small),
    };
    return cmocka_run_group_tests_name("gossip", all, NULL, NULL);
}
