/* bip39_english: the 2,048 words, sorted.
 *
 * Layer: L1, inside the folder. */
#ifndef CRYPTO_BIP39_ENGLISH_H
#define CRYPTO_BIP39_ENGLISH_H

enum { BIP39_ENGLISH_WORDS = 2048, BIP39_ENGLISH_SLOT = 9 };

extern const char bip39_english[BIP39_ENGLISH_WORDS][BIP39_ENGLISH_SLOT];

#endif
