#include "store/journal.h"

#include <xxhash.h>

#include "codec/rd.h"
#include "codec/wr.h"
#include "crypto/hash.h"

enum { SUM_SEED = 0x504c5446 };

static const char magic[8] = {'P', 'L', 'T', 'F', 'J', 'R', 'N', 'L'};

uint64_t journal_header(uint64_t generation, const struct hash *network,
                        uint8_t out[JOURNAL_HEADER_SIZE])
{
    struct wr w = wr_init((struct room){out, JOURNAL_HEADER_SIZE});
    wr_raw(&w, span_of(magic, sizeof magic));
    wr_u32(&w, JOURNAL_FORMAT);
    wr_u64(&w, generation);
    wr_raw(&w, hash_span(network));
    uint64_t sum = XXH64(out, w.used, SUM_SEED);
    wr_u64(&w, sum);
    assert(!w.full && w.used == JOURNAL_HEADER_SIZE);
    return sum;
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
    struct rd r = rd_init(span_of(out.bytes, 8));
    return rd_u64(&r);
}

static uint64_t frame_sum(uint32_t length, uint64_t link, struct span records)
{
    uint8_t head[12];
    struct wr w = wr_init((struct room){head, sizeof head});
    wr_u32(&w, length);
    wr_u64(&w, link);
    return XXH64(records.ptr, records.len, XXH64(head, sizeof head, SUM_SEED));
}

void journal_head(uint64_t *link, struct span records, uint8_t out[JOURNAL_FRAME_HEAD])
{
    assert(records.len >= 1 && records.len <= JOURNAL_FRAME_MAX);
    *link = next_link(*link, records);
    struct wr w = wr_init((struct room){out, JOURNAL_FRAME_HEAD});
    wr_u32(&w, (uint32_t)records.len);
    wr_u64(&w, frame_sum((uint32_t)records.len, *link, records));
    wr_u64(&w, *link);
}

struct frame {
    uint64_t link;
    struct span records;
};

/* A frame at offset at that is whole in itself, wherever it belongs. */
static bool frame_at(struct span image, size_t at, struct frame *out)
{
    struct rd r = rd_init(span_of(image.ptr + at, image.len - at));
    uint32_t length = rd_u32(&r);
    uint64_t sum = rd_u64(&r), link = rd_u64(&r);
    if (length == 0 || length > JOURNAL_FRAME_MAX)
        return false;
    struct span records = rd_take(&r, length);
    if (r.bad != ERR_OK || frame_sum(length, link, records) != sum)
        return false;
    *out = (struct frame){link, records};
    return true;
}

void journal_scan_init(struct journal_scan *s, struct span image, const struct hash *network)
{
    *s = (struct journal_scan){.image = image, .verdict = JOURNAL_CLEAN};
    if (image.len < JOURNAL_HEADER_SIZE) {
        /* The file was being made when the machine stopped. */
        s->verdict = JOURNAL_TORN;
        s->at = s->frame_end = image.len;
        return;
    }
    uint8_t want[JOURNAL_HEADER_SIZE];
    struct rd r = rd_init(span_of(image.ptr + 12, 8));
    s->generation = rd_u64(&r);
    s->link = journal_header(s->generation, network, want);
    s->at = s->frame_end = s->good_size = JOURNAL_HEADER_SIZE;
    if (memcmp(want, image.ptr, JOURNAL_HEADER_SIZE) != 0) {
        s->verdict = JOURNAL_FOREIGN;
        s->at = s->frame_end = image.len;
        s->good_size = 0;
    }
}

/* What stands at offset at is no frame: the torn end of the file, or damage? */
static enum journal_verdict judge(struct span image, size_t at)
{
    struct frame f;
    for (size_t later = at + 1; later + JOURNAL_FRAME_HEAD < image.len; later++)
        if (frame_at(image, later, &f))
            return JOURNAL_DAMAGED;
    return JOURNAL_TORN;
}

static bool open_frame(struct journal_scan *s)
{
    struct frame f;
    if (s->at == s->image.len)
        return false;
    if (!frame_at(s->image, s->at, &f)) {
        s->verdict = judge(s->image, s->at);
    } else if (f.link != next_link(s->link, f.records)) {
        s->verdict = JOURNAL_DAMAGED; /* Whole, but it does not follow what is before it. */
    } else {
        s->link = f.link;
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
