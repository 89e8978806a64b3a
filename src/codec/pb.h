/* pb: the protobuf wire format, only as far as libp2p needs it.
 *
 * Layer: L1.  Pure.  A decoder loops over pb_next and switches on the field's
 * number; unknown fields are skipped by doing nothing.  Groups (wire types 3
 * and 4) and unknown types are ERR_MALFORMED; numbers are shortest-form. */
#ifndef CODEC_PB_H
#define CODEC_PB_H

#include "codec/varint.h"

enum pb_type { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_field {
    uint32_t number;
    enum pb_type type;
    uint64_t value;    /* PB_VARINT, PB_FIXED64, PB_FIXED32 */
    struct span bytes; /* PB_BYTES: borrowed from the input */
};

/* pb_next: the next field, or false at the end and on trouble; rd_end tells
 * which. */
bool pb_next(struct rd *r, struct pb_field *out);

/* A field that must have this type: false, and r bad, when it has another. */
bool pb_is(struct rd *r, const struct pb_field *f, enum pb_type type);

void wr_pb_number(struct wr *w, uint32_t number, uint64_t value);
void wr_pb_bytes(struct wr *w, uint32_t number, struct span bytes);

/* wr_pb_open: the key and length of a nested message whose len bytes the caller
 * writes next. */
void wr_pb_open(struct wr *w, uint32_t number, size_t len);

/* Sizes of what the writers above write. */
size_t pb_number_size(uint32_t number, uint64_t value);
size_t pb_bytes_size(uint32_t number, size_t len);

#endif
