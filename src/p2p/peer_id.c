#include "p2p/peer_id.h"

#include "codec/base58.h"
#include "codec/multiaddr.h"
#include "codec/pb.h"

enum { KEY_RSA, KEY_ED25519, KEY_SECP256K1, KEY_ECDSA };
enum { HASH_IDENTITY = 0x00, HASH_SHA256 = 0x12, LIBP2P_KEY = 0x72, CID_VERSION = 1 };

static_assert((int)PEER_ID_SIZE_MAX == (int)MULTIADDR_PEER_MAX);
static_assert((int)P2P_ADDRESS_TEXT_MAX == (int)MULTIADDR_TEXT_MAX);
static_assert((int)P2P_ADDRESS_TEXT_MAX >= (int)BASE58_TEXT_MAX);

void peer_key_encode(const struct peer_key *k, uint8_t out[PEER_KEY_SIZE])
{
    struct wr w = wr_init((struct room){out, PEER_KEY_SIZE});
    wr_pb_number(&w, 1, KEY_ED25519);
    wr_pb_bytes(&w, 2, span_of(k->bytes, sizeof k->bytes));
    assert(!w.full && w.used == PEER_KEY_SIZE);
}

enum err peer_key_decode(struct span in, struct peer_key *out)
{
    struct rd r = rd_init(in);
    struct pb_field type = {0}, data = {0};
    if (!pb_next(&r, &type) || type.number != 1 || !pb_is(&r, &type, PB_VARINT) ||
        !pb_next(&r, &data) || data.number != 2 || !pb_is(&r, &data, PB_BYTES))
        return ERR_MALFORMED;
    if (rd_end(&r) != ERR_OK || type.value > KEY_ECDSA)
        return ERR_MALFORMED;
    if (type.value != KEY_ED25519)
        return ERR_UNSUPPORTED;
    if (data.bytes.len != ED25519_PUBLIC_SIZE)
        return ERR_MALFORMED;
    memcpy(out->bytes, data.bytes.ptr, data.bytes.len);
    return ERR_OK;
}

struct peer_id peer_id_of(const struct peer_key *k)
{
    struct peer_id id = {.len = PEER_ID_ED25519_SIZE, .bytes = {HASH_IDENTITY, PEER_KEY_SIZE}};
    peer_key_encode(k, id.bytes + 2);
    return id;
}

enum err peer_id_check(struct span bytes, struct peer_id *out)
{
    struct peer_id id = {.len = (uint8_t)bytes.len};
    if (bytes.len > sizeof id.bytes)
        return ERR_TOO_BIG;
    /* One byte each of code and length suffices for what ids are made of. */
    if (bytes.len < 3 || bytes.ptr[1] != bytes.len - 2)
        return ERR_MALFORMED;
    if (bytes.ptr[0] != HASH_IDENTITY && (bytes.ptr[0] != HASH_SHA256 || bytes.ptr[1] != 32))
        return ERR_MALFORMED;
    memcpy(id.bytes, bytes.ptr, bytes.len);
    *out = id;
    return ERR_OK;
}

int peer_id_compare(const struct peer_id *a, const struct peer_id *b)
{
    return span_compare(span_of(a->bytes, a->len), span_of(b->bytes, b->len));
}

bool peer_id_equal(const struct peer_id *a, const struct peer_id *b)
{
    return peer_id_compare(a, b) == 0;
}

void peer_id_text(const struct peer_id *id, char *text)
{
    assert(id->len <= sizeof id->bytes);
    base58_encode(span_of(id->bytes, id->len), text, P2P_ADDRESS_TEXT_MAX);
}

/* A version 1 CID in base 32: "b", then 5 bits a letter. */
static enum err base32_decode(struct span text, struct room out, size_t *len)
{
    uint32_t bits = 0, held = 0;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        uint32_t digit;
        if (c >= 'a' && c <= 'z')
            digit = (uint32_t)(c - 'a');
        else if (c >= '2' && c <= '7')
            digit = (uint32_t)(c - '2') + 26;
        else
            return ERR_MALFORMED;
        held = held << 5 | digit;
        bits += 5;
        if (bits < 8)
            continue;
        bits -= 8;
        if (n == out.len)
            return ERR_TOO_BIG;
        out.ptr[n++] = (uint8_t)(held >> bits);
        held &= (1u << bits) - 1;
    }
    if (held != 0 || bits >= 5)
        return ERR_MALFORMED;
    *len = n;
    return ERR_OK;
}

enum err peer_id_parse(const char *text, struct peer_id *id)
{
    uint8_t bytes[PEER_ID_SIZE_MAX + 2];
    size_t len = 0;
    struct room room = {bytes, sizeof bytes};
    struct span s = span_of(text, strlen(text));
    if (s.len > 1 && s.ptr[0] == 'b') {
        enum err e = base32_decode(span_of(s.ptr + 1, s.len - 1), room, &len);
        if (e != ERR_OK)
            return e;
        if (len < 2 || bytes[0] != CID_VERSION || bytes[1] != LIBP2P_KEY)
            return ERR_MALFORMED;
        return peer_id_check(span_of(bytes + 2, len - 2), id);
    }
    enum err e = base58_decode(s, room, &len);
    return e != ERR_OK ? e : peer_id_check(span_of(bytes, len), id);
}

enum err p2p_endpoint_parse(const char *multiaddr, struct p2p_endpoint *out)
{
    struct multiaddr m;
    enum err e = multiaddr_parse(multiaddr, &m);
    if (e != ERR_OK)
        return e;
    return p2p_endpoint_from(&m, out);
}

enum err p2p_endpoint_from(const struct multiaddr *m, struct p2p_endpoint *out)
{
    struct p2p_endpoint e = {.family = m->family, .port = m->port, .has_peer = m->peer_len != 0};
    memcpy(e.address, m->address, sizeof e.address);
    if (e.has_peer && peer_id_check(span_of(m->peer, m->peer_len), &e.peer) != ERR_OK)
        return ERR_MALFORMED;
    *out = e;
    return ERR_OK;
}

struct multiaddr p2p_endpoint_to(const struct p2p_endpoint *e)
{
    struct multiaddr m = {.family = e->family, .port = e->port};
    memcpy(m.address, e->address, sizeof m.address);
    if (e->has_peer) {
        m.peer_len = e->peer.len;
        memcpy(m.peer, e->peer.bytes, e->peer.len);
    }
    return m;
}

void p2p_endpoint_text(const struct p2p_endpoint *e, char *text)
{
    struct multiaddr m = p2p_endpoint_to(e);
    multiaddr_text(&m, text);
}
