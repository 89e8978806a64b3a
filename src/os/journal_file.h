/* journal_file: the journal of src/store/journal.h on a disk.
 *
 * Layer: L4.  Threads: the caller's.  Files are DIR/NAME.000001 and so on; the
 * newest is written, older ones are kept until journal_file_drop_old.
 *
 *   JF-1  When journal_file_flush returned ERR_OK every record appended before is
 *         durable.  After an error nothing may be written any more: a failed
 *         flush is never tried again, for nobody knows what reached the disk.
 *   JF-2  Opening yields every flushed record or refuses; a torn tail, which was
 *         never flushed, is cut.  So are the zeros that lie ahead of the newest
 *         file's end, where the next frames will stand. */
#ifndef OS_JOURNAL_FILE_H
#define OS_JOURNAL_FILE_H

#include "store/journal.h"

struct journal_file;

/* on_record: each record, oldest first, borrowed.  *is_new: there was no file.
 * ERR_CORRUPT, ERR_FOREIGN or ERR_IO with *why: a sentence for the operator
 * (static). */
enum err journal_file_open(struct journal_file **out, const char *dir, const char *name,
                           const struct hash *network,
                           void (*on_record)(void *ctx, struct span record), void *ctx,
                           bool *is_new, const char **why);

/* The generation of its newest file; 0: there is none. */
uint64_t journal_file_newest(const char *dir, const char *name);

/* Buffers a record of 1 .. JOURNAL_RECORD_MAX bytes.  ERR_NO_MEMORY. */
enum err journal_file_append(struct journal_file *j, struct span record);
enum err journal_file_flush(struct journal_file *j);

/* Begins a new file behind what was flushed. */
enum err journal_file_rotate(struct journal_file *j);
void journal_file_drop_old(struct journal_file *j);

uint64_t journal_file_size(const struct journal_file *j);
void journal_file_close(struct journal_file *j); /* NULL is fine. */

#endif
