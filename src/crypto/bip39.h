/* bip39: mnemonic phrases of English words, and Substrate's way to a seed.
 *
 * Layer: L1.  Pure.  Phrases, entropy and seeds are secrets: the caller keeps
 * them in guarded memory (secret.h) or wipes them.  Looking a word up takes
 * time that depends on the word, which only this machine can see.
 *
 *   BIP39-1  One spelling: lower case, one space between words, 12, 15, 18, 21
 *            or 24 words, checksum correct.
 *   BIP39-2  The seed comes from the entropy, not from the phrase as in BIP39
 *            itself: PBKDF2-HMAC-SHA512 of the entropy under the salt
 *            "mnemonic" | passphrase, 2048 rounds. */
#ifndef CRYPTO_BIP39_H
#define CRYPTO_BIP39_H

#include "base/base.h"

enum {
    BIP39_WORDS_MAX = 24,
    BIP39_ENTROPY_MAX = 32,
    BIP39_PHRASE_MAX = BIP39_WORDS_MAX * 9, /* With the NUL. */
    BIP39_PASSPHRASE_MAX = 256,
    BIP39_SEED_SIZE = 64,
};

/* bip39_entropy: out.len >= BIP39_ENTROPY_MAX, asserted; *size is 16, 20, 24,
 * 28 or 32.  ERR_MALFORMED: BIP39-1 does not hold. */
enum err bip39_entropy(struct span phrase, struct room out, size_t *size);

/* bip39_phrase: words for entropy of one of the five sizes, asserted; writes a
 * NUL. */
void bip39_phrase(struct span entropy, char out[BIP39_PHRASE_MAX]);

/* bip39_substrate_seed; the first 32 bytes are the mini-secret.
 * ERR_MALFORMED: as bip39_entropy, or a passphrase over BIP39_PASSPHRASE_MAX
 * bytes or with bytes outside ASCII, which implementations normalise
 * differently. */
enum err bip39_substrate_seed(struct span phrase, struct span passphrase,
                              uint8_t out[BIP39_SEED_SIZE]);

#endif
