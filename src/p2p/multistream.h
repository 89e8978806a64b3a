/* multistream: both ends of multistream-select 1.0.0.
 *
 * Layer: L2, inside p2p.  Pure; the caller holds the bytes and the deadline.
 * A token is uvarint(length with newline) | text | newline, at most
 * MULTISTREAM_TOKEN_MAX bytes of text and newline.
 *
 *   MSS-1  No byte behind the token that ends the negotiation is consumed: it
 *          is the first byte of the protocol.
 *   MSS-2  The length is checked before the token is waited for.
 *
 * The dialer sends header and first proposal at once, and may send the
 * protocol's own bytes behind them without waiting. */
#ifndef P2P_MULTISTREAM_H
#define P2P_MULTISTREAM_H

#include "codec/wr.h"

enum {
    MULTISTREAM_TOKEN_MAX = 1024,
    MULTISTREAM_READ_MAX = MULTISTREAM_TOKEN_MAX + 2, /* a token with its length */
    MULTISTREAM_REFUSALS_MAX = 16,                    /* proposals that a listener declines */
    MULTISTREAM_WRITE_MAX = 512,                      /* room that a call may need */
};

enum multistream_result {
    MULTISTREAM_MORE,   /* more bytes are needed */
    MULTISTREAM_AGREED, /* on protocols[m->choice] */
    MULTISTREAM_NONE,   /* dialer: every proposal was declined */
    MULTISTREAM_BROKEN, /* not multistream, or too many proposals */
};

struct multistream {
    const struct span *protocols; /* kept: names without newline */
    uint8_t count;
    uint8_t choice;
    uint8_t refusals;
    bool dialer;
    bool header_seen;
};

/* multistream_dial writes the header and the first proposal to out. */
struct multistream multistream_dial(const struct span *protocols, uint8_t count, struct wr *out);
struct multistream multistream_listen(const struct span *protocols, uint8_t count);

/* multistream_step consumes *used bytes of in and writes its answers to out,
 * which has room for MULTISTREAM_WRITE_MAX bytes more. */
enum multistream_result multistream_step(struct multistream *m, struct span in, size_t *used,
                                         struct wr *out);

#endif
