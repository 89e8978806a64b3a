#include "store/journal.h"

#include "base/prng.h"
#include "base/test.h"
#include "codec/wr.h"

enum { FRAMES = 6, IMAGE_MAX = 4096 };

static const struct hash network = {{1, 2, 3}};
static const uint8_t salt[JOURNAL_SALT_SIZE] = {4, 5, 6};

struct image {
    uint8_t bytes[IMAGE_MAX];
    size_t size;
    size_t ends[FRAMES + 1]; /* of the header and of each frame */
};

/* FRAMES frames; frame i has i + 1 records of i bytes each with the value i. */
static void make(struct image *m)
{
    struct journal_chain chain = journal_header(7, &network, salt, m->bytes);
    m->size = m->ends[0] = JOURNAL_HEADER_SIZE;
    for (uint8_t i = 0; i < FRAMES; i++) {
        uint8_t body[512], value[FRAMES];
        memset(value, i, sizeof value);
        struct wr w = wr_init((struct room){body, sizeof body});
        for (uint8_t k = 0; k <= i; k++)
            wr_bytes(&w, span_of(value, i));
        journal_head(&chain, wr_done(&w), m->bytes + m->size);
        memcpy(m->bytes + m->size + JOURNAL_FRAME_HEAD, body, w.used);
        m->size += JOURNAL_FRAME_HEAD + w.used;
        m->ends[i + 1] = m->size;
    }
}

/* Reads all; checks that what came is a prefix; returns the verdict. */
static enum journal_verdict scan(const struct image *m, size_t size, uint32_t *records)
{
    struct journal_scan s;
    struct span record;
    uint32_t frame = 0, k = 0;
    *records = 0;
    journal_scan_init(&s, span_of(m->bytes, size), &network);
    while (journal_next(&s, &record)) {
        assert_int_equal(record.len, frame);
        for (size_t i = 0; i < record.len; i++)
            assert_int_equal(record.ptr[i], frame);
        (*records)++;
        if (++k == frame + 1) {
            assert_int_equal(s.good_size, m->ends[frame + 1]);
            frame++;
            k = 0;
        }
    }
    assert_int_equal(k, 0); /* A frame is all or nothing. */
    return s.verdict;
}

static void test_clean_and_every_torn_length(void **state)
{
    (void)state;
    struct image m;
    uint32_t records;
    make(&m);
    for (size_t size = 0; size <= m.size; size++) {
        bool at_end = false;
        for (int i = 0; i <= FRAMES; i++)
            at_end |= size == m.ends[i];
        assert_int_equal(scan(&m, size, &records), at_end ? JOURNAL_CLEAN : JOURNAL_TORN);
    }
    assert_int_equal(records, FRAMES * (FRAMES + 1) / 2);
}

/* A flipped bit in the last frame reads as torn, anywhere before as damage. */
static void test_every_flipped_bit(void **state)
{
    (void)state;
    struct image m;
    uint32_t records;
    make(&m);
    for (size_t bit = 0; bit < m.size * 8; bit++) {
        m.bytes[bit / 8] ^= (uint8_t)(1 << (bit % 8));
        enum journal_verdict v = scan(&m, m.size, &records);
        if (bit / 8 < 8)
            assert_int_equal(v, JOURNAL_FOREIGN);
        else if (bit / 8 < JOURNAL_HEADER_SIZE)
            assert_int_equal(v, JOURNAL_DAMAGED);
        else if (bit / 8 < m.ends[FRAMES - 1])
            assert_int_equal(v, JOURNAL_DAMAGED);
        else
            assert_int_equal(v, JOURNAL_TORN);
        m.bytes[bit / 8] ^= (uint8_t)(1 << (bit % 8));
    }
}

static void test_a_missing_or_moved_frame_is_damage(void **state)
{
    (void)state;
    struct image m, cut;
    uint32_t records;
    make(&m);
    cut = m;
    size_t from = m.ends[2], to = m.ends[3];
    memmove(cut.bytes + from, m.bytes + to, m.size - to);
    assert_int_equal(scan(&cut, m.size - (to - from), &records), JOURNAL_DAMAGED);
    assert_int_equal(records, 3);
}

static void test_zeros_behind_the_end_are_a_torn_tail(void **state)
{
    (void)state;
    struct image m = {0};
    uint32_t records;
    make(&m);
    assert_int_equal(scan(&m, m.size + 1000, &records), JOURNAL_TORN);
    assert_int_equal(records, FRAMES * (FRAMES + 1) / 2);
}

static void test_another_network_is_foreign(void **state)
{
    (void)state;
    struct image m;
    struct journal_scan s;
    struct span record;
    struct hash other = {{9}};
    make(&m);
    journal_scan_init(&s, span_of(m.bytes, m.size), &other);
    assert_false(journal_next(&s, &record));
    assert_int_equal(s.verdict, JOURNAL_FOREIGN);
}

/* A file that was made, but whose header never reached the disk. */
static void test_a_file_of_zeros_is_begun_anew(void **state)
{
    (void)state;
    struct image m = {0};
    uint32_t records;
    assert_int_equal(scan(&m, JOURNAL_HEADER_SIZE, &records), JOURNAL_TORN);
    assert_int_equal(records, 0);
}

/* Two frames, the second torn, with a whole frame of another file (which is what
 * a stranger can make) among the bytes of its record. */
static enum journal_verdict with_forged_frame(const uint8_t its_salt[JOURNAL_SALT_SIZE])
{
    static struct image m;
    uint8_t header[JOURNAL_HEADER_SIZE], body[256], forged[256];
    struct journal_chain theirs = journal_header(7, &network, its_salt, header);
    struct wr f = wr_init((struct room){forged + JOURNAL_FRAME_HEAD, 64});
    wr_bytes(&f, SPAN_LITERAL("forged"));
    journal_head(&theirs, wr_done(&f), forged);
    make(&m);
    struct journal_scan s;
    struct span record;
    journal_scan_init(&s, span_of(m.bytes, m.size), &network);
    while (journal_next(&s, &record))
        continue;
    struct wr w = wr_init((struct room){body, sizeof body});
    wr_bytes(&w, span_of(forged, JOURNAL_FRAME_HEAD + f.used));
    wr_bytes(&w, SPAN_LITERAL("the end that was torn off"));
    journal_head(&s.chain, wr_done(&w), m.bytes + m.size);
    memcpy(m.bytes + m.size + JOURNAL_FRAME_HEAD, body, w.used);
    uint32_t records;
    return scan(&m, m.size + JOURNAL_FRAME_HEAD + w.used - 1, &records);
}

static void test_a_record_cannot_pose_as_a_frame(void **state)
{
    (void)state;
    static const uint8_t guess[JOURNAL_SALT_SIZE] = {0};
    assert_int_equal(with_forged_frame(guess), JOURNAL_TORN);
    assert_int_equal(with_forged_frame(salt), JOURNAL_DAMAGED); /* why the salt is needed */
}

/* A tail in which every offset looks like the head of a long frame: 4 MiB that
 * would take minutes if each were summed up. */
static void test_a_hostile_tail_is_judged_quickly(void **state)
{
    (void)state;
    struct image m;
    enum { TAIL = 4 << 20 };
    make(&m);
    uint8_t *bytes = malloc(m.size + TAIL);
    assert_non_null(bytes);
    memcpy(bytes, m.bytes, m.size);
    for (size_t i = 0; i < TAIL; i++)
        bytes[m.size + i] = i % 4 == 2 ? 0x40 : 0;
    struct journal_scan s;
    struct span record;
    journal_scan_init(&s, span_of(bytes, m.size + TAIL), &network);
    while (journal_next(&s, &record))
        continue;
    assert_int_equal(s.verdict, JOURNAL_TORN);
    assert_int_equal(s.good_size, m.size);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_clean_and_every_torn_length),
        cmocka_unit_test(test_every_flipped_bit),
        cmocka_unit_test(test_a_missing_or_moved_frame_is_damage),
        cmocka_unit_test(test_zeros_behind_the_end_are_a_torn_tail),
        cmocka_unit_test(test_another_network_is_foreign),
        cmocka_unit_test(test_a_file_of_zeros_is_begun_anew),
        cmocka_unit_test(test_a_record_cannot_pose_as_a_frame),
        cmocka_unit_test(test_a_hostile_tail_is_judged_quickly),
    };
    return cmocka_run_group_tests_name("journal", all, NULL, NULL);
}
