/* key_source: where a secret comes from, and how it gets into guarded memory
 * without standing anywhere else.
 *
 * Layer: L4. */
#ifndef OS_KEY_SOURCE_H
#define OS_KEY_SOURCE_H

#include "crypto/secret.h"

enum key_source {
    KEY_FROM_FILE,        /* where: a path; only its owner may read it */
    KEY_FROM_FD,          /* where: a number; read to its end and closed */
    KEY_FROM_CREDENTIAL,  /* where: a name under $CREDENTIALS_DIRECTORY */
    KEY_FROM_ENVIRONMENT, /* where: a variable's name; wiped there afterwards */
};

/* key_source_read: all bytes, 1 .. SECRET_SIZE_MAX.  *why: a sentence for the
 * operator (static), without a word of the secret.
 * ERR_NOT_FOUND; ERR_DENIED: others may read the file; ERR_TOO_BIG;
 * ERR_MALFORMED: where is not of its kind, or nothing is there; ERR_IO. */
enum err key_source_read(enum key_source source, const char *where, struct secret **out,
                         const char **why);

#endif
