/* sign_serve: the key process at work: requests in, guard records to disk,
 * answers out.
 *
 * Layer: L4.  Threads: one.  Frames are a u32 length (little-endian) and an
 * encoded signer_request or signer_reply (pipe.h).
 *
 *   SERVE-1  An answer is written only after the journal was flushed with the
 *            record behind it (SIGNER-1).  All requests that have arrived share
 *            one flush.
 *   SERVE-2  After a failed flush every waiting request is answered "failed" and
 *            nothing is signed any more: sign_serve returns ERR_IO. */
#ifndef OS_SIGN_SERVE_H
#define OS_SIGN_SERVE_H

#include "os/journal_file.h"
#include "signer/signer.h"

enum {
    SIGN_FRAME_MAX = 128 << 10,
    SIGN_JOURNAL_MAX = 4 << 20, /* then a new file begins with a snapshot */
};

/* sign_journal_open opens DIR/guard.* and replays it.  The journal is bound to
 * network and hotkey: another's is ERR_FOREIGN.  When there is none it begins one
 * only if may_begin, else ERR_NOT_FOUND: a guard that got lost knows nothing of
 * what was signed.  ERR_CORRUPT, ERR_IO; *why: a sentence for the operator
 * (static). */
enum err sign_journal_open(struct journal_file **out, const char *dir, const struct hash *network,
                           const struct hotkey *hotkey, struct signer *s, bool may_begin,
                           bool *is_new, const char **why);

/* sign_serve answers on a connected stream until its other end closes it: ERR_OK.
 * ERR_TOO_BIG: a frame over SIGN_FRAME_MAX; ERR_MALFORMED: the end inside one;
 * ERR_CLOSED: the other end does not read; ERR_NO_MEMORY, ERR_IO (SERVE-2). */
enum err sign_serve(int fd, struct signer *s, struct journal_file *j);

/* sign_listen makes a socket at path, mode 0600, in place of one that nobody
 * listens on any more.  ERR_CONFLICT: somebody does; ERR_TOO_BIG: the path. */
enum err sign_listen(const char *path, int *fd);

/* sign_accept waits for a connection from our own user or from root; others are
 * closed and counted in *refused. */
enum err sign_accept(int listener, int *fd, uint64_t *refused);

#endif
