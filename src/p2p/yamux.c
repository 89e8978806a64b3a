#include "p2p/yamux.h"

#include "codec/wr.h"

enum type { DATA, WINDOW_UPDATE, PING, GOAWAY };
enum { SYN = 1, ACK = 2, FIN = 4, RST = 8, FLAGS = 15 };
enum { WORTHWHILE = 1024 }; /* the least body that is worth a frame of its own */

struct frame {
    uint8_t version, type;
    uint16_t flags;
    uint32_t id, len;
};

const char *yamux_why_text(enum yamux_why w)
{
    switch (w) {
    case YAMUX_FINE:
        return "yamux_fine";
    case YAMUX_BAD_VERSION:
        return "yamux_bad_version";
    case YAMUX_BAD_TYPE:
        return "yamux_bad_type";
    case YAMUX_BAD_FLAGS:
        return "yamux_bad_flags";
    case YAMUX_BAD_STREAM:
        return "yamux_bad_stream";
    case YAMUX_OVER_WINDOW:
        return "yamux_over_window";
    case YAMUX_CREDIT_OVERFLOW:
        return "yamux_credit_overflow";
    case YAMUX_AFTER_FIN:
        return "yamux_data_after_fin";
    case YAMUX_BAD_PING:
        return "yamux_bad_ping";
    case YAMUX_REPLY_FLOOD:
        return "yamux_reply_flood";
    case YAMUX_BUFFER_FULL:
        return "yamux_buffer_full";
    case YAMUX_GOODBYE:
        return "yamux_goodbye";
    }
    return "?";
}

static void mark(uint64_t *set, uint16_t slot)
{
    set[slot / 64] |= 1ull << (slot % 64);
}

static void unmark(uint64_t *set, uint16_t slot)
{
    set[slot / 64] &= ~(1ull << (slot % 64));
}

/* The first marked slot at or after from, going round; YAMUX_NONE: none. */
static uint16_t next_marked(const uint64_t *set, uint16_t slots, uint16_t from)
{
    uint16_t words = (uint16_t)((slots + 63) / 64);
    for (uint16_t i = 0; i <= words; i++) {
        uint16_t w = (uint16_t)((from / 64 + i) % words);
        uint64_t bits = set[w];
        if (i == 0)
            bits &= UINT64_MAX << (from % 64);
        if (bits != 0)
            return (uint16_t)(w * 64 + __builtin_ctzll(bits));
    }
    return YAMUX_NONE;
}

void yamux_init(struct yamux *y, struct yamux_stream *streams, uint16_t slots, bool dialer,
                struct rope_budget *budget)
{
    assert(slots >= 2 && slots <= YAMUX_SLOTS_MAX);
    *y = (struct yamux){
        .streams = streams,
        .slots = slots,
        /* The peer cannot take the slots that our own streams need. */
        .inbound_max = (uint16_t)(slots - slots / 4),
        .dialer = dialer,
        .next_id = dialer ? 1 : 2,
        .budget = budget,
        .body_slot = YAMUX_NONE,
    };
}

static uint16_t find(const struct yamux *y, uint32_t id)
{
    for (uint16_t i = 0; i < y->slots; i++)
        if (y->streams[i].id == id)
            return i;
    return YAMUX_NONE;
}

static uint16_t take_slot(struct yamux *y, uint32_t id, bool outbound, uint64_t now_ms)
{
    uint16_t slot = find(y, 0);
    if (slot == YAMUX_NONE)
        return slot;
    y->streams[slot] = (struct yamux_stream){
        .id = id,
        .outbound = outbound,
        .send_syn = outbound,
        .send_ack = !outbound,
        .credit = YAMUX_WINDOW,
        .window = YAMUX_WINDOW,
        .receivable = YAMUX_WINDOW,
        .credited_ms = now_ms,
    };
    mark(y->pending, slot);
    return slot;
}

uint16_t yamux_open(struct yamux *y, uint64_t now_ms)
{
    if (y->why != YAMUX_FINE || y->next_id > UINT32_MAX - 2)
        return YAMUX_NONE;
    uint16_t slot = take_slot(y, y->next_id, true, now_ms);
    if (slot != YAMUX_NONE)
        y->next_id += 2;
    return slot;
}

static void queue_reset(struct yamux *y, uint32_t id)
{
    if (y->reset_count == YAMUX_REPLIES_MAX)
        y->why = YAMUX_REPLY_FLOOD;
    else
        y->resets[y->reset_count++] = id;
}

/* Whether this id can be that of a stream which is gone by now. */
static bool was_opened(const struct yamux *y, uint32_t id)
{
    bool ours = (id % 2 == 1) == y->dialer;
    return ours ? id < y->next_id : id <= y->seen_id;
}

/* A SYN: the new stream's slot, or YAMUX_NONE when it is refused. */
static uint16_t on_syn(struct yamux *y, const struct frame *f, uint64_t now_ms)
{
    if ((f->id % 2 == 1) == y->dialer || find(y, f->id) != YAMUX_NONE) {
        y->why = YAMUX_BAD_STREAM;
        return YAMUX_NONE;
    }
    if (f->id > y->seen_id)
        y->seen_id = f->id;
    if (f->type == DATA && f->len > YAMUX_WINDOW) {
        y->why = YAMUX_OVER_WINDOW;
        return YAMUX_NONE;
    }
    if (f->flags & RST)
        return YAMUX_NONE;
    uint16_t slot = y->inbound < y->inbound_max ? take_slot(y, f->id, false, now_ms) : YAMUX_NONE;
    if (slot == YAMUX_NONE) {
        y->refused++;
        queue_reset(y, f->id);
        return YAMUX_NONE;
    }
    y->inbound++;
    mark(y->ready, slot);
    return slot;
}

static void drop_stream(struct yamux *y, uint16_t slot)
{
    struct yamux_stream *s = &y->streams[slot];
    rope_clear(&s->in, y->budget);
    rope_clear(&s->out, y->budget);
    if (y->body_slot == slot)
        y->body_slot = YAMUX_NONE;
    unmark(y->pending, slot);
}

static void on_window(struct yamux *y, uint16_t slot, const struct frame *f)
{
    struct yamux_stream *s = &y->streams[slot];
    s->credit += f->len;
    if (s->credit > UINT32_MAX) {
        y->why = YAMUX_CREDIT_OVERFLOW;
        return;
    }
    if (s->out.len != 0)
        mark(y->pending, slot);
}

static void on_data(struct yamux *y, uint16_t slot, const struct frame *f)
{
    struct yamux_stream *s = &y->streams[slot];
    if (f->len > s->receivable) {
        y->why = YAMUX_OVER_WINDOW;
    } else if (s->fin_in && f->len != 0) {
        y->why = YAMUX_AFTER_FIN;
    } else {
        s->receivable -= f->len;
        y->body_slot = slot;
        y->body_left = f->len;
    }
}

/* A frame of a stream that is gone or refused: only its body has to pass. */
static void on_stray(struct yamux *y, const struct frame *f)
{
    if (f->type != DATA)
        return;
    if (f->len > YAMUX_WINDOW_MAX) {
        y->why = YAMUX_OVER_WINDOW;
        return;
    }
    y->body_slot = YAMUX_NONE;
    y->body_left = f->len;
}

static void on_stream_frame(struct yamux *y, const struct frame *f, uint64_t now_ms)
{
    if (f->id == 0) {
        y->why = YAMUX_BAD_STREAM;
        return;
    }
    uint16_t slot = f->flags & SYN ? on_syn(y, f, now_ms) : find(y, f->id);
    if (y->why != YAMUX_FINE)
        return;
    if (slot == YAMUX_NONE && !was_opened(y, f->id)) {
        y->why = YAMUX_BAD_STREAM;
        return;
    }
    if (slot == YAMUX_NONE || y->streams[slot].reset_in) {
        on_stray(y, f);
        return;
    }
    struct yamux_stream *s = &y->streams[slot];
    s->acked |= (f->flags & ACK) != 0;
    if (f->flags & RST) { /* The length of such a WINDOW_UPDATE is an error code. */
        drop_stream(y, slot);
        s->reset_in = true;
        on_stray(y, f);
    } else if (f->type == DATA) {
        on_data(y, slot, f);
    } else {
        on_window(y, slot, f);
    }
    if (f->flags & (FIN | RST))
        mark(y->ready, slot);
    /* A FIN on a DATA frame counts once the body is in; see finish_body. */
    if (f->flags & FIN && y->body_left == 0)
        s->fin_in = true;
}

static void on_ping(struct yamux *y, const struct frame *f)
{
    if (f->id != 0)
        y->why = YAMUX_BAD_STREAM;
    else if (f->flags == ACK)
        y->why = YAMUX_BAD_PING; /* We never ask. */
    else if (f->flags != SYN)
        y->why = YAMUX_BAD_FLAGS;
    else if (y->ping_count == YAMUX_REPLIES_MAX)
        y->why = YAMUX_REPLY_FLOOD;
    else
        y->pings[y->ping_count++] = f->len;
}

static uint32_t big32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static struct frame parse_head(const uint8_t head[YAMUX_HEADER_SIZE])
{
    return (struct frame){.version = head[0],
                          .type = head[1],
                          .flags = (uint16_t)(head[2] << 8 | head[3]),
                          .id = big32(head + 4),
                          .len = big32(head + 8)};
}

static void on_frame(struct yamux *y, const struct frame *f, uint64_t now_ms)
{
    if (f->version != 0) {
        y->why = YAMUX_BAD_VERSION;
        return;
    }
    if (f->flags & ~FLAGS) {
        y->why = YAMUX_BAD_FLAGS;
        return;
    }
    switch ((uint32_t)f->type) {
    case DATA:
    case WINDOW_UPDATE:
        on_stream_frame(y, f, now_ms);
        break;
    case PING:
        on_ping(y, f);
        break;
    case GOAWAY:
        y->why = f->id == 0 ? YAMUX_GOODBYE : YAMUX_BAD_STREAM;
        break;
    default:
        y->why = YAMUX_BAD_TYPE;
    }
}

/* Takes what is there of the present frame's body. */
static size_t take_body(struct yamux *y, struct span in)
{
    size_t n = min_u64(in.len, y->body_left);
    y->body_left -= (uint32_t)n;
    if (y->body_slot != YAMUX_NONE) {
        struct yamux_stream *s = &y->streams[y->body_slot];
        if (rope_append(&s->in, y->budget, span_of(in.ptr, n)) != ERR_OK)
            y->why = YAMUX_BUFFER_FULL;
        s->unreturned += (uint32_t)n;
        mark(y->ready, y->body_slot);
        if (y->body_left == 0 && parse_head(y->head).flags & FIN)
            s->fin_in = true;
    }
    return n;
}

enum yamux_why yamux_in(struct yamux *y, struct span in, uint64_t now_ms)
{
    while (y->why == YAMUX_FINE && in.len != 0) {
        size_t n;
        if (y->body_left != 0) {
            n = take_body(y, in);
        } else {
            n = min_u64(in.len, YAMUX_HEADER_SIZE - y->head_len);
            memcpy(y->head + y->head_len, in.ptr, n);
            y->head_len = (uint8_t)(y->head_len + n);
            if (y->head_len == YAMUX_HEADER_SIZE) {
                struct frame f = parse_head(y->head);
                y->head_len = 0;
                on_frame(y, &f, now_ms);
            }
        }
        in = span_of(in.ptr + n, in.len - n);
    }
    return y->why;
}

static void put32(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

/* Writes one header; the caller made sure that it fits. */
static void put_head(struct room out, size_t *at, struct frame f)
{
    assert(out.len - *at >= YAMUX_HEADER_SIZE);
    uint8_t *p = out.ptr + *at;
    p[0] = 0;
    p[1] = f.type;
    p[2] = (uint8_t)(f.flags >> 8);
    p[3] = (uint8_t)f.flags;
    put32(p + 4, f.id);
    put32(p + 8, f.len);
    *at += YAMUX_HEADER_SIZE;
}

static bool fits(struct room out, size_t at)
{
    return out.len - at >= YAMUX_HEADER_SIZE;
}

/* GOAWAY, answers to pings and resets of streams that we do not have. */
static void put_replies(struct yamux *y, struct room out, size_t *at)
{
    while (y->ping_count != 0 && fits(out, *at)) {
        put_head(out, at, (struct frame){.type = PING, .flags = ACK, .len = y->pings[0]});
        memmove(y->pings, y->pings + 1, --y->ping_count * sizeof y->pings[0]);
    }
    while (y->reset_count != 0 && fits(out, *at)) {
        put_head(out, at, (struct frame){.type = WINDOW_UPDATE, .flags = RST, .id = y->resets[0]});
        memmove(y->resets, y->resets + 1, --y->reset_count * sizeof y->resets[0]);
    }
    if (y->goaway_pending && fits(out, *at)) {
        y->goaway_pending = false;
        put_head(out, at, (struct frame){.type = GOAWAY, .len = y->goaway_code});
    }
}

/* One DATA frame of at most a quantum. */
static void put_data(struct yamux *y, struct yamux_stream *s, struct room out, size_t *at)
{
    size_t want = min_u64(min_u64(s->out.len, s->credit), YAMUX_QUANTUM);
    if (want == 0 || out.len - *at < YAMUX_HEADER_SIZE + min_u64(want, WORTHWHILE))
        return;
    size_t n = min_u64(want, out.len - *at - YAMUX_HEADER_SIZE);
    put_head(out, at, (struct frame){.type = DATA, .id = s->id, .len = (uint32_t)n});
    size_t got = rope_peek(&s->out, (struct room){out.ptr + *at, n});
    assert(got == n);
    rope_drop(&s->out, y->budget, n);
    s->credit -= n;
    *at += n;
}

static void put_stream(struct yamux *y, struct yamux_stream *s, struct room out, size_t *at)
{
    if ((s->send_syn || s->send_ack || s->send_delta != 0) && fits(out, *at)) {
        uint16_t flags = (uint16_t)((s->send_syn ? SYN : 0) | (s->send_ack ? ACK : 0));
        put_head(out, at,
                 (struct frame){
                     .type = WINDOW_UPDATE, .flags = flags, .id = s->id, .len = s->send_delta});
        s->send_syn = s->send_ack = false;
        s->send_delta = 0;
    }
    put_data(y, s, out, at);
    if (s->send_fin && s->out.len == 0 && fits(out, *at)) {
        put_head(out, at, (struct frame){.type = WINDOW_UPDATE, .flags = FIN, .id = s->id});
        s->send_fin = false;
        s->fin_sent = true;
    }
}

static bool has_more(const struct yamux_stream *s)
{
    return s->send_syn || s->send_ack || s->send_delta != 0 || (s->send_fin && s->out.len == 0) ||
           (s->out.len != 0 && s->credit != 0);
}

size_t yamux_out(struct yamux *y, struct room out)
{
    size_t at = 0;
    put_replies(y, out, &at);
    while (fits(out, at)) {
        uint16_t slot = next_marked(y->pending, y->slots, y->turn);
        if (slot == YAMUX_NONE)
            break;
        struct yamux_stream *s = &y->streams[slot];
        size_t before = at;
        put_stream(y, s, out, &at);
        bool more = has_more(s);
        if (!more) {
            unmark(y->pending, slot);
            if (s->out.len == 0)
                mark(y->ready, slot); /* Drained, or closed: the host may go on. */
        }
        if (more && at == before)
            break; /* No room for what it has; it keeps its turn. */
        y->turn = (uint16_t)((slot + 1) % y->slots);
    }
    return at;
}

bool yamux_has_out(const struct yamux *y)
{
    return y->ping_count != 0 || y->reset_count != 0 || y->goaway_pending ||
           next_marked(y->pending, y->slots, 0) != YAMUX_NONE;
}

uint16_t yamux_ready(struct yamux *y)
{
    uint16_t slot = next_marked(y->ready, y->slots, 0);
    if (slot != YAMUX_NONE)
        unmark(y->ready, slot);
    return slot;
}

enum err yamux_write(struct yamux *y, uint16_t slot, struct span bytes)
{
    struct yamux_stream *s = &y->streams[slot];
    assert(s->id != 0);
    if (s->reset_in || s->send_fin || s->fin_sent)
        return ERR_CLOSED;
    enum err e = rope_append(&s->out, y->budget, bytes);
    if (e == ERR_OK && (s->credit != 0 || s->send_syn))
        mark(y->pending, slot);
    return e;
}

void yamux_read(struct yamux *y, uint16_t slot, size_t len)
{
    rope_drop(&y->streams[slot].in, y->budget, len);
}

void yamux_credit(struct yamux *y, uint16_t slot, uint64_t now_ms)
{
    struct yamux_stream *s = &y->streams[slot];
    if (s->unreturned < s->window / 2 || s->fin_in || s->reset_in)
        return;
    uint32_t delta = s->unreturned;
    /* Half a window used up within two round trips: the window, not the reader,
     * is what holds the peer back. */
    if (y->rtt_ms != 0 && now_ms - s->credited_ms <= 2 * (uint64_t)y->rtt_ms &&
        s->window <= YAMUX_WINDOW_MAX / 2) {
        delta += s->window;
        s->window *= 2;
    }
    s->unreturned = 0;
    s->receivable += delta;
    s->send_delta += delta;
    s->credited_ms = now_ms;
    mark(y->pending, slot);
}

void yamux_close(struct yamux *y, uint16_t slot)
{
    struct yamux_stream *s = &y->streams[slot];
    if (s->fin_sent || s->send_fin || s->reset_in)
        return;
    s->send_fin = true;
    mark(y->pending, slot);
}

void yamux_reset(struct yamux *y, uint16_t slot)
{
    struct yamux_stream *s = &y->streams[slot];
    bool silent = s->reset_in || s->send_syn || yamux_is_over(y, slot);
    uint32_t id = s->id;
    drop_stream(y, slot);
    yamux_free(y, slot);
    if (!silent && y->why == YAMUX_FINE)
        queue_reset(y, id);
}

bool yamux_is_over(const struct yamux *y, uint16_t slot)
{
    const struct yamux_stream *s = &y->streams[slot];
    return s->reset_in || (s->fin_sent && s->fin_in);
}

void yamux_free(struct yamux *y, uint16_t slot)
{
    struct yamux_stream *s = &y->streams[slot];
    assert(s->id != 0);
    drop_stream(y, slot);
    unmark(y->ready, slot);
    if (!s->outbound)
        y->inbound--;
    *s = (struct yamux_stream){0};
}

void yamux_goaway(struct yamux *y, enum yamux_goaway code)
{
    y->goaway_pending = true;
    y->goaway_code = code;
}

void yamux_deinit(struct yamux *y)
{
    for (uint16_t i = 0; i < y->slots; i++)
        if (y->streams[i].id != 0)
            yamux_free(y, i);
}
