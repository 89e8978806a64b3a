#include "cmd/devchain_state.h"

#include <sodium.h>
#include <zstd.h>

#include "crypto/hash.h"

/* The recorded metadata of spec 293, compressed; made by tools/embed_data.py. */
extern const unsigned char devchain_metadata[];
extern const unsigned long devchain_metadata_size;

enum { ARENA_SIZE = 40 << 20, SCRATCH_SIZE = 16 << 20, CONFIG_TEXT_MAX = 512 };

/* What the genesis depends on, as bytes that a store remembers. */
static struct hash config_digest(const struct devchain_config *c)
{
    uint8_t bytes[64];
    struct wr w = wr_init((struct room){bytes, sizeof bytes});
    wr_bool(&w, c->genesis != NULL);
    if (c->genesis == NULL) {
        wr_u16(&w, c->netuid);
        wr_u16(&w, c->tempo);
        wr_u32(&w, c->validators);
        wr_u32(&w, c->miners);
        wr_u64(&w, c->stake_tao);
        wr_u64(&w, c->stake_threshold);
        wr_u64(&w, c->rate_limit);
        wr_u64(&w, c->version_key);
        wr_bool(&w, c->commit_reveal);
    }
    return hash_tagged("devconfg", wr_done(&w));
}

static enum err load_metadata(struct devchain *d)
{
    unsigned long long size = ZSTD_getFrameContentSize(devchain_metadata, devchain_metadata_size);
    if (size > METADATA_SIZE_MAX)
        return ERR_CORRUPT;
    uint8_t *bytes = arena_alloc(&d->arena, size);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    if (ZSTD_decompress(bytes, size, devchain_metadata, devchain_metadata_size) != size)
        return ERR_CORRUPT;
    d->metadata_bytes = span_of(bytes, size);
    return metadata_parse(d->metadata_bytes, &d->arena, &d->metadata);
}

static enum err put_first_block(struct devchain *d, const struct hash *state)
{
    uint8_t header[128], numbers[16];
    struct hash none = {0}, body = hash_tagged("devxroot", SPAN_LITERAL("\0"));
    struct wr w = wr_init((struct room){header, sizeof header});
    wr_raw(&w, hash_span(&none));
    scale_put_compact(&w, 0);
    wr_raw(&w, hash_span(state));
    wr_raw(&w, hash_span(&body));
    scale_put_compact(&w, 0);
    struct devblock b = {.header = wr_done(&w), .extrinsics = SPAN_LITERAL("\0")};
    b.hash = hash_blake2b(b.header);
    d->genesis = d->head_hash = b.hash;
    enum err e = devdb_put_block(&d->db, 0, &b);
    struct hash digest = config_digest(&d->config);
    if (e == ERR_OK)
        e = devdb_put_meta(&d->db, "config", hash_span(&digest));
    struct wr n = wr_init((struct room){numbers, sizeof numbers});
    wr_u64(&n, 0);
    if (e == ERR_OK)
        e = devdb_put_meta(&d->db, "head", span_of(numbers, 8));
    wr_u16(&n, d->config.netuid);
    return e == ERR_OK ? devdb_put_meta(&d->db, "netuid", span_of(numbers + 8, 2)) : e;
}

static enum err create(struct devchain *d)
{
    struct hasher changes;
    hasher_open(&changes, "devstate");
    enum err e = devdb_begin(&d->db, true);
    if (e != ERR_OK)
        return e;
    d->at = 0;
    d->changes = &changes;
    e = dev_genesis(d);
    d->changes = NULL;
    struct hash state = hasher_close(&changes);
    if (e == ERR_OK)
        e = put_first_block(d, &state);
    if (e == ERR_OK)
        e = devdb_commit(&d->db);
    devdb_abort(&d->db);
    return e;
}

/* What a store says of itself; ERR_NOT_FOUND: it is new. */
static enum err resume(struct devchain *d)
{
    const struct devchain_config wanted = d->config;
    struct span config, head, netuid;
    struct devblock first, last;
    enum err e = devdb_get_meta(&d->db, "config", &d->scratch, &config);
    struct hash digest = config_digest(&wanted);
    if (e == ERR_OK && !span_equal(config, hash_span(&digest)))
        e = ERR_FOREIGN;
    if (e == ERR_OK)
        e = devdb_get_meta(&d->db, "netuid", &d->scratch, &netuid);
    if (e == ERR_OK)
        e = devdb_get_meta(&d->db, "head", &d->scratch, &head);
    if (e != ERR_OK)
        return e;
    struct rd rh = rd_init(head), rn = rd_init(netuid);
    d->head = rd_u64(&rh);
    d->config.netuid = rd_u16(&rn);
    e = devdb_get_block(&d->db, 0, &d->scratch, &first);
    if (e == ERR_OK)
        e = devdb_get_block(&d->db, d->head, &d->scratch, &last);
    if (e != ERR_OK || rd_end(&rh) != ERR_OK || rd_end(&rn) != ERR_OK)
        return ERR_CORRUPT;
    d->genesis = first.hash;
    d->head_hash = last.hash;
    return ERR_OK;
}

static enum err open_store(struct devchain *d)
{
    enum err e = devdb_open(&d->db, d->config.dir, d->config.volatile_store);
    if (e == ERR_OK)
        e = devdb_begin(&d->db, false);
    if (e != ERR_OK)
        return e;
    e = resume(d);
    devdb_abort(&d->db);
    return e == ERR_NOT_FOUND ? create(d) : e;
}

enum err devchain_open(struct devchain *d, const struct devchain_config *config)
{
    *d = (struct devchain){.config = *config};
    if (sodium_init() < 0)
        return ERR_UNSUPPORTED;
    enum err e = arena_open(&d->arena, ARENA_SIZE);
    if (e == ERR_OK)
        e = arena_open(&d->scratch, SCRATCH_SIZE);
    if (e == ERR_OK)
        e = load_metadata(d);
    for (uint32_t i = 0; i < DEVCHAIN_POOL_MAX && e == ERR_OK; i++) {
        d->pool_memory[i] =
            (struct room){arena_alloc(&d->arena, DEVCHAIN_EXTRINSIC_MAX), DEVCHAIN_EXTRINSIC_MAX};
        if (d->pool_memory[i].ptr == NULL)
            e = ERR_NO_MEMORY;
    }
    if (e == ERR_OK)
        e = open_store(d);
    if (e != ERR_OK)
        devchain_close(d);
    return e;
}

void devchain_close(struct devchain *d)
{
    devdb_close(&d->db);
    arena_close(&d->scratch);
    arena_close(&d->arena);
}

uint64_t devchain_finalized(const struct devchain *d)
{
    return d->head > d->config.finality_lag ? d->head - d->config.finality_lag : 0;
}
