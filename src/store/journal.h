/* journal: how records lie in an append-only file.
 *
 * Layer: L2, pure: bytes in, bytes out; src/os/journal_file.h does the writing.
 *
 * A file is a header and frames.  A frame holds all records of one flush, so
 * that a crash can tear only the last one: the next is written after the flush
 * of the one before has come back.
 *
 *   header  "PLTFJRNL" | format u32 | generation u64 | network 32 | salt 16 | sum u64
 *   frame   length u32 | mark u32 | sum u64 | link u64 | records: (u32 length | bytes)*
 *
 * sum is XXH64 over what else is in the header, or over the records; mark is the
 * front of one over the rest of the frame's head.  link ties a frame to all
 * before it: the first 8 bytes of a BLAKE2b-256 over the link before and the
 * records.  The seed of the frames' sums and the first link come from the salt,
 * which only this machine knows: records hold bytes that strangers chose, and a
 * piece of a torn record must not pass for a frame.
 *
 *   JOURNAL-1  What a scan yields is a prefix of what was written.
 *   JOURNAL-2  A torn tail is a last frame that was never flushed: it may be cut.
 *              A bad frame with any good frame behind it is damage: a flushed
 *              record is lost, and nobody may go on as if it were not.
 *   JOURNAL-3  A scan takes time in proportion to the file, whatever is in it. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "base/base.h"

enum {
    JOURNAL_FORMAT = 1,
    JOURNAL_SALT_SIZE = 16,
    JOURNAL_HEADER_SIZE = 76,
    JOURNAL_FRAME_HEAD = 24,
    JOURNAL_RECORD_MAX = 2 << 20,
    JOURNAL_FRAME_MAX = 64 << 20,
};

/* Where the writing of one file stands. */
struct journal_chain {
    uint64_t seed, link;
};

/* journal_header writes the header of a new file; salt is fresh from the
 * operating system. */
struct journal_chain journal_header(uint64_t generation, const struct hash *network,
                                    const uint8_t salt[JOURNAL_SALT_SIZE],
                                    uint8_t out[JOURNAL_HEADER_SIZE]);

/* journal_head fills the head of a frame for records (1 .. JOURNAL_FRAME_MAX
 * bytes, asserted), which follow what the chain stands for, and moves it on. */
void journal_head(struct journal_chain *chain, struct span records,
                  uint8_t out[JOURNAL_FRAME_HEAD]);

enum journal_verdict {
    JOURNAL_CLEAN,
    JOURNAL_TORN, /* cut the file to good_size and go on; below JOURNAL_HEADER_SIZE: begin it anew
                   */
    JOURNAL_DAMAGED, /* a flushed record is gone */
    JOURNAL_FOREIGN, /* another network, format or kind of file */
};

struct journal_scan {
    struct span image;
    size_t at, frame_end;
    uint64_t generation;
    struct journal_chain chain; /* to go on writing behind good_size */
    size_t good_size;
    enum journal_verdict verdict;
};

/* image: the whole file, borrowed for the scan. */
void journal_scan_init(struct journal_scan *s, struct span image, const struct hash *network);

/* The next record, pointing into image; false at the end: see verdict. */
bool journal_next(struct journal_scan *s, struct span *record);

#endif
