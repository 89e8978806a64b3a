/* varint: unsigned LEB128 as libp2p and protobuf use it.
 *
 * Layer: L1.  Pure.  One canonical form: the shortest; a longer spelling of the
 * same number is ERR_MALFORMED.  Lengths (uvarint) have at most 9 bytes, so 63
 * bits; protobuf numbers (varint64) at most 10 bytes, so 64 bits. */
#ifndef CODEC_VARINT_H
#define CODEC_VARINT_H

#include "codec/rd.h"
#include "codec/wr.h"

enum { UVARINT_SIZE_MAX = 9, VARINT64_SIZE_MAX = 10 };

uint64_t rd_uvarint(struct rd *r);
uint64_t rd_varint64(struct rd *r);
void wr_varint64(struct wr *w, uint64_t x);

/* The bytes that wr_varint64 writes for x. */
size_t varint_size(uint64_t x);

/* uvarint_peek looks at the front of a stream that may still be growing.
 *   *size == 0   the number is not complete yet; ask again with more bytes
 *   *size > 0    its length in bytes; *x is the number
 * ERR_MALFORMED: no further byte can make it canonical. */
enum err uvarint_peek(struct span in, uint64_t *x, size_t *size);

#endif
