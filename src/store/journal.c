#include "store/journal.h"

#include <xxhash.h>

#include "codec/rd.h"
#include "codec/wr.h"
#include "crypto/hash.h"

enum { SUM_SEED = 0x504c5446 };

static const char magic[8] = {'P', 'L', 'T', 'F', 'J', 'R', 'N', 'L'};

static uint64_t front(const struct hash *h)
{
    struct rd r = rd_init(span_of(h->bytes, 8));
    return rd_u64(&r);
}

static struct journal_chain chain_of(const uint8_t header[JOURNAL_HEADER_SIZE])
{
    struct span bytes = span_of(header, JOURNAL_HEADER_SIZE);
    struct hash seed = hash_tagged("PLTFSEED", bytes), link = hash_tagged("PLTFLINK", bytes);
    return (struct journal_chain){front(&seed), front(&link)};
}

struct journal_chain journal_header(uint64_t generation, const struct hash *network,
                                    const uint8_t salt[JOURNAL_SALT_SIZE],
                                    uint8_t out[JOURNAL_HEADER_SIZE])
{
    struct wr w = wr_init((struct room){out, JOURNAL_HEADER_SIZE});
    wr_raw(&w, span_of(magic, sizeof magic));
    wr_u32(&w, JOURNAL_FORMAT);
    wr_u64(&w, generation);
    wr_raw(&w, hash_span(network));
    wr_raw(&w, span_of(salt, JOURNAL_SALT_SIZE));
    wr_u64(&w, XXH64(out, w.used, SUM_SEED));
    assert(!w.full && w.used == JOURNAL_HEADER_SIZE);
    return chain_of(out);
}

static uint64_t next_link(uint64_t link, struct span records)
{
    struct hasher h;
    uint8_t before[8];
    struct wr w = wr_init((struct room){before, sizeof before});
    wr_u64(&w, link);
    hasher_open(&h, "PLTFLINK");
    hasher_add(&h, wr_done(&w));
    hasher_add(&h, records);
    struct hash out = hasher_close(&h);
    return front(&out);
}

static uint32_t mark_of(uint64_t seed, uint32_t length, uint64_t sum, uint64_t link)
{
    uint8_t head[20];
    struct wr w = wr_init((struct room){head, sizeof head});
    wr_u32(&w, length);
    wr_u64(&w, sum);
    wr_u64(&w, link);
    return (uint32_t)XXH64(head, sizeof head, seed);
}

void journal_head(struct journal_chain *chain, struct span records, uint8_t out[JOURNAL_FRAME_HEAD])
{
    assert(records.len >= 1 && records.len <= JOURNAL_FRAME_MAX);
    uint32_t length = (uint32_t)records.len;
    uint64_t sum = XXH64(records.ptr, records.len, chain->seed);
    chain->link = next_link(chain->link, records);
    struct wr w = wr_init((struct room){out, JOURNAL_FRAME_HEAD});
    wr_u32(&w, length);
    wr_u32(&w, mark_of(chain->seed, length, sum, chain->link));
    wr_u64(&w, sum);
    wr_u64(&w, chain->link);
    assert(!w.full);
}

struct frame {
    uint64_t link;
    struct span records;
};

/* A frame at offset at that is whole in itself, wherever it belongs.  The mark
 * comes first: without it, bytes of a stranger's choice could have us sum up
 * the rest of the file at every offset (JOURNAL-3). */
static bool frame_at(struct span image, uint64_t seed, size_t at, struct frame *out)
{
    struct rd r = rd_init(span_of(image.ptr + at, image.len - at));
    uint32_t length = rd_u32(&r), mark = rd_u32(&r);
    uint64_t sum = rd_u64(&r), link = rd_u64(&r);
    if (length == 0 || length > r.left || mark != mark_of(seed, length, sum, link))
        return false;
    struct span records = rd_take(&r, length);
    if (r.bad != ERR_OK || XXH64(records.ptr, records.len, seed) != sum)
        return false;
    *out = (struct frame){link, records};
    return true;
}

static bool is_zero(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != 0)
            return false;
    return true;
}

/* A header is durable before the first frame is written, so a file without one
 * has no frames either: it was being made when the machine stopped. */
static enum journal_verdict judge_header(struct span image, const struct hash *network,
                                         uint64_t *generation)
{
    if (image.len < JOURNAL_HEADER_SIZE || is_zero(image))
        return JOURNAL_TORN;
    struct rd r = rd_init(span_of(image.ptr, JOURNAL_HEADER_SIZE));
    struct span kind = rd_take(&r, sizeof magic);
    uint32_t format = rd_u32(&r);
    *generation = rd_u64(&r);
    struct span of = rd_take(&r, HASH_SIZE);
    rd_take(&r, JOURNAL_SALT_SIZE);
    uint64_t sum = rd_u64(&r);
    if (!span_equal(kind, span_of(magic, sizeof magic)))
        return JOURNAL_FOREIGN;
    if (sum != XXH64(image.ptr, JOURNAL_HEADER_SIZE - sizeof sum, SUM_SEED))
        return JOURNAL_DAMAGED;
    if (format != JOURNAL_FORMAT || !span_equal(of, hash_span(network)))
        return JOURNAL_FOREIGN;
    return JOURNAL_CLEAN;
}

void journal_scan_init(struct journal_scan *s, struct span image, const struct hash *network)
{
    *s = (struct journal_scan){.image = image, .at = image.len, .frame_end = image.len};
    s->verdict = judge_header(image, network, &s->generation);
    if (s->verdict != JOURNAL_CLEAN)
        return;
    s->chain = chain_of(image.ptr);
    s->at = s->frame_end = s->good_size = JOURNAL_HEADER_SIZE;
}

/* What stands at offset at is no frame: the torn end of the file, or damage? */
static enum journal_verdict judge(const struct journal_scan *s)
{
    struct frame f;
    for (size_t later = s->at + 1; later + JOURNAL_FRAME_HEAD < s->image.len; later++)
        if (frame_at(s->image, s->chain.seed, later, &f))
            return JOURNAL_DAMAGED;
    return JOURNAL_TORN;
}

static bool open_frame(struct journal_scan *s)
{
    struct frame f;
    if (s->at == s->image.len)
        return false;
    if (!frame_at(s->image, s->chain.seed, s->at, &f)) {
        s->verdict = judge(s);
    } else if (f.link != next_link(s->chain.link, f.records)) {
        s->verdict = JOURNAL_DAMAGED; /* Whole, but it does not follow what is before it. */
    } else {
        s->chain.link = f.link;
        s->at += JOURNAL_FRAME_HEAD;
        s->frame_end = s->at + f.records.len;
        return true;
    }
    s->at = s->frame_end = s->image.len;
    return false;
}

bool journal_next(struct journal_scan *s, struct span *record)
{
    if (s->at == s->frame_end && !open_frame(s))
        return false;
    struct rd r = rd_init(span_of(s->image.ptr + s->at, s->frame_end - s->at));
    struct span found = rd_bytes(&r, JOURNAL_RECORD_MAX);
    if (r.bad != ERR_OK) {
        s->verdict = JOURNAL_DAMAGED; /* The sum held, so nobody wrote this by accident. */
        s->at = s->frame_end = s->image.len;
        return false;
    }
    s->at = s->frame_end - r.left;
    if (s->at == s->frame_end)
        s->good_size = s->at;
    *record = found;
    return true;
}
