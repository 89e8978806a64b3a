/* aead: ChaCha20-Poly1305 (RFC 8439), in place, one object per direction.
 *
 * Layer: L1.  Over libsodium for short texts and OpenSSL for long ones, where
 * its vector code is several times faster; both give the same bytes.  Opening
 * allocates once (inside OpenSSL); sealing never does. */
#ifndef CRYPTO_AEAD_H
#define CRYPTO_AEAD_H

#include "base/base.h"

enum { AEAD_KEY_SIZE = 32, AEAD_NONCE_SIZE = 12, AEAD_TAG_SIZE = 16 };

/* The fields are private. */
struct aead {
    uint8_t key[AEAD_KEY_SIZE];
    void *cipher;
};

/* aead_open copies the key.  ERR_NO_MEMORY: OpenSSL has none. */
enum err aead_open(struct aead *a, const uint8_t key[AEAD_KEY_SIZE]);
void aead_close(struct aead *a); /* Wipes; a zeroed or closed one is fine. */

/* aead_rekey: the same object under another key. */
void aead_rekey(struct aead *a, const uint8_t key[AEAD_KEY_SIZE]);

/* aead_seal encrypts text in place and writes the tag, which may follow the
 * text directly.  A nonce is used once under one key: the caller counts. */
void aead_seal(struct aead *a, const uint8_t nonce[AEAD_NONCE_SIZE], struct span ad,
               struct room text, uint8_t tag[AEAD_TAG_SIZE]);

/* aead_unseal decrypts in place.  ERR_BAD_SIGNATURE: the tag does not hold; the
 * text is then zeroed. */
enum err aead_unseal(struct aead *a, const uint8_t nonce[AEAD_NONCE_SIZE], struct span ad,
                     struct room text, const uint8_t tag[AEAD_TAG_SIZE]);

/* aead_nonce: Noise's form of a counter, four zero bytes and 64 bits
 * little-endian. */
void aead_nonce(uint64_t counter, uint8_t nonce[AEAD_NONCE_SIZE]);

#endif
