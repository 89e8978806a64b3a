/* secret: bytes that must not leak: keys, seeds, phrases.
 *
 * Layer: L1.  Memory from libsodium: between guard pages, locked where the
 * system allows it, left out of core dumps, wiped when it is closed.
 *
 *   SECRET-1  The type is opaque: it cannot be copied by assignment and there
 *             is no function that prints it or puts it in a trace.
 *   SECRET-2  What was in it is gone when secret_close returns.
 *   SECRET-3  No error text and no outcome depends on the bytes.
 *
 * Reading a secret from a descriptor, a file or the environment is the caller's
 * business: it opens one, reads straight into secret_room, and never keeps the
 * bytes anywhere else. */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include "base/base.h"

enum { SECRET_SIZE_MAX = 4096 };

struct secret;

/* secret_open gives zeroed room for size bytes, 1 .. SECRET_SIZE_MAX, asserted.
 * ERR_NO_MEMORY: the system has none. */
enum err secret_open(size_t size, struct secret **out);

/* secret_close wipes; NULL is fine. */
void secret_close(struct secret *s);

/* The bytes, for as long as the secret is open. */
struct room secret_room(struct secret *s);
struct span secret_span(const struct secret *s);

/* secret_shrink: keep the first size bytes, wipe the rest; for a caller that
 * read less than it made room for.  size is 1 .. the present size. */
void secret_shrink(struct secret *s, size_t size);

/* secret_from_hex: size bytes from exactly 2 * size digits, after an optional
 * 0x; one newline at the end is let through, because files have one.  Which
 * digits there are is not visible in the timing.
 * ERR_MALFORMED: anything else. */
enum err secret_from_hex(struct span text, size_t size, struct secret **out);

/* secret_wipe clears memory in a way that the compiler may not drop. */
void secret_wipe(void *memory, size_t size);

/* secret_wipe_below clears the stack below the caller, where the functions that
 * it called have left theirs: libsodium's scalar arithmetic copies its operands
 * and does not wipe them. */
void secret_wipe_below(void);

#endif
