#include "crypto/merlin.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "lanes are read as bytes");

enum { RATE = 166 };

enum flag {
    FLAG_AD = 0x02,
    FLAG_KEY = 0x06,
    FLAG_PRF = 0x07,
    FLAG_META = 0x12,
};

static void run_f(struct merlin *t)
{
    t->bytes[t->at] ^= t->begun;
    t->bytes[t->at + 1] ^= 0x04;
    t->bytes[RATE + 1] ^= 0x80;
    keccak_f1600(t->lanes);
    t->at = 0;
    t->begun = 0;
}

static void step(struct merlin *t)
{
    t->at++;
    if (t->at == RATE)
        run_f(t);
}

static void absorb(struct merlin *t, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        t->bytes[t->at] ^= s.ptr[i];
        step(t);
    }
}

static void overwrite(struct merlin *t, struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        t->bytes[t->at] = s.ptr[i];
        step(t);
    }
}

static void squeeze(struct merlin *t, struct room out)
{
    for (size_t i = 0; i < out.len; i++) {
        out.ptr[i] = t->bytes[t->at];
        t->bytes[t->at] = 0;
        step(t);
    }
}

/* begin starts one STROBE operation.  KEY and PRF start on a fresh block. */
static void begin(struct merlin *t, enum flag flag)
{
    uint8_t head[2] = {t->begun, (uint8_t)flag};
    t->begun = (uint8_t)(t->at + 1);
    absorb(t, span_of(head, 2));
    if ((flag & 0x24) != 0 && t->at != 0)
        run_f(t);
}

/* The label and the length of what follows are one operation. */
static void announce(struct merlin *t, const char *label, size_t size)
{
    assert(size <= UINT32_MAX);
    uint8_t le[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                     (uint8_t)(size >> 24)};
    begin(t, FLAG_META);
    absorb(t, span_of(label, strlen(label)));
    absorb(t, span_of(le, 4));
}

void merlin_append(struct merlin *t, const char *label, struct span message)
{
    announce(t, label, message.len);
    begin(t, FLAG_AD);
    absorb(t, message);
}

void merlin_init(struct merlin *t, const char *name)
{
    static const uint8_t start[] = "\x01\xa8\x01\x00\x01\x60STROBEv1.0.2";
    *t = (struct merlin){0};
    memcpy(t->bytes, start, sizeof start - 1);
    keccak_f1600(t->lanes);
    begin(t, FLAG_META);
    absorb(t, SPAN_LITERAL("Merlin v1.0"));
    merlin_append(t, "dom-sep", span_of(name, strlen(name)));
}

void merlin_challenge(struct merlin *t, const char *label, struct room out)
{
    announce(t, label, out.len);
    begin(t, FLAG_PRF);
    squeeze(t, out);
}

void merlin_key(struct merlin *t, const char *label, struct span secret)
{
    announce(t, label, secret.len);
    begin(t, FLAG_KEY);
    overwrite(t, secret);
}

void merlin_rng(struct merlin *t, const uint8_t entropy[32])
{
    begin(t, FLAG_META);
    absorb(t, SPAN_LITERAL("rng"));
    begin(t, FLAG_KEY);
    overwrite(t, span_of(entropy, 32));
}

void merlin_draw(struct merlin *t, struct room out)
{
    announce(t, "", out.len);
    begin(t, FLAG_PRF);
    squeeze(t, out);
}
