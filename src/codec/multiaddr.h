/* multiaddr: the TCP addresses that we dial and tell, binary and text:
 * /ip4|ip6/ADDRESS/tcp/PORT, or with /p2p/PEER behind it.
 *
 * Layer: L1.  Pure.  Any other well-formed chain of protocols (a name, UDP, a
 * relay) is ERR_UNSUPPORTED: it may be skipped, its sender is not at fault. */
#ifndef CODEC_MULTIADDR_H
#define CODEC_MULTIADDR_H

#include "codec/rd.h"
#include "codec/wr.h"

enum {
    MULTIADDR_PEER_MAX = 64,  /* bytes of a peer id */
    MULTIADDR_TEXT_MAX = 256, /* with the NUL */
    MULTIADDR_SIZE_MAX = 96,  /* bytes of the binary form of these addresses */
};

struct multiaddr {
    uint8_t family;      /* 4 or 6 */
    uint8_t address[16]; /* network order; the first 4 for family 4 */
    uint16_t port;
    uint8_t peer_len; /* 0: no /p2p part */
    uint8_t peer[MULTIADDR_PEER_MAX];
};

/* ERR_MALFORMED, or ERR_UNSUPPORTED as above. */
enum err multiaddr_decode(struct span in, struct multiaddr *out);
void multiaddr_encode(struct wr *w, const struct multiaddr *m);

/* text is NUL-terminated; /ipfs/ is read as /p2p/. */
enum err multiaddr_parse(const char *text, struct multiaddr *out);
void multiaddr_text(const struct multiaddr *m, char text[MULTIADDR_TEXT_MAX]);

#endif
