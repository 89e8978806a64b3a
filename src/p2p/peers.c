#include "p2p/peers.h"

#include "codec/pb.h"

enum { PEERS = 1, ENTRY_ID = 1, ENTRY_ADDRESS = 2 };
enum { ENTRY_SIZE_MAX = 4 + PEER_ID_SIZE_MAX + PEERS_ADDRESSES_MAX * (4 + MULTIADDR_SIZE_MAX) };

static_assert(PEERS_MAX * (ENTRY_SIZE_MAX + 4) <= PEERS_FRAME_MAX - 16);

static struct span encode_entry(const struct peers_entry *e, struct room room)
{
    struct wr w = wr_init(room);
    wr_pb_bytes(&w, ENTRY_ID, span_of(e->peer.bytes, e->peer.len));
    for (uint32_t i = 0; i < e->count; i++) {
        uint8_t bytes[MULTIADDR_SIZE_MAX];
        struct wr address = wr_init((struct room){bytes, sizeof bytes});
        struct p2p_endpoint bare = e->addresses[i];
        bare.has_peer = false;
        struct multiaddr m = p2p_endpoint_to(&bare);
        multiaddr_encode(&address, &m);
        wr_pb_bytes(&w, ENTRY_ADDRESS, wr_done(&address));
    }
    assert(!w.full);
    return wr_done(&w);
}

void peers_encode(struct wr *out, const struct peers_entry *entries, uint32_t count)
{
    uint8_t bytes[ENTRY_SIZE_MAX];
    struct room room = {bytes, sizeof bytes};
    size_t total = 0;
    assert(count <= PEERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        total += pb_bytes_size(PEERS, encode_entry(&entries[i], room).len);
    wr_varint64(out, total);
    for (uint32_t i = 0; i < count; i++)
        wr_pb_bytes(out, PEERS, encode_entry(&entries[i], room));
    assert(!out->full);
}

static enum err decode_entry(struct span in, struct peers_entry *out)
{
    struct rd r = rd_init(in);
    struct pb_field f;
    struct peers_entry e = {0};
    uint32_t seen = 0;
    while (pb_next(&r, &f)) {
        if (f.number > ENTRY_ADDRESS)
            continue;
        if (!pb_is(&r, &f, PB_BYTES))
            return ERR_MALFORMED;
        if (f.number == ENTRY_ID) {
            enum err bad = peer_id_check(f.bytes, &e.peer);
            if (bad != ERR_OK)
                return bad;
            continue;
        }
        if (++seen > PEERS_ADDRESSES_MAX)
            return ERR_TOO_BIG;
        struct multiaddr m;
        enum err bad = multiaddr_decode(f.bytes, &m);
        if (bad == ERR_MALFORMED)
            return bad;
        if (bad == ERR_OK && m.peer_len == 0 && m.port != 0)
            bad = p2p_endpoint_from(&m, &e.addresses[e.count++]);
    }
    if (rd_end(&r) != ERR_OK || e.peer.len == 0)
        return ERR_MALFORMED;
    *out = e;
    return ERR_OK;
}

enum err peers_decode(struct span frame, struct peers_entry out[PEERS_MAX], uint32_t *count)
{
    struct rd r = rd_init(frame);
    struct pb_field f;
    uint32_t seen = 0, kept = 0;
    if (frame.len > PEERS_FRAME_MAX)
        return ERR_TOO_BIG;
    while (pb_next(&r, &f)) {
        if (f.number != PEERS)
            continue;
        if (!pb_is(&r, &f, PB_BYTES))
            return ERR_MALFORMED;
        if (++seen > PEERS_MAX)
            return ERR_TOO_BIG;
        enum err e = decode_entry(f.bytes, &out[kept]);
        if (e != ERR_OK)
            return e;
        if (out[kept].count != 0)
            kept++;
    }
    enum err e = rd_end(&r);
    if (e == ERR_OK)
        *count = kept;
    return e;
}
