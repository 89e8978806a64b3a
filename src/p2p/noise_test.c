#include "base/test.h"
#include "codec/hex.h"
#include "p2p/noise.h"

static void from_hex(const char *text, uint8_t *out, size_t size)
{
    assert_int_equal(hex_decode(span_of(text, strlen(text)), (struct room){out, size}), ERR_OK);
}

struct side {
    struct noise_static own;
    struct noise noise;
    struct aead send, receive;
    struct noise_channel out, in;
};

static void open_side(struct side *s, bool initiator, const char *own, const char *ephemeral,
                      struct span prologue)
{
    uint8_t secret[32], zero[32] = {0};
    *s = (struct side){0};
    from_hex(own, s->own.secret, 32);
    x25519_public(s->own.secret, s->own.public);
    from_hex(ephemeral, secret, 32);
    noise_init(&s->noise, initiator, prologue, &s->own, secret);
    assert_int_equal(aead_open(&s->send, zero), ERR_OK);
    assert_int_equal(aead_open(&s->receive, zero), ERR_OK);
    s->out = (struct noise_channel){&s->send, 0};
    s->in = (struct noise_channel){&s->receive, 0};
}

static void close_side(struct side *s)
{
    aead_close(&s->send);
    aead_close(&s->receive);
}

/* vectors/cacophony.txt of haskell-cryptography/cacophony, the one entry with
 * this name. */
static const struct {
    const char *payload, *cipher;
} messages[] = {
    {"4c756477696720766f6e204d69736573",
     "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944"
     "4c756477696720766f6e204d69736573"},
    {"4d757272617920526f746862617264",
     "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843"
     "81cbad1f276e038c48378ffce2b65285e08d6b68aaa3629a5a8639392490e5b9"
     "bd5269c2f1e4f488ed8831161f19b7815528f8982ffe09be9b5c412f8a0db50f"
     "8814c7194e83f23dbd8d162c9326ad"},
    {"462e20412e20486179656b", "c7195ffacac1307ff99046f219750fc47693e23c3cb08b89c2af808b444850a8"
                               "0ae475b9df0f169ae80a89be0865b57f58c9fea0d4ec82a286427402f113e4b6"
                               "ae769a1d95941d49b25030"},
    {"4361726c204d656e676572", "96763ed773f8e47bb3712f0e29b3060ffc956ffc146cee53d5e1df"},
    {"4a65616e2d426170746973746520536179",
     "3e40f15f6f3a46ae446b253bf8b1d9ffb6ed9b174d272328ff91a7e2e5c79c07f5"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "eb3f3515110702e047a6c9da4478b6ead94873c11c0f2d710ddb3f09fce024b3a58502ae3f"},
};

static void check_text(struct span got, const char *want)
{
    char text[256];
    hex_encode(got, text, sizeof text);
    assert_string_equal(text, want);
}

static void open_vector(struct side *a, struct side *b)
{
    open_side(a, true, "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
              "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
              SPAN_LITERAL("John Galt"));
    open_side(b, false, "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
              "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
              SPAN_LITERAL("John Galt"));
}

static void handshake_step(struct side *from, struct side *to, size_t i)
{
    uint8_t payload[64], wire[256];
    size_t size = strlen(messages[i].payload) / 2, len = 0;
    struct span read;
    from_hex(messages[i].payload, payload, size);
    assert_int_equal(noise_turn(&from->noise), NOISE_WRITE);
    assert_int_equal(noise_write(&from->noise, &from->send, span_of(payload, size),
                                 (struct room){wire, sizeof wire}, &len),
                     ERR_OK);
    check_text(span_of(wire, len), messages[i].cipher);
    assert_int_equal(noise_turn(&to->noise), NOISE_READ);
    assert_int_equal(noise_read(&to->noise, &to->send, (struct room){wire, len}, &read), ERR_OK);
    check_text(read, messages[i].payload);
}

static void transport_step(struct side *from, struct side *to, size_t i)
{
    uint8_t wire[256];
    size_t size = strlen(messages[i].payload) / 2;
    struct span read;
    from_hex(messages[i].payload, wire, size);
    assert_int_equal(noise_seal(&from->out, wire, size), ERR_OK);
    check_text(span_of(wire, size + AEAD_TAG_SIZE), messages[i].cipher);
    assert_int_equal(noise_open(&to->in, (struct room){wire, size + AEAD_TAG_SIZE}, &read), ERR_OK);
    check_text(read, messages[i].payload);
}

static void test_published_vector(void **state)
{
    (void)state;
    struct side a, b;
    open_vector(&a, &b);
    handshake_step(&a, &b, 0);
    handshake_step(&b, &a, 1);
    handshake_step(&a, &b, 2);
    assert_int_equal(noise_turn(&a.noise), NOISE_DONE);
    check_text(span_of(a.noise.hash, 32),
               "c8e5f64e846193be2a834104c2a009868d6c9f3bd3c186299888b488b2f1f58e");
    noise_split(&a.noise, &a.send, &a.receive);
    noise_split(&b.noise, &b.send, &b.receive);
    assert_memory_equal(a.noise.peer_static, b.own.public, 32);
    assert_memory_equal(b.noise.peer_static, a.own.public, 32);
    transport_step(&b, &a, 3);
    transport_step(&a, &b, 4);
    transport_step(&b, &a, 5);
    close_side(&a);
    close_side(&b);
}

/* Flip each bit of one handshake message: the reader must notice, at once or,
 * for the first message, which has no key yet, with the next one. */
static void test_every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    for (size_t broken = 0; broken < 3; broken++) {
        size_t bits = 4 * strlen(messages[broken].cipher);
        for (size_t bit = 0; bit < bits; bit += 3) {
            struct side a, b;
            open_vector(&a, &b);
            struct side *from = &a, *to = &b;
            enum err e = ERR_OK;
            for (size_t i = 0; i < 3 && e == ERR_OK; i++) {
                uint8_t wire[256];
                size_t len = 0;
                struct span read;
                e = noise_write(&from->noise, &from->send, (struct span){0},
                                (struct room){wire, sizeof wire}, &len);
                if (e == ERR_OK && i == broken && bit / 8 < len)
                    wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
                else if (i == broken)
                    wire[0] ^= 1;
                if (e == ERR_OK)
                    e = noise_read(&to->noise, &to->send, (struct room){wire, len}, &read);
                struct side *swap = from;
                from = to;
                to = swap;
            }
            assert_int_not_equal(e, ERR_OK);
            close_side(&a);
            close_side(&b);
        }
    }
}

static void test_refuses(void **state)
{
    (void)state;
    struct side a, b;
    open_vector(&a, &b);
    uint8_t wire[256] = {0};
    size_t len = 0;
    struct span read;
    assert_int_equal(noise_read(&b.noise, &b.send, (struct room){wire, 31}, &read), ERR_MALFORMED);
    assert_int_equal(noise_turn(&b.noise), NOISE_FAILED);
    close_side(&a);
    close_side(&b);

    /* A point of small order instead of an ephemeral key. */
    open_vector(&a, &b);
    assert_int_equal(noise_read(&b.noise, &b.send, (struct room){wire, 32}, &read), ERR_OK);
    assert_int_equal(
        noise_write(&b.noise, &b.send, (struct span){0}, (struct room){wire, sizeof wire}, &len),
        ERR_BAD_KEY);
    assert_int_equal(noise_turn(&b.noise), NOISE_FAILED);

    struct noise_channel c = {&a.send, UINT64_MAX};
    assert_int_equal(noise_seal(&c, wire, 8), ERR_FULL);
    assert_int_equal(noise_open(&c, (struct room){wire, 32}, &read), ERR_FULL);
    c.counter = 0;
    assert_int_equal(noise_open(&c, (struct room){wire, 15}, &read), ERR_MALFORMED);
    assert_int_equal(noise_open(&c, (struct room){wire, 32}, &read), ERR_BAD_SIGNATURE);
    close_side(&a);
    close_side(&b);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_published_vector),
        cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests_name("noise", all, NULL, NULL);
}
