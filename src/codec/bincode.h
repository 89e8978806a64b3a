/* bincode: the serialisation that challenge modules speak (bincode 1.3, default
 * options): little-endian fixed-width integers, u64 lengths, one byte for bool
 * and for the tag of an Option.
 *
 * Layer: L1.  Pure.  Readers extend rd, writers extend wr, and their rules hold.
 *
 *   BINCODE-1  A length is compared with its limit and with the bytes left
 *              before anything is taken.
 *   BINCODE-2  A bool or Option tag other than 0 or 1, and text that is not
 *              UTF-8, make the reader bad, as they do in the reference.
 *
 * Trailing bytes after a value are allowed here, as the reference allows them:
 * they are part of the output that is hashed, so two validators that differ in
 * them differ. */
#ifndef CODEC_BINCODE_H
#define CODEC_BINCODE_H

#include "codec/rd.h"
#include "codec/wr.h"

/* What the host gives to evaluate and validate. */
struct bincode_input {
    struct span agent_data;
    struct span challenge_id; /* UTF-8 */
    struct span params;
    bool has_task_definition;
    struct span task_definition;
    bool has_environment_config;
    struct span environment_config;
};

/* What evaluate gives back; the spans borrow from the decoded bytes. */
struct bincode_output {
    int64_t score;
    bool valid;
    struct span message; /* UTF-8 */
    bool has_metrics;
    struct span metrics;
    bool has_details;
    struct span details;
};

/* bincode_input_size: the exact size of the encoding. */
size_t bincode_input_size(const struct bincode_input *in);

/* bincode_input_encode: {NULL, 0} when it does not fit. */
struct span bincode_input_encode(const struct bincode_input *in, struct room out);

/* bincode_input_decode: the reader's side, for tests and tools. */
enum err bincode_input_decode(struct span in, struct bincode_input *out);

/* bincode_output_decode: no field is larger than max.  ERR_MALFORMED or
 * ERR_TOO_BIG leave *out alone. */
enum err bincode_output_decode(struct span in, uint64_t max, struct bincode_output *out);

/* bincode_output_encode: the guest's side, for tests.  {NULL, 0}: no room. */
struct span bincode_output_encode(const struct bincode_output *o, struct room out);

/* utf8_is_valid: no overlong form, no surrogate, nothing over U+10FFFF. */
bool utf8_is_valid(struct span s);

#endif
