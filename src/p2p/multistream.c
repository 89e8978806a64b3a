#include "p2p/multistream.h"

#include "codec/varint.h"

static const struct span header = {(const uint8_t *)"/multistream/1.0.0", 18};
static const struct span declined = {(const uint8_t *)"na", 2};

static void write_token(struct wr *out, struct span name)
{
    assert(name.len < MULTISTREAM_TOKEN_MAX);
    wr_varint64(out, name.len + 1);
    wr_raw(out, name);
    wr_u8(out, '\n');
}

struct multistream multistream_dial(const struct span *protocols, uint8_t count, struct wr *out)
{
    assert(count > 0);
    write_token(out, header);
    write_token(out, protocols[0]);
    return (struct multistream){.protocols = protocols, .count = count, .dialer = true};
}

struct multistream multistream_listen(const struct span *protocols, uint8_t count)
{
    return (struct multistream){.protocols = protocols, .count = count};
}

/* The token at the front of in: its text, and *size with length and newline, 0
 * while it is incomplete. */
static enum err read_token(struct span in, struct span *text, size_t *size)
{
    uint64_t len;
    size_t prefix;
    enum err e = uvarint_peek(in, &len, &prefix);
    *size = 0;
    if (e != ERR_OK || prefix == 0)
        return e;
    if (len == 0 || len > MULTISTREAM_TOKEN_MAX)
        return ERR_TOO_BIG;
    if (in.len - prefix < len)
        return ERR_OK;
    *text = span_of(in.ptr + prefix, (size_t)len - 1);
    *size = prefix + (size_t)len;
    return in.ptr[*size - 1] == '\n' ? ERR_OK : ERR_MALFORMED;
}

static enum multistream_result on_proposal(struct multistream *m, struct span name, struct wr *out)
{
    for (uint8_t i = 0; i < m->count; i++) {
        if (!span_equal(m->protocols[i], name))
            continue;
        m->choice = i;
        write_token(out, name);
        return MULTISTREAM_AGREED;
    }
    if (++m->refusals > MULTISTREAM_REFUSALS_MAX)
        return MULTISTREAM_BROKEN;
    write_token(out, declined);
    return MULTISTREAM_MORE;
}

static enum multistream_result on_answer(struct multistream *m, struct span name, struct wr *out)
{
    if (span_equal(name, m->protocols[m->choice]))
        return MULTISTREAM_AGREED;
    if (!span_equal(name, declined))
        return MULTISTREAM_BROKEN;
    if (m->choice + 1 == m->count)
        return MULTISTREAM_NONE;
    m->choice++;
    write_token(out, m->protocols[m->choice]);
    return MULTISTREAM_MORE;
}

static enum multistream_result on_header(struct multistream *m, struct span name, struct wr *out)
{
    if (!span_equal(name, header))
        return MULTISTREAM_BROKEN;
    m->header_seen = true;
    if (!m->dialer)
        write_token(out, header);
    return MULTISTREAM_MORE;
}

enum multistream_result multistream_step(struct multistream *m, struct span in, size_t *used,
                                         struct wr *out)
{
    enum multistream_result result = MULTISTREAM_MORE;
    *used = 0;
    while (result == MULTISTREAM_MORE) {
        struct span name;
        size_t size;
        if (read_token(span_of(in.ptr + *used, in.len - *used), &name, &size) != ERR_OK)
            return MULTISTREAM_BROKEN;
        if (size == 0)
            return MULTISTREAM_MORE;
        *used += size;
        if (!m->header_seen)
            result = on_header(m, name, out);
        else
            result = m->dialer ? on_answer(m, name, out) : on_proposal(m, name, out);
    }
    assert(!out->full);
    return result;
}
