#include "codec/multiaddr.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "codec/base58.h"
#include "codec/varint.h"

enum code { CODE_IP4 = 4, CODE_TCP = 6, CODE_IP6 = 41, CODE_P2P = 421 };

enum { ANY_SIZE = -1, UNKNOWN = -2 };

/* How many bytes the value of a protocol has; ANY_SIZE when a length precedes
 * it. */
static int value_size(uint64_t code)
{
    static const struct {
        uint16_t code;
        int8_t size;
    } table[] = {
        {4, 4},          {6, 2},          {33, 2},  {41, 16},        {42, ANY_SIZE},  {43, 1},
        {53, -1},        {54, -1},        {55, -1}, {56, -1},        {132, 2},        {273, 2},
        {280, 0},        {281, 0},        {290, 0}, {400, ANY_SIZE}, {421, -1},       {445, 37},
        {448, 0},        {449, ANY_SIZE}, {454, 0}, {460, 0},        {461, 0},        {465, 0},
        {466, ANY_SIZE}, {477, 0},        {478, 0}, {480, 0},        {777, ANY_SIZE},
    };
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (table[i].code == code)
            return table[i].size;
    return UNKNOWN;
}

/* One protocol and its value. */
static struct span part(struct rd *r, uint64_t *code)
{
    *code = rd_uvarint(r);
    int size = value_size(*code);
    if (size == UNKNOWN) {
        rd_fail(r, ERR_UNSUPPORTED);
        return (struct span){0};
    }
    uint64_t len = size == ANY_SIZE ? rd_uvarint(r) : (uint64_t)size;
    if (len > r->left)
        rd_fail(r, ERR_MALFORMED);
    return rd_take(r, (size_t)len);
}

static void take_address(struct multiaddr *m, uint64_t code, struct span value)
{
    m->family = code == CODE_IP4 ? 4 : 6;
    memcpy(m->address, value.ptr, value.len);
}

enum err multiaddr_decode(struct span in, struct multiaddr *out)
{
    struct rd r = rd_init(in);
    struct multiaddr m = {0};
    bool ours = true;
    uint32_t parts = 0;
    for (; r.bad == ERR_OK && r.left != 0; parts++) {
        uint64_t code;
        struct span value = part(&r, &code);
        if (r.bad != ERR_OK)
            break;
        if (parts == 0 && (code == CODE_IP4 || code == CODE_IP6)) {
            take_address(&m, code, value);
        } else if (parts == 1 && code == CODE_TCP) {
            m.port = (uint16_t)(value.ptr[0] << 8 | value.ptr[1]);
        } else if (parts == 2 && code == CODE_P2P && value.len <= sizeof m.peer && value.len > 0) {
            m.peer_len = (uint8_t)value.len;
            memcpy(m.peer, value.ptr, value.len);
        } else {
            ours = false;
        }
    }
    if (r.bad != ERR_OK || parts == 0)
        return r.bad != ERR_OK ? r.bad : ERR_MALFORMED;
    if (!ours || parts < 2)
        return ERR_UNSUPPORTED;
    *out = m;
    return ERR_OK;
}

void multiaddr_encode(struct wr *w, const struct multiaddr *m)
{
    assert(m->family == 4 || m->family == 6);
    wr_varint64(w, m->family == 4 ? CODE_IP4 : CODE_IP6);
    wr_raw(w, span_of(m->address, m->family == 4 ? 4 : 16));
    wr_varint64(w, CODE_TCP);
    wr_u16_be(w, m->port);
    if (m->peer_len == 0)
        return;
    wr_varint64(w, CODE_P2P);
    wr_varint64(w, m->peer_len);
    wr_raw(w, span_of(m->peer, m->peer_len));
}

/* The text between two slashes; moves *at behind it.  NULL ptr: none left. */
static struct span word(const char **at)
{
    if (**at != '/')
        return (struct span){0};
    const char *start = *at + 1;
    size_t len = strcspn(start, "/");
    *at = start + len;
    return span_of(start, len);
}

static bool parse_port(struct span text, uint16_t *port)
{
    uint32_t x = 0;
    if (text.len < 1 || text.len > 5 || (text.len > 1 && text.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        x = x * 10 + (uint32_t)(text.ptr[i] - '0');
    }
    *port = (uint16_t)x;
    return x <= UINT16_MAX;
}

static bool parse_ip(struct span kind, struct span text, struct multiaddr *m)
{
    char copy[64];
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    m->family = span_equal(kind, SPAN_LITERAL("ip4")) ? 4 : 6;
    return inet_pton(m->family == 4 ? AF_INET : AF_INET6, copy, m->address) == 1;
}

static bool is_ours(struct span a, struct span b)
{
    return (span_equal(a, SPAN_LITERAL("ip4")) || span_equal(a, SPAN_LITERAL("ip6"))) &&
           span_equal(b, SPAN_LITERAL("tcp"));
}

enum err multiaddr_parse(const char *text, struct multiaddr *out)
{
    struct multiaddr m = {0};
    const char *at = text;
    struct span kind = word(&at), ip = word(&at), transport = word(&at), port = word(&at);
    if (port.ptr == NULL)
        return ERR_MALFORMED;
    if (!is_ours(kind, transport))
        return ERR_UNSUPPORTED;
    if (!parse_ip(kind, ip, &m) || !parse_port(port, &m.port))
        return ERR_MALFORMED;
    if (*at != '\0') {
        struct span p2p = word(&at), id = word(&at);
        size_t len = 0;
        if (!span_equal(p2p, SPAN_LITERAL("p2p")) && !span_equal(p2p, SPAN_LITERAL("ipfs")))
            return ERR_UNSUPPORTED;
        if (*at != '\0')
            return ERR_UNSUPPORTED;
        if (base58_decode(id, (struct room){m.peer, sizeof m.peer}, &len) != ERR_OK || len == 0)
            return ERR_MALFORMED;
        m.peer_len = (uint8_t)len;
    }
    *out = m;
    return ERR_OK;
}

void multiaddr_text(const struct multiaddr *m, char text[MULTIADDR_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN];
    char id[BASE58_TEXT_MAX] = "";
    assert(m->family == 4 || m->family == 6);
    const char *made = inet_ntop(m->family == 4 ? AF_INET : AF_INET6, m->address, ip, sizeof ip);
    assert(made == ip);
    if (m->peer_len != 0)
        base58_encode(span_of(m->peer, m->peer_len), id, sizeof id);
    int n = snprintf(text, MULTIADDR_TEXT_MAX, "/ip%u/%s/tcp/%u%s%s", (unsigned)m->family, ip,
                     (unsigned)m->port, m->peer_len != 0 ? "/p2p/" : "", id);
    assert(n > 0 && n < MULTIADDR_TEXT_MAX);
}
