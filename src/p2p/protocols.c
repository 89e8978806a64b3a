#include "p2p/protocols.h"

#define NAME(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static const struct span all[] = {
    [PROTOCOL_IDENTIFY] = NAME("/ipfs/id/1.0.0"),   [PROTOCOL_PUSH] = NAME("/ipfs/id/push/1.0.0"),
    [PROTOCOL_PING] = NAME("/ipfs/ping/1.0.0"),     [PROTOCOL_MESHSUB_11] = NAME("/meshsub/1.1.0"),
    [PROTOCOL_MESHSUB_10] = NAME("/meshsub/1.0.0"), [PROTOCOL_PEERS] = NAME("/platform/peers/1"),
    [PROTOCOL_BFT] = NAME("/platform/bft/1"),       [PROTOCOL_BLOB] = NAME("/platform/blob/1"),
};
static_assert(COUNT_OF(all) == PROTOCOL_COUNT);

static const struct span noise = NAME("/noise");
static const struct span yamux = NAME("/yamux/1.0.0");

const struct span *protocols_all(void)
{
    return all;
}

uint32_t protocols_bit(struct span name)
{
    for (uint32_t i = 0; i < PROTOCOL_COUNT; i++)
        if (span_equal(all[i], name))
            return 1u << i;
    return 0;
}

const struct span *protocols_noise(void)
{
    return &noise;
}

const struct span *protocols_yamux(void)
{
    return &yamux;
}
