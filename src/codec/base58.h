/* base58: Bitcoin's alphabet, as peer ids (and SS58) print.
 *
 * Layer: L1.  Pure.  One text per byte string and one byte string per text. */
#ifndef CODEC_BASE58_H
#define CODEC_BASE58_H

#include "base/base.h"

enum { BASE58_BYTES_MAX = 128, BASE58_TEXT_MAX = 178 }; /* with the NUL */

/* base58_encode: in has at most BASE58_BYTES_MAX bytes; out_size is enough for
 * the text and its NUL (BASE58_TEXT_MAX always is); both asserted. */
void base58_encode(struct span in, char *out, size_t out_size);

/* base58_decode: *len bytes into out.  ERR_MALFORMED: another letter;
 * ERR_TOO_BIG: more than out (or BASE58_BYTES_MAX) holds. */
enum err base58_decode(struct span text, struct room out, size_t *len);

#endif
