/* A peer that completes every handshake and then misbehaves in one way.
 * usage: attacker PORT NETWORK WAY [EPOCH HEIGHT]    where the network stands
 * It tells what happens, a line an event, and ends with one of
 *   closed WHY   the other end hung up (WHY is how it looked from here)
 *   open         it was still welcome after a while
 * "answer SIZE" is an answer to a request for a blob. */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "bft_msg.h"
#include "codec/hex.h"
#include "driver.h"
#include "net_msg.h"
#include "p2p/gossip_wire.h"
#include "p2p/host.h"

enum { PATIENCE_MS = 1500, FLOOD = 200, ROOM = 1 << 18 };

struct attacker {
    uv_loop_t loop;
    uv_timer_t timer;
    struct driver driver;
    struct p2p *p; /* the driver's */
    struct hash network;
    uint64_t epoch, height;
    char topic[64];
    const char *way;
    struct peer_id victim;
    uint64_t up_ms; /* 0: not yet */
    bool misbehaved;
    uint8_t memory[ROOM];
};

static bool is(const struct attacker *a, const char *way)
{
    return strcmp(a->way, way) == 0;
}

static void end(const char *what, const char *why)
{
    printf("%s %s\n", what, why);
    fflush(stdout);
    exit(0);
}

static void send_bytes(struct attacker *a, enum p2p_protocol protocol, struct span bytes)
{
    enum err e = p2p_send(a->p, &a->victim, protocol, bytes, driver_now_ms());
    if (e != ERR_OK)
        end("failed", err_name(e));
}

/* --- below the frames */

/* A stream of protocol that is open, and its slot. */
static struct link *with_stream(struct attacker *a, enum protocol protocol, uint16_t *slot)
{
    struct link *l = host_find(a->p, &a->victim);
    *slot = l == NULL ? YAMUX_NONE : l->out[protocol];
    if (*slot == YAMUX_NONE)
        end("failed", "no stream");
    return l;
}

static void write_stream(struct attacker *a, enum protocol protocol, struct span bytes)
{
    uint16_t slot;
    struct link *l = with_stream(a, protocol, &slot);
    if (yamux_write(&l->conn.yamux, slot, bytes) != ERR_OK)
        end("failed", "the stream is full");
    link_touch(a->p, l);
}

/* Bytes inside the channel that no yamux of ours would send. */
static void write_channel(struct attacker *a, struct span bytes)
{
    struct link *l = host_find(a->p, &a->victim);
    if (l == NULL || rope_append(&l->conn.plain, &l->conn.budget, bytes) != ERR_OK)
        end("failed", "the channel is full");
    link_touch(a->p, l);
}

enum { YAMUX_TYPE_DATA, YAMUX_TYPE_WINDOW, YAMUX_TYPE_PING };
enum { YAMUX_SYN = 1, YAMUX_RST = 8, MANY = 3000, FIRST_ID = 1000001 };

static void put_frame(struct wr *w, uint8_t type, uint8_t flags, uint32_t stream, uint32_t length)
{
    const uint8_t head[12] = {0,
                              type,
                              0,
                              flags,
                              (uint8_t)(stream >> 24),
                              (uint8_t)(stream >> 16),
                              (uint8_t)(stream >> 8),
                              (uint8_t)stream,
                              (uint8_t)(length >> 24),
                              (uint8_t)(length >> 16),
                              (uint8_t)(length >> 8),
                              (uint8_t)length};
    wr_raw(w, span_of(head, sizeof head));
}

/* Thousands of small frames that each want something from the other end. */
static void flood_channel(struct attacker *a)
{
    struct wr w = wr_init((struct room){a->memory, ROOM});
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t id = FIRST_ID + 2 * i;
        if (is(a, "yamux-pings"))
            put_frame(&w, YAMUX_TYPE_PING, YAMUX_SYN, 0, i);
        if (is(a, "yamux-streams"))
            put_frame(&w, YAMUX_TYPE_WINDOW, YAMUX_SYN, id, 0);
        if (is(a, "yamux-resets")) {
            put_frame(&w, YAMUX_TYPE_WINDOW, YAMUX_SYN, id, 0);
            put_frame(&w, YAMUX_TYPE_WINDOW, YAMUX_RST, id, 0);
        }
        if (is(a, "yamux-unknown"))
            put_frame(&w, YAMUX_TYPE_DATA, 0, id, 0);
        if (is(a, "yamux-credit"))
            put_frame(&w, YAMUX_TYPE_WINDOW, i == 0 ? YAMUX_SYN : 0, FIRST_ID, UINT32_MAX);
    }
    write_channel(a, wr_done(&w));
}

/* --- what is said on the protocols of ours */

static void send_bft(struct attacker *a, const struct bft_message *m)
{
    uint8_t inner[4096];
    struct net_frame f = {.tag = NET_FRAME_BFT,
                          .bft = {bft_message_encode(m, (struct room){inner, sizeof inner})}};
    send_bytes(a, P2P_BFT, net_frame_encode(&f, (struct room){a->memory, ROOM}));
}

static void send_votes(struct attacker *a, uint16_t signer, uint64_t view, uint64_t seq)
{
    struct bft_message m = {.tag = BFT_MESSAGE_VOTE};
    m.vote.statement = (struct bft_statement){.type = BFT_TYPE_PREPARE, .view = view, .seq = seq};
    memset(m.vote.signature.bytes, 7, sizeof m.vote.signature.bytes);
    for (uint64_t i = 0; i < FLOOD; i++) {
        /* The epoch may end on the way. */
        m.vote.statement.epoch = a->epoch + i % 2;
        m.vote.statement.seq = seq == UINT64_MAX ? seq : seq + i / 8;
        m.vote.signer = signer == UINT16_MAX ? signer : (uint16_t)(i / 2 % 4);
        m.vote.statement.digest.bytes[0] = (uint8_t)i;
        send_bft(a, &m);
    }
}

/* Proposals as if from each member, for many slots. */
static void send_proposals(struct attacker *a)
{
    struct bft_message m = {.tag = BFT_MESSAGE_PROPOSE};
    memset(m.propose.signature.bytes, 9, sizeof m.propose.signature.bytes);
    m.propose.payload = SPAN_LITERAL("nothing that decodes");
    for (uint16_t i = 0; i < FLOOD; i++) {
        m.propose.epoch = a->epoch + i % 2;
        m.propose.signer = i / 2 % 4;
        m.propose.seq = a->height + 1 + i / 8;
        send_bft(a, &m);
    }
}

static void send_binding(struct attacker *a)
{
    struct signed_peer_binding b = {0};
    struct peer_id self = *p2p_self(a->p);
    b.binding.network = a->network;
    if (is(a, "binding-network"))
        b.binding.network.bytes[0] ^= 1;
    b.binding.peer = span_of(is(a, "binding-peer") ? a->victim.bytes : self.bytes, self.len);
    memset(b.binding.hotkey.bytes, 3, sizeof b.binding.hotkey.bytes);
    b.binding.last_epoch = UINT64_MAX;
    memset(b.signature.bytes, 5, sizeof b.signature.bytes);
    struct net_frame f = {.tag = NET_FRAME_BINDING, .binding = b};
    send_bytes(a, P2P_BFT, net_frame_encode(&f, (struct room){a->memory, ROOM}));
}

static void send_blob_frames(struct attacker *a)
{
    struct blob_frame f = {.tag = BLOB_FRAME_REQUEST,
                           .request = {.token = 1, .offset = UINT32_MAX, .length = UINT32_MAX}};
    uint32_t count = FLOOD;
    memset(f.request.blob.bytes, 0xab, HASH_SIZE);
    if (is(a, "blob-stray")) {
        static const uint8_t bytes[1024];
        f = (struct blob_frame){
            .tag = BLOB_FRAME_ANSWER,
            .answer = {.token = 1, .size = UINT32_MAX, .bytes = span_of(bytes, sizeof bytes)}};
    }
    for (uint32_t i = 0; i < count; i++)
        send_bytes(a, P2P_BLOB, blob_frame_encode(&f, (struct room){a->memory, ROOM}));
}

/* --- gossip */

/* A message of our own with a signature that is not ours. */
static void send_unsigned(struct attacker *a)
{
    uint8_t from[GOSSIP_FROM_SIZE], seqno[GOSSIP_SEQNO_SIZE] = {1}, signature[64] = {1};
    uint8_t message[512], rpc[600], head[4];
    struct gossip_message m = {.data = SPAN_LITERAL("forged"), .has_data = true};
    gossip_wire_from(a->p->key.bytes, from);
    m.from = span_of(from, sizeof from);
    m.seqno = span_of(seqno, sizeof seqno);
    m.topic = span_of(a->topic, strlen(a->topic));
    struct wr w = wr_init((struct room){message, sizeof message});
    gossip_wire_put_signed(&w, &m);
    gossip_wire_put_signature(&w, span_of(signature, sizeof signature));
    struct span whole = wr_done(&w);
    whole = span_of(whole.ptr + GOSSIP_SIGN_PREFIX_SIZE, whole.len - GOSSIP_SIGN_PREFIX_SIZE);
    w = wr_init((struct room){rpc, sizeof rpc});
    gossip_wire_put_publish(&w, whole);
    struct span bytes = wr_done(&w);
    head[0] = (uint8_t)(0x80 | (bytes.len & 0x7f));
    head[1] = (uint8_t)(bytes.len >> 7);
    write_stream(a, PROTOCOL_MESHSUB_11, span_of(head, 2));
    write_stream(a, PROTOCOL_MESHSUB_11, bytes);
}

/* Signed as it should be, and no operation. */
static void publish_garbage(struct attacker *a)
{
    for (uint32_t i = 0; i < FLOOD; i++)
        (void)p2p_publish(a->p, a->topic, SPAN_LITERAL("no operation at all"), driver_now_ms());
}

/* --- the attack */

static void misbehave(struct attacker *a)
{
    static const uint8_t huge_length[] = {1, 0, 0x10, 0}; /* P2P_FRAME_MAX + 1 */
    static const uint8_t huge_uvarint[] = {0xff, 0xff, 0xff, 0x7f};
    static const uint8_t huge_yamux[] = {0, 0, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff};
    static const uint8_t no_yamux[] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
    struct span garbage = SPAN_LITERAL("\377 this frame is not one of ours");
    if (is(a, "frame-oversize") || is(a, "frame-truncated")) {
        struct bft_message m = {.tag = BFT_MESSAGE_FETCH};
        send_bft(a, &m); /* Opens the stream. */
        if (is(a, "frame-oversize"))
            write_stream(a, PROTOCOL_BFT, span_of(huge_length, sizeof huge_length));
        else
            write_stream(a, PROTOCOL_BFT, SPAN_LITERAL("\377\0\0\0half"));
    } else if (is(a, "frame-garbage")) {
        send_bytes(a, P2P_BFT, garbage);
    } else if (is(a, "blob-garbage")) {
        send_bytes(a, P2P_BLOB, garbage);
    } else if (is(a, "rpc-oversize")) {
        write_stream(a, PROTOCOL_MESHSUB_11, span_of(huge_uvarint, sizeof huge_uvarint));
    } else if (is(a, "yamux-oversize")) {
        write_channel(a, span_of(huge_yamux, sizeof huge_yamux));
    } else if (is(a, "yamux-pings") || is(a, "yamux-streams") || is(a, "yamux-resets") ||
               is(a, "yamux-unknown") || is(a, "yamux-credit")) {
        flood_channel(a);
    } else if (is(a, "yamux-garbage")) {
        write_channel(a, span_of(no_yamux, sizeof no_yamux));
    } else if (is(a, "bft-garbage")) {
        struct net_frame f = {.tag = NET_FRAME_BFT, .bft = {garbage}};
        send_bytes(a, P2P_BFT, net_frame_encode(&f, (struct room){a->memory, ROOM}));
    } else if (is(a, "bft-signature")) {
        send_votes(a, 0, 0, a->height + 1);
        send_proposals(a);
    } else if (is(a, "bft-foreign")) {
        send_votes(a, UINT16_MAX, 0, a->height + 1);
    } else if (is(a, "bft-future")) {
        send_votes(a, 1, UINT64_MAX, UINT64_MAX);
    } else if (strncmp(a->way, "binding-", 8) == 0) {
        send_binding(a);
    } else if (is(a, "blob-unknown") || is(a, "blob-stray")) {
        send_blob_frames(a);
    } else if (is(a, "gossip-signature")) {
        send_unsigned(a);
    } else if (is(a, "gossip-garbage")) {
        publish_garbage(a);
    } else if (!is(a, "idle")) {
        end("failed", "no such way");
    }
}

static void on_frame(const struct p2p_out *o)
{
    static uint8_t work[ROOM + 4096];
    struct arena arena;
    struct blob_frame f;
    arena_init(&arena, (struct room){work, sizeof work});
    if (o->protocol == P2P_BLOB && blob_frame_decode(o->bytes, &arena, &f) == ERR_OK &&
        f.tag == BLOB_FRAME_ANSWER)
        printf("answer %u\n", f.answer.size);
}

static void on_out(void *ctx, const struct p2p_out *o)
{
    struct attacker *a = ctx;
    switch (o->kind) {
    case P2P_OUT_CLOSE:
        end("closed", o->why);
        break;
    case P2P_OUT_PEER_UP:
        a->victim = o->peer;
        a->up_ms = driver_now_ms();
        printf("up\n");
        break;
    case P2P_OUT_FRAME:
        on_frame(o);
        break;
    case P2P_OUT_PEER_DOWN: /* P2P_OUT_CLOSE follows. */
    case P2P_OUT_DIAL:
    case P2P_OUT_WRITE:
    case P2P_OUT_GOSSIP:
        break;
    }
}

/* Streams of the other end's asking are there a moment after it is up. */
static void attack(struct attacker *a)
{
    enum { SETTLE_MS = 150 };
    uint64_t now = driver_now_ms();
    if (a->up_ms == 0 || now < a->up_ms + SETTLE_MS)
        return;
    if (!a->misbehaved)
        misbehave(a);
    a->misbehaved = true;
    if (now > a->up_ms + SETTLE_MS + PATIENCE_MS)
        end("open", "");
}

static enum err start(struct attacker *a, uint16_t port)
{
    struct p2p_config c = {.agent = "attacker", .seqno_start = 1};
    struct p2p_endpoint to = {.family = 4, .address = {127, 0, 0, 1}, .port = port};
    p2p_limits_default(&c.limits);
    if (uv_random(NULL, NULL, c.identity_seed, sizeof c.identity_seed, 0, NULL) != 0 ||
        uv_random(NULL, NULL, c.entropy, sizeof c.entropy, 0, NULL) != 0)
        return ERR_IO;
    a->driver = (struct driver){.ctx = a, .on_out = on_out, .verdict = P2P_IGNORE};
    enum err e = driver_open(&a->driver, &a->loop, &c, c.limits.connections);
    a->p = a->driver.p2p;
    if (e == ERR_OK)
        e = p2p_subscribe(a->p, a->topic);
    if (e == ERR_OK)
        e = p2p_bootstrap(a->p, &to);
    return e;
}

int main(int argc, char **argv)
{
    static struct attacker a;
    struct room network = {a.network.bytes, HASH_SIZE};
    if ((argc != 4 && argc != 6) ||
        hex_decode(span_of(argv[2], strlen(argv[2])), network) != ERR_OK) {
        fprintf(stderr, "usage: attacker PORT NETWORK WAY [EPOCH HEIGHT]\n");
        return 2;
    }
    a.way = argv[3];
    a.epoch = argc == 6 ? strtoull(argv[4], NULL, 10) : 0;
    a.height = argc == 6 ? strtoull(argv[5], NULL, 10) : 0;
    snprintf(a.topic, sizeof a.topic, "/platform/%.16s/ops/1", argv[2]);
    if (uv_loop_init(&a.loop) != 0 || uv_timer_init(&a.loop, &a.timer) != 0 ||
        start(&a, (uint16_t)strtoul(argv[1], NULL, 10)) != ERR_OK)
        return 1;
    for (;;) {
        driver_turn(&a.driver, 1, &a.timer);
        attack(&a);
    }
}
