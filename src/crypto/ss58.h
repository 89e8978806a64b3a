/* ss58: addresses of accounts as people read and write them.
 *
 * Layer: L1.  Pure.  Untrusted text is refused unless it is the one canonical
 * spelling of its content.
 *
 *   SS58-1  Prefix 0 .. 63 takes one byte and only that; 64 .. 16383 two.  46
 *           and 47 are reserved and refused.
 *   SS58-2  An account of 32 or 33 bytes has a checksum of two bytes; one of 1
 *           byte has one, of 2 bytes one or two, of 4 bytes one to four, of 8
 *           bytes one to eight.  Other lengths do not exist.
 *   SS58-3  The checksum is the start of BLAKE2b-512("SS58PRE" | prefix |
 *           account). */
#ifndef CRYPTO_SS58_H
#define CRYPTO_SS58_H

#include "base/base.h"

enum {
    SS58_PREFIX = 42, /* Bittensor's, the generic Substrate one. */
    SS58_PREFIX_MAX = 16383,
    SS58_ACCOUNT_MAX = 33,
    SS58_TEXT_MAX = 52, /* 37 bytes in base 58 need at most 51, and a NUL. */
};

struct ss58 {
    uint16_t prefix;
    uint8_t checksum_size;
    uint8_t account_size;
    uint8_t account[SS58_ACCOUNT_MAX];
};

/* ss58_encode.  ERR_MALFORMED: a prefix or a pair of sizes that does not exist. */
enum err ss58_encode(const struct ss58 *a, char out[SS58_TEXT_MAX]);

/* ss58_decode.  ERR_MALFORMED: not base58, a length, prefix or checksum that is
 * not so. */
enum err ss58_decode(struct span text, struct ss58 *out);

/* Hotkeys: 32 bytes under our prefix.  ERR_FOREIGN: a valid address, but under
 * another prefix or of another size. */
void ss58_from_hotkey(const struct hotkey *key, char out[SS58_TEXT_MAX]);
enum err ss58_to_hotkey(struct span text, struct hotkey *out);

#endif
