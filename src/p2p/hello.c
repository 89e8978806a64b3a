#include "p2p/hello.h"

#include "codec/pb.h"

enum { IDENTITY_KEY = 1, IDENTITY_SIG = 2, EXTENSIONS = 4, STREAM_MUXERS = 2 };
enum { MUXERS_MAX = 16 };

static const struct span yamux = {(const uint8_t *)"/yamux/1.0.0", 12};
static const char prefix[] = "noise-libp2p-static-key:";
enum { SIGNED_SIZE = sizeof prefix - 1 + X25519_SIZE };

static void signed_bytes(const uint8_t key[X25519_SIZE], uint8_t out[SIGNED_SIZE])
{
    memcpy(out, prefix, sizeof prefix - 1);
    memcpy(out + sizeof prefix - 1, key, X25519_SIZE);
}

size_t hello_encode(const struct ed25519_keypair *identity, const uint8_t own_static[X25519_SIZE],
                    uint8_t out[HELLO_SIZE_MAX])
{
    struct peer_key key;
    uint8_t message[SIGNED_SIZE], signature[ED25519_SIGNATURE_SIZE], key_bytes[PEER_KEY_SIZE];
    signed_bytes(own_static, message);
    ed25519_sign(identity, span_of(message, sizeof message), signature);
    memcpy(key.bytes, ed25519_public(identity), sizeof key.bytes);
    peer_key_encode(&key, key_bytes);

    struct wr w = wr_init((struct room){out, HELLO_SIZE_MAX});
    wr_pb_bytes(&w, IDENTITY_KEY, span_of(key_bytes, sizeof key_bytes));
    wr_pb_bytes(&w, IDENTITY_SIG, span_of(signature, sizeof signature));
    wr_pb_open(&w, EXTENSIONS, pb_bytes_size(STREAM_MUXERS, yamux.len));
    wr_pb_bytes(&w, STREAM_MUXERS, yamux);
    assert(!w.full);
    return w.used;
}

/* The peer's muxers; a list without ours is a refusal. */
static enum err read_extensions(struct span in, enum hello_muxer *muxer)
{
    struct rd r = rd_init(in);
    struct pb_field f;
    uint32_t count = 0;
    while (pb_next(&r, &f)) {
        if (f.number != STREAM_MUXERS || !pb_is(&r, &f, PB_BYTES))
            continue;
        if (++count > MUXERS_MAX)
            return ERR_TOO_BIG;
        if (span_equal(f.bytes, yamux))
            *muxer = HELLO_YAMUX;
        else if (*muxer == HELLO_NEGOTIATE)
            *muxer = HELLO_NO_MUXER;
    }
    return rd_end(&r);
}

enum err hello_decode(struct span in, const uint8_t peer_static[X25519_SIZE], struct hello *out)
{
    struct rd r = rd_init(in);
    struct pb_field f;
    struct span key = {0}, signature = {0}, extensions = {0};
    while (pb_next(&r, &f)) {
        struct span *to = f.number == IDENTITY_KEY   ? &key
                          : f.number == IDENTITY_SIG ? &signature
                          : f.number == EXTENSIONS   ? &extensions
                                                     : NULL;
        if (to == NULL)
            continue;
        if (!pb_is(&r, &f, PB_BYTES) || to->ptr != NULL)
            return ERR_MALFORMED;
        *to = f.bytes;
    }
    struct hello h = {0};
    enum err e = rd_end(&r);
    if (e == ERR_OK)
        e = peer_key_decode(key, &h.key);
    if (e == ERR_OK)
        e = read_extensions(extensions, &h.muxer);
    if (e != ERR_OK)
        return e;
    uint8_t message[SIGNED_SIZE];
    signed_bytes(peer_static, message);
    if (signature.len != ED25519_SIGNATURE_SIZE ||
        !ed25519_verify(h.key.bytes, span_of(message, sizeof message), signature.ptr))
        return ERR_BAD_SIGNATURE;
    *out = h;
    return ERR_OK;
}
