/* storage: the keys under which a runtime keeps what we read.
 *
 * Layer: L2 (chain).  Pure.  Prefixes and hashers come from the metadata; the
 * arguments arrive SCALE-encoded. */
#ifndef CHAIN_STORAGE_H
#define CHAIN_STORAGE_H

#include "chain/metadata.h"

enum { STORAGE_KEY_SIZE_MAX = 256 };

struct storage_key {
    uint16_t len;
    uint8_t bytes[STORAGE_KEY_SIZE_MAX];
};

static inline struct span storage_key_span(const struct storage_key *k)
{
    return span_of(k->bytes, k->len);
}

/* storage_key: the key of pallet.entry for count arguments; fewer than the
 * entry has give the prefix that such keys share.  ERR_NOT_FOUND: no such
 * entry; ERR_UNSUPPORTED: more arguments than it has, or a hasher that is not
 * known; ERR_TOO_BIG. */
enum err storage_key(const struct metadata *m, const char *pallet, const char *entry,
                     const struct span *arguments, uint32_t count, struct storage_key *out);

/* The usual arguments. */
enum err storage_key_plain(const struct metadata *m, const char *pallet, const char *entry,
                           struct storage_key *out);
enum err storage_key_u16(const struct metadata *m, const char *pallet, const char *entry,
                         uint16_t first, struct storage_key *out);
enum err storage_key_u16_u16(const struct metadata *m, const char *pallet, const char *entry,
                             uint16_t first, uint16_t second, struct storage_key *out);
enum err storage_key_u16_account(const struct metadata *m, const char *pallet, const char *entry,
                                 uint16_t first, const struct hotkey *second,
                                 struct storage_key *out);
enum err storage_key_account(const struct metadata *m, const char *pallet, const char *entry,
                             const struct hotkey *account, struct storage_key *out);

#endif
