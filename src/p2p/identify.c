#include "p2p/identify.h"

#include "codec/pb.h"
#include "p2p/protocols.h"

enum {
    PUBLIC_KEY = 1,
    LISTEN_ADDRS = 2,
    PROTOCOLS = 3,
    OBSERVED_ADDR = 4,
    PROTOCOL_VERSION = 5,
    AGENT_VERSION = 6,
};

static void write_address(struct wr *w, uint32_t field, const struct p2p_endpoint *e)
{
    uint8_t bytes[MULTIADDR_SIZE_MAX];
    struct wr address = wr_init((struct room){bytes, sizeof bytes});
    struct multiaddr m = p2p_endpoint_to(e);
    multiaddr_encode(&address, &m);
    wr_pb_bytes(w, field, wr_done(&address));
}

void identify_encode(struct wr *out, const struct peer_key *key, const struct identify *self)
{
    uint8_t bytes[IDENTIFY_SIZE_MAX], key_bytes[PEER_KEY_SIZE];
    struct wr w = wr_init((struct room){bytes, sizeof bytes - VARINT64_SIZE_MAX});
    peer_key_encode(key, key_bytes);
    wr_pb_bytes(&w, PUBLIC_KEY, span_of(key_bytes, sizeof key_bytes));
    for (uint32_t i = 0; i < self->listen_count; i++)
        write_address(&w, LISTEN_ADDRS, &self->listen[i]);
    for (uint32_t i = 0; i < PROTOCOL_COUNT; i++)
        if (self->protocols & 1u << i)
            wr_pb_bytes(&w, PROTOCOLS, protocols_all()[i]);
    if (self->has_observed)
        write_address(&w, OBSERVED_ADDR, &self->observed);
    wr_pb_bytes(&w, PROTOCOL_VERSION, SPAN_LITERAL("platform/1"));
    wr_pb_bytes(&w, AGENT_VERSION, span_of(self->agent, strlen(self->agent)));
    assert(!w.full);
    wr_varint64(out, w.used);
    wr_raw(out, wr_done(&w));
    assert(!out->full);
}

/* An address: skipped when it is none of ours, an error when malformed. */
static enum err read_address(struct span in, struct p2p_endpoint *out, bool *usable)
{
    struct multiaddr m;
    enum err e = multiaddr_decode(in, &m);
    *usable = e == ERR_OK && m.port != 0;
    if (e == ERR_UNSUPPORTED)
        return ERR_OK;
    return e == ERR_OK ? p2p_endpoint_from(&m, out) : e;
}

static enum err read_key(struct span in, const struct peer_id *peer)
{
    struct peer_key key;
    struct peer_id id;
    if (peer_key_decode(in, &key) != ERR_OK)
        return ERR_CONFLICT;
    id = peer_id_of(&key);
    return peer_id_equal(&id, peer) ? ERR_OK : ERR_CONFLICT;
}

/* Text of a stranger: printable ASCII, cut to size. */
static void read_agent(struct span in, char out[IDENTIFY_AGENT_MAX])
{
    size_t n = min_u64(in.len, IDENTIFY_AGENT_MAX - 1);
    for (size_t i = 0; i < n; i++)
        out[i] = in.ptr[i] > ' ' && in.ptr[i] < 0x7f && in.ptr[i] != '"' ? (char)in.ptr[i] : '_';
    out[n] = '\0';
}

static enum err read_field(const struct pb_field *f, const struct peer_id *peer,
                           struct identify *out)
{
    struct p2p_endpoint e;
    bool usable = false;
    enum err bad = ERR_OK;
    switch ((uint32_t)f->number) {
    case PUBLIC_KEY:
        return read_key(f->bytes, peer);
    case LISTEN_ADDRS:
        bad = read_address(f->bytes, &e, &usable);
        if (bad == ERR_OK && usable && out->listen_count < IDENTIFY_ADDRESSES_MAX)
            out->listen[out->listen_count++] = e;
        return bad;
    case PROTOCOLS:
        out->protocols |= protocols_bit(f->bytes);
        return ERR_OK;
    case OBSERVED_ADDR:
        bad = read_address(f->bytes, &e, &usable);
        if (bad == ERR_OK && usable) {
            out->observed = e;
            out->has_observed = true;
        }
        return bad;
    case AGENT_VERSION:
        read_agent(f->bytes, out->agent);
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

enum err identify_merge(struct span frame, const struct peer_id *peer, struct identify *out)
{
    struct identify merged = *out;
    struct rd r = rd_init(frame);
    struct pb_field f;
    if (frame.len > IDENTIFY_FRAME_MAX)
        return ERR_TOO_BIG;
    while (pb_next(&r, &f)) {
        if (f.number > AGENT_VERSION)
            continue;
        if (!pb_is(&r, &f, PB_BYTES))
            return ERR_MALFORMED;
        enum err e = read_field(&f, peer, &merged);
        if (e != ERR_OK)
            return e;
    }
    enum err e = rd_end(&r);
    if (e == ERR_OK)
        *out = merged;
    return e;
}
