/* yamux: many streams over one byte stream (/yamux/1.0.0).
 *
 * Layer: L2, inside p2p.  Sans-IO: yamux_in takes what the channel decrypted,
 * yamux_out fills what the channel will encrypt.  Memory: a table of streams
 * taken once; buffered bytes in ropes that are charged to the connection.
 *
 *   YAMUX-1  A frame is judged by its header alone: nothing of a body is
 *            buffered that goes over the window that we gave.
 *   YAMUX-2  Credit is counted in 64 bits and refused above 2^32 - 1.
 *   YAMUX-3  What a peer can make us answer (PING, RST) is bounded by a queue;
 *            a peer that overflows it is disconnected.
 *   YAMUX-4  Streams with something to send take turns of YAMUX_QUANTUM bytes.
 *
 * A stream is named by its slot, 0 .. slots - 1, until yamux_free.  SYN, ACK, FIN
 * and RST are sent on WINDOW_UPDATE frames and accepted on both kinds. */
#ifndef P2P_YAMUX_H
#define P2P_YAMUX_H

#include "p2p/rope.h"

enum {
    YAMUX_HEADER_SIZE = 12,
    YAMUX_WINDOW = 256 << 10,    /* the protocol's initial credit, both ways */
    YAMUX_WINDOW_MAX = 16 << 20, /* what auto-tuning may reach */
    YAMUX_QUANTUM = 16 << 10,    /* bytes of one DATA frame that we send */
    YAMUX_REPLIES_MAX = 32,      /* PING answers, and RSTs, waiting to be sent */
    YAMUX_SLOTS_MAX = 256,
    YAMUX_NONE = UINT16_MAX,
};

/* Why a session ended; YAMUX_FINE while it has not. */
enum yamux_why {
    YAMUX_FINE,
    YAMUX_BAD_VERSION,
    YAMUX_BAD_TYPE,
    YAMUX_BAD_FLAGS,
    YAMUX_BAD_STREAM,  /* wrong parity, in use, or never opened */
    YAMUX_OVER_WINDOW, /* DATA beyond the credit that we gave */
    YAMUX_CREDIT_OVERFLOW,
    YAMUX_AFTER_FIN,
    YAMUX_BAD_PING, /* an answer to a question that we did not ask */
    YAMUX_REPLY_FLOOD,
    YAMUX_BUFFER_FULL, /* the connection's memory is used up */
    YAMUX_GOODBYE,     /* the peer sent GOAWAY */
};

const char *yamux_why_text(enum yamux_why w);

enum yamux_goaway { YAMUX_GOAWAY_NORMAL = 0, YAMUX_GOAWAY_PROTOCOL = 1, YAMUX_GOAWAY_INTERNAL = 2 };

struct yamux_stream {
    uint32_t id; /* 0: the slot is free */
    bool outbound;
    bool send_syn, send_ack, send_fin, send_rst;
    bool fin_sent;
    bool fin_in;          /* the peer sends no more */
    bool reset_in;        /* the peer reset it; nothing works any more */
    bool acked;           /* outbound: the peer answered */
    uint64_t credit;      /* bytes that we may send */
    uint32_t window;      /* what we keep open for the peer */
    uint32_t receivable;  /* of it, what the peer has not used */
    uint32_t unreturned;  /* received, not yet credited back */
    uint32_t send_delta;  /* credit to be sent */
    uint64_t credited_ms; /* when credit was last returned */
    struct rope in, out;
};

struct yamux {
    struct yamux_stream *streams;
    uint16_t slots;
    uint16_t turn;    /* the slot that sends next */
    uint16_t inbound; /* streams that the peer opened */
    uint16_t inbound_max;
    uint32_t next_id;
    uint32_t seen_id; /* the highest id that the peer opened */
    uint32_t rtt_ms;  /* 0: unknown; no auto-tuning */
    bool dialer;
    enum yamux_why why;
    struct rope_budget *budget;
    uint64_t pending[YAMUX_SLOTS_MAX / 64]; /* something to send */
    uint64_t ready[YAMUX_SLOTS_MAX / 64];   /* something new for the host */
    uint32_t pings[YAMUX_REPLIES_MAX], resets[YAMUX_REPLIES_MAX];
    uint8_t ping_count, reset_count;
    bool goaway_pending;
    uint32_t goaway_code;
    uint32_t refused; /* streams over the limit, counted */
    /* The frame being read. */
    uint8_t head[YAMUX_HEADER_SIZE];
    uint8_t head_len;
    uint16_t body_slot; /* YAMUX_NONE: to be skipped */
    uint32_t body_left;
};

/* yamux_init: streams (slots of them, zeroed) and budget are kept. */
void yamux_init(struct yamux *y, struct yamux_stream *streams, uint16_t slots, bool dialer,
                struct rope_budget *budget);

/* yamux_in consumes all of in.  Anything but YAMUX_FINE is final. */
enum yamux_why yamux_in(struct yamux *y, struct span in, uint64_t now_ms);

/* yamux_out writes whole frames into out; returns how many bytes. */
size_t yamux_out(struct yamux *y, struct room out);
bool yamux_has_out(const struct yamux *y);

/* yamux_ready: a slot with news (opened, bytes, FIN, RST, credit), each once;
 * YAMUX_NONE: no more. */
uint16_t yamux_ready(struct yamux *y);

/* yamux_open: YAMUX_NONE when every slot is taken or the ids are used up. */
uint16_t yamux_open(struct yamux *y, uint64_t now_ms);

/* yamux_write queues all of s or nothing.  ERR_FULL: the budget; ERR_CLOSED:
 * reset, or our side was closed. */
enum err yamux_write(struct yamux *y, uint16_t slot, struct span s);

/* yamux_read drops len bytes from the front of the stream's in rope. */
void yamux_read(struct yamux *y, uint16_t slot, size_t len);

/* yamux_credit returns to the peer the credit of all that it sent so far: call
 * it when no complete message waits in the stream. */
void yamux_credit(struct yamux *y, uint16_t slot, uint64_t now_ms);

void yamux_close(struct yamux *y, uint16_t slot); /* FIN, once all is sent */
void yamux_reset(struct yamux *y, uint16_t slot); /* RST at once; frees the slot */

/* yamux_is_over: both sides are closed or it was reset: yamux_free it. */
bool yamux_is_over(const struct yamux *y, uint16_t slot);
void yamux_free(struct yamux *y, uint16_t slot);

void yamux_goaway(struct yamux *y, enum yamux_goaway code);

/* yamux_deinit gives every buffered byte back. */
void yamux_deinit(struct yamux *y);

#endif
