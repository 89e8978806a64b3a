/* metadata: what a Substrate runtime says about itself: which number a pallet,
 * a call, an error or an event has, how storage keys are hashed, which
 * extensions an extrinsic carries, and the shape of every type.
 *
 * Layer: L2 (chain).  Pure.  The bytes come from the endpoint and are hostile.
 *
 *   MD-1  Tables take memory from the arena in proportion to the bytes that
 *         describe them; spans point into the given bytes, which are kept.
 *   MD-2  metadata_parse follows no reference between types, and metadata_skip
 *         follows at most METADATA_DEPTH_MAX deep and METADATA_STEPS_MAX long,
 *         so no metadata makes either of them run away.
 *
 * Format versions 14 (what state_getMetadata answers) and 16.  A name is looked
 * up by walking the type's description: callers ask once and keep the number. */
#ifndef CHAIN_METADATA_H
#define CHAIN_METADATA_H

#include "base/arena.h"
#include "codec/scale.h"

enum {
    METADATA_SIZE_MAX = 4 << 20,
    METADATA_TYPES_MAX = 1 << 14,
    METADATA_PALLETS_MAX = 256,
    METADATA_ENTRIES_MAX = 1 << 12, /* storage entries of one pallet */
    METADATA_EXTENSIONS_MAX = 32,
    METADATA_HASHERS_MAX = 8,
    METADATA_DEPTH_MAX = 64,
    METADATA_STEPS_MAX = 1 << 20,
};

#define METADATA_NO_TYPE UINT32_MAX

struct metadata_type {
    uint8_t kind;
    struct span body; /* the definition behind its kind byte */
};

struct metadata_entry {
    struct span name;
    bool optional;
    uint8_t hasher_count;
    uint8_t hashers[METADATA_HASHERS_MAX];
    uint32_t value_type;
    struct span default_value;
};

struct metadata_pallet {
    struct span name, prefix;
    uint8_t index;
    uint32_t call_type, event_type, error_type; /* or METADATA_NO_TYPE */
    uint32_t entry_count;
    struct metadata_entry *entries;
};

struct metadata_extension {
    struct span name;
    uint32_t extra_type, implicit_type;
};

struct metadata {
    uint8_t version;
    uint32_t type_count, pallet_count, extension_count;
    struct metadata_type *types;
    struct metadata_pallet *pallets;
    struct metadata_extension extensions[METADATA_EXTENSIONS_MAX];
};

/* A variant of an enum type: its number and the fields behind it. */
struct metadata_variant {
    struct span name;
    uint8_t index;
    uint32_t field_count;
    struct rd fields; /* at the first field's description */
};

/* metadata_parse: bytes are kept as long as *out is used.  ERR_MALFORMED;
 * ERR_TOO_BIG: a limit above; ERR_UNSUPPORTED: another format version;
 * ERR_NO_MEMORY: the arena, which is then as before. */
enum err metadata_parse(struct span bytes, struct arena *arena, struct metadata *out);

/* NULL: it has none of that name. */
const struct metadata_pallet *metadata_pallet(const struct metadata *m, const char *name);
const struct metadata_pallet *metadata_pallet_at(const struct metadata *m, uint8_t index);
const struct metadata_entry *metadata_entry(const struct metadata *m, const char *pallet,
                                            const char *entry);

/* ERR_NOT_FOUND: type is not an enum that has it.  type may be
 * METADATA_NO_TYPE. */
enum err metadata_variant(const struct metadata *m, uint32_t type, const char *name,
                          struct metadata_variant *out);
enum err metadata_variant_at(const struct metadata *m, uint32_t type, uint8_t index,
                             struct metadata_variant *out);

/* metadata_field: the type of the index-th field of a variant. */
enum err metadata_field(const struct metadata_variant *v, uint32_t index, uint32_t *type);

/* metadata_call: the two numbers that a call begins with. */
enum err metadata_call(const struct metadata *m, const char *pallet, const char *call,
                       uint8_t numbers[2]);

/* metadata_error: the name of a dispatch error of a module. */
enum err metadata_error(const struct metadata *m, uint8_t pallet, uint8_t error, struct span *name);

/* metadata_skip moves r over one value of type; r is bad afterwards when the
 * bytes do not hold one (ERR_MALFORMED) or a limit was met (ERR_TOO_BIG). */
void metadata_skip(const struct metadata *m, uint32_t type, struct rd *r);

/* metadata_is_empty: values of type have no bytes at all. */
bool metadata_is_empty(const struct metadata *m, uint32_t type);

#endif
