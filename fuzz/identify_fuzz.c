#include "p2p/identify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read can be told on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct peer_key key = {{5}};
    struct peer_id peer = peer_id_of(&key);
    struct identify info = {0};
    uint8_t bytes[IDENTIFY_SIZE_MAX];
    if (identify_merge(span_of(data, size), &peer, &info) != ERR_OK)
        return 0;
    assert(info.listen_count <= IDENTIFY_ADDRESSES_MAX);
    assert(strlen(info.agent) < IDENTIFY_AGENT_MAX);
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    identify_encode(&w, &key, &info);
    return 0;
}
