/* hex: hexadecimal text.
 *
 * Layer: L1.  Pure.  Lower case is written, both are read; a leading "0x" is
 * taken only where the caller strips it. */
#ifndef CODEC_HEX_H
#define CODEC_HEX_H

#include "base/base.h"

/* hex_encode writes 2 * in.len digits and a NUL; out_size > 2 * in.len,
 * asserted. */
void hex_encode(struct span in, char *out, size_t out_size);

/* hex_decode: exactly out.len bytes from text (not NUL-terminated).
 * ERR_MALFORMED: another length, or not a lower- or upper-case digit. */
enum err hex_decode(struct span text, struct room out);

/* hex_number: 1 to 16 digits, leading zeros allowed.  ERR_MALFORMED. */
enum err hex_number(struct span digits, uint64_t *out);

/* hex_strip: text without a leading "0x". */
struct span hex_strip(struct span text);

#endif
