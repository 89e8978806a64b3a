#include "p2p/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t key[X25519_SIZE] = {7};
    struct hello h;
    struct peer_key k;
    (void)hello_decode(span_of(data, size), key, &h);
    /* A key has one form. */
    if (peer_key_decode(span_of(data, size), &k) == ERR_OK) {
        uint8_t again[PEER_KEY_SIZE];
        peer_key_encode(&k, again);
        assert(span_equal(span_of(again, sizeof again), span_of(data, size)));
    }
    return 0;
}
