#include "codec/rd.h"
#include "codec/wr.h"
#include "store/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = 4, IMAGE_MAX = 2048, FRAME_BYTES = 200 };

static const struct hash network = {{1}};
static const uint8_t salt[JOURNAL_SALT_SIZE] = {2};

/* Frame i holds one record of the value i, its size from the input. */
static size_t make(struct rd *r, uint8_t image[IMAGE_MAX])
{
    struct journal_chain chain = journal_header(1, &network, salt, image);
    size_t used = JOURNAL_HEADER_SIZE;
    for (uint8_t i = 0; i < FRAMES; i++) {
        uint8_t value[FRAME_BYTES], body[FRAME_BYTES + 4];
        memset(value, i, sizeof value);
        struct wr w = wr_init((struct room){body, sizeof body});
        wr_bytes(&w, span_of(value, rd_u8(r) % FRAME_BYTES));
        journal_head(&chain, wr_done(&w), image + used);
        memcpy(image + used + JOURNAL_FRAME_HEAD, body, w.used);
        used += JOURNAL_FRAME_HEAD + w.used;
    }
    return used;
}

static uint32_t scan(const uint8_t *image, size_t size, struct journal_scan *s)
{
    struct span record;
    uint32_t count = 0;
    journal_scan_init(s, span_of(image, size), &network);
    while (journal_next(s, &record)) {
        for (size_t k = 0; k < record.len; k++)
            assert(record.ptr[k] == count); /* JOURNAL-1 */
        count++;
        assert(count <= FRAMES);
    }
    assert(s->good_size <= size);
    return count;
}

/* A file, then what the input does to it: cut it, and change bytes.  Whatever
 * comes out is a prefix, and a tail that may be cut leaves a clean file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t image[IMAGE_MAX];
    struct rd r = rd_init(span_of(data, size));
    size_t whole = make(&r, image);
    size_t cut = rd_u16(&r);
    size_t left = cut == 0 ? whole : cut % (whole + 1);
    bool changed = false;
    while (r.left >= 3) {
        size_t at = rd_u16(&r) % IMAGE_MAX;
        uint8_t by = rd_u8(&r);
        image[at] ^= by;
        changed = changed || (by != 0 && at < left);
    }
    struct journal_scan s, again;
    uint32_t count = scan(image, left, &s);
    assert(changed || s.verdict == JOURNAL_CLEAN || s.verdict == JOURNAL_TORN);
    assert(changed || left != whole || (count == FRAMES && s.verdict == JOURNAL_CLEAN));
    if (s.verdict != JOURNAL_TORN || s.good_size < JOURNAL_HEADER_SIZE)
        return 0;
    assert(scan(image, s.good_size, &again) == count);
    assert(again.verdict == JOURNAL_CLEAN && again.chain.link == s.chain.link);
    return 0;
}
