#include "crypto/bip39.h"

#include "crypto/bip39_english.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "crypto/secret.h"

/* The index of a word, or -1. */
static int find(struct span word)
{
    size_t low = 0, high = BIP39_ENGLISH_WORDS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *at = bip39_english[middle];
        int order = span_compare(word, span_of(at, strlen(at)));
        if (order == 0)
            return (int)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

/* The word at the start of *rest, which is cut behind the space. */
static struct span take_word(struct span *rest)
{
    const uint8_t *space = memchr(rest->ptr, ' ', rest->len);
    size_t size = space == NULL ? rest->len : (size_t)(space - rest->ptr);
    struct span word = span_of(rest->ptr, size);
    size_t skip = space == NULL ? size : size + 1;
    *rest = span_of(rest->ptr + skip, rest->len - skip);
    return word;
}

/* Writes the eleven bits of every word to bits, the highest first. */
static bool words_to_bits(struct span phrase, uint8_t bits[33], size_t *words)
{
    size_t count = 0;
    if (phrase.len == 0 || phrase.ptr[phrase.len - 1] == ' ')
        return false;
    memset(bits, 0, 33);
    while (phrase.len != 0) {
        int index = find(take_word(&phrase));
        if (index < 0 || count == BIP39_WORDS_MAX)
            return false;
        for (size_t i = 0; i < 11; i++) {
            size_t bit = 11 * count + i;
            bits[bit / 8] |= (uint8_t)((index >> (10 - i) & 1) << (7 - bit % 8));
        }
        count++;
    }
    *words = count;
    return count >= 12 && count % 3 == 0;
}

enum err bip39_entropy(struct span phrase, struct room out, size_t *size)
{
    assert(out.len >= BIP39_ENTROPY_MAX);
    uint8_t bits[33];
    size_t words = 0;
    enum err e = ERR_MALFORMED;
    if (phrase.len < BIP39_PHRASE_MAX && words_to_bits(phrase, bits, &words)) {
        size_t bytes = words / 3 * 4;
        struct hash sum = hash_sha256(span_of(bits, bytes));
        uint8_t mask = (uint8_t)(0xff00 >> (words / 3));
        if (((sum.bytes[0] ^ bits[bytes]) & mask) == 0) {
            memcpy(out.ptr, bits, bytes);
            *size = bytes;
            e = ERR_OK;
        }
        secret_wipe(&sum, sizeof sum);
    }
    secret_wipe(bits, sizeof bits);
    return e;
}

void bip39_phrase(struct span entropy, char out[BIP39_PHRASE_MAX])
{
    assert(entropy.len >= 16 && entropy.len <= BIP39_ENTROPY_MAX && entropy.len % 4 == 0);
    uint8_t bits[33] = {0};
    struct hash sum = hash_sha256(entropy);
    memcpy(bits, entropy.ptr, entropy.len);
    bits[entropy.len] = sum.bytes[0];

    size_t words = entropy.len / 4 * 3, at = 0;
    for (size_t word = 0; word < words; word++) {
        uint32_t index = 0;
        for (size_t bit = 11 * word; bit < 11 * word + 11; bit++)
            index = index << 1 | (bits[bit / 8] >> (7 - bit % 8) & 1u);
        size_t size = strlen(bip39_english[index]);
        memcpy(out + at, bip39_english[index], size);
        at += size;
        out[at++] = ' ';
    }
    out[at - 1] = '\0';
    secret_wipe(bits, sizeof bits);
    secret_wipe(&sum, sizeof sum);
}

enum err bip39_substrate_seed(struct span phrase, struct span passphrase,
                              uint8_t out[BIP39_SEED_SIZE])
{
    uint8_t entropy[BIP39_ENTROPY_MAX], salt[8 + BIP39_PASSPHRASE_MAX] = "mnemonic";
    size_t size = 0;
    if (passphrase.len > BIP39_PASSPHRASE_MAX)
        return ERR_MALFORMED;
    for (size_t i = 0; i < passphrase.len; i++)
        if (passphrase.ptr[i] > 0x7e || passphrase.ptr[i] < 0x20)
            return ERR_MALFORMED;
    enum err e = bip39_entropy(phrase, (struct room){entropy, sizeof entropy}, &size);
    if (e != ERR_OK)
        return e;
    if (passphrase.len != 0)
        memcpy(salt + 8, passphrase.ptr, passphrase.len);
    hmac_pbkdf2_sha512(span_of(entropy, size), span_of(salt, 8 + passphrase.len), 2048,
                       (struct room){out, BIP39_SEED_SIZE});
    secret_wipe(entropy, sizeof entropy);
    secret_wipe(salt, sizeof salt);
    return ERR_OK;
}
