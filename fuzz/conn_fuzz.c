#include "p2p/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOTS = 8, BLOCKS = 64 };

static _Alignas(16) uint8_t memory[(BLOCKS + 1) * ROPE_BLOCK_SIZE];
static uint8_t scratch[CONN_SCRATCH_SIZE], wire[CONN_WIRE_SIZE];

static void prepare(struct conn *c, struct conn_host *h)
{
    static const uint8_t zero[AEAD_KEY_SIZE];
    static const uint8_t seed[32] = {1};
    struct ed25519_keypair *k;
    memset(h->noise.secret, 7, sizeof h->noise.secret);
    x25519_public(h->noise.secret, h->noise.public);
    h->scratch = scratch;
    enum err e = ed25519_open(span_of(seed, sizeof seed), &k);
    assert(e == ERR_OK);
    h->hello_size = hello_encode(k, h->noise.public, h->hello);
    ed25519_close(k);
    e = aead_open(&c->send_aead, zero);
    assert(e == ERR_OK);
    e = aead_open(&c->receive_aead, zero);
    assert(e == ERR_OK);
}

/* A connection that gets any bytes in pieces, in either role: it stays within
 * its budget, never opens, and leaves nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conn c;
    static struct conn_host host;
    static struct yamux_stream streams[SLOTS];
    static const uint8_t ephemeral[X25519_SIZE] = {9};
    struct arena arena;
    struct rope_pool pool;
    if (size < 2)
        return 0;
    if (host.scratch == NULL)
        prepare(&c, &host);
    arena_init(&arena, (struct room){memory, sizeof memory});
    enum err e = rope_pool_init(&pool, &arena, BLOCKS);
    assert(e == ERR_OK);
    c.budget = (struct rope_budget){.pool = &pool};
    c.streams = streams;
    c.stream_count = SLOTS;
    conn_start(&c, &host, data[0] % 2 == 0, ephemeral);
    size_t piece = 1 + data[1];
    enum p2p_why why = P2P_WHY_NONE;
    for (size_t at = 2; at < size && why == P2P_WHY_NONE; at += piece) {
        size_t len = 0;
        why = conn_in(&c, span_of(data + at, min_u64(piece, size - at)), 1 << 16, at);
        if (why == P2P_WHY_NONE && conn_has_out(&c))
            why = conn_out(&c, (struct room){wire, sizeof wire}, &len);
        assert(c.budget.used <= CONN_UPGRADE_BUDGET && c.state < CONN_MUXER);
    }
    conn_free(&c);
    assert(c.budget.used == 0 && pool.free_count == BLOCKS);
    return 0;
}
