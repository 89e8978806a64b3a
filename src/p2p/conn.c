#include "p2p/conn.h"

#include "crypto/secret.h"
#include "p2p/protocols.h"

enum { LENGTH_SIZE = 2, MESSAGE_FULL = LENGTH_SIZE + NOISE_MESSAGE_MAX };

static enum p2p_why queue(struct conn *c, struct rope *r, struct span s)
{
    return rope_append(r, &c->budget, s) == ERR_OK ? P2P_WHY_NONE : P2P_WHY_BUFFER_FULL;
}

/* The next message of the handshake, framed. */
static enum p2p_why write_handshake(struct conn *c, struct span payload)
{
    uint8_t bytes[LENGTH_SIZE + HELLO_SIZE_MAX + NOISE_HANDSHAKE_COST];
    size_t len = 0;
    struct room room = {bytes + LENGTH_SIZE, sizeof bytes - LENGTH_SIZE};
    if (noise_write(&c->noise, &c->send_aead, payload, room, &len) != ERR_OK)
        return P2P_WHY_BAD_NOISE;
    bytes[0] = (uint8_t)(len >> 8);
    bytes[1] = (uint8_t)len;
    return queue(c, &c->raw, span_of(bytes, LENGTH_SIZE + len));
}

void conn_start(struct conn *c, const struct conn_host *host, bool dialer,
                const uint8_t ephemeral_secret[X25519_SIZE])
{
    uint8_t bytes[MULTISTREAM_WRITE_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    assert(c->in.len == 0 && c->raw.len == 0 && c->plain.len == 0);
    c->state = CONN_SECURITY;
    c->host = host;
    c->dialer = dialer;
    c->budget.max = CONN_UPGRADE_BUDGET;
    noise_init(&c->noise, dialer, (struct span){0}, &host->noise, ephemeral_secret);
    if (!dialer) {
        c->mss = multistream_listen(protocols_noise(), 1);
        return;
    }
    c->mss = multistream_dial(protocols_noise(), 1, &w);
    enum p2p_why why = queue(c, &c->raw, wr_done(&w));
    if (why == P2P_WHY_NONE)
        why = write_handshake(c, (struct span){0});
    /* A pool that is empty now fails the first read, too. */
    if (why != P2P_WHY_NONE)
        c->noise.failed = true;
}

static enum p2p_why open_muxer(struct conn *c, uint32_t buffered_max)
{
    c->state = CONN_OPEN;
    c->budget.max = buffered_max;
    yamux_init(&c->yamux, c->streams, c->stream_count, c->dialer, &c->budget);
    return P2P_WHY_NONE;
}

/* The handshake is complete: key the channel, go on to the muxer. */
static enum p2p_why finish_handshake(struct conn *c, uint32_t buffered_max)
{
    uint8_t bytes[MULTISTREAM_WRITE_MAX];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    noise_split(&c->noise, &c->send_aead, &c->receive_aead);
    c->send = (struct noise_channel){&c->send_aead, 0};
    c->receive = (struct noise_channel){&c->receive_aead, 0};
    switch (c->muxer) {
    case HELLO_YAMUX:
        return open_muxer(c, buffered_max);
    case HELLO_NO_MUXER:
        return P2P_WHY_NO_MUXER;
    case HELLO_NEGOTIATE:
        break;
    }
    c->state = CONN_MUXER;
    c->budget.max = buffered_max; /* We know who it is. */
    c->mss = c->dialer ? multistream_dial(protocols_yamux(), 1, &w)
                       : multistream_listen(protocols_yamux(), 1);
    return queue(c, &c->plain, wr_done(&w));
}

static enum p2p_why take_hello(struct conn *c, struct span payload)
{
    struct hello h;
    enum err e = hello_decode(payload, c->noise.peer_static, &h);
    if (e != ERR_OK)
        return e == ERR_UNSUPPORTED ? P2P_WHY_UNSUPPORTED_KEY : P2P_WHY_BAD_HELLO;
    c->peer_key = h.key;
    c->peer = peer_id_of(&h.key);
    c->muxer = h.muxer;
    return P2P_WHY_NONE;
}

static enum p2p_why on_handshake(struct conn *c, struct room message, uint32_t buffered_max)
{
    struct span payload, hello = span_of(c->host->hello, c->host->hello_size);
    enum p2p_why why = P2P_WHY_NONE;
    if (noise_turn(&c->noise) != NOISE_READ ||
        noise_read(&c->noise, &c->receive_aead, message, &payload) != ERR_OK)
        return P2P_WHY_BAD_NOISE;
    /* The first message carries nothing: it would travel in the clear. */
    if (c->noise.messages > 1)
        why = take_hello(c, payload);
    if (why == P2P_WHY_NONE && noise_turn(&c->noise) == NOISE_WRITE)
        why = write_handshake(c, hello);
    if (why == P2P_WHY_NONE && noise_turn(&c->noise) == NOISE_DONE)
        why = finish_handshake(c, buffered_max);
    return why;
}

static enum p2p_why yamux_result(enum yamux_why why)
{
    switch (why) {
    case YAMUX_FINE:
        return P2P_WHY_NONE;
    case YAMUX_GOODBYE:
        return P2P_WHY_GOODBYE;
    case YAMUX_BUFFER_FULL:
        return P2P_WHY_BUFFER_FULL;
    case YAMUX_REPLY_FLOOD:
        return P2P_WHY_FLOOD;
    case YAMUX_BAD_VERSION:
    case YAMUX_BAD_TYPE:
    case YAMUX_BAD_FLAGS:
    case YAMUX_BAD_STREAM:
    case YAMUX_OVER_WINDOW:
    case YAMUX_CREDIT_OVERFLOW:
    case YAMUX_AFTER_FIN:
    case YAMUX_BAD_PING:
        return P2P_WHY_BAD_YAMUX;
    }
    return P2P_WHY_BAD_YAMUX;
}

/* Moves bytes from in to r until that holds want of them. */
static enum p2p_why gather(struct conn *c, struct rope *r, struct span *in, size_t want)
{
    size_t n = r->len < want ? min_u64(want - r->len, in->len) : 0;
    enum p2p_why why = queue(c, r, span_of(in->ptr, n));
    *in = span_of(in->ptr + n, in->len - n);
    return why;
}

/* One round of multistream-select: tokens are read through from, answered
 * through out. */
static enum p2p_why step_mss(struct conn *c, struct rope *from, struct span *in, struct rope *out,
                             bool *agreed)
{
    uint8_t bytes[MULTISTREAM_READ_MAX], answer[MULTISTREAM_WRITE_MAX];
    struct wr w = wr_init((struct room){answer, sizeof answer});
    enum p2p_why why = gather(c, from, in, sizeof bytes);
    if (why != P2P_WHY_NONE)
        return why;
    size_t used, len = rope_peek(from, (struct room){bytes, sizeof bytes});
    enum multistream_result r = multistream_step(&c->mss, span_of(bytes, len), &used, &w);
    rope_drop(from, &c->budget, used);
    *agreed = r == MULTISTREAM_AGREED;
    switch (r) {
    case MULTISTREAM_MORE:
    case MULTISTREAM_AGREED:
        return queue(c, out, wr_done(&w));
    case MULTISTREAM_NONE:
        return c->state == CONN_MUXER ? P2P_WHY_NO_MUXER : P2P_WHY_NO_SECURITY;
    case MULTISTREAM_BROKEN:
        break;
    }
    return P2P_WHY_BAD_MULTISTREAM;
}

/* The plaintext of one message. */
static enum p2p_why on_text(struct conn *c, struct span text, uint32_t buffered_max,
                            uint64_t now_ms)
{
    enum p2p_why why = P2P_WHY_NONE;
    while (c->state == CONN_MUXER && why == P2P_WHY_NONE && text.len != 0) {
        bool agreed;
        why = step_mss(c, &c->tokens, &text, &c->plain, &agreed);
        if (why == P2P_WHY_NONE && agreed)
            why = open_muxer(c, buffered_max);
    }
    if (why != P2P_WHY_NONE || c->state != CONN_OPEN)
        return why;
    while (c->tokens.len != 0 && c->yamux.why == YAMUX_FINE) {
        struct span front = rope_front(&c->tokens);
        (void)yamux_in(&c->yamux, front, now_ms);
        rope_drop(&c->tokens, &c->budget, front.len);
    }
    return yamux_result(yamux_in(&c->yamux, text, now_ms));
}

/* The next whole Noise message, copied to the scratch room; empty when more
 * bytes are needed. */
static enum p2p_why next_message(struct conn *c, struct span *in, struct room *message)
{
    uint8_t head[LENGTH_SIZE];
    size_t max = c->state == CONN_NOISE ? NOISE_HANDSHAKE_MAX : NOISE_MESSAGE_MAX;
    *message = (struct room){0};
    enum p2p_why why = P2P_WHY_NONE;
    if (c->in.len != 0 || in->len < LENGTH_SIZE) {
        why = gather(c, &c->in, in, LENGTH_SIZE);
        if (why != P2P_WHY_NONE || c->in.len < LENGTH_SIZE)
            return why;
        (void)rope_peek(&c->in, (struct room){head, sizeof head});
    } else {
        memcpy(head, in->ptr, sizeof head);
    }
    size_t len = (size_t)head[0] << 8 | head[1], total = LENGTH_SIZE + len;
    if (len > max)
        return P2P_WHY_TOO_BIG;
    if (c->in.len == 0 && in->len >= total) { /* the common case: no queueing */
        memcpy(c->host->scratch, in->ptr + LENGTH_SIZE, len);
        *in = span_of(in->ptr + total, in->len - total);
    } else {
        why = gather(c, &c->in, in, total);
        if (why != P2P_WHY_NONE || c->in.len < total)
            return why;
        rope_drop(&c->in, &c->budget, LENGTH_SIZE);
        (void)rope_peek(&c->in, (struct room){c->host->scratch, len});
        rope_drop(&c->in, &c->budget, len);
    }
    *message = (struct room){c->host->scratch, len};
    return P2P_WHY_NONE;
}

static enum p2p_why on_message(struct conn *c, struct room message, uint32_t buffered_max,
                               uint64_t now_ms)
{
    struct span text;
    if (c->state == CONN_NOISE)
        return on_handshake(c, message, buffered_max);
    if (noise_open(&c->receive, message, &text) != ERR_OK)
        return P2P_WHY_BAD_NOISE;
    return on_text(c, text, buffered_max, now_ms);
}

enum p2p_why conn_in(struct conn *c, struct span in, uint32_t buffered_max, uint64_t now_ms)
{
    enum p2p_why why =
        c->noise.failed && c->state == CONN_SECURITY ? P2P_WHY_BUFFER_FULL : P2P_WHY_NONE;
    while (c->state == CONN_SECURITY && why == P2P_WHY_NONE && in.len != 0) {
        bool agreed;
        why = step_mss(c, &c->in, &in, &c->raw, &agreed);
        if (why == P2P_WHY_NONE && agreed)
            c->state = CONN_NOISE;
    }
    bool more = c->state >= CONN_NOISE && c->state <= CONN_OPEN;
    while (more && why == P2P_WHY_NONE) {
        struct room message;
        why = next_message(c, &in, &message);
        more = message.ptr != NULL;
        if (more && why == P2P_WHY_NONE)
            why = on_message(c, message, buffered_max, now_ms);
    }
    return why;
}

bool conn_has_out(const struct conn *c)
{
    return c->raw.len != 0 || c->plain.len != 0 ||
           ((c->state == CONN_OPEN || c->state == CONN_CLOSING) && yamux_has_out(&c->yamux));
}

static size_t move(struct conn *c, struct rope *r, struct room room)
{
    size_t n = rope_peek(r, room);
    rope_drop(r, &c->budget, n);
    return n;
}

enum p2p_why conn_out(struct conn *c, struct room room, size_t *len)
{
    size_t at = move(c, &c->raw, room);
    assert(room.len >= MESSAGE_FULL);
    while (c->raw.len == 0 && conn_has_out(c) && room.len - at > 1024) {
        uint8_t *text = room.ptr + at + LENGTH_SIZE;
        size_t max = min_u64(room.len - at - LENGTH_SIZE - AEAD_TAG_SIZE, NOISE_TEXT_MAX);
        size_t n = move(c, &c->plain, (struct room){text, max});
        if (c->state != CONN_MUXER && c->plain.len == 0)
            n += yamux_out(&c->yamux, (struct room){text + n, max - n});
        if (n == 0)
            break;
        if (noise_seal(&c->send, text, n) != ERR_OK)
            return P2P_WHY_BAD_NOISE;
        n += AEAD_TAG_SIZE;
        room.ptr[at] = (uint8_t)(n >> 8);
        room.ptr[at + 1] = (uint8_t)n;
        at += LENGTH_SIZE + n;
    }
    *len = at;
    return P2P_WHY_NONE;
}

void conn_end(struct conn *c, enum conn_last last, enum yamux_goaway code)
{
    bool can_speak = c->state == CONN_OPEN && last != CONN_NOTHING;
    /* Without the end of the handshake a GOAWAY is noise to the other end. */
    if (last == CONN_GOODBYE && c->raw.len != 0)
        can_speak = false;
    if (c->state == CONN_OPEN)
        yamux_deinit(&c->yamux);
    rope_clear(&c->in, &c->budget);
    rope_clear(&c->tokens, &c->budget);
    rope_clear(&c->plain, &c->budget);
    if (!can_speak)
        rope_clear(&c->raw, &c->budget);
    assert(c->raw.len != 0 || c->budget.used == 0);
    c->state = CONN_CLOSING;
    /* A session of its own for the last word: no stream is left in it. */
    yamux_init(&c->yamux, c->streams, c->stream_count, c->dialer, &c->budget);
    if (can_speak)
        yamux_goaway(&c->yamux, code);
}

void conn_free(struct conn *c)
{
    uint8_t zero[AEAD_KEY_SIZE] = {0};
    if (c->state != CONN_CLOSING)
        conn_end(c, CONN_NOTHING, YAMUX_GOAWAY_NORMAL);
    rope_clear(&c->raw, &c->budget);
    noise_wipe(&c->noise);
    aead_rekey(&c->send_aead, zero);
    aead_rekey(&c->receive_aead, zero);
    c->state = CONN_FREE;
}
