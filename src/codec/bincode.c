#include "codec/bincode.h"

/* The continuation bytes that a lead byte asks for, or -1. */
static int utf8_tail(uint8_t lead)
{
    if (lead < 0x80)
        return 0;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 1;
    if (lead >= 0xe0 && lead <= 0xef)
        return 2;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 3;
    return -1;
}

bool utf8_is_valid(struct span s)
{
    size_t i = 0;
    while (i < s.len) {
        uint8_t lead = s.ptr[i++];
        int tail = utf8_tail(lead);
        if (tail < 0 || (size_t)tail > s.len - i)
            return false;
        /* The first continuation byte rules out overlong forms, surrogates and
         * what is over U+10FFFF. */
        uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        for (int k = 0; k < tail; k++, i++) {
            if (s.ptr[i] < low || s.ptr[i] > high)
                return false;
            low = 0x80;
            high = 0xbf;
        }
    }
    return true;
}

/* bincode_rd_bytes: u64 length, at most max (ERR_TOO_BIG), then the bytes. */
static struct span bincode_rd_bytes(struct rd *r, uint64_t max)
{
    uint64_t len = rd_u64(r);
    if (len > max)
        rd_fail(r, ERR_TOO_BIG);
    else if (len > r->left)
        rd_fail(r, ERR_MALFORMED);
    return r->bad == ERR_OK ? rd_take(r, len) : (struct span){0};
}

/* bincode_rd_text: the same, and UTF-8 (ERR_MALFORMED). */
static struct span bincode_rd_text(struct rd *r, uint64_t max)
{
    struct span s = bincode_rd_bytes(r, max);
    if (!utf8_is_valid(s)) {
        rd_fail(r, ERR_MALFORMED);
        return (struct span){0};
    }
    return s;
}

/* bincode_rd_option: *has and, when set, the bytes. */
static struct span bincode_rd_option(struct rd *r, uint64_t max, bool *has)
{
    *has = rd_bool(r);
    return *has ? bincode_rd_bytes(r, max) : (struct span){0};
}

static void bincode_wr_bytes(struct wr *w, struct span s)
{
    wr_u64(w, s.len);
    wr_raw(w, s);
}

static void bincode_wr_option(struct wr *w, bool has, struct span s)
{
    wr_bool(w, has);
    if (has)
        bincode_wr_bytes(w, s);
}

size_t bincode_input_size(const struct bincode_input *in)
{
    size_t size = 3 * sizeof(uint64_t) + in->agent_data.len + in->challenge_id.len + in->params.len;
    size += 1 + (in->has_task_definition ? sizeof(uint64_t) + in->task_definition.len : 0);
    size += 1 + (in->has_environment_config ? sizeof(uint64_t) + in->environment_config.len : 0);
    return size;
}

struct span bincode_input_encode(const struct bincode_input *in, struct room out)
{
    struct wr w = wr_init(out);
    bincode_wr_bytes(&w, in->agent_data);
    bincode_wr_bytes(&w, in->challenge_id);
    bincode_wr_bytes(&w, in->params);
    bincode_wr_option(&w, in->has_task_definition, in->task_definition);
    bincode_wr_option(&w, in->has_environment_config, in->environment_config);
    return wr_done(&w);
}

enum err bincode_input_decode(struct span in, struct bincode_input *out)
{
    struct rd r = rd_init(in);
    struct bincode_input x = {0};
    x.agent_data = bincode_rd_bytes(&r, in.len);
    x.challenge_id = bincode_rd_text(&r, in.len);
    x.params = bincode_rd_bytes(&r, in.len);
    x.task_definition = bincode_rd_option(&r, in.len, &x.has_task_definition);
    x.environment_config = bincode_rd_option(&r, in.len, &x.has_environment_config);
    if (r.bad != ERR_OK)
        return r.bad;
    *out = x;
    return ERR_OK;
}

enum err bincode_output_decode(struct span in, uint64_t max, struct bincode_output *out)
{
    struct rd r = rd_init(in);
    struct bincode_output x = {0};
    x.score = (int64_t)rd_u64(&r);
    x.valid = rd_bool(&r);
    x.message = bincode_rd_text(&r, max);
    x.metrics = bincode_rd_option(&r, max, &x.has_metrics);
    x.details = bincode_rd_option(&r, max, &x.has_details);
    if (r.bad != ERR_OK)
        return r.bad;
    *out = x;
    return ERR_OK;
}

struct span bincode_output_encode(const struct bincode_output *o, struct room out)
{
    struct wr w = wr_init(out);
    wr_u64(&w, (uint64_t)o->score);
    wr_bool(&w, o->valid);
    bincode_wr_bytes(&w, o->message);
    bincode_wr_option(&w, o->has_metrics, o->metrics);
    bincode_wr_option(&w, o->has_details, o->details);
    return wr_done(&w);
}
