/* Our side of the comparison: reads one question a line, writes one answer a
 * line.  Every argument is hexadecimal, "-" being empty; an answer is
 * hexadecimal too, or "!" for a refusal.  peer.mjs asks. */
#include <stdio.h>
#include <stdlib.h>

#include "codec/hex.h"
#include "crypto/bip39.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "crypto/sr25519.h"
#include "crypto/ss58.h"
#include "crypto/twox.h"

enum { ARGUMENTS_MAX = 4, LINE_MAX_SIZE = 1 << 16, ARENA_SIZE = 1 << 17 };

struct question {
    struct arena arena;
    struct span argument[ARGUMENTS_MAX];
    size_t count;
};

static void answer(struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        printf("%02x", bytes.ptr[i]);
    puts(bytes.len == 0 ? "-" : "");
}

static void refuse(void)
{
    puts("!");
}

static void give_key(enum err e, struct sr25519_keypair *k)
{
    uint8_t both[HOTKEY_SIZE + SR25519_SECRET_SIZE];
    if (e != ERR_OK) {
        refuse();
        return;
    }
    memcpy(both, sr25519_public(k)->bytes, HOTKEY_SIZE);
    sr25519_export_canonical(k, both + HOTKEY_SIZE);
    answer(span_of(both, sizeof both));
    sr25519_close(k);
}

/* uri URI: public key | canonical secret. */
static void on_uri(const struct question *q)
{
    struct sr25519_keypair *k = NULL;
    enum err e = sr25519_from_uri(q->argument[0], &k);
    give_key(e, k);
}

static void on_canonical(const struct question *q)
{
    struct sr25519_keypair *k = NULL;
    enum err e = sr25519_from_canonical(q->argument[0], &k);
    give_key(e, k);
}

static void on_shifted(const struct question *q)
{
    struct sr25519_keypair *k = NULL;
    enum err e = sr25519_from_shifted(q->argument[0], &k);
    give_key(e, k);
}

/* soft PUBLIC PATH */
static void on_soft(const struct question *q)
{
    struct hotkey key, out;
    memcpy(key.bytes, q->argument[0].ptr, HOTKEY_SIZE);
    if (sr25519_derive_public(&key, q->argument[1], &out) != ERR_OK)
        refuse();
    else
        answer(hotkey_span(&out));
}

/* sign SEED MESSAGE ENTROPY */
static void on_sign(const struct question *q)
{
    struct sr25519_keypair *k;
    struct signature s;
    if (q->argument[2].len != SR25519_ENTROPY_SIZE ||
        sr25519_from_seed(q->argument[0], &k) != ERR_OK) {
        refuse();
        return;
    }
    sr25519_sign(k, q->argument[1], q->argument[2].ptr, &s);
    sr25519_close(k);
    answer(span_of(s.bytes, sizeof s.bytes));
}

/* verify PUBLIC MESSAGE SIGNATURE: 01 or 00; "?" when our ways to verify differ. */
static void on_verify(struct question *q)
{
    static const uint8_t entropy[SR25519_ENTROPY_SIZE] = {1};
    struct sr25519_item items[2];
    bool valid[2];
    if (q->argument[0].len != HOTKEY_SIZE || q->argument[2].len != SIGNATURE_SIZE) {
        refuse();
        return;
    }
    memcpy(items[0].key.bytes, q->argument[0].ptr, HOTKEY_SIZE);
    memcpy(items[0].signature.bytes, q->argument[2].ptr, SIGNATURE_SIZE);
    items[0].message = q->argument[1];
    items[1] = items[0];
    const struct hotkey *key = &items[0].key;
    const struct signature *s = &items[0].signature;

    struct sr25519_prepared *p = arena_alloc(&q->arena, sr25519_prepared_size());
    bool verdict = sr25519_verify(key, items[0].message, s);
    bool prepared = p != NULL && sr25519_prepare(key, p) == ERR_OK &&
                    sr25519_verify_prepared(p, items[0].message, s);
    bool batch = sr25519_verify_batch(items, 2, entropy, valid);
    bool sodium = sr25519_verify_sodium(key, items[0].message, s);
    if (prepared != verdict || batch != verdict || sodium != verdict)
        puts("?");
    else
        puts(verdict ? "01" : "00");
}

/* address PREFIX(2 bytes, big-endian) CHECKSUM-SIZE(1 byte) ACCOUNT */
static void on_address(const struct question *q)
{
    struct ss58 a = {0};
    char text[SS58_TEXT_MAX];
    if (q->argument[2].len > SS58_ACCOUNT_MAX) {
        refuse();
        return;
    }
    a.prefix = (uint16_t)(q->argument[0].ptr[0] << 8 | q->argument[0].ptr[1]);
    a.checksum_size = q->argument[1].ptr[0];
    a.account_size = (uint8_t)q->argument[2].len;
    memcpy(a.account, q->argument[2].ptr, q->argument[2].len);
    if (ss58_encode(&a, text) != ERR_OK)
        refuse();
    else
        answer(span_of(text, strlen(text)));
}

/* account TEXT: prefix (2 bytes) | account */
static void on_account(const struct question *q)
{
    struct ss58 a;
    uint8_t out[2 + SS58_ACCOUNT_MAX];
    if (ss58_decode(q->argument[0], &a) != ERR_OK) {
        refuse();
        return;
    }
    out[0] = (uint8_t)(a.prefix >> 8);
    out[1] = (uint8_t)a.prefix;
    memcpy(out + 2, a.account, a.account_size);
    answer(span_of(out, 2u + a.account_size));
}

static void on_phrase(const struct question *q)
{
    char phrase[BIP39_PHRASE_MAX];
    bip39_phrase(q->argument[0], phrase);
    answer(span_of(phrase, strlen(phrase)));
}

/* entropy PHRASE */
static void on_entropy(const struct question *q)
{
    uint8_t entropy[BIP39_ENTROPY_MAX];
    size_t size;
    if (bip39_entropy(q->argument[0], (struct room){entropy, sizeof entropy}, &size) != ERR_OK)
        refuse();
    else
        answer(span_of(entropy, size));
}

/* mini PHRASE PASSPHRASE */
static void on_mini(const struct question *q)
{
    uint8_t seed[BIP39_SEED_SIZE];
    if (bip39_substrate_seed(q->argument[0], q->argument[1], seed) != ERR_OK)
        refuse();
    else
        answer(span_of(seed, SR25519_SEED_SIZE));
}

/* hashes BYTES: twox 64, 128, 256 | BLAKE2b 128, 256 */
static void on_hashes(const struct question *q)
{
    uint8_t out[8 + 16 + 32 + 16 + 32];
    twox_64(q->argument[0], out);
    twox_128(q->argument[0], out + 8);
    twox_256(q->argument[0], out + 24);
    hash_blake2b_128(q->argument[0], out + 56);
    memcpy(out + 72, hash_blake2b(q->argument[0]).bytes, HASH_SIZE);
    answer(span_of(out, sizeof out));
}

static void ask(const char *word, struct question *q)
{
    if (strcmp(word, "verify") == 0) {
        on_verify(q);
        return;
    }
    static const struct {
        const char *word;
        void (*on)(const struct question *);
    } known[] = {
        {"uri", on_uri},         {"canonical", on_canonical}, {"shifted", on_shifted},
        {"soft", on_soft},       {"sign", on_sign},           {"address", on_address},
        {"account", on_account}, {"phrase", on_phrase},       {"entropy", on_entropy},
        {"mini", on_mini},       {"hashes", on_hashes},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(word, known[i].word) == 0) {
            known[i].on(q);
            return;
        }
    }
    fprintf(stderr, "no question '%s'\n", word);
    exit(2);
}

static bool take_argument(struct question *q, const char *text)
{
    struct span hex = span_of(text, strlen(text));
    size_t size = strcmp(text, "-") == 0 ? 0 : hex.len / 2;
    uint8_t *bytes = arena_alloc(&q->arena, size + 1);
    if (q->count == ARGUMENTS_MAX || bytes == NULL)
        return false;
    if (size != 0 && hex_decode(hex, (struct room){bytes, size}) != ERR_OK)
        return false;
    q->argument[q->count++] = span_of(bytes, size);
    return true;
}

int main(void)
{
    static char line[LINE_MAX_SIZE];
    struct question q = {0};
    if (arena_open(&q.arena, ARENA_SIZE) != ERR_OK)
        return 1;
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *rest = NULL, *word = strtok_r(line, " \n", &rest);
        arena_reset(&q.arena, 0);
        q.count = 0;
        memset(q.argument, 0, sizeof q.argument);
        for (char *a; (a = strtok_r(NULL, " \n", &rest)) != NULL;) {
            if (!take_argument(&q, a)) {
                fprintf(stderr, "bad argument of '%s'\n", word);
                return 2;
            }
        }
        if (word != NULL)
            ask(word, &q);
        fflush(stdout);
    }
    arena_close(&q.arena);
    return 0;
}
